"""The cohort page's first look: baseline table without p values (CONSORT 2025 item 25) and participant flow (item 22)."""

from collections.abc import Iterator

from odisea.protocol.fact import Text
from odisea.report.case import named, within
from odisea.report.cohort_files import CohortRecord
from odisea.report.content import Block, Column, Figure, Flow, Paragraph, Phrase, Plain, Row, Section, Table, say
from odisea.report.numbers import Traced, combined, fixed, percent, whole

TRIAL = "/this_trial"


def label_of(record: CohortRecord, name: str) -> Phrase:
    """Return the words for a variable: an outcome's label, or those of the text files."""
    outcome, _, visit = name.partition("@")
    if outcome in record.protocol.outcomes:
        label = record.protocol.outcomes[outcome].label
        return say("cell.outcome_at", outcome=label, visit=within(record.protocol.visit(visit).label)) if visit else label
    return named("variable", name)


def arm_columns(record: CohortRecord, share: float) -> tuple[Column, ...]:
    """Return a column per arm; `share` is the part of the table's width that they divide."""
    return tuple(Column(arm.id, arm.label, width=share / len(record.arms)) for arm in record.protocol.arms)


def baseline_section(record: CohortRecord) -> Section:
    """Return the baseline table."""
    columns = (
        Column("name", say("baseline.characteristic"), "start", 0.34),
        *arm_columns(record, 0.46),
        Column("all", say("baseline.all"), width=0.2),
    )
    rows = [row for place in range(record.length(f"{TRIAL}/baseline")) for row in _characteristic(record, place)]
    table = Table("table", say("cohort.baseline_caption"), columns, tuple(rows), (say("baseline.note"),), small=True)
    return Section("baseline", say("baseline.heading"), (Paragraph("about", (say("baseline.about"),)), table))


def _characteristic(record: CohortRecord, place: int) -> Iterator[Row]:
    """Give one row for a number; for a category a head and a row per code."""
    at = f"{TRIAL}/baseline/{place}"
    name = record.find(f"{at}/name")
    cells = [f"{at}/cells/{n}" for n in range(record.length(f"{at}/cells"))]
    codes = record.find(cells[0]).get("counts")
    if codes is None:
        yield Row(name, (label_of(record, name), *(_mean_sd(record, cell) for cell in cells)))
    else:
        yield Row(f"{name}-head", (label_of(record, name),))
        for code in codes:
            yield Row(f"{name}-{code}", (named("code", code), *(_share(record, cell, code) for cell in cells)))
    if any(record.value(f"{cell}/missing") for cell in cells):
        yield Row(f"{name}-missing", (say("baseline.missing"), *(whole(record.at(f"{cell}/missing")) for cell in cells)))


def _mean_sd(record: CohortRecord, cell: str) -> Phrase:
    return say("cohort.mean_sd", mean=fixed(record.at(f"{cell}/mean"), 1), sd=fixed(record.at(f"{cell}/sd"), 1))


def _share(record: CohortRecord, cell: str, code: str) -> Phrase:
    return part_of(record.at(f"{cell}/counts/{code}"), record.at(f"{cell}/n"))


def part_of(count: Traced, total: Traced) -> Phrase:
    """Print a count with its percentage of a total; the bare count where the total is nothing."""
    if not total.value:
        return whole(count)
    return say("baseline.share", n=whole(count), percent=percent(combined("ratio, times 100", lambda a, b: a / b, count, total), 0))


def flow_section(record: CohortRecord) -> Section:
    """Return the participant flow as a drawing and in tables."""
    boxes = Flow(tuple(_trunk(record)), tuple(_side(record)), tuple(_boxes(record, place) for place in range(len(record.arms))))
    figure = Figure("drawing", say("cohort.flow_caption"), say("flow.alt"), boxes)
    blocks: tuple[Block, ...] = (figure, _screening_table(record), _arms_table(record))
    return Section("flow", say("flow.heading"), blocks)


def _trunk(record: CohortRecord) -> Iterator[tuple[Phrase, ...]]:
    yield (say("flow.assessed", n=whole(record.at(f"{TRIAL}/screened"))),)
    yield (say("flow.randomised", n=whole(record.at(f"{TRIAL}/randomised"))),)


def _side(record: CohortRecord) -> Iterator[Phrase]:
    yield say("cohort.ineligible", n=whole(_ineligible(record)))
    yield say("cohort.declined", n=whole(record.at(f"{TRIAL}/declined")))


def _ineligible(record: CohortRecord) -> Traced:
    parts = [record.at(f"{TRIAL}/ineligible/{name}") for name in record.find(f"{TRIAL}/ineligible")]
    return combined("sum", lambda *counts: sum(counts), *parts)


def _boxes(record: CohortRecord, place: int) -> tuple[tuple[Phrase, ...], ...]:
    """Return an arm's boxes: allocated, in the programme, lost, assessed."""
    at, arm = f"{TRIAL}/arms/{place}", record.protocol.arms[place]
    boxes: list[tuple[Phrase, ...]] = [(arm.label, say("flow.allocated", n=whole(record.at(f"{at}/allocated"))))]
    if arm.id == record.head.programme:
        boxes.append(
            (
                say("cohort.started", n=whole(record.at(f"{at}/started"))),
                say("cohort.stopped", n=whole(record.at(f"{at}/stopped"))),
            )
        )
    else:
        boxes.append((say("cohort.not_offered"),))
    boxes.append((say("cohort.lost", n=whole(_lost(record, at))),))
    boxes.append(
        (say("cohort.came", n=whole(record.at(f"{at}/assessed"))), say("cohort.scored", n=whole(record.at(f"{at}/scored")))),
    )
    return tuple(boxes)


def _lost(record: CohortRecord, at: str) -> Traced:
    weeks = [record.at(f"{at}/lost_in_week/{week}") for week in range(record.length(f"{at}/lost_in_week"))]
    return combined("sum", lambda *counts: sum(counts), *weeks)


def _screening_table(record: CohortRecord) -> Table:
    """Give who was not randomised, by the first criterion that was not met."""
    protocol = record.protocol
    texts: dict[str, Text] = {one.id: one.text for one in (*protocol.population.inclusion, *protocol.population.exclusion)}
    screened = record.at(f"{TRIAL}/screened")

    def row(name: str, words: Phrase, pointer: str, usual: str) -> Row:
        mean = with_mcse(record, f"/usual/screening/{usual}", 100.0, 1)
        return Row(name, (Plain(name), words, part_of(record.at(f"{TRIAL}/{pointer}"), screened), mean))

    rows = [row(name, texts[name], f"ineligible/{name}", name) for name in record.find(f"{TRIAL}/ineligible")]
    last = (Plain("\u2013"), say("cohort.declined_row"), part_of(record.at(f"{TRIAL}/declined"), screened))
    rows.append(Row("declined", (*last, with_mcse(record, "/usual/screening/declined", 100.0, 1))))
    columns = (
        Column("code", say("flow.reason_heading"), "start", 0.1),
        Column("criterion", say("flow.criterion"), "start", 0.5),
        Column("trial", say("cohort.this_trial"), width=0.18),
        Column("usual", say("cohort.mean_percent"), width=0.22),
    )
    return Table("screening", say("cohort.screening_caption"), columns, tuple(rows), (say("cohort.screening_note"),))


def with_mcse(record: CohortRecord, pointer: str, times: float, digits: int) -> Phrase:
    """Print a mean over trials with its Monte Carlo standard error in brackets, each times a constant.

    The error keeps one decimal more than the mean, as it is smaller.
    """

    def scaled(part: str) -> Traced:
        found = record.at(f"{pointer}/{part}")
        return found if times == 1.0 else found.follows(f"times {times:g}", lambda value: times * value)

    mean = scaled("mean")
    if not mean.known:
        return fixed(mean, digits)
    return say("cell.with_error", value=fixed(mean, digits), error=fixed(scaled("mcse"), digits + 1))


def _arms_table(record: CohortRecord) -> Table:
    """Give the arms' counts, so that the drawing is not needed."""
    places = [f"{TRIAL}/arms/{place}" for place in range(len(record.arms))]
    totals = [record.at(f"{at}/allocated") for at in places]

    def row(name: str, words: Phrase, cells: list[Traced]) -> Row:
        shown = [part_of(cell, total) if cell.known else fixed(cell, 0) for cell, total in zip(cells, totals, strict=True)]
        return Row(name, (words, *shown))

    rows = [Row("allocated", (say("flow.row_allocated"), *(whole(total) for total in totals)))]
    for name in ("started", "stopped"):
        rows.append(row(name, say(f"cohort.row_{name}"), [record.at(f"{at}/{name}") for at in places]))
    for week in range(record.length(f"{places[0]}/lost_in_week")):
        words = say("cohort.row_lost", week=Plain(str(week + 1)))
        rows.append(row(f"lost{week + 1}", words, [record.at(f"{at}/lost_in_week/{week}") for at in places]))
    for name in ("assessed", "scored"):
        rows.append(row(name, say(f"cohort.row_{name}"), [record.at(f"{at}/{name}") for at in places]))
    columns = (Column("what", say("flow.what"), "start", 0.44), *arm_columns(record, 0.56))
    return Table("arms", say("cohort.arms_caption"), columns, tuple(rows), (say("cohort.arms_note"),))
