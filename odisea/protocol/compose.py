"""From a YAML text to plain data and the place of every value, accepting only what a reviewer can read without surprise.

PyYAML's parser gives the events; construction is ours: no anchors, aliases, merge keys, tags, directives or second
document, no duplicate keys, bounded size and depth. Every fault is a `Problem` with file, line and column, and all of them
are found in one reading.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

from odisea.errors import Problem, ProtocolError
from odisea.protocol.scalar import Refusal, read_plain

LARGEST_FILE = 2**20
DEEPEST = 20
MOST_NODES = 20_000
LONGEST_SCALAR = 32_000
MOST_PROBLEMS = 100
MOST_HIDDEN = 20
LONGEST_KEY = 200
LONGEST_WAY = 1_000
LONGEST_SHOWN = 60
LONGEST_REASON = 200
WRAPS = ("proposed", "derived")

HIDDEN = "\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufffe\uffff"
FORBIDDEN = re.compile(rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff{HIDDEN}]|\r(?!\n)")


class Place(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file as plain data (mappings are dicts, lists are tuples) with the place of every key and value.

    Parameters
    ----------
    name : str
        The file, as messages print it.
    data : object
        The top mapping.
    keys, values : mapping
        From JSON pointer to the place of the key and of the value.
    """

    name: str
    data: dict[str, Any]
    keys: Mapping[str, Place] = field(repr=False)
    values: Mapping[str, Place] = field(repr=False)

    def resolve(self, steps: Iterable[object]) -> str:
        """Return the deepest written pointer on a way; steps that are not written are skipped, `proposed` and `derived` entered."""
        pointer = ""
        for step in steps:
            inside = (
                child(pointer, step),
                *(child(child(pointer, wrap), step) for wrap in WRAPS),
                *(child(pointer, wrap) for wrap in WRAPS),
            )
            pointer = next((candidate for candidate in inside if candidate in self.values), pointer)
        return pointer

    def place(self, pointer: str) -> Place:
        """Return where a pointer stands: the value of a scalar, the key of a block; the nearest parent where it is absent."""
        if pointer not in self.values:
            pointer = self.resolve(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
        value, key = self.values[pointer], self.keys.get(pointer)
        return key if key and key.line != value.line else value

    def where(self, pointer: str) -> str:
        """Return `file:line:column` of a pointer."""
        return at(self.name, self.place(pointer))

    def where_key(self, pointer: str) -> str:
        """Return `file:line:column` of the key of a pointer."""
        return at(self.name, self.keys.get(pointer) or self.place(pointer))


def at(name: str, place: Place) -> str:
    """Return `file:line:column`."""
    return f"{name}:{place.line}:{place.column}"


def child(pointer: str, key: object) -> str:
    """Return the JSON pointer of an entry (RFC 6901)."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def read_document(path: Path) -> Document:
    """Read a YAML file.

    Raises
    ------
    ProtocolError
        It does not exist, is no regular file, is too large, or is not the plain YAML described above.
    """
    try:
        content = _read_bytes(path)
    except OSError as error:
        found = f"the file cannot be read ({error.strerror})"
        raise ProtocolError(Problem(str(path), found, "a YAML file is needed", "Check the path", "SYN-15")) from error
    if len(content) > LARGEST_FILE:
        raise ProtocolError(_too_large(str(path), "the file is"))
    return compose(_decode(content, str(path)), str(path))


def _read_bytes(path: Path) -> bytes:
    """Return the start of a regular file: one byte more than may be there."""
    if not path.is_file():
        found = "this is not a regular file" if path.exists() else "the file does not exist"
        raise ProtocolError(Problem(str(path), found, "a YAML file is needed", "Check the path", "SYN-15"))
    with path.open("rb") as file:
        return file.read(LARGEST_FILE + 1)


def _too_large(name: str, what: str) -> Problem:
    return Problem(name, f"{what} larger than 1 MiB", "declarations are small", "Check that this is the right file", "SYN-03")


def compose(text: str, name: str) -> Document:
    """Return the data of a YAML text.

    Parameters
    ----------
    text : str
        The whole file.
    name : str
        What messages call it.

    Raises
    ------
    ProtocolError
        With every problem found.
    """
    if len(text) > LARGEST_FILE:
        raise ProtocolError(_too_large(name, "the text is"))
    _refuse_hidden_characters(text, name)
    composer = _Composer(name)
    data = composer.read(text)
    if not composer.problems and not isinstance(data, dict):
        composer.refuse(
            Place(1, 1),
            "the file holds no fields",
            "its first block is odisea: {kind: ..., schema: ...}",
            "Write name: value lines",
            "SYN-11",
        )
    if composer.problems:
        raise ProtocolError(composer.problems)
    return Document(name, data, composer.keys, composer.values)


def _decode(content: bytes, name: str) -> str:
    """Return the text of a UTF-8 file without a byte order mark at its start."""
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        found = f"byte 0x{content[error.start]:02x} is not UTF-8"
        problem = Problem(at(name, _place_after(before)), found, "files are UTF-8", "Save the file as UTF-8", "SYN-09")
        raise ProtocolError(problem) from error


def _place_after(text: str) -> Place:
    return Place(text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)


def _refuse_hidden_characters(text: str, name: str) -> None:
    problems = [
        Problem(
            at(name, _place_after(text[: match.start()])),
            f"hidden or control character U+{ord(match[0]):04X} ({unicodedata.name(match[0], 'control')})",
            "only visible characters, spaces and line ends are allowed",
            "Delete it",
            "SYN-09",
        )
        for match in islice(FORBIDDEN.finditer(text), MOST_HIDDEN)
    ]
    if problems:
        raise ProtocolError(problems)


class _Stop(Exception):  # noqa: N818 - control flow inside this file, never seen outside
    """The text cannot be read further; the problem is already noted."""


class _Composer:
    """Builds data from the events of one YAML text; notes problems and goes on where it can."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.keys: dict[str, Place] = {}
        self.values: dict[str, Place] = {}
        self.nodes = 0
        self.last: tuple[object, Place] = (None, Place(0, 0))  # the last unquoted value, and the place behind it and a comma

    def refuse(self, place: Place, found: str, allowed: str, remedy: str, rule: str) -> None:
        """Note a problem; stop the reading where there are too many."""
        self.problems.append(Problem(at(self.name, place), found, allowed, remedy, rule))
        if len(self.problems) >= MOST_PROBLEMS:
            raise _Stop

    def read(self, text: str) -> Any:
        """Return the data of the only document."""
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        try:
            return self._only_document(iter(events))
        except yaml.MarkedYAMLError as error:
            self._refuse_syntax(error)
        except yaml.YAMLError as error:
            self.refuse(Place(1, 1), f"this is not valid YAML: {_clip(str(error), LONGEST_REASON)}", "", "Check the file", "SYN-11")
        except (ValueError, OverflowError) as error:  # PyYAML passes an escape such as \UFFFFFFFF straight to chr()
            self._refuse_number(text, error)
        except _Stop:
            pass
        return None

    def _refuse_number(self, text: str, error: Exception) -> None:
        """Note a number that PyYAML itself cannot read: the version of a directive, or the code of an escape."""
        if re.match(r"(#.*\n|\s)*%", text):
            self.refuse(Place(1, 1), "the file starts with a % directive", "directives are not allowed", "Delete the line", "SYN-02")
        else:
            found = f"an escape sequence names no character ({_clip(str(error), LONGEST_REASON)})"
            self.refuse(Place(1, 1), found, "", "Write the character itself", "SYN-11")

    def _refuse_syntax(self, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        self.refuse(
            place,
            f"this is not valid YAML: {_clip(reason, LONGEST_REASON)}",
            "fields are indented with spaces, as name: value",
            "Check this line and the one above",
            "SYN-11",
        )

    def _only_document(self, events: Iterator[yaml.Event]) -> Any:
        data = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                self._refuse_directives(event, documents)
                data = self._node(events, next(events), "", 1)
        return data

    def _refuse_directives(self, event: yaml.DocumentStartEvent, documents: int) -> None:
        if documents > 1:
            remedy = "Delete the line ---, or split the file"
            self.refuse(_place(event), "a second document starts here", "a file holds one document", remedy, "SYN-02")
            raise _Stop
        if event.version or event.tags:
            self.refuse(_place(event), "the file starts with a % directive", "directives are not allowed", "Delete the line", "SYN-02")

    def _node(self, events: Iterator[yaml.Event], event: yaml.Event, pointer: str, depth: int) -> Any:
        self._count(event, depth, pointer)
        self.values[pointer] = _place(event)
        if isinstance(event, yaml.AliasEvent):
            self._refuse_reference(event, f"the alias *{_clip(event.anchor)}")
            return None
        self._refuse_marks(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return tuple(
                self._node(events, item, child(pointer, n), depth + 1) for n, item in enumerate(_until(events, yaml.SequenceEndEvent))
            )
        return self._mapping(events, pointer, depth)

    def _refuse_marks(self, event: yaml.Event) -> None:
        """Note the anchor and the tag of a scalar or collection."""
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor:
            self._refuse_reference(event, f"the anchor &{_clip(anchor)}")
        if tag:
            remedy = "Delete it; quote a value that must stay a text"
            self.refuse(_place(event), f"the tag {_clip(tag)}", "tags are not allowed", remedy, "SYN-02")

    def _count(self, event: yaml.Event, depth: int, pointer: str) -> None:
        """Stop the reading where the file outgrows what may be held: every value is kept with the names on the way to it."""
        self.nodes += 1
        if self.nodes > MOST_NODES:
            self._stop(event, f"the file holds more than {MOST_NODES} values", "declarations are small", "Split the file")
        if depth > DEEPEST:
            self._stop(event, f"blocks are nested deeper than {DEEPEST} levels", "declarations are flat", "Flatten the file")
        if len(pointer) > LONGEST_WAY:
            found = f"the keys on the way here have more than {LONGEST_WAY} characters together"
            self._stop(event, found, "names are short", "Shorten them")

    def _stop(self, event: yaml.Event, found: str, allowed: str, remedy: str) -> NoReturn:
        self.refuse(_place(event), found, allowed, remedy, "SYN-03")
        raise _Stop

    def _refuse_reference(self, event: yaml.Event, found: str) -> None:
        self.refuse(
            _place(event),
            f"{found} stands here",
            "anchors, aliases and merge keys are not allowed",
            "Write the value out where it is needed",
            "SYN-02",
        )

    def _mapping(self, events: Iterator[yaml.Event], pointer: str, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for event in _until(events, yaml.MappingEndEvent):
            key = self._key(events, event, pointer, depth)
            place = child(pointer, key)
            if key in data:
                first = self.keys[place].line
                self.refuse(
                    _place(event),
                    f"the key {_clip(key)} appears twice (first in line {first})",
                    "a key stands once in its block",
                    "Delete one of them",
                    "SYN-01",
                )
                place = child(pointer, f"{key} (again)")
            self.keys[place] = _place(event)
            value = self._node(events, next(events), place, depth + 1)
            data.setdefault(key, value)
        return data

    def _key(self, events: Iterator[yaml.Event], event: yaml.Event, pointer: str, depth: int) -> str:
        before = self.last
        value = self._node(events, event, child(pointer, "?"), depth + 1)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar_key(event, value, before)
        if not isinstance(event, yaml.AliasEvent):
            self.refuse(_place(event), "a block stands as a key", "keys are texts", "Give the field a name", "SYN-05")
        return "?"

    def _scalar_key(self, event: yaml.ScalarEvent, value: object, before: tuple[object, Place]) -> str:
        """Return the key; a long one shortened, because every pointer below it repeats it."""
        shown = _clip(event.value)
        if not event.style and event.value == "<<":
            self._refuse_reference(event, "the merge key <<")
        elif type(value) is type(before[0]) is int and _place(event) == before[1]:  # {size: 0,5} holds the keys size and 5
            found = f"{before[0]} is followed by a comma and {shown}"
            self.refuse(_place(event), found, "numbers have a decimal point", f"Write {before[0]}.{shown} for one number", "SYN-08")
        elif not isinstance(value, str) and not self._already_refused(event):
            found = f"the key {shown or '(empty)'} is no text"
            self.refuse(_place(event), found, "keys are texts", f'Write it in quotes: "{shown}"', "SYN-05")
        elif "\n" in event.value or len(event.value) > LONGEST_KEY:
            allowed = f"keys have up to {LONGEST_KEY} characters"
            self.refuse(_place(event), "a key of several lines or of great length", allowed, "Shorten it", "SYN-03")
        return event.value if len(event.value) <= LONGEST_KEY else f"{shown} (line {_place(event).line})"

    def _already_refused(self, event: yaml.Event) -> bool:
        return bool(self.problems) and self.problems[-1].where == at(self.name, _place(event))

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        if len(event.value) > LONGEST_SCALAR:
            self.refuse(_place(event), f"a text longer than {LONGEST_SCALAR} characters", "texts are short", "Shorten it", "SYN-03")
            return ""
        hidden = FORBIDDEN.search(event.value)
        if hidden:
            self.refuse(
                _place(event),
                f"the text holds the hidden character U+{ord(hidden[0]):04X}",
                "only visible characters are allowed",
                "Delete it",
                "SYN-09",
            )
            return ""
        if event.style:
            return event.value
        value = read_plain(event.value)
        if isinstance(value, Refusal):
            self.refuse(_place(event), *value)
            return None
        if event.end_mark:
            self.last = (value, Place(event.end_mark.line + 1, event.end_mark.column + 2))
        return value


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _clip(text: str | None, longest: int = LONGEST_SHOWN) -> str:
    text = " ".join((text or "").split())
    return text if len(text) <= longest else f"{text[:longest]}..."


def _until(events: Iterator[yaml.Event], end: type[yaml.Event]) -> Iterator[yaml.Event]:
    """Give events up to the end of the collection; the receiver takes those that belong to an event."""
    for event in events:
        if isinstance(event, end):
            return
        yield event
