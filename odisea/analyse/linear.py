"""Analysis of covariance by least squares: the arm effect for the power loop, and the whole fit for a report.

Specification: docs/statistics/ancova.md.
"""

from typing import Literal, NamedTuple

import numpy as np

from odisea.analyse.design import CONSTANT, coefficient_map, dot, estimated, in_contrast, make_design, no_estimate, project_out, take
from odisea.compiled import compiled
from odisea.data.trial import REASON_TEXT, Analysis, Estimate, Floats, Ints, Reason, Trial
from odisea.errors import AnalysisError, Problem

LEVERAGE_ONE = 1e-10  # a leverage this close to 1 is 1: its residual is rounding, whatever the data


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


@compiled
def ancova(trial: Trial, analysis: Analysis) -> Estimate:
    """Return the arm effect of the complete-case analysis of covariance, with the residual degrees of freedom of its t statistic."""
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


def sandwich(fit: LinearFit, kind: Literal["HC0", "HC1", "HC2", "HC3"]) -> Floats:
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
