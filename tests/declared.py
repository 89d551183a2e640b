"""The declared trial and its assumed worlds, loaded once, for the tests of the simulator."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from odisea.allocation.plan import RandomisationPlan
from odisea.data.derive import Recipes, trial_rows
from odisea.protocol.fact import Fact
from odisea.protocol.load import load_protocol, load_yaml
from odisea.protocol.model import Protocol
from odisea.simulate.assumptions import Assumptions, Scenario, Scenarios, resolve
from odisea.simulate.draft import allocation, draft_mechanism, simulated_recipes
from odisea.simulate.mechanism import EVENTS, AllocationModel, Mechanism, Regime
from odisea.simulate.replicate import Cohort, begin, enrol, live_through, make_cohort, measure, randomise, simulate_trial

ROOT = Path(__file__).parents[1]
SCENARIO = "evidence_based"
# Nothing that happens later feeds back on engagement or events: a change in one place has a short chain of consequences.
NO_FEEDBACK = {"pain_on_disengagement": 0.0, **{f"event_slope_{event}": 0.0 for event in EVENTS}}
NO_EVENTS = {f"event_share_{event}_{arm}": 0.0 for event in EVENTS for arm in ("control", "tele")}


@cache
def protocol() -> Protocol:
    return load_protocol(ROOT / "protocol" / "nct07248813.yaml")


@cache
def assumptions() -> Assumptions:
    return load_yaml(ROOT / "simulate" / "assumptions.yaml", Assumptions)


@cache
def scenarios() -> Scenarios:
    return load_yaml(ROOT / "simulate" / "scenarios.yaml", Scenarios)


def scenario(name: str = SCENARIO, /, **changes: float) -> Scenario:
    """A declared scenario, with some values changed for a test."""
    declared = resolve(assumptions(), scenarios(), name, "scenarios.yaml")
    unknown = set(changes) - set(declared.values)
    assert not unknown, f"no such assumptions: {unknown}"
    return declared._replace(values={**declared.values, **changes})


def mechanism(name: str = SCENARIO, /, **changes: float) -> Mechanism:
    """The mechanism of a scenario before calibration: its latent constants are the starting guesses."""
    return draft_mechanism(scenario(name, **changes), protocol())


def analysis_rows() -> tuple[Recipes, tuple[str, ...]]:
    return simulated_recipes(protocol()), trial_rows(protocol())


def allocated(plan: Mapping[str, Any], ratio: tuple[int, ...] = (1, 1)) -> AllocationModel:
    """The randomisation by a plan of the declared trial, with further arms of usual care where the ratio has more than two parts."""
    declared = protocol()
    control = next(arm for arm in declared.arms if arm.id != "tele")
    further = tuple(control.model_copy(update={"id": f"more_{place}"}) for place in range(len(ratio) - len(declared.arms)))
    randomisation = declared.randomisation.model_copy(update={"ratio": Fact[tuple[int, ...]].model_validate(ratio)})
    changed = declared.model_copy(update={"arms": (*declared.arms, *further), "randomisation": randomisation})
    return allocation(scenario()._replace(randomisation=RandomisationPlan.model_validate_json(json.dumps(plan))), changed)


def simulated(model: Mechanism, n: int, seed: int = 1, replicate: int = 0) -> Cohort:
    """One trial in arrays of its own."""
    cohort = make_cohort(n)
    assert simulate_trial(seed, replicate, model, cohort)
    return cohort


def followed(model: Mechanism, n: int, regime: Regime, exposed: int | None = None, seed: int = 1, replicate: int = 0) -> Cohort:
    """People under a regime, before anybody is lost: as allocated, or all of them without or with the programme."""
    cohort = make_cohort(n)
    assert enrol(seed, replicate, model, cohort)
    begin(seed, replicate, model, cohort)
    randomise(seed, replicate, model.allocation, cohort)
    if exposed is not None:
        cohort.exposed[:] = exposed
    live_through(seed, replicate, model, regime, cohort)
    measure(seed, replicate, model, cohort)
    return cohort
