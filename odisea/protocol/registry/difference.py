"""One field of a protocol held against its registry record."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from odisea.protocol.registry.likeness import Klass, compare, plain
from odisea.protocol.registry.record import ABSENT, Record


@dataclass(frozen=True, slots=True)
class Difference:
    """One field held against the record.

    Parameters
    ----------
    pointer : str
        JSON pointer in the protocol.
    path : str
        Path in the record.
    ours, theirs : str or None
        The values as one line each, None where there is none.
    klass : str
        See `odisea.protocol.registry.drift`.
    similarity : float or None
        Of texts: their likeness by sets of words, from 0 to 1; it never decides.
    critical : bool
        Enrolment, allocation, masking, number of arms, primary outcome, ages or sex.
    """

    pointer: str
    path: str
    ours: str | None
    theirs: str | None
    klass: Klass
    similarity: float | None = None
    critical: bool = False


def as_json(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """Return differences as plain JSON data."""
    rows = (asdict(difference) for difference in differences)
    return [{("class" if name == "klass" else name): value for name, value in row.items()} for row in rows]


def held(record: Record, pointer: str, path: str, kind: str, ours: Any, theirs: Any, *, critical: bool = False) -> Iterator[Difference]:
    """Give the difference of one field; nothing where both sides are silent and our copy shows the field.

    Parameters
    ----------
    path : str
        From the top of the record.
    ours, theirs : object
        A fact or a value, None for a gap; a value, None or ABSENT where the record says nothing.
    """
    value = plain(ours)
    theirs = None if theirs is ABSENT or theirs == "" else theirs
    said = (shown(value), shown(theirs))
    if not record.shows(path):
        yield Difference(pointer, path, said[0], None, "not_comparable", critical=critical)
    elif value is None and theirs is not None:
        yield Difference(pointer, path, *said, "registry_only", critical=critical)
    elif value is not None and theirs is None:
        yield Difference(pointer, path, *said, "ours_only", critical=critical)
    elif value is not None:
        klass, similarity = compare(kind, value, theirs)
        yield Difference(pointer, path, *said, klass, similarity, critical)


def shown(value: Any) -> str | None:
    """Return a value as one line."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "; ".join(str(entry) for entry in value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def needed(record: Record, pointer: str, path: str, kind: str, ours: Any, theirs: str) -> Iterator[Difference]:
    """Give the difference of a field that every entry of a protocol has: where the record's entry leaves it empty, ours is a stand-in."""
    if theirs or not record.shows(path):
        yield from held(record, pointer, path, kind, ours, theirs)
