"""Rules on interventions (INT)."""
