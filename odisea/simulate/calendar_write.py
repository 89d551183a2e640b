"""`odisea calendar`: the summary of many calendars as result files."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from odisea.errors import Problem, ProtocolError
from odisea.protocol.model import Protocol
from odisea.provenance import manifest, write_json, write_text
from odisea.simulate.assumptions import Scenario
from odisea.simulate.calendar import NO_DAY
from odisea.simulate.calendar_figures import Figures
from odisea.simulate.calendar_model import POSSIBLE, CalendarModel, People, calendar_model, date_of, enrolled_share
from odisea.simulate.calendar_summary import run_calendars, summarise_calendars

Row = Sequence[Any]

QUANTILES = ("q05", "q25", "q50", "q75", "q95", "mean")
WEEKLY = ("week", "until", *(f"randomised_{name}" for name in QUANTILES), "staff_hours_mean", "staff_hours_q95")
PER_CALENDAR = (
    *(
        "calendar",
        "screened",
        "ineligible",
        "declined",
        "recruitment_closed",
        "randomised",
        "pace_needed",
        "total_reached_on",
        "last_visit_on",
    ),
    *("assessed", "out_of_window", "after_completion", "staff_hours", "sessions", "attendances", "moved", "made_up"),
)


class Request(NamedTuple):
    """What calendars are asked for."""

    protocol: Protocol
    inputs: tuple[Path, ...]  # the declarations
    scenario: Scenario
    participants: int
    seed: int
    calendars: int
    command: str


def write_calendars(
    folder: Path, request: Request, people: Callable[[int], People], advance: Callable[[int], None] = lambda more: None
) -> dict[str, Any]:
    """Run calendars and write calendar.json, calendar.csv, calendars.csv and manifest.json; return the summary.

    Parameters
    ----------
    people : callable
        Gives the people of a replicate by its number; called twice for each.
    advance : callable
        Told how many more calendars are done.

    Raises
    ------
    ProtocolError
        Fewer than two calendars, a scenario without people, a gap among the protocol's dates, or an impossible value.
    """
    _refuse(request)
    replicates = range(request.calendars)
    enrolled = enrolled_share(map(people, replicates))
    model = calendar_model(request.scenario.values, request.scenario.closed_days, request.protocol, enrolled)
    figures = run_calendars(request.seed, model, map(people, replicates), advance)
    summary = summarise_calendars(model, request.participants, figures)
    content = {
        "trial": request.protocol.trial,
        "scenario": request.scenario.id,
        "seed": request.seed,
        **summary,
        "assumptions": {name: request.scenario.values[name] for name in POSSIBLE},
        "closed_days": [[first.isoformat(), last.isoformat()] for first, last in request.scenario.closed_days],
    }
    write_calendar(folder, content, model, figures, request.inputs, request.command)
    return summary


def write_calendar(
    folder: Path,
    summary: Mapping[str, Any],
    model: CalendarModel,
    figures: Sequence[Figures],
    inputs: Iterable[Path],
    command: str,
) -> None:
    """Write a summary as calendar.json, its weeks as calendar.csv, a row per calendar as calendars.csv, and the manifest."""
    outputs = [
        write_json(folder / "calendar.json", summary),
        write_text(folder / "calendar.csv", table(WEEKLY, weekly_rows(summary))),
        write_text(folder / "calendars.csv", table(PER_CALENDAR, calendar_rows(model, figures))),
    ]
    details = {"trial": summary["trial"], "scenario": summary["scenario"], "seed": summary["seed"], "calendars": len(figures)}
    write_json(folder / "manifest.json", manifest(command, inputs, outputs, details))


def weekly_rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return accrual and staff load by calendar week; the fan ends with the last possible day, the load with completion."""
    fan = {week["week"]: week for week in summary["accrual"]}
    return [
        (
            load["week"],
            load["until"],
            *(fan.get(load["week"], {}).get(name) for name in QUANTILES),
            load["mean"],
            load["q95"],
        )
        for load in summary["staff"]["weeks"]
    ]


def calendar_rows(model: CalendarModel, figures: Sequence[Figures]) -> list[Row]:
    """Return a row per calendar."""

    def day(number: int) -> str | None:
        return None if number == NO_DAY else date_of(model, number).isoformat()

    return [
        (
            calendar,
            *(one.flow.screened, one.flow.ineligible, one.flow.declined, one.flow.recruitment_closed, one.flow.randomised),
            *(round(one.pace_needed, 4) if one.pace_needed < math.inf else None, day(one.full_day), day(one.last_visit)),
            *(int(one.flow.arm_assessed.sum()), one.early + one.late, one.after_completion, round(float(one.hours.sum()), 2)),
            *(one.attendees.size, one.attendances, one.moved, one.made_up),
        )
        for calendar, one in enumerate(figures)
    ]


def table(header: Row, rows: Iterable[Row]) -> str:
    """Return a table as CSV text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def _refuse(request: Request) -> None:
    problems = []
    if request.calendars < 2:
        problems.append(Problem("--calendars", f"{request.calendars} was asked for", "it takes at least 2 to say how they differ"))
    if request.scenario.textbook:
        problems.append(
            Problem(
                f"scenario {request.scenario.id}", "it draws two numbers per participant and has no people", "", "Name another scenario"
            )
        )
    if problems:
        raise ProtocolError(problems)
