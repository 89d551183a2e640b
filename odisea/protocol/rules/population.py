"""Rules on population (POP)."""
