"""The declared trial and its assumed worlds, loaded once, for the tests of the simulator."""

from functools import cache
from pathlib import Path

from odisea.data.derive import Recipes, trial_rows
from odisea.protocol.load import load_protocol, load_yaml
from odisea.protocol.model import Protocol
from odisea.simulate.assumptions import Assumptions, Scenario, Scenarios, resolve
from odisea.simulate.draft import draft_mechanism, simulated_recipes
from odisea.simulate.mechanism import Mechanism
from odisea.simulate.replicate import Cohort, make_cohort, simulate_trial

ROOT = Path(__file__).parents[1]
SCENARIO = "evidence_based"


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


def simulated(model: Mechanism, n: int, seed: int = 1, replicate: int = 0) -> Cohort:
    """One trial in arrays of its own."""
    cohort = make_cohort(n)
    assert simulate_trial(seed, replicate, model, cohort)
    return cohort
