"""How many imputations are enough, and how far the numbers of a finite number of them are from those of infinitely many.

Specification: docs/statistics/multiple_imputation.md, section 8. Source of the two-stage rule: von Hippel, Sociological
Methods and Research 2020;49:699; the Monte Carlo errors are jackknives over the imputations.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from odisea.analyse.estimate import finish
from odisea.analyse.imputation import MAX_IMPUTATIONS
from odisea.analyse.pooling import Pooled
from odisea.data.trial import Floats

PILOT = 20
VARIATION = 0.05  # coefficient of variation of the standard error that is aimed at
PER_FMI = 100.0  # never fewer imputations than so many times the fraction of missing information
LEVEL = 0.95
FEWEST_FOR_ERRORS = 3  # pooling without one of them needs two more


class Chosen(NamedTuple):
    """A number of imputations and where it comes from.

    Parameters
    ----------
    m : int
        Number of imputations.
    pilot_fmi, upper_fmi : float
        Fraction of missing information in the pilot, and its upper confidence limit.
    """

    m: int
    pilot_fmi: float
    upper_fmi: float


class MonteCarlo(NamedTuple):
    """Monte Carlo standard errors of estimate, standard error and p value; NaN with fewer than three imputations."""

    estimate: float
    se: float
    p: float


def upper_fmi(fmi: float, m: int) -> float:
    """Return the upper 95 % limit of the fraction of missing information found in m imputations: normal on the logit, SE sqrt(2/m)."""
    if not 0.0 < fmi < 1.0:
        return fmi
    logit = np.log(fmi / (1.0 - fmi)) + ndtri(0.5 + LEVEL / 2.0) * np.sqrt(2.0 / m)
    return float(1.0 / (1.0 + np.exp(-logit)))


def needed(fmi: float, variation: float = VARIATION) -> int:
    """Return the number of imputations for a coefficient of variation of the standard error: 1 + (fmi / variation)^2 / 2, rounded up."""
    exact = 1.0 + 0.5 * (fmi / variation) ** 2
    return int(np.ceil(exact - 1e-9))  # 3 is 3, also where the quotient's rounding says a little more


def choose(pilot: Pooled, m_pilot: int = PILOT, variation: float = VARIATION) -> Chosen:
    """Return the number of imputations that a pilot asks for: never below the pilot's, nor below 100 times the upper limit of FMI.

    Without any spread between the pilot's imputations nothing is missing, and the pilot is enough.
    """
    if pilot.between <= 0.0:
        return Chosen(m_pilot, pilot.fmi, pilot.fmi)
    upper = upper_fmi(pilot.fmi, m_pilot)
    m = max(needed(upper, variation), int(np.ceil(PER_FMI * upper)), m_pilot)
    return Chosen(min(m, MAX_IMPUTATIONS), pilot.fmi, upper)


def pooled_without_each(estimates: Floats, variances: Floats, df_complete: float) -> tuple[Floats, Floats, Floats]:
    """Return pooled estimate, standard error and degrees of freedom without each of the m >= 3 imputations in turn, each (m,)."""
    m = estimates.size
    deviation = estimates - estimates.mean()
    mean = estimates.mean() - deviation / (m - 1.0)
    within = (variances.sum() - variances) / (m - 1.0)
    between = np.maximum((deviation @ deviation - deviation**2 * m / (m - 1.0)) / (m - 2.0), 0.0)
    extra = between * (1.0 + 1.0 / (m - 1.0))
    share = extra / (within + extra)
    observed = 0.0 if np.isinf(df_complete) else (df_complete + 3.0) / ((df_complete + 1.0) * df_complete * (1.0 - share))
    with np.errstate(divide="ignore"):
        df = 1.0 / (share**2 / (m - 2.0) + observed)
    return mean, np.sqrt(within + extra), df


def monte_carlo_errors(estimates: Floats, variances: Floats, df_complete: float) -> MonteCarlo:
    """Return the jackknife's Monte Carlo standard errors; that of the estimate is sqrt(B / m).

    Parameters
    ----------
    estimates, variances : float64 (m,)
        Estimate and squared standard error in each completed data set.
    df_complete : float
        Degrees of freedom the complete data would have; inf for a normal reference distribution.
    """
    m = estimates.size
    if m < FEWEST_FOR_ERRORS:
        return MonteCarlo(float(np.sqrt(estimates.var(ddof=1) / m)), np.nan, np.nan)
    mean, error, df = pooled_without_each(estimates, variances, df_complete)
    _, _, p = finish(mean, error, df, 1.0 - LEVEL)
    return MonteCarlo(*(float(np.sqrt((m - 1.0) / m * np.sum((each - each.mean()) ** 2))) for each in (mean, error, p)))
