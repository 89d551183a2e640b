"""Rules on outcomes (OUT)."""
