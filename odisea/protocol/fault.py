"""One inconsistency between parts of a declaration, and the checks that all rooms' declarations need."""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from odisea.protocol.compose import child


class Fault(NamedTuple):
    """One inconsistency: the JSON pointer where it stands, and the text of its `Problem`."""

    pointer: str
    found: str
    allowed: str = ""
    remedy: str = ""


def unknown(pointer: str, what: str, name: str | None, known: Collection[str]) -> Iterator[Fault]:
    """Give a fault if a name is given and is not among the known ones."""
    if name is not None and name not in known:
        allowed = f"known are {', '.join(known)}" if known else f"the protocol declares no {what}"
        yield Fault(pointer, f"{name} is no {what}", allowed, "Use a declared name, or declare this one")


def unknown_entries(pointer: str, what: str, names: Iterable[str] | None, known: Collection[str]) -> Iterator[Fault]:
    """Give a fault for every entry of a list that is not among the known names."""
    for place, name in enumerate(names or ()):
        yield from unknown(child(pointer, place), what, name, known)


def repeated(pointer: str, what: str, ids: Iterable[str]) -> Iterator[Fault]:
    """Give a fault for every entry of a list of blocks whose `id` stands before it already."""
    seen: set[str] = set()
    for place, name in enumerate(ids):
        if name in seen:
            yield Fault(
                f"{child(pointer, place)}/id", f"the {what} {name} is declared twice", "identifiers are unique", "Rename one of them"
            )
        seen.add(name)
