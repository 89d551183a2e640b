"""The adjusted mean of each arm: what the linear model predicts for everybody, if everybody were in that arm.

Two kinds, which differ in their level and not in their difference. *Standardised* (the headline): the mean prediction over
the analysed participants with the arm set; in a model without interactions with the arm it is also the mean that weighs the
levels of factors by their frequency. *Equal levels*: covariates at their means, every level of a factor with the same
weight, as a table of a balanced experiment would have it (Searle, Speed, Milliken, Am Stat 1980;34:216).
Specification: docs/statistics/ancova.md, section 4.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.analyse.design import in_contrast
from odisea.analyse.estimate import finish
from odisea.analyse.imputation import ancova_imputed, impute
from odisea.analyse.imputation_model import FEWEST_DF, imputation_models
from odisea.analyse.linear import LEVERAGE_ONE, fit_columns
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.pooling import Pooled, pool, pooled_from
from odisea.data.trial import Analysis, Floats, Ints, Method, Status, Trial, Variance

METHODS = (Method.ANCOVA, Method.ANCOVA_MI, Method.ANCOVA_MI_LIMIT)
VARIANCES = (Variance.MODEL, Variance.HC2, Variance.HC3)
SPANNED = 1e-7  # of a dropped column's length: what the others may leave of it

Terms = Sequence[tuple[str, Sequence[int]]]


class Frame(NamedTuple):
    """The analysis model on its participants, in which only the responses are open.

    Parameters
    ----------
    columns : float64 (p, n)
        Intercept, covariates, arm (last).
    loadings : float64 (p, n)
        Row j gives coefficient j as a weighted sum of the responses; zeros for a dropped column.
    leverages : float64 (n,)
    kept : bool (p,)
        Columns that are not dropped.
    df : float
        Residual degrees of freedom.
    """

    columns: Floats
    loadings: Floats
    leverages: Floats
    kept: NDArray[np.bool_]
    df: float


class Means(NamedTuple):
    """A kind of adjusted means, arm first: per set of responses its means and variances, shape (m, 2); NaN where they do not exist."""

    means: Floats
    variances: Floats


def make_frame(trial: Trial, analysis: Analysis, participants: Ints) -> Frame | None:
    """Return the analysis model on the participants; None where the model has no arm effect or no residual degree of freedom."""
    treated = (trial.arm[participants] == analysis.arm).astype(np.float64)
    columns = np.vstack([np.ones((1, treated.size)), trial.values[analysis.covariates][:, participants], treated[None, :]])
    if treated.min(initial=1.0) == treated.max(initial=0.0) or np.isnan(columns).any():
        return None
    fit = fit_columns(columns, treated)  # any response: only the columns' part is used
    kept = ~np.isnan(fit.coefficients)
    if fit.df <= 0.0 or not kept[-1]:
        return None
    return Frame(columns, np.nan_to_num(fit.loadings), fit.leverages, kept, fit.df)


def level_weights(values: Floats) -> Floats:
    """Return the values (k,) at which a term is held for means with equally weighted levels.

    Parameters
    ----------
    values : float64 (k, n)
        The term's rows. Rows of 0 and 1 of which each participant has at most one 1 are the levels of a factor: each level
        that somebody has gets the same weight, the reference level (no 1) too. Other rows are held at their means.
    """
    is_factor = bool(np.isin(values, (0.0, 1.0)).all() and (values.sum(axis=0) <= 1.0).all())
    if not is_factor:
        return np.asarray(values.mean(axis=1), dtype=np.float64)
    present = values.any(axis=1).astype(np.float64)
    return np.asarray(present / (present.sum() + float((values.sum(axis=0) == 0.0).any())), dtype=np.float64)


def points(frame: Frame, trial: Trial, analysis: Analysis, participants: Ints, terms: Terms) -> dict[str, Floats | None]:
    """Return for each kind of mean the covariates' values (p,) at which the model is evaluated, the arm's place left at 0.

    None where the values lie outside what the kept columns determine: no estimate of that mean exists.
    """
    standardised = frame.columns.mean(axis=1)
    standardised[-1] = 0.0
    equal, places = standardised.copy(), {int(row): j + 1 for j, row in enumerate(analysis.covariates)}
    for _, rows in terms:
        equal[[places[row] for row in rows]] = level_weights(trial.values[list(rows)][:, participants])
    return {"standardised": standardised, "equal_levels": equal if _is_estimable(frame, equal) else None}


def _is_estimable(frame: Frame, point: Floats) -> bool:
    """Return whether a point obeys the relations by which columns were dropped."""
    gone = ~frame.kept
    implied = point @ frame.loadings @ frame.columns[gone].T
    length = np.sqrt(np.square(frame.columns[gone]).mean(axis=1))
    return bool((np.abs(implied - point[gone]) <= SPANNED * np.maximum(length, 1.0)).all())


def means_at(frame: Frame, point: Floats, responses: Floats, variance: int) -> Means:
    """Return the means of both arms at a point, for every set of responses.

    Parameters
    ----------
    point : float64 (p,)
        Of `points`.
    responses : float64 (m, n)
    variance : int
        A `Variance`: `MODEL`, `HC2` or `HC3`.
    """
    coefficients = responses @ frame.loadings.T
    residuals = responses - coefficients @ frame.columns
    squares, left = np.square(residuals), 1.0 - frame.leverages
    if variance == Variance.MODEL:
        squares = np.broadcast_to(squares.sum(axis=1, keepdims=True) / frame.df, squares.shape)
    elif left.min() < LEVERAGE_ONE:
        squares = np.full_like(squares, np.nan)
    else:
        squares = squares / left ** (1.0 if variance == Variance.HC2 else 2.0)
    both = np.vstack([point, point])
    both[0, -1] = 1.0
    weights = both @ frame.loadings
    return Means(coefficients @ both.T, squares @ np.square(weights).T)


def means_in_the_limit(trial: Trial, analysis: Analysis, frame: Frame, participants: Ints, point: Floats) -> tuple[Pooled, Pooled] | None:
    """Return the means of both arms (arm first) at a point, as pooling gives them for infinitely many imputations.

    A mean is a weighted sum of the responses, as the arm's effect is: its variance between imputations follows from its own
    weights, and the mean residual variance within them is the effect's (docs/statistics/exact_limit.md).

    Returns
    -------
    tuple or None
        None where the effect has no limit.
    """
    effect, models = ancova_imputed(trial, analysis), imputation_models(trial, analysis)
    if effect.status != Status.OK:
        return None
    response, both = trial.values[analysis.response][participants], np.vstack([point, point])
    both[0, -1] = 1.0
    weights, between = both @ frame.loadings, np.zeros(2)
    for model in models:
        places = np.searchsorted(participants, model.missing)
        response[places] = model.expected
        if places.size > 0:
            own = weights[:, places]
            shared = np.square(own).sum(axis=1) + np.square(own @ model.loadings.T).sum(axis=1)
            between += model.sse / (model.df - FEWEST_DF) * shared
    within = effect.within / float(np.square(frame.loadings[-1]).sum()) * np.square(weights).sum(axis=1)
    estimates = weights @ response
    arm, reference = (pooled_from(float(estimates[j]), float(within[j]), float(between[j]), np.inf, frame.df) for j in range(2))
    return arm, reference


def adjusted_means(trial: Trial, planned: PlannedAnalysis) -> dict[str, Any]:
    """Return the adjusted means of both arms for the details of a linear analysis's row.

    Parameters
    ----------
    planned : PlannedAnalysis
        An analysis of covariance of the complete cases, by multiple imputation, or its limit.

    Returns
    -------
    dict
        `standardised` and `equal_levels`, each with the contrast's arms and in them mean, se, df, ci_low, ci_high (NaN where
        the number does not exist); the latter is None where equal weights have no estimate. Empty where the model cannot be
        fitted, the responses cannot be imputed, or the analysis is another (the jackknife is of the effect only).
    """
    analysis = planned.analysis
    if analysis.method not in METHODS or analysis.variance not in VARIANCES:
        return {}
    complete = analysis.method == Method.ANCOVA
    participants = in_contrast(trial, analysis, complete)
    frame = make_frame(trial, analysis, participants)
    if frame is None:
        return {}
    rows = {}
    for kind, point in points(frame, trial, analysis, participants, planned.terms).items():
        found = None if point is None else _pooled(trial, analysis, frame, participants, point)
        if point is not None and found is None:
            return {}
        rows[kind] = None if found is None else _rows(planned, found)
    return rows


def _pooled(trial: Trial, analysis: Analysis, frame: Frame, participants: Ints, point: Floats) -> tuple[Pooled, Pooled] | None:
    """Return the means of both arms at a point, pooled where responses are imputed; None where they cannot be."""
    if analysis.method == Method.ANCOVA_MI_LIMIT:
        return means_in_the_limit(trial, analysis, frame, participants, point)
    imputes = analysis.method == Method.ANCOVA_MI
    responses = (impute(trial, analysis) if imputes else trial.values[analysis.response][None, :])[:, participants]
    if np.isnan(responses).any():
        return None
    means = means_at(frame, point, responses, analysis.variance)
    if not imputes:
        arm, reference = (pooled_from(float(means.means[0, j]), float(means.variances[0, j]), 0.0, np.inf, np.inf) for j in range(2))
        return arm._replace(df=frame.df), reference._replace(df=frame.df)
    estimates, variances = np.ascontiguousarray(means.means.T), np.ascontiguousarray(means.variances.T)
    return pool(estimates[0], variances[0], frame.df), pool(estimates[1], variances[1], frame.df)


def _rows(planned: PlannedAnalysis, means: tuple[Pooled, Pooled]) -> dict[str, dict[str, float]]:
    """Return both arms' means with their intervals."""
    rows = {}
    for name, mean in zip((planned.contrast.arm, planned.contrast.reference), means, strict=True):
        error = float(np.sqrt(mean.total))
        low, high, _ = finish(mean.estimate, error, mean.df, planned.alpha)
        rows[name] = {"mean": mean.estimate, "se": error, "df": mean.df, "ci_low": float(low), "ci_high": float(high)}
    return rows
