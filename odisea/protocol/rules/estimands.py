"""Rules on estimands: what effect is estimated, in whom, and what happens to it after intercurrent events (EST)."""

from collections.abc import Iterator

from odisea.protocol.fact import Text
from odisea.protocol.labels import FIELDS
from odisea.protocol.model import Protocol
from odisea.protocol.plan import AnalysisSpec
from odisea.protocol.rules.outcomes import listed
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, Patch, gap, known, put, rule
from odisea.protocol.sections import Estimand, IntercurrentEvent

SUMMARIES = {
    "mean_difference": "difference_in_means",
    "log_odds_ratio": "odds_ratio",
    "risk_difference": "risk_difference",
    "log_risk_ratio": "risk_ratio",
    "marginal_log_odds_ratio": "odds_ratio",
}
"""By measure of an analysis: the summary measure of the estimand that it estimates."""
FOLLOWS_ITS_ESTIMAND = ("primary", "sensitivity", "secondary")
"""Roles of analyses that estimate what their estimand says; supplementary and exploratory ones may look at something else."""
POLICY = ("treatment_policy_mean", "marginal_risk_difference", "marginal_log_risk_ratio", "marginal_log_odds_ratio")
"""Truths that count every recorded value, whatever happened after randomisation."""
MOST_NAMED = 4
WORDS_OF_MISSING = ("missing", "lost_to_follow", "loss_to_follow", "no_outcome")
WORDS_OF_TREATMENT = ("dose", "session", "class", "tablet", "medic", "treatment")
"""Missing one of these is an event, not a gap in the data."""
WORDS_OF_DEATH = ("death", "died", "dies", "mortality")


@rule("EST-01", "question", "gap", refs=("E9R1", "E6R3:B.10.4", "SPIRIT:10"), reads=("/objectives/*/level", "/estimands/*/objective"))
def no_estimand(case: Case) -> Iterator[Hit]:
    """A primary objective has no estimand."""
    primary = {place: each for place, each in enumerate(case.protocol.objectives) if each.level == "primary"}
    if not primary:
        raise CannotRun("/objectives")
    answered = {estimand.objective for estimand in case.protocol.estimands}
    for place, objective in primary.items():
        if objective.id not in answered:
            yield Hit(f"/objectives/{place}", None, {"objective": objective.text}, (put("/estimands/-", ASK),), ("/estimands",))


@rule(
    "EST-02",
    "question",
    "gap",
    refs=("E9R1",),
    reads=tuple(f"/estimands/*/{field}" for field in ("population", "summary", "visit", "outcome")),
)
def attribute(case: Case) -> Iterator[Hit]:
    """An attribute of an estimand is missing: its population, its summary measure, or the visit of its variable."""
    for place, estimand in _estimands(case.protocol):
        pointer = f"/estimands/{place}"
        yield from gap(estimand.population, f"{pointer}/population", label=estimand.label, element=FIELDS["population"])
        yield from gap(estimand.summary, f"{pointer}/summary", label=estimand.label, element=FIELDS["summary"])
        if estimand.visit is None and case.protocol.outcomes[estimand.outcome].kind != "time_to_event":
            element = Text(en="visit of the outcome", es="visita del desenlace")
            yield Hit(f"{pointer}/visit", None, {"label": estimand.label, "element": element}, (put(f"{pointer}/visit", ASK),))


@rule("EST-03", "question", "gap", refs=("E9R1", "E6R3:B.10.4"), reads=("/estimands/*/intercurrent_events/*/strategy",))
def no_strategy(case: Case) -> Iterator[Hit]:
    """An intercurrent event has no strategy; one hit for an event, whatever the number of estimands that name it."""
    open_events: dict[str, list[tuple[str, Estimand, IntercurrentEvent]]] = {}
    for pointer, estimand, event in _events(case.protocol):
        if not event.strategy.known and not _is_missing_data(event):
            open_events.setdefault(event.event, []).append((f"{pointer}/strategy", estimand, event))
    for found in open_events.values():
        (first, _, event), *others = found
        values = {"event": event.label, "estimands": listed([estimand.label for _, estimand, _ in found])}
        patch = tuple(put(pointer, ASK) for pointer, _, _ in found)
        yield Hit(first, event.strategy, values, patch, tuple(pointer for pointer, _, _ in others))


@rule("EST-04", "error", "contradiction", refs=("E9R1",), reads=("/estimands/*/intercurrent_events/*/event",))
def missing_data_as_event(case: Case) -> Iterator[Hit]:
    """Missing data are listed as an intercurrent event."""
    for pointer, estimand, event in _events(case.protocol):
        if _is_missing_data(event):
            values = {"event": event.label, "label": estimand.label}
            yield Hit(f"{pointer}/event", event.event, values, (Patch("remove", pointer),), (f"{pointer}/strategy",))


@rule(
    "EST-05",
    "error",
    "contradiction",
    refs=("E9R1", "SPIRIT:25b"),
    reads=("/data_management/outcomes_after_discontinuation", "/estimands/*/intercurrent_events/*/strategy"),
)
def policy_without_data(case: Case) -> Iterator[Hit]:
    """The treatment policy strategy is chosen, and outcomes are not collected after stopping the intervention."""
    pointer = "/data_management/outcomes_after_discontinuation"
    collected = case.protocol.data_management.outcomes_after_discontinuation
    if known(collected, pointer):
        return
    events = list(_events(case.protocol))
    labels = {event.event: event.label for _, _, event in events if event.strategy.value == "treatment_policy"}
    if labels:
        yield Hit(pointer, collected, {"events": listed(list(labels.values()))}, (put(pointer, True),))
    _refuse_open_strategies(events)


@rule("EST-06", "question", "gap", refs=("SPIRIT:25b", "E9R1"), reads=("/data_management/outcomes_after_discontinuation",))
def data_after_stopping(case: Case) -> Iterator[Hit]:
    """Whether outcomes are still collected after stopping the intervention is missing."""
    yield from gap(case.protocol.data_management.outcomes_after_discontinuation, "/data_management/outcomes_after_discontinuation")


@rule(
    "EST-07",
    "warning",
    "contradiction",
    refs=("E9R1", "E6R3:B.10.4"),
    reads=("/estimands/*/intercurrent_events/*/strategy", "/analysis/plans/*/analyses/*/truth"),
)
def other_strategy_than_analysed(case: Case) -> Iterator[Hit]:
    """An event has another strategy than treatment policy, and the planned analysis uses the values whatever happened."""
    analyses: dict[str, list[AnalysisSpec]] = {}
    for _, spec in _analyses(case.protocol):
        if spec.estimand and spec.truth in POLICY and spec.role in FOLLOWS_ITS_ESTIMAND:
            analyses.setdefault(spec.estimand, []).append(spec)
    if not analyses:
        raise NotApplicable("/analysis/plans")
    unknown: list[str] = []
    for pointer, estimand, event in _events(case.protocol):
        if estimand.id not in analyses or event.strategy.value == "treatment_policy":
            continue
        if event.strategy.value is None:
            unknown.append(f"{pointer}/strategy")
            continue
        specs = {spec.id: spec.label for spec in analyses[estimand.id]}
        values = {"event": event.label, "label": estimand.label, "analyses": listed(list(specs.values()))}
        yield Hit(f"{pointer}/strategy", event.strategy, values, (put(f"{pointer}/strategy", ASK),))
    if unknown:
        raise CannotRun(*unknown)


@rule(
    "EST-08",
    "warning",
    "ambiguity",
    refs=("DELTA2:3", "SPIRIT-Outcomes:12.2", "SPIRIT-Outcomes:14.1"),
    reads=("/important_difference", "/sample_size/target_difference", "/hypothesis/difference"),
)
def individual_as_between_arms(case: Case) -> Iterator[Hit]:
    """The change that matters to one person also serves as the difference between arms."""
    for pointer, value in _same_number(case.protocol):
        level = known(case.protocol.important_difference.level, "/important_difference/level")
        if level == "individual":
            yield Hit(pointer, value, {"number": value}, (put(pointer, ASK),))


@rule(
    "EST-09",
    "question",
    "ambiguity",
    refs=("DELTA2:3", "SPIRIT-Outcomes:12.2", "SPIRIT-Outcomes:14.1"),
    reads=("/important_difference", "/sample_size/target_difference", "/hypothesis/difference"),
)
def level_of_the_difference(case: Case) -> Iterator[Hit]:
    """The important difference and the difference between arms are one number, and it is not said whose difference it is."""
    pointer, level = "/important_difference/level", case.protocol.important_difference.level
    for _, value in _same_number(case.protocol):
        yield from gap(level, pointer, number=value)
        break


@rule(
    "EST-10",
    "error",
    "contradiction",
    refs=("E9R1", "SPIRIT:27a"),
    reads=("/analysis/plans/*/analyses/*/measure", "/analysis/plans/*/analyses/*/estimand", "/estimands/*/summary"),
)
def other_summary(case: Case) -> Iterator[Hit]:
    """A primary, sensitivity or secondary analysis gives another summary measure than its estimand names."""
    unknown: dict[str, None] = {}
    for pointer, spec, place, estimand in _with_estimand(case.protocol):
        if estimand.summary.value is None:
            unknown[f"/estimands/{place}/summary"] = None
        elif SUMMARIES[spec.measure] != estimand.summary.value:
            values = {"analysis": spec.label, "label": estimand.label, "summary": estimand.summary}
            yield Hit(f"{pointer}/measure", spec.measure, values, (put(f"{pointer}/measure", ASK),))
    if unknown:
        raise CannotRun(*unknown)


@rule(
    "EST-11",
    "question",
    "gap",
    refs=("E9R1", "SPIRIT:15b"),
    reads=("/objectives/*/level", "/outcomes/*/level", "/estimands/*/intercurrent_events"),
)
def no_event_considered(case: Case) -> Iterator[Hit]:
    """An estimand of the primary objective or of a primary outcome lists no intercurrent event."""
    primary = {objective.id for objective in case.protocol.objectives if objective.level == "primary"}
    for place, estimand in _estimands(case.protocol):
        of_primary = estimand.objective in primary or case.protocol.outcomes[estimand.outcome].level == "primary"
        if of_primary and not estimand.intercurrent_events:
            pointer = f"/estimands/{place}/intercurrent_events"
            yield Hit(pointer, (), {"label": estimand.label}, (put(pointer, ASK),))


@rule("EST-12", "error", "contradiction", refs=("E9R1",), reads=("/estimands/*/intercurrent_events/*",))
def policy_for_death(case: Case) -> Iterator[Hit]:
    """The treatment policy strategy is chosen for an event after which no value exists, such as death."""
    events = [found for found in _events(case.protocol) if any(word in found[2].event for word in WORDS_OF_DEATH)]
    for pointer, estimand, event in events:
        if event.strategy.value == "treatment_policy":
            values = {"event": event.label, "label": estimand.label}
            yield Hit(f"{pointer}/strategy", event.strategy, values, (put(f"{pointer}/strategy", ASK),))
    _refuse_open_strategies(events)


@rule(
    "EST-13",
    "warning",
    "contradiction",
    refs=("SPIRIT:27a", "DELTA2:1", "IMSS-Guide:IX"),
    reads=("/hypothesis/claim", "/hypothesis/difference", "/design/framework", "/design/margin", "/analysis/plans/*/alpha"),
)
def claims_more_than_is_tested(case: Case) -> Iterator[Hit]:
    """The hypothesis claims at least a certain difference, and the planned test of superiority asks for any difference."""
    claim = known(case.protocol.hypothesis.claim, "/hypothesis/claim")
    if claim != "at_least_the_difference":
        return
    if known(case.protocol.design.framework, "/design/framework") != "superiority" or case.protocol.design.margin.known:
        raise NotApplicable("/design/framework", "/design/margin")
    difference = known(case.protocol.hypothesis.difference, "/hypothesis/difference")
    levels = {plan.alpha.value for plan in case.protocol.analysis.plans.values() if plan.alpha.value is not None}
    evidence = None
    if len(levels) == 1:
        alpha = levels.pop()
        evidence = (
            f"If the true difference is {difference:g}, a two-sided test against it at {alpha:g} shows more in {alpha / 2:.1%} of trials."
        )
    yield Hit("/hypothesis/claim", claim, {"difference": difference}, (put("/hypothesis/claim", ASK),), evidence=evidence)


@rule("EST-14", "question", "gap", refs=("E9R1", "E6R3:B.10.4"), reads=("/analysis/plans/*/analyses/*/estimand",))
def analysis_without_estimand(case: Case) -> Iterator[Hit]:
    """Primary or secondary analyses of a plan name no estimand; one hit for a plan."""
    for name, plan in case.protocol.analysis.plans.items():
        bare = {
            f"/analysis/plans/{name}/analyses/{place}/estimand": spec
            for place, spec in enumerate(plan.analyses)
            if spec.role in ("primary", "secondary") and spec.estimand is None
        }
        if bare:
            names = [spec.id for spec in bare.values()]
            values = {
                "plan": plan.label,
                "count": len(bare),
                "analyses": ", ".join(names[:MOST_NAMED] + ["..."] * (len(names) > MOST_NAMED)),
            }
            yield Hit(next(iter(bare)), None, values, tuple(put(pointer, ASK) for pointer in bare))


@rule("EST-15", "information", "note", refs=("E9R1",), reads=("/estimands/*/intercurrent_events/*/strategy",))
def two_strategies(case: Case) -> Iterator[Hit]:
    """Two estimands of one outcome at one visit handle the same event by different strategies."""
    groups: dict[tuple[str, str | None, str, str], list[tuple[str, Estimand, IntercurrentEvent]]] = {}
    for found in _events(case.protocol):
        _, estimand, event = found
        groups.setdefault((estimand.outcome, estimand.visit, estimand.contrast, event.event), []).append(found)
    shared = [found for group in groups.values() if len(group) > 1 for found in group]
    for first, *others in groups.values():
        for pointer, estimand, event in others:
            strategies = {first[2].strategy.value, event.strategy.value}
            if len(strategies) > 1 and None not in strategies:
                values = {"event": event.label, "label": estimand.label, "other": first[1].label, "strategy": first[2].strategy}
                yield Hit(f"{pointer}/strategy", event.strategy, values)
    _refuse_open_strategies(shared)


def _estimands(protocol: Protocol) -> list[tuple[int, Estimand]]:
    if not protocol.estimands:
        raise CannotRun("/estimands")
    return list(enumerate(protocol.estimands))


def _events(protocol: Protocol) -> Iterator[tuple[str, Estimand, IntercurrentEvent]]:
    """Give every intercurrent event with its pointer and its estimand."""
    for place, estimand in _estimands(protocol):
        for number, event in enumerate(estimand.intercurrent_events):
            yield f"/estimands/{place}/intercurrent_events/{number}", estimand, event


def _refuse_open_strategies(events: list[tuple[str, Estimand, IntercurrentEvent]]) -> None:
    """Raise CannotRun where the strategy of an event is a gap."""
    unknown = [f"{pointer}/strategy" for pointer, _, event in events if not event.strategy.known]
    if unknown:
        raise CannotRun(*unknown)


def _is_missing_data(event: IntercurrentEvent) -> bool:
    return any(word in event.event for word in WORDS_OF_MISSING) and not any(word in event.event for word in WORDS_OF_TREATMENT)


def _analyses(protocol: Protocol) -> Iterator[tuple[str, AnalysisSpec]]:
    for name, plan in protocol.analysis.plans.items():
        for place, spec in enumerate(plan.analyses):
            yield f"/analysis/plans/{name}/analyses/{place}", spec


def _with_estimand(protocol: Protocol) -> Iterator[tuple[str, AnalysisSpec, int, Estimand]]:
    """Give every analysis that must estimate what its estimand says, with that estimand and its place."""
    places = {estimand.id: place for place, estimand in enumerate(protocol.estimands)}
    found = [(pointer, spec, spec.estimand) for pointer, spec in _analyses(protocol) if spec.role in FOLLOWS_ITS_ESTIMAND]
    if not any(named for _, _, named in found):
        raise CannotRun("/estimands")
    for pointer, spec, named in found:
        if named in places:
            yield pointer, spec, places[named], protocol.estimands[places[named]]


def _same_number(protocol: Protocol) -> Iterator[tuple[str, float]]:
    """Give the planned differences between arms that equal the important difference of the same outcome."""
    important, size, hypothesis = protocol.important_difference, protocol.sample_size, protocol.hypothesis
    value = known(important.value, "/important_difference/value")
    if important.outcome is None:
        raise CannotRun("/important_difference/outcome")
    planned = {"/sample_size/target_difference": size.target_difference, "/hypothesis/difference": hypothesis.difference}
    if not any(fact.known for fact in planned.values()):
        raise CannotRun(*planned)
    for (pointer, fact), outcome in zip(planned.items(), (size.outcome, hypothesis.outcome), strict=True):
        if fact.value is not None and abs(fact.value) == abs(value) and outcome == important.outcome:
            yield pointer, value
