"""Rules on outcomes and the instruments that measure them (OUT)."""

import math
from collections.abc import Iterator
from typing import Any

from odisea.protocol.fact import Fact, Text
from odisea.protocol.labels import FIELDS
from odisea.protocol.model import Outcome, Protocol
from odisea.protocol.plan import ResponderRule
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, gap, known, put, rule
from odisea.protocol.rules.texts import shown

FEWEST_ASSESSMENTS = 3
MOST_STEPS = 1e6
"""No score has more steps than that; a bound beyond them is taken as it stands."""
COARSE_STEPS = 10
"""A threshold of at most so many steps of the score is met exactly by a share of participants that matters."""
OWN_DATE = frozenset({"mortality", "death", "survival", "hospitalisation", "harms"})
"""Domains whose events carry a date of their own, whatever the visits."""
OF_EXPERIENCE = frozenset({"satisfaction", "adherence", "acceptability"})
"""Domains that only those can answer who have already met the intervention."""
GOES_ON = frozenset({"DRUG", "BIOLOGICAL", "GENETIC", "DIETARY_SUPPLEMENT", "COMBINATION_PRODUCT"})
"""Kinds of intervention that in practice often go on, so that an assessment under treatment can be the last."""
LASTING = 26
"""Weeks after which an effect is no longer only one of the first weeks, even under the intervention."""
CORE_DOMAINS = {"low back pain": ("disability", "pain", "quality_of_life")}
"""By words of the condition: what a core outcome set asks every trial to measure (recalled)."""
DOMAINS = {
    "disability": Text(en="disability", es="discapacidad"),
    "pain": Text(en="pain", es="dolor"),
    "quality_of_life": Text(en="health-related quality of life", es="calidad de vida relacionada con la salud"),
}
BOUNDS = {"lower_better": (("ge", "gt", "between"), ("lt", "le")), "higher_better": (("le", "lt", "between"), ("gt", "ge"))}
"""By direction: the comparisons that keep the best scores out, of inclusion and of exclusion criteria."""
OUTSIDE = {("inclusion", True): "gt", ("inclusion", False): "lt", ("exclusion", True): "le", ("exclusion", False): "ge"}
"""The comparison among them that keeps its own bound out too, by list and by whether less is better."""


@rule("OUT-01", "error", "contradiction", refs=("SPIRIT:16", "DELTA2:1"), reads=("/outcomes/*/level",))
def no_primary_outcome(case: Case) -> Iterator[Hit]:
    """No outcome is primary."""
    if not primary_outcomes(case.protocol):
        levels = {name: outcome.level for name, outcome in case.protocol.outcomes.items()}
        yield Hit("/outcomes", levels)


@rule(
    "OUT-02",
    "question",
    "gap",
    refs=("SPIRIT:16", "SPIRIT-Outcomes:20a.1", "SAP:17"),
    reads=("/outcomes/*/level", "/sample_size/multiplicity", "/analysis/plans/*/multiplicity"),
)
def several_primary_outcomes(case: Case) -> Iterator[Hit]:
    """Several outcomes are primary, and nothing says how their tests share the significance level."""
    protocol = case.protocol
    names = primary_outcomes(protocol)
    handled = [protocol.sample_size.multiplicity, *(plan.multiplicity for plan in protocol.analysis.plans.values())]
    if len(names) > 1 and not any(fact.known for fact in handled):
        pointers = [f"/outcomes/{name}/level" for name in names]
        yield Hit(pointers[1], names, {"count": len(names)}, (put(pointers[1], ASK),), tuple(pointers[2:]))


@rule(
    "OUT-03",
    "question",
    "gap",
    refs=("SPIRIT:16", "SPIRIT-Outcomes:12.4"),
    reads=tuple(f"/outcomes/*/{field}" for field in ("level", "domain", "aggregation", "definition", "measured_at", "time_frame")),
)
def primary_element(case: Case) -> Iterator[Hit]:
    """An element of a primary outcome is missing: domain, aggregation, definition, time of measurement."""
    for name in _some_primary(case.protocol):
        outcome = case.protocol.outcomes[name]
        for field in ("domain", "aggregation", "definition"):
            yield from gap(getattr(outcome, field), f"/outcomes/{name}/{field}", label=outcome.label, element=FIELDS[field])
        yield from _no_time(name, outcome, element=FIELDS["measured_at"])


@rule("OUT-04", "question", "gap", refs=("SPIRIT:16", "SAP:26c"), reads=("/outcomes/*/direction", "/instruments/*/direction"))
def no_direction(case: Case) -> Iterator[Hit]:
    """Whether more or less is better is not said for an outcome."""
    for name, outcome in case.protocol.outcomes.items():
        if outcome.direction is None:
            pointer = f"/outcomes/{name}/direction"
            yield Hit(pointer, None, {"label": outcome.label}, (put(pointer, ASK),))


@rule(
    "OUT-05",
    "error",
    "contradiction",
    refs=("DELTA2:3",),
    reads=("/sample_size/target_difference", "/hypothesis/difference", "/outcomes/*/range", "/instruments/*/range"),
)
def difference_out_of_range(case: Case) -> Iterator[Hit]:
    """The difference between arms that is planned for is wider than the whole scale."""
    size, hypothesis = case.protocol.sample_size, case.protocol.hypothesis
    unknown: list[str] = []
    applies = False
    for pointer, name, fact in (
        ("/sample_size/target_difference", size.outcome, size.target_difference),
        ("/hypothesis/difference", hypothesis.outcome, hypothesis.difference),
    ):
        if name is None or fact.value is None:
            unknown.append(pointer)
            continue
        outcome = case.protocol.outcomes[name]
        if outcome.kind in ("time_to_event", "count"):
            continue
        applies = True
        if outcome.kind != "binary" and outcome.range.value is None:
            unknown.append(f"/outcomes/{name}/range")
            continue
        low, high = outcome.range.value or (0.0, 1.0)
        if abs(fact.value) > high - low:
            yield Hit(pointer, fact, {"label": outcome.label, "low": low, "high": high, "width": high - low}, (put(pointer, ASK),))
    if unknown:
        raise CannotRun(*unknown)
    if not applies:
        raise NotApplicable("/sample_size/outcome")


@rule(
    "OUT-06", "question", "gap", refs=("SPIRIT-Outcomes:12.2", "SPIRIT-Outcomes:12.3", "SAP:26c"), reads=("/analysis/plans/*/responder/*",)
)
def responder_rule_not_stated(case: Case) -> Iterator[Hit]:
    """A responder analysis is planned, and the source does not say who is a responder; fires on a proposed rule too."""
    for name, facts in _responder_rules(case.protocol).items():
        if all(_unsourced(fact) for fact in facts.values()):
            pointer, *others = facts
            values = {"label": case.protocol.outcomes[name].label, "used": _used(facts[pointer])}
            yield Hit(pointer, facts[pointer], values, tuple(put(each, ASK) for each in facts), tuple(others))


@rule(
    "OUT-07",
    "information",
    "note",
    refs=("SPIRIT-Outcomes:12.3",),
    reads=("/analysis/plans/*/responder/*", "/instruments/*/items", "/outcomes/*/resolution"),
)
def threshold_on_the_grid(case: Case) -> Iterator[Hit]:
    """A responder threshold that the source does not state as `at least` is a value that many participants reach exactly."""
    unknown: list[str] = []
    for name, facts in _responder_rules(case.protocol).items():
        step = _step(case.protocol, name)
        for threshold, pointer in _thresholds(facts, only_open=True).items():
            if step is None:
                unknown.append(f"/outcomes/{name}/resolution")
                continue
            steps = threshold / step
            if steps <= COARSE_STEPS and abs(steps - round(steps)) < 1e-9:
                values = {"label": case.protocol.outcomes[name].label, "threshold": threshold, "step": step, "following": threshold + step}
                yield Hit(pointer, facts[pointer], values)
        unknown.extend(pointer for pointer, fact in facts.items() if not fact.known)
    if unknown:
        raise CannotRun(*unknown)


@rule(
    "OUT-08",
    "warning",
    "risk",
    refs=("SPIRIT:14a", "SPIRIT-Outcomes:12.3"),
    reads=("/analysis/plans/*/responder/*", "/population/inclusion/*/check", "/population/exclusion/*/check", "/outcomes/*/range"),
)
def some_cannot_respond(case: Case) -> Iterator[Hit]:
    """The entry criteria admit baseline scores too near the best end for a responder's improvement."""
    population = case.protocol.population
    if not population.inclusion and not population.exclusion:
        raise CannotRun("/population/inclusion")
    unknown: list[str] = []
    for name, facts in _responder_rules(case.protocol).items():
        outcome = case.protocol.outcomes[name]
        unknown.extend(pointer for pointer, fact in facts.items() if not fact.known)
        if outcome.range.value is None:
            unknown.append(f"/outcomes/{name}/range")
            continue
        for threshold in _thresholds(facts):
            yield from _too_good_to_improve(case.protocol, name, threshold)
    if unknown:
        raise CannotRun(*unknown)


@rule(
    "OUT-09",
    "error",
    "contradiction",
    refs=("SPIRIT:16", "SPIRIT:18"),
    reads=("/outcomes/*/kind", "/outcomes/*/domain", "/outcomes/*/measured_at", "/outcomes/*/visits", "/schedule"),
)
def too_few_assessments_for_a_time(case: Case) -> Iterator[Hit]:
    """A time-to-event outcome is assessed fewer than three times, and its events carry no date of their own."""
    schedule, unknown = case.protocol.schedule, []
    for name, outcome in _times_to_event(case.protocol).items():
        if name in (*schedule.continuous, *schedule.weekly) or outcome.domain.value in OWN_DATE:
            continue
        visits = assessed(outcome) or case.protocol.visit_ids
        if len(visits) < FEWEST_ASSESSMENTS and not outcome.domain.known:
            unknown.append(f"/outcomes/{name}/domain")  # its events may carry a date of their own
        elif len(visits) < FEWEST_ASSESSMENTS:
            pointer = f"/outcomes/{name}/{'measured_at' if outcome.measured_at.known else 'kind'}"
            yield Hit(pointer, visits, {"label": outcome.label, "count": len(visits), "fewest": FEWEST_ASSESSMENTS})
    if unknown:
        raise CannotRun(*unknown)


@rule("OUT-10", "question", "gap", refs=("SPIRIT:16", "SAP:26c"), reads=("/outcomes/*/kind", "/outcomes/*/definition"))
def event_not_defined(case: Case) -> Iterator[Hit]:
    """A time-to-event outcome below the primary has no definition of its event."""
    for name, outcome in _times_to_event(case.protocol).items():
        if outcome.level != "primary":
            yield from gap(outcome.definition, f"/outcomes/{name}/definition", label=outcome.label)


@rule(
    "OUT-11",
    "warning",
    "contradiction",
    refs=("SPIRIT:16", "SPIRIT:10"),
    reads=("/outcomes/*/arms", "/outcomes/*/level", "/contrasts"),
)
def not_comparable(case: Case) -> Iterator[Hit]:
    """A primary or secondary outcome is recorded in such arms only that no contrast can be formed from it."""
    protocol = case.protocol
    limited = {name: outcome for name, outcome in protocol.outcomes.items() if outcome.arms is not None}
    if not limited:
        raise NotApplicable("/outcomes")
    for name, outcome in limited.items():
        arms = set(outcome.arms or ())
        if outcome.level in ("primary", "secondary") and not any({each.arm, each.reference} <= arms for each in protocol.contrasts):
            others = tuple(arm for arm in protocol.arms if arm.id not in arms)
            values = {
                "label": outcome.label,
                "recorded": listed([protocol.arm(arm).label for arm in outcome.arms or ()]),
                "absent": listed([arm.label for arm in others]),
            }
            yield Hit(f"/outcomes/{name}/arms", outcome.arms, values)


@rule(
    "OUT-12",
    "question",
    "gap",
    refs=("SPIRIT:25a", "SAP:26b", "IMSS-Guide:X Methods E"),
    reads=("/instruments/*/version", "/instruments/*/language"),
)
def version_or_language(case: Case) -> Iterator[Hit]:
    """The version or the language of an instrument is missing."""
    yield from _of_instruments(case, "version", "language")


@rule(
    "OUT-13",
    "question",
    "gap",
    refs=("SPIRIT:25a", "SAP:26c"),
    reads=("/instruments/*/items", "/instruments/*/minimum_answered", "/instruments/*/missing_item_rule"),
)
def unanswered_items(case: Case) -> Iterator[Hit]:
    """The source does not say how a questionnaire with unanswered items is scored; fires on a proposed rule too."""
    with_items = {name: instrument for name, instrument in case.protocol.instruments.items() if instrument.items is not None}
    if not with_items:
        raise NotApplicable("/instruments")
    for name, instrument in with_items.items():
        for field in ("minimum_answered", "missing_item_rule"):
            fact, pointer = getattr(instrument, field), f"/instruments/{name}/{field}"
            if _unsourced(fact):
                yield Hit(pointer, fact, {"label": instrument.label, "element": FIELDS[field], "used": _used(fact)}, (put(pointer, ASK),))


@rule("OUT-14", "question", "gap", refs=("SPIRIT:25a", "SAP:26b"), reads=("/instruments/*/mode", "/instruments/*/recall_period"))
def mode_or_recall_period(case: Case) -> Iterator[Hit]:
    """The mode of administration or the recall period of an instrument is missing."""
    yield from _of_instruments(case, "mode", "recall_period")


@rule("OUT-15", "question", "gap", refs=("SPIRIT:25a",), reads=("/instruments/*/licence",))
def licence(case: Case) -> Iterator[Hit]:
    """Whether an instrument may be used is not said."""
    yield from _of_instruments(case, "licence")


@rule(
    "OUT-16",
    "question",
    "ambiguity",
    refs=("SPIRIT:14a", "SPIRIT:25a"),
    reads=(
        "/population/inclusion/*/check",
        "/population/exclusion/*/check",
        "/instruments/*/range",
        "/instruments/*/unit",
        "/outcomes/*/range",
    ),
)
def cut_on_an_open_scale(case: Case) -> Iterator[Hit]:
    """An eligibility criterion cuts on a scale whose range or unit the source does not give; fires on a proposed one too."""
    cuts = dict(_cuts_on_outcomes(case.protocol))
    if not cuts:
        raise NotApplicable("/population/inclusion")
    for name, (criterion, value) in cuts.items():
        unclear = {pointer: fact for pointer, fact in _scale(case.protocol, name).items() if _unsourced(fact)}
        if unclear:
            pointer, *others = unclear
            values = {"label": case.protocol.outcomes[name].label, "criterion": criterion, "value": value, "used": _used(unclear[pointer])}
            yield Hit(pointer, unclear[pointer], values, tuple(put(each, ASK) for each in unclear), tuple(others))


@rule("OUT-17", "question", "gap", refs=("SPIRIT:16", "SPIRIT:25a"), reads=("/outcomes/*/instrument", "/outcomes/*/definition"))
def neither_instrument_nor_definition(case: Case) -> Iterator[Hit]:
    """An outcome below the primary has no instrument and no definition, and is made of no components."""
    for name, outcome in case.protocol.outcomes.items():
        of_its_own = outcome.level == "primary" or outcome.kind == "time_to_event" or outcome.components
        if outcome.instrument is None and not of_its_own:
            yield from gap(outcome.definition, f"/outcomes/{name}/definition", label=outcome.label)


@rule(
    "OUT-18",
    "warning",
    "contradiction",
    refs=("SPIRIT:16", "SPIRIT:18"),
    reads=("/outcomes/*/domain", "/outcomes/*/measured_at", "/schedule/visits"),
)
def before_the_experience(case: Case) -> Iterator[Hit]:
    """An outcome on the experience of the intervention is measured before anyone has met it."""
    weeks = _weeks(case.protocol)
    of_experience = {name: outcome for name, outcome in case.protocol.outcomes.items() if outcome.domain.value in OF_EXPERIENCE}
    if not of_experience:
        raise NotApplicable("/outcomes")
    for name, outcome in of_experience.items():
        early = [visit for visit in assessed(outcome) if weeks.get(visit, 1) <= 0]
        if early:
            pointer = f"/outcomes/{name}/{'measured_at' if outcome.measured_at.known else 'visits'}"
            visits = listed([case.protocol.visit(visit).label for visit in early])
            yield Hit(pointer, assessed(outcome), {"label": outcome.label, "visits": visits}, (put(pointer, ASK),))


@rule(
    "OUT-19",
    "question",
    "gap",
    refs=("SPIRIT:16", "SPIRIT-Outcomes:12.5", "SAP:26c"),
    reads=("/outcomes/*/components", "/outcomes/*/formula", "/outcomes/*/definition"),
)
def components_without_formula(case: Case) -> Iterator[Hit]:
    """An outcome is made of several records, and nothing says how they are joined."""
    joined = {name: outcome for name, outcome in case.protocol.outcomes.items() if len(outcome.components) > 1}
    if not joined:
        raise NotApplicable("/outcomes")
    for name, outcome in joined.items():
        covers = () if outcome.definition.known else (f"/outcomes/{name}/definition",)
        values: dict[str, Any] = {"label": outcome.label, "count": len(outcome.components), "components": ", ".join(outcome.components)}
        yield from gap(outcome.formula, f"/outcomes/{name}/formula", covers=covers, **values)


@rule(
    "OUT-20",
    "warning",
    "risk",
    refs=("SPIRIT:16", "SPIRIT:18"),
    reads=("/interventions/*/duration_weeks", "/interventions/*/type", "/outcomes/*/measured_at", "/schedule/visits"),
)
def nothing_after_the_end(case: Case) -> Iterator[Hit]:
    """The last assessment, within half a year, is at the end of the longest intervention that is no lasting treatment."""
    protocol = case.protocol
    if not any(arm.interventions for arm in protocol.arms):
        raise CannotRun("/interventions")
    shared = set.intersection(*(set(arm.interventions) for arm in protocol.arms))
    given = {name for arm in protocol.arms for name in arm.interventions} - shared
    own = {name: each for name, each in protocol.interventions.items() if name in given and each.type.value not in GOES_ON}
    if not own:
        raise NotApplicable("/interventions")
    ends = [each.duration_weeks.value for each in own.values() if each.duration_weeks.value is not None]
    if not ends:
        raise CannotRun(*(f"/interventions/{name}/duration_weeks" for name in own))
    weeks = _weeks(protocol)
    last = max([weeks[visit] for outcome in protocol.outcomes.values() for visit in assessed(outcome) if visit in weeks] or weeks.values())
    if last == max(ends) and last < LASTING:
        place = list(weeks.values()).index(last)
        yield Hit(f"/schedule/visits/{place}/week", last, {"week": last, "end": max(ends)}, (put("/schedule/visits/-", ASK),))


@rule("OUT-21", "information", "note", refs=("COS-LBP",), reads=("/identification/conditions", "/outcomes/*/domain"))
def core_domain_absent(case: Case) -> Iterator[Hit]:
    """A domain that a core outcome set asks for in this condition is measured by no outcome."""
    conditions = known(case.protocol.identification.conditions, "/identification/conditions")
    core = [domains for words, domains in CORE_DOMAINS.items() if any(words in condition.lower() for condition in conditions)]
    if not core:
        raise NotApplicable("/identification/conditions")
    measured = {outcome.domain.value for outcome in case.protocol.outcomes.values()}
    absent = [domain for domains in core for domain in domains if domain not in measured]
    if absent and None in measured:
        raise CannotRun(*(f"/outcomes/{name}/domain" for name, outcome in case.protocol.outcomes.items() if not outcome.domain.known))
    for domain in absent:
        yield Hit("/outcomes", domain, {"domain": DOMAINS[domain], "conditions": ", ".join(conditions)})


@rule("OUT-22", "question", "ambiguity", refs=("SPIRIT:16", "SAP:26c"), reads=("/outcomes/*/level", "/outcomes/*/metric"))
def metric_not_stated(case: Case) -> Iterator[Hit]:
    """The metric of a primary outcome is missing: change, value at the visit, proportion or time."""
    for name in _some_primary(case.protocol):
        outcome = case.protocol.outcomes[name]
        yield from gap(outcome.metric, f"/outcomes/{name}/metric", label=outcome.label)


@rule(
    "OUT-23",
    "warning",
    "contradiction",
    refs=("SPIRIT:16", "SPIRIT:27a", "EMA-Covariates"),
    reads=("/outcomes/*/metric", "/analysis/plans/*/analyses", "/analysis/plans/*/covariates"),
)
def change_against_value(case: Case) -> Iterator[Hit]:
    """A primary outcome is the change from baseline, and its primary analysis takes the value without the baseline value beside it."""
    unknown: list[str] = []
    for name in _some_primary(case.protocol):
        outcome = case.protocol.outcomes[name]
        if outcome.metric.value is None:
            unknown.append(f"/outcomes/{name}/metric")
        if outcome.metric.value != "change_from_baseline":
            continue
        for plan_name, plan in case.protocol.analysis.plans.items():
            for spec in plan.analyses:
                if spec.outcome != name or spec.role != "primary" or spec.method != "ancova":
                    continue
                used = spec.covariates if spec.covariates is not None else plan.covariates.value
                if used is None:
                    unknown.append(f"/analysis/plans/{plan_name}/covariates")
                elif f"{name}@{outcome.baseline}" not in used:
                    values = {"label": outcome.label, "analysis": spec.label, "plan": plan.label}
                    yield Hit(f"/outcomes/{name}/metric", outcome.metric, values)
    if unknown:
        raise CannotRun(*unknown)


@rule("OUT-24", "question", "gap", refs=("SPIRIT:16",), reads=("/outcomes/*/measured_at", "/outcomes/*/visits", "/outcomes/*/time_frame"))
def secondary_without_time(case: Case) -> Iterator[Hit]:
    """An outcome below the primary has no time of measurement."""
    for name, outcome in case.protocol.outcomes.items():
        if outcome.level != "primary":
            yield from _no_time(name, outcome)


@rule("OUT-25", "question", "gap", refs=("SPIRIT-Outcomes:18a.2", "SPIRIT:25a"), reads=("/instruments/*/completed_by",))
def who_reports(case: Case) -> Iterator[Hit]:
    """Who gives the answers of an instrument is missing."""
    yield from _of_instruments(case, "completed_by")


def primary_outcomes(protocol: Protocol) -> tuple[str, ...]:
    """Return the names of the primary outcomes."""
    return tuple(name for name, outcome in protocol.outcomes.items() if outcome.level == "primary")


def assessed(outcome: Outcome) -> tuple[str, ...]:
    """Return the visits at which an outcome is measured, as far as the protocol says."""
    return outcome.measured_at.value or outcome.visits


def listed(texts: list[Text]) -> Text:
    """Return several labels as one text."""
    return Text(en="; ".join(text.en for text in texts), es="; ".join(text.es for text in texts))


def _some_primary(protocol: Protocol) -> tuple[str, ...]:
    names = primary_outcomes(protocol)
    if not names:
        raise NotApplicable("/outcomes")
    return names


def _times_to_event(protocol: Protocol) -> dict[str, Outcome]:
    found = {name: outcome for name, outcome in protocol.outcomes.items() if outcome.kind == "time_to_event"}
    if not found:
        raise NotApplicable("/outcomes")
    return found


def _weeks(protocol: Protocol) -> dict[str, float]:
    return {visit.id: visit.week for visit in protocol.schedule.visits}


def _unsourced(fact: Fact[Any]) -> bool:
    """Return whether the source gives no value: a gap, or our proposal."""
    return not fact.known or fact.status == "proposed"


def _no_time(name: str, outcome: Outcome, **values: Any) -> Iterator[Hit]:
    if not assessed(outcome) and not outcome.time_frame.known:
        covers = (f"/outcomes/{name}/time_frame",)
        yield from gap(outcome.measured_at, f"/outcomes/{name}/measured_at", covers=covers, label=outcome.label, **values)


def _of_instruments(case: Case, *fields: str) -> Iterator[Hit]:
    """Give the gaps of some fields of every instrument."""
    if not case.protocol.instruments:
        raise NotApplicable("/instruments")
    for name, instrument in case.protocol.instruments.items():
        for field in fields:
            yield from gap(getattr(instrument, field), f"/instruments/{name}/{field}", label=instrument.label, element=FIELDS[field])


def _responder_rules(protocol: Protocol) -> dict[str, dict[str, Fact[ResponderRule]]]:
    """Return, for each outcome that a planned analysis turns into responders, its rule in every plan by pointer."""
    found: dict[str, dict[str, Fact[ResponderRule]]] = {}
    for plan_name, plan in protocol.analysis.plans.items():
        for spec in plan.analyses:
            if spec.entry.binary and spec.outcome in plan.responder:
                pointer = f"/analysis/plans/{plan_name}/responder/{spec.outcome}"
                found.setdefault(spec.outcome, {})[pointer] = plan.responder[spec.outcome]
    if not found:
        raise NotApplicable("/analysis/plans")
    return found


def _thresholds(facts: dict[str, Fact[ResponderRule]], *, only_open: bool = False) -> dict[float, str]:
    """Return the thresholds of responder rules, each once, with where it stands first; `only_open`: those that no source states."""
    found: dict[float, str] = {}
    for pointer, fact in facts.items():
        points = fact.value.improvement_of_at_least if fact.value else None
        if points is not None and not (only_open and fact.status == "stated"):
            found.setdefault(points, pointer)
    return found


def responder_words(rule: ResponderRule, en: str = "", es: str = "") -> Text:
    """Return a responder rule in words, each language with an addition."""
    number = f"{rule.number:g}"
    words = {
        "improvement_of_at_least": (f"at least {number} points", f"al menos {number} puntos"),
        "percent_improvement_of_at_least": (f"at least {number} % of the baseline", f"al menos {number} % del valor inicial"),
        "attained": (f"a value of {number} or better", f"un valor de {number} o mejor"),
    }
    english, spanish = words[rule.rule]
    return Text(en=english + en, es=spanish + es)


def _used(fact: Fact[Any]) -> Text:
    """Return in words what stands in place of what the source should say."""
    if fact.value is None:
        return Text(en="nothing", es="nada")
    if isinstance(fact.value, ResponderRule):
        return responder_words(fact.value, " (our proposal)", " (propuesta nuestra)")
    return Text(en=f"{shown(fact.value)} (our proposal)", es=f"{shown(fact.value)} (propuesta nuestra)")


def _step(protocol: Protocol, name: str) -> float | None:
    """Return the step of an outcome's score: of complete questionnaires, else of the record."""
    instrument = protocol.instrument_of(name)
    if instrument is not None and instrument.items is not None:
        highest = instrument.items.range[1]
        return 100 / (instrument.items.count * highest) if highest > 0 else None
    return protocol.outcomes[name].resolution.value or None


def _too_good_to_improve(protocol: Protocol, name: str, threshold: float) -> Iterator[Hit]:
    """Give a hit where participants may enter who have less than the threshold left to improve."""
    outcome = protocol.outcomes[name]
    direction = outcome.direction or "lower_better"
    low, high = outcome.range.value or (0.0, 0.0)
    lower = direction == "lower_better"
    needed = low + threshold if lower else high - threshold
    pointer, limit = _entry_limit(protocol, f"{name}@{outcome.baseline}", direction)
    if limit is not None and (limit >= needed if lower else limit <= needed):
        return
    comparison = Text(en="at least", es="no menor de") if lower else Text(en="at most", es="no mayor de")
    entry = Text(en="no entry criterion asks for it", es="ningún criterio de ingreso lo exige")
    if limit is not None:
        words = ("from", "desde") if lower else ("up to", "hasta")
        entry = Text(en=f"the entry criteria admit {words[0]} {limit:g}", es=f"los criterios de ingreso admiten {words[1]} {limit:g}")
    values = {"label": outcome.label, "threshold": threshold, "needed": needed, "comparison": comparison, "entry": entry}
    yield Hit(pointer, limit, values, (put(pointer if limit is not None else "/population/inclusion/-", ASK),))


def _entry_limit(protocol: Protocol, variable: str, direction: str) -> tuple[str, float | None]:
    """Return where and at which score the criteria begin to admit, counted from the best end; None where they do not cut."""
    lower, step = direction == "lower_better", _step(protocol, variable.partition("@")[0]) or 0.0
    found: list[tuple[float, str]] = []
    for list_name, comparisons in zip(("inclusion", "exclusion"), BOUNDS[direction], strict=True):
        for place, criterion in enumerate(getattr(protocol.population, list_name)):
            check = criterion.check
            if check is None or check.variable != variable or check.op not in comparisons or isinstance(check.value, bool | str):
                continue
            value = check.value if isinstance(check.value, float) else check.value[0 if lower else 1]
            if check.op == OUTSIDE[list_name, lower] and abs(value) < step * MOST_STEPS:
                # the bound itself is kept out: the next score is the first
                steps = math.floor(value / step + 1e-9) + 1 if lower else math.ceil(value / step - 1e-9) - 1
                value = steps * step
            found.append((value, f"/population/{list_name}/{place}/check/value"))
    if not found:
        return "/population/inclusion", None
    limit, pointer = max(found) if lower else min(found)
    return pointer, limit


def _cuts_on_outcomes(protocol: Protocol) -> Iterator[tuple[str, tuple[Text, str]]]:
    """Give each outcome that an eligibility criterion cuts on, with the criterion and where it cuts."""
    for criterion in (*protocol.population.inclusion, *protocol.population.exclusion):
        check = criterion.check
        name = check.variable.partition("@")[0] if check and "@" in check.variable else None
        if check and name and protocol.outcomes[name].kind not in ("binary", "time_to_event"):
            values = check.value if isinstance(check.value, tuple) else (check.value,)
            yield name, (criterion.text, " - ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values))


def _scale(protocol: Protocol, name: str) -> dict[str, Fact[Any]]:
    """Return the facts that fix an outcome's scale: its own range, else range and unit of its instrument."""
    outcome, instrument = protocol.outcomes[name], protocol.instrument_of(name)
    if instrument is None or outcome.range.status == "stated":
        return {f"/outcomes/{name}/range": outcome.range}
    return {
        f"/instruments/{outcome.instrument}/range": instrument.range,
        f"/instruments/{outcome.instrument}/unit": instrument.unit,
    }
