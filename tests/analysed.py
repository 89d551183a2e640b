"""Small random trials and plain analyses of them, for the tests of the estimators."""

import numpy as np
from numpy.typing import NDArray

from odisea.data.trial import Analysis, Method, Trial, make_trial

Floats = NDArray[np.float64]

AGE, BMI, ONE, TWO_PLUS, MODERATE, HIGH, BASELINE, RESPONSE, PAIN = range(9)
COVARIATES = (AGE, BMI, ONE, TWO_PLUS, MODERATE, HIGH, BASELINE)
IMPUTATION = (*COVARIATES, PAIN)


def random_trial(seed: int, n: int = 150, loss: float = 0.35, arms: int = 2, effect: float = -8.0) -> Trial:
    """A trial whose response depends on covariates and whose loss depends on the baseline."""
    rng = np.random.default_rng(seed)
    comorbidity, activity, arm = rng.integers(0, 3, n), rng.integers(0, 3, n), rng.permutation(np.arange(n) % arms)
    values = np.empty((9, n))
    values[AGE] = rng.integers(18, 61, n)
    values[BMI] = 27.0 + 4.0 * rng.standard_normal(n)
    values[ONE], values[TWO_PLUS] = comorbidity == 1, comorbidity == 2
    values[MODERATE], values[HIGH] = activity == 1, activity == 2
    values[BASELINE] = 44.0 + 12.0 * rng.standard_normal(n)
    values[PAIN] = 6.0 + 0.05 * (values[BASELINE] - 44.0) + rng.standard_normal(n)
    mean = 0.7 * values[BASELINE] + 0.1 * values[AGE] + 3.0 * values[TWO_PLUS] + effect * (arm == 0)
    values[RESPONSE] = mean + 10.0 * rng.standard_normal(n)
    if loss > 0.0:
        odds = np.exp(0.03 * (values[BASELINE] - 44.0)) * loss / (1.0 - loss)
        values[RESPONSE, rng.random(n) < odds / (1.0 + odds)] = np.nan
    return make_trial(values, arm, seed=seed + 100)


def planned(
    method: Method,
    covariates: tuple[int, ...] = COVARIATES,
    imputation: tuple[int, ...] = IMPUTATION,
    m: int = 20,
    arm: int = 0,
    reference: int = 1,
    non_responder: int = 0,
) -> Analysis:
    """An analysis of arm 0 against arm 1; a responder improves by at least 10 points, lower being better."""
    return Analysis(
        method=int(method),
        response=RESPONSE,
        baseline=BASELINE,
        arm=arm,
        reference=reference,
        covariates=np.array(covariates, dtype=np.int64),
        imputation=np.array(imputation, dtype=np.int64),
        m=m,
        threshold=10.0,
        direction=-1.0,
        non_responder=non_responder,
    )


def with_row(trial: Trial, row: int, values: Floats) -> Trial:
    """The trial with one row replaced."""
    changed = trial.values.copy()
    changed[row] = values
    return trial._replace(values=changed)


def columns(trial: Trial, analysis: Analysis, chosen: NDArray[np.bool_]) -> Floats:
    """Intercept, arm, covariates of the chosen participants, shape (n, p)."""
    arm = (trial.arm[chosen] == analysis.arm).astype(np.float64)
    return np.column_stack([np.ones(arm.size), arm, trial.values[analysis.covariates][:, chosen].T])
