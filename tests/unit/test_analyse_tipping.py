"""The tipping point: polynomials against the limit itself, roots against a second evaluation, and what is said when nothing tips."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from odisea.analyse.estimate import estimate, finish
from odisea.analyse.single import Circumstances, Single
from odisea.analyse.tipping import carry_out, first_crossing
from odisea.data.trial import Analysis, Assumption, Estimate, Floats, Method, Reason, Trial
from tests.analysed import PAIN, RESPONSE, planned, random_trial, with_row

LIMIT = planned(Method.ANCOVA_MI_LIMIT)
JUMP = LIMIT._replace(assumption=int(Assumption.JUMP_TO_REFERENCE))


def carried_out(trial: Trial, analysis: Analysis = LIMIT, scale: object = (0.0, 100.0), difference: float | None = None) -> Single:
    plan: Any = SimpleNamespace(analysis=analysis, alpha=0.05, scale=scale, important_difference=difference)
    result = carry_out(trial, plan, Circumstances())
    json.dumps(dict(result.details), allow_nan=False)
    return result


def at(trial: Trial, analysis: Analysis, arm: float, reference: float = 0.0) -> tuple[Estimate, float]:
    """The limit with deltas and its p value."""
    result = estimate(trial, analysis._replace(delta_arm=arm, delta_reference=reference))
    return result, float(finish(result.estimate, result.se, result.df, 0.05)[2])


@pytest.mark.parametrize("analysis", [LIMIT, JUMP])
def test_the_row_is_the_limit_without_deltas(analysis: Analysis) -> None:
    trial = random_trial(90, arms=3)
    single = carried_out(trial, analysis._replace(delta_arm=7.0, delta_reference=3.0))
    np.testing.assert_allclose(single.estimate, estimate(trial, analysis), rtol=1e-12)


@pytest.mark.parametrize("analysis", [LIMIT, JUMP])
@pytest.mark.parametrize("seed", [91, 92])
def test_the_tipping_delta_has_p_equal_to_alpha_and_smaller_ones_do_not(analysis: Analysis, seed: int) -> None:
    """At the root p is alpha to 1e-9: the root's tolerance 1e-10 times a slope of p below 0.1 per point, and rounding."""
    trial = random_trial(seed, n=300, effect=-8.0)
    details = carried_out(trial, analysis).details
    tip, zero = details["tipping_delta"], details["zero_delta"]
    assert 0.0 < tip < zero
    assert at(trial, analysis, tip)[1] == pytest.approx(0.05, abs=1e-9)
    assert all(at(trial, analysis, delta)[1] < 0.05 for delta in np.linspace(0.0, 0.999 * tip, 20))
    assert at(trial, analysis, 1.001 * tip)[1] > 0.05
    assert at(trial, analysis, zero)[0].estimate == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize("analysis", [LIMIT, JUMP])
def test_the_frontier_is_the_limit_in_every_cell(analysis: Analysis) -> None:
    trial = random_trial(93, n=200)
    frontier = carried_out(trial, analysis).details["frontier"]
    assert frontier["delta"] == pytest.approx(list(range(21)), abs=1e-12)
    for i, reference in ((0, 0.0), (7, 7.0), (20, 20.0)):
        for j, arm in ((0, 0.0), (5, 5.0), (20, 20.0)):
            result, p = at(trial, analysis, arm, reference)
            assert frontier["estimate"][i][j] == pytest.approx(result.estimate, rel=1e-10)
            assert frontier["p"][i][j] == pytest.approx(p, rel=1e-8)
        tip = frontier["tipping_delta"][i]
        assert at(trial, analysis, tip, reference)[1] == pytest.approx(0.05, abs=1e-9)
    assert frontier["tipping_delta"][0] == carried_out(trial, analysis).details["tipping_delta"]


def test_the_estimate_moves_by_the_weight_of_the_missing() -> None:
    """Without covariates the weight is the arm's share missing: the effect over it is the delta that takes it to 0."""
    trial = random_trial(94)
    bare = planned(Method.ANCOVA_MI_LIMIT, covariates=())
    share = np.isnan(trial.values[RESPONSE][trial.arm == 0]).mean()
    details = carried_out(trial, bare, difference=10.0).details
    assert details["zero_delta"] == pytest.approx(-estimate(trial, bare).estimate / share, rel=1e-10)
    assert details["zero_delta_in_differences"] == pytest.approx(details["zero_delta"] / 10.0)
    assert details["tipping_delta_in_differences"] == pytest.approx(details["tipping_delta"] / 10.0)


def test_higher_is_better_turns_the_deltas_round() -> None:
    trial = random_trial(95, n=300)
    mirrored = with_row(trial, RESPONSE, -trial.values[RESPONSE])
    one, two = carried_out(trial).details, carried_out(mirrored, LIMIT._replace(direction=1.0), (-100.0, 0.0)).details
    for name in ("tipping_delta", "zero_delta"):
        assert two[name] == pytest.approx(-one[name], rel=1e-10)
    np.testing.assert_allclose(two["frontier"]["p"], one["frontier"]["p"], rtol=1e-8)
    assert two["frontier"]["delta"][20] == pytest.approx(-20.0)


def test_what_does_not_tip_says_so() -> None:
    trial = random_trial(96, n=300, loss=0.1, effect=-25.0)
    single = carried_out(trial)
    assert single.details["tipping_delta"] is None
    assert "no_tipping_within_scale" in single.flags
    assert single.details["zero_delta"] > single.details["searched_up_to"] == 100.0
    complete = carried_out(random_trial(96, loss=0.0))
    assert (complete.details["tipping_delta"], complete.details["zero_delta"]) == (None, None)
    assert "no_tipping_within_scale" in complete.flags


def test_what_is_not_significant_tips_into_significance_in_either_direction() -> None:
    trial = random_trial(97, n=300, effect=0.0)
    single = carried_out(trial)
    assert "not_significant_without_delta" in single.flags
    for name, sign in (("tipping_delta", 1.0), ("tipping_delta_other", -1.0)):
        delta = single.details[name]
        assert sign * delta > 0.0
        assert at(trial, LIMIT, delta)[1] == pytest.approx(0.05, abs=1e-9)
        assert at(trial, LIMIT, 0.5 * delta)[1] > 0.05


def test_an_unknown_scale_is_replaced_by_what_was_observed() -> None:
    trial = random_trial(98)
    details = carried_out(trial, scale=None).details
    assert details["searched_up_to"] == pytest.approx(np.nanmax(trial.values[RESPONSE]) - np.nanmin(trial.values[RESPONSE]))
    assert details["frontier"]["delta"][20] == pytest.approx(0.2 * details["searched_up_to"])


def test_swapped_arms_move_the_delta_to_the_other_arm_and_labels_move_nothing() -> None:
    trial = random_trial(99, n=300)
    order = np.random.default_rng(0).permutation(trial.arm.size)
    shuffled = trial._replace(values=np.ascontiguousarray(trial.values[:, order]), arm=trial.arm[order])
    one, two = carried_out(trial).details, carried_out(shuffled).details
    assert two["tipping_delta"] == pytest.approx(one["tipping_delta"], rel=1e-9)
    swapped = carried_out(trial, LIMIT._replace(arm=1, reference=0)).details
    np.testing.assert_allclose(np.array(swapped["frontier"]["p"]).T, one["frontier"]["p"], rtol=1e-8)
    np.testing.assert_allclose(-np.array(swapped["frontier"]["estimate"]).T, one["frontier"]["estimate"], rtol=1e-8, atol=1e-10)


def test_refusals_are_those_of_the_limit() -> None:
    trial = random_trial(100)
    unknown = trial.values[PAIN].copy()
    unknown[0] = np.nan
    assert carried_out(with_row(trial, PAIN, unknown)).estimate.reason == Reason.MISSING_COVARIATE
    lost = np.where(trial.arm == 1, np.nan, trial.values[RESPONSE])
    single = carried_out(with_row(trial, RESPONSE, lost), JUMP)
    assert single.estimate.reason == Reason.EMPTY_ARM
    assert np.isnan(single.estimate.estimate)
    assert single.details == {}


def test_the_nearest_crossing_of_several_is_found_in_the_direction_asked_for() -> None:
    def wave(x: Floats) -> Floats:
        return np.asarray(np.cos(x))

    assert first_crossing(wave, 20.0) == pytest.approx(np.pi / 2.0, abs=1e-9)
    assert first_crossing(wave, -20.0) == pytest.approx(-np.pi / 2.0, abs=1e-9)
    assert first_crossing(wave, 1.0) is None
