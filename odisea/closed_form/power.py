"""Power of two-arm trials (t test, analysis of covariance, margins) and of overall F tests, in closed form.

Differences are advantages: positive means that the arm does better than the reference. SD is within arms.
References and worked examples: docs/statistics/closed_forms.md.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from odisea.closed_form.arguments import Floats, at_least, check_covariates, finite, positive, probability, residual_df
from odisea.closed_form.mixture import beta_nodes, critical_t, noncentral_f_upper, t_tail

LARGEST_NONCENTRALITY = 2e4  # of the F test with several groups; any realistic test has power 1 far below


class Adjustment(NamedTuple):
    """The covariates of an analysis of covariance.

    Parameters
    ----------
    r_squared : float or array
        Share of the within-arm outcome variance that the covariates explain (one covariate: squared correlation).
    n_covariates : int
        Number of covariate columns in the model (a factor counts its levels minus one).
    imbalance : {"exact", "mean", "none"}
        Chance imbalance of the covariates between arms: its exact distribution (normal covariates), its mean effect on the
        variance, (N - 3) / (N - 3 - p), or ignored (Keppel).
    """

    r_squared: float | Floats
    n_covariates: int
    imbalance: Literal["exact", "mean", "none"] = "exact"


UNADJUSTED = Adjustment(0.0, 0)


def t_power(
    difference: ArrayLike, sd: ArrayLike, n_arm: ArrayLike, alpha: ArrayLike, *, n_reference: ArrayLike | None = None, sides: int = 2
) -> Floats:
    """Return the power of the two-sample t test.

    Parameters
    ----------
    difference, sd : float or array
        True advantage and within-arm standard deviation, in points.
    n_arm, n_reference : float or array
        Analysed participants per arm; `n_reference` is `n_arm` unless given.
    alpha : float or array
        Level of the test.
    sides : {2, 1}
        2: rejection in either direction counts; 1: only in favour of the arm, at level `alpha`.

    Returns
    -------
    float or array
        Power in the broadcast shape of the arguments.

    Raises
    ------
    ValueError
        An impossible argument, or fewer than one residual degree of freedom.

    Examples
    --------
    >>> round(float(t_power(10, 15, 60, 0.05)), 4)
    0.9517
    """
    return ancova_power(difference, sd, n_arm, alpha, UNADJUSTED, n_reference=n_reference, sides=sides)


def ancova_power(
    difference: ArrayLike,
    sd: ArrayLike,
    n_arm: ArrayLike,
    alpha: ArrayLike,
    adjustment: Adjustment,
    *,
    n_reference: ArrayLike | None = None,
    sides: int = 2,
) -> Floats:
    """Return the power of the test of the arm in an analysis of covariance; parameters as in `t_power`.

    Parameters
    ----------
    adjustment : Adjustment
        The covariates. With `imbalance="exact"` the power is exact for normally distributed covariates.

    Examples
    --------
    >>> round(float(ancova_power(10, 18, 60, 0.05, Adjustment(0.25, 5))), 4)
    0.9262
    """
    return _power(_design(difference, sd, n_arm, n_reference, adjustment), critical_t(alpha, sides), both=sides == 2)


def realised_power(
    difference: float, sd: float, n_arm: ArrayLike, alpha: float, adjustment: Adjustment, *, n_reference: ArrayLike, sides: int = 2
) -> float:
    """Return the mean power over realised numbers per arm, one pair per simulated trial; parameters as in `ancova_power`.

    A trial without a residual degree of freedom, or with an empty arm, cannot reject: it enters with power 0.
    """
    pairs, times = np.unique(
        np.stack(np.broadcast_arrays(finite("n_arm", n_arm), finite("n_reference", n_reference)), axis=-1).reshape(-1, 2),
        axis=0,
        return_counts=True,
    )
    usable = (pairs.min(axis=1) >= 1) & (pairs.sum(axis=1) - 2 - adjustment.n_covariates >= 1)
    power = np.zeros(times.size)
    if usable.any():
        power[usable] = ancova_power(difference, sd, pairs[usable, 0], alpha, adjustment, n_reference=pairs[usable, 1], sides=sides)
    return float(np.average(power, weights=times))


def margin_power(
    difference: ArrayLike,
    margin: ArrayLike,
    sd: ArrayLike,
    n_arm: ArrayLike,
    alpha: ArrayLike,
    *,
    adjustment: Adjustment = UNADJUSTED,
    n_reference: ArrayLike | None = None,
    sides: int = 2,
) -> Floats:
    """Return the power to show more than a margin: P(reject "the advantage is at most `margin`").

    Only rejections in favour of the arm count. With `sides=2` the lower limit of the (1 - alpha) confidence interval lies
    beyond the margin (level alpha / 2); with `sides=1` the test has level `alpha`. At `difference == margin` the power is
    that level. Other parameters as in `ancova_power`; a negative margin gives a non-inferiority test.

    Examples
    --------
    >>> round(float(margin_power(10, 10, 15, 60, 0.05)), 6)
    0.025
    """
    beyond = np.subtract(difference, margin)
    return _power(_design(beyond, sd, n_arm, n_reference, adjustment), critical_t(alpha, sides), both=False)


def prob_estimate_beyond(
    target: ArrayLike,
    difference: ArrayLike,
    sd: ArrayLike,
    n_arm: ArrayLike,
    *,
    adjustment: Adjustment = UNADJUSTED,
    n_reference: ArrayLike | None = None,
) -> Floats:
    """Return P(estimated advantage >= `target`) when the true advantage is `difference`; other parameters as in `ancova_power`.

    Examples
    --------
    >>> float(prob_estimate_beyond(10, 10, 15, 60))
    0.5
    """
    design = _design(np.subtract(difference, target), sd, n_arm, n_reference, adjustment)
    share, weight = _imbalance(design)
    return np.asarray(np.sum(weight * special.ndtr(design.nc[..., None] * np.sqrt(share)), axis=-1))[()]


def one_sample_t_power(difference: ArrayLike, sd: ArrayLike, n: ArrayLike, alpha: ArrayLike, *, sides: int = 2) -> Floats:
    """Return the power of the one-sample (or paired) t test with `n` values; other parameters as in `t_power`."""
    size = at_least("n", n, 2.0)
    nc = finite("difference", difference) * np.sqrt(size) / positive("sd", sd)
    return t_tail(critical_t(alpha, sides)(size - 1), size - 1, nc, both=sides == 2)


def groups_power(
    means: ArrayLike,
    sd: float,
    n: ArrayLike,
    alpha: float,
    *,
    r_squared: float = 0.0,
    n_covariates: int = 0,
    imbalance: Literal["exact", "shieh", "none"] = "exact",
) -> float:
    """Return the power of the overall F test of two or more groups in an analysis of covariance (one design).

    Parameters
    ----------
    means : (n_groups,)
        True group means.
    sd : float
        Within-group standard deviation before adjustment.
    n : float or (n_groups,)
        Analysed participants per group.
    alpha : float
        Level of the test.
    r_squared, n_covariates : float, int
        As in `Adjustment`.
    imbalance : {"exact", "shieh", "none"}
        "exact": B ~ Beta((N - p - 1) / 2, p / 2), exact for normal covariates. "shieh": the published formula, first shape
        (N - G - p + 1) / 2, which is exact for one contrast and slightly low for the overall test of three or more groups.
        "none": no imbalance (Keppel).

    Raises
    ------
    ValueError
        An impossible argument, or fewer than one residual degree of freedom.
    """
    mean, size = np.broadcast_arrays(finite("means", means), at_least("n", n, 1.0))
    check_covariates(r_squared, n_covariates)
    if imbalance not in ("exact", "shieh", "none"):
        raise ValueError(f"imbalance is {imbalance!r}; it must be 'exact', 'shieh' or 'none'")
    if mean.ndim != 1 or mean.size < 2:
        raise ValueError(f"means has shape {mean.shape}; one mean for each of at least two groups is needed")
    total, groups = float(size.sum()), mean.size
    df = residual_df(total, groups, n_covariates)
    between = float(np.sum(size * (mean - np.average(mean, weights=size)) ** 2))
    noncentrality = min(between / (float(positive("sd", sd)) ** 2 * (1 - r_squared)), LARGEST_NONCENTRALITY)
    if n_covariates == 0 or imbalance == "none":
        share, weight = np.ones(1), np.ones(1)
    else:
        share, weight = beta_nodes((total - (2 if imbalance == "exact" else groups) - n_covariates + 1) / 2, n_covariates / 2)
    return noncentral_f_upper(float(probability("alpha", alpha)), groups - 1, float(df), noncentrality * share, weight)


class _Design(NamedTuple):
    """Noncentrality without imbalance, residual df, and what the imbalance depends on, in one broadcast shape."""

    nc: Floats
    df: Floats
    total: Floats
    adjustment: Adjustment


def _design(difference: ArrayLike, sd: ArrayLike, n_arm: ArrayLike, n_reference: ArrayLike | None, adjustment: Adjustment) -> _Design:
    arm = at_least("n_arm", n_arm, 1.0)
    reference = arm if n_reference is None else at_least("n_reference", n_reference, 1.0)
    check_covariates(adjustment.r_squared, adjustment.n_covariates)
    if adjustment.imbalance not in ("exact", "mean", "none"):
        raise ValueError(f"imbalance is {adjustment.imbalance!r}; it must be 'exact', 'mean' or 'none'")
    se = positive("sd", sd) * np.sqrt((1 - np.asarray(adjustment.r_squared)) * (1 / arm + 1 / reference))
    nc = np.asarray(finite("difference", difference) / se)
    total = np.broadcast_to(arm + reference, nc.shape)
    return _Design(nc, residual_df(total, 2, adjustment.n_covariates), total, adjustment)


def _imbalance(design: _Design) -> tuple[Floats, Floats]:
    """Return nodes and weights, (..., n_nodes), of the share B of the noncentrality that chance imbalance leaves."""
    p = design.adjustment.n_covariates
    one = np.ones((*design.nc.shape, 1))
    if p == 0 or design.adjustment.imbalance == "none":
        return one, one
    if design.adjustment.imbalance == "mean":
        return ((design.total - 3 - p) / (design.total - 3))[..., None], one
    return beta_nodes((design.total - p - 1) / 2, p / 2)


def _power(design: _Design, critical: Callable[[Floats], Floats], *, both: bool) -> Floats:
    share, weight = _imbalance(design)
    tail = t_tail(critical(design.df)[..., None], design.df[..., None], design.nc[..., None] * np.sqrt(share), both=both)
    return np.asarray(np.clip(np.sum(weight * tail, axis=-1), 0.0, 1.0))[()]
