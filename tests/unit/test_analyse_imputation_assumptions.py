"""Jump to reference, deltas and the jackknife of conditional means, each against refitting; categories that nobody needed."""

from functools import cache

import numpy as np
import pytest

from odisea.analyse.conditional_mean import leave_one_out
from odisea.analyse.estimate import estimate
from odisea.analyse.imputation import impute
from odisea.analyse.imputation_model import imputation_models, make_frame
from odisea.data.trial import Analysis, Assumption, Floats, Ints, Method, Reason, Status, Trial, Variance, make_trial
from tests.analysed import AGE, BASELINE, ONE, PAIN, RESPONSE, columns, planned, random_trial, with_row

MI, LIMIT, ANCOVA = planned(Method.ANCOVA_MI), planned(Method.ANCOVA_MI_LIMIT), planned(Method.ANCOVA)
JUMP = LIMIT._replace(assumption=int(Assumption.JUMP_TO_REFERENCE))
DELTA = LIMIT._replace(delta_arm=4.0, delta_reference=-1.5)
JUMP_DELTA = DELTA._replace(assumption=int(Assumption.JUMP_TO_REFERENCE))
JACKKNIFE, JUMP_JACKKNIFE = (each._replace(variance=int(Variance.JACKKNIFE)) for each in (LIMIT, JUMP_DELTA))


def arms_imputed_from(analysis: Analysis) -> list[tuple[int, int]]:
    """Pairs of an arm and the arm whose observed participants impute it."""
    jumps = analysis.assumption == Assumption.JUMP_TO_REFERENCE
    return [(analysis.arm, analysis.reference if jumps else analysis.arm), (analysis.reference, analysis.reference)]


def expected_outcomes(trial: Trial, analysis: Analysis, kept: Ints) -> Floats:
    """The response of the kept participants with missing values replaced by least squares predictions and deltas."""
    response = trial.values[analysis.response].copy()
    z = np.column_stack([np.ones(trial.arm.size), trial.values[analysis.imputation].T])
    left = np.isin(np.arange(trial.arm.size), kept)
    for arm, source in arms_imputed_from(analysis):
        seen = left & (trial.arm == source) & ~np.isnan(trial.values[analysis.response])
        unseen = left & (trial.arm == arm) & np.isnan(trial.values[analysis.response])
        delta = analysis.delta_arm if arm == analysis.arm else analysis.delta_reference
        response[unseen] = z[unseen] @ np.linalg.lstsq(z[seen], response[seen], rcond=None)[0] + delta
    return np.asarray(response)


def refitted(trial: Trial, analysis: Analysis, kept: Ints) -> float:
    """The arm effect of the expected outcomes of the kept participants, everything fitted anew."""
    chosen = np.isin(np.arange(trial.arm.size), kept)
    x = columns(trial, analysis, chosen)
    return float(np.linalg.lstsq(x, expected_outcomes(trial, analysis, kept)[chosen], rcond=None)[0][1])


@pytest.mark.parametrize("analysis", [JACKKNIFE, JUMP_JACKKNIFE])
@pytest.mark.parametrize(("seed", "arms"), [(40, 2), (41, 3)])
def test_leaving_one_out_is_what_refitting_without_it_gives(analysis: Analysis, seed: int, arms: int) -> None:
    """Rank-one updates against least squares on n - 1 participants; 1e-10 is 1e3 times the rounding of a solve of condition 1e3."""
    trial = random_trial(seed, n=60 * arms, arms=arms)
    first, second = imputation_models(trial, analysis)
    frame = make_frame(trial, analysis, first, second)
    chosen = np.flatnonzero((trial.arm == analysis.arm) | (trial.arm == analysis.reference))
    slow = np.array([refitted(trial, analysis, chosen[chosen != who]) for who in chosen])
    np.testing.assert_allclose(leave_one_out(trial, frame, first, second), slow, atol=1e-10, rtol=0)
    result = estimate(trial, analysis)
    n = chosen.size
    variance = (n - 1) / n * np.sum((slow - slow.mean()) ** 2)
    np.testing.assert_allclose([result.estimate, result.se], [refitted(trial, analysis, chosen), np.sqrt(variance)], rtol=1e-10)
    assert (result.df, result.between, result.mcse, result.status) == (np.inf, 0.0, 0.0, Status.OK)


def test_the_jackknife_is_not_rubins_variance() -> None:
    """Information-anchored and frequentist variances of jump to reference differ by far; within arm they nearly agree."""
    trial = random_trial(42, n=300)
    ratio = {
        assumption: estimate(trial, LIMIT._replace(assumption=int(assumption), variance=int(Variance.JACKKNIFE))).se
        / estimate(trial, LIMIT._replace(assumption=int(assumption))).se
        for assumption in Assumption
    }
    assert ratio[Assumption.JUMP_TO_REFERENCE] < 0.85
    assert ratio[Assumption.WITHIN_ARM] == pytest.approx(1.0, abs=0.15)


def test_a_participant_who_determines_a_coefficient_alone_cannot_be_left_out() -> None:
    trial = random_trial(43, loss=0.0)
    alone = np.zeros(trial.arm.size)
    alone[5] = 1.0
    result = estimate(with_row(trial, ONE, alone), JACKKNIFE)
    assert result.reason == Reason.LEVERAGE_ONE
    assert result.status == Status.NOT_ESTIMABLE
    assert np.isnan([result.estimate, result.se]).all()
    incomplete = random_trial(43)
    seen = np.flatnonzero((incomplete.arm == 0) & ~np.isnan(incomplete.values[RESPONSE]))
    level = np.where(incomplete.arm == 0, 0.0, incomplete.values[ONE])
    level[seen[0]] = 1.0
    assert estimate(with_row(incomplete, ONE, level), JACKKNIFE).reason == Reason.LEVERAGE_ONE
    assert estimate(with_row(incomplete, ONE, level), LIMIT).status == Status.OK


@pytest.mark.parametrize("analysis", [JUMP, DELTA, JUMP_DELTA])
@pytest.mark.parametrize("seed", [44, 45])
def test_drawn_imputations_agree_with_the_exact_limit(analysis: Analysis, seed: int) -> None:
    """Of 4,000: estimate and W within 4 Monte Carlo standard errors, B within 4 B sqrt(2 / (m - 1))."""
    m = 4000
    trial = random_trial(seed, n=100, loss=0.4)
    drawn, exact = estimate(trial, analysis._replace(method=int(Method.ANCOVA_MI), m=m)), estimate(trial, analysis)
    blocks = [estimate(trial._replace(replicate=k), analysis._replace(method=int(Method.ANCOVA_MI), m=100)).within for k in range(m // 100)]
    assert abs(drawn.estimate - exact.estimate) < 4.0 * drawn.mcse
    assert abs(drawn.between / exact.between - 1.0) < 4.0 * np.sqrt(2.0 / (m - 1))
    assert abs(drawn.within - exact.within) < 4.0 * np.std(blocks, ddof=1) / np.sqrt(len(blocks))
    assert exact.mcse == 0.0


@pytest.mark.parametrize("analysis", [JUMP, DELTA, JUMP_DELTA])
def test_the_algebra_gives_what_refitting_every_imputed_data_set_gives(analysis: Analysis) -> None:
    trial = random_trial(46, arms=3)
    drawn = analysis._replace(method=int(Method.ANCOVA_MI))
    fits = [estimate(with_row(trial, RESPONSE, completed), ANCOVA) for completed in impute(trial, drawn)]
    result = estimate(trial, drawn)
    estimates = np.array([fit.estimate for fit in fits])
    found = [result.estimate, result.within, result.between]
    np.testing.assert_allclose(found, [estimates.mean(), np.mean([fit.se**2 for fit in fits]), estimates.var(ddof=1)], rtol=1e-10)


def test_the_reference_is_imputed_alike_under_both_assumptions_and_a_delta_moves_whom_it_names() -> None:
    """Common random numbers: within arm and jump to reference share every draw of the reference arm."""
    trial = random_trial(47)
    plain, jumped = impute(trial, MI), impute(trial, MI._replace(assumption=int(Assumption.JUMP_TO_REFERENCE)))
    shifted = impute(trial, MI._replace(delta_arm=3.0, delta_reference=-2.0))
    gone = np.isnan(trial.values[RESPONSE])
    np.testing.assert_allclose(jumped[:, trial.arm == 1], plain[:, trial.arm == 1], rtol=1e-12)
    assert (jumped[:, gone & (trial.arm == 0)] != plain[:, gone & (trial.arm == 0)]).all()
    np.testing.assert_allclose(
        (shifted - plain)[:, gone], np.broadcast_to(np.where(trial.arm == 0, 3.0, -2.0)[gone], (20, gone.sum())), rtol=1e-12
    )
    assert (shifted == plain)[:, ~gone].all()


def test_jump_to_reference_pulls_the_effect_towards_none() -> None:
    trial = random_trial(48, n=600, effect=-20.0)
    assert estimate(trial, LIMIT).estimate < estimate(trial, JUMP).estimate < 0.0


@pytest.mark.parametrize("analysis", [JUMP, DELTA, JUMP_DELTA])
def test_nothing_missing_is_the_complete_data_result(analysis: Analysis) -> None:
    trial = random_trial(49, loss=0.0)
    complete = estimate(trial, ANCOVA)
    for method in (Method.ANCOVA_MI, Method.ANCOVA_MI_LIMIT):
        result = estimate(trial, analysis._replace(method=int(method)))
        np.testing.assert_allclose([result.estimate, result.se], [complete.estimate, complete.se], rtol=1e-14)
        assert result.df == pytest.approx(complete.df * (complete.df + 1.0) / (complete.df + 3.0), rel=1e-14)


def refused(trial: Trial, analysis: Analysis) -> tuple[Status, Reason]:
    result = estimate(trial, analysis)
    assert np.isnan([result.estimate, result.se, result.df, result.within, result.between, result.mcse]).all()
    return Status(int(result.status)), Reason(int(result.reason))


@pytest.mark.parametrize("analysis", [JUMP, JUMP_JACKKNIFE])
def test_what_cannot_be_imputed_from_the_reference_is_refused(analysis: Analysis) -> None:
    trial = random_trial(50)
    gone = np.isnan(trial.values[RESPONSE])
    unseen = np.where((trial.arm == 1) & ~gone, 0.0, trial.values[ONE])
    assert refused(with_row(trial, ONE, unseen), analysis) == (Status.REFUSED, Reason.IMPUTATION_RANK_DEFICIENT)
    for arm in (0, 1):
        lost = np.where(trial.arm == arm, np.nan, trial.values[RESPONSE])
        assert refused(with_row(trial, RESPONSE, lost), analysis) == (Status.NOT_ESTIMABLE, Reason.EMPTY_ARM)
    unknown = np.where(gone & (trial.arm == 0), np.nan, trial.values[PAIN])
    assert refused(with_row(trial, PAIN, unknown), analysis) == (Status.REFUSED, Reason.MISSING_COVARIATE)
    few = trial.values[RESPONSE].copy()
    few[np.flatnonzero((trial.arm == 1) & ~gone)[11:]] = np.nan
    assert refused(with_row(trial, RESPONSE, few), analysis) == (Status.REFUSED, Reason.IMPUTATION_FEW_DF)


def test_jump_to_reference_needs_no_observed_level_in_the_arm_itself() -> None:
    trial = random_trial(51)
    seen = (trial.arm == 0) & ~np.isnan(trial.values[RESPONSE])
    assert estimate(with_row(trial, ONE, np.where(seen, 0.0, trial.values[ONE])), JUMP).status == Status.OK


@pytest.mark.parametrize("analysis", [LIMIT, MI, JUMP_DELTA, JACKKNIFE, JUMP_JACKKNIFE])
def test_a_category_that_nobody_of_the_contrast_needed_is_no_column(analysis: Analysis) -> None:
    """Also where the third arm, which is not compared, needs it; where one arm of the contrast alone needs it, refusal stays."""
    trial = random_trial(52, n=180, arms=3)
    row = trial.values.shape[0]
    for never in (np.zeros(trial.arm.size), (trial.arm == 2) * 1.0):
        wider = make_trial(np.vstack([trial.values, never]), trial.arm, trial.seed)
        more = analysis._replace(covariates=np.append(analysis.covariates, row), imputation=np.append(analysis.imputation, row))
        assert estimate(wider, more) == estimate(trial, analysis)
    needed = np.where(trial.arm == 0, trial.values[ONE], 0.0)
    if analysis.assumption == Assumption.JUMP_TO_REFERENCE:
        assert refused(with_row(trial, ONE, needed), analysis)[1] == Reason.IMPUTATION_RANK_DEFICIENT
    else:
        assert (
            refused(with_row(trial, ONE, np.where(trial.arm == 0, 0.0, trial.values[ONE])), analysis)[1] == Reason.IMPUTATION_RANK_DEFICIENT
        )


@cache
def shuffled(seed: int) -> tuple[Trial, Trial]:
    trial = random_trial(seed)
    order = np.random.default_rng(seed).permutation(trial.arm.size)
    return trial, trial._replace(values=np.ascontiguousarray(trial.values[:, order]), arm=trial.arm[order])


@pytest.mark.parametrize("analysis", [JUMP, DELTA, JUMP_DELTA, JACKKNIFE, JUMP_JACKKNIFE])
def test_labels_units_and_origins_change_nothing_that_is_not_drawn(analysis: Analysis) -> None:
    trial, relabelled = shuffled(53)
    np.testing.assert_allclose(estimate(relabelled, analysis)[:3], estimate(trial, analysis)[:3], rtol=1e-10)
    moved = with_row(with_row(trial, AGE, -3.7 * trial.values[AGE] + 2000.0), BASELINE, 1e-2 * trial.values[BASELINE] - 5.0)
    np.testing.assert_allclose(estimate(moved, analysis)[:3], estimate(trial, analysis)[:3], rtol=1e-10)


@pytest.mark.parametrize("analysis", [DELTA, JACKKNIFE])
def test_swapping_the_arms_flips_the_sign(analysis: Analysis) -> None:
    trial = random_trial(54)
    other = analysis._replace(arm=1, reference=0, delta_arm=analysis.delta_reference, delta_reference=analysis.delta_arm)
    result, swapped = estimate(trial, analysis), estimate(trial, other)
    np.testing.assert_allclose([-swapped.estimate, swapped.se, swapped.df], result[:3], rtol=1e-10)


@pytest.mark.parametrize("analysis", [JUMP, DELTA])
def test_relabelled_participants_draw_within_monte_carlo_error(analysis: Analysis) -> None:
    drawn = analysis._replace(method=int(Method.ANCOVA_MI), m=500)
    one, two = (estimate(each, drawn) for each in shuffled(55))
    assert 0.0 < abs(one.estimate - two.estimate) < 4.0 * np.hypot(one.mcse, two.mcse)
