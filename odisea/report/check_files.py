"""Reading a folder of `odisea check`: findings, rules, claim, drift, checklists and manifest."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from odisea.errors import DataError, Problem
from odisea.protocol.fact import Text
from odisea.protocol.model import Protocol
from odisea.protocol.rules.rule import Severity
from odisea.report.content import Trace
from odisea.report.numbers import Traced
from odisea.report.results import MANIFEST, Manifest, Part, read_part

FINDINGS, RULES, CLAIMS, DRIFT, CHECKLISTS = "findings.json", "rules.json", "claims.json", "drift.json", "checklists.json"
GENERAL = ("GAP", "PRP")
"""Domains whose findings are one per value of the file: listed in tables, never one by one."""


class Change(Part):
    """One change of the YAML."""

    op: str
    path: str
    value: Any = None


class Fix(Part):
    """What to do."""

    en: str
    es: str
    patch: tuple[Change, ...] = ()


class Accepted(Part):
    """Who accepted a finding."""

    by: str
    date: str
    until: str
    reason: Text


class FindingRow(Part):
    """One finding."""

    rule_id: str
    domain: str
    severity: Severity
    kind: str
    spec_path: str
    line: int
    column: int
    observed: str
    title: Text
    expected: Text
    message: Text
    why: Text
    ask: Text | None = None
    references: tuple[Text, ...] = ()
    suggested_fix: Fix
    evidence: str | None = None
    waiver: Accepted | None = None

    @property
    def general(self) -> bool:
        """Whether it speaks of a single gap or proposal and of nothing else."""
        return self.domain in GENERAL


class Findings(Part):
    """`findings.json`."""

    trial: str
    summary: dict[str, int]
    findings: tuple[FindingRow, ...]


class RuleRow(Part):
    """One rule of the catalogue with its outcome."""

    rule_id: str
    domain: str
    severity: Severity
    title: Text
    reads: tuple[str, ...] = ()
    state: Literal["passed", "failed", "not_run", "not_applicable"]
    reason: Text | None = None


class Rules(Part):
    """`rules.json`."""

    summary: dict[str, int]
    rules: tuple[RuleRow, ...]


class Convention(Part):
    """Level and sides that a claim is read with."""

    id: int
    alpha: float
    sides: int
    supposed: tuple[str, ...]


class Solved(Part):
    """A value that makes a claim true."""

    quantity: str
    value: float
    formula: str
    structure: str
    basis: str
    correlation: float | None
    convention: int


class CandidateRow(Part):
    """A calculation that may be behind a claim."""

    match: str
    formula: str
    size: float
    sd: float | None
    inflation: str
    roundings: tuple[str, ...]
    n_recruited: float
    total: int
    power: float | None


class Clash(Part):
    """Numbers that exclude each other."""

    code: str
    numbers: dict[str, float | None]


class Claims(Part):
    """`claims.json`."""

    claim: dict[str, Any]
    missing: tuple[str, ...]
    conventions: tuple[Convention, ...]
    solved: tuple[Solved, ...]
    candidates: tuple[CandidateRow, ...]
    contradictions: tuple[Clash, ...]


class DifferenceRow(Part):
    """One field held against the registry record."""

    pointer: str
    ours: str | None
    theirs: str | None
    klass: Literal["drift", "registry_only", "ours_only", "not_comparable", "equivalent", "equal"] = Field(alias="class")


class Drift(Part):
    """`drift.json`."""

    record: str | None
    differences: tuple[DifferenceRow, ...]


class Entry(Part):
    """A field that answers an item, or leaves it open."""

    path: str


class Remark(Part):
    """What is to be said of an item."""

    en: str
    es: str


class ItemRow(Part):
    """One item of a checklist."""

    id: str
    section: str
    asks: Text
    status: Literal["answered", "partly", "open", "not_applicable"]
    remarks: tuple[Remark, ...]
    answers: tuple[Entry, ...]
    gaps: tuple[Entry, ...]


class Named(Part):
    """A section of a checklist, or the thing that it is filled in for."""

    id: str
    name: Text | None = None
    label: Text | None = None


class Matrix(Part):
    """One filled-in checklist."""

    name: Text
    citation: str
    thing: Named | None
    counts: dict[str, int]
    sections: tuple[Named, ...]
    rows: tuple[ItemRow, ...]


class Checklists(Part):
    """`checklists.json`."""

    checklists: tuple[Matrix, ...]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A folder of `odisea check` with the protocol that it is about.

    Parameters
    ----------
    claim : Claims
        The sample-size statement, recomputed.
    drift : Drift
        Protocol and registry record, field by field.
    checklists : Checklists
        Items of standards and what answers them.
    """

    protocol: Protocol
    findings: Findings
    rules: Rules
    claim: Claims
    drift: Drift
    checklists: Checklists
    manifest: Manifest

    def count(self, key: str, value: int) -> Traced:
        """Return a count of findings that stands in, or follows from, findings.json."""
        return Traced(float(value), Trace(FINDINGS, key))

    @property
    def open(self) -> tuple[FindingRow, ...]:
        """Findings that nobody accepted, most severe first as the file holds them."""
        return tuple(each for each in self.findings.findings if each.waiver is None)

    def summed(self, severity: str) -> Traced:
        """Return the number of open findings of a severity."""
        return self.count(f"/summary/{severity}", self.findings.summary.get(severity, 0))

    def by_domain(self) -> dict[str, Counter[str]]:
        """Return how many open findings of each severity every domain has, in the order of the catalogue."""
        counts: dict[str, Counter[str]] = {rule.domain: Counter() for rule in self.rules.rules}
        for each in self.open:
            counts[each.domain][each.severity] += 1
        return counts


def read_check_result(folder: Path, protocol: Protocol) -> CheckResult:
    """Return a folder of `odisea check`.

    Raises
    ------
    DataError
        A file is missing, broken or of another trial.
    """
    findings = read_part(folder / FINDINGS, Findings)
    if findings.trial != protocol.trial:
        found = f"these findings are of trial {findings.trial}"
        raise DataError(Problem(str(folder / FINDINGS), found, f"the protocol is trial {protocol.trial}", "Give its own folder"))
    return CheckResult(
        protocol,
        findings,
        read_part(folder / RULES, Rules),
        read_part(folder / CLAIMS, Claims),
        read_part(folder / DRIFT, Drift),
        read_part(folder / CHECKLISTS, Checklists),
        read_part(folder / MANIFEST, Manifest),
    )
