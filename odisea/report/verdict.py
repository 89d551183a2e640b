"""The verdict on the protocol's sample-size statement: four states, and the rule that leads to them.

Judged is the primary analysis of one plan. Two checks carry the verdict, the others say under which conditions it stands.

1. *The claim*: power in the scenario of the protocol's own numbers, against the protocol's power.
2. *False alarms*: rejections in the scenario without an effect, against the plan's significance level.
3. *Conditions*: smaller effects, larger losses, losses that mislead (power and false alarms), and numbers that the
   calculation needs but the protocol does not state.

A share is compared through its 95 % Monte Carlo interval, with a tolerance: three percentage points for power, the smallest
step that a designer would act on (docs/statistics/operating_characteristics.md, section 4), one for false alarms. Met when
the whole interval lies on the good side of the tolerated limit, not met when the whole interval lies on the bad side,
unclear otherwise. *Does not hold*: check 1 or 2 is not met. *Inconclusive*: one of them is
unclear, or nothing else speaks against the claim but a condition is unclear. *Holds under conditions*: both are met and a
condition is not. *Holds*: everything is met.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from odisea.protocol.model import Plan, Protocol
from odisea.report.content import Mark
from odisea.report.results import Measured, ScenarioResult
from odisea.report.selection import LOSS, Chosen

State = Literal["holds", "conditions", "fails", "inconclusive"]
POWER_TOLERANCE = 0.03
ALARM_TOLERANCE = 0.01
NEEDED_FACTS = ("standard_deviation", "alpha", "test")


@dataclass(frozen=True, slots=True)
class Judged:
    """One check: its result and the measures that it was read from; `facts` names what the protocol does not state."""

    id: str
    mark: Mark
    measures: tuple[Measured, ...] = ()
    scenarios: tuple[ScenarioResult, ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one plan."""

    plan: str
    analysis: str
    state: State
    checks: tuple[Judged, ...]

    def check(self, check_id: str) -> Judged | None:
        """Return a check by its identifier, None where it was not made."""
        return next((check for check in self.checks if check.id == check_id), None)


def primary_analysis(plan_id: str, plan: Plan) -> str:
    """Return the plan's primary analysis as PLAN.ID: the first of role primary, else the first."""
    first = next((spec for spec in plan.analyses if spec.role == "primary"), plan.analyses[0])
    return f"{plan_id}.{first.id}"


def reaches(measured: Measured, target: float) -> Mark:
    """Return whether a share is at least a target, as far as its Monte Carlo interval can tell."""
    low, high = measured.interval
    return "met" if low >= target - POWER_TOLERANCE else "not_met" if high < target - POWER_TOLERANCE else "unclear"


def stays_below(measured: Measured, limit: float) -> Mark:
    """Return whether a share is at most a limit, as far as its Monte Carlo interval can tell."""
    low, high = measured.interval
    return "met" if high <= limit + ALARM_TOLERANCE else "not_met" if low > limit + ALARM_TOLERANCE else "unclear"


def worst(marks: Sequence[Mark]) -> Mark:
    """Return the least favourable of several results."""
    return "not_met" if "not_met" in marks else "unclear" if "unclear" in marks else "met"


def state_of(claim: Mark, alarms: Mark, conditions: Sequence[Mark]) -> State:
    """Return the verdict that the results of the checks lead to."""
    core = worst([claim, alarms])
    if core != "met":
        return "fails" if core == "not_met" else "inconclusive"
    rest = worst(conditions)
    return "holds" if rest == "met" else "conditions" if rest == "not_met" else "inconclusive"


def judge(chosen: Chosen, protocol: Protocol, plan_id: str) -> Verdict:
    """Return the verdict on a plan."""
    plan = protocol.analysis.plans[plan_id]
    analysis = primary_analysis(plan_id, plan)
    claim = chosen.claim.assumptions.claim
    target = protocol.sample_size.power.value or (claim.power if claim else 0.8)
    alpha = plan.alpha.value or (claim.alpha if claim else 0.05)
    core = (
        _power_check("claim", (chosen.claim,), analysis, target),
        _alarm_check("false_alarms", chosen.null, analysis, alpha),
    )
    larger = tuple(one for one in chosen.by_loss if one.value(LOSS) > chosen.claim.value(LOSS))
    conditions = [
        _power_check("smaller_effect", chosen.smaller, analysis, target),
        _power_check("larger_loss", larger, analysis, target),
        _power_check("misleading_loss", (chosen.misleading,) if chosen.misleading else (), analysis, target),
        _stated_facts(protocol),
    ]
    if chosen.misleading_null:
        conditions.insert(3, _alarm_check("misleading_alarms", chosen.misleading_null, analysis, alpha))
    made = tuple(check for check in conditions if check.scenarios or check.id == "stated_facts")
    return Verdict(plan_id, analysis, state_of(core[0].mark, core[1].mark, [check.mark for check in made]), (*core, *made))


def _power_check(check_id: str, scenarios: tuple[ScenarioResult, ...], analysis: str, target: float) -> Judged:
    measures = tuple(one.measured(analysis, "power") for one in scenarios)
    return Judged(check_id, worst([reaches(measured, target) for measured in measures]), measures, scenarios)


def _alarm_check(check_id: str, scenario: ScenarioResult, analysis: str, alpha: float) -> Judged:
    measured = scenario.measured(analysis, "power")
    return Judged(check_id, stays_below(measured, alpha), (measured,), (scenario,))


def _stated_facts(protocol: Protocol) -> Judged:
    """Check that the protocol states what its sample-size calculation needs."""
    gaps = tuple(name for name in NEEDED_FACTS if not getattr(protocol.sample_size, name).known)
    return Judged("stated_facts", "not_met" if gaps else "met", facts=gaps)
