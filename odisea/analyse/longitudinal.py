"""Analyses of an outcome that is measured at several visits: MMRM, cLDA, and the mixed model with a random intercept.

All are linear models for a participant's visits, fitted by restricted maximum likelihood (`odisea.analyse.mmrm`); they
differ in which visits are responses, in their columns and in the covariance matrix. Specification and decisions:
docs/statistics/mmrm.md.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.analyse.design import CONSTANT, no_estimate
from odisea.analyse.mmrm import Inference, MmrmFit, fit_random_intercept, fit_unstructured, kenward_roger, satterthwaite
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Analysis, Estimate, Floats, Ints, Reason, Status, Trial

INFERENCES = {"kenward_roger": kenward_roger, "satterthwaite": satterthwaite}


class Model(NamedTuple):
    """A model for the repeated measures of some participants.

    Parameters
    ----------
    responses : float64 (n, v)
        Outcome at the model's visits; NaN is missing.
    design : float64 (n, v, p)
        Columns.
    names : tuple of str
        The covariate of each column, empty for other columns.
    effect : int
        Column whose coefficient is the effect.
    """

    responses: Floats
    design: Floats
    names: tuple[str, ...]
    effect: int


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return the effect of a planned `mmrm`, `clda` or `mixed_model` at the analysed visit.

    Parameters
    ----------
    trial : Trial
        The analysis data set.
    planned : PlannedAnalysis
        `spec.method`, `spec.chosen_variance`, `analysis`, `covariates` and `series` are used.
    circumstances : Circumstances
        Of `filled`, how many have a filled-in baseline value.

    Returns
    -------
    Single
        Arm minus reference in points of the outcome, or a status with its reason. Flags name dropped covariates and visits
        without any outcome; details hold the covariance matrix of the visits, the restricted log likelihood, and how many
        outcomes there are at the analysed visit.
    """
    analysis, method = planned.analysis, planned.spec.method
    members = np.ones(trial.arm.size, dtype=np.bool_) if method == "mixed_model" else _in(trial, analysis.arm, analysis.reference)
    visits, flags = _visits(trial, planned, members)
    flags += _filled(method, circumstances, members)
    members &= ~np.isnan(trial.values[visits]).all(axis=0)
    reason = _hindrance(trial, planned, visits, members)
    if reason != Reason.NONE:
        return Single(_refused(trial, analysis, members, reason), flags)
    model = _MODELS[method](trial, planned, visits, members)
    fit = (fit_random_intercept if method == "mixed_model" else fit_unstructured)(model.responses, model.design)
    flags += _aliased(model, fit)
    reason = fit.reason if fit.problem.kept[model.effect] else Reason.ARM_ALIASED
    if reason == Reason.NONE and (np.diag(fit.sigma) <= CONSTANT * np.nanmean(np.square(model.responses), axis=0)).any():
        reason = Reason.NO_RESIDUAL_VARIANCE  # a visit that is constant up to rounding
    if reason != Reason.NONE:
        return Single(_refused(trial, analysis, members, reason), flags)
    inference = INFERENCES[planned.spec.chosen_variance](fit, np.eye(model.design.shape[2])[model.effect])
    if not np.isfinite(inference.se):
        return Single(_refused(trial, analysis, members, Reason.NO_RESIDUAL_DF), flags)
    return Single(_effect(trial, analysis, members, inference), flags, _details(trial, analysis, fit))


def _in(trial: Trial, *arms: int) -> NDArray[np.bool_]:
    """Return who is in one of the arms."""
    return np.isin(trial.arm, arms)


def _visits(trial: Trial, planned: PlannedAnalysis, members: NDArray[np.bool_]) -> tuple[Ints, tuple[str, ...]]:
    """Return the rows of the responses that any member has, and a flag for each follow-up visit that none has."""
    series, baseline = planned.series, planned.analysis.baseline
    seen = ~np.isnan(trial.values[series][:, members]).all(axis=1)
    flags = tuple(f"no outcome: follow-up visit {visit}" for visit in np.flatnonzero(~seen) + 1)
    first = [baseline] if planned.spec.method != "mmrm" and baseline >= 0 else []
    return np.array([*first, *series[seen]], dtype=np.int64), flags


def _filled(method: str, circumstances: Circumstances, members: NDArray[np.bool_]) -> tuple[str, ...]:
    """Return a flag where the baseline is a response and somebody's baseline values have been filled in."""
    count = 0 if circumstances.filled is None or method == "mmrm" else int(circumstances.filled[members].sum())
    return (f"filled baseline: {count} participants have a filled-in baseline value, which may be a response here",) if count else ()


def _hindrance(trial: Trial, planned: PlannedAnalysis, visits: Ints, members: NDArray[np.bool_]) -> int:
    """Return why the model is not fitted, or `Reason.NONE`."""
    analysis, response = planned.analysis, trial.values[planned.analysis.response]
    if planned.spec.method == "mmrm" and planned.series.size < 2:
        return Reason.ONE_FOLLOW_UP
    if planned.spec.method != "mmrm" and analysis.baseline < 0:
        return Reason.NO_BASELINE
    if any(np.isnan(response[_in(trial, arm)]).all() for arm in (analysis.arm, analysis.reference)):
        return Reason.EMPTY_ARM
    if planned.spec.method == "mmrm" and visits.size < 2:
        return Reason.ONE_FOLLOW_UP
    return Reason.MISSING_COVARIATE if np.isnan(trial.values[analysis.covariates][:, members]).any() else Reason.NONE


def _covariates(trial: Trial, planned: PlannedAnalysis, members: NDArray[np.bool_], visits: Ints) -> tuple[Floats, tuple[str, ...]]:
    """Return the members' covariates (c, n) about their means, and their names.

    Left out are a covariate that is a response, and a category that nobody of the trial is in. About their means, so that
    whether a column is dependent does not turn on a covariate's origin; one that is constant up to rounding becomes 0.
    """
    named = zip(planned.analysis.covariates, planned.covariates, strict=True)
    rows = [(row, name) for row, name in named if row not in visits and trial.values[row].any()]
    raw = trial.values[np.array([row for row, _ in rows], dtype=np.int64)][:, members]
    centred = raw - raw.mean(axis=1, keepdims=True)
    centred[np.square(centred).sum(axis=1) <= CONSTANT * np.square(raw).sum(axis=1)] = 0.0
    return centred, tuple(name for _, name in rows)


def _by_visit(columns: Floats, visits: int) -> Floats:
    """Return columns (c, n) with a coefficient at every visit: (n, v, c v), the visits of a column side by side."""
    blocks: Floats = np.einsum("cn,tu->ntcu", columns, np.eye(visits))
    return blocks.reshape(columns.shape[1], visits, -1)


def _mmrm(trial: Trial, planned: PlannedAnalysis, visits: Ints, members: NDArray[np.bool_]) -> Model:
    """Return the model of the follow-up visits: intercept, covariates and arm, each by visit."""
    covariates, names = _covariates(trial, planned, members, visits)
    arm = (trial.arm[members] == planned.analysis.arm).astype(np.float64)
    design = _by_visit(np.vstack([np.ones_like(arm), covariates, arm]), visits.size)
    place = int(np.flatnonzero(visits == planned.analysis.response)[0])
    by_column = tuple(name for name in ("", *names, "") for _ in visits)
    return Model(trial.values[visits][:, members].T, design, by_column, design.shape[2] - visits.size + place)


def _clda(trial: Trial, planned: PlannedAnalysis, visits: Ints, members: NDArray[np.bool_]) -> Model:
    """Return the model of baseline and follow-up: that of `_mmrm`, but no difference between the arms at baseline."""
    model = _mmrm(trial, planned, visits, members)
    at_baseline = model.design.shape[2] - visits.size
    names = model.names[:at_baseline] + model.names[at_baseline + 1 :]
    return Model(model.responses, np.delete(model.design, at_baseline, axis=2), names, model.effect - 1)


def _mixed_model(trial: Trial, planned: PlannedAnalysis, visits: Ints, members: NDArray[np.bool_]) -> Model:
    """Return the model of baseline and follow-up in all arms: intercept, covariates, visit, arm, arm by follow-up visit."""
    analysis = planned.analysis
    covariates, names = _covariates(trial, planned, members, visits)
    others = [arm for arm in np.unique(trial.arm[members]) if arm != analysis.reference]
    arms, n = np.array([trial.arm[members] == arm for arm in others], dtype=np.float64), int(members.sum())
    everywhere = np.vstack([np.ones(n), covariates])[:, :, None] * np.ones(visits.size)
    follow_up = _by_visit(np.ones((1, n)), visits.size)[:, :, 1:]
    by_follow_up = _by_visit(arms, visits.size).reshape(n, visits.size, len(others), visits.size)[:, :, :, 1:]
    main = np.broadcast_to(arms.T[:, None, :], (n, visits.size, len(others)))
    design = np.concatenate([everywhere.transpose(1, 2, 0), follow_up, main, by_follow_up.reshape(n, visits.size, -1)], axis=2)
    place = int(np.flatnonzero(visits == analysis.response)[0]) - 1
    effect = design.shape[2] - (len(others) - others.index(analysis.arm)) * (visits.size - 1) + place
    return Model(trial.values[visits][:, members].T, design, ("", *names, *[""] * (design.shape[2] - len(names) - 1)), effect)


_MODELS = {"mmrm": _mmrm, "clda": _clda, "mixed_model": _mixed_model}


def _aliased(model: Model, fit: MmrmFit) -> tuple[str, ...]:
    """Return a flag for every covariate dropped from the model, with the visits where it is dropped only at some."""
    flags = []
    for name in dict.fromkeys(name for name in model.names if name):
        dropped = [not fit.problem.kept[column] for column, own in enumerate(model.names) if own == name]
        places = ", ".join(str(place) for place, gone in enumerate(dropped, start=1) if gone)
        flags += [f"aliased: {name}" if all(dropped) else f"aliased: {name} at visit {places} of the model"] * any(dropped)
    return tuple(flags)


def _counts(trial: Trial, analysis: Analysis, chosen: NDArray[np.bool_]) -> tuple[int, int]:
    """Return how many of the chosen are in the arm and in the reference."""
    return int(np.sum(chosen & _in(trial, analysis.arm))), int(np.sum(chosen & _in(trial, analysis.reference)))


def _refused(trial: Trial, analysis: Analysis, members: NDArray[np.bool_], reason: int) -> Estimate:
    """Return the typed absence of an estimate."""
    absent: Estimate = no_estimate(int(reason), *_counts(trial, analysis, members))
    return absent


def _effect(trial: Trial, analysis: Analysis, members: NDArray[np.bool_], inference: Inference) -> Estimate:
    """Return the estimate."""
    n_arm, n_reference = _counts(trial, analysis, members)
    variance, ok, none = inference.se**2, float(Status.OK), float(Reason.NONE)
    return Estimate(inference.estimate, inference.se, inference.df, n_arm, n_reference, variance, 0.0, 0.0, ok, none)


def _details(trial: Trial, analysis: Analysis, fit: MmrmFit) -> Mapping[str, Any]:
    """Return further numbers of a fit for the result file."""
    observed = _counts(trial, analysis, ~np.isnan(trial.values[analysis.response]))
    return {
        "observed_arm": observed[0],
        "observed_reference": observed[1],
        "log_likelihood": float(fit.log_likelihood),
        "iterations": fit.iterations,
        "covariance": fit.sigma.tolist(),
    }
