"""The export folder's contract: its files, their columns, types, units, ranges, codes and missing reasons.

`core.yaml` holds what every trial exports; a trial's own dictionary adds files, adds columns to files of the core, and may
say more exactly what a column of the core holds (same type, same or stricter demands).
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from odisea.protocol.declaration import Declaration
from odisea.protocol.fact import Frozen, Text

ColumnType = Literal["id", "int", "num", "cat", "date", "datetime", "bool", "text"]
CodeList = Literal["visits", "outcomes", "arms", "missing_reasons"]
FILE_PATTERN = r"^([a-z][a-z0-9_]*/)?[a-z][a-z0-9_]*\.csv$"
NAME_PATTERN = r"^[a-z][a-z0-9_]*$"


class ColumnSpec(Frozen):
    """One column of an export file.

    Parameters
    ----------
    type : str
        `id`, `int`, `num`, `cat` (one of `codes`), `date` (YYYY-MM-DD), `datetime` (ISO 8601 with offset), `bool` (true, false), `text`.
    required : bool
        The column must stand in the file's header.
    filled : bool
        No cell may be empty (cells of key columns never are).
    range : (low, high)
        Both ends allowed.
    codes : tuple of str
        In order; `codes_from` takes them from the protocol's visits, outcomes or arms, or from the missing reasons.
    pattern : str
        Regular expression that the whole cell matches.
    resolution : float
        Step at which the value is recorded.
    missing_reason_column : str
        Column that holds a missing reason exactly where this one is empty.
    arms : tuple of str
        Arms in which the column is recorded; absent: all.
    """

    type: ColumnType
    description: Text
    required: bool = False
    filled: bool = False
    unit: str | None = None
    range: tuple[float, float] | None = None
    codes: tuple[str, ...] | None = None
    codes_from: CodeList | None = None
    pattern: str | None = None
    resolution: float | None = Field(default=None, gt=0)
    missing_reason_column: str | None = None
    arms: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _parts_fit_the_type(self) -> Self:
        lists = (self.codes is not None) + (self.codes_from is not None)
        if self.type == "cat" and not lists:
            raise ValueError("a cat column needs its codes; write codes: [...] or codes_from: visits | outcomes | arms | missing_reasons")
        if self.type != "cat" and lists:
            raise ValueError(f"codes stand on a column of type {self.type}; only a cat column has codes")
        if self.type not in ("int", "num") and (self.range or self.resolution):
            raise ValueError(f"range or resolution stands on a column of type {self.type}; only int and num columns have them")
        if self.range and self.range[0] > self.range[1]:
            raise ValueError(f"range [{self.range[0]:g}, {self.range[1]:g}] is empty; write [low, high]")
        if self.pattern and self.type not in ("id", "text"):
            raise ValueError(f"pattern stands on a column of type {self.type}; only id and text columns have one")
        return self


class FileSpec(Frozen):
    """One file of the export folder.

    Parameters
    ----------
    key : tuple of str
        Columns that together name a row; no two rows share them. Empty: rows have no name.
    required : bool
        The file must be in the folder.
    restricted : bool
        The file stays out of the export folder and of every shared package.
    arms : tuple of str
        Arms whose participants can have rows; absent: all.
    """

    description: Text
    key: tuple[str, ...]
    required: bool = False
    restricted: bool = False
    arms: tuple[str, ...] | None = None
    columns: dict[str, ColumnSpec]

    def recorded_in(self, column: str) -> tuple[str, ...] | None:
        """Return the arms in which a column is recorded, None for all."""
        return self.columns[column].arms or self.arms


class FilePart(Frozen):
    """A file as one dictionary writes it; description and key are needed only where the file is new."""

    description: Text | None = None
    key: tuple[str, ...] | None = None
    required: bool | None = None
    restricted: bool | None = None
    arms: tuple[str, ...] | None = None
    columns: dict[str, ColumnSpec]


class DictionaryFile(Declaration):
    """One dictionary file as written: complete (core) or additions to the ones before it."""

    kind: ClassVar[str] = "dictionary"

    dictionary: str = Field(pattern=NAME_PATTERN)
    missing_reasons: dict[str, Text] = Field(default={})
    files: dict[str, FilePart]


class Dictionary(Frozen):
    """The contract that a protocol's export follows: its dictionary files merged, code lists filled in."""

    missing_reasons: dict[str, Text]
    files: dict[str, FileSpec]

    def column(self, file: str, name: str) -> ColumnSpec:
        """Return a column's specification; KeyError where the contract has none."""
        return self.files[file].columns[name]


def merge(parts: Iterable[DictionaryFile], code_lists: Mapping[str, tuple[str, ...]]) -> Dictionary:
    """Return the contract made of dictionary files in order.

    Parameters
    ----------
    parts : iterable of DictionaryFile
        The core first; every part fits the ones before it (`misfits` finds nothing).
    code_lists : mapping
        The protocol's `visits`, `outcomes` and `arms`.
    """
    reasons: dict[str, Text] = {}
    files: dict[str, FileSpec] = {}
    for part in parts:
        reasons = {**reasons, **part.missing_reasons}
        files = {**files, **{name: _joined(files.get(name), new) for name, new in part.files.items()}}
    lists = {**code_lists, "missing_reasons": tuple(reasons)}
    return Dictionary(missing_reasons=reasons, files={name: _with_codes(spec, lists) for name, spec in files.items()})


def _joined(old: FileSpec | None, new: FilePart) -> FileSpec:
    """Return a file's specification with a later dictionary's part laid over it."""
    said = {name: value for name in FilePart.model_fields if (value := getattr(new, name)) is not None}
    if old is None:
        return FileSpec.model_validate(said)
    return old.model_copy(update={**said, "columns": {**old.columns, **new.columns}})


def _with_codes(spec: FileSpec, lists: Mapping[str, tuple[str, ...]]) -> FileSpec:
    """Return the file with every `codes_from` replaced by the codes."""
    columns = {
        name: column.model_copy(update={"codes": lists[column.codes_from], "codes_from": None}) if column.codes_from else column
        for name, column in spec.columns.items()
    }
    return spec.model_copy(update={"columns": columns})
