import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from readability import fernandez_huerta, flesch
from report_folders import World, write_world, write_worlds
from report_reading import identifiers, prose, runs_of, the_protocol

from odisea.errors import DataError
from odisea.protocol.plan import ResponderRule
from odisea.report.power import power_document, write_power_report
from odisea.report.results import read_power_results
from odisea.report.speech import spoken

ENGLISH_WORDS = (
    "the", "of", "and", "with", "from", "power", "loss", "lost", "trial", "study", "people", "effect", "assumption", "scenario", "value",
    "range", "source", "grade", "arm", "group", "week", "baseline", "error", "estimate", "difference", "number", "not", "is", "are",
    "points", "share", "weight", "ratio", "years", "none", "yes", "true", "false", "mean", "seed", "stated", "proposed",
    "derived", "missing",
)  # fmt: skip
Spoken = dict[str, Any]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_worlds(tmp_path_factory.mktemp("power"))


@pytest.fixture(scope="module")
def reports(folders: list[Path]) -> dict[str, tuple[Spoken, list[Spoken]]]:
    document = power_document(read_power_results(folders, the_protocol()), the_protocol())
    return {language: spoken(document, language) for language in ("en", "es")}


def test_both_languages_have_the_same_parts_and_print_the_same_numbers(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    (english, english_numbers), (spanish, spanish_numbers) = reports["en"], reports["es"]
    assert identifiers(english) == identifiers(spanish)
    assert english_numbers == spanish_numbers
    assert [run["text"] for run in runs_of(english) if "number" in run] == [run["text"] for run in runs_of(spanish) if "number" in run]
    assert len(english_numbers) > 500


def test_every_printed_number_has_one_record(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    for said, numbers in reports.values():
        record = {one["id"]: one["printed"] for one in numbers}
        assert len(record) == len(numbers)
        assert all(record[run["number"]] == run["text"] for run in runs_of(said) if "number" in run)


def test_every_record_leads_to_the_number_that_was_printed(folders: list[Path], reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    rows = {}
    for folder in folders:
        with (folder / "performance.csv").open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                rows[f"{folder.name}/performance.csv", f"{row['scenario']} {row['analysis']} {row['measure']}"] = row
    undo = {"": 1.0, "times 100": 100.0, "of 100": 1.0, "of 100, bounded": 1.0}
    checked = 0
    for one in reports["es"][1]:
        if one["file"].endswith("performance.csv") and one.get("rule", "") in undo:
            at, column = (one["at"].removesuffix(" mcse"), "mcse") if one["at"].endswith(" mcse") else (one["at"], "value")
            assert float(rows[one["file"], at][column]) * undo[one.get("rule", "")] == pytest.approx(one["value"])
            checked += 1
    assert checked > 400


def test_numbers_of_assumptions_lead_to_a_place_that_exists(folders: list[Path], reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    content = {
        f"{folder.name}/assumptions.json": json.loads((folder / "assumptions.json").read_text(encoding="utf-8")) for folder in folders
    }
    found = [
        one for one in reports["en"][1] if one["file"].endswith("assumptions.json") and "rule" not in one and one["at"].count("/") == 3
    ]
    assert len(found) > 50
    for one in found:
        section, name, part = one["at"].strip("/").split("/")
        place = content[one["file"]][section]
        item = place[name] if isinstance(place, dict) else next(entry for entry in place if entry["name"] == name)
        if section != "claim":
            assert item[part] == pytest.approx(one["value"])


def test_the_summary_says_the_central_figures(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    said = prose(reports["en"][0]["parts"][0])
    for words in (
        "The registry plans 200 people.",
        "About 120 would then have data: 60 per group.",
        "only if the spread is 19.39 points",
        "Published studies found about 14 points (from 10.5 to 18).",
        "about 80 of 100 studies like this one detect it. The other 20 miss it",
        "2 of its 7 assumptions have no published source",
        "time to functional recovery, adherence to the programme and satisfaction of the participant",
    ):
        assert words in said


def test_the_summary_reads_easily_in_both_languages(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    assert fernandez_huerta(prose(reports["es"][0]["parts"][0])) >= 55
    assert flesch(prose(reports["en"][0]["parts"][0])) >= 60


def test_the_summary_holds_no_formula_and_no_jargon(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    for language, words in {
        "en": ("null", "alpha", "ANCOVA", "Monte Carlo", "="),
        "es": ("nula", "alfa", "ANCOVA", "Monte Carlo", "="),
    }.items():
        said = prose(reports[language][0]["parts"][0])
        assert [word for word in words if word in said] == []


def test_the_spanish_report_has_no_english_left(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    texts = [run["text"] for run in runs_of(reports["es"][0]) if not {"lang", "code"} & run.keys()]
    found = {word for text in texts for word in re.findall(r"[a-z]+", text.lower())} & set(ENGLISH_WORDS)
    assert found - {"error"} == set()


def test_the_verdict_is_said_in_words_with_every_check(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    box = next(block for block in reports["en"][0]["parts"][0]["sections"][0]["blocks"] if block["kind"] == "verdict")
    assert box["label"] == "It holds under conditions"
    assert [check["word"] for check in box["checks"]] == ["Met", "Met", *["Not met"] * 5]


def test_figures_have_a_text_that_stands_for_them(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    for said, _ in reports.values():
        figures = [b for part in said["parts"] for section in part["sections"] for b in section["blocks"] if b["kind"] == "figure"]
        assert [figure["id"] for figure in figures] == ["more_or_fewer.icons", "curves.effect", "curves.loss"]
        assert all(len(figure["alt"]) > 80 for figure in figures)


def rows_of(said: Spoken, table_id: str) -> list[list[str]]:
    tables = [b for part in said["parts"] for section in part["sections"] for b in section["blocks"] if b["id"] == table_id]
    return [["".join(run["text"] for run in cell) for cell in row] for row in tables[0]["rows"]]


def test_simulated_analyses_stand_under_their_role_each_with_its_own_truth(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    rows = rows_of(reports["en"][0], "analyses.analyses")
    assert [row[0] for row in rows if len(row) == 1] == [
        "Plan as registered: primary analysis", "Plan as registered: sensitivity analyses", "Plan as registered: supplementary analyses",
        "Recommended plan: primary analysis", "Recommended plan: sensitivity analyses",
    ]  # fmt: skip
    marked = [row[0] for row in rows if row[0].endswith("\u2021")]
    assert [label.split(" (")[1] for label in marked] == ["variance by Rubin's rules) \u2021", "jackknife variance) \u2021"]
    shifted = next(row for row in rows if row[0].startswith("ANCOVA where the lost of the programme are 5 points worse"))
    assert [shifted[2], shifted[4]] == ["\u2013", "\u2013"]  # no true value: neither bias nor coverage


def test_the_plans_are_listed_beside_one_another(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    rows = rows_of(reports["en"][0], "plans.analyses")
    listed = [label for row in rows if len(row) > 1 for label in row[1:] if label != "\u2013"]
    planned = [spec.label.en for plan in the_protocol().analysis.plans.values() for spec in plan.analyses]
    assert sorted(listed) == sorted(planned)
    assert rows[0] == ["Primary analysis: Oswestry Disability Index"]
    assert rows[1] == ["means", "ANCOVA of participants with the outcome", "ANCOVA with baseline ODI after multiple imputation"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"improvement_of_at_least": 10.0, "unit": "points"}, "improvement of at least 10 points (proposed by this project)"),
        ({"percent_improvement_of_at_least": 30.0, "unit": "percent"}, "improvement of at least 30\u00a0% of the baseline value"),
        ({"attained": 22.0, "unit": "points"}, "a final value of 22 points or better"),
    ],
)
def test_every_kind_of_responder_rule_has_words(folders: list[Path], rule: dict[str, Any], words: str) -> None:
    protocol = the_protocol()
    plan = protocol.analysis.plans["as_registered"]
    fact = plan.responder["odi"].model_copy(update={"value": ResponderRule(**rule)})
    plans = protocol.analysis.plans | {"as_registered": plan.model_copy(update={"responder": {"odi": fact}})}
    changed = protocol.model_copy(update={"analysis": protocol.analysis.model_copy(update={"plans": plans})})
    said, _ = spoken(power_document(read_power_results(folders, changed), changed), "en")
    assert words in next(row for row in rows_of(said, "plans.plans") if row[0] == "Responder")[1]


def test_scenarios_of_different_declarations_are_marked(folders: list[Path], tmp_path: Path) -> None:
    copies = write_worlds(tmp_path)
    manifest = json.loads((copies[0] / "manifest.json").read_text(encoding="utf-8"))
    (copies[0] / "manifest.json").write_text(json.dumps(manifest | {"inputs": {"protocol.yaml": "e" * 64}}), encoding="utf-8")
    said, _ = spoken(power_document(read_power_results(copies, the_protocol()), the_protocol()), "en")
    assert "identification.mixed_inputs" in identifiers(said)


def test_only_the_required_scenarios_make_a_report_too(tmp_path: Path) -> None:
    document = power_document(read_power_results(write_worlds(tmp_path, "registered", "null"), the_protocol()), the_protocol())
    said, numbers = spoken(document, "es")
    assert numbers
    assert not [section for part in said["parts"] for section in part["sections"] if not section["blocks"]]


@pytest.mark.parametrize("name", ["performance.csv", "assumptions.json", "manifest.json"])
def test_a_missing_file_is_one_clear_message(tmp_path: Path, name: str) -> None:
    copies = write_worlds(tmp_path)
    (copies[3] / name).unlink()
    with pytest.raises(DataError) as caught:
        write_power_report(copies, the_protocol(), "es", tmp_path / "report.html")
    assert len(caught.value.problems) == 1
    assert f"{name}: the file is missing" in str(caught.value)
    assert not (tmp_path / "report.html").exists()


def damaged(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("performance.csv", "measure,value", "measure,wert", "there is no column value"),
        ("performance.csv", ",10000\n", ",many\n", "'many' is not a number"),
        ("performance.csv", "null,as_registered", "other,as_registered", "the scenario is other"),
        (
            "performance.csv",
            "as_registered.ancova,odi,power",
            "as_registered.ancova,odi,strength",
            "no row for the power of as_registered.ancova",
        ),
        ("assumptions.json", "nct07248813", "nct00000000", "the results are of trial nct00000000"),
        ("assumptions.json", '"participants"', '"people"', "/participants"),
        ("assumptions.json", "{", "[", "this is not JSON"),
    ],
)
def test_a_damaged_file_is_a_clear_message(tmp_path: Path, name: str, old: str, new: str, said: str) -> None:
    copies = write_worlds(tmp_path)
    damaged(tmp_path / "null", name, old, new)
    with pytest.raises(DataError, match=re.escape(said)):
        power_document(read_power_results(copies, the_protocol()), the_protocol())


def test_a_scenario_given_twice_is_refused(tmp_path: Path) -> None:
    first, second = write_world(tmp_path / "a", World("null")), write_world(tmp_path / "b", World("null"))
    with pytest.raises(DataError, match="scenario null was already read"):
        read_power_results([first, second], the_protocol())


def test_no_folder_is_refused() -> None:
    with pytest.raises(DataError, match="no result folder"):
        read_power_results([], the_protocol())
