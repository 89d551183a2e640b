"""The next allocation: open the next envelope of a stratum, or draw the next arm, and log it before anybody hears of it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from odisea.allocation.commitments import PLAN, envelope_name
from odisea.allocation.drawing import Opening, SealedPlan, draw_on_demand
from odisea.allocation.folder import (
    PATIENCE,
    Folder,
    read_allocation_rows,
    read_folder,
    read_openings,
    write_allocated,
    write_locked,
    write_restricted,
)
from odisea.allocation.log import KEEP_ASIDE, LOG, Allocated, Log
from odisea.allocation.sealing import Identities, read_identities, unseal
from odisea.allocation.site_plan import RESTRICTED_TABLE, Design, named_stratum, read_design
from odisea.errors import Problem, ProtocolError
from odisea.protocol.load import Located
from odisea.protocol.model import Protocol

M = TypeVar("M", bound=BaseModel)


class Request(NamedTuple):
    """Who is to be allocated.

    Parameters
    ----------
    stratum : str
        As the user wrote it.
    participant : str
        Pseudonym.
    by, when : str
        Who does it, and the time with its offset from UTC.
    """

    stratum: str
    participant: str
    by: str
    when: str


class Drawn(NamedTuple):
    """An allocation that stands in the log.

    Parameters
    ----------
    number : int
        Randomisation number.
    arm : str
        Identifier of the arm.
    stratum : str
        In the declared order of factors.
    logged : str
        Hash of its line.
    completed : int
        Allocations of an interrupted call that were missing in the restricted files and were completed first.
    """

    number: int
    arm: str
    stratum: str
    logged: str
    completed: int

    @property
    def messages(self) -> tuple[str, ...]:
        """What to tell beside number and arm."""
        mended = f"missing in the restricted files after an interrupted call, and completed: {self.completed}"
        return (*([mended] if self.completed else []), f"hash of the log's line, to be noted with number {self.number}: {self.logged}")


def write_next(path: Path, located: Located[Protocol], request: Request, identity: Path, patience: float = PATIENCE) -> Drawn:
    """Allocate one participant.

    Parameters
    ----------
    path : Path
        The allocation folder.
    identity : Path
        The custodian's identity file.
    patience : float
        How long to wait for another call, in seconds.

    Raises
    ------
    ProtocolError
        Nothing was allocated: the participant already is, the stratum is unknown or its list used up, the identity is another
        one's, or any file of the folder was changed.
    """
    design, identities = read_design(located), read_identities(identity)
    with write_locked(path, patience):
        folder = read_folder(path, design)
        check_custodian(folder, identities)
        openings, completed = write_completed(folder, design, identities)
        stratum = _accepted(folder, design, request)
        (opened,) = read_entries(folder, identities, [*taken(folder.log), (stratum, next_place(folder, stratum))], len(openings))
        longer = write_allocated(folder, _line(folder.log, request, opened, design), [*openings, opened], design)
    return Drawn(len(longer.log.allocated), opened.entry.arm, stratum, longer.log.hashes[-1], completed)


def check_custodian(folder: Folder, identities: Identities) -> None:
    """Raise if the identity is none to which the list was sealed."""
    if not set(identities.recipients) & set(folder.commitments.custodians):
        allowed = f"sealed to {', '.join(folder.commitments.custodians)}"
        found = "this identity opens nothing here"
        raise ProtocolError(Problem(identities.source, found, allowed, "Give the identity file of one of these"))


def write_completed(folder: Folder, design: Design, identities: Identities) -> tuple[list[Opening], int]:
    """Complete the restricted files where a call was interrupted; return all opened entries and how many rows were missing."""
    openings = list(read_openings(folder))
    rows = read_allocation_rows(folder, openings, design)
    openings += read_entries(folder, identities, taken(folder.log), len(openings))
    missing = len(openings) - rows
    if missing:
        write_restricted(folder, openings, design)
    return openings, missing


def taken(log: Log) -> list[tuple[str, int]]:
    """Return stratum and place of every allocation."""
    return [(line.stratum, line.place) for line in log.allocated]


def next_place(folder: Folder, stratum: str) -> int:
    """Return the place of the next entry of a stratum."""
    return 1 + (folder.log.used(stratum) if folder.commitments.lists else len(folder.log.allocated))


def read_entries(folder: Folder, identities: Identities, wanted: Sequence[tuple[str, int]], first: int) -> list[Opening]:
    """Open or draw entries.

    Parameters
    ----------
    wanted : sequence of (stratum, place)
        Of all allocations in order, with or without the next one: an arm drawn on demand may depend on those before.
    first : int
        Entries before this index are not returned; envelopes before it stay closed.
    """
    if folder.commitments.lists:
        return [read_envelope(folder, identities, stratum, place) for stratum, place in wanted[first:]]
    drawn = draw_on_demand(read_sealed_plan(folder, identities), [stratum for stratum, _ in wanted])
    for line, one in zip(folder.log.allocated, drawn, strict=False):
        if line.commitment != one.commitment:
            where, found = f"{folder.at(LOG)}:{line.number + 1}", f"the commitment of number {line.number} is not that of the arm drawn"
            raise ProtocolError(Problem(where, found, "the line was written without the key", KEEP_ASIDE))
    return list(drawn[first:])


def read_envelope(folder: Folder, identities: Identities, stratum: str, place: int) -> Opening:
    """Open one envelope and check its content against the published commitment."""
    index = folder.commitments.index_of(stratum)
    name = envelope_name(index, place)
    one = _parsed(unseal((folder.path / name).read_bytes(), identities, folder.at(name)), Opening, folder.at(name))
    published = folder.commitments.lists[index].envelopes[place - 1]
    if (one.commitment, one.entry.stratum, one.entry.place) != (published.commitment, stratum, place):
        raise _not_published(folder.at(name))
    return one


def read_sealed_plan(folder: Folder, identities: Identities) -> SealedPlan:
    """Open the plan and check it against the published commitment."""
    where = folder.at(PLAN)
    sealed = _parsed(unseal((folder.path / PLAN).read_bytes(), identities, where), SealedPlan, where)
    if sealed.commitment != folder.commitments.plan.commitment:
        raise _not_published(where)
    return sealed


def _parsed(content: bytes, model: type[M], where: str) -> M:
    """Return what was sealed; a fault is told without a word of the content."""
    try:
        return model.model_validate_json(content)
    except ValidationError:
        raise _not_published(where) from None


def _not_published(where: str) -> ProtocolError:
    return ProtocolError(Problem(where, "the content is not what was published as its commitment", "", KEEP_ASIDE))


def _accepted(folder: Folder, design: Design, request: Request) -> str:
    """Return the stratum's name, or raise everything that stands against the allocation."""
    problems = []
    if not re.fullmatch(design.participant, request.participant):
        found = f"the participant is {request.participant!r}"
        problems.append(Problem("--participant", found, f"pseudonyms have the form {design.participant}", ""))
    former = folder.log.participants.get(request.participant)
    if former:
        found, when = f"{request.participant} is already allocated", f"number {former.number}, {former.when}, by {former.by}"
        problems.append(Problem("--participant", found, when, f"The arm stands in {folder.at(RESTRICTED_TABLE)}"))
    stratum = ""
    try:
        stratum = named_stratum(request.stratum, folder.commitments.factors)
    except ProtocolError as error:
        problems += error.problems
    if len(folder.log.allocated) >= design.total:
        found, allowed = f"all {design.total} participants of the protocol are randomised", "sample_size.total"
        problems.append(Problem(str(folder.path), found, allowed, "Stop recruiting, or have the protocol amended first"))
    elif stratum and folder.commitments.lists and folder.log.used(stratum) >= places(folder, stratum):
        remedy = "Draw a list for the amended protocol in a folder of its own"
        problems.append(Problem(str(folder.path), f"the list of {stratum} is used up", f"{places(folder, stratum)} places", remedy))
    if problems:
        raise ProtocolError(problems)
    return stratum


def places(folder: Folder, stratum: str) -> int:
    """Return the length of a stratum's list."""
    return len(folder.commitments.lists[folder.commitments.index_of(stratum)].envelopes)


def _line(log: Log, request: Request, opened: Opening, design: Design) -> Allocated:
    return Allocated(
        number=len(log.allocated) + 1,
        participant=request.participant,
        stratum=opened.entry.stratum,
        place=opened.entry.place,
        commitment=opened.commitment,
        protocol=design.protocol,
        by=request.by,
        when=request.when,
        previous=log.hashes[-1],
    )
