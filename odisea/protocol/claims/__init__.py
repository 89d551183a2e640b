"""The claim auditor: what a sample-size statement implies, where it may come from, what in it cannot be true.

Specification: docs/statistics/claims.md.
"""

from odisea.protocol.claims.audit import Audit, as_json, audit
from odisea.protocol.claims.claim import Claim, claim_of

__all__ = ["Audit", "Claim", "as_json", "audit", "claim_of"]
