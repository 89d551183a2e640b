"""Engagement with the programme and the three adherence streams, week by week.

A participant starts or never starts, may disengage in any week, and while engaged attends the live session (Bernoulli),
fills diary days (binomial of 7) and logs in (Poisson). One frailty per participant moves all of them. The dose is the
weighted share of what was prescribed up to a week. Equations: docs/explanation/data_generating_mechanism.md, part 3.
"""

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled, inlined
from odisea.elementary import exponential
from odisea.simulate.mechanism import WEEKS, EngagementModel
from odisea.streams import Purpose, fill_uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

START = int(Purpose.ENGAGEMENT)
ADHERENCE = int(Purpose.ADHERENCE)
DIARY_DAYS = 7
LARGEST_LOGINS = 60


@inlined
def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + exponential(-x))


@compiled
def draw_engagement(seed: int, replicate: int, model: EngagementModel, units: Ints, frailty: Floats, engaged: Floats) -> None:
    """Write 1 for every week in which a participant is engaged into `engaged` (6, n), else 0; stopping is for good."""
    uniforms = np.empty((4, units.size))
    fill_uniform(seed, replicate, START, 0, units, uniforms)
    first = engaged[0]
    for i in range(units.size):
        first[i] = 1.0 if uniforms[0, i] >= logistic(model.never_start_logit - model.frailty_on_disengagement * frailty[i]) else 0.0
    for week in range(1, WEEKS):
        fill_uniform(seed, replicate, START, week, units, uniforms)
        now, before = engaged[week], engaged[week - 1]
        for i in range(units.size):
            hazard = logistic(model.disengage_logit - model.frailty_on_disengagement * frailty[i])
            now[i] = before[i] if uniforms[0, i] >= hazard else 0.0


@compiled
def draw_adherence(
    seed: int,
    replicate: int,
    model: EngagementModel,
    units: Ints,
    frailty: Floats,
    engaged: Floats,
    live: Floats,
    diary: Floats,
    logins: Floats,
) -> None:
    """Write live sessions attended (0/1), diary days (0-7) and logins of each week into arrays of (6, n)."""
    n = units.size
    uniforms, share, work = np.empty((4, n)), np.empty(n), np.empty((2, n))
    load = model.frailty_on_adherence
    for week in range(WEEKS):
        fill_uniform(seed, replicate, ADHERENCE, week, units, uniforms)
        attended, present = live[week], engaged[week]
        for i in range(n):
            attended[i] = present[i] if uniforms[0, i] < logistic(model.live_logit[week] + load * frailty[i]) else 0.0
        for i in range(n):
            share[i] = logistic(model.diary_logit[week] + load * frailty[i])
        binomial_inverse(uniforms[1], share, present, work, diary[week])
        for i in range(n):
            share[i] = model.login_rate[week] * exponential(0.5 * load * frailty[i] - 0.125 * load * load)
        poisson_inverse(uniforms[2], share, present, work, logins[week])


@compiled
def binomial_inverse(u: Floats, p: Floats, present: Floats, work: Floats, out: Floats) -> None:
    """Write the number of diary days out of 7 whose distribution function first reaches u; 0 for who is not present.

    All participants advance together, count by count, so that the loops vectorise. `work` is (2, n).
    """
    term, total = work[0], work[1]
    for i in range(u.size):
        q = 1.0 - p[i]
        square = q * q
        term[i] = square * square * square * q
        total[i] = term[i]
        out[i] = 0.0
    for count in range(DIARY_DAYS):
        factor = (DIARY_DAYS - count) / (count + 1.0)
        for i in range(u.size):
            out[i] += present[i] if u[i] > total[i] else 0.0
            term[i] *= factor * p[i] / (1.0 - p[i])
            total[i] += term[i]


@compiled
def poisson_inverse(u: Floats, rate: Floats, present: Floats, work: Floats, out: Floats) -> None:
    """Write the count whose Poisson distribution function first reaches u, at most 60; 0 for who is not present."""
    term, total = work[0], work[1]
    for i in range(u.size):
        term[i] = exponential(-rate[i])
        total[i] = term[i]
        out[i] = 0.0
    for count in range(1, LARGEST_LOGINS + 1):
        above = 0.0
        for i in range(u.size):
            above = max(above, u[i] - total[i])
        if above <= 0.0:
            break
        inverse = 1.0 / count
        for i in range(u.size):
            out[i] += present[i] if u[i] > total[i] else 0.0
            term[i] *= rate[i] * inverse
            total[i] += term[i]


@compiled
def accumulate_dose(model: EngagementModel, live: Floats, diary: Floats, logins: Floats, dose: Floats) -> None:
    """Write the share of the whole programme taken up by the end of each week into `dose` (6, n), 0 to 1."""
    weights = model.dose_weights
    for week in range(WEEKS):
        now = dose[week]
        for i in range(now.size):
            opened = 1.0 if logins[week, i] > 0.0 else 0.0
            now[i] = (weights[0] * live[week, i] + weights[1] * diary[week, i] / DIARY_DAYS + weights[2] * opened) / WEEKS
        if week > 0:
            before = dose[week - 1]
            for i in range(now.size):
                now[i] += before[i]
