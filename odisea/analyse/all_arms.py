"""The analysis of covariance of all arms of a trial in one model: one residual variance and one slope per covariate for all.

With two arms it is the ordinary analysis of covariance. With more, the arms outside the contrast add degrees of freedom and
precision to slopes and residual variance; the price is that variance and slopes must be alike in them too.
Specification: docs/statistics/ancova.md.
"""

import numpy as np

from odisea.analyse.design import no_estimate
from odisea.analyse.linear import fit_columns
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Estimate, Floats, Ints, Reason, Status, Trial


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return the difference of two arms of the joint model of all arms, of participants with the outcome.

    Details hold the number of participants of all arms. Refused are an arm of the contrast without an outcome, a missing
    covariate, an arm that the covariates hold already, and a model without residual degrees of freedom or variance.
    """
    analysis = planned.analysis
    seen = np.flatnonzero(~np.isnan(trial.values[analysis.response]))
    arms, covariates = trial.arm[seen], trial.values[analysis.covariates][:, seen]
    counts = int(np.sum(arms == analysis.arm)), int(np.sum(arms == analysis.reference))
    if min(counts) == 0 or np.isnan(covariates).any():
        return Single(no_estimate(int(Reason.MISSING_COVARIATE if min(counts) else Reason.EMPTY_ARM), *counts))
    columns = _columns(arms, covariates, analysis.arm, analysis.reference)
    fit = fit_columns(columns, trial.values[analysis.response][seen])
    effect, arm_aliased = float(fit.coefficients[-1]), bool(np.isnan(fit.coefficients[-1]))
    if arm_aliased or fit.reason != Reason.NONE:
        return Single(no_estimate(int(Reason.ARM_ALIASED if arm_aliased else fit.reason), *counts))
    variance, ok, none = float(fit.sigma**2 * fit.unscaled[-1, -1]), float(Status.OK), float(Reason.NONE)
    found = Estimate(effect, float(np.sqrt(variance)), fit.df, float(counts[0]), float(counts[1]), variance, 0.0, 0.0, ok, none)
    return Single(found, details={"n_all_arms": int(seen.size)})


def _columns(arms: Ints, covariates: Floats, arm: int, reference: int) -> Floats:
    """Return intercept, covariates, the indicators of the other arms and, last, that of the contrast's arm."""
    others = [other for other in np.unique(arms).tolist() if other not in (arm, reference)]
    indicators = [(arms == one).astype(np.float64) for one in (*others, arm)]
    return np.vstack([np.ones((1, arms.size)), covariates, *(row[None] for row in indicators)])
