"""The statistics of a protocol for which USDM has no class, with the identifiers that tie them to the USDM document."""

from collections.abc import Iterator
from typing import Any

from odisea.protocol.exports.usdm_terms import NOT_STATED_TEXT, NULL_FLAVOUR
from odisea.protocol.fact import GAPS
from odisea.protocol.model import Protocol

SECTIONS = ("hypothesis", "important_difference", "sample_size", "randomisation", "blinding", "analysis")
# Block sizes let an allocation be guessed; wherever somebody wrote them in clear, they go no further.
SECRET = {"block_sizes"}


def statistics(protocol: Protocol, document: dict[str, Any]) -> dict[str, Any]:
    """Return the sidecar of a protocol's USDM document; see `odisea.protocol.exports.usdm.usdm_sidecar`."""
    sections = {name: _said(getattr(protocol, name).model_dump(mode="json", by_alias=True, exclude=SECRET)) for name in SECTIONS}
    scoring = {name: _said(each.model_dump(mode="json", exclude={"odisea", "proposals"})) for name, each in protocol.instruments.items()}
    return {
        "trial": protocol.trial,
        "usdm_ids": _identifiers(protocol),
        **{name: content for name, content in sections.items() if content},
        "scoring": scoring,
        "not_stated": list(_gaps(document["study"], "study")),
    }


def _identifiers(protocol: Protocol) -> dict[str, dict[str, str]]:
    """Return for arms, visits, outcomes, interventions and estimands their identifiers in the document."""
    names = {
        ("arms", "StudyArm"): protocol.arm_ids,
        ("visits", "Encounter"): protocol.visit_ids,
        ("outcomes", "Endpoint"): tuple(protocol.outcomes),
        ("interventions", "StudyIntervention"): tuple(protocol.interventions),
        ("estimands", "Estimand"): tuple(estimand.id for estimand in protocol.estimands),
    }
    return {part: {name: f"{kind}_{name}" for name in ours} for (part, kind), ours in names.items()}


def _said(value: Any) -> Any:
    """Return a section without its gaps and without what is empty because of them."""
    if isinstance(value, dict):
        inside = {name: _said(each) for name, each in value.items() if not (isinstance(each, str) and each in GAPS)}
        return {name: each for name, each in inside.items() if each is not None and each != {}}
    return [_said(each) for each in value] if isinstance(value, list | tuple) else value


def _gaps(node: Any, place: str) -> Iterator[str]:
    """Give the places of a document, by identifier and attribute, where a gap is marked or a demanded value is missing."""
    if isinstance(node, list):
        for each in node:
            yield from _gaps(each, place)
    elif isinstance(node, dict):
        if node.get("codeSystem") == NULL_FLAVOUR and node["code"] == "NI":
            yield place
        if node.get("instanceType") == "StudyDesignPopulation" and "includesHealthySubjects" not in node:
            yield f"{node['id']}.includesHealthySubjects"
        for name, value in node.items():
            inner = f"{node['id']}.{name}" if "id" in node else f"{place}.{name}"
            if isinstance(value, str) and value in (NOT_STATED_TEXT, f"<p>{NOT_STATED_TEXT}</p>"):
                yield inner
            yield from _gaps(value, inner)
