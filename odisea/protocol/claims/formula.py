"""The formulas that a sample-size statement may have used, each as a number and as its power.

Every formula works on an effect without unit: differences are in standard deviations.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from odisea.closed_form import (
    Adjustment,
    Variance,
    ancova_power,
    anova_n_per_group,
    anova_power,
    bonett_ancova_n_per_arm,
    fractional_n_per_arm,
    one_sample_n,
    one_sample_t_power,
    proportions_n_per_arm,
    proportions_power,
    t_power,
    z_n_per_arm,
    z_power,
)
from odisea.closed_form.normal import quantiles
from odisea.protocol.claims.claim import Claim
from odisea.protocol.claims.layout import Structure

Kind = Literal["standardised", "adjusted", "f", "proportions"]


class Question(NamedTuple):
    """What a formula is asked.

    Parameters
    ----------
    size : float
        Cohen's d, d after adjustment, Cohen's f, or the arm's proportion.
    power, alpha, sides
        As in `Convention`.
    ratio : float
        Second number compared over the first.
    n_groups : int
        Number of arms.
    r_squared, n_covariates : float, int
        Of the covariates; 0 and 0 without.
    correlation : float
        Of baseline with follow-up; 0 where not given.
    control : float
        Proportion in the control arm; 0 for other outcomes.
    """

    size: float
    power: float
    alpha: float
    sides: int
    ratio: float
    n_groups: int
    r_squared: float
    n_covariates: int
    correlation: float
    control: float


class Formula(NamedTuple):
    """A formula: the real number in the first group compared, and the power of two analysed numbers."""

    name: str
    kinds: tuple[Kind, ...]
    number: Callable[[Question], float]
    power: Callable[[Question, float, float], float]
    needs: tuple[str, ...] = ()


def _t_number(q: Question, size: float, adjustment: Adjustment | None = None) -> float:
    return fractional_n_per_arm(size, 1.0, q.power, q.alpha, adjustment=adjustment or Adjustment(0.0, 0), ratio=q.ratio, sides=q.sides)


def _t_power(q: Question, size: float, n_1: float, n_2: float) -> float:
    return float(t_power(size, 1.0, n_1, q.alpha, n_reference=n_2, sides=q.sides))


def _z_number(q: Question, digits: int | None = None) -> float:
    return z_n_per_arm(q.size, 1.0, q.power, q.alpha, ratio=q.ratio, sides=q.sides, digits=digits)


def _z_power(q: Question, size: float, n_1: float, n_2: float) -> float:
    return float(z_power(size, 1.0, n_1, q.alpha, n_reference=n_2, sides=q.sides))


def _adjustment(q: Question) -> Adjustment:
    """Return the covariates with their exact chance imbalance: its mean alone is off by up to 0.008 at six per arm."""
    return Adjustment(q.r_squared, q.n_covariates)


def _ancova_power(q: Question, n_1: float, n_2: float) -> float:
    return float(ancova_power(q.size, 1.0, n_1, q.alpha, _adjustment(q), n_reference=n_2, sides=q.sides))


def _change(q: Question) -> float:
    """Return d on the scale of change scores, whose SD is sqrt(2 (1 - r)) standard deviations."""
    return q.size / float(np.sqrt(2 * (1 - q.correlation)))


def _bonett_number(q: Question) -> float:
    return bonett_ancova_n_per_arm(1 - q.r_squared, q.size, q.power, q.alpha, n_covariates=q.n_covariates, ratio=q.ratio, sides=q.sides)


def _bonett_power(q: Question, n_1: float, n_2: float) -> float:
    allowance = quantiles(q.power, q.alpha, q.sides)[0] ** 2 / 4 + q.n_covariates
    n = n_1 - allowance
    return _z_power(q, q.size / float(np.sqrt(1 - q.r_squared)), n, n * n_2 / n_1)


def _proportions(name: str, variance: Variance, continuity: bool) -> Formula:
    def number(q: Question) -> float:
        return proportions_n_per_arm(
            q.size, q.control, q.power, q.alpha, variance=variance, continuity=continuity, ratio=q.ratio, sides=q.sides
        )

    def power(q: Question, n_1: float, n_2: float) -> float:
        return proportions_power(q.size, q.control, n_1, q.alpha, variance=variance, continuity=continuity, n_reference=n_2, sides=q.sides)

    return Formula(name, ("proportions",), number, power)


BY_D: tuple[Kind, ...] = ("standardised", "adjusted")
FORMULAS: tuple[Formula, ...] = (
    Formula("t", BY_D, lambda q: _t_number(q, q.size), lambda q, n_1, n_2: _t_power(q, q.size, n_1, n_2)),
    Formula("z", BY_D, _z_number, lambda q, n_1, n_2: _z_power(q, q.size, n_1, n_2)),
    Formula("z_rounded_quantiles", BY_D, lambda q: _z_number(q, 2), lambda q, n_1, n_2: _z_power(q, q.size, n_1, n_2)),
    Formula("ancova", ("standardised",), lambda q: _t_number(q, q.size, _adjustment(q)), _ancova_power, ("r_squared",)),
    Formula(
        "t_times_borm",
        ("standardised",),
        lambda q: _t_number(q, q.size) * (1 - q.r_squared),
        lambda q, n_1, n_2: _t_power(q, q.size, n_1 / (1 - q.r_squared), n_2 / (1 - q.r_squared)),
        ("r_squared",),
    ),
    Formula(
        "z_times_borm",
        ("standardised",),
        lambda q: _z_number(q) * (1 - q.r_squared),
        lambda q, n_1, n_2: _z_power(q, q.size, n_1 / (1 - q.r_squared), n_2 / (1 - q.r_squared)),
        ("r_squared",),
    ),
    Formula("bonett", ("standardised",), _bonett_number, _bonett_power, ("r_squared",)),
    Formula("bonett", ("adjusted",), _bonett_number, _bonett_power),
    Formula(
        "change_t",
        ("standardised",),
        lambda q: _t_number(q, _change(q)),
        lambda q, n_1, n_2: _t_power(q, _change(q), n_1, n_2),
        ("correlation",),
    ),
    Formula(
        "anova_f",
        ("f",),
        lambda q: anova_n_per_group(q.size, q.n_groups, q.power, q.alpha),
        lambda q, n_1, _: anova_power(q.size, q.n_groups, n_1, q.alpha),
    ),
    _proportions("proportions_pooled", "pooled", False),
    _proportions("proportions_pooled_continuity", "pooled", True),
    _proportions("proportions_unpooled", "unpooled", False),
    _proportions("proportions_unpooled_continuity", "unpooled", True),
    _proportions("proportions_arcsine", "arcsine", False),
)
ONE_SAMPLE = Formula(
    "one_sample_t",
    BY_D,
    lambda q: one_sample_n(q.size, 1.0, q.power, q.alpha, sides=q.sides),
    lambda q, n_1, _: float(one_sample_t_power(q.size, 1.0, n_1, q.alpha, sides=q.sides)),
)


def formulas(claim: Claim, structure: Structure, kind: Kind) -> tuple[Formula, ...]:
    """Return the formulas that fit the claim: one for a single series, otherwise those whose inputs it gives."""
    if structure == "one_sample":
        return (ONE_SAMPLE,) if kind in BY_D else ()
    if (structure == "all_groups") != (kind == "f"):
        return ()
    known = {"r_squared"} if claim.r_squared is not None else set()
    if claim.correlation is not None:
        known = {"correlation", "r_squared"}
    return tuple(formula for formula in FORMULAS if kind in formula.kinds and known.issuperset(formula.needs))
