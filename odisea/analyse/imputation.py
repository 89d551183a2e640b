"""Multiple imputation of one incomplete outcome under missing at random within arm, and its limit of infinitely many imputations.

Specification: docs/statistics/multiple_imputation.md. Nothing is refitted: all participants enter the analysis model in
every imputation, so its design is fixed and an imputed data set changes only the response. With the expected outcomes
yhat and an imputation's deviations d on the missing ones, the estimate is c'yhat + c'd and the residual sum of squares
RSS(yhat) + 2 e'd + d'd - |Q'd|^2.
"""

from typing import NamedTuple

import numpy as np

from odisea.analyse.design import (
    CONSTANT,
    Design,
    dot,
    estimated,
    fill_columns,
    in_contrast,
    make_design,
    no_estimate,
    orthonormalise,
    project_out,
    take,
)
from odisea.compiled import compiled
from odisea.data.trial import Analysis, Estimate, Floats, Ints, Method, Reason, Trial
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
    estimate, rss, scale, df : float
        Arm effect and residual sum of squares of the expected outcomes; variance of the arm effect per unit residual
        variance; residual degrees of freedom.
    weight, residual : float64 (k,)
        Of the missing participants, the first arm's before the reference's: weight in the arm effect, residual.
    basis : float64 (p, k)
        Their part of the design's basis.
    reason : int
        `Reason.NONE`, or why there is no analysis.
    """

    design: Design
    estimate: float
    rss: float
    scale: float
    df: float
    weight: Floats
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
    chosen = np.empty(trial.arm.size, np.int64)
    n, n_observed = 0, 0
    for missing in (False, True):
        for i in range(trial.arm.size):
            if trial.arm[i] == arm and np.isnan(response[i]) == missing:
                chosen[n] = i
                n += 1
        n_observed = n if not missing else n_observed
    return chosen[:n], n_observed


@compiled
def arm_model(trial: Trial, analysis: Analysis, arm: int) -> ArmModel:
    """Return the imputation model of one arm; where nothing is missing it is empty and never refused."""
    participants, n_observed = _arm_participants(trial, analysis, arm)
    n, q = participants.size, analysis.imputation.size + 1
    columns, triangle, coordinates = np.empty((q, n)), np.zeros((q, q)), np.zeros(q)
    k, df = n - n_observed, float(n_observed - q)
    missing, expected, loadings = np.empty(k, np.int64), np.empty(k), np.empty((q, k))
    response, reason, sse = take(trial.values[analysis.response], participants), Reason.NONE.value, 0.0
    if k > 0:
        for i in range(n_observed, n):
            response[i] = 0.0
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
        missing[i], expected[i] = participants[n_observed + i], -response[n_observed + i]
        for j in range(q):
            loadings[j, i] = columns[j, n_observed + i]
    return ArmModel(missing, expected, loadings, sse, df, reason)


@compiled
def make_frame(trial: Trial, analysis: Analysis, first: ArmModel, second: ArmModel) -> Frame:
    """Return the analysis of the expected outcomes, given the imputation models of the arm and of the reference."""
    participants = in_contrast(trial, analysis, False)
    design = make_design(trial, analysis, participants)
    n, p, k = participants.size, design.basis.shape[0], first.missing.size + second.missing.size
    weight, residual, basis = np.empty(k), np.empty(k), np.empty((p, k))
    reason = max(design.reason, first.reason, second.reason) if design.reason == Reason.NONE.value else design.reason
    if reason != Reason.NONE.value:
        return Frame(design, np.nan, np.nan, np.nan, np.nan, weight, residual, basis, reason)
    response, place = _expected_response(trial, analysis, participants, first, second)
    coordinates, size = np.zeros(p), dot(response, response, n)
    project_out(design.basis, 0, p, response, n, coordinates)
    length = design.triangle[p - 1, p - 1]
    for i in range(k):
        residual[i] = response[place[i]]
        weight[i] = design.basis[p - 1, place[i]] / length
        for j in range(p):
            basis[j, i] = design.basis[j, place[i]]
    rss, scale, df = dot(response, response, n), 1.0 / (length * length), float(n - design.rank)
    if df <= 0.0:
        reason = Reason.NO_RESIDUAL_DF.value
    elif rss <= CONSTANT * size:
        reason = Reason.NO_RESIDUAL_VARIANCE.value
    return Frame(design, coordinates[p - 1] / length, rss, scale, df, weight, residual, basis, reason)


@compiled
def _expected_response(trial: Trial, analysis: Analysis, participants: Ints, first: ArmModel, second: ArmModel) -> tuple[Floats, Ints]:
    """Return the response with missing values replaced by their expectations, and the places of the missing in it."""
    response, place = take(trial.values[analysis.response], participants), np.empty(first.missing.size + second.missing.size, np.int64)
    at, place_of = 0, np.empty(trial.arm.size, np.int64)
    for i in range(participants.size):
        place_of[participants[i]] = i
    for model in (first, second):
        for i in range(model.missing.size):
            place[at] = place_of[model.missing[i]]
            response[place[at]] = model.expected[i]
            at += 1
    return response, place


@compiled
def fill_deviations(trial: Trial, model: ArmModel, arm: int, block: int, out: Floats) -> None:
    """Write the deviations from expectation of imputations 4 block, ..., 4 block + 3 into `out` (4, k), one row each.

    With sigma^2 = SSE / chi-square(nu), u and z standard normal: sigma (loadings' u + z). The numbers are addressed by
    (seed, replicate) of the trial; z by the participant's rank, u and the chi-square by the arm.
    """
    key, replicate, q = trial.seed, trial.replicate, model.loadings.shape[0]
    fill_normal(key, replicate, Purpose.IMPUTATION_NOISE.value, block, model.missing, out)
    u, units = np.empty((DRAWS, q)), np.empty(q, np.int64)
    for k in range(q):
        units[k] = arm * MAX_COEFFICIENTS + k
    fill_normal(key, replicate, Purpose.IMPUTATION_COEFFICIENTS.value, block, units, u)
    for j in range(DRAWS):
        unit = arm * MAX_IMPUTATIONS + DRAWS * block + j
        sigma = np.sqrt(model.sse / chi_square(key, replicate, Purpose.IMPUTATION_VARIANCE.value, unit, model.df))
        row = out[j]
        for k in range(q):
            loading, coordinate = model.loadings[k], u[j, k]
            for i in range(row.size):
                row[i] += coordinate * loading[i]
        for i in range(row.size):
            row[i] *= sigma


@compiled
def analyse_imputations(trial: Trial, analysis: Analysis, frame: Frame, first: ArmModel, second: ArmModel) -> tuple[Floats, Floats]:
    """Return estimate and squared standard error of the arm effect in each of the m completed data sets."""
    m, split, k = analysis.m, first.missing.size, frame.weight.size
    estimates, variances, d = np.empty(m), np.empty(m), np.empty(k)
    one, two = np.empty((DRAWS, split)), np.empty((DRAWS, k - split))
    for j in range(m):
        if j % DRAWS == 0:
            fill_deviations(trial, first, analysis.arm, j // DRAWS, one)
            fill_deviations(trial, second, analysis.reference, j // DRAWS, two)
        for i in range(split):
            d[i] = one[j % DRAWS, i]
        for i in range(k - split):
            d[split + i] = two[j % DRAWS, i]
        rss = frame.rss + 2.0 * dot(frame.residual, d, k) + dot(d, d, k)
        for i in range(frame.basis.shape[0]):
            rss -= dot(frame.basis[i], d, k) ** 2
        estimates[j] = frame.estimate + dot(frame.weight, d, k)
        variances[j] = rss / frame.df * frame.scale
    return estimates, variances


@compiled
def _limit_terms(frame: Frame, model: ArmModel, start: int) -> tuple[float, float]:
    """Return one arm's part of c'Sc and of tr((I - H)S), S = s2 (L'L + I) being the covariance of its imputed responses."""
    if model.missing.size == 0:
        return 0.0, 0.0
    s2, stop, k = model.sse / (model.df - FEWEST_DF), start + model.missing.size, model.missing.size
    weight = frame.weight[start:stop]
    between, trace = dot(weight, weight, k), float(k)
    for j in range(model.loadings.shape[0]):
        loading = model.loadings[j]
        between += dot(loading, weight, k) ** 2
        trace += dot(loading, loading, k)
    for i in range(frame.basis.shape[0]):
        row = frame.basis[i, start:stop]
        trace -= dot(row, row, k)
        for j in range(model.loadings.shape[0]):
            trace -= dot(row, model.loadings[j], k) ** 2
    return s2 * between, s2 * trace


@compiled
def _limit(frame: Frame, first: ArmModel, second: ArmModel) -> Pooled:
    """Return what pooling tends to as the number of imputations grows; exact, nothing is drawn."""
    between_arm, trace_arm = _limit_terms(frame, first, 0)
    between_reference, trace_reference = _limit_terms(frame, second, first.missing.size)
    within = (frame.rss + trace_arm + trace_reference) / frame.df * frame.scale
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
    elif frame.weight.size == 0:
        pooled = _pooled(frame.estimate, frame.rss / frame.df * frame.scale, 0.0, float(analysis.m), frame.df)
    else:
        estimates, variances = analyse_imputations(trial, analysis, frame, first, second)
        pooled = pool(estimates, variances, frame.df)
    return estimated(pooled.estimate, pooled.total, pooled.df, design, pooled.within, pooled.between, pooled.mcse)


@compiled
def impute(trial: Trial, analysis: Analysis) -> Floats:
    """Return the completed responses that `ancova_imputed` analyses, shape (m, n).

    Where an arm has no imputation model (see `arm_model`) its missing responses stay NaN.
    """
    completed = np.empty((analysis.m, trial.arm.size))
    completed[:] = trial.values[analysis.response]
    for arm in (analysis.arm, analysis.reference):
        model = arm_model(trial, analysis, arm)
        if model.reason != Reason.NONE.value or model.missing.size == 0:
            continue
        deviations = np.empty((DRAWS, model.missing.size))
        for j in range(analysis.m):
            if j % DRAWS == 0:
                fill_deviations(trial, model, arm, j // DRAWS, deviations)
            for i in range(model.missing.size):
                completed[j, model.missing[i]] = model.expected[i] + deviations[j % DRAWS, i]
    return completed
