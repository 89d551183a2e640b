"""The pace that a trial needs: what a calendar expects at the assumed pace, and the least pace at which it would have been full in time.

Both leave the assessors out (they have a place for everybody): what they add is seen in the discrete-event calendar itself.
"""

import math

import numpy as np
from numpy.typing import NDArray

from odisea.simulate.calendar import ENROLLED
from odisea.simulate.calendar_draws import Key, arrival_gaps, daily_rates, gamma_share_below, waiting_days
from odisea.simulate.calendar_model import WORKING_DAYS, CalendarModel, People, open_days

Floats = NDArray[np.float64]

DOUBLINGS = 20  # a calendar that is not full at a million times the assumed pace never is: somebody waits too long
HALVINGS = 30  # leaves a relative error of 1e-9


def open_weeks(model: CalendarModel) -> float:
    """Return the open days on which somebody can be randomised, in weeks of five."""
    return float(np.count_nonzero(open_days(model).is_open[: model.last_day + 1]) / WORKING_DAYS)


def expected_randomised(model: CalendarModel) -> float:
    """Return how many are randomised by the last possible day on average, had the trial no total.

    Who comes on open day d is randomised in time if the wait takes him no further than the last open day L: the gamma
    distribution function at L - d + 1, since waits count in completed days.
    """
    days = np.flatnonzero(open_days(model).is_open[: model.last_day + 1])
    in_time = gamma_share_below(days[-1] - days + 1.0, model.screening_days, model.screening_cv)
    return float(model.randomised_per_week / WORKING_DAYS * (1.0 - model.recruiter_absence) * np.sum(in_time))


def pace_needed(key: Key, model: CalendarModel, people: People) -> float:
    """Return the least mean number randomised per open week at which this calendar's last place is taken in time.

    The draws are those of the calendar at the assumed pace: a higher one moves everybody to an earlier day, so that the
    answer is found by bisection. It is infinite where even a million times the assumed pace is too little.
    """
    candidates = people.screened.size
    enrolled = people.screened == ENROLLED
    reached = np.cumsum(daily_rates(key, model, model.last_day))
    marks = np.cumsum(arrival_gaps(key, candidates))[enrolled]
    waits = waiting_days(key, model, candidates)[enrolled]
    following = open_days(model).following

    def is_full(factor: float) -> bool:
        day = np.searchsorted(factor * reached, marks, side="left")
        return bool((following[day + waits] <= model.last_day).all())

    high = next((2.0**power for power in range(DOUBLINGS) if is_full(2.0**power)), math.inf)
    if math.isinf(high):
        return high
    low = 0.0 if high == 1.0 else high / 2.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if is_full(middle) else (middle, high)
    return model.randomised_per_week * high
