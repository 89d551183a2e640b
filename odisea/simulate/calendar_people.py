"""What the calendar and the export must know about one replicate's people, read off the engine's arrays."""

import numpy as np
from numpy.typing import NDArray

from odisea.simulate.calendar_model import People
from odisea.simulate.engagement import count_logins
from odisea.simulate.mechanism import DECLINED, ENROLLED, WEEKS, Mechanism
from odisea.simulate.population import TRAIT_FRAILTY, screen_units
from odisea.simulate.replicate import Cohort

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def people_of(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> People:
    """Return the people of a replicate.

    Parameters
    ----------
    cohort : Cohort
        As `simulate_trial` filled it for this key and mechanism; its arrays are copied.
    """
    outcome = screening_outcomes(seed, replicate, mechanism, cohort)
    return People(
        screened=np.where(outcome == ENROLLED, 0, np.where(outcome == DECLINED, 2, 1)),
        exposed=cohort.exposed.copy(),
        live=cohort.live.copy(),
        diary=cohort.diary.copy(),
        logins=count_all_logins(seed, replicate, mechanism, cohort),
        engaged=cohort.engaged.copy(),
        week_lost=cohort.week_lost.copy(),
    )


def screening_outcomes(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> Ints:
    """Return what screening found of every candidate up to the last participant: `odisea.simulate.population.screen`."""
    units = np.arange(int(cohort.units[-1]) + 1)
    outcome = np.empty(units.size, dtype=np.int64)
    screen_units(seed, replicate, mechanism.population, units, outcome)
    return outcome


def count_all_logins(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> Floats:
    """Return the logins of every week, shape (6, n)."""
    logins = np.zeros((WEEKS, cohort.units.size))
    count_logins(seed, replicate, mechanism.engagement, cohort.units, cohort.traits[TRAIT_FRAILTY].copy(), cohort.engaged, logins)
    return logins
