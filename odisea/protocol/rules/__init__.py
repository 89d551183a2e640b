"""The rules that read a protocol and say what is missing, contradictory or proposed."""

from odisea.protocol.rules.finding import Finding, as_json
from odisea.protocol.rules.schema_level import count_gaps, findings

__all__ = ["Finding", "as_json", "count_gaps", "findings"]
