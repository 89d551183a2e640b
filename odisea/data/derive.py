"""From what was recorded to the rows that analyses read.

The recorded matrix has one row per recorded column (`recorded_columns`) and one column per participant; `recipes` says how
each analysis row (`trial_rows`) is made of it and `build_rows` makes them. The simulator calls the same `build_rows` on
the matrix that it holds in memory, so that a trial in memory and the same trial read from files are equal bit by bit.

A missing baseline value never costs a participant: `fill_baseline` puts the mean of all randomised in its place, without
looking at the arm (White and Thompson, Stat Med 2005;24:993). A variable with levels gets a category of its own for them,
or, where that would have fewer than ten people and a model could not tell it from chance, the mean of its level columns. What
follows the baseline stays missing.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled
from odisea.data.contract import PARTICIPANT
from odisea.data.export import Export
from odisea.data.trial import Trial, make_trial
from odisea.protocol.model import Protocol
from odisea.protocol.plan import MISSING_LEVEL, Coding, RecordCount

PARTICIPANTS = "participants.csv"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Kind(IntEnum):
    """How one analysis row is made."""

    COPY = 0
    BMI = 1
    INSIDE = 2
    ABSENT = 3


class Fill(IntEnum):
    """What stands in place of a missing value."""

    NOTHING = 0
    MEAN = 1
    LEVEL = 2  # of a category: 0 beside a category of the missing, else the mean


SMALLEST_CATEGORY = 10  # missing of a categorical variable from which on they are a category of their own


class Recipes(NamedTuple):
    """One recipe per analysis row, as plain arrays of the shape (n_rows,); made by `recipes`.

    Parameters
    ----------
    kind : int64
        A `Kind`: a copy of a recorded row; weight in kg over squared height in m; 1 inside a closed interval, else 0; 1 where
        the recorded value is missing, else 0.
    source, second : int64
        Recorded rows: the row itself, or height (cm) and weight (kg). `second` is -1 where there is none.
    low, high : float64
        Bounds of the interval of an indicator, both inclusive; NaN for the other kinds.
    fill : int64
        A `Fill`: the mean for what is known at baseline as a number, for the levels of a category the mean or 0, nothing for
        what follows.
    """

    kind: Ints
    source: Ints
    second: Ints
    low: Floats
    high: Floats
    fill: Ints


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
def _absent(source: Floats, out: Floats) -> None:
    for i in range(out.shape[0]):
        out[i] = 1.0 if np.isnan(source[i]) else 0.0


@compiled
def _known(row: Floats) -> tuple[int, float]:
    """Return how many values are there, and their mean (0 where there is none)."""
    total, known = 0.0, 0
    for i in range(row.size):
        if not np.isnan(row[i]):
            total += row[i]
            known += 1
    return known, total / max(known, 1)


@compiled
def _replace_missing(row: Floats, value: float) -> None:
    for i in range(row.size):
        if np.isnan(row[i]):
            row[i] = value


@compiled
def fill_baseline(recipes: Recipes, rows: Floats) -> None:
    """Put the mean of those who have a value, or 0, in place of missing baseline values; the arms are not known here.

    The row of a category of the missing becomes 0 where they are too few for one. A row in which nobody has a value stays
    missing, and the analyses that need it refuse.
    """
    for place in range(recipes.fill.shape[0]):
        row = rows[place]
        if recipes.fill[place] != Fill.NOTHING:
            known, mean = _known(row)
            own_category = recipes.fill[place] == Fill.LEVEL and row.size - known >= SMALLEST_CATEGORY
            if 0 < known < row.size:
                _replace_missing(row, 0.0 if own_category else mean)
        elif recipes.kind[place] == Kind.ABSENT and row.sum() < SMALLEST_CATEGORY:
            row[:] = 0.0


@compiled
def make_rows(recorded: Floats, recipes: Recipes, out: Floats) -> None:
    """Make every analysis row as recorded: nothing is allocated and a missing value stays missing.

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
        elif recipes.kind[row] == Kind.ABSENT:
            _absent(source, out[row])
        else:
            _copy(source, out[row])


@compiled
def build_rows(recorded: Floats, recipes: Recipes, out: Floats) -> None:
    """Make every analysis row and fill in missing baseline values; takes what `make_rows` takes."""
    make_rows(recorded, recipes, out)
    fill_baseline(recipes, out)


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
    """Return the names of the rows that `build_rows` makes, the first of `Trial.values`.

    Per coding in order: NAME where continuous, else NAME=LEVEL for each level but the reference and NAME=missing; then every
    OUTCOME@VISIT. `count_rows` follow them in a trial that was read.
    """
    return (*(row for name, coding in protocol.analysis.coding.items() for row in coding_rows(name, coding)), *outcome_rows(protocol))


def count_rows(protocol: Protocol) -> tuple[str, ...]:
    """Return the names of the counts of records, which come after `trial_rows`."""
    return tuple(protocol.analysis.counts)


def coding_rows(name: str, coding: Coding) -> tuple[str, ...]:
    """Return the names of the rows that one coding makes."""
    if coding.kind == "continuous":
        return (name,)
    return (*(f"{name}={level}" for level in coding.level_names if level != coding.reference), f"{name}={MISSING_LEVEL}")


def recipes(protocol: Protocol) -> Recipes:
    """Return how each row of `trial_rows` is made of the rows of `recorded_columns`."""
    places = {name: row for row, name in enumerate(recorded_columns(protocol))}
    steps = [step for coding in protocol.analysis.coding.values() for step in _coding_steps(protocol, coding, places)]
    baseline = {outcome_at(name, outcome.baseline) for name, outcome in protocol.outcomes.items() if outcome.baseline}
    steps += [_copy_step(places[name], Fill.MEAN if name in baseline else Fill.NOTHING) for name in outcome_rows(protocol)]
    kind, source, second, low, high, fill = (np.array(column) for column in zip(*steps, strict=True))
    whole, real = np.int64, np.float64
    return Recipes(kind.astype(whole), source.astype(whole), second.astype(whole), low.astype(real), high.astype(real), fill.astype(whole))


Step = tuple[int, int, int, float, float, int]


def _copy_step(source: int, fill: Fill) -> Step:
    return (Kind.COPY, source, -1, np.nan, np.nan, fill)


def _coding_steps(protocol: Protocol, coding: Coding, places: dict[str, int]) -> list[Step]:
    """Return the steps of one coding in the order of `coding_rows`."""
    if coding.bmi:
        return [(Kind.BMI, places[coding.bmi.height_cm], places[coding.bmi.weight_kg], np.nan, np.nan, Fill.MEAN)]
    source = places[coding.columns[0]]
    if coding.column:
        return [_copy_step(source, Fill.MEAN)]
    bounds = _level_bounds(protocol, coding)
    levels = [(Kind.INSIDE, source, -1, *bounds[level], Fill.LEVEL) for level in coding.level_names if level != coding.reference]
    return [*levels, (Kind.ABSENT, source, -1, np.nan, np.nan, Fill.NOTHING)]


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
    """Return the analysis data set of an export: `trial_rows` with missing baseline values filled in, then `count_rows`.

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
    counts = [record_counts(export, protocol, count) for count in protocol.analysis.counts.values()]
    return make_trial(np.vstack([rows, *counts]), export.arm, seed, replicate)


def recorded_rows(export: Export, protocol: Protocol) -> Floats:
    """Return the rows of `trial_rows` as recorded: what is missing is missing."""
    rows = np.empty((len(trial_rows(protocol)), len(export.participants)))
    make_rows(np.ascontiguousarray(export.recorded), recipes(protocol), rows)
    return rows


def filled_values(export: Export, protocol: Protocol) -> dict[str, Mask]:
    """Return by variable (coding or OUTCOME@VISIT) whose missing baseline value `derive` fills in; only variables with any.

    Each array has the shape (n_participants,).
    """
    rows, names, how = recorded_rows(export, protocol), trial_rows(protocol), recipes(protocol)
    found: dict[str, Mask] = {}
    for name, row, kind, fill in zip(names, rows, how.kind, how.fill, strict=True):
        missing = row == 1.0 if kind == Kind.ABSENT else np.isnan(row) & (fill == Fill.MEAN)
        if missing.any() and not missing.all():
            found[name.partition("=")[0]] = missing
    return found


def record_counts(export: Export, protocol: Protocol, count: RecordCount) -> Floats:
    """Return how many records of a kind each participant has, shape (n,); NaN in an arm whose participants have none.

    A participant of an arm with records and without a single one has 0. Where nobody's arm is known all are missing.
    """
    table, spec = export.tables.get(count.file), protocol.dictionary.files[count.file]
    arms = [index for index, arm in enumerate(protocol.arm_ids) if spec.arms is None or arm in spec.arms]
    out = np.where(np.isin(export.arm, arms) & (table is not None), 0.0, np.nan)
    places = {who: place for place, who in enumerate(export.participants)}
    for record in table.records() if table else ():
        who = str(record[PARTICIPANT])
        if who in places and (count.column is None or record[count.column] == count.equals):
            out[places[who]] += 1.0
    return out
