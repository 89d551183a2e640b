"""Multiple imputation of one incomplete outcome: within arm or by jump to reference, with deltas; its limit; the jackknife.

Specification: docs/statistics/multiple_imputation.md. Nothing is refitted: all participants enter the analysis model in
every imputation, so its design is fixed and an imputed data set changes only the response. With the expected outcomes
yhat and an imputation's deviations d on the missing ones, the estimate is c'yhat + c'd and the residual sum of squares
RSS(yhat) + 2 e'd + d'd - |Qd|^2; c is the last row of Q, the arm's, over its diagonal element in R.
"""

import numpy as np

from odisea.analyse.conditional_mean import jackknife_variance
from odisea.analyse.design import dot, estimated, fill_dots, no_estimate
from odisea.analyse.imputation_limit import pooled_limit
from odisea.analyse.imputation_model import ArmModel, Frame, imputation_models, joined, make_frame, without_missing
from odisea.analyse.pooling import Pooled, barnard_rubin, pool, pooled_from
from odisea.compiled import compiled
from odisea.data.trial import Analysis, Estimate, Floats, Ints, Method, Reason, Trial, Variance
from odisea.lanes import add_combination
from odisea.streams import Purpose, chi_square, fill_normal

__all__ = ["Pooled", "analyse_imputations", "ancova_imputed", "barnard_rubin", "impute", "pool"]

DRAWS = 4  # one address of the random stream gives four numbers: those of four imputations
MAX_COEFFICIENTS = 1 << 10  # addresses of coefficients and imputations of one arm do not reach the next arm's
MAX_IMPUTATIONS = 1 << 14  # 2**12 minor indices of four draws each


@compiled
def addresses(first: ArmModel, second: ArmModel) -> tuple[Ints, Ints]:
    """Return the units of the random stream: the missing participants (k,), and the coefficients of both models (2 q or more).

    The coefficients are filled up to whole vectors of eight, because numbers drawn one by one cost more than eight at once.
    """
    q = first.loadings.shape[0]
    coefficients = np.zeros((2 * q + 7) // 8 * 8, np.int64)
    for j in range(q):
        coefficients[j] = first.source * MAX_COEFFICIENTS + j
        coefficients[q + j] = second.source * MAX_COEFFICIENTS + j
    return joined(first.missing, second.missing), coefficients


@compiled
def _add_prediction(noise: Floats, j: int, start: int, loadings: Floats, u: Floats, first: int, sigma: float) -> None:
    """Replace standard normal noise z, a part of row j, by sigma (loadings' u + z), u being a part of its row j."""
    row = noise[j, start : start + loadings.shape[1]]
    add_combination(row, u[j, first : first + loadings.shape[0]], loadings)
    for i in range(row.size):
        row[i] *= sigma


@compiled
def _draw_sigma(trial: Trial, model: ArmModel, imputation: int) -> float:
    """Return a draw of the residual standard deviation: sigma^2 = SSE / chi-square(nu)."""
    unit = model.source * MAX_IMPUTATIONS + imputation
    return float(np.sqrt(model.sse / chi_square(trial.seed, trial.replicate, Purpose.IMPUTATION_VARIANCE.value, unit, model.df)))


@compiled
def fill_deviations(trial: Trial, first: ArmModel, second: ArmModel, who: Ints, coefficients: Ints, block: int, out: Floats) -> None:
    """Write the deviations from expectation of imputations 4 block, ..., 4 block + 3 into `out` (4, k), one row each.

    They are sigma (loadings' u + z) with u and z standard normal. The numbers are addressed by (seed, replicate) of the
    trial; z by the participant's rank, u and the chi-square by the arm that the model is fitted to (`addresses`).
    """
    q, split = first.loadings.shape[0], first.missing.size
    u = np.empty((DRAWS, coefficients.size))
    fill_normal(trial.seed, trial.replicate, Purpose.IMPUTATION_NOISE.value, block, who, out)
    fill_normal(trial.seed, trial.replicate, Purpose.IMPUTATION_COEFFICIENTS.value, block, coefficients, u)
    for j in range(DRAWS):
        imputation = DRAWS * block + j
        if split > 0:
            _add_prediction(out, j, 0, first.loadings, u, 0, _draw_sigma(trial, first, imputation))
        if split < who.size:
            _add_prediction(out, j, split, second.loadings, u, q, _draw_sigma(trial, second, imputation))


@compiled
def analyse_imputations(trial: Trial, analysis: Analysis, frame: Frame, first: ArmModel, second: ArmModel) -> tuple[Floats, Floats]:
    """Return estimate and squared standard error of the arm effect in each of the m completed data sets."""
    m, k, p = analysis.m, frame.residual.size, frame.basis.shape[0]
    who, coefficients = addresses(first, second)
    estimates, variances, deviations, coordinates = np.empty(m), np.empty(m), np.empty((DRAWS, k)), np.empty(p)
    for j in range(m):
        if j % DRAWS == 0:
            fill_deviations(trial, first, second, who, coefficients, j // DRAWS, deviations)
        d = deviations[j % DRAWS]
        fill_dots(frame.basis, 0, p, d, k, coordinates)
        rss = frame.rss + 2.0 * dot(frame.residual, d, k) + dot(d, d, k) - dot(coordinates, coordinates, p)
        estimates[j] = frame.estimate + coordinates[p - 1] * frame.slope
        variances[j] = rss / frame.df * frame.slope**2
    return estimates, variances


@compiled
def _pooled_imputations(trial: Trial, analysis: Analysis, frame: Frame, first: ArmModel, second: ArmModel) -> Pooled:
    """Return the pooled result of `analysis.m` imputations, or of infinitely many."""
    if analysis.method == Method.ANCOVA_MI_LIMIT.value:
        return pooled_limit(frame, first, second)
    if frame.residual.size == 0:
        return pooled_from(frame.estimate, frame.rss / frame.df * frame.slope**2, 0.0, float(analysis.m), frame.df)
    estimates, variances = analyse_imputations(trial, analysis, frame, first, second)
    return pool(estimates, variances, frame.df)


@compiled
def ancova_imputed(trial: Trial, analysis: Analysis) -> Estimate:
    """Return the arm effect after imputation under `analysis.assumption`, with the deltas added to what is imputed.

    By Rubin's rules over `analysis.m` imputations, with `Method.ANCOVA_MI_LIMIT` over infinitely many; with
    `Variance.JACKKNIFE`, which draws nothing either, the analysis of the expected outcomes with its jackknife variance.
    """
    first, second = imputation_models(trial, analysis)
    frame = make_frame(trial, analysis, first, second)
    design = frame.design
    if frame.reason != Reason.NONE.value:
        return no_estimate(frame.reason, design.n_arm, design.n_reference)
    if analysis.variance == Variance.JACKKNIFE.value:
        variance = jackknife_variance(trial, frame, first, second)
        if np.isnan(variance):
            return no_estimate(Reason.LEVERAGE_ONE.value, design.n_arm, design.n_reference)
        return estimated(frame.estimate, variance, np.inf, design, variance, 0.0, 0.0)
    pooled = _pooled_imputations(trial, analysis, frame, first, second)
    return estimated(pooled.estimate, pooled.total, pooled.df, design, pooled.within, pooled.between, pooled.mcse)


@compiled
def _imputable(model: ArmModel) -> ArmModel:
    """Return the model, or one of nobody where it is refused."""
    if model.reason == Reason.NONE.value:
        return model
    return without_missing(model, Reason.NONE.value)


@compiled
def impute(trial: Trial, analysis: Analysis) -> Floats:
    """Return the completed responses that `ancova_imputed` analyses, shape (m, n).

    Where there is no imputation model (see `imputation_model.arm_model`) missing responses stay NaN.
    """
    completed = np.empty((analysis.m, trial.arm.size))
    completed[:] = trial.values[analysis.response]
    of_arm, of_reference = imputation_models(trial, analysis)
    first, second = _imputable(of_arm), _imputable(of_reference)
    who, coefficients = addresses(first, second)
    deviations, expected = np.empty((DRAWS, who.size)), np.concatenate((first.expected, second.expected))
    for j in range(analysis.m):
        if j % DRAWS == 0:
            fill_deviations(trial, first, second, who, coefficients, j // DRAWS, deviations)
        for i in range(who.size):
            completed[j, who[i]] = expected[i] + deviations[j % DRAWS, i]
    return completed
