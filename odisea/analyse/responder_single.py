"""Responders of a single trial: the loop's estimates with everything a statistician asks beside them, and Firth's.

A linear programme looks for separation before anything is fitted. Where it finds some, the rows of the plain likelihood
refuse and those of Firth's penalised likelihood answer. The details of a row hold the odds ratio with Wald, profile and
likelihood ratio inference and every marginal effect with every variance, so that a reader sees how far they differ.
Imputed scores are the matter of `odisea.analyse.responder_imputed`. Specification: docs/statistics/responder.md, firth.md.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from odisea.analyse.design import Design, estimated, no_estimate
from odisea.analyse.estimate import finish
from odisea.analyse.firth import fit_firth
from odisea.analyse.logistic import fit_logistic
from odisea.analyse.logistic_profile import Maximum, Profile, profile
from odisea.analyse.marginal import (
    ArmModel,
    Effect,
    augmented_risks,
    covariances,
    marginal_effects,
    model_of,
    predicted,
    risks_of,
    working_columns,
)
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.responder import kept_basis, make_responder_design, responder_effect
from odisea.analyse.responder_imputed import carry_out_imputed
from odisea.analyse.separation import separates
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Estimate, Floats, Method, Reason, Status, Trial

LOOP_METHOD = {
    "log_odds_ratio": Method.RESPONDER_LOG_ODDS_RATIO,
    "risk_difference": Method.RESPONDER_RISK_DIFFERENCE,
    "log_risk_ratio": Method.RESPONDER_LOG_RISK_RATIO,
    "marginal_log_odds_ratio": Method.RESPONDER_MARGINAL_LOG_ODDS_RATIO,
}
PENALISED_MEASURES = ("log_odds_ratio", "risk_difference")
SEPARATED = "separated: covariates separate responders from the others; the estimate is penalised"
SHRUNK = "augmented: each standardised risk is that of the penalised model plus the mean residual of its arm"
OPEN_PROFILE = "open_profile: the profile likelihood sets no limit on one side"
Details = dict[str, Any]


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return the effect on response by logistic regression, plain, penalised (method `firth`) or after multiple imputation.

    Refused, each with its reason: an empty arm, a missing covariate, all or no events, an arm told by its covariates,
    separation (not by Firth), no convergence.
    """
    if planned.spec.missing_data == "multiple_imputation":
        return carry_out_imputed(trial, planned)
    design, outcome, reason = make_responder_design(trial, planned.analysis)
    if reason != Reason.NONE:
        return Single(no_estimate(reason, design.n_arm, design.n_reference))
    separated = separates(working_columns(design), outcome)
    if planned.spec.method == "firth":
        return penalised_row(design, outcome, planned.spec.measure, planned.alpha, separated)
    if separated:
        return Single(no_estimate(Reason.SEPARATION.value, design.n_arm, design.n_reference), (), {"separated": True})
    loop = planned.analysis._replace(method=int(LOOP_METHOD[planned.spec.measure]))
    return plain_row(design, outcome, responder_effect(trial, loop), planned.alpha)


def plain_row(design: Design, outcome: Floats, estimate: Estimate, alpha: float) -> Single:
    """Return the loop's estimate with the details of the fit behind it; what the loop refuses has none."""
    fit = fit_logistic(kept_basis(design), outcome, Reason.NONE.value)
    if fit.reason != Reason.NONE or estimate.status != Status.OK:
        return Single(estimate)
    model = model_of(design, outcome, fit)
    linear = model.columns @ model.coefficients
    best = Maximum(model.coefficients, linear, -fit.loss, model.covariance, True)
    found = profile(model.columns, outcome, False, best, alpha)
    details = {
        "separated": False,
        "odds_ratio": _odds_ratio(model, found, alpha),
        **marginal_details(risks_of(model), covariances(model), alpha),
    }
    return Single(estimate, open_ends(found), details)


def penalised_row(design: Design, outcome: Floats, measure: str, alpha: float, separated: bool) -> Single:
    """Return Firth's estimate: the log odds ratio with its penalised profile, or the augmented risk difference with the variance of Ye.

    Raises
    ------
    ValueError
        Another measure: ratios of augmented risks stand in the details, because they need not exist.
    """
    if measure not in PENALISED_MEASURES:
        raise ValueError(f"Firth's rows give {' or '.join(PENALISED_MEASURES)}, not {measure}")
    columns = working_columns(design)
    fit = fit_firth(columns, outcome, alpha)
    if not (fit.maximum.converged and fit.profile.converged):
        return Single(no_estimate(Reason.NO_CONVERGENCE.value, design.n_arm, design.n_reference))
    model = predicted(columns, outcome, fit.maximum.coefficients, fit.maximum.covariance)
    spread = covariances(model)
    details = {
        "separated": separated,
        "penalised_log_likelihood": fit.maximum.objective,
        "odds_ratio": _odds_ratio(model, fit.profile, alpha),
        "plug_in": marginal_details(risks_of(model), spread, alpha),
        "augmented": marginal_details(augmented_risks(model), {"ye": spread["ye"]}, alpha),
    }
    flags = (SEPARATED,) * int(separated) + open_ends(fit.profile)
    if measure == "risk_difference":
        effect = marginal_effects(augmented_risks(model), {"ye": spread["ye"]})[measure]
        return Single(marginal_estimate(design, effect, "ye"), (*flags, SHRUNK), details)
    variance = float(fit.maximum.covariance[-1, -1])
    estimate = estimated(float(model.coefficients[-1]), variance, np.inf, design, variance, 0.0, 0.0)
    return Single(estimate, flags, details, (fit.profile.low, fit.profile.high), fit.profile.p)


def marginal_estimate(design: Design, effect: Effect, variance: str) -> Estimate:
    """Return a marginal effect with the normal distribution for reference; none where it has no positive variance."""
    error = effect.errors[variance]
    if not (np.isfinite(effect.estimate) and error > 0.0):
        return no_estimate(Reason.NO_RESIDUAL_VARIANCE.value, design.n_arm, design.n_reference)
    return estimated(effect.estimate, error * error, np.inf, design, error * error, 0.0, 0.0)


def open_ends(found: Profile) -> tuple[str, ...]:
    """Return the flag of a profile interval without one of its limits."""
    return () if np.isfinite([found.low, found.high]).all() else (OPEN_PROFILE,)


def _odds_ratio(model: ArmModel, found: Profile, alpha: float) -> Details:
    """Return the log odds ratio with its three kinds of inference."""
    estimate, error = float(model.coefficients[-1]), float(np.sqrt(model.covariance[-1, -1]))
    return {
        "odds_ratio": float(np.exp(estimate)),
        "log_odds_ratio": estimate,
        "wald": inference(estimate, error, alpha),
        "profile": {"ci_low": number(found.low), "ci_high": number(found.high)},
        "likelihood_ratio": {"chi2": number(found.chi2), "p": number(found.p)},
    }


def marginal_details(risks: tuple[float, float], spread: Mapping[str, Floats], alpha: float) -> Details:
    """Return standardised risks and each measure's effect with the inference of each variance."""
    measures = {
        measure: {"estimate": number(effect.estimate)}
        | {name: inference(effect.estimate, error, alpha) for name, error in effect.errors.items()}
        for measure, effect in marginal_effects(risks, spread).items()
    }
    return {"risks": {"arm": risks[0], "reference": risks[1]}, "marginal": measures}


def inference(estimate: float, error: float, alpha: float) -> Details:
    """Return standard error, limits and p value by the normal distribution; None where a number does not exist."""
    low, high, p = finish(estimate, error, np.inf, alpha)
    return {key: number(float(value)) for key, value in (("se", error), ("ci_low", low), ("ci_high", high), ("p", p))}


def number(value: float) -> float | None:
    """Return a number that JSON can hold."""
    return float(value) if np.isfinite(value) else None
