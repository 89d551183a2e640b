"""Where the time of a simulated trial goes: microseconds per stage of the engine, and per thousand random numbers.

Each stage is a compiled loop over replicates of one trial's arrays, timed by itself in CPU time; the draws of a stage are
counted from what it asks of `odisea.streams` (four numbers per address).
"""

from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

import numpy as np

from odisea.compiled import compiled
from odisea.simulate import replicate as engine
from odisea.simulate.mechanism import AS_TREATED, WEEKS, Mechanism
from odisea.simulate.population import N_TRAITS
from odisea.simulate.replicate import CANDIDATES_PER_PLACE, Cohort

Loop = Callable[[int, int, Mechanism, Cohort], None]
PER_ADDRESS = 4


@compiled
def _enrol(seed: int, times: int, mechanism: Mechanism, cohort: Cohort) -> None:
    for replicate in range(times):
        engine.enrol(seed, replicate, mechanism, cohort)


@compiled
def _begin(seed: int, times: int, mechanism: Mechanism, cohort: Cohort) -> None:
    for replicate in range(times):
        engine.begin(seed, replicate, mechanism, cohort)


@compiled
def _randomise(seed: int, times: int, mechanism: Mechanism, cohort: Cohort) -> None:
    for replicate in range(times):
        engine.randomise(seed, replicate, mechanism.allocation, cohort)


@compiled
def _live_through(seed: int, times: int, mechanism: Mechanism, cohort: Cohort) -> None:
    for replicate in range(times):
        engine.live_through(seed, replicate, mechanism, AS_TREATED, cohort)


@compiled
def _measure(seed: int, times: int, mechanism: Mechanism, cohort: Cohort) -> None:
    for replicate in range(times):
        engine.measure(seed, replicate, mechanism, cohort)


@compiled
def _lose(seed: int, times: int, mechanism: Mechanism, cohort: Cohort) -> None:
    for replicate in range(times):
        engine.lose(seed, replicate, mechanism, cohort)


def stage_table(seed: int, mechanism: Mechanism, cohort: Cohort, times: int, rounds: int) -> list[dict[str, Any]]:
    """Return the stages with microseconds per trial and per thousand random numbers (None where a stage draws none by itself).

    Parameters
    ----------
    cohort : Cohort
        As `simulate_trial` filled it: a stage finds what the stages before it leave.
    times : int
        Trials in one timed round.
    rounds : int
        Timed rounds; the median counts.
    """
    loops: dict[str, Loop] = {
        "screening and enrolment": _enrol,
        "course without programme, baseline visit": _begin,
        "randomisation": _randomise,
        "six weeks: events, adherence, disability, pain": _live_through,
        "week-6 visit": _measure,
        "loss": _lose,
    }
    draws = _draws(mechanism, cohort)
    return [_timed(name, loop, draws[name], (seed, times, mechanism, cohort), rounds) for name, loop in loops.items()]


def _timed(name: str, loop: Loop, draws: int, given: tuple[int, int, Mechanism, Cohort], rounds: int) -> dict[str, Any]:
    loop(given[0], 1, *given[2:])
    spent = []
    for _ in range(rounds):
        start = process_time()
        loop(*given)
        spent.append(process_time() - start)
    microseconds = 1e6 * median(spent) / given[1]
    return {
        "stage": name,
        "microseconds": round(microseconds, 2),
        "random_numbers": draws,
        "microseconds_per_thousand": round(1000.0 * microseconds / draws, 3),
    }


def _draws(mechanism: Mechanism, cohort: Cohort) -> dict[str, int]:
    """Return how many random numbers each stage makes for one trial, whether or not it uses all four of an address."""
    n, treated = cohort.units.size, int(cohort.exposed.sum())
    candidates, free = int(CANDIDATES_PER_PLACE * n) + 8, float(np.prod(1.0 - mechanism.population.criteria))
    groups = -(-treated // mechanism.course.group_size) if mechanism.course.group_sd > 0.0 else 0
    leaks = n if mechanism.course.leak_share > 0.0 else 0
    addresses = {
        "screening and enrolment": candidates + round(candidates * free) * (N_TRAITS // 4 + 1) + n,
        "course without programme, baseline visit": n * (1 + 2 + 1 + 2 + 3 + 3 + 1),
        "randomisation": n,
        "six weeks: events, adherence, disability, pain": WEEKS * (n + 2 * treated) + leaks + groups,
        "week-6 visit": n * (3 + 1) + (n * (WEEKS - 1) if mechanism.measurement.weekly_pain == 1 else 0),
        "loss": n * WEEKS,
    }
    return {name: PER_ADDRESS * count for name, count in addresses.items()}


def random_numbers(table: list[dict[str, Any]]) -> int:
    """Return the random numbers of a whole simulated trial."""
    return int(np.sum([row["random_numbers"] for row in table]))
