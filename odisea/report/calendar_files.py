"""Reading the result folder of `odisea calendar`: the summary of simulated calendars, and what produced it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from odisea.errors import DataError, Problem
from odisea.protocol.model import Protocol
from odisea.report.content import Fan, FanDay, Message, Phrase, Plain, Trace
from odisea.report.numbers import Traced, whole, wilson
from odisea.report.results import MANIFEST, Manifest, Part, read_part

CALENDAR = "calendar.json"
NAN = float("nan")


class Week(Part):
    """A week of the accrual: quantiles of the number randomised by its end."""

    until: date
    q05: float
    q25: float
    q50: float
    q75: float
    q95: float


class Dates(Part):
    """The dates that the accrual is judged by."""

    start: date
    last_possible_day: date
    completion: date


class Accrual(Part):
    """What the accrual fan needs of `calendar.json`."""

    trial: str
    participants: int
    dates: Dates
    accrual: tuple[Week, ...]


class Estimate(Part):
    """A probability or a ratio with its Monte Carlo standard error; None where nothing was counted."""

    value: float | None
    mcse: float | None


class Spread(Part):
    """A count over calendars: median and the limits of its 90 % interval."""

    median: float
    low: float
    high: float


class Pace(Part):
    """The assumed pace and the paces that are needed, per open week with a recruiter."""

    assumed_per_open_week: float
    needed_on_average: float | None
    needed_for: dict[Annotated[str, Field(pattern=r"^\d+%$")], float | None] = Field(min_length=1)
    needed_per_calendar_week: float
    open_weeks: float
    open_weeks_needed: float
    recruiter_absence: float
    enrolled_share_of_screened: float
    screened_per_open_week: float


class WholeDates(Dates):
    """The dates with the days between entry and the final visit."""

    follow_up_days: int
    window_days: tuple[int, int]


class Reached(Part):
    """When the total is reached, over the calendars that reach it."""

    median: date
    low: date
    high: date


class Staff(Part):
    """Hours of staff."""

    hours_in_all: Spread
    busiest_week: Spread


class Attendees(Part):
    """Participants per live session; None where no session took place."""

    median: float | None
    low: float | None
    high: float | None
    most: float
    mean: Estimate


class Sessions(Part):
    """Live sessions."""

    capacity: float
    per_week: float
    attendees: Attendees
    full: Estimate
    cancelled: Estimate
    moved: Estimate
    made_up: Estimate


class FinalVisits(Part):
    """Shares of the final visits done."""

    out_of_window: Estimate
    early: Estimate
    late: Estimate
    after_completion: Estimate


class ArmFlow(Part):
    """The flow of one arm."""

    randomised: Spread
    started: Spread
    stopped: Spread
    lost: Spread
    assessed: Spread
    in_window: Spread


class Arms(Part):
    """The flow with and without the programme."""

    programme: ArmFlow
    comparison: ArmFlow


class Flow(Part):
    """The predicted participant flow."""

    screened: Spread
    ineligible: Spread
    declined: Spread
    recruitment_closed: Spread
    randomised: Spread
    arms: Arms


class CalendarContent(Accrual):
    """`calendar.json`."""

    scenario: str
    seed: int
    calendars: int
    dates: WholeDates
    pace: Pace
    total_randomised_in_time: Estimate
    last_visit_in_time: Estimate
    total_randomised_and_last_visit_in_time: Estimate
    total_reached_on: Reached | None
    staff: Staff
    sessions: Sessions
    final_visits: FinalVisits
    flow: Flow
    assumptions: dict[str, float]
    closed_days: tuple[tuple[date, date], ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The calendars of one scenario; `folder` is the name that traces print."""

    folder: str
    content: CalendarContent
    manifest: Manifest

    def place(self, pointer: str, rule: str = "") -> Trace:
        """Return a place in the summary."""
        return Trace(f"{self.folder}/{CALENDAR}", pointer, rule)

    def number(self, *path: str) -> Traced:
        """Return a number of the summary by its path; NaN where the file has none."""
        found: Any = self.content
        for step in path:
            found = _inside(found, step)
        return Traced(NAN if found is None else float(found), self.place("/" + "/".join(path)))

    def interval(self, *path: str) -> tuple[Traced, Traced]:
        """Return the 95 % Monte Carlo interval of a probability; it does not shrink to a point at 0 or 1."""
        share = self.number(*path, "value")
        low, high = wilson(share.value, self.content.calendars)
        return share.follows("lower Wilson limit", lambda _: low), share.follows("upper Wilson limit", lambda _: high)

    def certainty(self, name: str) -> Traced:
        """Return the share of calendars that a needed pace is for: the name under which it stands, `90%`."""
        return Traced(float(name.rstrip("%")) / 100.0, self.place(f"/pace/needed_for/{name}", "the share in its name"))


def _inside(found: Any, step: str) -> Any:
    if isinstance(found, Mapping):
        return found[step]
    return found[int(step)] if isinstance(found, tuple) else getattr(found, step)


def accrual_fan(accrual: Accrual, total: Traced) -> Fan:
    """Return the accrual as a plot; `total` is the number to be randomised, with its place."""
    days = tuple(FanDay(week.until, week.q05, week.q25, week.q50, week.q75, week.q95) for week in accrual.accrual)
    return Fan(accrual.dates.start, accrual.dates.last_possible_day, accrual.participants, whole(total), days)


def day(value: date) -> Phrase:
    """Return a date in words, without leading zeros."""
    return Message(
        "date.full", {"day": Plain(str(value.day)), "month": Message(f"date.month_{value.month}"), "year": Plain(str(value.year))}
    )


def read_calendar(folder: Path, protocol: Protocol) -> Calendar:
    """Return the result folder of `odisea calendar`.

    Raises
    ------
    DataError
        A file is missing or broken, it belongs to another trial, or it has no week; all missing files at once.
    """
    missing = [name for name in (CALENDAR, MANIFEST) if not (folder / name).is_file()]
    if missing:
        raise DataError(
            Problem(
                str(folder / name), "the file is missing", "a calendar's folder holds it", "Run `odisea calendar` into the folder again"
            )
            for name in missing
        )
    content = read_part(folder / CALENDAR, CalendarContent)
    place = str(folder / CALENDAR)
    if content.trial != protocol.trial:
        raise DataError(Problem(place, f"the calendar is of trial {content.trial}", f"the protocol is trial {protocol.trial}"))
    if not content.accrual:
        raise DataError(Problem(f"{place}: /accrual", "there is no week", "", "Run `odisea calendar` again"))
    return Calendar(folder.name, content, read_part(folder / MANIFEST, Manifest))
