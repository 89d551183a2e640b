"""Means with the standard deviation taken as known: the z formulas that most sample-size statements use.

The number formulas neglect the rejections in the wrong direction, as every textbook does; the powers count them. At power
one half and a two-sided level of 0.05 they are less than 0.00005. References: docs/statistics/closed_forms.md.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from odisea.closed_form.arguments import Floats, at_least, check_solvable, finite, positive, probability


def z_power(
    difference: ArrayLike, sd: ArrayLike, n_arm: ArrayLike, alpha: ArrayLike, *, n_reference: ArrayLike | None = None, sides: int = 2
) -> Floats:
    """Return the power of the two-sample z test; parameters as in `t_power`, the standard deviation known.

    Raises
    ------
    ValueError
        An impossible argument.

    Examples
    --------
    >>> round(float(z_power(10, 15, 60, 0.05)), 4)
    0.9546
    """
    arm = at_least("n_arm", n_arm, 1.0)
    reference = arm if n_reference is None else at_least("n_reference", n_reference, 1.0)
    nc = finite("difference", difference) / (positive("sd", sd) * np.sqrt(1 / arm + 1 / reference))
    critical = upper_quantile(probability("alpha", alpha) / tails(sides))
    wrong = special.ndtr(-nc - critical) if sides == 2 else 0.0
    return np.asarray(np.clip(special.ndtr(nc - critical) + wrong, 0.0, 1.0))[()]


def z_n_per_arm(
    difference: float, sd: float, power: float, alpha: float, *, ratio: float = 1.0, sides: int = 2, digits: int | None = None
) -> float:
    """Return the real number per arm of the z formula, (1 + 1/ratio) (z_a + z_b)^2 sd^2 / difference^2.

    Parameters
    ----------
    difference, sd, power, alpha, ratio, sides
        As in `fractional_n_per_arm`; `ratio` is participants of the reference per participant of the arm.
    digits : int, optional
        Decimals that both normal quantiles are rounded to first; 2 gives the 1.96 and 0.84 of a hand calculation.

    Raises
    ------
    ValueError
        An impossible argument, or no advantage in a one-sided test.

    Examples
    --------
    >>> round(z_n_per_arm(8, 20, 0.9, 0.05), 2)
    131.34
    >>> round(z_n_per_arm(0.75, 1.841, 0.8, 0.05), 2), round(z_n_per_arm(0.75, 1.841, 0.8, 0.05, digits=2), 2)
    (94.59, 94.48)
    """
    check_advantage(difference, sides)
    z = sum(quantiles(power, alpha, sides, digits))
    return float((1 + 1 / positive("ratio", ratio)) * (z * positive("sd", sd) / difference) ** 2)


def z_effect_size(n_arm: float, power: float, alpha: float, *, n_reference: float | None = None, sides: int = 2) -> float:
    """Return the difference in standard deviations at which the z formula gives these numbers; the inverse of `z_n_per_arm`.

    The implied SD is the difference divided by it, the detectable difference the SD times it.

    Examples
    --------
    >>> round(10 / z_effect_size(60, 0.8, 0.05), 2)
    19.55
    """
    arm = at_least("n_arm", n_arm, 1.0)
    reference = arm if n_reference is None else at_least("n_reference", n_reference, 1.0)
    return float(sum(quantiles(power, alpha, sides)) * np.sqrt(1 / arm + 1 / reference))


def bonett_ancova_n_per_arm(
    error_variance: float,
    difference: float,
    power: float,
    alpha: float,
    *,
    n_covariates: int = 1,
    ratio: float = 1.0,
    imbalance: float = 0.0,
    sides: int = 2,
) -> float:
    """Return Bonett's number in the arm for an analysis of covariance; the reference has `ratio` times the whole number above it.

    v (1 + d^2/4) (1 + 1/ratio) (z_a + z_b)^2 / difference^2 + z_a^2/4 + s, where z_a^2/4 stands for the estimated variance.

    Parameters
    ----------
    error_variance : float
        Within-arm variance v after adjustment, SD^2 (1 - R^2).
    difference, power, alpha, ratio, sides
        As in `z_n_per_arm`.
    n_covariates : int
        Number of covariates s.
    imbalance : float
        Standardised difference d of the covariate between arms that the calculation allows for.

    Examples
    --------
    >>> round(bonett_ancova_n_per_arm(1.37, 0.7, 0.9, 0.05), 2)
    60.72
    """
    if n_covariates < 0:
        raise ValueError(f"n_covariates must be 0 or above, found {n_covariates!r}")
    sd = np.sqrt(float(positive("error_variance", error_variance)) * (1 + float(finite("imbalance", imbalance)) ** 2 / 4))
    z_alpha = quantiles(power, alpha, sides)[0]
    return z_n_per_arm(difference, sd, power, alpha, ratio=ratio, sides=sides) + z_alpha**2 / 4 + n_covariates


def upper_quantile(level: ArrayLike) -> Floats:
    """Return the standard normal value that is exceeded with this probability."""
    return np.asarray(-special.ndtri(np.asarray(level, dtype=np.float64)))


def quantiles(power: float, alpha: float, sides: int, digits: int | None = None) -> tuple[float, float]:
    """Return the normal quantiles of the level (of one tail) and of the power, rounded where `digits` says so."""
    check_solvable(power, alpha / tails(sides))
    pair = float(upper_quantile(alpha / sides)), float(special.ndtri(power))
    return pair if digits is None else (round(pair[0], digits), round(pair[1], digits))


def check_advantage(difference: float, sides: int) -> None:
    """Refuse a difference that no number of participants has power for."""
    if not np.isfinite(difference) or difference == 0 or (sides == 1 and difference < 0):
        raise ValueError(f"no number of participants gives power for a difference of {difference!r}; a true advantage is needed")


def tails(sides: int) -> int:
    """Return the number of tails that share the level; refuses anything but 1 and 2."""
    if sides not in (1, 2):
        raise ValueError(f"sides is {sides!r}; a test has 1 or 2")
    return sides
