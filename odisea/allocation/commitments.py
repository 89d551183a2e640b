"""`public/commitments.json`: what is published before the first participant, and the names of the sealed files.

It holds no arm, no block size and no parameter of the method: hashes, the names of the strata, and to whom things are sealed.
"""

import json
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import ValidationError

from odisea.allocation.log import KEEP_ASIDE, Hash
from odisea.allocation.sealing import canonical, digest
from odisea.errors import Problem, ProtocolError
from odisea.protocol.declaration import SCHEMA, Declaration
from odisea.protocol.fact import Frozen

COMMITMENTS = "public/commitments.json"
SEALED = "sealed"
PLAN = f"{SEALED}/plan.age"


class Envelope(Frozen):
    """One sealed file: the commitment to its content, and the SHA-256 of its ciphertext."""

    commitment: Hash
    sha256: Hash


class StratumList(Frozen):
    """The envelopes of a stratum in the order in which they are opened."""

    stratum: str
    envelopes: tuple[Envelope, ...]


class Commitments(Declaration):
    """The published file.

    Parameters
    ----------
    trial : str
        Identifier of the trial.
    made_by, created : str
        Tool with its version, and the time.
    protocol : str
        SHA-256 over the protocol's files.
    design : str
        SHA-256 over trial, arms, and ratio: what may not change while the list is in use.
    custodians : tuple of str
        age recipients, each of whom can open everything.
    allocation : str
        `sealed_list`: every arm was drawn and sealed beforehand. `on_demand`: the secret was, and arms are drawn one by one.
    factors : dict
        What a stratum is named by, with the levels of each factor.
    plan : Envelope
        The sealed plan with the secret.
    lists : tuple of StratumList
        Of a sealed list.
    """

    kind: ClassVar[str] = "allocation_commitments"

    trial: str
    made_by: str
    created: str
    protocol: Hash
    design: Hash
    custodians: tuple[str, ...]
    allocation: Literal["sealed_list", "on_demand"]
    factors: dict[str, tuple[str, ...]]
    plan: Envelope
    lists: tuple[StratumList, ...] = ()

    @property
    def sealed_files(self) -> Iterator[tuple[str, Envelope]]:
        """Name and hashes of every sealed file."""
        yield PLAN, self.plan
        for index, one in enumerate(self.lists):
            for place, envelope in enumerate(one.envelopes, start=1):
                yield envelope_name(index, place), envelope

    def index_of(self, stratum: str) -> int:
        """Return the number of a stratum's list."""
        return [one.stratum for one in self.lists].index(stratum)


def envelope_name(index: int, place: int) -> str:
    """Return the name of an envelope: the stratum's number, then the place on its list, both from 1."""
    return f"{SEALED}/{index + 1:02d}/{place:04d}.age"


def design_digest(trial: str, arms: tuple[str, ...], ratio: tuple[int, ...]) -> str:
    """Return the hash of what may not change while a list is in use."""
    return digest(canonical({"arms": list(arms), "ratio": list(ratio), "trial": trial}))


def head() -> dict[str, str]:
    """Return the first block of the file."""
    return {"kind": Commitments.kind, "schema": SCHEMA}


def render_commitments(commitments: Commitments) -> bytes:
    """Return the bytes of the published file."""
    content = commitments.model_dump(mode="json", by_alias=True)
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


def parse_commitments(content: bytes, name: str, expected: str) -> Commitments:
    """Return what a published file holds.

    Raises
    ------
    ProtocolError
        It is not the file whose hash the log's first line holds.
    """
    try:
        if digest(content) == expected:
            return Commitments.model_validate_json(content)
    except ValidationError:
        pass
    raise ProtocolError(Problem(name, "this is not the file that the log's first line names", "it is never changed", KEEP_ASIDE))
