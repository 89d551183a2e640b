"""The partially nested analysis of covariance as a planned analysis: docs/statistics/partially_nested.md."""

from odisea.analyse.design import in_contrast, make_design, no_estimate
from odisea.analyse.nested import partially_nested
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Reason, Trial


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return the effect with live groups as random in the arm, and the variances that its error is made of."""
    if circumstances.group is None:
        design = make_design(trial, planned.analysis, in_contrast(trial, planned.analysis, True))
        return Single(no_estimate(Reason.GROUPS_NOT_RECORDED.value, design.n_arm, design.n_reference))
    fit = partially_nested(trial, planned.analysis, circumstances.group, False)
    details = {name: getattr(fit, name) for name in ("group_variance", "arm_variance", "reference_variance", "icc", "groups")}
    return Single(fit.effect, details=details)
