"""What a checklist is: rows that each ask something, and the fields of a protocol that answer it. One TOML file per checklist.

The questions are in our own words, never in those of the standard. Citation and standing of a standard are kept in
`odisea.protocol.rules.standards`; a row says for itself where it is known less well than its list.
"""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from odisea.protocol.fact import Frozen, Text
from odisea.protocol.rules.standards import STANDARDS, Standard, Standing

__all__ = ["ORDER", "Checklist", "Condition", "Row", "Section", "read_checklists"]

ORDER = ("spirit", "tidier", "delta2", "e9r1", "sap", "ademp", "imss")


class Section(Frozen):
    """A part of a checklist."""

    id: str
    name: Text


class Condition(Frozen):
    """When a row is asked at all. It is left out on knowledge only: a gap never makes a row not applicable by `unless`.

    Parameters
    ----------
    only_if, unless : str
        Exactly one, a field pattern. `if` (in the file): asked only where the field is known and not empty. `unless`: not asked
        where it is.
    is_one_of : tuple of str
        The field must moreover have one of these values (`is` in the file).
    """

    only_if: str | None = Field(default=None, alias="if")
    unless: str | None = None
    is_one_of: tuple[str, ...] = Field(default=(), alias="is")

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.only_if is None) == (self.unless is None):
            raise ValueError("a condition has exactly one of if and unless")
        return self

    @property
    def field(self) -> str:
        """The pattern that is looked at."""
        return self.only_if or self.unless or ""


class Row(Frozen):
    """One row of a checklist.

    Parameters
    ----------
    asks : Text
        What a reader of the standard looks for.
    fields : tuple
        Field patterns (see `odisea.protocol.checklists.pattern`); a tuple inside stands for alternatives, of which one is enough.
    rule : str
        `all`: every field is needed; `any`: one is enough.
    applies : Condition, optional
        Absent: the row is always asked.
    none : bool
        No field of a protocol file can answer it.
    after_trial : bool
        It can be answered only once the trial has been carried out.
    lacks : Text, optional
        A part of the question for which there is no field, so that the row is answered partly at most.
    note : Text, optional
        A remark for readers.
    standing : str, optional
        How the row's content was checked, where not as the list's.
    number_standing : str, optional
        How the row's number was checked, where not as its content.
    """

    id: str
    section: str
    topic: Text
    asks: Text
    fields: tuple[str | tuple[str, ...], ...] = ()
    rule: Literal["all", "any"] = "all"
    applies: Condition | None = None
    none: bool = False
    after_trial: bool = False
    lacks: Text | None = None
    note: Text | None = None
    standing: Standing | None = None
    number_standing: Standing | None = None

    @model_validator(mode="after")
    def _answerable_in_one_way(self) -> Self:
        if (bool(self.fields), self.none, self.after_trial).count(True) != 1:
            raise ValueError(f"row {self.id} needs exactly one of fields, none and after_trial")
        return self

    @property
    def item(self) -> str:
        """The item that the row belongs to: the number of `21b`, the letters of `X.B1`."""
        found = re.match(r"[0-9]+(?=[a-z]?$)|[^.]+", self.id)
        return found[0] if found else self.id

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The fields, each as its alternatives."""
        return tuple((field,) if isinstance(field, str) else field for field in self.fields)

    @property
    def patterns(self) -> tuple[str, ...]:
        """Every field pattern of the row, the condition's included."""
        condition = (self.applies.field,) if self.applies else ()
        return (*(pattern for group in self.groups for pattern in group), *condition)


class Checklist(Frozen):
    """A checklist file.

    Parameters
    ----------
    standard : str
        Its key in `STANDARDS`.
    each : str
        What it is filled in for: the protocol, or every one of its `interventions` or `estimands`.
    items, row_count : int
        How many the standard has; the rows of the file must be that many.
    """

    id: str
    standard: str
    name: Text
    each: Literal["protocol", "interventions", "estimands"] = "protocol"
    items: int
    row_count: int
    sections: tuple[Section, ...]
    rows: tuple[Row, ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        items, rows = len({row.item for row in self.rows}), len(self.rows)
        if (items, rows) != (self.items, self.row_count):
            raise ValueError(f"{self.id} has {items} items in {rows} rows; its head says {self.items} in {self.row_count}")
        if len({row.id for row in self.rows}) != rows:
            raise ValueError(f"{self.id} has an identifier twice")
        if list(dict.fromkeys(row.section for row in self.rows)) != [section.id for section in self.sections]:
            raise ValueError(f"{self.id} has sections without rows, rows without a section, or another order")
        return self

    @property
    def source(self) -> Standard:
        """The standard, with citation and standing."""
        return STANDARDS[self.standard]

    def standing_of(self, row: Row) -> Standing:
        """Return how a row's content was checked."""
        return row.standing or self.source.standing

    def number_standing_of(self, row: Row) -> Standing:
        """Return how a row's number was checked."""
        return row.number_standing or self.standing_of(row)


@cache
def read_checklists() -> tuple[Checklist, ...]:
    """Return every checklist, in the order in which reports print them."""
    return tuple(_read(Path(__file__).with_name(f"{name}.toml")) for name in ORDER)


def _read(path: Path) -> Checklist:
    return Checklist.model_validate(_frozen(tomllib.loads(path.read_text(encoding="utf-8"))))


def _frozen(data: Any) -> Any:
    """Return parsed TOML with tuples in place of lists, as our models want them."""
    if isinstance(data, dict):
        return {key: _frozen(value) for key, value in data.items()}
    return tuple(map(_frozen, data)) if isinstance(data, list) else data
