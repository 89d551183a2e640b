"""Reference-based imputation of an outcome with two or more follow-up visits, with both of its variances.

Carpenter, Roger and Kenward (2013), J Biopharm Stat 23:1352: what participants who leave the arm would have shown is
imputed from a normal distribution whose mean is put together from those of the arm and of the reference: jump to
reference, copy reference, copy increments in reference, last mean carried forward. The reference is imputed under
missing at random, and so are gaps before a participant's last observed visit.

Two ways to the effect, never one alone: random imputations with Rubin's rules, whose variance is information-anchored
(Cro, Carpenter and Kenward 2019, J R Stat Soc A 182:623), and conditional means at the REML estimate with the jackknife,
the variance in repeated sampling (Wolbers et al. 2022, Pharm Stat 21:1246). The same conditional means, their distance
from missing at random held fixed in the jackknife, give the information-anchored variance without anything random.

Specification: docs/statistics/reference_based.md.
"""

import math
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from odisea.analyse.design import CONSTANT, in_contrast, no_estimate, orthonormalise
from odisea.analyse.estimate import estimate, finish
from odisea.analyse.imputation_model import FEWEST_DF
from odisea.analyse.imputed import HIGH_FMI, high_fmi, limit_details
from odisea.analyse.mmrm import fit_unstructured
from odisea.analyse.number_of_imputations import PILOT, MonteCarlo, choose, monte_carlo_errors
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.pooling import Pooled, pool
from odisea.analyse.posterior import Key, Mask, NormalModel, conditional, draw_posterior, last_observed, normals, patterns_of
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import REASON_TEXT, Assumption, Estimate, Floats, Ints, Method, Reason, Status, Trial, Variance
from odisea.streams import Purpose

COLLAPSE = (
    "collapse: with one follow-up visit jump to reference, copy reference and copy increments are one analysis: all impute the "
    "missing of the arm from the reference's distribution given the baseline covariates"
)


class Strategy(StrEnum):
    """What is supposed about those who leave the arm; the values are those of a plan's `missing_data`."""

    MAR = "multiple_imputation"
    JUMP_TO_REFERENCE = "jump_to_reference"
    COPY_REFERENCE = "copy_reference"
    COPY_INCREMENTS = "copy_increments"
    LAST_MEAN = "last_mean_carried_forward"


class Departure(NamedTuple):
    """How missing outcomes are supposed to depart from missing at random.

    Parameters
    ----------
    strategy : Strategy
    delta_arm, delta_reference : float
        Added to what is imputed in the arm and in the reference.
    """

    strategy: Strategy
    delta_arm: float = 0.0
    delta_reference: float = 0.0


class Longitudinal(NamedTuple):
    """The participants of a contrast, their visits, and the two designs.

    Parameters
    ----------
    response : float64 (n, v)
        Follow-up visits in their order; NaN is missing.
    imputation, covariates : float64 (k, n), (c, n)
        Variables of the imputation model beyond the covariates, and covariates of the analysis model.
    treated : bool (n,)
        In the arm, not in the reference.
    places : int64 (n,)
        Places of the participants in the trial, by which their draws are addressed.
    visit : int
        Place of the analysed visit.
    model : float64 (n, q)
        Design of the imputation model, the same at every visit: orthogonal columns spanning intercept, covariates and
        imputation variables, then the arm (0 or 1).
    basis : float64 (p, n)
        Orthonormal basis of the analysis model (intercept, covariates, arm last); zeros for a dropped column.
    slope : float
        Arm effect per unit of the last coordinate in the basis.
    df : float
        Residual degrees of freedom of the analysis of the completed data.
    reason : int
        `Reason.NONE`, or why nothing can be imputed or analysed.
    """

    response: Floats
    imputation: Floats
    covariates: Floats
    treated: Mask
    places: Ints
    visit: int
    model: Floats
    basis: Floats
    slope: float
    df: float
    reason: int

    @property
    def missing(self) -> Mask:
        """Whose response at the analysed visit is missing (n,)."""
        return np.isnan(self.response[:, self.visit])


class Fitted(NamedTuple):
    """The imputation model at its REML estimate, and the restricted log likelihood."""

    parameters: NormalModel
    log_likelihood: float
    reason: int


class Effects(NamedTuple):
    """Arm effect, and the means that all participants would have in the arm and in the reference; standard errors in this order.

    Parameters
    ----------
    values, errors : float64 (3,)
    df : float
        Degrees of freedom of the effect's t statistic; inf: normal.
    """

    values: Floats
    errors: Floats
    df: float


class Jackknife(NamedTuple):
    """Conditional-mean imputation with its two variances; `reason` says why there is none."""

    sampling: Effects
    anchored: Effects
    reason: int


class Drawn(NamedTuple):
    """The pooled effect of random imputations, its Monte Carlo errors, and all three effects of Rubin's rules."""

    pooled: Pooled
    effects: Effects
    m: int
    errors: MonteCarlo
    reason: int


def _standard(covariates: Floats) -> Floats:
    """Return orthogonal columns spanning the intercept and the covariates (k, n), dependent ones left out: (n, q)."""
    basis, _ = _orthonormal(covariates)
    kept = np.square(basis).sum(axis=1) > 0.5
    columns: Floats = basis[kept].T * math.sqrt(covariates.shape[1])
    return columns


def _orthonormal(rows: Floats) -> tuple[Floats, Floats]:
    """Return the orthonormal basis of an intercept and the rows (k, n), and its triangle."""
    columns = np.ascontiguousarray(np.vstack([np.ones((1, rows.shape[1])), rows]))
    triangle = np.zeros((columns.shape[0], columns.shape[0]))
    orthonormalise(columns, columns.shape[1], triangle)
    return columns, triangle


def make_longitudinal(response: Floats, imputation: Floats, covariates: Floats, treated: Mask, places: Ints, visit: int) -> Longitudinal:
    """Return the data of a contrast; the parameters are the fields of `Longitudinal`."""
    n, n_arm, arm = treated.size, np.count_nonzero(treated), treated.astype(np.float64)
    variables, nothing = np.vstack([covariates, imputation]), np.zeros((0, n))
    given = response, imputation, covariates, treated, places, visit
    if n_arm in (0, n):
        return Longitudinal(*given, nothing.T, nothing, np.nan, np.nan, int(Reason.EMPTY_ARM))
    if not np.isfinite(variables).all():
        return Longitudinal(*given, nothing.T, nothing, np.nan, np.nan, int(Reason.MISSING_COVARIATE))
    basis, triangle = _orthonormal(np.vstack([covariates, arm[None]]))
    length, df = float(triangle[-1, -1]), float(n - np.count_nonzero(np.diag(triangle)))
    slope, model = 1.0 / length if length > 0.0 else np.nan, np.column_stack([_standard(variables), arm])
    reason = Reason.ARM_ALIASED if length == 0.0 else Reason.NO_RESIDUAL_DF if df <= 0.0 else _imputable(response, model, treated, visit)
    return Longitudinal(*given, model, basis, slope, df, int(reason))


def _imputable(response: Floats, model: Floats, treated: Mask, analysed: int) -> Reason:
    """Return `Reason.NONE`, or why the visits cannot be regressed on the design and the earlier visits; of no concern without need."""
    seen, q = ~np.isnan(response), model.shape[1]
    if seen[:, analysed].all():
        return Reason.NONE
    for visit in range(response.shape[1]):
        now = seen[:, visit]
        if not (now[treated].any() and now[~treated].any()):
            return Reason.EMPTY_ARM
        if np.linalg.matrix_rank(model[now]) < q:
            return Reason.IMPUTATION_RANK_DEFICIENT
        if np.count_nonzero(now) - q - visit <= FEWEST_DF:
            return Reason.IMPUTATION_FEW_DF
    return Reason.NONE


def without(data: Longitudinal, participant: int) -> Longitudinal:
    """Return the data of the others."""
    keep = np.arange(data.treated.size) != participant
    others = data.response[keep], data.imputation[:, keep], data.covariates[:, keep], data.treated[keep], data.places[keep]
    return make_longitudinal(*others, data.visit)


def fit(data: Longitudinal, start: Floats | None = None) -> Fitted:
    """Return the REML estimate of the imputation model; `start` is a covariance near it."""
    n, v = data.response.shape
    q = data.model.shape[1]
    design = np.zeros((n, v, v, q))
    design[:, np.arange(v), np.arange(v)] = data.model[:, None]
    found = fit_unstructured(data.response, design.reshape(n, v, v * q), start)
    reason = found.reason
    if reason == Reason.NONE and not np.isfinite(found.coefficients).all():
        reason = int(Reason.IMPUTATION_RANK_DEFICIENT)
    return Fitted(NormalModel(found.coefficients.reshape(v, q).T, found.sigma), found.log_likelihood, reason)


def strategy_means(model: Floats, coefficients: Floats, last: Ints, treated: Mask, strategy: Strategy) -> Floats:
    """Return the mean of each participant's visits, given the covariates, under a strategy.

    Parameters
    ----------
    model : float64 (n, q)
        Design, the arm last.
    coefficients : float64 (..., q, v)
    last : int64 (n,)
        Place of the last observed visit, -1 for none.
    treated : bool (n,)
    strategy : Strategy

    Returns
    -------
    float64 (..., n, v)
        Those in the reference, and those who were observed to the end, have the mean of their arm. With d_j the effect
        at visit j and k the last observed visit, those who leave the arm have from k on (copy reference: throughout) the
        mean of the reference plus 0 (jump to reference, copy reference) or d_k (copy increments), or the arm's mean at k
        (last mean carried forward). Where k does not exist the reference's mean stands in, as for jump to reference.
    """
    reference = model[:, :-1] @ coefficients[..., :-1, :]
    effect = coefficients[..., -1, :]
    own: Floats = reference + treated[:, None] * effect[..., None, :]
    v, leaves = own.shape[-1], treated & (last < own.shape[-1] - 1)
    after = leaves[:, None] & (np.arange(v) > last[:, None])
    if strategy == Strategy.MAR:
        return own
    if strategy == Strategy.COPY_REFERENCE:
        return np.where(leaves[:, None], reference, own)
    held, at = reference, np.maximum(last, 0)
    if strategy == Strategy.COPY_INCREMENTS:
        held = reference + np.where(last >= 0, effect[..., at], 0.0)[..., None]
    elif strategy == Strategy.LAST_MEAN:
        held = np.where((last >= 0)[:, None], own[..., np.arange(last.size), at][..., None], reference)
    return np.where(after, held, own)


def conditional_means(data: Longitudinal, parameters: NormalModel, departure: Departure) -> tuple[Floats, Floats]:
    """Return the responses at the analysed visit, the missing ones replaced by their conditional means, and the variances left.

    Parameters
    ----------
    data : Longitudinal
    parameters : NormalModel
        One set, or a stack of m.
    departure : Departure

    Returns
    -------
    means, variances : float64 (..., n)
        Mean and variance given the participant's observed visits; variance 0 where the response is observed.
    """
    seen, last = ~np.isnan(data.response), last_observed(data.response)
    completed = np.broadcast_to(data.response[:, data.visit], (*parameters.covariance.shape[:-2], last.size)).copy()
    variances = np.zeros_like(completed)
    means = strategy_means(data.model, parameters.coefficients, last, data.treated, departure.strategy)
    for pattern, rows in patterns_of(seen):
        if pattern[data.visit]:
            continue
        observed = np.flatnonzero(pattern)
        slopes, remaining = conditional(parameters.covariance, observed, np.array([data.visit]))
        residual = data.response[np.ix_(rows, observed)] - means[..., rows[:, None], observed]
        completed[..., rows] = means[..., rows, data.visit] + (residual @ slopes.swapaxes(-1, -2))[..., 0]
        variances[..., rows] = remaining[..., 0]
    return completed + data.missing * np.where(data.treated, departure.delta_arm, departure.delta_reference), variances


def loadings(data: Longitudinal) -> Floats:
    """Return the weights (3, n) of the responses in the arm effect and in the means of the arm and of the reference."""
    n, share = data.treated.size, float(data.treated.mean())
    effect, mean = data.basis[-1] * data.slope, np.full(n, 1.0 / n)
    return np.array([effect, mean + (1.0 - share) * effect, mean - share * effect])


def jackknife(data: Longitudinal, departure: Departure) -> Jackknife:
    """Return the effect of conditional-mean imputation at the REML estimate, its variances from leaving out each participant.

    `sampling`: all steps are repeated without each participant. `anchored`: imputation under missing at random is
    repeated, and the whole trial's difference between the departure's means and those is added as it is.

    Source: Wolbers et al. (2022); squared error (n - 1)/n times the sum of squares about the mean.
    """
    full, n, mar = _fit_if_needed(data, None), data.treated.size, Departure(Strategy.MAR)
    if full.reason != Reason.NONE:
        return _no_jackknife(full.reason)
    expected = conditional_means(data, full.parameters, departure)[0]
    distance, left_out = expected - conditional_means(data, full.parameters, mar)[0], np.empty((2, n, 3))
    for i in range(n):
        others = without(data, i)
        refit = _fit_if_needed(others, full.parameters.covariance)
        if refit.reason != Reason.NONE:
            return _no_jackknife(refit.reason)
        weights = loadings(others)
        left_out[0, i] = weights @ conditional_means(others, refit.parameters, departure)[0]
        left_out[1, i] = weights @ (conditional_means(others, refit.parameters, mar)[0] + np.delete(distance, i))
    errors = np.sqrt((n - 1) / n * np.square(left_out - left_out.mean(axis=1, keepdims=True)).sum(axis=1))
    values = loadings(data) @ expected
    if not errors[0, 0] ** 2 > CONSTANT * float(np.square(expected).mean()):  # NaN too
        return _no_jackknife(Reason.NO_RESIDUAL_VARIANCE)
    return Jackknife(Effects(values, errors[0], np.inf), Effects(values, errors[1], np.inf), int(Reason.NONE))


def _fit_if_needed(data: Longitudinal, start: Floats | None) -> Fitted:
    """Return the fit; where the analysed visit is complete nothing is imputed, and no parameter is read."""
    if data.reason != Reason.NONE or not data.missing.any():
        v, q = data.response.shape[1], data.model.shape[1]
        return Fitted(NormalModel(np.zeros((q, v)), np.eye(v)), np.nan, data.reason)
    return fit(data, start)


def _no_jackknife(reason: int) -> Jackknife:
    nothing = Effects(np.full(3, np.nan), np.full(3, np.nan), np.nan)
    return Jackknife(nothing, nothing, int(reason))


def impute(data: Longitudinal, posterior: NormalModel, departure: Departure, key: Key) -> Floats:
    """Return completed responses (m, n) of the analysed visit, one row per posterior draw.

    The noise is addressed by participant and draw, not by strategy: strategies differ by what they suppose alone.
    """
    means, variances = conditional_means(data, posterior, departure)
    missing = np.flatnonzero(data.missing)
    noise = normals(key, Purpose.REFERENCE_BASED_VALUES, 0, data.places[missing], means.shape[0])
    means[:, missing] += np.sqrt(np.maximum(variances[:, missing], 0.0)) * noise
    return means


def analyse_completed(data: Longitudinal, completed: Floats) -> tuple[Floats, Floats]:
    """Return effects and their squared standard errors, both (m, 3), of the analysis of covariance of completed responses (m, n)."""
    weights = loadings(data)
    residual = completed - completed.mean(axis=1, keepdims=True)
    for _ in range(2):  # the second projection takes away the rounding of the first
        residual = residual - (residual @ data.basis.T) @ data.basis
    variance = np.square(residual).sum(axis=1) / data.df
    return completed @ weights.T, variance[:, None] * np.square(weights).sum(axis=1)


def draw(data: Longitudinal, departure: Departure, m: int | None, key: Key) -> Drawn:
    """Return the pooled effect of m >= 2 random imputations; m None: as many as a pilot asks for."""
    start = _fit_if_needed(data, None)
    if start.reason != Reason.NONE:
        return _not_drawn(start.reason)
    try:
        values, variances = _imputed(data, start, departure, m or PILOT, key)
        if m is None:
            again = choose(_pool(values, variances, data.df)).m
            values, variances = _imputed(data, start, departure, again, key)
    except np.linalg.LinAlgError:  # a drawn covariance without an inverse: the visits determine each other
        return _not_drawn(Reason.NO_RESIDUAL_VARIANCE)
    if not variances[:, 0].mean() > CONSTANT * float(np.square(values[:, 1:]).mean()):  # NaN too: a variance that rounding left negative
        return _not_drawn(Reason.NO_RESIDUAL_VARIANCE)
    pooled, m_used = _pool(values, variances, data.df), values.shape[0]
    errors = np.sqrt(variances.mean(axis=0) + (1.0 + 1.0 / m_used) * values.var(axis=0, ddof=1))
    errors[0] = math.sqrt(pooled.total)
    centre = np.r_[pooled.estimate, values[:, 1:].mean(axis=0)]
    monte_carlo = monte_carlo_errors(values[:, 0], variances[:, 0], data.df)
    return Drawn(pooled, Effects(centre, errors, pooled.df), m_used, monte_carlo, int(Reason.NONE))


def _imputed(data: Longitudinal, start: Fitted, departure: Departure, m: int, key: Key) -> tuple[Floats, Floats]:
    """Return effects and squared standard errors of m imputations; the first ones are the same whatever m."""
    if not data.missing.any():
        return analyse_completed(data, np.tile(data.response[:, data.visit], (m, 1)))
    posterior = draw_posterior(data.response, data.model, start.parameters, key, m)
    return analyse_completed(data, impute(data, posterior, departure, key))


def _pool(values: Floats, variances: Floats, df: float) -> Pooled:
    return pool(np.ascontiguousarray(values[:, 0]), np.ascontiguousarray(variances[:, 0]), df)


def _not_drawn(reason: int) -> Drawn:
    nothing = Effects(np.full(3, np.nan), np.full(3, np.nan), np.nan)
    return Drawn(Pooled(*([np.nan] * 9)), nothing, 0, MonteCarlo(np.nan, np.nan, np.nan), int(reason))


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return the effect under a plan's reference-based assumption (or missing at random) with the variance it asks for.

    The details hold every variance: `rubin` and `information_anchored` (both information-anchored, the one of random
    imputations and the one of conditional means), and `jackknife` (repeated sampling).

    Parameters
    ----------
    trial : Trial
        The analysis data set.
    planned : PlannedAnalysis
        `spec.missing_data` is a `Strategy`; `series` holds the outcome's rows, the analysed visit's among them; `analysis.m` is
        the number of imputations, unless `spec.m` is `automatic`.
    circumstances : Circumstances
        Not read.
    """
    strategy, analysis = Strategy(planned.spec.missing_data), planned.analysis
    if planned.series.size < 2:
        return _one_visit(trial, planned, strategy)
    data = _of_contrast(trial, planned)
    departure = Departure(strategy, analysis.delta_arm, analysis.delta_reference)
    m = None if planned.spec.m == "automatic" or analysis.m < 2 else analysis.m
    drawn, resampled = draw(data, departure, m, Key(trial.seed, trial.replicate)), jackknife(data, departure)
    by_jackknife = analysis.variance == Variance.JACKKNIFE
    single = Single(
        _estimate(data, resampled.sampling, resampled.reason) if by_jackknife else _estimate_drawn(data, drawn),
        details={
            "strategy": strategy.value,
            "rubin": {**_shown(drawn.effects, drawn.reason, planned.alpha), **_imputations(drawn)},
            "jackknife": _shown(resampled.sampling, resampled.reason, planned.alpha),
            "information_anchored": _shown(resampled.anchored, resampled.reason, planned.alpha),
        },
    )
    return single._replace(flags=_flags(data, strategy, drawn))


def _of_contrast(trial: Trial, planned: PlannedAnalysis) -> Longitudinal:
    """Return the data of a planned analysis."""
    analysis, places = planned.analysis, in_contrast(trial, planned.analysis, False)
    beyond = np.setdiff1d(analysis.imputation, analysis.covariates)
    chosen = trial.values[:, places]
    treated, response = trial.arm[places] == analysis.arm, chosen[planned.series].T
    visit = int(np.flatnonzero(planned.series == analysis.response)[0])
    return make_longitudinal(response, chosen[beyond], chosen[analysis.covariates], treated, places, visit)


def _estimate(data: Longitudinal, effects: Effects, reason: int) -> Estimate:
    """Return the effect as the loop's estimators give theirs."""
    n_arm = int(np.count_nonzero(data.treated))
    n_reference = data.treated.size - n_arm
    if reason != Reason.NONE:
        return no_estimate(reason, n_arm, n_reference)
    value, error, nan = float(effects.values[0]), float(effects.errors[0]), math.nan
    return Estimate(value, error, effects.df, float(n_arm), float(n_reference), nan, nan, 0.0, float(Status.OK), float(Reason.NONE))


def _estimate_drawn(data: Longitudinal, drawn: Drawn) -> Estimate:
    """Return the pooled effect with the variances it is made of."""
    found, pooled = _estimate(data, drawn.effects, drawn.reason), drawn.pooled
    return found._replace(within=pooled.within, between=pooled.between, mcse=pooled.mcse)


def _shown(effects: Effects, reason: int, alpha: float) -> dict[str, Any]:
    """Return an effect with its interval, and the two means, as a result file holds them."""
    if reason != Reason.NONE:
        return {"status": "not_estimable", "reason": REASON_TEXT[Reason(reason)]}
    low, high, p = finish(effects.values[0], effects.errors[0], effects.df, alpha)
    names = ("estimate", "mean_arm", "mean_reference")
    return {
        **{name: float(value) for name, value in zip(names, effects.values, strict=True)},
        **{name: float(error) for name, error in zip(("se", "mean_arm_se", "mean_reference_se"), effects.errors, strict=True)},
        "df": _finite(effects.df),
        "ci_low": float(low),
        "ci_high": float(high),
        "p": float(p),
    }


def _imputations(drawn: Drawn) -> dict[str, Any]:
    """Return what is known about random imputations beside their pooled effect."""
    if drawn.reason != Reason.NONE:
        return {}
    errors = {f"mcse_{name}": _finite(error) for name, error in drawn.errors._asdict().items()}
    return {"m": drawn.m, "fmi": drawn.pooled.fmi, "lambda": drawn.pooled.lambda_, "riv": drawn.pooled.riv, **errors}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _flags(data: Longitudinal, strategy: Strategy, drawn: Drawn) -> tuple[str, ...]:
    """Return what a reader must know."""
    flags = []
    last = last_observed(data.response)
    gaps = int(np.count_nonzero(np.isnan(data.response) & (np.arange(data.response.shape[1]) < last[:, None])))
    never = int(np.count_nonzero(data.treated & (last < 0)))
    if gaps:
        flags.append(f"gaps: {gaps} values before a participant's last observed visit, missing at random")
    if never and strategy == Strategy.LAST_MEAN:
        flags.append(f"no_mean_to_carry: {never} participants of the arm without any visit have the mean of the reference")
    return (*flags, *high_fmi(drawn.pooled))


def _one_visit(trial: Trial, planned: PlannedAnalysis, strategy: Strategy) -> Single:
    """Return the analysis of an outcome with one follow-up visit, where the strategies suppose the same distribution."""
    if strategy == Strategy.LAST_MEAN:
        who = trial.arm[in_contrast(trial, planned.analysis, False)] == planned.analysis.arm
        return Single(no_estimate(Reason.ONE_FOLLOW_UP.value, int(who.sum()), int((~who).sum())))
    mar = strategy == Strategy.MAR
    analysis = planned.analysis._replace(
        method=int(Method.ANCOVA_MI_LIMIT), assumption=int(Assumption.WITHIN_ARM if mar else Assumption.JUMP_TO_REFERENCE)
    )
    found = {
        name: estimate(trial, analysis._replace(variance=int(variance)))
        for name, variance in (("rubin", Variance.MODEL), ("jackknife", Variance.JACKKNIFE))
    }
    chosen = found["jackknife" if planned.analysis.variance == Variance.JACKKNIFE else "rubin"]
    shown = {name: _shown_alone(one, planned.alpha) for name, one in found.items()}
    told = limit_details(trial, analysis) if found["rubin"].status == Status.OK else {}
    details = {"strategy": strategy.value, **shown, "rubin": shown["rubin"] | told}
    flags = ("high_fmi",) if told and told["fmi"] > HIGH_FMI else ()
    return Single(chosen, flags=flags if mar else (COLLAPSE, *flags), details=details)


def _shown_alone(found: Estimate, alpha: float) -> dict[str, Any]:
    """Return an estimate of the compiled loop as a result file holds it."""
    if found.status != Status.OK:
        return {"status": Status(int(found.status)).name.lower(), "reason": REASON_TEXT[Reason(int(found.reason))]}
    low, high, p = finish(found.estimate, found.se, found.df, alpha)
    numbers = {"estimate": found.estimate, "se": found.se, "ci_low": float(low), "ci_high": float(high), "p": float(p)}
    return {**numbers, "df": _finite(found.df)}
