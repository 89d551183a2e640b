"""Engagement with the programme and the three adherence streams, one week at a time.

A participant starts or never starts, may stop in any week (more likely when pain rose), and while engaged attends the live
session (Bernoulli), fills diary days (binomial of 7) and logs in (negative binomial). One frailty per participant moves all
of them. The dose is the weighted share of what was prescribed up to a week. Equations:
docs/explanation/data_generating_mechanism.md, part 3.
"""

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled, inlined
from odisea.elementary import exponential, logarithm
from odisea.simulate.mechanism import WEEKS, EngagementModel
from odisea.simulate.population import logistic
from odisea.streams import Purpose, fill_uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

START = int(Purpose.ENGAGEMENT)
ADHERENCE = int(Purpose.ADHERENCE)
DIARY_DAYS = 7
LARGEST_LOGINS = 100
SMALLEST_GAP = 1e-12  # a share this near to 1 is 1


@compiled
def stay_engaged(
    seed: int,
    replicate: int,
    model: EngagementModel,
    week: int,
    units: Ints,
    frailty: Floats,
    pain_rise: Floats,
    before: Floats,
    now: Floats,
    uniforms: Floats,
) -> None:
    """Write 1 for who is engaged in a week (0 is the first), else 0; stopping is for good.

    Parameters
    ----------
    pain_rise : float64 (n,)
        Latent pain at the end of the week before, less that at consultation (VAS units).
    before : float64 (n,)
        Who was engaged the week before; in week 0 who was allocated to the programme.
    uniforms : float64 (4, n)
        Work space.
    """
    fill_uniform(seed, replicate, START, week, units, uniforms)
    base = model.never_start_logit if week == 0 else model.disengage_logit
    slope = 0.0 if week == 0 else model.pain_on_disengagement
    for i in range(units.size):
        hazard = logistic(base - model.frailty_on_disengagement * frailty[i] + slope * pain_rise[i])
        now[i] = before[i] if uniforms[0, i] >= hazard else 0.0


@compiled
def take_part(
    seed: int,
    replicate: int,
    model: EngagementModel,
    week: int,
    units: Ints,
    frailty: Floats,
    engaged: Floats,
    live: Floats,
    diary: Floats,
    opened: Floats,
    work: Floats,
) -> None:
    """Write live session attended (0/1), diary days (0-7) and whether the platform was opened (0/1) of one week, each (n,).

    Parameters
    ----------
    work : float64 (7, n)
        Work space.
    """
    uniforms, share = work[0:4], work[4]
    fill_uniform(seed, replicate, ADHERENCE, week, units, uniforms)
    load, shift = model.frailty_on_adherence, model.adherence_shift
    for i in range(units.size):
        live[i] = engaged[i] if uniforms[0, i] < logistic(model.live_logit[week] + shift + load * frailty[i]) else 0.0
    for i in range(units.size):
        share[i] = logistic(model.diary_logit[week] + shift + load * frailty[i])
    binomial_inverse(uniforms[1], share, engaged, work[5:7], diary)
    for i in range(units.size):
        none = exponential(-model.login_size * logarithm(1.0 + login_mean(model, week, frailty[i]) / model.login_size))
        opened[i] = engaged[i] if uniforms[2, i] > none else 0.0


@inlined
def login_mean(model: EngagementModel, week: int, frailty: float) -> float:
    """Return the expected logins of a week; the frailty's half moves them, with mean 1 over everybody."""
    push = 0.5 * model.frailty_on_adherence
    return float(model.login_rate[week]) * exponential(model.adherence_shift + push * frailty - 0.5 * push * push)


@compiled
def count_logins(seed: int, replicate: int, model: EngagementModel, units: Ints, frailty: Floats, engaged: Floats, logins: Floats) -> None:
    """Write the logins of every week into `logins` (6, n): above 0 exactly where `take_part` says that the platform was opened."""
    uniforms, mean, work = np.empty((4, units.size)), np.empty(units.size), np.empty((2, units.size))
    for week in range(WEEKS):
        fill_uniform(seed, replicate, ADHERENCE, week, units, uniforms)
        for i in range(units.size):
            mean[i] = login_mean(model, week, frailty[i])
        negative_binomial_inverse(uniforms[2], mean, model.login_size, engaged[week], work, logins[week])


@compiled
def binomial_inverse(u: Floats, p: Floats, present: Floats, work: Floats, out: Floats) -> None:
    """Write the number of diary days out of 7 whose distribution function first reaches u; 0 for who is not present.

    All participants advance together, count by count, so that the loops vectorise. `work` is (2, n).
    """
    term, total = work[0], work[1]
    for i in range(u.size):
        q = max(1.0 - p[i], SMALLEST_GAP)
        square = q * q
        term[i] = square * square * square * q
        total[i] = term[i]
        out[i] = 0.0
        p[i] /= q
    for count in range(DIARY_DAYS):
        factor = (DIARY_DAYS - count) / (count + 1.0)
        for i in range(u.size):
            out[i] += present[i] if u[i] > total[i] else 0.0
            term[i] *= factor * p[i]
            total[i] += term[i]


@compiled
def negative_binomial_inverse(u: Floats, mean: Floats, size: float, present: Floats, work: Floats, out: Floats) -> None:
    """Write the count whose negative binomial distribution function first reaches u, at most 100; 0 for who is not present.

    The variance is mean + mean**2 / size. `work` is (2, n).
    """
    term, total = work[0], work[1]
    for i in range(u.size):
        term[i] = exponential(-size * logarithm(1.0 + mean[i] / size))
        total[i] = term[i]
        out[i] = 0.0
    for count in range(1, LARGEST_LOGINS + 1):
        above = 0.0
        for i in range(u.size):
            above = max(above, u[i] - total[i])
        if above <= 0.0:
            break
        factor = (size + count - 1.0) / count
        for i in range(u.size):
            out[i] += present[i] if u[i] > total[i] else 0.0
            term[i] *= factor * mean[i] / (size + mean[i])
            total[i] += term[i]


@compiled
def add_dose(model: EngagementModel, live: Floats, diary: Floats, opened: Floats, before: Floats, now: Floats) -> None:
    """Write the share of the whole programme taken up by the end of a week, 0 to 1: what was before and the week's part."""
    weights = model.dose_weights
    per_day = weights[1] * model.done_share / DIARY_DAYS
    for i in range(now.size):
        now[i] = before[i] + (weights[0] * live[i] + per_day * diary[i] + weights[2] * opened[i]) / WEEKS
