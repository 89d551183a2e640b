"""The rules that read a protocol and say what is missing, contradictory, risky or proposed."""
