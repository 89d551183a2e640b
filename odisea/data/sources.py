"""Raw files under a mapping: rows by person and visit, and one cell translated into what the dictionary declares.

Every cell is text until its column's declaration types it. A code that the mapping does not list, two rows that contradict
each other, a number or a day that cannot be read: each is a `Problem` at its row and column of the raw file.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from odisea.data.contract import RefusedCellError, type_cell
from odisea.data.mapping import DATE_FORMATS, Condition, Identifier, SiteMapping, SourceFile, Value, every_value
from odisea.data.tables import Cell, TextTable, parse_csv, refuse, render_cell
from odisea.errors import Problem
from odisea.protocol.dictionary import ColumnSpec

NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
MAP_IT = "Correct it in the raw file, or say in the mapping what it means."


@dataclass(frozen=True, slots=True)
class Source:
    """One raw file under its mapping.

    Parameters
    ----------
    name : str
        Its name in the mapping.
    spec : SourceFile
        Its description in the mapping.
    text : TextTable
        Its cells.
    people : tuple of str or None
        Who each row is about; None for a row that is skipped or cannot be read.
    visits : tuple of str or None
        The visit of each row; None in a wide source and for a row of an ignored visit.
    index : mapping of str to tuple of int
        The rows of each person, in order.
    """

    name: str
    spec: SourceFile
    text: TextTable
    people: tuple[str | None, ...]
    visits: tuple[str | None, ...]
    index: Mapping[str, tuple[int, ...]]

    def cell(self, row: int, column: str) -> str | None:
        """Return a raw cell, None where it is missing; rows count from 0."""
        text = self.text.rows[row][self.text.header.index(column)]
        return None if text == "" or text in self.spec.missing else text

    def rows(self, person: str, visit: str | None = None) -> list[int]:
        """Return the rows of a person, at one visit if it is given."""
        return [row for row in self.index.get(person, ()) if visit is None or self.visits[row] == visit]


@dataclass(slots=True)
class RawFiles:
    """All sources of a mapping, and the problems found while they are read."""

    mapping: SiteMapping
    sources: Mapping[str, Source]
    problems: list[Problem] = field(default_factory=list)

    def source_of(self, value: Value, default: str | None = None) -> Source:
        """Return the source that a value rule reads."""
        return self.sources[value.source or default or self.mapping.people.source]

    def person_cell(self, person: str, value: Value, declaration: ColumnSpec, default: str | None = None) -> Cell:
        """Return one exported cell of a person; in a long source all rows (or those at the rule's visit) must agree."""
        source = self.source_of(value, default)
        if value.column is None:
            return self._typed(value.constant, value, declaration, source, "constant")
        column = value.column
        found = [(row, text) for row in source.rows(person, value.at) if (text := source.cell(row, column)) is not None]
        if len({text for _, text in found}) > 1:
            row, text = next((row, text) for row, text in found if text != found[0][1])
            first = f"row {source.text.numbers[found[0][0]]} of {person} says {found[0][1]!r}"
            self.problems.append(
                Problem(source.text.at(row, column), f"found {text!r}, but {first}", "needed: one value per person", MAP_IT)
            )
        if not found:
            rows = source.rows(person, value.at)
            where = source.text.at(rows[0], column) if rows else f"{source.text.name}: no row of {person}, column {column}"
            return self._typed(None, value, declaration, source, where)
        return self._typed(found[0][1], value, declaration, source, source.text.at(found[0][0], column))

    def visit_cell(self, person: str, visit: str, value: Value, declaration: ColumnSpec) -> Cell:
        """Return one exported cell of a person's row at a visit of a long source; only one such row may hold a value."""
        if value.column is None:
            return self.person_cell(person, value, declaration)
        source, column = self.source_of(value), value.column
        found = [row for row in source.rows(person, visit) if source.cell(row, column) is not None]
        for row in found[1:]:
            first = source.text.numbers[found[0]]
            said = f"a second value of {person} at {visit} (the first stands in row {first})"
            self.problems.append(Problem(source.text.at(row, column), said, "allowed: one row per person and visit", "Keep the right row."))
        return self.row_cell(found[0], value, declaration, source) if found else None

    def row_cell(self, row: int, value: Value, declaration: ColumnSpec, source: Source) -> Cell:
        """Return one exported cell of one row."""
        if value.column is None:
            return self._typed(value.constant, value, declaration, source, "constant")
        return self._typed(source.cell(row, value.column), value, declaration, source, source.text.at(row, value.column))

    def holds(self, condition: Condition, person: str) -> bool:
        """Return whether a condition holds for a person of the people's source."""
        source = self.sources[self.mapping.people.source]
        texts = [source.cell(row, condition.column) for row in source.rows(person)]
        given = list(dict.fromkeys(text for text in texts if text is not None))
        if len(given) > 1:
            where = source.text.at(source.rows(person)[0], condition.column)
            found = f"{person} has the values {', '.join(map(repr, given))}"
            self.problems.append(Problem(where, found, "needed: one value per person to decide on exclusion", MAP_IT))
        return applies(condition, given[0] if given else None, source.spec.decimal)

    def _typed(self, text: str | None, value: Value, declaration: ColumnSpec, source: Source, where: str) -> Cell:
        """Return the typed cell, None with a problem noted where it cannot be made."""
        try:
            return type_cell(
                "" if text is None else translate(text, value, source.spec.decimal, declaration), declaration, declaration.filled
            )
        except RefusedCellError as fault:
            found = "the cell is missing" if text is None else f"found {text!r}"
            self.problems.append(Problem(where, found, f"allowed: {fault.allowed}", fault.remedy))
            return None


def open_sources(mapping: SiteMapping, contents: Mapping[str, bytes]) -> RawFiles:
    """Return the raw files under their mapping.

    Parameters
    ----------
    mapping : SiteMapping
        What stands where.
    contents : mapping of str to bytes
        The raw files by source name.

    Raises
    ------
    DataError
        A file breaks its form or lacks a column that the mapping names, or a row's person or visit cannot be told.
    """
    problems: list[Problem] = []
    texts = {}
    for name, spec in mapping.sources.items():
        text, faults = parse_csv(contents[name], spec.file, encoding=spec.encoding, delimiter=spec.delimiter)
        texts[name] = text
        problems += faults
    refuse(problems, "raw files")
    for name, columns in _columns_read(mapping).items():
        problems += _absent_columns(texts[name], columns)
    refuse(problems, "raw files")
    sources = {name: _open(name, spec, texts[name], problems) for name, spec in mapping.sources.items()}
    refuse(problems, "raw files")
    return RawFiles(mapping, sources)


def _columns_read(mapping: SiteMapping) -> dict[str, list[str]]:
    """Return the columns that a mapping reads from each source."""
    columns: dict[str, list[str]] = {name: [] for name in mapping.sources}
    for name, spec in mapping.sources.items():
        columns[name] += [spec.participant.column] if spec.participant.column else []
        columns[name] += [spec.visit.column] if spec.visit else []
        columns[name] += [skip.when.column for skip in spec.skip]
    columns[mapping.people.source] += [rule.when.column for rule in mapping.people.excluded]
    defaults = {name: rule.source for name, rule in mapping.files.items()}
    for pointer, value in every_value(mapping):
        file = pointer.split("/")[2].replace("~1", "/") if pointer.startswith("/files/") else ""
        columns[value.source or defaults.get(file) or mapping.people.source] += [value.column] if value.column else []
    return columns


def _absent_columns(text: TextTable, columns: Sequence[str]) -> Iterator[Problem]:
    allowed = f"its columns are {', '.join(text.header)}"
    for column in dict.fromkeys(columns):
        if column not in text.header:
            yield Problem(
                f"{text.name}: row 1",
                f"the column {column!r} of the mapping is missing",
                allowed,
                "Correct the mapping, or get the full file.",
            )


def _open(name: str, spec: SourceFile, text: TextTable, problems: list[Problem]) -> Source:
    """Return a source with the person and the visit of each row."""
    bare = Source(name, spec, text, (None,) * len(text.rows), (None,) * len(text.rows), {})
    kept = [
        not any(applies(skip.when, bare.cell(row, skip.when.column), spec.decimal) for skip in spec.skip) for row in range(len(text.rows))
    ]
    people = tuple(_person(bare, row, spec.participant, problems) if keep else None for row, keep in enumerate(kept))
    visits = tuple(_visit(bare, row, problems) if keep and spec.visit else None for row, keep in enumerate(kept))
    index: dict[str, list[int]] = {}
    for row, person in enumerate(people):
        if person is not None:
            index.setdefault(person, []).append(row)
    return Source(name, spec, text, people, visits, {person: tuple(rows) for person, rows in index.items()})


def _person(source: Source, row: int, rule: Identifier, problems: list[Problem]) -> str | None:
    """Return the identifier of a row's person."""
    if rule.column is None:
        return rule.prefix + str(row + 1).zfill(rule.digits)
    text = source.cell(row, rule.column)
    if text is not None and rule.whole_number:
        text = _whole(text)
    if text is None:
        shown = source.text.rows[row][source.text.header.index(rule.column)]
        allowed = "needed: a whole number" if rule.whole_number else "needed: an identifier in every row"
        problems.append(
            Problem(source.text.at(row, rule.column), f"found {shown!r}", allowed, "Correct the raw file, or skip the row by a rule.")
        )
        return None
    return rule.prefix + text.zfill(rule.digits)


def _whole(text: str) -> str | None:
    """Return 1001 for 1001.0, None where the text is no whole number."""
    match = re.fullmatch(r"([0-9]+)(\.0*)?", text)
    return match.group(1) if match else None


def _visit(source: Source, row: int, problems: list[Problem]) -> str | None:
    """Return the visit of a row, None where it is an ignored one."""
    rule = source.spec.visit
    assert rule is not None
    text = source.text.rows[row][source.text.header.index(rule.column)]
    if text not in rule.codes and text not in rule.ignored:
        allowed = f"allowed: {', '.join((*rule.codes, *rule.ignored))}"
        problems.append(
            Problem(source.text.at(row, rule.column), f"found {text!r}", allowed, "Add it to the mapping's visit codes, or to ignored.")
        )
    return rule.codes.get(text)


def applies(condition: Condition, text: str | None, decimal: str) -> bool:
    """Return whether a condition holds for one raw cell; a missing cell lies neither below nor above anything."""
    if condition.missing is not None:
        return (text is None) == condition.missing
    if condition.among is not None:
        return text in condition.among
    if text is None or not NUMBER.fullmatch(text.replace(decimal, ".")):
        return False
    number = float(text.replace(decimal, "."))
    return number < condition.below if condition.below is not None else number > (condition.above or 0.0)


def translate(text: str, value: Value, decimal: str, declaration: ColumnSpec) -> str:
    """Return a raw text as the export folder writes it.

    Parameters
    ----------
    text : str
        The raw cell, not missing.
    value : Value
        Codes, unit conversion or date format.
    decimal : str
        The raw file's decimal mark.
    declaration : ColumnSpec
        The exported column.

    Raises
    ------
    RefusedCellError
        The text is no known code, no number, or no day in the declared format.
    """
    if value.codes is not None:
        if text not in value.codes:
            raise RefusedCellError(", ".join(value.codes), "Add the code to the mapping, or correct the raw file.")
        return str(value.codes[text])
    if value.date_format is not None:
        return _iso_day(text, value.date_format)
    if declaration.type in ("int", "num") and value.column is not None:
        return _number(text, value, decimal, declaration)
    return text


def _iso_day(text: str, date_format: str) -> str:
    try:
        day = datetime.strptime(text, DATE_FORMATS[date_format]).date()
    except ValueError:
        raise RefusedCellError(f"a day written {date_format}", "Correct the raw file, or the mapping's date_format.") from None
    return day.isoformat()


def _number(text: str, value: Value, decimal: str, declaration: ColumnSpec) -> str:
    """Return a raw number in the dictionary's spelling and unit."""
    plain = text.strip().replace(decimal, ".") if decimal == "." or "." not in text else ""
    if not NUMBER.fullmatch(plain):
        mark = "point" if decimal == "." else "comma"
        raise RefusedCellError(
            f"a number with a decimal {mark}", "Add it to the source's missing texts, give it a code, or correct the raw file."
        )
    # Decimal arithmetic: 160 lb x 0.45359237 is 72.5747792 kg, not 72.57477920000001.
    number = Decimal(plain)
    if value.factor is not None or value.offset is not None:
        number = number * Decimal(repr(value.factor if value.factor is not None else 1)) + Decimal(repr(value.offset or 0))
    return str(int(number)) if declaration.type == "int" and number == int(number) else render_cell(float(number))
