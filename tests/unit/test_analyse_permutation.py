"""The re-randomisation test: exact tests of scipy, known distributions of drawn lists, what is drawn for whom, and its error rate."""

from itertools import product
from math import comb
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, fisher_exact, permutation_test
from statsmodels.regression.linear_model import OLS

from odisea.allocation.methods import allocate
from odisea.allocation.plan import Factor, MinimisationFactor, RandomisationPlan, scheme
from odisea.analyse.estimate import estimate
from odisea.analyse.linear import Cases, complete_cases
from odisea.analyse.permutation import (
    carry_out,
    enumerate_masks,
    first_replicate,
    make_statistic,
    p_value,
    redraw,
    statistics,
    tally,
)
from odisea.analyse.single import Circumstances, Randomised, Single
from odisea.data.trial import Floats, Ints, Method, Reason, Status, Trial, make_trial
from tests.analysed import COVARIATES, RESPONSE, columns, planned, random_trial, with_row

ANCOVA = planned(Method.ANCOVA)
PLAIN = planned(Method.ANCOVA, covariates=())
DRAWS = 4_000


def plan(analysis: Any = ANCOVA, permutations: int = DRAWS) -> Any:
    return SimpleNamespace(analysis=analysis, spec=SimpleNamespace(permutations=permutations))


def small(outcomes: Floats, arm: Ints) -> Trial:
    """A trial whose only row that is read is the response."""
    values = np.zeros((9, arm.size))
    values[RESPONSE] = outcomes
    return make_trial(values, arm, seed=3)


def as_listed(trial: Trial, declared: RandomisationPlan | None, factors: Ints | None = None, stratum: Ints | None = None) -> Circumstances:
    """Circumstances in which the participants were randomised in the order of their numbers."""
    n = trial.arm.size
    found = scheme(declared, (1, 1)) if declared else None
    none = np.zeros(n, dtype=np.int64)
    levels = np.zeros((0, n), dtype=np.int64) if factors is None else factors
    return Circumstances(Randomised(np.arange(n), levels, none if stratum is None else stratum, found))


def drawn_masks(trial: Trial, around: Circumstances, draws: int = DRAWS, analysis: Any = ANCOVA) -> Any:
    way = redraw(trial, plan(analysis), complete_cases(trial, analysis), around.randomised)
    return way.name, np.concatenate(list(way.masks(draws)))


def monte_carlo(p: float, draws: int = DRAWS) -> float:
    """Four Monte Carlo errors of a share."""
    return 4.0 * float(np.sqrt(p * (1.0 - p) / draws))


@pytest.mark.parametrize("seed", range(3))
def test_the_exact_test_without_covariates_is_scipys(seed: int) -> None:
    """Equal arms: the distribution is symmetric, so that twice the smaller tail is the two-sided p."""
    rng = np.random.default_rng(seed)
    trial = small(rng.standard_normal(14), np.repeat([0, 1], 7))
    result = carry_out(trial, plan(PLAIN), Circumstances())
    parts = [trial.values[RESPONSE, :7], trial.values[RESPONSE, 7:]]
    theirs: Any = permutation_test(parts, lambda a, b: float(np.mean(a) - np.mean(b)), n_resamples=10_000)  # above C(14, 7): exact
    assert result.p == pytest.approx(float(theirs.pvalue), rel=1e-12)
    assert result.flags == ("rerandomised: fixed_numbers", "exact")
    assert result.details["allocations"] == comb(14, 7)
    assert result.details["mean_residual_difference"]["observed"] == pytest.approx(float(theirs.statistic))
    assert result.details["mean_residual_difference"]["p_mcse"] == 0.0


def test_of_yes_and_no_it_is_fishers_exact_test() -> None:
    outcomes = np.array([1, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0], dtype=float)
    result = carry_out(small(outcomes, np.repeat([0, 1], 8)), plan(PLAIN), Circumstances())
    assert result.p == pytest.approx(float(fisher_exact(np.array([[6, 2], [1, 7]])).pvalue), rel=1e-12)


def test_the_smallest_exact_p_is_one_allocation_and_its_mirror() -> None:
    trial = small(np.arange(8.0), np.repeat([0, 1], 4))
    assert carry_out(trial, plan(PLAIN), Circumstances()).p == 2 / comb(8, 4)


def test_every_allocation_comes_once_whichever_arm_is_the_smaller() -> None:
    for n_arm in (2, 3, 4):
        masks = np.concatenate(list(enumerate_masks(6, n_arm)))
        assert len({tuple(mask) for mask in masks.tolist()}) == len(masks) == comb(6, n_arm)
        assert (masks.sum(axis=1) == n_arm).all()


def test_both_statistics_are_those_of_least_squares_for_every_allocation() -> None:
    trial = random_trial(1, n=60)
    cases = complete_cases(trial, ANCOVA)
    masks = np.random.default_rng(1).random((20, cases.treated.size)) < 0.4
    found = statistics(make_statistic(cases), masks)
    design = np.delete(columns(trial, ANCOVA, np.isin(np.arange(60), cases.participants)), 1, axis=1)
    residuals = OLS(cases.response, design).fit().resid
    for mask, pair in zip(masks, found, strict=True):
        coefficient = OLS(cases.response, np.column_stack([design, mask])).fit().params[-1]
        np.testing.assert_allclose(pair, [residuals[mask].mean() - residuals[~mask].mean(), coefficient], rtol=1e-9)
    empty = statistics(make_statistic(cases), np.array([np.zeros(cases.treated.size, dtype=bool)]))
    assert np.isnan(empty).all()


def test_the_observed_allocation_has_the_analysis_of_covariances_coefficient() -> None:
    trial = random_trial(2)
    result = carry_out(trial, plan(permutations=99), Circumstances())
    assert result.estimate == estimate(trial, ANCOVA)
    assert result.details["ancova_coefficient"]["observed"] == pytest.approx(result.estimate.estimate, rel=1e-10)


def test_draws_within_strata_agree_with_the_enumeration_of_both_strata() -> None:
    trial = with_row(random_trial(3, n=20, loss=0.0), RESPONSE, np.random.default_rng(3).standard_normal(20))
    trial = trial._replace(arm=np.repeat([0, 1, 1, 0], 5))
    cases, stratum = complete_cases(trial, ANCOVA), np.repeat([0, 1], 10)
    parts, half = make_statistic(cases), np.concatenate(list(enumerate_masks(10, 5)))
    every = np.hstack([np.repeat(half, len(half), axis=0), np.tile(half, (len(half), 1))])
    exact = tally(parts, cases.treated > 0.5, iter([every]))
    _, masks = drawn_masks(trial, as_listed(trial, None, stratum=stratum))
    drawn = tally(parts, cases.treated > 0.5, iter([masks]))
    for k in range(2):
        share = float(exact.extreme[k] / exact.counted)
        assert drawn.extreme[k] / drawn.counted == pytest.approx(share, abs=monte_carlo(share))


def test_the_worked_example_of_the_specification() -> None:
    """docs/statistics/permutation.md, section 4: the same outcomes under two ways of randomising."""
    trial = small(np.array([1.0, 5.0, 2.0, 4.0]), np.tile([0, 1], 2))
    free = carry_out(trial, plan(PLAIN), Circumstances())
    assert (free.estimate.estimate, free.p) == (-3.0, 2 / 6)
    pairs = carry_out(trial, plan(PLAIN), as_listed(trial, RandomisationPlan(method="permuted_blocks", block_sizes=(2,))))
    assert pairs.p == pytest.approx(0.5, abs=monte_carlo(0.5))


def test_large_trials_of_unknown_method_keep_both_numbers() -> None:
    trial = random_trial(4)
    cases = complete_cases(trial, ANCOVA)
    name, masks = drawn_masks(trial, Circumstances())
    assert (name, masks.shape) == ("fixed_numbers", (DRAWS, cases.treated.size))
    assert (masks.sum(axis=1) == cases.n_arm).all()
    share = cases.n_arm / cases.treated.size
    # The largest of 100 standardised shares: 4.5 standard errors are passed by one in 1,500 of such tests.
    assert np.abs(masks.mean(axis=0) - share).max() < 4.5 * np.sqrt(share * (1.0 - share) / DRAWS)


def test_known_strata_keep_their_numbers() -> None:
    trial = random_trial(5)
    cases = complete_cases(trial, ANCOVA)
    stratum = np.arange(trial.arm.size) % 3 * 7
    name, masks = drawn_masks(trial, as_listed(trial, None, stratum=stratum))
    assert name == "fixed_numbers_within_strata"
    for s in (0, 7, 14):
        own = stratum[cases.participants] == s
        assert (masks[:, own].sum(axis=1) == cases.treated[own].sum()).all()
    assert len({tuple(mask) for mask in masks[:50].tolist()}) == 50


def test_pairs_give_the_distribution_of_sign_changes() -> None:
    """Permuted blocks of two: 2^n_pairs equally likely allocations, whose p is the exact paired test's."""
    differences = np.array([3.0, 1.0, 4.0, -1.5, 5.0, 9.0, 2.0, 6.0])
    outcomes, arm = np.zeros(16), np.tile([0, 1], 8)
    outcomes[0::2] = differences
    trial = small(outcomes, arm)
    blocks = RandomisationPlan(method="permuted_blocks", block_sizes=(2,))
    _, masks = drawn_masks(trial, as_listed(trial, blocks), analysis=PLAIN)
    assert (masks[:, 0::2] != masks[:, 1::2]).all()
    sums = [abs(float(np.dot(signs, differences))) for signs in product((-1.0, 1.0), repeat=8)]
    exact = float(np.mean(np.array(sums) >= abs(differences.sum()) * (1.0 - 1e-12)))
    result = carry_out(trial, plan(PLAIN), as_listed(trial, blocks))
    assert result.p == pytest.approx(exact, abs=monte_carlo(exact) + 1.0 / DRAWS)
    assert result.flags == ("rerandomised: permuted_blocks",)
    assert result.details["mean_residual_difference"]["p_mcse"] == pytest.approx(np.sqrt(exact * (1.0 - exact) / DRAWS), rel=0.5)


SEX = {"sex": Factor(column="sex", levels=("f", "m"))}
METHODS = [
    RandomisationPlan(method="simple"),
    RandomisationPlan(method="urn"),
    RandomisationPlan(method="biased_coin"),
    RandomisationPlan(method="big_stick"),
    RandomisationPlan(method="permuted_blocks", block_sizes=(4, 6)),
    RandomisationPlan(method="permuted_blocks", block_sizes=(4,), stratify_by=("sex",), factors=SEX),
    RandomisationPlan(method="minimisation", minimise_over=(MinimisationFactor(factor="sex"),), factors=SEX),
]


@pytest.mark.parametrize("declared", METHODS, ids=lambda declared: f"{declared.method}{len(declared.stratify_by)}")
def test_the_trials_own_method_is_drawn_again(declared: RandomisationPlan) -> None:
    """The first draw is that list of the method whose key is the trial's with the first replicate number of the test."""
    trial = random_trial(6, n=80, loss=0.0)
    factors = (np.arange(80) % 2)[None, :] if declared.factors else None
    around = as_listed(trial, declared, factors)
    name, masks = drawn_masks(trial, around, draws=5)
    assert around.randomised is not None
    assert around.randomised.scheme is not None
    expected = np.empty(80, dtype=np.int64)
    for row in range(5):
        allocate(trial.seed, first_replicate(trial.replicate) + row, around.randomised.scheme, around.randomised.factors, expected)
        assert (masks[row] == (expected == 0)).all()
    assert name == declared.method


def test_a_stratified_list_is_balanced_in_every_stratum() -> None:
    trial = random_trial(7, n=80, loss=0.0)
    sex = np.random.default_rng(7).integers(0, 2, 80)
    _, masks = drawn_masks(trial, as_listed(trial, METHODS[5], sex[None, :]), draws=200)
    for level in (0, 1):
        own = masks[:, sex == level]
        whole = own.shape[1] // 4 * 4
        assert (own[:, :whole].sum(axis=1) == whole // 2).all()


def test_who_is_observed_stays_observed_and_the_order_of_rows_changes_nothing() -> None:
    trial = random_trial(8)
    order = np.random.default_rng(8).permutation(150)
    blocks = scheme(METHODS[4], (1, 1))
    none = np.zeros((0, 150), dtype=np.int64)
    first = carry_out(trial, plan(), Circumstances(Randomised(order, none, np.zeros(150, dtype=np.int64), blocks)))
    rows = np.random.default_rng(9).permutation(150)
    moved = trial._replace(values=np.ascontiguousarray(trial.values[:, rows]), arm=trial.arm[rows])
    place = np.argsort(rows)
    second = carry_out(moved, plan(), Circumstances(Randomised(place[order], none, np.zeros(150, dtype=np.int64), blocks)))
    assert first.p == second.p
    assert first.details["allocations"] == DRAWS
    cases = complete_cases(trial, ANCOVA)
    _, masks = drawn_masks(trial, Circumstances(Randomised(order, none, np.zeros(150, dtype=np.int64), blocks)))
    assert masks.shape[1] == cases.participants.size
    assert masks.sum(axis=1).std() > 0.0  # numbers among the observed vary from draw to draw


def test_swapped_arms_have_the_same_p_and_another_trial_other_draws() -> None:
    trial = random_trial(10, effect=-2.0)
    blocks = as_listed(trial, METHODS[4])
    one, other = carry_out(trial, plan(), blocks), carry_out(trial, plan(planned(Method.ANCOVA, arm=1, reference=0)), blocks)
    assert one.p == other.p
    again = carry_out(trial._replace(replicate=1), plan(), blocks)
    assert again.p != one.p
    assert again.p == pytest.approx(one.p, abs=np.sqrt(2.0) * monte_carlo(float(one.p or 0.0)))


def test_a_third_arm_keeps_its_participants() -> None:
    trial = random_trial(11, arms=3)
    three = scheme(RandomisationPlan(method="permuted_blocks", block_sizes=(3,)), (1, 1, 1))
    stratum = np.arange(150) % 2
    around = Circumstances(Randomised(np.arange(150), np.zeros((0, 150), dtype=np.int64), stratum, three))
    name, masks = drawn_masks(trial, around, draws=10)
    assert name == "fixed_numbers_within_strata"
    assert masks.shape[1] == complete_cases(trial, ANCOVA).participants.size


def test_a_list_that_lacks_somebody_is_not_drawn_again() -> None:
    trial = random_trial(12)
    short = Randomised(np.arange(149), np.zeros((0, 150), dtype=np.int64), np.zeros(149, dtype=np.int64), scheme(METHODS[0], (1, 1)))
    assert drawn_masks(trial, Circumstances(short), draws=2)[0] == "fixed_numbers"


def test_draws_without_an_observed_arm_do_not_count() -> None:
    """Two observed participants, simple randomisation: half of all draws put both into one arm."""
    outcomes = np.full(6, np.nan)
    outcomes[[0, 3]] = 1.0, 2.0
    trial = small(outcomes, np.repeat([0, 1], 3))
    cases = complete_cases(trial, PLAIN)
    _, masks = drawn_masks(trial, as_listed(trial, METHODS[0]), analysis=PLAIN)
    found = tally(make_statistic(cases), cases.treated > 0.5, iter([masks]))
    assert found.counted == pytest.approx(DRAWS / 2, abs=4.0 * np.sqrt(DRAWS) / 2.0)
    assert p_value(int(found.extreme[0]), found.counted, exact=False) == 1.0


def test_addresses_of_draws_meet_nobody_elses() -> None:
    assert first_replicate(0) == 2**62
    assert first_replicate(1) - first_replicate(0) == 2**24 > 1_000_000  # the most that a plan may ask for
    assert first_replicate(2**38 - 1) + 2**24 - 1 == 2**63 - 1  # the largest that 64 bits with a sign hold


def test_what_ancova_refuses_is_refused() -> None:
    trial = random_trial(13)
    result = carry_out(with_row(trial, COVARIATES[0], (trial.arm == 0) * 1.0), plan(), Circumstances())
    assert (result.estimate.status, result.estimate.reason, result.p) == (Status.NOT_ESTIMABLE, Reason.ARM_ALIASED, None)


def test_the_error_rate_is_what_it_should_be_when_a_trend_runs_along_the_list() -> None:
    """Outcomes that rise with the order of entry, six blocks of two, no effect.

    The 64 allocations come in mirrored pairs, so |T| has 32 values, each observed with chance 1/32. The one of rank r is met or
    passed by Binomial(99, r / 32) of 99 draws, and p <= 0.05 where at most 4 do: 0.040. Complete randomisation in place of
    blocks would hardly ever reject: the trend would look like noise.
    """
    trials, rejected = 2_000, 0
    rng, declared = np.random.default_rng(14), RandomisationPlan(method="permuted_blocks", block_sizes=(2,))
    plain, arm, none = scheme(declared, (1, 1)), np.empty(12, dtype=np.int64), np.zeros((0, 12), dtype=np.int64)
    for replicate in range(trials):
        allocate(99, replicate, plain, none, arm)
        outcome = np.arange(12.0) * 2.0 + rng.standard_normal(12)
        trial = small(outcome, arm)._replace(seed=99, replicate=replicate)
        treated = arm == 0
        cases = Cases(np.arange(12), np.empty((0, 12)), treated.astype(float), outcome, 6, 6, Reason.NONE)
        way = redraw(trial, plan(PLAIN), cases, Randomised(np.arange(12), none, np.zeros(12, dtype=np.int64), plain))
        found = tally(make_statistic(cases), treated, way.masks(99))
        rejected += p_value(int(found.extreme[0]), found.counted, exact=False) <= 0.05
    expected = float(np.mean(binom.cdf(4, 99, np.arange(1, 33) / 32.0)))
    assert rejected / trials == pytest.approx(expected, abs=monte_carlo(expected, trials))


def test_the_result_is_a_single_with_its_own_p() -> None:
    result: Single = carry_out(random_trial(15, effect=0.0), plan(permutations=999), Circumstances())
    assert result.p is not None
    assert 0.0 < result.p <= 1.0
    assert result.interval is None
