"""Marginal effects of an arm on a 0/1 outcome by g-computation, with every variance that a statistician may ask for.

Everybody's risk is predicted once as if in the arm and once as if in the reference; the means of both are the standardised
risks, and risk difference, log risk ratio and log odds ratio compare them. Each variance is a 2 x 2 covariance of these
two means, and the delta method leads from it to the effect. The variances differ in what they suppose: whether the
covariates are fixed or random, and whether the logistic model holds. Specification: docs/statistics/responder.md.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from odisea.analyse.design import Design
from odisea.analyse.logistic import LogisticFit
from odisea.analyse.responder import ye_covariance
from odisea.data.trial import Floats

MEASURES = ("risk_difference", "log_risk_ratio", "marginal_log_odds_ratio")
VARIANCES = ("model", "hc0", "hc3", "influence", "ye")
LEVERAGE_ONE = 1e-10  # a leverage this close to 1 is 1: its residual is rounding


class ArmModel(NamedTuple):
    """A fitted model of a 0/1 outcome with the risks that it predicts.

    Parameters
    ----------
    columns : float64 (n, p)
        The design, the arm (1 or 0) last. Zeros for a participant whose outcome is determined.
    coefficients : float64 (p,)
        The arm's, a log odds ratio, is the last.
    covariance : float64 (p, p)
        Inverse information about the coefficients.
    outcome, treated, fitted : float64 (n,)
        0 or 1; 1 in the arm, 0 in the reference; fitted risk.
    in_arm, in_reference : float64 (n,)
        Predicted risk as if in the arm and as if in the reference.
    """

    columns: Floats
    coefficients: Floats
    covariance: Floats
    outcome: Floats
    treated: Floats
    fitted: Floats
    in_arm: Floats
    in_reference: Floats


class Effect(NamedTuple):
    """A marginal effect and its standard errors, by the name of the variance; NaN where one does not exist."""

    estimate: float
    errors: Mapping[str, float]


def predicted(columns: Floats, outcome: Floats, coefficients: Floats, covariance: Floats) -> ArmModel:
    """Return a model with its predictions from the coefficients of a design whose last column is the arm."""
    effect, treated = float(coefficients[-1]), columns[:, -1].copy()
    linear = columns @ coefficients
    without = linear - treated * effect
    return ArmModel(columns, coefficients, covariance, outcome, treated, expit(linear), expit(without + effect), expit(without))


def working_columns(design: Design) -> Floats:
    """Return the columns kept, (n, r): an orthonormal basis of intercept and covariates, times sqrt(n), and the arm as 0 and 1 last.

    Of similar size, and the arm's coefficient is that of the original design.
    """
    kept = np.flatnonzero(np.diag(design.triangle) > 0.0)[:-1]
    return np.column_stack([np.sqrt(design.treated.size) * design.basis[kept].T, design.treated])


def model_of(design: Design, outcome: Floats, fit: LogisticFit) -> ArmModel:
    """Return the model of a compiled fit, in the columns of `working_columns`.

    With the arm's basis row q = (arm - sum of R_k q_k) / R_A these columns are Q' M, M known from the design's triangle.
    """
    kept, scale = np.flatnonzero(np.diag(design.triangle) > 0.0)[:-1], np.sqrt(design.treated.size)
    change = np.diag(np.append(np.full(kept.size, scale), design.triangle[-1, -1]))
    change[:-1, -1] = design.triangle[-1, kept]
    back = np.linalg.inv(change)
    half = back @ np.linalg.inv(np.tril(fit.factor)).T
    return predicted(working_columns(design), outcome, back @ fit.coordinates, half @ half.T)


def with_determined(model: ArmModel, outcome: Floats, treated: Floats, determined: NDArray[np.bool_]) -> ArmModel:
    """Return the model of all participants, given that of those whose outcome no separating direction determines.

    The determined are predicted to have their outcome in either arm (the directions do not move the arm's coefficient,
    which the caller ensures) and have neither residual nor information.
    """
    n = outcome.size
    columns = np.zeros((n, model.columns.shape[1]))
    columns[~determined] = model.columns
    fitted, in_arm, in_reference = outcome.copy(), outcome.copy(), outcome.copy()
    fitted[~determined], in_arm[~determined], in_reference[~determined] = model.fitted, model.in_arm, model.in_reference
    return ArmModel(columns, model.coefficients, model.covariance, outcome, treated, fitted, in_arm, in_reference)


def _gradients(model: ArmModel) -> Floats:
    """Return the derivatives of the standardised risks (arm, reference) by the coefficients, shape (2, p)."""
    rows = []
    for arm, risk in ((1.0, model.in_arm), (0.0, model.in_reference)):
        slope = risk * (1.0 - risk) / risk.size
        gradient = slope @ model.columns
        gradient[-1] = arm * slope.sum()  # everybody in the same arm
        rows.append(gradient)
    return np.array(rows)


def leverages(model: ArmModel) -> Floats:
    """Return the diagonal of the weighted projection W^(1/2) X (X'WX)^-1 X' W^(1/2), shape (n,)."""
    weights = model.fitted * (1.0 - model.fitted)
    diagonal: Floats = np.einsum("ij,jk,ik->i", model.columns, model.covariance, model.columns) * weights
    return diagonal


def covariances(model: ArmModel) -> dict[str, Floats]:
    """Return each variance's covariance of the standardised risks, (2, 2) in the order arm, reference.

    Returns
    -------
    dict
        `model` : delta method with the inverse information; covariates fixed, model true (Ge et al., Drug Inf J 2011;45:481).
        `hc0`, `hc3` : delta method with the sandwich; covariates fixed. `hc3` is NaN where a leverage is 1.
        `influence` : sum of the squared influence functions over n^2; covariates random.
        `ye` : Ye, Bannick, Yi, Shao (Stat Theory Relat Fields 2023;7:159); covariates random, simple randomisation.
    """
    gradients, residual = _gradients(model), model.outcome - model.fitted
    loadings = gradients @ model.covariance @ model.columns.T  # what each participant's residual does to both risks
    found = {"model": gradients @ model.covariance @ gradients.T}
    for name, weighted in (("hc0", residual), ("hc3", _over_leverage(residual, leverages(model)))):
        found[name] = _outer(loadings * weighted)
    risks = np.array([model.in_arm, model.in_reference])
    found["influence"] = _outer(loadings * residual + (risks - risks.mean(axis=1, keepdims=True)) / residual.size)
    arm, reference, both = ye_covariance(model.outcome, model.in_arm, model.in_reference, model.treated)
    found["ye"] = np.array([[arm, both], [both, reference]])
    return found


def _over_leverage(residual: Floats, leverage: Floats) -> Floats:
    """Return residual / (1 - leverage); all NaN where a leverage is 1."""
    if float(np.max(leverage)) > 1.0 - LEVERAGE_ONE:
        return np.full_like(residual, np.nan)
    scaled: Floats = residual / (1.0 - leverage)
    return scaled


def _outer(rows: Floats) -> Floats:
    """Return the products of all pairs of rows."""
    products: Floats = rows @ rows.T
    return products


def risks_of(model: ArmModel) -> tuple[float, float]:
    """Return the standardised risks of the arm and of the reference."""
    return float(model.in_arm.mean()), float(model.in_reference.mean())


def augmented_risks(model: ArmModel) -> tuple[float, float]:
    """Return the standardised risks, each plus the mean residual of its own arm (augmented g-computation).

    For a maximum likelihood fit the mean residuals are 0 and nothing changes. For another working model, such as Firth's,
    they take away the bias of predictions whose mean in an arm is not the arm's share; `ye` is then the variance, which
    supposes nothing of the working model. A sum may leave [0, 1].
    """
    in_arm, in_reference = risks_of(model)
    residual = model.outcome - model.fitted
    return in_arm + float(residual[model.treated == 1.0].mean()), in_reference + float(residual[model.treated == 0.0].mean())


def marginal_effects(risks: tuple[float, float], spread: Mapping[str, Floats]) -> dict[str, Effect]:
    """Return every measure's effect with a standard error for each covariance of the two risks.

    Parameters
    ----------
    risks : (float, float)
        Standardised risks of arm and reference.
    spread : mapping of (2, 2)
        Covariances by name, in the order arm, reference.

    Returns
    -------
    dict
        By the names in `MEASURES`; ratios are NaN where a risk is not inside (0, 1).
    """
    p1, p0 = risks
    inside = 0.0 < p1 < 1.0 and 0.0 < p0 < 1.0
    nan = float("nan")
    found = {"risk_difference": (p1 - p0, (1.0, -1.0))}
    found["log_risk_ratio"] = (float(np.log(p1 / p0)), (1.0 / p1, -1.0 / p0)) if inside else (nan, (nan, nan))
    odds, scale1, scale0 = nan, nan, nan
    if inside:
        odds = float(np.log(p1) - np.log1p(-p1) - np.log(p0) + np.log1p(-p0))
        scale1, scale0 = 1.0 / (p1 * (1.0 - p1)), 1.0 / (p0 * (1.0 - p0))
    found["marginal_log_odds_ratio"] = (odds, (scale1, -scale0))
    return {
        measure: Effect(value, {name: _error(np.array(gradient), matrix) for name, matrix in spread.items()})
        for measure, (value, gradient) in found.items()
    }


def _error(gradient: Floats, covariance: Floats) -> float:
    """Return the standard error of a linear combination; NaN where its variance is not positive."""
    variance = float(gradient @ covariance @ gradient)
    return float(np.sqrt(variance)) if variance > 0.0 else float("nan")
