"""Robust variances, the interacted model, Welch, adjusted means, weighting and subgroups against statsmodels, scipy and published values.

Tolerances: least squares in double precision on columns whose condition number is below 1e3 agrees to 1e-11; variances,
which square it, to 1e-9.
"""

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ttest_ind
from statsmodels.discrete.discrete_model import Logit
from statsmodels.regression.linear_model import OLS, WLS

from odisea.analyse import interacted, subgroups, weighting, welch
from odisea.analyse.adjusted_means import adjusted_means, level_weights, make_frame, means_at, means_in_the_limit, points
from odisea.analyse.estimate import estimate, finish
from odisea.analyse.imputation import impute
from odisea.analyse.interacted import fit_interacted
from odisea.analyse.linear import complete_cases, fit_columns, sandwich, term_tests
from odisea.analyse.single import Circumstances
from odisea.analyse.weighting import TRUNCATED, arm_weights, weighted_effect
from odisea.data.trial import Analysis, Assumption, Floats, Method, Reason, Status, Trial, Variance, make_trial
from tests.analysed import AGE, BASELINE, BMI, COVARIATES, HIGH, MODERATE, ONE, PAIN, RESPONSE, TWO_PLUS, columns, random_trial, with_row
from tests.analysed import planned as analysis_of

EXACT, SQUARED = 1e-11, 1e-9
NAMES = ("age", "bmi", "one", "two_plus", "moderate", "high", "baseline")
TERMS = (
    ("age", (AGE,)),
    ("bmi", (BMI,)),
    ("comorbidity", (ONE, TWO_PLUS)),
    ("activity", (MODERATE, HIGH)),
    ("baseline", (BASELINE,)),
)
ANCOVA = analysis_of(Method.ANCOVA)
NOBODY = Circumstances()
PUBLISHED = Path(__file__).parents[1] / "reference" / "published"


def plan(analysis: Analysis = ANCOVA, subgroup: str | None = None, terms: Any = TERMS, names: tuple[str, ...] = NAMES) -> Any:
    """What the methods read of a planned analysis."""
    contrast = SimpleNamespace(arm="tele", reference="control")
    return SimpleNamespace(
        analysis=analysis, covariates=names, terms=terms, contrast=contrast, alpha=0.05, spec=SimpleNamespace(subgroup=subgroup)
    )


def observed(trial: Trial) -> NDArray[np.bool_]:
    chosen: NDArray[np.bool_] = np.isin(trial.arm, (0, 1)) & ~np.isnan(trial.values[RESPONSE])
    return chosen


def alone(trial: Trial, row: int = HIGH) -> Trial:
    """The trial with a level that one analysed participant has."""
    return with_row(trial, row, (np.arange(trial.arm.size) == np.flatnonzero(observed(trial))[0]).astype(float))


@pytest.mark.parametrize("seed", range(4))
def test_the_loops_robust_errors_agree_with_statsmodels(seed: int) -> None:
    trial = random_trial(seed, arms=3)
    chosen = observed(trial)
    theirs = OLS(trial.values[RESPONSE][chosen], columns(trial, ANCOVA, chosen)).fit()
    plain = estimate(trial, ANCOVA)
    for kind, errors in ((Variance.HC2, theirs.HC2_se), (Variance.HC3, theirs.HC3_se)):
        result = estimate(trial, ANCOVA._replace(variance=int(kind)))
        assert (result.estimate, result.df, result.n_arm) == (plain.estimate, plain.df, plain.n_arm)
        assert result.se == pytest.approx(errors[1], rel=1e-10)
        assert result.within == pytest.approx(result.se**2, rel=1e-14)


def test_robust_variances_need_every_leverage_below_one() -> None:
    trial = alone(random_trial(5))
    assert estimate(trial, ANCOVA).status == Status.OK
    for kind in (Variance.HC2, Variance.HC3):
        result = estimate(trial, ANCOVA._replace(variance=int(kind)))
        assert (result.status, result.reason) == (Status.NOT_ESTIMABLE, Reason.LEVERAGE_ONE)
        assert np.isnan([result.estimate, result.se, result.df]).all()


def test_any_columns_are_fitted_as_statsmodels_fits_them_and_a_dependent_one_is_dropped() -> None:
    trial = random_trial(6)
    chosen = observed(trial)
    design = columns(trial, ANCOVA, chosen)
    theirs = OLS(trial.values[RESPONSE][chosen], design).fit()
    dependent = np.insert(design, 4, design[:, 2] - 2.0 * design[:, 3], axis=1)
    ours = fit_columns(dependent.T, trial.values[RESPONSE][chosen])
    kept = [j for j in range(dependent.shape[1]) if j != 4]
    assert np.isnan(ours.coefficients).tolist() == [j == 4 for j in range(dependent.shape[1])]
    np.testing.assert_allclose(ours.coefficients[kept], theirs.params, rtol=EXACT)
    np.testing.assert_allclose(ours.sigma**2 * ours.unscaled[np.ix_(kept, kept)], theirs.cov_params(), rtol=SQUARED, atol=1e-12)
    np.testing.assert_allclose(np.sqrt(np.diag(sandwich(ours, "HC3")))[kept], theirs.HC3_se, rtol=1e-10)


def test_every_terms_f_test_agrees_with_statsmodels() -> None:
    trial = random_trial(7)
    chosen = observed(trial)
    theirs = OLS(trial.values[RESPONSE][chosen], columns(trial, ANCOVA, chosen)).fit()
    places, tests = {"arm": [1]}, term_tests(trial, ANCOVA, TERMS)
    for name, rows in TERMS:
        places[name] = [2 + COVARIATES.index(row) for row in rows]
    assert list(tests) == list(places)
    for name, test in tests.items():
        expected = theirs.f_test(np.eye(theirs.params.size)[places[name]])
        np.testing.assert_allclose(test, [expected.fvalue, len(places[name]), theirs.df_resid, expected.pvalue], rtol=1e-8)
    copied = term_tests(trial, ANCOVA._replace(covariates=np.array([*COVARIATES, AGE])), (*TERMS, ("again", (AGE,))))
    assert copied["again"].df1 == 0.0
    assert np.isnan(copied["again"].f)


# --- the interacted model


@pytest.mark.parametrize("seed", range(3))
def test_the_interacted_effect_is_the_difference_of_two_regressions_predictions_for_everybody(seed: int) -> None:
    trial = random_trial(seed)
    cases = complete_cases(trial, ANCOVA)
    ours = fit_interacted(cases)
    design = np.column_stack([np.ones(cases.response.size), cases.covariates.T])
    means = []
    for arm in (1.0, 0.0):
        own = cases.treated == arm
        means.append(float(OLS(cases.response[own], design[own]).fit().predict(design).mean()))
    np.testing.assert_allclose(ours.means, means, rtol=EXACT)
    assert ours.effect == pytest.approx(means[0] - means[1], rel=1e-10)
    centred = cases.covariates.T - cases.covariates.mean(axis=1)
    theirs = OLS(cases.response, np.column_stack([np.ones(len(centred)), cases.treated, centred, cases.treated[:, None] * centred])).fit()
    expected = [theirs.params[1], theirs.bse[1], theirs.HC2_se[1], theirs.HC3_se[1], theirs.df_resid]
    np.testing.assert_allclose([ours.effect, ours.se, ours.hc2, ours.hc3, ours.df], expected, rtol=1e-10)
    shift = centred @ theirs.params[-7:]
    assert ours.spread == pytest.approx(shift.var(ddof=1) / shift.size, rel=SQUARED)


def test_without_covariates_hc2_is_neymans_variance() -> None:
    """The difference of means with s1^2 / n1 + s0^2 / n0."""
    trial = random_trial(8)
    cases = complete_cases(trial, analysis_of(Method.ANCOVA, covariates=()))
    parts = [cases.response[cases.treated == arm] for arm in (1.0, 0.0)]
    ours = fit_interacted(cases)
    assert ours.effect == pytest.approx(parts[0].mean() - parts[1].mean(), rel=EXACT)
    assert ours.hc2**2 == pytest.approx(sum(part.var(ddof=1) / part.size for part in parts), rel=EXACT)
    assert ours.spread == 0.0


def test_a_level_in_one_arm_only_loses_its_interaction_and_is_named() -> None:
    trial = random_trial(9)
    one_sided = with_row(trial, HIGH, trial.values[HIGH] * (trial.arm == 1))
    result = interacted.carry_out(one_sided, plan(), NOBODY)
    assert result.flags == ("aliased: arm x high",)
    chosen = observed(one_sided)
    design = columns(one_sided, ANCOVA, chosen)
    centred = design[:, 2:] - design[:, 2:].mean(axis=0)
    products = np.delete(design[:, 1:2] * centred, COVARIATES.index(HIGH), axis=1)
    theirs = OLS(one_sided.values[RESPONSE][chosen], np.column_stack([design[:, :2], centred, products])).fit()
    np.testing.assert_allclose(result.estimate[:3], [theirs.params[1], theirs.HC2_se[1], theirs.df_resid], rtol=1e-10)


def test_the_plan_chooses_hc3_and_leverage_one_is_refused() -> None:
    trial = random_trial(10)
    hc3 = interacted.carry_out(trial, plan(ANCOVA._replace(variance=int(Variance.HC3))), NOBODY)
    hc2 = interacted.carry_out(trial, plan(), NOBODY)
    assert hc3.estimate.se == hc2.details["se_hc3"] > hc2.estimate.se
    assert hc2.details["se_super_population"] > hc2.estimate.se
    means = hc2.details["adjusted_means"]
    assert means["tele"]["mean"] - means["control"]["mean"] == pytest.approx(hc2.estimate.estimate, rel=1e-10)
    refused = interacted.carry_out(alone(trial), plan(), NOBODY).estimate
    assert (refused.status, refused.reason) == (Status.NOT_ESTIMABLE, Reason.LEVERAGE_ONE)
    few = random_trial(10, n=len(COVARIATES) + 2, loss=0.0)
    assert interacted.carry_out(few, plan(), NOBODY).estimate.reason in (Reason.NO_RESIDUAL_DF, Reason.ARM_ALIASED)


# --- Welch


@pytest.mark.parametrize("seed", range(3))
def test_welch_is_scipys(seed: int) -> None:
    trial = random_trial(seed, arms=3)
    result = welch.carry_out(trial, plan(), NOBODY)
    parts = [trial.values[RESPONSE][observed(trial) & (trial.arm == arm)] for arm in (0, 1)]
    theirs: Any = ttest_ind(parts[0], parts[1], equal_var=False)
    low, high, p = finish(result.estimate.estimate, result.estimate.se, result.estimate.df, 0.05)
    interval = theirs.confidence_interval(0.95)
    expected = [theirs.statistic, theirs.df, theirs.pvalue, interval.low, interval.high]
    found = [result.estimate.estimate / result.estimate.se, result.estimate.df, float(p), float(low), float(high)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert result.details["arms"]["tele"]["n"] == parts[0].size


def test_welch_refuses_what_has_no_variance() -> None:
    trial = random_trial(11)
    reasons = []
    for keep in (0, 1):
        response = trial.values[RESPONSE].copy()
        response[np.flatnonzero((trial.arm == 0) & observed(trial))[keep:]] = np.nan
        reasons.append(welch.welch(with_row(trial, RESPONSE, response), ANCOVA).reason)
    assert reasons == [Reason.EMPTY_ARM, Reason.NO_RESIDUAL_DF]
    assert welch.welch(with_row(trial, RESPONSE, np.full(150, 36.0)), ANCOVA).reason == Reason.NO_RESIDUAL_VARIANCE


# --- adjusted means


@pytest.mark.parametrize("kind", [Variance.MODEL, Variance.HC3])
def test_adjusted_means_are_predictions_with_their_standard_errors(kind: Variance) -> None:
    trial = random_trial(12)
    chosen = observed(trial)
    design = columns(trial, ANCOVA, chosen)
    theirs = OLS(trial.values[RESPONSE][chosen], design).fit(cov_type={0: "nonrobust", 2: "HC3"}[int(kind)], use_t=True)
    means = adjusted_means(trial, plan(ANCOVA._replace(variance=int(kind))))
    equal = design.mean(axis=0)
    equal[[2 + COVARIATES.index(row) for row in (ONE, TWO_PLUS, MODERATE, HIGH)]] = 1.0 / 3.0
    for name, point in (("standardised", design.mean(axis=0)), ("equal_levels", equal)):
        for arm, treated in (("tele", 1.0), ("control", 0.0)):
            point[1] = treated
            at = theirs.t_test(point)
            low, high = at.conf_int()[0]
            expected = [at.effect[0], at.sd[0, 0], theirs.df_resid, low, high]
            np.testing.assert_allclose(list(means[name][arm].values()), expected, rtol=1e-10)


def test_imputed_means_are_pooled_by_rubins_rules() -> None:
    trial, analysis = random_trial(13), analysis_of(Method.ANCOVA_MI)
    completed = impute(trial, analysis)
    everyone = columns(trial, analysis, np.ones(trial.arm.size, dtype=bool))
    at = everyone.mean(axis=0)
    at[1] = 1.0
    fits = [OLS(response, everyone).fit().t_test(at) for response in completed]
    estimates, variances = np.array([fit.effect[0] for fit in fits]), np.array([fit.sd[0, 0] ** 2 for fit in fits])
    found = adjusted_means(trial, plan(analysis))["standardised"]["tele"]
    total = variances.mean() + (1.0 + 1.0 / len(fits)) * estimates.var(ddof=1)
    np.testing.assert_allclose([found["mean"], found["se"]], [estimates.mean(), np.sqrt(total)], rtol=1e-10)


@pytest.mark.parametrize("assumption", [Assumption.WITHIN_ARM, Assumption.JUMP_TO_REFERENCE])
def test_means_in_the_limit_are_what_many_imputations_tend_to(assumption: Assumption) -> None:
    """4,000 imputations: means within 4 Monte Carlo errors, variances within 4 of 2.2 % between and rounding within."""
    trial = random_trial(30)
    analysis = analysis_of(Method.ANCOVA_MI, m=4_000)._replace(assumption=int(assumption), delta_arm=3.0)
    limit = analysis._replace(method=int(Method.ANCOVA_MI_LIMIT))
    everyone = np.arange(trial.arm.size)
    frame = make_frame(trial, analysis, everyone)
    assert frame is not None
    point = points(frame, trial, analysis, everyone, TERMS)["standardised"]
    assert point is not None
    found = means_in_the_limit(trial, limit, frame, everyone, point)
    assert found is not None
    drawn = means_at(frame, point, impute(trial, analysis), Variance.MODEL)
    for j, mean in enumerate(found):
        error = np.sqrt(mean.between / 4_000)
        assert abs(drawn.means[:, j].mean() - mean.estimate) < 4.0 * error
        assert drawn.means[:, j].var(ddof=1) == pytest.approx(mean.between, rel=4.0 * np.sqrt(2.0 / 3_999))
        spread = drawn.variances[:, j].std(ddof=1) / np.sqrt(4_000)
        assert abs(drawn.variances[:, j].mean() - mean.within) < 4.0 * spread
    effect = estimate(trial, limit)
    assert found[0].estimate - found[1].estimate == pytest.approx(effect.estimate, rel=1e-10)
    rows = adjusted_means(trial, plan(limit))["standardised"]
    assert rows["tele"]["se"] == pytest.approx(np.sqrt(found[0].within + found[0].between), rel=1e-14)


def test_what_cannot_be_imputed_has_no_means() -> None:
    trial = random_trial(31)
    split = with_row(trial, HIGH, trial.values[HIGH] * (trial.arm == 1))
    for method in (Method.ANCOVA_MI, Method.ANCOVA_MI_LIMIT):
        assert adjusted_means(split, plan(analysis_of(method))) == {}
    assert adjusted_means(trial, plan(analysis_of(Method.ANCOVA_MI_LIMIT)._replace(variance=int(Variance.JACKKNIFE)))) == {}


def test_the_difference_of_adjusted_means_is_the_effect_and_levels_that_nobody_has_weigh_nothing() -> None:
    trial = with_row(random_trial(14), HIGH, np.zeros(150))
    means = adjusted_means(trial, plan())
    for kind in means.values():
        assert kind["tele"]["mean"] - kind["control"]["mean"] == pytest.approx(estimate(trial, ANCOVA).estimate, rel=1e-10)
    assert level_weights(trial.values[[MODERATE, HIGH]]).tolist() == [0.5, 0.0]
    assert level_weights(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])).tolist() == [0.5, 0.5]  # nobody at the reference level
    assert level_weights(np.array([[1.0, 2.0, 6.0]])).tolist() == [3.0]


def test_equal_weights_that_the_kept_columns_do_not_determine_have_no_mean() -> None:
    """Two factors that are one: equal weights of both ask for combinations of levels that nobody has."""
    trial = random_trial(15)
    same = with_row(with_row(trial, MODERATE, trial.values[ONE]), HIGH, trial.values[ONE] * 0.0)
    means = adjusted_means(same, plan())
    assert means["equal_levels"] is None
    assert np.isfinite(means["standardised"]["tele"]["mean"])


def test_there_are_no_means_without_a_model() -> None:
    trial = random_trial(16)
    assert adjusted_means(trial, plan(ANCOVA._replace(arm=7))) == {}
    assert adjusted_means(with_row(trial, AGE, (trial.arm == 0) * 1.0), plan()) == {}


# --- inverse probability weighting

WEIGHTING = analysis_of(Method.SINGLE)


def stacked(parameters: Floats, design: Floats, variables: Floats, response: Floats, bounds: tuple[float, float]) -> Floats:
    """The estimating functions (n, k) of shares, dropout models and weighted regression, written out per participant."""
    k, seen, treated = variables.shape[1], ~np.isnan(response), design[:, 1] == 1.0
    shares, first, second, b = parameters[:2], parameters[2 : 2 + k], parameters[2 + k : 2 + 2 * k], parameters[2 + 2 * k :]
    chance = 1.0 / (1.0 + np.exp(-np.where(treated, variables @ first, variables @ second)))
    weight = np.clip(np.where(treated, shares[0], shares[1]) / chance, *bounds) * seen
    parts = [(treated * (seen - shares[0]))[:, None], (~treated * (seen - shares[1]))[:, None]]
    parts += [(own * (seen - chance))[:, None] * variables for own in (treated, ~treated)]
    residual = np.nan_to_num(response) - design @ b
    return np.column_stack([*parts, (weight * residual)[:, None] * design])


def reweighted(trial: Trial) -> tuple[Floats, Floats, Floats, Floats, tuple[float, float]]:
    """Parameters by statsmodels, design, dropout variables, response and the bounds of the weights."""
    everyone = np.ones(trial.arm.size, dtype=bool)
    design, response = columns(trial, WEIGHTING, everyone), trial.values[RESPONSE]
    raw = trial.values[WEIGHTING.imputation].T
    variables = np.column_stack([np.ones(len(raw)), (raw - raw.mean(axis=0)) / raw.std(axis=0)])
    seen, treated = ~np.isnan(response), trial.arm == 0
    models = [Logit(seen[own].astype(float), variables[own]).fit(method="newton", disp=0, tol=1e-13).params for own in (treated, ~treated)]
    chance = np.where(treated, *(1.0 / (1.0 + np.exp(-variables @ model)) for model in models))
    shares = [seen[treated].mean(), seen[~treated].mean()]
    weight = np.where(treated, *shares) / chance
    low, high = np.quantile(weight[seen], TRUNCATED)
    fit = WLS(response[seen], design[seen], weights=np.clip(weight, low, high)[seen]).fit()
    return np.concatenate([shares, *models, fit.params]), design, variables, response, (float(low), float(high))


@pytest.mark.parametrize("seed", range(3))
def test_the_weighted_error_is_that_of_the_stacked_equations_by_numerical_derivatives(seed: int) -> None:
    """Central differences of step 1e-5 have an error of 1e-10 of the derivatives; 1e-6 leaves room for their inversion."""
    trial = random_trial(seed, n=300)
    parameters, *others = reweighted(trial)
    rest: Any = others
    steps = 1e-5 * np.eye(parameters.size)
    slope = np.column_stack(
        [(stacked(parameters + h, *rest).sum(axis=0) - stacked(parameters - h, *rest).sum(axis=0)) / 2e-5 for h in steps]
    )
    scores, p = stacked(parameters, *rest), len(COVARIATES) + 2
    assert np.abs(scores.sum(axis=0)).max() < 1e-7
    seen, (_, design, *_) = observed(trial), reweighted(trial)
    weights = weighted_effect(trial, WEIGHTING)[0].weights
    root = design[seen] * np.sqrt(weights)[:, None]
    scores[seen, -p:] /= 1.0 - np.diag(root @ np.linalg.inv(root.T @ root) @ root.T)[:, None]
    inverse = np.linalg.inv(slope)
    covariance = inverse @ scores.T @ scores @ inverse.T
    ours, failed = weighted_effect(trial, WEIGHTING)
    place = parameters.size - p + 1
    assert failed == -1
    assert ours.truncated > 0
    assert ours.effect == pytest.approx(parameters[place], rel=1e-9)
    assert ours.se == pytest.approx(np.sqrt(covariance[place, place]), rel=1e-6)
    fixed = WLS(trial.values[RESPONSE][seen], design[seen], weights=weights).fit()
    assert ours.se_known_weights == pytest.approx(fixed.HC3_se[1], rel=SQUARED)
    assert ours.se_known_weights != pytest.approx(ours.se, rel=1e-4)


def test_with_nobody_lost_the_weighted_analysis_is_ancova_with_hc3() -> None:
    trial = random_trial(17, loss=0.0)
    theirs = OLS(trial.values[RESPONSE], columns(trial, ANCOVA, np.ones(150, dtype=bool))).fit()
    result = weighting.carry_out(trial, plan(WEIGHTING), NOBODY)
    np.testing.assert_allclose(result.estimate[:3], [theirs.params[1], theirs.HC3_se[1], theirs.df_resid], rtol=1e-10)
    assert result.details["weights"] == {"min": 1.0, "max": 1.0, "mean": 1.0}
    assert result.details["effective_n"] == pytest.approx(150.0)


def test_stabilised_weights_sum_to_the_number_randomised_who_are_seen() -> None:
    """The score of the intercept: without truncation the inverse chances of the observed sum to about n; exactly in a saturated model."""
    trial = random_trial(18, n=400)
    own = trial.arm == 0
    seen = (~np.isnan(trial.values[RESPONSE]))[own].astype(float)
    model = arm_weights(trial.values[[ONE, TWO_PLUS]][:, own], seen)
    assert (model.weights * seen).sum() == pytest.approx(seen.sum(), rel=1e-10)


def test_weighting_refuses_a_separated_dropout_model_and_names_the_arm() -> None:
    trial = random_trial(19)
    split = trial.values[RESPONSE].copy()
    split[(trial.arm == 1) & (trial.values[AGE] > 40)] = np.nan
    split[(trial.arm == 1) & (trial.values[AGE] <= 40)] = 30.0 + trial.values[BASELINE, (trial.arm == 1) & (trial.values[AGE] <= 40)]
    result = weighting.carry_out(with_row(trial, RESPONSE, split), plan(WEIGHTING), NOBODY)
    assert (result.estimate.status, result.estimate.reason) == (Status.SEPARATED, Reason.SEPARATION)
    assert result.flags == ("model of being observed: control",)
    assert np.isnan(result.estimate.estimate)
    lost = with_row(trial, PAIN, np.where(np.arange(150) == 3, np.nan, trial.values[PAIN]))
    assert weighting.carry_out(lost, plan(WEIGHTING), NOBODY).estimate.reason == Reason.MISSING_COVARIATE


def test_the_weighted_error_is_the_spread_over_samples() -> None:
    """1,000 trials of 400: mean estimated variance within 4 Monte Carlo errors of the empirical one, and 5 % since HC3 is cautious."""
    fits = [weighted_effect(random_trial(1000 + seed, n=400), WEIGHTING)[0] for seed in range(1000)]
    effects, errors = np.array([fit.effect for fit in fits]), np.array([fit.se for fit in fits])
    spread = effects.var(ddof=1)
    assert abs(np.square(errors).mean() / spread - 1.0) < 4.0 * np.sqrt(2.0 / 999.0) + 0.05
    assert abs(effects.mean() + 8.0) < 4.0 * np.sqrt(spread / 1000.0)


# --- subgroups


@pytest.mark.parametrize("kind", [Variance.MODEL, Variance.HC3])
def test_the_interaction_and_the_effects_in_the_levels_agree_with_statsmodels(kind: Variance) -> None:
    trial = random_trial(20)
    chosen = observed(trial)
    design = columns(trial, ANCOVA, chosen)
    products = design[:, 1:2] * trial.values[[MODERATE, HIGH]][:, chosen].T
    theirs = OLS(trial.values[RESPONSE][chosen], np.column_stack([design, products]))
    fit = theirs.fit(cov_type={0: "nonrobust", 2: "HC3"}[int(kind)], use_t=True)
    result = subgroups.carry_out(trial, plan(ANCOVA._replace(variance=int(kind)), "activity"), NOBODY)
    p = fit.params.size
    joint = fit.f_test(np.eye(p)[p - 2 :])
    np.testing.assert_allclose(list(result.details["interaction"].values()), [joint.fvalue, 2, fit.df_resid, joint.pvalue], rtol=1e-8)
    for j, found in enumerate(result.details["subgroups"]):
        at = np.eye(p)[1] + (np.eye(p)[p - 3 + j] if j else 0.0)
        expected = fit.t_test(at)
        low, high = expected.conf_int()[0]
        np.testing.assert_allclose(
            [found[key] for key in ("effect", "se", "ci_low", "ci_high")], [expected.effect[0], expected.sd[0, 0], low, high], rtol=SQUARED
        )
        assert "p" not in found
    np.testing.assert_allclose(result.estimate[:3], [fit.params[-1], fit.bse[-1], fit.df_resid], rtol=SQUARED)
    assert result.details["estimate_is"] == "effect in high minus effect in reference_level"
    assert result.flags == ("exploratory",)
    assert sum(found["n_arm"] + found["n_reference"] for found in result.details["subgroups"]) == chosen.sum()


def test_a_continuous_factor_has_a_slope_and_effects_at_three_values() -> None:
    trial = random_trial(21)
    chosen = observed(trial)
    design = columns(trial, ANCOVA, chosen)
    baseline = trial.values[BASELINE][chosen]
    fit = OLS(trial.values[RESPONSE][chosen], np.column_stack([design, design[:, 1] * baseline])).fit()
    result = subgroups.carry_out(trial, plan(subgroup="baseline"), NOBODY)
    np.testing.assert_allclose(result.estimate[:3], [fit.params[-1], fit.bse[-1], fit.df_resid], rtol=SQUARED)
    assert result.details["interaction"]["f"] == pytest.approx(fit.tvalues[-1] ** 2, rel=1e-8)
    for found, steps in zip(result.details["subgroups"], (-1.0, 0.0, 1.0), strict=True):
        at = np.zeros(fit.params.size)
        at[1], at[-1] = 1.0, baseline.mean() + steps * baseline.std(ddof=1)
        expected = fit.t_test(at)
        np.testing.assert_allclose(
            [found["value"], found["effect"], found["se"]], [at[-1], expected.effect[0], expected.sd[0, 0]], rtol=SQUARED
        )


def test_a_level_of_one_arm_has_no_effect_and_the_other_levels_keep_theirs() -> None:
    trial = random_trial(22)
    only = with_row(trial, HIGH, trial.values[HIGH] * (trial.arm == 1))
    result = subgroups.carry_out(only, plan(subgroup="activity"), NOBODY)
    by_name = {found["name"]: found for found in result.details["subgroups"]}
    assert np.isnan(by_name["high"]["effect"])
    assert result.flags == ("exploratory", "aliased: arm x high")
    assert result.details["interaction"]["df1"] == 1.0
    assert result.details["estimate_is"] == "effect in moderate minus effect in reference_level"
    assert result.estimate.estimate == pytest.approx(by_name["moderate"]["effect"] - by_name["reference_level"]["effect"])


def test_effects_do_not_depend_on_which_level_is_the_reference() -> None:
    trial = random_trial(23)
    low = 1.0 - trial.values[MODERATE] - trial.values[HIGH]
    other = with_row(trial, MODERATE, low)  # moderate becomes the reference level
    first = subgroups.carry_out(trial, plan(subgroup="activity"), NOBODY).details
    second = subgroups.carry_out(other, plan(subgroup="activity"), NOBODY).details
    assert first["interaction"]["f"] == pytest.approx(second["interaction"]["f"], rel=1e-8)
    effects = [[found["effect"] for found in details["subgroups"]] for details in (first, second)]
    np.testing.assert_allclose(effects[0], [effects[1][1], effects[1][0], effects[1][2]], rtol=SQUARED)


def test_a_factor_with_one_level_in_both_arms_is_no_interaction() -> None:
    trial = random_trial(24)
    apart = with_row(with_row(trial, MODERATE, (trial.arm == 0) * 0.0), HIGH, np.zeros(150))
    result = subgroups.carry_out(apart, plan(subgroup="activity"), NOBODY)
    assert (result.estimate.status, result.estimate.reason) == (Status.NOT_ESTIMABLE, Reason.ARM_ALIASED)
    lonely = subgroups.carry_out(alone(trial, MODERATE), plan(ANCOVA._replace(variance=int(Variance.HC2)), "baseline"), NOBODY)
    assert lonely.estimate.reason == Reason.LEVERAGE_ONE


# --- worked examples of the specifications


def worked(response: list[float], arm: list[int], *covariates: list[float]) -> tuple[Trial, Any]:
    """A trial of the response and covariates, arm 1 against arm 0, and its plan; every covariate is a term, x1, x2, ..."""
    rows = np.arange(1, 1 + len(covariates))
    trial = make_trial(np.array([response, *covariates]), np.array(arm), 1)
    analysis = Analysis(int(Method.ANCOVA), 0, -1, 1, 0, rows, rows, 0, 0.0, 1.0, 0)
    names = tuple(f"x{row}" for row in rows)
    return trial, plan(analysis, "x1", tuple((name, (int(row),)) for name, row in zip(names, rows, strict=True)), names)


def test_the_worked_example_of_ancova() -> None:
    """docs/statistics/ancova.md, section 5: means and robust variances."""
    trial, planned = worked([30.0, 24.0, 41.0, 35.0], [1, 1, 0, 0], [50.0, 40.0, 50.0, 46.0])
    means = adjusted_means(trial, planned)["standardised"]
    found = [means[name][key] for name in ("tele", "control") for key in ("mean", "se")]
    np.testing.assert_allclose(found, [28.0862, 1.7349, 36.9138, 1.7349], atol=5e-5)
    errors = [estimate(trial, planned.analysis._replace(variance=int(kind))).se for kind in (Variance.HC2, Variance.HC3)]
    np.testing.assert_allclose(errors, [2.54028, 7.62186], atol=5e-6)
    plain = welch.welch(trial, planned.analysis)
    np.testing.assert_allclose(plain[:3], [-11.0, np.sqrt(18.0), 2.0], rtol=1e-12)


def test_the_worked_example_of_the_interacted_model() -> None:
    """docs/statistics/interacted.md, section 4."""
    trial, planned = worked([2.0, 4.0, 9.0, 10.0, 11.0, 15.0], [1, 1, 1, 0, 0, 0], [1.0, 2.0, 3.0, 3.0, 4.0, 5.0])
    result = interacted.carry_out(trial, planned, NOBODY)
    np.testing.assert_allclose(result.estimate[:3], [-1.0, np.sqrt(2.5), 2.0], rtol=1e-12)
    expected = [np.sqrt(13.5), np.sqrt(2.5 + 1.0 / 3.0)]
    np.testing.assert_allclose([result.details["se_hc3"], result.details["se_super_population"]], expected, rtol=1e-12)


def test_the_worked_example_of_weighting() -> None:
    """docs/statistics/weighting.md, section 4: with a factor of two levels the weighted mean is that of the strata."""
    own = [10.0, 20.0, np.nan, np.nan, 30.0, 30.0, 36.0, np.nan]
    other = [24.0, 26.0, 26.0, 28.0, 28.0, 30.0, 30.0, 32.0]
    trial, planned = worked(own + other, [1] * 8 + [0] * 8, [0.0] * 4 + [1.0] * 4 + [0.0] * 8)
    result = weighting.carry_out(trial, plan(planned.analysis._replace(covariates=np.array([], dtype=np.int64)), names=()), NOBODY)
    np.testing.assert_allclose(result.estimate[:3], [-4.5, 4.75262, 11.0], atol=5e-6)
    assert result.details["truncated"] == 0


def test_the_worked_example_of_subgroups() -> None:
    """docs/statistics/subgroups.md, section 4: two levels, two arms, two participants each."""
    trial, planned = worked([10.0, 12.0, 15.0, 17.0, 20.0, 22.0, 18.0, 20.0], [1] * 4 + [0] * 4, [0.0, 0.0, 1.0, 1.0] * 2)
    result = subgroups.carry_out(trial, planned, NOBODY)
    np.testing.assert_allclose(result.estimate[:3], [7.0, 2.0, 4.0], rtol=1e-12)
    np.testing.assert_allclose(list(result.details["interaction"].values()), [12.25, 1.0, 4.0, 0.024897], rtol=1e-4)
    assert [found["effect"] for found in result.details["subgroups"]] == pytest.approx([-10.0, -3.0])
    assert [found["se"] for found in result.details["subgroups"]] == pytest.approx([np.sqrt(2.0)] * 2)


# --- published values


def test_anorexia_of_a_handbook_of_small_data_sets() -> None:
    """Weight gain of girls (family therapy and control against cognitive therapy) as R's lm and sandwich print it for MASS::anorexia."""
    with (PUBLISHED / "anorexia.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    treatment = np.array([record["treatment"] for record in records])
    before, after = (np.array([float(record[f"weight_{when}_lb"]) for record in records]) for when in ("before", "after"))
    control = (treatment == "Cont").astype(float)
    trial = make_trial(np.array([before, after, control]), (treatment == "FT").astype(np.int64), 1)
    analysis = Analysis(0, 1, 0, 1, 0, np.array([0, 2]), np.array([], dtype=np.int64), 0, 0.0, 1.0, 0)
    family, robust = estimate(trial, analysis), estimate(trial, analysis._replace(variance=int(Variance.HC3)))
    assert (round(family.estimate, 7), round(family.se, 7), round(robust.se, 6)) == (4.5630627, 2.1333359, 2.416017)
    assert round(float(finish(family.estimate, family.se, family.df, 0.05)[2]), 7) == 0.0360351
    fit = fit_columns(np.array([np.ones(72), before, control, treatment == "FT"], dtype=float), after)
    assert np.round(fit.coefficients, 7).tolist()[1:] == [0.4344612, -4.0970655, 4.5630627]
    assert np.round(fit.sigma * np.sqrt(np.diag(fit.unscaled)), 7).tolist()[1:] == [0.1611824, 1.8934926, 2.1333359]
    assert np.round(np.sqrt(np.diag(sandwich(fit, "HC3"))), 6).tolist()[1:] == [0.193015, 1.869855, 2.416017]


def test_nhanes_complete_cases_of_the_mice_package() -> None:
    """Cholesterol on age class and body mass index (Schafer 1997, table 6.14), the 13 complete of 25."""
    records = "2 22.7 187;1 20.4 113;1 22.5 118;1 30.1 187;2 22.0 238;3 21.7 206;2 28.7 204;3 27.2 284;2 26.3 199;1 35.3 218;"
    records += "1 33.2 229;1 27.5 131;2 27.4 186"
    age, bmi, cholesterol = np.array([[float(value) for value in record.split()] for record in records.split(";")]).T
    fit = fit_columns(np.array([np.ones(13), age, bmi]), cholesterol)
    assert np.round(fit.coefficients, 6).tolist() == [-80.193716, 53.069079, 6.884054]
    assert np.round(fit.sigma * np.sqrt(np.diag(fit.unscaled)), 6).tolist() == [58.771573, 11.293031, 1.845801]
