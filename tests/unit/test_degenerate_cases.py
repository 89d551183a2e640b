"""Every analysis that a plan can ask for, on trials that have hardly anything to say: a finite result or a typed refusal.

The contract is that of the result files: a row with status `ok` has every number (an infinite df is null), a row with
another status has a reason and no number, and nothing ends in an exception. The trials are the cases of the analysis
oracle in the rows of our protocol, and some made by hand. Rows go through `analyse_trial`, so that the independent
repetition has its say too.
"""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from odisea.analyse.carry_out import analyse_trial
from odisea.analyse.plan import PlannedAnalysis, lower_plan
from odisea.analyse.results import plain
from odisea.analyse.single import Circumstances, Randomised
from odisea.data.derive import count_rows, trial_rows
from odisea.data.trial import Floats, Ints, Trial, make_trial
from odisea.protocol.load import load_protocol
from odisea.protocol.methods import REGISTRY, Entry, variances_for
from odisea.protocol.model import Protocol
from odisea.protocol.plan import AnalysisSpec
from tests.declared import ROOT, protocol

Row = dict[str, Any]
NUMBERS = ("estimate", "se", "ci_low", "ci_high", "p")
CASES = sorted((ROOT / "tests" / "reference" / "cases").iterdir())
# Ordinary trials whose every analysis other tests see, and made ones near to others: run by `make test-full` only.
ORDINARY = ("continuous_time_interaction", "null_low_attrition", "skewed_heteroscedastic", "ties_coarse", "unbalanced_2to1_mnar", "typical")
OFTEN_SEEN = ("plain", "two_per_arm", "twelve_observed_per_arm", "outcome_far_from_zero", "nobody_responds", "three_observed_per_arm")
SMALL = ("tiny_arms", "small_n60")
RECOMMENDED = "as_recommended"
EXTRAS: dict[tuple[str, str], dict[str, Any]] = {
    ("ancova", "delta_adjusted"): {"delta": {"arm": 5.0, "reference": 2.0}},
    ("rerandomisation", "complete_case"): {"permutations": 99},
    ("subgroup", "complete_case"): {"subgroup": "physical_activity"},
}
UNADJUSTED = ("welch", "proportions")


def specs_of(entry: Entry, outcome: str, visit: str, contrast: str) -> list[AnalysisSpec]:
    """Every measure with every variance of an entry of the registry."""
    shared: dict[str, Any] = {"outcome": outcome, "visit": visit, "contrast": contrast, "role": "sensitivity", "truth": "none"}
    shared |= {"method": entry.method, "missing_data": entry.missing_data, "label": {"en": "x", "es": "x"}}
    shared |= EXTRAS.get((entry.method, entry.missing_data), {})
    shared |= {"covariates": ()} if entry.method in UNADJUSTED else {}
    return [
        AnalysisSpec.model_validate(
            {**shared, "id": f"{entry.method}_{entry.missing_data}_{measure}_{variance}", "measure": measure, "variance": variance}
        )
        for measure in entry.measures
        for variance in variances_for(entry, measure)
    ]


def with_analyses(declared: Protocol, plan: str, specs: list[AnalysisSpec]) -> tuple[PlannedAnalysis, ...]:
    """The specs lowered as if the plan had them."""
    plans = {**declared.analysis.plans, plan: declared.analysis.plans[plan].model_copy(update={"analyses": tuple(specs)})}
    changed = declared.model_copy(update={"analysis": declared.analysis.model_copy(update={"plans": plans})})
    return lower_plan(changed, plan)


@cache
def every_analysis() -> tuple[PlannedAnalysis, ...]:
    """Those of both plans, and every method, measure and variance of the registry with the recommended plan's variables."""
    own = [one for plan in protocol().analysis.plans for one in lower_plan(protocol(), plan) if one.spec.permutations is None]
    specs = [spec for entry in REGISTRY for spec in specs_of(entry, "odi", "week6", "tele_vs_control")]
    return (*own, *with_analyses(protocol(), RECOMMENDED, specs))


VISITED = load_protocol(ROOT / "protocol" / "examples" / "antidepressant_dia" / "protocol.yaml")
JOINTLY = ("likelihood", "jump_to_reference", "copy_increments", "last_mean_carried_forward")


@cache
def every_joint_analysis() -> tuple[PlannedAnalysis, ...]:
    """Models of several visits, each with its default variance; the details of the reference-based hold the other ones."""
    (plan,) = VISITED.analysis.plans
    contrast = VISITED.analysis.plans[plan].analyses[0].contrast
    entries = [entry for entry in REGISTRY if entry.missing_data in JOINTLY]
    lowered = with_analyses(VISITED, plan, [specs_of(entry, "hamd", "visit7", contrast)[0] for entry in entries])
    return tuple(_with_few_draws(one) for one in lowered)


def _with_few_draws(planned: PlannedAnalysis) -> PlannedAnalysis:
    return replace(planned, analysis=planned.analysis._replace(m=20)) if planned.analysis.m else planned


ROWS = (*trial_rows(protocol()), *count_rows(protocol()))
FACTORS = {"comorbidities": ("comorb", ("one", "two_plus")), "physical_activity": ("pa", ("moderate", "high"))}
COLUMNS = {"age": "age", "bmi": "bmi", "odi@baseline": "odi0", "odi@week6": "odi6", "vas@baseline": "vas0", "vas@week6": "vas6"}


@cache
def records(folder: Path) -> tuple[dict[str, str], ...]:
    with (folder / "data.csv").open(newline="") as file:
        return tuple(csv.DictReader(file))


def column(folder: Path, name: str) -> Floats:
    return np.array([float(one[name]) if one[name] not in ("", "NA") else np.nan for one in records(folder)])


def arms(folder: Path) -> Ints:
    """Arm 1 of the oracle is the programme, our arm 0."""
    return 1 - column(folder, "arm").astype(np.int64)


@cache
def of_case(folder: Path) -> Trial:
    """A case of the oracle in the rows of our protocol."""
    arm = arms(folder)
    values = np.zeros((len(ROWS), arm.size))
    for row, name in COLUMNS.items():
        values[ROWS.index(row)] = column(folder, name)
    for variable, (name, levels) in FACTORS.items():
        for level in levels:
            values[ROWS.index(f"{variable}={level}")] = [float(one[name] == level) for one in records(folder)]
    for row, name in (("live_sessions", "sessions"), ("diary_days", "diary")):
        values[ROWS.index(row)] = np.where(arm == 0, column(folder, name), np.nan)
    return make_trial(values, arm, 7)


def visits_of_case(folder: Path) -> Trial:
    """Weekly pain of a case in the rows of a protocol with four follow-up visits."""
    return make_trial(np.array([column(folder, name) for name in ("vas0", "vas_w1", "vas_w3", "vas_w5", "vas6")]), arms(folder), 7)


def around(trial: Trial) -> Circumstances:
    """Live groups of six in the programme, an order of randomisation, and two participants whose baseline was filled in."""
    n = trial.arm.size
    group = np.full(n, -1, dtype=np.int64)
    members = np.flatnonzero(trial.arm == 0)
    group[members] = np.arange(members.size) // 6
    random = Randomised(np.arange(n), np.zeros((0, n), dtype=np.int64), np.zeros(n, dtype=np.int64), None)
    return Circumstances(random, group, np.arange(n) < min(2, n // 3))


def assert_sound(row: Row) -> None:
    """A row is a finite result or a typed refusal."""
    name = row["analysis"]
    json.dumps(row, allow_nan=False)
    shown = {key: row[key] for key in NUMBERS}
    if row["status"] != "ok":
        assert row["reason"], name
        absent = {key: row[key] for key in (*NUMBERS, "df", "within", "between", "mcse")}
        assert set(absent.values()) == {None}, (name, absent)
        return
    assert row["reason"] == "", name
    if row["method"] == "proportions" and row["se"] is None:  # shares of 0 or 1; Newcombe's interval stands (responder.md, section 4)
        shown.pop("se")
    assert None not in shown.values(), (name, shown)
    assert row["se"] is None or row["se"] > 0.0, name
    assert 0.0 <= row["p"] <= 1.0, name
    assert row["ci_low"] <= row["estimate"] <= row["ci_high"], (name, shown)
    assert row["df"] is None or row["df"] > 0.0, name
    assert len(set(row["flags"])) == len(row["flags"]), name


def rows_of(trial: Trial) -> dict[str, Row]:
    """All rows of a trial, each sound."""
    rows: list[Row] = [plain(row) for row in analyse_trial(trial, every_analysis(), around(trial))]
    for row in rows:
        assert_sound(row)
    return {row["analysis"].partition(".")[2] if row["analysis"].startswith(RECOMMENDED) else row["analysis"]: row for row in rows}


@cache
def rows_of_case(name: str) -> dict[str, Row]:
    (folder,) = (one for one in CASES if one.name == name)
    return rows_of(of_case(folder))


def statuses(rows: dict[str, Row]) -> dict[str, str]:
    return {name: row["status"] for name, row in rows.items()}


def test_every_entry_of_the_registry_is_among_the_analyses() -> None:
    found = {(one.spec.method, one.spec.missing_data) for one in every_analysis()}
    assert found == {(entry.method, entry.missing_data) for entry in REGISTRY}
    joint = {(one.spec.method, one.spec.missing_data) for one in every_joint_analysis()}
    assert joint == {(entry.method, entry.missing_data) for entry in REGISTRY if entry.missing_data in JOINTLY}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.full if case.name in ORDINARY else ()) for case in CASES], ids=lambda case: case.name
)
def test_every_analysis_of_a_case_is_a_result_or_a_refusal(case: Path) -> None:
    assert len(rows_of_case(case.name)) == len(every_analysis())


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case.name in SMALL else pytest.mark.full) for case in CASES], ids=lambda case: case.name
)
def test_every_model_of_visits_of_a_case_is_a_result_or_a_refusal(case: Path) -> None:
    for row in analyse_trial(visits_of_case(case), every_joint_analysis()):
        assert_sound(plain(row))


def test_with_everybody_seen_imputation_changes_nothing() -> None:
    rows = rows_of_case("all_complete")
    complete = rows["ancova_complete_case_mean_difference_least_squares"]
    nu = complete["df"]
    beyond = [name for name in rows if name.startswith("ancova_") and name.endswith(("_rubin", "_jackknife", "_hc2", "_hc3"))]
    imputed = [name for name in beyond if "_complete_case_" not in name and "_last_mean_" not in name and name != "ancova_hc3"]
    imputed += ["mi", "mi_limit", "mi_adherence", "jump_to_reference", "delta", "tipping_point"]
    assert len(imputed) >= 14
    for name in imputed:
        row = rows[name]
        assert row["status"] == "ok", (name, row["reason"])
        assert row["estimate"] == pytest.approx(complete["estimate"], rel=0.0, abs=1e-11 * complete["se"]), name
        if row["variance"] in ("rubin", "rubin_limit"):
            assert row["se"] == pytest.approx(complete["se"], rel=1e-11), name
        if row["variance"] != "jackknife":
            assert row["df"] == pytest.approx(nu * (nu + 1.0) / (nu + 3.0), rel=1e-12), name
            assert row["between"] == pytest.approx(0.0, abs=1e-20), name
    for robust in ("hc2", "hc3"):
        pair = [rows[f"ancova_complete_case_mean_difference_{robust}"], rows[f"ancova_multiple_imputation_mean_difference_rubin_{robust}"]]
        assert pair[1]["se"] == pytest.approx(pair[0]["se"], rel=1e-11)


def test_a_level_that_nobody_observed_has_is_named_and_stops_imputation() -> None:
    rows = rows_of_case("aliased_level")
    assert "aliased: comorbidities=two_plus" in rows["ancova"]["flags"]
    assert rows["ancova"]["status"] == "ok"
    for name in ("mi", "mi_limit", "mi_hc3", "mi_adherence", "delta", "tipping_point", "jump_to_reference", "responder_mi"):
        assert rows[name]["status"] == "refused", name
        assert "rank deficient" in rows[name]["reason"], name


def test_separated_responders_are_refused_by_the_plain_likelihood_and_answered_by_firth() -> None:
    rows = rows_of_case("separation")
    assert {rows[name]["status"] for name in ("responder_or", "responder_rd", "responder_rr")} == {"separated"}
    assert rows["responder_firth"]["status"] == "ok"
    assert rows["logistic_non_responder_log_odds_ratio_information"]["status"] in ("ok", "separated")


def test_heavy_loss_is_flagged() -> None:
    rows = rows_of_case("heavy_missing")
    assert rows["tipping_point"]["details"]["fmi"] > 0.7
    flagged = {name for name, row in rows.items() if "high_fmi" in row["flags"]}
    assert {"tipping_point", "mi_hc3"} <= flagged
    for name in ("mi", "mi_limit", "delta"):
        assert rows[name]["details"]["fmi"] > 0.7, name
        assert name in flagged, name


def test_tiny_arms_are_permuted_exactly_and_imputed_without_auxiliaries() -> None:
    rows = rows_of_case("tiny_arms")
    exact = rows["rerandomisation_complete_case_mean_difference_permutation"]
    assert exact["details"]["exact"]
    assert exact["details"]["allocations"] == 48_620
    assert rows["mi_adherence"]["status"] != "ok" or any(flag.startswith("auxiliary_dropped") for flag in rows["mi_adherence"]["flags"])


def plain_trial(n: int = 60, seed: int = 4) -> Trial:
    """Nothing wrong with it but a fifth of the outcomes missing."""
    rng = np.random.default_rng(seed)
    values = np.zeros((len(ROWS), n))
    arm = np.arange(n) % 2
    values[ROWS.index("age")], values[ROWS.index("bmi")] = rng.integers(18, 61, n), 27.0 + 4.0 * rng.standard_normal(n)
    for variable, (_, levels) in FACTORS.items():
        drawn = rng.integers(0, 3, n)
        for place, level in enumerate(levels, start=1):
            values[ROWS.index(f"{variable}={level}")] = drawn == place
    baseline = np.round(44.0 + 12.0 * rng.standard_normal(n))
    values[ROWS.index("odi@baseline")], values[ROWS.index("vas@baseline")] = baseline, np.round(6.0 + rng.standard_normal(n))
    values[ROWS.index("odi@week6")] = baseline - 9.0 - 4.0 * (arm == 0) + 10.0 * rng.standard_normal(n)
    values[ROWS.index("vas@week6")] = 4.0 + rng.standard_normal(n)
    lost = rng.random(n) < 0.2
    values[ROWS.index("odi@week6"), lost] = values[ROWS.index("vas@week6"), lost] = np.nan
    for row in ("live_sessions", "diary_days"):
        values[ROWS.index(row)] = np.where(arm == 0, rng.integers(0, 7, n), np.nan)
    return make_trial(values, arm, 7)


def changed(trial: Trial, **rows: Floats) -> Trial:
    values = trial.values.copy()
    for name, series in rows.items():
        values[ROWS.index(name.replace("__", "@"))] = series
    return trial._replace(values=values)


def only(trial: Trial, per_arm: int) -> Trial:
    keep = np.concatenate(
        [np.flatnonzero((trial.arm == arm) & ~np.isnan(trial.values[ROWS.index("odi@week6")]))[:per_arm] for arm in (0, 1)]
    )
    return make_trial(trial.values[:, keep], trial.arm[keep], 7)


def _without_outcomes(*missing: int) -> Trial:
    trial = plain_trial()
    gone = np.isin(trial.arm, missing)
    return changed(
        trial,
        odi__week6=np.where(gone, np.nan, trial.values[ROWS.index("odi@week6")]),
        vas__week6=np.where(gone, np.nan, trial.values[ROWS.index("vas@week6")]),
    )


def _constant(of_arm: int | None = None, value: float = 30.0) -> Trial:
    trial = plain_trial()
    chosen = np.ones(trial.arm.size, dtype=bool) if of_arm is None else trial.arm == of_arm
    return changed(
        trial, **{name: np.where(chosen, value, trial.values[ROWS.index(name.replace("__", "@"))]) for name in ("odi__week6", "vas__week6")}
    )


def _exact_fit() -> Trial:
    """The outcome is the baseline less a number per arm, and half of the arm is lost."""
    trial = plain_trial()
    outcome = trial.values[ROWS.index("odi@baseline")] - np.where(trial.arm == 0, 12.0, 5.0)
    outcome[:20] = np.where(trial.arm[:20] == 0, np.nan, outcome[:20])
    return changed(trial, odi__week6=outcome, vas__week6=outcome / 10.0)


def _one_sided(improve: float) -> Trial:
    """Everybody of the arm improves by so much, nobody of the reference does."""
    trial = plain_trial()
    baseline, noise = trial.values[ROWS.index("odi@baseline")], np.random.default_rng(1).random(trial.arm.size)
    return changed(trial, odi__week6=baseline - np.where(trial.arm == 0, improve + noise, noise))


def _few_left(observed: int) -> Trial:
    """So many observed in each arm."""
    trial = plain_trial()
    outcome = trial.values[ROWS.index("odi@week6")].copy()
    for arm in (0, 1):
        outcome[np.flatnonzero((trial.arm == arm) & ~np.isnan(outcome))[observed:]] = np.nan
    return changed(trial, odi__week6=outcome, vas__week6=outcome / 10.0)


MADE: dict[str, Callable[[], Trial]] = {
    "plain": plain_trial,
    "arm_without_outcomes": lambda: _without_outcomes(0),
    "reference_without_outcomes": lambda: _without_outcomes(1),
    "no_outcome_at_all": lambda: _without_outcomes(0, 1),
    "constant_outcome": _constant,
    "constant_outcome_zero": lambda: _constant(value=0.0),
    "constant_outcome_inexact": lambda: _constant(value=100.0 / 3.0),
    "constant_in_the_arm": lambda: _constant(0),
    "one_per_arm": lambda: only(plain_trial(), 1),
    "two_per_arm": lambda: only(plain_trial(), 2),
    "three_per_arm": lambda: only(plain_trial(), 3),
    "nobody_in_the_arm": lambda: make_trial(plain_trial().values[:, plain_trial().arm == 1], np.ones(30, dtype=np.int64), 7),
    "outcome_fits_exactly": _exact_fit,
    "all_of_the_arm_respond_nobody_else": lambda: _one_sided(20.0),
    "nobody_responds": lambda: _one_sided(1.0),
    "one_observed_per_arm": lambda: _few_left(1),
    "three_observed_per_arm": lambda: _few_left(3),
    "twelve_observed_per_arm": lambda: _few_left(12),
    "constant_baseline": lambda: changed(plain_trial(), odi__baseline=np.full(60, 44.0), vas__baseline=np.full(60, 6.0)),
    "covariate_is_the_arm": lambda: changed(plain_trial(), age=np.where(plain_trial().arm == 0, 30.0, 40.0)),
    "outcome_far_from_zero": lambda: changed(plain_trial(), odi__week6=1e6 + plain_trial().values[ROWS.index("odi@week6")]),
}


@cache
def rows_of_made(name: str) -> dict[str, Row]:
    return rows_of(MADE[name]())


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.full if name in OFTEN_SEEN else ()) for name in MADE])
def test_every_analysis_of_a_made_trial_is_a_result_or_a_refusal(name: str) -> None:
    assert len(rows_of_made(name)) == len(every_analysis())


@pytest.mark.parametrize(
    "name", ["arm_without_outcomes", "reference_without_outcomes", "no_outcome_at_all", "one_per_arm", "nobody_in_the_arm"]
)
def test_nothing_compares_means_that_are_not_there(name: str) -> None:
    rows = rows_of_made(name)
    unadjusted = {"proportions_complete_case_risk_difference_newcombe", "proportions_non_responder_risk_difference_newcombe"}
    answered = {key for key, row in rows.items() if row["status"] == "ok" and "non_responder" not in key and key != "responder_nri"}
    if name == "one_per_arm":  # a share of one participant has Newcombe's interval
        answered -= unadjusted | {"as_registered.responder_unadjusted"}
        answered = {key for key in answered if "firth" not in key}
    assert answered == set()


@pytest.mark.parametrize("name", ["constant_outcome", "constant_outcome_zero", "constant_outcome_inexact", "outcome_fits_exactly"])
def test_without_residual_variance_no_mean_difference_is_judged(name: str) -> None:
    """But by the random intercept's model, in which the baseline still varies, and by those that move the imputed off the fit."""
    rows = {key: row for key, row in rows_of_made(name).items() if row["measure"] == "mean_difference" and row["method"] != "mixed_model"}
    if name == "outcome_fits_exactly":
        same = ("complete_case", "multiple_imputation", "multiple_imputation_limit", "inverse_probability", "likelihood")
        fitted = {key: row for key, row in rows.items() if row["outcome"] == "odi" and row["missing_data"] in same}
        rows = {key: row for key, row in fitted.items() if not key.startswith("as_registered") and row["method"] not in UNADJUSTED}
    assert {key for key, row in rows.items() if row["status"] == "ok"} == set()


@pytest.mark.parametrize("visit", range(1, 5))
def test_a_visit_at_which_everybody_has_the_same_value_is_refused_or_of_no_account(visit: int) -> None:
    folder = next(case for case in CASES if case.name == "small_n60")
    trial = visits_of_case(folder)
    values = trial.values.copy()
    values[visit, ~np.isnan(values[visit])] = 100.0 / 3.0
    for row in analyse_trial(trial._replace(values=values), every_joint_analysis()):
        assert_sound(plain(row))
        if row["method"] in ("mmrm", "clda"):
            assert row["status"] == "not_estimable", row["analysis"]


def test_a_refused_row_says_nothing_of_its_arms_means() -> None:
    """Details of a refusal hold counts and what else stands by itself (rubin beside a refused jackknife), no adjusted means."""
    rows = rows_of_made("constant_outcome_inexact")
    assert {name for name, row in rows.items() if row["status"] != "ok" and "means" in row["details"]} == set()
