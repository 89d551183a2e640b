import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from report_folders import estimate_row, every_kind_of_estimate, trial_estimates, trial_flow, write_analysis_folder
from report_reading import ROOT, identifiers, runs_of, the_protocol
from test_report_power import ENGLISH_WORDS

from odisea.errors import DataError
from odisea.protocol.load import load_protocol
from odisea.report.case import within
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
    assert means["ANCOVA of participants with the outcome"] == [
        "57 + 61", "\u22129.43", "\u221216.97 to \u22121.88", "0.015", "least squares", "none",
    ]  # fmt: skip
    responders = table_rows(said, "responders.responders1")
    assert responders[1][2:6] == ["risk difference", "15.2", "\u22122.4 to 32.9", "0.090"]
    assert responders[2][2:6] == ["odds ratio", "1.93", "0.89 to 4.20", "0.098"]
    assert table_rows(said, "responders.counts1")[1] == ["Conventional care only", "4", "57", "6.6"]


@pytest.fixture
def every_kind(tmp_path: Path) -> Path:
    return write_analysis_folder(tmp_path / "analysis", estimates=every_kind_of_estimate())


def test_every_kind_of_estimate_is_said_in_both_languages_with_the_same_numbers(every_kind: Path) -> None:
    (english, english_numbers), (spanish, spanish_numbers) = report(every_kind, "en"), report(every_kind, "es")
    assert identifiers(english) == identifiers(spanish)
    assert english_numbers == spanish_numbers
    texts = [run["text"] for run in runs_of(spanish) if not {"lang", "code"} & run.keys()]
    assert {word for text in texts for word in re.findall(r"[a-z]+", text.lower())} & set(ENGLISH_WORDS) - {"error"} == set()


def test_every_number_leads_to_the_place_that_it_was_read_from(every_kind: Path) -> None:
    content = json.loads((every_kind / "estimates.json").read_text(encoding="utf-8"))
    undo = {"": 1.0, "times 100": 100.0, "one minus, times 100": None, "size": 1.0, "bounded": 1.0}
    places = set()
    for one in report(every_kind)[1]:
        if one["file"] != "estimates.json":
            continue
        found = content
        for step in one["at"].strip("/").split("/"):
            found = found[int(step)] if isinstance(found, list) else found[step]
        factor = undo.get(one.get("rule", ""))
        if factor is not None:
            places.add(one["at"].split("/")[3])
            value = abs(found) if one.get("rule") == "size" else found
            assert value * factor == pytest.approx(one["value"]), one
        if one.get("rule") == "exponential":
            assert math.exp(found) == pytest.approx(one["value"])
        if one.get("rule") == "number in the flag":
            assert re.search(rf"\b{one['printed']}\b", found)
    assert {"estimate", "ci_low", "p", "details", "table", "n_analysed_arm"} <= places


def test_rows_stand_under_their_role(every_kind: Path) -> None:
    rows = table_rows(report(every_kind)[0], "means.means1")
    assert [row[0] for row in rows if len(row) == 1] == ["Recommended plan: primary analysis", "Recommended plan: sensitivity analyses"]
    assert rows[1][0] == "ANCOVA with baseline ODI after multiple imputation"


def test_a_reference_based_row_never_stands_alone(every_kind: Path) -> None:
    rows = table_rows(report(every_kind)[0], "means.means1")
    first = next(n for n, row in enumerate(rows) if row[0].startswith("ANCOVA where the lost"))
    assert rows[first][2:6] == ["\u22127.14", "\u221212.00 to \u22122.29", "0.004", "information-anchored (Rubin's rules)"]
    assert rows[first + 1][0] == "\u2013 the same question with the other variance"
    assert rows[first + 1][2:6] == ["\u22127.14", "\u221210.18 to \u22124.11", "< 0.001", "repeated sampling (jackknife)"]


def test_two_planned_variances_of_one_question_follow_each_other(tmp_path: Path) -> None:
    estimates = every_kind_of_estimate()
    jackknife = estimates["estimates"][2] | {"analysis": "as_recommended.jump_to_reference_jackknife", "variance": "jackknife"}
    estimates["estimates"].append(jackknife)
    rows = table_rows(report(write_analysis_folder(tmp_path / "analysis", estimates=estimates))[0], "means.means1")
    reference = [n for n, row in enumerate(rows) if row[0].startswith("ANCOVA where the lost")]
    assert len(reference) == 2
    assert reference[1] == reference[0] + 1
    assert not [row for row in rows if "the other variance" in row[0]]


TOLD = (
    "The conclusion changes if those lost from telerehabilitation plus conventional care are on average at least 17.1 points worse",
    "At 29.5 points worse the estimated difference itself is gone.",
    "9,999 allocations drawn again (all orders with the same numbers per arm); Monte Carlo error of p 0.0001.",
    "own method is not known here, so the numbers per arm were held fixed instead.",
    "weights from 0.69 to 1.83; they make the 118 analysed worth 113.1",
    "the imputation also used pain intensity at week 6 and live sessions attended.",
    "left out of the imputation: diary days with exercises done (telerehabilitation plus conventional care; too few observed)",
    "One analysis, three names: with a single follow-up visit",
    "cannot be estimated: the live-session groups are not recorded",
    "an odds ratio does not exist, because the covariates separate responders from the others perfectly. Read the penalised one",
    "separated; penalised; covariate dropped: physical activity level, high",
    "separation in 3 of 20 imputations",
    "The joint test of whether the effect differs at all gives p = 0.208 (F 1.59; 2 and 110 degrees of freedom). That is no sign",
    "Oswestry Disability Index at baseline: 3",
    "Of the imputed values of the first analysis with draws, 9.7 % lie outside the scale",
)


@pytest.mark.parametrize("words", TOLD)
def test_what_stands_behind_an_estimate_is_said_in_words(every_kind: Path, words: str) -> None:
    assert words in text_of(report(every_kind)[0])


def test_ratios_are_printed_as_ratios_and_shares_in_percent(every_kind: Path) -> None:
    said, _ = report(every_kind)
    rows = {row[2] + row[6]: row for row in table_rows(said, "responders.responders1") if len(row) > 1}
    assert rows["odds ratiopenalised profile"][3:5] == ["4.94", "1.86 to 14.51"]
    assert rows["risk ratioYe (covariates random)"][3:5] == ["1.79", "1.27 to 2.51"]
    assert rows["odds ratio, marginalGe (covariates fixed)"][3:5] == ["2.72", "1.49 to 4.95"]
    assert rows["risk differenceNewcombe; p by Fisher's exact test"][3:5] == ["30.0", "12.2 to 45.2"]
    assert table_rows(said, "responders.counts1") == [
        ["Participants with the outcome"],
        ["Telerehabilitation plus conventional care", "34", "23", "59.6", "46.7 to 71.4"],
        ["Conventional care only", "19", "45", "29.7", "19.9 to 41.8"],
        ["Everyone randomised; missing counts as no response"],
        ["Telerehabilitation plus conventional care", "34", "66", "34.0", "\u2013"],
        ["Conventional care only", "19", "81", "19.0", "\u2013"],
    ]


def test_imputations_are_told_with_their_monte_carlo_errors(every_kind: Path) -> None:
    said, _ = report(every_kind)
    means = table_rows(said, "means.imputed1")
    assert means[0][1:] == ["43 + 36", "20", "51", "0.412", "< 0.0001"]
    assert means[1][2] == "100, chosen by a pilot"
    assert table_rows(said, "responders.imputed1") == [
        [
            "Risk difference of clinically meaningful improvement after imputing the score",
            "\u2013",
            "20",
            "50",
            "1.18",
            "0.0018",
        ]
    ]


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("gaps: 3 values before a participant's last observed visit, missing at random", "gaps before a last visit: 3"),
        ("no_mean_to_carry: 2 participants of the arm without any visit", "without a mean to carry: 2"),
        ("no outcome: follow-up visit 1", "nobody has an outcome at follow-up 1"),
        ("filled baseline: 4 participants have a filled-in baseline value", "baseline values filled in: 4"),
        ("model of being observed: control", "no model of who is observed: conventional care only"),
        ("aliased: arm x comorbidities=two_plus", "covariate dropped: comorbidities, two or more by arm"),
        ("aliased: age at visit 1, 2 of the model", "covariate dropped: age (at follow-up 1, 2)"),
        ("open_profile: no limit on one side", "interval open at one end"),
        ("gaps: several", "several"),
    ],
)
def test_every_flag_is_said_in_words(tmp_path: Path, flag: str, words: str) -> None:
    estimates = trial_estimates()
    estimates["estimates"][0] |= {"flags": [flag]}
    rows = table_rows(report(write_analysis_folder(tmp_path / "analysis", estimates=estimates))[0], "means.means1")
    assert rows[1][-1] == words


def test_a_primary_outcome_of_yes_or_no_is_told_on_its_own_scale(tmp_path: Path) -> None:
    """A binary outcome that no rule of the plan makes: the event is bad, so fewer is better."""
    protocol = load_protocol(ROOT / "protocol" / "examples" / "licorice_gargle" / "protocol.yaml")
    plan, spec = next(
        (name, one) for name, plan in protocol.analysis.plans.items() for one in plan.analyses if one.role == "primary" and one.entry.binary
    )
    arms = protocol.contrast(spec.contrast)
    table = {arms.arm: {"responders": 22, "others": 95}, arms.reference: {"responders": 42, "others": 74}}
    where = {"outcome": spec.outcome, "visit": spec.visit, "contrast": spec.contrast, "role": "primary", "table": table}
    row = estimate_row(f"{plan}.{spec.id}", "log_odds_ratio", (-0.89, -1.51, -0.26, 0.005), **where)
    content = {"trial": protocol.trial, "origin": "real", "blind": False, "estimates": [row]}
    folder = write_analysis_folder(tmp_path / "analysis", estimates=content, flow=None, baseline=None)
    said = spoken(trial_document(read_trial_result(folder, protocol)), "en")[0]
    assert (
        "the odds ratio is 0.41 (95 % confidence interval 0.22 to 0.77; p = 0.005). The interval excludes no difference, in favour of"
        in text_of(said)
    )
    assert within(protocol.arm(arms.arm).label).en in text_of(said).split("in favour of")[1][:60]
    assert "Who is a responder" not in text_of(said)
    assert [row[1:] for row in table_rows(said, "responders.counts1")] == [["22", "95", "18.8"], ["42", "74", "36.2"]]


def test_a_role_that_no_plan_has_is_refused(tmp_path: Path) -> None:
    folder = write_analysis_folder(tmp_path / "analysis", estimates=damage(trial_estimates(), role="main"))
    with pytest.raises(DataError, match="/estimates/0/role"):
        read_trial_result(folder, the_protocol())


def test_adjusted_means_stand_beside_the_primary_answer(every_kind: Path) -> None:
    rows = table_rows(report(every_kind)[0], "means.adjusted1")
    assert rows[1:] == [
        ["Telerehabilitation plus conventional care", "14.28", "10.68 to 17.88"],
        ["Conventional care only", "26.90", "23.30 to 30.50"],
    ]


def test_subgroups_have_intervals_and_no_p_values(every_kind: Path) -> None:
    said, numbers = report(every_kind)
    assert table_rows(said, "subgroups.levels1") == [
        ["low", "20 + 16", "\u221210.21", "\u221218.21 to \u22122.21"],
        ["moderate", "21 + 16", "\u221210.37", "\u221218.37 to \u22122.37"],
    ]
    printed = [one["at"] for one in numbers if one["id"].startswith("subgroups") and one["at"].endswith("/p")]
    assert printed == ["/estimates/7/details/interaction/p"]


@pytest.mark.parametrize(
    ("changes", "details", "words"),
    [
        ({}, {"tipping_delta": None}, "stays even if those lost from telerehabilitation plus conventional care are 100 points worse"),
        (
            {"estimate": 12.63},
            {"tipping_delta": None, "tipping_delta_other": -17.0, "zero_delta": -29.5},
            "are on average at least 17.0 points better than the analysis supposes: the interval then contains no difference. "
            "At 29.5 points better the estimated difference itself is gone.",
        ),
        (
            {"flags": ["not_significant_without_delta"]},
            {"tipping_delta": 31.0, "tipping_delta_other": -4.0},
            "were 31.0 points worse than supposed, it would exclude no difference, in favour of conventional care only. "
            "If those lost from telerehabilitation plus conventional care were 4.0 points better",
        ),
    ],
)  # fmt: skip
def test_the_tipping_point_says_which_way(tmp_path: Path, changes: dict[str, Any], details: dict[str, Any], words: str) -> None:
    estimates = every_kind_of_estimate()
    row = estimates["estimates"][5]
    row |= changes | {"details": row["details"] | details}
    assert words in text_of(report(write_analysis_folder(tmp_path / "analysis", estimates=estimates))[0])


@pytest.mark.parametrize("suffix", ["html", "pdf"])
def test_a_report_of_every_kind_is_laid_out(every_kind: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"trial_report.es.{suffix}"
    write_trial_report(every_kind, the_protocol(), "es", target)
    assert target.stat().st_size > 10_000


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
    assert "no finite estimate exists: the covariates separate responders from the others; covariate dropped: body-mass index" in told
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
