"""ODISEA."""
