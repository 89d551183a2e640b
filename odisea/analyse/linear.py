"""Analysis of covariance by least squares: the arm effect for the power loop, and whole fits for a report.

`ancova` is compiled and gives the arm effect with its model-based, HC2 or HC3 variance. `fit_linear` gives the whole fit
of the same model. `fit_columns` fits any columns with the same orthonormal basis and the same rule for dependent ones, for
the analyses whose models have more columns than the analysis of covariance (interactions, weights).
Specification: docs/statistics/ancova.md.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import betainc

from odisea.analyse.design import (
    CONSTANT,
    coefficient_map,
    dot,
    estimated,
    in_contrast,
    make_design,
    no_estimate,
    orthonormalise,
    project_out,
    take,
)
from odisea.compiled import compiled
from odisea.data.trial import REASON_TEXT, Analysis, Estimate, Floats, Ints, Reason, Trial, Variance
from odisea.errors import AnalysisError, Problem

LEVERAGE_ONE = 1e-10  # a leverage this close to 1 is 1: its residual is rounding, whatever the data
Kind = Literal["HC0", "HC1", "HC2", "HC3"]


class LinearFit(NamedTuple):
    """A least squares fit with everything a report needs; coefficients are those of intercept, arm, covariates in this order.

    Parameters
    ----------
    participants : int64 (n,)
        Who is analysed.
    coefficients : float64 (p,)
        NaN for a dropped column.
    unscaled : float64 (p, p)
        (X'X)^-1; NaN in rows and columns of dropped columns.
    sigma, df, r_squared : float
        Residual standard deviation, its degrees of freedom, explained share of the variance.
    means : (float, float)
        Mean prediction for all analysed participants if all were in the arm, and if all were in the reference.
    residuals, leverages : float64 (n,)
        Response minus fit; diagonal of the projection.
    loadings : float64 (p, n)
        (X'X)^-1 X': row j gives coefficient j as a weighted sum of the responses.
    """

    participants: Ints
    coefficients: Floats
    unscaled: Floats
    sigma: float
    df: float
    r_squared: float
    means: tuple[float, float]
    residuals: Floats
    leverages: Floats
    loadings: Floats


class LeastSquares(NamedTuple):
    """A least squares fit of given columns; the coefficients are in the order of the columns.

    Parameters
    ----------
    coefficients : float64 (p,)
        NaN for a dropped column.
    unscaled : float64 (p, p)
        (X'X)^-1; NaN in rows and columns of dropped columns.
    sigma, df : float
        Residual standard deviation and its degrees of freedom, n minus the columns kept.
    residuals, leverages : float64 (n,)
        Response minus fit; diagonal of the projection.
    loadings : float64 (p, n)
        (X'X)^-1 X': row j gives coefficient j as a weighted sum of the responses.
    reason : Reason
        `NONE`, `NO_RESIDUAL_DF` or `NO_RESIDUAL_VARIANCE`; all numbers but the coefficients are of no use unless `NONE`.
    """

    coefficients: Floats
    unscaled: Floats
    sigma: float
    df: float
    residuals: Floats
    leverages: Floats
    loadings: Floats
    reason: Reason


class Cases(NamedTuple):
    """The participants of a complete-case analysis.

    Parameters
    ----------
    participants : int64 (n,)
        Of the contrast's arms, with a response.
    covariates : float64 (k, n)
        In the order of `Analysis.covariates`.
    treated, response : float64 (n,)
        1 in the arm and 0 in the reference; the outcome.
    n_arm, n_reference : int
        Participants of the two arms.
    reason : Reason
        `NONE`, `EMPTY_ARM` or `MISSING_COVARIATE`.
    """

    participants: Ints
    covariates: Floats
    treated: Floats
    response: Floats
    n_arm: int
    n_reference: int
    reason: Reason


class TermTest(NamedTuple):
    """The F test of a term given all the others; NaN for F and p where the others already hold the term (df1 = 0).

    Parameters
    ----------
    f, p : float
        Statistic and its upper tail.
    df1, df2 : float
        Columns that the term adds to the others; residual degrees of freedom of the whole model.
    """

    f: float
    df1: float
    df2: float
    p: float


@compiled
def arm_sandwich(basis: Floats, residuals: Floats, power: int) -> float:
    """Return the heteroscedasticity-consistent variance of the coordinate along the last row of an orthonormal basis.

    Parameters
    ----------
    basis : float64 (p, n)
        Zeros for a dropped column.
    residuals : float64 (n,)
        Of the fit of all rows.
    power : int
        1 for HC2, 2 for HC3: the power of 1 minus the leverage that the squared residual is divided by.

    Returns
    -------
    float
        NaN where a leverage is 1.
    """
    n, last, total = residuals.size, basis.shape[0] - 1, 0.0
    left = np.ones(n)
    for k in range(last + 1):
        for i in range(n):
            left[i] -= basis[k, i] * basis[k, i]
    for i in range(n):
        if left[i] < LEVERAGE_ONE:
            return np.nan
        part = basis[last, i] * residuals[i]
        total += part * part / (left[i] if power == 1 else left[i] * left[i])
    return total


@compiled
def ancova(trial: Trial, analysis: Analysis) -> Estimate:
    """Return the arm effect of the complete-case analysis of covariance, with the residual degrees of freedom of its t statistic.

    The variance is that of least squares, or HC2 or HC3 where `analysis.variance` says so.
    """
    participants = in_contrast(trial, analysis, True)
    design = make_design(trial, analysis, participants)
    if design.reason != Reason.NONE.value:
        return no_estimate(design.reason, design.n_arm, design.n_reference)
    n, arm = participants.size, design.basis.shape[0] - 1
    df = n - design.rank
    if df <= 0:
        return no_estimate(Reason.NO_RESIDUAL_DF.value, design.n_arm, design.n_reference)
    response, coordinates = take(trial.values[analysis.response], participants), np.zeros(arm + 1)
    size = dot(response, response, n)
    project_out(design.basis, 0, arm + 1, response, n, coordinates)
    rss = dot(response, response, n)
    if rss <= CONSTANT * size:
        return no_estimate(Reason.NO_RESIDUAL_VARIANCE.value, design.n_arm, design.n_reference)
    length = design.triangle[arm, arm]
    variance = rss / df / (length * length)
    if analysis.variance != Variance.MODEL.value:
        power = 1 if analysis.variance == Variance.HC2.value else 2
        variance = arm_sandwich(design.basis, response, power) / (length * length)
        if np.isnan(variance):
            return no_estimate(Reason.LEVERAGE_ONE.value, design.n_arm, design.n_reference)
        if not variance > CONSTANT * size / (length * length):
            return no_estimate(Reason.NO_RESIDUAL_VARIANCE.value, design.n_arm, design.n_reference)
    return estimated(coordinates[arm] / length, variance, df, design, variance, 0.0, 0.0)


def fit_linear(trial: Trial, analysis: Analysis) -> LinearFit:
    """Return the whole fit of which `ancova` takes the arm effect.

    Raises
    ------
    AnalysisError
        There is no arm effect or no residual degree of freedom; `ancova` gives the same reason as a status.
    """
    participants = in_contrast(trial, analysis, True)
    design = make_design(trial, analysis, participants)
    df = participants.size - design.rank
    reason = Reason.NO_RESIDUAL_DF if design.reason == Reason.NONE and df <= 0 else Reason(design.reason)
    if reason != Reason.NONE:
        raise AnalysisError(Problem("least squares", REASON_TEXT[reason]))
    response, coordinates = take(trial.values[analysis.response], participants), np.zeros(design.basis.shape[0])
    residuals = response.copy()
    project_out(design.basis, 0, coordinates.size, residuals, participants.size, coordinates)
    to_coefficients, rss = coefficient_map(design), float(residuals @ residuals)
    coefficients = to_coefficients @ coordinates
    share = design.n_arm / participants.size
    means = (response.mean() + (1.0 - share) * coefficients[1], response.mean() - share * coefficients[1])
    centred = response - response.mean()
    return LinearFit(
        participants=participants,
        coefficients=coefficients,
        unscaled=to_coefficients @ to_coefficients.T,
        sigma=float(np.sqrt(rss / df)),
        df=float(df),
        r_squared=1.0 - rss / float(centred @ centred),
        means=means,
        residuals=residuals,
        leverages=np.square(design.basis).sum(axis=0),
        loadings=to_coefficients @ design.basis,
    )


def sandwich(fit: LinearFit | LeastSquares, kind: Kind) -> Floats:
    """Return the heteroscedasticity-consistent covariance of the coefficients (p, p).

    HC2 and HC3 do not exist where a participant's leverage is 1 (a level held by one person): all NaN.
    Source: MacKinnon and White (1985), J Econometrics 29:305.
    """
    n, left = fit.residuals.size, 1.0 - fit.leverages
    power = {"HC0": 0.0, "HC1": 0.0, "HC2": 1.0, "HC3": 2.0}[kind]
    if power > 0.0 and left.min() < LEVERAGE_ONE:
        return np.full_like(fit.unscaled, np.nan)
    weights = np.square(fit.residuals) / left**power
    covariance: Floats = (fit.loadings * weights) @ fit.loadings.T
    return covariance * (n / fit.df if kind == "HC1" else 1.0)


def covariance_of(fit: LinearFit | LeastSquares, variance: int) -> Floats:
    """Return the covariance of the coefficients (p, p) that a `Variance` (`MODEL`, `HC2`, `HC3`) asks for; NaN where it does not exist."""
    if variance == Variance.MODEL:
        return fit.sigma**2 * fit.unscaled
    return sandwich(fit, "HC2" if variance == Variance.HC2 else "HC3")


def fit_columns(columns: Floats, response: Floats) -> LeastSquares:
    """Return the least squares fit of a response by given columns; a column in the span of earlier ones is dropped, last in.

    Parameters
    ----------
    columns : float64 (p, n)
        One column of the model per row; the first must not be zero, and the lengths of the others are judged beside it, so
        that it should be the intercept (or the square roots of weights).
    response : float64 (n,)
        Without missing values.
    """
    p, n = columns.shape
    basis, triangle, coordinates = np.array(columns, dtype=np.float64, order="C"), np.zeros((p, p)), np.zeros(p)
    df = float(n - orthonormalise(basis, n, triangle))
    residuals = np.array(response, dtype=np.float64)
    project_out(basis, 0, p, residuals, n, coordinates)
    kept = np.flatnonzero(np.diag(triangle) > 0.0)
    to_coefficients = np.full((p, p), np.nan)
    to_coefficients[kept] = 0.0
    to_coefficients[np.ix_(kept, kept)] = np.linalg.inv(triangle[np.ix_(kept, kept)].T)
    rss = float(residuals @ residuals)
    reason = Reason.NO_RESIDUAL_VARIANCE if rss <= CONSTANT * float(response @ response) else Reason.NONE
    return LeastSquares(
        coefficients=to_coefficients @ coordinates,
        unscaled=to_coefficients @ to_coefficients.T,
        sigma=float(np.sqrt(rss / df)) if df > 0.0 else np.nan,
        df=df,
        residuals=residuals,
        leverages=np.square(basis).sum(axis=0),
        loadings=to_coefficients @ basis,
        reason=reason if df > 0.0 else Reason.NO_RESIDUAL_DF,
    )


def complete_cases(trial: Trial, analysis: Analysis) -> Cases:
    """Return the contrast's participants with a response, their covariates, and whether an analysis of them makes sense."""
    participants = in_contrast(trial, analysis, True)
    treated = (trial.arm[participants] == analysis.arm).astype(np.float64)
    covariates, n_arm = trial.values[analysis.covariates][:, participants], int(treated.sum())
    reason = Reason.NONE
    if n_arm in (0, participants.size):
        reason = Reason.EMPTY_ARM
    elif np.isnan(covariates).any():
        reason = Reason.MISSING_COVARIATE
    response = trial.values[analysis.response][participants]
    return Cases(participants, covariates, treated, response, n_arm, participants.size - n_arm, reason)


def term_tests(trial: Trial, analysis: Analysis, terms: Sequence[tuple[str, Sequence[int]]]) -> dict[str, TermTest]:
    """Return the F test of the arm and of every term, each given all others (type II; there is no interaction), by its name.

    Parameters
    ----------
    terms : sequence of (name, rows of `Trial.values`)
        The covariates by variable: all levels of a factor are one term. Together they are the model's covariates.

    Returns
    -------
    dict
        `arm` first; empty where there is no fit.
    """
    cases = complete_cases(trial, analysis)
    if cases.reason != Reason.NONE:
        return {}
    parts = {name: trial.values[list(rows)][:, cases.participants] for name, rows in terms} | {"arm": cases.treated[None, :]}
    one = np.ones((1, cases.treated.size))
    whole = fit_columns(np.vstack([one, *parts.values()]), cases.response)
    if whole.reason != Reason.NONE:
        return {}
    tests = {name: _term_test(whole, np.vstack([one, *(part for other, part in parts.items() if other != name)]), cases) for name in parts}
    return {"arm": tests["arm"]} | tests


def _term_test(whole: LeastSquares, others: Floats, cases: Cases) -> TermTest:
    """Return the test of what the whole model has beside the other columns."""
    without = fit_columns(others, cases.response)
    df1 = without.df - whole.df
    if df1 <= 0.0:
        return TermTest(np.nan, 0.0, whole.df, np.nan)
    gained = float(np.square(without.residuals - whole.residuals).sum())  # of orthogonal projections: no cancellation
    f = gained / df1 / whole.sigma**2
    return TermTest(f, df1, whole.df, f_tail(f, df1, whole.df))


def f_tail(f: float, df1: float, df2: float) -> float:
    """Return P(F >= f) as an incomplete beta function, which keeps the digits of a small tail."""
    return float(betainc(df2 / 2.0, df1 / 2.0, df2 / (df2 + df1 * max(f, 0.0))))
