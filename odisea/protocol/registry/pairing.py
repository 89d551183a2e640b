"""Which entries of a list of the protocol and of a list of the record belong together, and which stand alone."""

from collections.abc import Generator, Sequence
from typing import NamedTuple

from odisea.protocol.fact import Text
from odisea.protocol.registry.difference import Difference, held
from odisea.protocol.registry.fields import full_path
from odisea.protocol.registry.record import Record
from odisea.protocol.registry.words import normal, overlap, words_of

ALIKE = 0.5


class Lists(NamedTuple):
    """The names of the entries of a list of ours and of the record's, and where the two lists stand."""

    pointer: str
    path: str
    ours: Sequence[str | Text]
    theirs: Sequence[str]
    steps: Sequence[str]
    critical: bool

    @classmethod
    def make(
        cls,
        pointer: str,
        path: str,
        ours: Sequence[str | Text],
        theirs: Sequence[str],
        steps: Sequence[str] | None = None,
        critical: bool = False,
    ) -> "Lists":
        """Return the lists; the steps of the pointers are the places where none are given."""
        return cls(pointer, full_path(path), ours, theirs, [str(n) for n in range(len(ours))] if steps is None else steps, critical)

    def pointer_of(self, mine: int) -> str:
        """Return the pointer of an entry of ours."""
        return f"{self.pointer}/{self.steps[mine]}"

    def path_of(self, yours: int) -> str:
        """Return the path of an entry of the record."""
        return f"{self.path}[{yours}]"


def matched(record: Record, lists: Lists) -> Generator[Difference, None, list[tuple[int, int]]]:
    """Give the entries that stand alone, and return which of the others belong together.

    Entries that read the same come first, in order; then the most alike; then, where as many are left on both sides, what
    is left in order, since our words may be in another language.
    """
    mine, yours = list(range(len(lists.ours))), list(range(len(lists.theirs)))
    pairs = [*_alike_as_read(lists, mine, yours), *_most_alike(lists, mine, yours)]
    if len(mine) == len(yours):
        pairs += zip(mine, yours, strict=True)
        mine, yours = [], []
    for place in mine:
        pointer, name = lists.pointer_of(place), lists.ours[place]
        yield from held(record, pointer, lists.path, "text", name, None, critical=lists.critical)
    for place in yours:
        yield from held(record, lists.pointer, lists.path_of(place), "text", None, lists.theirs[place], critical=lists.critical)
    return sorted(pairs)


def _alike_as_read(lists: Lists, mine: list[int], yours: list[int]) -> list[tuple[int, int]]:
    """Take the pairs that read the same out of both lists, in order, and return them."""
    waiting: dict[str, list[int]] = {}
    for b in yours:
        waiting.setdefault(normal(lists.theirs[b]), []).append(b)
    pairs = []
    for a in list(mine):
        same = next((found for text in _versions(lists.ours[a]) if (found := waiting.get(normal(text)))), None)
        if same:
            pairs.append((a, same.pop(0)))
            mine.remove(a)
            yours.remove(pairs[-1][1])
    return pairs


def _most_alike(lists: Lists, mine: list[int], yours: list[int]) -> list[tuple[int, int]]:
    """Take pairs of like texts out of both lists, the most alike first, and return them."""
    ours = {a: [words_of(text) for text in _versions(lists.ours[a])] for a in mine}
    theirs = {b: words_of(lists.theirs[b]) for b in yours}
    scored = ((max(overlap(words, other) for words in versions), a, b) for a, versions in ours.items() for b, other in theirs.items())
    pairs = []
    for _, a, b in sorted((each for each in scored if each[0] >= ALIKE), key=lambda each: (-each[0], each[1:])):
        if a in mine and b in yours:
            mine.remove(a)
            yours.remove(b)
            pairs.append((a, b))
    return pairs


def _versions(text: str | Text) -> tuple[str, ...]:
    return (text.en, text.es) if isinstance(text, Text) else (text,)
