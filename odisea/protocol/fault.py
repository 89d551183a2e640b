"""One inconsistency between parts of a declaration, and the checks that all rooms' declarations need."""

import difflib
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from odisea.protocol.compose import child

MOST_COMPARED = 500
LONGEST_COMPARED = 100


class Fault(NamedTuple):
    """One inconsistency: the JSON pointer where it stands, the text of its `Problem`, the rule, and the declared name that was meant."""

    pointer: str
    found: str
    allowed: str = ""
    remedy: str = ""
    rule: str = "SYN-14"
    near: str = ""


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """Return the known name that was probably meant; empty where none is near. Long lists and long names are not compared whole."""
    compared = list(islice(known, MOST_COMPARED)) if len(name) <= LONGEST_COMPARED else []
    return next(iter(difflib.get_close_matches(name, compared, n=1, cutoff=likeness)), "")


def unknown(pointer: str, what: str, name: str | None, known: Collection[str]) -> Iterator[Fault]:
    """Give a fault if a name is given and is not among the known ones."""
    if name is not None and name not in known:
        allowed = f"known are {', '.join(known)}" if known else f"the protocol declares no {what}"
        yield Fault(pointer, f"{name} is no {what}", allowed, "Use a declared name, or declare this one", near=nearest(name, known))


def unknown_entries(pointer: str, what: str, names: Iterable[str] | None, known: Collection[str]) -> Iterator[Fault]:
    """Give a fault for every entry of a list that is not among the known names."""
    declared = frozenset(known)
    for place, name in enumerate(names or ()):
        if name not in declared:
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
