"""The arm effect of a linear model in which every covariate may act differently in the two arms (Lin 2013; ANHECOVA).

Covariates are centred at their means over all analysed participants, so that the coefficient of the arm is the difference
of the two arms' mean predictions for everybody. The model need not be true: the estimate is consistent for the difference
of means under simple randomisation, and asymptotically never less precise than the difference of means or the analysis of
covariance. Sources: W. Lin, Ann Appl Stat 2013;7:295; Ye, Shao, Yi, Zhao, J Am Stat Assoc 2023;118:2370 (the name ANHECOVA,
and the variance that counts the covariates as a sample). Specification: docs/statistics/interacted.md.
"""

from typing import Any, NamedTuple

import numpy as np

from odisea.analyse.design import no_estimate
from odisea.analyse.linear import Cases, LeastSquares, complete_cases, fit_columns, sandwich
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Estimate, Floats, Reason, Status, Trial, Variance


class Interacted(NamedTuple):
    """The effect of the interacted model with its variances; NaN where one does not exist.

    Parameters
    ----------
    effect : float
        Arm minus reference, at the means of the covariates.
    se, hc2, hc3 : float
        Standard errors: least squares, HC2, HC3. HC2 and HC3 are NaN where a leverage is 1.
    spread : float
        Variance of the effect that comes from the covariates being a sample: c'Sc / n with c the interaction coefficients and
        S the covariates' covariance. Added to the square of a robust standard error it gives the super-population's.
    df : float
        n minus the columns kept.
    means : (float, float)
        Mean prediction for all analysed if all were in the arm, and in the reference.
    mean_variances : ((float, float), (float, float))
        Their variances by HC2 and by HC3.
    dropped : tuple of int
        Covariates (places in the model) whose interaction cannot be estimated beside the others.
    reason : Reason
        `NONE`, or why there is no effect.
    """

    effect: float
    se: float
    hc2: float
    hc3: float
    spread: float
    df: float
    means: tuple[float, float]
    mean_variances: tuple[tuple[float, float], tuple[float, float]]
    dropped: tuple[int, ...]
    reason: Reason


def fit_interacted(cases: Cases) -> Interacted:
    """Return the effect of the model with intercept, centred covariates, arm, and arm times centred covariates, in this order.

    The arm stands before the interactions: where a level occurs in one arm only, its interaction is what is dropped, and the
    level's shift counts as the same in both arms.
    """
    k, n = cases.covariates.shape
    centred = cases.covariates - cases.covariates.mean(axis=1, keepdims=True) if n > 0 else cases.covariates
    if cases.reason != Reason.NONE:
        return _none(cases.reason)
    fit = fit_columns(np.vstack([np.ones((1, n)), centred, cases.treated[None, :], cases.treated * centred]), cases.response)
    arm, interactions = k + 1, np.arange(k + 2, 2 * k + 2)
    if fit.reason != Reason.NONE or np.isnan(fit.coefficients[arm]):
        return _none(Reason.ARM_ALIASED if fit.reason == Reason.NONE else fit.reason)
    robust = (sandwich(fit, "HC2"), sandwich(fit, "HC3"))
    se, hc2, hc3 = (float(np.sqrt(covariance[arm, arm])) for covariance in (fit.sigma**2 * fit.unscaled, *robust))
    means = (float(fit.coefficients[0] + fit.coefficients[arm]), float(fit.coefficients[0]))
    return Interacted(
        effect=float(fit.coefficients[arm]),
        se=se,
        hc2=hc2,
        hc3=hc3,
        spread=_spread(centred, np.nan_to_num(fit.coefficients[interactions])),
        df=fit.df,
        means=means,
        mean_variances=(_mean_variances(robust[0], arm), _mean_variances(robust[1], arm)),
        dropped=_dropped(fit, k),
        reason=Reason.NONE,
    )


def _none(reason: Reason) -> Interacted:
    nan = (np.nan, np.nan)
    return Interacted(np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, nan, (nan, nan), (), reason)


def _mean_variances(covariance: Floats, arm: int) -> tuple[float, float]:
    """Return the variances of intercept plus arm and of the intercept: of the mean predictions at the covariates' means."""
    of_arm = covariance[0, 0] + covariance[arm, arm] + 2.0 * covariance[0, arm]
    return float(of_arm), float(covariance[0, 0])


def _spread(centred: Floats, interactions: Floats) -> float:
    """Return the variance of the covariates' part of the effect over samples of participants, for their mean."""
    shift = interactions @ centred
    return float(shift @ shift / (shift.size - 1.0) / shift.size)


def _dropped(fit: LeastSquares, k: int) -> tuple[int, ...]:
    """Return the covariates that are kept and whose interaction is not."""
    gone = np.isnan(fit.coefficients)
    return tuple(int(j) for j in range(k) if gone[k + 2 + j] and not gone[1 + j])


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return the interacted model's effect with the HC2 variance, or HC3 where the plan asks for it, and t with its df."""
    cases = complete_cases(trial, planned.analysis)
    fit = fit_interacted(cases)
    hc3 = planned.analysis.variance == Variance.HC3
    error = fit.hc3 if hc3 else fit.hc2
    flags = tuple(f"aliased: arm x {planned.covariates[j]}" for j in fit.dropped)
    if fit.reason != Reason.NONE:
        return Single(no_estimate(int(fit.reason), cases.n_arm, cases.n_reference))
    if not error > 0.0:
        reason = int(Reason.LEVERAGE_ONE) if np.isnan(error) else int(Reason.NO_RESIDUAL_VARIANCE)
        return Single(no_estimate(reason, cases.n_arm, cases.n_reference), flags)
    ok, none = float(Status.OK), float(Reason.NONE)
    effect = Estimate(fit.effect, error, fit.df, cases.n_arm, cases.n_reference, error**2, 0.0, 0.0, ok, none)
    return Single(effect, flags, _details(planned, fit, hc3))


def _details(planned: PlannedAnalysis, fit: Interacted, hc3: bool) -> dict[str, Any]:
    """Return the other standard errors and the adjusted means."""
    names, variances = (planned.contrast.arm, planned.contrast.reference), fit.mean_variances[1 if hc3 else 0]
    means = {name: {"mean": mean, "se": float(np.sqrt(max(v, 0.0)))} for name, mean, v in zip(names, fit.means, variances, strict=True)}
    return {
        "se_hc2": fit.hc2,
        "se_hc3": fit.hc3,
        "se_least_squares": fit.se,
        "se_super_population": float(np.sqrt((fit.hc3 if hc3 else fit.hc2) ** 2 + fit.spread)),
        "adjusted_means": means,
    }
