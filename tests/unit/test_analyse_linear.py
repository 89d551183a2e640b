"""The analysis of covariance against statsmodels, its invariances, and what it does where there is no effect to estimate."""

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.regression.linear_model import OLS

from odisea.analyse.design import orthonormalise
from odisea.analyse.estimate import estimate
from odisea.analyse.linear import fit_linear, sandwich
from odisea.data.trial import Analysis, Method, Reason, Status, Trial, make_trial
from odisea.errors import AnalysisError
from tests.analysed import AGE, BASELINE, BMI, COVARIATES, ONE, RESPONSE, columns, planned, random_trial, with_row

ANCOVA = planned(Method.ANCOVA)
# Least squares in double precision on standardised columns: rounding times the condition number (below 1e3 here).
EXACT = 1e-11


def observed(trial: Trial, analysis: Analysis) -> NDArray[np.bool_]:
    chosen: NDArray[np.bool_] = np.isin(trial.arm, (analysis.arm, analysis.reference)) & ~np.isnan(trial.values[RESPONSE])
    return chosen


@pytest.mark.parametrize("seed", range(5))
def test_every_part_of_the_fit_agrees_with_statsmodels(seed: int) -> None:
    trial = random_trial(seed, arms=3)
    chosen = observed(trial, ANCOVA)
    theirs = OLS(trial.values[RESPONSE][chosen], columns(trial, ANCOVA, chosen)).fit()
    ours, result = fit_linear(trial, ANCOVA), estimate(trial, ANCOVA)
    np.testing.assert_allclose(ours.coefficients, theirs.params, rtol=EXACT)
    np.testing.assert_allclose(ours.sigma**2 * ours.unscaled, theirs.cov_params(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose([ours.sigma, ours.df, ours.r_squared], [np.sqrt(theirs.scale), theirs.df_resid, theirs.rsquared], rtol=EXACT)
    np.testing.assert_allclose([result.estimate, result.se, result.df], [theirs.params[1], theirs.bse[1], theirs.df_resid], rtol=EXACT)
    assert (result.n_arm, result.n_reference) == tuple((trial.arm[chosen] == arm).sum() for arm in (0, 1))
    for kind in ("HC0", "HC1", "HC2", "HC3"):
        np.testing.assert_allclose(np.sqrt(np.diag(sandwich(ours, kind))), getattr(theirs, f"{kind}_se"), rtol=1e-10)


def test_standardised_means_are_mean_predictions() -> None:
    trial = random_trial(3)
    chosen = observed(trial, ANCOVA)
    theirs, design = OLS(trial.values[RESPONSE][chosen], columns(trial, ANCOVA, chosen)).fit(), columns(trial, ANCOVA, chosen)
    for arm, mean in zip((1.0, 0.0), fit_linear(trial, ANCOVA).means, strict=True):
        design[:, 1] = arm
        assert mean == pytest.approx(float(theirs.predict(design).mean()), rel=EXACT)


def test_change_from_baseline_has_the_same_arm_effect_when_baseline_is_a_covariate() -> None:
    trial = random_trial(4)
    change = with_row(trial, RESPONSE, trial.values[RESPONSE] - trial.values[BASELINE])
    np.testing.assert_allclose(estimate(change, ANCOVA)[:3], estimate(trial, ANCOVA)[:3], rtol=EXACT)


def test_no_covariates_is_the_two_sample_t_test() -> None:
    trial = random_trial(5)
    result = estimate(trial, planned(Method.ANCOVA, covariates=()))
    a, b = (trial.values[RESPONSE][(trial.arm == arm) & ~np.isnan(trial.values[RESPONSE])] for arm in (0, 1))
    pooled = ((a.size - 1) * a.var(ddof=1) + (b.size - 1) * b.var(ddof=1)) / (a.size + b.size - 2)
    expected = [a.mean() - b.mean(), np.sqrt(pooled * (1 / a.size + 1 / b.size)), a.size + b.size - 2]
    np.testing.assert_allclose(result[:3], expected, rtol=EXACT)


def test_affine_covariates_change_nothing() -> None:
    trial, moved = random_trial(6), random_trial(6)
    moved.values[AGE] = 2000.0 - 3.7 * moved.values[AGE]
    moved.values[BMI] = 1e-4 * moved.values[BMI] - 5.0
    moved.values[BASELINE] = 1e6 * moved.values[BASELINE] + 1e7
    np.testing.assert_allclose(estimate(moved, ANCOVA)[:3], estimate(trial, ANCOVA)[:3], rtol=1e-10)


def test_swapping_the_arms_flips_the_sign() -> None:
    trial = random_trial(7)
    result, swapped = estimate(trial, ANCOVA), estimate(trial, planned(Method.ANCOVA, arm=1, reference=0))
    np.testing.assert_allclose([-swapped.estimate, swapped.se, swapped.df], result[:3], rtol=1e-10)
    assert (swapped.n_arm, swapped.n_reference) == (result.n_reference, result.n_arm)


def test_the_order_of_participants_does_not_matter() -> None:
    trial = random_trial(8)
    order = np.random.default_rng(0).permutation(trial.arm.size)
    shuffled = trial._replace(values=np.ascontiguousarray(trial.values[:, order]), arm=trial.arm[order])
    np.testing.assert_allclose(estimate(shuffled, ANCOVA)[:5], estimate(trial, ANCOVA)[:5], rtol=1e-10)


@pytest.mark.parametrize("extra", ["zeros", "constant", "copy", "combination"])
def test_a_dependent_covariate_is_dropped_last_in(extra: str) -> None:
    trial = random_trial(9)
    values = {
        "zeros": np.zeros(trial.arm.size),
        "constant": np.full(trial.arm.size, 0.1),
        "copy": trial.values[AGE] * 1.1 + 3.3,
        "combination": trial.values[AGE] - 2.0 * trial.values[BMI],
    }[extra]
    result = estimate(with_row(trial, ONE, values), planned(Method.ANCOVA, covariates=(AGE, BMI, ONE, BASELINE)))
    without = estimate(trial, planned(Method.ANCOVA, covariates=(AGE, BMI, BASELINE)))
    np.testing.assert_allclose(result[:5], without[:5], rtol=EXACT)
    fit = fit_linear(with_row(trial, ONE, values), planned(Method.ANCOVA, covariates=(AGE, BMI, ONE, BASELINE)))
    assert np.isnan(fit.coefficients).tolist() == [False, False, False, False, True, False]


def test_a_covariate_on_a_tiny_scale_or_far_origin_is_not_dropped() -> None:
    trial = random_trial(10)
    far = with_row(trial, AGE, 1e6 + 1e-2 * trial.values[AGE])
    np.testing.assert_allclose(estimate(far, ANCOVA)[:3], estimate(trial, ANCOVA)[:3], rtol=1e-7)


def refused(trial: Trial, analysis: Analysis) -> tuple[Status, Reason]:
    result = estimate(trial, analysis)
    assert np.isnan([result.estimate, result.se, result.df, result.within]).all()
    return Status(int(result.status)), Reason(int(result.reason))


def test_there_is_no_estimate_without_an_arm_effect() -> None:
    trial = random_trial(11)
    assert refused(with_row(trial, AGE, (trial.arm == 0) * 2.0), ANCOVA) == (Status.NOT_ESTIMABLE, Reason.ARM_ALIASED)
    alone = trial.values[RESPONSE].copy()
    alone[trial.arm == 0] = np.nan
    assert refused(with_row(trial, RESPONSE, alone), ANCOVA) == (Status.NOT_ESTIMABLE, Reason.EMPTY_ARM)
    assert refused(trial, planned(Method.ANCOVA, arm=5)) == (Status.NOT_ESTIMABLE, Reason.EMPTY_ARM)


def test_there_is_no_estimate_without_residuals() -> None:
    trial = random_trial(12, n=len(COVARIATES) + 2, loss=0.0)
    assert refused(trial, ANCOVA) == (Status.NOT_ESTIMABLE, Reason.NO_RESIDUAL_DF)
    flat = with_row(random_trial(12), RESPONSE, np.full(150, 36.0))
    assert refused(flat, ANCOVA) == (Status.NOT_ESTIMABLE, Reason.NO_RESIDUAL_VARIANCE)
    zero = with_row(random_trial(12), RESPONSE, np.zeros(150))
    assert refused(zero, ANCOVA) == (Status.NOT_ESTIMABLE, Reason.NO_RESIDUAL_VARIANCE)
    with pytest.raises(AnalysisError, match="no residual degrees of freedom"):
        fit_linear(trial, ANCOVA)


def test_a_missing_covariate_is_refused_only_where_it_is_needed() -> None:
    trial = random_trial(13)
    lost = np.flatnonzero(np.isnan(trial.values[RESPONSE]))[0]
    kept = np.flatnonzero(~np.isnan(trial.values[RESPONSE]))[0]
    expected = estimate(trial, ANCOVA)
    trial.values[BMI, lost] = np.nan
    assert estimate(trial, ANCOVA) == expected
    trial.values[BMI, kept] = np.nan
    assert refused(trial, ANCOVA) == (Status.REFUSED, Reason.MISSING_COVARIATE)


def test_leverage_one_leaves_hc2_and_hc3_undefined() -> None:
    trial = random_trial(14)
    alone = np.zeros(trial.arm.size)
    alone[np.flatnonzero(~np.isnan(trial.values[RESPONSE]))[0]] = 1.0
    fit = fit_linear(with_row(trial, ONE, alone), ANCOVA)
    assert np.isfinite(sandwich(fit, "HC0")).all()
    assert np.isfinite(sandwich(fit, "HC1")).all()
    assert np.isnan(sandwich(fit, "HC2")).all()
    assert np.isnan(sandwich(fit, "HC3")).all()


def test_the_basis_is_orthonormal_to_rounding_whatever_origin_and_dependence() -> None:
    """Without a second projection the far origin alone would leave 1e-8."""
    rng = np.random.default_rng(15)
    age, noise = 40.0 + 12.0 * rng.standard_normal(80), rng.standard_normal(80)
    columns_ = np.array([np.ones(80), 1e9 + age, age, age + 1e-5 * noise, noise])
    original, triangle = columns_.copy(), np.zeros((5, 5))
    assert orthonormalise(columns_, 80, triangle) == 4
    kept = np.flatnonzero(np.diag(triangle) > 0.0)
    np.testing.assert_allclose(columns_[kept] @ columns_[kept].T, np.eye(4), atol=1e-14)
    assert (columns_[2] == 0.0).all()
    np.testing.assert_allclose((triangle @ columns_)[kept], original[kept], rtol=1e-14)


def test_the_worked_example_of_the_specification() -> None:
    """docs/statistics/ancova.md, section 3: two participants per arm, by hand."""
    trial = make_trial(np.array([[50.0, 40.0, 50.0, 46.0], [30.0, 24.0, 41.0, 35.0]]), np.array([0, 0, 1, 1]), 1)
    result = estimate(trial, ANCOVA._replace(response=1, baseline=0, covariates=np.array([0], dtype=np.int64)))
    variance = (36.0 - 42.0**2 / 58.0) * (1.0 + 9.0 / 58.0)
    np.testing.assert_allclose(result[:3], [-11.0 + 3.0 * 42.0 / 58.0, np.sqrt(variance), 1.0], rtol=1e-13)
