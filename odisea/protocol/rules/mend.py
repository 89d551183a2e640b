"""Suggested changes applied to a copy of the YAML files: only the lines of a change move, everything else stays byte for byte.

A change is spliced into the text at the place where the parser saw the old value, so comments, order, quotes, line ends and the
author's layout stay. (Reading and writing the whole file with a YAML library does not do: it joins lists that the author broke,
and takes a heading above the next section for a part of the entry before it.) A change that holds `...` waits for an answer.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import yaml

from odisea.protocol.load import Located
from odisea.protocol.model import Protocol
from odisea.protocol.rules.finding import Finding
from odisea.protocol.rules.rule import ASK, Patch, put
from odisea.protocol.yaml_text import yaml_text

WIDEST = 120
APPEND = "-"
AUTHOR = "odisea check --fix"
Collection = yaml.MappingNode | yaml.SequenceNode


class Mended(NamedTuple):
    """What became of the suggestions.

    Parameters
    ----------
    texts : dict
        The changed files' new texts, by the file's name as the protocol's folder sees it (empty: the protocol itself).
    applied, waiting : tuple of str
        RULE at place, for the changes that were made and those that need an answer first.
    left : tuple of str
        RULE at place, for changes whose place another change had taken already, or that is in none of the files.
    """

    texts: dict[str, str]
    applied: tuple[str, ...]
    waiting: tuple[str, ...]
    left: tuple[str, ...] = ()


class Change(NamedTuple):
    """A patch at its place in one file."""

    name: str
    pointer: str
    patch: Patch

    def meets(self, other: "Change") -> bool:
        """Return whether two different changes are of one place, or one of a part of the other's; appending never is."""
        if self.name != other.name or (self.pointer, self.patch.value) == (other.pointer, other.patch.value):
            return False
        if self.pointer == other.pointer:
            return not self.pointer.endswith(f"/{APPEND}")
        return self.pointer.startswith(f"{other.pointer}/") or other.pointer.startswith(f"{self.pointer}/")


def mend(located: Located[Protocol], texts: dict[str, str], findings: Iterable[Finding], today: str) -> Mended:
    """Return the files with the suggestions of findings applied.

    Parameters
    ----------
    located : Located[Protocol]
        Where pointers stand.
    texts : dict
        The text of every file by its name (empty: the protocol itself).
    findings : iterable of Finding
        Accepted ones are left alone; of two changes at one place the first counts. A finding's changes are made all or none.
    today : str
        Day of the proposals (YYYY-MM-DD) in a file that does not say yet who makes its proposals.
    """
    made: list[Change] = []
    told: dict[str, list[str]] = {"applied": [], "waiting": [], "left": []}
    for finding in sorted((each for each in findings if not each.waiver), key=lambda each: each.order):
        patches = finding.suggested_fix.patch
        if not patches:
            continue
        changes = [Change(*_split(located, patch.path), patch) for patch in patches]
        fate = "waiting" if any(_asks(patch.value) for patch in patches) else _fate(located, texts, made, changes)
        told[fate].append(f"{finding.rule_id} {finding.spec_path}")
        made += [change for change in changes if fate == "applied" and change not in made]
    made += _authors(located, made, today)
    names = dict.fromkeys(change.name for change in made)
    new = {name: _changed(texts[name], [change for change in made if change.name == name]) for name in names}
    return Mended(new, tuple(told["applied"]), tuple(told["waiting"]), tuple(told["left"]))


def _authors(located: Located[Protocol], made: list[Change], today: str) -> list[Change]:
    """Return the blocks that say who makes the proposals, for files that receive some and have none."""
    documents = {"": located.document, **{located.name_of(part): part for part in located.parts.values()}}
    proposing = dict.fromkeys(change.name for change in made if _proposes(change.patch.value))
    unsigned = [name for name in proposing if "/proposals" not in documents[name].values]
    return [Change(name, "/proposals", put("/proposals", {"by": AUTHOR, "date": today})) for name in unsigned]


def _proposes(value: Any) -> bool:
    return isinstance(value, dict) and ("proposed" in value or any(map(_proposes, value.values())))


def _fate(located: Located[Protocol], texts: dict[str, str], made: list[Change], changes: list[Change]) -> str:
    """Return whether a finding's changes can be made after those that are."""
    absent = any(
        change.name not in texts or (change.patch.op == "remove" and not located.is_written(change.patch.path)) for change in changes
    )
    return "left" if absent or any(change.meets(other) for change in changes for other in made) else "applied"


def _split(located: Located[Protocol], pointer: str) -> tuple[str, str]:
    document, rest = located.origin(pointer)
    return ("" if document is located.document else located.name_of(document)), rest


def _asks(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_asks, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_asks, value))
    return isinstance(value, str) and value == ASK


def _changed(text: str, changes: list[Change]) -> str:
    """Return a file's text with changes; places are counted without carriage returns and byte order mark, which are put back."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    line_end = "\r\n" if "\r\n" in text else "\n"
    text = text.removeprefix(mark).replace("\r\n", "\n")
    for change in sorted(changes, key=_last_entries_first):
        text = _applied(text, change)
    return mark + text.replace("\n", line_end)


def _last_entries_first(change: Change) -> tuple[bool, list[tuple[int, str]]]:
    """Order removals last and from the end, so that the numbers of earlier entries still hold."""
    steps = change.pointer.split("/") if change.patch.op == "remove" else []
    return bool(steps), [(-int(step), "") if step.isdigit() else (0, step) for step in steps]


def _applied(text: str, change: Change) -> str:
    """Return the text after one change: the deepest part of its place that stands there decides how."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in change.pointer.split("/")[1:]]
    way = [yaml.compose(text, Loader=yaml.CSafeLoader)]
    for step in steps:
        entry = _Text(text, way[-1]).entry(step)
        if entry is None:
            break
        way.append(entry.value)
    found, absent = len(way) - 1, steps[len(way) - 1 :]
    if change.patch.op == "remove":
        return text if absent else _removed(text, way, steps)
    value = _plain(change.patch.value)
    for step in reversed(absent[1:]):
        value = [value] if step == APPEND else {step: value}
    if absent and isinstance(way[-1], Collection):
        return _Text(text, way[-1]).added(absent[0], value)
    return _Text(text, way[found - 1]).replaced(steps[found - 1], {absent[0]: value} if absent else value)


def _removed(text: str, way: list[Any], steps: list[str]) -> str:
    """Return the text without an entry; a block that would be left without any is written as an empty one."""
    container = way[-2]
    if len(container.value) > 1:
        return _Text(text, container).without(steps[-1])
    if len(way) < 3:
        return text
    return _Text(text, way[-3]).replaced(steps[-2], {} if isinstance(container, yaml.MappingNode) else [])


class _Entry(NamedTuple):
    """An entry of a block or list: where it starts, where its name ends (a list's: where it starts), its value and that one's end."""

    name: str
    start: int
    named: int
    value: Any
    end: int


class _Text:
    """A text and one block or list in it."""

    def __init__(self, text: str, node: Any) -> None:
        self.text = text
        self.node = node
        self.flow = bool(getattr(node, "flow_style", True))
        self.column: int = node.start_mark.column

    def entries(self) -> list[_Entry]:
        """Return the entries in order."""
        if isinstance(self.node, yaml.MappingNode):
            return [
                _Entry(key.value, key.start_mark.index, key.end_mark.index, value, _end(self.text, value)) for key, value in self.node.value
            ]
        if not isinstance(self.node, yaml.SequenceNode):
            return []
        starts = [item.start_mark.index if self.flow else self._dash(item.start_mark.index) for item in self.node.value]
        return [
            _Entry(str(n), start, start, item, _end(self.text, item))
            for n, (start, item) in enumerate(zip(starts, self.node.value, strict=True))
        ]

    def entry(self, name: str) -> _Entry | None:
        """Return the entry of a name or number."""
        return next((entry for entry in self.entries() if entry.name == name), None)

    def replaced(self, name: str, value: Any) -> str:
        """Return the text with another value in an entry."""
        old = self.entry(name)
        if old is None:
            raise KeyError(name)
        start, lines = old.value.start_mark.index, _lines(value, flow=self.flow)
        gap = self.text[old.named : start]
        if self.flow or isinstance(self.node, yaml.SequenceNode):
            return self._spliced(start, old.end, _one_line(value))
        if len(lines) == 1 and "\n" not in gap:
            return self._spliced(start, old.end, lines[0])
        note, end = self._note(old, gap)
        head = f": {lines[0]}" if len(lines) == 1 else ":"
        rest = [] if len(lines) == 1 else lines
        return self._spliced(old.named, end, "\n".join([head + note, *(f"{' ' * (self.column + 2)}{line}" for line in rest)]))

    def _note(self, old: _Entry, gap: str) -> tuple[str, int]:
        """Return the comment in the line of an entry's name, and where the entry ends with it."""
        if "\n" in gap:
            return gap.partition("\n")[0].lstrip(":").rstrip(), old.end
        behind = self.text[old.end : self._line_end(old.end)].rstrip()
        return (behind, old.end + len(behind)) if behind.lstrip().startswith("#") else ("", old.end)

    def added(self, name: str, value: Any) -> str:
        """Return the text with one more entry, after the last one and before what is said about the next part."""
        entries = self.entries()
        lines = self._new(name, value)
        if self.flow:
            place = entries[-1].end if entries else self.node.start_mark.index + 1
            return self._spliced(place, place, f", {lines[0]}" if entries else lines[0])
        place = self._line_end(entries[-1].end)
        apart = "\n" if self.column == 0 and isinstance(self.node, yaml.MappingNode) else ""
        return self._spliced(place, place, apart + "".join(f"\n{' ' * self.column}{line}" for line in lines))

    def without(self, name: str) -> str:
        """Return the text without one of several entries; comments above it stay."""
        entries = self.entries()
        place = next(number for number, entry in enumerate(entries) if entry.name == name)
        entry = entries[place]
        before = self.text[self.text.rfind("\n", 0, entry.start) + 1 : entry.start]
        if not self.flow and not before.strip():
            return self._spliced(entry.start - len(before), min(self._line_end(entry.end) + 1, len(self.text)), "")
        if place + 1 < len(entries):  # in one line with others, or the first name behind a dash: the next one moves up
            return self._spliced(entry.start, entries[place + 1].start, "")
        return self._spliced(entries[place - 1].end, entry.end, "")

    def _new(self, name: str, value: Any) -> list[str]:
        """Return the lines of a new entry."""
        lines = _lines(value, flow=self.flow)
        if isinstance(self.node, yaml.SequenceNode):
            if self.flow:
                return lines
            return [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]
        key = _one_line(name)
        return [f"{key}: {lines[0]}"] if len(lines) == 1 else [f"{key}:", *(f"  {line}" for line in lines)]

    def _spliced(self, start: int, end: int, new: str) -> str:
        return self.text[:start] + new + self.text[end:]

    def _line_end(self, place: int) -> int:
        end = self.text.find("\n", place)
        return len(self.text) if end < 0 else end

    def _dash(self, start: int) -> int:
        """Return where the dash of an entry stands: in the list's column, in the line of its value or above."""
        line = self.text.rfind("\n", 0, start) + 1
        while self.text[line + self.column : line + self.column + 1] != "-" or self.text[line : line + self.column].strip(" -"):
            line = self.text.rfind("\n", 0, line - 1) + 1
        return line + self.column


def _end(text: str, node: Any) -> int:
    """Return where a value ends; the parser counts what follows a block, up to the next word, as a part of it."""
    if isinstance(node, Collection) and not node.flow_style:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(node, yaml.MappingNode) else last)
    start: int = node.start_mark.index
    end: int = node.end_mark.index
    return start + len(text[start:end].rstrip())


def _lines(value: Any, *, flow: bool) -> list[str]:
    """Return a value as YAML: in one line inside brackets and where it is short, otherwise as a block."""
    line = _one_line(value)
    if flow or len(line) < WIDEST or not isinstance(value, dict):
        return [line]
    return [line for name, inner in value.items() for line in yaml_text({name: inner}, {}).splitlines()]


def _one_line(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_one_line(name)}: {_one_line(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_one_line, value)) + "]"
    return yaml_text({"x": value}, {}).removeprefix("x:").strip()


def _plain(value: Any) -> Any:
    """Return a value as lists and dicts, which is what YAML writes."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
