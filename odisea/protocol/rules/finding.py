"""A finding of a rule, in the shape of `findings.json`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "question", "information"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "question", "information")


@dataclass(frozen=True, slots=True)
class Said:
    """A text of a finding in both languages."""

    en: str
    es: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found at one place.

    Parameters
    ----------
    rule_id : str
        Of the rule catalogue.
    severity : str
        `error`, `warning`, `question` (a fact is missing; nothing is guessed) or `information`.
    spec_path : str
        JSON pointer in the protocol's file; `FILE#POINTER` for a file that it names.
    line : int
        Line in that file, from 1.
    observed, expected : str
        What stands there and what was looked for.
    message, why, suggested_fix : Said
        For readers.
    standard_ref : str or None
        The item of a reporting standard.
    evidence, waiver : str or None
        A source behind the rule; who accepted the finding and why.
    """

    rule_id: str
    severity: Severity
    spec_path: str
    line: int
    observed: str
    expected: str
    message: Said
    why: Said
    standard_ref: str | None
    suggested_fix: Said
    evidence: str | None = None
    waiver: str | None = None


def as_json(trial: str, findings: Iterable[Finding], not_run: Iterable[str] = ()) -> dict[str, Any]:
    """Return the content of `findings.json`.

    Parameters
    ----------
    trial : str
        The trial's identifier.
    findings : iterable of Finding
        In any order; they are sorted by severity, then place.
    not_run : iterable of str
        Rules that could not be run, each with the reason.
    """
    ordered = sorted(
        findings, key=lambda finding: (SEVERITIES.index(finding.severity), "#" in finding.spec_path, finding.line, finding.spec_path)
    )
    counts = Counter(finding.severity for finding in ordered)
    summary = {severity: counts[severity] for severity in SEVERITIES}
    return {"trial": trial, "summary": summary, "not_run": list(not_run), "findings": [asdict(finding) for finding in ordered]}
