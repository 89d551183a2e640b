"""The closed forms read backwards: number of participants, detectable difference and implied standard deviation."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from odisea.closed_form.arguments import Floats, check_solvable, finite, positive
from odisea.closed_form.normal import check_advantage
from odisea.closed_form.power import UNADJUSTED, Adjustment, ancova_power, one_sample_t_power, realised_power

LARGEST = 1e7  # participants per arm, or standard deviations


def minimal_detectable_difference(
    n_arm: float,
    sd: float,
    power: float,
    alpha: float,
    *,
    adjustment: Adjustment = UNADJUSTED,
    n_reference: float | None = None,
    sides: int = 2,
) -> float:
    """Return the true advantage at which the test has the given power; other parameters as in `ancova_power`.

    Examples
    --------
    >>> round(minimal_detectable_difference(60, 15, 0.8, 0.05), 2)
    7.74
    """
    positive("sd", sd)
    return sd * _effect_size(n_arm, power, alpha, adjustment, n_reference=n_reference, sides=sides)


def implied_sd(
    n_arm: float,
    difference: float,
    power: float,
    alpha: float,
    *,
    adjustment: Adjustment = UNADJUSTED,
    n_reference: float | None = None,
    sides: int = 2,
) -> float:
    """Return the within-arm SD at which `n_arm` analysed per arm give the stated power for the stated difference.

    Other parameters as in `ancova_power`.

    Examples
    --------
    >>> round(implied_sd(60, 10, 0.8, 0.05), 2)
    19.39
    """
    positive("difference", difference)
    return difference / _effect_size(n_arm, power, alpha, adjustment, n_reference=n_reference, sides=sides)


def fractional_n_per_arm(
    difference: float, sd: float, power: float, alpha: float, *, adjustment: Adjustment = UNADJUSTED, ratio: float = 1.0, sides: int = 2
) -> float:
    """Return the real number of analysed participants per arm at which the test has exactly the given power.

    Parameters
    ----------
    difference, sd : float
        True advantage (not 0) and within-arm SD.
    power, alpha : float
        Wanted power and level, 0 < alpha < power < 1.
    adjustment : Adjustment
        The covariates.
    ratio : float
        Participants of the reference per participant of the arm.
    sides : {2, 1}
        As in `t_power`.

    Returns
    -------
    float
        Participants in the arm; the smallest testable number where even that has the power.

    Raises
    ------
    ValueError
        An impossible argument, or more than ten million participants per arm.
    """
    check_solvable(power, alpha)
    positive("ratio", ratio)
    check_advantage(difference, sides)

    def excess(n: float) -> float:
        return float(ancova_power(difference, sd, n, alpha, adjustment, n_reference=ratio * n, sides=sides)) - power

    smallest = max((3.0 + adjustment.n_covariates) / (1.0 + ratio), 1.0, 1.0 / ratio)
    return increasing_root(excess, smallest, LARGEST)


def n_per_arm(
    difference: float, sd: float, power: float, alpha: float, *, adjustment: Adjustment = UNADJUSTED, ratio: float = 1.0, sides: int = 2
) -> tuple[int, int]:
    """Return the smallest whole numbers (arm, reference) with at least the given power; parameters as in `fractional_n_per_arm`.

    The reference has `ratio` times the arm's number, rounded up.

    Examples
    --------
    >>> n_per_arm(10, 20, 0.8, 0.05)
    (64, 64)
    """
    exact = fractional_n_per_arm(difference, sd, power, alpha, adjustment=adjustment, ratio=ratio, sides=sides)
    # One below the fractional number may do where rounding the reference up has already added a participant.
    n = max(int(np.ceil(exact)) - 1, 1)
    while True:
        n_reference = int(np.ceil(ratio * n - 1e-9))
        if realised_power(difference, sd, n, alpha, adjustment, n_reference=n_reference, sides=sides) >= power:
            return n, n_reference
        n += 1


def one_sample_n(difference: float, sd: float, power: float, alpha: float, *, sides: int = 2) -> float:
    """Return the real number of values at which the one-sample (or paired) t test has exactly the given power.

    Parameters and errors as in `fractional_n_per_arm`; for pairs, `difference` and `sd` are those of the differences within pairs.

    Examples
    --------
    >>> round(one_sample_n(5, 15, 0.8, 0.05), 2)
    72.58
    """
    check_solvable(power, alpha)
    check_advantage(difference, sides)
    return increasing_root(lambda n: float(one_sample_t_power(difference, sd, n, alpha, sides=sides)) - power, 2.0, LARGEST)


def borm_design_factor(correlation: ArrayLike) -> Floats:
    """Return 1 - correlation^2: the ANCOVA's number of participants over the t test's (Borm, Fransen and Lemmens 2007)."""
    rho = finite("correlation", correlation)
    if np.any(np.abs(rho) >= 1):
        raise ValueError(f"correlation must lie between -1 and 1, found {correlation!r}")
    return np.asarray(1 - rho**2)[()]


def _effect_size(n_arm: float, power: float, alpha: float, adjustment: Adjustment, *, n_reference: float | None, sides: int) -> float:
    """Return the difference in standard deviations at which the test has the given power."""
    check_solvable(power, alpha)

    def excess(d: float) -> float:
        return float(ancova_power(d, 1.0, n_arm, alpha, adjustment, n_reference=n_reference, sides=sides)) - power

    return increasing_root(excess, 0.0, LARGEST)


def increasing_root(excess: Callable[[float], float], low: float, limit: float) -> float:
    """Return where an increasing function from `low` on becomes zero (`low` where it is never negative)."""
    if excess(low) >= 0:
        return low
    high = max(2 * low, 1.0)
    while excess(high) < 0:
        low, high = high, 2 * high
        if high > limit:
            raise ValueError(f"the wanted power is not reached below {limit:.0e}")
    return float(brentq(excess, low, high, xtol=1e-12, rtol=1e-13))
