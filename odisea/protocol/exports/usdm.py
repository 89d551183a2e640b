"""A protocol's design as CDISC USDM 4.0 JSON, and beside it the statistics for which USDM has no class.

Structure and terminology follow the classes, the schema and the rule library of the package `usdm4` 0.29.0; the design is
in `odisea.protocol.exports.usdm_design`, purpose and estimands in `usdm_purpose`, the statistics in `usdm_sidecar`.
Identifiers are made of the protocol's own: the same protocol gives the same file. Texts are the English ones.
"""

import json
import uuid
from typing import Any

from odisea.protocol.exports import usdm_design as design
from odisea.protocol.exports import usdm_purpose as purpose
from odisea.protocol.exports.usdm_sidecar import statistics
from odisea.protocol.exports.usdm_terms import (
    BLINDED_ROLES,
    BLINDINGS,
    INTENTS,
    INTERVENTION_ROLES,
    INTERVENTION_TYPES,
    MODELS,
    MULTICENTRE,
    NOT_STATED_TEXT,
    ORGANISATION_TYPES,
    PHASES,
    RANDOMISED,
    REGISTRY,
    SINGLE_CENTRE,
    SPONSOR,
    STRATIFIED,
    STUDY_TYPES,
    TITLES,
    Node,
    Term,
    alias,
    code,
    coded,
    duration,
    instance,
    known_code,
    numbered,
    said,
    stated,
)
from odisea.protocol.model import Protocol
from odisea.protocol.sections import Intervention, Organisation

__all__ = ["USDM_VERSION", "usdm", "usdm_sidecar", "usdm_texts"]

USDM_VERSION = "4.0.0"
STUDY_VERSION = "StudyVersion_main"
STUDY_DESIGN = "InterventionalStudyDesign_main"
NAMESPACE = uuid.UUID("7f2f3c52-6d0e-5b0c-9a53-0d15ea000001")  # any fixed value: it makes the study's identifier repeatable
REGISTRIES = {"NCT": "ClinicalTrials.gov", "ISRCTN": "ISRCTN registry"}


def usdm(protocol: Protocol) -> dict[str, Any]:
    """Return the design part of a protocol as a USDM 4.0 document.

    A gap is left out. Where a class demands a text, `Not stated` stands in its place; where it demands a code, a null
    flavour of ISO 21090; where it demands true or false (`includesHealthySubjects`), nothing can, and the file is no valid
    USDM until the protocol states it. The sidecar lists every such place.

    Parameters
    ----------
    protocol : Protocol
        Any protocol that the loader accepts.

    Returns
    -------
    dict
        The `Wrapper` of USDM: `study`, `usdmVersion`, `systemName`; plain JSON values only.
    """
    study = instance(
        "Study",
        id=str(uuid.uuid5(NAMESPACE, protocol.trial)),
        name=protocol.trial,
        label=str(protocol.identification.title),
        versions=[_version(protocol)],
        documentedBy=[],
    )
    document: dict[str, Any] = numbered({"study": study, "usdmVersion": USDM_VERSION, "systemName": "ODISEA"})
    return document


def usdm_sidecar(protocol: Protocol) -> dict[str, Any]:
    """Return what USDM cannot carry: sample size, randomisation, plans with covariates, missing data and responder rules.

    Parameters
    ----------
    protocol : Protocol
        Any protocol that the loader accepts.

    Returns
    -------
    dict
        `trial`; `usdm_ids`, from the protocol's identifiers to those of the document; one entry per section, in the shapes of
        the protocol's YAML (`{derived: ...}` and `{proposed: ...}` keep the status of a value), gaps left out; `scoring` of
        the instruments; `not_stated`, the places of the document where a demanded value is a gap.
    """
    return statistics(protocol, usdm(protocol))


def usdm_texts(protocol: Protocol) -> tuple[str, str]:
    """Return the USDM document and its sidecar as JSON texts."""
    document = usdm(protocol)
    return _json(document), _json(statistics(protocol, document))


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _version(protocol: Protocol) -> Node:
    return instance(
        "StudyVersion",
        id=STUDY_VERSION,
        versionIdentifier=said(protocol.identification.protocol_version),
        rationale=said(protocol.design.rationale),
        studyIdentifiers=_identifiers(protocol),
        titles=_titles(protocol),
        roles=_sponsor_role(protocol) + _blinded_roles(protocol),
        organizations=_organisations(protocol),
        studyInterventions=[_intervention(protocol, name, each) for name, each in protocol.interventions.items()],
        eligibilityCriterionItems=design.criterion_items(protocol),
        bcSurrogates=design.surrogates(protocol),
        studyDesigns=[_design(protocol)],
    )


def _design(protocol: Protocol) -> Node:
    facts = protocol.design
    intent = known_code(facts.primary_purpose.value, INTENTS)
    return instance(
        "InterventionalStudyDesign",
        id=STUDY_DESIGN,
        name="design",
        rationale=said(facts.rationale),
        studyType=known_code(facts.study_type.value, STUDY_TYPES),
        studyPhase=alias(known_code(facts.phase.value, PHASES)),
        model=coded(facts.model.value, MODELS),
        subTypes=[],
        intentTypes=[intent] if intent else [],
        blindingSchema=alias(known_code(protocol.blinding.level.value, BLINDINGS)),
        characteristics=[code(term) for term in _characteristics(protocol)],
        arms=design.arms(protocol),
        epochs=design.epochs(protocol),
        elements=design.elements(protocol),
        studyCells=design.cells(protocol),
        studyInterventionIds=[f"StudyIntervention_{name}" for name in protocol.interventions],
        encounters=design.encounters(protocol),
        activities=design.activities(protocol),
        scheduleTimelines=design.timelines(protocol),
        population=design.population(protocol),
        eligibilityCriteria=design.criteria(protocol),
        objectives=purpose.objectives(protocol),
        analysisPopulations=purpose.analysis_populations(protocol),
        estimands=purpose.estimands(protocol),
    )


def _characteristics(protocol: Protocol) -> list[Term]:
    """Return how it is randomised (one term only) and whether one centre recruits or several."""
    centres = protocol.design.centres.value
    chosen = []
    if protocol.design.allocation.value == "RANDOMIZED":
        chosen.append(STRATIFIED if protocol.randomisation.stratification.value else RANDOMISED)
    if centres is not None:
        chosen.append(SINGLE_CENTRE if centres == 1 else MULTICENTRE)
    return chosen


def _titles(protocol: Protocol) -> list[Node]:
    """Return the titles; the one that reports print is the public one."""
    names = protocol.identification
    texts = {
        "official_title": stated(names.official_title),
        "brief_title": stated(names.brief_title),
        "title": str(names.title),
        "acronym": stated(names.acronym),
    }
    return [instance("StudyTitle", text=text, type=code(TITLES[kind])) for kind, text in texts.items() if text]


def _identifiers(protocol: Protocol) -> list[Node]:
    """Return the registry's number and the sponsor's; the latter needs a sponsor that issues it."""
    names = protocol.identification
    issued = [(stated(names.registry_id), "Organization_registry")]
    if protocol.sponsors.lead.known:
        issued.append((stated(names.organisation_study_id), "Organization_sponsor"))
    return [instance("StudyIdentifier", text=text, scopeId=scope) for text, scope in issued if text]


def _organisations(protocol: Protocol) -> list[Node]:
    number, lead = protocol.identification.registry_id.value, protocol.sponsors.lead.value
    found = []
    if number is not None:
        name = next((name for start, name in REGISTRIES.items() if number.startswith(start)), "Study registry")
        found.append(_organisation("registry", name, code(REGISTRY)))
    if lead is not None:
        found.append(_organisation("sponsor", lead.name, _organisation_type(lead)))
    for place, other in enumerate(protocol.sponsors.collaborators.value or (), 1):
        found.append(_organisation(f"collaborator_{place}", other.name, _organisation_type(other)))
    return found


def _organisation_type(organisation: Organisation) -> Node:
    return coded(organisation.type, ORGANISATION_TYPES)


def _organisation(identifier: str, name: str, kind: Node) -> Node:
    return instance(
        "Organization",
        id=f"Organization_{identifier}",
        name=name,
        type=kind,
        identifierScheme=NOT_STATED_TEXT,
        identifier=NOT_STATED_TEXT,
    )


def _sponsor_role(protocol: Protocol) -> list[Node]:
    if not protocol.sponsors.lead.known:
        return []
    return [
        instance(
            "StudyRole",
            id="StudyRole_sponsor",
            name="sponsor",
            code=code(SPONSOR),
            appliesToIds=[STUDY_VERSION],
            organizationIds=["Organization_sponsor"],
        )
    ]


def _blinded_roles(protocol: Protocol) -> list[Node]:
    """Return who is blinded, according to registry or text, and who is said not to be."""
    blinding = protocol.blinding
    masked = (*(blinding.masked.value or ()), *(blinding.also_masked.value or ()))
    roles = dict.fromkeys(blinding.unmasked.value or (), False) | dict.fromkeys(masked, True)
    return [
        instance(
            "StudyRole",
            id=f"StudyRole_{role.lower()}",
            name=role.lower(),
            code=code(BLINDED_ROLES[role]),
            appliesToIds=[STUDY_DESIGN],
            masking=instance("Masking", text=said(blinding.procedure if is_masked else blinding.reason), isMasked=is_masked),
        )
        for role, is_masked in roles.items()
    ]


def _intervention(protocol: Protocol, name: str, intervention: Intervention) -> Node:
    weeks = intervention.duration_weeks.value
    planned = [instance("Administration", name=name, duration=duration(weeks), route=None, frequency=None)] if weeks is not None else []
    return instance(
        "StudyIntervention",
        id=f"StudyIntervention_{name}",
        name=name,
        label=str(intervention.label),
        description="; ".join(str(part.label) for part in intervention.components) or None,
        role=coded(_role(protocol, name), INTERVENTION_ROLES),
        type=coded(intervention.type.value, INTERVENTION_TYPES),
        administrations=planned,
    )


def _role(protocol: Protocol, name: str) -> str | None:
    """Return what an intervention is for, as far as the arms that receive it tell."""
    receiving = [arm for arm in protocol.arms if name in arm.interventions]
    if len(receiving) == len(protocol.arms):
        return "background"
    types = {arm.type.value for arm in receiving}
    return types.pop() if len(types) == 1 else None
