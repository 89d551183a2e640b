"""What pooling tends to as the number of imputations grows: exact, nothing is drawn.

Derivation: docs/statistics/exact_limit.md.
"""

import numpy as np

from odisea.analyse.design import dot, fill_dots
from odisea.analyse.imputation_model import FEWEST_DF, ArmModel, Frame
from odisea.analyse.pooling import Pooled, pooled_from
from odisea.compiled import compiled


@compiled
def _limit_terms(frame: Frame, model: ArmModel, start: int) -> tuple[float, float]:
    """Return one model's part of c'Sc and of tr((I - H)S), S = s2 (L'L + I) being the covariance of the responses it imputes."""
    q, k, own = model.loadings.shape[0], model.missing.size, 0.0
    if k == 0:
        return 0.0, 0.0
    s2, trace, shared = model.sse / (model.df - FEWEST_DF), float(k), np.empty(q)
    for j in range(q):
        trace += dot(model.loadings[j], model.loadings[j], k)
    for i in range(frame.basis.shape[0]):
        row = frame.basis[i, start : start + k]
        fill_dots(model.loadings, 0, q, row, k, shared)
        own = dot(row, row, k) + dot(shared, shared, q)
        trace -= own
    return s2 * own * frame.slope**2, s2 * trace  # the arm's row is the last


@compiled
def pooled_limit(frame: Frame, first: ArmModel, second: ArmModel) -> Pooled:
    """Return the limit of Rubin's rules; each model has one block of the covariance of the imputed responses."""
    between_arm, trace_arm = _limit_terms(frame, first, 0)
    between_reference, trace_reference = _limit_terms(frame, second, first.missing.size)
    within = (frame.rss + trace_arm + trace_reference) / frame.df * frame.slope**2
    return pooled_from(frame.estimate, within, between_arm + between_reference, np.inf, frame.df)
