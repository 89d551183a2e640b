"""The cohort page's weeks: disability and pain, single courses, adherence, losses, intercurrent events."""

import math

from odisea.report.case import named
from odisea.report.cohort_files import CohortRecord
from odisea.report.cohort_people import label_of, part_of, with_mcse
from odisea.report.content import Column, Figure, Line, LinePanel, Paragraph, Phrase, Plain, Row, Section, Table, Weekly, say
from odisea.report.numbers import DASH, Traced, fixed, percent, whole

TRIAL, USUAL = "/this_trial", "/usual"
WEEKS = 6
VISITS = (0, WEEKS)
OUTCOMES = ("odi", "vas")
STREAMS = {"engaged": (100.0, 0), "live": (100.0, 0), "diary": (1.0, 1), "logins": (1.0, 1), "opened": (100.0, 0)}
STREAM_TOPS = {"engaged": 100.0, "live": 100.0, "diary": 7.0}
ROOM = 1.08  # of an axis above its highest value


def week_columns(first: int) -> tuple[Column, ...]:
    """Return a column per week, from week 0 (baseline) or 1."""
    return tuple(Column(f"week{week}", say("cohort.week", n=Plain(str(week)))) for week in range(first, WEEKS + 1))


def _numbers(record: CohortRecord, pointer: str, times: float = 1.0) -> tuple[float, ...]:
    return tuple(times * record.value(f"{pointer}/{place}") for place in range(record.length(pointer)))


def _bands(record: CohortRecord, pointer: str, part: str, times: float = 1.0) -> tuple[float, ...]:
    return tuple(times * record.value(f"{pointer}/{place}/{part}") for place in range(record.length(pointer)))


def _ends(lines: list[Line], step: float) -> tuple[float, float]:
    """Return the ends of an axis, upper first, at multiples of `step`: around everything that is drawn, and 0."""
    drawn = (value for line in lines for value in (*line.values, *line.low, *line.high, *(y for _, y in line.dots)))
    values = [0.0, *(value for value in drawn if math.isfinite(value))]
    return step * max(math.ceil(ROOM * max(values) / step), 1), step * math.floor(min(values) / step)


# ---------------------------------------------------------------- disability and pain


def trajectories_section(record: CohortRecord) -> Section:
    """Return mean disability and pain by week and arm of this trial, with the middle eight tenths of people."""
    panels = tuple(_outcome_panel(record, name) for name in OUTCOMES)
    plot = Weekly(say("cohort.x_week"), tuple(range(WEEKS + 1)), panels, say("cohort.band_people"), say("cohort.dot_visit"))
    figure = Figure("drawing", say("cohort.trajectories_caption"), say("cohort.alt_table"), plot)
    rows = [row for name in OUTCOMES for row in _outcome_rows(record, name)]
    columns = (Column("what", say("cohort.mean_of"), "start", 0.3), *week_columns(0))
    notes = (say("cohort.latent_note"), say("cohort.mcse_note"))
    table = Table("table", say("cohort.trajectories_table"), columns, tuple(rows), notes, small=True)
    return Section("trajectories", say("cohort.trajectories_heading"), (Paragraph("about", (say("cohort.latent"),)), figure, table))


def _outcome_panel(record: CohortRecord, name: str) -> LinePanel:
    lines = []
    for arm in record.protocol.arms:
        band = f"{TRIAL}/bands/{name}/{arm.id}"
        seen = _numbers(record, f"{TRIAL}/seen/{name}/{arm.id}")
        lines.append(
            Line(
                arm.label,
                _numbers(record, f"{TRIAL}/latent/{name}/{arm.id}"),
                _bands(record, band, "low"),
                _bands(record, band, "high"),
                tuple((float(week), value) for week, value in zip(VISITS, seen, strict=True)),
            )
        )
    return LinePanel(label_of(record, name), say("cohort.points"), tuple(lines), *_ends(lines, {"odi": 10.0}.get(name, 1.0)))


def _outcome_rows(record: CohortRecord, name: str) -> list[Row]:
    """Give this trial's latent means, what its clinic sees, and the latent means of all trials."""
    label, rows = label_of(record, name), []
    rows.append(Row(f"{name}-latent", (say("cohort.rows_latent", outcome=label),)))
    for arm in record.protocol.arms:
        at = f"{TRIAL}/latent/{name}/{arm.id}"
        rows.append(Row(f"{name}-latent-{arm.id}", (arm.label, *(fixed(record.at(f"{at}/{w}"), 1) for w in range(WEEKS + 1)))))
    rows.append(Row(f"{name}-seen", (say("cohort.rows_seen", outcome=label),)))
    for arm in record.protocol.arms:
        seen = {week: fixed(record.at(f"{TRIAL}/seen/{name}/{arm.id}/{place}"), 1) for place, week in enumerate(VISITS)}
        rows.append(Row(f"{name}-seen-{arm.id}", (arm.label, *(seen.get(week, DASH) for week in range(WEEKS + 1)))))
    rows.append(Row(f"{name}-usual", (say("cohort.rows_usual", outcome=label, n=whole(record.at("/replicates"))),)))
    for arm in record.protocol.arms:
        at = f"{USUAL}/latent/{name}/{arm.id}"
        rows.append(Row(f"{name}-usual-{arm.id}", (arm.label, *(with_mcse(record, f"{at}/{w}", 1.0, 1) for w in range(WEEKS + 1)))))
    return rows


def people_section(record: CohortRecord) -> Section:
    """Return the courses of the first participants of each arm."""
    people = range(record.length(f"{TRIAL}/people"))
    lines = {arm: [_person_line(record, at) for at in map(_person, people) if record.find(f"{at}/arm") == arm] for arm in record.arms}
    ends = _ends([line for own in lines.values() for line in own], 10.0)
    panels = [LinePanel(arm.label, say("cohort.points"), tuple(lines[arm.id]), *ends) for arm in record.protocol.arms]
    shown = Weekly(say("cohort.x_week"), tuple(range(WEEKS + 1)), tuple(panels), dot=say("cohort.dot_score"), labelled=False)
    figure = Figure("drawing", say("cohort.people_caption"), say("cohort.alt_table"), shown)
    columns = (
        Column("who", say("cohort.participant"), "start"),
        Column("arm", say("cohort.arm"), "start", 0.3),
        Column("before", say("cohort.seen_baseline")),
        Column("after", say("cohort.seen_week", n=Plain(str(WEEKS)))),
        Column("dose", say("cohort.dose_percent")),
        Column("lost", say("cohort.lost_in")),
    )
    rows = tuple(_person_row(record, at) for at in map(_person, people))
    table = Table("table", say("cohort.people_table"), columns, rows, (say("cohort.people_note"),), small=True)
    return Section("people", say("cohort.people_heading"), (Paragraph("about", (say("cohort.people_about"),)), figure, table))


def _person(place: int) -> str:
    return f"{TRIAL}/people/{place}"


def _person_line(record: CohortRecord, at: str) -> Line:
    lost = record.find(f"{at}/lost_in_week")
    dots = ((0.0, record.value(f"{at}/odi_baseline")), (float(WEEKS), record.value(f"{at}/odi_week6")))
    name = Plain(str(record.find(f"{at}/number")))
    return Line(name, _numbers(record, f"{at}/latent"), dots=dots, certain_until=None if lost is None else lost - 1)


def _person_row(record: CohortRecord, at: str) -> Row:
    number, arm = record.at(f"{at}/number"), record.protocol.arm(record.find(f"{at}/arm"))
    offered = arm.id == record.head.programme
    cells = (
        whole(number),
        arm.label,
        fixed(record.at(f"{at}/odi_baseline"), 1),
        fixed(record.at(f"{at}/odi_week6"), 1),
        percent(record.at(f"{at}/dose"), 0) if offered else DASH,
        whole(record.at(f"{at}/lost_in_week")),
    )
    return Row(f"p{number.value:.0f}", cells)


# ---------------------------------------------------------------- adherence and loss


def adherence_section(record: CohortRecord) -> Section:
    """Return what those allocated to the programme do each week."""
    panels = tuple(_stream_panel(record, name) for name in ("engaged", "live", "diary", "logins"))
    plot = _of_trials(panels)
    figure = Figure("drawing", say("cohort.adherence_caption"), say("cohort.alt_table"), plot)
    count = whole(record.at("/replicates"))
    rows = [Row("usual", (say("cohort.rows_mean", n=count),))]
    for name, (times, digits) in STREAMS.items():
        cells = (with_mcse(record, f"{USUAL}/adherence/{name}/{week}", times, digits) for week in range(WEEKS))
        rows.append(Row(f"usual-{name}", (say(f"cohort.stream_{name}"), *cells)))
    rows.append(Row("trial", (say("cohort.this_trial"),)))
    for name in STREAMS:
        cells = (_stream(record.at(f"{TRIAL}/adherence/{name}/{week}"), name) for week in range(WEEKS))
        rows.append(Row(f"trial-{name}", (say(f"cohort.stream_{name}"), *cells)))
    columns = (Column("what", say("cohort.stream"), "start", 0.34), *week_columns(1))
    table = Table("table", say("cohort.adherence_table"), columns, tuple(rows), (say("cohort.mcse_note"),), small=True)
    never = {
        "usual": with_mcse(record, f"{USUAL}/never_started", 100.0, 1),
        "trial": percent(record.at(f"{TRIAL}/never_started")),
    }
    about = Paragraph("about", (say("cohort.adherence_about"), say("cohort.never_started", **never)))
    return Section("adherence", say("cohort.adherence_heading"), (about, figure, table))


def _of_trials(panels: tuple[LinePanel, ...]) -> Weekly:
    """Return panels over the weeks after baseline in which bands are of trials and dots are the trial shown."""
    weeks = tuple(range(1, WEEKS + 1))
    return Weekly(say("cohort.x_week"), weeks, panels, say("cohort.band_trials"), say("cohort.dot_trial"), labelled=False)


def _stream(value: Traced, name: str) -> Phrase:
    times, digits = STREAMS[name]
    return percent(value, digits) if times == 100.0 else fixed(value, digits)


def _stream_panel(record: CohortRecord, name: str) -> LinePanel:
    times, at = STREAMS[name][0], f"{USUAL}/adherence/{name}"
    highest = max(_bands(record, at, "high", times))
    unit = say("cohort.y_percent") if times == 100.0 else say(f"cohort.y_{name}")
    line = _usual_line(record, at, f"{TRIAL}/adherence/{name}", times, say(f"cohort.stream_{name}"))
    return LinePanel(say(f"cohort.panel_{name}"), unit, (line,), STREAM_TOPS.get(name, 1.25 * highest))


def _usual_line(record: CohortRecord, usual: str, trial: str, times: float, label: Phrase) -> Line:
    """Return the mean of all trials with the band of the trials, and this trial's own values as dots."""
    own = _numbers(record, trial, times)
    return Line(
        label,
        _bands(record, usual, "mean", times),
        _bands(record, usual, "low", times),
        _bands(record, usual, "high", times),
        tuple((float(week), value) for week, value in enumerate(own, start=1)),
    )


def loss_section(record: CohortRecord) -> Section:
    """Return who has been lost by each week, and why."""
    lines = [_usual_line(record, f"{USUAL}/lost/{arm.id}", f"{TRIAL}/lost/{arm.id}", 100.0, arm.label) for arm in record.protocol.arms]
    ends = _ends(lines, 10.0)
    panels = [LinePanel(line.label, say("cohort.y_lost"), (line,), *ends) for line in lines]
    plot = _of_trials(tuple(panels))
    figure = Figure("drawing", say("cohort.loss_caption"), say("cohort.alt_table"), plot)
    blocks = (Paragraph("about", (say("cohort.loss_about"),)), figure, _loss_table(record), _cause_table(record))
    return Section("loss", say("cohort.loss_heading"), blocks)


def _loss_table(record: CohortRecord) -> Table:
    rows = [Row("usual", (say("cohort.rows_mean", n=whole(record.at("/replicates"))),))]
    for arm in record.protocol.arms:
        cells = (with_mcse(record, f"{USUAL}/lost/{arm.id}/{week}", 100.0, 1) for week in range(WEEKS))
        rows.append(Row(f"usual-{arm.id}", (arm.label, *cells)))
    rows.append(Row("trial", (say("cohort.this_trial"),)))
    for arm in record.protocol.arms:
        cells = (percent(record.at(f"{TRIAL}/lost/{arm.id}/{week}"), 1) for week in range(WEEKS))
        rows.append(Row(f"trial-{arm.id}", (arm.label, *cells)))
    columns = (Column("arm", say("cohort.arm"), "start", 0.34), *week_columns(1))
    return Table("weeks", say("cohort.loss_table"), columns, tuple(rows), (say("cohort.mcse_note"),), small=True)


def _cause_table(record: CohortRecord) -> Table:
    """Give the causes of loss, which no clinic sees."""
    causes = list(record.find(f"{TRIAL}/arms/0/lost_to"))
    rows = []
    for cause in causes:
        cells = [cell for place in range(len(record.arms)) for cell in _trial_and_usual(record, place, "lost_to", "causes", cause)]
        rows.append(Row(cause, (named("cause", cause), *cells)))
    columns = (Column("cause", say("cohort.cause"), "start", 0.36), *_pairs(record))
    return Table("causes", say("cohort.cause_table"), columns, tuple(rows), (say("cohort.cause_note"), say("cohort.mcse_note")), small=True)


def _pairs(record: CohortRecord, mean: str = "mean_percent") -> tuple[Column, ...]:
    """Return two columns per arm: this trial, and the mean of all, headed by the text `mean`."""
    return tuple(
        Column(f"{arm.id}-{kind}", say(f"cohort.{words}"), group=arm.label)
        for arm in record.protocol.arms
        for kind, words in (("trial", "this_trial"), ("usual", mean))
    )


def _trial_and_usual(record: CohortRecord, place: int, own: str, usual: str, name: str) -> tuple[Phrase, Phrase]:
    at, arm = f"{TRIAL}/arms/{place}", record.arms[place]
    count = part_of(record.at(f"{at}/{own}/{name}"), record.at(f"{at}/allocated"))
    return count, with_mcse(record, f"{USUAL}/{usual}/{arm}/{name}", 100.0, 1)


# ---------------------------------------------------------------- intercurrent events


def events_section(record: CohortRecord) -> Section:
    """Return how many have each intercurrent event, and how the estimand by strategy deals with it."""
    rows = []
    for name, label in record.head.events.items():
        cells: list[Phrase] = []
        for place, arm in enumerate(record.arms):
            if name in record.find(f"{TRIAL}/arms/{place}/with_event"):
                cells += _trial_and_usual(record, place, "with_event", "with_event", name)
            elif arm == record.head.programme:
                stopped = part_of(record.at(f"{TRIAL}/arms/{place}/stopped"), record.at(f"{TRIAL}/arms/{place}/allocated"))
                cells += [stopped, with_mcse(record, f"{USUAL}/with_event/{arm}/{name}", 100.0, 1)]
            else:
                cells += [DASH, DASH]
        rows.append(Row(name, (label, named("strategy", record.head.strategies[name]), *cells)))
    columns = (
        Column("event", say("cohort.event"), "start", 0.24),
        Column("strategy", say("cohort.strategy"), "start", 0.16),
        *_pairs(record),
    )
    notes = (say("cohort.event_note"), say("cohort.mcse_note"))
    table = Table("table", say("cohort.event_table"), columns, tuple(rows), notes, small=True)
    return Section("events", say("cohort.event_heading"), (Paragraph("about", (say("cohort.event_about"),)), table))


# ---------------------------------------------------------------- satisfaction and harms


def reported_section(record: CohortRecord) -> Section:
    """Return satisfaction by visit and arm, and how many report each harm."""
    about = Paragraph("about", (say("cohort.reported_about"),))
    return Section("reported", say("cohort.reported_heading"), (about, _satisfaction_table(record), _harm_table(record)))


def _satisfaction_table(record: CohortRecord) -> Table:
    visits = record.protocol.outcomes["odi"].visits
    rows = []
    for place, visit in enumerate((visits[0], visits[-1])):
        cells: list[Phrase] = []
        for arm in record.arms:
            own = fixed(record.at(f"{TRIAL}/satisfaction/{arm}/{place}"), 1)
            cells += [own, with_mcse(record, f"{USUAL}/satisfaction/{arm}/{place}", 1.0, 1)]
        rows.append(Row(visit, (record.protocol.visit(visit).label, *cells)))
    columns = (Column("visit", say("cohort.visit"), "start", 0.36), *_pairs(record, "mean_error"))
    notes = (say("cohort.satisfaction_note"), say("cohort.mcse_note"))
    return Table("satisfaction", say("cohort.satisfaction_table"), columns, tuple(rows), notes, small=True)


def _harm_table(record: CohortRecord) -> Table:
    rows = []
    for harm in record.find(f"{TRIAL}/arms/0/with_harm"):
        cells = [cell for place in range(len(record.arms)) for cell in _trial_and_usual(record, place, "with_harm", "harms", harm)]
        rows.append(Row(harm, (named("harm", harm), *cells)))
    columns = (Column("harm", say("cohort.harm"), "start", 0.36), *_pairs(record))
    return Table("harms", say("cohort.harm_table"), columns, tuple(rows), (say("cohort.harm_note"), say("cohort.mcse_note")), small=True)
