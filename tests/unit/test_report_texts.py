import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest
from report_reading import ROOT

from odisea.data.trial import REASON_TEXT, Status
from odisea.protocol.methods import MISSING_DATA, REGISTRY, VARIANCES
from odisea.protocol.plan import RULES, Role, Strategy, Summary
from odisea.report.roles import ROLES
from odisea.report.text import LANGUAGES, read_texts
from odisea.report.trial_rows import DETAILED, TOLD_ELSEWHERE

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
                assert set(re.findall(r"\d+", re.sub(r"\{\w+\}|HC[23]", "", text))) <= CONSTANTS, key


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


def test_every_word_of_the_methods_has_its_text_in_the_reports() -> None:
    """What a plan may ask for, and every reason for the absence of an estimate, is said in words in both languages."""
    names = {f"missing_data.{name}" for name in MISSING_DATA} | {f"variance.{name}" for name in VARIANCES}
    names |= {f"measure.{name}" for entry in REGISTRY for name in entry.measures}
    names |= {f"responder_rule.{name}" for name in RULES} | {f"role_of.{name}" for name in ROLES} | {f"role_word.{name}" for name in ROLES}
    names |= {f"summary_measure.{name}" for name in get_args(Summary)} | {f"strategy.{name}" for name in get_args(Strategy)}
    names |= {f"reason.{text}" for text in REASON_TEXT.values() if text} | {f"status_means.{status.name.lower()}" for status in Status}
    assert sorted(names - ENGLISH.keys()) == []


def test_the_roles_are_those_of_the_plans() -> None:
    assert sorted(ROLES) == sorted(get_args(Role))


def test_every_flag_has_a_word_and_a_meaning() -> None:
    """The kinds that `odisea.analyse` writes, read from its own source: what stands before the colon of a flag."""
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "odisea" / "analyse").glob("*.py"))
    kinds = set(re.findall(r'"((?:aliased|filled|no outcome|model of|gaps|no_mean|auxiliary|rerandomised|separated)[a-z_ ]*): ', sources))
    kinds |= set(re.findall(r'[A-Z_]+ = \(?\s*"((?:collapse|separated|augmented|open_profile)): ', sources))
    kinds |= {kind for kind in BARE if f'"{kind}"' in sources}
    assert len(kinds) >= len(BARE) + 10
    shown = kinds - set(TOLD_ELSEWHERE)
    assert sorted(kind for kind in shown if f"flag_means.{kind}" not in ENGLISH) == []
    assert sorted(kind for kind in shown if kind not in DETAILED and f"flag.{kind}" not in ENGLISH) == []


BARE = ("uncongenial", "sparse_cells", "high_fmi", "exact", "exploratory", "no_tipping_within_scale", "not_significant_without_delta")


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="'fr'"):
        read_texts("fr")


def test_no_text_file_without_a_reader() -> None:
    files = {path.stem for path in (Path(ROOT) / "odisea" / "report" / "text").glob("*.toml")}
    assert files == set(LANGUAGES)
