"""Which scenario answers which question, found by the scenarios' own values and never by their names."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from odisea.errors import DataError, Problem
from odisea.protocol.model import Protocol
from odisea.report.results import ScenarioResult

EFFECT = "effect"
LOSS = "loss_total"
SPREAD = "odi_sd_week6"
LOSS_SLOPES = "mnar_slope_"
SPREAD_TOLERANCE = 0.005

Results = Sequence[ScenarioResult]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The scenarios by their part in the report.

    Parameters
    ----------
    all : tuple
        Every scenario in the order of the tables: checks against formulas, the claim and its losses, effects from the largest,
        losses that mislead, the others; within these in the order given.
    claim : ScenarioResult
        The protocol's own numbers: its difference, loss and size, at the spread that they imply.
    null : ScenarioResult
        No effect, everything else as the base assumptions.
    by_effect : tuple
        Scenarios that differ from `null` in the effect alone, `null` first, by rising effect.
    by_loss : tuple
        Scenarios that differ from `claim` in the total loss alone, by rising loss.
    misleading, misleading_null : ScenarioResult or None
        As `claim` and `null`, but losses depend on current disability with opposite signs in the two arms.
    """

    all: tuple[ScenarioResult, ...]
    claim: ScenarioResult
    null: ScenarioResult
    by_effect: tuple[ScenarioResult, ...]
    by_loss: tuple[ScenarioResult, ...]
    misleading: ScenarioResult | None
    misleading_null: ScenarioResult | None

    @property
    def target(self) -> ScenarioResult | None:
        """The scenario of `by_effect` whose effect is the claim's; None where there is none."""
        return next((one for one in self.by_effect if one.value(EFFECT) == self.claim.value(EFFECT)), None)

    @property
    def smaller(self) -> tuple[ScenarioResult, ...]:
        """The scenarios of `by_effect` with an effect, but a smaller one than the claim's."""
        return tuple(one for one in self.by_effect if 0 < abs(one.value(EFFECT)) < abs(self.claim.value(EFFECT)))


def choose(results: Results, protocol: Protocol) -> Chosen:
    """Return the scenarios by their part in the report.

    Raises
    ------
    DataError
        The scenario of the protocol's own numbers, or the one without an effect, is missing.
    """
    people = [one for one in results if not one.assumptions.textbook]
    claim = _claim(people, protocol)
    null = _plainest([one for one in people if one.value(EFFECT) == 0 and _same_loss(one, protocol) and not _misleads(one)])
    problems = [
        Problem("report power", f"no folder holds {what}", "the report needs it", "Run `odisea power` for it and name its folder too")
        for one, what in (
            (claim, "a scenario of the protocol's own numbers (its difference, loss and size, at the SD that they imply)"),
            (null, "a scenario without an effect (effect 0, the protocol's loss)"),
        )
        if one is None
    ]
    if claim is None or null is None:
        raise DataError(problems)
    by_effect, by_loss = _series(people, null, EFFECT), _series(people, claim, LOSS)
    misleading = _plainest([one for one in people if _misleads(one) and _agree(one, claim, EFFECT, LOSS, SPREAD)])
    misleading_null = _plainest([one for one in people if _misleads(one) and one.value(EFFECT) == 0])
    told = [one for one in results if one.assumptions.textbook] + [claim, *by_loss, *reversed(by_effect)]
    told += [one for one in (misleading, misleading_null) if one]
    ordered = tuple({one.id: one for one in (*told, *results)}.values())
    return Chosen(ordered, claim, null, by_effect, by_loss, misleading, misleading_null)


def _claim(people: Results, protocol: Protocol) -> ScenarioResult | None:
    """Return the scenario of the protocol's own numbers."""
    size = protocol.sample_size
    found = []
    for one in people:
        claim = one.assumptions.claim
        if claim is None or _misleads(one) or one.assumptions.participants != size.total.value or not _same_loss(one, protocol):
            continue
        effect_fits = math.isclose(abs(one.value(EFFECT)), abs(claim.difference))
        if effect_fits and abs(one.value(SPREAD) - claim.implied_sd) <= SPREAD_TOLERANCE:
            found.append(one)
    return _plainest(found)


def _same_loss(one: ScenarioResult, protocol: Protocol) -> bool:
    stated = protocol.sample_size.attrition.value
    return stated is None or math.isclose(one.value(LOSS), stated)


def _misleads(one: ScenarioResult) -> bool:
    """Whether losses depend on current disability with opposite signs in different arms."""
    slopes = [one.value(name) for name in one.values if name.startswith(LOSS_SLOPES)]
    return any(slope > 0 for slope in slopes) and any(slope < 0 for slope in slopes)


def _agree(one: ScenarioResult, other: ScenarioResult, *names: str) -> bool:
    same_size = one.assumptions.participants == other.assumptions.participants
    return same_size and all(one.value(name) == other.value(name) for name in names)


def _plainest(found: Results) -> ScenarioResult | None:
    """Return the scenario that changes the fewest assumptions; None where there is none."""
    return min(found, key=lambda one: sum(parameter.changed for parameter in one.assumptions.parameters), default=None)


def _series(people: Results, anchor: ScenarioResult, varied: str) -> tuple[ScenarioResult, ...]:
    """Return the scenarios that differ from the anchor in one value alone, by the size of that value."""

    def rest(one: ScenarioResult) -> dict[str, float | None]:
        return {name: value for name, value in one.values.items() if name != varied}

    size = anchor.assumptions.participants
    found = [one for one in people if one.assumptions.participants == size and rest(one) == rest(anchor)]
    return tuple(sorted(found, key=lambda one: abs(one.value(varied))))
