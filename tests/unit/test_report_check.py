"""The check report: the same in both languages, nothing lost on the way from the findings, every number traced."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from report_reading import ROOT, identifiers, runs_of, the_protocol
from test_report_power import ENGLISH_WORDS
from test_report_trial import table_rows, text_of

from odisea.closed_form import ROUNDINGS, Inflation
from odisea.errors import DataError
from odisea.protocol.claims.contradiction import CODES as CLASHES
from odisea.protocol.claims.formula import FORMULAS, ONE_SAMPLE
from odisea.protocol.model import Protocol
from odisea.protocol.rules.catalogue import RULES
from odisea.report.check import check_document, write_check_report
from odisea.report.check_files import CheckResult, read_check_result
from odisea.report.check_findings import SUBJECTS
from odisea.report.speech import spoken
from odisea.report.text import read_texts
from tests.commands import succeed

Spoken = dict[str, Any]
# What the auditor may find missing or solve for (odisea.protocol.claims.audit and solved).
QUANTITIES = (
    "total", "difference", "sd", "standardised_effect", "error_variance", "control_proportion", "arm_proportion", "power", "alpha", "sides",
    "test", "attrition", "correlation", "icc", "cluster_size", "n_analysed", "margin",
)  # fmt: skip
TRIAL = ROOT / "protocol" / "nct07248813.yaml"
SOUND = ROOT / "tests" / "rules" / "sound" / "protocol.yaml"

# What the file itself says, in its own words: pointers, lists and blocks, names with underscores, OUTCOME@VISIT, visits such as week6.
CODES = re.compile(r"/\S+|\{.*\}|\[[^\]]*\]|\w*[_@]\w*|\b[a-z]+[0-9]+\b|: \w+ es una propuesta")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("check")
    succeed("check", TRIAL, "-o", out)
    return out


@pytest.fixture(scope="module")
def result(folder: Path) -> CheckResult:
    return read_check_result(folder, the_protocol())


@pytest.fixture(scope="module")
def said(result: CheckResult) -> dict[str, tuple[Spoken, list[Spoken]]]:
    return {language: spoken(check_document(result), language) for language in ("en", "es")}


def test_both_languages_say_the_same_with_the_same_numbers(said: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    assert identifiers(said["en"][0]) == identifiers(said["es"][0])
    assert said["en"][1] == said["es"][1]
    texts = [CODES.sub(" ", run["text"]) for run in runs_of(said["es"][0]) if not {"lang", "code"} & run.keys()]
    assert {word for text in texts for word in re.findall(r"[a-z]+", text.lower())} & (set(ENGLISH_WORDS) - {"error"}) == set()


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_open_finding_is_in_the_report(result: CheckResult, said: dict[str, tuple[Spoken, list[Spoken]]], language: str) -> None:
    text = " ".join(run["text"] for run in runs_of(said[language][0]))
    for each in result.open:
        words = each.message if each.severity in ("error", "warning") or not each.ask else each.ask
        assert words.in_language(language) in text, each.rule_id
        assert each.spec_path in text


def test_the_report_has_words_for_everything_that_a_check_can_say() -> None:
    texts = read_texts("en")
    domains = {rule.domain for rule in RULES}
    assert domains == set(SUBJECTS) & domains
    formulas = {formula.name for formula in FORMULAS} | {ONE_SAMPLE.name, "stated_numbers"}
    wanted = {
        *(f"domain.{name}" for name in domains),
        *(f"clash.{name}" for name in CLASHES),
        *(f"rounding.{name}" for name in ROUNDINGS),
        *(f"formula.{name}" for name in formulas),
        *(f"inflation.{name}" for name in get_args(Inflation)),
        *(f"quantity.{name}" for name in QUANTITIES),
    }
    assert wanted <= set(texts)


def test_the_most_severe_come_first(said: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    sections = [section["id"] for part in said["en"][0]["parts"] for section in part["sections"]]
    order = ["findings_error", "findings_warning", "findings_question", "findings_information", "GAP", "PRP", "not_run"]
    assert [name for name in sections if name in order] == order


def test_the_scoreboard_adds_up(folder: Path, said: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    rows = [list(map(int, row[1:])) for row in table_rows(said["en"][0], "scoreboard.scoreboard")]
    assert [sum(column) for column in zip(*rows[:-1], strict=True)] == rows[-1]
    summary = json.loads((folder / "findings.json").read_text(encoding="utf-8"))["summary"]
    assert rows[-1] == [summary[severity] for severity in ("error", "warning", "question", "information")]


def test_every_rule_is_in_the_appendix_and_what_did_not_run_is_listed_apart(
    result: CheckResult, said: dict[str, tuple[Spoken, list[Spoken]]]
) -> None:
    listed = [row[0] for row in table_rows(said["en"][0], "catalogue.catalogue") if len(row) > 1]
    assert listed == [rule.rule_id for rule in result.rules.rules]
    apart = [row[0] for row in table_rows(said["en"][0], "not_run.not_run_table")]
    assert apart == [rule.rule_id for rule in result.rules.rules if rule.state == "not_run"]


def test_the_claim_shows_the_spread_that_the_numbers_imply(said: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    rows = table_rows(said["en"][0], "claim_details.implied")
    assert rows[0] == ["standard deviation", "t test", "19.39", "25.12"]


def test_numbers_name_the_file_that_they_stand_in(folder: Path, said: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    files = {number["file"] for number in said["en"][1]}
    assert files == {"findings.json", "rules.json", "claims.json", "drift.json", "checklists.json"}
    assert all((folder / name).is_file() for name in files)
    claims = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    for number in said["en"][1]:
        if number["file"] == "claims.json":
            value: Any = claims
            for step in number["at"].split("/")[1:]:
                value = value[int(step)] if isinstance(value, list) else value[step]
            assert value == pytest.approx(number["value"] / (100 if "times 100" in number.get("rule", "") else 1), rel=1e-12)


def test_recalled_references_say_so_in_both_languages(said: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    assert "recalled, not re-read" in text_of(said["en"][0])
    assert "citado de memoria" in text_of(said["es"][0])


@pytest.mark.parametrize("suffix", [".pdf", ".html"])
def test_the_same_findings_give_the_same_bytes(folder: Path, tmp_path: Path, suffix: str) -> None:
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    for target in (one, other):
        write_check_report(folder, the_protocol(), "es", target)
    assert one.read_bytes() == other.read_bytes()


def test_a_sound_protocol_has_a_report_without_findings(tmp_path: Path) -> None:
    succeed("check", SOUND, "-o", tmp_path)
    text = (tmp_path / "check_report.en.html").read_text(encoding="utf-8")
    assert "No rule found two parts of the protocol that exclude each other." in text
    assert "No registry record was given" in text


def test_another_trials_folder_is_refused(folder: Path) -> None:
    other: Protocol = the_protocol().model_copy(update={"trial": "other"})
    with pytest.raises(DataError, match="these findings are of trial nct07248813"):
        read_check_result(folder, other)


def test_a_folder_without_findings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"findings\.json: cannot be read"):
        read_check_result(tmp_path, the_protocol())


@pytest.mark.parametrize("name", ["claims.json", "drift.json", "checklists.json", "rules.json", "findings.json"])
@pytest.mark.parametrize("content", ["{}", "[]", "{"])
def test_a_broken_result_file_is_named(folder: Path, tmp_path: Path, name: str, content: str) -> None:
    for path in folder.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        read_check_result(tmp_path, the_protocol())
