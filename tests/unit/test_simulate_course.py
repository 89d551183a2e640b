"""Latent disability: moments and autocorrelation by formula, the natural course, the programme's effect.

Seeded; comparisons with a random bound allow 5.2 standard errors (two-sided alarm 2e-7 each, fewer than 100 of them).
"""

import math
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from odisea.simulate.course import add_programme, draw_sensitivity, draw_untreated, natural_fraction
from odisea.simulate.mechanism import WEEKS, CourseModel
from odisea.streams import fill_normal
from tests.declared import mechanism, scenario

Floats = NDArray[np.float64]
Z = 5.2
N = 200_000
SPARE_PURPOSE = 98  # traits of these tests, at an address that the simulator does not use
UNITS = np.arange(N, dtype=np.int64)


def traits() -> tuple[Floats, Floats]:
    """Disability trait and rotation of people whom nobody has screened: independent standard normal."""
    normal = np.empty((4, N))
    fill_normal(1, 0, SPARE_PURPOSE, 0, UNITS, normal)
    return normal[0], normal[1]


def paths(model: CourseModel) -> Floats:
    trait, rotation = traits()
    out = np.empty((WEEKS + 1, N))
    draw_untreated(1, 0, model, UNITS, trait, rotation, out)
    return out


def fraction(week: int, time_constant: float) -> float:
    return (1.0 - math.exp(-week / time_constant)) / (1.0 - math.exp(-6.0 / time_constant))


def model_of(**changes: float) -> CourseModel:
    return mechanism().course._replace(**changes)


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
    trait, _ = traits()
    model = model_of()
    np.testing.assert_array_equal(paths(model)[0], model.mean + model.sd_baseline * trait)


def test_the_rotation_leaves_stable_part_and_state_uncorrelated() -> None:
    """With keep = 0 the state is forgotten after a week: week 1 and later share the stable part only."""
    out = paths(model_of(stable_share=0.5, weekly_correlation=0.0, natural_cv=0.0, natural_change=0.0))
    changes = np.diff(out[1:], axis=0)
    assert np.abs(np.corrcoef(changes[0], out[0])[0, 1]) < Z / np.sqrt(N)


@pytest.mark.parametrize("cv", [0.0, 0.4, 1.2])
def test_the_multiplier_of_the_effect_is_log_normal_with_mean_1(cv: float) -> None:
    out = np.empty(N)
    draw_sensitivity(1, 0, mechanism(effect_cv=cv).course, UNITS, out)
    assert (out > 0.0).all()
    assert abs(out.mean() - 1.0) <= Z * cv / np.sqrt(N)
    spread = math.sqrt(math.log1p(cv**2))
    assert abs(np.log(out).std() - spread) <= Z * spread / np.sqrt(2 * N) + 1e-12
    assert abs(np.log(out).mean() + spread**2 / 2) <= Z * spread / np.sqrt(N) + 1e-12


def programme(model: CourseModel, dose: float, sensitivity: float) -> Floats:
    untreated, treated = np.full((WEEKS + 1, 1), 30.0), np.empty((WEEKS + 1, 1))
    add_programme(model, np.full((WEEKS, 1), dose), np.array([sensitivity]), untreated, treated)
    return treated[:, 0]


def test_the_effect_is_whole_at_full_dose_and_none_without() -> None:
    model = model_of(effect=-10.0)
    assert programme(model, 1.0, 1.0).tolist() == pytest.approx([30.0] + [20.0] * WEEKS, abs=1e-12)
    assert programme(model, 0.0, 1.0).tolist() == [30.0] * (WEEKS + 1)
    assert programme(model, 1.0, 0.5)[-1] == pytest.approx(25.0, abs=1e-12)


@pytest.mark.parametrize("curvature", [0.01, 1.5, 4.0])
@pytest.mark.parametrize("dose", [0.1, 0.5, 0.9])
def test_the_dose_response_is_a_saturating_curve(curvature: float, dose: float) -> None:
    share = (1.0 - math.exp(-curvature * dose)) / (1.0 - math.exp(-curvature))
    assert programme(model_of(effect=-10.0, dose_curvature=curvature), dose, 1.0)[3] == pytest.approx(30.0 - 10.0 * share, abs=1e-10)
    assert share >= dose


def test_without_an_effect_both_courses_are_one_bit_for_bit() -> None:
    assert mechanism("null").course.effect == 0.0
    assert programme(model_of(effect=0.0), 0.7, 1.3).tolist() == [30.0] * (WEEKS + 1)


def test_the_draft_turns_values_into_the_model() -> None:
    values, model = scenario().values, mechanism().course
    assert model.effect_log_sd == pytest.approx(math.sqrt(math.log(1.0 + values["effect_cv"] ** 2)))
    assert (model.weekly_correlation, model.natural_weeks) == (values["state_weekly_correlation"], values["natural_weeks"])
    assert (model.natural_cv, model.dose_curvature) == (values["natural_cv"], values["dose_curvature"])
