"""The log of an allocation: one line per event, each with the hash of the line before, never an arm.

A line is canonical JSON that ends with its own SHA-256, which covers the hash of the line before. So a changed, moved, or
missing line inside the log shows; that its end was cut off, or that somebody wrote the whole log anew, shows only beside a hash
that was noted elsewhere, which is why every hash is printed when its line is written.
Source of the construction: Haber and Stornetta, How to time-stamp a digital document, J Cryptology 1991;3:99.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from odisea.allocation.sealing import canonical, digest
from odisea.errors import Problem, ProtocolError
from odisea.protocol.fact import Frozen

LOG = "log.jsonl"
NOTHING_BEFORE = "0" * 64
HASH = "hash"
OPEN_FILE, OWNER_ONLY = 0o644, 0o600
KEEP_ASIDE = "Keep the folder as it is, tell the trial statistician, and go on from a copy that verifies"

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SetUp(Frozen):
    """The first line: binds the protocol and the published commitments.

    Parameters
    ----------
    protocol : str
        SHA-256 over the protocol's files.
    commitments : str
        SHA-256 of the file of commitments.
    by, when : str
        Who, and the time with its offset from UTC.
    """

    event: Literal["set_up"] = "set_up"
    number: Literal[0] = 0
    trial: str
    protocol: Hash
    commitments: Hash
    by: str
    when: str
    previous: Hash = NOTHING_BEFORE


class Allocated(Frozen):
    """One allocation; its arm stands in the restricted folder only, bound by the commitment.

    Parameters
    ----------
    number : int
        Randomisation number, 1, 2, ... in order of allocation.
    participant : str
        Pseudonym.
    stratum : str
        Levels of the factors, or `all`.
    place : int
        Which entry of the stratum's list was opened; equals `number` where arms are drawn on demand.
    commitment : str
        Of the entry: published before (list), or made with the allocation (on demand).
    protocol : str
        SHA-256 over the protocol's files as they were then.
    """

    event: Literal["allocated"] = "allocated"
    number: int = Field(ge=1)
    participant: str
    stratum: str
    place: int = Field(ge=1)
    commitment: Hash
    protocol: Hash
    by: str
    when: str
    previous: Hash


Line = SetUp | Allocated
READ_LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="event")])


class Log(Frozen):
    """A log that holds together."""

    set_up: SetUp
    allocated: tuple[Allocated, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines in order."""
        return (self.set_up, *self.allocated)

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hash of each line."""
        return tuple(map(hash_of, self.lines))

    @property
    def participants(self) -> dict[str, Allocated]:
        """The line of each participant."""
        return {line.participant: line for line in self.allocated}

    def used(self, stratum: str) -> int:
        """Return how many were allocated in a stratum."""
        return sum(line.stratum == stratum for line in self.allocated)

    def followed_by(self, line: Allocated) -> "Log":
        """Return the log with one more line."""
        return self.model_copy(update={"allocated": (*self.allocated, line)})


def hash_of(line: Line) -> str:
    """Return the hash of a line, which covers everything in it and so all lines before."""
    return digest(canonical(line.model_dump()))


def render_log(log: Log) -> bytes:
    """Return the log as the bytes of its file."""
    return b"".join(canonical({**line.model_dump(), HASH: hash_of(line)}) + b"\n" for line in log.lines)


def parse_log(content: bytes, name: str) -> Log:
    """Return the log of a file's bytes.

    Raises
    ------
    ProtocolError
        A line was changed, moved, added without its hash, or taken out.
    """
    lines: list[Line] = []
    for number, text in enumerate(content.split(b"\n")[:-1], start=1):
        line = _parsed(text, f"{name}:{number}")
        expected = hash_of(lines[-1]) if lines else NOTHING_BEFORE
        if line.previous != expected or line.number != len(lines) or isinstance(line, SetUp) != (not lines):
            raise _broken(f"{name}:{number}", "this line does not follow from the one before")
        lines.append(line)
    if not lines or not content.endswith(b"\n"):
        raise _broken(name, "the log does not end with a whole line" if lines else "the log has no first line")
    first = next(line for line in lines if isinstance(line, SetUp))
    log = Log(set_up=first, allocated=tuple(line for line in lines if isinstance(line, Allocated)))
    if len(log.participants) != len(log.allocated):
        raise _broken(name, "a participant is allocated twice")
    return log


def _parsed(text: bytes, where: str) -> Line:
    """Return one line whose hash is right and which is written as this module writes it."""
    try:
        fields = json.loads(text)
        stated = fields.pop(HASH)
        line = READ_LINE.validate_python(fields)
    except (ValueError, KeyError, AttributeError, TypeError, ValidationError, RecursionError):
        raise _broken(where, "this is no line of an allocation log") from None
    if canonical({**line.model_dump(), HASH: stated}) != text or stated != hash_of(line):
        raise _broken(where, "the line was changed: its hash is another one")
    return line


def _broken(where: str, found: str) -> ProtocolError:
    return ProtocolError(Problem(where, found, "a log is only ever continued", KEEP_ASIDE))


def read_log(folder: Path) -> Log:
    """Read the log of an allocation folder; raises as `parse_log`."""
    path = folder / LOG
    if not path.is_file():
        raise ProtocolError(Problem(str(path), "there is no log here", "needed: the folder that odisea randomise --plan made", ""))
    return parse_log(path.read_bytes(), str(path))


def write_log(folder: Path, log: Log) -> None:
    """Put a log in the place of its shorter self; a reader meets the one or the other, never half a line."""
    write_whole(folder / LOG, render_log(log), OPEN_FILE)


def write_whole(path: Path, content: bytes, mode: int = OWNER_ONLY) -> None:
    """Write a file at one stroke: under another name, through to the disk, then renamed.

    The other name is always the same, so what a killed process leaves behind is overwritten by the next one.
    """
    temporary = path.with_name(f".{path.name}.partial")
    temporary.unlink(missing_ok=True)
    write_new(temporary, content, mode)
    temporary.replace(path)
    write_through(path.parent)


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a new file through to the disk."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def write_through(folder: Path) -> None:
    """Make the names in a folder as lasting as its files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unknown_hashes(log: Log, wanted: Sequence[str]) -> list[Problem]:
    """Return a problem for each hash, noted elsewhere, that is not the hash of a line of this log."""
    held = set(log.hashes)
    allowed = "each hash that was noted must be that of a line: otherwise the log was cut off or written anew"
    return [Problem("--expect", f"{text} is not in the log", allowed, KEEP_ASIDE) for text in wanted if text not in held]
