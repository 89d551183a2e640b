"""Rules on harms (HRM)."""

from collections.abc import Iterator

from odisea.protocol.rules.rule import Case, Hit, gap, rule


@rule("HRM-01", "question", "gap", refs=("SPIRIT:17", "CONSORT:15"), reads=("/harms/definition",))
def definition(case: Case) -> Iterator[Hit]:
    """Harms are not defined."""
    yield from gap(case.protocol.harms.definition, "/harms/definition")
