"""The planned analyses of one trial, as the rows of estimates.json."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from odisea.analyse.adjusted_means import adjusted_means
from odisea.analyse.design import in_contrast, make_design
from odisea.analyse.double import verify
from odisea.analyse.estimate import estimate, finish
from odisea.analyse.imputed import HIGH_FMI, limit_details
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.responder import responder_outcome
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import REASON_TEXT, Method, Reason, Status, Trial, make_trial

SPARSE = 5  # largest count of an arm x outcome cell that is flagged
NOBODY = Circumstances()


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances = NOBODY) -> Single:
    """Return the result of one planned analysis: by the compiled estimator where there is one, else by the method's file.

    Parameters
    ----------
    trial : Trial
        The analysis data set.
    planned : PlannedAnalysis
        As `odisea.analyse.plan.lower_plan` gives it.
    circumstances : Circumstances
        Allocation and groups; left out where the analysis needs neither.
    """
    data, around = _kept(trial, planned, circumstances)
    if planned.file:
        return _method(planned.file)(data, planned, around)
    return Single(estimate(data, planned.analysis))


def _method(file: str) -> Callable[[Trial, PlannedAnalysis, Circumstances], Single]:
    """Return the method that a file of this room holds; loaded when it is needed, since some bring large libraries."""
    found: Callable[[Trial, PlannedAnalysis, Circumstances], Single] = import_module(f"{__package__}.{file}").carry_out
    return found


def _kept(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> tuple[Trial, Circumstances]:
    """Return the data without participants whose baseline was filled in, where the analysis leaves these out."""
    filled = circumstances.filled
    if planned.spec.baseline_missing == "filled" or filled is None:
        return trial, circumstances
    keep, group, random = ~filled, circumstances.group, circumstances.randomised
    if random is not None:
        place = np.cumsum(keep) - 1
        order = place[random.order[keep[random.order]]]
        # Without some participants the blocks of the list shift: the method cannot be drawn again as if the kept had been the list.
        random = random._replace(order=order, factors=random.factors[:, keep], stratum=random.stratum[keep], scheme=None)
    kept = make_trial(trial.values[:, keep], trial.arm[keep], trial.seed, trial.replicate)
    return kept, Circumstances(random, None if group is None else group[keep])


def analyse_trial(
    trial: Trial,
    planned: Iterable[PlannedAnalysis],
    circumstances: Circumstances = NOBODY,
    filled: Mapping[str, int] | None = None,
) -> list[dict[str, Any]]:
    """Carry out planned analyses on one trial; those of the compiled loop are repeated independently.

    Parameters
    ----------
    trial : Trial
        The analysis data set.
    planned : iterable of PlannedAnalysis
        As `odisea.analyse.plan.lower_plan` gives them.
    circumstances : Circumstances
        Allocation and groups.
    filled : mapping of str to int, optional
        How many baseline values of a variable were filled in.

    Returns
    -------
    list of dict
        One row per analysis in the shape of estimates.json; null where a number does not exist, and for the degrees of
        freedom of the normal distribution (in `details` these are NaN and inf; `odisea.analyse.results.plain` makes them
        null). Ratios stay on the log scale.

    Raises
    ------
    AnalysisError
        The repetition differs (`odisea.analyse.double.verify`).
    """
    return [_row(trial, analysis, circumstances, filled or {}) for analysis in planned]


def _row(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances, filled: Mapping[str, int]) -> dict[str, Any]:
    """Return one analysis's row."""
    spec, analysis = planned.spec, planned.analysis
    single = carry_out(trial, planned, circumstances)
    data, around = _kept(trial, planned, circumstances)
    if not planned.file:
        verify(data, analysis, single.estimate, planned.id)
        single = _with_details(data, planned, around, single)
    result, interval = single.estimate, single.interval
    low, high, p = finish(result.estimate, result.se, result.df, planned.alpha)
    row: dict[str, Any] = {
        "analysis": planned.id,
        "estimand": spec.estimand,
        "outcome": planned.outcome,
        "visit": spec.visit,
        "contrast": planned.contrast.id,
        "method": spec.method,
        "measure": spec.measure,
        "missing_data": spec.missing_data,
        "role": spec.role,
        "family": spec.family,
        "estimate": _number(result.estimate),
        "se": _number(result.se),
        "ci_low": _number(float(low) if interval is None else interval[0]),
        "ci_high": _number(float(high) if interval is None else interval[1]),
        "df": _number(result.df),
        "p": _number(float(p) if single.p is None else single.p),
        "alpha": planned.alpha,
        "n_randomised": int(in_contrast(trial, analysis, False).size),
        "n_analysed": int(result.n_arm + result.n_reference),
        "n_analysed_arm": int(result.n_arm),
        "n_analysed_reference": int(result.n_reference),
        "variance": _variance(planned),
        "within": _number(result.within),
        "between": _number(result.between),
        "mcse": _number(result.mcse),
        "status": Status(int(result.status)).name.lower(),
        "flags": [*planned.flags, *single.flags],
        "reason": REASON_TEXT[Reason(int(result.reason))],
        "proposed": [_proposal(value) for value in planned.proposed],
        "details": dict(single.details),
    }
    row["flags"] += [f"aliased: {name}" for name in aliased(data, planned)]
    row["flags"] += [f"filled: {name} {count}" for name, count in filled.items() if _reads(planned, name)]
    row["flags"] = list(dict.fromkeys(row["flags"]))
    if spec.entry.binary:
        row["table"] = responder_table(data, planned)
        row["flags"] += ["sparse_cells"] * any(count <= SPARSE for cells in row["table"].values() for count in cells.values())
    return row


def _with_details(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances, single: Single) -> Single:
    """Return the estimate of the compiled loop with what the method's file tells beside it."""
    if planned.spec.entry.file:
        beside = _method(planned.spec.entry.file)(trial, planned, circumstances)
        single = single._replace(flags=beside.flags, details=beside.details)
    elif planned.analysis.method == Method.ANCOVA_MI_LIMIT:
        told = limit_details(trial, planned.analysis)
        single = single._replace(details=told, flags=("high_fmi",) if told.get("fmi", 0.0) > HIGH_FMI else ())
    means = adjusted_means(trial, planned) if single.estimate.status == Status.OK else {}  # a refusal has no numbers
    return single._replace(details={**single.details, "means": means}) if means else single


def _variance(planned: PlannedAnalysis) -> str:
    """Return the variance's name; Rubin's rules in the limit of infinitely many imputations are told apart."""
    name = planned.spec.chosen_variance
    return f"{name}_limit" if name == "rubin" and planned.analysis.method == Method.ANCOVA_MI_LIMIT else name


def _reads(planned: PlannedAnalysis, variable: str) -> bool:
    """Return whether an analysis fills in a variable's missing baseline values."""
    if planned.spec.baseline_missing == "excluded":
        return False
    read = {name for name, _ in planned.terms} | set(planned.imputation)
    return variable in read or (planned.spec.entry.binary and variable == planned.baseline)


def _number(value: float) -> float | None:
    """Return a number that JSON can hold."""
    return float(value) if np.isfinite(value) else None


def _proposal(value: Any) -> dict[str, Any]:
    reason = {"en": value.reason.en, "es": value.reason.es} if value.reason else None
    return {"pointer": value.pointer, "value": value.value, "reason": reason, "by": value.by, "date": value.date}


def _analysed(trial: Trial, planned: PlannedAnalysis) -> Any:
    """Return the participants who enter the analysis model."""
    return in_contrast(trial, planned.analysis, planned.spec.missing_data in ("complete_case", "inverse_probability"))


def aliased(trial: Trial, planned: PlannedAnalysis) -> tuple[str, ...]:
    """Return the covariates dropped from the analysis model because the others (or the intercept) already hold them."""
    design = make_design(trial, planned.analysis, _analysed(trial, planned))
    if design.rank == 0:
        return ()
    kept = np.diag(design.triangle)[1:-1] > 0.0
    used = np.any(trial.values[planned.analysis.covariates] != 0.0, axis=1).tolist()  # a level of nobody is no column that was dropped
    return tuple(name for name, keep, some in zip(planned.covariates, kept, used, strict=True) if some and not keep)


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
