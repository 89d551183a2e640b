"""Rules on ethics (ETH)."""
