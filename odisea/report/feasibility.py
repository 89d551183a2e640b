"""Part I of the power report, whether one clinic can do it in time: at most one page, in natural frequencies.

It stands apart from the verdict on the number of people. The pace is an assumption, so what the clinic would need stands
beside what the assumed pace gives.
"""

from collections.abc import Iterator

from odisea.report.calendar_files import Calendar, accrual_fan, day
from odisea.report.case import Case
from odisea.report.content import Block, Figure, Listing, Number, Paragraph, Phrase, Plain, Reference, Section, say
from odisea.report.numbers import Traced, fixed, hundredths, of_hundred, short, whole
from odisea.report.results import Parameter, ScenarioResult

PACE = "randomised_per_week"
EVEN, HIGH = "50%", "90%"  # how sure a needed pace makes it that the total is reached
TOLD = 4  # dates of the fan that its text names


def feasibility_sections(case: Case) -> tuple[Section, ...]:
    """Return the section of Part I; none where no calendar was simulated."""
    if case.calendar is None:
        return ()
    calendar = case.calendar
    blocks: list[Block] = [
        Paragraph("dates", (say("feasibility.separate"), _dates(calendar))),
        Paragraph("answer", tuple(_answer(calendar))),
        Paragraph("pace", tuple(_pace(case, calendar))),
        Paragraph("needed", tuple(_needed(case, calendar))),
        fan_figure(calendar),
        Paragraph("visits", tuple(_visits(calendar))),
    ]
    return (Section("feasibility", say("feasibility.heading"), tuple(block for block in blocks if not _empty(block))),)


def _empty(block: Block) -> bool:
    return isinstance(block, Paragraph) and not block.phrases


def total(calendar: Calendar) -> Traced:
    """Return the number that is to be randomised."""
    return calendar.number("participants")


def _dates(calendar: Calendar) -> Phrase:
    """Say why there is a last possible day."""
    dates = calendar.content.dates
    return say(
        "feasibility.dates",
        total=whole(total(calendar)),
        completion=day(dates.completion),
        last=day(dates.last_possible_day),
        days=whole(calendar.number("dates", "follow_up_days")),
        window=whole(calendar.number("dates", "window_days", "1")),
    )


def _answer(calendar: Calendar) -> Iterator[Phrase]:
    """Say in how many calendars the total is reached, in how many the study ends in time, and how many people there are."""
    full = calendar.number("total_randomised_in_time", "value")
    done = calendar.number("total_randomised_and_last_visit_in_time", "value")
    yield say("feasibility.calendars", n=whole(calendar.number("calendars")))
    if full.value == 0.0:
        yield say("feasibility.never", n=whole(calendar.number("calendars")))
    else:
        yield say("feasibility.in_time", n=of_hundred(full), done=of_hundred(done))
    median, low, high = (calendar.number("flow", "randomised", name) for name in ("median", "low", "high"))
    if low.value < total(calendar).value:
        yield say("feasibility.found", median=whole(median), low=whole(low), high=whole(high))
        yield say("feasibility.supposed", total=whole(total(calendar)))


def declared(case: Case, name: str) -> tuple[ScenarioResult, Parameter | None]:
    """Return the declaration of an assumption of the calendar and whose file holds it: its own scenario's, else the claim's."""
    scenario = case.calendar.content.scenario if case.calendar else ""
    world = next((one for one in case.chosen.all if one.id == scenario), case.claim)
    return world, next((one for one in world.assumptions.parameters if one.name == name), None)


def _pace(case: Case, calendar: Calendar) -> Iterator[Phrase]:
    """Say that the pace is an assumption, and how good it is."""
    yield say("feasibility.pace", pace=short(calendar.number("pace", "assumed_per_open_week")))
    world, parameter = declared(case, PACE)
    if parameter is None:
        return
    low, high = (short(world.parameter(PACE, end)) for end in ("low", "high"))
    key = "feasibility.pace_sourced" if parameter.source else "feasibility.pace_unsourced"
    yield say(key, low=low, high=high, grade=Plain(parameter.grade), section=Reference("calendar_assumptions"))


def _needed(case: Case, calendar: Calendar) -> Iterator[Phrase]:
    """Say which pace would do, what the answer is at that pace, and whether it is a plausible one."""
    needed = {name: calendar.number("pace", "needed_for", name) for name in calendar.content.pace.needed_for}
    known = {name: pace for name, pace in needed.items() if pace.known}
    if not known:
        yield say("feasibility.no_pace")
        return
    told = tuple(say("feasibility.needed_told", pace=fixed(pace, 1), n=certain(calendar, name)) for name, pace in known.items())
    yield say("feasibility.needed", told=Listing(told, "clauses"))
    world, parameter = declared(case, PACE)
    if parameter is not None and min(pace.value for pace in known.values()) > parameter.high:
        yield say("feasibility.beyond", high=short(world.parameter(PACE, "high")))
    yield say("feasibility.ask")


def certain(calendar: Calendar, name: str) -> Number:
    """Print the share of calendars that a needed pace is for, of 100."""
    return hundredths(calendar.certainty(name))


def _visits(calendar: Calendar) -> Iterator[Phrase]:
    """Say how many last visits fall outside their window."""
    outside = calendar.number("final_visits", "out_of_window", "value")
    if outside.known:
        yield say("feasibility.visits", n=of_hundred(outside))


def fan_figure(calendar: Calendar) -> Figure:
    """Return the accrual fan with a text that gives its figures on some dates."""
    weeks = calendar.content.accrual
    step = max(len(weeks) // TOLD, 1)
    places = list(range(len(weeks) - 1, -1, -step))[:TOLD][::-1]
    told = tuple(
        say(
            "feasibility.fan_told",
            day=day(weeks[place].until),
            median=_of_week(calendar, place, "q50"),
            low=_of_week(calendar, place, "q05"),
            high=_of_week(calendar, place, "q95"),
        )
        for place in places
    )
    caption = say("feasibility.fan_caption", n=whole(calendar.number("calendars")))
    alt = say("feasibility.fan_alt", total=whole(total(calendar)), told=Listing(told, "clauses"))
    return Figure("accrual", caption, alt, accrual_fan(calendar.content, total(calendar)))


def _of_week(calendar: Calendar, week: int, quantile: str) -> Phrase:
    return whole(calendar.number("accrual", str(week), quantile))
