import re
from pathlib import Path
from string import Formatter

import pytest
from report_reading import ROOT

from odisea.report.text import LANGUAGES, read_texts

ENGLISH, SPANISH = read_texts("en"), read_texts("es")
# Digits that belong to a name, a unit or a level of confidence, or that count to a hundred; every other number is a placeholder.
CONSTANTS = {"100", "95", "9", "1", "256"}
LABELS = ("parameter.", "unit.", "achieved.", "brief.", "reason.")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys() -> None:
    assert ENGLISH.keys() == SPANISH.keys()


@pytest.mark.parametrize("key", sorted(ENGLISH))
def test_both_languages_have_the_same_placeholders_and_digits(key: str) -> None:
    assert placeholders(ENGLISH[key]) == placeholders(SPANISH[key])
    assert sorted(re.findall(r"\d+", ENGLISH[key])) == sorted(re.findall(r"\d+", SPANISH[key]))


def test_texts_hold_no_results() -> None:
    for texts in (ENGLISH, SPANISH):
        for key, text in texts.items():
            if not key.startswith(LABELS):
                assert set(re.findall(r"\d+", re.sub(r"\{\w+\}", "", text))) <= CONSTANTS, key


def test_every_text_that_the_code_names_exists() -> None:
    named = set()
    for path in (ROOT / "odisea" / "report").glob("*.py"):
        named |= set(re.findall(r'\b(?:say|Message)\(\s*"([\w.]+)"', path.read_text(encoding="utf-8")))
    assert len(named) > 200
    assert named <= ENGLISH.keys()


def test_every_assumption_and_unit_has_words() -> None:
    text = (ROOT / "simulate" / "assumptions.yaml").read_text(encoding="utf-8")
    names = re.findall(r"^  (\w+): \{kind:", text, flags=re.MULTILINE)
    assert len(names) > 50
    assert {f"parameter.{name}" for name in names if not name.startswith("item_offset_")} <= ENGLISH.keys()
    assert {f"unit.{unit}" for unit in re.findall(r"unit: ([^,}]+)", text)} <= ENGLISH.keys()


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="'fr'"):
        read_texts("fr")


def test_no_text_file_without_a_reader() -> None:
    files = {path.stem for path in (Path(ROOT) / "odisea" / "report" / "text").glob("*.toml")}
    assert files == set(LANGUAGES)
