"""What a calendar is made of: dates of the trial, days that the unit is open, and the assumed pace and delays, as plain numbers.

Day 0 is the registered start; every other day is counted from it. Dates, total and length of follow-up are facts of the
protocol; everything else is assumed (`simulate/assumptions.yaml`). Sources of the values: docs/explanation/calendar.md.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.errors import Problem, ProtocolError
from odisea.protocol.model import Protocol

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DAYS_PER_WEEK = 7
WORKING_DAYS = 5  # Monday to Friday
HORIZON = 15_000  # days after the start that a calendar can reach: 41 years
LAST_ARRIVAL = HORIZON - 1_000  # whoever comes by then has finished by the horizon
LAST_CLOSED = LAST_ARRIVAL - 1

# Possible values (inclusive) of what a calendar reads from the assumptions.
POSSIBLE: Mapping[str, tuple[float, float]] = {
    "randomised_per_week": (0.01, 500.0),
    "arrival_cv": (0.0, 3.0),
    "recruiter_absence": (0.0, 0.95),
    "screening_days": (0.0, 60.0),
    "screening_cv": (0.0, 3.0),
    "visit_late_mean": (0.0, 60.0),
    "visit_late_cv": (0.0, 3.0),
    "visit_early_share": (0.0, 1.0),
    "visit_window_days": (0.0, 28.0),
    "session_cancelled": (0.0, 1.0),
    "session_capacity": (1.0, 10_000.0),
    "sessions_per_week": (1.0, 12.0),
    "assessments_per_day": (1.0, 1_000.0),
    "screening_minutes": (0.0, 600.0),
    "baseline_minutes": (0.0, 600.0),
    "session_minutes": (0.0, 600.0),
    "final_minutes": (0.0, 600.0),
}
WHOLE = ("visit_window_days", "session_capacity", "sessions_per_week", "assessments_per_day")


class People(NamedTuple):
    """What the calendar must know about one replicate's people."""

    screened: Ints  # (n_candidates,) in order of arrival: 0 enrolled, 1 ineligible, 2 declined; up to the last participant
    exposed: Ints  # (n,) 1 in the programme arm, in order of enrolment
    live: Floats  # (6, n) session of the week attended
    diary: Floats  # (6, n) diary days of the week
    logins: Floats  # (6, n)
    engaged: Floats  # (6, n)
    week_lost: Ints  # (n,) -1 never, else 0..5 (5: the final visit itself)


class CalendarModel(NamedTuple):
    """One unit's calendar; made by `calendar_model`. Days count from the start, shares run from 0 to 1."""

    start: int  # ordinal of day 0 (date.toordinal)
    last_day: int  # the last day on which randomising still lets the window of the final visit end by the completion date
    completion: int
    follow_up: int  # days from randomisation to the due day of the final visit
    window_before: int
    window_after: int
    closed: tuple[tuple[int, int], ...]  # first and last day of every closure
    enrolled: float  # probability that a candidate who comes is randomised
    randomised_per_week: float  # mean, in a week of five open days with a recruiter
    arrival_cv: float  # coefficient of variation of the weekly rate
    recruiter_absence: float
    screening_days: float
    screening_cv: float
    visit_late_mean: float
    visit_late_cv: float
    visit_early_share: float
    session_cancelled: float
    session_capacity: int
    sessions_per_week: int
    assessments_per_day: int
    screening_minutes: float
    baseline_minutes: float
    session_minutes: float
    final_minutes: float


class OpenDays(NamedTuple):
    """When the unit is open."""

    is_open: Bools  # (HORIZON,)
    following: Ints  # (HORIZON,) the first open day from a day on


def calendar_model(values: Mapping[str, float], closed: Sequence[tuple[date, date]], protocol: Protocol, enrolled: float) -> CalendarModel:
    """Return the model of a trial's calendar.

    Parameters
    ----------
    values : mapping
        Assumptions by name; those of `POSSIBLE` are read.
    closed : sequence of (date, date)
        First and last day of every closure beside weekends.
    protocol : Protocol
        Gives start, completion, week of the final visit and, where it states one, the window of that visit; an unstated
        window is the assumed `visit_window_days` before and after.
    enrolled : float
        Probability that a candidate who comes is randomised, from `enrolled_share`.

    Raises
    ------
    ProtocolError
        A date is a gap, a value is impossible, or the trial leaves no open day for randomising; all faults at once.
    """
    start = date.fromisoformat(protocol.status.start.require("status.start"))
    completion = date.fromisoformat(protocol.status.completion.require("status.completion"))
    final = protocol.schedule.visits[-1]
    problems = [*_value_problems(values, enrolled), *_closure_problems(closed)]
    if problems:
        raise ProtocolError(problems)
    assumed = int(values["visit_window_days"])
    before, after = final.window_days.value or (assumed, assumed)
    follow_up = round(DAYS_PER_WEEK * final.week)
    length = (completion - start).days
    model = CalendarModel(
        start=start.toordinal(),
        last_day=length - follow_up - after,
        completion=length,
        follow_up=follow_up,
        window_before=before,
        window_after=after,
        closed=tuple(sorted(((first - start).days, (last - start).days) for first, last in closed)),
        enrolled=enrolled,
        **{name: int(values[name]) if name in WHOLE else float(values[name]) for name in POSSIBLE if name != "visit_window_days"},  # type: ignore[arg-type]
    )
    _refuse_no_time(model, f"{start} to {completion}")
    return model


def _value_problems(values: Mapping[str, float], enrolled: float) -> list[Problem]:
    problems = [] if enrolled > 0.0 else [Problem("screening", "no candidate is enrolled", "", "Widen the criteria, or raise the consent")]
    for name, (low, high) in POSSIBLE.items():
        value = values.get(name, math.nan)
        if not low <= value <= high:
            problems.append(Problem(name, f"the value is {value:g}", f"possible values run from {low:g} to {high:g}"))
        elif name in WHOLE and value != int(value):
            problems.append(Problem(name, f"the value is {value:g}", "it must be a whole number"))
    return problems


def _closure_problems(closed: Sequence[tuple[date, date]]) -> list[Problem]:
    return [
        Problem("closed_days", f"{first} to {last}", "the last day of a closure is not before its first", "Exchange the two days")
        for first, last in closed
        if last < first
    ]


def _refuse_no_time(model: CalendarModel, dates: str) -> None:
    if model.window_before >= model.follow_up:
        raise ProtocolError(
            Problem("visit_window_days", f"{model.window_before} days before", f"fewer than {model.follow_up}, the days of follow-up")
        )
    if model.last_day < 0 or not open_days(model).is_open[: model.last_day + 1].any():
        raise ProtocolError(
            Problem(
                "status.start, status.completion",
                f"{dates} leaves no open day on which somebody could be randomised",
                f"after it, {model.follow_up} days and a window of {model.window_after} days must pass",
                "Correct the dates or the closures",
            )
        )


def enrolled_share(people: Iterable[People]) -> float:
    """Return the share of all screened candidates who are randomised."""
    enrolled = screened = 0
    for one in people:
        enrolled += int(np.count_nonzero(one.screened == 0))
        screened += one.screened.size
    return enrolled / max(screened, 1)


@lru_cache(maxsize=8)
def open_days(model: CalendarModel) -> OpenDays:
    """Return on which days the unit is open: Monday to Friday outside closures."""
    days = np.arange(HORIZON)
    is_open = (days + weekday_of_start(model)) % DAYS_PER_WEEK < WORKING_DAYS
    for first, last in model.closed:
        is_open[max(first, 0) : max(min(last, LAST_CLOSED) + 1, 0)] = False
    following = np.where(is_open, days, HORIZON)
    return OpenDays(is_open, np.minimum.accumulate(following[::-1])[::-1].astype(np.int64))


def weekday_of_start(model: CalendarModel) -> int:
    """Return the weekday of day 0, Monday being 0."""
    return date.fromordinal(model.start).weekday()


def week_of(model: CalendarModel, day: Ints) -> Ints:
    """Return the calendar week (Monday to Sunday) of days; that of the start is 0."""
    return (day + weekday_of_start(model)) // DAYS_PER_WEEK


def date_of(model: CalendarModel, day: int) -> date:
    """Return the date of a day."""
    return date.fromordinal(model.start) + timedelta(days=day)
