"""Responders: the conditional odds ratio and the marginal effects of a logistic regression on arm and covariates.

The marginal effects (risk difference, log risk ratio, log odds ratio) compare two standardised risks; each variance of
theirs is a covariance of these two, and the delta method leads from it to the effect. Specification: docs/statistics/responder.md.
"""

import numpy as np

from odisea.analyse.design import Design, dot, estimated, fill_dots, in_contrast, make_design, no_estimate
from odisea.analyse.logistic import LogisticFit, fit_logistic, solve_in_place, solve_lower
from odisea.compiled import compiled
from odisea.data.instruments import responds
from odisea.data.trial import Analysis, Estimate, Floats, Ints, Method, Reason, Rule, Trial, Variance
from odisea.elementary import exponential
from odisea.lanes import add_combination


@compiled
def responder_outcome(trial: Trial, analysis: Analysis, participants: Ints) -> Floats:
    """Return 1 for responders, 0 for others; NaN where the baseline is missing, or the response unless that counts as none.

    Without a baseline (-1), and without a value to attain, the response itself says it: 1 or 0. A rule of attainment needs
    no baseline.
    """
    response, outcome = trial.values[analysis.response], np.empty(participants.size)
    baseline = trial.values[max(analysis.baseline, 0)]
    attained = analysis.rule == Rule.ATTAINED.value
    alone = attained or analysis.baseline < 0
    for i in range(participants.size):
        before, after = baseline[participants[i]], response[participants[i]]
        if analysis.non_responder == 1 and np.isnan(after) and (alone or not np.isnan(before)):
            outcome[i] = 0.0
        elif analysis.baseline < 0 and not attained:
            outcome[i] = after
        else:
            outcome[i] = responds(before, after, analysis.threshold, analysis.direction, analysis.rule)
    return outcome


@compiled
def make_responder_design(trial: Trial, analysis: Analysis) -> tuple[Design, Floats, int]:
    """Return design, outcomes and `Reason.NONE`, or the reason why no logistic regression of them is tried."""
    participants = in_contrast(trial, analysis, analysis.non_responder == 0)
    design = make_design(trial, analysis, participants)
    outcome = responder_outcome(trial, analysis, participants)
    events, reason = dot(outcome, np.ones(outcome.size), outcome.size), design.reason
    if reason == Reason.NONE.value and np.isnan(events):
        reason = Reason.MISSING_COVARIATE.value
    elif reason == Reason.NONE.value and events in (0.0, float(outcome.size)):
        reason = Reason.ALL_OR_NO_EVENTS.value
    return design, outcome, reason


@compiled
def fit_responders(trial: Trial, analysis: Analysis) -> tuple[Design, Floats, LogisticFit]:
    """Return design, outcomes and logistic fit; the reason is the fit's."""
    design, outcome, reason = make_responder_design(trial, analysis)
    return design, outcome, fit_logistic(kept_basis(design), outcome, reason)


@compiled
def kept_basis(design: Design) -> Floats:
    """Return the basis without the zero rows of dropped columns; the arm stays last."""
    p = design.basis.shape[0]
    if design.rank == p:
        return design.basis
    kept, k = np.empty((design.rank, design.basis.shape[1])), 0
    for j in range(p):
        if design.triangle[j, j] > 0.0:
            for i in range(design.basis.shape[1]):
                kept[k, i] = design.basis[j, i]
            k += 1
    return kept


@compiled
def arm_coefficient(design: Design, fit: LogisticFit) -> float:
    """Return the log odds ratio of the arm."""
    return float(fit.coordinates[design.rank - 1] / design.triangle[-1, -1])


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
def _deviations(values: Floats, member: Floats, count: float) -> Floats:
    """Return the members' deviations from their mean, and 0 for everybody else; `member` is 1 or 0, `count` its sum."""
    mean, out = dot(values, member, values.size) / count, np.empty(values.size)
    for i in range(values.size):
        out[i] = member[i] * (values[i] - mean)
    return out


@compiled
def _own_variance(outcome: Floats, risk: Floats, member: Floats, count: float, spread: float) -> float:
    """Return n times the variance of one standardised risk, whose sample variance among all is `spread`."""
    n = outcome.size
    y, mu = _deviations(outcome, member, count), _deviations(risk, member, count)
    both = dot(y, mu, n) / (count - 1.0)
    y -= mu
    return dot(y, y, n) / (count - 1.0) * n / count + 2.0 * both - spread


@compiled
def ye_covariance(outcome: Floats, in_arm: Floats, in_reference: Floats, treated: Floats) -> tuple[float, float, float]:
    """Return the variances of the two standardised risks (arm, reference) and their covariance by Ye et al. (2023).

    All sample moments have the divisor n - 1. Valid for the super-population whether or not the logistic model holds;
    simple randomisation.
    """
    n, everyone, untreated = outcome.size, np.ones(outcome.size), 1.0 - treated
    n_arm = dot(treated, everyone, n)
    n_reference = n - n_arm
    a, r = _deviations(in_arm, everyone, float(n)), _deviations(in_reference, everyone, float(n))
    arm = _own_variance(outcome, in_arm, treated, n_arm, dot(a, a, n) / (n - 1.0))
    reference = _own_variance(outcome, in_reference, untreated, n_reference, dot(r, r, n) / (n - 1.0))
    both = dot(_deviations(outcome, treated, n_arm), in_reference, n) / (n_arm - 1.0)
    both += dot(_deviations(outcome, untreated, n_reference), in_arm, n) / (n_reference - 1.0)
    both -= dot(a, r, n) / (n - 1.0)
    return arm / n, reference / n, both / n


@compiled
def _fill_gradient(basis: Floats, risk: Floats, step: Floats, gradient: Floats) -> None:
    """Write the derivatives of a standardised risk by the coordinates of the linear predictor.

    `step` is what each participant's place on the arm's axis moves by when all are put into the one arm; the arm is last.
    """
    n, slope = risk.size, np.empty(risk.size)
    for i in range(n):
        slope[i] = risk[i] * (1.0 - risk[i]) / n
    fill_dots(basis, 0, gradient.size, slope, n, gradient)
    gradient[-1] += dot(slope, step, n)


@compiled
def _gradients(design: Design, in_arm: Floats, in_reference: Floats) -> Floats:
    """Return the derivatives of both standardised risks (arm, reference) by the coordinates, shape (2, r)."""
    basis, unit = kept_basis(design), 1.0 / design.triangle[-1, -1]
    gradients = np.empty((2, basis.shape[0]))
    _fill_gradient(basis, in_arm, (1.0 - design.treated) * unit, gradients[0])
    _fill_gradient(basis, in_reference, -design.treated * unit, gradients[1])
    return gradients


@compiled
def ge_covariance(design: Design, fit: LogisticFit, in_arm: Floats, in_reference: Floats) -> tuple[float, float, float]:
    """Return variances and covariance of the standardised risks by the delta method, covariates fixed (Ge et al. 2011).

    The covariance of the coordinates is the inverse information, which supposes that the logistic model holds.
    """
    gradients = _gradients(design, in_arm, in_reference)
    solve_lower(fit.factor, gradients[0])
    solve_lower(fit.factor, gradients[1])
    arm, reference, r = gradients[0], gradients[1], gradients.shape[1]
    return dot(arm, arm, r), dot(reference, reference, r), dot(arm, reference, r)


@compiled
def influence_covariance(
    design: Design, outcome: Floats, fit: LogisticFit, in_arm: Floats, in_reference: Floats
) -> tuple[float, float, float]:
    """Return variances and covariance of the standardised risks by their influence functions (sum of squares over n^2).

    A participant's influence is the deviation of the own predicted risk from its mean, and what the own residual does to
    everybody's through the coefficients. Covariates random; valid whether or not the logistic model holds.
    """
    gradients, basis, n = _gradients(design, in_arm, in_reference), kept_basis(design), outcome.size
    solve_in_place(fit.factor, gradients[0])
    solve_in_place(fit.factor, gradients[1])
    everyone, residual, influence = np.ones(n), outcome - fit.fitted, np.zeros((2, n))
    add_combination(influence[0], gradients[0], basis)
    add_combination(influence[1], gradients[1], basis)
    influence[0] = influence[0] * residual + _deviations(in_arm, everyone, float(n)) / n
    influence[1] = influence[1] * residual + _deviations(in_reference, everyone, float(n)) / n
    arm, reference = influence[0], influence[1]
    return dot(arm, arm, n), dot(reference, reference, n), dot(arm, reference, n)


@compiled
def _covariance(
    design: Design, outcome: Floats, fit: LogisticFit, in_arm: Floats, in_reference: Floats, variance: int
) -> tuple[float, float, float]:
    """Return variances (arm, reference) and covariance of the standardised risks; by Ye et al. unless another is asked for."""
    if variance == Variance.GE.value:
        return ge_covariance(design, fit, in_arm, in_reference)
    if variance == Variance.INFLUENCE.value:
        return influence_covariance(design, outcome, fit, in_arm, in_reference)
    return ye_covariance(outcome, in_arm, in_reference, design.treated)


@compiled
def _compare(p1: float, p0: float, method: int) -> tuple[float, float, float]:
    """Return a comparison of two risks, arm and reference, with its derivatives by them: the log risk ratio or the log odds ratio."""
    if method == Method.RESPONDER_LOG_RISK_RATIO.value:
        return np.log(p1 / p0), 1.0 / p1, -1.0 / p0
    return np.log(p1 / (1.0 - p1)) - np.log(p0 / (1.0 - p0)), 1.0 / (p1 * (1.0 - p1)), -1.0 / (p0 * (1.0 - p0))


@compiled
def _marginal_effect(design: Design, outcome: Floats, fit: LogisticFit, method: int, variance: int) -> tuple[float, float]:
    """Return a marginal effect by g-computation and its variance by the delta method."""
    in_arm, in_reference = standardised_risks(design, fit)
    arm, reference, both = _covariance(design, outcome, fit, in_arm, in_reference, variance)
    n, everyone = outcome.size, np.ones(outcome.size)
    total, total_reference = dot(in_arm, everyone, n), dot(in_reference, everyone, n)
    if method in (Method.RESPONDER_LOG_RISK_RATIO.value, Method.RESPONDER_MARGINAL_LOG_ODDS_RATIO.value):
        effect, by_arm, by_reference = _compare(total / n, total_reference / n, method)
        return effect, by_arm * by_arm * arm + by_reference * by_reference * reference + 2.0 * by_arm * by_reference * both
    return (total - total_reference) / n, arm + reference - 2.0 * both


@compiled
def _odds_ratio(design: Design, fit: LogisticFit) -> tuple[float, float]:
    """Return the log odds ratio of the arm and its variance."""
    spread = fit.factor[design.rank - 1, design.rank - 1] * design.triangle[-1, -1]
    return arm_coefficient(design, fit), 1.0 / (spread * spread)


@compiled
def _effect(design: Design, effect: float, variance: float) -> Estimate:
    """Return an effect with the normal distribution for reference (df inf)."""
    if not variance > 0.0:
        return no_estimate(Reason.NO_RESIDUAL_VARIANCE.value, design.n_arm, design.n_reference)
    return estimated(effect, variance, np.inf, design, variance, 0.0, 0.0)


@compiled
def responder_effect(trial: Trial, analysis: Analysis) -> Estimate:
    """Return the effect on response: the conditional log odds ratio or a marginal effect, as the method says."""
    design, outcome, fit = fit_responders(trial, analysis)
    if fit.reason != Reason.NONE.value:
        return no_estimate(fit.reason, design.n_arm, design.n_reference)
    if analysis.method == Method.RESPONDER_LOG_ODDS_RATIO.value:
        effect, variance = _odds_ratio(design, fit)
    else:
        effect, variance = _marginal_effect(design, outcome, fit, analysis.method, analysis.variance)
    return _effect(design, effect, variance)


@compiled
def responder_effects(trial: Trial, analysis: Analysis) -> tuple[Estimate, Estimate]:
    """Return the log odds ratio and the risk difference of one and the same fit: what `responder_effect` gives for each.

    `analysis.variance` is that of the risk difference.
    """
    design, outcome, fit = fit_responders(trial, analysis)
    if fit.reason != Reason.NONE.value:
        none = no_estimate(fit.reason, design.n_arm, design.n_reference)
        return none, none
    odds, odds_variance = _odds_ratio(design, fit)
    risk, risk_variance = _marginal_effect(design, outcome, fit, Method.RESPONDER_RISK_DIFFERENCE.value, analysis.variance)
    return _effect(design, odds, odds_variance), _effect(design, risk, risk_variance)
