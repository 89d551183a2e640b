"""Reading `describe.json` of `odisea simulate --describe`: every number with its place in the file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from odisea.errors import DataError, Problem
from odisea.protocol.fact import Text
from odisea.protocol.model import Protocol
from odisea.report.content import Trace
from odisea.report.numbers import Traced
from odisea.report.results import Part, read_json, read_part

FILE = "describe.json"
NAN = float("nan")


class Named(Part):
    """The scenario in words."""

    id: str
    label: Text
    about: Text


class Head(Part):
    """What the page is about."""

    trial: str
    scenario: Named
    seed: int
    replicate: int
    participants: int
    replicates: int
    calibration: str
    programme: str
    odisea: str
    created: str
    inputs: dict[str, str]
    events: dict[str, Text]
    strategies: dict[str, str]


@dataclass(frozen=True, slots=True)
class CohortRecord:
    """The record with the protocol that names its arms, visits and criteria."""

    protocol: Protocol
    head: Head
    content: Any
    file: str

    def find(self, pointer: str) -> Any:
        """Return what stands at a JSON pointer.

        Raises
        ------
        DataError
            Nothing stands there.
        """
        found = self.content
        for step in pointer.strip("/").split("/"):
            try:
                found = found[int(step)] if isinstance(found, list) else found[step]
            except (KeyError, IndexError, TypeError, ValueError):
                raise DataError(
                    Problem(f"{self.file}: {pointer}", "nothing stands there", "", "Run `odisea simulate --describe` again")
                ) from None
        return found

    def at(self, pointer: str) -> Traced:
        """Return a number with its place; NaN where it does not exist."""
        value = self.find(pointer)
        return Traced(NAN if value is None else float(value), Trace(FILE, pointer))

    def value(self, pointer: str) -> float:
        """Return a number for a drawing; NaN where it does not exist."""
        return self.at(pointer).value

    def length(self, pointer: str) -> int:
        """Return how many entries stand at a pointer."""
        return len(self.find(pointer))

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms in the protocol's order."""
        return tuple(arm.id for arm in self.protocol.arms)


def read_cohort(folder: Path, protocol: Protocol) -> CohortRecord:
    """Return the record of a folder that `odisea simulate --describe` wrote.

    Raises
    ------
    DataError
        The file is missing, broken, of another trial, or of arms that the protocol does not have.
    """
    path = folder / FILE
    head = read_part(path, Head)
    if head.trial != protocol.trial:
        raise DataError(Problem(str(path), f"the record is of trial {head.trial}", f"the protocol is trial {protocol.trial}"))
    record = CohortRecord(protocol, head, read_json(path), str(path))
    written = tuple(arm["arm"] for arm in record.find("/this_trial/arms"))
    if written != record.arms:
        declared = f"the protocol's: {', '.join(record.arms)}"
        raise DataError(Problem(f"{path}: /this_trial/arms", f"the arms are {', '.join(written)}", declared))
    return record
