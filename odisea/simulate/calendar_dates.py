"""The dates of one trial for its export: when each candidate was screened, each participant seen, each session held, each diary day kept.

They come from one calendar that goes on until everybody is randomised, so that a rehearsal has all its participants; dates
after the registered completion then show how late the trial would be.
"""

from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.simulate.calendar import NO_DAY, NO_SESSION, Run, run_calendar
from odisea.simulate.calendar_draws import Key, diary_days
from odisea.simulate.calendar_events import followed
from odisea.simulate.calendar_model import DAYS_PER_WEEK, HORIZON, CalendarModel, People, date_of
from odisea.simulate.mechanism import WEEKS

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DONE, OUT_OF_WINDOW, MISSED = "done", "out_of_window", "missed"  # codes of visits.csv


class Dates(NamedTuple):
    """Dates over the candidates and over the n participants in the order of randomisation."""

    screened: tuple[date, ...]  # per candidate
    candidate: tuple[int, ...]  # which candidate became the participant
    baseline: tuple[date, ...]  # consent, baseline visit and randomisation are one visit
    due: tuple[date, ...]  # of the final visit
    final: tuple[date | None, ...]
    final_status: tuple[str, ...]
    left: tuple[date, ...]  # end of the week of loss; the final visit of all others
    sessions: tuple[tuple[str, date], ...]  # identifier and day of every session that took place, in order of time
    attended: tuple[tuple[int | None, ...], ...]  # (6, n) place in `sessions`
    diary: Bools  # (6, 7, n) the days of each week with an entry; none after the week of loss


def calendar_dates(key: Key, model: CalendarModel, people: People) -> Dates:
    """Return the dates of one replicate.

    Raises
    ------
    ProtocolError
        The pace is so low that forty years are not enough.
    """
    run = run_calendar(key, model, people, until_full=True)
    due = run.baseline + model.follow_up
    left = np.where(run.final == NO_DAY, run.baseline + DAYS_PER_WEEK * (people.week_lost + 1), run.final)
    sessions, place = _sessions(model, run)
    return Dates(
        screened=_dates(model, run.screened),
        candidate=tuple(run.candidate.tolist()),
        baseline=_dates(model, run.baseline),
        due=_dates(model, due),
        final=tuple(None if day == NO_DAY else date_of(model, day) for day in run.final.tolist()),
        final_status=tuple(_status(model, day, when) for day, when in zip(run.final.tolist(), due.tolist(), strict=True)),
        left=_dates(model, left),
        sessions=sessions,
        attended=tuple(tuple(None if number == NO_SESSION else int(place[number]) for number in week) for week in run.attended.tolist()),
        diary=diary_days(key, np.where(followed(people).recorded, people.diary, 0.0)),
    )


def _dates(model: CalendarModel, days: Ints) -> tuple[date, ...]:
    return tuple(date_of(model, day) for day in days.tolist())


def _status(model: CalendarModel, day: int, due: int) -> str:
    if day == NO_DAY:
        return MISSED
    return DONE if due - model.window_before <= day <= due + model.window_after else OUT_OF_WINDOW


def _sessions(model: CalendarModel, run: Run) -> tuple[tuple[tuple[str, date], ...], Ints]:
    """Return the sessions held from the first randomisation to six weeks after the last, and the place of each number among them."""
    day = run.sessions.day
    first, last = run.baseline.min(initial=HORIZON), run.baseline.max(initial=0) + DAYS_PER_WEEK * WEEKS
    shown = np.flatnonzero(run.sessions.held & (day >= first) & (day < last))
    shown = shown[np.argsort(day[shown], kind="stable")]
    place = np.full(day.size, NO_SESSION)
    place[shown] = np.arange(shown.size)
    digits = max(3, len(str(shown.size)))
    return tuple((f"S{k + 1:0{digits}d}", date_of(model, int(day[number]))) for k, number in enumerate(shown)), place
