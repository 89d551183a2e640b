"""Rules on sample size (SS)."""
