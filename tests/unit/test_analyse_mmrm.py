"""Models for repeated measures against closed forms, statsmodels, dense matrices, R, and two published trials."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from odisea.analyse.longitudinal import carry_out
from odisea.analyse.mmrm import MmrmFit, fit_random_intercept, fit_unstructured, kenward_roger, satterthwaite
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Analysis, Floats, Method, Reason, Status, Trial, make_trial
from tests.reference import compare
from tests.reference.blocks_mixed import mixed_blocks

SHARED = Path(os.environ.get("ODISEA_SHARED", Path(__file__).parents[3] / "shared"))
EXACT = 1e-10  # sums of some hundred terms, and a maximum located to 1e-11 standard errors of the covariance parameters
CONVERGED = 1e-9  # where what is compared is linear in a distance that Newton's last step left
DIFFERENCES = 2e-6  # central second differences of a log likelihood of some hundreds: cube root of rounding
here = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the shared data are not here: {SHARED} does not exist (set ODISEA_SHARED)")


class Data(NamedTuple):
    """Responses (n, v) and design (n, v, p) of a model."""

    response: Floats
    design: Floats


def by_visit(columns: Floats, visits: int) -> Floats:
    """Columns (n, c), each with a coefficient at every visit."""
    return np.concatenate([np.einsum("n,tu->ntu", column, np.eye(visits)) for column in columns.T], axis=2)


def some_data(n: int = 40, visits: int = 3, loss: float = 0.0, seed: int = 1) -> Data:
    """Intercept, a covariate and an arm, each by visit; correlated visits; values go missing here and there, but for the first visit."""
    rng = np.random.default_rng(seed)
    covariate, arm = rng.standard_normal(n), np.arange(n) % 2.0
    errors = np.cumsum(rng.standard_normal((n, visits)), axis=1) + rng.standard_normal((n, 1))
    response = 20.0 + 3.0 * covariate[:, None] - arm[:, None] * np.arange(visits) + 2.0 * errors
    response[:, 1:][rng.random((n, visits - 1)) < loss] = np.nan
    return Data(response, by_visit(np.column_stack([np.ones(n), covariate, arm]), visits))


class Dense:
    """The restricted likelihood by explicit N x N matrices, and Kenward and Roger's formulas as their paper prints them."""

    def __init__(self, data: Data, elements: list[Floats]) -> None:
        seen = ~np.isnan(data.response)
        self.y, self.x, self.elements = data.response[seen], data.design[seen], elements
        participant, self.visit = np.nonzero(seen)
        self.own = participant[:, None] == participant[None, :]

    def spread(self, sigma: Floats) -> Floats:
        """V, or a derivative of it."""
        return np.where(self.own, sigma[np.ix_(self.visit, self.visit)], 0.0)

    def covariance(self, parameters: Floats) -> Floats:
        return self.spread(np.einsum("k,kij->ij", parameters, np.array(self.elements)))

    def log_likelihood(self, parameters: Floats) -> float:
        v = self.covariance(parameters)
        inverse, n, p = np.linalg.inv(v), *self.x.shape
        information = self.x.T @ inverse @ self.x
        residual = self.y - self.x @ np.linalg.solve(information, self.x.T @ inverse @ self.y)
        terms = (n - p) * np.log(2.0 * np.pi), np.linalg.slogdet(v)[1], np.linalg.slogdet(information)[1], residual @ inverse @ residual
        return -0.5 * float(sum(terms))

    def variance(self, parameters: Floats, contrast: Floats) -> float:
        inverse = np.linalg.inv(self.covariance(parameters))
        return float(contrast @ np.linalg.solve(self.x.T @ inverse @ self.x, contrast))

    def judged(self, parameters: Floats, contrast: Floats, information: Floats) -> tuple[float, float]:
        """Kenward and Roger's standard error, and their df by their general formulas (A1, A2, B, g, c1, ...)."""
        inverse, w = np.linalg.inv(self.covariance(parameters)), np.linalg.inv(information)
        phi = np.linalg.inv(self.x.T @ inverse @ self.x)
        slopes = [-inverse @ self.spread(element) @ inverse for element in self.elements]  # of V^-1
        p = [self.x.T @ slope @ self.x for slope in slopes]
        v, places, inner = self.covariance(parameters), range(len(p)), np.zeros_like(phi)
        for j in places:
            for k in places:
                inner += w[j, k] * (self.x.T @ slopes[j] @ v @ slopes[k] @ self.x - p[j] @ phi @ p[k])
        adjusted = contrast @ (phi + 2.0 * phi @ inner @ phi) @ contrast
        theta = np.outer(contrast, contrast) / (contrast @ phi @ contrast)
        parts = [theta @ phi @ own @ phi for own in p]
        a1 = sum(w[j, k] * np.trace(parts[j]) * np.trace(parts[k]) for j in places for k in places)
        a2 = sum(w[j, k] * np.trace(parts[j] @ parts[k]) for j in places for k in places)
        b, g = (a1 + 6.0 * a2) / 2.0, (2.0 * a1 - 5.0 * a2) / (3.0 * a2)
        c1, c2, c3 = (value / (3.0 + 2.0 * (1.0 - g)) for value in (g, 1.0 - g, 3.0 - g))
        rho = (1.0 + c1 * b) / ((1.0 - c2 * b) ** 2 * (1.0 - c3 * b)) * (1.0 - a2) ** 2
        return float(np.sqrt(adjusted)), float(4.0 + 3.0 / (rho - 1.0))


def elements_of(fit: MmrmFit) -> list[Floats]:
    """Derivatives of Sigma by the parameters."""
    visits = fit.sigma.shape[0]
    return [column.reshape(visits, visits) for column in fit.structure.T]


def second_differences(function: Callable[[Floats], float], at: Floats) -> Floats:
    """Hessian by central differences of relative size 1e-3, with Richardson's extrapolation."""

    def hessian(size: float) -> Floats:
        steps = size * np.maximum(np.abs(at), 0.1) * np.eye(at.size)
        plus = np.array(
            [[function(at + a + b) - function(at + a - b) - function(at - a + b) + function(at - a - b) for a in steps] for b in steps]
        )
        return plus / (4.0 * np.outer(steps.sum(axis=0), steps.sum(axis=0)))

    return (4.0 * hessian(1e-3) - hessian(2e-3)) / 3.0


def first_differences(function: Callable[[Floats], float], at: Floats) -> Floats:
    """Gradient by central differences of relative size 1e-3, with Richardson's extrapolation."""

    def gradient(size: float) -> Floats:
        steps = size * np.maximum(np.abs(at), 0.1) * np.eye(at.size)
        return np.array([(function(at + step) - function(at - step)) / (2.0 * step.sum()) for step in steps])

    return (4.0 * gradient(1e-3) - gradient(2e-3)) / 3.0


def test_without_missing_values_each_visit_is_an_analysis_of_covariance_of_its_own() -> None:
    data = some_data()
    fit = fit_unstructured(*data)
    n, visits = data.response.shape
    x = np.column_stack([np.ones(n), data.design[:, 0, visits], data.design[:, 0, 2 * visits]])
    residuals = np.empty_like(data.response)
    for visit in range(visits):
        ols = sm.OLS(data.response[:, visit], x).fit()
        residuals[:, visit] = ols.resid
        contrast = np.eye(3 * visits)[2 * visits + visit]
        for judged in (satterthwaite(fit, contrast), kenward_roger(fit, contrast)):
            assert judged.estimate == pytest.approx(ols.params[2], rel=EXACT)
            assert judged.se == pytest.approx(ols.bse[2], rel=EXACT)
            assert judged.df == pytest.approx(n - 3, rel=EXACT)
    np.testing.assert_allclose(fit.sigma, residuals.T @ residuals / (n - 3), rtol=EXACT)


@pytest.mark.parametrize("kind", [fit_unstructured, fit_random_intercept])
@pytest.mark.parametrize("seed", [2, 3])
def test_with_missing_values_it_is_the_maximum_that_dense_matrices_know(kind: Callable[..., MmrmFit], seed: int) -> None:
    data = some_data(30, 3, 0.3, seed)
    fit = kind(*data)
    dense = Dense(data, elements_of(fit))
    assert fit.reml is not None
    assert fit.log_likelihood == pytest.approx(dense.log_likelihood(fit.parameters), abs=CONVERGED)
    unit = fit.problem.scale**2
    hessian = second_differences(dense.log_likelihood, fit.parameters)
    np.testing.assert_allclose(-hessian, fit.reml.observed / unit**2, rtol=0, atol=DIFFERENCES * np.abs(hessian).max())
    errors = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    assert np.abs(first_differences(dense.log_likelihood, fit.parameters) * errors).max() < DIFFERENCES


@pytest.mark.parametrize("kind", [fit_unstructured, fit_random_intercept])
def test_kenward_roger_and_satterthwaite_are_what_the_papers_print(kind: Callable[..., MmrmFit]) -> None:
    data = some_data(24, 3, 0.35, 5)
    fit = kind(*data)
    dense, contrast = Dense(data, elements_of(fit)), np.eye(9)[8]
    assert fit.reml is not None
    se, df = dense.judged(fit.parameters, contrast, fit.reml.observed / fit.problem.scale**4)
    result, plain = kenward_roger(fit, contrast), satterthwaite(fit, contrast)
    assert result.se == pytest.approx(se, rel=EXACT)
    assert result.df == pytest.approx(df, rel=1e-8)  # their m is a quotient of differences near 1
    assert plain.df == pytest.approx(df, rel=1e-8)
    assert result.se > plain.se == pytest.approx(np.sqrt(dense.variance(fit.parameters, contrast)), rel=EXACT)
    gradient = first_differences(lambda at: dense.variance(at, contrast), fit.parameters)
    by_differences = 2.0 * plain.se**4 / (gradient @ np.linalg.solve(fit.reml.observed / fit.problem.scale**4, gradient))
    assert plain.df == pytest.approx(by_differences, rel=1e-6)


def test_the_worked_example_of_the_specification() -> None:
    """Two visits, dropout after the first: Anderson's (1957) factorisation gives everything but Kenward and Roger's term in closed form."""
    first, second = [10.0, 12.0, 14.0, 16.0, 11.0, 13.0, 15.0, 17.0], [11.0, 12.0, 16.0, np.nan, 7.0, 10.0, 10.0, np.nan]
    arm = np.repeat([0.0, 1.0], 4)
    fit = fit_unstructured(np.column_stack([first, second]), by_visit(np.column_stack([np.ones(8), arm]), 2))
    np.testing.assert_allclose(fit.sigma, [[20.0 / 3.0, 20.0 / 3.0], [20.0 / 3.0, 23.0 / 3.0]], rtol=EXACT)
    plain, adjusted = satterthwaite(fit, np.eye(4)[3]), kenward_roger(fit, np.eye(4)[3])
    assert (plain.estimate, plain.se) == pytest.approx((-4.0, 2.0), rel=EXACT)
    assert plain.df == pytest.approx(32.0 / (2.0 / 9.0 + 400.0 / 144.0 + 100.0 / 27.0), rel=EXACT)
    assert adjusted.se == pytest.approx(np.sqrt(149.0 / 36.0), rel=EXACT)


def test_a_random_intercept_of_two_visits_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(7)
    response = rng.standard_normal((15, 1)) + 0.5 * rng.standard_normal((15, 2))
    design = np.zeros((15, 2, 2))
    design[:, :, 0] = design[:, 1, 1] = 1.0
    fit, paired = fit_random_intercept(response, design), stats.ttest_rel(response[:, 1], response[:, 0])
    for judged in (satterthwaite, kenward_roger):
        result = judged(fit, np.array([0.0, 1.0]))
        assert result.estimate / result.se == pytest.approx(paired.statistic, rel=EXACT)
        assert result.df == pytest.approx(14.0, rel=EXACT)


def test_a_random_intercept_without_variance_leaves_least_squares() -> None:
    independent = np.random.default_rng(9).standard_normal((40, 3))
    repelled = independent - 0.9 * independent.mean(axis=1, keepdims=True)  # visits of a participant are less alike than of two
    data = Data(repelled, some_data().design)
    fit, ols = fit_random_intercept(*data), sm.OLS(data.response.ravel(), data.design.reshape(-1, 9)).fit()
    assert fit.parameters.size == 1
    result = satterthwaite(fit, np.eye(9)[8])
    assert (result.estimate, result.se, result.df) == pytest.approx((ols.params[8], ols.bse[8], 120.0 - 9.0), rel=EXACT)


def test_a_warm_start_and_another_order_end_at_the_same_maximum() -> None:
    data = some_data(50, 4, 0.25, 10)
    fit, shuffled = fit_unstructured(*data), np.random.default_rng(11).permutation(50)
    for other in (fit_unstructured(*data, fit.sigma), fit_unstructured(data.response[shuffled], data.design[shuffled])):
        np.testing.assert_allclose(other.coefficients, fit.coefficients, rtol=EXACT)
        np.testing.assert_allclose(other.sigma, fit.sigma, rtol=CONVERGED)
    assert fit_unstructured(*data, fit.sigma).iterations <= 1


def test_a_dependent_column_is_dropped_last_in_and_changes_nothing_else() -> None:
    data = some_data(40, 3, 0.2, 12)
    wider = np.concatenate([data.design, data.design[:, :, :1] + 2.0 * data.design[:, :, 8:], np.zeros((40, 3, 1))], axis=2)
    fit, plain = fit_unstructured(data.response, wider), fit_unstructured(*data)
    assert fit.problem.kept.tolist() == [True] * 9 + [False] * 2
    np.testing.assert_allclose(fit.coefficients[:9], plain.coefficients, rtol=EXACT)
    assert np.isnan(fit.coefficients[9:]).all()
    assert np.isnan(satterthwaite(fit, np.eye(11)[9]).estimate)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("apart", Reason.VISITS_APART),
        ("exact", Reason.NO_RESIDUAL_VARIANCE),
        ("few", Reason.NO_RESIDUAL_VARIANCE),
        ("fewer", Reason.NO_RESIDUAL_DF),
        ("nothing", Reason.NO_RESIDUAL_DF),
    ],
)
def test_what_cannot_be_fitted_says_why(change: str, reason: int) -> None:
    response, design = some_data(40, 3, 0.0, 13)
    if change == "apart":
        response[:20, 1] = response[20:, 2] = np.nan
    elif change == "exact":
        response = design @ np.arange(9.0)
    elif change == "few":  # five participants, three coefficients a visit: the residuals of three visits span two dimensions
        response, design = response[:5], design[:5]
    elif change == "fewer":
        response, design = response[:3], design[:3]
    else:
        response[:] = np.nan
    fit = fit_unstructured(response, design)
    assert (fit.converged, fit.reason) == (False, int(reason))
    assert np.isnan(fit.coefficients).all()
    assert np.isnan(fit.sigma).all()


def test_a_random_intercept_needs_a_participant_with_two_visits() -> None:
    response, design = some_data(40, 3, 0.0, 13)
    response[np.arange(3) != (np.arange(40) % 3)[:, None]] = np.nan
    assert fit_random_intercept(response, design).reason == Reason.VISITS_APART


def test_no_data_however_few_give_a_number_without_an_error() -> None:
    """Trials of 4 to 12 participants, many without an answer: a reason each, or a standard error above 0."""
    rng, seen = np.random.default_rng(14), set()
    for _ in range(40):
        response, design = some_data(int(rng.integers(4, 13)), int(rng.integers(2, 4)), 0.5 * rng.random(), int(rng.integers(2**31)))
        if rng.random() < 0.3:
            response = np.round(response / 10.0)
        for kind, judged in ((fit_unstructured, kenward_roger), (fit_random_intercept, satterthwaite)):
            fit = kind(response, design)
            seen.add(fit.reason)
            if fit.converged and fit.problem.kept[-1]:
                result = judged(fit, np.eye(design.shape[2])[-1])
                assert np.isfinite(result.estimate)
                assert not min(result.se, result.df) <= 0.0
    assert {int(Reason.NONE), int(Reason.NO_RESIDUAL_VARIANCE), int(Reason.NO_RESIDUAL_DF)} <= seen


# The methods of a plan


BASELINE, FIRST, SECOND, AGE, LEVEL = 0, 1, 2, 3, 4


def small_trial(arms: int = 2, n: int = 45, loss: float = 0.2, seed: int = 20) -> Trial:
    """Rows: baseline, two follow-up visits, age, a level."""
    rng = np.random.default_rng(seed)
    arm, person = np.arange(n) % arms, rng.standard_normal(n)
    values = np.array(
        [30.0 + 8.0 * person + 4.0 * rng.standard_normal(n) for _ in range(3)] + [rng.integers(20, 70, n), rng.random(n) < 0.4]
    )
    values[FIRST] -= 3.0 * arm
    values[SECOND] -= 6.0 * arm
    values[FIRST, rng.random(n) < loss / 2.0] = np.nan
    values[SECOND, rng.random(n) < loss] = np.nan
    return make_trial(values, arm, 1)


def planned(method: str, variance: str, covariates: tuple[int, ...] = (BASELINE, AGE, LEVEL), **changes: Any) -> PlannedAnalysis:
    """An analysis of arm 1 against arm 0 at the second follow-up visit."""
    rows = np.array(covariates, dtype=np.int64)
    analysis = Analysis(int(Method.SINGLE), SECOND, BASELINE, 1, 0, rows, rows[:0], 0, 0.0, -1.0, 0)
    names = tuple(("baseline", "first", "second", "age", "level")[row] for row in covariates)
    spec = SimpleNamespace(method=method, chosen_variance=variance)
    series = np.array(changes.pop("series", (FIRST, SECOND)), dtype=np.int64)
    return cast("PlannedAnalysis", SimpleNamespace(spec=spec, analysis=analysis._replace(**changes), covariates=names, series=series))


def run(trial: Trial, plan: PlannedAnalysis) -> Single:
    return carry_out(trial, plan, Circumstances())


METHODS = [("mmrm", "kenward_roger"), ("mmrm", "satterthwaite"), ("clda", "kenward_roger"), ("mixed_model", "satterthwaite")]


@pytest.mark.parametrize(("method", "variance"), METHODS)
def test_order_origin_unit_and_direction_do_not_matter(method: str, variance: str) -> None:
    trial, plan = small_trial(), planned(method, variance)
    found = run(trial, plan).estimate
    assert found.status == Status.OK
    order = np.random.default_rng(21).permutation(trial.arm.size)
    moved = trial.values.copy()
    moved[AGE] = 1e4 + 12.0 * moved[AGE]
    for other in (make_trial(trial.values[:, order], trial.arm[order], 1), make_trial(moved, trial.arm, 1)):
        assert run(other, plan).estimate[:5] == pytest.approx(found[:5], rel=EXACT)
    swapped = run(trial, planned(method, variance, arm=0, reference=1)).estimate
    assert (-swapped.estimate, swapped.se, swapped.df) == pytest.approx(found[:3], rel=EXACT)
    assert (swapped.n_arm, swapped.n_reference) == (found.n_reference, found.n_arm)


def test_mmrm_is_the_model_with_everything_by_visit_and_leaves_other_arms_out() -> None:
    trial, plan = small_trial(3, 90), planned("mmrm", "kenward_roger")
    own = (trial.arm < 2) & ~np.isnan(trial.values[[FIRST, SECOND]]).all(axis=0)
    columns = np.column_stack([np.ones(own.sum()), trial.values[[BASELINE, AGE, LEVEL]][:, own].T, trial.arm[own]])
    fit = fit_unstructured(trial.values[[FIRST, SECOND]][:, own].T, by_visit(columns, 2))
    expected, found = kenward_roger(fit, np.eye(10)[9]), run(trial, plan)
    assert found.estimate[:3] == pytest.approx(expected, rel=EXACT)
    assert (found.estimate.n_arm, found.estimate.n_reference) == (np.sum(trial.arm[own] == 1), np.sum(trial.arm[own] == 0))
    assert found.details["observed_arm"] == np.sum(~np.isnan(trial.values[SECOND]) & (trial.arm == 1))
    assert json.loads(json.dumps(found.details))["covariance"] == fit.sigma.tolist() or np.allclose(found.details["covariance"], fit.sigma)


def test_clda_of_complete_data_is_the_analysis_of_covariance_with_another_slope_variance() -> None:
    """Without covariates and missing values cLDA regresses on the baseline with the slope within arms (Liang and Zeger 2000, section 3)."""
    trial = small_trial(loss=0.0)
    found = run(trial, planned("clda", "satterthwaite", (), series=(SECOND,), response=SECOND)).estimate
    x, y, arm = trial.values[BASELINE], trial.values[SECOND], trial.arm == 1
    design = np.column_stack([np.ones(x.size), x, arm])
    ols = sm.OLS(y, design).fit()
    assert found.estimate == pytest.approx(ols.params[2], rel=EXACT)
    # Its variance lacks the term for estimating the slope: residual variance times (1/n1 + 1/n0), as the baseline means are taken as equal.
    sigma = np.array(run(trial, planned("clda", "satterthwaite", (), series=(SECOND,), response=SECOND)).details["covariance"])
    residual = sigma[1, 1] - sigma[0, 1] ** 2 / sigma[0, 0]
    assert found.se == pytest.approx(np.sqrt(residual * (1.0 / arm.sum() + 1.0 / (~arm).sum())), rel=EXACT)


@pytest.mark.parametrize(
    ("method", "change", "reason"),
    [
        ("mmrm", "one follow-up", Reason.ONE_FOLLOW_UP),
        ("mmrm", "no first visit", Reason.ONE_FOLLOW_UP),
        ("mmrm", "no outcome in the arm", Reason.EMPTY_ARM),
        ("clda", "no outcome in the arm", Reason.EMPTY_ARM),
        ("mixed_model", "no outcome in the arm", Reason.EMPTY_ARM),
        ("clda", "no baseline", Reason.NO_BASELINE),
        ("mixed_model", "no baseline", Reason.NO_BASELINE),
        ("mmrm", "missing covariate", Reason.MISSING_COVARIATE),
        ("mixed_model", "missing covariate", Reason.MISSING_COVARIATE),
        ("mmrm", "arm is a covariate", Reason.ARM_ALIASED),
        ("clda", "arm is a covariate", Reason.ARM_ALIASED),
    ],
)
def test_a_refusal_has_a_reason_and_no_number(method: str, change: str, reason: int) -> None:
    trial, changes = small_trial(), dict[str, Any]()
    if change == "one follow-up":
        changes = {"series": (SECOND,)}
    elif change == "no baseline":
        changes = {"baseline": -1}
    elif change == "no first visit":
        trial.values[FIRST] = np.nan
    elif change == "no outcome in the arm":
        trial.values[SECOND, trial.arm == 1] = np.nan
    elif change == "missing covariate":
        trial.values[AGE, 3] = np.nan
    else:
        trial.values[LEVEL] = trial.arm
    found = run(trial, planned(method, "satterthwaite", **changes)).estimate
    assert found.reason == reason
    assert found.status != Status.OK
    assert np.isnan(found[:3]).all()


def test_a_level_without_outcome_at_a_visit_is_dropped_there_and_named() -> None:
    trial = small_trial()
    trial.values[SECOND, trial.values[LEVEL] == 1.0] = np.nan
    found = run(trial, planned("mmrm", "kenward_roger"))
    assert found.estimate.status == Status.OK
    assert found.flags == ("aliased: level at visit 2 of the model",)
    trial.values[LEVEL] = 0.0  # a category that nobody needs is not worth a flag
    assert run(trial, planned("mmrm", "kenward_roger")).flags == ()


def test_filled_in_baselines_are_named_where_they_may_be_responses() -> None:
    trial = small_trial()
    filled = Circumstances(filled=np.arange(trial.arm.size) < 4)
    assert carry_out(trial, planned("mmrm", "kenward_roger"), filled).flags == ()
    assert "4 participants" in carry_out(trial, planned("clda", "kenward_roger"), filled).flags[0]


# Values from elsewhere


@here
@pytest.mark.parametrize("folder", sorted((SHARED / "oracle" / "cases").glob("*")), ids=lambda folder: folder.name)
def test_the_oracle_agrees(folder: Path) -> None:
    reference, untyped = json.loads((folder / "reference.json").read_text()), cast("Any", compare)
    comparison, candidate = untyped.Comparison(["mmrm", "lmer", "clda"], []), mixed_blocks(folder)
    for block, value in reference.items():
        if block in candidate:
            comparison.walk(value, candidate[block], (block,))
    assert comparison.n > 0
    assert (comparison.bad, comparison.absent) == ([], [])


@here
def test_the_antidepressant_trial() -> None:
    folder = SHARED / "realdata" / "antidepressant_dia"
    expected = json.loads((folder / "EXPECTED.json").read_text())["mmrm_REML"]
    with (folder / "antidepressant_data.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    people = sorted({record["PATIENT"] for record in records})
    values, arm = np.full((5, len(people)), np.nan), np.zeros(len(people), dtype=np.int64)
    for record in records:
        place = people.index(record["PATIENT"])
        values[0, place], values[int(float(record["VISIT"])) - 3, place] = float(record["BASVAL"]), float(record["CHANGE"])
        arm[place] = record["THERAPY"] == "DRUG"
    trial = make_trial(values, arm, 1)
    for visit in range(1, 5):
        found = run(trial, planned("mmrm", "satterthwaite", (0,), response=visit, series=range(1, 5)))
        estimate, se = expected[str(visit + 3)]
        assert found.estimate.estimate == pytest.approx(estimate, abs=6e-5)  # printed to 4 decimals
        assert found.estimate.se == pytest.approx(se, abs=6e-4)
        assert found.details["log_likelihood"] == pytest.approx(-1747.101425, abs=6e-7)


@here
def test_the_trial_of_pain_reprocessing_therapy() -> None:
    folder = SHARED / "realdata" / "ashar_prt_backpain"
    expected = json.loads((folder / "EXPECTED.json").read_text())["mixed_model_published_check"]
    with (folder / "Ashar2022_outcomes_demographics.csv").open(newline="") as file:
        records = [record for record in csv.DictReader(file) if record["group"] in ("1", "2", "3")]
    people = sorted({record["id"] for record in records})
    values, arm = np.full((5, len(people)), np.nan), np.zeros(len(people), dtype=np.int64)
    for record in records:
        place = people.index(record["id"])
        values[0 if record["time"] == "1" else 2, place] = float(record["pain_avg"])
        values[3:, place], arm[place] = (float(record["age"]), float(record["gender"])), int(record["group"]) - 1
    trial = make_trial(values, arm, 1)
    for other, name in ((1, "post_x_placebo"), (2, "post_x_usual_care")):
        plan = planned("mixed_model", "satterthwaite", (3, 4), series=(2,), arm=0, reference=other)
        found = run(trial, plan).estimate
        assert -found.estimate == pytest.approx(expected[name][0], abs=1e-3)
        assert -found.estimate / found.se == pytest.approx(expected[name][1], abs=6e-3)  # printed to 2 decimals
