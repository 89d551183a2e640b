"""Writing an export folder, for ingested and simulated trials alike: the same conventions byte by byte, all or nothing.

UTF-8, comma, LF, ISO dates, columns in the dictionary's order, rows sorted by key, the shortest decimals that read back
exactly. What the reader would refuse is not written. Beside the files stand the manifest, which says where they come from,
and `datapackage.json`, which describes them to other programs. Restricted tables (the allocation) go beside the export
folder, not into it.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from odisea.data.contract import link_problems, type_file, type_files
from odisea.data.datapackage import DATAPACKAGE, render_datapackage
from odisea.data.manifest import MANIFEST, ExportManifest, FileRecord, read_manifest, render_manifest
from odisea.data.tables import Cell, Table, refuse, render_csv
from odisea.errors import DataError, Problem
from odisea.protocol.dictionary import ColumnSpec, Dictionary, FileSpec


def render_tables(tables: Sequence[Table], dictionary: Dictionary) -> dict[str, bytes]:
    """Return the files of typed tables by name, after checking them against the contract as a reader would.

    Parameters
    ----------
    tables : sequence of Table
        Named as the dictionary names the files; a column that the dictionary has and the table lacks is left out.
    dictionary : Dictionary
        The contract.

    Raises
    ------
    DataError
        A table breaks the contract.
    """
    named = {table.name: _in_order(table, dictionary.files[table.name]) for table in tables}
    contents = {name: render_csv(named[name]) for name in dictionary.files if name in named}
    restricted = {name: content for name, content in contents.items() if dictionary.files[name].restricted}
    typed, problems = type_files({name: content for name, content in contents.items() if name not in restricted}, dictionary)
    for name, content in restricted.items():
        table, found = type_file(content, name, dictionary.files[name])
        problems += found + link_problems({**typed, name: table}, dictionary, only=name)
    refuse(problems, "export folder")
    return contents


def _in_order(table: Table, spec: FileSpec) -> Table:
    """Return the table with the declared order of columns and its rows sorted by key; undeclared columns stay, to be refused."""
    names = [
        *(column for column in spec.columns if column in table.columns),
        *(column for column in table.columns if column not in spec.columns),
    ]
    key = [column for column in spec.key if column in table.columns]
    rows = sorted(range(len(table)), key=lambda row: [_rank(table.columns[column][row], spec.columns[column]) for column in key])
    columns = {name: tuple(table.columns[name][row] for row in rows) for name in names}
    return Table(table.name, columns, tuple(range(2, len(table) + 2)))


def _rank(cell: Cell, declaration: ColumnSpec) -> tuple[int, object]:
    """Return the place of a key's cell in the order of rows: codes in the dictionary's order, all else by value."""
    if cell is None:
        return 0, 0
    codes = declaration.codes or ()
    return 1, codes.index(str(cell)) if cell in codes else cell


def write_export(folder: Path, tables: Sequence[Table], dictionary: Dictionary, manifest: ExportManifest) -> ExportManifest:
    """Write an export folder and, beside it, its restricted files; nothing is left half-written.

    Parameters
    ----------
    folder : Path
        The export folder; it must be new, empty, or an export folder of the same trial and origin, which is replaced.
    tables : sequence of Table
        Named as the dictionary names the files; `restricted/allocation.csv` goes to `folder/../restricted/allocation.csv`.
    dictionary : Dictionary
        The contract.
    manifest : ExportManifest
        Without the records of files.

    Returns
    -------
    manifest : ExportManifest
        As written, with the hash and row count of every file in the folder.

    Raises
    ------
    DataError
        A table breaks the contract, or the target holds something else than a former export of this trial.
    """
    folder = folder.resolve()
    contents = render_tables(tables, dictionary)
    named = {table.name: _in_order(table, dictionary.files[table.name]) for table in tables if not dictionary.files[table.name].restricted}
    restricted = {name: content for name, content in contents.items() if dictionary.files[name].restricted}
    _check_target(folder, restricted, manifest)
    rows = {table.name: len(table) for table in tables}
    opened = {name: content for name, content in contents.items() if name not in restricted}
    records = {name: FileRecord(sha256=hashlib.sha256(content).hexdigest(), rows=rows[name]) for name, content in opened.items()}
    complete = manifest.model_copy(update={"files": records})
    described = render_datapackage(manifest.trial, opened, named, dictionary)
    _write_folder(folder, {**opened, DATAPACKAGE: described, MANIFEST: render_manifest(complete)})
    for name, content in restricted.items():
        _write_restricted(folder.parent / name, content)
    return complete


def _check_target(folder: Path, restricted: Mapping[str, bytes], manifest: ExportManifest) -> None:
    """Refuse a target that holds anything but a former export of the same trial and origin."""
    remedy = "Give another folder with -o, or empty this one yourself."
    if folder.exists() and not folder.is_dir():
        raise DataError(Problem(str(folder), "it is a file", "needed: a folder", remedy))
    held = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if not held:
        for name in restricted:
            if (folder.parent / name).exists():
                raise DataError(
                    Problem(str(folder.parent / name), "the file exists and belongs to another export", "", "Give another folder with -o.")
                )
        return
    if MANIFEST not in held:
        raise DataError(Problem(str(folder), "the folder is not empty and is not an export folder", f"it has no {MANIFEST}", remedy))
    former = read_manifest(folder)
    if (former.trial, former.origin) != (manifest.trial, manifest.origin):
        found = f"the folder holds the {former.origin} export of trial {former.trial}"
        raise DataError(Problem(str(folder), found, f"this is the {manifest.origin} export of trial {manifest.trial}", remedy))
    strange = sorted(held - {MANIFEST, DATAPACKAGE, *former.files})
    if strange:
        raise DataError(
            Problem(str(folder), f"the folder holds {', '.join(strange)}, which odisea did not write", "", "Move that away first.")
        )


def _write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files into a new folder beside the target and put it in the target's place by renaming."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, former = (folder.parent / f".{folder.name}.{uuid.uuid4().hex}.{word}" for word in ("partial", "former"))
    try:
        fresh.mkdir()
        for name, content in contents.items():
            _write_file(fresh / name, content)
        if folder.exists():
            folder.rename(former)
        try:
            fresh.rename(folder)
        except OSError:
            if former.exists():
                former.rename(folder)
            raise
        shutil.rmtree(former, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _write_restricted(path: Path, content: bytes) -> None:
    """Write a restricted file that only its owner can read, by renaming."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        _write_file(fresh, content, mode=0o600)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _write_file(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a new file through to the disk."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
