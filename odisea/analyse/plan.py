"""From the plan in the protocol to analyses as plain numbers.

A plan can be executed when every field that its estimators read is stated, derived or proposed; each gap is one
problem. What was proposed travels with the analysis, to be printed beside its result.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from odisea.analyse.imputation import MAX_IMPUTATIONS
from odisea.data.derive import coding_rows, outcome_at, trial_rows
from odisea.data.trial import Analysis, Ints, Method
from odisea.errors import Problem, ProtocolError
from odisea.protocol.compose import child
from odisea.protocol.fact import PlannedFact, Text
from odisea.protocol.model import AnalysisSpec, Contrast, Plan, Protocol

METHODS = {
    ("ancova", "complete_case", "mean_difference"): Method.ANCOVA,
    ("ancova", "multiple_imputation", "mean_difference"): Method.ANCOVA_MI,
    ("ancova", "multiple_imputation_limit", "mean_difference"): Method.ANCOVA_MI_LIMIT,
    ("logistic", "complete_case", "log_odds_ratio"): Method.RESPONDER_LOG_ODDS_RATIO,
    ("logistic", "non_responder", "log_odds_ratio"): Method.RESPONDER_LOG_ODDS_RATIO,
    ("logistic", "complete_case", "risk_difference"): Method.RESPONDER_RISK_DIFFERENCE,
    ("logistic", "non_responder", "risk_difference"): Method.RESPONDER_RISK_DIFFERENCE,
}
DIRECTION = {"lower_better": -1.0, "higher_better": 1.0, None: 0.0}


@dataclass(frozen=True, slots=True)
class ProposedValue:
    """A value that an analysis uses and that nobody but the plan's authors states.

    Parameters
    ----------
    pointer : str
        Where it stands in the protocol.
    value : object
        In the shape that YAML writes.
    reason : Text
        Why it is proposed.
    by, date : str
        Who proposed it, and when.
    """

    pointer: str
    value: Any
    reason: Text | None
    by: str | None
    date: str | None


@dataclass(frozen=True, slots=True)
class PlannedAnalysis:
    """One analysis of a plan, ready to be carried out.

    Parameters
    ----------
    id : str
        `PLAN.ID`.
    spec : AnalysisSpec
        Its declaration.
    outcome : str
        Identifier of the analysed outcome.
    contrast : Contrast
        Its arms.
    analysis : Analysis
        What the estimators read.
    covariates : tuple of str
        Names of the analysis model's rows, in the order of `analysis.covariates`.
    flags : tuple of str
        `uncongenial` where the imputation model is another plan's.
    alpha : float
        Two-sided level.
    analysis_seed : int
        Keys the imputation draws of a real trial; 0 where nothing is drawn.
    proposed : tuple of ProposedValue
        The proposed values that the analysis uses.
    """

    id: str
    spec: AnalysisSpec
    outcome: str
    contrast: Contrast
    analysis: Analysis
    covariates: tuple[str, ...]
    flags: tuple[str, ...]
    alpha: float
    analysis_seed: int
    proposed: tuple[ProposedValue, ...]


class _Reading:
    """Reads the facts of one analysis; collects the gaps and the proposals it meets."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.gaps: dict[str, Problem] = {}
        self.proposed: dict[str, ProposedValue] = {}

    def value(self, fact: PlannedFact[Any], pointer: str, default: Any) -> Any:
        """Return the value; of a gap, after noting it, the default."""
        if fact.status == "proposed":
            self.proposed[pointer] = ProposedValue(pointer, fact.model_dump(mode="json")["proposed"], fact.reason, fact.by, fact.date)
        try:
            return fact.require(f"{self.source}: {pointer}")
        except ProtocolError as gap:
            self.gaps[pointer] = gap.problems[0]
            return default

    def refuse(self, pointer: str, found: str, allowed: str, remedy: str) -> None:
        """Note a value that cannot be carried out."""
        self.gaps[pointer] = Problem(f"{self.source}: {pointer}", found, allowed, remedy)


def lower_plan(protocol: Protocol, plan_id: str) -> tuple[PlannedAnalysis, ...]:
    """Return the analyses of a plan as numbers, in the plan's order.

    Parameters
    ----------
    protocol : Protocol
        As `odisea.protocol.load.load_protocol` gives it; names are already checked there.
    plan_id : str
        Identifier of the plan.

    Raises
    ------
    ProtocolError
        There is no such plan, a field that an estimator reads is a gap (one problem per gap), or the design needs other estimators.
    """
    _refuse_other_designs(protocol)
    plans = protocol.analysis.plans
    if plan_id not in plans:
        raise ProtocolError(Problem(f"{protocol.source}: /analysis/plans", f"no plan {plan_id}", f"one of {', '.join(plans)}"))
    gaps: dict[str, Problem] = {}
    lowered = []
    for spec in plans[plan_id].analyses:
        reading = _Reading(str(protocol.source))
        lowered.append(_lower(protocol, plan_id, spec, reading))
        gaps |= reading.gaps
    if gaps:
        raise ProtocolError(gaps.values())
    return tuple(lowered)


def _refuse_other_designs(protocol: Protocol) -> None:
    """Refuse what the estimators would answer wrongly: they take participants as independent and test against no difference."""
    framework, problems = protocol.design.framework.value, []
    if protocol.randomisation.unit.value == "cluster":
        allowed = "the analyses here take participants as independent, which makes every interval of such a trial too narrow"
        where = f"{protocol.source}: /randomisation/unit"
        problems.append(Problem(where, "clusters are randomised", allowed, "Analyse it by a method for clusters, not with this suite"))
    if framework not in (None, "superiority"):
        allowed = "the analyses here test against no difference, and know no margin"
        where = f"{protocol.source}: /design/framework"
        problems.append(Problem(where, f"the framework is {framework}", allowed, "Analyse it against its margin, not with this suite"))
    if problems:
        raise ProtocolError(problems)


def _lower(protocol: Protocol, plan_id: str, spec: AnalysisSpec, reading: _Reading) -> PlannedAnalysis:
    """Return one analysis; what it lacks is noted in the reading."""
    plan, pointer = protocol.analysis.plans[plan_id], child("/analysis/plans", plan_id)
    reading.value(plan.population, f"{pointer}/population", "all_randomised")
    reading.value(plan.sidedness, f"{pointer}/sidedness", "two_sided")
    covariates = spec.covariates
    if covariates is None:
        covariates = reading.value(plan.covariates, f"{pointer}/covariates", ())
    contrast, names = protocol.contrast(spec.contrast), _row_names(protocol, covariates, reading)
    variables, m = _imputation(protocol, plan_id, spec, reading)
    outcome, rows = protocol.outcomes[spec.outcome], trial_rows(protocol)
    analysis = Analysis(
        method=int(METHODS[spec.method, spec.missing_data, spec.measure]),
        response=rows.index(outcome_at(spec.outcome, spec.visit)),
        baseline=rows.index(outcome_at(spec.outcome, outcome.baseline)) if outcome.baseline and outcome.kind != "binary" else -1,
        arm=protocol.arm_ids.index(contrast.arm),
        reference=protocol.arm_ids.index(contrast.reference),
        covariates=_indices(rows, names),
        imputation=_indices(rows, _row_names(protocol, variables, reading)),
        m=m,
        threshold=_threshold(plan, pointer, spec, reading),
        direction=DIRECTION[outcome.direction],
        non_responder=int(spec.missing_data == "non_responder"),
    )
    seed = reading.value(plan.analysis_seed, f"{pointer}/analysis_seed", 0) if analysis.method == Method.ANCOVA_MI else 0
    alpha = reading.value(plan.alpha, f"{pointer}/alpha", np.nan)
    flags = ("uncongenial",) if spec.imputation_from not in (None, plan_id) else ()
    proposed = tuple(reading.proposed.values())
    return PlannedAnalysis(f"{plan_id}.{spec.id}", spec, spec.outcome, contrast, analysis, names, flags, alpha, seed, proposed)


def _row_names(protocol: Protocol, variables: tuple[str, ...], reading: _Reading) -> tuple[str, ...]:
    """Return the names of the rows that variables (codings and OUTCOME@VISIT) stand for."""
    return tuple(name for variable in variables for name in _rows_of(protocol, variable, reading))


def _rows_of(protocol: Protocol, variable: str, reading: _Reading) -> Iterator[str]:
    if "@" in variable:
        yield variable
        return
    reading.value(protocol.analysis.coding_facts[variable], child("/analysis/coding", variable), None)
    if variable in protocol.analysis.coding:
        yield from coding_rows(variable, protocol.analysis.coding[variable])


def _indices(rows: tuple[str, ...], names: tuple[str, ...]) -> Ints:
    return np.array([rows.index(name) for name in names], dtype=np.int64)


def _imputation(protocol: Protocol, plan_id: str, spec: AnalysisSpec, reading: _Reading) -> tuple[tuple[str, ...], int]:
    """Return variables and number of imputations; none where the analysis does not impute."""
    if not spec.imputes:
        return (), 0
    own, source = protocol.analysis.plans[plan_id].imputation, spec.imputation_from or plan_id
    variables = reading.value(
        protocol.analysis.plans[source].imputation.variables, f"{child('/analysis/plans', source)}/imputation/variables", ()
    )
    if spec.missing_data == "multiple_imputation_limit":
        return variables, 0
    pointer = f"{child('/analysis/plans', plan_id)}/imputation/m"
    m = reading.value(own.m, pointer, 2)
    if m > MAX_IMPUTATIONS:
        reading.refuse(pointer, f"m is {m}", f"at most {MAX_IMPUTATIONS} imputations can be drawn", "Use the limit instead.")
    return variables, m


def _threshold(plan: Plan, pointer: str, spec: AnalysisSpec, reading: _Reading) -> float:
    """Return the improvement that makes a responder; 0 where no rule is needed."""
    if spec.method != "logistic" or spec.outcome not in plan.responder:
        return 0.0
    rule = reading.value(plan.responder[spec.outcome], child(f"{pointer}/responder", spec.outcome), None)
    return rule.improvement_of_at_least if rule else np.nan
