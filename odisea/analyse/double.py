"""The results of a single trial once more, by an independent implementation (statsmodels, scipy, plain Python).

Shares with the estimators the data set, the plan and the imputed values; nothing else.
"""

from typing import Any, NamedTuple

import numpy as np

from odisea.analyse.imputation import impute
from odisea.analyse.separation import separates
from odisea.data.instruments import RESPONDER_SLACK
from odisea.data.trial import Analysis, Assumption, Estimate, Floats, Method, Reason, Rule, Status, Trial, Variance
from odisea.errors import AnalysisError, Problem

LINEAR_TOLERANCE = 1e-8  # of the standard error
LOGISTIC_TOLERANCE = 1e-6
LOGISTIC = (
    Method.RESPONDER_LOG_ODDS_RATIO,
    Method.RESPONDER_RISK_DIFFERENCE,
    Method.RESPONDER_LOG_RISK_RATIO,
    Method.RESPONDER_MARGINAL_LOG_ODDS_RATIO,
)
ROBUST = {Variance.HC2: "HC2", Variance.HC3: "HC3"}


class Repetition(NamedTuple):
    """Estimate and standard error of the arm effect by the independent implementation.

    The standard error is NaN where there is no other implementation of it: Rubin's rules in the limit of infinitely many imputations.
    """

    estimate: float
    se: float


def verify(trial: Trial, analysis: Analysis, estimate: Estimate, name: str) -> None:
    """Repeat an estimate independently.

    Raises
    ------
    AnalysisError
        Estimate or standard error differ by more than 1e-8 (logistic 1e-6) of the standard error, or the linear
        programme disagrees about separation.
    """
    if analysis.method in LOGISTIC and estimate.reason in (Reason.NONE, Reason.SEPARATION):
        separated, found = separated_by_programme(trial, analysis), estimate.reason == Reason.SEPARATION
        if separated != found:
            said = (
                f"separation is {'found' if found else 'not found'} by the fit and {'found' if separated else 'not found'} by the programme"
            )
            raise AnalysisError(Problem(name, said, "both must agree", "Report this as a defect of the suite with the data."))
    if estimate.status != Status.OK:
        return
    again = repeat(trial, analysis)
    tolerance = LOGISTIC_TOLERANCE if analysis.method in LOGISTIC else LINEAR_TOLERANCE
    apart = [abs(again.estimate - estimate.estimate), 0.0 if np.isnan(again.se) else abs(again.se - estimate.se)]
    difference = max(apart) / estimate.se
    if not difference <= tolerance:
        found_text = f"estimate {estimate.estimate!r} (SE {estimate.se!r}), repeated {again.estimate!r} (SE {again.se!r})"
        allowed = f"they may differ by {tolerance:g} of the standard error and differ by {difference:.2g}"
        raise AnalysisError(Problem(name, found_text, allowed, "Report this as a defect of the suite with the data."))


def repeat(trial: Trial, analysis: Analysis) -> Repetition:
    """Return estimate and standard error by the independent implementation."""
    if analysis.method == Method.ANCOVA:
        chosen = _members(trial, analysis) & ~np.isnan(trial.values[analysis.response])
        fit = _least_squares(trial.values[analysis.response][chosen], _columns(trial, analysis, chosen))
        kind = ROBUST.get(Variance(analysis.variance))
        return Repetition(float(fit.params[-1]), float((getattr(fit, f"{kind}_se") if kind else fit.bse)[-1]))
    if analysis.method == Method.ANCOVA_MI:
        return _imputed(trial, analysis)
    if analysis.method == Method.ANCOVA_MI_LIMIT:
        return _conditional_mean(trial, analysis)
    return _logistic(trial, analysis)


def _conditional_mean(trial: Trial, analysis: Analysis) -> Repetition:
    """Return the analysis of the expected outcomes; with the jackknife, everything refitted without each participant."""
    chosen = np.flatnonzero(_members(trial, analysis))
    data = trial._replace(values=np.ascontiguousarray(trial.values[:, chosen]), arm=np.ascontiguousarray(trial.arm[chosen]))
    estimate = _effect_of_expected(data, analysis)
    if analysis.variance != Variance.JACKKNIFE:
        return Repetition(estimate, np.nan)
    n = chosen.size
    left = np.array([_effect_of_expected(_without(data, i), analysis) for i in range(n)])
    return Repetition(estimate, float(np.sqrt((n - 1) / n * np.sum((left - left.mean()) ** 2))))


def _without(trial: Trial, participant: int) -> Trial:
    return trial._replace(values=np.delete(trial.values, participant, axis=1), arm=np.delete(trial.arm, participant))


def _effect_of_expected(trial: Trial, analysis: Analysis) -> float:
    """Return the arm effect after every missing outcome is replaced by its expectation."""
    response = trial.values[analysis.response].copy()
    seen, used = ~np.isnan(response), [row for row in analysis.imputation if trial.values[row].any()]
    for arm, delta in ((analysis.arm, analysis.delta_arm), (analysis.reference, analysis.delta_reference)):
        like = analysis.reference if analysis.assumption == Assumption.JUMP_TO_REFERENCE else arm
        from_, to = (trial.arm == like) & seen, (trial.arm == arm) & ~seen
        design = np.column_stack([np.ones(trial.arm.size), *(trial.values[row] - trial.values[row].mean() for row in used)])
        response[to] = design[to] @ np.linalg.lstsq(design[from_], trial.values[analysis.response][from_], rcond=None)[0] + delta
    everyone = np.ones(trial.arm.size, dtype=bool)
    return float(np.linalg.lstsq(_columns(trial, analysis, everyone), response, rcond=None)[0][-1])


def _members(trial: Trial, analysis: Analysis) -> Any:
    return np.isin(trial.arm, (analysis.arm, analysis.reference))


def _columns(trial: Trial, analysis: Analysis, chosen: Any) -> Floats:
    """Return intercept, covariates (standardised, those in the span of earlier ones left out) and arm, shape (n, p)."""
    arm = (trial.arm[chosen] == analysis.arm).astype(np.float64)
    columns = [np.ones(arm.size)]
    for row in analysis.covariates:
        values = trial.values[row][chosen]
        spread = values.std()
        candidate = (values - values.mean()) / spread if spread > 0 else np.zeros(arm.size)
        if np.linalg.matrix_rank(np.column_stack([*columns, candidate])) > len(columns):
            columns.append(candidate)
    return np.column_stack([*columns, arm])


def _least_squares(response: Floats, columns: Floats) -> Any:
    from statsmodels.regression.linear_model import OLS

    return OLS(response, columns).fit()


def _imputed(trial: Trial, analysis: Analysis) -> Repetition:
    """Return Rubin's rules written out over one fit per imputed data set."""
    chosen = _members(trial, analysis)
    columns = _columns(trial, analysis, chosen)
    fits = [_least_squares(response[chosen], columns) for response in impute(trial, analysis)]
    estimates, m = [float(fit.params[-1]) for fit in fits], len(fits)
    within = sum(float(fit.bse[-1]) ** 2 for fit in fits) / m
    mean = sum(estimates) / m
    between = sum((estimate - mean) ** 2 for estimate in estimates) / (m - 1)
    return Repetition(mean, float(np.sqrt(within + (1.0 + 1.0 / m) * between)))


def _responders(trial: Trial, analysis: Analysis) -> tuple[Any, Floats]:
    """Return who is analysed and their outcomes."""
    response = trial.values[analysis.response]
    chosen = _members(trial, analysis) & (~np.isnan(response) | bool(analysis.non_responder))
    after = response[chosen]
    if analysis.baseline < 0 and analysis.rule != Rule.ATTAINED:
        return chosen, np.nan_to_num(after)
    reached = analysis.direction * after
    needed = np.full(after.size, analysis.direction * analysis.threshold)
    if analysis.rule != Rule.ATTAINED:
        before = trial.values[analysis.baseline][chosen]
        reached = analysis.direction * (after - before)
        needed = np.full(after.size, analysis.threshold)
        if analysis.rule == Rule.PERCENT:
            needed = np.where(before > 0.0, before * analysis.threshold / 100.0, np.inf)
    return chosen, np.where(np.isnan(reached), 0.0, reached >= needed - RESPONDER_SLACK).astype(np.float64)


def _logistic(trial: Trial, analysis: Analysis) -> Repetition:
    """Return the log odds ratio, or a marginal effect by g-computation with the variance of the plan."""
    from statsmodels.discrete.discrete_model import Logit

    chosen, outcome = _responders(trial, analysis)
    columns = _columns(trial, analysis, chosen)
    fit = Logit(outcome, columns).fit(method="newton", maxiter=200, tol=1e-12, disp=0, warn_convergence=False)
    if analysis.method == Method.RESPONDER_LOG_ODDS_RATIO:
        return Repetition(float(fit.params[-1]), float(fit.bse[-1]))
    in_arm, in_reference = columns.copy(), columns.copy()
    in_arm[:, -1], in_reference[:, -1] = 1.0, 0.0
    risks = np.array([fit.predict(in_arm), fit.predict(in_reference)])
    effect, gradient = _contrast(analysis.method, *risks.mean(axis=1))
    if analysis.variance in (Variance.MODEL, Variance.YE):
        covariance = _ye(outcome, risks[0], risks[1], columns[:, -1] == 1.0)
    else:
        slopes = np.array([(risk * (1 - risk)) @ design / outcome.size for risk, design in zip(risks, (in_arm, in_reference), strict=True)])
        covariance = slopes @ fit.cov_params() @ slopes.T
        if analysis.variance == Variance.INFLUENCE:
            score = columns * (outcome - fit.predict(columns))[:, None]
            influence = risks - risks.mean(axis=1, keepdims=True) + outcome.size * slopes @ fit.cov_params() @ score.T
            covariance = influence @ influence.T / outcome.size**2
    return Repetition(effect, float(np.sqrt(gradient @ covariance @ gradient)))


def _contrast(method: int, p1: float, p0: float) -> tuple[float, Floats]:
    """Return a marginal effect and its gradient in the two standardised risks."""
    if method == Method.RESPONDER_RISK_DIFFERENCE:
        return p1 - p0, np.array([1.0, -1.0])
    if method == Method.RESPONDER_LOG_RISK_RATIO:
        return float(np.log(p1 / p0)), np.array([1.0 / p1, -1.0 / p0])
    return float(np.log(p1 / (1 - p1) / (p0 / (1 - p0)))), np.array([1.0 / (p1 * (1 - p1)), -1.0 / (p0 * (1 - p0))])


def _ye(outcome: Floats, p1: Floats, p0: Floats, treated: Any) -> Floats:
    """Return the covariance (2, 2) of the standardised risks by Ye et al. (2023), the arm first."""

    def cov(a: Floats, b: Floats, group: Any) -> float:
        return float(np.cov(a[group], b[group], ddof=1)[0, 1])

    everyone, control = np.ones(outcome.size, dtype=bool), ~treated
    v1 = cov(outcome - p1, outcome - p1, treated) / treated.mean() + 2 * cov(outcome, p1, treated) - cov(p1, p1, everyone)
    v0 = cov(outcome - p0, outcome - p0, control) / control.mean() + 2 * cov(outcome, p0, control) - cov(p0, p0, everyone)
    v01 = cov(outcome, p0, treated) + cov(outcome, p1, control) - cov(p0, p1, everyone)
    return np.array([[v1, v01], [v01, v0]]) / outcome.size


def separated_by_programme(trial: Trial, analysis: Analysis) -> bool:
    """Return whether a linear programme finds a direction that separates responders from the others (also partly)."""
    chosen, outcome = _responders(trial, analysis)
    return separates(_columns(trial, analysis, chosen), outcome)
