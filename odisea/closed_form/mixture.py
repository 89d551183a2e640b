"""Tail probabilities of the noncentral t and F distributions as means of simpler tails over a mixing distribution.

    T | S, B ~ (Z + sqrt(lambda B)) / S,   Z ~ N(0, 1),   df S^2 ~ chi2(df),   B ~ Beta(a, p / 2),

so P(T > t) is the mean of the normal tail Phi(sqrt(lambda B) - t S). Quadrature with positive weights that sum to one
keeps it finite, inside [0, 1] and monotone in the noncentrality whatever the arguments; `scipy.stats.nct` returns NaN at
ordinary ones. Derivations: docs/statistics/closed_forms.md.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from odisea.closed_form.arguments import Floats, at_least, finite, probability

TAIL = 1e-17  # probability outside the range of a quadrature, on either side
SMALL_DF = 20.0  # below, the density of log S has a long left tail and needs the finer grid
SCALE_NODES = 64
SCALE_NODES_SMALL_DF = 1024
IMBALANCE_NODES = 48
ROWS_AT_ONCE = 4096  # bounds the memory of a vectorised call


def noncentral_t_upper(t: ArrayLike, df: ArrayLike, nc: ArrayLike) -> Floats:
    """Return P(T > t) for noncentral t with `df` degrees of freedom and noncentrality `nc`.

    Parameters
    ----------
    t, nc : float or arrays that broadcast
        Any finite numbers.
    df : float or array
        At least 1, whole or not.

    Raises
    ------
    ValueError
        An argument is not finite or `df` is below 1.

    Examples
    --------
    >>> round(float(noncentral_t_upper(1.972, 197, 10)), 6)
    1.0
    """
    return t_tail(finite("t", t), at_least("df", df, 1.0), finite("nc", nc), both=False)[()]


def critical_t(alpha: ArrayLike, sides: int) -> Callable[[Floats], Floats]:
    """Return the critical value of a t test with one or two sides as a function of the degrees of freedom."""
    if sides not in (1, 2):
        raise ValueError(f"sides is {sides!r}; a test has 1 or 2")
    level = probability("alpha", alpha) / sides
    return lambda df: np.asarray(-special.stdtrit(df, level))


def t_tail(t: Floats, df: Floats, nc: Floats, *, both: bool) -> Floats:
    """Return P(T > t), or P(T > t) + P(T < -t) where both tails count, for noncentral t; the arguments broadcast."""
    shape = np.broadcast_shapes(t.shape, df.shape, nc.shape)
    flat = [np.broadcast_to(argument, shape).ravel() for argument in (t, df, nc)]
    out = np.empty(flat[0].size)
    for small in (True, False):
        rows = np.flatnonzero((flat[1] < SMALL_DF) == small)
        for start in range(0, rows.size, ROWS_AT_ONCE):
            part = rows[start : start + ROWS_AT_ONCE]
            out[part] = _tail_rows(*(argument[part, None] for argument in flat), both=both)
    return np.asarray(np.clip(out, 0.0, 1.0)).reshape(shape)


def _tail_rows(t: Floats, df: Floats, nc: Floats, *, both: bool) -> Floats:
    scale, weight = _scale_nodes(df, SCALE_NODES_SMALL_DF if df.min() < SMALL_DF else SCALE_NODES)
    upper = np.sum(weight * special.ndtr(nc - t * scale), axis=1)
    lower = np.sum(weight * special.ndtr(-nc - t * scale), axis=1) if both else 0.0
    return np.asarray(upper + lower)


def _scale_nodes(df: Floats, n_nodes: int) -> tuple[Floats, Floats]:
    """Return nodes and weights (n, n_nodes) of S = sqrt(chi2(df) / df): the trapezoidal rule in log S.

    There density and integrand are analytic and die out at both ends, so the rule converges geometrically
    (Trefethen and Weideman 2014). expm1 keeps the exponent free of cancellation for large df.
    """
    half = df / 2
    low, high = (np.log(quantile(half, TAIL) / half) / 2 for quantile in (special.gammaincinv, special.gammainccinv))
    log_scale = low + (high - low) * np.linspace(0.0, 1.0, n_nodes)
    log_density = df * (log_scale - np.expm1(2 * log_scale) / 2)
    weight = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    return np.exp(log_scale), weight / weight.sum(axis=1, keepdims=True)


def beta_nodes(a: ArrayLike, b: float) -> tuple[Floats, Floats]:
    """Return nodes and weights (..., IMBALANCE_NODES) of Beta(a, b): Gauss-Legendre in the angle whose squared cosine it is.

    In the angle the density, cos^(2a-1) sin^(2b-1), is smooth also where Beta(a, 1/2) has a pole.
    """
    first = np.asarray(a, dtype=np.float64)[..., None]
    low, high = (np.arcsin(np.sqrt(quantile(b, first, TAIL))) for quantile in (special.betaincinv, special.betainccinv))
    x, gauss = _legendre_nodes()
    angle = low + (high - low) * (x + 1) / 2
    log_density = (2 * first - 1) * np.log(np.cos(angle)) + (2 * b - 1) * np.log(np.sin(angle))
    weight = gauss * np.exp(log_density - log_density.max(axis=-1, keepdims=True))
    return np.cos(angle) ** 2, weight / weight.sum(axis=-1, keepdims=True)


@cache
def _legendre_nodes() -> tuple[Floats, Floats]:
    x, gauss = np.polynomial.legendre.leggauss(IMBALANCE_NODES)
    return x, gauss


def noncentral_f_upper(alpha: float, df1: int, df2: float, noncentrality: Floats, weight: Floats) -> float:
    """Return P(F' > its level-alpha critical value), averaged over noncentralities: a Poisson mixture of beta tails, all terms positive."""
    half = noncentrality / 2
    term = np.arange(np.ceil(half.max() + 12 * np.sqrt(half.max()) + 40))
    poisson = np.exp(special.xlogy(term, half[:, None]) - half[:, None] - special.gammaln(term + 1))
    critical = special.betaincinv(df2 / 2, df1 / 2, alpha)
    return float(np.clip(weight @ poisson @ special.betainc(df2 / 2, df1 / 2 + term, critical), 0.0, 1.0))
