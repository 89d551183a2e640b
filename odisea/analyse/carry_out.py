"""The planned analyses of one trial, as the rows of estimates.json."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from odisea.analyse.design import in_contrast, make_design
from odisea.analyse.double import LOGISTIC, verify
from odisea.analyse.estimate import estimate, finish
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.responder import responder_outcome
from odisea.data.trial import REASON_TEXT, Method, Reason, Status, Trial

SPARSE = 5  # largest count of an arm x outcome cell that is flagged
VARIANCE = {
    Method.ANCOVA: "least_squares",
    Method.ANCOVA_MI: "rubin",
    Method.ANCOVA_MI_LIMIT: "rubin_limit",
    Method.RESPONDER_LOG_ODDS_RATIO: "information",
    Method.RESPONDER_RISK_DIFFERENCE: "ye",
}


def analyse_trial(trial: Trial, planned: Iterable[PlannedAnalysis]) -> list[dict[str, Any]]:
    """Carry out planned analyses on one trial, each repeated independently.

    Parameters
    ----------
    trial : Trial
        The analysis data set.
    planned : iterable of PlannedAnalysis
        As `odisea.analyse.plan.lower_plan` gives them.

    Returns
    -------
    list of dict
        One row per analysis in the shape of estimates.json; null where a number does not exist, and for the degrees of
        freedom of the normal distribution. Log odds ratios stay on the log scale.

    Raises
    ------
    AnalysisError
        The repetition differs (`odisea.analyse.double.verify`).
    """
    return [_row(trial, analysis) for analysis in planned]


def _row(trial: Trial, planned: PlannedAnalysis) -> dict[str, Any]:
    """Return one analysis's row."""
    spec, analysis = planned.spec, planned.analysis
    result = estimate(trial, analysis)
    verify(trial, analysis, result, planned.id)
    low, high, p = finish(result.estimate, result.se, result.df, planned.alpha)
    row: dict[str, Any] = {
        "analysis": planned.id,
        "estimand": spec.estimand,
        "outcome": planned.outcome,
        "visit": spec.visit,
        "contrast": planned.contrast.id,
        "measure": spec.measure,
        "missing_data": spec.missing_data,
        "role": spec.role,
        "estimate": _number(result.estimate),
        "se": _number(result.se),
        "ci_low": _number(float(low)),
        "ci_high": _number(float(high)),
        "df": _number(result.df),
        "p": _number(float(p)),
        "alpha": planned.alpha,
        "n_randomised": int(in_contrast(trial, analysis, False).size),
        "n_analysed": int(result.n_arm + result.n_reference),
        "n_analysed_arm": int(result.n_arm),
        "n_analysed_reference": int(result.n_reference),
        "variance": VARIANCE[Method(analysis.method)],
        "within": _number(result.within),
        "between": _number(result.between),
        "mcse": _number(result.mcse),
        "status": Status(int(result.status)).name.lower(),
        "flags": list(planned.flags),
        "reason": REASON_TEXT[Reason(int(result.reason))],
        "proposed": [_proposal(value) for value in planned.proposed],
    }
    row["flags"] += [f"aliased: {name}" for name in aliased(trial, planned)]
    if analysis.method in LOGISTIC:
        row["table"] = responder_table(trial, planned)
        row["flags"] += ["sparse_cells"] * any(count <= SPARSE for cells in row["table"].values() for count in cells.values())
    return row


def _number(value: float) -> float | None:
    """Return a number that JSON can hold."""
    return float(value) if np.isfinite(value) else None


def _proposal(value: Any) -> dict[str, Any]:
    reason = {"en": value.reason.en, "es": value.reason.es} if value.reason else None
    return {"pointer": value.pointer, "value": value.value, "reason": reason, "by": value.by, "date": value.date}


def _analysed(trial: Trial, planned: PlannedAnalysis) -> Any:
    """Return the participants who enter the analysis model."""
    complete_case = planned.spec.missing_data == "complete_case"
    return in_contrast(trial, planned.analysis, complete_case)


def aliased(trial: Trial, planned: PlannedAnalysis) -> tuple[str, ...]:
    """Return the covariates dropped from the analysis model because the others (or the intercept) already hold them."""
    design = make_design(trial, planned.analysis, _analysed(trial, planned))
    if design.rank == 0:
        return ()
    kept = np.diag(design.triangle)[1:-1] > 0.0
    return tuple(name for name, keep in zip(planned.covariates, kept, strict=True) if not keep)


def responder_table(trial: Trial, planned: PlannedAnalysis) -> dict[str, dict[str, int]]:
    """Return the counts of responders and others among the analysed of each arm; who has no baseline is in neither."""
    participants = _analysed(trial, planned)
    outcome = responder_outcome(trial, planned.analysis, participants)
    arms = {planned.contrast.arm: planned.analysis.arm, planned.contrast.reference: planned.analysis.reference}
    table = {}
    for name, arm in arms.items():
        own = outcome[trial.arm[participants] == arm]
        table[name] = {"responders": int(np.sum(own == 1.0)), "others": int(np.sum(own == 0.0))}
    return table
