"""The simulation plan (ADEMP) as headings with their text. Only checklists read it; no number is ever taken from it."""

import re
from collections.abc import Mapping
from pathlib import Path

from odisea.protocol.load import Located
from odisea.protocol.model import Protocol

__all__ = ["plan_path", "read_plan"]

HEADING = re.compile(r"^(?:#{2,} +(?P<title>.+?) *|\*\*(?P<lead>[^*\n]+?)\.?\*\*(?P<rest>.*))$", re.MULTILINE)


def plan_path(protocol: Path) -> Path:
    """Return where a protocol's simulation plan is looked for: `simulate/ademp.md` beside the protocol's folder."""
    return protocol.parent / ".." / "simulate" / "ademp.md"


def read_plan(path: Path, located: Located[Protocol] | None = None) -> Mapping[str, str] | None:
    """Return the headings of a plan, each with its text; None where there is no such file.

    Parameters
    ----------
    path : Path
        A Markdown file; headings are `## Aims` and bold words with a full stop at the start of a paragraph.
    located : Located[Protocol], optional
        The trial that the plan must name; None is returned where it names another.
    """
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    if located is not None and located.value.trial.lower() not in text.lower():
        return None
    return headings(text)


def headings(text: str) -> dict[str, str]:
    """Return the headings of a Markdown text, each with what stands under it up to the next one."""
    found = list(HEADING.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return {
        (match["title"] or match["lead"]).strip(): f"{match['rest'] or ''}{text[match.end() : end]}".strip()
        for match, end in zip(found, ends, strict=True)
    }
