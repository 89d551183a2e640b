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
