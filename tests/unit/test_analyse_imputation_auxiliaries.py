"""Imputation with auxiliaries: what it must leave alone, what it may drop, and its agreement with the exact limit."""

import numpy as np
import pytest

from odisea.analyse.chained import SWEEPS, Dropped, find_pattern, imputations_with_auxiliaries, usable
from odisea.analyse.estimate import estimate
from odisea.analyse.imputation_model import FEWEST_DF
from odisea.analyse.imputed import analyse_completed
from odisea.analyse.pooling import Pooled, pool
from odisea.data.trial import Analysis, Floats, Ints, Method, Reason, Trial, make_trial
from tests.analysed import AGE, IMPUTATION, ONE, PAIN, RESPONSE, planned, with_row
from tests.visited import AUXILIARY, FIRST, SECOND, THIRD, visited_trial

MI, LIMIT = planned(Method.ANCOVA_MI), planned(Method.ANCOVA_MI_LIMIT)
NONE = np.empty(0, dtype=np.int64)


def pooled(trial: Trial, auxiliary: Ints = AUXILIARY, m: int = 400, analysis: Analysis = MI) -> Pooled:
    analysed = analyse_completed(trial, analysis, imputations_with_auxiliaries(trial, analysis, auxiliary, m).values)
    return pool(analysed.estimates, analysed.variances, analysed.df)


@pytest.mark.parametrize("seed", [60, 61])
def test_without_auxiliaries_the_draws_agree_with_the_exact_limit(seed: int) -> None:
    """m = 4,000: estimate within 4 sqrt(B/m), B within 4 B sqrt(2 / (m - 1)); W within 2 %, 8 times its Monte Carlo error here."""
    trial, m = visited_trial(seed), 4000
    drawn, exact = pooled(trial, NONE, m), estimate(trial, LIMIT)
    assert abs(drawn.estimate - exact.estimate) < 4.0 * np.sqrt(exact.between / m)
    assert abs(drawn.between / exact.between - 1.0) < 4.0 * np.sqrt(2.0 / (m - 1))
    assert drawn.within == pytest.approx(exact.within, rel=0.02)


def test_a_baseline_variable_is_the_same_as_a_complete_auxiliary() -> None:
    """Pain among the imputation variables, or recorded after baseline by everybody: one regression, other draws."""
    trial, m = visited_trial(62), 2000
    fewer = planned(Method.ANCOVA_MI, imputation=tuple(row for row in IMPUTATION if row != PAIN))
    exact, drawn = estimate(trial, LIMIT), pooled(trial, np.array([PAIN]), m, fewer)
    assert abs(drawn.estimate - exact.estimate) < 4.0 * np.sqrt(exact.between / m)
    assert abs(drawn.between / exact.between - 1.0) < 4.0 * np.sqrt(2.0 / (m - 1))


def test_gaps_that_hardly_occur_leave_what_the_monotone_draws_give() -> None:
    """One gap turns sequential regressions into chained equations of the same joint model: within 4 combined Monte Carlo errors."""
    trial, m = visited_trial(63), 1000
    gap = trial.values[FIRST].copy()
    gap[np.flatnonzero(~np.isnan(trial.values[RESPONSE]))[0]] = np.nan
    holed = with_row(trial, FIRST, gap)
    assert imputations_with_auxiliaries(trial, MI, AUXILIARY, 4).sweeps == 0
    assert imputations_with_auxiliaries(holed, MI, AUXILIARY, 4).sweeps == SWEEPS
    one, two = pooled(trial, m=m), pooled(holed, m=m)
    assert abs(one.estimate - two.estimate) < 4.0 * np.hypot(one.mcse, two.mcse)
    assert abs(np.log(one.between / two.between)) < 4.0 * np.sqrt(4.0 / (m - 1))


def test_a_strong_auxiliary_recovers_what_was_lost() -> None:
    """The outcome itself with an error of a tenth of its residual, seen by all: nine tenths of the variance between imputations go."""
    trial = visited_trial(64, n=300)
    complete = visited_trial(64, n=300, loss=0.0).values[RESPONSE]
    helped = with_row(trial, THIRD, complete + np.random.default_rng(0).standard_normal(complete.size))
    assert pooled(helped, np.array([THIRD])).between < 0.1 * pooled(trial, NONE).between


@pytest.mark.parametrize("gaps", [False, True])
def test_the_observed_stay_and_a_delta_moves_the_imputed(gaps: bool) -> None:
    trial = visited_trial(65, gaps=gaps)
    plain = imputations_with_auxiliaries(trial, MI, AUXILIARY, 10)
    shifted = imputations_with_auxiliaries(trial, MI._replace(delta_arm=3.0, delta_reference=-2.0), AUXILIARY, 10)
    gone = np.isnan(trial.values[RESPONSE])
    np.testing.assert_array_equal(plain.missing, gone)
    assert (plain.values[:, ~gone] == trial.values[RESPONSE][~gone]).all()
    assert np.isfinite(plain.values).all()
    assert np.unique(plain.values[:, gone]).size == 10 * gone.sum()
    delta = np.broadcast_to(np.where(trial.arm == 0, 3.0, -2.0)[gone], (10, gone.sum()))
    np.testing.assert_allclose((shifted.values - plain.values)[:, gone], delta, rtol=1e-12)


def test_the_first_imputations_do_not_depend_on_how_many_follow_nor_on_the_contrasts_direction() -> None:
    trial = visited_trial(66, gaps=True)
    many = imputations_with_auxiliaries(trial, MI, AUXILIARY, 22).values
    np.testing.assert_array_equal(imputations_with_auxiliaries(trial, MI, AUXILIARY, 7).values, many[:7])
    np.testing.assert_array_equal(imputations_with_auxiliaries(trial, MI._replace(arm=1, reference=0), AUXILIARY, 22).values, many)
    other = imputations_with_auxiliaries(trial._replace(replicate=1), MI, AUXILIARY, 22).values
    gone = np.isnan(trial.values[RESPONSE])
    assert (other[:, gone] != many[:, gone]).all()


def test_units_and_origins_leave_the_draws_and_labels_leave_them_within_monte_carlo_error() -> None:
    """Increasing affine changes leave the Cholesky basis, so even the draws; others and new labels leave the distribution."""
    trial = visited_trial(67, gaps=True)
    moved = with_row(with_row(trial, SECOND, 0.1 * trial.values[SECOND] + 7.0), AGE, 3.0 * trial.values[AGE] - 1000.0)
    values = imputations_with_auxiliaries(trial, MI, AUXILIARY, 20).values
    np.testing.assert_allclose(imputations_with_auxiliaries(moved, MI, AUXILIARY, 20).values, values, rtol=1e-8)
    order = np.random.default_rng(1).permutation(trial.arm.size)
    shuffled = trial._replace(values=np.ascontiguousarray(trial.values[:, order]), arm=trial.arm[order])
    one = pooled(trial)
    for other in (pooled(shuffled), pooled(with_row(trial, SECOND, -trial.values[SECOND]))):
        assert 0.0 < abs(one.estimate - other.estimate) < 4.0 * np.hypot(one.mcse, other.mcse)
    swapped = pooled(trial, analysis=MI._replace(arm=1, reference=0))
    np.testing.assert_allclose([-swapped.estimate, swapped.total], [one.estimate, one.total], rtol=1e-10)


def test_an_auxiliary_of_one_arm_is_used_there_and_changes_nothing_elsewhere() -> None:
    trial = visited_trial(68, gaps=True)
    own = with_row(trial, THIRD, np.where(trial.arm == 0, trial.values[THIRD], np.nan))
    result = imputations_with_auxiliaries(own, MI, AUXILIARY, 8)
    assert result.dropped == ()
    np.testing.assert_array_equal(result.used, AUXILIARY)
    whole, without = (imputations_with_auxiliaries(trial, MI, rows, 8).values for rows in (AUXILIARY, AUXILIARY[:2]))
    np.testing.assert_array_equal(result.values[:, trial.arm == 0], whole[:, trial.arm == 0])
    np.testing.assert_array_equal(result.values[:, trial.arm == 1], without[:, trial.arm == 1])


def kept(trial: Trial, arm: int, observed: int) -> Trial:
    """The trial with only so many outcomes observed in an arm."""
    response = trial.values[RESPONSE].copy()
    seen = np.flatnonzero((trial.arm == arm) & ~np.isnan(response))
    response[seen[observed:]] = np.nan
    return with_row(trial, RESPONSE, response)


@pytest.mark.parametrize(("observed", "left"), [(18, (FIRST, SECOND, THIRD)), (17, (SECOND, THIRD)), (16, (THIRD,)), (15, ())])
def test_few_observed_outcomes_drop_the_auxiliaries_furthest_from_the_outcome_first(observed: int, left: tuple[int, ...]) -> None:
    """9 coefficients of the baseline: n_o > 9 + 3 + 5 carries three auxiliaries."""
    trial = visited_trial(69, n=200, loss=0.05)
    for row, curve in ((FIRST, np.square), (SECOND, np.exp), (THIRD, np.sin)):
        trial = with_row(trial, row, curve(trial.values[PAIN]))
    trial = kept(trial, 0, observed)
    assert len(IMPUTATION) + 1 == 9
    rows, dropped = usable(trial, MI, AUXILIARY, 0)
    assert tuple(rows) == left
    assert [each.row for each in dropped] == [row for row in AUXILIARY if row not in left]
    assert {each.why for each in dropped} <= {"few_observed"}
    result = imputations_with_auxiliaries(trial, MI, AUXILIARY, 3)
    assert result.reason == Reason.NONE
    assert result.dropped == tuple(dropped)


def test_a_constant_a_repeated_and_a_rarely_seen_auxiliary_are_dropped_and_told() -> None:
    trial = visited_trial(70)
    flat = with_row(trial, FIRST, np.where(np.isnan(trial.values[FIRST]), np.nan, 4.0))
    assert [(each.row, each.why) for each in imputations_with_auxiliaries(flat, MI, AUXILIARY, 2).dropped] == [(FIRST, "constant")] * 2
    again = with_row(trial, SECOND, 2.0 * trial.values[FIRST] + 1.0)
    dropped = imputations_with_auxiliaries(again, MI, AUXILIARY, 2).dropped
    assert [(each.arm, each.why) for each in dropped] == [(0, "dependent"), (1, "dependent")]
    assert {each.row for each in dropped} <= {FIRST, SECOND}
    rare = trial.values[THIRD].copy()
    rare[np.flatnonzero((trial.arm == 1) & ~np.isnan(rare))[10:]] = np.nan
    assert imputations_with_auxiliaries(with_row(trial, THIRD, rare), MI, AUXILIARY, 2).dropped == (Dropped(THIRD, 1, "few_observed"),)


def test_an_auxiliary_without_a_level_of_the_baseline_is_dropped_not_the_analysis() -> None:
    trial = visited_trial(71)
    level = trial.values[ONE] == 1.0
    hidden = with_row(trial, THIRD, np.where(level & (trial.arm == 0), np.nan, trial.values[THIRD]))
    result = imputations_with_auxiliaries(hidden, MI, AUXILIARY, 4)
    assert result.reason == Reason.NONE
    assert result.dropped == (Dropped(THIRD, 0, "dependent"),)


def test_an_auxiliary_that_is_the_outcome_itself_is_dropped_not_the_others() -> None:
    trial = visited_trial(75, gaps=True)
    result = imputations_with_auxiliaries(with_row(trial, THIRD, 3.0 - 2.0 * trial.values[RESPONSE]), MI, AUXILIARY, 4)
    assert result.reason == Reason.NONE
    assert result.dropped == (Dropped(THIRD, 0, "dependent"), Dropped(THIRD, 1, "dependent"))
    np.testing.assert_array_equal(result.used, AUXILIARY[:2])


def reason_of(trial: Trial) -> int:
    result = imputations_with_auxiliaries(trial, MI, AUXILIARY, 2)
    assert np.isnan(result.values).all()
    return result.reason


def test_what_cannot_be_imputed_is_refused_with_the_reasons_of_the_loop() -> None:
    trial = visited_trial(72)
    seen = (trial.arm == 1) & ~np.isnan(trial.values[RESPONSE])
    assert reason_of(with_row(trial, ONE, np.where(seen, 0.0, trial.values[ONE]))) == Reason.IMPUTATION_RANK_DEFICIENT
    assert (
        reason_of(with_row(trial, PAIN, np.where(np.arange(trial.arm.size) == 3, np.nan, trial.values[PAIN]))) == Reason.MISSING_COVARIATE
    )
    assert reason_of(with_row(trial, RESPONSE, np.where(trial.arm == 0, np.nan, trial.values[RESPONSE]))) == Reason.EMPTY_ARM
    assert reason_of(kept(trial, 1, len(IMPUTATION) + 1 + FEWEST_DF)) == Reason.IMPUTATION_FEW_DF
    assert imputations_with_auxiliaries(kept(trial, 1, len(IMPUTATION) + 2 + FEWEST_DF), MI, AUXILIARY, 2).reason == Reason.NONE


def test_complete_arms_need_no_model() -> None:
    trial = visited_trial(73)
    filled = np.where(trial.arm == 0, 1.0, trial.values[ONE])
    complete = with_row(with_row(trial, RESPONSE, np.where(np.isnan(trial.values[RESPONSE]), 40.0, trial.values[RESPONSE])), ONE, filled)
    result = imputations_with_auxiliaries(complete, MI, AUXILIARY, 3)
    assert (result.values == complete.values[RESPONSE]).all()
    assert not result.missing.any()


def test_patterns() -> None:
    nan = np.nan
    nested = np.array([[1.0, nan, nan, 1.0], [1.0, 1.0, nan, 1.0], [1.0, nan, nan, nan]])
    pattern = find_pattern(nested)
    assert pattern.monotone
    assert pattern.order.tolist() == [1, 0, 2]
    assert pattern.observed.tolist() == [2, 3, 1]
    crossed: Floats = np.array([[1.0, nan], [nan, 1.0]])
    assert not find_pattern(crossed).monotone


def test_participants_of_a_third_arm_stay_as_they_are() -> None:
    two = visited_trial(74)
    three = make_trial(two.values, np.where(np.arange(two.arm.size) % 5 == 0, 2, two.arm), two.seed)
    result = imputations_with_auxiliaries(three, MI, AUXILIARY, 2)
    outside = np.isnan(three.values[RESPONSE]) & (three.arm == 2)
    assert outside.any()
    assert np.isnan(result.values[:, outside]).all()
    assert np.isfinite(result.values[:, three.arm != 2]).all()
