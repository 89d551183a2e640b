"""From the plan in the protocol to analyses as plain numbers.

A plan can be executed when every field that its estimators read is stated, derived or proposed; each gap is one
problem. What was proposed travels with the analysis, to be printed beside its result.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from odisea.analyse.imputation import MAX_IMPUTATIONS
from odisea.data.derive import coding_rows, count_rows, outcome_at, trial_rows
from odisea.data.trial import Analysis, Assumption, Ints, Method, Rule, Variance
from odisea.errors import Problem, ProtocolError
from odisea.protocol.compose import child
from odisea.protocol.fact import PlannedFact, Text
from odisea.protocol.methods import REFERENCE_BASED
from odisea.protocol.model import AnalysisSpec, Contrast, Plan, Protocol

LOOP_METHODS = {
    ("ancova", "complete_case", "mean_difference"): Method.ANCOVA,
    ("ancova", "multiple_imputation", "mean_difference"): Method.ANCOVA_MI,
    ("ancova", "multiple_imputation_limit", "mean_difference"): Method.ANCOVA_MI_LIMIT,
    ("ancova", "delta_adjusted", "mean_difference"): Method.ANCOVA_MI_LIMIT,
    ("ancova", "jump_to_reference", "mean_difference"): Method.ANCOVA_MI_LIMIT,
}
RESPONDER_METHODS = {
    "log_odds_ratio": Method.RESPONDER_LOG_ODDS_RATIO,
    "risk_difference": Method.RESPONDER_RISK_DIFFERENCE,
    "log_risk_ratio": Method.RESPONDER_LOG_RISK_RATIO,
    "marginal_log_odds_ratio": Method.RESPONDER_MARGINAL_LOG_ODDS_RATIO,
}
VARIANCES = {
    "hc2": Variance.HC2,
    "rubin_hc2": Variance.HC2,
    "hc3": Variance.HC3,
    "rubin_hc3": Variance.HC3,
    "jackknife": Variance.JACKKNIFE,
    "ye": Variance.YE,
    "ge": Variance.GE,
    "influence": Variance.INFLUENCE,
}
RULES = {
    "improvement_of_at_least": Rule.IMPROVEMENT,
    "percent_improvement_of_at_least": Rule.PERCENT,
    "attained": Rule.ATTAINED,
}
SEEDED = ("multiple_imputation", *REFERENCE_BASED)
Term = tuple[str, tuple[int, ...]]
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
    terms : tuple of (str, tuple of int)
        The covariates by variable: its name and its rows.
    imputation : tuple of str
        Names of the imputation model's variables (codings and OUTCOME@VISIT).
    baseline : str
        OUTCOME@VISIT of the outcome's baseline; empty where it has none.
    series : int64 array
        Rows of the outcome at every visit after baseline in order: all where the visits are modelled jointly (likelihood,
        reference-based), else those up to the analysed one.
    auxiliary : int64 array
        Rows of what is recorded after baseline and helps the imputation, in order.
    scale : (float, float) or None
        Lowest and highest value of the outcome, where they are known.
    important_difference : float or None
        The smallest difference that matters in this outcome, where the source gives one.
    file : str
        Module that carries the analysis out per trial; empty where the compiled loop does.
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
    terms: tuple[Term, ...]
    imputation: tuple[str, ...]
    baseline: str
    series: Ints
    auxiliary: Ints
    scale: tuple[float, float] | None
    important_difference: float | None
    file: str
    flags: tuple[str, ...]
    alpha: float
    analysis_seed: int
    proposed: tuple[ProposedValue, ...]

    @property
    def in_loop(self) -> bool:
        """Whether the compiled power loop carries the analysis out."""
        return not self.file and self.spec.baseline_missing == "filled"


class _Reading:
    """Reads the facts of one analysis; collects the gaps and the proposals it meets."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.gaps: dict[str, Problem] = {}
        self.proposed: dict[str, ProposedValue] = {}

    def value(self, fact: PlannedFact[Any], pointer: str, default: Any) -> Any:
        """Return the value; of a gap, after noting it, the default."""
        if fact.status == "proposed":
            self.proposed[pointer] = ProposedValue(
                pointer, fact.model_dump(mode="json", exclude_none=True)["proposed"], fact.reason, fact.by, fact.date
            )
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
    rows = (*trial_rows(protocol), *count_rows(protocol))
    terms = _terms(protocol, _covariates(plan, pointer, spec, reading), rows, reading)
    series = _indices(rows, _series(protocol, spec))
    variables, m = _imputation(protocol, plan_id, spec, reading)
    analysis = _analysis(protocol, plan_id, spec, terms, reading)
    analysis = analysis._replace(imputation=_flat(_terms(protocol, variables, rows, reading)), m=m)
    draws = (spec.missing_data in SEEDED and not _is_exact(protocol, spec)) or spec.method == "rerandomisation"
    alpha = reading.value(plan.alpha, f"{pointer}/alpha", np.nan)
    return PlannedAnalysis(
        id=f"{plan_id}.{spec.id}",
        spec=spec,
        outcome=spec.outcome,
        contrast=protocol.contrast(spec.contrast),
        analysis=analysis,
        covariates=tuple(rows[row] for _, own in terms for row in own),
        terms=terms,
        imputation=variables,
        baseline=_baseline(protocol, spec),
        series=series,
        auxiliary=_indices(rows, spec.auxiliary),
        scale=_scale(protocol, spec),
        important_difference=_important(protocol, spec),
        file=_file(spec, series.size),
        flags=("uncongenial",) if spec.imputation_from not in (None, plan_id) else (),
        alpha=alpha,
        analysis_seed=reading.value(plan.analysis_seed, f"{pointer}/analysis_seed", 0) if draws else 0,
        proposed=tuple(reading.proposed.values()),
    )


def _analysis(protocol: Protocol, plan_id: str, spec: AnalysisSpec, terms: tuple[Term, ...], reading: _Reading) -> Analysis:
    """Return the numbers that the estimators read, without those of an imputation."""
    contrast, rows, baseline = protocol.contrast(spec.contrast), trial_rows(protocol), _baseline(protocol, spec)
    rule, threshold = _rule(protocol.analysis.plans[plan_id], child("/analysis/plans", plan_id), spec, reading)
    jump = spec.missing_data == "jump_to_reference"
    return Analysis(
        method=_method(spec),
        response=rows.index(outcome_at(spec.outcome, spec.visit)),
        baseline=rows.index(baseline) if baseline else -1,
        arm=protocol.arm_ids.index(contrast.arm),
        reference=protocol.arm_ids.index(contrast.reference),
        covariates=_flat(terms),
        imputation=_flat(()),
        m=0,
        threshold=threshold,
        direction=DIRECTION[protocol.outcomes[spec.outcome].direction],
        non_responder=int(spec.missing_data == "non_responder"),
        variance=int(VARIANCES.get(spec.chosen_variance, Variance.MODEL)),
        assumption=int(Assumption.JUMP_TO_REFERENCE if jump else Assumption.WITHIN_ARM),
        rule=int(rule),
        delta_arm=spec.delta.arm if spec.delta else 0.0,
        delta_reference=spec.delta.reference if spec.delta else 0.0,
    )


def _is_exact(protocol: Protocol, spec: AnalysisSpec) -> bool:
    """Return whether jump to reference is carried out in its limit, so that nothing is drawn: one follow-up visit and no m."""
    return spec.missing_data == "jump_to_reference" and spec.m is None and len(_series(protocol, spec)) == 1


def _baseline(protocol: Protocol, spec: AnalysisSpec) -> str:
    """Return the outcome's baseline row; empty where there is none, or where being a responder is not a change."""
    outcome = protocol.outcomes[spec.outcome]
    return outcome_at(spec.outcome, outcome.baseline) if outcome.baseline and outcome.kind != "binary" else ""


def _scale(protocol: Protocol, spec: AnalysisSpec) -> tuple[float, float] | None:
    limits = protocol.outcomes[spec.outcome].range.value
    return (float(limits[0]), float(limits[1])) if limits else None


def _important(protocol: Protocol, spec: AnalysisSpec) -> float | None:
    known = protocol.important_difference
    return float(known.value.value) if known.outcome == spec.outcome and known.value.value is not None else None


def _flat(terms: tuple[Term, ...]) -> Ints:
    return np.array([row for _, own in terms for row in own], dtype=np.int64)


def _method(spec: AnalysisSpec) -> int:
    """Return the number of the estimator in the loop; `SINGLE` for what has none there."""
    if spec.missing_data == "jump_to_reference" and isinstance(spec.m, int) and spec.chosen_variance != "jackknife":
        return int(Method.ANCOVA_MI)
    if spec.method == "logistic":
        return int(RESPONDER_METHODS[spec.measure])
    return int(LOOP_METHODS.get((spec.method, spec.missing_data, spec.measure), Method.SINGLE))


def _file(spec: AnalysisSpec, follow_ups: int) -> str:
    """Return the module that carries an analysis out; empty for the compiled loop."""
    entry = spec.entry
    beyond = spec.auxiliary or spec.m == "automatic" or spec.chosen_variance in ("rubin_hc2", "rubin_hc3")
    beyond = beyond or (spec.missing_data == "jump_to_reference" and follow_ups > 1)
    return entry.file if not entry.in_loop or beyond else ""


def _covariates(plan: Plan, pointer: str, spec: AnalysisSpec, reading: _Reading) -> tuple[str, ...]:
    if spec.covariates is not None:
        return spec.covariates
    found: tuple[str, ...] = reading.value(plan.covariates, f"{pointer}/covariates", ())
    return found


def _series(protocol: Protocol, spec: AnalysisSpec) -> tuple[str, ...]:
    """Return the outcome's rows after baseline: all of a joint model of the visits, else those up to the analysed one."""
    outcome = protocol.outcomes[spec.outcome]
    visits = [visit for visit in outcome.visits if visit != outcome.baseline]
    jointly = spec.missing_data in ("likelihood", *REFERENCE_BASED)
    return tuple(outcome_at(spec.outcome, visit) for visit in visits[: None if jointly else visits.index(spec.visit) + 1])


def _terms(protocol: Protocol, variables: tuple[str, ...], rows: tuple[str, ...], reading: _Reading) -> tuple[Term, ...]:
    """Return variables (codings and OUTCOME@VISIT) with their rows."""
    return tuple((name, tuple(rows.index(row) for row in _rows_of(protocol, name, reading))) for name in variables)


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
    if not spec.imputes and spec.method != "tipping_point":
        return (), 0
    own, source = protocol.analysis.plans[plan_id].imputation, spec.imputation_from or plan_id
    variables = reading.value(
        protocol.analysis.plans[source].imputation.variables, f"{child('/analysis/plans', source)}/imputation/variables", ()
    )
    if not spec.draws or spec.m == "automatic" or _is_exact(protocol, spec):
        return variables, 0
    pointer = f"{child('/analysis/plans', plan_id)}/imputation/m"
    m = spec.m if isinstance(spec.m, int) else reading.value(own.m, pointer, 2)
    if m > MAX_IMPUTATIONS:
        reading.refuse(pointer, f"m is {m}", f"at most {MAX_IMPUTATIONS} imputations can be drawn", "Use the limit instead.")
    return variables, m


def _rule(plan: Plan, pointer: str, spec: AnalysisSpec, reading: _Reading) -> tuple[Rule, float]:
    """Return when a participant is a responder; no improvement at all where no rule is needed."""
    if not spec.entry.binary or spec.outcome not in plan.responder:
        return Rule.IMPROVEMENT, 0.0
    rule = reading.value(plan.responder[spec.outcome], child(f"{pointer}/responder", spec.outcome), None)
    return (RULES[rule.rule], rule.number) if rule else (Rule.IMPROVEMENT, np.nan)
