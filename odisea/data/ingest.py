"""From a site's raw files to the tables of the export folder, as a mapping declares it.

Persons are told from the raw files, those whom a rule excludes are counted in screening.csv, and the rest are participants.
A visit or value that is absent from the raw files becomes a row with a missing reason. The allocation is a table of its own,
which `write_export` puts beside the export folder.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from odisea.data.contract import PARTICIPANT, RefusedCellError, type_cell
from odisea.data.derive import PARTICIPANTS
from odisea.data.manifest import ExportManifest, make_manifest
from odisea.data.mapping import Exclusion, FileRule, SiteMapping, check_mapping, read_mapping
from odisea.data.outcomes import OUTCOMES, VISITS
from odisea.data.read_export import ALLOCATION, assemble
from odisea.data.sources import RawFiles, Source, open_sources
from odisea.data.tables import Cell, Table, make_table, refuse
from odisea.data.write_export import render_tables, write_export
from odisea.errors import DataError, Problem
from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol

SCREENING = "screening.csv"
VISIT = "visit"


@dataclass(frozen=True, slots=True)
class People:
    """Persons of the raw files in order of appearance.

    Parameters
    ----------
    participants : tuple of str
        Those whom no rule excludes.
    screened : tuple of (outcome, reason)
        One entry per person: `eligible_randomised` and None, or what the rule says.
    """

    participants: tuple[str, ...]
    screened: tuple[tuple[str, str | None], ...]


def write_ingested(mapping_path: Path, raw: Path, folder: Path) -> ExportManifest:
    """Read raw files by a mapping and write the export folder, and the allocation beside it; the work of `odisea ingest`.

    Parameters
    ----------
    mapping_path : Path
        The mapping; it names its protocol.
    raw : Path
        Folder of the raw files.
    folder : Path
        The export folder to write; the allocation goes to `folder/../restricted/allocation.csv`.

    Raises
    ------
    ProtocolError
        The mapping or its protocol cannot be used.
    DataError
        The raw files break the mapping or the contract, or the target is no place to write to. Nothing is written then.
    """
    located = read_mapping(mapping_path)
    protocol = load_protocol(mapping_path.parent / located.value.protocol)
    check_mapping(located, protocol)
    contents = read_raw(located.value, raw)
    tables = ingest(located.value, protocol, contents)
    inputs = {"protocol": protocol.source.read_bytes(), "mapping": mapping_path.read_bytes()}
    inputs |= {located.value.sources[name].file: content for name, content in contents.items()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in inputs.items()}
    manifest = make_manifest(protocol.trial, located.value.origin, made_by=f"odisea {version('odisea')}", inputs=hashes)
    check_readable(tables, protocol, manifest)
    return write_export(folder, tables, protocol.dictionary, manifest)


def read_raw(mapping: SiteMapping, raw: Path) -> dict[str, bytes]:
    """Return the raw files by source name; raises `DataError` naming every file that is not there."""
    absent = [spec.file for spec in mapping.sources.values() if not (raw / spec.file).is_file()]
    refuse(
        [Problem(str(raw / name), "there is no such file", "the mapping reads it", "Give the folder that holds it.") for name in absent],
        str(raw),
    )
    return {name: (raw / spec.file).read_bytes() for name, spec in mapping.sources.items()}


def check_readable(tables: Sequence[Table], protocol: Protocol, manifest: ExportManifest) -> None:
    """Refuse tables that would not be read back: against the contract, between files, and against the protocol."""
    contents = render_tables(tables, protocol.dictionary)
    allocation = contents.pop(ALLOCATION, None)
    assemble(contents, protocol, manifest, allocation)


def ingest(mapping: SiteMapping, protocol: Protocol, contents: Mapping[str, bytes]) -> tuple[Table, ...]:
    """Return the tables of the export folder and of the allocation.

    Parameters
    ----------
    mapping : SiteMapping
        Checked against the protocol (`check_mapping`).
    protocol : Protocol
        The trial.
    contents : mapping of str to bytes
        The raw files by source name.

    Raises
    ------
    DataError
        With every problem of the raw files: row, column, what was found and what is allowed.
    """
    raw = open_sources(mapping, contents)
    people = tell_people(raw)
    raw.problems += _strangers(raw)
    tables = [_participants(raw, people, protocol), *_screening(people, mapping), *_allocation(raw, people, protocol)]
    outcomes, values_at = _outcomes(raw, people, protocol)
    files = [_file(raw, people, protocol, name, rule) for name, rule in mapping.files.items()]
    seen = values_at | {place for table in files for place in _places(table)}
    tables += [outcomes, _visits(raw, people, protocol, seen), *files]
    refuse(raw.problems, "raw files")
    return tuple(tables)


def tell_people(raw: RawFiles) -> People:
    """Return the persons of the people's source, and which of them are participants."""
    source = raw.sources[raw.mapping.people.source]
    rules = {person: _exclusion(raw, person) for person in source.index}
    participants = tuple(person for person, rule in rules.items() if rule is None)
    screened = tuple((rule.outcome, rule.reason_code) if rule else ("eligible_randomised", None) for rule in rules.values())
    if not participants:
        raise DataError(
            Problem(source.text.name, "no person remains after the exclusions", "", "Correct the mapping's rules of exclusion.")
        )
    return People(participants, screened)


def _exclusion(raw: RawFiles, person: str) -> Exclusion | None:
    """Return the first rule that excludes a person."""
    return next((rule for rule in raw.mapping.people.excluded if raw.holds(rule.when, person)), None)


def _strangers(raw: RawFiles) -> list[Problem]:
    """Return the rows of other sources whose person is not in the people's source."""
    main = raw.sources[raw.mapping.people.source]
    problems = []
    for source in raw.sources.values():
        for person, rows in source.index.items():
            if person not in main.index:
                where = source.text.at(rows[0], source.spec.participant.column or "row number")
                problems.append(
                    Problem(where, f"unknown participant {person!r}", f"allowed: those of {main.text.name}", "Correct one of the files.")
                )
    return problems


def _participants(raw: RawFiles, people: People, protocol: Protocol) -> Table:
    """Return participants.csv."""
    declared = protocol.dictionary.files[PARTICIPANTS].columns
    columns = raw.mapping.participants
    for person in people.participants:
        try:
            type_cell(person, declared[PARTICIPANT], True)
        except RefusedCellError as fault:
            source = raw.sources[raw.mapping.people.source]
            where = source.text.at(source.index[person][0], source.spec.participant.column or "row number")
            remedy = "Correct it, or use prefix, digits or whole_number in the mapping."
            raw.problems.append(Problem(where, f"found {person!r} as identifier", f"allowed: {fault.allowed}", remedy))
    rows = [[who, *(raw.person_cell(who, value, declared[name]) for name, value in columns.items())] for who in people.participants]
    return make_table(PARTICIPANTS, [PARTICIPANT, *columns], rows)


def _screening(people: People, mapping: SiteMapping) -> list[Table]:
    """Return screening.csv; none where no rule excludes anybody, as the raw files then hold the randomised alone."""
    if not mapping.people.excluded:
        return []
    rows = [[number, outcome, reason] for number, (outcome, reason) in enumerate(people.screened, start=1)]
    return [make_table(SCREENING, ["screen_no", "outcome", "reason_code"], rows)]


def _allocation(raw: RawFiles, people: People, protocol: Protocol) -> list[Table]:
    """Return the allocation, numbered in the order of the raw file; none where the mapping has none."""
    value = raw.mapping.allocation
    if value is None:
        return []
    declaration = protocol.dictionary.files[ALLOCATION].columns["arm"]
    rows: list[list[Cell]] = []
    for number, person in enumerate(people.participants, start=1):
        rows.append([number, raw.person_cell(person, value, declaration), person])
    return [make_table(ALLOCATION, ["randomisation_no", "arm", PARTICIPANT], rows)]


def _outcomes(raw: RawFiles, people: People, protocol: Protocol) -> tuple[Table, set[tuple[str, str]]]:
    """Return outcomes.csv over the full grid, and where a value is present."""
    rows: list[list[Cell]] = []
    present = set()
    for name, rule in raw.mapping.outcomes.items():
        outcome = protocol.outcomes[name]
        declaration = protocol.dictionary.column(OUTCOMES, "value").model_copy(update={"range": outcome.range.value, "filled": False})
        reason = rule.missing_reason or raw.mapping.missing_reason
        for person in people.participants:
            for visit in outcome.visits:
                own = rule.visits.get(visit)
                if own is None and rule.each_visit is not None:
                    value = raw.visit_cell(person, visit, rule.each_visit, declaration)
                else:
                    value = raw.person_cell(person, own, declaration) if own else None
                rows.append([person, visit, name, value, reason if value is None else None])
                present |= {(person, visit)} if value is not None else set()
    return make_table(OUTCOMES, [PARTICIPANT, VISIT, "outcome", "value", "missing"], rows), present


def _visits(raw: RawFiles, people: People, protocol: Protocol, seen: set[tuple[str, str]]) -> Table:
    """Return visits.csv over the full grid: a visit is done where a raw row, a value or a day shows it."""
    source_rows = {(person, visit) for source in raw.sources.values() for person, visit in zip(source.people, source.visits, strict=True)}
    declaration = protocol.dictionary.column(VISITS, "visit_date")
    rows: list[list[Cell]] = []
    for person in people.participants:
        for visit in protocol.visit_ids:
            day = raw.visit_cell(person, visit, raw.mapping.visit_date, declaration) if raw.mapping.visit_date else None
            done = day is not None or (person, visit) in seen or (person, visit) in source_rows
            rows.append([person, visit, day, "done" if done else "missed", None if done else raw.mapping.missing_reason])
    return make_table(VISITS, [PARTICIPANT, VISIT, "visit_date", "status", "missed_reason"], rows)


def _places(table: Table) -> list[tuple[str, str]]:
    """Return the participants and visits that a table has rows of."""
    return [
        (str(person), str(visit))
        for person, visit in zip(table.columns[PARTICIPANT], table.optional(VISIT), strict=True)
        if visit is not None
    ]


def _file(raw: RawFiles, people: People, protocol: Protocol, name: str, rule: FileRule) -> Table:
    """Return one further file of the dictionary; a row without any value is not written."""
    declared = protocol.dictionary.files[name].columns
    with_visit = VISIT in declared
    if rule.columns:
        source = raw.sources[rule.source or raw.mapping.people.source]
        included = set(people.participants)
        rows = [_source_row(raw, source, row, rule, protocol, name) for row, who in enumerate(source.people) if who in included]
        rows = [row for row in rows if not with_visit or row[1] is not None]
        names = list(rule.columns)
    else:
        names = list(dict.fromkeys(column for columns in rule.visits.values() for column in columns))
        rows = [_wide_row(raw, person, visit, rule, protocol, name, names) for person in people.participants for visit in rule.visits]
    keys = [PARTICIPANT, VISIT] if with_visit else [PARTICIPANT]
    constant = {column for columns in (rule.columns, *rule.visits.values()) for column, value in columns.items() if value.column is None}
    telling = [place for place, column in enumerate(names, start=2) if column not in constant]
    kept = [row for row in rows if any(row[place] is not None for place in telling)]
    return make_table(name, [*keys, *names], [row if with_visit else [row[0], *row[2:]] for row in kept])


def _source_row(raw: RawFiles, source: Source, row: int, rule: FileRule, protocol: Protocol, name: str) -> list[Cell]:
    """Return participant, visit and cells of one row of a long source."""
    declared = protocol.dictionary.files[name].columns
    cells = [raw.row_cell(row, value, declared[column], source) for column, value in rule.columns.items()]
    return [source.people[row], source.visits[row], *cells]


def _wide_row(raw: RawFiles, person: str, visit: str, rule: FileRule, protocol: Protocol, name: str, names: Sequence[str]) -> list[Cell]:
    """Return participant, visit and cells of one person at one visit of a wide source."""
    declared = protocol.dictionary.files[name].columns
    own = rule.visits[visit]
    cells = [raw.person_cell(person, own[column], declared[column], rule.source) if column in own else None for column in names]
    return [person, visit, *cells]
