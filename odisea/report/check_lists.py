"""Sections of the check report on the registry record and on the checklists."""

from collections import Counter

from odisea.protocol.fact import Text
from odisea.report.check_files import CHECKLISTS, DRIFT, CheckResult, ItemRow, Matrix
from odisea.report.content import Column, Facts, Listing, Message, Paragraph, Phrase, Plain, Row, Section, Table, Trace, say
from odisea.report.numbers import DASH, Traced, whole

CLASSES = ("drift", "registry_only", "ours_only", "not_comparable", "equivalent", "equal")
STATUSES = ("answered", "partly", "open", "not_applicable")
LONGEST = 160


def drift_section(result: CheckResult) -> Section:
    """Compare protocol and registry record field by field, what differs first."""
    if result.drift.record is None:
        return Section("drift", say("review.drift"), (Paragraph("none", (say("review.drift_none"),)),))
    found = sorted(enumerate(result.drift.differences), key=lambda each: CLASSES.index(each[1].klass))
    counts = Counter[str](each.klass for _, each in found)
    columns = (
        Column("field", say("review.drift_field"), "start", 0.28),
        Column("ours", say("review.drift_ours"), "start", 0.29),
        Column("theirs", say("review.drift_theirs"), "start", 0.29),
        Column("class", say("review.drift_class"), "start", 0.14),
    )
    rows = tuple(
        Row(
            str(place),
            (Plain(each.pointer, code=True), _cut(each.ours), _cut(each.theirs), Message(f"drift.{each.klass}")),
        )
        for place, each in found
    )
    blocks = (
        Paragraph("about", (say("review.drift_about", record=Plain(result.drift.record, code=True)), say("review.drift_counts"))),
        Facts("classes", tuple((Message(f"drift.{name}"), _count(DRIFT, f"/differences[class={name}]", counts[name])) for name in CLASSES)),
        Table("drift_table", say("review.drift_caption"), columns, rows, small=True),
    )
    return Section("drift", say("review.drift"), blocks)


def _cut(text: str | None) -> Phrase:
    if text is None:
        return DASH
    return Plain(text if len(text) <= LONGEST else f"{text[:LONGEST]}…", "en")  # the language of registry records


def _count(file: str, at: str, value: int) -> Phrase:
    return whole(Traced(float(value), Trace(file, at, "count")))


def list_sections(result: CheckResult) -> tuple[Section, ...]:
    """Return the completeness of every checklist at a glance, then each one item by item."""
    matrices = result.checklists.checklists
    columns = (
        Column("name", say("review.list_name"), "start", 0.44),
        *(Column(status, Message(f"judged.{status}")) for status in STATUSES),
    )
    rows = tuple(
        Row(str(place), (_name(each), *(_status_count(place, each, status) for status in STATUSES))) for place, each in enumerate(matrices)
    )
    table = Table("lists_table", say("review.lists_caption"), columns, rows)
    overview = Section("lists", say("review.lists"), (Paragraph("about", (say("review.lists_about"),)), table))
    return (overview, *(_list(place, each) for place, each in enumerate(matrices)))


def _status_count(place: int, matrix: Matrix, status: str) -> Phrase:
    return _count(CHECKLISTS, f"/checklists/{place}/counts/{status}", matrix.counts.get(status, 0))


def _name(matrix: Matrix) -> Phrase:
    label = matrix.thing.label if matrix.thing else None
    return Listing((matrix.name, label), "semicolons") if label else matrix.name


def _list(place: int, matrix: Matrix) -> Section:
    columns = (
        Column("item", say("review.row_item"), "start", 0.07),
        Column("asks", say("review.row_asks"), "start", 0.45),
        Column("status", say("review.row_status"), "start", 0.12),
        Column("fields", say("review.row_fields"), "start", 0.36),
    )
    rows: list[Row] = []
    for section in matrix.sections:
        rows.append(Row(f"section-{section.id}", (section.name or Plain(""),)))
        rows += [_row(each) for each in matrix.rows if each.section == section.id]
    table = Table(f"list_{place}", say("review.row_caption", name=_name(matrix)), columns, tuple(rows), small=True)
    cited = Paragraph("cited", (Plain(matrix.citation, "en"),), "note")
    return Section(f"list-{place}", _name(matrix), (cited, table))


def _row(row: ItemRow) -> Row:
    fields = (*row.gaps, *row.answers)
    shown: tuple[Phrase, ...] = tuple(Plain(each.path, code=True) for each in (row.gaps or fields))
    remarks = tuple(Text(en=each.en, es=each.es) for each in row.remarks)
    places = (Listing(shown, "semicolons"),) if shown else ()
    said: Phrase = Listing((*remarks, *places), "sentences") if remarks or shown else DASH
    return Row(row.id, (Plain(row.id), row.asks, Message(f"judged.{row.status}"), said))
