"""Combining what several completed data sets say: Rubin's rules, and the joint test of several coefficients.

Specification: docs/statistics/multiple_imputation.md, section 2. Sources: Rubin, Multiple Imputation for Nonresponse in
Surveys (1987); Barnard and Rubin, Biometrika 1999;86:948; Reiter, Biometrika 2007;94:502.
"""

from typing import NamedTuple

import numpy as np

from odisea.compiled import compiled
from odisea.data.trial import Floats

FEWEST_FOR_REITER = 4  # its expansion needs more than so many degrees of freedom between imputations


class Pooled(NamedTuple):
    """Rubin's rules with the degrees of freedom of Barnard and Rubin (1999).

    Parameters
    ----------
    estimate, within, between, total : float
        Mean estimate, mean variance, variance between imputations (divisor m - 1), within + (1 + 1/m) between.
    df, riv, lambda_, fmi : float
        Degrees of freedom, relative increase in variance, share of the variance due to missing data, fraction of missing information.
    mcse : float
        Monte Carlo standard error of the estimate, sqrt(between / m).
    """

    estimate: float
    within: float
    between: float
    total: float
    df: float
    riv: float
    lambda_: float
    fmi: float
    mcse: float


class JointTest(NamedTuple):
    """A test that several coefficients are all zero.

    Parameters
    ----------
    f, df1, df2, p : float
        Statistic, its degrees of freedom and the upper tail of the F distribution.
    riv : float
        Average relative increase in variance over the coefficients.
    """

    f: float
    df1: float
    df2: float
    p: float
    riv: float


@compiled
def barnard_rubin(lambda_: float, m: float, df_complete: float) -> float:
    """Return the degrees of freedom 1 / (lambda^2 / (m - 1) + 1 / nu_obs); finite or infinite `m` and `df_complete`, lambda may be 0."""
    observed = 0.0
    if not np.isinf(df_complete):
        observed = (df_complete + 3.0) / ((df_complete + 1.0) * df_complete * (1.0 - lambda_))
    return 1.0 / (lambda_ * lambda_ / (m - 1.0) + observed)


@compiled
def pool(estimates: Floats, variances: Floats, df_complete: float) -> Pooled:
    """Return the pooled result of m >= 2 imputations.

    Parameters
    ----------
    estimates, variances : float64 (m,)
        Estimate and squared standard error in each completed data set.
    df_complete : float
        Degrees of freedom the complete data would have; inf for a normal reference distribution.
    """
    m = estimates.size
    origin, spread, within = estimates[0], 0.0, 0.0
    for j in range(m):
        spread += estimates[j] - origin
        within += variances[j]
    mean = origin + spread / m  # from the first estimate, so that equal estimates have exactly no spread
    between = 0.0
    for j in range(m):
        between += (estimates[j] - mean) ** 2
    return pooled_from(mean, within / m, between / (m - 1), float(m), df_complete)


@compiled
def pooled_from(estimate: float, within: float, between: float, m: float, df_complete: float) -> Pooled:
    """Return all pooled quantities from the two variances; m may be inf."""
    extra = between + between / m
    total = within + extra
    lambda_, riv = extra / total, extra / within
    df = barnard_rubin(lambda_, m, df_complete)
    fmi = (riv + 2.0 / (df + 3.0)) / (1.0 + riv)
    return Pooled(estimate, within, between, total, df, riv, lambda_, fmi, np.sqrt(between / m))


def joint_test(estimates: Floats, covariances: Floats, df_complete: float) -> JointTest:
    """Return the test D1 of Li, Raghunathan and Rubin with the degrees of freedom of Reiter (2007).

    Parameters
    ----------
    estimates : float64 (m, k)
        The k coefficients in each of m >= 2 completed data sets.
    covariances : float64 (m, k, k)
        Their covariances.
    df_complete : float
        Degrees of freedom the complete data would have; inf for a normal reference distribution.

    Raises
    ------
    ValueError
        k (m - 1) <= 4 with k > 1: the expansion behind the degrees of freedom does not exist.
    """
    m, k = estimates.shape
    mean, within = estimates.mean(axis=0), covariances.mean(axis=0)
    deviations = estimates - mean
    between = deviations.T @ deviations / (m - 1)
    riv = (1.0 + 1.0 / m) * float(np.trace(np.linalg.solve(within, between))) / k
    f = float(mean @ np.linalg.solve(within, mean)) / (k * (1.0 + riv))
    df2 = _reiter(riv, k * (m - 1.0), df_complete) if k * (m - 1) > FEWEST_FOR_REITER else _few_imputations(riv, m, k, df_complete)
    return JointTest(f, float(k), df2, _upper_tail(f, float(k), df2), riv)


def _few_imputations(riv: float, m: int, k: int, df_complete: float) -> float:
    """Return the degrees of freedom where Reiter's do not exist: of one coefficient those of Barnard and Rubin."""
    if k > 1:
        raise ValueError(f"{m} imputations are too few for a joint test of {k} coefficients; k (m - 1) must be above {FEWEST_FOR_REITER}")
    return float(barnard_rubin(riv / (1.0 + riv), float(m), df_complete))


def _reiter(riv: float, t: float, df_complete: float) -> float:
    """Return the denominator degrees of freedom of Reiter (2007), t = k (m - 1) > 4; df_complete inf: Li, Raghunathan and Rubin's."""
    if np.isinf(df_complete):
        return 4.0 + (t - 4.0) * (1.0 + (1.0 - 2.0 / t) / riv) ** 2 if riv > 0.0 else np.inf
    a = riv * t / (t - 2.0)
    observed = df_complete * (df_complete + 1.0) / (df_complete + 3.0)
    c1, c2 = observed - 2.0 * (1.0 + a), observed - 4.0 * (1.0 + a)
    first = 1.0 / c2
    rest = a * a * c1 / ((1.0 + a) ** 2 * c2) + 8.0 * a * a * c1 / ((1.0 + a) * c2**2) + 4.0 * a * a / ((1.0 + a) * c2)
    rest += 4.0 * a * a / (c2 * c1) + 16.0 * a * a * c1 / c2**3 + 8.0 * a * a / c2**2
    return 4.0 + 1.0 / (first + rest / (t - 4.0))


def _upper_tail(f: float, df1: float, df2: float) -> float:
    from scipy.special import chdtrc, fdtrc

    return float(chdtrc(df1, f * df1) if np.isinf(df2) else fdtrc(df1, df2, f))
