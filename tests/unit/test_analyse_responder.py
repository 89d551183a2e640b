"""Responders: logistic regression and risk difference against statsmodels, separation against a linear programme, refusals."""

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.discrete.discrete_model import Logit

from odisea.analyse.design import coefficient_map, orthonormalise
from odisea.analyse.estimate import estimate
from odisea.analyse.logistic import fit_logistic
from odisea.analyse.responder import fit_responders, standardised_risks
from odisea.analyse.separation import separates
from odisea.data.trial import Analysis, Method, Reason, Status, Trial
from tests.analysed import AGE, BASELINE, BMI, COVARIATES, ONE, RESPONSE, Floats, columns, planned, random_trial, with_row

ODDS, RISK = planned(Method.RESPONDER_LOG_ODDS_RATIO), planned(Method.RESPONDER_RISK_DIFFERENCE)
# Newton's step at the end is below 1e-9 standard errors in both implementations.
EXACT = 1e-8


def responders(trial: Trial, non_responder: bool = False) -> tuple[NDArray[np.bool_], Floats]:
    response = trial.values[RESPONSE]
    chosen = np.isin(trial.arm, (0, 1)) & (non_responder | ~np.isnan(response))
    return chosen, (trial.values[BASELINE] - np.nan_to_num(response, nan=1e9) >= 10.0)[chosen].astype(np.float64)


@pytest.mark.parametrize("seed", range(5))
def test_coefficients_errors_and_risks_agree_with_statsmodels(seed: int) -> None:
    trial = random_trial(seed, arms=3, n=260)
    chosen, outcome = responders(trial)
    matrix = columns(trial, ODDS, chosen)
    theirs = Logit(outcome, matrix).fit(disp=0, tol=1e-12)
    design, _, fit = fit_responders(trial, ODDS)
    assert fit.reason == Reason.NONE
    to_coefficients = coefficient_map(design)
    covariance = to_coefficients @ np.linalg.inv(fit.factor @ fit.factor.T) @ to_coefficients.T
    np.testing.assert_allclose(to_coefficients @ fit.coordinates, theirs.params, rtol=EXACT)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), theirs.bse, rtol=EXACT)
    np.testing.assert_allclose(fit.fitted, theirs.predict(), rtol=EXACT)
    assert -fit.loss == pytest.approx(theirs.llf, rel=1e-12)
    np.testing.assert_allclose(estimate(trial, ODDS)[:3], [theirs.params[1], theirs.bse[1], np.inf], rtol=EXACT)
    for arm, risks in zip((1.0, 0.0), standardised_risks(design, fit), strict=True):
        matrix[:, 1] = arm
        np.testing.assert_allclose(risks, theirs.predict(matrix), rtol=EXACT)


def test_risk_difference_without_covariates_is_the_difference_of_shares() -> None:
    """And the variance of Ye et al. is then the sum of p (1 - p) / (n - 1), its covariates' terms being zero."""
    trial = random_trial(6)
    chosen, outcome = responders(trial)
    shares = [outcome[trial.arm[chosen] == arm] for arm in (0, 1)]
    result = estimate(trial, planned(Method.RESPONDER_RISK_DIFFERENCE, covariates=()))
    assert result.estimate == pytest.approx(shares[0].mean() - shares[1].mean(), rel=1e-10)
    weights = [own.size / outcome.size for own in shares]
    expected = sum(own.var(ddof=1) / share for own, share in zip(shares, weights, strict=True)) / outcome.size
    assert result.se**2 == pytest.approx(expected, rel=1e-9)


def test_missing_outcomes_may_count_as_no_response() -> None:
    trial = random_trial(7)
    _, outcome = responders(trial, non_responder=True)
    for method in (Method.RESPONDER_LOG_ODDS_RATIO, Method.RESPONDER_RISK_DIFFERENCE):
        result = estimate(trial, planned(method, non_responder=1))
        worst = with_row(trial, RESPONSE, np.where(np.isnan(trial.values[RESPONSE]), trial.values[BASELINE], trial.values[RESPONSE]))
        assert result == estimate(worst, planned(method))
        assert result.n_arm + result.n_reference == outcome.size == trial.arm.size


def test_an_improvement_of_exactly_the_threshold_is_a_response() -> None:
    trial = random_trial(8, n=200, loss=0.0)
    exact = trial.values[BASELINE] - 10.0
    exact[::2] += 1e-10  # 100 / 45 x 4 and its like: not above the threshold but for rounding
    exact[1::4] += 1e-6
    _, outcome, _ = fit_responders(with_row(trial, RESPONSE, exact), ODDS)
    assert (outcome[::2] == 1.0).all()
    assert (outcome[1::4] == 0.0).all()
    assert (outcome[3::4] == 1.0).all()


def test_higher_may_be_better() -> None:
    trial = random_trial(9)
    mirrored = with_row(with_row(trial, RESPONSE, -trial.values[RESPONSE]), BASELINE, -trial.values[BASELINE])
    result = estimate(mirrored, ODDS._replace(direction=1.0))
    np.testing.assert_allclose(result[:3], estimate(trial, ODDS)[:3], rtol=1e-10)


def test_a_binary_outcome_needs_no_baseline() -> None:
    trial = random_trial(10)
    improved = trial.values[BASELINE] - trial.values[RESPONSE] >= 10.0
    binary = with_row(trial, RESPONSE, np.where(np.isnan(trial.values[RESPONSE]), np.nan, improved))
    assert estimate(binary, RISK._replace(baseline=-1)) == estimate(trial, RISK)


@pytest.mark.parametrize("analysis", [ODDS, RISK])
def test_swapped_arms_flip_the_sign_and_affine_covariates_change_nothing(analysis: Analysis) -> None:
    trial, moved = random_trial(11), random_trial(11)
    result, swapped = estimate(trial, analysis), estimate(trial, analysis._replace(arm=1, reference=0))
    np.testing.assert_allclose([-swapped.estimate, swapped.se], result[:2], rtol=1e-9)
    moved.values[AGE] = 2000.0 - 3.7 * moved.values[AGE]
    moved.values[BMI] = 1e-4 * moved.values[BMI] - 5.0
    np.testing.assert_allclose(estimate(moved, analysis)[:2], result[:2], rtol=1e-9)


@pytest.mark.parametrize("analysis", [ODDS, RISK])
def test_a_dependent_covariate_is_dropped(analysis: Analysis) -> None:
    trial = random_trial(12)
    without = estimate(trial, analysis._replace(covariates=np.array([row for row in COVARIATES if row != ONE])))
    same = with_row(trial, ONE, 3.0 - 2.0 * trial.values[AGE])
    np.testing.assert_allclose(estimate(same, analysis)[:2], without[:2], rtol=1e-9)


def refused(trial: Trial, analysis: Analysis) -> tuple[Status, Reason]:
    result = estimate(trial, analysis)
    assert np.isnan([result.estimate, result.se, result.df, result.within]).all()
    return Status(int(result.status)), Reason(int(result.reason))


@pytest.mark.parametrize("analysis", [ODDS, RISK])
def test_there_is_no_estimate_where_the_likelihood_has_no_maximum(analysis: Analysis) -> None:
    trial = random_trial(13)
    response, baseline = trial.values[RESPONSE], trial.values[BASELINE]
    level = np.where((baseline - response < 10.0) & (trial.values[ONE] == 1.0), 1.0, 0.0)
    assert refused(with_row(trial, ONE, level), analysis) == (Status.SEPARATED, Reason.SEPARATION)
    everyone, nobody = np.where(np.isnan(response), np.nan, baseline - 20.0), np.where(np.isnan(response), np.nan, baseline)
    for response in (everyone, nobody):
        assert refused(with_row(trial, RESPONSE, response), analysis) == (Status.NOT_ESTIMABLE, Reason.ALL_OR_NO_EVENTS)
    by_arm = np.where(trial.arm == 0, everyone, nobody)
    assert refused(with_row(trial, RESPONSE, by_arm), analysis) == (Status.SEPARATED, Reason.SEPARATION)


@pytest.mark.parametrize("analysis", [ODDS, RISK, ODDS._replace(non_responder=1)])
def test_a_missing_baseline_or_covariate_is_refused(analysis: Analysis) -> None:
    trial = random_trial(14)
    seen = np.flatnonzero(~np.isnan(trial.values[RESPONSE]))[0]
    for row in (BASELINE, BMI):
        unknown = trial.values[row].copy()
        unknown[seen] = np.nan
        assert refused(with_row(trial, row, unknown), analysis) == (Status.REFUSED, Reason.MISSING_COVARIATE)
    trial.values[BASELINE, seen] = np.nan
    outside = analysis._replace(covariates=np.array([AGE, BMI], dtype=np.int64))
    assert refused(trial, outside) == (Status.REFUSED, Reason.MISSING_COVARIATE)


def test_an_empty_arm_is_not_estimable() -> None:
    assert refused(random_trial(15), ODDS._replace(arm=4)) == (Status.NOT_ESTIMABLE, Reason.EMPTY_ARM)


def random_design(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Columns (p, n) of rare and common indicators, coarse numbers and numbers; outcomes from none to strong dependence."""
    n, p = int(rng.integers(8, 70)), int(rng.integers(1, 7))
    kinds = rng.integers(0, 3, p)
    rows = [rng.random(n) < rng.uniform(0.03, 0.6), np.round(2.0 * rng.standard_normal(n)), rng.standard_normal(n)]
    covariates = np.array([rows[kind] if place == 0 else rng.permutation(rows[kind]) for place, kind in enumerate(kinds)], dtype=np.float64)
    linear = rng.choice([0.0, 0.5, 2.0, 8.0]) * rng.standard_normal(p) @ covariates
    outcome = (rng.random(n) < 1.0 / (1.0 + np.exp(np.median(linear) - linear))).astype(np.float64)
    return np.vstack([np.ones(n), covariates]), outcome


def test_separation_is_found_where_a_linear_programme_finds_it() -> None:
    """1,500 small designs, about half of them separated, many only partly; a fit without decision may occur and is counted."""
    rng = np.random.default_rng(20)
    verdicts: Counter[tuple[Reason, bool]] = Counter()
    for _ in range(1500):
        columns_, outcome = random_design(rng)
        if outcome.min() == outcome.max():
            continue
        triangle = np.zeros((columns_.shape[0], columns_.shape[0]))
        orthonormalise(columns_, outcome.size, triangle)
        basis = np.ascontiguousarray(columns_[np.diag(triangle) > 0.0])
        fit = fit_logistic(basis, outcome, int(Reason.NONE))
        verdicts[Reason(fit.reason), separates(np.sqrt(outcome.size) * basis.T, outcome)] += 1
    assert verdicts[Reason.NONE, False] > 400
    assert verdicts[Reason.SEPARATION, True] > 400
    assert verdicts[Reason.NONE, True] == verdicts[Reason.SEPARATION, False] == 0
    undecided = verdicts[Reason.NO_CONVERGENCE, True] + verdicts[Reason.NO_CONVERGENCE, False]
    assert undecided <= 0.005 * verdicts.total()
