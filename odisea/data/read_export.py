"""Reading an export folder back: the one door through which real and simulated trials come to their analyses."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from odisea.data.contract import PARTICIPANT, link_problems, type_file, type_files
from odisea.data.derive import PARTICIPANTS, codes_of, outcome_at, recorded_columns
from odisea.data.export import NO_ARM, Export
from odisea.data.manifest import MANIFEST, ExportManifest, read_manifest
from odisea.data.outcomes import measured_outcomes, outcome_row
from odisea.data.tables import Cell, Table, as_number, refuse
from odisea.errors import DataError, Problem
from odisea.protocol.dictionary import FileSpec
from odisea.protocol.model import Protocol
from odisea.protocol.plan import Coding

ALLOCATION = "restricted/allocation.csv"

Floats = NDArray[np.float64]


def read_export(folder: Path, protocol: Protocol, allocation: Path | None = None) -> Export:
    """Read an export folder.

    Parameters
    ----------
    folder : Path
        The export folder.
    protocol : Protocol
        Its dictionary is the folder's contract.
    allocation : Path, optional
        The restricted allocation file; without it every arm is -1 (a blind reading).

    Returns
    -------
    export : Export

    Raises
    ------
    DataError
        With every problem found: in the files against the dictionary, between files, and against the protocol.
    """
    manifest = read_manifest(folder)
    if manifest.trial != protocol.trial:
        found = f"the export is of trial {manifest.trial}"
        raise DataError(
            Problem(str(folder / MANIFEST), found, f"the protocol is of trial {protocol.trial}", "Give the protocol of this trial.")
        )
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".csv")
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return assemble(contents, protocol, manifest, read_allocation(allocation), source=str(folder))


def read_allocation(path: Path | None) -> bytes | None:
    """Return the allocation file, None where none is given.

    Raises
    ------
    DataError
        The file does not exist.
    """
    if path is None:
        return None
    if not path.is_file():
        raise DataError(
            Problem(str(path), "there is no such file", "needed: the allocation", "Give its path, or --blind to go without it.")
        )
    return path.read_bytes()


def assemble(
    contents: Mapping[str, bytes],
    protocol: Protocol,
    manifest: ExportManifest,
    allocation: bytes | None = None,
    source: str = "export folder",
) -> Export:
    """Return the export that files in memory make; raises as `read_export`.

    Parameters
    ----------
    contents : mapping of str to bytes
        The CSV files of the export folder by name.
    protocol, manifest
        The trial's protocol and the folder's manifest.
    allocation : bytes, optional
        The restricted allocation file.
    source : str
        How messages call the folder.
    """
    tables, problems = type_files(contents, protocol.dictionary)
    refuse(problems, source)
    allocated, arms, problems = _arms(allocation, tables, protocol)
    randomised, not_randomised, faults = _randomised(tables[PARTICIPANTS], arms)
    measured, between = measured_outcomes(tables, protocol)
    refuse([*problems, *faults, *between, *_level_problems(tables[PARTICIPANTS], protocol)], source)
    visits = [(name, visit) for name, outcome in protocol.outcomes.items() for visit in outcome.visits]
    reasons = {outcome_at(name, visit): tuple(measured[name].reasons.get((who, visit)) for who in randomised) for name, visit in visits}
    columns = recorded_columns(protocol)
    rows = [_participant_row(tables[PARTICIPANTS], protocol, name, randomised) for name in columns[: len(columns) - len(visits)]]
    rows += [outcome_row(measured[name], randomised, visit) for name, visit in visits]
    indices = {arm: index for index, arm in enumerate(protocol.arm_ids)}
    return Export(
        trial=manifest.trial,
        origin=manifest.origin,
        analysis_key=(manifest.analysis_key.seed, manifest.analysis_key.replicate) if manifest.analysis_key else None,
        participants=randomised,
        not_randomised=not_randomised,
        columns=columns,
        recorded=np.array(rows, dtype=np.float64).reshape(len(columns), len(randomised)),
        arm=np.array([indices[arms[who]] if arms is not None else NO_ARM for who in randomised], dtype=np.int64),
        reasons=reasons,
        tables=tables,
        allocation=allocated,
        changed_files=_changed(contents, manifest),
    )


def _arms(
    allocation: bytes | None, tables: Mapping[str, Table], protocol: Protocol
) -> tuple[Table | None, dict[str, str] | None, list[Problem]]:
    """Return the allocation and the arm of every allocated participant, None without a file that can be read."""
    if allocation is None:
        return None, None, []
    table, problems = type_file(allocation, ALLOCATION, _allocation_spec(allocation, protocol.dictionary.files[ALLOCATION]))
    if problems:
        return None, None, problems
    problems += link_problems({**tables, ALLOCATION: table}, protocol.dictionary, only=ALLOCATION)
    arms: dict[str, str] = {}
    for row, (who, arm) in enumerate(zip(table.columns[PARTICIPANT], table.columns["arm"], strict=True)):
        if str(who) in arms:
            problems.append(
                Problem(table.at(row, PARTICIPANT), f"{who} is allocated twice", "allowed: once", "Keep the row that was used.")
            )
        arms[str(who)] = str(arm)
    return table, arms, problems


def _allocation_spec(allocation: bytes, spec: FileSpec) -> FileSpec:
    """Return what the allocation must hold to be read: participant and arm; the randomisation number is a key only where it stands."""
    header = allocation.partition(b"\n")[0].decode(errors="replace").strip().split(",")
    columns = {name: column.model_copy(update={"required": name in (PARTICIPANT, "arm")}) for name, column in spec.columns.items()}
    return spec.model_copy(update={"columns": columns, "key": spec.key if set(spec.key) <= set(header) else ()})


def _randomised(table: Table, arms: Mapping[str, str] | None) -> tuple[tuple[str, ...], tuple[str, ...], list[Problem]]:
    """Return who was randomised and who was not, both sorted, and the faults between the allocation and participants.csv.

    Where participants.csv gives randomisation dates, those who have none were not randomised; else all were.
    """
    dates = table.optional("randomisation_date")
    dated = any(day is not None for day in dates)
    people = sorted(
        (str(who), not dated or day is not None, row) for row, (who, day) in enumerate(zip(table.columns[PARTICIPANT], dates, strict=True))
    )
    yes = tuple(who for who, randomised, _ in people if randomised)
    no = tuple(who for who, randomised, _ in people if not randomised)
    problems = []
    for who, randomised, row in people if arms is not None else ():
        if randomised != (who in (arms or ())):
            found = (
                f"{who} is randomised but has no row in the allocation"
                if randomised
                else f"{who} is allocated but has no randomisation date"
            )
            remedy = "Complete the allocation or the randomisation dates; who was not randomised stands in screening.csv."
            problems.append(Problem(table.at(row, PARTICIPANT), found, "", remedy))
    return yes, no, problems


def _participant_row(table: Table, protocol: Protocol, column: str, participants: tuple[str, ...]) -> Floats:
    """Return a column of participants.csv as numbers for participants in order."""
    codes = codes_of(protocol, column)
    numbers = {str(who): _number(cell, codes) for who, cell in zip(table.columns[PARTICIPANT], table.optional(column), strict=True)}
    return np.array([numbers[who] for who in participants], dtype=np.float64)


def _number(cell: Cell, codes: tuple[str, ...]) -> float:
    """Return a cell as a number: a category is its position among the codes, an empty cell NaN."""
    return float(codes.index(cell)) if isinstance(cell, str) else as_number(cell)


def _level_problems(table: Table, protocol: Protocol) -> list[Problem]:
    """Return the recorded values that no level of their coding takes; they would pass for the reference level."""
    problems = []
    for name, coding in protocol.analysis.coding.items():
        if coding.kind != "categorical":
            continue
        column = coding.columns[0]
        for row, cell in enumerate(table.optional(column)):
            if cell is not None and not _has_level(coding, cell):
                allowed = f"its levels are {', '.join(coding.level_names)}"
                remedy = "Correct the value, or give it a level in the protocol's coding."
                problems.append(Problem(table.at(row, column), f"{cell!s} has no level in the coding {name}", allowed, remedy))
    return problems


def _has_level(coding: Coding, cell: Cell) -> bool:
    if coding.classes:
        return any(low <= as_number(cell) <= high for low, high in coding.classes.levels.values())
    return (str(cell).lower() if isinstance(cell, bool) else str(cell)) in coding.level_names


def _changed(contents: Mapping[str, bytes], manifest: ExportManifest) -> tuple[str, ...]:
    """Return the files whose content is not what the manifest recorded; none where it recorded nothing."""
    return tuple(
        name
        for name, record in manifest.files.items()
        if name not in contents or hashlib.sha256(contents[name]).hexdigest() != record.sha256
    )
