"""Reading the files of an export folder against the dictionary: every cell is text first and typed by its declaration.

No type is ever inferred: an inferring reader turns 03/10/2025 into 10 March, 001 into 1, and shifts all columns when rows
are longer than the header, each without a word. Everything that breaks the declaration is a `Problem` that names file,
row (as a spreadsheet shows it: the header is row 1), column, what was found and what is allowed. Nothing is changed.

File rules: UTF-8 without byte order mark, comma, RFC 4180 quoting, decimal point, dates YYYY-MM-DD, times ISO 8601 with
offset, `true` and `false`. Lines may end in LF or CRLF, columns may stand in any order, but only declared ones may stand.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from odisea.data.tables import Cell, Table, TextTable, cell_place, parse_csv
from odisea.errors import Problem
from odisea.protocol.dictionary import ColumnSpec, Dictionary, FileSpec

PARTICIPANT = "participant_id"
LONGEST_NUMBER = 40
INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DAY_FIRST = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class RefusedCellError(Exception):
    """A cell that its declaration does not allow; carries what is allowed and what to do."""

    def __init__(self, allowed: str, remedy: str) -> None:
        super().__init__(allowed)
        self.allowed = allowed
        self.remedy = remedy


def type_file(content: bytes, name: str, spec: FileSpec) -> tuple[Table, list[Problem]]:
    """Return a file of the export folder as typed columns, with every fault against its declaration.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        Its name in the export folder.
    spec : FileSpec
        Its part of the dictionary.

    Returns
    -------
    table : Table
        The typed columns; a refused cell is None. Usable only where no problem was found.
    problems : list of Problem
        In the order: form, header, cells by row, values and their missing reasons, keys.
    """
    text, problems = parse_csv(content, name)
    if not text.header:
        return Table(name, {}, ()), problems
    problems = problems + _header_problems(text, spec)
    declared = [(place, column) for place, column in enumerate(text.header) if column in spec.columns]
    rows = [_typed_row(text, row, declared, spec, problems) for row in range(len(text.rows))]
    columns = {column: tuple(row[i] for row in rows) for i, (_, column) in enumerate(declared)}
    table = Table(name, columns, text.numbers)
    problems += _pairing_problems(text, table, spec) + _key_problems(text, table, spec)
    return table, problems


def _header_problems(text: TextTable, spec: FileSpec) -> list[Problem]:
    where = f"{text.name}: row 1"
    allowed = f"the columns are {', '.join(spec.columns)}"
    needed = [column for column, declaration in spec.columns.items() if declaration.required or column in spec.key]
    missing = [column for column in needed if column not in text.header]
    unknown = [column for column in text.header if column.strip() and column not in spec.columns]
    add, delete = "Add it to the header and to every row.", "Delete the column, or declare it in the trial's dictionary."
    problems = [Problem(where, f"the column {column} is missing", allowed, add) for column in missing]
    return problems + [Problem(where, f"the column {column!r} is unknown", allowed, delete) for column in unknown]


def _typed_row(text: TextTable, row: int, declared: Sequence[tuple[int, str]], spec: FileSpec, problems: list[Problem]) -> list[Cell]:
    """Return the typed cells of one row's declared columns and add the faults to the problems."""
    cells: list[Cell] = []
    for place, column in declared:
        declaration, raw = spec.columns[column], text.rows[row][place]
        try:
            cells.append(type_cell(raw, declaration, declaration.filled or column in spec.key))
        except RefusedCellError as fault:
            cells.append(None)
            found = f"found {raw!r}" if raw else "the cell is empty"
            problems.append(Problem(text.at(row, column), found, f"allowed: {fault.allowed}", fault.remedy))
    return cells


def type_cell(text: str, declaration: ColumnSpec, needs_value: bool = False) -> Cell:
    """Return the typed value of one cell, None where it is empty.

    Raises
    ------
    RefusedCellError
        The declaration does not allow the text.
    """
    if text == "":
        if needs_value:
            raise RefusedCellError(_allowed(declaration), "Fill the cell; every row needs a value here.")
        return None
    if text != text.strip():
        raise RefusedCellError(_allowed(declaration), "Delete the spaces around the value.")
    return TYPING[declaration.type](text, declaration)


def _type_number(text: str, declaration: ColumnSpec) -> Cell:
    whole = declaration.type == "int"
    if len(text) > LONGEST_NUMBER or not (INTEGER if whole else NUMBER).fullmatch(text):
        raise RefusedCellError(_allowed(declaration), _number_remedy(text, whole))
    value = int(text) if whole else float(text)
    if math.isinf(value):
        raise RefusedCellError(_allowed(declaration), "Correct the value at its source; it is too large for a number.")
    if declaration.range and not declaration.range[0] <= value <= declaration.range[1]:
        raise RefusedCellError(_allowed(declaration), "Correct the value at its source; nothing is changed here.")
    return value


def _number_remedy(text: str, whole: bool) -> str:
    if re.fullmatch(r"-?[0-9]+,[0-9]+", text):
        return f"Write {text.replace(',', '.')} with a decimal point, if that is the number." if not whole else "Write a whole number."
    if re.fullmatch(r"-?0+[0-9]+", text):
        return f"Write {int(text)} without leading zeros."
    return "Leave the cell empty where there is no value." if not any(map(str.isdigit, text)) else "Write the digits only."


def _type_category(text: str, declaration: ColumnSpec) -> Cell:
    if text not in (declaration.codes or ()):
        raise RefusedCellError(_allowed(declaration), "Write one of these codes exactly.")
    return text


def _type_text(text: str, declaration: ColumnSpec) -> Cell:
    pattern = re.compile(declaration.pattern) if declaration.pattern else IDENTIFIER
    if (declaration.pattern or declaration.type == "id") and not pattern.fullmatch(text):
        raise RefusedCellError(
            _allowed(declaration), "Correct the identifier at its source." if declaration.type == "id" else "Correct the text."
        )
    return text


def _type_bool(text: str, declaration: ColumnSpec) -> Cell:
    if text not in ("true", "false"):
        raise RefusedCellError(_allowed(declaration), "Write true or false in lower case.")
    return text == "true"


def _type_date(text: str, declaration: ColumnSpec) -> Cell:
    try:
        if ISO_DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        raise RefusedCellError(_allowed(declaration), "This day is not in the calendar; correct it at its source.") from None
    raise RefusedCellError(_allowed(declaration), _date_remedy(text))


def _date_remedy(text: str) -> str:
    match = DAY_FIRST.fullmatch(text)
    if not match:
        return "Write year, month and day with hyphens, such as 2025-10-03."
    day, month, year = (int(part) for part in match.groups())
    try:
        return f"Write {date(year, month, day).isoformat()} if day {day} of month {month} is meant; no order of day and month is guessed."
    except ValueError:
        return f"Write {year:04d}-MM-DD with the right month and day."


def _type_datetime(text: str, declaration: ColumnSpec) -> Cell:
    try:
        moment = datetime.fromisoformat(text) if ISO_DATE.match(text) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise RefusedCellError(_allowed(declaration), "Write the offset from UTC too, such as 2025-10-03T09:30:00-06:00.")
    return moment


TYPING: Mapping[str, Callable[[str, ColumnSpec], Cell]] = {
    "int": _type_number,
    "num": _type_number,
    "cat": _type_category,
    "id": _type_text,
    "text": _type_text,
    "bool": _type_bool,
    "date": _type_date,
    "datetime": _type_datetime,
}


def _allowed(declaration: ColumnSpec) -> str:
    """Return in words what a cell may hold."""
    if declaration.type == "cat":
        return ", ".join(declaration.codes or ())
    if declaration.type in ("int", "num"):
        noun = "a whole number" if declaration.type == "int" else "a number with a decimal point"
        unit = f" {declaration.unit}" if declaration.unit else ""
        return noun + (f" from {declaration.range[0]:g} to {declaration.range[1]:g}{unit}" if declaration.range else "")
    pattern = f" of the form {declaration.pattern}" if declaration.pattern else ""
    words = {
        "id": f"an identifier{pattern or ' of letters, digits, point, hyphen and underscore'}",
        "text": f"a text{pattern}",
        "bool": "true or false",
        "date": "a date written YYYY-MM-DD",
        "datetime": "a time written in ISO 8601 with its offset",
    }
    return words[declaration.type]


def _pairing_problems(text: TextTable, table: Table, spec: FileSpec) -> list[Problem]:
    """Return the rows where value and missing reason stand together, or neither."""
    problems = []
    for column, declaration in spec.columns.items():
        reason = declaration.missing_reason_column
        if reason is None or column not in table.columns or reason not in table.columns:
            continue
        places = text.header.index(column), text.header.index(reason)
        for number, row in zip(text.numbers, text.rows, strict=True):
            value, why = row[places[0]], row[places[1]]
            if value and why:
                found, remedy = f"{value!r} and in {reason} {why!r}", "Delete the one that is wrong."
            elif not value and not why:
                found, remedy = f"no value, and no reason in {reason}", f"Write the value, or in {reason} why there is none."
            else:
                continue
            where = cell_place(table.name, number, column)
            problems.append(Problem(where, found, "allowed: a value or a missing reason, never both", remedy))
    return problems


def _key_problems(text: TextTable, table: Table, spec: FileSpec) -> list[Problem]:
    """Return the rows whose key stands in an earlier row."""
    if not spec.key or any(column not in table.columns for column in spec.key):
        return []
    first: dict[tuple[Cell, ...], int] = {}
    problems = []
    for number, key in zip(table.numbers, zip(*(table.columns[column] for column in spec.key), strict=True), strict=True):
        if None in key:
            continue
        if key in first:
            where = cell_place(table.name, number, ", ".join(spec.key))
            found = f"{', '.join(map(str, key))} stands in row {first[key]} already"
            problems.append(Problem(where, found, "allowed: once in the file", "Keep one of the two rows."))
        first.setdefault(key, number)
    return problems


def link_problems(tables: Mapping[str, Table], dictionary: Dictionary, only: str | None = None) -> list[Problem]:
    """Return the cells that name what no other file has, such as a participant in odi.csv who is not in participants.csv.

    A column that alone is the key of a declared file (the first such file) refers to that file wherever it stands.
    `only` looks at one file.
    """
    owners = key_owners(tables, dictionary)
    problems = []
    for table in tables.values() if only is None else (tables[only],):
        for column in table.columns:
            owner = owners.get(column, table.name)
            if owner != table.name:
                problems += _unknown_values(table, column, tables[owner])
    return problems


def key_owners(tables: Mapping[str, Table], dictionary: Dictionary) -> dict[str, str]:
    """Return the file to which a column refers wherever it stands: the first whose key that column alone is."""
    owners: dict[str, str] = {}
    for name, spec in dictionary.files.items():
        if len(spec.key) == 1 and name in tables:
            owners.setdefault(spec.key[0], name)
    return owners


def _unknown_values(table: Table, column: str, owner: Table) -> list[Problem]:
    known = set(owner.columns.get(column, ()))
    noun = "participant" if column == PARTICIPANT else column
    return [
        Problem(
            table.at(row, column),
            f"unknown {noun} {value!r}",
            f"allowed: those of {owner.name}",
            f"Correct the identifier, or add its row to {owner.name}.",
        )
        for row, value in enumerate(table.columns[column])
        if value is not None and value not in known
    ]


def type_files(contents: Mapping[str, bytes], dictionary: Dictionary) -> tuple[dict[str, Table], list[Problem]]:
    """Return all files of an export folder as typed tables, with every fault in one of them or between two.

    Parameters
    ----------
    contents : mapping of str to bytes
        File names in the export folder, and the files.
    dictionary : Dictionary
        The contract.
    """
    open_files = {name: spec for name, spec in dictionary.files.items() if not spec.restricted}
    problems = _file_problems(tuple(contents), dictionary)
    tables = {}
    for name, spec in open_files.items():
        if name in contents:
            tables[name], found = type_file(contents[name], name, spec)
            problems += found
    return tables, problems + link_problems(tables, dictionary)


def _file_problems(names: Sequence[str], dictionary: Dictionary) -> list[Problem]:
    declared = [name for name, spec in dictionary.files.items() if not spec.restricted]
    hidden = [name.rpartition("/")[2] for name, spec in dictionary.files.items() if spec.restricted]
    allowed = f"the files are {', '.join(declared)}"
    problems = [
        Problem(name, "the file is missing from the export folder", allowed, "Add it; a file without rows still needs its header.")
        for name in declared
        if dictionary.files[name].required and name not in names
    ]
    for name in names:
        if name in hidden:
            problems.append(Problem(name, "a restricted file stands in the export folder", allowed, "Move it out: it may tell the arms."))
        elif name not in declared:
            problems.append(Problem(name, "the file is not declared", allowed, "Take it out, or declare it in the trial's dictionary."))
    return problems
