"""Imputation with auxiliaries, written slowly: one least squares fit per regression and imputation, in the data's own units."""

import numpy as np
from numpy.typing import NDArray

from odisea.analyse.chained import STEP
from odisea.analyse.imputation import MAX_COEFFICIENTS, MAX_IMPUTATIONS
from odisea.data.trial import Analysis, Trial
from odisea.streams import Purpose, chi_square, normal4
from tests.twins.imputation import triangle

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def draw(trial: Trial, arm: int, who: Ints, step: int, j: int, x: Floats, y: Floats) -> Floats:
    """The target with its missing values drawn from its regression on the columns of x."""
    seen, key = ~np.isnan(y), (trial.seed, trial.replicate)
    fitted = np.linalg.lstsq(x[seen], y[seen], rcond=None)[0]
    sse, df = float(np.sum((y[seen] - x[seen] @ fitted) ** 2)), float(seen.sum() - x.shape[1])
    sigma = np.sqrt(sse / chi_square(*key, Purpose.CHAINED_VARIANCE + STEP * step, arm * MAX_IMPUTATIONS + j, df))
    u = [normal4(*key, Purpose.CHAINED_COEFFICIENTS + STEP * step, arm * MAX_COEFFICIENTS + a, j // 4)[j % 4] for a in range(x.shape[1])]
    coefficients = fitted + sigma * np.linalg.solve(triangle(x[seen]), np.array(u))
    completed = y.copy()
    for i in np.flatnonzero(~seen):
        z = normal4(*key, Purpose.CHAINED_NOISE + STEP * step, int(who[i]), j // 4)[j % 4]
        completed[i] = x[i] @ coefficients + sigma * z
    return completed


def impute_arm(trial: Trial, analysis: Analysis, auxiliary: Ints, arm: int, m: int, sweeps: int) -> Floats:
    """The completed outcomes (m, n of the arm)."""
    who = np.flatnonzero(trial.arm == arm)
    base = [np.ones(who.size), *trial.values[analysis.imputation][:, who]]
    recorded = [trial.values[row][who] for row in (*auxiliary, analysis.response)]
    order = sorted(range(len(recorded)), key=lambda row: int(np.isnan(recorded[row]).sum()))
    incomplete = [row for row in order if np.isnan(recorded[row]).any()]
    out = np.empty((m, who.size))
    for j in range(m):
        series = {row: values.copy() for row, values in enumerate(recorded)}
        for sweep in range(sweeps + 1):
            for row in incomplete:
                earlier = order[: order.index(row)]
                others = [each for each in order if each != row and (sweep > 0 or each in earlier)]
                others.sort(key=lambda each: each != len(recorded) - 1)  # the outcome first
                x = np.column_stack([*base, *(series[each] for each in others)])
                step = sweep * len(recorded) + order.index(row) + 1
                series[row] = draw(trial, arm, who, step, j, x, recorded[row])
        out[j] = series[len(recorded) - 1]
    return out
