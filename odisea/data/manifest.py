"""`export_manifest.json`: what an export folder is, where it comes from, and the hashes of its files."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, ValidationError

from odisea.errors import DataError, Problem
from odisea.protocol.declaration import Declaration
from odisea.protocol.dictionary import NAME_PATTERN
from odisea.protocol.fact import Frozen

MANIFEST = "export_manifest.json"
EXAMPLE = '{"odisea": {"kind": "export_manifest", "schema": "1"}, "trial": "nct07248813", "origin": "real"}'


class FileRecord(Frozen):
    """Hash and number of rows of one file as it was written."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    rows: int = Field(ge=0)


class AnalysisKey(Frozen):
    """Keys the imputation draws; a simulated trial carries its own, a real one takes the plan's analysis seed."""

    seed: int = Field(ge=0, lt=2**63)
    replicate: int = Field(ge=0, lt=2**63)


class ExportManifest(Declaration):
    """The manifest of an export folder.

    Parameters
    ----------
    trial : str
        Identifier of the trial; must be the protocol's.
    origin : str
        `real` or `simulated`: changes the banner of reports and nothing else.
    analysis_key : AnalysisKey, optional
        Present where the trial is simulated.
    made_by : str
        The tool that wrote the folder, with its version.
    inputs : dict
        Hashes of what the folder was made of: protocol, mapping, raw files.
    files : dict
        Hash and row count per file, in the dictionary's order.
    """

    kind: ClassVar[str] = "export_manifest"

    trial: str = Field(pattern=NAME_PATTERN)
    origin: Literal["real", "simulated"]
    analysis_key: AnalysisKey | None = None
    made_by: str = ""
    inputs: dict[str, str] = Field(default={})
    files: dict[str, FileRecord] = Field(default={})


def make_manifest(
    trial: str,
    origin: Literal["real", "simulated"],
    *,
    analysis_key: tuple[int, int] | None = None,
    made_by: str = "",
    inputs: dict[str, str] | None = None,
) -> ExportManifest:
    """Return a manifest without the records of files, which `write_export` adds.

    Parameters
    ----------
    trial, origin, made_by, inputs
        As in `ExportManifest`.
    analysis_key : (seed, replicate), optional
        Of a simulated trial.
    """
    key = AnalysisKey(seed=analysis_key[0], replicate=analysis_key[1]) if analysis_key else None
    head = {"kind": ExportManifest.kind, "schema": "1"}
    said = {"odisea": head, "trial": trial, "origin": origin, "analysis_key": key, "made_by": made_by, "inputs": inputs or {}}
    return ExportManifest.model_validate(said)


def render_manifest(manifest: ExportManifest) -> bytes:
    """Return the manifest as JSON bytes; the same manifest gives the same bytes."""
    return manifest.model_dump_json(indent=2, by_alias=True, exclude_none=True).encode() + b"\n"


def read_manifest(folder: Path) -> ExportManifest:
    """Return the manifest of an export folder.

    Raises
    ------
    DataError
        There is no folder, no manifest in it, or the manifest breaks its form.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise DataError(
            Problem(
                str(folder), "there is no such folder", "needed: an export folder", "Make one with `odisea ingest` or `odisea simulate`."
            )
        )
    if not path.is_file():
        remedy = f"Make the folder with `odisea ingest`, or write {MANIFEST} with at least {EXAMPLE}."
        raise DataError(Problem(str(folder), f"there is no {MANIFEST}", "needed: it names trial and origin", remedy))
    try:
        return ExportManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise DataError(
            Problem(f"{path.name}: {'.'.join(map(str, fault['loc'])) or 'document'}", fault["msg"], "", "") for fault in faults
        ) from None
