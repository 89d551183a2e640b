"""Checking an allocation folder: the chain, the files, the openings; with the key also that every entry was drawn as sealed."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from odisea.allocation.allocate_next import check_custodian, read_entries, read_envelope, read_sealed_plan, taken
from odisea.allocation.commitments import PLAN
from odisea.allocation.drawing import SealedPlan, draw_lists
from odisea.allocation.folder import OPENINGS, Folder, read_allocation_rows, read_folder, read_locked, read_openings
from odisea.allocation.log import KEEP_ASIDE, unknown_hashes
from odisea.allocation.sealing import Identities, read_identities
from odisea.allocation.site_plan import RESTRICTED_TABLE, Design, read_design
from odisea.errors import Problem, ProtocolError
from odisea.protocol.load import Located
from odisea.protocol.model import Protocol


class Verified(NamedTuple):
    """What was found in order.

    Parameters
    ----------
    allocated : int
        Lines of the log after the first.
    sealed : int
        Sealed files whose hash is right.
    opened : int or None
        Openings that fit their commitments; None where the restricted folder is not here.
    entries : int or None
        Entries that were opened or drawn again with the key; None without it.
    registered, last : str
        Hash of the log's first and of its last line.
    amended : bool
        Whether the protocol's files were changed since the set-up (arms, ratio, and trial were not).
    """

    allocated: int
    sealed: int
    opened: int | None
    entries: int | None
    registered: str
    last: str
    amended: bool

    @property
    def messages(self) -> tuple[str, ...]:
        """What was checked, and what was not."""
        unopened = "what is in them was not checked (that needs --identity)"
        entries = unopened if self.entries is None else f"{self.entries} entries are what the sealed plan and secret give"
        opened = "not here, not checked" if self.opened is None else f"{self.opened} opened entries fit their commitments"
        amended = "the protocol's files were changed since the set-up; trial, arms and ratio are the same"
        return (
            f"log: {self.allocated} allocations, every hash is right",
            f"sealed files: {self.sealed} unchanged; {entries}",
            f"restricted files: {opened}",
            *([amended] if self.amended else []),
            f"first hash {self.registered}",
            f"last hash {self.last}",
        )


def read_verified(path: Path, located: Located[Protocol], identity: Path | None = None, noted: Sequence[str] = ()) -> Verified:
    """Check an allocation folder; nothing in it is changed.

    Parameters
    ----------
    path : Path
        The allocation folder; its restricted folder may be missing in a copy.
    identity : Path, optional
        The custodian's identity file: checks the content of every sealed file too.
    noted : sequence of str
        Hashes that were noted when the list was set up or used; each must be that of a line of the log.

    Raises
    ------
    ProtocolError
        Anything is not as it was written.
    """
    design = read_design(located)
    identities = read_identities(identity) if identity else None
    with read_locked(path):
        return _read_checked(read_folder(path, design), design, identities, noted)


def _read_checked(folder: Folder, design: Design, identities: Identities | None, noted: Sequence[str]) -> Verified:
    """Return what was found in order in a folder whose open files are."""
    problems = unknown_hashes(folder.log, noted)
    if problems:
        raise ProtocolError(problems)
    return Verified(
        allocated=len(folder.log.allocated),
        sealed=sum(1 for _ in folder.commitments.sealed_files),
        opened=_read_opened(folder, design),
        entries=_read_all(folder, design, identities) if identities else None,
        registered=folder.log.hashes[0],
        last=folder.log.hashes[-1],
        amended=folder.log.set_up.protocol != design.protocol,
    )


def _read_opened(folder: Folder, design: Design) -> int | None:
    """Return how many openings fit their commitments, or None where there is no restricted folder."""
    if folder.log.allocated and not (folder.path / OPENINGS).parent.is_dir():
        return None
    openings = read_openings(folder)
    behind = len(folder.log.allocated) - min(len(openings), read_allocation_rows(folder, openings, design))
    if behind:
        found, allowed = f"allocations of the log that are missing here: {behind}", "a call was interrupted, or the files were cut"
        remedy = "Repeat the last call of odisea randomise --next: it completes them and allocates nobody twice"
        raise ProtocolError(Problem(folder.at(RESTRICTED_TABLE), found, allowed, remedy))
    return len(openings)


def _read_all(folder: Folder, design: Design, identities: Identities) -> int:
    """Return how many entries are what the sealed plan and secret give."""
    check_custodian(folder, identities)
    sealed = read_sealed_plan(folder, identities)
    _check_design(folder, sealed, design)
    if not folder.commitments.lists:
        return len(read_entries(folder, identities, taken(folder.log), first=0))
    lists = draw_lists(sealed)
    for stratum, entries in lists.items():
        for one in entries:
            if read_envelope(folder, identities, stratum, one.entry.place) != one:
                found = f"place {one.entry.place} of {stratum} is not what plan and secret give"
                raise ProtocolError(Problem(folder.at(PLAN), found, "", KEEP_ASIDE))
    return sum(map(len, lists.values()))


def _check_design(folder: Folder, sealed: SealedPlan, design: Design) -> None:
    """Raise if the sealed plan was drawn for other arms than the protocol's."""
    if (sealed.trial, sealed.arms, sealed.ratio) != (design.trial, design.arms, design.ratio):
        raise ProtocolError(Problem(folder.at(PLAN), "the plan was sealed for other arms or another ratio", "", KEEP_ASIDE))
