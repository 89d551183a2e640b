"""Reading reports in tests: every run of text of a spoken document, and the trial's protocol."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol

ROOT = Path(__file__).parents[2]


@cache
def the_protocol() -> Protocol:
    """Return the protocol of the trial."""
    return load_protocol(ROOT / "protocol" / "nct07248813.yaml")


def runs_of(said: Any) -> Iterator[dict[str, Any]]:
    """Yield every run of a spoken document or of a part of it."""
    if isinstance(said, dict):
        if "text" in said and "kind" not in said:
            yield said
        else:
            for value in said.values():
                yield from runs_of(value)
    elif isinstance(said, list):
        for value in said:
            yield from runs_of(value)


def identifiers(said: Any) -> list[str]:
    """Return the identifiers of parts, sections and blocks in their order."""
    found = []
    if isinstance(said, dict):
        found += [said["id"]] if "id" in said else []
        for value in said.values():
            found += identifiers(value)
    elif isinstance(said, list):
        for value in said:
            found += identifiers(value)
    return found


def prose(part: dict[str, Any]) -> str:
    """Return the sentences of a part: paragraphs, statements and checks, without headings, tables and captions."""
    texts = []
    for section in part["sections"]:
        for block in section["blocks"]:
            if block["kind"] == "paragraph":
                texts.append(_text(block["runs"]))
            elif block["kind"] == "bullets":
                texts += [_text(item) for item in block["items"]]
            elif block["kind"] == "verdict":
                texts += [_text(block["runs"]), *(_text(check["runs"]) for check in block["checks"]), _text(block["rule"])]
    return " ".join(texts)


def _text(runs: list[dict[str, Any]]) -> str:
    return "".join(run["text"] for run in runs)
