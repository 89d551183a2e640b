"""A real three-arm trial through the corridor: from its public file to its flow, its descriptive values and its estimates.

The data and the expected values (two independent programs, full precision) are not part of the repository; ODISEA_SHARED names the
folder that holds `realdata/ashar_prt_backpain` (default: ../shared). Source of the data: Ashar et al., JAMA Psychiatry 2022, CC0 1.0.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from odisea.analyse.carry_out import analyse_trial
from odisea.analyse.estimate import estimate, finish
from odisea.analyse.plan import lower_plan
from odisea.data.derive import derive, trial_rows
from odisea.data.export import Export
from odisea.data.flow import baseline_table, participant_flow, summarise
from odisea.data.ingest import write_ingested
from odisea.data.read_export import read_export
from odisea.data.trial import Estimate, Status, Trial
from odisea.protocol.load import load_protocol

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "protocol" / "examples" / "ashar_prt"
RAW = Path(os.environ.get("ODISEA_SHARED", ROOT.parent / "shared")) / "realdata" / "ashar_prt_backpain"
PROTOCOL = load_protocol(EXAMPLE / "protocol.yaml")
PLAN = {analysis.id: analysis for analysis in lower_plan(PROTOCOL, "two_arm")}

pytestmark = pytest.mark.skipif(not RAW.is_dir(), reason=f"the real data are not here: {RAW} does not exist (set ODISEA_SHARED)")

# Arms and contrasts as the expected values name them.
ARMS = {"1": "prt", "2": "placebo", "3": "usual_care"}
CONTRASTS = {"PRT_vs_usual_care": "vs_usual_care", "PRT_vs_placebo": "vs_placebo"}
POUND = 0.45359237


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((RAW / "EXPECTED.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    folder = tmp_path_factory.mktemp("ashar")
    write_ingested(EXAMPLE / "mapping.yaml", RAW, folder / "export")
    return read_export(folder / "export", PROTOCOL, folder / "restricted" / "allocation.csv")


@pytest.fixture(scope="module")
def trial(export: Export) -> Trial:
    return derive(export, PROTOCOL, analysis_seed=1)


def estimated(trial: Trial, analysis: str) -> Estimate:
    result = estimate(trial, PLAN[f"two_arm.{analysis}"].analysis)
    assert result.status == Status.OK
    return result


def test_flow_counts_controls_and_the_unrandomised_person(export: Export) -> None:
    flow = participant_flow(export, PROTOCOL)
    assert flow.assessed == 206
    assert flow.excluded == {("other", "healthy_control"): 54, ("other", "not_randomised"): 1}
    assert flow.randomised == 151
    assert [(arm.arm, arm.allocated) for arm in flow.arms] == [("prt", 50), ("placebo", 51), ("usual_care", 50)]
    assert [arm.missing["odi@post"] for arm in flow.arms] == [{"unknown": 6}, {"unknown": 7}, {"unknown": 3}]


def test_controls_and_the_unrandomised_person_are_not_in_the_analysis(export: Export) -> None:
    assert "1004" not in export.participants
    assert len(export.participants) == export.recorded.shape[1] == 151


def test_descriptive_values_by_arm(trial: Trial, expected: dict[str, Any]) -> None:
    rows = dict(zip(trial_rows(PROTOCOL), trial.values, strict=True))
    names = {
        "odi": "odi@baseline",
        "odi_post": "odi@post",
        "pain_avg": "pain@baseline",
        "pain_avg_post": "pain@post",
        "age": "age",
        "exercise": "exercise",
    }
    scales = {**dict.fromkeys(names, 1.0), "weight": POUND}
    for theirs, ours in {**names, "weight": "weight"}.items():
        for code, arm in ARMS.items():
            summary = summarise(rows[ours][trial.arm == PROTOCOL.arm_ids.index(arm)])
            reference = expected["means"][theirs][f"{code}.0"]
            assert (summary.n, summary.missing) == (reference["n"], reference["missing"])
            np.testing.assert_allclose(
                [summary.mean, summary.sd], np.array([reference["mean"], reference["sd"]]) * scales[theirs], rtol=1e-12
            )


def test_baseline_table_has_every_arm_and_everybody(export: Export) -> None:
    table = {row.name: row for row in baseline_table(export, PROTOCOL)}
    assert list(table) == ["age_years", "gender", "weight_kg", "exercise_level", "odi@baseline", "pain@baseline"]
    assert [cell.n for cell in table["gender"].cells] == [50, 51, 50, 151]


MODELS = {"trt+{o}": "baseline_only", "trt+{o}+age+C(gender)": "age_gender", "trt+{o}+age+weight+C(gender)+exercise": "full"}


@pytest.mark.parametrize("contrast", CONTRASTS)
@pytest.mark.parametrize(("outcome", "column", "models"), [("odi", "odi", 3), ("pain", "pain_avg", 2)])
def test_two_arm_ancova(outcome: str, column: str, models: int, contrast: str, trial: Trial, expected: dict[str, Any]) -> None:
    references = {row["model"]: row for row in expected["contrasts"][contrast][outcome]}
    assert len(references) == models
    for formula, model in list(MODELS.items())[:models]:
        reference = references[f"{column}_post~{formula.format(o=column)}"]
        result = estimated(trial, f"{outcome}_{model}_{CONTRASTS[contrast]}")
        low, high, p = finish(result.estimate, result.se, result.df, 0.05)
        ours = [result.estimate, result.se, result.df, float(low), float(high), float(p), result.n_arm + result.n_reference]
        theirs = [reference[name] for name in ("estimate", "se", "df_resid")] + reference["ci95"] + [reference["p"], reference["n"]]
        # Both solve the same least-squares problem; the condition of these designs leaves more than ten digits.
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@pytest.mark.parametrize("contrast", CONTRASTS)
@pytest.mark.parametrize(("rule", "name"), [("nri", "logit_nri"), ("complete", "logit_completers")])
def test_responder_odds_ratio(rule: str, name: str, contrast: str, trial: Trial, expected: dict[str, Any]) -> None:
    reference = expected["contrasts"][contrast][name]
    result = estimated(trial, f"responder_{rule}_or_{CONTRASTS[contrast]}")
    assert result.n_arm + result.n_reference == reference["n"]
    # Maximum likelihood by iteration: the reference stops when its steps are small, so fewer digits are shared.
    np.testing.assert_allclose([result.estimate, result.se], [reference["log_or"], reference["se"]], rtol=1e-6)


@pytest.mark.parametrize("contrast", CONTRASTS)
@pytest.mark.parametrize("rule", ["nri", "completers"])
def test_responder_table(rule: str, contrast: str, trial: Trial, expected: dict[str, Any]) -> None:
    rows = dict(zip(trial_rows(PROTOCOL), trial.values, strict=True))
    improved = rows["odi@baseline"] - rows["odi@post"] >= 10
    counted = ~np.isnan(rows["odi@post"]) if rule == "completers" else np.ones(improved.size, dtype=bool)
    for code, arm in (("1", "prt"), ("0", "usual_care" if contrast == "PRT_vs_usual_care" else "placebo")):
        members = (trial.arm == PROTOCOL.arm_ids.index(arm)) & counted
        assert [improved[members].sum(), members.sum()] == expected["contrasts"][contrast][f"odi_ge10_improved_{rule}"][code]


@pytest.mark.parametrize("model", ["baseline_only", "age_gender"])
@pytest.mark.parametrize("outcome", ["odi", "pain"])
def test_the_third_contrast_is_repeated_by_statsmodels(outcome: str, model: str, trial: Trial) -> None:
    """No expected value is at hand for placebo against usual care: `analyse_trial` raises where statsmodels says otherwise."""
    (row,) = analyse_trial(trial, [PLAN[f"two_arm.{outcome}_{model}_placebo_vs_usual_care"]])
    assert (row["status"], row["n_analysed_arm"], row["n_analysed_reference"]) == ("ok", 44, 47)


MIXED = {"post_x_placebo": "vs_placebo", "post_x_usual_care": "vs_usual_care"}


@pytest.mark.parametrize("term", MIXED)
def test_mixed_model_of_pain(term: str, trial: Trial, expected: dict[str, Any]) -> None:
    """The published model has the therapy as its reference: its terms are the other arm minus the therapy."""
    effect, t = expected["mixed_model_published_check"][term]
    (row,) = analyse_trial(trial, [PLAN[f"two_arm.pain_mixed_{MIXED[term]}"]])
    assert row["status"] == "ok"
    assert abs(-row["estimate"] - effect) < 1e-3
    assert f"{-row['estimate'] / row['se']:.2f}" == f"{t:.2f}"


def test_effects_of_the_mixed_model_add_up(trial: Trial) -> None:
    """One model of all arms: the third contrast is the difference of the other two."""
    names = ("vs_usual_care", "vs_placebo", "placebo_vs_usual_care")
    rows = analyse_trial(trial, [PLAN[f"two_arm.pain_mixed_{name}"] for name in names])
    whole, first, second = (row["estimate"] for row in rows)
    assert whole == pytest.approx(first + second, rel=1e-7)  # the fits differ by what their iterations leave


JOINT = {"1": "vs_usual_care", "2": "placebo_vs_usual_care"}


@pytest.mark.parametrize("code", JOINT)
def test_one_model_of_three_arms(code: str, trial: Trial, expected: dict[str, Any]) -> None:
    (reference,) = (row for row in expected["three_arm_joint_model"] if row["term"].endswith(f"[T.{code}]"))
    (row,) = analyse_trial(trial, [PLAN[f"two_arm.odi_all_arms_{JOINT[code]}"]])
    ours = [row["estimate"], row["se"], row["df"], row["ci_low"], row["ci_high"], row["p"], row["details"]["n_all_arms"]]
    theirs = [reference[name] for name in ("estimate", "se", "df_resid")] + reference["ci95"] + [reference["p"], reference["n"]]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)  # one least squares problem, solved twice


def test_imputed_estimates_lie_near_the_complete_case_one(trial: Trial) -> None:
    complete = estimated(trial, "odi_baseline_only_vs_usual_care")
    limit = estimated(trial, "odi_mi_limit_vs_usual_care")
    drawn = estimated(trial, "odi_mi_vs_usual_care")
    # Nine of 100 are missing: imputation moves the estimate by much less than a standard error; the draws by their Monte Carlo error.
    assert abs(limit.estimate - complete.estimate) < 0.5 * complete.se
    assert abs(drawn.estimate - limit.estimate) < 4 * drawn.mcse
