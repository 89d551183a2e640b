"""Rules on estimands (EST)."""
