"""Performance measures of an analysis over simulated trials, each with its Monte Carlo standard error.

Formulas: Morris, White and Crowther, Statistics in Medicine 2019;38:2074-2102, table 6; for the standard error of the model
SE the form with the square of the model SE, as rsimsum computes it. A failed fit is a counted value: it does not reject, and
the measures of estimates and intervals leave it out. Specification: docs/statistics/operating_characteristics.md.
"""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
NAN = float("nan")


class Measure(NamedTuple):
    """One performance measure.

    Parameters
    ----------
    measure : str
        Its name in `performance.csv`.
    value, mcse : float
        Value and Monte Carlo standard error; NaN is an empty cell.
    n_replicates : int
        Replicates it was computed from; 0 where it does not come from replicates.
    """

    measure: str
    value: float
    mcse: float
    n_replicates: int


class Truth(NamedTuple):
    """The value that an analysis estimates, with its standard error (0 where it is exact) from the calibration cohort."""

    value: float
    mcse: float = 0.0


class Replicates(NamedTuple):
    """The results of one analysis, one entry per replicate; made by `make_replicates`.

    Parameters
    ----------
    estimate, se, ci_low, ci_high, p : float64 (n,)
        Effect (arm minus reference), standard error, confidence limits and two-sided p value; NaN where the fit failed.
    ok : bool (n,)
        Whether the fit gave an estimate.
    """

    estimate: Floats
    se: Floats
    ci_low: Floats
    ci_high: Floats
    p: Floats
    ok: Mask


def make_replicates(
    estimate: ArrayLike, se: ArrayLike, ci_low: ArrayLike, ci_high: ArrayLike, *, p: ArrayLike, ok: ArrayLike
) -> Replicates:
    """Return `Replicates` with every number of a failed fit set to NaN.

    Raises
    ------
    ValueError
        The arrays differ in length, there is no replicate, or a fit that is `ok` holds a number that is not finite.
    """
    mask = np.asarray(ok, dtype=np.bool_)
    columns = {"estimate": estimate, "se": se, "ci_low": ci_low, "ci_high": ci_high, "p": p}
    arrays = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
    if mask.ndim != 1 or mask.size == 0:
        raise ValueError(f"ok has shape {mask.shape}; one entry for each of at least one replicate is needed")
    for name, array in arrays.items():
        if array.shape != mask.shape:
            raise ValueError(f"{name} has shape {array.shape} and ok {mask.shape}; they must be equal")
        if not np.all(np.isfinite(array[mask])):
            raise ValueError(
                f"{name} is not finite in a replicate whose status is ok (first: {np.flatnonzero(mask & ~np.isfinite(array))[0]})"
            )
    return Replicates(**{name: np.where(mask, array, NAN) for name, array in arrays.items()}, ok=mask)


def performance_measures(
    replicates: Replicates,
    *,
    alpha: float,
    direction: int,
    truth: Truth | None = None,
    target: float | None = None,
    comparator: ArrayLike | None = None,
    closed_form: float | None = None,
) -> tuple[Measure, ...]:
    """Return the performance measures of one analysis in the order of `performance.csv`.

    Parameters
    ----------
    replicates : Replicates
        The results.
    alpha : float
        Two-sided level of the test and of the confidence interval.
    direction : {-1, 1}
        -1 where a negative effect is a benefit (lower is better), else 1.
    truth : Truth or None
        Value that the analysis estimates. None: `true_value` is empty; bias, mean squared error and coverage are left out.
    target : float or None
        The protocol's difference as an advantage (10: ten points better). None: the two measures that need it are left out.
    comparator : (n,) or None
        Estimates of the reference analysis in the same replicates, NaN where it failed. None: no `relative_precision`.
    closed_form : float or None
        Power by a formula that should agree. None: `closed_form_power` and `closed_form_gap` are empty.

    Returns
    -------
    tuple of Measure

    Raises
    ------
    ValueError
        `direction` is neither -1 nor 1, `alpha` or `closed_form` is no probability, or `comparator` has another length.

    Examples
    --------
    >>> result = make_replicates([-9.0, -11.0], [2.0, 2.0], [-13.0, -15.0], [-5.0, -7.0], p=[1e-4, 1e-6], ok=[True, True])
    >>> [round(m.value, 3) for m in performance_measures(result, alpha=0.05, direction=-1, truth=Truth(-10.0)) if m.measure == "bias"]
    [0.0]
    """
    if direction not in (-1, 1):
        raise ValueError(f"direction is {direction!r}; it must be -1 (lower is better) or 1 (higher is better)")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, found {alpha!r}")
    rejections = tuple(_rejections(replicates, alpha, direction))
    return tuple(
        chain(
            rejections,
            _estimates(replicates, truth),
            _intervals(replicates, truth),
            _precision_gain(replicates, comparator),
            [_mean("ci_width", (replicates.ci_high - replicates.ci_low)[replicates.ok])],
            _beyond_target(replicates, direction, target),
            [_proportion("failures", ~replicates.ok)],
            _closed_form(rejections[0], closed_form),
            _reject_margin(replicates, direction, target),
        )
    )


def _rejections(replicates: Replicates, alpha: float, direction: int) -> Iterator[Measure]:
    """Yield the rejection measures over all replicates; comparisons with the NaN of a failed fit are false, so it does not reject."""
    rejected = replicates.p < alpha
    advantage = replicates.estimate * direction
    yield _proportion("power", rejected)
    yield _proportion("reject_benefit", rejected & (advantage > 0))
    yield _proportion("reject_harm", rejected & (advantage < 0))


def _estimates(replicates: Replicates, truth: Truth | None) -> Iterator[Measure]:
    estimate, variance = replicates.estimate[replicates.ok], replicates.se[replicates.ok] ** 2
    n, empirical = estimate.size, _sd(estimate)
    mean = _mean("mean_estimate", estimate)
    yield Measure("true_value", truth.value, truth.mcse, 0) if truth else Measure("true_value", NAN, NAN, 0)
    yield mean
    if truth:
        yield Measure("bias", mean.value - truth.value, float(np.hypot(mean.mcse, truth.mcse)), n)
    yield Measure("empirical_se", empirical, _ratio(empirical, np.sqrt(2 * (n - 1)) if n > 1 else NAN), n)
    model = float(np.sqrt(variance.mean())) if n else NAN
    model_mcse = _ratio(_sd(variance), 2 * np.sqrt(n) * model)
    yield Measure("model_se", model, model_mcse, n)
    ratio = _ratio(model, empirical)
    relative_mcse = ratio * np.hypot(_ratio(model_mcse, model), 1 / np.sqrt(2 * (n - 1)) if n > 1 else NAN)
    yield Measure("relative_error_se", 100 * (ratio - 1), float(100 * relative_mcse), n)
    if truth:
        squared = _mean("mse", (estimate - truth.value) ** 2)
        yield squared._replace(mcse=float(np.hypot(squared.mcse, 2 * (mean.value - truth.value) * truth.mcse)))


def _intervals(replicates: Replicates, truth: Truth | None) -> Iterator[Measure]:
    low, high = replicates.ci_low[replicates.ok], replicates.ci_high[replicates.ok]
    if truth:
        yield _proportion("coverage", (low <= truth.value) & (truth.value <= high))
    centre = _mean("", replicates.estimate[replicates.ok]).value
    yield _proportion("bias_eliminated_coverage", (low <= centre) & (centre <= high))


def _precision_gain(replicates: Replicates, comparator: ArrayLike | None) -> Iterator[Measure]:
    """Yield the percentage gain in precision over the comparator, from the replicates in which both gave an estimate."""
    if comparator is None:
        return
    reference = np.asarray(comparator, dtype=np.float64)
    if reference.shape != replicates.ok.shape:
        raise ValueError(f"comparator has shape {reference.shape}; the replicates have {replicates.ok.shape}")
    both = replicates.ok & np.isfinite(reference)
    own, other = replicates.estimate[both], reference[both]
    n, ratio = own.size, _ratio(_sd(other), _sd(own)) ** 2
    unshared = np.sqrt(max(1 - _correlation(own, other) ** 2, 0.0) / (n - 1)) if n > 1 else NAN
    yield Measure("relative_precision", 100 * (ratio - 1), float(200 * ratio * unshared), n)


def _beyond_target(replicates: Replicates, direction: int, target: float | None) -> Iterator[Measure]:
    if target is not None:
        yield _proportion("prob_estimate_beyond_target", (replicates.estimate * direction >= target)[replicates.ok])


def _reject_margin(replicates: Replicates, direction: int, target: float | None) -> Iterator[Measure]:
    """Yield how often the whole confidence interval lies beyond the target: the power to show at least that advantage."""
    if target is not None:
        nearest = replicates.ci_low if direction == 1 else -replicates.ci_high
        yield _proportion("reject_margin", nearest > target)


def _closed_form(power: Measure, closed_form: float | None) -> Iterator[Measure]:
    """Yield the formula's power and the simulated power's distance from it in Monte Carlo standard errors.

    Where no or every replicate rejects, the simulated standard error is 0 and the formula's own power gives it.
    """
    if closed_form is None:
        yield Measure("closed_form_power", NAN, NAN, 0)
        yield Measure("closed_form_gap", NAN, NAN, 0)
        return
    if not 0 <= closed_form <= 1:
        raise ValueError(f"closed_form must be a probability, found {closed_form!r}")
    mcse = power.mcse or float(np.sqrt(closed_form * (1 - closed_form) / power.n_replicates))
    difference = power.value - closed_form
    yield Measure("closed_form_power", closed_form, 0.0, 0)
    yield Measure("closed_form_gap", 0.0 if difference == 0 else _ratio(difference, mcse), 1.0, power.n_replicates)


def _proportion(measure: str, happened: Mask) -> Measure:
    n = happened.size
    value = float(happened.mean()) if n else NAN
    return Measure(measure, value, float(np.sqrt(value * (1 - value) / n)) if n else NAN, n)


def _mean(measure: str, values: Floats) -> Measure:
    n = values.size
    return Measure(measure, float(values.mean()) if n else NAN, _ratio(_sd(values), np.sqrt(n)), n)


def _sd(values: Floats) -> float:
    return float(values.std(ddof=1)) if values.size > 1 else NAN


def _correlation(first: Floats, second: Floats) -> float:
    if first.size < 2:
        return NAN
    product = float(np.mean((first - first.mean()) * (second - second.mean())))
    return _ratio(product, float(first.std() * second.std()))


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator else NAN
