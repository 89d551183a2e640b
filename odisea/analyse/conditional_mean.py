"""Conditional mean imputation with the jackknife: every participant left out of imputation and analysis in turn, without refitting.

Each missing response is replaced by its expectation, the analysis is made once, and the variance comes from leaving out
one participant at a time: SE^2 = (n - 1)/n sum (theta_(-i) - mean)^2, referred to the normal distribution.
Source: Wolbers, Noci, Delmar, Gower-Page, Yiu and Bartlett, Pharmaceutical Statistics 2022;21:1246. Specification and
the two rank-one updates below: docs/statistics/multiple_imputation.md, section 6.
"""

import numpy as np

from odisea.analyse.design import dot, fill_dots
from odisea.analyse.imputation_model import ArmModel, Frame
from odisea.analyse.linear import LEVERAGE_ONE
from odisea.compiled import compiled
from odisea.data.trial import Floats, Ints, Trial


@compiled
def _leave_out_of_imputation(frame: Frame, model: ArmModel, start: int, place: Ints, effects: Floats, residuals: Floats) -> bool:
    """Add what leaving out each observed participant of the model's arm does to the effect and to the residual of the one left out.

    Without i the predictions of the missing move by -loadings' b_i e_i / (1 - h_i), b_i being i's column of the basis.
    Returns whether no participant has leverage 1.
    """
    q, k, p = model.loadings.shape[0], model.missing.size, frame.basis.shape[0]
    if k == 0:
        return True
    shared, along = np.empty((p, q)), np.empty(p)
    for j in range(p):
        fill_dots(model.loadings, 0, q, frame.basis[j, start : start + k], k, shared[j])
    for i in range(model.participants.size - k):
        own, column = place[model.participants[i]], model.basis[:, i].copy()
        left = 1.0 - dot(column, column, q)
        if left < LEVERAGE_ONE:
            return False
        step = -model.residual[i] / left
        fill_dots(shared, 0, p, column, q, along)
        effects[own] = step * frame.slope * along[p - 1]
        for j in range(p):
            residuals[own] -= step * frame.design.basis[j, own] * along[j]
    return True


@compiled
def leave_one_out(trial: Trial, frame: Frame, first: ArmModel, second: ArmModel) -> Floats:
    """Return the effect without each participant of the contrast in turn (n,); NaN where that leaves a coefficient undetermined.

    The analysis without i changes the effect by -c_i r_i / (1 - H_i), r_i being the residual under the moved predictions.
    """
    n, p = frame.participants.size, frame.basis.shape[0]
    effects, residuals, place = np.zeros(n), frame.residuals.copy(), np.empty(trial.arm.size, np.int64)
    for i in range(n):
        place[frame.participants[i]] = i
    if not _leave_out_of_imputation(frame, first, 0, place, effects, residuals):
        return np.full(n, np.nan)
    if not _leave_out_of_imputation(frame, second, first.missing.size, place, effects, residuals):
        return np.full(n, np.nan)
    for i in range(n):
        left = 1.0
        for j in range(p):
            left -= frame.design.basis[j, i] * frame.design.basis[j, i]
        moved = frame.design.basis[p - 1, i] * frame.slope * residuals[i] / left
        effects[i] += frame.estimate - moved if left >= LEVERAGE_ONE else np.nan
    return effects


@compiled
def jackknife_variance(trial: Trial, frame: Frame, first: ArmModel, second: ArmModel) -> float:
    """Return the jackknife variance of the effect of the expected outcomes; NaN where a participant has leverage 1."""
    effects = leave_one_out(trial, frame, first, second)
    n, shift, spread = effects.size, 0.0, 0.0
    for i in range(n):
        shift += (effects[i] - frame.estimate) / n
    for i in range(n):
        spread += (effects[i] - frame.estimate - shift) ** 2
    return spread * (n - 1.0) / n
