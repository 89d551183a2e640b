"""The first rules of `odisea check`: every gap is a question, every proposal is said aloud.

GAP-01: the source would be expected to say it and is silent. GAP-02: our copy of the source does not show that field.
GAP-03: a whole section is not written. PRP-01: a value of a plan or an instrument is proposed here. PRP-02: an analysis is.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel

from odisea.protocol.compose import child
from odisea.protocol.fact import Fact, Frozen, Text
from odisea.protocol.load import Located
from odisea.protocol.model import Protocol
from odisea.protocol.plan import AnalysisSpec
from odisea.protocol.rules.finding import Finding, Said
from odisea.protocol.rules.labels import FIELDS, SECTIONS

NOT_FACTS = ("odisea", "trial", "proposals", "dictionary", "source")
STANDARDS = {
    "identification": "SPIRIT 2025 items 1, 2, 4",
    "status": "SPIRIT 2025 item 4",
    "sponsors": "SPIRIT 2025 items 3, 7",
    "sites": "SPIRIT 2025 item 13",
    "ethics": "SPIRIT 2025 items 11, 28-30, 32-34",
    "design": "SPIRIT 2025 item 12",
    "arms": "SPIRIT 2025 items 12, 15",
    "interventions": "SPIRIT 2025 item 15; TIDieR",
    "population": "SPIRIT 2025 items 14, 20",
    "schedule": "SPIRIT 2025 item 18",
    "instruments": "SPIRIT 2025 items 16, 25",
    "objectives": "SPIRIT 2025 item 10",
    "hypothesis": "SPIRIT 2025 items 10, 19",
    "important_difference": "SPIRIT 2025 item 19; DELTA2",
    "outcomes": "SPIRIT 2025 item 16",
    "estimands": "ICH E9(R1)",
    "randomisation": "SPIRIT 2025 items 21-23",
    "blinding": "SPIRIT 2025 item 24",
    "sample_size": "SPIRIT 2025 item 19; DELTA2",
    "harms": "SPIRIT 2025 item 17",
    "data_management": "SPIRIT 2025 items 25, 26",
    "data_sharing": "SPIRIT 2025 items 5, 6",
    "references": "SPIRIT 2025 item 9",
    "analysis": "SPIRIT 2025 item 27",
}


class Place(NamedTuple):
    """Where the walk stands: pointer, and what the place is called in both languages."""

    pointer: str
    label: Text

    def enter(self, step: object, label: Text | None) -> "Place":
        """Return the place of an entry; without a label it is called as its parent."""
        if label is None:
            return Place(child(self.pointer, step), self.label)
        if not self.label.en:
            return Place(child(self.pointer, step), label)
        return Place(child(self.pointer, step), Text(en=f"{self.label.en}: {label.en}", es=f"{self.label.es}: {label.es}"))


class _Rule(NamedTuple):
    """The fixed texts of a rule."""

    id: str
    expected: str
    message: Said
    why: Said
    fix: Said


NOT_STATED = _Rule(
    "GAP-01",
    "a stated value",
    Said("{label}: the source does not say.", "{label}: la fuente no lo dice."),
    Said(
        "Readers of a protocol expect it; nothing is assumed in its place.",
        "Quien lee un protocolo espera encontrarlo; nada se supone en su lugar.",
    ),
    Said("Ask the investigators and write the answer at {path}.", "Pregunte al equipo investigador y escriba la respuesta en {path}."),
)
NOT_IN_SOURCE = _Rule(
    "GAP-02",
    "the field of the full record",
    Said("{label}: our copy of the source does not show this field.", "{label}: nuestra copia de la fuente no muestra este campo."),
    Said(
        "The full record may hold it; silence of a copy is no silence of the trial.",
        "La ficha completa puede contenerlo; el silencio de una copia no es silencio del ensayo.",
    ),
    Said("Look it up in the full record and write it at {path}.", "Consúltelo en la ficha completa y escríbalo en {path}."),
)
NO_SECTION = _Rule(
    "GAP-03",
    "the section",
    Said("{label}: the protocol file has no such section.", "{label}: el archivo del protocolo no tiene esta sección."),
    Said("All of its facts are gaps.", "Todos sus datos quedan como faltantes."),
    Said(
        "Add the section {path}, with not_stated where the source is silent.",
        "Añada la sección {path}, con not_stated donde la fuente calla.",
    ),
)
PROPOSED = _Rule(
    "PRP-01",
    "a value stated by the source",
    Said("{label}: {value} is proposed here. {reason}", "{label}: {value} es una propuesta nuestra. {reason}"),
    Said(
        "The source does not state it; results depend on this choice, and it is printed beside them.",
        "La fuente no lo indica; los resultados dependen de esta elección, que se imprime junto a ellos.",
    ),
    Said(
        "Confirm the choice with the investigators, or state another at {path}.",
        "Confirme la elección con el equipo investigador o indique otra en {path}.",
    ),
)
PROPOSED_ANALYSIS = _Rule(
    "PRP-02",
    "an analysis named by the source",
    Said("{label}: the analysis is proposed here. {reason}", "{label}: el análisis es una propuesta nuestra. {reason}"),
    PROPOSED.why,
    Said(
        "Confirm the analysis with the investigators, or remove it at {path}.",
        "Confirme el análisis con el equipo investigador o elimínelo en {path}.",
    ),
)


SAID = {"not_stated": NOT_STATED, "not_in_source": NOT_IN_SOURCE, "proposed": PROPOSED}


def findings(located: Located[Protocol]) -> tuple[Finding, ...]:
    """Return one question per gap and one information per proposal of a protocol and its instruments.

    Parameters
    ----------
    located : Located[Protocol]
        As `odisea.protocol.load.load_located_protocol` gives it.
    """
    return tuple(_finding(located, place, value) for place, value in _walk(located))


def count_gaps(located: Located[Protocol]) -> dict[str, int]:
    """Return the number of facts that are `not_stated` and `not_in_source`, and of sections not written (`no_section`)."""
    names = {NOT_STATED.id: "not_stated", NOT_IN_SOURCE.id: "not_in_source", NO_SECTION.id: "no_section"}
    found = [names.get(finding.rule_id) for finding in findings(located)]
    return {name: found.count(name) for name in names.values()}


def _walk(located: Located[Protocol]) -> Iterator[tuple[Place, Any]]:
    """Give every fact, every proposed analysis and every missing section (None) with its place."""
    for name in Protocol.model_fields:
        if name in NOT_FACTS:
            continue
        place = Place("", Text(en="", es="")).enter(name, SECTIONS.get(name))
        if name not in located.document.data:
            yield place, None
        else:
            yield from _inside(located, getattr(located.value, name), place)


def _inside(located: Located[Protocol], value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, Fact):
        if value.status in SAID:
            yield place, value
    elif isinstance(value, Text):
        return
    elif isinstance(value, BaseModel):
        if isinstance(value, AnalysisSpec) and value.reason is not None:
            yield place, value
        yield from _fields(located, value, place)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _inside(located, item, place.enter(name, _name_of(name, item)))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _inside(located, item, place.enter(index, _name_of("", item)))


def _fields(located: Located[Protocol], model: BaseModel, place: Place) -> Iterator[tuple[Place, Any]]:
    for name, info in type(model).model_fields.items():
        key, value = info.alias or name, getattr(model, name)
        inner = place.enter(key, (FIELDS if isinstance(value, Fact) else SECTIONS).get(key))
        if located.is_written(inner.pointer) or _counts_when_absent(model, name, value):
            yield from _inside(located, value, inner)


def _counts_when_absent(model: BaseModel, name: str, value: Any) -> bool:
    """Return whether a field that is not written is a gap: every fact is, but for those that the model does not expect."""
    return isinstance(value, Fact) and name not in (model.not_expected if isinstance(model, Frozen) else ())


def _name_of(key: str, item: Any) -> Text | None:
    """Return what an entry of a block or list is called: its label, its name, its identifier, or its key."""
    inner = item.value if isinstance(item, Fact) else item
    label = getattr(inner, "label", None) or getattr(inner, "name", None) or getattr(inner, "id", None) or key or None
    return Text(en=label, es=label) if isinstance(label, str) else label


def _finding(located: Located[Protocol], place: Place, value: Fact[Any] | AnalysisSpec | None) -> Finding:
    rule = _rule(value)
    document, rest = located.origin(place.pointer)
    path = place.pointer if document is located.document else f"{located.name_of(document)}#{rest}"
    shown = _shown(value)
    reason = value.reason if value is not None and value.reason is not None else Text(en="", es="")
    fill = {"path": path, "value": shown}
    section = place.pointer.split("/")[1]
    return Finding(
        rule_id=rule.id,
        severity="information" if rule in (PROPOSED, PROPOSED_ANALYSIS) else "question",
        spec_path=path,
        line=document.place(rest).line,
        observed=shown,
        expected=rule.expected,
        message=_said(rule.message, place.label, fill, reason),
        why=rule.why,
        standard_ref=STANDARDS.get(section),
        suggested_fix=_said(rule.fix, place.label, fill, reason),
    )


def _said(text: Said, label: Text, fill: dict[str, str], reason: Text) -> Said:
    english = text.en.format(label=label.en, reason=reason.en, **fill)
    return Said(english.strip(), text.es.format(label=label.es, reason=reason.es, **fill).strip())


def _rule(value: Fact[Any] | AnalysisSpec | None) -> _Rule:
    if value is None:
        return NO_SECTION
    if isinstance(value, AnalysisSpec):
        return PROPOSED_ANALYSIS
    return SAID[value.status]


def _shown(value: Fact[Any] | AnalysisSpec | None) -> str:
    """Return what stands in the file, as one line."""
    if value is None:
        return "nothing"
    if isinstance(value, AnalysisSpec):
        return value.id
    return _flow(value.value) if value.known else value.status


def _flow(value: Any) -> str:
    """Return a value in YAML's flow style; labels and what is not given are left out."""
    if isinstance(value, Text):
        return value.en
    if isinstance(value, BaseModel):
        value = {name: inner for name, inner in value if inner is not None and name != "label"}
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
