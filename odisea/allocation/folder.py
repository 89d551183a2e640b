"""The allocation folder: what is published, what is sealed, the log, and the restricted files that follow from the log.

    public/commitments.json    hashes; for everybody
    sealed/plan.age            plan and secret; for the custodian
    sealed/NN/PPPP.age         one envelope per entry (list methods): stratum NN, place PPPP
    log.jsonl                  who was allocated when, and to which entry; never an arm
    restricted/openings.jsonl  the opened entries with their salts
    restricted/allocation.csv  the same as the analysis reads it

The log is written first and alone decides what was allocated. The restricted files follow from it: a process that is killed
in between leaves them behind the log, and the next call completes them. They can never be ahead of it.
"""

import csv
import fcntl
import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from pydantic import ValidationError

from odisea.allocation.commitments import COMMITMENTS, SEALED, Commitments, parse_commitments
from odisea.allocation.drawing import Opening
from odisea.allocation.log import KEEP_ASIDE, LOG, Allocated, Log, read_log, write_log, write_whole
from odisea.allocation.sealing import canonical, digest
from odisea.allocation.site_plan import COLUMNS, RESTRICTED_TABLE, Design
from odisea.errors import Problem, ProtocolError
from odisea.protocol.fact import Frozen

OPENINGS = "restricted/openings.jsonl"
LOCK = ".lock"
OWNER_FOLDER = 0o700
DAY = len("2026-01-31")
PATIENCE = 120.0  # seconds; the first call after an installation compiles the methods, which takes half a minute
PAUSE = 0.05  # seconds between two looks at the lock
MOST_FILES_NAMED = 20


class Folder(NamedTuple):
    """An allocation folder of which everything that is not secret was checked."""

    path: Path
    commitments: Commitments
    log: Log

    def at(self, name: str) -> str:
        """Return a file of the folder as messages name it."""
        return str(self.path / name)


class NumberedOpening(Frozen):
    """One line of the file of opened entries."""

    number: int
    opening: Opening


@contextmanager
def write_locked(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Keep others from allocating and from verifying meanwhile; the system frees the lock of a killed process.

    Parameters
    ----------
    path : Path
        The allocation folder.
    patience : float
        How long to wait for another process, in seconds.

    Raises
    ------
    ProtocolError
        There is no allocation folder, or another process keeps it.
    """
    _read_presence(path)
    with (path / LOCK).open("ab") as stream:
        _wait(stream, fcntl.LOCK_EX, path, patience)
        yield


@contextmanager
def read_locked(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Keep others from allocating while a folder is read; a copy on a medium that cannot be written needs no lock."""
    if not (path / LOCK).is_file():
        yield
        return
    with (path / LOCK).open("rb") as stream:
        _wait(stream, fcntl.LOCK_SH, path, patience)
        yield


def _wait(stream: IO[bytes], kind: int, path: Path, patience: float) -> None:
    """Take a lock that is freed when the stream is closed."""
    for _ in range(int(patience / PAUSE) + 1):
        try:
            fcntl.flock(stream, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE)
        else:
            return
    raise ProtocolError(Problem(str(path), "another process is allocating", f"waited {patience:g} seconds", "Try again"))


def _read_presence(path: Path) -> None:
    """Raise if there is no allocation folder at a path."""
    if not (path / LOG).is_file():
        found = "this is no allocation folder" if path.is_dir() else "there is no such folder"
        raise ProtocolError(Problem(str(path), found, f"it has no {LOG}", "Make one with odisea randomise PROTOCOL --plan FILE"))


def read_folder(path: Path, design: Design) -> Folder:
    """Read an allocation folder and check everything that can be checked without a key.

    Parameters
    ----------
    path : Path
        The folder.
    design : Design
        What the protocol says now; only arms, ratio, and trial must be those of the list.

    Raises
    ------
    ProtocolError
        Log, commitments, or a sealed file was changed; the folder is of another trial or of other arms.
    """
    _read_presence(path)
    log = read_log(path)
    published = path / COMMITMENTS
    if not published.is_file():
        raise ProtocolError(Problem(str(published), "the file is missing", "the log's first line names it", KEEP_ASIDE))
    folder = Folder(path, parse_commitments(published.read_bytes(), str(published), log.set_up.commitments), log)
    problems = [*_other_trial(folder, design), *_read_sealed_problems(folder), *_order_problems(folder)]
    if problems:
        raise ProtocolError(problems)
    return folder


def _other_trial(folder: Folder, design: Design) -> Iterator[Problem]:
    where = folder.at(COMMITMENTS)
    if folder.commitments.trial != design.trial:
        yield Problem(where, f"the list is of trial {folder.commitments.trial}", f"the protocol is of {design.trial}", "Give its protocol")
    elif folder.commitments.design != design.digest:
        found, allowed = "the protocol has other arms or another ratio than the list was drawn for", "a list is never re-used for them"
        yield Problem(where, found, allowed, "Give the protocol that the list was drawn for, or draw a list for the amended one")


def _read_sealed_problems(folder: Folder) -> list[Problem]:
    """Return every sealed file that is missing, was changed, or does not belong here."""
    problems, known = [], {}
    for name, envelope in folder.commitments.sealed_files:
        path = folder.path / name
        known[path] = envelope
        found = "the sealed file is missing" if not path.is_file() else ""
        if not found and digest(path.read_bytes()) != envelope.sha256:
            found = "the sealed file was changed"
        if found:
            problems.append(Problem(str(path), found, f"{COMMITMENTS} holds its hash", KEEP_ASIDE))
    strange = [path for path in sorted((folder.path / SEALED).rglob("*")) if path.is_file() and path not in known]
    problems += [Problem(str(path), "the sealed file is not in the commitments", "", KEEP_ASIDE) for path in strange]
    return problems[:MOST_FILES_NAMED]


def _order_problems(folder: Folder) -> Iterator[Problem]:
    """Give the allocations that do not take the next entry of their list, or not the entry that was published."""
    used: dict[str, int] = {}
    strata = {one.stratum: one.envelopes for one in folder.commitments.lists}
    on_demand = folder.commitments.allocation == "on_demand"
    for line in folder.log.allocated:
        used[line.stratum] = used.get(line.stratum, 0) + 1
        published = strata.get(line.stratum, ())[line.place - 1 : line.place]
        in_order = line.place == (line.number if on_demand else used[line.stratum])
        if not in_order or (not on_demand and [one.commitment for one in published] != [line.commitment]):
            found = f"number {line.number} is not the next entry of its list"
            yield Problem(f"{folder.at(LOG)}:{line.number + 1}", found, "entries are opened one by one, in order", KEEP_ASIDE)


def render_openings(log: Log, openings: Sequence[Opening]) -> bytes:
    """Return the opened entries as the bytes of their file."""
    numbered = (NumberedOpening(number=line.number, opening=one) for line, one in zip(log.allocated, openings, strict=False))
    return b"".join(canonical(one.model_dump()) + b"\n" for one in numbered)


def render_allocation(log: Log, openings: Sequence[Opening], columns: Sequence[str]) -> bytes:
    """Return the restricted allocation file: one row per opened entry, the dictionary's columns in its order."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [name for name in columns if name in COLUMNS], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_cells(line, one) for line, one in zip(log.allocated, openings, strict=False))
    return text.getvalue().encode()


def _cells(line: Allocated, one: Opening) -> dict[str, object]:
    """Return the cells of an allocation; the day is that of the custodian's clock."""
    return dict(zip(COLUMNS, (line.number, line.stratum, one.entry.arm, line.participant, line.when[:DAY]), strict=True))


def read_openings(folder: Folder) -> tuple[Opening, ...]:
    """Read the opened entries and check each against its commitment.

    Returns
    -------
    openings : tuple of Opening
        One per allocation, or fewer where a process was killed before it had written them.

    Raises
    ------
    ProtocolError
        The file was changed, or holds more than the log.
    """
    path = folder.path / OPENINGS
    content = path.read_bytes() if path.is_file() else b""
    try:
        numbered = tuple(map(NumberedOpening.model_validate_json, content.splitlines()))
    except ValidationError:
        numbered = ()
    openings = tuple(one.opening for one in numbered)
    if render_openings(folder.log, openings) != content:
        raise ProtocolError(Problem(str(path), "the opened entries were changed, or are more than the log's", "", KEEP_ASIDE))
    wrong = [line.number for line, one in zip(folder.log.allocated, openings, strict=False) if not _opens(line, one)]
    if wrong:
        raise ProtocolError(
            Problem(f"{path}:{number}", "this does not open the commitment", "the entry or its salt was changed", KEEP_ASIDE)
            for number in wrong
        )
    return openings


def _opens(line: Allocated, one: Opening) -> bool:
    """Return whether an opening belongs to a line of the log."""
    return (one.commitment, one.entry.stratum, one.entry.place) == (line.commitment, line.stratum, line.place)


def read_allocation_rows(folder: Folder, openings: Sequence[Opening], design: Design) -> int:
    """Return how many allocations the restricted table holds.

    Raises
    ------
    ProtocolError
        It does not hold what log and opened entries say, in their order.
    """
    path = folder.path / RESTRICTED_TABLE
    content = path.read_bytes() if path.is_file() else b""
    rows = max(content.count(b"\n") - 1, 0)
    if content and content != render_allocation(folder.log, openings[:rows], design.columns):
        remedy = f"Delete it: the next allocation writes it anew from {OPENINGS}"
        raise ProtocolError(Problem(str(path), "the table was changed", "it repeats the log and the opened entries", remedy))
    return rows


def write_restricted(folder: Folder, openings: Sequence[Opening], design: Design) -> None:
    """Write the opened entries and the table that the analysis reads, for their owner only."""
    (folder.path / OPENINGS).parent.mkdir(mode=OWNER_FOLDER, exist_ok=True)
    write_whole(folder.path / OPENINGS, render_openings(folder.log, openings))
    write_whole(folder.path / RESTRICTED_TABLE, render_allocation(folder.log, openings, design.columns))


def write_allocated(folder: Folder, line: Allocated, openings: Sequence[Opening], design: Design) -> Folder:
    """Write an allocation: the log first, which decides, then what follows from it."""
    longer = folder._replace(log=folder.log.followed_by(line))
    write_log(folder.path, longer.log)
    write_restricted(longer, openings, design)
    return longer
