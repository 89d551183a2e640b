"""Two proportions: the three usual normal approximations, with and without continuity correction.

The numbers and powers neglect rejections in the wrong direction, so that each power is the exact inverse of its number.
References: docs/statistics/closed_forms.md.
"""

from typing import Literal, NamedTuple

import numpy as np
from scipy import special

from odisea.closed_form.arguments import at_least, positive, probability
from odisea.closed_form.normal import quantiles, tails, upper_quantile

Variance = Literal["pooled", "unpooled", "arcsine"]


class _Scale(NamedTuple):
    """Distance of two proportions and its standard deviation, per participant in the arm, under equality and as supposed."""

    distance: float
    null: float
    true: float


def proportions_n_per_arm(
    arm: float,
    reference: float,
    power: float,
    alpha: float,
    *,
    variance: Variance = "pooled",
    continuity: bool = False,
    ratio: float = 1.0,
    sides: int = 2,
) -> float:
    """Return the real number of participants in the arm that the comparison of two proportions needs.

    Parameters
    ----------
    arm, reference : float
        True proportions, different, each between 0 and 1.
    power, alpha : float
        Wanted power and level.
    variance : {"pooled", "unpooled", "arcsine"}
        Of the test: from the pooled proportion (chi-squared test), from both, or on the arcsine scale (Cohen's h).
    continuity : bool
        Whether the number is raised for the test with Yates's correction (Casagrande, Pike and Smith; Fleiss, Tytun and Ury).
    ratio : float
        Participants of the reference per participant of the arm.
    sides : {2, 1}
        Sides of the test; one-sided tests look in the direction of the true difference.

    Raises
    ------
    ValueError
        An impossible argument, or equal proportions.

    Examples
    --------
    >>> round(proportions_n_per_arm(0.55, 0.40, 0.8, 0.05), 2)
    172.8
    """
    z_alpha, z_power = quantiles(power, alpha, sides)
    scale = _scale(arm, reference, variance, float(positive("ratio", ratio)))
    root = (z_alpha * scale.null + z_power * scale.true) / scale.distance
    if root <= 0:
        raise ValueError(f"the formula has no number for a power of {power!r} below one half at level {alpha!r}")
    return _corrected(root**2, abs(arm - reference), ratio) if continuity else root**2


def proportions_power(
    arm: float,
    reference: float,
    n_arm: float,
    alpha: float,
    *,
    variance: Variance = "pooled",
    continuity: bool = False,
    n_reference: float | None = None,
    sides: int = 2,
) -> float:
    """Return the power that `n_arm` and `n_reference` analysed have; parameters as in `proportions_n_per_arm`.

    Examples
    --------
    >>> round(proportions_power(0.55, 0.40, 172.8, 0.05), 4)
    0.8
    """
    n = float(at_least("n_arm", n_arm, 1.0))
    ratio = 1.0 if n_reference is None else float(at_least("n_reference", n_reference, 1.0)) / n
    scale = _scale(arm, reference, variance, ratio)
    level = float(probability("alpha", alpha)) / tails(sides)
    effective = _uncorrected(n, abs(arm - reference), ratio) if continuity else n
    return float(special.ndtr((scale.distance * np.sqrt(effective) - float(upper_quantile(level)) * scale.null) / scale.true))


def _scale(arm: float, reference: float, variance: Variance, ratio: float) -> _Scale:
    p, q = float(probability("arm", arm)), float(probability("reference", reference))
    if p == q:
        raise ValueError(f"both proportions are {arm!r}; no number of participants gives power")
    if variance == "arcsine":
        one = float(np.sqrt(1 + 1 / ratio))
        return _Scale(abs(2 * float(np.arcsin(np.sqrt(p)) - np.arcsin(np.sqrt(q)))), one, one)
    pooled = (p + ratio * q) / (1 + ratio)
    true = float(np.sqrt(p * (1 - p) + q * (1 - q) / ratio))
    null = float(np.sqrt(pooled * (1 - pooled) * (1 + 1 / ratio))) if variance == "pooled" else true
    return _Scale(abs(p - q), null, true)


def _corrected(n: float, distance: float, ratio: float) -> float:
    """Return the number with continuity correction: sqrt(n') = (sqrt(n) + sqrt(n + 2 c)) / 2, c = (1 + 1/ratio) / distance."""
    return float(np.sqrt(n) + np.sqrt(n + 2 * (1 + 1 / ratio) / distance)) ** 2 / 4


def _uncorrected(n: float, distance: float, ratio: float) -> float:
    """Return the number without correction that the corrected one stands for; 0 where the correction exceeds the difference."""
    half = (1 + 1 / ratio) / distance / 2
    return max(n - half, 0.0) ** 2 / n
