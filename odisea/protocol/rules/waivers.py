"""Waivers: findings that somebody accepted, with name, day, end and reason, in a file of their own.

A waiver takes nothing out of the report: the finding stays, says who accepted it, and is counted apart. One that has run
out, or that matches nothing, is a finding itself (WVR).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date as day
from typing import ClassVar, Self

from pydantic import Field, model_validator

from odisea.protocol.declaration import Declaration
from odisea.protocol.fact import Frozen, Text
from odisea.protocol.load import Located
from odisea.protocol.rules.evaluate import Evaluation, evaluate
from odisea.protocol.rules.finding import Accepted, Finding, Said
from odisea.protocol.rules.rule import Case, Hit, NotApplicable, Patch, rule

DAY_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
PLACE = "/waivers"  # where the file's content stands among the pointers of a case


class Waiver(Frozen):
    """One acceptance.

    Parameters
    ----------
    rule : str
        Identifier of the rule.
    path : str, optional
        `spec_path` of the finding as `findings.json` gives it; absent: every finding of the rule.
    by, date, until : str
        Who accepted it, when, and the last day on which it holds (YYYY-MM-DD).
    reason : Text
        Why.
    """

    rule: str = Field(pattern=r"^[A-Z]+-[0-9]{2}$")
    path: str | None = None
    by: str = Field(min_length=1)
    date: str = Field(pattern=DAY_PATTERN)
    until: str = Field(pattern=DAY_PATTERN)
    reason: Text

    @model_validator(mode="after")
    def _days_exist_and_follow(self) -> Self:
        for name in ("date", "until"):
            try:
                day.fromisoformat(getattr(self, name))
            except ValueError:
                raise ValueError(f"{name} is {getattr(self, name)}; no calendar has that day") from None
        if self.until < self.date:
            raise ValueError(f"until is {self.until}, before date {self.date}; a waiver ends after it was given")
        return self

    def accepts(self, finding: Finding) -> bool:
        """Return whether it speaks of a finding."""
        return self.rule == finding.rule_id and self.path in (None, finding.spec_path)


class WaiverFile(Declaration):
    """A file of waivers for one trial."""

    kind: ClassVar[str] = "waivers"

    trial: str
    waivers: tuple[Waiver, ...]


class WaivedCase(Case):
    """A case with its waivers, the day of the check and the findings that they may speak of."""

    def __init__(self, case: Case, waivers: Located[WaiverFile], today: str, findings: tuple[Finding, ...]) -> None:
        parts = {**case.located.parts, PLACE: waivers.document}
        super().__init__(Located(case.located.value, case.located.document, parts), case.record)
        self.waivers = waivers.value.waivers
        self.today = today
        self.findings = findings

    def in_force(self, waiver: Waiver) -> bool:
        """Return whether a waiver still holds today."""
        return self.today <= waiver.until


@rule("WVR-01", "warning", "risk", reads=("/waivers/*",))
def expired(case: Case) -> Iterator[Hit]:
    """A waiver has run out."""
    waived = _waived(case)
    for place, waiver in enumerate(waived.waivers):
        if not waived.in_force(waiver):
            values = {"rule": waiver.rule, "by": waiver.by, "today": waived.today}
            yield Hit(f"{PLACE}/waivers/{place}/until", waiver.until, values, (Patch("remove", f"{PLACE}/waivers/{place}"),))


@rule("WVR-02", "warning", "ambiguity", reads=("/waivers/*",))
def unmatched(case: Case) -> Iterator[Hit]:
    """A waiver speaks of no finding."""
    waived = _waived(case)
    for place, waiver in enumerate(waived.waivers):
        if not any(waiver.accepts(finding) for finding in waived.findings):
            where = waiver.path or "/*"
            patch = (Patch("remove", f"{PLACE}/waivers/{place}"),)
            yield Hit(f"{PLACE}/waivers/{place}/rule", waiver.rule, {"where": where, "by": waiver.by}, patch)


WAIVER_RULES = (expired, unmatched)


def _waived(case: Case) -> WaivedCase:
    if not isinstance(case, WaivedCase):
        raise NotApplicable(PLACE)
    return case


def accept(case: Case, evaluation: Evaluation, waivers: Located[WaiverFile], today: str) -> Evaluation:
    """Return the evaluation with its accepted findings marked, and the findings on the waivers themselves.

    Parameters
    ----------
    case : Case
        What was evaluated.
    evaluation : Evaluation
        Of every rule; the outcomes of the waiver rules are replaced.
    waivers : Located[WaiverFile]
        Who accepted what.
    today : str
        Day of the check, YYYY-MM-DD.
    """
    waived = WaivedCase(case, waivers, today, evaluation.findings)
    marked = tuple(_marked(waived, finding) for finding in evaluation.findings)
    own = evaluate(waived, WAIVER_RULES)
    others = tuple(outcome for outcome in evaluation.outcomes if outcome.rule not in WAIVER_RULES)
    return Evaluation((*others, *own.outcomes), (*marked, *own.findings))


def _marked(waived: WaivedCase, finding: Finding) -> Finding:
    for waiver in waived.waivers:
        if waiver.accepts(finding) and waived.in_force(waiver):
            accepted = Accepted(waiver.by, waiver.date, waiver.until, Said(waiver.reason.en, waiver.reason.es))
            return replace(finding, waiver=accepted)
    return finding
