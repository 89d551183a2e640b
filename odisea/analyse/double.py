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
DEPENDENT, CONSTANT = 1e-7, 1e-10  # shares of a column's length, as docs/statistics/ancova.md has them
LOGISTIC = (
    Method.RESPONDER_LOG_ODDS_RATIO,
    Method.RESPONDER_RISK_DIFFERENCE,
    Method.RESPONDER_LOG_RISK_RATIO,
    Method.RESPONDER_MARGINAL_LOG_ODDS_RATIO,
)
ROBUST = {Variance.HC2: "HC2", Variance.HC3: "HC3"}


class Repetition(NamedTuple):
    """Estimate, standard error and degrees of freedom (inf: normal) of the arm effect by the independent implementation."""

    estimate: float
    se: float
    df: float = np.inf


def verify(trial: Trial, analysis: Analysis, estimate: Estimate, name: str) -> None:
    """Repeat an estimate independently.

    Raises
    ------
    AnalysisError
        Estimate or standard error differ by more than 1e-8 (logistic 1e-6) of the standard error, the degrees of freedom
        by more than that share of themselves, or the linear programme disagrees about separation.
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
    apart = max(abs(again.estimate - estimate.estimate), abs(again.se - estimate.se)) / estimate.se
    difference = max(apart, 0.0 if again.df == estimate.df else abs(again.df / estimate.df - 1.0))
    if not difference <= tolerance:
        ours, theirs = (f"{one.estimate!r} (SE {one.se!r}, df {one.df!r})" for one in (estimate, again))
        found_text = f"estimate {ours}, repeated {theirs}"
        allowed = f"they may differ by {tolerance:g} of the standard error and differ by {difference:.2g}"
        raise AnalysisError(Problem(name, found_text, allowed, "Report this as a defect of the suite with the data."))


def repeat(trial: Trial, analysis: Analysis) -> Repetition:
    """Return estimate and standard error by the independent implementation."""
    if analysis.method == Method.ANCOVA:
        chosen = _members(trial, analysis) & ~np.isnan(trial.values[analysis.response])
        fit = _least_squares(trial.values[analysis.response][chosen], _columns(trial, analysis, chosen))
        kind = ROBUST.get(Variance(analysis.variance))
        return Repetition(float(fit.params[-1]), float((getattr(fit, f"{kind}_se") if kind else fit.bse)[-1]), float(fit.df_resid))
    if analysis.method in (Method.ANCOVA_MI, Method.ANCOVA_MI_LIMIT) and analysis.variance == Variance.JACKKNIFE:
        return _jackknife(trial, analysis)
    if analysis.method == Method.ANCOVA_MI:
        return _imputed(trial, analysis)
    if analysis.method == Method.ANCOVA_MI_LIMIT:
        return _limit(trial, analysis)
    return _logistic(trial, analysis)


def _of_contrast(trial: Trial, analysis: Analysis) -> Trial:
    """Return the contrast's participants, the outcome about its mean: no effect moves, and no digits are lost to its origin."""
    chosen = np.flatnonzero(_members(trial, analysis))
    values = np.ascontiguousarray(trial.values[:, chosen])
    values[analysis.response] -= np.nanmean(values[analysis.response])
    return trial._replace(values=values, arm=np.ascontiguousarray(trial.arm[chosen]))


def _limit(trial: Trial, analysis: Analysis) -> Repetition:
    """Return Rubin's rules over infinitely many imputations, by the n by n matrices of the derivation.

    y is the expected outcome with the covariance S of its imputed part, c the weights of the arm effect: the effect is c'y,
    the variance between imputations c'Sc, the mean residual sum of squares y'Ry + tr(RS). docs/statistics/exact_limit.md.
    """
    data = _of_contrast(trial, analysis)
    x = _columns(data, analysis, np.ones(data.arm.size, dtype=bool))
    (n, p), y, spread = x.shape, _expected(data, analysis), _imputed_covariance(data, analysis)
    inverse = np.linalg.inv(x.T @ x)
    weights, residual = (inverse @ x.T)[-1], np.eye(n) - x @ inverse @ x.T
    within = (y @ residual @ y + np.trace(residual @ spread)) / (n - p) * inverse[-1, -1]
    total = within + weights @ spread @ weights
    return Repetition(float(weights @ y), float(np.sqrt(total)), float((n - p) * (n - p + 1) / (n - p + 3) * within / total))


def _imputed_covariance(trial: Trial, analysis: Analysis) -> Floats:
    """Return the covariance (n, n) of the imputed outcomes; what is seen has none."""
    seen, design, out = ~np.isnan(trial.values[analysis.response]), _imputation_design(trial, analysis), np.zeros((trial.arm.size,) * 2)
    jump = analysis.assumption == Assumption.JUMP_TO_REFERENCE
    everybody = np.isin(trial.arm, (analysis.arm, analysis.reference))
    models = [(analysis.reference, everybody)] if jump else [(arm, trial.arm == arm) for arm in (analysis.arm, analysis.reference)]
    for source, served in models:
        z, y = design[(trial.arm == source) & seen], trial.values[analysis.response][(trial.arm == source) & seen]
        to = np.flatnonzero(served & ~seen)
        error = y - z @ np.linalg.lstsq(z, y, rcond=None)[0]
        variance = error @ error / (y.size - z.shape[1] - 2) if to.size else 0.0
        out[np.ix_(to, to)] = variance * (design[to] @ np.linalg.pinv(z.T @ z) @ design[to].T + np.eye(to.size))
    return out


def _jackknife(trial: Trial, analysis: Analysis) -> Repetition:
    """Return the analysis of the expected outcomes, everything refitted without each participant in turn."""
    data, n = _of_contrast(trial, analysis), int(_members(trial, analysis).sum())
    left = np.array([_effect_of_expected(_without(data, i), analysis) for i in range(n)])
    return Repetition(_effect_of_expected(data, analysis), float(np.sqrt((n - 1) / n * np.sum((left - left.mean()) ** 2))))


def _without(trial: Trial, participant: int) -> Trial:
    return trial._replace(values=np.delete(trial.values, participant, axis=1), arm=np.delete(trial.arm, participant))


def _effect_of_expected(trial: Trial, analysis: Analysis) -> float:
    """Return the arm effect after every missing outcome is replaced by its expectation."""
    columns = _columns(trial, analysis, np.ones(trial.arm.size, dtype=bool))
    return float(np.linalg.lstsq(columns, _expected(trial, analysis), rcond=None)[0][-1])


def _expected(trial: Trial, analysis: Analysis) -> Floats:
    """Return the outcomes, the missing ones replaced by their expectations."""
    response: Floats = trial.values[analysis.response].copy()
    design, seen = _imputation_design(trial, analysis), ~np.isnan(response)
    for arm, delta in ((analysis.arm, analysis.delta_arm), (analysis.reference, analysis.delta_reference)):
        like = analysis.reference if analysis.assumption == Assumption.JUMP_TO_REFERENCE else arm
        source, to = (trial.arm == like) & seen, (trial.arm == arm) & ~seen
        response[to] = design[to] @ np.linalg.lstsq(design[source], trial.values[analysis.response][source], rcond=None)[0] + delta
    return response


def _imputation_design(trial: Trial, analysis: Analysis) -> Floats:
    """Return intercept and imputation variables, centred, without the levels of nobody, shape (n, q)."""
    used = [row for row in analysis.imputation if trial.values[row].any()]
    columns: Floats = np.column_stack([np.ones(trial.arm.size), *(trial.values[row] - trial.values[row].mean() for row in used)])
    return columns


def _members(trial: Trial, analysis: Analysis) -> Any:
    return np.isin(trial.arm, (analysis.arm, analysis.reference))


def _columns(trial: Trial, analysis: Analysis, chosen: Any) -> Floats:
    """Return intercept, covariates (orthogonal to earlier ones, those in their span left out) and arm, shape (n, p)."""
    arm = (trial.arm[chosen] == analysis.arm).astype(np.float64)
    span = np.full((arm.size, 1), 1.0 / np.sqrt(arm.size))
    for row in analysis.covariates:
        values = trial.values[row][chosen]
        centred = values - values.mean()
        left = centred
        for _ in range(2):  # the second projection takes away the rounding of the first
            left = left - span @ (span.T @ left)
        size, length = np.linalg.norm(left), np.linalg.norm(centred)
        if size > DEPENDENT * length and length > CONSTANT * np.linalg.norm(values):
            span = np.column_stack([span, left / size])
    return np.column_stack([span * np.sqrt(arm.size), arm])


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
    total, complete = within + (1.0 + 1.0 / m) * between, float(fits[0].df_resid)
    missing = 1.0 - within / total  # Barnard and Rubin (1999)
    df = 1.0 / (missing**2 / (m - 1) + (complete + 3) / (complete * (complete + 1) * (1 - missing)))
    return Repetition(mean, float(np.sqrt(total)), df)


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
            needed = np.where(before != 0.0, np.abs(before) * analysis.threshold / 100.0, np.inf)
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
