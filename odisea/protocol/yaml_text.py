"""Plain data as YAML text with comments, as our loader reads it: a text that could mean something else stands in double quotes."""

import json
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from odisea.protocol.compose import child

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
NOT_PLAIN = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity"}
WIDTH = 120


def yaml_text(data: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """Return the lines of a mapping.

    Parameters
    ----------
    data : mapping
        Dicts, lists, texts, numbers and booleans.
    comments : mapping
        From JSON pointer to what stands as a comment above the entry; a newline starts a new line.
    """
    return "\n".join(_block(data, "", 0, comments)) + "\n"


def comment_lines(text: str, indent: int = 0) -> list[str]:
    """Return a text as comment lines of bounded width."""
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, WIDTH, break_on_hyphens=False) or [""]]
    return [f"{' ' * indent}# {line}".rstrip() for line in lines]


def _block(data: Mapping[str, Any], pointer: str, indent: int, comments: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    for key, value in data.items():
        place = child(pointer, key)
        lines += [""] * (indent == 0 and bool(lines))
        lines += comment_lines(comments[place], indent) if place in comments else []
        lines += _entry(f"{' ' * indent}{_scalar(key)}:", value, place, indent, comments)
    return lines


def _entry(head: str, value: Any, place: str, indent: int, comments: Mapping[str, str]) -> list[str]:
    """Return a key with its value: on one line where it is short and has no comment inside."""
    flow = _flow(value)
    commented = any(other.startswith(f"{place}/") for other in comments)
    if not isinstance(value, dict | list) or not value or (len(head) + len(flow) < WIDTH and not commented):
        return [f"{head} {flow}"]
    if isinstance(value, dict):
        return [head, *_block(value, place, indent + 2, comments)]
    return [head, *(line for n, item in enumerate(value) for line in _item(item, child(place, n), indent + 2, comments))]


def _item(item: Any, place: str, indent: int, comments: Mapping[str, str]) -> list[str]:
    """Return an entry of a list behind its dash."""
    lines = comment_lines(comments[place], indent) if place in comments else []
    flow = _flow(item)
    commented = any(other.startswith(f"{place}/") for other in comments)
    if not isinstance(item, dict) or not item or (indent + len(flow) < WIDTH and not commented):
        return [*lines, f"{' ' * indent}- {flow}"]
    first, *others = _block(item, place, indent + 2, comments)
    return [*lines, f"{' ' * indent}- {first[indent + 2 :]}", *others]


def _flow(value: Any) -> str:
    """Return a value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: str | bool | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.12g}"
    if PLAIN.fullmatch(value) and value.casefold() not in NOT_PLAIN:
        return value
    return json.dumps(value, ensure_ascii=False)
