"""The mapping: how a site's raw files become the export folder. It says where things stand and what codes mean, never how to analyse."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from odisea.data.derive import PARTICIPANTS
from odisea.errors import Problem, ProtocolError
from odisea.protocol.compose import child
from odisea.protocol.declaration import Declaration
from odisea.protocol.dictionary import NAME_PATTERN
from odisea.protocol.fact import Frozen
from odisea.protocol.fault import Fault, unknown
from odisea.protocol.load import Located, load_located
from odisea.protocol.model import Protocol

DATE_FORMATS = {
    "YYYY-MM-DD": "%Y-%m-%d",
    "DD/MM/YYYY": "%d/%m/%Y",
    "MM/DD/YYYY": "%m/%d/%Y",
    "DD-MM-YYYY": "%d-%m-%Y",
    "DD.MM.YYYY": "%d.%m.%Y",
    "YYYY/MM/DD": "%Y/%m/%d",
}
DateFormat = Literal["YYYY-MM-DD", "DD/MM/YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "DD.MM.YYYY", "YYYY/MM/DD"]
WRITTEN_HERE = (PARTICIPANTS, "screening.csv", "visits.csv", "outcomes.csv", "restricted/allocation.csv")


class Condition(Frozen):
    """A test of one raw cell; exactly one of `among`, `missing`, `below`, `above` is given.

    Parameters
    ----------
    among : tuple of str
        The cell's text is one of these.
    missing : bool
        The cell is missing (true) or not (false).
    below, above : float
        The cell's number lies below or above.
    """

    column: str
    among: tuple[str, ...] | None = None
    missing: bool | None = None
    below: float | None = None
    above: float | None = None

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        given = [name for name in ("among", "missing", "below", "above") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"{' and '.join(given) or 'no test'} is given; a condition has exactly one of among, missing, below, above")
        return self


class Identifier(Frozen):
    """How a source names its persons.

    Parameters
    ----------
    column : str
        Column of the identifier; or `row_number: true` where the source has none and one row per person.
    whole_number : bool
        The identifier is a number that a program may have written with decimals: 1001.0 is 1001.
    prefix : str
        Put before it.
    digits : int
        Padded with zeros to so many digits before the prefix is put on.
    """

    column: str | None = None
    row_number: bool = False
    whole_number: bool = False
    prefix: str = ""
    digits: int = Field(default=0, ge=0, le=12)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.column is None) != self.row_number:
            raise ValueError("an identifier comes from a column or is the row number; give one of column: NAME and row_number: true")
        return self


class VisitColumn(Frozen):
    """The column that says at which visit a row was recorded; `ignored` codes name rows that the trial does not use."""

    column: str
    codes: dict[str, str] = Field(min_length=1)
    ignored: tuple[str, ...] = ()


class Skip(Frozen):
    """Rows of a source that are left out, and why."""

    when: Condition
    reason: str


class SourceFile(Frozen):
    """One raw file.

    Parameters
    ----------
    missing : tuple of str
        Texts that mean no value; an empty cell always does.
    participant : Identifier
        Who a row is about.
    visit : VisitColumn, optional
        Where rows are visits (long layout); without it a row is a person (wide layout).
    """

    file: str
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    missing: tuple[str, ...] = ()
    participant: Identifier
    visit: VisitColumn | None = None
    skip: tuple[Skip, ...] = ()


class Value(Frozen):
    """How one exported cell is made of one raw cell.

    Parameters
    ----------
    column : str
        Raw column; or `constant`, the same text for all.
    source : str, optional
        The source; absent: the source of the persons (or of the file rule).
    at : str, optional
        Visit whose row holds it; absent in a long source: it must be the same in all rows of a person.
    codes : dict, optional
        What each raw text becomes; a text that is not listed is an error.
    factor, offset : float
        Exported number = raw number x factor + offset.
    date_format : str, optional
        How the raw file writes days; no order of day and month is ever guessed.
    """

    column: str | None = None
    constant: str | None = None
    source: str | None = None
    at: str | None = None
    codes: dict[str, str | int | float] | None = None
    factor: float | None = None
    offset: float | None = None
    date_format: DateFormat | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("give one of column: NAME and constant: TEXT")
        ways = [name for name in ("codes", "factor", "date_format") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} stand together; a cell is translated in one way")
        return self


class Exclusion(Frozen):
    """Persons of the raw files who are no participants of the trial; the first rule that applies counts."""

    when: Condition
    outcome: Literal["eligible_declined", "ineligible", "other"]
    reason_code: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    note: str = ""


class People(Frozen):
    """Who stands in the raw files, and who of them is excluded."""

    source: str
    excluded: tuple[Exclusion, ...] = ()


class OutcomeRule(Frozen):
    """Where an outcome's values stand: one column in a long source, a column per visit, or both (the visit's own wins).

    Parameters
    ----------
    missing_reason : str, optional
        In place of the mapping's default reason.
    """

    each_visit: Value | None = None
    visits: dict[str, Value] = Field(default={})
    missing_reason: str | None = None


class FileRule(Frozen):
    """How one further file of the dictionary is made.

    Parameters
    ----------
    columns : dict
        Long layout: one exported row per row of the source.
    visits : dict
        Wide layout: one exported row per person and visit, with its own columns.
    """

    source: str | None = None
    columns: dict[str, Value] = Field(default={})
    visits: dict[str, dict[str, Value]] = Field(default={})


class SiteMapping(Declaration):
    """A mapping file.

    Parameters
    ----------
    protocol : str
        The trial's protocol, named from this file's folder.
    missing_reason : str
        Why a value is missing where the raw files do not say it.
    allocation : Value
        The arm; written beside the export folder, never into it. Rows are numbered in the order of the source.
    visit_date : Value, optional
        The day of a visit in a long source.
    """

    kind: ClassVar[str] = "mapping"

    trial: str = Field(pattern=NAME_PATTERN)
    protocol: str
    origin: Literal["real", "simulated"] = "real"
    missing_reason: str
    sources: dict[str, SourceFile] = Field(min_length=1)
    people: People
    participants: dict[str, Value] = Field(default={})
    allocation: Value | None = None
    visit_date: Value | None = None
    outcomes: dict[str, OutcomeRule] = Field(min_length=1)
    files: dict[str, FileRule] = Field(default={})


def read_mapping(path: Path) -> Located[SiteMapping]:
    """Read a mapping file; raises `ProtocolError` with every fault of its form."""
    return load_located(path, SiteMapping)


def check_mapping(mapping: Located[SiteMapping], protocol: Protocol) -> None:
    """Refuse a mapping that names what the protocol, its dictionary or the mapping itself does not declare.

    Raises
    ------
    ProtocolError
        With every such name, each at its line.
    """
    faults = [*_own_faults(mapping.value, protocol), *_outcome_faults(mapping.value, protocol), *_file_faults(mapping.value, protocol)]
    faults += [fault for pointer, value in every_value(mapping.value) for fault in _value_faults(mapping.value, protocol, pointer, value)]
    if faults:
        raise ProtocolError(Problem(mapping.where(fault.pointer), fault.found, fault.allowed, fault.remedy) for fault in faults)


def _own_faults(mapping: SiteMapping, protocol: Protocol) -> Iterator[Fault]:
    if mapping.trial != protocol.trial:
        yield Fault(
            "/trial", f"the mapping is for {mapping.trial}", f"its protocol is of {protocol.trial}", "Give the mapping of this trial"
        )
    yield from unknown("/people/source", "source", mapping.people.source, mapping.sources)
    yield from unknown("/missing_reason", "missing reason of the dictionary", mapping.missing_reason, protocol.dictionary.missing_reasons)
    for name, source in mapping.sources.items():
        for code, visit in source.visit.codes.items() if source.visit else ():
            yield from unknown(child(f"/sources/{name}/visit/codes", code), "visit", visit, protocol.visit_ids)
    columns = protocol.dictionary.files[PARTICIPANTS].columns
    for column in mapping.participants:
        yield from unknown(child("/participants", column), f"column of {PARTICIPANTS}", column, columns)
    for code, arm in (mapping.allocation.codes or {}).items() if mapping.allocation else ():
        yield from unknown(child("/allocation/codes", code), "arm", str(arm), protocol.arm_ids)


def _outcome_faults(mapping: SiteMapping, protocol: Protocol) -> Iterator[Fault]:
    for name, rule in mapping.outcomes.items():
        pointer = child("/outcomes", name)
        yield from unknown(pointer, "outcome", name, protocol.outcomes)
        yield from unknown(
            f"{pointer}/missing_reason", "missing reason of the dictionary", rule.missing_reason, protocol.dictionary.missing_reasons
        )
        outcome = protocol.outcomes.get(name)
        for visit in rule.visits if outcome else ():
            yield from unknown(child(f"{pointer}/visits", visit), f"visit of {name}", visit, outcome.visits if outcome else ())
        absent = [visit for visit in outcome.visits if visit not in rule.visits] if outcome and not rule.each_visit else []
        if absent:
            yield Fault(
                pointer, f"no column for {', '.join(absent)}", "an outcome has a value at each of its visits", "Add each_visit or the visit"
            )
    for name, outcome in protocol.outcomes.items():
        instrument = protocol.instrument_of(name)
        from_items = instrument is not None and instrument.items is not None and instrument.items.file in mapping.files
        if outcome.visits and name not in mapping.outcomes and not from_items:
            yield Fault(
                "/outcomes", f"the outcome {name} is not mapped", "every outcome with visits has its columns here", f"Add {name}: ..."
            )


def _file_faults(mapping: SiteMapping, protocol: Protocol) -> Iterator[Fault]:
    for name, rule in mapping.files.items():
        pointer = child("/files", name)
        files = [file for file in protocol.dictionary.files if file not in WRITTEN_HERE]
        yield from unknown(pointer, "file that can be mapped here", name, files)
        if name not in files:
            continue
        known = protocol.dictionary.files[name].columns
        for place, columns in [("columns", rule.columns), *((f"visits/{visit}", columns) for visit, columns in rule.visits.items())]:
            for column in columns:
                yield from unknown(child(f"{pointer}/{place}", column), f"column of {name}", column, known)
        if bool(rule.columns) == bool(rule.visits):
            yield Fault(pointer, "columns and visits are both given or both absent", "one of them makes the file's rows", "Keep one")
        yield from unknown(f"{pointer}/source", "source", rule.source, mapping.sources)


def every_value(mapping: SiteMapping) -> Iterator[tuple[str, Value]]:
    """Give every value rule of a mapping with its pointer."""
    for name, value in mapping.participants.items():
        yield child("/participants", name), value
    for pointer, single in (("/allocation", mapping.allocation), ("/visit_date", mapping.visit_date)):
        if single:
            yield pointer, single
    for name, rule in mapping.outcomes.items():
        pointer = child("/outcomes", name)
        yield from _values(f"{pointer}/visits", rule.visits)
        if rule.each_visit:
            yield f"{pointer}/each_visit", rule.each_visit
    for name, file in mapping.files.items():
        yield from _values(f"{child('/files', name)}/columns", file.columns)
        for visit, columns in file.visits.items():
            yield from _values(f"{child('/files', name)}/visits/{visit}", columns)


def _values(pointer: str, values: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    for name, value in values.items():
        yield child(pointer, name), value


def _value_faults(mapping: SiteMapping, protocol: Protocol, pointer: str, value: Value) -> Iterator[Fault]:
    yield from unknown(f"{pointer}/source", "source", value.source, mapping.sources)
    yield from unknown(f"{pointer}/at", "visit", value.at, protocol.visit_ids)
    source = mapping.sources.get(value.source or mapping.people.source)
    by_row = pointer.endswith("/each_visit") or pointer == "/visit_date"
    if by_row and value.column and source and source.visit is None:
        allowed = "each_visit and visit_date read a long source, which has a visit column"
        yield Fault(
            pointer,
            f"the source {value.source or mapping.people.source} has no visit",
            allowed,
            "Give its visit column, or a column per visit",
        )
