"""A loaded protocol in the forms of other systems: CDISC USDM JSON with its statistics beside it, and a REDCap data dictionary."""
