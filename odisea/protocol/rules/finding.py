"""A finding of a rule, in the shape of `findings.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from odisea.protocol.rules.rule import SEVERITIES, Kind, Patch, Severity


@dataclass(frozen=True, slots=True)
class Said:
    """A text in both languages."""

    en: str
    es: str

    def in_language(self, language: str) -> str:
        """Return the text in `en` or `es`."""
        return self.es if language == "es" else self.en


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do, in words and as changes of the YAML; a change that holds `...` needs an answer first."""

    en: str
    es: str
    patch: tuple[Patch, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """Who accepted a finding, when, until when, and why."""

    by: str
    date: str
    until: str
    reason: Said


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found at one place.

    Parameters
    ----------
    rule_id, domain, severity, kind : str
        Of the rule catalogue.
    spec_path : str
        JSON pointer in the protocol's file; `FILE#POINTER` for a file that it names.
    line, column : int
        In that file, from 1.
    observed : str
        What stands there.
    expected, message, why, ask : Said
        For readers; `ask` is the question to the investigator, None where there is nothing to ask.
    standard_ref : str or None
        Items of standards, each with a word where its text was not checked; `references` has them one by one.
    suggested_fix : Fix
        In words and as changes of the YAML.
    evidence : str or None
        A sentence of the source or a computed figure.
    waiver : Accepted or None
        Who accepted the finding.
    """

    rule_id: str
    severity: Severity
    spec_path: str
    line: int
    observed: str
    expected: Said
    message: Said
    why: Said
    standard_ref: str | None
    suggested_fix: Fix
    evidence: str | None
    waiver: Accepted | None
    column: int
    domain: str
    kind: Kind
    title: Said
    ask: Said | None
    references: tuple[Said, ...]

    @property
    def order(self) -> tuple[int, bool, int, int, str]:
        """Most severe first, then by place; findings in other files after those in the protocol."""
        return SEVERITIES.index(self.severity), "#" in self.spec_path, self.line, self.column, self.rule_id


def summary(findings: tuple[Finding, ...]) -> dict[str, int]:
    """Return how many findings there are of each severity, and how many were accepted (`waived`, counted only there)."""
    counts = dict.fromkeys((*SEVERITIES, "waived"), 0)
    for finding in findings:
        counts["waived" if finding.waiver else finding.severity] += 1
    return counts


def as_json(trial: str, findings: tuple[Finding, ...], not_run: tuple[Mapping[str, Any], ...] = ()) -> dict[str, Any]:
    """Return the content of `findings.json`.

    Parameters
    ----------
    trial : str
        The trial's identifier.
    findings : tuple of Finding
        In any order.
    not_run : tuple of mapping
        Rules that could not be run, each with `rule_id`, the reason in both languages and the gaps behind it.
    """
    ordered = sorted(findings, key=lambda finding: finding.order)
    return {"trial": trial, "summary": summary(findings), "not_run": list(not_run), "findings": [asdict(each) for each in ordered]}
