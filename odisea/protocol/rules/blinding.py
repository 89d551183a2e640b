"""Rules on blinding (BLD)."""
