"""Latent disability and pain: moments and autocorrelation by formula, natural course, flare, prognosis, the programme's effect.

Seeded; comparisons with a random bound allow 5.2 standard errors (two-sided alarm 2e-7 each, fewer than 130 of them).
"""

import math
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from odisea.simulate.course import (
    draw_groups,
    draw_leaks,
    draw_pain_noise,
    draw_sensitivity,
    draw_untreated,
    natural_fraction,
    programme_effect,
    weekly_pain,
)
from odisea.simulate.mechanism import AS_TREATED, WEEKS, CourseModel
from odisea.simulate.population import (
    N_TRAITS,
    TRAIT_ACTIVITY,
    TRAIT_AGE,
    TRAIT_COMORBIDITY,
    TRAIT_DISABILITY,
    TRAIT_FLARE,
    TRAIT_PAIN,
)
from odisea.streams import fill_normal
from tests.declared import NO_EVENTS, NO_FEEDBACK, followed, mechanism, scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Z = 5.2
N = 200_000
SPARE_PURPOSE = 98  # traits of these tests, at an address that the simulator does not use
UNITS = np.arange(N, dtype=np.int64)
HALF_NORMAL = math.sqrt(2.0 / math.pi)


def traits() -> Floats:
    """Traits of people whom nobody has screened, and without correlations: independent standard normal."""
    normal = np.empty((N_TRAITS, N))
    for part in range(N_TRAITS // 4):
        fill_normal(1, 0, SPARE_PURPOSE, part, UNITS, normal[4 * part : 4 * part + 4])
    return normal


def paths(model: CourseModel, flare_size: float = 0.0) -> Floats:
    out = np.empty((WEEKS + 1, N))
    draw_untreated(1, 0, model, flare_size, UNITS, traits(), out)
    return out


def fraction(week: int, time_constant: float) -> float:
    return (1.0 - math.exp(-week / time_constant)) / (1.0 - math.exp(-6.0 / time_constant))


def model_of(**changes: float) -> CourseModel:
    return CourseModel(**{**mechanism().course._asdict(), "prognosis": 0.0, **changes})


# ---------------------------------------------------------------- the course without the programme


@pytest.mark.parametrize("time_constant", [0.1, 2.5, 40.0])
def test_the_natural_course_runs_from_0_to_1(time_constant: float) -> None:
    steps = [natural_fraction(float(week), time_constant) for week in range(WEEKS + 1)]
    assert (steps[0], steps[-1]) == (0.0, 1.0)
    assert steps == sorted(steps)
    assert steps == pytest.approx([fraction(week, time_constant) for week in range(WEEKS + 1)], abs=1e-14)


@pytest.mark.parametrize("share", [0.0, 0.35, 0.6, 1.0])
@pytest.mark.parametrize("keep", [0.0, 0.8])
def test_the_latent_path_has_the_variance_and_autocorrelation_of_its_formula(share: float, keep: float) -> None:
    """corr(X(u), X(v)) = share + (1 - share) keep**|u - v|, before any screening."""
    out = paths(model_of(stable_share=share, weekly_correlation=keep, natural_cv=0.0))
    sd = out.std(axis=1)
    model = model_of()
    g = np.array([fraction(week, model.natural_weeks) for week in range(WEEKS + 1)])
    expected_sd = model.sd_baseline + (model.sd_week6 - model.sd_baseline) * g
    assert (np.abs(sd / expected_sd - 1.0) < Z / np.sqrt(2 * N)).all()
    found: Floats = np.asarray(np.corrcoef(out))
    for first, second in combinations(range(WEEKS + 1), 2):
        r = share + (1.0 - share) * keep ** (second - first)
        assert abs(found[first, second] - r) < Z * (1.0 - r**2) / np.sqrt(N) + 1e-9, (first, second)


def test_the_mean_falls_by_the_natural_course() -> None:
    model = model_of(natural_change=7.0)
    out = paths(model)
    for week in range(WEEKS + 1):
        expected = model.mean - 7.0 * fraction(week, model.natural_weeks)
        assert abs(out[week].mean() - expected) < Z * out[week].std() / np.sqrt(N)


def test_people_differ_in_their_natural_course() -> None:
    """Variance at week 6 = sd**2 + (cv change)**2, independent of the path."""
    model = model_of(natural_change=10.0, natural_cv=0.8)
    out, same_course = paths(model), paths(model._replace(natural_cv=0.0))
    own = out[WEEKS] - same_course[WEEKS]
    assert own.std() == pytest.approx(8.0, rel=Z / np.sqrt(2 * N))
    assert abs(np.corrcoef(own, same_course[WEEKS])[0, 1]) < Z / np.sqrt(N)
    for week in range(1, WEEKS + 1):
        np.testing.assert_allclose(out[week] - same_course[week], own * fraction(week, model.natural_weeks), atol=1e-10)


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_weeks_0_and_6_correlate_by_formula(share: float) -> None:
    model = model_of(stable_share=share, weekly_correlation=0.8, natural_change=5.0, natural_cv=0.8)
    out = paths(model)
    at_6 = model.sd_week6**2 + (5.0 * 0.8) ** 2
    r = (share + (1.0 - share) * 0.8**6) * model.sd_week6 / math.sqrt(at_6)
    assert abs(np.corrcoef(out[0], out[WEEKS])[0, 1] - r) < Z * (1.0 - r**2) / np.sqrt(N)
    assert abs(out[WEEKS].std() - math.sqrt(at_6)) < Z * math.sqrt(at_6 / (2 * N))


def test_baseline_is_the_trait_that_eligibility_knows() -> None:
    model = model_of()
    np.testing.assert_array_equal(paths(model)[0], model.mean + model.sd_baseline * traits()[TRAIT_DISABILITY])


def test_the_rotation_leaves_stable_part_and_state_uncorrelated() -> None:
    """With keep = 0 the state is forgotten after a week: week 1 and later share the stable part only."""
    out = paths(model_of(stable_share=0.5, weekly_correlation=0.0, natural_cv=0.0, natural_change=0.0))
    changes = np.diff(out[1:], axis=0)
    assert np.abs(np.corrcoef(changes[0], out[0])[0, 1]) < Z / np.sqrt(N)


@pytest.mark.parametrize(("size", "weeks"), [(2.5, 3.0), (6.0, 1.0)])
def test_a_flare_is_half_normal_at_consultation_and_fades_exponentially(size: float, weeks: float) -> None:
    model = model_of(flare_weeks=weeks)
    flare = paths(model, size) - paths(model)
    for week in range(WEEKS + 1):
        np.testing.assert_allclose(flare[week], size * np.abs(traits()[TRAIT_FLARE]) * math.exp(-week / weeks), atol=1e-10)
    spread = size * math.sqrt(1.0 - HALF_NORMAL**2)
    assert abs(flare[0].mean() - size * HALF_NORMAL) < Z * spread / math.sqrt(N)


def test_the_old_the_inactive_and_those_with_comorbidity_improve_less() -> None:
    own = traits()
    slow = paths(model_of(prognosis=0.8)) - paths(model_of())
    index = own[TRAIT_AGE] + own[TRAIT_COMORBIDITY] - own[TRAIT_ACTIVITY]
    for week in range(WEEKS + 1):
        np.testing.assert_allclose(slow[week], 0.8 * index * fraction(week, model_of().natural_weeks), atol=1e-10)


def test_the_declared_prognosis_is_per_standard_deviation_of_the_index() -> None:
    values = scenario().values
    variance = 3.0 + 2.0 * (values["r_age_comorbidity"] - values.get("r_age_activity", 0.0) - values.get("r_comorbidity_activity", 0.0))
    assert mechanism().course.prognosis * math.sqrt(variance) == pytest.approx(values["prognosis"], rel=1e-12)


# ---------------------------------------------------------------- the programme's effect


@pytest.mark.parametrize("cv", [0.0, 0.4, 1.2])
def test_the_multiplier_of_the_effect_is_log_normal_with_mean_1(cv: float) -> None:
    out = np.empty(N)
    draw_sensitivity(1, 0, mechanism(effect_cv=cv).course, UNITS, out)
    assert (out > 0.0).all()
    assert abs(out.mean() - 1.0) <= Z * cv / np.sqrt(N)
    spread = math.sqrt(math.log1p(cv**2))
    assert abs(np.log(out).std() - spread) <= Z * spread / np.sqrt(2 * N) + 1e-12
    assert abs(np.log(out).mean() + spread**2 / 2) <= Z * spread / np.sqrt(N) + 1e-12


def programme(model: CourseModel, dose: float, sensitivity: float = 1.0, week: int = 6, started: float = 1.0, leak: float = 0.0) -> float:
    """The effect of one person, ODI points."""
    out = np.empty(1)
    programme_effect(model, week, np.array([dose]), np.array([started]), np.array([leak]), np.array([sensitivity]), out)
    return float(out[0])


def test_the_effect_is_whole_at_full_dose_and_none_without() -> None:
    model = model_of(effect=-10.0)
    assert programme(model, 1.0) == pytest.approx(-10.0, abs=1e-12)
    assert programme(model, 1.0, week=2) == pytest.approx(-10.0, abs=1e-12)
    assert programme(model, 0.0) == 0.0
    assert programme(model, 1.0, sensitivity=0.5) == pytest.approx(-5.0, abs=1e-12)


@pytest.mark.parametrize("curvature", [0.01, 1.5, 4.0])
@pytest.mark.parametrize("dose", [0.1, 0.5, 0.9])
def test_the_dose_response_is_a_saturating_curve(curvature: float, dose: float) -> None:
    share = (1.0 - math.exp(-curvature * dose)) / (1.0 - math.exp(-curvature))
    assert programme(model_of(effect=-10.0, dose_curvature=curvature), dose) == pytest.approx(-10.0 * share, abs=1e-10)
    assert share >= dose


@pytest.mark.parametrize("weight", [0.4, 1.0])
@pytest.mark.parametrize("dose", [0.0, 0.3, 0.79, 0.8, 0.95, 1.0])
def test_a_threshold_is_a_logistic_step_from_0_to_1(dose: float, weight: float) -> None:
    model = model_of(effect=-10.0, threshold_weight=weight)
    middle, width = model.threshold, model.threshold_width
    low, here, high = special.expit((np.array([0.0, dose, 1.0]) - middle) / width)
    smooth = (1.0 - math.exp(-model.dose_curvature * dose)) / (1.0 - math.exp(-model.dose_curvature))
    expected = -10.0 * ((1.0 - weight) * smooth + weight * (here - low) / (high - low))
    assert programme(model, dose) == pytest.approx(expected, abs=1e-10)


def test_a_pure_threshold_gives_little_to_three_fifths_of_the_programme_and_half_at_its_middle() -> None:
    model = mechanism("dose_threshold").course._replace(effect=-10.0)
    assert model.threshold_weight == 1.0
    assert programme(model, 0.6) > -0.5
    # The curve is cut at doses 0 and 1, so the middle stands at a little more than half: 0.5 / expit(0.2 / 0.06).
    assert programme(model, 0.8) == pytest.approx(-5.0 / float(special.expit(0.2 / 0.06)), abs=1e-3)


@pytest.mark.parametrize("week", [1, 3, 6])
def test_attention_is_for_whoever_starts_and_builds_up_over_the_weeks(week: int) -> None:
    model = model_of(effect=-10.0, attention_share=0.3)
    assert programme(model, 0.0, week=week) == pytest.approx(-3.0 * week / 6.0, abs=1e-12)
    assert programme(model, 0.0, week=week, started=0.0) == 0.0
    assert programme(model, 1.0, week=week) == pytest.approx(-7.0 - 3.0 * week / 6.0, abs=1e-12)


@pytest.mark.parametrize("week", [1, 6])
def test_a_leak_brings_its_part_of_the_full_effect_to_a_control(week: int) -> None:
    model = model_of(effect=-10.0, attention_share=0.3)
    assert programme(model, 0.0, 1.2, week, started=0.0, leak=0.4) == pytest.approx(-10.0 * 1.2 * 0.4 * week / 6.0, abs=1e-12)


def test_without_an_effect_both_courses_are_one_bit_for_bit() -> None:
    assert mechanism("null").course.effect == 0.0
    assert programme(model_of(effect=0.0), 0.7, 1.3, leak=0.5) == 0.0
    model = mechanism("null", live_icc=0.0)
    control, tele = followed(model, 200, AS_TREATED, 0), followed(model, 200, AS_TREATED, 1)
    assert (control.event_week >= 0.0).any()
    for name in ("event_week", "actual", "pain", "items_week6"):
        np.testing.assert_array_equal(getattr(control, name), getattr(tele, name), err_msg=name)


# ---------------------------------------------------------------- leaks and live-session groups


def test_the_material_reaches_the_assumed_share_of_the_controls_only() -> None:
    model = mechanism("contaminated").course
    assert (model.leak_share, model.leak_effect) == (0.15, 0.5)
    exposed, out = UNITS % 2, np.full(N, 9.0)
    draw_leaks(1, 0, model, UNITS, exposed, out)
    assert not out[exposed == 1].any()
    reached = out[exposed == 0]
    assert set(np.unique(reached)) == {0.0, 0.5}
    assert abs((reached > 0.0).mean() - 0.15) < Z * math.sqrt(0.15 * 0.85 / reached.size)
    draw_leaks(1, 0, model._replace(leak_share=0.0), UNITS, exposed, out)
    assert not out.any()


def grouped(exposed: Ints, size: int, sd: float) -> tuple[Ints, Floats]:
    group, effect = np.full(exposed.size, 77, dtype=np.int64), np.full(exposed.size, 77.0)
    draw_groups(1, 0, mechanism().course._replace(group_size=size, group_sd=sd), exposed, group, effect)
    return group, effect


def test_groups_are_filled_in_the_order_of_enrolment() -> None:
    exposed = np.array([0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 1])
    group, effect = grouped(exposed, 3, 2.0)
    assert group.tolist() == [-1, 0, 0, -1, 0, 1, 1, -1, -1, 1, 2]
    assert (effect[exposed == 0] == 0.0).all()
    for number in range(3):
        assert np.unique(effect[group == number]).size == 1
    assert np.unique(effect[exposed == 1]).size == 3


def test_an_arm_of_nobody_and_a_spread_of_nothing_have_no_group_effects() -> None:
    group, effect = grouped(np.zeros(5, dtype=np.int64), 3, 2.0)
    assert group.tolist() == [-1] * 5
    assert not effect.any()
    group, effect = grouped(np.ones(5, dtype=np.int64), 3, 0.0)
    assert group.tolist() == [0, 0, 0, 1, 1]
    assert not effect.any()


def test_group_effects_are_normal_with_their_spread_and_the_same_draws_whatever_the_size() -> None:
    everybody = np.ones(N, dtype=np.int64)
    _, fives = grouped(everybody, 5, 2.0)
    _, tens = grouped(everybody, 10, 1.0)
    effects, groups = fives[::5], N // 5
    assert abs(effects.mean()) < Z * 2.0 / math.sqrt(groups)
    assert stats.kstest(effects / 2.0, "norm").pvalue > 1e-8
    np.testing.assert_allclose(effects[: N // 10], 2.0 * tens[::10], rtol=1e-14)


def test_a_group_moves_disability_week_by_week_and_nothing_else_of_the_course() -> None:
    changes = {**NO_FEEDBACK, **NO_EVENTS}
    with_groups, without = mechanism(live_icc=0.1, **changes), mechanism(live_icc=0.0, **changes)
    one, other = followed(with_groups, 100, AS_TREATED, 1), followed(without, 100, AS_TREATED, 1)
    steps = np.arange(WEEKS + 1)[:, None] / 6.0
    np.testing.assert_allclose(one.actual - other.actual, steps * one.group_effect, atol=1e-12)
    assert one.group_effect.std() > 0.0


# ---------------------------------------------------------------- pain


def pain_of(week: int, disability: Floats | float, programme: float = 0.0, relief: float = 0.0, **changes: float) -> Floats:
    """Pain of N people with independent traits at the end of a week."""
    model, own = mechanism(**changes), traits()
    noise, out = np.empty((8, N)), np.empty(N)
    draw_pain_noise(1, 0, UNITS, noise)

    def everybody(value: Floats | float) -> Floats:
        return np.broadcast_to(value, N).astype(np.float64)

    moved = (everybody(disability), everybody(programme), everybody(relief))
    weekly_pain(model.population, model.course, week, own[TRAIT_PAIN], own[TRAIT_DISABILITY], *moved, noise[week - 1], out)
    return out


@pytest.mark.parametrize("week", [1, 6])
def test_pain_follows_disability_and_falls_by_its_own_natural_course(week: int) -> None:
    values, model = scenario().values, mechanism()
    centre = model.course.mean + model.population.flare_size * HALF_NORMAL
    for away in (-15.0, 0.0, 10.0):
        pain = pain_of(week, centre + away)
        expected = values["pain_mean"] + values["pain_per_disability"] * away
        expected -= values["pain_natural"] * fraction(week, values["natural_weeks"])
        assert abs(pain.mean() - expected) < Z * pain.std() / np.sqrt(N)


def test_an_effect_moves_pain_by_its_own_slope() -> None:
    values = scenario().values
    without, with_effect = pain_of(6, 30.0), pain_of(6, 30.0 - 5.0, programme=-5.0)
    np.testing.assert_allclose(with_effect - without, -5.0 * values["pain_per_effect"], atol=1e-12)
    np.testing.assert_allclose(pain_of(6, 30.0, relief=-0.5) - without, -0.5, atol=1e-12)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.9])
def test_the_pain_that_disability_does_not_explain_keeps_its_spread_and_carries_over(keep: float) -> None:
    """Traits with correlation r: the residual at baseline has sd pain_sd sqrt(1 - r**2), and correlates with a later one by `keep`."""
    r = scenario().values["r_pain_odi"]
    own, model = traits(), mechanism(pain_stable=keep)
    mixed = own.copy()
    mixed[TRAIT_PAIN] = r * own[TRAIT_DISABILITY] + math.sqrt(1.0 - r * r) * own[TRAIT_PAIN]
    noise, later = np.empty((8, N)), np.empty((2, N))
    draw_pain_noise(1, 0, UNITS, noise)
    flat = (np.full(N, 30.0), np.zeros(N), np.zeros(N))
    for place, week in enumerate((2, 6)):
        arguments = (model.population, model.course, week, mixed[TRAIT_PAIN], mixed[TRAIT_DISABILITY], *flat, noise[week - 1])
        weekly_pain(*arguments, later[place])
    spread = model.population.pain_sd * math.sqrt(1.0 - r * r)
    assert (np.abs(later.std(axis=1) - spread) < Z * spread / math.sqrt(2 * N)).all()
    at_baseline = mixed[TRAIT_PAIN] - r * mixed[TRAIT_DISABILITY]
    for pain in later:
        assert abs(np.corrcoef(at_baseline, pain)[0, 1] - keep) < Z * (1.0 - keep**2) / math.sqrt(N)
    assert abs(np.corrcoef(later[0], later[1])[0, 1] - keep**2) < Z * (1.0 - keep**4) / math.sqrt(N)


def test_the_noise_of_pain_is_new_every_week() -> None:
    noise = np.empty((8, N))
    draw_pain_noise(1, 0, UNITS, noise)
    assert np.abs(np.corrcoef(noise) - np.eye(8)).max() < 5.7 / np.sqrt(N)  # 28 pairs


# ---------------------------------------------------------------- from the declaration


def test_the_draft_turns_values_into_the_model() -> None:
    values, model = scenario().values, mechanism().course
    assert model.effect_log_sd == pytest.approx(math.sqrt(math.log(1.0 + values["effect_cv"] ** 2)))
    assert (model.weekly_correlation, model.natural_weeks) == (values["state_weekly_correlation"], values["natural_weeks"])
    assert (model.natural_cv, model.dose_curvature) == (values["natural_cv"], values["dose_curvature"])
    assert (model.flare_weeks, mechanism().population.flare_size) == (values["flare_weeks"], values["flare_size"])
    assert (model.group_size, model.leak_share, model.leak_effect) == (10, values["leak_share"], values["leak_effect"])
    assert model.pain_own_share == values["r_pain_odi"]
