"""The imputation model of an incomplete outcome, and the analysis model's answer to what is imputed.

Specification: docs/statistics/multiple_imputation.md. All participants enter the analysis in every imputation, so its
design is fixed and an imputed data set changes only the response: nothing that follows refits anything.
"""

from typing import NamedTuple

import numpy as np

from odisea.analyse.design import (
    CONSTANT,
    Design,
    dot,
    fill_columns,
    gather,
    in_contrast,
    make_design,
    orthonormalise,
    present,
    project_out,
    take,
)
from odisea.compiled import compiled
from odisea.data.trial import Analysis, Assumption, Floats, Ints, Reason, Trial

FEWEST_DF = 2  # the posterior variance of the residual variance's mean needs more
NOBODY = -1  # no arm has this number


class ArmModel(NamedTuple):
    """A normal linear regression among the observed of one arm, flat prior on (coefficients, log sigma), and whom it imputes.

    Parameters
    ----------
    source : int
        The arm whose observed participants it is fitted to.
    participants : int64 (n,)
        These, then the participants it imputes: those without a response of the arm of the contrast before those of the reference.
    missing : int64 (k,)
        The latter.
    expected : float64 (k,)
        Their predicted responses, each with its arm's delta.
    basis : float64 (q, n)
        The design of all n, orthonormal among the observed.
    residual : float64 (n,)
        Of the observed; not to be read for the others.
    loadings : float64 (q, k)
        The basis of the imputed: predictions vary by loadings' u, u ~ N(0, sigma^2 I).
    sse, df : float
        Residual sum of squares and its degrees of freedom among the observed.
    reason : int
        `Reason.NONE`, or why there is no model.
    """

    source: int
    participants: Ints
    missing: Ints
    expected: Floats
    basis: Floats
    residual: Floats
    loadings: Floats
    sse: float
    df: float
    reason: int


class Frame(NamedTuple):
    """The analysis of the expected outcomes, and how it answers to deviations from them.

    Parameters
    ----------
    participants : int64 (n,)
        All of both arms.
    design : Design
        The analysis model on them.
    residuals : float64 (n,)
        Of the expected outcomes.
    estimate, rss, df : float
        Arm effect, residual sum of squares and residual degrees of freedom of the expected outcomes.
    slope : float
        Arm effect per unit of the arm's coordinate in the basis; its square is the effect's variance per unit residual variance.
    residual : float64 (k,)
        Residuals of the missing participants, the arm's before the reference's.
    basis : float64 (p, k)
        Their part of the design's basis, the arm last.
    reason : int
        `Reason.NONE`, or why there is no analysis.
    """

    participants: Ints
    design: Design
    residuals: Floats
    estimate: float
    rss: float
    df: float
    slope: float
    residual: Floats
    basis: Floats
    reason: int


@compiled
def _modelled(trial: Trial, analysis: Analysis, source: int, first: int, second: int) -> tuple[Ints, int]:
    """Return the observed of arm `source`, then the missing of arm `first`, then those of `second`; and the number observed."""
    response = trial.values[analysis.response]
    chosen = np.empty(trial.arm.size + 1, np.int64)
    n, n_observed = 0, 0
    for part in range(3):
        arm = source if part == 0 else (first if part == 1 else second)
        for i in range(trial.arm.size):
            chosen[n] = i  # kept only if n moves on: no branch that the processor would have to guess
            n += (trial.arm[i] == arm) & (np.isnan(response[i]) == (part > 0))
        if part == 0:
            n_observed = n
    return chosen[:n], n_observed


@compiled
def _fill_expected(trial: Trial, analysis: Analysis, missing: Ints, residual: Floats, n_observed: int, expected: Floats) -> None:
    """Write predictions (what projecting out left of 0 is their negative) and the deltas of their arms."""
    for i in range(missing.size):
        delta = analysis.delta_arm if trial.arm[missing[i]] == analysis.arm else analysis.delta_reference
        expected[i] = delta - residual[n_observed + i]


@compiled
def arm_model(trial: Trial, analysis: Analysis, rows: Ints, source: int, first: int, second: int) -> ArmModel:
    """Return the model of one arm that imputes two arms, or one, the other being `NOBODY`; with nobody missing it is never refused.

    Parameters
    ----------
    rows : int64
        Rows of the imputation variables that vary.
    source, first, second : int
        The arm that is fitted, and the arms that are imputed.
    """
    participants, n_observed = _modelled(trial, analysis, source, first, second)
    n, q = participants.size, rows.size + 1
    columns, triangle, coordinates = np.empty((q, n)), np.zeros((q, q)), np.zeros(q)
    k, df = n - n_observed, float(n_observed - q)
    expected, loadings = np.empty(k), np.empty((q, k))
    response, reason, sse = take(trial.values[analysis.response], participants), Reason.NONE.value, 0.0
    if k > 0:
        response[n_observed:] = 0.0
        if not fill_columns(trial.values, rows, participants, columns):
            reason = Reason.MISSING_COVARIATE.value
        elif n_observed == 0:
            reason = Reason.EMPTY_ARM.value
        elif orthonormalise(columns, n_observed, triangle) < q:
            reason = Reason.IMPUTATION_RANK_DEFICIENT.value
        elif df <= FEWEST_DF:
            reason = Reason.IMPUTATION_FEW_DF.value
        else:
            project_out(columns, 0, q, response, n_observed, coordinates)
            sse = dot(response, response, n_observed)
    _fill_expected(trial, analysis, participants[n_observed:], response, n_observed, expected)
    for j in range(q):
        column, loading = columns[j], loadings[j]
        for i in range(k):
            loading[i] = column[n_observed + i]
    return ArmModel(source, participants, participants[n_observed:], expected, columns, response, loadings, sse, df, reason)


@compiled
def without_missing(model: ArmModel, reason: int) -> ArmModel:
    """Return the model as one that imputes nobody, with the given reason."""
    return ArmModel(
        model.source,
        model.participants,
        model.missing[:0],
        model.expected[:0],
        model.basis,
        model.residual,
        model.loadings,
        model.sse,
        model.df,
        reason,
    )


@compiled
def imputation_models(trial: Trial, analysis: Analysis) -> tuple[ArmModel, ArmModel]:
    """Return the models under `analysis.assumption`, the arm's missing participants before those of the reference.

    Within arm one model imputes each arm. Under jump to reference the reference's model imputes both and comes first (one
    draw of its parameters serves both arms); the second imputes nobody. An arm without any observed outcome is refused there too.
    """
    rows = present(trial, analysis, analysis.imputation)
    if analysis.assumption != Assumption.JUMP_TO_REFERENCE.value:
        first = arm_model(trial, analysis, rows, analysis.arm, analysis.arm, NOBODY)
        return first, arm_model(trial, analysis, rows, analysis.reference, analysis.reference, NOBODY)
    joint = arm_model(trial, analysis, rows, analysis.reference, analysis.arm, analysis.reference)
    nobody = arm_model(trial, analysis, rows, analysis.reference, NOBODY, NOBODY)
    if _modelled(trial, analysis, analysis.arm, NOBODY, NOBODY)[1] == 0:
        return joint, without_missing(nobody, Reason.EMPTY_ARM.value)
    return joint, nobody


@compiled
def make_frame(trial: Trial, analysis: Analysis, first: ArmModel, second: ArmModel) -> Frame:
    """Return the analysis of the expected outcomes, given the imputation models of the arm and of the reference."""
    participants = in_contrast(trial, analysis, False)
    design = make_design(trial, analysis, participants)
    n, p, k = participants.size, design.basis.shape[0], first.missing.size + second.missing.size
    residual, basis, nan = np.empty(k), np.empty((p, k)), np.nan
    reason = max(design.reason, first.reason, second.reason) if design.reason == Reason.NONE.value else design.reason
    if reason != Reason.NONE.value:
        return Frame(participants, design, residual, nan, nan, nan, nan, residual, basis, reason)
    response, place = _expected_response(trial, analysis, participants, first, second)
    coordinates, size = np.zeros(p), dot(response, response, n)
    project_out(design.basis, 0, p, response, n, coordinates)
    gather(response, place, residual)
    for j in range(p):
        gather(design.basis[j], place, basis[j])
    rss, df, slope = dot(response, response, n), float(n - design.rank), 1.0 / design.triangle[p - 1, p - 1]
    if df <= 0.0:
        reason = Reason.NO_RESIDUAL_DF.value
    elif rss <= CONSTANT * size:
        reason = Reason.NO_RESIDUAL_VARIANCE.value
    return Frame(participants, design, response, coordinates[p - 1] * slope, rss, df, slope, residual, basis, reason)


@compiled
def joined(first: Ints, second: Ints) -> Ints:
    """Return two arrays as one."""
    both = np.empty(first.size + second.size, np.int64)
    both[: first.size] = first
    both[first.size :] = second
    return both


@compiled
def _expected_response(trial: Trial, analysis: Analysis, participants: Ints, first: ArmModel, second: ArmModel) -> tuple[Floats, Ints]:
    """Return the response with missing values replaced by their expectations, and the places of the missing in it."""
    response, place = take(trial.values[analysis.response], participants), joined(first.missing, second.missing)
    at, place_of = 0, np.empty(trial.arm.size, np.int64)
    for i in range(participants.size):
        place_of[participants[i]] = i
    for i in range(place.size):
        place[i] = place_of[place[i]]
    for model in (first, second):
        for i in range(model.expected.size):
            response[place[at + i]] = model.expected[i]
        at += model.expected.size
    return response, place
