"""Responders after multiple imputation: the score is imputed, the rule applied to each completed score, each trial fitted.

Rubin's rules pool the log odds ratio and the risk difference on their own scale, risk ratio and marginal odds ratio on
the log scale, with infinite complete-data degrees of freedom because each fit's reference is normal. An imputation may
separate the outcomes although the observed data do not. Where the separating directions leave the arm's coefficient
alone (a covariate level whose members all have one outcome), it keeps its maximum in the limit and the imputation
counts with it; where they move it, there is no estimate. Specification: docs/statistics/responder.md.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from odisea.analyse.binary_imputation import binary_model, impute_binary
from odisea.analyse.design import Design, estimated, in_contrast, make_design, no_estimate
from odisea.analyse.estimate import finish
from odisea.analyse.imputed import completed_outcomes as score_imputations
from odisea.analyse.imputed import high_fmi, imputed_counts
from odisea.analyse.logistic import fit_logistic
from odisea.analyse.logistic_profile import maximise
from odisea.analyse.marginal import (
    ArmModel,
    covariances,
    marginal_effects,
    model_of,
    predicted,
    risks_of,
    with_determined,
    working_columns,
)
from odisea.analyse.number_of_imputations import PILOT, choose, monte_carlo_errors
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.pooling import pool
from odisea.analyse.responder import kept_basis, responder_outcome
from odisea.analyse.separation import determined
from odisea.analyse.single import Single
from odisea.data.trial import Analysis, Floats, Reason, Rule, Trial, Variance

SPREAD = {int(Variance.MODEL): "ye", int(Variance.YE): "ye", int(Variance.GE): "model", int(Variance.INFLUENCE): "influence"}


class Completed(NamedTuple):
    """The fits of all completed data sets.

    Parameters
    ----------
    estimates, variances : dict of float64 (m,)
        By quantity: `log_odds_ratio` (variance from the information) and (measure, variance) of the marginal effects.
    m, separated : int
        Imputations, and those of them in which covariates separate the outcomes.
    reason : int
        `Reason.NONE`, or why an imputation has no estimate.
    """

    estimates: dict[tuple[str, str], Floats]
    variances: dict[tuple[str, str], Floats]
    m: int
    separated: int
    reason: int


def carry_out_imputed(trial: Trial, planned: PlannedAnalysis) -> Single:
    """Return the pooled effect on response; refused where imputation is, or where an imputation has no estimate.

    `planned.spec.m` "automatic" chooses the number of imputations by a pilot (`odisea.analyse.number_of_imputations`).
    """
    measure, automatic = planned.spec.measure, planned.spec.m == "automatic"
    key = (measure, "information" if measure == "log_odds_ratio" else SPREAD[planned.analysis.variance])
    design = make_design(trial, planned.analysis, in_contrast(trial, planned.analysis, False))
    found = _fits(trial, planned, design, PILOT if automatic else planned.analysis.m)
    if automatic and found.reason == Reason.NONE and _poolable(found, key):
        chosen = choose(pool(found.estimates[key], found.variances[key], np.inf))
        found = _fits(trial, planned, design, chosen.m) if chosen.m > PILOT else found
    counts = {"m": found.m, "separated_imputations": found.separated, **imputed_counts(trial, planned.analysis)}
    if found.reason != Reason.NONE:
        return Single(no_estimate(found.reason, design.n_arm, design.n_reference), (), counts)
    return _pooled_row(design, found, key, counts, planned.alpha)


def _fits(trial: Trial, planned: PlannedAnalysis, design: Design, m: int) -> Completed:
    """Return the fits of m completed data sets, or the reason why there are none."""
    responses, reason = (np.empty((0, 0)), design.reason) if design.reason != Reason.NONE else completed_responses(trial, planned, m)
    if reason != Reason.NONE:
        return Completed({}, {}, 0, 0, reason)
    return fit_completed(design, np.array(list(completed_outcomes(trial, planned.analysis, responses))))


def completed_responses(trial: Trial, planned: PlannedAnalysis, m: int) -> tuple[Floats, int]:
    """Return m completed responses (m, n) and `Reason.NONE`, or the reason why an arm cannot be imputed.

    A score is imputed as for the analysis of covariance; an outcome that is 0 or 1 itself by a logistic model.
    """
    analysis = planned.analysis
    if analysis.baseline < 0 and analysis.rule != Rule.ATTAINED:
        models = (binary_model(trial, analysis, analysis.arm), binary_model(trial, analysis, analysis.reference))
        reason = models[0].reason or models[1].reason
        return (impute_binary(trial, analysis, models, m) if reason == Reason.NONE else np.empty((0, 0))), reason
    scores = score_imputations(trial, analysis, planned.auxiliary, m)
    return scores.values, scores.reason


def completed_outcomes(trial: Trial, analysis: Analysis, completed: Floats) -> Iterator[Floats]:
    """Yield who responds (1 or 0, participants of the contrast) in each completed data set."""
    participants = in_contrast(trial, analysis, False)
    values = trial.values.copy()
    for response in completed:
        values[analysis.response] = response
        yield responder_outcome(trial._replace(values=values), analysis, participants)


def fit_completed(design: Design, outcomes: Floats) -> Completed:
    """Return every quantity's estimate and variance in each completed data set; outcomes have shape (m, n)."""
    estimates: dict[tuple[str, str], list[float]] = {}
    variances: dict[tuple[str, str], list[float]] = {}
    separated, reason = 0, int(Reason.NONE)
    for outcome in outcomes:
        model, is_separated, failure = fit_one(design, outcome)
        separated, reason = separated + is_separated, reason or failure
        if model is None:
            continue
        for key, estimate, variance in quantities(model):
            estimates.setdefault(key, []).append(estimate)
            variances.setdefault(key, []).append(variance)
    return Completed(_arrays(estimates), _arrays(variances), outcomes.shape[0], separated, reason)


def _arrays(lists: dict[tuple[str, str], list[float]]) -> dict[tuple[str, str], Floats]:
    return {key: np.array(values) for key, values in lists.items()}


def quantities(model: ArmModel) -> Iterator[tuple[tuple[str, str], float, float]]:
    """Yield name, estimate and variance of the log odds ratio and of every marginal effect by every variance."""
    yield ("log_odds_ratio", "information"), float(model.coefficients[-1]), float(model.covariance[-1, -1])
    for measure, effect in marginal_effects(risks_of(model), covariances(model)).items():
        for name, error in effect.errors.items():
            yield (measure, name), effect.estimate, error * error


def fit_one(design: Design, outcome: Floats) -> tuple[ArmModel | None, bool, int]:
    """Return the model of one completed data set or None, whether covariates separate its outcomes, and the reason for None.

    A fit that converges (a vanishing score, a vanishing step, an information with all its digits) shows that nothing is
    separated; the linear programme is asked about the others.
    """
    events = float(outcome.sum())
    if np.isnan(events):
        return None, False, int(Reason.MISSING_COVARIATE)
    if events in (0.0, float(outcome.size)):
        return None, False, int(Reason.ALL_OR_NO_EVENTS)
    fit = fit_logistic(kept_basis(design), outcome, Reason.NONE.value)
    if fit.reason == Reason.NONE:
        return model_of(design, outcome, fit), False, int(Reason.NONE)
    columns = working_columns(design)
    settled = determined(columns, outcome)
    model = fit_in_the_limit(columns, outcome, settled)
    failure = Reason.NONE if model else Reason.SEPARATION if settled.any() else Reason.NO_CONVERGENCE
    return model, bool(settled.any()), int(failure)


def fit_in_the_limit(columns: Floats, outcome: Floats, settled: Any) -> ArmModel | None:
    """Return the model in the limit along the separating directions, or None where these move the arm's coefficient.

    Among those whose outcome is not determined the maximum exists. The arm keeps its coefficient there where its column
    is no combination of the others; then no separating direction moves it.

    Parameters
    ----------
    columns : float64 (n, p)
        The design, the arm last.
    outcome : float64 (n,)
        0 or 1.
    settled : bool (n,)
        Whose outcome is determined (`odisea.analyse.separation.determined`).
    """
    left = columns[~settled]
    kept: list[int] = []
    for j in range(columns.shape[1]):
        if left.size and np.linalg.matrix_rank(left[:, [*kept, j]]) > len(kept):
            kept.append(j)
    if columns.shape[1] - 1 not in kept:
        return None
    best = maximise(left[:, kept], outcome[~settled], False)
    if not best.converged:
        return None
    model = predicted(left[:, kept], outcome[~settled], best.coefficients, best.covariance)
    return with_determined(model, outcome, columns[:, -1], settled)


def _poolable(found: Completed, key: tuple[str, str]) -> bool:
    """Return whether every imputation has the estimate with a positive variance."""
    return bool(np.isfinite(found.estimates[key]).all() and (found.variances[key] > 0.0).all())


def _pooled_row(design: Design, found: Completed, key: tuple[str, str], counts: dict[str, int], alpha: float) -> Single:
    """Return the row of one quantity, with all the others in its details."""
    estimates, variances = found.estimates[key], found.variances[key]
    if not _poolable(found, key):
        return Single(no_estimate(Reason.NO_RESIDUAL_VARIANCE.value, design.n_arm, design.n_reference), (), counts)
    pooled = pool(estimates, variances, np.inf)
    details: dict[str, Any] = dict(counts)
    for (measure, variance), values in found.estimates.items():
        details.setdefault(measure, {})[variance] = pooled_details(values, found.variances[measure, variance], alpha)
    flags = (f"separated_imputations: {found.separated} of {counts['m']}",) * int(found.separated > 0)
    flags += high_fmi(pooled)
    estimate = estimated(pooled.estimate, pooled.total, pooled.df, design, pooled.within, pooled.between, pooled.mcse)
    return Single(estimate, flags, details)


def pooled_details(estimates: Floats, variances: Floats, alpha: float) -> dict[str, float | None]:
    """Return a pooled quantity with its Monte Carlo errors; None where a number does not exist, and for infinite degrees of freedom."""
    if not (np.isfinite(estimates).all() and (variances > 0.0).all()):
        return {"estimate": None}
    pooled = pool(estimates, variances, np.inf)
    error = float(np.sqrt(pooled.total))
    low, high, p = finish(pooled.estimate, error, pooled.df, alpha)
    monte_carlo = monte_carlo_errors(estimates, variances, np.inf)
    named = {"estimate": pooled.estimate, "se": error, "df": pooled.df, "ci_low": float(low), "ci_high": float(high), "p": float(p)}
    named |= {"within": pooled.within, "between": pooled.between, "fmi": pooled.fmi, "lambda": pooled.lambda_, "riv": pooled.riv}
    named |= {"mcse_estimate": monte_carlo.estimate, "mcse_se": monte_carlo.se, "mcse_p": monte_carlo.p}
    return {name: float(value) if np.isfinite(value) else None for name, value in named.items()}
