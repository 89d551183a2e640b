"""The criteria in the registry's one text block: headings and lists in, numbered criteria out; what is no list entry is kept as rest.

Headings may be English or Spanish; entries start with a bullet, a number or a letter. Entries that stand deeper than the
first one of their list belong to the entry above. Where a heading has no list under it, each line is a criterion.
"""

import re
from typing import NamedTuple

MARKER = re.compile(r"^(\s*)(?:[*•·‣▪◦●○–—-]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)]|\(?[ivxIVX]{1,4}[.)])\s+(.*)$")
ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!<>~^|])")
HEADING_WORDS = (
    ("inclusion", re.compile(r"\binclusi[oó]n\b", re.IGNORECASE)),
    ("exclusion", re.compile(r"\bexclusi[oó]n\b", re.IGNORECASE)),
)
NOT_INCLUDED = re.compile(r"\bnon?[ -]?inclusi[oó]n\b", re.IGNORECASE)  # a usual word for exclusion in Spanish and French
PLAIN_HEADING = re.compile(
    r"(?:(?:key|main|major|general)\s+)?(?:inclusion|exclusion)(?:\s+criteria)?|criterios?\s+de\s+(?:inclusi[oó]n|exclusi[oó]n|exclusion)",
    re.IGNORECASE,
)
OTHER_HEADING = re.compile(r"\b(eliminaci[oó]n|withdrawal|discontinuation|elimination)\b.*:?$", re.IGNORECASE)
CRITERIA_WORD = re.compile(r"\bcriteri(a|on|os|o)\b", re.IGNORECASE)
LONGEST_HEADING = 100
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


class Criteria(NamedTuple):
    """The block's criteria in order, and the texts that are none."""

    inclusion: tuple[str, ...]
    exclusion: tuple[str, ...]
    rest: tuple[str, ...]


class _Line(NamedTuple):
    """A line: how deep its marker stands (None without one), and its text."""

    depth: int | None
    indent: int
    text: str


def parse_criteria(block: str) -> Criteria:
    """Return the criteria of an eligibility text."""
    parts: dict[str, list[list[_Line]]] = {"inclusion": [], "exclusion": [], "rest": [[]]}
    current = parts["rest"][0]
    for written in block.split("\n"):
        line = _line(written)
        heading, title, text = _opened(line.text)
        if not heading:
            current.append(line)
            continue
        current = [line._replace(text=text)] if text else []
        parts[heading].append(current)
        if title and not PLAIN_HEADING.fullmatch(NOT_INCLUDED.sub("exclusion", title)):
            parts["rest"].append([line._replace(text=title)])
    rest = [line.text for section in parts["rest"] for line in section if line.text]
    inclusion, exclusion = (_entries(parts[name], rest) for name in ("inclusion", "exclusion"))
    return Criteria(inclusion, exclusion, tuple(rest))


def numbers_in(text: str) -> tuple[float, ...]:
    """Return the numbers of a text in ascending order."""
    return tuple(sorted(float(word.replace(",", ".")) for word in NUMBER.findall(text)))


def _line(written: str) -> _Line:
    written = ESCAPED.sub(r"\1", written.expandtabs(4).rstrip())
    match = MARKER.match(written)
    indent = len(written) - len(written.lstrip())
    return _Line(indent if match else None, indent, " ".join((match[2] if match else written).split()))


def _opened(text: str) -> tuple[str, str, str]:
    """Return the list that a line opens (none: empty), what of the line is its heading, and what stands behind the heading."""
    head, colon, tail = text.partition(":")
    heading = _heading(head + colon)
    if not heading or heading == "rest":
        return heading, "", text
    return heading, head.strip("#*_ "), tail.strip("*_ ")


def _heading(text: str) -> str:
    """Return the list that a heading opens: inclusion, exclusion, rest (criteria of another kind), or nothing."""
    bare = NOT_INCLUDED.sub("exclusion", text.strip("#*_ "))
    if not bare or len(bare) > LONGEST_HEADING or not (bare.endswith(":") or PLAIN_HEADING.fullmatch(bare)):
        return ""
    names = [name for name, pattern in HEADING_WORDS if pattern.search(bare)]
    if len(names) == 1 and (PLAIN_HEADING.fullmatch(bare.rstrip(": ")) or CRITERIA_WORD.search(bare)):
        return names[0]
    return "rest" if not names and CRITERIA_WORD.search(bare) and OTHER_HEADING.search(bare) else ""


def _entries(sections: list[list[_Line]], rest: list[str]) -> tuple[str, ...]:
    """Return the criteria of all sections of one kind; add what is none to the rest."""
    entries: list[str] = []
    for lines in sections:
        listed = any(line.depth is not None for line in lines)
        entries += _listed(lines, rest) if listed else [line.text for line in lines if line.text]
    return tuple(entries)


def _listed(lines: list[_Line], rest: list[str]) -> list[str]:
    """Return the entries of a list; a line without marker belongs to the entry above unless an empty line stands between."""
    entries: list[str] = []
    base = next(line.depth for line in lines if line.depth is not None)
    attached = False
    for line in lines:
        if not line.text:
            attached = False
        elif line.depth is not None and (line.depth <= base or not entries):
            entries.append(line.text)
            attached = True
        elif entries and (line.depth is not None or attached or line.indent > base):
            entries[-1] = f"{entries[-1]}{'; ' if line.depth is not None and not entries[-1].endswith(':') else ' '}{line.text}"
            attached = True
        else:
            rest.append(line.text)
    return entries
