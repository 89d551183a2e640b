"""The rule catalogue as a list: for `odisea rules`, and with each rule's outcome as `rules.json`."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from odisea.protocol.rules.evaluate import Evaluation, Outcome
from odisea.protocol.rules.rule import Rule
from odisea.protocol.rules.standards import cite
from odisea.protocol.rules.texts import FIELDS, LANGUAGES, read_texts


def catalogue(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Return every rule with its texts as they stand (placeholders unfilled), its references and what it reads."""
    return [describe(each) for each in rules]


def describe(rule: Rule) -> dict[str, Any]:
    """Return one rule of the catalogue as plain data."""
    texts = {language: read_texts(language)[rule.id] for language in LANGUAGES}
    return {
        "rule_id": rule.id,
        "domain": rule.domain,
        "severity": rule.severity,
        "kind": rule.kind,
        **{field: {language: " ".join(texts[language].get(field, "").split()) for language in LANGUAGES} for field in FIELDS},
        "references": [{language: cite(reference, language) for language in LANGUAGES} for reference in rule.references],
        "reads": list(rule.reads),
        "needs": list(rule.needs),
    }


def with_outcomes(evaluation: Evaluation) -> dict[str, Any]:
    """Return the content of `rules.json`: the whole catalogue, each rule with what became of it."""
    findings = Counter((finding.rule_id, finding.waiver is not None) for finding in evaluation.findings)
    rows = [_row(each, findings[each.rule.id, False], findings[each.rule.id, True]) for each in evaluation.outcomes]
    return {"summary": dict(Counter(each.state for each in evaluation.outcomes)), "rules": rows}


def _row(outcome: Outcome, findings: int, waived: int) -> dict[str, Any]:
    reason = {"en": outcome.reason.en, "es": outcome.reason.es} if outcome.reason else None
    return {
        **describe(outcome.rule),
        "state": outcome.state,
        "reason": reason,
        "pointers": list(outcome.pointers),
        "findings": findings,
        "waived": waived,
    }
