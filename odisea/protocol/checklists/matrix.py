"""Which rows of the checklists a protocol answers.

A row is `answered` when what it asks for is stated or derived; `partly` when some of it is, or when it is only proposed here;
`open` when nothing is; `not_applicable` when the design has no such thing. What is judged is whether there is an answer, never
whether it is a good one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from odisea.protocol.checklists.checklist import Checklist, Condition, Row, read_checklists
from odisea.protocol.checklists.pattern import Leaf, Thing, expand, needs_only_one, plan_heading, state_of
from odisea.protocol.fact import Fact, Text
from odisea.protocol.load import Located
from odisea.protocol.model import Protocol

__all__ = ["STATUSES", "Entry", "Judged", "Matrix", "Remark", "Status", "matrix"]

Status = Literal["answered", "partly", "open", "not_applicable"]
STATUSES: tuple[Status, ...] = ("answered", "partly", "open", "not_applicable")
Remark = Literal["no_field", "lacks", "no_plan", "proposed", "after_trial"]
KNOWN = ("stated", "derived")


@dataclass(frozen=True, slots=True)
class Entry:
    """A place that a row looks at.

    Parameters
    ----------
    path : str
        JSON pointer in the protocol's file; `FILE#POINTER` for a file that it names, `FILE#HEADING` for the simulation plan.
    line : int or None
        Line in that file, of the nearest written parent where the field is absent; None in the simulation plan.
    status : str
        `stated`, `derived`, `proposed`, `not_stated`, `not_in_source` or `absent`.
    label : Text
        What the place is called.
    """

    path: str
    line: int | None
    status: str
    label: Text

    @property
    def gap(self) -> bool:
        """Whether nothing is said there."""
        return self.status not in (*KNOWN, "proposed")


@dataclass(frozen=True, slots=True)
class Judged:
    """A row with its status.

    Parameters
    ----------
    in_source : str
        The status without what is only proposed here.
    answers, gaps : tuple of Entry
        Places that answer, and places that do not; of alternatives only those that matter.
    remarks : tuple of str
        Codes of `Remark`.
    """

    row: Row
    status: Status
    in_source: Status
    answers: tuple[Entry, ...] = ()
    gaps: tuple[Entry, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Matrix:
    """A checklist filled in; `thing` is the intervention or estimand that it is filled in for, None for a whole protocol."""

    checklist: Checklist
    thing: Thing | None
    rows: tuple[Judged, ...]

    @property
    def counts(self) -> dict[Status, int]:
        """Number of rows per status."""
        found = Counter(judged.status for judged in self.rows)
        return {status: found[status] for status in STATUSES}

    def row(self, row_id: str) -> Judged:
        """Return the row of that identifier; KeyError where there is none."""
        return {judged.row.id: judged for judged in self.rows}[row_id]


class _Case(NamedTuple):
    """What a row is judged by."""

    located: Located[Protocol]
    plan: Mapping[str, str] | None
    thing: Thing | None


def matrix(located: Located[Protocol], plan: Mapping[str, str] | None = None) -> tuple[Matrix, ...]:
    """Return every checklist filled in for a protocol, the repeated ones once per intervention or estimand.

    Parameters
    ----------
    located : Located[Protocol]
        As `odisea.protocol.load.load_located_protocol` gives it.
    plan : mapping, optional
        The simulation plan as `read_plan` gives it; without it the rows about it are open.
    """
    return tuple(
        Matrix(checklist, thing, tuple(_judge(_Case(located, plan, thing), row) for row in checklist.rows))
        for checklist in read_checklists()
        for thing in _things(located.value, checklist)
    )


def _things(protocol: Protocol, checklist: Checklist) -> tuple[Thing | None, ...]:
    """Return what a checklist is filled in for: once per thing; once for nothing where the protocol has none."""
    if checklist.each == "protocol":
        return (None,)
    if checklist.each == "interventions":
        return tuple(Thing(name, name, part.label, part) for name, part in protocol.interventions.items()) or (None,)
    return tuple(Thing(place, part.id, part.label, part) for place, part in enumerate(protocol.estimands)) or (None,)


def _judge(case: _Case, row: Row) -> Judged:
    if row.after_trial or not _applies(case, row.applies):
        return Judged(row, "not_applicable", "not_applicable", remarks=("after_trial",) if row.after_trial else ())
    if row.none:
        return Judged(row, "open", "open", remarks=("no_field",))
    groups = [_Group(_entries(case, group), len(group) > 1 or needs_only_one(group[0])) for group in row.groups]
    if row.rule == "any":
        groups = [_Group(tuple(entry for group in groups for entry in group.entries), True)]
    status, in_source = (_capped(row, _together(group.status(with_proposals) for group in groups)) for with_proposals in (True, False))
    answers = tuple(dict.fromkeys(entry for group in groups for entry in group.answers))
    gaps = tuple(dict.fromkeys(entry for group in groups for entry in group.gaps))
    return Judged(row, status, in_source, answers, gaps, tuple(_remarks(case, row, answers)))


def _remarks(case: _Case, row: Row, answers: tuple[Entry, ...]) -> Iterator[Remark]:
    if case.plan is None and plan_heading(row.groups[0][0]):
        yield "no_plan"
    if row.lacks:
        yield "lacks"
    if any(entry.status == "proposed" for entry in answers):
        yield "proposed"


class _Group(NamedTuple):
    """The places of one field of a row; `one_is_enough` of alternatives."""

    entries: tuple[Entry, ...]
    one_is_enough: bool

    def status(self, with_proposals: bool) -> Status:
        """Return the status of the field; what is proposed counts as half an answer or as none."""
        halves = [entry for entry in self.entries if entry.status == "proposed"] if with_proposals else []
        known = [entry for entry in self.entries if entry.status in KNOWN]
        if not self.entries:
            return "not_applicable"
        if len(known) == len(self.entries) or (known and self.one_is_enough):
            return "answered"
        return "partly" if known or halves else "open"

    @property
    def answers(self) -> tuple[Entry, ...]:
        """The places that answer; where one is enough, a proposal only where nothing is known."""
        known = tuple(entry for entry in self.entries if entry.status in KNOWN)
        return known if known and self.one_is_enough else tuple(entry for entry in self.entries if not entry.gap)

    @property
    def gaps(self) -> tuple[Entry, ...]:
        """The places that do not; none where one is enough and is known."""
        return () if self.one_is_enough and self.status(False) == "answered" else tuple(entry for entry in self.entries if entry.gap)


def _together(statuses: Iterable[Status]) -> Status:
    """Return the status of a row from those of its fields."""
    found = set(statuses) - {"not_applicable"}
    if not found:
        return "not_applicable"
    return found.pop() if len(found) == 1 else "partly"


def _capped(row: Row, status: Status) -> Status:
    return "partly" if row.lacks and status == "answered" else status


def _applies(case: _Case, condition: Condition | None) -> bool:
    if condition is None:
        return True
    met = any(_meets(value, condition) for value in _known_values(case, condition.field))
    return met if condition.only_if else not met


def _known_values(case: _Case, pattern: str) -> Iterator[Any]:
    """Give the values at a pattern that are known and not empty."""
    for leaf in expand(case.located, pattern, case.thing):
        value = leaf.value.value if isinstance(leaf.value, Fact) else leaf.value
        if value not in (None, (), {}, ""):
            yield value


def _meets(value: Any, condition: Condition) -> bool:
    return not condition.is_one_of or str(value) in condition.is_one_of


def _entries(case: _Case, group: tuple[str, ...]) -> tuple[Entry, ...]:
    """Return the places of one field and its alternatives."""
    return tuple(entry for pattern in group for entry in _places(case, pattern))


def _places(case: _Case, pattern: str) -> Iterable[Entry]:
    heading = plan_heading(pattern)
    if heading:
        return (_of_plan(case.plan or {}, pattern, *heading),)
    return (_entry(case.located, leaf) for leaf in expand(case.located, pattern, case.thing))


def _of_plan(plan: Mapping[str, str], pattern: str, heading: str, word: str) -> Entry:
    text = plan.get(heading, "")
    there = bool(text) and word.lower() in text.lower()
    return Entry(pattern.partition("~")[0], None, "stated" if there else "absent", Text(en=heading, es=heading))


def _entry(located: Located[Protocol], leaf: Leaf) -> Entry:
    document, rest = located.origin(leaf.pointer)
    path = leaf.pointer if document is located.document else f"{located.name_of(document)}#{rest}"
    return Entry(path, document.place(rest).line, state_of(located, leaf), leaf.label)
