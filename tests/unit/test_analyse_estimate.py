"""Intervals and p values against independent formulas."""

import numpy as np
import pytest
from scipy import stats

from odisea.analyse.estimate import finish

STATISTICS = np.array([0.0, 1e-8, 1e-4, 0.3, 1.0, 1.96, 5.0, 20.0, 1e3, 1e6])


def test_p_values_have_twelve_digits_where_the_distribution_is_elementary() -> None:
    """One degree of freedom: (2 / pi) arctan(1 / t); two: 1 - t / sqrt(2 + t^2), written without cancellation."""
    root = np.sqrt(2.0 + STATISTICS**2)
    for df, exact in ((1.0, 2.0 / np.pi * np.arctan2(1.0, STATISTICS)), (2.0, 2.0 / (root * (root + STATISTICS)))):
        for sign in (1.0, -1.0):
            np.testing.assert_allclose(finish(sign * STATISTICS, 1.0, df, 0.05)[2], exact, rtol=3e-12)


@pytest.mark.parametrize("df", [3.7, 66.3, 191.0, 1e4])
def test_p_values_agree_with_scipys_distribution(df: float) -> None:
    t = np.array([0.0, 0.3, 1.96, 5.0, 20.0])
    np.testing.assert_allclose(finish(t, 1.0, df, 0.05)[2], 2.0 * stats.t.sf(t, df), rtol=1e-11)


def test_infinite_degrees_of_freedom_are_the_normal_distribution() -> None:
    low, high, p = finish(np.array([1.0, -30.0]), 1.0, np.inf, 0.05)
    np.testing.assert_allclose(p, 2.0 * stats.norm.sf([1.0, 30.0]), rtol=1e-12)
    np.testing.assert_allclose(high - low, 2.0 * 1.959963984540054, rtol=1e-14)


@pytest.mark.parametrize(("df", "alpha"), [(2.0, 0.05), (58.4, 0.05), (191.0, 0.01), (166.9, 0.1), (np.inf, 0.05)])
def test_the_interval_ends_where_the_p_value_is_alpha(df: float, alpha: float) -> None:
    low, high, _ = finish(3.0, 2.0, df, alpha)
    for limit in (low, high):
        assert finish(3.0 - limit, 2.0, df, alpha)[2] == pytest.approx(alpha, rel=1e-11)
    assert low < 3.0 < high


def test_published_quantile() -> None:
    """t with 167.03 degrees of freedom, as rbmi prints the interval of visit 4 of its teaching data."""
    low, high, _ = finish(0.0, 1.0, 169 * 170 / 172, 0.05)
    assert (high - low) / 2.0 == pytest.approx(1.974267948, abs=1e-9)


def test_what_does_not_exist_stays_so_and_shapes_are_kept() -> None:
    low, high, p = finish(np.array([[1.0, np.nan], [2.0, 1.0]]), np.array([1.0, 1.0]), np.array([[5.0, 5.0], [np.inf, np.nan]]), 0.05)
    for column in (low, high, p):
        assert column.shape == (2, 2)
        assert np.isfinite(column).tolist() == [[True, False], [True, False]]
