"""Rules on schedule (SCH)."""
