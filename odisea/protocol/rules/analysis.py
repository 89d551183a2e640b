"""Rules on analysis (SAP).

A plan of the source is one whose primary analysis the source states; where every plan is proposed here, all count. What the
source leaves open is asked once, at its first plan.
"""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from odisea.protocol.compose import child
from odisea.protocol.fact import Fact, PlannedFact, Text
from odisea.protocol.model import Protocol
from odisea.protocol.plan import AnalysisSpec, Plan
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, gap, judged, known, put, rule
from odisea.protocol.rules.texts import shown
from odisea.protocol.sections import Intervention

PLANS = "/analysis/plans"
ATTRITION = "/sample_size/attrition"
NOTICEABLE_LOSS = 0.05
LARGE_LOSS = 0.2
NEVER_IN_GROUPS = ("DRUG", "BIOLOGICAL", "DEVICE", "DIETARY_SUPPLEMENT", "COMBINATION_PRODUCT", "GENETIC", "RADIATION", "DIAGNOSTIC_TEST")
ILLUSTRATION = 0.5  # correlation of baseline and follow-up where the sample size gives none
SIDES = {"two_sided": 2, "one_sided": 1}
SIDES_SHOWN = {"two_sided": Text(en="two-sided", es="bilateral"), "one_sided": Text(en="one-sided", es="unilateral")}
LEVELS = {
    "secondary": Text(en="secondary", es="secundario"),
    "supportive": Text(en="supportive", es="de apoyo"),
    "exploratory": Text(en="exploratory", es="exploratorio"),
}
SELECTIONS = {
    "univariate_p_value": Text(en="p-values of single covariates", es="los valores de p de cada covariable por separado"),
    "baseline_test": Text(en="tests of baseline differences between arms", es="pruebas de diferencias iniciales entre grupos"),
}


class Placed(NamedTuple):
    """An analysis, its plan, and the pointers of both."""

    plan_at: str
    plan: Plan
    at: str
    spec: AnalysisSpec

    @property
    def covariates_at(self) -> str:
        """Where the covariates of the analysis stand: its own, else the plan's."""
        return f"{self.plan_at if self.spec.covariates is None else self.at}/covariates"

    @property
    def covariates(self) -> tuple[str, ...]:
        """The covariates; CannotRun where they are a gap."""
        return known(self.plan.covariates, self.covariates_at) if self.spec.covariates is None else self.spec.covariates


def analyses(protocol: Protocol, *roles: str) -> Iterator[Placed]:
    """Give the analyses of all plans, of some roles only where these are named."""
    for name, plan in protocol.analysis.plans.items():
        place = child(PLANS, name)
        for index, spec in enumerate(plan.analyses):
            if not roles or spec.role in roles:
                yield Placed(place, plan, f"{place}/analyses/{index}", spec)


def plans_of_the_source(protocol: Protocol) -> dict[str, Plan]:
    """Return the plans whose primary analysis is stated, by pointer; all where there is none."""
    plans = {child(PLANS, name): plan for name, plan in protocol.analysis.plans.items()}
    stated = {at: plan for at, plan in plans.items() if any(spec.role == "primary" and spec.reason is None for spec in plan.analyses)}
    return stated or plans


def unstated(fact: PlannedFact[Any], pointer: str, covers: tuple[str, ...] = (), **values: Any) -> Iterator[Hit]:
    """Give a hit where the source does not state a planned value; {proposal} says what is proposed here, if anything."""
    if fact.status not in ("stated", "derived"):
        yield Hit(pointer, fact, {"proposal": proposal_of(fact), **values}, (put(pointer, ASK),), covers)


def proposal_of(fact: PlannedFact[Any]) -> Text:
    """Return what is proposed in place of a planned value."""
    if fact.known:
        return Text(en=f"proposed here: {shown(fact.value, 'en')}", es=f"propuesta nuestra: {shown(fact.value, 'es')}")
    return Text(en=shown(fact, "en"), es=shown(fact, "es"))


def unstated_in_plans(protocol: Protocol, field: str, **values: Any) -> Iterator[Hit]:
    """Give one hit where the source's plans leave a field open, at the first of them; it speaks of the gap in the other plans too."""
    for at, plan in plans_of_the_source(protocol).items():
        if getattr(plan, field).status not in ("stated", "derived"):
            others = (child(PLANS, name) for name in protocol.analysis.plans)
            yield from unstated(getattr(plan, field), f"{at}/{field}", tuple(f"{each}/{field}" for each in others if each != at), **values)
            return


def percent(share: float) -> str:
    """Return a share as a reader writes it: 40 %."""
    return f"{100 * share:.3g} %"


def loss_of(case: Case) -> float:
    """Return the expected attrition; CannotRun where it is a gap."""
    return known(case.protocol.sample_size.attrition, ATTRITION)


def same_question(one: AnalysisSpec, other: AnalysisSpec) -> bool:
    """Return whether two analyses are of the same outcome, visit and contrast."""
    return (one.outcome, one.visit, one.contrast) == (other.outcome, other.visit, other.contrast)


def counts_beside(one: AnalysisSpec, other: AnalysisSpec) -> bool:
    """Return whether an analysis can stand in for what another one lacks: what is proposed here does not mend what is stated."""
    return other.reason is None or one.reason is not None


@rule("SAP-01", "error", "contradiction", refs=("SPIRIT:27a", "E9"), reads=("/analysis/plans/*/analyses/*/role",))
def one_primary_analysis(case: Case) -> Iterator[Hit]:
    """A plan has no primary analysis, or several that answer the same question."""
    for name, plan in case.protocol.analysis.plans.items():
        asked = Counter((spec.outcome, spec.visit, spec.contrast) for spec in plan.analyses if spec.role == "primary")
        most = max(asked.values(), default=0)
        if most != 1:
            pointer = f"{child(PLANS, name)}/analyses"
            yield Hit(pointer, most, {"plan": plan.label, "number": str(most)}, (put(pointer, ASK),))


@rule(
    "SAP-02",
    "error",
    "contradiction",
    refs=("SPIRIT:27a", "SPIRIT:16"),
    reads=("/analysis/plans/*/analyses/*/outcome", "/outcomes/*/level"),
)
def primary_analysis_of_a_primary_outcome(case: Case) -> Iterator[Hit]:
    """A primary analysis is of an outcome that is not primary."""
    outcomes = case.protocol.outcomes
    primary = [outcome.label for outcome in outcomes.values() if outcome.level == "primary"]
    if not primary:
        raise NotApplicable("/outcomes")
    names = Text(en=", ".join(each.en for each in primary), es=", ".join(each.es for each in primary))
    for each in analyses(case.protocol, "primary"):
        outcome = outcomes[each.spec.outcome]
        if outcome.level != "primary":
            pointer = f"{each.at}/outcome"
            values = {"outcome": outcome.label, "level": LEVELS[outcome.level], "primary": names}
            yield Hit(pointer, each.spec.outcome, values, (put(pointer, ASK),))


@rule(
    "SAP-03",
    "error",
    "contradiction",
    refs=("E9R1", "SPIRIT:27a"),
    reads=("/analysis/plans/*/analyses/*/estimand", "/estimands/*/visit", "/estimands/*/outcome", "/estimands/*/contrast"),
)
def analysis_and_estimand(case: Case) -> Iterator[Hit]:
    """An analysis is at another visit, or of another outcome or contrast, than the estimand that it names."""
    proposed = case.protocol.analysis.estimands
    estimands: dict[str, Any] = {**{estimand.id: estimand for estimand in case.protocol.estimands}, **proposed}
    placed = [each for each in analyses(case.protocol) if each.spec.estimand is not None]
    if not placed:
        raise NotApplicable(PLANS)
    for each in placed:
        estimand = estimands[each.spec.estimand or ""]
        for field in ("visit", "outcome", "contrast"):
            wanted, found = getattr(estimand, field), getattr(each.spec, field)
            if wanted is not None and found != wanted:
                values = {"analysis": each.spec.label, "estimand": estimand.label, "wanted": wanted}
                yield Hit(f"{each.at}/{field}", found, values, (put(f"{each.at}/{field}", wanted),))


@rule(
    "SAP-04",
    "warning",
    "risk",
    refs=("SPIRIT:27a", "EMA-Covariates", "FDA-Covariates"),
    reads=("/analysis/plans/*/covariates", "/analysis/plans/*/analyses/*/covariates", "/outcomes/*/baseline", "/sample_size/*"),
)
def baseline_left_out(case: Case) -> Iterator[Hit]:
    """The covariates of a primary analysis leave out the baseline value of its outcome."""
    placed = [each for each in analyses(case.protocol, "primary") if case.protocol.outcomes[each.spec.outcome].baseline]
    if not placed:
        raise NotApplicable("/outcomes")
    for each in placed:
        outcome = case.protocol.outcomes[each.spec.outcome]
        value = f"{each.spec.outcome}@{outcome.baseline}"
        if value not in each.covariates:
            mended: Any = [value, *each.covariates]
            if each.spec.covariates is None:
                reason = Text(en="The baseline value is the best predictor.", es="El valor inicial es el mejor predictor.")
                mended = {"proposed": mended, "reason": reason.model_dump()}
            values = {"outcome": outcome.label, "baseline": value, "powers": powers(case.protocol, each)}
            yield Hit(each.covariates_at, each.covariates, values, (put(each.covariates_at, mended),))


class Supposed(NamedTuple):
    """What a power is computed from: numbers analysed in arm and reference, and the rest of the sample-size statement."""

    numbers: tuple[float, float]
    difference: float
    sd: float
    alpha: float
    sides: int
    correlation: float


def powers(protocol: Protocol, placed: Placed) -> Text:
    """Return the power without and with the baseline value as a sentence; empty where the sample size does not allow it."""
    from odisea.closed_form import Adjustment, ancova_power, t_power  # loads SciPy

    size = protocol.sample_size
    found = _supposed(protocol, placed)
    if found is None:
        return Text(en="", es="")
    (arm, reference), difference, sd, alpha, sides, r = found
    without = float(t_power(difference, sd, arm, alpha, n_reference=reference, sides=sides))
    with_it = float(ancova_power(difference, sd, arm, alpha, Adjustment(r * r, 1), n_reference=reference, sides=sides))
    implied = ("", "") if size.standard_deviation.known else (" (implied by the stated power)", " (la que implica la potencia declarada)")
    taken = ("", "") if size.alpha.known else (" (that of the plan)", " (el del plan)")
    example = ("", "") if size.correlation.known else (", as an illustration", ", a modo de ilustración")
    return Text(
        en=f" With {arm:.0f} and {reference:.0f} analysed, a difference of {difference:g}, an SD of {sd:.3g}{implied[0]} and a significance"
        f" level of {alpha:g}{taken[0]}, the power is {without:.2f} without covariates and {with_it:.2f} with the baseline value alone"
        f" (correlation {r:g}{example[0]}).",
        es=f" Con {arm:.0f} y {reference:.0f} analizados, una diferencia de {difference:g}, una DE de {sd:.3g}{implied[1]} y un nivel de"
        f" significación de {alpha:g}{taken[1]}, la potencia es {without:.2f} sin covariables y {with_it:.2f} solo con el valor inicial"
        f" (correlación {r:g}{example[1]}).",
    )


def _supposed(protocol: Protocol, placed: Placed) -> Supposed | None:
    """Return what the sample size gives; where it is silent the SD that its power implies, and an illustrative correlation."""
    from odisea.closed_form import implied_sd  # loads SciPy

    size, spec = protocol.sample_size, placed.spec
    alpha, numbers = size.alpha.value or placed.plan.alpha.value, analysed(protocol, spec)
    difference, sd = abs(size.target_difference.value or 0), size.standard_deviation.value
    if size.outcome != spec.outcome or spec.method != "ancova" or not difference or alpha is None or numbers is None:
        return None
    sides = SIDES[size.sidedness.value or placed.plan.sidedness.value or "two_sided"]
    correlation = ILLUSTRATION if size.correlation.value is None else size.correlation.value
    if sd is None and size.power.value is not None and size.power.value > alpha and min(numbers) > 1:
        sd = implied_sd(numbers[0], difference, size.power.value, alpha, n_reference=numbers[1], sides=sides)
    if not sd or sd < 0 or min(numbers) <= 1 or abs(correlation) >= 1 or not 0 < alpha < 1:
        return None  # an impossible number is another rule's finding
    return Supposed(numbers, difference, sd, alpha, sides, correlation)


def analysed(protocol: Protocol, spec: AnalysisSpec) -> tuple[float, float] | None:
    """Return the analysed participants in the arm and the reference of an analysis; None where they do not follow from the sample size."""
    size, contrast = protocol.sample_size, protocol.contrast(spec.contrast)
    arms = [protocol.arm_ids.index(name) for name in (contrast.arm, contrast.reference)]
    numbers = size.analysed_per_arm.value
    if numbers is None or len(numbers) != len(protocol.arms):
        if size.per_arm.value is None or size.attrition.value is None:
            return None
        numbers = tuple(round(number * (1 - size.attrition.value)) for number in size.per_arm.value)
    return numbers[arms[0]], numbers[arms[1]]


@rule("SAP-05", "question", "gap", refs=("SPIRIT:27a", "SAP:27b"), reads=("/analysis/coding/*", "/analysis/plans/*/covariates"))
def coding(case: Case) -> Iterator[Hit]:
    """The source does not state how a covariate is measured and coded."""
    facts = case.protocol.analysis.coding_facts
    used: dict[str, None] = {}
    for each in analyses(case.protocol):
        if each.spec.covariates is not None or each.plan.covariates.known:
            used.update(dict.fromkeys(name for name in each.covariates if name in facts))
    if not used:
        raise NotApplicable("/analysis/coding")
    for name in used:
        fact = facts[name]
        label = fact.value.label if fact.value else Text(en=name, es=name)
        yield from unstated(fact, child("/analysis/coding", name), covariate=label)


@rule(
    "SAP-06",
    "question",
    "gap",
    refs=("SPIRIT:27c", "CONSORT:21c", "E9R1", "SAP:28"),
    reads=("/analysis/plans/*/missing_data", "/sample_size/attrition"),
)
def missing_outcomes(case: Case) -> Iterator[Hit]:
    """Loss is expected and the source does not say how missing outcomes are handled."""
    loss = loss_of(case)
    if not loss:
        raise NotApplicable(ATTRITION)
    yield from unstated_in_plans(case.protocol, "missing_data", loss=percent(loss))


@rule(
    "SAP-07",
    "warning",
    "risk",
    refs=("SPIRIT:27b", "SPIRIT:27c", "NRC2010"),
    reads=("/analysis/plans/*/analyses/*/missing_data", "/analysis/plans/*/population", "/sample_size/attrition"),
)
def completers_only(case: Case) -> Iterator[Hit]:
    """More than 5 % loss is expected and a primary analysis leaves out whoever has no outcome."""
    loss = loss_of(case)
    for each in analyses(case.protocol, "primary"):
        if loss > NOTICEABLE_LOSS and each.spec.missing_data == "complete_case":
            pointer = f"{each.at}/missing_data"
            values = {"analysis": each.spec.label, "loss": percent(loss), "population": each.plan.population}
            yield Hit(pointer, each.spec.missing_data, values, (put(pointer, ASK),))


@rule(
    "SAP-08",
    "warning",
    "risk",
    refs=("E9R1", "SPIRIT:27d", "SAP:27e"),
    reads=tuple(f"/analysis/plans/*/analyses/*/{name}" for name in ("role", "outcome", "visit", "contrast", "reason")),
)
def no_sensitivity_analysis(case: Case) -> Iterator[Hit]:
    """No sensitivity analysis goes with a primary analysis; one that is only proposed here does not count beside a stated one."""
    for each in analyses(case.protocol, "primary"):
        beside = [spec for spec in each.plan.analyses if spec.role == "sensitivity" and same_question(spec, each.spec)]
        if not any(counts_beside(each.spec, spec) for spec in beside):
            values = {"analysis": each.spec.label, "proposed": str(len(beside))}
            yield Hit(each.at, each.spec.id, values, (put(f"{each.plan_at}/analyses/-", ASK),))


@rule("SAP-09", "warning", "risk", refs=("SAP:27b", "EMA-Covariates", "FDA-Covariates"), reads=("/analysis/covariate_selection",))
def covariates_chosen_by_tests(case: Case) -> Iterator[Hit]:
    """Covariates are chosen by p-values or by tests of baseline differences."""
    pointer = "/analysis/covariate_selection"
    selection = known(case.protocol.analysis.covariate_selection, pointer)
    if selection in SELECTIONS:
        yield Hit(pointer, selection, {"selection": SELECTIONS[selection]}, (put(pointer, "prespecified"),))


@rule(
    "SAP-10",
    "warning",
    "risk",
    refs=("CONSORT:26", "FDA-Covariates"),
    reads=tuple(f"/analysis/plans/*/analyses/*/{name}" for name in ("measure", "outcome", "visit", "contrast", "reason")),
)
def odds_ratio_alone(case: Case) -> Iterator[Hit]:
    """An odds ratio stands without an absolute effect of the same outcome; one only proposed here does not count beside a stated one."""
    ratios = [each for each in analyses(case.protocol) if each.spec.measure == "log_odds_ratio"]
    if not ratios:
        raise NotApplicable(PLANS)
    for each in ratios:
        beside = [spec for spec in each.plan.analyses if spec.measure == "risk_difference" and same_question(spec, each.spec)]
        if not any(counts_beside(each.spec, spec) for spec in beside):
            values = {"analysis": each.spec.label, "proposed": str(len(beside))}
            yield Hit(f"{each.at}/measure", each.spec.measure, values, (put(f"{each.plan_at}/analyses/-", ASK),))


@rule(
    "SAP-11",
    "question",
    "gap",
    refs=("SPIRIT:27a", "SAP:17", "E9"),
    reads=("/analysis/plans/*/multiplicity", "/outcomes/*/level", "/contrasts"),
)
def multiplicity(case: Case) -> Iterator[Hit]:
    """There are several primary and secondary outcomes or contrasts, and the source does not say how multiple tests are handled."""
    levels = Counter(outcome.level for outcome in case.protocol.outcomes.values())
    contrasts = len(case.protocol.contrasts)
    if (levels["primary"] + levels["secondary"]) * contrasts <= 1:
        raise NotApplicable("/outcomes", "/contrasts")
    values = {"primary": str(levels["primary"]), "secondary": str(levels["secondary"]), "contrasts": str(contrasts)}
    yield from unstated_in_plans(case.protocol, "multiplicity", **values)


@rule("SAP-12", "question", "gap", refs=("SPIRIT:28b", "CONSORT:16b", "SAP:13a"), reads=("/analysis/plans/*/interim",))
def interim(case: Case) -> Iterator[Hit]:
    """The source does not say whether interim analyses are planned."""
    yield from unstated_in_plans(case.protocol, "interim")


@rule("SAP-13", "question", "gap", refs=("SPIRIT:27d", "CONSORT:21d", "SAP:27f"), reads=("/analysis/subgroups",))
def subgroups(case: Case) -> Iterator[Hit]:
    """The source does not say whether subgroups are analysed."""
    yield from unstated(case.protocol.analysis.subgroups, "/analysis/subgroups")


@rule("SAP-14", "information", "ambiguity", refs=("E9", "EMA-Covariates"), reads=("/analysis/covariate_term", "/design/allocation"))
def confounders(case: Case) -> Iterator[Hit]:
    """The covariates of a randomised trial are called confounders."""
    if known(case.protocol.design.allocation, "/design/allocation") != "RANDOMIZED":
        raise NotApplicable("/design/allocation")
    pointer = "/analysis/covariate_term"
    term = known(case.protocol.analysis.covariate_term, pointer)
    if term == "confounders":
        yield Hit(pointer, term, {}, (put(pointer, "prognostic_covariates"),))


@rule(
    "SAP-15",
    "error",
    "contradiction",
    refs=("SAP:16", "SAP:18"),
    reads=("/analysis/confidence_level", "/analysis/plans/*/alpha", "/analysis/plans/*/sidedness"),
)
def confidence_against_alpha(case: Case) -> Iterator[Hit]:
    """The confidence level is not 1 minus the two-sided significance level of a plan."""
    pointer, said = "/analysis/confidence_level", set[float]()
    level = known(case.protocol.analysis.confidence_level, pointer)

    def judge(named: tuple[str, Plan]) -> Iterator[Hit]:
        place, plan = child(PLANS, named[0]), named[1]
        known(plan.sidedness, f"{place}/sidedness")
        alpha = known(plan.alpha, f"{place}/alpha")
        if not math.isclose(level, 1 - alpha, abs_tol=1e-9) and alpha not in said:
            said.add(alpha)
            wanted = round(1 - alpha, 9)
            reason = Text(en="1 minus the significance level", es="1 menos el nivel de significación")
            values = {"plan": plan.label, "alpha": f"{alpha:g}", "wanted": f"{wanted:g}"}
            yield Hit(pointer, level, values, (put(pointer, {"derived": wanted, "from": reason.model_dump()}),))

    yield from judged(case.protocol.analysis.plans.items(), judge)


@rule(
    "SAP-16",
    "error",
    "contradiction",
    refs=("SPIRIT:19", "SAP:16", "DELTA2:2"),
    reads=(
        "/analysis/plans/*/alpha",
        "/analysis/plans/*/sidedness",
        "/sample_size/alpha",
        "/sample_size/sidedness",
        "/outcomes/*/level",
        "/contrasts",
    ),
)
def alpha_against_the_sample_size(case: Case) -> Iterator[Hit]:
    """A plan tests at another level per side than the sample size supposes, not explained by several tests sharing the level."""
    size = case.protocol.sample_size
    theirs = known(size.alpha, "/sample_size/alpha")
    sides = known(size.sidedness, "/sample_size/sidedness")
    n_primary = sum(outcome.level == "primary" for outcome in case.protocol.outcomes.values())
    shares = range(1, max(n_primary, 1) * len(case.protocol.contrasts) + 1)

    def judge(named: tuple[str, Plan]) -> Iterator[Hit]:
        place, plan = child(PLANS, named[0]), named[1]
        ours, own_sides = known(plan.alpha, f"{place}/alpha"), known(plan.sidedness, f"{place}/sidedness")
        if not any(math.isclose(ours / SIDES[own_sides], share * theirs / SIDES[sides], rel_tol=1e-9) for share in shares):
            values = {
                "plan": plan.label,
                "own": SIDES_SHOWN[own_sides],
                "alpha": f"{theirs:g}",
                "sides": SIDES_SHOWN[sides],
            }
            yield Hit(f"{place}/alpha", ours, values, (put(f"{place}/alpha", ASK),))

    yield from judged(case.protocol.analysis.plans.items(), judge)


@rule("SAP-17", "question", "gap", refs=("SAP:27c", "SAP:27d"), reads=("/analysis/assumption_checks",))
def assumption_checks(case: Case) -> Iterator[Hit]:
    """The source does not say how the assumptions of the models are checked."""
    yield from unstated(case.protocol.analysis.assumption_checks, "/analysis/assumption_checks")


@rule(
    "SAP-18",
    "question",
    "gap",
    refs=("SAP:19a", "SAP:19b", "SPIRIT:15c"),
    reads=("/analysis/adherence_analysis", "/outcomes/*/domain", "/interventions/*/adherence_measures"),
)
def adherence_analysis(case: Case) -> Iterator[Hit]:
    """Adherence is recorded and the source does not say how it, and its part in the effect, are analysed."""
    outcomes, interventions = case.protocol.outcomes.values(), case.protocol.interventions.values()
    if not any(outcome.domain.value == "adherence" for outcome in outcomes) and not any(
        each.adherence_measures.value for each in interventions
    ):
        raise NotApplicable("/outcomes", "/interventions")
    yield from unstated(case.protocol.analysis.adherence_analysis, "/analysis/adherence_analysis")


@rule(
    "SAP-19",
    "warning",
    "contradiction",
    refs=("SPIRIT:27c", "NRC2010"),
    reads=("/analysis/plans/*/imputation/variables", "/analysis/plans/*/covariates", "/analysis/plans/*/analyses/*/covariates"),
)
def imputation_leaves_out(case: Case) -> Iterator[Hit]:
    """The imputation model of an analysis leaves out one of its covariates."""
    placed = [each for each in analyses(case.protocol) if each.spec.imputes]
    if not placed:
        raise NotApplicable(PLANS)

    def judge(each: Placed) -> Iterator[Hit]:
        source = child(PLANS, each.spec.imputation_from) if each.spec.imputation_from else each.plan_at
        plan = case.protocol.analysis.plans[each.spec.imputation_from] if each.spec.imputation_from else each.plan
        pointer = f"{source}/imputation/variables"
        variables = known(plan.imputation.variables, pointer)
        absent = [name for name in each.covariates if name not in variables]
        if absent:
            reason = Text(en="It holds every covariate of the analysis.", es="Contiene todas las covariables del análisis.")
            mended = {"proposed": [*variables, *absent], "reason": reason.model_dump()}
            yield Hit(pointer, variables, {"analysis": each.spec.label, "absent": ", ".join(absent)}, (put(pointer, mended),))

    yield from judged(placed, judge)


@rule(
    "SAP-20",
    "warning",
    "risk",
    refs=("SPIRIT:27c",),
    reads=("/analysis/plans/*/imputation/m", "/sample_size/attrition"),
)
def few_imputations(case: Case) -> Iterator[Hit]:
    """There are fewer imputations than percent of missing outcomes expected."""
    plans = {each.plan_at: each.plan for each in analyses(case.protocol) if each.spec.missing_data == "multiple_imputation"}
    if not plans:
        raise NotApplicable(PLANS)
    loss = loss_of(case)
    least = math.ceil(round(100 * loss, 6))

    def judge(placed: tuple[str, Plan]) -> Iterator[Hit]:
        at, plan = placed
        m = known(plan.imputation.m, f"{at}/imputation/m")
        if m < least:
            reason = Text(en="One imputation per percent of missing outcomes.", es="Una imputación por cada 1 % de desenlaces faltantes.")
            mended = {"proposed": least, "reason": reason.model_dump()}
            values = {"plan": plan.label, "number": str(m), "loss": percent(loss), "least": str(least)}
            yield Hit(f"{at}/imputation/m", m, values, (put(f"{at}/imputation/m", mended),))

    yield from judged(plans.items(), judge)


@rule(
    "SAP-21",
    "warning",
    "risk",
    refs=("SPIRIT:27c", "NRC2010"),
    reads=("/sample_size/attrition", "/schedule/visits", "/outcomes/*/visits", "/outcomes/*/measured_at", "/outcomes/*/arms"),
)
def nothing_recorded_before_the_loss(case: Case) -> Iterator[Hit]:
    """More than 20 % loss is expected and no outcome is recorded between baseline and the visit of a primary analysis."""
    loss = loss_of(case)
    if loss <= LARGE_LOSS:
        raise NotApplicable(ATTRITION)
    weeks = {visit.id: visit.week for visit in case.protocol.schedule.visits}
    everywhere = [each for each in case.protocol.outcomes.values() if set(case.protocol.arm_ids) <= set(each.arms or case.protocol.arm_ids)]
    recorded = {weeks[visit] for each in everywhere for visit in (*each.visits, *(each.measured_at.value or ())) if visit in weeks}
    for visit in dict.fromkeys(each.spec.visit for each in analyses(case.protocol, "primary")):
        if not any(0 < week < weeks[visit] for week in recorded):
            values = {"visit": case.protocol.visit(visit).label, "loss": percent(loss)}
            yield Hit(f"/schedule/visits/{case.protocol.visit_ids.index(visit)}", visit, values, (put("/schedule/visits/-", ASK),))


@rule(
    "SAP-22",
    "question",
    "gap",
    refs=("SPIRIT:25b",),
    reads=("/data_management/participant_retention", "/sample_size/attrition"),
)
def retention(case: Case) -> Iterator[Hit]:
    """How participants are kept in the trial is a gap."""
    loss = case.protocol.sample_size.attrition
    expected = percent(loss.value) if loss.value is not None else loss
    yield from gap(case.protocol.data_management.participant_retention, "/data_management/participant_retention", loss=expected)


@rule(
    "SAP-23",
    "warning",
    "risk",
    refs=("CONSORT-NPT", "CONSORT-Cluster", "SPIRIT:27a"),
    reads=("/randomisation/unit", "/interventions/*/format", "/interventions/*/programme/live_session_group_size"),
)
def clusters_ignored(case: Case) -> Iterator[Hit]:
    """Clusters are randomised or an intervention is given in groups, and the analyses treat participants as independent."""
    unit, missing = case.protocol.randomisation.unit, []
    if unit.value == "cluster":
        whole = Text(en="Whole clusters are randomised", es="Se aleatorizan conglomerados completos")
        yield Hit("/randomisation/unit", unit, {"grouping": whole})
    elif not unit.known:
        missing.append("/randomisation/unit")
    given = {name for arm in case.protocol.arms for name in arm.interventions}
    if not given:
        missing.append("/interventions")
    for name, each in case.protocol.interventions.items():
        field, fact, grouped = _grouping(each)
        pointer = f"{child('/interventions', name)}/{field}"
        if name in given and grouped:
            in_groups = Text(en=f"{each.label.en} is given in groups", es=f"{each.label.es} se imparte en grupo")
            yield Hit(pointer, fact, {"grouping": in_groups})
        elif name in given and not fact.known and each.type.value not in NEVER_IN_GROUPS:
            missing.append(pointer)
    if missing:
        raise CannotRun(*missing)


def _grouping(intervention: Intervention) -> tuple[str, Fact[Any], bool]:
    """Return where it stands whether an intervention is given in groups, the fact there, and whether it says so."""
    if intervention.programme is not None and intervention.programme.live_session_group_size.known:
        size = intervention.programme.live_session_group_size
        return "programme/live_session_group_size", size, (size.value or 0) > 1
    return "format", intervention.format, intervention.format.value in ("group", "individual_and_group")


@rule(
    "SAP-24",
    "error",
    "contradiction",
    refs=("E9", "EMA-Covariates", "FDA-Covariates"),
    reads=("/analysis/plans/*/covariates", "/analysis/plans/*/analyses/*/covariates", "/schedule/visits/*/week"),
)
def covariate_after_randomisation(case: Case) -> Iterator[Hit]:
    """A covariate is an outcome recorded after its baseline visit, and so after randomisation."""
    weeks = {visit.id: visit.week for visit in case.protocol.schedule.visits}
    lists = dict.fromkeys((each.covariates_at, each.covariates) for each in analyses(case.protocol))
    for at, names in lists:
        for index, name in enumerate(names):
            outcome, _, visit = name.partition("@")
            baseline = case.protocol.outcomes[outcome].baseline if visit else None
            if visit and visit != baseline and weeks[visit] > 0:
                values = {"visit": case.protocol.visit(visit).label, "outcome": case.protocol.outcomes[outcome].label}
                yield Hit(child(at, index), name, values, (put(at, ASK),))


@rule("SAP-25", "question", "gap", refs=("SAP:18", "CONSORT:26"), reads=("/analysis/confidence_level",))
def confidence_level(case: Case) -> Iterator[Hit]:
    """The source does not state the confidence level of the intervals."""
    yield from unstated(case.protocol.analysis.confidence_level, "/analysis/confidence_level")


@rule("SAP-26", "question", "gap", refs=("SAP:27b", "SPIRIT:27a"), reads=("/analysis/covariate_selection",))
def covariate_selection(case: Case) -> Iterator[Hit]:
    """How covariates are chosen is a gap."""
    yield from gap(case.protocol.analysis.covariate_selection, "/analysis/covariate_selection")


@rule("SAP-27", "question", "gap", refs=("SAP:31",), reads=("/analysis/software",))
def software(case: Case) -> Iterator[Hit]:
    """The source does not name the statistical software."""
    yield from unstated(case.protocol.analysis.software, "/analysis/software")


@rule(
    "SAP-28", "question", "gap", refs=("SPIRIT:5",), reads=("/analysis/plans/*/analysis_seed", "/analysis/plans/*/analyses/*/missing_data")
)
def seed(case: Case) -> Iterator[Hit]:
    """A plan draws imputations and has no seed."""
    plans = {each.plan_at: each.plan for each in analyses(case.protocol) if each.spec.missing_data == "multiple_imputation"}
    if not plans:
        raise NotApplicable(PLANS)
    for at, plan in plans.items():
        yield from gap(plan.analysis_seed, f"{at}/analysis_seed", plan=plan.label)
