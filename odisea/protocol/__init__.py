"""What the trial is: reads `protocol/` (facts, analysis plans, instruments, the export dictionary) and finds what is missing."""
