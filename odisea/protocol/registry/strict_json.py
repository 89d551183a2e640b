"""From a JSON text to plain data, accepting only what has one meaning: no key twice, no NaN, bounded depth and numbers.

Hidden and control characters of texts, which registry entries bring along from word processors, are taken out here, so
that nothing behind this door sees them.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from odisea.errors import Problem, ProtocolError
from odisea.protocol.compose import FORBIDDEN, HIDDEN

DEEPEST = 40
LONGEST_TEXT = 32_000
LARGEST_NUMBER = 1e12
MOST_PROBLEMS = 50
STRING = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)  # an unfinished one reaches to the end, so that the search stays linear
OPENINGS = re.compile(r"[\[\]{}]")
LINE_END = re.compile(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]")
WITHOUT_WIDTH = re.compile(f"[{HIDDEN}\xad]")


class _Pairs(dict[str, Any]):
    """An object as parsed, with the keys that stand in it more than once."""

    repeated: tuple[str, ...] = ()


class _NotFinite:
    """A number that JSON does not know."""

    def __init__(self, word: str) -> None:
        self.word = word


def parse_json(text: str, name: str) -> Any:
    """Return the data of a JSON text: dicts, lists, texts, numbers, true, false and null.

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
    _refuse_depth(text, name)
    try:
        data = json.loads(text, object_pairs_hook=_object, parse_constant=_NotFinite, parse_float=_number, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise ProtocolError(_syntax_problem(error, text, name)) from error
    problems = list(_problems(data, name, ""))[:MOST_PROBLEMS]
    if problems:
        raise ProtocolError(problems)
    return _plain(data)


def clean(text: str) -> str:
    """Return a text without hidden and control characters; line ends are one newline."""
    return FORBIDDEN.sub(" ", WITHOUT_WIDTH.sub("", LINE_END.sub("\n", text))).replace("\r", "\n")


def inside(path: str, step: str | int) -> str:
    """Return the JSON path of an entry: `a.b` or `a[0]`."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    step = clean(step).replace("\n", " ")[:60]
    return f"{path}.{step}" if path else step


def _refuse_depth(text: str, name: str) -> None:
    """Raise before the parser recurses into a text that is nested too deeply."""
    depth = 0
    for match in OPENINGS.finditer(STRING.sub('""', text)):
        depth += 1 if match[0] in "[{" else -1
        if depth > DEEPEST:
            found = f"the data are nested deeper than {DEEPEST} levels"
            raise ProtocolError(Problem(name, found, "a registry record has about ten", "Check that this is the right file"))


def _object(pairs: list[tuple[str, Any]]) -> _Pairs:
    data = _Pairs()
    for key, value in pairs:
        if key in data:
            data.repeated = (*data.repeated, key)
        data.setdefault(key, value)
    return data


def _number(word: str) -> float | _NotFinite:
    value = float(word)
    return value if math.isfinite(value) and abs(value) <= LARGEST_NUMBER else _NotFinite(word)


def _whole(word: str) -> int | _NotFinite:
    return int(word) if len(word.lstrip("-")) <= 12 else _NotFinite(word)


def _syntax_problem(error: json.JSONDecodeError, text: str, name: str) -> Problem:
    if not text.strip():
        return Problem(name, "the file is empty", "a registry record in JSON is needed", "Download the record again")
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        found = "the file ends in the middle of the data"
        return Problem(f"{name}:{error.lineno}:{error.colno}", found, "the record must be complete", "Download the record again")
    found = f"this is not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
    return Problem(f"{name}:{error.lineno}:{error.colno}", found, "the file holds one JSON object", "Download the record again")


def _problems(value: Any, name: str, path: str) -> Iterator[Problem]:
    """Give what has no single meaning, at its JSON path."""
    if isinstance(value, _NotFinite):
        found = f"{value.word[:20]} is no number of a record"
        yield Problem(f"{name}#{path}", found, f"numbers are finite and at most {LARGEST_NUMBER:g}", "Download the record again")
    elif isinstance(value, str) and len(value) > LONGEST_TEXT:
        found = f"a text of {len(value)} characters"
        yield Problem(f"{name}#{path}", found, f"the registry's longest text has {LONGEST_TEXT}", "Check that this is the right file")
    elif isinstance(value, _Pairs):
        for key in dict.fromkeys(value.repeated):
            found = "the key appears twice"
            yield Problem(f"{name}#{inside(path, key)}", found, "a key stands once in its object", "Download the record again")
    for step, entry in _entries(value):
        yield from _problems(entry, name, inside(path, step))


def _entries(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _plain(value: Any) -> Any:
    """Return the data as plain dicts and lists with clean texts."""
    if isinstance(value, dict):
        return {clean(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return clean(value) if isinstance(value, str) else value
