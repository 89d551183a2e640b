"""Reference-based imputation against rbmi's published results, closed forms, and the same definitions written out person by person."""

import csv
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.outliers_influence import OLSInfluence

from odisea.analyse import reference_based
from odisea.analyse.estimate import finish
from odisea.analyse.mmrm import fit_unstructured
from odisea.analyse.number_of_imputations import PILOT, VARIATION, choose
from odisea.analyse.posterior import Key, NormalModel, burn_in, conditional, draw_posterior
from odisea.analyse.reference_based import (
    Departure,
    Effects,
    Longitudinal,
    Strategy,
    carry_out,
    conditional_means,
    draw,
    fit,
    jackknife,
    loadings,
    make_longitudinal,
    strategy_means,
)
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Analysis, Floats, Method, Reason, Status, Trial, Variance, make_trial
from tests.reference.blocks_reference_based import NAMES, largest_difference, reference_based_blocks

SHARED = Path(os.environ.get("ODISEA_SHARED", Path(__file__).parents[2].parent / "shared"))
TRIAL_FOLDER, CASES = SHARED / "realdata" / "antidepressant_dia", SHARED / "oracle" / "cases"
EXACT = 1e-10
FOUR = 4.0  # Monte Carlo standard errors: one comparison in 16,000 fails by chance, and the seeds are fixed
PRINTED = 5.1e-4  # half a unit of the third decimal
VISITS = ("4", "5", "6", "7")
KEY = Key(20240607, 0)
EVERY_VARIANCE = ("rubin", "jackknife", "information_anchored")

needs_trial = pytest.mark.skipif(not TRIAL_FOLDER.is_dir(), reason=f"the antidepressant data are not here: set ODISEA_SHARED ({SHARED})")


def antidepressant(visit: int) -> Longitudinal:
    """Change in HAMD17 at visits 4 to 7; the effect is drug minus placebo."""
    with (TRIAL_FOLDER / "antidepressant_data.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    places = {name: k for k, name in enumerate(sorted({record["PATIENT"] for record in records}))}
    response, baseline, drug = np.full((len(places), 4), np.nan), np.zeros((1, len(places))), np.zeros(len(places), dtype=bool)
    for record in records:
        i = places[record["PATIENT"]]
        response[i, VISITS.index(record["VISIT"])] = float(record["CHANGE"])
        baseline[0, i], drug[i] = float(record["BASVAL"]), record["THERAPY"] == "DRUG"
    return make_longitudinal(response, baseline[:0], baseline, drug, np.arange(len(places)), visit)


def effect_of(data: Longitudinal, strategy: Strategy) -> float:
    return float(loadings(data)[0] @ conditional_means(data, fit(data).parameters, Departure(strategy))[0])


def world(seed: int, n: int = 60, v: int = 3, gaps: float = 0.0, lost: float = 0.2) -> Longitudinal:
    """A trial with one covariate, dropout at a constant rate per visit, and gaps before it."""
    rng = np.random.default_rng(seed)
    covariate, treated = 40.0 + 10.0 * rng.standard_normal((1, n)), np.arange(n) % 2 == 0
    mean = 0.4 * covariate.T + treated[:, None] * -np.arange(1.0, v + 1.0)
    response = mean + np.cumsum(rng.standard_normal((n, v)), axis=1) + 2.0 * rng.standard_normal((n, 1))
    for visit in range(1, v):
        response[rng.random(n) < lost, visit:] = np.nan
    followed = np.arange(v) < (~np.isnan(response)).sum(axis=1)[:, None] - 1
    response[followed & (rng.random((n, v)) < gaps)] = np.nan
    return make_longitudinal(response, covariate[:0], covariate, treated, np.arange(n), v - 1)


def remade(data: Longitudinal, **changes: Any) -> Longitudinal:
    names = ("response", "imputation", "covariates", "treated", "places", "visit")
    return make_longitudinal(*(changes.get(name, getattr(data, name)) for name in names))


# --- published results: rbmi on the antidepressant trial (vignettes "quickstart" and "CondMean_Inference"; there placebo minus drug)


@needs_trial
def test_the_published_conditional_means_at_the_reml_estimate() -> None:
    at_7 = antidepressant(3)
    by_visit = [effect_of(at_7._replace(visit=visit), Strategy.JUMP_TO_REFERENCE) for visit in range(4)]
    np.testing.assert_allclose(by_visit, [0.0918064, -1.3054330, -1.9289925, -2.1255805], atol=1e-5)
    others = [effect_of(at_7, strategy) for strategy in (Strategy.MAR, Strategy.COPY_REFERENCE, Strategy.COPY_INCREMENTS)]
    np.testing.assert_allclose(others, [-2.8018341, -2.3707469, -2.4491776], atol=1e-5)  # nlme's optimiser stops 1e-6 before the maximum
    design = np.zeros((172, 4, 4, 3))
    columns = np.column_stack([np.ones(172), at_7.covariates[0], at_7.treated])
    design[:, np.arange(4), np.arange(4)] = columns[:, None]
    assert fit_unstructured(at_7.response, design.reshape(172, 4, 12)).log_likelihood == pytest.approx(-1747.101425, abs=1e-5)


@needs_trial
@pytest.mark.parametrize(
    ("visit", "estimate", "error"),
    [
        (0, -0.092, 0.695),
        pytest.param(1, 1.305, 0.878, marks=pytest.mark.full),
        pytest.param(2, 1.929, 0.862, marks=pytest.mark.full),
        (3, 2.126, 0.858),
    ],
)
def test_the_published_jackknife(visit: int, estimate: float, error: float) -> None:
    found = jackknife(antidepressant(visit), Departure(Strategy.JUMP_TO_REFERENCE))
    np.testing.assert_allclose([-found.sampling.values[0], found.sampling.errors[0]], [estimate, error], atol=PRINTED)
    if visit == 3:
        low, high, p = finish(-found.sampling.values[0], found.sampling.errors[0], np.inf, 0.05)
        np.testing.assert_allclose([low, high, p], [0.444, 3.807, 0.013], atol=PRINTED)
        np.testing.assert_allclose(found.sampling.values[1:], [-6.965, -4.839], atol=PRINTED)
        np.testing.assert_allclose(found.sampling.errors[1:], [0.685, 0.762], atol=PRINTED)
        low, high, p = finish(-found.anchored.values[0], found.anchored.errors[0], np.inf, 0.05)
        np.testing.assert_allclose([found.anchored.errors[0], low, high, p], [1.123, -0.076, 4.327, 0.058], atol=PRINTED)


@needs_trial
def test_the_published_interval_of_a_complete_visit_comes_from_rubin_s_rules_without_variance_between() -> None:
    found = draw(antidepressant(0), Departure(Strategy.JUMP_TO_REFERENCE), 20, KEY)
    low, high, p = finish(-found.effects.values[0], found.effects.errors[0], found.effects.df, 0.05)
    assert found.pooled.between == 0.0
    assert found.effects.df == pytest.approx(169 * 170 / 172, rel=1e-14)
    np.testing.assert_allclose([found.effects.errors[0], low, high, p], [0.6826279, -1.43949684, 1.2558839, 0.8931772], atol=5e-8)


@needs_trial
def test_the_published_bayesian_results_lie_within_four_monte_carlo_errors() -> None:
    """Two vignettes, 150 draws each; their Monte Carlo errors are those of our jackknife over 150 imputations."""
    ours, theirs = (draw(antidepressant(3), Departure(Strategy.JUMP_TO_REFERENCE), m, KEY) for m in (1000, 150))
    of_estimate, of_error = np.hypot(ours.pooled.mcse, theirs.pooled.mcse), np.hypot(ours.errors.se, theirs.errors.se)
    for estimate, error in ((2.156, 1.113), (2.169, 1.120)):
        assert abs(-ours.effects.values[0] - estimate) < FOUR * of_estimate < 0.2
        assert abs(ours.effects.errors[0] - error) < FOUR * of_error < 0.05
    np.testing.assert_allclose(ours.effects.values[1:], [-6.965, -4.809], atol=FOUR * of_estimate)
    np.testing.assert_allclose(ours.effects.errors[1:], [0.824, 0.784], atol=FOUR * of_error)


@pytest.mark.skipif(not CASES.is_dir(), reason=f"the analysis oracle is not here: set ODISEA_SHARED ({SHARED})")
def test_the_conditional_means_of_all_cases_of_the_oracle() -> None:
    """R's optimiser leaves 1e-4 in Sigma and 7e-6 in the effects; the oracle allows 2e-3."""
    folders = sorted(CASES.iterdir())
    for folder in folders:
        ours, theirs = reference_based_blocks(folder), json.loads((folder / "condmean.json").read_text())
        assert max(largest_difference(ours[name], theirs[name]) for name in NAMES) < 2e-5, folder.name
        assert largest_difference(ours["Sigma"], theirs["Sigma"]) < 2e-4, folder.name
        assert abs(ours["logREML"] - theirs["logREML"]) < 1e-6, folder.name
    assert len(folders) >= 14


# --- the strategies, written out


def by_hand(mean_arm: Floats, mean_reference: Floats, last: int, strategy: Strategy) -> Floats:
    """Table 1 of Carpenter, Roger and Kenward (2013): the mean of someone who leaves the arm after visit `last`."""
    mean, v = mean_arm.copy(), mean_arm.size
    for j in range(v):
        if strategy == Strategy.COPY_REFERENCE or (j > last and strategy == Strategy.JUMP_TO_REFERENCE):
            mean[j] = mean_reference[j]
        elif j > last and strategy == Strategy.COPY_INCREMENTS:
            mean[j] = mean_arm[last] + mean_reference[j] - mean_reference[last] if last >= 0 else mean_reference[j]
        elif j > last and strategy == Strategy.LAST_MEAN:
            mean[j] = mean_arm[last] if last >= 0 else mean_reference[j]
    return mean


@pytest.mark.parametrize("strategy", Strategy)
def test_means_and_conditional_means_written_out_person_by_person(strategy: Strategy) -> None:
    data = world(3, gaps=0.15)
    data = remade(data, response=np.where(np.arange(60)[:, None] < 4, np.nan, data.response))  # nobody's visits: no value to condition on
    found = fit(data).parameters
    expected = data.response[:, 2].copy()
    for i in np.flatnonzero(np.isnan(expected)):
        seen = np.flatnonzero(~np.isnan(data.response[i]))
        last = int(seen[-1]) if seen.size else -1
        reference = data.model[i, :-1] @ found.coefficients[:-1]
        mean = by_hand(reference + found.coefficients[-1], reference, last, strategy) if data.treated[i] else reference
        weights = np.linalg.inv(found.covariance[np.ix_(seen, seen)]) @ found.covariance[seen, 2]
        expected[i] = mean[2] + weights @ (data.response[i, seen] - mean[seen])
    completed, variances = conditional_means(data, found, Departure(strategy, 5.0, -1.0))
    shift = np.isnan(data.response[:, 2]) * np.where(data.treated, 5.0, -1.0)
    np.testing.assert_allclose(completed, expected + shift, rtol=EXACT)
    assert ((variances > 0.0) == np.isnan(data.response[:, 2])).all()


def test_the_worked_example_of_the_specification() -> None:
    model, coefficients = np.array([[1.0, 1.0]]), np.array([[20.0, 18.0, 17.0], [-2.0, -5.0, -6.0]])
    covariance = np.array([[4.0, 2.0, 2.0], [2.0, 4.0, 3.0], [2.0, 3.0, 4.0]])
    expected = {"MAR": (11.0, 12.0), "JUMP_TO_REFERENCE": (17.0, 18.0), "COPY_REFERENCE": (17.0, 17.0)}
    expected |= {"COPY_INCREMENTS": (15.0, 16.0), "LAST_MEAN": (18.0, 19.0)}
    for strategy in Strategy:
        mean = strategy_means(model, coefficients, np.array([0]), np.array([True]), strategy)[0]
        slopes, remaining = conditional(covariance, np.array([0]), np.array([2]))
        assert (mean[2], mean[2] + slopes[0, 0] * (20.0 - mean[0]), remaining[0, 0]) == (*expected[strategy.name], 3.0)


def test_one_visit_makes_the_three_reference_strategies_one() -> None:
    data = world(5)
    single = remade(data, response=data.response[:, [2]], visit=0)
    jump, copy, increments, mar = (
        effect_of(single, s) for s in (Strategy.JUMP_TO_REFERENCE, Strategy.COPY_REFERENCE, Strategy.COPY_INCREMENTS, Strategy.MAR)
    )
    assert jump == copy == increments
    assert abs(mar - jump) > 0.1


# --- the jackknife


def test_without_missing_values_the_jackknife_is_that_of_least_squares() -> None:
    data = world(7, lost=0.0)
    columns = np.column_stack([np.ones(60), data.covariates[0], data.treated])
    theirs = OLS(data.response[:, 2], columns).fit()
    left_out = theirs.params[-1] - OLSInfluence(theirs).dfbeta[:, -1]
    error = np.sqrt(59 / 60 * np.square(left_out - left_out.mean()).sum())
    for strategy in Strategy:
        found = jackknife(data, Departure(strategy))
        np.testing.assert_allclose(
            [found.sampling.values[0], found.sampling.errors[0], found.anchored.errors[0]], [theirs.params[-1], error, error], rtol=1e-9
        )
    pooled = draw(data, Departure(Strategy.JUMP_TO_REFERENCE), 5, KEY)
    np.testing.assert_allclose(pooled.effects.errors[0], theirs.bse[-1], rtol=EXACT)
    assert pooled.effects.df == pytest.approx(57 * 58 / 60, rel=EXACT)


def test_a_level_that_one_participant_has_leaves_the_jackknife_in_place() -> None:
    data = world(11, n=40)
    level = np.zeros((1, 40))
    level[0, np.flatnonzero(~np.isnan(data.response).any(axis=1))[0]] = 1.0
    found = jackknife(remade(data, covariates=np.vstack([data.covariates, level])), Departure(Strategy.COPY_INCREMENTS))
    assert found.reason == Reason.NONE
    assert np.isfinite(found.sampling.errors).all()


# --- the posterior and its imputations


def within(draws: Floats, expected: Floats) -> bool:
    """Whether the mean of independent draws lies within four of its Monte Carlo errors."""
    return bool(np.all(np.abs(draws.mean(axis=0) - expected) < FOUR * draws.std(axis=0, ddof=1) / np.sqrt(draws.shape[0])))


def test_monotone_data_have_the_posterior_of_their_sequential_regressions() -> None:
    """Posterior means in closed form from statsmodels' fits of visit 1 on the design, and of visit 2 on design and visit 1."""
    data, m = world(13, v=2, lost=0.4), 4000
    model, response = data.model, data.response
    seen = ~np.isnan(response[:, 1])
    first, second = OLS(response[:, 0], model).fit(), OLS(response[seen, 1], np.column_stack([model, response[:, 0]])[seen]).fit()
    found = draw_posterior(response, model, NormalModel(np.zeros((3, 2)), np.eye(2)), KEY, m)
    assert within(found.coefficients[:, :, 0], first.params)
    assert within(found.coefficients[:, :, 1], second.params[:3] + second.params[3] * first.params)
    assert within(found.covariance[:, 0, 0], first.ssr / (57 - 2))
    assert within(found.covariance[:, 1, 0], second.params[3] * first.ssr / (57 - 2))
    np.testing.assert_allclose(
        np.cov(found.coefficients[:, :, 0].T), first.cov_params() * 57 / 55, rtol=0.15, atol=0.1 * first.cov_params().max()
    )


def test_one_visit_has_the_exact_limit_of_infinitely_many_imputations() -> None:
    """Rubin's limit for one incomplete response (analysis of covariance, common slope): c'Sc between, closed form."""
    data, m = world(17, n=80, lost=0.4), 4000
    data = remade(data, response=data.response[:, [2]], visit=0)
    gone = data.missing
    fitted = OLS(data.response[~gone, 0], data.model[~gone]).fit()
    spread = data.model[gone] @ fitted.normalized_cov_params @ data.model[gone].T + np.eye(int(gone.sum()))
    between = fitted.ssr / (fitted.df_resid - 2) * loadings(data)[0, gone] @ spread @ loadings(data)[0, gone]
    found = draw(data, Departure(Strategy.MAR), m, KEY)
    assert abs(found.effects.values[0] - fitted.params[-1]) < FOUR * np.sqrt(between / m)
    assert abs(found.pooled.between - between) < FOUR * between * np.sqrt(2.0 / (m - 1))


def test_gaps_that_another_order_of_visits_makes_monotone_have_the_same_posterior() -> None:
    """Visit 1 missing, visit 2 observed: gaps in this order, plain dropout in the other, where nothing is augmented.

    The flat priors of the two orders differ by a power of the variances: less than 2 % of the posterior's spread here.
    """
    data, m = world(19, n=300, v=2, lost=0.0), 1500
    response = np.where(np.arange(300)[:, None] % 3 == 0, np.array([np.nan, 1.0]), 1.0) * data.response
    start = fit(remade(data, response=response)).parameters
    gaps = draw_posterior(response, data.model, start, KEY, m)
    plain = draw_posterior(np.ascontiguousarray(response[:, ::-1]), data.model, start, Key(3, 0), m)
    assert (burn_in(response), burn_in(response[:, ::-1])) == (26, 1)
    spread = plain.coefficients[:, :, ::-1].std(axis=0)
    difference = gaps.coefficients.mean(axis=0) - plain.coefficients[:, :, ::-1].mean(axis=0)
    assert np.all(np.abs(difference) < (FOUR * np.sqrt(2.0 / m) + 0.02) * spread)
    np.testing.assert_allclose(gaps.coefficients.std(axis=0), spread, rtol=FOUR / np.sqrt(m) + 0.01)


def test_a_longer_burn_in_changes_nothing_but_the_monte_carlo_error() -> None:
    data, m = world(23, n=60, gaps=0.3), 600
    start = NormalModel(np.zeros((3, 3)), 100.0 * np.eye(3))  # far from the answer: a chain that remembered it would show it
    short, long = (draw_posterior(data.response, data.model, start, KEY, m, steps) for steps in (None, 3 * burn_in(data.response)))
    errors = np.sqrt((short.coefficients.var(axis=0) + long.coefficients.var(axis=0)) / m)
    assert np.all(np.abs(short.coefficients.mean(axis=0) - long.coefficients.mean(axis=0)) < FOUR * errors)
    logs = [np.log(np.linalg.det(x.covariance)) for x in (short, long)]
    assert abs(logs[0].mean() - logs[1].mean()) < FOUR * np.sqrt((logs[0].var() + logs[1].var()) / m)


def test_draws_are_addressed_by_draw_and_place() -> None:
    data, departure = world(29, gaps=0.1), Departure(Strategy.COPY_INCREMENTS)
    start = fit(data).parameters
    few, many = (draw_posterior(data.response, data.model, start, KEY, m) for m in (6, 21))
    np.testing.assert_allclose(few.coefficients, many.coefficients[:6], rtol=1e-12)
    one = reference_based.impute(data, many, departure, KEY)
    other = reference_based.impute(remade(data, places=data.places + 1), many, departure, KEY)
    gone = data.missing
    assert (one[:, gone] != other[:, gone]).all()
    assert (one[:, ~gone] == data.response[~gone, 2]).all()
    assert shown(draw(data, departure, 7, KEY).effects) == shown(draw(data, departure, 7, KEY).effects)


def test_the_number_of_imputations_is_what_the_pilot_asks_for() -> None:
    data, departure = world(31, lost=0.35), Departure(Strategy.MAR)
    found = draw(data, departure, None, KEY)
    assert found.m == choose(draw(data, departure, PILOT, KEY).pooled).m > PILOT
    assert found.errors.se / found.effects.errors[0] < VARIATION
    assert found.errors.estimate == pytest.approx(found.pooled.mcse, rel=EXACT)


# --- what must not matter


@pytest.mark.parametrize("strategy", [Strategy.COPY_INCREMENTS, Strategy.LAST_MEAN])
def test_row_order_and_units_do_not_matter(strategy: Strategy) -> None:
    data = world(37, n=40, gaps=0.1)
    order = np.random.default_rng(1).permutation(40)
    shuffled = remade(data, response=data.response[order], treated=data.treated[order])
    shuffled = remade(shuffled, covariates=data.covariates[:, order])
    rescaled = remade(data, response=1e3 + 0.01 * data.response, covariates=1e4 - 25.0 * data.covariates)
    plain, again, scaled = (jackknife(one, Departure(strategy)) for one in (data, shuffled, rescaled))
    for name in ("sampling", "anchored"):
        ours, other, third = (getattr(one, name) for one in (plain, again, scaled))
        np.testing.assert_allclose(other.errors, ours.errors, rtol=1e-8)
        np.testing.assert_allclose(other.values, ours.values, rtol=EXACT)
        np.testing.assert_allclose(third.errors, 0.01 * ours.errors, rtol=1e-8)
        np.testing.assert_allclose(third.values, 0.01 * ours.values + np.array([0.0, 1e3, 1e3]), rtol=1e-9)


def test_swapped_arms_turn_the_sign_under_missing_at_random() -> None:
    data = world(41, gaps=0.1)
    swapped = remade(data, treated=~data.treated)
    assert effect_of(swapped, Strategy.MAR) == pytest.approx(-effect_of(data, Strategy.MAR), rel=1e-9)
    assert abs(effect_of(swapped, Strategy.JUMP_TO_REFERENCE) + effect_of(data, Strategy.JUMP_TO_REFERENCE)) > 0.01
    ours, theirs = (draw(one, Departure(Strategy.MAR), 500, key) for one, key in ((data, KEY), (swapped, Key(2, 0))))
    assert abs(ours.effects.values[0] + theirs.effects.values[0]) < FOUR * np.hypot(ours.pooled.mcse, theirs.pooled.mcse)


# --- as a planned analysis


def trial_of(data: Longitudinal) -> Trial:
    return make_trial(np.vstack([data.response.T, data.covariates]), data.treated.astype(np.int64), KEY.seed)


def planned(missing_data: str, data: Longitudinal, variance: Variance = Variance.MODEL, m: int | str = 20) -> Any:
    """Rows: the visits, then the covariates."""
    v, rows = data.response.shape[1], np.arange(data.response.shape[1] + data.covariates.shape[0])
    count = m if isinstance(m, int) else 0
    analysis = Analysis(int(Method.SINGLE), v - 1, -1, 1, 0, rows[v:], rows[v:], count, 0.0, -1.0, 0, variance=int(variance))
    return SimpleNamespace(spec=SimpleNamespace(missing_data=missing_data, m=m), analysis=analysis, series=rows[:v], alpha=0.05)


def result(data: Longitudinal, missing_data: str, variance: Variance = Variance.MODEL, m: int | str = 20) -> Single:
    return carry_out(trial_of(data), planned(missing_data, data, variance, m), Circumstances())


def shown(effects: Effects) -> list[float]:
    return [float(effects.values[0]), float(effects.errors[0])]


def test_a_row_has_its_variance_and_the_details_have_both() -> None:
    data, departure = world(43, n=40, gaps=0.1), Departure(Strategy.JUMP_TO_REFERENCE)
    by_rubin, by_jackknife = (result(data, "jump_to_reference", variance) for variance in (Variance.MODEL, Variance.JACKKNIFE))
    drawn, resampled = draw(data, departure, 20, KEY), jackknife(data, departure)
    assert [by_rubin.estimate.estimate, by_rubin.estimate.se] == shown(drawn.effects)
    assert [by_jackknife.estimate.estimate, by_jackknife.estimate.se] == shown(resampled.sampling)
    assert (by_rubin.estimate.mcse, by_jackknife.estimate.mcse, by_jackknife.estimate.df) == (drawn.pooled.mcse, 0.0, np.inf)
    assert (by_rubin.estimate.n_arm, by_rubin.estimate.n_reference, by_rubin.estimate.status) == (20.0, 20.0, Status.OK)
    for single in (by_rubin, by_jackknife):
        pairs = {name: [single.details[name]["estimate"], single.details[name]["se"]] for name in EVERY_VARIANCE}
        expected = [shown(drawn.effects), shown(resampled.sampling), shown(resampled.anchored)]
        assert list(pairs.values()) == expected
        assert any(flag.startswith("gaps: ") for flag in single.flags)
        json.dumps(single.details, allow_nan=False)
    assert resampled.sampling.errors[0] < resampled.anchored.errors[0]


def test_automatic_m_and_the_flag_of_a_large_fraction_of_missing_information() -> None:
    data = world(47, n=150, lost=0.7)
    noise = np.random.default_rng(2).standard_normal(data.response.shape)  # visits that say nothing about each other
    single = result(remade(data, response=np.where(np.isnan(data.response), np.nan, noise)), "multiple_imputation", m="automatic")
    assert single.details["rubin"]["m"] > PILOT
    assert "high_fmi" in single.flags


def test_one_follow_up_visit_is_handed_over_and_the_collapse_is_stated() -> None:
    data = world(53)
    single = remade(data, response=data.response[:, [2]], visit=0)
    found = {name: result(single, name) for name in ("jump_to_reference", "copy_reference", "copy_increments", "multiple_imputation")}
    assert len({found[name].estimate for name in list(found)[:3]}) == 1
    assert found["multiple_imputation"].estimate.estimate != found["jump_to_reference"].estimate.estimate
    assert [any(flag.startswith("collapse: ") for flag in one.flags) for one in found.values()] == [True, True, True, False]
    details = found["copy_reference"].details
    assert details["rubin"]["se"] > details["jackknife"]["se"] > 0.0
    again = result(single, "copy_reference", Variance.JACKKNIFE)
    assert again.estimate.se == details["jackknife"]["se"]


def test_last_mean_carried_forward_needs_a_mean_to_carry() -> None:
    data = world(59, n=40)
    refused = result(remade(data, response=data.response[:, [2]], visit=0), "last_mean_carried_forward").estimate
    assert (refused.status, refused.reason, refused.n_arm) == (Status.NOT_ESTIMABLE, Reason.ONE_FOLLOW_UP, 20.0)
    assert np.isnan(refused.estimate)
    response = data.response.copy()
    response[:2] = np.nan
    flagged = result(remade(data, response=response), "last_mean_carried_forward")
    assert flagged.flags[-1].startswith("no_mean_to_carry: 1 participants")


def spoiled(data: Longitudinal) -> dict[Reason, Longitudinal]:
    """Data for which there is no answer, by reason."""
    last, some = data.response.copy(), data.response.copy()
    last[data.treated, 2] = np.nan
    some[6:, 2] = np.nan
    gone = data.missing
    level = np.vstack([data.covariates, np.where(gone, 1.0, 0.0)])
    unknown = np.where(np.arange(data.treated.size) == 3, np.nan, data.covariates)
    flat = data.response.copy()
    flat[~np.isnan(flat[:, 1]), 1] = 7.0
    return {
        Reason.EMPTY_ARM: remade(data, response=last),
        Reason.IMPUTATION_FEW_DF: remade(data, response=some),
        Reason.IMPUTATION_RANK_DEFICIENT: remade(data, covariates=level),
        Reason.MISSING_COVARIATE: remade(data, covariates=unknown),
        Reason.ARM_ALIASED: remade(data, covariates=data.treated[None].astype(np.float64)),
        Reason.NO_RESIDUAL_VARIANCE: remade(data, response=flat),
    }


@pytest.mark.parametrize("variance", [Variance.MODEL, Variance.JACKKNIFE])
def test_what_cannot_be_answered_is_refused_with_its_reason(variance: Variance) -> None:
    for reason, data in spoiled(world(61, n=40)).items():
        single = result(data, "jump_to_reference", variance)
        assert single.estimate.reason == reason, reason
        assert single.estimate.status != Status.OK
        assert np.isnan([single.estimate.estimate, single.estimate.se, single.estimate.df]).all()
        assert "estimate" not in single.details["rubin"]
        assert single.details["jackknife"]["reason"]


def test_a_drawn_covariance_without_inverse_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> NormalModel:
        raise np.linalg.LinAlgError

    monkeypatch.setattr(reference_based, "draw_posterior", fails)
    assert draw(world(67), Departure(Strategy.MAR), 5, KEY).reason == Reason.NO_RESIDUAL_VARIANCE
