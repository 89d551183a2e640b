"""What reaches a person is found in every file and shown masked; numbers of publications, registries and approvals are left alone."""

from pathlib import Path

import pytest
from sound_protocol import changed

from odisea.protocol.rules.ethics import personal_data
from odisea.protocol.rules.evaluate import evaluate
from odisea.protocol.rules.rule import Case

FUNDING = "/sponsors/funding"


def found(folder: Path, pointer: str, text: str) -> list[tuple[str, str, str]]:
    evaluation = evaluate(Case(changed(folder, {pointer: text})), [personal_data])
    return [(each.spec_path, each.observed, str(each.suggested_fix.patch[0].value)) for each in evaluation.findings]


@pytest.mark.parametrize(
    ("text", "observed"),
    [
        ("write to ana.perez@example.org", "a***@***"),
        ("call 5512345678", "5***"),
        ("call 55 1234 5678 in the morning", "5***"),
        ("call (595) 123-4567", "(***"),
        ("call +52 595 123 4567", "+***"),
        ("tel. 595 12 34567", "t***"),
        ("NSS 12345678901", "1***"),
        ("NSS 12-34-56-7890-1", "1***"),
        ("CURP ABCD800101HDFXYZ09", "A***"),
    ],
)
def test_what_reaches_a_person_is_found_and_masked(text: str, observed: str, tmp_path: Path) -> None:
    ((place, shown, mended),) = found(tmp_path, FUNDING, text)
    assert (place, shown) == (FUNDING, observed)
    assert "***" in mended
    assert sum(character.isdigit() for character in mended) == 0
    assert "@" not in mended


@pytest.mark.parametrize(
    "text",
    [
        "doi 10.1177/1357633X231195091",
        "https://doi.org/10.1097/0000001234567890",
        "PMID 40802146",
        "NCT07248813",
        "ACTRN12605000001695",
        "TCTR20200101001",
        "2020-123456-12",
        "R-2025-1401-018",
        "2025-10-03",
        "28(12):1734-1752",
        "0000-0002-1825-0097",
        "odi@baseline, age",
        "12345678",
    ],
)
def test_other_numbers_are_left_alone(text: str, tmp_path: Path) -> None:
    assert found(tmp_path, FUNDING, text) == []


def test_the_files_of_instruments_are_read_too(tmp_path: Path) -> None:
    ((place, shown, _),) = found(tmp_path, "/instruments/odi/mode", "paper, questions to someone@example.org")
    assert (place, shown) == ("odi.yaml#/mode", "s***@***")
