"""Latent disability week by week: a stable person, a wandering state, a natural course and the programme's effect.

    D(w) = mean + sd(w) X(w) - course g(w) - exposed effect h(dose(w)) kappa

X has variance 1 and splits into a stable part and a stationary first-order autoregression. Its value at baseline is the
trait that eligibility and the other baseline variables are correlated with: rotating that trait with an independent
normal number gives stable part and state their shares without touching it. Equations and sources:
docs/explanation/data_generating_mechanism.md, part 2.
"""

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled
from odisea.elementary import exponential
from odisea.simulate.mechanism import WEEKS, CourseModel
from odisea.streams import Purpose, fill_normal

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATE = int(Purpose.STATE)
COURSE = int(Purpose.COURSE)
EFFECT = int(Purpose.EFFECT)


@compiled
def natural_fraction(week: float, time_constant: float) -> float:
    """Return g(week): the share of the six-week natural change that has happened, 0 at baseline and 1 at week 6."""
    return (1.0 - exponential(-week / time_constant)) / (1.0 - exponential(-WEEKS / time_constant))


@compiled
def draw_untreated(seed: int, replicate: int, model: CourseModel, units: Ints, trait: Floats, rotation: Floats, disability: Floats) -> None:
    """Write latent disability without the programme at weeks 0 to 6 into `disability` (7, n)."""
    n = units.size
    scratch = np.empty((4, n))
    innovations = np.empty((8, n))
    fill_normal(seed, replicate, COURSE, 0, units, scratch)
    fill_normal(seed, replicate, STATE, 0, units, innovations[0:4])
    fill_normal(seed, replicate, STATE, 1, units, innovations[4:8])
    stable, wandering = np.sqrt(model.stable_share), np.sqrt(1.0 - model.stable_share)
    keep, renew = model.weekly_correlation, np.sqrt(1.0 - model.weekly_correlation**2)
    state = np.empty(n)
    person = np.empty(n)
    for i in range(n):
        person[i] = stable * trait[i] + wandering * rotation[i]
        state[i] = wandering * trait[i] - stable * rotation[i]
        disability[0, i] = model.mean + model.sd_baseline * trait[i]
    for week in range(1, WEEKS + 1):
        progress = natural_fraction(float(week), model.natural_weeks)
        sd = model.sd_baseline + (model.sd_week6 - model.sd_baseline) * progress
        shock, now = innovations[week - 1], disability[week]
        for i in range(n):
            state[i] = keep * state[i] + renew * shock[i]
            improvement = model.natural_change * (1.0 + model.natural_cv * scratch[0, i])
            now[i] = model.mean + sd * (stable * person[i] + wandering * state[i]) - improvement * progress


@compiled
def draw_sensitivity(seed: int, replicate: int, model: CourseModel, units: Ints, out: Floats) -> None:
    """Write every participant's multiplier of the programme's effect: log-normal with mean 1."""
    scratch = np.empty((4, units.size))
    fill_normal(seed, replicate, EFFECT, 0, units, scratch)
    for i in range(units.size):
        out[i] = exponential(model.effect_log_sd * scratch[0, i] - 0.5 * model.effect_log_sd**2)


@compiled
def add_programme(model: CourseModel, dose: Floats, sensitivity: Floats, untreated: Floats, treated: Floats) -> None:
    """Write latent disability under the programme at weeks 0 to 6 into `treated` (7, n)."""
    full = 1.0 - exponential(-model.dose_curvature)
    treated[0, :] = untreated[0, :]
    for week in range(1, WEEKS + 1):
        taken, before, after = dose[week - 1], untreated[week], treated[week]
        for i in range(taken.size):
            response = (1.0 - exponential(-model.dose_curvature * taken[i])) / full
            after[i] = before[i] + model.effect * response * sensitivity[i]
