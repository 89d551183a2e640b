"""One unit's calendar as a discrete-event model (SimPy): people come, are screened, wait, are randomised, followed and seen again.

The people are given: what they do in six weeks, and whether they are lost, is the replicate's. The calendar puts days to it
and finds out what one unit can do: how many it randomises in time, how full its sessions are, how late the final visits. It
changes no outcome: who attends in the replicate attends here, in a session of that week with a free place or, where
cancellations and full sessions leave none, in a make-up session, which is counted. So it stays outside the replicate loop,
and a calendar is a pure function of (seed, replicate, model, people).

Processes are weekly, not daily: adherence of a week is booked as one batch. One place of an assessor is held from a visit
until the next open day, so that no day has more visits than places.
"""

from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np
import simpy
from numpy.typing import NDArray

from odisea.errors import Problem, ProtocolError
from odisea.simulate.calendar_draws import (
    Key,
    arrival_days,
    cancelled_sessions,
    final_visit_shifts,
    preferred_sessions,
    session_days,
    waiting_days,
)
from odisea.simulate.calendar_events import NEVER, NOBODY, Kind, Row, event_table
from odisea.simulate.calendar_model import DAYS_PER_WEEK, LAST_ARRIVAL, CalendarModel, People, open_days, week_of
from odisea.simulate.mechanism import WEEKS

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Process = Generator[simpy.Event, Any, None]

ENROLLED, INELIGIBLE, DECLINED = 0, 1, 2
NO_SESSION = -1
NO_DAY = -1


class Sessions(NamedTuple):
    """The live sessions of a calendar: those planned, in order of time, then the make-up sessions in order of booking."""

    day: Ints  # (k,)
    held: Bools  # (k,) False: the unit was closed, or the session fell out
    taken: Ints  # (k,) places taken; a session that nobody can attend is not in the way
    planned: int  # how many of them are planned ones


class Run(NamedTuple):
    """One calendar. Participants are numbered in the order of randomisation; r of the replicate's n have been randomised."""

    screened: Ints  # (c,) day of screening of the candidates who came, in order
    candidate: Ints  # (r,) which candidate became participant i
    baseline: Ints  # (r,) day of consent, baseline visit and randomisation
    final: Ints  # (r,) day of the final visit, -1 for who is lost
    attended: Ints  # (6, r) number of the session of each week, -1 where none was attended
    moved: int  # attendances in another planned session than the preferred one
    sessions: Sessions
    rows: list[Row]

    def events(self) -> Ints:
        """Return the event table of the calendar."""
        return event_table(self.rows)


def run_calendar(key: Key, model: CalendarModel, people: People, until_full: bool = False) -> Run:
    """Return the calendar of one replicate's people.

    Parameters
    ----------
    key : (seed, replicate)
    model : CalendarModel
    people : People
        One replicate; nobody can be randomised beyond its n participants.
    until_full : bool
        Go on until everybody is randomised, whatever the date; else recruitment ends with the last possible day.

    Raises
    ------
    ProtocolError
        `until_full` with a pace so low that forty years are not enough.
    """
    unit = _Unit(key, model, people, LAST_ARRIVAL if until_full else model.last_day)
    if until_full and unit.arrivals.size < people.screened.size:
        raise ProtocolError(
            Problem(
                "randomised_per_week",
                f"at {model.randomised_per_week:g} a week, {people.exposed.size} participants are not found in forty years",
                "",
                "Raise the pace, or shorten the closures",
            )
        )
    unit.environment.process(unit.recruit())
    unit.environment.run()
    return unit.result()


class _Timetable:
    """Places in live sessions, given out in the order of asking."""

    def __init__(self, key: Key, model: CalendarModel, weeks: int) -> None:
        days, opening = session_days(model, weeks), open_days(model)
        ahead = np.maximum(days, 0)
        held = (days >= 0) & opening.is_open[ahead] & ~cancelled_sessions(key, model, weeks)
        self.is_open = opening.is_open
        self.capacity, self.per_week = model.session_capacity, model.sessions_per_week
        self.first_of_day: list[int] = np.searchsorted(days, np.arange(DAYS_PER_WEEK * weeks)).tolist()
        self.days: list[int] = days.tolist()
        self.held: list[bool] = held.tolist()
        self.taken = [0] * len(self.days)
        self.planned = len(self.days)
        self.make_up: dict[int, int] = {}
        self.moved = 0

    def book(self, first_day: int, preferred: int) -> int:
        """Return the session that a participant attends in the week that begins with a day: the preferred one or the next with room."""
        first = self.first_of_day[first_day]
        for step in range(self.per_week):
            number = first + (preferred + step) % self.per_week
            if self.held[number] and self.taken[number] < self.capacity:
                self.taken[number] += 1
                self.moved += step > 0
                return number
        return self._make_up(first_day)

    def _make_up(self, first_day: int) -> int:
        """Return a make-up session on the week's last open day (its last day where the unit is closed all week)."""
        week = range(first_day, first_day + DAYS_PER_WEEK)
        day = next((day for day in reversed(week) if self.is_open[day]), week[-1])
        number = self.make_up.get(day, NO_SESSION)
        if number == NO_SESSION or self.taken[number] == self.capacity:
            number = self.make_up[day] = len(self.days)
            self.days.append(day)
            self.held.append(True)
            self.taken.append(0)
        self.taken[number] += 1
        return number

    def result(self) -> Sessions:
        return Sessions(np.array(self.days, dtype=np.int64), np.array(self.held), np.array(self.taken, dtype=np.int64), self.planned)


class _Unit:
    """The clinic: its clock, its assessors, its list, and the processes of recruitment, programme and final visit."""

    def __init__(self, key: Key, model: CalendarModel, people: People, closes: int) -> None:
        candidates, participants = people.screened.size, people.exposed.size
        self.environment = simpy.Environment()
        self.assessors = simpy.Resource(self.environment, model.assessments_per_day)
        self.model, self.closes = model, closes
        self.following: list[int] = open_days(model).following.tolist()
        self.arrivals = arrival_days(key, model, candidates, closes)
        self.waiting: list[int] = waiting_days(key, model, candidates).tolist()
        self.shifts: list[int] = final_visit_shifts(key, model, participants).tolist()
        self.preferred: list[list[int]] = preferred_sessions(key, model, participants).tolist()
        weeks = int(week_of(model, np.array(closes + model.follow_up))) + 2
        self.timetable = _Timetable(key, model, weeks)
        self.outcome: list[int] = people.screened.tolist()
        self.exposed, self.week_lost = people.exposed.tolist(), people.week_lost.tolist()
        self.engaged, self.live = people.engaged.tolist(), people.live.tolist()
        self.diary, self.logins = people.diary.tolist(), people.logins.tolist()
        self.rows: list[Row] = []
        self.candidate: list[int] = []
        self.baseline: list[int] = []
        self.final = [NO_DAY] * participants
        self.attended = np.full((WEEKS, participants), NO_SESSION, dtype=np.int64)

    @property
    def today(self) -> int:
        return int(self.environment.now)

    def note(self, day: int, kind: int, candidate: int = NOBODY, participant: int = NOBODY, week: int = NEVER, count: int = 1) -> None:
        self.rows.append((day, kind, candidate, participant, week, count))

    def recruit(self) -> Process:
        """Screen the candidates on the days on which they come."""
        refusals = {INELIGIBLE: int(Kind.INELIGIBLE), DECLINED: int(Kind.DECLINED)}
        for candidate, day in enumerate(self.arrivals.tolist()):
            if day > self.environment.now:
                yield self.environment.timeout(day - self.today)
            self.note(day, int(Kind.SCREENED), candidate)
            if self.outcome[candidate] == ENROLLED:
                self.environment.process(self.enrol(candidate))
            else:
                self.note(day, refusals[self.outcome[candidate]], candidate)

    def enrol(self, candidate: int) -> Process:
        """Wait, take an assessor's place, randomise: the next number goes to who comes first."""
        yield from self.wait_for_open_day(self.today + self.waiting[candidate])
        with self.assessors.request() as place:
            yield place
            if self.today > self.closes:
                self.note(self.today, int(Kind.TOO_LATE), candidate)
                return
            self.randomise(candidate)
            yield from self.wait_for_open_day(self.today + 1)

    def randomise(self, candidate: int) -> None:
        participant = len(self.baseline)
        self.note(self.today, int(Kind.RANDOMISED), candidate, participant)
        self.candidate.append(candidate)
        self.baseline.append(self.today)
        if self.week_lost[participant] == NEVER:
            self.environment.process(self.come_back(participant))
        if self.exposed[participant] == 1:
            self.environment.process(self.take_part(participant))
        elif self.week_lost[participant] != NEVER:
            self.environment.process(self.leave(participant))

    def take_part(self, participant: int) -> Process:
        """Live through the weeks of the programme until they end or the participant is lost."""
        was_engaged = True
        for week in range(WEEKS):
            first_day = self.today
            is_engaged = self.engaged[week][participant] > 0.0
            if was_engaged and not is_engaged:
                self.note(first_day, int(Kind.STOPPED), NOBODY, participant, week)
            was_engaged = is_engaged
            if self.live[week][participant] > 0.0:
                self.attend(participant, week, first_day)
            yield self.environment.timeout(DAYS_PER_WEEK)
            for kind, stream in ((Kind.DIARY, self.diary), (Kind.LOGINS, self.logins)):
                if stream[week][participant] > 0.0:
                    self.note(self.today - 1, int(kind), NOBODY, participant, week, int(stream[week][participant]))
            if self.week_lost[participant] == week:
                self.note(self.today, int(Kind.LOST), NOBODY, participant, week)
                return

    def attend(self, participant: int, week: int, first_day: int) -> None:
        session = self.timetable.book(first_day, self.preferred[week][participant])
        self.attended[week, participant] = session
        self.note(self.timetable.days[session], int(Kind.LIVE), NOBODY, participant, week)

    def leave(self, participant: int) -> Process:
        """Be lost from the arm without the programme."""
        week = self.week_lost[participant]
        yield self.environment.timeout(DAYS_PER_WEEK * (week + 1))
        self.note(self.today, int(Kind.LOST), NOBODY, participant, week)

    def come_back(self, participant: int) -> Process:
        """Come to the final visit, early or late, when the unit is open and an assessor has a place."""
        yield from self.wait_for_open_day(self.today + self.model.follow_up + self.shifts[participant])
        with self.assessors.request() as place:
            yield place
            self.final[participant] = self.today
            self.note(self.today, int(Kind.ASSESSED), NOBODY, participant, WEEKS)
            yield from self.wait_for_open_day(self.today + 1)

    def wait_for_open_day(self, day: int) -> Process:
        yield self.environment.timeout(self.following[day] - self.today)

    def result(self) -> Run:
        count = len(self.baseline)
        return Run(
            screened=self.arrivals,
            candidate=np.array(self.candidate, dtype=np.int64),
            baseline=np.array(self.baseline, dtype=np.int64),
            final=np.array(self.final[:count], dtype=np.int64),
            attended=self.attended[:, :count],
            moved=self.timetable.moved,
            sessions=self.timetable.result(),
            rows=self.rows,
        )
