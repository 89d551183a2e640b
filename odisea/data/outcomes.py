"""The value of every outcome at every visit: from scored items where they were recorded, else as it was typed.

The participant x visit grid is rebuilt: a row that is absent is a missing value, as databases write no row for a visit
at which nothing was entered. Where a total was typed and its items were recorded too, both must agree.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from odisea.data.contract import PARTICIPANT
from odisea.data.instruments import score_items
from odisea.data.tables import Cell, Table, as_number
from odisea.errors import Problem
from odisea.protocol.instrument import Instrument, Items
from odisea.protocol.model import Outcome, Protocol

OUTCOMES = "outcomes.csv"
VISITS = "visits.csv"
SLACK = 1e-9

Floats = NDArray[np.float64]
Place = tuple[str, str]
"""Participant and visit."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One outcome as the files hold it.

    Parameters
    ----------
    values : mapping of (participant, visit) to float
        Recorded values; an absent key is missing.
    reasons : mapping of (participant, visit) to str
        Why a value is missing, where the files say it.
    """

    values: Mapping[Place, float]
    reasons: Mapping[Place, str]


def measured_outcomes(tables: Mapping[str, Table], protocol: Protocol) -> tuple[dict[str, Measured], list[Problem]]:
    """Return every outcome of the protocol that has visits, with the faults between typed values, items and visits.

    Parameters
    ----------
    tables : mapping of str to Table
        The typed files of an export folder.
    protocol : Protocol
        Its outcomes say where values are expected and what they may be.
    """
    typed, reasons, problems = _typed_outcomes(tables.get(OUTCOMES), protocol)
    absent = _missed_visits(tables.get(VISITS))
    found = {}
    for name, outcome in protocol.outcomes.items():
        if outcome.visits:
            values, faults = _with_items(tables, protocol, name, typed.get(name, {}), reasons.get(name, {}))
            why = {place: reason for place, reason in absent.items() if place[1] in outcome.visits} | reasons.get(name, {})
            found[name] = Measured(values, {place: reason for place, reason in why.items() if place not in values})
            problems += [*faults, *_values_at_missed_visits(tables.get(VISITS), name, values)]
    return found, problems


@dataclass(frozen=True, slots=True)
class _Typed:
    """A typed value and where it stands."""

    value: float
    where: str


def _typed_outcomes(
    table: Table | None, protocol: Protocol
) -> tuple[dict[str, dict[Place, _Typed]], dict[str, dict[Place, str]], list[Problem]]:
    """Return the typed values and the missing reasons of outcomes.csv by outcome, and the faults in them."""
    typed: dict[str, dict[Place, _Typed]] = {}
    reasons: dict[str, dict[Place, str]] = {}
    problems: list[Problem] = []
    for row, record in enumerate(table.records() if table else ()):
        assert table is not None
        name, place = str(record["outcome"]), (str(record[PARTICIPANT]), str(record["visit"]))
        outcome = protocol.outcomes.get(name)
        if outcome is None or place[1] not in outcome.visits:
            if outcome is not None:
                allowed = f"allowed: {', '.join(outcome.visits) or 'no visit'}"
                where = table.at(row, "visit")
                problems.append(
                    Problem(where, f"{name} is not planned at {place[1]}", allowed, "Correct the visit, or add it to the outcome's visits.")
                )
            continue
        if record["value"] is None:
            reasons.setdefault(name, {})[place] = str(record.get("missing") or "unknown")
            continue
        value = as_number(record["value"])
        problems += _value_problems(table.at(row, "value"), name, outcome, value)
        typed.setdefault(name, {})[place] = _Typed(value, table.at(row, "value"))
    return typed, reasons, problems


def _value_problems(where: str, name: str, outcome: Outcome, value: float) -> Iterator[Problem]:
    """Give the fault of a value that its outcome cannot take."""
    if outcome.kind == "binary" and value not in (0.0, 1.0):
        yield Problem(where, f"found {value:g} for {name}", "allowed: 0 or 1", "Correct the value at its source.")
    limits = outcome.range.value
    if limits and not limits[0] <= value <= limits[1]:
        allowed = f"allowed: a number from {limits[0]:g} to {limits[1]:g}"
        yield Problem(where, f"found {value:g} for {name}", allowed, "Correct the value at its source; nothing is changed here.")


def _with_items(
    tables: Mapping[str, Table], protocol: Protocol, name: str, typed: Mapping[Place, _Typed], reasons: Mapping[Place, str]
) -> tuple[dict[Place, float], list[Problem]]:
    """Return an outcome's values with scored items in place of typed totals, and the faults between the two."""
    values = {place: entry.value for place, entry in typed.items()}
    instrument = protocol.instrument_of(name)
    table = tables.get(instrument.items.file) if instrument and instrument.items else None
    if instrument is None or instrument.items is None or table is None:
        return values, []
    outcome = protocol.outcomes[name]
    problems: list[Problem] = []
    for scored in _scored(table, instrument, instrument.items, name):
        if scored.place[1] not in outcome.visits:
            problems.append(
                Problem(
                    scored.where,
                    f"{name} is not planned at {scored.place[1]}",
                    f"allowed: {', '.join(outcome.visits)}",
                    "Correct the visit.",
                )
            )
            continue
        problems += _disagreement(scored, outcome, typed.get(scored.place), reasons.get(scored.place))
        if not np.isnan(scored.total):
            values[scored.place] = scored.total
    return values, problems


@dataclass(frozen=True, slots=True)
class _Scored:
    """The score of one row of an item file."""

    place: Place
    total: float
    answered: int
    needed: int
    where: str


def _scored(table: Table, instrument: Instrument, items: Items, name: str) -> Iterator[_Scored]:
    """Give the score of every row of an instrument's item file."""
    needed = instrument.minimum_answered.require(f"instruments.{instrument.instrument}.minimum_answered (to score {name})")
    matrix = np.array([_numbers(table.optional(column)) for column in items.columns])
    totals = score_items(matrix, float(items.range[1]), needed)
    answered = (~np.isnan(matrix)).sum(axis=0)
    for row, record in enumerate(table.records()):
        place = (str(record[PARTICIPANT]), str(record["visit"]))
        yield _Scored(place, float(totals[row]), int(answered[row]), needed, f"{table.name}: row {table.numbers[row]}")


def _numbers(cells: tuple[Cell, ...]) -> Floats:
    return np.array([as_number(cell) for cell in cells], dtype=np.float64)


def _disagreement(scored: _Scored, outcome: Outcome, typed: _Typed | None, reason: str | None) -> Iterator[Problem]:
    """Give the fault between the items of one participant at one visit and what outcomes.csv says of the same total."""
    if not scored.answered:
        return
    if reason is not None and not np.isnan(scored.total):
        found = f"the items give a score of {scored.total:.6g}, but {OUTCOMES} calls it missing ({reason})"
        yield Problem(scored.where, found, "", "Correct the file that is wrong.")
    if typed is None:
        return
    if np.isnan(scored.total):
        found = f"a total of {typed.value:g} is typed, but only {scored.answered} items are answered in {scored.where}"
        yield Problem(
            typed.where, found, f"{scored.needed} answered items make a total", "Complete the items, or write the missing reason instead."
        )
    elif abs(typed.value - scored.total) > (outcome.resolution.value or 0.0) / 2 + SLACK:
        found = f"the typed total is {typed.value:g}, the items in {scored.where} give {scored.total:.6g}"
        yield Problem(typed.where, found, "needed: both agree", "Correct the one that is wrong at its source.")


def _missed_visits(table: Table | None) -> dict[Place, str]:
    """Return the missing reason of every visit that visits.csv gives one for."""
    if table is None:
        return {}
    rows = zip(table.columns[PARTICIPANT], table.columns["visit"], table.optional("missed_reason"), strict=True)
    return {(str(participant), str(visit)): str(reason) for participant, visit, reason in rows if reason is not None}


def _values_at_missed_visits(table: Table | None, name: str, values: Mapping[Place, float]) -> Iterator[Problem]:
    """Give the visits that are called missed although a value was recorded at them."""
    if table is None:
        return
    rows = zip(table.columns[PARTICIPANT], table.columns["visit"], table.optional("status"), strict=True)
    for row, (participant, visit, status) in enumerate(rows):
        if status == "missed" and (str(participant), str(visit)) in values:
            found = f"the visit is called missed, but {name} has a value at it"
            yield Problem(table.at(row, "status"), found, "", "Correct the status, or take the value out.")


def outcome_row(measured: Measured, participants: tuple[str, ...], visit: str) -> Floats:
    """Return an outcome at a visit for participants in order, NaN where missing."""
    return np.array([measured.values.get((participant, visit), np.nan) for participant in participants], dtype=np.float64)
