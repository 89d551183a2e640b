"""Multiple imputation: Rubin's rules against published values, draws against the exact limit, and the refusals."""

import os
from pathlib import Path

import numpy as np
import pytest

from odisea.analyse.estimate import estimate, finish
from odisea.analyse.imputation import barnard_rubin, impute, pool
from odisea.data.trial import Analysis, Method, Reason, Status, Trial
from tests.analysed import AGE, BASELINE, COVARIATES, IMPUTATION, ONE, PAIN, RESPONSE, planned, random_trial, with_row

MI, LIMIT, ANCOVA = planned(Method.ANCOVA_MI), planned(Method.ANCOVA_MI_LIMIT), planned(Method.ANCOVA)


def test_pooling_gives_the_values_of_the_reference_implementation() -> None:
    """mice::pool.scalar(Q, U, n = 50, k = 3): qbar 2, ubar 0.24, b 0.625, t 0.99, df 4.2570740, r 3.125, fmi 0.8243862."""
    pooled = pool(np.array([1.0, 2.0, 3.0, 2.5, 1.5]), np.array([0.2, 0.25, 0.3, 0.2, 0.25]), 47.0)
    np.testing.assert_allclose(pooled[:4], [2.0, 0.24, 0.625, 0.99], rtol=1e-14)
    np.testing.assert_allclose([pooled.df, pooled.riv, pooled.fmi], [4.2570740, 3.125, 0.8243862], rtol=1e-7)
    assert pooled.mcse == pytest.approx(np.sqrt(0.125))


def test_without_spread_the_degrees_of_freedom_are_those_of_barnard_and_rubin_not_the_complete_ones() -> None:
    pooled = pool(np.full(5, 0.1), np.full(5, 0.4), 100.0)
    assert pooled.between == 0.0
    assert pooled.total == pytest.approx(0.4, rel=1e-15)
    assert pooled.df == pytest.approx(98.0582524, rel=1e-9)
    assert pool(np.full(5, 0.1), np.full(5, 0.4), np.inf).df == np.inf


def test_normal_complete_data_leave_rubins_degrees_of_freedom() -> None:
    pooled = pool(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 1.0]), np.inf)
    assert pooled.df == pytest.approx(2.0 / pooled.lambda_**2, rel=1e-14)


def test_the_published_complete_visit_of_the_antidepressant_trial_pins_the_rule() -> None:
    """rbmi quickstart, visit 4, nothing missing: printed interval -1.43949684 to 1.2558839 and p 0.8931772 need df 169 x 170 / 172."""
    df = barnard_rubin(0.0, 150.0, 169.0)
    assert df == pytest.approx(169.0 * 170.0 / 172.0, rel=1e-14)
    low, high, p = finish(-0.09180645, 0.6826279, df, 0.05)
    np.testing.assert_allclose([low, high, p], [-1.43949684, 1.2558839, 0.8931772], atol=5e-8, rtol=0)


@pytest.mark.skipif("ODISEA_SHARED" not in os.environ, reason="the data are not part of the project")
def test_the_published_complete_visit_from_the_data_themselves() -> None:
    folder = Path(os.environ["ODISEA_SHARED"]) / "realdata" / "antidepressant_dia"
    records = np.genfromtxt(folder / "antidepressant_data.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    visit = records[records["VISIT"] == 4]
    values = np.array([visit["BASVAL"], visit["CHANGE"]], dtype=np.float64)
    trial = Trial(values, (visit["THERAPY"] == "DRUG").astype(np.int64), 1, 0)
    rows = np.array([0], dtype=np.int64)
    analysis = Analysis(int(Method.ANCOVA_MI), 1, 0, 0, 1, rows, rows, 20, 0.0, -1.0, 0)
    result = estimate(trial, analysis)
    np.testing.assert_allclose([result.estimate, result.se], [-0.09180645, 0.6826279], atol=5e-8, rtol=0)
    assert result.df == pytest.approx(169.0 * 170.0 / 172.0)


@pytest.mark.parametrize("seed", range(4))
def test_drawn_imputations_agree_with_the_exact_limit(seed: int) -> None:
    """Of 4,000 imputations: estimate and W within 4 Monte Carlo standard errors, B within 4 B sqrt(2 / (m - 1))."""
    m = 4000
    trial = random_trial(seed, n=60 + 30 * seed, loss=0.2 + 0.1 * seed)
    drawn, exact = estimate(trial, planned(Method.ANCOVA_MI, m=m)), estimate(trial, LIMIT)
    assert drawn.status == exact.status == Status.OK
    assert abs(drawn.estimate - exact.estimate) < 4.0 * drawn.mcse
    assert abs(drawn.between / exact.between - 1.0) < 4.0 * np.sqrt(2.0 / (m - 1))
    # The spread of W among imputations, from blocks of 100.
    blocks = [estimate(trial._replace(seed=seed + 7, replicate=k), planned(Method.ANCOVA_MI, m=100)).within for k in range(m // 100)]
    assert abs(drawn.within - exact.within) < 4.0 * np.std(blocks, ddof=1) / np.sqrt(len(blocks))
    assert drawn.df == pytest.approx(exact.df, rel=0.2)


def test_replicates_of_twenty_imputations_scatter_as_their_monte_carlo_error_says() -> None:
    """2,000 keys: mean of z within 4 / sqrt(2000), its variance within 4 sqrt(2 / 2000) of 1."""
    trial = random_trial(20)
    exact = estimate(trial, LIMIT)
    draws = np.array([estimate(trial._replace(replicate=k), MI).estimate for k in range(2000)])
    z = (draws - exact.estimate) / np.sqrt(exact.between / MI.m)
    assert abs(z.mean()) < 4.0 / np.sqrt(z.size)
    assert abs(z.var() - 1.0) < 4.0 * np.sqrt(2.0 / z.size)


def test_imputed_data_sets_complete_the_observed_one() -> None:
    trial = random_trial(21, arms=3)
    completed = impute(trial, MI)
    seen = ~np.isnan(trial.values[RESPONSE])
    assert completed.shape == (20, trial.arm.size)
    assert (completed[:, seen] == trial.values[RESPONSE][seen]).all()
    outside = ~seen & (trial.arm == 2)
    assert outside.any()
    assert np.isnan(completed[:, outside]).all()
    assert np.unique(completed[:, ~seen & (trial.arm != 2)]).size == 20 * (~seen & (trial.arm != 2)).sum()


def test_the_algebra_gives_what_refitting_every_imputed_data_set_gives() -> None:
    trial = random_trial(22, arms=3)
    fits = [estimate(with_row(trial, RESPONSE, completed), ANCOVA) for completed in impute(trial, MI)]
    pooled = pool(np.array([fit.estimate for fit in fits]), np.array([fit.se**2 for fit in fits]), fits[0].df)
    result = estimate(trial, MI)
    found = [result.estimate, result.se**2, result.df, result.within, result.between, result.mcse]
    np.testing.assert_allclose(found, [pooled.estimate, pooled.total, pooled.df, pooled.within, pooled.between, pooled.mcse], rtol=1e-10)


def test_draws_depend_on_the_key_and_the_participant_not_on_the_number_of_imputations_or_the_contrast() -> None:
    trial = random_trial(23)
    completed = impute(trial, MI)
    np.testing.assert_array_equal(impute(trial, planned(Method.ANCOVA_MI, m=7)), completed[:7])
    np.testing.assert_array_equal(impute(trial, planned(Method.ANCOVA_MI, arm=1, reference=0)), completed)
    other = impute(trial._replace(replicate=1), MI)
    missing = np.isnan(trial.values[RESPONSE])
    assert (other[:, missing] != completed[:, missing]).all()


def test_swapping_the_arms_flips_the_sign() -> None:
    trial = random_trial(24)
    for method in (Method.ANCOVA_MI, Method.ANCOVA_MI_LIMIT):
        result, swapped = estimate(trial, planned(method)), estimate(trial, planned(method, arm=1, reference=0))
        np.testing.assert_allclose([-swapped.estimate, swapped.se, swapped.df], result[:3], rtol=1e-10)


def test_affine_covariates_change_nothing_in_the_limit_and_increasing_ones_nothing_in_the_draws() -> None:
    trial, moved = random_trial(25), random_trial(25)
    moved.values[AGE] = 3.7 * moved.values[AGE] + 2000.0
    moved.values[PAIN] = 1e-3 * moved.values[PAIN] - 5.0
    for analysis in (MI, LIMIT):
        np.testing.assert_allclose(estimate(moved, analysis)[:3], estimate(trial, analysis)[:3], rtol=1e-10)
    moved.values[AGE] = -moved.values[AGE]
    np.testing.assert_allclose(estimate(moved, LIMIT)[:3], estimate(trial, LIMIT)[:3], rtol=1e-10)


def test_relabelled_participants_agree_within_monte_carlo_error() -> None:
    trial = random_trial(26)
    order = np.random.default_rng(0).permutation(trial.arm.size)
    shuffled = trial._replace(values=np.ascontiguousarray(trial.values[:, order]), arm=trial.arm[order])
    np.testing.assert_allclose(estimate(shuffled, LIMIT)[:3], estimate(trial, LIMIT)[:3], rtol=1e-10)
    one, two = (estimate(each, planned(Method.ANCOVA_MI, m=500)) for each in (trial, shuffled))
    assert 0.0 < abs(one.estimate - two.estimate) < 4.0 * np.hypot(one.mcse, two.mcse)


@pytest.mark.parametrize("analysis", [MI, LIMIT])
def test_nothing_missing_is_the_complete_data_result(analysis: Analysis) -> None:
    trial = random_trial(27, loss=0.0)
    result, complete = estimate(trial, analysis), estimate(trial, ANCOVA)
    np.testing.assert_allclose([result.estimate, result.se], [complete.estimate, complete.se], rtol=1e-14)
    assert result.df == pytest.approx(complete.df * (complete.df + 1.0) / (complete.df + 3.0), rel=1e-14)
    assert (result.between, result.mcse, result.status) == (0.0, 0.0, Status.OK)


def refused(trial: Trial, analysis: Analysis) -> tuple[Status, Reason]:
    result = estimate(trial, analysis)
    assert np.isnan([result.estimate, result.se, result.df, result.within, result.between, result.mcse]).all()
    return Status(int(result.status)), Reason(int(result.reason))


@pytest.mark.parametrize("analysis", [MI, LIMIT])
def test_what_cannot_be_imputed_is_refused(analysis: Analysis) -> None:
    trial = random_trial(28)
    unseen = trial.values[ONE].copy()
    unseen[(trial.arm == 1) & ~np.isnan(trial.values[RESPONSE])] = 0.0
    assert refused(with_row(trial, ONE, unseen), analysis) == (Status.REFUSED, Reason.IMPUTATION_RANK_DEFICIENT)
    unknown = trial.values[PAIN].copy()
    unknown[np.flatnonzero(np.isnan(trial.values[RESPONSE]))[0]] = np.nan
    assert refused(with_row(trial, PAIN, unknown), analysis) == (Status.REFUSED, Reason.MISSING_COVARIATE)
    gone = trial.values[RESPONSE].copy()
    gone[trial.arm == 1] = np.nan
    assert refused(with_row(trial, RESPONSE, gone), analysis) == (Status.NOT_ESTIMABLE, Reason.EMPTY_ARM)
    flat = np.where(np.isnan(trial.values[RESPONSE]), np.nan, 40.0)
    assert refused(with_row(trial, RESPONSE, flat), analysis) == (Status.NOT_ESTIMABLE, Reason.NO_RESIDUAL_VARIANCE)


@pytest.mark.parametrize(("observed", "reason"), [(11, Reason.IMPUTATION_FEW_DF), (12, Reason.NONE)])
def test_the_imputation_model_needs_more_than_two_residual_degrees_of_freedom(observed: int, reason: Reason) -> None:
    trial = random_trial(29, n=200, loss=0.0)
    few = trial.values[RESPONSE].copy()
    few[np.flatnonzero(trial.arm == 1)[observed:]] = np.nan
    assert len(IMPUTATION) + 1 == 9
    assert Reason(int(estimate(with_row(trial, RESPONSE, few), LIMIT).reason)) == reason


def test_a_complete_arm_needs_no_imputation_model() -> None:
    trial = random_trial(30)
    half = random_trial(30, loss=0.0).values[RESPONSE].copy()
    half[(trial.arm == 0) & np.isnan(trial.values[RESPONSE])] = np.nan
    level = np.where(trial.arm == 1, 0.0, trial.values[ONE])
    changed = with_row(with_row(trial, RESPONSE, half), ONE, level)
    assert estimate(changed, LIMIT).status == Status.OK
    assert abs(estimate(changed, planned(Method.ANCOVA_MI, m=1000)).estimate - estimate(changed, LIMIT).estimate) < 0.5


def test_an_imputation_model_may_hold_more_than_the_analysis_model() -> None:
    trial = random_trial(31)
    covariates = tuple(row for row in COVARIATES if row != BASELINE)
    drawn = estimate(trial, planned(Method.ANCOVA_MI, covariates=covariates, m=4000))
    exact = estimate(trial, planned(Method.ANCOVA_MI_LIMIT, covariates=covariates))
    assert abs(drawn.estimate - exact.estimate) < 4.0 * drawn.mcse
    assert drawn.within == pytest.approx(exact.within, rel=0.02)
