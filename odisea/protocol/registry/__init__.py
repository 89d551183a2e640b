"""The registry record of a trial (ClinicalTrials.gov, API v2): read it, start a protocol from it, compare a protocol with it."""
