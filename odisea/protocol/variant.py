"""Design variants: named additions to a protocol's facts, to see what another design would give, without a copy of the protocol.

A variant adds visits to the schedule and measurements to outcomes. It takes nothing away and changes no value, so that every
statement of the protocol keeps its place and its source. The additions go into the protocol's plain data before it is
validated; every later message about an addition points at the variant's own file.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar

from pydantic import Field

from odisea.protocol.compose import Document, Place, child
from odisea.protocol.declaration import Declaration
from odisea.protocol.dictionary import NAME_PATTERN
from odisea.protocol.fact import Frozen, Text
from odisea.protocol.fault import Fault, nearest, repeated, unknown_entries
from odisea.protocol.model import Outcome, Protocol, Visit

__all__ = ["FOLDER", "Changes", "Variant", "Varied", "variant_faults", "vary"]

FOLDER = "variants"
VISITS = "/changes/added_visits"
MEASUREMENTS = "/changes/added_measurements"


class Changes(Frozen):
    """What a variant adds.

    Parameters
    ----------
    added_visits : tuple of Visit
        Visits of the schedule, in any order; a contact by message is a visit too.
    added_measurements : dict
        Per outcome, the visits (added ones or the protocol's own) at which it is recorded besides, in the arms in which it is
        recorded already.
    """

    added_visits: tuple[Visit, ...] = ()
    added_measurements: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default={})


class Variant(Declaration):
    """A variant of one trial's design."""

    kind: ClassVar[str] = "variant"

    variant: str = Field(pattern=NAME_PATTERN)
    trial: str = Field(pattern=NAME_PATTERN)
    label: Text
    about: Text
    changes: Changes


@dataclass(frozen=True, slots=True)
class Varied:
    """A protocol's plain data with the additions of a variant, and where these are written.

    Parameters
    ----------
    document : Document
        The protocol's file; places of what was written behind an addition follow it to its new pointer.
    parts : mapping
        From the pointer of each addition to the part of the variant's file that says it.
    """

    document: Document
    parts: Mapping[str, Document] = field(default_factory=dict)


def variant_faults(variant: Variant, name: str, protocol: Protocol) -> Iterator[Fault]:
    """Give everything for which a variant cannot be laid over a protocol, each at its pointer in the variant's file.

    Parameters
    ----------
    variant : Variant
        What was read.
    name : str
        The name it was asked for, which is its file's.
    protocol : Protocol
        The protocol as registered.
    """
    if variant.trial != protocol.trial:
        found, allowed = f"the variant is of trial {variant.trial}", f"the protocol is of trial {protocol.trial}"
        yield Fault("/trial", found, allowed, "Give a variant of this trial")
        return
    if variant.variant != name:
        yield Fault("/variant", f"the file calls itself {variant.variant}", f"its name is {name}.yaml", "Use one name")
    if not (variant.changes.added_visits or variant.changes.added_measurements):
        yield Fault("/changes", "the variant adds nothing", "", "Add visits or measurements, or delete the file", "SYN-13")
    yield from _visit_faults(variant.changes.added_visits, protocol.schedule.visits)
    known = tuple(dict.fromkeys((*protocol.visit_ids, *(visit.id for visit in variant.changes.added_visits))))
    for outcome, visits in variant.changes.added_measurements.items():
        yield from _measurement_faults(child(MEASUREMENTS, outcome), outcome, visits, protocol.outcomes, known)


def _visit_faults(added: tuple[Visit, ...], visits: tuple[Visit, ...]) -> Iterator[Fault]:
    """Give the added visits that are another one's double, by name or by week."""
    yield from repeated(VISITS, "visit", (visit.id for visit in added))
    for place, visit in enumerate(added):
        if visit.id in {other.id for other in visits}:
            yield Fault(
                f"{VISITS}/{place}/id", f"the protocol has the visit {visit.id} already", "another name is needed", "Rename the added one"
            )
        same_week = next((other.id for other in (*visits, *added[:place]) if other.week == visit.week), None)
        if same_week is not None:
            found, allowed = f"visit {visit.id} is at week {visit.week:g}, as is {same_week}", "visits stand in order of time"
            yield Fault(f"{VISITS}/{place}/week", found, allowed, "Give it another week")


def _measurement_faults(
    pointer: str, name: str, visits: tuple[str, ...], outcomes: Mapping[str, Outcome], known: tuple[str, ...]
) -> Iterator[Fault]:
    """Give the added measurements that are none: of nothing recorded so far, at no visit, or made already."""
    recorded = [outcome for outcome, spec in outcomes.items() if spec.visits]
    if name not in recorded:
        found = f"{name} is recorded at no visit" if name in outcomes else f"{name} is no outcome"
        allowed = f"measurements can be added to {', '.join(recorded)}"
        yield Fault(pointer, found, allowed, "Name one of these", near=nearest(name, recorded))
        return
    yield from unknown_entries(pointer, "visit", visits, known)
    for place, visit in enumerate(visits):
        if visit in outcomes[name].visits or visit in visits[:place]:
            found = f"{name} is recorded at {visit} {'already' if visit in outcomes[name].visits else 'twice'}"
            yield Fault(child(pointer, place), found, "each measurement is made once", "Delete it")


def vary(document: Document, protocol: Protocol, variant: Variant, written: Document) -> Varied:
    """Return a protocol's data with a variant laid over it.

    Parameters
    ----------
    document, protocol
        The protocol's file, and the same loaded.
    variant, written
        The variant, of which `variant_faults` gives nothing, and its file.

    Returns
    -------
    varied : Varied
        Visits, and the visits of an outcome, stand in order of time.
    """
    weeks = {visit.id: visit.week for visit in (*protocol.schedule.visits, *variant.changes.added_visits)}
    varied = Varied(document)
    if variant.changes.added_visits:
        varied = _join(varied, "/schedule/visits", written, VISITS, lambda visit: weeks[visit["id"]])
    for outcome in variant.changes.added_measurements:
        pointer, source = child("/outcomes", outcome), child(MEASUREMENTS, outcome)
        varied = _join(varied, f"{pointer}/visits", written, source, weeks.__getitem__)
        # What is recorded is also measured; a list that is no plain statement stays as its source gives it.
        if isinstance(_value_at(document.data, f"{pointer}/measured_at"), tuple):
            varied = _join(varied, f"{pointer}/measured_at", written, source, lambda visit: weeks.get(visit, float("inf")))
    return varied


def _join(varied: Varied, pointer: str, written: Document, source: str, week: Callable[[Any], float]) -> Varied:
    """Return the data with the entries of a list of the variant put into a list of the protocol, by week."""
    document = varied.document
    own = [(week(entry), entry, child(pointer, place)) for place, entry in enumerate(_value_at(document.data, pointer))]
    added = [(week(entry), entry, child(source, place)) for place, entry in enumerate(_value_at(written.data, source))]
    entries = sorted([*own, *added], key=lambda entry: entry[0])
    new = {origin: child(pointer, place) for place, (_, _, origin) in enumerate(entries)}
    joined = replace(
        document,
        data=_with_value(document.data, pointer.split("/")[1:], tuple(entry for _, entry, _ in entries)),
        keys=_moved(document.keys, pointer, new),
        values=_moved(document.values, pointer, new),
    )
    return Varied(joined, {**varied.parts, **{new[origin]: _part(written, origin) for _, _, origin in added}})


def _moved(places: Mapping[str, Place], pointer: str, new: Mapping[str, str]) -> dict[str, Place]:
    """Return places with the entries of the list at a pointer under their new pointers."""
    depth = pointer.count("/") + 1
    heads = {place: "/".join(place.split("/")[: depth + 1]) for place in places if place.startswith(f"{pointer}/")}
    return {new[heads[place]] + place[len(heads[place]) :] if place in heads else place: at for place, at in places.items()}


def _part(document: Document, pointer: str) -> Document:
    """Return what stands at a pointer as a document of its own that keeps the places of the file."""

    def below(places: Mapping[str, Place]) -> dict[str, Place]:
        return {place[len(pointer) :]: at for place, at in places.items() if place == pointer or place.startswith(f"{pointer}/")}

    content = _value_at(document.data, pointer)
    return Document(document.name, content if isinstance(content, dict) else {}, below(document.keys), below(document.values))


def _value_at(data: Any, pointer: str) -> Any:
    """Return what stands at a pointer of plain data (no name on the way holds a slash); None where nothing does."""
    for step in pointer.split("/")[1:]:
        data = data.get(step) if isinstance(data, dict) else data[int(step)]
    return data


def _with_value(data: dict[str, Any], steps: list[str], value: Any) -> dict[str, Any]:
    """Return blocks within blocks with the value at the end of a way replaced."""
    first, *rest = steps
    return {**data, first: _with_value(data[first], rest, value) if rest else value}
