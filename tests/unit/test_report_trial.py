import json
import re
from pathlib import Path
from typing import Any

import pytest
from report_folders import trial_estimates, trial_flow, write_analysis_folder
from report_reading import identifiers, runs_of, the_protocol
from test_report_power import ENGLISH_WORDS

from odisea.errors import DataError
from odisea.report.html import render_html
from odisea.report.speech import spoken
from odisea.report.trial import trial_document, write_trial_report
from odisea.report.trial_files import read_trial_result

Spoken = dict[str, Any]


def report(folder: Path, language: str = "en") -> tuple[Spoken, list[Spoken]]:
    return spoken(trial_document(read_trial_result(folder, the_protocol())), language)


def text_of(said: Spoken) -> str:
    inside = re.sub(r"</?(span|a|strong|code)\b[^>]*>", "", render_html(said).split("</style>")[1])
    return " ".join(re.sub(r"<[^>]+>", " ", inside).split())


def table_rows(said: Spoken, table_id: str) -> list[list[str]]:
    blocks = [block for part in said["parts"] for section in part["sections"] for block in section["blocks"]]
    table = next(block for block in blocks if block["id"] == table_id)
    return [["".join(run["text"] for run in cell) for cell in row] for row in table["rows"]]


def test_both_languages_say_the_same_with_the_same_numbers(tmp_path: Path) -> None:
    folder = write_analysis_folder(tmp_path / "analysis")
    (english, english_numbers), (spanish, spanish_numbers) = report(folder, "en"), report(folder, "es")
    assert identifiers(english) == identifiers(spanish)
    assert english_numbers == spanish_numbers
    texts = [run["text"] for run in runs_of(spanish) if not {"lang", "code"} & run.keys()]
    assert {word for text in texts for word in re.findall(r"[a-z]+", text.lower())} & set(ENGLISH_WORDS) - {"error"} == set()


@pytest.mark.parametrize(
    ("origin", "blind", "banner"),
    [
        ("simulated", False, "SIMULATED DATA"),
        ("real", False, "REAL DATA - UNBLINDED"),
        ("real", True, "REAL DATA - BLINDED"),
        ("simulated", True, "SIMULATED"),
    ],
)
def test_the_banner_says_what_the_data_are(tmp_path: Path, origin: str, blind: bool, banner: str) -> None:
    said, _ = report(write_analysis_folder(tmp_path / "analysis", origin, blind))
    assert said["banner"].startswith(banner)


def test_the_origin_changes_the_banner_and_no_number(tmp_path: Path) -> None:
    (simulated, one), (real, other) = (report(write_analysis_folder(tmp_path / origin, origin)) for origin in ("simulated", "real"))
    assert one == other
    assert [section["id"] for section in simulated["parts"][0]["sections"]] == [section["id"] for section in real["parts"][0]["sections"]]


def test_blinded_data_are_not_compared(tmp_path: Path) -> None:
    said, _ = report(write_analysis_folder(tmp_path / "analysis", "real", True))
    assert [section["id"] for section in said["parts"][0]["sections"]] == ["about", "flow", "baseline", "limits", "provenance"]
    assert "All participants" in text_of(said)


def test_the_flow_reconciles(tmp_path: Path) -> None:
    said, _ = report(write_analysis_folder(tmp_path / "analysis"))
    rows = {row[0]: row[1:] for row in table_rows(said, "flow.counts")}
    assert rows["Allocated"] == ["100", "100"]
    assert rows["Oswestry Disability Index at week 6"] == ["57", "61"]
    assert rows["– missing: lost to follow-up"] == ["42", "38"]
    assert rows["– missing: no reason recorded"] == ["1", "1"]
    assert rows["In the primary analysis"] == ["57", "61"]
    assert [row[2] for row in table_rows(said, "flow.screening")] == ["30", "9"]


def test_the_baseline_table_has_no_p_values(tmp_path: Path) -> None:
    said, numbers = report(write_analysis_folder(tmp_path / "analysis"))
    rows = table_rows(said, "baseline.table")
    assert rows[0] == ["Age (years)", *["39.0 (9.6); 38.0 [32.0 to 45.0]"] * 3]
    assert ["female", *["48 (48\u00a0%)"] * 3] in rows
    assert ["missing", *["1"] * 3] in rows
    assert not [row for row in rows if row[0] == "intersex"]
    assert not [one for one in numbers if one["id"].startswith("baseline") and one["at"].endswith("/p")]


def test_estimates_are_printed_on_the_scale_of_readers(tmp_path: Path) -> None:
    said, _ = report(write_analysis_folder(tmp_path / "analysis"))
    means = {row[0]: row[1:] for row in table_rows(said, "means.means1") if len(row) > 1}
    assert means["ANCOVA of participants with the outcome (primary)"] == [
        "57 + 61", "difference in means", "\u22129.43", "\u221216.97 to \u22121.88", "0.015", "none",
    ]  # fmt: skip
    responders = table_rows(said, "responders.responders1")
    assert responders[1][2:6] == ["risk difference", "15.2", "\u22122.4 to 32.9", "0.090"]
    assert responders[2][2:6] == ["odds ratio", "1.93", "0.89 to 4.20", "0.098"]
    assert table_rows(said, "responders.counts1")[1] == ["Conventional care only", "4", "57", "6.6"]


def test_primary_results_are_told_in_words(tmp_path: Path) -> None:
    told = text_of(report(write_analysis_folder(tmp_path / "analysis"))[0])
    assert "the difference is \u22129.43 points (95 % confidence interval \u221216.97 to \u22121.88; p = 0.015)" in told
    assert "in favour of telerehabilitation plus conventional care. It does not show the 10 points" in told
    assert "The interval contains no difference." in told


@pytest.mark.parametrize(("high", "words"), [(-10.5, "It lies wholly beyond the 10 points"), (-9.5, "It does not show the 10 points")])
def test_showing_the_target_takes_the_whole_interval(tmp_path: Path, high: float, words: str) -> None:
    estimates = trial_estimates()
    estimates["estimates"][0] |= {"ci_high": high}
    assert words in text_of(report(write_analysis_folder(tmp_path / "analysis", estimates=estimates))[0])


def test_an_interval_on_the_other_side_favours_the_reference(tmp_path: Path) -> None:
    estimates = trial_estimates()
    estimates["estimates"][0] |= {"estimate": 9.0, "ci_low": 2.0, "ci_high": 16.0}
    assert "in favour of conventional care only" in text_of(report(write_analysis_folder(tmp_path / "analysis", estimates=estimates))[0])


def test_flags_and_failed_fits_are_explained_in_words(tmp_path: Path) -> None:
    said, _ = report(write_analysis_folder(tmp_path / "analysis"))
    told = text_of(said)
    assert "Uncongenial imputation: the imputation model belongs to the other plan" in told
    assert "Sparse cells: an arm has five or fewer" in told
    assert "no finite estimate exists: the covariates separate responders from the others; covariate dropped: bmi" in told
    assert table_rows(said, "responders.responders1")[-1][3:6] == ["\u2013"] * 3
    assert table_rows(said, "flags.proposals") == [
        ["Significance level (plan as registered)", "0.05", "The usual level.", "x, 2026-11-23"],
        ["Responder (plan as registered)", "improvement of at least 10 points", "\u2013", "\u2013"],
    ]


def test_a_failed_primary_analysis_is_told(tmp_path: Path) -> None:
    estimates = trial_estimates()
    estimates["estimates"][0] |= {"estimate": None, "ci_low": None, "ci_high": None, "p": None, "status": "not_estimable"}
    told = text_of(report(write_analysis_folder(tmp_path / "analysis", estimates=estimates))[0])
    assert "(ANCOVA of participants with the outcome): cannot be estimated." in told


@pytest.mark.parametrize("absent", ["flow", "baseline", "manifest"])
def test_optional_parts_may_be_absent(tmp_path: Path, absent: str) -> None:
    changes: dict[str, Any] = {absent: None}
    said, numbers = report(write_analysis_folder(tmp_path / "analysis", **changes))
    assert numbers
    assert render_html(said)


def test_files_that_were_changed_after_export_are_named(tmp_path: Path) -> None:
    folder = write_analysis_folder(tmp_path / "analysis", manifest={"changed_files": ["odi.csv"]})
    assert "are no longer those whose hashes the export folder" in text_of(report(folder)[0])


def damage(content: dict[str, Any], **changes: Any) -> dict[str, Any]:
    rows = [content["estimates"][0] | changes, *content["estimates"][1:]]
    return content | {"estimates": rows}


@pytest.mark.parametrize(
    ("estimates", "said"),
    [
        (None, "the file is missing"),
        (trial_estimates() | {"trial": "other"}, "the results are of trial other"),
        (trial_estimates() | {"origin": "imagined"}, "/origin"),
        (damage(trial_estimates(), analysis="as_registered.magic"), "no plan has the analysis as_registered.magic"),
        (damage(trial_estimates(), contrast="a_vs_b"), "there is no contrast a_vs_b"),
        (damage(trial_estimates(), outcome="mood"), "there is no outcome mood"),
    ],
)
def test_results_that_do_not_fit_the_protocol_are_refused(tmp_path: Path, estimates: dict[str, Any] | None, said: str) -> None:
    folder = write_analysis_folder(tmp_path / "analysis", estimates=estimates)
    with pytest.raises(DataError, match=said):
        read_trial_result(folder, the_protocol())


def test_a_damaged_flow_is_a_clear_message(tmp_path: Path) -> None:
    folder = write_analysis_folder(tmp_path / "analysis", flow=trial_flow() | {"randomised": "many"})
    with pytest.raises(DataError, match=r"flow\.json: /randomised"):
        read_trial_result(folder, the_protocol())


@pytest.mark.parametrize("suffix", [".html", ".pdf"])
def test_the_report_and_its_numbers_are_written(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"trial_report.es{suffix}"
    write_trial_report(write_analysis_folder(tmp_path / "analysis"), the_protocol(), "es", target)
    record = json.loads((tmp_path / "trial_report.es.numbers.json").read_text(encoding="utf-8"))
    assert record["report"] == "trial_report"
    assert target.stat().st_size > 10_000
