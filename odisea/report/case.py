"""What every section of the power report draws on: the protocol's numbers, the chosen scenarios and the verdicts, with their places."""

from dataclasses import dataclass
from typing import Any

from odisea.protocol.fact import Fact, Text
from odisea.protocol.model import AnalysisSpec, Contrast, Outcome, Plan, Protocol
from odisea.report.calendar_files import Calendar
from odisea.report.content import Listing, Message, Phrase, Plain, Trace, say
from odisea.report.numbers import Traced
from odisea.report.results import Measured, ScenarioResult
from odisea.report.selection import EFFECT, Chosen
from odisea.report.text import read_texts
from odisea.report.verdict import Verdict

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Case:
    """A protocol with its results and what is concluded from them.

    Parameters
    ----------
    verdicts : tuple of Verdict
        One per plan, in the protocol's order; the first plan is the one that Part I speaks of.
    calendar : Calendar or None
        The simulated calendars of the unit; None where none were given. No verdict depends on them.
    """

    protocol: Protocol
    chosen: Chosen
    verdicts: tuple[Verdict, ...]
    calendar: Calendar | None = None

    @property
    def main(self) -> Verdict:
        """The verdict on the first plan."""
        return self.verdicts[0]

    @property
    def claim(self) -> ScenarioResult:
        """The scenario of the protocol's own numbers."""
        return self.chosen.claim

    def plan(self, verdict: Verdict) -> Plan:
        """Return the plan that a verdict judges."""
        return self.protocol.analysis.plans[verdict.plan]

    def planned(self, verdict: Verdict) -> tuple[AnalysisSpec, ...]:
        """Return the analyses of a plan that every shown scenario has results of; the others were not simulated."""
        there = set.intersection(*(set(one.analyses) for one in self.chosen.all))
        return tuple(spec for spec in self.plan(verdict).analyses if f"{verdict.plan}.{spec.id}" in there)

    def spec(self, analysis: str) -> AnalysisSpec:
        """Return the declaration of an analysis by PLAN.ID."""
        plan, name = analysis.split(".", 1)
        return next(spec for spec in self.protocol.analysis.plans[plan].analyses if spec.id == name)

    @property
    def contrast(self) -> Contrast:
        """The contrast of the first plan's primary analysis."""
        return self.protocol.contrast(self.spec(self.main.analysis).contrast)

    @property
    def outcome(self) -> Outcome:
        """The outcome of the first plan's primary analysis."""
        return self.protocol.outcomes[self.spec(self.main.analysis).outcome]

    @property
    def sign(self) -> int:
        """-1 where lower values of the outcome are better, so that sign times effect is an advantage."""
        return -1 if self.outcome.direction == "lower_better" else 1

    def power(self, scenario: ScenarioResult) -> Measured:
        """Return the power of the first plan's primary analysis in a scenario."""
        return scenario.measured(self.main.analysis, "power")

    def stated(self, section: str, name: str, index: int | None = None) -> Traced:
        """Return a number of the protocol; NaN where it is a gap."""
        return stated(self.protocol, section, name, index)

    def claimed(self, name: str, key: str | None = None) -> Traced:
        """Return a closed-form figure of the sample-size statement; NaN where there is none."""
        found: Any = getattr(self.claim.assumptions.claim, name)
        if key is not None:
            found = found.get(key, NAN)
        return Traced(float(found), self.claim.place(f"/claim/{name}" + (f"/{key}" if key else "")))

    @property
    def difference(self) -> Traced:
        """The difference that the protocol is sized for, as an advantage."""
        return self.stated("sample_size", "target_difference").follows("size", abs)

    def advantage(self, scenario: ScenarioResult) -> Traced:
        """Return a scenario's effect as an advantage of the arm."""
        return scenario.parameter(EFFECT).follows("size", abs)


def stated(protocol: Protocol, section: str, name: str, index: int | None = None) -> Traced:
    """Return a number that the protocol states; NaN where it is a gap."""
    fact: Fact[Any] = getattr(getattr(protocol, section), name)
    value = fact.value if index is None or fact.value is None else fact.value[index]
    return Traced(NAN if value is None else float(value), Trace(protocol.source.name, f"/{section}/{name}"))


def within(text: Text) -> Text:
    """Return a label as it stands inside a sentence: without its capital, acronyms left alone."""
    return Text(en=_lowered(text.en), es=_lowered(text.es))


def _lowered(words: str) -> str:
    """Return the words with a small first letter, unless a capital further on tells that they are a name."""
    return words[:1].lower() + words[1:] if words[1:] == words[1:].lower() else words


def named(table: str, name: str, **values: Phrase) -> Phrase:
    """Return the text `table.name`, or the bare name where the text files have none."""
    return Message(f"{table}.{name}", values) if f"{table}.{name}" in read_texts("en") else Plain(name)


def status_of(fact: Fact[Any]) -> Phrase:
    """Return how a value is known, in brackets after it; nothing where it is stated."""
    return say(f"status.{fact.status}")


def given(fact: Fact[Any], shown: Phrase | None) -> Phrase:
    """Return a value with its status, or the gap in words."""
    if shown is None or not fact.known:
        return say(f"status.{fact.status}")
    return shown if fact.status == "stated" else say("cell.with_status", value=shown, status=status_of(fact))


def variables(protocol: Protocol, names: tuple[str, ...]) -> Phrase:
    """Return codings and OUTCOME@VISIT as labels; a word for none."""
    return Listing(tuple(_variable(protocol, name) for name in names)) if names else say("cell.none")


def _variable(protocol: Protocol, name: str) -> Phrase:
    if "@" not in name:
        coding = protocol.analysis.coding.get(name)
        return within(coding.label) if coding else Plain(name)
    outcome, visit = name.split("@", 1)
    return say("cell.outcome_at", outcome=within(protocol.outcomes[outcome].label), visit=within(protocol.visit(visit).label))
