"""Loss as competing cause-specific hazards: formulas against the slow twin, drawn losses against exact probabilities.

Seeded; comparisons with a random bound allow 5.2 standard errors (two-sided alarm 2e-7 each, fewer than 100 of them).
"""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from odisea.errors import ProtocolError
from odisea.simulate.draft import dropout, loss_shares
from odisea.simulate.dropout import NEVER, add_loss_probabilities, choose_cause, draw_loss, weekly_hazards
from odisea.simulate.mechanism import (
    ACTIVITY,
    AGE,
    CAUSES,
    COMORBIDITY,
    EDUCATION,
    HEIGHT,
    LEAVE,
    MAR_ADHERENCE,
    MAR_COVARIATES,
    MCAR,
    MNAR,
    ODI_BASELINE,
    VAS_BASELINE,
    VAS_WEEK1,
    WEEKS,
    WEIGHT,
    DropoutModel,
    Mechanism,
)
from odisea.simulate.population import TRAIT_FRAILTY
from odisea.simulate.replicate import Cohort
from tests.declared import mechanism, scenario, simulated
from tests.twins.trial import World, lost_by

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Z = 5.2


class Losses(NamedTuple):
    """Exact probabilities of a cohort and the losses drawn for it, one draw per replicate number."""

    shares: Floats  # (2, 4) expected numbers lost first to each cause: control, programme
    kept: Floats  # (n,)
    week: Ints  # (draws, n)
    cause: Ints  # (draws, n)


def losses_of(cohort: Cohort, model: DropoutModel, draws: int = 40) -> Losses:
    n = cohort.units.size
    shares, kept = np.zeros((2, len(CAUSES))), np.empty(n)
    for arm in (0, 1):
        mine = np.flatnonzero(cohort.exposed == arm)
        part = np.empty(mine.size)
        add_loss_probabilities(
            model,
            cohort.exposed[mine],
            cohort.score[mine],
            cohort.traits[TRAIT_FRAILTY, mine],
            np.ascontiguousarray(cohort.live[:, mine]),
            np.ascontiguousarray(cohort.diary[:, mine]),
            np.ascontiguousarray(cohort.actual[:, mine]),
            shares[arm],
            part,
        )
        kept[mine] = part
    week, cause = np.empty((2, draws, n), dtype=np.int64)
    for draw in range(draws):
        arrays = (cohort.units, cohort.exposed, cohort.score, cohort.traits[TRAIT_FRAILTY], cohort.live, cohort.diary, cohort.actual)
        draw_loss(9, draw, model, *arrays, week[draw], cause[draw])
    return Losses(shares, kept, week, cause)


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return simulated(mechanism("mnar_by_arm"), 4_000)


def hazards_of(cohort: Cohort, model: DropoutModel, week: int) -> Floats:
    out = np.empty((len(CAUSES) + 1, cohort.units.size))
    seen = (cohort.traits[TRAIT_FRAILTY], cohort.live[week], cohort.diary[week], cohort.actual[week + 1])
    weekly_hazards(model, week, cohort.exposed, np.exp(cohort.score), *seen, out)
    return out


# ---------------------------------------------------------------- the formulas, against plain Python


@pytest.mark.parametrize("name", ["evidence_based", "mnar_by_arm", "no_attrition"])
def test_hazards_and_probabilities_equal_the_slow_twin(name: str) -> None:
    # An arm shift other than 0, as calibration solves it.
    model = mechanism(name)
    model = model._replace(dropout=model.dropout._replace(arm_shift=-0.3))
    cohort = simulated(model, 100)
    people = World(1, 0, model).trial((cohort.exposed == 1).tolist())
    found = np.stack([hazards_of(cohort, model.dropout, week) for week in range(WEEKS)])
    expected = np.array([person.hazards for person in people])  # person, week, cause
    np.testing.assert_allclose(found[:, : len(CAUSES)], expected.transpose(1, 2, 0), rtol=1e-11)
    np.testing.assert_allclose(found[:, len(CAUSES)], expected.sum(axis=2).T, rtol=1e-11)
    exact = np.array([lost_by(person.hazards) for person in people])
    losses = losses_of(cohort, model.dropout, draws=1)
    for arm in (0, 1):
        np.testing.assert_allclose(losses.shares[arm], exact[cohort.exposed == arm].sum(axis=(0, 1)), rtol=1e-10, atol=1e-300)
    np.testing.assert_allclose(losses.kept, 1.0 - exact.sum(axis=(1, 2)), atol=1e-12)


def test_probabilities_are_added_to_what_is_there() -> None:
    model = mechanism()
    cohort = simulated(model, 50)
    shares = np.full(4, 7.0)
    arrays = (cohort.exposed, cohort.score, cohort.traits[TRAIT_FRAILTY], cohort.live, cohort.diary, cohort.actual)
    add_loss_probabilities(model.dropout, *arrays, shares, np.empty(50))
    losses = losses_of(cohort, model.dropout, draws=1)
    np.testing.assert_allclose(shares, 7.0 + losses.shares.sum(axis=0), rtol=1e-12)


def test_shares_and_the_kept_are_everybody(cohort: Cohort) -> None:
    losses = losses_of(cohort, mechanism("mnar_by_arm").dropout, draws=1)
    assert losses.shares.sum() + losses.kept.sum() == pytest.approx(cohort.units.size, rel=1e-12)


# ---------------------------------------------------------------- drawn losses agree with the probabilities


def agrees(count: float, chances: Floats) -> bool:
    """A sum of independent Bernoulli draws, one per chance, against its mean and variance; 3 covers skew at small variances."""
    return bool(abs(count - chances.sum()) < Z * np.sqrt((chances * (1.0 - chances)).sum()) + 3.0)


@pytest.mark.parametrize("name", ["evidence_based", "mnar_by_arm", "attrition_50"])
def test_drawn_losses_have_their_exact_probabilities_by_arm_cause_and_week(name: str) -> None:
    draws, model = 60, mechanism(name)
    cohort = simulated(model, 400)
    people = World(1, 0, model).trial((cohort.exposed == 1).tolist())
    exact = np.array([lost_by(person.hazards) for person in people])
    drawn = losses_of(cohort, model.dropout, draws)
    for arm in (0, 1):
        mine = cohort.exposed == arm
        chances = np.repeat(exact[mine][None], draws, axis=0)
        for cause in range(len(CAUSES)):
            lost = drawn.cause[:, mine] == cause
            assert agrees(lost.sum(), chances[..., cause].sum(axis=2)), (arm, CAUSES[cause])
            for week in range(WEEKS):
                now = lost & (drawn.week[:, mine] == week)
                assert agrees(now.sum(), chances[:, :, week, cause]), (arm, CAUSES[cause], week)


def test_week_and_cause_are_drawn_together_or_not_at_all(cohort: Cohort) -> None:
    drawn = losses_of(cohort, mechanism("mnar_by_arm").dropout, draws=3)
    np.testing.assert_array_equal(drawn.week == NEVER, drawn.cause == NEVER)
    assert set(np.unique(drawn.week)) == {NEVER, *range(WEEKS)}
    assert set(np.unique(drawn.cause)) == {NEVER, *range(len(CAUSES))}


@pytest.mark.parametrize(
    ("place", "hazards", "cause"),
    [(0.0, [0.1, 0.2, 0.3, 0.4], 0), (0.1, [0.1, 0.2, 0.3, 0.4], 1), (0.59, [0.1, 0.2, 0.3, 0.4], 2), (0.99, [0.1, 0.2, 0.3, 0.4], 3),
     (0.0, [0.0, 0.0, 0.3, 0.0], 2), (0.3, [0.0, 0.0, 0.3, 0.0], 2), (1.0, [0.5, 0.0, 0.5, 0.0], 2)],
)  # fmt: skip
def test_a_place_falls_in_the_interval_of_its_cause(place: float, hazards: list[float], cause: int) -> None:
    # The last two: rounding may put the place at the very end; a cause without a hazard is never chosen.
    assert choose_cause(place, np.array([*hazards, sum(hazards)])) == cause


# ---------------------------------------------------------------- what each cause depends on


def test_chance_is_the_same_for_everybody_in_an_arm(cohort: Cohort) -> None:
    for week in range(WEEKS):
        chance = hazards_of(cohort, mechanism("mnar_by_arm").dropout, week)[MCAR]
        assert np.unique(chance).size == 1


def test_low_adherence_is_a_reason_in_the_programme_and_frailty_among_the_controls(cohort: Cohort) -> None:
    model = mechanism("mnar_by_arm").dropout
    tele, frailty = cohort.exposed == 1, cohort.traits[TRAIT_FRAILTY]
    for week in range(WEEKS):
        hazard = hazards_of(cohort, model, week)[MAR_ADHERENCE]
        taken_up = (cohort.live[week] + cohort.diary[week] / 7.0)[tele] / 2.0
        order = np.argsort(taken_up)
        assert (np.diff(hazard[tele][order]) <= 1e-15).all()
        assert np.log(hazard[tele].max() / hazard[tele].min()) == pytest.approx(model.adherence_slope * np.ptp(taken_up), rel=1e-9)
        slope = np.polyfit(frailty[~tele], np.log(hazard[~tele]), 1)[0]
        assert slope == pytest.approx(-model.frailty_slope, abs=1e-9)


def test_recorded_characteristics_act_through_their_slopes_in_both_arms_alike() -> None:
    base = mechanism(covariate_missing=0.0)
    names = ("age", "bmi", "odi", "comorbidity", "activity", "pain", "education", "leave")
    for index, name in enumerate(names):
        alone = {f"loss_slope_{other}": 0.0 for other in names} | {f"loss_slope_{name}": 1.0}
        model = mechanism(covariate_missing=0.0, **alone)
        cohort = simulated(model, 500)
        d, seen = model.dropout, cohort.recorded
        bmi = seen[WEIGHT] / (seen[HEIGHT] / 100.0) ** 2
        rows = (AGE, WEIGHT, ODI_BASELINE, COMORBIDITY, ACTIVITY, VAS_BASELINE, EDUCATION, LEAVE)
        values = bmi if name == "bmi" else seen[rows[index]]
        expected = (values - d.covariate_centres[index]) / d.covariate_scales[index]
        np.testing.assert_allclose(cohort.score, expected, atol=1e-12, err_msg=name)
        np.testing.assert_array_equal(d.covariate_centres, base.dropout.covariate_centres)
        ratio = hazards_of(cohort, d, 0)[MAR_COVARIATES] / np.exp(cohort.score)
        assert np.ptp(ratio) < 1e-12


def test_centres_and_scales_are_near_the_means_and_spreads_of_those_who_take_part() -> None:
    """They only set the level that is solved, but a scale that is far off would give the slope another meaning."""
    cohort, d = simulated(mechanism(covariate_missing=0.0), 20_000), mechanism().dropout
    seen = cohort.recorded
    bmi = seen[WEIGHT] / (seen[HEIGHT] / 100.0) ** 2
    rows = (seen[AGE], bmi, seen[ODI_BASELINE], seen[COMORBIDITY], seen[ACTIVITY], seen[VAS_BASELINE], seen[EDUCATION], seen[LEAVE])
    for values, centre, scale in zip(rows, d.covariate_centres, d.covariate_scales, strict=True):
        assert abs(values.mean() - centre) < 0.5 * scale
        assert 0.7 < values.std() / scale < 1.3


@pytest.mark.parametrize(("control", "tele"), [(0.8, -0.8), (-0.8, 0.8), (0.4, 0.4), (0.0, 0.0)])
def test_the_sign_of_a_slope_says_who_leaves_each_arm(control: float, tele: float) -> None:
    model = mechanism("mnar_by_arm", mnar_slope_control=control, mnar_slope_tele=tele)
    cohort = simulated(model, 20_000)
    hazard = hazards_of(cohort, model.dropout, 3)[MNAR]
    for arm, slope in ((0, control), (1, tele)):
        mine = cohort.exposed == arm
        log_ratio = np.polyfit(cohort.actual[4, mine], np.log(hazard[mine]), 1)[0]
        assert log_ratio == pytest.approx(slope / model.dropout.disability_scale, abs=1e-9)
        lost = cohort.cause[mine] == MNAR
        at_loss = np.take_along_axis(cohort.actual[1:, mine], np.maximum(cohort.week_lost[mine], 0)[None], axis=0)[0]
        difference = at_loss[lost].mean() - cohort.actual[WEEKS, mine][~lost].mean()
        if slope:
            assert np.sign(difference) == np.sign(slope)


def test_the_recovered_leave_the_programme_and_the_worse_the_control_in_the_declared_scenario() -> None:
    model = mechanism("mnar_by_arm")
    assert model.dropout.mnar_slope.tolist() == [0.8, -0.8]


def test_the_arm_shift_multiplies_every_hazard_of_the_programme_only(cohort: Cohort) -> None:
    model = mechanism("mnar_by_arm").dropout
    shifted = model._replace(arm_shift=0.7)
    for week in (0, 5):
        before, after = hazards_of(cohort, model, week), hazards_of(cohort, shifted, week)
        tele = cohort.exposed == 1
        np.testing.assert_array_equal(after[:, ~tele], before[:, ~tele])
        np.testing.assert_allclose(after[:, tele], before[:, tele] * np.exp(0.7), rtol=1e-13)


def test_the_weeks_have_their_weights() -> None:
    values, model = scenario().values, mechanism().dropout
    assert model.timing.sum() == pytest.approx(1.0, abs=1e-12)
    assert (model.timing[0], model.timing[-1]) == (values["loss_weight_week1"], values["loss_weight_final"])
    assert np.ptp(model.timing[1:-1]) == 0.0


# ---------------------------------------------------------------- no share, no loss

ONLY = {name: {f"loss_part_{other}": float(other == name) for other in CAUSES} for name in CAUSES}


@pytest.mark.parametrize("name", CAUSES)
def test_a_cause_with_a_share_of_zero_takes_nobody(name: str) -> None:
    model = mechanism(**ONLY[name], loss_total=0.5)
    cohort = simulated(model, 4_000)
    assert set(np.unique(cohort.cause)) == {NEVER, CAUSES.index(name)}
    assert model.dropout.active.tolist() == [int(other == name) for other in CAUSES]
    shares = losses_of(cohort, model.dropout, draws=1).shares.sum(axis=0)
    assert (shares > 0.0).tolist() == [other == name for other in CAUSES]


def test_without_loss_nobody_is_lost() -> None:
    model = mechanism("no_attrition", covariate_missing=0.0)
    cohort = simulated(model, 4_000)
    assert set(np.unique(cohort.cause)) == set(np.unique(cohort.week_lost)) == {NEVER}
    losses = losses_of(cohort, model.dropout, draws=2)
    assert not losses.shares.any()
    assert (losses.kept == 1.0).all()
    # The declared scenario also leaves no second item blank; between the visits nobody is asked.
    assert not np.isnan(cohort.recorded[:VAS_WEEK1]).any()


def test_the_shares_are_parts_of_the_whole_loss() -> None:
    values = scenario().values
    shares = loss_shares(values)
    assert shares.sum() == pytest.approx(values["loss_total"])
    assert shares.tolist() == pytest.approx([0.15, 0.10, 0.05, 0.10])


def test_weights_of_weeks_above_1_are_refused() -> None:
    with pytest.raises(ProtocolError, match=r"loss_weight_week1 \+ loss_weight_final: the sum is 1.1; it may not be above 1"):
        dropout({**scenario().values, "loss_weight_week1": 0.6, "loss_weight_final": 0.5})


def test_who_is_lost_never_depends_on_the_week_6_answers() -> None:
    """The latent disability decides, not the item noise of the follow-up visit."""
    model: Mechanism = mechanism()
    noisy = model._replace(measurement=model.measurement._replace(transient_sd=0.0))
    first, second = simulated(model, 2_000), simulated(noisy, 2_000)
    silent = model.dropout._replace(covariate_slopes=np.zeros(8))
    for cohort in (first, second):
        cohort.score[:] = 0.0
    a, b = losses_of(first, silent, draws=1), losses_of(second, silent, draws=1)
    np.testing.assert_array_equal(a.cause, b.cause)
