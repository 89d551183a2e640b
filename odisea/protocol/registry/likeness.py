"""How a value of a protocol and a value of a record are held against each other: equal, equivalent, different, or not comparable."""

from typing import Any, Literal, NamedTuple

from odisea.protocol.fact import Fact, Text
from odisea.protocol.registry.criteria import numbers_in
from odisea.protocol.registry.timing import other_words, weeks_in
from odisea.protocol.registry.words import code_form, normal, token_set_ratio

Klass = Literal["equal", "equivalent", "drift", "ours_only", "registry_only", "not_comparable"]
BOTH_LANGUAGES = ("en", "es")


class Verdict(NamedTuple):
    """A class, and for texts the likeness."""

    klass: Klass
    similarity: float | None = None


def plain(value: Any) -> Any:
    """Return the value of a fact, the value itself where it is none; None for a gap."""
    return value.value if isinstance(value, Fact) else value


def compare(kind: str, ours: Any, theirs: Any) -> Verdict:
    """Return the verdict on two values that are both there.

    Parameters
    ----------
    kind : str
        A `Kind` of `odisea.protocol.registry.fields`, `frame` (a time frame), or `own_words` (a text that we shorten).
    ours, theirs : object
        In the form that protocols use; our text may be a `Text`.
    """
    if kind in ("number", "flag"):
        return Verdict("equal" if ours == theirs else "drift")
    if kind == "code":
        return _coded(str(ours), theirs if isinstance(theirs, str) else ", ".join(theirs))
    if kind == "codes":
        return _lists([code_form(code) for code in ours], [code_form(code) for code in theirs], list(ours) == list(theirs))
    if kind == "texts":
        return _lists([normal(text) for text in ours], [normal(text) for text in theirs], list(ours) == list(theirs))
    if kind == "date":
        return _dates(ours, theirs)
    return _texts(kind, ours, theirs if isinstance(theirs, str) else "; ".join(theirs))


def _coded(ours: str, theirs: str) -> Verdict:
    if ours == theirs:
        return Verdict("equal")
    return Verdict("equivalent" if code_form(ours) == code_form(theirs) else "drift")


def _lists(ours: list[str], theirs: list[str], written_alike: bool) -> Verdict:
    """Compare lists whose order does not matter."""
    if written_alike:
        return Verdict("equal")
    return Verdict("equivalent" if sorted(ours) == sorted(theirs) else "drift", None)


def _dates(ours: str, theirs: str) -> Verdict:
    """Compare dates; one that is given to the month agrees with every day of it."""
    if ours == theirs:
        return Verdict("equal")
    short, long = sorted((ours, theirs), key=len)
    return Verdict("equivalent" if long.startswith(f"{short}-") else "drift")


def _texts(kind: str, ours: str | Text, theirs: str) -> Verdict:
    """Compare texts; a likeness alone makes nothing equal, and our own words are held against theirs by their numbers only."""
    own = isinstance(ours, Text) or kind == "own_words"
    versions = [ours.in_language(language) for language in BOTH_LANGUAGES] if isinstance(ours, Text) else [ours]
    similarity = max(token_set_ratio(version, theirs) for version in versions)
    if theirs in versions:
        return Verdict("equal", similarity)
    if any(normal(version) == normal(theirs) for version in versions):
        return Verdict("equivalent", similarity)
    if kind == "frame" and any(_same_frame(version, theirs) for version in versions):
        return Verdict("equivalent", similarity)
    if kind == "criterion" and not any(numbers_in(version) == numbers_in(theirs) for version in versions):
        return Verdict("drift", similarity)
    return Verdict("not_comparable" if own else "drift", similarity)


def _same_frame(ours: str, theirs: str) -> bool:
    """Return whether two time frames name the same weeks and nothing else that differs: `6 weeks` and `Week 6`."""
    weeks = weeks_in(ours)
    return bool(weeks) and weeks == weeks_in(theirs) and other_words(ours) == other_words(theirs)
