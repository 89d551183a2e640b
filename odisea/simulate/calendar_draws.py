"""The chance in a calendar, from keyed draws: who comes when, who waits how long, which sessions fall out, which diary days are kept.

Every number is addressed by calendar week, candidate or participant, so it does not depend on the order of the work, and
two calendars share every draw that their difference does not touch. Arrivals are a Poisson process in the time that the
weekly rates make (a gamma-Poisson process; Anisimov and Fedorov 2007, Stat Med 26:4958): candidate k comes on the day on
which the accumulated rate passes the sum of k + 1 exponential gaps. A higher pace therefore moves nobody to a later day.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincinv

from odisea.simulate.calendar_model import DAYS_PER_WEEK, WORKING_DAYS, CalendarModel, open_days, week_of, weekday_of_start
from odisea.simulate.mechanism import WEEKS
from odisea.streams import Purpose, fill_uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Key = tuple[int, int]  # seed and replicate

ARRIVALS, DELAYS, SESSIONS = int(Purpose.CALENDAR_ARRIVALS), int(Purpose.CALENDAR_DELAYS), int(Purpose.CALENDAR_SESSIONS)
# Minor indices: what a purpose's draws of one unit are for. A cancelled session has its place in the week (below 12).
WEEKLY_RATE, GAP = 0, 1
WAIT, FINAL_VISIT = 0, 1
PREFERENCE, DIARY = 16, 32


def uniforms(key: Key, purpose: int, minor: int, units: int) -> Floats:
    """Return four uniform numbers (4, units) for each of the units 0 to units - 1."""
    out = np.empty((4, units))
    fill_uniform(key[0], key[1], purpose, minor, np.arange(units, dtype=np.int64), out)
    return out


def gamma_quantile(u: Floats, mean: float, cv: float) -> Floats:
    """Return quantiles of the gamma distribution with a mean and a coefficient of variation; with cv 0 all are the mean."""
    if cv == 0.0 or mean == 0.0:
        return np.full(u.shape, mean)
    return np.asarray(mean * cv**2 * gammaincinv(cv**-2, u))


def gamma_share_below(x: Floats, mean: float, cv: float) -> Floats:
    """Return the gamma distribution function; it is a step where cv or mean is 0."""
    if cv == 0.0 or mean == 0.0:
        return np.asarray(np.where(x > mean, 1.0, 0.0))
    return np.asarray(gammainc(cv**-2, np.maximum(x, 0.0) / (mean * cv**2)))


def daily_rates(key: Key, model: CalendarModel, last_day: int) -> Floats:
    """Return the rate of arrivals on the days 0 to last_day (candidates per day): 0 when closed or without a recruiter."""
    week = week_of(model, np.arange(last_day + 1))
    absent, level, _, _ = uniforms(key, ARRIVALS, WEEKLY_RATE, int(week[-1]) + 1)
    present = absent >= model.recruiter_absence
    mean = model.randomised_per_week / model.enrolled / WORKING_DAYS
    weekly = mean * present * gamma_quantile(level, 1.0, model.arrival_cv)
    return np.asarray(weekly[week] * open_days(model).is_open[: last_day + 1])


def arrival_gaps(key: Key, candidates: int) -> Floats:
    """Return the standard exponential gap before every candidate, in the time that the rates make."""
    return np.asarray(-np.log(uniforms(key, ARRIVALS, GAP, candidates)[0]))


def arrival_days(key: Key, model: CalendarModel, candidates: int, last_day: int) -> Ints:
    """Return the day of arrival of the first candidates, in order; those who would come after last_day are left out."""
    reached = np.cumsum(daily_rates(key, model, last_day))
    days = np.searchsorted(reached, np.cumsum(arrival_gaps(key, candidates)), side="left")
    return days[days <= last_day].astype(np.int64)


def waiting_days(key: Key, model: CalendarModel, candidates: int) -> Ints:
    """Return the completed days from consultation to the wished baseline visit of every candidate."""
    u = uniforms(key, DELAYS, WAIT, candidates)[0]
    return np.floor(gamma_quantile(u, model.screening_days, model.screening_cv)).astype(np.int64)


def final_visit_shifts(key: Key, model: CalendarModel, participants: int) -> Ints:
    """Return the wished final visit of every participant in days after the due day.

    An early visit falls, with equal probability, on any day of the window before the due day: nobody is asked to come
    before it opens. The others are late by the completed days of a gamma variable.
    """
    kind, size, _, _ = uniforms(key, DELAYS, FINAL_VISIT, participants)
    early = (kind < model.visit_early_share) & (model.window_before > 0)
    late = np.floor(gamma_quantile(size, model.visit_late_mean, model.visit_late_cv))
    return np.where(early, -1.0 - np.floor(size * model.window_before), late).astype(np.int64)


def session_days(model: CalendarModel, weeks: int) -> Ints:
    """Return the days of the live sessions of some calendar weeks, spread evenly from Monday to Friday; sorted."""
    count = model.sessions_per_week
    weekdays = (2 * np.arange(count) + 1) * WORKING_DAYS // (2 * count)
    days = DAYS_PER_WEEK * np.arange(weeks)[:, None] + weekdays - weekday_of_start(model)
    return days.ravel().astype(np.int64)


def cancelled_sessions(key: Key, model: CalendarModel, weeks: int) -> Bools:
    """Return which of the sessions of `session_days` fall out."""
    drawn = [uniforms(key, SESSIONS, place, weeks)[0] for place in range(model.sessions_per_week)]
    return np.asarray(np.stack(drawn, axis=1) < model.session_cancelled).ravel()


def preferred_sessions(key: Key, model: CalendarModel, participants: int) -> Ints:
    """Return which of a study week's sessions, counted from its first day, every participant would rather attend: (6, n)."""
    blocks = [uniforms(key, SESSIONS, PREFERENCE + number, participants) for number in range(-(-WEEKS // 4))]
    return np.floor(np.concatenate(blocks)[:WEEKS] * model.sessions_per_week).astype(np.int64)


def diary_days(key: Key, count: Floats) -> Bools:
    """Return on which days of each week the diary is kept: (6, 7, n), every set of `count` (6, n) days being equally likely."""
    weeks, participants = count.shape
    kept = np.empty((weeks, DAYS_PER_WEEK, participants), dtype=np.bool_)
    for week in range(weeks):
        blocks = [uniforms(key, SESSIONS, DIARY + 2 * week + half, participants) for half in (0, 1)]
        rank = np.argsort(np.argsort(np.concatenate(blocks)[:DAYS_PER_WEEK], axis=0), axis=0)
        kept[week] = rank < count[week]
    return kept
