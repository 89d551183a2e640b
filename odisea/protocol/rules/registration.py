"""Rules on registration (REG)."""
