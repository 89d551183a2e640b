"""Rules on analysis (SAP)."""
