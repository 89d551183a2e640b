"""The cohort page's scores: their distribution, answers to items, correlations; and the published ranges beside."""

import math

from odisea.protocol.fact import Text
from odisea.report.case import named
from odisea.report.cohort_files import CohortRecord
from odisea.report.cohort_people import label_of
from odisea.report.content import (
    Bars,
    Column,
    Figure,
    Listing,
    Matrix,
    Paragraph,
    Phrase,
    Plain,
    Row,
    Section,
    Stacks,
    Table,
    say,
)
from odisea.report.numbers import Traced, combined, fixed, percent, short, whole, with_error
from odisea.report.register import parameter_label

USUAL = "/usual"
BARS = tuple(float(end) for end in range(0, 101, 10))  # upper ends; the first bar is the score 0
CLASSES = ("zero", "minimal", "moderate", "severe", "worse")
CLASS_ENDS = (0, 20, 40, 60, 100)
ANSWERS = 6
VARIABLES = (
    *("age_years", "bmi", "comorbidity_count", "physical_activity_level", "education_years", "work_leave"),
    *("odi@baseline", "vas@baseline", "odi@week6", "vas@week6", "dose"),
)
KINDS = ("check", "target")
SHARES = ("share", "correlation")


def scores_section(record: CohortRecord) -> Section:
    """Return how the disability scores are spread at both visits."""
    at = f"{USUAL}/scores"
    visits = _visits(record)
    panels = [(say("cohort.scores_baseline", visit=visits[0]), _means(record, f"{at}/baseline"))]
    for arm in record.protocol.arms:
        panels.append((say("cohort.scores_arm", visit=visits[1], arm=arm.label), _means(record, f"{at}/week6/{arm.id}")))
    plot = Bars(say("cohort.x_score"), say("cohort.y_people"), BARS, tuple(panels), say("cohort.floor"))
    figure = Figure("drawing", say("cohort.scores_caption", n=whole(record.at("/replicates"))), say("cohort.alt_table"), plot)
    return Section(
        "scores", say("cohort.scores_heading"), (Paragraph("about", (say("cohort.scores_about"),)), figure, _class_table(record, visits))
    )


def _visits(record: CohortRecord) -> tuple[Text, Text]:
    """Return the labels of the first and the last visit of the disability score."""
    outcome = record.protocol.outcomes["odi"]
    return record.protocol.visit(outcome.visits[0]).label, record.protocol.visit(outcome.visits[-1]).label


def _means(record: CohortRecord, pointer: str) -> tuple[float, ...]:
    return tuple(_zero_where_absent(100.0 * record.value(f"{pointer}/{place}/mean")) for place in range(record.length(pointer)))


def _zero_where_absent(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _class_table(record: CohortRecord, visits: tuple[Text, Text]) -> Table:
    places = [f"{USUAL}/classes/baseline", *(f"{USUAL}/classes/week6/{arm.id}" for arm in record.protocol.arms)]
    rows = []
    for place, name in enumerate(CLASSES):
        low, high = CLASS_ENDS[max(place - 1, 0)], CLASS_ENDS[place]
        words = say(f"cohort.class_{name}", low=Plain(str(low)), high=Plain(str(high)))
        rows.append(Row(name, (words, *(_percent_mcse(record, f"{at}/{place}") for at in places))))
    columns = (
        Column("class", say("cohort.score"), "start", 0.4),
        Column("baseline", say("baseline.all"), group=visits[0]),
        *(Column(arm.id, arm.label, group=visits[1]) for arm in record.protocol.arms),
    )
    return Table("classes", say("cohort.class_table"), columns, tuple(rows), (say("cohort.class_note"), say("cohort.mcse_note")))


def _percent_mcse(record: CohortRecord, pointer: str) -> Phrase:
    return with_error(percent(record.at(f"{pointer}/mean"), 1), percent(record.at(f"{pointer}/mcse"), 2))


def items_section(record: CohortRecord) -> Section:
    """Return how the items are answered at both visits, and how many leave them blank."""
    labels = _item_labels(record)
    parts: tuple[Phrase, ...] = (*(Plain(str(answer)) for answer in range(ANSWERS)), say("cohort.blank"))
    visits = _visits(record)
    panels = tuple((visit, _item_shares(record, place, len(labels))) for place, visit in enumerate(visits))
    plot = Stacks(say("cohort.x_people"), tuple(labels), parts, panels)
    figure = Figure("drawing", say("cohort.items_caption", n=whole(record.at("/replicates"))), say("cohort.alt_table"), plot)
    about = Paragraph("about", (say("cohort.items_about"),))
    return Section("items", say("cohort.items_heading"), (about, figure, _item_table(record, labels, parts, visits)))


def _item_labels(record: CohortRecord) -> list[Phrase]:
    """Return the items by number and subject; by number alone where the instrument names none."""
    instrument = record.protocol.instrument_of("odi")
    names = instrument.items.names if instrument and instrument.items else ()
    count = record.length(f"{USUAL}/answers/0")
    if len(names) != count:
        return [Plain(str(place)) for place in range(1, count + 1)]
    return [say("cohort.item", n=Plain(str(place)), name=named("item", name)) for place, name in enumerate(names, start=1)]


def _item_shares(record: CohortRecord, visit: int, count: int) -> tuple[tuple[float, ...], ...]:
    return tuple(_means(record, f"{USUAL}/answers/{visit}/{item}") for item in range(count))


def _item_table(record: CohortRecord, labels: list[Phrase], parts: tuple[Phrase, ...], visits: tuple[Text, Text]) -> Table:
    rows, errors = [], []
    for place, visit in enumerate(visits):
        rows.append(Row(f"visit{place}", (visit,)))
        for item, label in enumerate(labels):
            at = f"{USUAL}/answers/{place}/{item}"
            rows.append(Row(f"visit{place}-{item}", (label, *(percent(record.at(f"{at}/{part}/mean"), 1) for part in range(len(parts))))))
            errors += [record.at(f"{at}/{part}/mcse") for part in range(len(parts))]
    columns = (Column("item", say("cohort.item_head"), "start", 0.34), *(Column(f"part{n}", part) for n, part in enumerate(parts)))
    largest = say("cohort.largest_error_percent", n=percent(_largest(errors), 2))
    return Table("table", say("cohort.items_table"), columns, tuple(rows), (largest,), small=True)


def _largest(errors: list[Traced]) -> Traced:
    """Return the largest of the errors that exist."""
    known = [error for error in errors if error.known]
    return combined("largest", max, *known) if known else errors[0]


def correlations_section(record: CohortRecord) -> Section:
    """Return the correlations between who people are, how they fare and how much of the programme they take up."""
    names = tuple(label_of(record, name) for name in VARIABLES)
    at = f"{USUAL}/correlations"
    count = len(VARIABLES)
    cells = tuple(tuple(fixed(record.at(f"{at}/{i}/{j}/mean"), 2) for j in range(i)) for i in range(1, count))
    sizes = tuple(tuple(record.value(f"{at}/{i}/{j}/mean") for j in range(i)) for i in range(1, count))
    plot = Matrix(names, cells, sizes, say("cohort.matrix_scale"))
    figure = Figure("drawing", say("cohort.correlations_caption", n=whole(record.at("/replicates"))), say("cohort.alt_table"), plot)
    columns = (Column("name", say("cohort.variable"), "start", 0.3), *(Column(f"c{n}", Plain(str(n))) for n in range(1, count)))
    rows = tuple(
        Row(
            f"r{i + 1}",
            (
                say("cohort.numbered", n=Plain(str(i + 1)), name=names[i]),
                *(cells[i - 1] if i else ()),
                *[Plain("") for _ in range(count - 1 - i)],
            ),
        )
        for i in range(count)
    )
    errors = [record.at(f"{at}/{i}/{j}/mcse") for i in range(1, count) for j in range(i)]
    largest = say("cohort.largest_error", n=fixed(_largest(errors), 3))
    table = Table("table", say("cohort.correlations_table"), columns, rows, (largest,), small=True)
    about = Paragraph("about", (say("cohort.correlations_about"),))
    return Section("correlations", say("cohort.correlations_heading"), (about, figure, table))


# ---------------------------------------------------------------- published ranges


def published_section(record: CohortRecord) -> Section:
    """Return the published ranges with what the simulated people show, inside or outside said in words."""
    every = range(record.length("/published"))
    outside = [parameter_label(record.find(f"/published/{n}/name")) for n in every if not record.find(f"/published/{n}/inside")]
    rows: list[Row] = []
    for kind in KINDS:
        chosen = [n for n in every if record.find(f"/published/{n}/kind") == kind]
        if chosen:
            rows.append(Row(kind, (say(f"cohort.kind_{kind}"),)))
            rows += [_range_row(record, f"/published/{n}") for n in chosen]
    columns = (
        Column("name", say("register.name"), "start", 0.36),
        Column("range", say("cohort.published_range"), width=0.18),
        Column("value", say("cohort.simulated"), width=0.2),
        Column("judgement", say("cohort.judgement"), "start", 0.16),
        Column("grade", say("register.grade"), "start", 0.1),
    )
    notes = (say("cohort.published_note"), say("cohort.mcse_note"))
    table = Table("table", say("cohort.published_table"), columns, tuple(rows), notes, small=True)
    counted = _counted(record, len(every), outside) if every else ()
    about = Paragraph("about", (say("cohort.published_about"), *counted))
    return Section("published", say("cohort.published_heading"), (about, table))


def _counted(record: CohortRecord, count: int, outside: list[Phrase]) -> tuple[Phrase, ...]:
    """Say how many figures lie inside, and name the others."""
    flags = [Traced(float(record.find(f"/published/{n}/inside")), record.at(f"/published/{n}/value").trace) for n in range(count)]
    number = whole(combined("count of those inside", lambda *inside: sum(inside), *flags))
    total = whole(combined("count", lambda *inside: len(inside), *flags))
    said = say("cohort.inside_of", k=number, n=total)
    return (said, say("cohort.outside_are", names=Listing(tuple(outside), "semicolons"))) if outside else (said,)


def _range_row(record: CohortRecord, at: str) -> Row:
    name, unit = record.find(f"{at}/name"), record.find(f"{at}/unit")
    digits = 3 if unit.startswith(SHARES) or name.startswith("r2") else 2
    inside = "inside" if record.find(f"{at}/inside") else "outside"
    cells = (
        say("cohort.with_unit", name=parameter_label(name), unit=named("unit", unit)),
        say("register.range_value", low=short(record.at(f"{at}/low")), high=short(record.at(f"{at}/high"))),
        with_error(fixed(record.at(f"{at}/value"), digits), fixed(record.at(f"{at}/mcse"), digits + 1)),
        say(f"cohort.{inside}_changed" if record.find(f"{at}/changed") else f"cohort.{inside}"),
        Plain(record.find(f"{at}/grade")),
    )
    return Row(name, cells)
