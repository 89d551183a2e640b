"""Responders: the conditional odds ratio and the marginal risk difference of a logistic regression on arm and covariates.

Specification: docs/statistics/responder.md.
"""

import numpy as np

from odisea.analyse.design import Design, estimated, in_contrast, make_design, no_estimate
from odisea.analyse.logistic import LogisticFit, fit_logistic
from odisea.compiled import compiled
from odisea.data.instruments import is_responder
from odisea.data.trial import Analysis, Estimate, Floats, Ints, Reason, Trial
from odisea.elementary import exponential


@compiled
def responder_outcome(trial: Trial, analysis: Analysis, participants: Ints) -> Floats:
    """Return 1 for responders, 0 for others; NaN where the baseline is missing, or the response unless that counts as none.

    Without a baseline (-1) the response itself says it: 1 or 0.
    """
    response, outcome = trial.values[analysis.response], np.empty(participants.size)
    baseline = trial.values[max(analysis.baseline, 0)]
    for i in range(participants.size):
        before, after = baseline[participants[i]], response[participants[i]]
        if analysis.non_responder == 1 and np.isnan(after) and (analysis.baseline < 0 or not np.isnan(before)):
            outcome[i] = 0.0
        elif analysis.baseline < 0:
            outcome[i] = after
        else:
            outcome[i] = is_responder(before, after, analysis.threshold, analysis.direction)
    return outcome


@compiled
def fit_responders(trial: Trial, analysis: Analysis) -> tuple[Design, Floats, LogisticFit]:
    """Return design, outcomes and logistic fit; the reason is the fit's."""
    participants = in_contrast(trial, analysis, analysis.non_responder == 0)
    design = make_design(trial, analysis, participants)
    outcome = responder_outcome(trial, analysis, participants)
    events, reason = outcome.sum(), design.reason
    if reason == Reason.NONE.value and np.isnan(events):
        reason = Reason.MISSING_COVARIATE.value
    elif reason == Reason.NONE.value and events in (0.0, float(outcome.size)):
        reason = Reason.ALL_OR_NO_EVENTS.value
    if reason != Reason.NONE.value:
        none = np.empty(0)
        return design, outcome, LogisticFit(none, none, none, np.empty((0, 0)), np.nan, reason)
    return design, outcome, fit_logistic(kept_basis(design), outcome)


@compiled
def kept_basis(design: Design) -> Floats:
    """Return the basis without the zero rows of dropped columns; the arm stays last."""
    p = design.basis.shape[0]
    if design.rank == p:
        return design.basis
    kept, n = np.empty((design.rank, design.basis.shape[1])), 0
    for j in range(p):
        if design.triangle[j, j] > 0.0:
            kept[n] = design.basis[j]
            n += 1
    return kept


@compiled
def arm_coefficient(design: Design, fit: LogisticFit) -> float:
    """Return the log odds ratio of the arm."""
    return float(fit.coordinates[design.rank - 1] / design.triangle[-1, -1])


@compiled
def responder_log_odds_ratio(trial: Trial, analysis: Analysis) -> Estimate:
    """Return the conditional log odds ratio of response; normal reference distribution."""
    design, _, fit = fit_responders(trial, analysis)
    if fit.reason != Reason.NONE.value:
        return no_estimate(fit.reason, design.n_arm, design.n_reference)
    spread = fit.factor[design.rank - 1, design.rank - 1] * design.triangle[-1, -1]
    variance = 1.0 / (spread * spread)
    return estimated(arm_coefficient(design, fit), variance, np.inf, design, variance, 0.0, 0.0)


@compiled
def standardised_risks(design: Design, fit: LogisticFit) -> tuple[Floats, Floats]:
    """Return every participant's probability of response in the arm and in the reference, each (n,)."""
    n, effect = fit.linear.size, arm_coefficient(design, fit)
    in_arm, in_reference = np.empty(n), np.empty(n)
    for i in range(n):
        without = fit.linear[i] - design.treated[i] * effect
        in_arm[i] = 1.0 / (1.0 + exponential(-without - effect))
        in_reference[i] = 1.0 / (1.0 + exponential(-without))
    return in_arm, in_reference


@compiled
def covariance(a: Floats, b: Floats, member: Floats) -> float:
    """Return the sample covariance (divisor n - 1) among the participants whose `member` is 1, not 0."""
    n, mean_a, mean_b, total = 0.0, 0.0, 0.0, 0.0
    for i in range(a.size):
        n += member[i]
        mean_a += member[i] * a[i]
        mean_b += member[i] * b[i]
    mean_a, mean_b = mean_a / n, mean_b / n
    for i in range(a.size):
        total += member[i] * (a[i] - mean_a) * (b[i] - mean_b)
    return total / (n - 1.0)


@compiled
def ye_covariance(outcome: Floats, in_arm: Floats, in_reference: Floats, treated: Floats) -> tuple[float, float, float]:
    """Return the variances of the two standardised risks (arm, reference) and their covariance by Ye et al. (2023).

    Valid for the super-population whether or not the logistic model holds; simple randomisation.
    """
    n, everyone, control = outcome.size, np.ones(outcome.size), 1.0 - treated
    share = treated.sum() / n
    arm = covariance(outcome - in_arm, outcome - in_arm, treated) / share
    arm += 2.0 * covariance(outcome, in_arm, treated) - covariance(in_arm, in_arm, everyone)
    reference = covariance(outcome - in_reference, outcome - in_reference, control) / (1.0 - share)
    reference += 2.0 * covariance(outcome, in_reference, control) - covariance(in_reference, in_reference, everyone)
    both = covariance(outcome, in_reference, treated) + covariance(outcome, in_arm, control)
    both -= covariance(in_arm, in_reference, everyone)
    return arm / n, reference / n, both / n


@compiled
def responder_risk_difference(trial: Trial, analysis: Analysis) -> Estimate:
    """Return the marginal risk difference by g-computation with the variance of Ye et al.; normal reference distribution."""
    design, outcome, fit = fit_responders(trial, analysis)
    if fit.reason != Reason.NONE.value:
        return no_estimate(fit.reason, design.n_arm, design.n_reference)
    in_arm, in_reference = standardised_risks(design, fit)
    arm, reference, both = ye_covariance(outcome, in_arm, in_reference, design.treated)
    variance = arm + reference - 2.0 * both
    if not variance > 0.0:
        return no_estimate(Reason.NO_RESIDUAL_VARIANCE.value, design.n_arm, design.n_reference)
    return estimated(in_arm.mean() - in_reference.mean(), variance, np.inf, design, variance, 0.0, 0.0)
