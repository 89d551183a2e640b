"""The only door to the estimators: one trial and one planned analysis in, one estimate out."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaincc, ndtr, ndtri, stdtrit

from odisea.analyse.imputation import ancova_imputed
from odisea.analyse.linear import ancova
from odisea.analyse.responder import responder_effect, responder_effects
from odisea.compiled import compiled
from odisea.data.trial import Analysis, Estimate, Floats, Method, Trial, Variance


@compiled
def estimate(trial: Trial, analysis: Analysis) -> Estimate:
    """Return the estimate of one planned analysis of one trial.

    Parameters
    ----------
    trial : Trial
        The analysis data set, simulated or real.
    analysis : Analysis
        What to do; made by `odisea.analyse.plan.lower_plan`.

    Returns
    -------
    Estimate
        Status `OK`, or a status with its reason and NaN for the numbers.
    """
    if analysis.method == Method.ANCOVA.value:
        return ancova(trial, analysis)
    if analysis.method in (Method.ANCOVA_MI.value, Method.ANCOVA_MI_LIMIT.value):
        return ancova_imputed(trial, analysis)
    return responder_effect(trial, analysis)


@compiled
def estimate_two(trial: Trial, analysis: Analysis) -> tuple[Estimate, Estimate]:
    """Return the log odds ratio of a planned analysis, and the risk difference that the same fit gives.

    For loops in which the second analysis is planned right after the first: `shares_fit` says so. Both are bit by bit
    what `estimate` gives for each.
    """
    return responder_effects(trial, analysis)


def shares_fit(first: Analysis, second: Analysis) -> bool:
    """Return whether the second analysis is the risk difference (Ye) of the logistic model whose odds ratio the first is."""
    wanted = (Method.RESPONDER_LOG_ODDS_RATIO, Method.RESPONDER_RISK_DIFFERENCE)
    if (first.method, second.method) != wanted or second.variance not in (Variance.MODEL, Variance.YE):
        return False
    same = second._replace(method=first.method, variance=first.variance)
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(first, same, strict=True))


def finish(estimates: ArrayLike, se: ArrayLike, df: ArrayLike, alpha: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return confidence limits and two-sided p value against 0.

    Parameters
    ----------
    estimates, se, df, alpha : array-like of one shape (or scalars)
        df inf stands for the normal distribution; NaN anywhere gives NaN.

    Returns
    -------
    ci_low, ci_high, p : float64 arrays
        Limits of the interval with coverage 1 - alpha, and p.
    """
    centre, spread, freedom, level = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (estimates, se, df, alpha)))
    normal = np.isinf(freedom)
    finite = np.where(normal, 1.0, freedom)
    quantile = -np.where(normal, ndtri(level / 2.0), stdtrit(finite, level / 2.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.where(normal, 2.0 * ndtr(-np.abs(centre / spread)), _two_sided_t(centre / spread, finite))
    return centre - quantile * spread, centre + quantile * spread, p


def _two_sided_t(t: Floats, df: Floats) -> Floats:
    """Return P(|T| >= |t|) as an incomplete beta function, by its upper or lower tail, whichever keeps the digits."""
    square = t * t
    p: Floats = np.where(square < df, betaincc(0.5, df / 2.0, square / (df + square)), betainc(df / 2.0, 0.5, df / (df + square)))
    return p
