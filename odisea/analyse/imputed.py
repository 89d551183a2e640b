"""Analysis of covariance after multiple imputation, carried out per trial: auxiliaries, robust variances, the number of imputations.

What the compiled loop has (`odisea.analyse.imputation`) is not repeated here: without auxiliaries these are its draws. The
design is the same in every imputation, so all m data sets are analysed at once.
Specification: docs/statistics/multiple_imputation.md.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from odisea.analyse.chained import Completed, imputations_with_auxiliaries
from odisea.analyse.design import CONSTANT, Design, estimated, in_contrast, make_design, no_estimate
from odisea.analyse.imputation import impute
from odisea.analyse.imputation_limit import pooled_limit
from odisea.analyse.imputation_model import imputation_models, make_frame
from odisea.analyse.linear import LEVERAGE_ONE
from odisea.analyse.number_of_imputations import PILOT, VARIATION, Chosen, choose, monte_carlo_errors
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.pooling import Pooled, pool, pooled_from
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Analysis, Floats, Ints, Reason, Trial, Variance

HIGH_FMI = 0.7  # above it the imputation model, not the data, decides
POWER = {int(Variance.MODEL): 0.0, int(Variance.HC2): 1.0, int(Variance.HC3): 2.0}


class Analysed(NamedTuple):
    """The analysis of every completed data set.

    Parameters
    ----------
    estimates, variances : float64 (m,)
        Arm effect and its squared standard error.
    df : float
        Residual degrees of freedom.
    design : Design
        The common design.
    reason : int
        `Reason.NONE`, or why there is none.
    """

    estimates: Floats
    variances: Floats
    df: float
    design: Design
    reason: int


def completed_outcomes(trial: Trial, analysis: Analysis, auxiliary: Ints, m: int) -> Completed:
    """Return m completed outcomes: with auxiliaries by regressions within arm, without them those of the compiled loop."""
    if auxiliary.size:
        return imputations_with_auxiliaries(trial, analysis, auxiliary, m)
    missing = np.isnan(trial.values[analysis.response]) & np.isin(trial.arm, (analysis.arm, analysis.reference))
    reason = max(model.reason for model in imputation_models(trial, analysis))
    return Completed(impute(trial, analysis._replace(m=m)), missing, auxiliary, (), 0, int(reason))


def analyse_completed(trial: Trial, analysis: Analysis, values: Floats) -> Analysed:
    """Return the analysis of covariance of every completed data set, with the variance that `analysis.variance` names.

    Parameters
    ----------
    values : float64 (m, n)
        Outcomes of all participants; those of the contrast complete.

    Notes
    -----
    HC2 and HC3 (MacKinnon and White 1985) do not exist where a participant's leverage is 1: `Reason.LEVERAGE_ONE`.
    """
    participants = in_contrast(trial, analysis, False)
    design = make_design(trial, analysis, participants)
    df, nothing = float(participants.size - design.rank), np.empty(0)
    left = 1.0 - np.square(design.basis).sum(axis=0)
    power, reason = POWER[analysis.variance], design.reason
    if reason == Reason.NONE and df <= 0.0:
        reason = Reason.NO_RESIDUAL_DF
    elif reason == Reason.NONE and power > 0.0 and left.min() < LEVERAGE_ONE:
        reason = Reason.LEVERAGE_ONE
    if reason != Reason.NONE:
        return Analysed(nothing, nothing, df, design, int(reason))
    response = values[:, participants]
    coordinates = response @ design.basis.T
    residuals, slope = response - coordinates @ design.basis, 1.0 / design.triangle[-1, -1]
    if np.square(residuals).sum() <= CONSTANT * np.square(response).sum():
        return Analysed(nothing, nothing, df, design, int(Reason.NO_RESIDUAL_VARIANCE))
    weights = np.full(left.size, 1.0 / df) if power == 0.0 else design.basis[-1] ** 2 / left**power
    return Analysed(coordinates[:, -1] * slope, np.square(residuals) @ weights * slope**2, df, design, int(Reason.NONE))


def pooled_analyses(analysed: Analysed, completed: Completed) -> Pooled:
    """Return the pooled result; exactly that of the complete data where nothing was imputed."""
    if completed.missing.any():
        return pool(analysed.estimates, analysed.variances, analysed.df)
    return pooled_from(analysed.estimates[0], analysed.variances[0], 0.0, float(analysed.estimates.size), analysed.df)


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return the arm effect after multiple imputation under missing at random within arm, pooled by Rubin's rules.

    `planned.spec.m` "automatic" chooses the number of imputations by a pilot (`odisea.analyse.number_of_imputations`).
    The details say what a reader needs to judge the imputation; `high_fmi` is flagged above 0.7.
    """
    analysis, chosen = planned.analysis, None
    m = PILOT if planned.spec.m == "automatic" else analysis.m
    completed = completed_outcomes(trial, analysis, planned.auxiliary, m)
    analysed = analyse_completed(trial, analysis, completed.values)
    if planned.spec.m == "automatic" and completed.reason == analysed.reason == Reason.NONE:
        chosen = choose(pooled_analyses(analysed, completed), m)
        if chosen.m > m:
            completed = completed_outcomes(trial, analysis, planned.auxiliary, chosen.m)
            analysed = analyse_completed(trial, analysis, completed.values)
    design, reason = analysed.design, analysed.reason if analysed.reason != Reason.NONE else completed.reason
    flags, dropped = _dropped(planned, completed)
    if reason != Reason.NONE:
        return Single(no_estimate(reason, design.n_arm, design.n_reference), flags, {"auxiliary_dropped": dropped})
    pooled = pooled_analyses(analysed, completed)
    result = estimated(pooled.estimate, pooled.total, pooled.df, design, pooled.within, pooled.between, pooled.mcse)
    details = imputation_details(pooled, analysed.estimates, analysed.variances, analysed.df)
    details |= imputed_counts(trial, analysis) | _model(planned, completed, dropped) | _choice(chosen)
    details |= outside_share(completed, planned.scale)
    return Single(result, (*flags, *high_fmi(pooled)), details)


def imputation_details(pooled: Pooled, estimates: Floats, variances: Floats, df_complete: float) -> dict[str, Any]:
    """Return what every imputed row of a result tells: FMI, lambda, riv, number of imputations, Monte Carlo errors (null: not defined)."""
    errors = monte_carlo_errors(estimates, variances, df_complete)
    names = ("mcse_estimate", "mcse_se", "mcse_p")
    return {
        "m": int(estimates.size),
        "fmi": pooled.fmi,
        "lambda": pooled.lambda_,
        "riv": pooled.riv,
        **{name: float(value) if np.isfinite(value) else None for name, value in zip(names, errors, strict=True)},
    }


def limit_details(trial: Trial, analysis: Analysis) -> dict[str, Any]:
    """Return the same of the limit of infinitely many imputations; empty where it does not exist."""
    first, second = imputation_models(trial, analysis)
    frame = make_frame(trial, analysis, first, second)
    if frame.reason != Reason.NONE:
        return {}
    pooled = pooled_limit(frame, first, second)
    exact = dict.fromkeys(("mcse_estimate", "mcse_se", "mcse_p"), 0.0)
    return {"m": None, "fmi": pooled.fmi, "lambda": pooled.lambda_, "riv": pooled.riv, **exact, **imputed_counts(trial, analysis)}


def high_fmi(pooled: Pooled) -> tuple[str, ...]:
    """Return the flag of a result that rests on the imputation model more than on the data."""
    return ("high_fmi",) if pooled.fmi > HIGH_FMI else ()


def outside_share(completed: Completed, scale: tuple[float, float] | None) -> dict[str, float]:
    """Return the share of imputed values beyond the outcome's scale; nothing where the scale is not known or nothing is imputed."""
    if scale is None or not completed.missing.any():
        return {}
    imputed = completed.values[:, completed.missing]
    return {"share_outside_scale": float(np.mean((imputed < scale[0]) | (imputed > scale[1])))}


def imputed_counts(trial: Trial, analysis: Analysis) -> dict[str, int]:
    """Return how many participants of each arm have no outcome."""
    names, missing = {"imputed_arm": analysis.arm, "imputed_reference": analysis.reference}, np.isnan(trial.values[analysis.response])
    return {name: int(np.sum(missing & (trial.arm == arm))) for name, arm in names.items()}


def _model(planned: PlannedAnalysis, completed: Completed, dropped: list[dict[str, str]]) -> dict[str, Any]:
    """Return the auxiliaries that were used and dropped, and the sweeps of the chain; nothing where none was planned."""
    if not planned.auxiliary.size:
        return {}
    names = _names(planned)
    return {"auxiliary_used": [names[int(row)] for row in completed.used], "auxiliary_dropped": dropped, "sweeps": completed.sweeps}


def _names(planned: PlannedAnalysis) -> Mapping[int, str]:
    """Return the name of each auxiliary by its row."""
    return dict(zip(planned.auxiliary.tolist(), planned.spec.auxiliary, strict=True))


def _dropped(planned: PlannedAnalysis, completed: Completed) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Return one flag per auxiliary left out of an arm's model, and the same as a list with reasons."""
    arms = {planned.analysis.arm: planned.contrast.arm, planned.analysis.reference: planned.contrast.reference}
    names = _names(planned)
    told = [{"auxiliary": names[each.row], "arm": arms[each.arm], "why": each.why} for each in completed.dropped]
    return tuple(f"auxiliary_dropped: {each['auxiliary']} in {each['arm']}, {each['why']}" for each in told), told


def _choice(chosen: Chosen | None) -> dict[str, Any]:
    """Return how the number of imputations was chosen; nothing where the plan says it."""
    if chosen is None:
        return {}
    return {"m_automatic": {"pilot": PILOT, "pilot_fmi": chosen.pilot_fmi, "upper_fmi": chosen.upper_fmi, "variation_of_se": VARIATION}}
