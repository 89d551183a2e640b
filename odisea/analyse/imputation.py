"""Multiple imputation of one incomplete outcome under missing at random within arm, and its limit of infinitely many imputations.

Specification: docs/statistics/multiple_imputation.md. Nothing is refitted: all participants enter the analysis model in
every imputation, so its design is fixed and an imputed data set changes only the response. With the expected outcomes
yhat and an imputation's deviations d on the missing ones, the estimate is c'yhat + c'd and the residual sum of squares
RSS(yhat) + 2 e'd + d'd - |Qd|^2; c is the last row of Q, the arm's, over its diagonal element in R.
"""

from typing import NamedTuple

import numpy as np

from odisea.analyse.design import (
    CONSTANT,
    Design,
    dot,
    estimated,
    fill_columns,
    fill_dots,
    gather,
    in_contrast,
    make_design,
    no_estimate,
    orthonormalise,
    project_out,
    take,
)
from odisea.compiled import compiled
from odisea.data.trial import Analysis, Estimate, Floats, Ints, Method, Reason, Trial
from odisea.lanes import add_combination
from odisea.streams import Purpose, chi_square, fill_normal

DRAWS = 4  # one address of the random stream gives four numbers: those of four imputations
MAX_COEFFICIENTS = 1 << 10  # addresses of coefficients and imputations of one arm do not reach the next arm's
MAX_IMPUTATIONS = 1 << 14  # 2**12 minor indices of four draws each
FEWEST_DF = 2  # the posterior variance of the residual variance's mean needs more


class Pooled(NamedTuple):
    """Rubin's rules with the degrees of freedom of Barnard and Rubin (1999).

    Parameters
    ----------
    estimate, within, between, total : float
        Mean estimate, mean variance, variance between imputations (divisor m - 1), within + (1 + 1/m) between.
    df, riv, lambda_, fmi : float
        Degrees of freedom, relative increase in variance, share of the variance due to missing data, fraction of missing information.
    mcse : float
        Monte Carlo standard error of the estimate, sqrt(between / m).
    """

    estimate: float
    within: float
    between: float
    total: float
    df: float
    riv: float
    lambda_: float
    fmi: float
    mcse: float


class ArmModel(NamedTuple):
    """The imputation model of one arm: a normal linear regression with the flat prior on (coefficients, log sigma).

    Parameters
    ----------
    missing : int64 (k,)
        Participants of the arm without a response.
    expected : float64 (k,)
        Their predicted responses.
    loadings : float64 (q, k)
        Their rows in the orthonormal basis of the observed participants' design: predictions vary by loadings' u, u ~ N(0, sigma^2 I).
    sse, df : float
        Residual sum of squares and its degrees of freedom among the observed.
    reason : int
        `Reason.NONE`, or why there is no model.
    """

    missing: Ints
    expected: Floats
    loadings: Floats
    sse: float
    df: float
    reason: int


class Frame(NamedTuple):
    """The analysis of the expected outcomes, and how it answers to deviations from them.

    Parameters
    ----------
    design : Design
        The analysis model on all participants of both arms.
    estimate, rss, df : float
        Arm effect, residual sum of squares and residual degrees of freedom of the expected outcomes.
    slope : float
        Arm effect per unit of the arm's coordinate in the basis; its square is the effect's variance per unit residual variance.
    residual : float64 (k,)
        Residuals of the missing participants, the first arm's before the reference's.
    basis : float64 (p, k)
        Their part of the design's basis, the arm last.
    reason : int
        `Reason.NONE`, or why there is no analysis.
    """

    design: Design
    estimate: float
    rss: float
    df: float
    slope: float
    residual: Floats
    basis: Floats
    reason: int


@compiled
def barnard_rubin(lambda_: float, m: float, df_complete: float) -> float:
    """Return the degrees of freedom 1 / (lambda^2 / (m - 1) + 1 / nu_obs); finite or infinite `m` and `df_complete`, lambda may be 0."""
    observed = 0.0
    if not np.isinf(df_complete):
        observed = (df_complete + 3.0) / ((df_complete + 1.0) * df_complete * (1.0 - lambda_))
    return 1.0 / (lambda_ * lambda_ / (m - 1.0) + observed)


@compiled
def pool(estimates: Floats, variances: Floats, df_complete: float) -> Pooled:
    """Return the pooled result of m >= 2 imputations.

    Parameters
    ----------
    estimates, variances : float64 (m,)
        Estimate and squared standard error in each completed data set.
    df_complete : float
        Degrees of freedom the complete data would have; inf for a normal reference distribution.
    """
    m = estimates.size
    origin, spread, within = estimates[0], 0.0, 0.0
    for j in range(m):
        spread += estimates[j] - origin
        within += variances[j]
    mean = origin + spread / m  # from the first estimate, so that equal estimates have exactly no spread
    between = 0.0
    for j in range(m):
        between += (estimates[j] - mean) ** 2
    return _pooled(mean, within / m, between / (m - 1), float(m), df_complete)


@compiled
def _pooled(estimate: float, within: float, between: float, m: float, df_complete: float) -> Pooled:
    """Return all pooled quantities from the two variances; m may be inf."""
    extra = between + between / m
    total = within + extra
    lambda_, riv = extra / total, extra / within
    df = barnard_rubin(lambda_, m, df_complete)
    fmi = (riv + 2.0 / (df + 3.0)) / (1.0 + riv)
    return Pooled(estimate, within, between, total, df, riv, lambda_, fmi, np.sqrt(between / m))


@compiled
def _arm_participants(trial: Trial, analysis: Analysis, arm: int) -> tuple[Ints, int]:
    """Return the arm's participants, the observed ones first, and the number of these."""
    response = trial.values[analysis.response]
    chosen = np.empty(trial.arm.size + 1, np.int64)
    n, n_observed = 0, 0
    for missing in (False, True):
        n_observed = n
        for i in range(trial.arm.size):
            chosen[n] = i  # kept only if n moves on: no branch that the processor would have to guess
            n += (trial.arm[i] == arm) & (np.isnan(response[i]) == missing)
    return chosen[:n], n_observed


@compiled
def arm_model(trial: Trial, analysis: Analysis, arm: int) -> ArmModel:
    """Return the imputation model of one arm; where nothing is missing it is empty and never refused."""
    participants, n_observed = _arm_participants(trial, analysis, arm)
    n, q = participants.size, analysis.imputation.size + 1
    columns, triangle, coordinates = np.empty((q, n)), np.zeros((q, q)), np.zeros(q)
    k, df = n - n_observed, float(n_observed - q)
    expected, loadings = np.empty(k), np.empty((q, k))
    response, reason, sse = take(trial.values[analysis.response], participants), Reason.NONE.value, 0.0
    if k > 0:
        response[n_observed:] = 0.0
        if not fill_columns(trial.values, analysis.imputation, participants, columns):
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
    for i in range(k):
        expected[i] = -response[n_observed + i]
    for j in range(q):
        column, loading = columns[j], loadings[j]
        for i in range(k):
            loading[i] = column[n_observed + i]
    return ArmModel(participants[n_observed:], expected, loadings, sse, df, reason)


@compiled
def make_frame(trial: Trial, analysis: Analysis, first: ArmModel, second: ArmModel) -> Frame:
    """Return the analysis of the expected outcomes, given the imputation models of the arm and of the reference."""
    participants = in_contrast(trial, analysis, False)
    design = make_design(trial, analysis, participants)
    n, p, k = participants.size, design.basis.shape[0], first.missing.size + second.missing.size
    residual, basis, nan = np.empty(k), np.empty((p, k)), np.nan
    reason = max(design.reason, first.reason, second.reason) if design.reason == Reason.NONE.value else design.reason
    if reason != Reason.NONE.value:
        return Frame(design, nan, nan, nan, nan, residual, basis, reason)
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
    return Frame(design, coordinates[p - 1] * slope, rss, df, slope, residual, basis, reason)


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


@compiled
def addresses(analysis: Analysis, first: ArmModel, second: ArmModel) -> tuple[Ints, Ints]:
    """Return the units of the random stream: the missing participants (k,), and the coefficients of both models (2 q or more).

    The coefficients are filled up to whole vectors of eight, because numbers drawn one by one cost more than eight at once.
    """
    q = first.loadings.shape[0]
    coefficients = np.zeros((2 * q + 7) // 8 * 8, np.int64)
    for j in range(q):
        coefficients[j] = analysis.arm * MAX_COEFFICIENTS + j
        coefficients[q + j] = analysis.reference * MAX_COEFFICIENTS + j
    return joined(first.missing, second.missing), coefficients


@compiled
def _add_prediction(noise: Floats, j: int, start: int, loadings: Floats, u: Floats, first: int, sigma: float) -> None:
    """Replace standard normal noise z, a part of row j, by sigma (loadings' u + z), u being a part of its row j."""
    row = noise[j, start : start + loadings.shape[1]]
    add_combination(row, u[j, first : first + loadings.shape[0]], loadings)
    for i in range(row.size):
        row[i] *= sigma


@compiled
def _draw_sigma(trial: Trial, model: ArmModel, arm: int, imputation: int) -> float:
    """Return a draw of the residual standard deviation: sigma^2 = SSE / chi-square(nu)."""
    unit = arm * MAX_IMPUTATIONS + imputation
    return float(np.sqrt(model.sse / chi_square(trial.seed, trial.replicate, Purpose.IMPUTATION_VARIANCE.value, unit, model.df)))


@compiled
def fill_deviations(
    trial: Trial, analysis: Analysis, first: ArmModel, second: ArmModel, who: Ints, coefficients: Ints, block: int, out: Floats
) -> None:
    """Write the deviations from expectation of imputations 4 block, ..., 4 block + 3 into `out` (4, k), one row each.

    They are sigma (loadings' u + z) with u and z standard normal. The numbers are addressed by (seed, replicate) of the
    trial; z by the participant's rank, u and the chi-square by the arm (`addresses`).
    """
    q, split = first.loadings.shape[0], first.missing.size
    u = np.empty((DRAWS, coefficients.size))
    fill_normal(trial.seed, trial.replicate, Purpose.IMPUTATION_NOISE.value, block, who, out)
    fill_normal(trial.seed, trial.replicate, Purpose.IMPUTATION_COEFFICIENTS.value, block, coefficients, u)
    for j in range(DRAWS):
        imputation = DRAWS * block + j
        if split > 0:
            _add_prediction(out, j, 0, first.loadings, u, 0, _draw_sigma(trial, first, analysis.arm, imputation))
        if split < who.size:
            _add_prediction(out, j, split, second.loadings, u, q, _draw_sigma(trial, second, analysis.reference, imputation))


@compiled
def analyse_imputations(trial: Trial, analysis: Analysis, frame: Frame, first: ArmModel, second: ArmModel) -> tuple[Floats, Floats]:
    """Return estimate and squared standard error of the arm effect in each of the m completed data sets."""
    m, k, p = analysis.m, frame.residual.size, frame.basis.shape[0]
    who, coefficients = addresses(analysis, first, second)
    estimates, variances, deviations, coordinates = np.empty(m), np.empty(m), np.empty((DRAWS, k)), np.empty(p)
    for j in range(m):
        if j % DRAWS == 0:
            fill_deviations(trial, analysis, first, second, who, coefficients, j // DRAWS, deviations)
        d = deviations[j % DRAWS]
        fill_dots(frame.basis, 0, p, d, k, coordinates)
        rss = frame.rss + 2.0 * dot(frame.residual, d, k) + dot(d, d, k) - dot(coordinates, coordinates, p)
        estimates[j] = frame.estimate + coordinates[p - 1] * frame.slope
        variances[j] = rss / frame.df * frame.slope**2
    return estimates, variances


@compiled
def _limit_terms(frame: Frame, model: ArmModel, start: int) -> tuple[float, float]:
    """Return one arm's part of c'Sc and of tr((I - H)S), S = s2 (L'L + I) being the covariance of its imputed responses."""
    q, k, own = model.loadings.shape[0], model.missing.size, 0.0
    if k == 0:
        return 0.0, 0.0
    s2, trace, shared = model.sse / (model.df - FEWEST_DF), float(k), np.empty(q)
    for j in range(q):
        trace += dot(model.loadings[j], model.loadings[j], k)
    for i in range(frame.basis.shape[0]):
        row = frame.basis[i, start : start + k]
        fill_dots(model.loadings, 0, q, row, k, shared)
        own = dot(row, row, k) + dot(shared, shared, q)
        trace -= own
    return s2 * own * frame.slope**2, s2 * trace  # the arm's row is the last


@compiled
def _limit(frame: Frame, first: ArmModel, second: ArmModel) -> Pooled:
    """Return what pooling tends to as the number of imputations grows; exact, nothing is drawn."""
    between_arm, trace_arm = _limit_terms(frame, first, 0)
    between_reference, trace_reference = _limit_terms(frame, second, first.missing.size)
    within = (frame.rss + trace_arm + trace_reference) / frame.df * frame.slope**2
    return _pooled(frame.estimate, within, between_arm + between_reference, np.inf, frame.df)


@compiled
def ancova_imputed(trial: Trial, analysis: Analysis) -> Estimate:
    """Return the arm effect after multiple imputation under missing at random within arm.

    Pooled over `analysis.m` imputations, or with `Method.ANCOVA_MI_LIMIT` over infinitely many.
    """
    first, second = arm_model(trial, analysis, analysis.arm), arm_model(trial, analysis, analysis.reference)
    frame = make_frame(trial, analysis, first, second)
    design = frame.design
    if frame.reason != Reason.NONE.value:
        return no_estimate(frame.reason, design.n_arm, design.n_reference)
    if analysis.method == Method.ANCOVA_MI_LIMIT.value:
        pooled = _limit(frame, first, second)
    elif frame.residual.size == 0:
        pooled = _pooled(frame.estimate, frame.rss / frame.df * frame.slope**2, 0.0, float(analysis.m), frame.df)
    else:
        estimates, variances = analyse_imputations(trial, analysis, frame, first, second)
        pooled = pool(estimates, variances, frame.df)
    return estimated(pooled.estimate, pooled.total, pooled.df, design, pooled.within, pooled.between, pooled.mcse)


@compiled
def _imputable(model: ArmModel) -> ArmModel:
    """Return the model, or one of nobody where it is refused."""
    if model.reason == Reason.NONE.value:
        return model
    return ArmModel(model.missing[:0], model.expected[:0], model.loadings, model.sse, model.df, Reason.NONE.value)


@compiled
def impute(trial: Trial, analysis: Analysis) -> Floats:
    """Return the completed responses that `ancova_imputed` analyses, shape (m, n).

    Where an arm has no imputation model (see `arm_model`) its missing responses stay NaN.
    """
    completed = np.empty((analysis.m, trial.arm.size))
    completed[:] = trial.values[analysis.response]
    first, second = _imputable(arm_model(trial, analysis, analysis.arm)), _imputable(arm_model(trial, analysis, analysis.reference))
    who, coefficients = addresses(analysis, first, second)
    deviations, expected = np.empty((DRAWS, who.size)), np.concatenate((first.expected, second.expected))
    for j in range(analysis.m):
        if j % DRAWS == 0:
            fill_deviations(trial, analysis, first, second, who, coefficients, j // DRAWS, deviations)
        for i in range(who.size):
            completed[j, who[i]] = expected[i] + deviations[j % DRAWS, i]
    return completed
