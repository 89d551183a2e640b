"""Part II of the power report, the calendar: time and pace, predicted participant flow, load, and the assumptions behind them."""

from collections.abc import Iterator
from datetime import date

from odisea.report.calendar_files import CALENDAR, Calendar, day
from odisea.report.case import Case
from odisea.report.content import (
    Block,
    Callout,
    Column,
    Facts,
    Figure,
    Flow,
    Listing,
    Paragraph,
    Phrase,
    Plain,
    Row,
    Section,
    Table,
    Trace,
    say,
)
from odisea.report.feasibility import PACE, certain, declared, total
from odisea.report.numbers import DASH, Traced, fixed, percent, short, whole, with_error
from odisea.report.register import cited_sources, parameter_label, source_numbers, unit_label

INTERVAL = 0.9  # from the 5th to the 95th centile of the calendars
ROWS = 8  # of the table that stands for the accrual fan
CHANCES = ("total_randomised_in_time", "last_visit_in_time", "total_randomised_and_last_visit_in_time")
BOXES = ("randomised", "started", "stopped", "lost", "assessed", "in_window")
ARMS = ("programme", "comparison")
SHARES = (
    ("final_visits", "out_of_window"),
    ("final_visits", "early"),
    ("final_visits", "late"),
    ("final_visits", "after_completion"),
    ("sessions", "full"),
    ("sessions", "cancelled"),
    ("sessions", "moved"),
    ("sessions", "made_up"),
)


def calendar_sections(case: Case) -> tuple[Section, ...]:
    """Return the sections on the calendar; none where no calendar was simulated."""
    if case.calendar is None:
        return ()
    calendar = case.calendar
    return _time(case, calendar), _flow(calendar), _load(calendar), _assumptions(case, calendar)


# ---------------------------------------------------------------- time and pace


def _time(case: Case, calendar: Calendar) -> Section:
    """Give the probabilities of being in time, the paces, and the accrual in numbers."""
    about = (
        say("calendar.about", n=whole(calendar.number("calendars")), scenario=_scenario_label(case, calendar)),
        say("calendar.no_feedback"),
        say("calendar.not_the_verdict"),
    )
    blocks = (
        *_mixture(case, calendar),
        Paragraph("about", about),
        _chances(calendar),
        _paces(calendar),
        Paragraph("reading", tuple(_reading(calendar))),
        _accrual(calendar),
    )
    return Section("calendar_time", say("calendar.heading_time"), blocks)


def _scenario_label(case: Case, calendar: Calendar) -> Phrase:
    label = next((one.assumptions.label for one in case.chosen.all if one.id == calendar.content.scenario), None)
    return label or Plain(calendar.content.scenario, code=True)


def _mixture(case: Case, calendar: Calendar) -> Iterator[Block]:
    """Warn where calendar and power were computed from different declarations or code."""
    if calendar.manifest.inputs != case.claim.manifest.inputs:
        yield Callout("mixed_inputs", "not_met", say("calendar.mixed_heading"), (say("calendar.mixed_inputs"),))
    if calendar.manifest.code != case.claim.manifest.code:
        yield Callout("mixed_code", "note", say("calendar.mixed_heading"), (say("calendar.mixed_code"),))


def _chances(calendar: Calendar) -> Table:
    columns = (
        Column("event", say("calendar.event"), "start", 0.56),
        Column("chance", say("calendar.chance"), width=0.22),
        Column("interval", say("calendar.chance_interval"), width=0.22),
    )
    dates = calendar.content.dates
    words = {"total": whole(total(calendar)), "last": day(dates.last_possible_day), "completion": day(dates.completion)}
    events: dict[str, Phrase] = {
        "total_randomised_in_time": say("calendar.event_total", total=words["total"], last=words["last"]),
        "last_visit_in_time": say("calendar.event_visit", completion=words["completion"]),
        "total_randomised_and_last_visit_in_time": say("calendar.event_both"),
    }
    rows = tuple(Row(name, (events[name], _share(calendar, 2, name), _limits(*calendar.interval(name)))) for name in CHANCES)
    return Table("chances", say("calendar.chances_caption"), columns, rows, (say("note.mcse"), say("calendar.chances_note")))


def _share(calendar: Calendar, digits: int, *path: str) -> Phrase:
    """Print a share in percent with its Monte Carlo standard error."""
    return with_error(percent(calendar.number(*path, "value")), percent(calendar.number(*path, "mcse"), digits))


def _limits(low: Traced, high: Traced) -> Phrase:
    return say("register.range_value", low=percent(low), high=percent(high))


def _paces(calendar: Calendar) -> Table:
    """Set the assumed pace beside the paces that are needed."""
    rows = [Row("assumed", (say("calendar.pace_assumed"), short(calendar.number("pace", "assumed_per_open_week"))))]
    rows.append(Row("on_average", (say("calendar.pace_on_average"), fixed(calendar.number("pace", "needed_on_average"), 2))))
    for name in calendar.content.pace.needed_for:
        needed = calendar.number("pace", "needed_for", name)
        label = say("calendar.pace_for", n=certain(calendar, name))
        rows.append(Row(f"for{name.rstrip('%')}", (label, fixed(needed, 2) if needed.known else say("calendar.no_pace"))))
    rows += [
        Row(name, (say(f"calendar.pace_{name}"), shown))
        for name, shown in {
            "calendar_week": fixed(calendar.number("pace", "needed_per_calendar_week"), 2),
            "open_weeks": fixed(calendar.number("pace", "open_weeks"), 1),
            "open_weeks_needed": fixed(calendar.number("pace", "open_weeks_needed"), 1),
            "screened": fixed(calendar.number("pace", "screened_per_open_week"), 1),
            "enrolled": percent(calendar.number("pace", "enrolled_share_of_screened")),
        }.items()
    ]
    columns = (Column("what", say("calendar.quantity"), "start", 0.76), Column("value", say("register.value"), width=0.24))
    return Table("paces", say("calendar.paces_caption"), columns, tuple(rows), (say("calendar.paces_note"),))


def _reading(calendar: Calendar) -> Iterator[Phrase]:
    """Say in words what the two tables give."""
    found = {name: whole(calendar.number("flow", "randomised", name)) for name in ("median", "low", "high")}
    last = day(calendar.content.dates.last_possible_day)
    yield say("calendar.reading_found", level=_level(), total=whole(total(calendar)), last=last, **found)
    reached = calendar.content.total_reached_on
    if reached is not None:
        yield say("calendar.reading_reached", median=day(reached.median), low=day(reached.low), high=day(reached.high), level=_level())
    for name in calendar.content.pace.needed_for:
        needed = calendar.number("pace", "needed_for", name)
        if needed.known:
            yield say("calendar.reading_needed", pace=fixed(needed, 2), n=certain(calendar, name))
    yield say("calendar.reading_rests")


def _level() -> Phrase:
    """Print the level of the intervals of counts."""
    return percent(Traced(INTERVAL, Trace("report", "level of the intervals of counts over calendars")), 0)


def _accrual(calendar: Calendar) -> Table:
    """Give the accrual fan in numbers, on dates evenly apart, the last possible day among them."""
    weeks = calendar.content.accrual
    step = -(-len(weeks) // ROWS)
    places = sorted(range(len(weeks) - 1, -1, -step))
    quantiles = ("q05", "q25", "q50", "q75", "q95")
    columns = (
        Column("until", say("calendar.until"), "start", 0.35),
        *(Column(name, say("calendar.centile", n=_centile(name)), width=0.13) for name in quantiles),
    )
    rows = tuple(
        Row(f"week{place}", (day(weeks[place].until), *(whole(calendar.number("accrual", str(place), name)) for name in quantiles)))
        for place in places
    )
    return Table("accrual", say("calendar.accrual_caption", n=whole(calendar.number("calendars"))), columns, rows)


def _centile(name: str) -> Phrase:
    return whole(Traced(float(name.removeprefix("q")), Trace("report", "centile of the accrual")))


# ---------------------------------------------------------------- participant flow


def _flow(calendar: Calendar) -> Section:
    """Give the predicted participant flow as a drawing and as a table."""
    trunk = ((_box(calendar, "screened"),), (_box(calendar, "randomised"),))
    side = tuple(_box(calendar, name) for name in ("ineligible", "declined", "recruitment_closed"))
    arms = tuple(tuple(_arm_boxes(calendar, arm)) for arm in ARMS)
    caption = say("calendar.flow_caption", level=_level())
    figure = Figure("drawing", caption, say("calendar.flow_alt"), Flow(trunk, side, arms))
    return Section(
        "calendar_flow",
        say("calendar.heading_flow"),
        (Paragraph("about", (say("calendar.flow_about", level=_level()),)), figure, _flow_table(calendar)),
    )


def _box(calendar: Calendar, name: str, *inside: str) -> Phrase:
    return say("calendar.box", what=say(f"calendar.box_{name}"), n=_spread(calendar, "flow", *inside, name))


def _spread(calendar: Calendar, *path: str, digits: int = 0) -> Phrase:
    """Print a median with its interval."""
    median, low, high = (fixed(calendar.number(*path, name), digits) for name in ("median", "low", "high"))
    return DASH if median is DASH else say("calendar.spread", median=median, low=low, high=high)


def _arm_boxes(calendar: Calendar, arm: str) -> Iterator[tuple[Phrase, ...]]:
    """Return an arm's boxes; in the comparison arm everybody starts and nobody stops, so these stand in the other alone."""
    yield say(f"calendar.arm_{arm}"), _box(calendar, "randomised", "arms", arm)
    middle = ("started", "stopped", "lost") if arm == "programme" else ("lost",)
    yield tuple(_box(calendar, name, "arms", arm) for name in middle)
    yield tuple(_box(calendar, name, "arms", arm) for name in ("assessed", "in_window"))


def _flow_table(calendar: Calendar) -> Table:
    columns = (
        Column("what", say("flow.what"), "start", 0.34),
        Column("all", say("calendar.arm_all"), width=0.22),
        *(Column(name, say(f"calendar.arm_{name}"), width=0.22) for name in ARMS),
    )
    before = ("screened", "ineligible", "declined", "recruitment_closed")
    rows = [Row(name, (say(f"calendar.box_{name}"), _spread(calendar, "flow", name), DASH, DASH)) for name in before]
    for name in BOXES:
        everybody = _spread(calendar, "flow", name) if name == "randomised" else DASH
        rows.append(Row(name, (say(f"calendar.box_{name}"), everybody, *(_spread(calendar, "flow", "arms", arm, name) for arm in ARMS))))
    return Table("flow", say("calendar.flow_table_caption", level=_level()), columns, tuple(rows))


# ---------------------------------------------------------------- load


def _load(calendar: Calendar) -> Section:
    """Give staff hours, how full sessions are, and the visits outside their window."""
    staff = (
        Row("hours", (say("calendar.hours_in_all"), _spread(calendar, "staff", "hours_in_all"))),
        Row("busiest", (say("calendar.busiest_week"), _spread(calendar, "staff", "busiest_week", digits=1))),
        Row("attendees", (say("calendar.attendees"), _spread(calendar, "sessions", "attendees"))),
        Row("most", (say("calendar.most"), whole(calendar.number("sessions", "attendees", "most")))),
        Row("capacity", (say("calendar.capacity"), whole(calendar.number("sessions", "capacity")))),
    )
    counts = (Column("what", say("calendar.quantity"), "start", 0.66), Column("value", say("calendar.median", level=_level()), width=0.34))
    shares = (Column("what", say("calendar.quantity"), "start", 0.72), Column("value", say("calendar.share"), width=0.28))
    rows = tuple(
        Row(f"{where}-{name}", (say(f"calendar.share_{where}_{name}"), _share(calendar, 2, where, name))) for where, name in SHARES
    )
    window = {end: whole(calendar.number("dates", "window_days", str(place))) for place, end in enumerate(("before", "after"))}
    return Section(
        "calendar_load",
        say("calendar.heading_load"),
        (
            Paragraph("about", (say("calendar.load_about"), say("calendar.window", **window))),
            Table("load", say("calendar.load_caption"), counts, staff),
            Table("shares", say("calendar.shares_caption"), shares, rows, (say("note.mcse"),)),
        ),
    )


# ---------------------------------------------------------------- assumptions


def _assumptions(case: Case, calendar: Calendar) -> Section:
    """List the assumptions of the calendar with range, source and grade, the closures, and what repeats it."""
    sources = cited_sources(case)
    columns = (
        Column("name", say("register.name"), "start", 0.4),
        Column("value", say("register.value"), width=0.1),
        Column("range", say("register.range"), width=0.14),
        Column("unit", say("register.unit"), "start", 0.18),
        Column("source", say("register.source"), "start", 0.1),
        Column("grade", say("register.grade"), "start", 0.08),
    )
    rows = tuple(_assumption(case, calendar, name, sources) for name in calendar.content.assumptions)
    closures = Listing(tuple(_closure(first, last) for first, last in calendar.content.closed_days), "semicolons")
    manifest = calendar.manifest
    repeat = (
        (say("reproduction.command"), Plain(manifest.command, code=True) if manifest.command else DASH),
        (say("reproduction.seed"), Plain(str(calendar.content.seed))),
        (say("reproduction.code"), Plain(manifest.code, code=True) if manifest.code else DASH),
        (say("calendar.hash", file=Plain(CALENDAR)), Plain(manifest.outputs.get(CALENDAR, "") or DASH.text, code=True)),
    )
    blocks: list[Block] = [
        Paragraph("about", tuple(_assumptions_about(case, calendar))),
        Table("assumptions", say("calendar.assumptions_caption"), columns, rows, small=True),
    ]
    if calendar.content.closed_days:
        blocks.append(Paragraph("closed", (say("calendar.closed", days=closures),)))
    return Section("calendar_assumptions", say("calendar.heading_assumptions"), (*blocks, Facts("repeat", repeat)))


def _assumptions_about(case: Case, calendar: Calendar) -> Iterator[Phrase]:
    yield say("calendar.assumptions_about")
    graded = [declared(case, name)[1] for name in calendar.content.assumptions]
    place = calendar.place("/assumptions", "how many have grade D")
    unsourced = Traced(float(sum(one is not None and one.grade == "D" for one in graded)), place)
    yield say(
        "calendar.assumptions_grade_d",
        n=whole(unsourced),
        total=whole(Traced(float(len(graded)), calendar.place("/assumptions", "how many"))),
    )
    if PACE in calendar.content.assumptions:
        yield say("calendar.assumptions_pace")


def _assumption(case: Case, calendar: Calendar, name: str, sources: list[str]) -> Row:
    world, parameter = declared(case, name)
    value = short(calendar.number("assumptions", name))
    if parameter is None:
        return Row(name, (parameter_label(name), value, DASH, DASH, DASH, DASH))
    low, high = (short(world.parameter(name, end)) for end in ("low", "high"))
    limits = say("register.range_value", low=low, high=high)
    return Row(
        name, (parameter_label(name), value, limits, unit_label(parameter.unit), source_numbers(parameter, sources), Plain(parameter.grade))
    )


def _closure(first: date, last: date) -> Phrase:
    return day(first) if first == last else say("register.range_value", low=day(first), high=day(last))
