"""The results of a single trial once more, by an independent implementation (statsmodels, scipy, plain Python).

Shares with the estimators the data set, the plan and the imputed values; nothing else.
"""

from typing import Any, NamedTuple

import numpy as np

from odisea.analyse.imputation import impute
from odisea.data.instruments import RESPONDER_SLACK
from odisea.data.trial import Analysis, Estimate, Floats, Method, Reason, Status, Trial
from odisea.errors import AnalysisError, Problem

LINEAR_TOLERANCE = 1e-8  # of the standard error
LOGISTIC_TOLERANCE = 1e-6
SEPARATED = 1e-6  # of the linear programme's optimum, whose constraints hold to 1e-7
LOGISTIC = (Method.RESPONDER_LOG_ODDS_RATIO, Method.RESPONDER_RISK_DIFFERENCE)


class Repetition(NamedTuple):
    """Estimate and standard error of the arm effect by the independent implementation."""

    estimate: float
    se: float


def verify(trial: Trial, analysis: Analysis, estimate: Estimate, name: str) -> None:
    """Repeat an estimate independently; the exact limit of multiple imputation has no independent implementation and passes.

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
    if estimate.status != Status.OK or analysis.method == Method.ANCOVA_MI_LIMIT:
        return
    again = repeat(trial, analysis)
    tolerance = LOGISTIC_TOLERANCE if analysis.method in LOGISTIC else LINEAR_TOLERANCE
    difference = max(abs(again.estimate - estimate.estimate), abs(again.se - estimate.se)) / estimate.se
    if not difference <= tolerance:
        found_text = f"estimate {estimate.estimate!r} (SE {estimate.se!r}), repeated {again.estimate!r} (SE {again.se!r})"
        allowed = f"they may differ by {tolerance:g} of the standard error and differ by {difference:.2g}"
        raise AnalysisError(Problem(name, found_text, allowed, "Report this as a defect of the suite with the data."))


def repeat(trial: Trial, analysis: Analysis) -> Repetition:
    """Return estimate and standard error by the independent implementation."""
    if analysis.method == Method.ANCOVA:
        chosen = _members(trial, analysis) & ~np.isnan(trial.values[analysis.response])
        fit = _least_squares(trial.values[analysis.response][chosen], _columns(trial, analysis, chosen))
        return Repetition(float(fit.params[-1]), float(fit.bse[-1]))
    if analysis.method == Method.ANCOVA_MI:
        return _imputed(trial, analysis)
    return _logistic(trial, analysis)


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
    if analysis.baseline < 0:
        return chosen, np.nan_to_num(response[chosen])
    improvement = analysis.direction * (response - trial.values[analysis.baseline])[chosen]
    return chosen, np.where(np.isnan(improvement), 0.0, improvement >= analysis.threshold - RESPONDER_SLACK).astype(np.float64)


def _logistic(trial: Trial, analysis: Analysis) -> Repetition:
    """Return the log odds ratio, or the risk difference by g-computation with the variance of Ye et al. (2023)."""
    from statsmodels.discrete.discrete_model import Logit

    chosen, outcome = _responders(trial, analysis)
    columns = _columns(trial, analysis, chosen)
    fit = Logit(outcome, columns).fit(method="newton", maxiter=200, tol=1e-12, disp=0, warn_convergence=False)
    if analysis.method == Method.RESPONDER_LOG_ODDS_RATIO:
        return Repetition(float(fit.params[-1]), float(fit.bse[-1]))
    in_arm, in_reference = columns.copy(), columns.copy()
    in_arm[:, -1], in_reference[:, -1] = 1.0, 0.0
    p1, p0 = fit.predict(in_arm), fit.predict(in_reference)
    return Repetition(float(np.mean(p1) - np.mean(p0)), _ye_error(outcome, p1, p0, columns[:, -1] == 1.0))


def _ye_error(outcome: Floats, p1: Floats, p0: Floats, treated: Any) -> float:
    """Return the standard error of the risk difference."""

    def cov(a: Floats, b: Floats, group: Any) -> float:
        return float(np.cov(a[group], b[group], ddof=1)[0, 1])

    everyone, control = np.ones(outcome.size, dtype=bool), ~treated
    v1 = cov(outcome - p1, outcome - p1, treated) / treated.mean() + 2 * cov(outcome, p1, treated) - cov(p1, p1, everyone)
    v0 = cov(outcome - p0, outcome - p0, control) / control.mean() + 2 * cov(outcome, p0, control) - cov(p0, p0, everyone)
    v01 = cov(outcome, p0, treated) + cov(outcome, p1, control) - cov(p0, p1, everyone)
    return float(np.sqrt((v1 + v0 - 2 * v01) / outcome.size))


def separated_by_programme(trial: Trial, analysis: Analysis) -> bool:
    """Return whether a linear programme finds a direction that separates responders from the others (also partly)."""
    chosen, outcome = _responders(trial, analysis)
    return separates(_columns(trial, analysis, chosen), outcome)


def separates(columns: Floats, outcome: Floats) -> bool:
    """Return whether some b has (2y - 1) x'b >= 0 for all participants and > 0 for one (Albert and Anderson 1984).

    Parameters
    ----------
    columns : float64 (n, p)
        The design, of full rank.
    outcome : float64 (n,)
        0 or 1.
    """
    from scipy.optimize import linprog

    favour = (2.0 * outcome - 1.0)[:, None] * columns
    result = linprog(-favour.sum(axis=0), A_ub=-favour, b_ub=np.zeros(outcome.size), bounds=(-1.0, 1.0), method="highs")
    if result.status != 0:
        raise AnalysisError(Problem("linear programme for separation", result.message))
    return bool(-float(result.fun or 0.0) > SEPARATED)
