"""Where the columns of the export folder's contract stand in a REDCap project: forms, fields, and what is structure.

One form for each file that people type. Columns that REDCap itself records are no fields: `participant_id` is the record, a
key column `visit` is the event. Every other column is exactly one field, and the field's name leads back to its file and column.

No form has `restricted/` files (the allocation is never in the eCRF) and files without a key, whose rows have no name: they
are logs that a machine writes.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from odisea.protocol.dictionary import ColumnSpec, FileSpec
from odisea.protocol.model import Protocol

RECORD = "record_id"
PARTICIPANT = "participant_id"
ADVISED_LENGTH = 26
LONGEST = 100
LONGEST_FORM = 64
# Names that REDCap gives to columns of its own export.
RESERVED = (
    RECORD, "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "redcap_data_access_group",
    "redcap_survey_identifier",
)  # fmt: skip


class Form(NamedTuple):
    """One form, of one export file.

    Parameters
    ----------
    name, file : str
        Of the form, and of the export file.
    of_participant : bool
        Its record is a participant; else it is a log of the site, kept in a record of its own.
    events : tuple of str
        Visits at which it is filled in.
    repeating : bool
        A record has several rows (within a visit, where the visit is part of the row's name): a repeating instrument.
    arms : tuple of str or None
        Arms whose participants have it, None for all: whoever may see such a form can tell the arm.
    """

    name: str
    file: str
    of_participant: bool
    events: tuple[str, ...]
    repeating: bool
    arms: tuple[str, ...] | None


class Field(NamedTuple):
    """One field: its name, and the file and column of the contract that it holds."""

    name: str
    form: str
    file: str
    column: str


class Layout(NamedTuple):
    """The forms and fields of a project, and the columns that are no field.

    Parameters
    ----------
    forms, fields : tuple
        In the order of the dictionary; the record's own field is none of them.
    record, event : tuple of (file, column)
        Columns that are the record, and columns that are the event.
    not_typed : dict
        From files that have no form to the reason.
    """

    forms: tuple[Form, ...]
    fields: tuple[Field, ...]
    record: tuple[tuple[str, str], ...]
    event: tuple[tuple[str, str], ...]
    not_typed: dict[str, str]


def redcap_layout(protocol: Protocol) -> Layout:
    """Return where every column of the export folder's contract stands in the REDCap project."""
    files = protocol.dictionary.files
    not_typed = {name: reason for name, spec in files.items() if (reason := _why_not_typed(spec))}
    typed = _ordered({name: spec for name, spec in files.items() if name not in not_typed})
    names = dict(zip(typed, _unique(map(_clean, (file.removesuffix(".csv") for file in typed)), (), LONGEST_FORM), strict=True))
    cells = [(file, column) for file, spec in typed.items() for column in spec.columns]
    record = tuple((file, column) for file, column in cells if column == PARTICIPANT)
    event = tuple((file, column) for file, column in cells if is_event(protocol, typed[file], column))
    return Layout(
        forms=tuple(_form(protocol, names[file], file, spec) for file, spec in typed.items()),
        fields=_fields([cell for cell in cells if cell not in record and cell not in event], names),
        record=record,
        event=event,
        not_typed=not_typed,
    )


def redcap_sources(protocol: Protocol) -> dict[str, tuple[str, str]]:
    """Return the way back: from every field's name to the file and the column of the contract."""
    return {field.name: (field.file, field.column) for field in redcap_layout(protocol).fields}


def is_event(protocol: Protocol, spec: FileSpec, column: str) -> bool:
    """Return whether a column says at which planned visit its row was recorded: a key column whose codes are the visits."""
    return column in spec.key and spec.columns[column].codes == protocol.visit_ids and PARTICIPANT in spec.columns


def _why_not_typed(spec: FileSpec) -> str | None:
    if spec.restricted:
        return "restricted: never in the eCRF"
    return None if spec.key else "rows without a key: a machine's log"


def _ordered(files: dict[str, FileSpec]) -> dict[str, FileSpec]:
    """Return the files with the one that has a row per participant first: REDCap's first field is the record."""
    return dict(sorted(files.items(), key=lambda item: (item[1].key != (PARTICIPANT,), PARTICIPANT not in item[1].columns)))


def _form(protocol: Protocol, name: str, file: str, spec: FileSpec) -> Form:
    at_visits = any(is_event(protocol, spec, column) for column in spec.columns)
    named_by = [column for column in spec.key if column != PARTICIPANT and not is_event(protocol, spec, column)]
    visits = _visits_of_items(protocol, file) or protocol.visit_ids
    return Form(
        name=name,
        file=file,
        of_participant=PARTICIPANT in spec.columns,
        events=visits if at_visits else protocol.visit_ids[:1],
        repeating=bool(named_by),
        arms=spec.arms,
    )


def _visits_of_items(protocol: Protocol, file: str) -> tuple[str, ...]:
    """Return the visits at which an instrument's items are answered, where the file holds items."""
    asked = {
        visit
        for outcome in protocol.outcomes.values()
        if outcome.instrument and (items := protocol.instruments[outcome.instrument].items) and items.file == file
        for visit in outcome.visits
    }
    return tuple(visit for visit in protocol.visit_ids if visit in asked)


# ---------------------------------------------------------------- names


def _fields(cells: list[tuple[str, str]], forms: dict[str, str]) -> tuple[Field, ...]:
    """Return the fields: a column keeps its name where no other form has it, else the form's name stands before it."""
    plain = [_clean(column) for _, column in cells]
    wanted = [
        _prefixed(forms[file], name) if plain.count(name) > 1 or name in RESERVED or name.startswith("redcap_") else name
        for (file, _), name in zip(cells, plain, strict=True)
    ]
    taken = (*RESERVED, *(f"{form}_{ending}" for form in forms.values() for ending in ("complete", "timestamp")))
    names = _unique(wanted, taken, LONGEST)
    return tuple(Field(name, forms[file], file, column) for name, (file, column) in zip(names, cells, strict=True))


def _prefixed(form: str, name: str) -> str:
    """Return a name with its form's before it, the latter shortened where both together exceed the advised length."""
    room = max(ADVISED_LENGTH - len(name) - 1, 3)
    return f"{form[:room].strip('_')}_{name}"


def _clean(name: str) -> str:
    """Return a name as REDCap allows it: lower-case letters, digits and single underscores, a letter first."""
    bare = re.sub(r"_+", "_", re.sub(r"[^a-z0-9]", "_", name.lower())).strip("_")
    return bare if re.match(r"[a-z]", bare) else f"v_{bare}".rstrip("_")


def _unique(names: Iterable[str], taken: Iterable[str], longest: int) -> tuple[str, ...]:
    """Return the names in order, each cut to the longest allowed, a later equal one with a number behind it."""
    used, given = set(taken), []
    for name in names:
        choice, number = name[:longest], 1
        while choice in used:
            number += 1
            choice = f"{name[: longest - len(str(number)) - 1]}_{number}"
        used.add(choice)
        given.append(choice)
    return tuple(given)


def items_of(protocol: Protocol) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the columns that hold an instrument's items, each with the range of its codes."""
    asked = [instrument.items for instrument in protocol.instruments.values() if instrument.items]
    return {(items.file, column): items.range for items in asked for column in items.columns}


def typed_outcomes(protocol: Protocol, spec: ColumnSpec) -> tuple[str, ...]:
    """Return the codes of a column of outcomes without those that are computed.

    An outcome whose items have a file is scored from them; one without visits cannot be recorded. Where nothing would be
    left, all codes are.
    """
    files = protocol.dictionary.files
    computed = {
        name
        for name, outcome in protocol.outcomes.items()
        if not outcome.visits
        or (outcome.instrument and (items := protocol.instruments[outcome.instrument].items) is not None and items.file in files)
    }
    codes = spec.codes or ()
    return tuple(code for code in codes if code not in computed) or codes
