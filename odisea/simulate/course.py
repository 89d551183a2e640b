"""Latent disability and pain: a stable person, a wandering state, a flare, a natural course; the programme's effect.

    D(w) = mean + sd(w) X(w) + flare exp(-w / weeks) - course g(w) + exposed effect H(dose(w)) kappa + group + events

X has variance 1 and splits into a stable part and a stationary first-order autoregression. Its value at baseline is the
trait that eligibility and the other baseline variables are correlated with: rotating that trait with an independent
normal number gives stable part and state their shares without touching it. Pain follows disability, with a part of its
own. Equations and sources: docs/explanation/data_generating_mechanism.md, part 2.
"""

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled, inlined
from odisea.elementary import exponential
from odisea.simulate.mechanism import WEEKS, CourseModel, PopulationModel
from odisea.simulate.population import (
    MEAN_OF_HALF_NORMAL,
    TRAIT_ACTIVITY,
    TRAIT_AGE,
    TRAIT_COMORBIDITY,
    TRAIT_DISABILITY,
    TRAIT_FLARE,
    TRAIT_ROTATION,
)
from odisea.streams import Purpose, fill_normal, fill_uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATE = int(Purpose.STATE)
COURSE = int(Purpose.COURSE)
EFFECT = int(Purpose.EFFECT)
PAIN = int(Purpose.PAIN_FOLLOW_UP)
GROUP = int(Purpose.LIVE_GROUP)
LEAK = int(Purpose.CONTAMINATION)


@compiled
def natural_fraction(week: float, time_constant: float) -> float:
    """Return g(week): the share of the six-week natural change that has happened, 0 at baseline and 1 at week 6."""
    return (1.0 - exponential(-week / time_constant)) / (1.0 - exponential(-WEEKS / time_constant))


@compiled
def draw_untreated(
    seed: int, replicate: int, model: CourseModel, flare_size: float, units: Ints, traits: Floats, disability: Floats
) -> None:
    """Write latent disability without programme, group and events at weeks 0 to 6 into `disability` (7, n).

    Parameters
    ----------
    flare_size : float
        ODI points per unit of |flare|.
    traits : float64 (12, n)
        From `odisea.simulate.population.draw_traits`.
    """
    n = units.size
    scratch = np.empty((4, n))
    innovations = np.empty((8, n))
    fill_normal(seed, replicate, COURSE, 0, units, scratch)
    fill_normal(seed, replicate, STATE, 0, units, innovations[0:4])
    fill_normal(seed, replicate, STATE, 1, units, innovations[4:8])
    stable, wandering = np.sqrt(model.stable_share), np.sqrt(1.0 - model.stable_share)
    keep, renew = model.weekly_correlation, np.sqrt(1.0 - model.weekly_correlation**2)
    trait, rotation, flare = traits[TRAIT_DISABILITY], traits[TRAIT_ROTATION], traits[TRAIT_FLARE]
    state, person, improvement, before = np.empty(n), np.empty(n), scratch[0], disability[0]
    for i in range(n):
        person[i] = stable * trait[i] + wandering * rotation[i]
        state[i] = wandering * trait[i] - stable * rotation[i]
        before[i] = model.mean + model.sd_baseline * trait[i] + flare_size * np.abs(flare[i])
        improvement[i] = model.natural_change * (1.0 + model.natural_cv * improvement[i]) - model.prognosis * prognosis_index(traits, i)
    for week in range(1, WEEKS + 1):
        progress = natural_fraction(float(week), model.natural_weeks)
        sd = model.sd_baseline + (model.sd_week6 - model.sd_baseline) * progress
        left = flare_size * exponential(-week / model.flare_weeks)
        shock, now = innovations[week - 1], disability[week]
        for i in range(n):
            state[i] = keep * state[i] + renew * shock[i]
            level = model.mean + sd * (stable * person[i] + wandering * state[i])
            now[i] = level + left * np.abs(flare[i]) - improvement[i] * progress


@inlined
def prognosis_index(traits: Floats, i: int) -> float:
    """Return the sum of traits that slow the natural course: older, more comorbidity, less active."""
    return float(traits[TRAIT_AGE, i] + traits[TRAIT_COMORBIDITY, i] - traits[TRAIT_ACTIVITY, i])


@compiled
def draw_sensitivity(seed: int, replicate: int, model: CourseModel, units: Ints, out: Floats) -> None:
    """Write every participant's multiplier of the programme's effect: log-normal with mean 1."""
    scratch = np.empty((4, units.size))
    fill_normal(seed, replicate, EFFECT, 0, units, scratch)
    for i in range(units.size):
        out[i] = exponential(model.effect_log_sd * scratch[0, i] - 0.5 * model.effect_log_sd**2)


@compiled
def draw_leaks(seed: int, replicate: int, model: CourseModel, units: Ints, exposed: Ints, out: Floats) -> None:
    """Write the part of the full effect that reaches each participant of the control arm; 0 in the programme arm."""
    if model.leak_share == 0.0:
        out[:] = 0.0
        return
    uniforms = np.empty((4, units.size))
    fill_uniform(seed, replicate, LEAK, 0, units, uniforms)
    for i in range(units.size):
        out[i] = model.leak_effect if exposed[i] == 0 and uniforms[0, i] < model.leak_share else 0.0


@compiled
def draw_groups(seed: int, replicate: int, model: CourseModel, exposed: Ints, group: Ints, out: Floats) -> None:
    """Write the live-session group of everybody in the programme arm (in order of enrolment; else -1) and its effect at week 6.

    Parameters
    ----------
    group : int64 (n,)
        Written: number of the group, 0 first.
    out : float64 (n,)
        Written: the group's effect in ODI points, 0 in the control arm.
    """
    place = 0
    for i in range(exposed.size):
        group[i] = place // model.group_size if exposed[i] == 1 else -1
        out[i] = 0.0
        place += exposed[i]
    if model.group_sd == 0.0 or place == 0:
        return
    count = (place - 1) // model.group_size + 1
    draws = np.empty((4, count))
    fill_normal(seed, replicate, GROUP, 0, np.arange(count), draws)
    for i in range(exposed.size):
        if group[i] >= 0:
            out[i] = model.group_sd * draws[0, group[i]]


@inlined
def dose_response(model: CourseModel, full: float, low: float, high: float, dose: float) -> float:
    """Return H(dose), 0 at dose 0 and 1 at dose 1: a smooth part with diminishing returns and a threshold part.

    Parameters
    ----------
    full, low, high : float
        1 - exp(-curvature), and the threshold's logistic curve at doses 0 and 1.
    """
    step = 1.0 / (1.0 + exponential((model.threshold - dose) / model.threshold_width))
    return (1.0 - model.threshold_weight) * smooth_response(model, full, dose) + model.threshold_weight * (step - low) / (high - low)


@inlined
def smooth_response(model: CourseModel, full: float, dose: float) -> float:
    """Return the part with diminishing returns, 0 at dose 0 and 1 at dose 1."""
    return (1.0 - exponential(-model.dose_curvature * dose)) / full


@compiled
def programme_effect(model: CourseModel, week: int, dose: Floats, started: Floats, leak: Floats, sensitivity: Floats, out: Floats) -> None:
    """Write the programme's effect on disability at the end of a week (1 to 6), in ODI points, into `out` (n,).

    Parameters
    ----------
    dose : float64 (n,)
        Share of the programme taken up so far.
    started : float64 (n,)
        1 for who was engaged in the first week.
    leak : float64 (n,)
        Part of the full effect that reaches a control by week 6.
    sensitivity : float64 (n,)
        Individual multiplier.
    """
    full = 1.0 - exponential(-model.dose_curvature)
    low = 1.0 / (1.0 + exponential(model.threshold / model.threshold_width))
    high = 1.0 / (1.0 + exponential((model.threshold - 1.0) / model.threshold_width))
    progress, attention = week / WEEKS, model.attention_share
    if model.threshold_weight == 0.0:
        for i in range(dose.size):
            out[i] = smooth_response(model, full, dose[i])
    else:
        for i in range(dose.size):
            out[i] = dose_response(model, full, low, high, dose[i])
    for i in range(dose.size):
        response = (1.0 - attention) * out[i] + (attention * started[i] + leak[i]) * progress
        out[i] = model.effect * response * sensitivity[i]


@compiled
def draw_pain_noise(seed: int, replicate: int, units: Ints, noise: Floats) -> None:
    """Write the standard normal part of pain that is new each week into `noise` (8, n); rows 0 to 5 are weeks 1 to 6."""
    fill_normal(seed, replicate, PAIN, 0, units, noise[0:4])
    fill_normal(seed, replicate, PAIN, 1, units, noise[4:8])


@compiled
def weekly_pain(
    population: PopulationModel,
    model: CourseModel,
    week: int,
    trait_pain: Floats,
    trait_disability: Floats,
    disability: Floats,
    programme: Floats,
    relief: Floats,
    noise: Floats,
    out: Floats,
) -> None:
    """Write latent pain at the end of a week (1 to 6), VAS units, into `out` (n,).

    Parameters
    ----------
    disability : float64 (n,)
        Latent disability at the end of the week, the programme's effect included.
    programme : float64 (n,)
        That effect, which moves pain by a slope of its own.
    relief : float64 (n,)
        What intercurrent events add to pain.
    noise : float64 (n,)
        Row of `draw_pain_noise`.
    """
    own = model.pain_own_share
    rest = population.pain_sd * np.sqrt(1.0 - own * own)
    keep, renew = model.pain_stable, np.sqrt(1.0 - model.pain_stable**2)
    centre = model.mean + population.flare_size * MEAN_OF_HALF_NORMAL
    level = population.pain_mean - model.pain_natural * natural_fraction(float(week), model.natural_weeks)
    slope, direct = model.pain_per_disability, model.pain_per_effect - model.pain_per_disability
    for i in range(out.size):
        residual = population.pain_sd * (trait_pain[i] - own * trait_disability[i])
        out[i] = level + slope * (disability[i] - centre) + direct * programme[i] + relief[i] + keep * residual + renew * rest * noise[i]
