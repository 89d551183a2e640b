"""Objectives with their endpoints, and estimands, of a protocol as USDM instances."""

from odisea.protocol.exports.usdm_terms import (
    ENDPOINT_LEVELS,
    NOT_STATED_TEXT,
    OBJECTIVE_LEVELS,
    Node,
    coded,
    instance,
    paragraph,
    said,
    stated,
)
from odisea.protocol.model import Outcome, Protocol
from odisea.protocol.sections import Estimand


def objectives(protocol: Protocol) -> list[Node]:
    """Return the `Objective`s, each with its endpoints.

    USDM keeps every endpoint under one objective. An outcome stands under the objective that names it and has its level,
    else under one that names it, else under one of its level, else under an objective of its level whose text is not stated.
    """
    homes = {name: _home(protocol, name) for name in protocol.outcomes}
    declared = [
        _objective(protocol, f"Objective_{place}", each.id, str(each.text), each.level, [name for name in homes if homes[name] == each.id])
        for place, each in enumerate(protocol.objectives, 1)
    ]
    homeless: dict[str, list[str]] = {}
    for name, home in homes.items():
        if home is None:
            homeless.setdefault(protocol.outcomes[name].level, []).append(name)
    return declared + [
        _objective(protocol, f"Objective_not_stated_{level}", f"not_stated_{level}", NOT_STATED_TEXT, level, names)
        for level, names in homeless.items()
    ]


def _home(protocol: Protocol, name: str) -> str | None:
    """Return the identifier of the objective under which an outcome stands, None where there is none for it."""
    level = protocol.outcomes[name].level
    naming = [each for each in protocol.objectives if name in each.outcomes]
    of_level = [each for each in protocol.objectives if each.level == level]
    choices = [*(each for each in naming if each.level == level), *naming, *of_level]
    return choices[0].id if choices else None


def _objective(protocol: Protocol, identifier: str, name: str, text: str, level: str, outcomes: list[str]) -> Node:
    return instance(
        "Objective",
        id=identifier,
        name=name,
        text=paragraph(text),
        level=coded(level, OBJECTIVE_LEVELS),
        endpoints=[_endpoint(outcome, protocol.outcomes[outcome]) for outcome in outcomes],
    )


def _endpoint(name: str, outcome: Outcome) -> Node:
    parts = [stated(outcome.definition) or str(outcome.label), stated(outcome.time_frame)]
    return instance(
        "Endpoint",
        id=f"Endpoint_{name}",
        name=name,
        label=str(outcome.label),
        text=paragraph("; ".join(part for part in parts if part)),
        purpose=NOT_STATED_TEXT,
        level=coded(outcome.level, ENDPOINT_LEVELS),
    )


def _population_numbers(protocol: Protocol) -> dict[str, int]:
    """Return the texts of the analysis populations, each with its number."""
    texts = dict.fromkeys(said(estimand.population) for estimand in protocol.estimands)
    return {text: place for place, text in enumerate(texts, 1)}


def analysis_populations(protocol: Protocol) -> list[Node]:
    """Return one `AnalysisPopulation` for each population that an estimand names."""
    return [
        instance("AnalysisPopulation", id=f"AnalysisPopulation_{place}", name=f"analysis_population_{place}", text=text)
        for text, place in _population_numbers(protocol).items()
    ]


def estimands(protocol: Protocol) -> list[Node]:
    """Return the `Estimand`s; the summary measure is the population-level summary."""
    return [_estimand(protocol, estimand) for estimand in protocol.estimands]


def _estimand(protocol: Protocol, estimand: Estimand) -> Node:
    contrast = protocol.contrast(estimand.contrast)
    received = [name for arm in (contrast.arm, contrast.reference) for name in protocol.arm(arm).interventions]
    return instance(
        "Estimand",
        id=f"Estimand_{estimand.id}",
        name=estimand.id,
        label=str(estimand.label),
        populationSummary=said(estimand.summary).replace("_", " "),
        analysisPopulationId=f"AnalysisPopulation_{_population_numbers(protocol)[said(estimand.population)]}",
        interventionIds=[f"StudyIntervention_{name}" for name in dict.fromkeys(received)],
        variableOfInterestId=f"Endpoint_{estimand.outcome}",
        intercurrentEvents=[
            instance(
                "IntercurrentEvent",
                # Names are unique over the whole file, and two estimands may name the same event.
                id=f"IntercurrentEvent_{estimand.id}_{place}",
                name=f"{estimand.id}_{event.event}",
                label=str(event.label),
                text=paragraph(str(event.label)),
                strategy=said(event.strategy).replace("_", " "),
            )
            for place, event in enumerate(estimand.intercurrent_events, 1)
        ],
    )
