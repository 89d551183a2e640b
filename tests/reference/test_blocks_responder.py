"""How far R's conventions, which the responder blocks follow, lie from what the package itself reports."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

from odisea.analyse.logistic_profile import maximise, profile
from odisea.analyse.proportions import Counts, compare_proportions
from odisea.analyse.separation import separates
from tests.reference import blocks_responder as blocks
from tests.reference import oracle

CASES = sorted((Path(__file__).parent / "cases").iterdir())


@pytest.mark.parametrize("folder", CASES, ids=lambda case: case.name)
def test_conventions_differ_little_from_what_is_reported(folder: Path) -> None:
    """Covariances by 1e-5 at most, limits of the profile by 3e-3 on the log odds (5e-4 but for tiny arms), odds ratios by 1e-3."""
    at = blocks.setting(oracle.read_case(folder), 0)
    treated = at.columns[:, -1] == 1.0
    counts = Counts(int(at.outcome[treated].sum()), int(treated.sum()), int(at.outcome[~treated].sum()), int((~treated).sum()))
    found = compare_proportions(counts, oracle.ALPHA)
    assert blocks.coarse_odds_ratio(counts) == pytest.approx(found.fisher_odds_ratio, rel=1e-3)
    if separates(at.columns, at.outcome):
        return
    best = maximise(at.columns, at.outcome, False)
    assert np.diag(blocks.glm_covariance(at.columns, at.outcome)) == pytest.approx(np.diag(best.covariance), rel=1e-5)
    exact = profile(at.columns, at.outcome, False, best, oracle.ALPHA)
    theirs = blocks.interpolated_interval(at.columns, at.outcome, best, math.sqrt(best.covariance[-1, -1]))
    tolerance = 3e-3 if at.outcome.size < 30 else 5e-4
    for mine, interpolated in zip((exact.low, exact.high), theirs, strict=True):
        assert np.isfinite(mine) == np.isfinite(interpolated)
        if np.isfinite(mine):
            assert mine == pytest.approx(interpolated, abs=tolerance)


def test_the_reference_has_no_limit_where_ours_has_none() -> None:
    """Nine in each arm: the upper limit would be an odds ratio of 1e9."""
    folder = next(case for case in CASES if case.name == "tiny_arms")
    at = blocks.setting(oracle.read_case(folder), 0)
    exact = profile(at.columns, at.outcome, False, maximise(at.columns, at.outcome, False), oracle.ALPHA)
    assert exact.high == math.inf
    assert exact.converged
    best = maximise(at.columns, at.outcome, False)
    errors = np.sqrt(np.diag(blocks.glm_covariance(at.columns, at.outcome)))
    low, high = blocks.interpolated_interval(at.columns, at.outcome, best, errors[-1])
    assert low == pytest.approx(0.64815819663937, rel=1e-7)  # R's figures: this, and NA
    assert math.isnan(high)


def test_the_conventions_are_built_right() -> None:
    """The spline gives back a cubic, and anything at its knots; the root search ends within its tolerance."""
    x = np.array([0.0, 0.7, 1.1, 2.0, 3.5, 3.9])
    at = np.linspace(0.0, 3.9, 23)
    np.testing.assert_allclose(blocks.forsythe_spline(x, x**3 - 2.0 * x, at), at**3 - 2.0 * at, atol=1e-12)
    np.testing.assert_allclose(blocks.forsythe_spline(x, np.sin(x), x), np.sin(x), atol=1e-14)
    np.testing.assert_allclose(blocks.forsythe_spline(x, np.sin(x), at), CubicSpline(x, np.sin(x))(at), atol=0.05)
    for tolerance in (1e-4, 1e-12):
        root = blocks.brent_root(lambda value: math.cos(value) - value, 0.0, 1.0, tolerance)
        assert root == pytest.approx(brentq(lambda value: math.cos(value) - value, 0.0, 1.0, xtol=1e-14), abs=tolerance)
