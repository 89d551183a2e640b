"""Inverse probability weighting: the observed count for those who resemble them and were lost.

In each arm a logistic regression says how likely a participant's outcome is to be observed; the analysis of covariance of
the observed is weighted by the inverse of that chance, stabilised by the arm's share of observed outcomes. The standard
error is that of the stacked estimating equations of shares, logistic models and weighted regression, so that it knows that
the weights are estimates; the regression's residuals are taken as HC3 takes them, since otherwise small trials reject too
often. Sources: Robins, Rotnitzky, Zhao, J Am Stat Assoc 1995;90:106; Seaman and White, Stat Methods Med
Res 2013;22:278; estimating equations: Stefanski and Boos, Am Stat 2002;56:29; truncation: Cole and Hernan, Am J Epidemiol
2008;168:656. Specification: docs/statistics/weighting.md.
"""

from typing import Any, NamedTuple

import numpy as np

from odisea.analyse.design import in_contrast, no_estimate, orthonormalise
from odisea.analyse.linear import LEVERAGE_ONE, fit_columns
from odisea.analyse.logistic import fit_logistic
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Analysis, Estimate, Floats, Reason, Status, Trial

TRUNCATED = (0.01, 0.99)  # weights beyond these quantiles (type 7) of the observed participants' weights are set to them
SAME = 1e-9  # relative difference below which a weight is the quantile itself


class ArmWeights(NamedTuple):
    """The model of being observed in one arm, on all its participants.

    Parameters
    ----------
    weights : float64 (n,)
        Share observed over the probability of being observed; of no account for the lost.
    slopes : float64 (r, n)
        Minus the derivative of log weight by the model's coordinates, per participant; r = 0 where nobody is lost.
    influence : float64 (r, n)
        What each participant adds to the error of the coordinates.
    share : float
        Share observed.
    reason : Reason
        `NONE`, or why there is no model.
    """

    weights: Floats
    slopes: Floats
    influence: Floats
    share: float
    reason: Reason


class Weighted(NamedTuple):
    """The weighted arm effect.

    Parameters
    ----------
    effect : float
        Arm minus reference.
    se : float
        Of the stacked equations, the regression's residuals divided by 1 minus the leverage.
    se_known_weights : float
        The same if the weights were known numbers: HC3 of the weighted regression.
    df : float
        n observed minus the columns kept.
    weights : float64 (n,)
        Of the observed, as used (truncated).
    truncated : int
        Participants whose weight is truncated.
    reason : Reason
        `NONE`, or why there is no effect.
    """

    effect: float
    se: float
    se_known_weights: float
    df: float
    weights: Floats
    truncated: int
    reason: Reason


def arm_weights(variables: Floats, observed: Floats) -> ArmWeights:
    """Return the weights of an arm and how they depend on the model of being observed.

    Parameters
    ----------
    variables : float64 (k, n)
        What the chance of being observed may depend on.
    observed : float64 (n,)
        1 where the outcome is observed, else 0.
    """
    n, share = observed.size, float(observed.mean())
    if share == 1.0:
        return ArmWeights(np.ones(n), np.empty((0, n)), np.empty((0, n)), share, Reason.NONE)
    basis = np.ascontiguousarray(np.vstack([np.ones((1, n)), variables]))
    triangle = np.zeros((len(basis), len(basis)))
    orthonormalise(basis, n, triangle)
    basis = np.ascontiguousarray(basis[np.diag(triangle) > 0.0])
    fit = fit_logistic(basis, observed, int(Reason.NONE))
    if fit.reason != Reason.NONE:
        return ArmWeights(np.full(n, np.nan), basis, basis, share, Reason(fit.reason))
    score = basis * (observed - fit.fitted)
    influence = np.asarray(np.linalg.solve(fit.factor @ fit.factor.T, score), dtype=np.float64)
    return ArmWeights(share / fit.fitted, basis * (1.0 - fit.fitted), influence, share, Reason.NONE)


def fit_weighted(columns: Floats, response: Floats, arms: tuple[Floats, ...], models: tuple[ArmWeights, ...]) -> Weighted:
    """Return the weighted least squares fit and the sandwich of all equations together.

    Parameters
    ----------
    columns : float64 (p, n)
        Intercept, covariates, arm (last) of all randomised participants of the contrast.
    response : float64 (n,)
        NaN for the lost.
    arms : tuple of bool (n,)
        The participants of each model.
    models : tuple of ArmWeights
        One per arm, on its own participants.
    """
    observed = ~np.isnan(response)
    raw = np.empty(response.size)
    for own, model in zip(arms, models, strict=True):
        raw[own] = model.weights
    low, high = np.quantile(raw[observed], TRUNCATED)
    weights, moves = np.where(observed, np.clip(raw, low, high), 0.0), observed & (raw >= low * (1.0 - SAME)) & (raw <= high * (1.0 + SAME))
    x, w = columns[:, observed], weights[observed]
    fit = fit_columns(x * np.sqrt(w), response[observed] * np.sqrt(w))
    if fit.reason != Reason.NONE or np.isnan(fit.coefficients[-1]):
        return _none(fit.reason if fit.reason != Reason.NONE else Reason.ARM_ALIASED)
    if fit.leverages.max() > 1.0 - LEVERAGE_ONE:
        return _none(Reason.LEVERAGE_ONE)
    scores, known = np.zeros(response.size), np.zeros(response.size)  # what each adds to the arm's coefficient's error
    scores[observed] = fit.loadings[-1] * fit.residuals
    known[observed] = scores[observed] / (1.0 - fit.leverages)
    total = known.copy()
    for own, model in zip(arms, models, strict=True):
        total[own] += _of_weights(model, scores[own], moves[own], observed[own])
    errors = [float(np.sqrt(np.square(part).sum())) for part in (total, known)]
    return Weighted(
        effect=float(fit.coefficients[-1]),
        se=errors[0],
        se_known_weights=errors[1],
        df=fit.df,
        weights=w,
        truncated=int((observed & ~moves).sum()),
        reason=Reason.NONE,
    )


def _of_weights(model: ArmWeights, scores: Floats, moves: Floats, observed: Floats) -> Floats:
    """Return what each participant of an arm adds to the effect's error through the arm's share and model of being observed.

    A truncated weight does not move with the model.
    """
    moving = np.where(moves, scores, 0.0)
    by_share = moving.sum() / model.share * (observed - model.share) / observed.size
    by_model: Floats = -(model.slopes @ moving) @ model.influence
    total: Floats = by_share + by_model
    return total


def _none(reason: Reason) -> Weighted:
    return Weighted(np.nan, np.nan, np.nan, np.nan, np.empty(0), 0, reason)


def weighted_effect(trial: Trial, analysis: Analysis) -> tuple[Weighted, int]:
    """Return the weighted effect of an analysis, and the arm in whose model of being observed it failed (-1: in none)."""
    participants = in_contrast(trial, analysis, False)
    response = trial.values[analysis.response][participants]
    treated = trial.arm[participants] == analysis.arm
    observed = ~np.isnan(response)
    if not (observed & treated).any() or not (observed & ~treated).any():
        return _none(Reason.EMPTY_ARM), -1
    columns = np.vstack([np.ones((1, treated.size)), trial.values[analysis.covariates][:, participants], treated[None, :]])
    variables = trial.values[analysis.imputation][:, participants]
    if np.isnan(columns).any() or np.isnan(variables).any():
        return _none(Reason.MISSING_COVARIATE), -1
    arms, numbers = (treated, ~treated), (analysis.arm, analysis.reference)
    models = tuple(arm_weights(variables[:, own], observed[own].astype(np.float64)) for own in arms)
    for model, number in zip(models, numbers, strict=True):
        if model.reason != Reason.NONE:
            return _none(model.reason), number
    return fit_weighted(columns, response, arms, models), -1


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return the weighted effect with the standard error of the stacked equations, referred to t with n - p df."""
    analysis = planned.analysis
    fit, failed = weighted_effect(trial, analysis)
    response = trial.values[analysis.response]
    counts = [int((~np.isnan(response[trial.arm == arm])).sum()) for arm in (analysis.arm, analysis.reference)]
    if fit.reason != Reason.NONE:
        name = planned.contrast.arm if failed == analysis.arm else planned.contrast.reference
        flags = () if failed < 0 else (f"model of being observed: {name}",)
        return Single(no_estimate(int(fit.reason), *counts), flags)
    ok, none = float(Status.OK), float(Reason.NONE)
    effect = Estimate(fit.effect, fit.se, fit.df, counts[0], counts[1], fit.se**2, 0.0, 0.0, ok, none)
    return Single(effect, details=_details(fit))


def _details(fit: Weighted) -> dict[str, Any]:
    """Return how far the weights are from 1, and how many equal ones they are worth (Kish's effective sample size)."""
    return {
        "se_known_weights": fit.se_known_weights,
        "weights": {"min": float(fit.weights.min()), "max": float(fit.weights.max()), "mean": float(fit.weights.mean())},
        "truncated": fit.truncated,
        "effective_n": float(fit.weights.sum() ** 2 / np.square(fit.weights).sum()),
    }
