"""Posterior draws of a multivariate normal regression whose responses, at successive visits, are partly missing.

Model: row i of the (n, v) responses is N(B'x_i, Sigma), the same design x_i at every visit, Sigma unstructured. Factored
into the regressions of each visit on the design and the earlier visits, with the flat prior on (coefficients, log
residual standard deviation) of every factor, the posterior under monotone missingness (dropout) is a product of normal
regressions: exact, independent draws without iteration (Rubin 1987; Little and Rubin 2019, chapter 7).
With one visit that is the imputation model of docs/statistics/multiple_imputation.md.

Gaps before a participant's last observed visit spoil the factorisation; only they are augmented (monotone data
augmentation: Li 1988; Liu 1993, J Multivar Anal 46:198; Schafer 1997, section 6.5):
draw the gaps given the parameters, then the parameters given the gap-free monotone data. Every draw has a chain of its
own, so that the draws are independent and the Monte Carlo errors of Rubin's rules hold as they stand.

Specification: docs/statistics/reference_based.md.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.data.trial import Floats, Ints
from odisea.streams import Purpose, fill_normal, fill_uniform

Mask = NDArray[np.bool_]

DRAWS = 4  # one address of the random stream gives four numbers: those of four draws
STEP_BITS = 32  # a chain's step is the upper half of the stream's replicate word
REMAINS = 1e-6  # of the starting value's influence after the burn-in
FEWEST_STEPS, MOST_STEPS = 10, 500


class Key(NamedTuple):
    """What the draws of one trial are addressed by: seed and replicate of the trial."""

    seed: int
    replicate: int


class NormalModel(NamedTuple):
    """Coefficients and covariance of the model, one set or a stack of them.

    Parameters
    ----------
    coefficients : float64 (..., q, v)
        B: column j holds the coefficients of the design at visit j.
    covariance : float64 (..., v, v)
        Sigma.
    """

    coefficients: Floats
    covariance: Floats


class _Pattern(NamedTuple):
    """Participants with the same last observed visit and the same gaps before it."""

    rows: Ints
    observed: Ints
    gaps: Ints
    last: int


def last_observed(response: Floats) -> Ints:
    """Return the place of each participant's last observed visit, -1 where there is none, from responses (n, v) with NaN."""
    seen = ~np.isnan(response)
    last: Ints = np.where(seen.any(axis=1), response.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1), -1).astype(np.int64)
    return last


def patterns_of(mask: Mask) -> list[tuple[Mask, Ints]]:
    """Return the distinct rows of a mask (n, v), each with the indices of the participants who have it."""
    distinct, which = np.unique(mask, axis=0, return_inverse=True)
    return [(pattern, np.flatnonzero(which.ravel() == k)) for k, pattern in enumerate(distinct)]


def conditional(covariance: Floats, observed: Ints, wanted: Ints) -> tuple[Floats, Floats]:
    """Return the regression of some visits on others under a normal distribution.

    Parameters
    ----------
    covariance : float64 (..., v, v)
    observed, wanted : int64 (o,), (k,)
        Places of the visits that are known and of those that are not; o may be 0.

    Returns
    -------
    slopes : float64 (..., k, o)
        Sigma_ko Sigma_oo^-1.
    remaining : float64 (..., k, k)
        Sigma_kk - Sigma_ko Sigma_oo^-1 Sigma_ok.
    """
    within = covariance[..., wanted[:, None], wanted]
    across = covariance[..., observed[:, None], wanted]
    slopes = np.swapaxes(np.linalg.solve(covariance[..., observed[:, None], observed], across), -1, -2)
    return slopes, within - slopes @ across


def burn_in(response: Floats) -> int:
    """Return the number of augmentation steps before a chain's parameters are taken; 1 where there are no gaps.

    The starting value is forgotten at the rate at which gaps carry the parameters' information. At a visit that is at
    most the share of gaps among those still followed, were the other visits to say nothing about it; the count is twice
    what leaves 1e-6 at that rate, because slopes and covariances may be slower than means.
    """
    followed = np.arange(response.shape[1]) <= last_observed(response)[:, None]
    share = float(np.max((np.isnan(response) & followed).sum(axis=0) / np.maximum(followed.sum(axis=0), 1)))
    if share == 0.0:
        return 1
    needed = 2.0 * math.log(REMAINS) / math.log(share) if share < 1.0 else MOST_STEPS
    return int(min(max(math.ceil(needed), FEWEST_STEPS), MOST_STEPS))


def normals(key: Key, purpose: int, step: int, units: Ints, m: int) -> Floats:
    """Return standard normal numbers (m, units): those of draw k do not depend on m."""
    return _filled(fill_normal, key, purpose, step, units, m)


def _filled(fill: Callable[..., None], key: Key, purpose: int, step: int, units: Ints, m: int) -> Floats:
    """Return the numbers of a filling function of `odisea.streams` for draws 0, ..., m - 1."""
    blocks = -(-m // DRAWS)
    out, address = np.empty((blocks * DRAWS, units.size)), key.replicate + (step << STEP_BITS)
    for block in range(blocks):
        fill(key.seed, address, int(purpose), block, units, out[DRAWS * block : DRAWS * (block + 1)])
    return out[:m]


def draw_posterior(response: Floats, design: Floats, start: NormalModel, key: Key, m: int, steps: int | None = None) -> NormalModel:
    """Return m independent draws of coefficients and covariance from their posterior distribution.

    Parameters
    ----------
    response : float64 (n, v)
        One row per participant in the order of their identifiers, NaN where missing; rows without any value say nothing.
    design : float64 (n, q)
        The same at every visit; of full rank among those followed to each visit (the last observed visit or later).
    start : NormalModel
        Where the chains begin; read only if there are gaps.
    key : Key
        Addresses the draws; participants and coefficients are addressed by their place.
    m : int
        Number of draws; at most 2**14.
    steps : int, optional
        Augmentation steps; by default `burn_in(response)`.

    Returns
    -------
    NormalModel
        coefficients (m, q, v) and covariance (m, v, v).

    Raises
    ------
    ValueError
        A visit has no more followed participants than coefficients.
    numpy.linalg.LinAlgError
        The design of a visit is rank deficient.
    """
    scale = float(np.nanstd(response)) or 1.0
    scaled = response / scale
    patterns = _monotone_patterns(scaled)
    current = NormalModel(np.asarray(start.coefficients) / scale, np.asarray(start.covariance) / scale**2)
    constant = _products(scaled, design, [pattern for pattern in patterns if pattern.gaps.size == 0])
    augmented = [pattern for pattern in patterns if pattern.gaps.size > 0]
    for step in range((steps or burn_in(response)) if augmented else 1):
        products = constant[None]
        for pattern in augmented:
            products = products + _augmented_products(scaled, design, pattern, current, key, step, m)
        current = _draw_regressions(np.broadcast_to(products, (m, *constant.shape)), _followed(scaled), design.shape[1], key, step)
    return NormalModel(current.coefficients * scale, current.covariance * scale**2)


def _followed(response: Floats) -> Ints:
    """Return the number of participants followed to each visit or beyond."""
    counts: Ints = (last_observed(response)[:, None] >= np.arange(response.shape[1])).sum(axis=0)
    return counts


def _monotone_patterns(response: Floats) -> list[_Pattern]:
    """Return the participants with at least one value, by last visit and gaps."""
    found = []
    for seen, rows in patterns_of(~np.isnan(response)):
        if seen.any():
            observed = np.flatnonzero(seen)
            last = int(observed[-1])
            found.append(_Pattern(rows, observed, np.setdiff1d(np.arange(last), observed), last))
    return found


def _products(response: Floats, design: Floats, patterns: list[_Pattern]) -> Floats:
    """Return the sums of squares and products of design and responses over complete rows, by last visit: (v, q + v, q + v)."""
    v, q = response.shape[1], design.shape[1]
    products = np.zeros((v, q + v, q + v))
    for pattern in patterns:
        size = q + pattern.last + 1
        rows = np.hstack([design[pattern.rows], response[pattern.rows, : pattern.last + 1]])
        products[pattern.last, :size, :size] += rows.T @ rows
    return products


def _augmented_products(response: Floats, design: Floats, pattern: _Pattern, current: NormalModel, key: Key, step: int, m: int) -> Floats:
    """Return `_products` of one pattern after its gaps have been drawn, once per chain: (m, v, q + v, q + v)."""
    (n, v), q, rows = response.shape, design.shape[1], pattern.rows
    slopes, remaining = conditional(current.covariance, pattern.observed, pattern.gaps)
    means = design[rows] @ current.coefficients
    residual = response[np.ix_(rows, pattern.observed)] - means[..., pattern.observed]
    units = (rows + n * pattern.gaps[:, None]).astype(np.int64)
    noise = normals(key, Purpose.POSTERIOR_GAPS, step, units.ravel(), m).reshape(m, pattern.gaps.size, rows.size).swapaxes(1, 2)
    drawn = means[..., pattern.gaps] + residual @ slopes.swapaxes(-1, -2) + noise @ np.linalg.cholesky(remaining).swapaxes(-1, -2)
    size = q + pattern.last + 1
    filled = np.empty((m, rows.size, size))
    filled[..., :q], filled[..., q + pattern.observed] = design[rows], response[np.ix_(rows, pattern.observed)]
    filled[..., q + pattern.gaps] = drawn
    products = np.zeros((m, v, q + v, q + v))
    products[:, pattern.last, :size, :size] = filled.swapaxes(1, 2) @ filled
    return products


def _draw_regressions(products: Floats, followed: Ints, q: int, key: Key, step: int) -> NormalModel:
    """Return one draw of the parameters per chain, given the sums of products of its gap-free data by last visit."""
    from scipy.special import chdtri

    m, v = products.shape[:2]
    later = products[:, ::-1].cumsum(axis=1)[:, ::-1]  # of those followed to the visit or beyond
    own, earlier, variance = np.empty((m, q, v)), np.zeros((m, v, v)), np.empty((m, v))
    n_coefficients = v * q + v * (v - 1) // 2
    noise = normals(key, Purpose.POSTERIOR, step, np.arange(n_coefficients, dtype=np.int64), m)
    uniform = _filled(fill_uniform, key, Purpose.POSTERIOR, step, np.arange(n_coefficients, n_coefficients + v, dtype=np.int64), m)
    used = 0
    for j in range(v):
        p = q + j
        if followed[j] <= p:
            raise ValueError(f"visit {j}: {followed[j]} followed participants for {p} coefficients")
        root = np.linalg.cholesky(later[:, j, :p, :p])
        along = np.linalg.solve(root, later[:, j, :p, p, None])[..., 0]
        left = np.maximum(later[:, j, p, p] - np.square(along).sum(axis=1), 0.0)  # rounding leaves less than nothing of an exact fit
        variance[:, j] = left / chdtri(float(followed[j] - p), uniform[:, j])
        standard = along + np.sqrt(variance[:, j, None]) * noise[:, used : used + p]
        drawn = np.linalg.solve(root.swapaxes(1, 2), standard[..., None])[..., 0]
        own[:, :, j], earlier[:, j, :j] = drawn[:, :q], drawn[:, q:]
        used += p
    # y_j = own_j'x + sum_k earlier_jk y_k + e_j, solved for the visits' means and covariance given x alone
    total = np.linalg.inv(np.eye(v) - earlier)
    return NormalModel(own @ total.swapaxes(1, 2), (total * variance[:, None, :]) @ total.swapaxes(1, 2))
