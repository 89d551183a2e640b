"""Rules on harms (HRM)."""

from collections.abc import Iterator

from odisea.protocol.rules.outcomes import assessed, listed
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, gap, known, put, rule

OF_HARM = frozenset({"harms", "harm", "safety", "adverse_events", "tolerability", "mortality", "death", "survival"})
"""Domains of outcomes that count harms."""
WORDS_OF_HARM = ("harm", "adverse", "safety", "side_effect")
"""Parts of the codes of activities that collect harms."""


@rule("HRM-01", "question", "gap", refs=("SPIRIT:17", "CONSORT:15"), reads=("/harms/definition",))
def definition(case: Case) -> Iterator[Hit]:
    """Harms are not defined."""
    yield from gap(case.protocol.harms.definition, "/harms/definition")


@rule("HRM-02", "question", "gap", refs=("SPIRIT:17", "CONSORT-Harms"), reads=("/harms/collection",))
def collection(case: Case) -> Iterator[Hit]:
    """How and how often harms are collected is missing."""
    yield from gap(case.protocol.harms.collection, "/harms/collection")


@rule("HRM-03", "question", "gap", refs=("SPIRIT:17", "CONSORT-Harms"), reads=("/harms/grading",))
def grading(case: Case) -> Iterator[Hit]:
    """How severity, seriousness and relation of harms are judged is missing."""
    yield from gap(case.protocol.harms.grading, "/harms/grading")


@rule("HRM-04", "question", "gap", refs=("SPIRIT:17", "SPIRIT:9a"), reads=("/harms/events_of_interest",))
def events_of_interest(case: Case) -> Iterator[Hit]:
    """The harms that are expected and asked for are not listed."""
    yield from gap(case.protocol.harms.events_of_interest, "/harms/events_of_interest")


@rule("HRM-05", "warning", "risk", refs=("SPIRIT:10", "SPIRIT:16"), reads=("/outcomes/*/domain", "/design/aims"))
def no_objective_on_harms(case: Case) -> Iterator[Hit]:
    """Neither an outcome nor an aim of the trial concerns harms."""
    outcomes = case.protocol.outcomes
    if any(outcome.domain.value in OF_HARM for outcome in outcomes.values()) or "safety" in (case.protocol.design.aims.value or ()):
        return
    known(case.protocol.design.aims, "/design/aims")
    unknown = [f"/outcomes/{name}/domain" for name, outcome in outcomes.items() if not outcome.domain.known]
    if unknown:
        raise CannotRun(*unknown)
    labels = listed([outcome.label for outcome in outcomes.values()])
    yield Hit("/outcomes", tuple(outcomes), {"labels": labels}, (put("/outcomes/harms", ASK),))


@rule("HRM-06", "question", "gap", refs=("SPIRIT:27a", "SAP:30"), reads=("/analysis/harms_analysis",))
def analysis_of_harms(case: Case) -> Iterator[Hit]:
    """The source does not say how harms are analysed; fires on a proposed analysis too."""
    fact = case.protocol.analysis.harms_analysis
    if not fact.known or fact.status == "proposed":
        yield Hit("/analysis/harms_analysis", fact, {}, (put("/analysis/harms_analysis", ASK),))


@rule(
    "HRM-07",
    "warning",
    "contradiction",
    refs=("SPIRIT:17", "SPIRIT:18"),
    reads=(
        "/harms/events_of_interest",
        "/schedule/visits/*/activities",
        "/schedule/weekly",
        "/schedule/continuous",
        "/outcomes/*/measured_at",
    ),
)
def no_place_in_the_schedule(case: Case) -> Iterator[Hit]:
    """Harms are listed, no activity of the schedule collects them, and no outcome on harms is measured at a visit."""
    events = known(case.protocol.harms.events_of_interest, "/harms/events_of_interest")
    schedule = case.protocol.schedule
    activities = [*schedule.continuous, *schedule.weekly, *(each for visit in schedule.visits for each in visit.activities)]
    if not events or any(word in activity for activity in activities for word in (*WORDS_OF_HARM, *events)):
        return
    measured = {name: outcome.domain.value for name, outcome in case.protocol.outcomes.items() if assessed(outcome)}
    if any(domain in OF_HARM for domain in measured.values()):
        return
    unknown = [f"/outcomes/{name}/domain" for name, domain in measured.items() if domain is None]
    if unknown:
        raise CannotRun(*unknown)
    values = {"events": ", ".join(events), "activities": ", ".join(dict.fromkeys(activities))}
    yield Hit("/schedule", events, values, (put("/schedule/weekly/-", ASK),))
