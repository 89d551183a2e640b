"""Responders of a single trial: profile, Firth, marginal effects, separation, imputed scores, unadjusted shares, rules.

Compared with closed forms, statsmodels, scipy, and published results; the oracle's cases are compared elsewhere.
"""

import csv
import json
import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, log_expit, xlogy
from scipy.stats import chi2
from statsmodels.discrete.discrete_model import Logit
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from odisea.analyse import proportions
from odisea.analyse.binary_imputation import binary_model, impute_binary
from odisea.analyse.design import in_contrast, make_design
from odisea.analyse.estimate import estimate
from odisea.analyse.firth import fit_firth
from odisea.analyse.imputation import impute
from odisea.analyse.logistic_profile import maximise, profile
from odisea.analyse.marginal import augmented_risks, covariances, marginal_effects, predicted, risks_of, working_columns
from odisea.analyse.number_of_imputations import PILOT
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.responder import responder_outcome
from odisea.analyse.responder_imputed import fit_in_the_limit, fit_one
from odisea.analyse.responder_single import LOOP_METHOD, PENALISED_MEASURES, carry_out
from odisea.analyse.separation import determined, separates
from odisea.analyse.single import Circumstances, Single
from odisea.data.instruments import is_responder, responds
from odisea.data.trial import Analysis, Method, Reason, Rule, Status, Trial, Variance, make_trial
from tests.analysed import AGE, BASELINE, BMI, IMPUTATION, ONE, RESPONSE, Floats, columns, planned, random_trial, with_row

PUBLISHED = Path(__file__).parents[1] / "reference" / "published"
SHARED_VARIANCES = {Variance.YE: "ye", Variance.GE: "model", Variance.INFLUENCE: "influence"}
ODDS = planned(Method.RESPONDER_LOG_ODDS_RATIO)
NOWHERE = Circumstances()


def plan(
    analysis: Analysis = ODDS, measure: str = "log_odds_ratio", method: str = "logistic", missing: str = "complete_case", m: Any = None
) -> PlannedAnalysis:
    spec = SimpleNamespace(method=method, missing_data=missing, measure=measure, m=m)
    return cast(PlannedAnalysis, SimpleNamespace(analysis=analysis, spec=spec, alpha=0.05, auxiliary=np.empty(0, dtype=np.int64)))


def imputed(trial: Trial, measure: str = "log_odds_ratio", analysis: Analysis = ODDS, m: Any = None) -> Single:
    return carry_out(trial, plan(analysis, measure, missing="multiple_imputation", m=m), NOWHERE)


def fitted_trial(seed: int, n: int = 150) -> tuple[Floats, Floats]:
    """Columns (n, p), the arm last, and outcomes of a random trial's observed participants."""
    trial = random_trial(seed, n=n)
    chosen = ~np.isnan(trial.values[RESPONSE])
    matrix = columns(trial, ODDS, chosen)
    return matrix[:, [0, *range(2, matrix.shape[1]), 1]], (trial.values[BASELINE] - trial.values[RESPONSE] >= 10.0)[chosen].astype(float)


def two_by_two(arm: int, n_arm: int, reference: int, n_reference: int) -> tuple[Floats, Floats]:
    """Columns and outcomes of two arms without covariates."""
    treated = np.repeat([1.0, 0.0], [n_arm, n_reference])
    outcome = np.concatenate([np.arange(n_arm) < arm, np.arange(n_reference) < reference]).astype(float)
    return np.column_stack([np.ones(treated.size), treated]), outcome


# ---- profile likelihood


def test_without_covariates_the_likelihood_ratio_is_the_g_statistic() -> None:
    matrix, outcome = two_by_two(14, 40, 8, 45)
    observed = np.array([[14.0, 26.0], [8.0, 37.0]])
    expected = observed.sum(axis=1, keepdims=True) * observed.sum(axis=0) / observed.sum()
    g = 2.0 * float(xlogy(observed, observed / expected).sum())
    found = profile(matrix, outcome, False, maximise(matrix, outcome, False), 0.05)
    assert found.chi2 == pytest.approx(g, rel=1e-10)
    assert found.p == pytest.approx(float(chi2.sf(g, 1)), rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_at_the_limits_the_deviance_has_risen_by_the_quantile(seed: int) -> None:
    """statsmodels fits the other coefficients with the arm's as an offset; 1e-8: its convergence criterion on the deviance."""
    matrix, outcome = fitted_trial(seed)
    best = maximise(matrix, outcome, False)
    found = profile(matrix, outcome, False, best, 0.1)
    full = GLM(outcome, matrix, family=Binomial()).fit(tol=1e-12)
    for limit in (found.low, found.high):
        held = GLM(outcome, matrix[:, :-1], family=Binomial(), offset=limit * matrix[:, -1]).fit(tol=1e-12)
        assert held.deviance - full.deviance == pytest.approx(float(chi2.isf(0.1, 1)), abs=1e-8)
    assert found.low < best.coefficients[-1] < found.high


def test_a_likelihood_without_maximum_is_not_converged() -> None:
    matrix, outcome = two_by_two(4, 4, 0, 5)
    best = maximise(matrix, outcome, False)
    assert not best.converged or best.coefficients[-1] > 20.0  # at a score of 1e-10 both are true of it; the programme decides
    assert separates(matrix, outcome)
    assert maximise(matrix, outcome, True).converged


# ---- Firth


@pytest.mark.parametrize("counts", [(14, 40, 8, 45), (12, 12, 3, 10), (9, 9, 0, 9)])
def test_firth_without_covariates_adds_half_an_event_to_each_cell(counts: tuple[int, int, int, int]) -> None:
    matrix, outcome = two_by_two(*counts)
    a, n1, c, n0 = (float(count) for count in counts)
    exact = math.log((a + 0.5) / (n1 - a + 0.5)) - math.log((c + 0.5) / (n0 - c + 0.5))
    fit = fit_firth(matrix, outcome, 0.05)
    assert fit.maximum.coefficients[-1] == pytest.approx(exact, abs=1e-9)

    def penalised(log_odds: float, shift: float) -> float:
        linear, events, n = np.array([shift + log_odds, shift]), np.array([a, c]), np.array([n1, n0])
        yes, no = log_expit(linear), log_expit(-linear)
        return float((events * yes + (n - events) * no + 0.5 * (np.log(n) + yes + no)).sum())

    def profiled(log_odds: float) -> float:
        return -float(minimize_scalar(lambda shift: -penalised(log_odds, shift), (-9.0, 9.0), tol=1e-12).fun)

    top, quantile = penalised(exact, math.log((c + 0.5) / (n0 - c + 0.5))), float(chi2.isf(0.05, 1))
    for limit, side in ((fit.profile.low, -1.0), (fit.profile.high, 1.0)):
        root = brentq(lambda value: 2.0 * (top - profiled(value)) - quantile, exact, exact + side * 12.0, xtol=1e-9)
        assert limit == pytest.approx(root, abs=1e-5)
    assert fit.profile.chi2 == pytest.approx(2.0 * (top - profiled(0.0)), abs=1e-8)


def test_firth_maximises_the_penalised_likelihood() -> None:
    matrix, outcome = fitted_trial(3, n=90)

    def loss(coefficients: Floats) -> float:
        linear = matrix @ coefficients
        risk = expit(linear)
        information = (matrix * (risk * (1.0 - risk))[:, None]).T @ matrix
        likelihood = -np.logaddexp(0.0, np.where(outcome > 0.5, -linear, linear)).sum()
        return -float(likelihood + 0.5 * np.linalg.slogdet(information)[1])

    fit = fit_firth(matrix, outcome, 0.05)
    assert fit.maximum.objective == pytest.approx(-loss(fit.maximum.coefficients), abs=1e-10)
    rng = np.random.default_rng(0)
    errors = np.sqrt(np.diag(fit.maximum.covariance))
    for _ in range(20):  # a step of a thousandth of a standard error costs about (1e-3)^2 / 2, far above rounding
        moved = fit.maximum.coefficients + 1e-3 * errors * rng.standard_normal(errors.size)
        assert loss(moved) > -fit.maximum.objective


@pytest.mark.parametrize("held", [5.0, 20.0, 60.0])
def test_the_penalised_profile_is_reached_far_out(held: float) -> None:
    """A nearly determined fit: along the profile the information all but vanishes, yet the score has its root."""
    rng = np.random.default_rng(5)
    matrix = np.column_stack([np.ones(13), rng.standard_normal((13, 3)), np.arange(13) % 2])
    outcome = (matrix[:, 1] + 2.0 * matrix[:, -1] > -0.4).astype(float)
    there = maximise(matrix, outcome, True, held)
    assert there.converged
    assert there.coefficients[-1] == held
    for direction in np.eye(5)[:4]:  # a step of a thousandth of a standard error either way; 1e-11 is rounding
        step = 1e-3 * direction * math.sqrt(there.covariance[direction.argmax(), direction.argmax()])
        for moved in (there.coefficients + step, there.coefficients - step):
            linear = matrix @ moved
            weighted = matrix * np.sqrt(expit(linear) * expit(-linear))[:, None]
            penalty = np.log(np.abs(np.diag(np.linalg.qr(weighted)[1]))).sum()
            value = -np.logaddexp(0.0, np.where(outcome > 0.5, -linear, linear)).sum() + penalty
            assert value <= there.objective + 1e-11


def test_firth_gives_the_published_results_of_sex2() -> None:
    """Heinze and Schemper's example, to the digits that logistf prints (limits and statistics: two decimals).

    Its standard errors have the weights w (1 + h), h the leverages, in the information; ours and brglm2's are w.
    """
    with (PUBLISHED / "logistf_sex2.csv").open(newline="") as file:
        records = [[int(value) for value in row] for row in list(csv.reader(file))[1:]]
    data = np.repeat(np.array([row[:-1] for row in records], dtype=float), [row[-1] for row in records], axis=0)
    outcome, matrix = data[:, 0], np.column_stack([np.ones(data.shape[0]), data[:, 1:]])
    published = {
        "age": (-1.10598131, -1.97, -0.31, 7.51),
        "oc": (-0.06881673, -0.94, 0.79, 0.02),
        "vic": (2.26887464, 1.27, 3.44, 22.93),
        "vicl": (-2.11140817, -3.26, -1.12, 19.10),
        "vis": (-0.78831694, -1.61, 0.02, 3.70),
        "dia": (3.09601166, 0.77, 8.03, 7.90),
    }
    assert outcome.size == 239
    assert separates(matrix, outcome)
    for j, expected in enumerate(published.values(), start=1):
        order = [*(k for k in range(7) if k != j), j]
        fit = fit_firth(matrix[:, order], outcome, 0.05)
        assert fit.maximum.coefficients[-1] == pytest.approx(expected[0], abs=2e-7)  # logistf stops at 1e-5 of the score
        assert (fit.profile.low, fit.profile.high, fit.profile.chi2) == pytest.approx(expected[1:], abs=0.0051)
    best = maximise(matrix, outcome, True)
    weights = expit(best.linear) * expit(-best.linear)
    leverages = np.einsum("ij,jk,ik->i", matrix, best.covariance, matrix) * weights
    information = (matrix * (weights * (1.0 + leverages))[:, None]).T @ matrix
    theirs = [0.4763429, 0.4149021, 0.4344026, 0.5384872]
    assert np.sqrt(np.diag(np.linalg.inv(information)))[:4] == pytest.approx(theirs, abs=1e-6)
    assert best.coefficients[0] == pytest.approx(0.12025405, abs=2e-7)


# ---- marginal effects


def test_the_published_variances_of_trial01() -> None:
    with (PUBLISHED / "beeca_trial01.csv").open(newline="") as file:
        records = [record for record in csv.DictReader(file) if record["aval"] != "NA"]
    matrix = np.array([[1.0, float(record["bl_cov"]), float(record["trtp"])] for record in records])
    outcome = np.array([float(record["aval"]) for record in records])
    best = maximise(matrix, outcome, False)
    model = predicted(matrix, outcome, best.coefficients, best.covariance)
    found = marginal_effects(risks_of(model), covariances(model))["risk_difference"]
    assert outcome.size == 267
    assert found.estimate == pytest.approx(-0.06836399, abs=5e-9)
    assert risks_of(model)[::-1] == pytest.approx((0.4874723, 0.4191085), abs=3e-7)  # the macro prints its own rounding, 2e-7 away
    assert found.errors["model"] == pytest.approx(0.06071641, abs=6e-9)
    assert found.errors["ye"] ** 2 == pytest.approx(0.003706813, abs=6e-10)
    assert found.errors["hc0"] == pytest.approx(0.06076853, abs=6e-9)
    assert found.errors["hc3"] == pytest.approx(0.06145581, abs=6e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_model_based_error_is_that_of_statsmodels_marginal_effect(seed: int) -> None:
    matrix, outcome = fitted_trial(seed)
    theirs = Logit(outcome, matrix).fit(disp=0, tol=1e-12).get_margeff(at="overall", dummy=True)
    best = maximise(matrix, outcome, False)
    model = predicted(matrix, outcome, best.coefficients, best.covariance)
    found = marginal_effects(risks_of(model), covariances(model))["risk_difference"]
    assert (found.estimate, found.errors["model"]) == pytest.approx((theirs.margeff[-1], theirs.margeff_se[-1]), rel=1e-7)


def test_the_sandwich_variances_are_those_of_statsmodels_covariances() -> None:
    """Its HC0 and HC3 covariances of the coefficients, carried to the risks by numerical derivatives (error about 1e-9)."""
    matrix, outcome = fitted_trial(4)
    fit = GLM(outcome, matrix, family=Binomial()).fit(tol=1e-13)
    best = maximise(matrix, outcome, False)
    spread = covariances(predicted(matrix, outcome, best.coefficients, best.covariance))

    def risks(coefficients: Floats) -> Floats:
        both = [matrix.copy(), matrix.copy()]
        both[0][:, -1], both[1][:, -1] = 1.0, 0.0
        return np.array([expit(each @ coefficients).mean() for each in both])

    step = 1e-5 * np.sqrt(np.diag(best.covariance))
    jacobian = np.column_stack(
        [(risks(fit.params + step * unit) - risks(fit.params - step * unit)) / (2.0 * step @ unit) for unit in np.eye(step.size)]
    )
    leverage = np.einsum("ij,jk,ik->i", matrix, best.covariance, matrix) * fit.fittedvalues * (1.0 - fit.fittedvalues)
    for name, residual in (("hc0", outcome - fit.fittedvalues), ("hc3", (outcome - fit.fittedvalues) / (1.0 - leverage))):
        meat = (matrix * residual[:, None] ** 2).T @ matrix
        covariance = best.covariance @ meat @ best.covariance
        np.testing.assert_allclose(spread[name], jacobian @ covariance @ jacobian.T, rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(best.covariance)), fit.bse, rtol=1e-6)  # its weights are one iterate early


def test_the_influence_function_is_the_derivative_by_a_participants_weight() -> None:
    """The infinitesimal jackknife: each participant's weight is moved by 1e-4 either way and the weighted model fitted anew."""
    matrix, outcome = fitted_trial(5, n=70)
    matrix = matrix[:, [0, 1, -1]]
    best = maximise(matrix, outcome, False)
    spread = covariances(predicted(matrix, outcome, best.coefficients, best.covariance))

    def risks(weights: Floats) -> Floats:
        fit = GLM(outcome, matrix, family=Binomial(), freq_weights=weights).fit(tol=1e-14)
        without = matrix[:, :-1] @ fit.params[:-1]
        return np.array([np.average(expit(without + arm * fit.params[-1]), weights=weights) for arm in (1.0, 0.0)])

    step, ones = 1e-4, np.ones(outcome.size)
    influence = np.array([(risks(ones + step * unit) - risks(ones - step * unit)) / (2.0 * step) for unit in np.eye(outcome.size)])
    np.testing.assert_allclose(spread["influence"], influence.T @ influence, rtol=1e-6)


def test_without_covariates_every_variance_is_binomial() -> None:
    """p (1 - p) / n in each arm and no covariance; Ye's with n - 1, HC3 with (n - 1)^2 / n."""
    matrix, outcome = two_by_two(14, 40, 8, 45)
    best = maximise(matrix, outcome, False)
    spread = covariances(predicted(matrix, outcome, best.coefficients, best.covariance))
    share, n = np.array([14 / 40, 8 / 45]), np.array([40.0, 45.0])
    binomial = share * (1.0 - share)
    divisors = {"model": n, "hc0": n, "influence": n, "ye": n - 1.0, "hc3": (n - 1.0) ** 2 / n}
    for name, divisor in divisors.items():
        np.testing.assert_allclose(spread[name], np.diag(binomial / divisor), rtol=1e-8, atol=1e-14)


def inverse_information(matrix: Floats) -> Floats:
    """That at coefficients of 0."""
    return np.linalg.inv(0.25 * matrix.T @ matrix).astype(np.float64)


def test_hc3_does_not_exist_where_a_leverage_is_one() -> None:
    matrix, outcome = fitted_trial(6)
    own = np.zeros(outcome.size)
    own[0] = 1.0
    model = predicted(matrix, outcome, np.zeros(matrix.shape[1]), inverse_information(matrix))
    alone = np.column_stack([matrix[:, :-1], own, matrix[:, -1]])
    lonely = predicted(alone, outcome, np.zeros(alone.shape[1]), inverse_information(alone))
    assert np.isfinite(covariances(model)["hc3"]).all()
    assert np.isnan(covariances(lonely)["hc3"]).all()
    assert np.isfinite(covariances(lonely)["hc0"]).all()


@pytest.mark.parametrize("variance", list(SHARED_VARIANCES))
@pytest.mark.parametrize("non_responder", [0, 1])
def test_the_loop_and_the_single_analysis_give_the_same_marginal_effects(variance: Variance, non_responder: int) -> None:
    """Two implementations, one in an orthonormal basis; with a covariate that is dropped, to have a rank below full."""
    trial = with_row(random_trial(7), ONE, random_trial(7).values[AGE] * 2.0)
    for measure, method in LOOP_METHOD.items():
        analysis = planned(method, non_responder=non_responder)._replace(variance=int(variance))
        row = carry_out(trial, plan(analysis, measure), NOWHERE)
        assert row.estimate == estimate(trial, analysis)
        if measure == "log_odds_ratio":
            told = row.details["odds_ratio"]
            found = (told["log_odds_ratio"], told["wald"]["se"])
        else:
            told = row.details["marginal"][measure]
            found = (told["estimate"], told[SHARED_VARIANCES[variance]]["se"])
        assert found == pytest.approx((row.estimate.estimate, row.estimate.se), rel=1e-9)
        json.dumps(dict(row.details), allow_nan=False)


def test_augmentation_changes_nothing_for_maximum_likelihood_and_repairs_a_shrunk_model() -> None:
    matrix, outcome = fitted_trial(8)
    best = maximise(matrix, outcome, False)
    model = predicted(matrix, outcome, best.coefficients, best.covariance)
    assert augmented_risks(model) == pytest.approx(risks_of(model), abs=1e-10)
    simple, events = two_by_two(12, 12, 3, 10)
    shrunk = fit_firth(simple, events, 0.05).maximum
    model = predicted(simple, events, shrunk.coefficients, shrunk.covariance)
    assert risks_of(model) == pytest.approx((12.5 / 13.0, 3.5 / 11.0), abs=1e-9)
    assert augmented_risks(model) == pytest.approx((1.0, 0.3), abs=1e-9)
    ratios = marginal_effects(augmented_risks(model), covariances(model))
    assert math.isnan(ratios["marginal_log_odds_ratio"].estimate)
    assert ratios["risk_difference"].estimate == pytest.approx(0.7, abs=1e-9)


# ---- separation


def all_alike(seed: int = 13) -> tuple[Trial, NDArray[np.bool_]]:
    """A trial in which every observed member of a covariate's level responds, and who they are."""
    trial = random_trial(seed)
    level = (trial.values[ONE] == 1.0) & (trial.arm >= 0)
    better = np.where(level & ~np.isnan(trial.values[RESPONSE]), trial.values[BASELINE] - 15.0, trial.values[RESPONSE])
    return with_row(trial, RESPONSE, better), level


def test_separation_refuses_the_plain_row_and_firth_answers() -> None:
    trial, _ = all_alike()
    for measure, method in LOOP_METHOD.items():
        row = carry_out(trial, plan(planned(method), measure), NOWHERE)
        assert (row.estimate.status, row.estimate.reason) == (Status.SEPARATED, Reason.SEPARATION)
        assert np.isnan(row.estimate[:3]).all()
        assert dict(row.details) == {"separated": True}
    for measure in PENALISED_MEASURES:
        row = carry_out(trial, plan(ODDS, measure, "firth"), NOWHERE)
        assert row.estimate.status == Status.OK
        assert any(flag.startswith("separated") for flag in row.flags)
    with pytest.raises(ValueError, match="not log_risk_ratio"):
        carry_out(trial, plan(ODDS, "log_risk_ratio", "firth"), NOWHERE)
    row = carry_out(trial, plan(method="firth"), NOWHERE)
    assert row.interval is not None
    assert row.interval[0] < row.estimate.estimate < row.interval[1]
    assert row.p == row.details["odds_ratio"]["likelihood_ratio"]["p"]
    json.dumps(dict(row.details), allow_nan=False)
    flagless = carry_out(random_trial(13), plan(method="firth"), NOWHERE)
    assert not any(flag.startswith("separated") for flag in flagless.flags)


def test_the_determined_are_the_members_of_the_level() -> None:
    trial, level = all_alike()
    design = make_design(trial, ODDS, in_contrast(trial, ODDS, True))
    outcome = responder_outcome(trial, ODDS, in_contrast(trial, ODDS, True))
    assert determined(working_columns(design), outcome).tolist() == level[~np.isnan(trial.values[RESPONSE])].tolist()
    matrix, complete = two_by_two(8, 8, 0, 9)
    assert determined(matrix, complete).all()
    assert not determined(*fitted_trial(9)).any()


def test_the_limit_along_separating_directions_is_the_model_of_the_others() -> None:
    trial, level = all_alike()
    participants = in_contrast(trial, ODDS, True)
    design, outcome = make_design(trial, ODDS, participants), responder_outcome(trial, ODDS, participants)
    model, separated, reason = fit_one(design, outcome)
    assert (separated, reason) == (True, Reason.NONE)
    assert model is not None
    chosen = ~np.isnan(trial.values[RESPONSE]) & ~level
    matrix = np.delete(columns(trial, ODDS, chosen), 4, axis=1)  # without the level's own column
    theirs = Logit(outcome[~level[participants]], matrix).fit(disp=0, tol=1e-12)
    assert model.coefficients[-1] == pytest.approx(theirs.params[1], rel=1e-8)
    assert math.sqrt(model.covariance[-1, -1]) == pytest.approx(theirs.bse[1], rel=1e-8)
    assert (model.in_arm[level[participants]] == 1.0).all()
    in_arm = matrix.copy()
    in_arm[:, 1] = 1.0
    assert risks_of(model)[0] * outcome.size == pytest.approx(theirs.predict(in_arm).sum() + level[participants].sum(), rel=1e-8)
    matrix, events = two_by_two(8, 8, 3, 9)
    assert fit_in_the_limit(matrix, events, determined(matrix, events)) is None


# ---- rules


@pytest.mark.parametrize(
    ("rule", "baseline", "follow_up", "threshold", "direction", "expected"),
    [
        (Rule.IMPROVEMENT, 48.0, 38.0, 10.0, -1.0, 1.0),
        (Rule.PERCENT, 60.0, 42.0, 30.0, -1.0, 1.0),
        (Rule.PERCENT, 60.0, 42.0 + 1e-6, 30.0, -1.0, 0.0),
        (Rule.PERCENT, 4.4, 4.4 * 0.7, 30.0, -1.0, 1.0),
        (Rule.PERCENT, 50.0, 65.0, 30.0, 1.0, 1.0),
        (Rule.PERCENT, -50.0, -35.0, 30.0, 1.0, 1.0),
        (Rule.PERCENT, 0.0, 0.0, 30.0, -1.0, 0.0),
        (Rule.PERCENT, 0.0, 10.0, 30.0, 1.0, 0.0),
        (Rule.ATTAINED, 80.0, 20.0, 20.0, -1.0, 1.0),
        (Rule.ATTAINED, 80.0, 20.0 + 1e-6, 20.0, -1.0, 0.0),
        (Rule.ATTAINED, np.nan, 20.0, 20.0, -1.0, 1.0),
        (Rule.ATTAINED, 10.0, 7.0, 8.0, 1.0, 0.0),
    ],
)
def test_rules(rule: Rule, baseline: float, follow_up: float, threshold: float, direction: float, expected: float) -> None:
    assert responds(baseline, follow_up, threshold, direction, int(rule)) == expected
    assert np.isnan(responds(baseline, np.nan, threshold, direction, int(rule)))


def test_a_missing_baseline_matters_where_the_rule_reads_it() -> None:
    assert np.isnan(responds(np.nan, 20.0, 20.0, -1.0, int(Rule.PERCENT)))
    assert np.isnan(responds(np.nan, 20.0, 20.0, -1.0, int(Rule.IMPROVEMENT)))
    assert np.isnan(is_responder(np.nan, 20.0, 20.0, -1.0))


def test_the_rules_reach_the_estimators() -> None:
    trial = random_trial(16)
    before, after = trial.values[BASELINE], trial.values[RESPONSE]
    outcomes = {Rule.PERCENT: before - after >= 0.25 * before, Rule.ATTAINED: after <= 25.0}
    for rule, threshold in ((Rule.PERCENT, 25.0), (Rule.ATTAINED, 25.0)):
        ruled = ODDS._replace(rule=int(rule), threshold=threshold)
        binary = with_row(trial, RESPONSE, np.where(np.isnan(after), np.nan, outcomes[rule]))
        assert estimate(trial, ruled) == estimate(binary, ODDS._replace(baseline=-1))
    without = ODDS._replace(rule=int(Rule.ATTAINED), threshold=25.0, baseline=-1)
    assert estimate(trial, without) == estimate(trial, without._replace(baseline=BASELINE))
    none = without._replace(non_responder=1)
    worst = with_row(trial, RESPONSE, np.where(np.isnan(after), 100.0, after))
    assert estimate(trial, none) == estimate(worst, without)


# ---- multiple imputation


def test_the_score_is_imputed_then_dichotomised_and_pooled() -> None:
    """Written out with statsmodels; 1e-7 of the standard error is its convergence."""
    trial = random_trial(17)
    estimates, variances = [], []
    chosen = np.ones(trial.arm.size, dtype=bool)
    for response in impute(trial, ODDS):
        outcome = (trial.values[BASELINE] - response >= 10.0 - 1e-9).astype(float)
        fit = Logit(outcome, columns(trial, ODDS, chosen)).fit(disp=0, tol=1e-12)
        estimates.append(fit.params[1])
        variances.append(fit.bse[1] ** 2)
    m, within, between = len(estimates), np.mean(variances), np.var(estimates, ddof=1)
    total = within + (1.0 + 1.0 / m) * between
    row = imputed(trial)
    assert row.estimate.estimate == pytest.approx(np.mean(estimates), rel=1e-7)
    assert row.estimate.se == pytest.approx(math.sqrt(total), rel=1e-7)
    assert row.estimate.df == pytest.approx((m - 1) * (total / ((1.0 + 1.0 / m) * between)) ** 2, rel=1e-6)
    assert row.details["m"] == 20
    assert row.estimate.n_arm + row.estimate.n_reference == trial.arm.size
    told = row.details["log_odds_ratio"]["information"]
    assert (told["estimate"], told["se"], told["mcse_estimate"]) == pytest.approx(
        (row.estimate.estimate, row.estimate.se, row.estimate.mcse), rel=1e-12
    )
    json.dumps(dict(row.details), allow_nan=False)


@pytest.mark.parametrize("measure", list(LOOP_METHOD))
def test_without_missing_outcomes_imputation_changes_nothing(measure: str) -> None:
    trial = random_trial(18, loss=0.0)
    analysis = planned(LOOP_METHOD[measure])
    row, complete = imputed(trial, measure, analysis), estimate(trial, analysis)
    assert row.estimate[:2] == pytest.approx(complete[:2], rel=1e-9)
    assert (row.estimate.between, row.estimate.df) == (0.0, math.inf)


def test_an_automatic_number_of_imputations_is_at_least_the_pilot() -> None:
    trial = random_trial(19, n=100)
    row = imputed(trial, "risk_difference", planned(Method.RESPONDER_RISK_DIFFERENCE, m=0), "automatic")
    assert row.details["m"] > PILOT
    fixed = imputed(trial, "risk_difference", planned(Method.RESPONDER_RISK_DIFFERENCE, m=row.details["m"]))
    assert row.estimate == fixed.estimate


def test_separated_imputations_are_counted_and_refuse_only_where_the_arm_moves() -> None:
    trial = random_trial(20)
    level = trial.values[ONE] == 1.0  # all of the level are seen and respond: every imputation is separated, the arm apart
    response = np.where(level, trial.values[BASELINE] - 15.0, trial.values[RESPONSE])
    row = imputed(with_row(trial, RESPONSE, response))
    assert row.estimate.status == Status.OK
    assert row.details["separated_imputations"] == row.details["m"] == 20
    assert "separated_imputations: 20 of 20" in row.flags
    by_arm = np.where(trial.arm == 0, trial.values[BASELINE] - 30.0, trial.values[BASELINE] + 30.0)
    row = imputed(with_row(trial, RESPONSE, by_arm + 0.01 * trial.values[AGE]))
    assert (row.estimate.status, row.estimate.reason) == (Status.SEPARATED, Reason.SEPARATION)
    assert row.details["separated_imputations"] == 20


def test_imputation_is_refused_with_its_reason() -> None:
    trial = random_trial(21)
    nobody = with_row(trial, RESPONSE, np.where(trial.arm == 0, np.nan, trial.values[RESPONSE]))
    assert imputed(nobody).estimate.reason == Reason.EMPTY_ARM
    level = np.where(np.isnan(trial.values[RESPONSE]), 1.0, 0.0)
    unseen = with_row(trial, ONE, level)
    for data, analysis in ((unseen, ODDS), (unseen, ODDS._replace(baseline=-1))):
        assert imputed(data, analysis=analysis).estimate.reason == Reason.IMPUTATION_RANK_DEFICIENT
    assert imputed(random_trial(22, n=22)).estimate.reason in (Reason.IMPUTATION_FEW_DF, Reason.IMPUTATION_RANK_DEFICIENT)


# ---- an outcome that is 0 or 1 itself

BINARY = planned(Method.RESPONDER_RISK_DIFFERENCE)._replace(baseline=-1)


def binary_trial(seed: int, loss: float = 0.35) -> Trial:
    trial = random_trial(seed, loss=loss)
    response = trial.values[RESPONSE]
    return with_row(trial, RESPONSE, np.where(np.isnan(response), np.nan, trial.values[BASELINE] - response >= 10.0))


def test_imputed_zeros_and_ones_follow_the_posterior_prediction() -> None:
    """Their mean over many imputations against the mean of expit over the same posterior, drawn elsewhere; 4.5 Monte Carlo errors."""
    trial, m = binary_trial(23), 2000
    models = (binary_model(trial, BINARY, 0), binary_model(trial, BINARY, 1))
    completed = impute_binary(trial, BINARY, models, m)
    assert np.isin(completed, (0.0, 1.0)).all()
    assert (completed[:, ~np.isnan(trial.values[RESPONSE])] == trial.values[RESPONSE][~np.isnan(trial.values[RESPONSE])]).all()
    rng = np.random.default_rng(0)
    for model in models:
        draws = model.mode + rng.standard_normal((4000, model.mode.size)) @ model.root.T
        probability = expit(draws @ model.columns.T).mean(axis=0)
        found = completed[:, model.missing].mean(axis=0)
        error = np.sqrt(probability * (1.0 - probability) / m + 0.25 / 4000)  # a probability's variance is below 1/4
        assert (np.abs(found - probability) < 4.5 * error).all()
    assert (impute_binary(trial, BINARY, models, 6) == completed[:6]).all()


def test_binary_imputation_answers_and_flips_with_the_arms() -> None:
    trial = binary_trial(24)
    row = imputed(trial, "risk_difference", BINARY)
    swapped = imputed(trial, "risk_difference", BINARY._replace(arm=1, reference=0))
    assert row.estimate.status == Status.OK
    assert row.estimate.between > 0.0
    assert (-swapped.estimate.estimate, swapped.estimate.se) == pytest.approx(row.estimate[:2], rel=1e-9)
    whole = binary_trial(24, loss=0.0)
    assert imputed(whole, "risk_difference", BINARY).estimate[:2] == pytest.approx(estimate(whole, BINARY)[:2], rel=1e-9)


def test_an_imputation_variable_that_nobody_has_makes_no_column() -> None:
    trial = with_row(binary_trial(25), ONE, np.zeros(150))
    wide = imputed(trial, "risk_difference", BINARY)
    narrow = imputed(trial, "risk_difference", BINARY._replace(imputation=np.array([row for row in IMPUTATION if row != ONE])))
    assert wide.estimate.status == Status.OK
    assert wide.estimate == narrow.estimate


def test_a_missing_imputation_variable_is_refused() -> None:
    trial = binary_trial(26)
    trial.values[BMI, np.flatnonzero(np.isnan(trial.values[RESPONSE]))[0]] = np.nan
    analysis = BINARY._replace(covariates=np.array([AGE]))
    assert imputed(trial, "risk_difference", analysis).estimate.reason == Reason.MISSING_COVARIATE


# ---- unadjusted shares


def test_unadjusted_shares_by_hand() -> None:
    """Wilson 1927 and Newcombe 1998 written out; 56/70 against 48/80 is Newcombe's first example, 0.0524 to 0.3339 by method 10."""
    found = proportions.compare_proportions(proportions.Counts(56, 70, 48, 80), 0.05)
    assert found.newcombe == pytest.approx((0.0524, 0.3339), abs=5e-5)
    z, share, n = 1.959963984540054, 0.8, 70
    centre, half = (share + z * z / (2 * n)), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    assert found.wilson_arm == pytest.approx(((centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)), rel=1e-10)
    assert found.wald_se == pytest.approx(math.sqrt(0.8 * 0.2 / 70 + 0.6 * 0.4 / 80), rel=1e-12)
    pooled = 104 / 150
    assert found.chi2 == pytest.approx(0.2**2 / (pooled * (1 - pooled) * (1 / 70 + 1 / 80)), rel=1e-10)


def test_the_unadjusted_row_of_extreme_shares() -> None:
    trial = random_trial(27, loss=0.0)
    result = carry = proportions.carry_out(trial, plan(measure="risk_difference", method="proportions"), NOWHERE)
    assert carry.interval is not None
    assert carry.interval[0] < result.estimate.estimate < carry.interval[1]
    nobody = with_row(trial, RESPONSE, trial.values[BASELINE])
    none = proportions.carry_out(nobody, plan(measure="risk_difference", method="proportions"), NOWHERE)
    assert (none.estimate.estimate, none.p) == (0.0, 1.0)
    assert math.isnan(none.estimate.se)
    json.dumps(dict(none.details), allow_nan=False)
    empty = ODDS._replace(arm=4)
    assert proportions.carry_out(trial, plan(empty, method="proportions"), NOWHERE).estimate.reason == Reason.EMPTY_ARM


# ---- real trials


SHARED = Path(os.environ.get("ODISEA_SHARED", Path(__file__).parents[3] / "shared")) / "realdata"
here = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real trials are not here: {SHARED} does not exist (set ODISEA_SHARED)")


def real_trial(name: str, outcome: str, arm: str, covariates: tuple[str, ...], positive: float) -> tuple[Trial, dict[str, Any]]:
    """A real trial with a 0/1 outcome (row 0: `outcome` is at least `positive`), then its covariates; and what others found."""
    with (SHARED / name / f"{name}.csv").open(newline="") as file:
        records = list(csv.DictReader(file))

    def number(text: str) -> float:
        return float(text.split("_", maxsplit=1)[0]) if text else math.nan

    seen = np.array([number(record[outcome]) for record in records])
    rows = [np.where(np.isnan(seen), np.nan, seen >= positive), *([number(record[row]) for record in records] for row in covariates)]
    arms = np.array([int(number(record[arm])) for record in records])
    return make_trial(np.array(rows), arms, 1), json.loads((SHARED / name / "EXPECTED.json").read_text())


@here
@pytest.mark.parametrize(
    ("name", "outcome", "arm", "covariates"),
    [
        ("licorice_gargle", "pacu30min_throatPain", "treat", ("preOp_age", "preOp_calcBMI", "preOp_gender", "preOp_asa")),
        ("indo_rct", "outcome", "rx", ("risk", "age", "gender")),
    ],
)
def test_real_trials_give_the_known_odds_ratios(name: str, outcome: str, arm: str, covariates: tuple[str, ...]) -> None:
    trial, expected = real_trial(name, outcome, arm, covariates, 1.0)
    for known, rows in zip(expected["logit"], ((), tuple(range(1, len(covariates) + 1))), strict=True):
        analysis = planned(Method.RESPONDER_LOG_ODDS_RATIO, covariates=rows, arm=1, reference=0)._replace(response=0, baseline=-1)
        row = carry_out(trial, plan(analysis), NOWHERE)
        found = (row.estimate.estimate, row.estimate.se, row.details["odds_ratio"]["wald"]["p"])
        assert found == pytest.approx((known["log_or"], known["se"], known["p"]), rel=1e-6)
        limits = [math.exp(row.details["odds_ratio"]["wald"][key]) for key in ("ci_low", "ci_high")]
        assert limits == pytest.approx(known["or_ci95_wald"], rel=1e-6)
        assert row.estimate.n_arm + row.estimate.n_reference == known["n"]
    shares = proportions.carry_out(trial, plan(analysis, "risk_difference", "proportions"), NOWHERE)
    counts = [[shares.details["arms"][each]["responders"], shares.details["arms"][each]["n"]] for each in ("reference", "arm")]
    assert counts == list(expected["counts"].values() if "counts" in expected else expected["throat_pain_any"]["30min"].values())
    if "fisher_p" in expected:
        found_p = (shares.p, shares.details["chi_square"]["p"])
        assert found_p == pytest.approx((expected["fisher_p"], expected["chisq_p"]), abs=5.1e-7)


# ---- invariances


def rows_under_test(analysis: Analysis) -> dict[str, PlannedAnalysis]:
    """Every deterministic row: all measures with all variances, Firth's, the unadjusted shares."""
    found = {
        f"{measure} {variance.name}": plan(analysis._replace(method=int(method), variance=int(variance)), measure)
        for measure, method in LOOP_METHOD.items()
        for variance in SHARED_VARIANCES
    }
    found |= {f"firth {measure}": plan(analysis, measure, "firth") for measure in PENALISED_MEASURES}
    return found | {"proportions": plan(analysis, "risk_difference", "proportions")}


def results(trial: Trial, analysis: Analysis) -> dict[str, Floats]:
    """Estimate, standard error, limits and p value of every row."""
    found = {}
    for name, row in rows_under_test(analysis).items():
        single = (proportions.carry_out if name == "proportions" else carry_out)(trial, row, NOWHERE)
        low, high = single.interval or (np.nan, np.nan)
        found[name] = np.array([single.estimate.estimate, single.estimate.se, low, high, single.p or np.nan])
    return found


def test_row_order_affine_covariates_and_swapped_arms_change_nothing_but_signs() -> None:
    """1e-8: what Newton's and the root search's last steps leave."""
    trial = random_trial(28)
    expected = results(trial, ODDS)
    order = np.random.default_rng(0).permutation(trial.arm.size)
    moved = make_trial(trial.values.copy(), trial.arm, 1)
    moved.values[AGE] = 2000.0 - 3.7 * moved.values[AGE]
    moved.values[BMI] = 1e-4 * moved.values[BMI] - 5.0
    changes = {
        "order": (results(make_trial(trial.values[:, order], trial.arm[order], 1), ODDS), 1.0),
        "affine": (results(moved, ODDS), 1.0),
        "swapped": (results(trial, ODDS._replace(arm=1, reference=0)), -1.0),
    }
    for change, (found, sign) in changes.items():
        for name, numbers in expected.items():
            low, high = (numbers[2], numbers[3]) if sign > 0.0 else (-numbers[3], -numbers[2])
            same = np.array([sign * numbers[0], numbers[1], low, high, numbers[4]])
            np.testing.assert_allclose(found[name], same, rtol=1e-8, atol=1e-10, err_msg=f"{change}: {name}")


@pytest.mark.parametrize("measure", list(LOOP_METHOD))
def test_imputed_rows_flip_with_the_arms(measure: str) -> None:
    """The draws belong to participants and arms, not to their role in the contrast."""
    trial = random_trial(29)
    row, swapped = imputed(trial, measure), imputed(trial, measure, ODDS._replace(arm=1, reference=0))
    assert (-swapped.estimate.estimate, swapped.estimate.se) == pytest.approx(row.estimate[:2], rel=1e-8)
