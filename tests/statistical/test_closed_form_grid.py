"""Ten thousand plausible designs: every power finite, monotone, and equal to another algorithm's within that algorithm's error bound.

The closed forms integrate over the estimated residual SD and the covariates' chance imbalance by quadrature. Here the same
powers come from the noncentral F distribution as a series: the two-sided t test rejects when F' > c^2 with noncentrality
lambda B, and with B ~ Beta(a, b) the Poisson weights average to

    w_j = (lambda/2)^j / j! (a)_j / (a + b)_j exp(-lambda/2) 1F1(b; a + b + j; lambda/2),

all positive. No quadrature, no root finder, no noncentral distribution of scipy. What is cut off is at most a Poisson tail,
because B <= 1; floating point adds at most the unit roundoff times the size of the logarithms that were exponentiated.
"""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from odisea.closed_form import UNADJUSTED, Adjustment, ancova_power, t_power, z_n_per_arm, z_power

Floats = NDArray[np.float64]

D = np.array([0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 1.0])  # Cohen's d
N = np.array([6, 8, 10, 12, 15, 20, 25, 30, 40, 45, 50, 60, 64, 70, 80, 90, 100, 120, 150, 200], dtype=float)  # per arm
ALPHA = np.array([0.001, 0.01, 0.025, 0.05, 0.1, 0.2])
ADJUSTMENTS = (
    UNADJUSTED,
    Adjustment(0.0, 4),
    Adjustment(0.09, 1),
    Adjustment(0.25, 1),
    Adjustment(0.49, 1),
    Adjustment(0.3, 5),
)
Z_DESIGNS = D.size * N.size * ALPHA.size
N_DESIGNS = Z_DESIGNS * (len(ADJUSTMENTS) + 1)
# Boost's and xsf's incomplete beta, gamma and hypergeometric functions document relative errors of at most some hundred roundoffs.
LIBRARY_ROUNDOFFS = 1000.0
ROUNDOFF = float(np.finfo(float).eps)
QUADRATURE = 2e-12  # what docs/statistics/closed_forms.md states for the package's own integrals
CUT = 1e-14  # Poisson tail that a series leaves out


class Series(NamedTuple):
    """A power by series, and a bound on its error."""

    power: Floats
    bound: Floats


def axes() -> tuple[Floats, Floats, Floats]:
    return D[:, None, None], N[None, :, None], ALPHA[None, None, :]


def weights(half: float, a: float, b: float) -> tuple[Floats, float]:
    """Return the averaged Poisson weights and the largest logarithm behind them; `half` is lambda / 2."""
    j = np.arange(float(special.pdtrik(1 - CUT, half)) + 2 if half > 0 else 1)
    logs = special.xlogy(j, half) - special.gammaln(j + 1) - half
    size = float(np.abs(special.xlogy(j, half)).max() + special.gammaln(j + 1).max() + half)
    if b == 0:
        return np.exp(logs), size
    shrink = special.gammaln(a + j) - special.gammaln(a) - special.gammaln(a + b + j) + special.gammaln(a + b)
    size += float(4 * np.abs(special.gammaln(a + b + j)).max())
    return np.exp(logs + shrink) * special.hyp1f1(b, a + b + j, half), size


def by_series(adjustment: Adjustment | None) -> Series:
    """Return the power on the grid; None: the z test, whose square is noncentral chi-squared."""
    power, bound = np.empty((2, D.size, N.size, ALPHA.size))
    r2, p = (0.0, 0) if adjustment is None else (float(adjustment.r_squared), adjustment.n_covariates)
    for (i, d), (k, n) in ((x, y) for x in enumerate(D) for y in enumerate(N)):
        df = 2 * n - 2 - p
        w, size = weights(d**2 * n / 4 / (1 - r2), (2 * n - p - 1) / 2, p / 2)
        j = np.arange(w.size)[:, None]
        if adjustment is None:
            tails = special.gammaincc(0.5 + j, special.ndtri(ALPHA / 2) ** 2 / 2)
        else:
            critical = special.stdtrit(df, ALPHA / 2) ** 2
            tails = special.betainc(df / 2, 0.5 + j, df / (df + critical))
        power[i, k] = w @ tails
        bound[i, k] = CUT + ROUNDOFF * (size + LIBRARY_ROUNDOFFS)
    return Series(power, bound)


def test_the_grid_holds_ten_thousand_designs() -> None:
    assert N_DESIGNS >= 10_000


@pytest.mark.parametrize("adjustment", ADJUSTMENTS, ids=lambda a: f"R2={a.r_squared}-p={a.n_covariates}")
def test_t_and_ancova_powers(adjustment: Adjustment) -> None:
    d, n, alpha = axes()
    power = ancova_power(d, 1.0, n, alpha, adjustment)
    check_shape(power)
    other = by_series(adjustment)
    assert np.all(np.abs(power - other.power) <= other.bound + QUADRATURE)


def test_z_powers() -> None:
    d, n, alpha = axes()
    power = z_power(d, 1.0, n, alpha)
    check_shape(power)
    other = by_series(None)
    assert np.all(np.abs(power - other.power) <= other.bound + ROUNDOFF * LIBRARY_ROUNDOFFS)
    assert np.all(power >= t_power(d, 1.0, n, alpha) - 1e-15)  # to know the SD never hurts


def check_shape(power: Floats) -> None:
    """Finite, a probability, and not falling along effect, number and level (to the roundoff of sums of positive terms)."""
    assert power.shape == (D.size, N.size, ALPHA.size)
    assert np.all(np.isfinite(power) & (power >= 0) & (power <= 1))
    for axis in range(3):
        assert np.all(np.diff(power, axis=axis) >= -ROUNDOFF * LIBRARY_ROUNDOFFS)


def test_the_z_number_gives_the_power_it_was_made_for() -> None:
    """Exactly, but for the rejections in the wrong direction, which the number neglects and the power counts."""
    for target in (0.5, 0.8, 0.9):
        for d, alpha in ((d, alpha) for d in D for alpha in ALPHA if alpha < target):
            n = z_n_per_arm(d, 1.0, target, alpha)
            wrong = float(special.ndtr(special.ndtri(alpha / 2) - d * np.sqrt(n / 2)))
            if n >= 1:
                assert float(z_power(d, 1.0, n, alpha)) == pytest.approx(target + wrong, abs=1e-12)


def test_ancova_powers_agree_with_fitted_analyses() -> None:
    """Simulated data, the model fitted: within the Monte Carlo error of the share of rejections, for a handful of the designs."""
    designs = ((0.5, 60, 0.25, 1), (0.4, 40, 0.3, 5), (0.8, 12, 0.49, 1))
    generator, draws = np.random.default_rng(20_261_125), 20_000
    for d, n, r2, p in designs:
        rejected = np.mean([_rejects(generator, d, n, r2, p) for _ in range(draws // 2000)])
        power = float(ancova_power(d, 1.0, n, 0.05, Adjustment(r2, p)))
        # 4 standard errors: with three designs a false alarm once in 5,000 seeds; the seed is fixed.
        assert rejected == pytest.approx(power, abs=4 * np.sqrt(power * (1 - power) / draws))


def _rejects(generator: np.random.Generator, d: float, n: int, r2: float, p: int) -> float:
    """Return the share of 2,000 simulated trials whose arm coefficient is significant at 0.05."""
    x = generator.standard_normal((2000, 2 * n, p))
    arm = np.repeat([0.0, 1.0], n)
    y = d * arm + x.sum(axis=2) * np.sqrt(r2 / p) + np.sqrt(1 - r2) * generator.standard_normal((2000, 2 * n))
    model = np.concatenate([np.broadcast_to(np.stack([np.ones(2 * n), arm], axis=1), (2000, 2 * n, 2)), x], axis=2)
    inverse = np.linalg.inv(model.transpose(0, 2, 1) @ model)
    beta = (inverse @ (model.transpose(0, 2, 1) @ y[:, :, None]))[:, :, 0]
    df = 2 * n - 2 - p
    variance = ((y - (model @ beta[:, :, None])[:, :, 0]) ** 2).sum(axis=1) / df
    statistic = beta[:, 1] / np.sqrt(variance * inverse[:, 1, 1])
    return float(np.mean(np.abs(statistic) > -special.stdtrit(df, 0.025)))
