"""Typing of cells and files by the dictionary: what is allowed, and the exact words about what is not."""

from datetime import date, datetime, timedelta, timezone

import pytest

from odisea.data.contract import RefusedCellError, link_problems, type_cell, type_file, type_files
from odisea.data.tables import Cell, Table, make_table, refuse, render_csv
from odisea.errors import DataError, Problem
from odisea.protocol.dictionary import ColumnSpec, Dictionary, FileSpec


def spec(**said: object) -> ColumnSpec:
    return ColumnSpec.model_validate({"description": "a column", **said})


ITEM = spec(type="int", range=(0, 5), required=True)
WEIGHT = spec(type="num", unit="kg", range=(30, 250))
DAY = spec(type="date")
LEVEL = spec(type="cat", codes=("low", "high"))
FILE = FileSpec.model_validate(
    {
        "description": "a file",
        "key": ("who", "visit"),
        "columns": {
            "who": {"type": "id", "pattern": "P[0-9]{4}", "description": "who"},
            "visit": {"type": "cat", "codes": ("baseline", "week6"), "description": "visit"},
            "item": ITEM,
            "score": {"type": "num", "missing_reason_column": "missing", "description": "score"},
            "missing": {"type": "cat", "codes": ("refused", "unknown"), "description": "reason"},
        },
    }
)
HEADER = "who,visit,item,score,missing\n"


@pytest.mark.parametrize(
    ("text", "declaration", "value"),
    [
        ("3", ITEM, 3),
        ("61.5", WEIGHT, 61.5),
        ("6.15e1", WEIGHT, 61.5),
        ("low", LEVEL, "low"),
        ("2025-10-03", DAY, date(2025, 10, 3)),
        ("2025-10-03T09:30:00-06:00", spec(type="datetime"), datetime(2025, 10, 3, 9, 30, tzinfo=timezone(timedelta(hours=-6)))),
        ("true", spec(type="bool"), True),
        ("001", spec(type="id"), "001"),
        ("free, text", spec(type="text"), "free, text"),
        ("", ITEM, None),
    ],
)
def test_cell_is_typed_by_its_declaration(text: str, declaration: ColumnSpec, value: Cell) -> None:
    typed = type_cell(text, declaration)
    assert typed == value
    assert type(typed) is type(value)


@pytest.mark.parametrize(
    ("text", "declaration", "allowed", "remedy"),
    [
        ("6", ITEM, "a whole number from 0 to 5", "Correct the value at its source; nothing is changed here."),
        ("3.0", ITEM, "a whole number from 0 to 5", "Write the digits only."),
        ("03", ITEM, "a whole number from 0 to 5", "Write 3 without leading zeros."),
        ("NA", ITEM, "a whole number from 0 to 5", "Leave the cell empty where there is no value."),
        (" 3", ITEM, "a whole number from 0 to 5", "Delete the spaces around the value."),
        ("61,5", WEIGHT, "a number with a decimal point from 30 to 250 kg", "Write 61.5 with a decimal point, if that is the number."),
        ("nan", WEIGHT, "a number with a decimal point from 30 to 250 kg", "Leave the cell empty where there is no value."),
        ("1e999", spec(type="num"), "a number with a decimal point", "Correct the value at its source; it is too large for a number."),
        (
            "03/10/2025",
            DAY,
            "a date written YYYY-MM-DD",
            "Write 2025-10-03 if day 3 of month 10 is meant; no order of day and month is guessed.",
        ),
        ("10/25/2025", DAY, "a date written YYYY-MM-DD", "Write 2025-MM-DD with the right month and day."),
        ("3 Oct 2025", DAY, "a date written YYYY-MM-DD", "Write year, month and day with hyphens, such as 2025-10-03."),
        ("20251003", DAY, "a date written YYYY-MM-DD", "Write year, month and day with hyphens, such as 2025-10-03."),
        ("2025-02-30", DAY, "a date written YYYY-MM-DD", "This day is not in the calendar; correct it at its source."),
        (
            "2025-10-03T09:30:00",
            spec(type="datetime"),
            "a time written in ISO 8601 with its offset",
            "Write the offset from UTC too, such as 2025-10-03T09:30:00-06:00.",
        ),
        ("Low", LEVEL, "low, high", "Write one of these codes exactly."),
        ("TRUE", spec(type="bool"), "true or false", "Write true or false in lower case."),
        ("P 1", spec(type="id"), "an identifier of letters, digits, point, hyphen and underscore", "Correct the identifier at its source."),
        ("p0001", FILE.columns["who"], "an identifier of the form P[0-9]{4}", "Correct the identifier at its source."),
    ],
)
def test_refused_cell_says_what_is_allowed_and_what_to_do(text: str, declaration: ColumnSpec, allowed: str, remedy: str) -> None:
    with pytest.raises(RefusedCellError) as caught:
        type_cell(text, declaration)
    assert (caught.value.allowed, caught.value.remedy) == (allowed, remedy)


def problems_of(content: str) -> list[str]:
    return [str(problem) for problem in type_file(content.encode(), "odi.csv", FILE)[1]]


def test_good_file_is_typed_without_a_problem() -> None:
    table, problems = type_file((HEADER + "P0001,baseline,5,44.5,\r\nP0001,week6,,,refused\r\n").encode(), "odi.csv", FILE)
    assert not problems
    assert table.columns["score"] == (44.5, None)
    assert table.columns["missing"] == (None, "refused")
    assert table.numbers == (2, 3)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "P0001,baseline,6,44,\n",
            "odi.csv: row 2, column item: found '6'; allowed: a whole number from 0 to 5. "
            "Correct the value at its source; nothing is changed here.",
        ),
        (
            "P0001,,1,44,\n",
            "odi.csv: row 2, column visit: the cell is empty; allowed: baseline, week6. Fill the cell; every row needs a value here.",
        ),
        (
            "P0001,baseline,1,44,refused\n",
            "odi.csv: row 2, column score: '44' and in missing 'refused'; allowed: a value or a missing reason, never both. "
            "Delete the one that is wrong.",
        ),
        (
            "P0001,baseline,1,,\n",
            "odi.csv: row 2, column score: no value, and no reason in missing; allowed: a value or a missing reason, never both. "
            "Write the value, or in missing why there is none.",
        ),
        (
            "P0001,baseline,1,4,\nP0001,baseline,2,4,\n",
            "odi.csv: row 3, column who, visit: P0001, baseline stands in row 2 already; allowed: once in the file. "
            "Keep one of the two rows.",
        ),
        (
            "P0001,baseline,1,4\n",
            "odi.csv: row 2: 4 cells; needed: 5, as in the header. Complete the row; an empty cell still needs its delimiter.",
        ),
        (
            "P0001,baseline,1,4,,\n",
            "odi.csv: row 2: 6 cells; needed: 5, as in the header. Enclose cells that contain the delimiter in quotes.",
        ),
        ("\nP0001,baseline,1,4,\n", "odi.csv: row 2: the row is blank. Delete it."),
    ],
)
def test_faulty_row_is_told_in_one_line(rows: str, said: str) -> None:
    assert problems_of(HEADER + rows) == [said]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "who,visit,score,missing\n",
            "odi.csv: row 1: the column item is missing; the columns are who, visit, item, score, missing. "
            "Add it to the header and to every row.",
        ),
        (
            "who,visit,item,score,missing,Item\n",
            "odi.csv: row 1: the column 'Item' is unknown; the columns are who, visit, item, score, missing. "
            "Delete the column, or declare it in the trial's dictionary.",
        ),
        ("who,visit,item,item\n", "odi.csv: row 1: the column item stands 2 times; allowed: once. Keep one of them."),
        ("who,visit,item,\n", "odi.csv: row 1: no name in column 4; needed: a name in every column. Name or delete the column."),
        ("", "odi.csv: the file is empty; needed: a header row with column names. Export the file again."),
        (
            'who,visit,item\n"P0001"x,baseline,1\n',
            "odi.csv: line 2: the quoting is broken (',' expected after '\"'); needed: RFC 4180 quoting. "
            'Enclose a cell that contains quotes in quotes and double the inner ones: "a ""b"" c".',
        ),
    ],
)
def test_faulty_form_is_told_in_one_line(content: str, said: str) -> None:
    assert problems_of(content) == [said]


def test_every_fault_of_a_file_is_told_at_once() -> None:
    told = problems_of(HEADER + "P0001,baseline,6,44,\nP0002,week7,1,x,\n")
    assert [line.split(":")[1] for line in told] == [" row 2, column item", " row 3, column visit", " row 3, column score"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xef\xbb\xbfwho,visit,item\n", "the file starts with a byte order mark; needed: UTF-8 without byte order mark"),
        ("who,visit,item\nP0001,baseline,niño\n".encode("latin-1"), "byte 0xf1 in line 2 is not utf-8; needed: utf-8"),
        (b"who,visit,item\nP0001,baseline,1\0\n", "the file contains NUL characters; needed: text in utf-8"),
    ],
)
def test_file_that_is_not_plain_utf8_is_refused(content: bytes, said: str) -> None:
    first = str(type_file(content, "odi.csv", FILE)[1][0])
    assert first.startswith(f"odi.csv: {said}. ")


def test_spreadsheet_rows_count_a_cell_with_a_line_break_once() -> None:
    text = FileSpec.model_validate({"description": "f", "key": (), "columns": {"note": spec(type="text"), "item": ITEM}})
    told = type_file(b'note,item\n"two\nlines",1\nplain,6\n', "notes.csv", text)[1]
    assert [problem.where for problem in told] == ["notes.csv: row 3, column item"]


DICTIONARY = Dictionary.model_validate(
    {
        "missing_reasons": {},
        "files": {
            "participants.csv": {
                "description": "p",
                "key": ("participant_id",),
                "required": True,
                "columns": {"participant_id": spec(type="id")},
            },
            "odi.csv": {"description": "o", "key": ("participant_id",), "columns": {"participant_id": spec(type="id"), "item": ITEM}},
            "restricted/allocation.csv": {
                "description": "a",
                "key": (),
                "restricted": True,
                "columns": {"participant_id": spec(type="id")},
            },
        },
    }
)


def test_participant_whom_participants_csv_does_not_have_is_told() -> None:
    tables = {"participants.csv": make_table("participants.csv", ["participant_id"], [["P1"]])}
    tables["odi.csv"] = make_table("odi.csv", ["participant_id", "item"], [["P1", 1], ["P2", 1]])
    assert [str(problem) for problem in link_problems(tables, DICTIONARY)] == [
        "odi.csv: row 3, column participant_id: unknown participant 'P2'; allowed: those of participants.csv. "
        "Correct the identifier, or add its row to participants.csv."
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("odi.csv",), "participants.csv: the file is missing from the export folder; the files are participants.csv, odi.csv. "),
        (("participants.csv", "notes.csv"), "notes.csv: the file is not declared; the files are participants.csv, odi.csv. "),
        (("participants.csv", "allocation.csv"), "allocation.csv: a restricted file stands in the export folder; the files are "),
    ],
)
def test_missing_undeclared_and_restricted_files_are_told(names: tuple[str, ...], said: str) -> None:
    _, problems = type_files(dict.fromkeys(names, b"participant_id,item\n"), DICTIONARY)
    assert any(str(problem).startswith(said) for problem in problems)


def test_first_fifty_problems_are_printed_with_a_count_of_the_rest() -> None:
    with pytest.raises(DataError) as caught:
        refuse([Problem(f"row {number}", "wrong") for number in range(63)], "odi.csv")
    assert len(caught.value.problems) == 51
    assert str(caught.value.problems[-1]) == "odi.csv: 13 more problems are not printed. Mend the printed ones and run again."


def test_written_cells_read_back_exactly() -> None:
    columns: dict[str, tuple[Cell, ...]] = {
        "who": ("P0001", "P0002"),
        "visit": ("baseline", "week6"),
        "item": (3, None),
        "score": (0.1 + 0.2, 44.0),
        "missing": (None, None),
    }
    content = render_csv(Table("odi.csv", columns, (2, 3)))
    assert content == b"who,visit,item,score,missing\nP0001,baseline,3,0.30000000000000004,\nP0002,week6,,44,\n"
    assert type_file(content, "odi.csv", FILE)[0].columns == columns
