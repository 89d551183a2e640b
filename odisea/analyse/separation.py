"""Separation of outcomes by covariates, found by linear programmes before a logistic regression is fitted.

Where a direction d opposes no outcome, (2y - 1) x'd >= 0 for everybody, and favours some, the likelihood rises along d
for ever and has no maximum (Albert and Anderson, Biometrika 1984;71:1). The participants whom such directions favour are
determined: in the limit their fitted probability is their outcome. For those who are left a maximum exists, and with it
an estimate of every effect that no separating direction moves (Geyer, Electron J Stat 2009;3:259, limiting conditional
model). Specification: docs/statistics/responder.md.
"""

import numpy as np
from numpy.typing import NDArray

from odisea.data.trial import Floats
from odisea.errors import AnalysisError, Problem

SEPARATED = 1e-6  # of the linear programme's optimum, whose constraints hold to 1e-7
FAVOURED = 1e-6  # of a participant's place on a separating direction


def separates(columns: Floats, outcome: Floats) -> bool:
    """Return whether some b has (2y - 1) x'b >= 0 for all participants and > 0 for one (complete or partial separation).

    Parameters
    ----------
    columns : float64 (n, p)
        The design. Columns of similar size: the programme bounds every coefficient by 1.
    outcome : float64 (n,)
        0 or 1.

    Raises
    ------
    AnalysisError
        The programme found no optimum.
    """
    return _separating_direction(columns, outcome) is not None


def determined(columns: Floats, outcome: Floats) -> NDArray[np.bool_]:
    """Return who has an outcome that separating directions determine; nobody without separation.

    Parameters
    ----------
    columns : float64 (n, p)
        The design, as for `separates`.
    outcome : float64 (n,)
        0 or 1.

    Returns
    -------
    bool (n,)
        A direction found for some is followed by a search among the others, until none is left.
    """
    left = np.ones(outcome.size, dtype=bool)
    while left.any():
        direction = _separating_direction(columns[left], outcome[left])
        if direction is None:
            break
        left[left] = np.abs(columns[left] @ direction) <= FAVOURED
    return ~left


def _separating_direction(columns: Floats, outcome: Floats) -> Floats | None:
    """Return the direction within the unit box that favours the outcomes most and opposes none, or None."""
    from scipy.optimize import linprog

    favour = (2.0 * outcome - 1.0)[:, None] * columns
    result = linprog(-favour.sum(axis=0), A_ub=-favour, b_ub=np.zeros(outcome.size), bounds=(-1.0, 1.0), method="highs")
    if result.status != 0:
        raise AnalysisError(Problem("linear programme for separation", result.message))
    direction = np.asarray(result.x, dtype=np.float64)
    return direction if -float(result.fun or 0.0) > SEPARATED and np.max(favour @ direction) > FAVOURED else None
