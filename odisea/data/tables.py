"""Files as text and as typed columns; the one place that parses and renders CSV.

Raw files and export files are first text, cell by cell. Row numbers are those that a spreadsheet shows (the header is row 1).
"""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from odisea.errors import DataError, Problem

Cell = str | int | float | bool | date | datetime | None

PRINTED_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class TextTable:
    """A delimited file as text.

    Parameters
    ----------
    name : str
        File name, as messages print it.
    header : tuple of str
        Column names.
    rows : tuple of tuple of str
        Cells, every row as long as the header.
    numbers : tuple of int
        Row number of each row in a spreadsheet.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]

    def at(self, row: int, column: str) -> str:
        """Return how a message names a cell; `row` counts from 0."""
        return cell_place(self.name, self.numbers[row], column)


@dataclass(frozen=True, slots=True)
class Table:
    """A typed file.

    Parameters
    ----------
    name : str
        File name in the export folder.
    columns : mapping of str to tuple
        One tuple of typed cells per column, all of one length; None is an empty cell.
    numbers : tuple of int
        Row number of each row in a spreadsheet.
    """

    name: str
    columns: Mapping[str, tuple[Cell, ...]]
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.numbers)

    def at(self, row: int, column: str) -> str:
        """Return how a message names a cell; `row` counts from 0."""
        return cell_place(self.name, self.numbers[row], column)

    def optional(self, column: str) -> tuple[Cell, ...]:
        """Return a column, or empty cells where the file does not have it."""
        return self.columns.get(column, (None,) * len(self))

    def records(self) -> Iterator[dict[str, Cell]]:
        """Yield the rows as dictionaries."""
        for cells in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, cells, strict=True))


def make_table(name: str, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table:
    """Return a table from rows of typed cells; rows are numbered as they will be written."""
    columns = {column: tuple(row[i] for row in rows) for i, column in enumerate(header)}
    return Table(name, columns, tuple(range(2, len(rows) + 2)))


def as_number(cell: Cell) -> float:
    """Return a typed cell as a number: NaN where it is empty, 0 or 1 for false and true.

    Raises
    ------
    TypeError
        The cell holds a text or a date.
    """
    if cell is None:
        return math.nan
    if isinstance(cell, bool | int | float):
        return float(cell)
    raise TypeError(f"{cell!r} is not a number")


def cell_place(name: str, number: int, column: str) -> str:
    """Return the words by which every message names a cell."""
    return f"{name}: row {number}, column {column}"


def refuse(problems: Sequence[Problem], source: str) -> None:
    """Raise all problems of a data source at once, the first 50 in full and a count of the rest; nothing if there is none.

    Raises
    ------
    DataError
        There is at least one problem.
    """
    if not problems:
        return
    more = len(problems) - PRINTED_PROBLEMS
    rest = [Problem(source, f"{more} more problems are not printed", "", "Mend the printed ones and run again.")] if more > 0 else []
    raise DataError([*problems[:PRINTED_PROBLEMS], *rest])


def parse_csv(content: bytes, name: str, *, encoding: str = "utf-8", delimiter: str = ",") -> tuple[TextTable, list[Problem]]:
    """Return a delimited file as text, with every fault of its form.

    Rows that do not fit the header are left out of the table and reported; so are a wrong encoding, a byte order mark
    (unless the encoding is `utf-8-sig`), broken quoting, duplicate or empty column names and blank rows.
    """
    text, problems = _decode(content, name, encoding)
    records = list(_records(text, name, delimiter, problems))
    if not records:
        problems = problems or [Problem(name, "the file is empty", "needed: a header row with column names", "Export the file again.")]
        return TextTable(name, (), (), ()), problems
    header = tuple(records[0])
    problems += _header_problems(header, name)
    numbered = list(enumerate(records[1:], start=2))
    problems += [_row_problem(name, number, cells, len(header)) for number, cells in numbered if len(cells) != len(header)]
    fitting = [(number, tuple(cells)) for number, cells in numbered if len(cells) == len(header)]
    return TextTable(name, header, tuple(cells for _, cells in fitting), tuple(number for number, _ in fitting)), problems


def _decode(content: bytes, name: str, encoding: str) -> tuple[str, list[Problem]]:
    if encoding == "utf-8" and content.startswith(b"\xef\xbb\xbf"):
        remedy = "Save it without the mark; a mapping reads a raw file that has one with `encoding: utf-8-sig`."
        problem = Problem(name, "the file starts with a byte order mark", "needed: UTF-8 without byte order mark", remedy)
        return content[3:].decode(encoding, errors="replace"), [problem]
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        found = f"byte 0x{content[error.start]:02x} in line {row} is not {encoding}"
        return "", [
            Problem(name, found, f"needed: {encoding}", "Save the file in that encoding; a mapping may declare another one for a raw file.")
        ]
    if "\0" in text:
        return "", [Problem(name, "the file contains NUL characters", f"needed: text in {encoding}", "Export the file again as CSV.")]
    return text, []


def _records(text: str, name: str, delimiter: str, problems: list[Problem]) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        remedy = 'Enclose a cell that contains quotes in quotes and double the inner ones: "a ""b"" c".'
        problems.append(Problem(f"{name}: line {reader.line_num}", f"the quoting is broken ({error})", "needed: RFC 4180 quoting", remedy))


def _header_problems(header: tuple[str, ...], name: str) -> list[Problem]:
    where = f"{name}: row 1"
    duplicates = sorted({column for column in header if column and header.count(column) > 1})
    problems = [
        Problem(where, f"the column {column} stands {header.count(column)} times", "allowed: once", "Keep one of them.")
        for column in duplicates
    ]
    empty = [str(i + 1) for i, column in enumerate(header) if not column.strip()]
    if empty:
        problems.append(
            Problem(where, f"no name in column {', '.join(empty)}", "needed: a name in every column", "Name or delete the column.")
        )
    return problems


def _row_problem(name: str, number: int, cells: list[str], width: int) -> Problem:
    where = f"{name}: row {number}"
    if not cells:
        return Problem(where, "the row is blank", "", "Delete it.")
    longer = "Enclose cells that contain the delimiter in quotes."
    shorter = "Complete the row; an empty cell still needs its delimiter."
    return Problem(where, f"{len(cells)} cells", f"needed: {width}, as in the header", longer if len(cells) > width else shorter)


def render_csv(table: Table) -> bytes:
    """Return the bytes of a typed table: UTF-8, comma, LF, ISO dates, the shortest decimals that read back exactly."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    texts = [[render_cell(cell) for cell in cells] for cells in table.columns.values()]
    writer.writerows(zip(*texts, strict=True))
    return out.getvalue().encode()


def render_cell(cell: Cell) -> str:
    """Return the text of one cell; a whole float is written without decimals."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return repr(cell).removesuffix(".0")
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell)
