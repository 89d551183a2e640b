"""One calendar in figures: how many were screened, randomised and seen, when, and what it took; the rows that a summary is made of."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.simulate.calendar import DECLINED, INELIGIBLE, NO_DAY, NO_SESSION, Run
from odisea.simulate.calendar_draws import Key
from odisea.simulate.calendar_events import followed
from odisea.simulate.calendar_model import DAYS_PER_WEEK, CalendarModel, People, open_days, week_of, weekday_of_start
from odisea.simulate.calendar_pace import pace_needed
from odisea.simulate.mechanism import WEEKS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MINUTES_PER_HOUR = 60.0
ARMS = ("programme", "comparison")  # with and without the programme


class Flow(NamedTuple):
    """The participant flow of a calendar; arms in the order of `ARMS`."""

    screened: int
    ineligible: int
    declined: int
    recruitment_closed: int  # eligible and willing, but not randomised before the last possible day
    randomised: int
    arm_randomised: Ints  # (2,)
    arm_started: Ints  # (2,) took up what the arm offers: everybody in the comparison arm
    arm_stopped: Ints  # (2,) left the programme after starting, while still in the trial
    arm_lost: Ints  # (2,)
    arm_assessed: Ints  # (2,)
    arm_in_window: Ints  # (2,)


class Figures(NamedTuple):
    """One calendar."""

    flow: Flow
    pace_needed: float  # the least pace at which the last place would have been taken in time; infinite where none would do
    full_day: int  # day on which the last place was taken, -1 if never
    last_visit: int  # day of the last final visit, -1 where there is none
    early: int  # final visits before their window
    late: int  # final visits after their window
    after_completion: int  # final visits after the completion date
    accrual: Ints  # (weeks,) randomised by the end of each calendar week up to the last possible day
    hours: Floats  # (weeks,) of staff, each calendar week up to the completion date
    attendees: Ints  # (sessions,) of every session that took place
    offered: int  # planned sessions on open days with somebody in the programme
    cancelled: int
    attendances: int
    moved: int
    made_up: int


def calendar_figures(key: Key, model: CalendarModel, people: People, run: Run) -> Figures:
    """Return the figures of a calendar that was run with this key, model and people."""
    offered, took_place = _sessions(model, people, run)
    seen = run.final[run.final != NO_DAY]
    shift = seen - (run.baseline[run.final != NO_DAY] + model.follow_up)
    count = run.baseline.size
    planned = run.sessions.planned
    return Figures(
        flow=_flow(model, people, run),
        pace_needed=pace_needed(key, model, people),
        full_day=int(run.baseline[-1]) if 0 < count == people.exposed.size else NO_DAY,
        last_visit=int(seen.max(initial=NO_DAY)),
        early=int(np.count_nonzero(shift < -model.window_before)),
        late=int(np.count_nonzero(shift > model.window_after)),
        after_completion=int(np.count_nonzero(seen > model.completion)),
        accrual=np.searchsorted(run.baseline, week_ends(model, model.last_day), side="right").astype(np.int64),
        hours=_hours(model, run, took_place),
        attendees=run.sessions.taken[took_place],
        offered=int(np.count_nonzero(offered)),
        cancelled=int(np.count_nonzero(offered & ~run.sessions.held)),
        attendances=int(np.count_nonzero(run.attended != NO_SESSION)),
        moved=run.moved,
        made_up=int(run.sessions.taken[planned:].sum()),
    )


def week_ends(model: CalendarModel, last_day: int) -> Ints:
    """Return the last day (Sunday, or last_day itself) of every calendar week from the start to a day."""
    weeks = np.arange(int(week_of(model, np.array(last_day))) + 1)
    sundays = DAYS_PER_WEEK * (weeks + 1) - 1 - weekday_of_start(model)
    return np.minimum(sundays, last_day).astype(np.int64)


def _flow(model: CalendarModel, people: People, run: Run) -> Flow:
    count, came = run.baseline.size, people.screened[: run.screened.size]
    exposed = people.exposed[:count] == 1
    seen = followed(people)
    started = ~exposed | (people.engaged[0, :count] > 0.0)
    lost: Bools = seen.lost[:count]
    shift = run.final - run.baseline - model.follow_up
    in_window = (run.final != NO_DAY) & (shift >= -model.window_before) & (shift <= model.window_after)

    def by_arm(members: Bools) -> Ints:
        return np.array([np.count_nonzero(members & exposed), np.count_nonzero(members & ~exposed)])

    refused = [int(np.count_nonzero(came == reason)) for reason in (INELIGIBLE, DECLINED)]
    return Flow(
        screened=came.size,
        ineligible=refused[0],
        declined=refused[1],
        recruitment_closed=came.size - sum(refused) - count,
        randomised=count,
        arm_randomised=by_arm(np.ones(count, dtype=np.bool_)),
        arm_started=by_arm(started),
        arm_stopped=by_arm(np.count_nonzero(seen.stopped[1:, :count], axis=0) > 0),
        arm_lost=by_arm(lost),
        arm_assessed=by_arm(~lost),
        arm_in_window=by_arm(in_window),
    )


def _sessions(model: CalendarModel, people: People, run: Run) -> tuple[Bools, Bools]:
    """Return which sessions are offered as planned, and which take place, make-up sessions included.

    A session is offered on an open day on which at least one participant is in the programme: randomised, not lost, less
    than six weeks ago.
    """
    day, planned = run.sessions.day, run.sessions.planned
    member = people.exposed[: run.baseline.size] == 1
    lost = people.week_lost[: run.baseline.size][member]
    enters = run.baseline[member]
    leaves = np.sort(enters + DAYS_PER_WEEK * np.where(lost >= 0, np.minimum(lost + 1, WEEKS), WEEKS))
    present = np.searchsorted(enters, day, side="right") > np.searchsorted(leaves, day, side="right")
    offered = present & open_days(model).is_open[np.maximum(day, 0)] & (day >= 0)
    offered[planned:] = False
    took_place = offered & run.sessions.held
    took_place[planned:] = True
    return offered, took_place


def _hours(model: CalendarModel, run: Run, took_place: Bools) -> Floats:
    """Return the staff's hours by calendar week: screening, baseline and final visits, sessions that take place."""
    weeks = int(week_of(model, np.array(model.completion))) + 1
    work = (
        (run.screened, model.screening_minutes),
        (run.baseline, model.baseline_minutes),
        (run.final[run.final != NO_DAY], model.final_minutes),
        (run.sessions.day[took_place], model.session_minutes),
    )
    minutes = sum((np.bincount(week_of(model, day), minlength=weeks)[:weeks] * each for day, each in work), start=np.zeros(weeks))
    return np.asarray(minutes / MINUTES_PER_HOUR)
