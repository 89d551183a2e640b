"""The rows of estimates.json, and the independent repetition behind them."""

import json

import numpy as np
import pytest

from odisea.analyse.carry_out import analyse_trial
from odisea.analyse.double import LOGISTIC, repeat, separated_by_programme, verify
from odisea.analyse.estimate import estimate, finish
from odisea.analyse.plan import PlannedAnalysis, lower_plan
from odisea.data.derive import trial_rows
from odisea.data.trial import Analysis, Assumption, Method, Trial, Variance, make_trial
from odisea.errors import AnalysisError
from tests.analysed import AGE, ONE, RESPONSE, planned, random_trial, with_row
from tests.declared import protocol

JUMP = planned(Method.ANCOVA_MI_LIMIT)._replace(assumption=int(Assumption.JUMP_TO_REFERENCE))
ALL = [
    *(planned(method) for method in Method if method != Method.SINGLE),
    *(planned(Method.ANCOVA)._replace(variance=int(variance)) for variance in (Variance.HC2, Variance.HC3)),
    planned(Method.ANCOVA_MI)._replace(assumption=int(Assumption.JUMP_TO_REFERENCE), delta_arm=2.0),
    *(JUMP, JUMP._replace(delta_arm=5.0, delta_reference=-1.0), JUMP._replace(variance=int(Variance.JACKKNIFE))),
    *(planned(Method.RESPONDER_RISK_DIFFERENCE)._replace(variance=int(one)) for one in (Variance.GE, Variance.INFLUENCE)),
]
ROWS = trial_rows(protocol())


def declared_trial(n: int = 160, seed: int = 1) -> Trial:
    """A random trial in the rows of our protocol: the test trial's rows in another order."""
    source = random_trial(seed, n=n)
    levels = ("comorbidities=one", "comorbidities=two_plus", "physical_activity=moderate", "physical_activity=high")
    places = ("age", "bmi", *levels, "odi@baseline", "odi@week6", "vas@baseline")
    order = {**{name: place for place, name in enumerate(places)}, "vas@week6": 8}
    rows = [np.zeros(n) if name.endswith("=missing") else source.values[order[name]] for name in ROWS]
    return make_trial(np.array([*rows, *np.full((2, n), np.nan)]), source.arm, seed)  # no records of the programme


def in_loop(plan: str) -> list[PlannedAnalysis]:
    return [one for one in lower_plan(protocol(), plan) if one.in_loop]


@pytest.mark.parametrize("analysis", ALL)
@pytest.mark.parametrize("seed", range(3))
def test_the_repetition_agrees(analysis: Analysis, seed: int) -> None:
    trial = random_trial(seed, n=220, arms=3)
    verify(trial, analysis, estimate(trial, analysis), "x")


@pytest.mark.parametrize("analysis", ALL)
@pytest.mark.parametrize("field", ["estimate", "se", "df"])
def test_a_difference_beyond_the_tolerance_is_an_error(analysis: Analysis, field: str) -> None:
    trial = random_trial(4, n=220)
    result = estimate(trial, analysis)
    step = (2e-6 if analysis.method in LOGISTIC else 2e-8) * (result.df if field == "df" else result.se)
    if field == "df" and np.isinf(result.df):
        result, step = result._replace(df=1e6), 0.0
    with pytest.raises(AnalysisError, match="of the standard error"):
        verify(trial, analysis, result._replace(**{field: getattr(result, field) + step}), "plan.analysis")


def test_the_repetition_holds_with_dropped_columns_and_missing_as_no_response() -> None:
    trial = with_row(random_trial(5, n=220), ONE, random_trial(5, n=220).values[AGE] * 2.0)
    for analysis in [*ALL, planned(Method.RESPONDER_RISK_DIFFERENCE, non_responder=1)]:
        if analysis.method in (Method.ANCOVA_MI, Method.ANCOVA_MI_LIMIT):
            continue
        verify(trial, analysis, estimate(trial, analysis), "x")


def test_disagreement_about_separation_is_an_error() -> None:
    trial, analysis = random_trial(6, n=220), planned(Method.RESPONDER_LOG_ODDS_RATIO)
    response, baseline = trial.values[RESPONSE], trial.values[6]
    separated = with_row(trial, ONE, np.where((baseline - response < 10.0) & (trial.values[ONE] == 1.0), 1.0, 0.0))
    assert separated_by_programme(separated, analysis)
    verify(separated, analysis, estimate(separated, analysis), "x")
    for data, said in ((trial, estimate(separated, analysis)), (separated, estimate(trial, analysis))):
        with pytest.raises(AnalysisError, match="separation is"):
            verify(data, analysis, said, "x")


def test_the_repetition_of_imputation_is_rubins_rules_over_refitted_data_sets() -> None:
    trial, analysis = random_trial(7), planned(Method.ANCOVA_MI)
    again, result = repeat(trial, analysis), estimate(trial, analysis)
    assert (again.estimate, again.se) == pytest.approx((result.estimate, result.se), rel=1e-10)


def test_rows_hold_what_the_estimates_are_made_of() -> None:
    trial, lowered = declared_trial(), in_loop("as_registered")
    rows = analyse_trial(trial, lowered)
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    for row, one in zip(rows, lowered, strict=True):
        result = estimate(trial, one.analysis)
        low, high, p = finish(result.estimate, result.se, result.df, 0.05)
        expected = [one.id, result.estimate, result.se, low, high, p]
        assert [row[key] for key in ("analysis", "estimate", "se", "ci_low", "ci_high", "p")] == expected
        assert row["df"] == (None if np.isinf(result.df) else result.df)
        assert row["n_randomised"] == 160
        assert row["n_analysed"] == row["n_analysed_arm"] + row["n_analysed_reference"]
        assert (row["status"], row["reason"]) == ("ok", "")
    assert {row["analysis"].partition(".")[2]: row["variance"] for row in rows} == {
        **{"ancova": "least_squares", "unadjusted": "least_squares", "mi": "rubin", "mi_limit": "rubin_limit"},
        **{"ancova_hc3": "hc3", "responder_or": "information", "responder_rd": "ye", "vas": "least_squares"},
    }
    assert [row["flags"] for row in rows[:4]] == [[], [], ["uncongenial"], ["uncongenial"]]


def test_the_responder_table_is_counted_and_flagged_where_sparse() -> None:
    lowered = [one for one in in_loop("as_registered") if one.spec.entry.binary]
    trial = declared_trial(n=200)
    row = analyse_trial(trial, lowered)[0]
    response, baseline = trial.values[ROWS.index("odi@week6")], trial.values[ROWS.index("odi@baseline")]
    for arm, name in enumerate(protocol().arm_ids):
        own = (trial.arm == arm) & ~np.isnan(response)
        improved = int((baseline - response >= 10.0)[own].sum())
        assert row["table"][name] == {"responders": improved, "others": int(own.sum()) - improved}
    assert "sparse_cells" not in row["flags"]
    few = trial.values.copy()
    control = np.flatnonzero((trial.arm == 1) & ~np.isnan(response))
    few[ROWS.index("odi@week6"), control[2:]] = baseline[control[2:]]
    few[ROWS.index("odi@week6"), control[:2]] = baseline[control[:2]] - 10.0
    sparse = analyse_trial(trial._replace(values=few), lowered)
    assert all("sparse_cells" in row["flags"] and row["table"]["control"]["responders"] == 2 for row in sparse)


def test_dropped_covariates_are_named_and_refusals_carry_their_reason() -> None:
    trial, lowered = declared_trial(), in_loop("as_registered")
    level, response = ROWS.index("comorbidities=two_plus"), ROWS.index("odi@week6")
    values = trial.values.copy()
    values[level, ~np.isnan(values[response])] = 0.0
    rows = analyse_trial(trial._replace(values=values), lowered)
    assert rows[0]["flags"] == ["aliased: comorbidities=two_plus"]
    assert rows[0]["status"] == "ok"
    for row in rows[2:4]:
        assert (row["status"], row["flags"]) == ("refused", ["uncongenial"])
        assert row["reason"].startswith("the imputation design is rank deficient")
        assert [row[key] for key in ("estimate", "se", "ci_low", "ci_high", "df", "p", "mcse")] == [None] * 7
