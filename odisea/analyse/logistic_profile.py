"""Profile likelihood of one coefficient of a logistic regression: interval and likelihood ratio test, plain or penalised.

The coefficient of the last column (the arm's) is held at a value, the others are at their maximum; the interval holds the
values whose log likelihood is within half a chi-square quantile of the greatest. Its limits are roots on the exact
profile, not interpolated. Where the plain likelihood still has not fallen far enough several standard errors out, the
data are nearly separated and hold no such limit (`REACH`).

The penalised likelihood is Firth's, log L + log|I| / 2 (Biometrika 1993;80:27), the information I being that of all
coefficients also where one is held (Heinze and Schemper, Stat Med 2002;21:2409). Specification: docs/statistics/responder.md
and docs/statistics/firth.md.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc, chdtri, expit

from odisea.data.trial import Floats

SCORE = 1e-10  # largest element of the score, in an orthonormal basis
MAX_ITERATIONS = 200
HALVINGS = 40
ROUNDING = 1e-13  # share of the objective that is rounding and no descent
WIDENINGS = 60
# How far a limit of the plain likelihood may lie from the estimate, in standard errors times the two-sided quantile of
# alpha / 4: R's `confint` looks no further (nine fifths of it). Beyond, a profile is next to flat, and a limit (an odds
# ratio of 1e9) would tell of one or two participants.
REACH = 1.8
FARTHEST = 5.0  # largest change of a linear predictor in one step
DECREMENT = 1e-20  # squared distance to the maximum in standard errors; what rounding leaves where the surface is flat
FLAT = 1e-15  # smallest curvature, as a share of the largest, that a step is divided by
SMALLEST = 1e-300
ROOT = 1e-12  # of the limits of an interval, on the scale of the log odds ratio


class Maximum(NamedTuple):
    """A maximum of the (penalised) likelihood.

    Parameters
    ----------
    coefficients : float64 (p,)
        Of the columns given.
    linear : float64 (n,)
        Linear predictor.
    objective : float
        The (penalised) log likelihood there.
    covariance : float64 (p, p)
        Inverse information about the coefficients; NaN unless converged.
    converged : bool
        Whether the (modified) score of the free coefficients vanishes.
    """

    coefficients: Floats
    linear: Floats
    objective: float
    covariance: Floats
    converged: bool


class Profile(NamedTuple):
    """What the profile likelihood says about the last column's coefficient.

    Parameters
    ----------
    low, high : float
        Limits of the interval; infinite where there is none (see `REACH` for the plain likelihood), NaN where a maximum on
        the way was not reached.
    chi2, p : float
        Likelihood ratio statistic of the coefficient 0 (one degree of freedom) and its p value.
    converged : bool
        Whether every maximum on the way was reached.
    """

    low: float
    high: float
    chi2: float
    p: float
    converged: bool


class _Point(NamedTuple):
    """The (penalised) log likelihood at one linear predictor, with its score and curvature in the basis."""

    objective: float
    score: Floats
    curvature: Floats  # minus the matrix of second derivatives


class _Likelihood:
    """The (penalised) log likelihood of outcomes in an orthonormal basis whose last row alone holds the last column's own part."""

    def __init__(self, columns: Floats, outcome: Floats, penalised: bool) -> None:
        self.basis, self.triangle = np.linalg.qr(columns)
        self.sign, self.penalised = 2.0 * outcome - 1.0, penalised
        # log|X'WX| is log|Q'WQ| and twice this
        self.shift = float(np.log(np.abs(np.diag(self.triangle))).sum()) if penalised else 0.0

    def objective(self, linear: Floats) -> float:
        """Return the (penalised) log likelihood; minus infinity where the information is singular."""
        value = -float(np.logaddexp(0.0, -self.sign * linear).sum())
        if not self.penalised:
            return value
        diagonal = np.abs(np.diag(self._weighted(linear)[1]))
        return value + float(np.log(diagonal).sum()) + self.shift if diagonal.all() else -np.inf

    def _weighted(self, linear: Floats) -> tuple[Floats, Floats]:
        """Return orthonormal columns and triangle of W^(1/2) Q, so that rounding grows with the root of the condition only."""
        weighted, triangle = np.linalg.qr(self.basis * np.sqrt(expit(linear) * expit(-linear))[:, None])
        return weighted, triangle

    def covariance(self, linear: Floats) -> Floats:
        """Return the inverse information about the coefficients."""
        root: Floats = np.linalg.inv(self._weighted(linear)[1] @ self.triangle)
        return root @ root.T

    def at(self, linear: Floats) -> _Point:
        """Return objective, score and curvature.

        With h the leverages, P the weighted projection and t = 1 - 2 risk the penalty has the score Q'(h t / 2) and the
        second derivatives Q'(diag(h t^2 - 2 w h) - (P o P) diag(t) scaled by t) Q / 2, o multiplying element by element.
        """
        weighted, _ = self._weighted(linear)
        weights, tilt = expit(linear) * expit(-linear), -np.tanh(0.5 * linear)
        residual = self.sign * expit(-self.sign * linear)
        curvature = (self.basis * weights[:, None]).T @ self.basis
        if self.penalised:
            projection = weighted @ weighted.T
            leverage = np.diag(projection)
            residual = residual + 0.5 * leverage * tilt
            inner = tilt[:, None] * np.square(projection) * tilt
            own = leverage * (np.square(tilt) - 2.0 * weights)
            curvature = curvature - 0.5 * ((self.basis * own[:, None]).T @ self.basis - self.basis.T @ inner @ self.basis)
        return _Point(self.objective(linear), self.basis.T @ residual, curvature)


def maximise(columns: Floats, outcome: Floats, penalised: bool, held: float | None = None, start: Floats | None = None) -> Maximum:
    """Return the maximum of the (penalised) log likelihood, the last column's coefficient free or held at a value.

    Newton's method with step halving.

    Parameters
    ----------
    columns : float64 (n, p)
        The design, of full rank, the intercept among it.
    outcome : float64 (n,)
        0 or 1. For the plain likelihood not separated by the columns that are free.
    penalised : bool
        Firth's penalised likelihood.
    held : float, optional
        Value of the last coefficient.
    start : float64 (p,), optional
        Coefficients to start from; 0 unless given.
    """
    likelihood, p = _Likelihood(columns, outcome, penalised), columns.shape[1]
    coefficients = np.zeros(p) if start is None else start.copy()
    if held is not None:
        coefficients[-1] = held
    coordinates = likelihood.triangle @ coefficients
    coordinates, converged = _climb(likelihood, coordinates, p if held is None else p - 1)
    linear = likelihood.basis @ coordinates
    to_coefficients = np.linalg.inv(likelihood.triangle)
    covariance = likelihood.covariance(linear) if converged else np.full((p, p), np.nan)
    return Maximum(to_coefficients @ coordinates, linear, likelihood.objective(linear), covariance, converged)


def _climb(likelihood: _Likelihood, coordinates: Floats, free: int) -> tuple[Floats, bool]:
    """Return the coordinates at the maximum over the first `free` of them, and whether the score vanishes there.

    Holding the last coefficient means holding the last coordinate: the basis is orthonormal in the columns' order.
    """
    coordinates = coordinates.copy()
    for _ in range(MAX_ITERATIONS):
        linear = likelihood.basis @ coordinates
        here = likelihood.at(linear)
        score = here.score[:free]
        step = _ascent(here.curvature[:free, :free], score)
        if float(np.max(np.abs(score), initial=0.0)) < SCORE or float(score @ step) < DECREMENT:
            return coordinates, True
        share = _share(likelihood, linear, likelihood.basis[:, :free] @ step, here.objective)
        coordinates[:free] += share * step
    return coordinates, False


def _ascent(curvature: Floats, score: Floats) -> Floats:
    """Return Newton's step; where the surface curves upwards, that of the curvature turned round, which ascends as well."""
    values, vectors = np.linalg.eigh(curvature)
    size = np.abs(values)
    step: Floats = vectors @ (vectors.T @ score / np.maximum(size, FLAT * np.max(size, initial=0.0) + SMALLEST))
    return step


def _share(likelihood: _Likelihood, linear: Floats, change: Floats, value: float) -> float:
    """Return the largest of 1, 1/2, 1/4, ... for which that share of a bounded change does not lower the objective."""
    share = min(1.0, FARTHEST / max(float(np.max(np.abs(change))), SMALLEST))
    for _ in range(HALVINGS):
        if likelihood.objective(linear + share * change) >= value - ROUNDING * abs(value):
            break
        share *= 0.5
    return share


def profile(columns: Floats, outcome: Floats, penalised: bool, best: Maximum, alpha: float) -> Profile:
    """Return interval and likelihood ratio test of the last column's coefficient.

    Parameters
    ----------
    columns, outcome, penalised
        As for `maximise`.
    best : Maximum
        The maximum with every coefficient free.
    alpha : float
        The interval's coverage is 1 - alpha.
    """
    null = maximise(columns, outcome, penalised, 0.0, best.coefficients)
    chi2 = max(2.0 * (best.objective - null.objective), 0.0)
    low, low_found = _limit(columns, outcome, penalised, best, alpha, -1.0)
    high, high_found = _limit(columns, outcome, penalised, best, alpha, 1.0)
    low, high = low if low_found else np.nan, high if high_found else np.nan
    chi2 = chi2 if null.converged else np.nan
    return Profile(low, high, chi2, float(chdtrc(1.0, chi2)), null.converged and low_found and high_found)


def _limit(columns: Floats, outcome: Floats, penalised: bool, best: Maximum, alpha: float, side: float) -> tuple[float, bool]:
    """Return one limit, below (side -1) or above (+1) the estimate, and whether every maximum was reached."""
    from scipy.optimize import brentq

    quantile, centre, found = float(chdtri(1.0, alpha)), float(best.coefficients[-1]), [True]
    warm = [best.coefficients]

    def excess(value: float) -> float:
        there = maximise(columns, outcome, penalised, value, warm[0])
        warm[0], found[0] = there.coefficients, found[0] and there.converged
        return 2.0 * (best.objective - there.objective) - quantile

    spread = float(np.sqrt(best.covariance[-1, -1]))
    width, end = np.sqrt(quantile) * spread, np.inf if penalised else REACH * np.sqrt(float(chdtri(1.0, alpha / 4.0))) * spread
    inner = outer = 0.0
    for _ in range(WIDENINGS):
        inner, outer = outer, min(outer + width, end)
        if not excess(centre + side * outer) < 0.0:
            ends = (centre + side * inner, centre + side * outer)
            return float(brentq(excess, *ends, xtol=ROOT, rtol=4.0 * np.finfo(float).eps)), found[0]
        if outer == end:
            break
    return side * np.inf, found[0]
