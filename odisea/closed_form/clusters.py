"""Participants treated in groups: inflation of the variance, and the power when only one arm meets in groups.

References: docs/statistics/closed_forms.md.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from odisea.closed_form.arguments import Floats, at_least, check_covariates, finite, positive
from odisea.closed_form.mixture import critical_t, t_tail


def cluster_inflation(icc: ArrayLike, cluster_size: ArrayLike) -> Floats:
    """Return 1 + (m - 1) ICC: the variance of a mean of clusters of m participants over that of independent participants.

    Parameters
    ----------
    icc : float or array
        Intracluster correlation, 0 to 1.
    cluster_size : float or array
        Analysed participants per cluster, m, 1 or above (a mean size makes the formula slightly too low).

    Raises
    ------
    ValueError
        An impossible argument.

    Examples
    --------
    >>> float(cluster_inflation(0.05, 5))
    1.2
    """
    rho = finite("icc", icc)
    if np.any((rho < 0) | (rho > 1)):
        raise ValueError(f"icc must lie between 0 and 1, found {icc!r}")
    return np.asarray(1 + (at_least("cluster_size", cluster_size, 1.0) - 1) * rho)[()]


def partially_nested_power(
    difference: ArrayLike,
    sd: ArrayLike,
    n_arm: ArrayLike,
    alpha: ArrayLike,
    *,
    icc: ArrayLike,
    cluster_size: ArrayLike,
    r_squared: ArrayLike = 0.0,
    n_reference: ArrayLike | None = None,
    df: Literal["normal", "satterthwaite"] = "satterthwaite",
    sides: int = 2,
) -> Floats:
    """Return the power of a trial whose arm is treated in groups while its reference is not.

    The difference of means has variance v_1 + v_2, v_1 = sd^2 (1 - R^2) (1 + (m - 1) ICC) / n_arm and
    v_2 = sd^2 (1 - R^2) / n_reference.

    Parameters
    ----------
    difference, sd, n_arm, alpha, n_reference, sides
        As in `t_power`; the arm has n_arm / cluster_size groups, at least 2 for "satterthwaite".
    icc : float or array
        Intracluster correlation within the arm, of what the covariates leave.
    cluster_size : float or array
        Participants per group, m.
    r_squared : float or array
        Share of the variance that covariates explain, here without cost in degrees of freedom.
    df : {"normal", "satterthwaite"}
        Both variances known, or the t distribution whose degrees of freedom match the mean and variance of the estimated sum:
        (v_1 + v_2)^2 / (v_1^2 / (groups - 1) + v_2^2 / (n_reference - 1)).

    Raises
    ------
    ValueError
        An impossible argument, or fewer than two groups.

    Examples
    --------
    >>> round(float(partially_nested_power(10, 20, 60, 0.05, icc=0.05, cluster_size=10, r_squared=0.25, df="normal")), 4)
    0.8152
    """
    check_covariates(r_squared, 1)
    arm = at_least("n_arm", n_arm, 1.0)
    reference = arm if n_reference is None else at_least("n_reference", n_reference, 1.0)
    left = positive("sd", sd) ** 2 * (1 - np.asarray(r_squared))
    v_1, v_2 = left * cluster_inflation(icc, cluster_size) / arm, left / reference
    nc = finite("difference", difference) / np.sqrt(v_1 + v_2)
    if df == "satterthwaite":
        groups = at_least("number of groups", arm / np.asarray(cluster_size, dtype=np.float64), 2.0)
        freedom = (v_1 + v_2) ** 2 / (v_1**2 / (groups - 1) + v_2**2 / (at_least("n_reference", reference, 2.0) - 1))
        return t_tail(critical_t(alpha, sides)(freedom), freedom, nc, both=sides == 2)[()]
    if df != "normal":
        raise ValueError(f"df is {df!r}; it must be 'normal' or 'satterthwaite'")
    critical = critical_t(alpha, sides)(np.asarray(np.inf))
    wrong = special.ndtr(-nc - critical) if sides == 2 else 0.0
    return np.asarray(np.clip(special.ndtr(nc - critical) + wrong, 0.0, 1.0))[()]
