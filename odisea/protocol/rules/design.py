"""Rules on design (DES)."""
