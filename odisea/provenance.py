"""Where a result comes from: hashes of what went in and came out, versions, seed and command.

Nothing here says where on a machine a file lies: files are named relative to the folder that the run was started in, or
by their name alone.
"""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from odisea.source import source_hash

LIBRARIES = ("numpy", "scipy", "numba", "pandas", "statsmodels", "pyarrow", "simpy")
BLOCK = 1 << 20


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes as hexadecimal text."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(BLOCK):
            digest.update(chunk)
    return digest.hexdigest()


def content_digest(content: Any) -> str:
    """Return 16 hexadecimal digits that stand for a value that JSON can hold, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shown(path: Path) -> str:
    """Return a path as a reader elsewhere can understand it: relative to the working folder, else the bare name."""
    resolved, here = path.resolve(), Path.cwd().resolve()
    return resolved.relative_to(here).as_posix() if resolved.is_relative_to(here) else resolved.name


def hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Return the sha256 of files by their shown names; files of one name are told apart by their folder's."""
    unique = list(dict.fromkeys(paths))
    names = [shown(path) for path in unique]
    distinct = [
        name if names.count(name) == 1 else f"{path.resolve().parent.name}/{path.name}" for name, path in zip(names, unique, strict=True)
    ]
    return {name: file_sha256(path) for name, path in zip(distinct, unique, strict=True)}


def timestamp() -> str:
    """Return the time in UTC to the second; SOURCE_DATE_EPOCH, where set, is taken instead of the clock."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.isoformat(timespec="seconds")


def manifest(command: str, inputs: Iterable[Path], outputs: Iterable[Path], details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a run.

    Parameters
    ----------
    command : str
        The command as a user would type it again.
    inputs, outputs : iterable of Path
        Files that were read and written; outputs are named by their file name.
    details : mapping
        What else identifies the run, such as the seed.
    """
    libraries = {name: version(name) for name in LIBRARIES}
    environment = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system(), **libraries}
    return {
        "odisea": version("odisea"),
        "command": command,
        "created": timestamp(),
        "inputs": hashes(inputs),
        "outputs": {path.name: file_sha256(path) for path in outputs},
        "code": source_hash(),
        "environment": environment,
        **details,
    }


def typed_command() -> str:
    """Return the command line of this process with the program's bare name; paths outside the working folder by their name."""
    words = [shown(Path(word)) if os.path.isabs(word) else word for word in sys.argv[1:]]
    return " ".join(["odisea", *words])


def write_json(path: Path, content: Any) -> Path:
    """Write a value as readable JSON, to a temporary name first; return the path."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    return write_text(path, text + "\n")


def write_text(path: Path, text: str) -> Path:
    """Write a text file, to a temporary name first so that a reader never meets half of it; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    return path
