"""Suggested changes applied to a copy of the YAML files; comments, order and everything untouched stay as written.

ruamel.yaml keeps comments and layout through reading and writing. A change that holds `...` waits for an answer and is left out.
"""

from collections.abc import Iterable
from io import StringIO
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from odisea.protocol.load import Located
from odisea.protocol.model import Protocol
from odisea.protocol.rules.finding import Finding
from odisea.protocol.rules.rule import ASK, Patch

WIDEST = 100_000  # long lines stay one line
LIST_INDENTS = ((4, 2), (2, 0))  # dash below the field's name, or under its first letter


class Mended(NamedTuple):
    """What became of the suggestions.

    Parameters
    ----------
    texts : dict
        The changed files' new texts, by the file's name as the protocol's folder sees it (empty: the protocol itself).
    applied, waiting : tuple of str
        RULE at place, for the changes that were made and those that need an answer first.
    """

    texts: dict[str, str]
    applied: tuple[str, ...]
    waiting: tuple[str, ...]


def mend(located: Located[Protocol], texts: dict[str, str], findings: Iterable[Finding]) -> Mended:
    """Return the files with the suggestions of findings applied.

    Parameters
    ----------
    located : Located[Protocol]
        Where pointers stand.
    texts : dict
        The text of every file by its name (empty: the protocol itself).
    findings : iterable of Finding
        Accepted ones are left alone; of two changes at one place the first counts.
    """
    changes: dict[str, dict[str, Patch]] = {}
    applied, waiting = [], []
    for finding in sorted((each for each in findings if not each.waiver), key=lambda each: each.order):
        patches = finding.suggested_fix.patch
        if not patches:
            continue
        if any(_asks(patch.value) for patch in patches):
            waiting.append(f"{finding.rule_id} {finding.spec_path}")
            continue
        for patch in patches:
            name, pointer = _split(located, patch.path)
            changes.setdefault(name, {}).setdefault(pointer, patch)
        applied.append(f"{finding.rule_id} {finding.spec_path}")
    new = {name: _changed(texts[name], patches) for name, patches in changes.items() if name in texts}
    return Mended(new, tuple(applied), tuple(waiting))


def _split(located: Located[Protocol], pointer: str) -> tuple[str, str]:
    document, rest = located.origin(pointer)
    return ("" if document is located.document else located.name_of(document)), rest


def _asks(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_asks, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_asks, value))
    return isinstance(value, str) and value == ASK


def _changed(text: str, patches: dict[str, Patch]) -> str:
    indents = min(LIST_INDENTS, key=lambda each: _lines_moved(text, each))
    yaml = _yaml(indents)
    data = yaml.load(text)
    for pointer, patch in sorted(patches.items(), key=_last_entries_first):
        _apply(data, pointer, patch)
    return _written(yaml, data)


def _yaml(indents: tuple[int, int]) -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = WIDEST
    yaml.indent(mapping=2, sequence=indents[0], offset=indents[1])
    return yaml


def _written(yaml: YAML, data: Any) -> str:
    out = StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def _lines_moved(text: str, indents: tuple[int, int]) -> int:
    """Return how many lines would change by reading and writing alone: the author's way of indenting lists moves fewest."""
    yaml = _yaml(indents)
    return len(set(_written(yaml, yaml.load(text)).splitlines()) ^ set(text.splitlines()))


def _last_entries_first(change: tuple[str, Patch]) -> tuple[bool, list[tuple[int, str]]]:
    """Order removals last and from the end, so that the numbers of earlier entries still hold."""
    pointer, patch = change
    return patch.op == "remove", [(-int(step), "") if step.isdigit() else (0, step) for step in pointer.split("/")]


def _apply(data: Any, pointer: str, patch: Patch) -> None:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    for step in steps[:-1]:
        if not isinstance(data, list) and step not in data:
            data[step] = {}
        data = data[int(step)] if isinstance(data, list) else data[step]
    last: Any = int(steps[-1]) if isinstance(data, list) and steps[-1] != "-" else steps[-1]
    if patch.op == "remove":
        del data[last]
    elif last == "-":
        data.append(_plain(patch.value))
    else:
        data[last] = _plain(patch.value)


def _plain(value: Any) -> Any:
    """Return a value as lists and dicts, which is what YAML writes."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
