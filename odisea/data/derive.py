"""From what was recorded to the rows that analyses read.

The recorded matrix has one row per recorded column (`recorded_columns`) and one column per participant; `recipes` says how
each analysis row (`trial_rows`) is made of it and `build_rows` makes them. The simulator calls the same `build_rows` on
the matrix that it holds in memory, so that a trial in memory and the same trial read from files are equal bit by bit.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled
from odisea.data.export import Export
from odisea.data.trial import Trial, make_trial
from odisea.protocol.model import Protocol
from odisea.protocol.plan import Coding

PARTICIPANTS = "participants.csv"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Kind(IntEnum):
    """How one analysis row is made."""

    COPY = 0
    BMI = 1
    INSIDE = 2


class Recipes(NamedTuple):
    """One recipe per analysis row, as plain arrays of the shape (n_rows,); made by `recipes`.

    Parameters
    ----------
    kind : int64
        A `Kind`: a copy of a recorded row; weight in kg over squared height in m; 1 inside a closed interval, else 0.
    source, second : int64
        Recorded rows: the row itself, or height (cm) and weight (kg). `second` is -1 where there is none.
    low, high : float64
        Bounds of the interval of an indicator, both inclusive; NaN for the other kinds.
    """

    kind: Ints
    source: Ints
    second: Ints
    low: Floats
    high: Floats


@compiled
def _copy(source: Floats, out: Floats) -> None:
    for i in range(out.shape[0]):
        out[i] = source[i]


@compiled
def _bmi(height_cm: Floats, weight_kg: Floats, out: Floats) -> None:
    for i in range(out.shape[0]):
        metres = height_cm[i] / 100.0
        out[i] = weight_kg[i] / (metres * metres)


@compiled
def _inside(source: Floats, low: float, high: float, out: Floats) -> None:
    for i in range(out.shape[0]):
        value = source[i]
        indicator = 1.0 if low <= value <= high else 0.0
        out[i] = np.nan if np.isnan(value) else indicator


@compiled
def build_rows(recorded: Floats, recipes: Recipes, out: Floats) -> None:
    """Make every analysis row; nothing is allocated and a missing value stays missing.

    Parameters
    ----------
    recorded : float64 (n_columns, n), C-contiguous
        The recorded matrix in the order of `recorded_columns`; NaN is missing, a category is its position in the dictionary's codes.
    recipes : Recipes
        How the rows are made.
    out : float64 (n_rows, n), C-contiguous
        Written: the rows in the order of `trial_rows`.
    """
    for row in range(recipes.kind.shape[0]):
        source = recorded[recipes.source[row]]
        if recipes.kind[row] == Kind.BMI:
            _bmi(source, recorded[recipes.second[row]], out[row])
        elif recipes.kind[row] == Kind.INSIDE:
            _inside(source, recipes.low[row], recipes.high[row], out[row])
        else:
            _copy(source, out[row])


def outcome_at(outcome: str, visit: str) -> str:
    """Return the name of the row that holds an outcome at a visit, such as `odi@baseline`."""
    return f"{outcome}@{visit}"


def outcome_rows(protocol: Protocol) -> tuple[str, ...]:
    """Return OUTCOME@VISIT for every outcome at every visit where its value is recorded, in the order of the protocol."""
    return tuple(outcome_at(name, visit) for name, outcome in protocol.outcomes.items() for visit in outcome.visits)


def recorded_columns(protocol: Protocol) -> tuple[str, ...]:
    """Return the names of the recorded matrix's rows: the columns of participants.csv that codings read, then OUTCOME@VISIT.

    A category is held as its position in the dictionary's codes.
    """
    read = [column for coding in protocol.analysis.coding.values() for column in coding.columns]
    return (*dict.fromkeys(read), *outcome_rows(protocol))


def trial_rows(protocol: Protocol) -> tuple[str, ...]:
    """Return the names of the rows of `Trial.values`.

    Per coding in order: NAME where continuous, NAME=LEVEL for each level but the reference where categorical; then every OUTCOME@VISIT.
    """
    return (*(row for name, coding in protocol.analysis.coding.items() for row in coding_rows(name, coding)), *outcome_rows(protocol))


def coding_rows(name: str, coding: Coding) -> tuple[str, ...]:
    """Return the names of the rows that one coding makes."""
    if coding.kind == "continuous":
        return (name,)
    return tuple(f"{name}={level}" for level in coding.level_names if level != coding.reference)


def recipes(protocol: Protocol) -> Recipes:
    """Return how each row of `trial_rows` is made of the rows of `recorded_columns`."""
    places = {name: row for row, name in enumerate(recorded_columns(protocol))}
    steps = [step for coding in protocol.analysis.coding.values() for step in _coding_steps(protocol, coding, places)]
    steps += [_copy_step(places[name]) for name in outcome_rows(protocol)]
    kind, source, second, low, high = (np.array(column) for column in zip(*steps, strict=True))
    return Recipes(kind.astype(np.int64), source.astype(np.int64), second.astype(np.int64), low.astype(np.float64), high.astype(np.float64))


Step = tuple[int, int, int, float, float]


def _copy_step(source: int) -> Step:
    return (Kind.COPY, source, -1, np.nan, np.nan)


def _coding_steps(protocol: Protocol, coding: Coding, places: dict[str, int]) -> list[Step]:
    """Return the steps of one coding in the order of `coding_rows`."""
    if coding.bmi:
        return [(Kind.BMI, places[coding.bmi.height_cm], places[coding.bmi.weight_kg], np.nan, np.nan)]
    source = places[coding.columns[0]]
    if coding.column:
        return [_copy_step(source)]
    bounds = _level_bounds(protocol, coding)
    return [(Kind.INSIDE, source, -1, *bounds[level]) for level in coding.level_names if level != coding.reference]


def _level_bounds(protocol: Protocol, coding: Coding) -> dict[str, tuple[float, float]]:
    """Return the closed interval of recorded values that makes each level; a category's code is its position in the dictionary."""
    if coding.classes:
        return coding.classes.levels
    positions = codes_of(protocol, coding.columns[0])
    return {code: (float(positions.index(code)),) * 2 for code in coding.level_names}


def codes_of(protocol: Protocol, column: str) -> tuple[str, ...]:
    """Return the codes of a column of participants.csv in the dictionary's order; empty for a column of numbers."""
    spec = protocol.dictionary.column(PARTICIPANTS, column)
    return ("false", "true") if spec.type == "bool" else spec.codes or ()


def derive(export: Export, protocol: Protocol, analysis_seed: int = 0) -> Trial:
    """Return the analysis data set of an export.

    Parameters
    ----------
    export : Export
        As `read_export` gives it, participants in the order of their identifiers.
    protocol : Protocol
        The same that it was read with.
    analysis_seed : int
        The plan's seed for imputation draws; a simulated export carries its own analysis key, which then holds.

    Returns
    -------
    trial : Trial
        All randomised participants; every arm is -1 where the allocation was not given.
    """
    rows = np.empty((len(trial_rows(protocol)), len(export.participants)))
    build_rows(np.ascontiguousarray(export.recorded), recipes(protocol), rows)
    seed, replicate = export.analysis_key or (analysis_seed, 0)
    return make_trial(rows, export.arm, seed, replicate)
