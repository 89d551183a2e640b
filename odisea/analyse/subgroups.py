"""Does the effect differ between subgroups: one interaction model per factor, its joint test, and the effect in every subgroup.

Exploratory by nature: a subgroup's own p value invites the claim that the effect exists there and not elsewhere, which only
the interaction can speak to. So subgroups have intervals and no p values. Sources: Assmann, Pocock, Enos, Kasten, Lancet
2000;355:1064; Wang, Lagakos, Ware, Hunter, Drazen, N Engl J Med 2007;357:2189. Specification: docs/statistics/subgroups.md.
"""

from typing import Any, NamedTuple

import numpy as np

from odisea.analyse.design import no_estimate, present
from odisea.analyse.estimate import finish
from odisea.analyse.linear import Cases, complete_cases, covariance_of, f_tail, fit_columns
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Estimate, Floats, Reason, Status, Trial

REFERENCE_LEVEL = "reference_level"
CHOSEN = {"mean_minus_sd": -1.0, "mean": 0.0, "mean_plus_sd": 1.0}  # where the effect is shown for a continuous factor


class Subgroup(NamedTuple):
    """The effect at one level of a factor, or at one value of a continuous factor; NaN where it does not exist.

    Parameters
    ----------
    name : str
        The level's row, `reference_level`, or which value.
    value : float
        The value of a continuous factor; NaN for a level.
    n_arm, n_reference : int
        Analysed participants of the level (all of them for a continuous factor).
    effect, se : float
        Arm minus reference, and its standard error.
    """

    name: str
    value: float
    n_arm: int
    n_reference: int
    effect: float
    se: float


class Interaction(NamedTuple):
    """An interaction model.

    Parameters
    ----------
    f, df1, df2, p : float
        Joint test of the interaction.
    coefficients : float64 (k,)
        Of arm times the factor's rows, as the raw rows have it; NaN where one cannot be estimated.
    subgroups : tuple of Subgroup
    contrast : (str, str)
        The two subgroups whose effects are compared, the second minus the first; for a continuous factor (`per unit`, ``).
    difference, se : float
        That comparison and its standard error: the last level that has an effect minus the first, or the slope per unit.
    reason : int
        A `Reason`.
    """

    f: float
    df1: float
    df2: float
    p: float
    coefficients: Floats
    subgroups: tuple[Subgroup, ...]
    contrast: tuple[str, str]
    difference: float
    se: float
    reason: int


def is_factor(values: Floats) -> bool:
    """Return whether rows (k, n) are the levels of a factor: 0 or 1, and at most one 1 per participant."""
    return bool(np.isin(values, (0.0, 1.0)).all() and (values.sum(axis=0) <= 1.0).all())


def fit_interaction(cases: Cases, factor: Floats, names: tuple[str, ...], variance: int) -> Interaction:
    """Return the model with intercept, covariates, arm, and arm times the factor's rows.

    Parameters
    ----------
    cases : Cases
        The factor's own rows may be among the covariates or not.
    factor : float64 (k, n)
        The factor's rows for the analysed participants.
    names : tuple of str
        Their names.
    variance : int
        A `Variance`: `MODEL`, `HC2` or `HC3`.
    """
    if cases.reason != Reason.NONE:
        return _none(int(cases.reason))
    # A level column may hold a mean in place of what was not recorded; its name then says that it is one.
    arm, categorical = len(cases.covariates) + 1, is_factor(factor) or all("=" in name for name in names)
    centre = np.zeros(len(factor)) if categorical else factor.mean(axis=1)
    products = cases.treated * (factor - centre[:, None])
    columns = np.vstack([np.ones((1, cases.treated.size)), cases.covariates, cases.treated[None, :], products])
    fit = fit_columns(columns, cases.response)
    if fit.reason != Reason.NONE:
        return _none(int(fit.reason))
    if np.isnan(fit.coefficients[arm]):
        return _none(int(Reason.ARM_ALIASED))
    covariance = covariance_of(fit, variance)
    kept = arm + 1 + np.flatnonzero(~np.isnan(fit.coefficients[arm + 1 :]))
    if np.isnan(covariance[arm, arm]):
        return _none(int(Reason.LEVERAGE_ONE))
    if kept.size == 0:
        return _none(int(Reason.ARM_ALIASED))
    coefficients, block = fit.coefficients[kept], covariance[np.ix_(kept, kept)]
    f = float(coefficients @ np.linalg.solve(block, coefficients)) / kept.size
    ends = np.nan_to_num(fit.coefficients[arm:]), np.nan_to_num(covariance[arm:, arm:])
    points = _level_points(cases, factor, names) if categorical else _value_points(cases, factor, names)
    subgroups, contrast, difference, error = _compare(*ends, points, categorical)
    reason = Reason.NONE if error > 0.0 else Reason.ARM_ALIASED
    own = fit.coefficients[arm + 1 :]
    return Interaction(f, float(kept.size), fit.df, f_tail(f, kept.size, fit.df), own, subgroups, contrast, difference, error, int(reason))


def _none(reason: int) -> Interaction:
    return Interaction(np.nan, np.nan, np.nan, np.nan, np.empty(0), (), ("", ""), np.nan, np.nan, reason)


class Point(NamedTuple):
    """Where the effect is asked for: weights (1 + k,) of the arm and of its products with the factor's rows."""

    name: str
    value: float
    n_arm: int
    n_reference: int
    weights: Floats


def _level_points(cases: Cases, factor: Floats, names: tuple[str, ...]) -> list[Point]:
    """Return the levels of a factor, the reference level first."""
    k, points = len(factor), []
    members = np.vstack([(factor == 0.0).all(axis=0), factor == 1.0]).astype(np.float64)
    for j, name in enumerate((REFERENCE_LEVEL, *names)):
        weights = np.zeros(1 + k)
        weights[0] = weights[j] = 1.0
        n_arm, n = int(members[j] @ cases.treated), int(members[j].sum())
        points.append(Point(name, np.nan, n_arm, n - n_arm, weights))
    return points


def _value_points(cases: Cases, factor: Floats, names: tuple[str, ...]) -> list[Point]:
    """Return mean and mean -/+ standard deviation of a continuous factor's row; the products are centred at the mean."""
    points = []
    for row, name in enumerate(names):
        mean, spread = float(factor[row].mean()), float(factor[row].std(ddof=1))
        for place, step in CHOSEN.items():
            weights = np.zeros(1 + len(factor))
            weights[0], weights[1 + row] = 1.0, step * spread
            label = place if len(names) == 1 else f"{name}: {place}"
            points.append(Point(label, mean + step * spread, cases.n_arm, cases.n_reference, weights))
    return points


def _compare(
    coefficients: Floats, covariance: Floats, points: list[Point], categorical: bool
) -> tuple[tuple[Subgroup, ...], tuple[str, str], float, float]:
    """Return the effects at the points, and the comparison of two of them with its standard error.

    An effect at a level exists where both arms have participants of it; it does not depend on which column was dropped.
    """
    subgroups = []
    for point in points:
        exists = min(point.n_arm, point.n_reference) > 0
        effect = float(point.weights @ coefficients) if exists else np.nan
        error = float(np.sqrt(point.weights @ covariance @ point.weights)) if exists else np.nan
        subgroups.append(Subgroup(*point[:4], effect, error))
    if not categorical:
        slope = np.zeros(coefficients.size)
        slope[-1] = 1.0
        return tuple(subgroups), ("per unit", ""), float(coefficients[-1]), float(np.sqrt(slope @ covariance @ slope))
    usable = [point for point in points if min(point.n_arm, point.n_reference) > 0]
    if len(usable) < 2:
        return tuple(subgroups), ("", ""), np.nan, np.nan
    weights = usable[-1].weights - usable[0].weights
    names = (usable[0].name, usable[-1].name)
    return tuple(subgroups), names, float(weights @ coefficients), float(np.sqrt(weights @ covariance @ weights))


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return one comparison of the effect between subgroups; the joint test and the subgroups' effects are in the details."""
    cases = complete_cases(trial, planned.analysis)
    factor = str(planned.spec.subgroup)
    declared = np.array(dict(planned.terms)[factor], dtype=np.int64)
    rows = present(trial, planned.analysis, declared).tolist()  # a level that no participant has is no subgroup
    named = dict(zip((int(row) for row in planned.analysis.covariates), planned.covariates, strict=True))
    names = tuple(named.get(row, factor) for row in rows)
    found = fit_interaction(cases, trial.values[rows][:, cases.participants], names, planned.analysis.variance)
    flags = ("exploratory", *(f"aliased: arm x {name}" for name, b in zip(names, found.coefficients, strict=False) if np.isnan(b)))
    if found.reason != Reason.NONE:
        return Single(no_estimate(found.reason, cases.n_arm, cases.n_reference), flags)
    ok, none = float(Status.OK), float(Reason.NONE)
    effect = Estimate(found.difference, found.se, found.df2, cases.n_arm, cases.n_reference, found.se**2, 0.0, 0.0, ok, none)
    return Single(effect, flags, _details(planned, found))


def _details(planned: PlannedAnalysis, found: Interaction) -> dict[str, Any]:
    """Return the joint test and the effect in every subgroup with its interval."""
    first, second = found.contrast
    rows = []
    for one in found.subgroups:
        low, high, _ = finish(one.effect, one.se, found.df2, planned.alpha)
        rows.append({**one._asdict(), "ci_low": float(low), "ci_high": float(high)})
    return {
        "factor": planned.spec.subgroup,
        "estimate_is": f"effect in {second} minus effect in {first}" if second else "change of the effect per unit of the factor",
        "interaction": {"f": found.f, "df1": found.df1, "df2": found.df2, "p": found.p},
        "subgroups": rows,
    }
