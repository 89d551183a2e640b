"""The made-up sound protocol, and copies of it in which some values are changed: the fixtures of the rules."""

import copy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from odisea.protocol.load import Located, load_located_protocol
from odisea.protocol.model import Protocol

HERE = Path(__file__).parent
SOUND = HERE / "sound"
NAMES = tuple(path.name for path in sorted(SOUND.glob("*.yaml")))
REMOVE = "~remove"

Changes = Mapping[str, Any]


@cache
def plain_files() -> dict[str, dict[str, Any]]:
    """The files of the sound protocol as plain data; instrument files can be changed under /instruments/NAME."""
    return {name: yaml.safe_load((SOUND / name).read_text(encoding="utf-8")) for name in NAMES}


def changed(folder: Path, changes: Changes) -> Located[Protocol]:
    """Write the sound protocol with changes into a folder, and load it.

    Parameters
    ----------
    changes : mapping
        From JSON pointer to the new value; `~remove` deletes the entry, a pointer that ends in /- appends to a list.
        Pointers below /instruments/NAME/ change that instrument's file, below /dictionary/ the trial's own dictionary.
    """
    files = copy.deepcopy(plain_files())
    for pointer, value in changes.items():
        name, rest = _file_of(pointer)
        _change(files[name], rest, value)
    for name, data in files.items():
        text = yaml.dump(data, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False, width=10_000)
        (folder / name).write_text(text, encoding="utf-8")
    return load_located_protocol(folder / "protocol.yaml")


def _file_of(pointer: str) -> tuple[str, list[str]]:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    if steps[0] == "instruments" and len(steps) > 2:
        return f"{steps[1]}.yaml", steps[2:]
    if steps[0] == "dictionary":
        return "own.yaml", steps[1:]
    return "protocol.yaml", steps


def _change(data: Any, steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        data = data[int(step)] if isinstance(data, list) else data[step]
    last = steps[-1]
    if value == REMOVE:
        del data[int(last) if isinstance(data, list) else last]
    elif isinstance(data, list) and last == "-":
        data.append(value)
    else:
        data[int(last) if isinstance(data, list) else last] = value
