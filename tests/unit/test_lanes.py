"""Vector sums against their definition, element by element and bit by bit, and against exactly rounded sums."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from odisea.compiled import compiled
from odisea.lanes import LANES, ROWS, add_combination, four_sums, largest, sum_of_products

Floats = NDArray[np.float64]
SIZES = [*range(2 * LANES + 2), 63, 64, 65, 200]


@compiled
def one(a: Floats, b: Floats, n: int) -> float:
    return float(sum_of_products(a, b, n))


@compiled
def four(rows: Floats, first: int, vector: Floats, n: int) -> tuple[float, float, float, float]:
    a, b, c, d = four_sums(rows, first, vector, n)
    return a, b, c, d


@compiled
def combine(out: Floats, coefficients: Floats, rows: Floats) -> None:
    add_combination(out, coefficients, rows)


@compiled
def farthest(row: Floats) -> float:
    return float(largest(row))


def in_lanes(a: Floats, b: Floats) -> float:
    """Element i to partial sum i modulo 8, then upper half to lower half."""
    partial = np.zeros(LANES)
    for i, product in enumerate(a * b):
        partial[i % LANES] += product
    while partial.size > 1:
        half = partial.size // 2
        partial = partial[:half] + partial[half:]
    return float(partial[0])


@pytest.mark.parametrize("n", SIZES)
def test_sums_have_the_stated_order_and_read_nothing_beyond_the_end(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.standard_normal(n + 9), rng.standard_normal(n + 9)
    a[n:] = np.nan
    assert one(a, b, n) == in_lanes(a[:n], b[:n])
    exact = math.fsum(x * y for x, y in zip(a[:n].tolist(), b[:n].tolist(), strict=True))
    # Each of at most n/8 + 4 roundings on the way of an element is half a unit in the last place of a partial sum.
    assert abs(one(a, b, n) - exact) <= (n / LANES + 5) * 2.0**-53 * float(np.abs(a[:n] * b[:n]).sum())


@pytest.mark.parametrize("n", SIZES)
def test_four_rows_at_once_give_the_bits_of_one_at_a_time(n: int) -> None:
    rng = np.random.default_rng(n)
    rows, vector = rng.standard_normal((ROWS + 3, n)), rng.standard_normal(n)
    for first in (0, 3):
        assert four(rows, first, vector, n) == tuple(one(row, vector, n) for row in rows[first : first + ROWS])


@pytest.mark.parametrize("n", SIZES)
def test_a_combination_adds_row_by_row_and_writes_nothing_beyond_the_end(n: int) -> None:
    rng = np.random.default_rng(n)
    rows, coefficients, out = rng.standard_normal((5, n)), rng.standard_normal(5), rng.standard_normal(n + 9)
    expected = out.copy()
    for coefficient, row in zip(coefficients, rows, strict=True):
        expected[:n] += coefficient * row
    combine(out[:n], coefficients, rows)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("n", SIZES)
def test_the_largest_absolute_element_is_found_wherever_it_is_and_nan_stays(n: int) -> None:
    row = np.random.default_rng(n).standard_normal(n)
    assert farthest(row) == np.abs(row).max(initial=0.0)
    for i in range(n):
        marked = row.copy()
        marked[i] = -9.0
        assert farthest(marked) == 9.0
        marked[i] = np.nan
        assert np.isnan(farthest(marked))
