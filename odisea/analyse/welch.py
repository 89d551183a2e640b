"""The unadjusted difference of two arms' means with Welch's variance: no covariates, no common variance.

Source: B. L. Welch, Biometrika 1947;34:28, with Satterthwaite's degrees of freedom (Biometrics Bulletin 1946;2:110).
Specification: docs/statistics/ancova.md, section 5.
"""

import numpy as np

from odisea.analyse.design import CONSTANT, in_contrast, no_estimate
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Analysis, Estimate, Reason, Status, Trial


def welch(trial: Trial, analysis: Analysis) -> Estimate:
    """Return the difference of the observed means, arm minus reference; covariates are not read.

    Returns
    -------
    Estimate
        `df` is Satterthwaite's. No estimate for an empty arm, an arm with one response, or responses that do not vary.
    """
    participants = in_contrast(trial, analysis, True)
    response, treated = trial.values[analysis.response][participants], trial.arm[participants] == analysis.arm
    own, other = response[treated], response[~treated]
    if min(own.size, other.size) < 2:
        reason = Reason.EMPTY_ARM if min(own.size, other.size) == 0 else Reason.NO_RESIDUAL_DF
        return no_estimate(int(reason), own.size, other.size)
    parts = np.array([own.var(ddof=1) / own.size, other.var(ddof=1) / other.size])
    variance = float(parts.sum())
    if variance <= CONSTANT * float(response @ response):
        return no_estimate(int(Reason.NO_RESIDUAL_VARIANCE), own.size, other.size)
    df = variance**2 / float(np.square(parts) @ [1.0 / (own.size - 1), 1.0 / (other.size - 1)])
    effect, ok, none = float(own.mean() - other.mean()), float(Status.OK), float(Reason.NONE)
    return Estimate(effect, float(np.sqrt(variance)), df, own.size, other.size, variance, 0.0, 0.0, ok, none)


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return Welch's comparison of the two arms, with each arm's mean and standard deviation."""
    analysis = planned.analysis
    participants = in_contrast(trial, analysis, True)
    response, arms = trial.values[analysis.response][participants], trial.arm[participants]
    details = {}
    for name, arm in ((planned.contrast.arm, analysis.arm), (planned.contrast.reference, analysis.reference)):
        own = response[arms == arm]
        spread = float(own.std(ddof=1)) if own.size > 1 else np.nan
        details[name] = {"n": int(own.size), "mean": float(own.mean()) if own.size else np.nan, "sd": spread}
    return Single(welch(trial, analysis), details={"arms": details})
