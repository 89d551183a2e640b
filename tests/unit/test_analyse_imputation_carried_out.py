"""Imputed analyses carried out per trial: joint tests, Monte Carlo errors, the number of imputations, robust variances."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS

from odisea.analyse.estimate import estimate, finish
from odisea.analyse.imputation import MAX_IMPUTATIONS, impute
from odisea.analyse.imputed import analyse_completed, carry_out, completed_outcomes, limit_details, outside_share
from odisea.analyse.number_of_imputations import PILOT, choose, monte_carlo_errors, needed, pooled_without_each, upper_fmi
from odisea.analyse.pooling import joint_test, pool
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Analysis, Assumption, Ints, Method, Reason, Status, Trial, Variance
from tests.analysed import ONE, RESPONSE, columns, planned, random_trial, with_row
from tests.visited import AUXILIARY, FIRST, visited_trial

MI, LIMIT, ANCOVA = planned(Method.ANCOVA_MI), planned(Method.ANCOVA_MI_LIMIT), planned(Method.ANCOVA)
NONE: Ints = np.empty(0, dtype=np.int64)
ROBUST = [(Variance.MODEL, "nonrobust"), (Variance.HC2, "HC2"), (Variance.HC3, "HC3")]


def carried_out(trial: Trial, analysis: Analysis, auxiliary: Ints = NONE, m: object = None, scale: object = None) -> Single:
    names = tuple(f"visit_{row}" for row in auxiliary)
    plan: Any = SimpleNamespace(
        analysis=analysis,
        auxiliary=auxiliary,
        spec=SimpleNamespace(m=m, auxiliary=names),
        contrast=SimpleNamespace(arm="programme", reference="usual"),
        scale=scale,
    )
    result = carry_out(trial, plan, Circumstances())
    json.dumps(dict(result.details), allow_nan=False)
    return result


@pytest.mark.parametrize(("fmi", "m"), [(0.1, 3), (0.3, 19), (0.5, 51), (0.7, 99), (0.9, 163)])
def test_the_number_of_imputations_grows_with_the_square_of_the_missing_information(fmi: float, m: int) -> None:
    """von Hippel (2020), 1 + (FMI / CV)^2 / 2 by hand for a coefficient of variation of 5 %, and of 2 %."""
    assert needed(fmi) == m
    assert needed(0.5, 0.02) == 314


def test_the_pilot_asks_for_its_upper_limit_and_never_for_less_than_its_own_number() -> None:
    """Limit: logit(0.5) + 1.96 sqrt(2/20) is 0.6198 beyond 0, so 0.6502; 1 + (0.6502 / 0.05)^2 / 2 = 85.6."""
    assert upper_fmi(0.5, 20) == pytest.approx(1.0 / (1.0 + np.exp(-stats.norm.ppf(0.975) * np.sqrt(0.1))), rel=1e-14)
    pilot = pool(np.array([0.0, 1.0] * 10), np.full(20, 0.25), np.inf)._replace(fmi=0.5)
    assert choose(pilot).m == 86
    assert choose(pilot._replace(fmi=0.02)).m == PILOT
    assert choose(pilot, variation=0.5).m == 66  # 100 times the limit of FMI
    assert choose(pilot, variation=1e-4).m == MAX_IMPUTATIONS
    assert choose(pool(np.full(20, 1.0), np.full(20, 1.0), 50.0)).m == PILOT


@pytest.mark.parametrize("df", [47.0, np.inf])
def test_leaving_out_an_imputation_is_pooling_the_others(df: float) -> None:
    rng = np.random.default_rng(0)
    estimates, variances = rng.standard_normal(9), rng.uniform(0.5, 1.5, 9)
    others = [pool(np.delete(estimates, j), np.delete(variances, j), df) for j in range(9)]
    mean, error, freedom = pooled_without_each(estimates, variances, df)
    np.testing.assert_allclose(mean, [each.estimate for each in others], rtol=1e-12)
    np.testing.assert_allclose(error, [np.sqrt(each.total) for each in others], rtol=1e-12)
    np.testing.assert_allclose(freedom, [each.df for each in others], rtol=1e-12)
    errors = monte_carlo_errors(estimates, variances, df)
    assert errors.estimate == pytest.approx(pool(estimates, variances, df).mcse, rel=1e-12)
    _, _, p = finish(mean, error, freedom, 0.05)
    assert errors.p == pytest.approx(np.sqrt(8.0 / 9.0 * np.sum((p - p.mean()) ** 2)), rel=1e-12)


def test_two_imputations_have_no_error_of_the_error() -> None:
    errors = monte_carlo_errors(np.array([1.0, 2.0]), np.array([1.0, 1.0]), 40.0)
    assert errors.estimate == pytest.approx(0.5, rel=1e-14)
    assert np.isnan([errors.se, errors.p]).all()


def test_monte_carlo_errors_are_the_scatter_of_repetitions() -> None:
    """400 keys of m = 50: the jackknife's mean square against the variance among keys, within 4 sqrt(2 / 399) of 1, 28 %."""
    trial, analysis = random_trial(80), planned(Method.ANCOVA_MI, m=50)
    found, errors = [], []
    for key in range(400):
        analysed = analyse_completed(trial, analysis, impute(trial._replace(replicate=key), analysis))
        pooled = pool(analysed.estimates, analysed.variances, analysed.df)
        found.append([pooled.estimate, np.sqrt(pooled.total), float(finish(pooled.estimate, np.sqrt(pooled.total), pooled.df, 0.05)[2])])
        errors.append(monte_carlo_errors(analysed.estimates, analysed.variances, analysed.df))
    ratio = np.mean(np.square(errors), axis=0) / np.var(found, axis=0, ddof=1)
    np.testing.assert_allclose(ratio, 1.0, atol=4.0 * np.sqrt(2.0 / 399.0))


def test_the_joint_test_of_one_coefficient_is_the_square_of_its_t() -> None:
    rng = np.random.default_rng(1)
    estimates, variances = rng.standard_normal(30) + 2.0, rng.uniform(0.5, 1.5, 30)
    test, pooled = joint_test(estimates[:, None], variances[:, None, None], np.inf), pool(estimates, variances, np.inf)
    assert test.f == pytest.approx(pooled.estimate**2 / pooled.total, rel=1e-12)
    assert test.riv == pytest.approx(pooled.riv, rel=1e-12)


def test_without_spread_the_joint_test_is_that_of_the_complete_data() -> None:
    """Reiter's degrees of freedom tend to nu (nu + 1) / (nu + 3); with a normal reference to infinity, a chi-square test."""
    estimates, covariances = np.tile([1.0, 2.0], (20, 1)), np.tile(np.diag([1.0, 4.0]), (20, 1, 1))
    test = joint_test(estimates, covariances, 191.0)
    np.testing.assert_allclose([test.f, test.df1, test.df2, test.riv], [1.0, 2.0, 191.0 * 192.0 / 194.0, 0.0], rtol=1e-12)
    assert test.p == pytest.approx(stats.f.sf(1.0, 2.0, test.df2), rel=1e-12)
    normal = joint_test(estimates, covariances, np.inf)
    assert normal.df2 == np.inf
    assert normal.p == pytest.approx(stats.chi2.sf(2.0, 2.0), rel=1e-12)


def test_reiters_degrees_of_freedom_tend_to_those_of_li_raghunathan_and_rubin() -> None:
    rng = np.random.default_rng(2)
    estimates, covariances = rng.standard_normal((12, 3)), np.tile(np.eye(3), (12, 1, 1))
    large, normal = (joint_test(estimates, covariances, df) for df in (1e9, np.inf))
    assert large.df2 == pytest.approx(normal.df2, rel=1e-6)
    with pytest.raises(ValueError, match="too few"):
        joint_test(estimates[:2], covariances[:2], 50.0)
    assert joint_test(estimates[:3, :1], covariances[:3, :1, :1], 50.0).df2 > 0.0


@pytest.mark.parametrize(("variance", "name"), ROBUST)
def test_every_completed_data_set_is_analysed_as_statsmodels_does(variance: Variance, name: str) -> None:
    trial = random_trial(81, arms=3)
    analysis = MI._replace(variance=int(variance))
    values = impute(trial, analysis)
    analysed = analyse_completed(trial, analysis, values)
    chosen = trial.arm < 2
    x = columns(trial, analysis, chosen)
    fits = [OLS(response[chosen], x).fit(cov_type=name) for response in values]
    np.testing.assert_allclose(analysed.estimates, [fit.params[1] for fit in fits], rtol=1e-9)
    np.testing.assert_allclose(analysed.variances, [fit.bse[1] ** 2 for fit in fits], rtol=1e-9)
    result = carried_out(trial, analysis).estimate
    pooled = pool(analysed.estimates, analysed.variances, analysed.df)
    np.testing.assert_allclose([result.estimate, result.se, result.df], [pooled.estimate, np.sqrt(pooled.total), pooled.df], rtol=1e-12)


@pytest.mark.parametrize("assumption", Assumption)
def test_without_auxiliaries_it_is_the_loops_result_with_more_said(assumption: Assumption) -> None:
    trial, analysis = random_trial(82), MI._replace(assumption=int(assumption), delta_arm=1.0)
    single, loop = carried_out(trial, analysis, scale=(0.0, 100.0)), estimate(trial, analysis)
    np.testing.assert_allclose(single.estimate, loop, rtol=1e-10)
    details = single.details
    assert details["m"] == 20
    assert details["mcse_estimate"] == pytest.approx(loop.mcse, rel=1e-10)
    assert details["lambda"] == pytest.approx(1.05 * loop.between / loop.se**2, rel=1e-10)
    assert details["riv"] == pytest.approx(1.05 * loop.between / loop.within, rel=1e-10)
    missing = np.isnan(trial.values[RESPONSE])
    assert (details["imputed_arm"], details["imputed_reference"]) == tuple(int(np.sum(missing & (trial.arm == arm))) for arm in (0, 1))
    imputed = impute(trial, analysis)[:, missing]
    assert details["share_outside_scale"] == pytest.approx(np.mean((imputed < 0.0) | (imputed > 100.0)))
    assert "m_automatic" not in details


def test_an_automatic_number_reaches_its_aim() -> None:
    """The standard error's coefficient of variation, found by the jackknife, is 5 % or less: the rule takes FMI's upper limit."""
    trial = random_trial(83, n=200, loss=0.4)
    single = carried_out(trial, MI, m="automatic")
    chosen = single.details["m_automatic"]
    assert single.details["m"] == max(needed(chosen["upper_fmi"]), int(np.ceil(100.0 * chosen["upper_fmi"])))
    assert chosen["pilot_fmi"] < chosen["upper_fmi"]
    assert single.details["mcse_se"] / single.estimate.se < 0.05
    again = planned(Method.ANCOVA_MI, m=single.details["m"])
    np.testing.assert_allclose(single.estimate, estimate(trial, again), rtol=1e-10)


def test_auxiliaries_are_used_and_told() -> None:
    trial = visited_trial(84, gaps=True)
    flat = with_row(trial, FIRST, np.where(trial.arm == 1, 3.0, trial.values[FIRST]))
    single = carried_out(flat, MI._replace(variance=int(Variance.HC3)), AUXILIARY, m="automatic")
    assert single.estimate.status == Status.OK
    assert single.details["auxiliary_used"] == ["visit_9", "visit_10", "visit_11"]
    assert single.details["auxiliary_dropped"] == [{"auxiliary": "visit_9", "arm": "usual", "why": "constant"}]
    assert single.flags[:1] == ("auxiliary_dropped: visit_9 in usual, constant",)
    assert single.details["sweeps"] == 10


def test_much_missing_information_is_flagged() -> None:
    assert "high_fmi" in carried_out(random_trial(85, n=120, loss=0.75), MI, m="automatic").flags
    assert carried_out(random_trial(85, n=120, loss=0.2), MI).flags == ()


@pytest.mark.parametrize("m", [None, "automatic"])
@pytest.mark.parametrize("auxiliary", [NONE, AUXILIARY])
def test_nothing_missing_is_the_complete_data_result(m: object, auxiliary: Ints) -> None:
    trial = visited_trial(86, loss=0.0)
    single, complete = carried_out(trial, MI, auxiliary, m, scale=(0.0, 100.0)), estimate(trial, ANCOVA)
    np.testing.assert_allclose([single.estimate.estimate, single.estimate.se], [complete.estimate, complete.se], rtol=1e-13)
    assert single.estimate.df == pytest.approx(complete.df * (complete.df + 1.0) / (complete.df + 3.0), rel=1e-13)
    assert (single.estimate.between, single.estimate.mcse, single.details["m"]) == (0.0, 0.0, PILOT)
    assert "share_outside_scale" not in single.details


def test_refusals() -> None:
    trial = visited_trial(87)
    complete = random_trial(87, loss=0.0)
    only = np.zeros(complete.arm.size)
    only[4] = 1.0
    for single, reason in (
        (carried_out(with_row(complete, ONE, only), MI._replace(variance=int(Variance.HC3)), m="automatic"), Reason.LEVERAGE_ONE),
        (carried_out(with_row(trial, RESPONSE, np.where(trial.arm == 0, np.nan, 30.0)), MI, AUXILIARY, "automatic"), Reason.EMPTY_ARM),
        (
            carried_out(with_row(trial, ONE, np.where(trial.arm == 0, trial.values[ONE], 0.0)), MI, AUXILIARY),
            Reason.IMPUTATION_RANK_DEFICIENT,
        ),
        (carried_out(with_row(complete, RESPONSE, np.full(complete.arm.size, 40.0)), MI), Reason.NO_RESIDUAL_VARIANCE),
        (carried_out(complete._replace(arm=np.zeros_like(complete.arm)), MI), Reason.EMPTY_ARM),
    ):
        assert single.estimate.reason == reason
        assert single.estimate.status != Status.OK
        assert np.isnan([single.estimate.estimate, single.estimate.se, single.estimate.df]).all()


def test_the_limits_details_are_those_of_many_imputations() -> None:
    trial = random_trial(88)
    limit, drawn = limit_details(trial, LIMIT), carried_out(trial, planned(Method.ANCOVA_MI, m=8000)).details
    for name in ("fmi", "lambda", "riv"):
        assert drawn[name] == pytest.approx(limit[name], rel=0.08)
    assert limit["m"] is None
    assert limit_details(with_row(trial, RESPONSE, np.full(trial.arm.size, np.nan)), LIMIT) == {}


def test_the_share_outside_the_scale_is_counted_where_the_scale_is_known() -> None:
    trial = random_trial(89)
    completed = completed_outcomes(trial, MI, NONE, 4)
    assert outside_share(completed, None) == {}
    assert outside_share(completed, (-np.inf, np.inf)) == {"share_outside_scale": 0.0}
    assert outside_share(completed, (0.0, 0.0)) == {"share_outside_scale": 1.0}
