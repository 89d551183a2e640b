"""From replicate results to `replicates.parquet` and `performance.csv`: the operating characteristics of one scenario."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from odisea.analyse.estimate import finish
from odisea.analyse.plan import PlannedAnalysis
from odisea.closed_form import Adjustment, realised_power
from odisea.data.trial import Estimate, Method, Rule, Status, Variance
from odisea.performance.measures import Measure, Truth, make_replicates, performance_measures
from odisea.protocol.model import Protocol
from odisea.simulate.achieved import explained
from odisea.simulate.textbook import Calibration

Floats = NDArray[np.float64]

ESTIMATE, SE, DF, N_ARM, N_REFERENCE = (Estimate._fields.index(name) for name in ("estimate", "se", "df", "n_arm", "n_reference"))
MEANS = {
    ("treatment_policy_mean", "odi"): "treatment_policy",
    ("reference_based_mean", "odi"): "reference_based",
    ("treatment_policy_mean", "vas"): "vas",
}
STATUS = Estimate._fields.index("status")
STATUS_NAMES = np.array([status.name.lower() for status in Status])


class Setting(NamedTuple):
    """What the results of a scenario are judged against."""

    scenario: str
    protocol: Protocol
    planned: tuple[PlannedAnalysis, ...]
    calibration: Calibration
    programme_arm: str


def replicate_frame(setting: Setting, results: Floats, first: int = 0) -> pd.DataFrame:
    """Return one row per replicate and analysis.

    Parameters
    ----------
    results : float64 (n_replicates, n_analyses, n_fields)
    first : int
        Number of the first replicate.
    """
    parts = [_analysis_frame(setting.scenario, planned, index, results[:, index], first) for index, planned in enumerate(setting.planned)]
    frame = pd.concat(parts, ignore_index=True)
    return frame.sort_values(["replicate", "order"], kind="stable", ignore_index=True).drop(columns="order")


def _analysis_frame(scenario: str, planned: PlannedAnalysis, order: int, fields: Floats, first: int) -> pd.DataFrame:
    ok = fields[:, STATUS] == Status.OK
    shown = np.where(ok[:, None], fields, np.nan)
    low, high, p = finish(shown[:, ESTIMATE], shown[:, SE], shown[:, DF], planned.alpha)
    counts = np.nan_to_num(fields[:, [N_ARM, N_REFERENCE]]).astype(np.int64)
    columns = {
        "scenario": scenario,
        "replicate": np.arange(first, first + len(fields)),
        "analysis": planned.id,
        "outcome": planned.spec.outcome,
        "estimate": shown[:, ESTIMATE],
        "se": shown[:, SE],
        "df": shown[:, DF],
        "ci_low": low,
        "ci_high": high,
        "p": p,
        "n_analysed": counts.sum(axis=1),
        "status": STATUS_NAMES[fields[:, STATUS].astype(np.int64)],
        "n_analysed_arm": counts[:, 0],
        "n_analysed_reference": counts[:, 1],
        "order": order,
    }
    return pd.DataFrame(columns)


def truth_of(setting: Setting, planned: PlannedAnalysis) -> Truth | None:
    """Return the value that an analysis estimates in the scenario; None where the plan names none or the calibration has it not."""
    kind = planned.spec.truth
    if kind in ("treatment_policy_mean", "reference_based_mean"):
        name = MEANS.get((kind, planned.outcome))
        value, mcse = setting.calibration.truths.estimands[name] if name else (np.nan, np.nan)
        return Truth(programme_sign(setting, planned) * value, mcse) if name else None
    if kind == "none" or planned.outcome != "odi" or planned.analysis.rule != Rule.IMPROVEMENT:
        return None
    return _share_truth(setting, planned, kind.startswith("composite"))


def _share_truth(setting: Setting, planned: PlannedAnalysis, missing_is_non_response: bool) -> Truth:
    """Return the truth of a comparison of responder shares; for the two ratios its standard error is by the delta method."""
    truths, threshold, sign = setting.calibration.truths, planned.analysis.threshold, programme_sign(setting, planned)
    if planned.spec.measure == "risk_difference":
        value, mcse = truths.responder_difference(threshold, missing_is_non_response)
        return Truth(sign * value, mcse)
    shares = np.array(truths.responder_shares(threshold, missing_is_non_response))
    odds = planned.spec.measure == "marginal_log_odds_ratio"
    control, programme = np.log(shares / (1.0 - shares)) if odds else np.log(shares)
    spread = shares * (1.0 - shares) if odds else shares / (1.0 - shares)
    return Truth(float(sign * (programme - control)), float(np.sqrt((1.0 / spread / truths.people).sum())))


def programme_sign(setting: Setting, planned: PlannedAnalysis) -> float:
    """Return 1 where the contrast is the programme against an arm without it, -1 the other way round, 0 where neither arm has it."""
    return float(planned.contrast.arm == setting.programme_arm) - float(planned.contrast.reference == setting.programme_arm)


def closed_form_power(setting: Setting, planned: PlannedAnalysis, n_arm: Floats, n_reference: Floats) -> float | None:
    """Return the power that a formula gives at the scenario's achieved SD, R squared and the realised numbers analysed.

    Noncentral t without covariates, exact random-covariate analysis of covariance with them. None for analyses without a
    formula (imputation, responders).
    """
    least_squares = planned.analysis.method == Method.ANCOVA and planned.analysis.variance == Variance.MODEL
    truth = truth_of(setting, planned)
    if not least_squares or truth is None:
        return None
    covariance = setting.calibration.covariance
    covariates = [int(row) for row in planned.analysis.covariates]
    share = explained(covariance, int(planned.analysis.response), covariates)
    sd = float(np.sqrt(covariance[planned.analysis.response, planned.analysis.response]))
    usable = (n_arm >= 2) & (n_reference >= 2)
    if not usable.any():
        return None
    adjustment = Adjustment(r_squared=share, n_covariates=len(covariates))
    power = realised_power(
        abs(truth.value),
        sd,
        n_arm[usable],
        planned.alpha,
        adjustment,
        n_reference=n_reference[usable],
    )
    return float(power) * float(usable.mean())


def performance_frame(setting: Setting, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the long table of performance measures of every analysis."""
    target = setting.protocol.sample_size.target_difference.value
    by_analysis = {str(name): part for name, part in frame.groupby("analysis", sort=False)}
    rows = []
    for planned in setting.planned:
        part = by_analysis[planned.id]
        for measure in _measures(setting, planned, part, by_analysis, target):
            rows.append((setting.scenario, planned.id, planned.spec.outcome, *measure))
    return pd.DataFrame(rows, columns=["scenario", "analysis", "outcome", "measure", "value", "mcse", "n_replicates"])


def _measures(
    setting: Setting, planned: PlannedAnalysis, part: pd.DataFrame, by_analysis: dict[str, pd.DataFrame], target: float | None
) -> Sequence[Measure]:
    columns = {name: part[name].to_numpy() for name in ("estimate", "se", "ci_low", "ci_high")}
    replicates = make_replicates(**columns, p=part["p"].to_numpy(), ok=(part["status"] == "ok").to_numpy())
    on_scale = planned.spec.measure == "mean_difference"
    sized_for = setting.protocol.sample_size.outcome in (None, planned.outcome)
    reference = primary_of_plan(setting, planned)
    if reference is not None and len(by_analysis[reference]) < len(part):
        reference = None  # a primary analysis outside the loop has fewer replicates to be compared with
    lower_is_better = setting.protocol.outcomes[planned.spec.outcome].direction == "lower_better"
    return performance_measures(
        replicates,
        alpha=planned.alpha,
        direction=-1 if on_scale and lower_is_better else 1,
        truth=truth_of(setting, planned),
        target=target if on_scale and sized_for else None,
        comparator=None if reference is None else by_analysis[reference]["estimate"].to_numpy()[: len(part)],
        closed_form=closed_form_power(
            setting, planned, part["n_analysed_arm"].to_numpy(dtype=np.float64), part["n_analysed_reference"].to_numpy(dtype=np.float64)
        ),
    )


def primary_of_plan(setting: Setting, planned: PlannedAnalysis) -> str | None:
    """Return the analysis that relative precision compares with: the plan's primary one, on the same scale; None for itself."""
    plan = planned.id.split(".")[0]
    question = (planned.outcome, planned.spec.visit, planned.contrast.id, planned.spec.measure)
    same = [
        other
        for other in setting.planned
        if other.id.split(".")[0] == plan and (other.outcome, other.spec.visit, other.contrast.id, other.spec.measure) == question
    ]
    primary = next((other.id for other in same if other.spec.role == "primary"), None)
    return None if primary == planned.id else primary
