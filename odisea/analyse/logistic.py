"""Logistic regression by Newton's method in an orthonormal basis, with a decision whether the estimate exists.

Where covariates separate the outcomes, the likelihood has no maximum: along a direction d with (2y - 1) x'd >= 0 for
every participant and > 0 for some it rises for ever. Newton's steps then tend to such a direction and never shrink,
each moving the nearest participant's linear predictor by one. So convergence asks, beside a vanishing score, for a
small step. Where the steps do not shrink, a direction is shown before separation is said: either the linear predictors
themselves (everybody on the right side of 0), or a late step that opposes nobody's outcome by more than 1e-9 of the most
that it favours one. A fit for which neither holds is not converged. Specification: docs/statistics/responder.md.
"""

from typing import NamedTuple

import numpy as np

from odisea.analyse.design import dot, fill_dots
from odisea.compiled import compiled, inlined
from odisea.data.trial import Floats, Reason
from odisea.elementary import exponential, logarithm
from odisea.lanes import add_combination, largest

SCORE = 1e-10  # largest element of the score, in the orthonormal basis
DECREMENT = 1e-18  # squared distance to the maximum in standard errors
STEP = 1e-3  # change of a linear predictor; a separated fit moves by 1 or more
MAX_ITERATIONS = 60
PATIENCE = 18  # steps before one may count as a separating direction: what opposes it has died out as exp(-18)
SEPARATING = 1e-9
COLLAPSED = 1e-13  # share of a pivot that is left when the information about a direction is lost in rounding
SMALLEST = 1e-300
# A step that moves no linear predictor by more than 1 lowers the loss in full: on the way no variance grows by more than
# a factor e, so that the second order of the loss, (e - 2) times the decrement at most, is below the first, the decrement.
SAFE = 1.0
FARTHEST_START = 6.0  # largest linear predictor to start from: some information is left at each participant
HALVINGS = 30


class LogisticFit(NamedTuple):
    """A maximum likelihood fit in an orthonormal basis.

    Parameters
    ----------
    coordinates : float64 (r,)
        Coordinates of the linear predictor in the basis.
    linear, fitted : float64 (n,)
        Linear predictor and fitted probability.
    factor : float64 (r, r)
        Lower Cholesky factor of the information about the coordinates.
    loss : float
        Negative log likelihood.
    reason : int
        `Reason.NONE`, or why there is no fit.
    """

    coordinates: Floats
    linear: Floats
    fitted: Floats
    factor: Floats
    loss: float
    reason: int


@compiled
def _fill_likelihood(linear: Floats, sign: Floats, rest: Floats, weight: Floats) -> None:
    """Write, per participant: probability of the outcome not seen, variance of the outcome."""
    for i in range(linear.size):
        t = sign[i] * linear[i]
        e = exponential(-abs(t))
        a = 1.0 / (1.0 + e)
        rest[i] = e * a if t >= 0.0 else a
        weight[i] = e * a * a


@compiled
def _loss(linear: Floats, sign: Floats, losses: Floats, ones: Floats) -> float:
    """Return the negative log likelihood; `losses` is overwritten."""
    for i in range(linear.size):
        t = sign[i] * linear[i]
        losses[i] = logarithm(1.0 + exponential(-abs(t))) + max(-t, 0.0)
    return dot(losses, ones, linear.size)


@inlined
def _multiply(a: Floats, b: Floats, out: Floats) -> None:
    """Write the products of two rows."""
    for i in range(out.size):
        out[i] = a[i] * b[i]


@compiled
def _fill_score(basis: Floats, sign: Floats, rest: Floats, residual: Floats, score: Floats) -> float:
    """Write the score of the coordinates; return its largest absolute element."""
    _multiply(sign, rest, residual)
    fill_dots(basis, 0, score.size, residual, rest.size, score)
    return float(largest(score))


@compiled
def _fill_information(basis: Floats, weight: Floats, weighted: Floats, information: Floats) -> None:
    """Write the lower triangle of the information about the coordinates."""
    for j in range(basis.shape[0]):
        _multiply(weight, basis[j], weighted)
        fill_dots(basis, 0, j + 1, weighted, weight.size, information[j])


@compiled
def factorise(matrix: Floats) -> bool:
    """Replace the lower triangle of a symmetric matrix by its Cholesky factor; return whether every pivot kept its digits.

    A pivot lost in rounding is raised to the smallest share that can be told from nothing, so that a step still exists.
    """
    sound = True
    for j in range(matrix.shape[0]):
        pivot, floor = matrix[j, j], max(COLLAPSED * matrix[j, j], SMALLEST)
        for k in range(j):
            pivot -= matrix[j, k] * matrix[j, k]
        if not pivot > floor:
            sound, pivot = False, floor
        matrix[j, j] = np.sqrt(pivot)
        inverse = 1.0 / matrix[j, j]
        for i in range(j + 1, matrix.shape[0]):
            for k in range(j):
                matrix[i, j] -= matrix[i, k] * matrix[j, k]
            matrix[i, j] *= inverse
    return sound


@compiled
def solve_lower(factor: Floats, vector: Floats) -> float:
    """Replace g by L^-1 g, given the lower triangle L; return the sum of its squares."""
    square = 0.0
    for j in range(vector.size):
        for k in range(j):
            vector[j] -= factor[j, k] * vector[k]
        vector[j] *= 1.0 / factor[j, j]  # the division does not wait for the element
        square += vector[j] * vector[j]
    return square


@compiled
def solve_in_place(factor: Floats, vector: Floats) -> float:
    """Replace g by A^-1 g, given the lower Cholesky factor of A; return g'A^-1 g."""
    p, square = vector.size, solve_lower(factor, vector)
    for j in range(p - 1, -1, -1):
        for k in range(j + 1, p):
            vector[j] -= factor[k, j] * vector[k]
        vector[j] *= 1.0 / factor[j, j]
    return square


@compiled
def _all_right(sign: Floats, linear: Floats) -> bool:
    """Return whether everybody is on the right side of 0; the first who is not, mostly an early one, ends the search."""
    i = 0
    while i < sign.size and sign[i] * linear[i] > 0.0:
        i += 1
    return i == sign.size


@compiled
def _separates(sign: Floats, linear: Floats, change: Floats, iteration: int) -> bool:
    """Return whether everybody is on the right side of 0, or a late step favours some outcomes and opposes none."""
    if iteration < PATIENCE or _all_right(sign, linear):
        return _all_right(sign, linear)
    worst, best = np.inf, 0.0
    for i in range(sign.size):
        worst, best = min(worst, sign[i] * change[i]), max(best, sign[i] * change[i])
    return bool(best > STEP and worst >= -SEPARATING * best)


@compiled
def _share(linear: Floats, change: Floats, sign: Floats, work: Floats) -> float:
    """Return the largest of 1, 1/2, 1/4, ... for which that share of the change does not raise the loss."""
    share, moved, old = 1.0, work[3], _loss(linear, sign, work[2], work[4])
    for _ in range(HALVINGS):
        for i in range(linear.size):
            moved[i] = linear[i] + share * change[i]
        if _loss(moved, sign, work[2], work[4]) <= old * (1.0 + 1e-12):
            break
        share *= 0.5
    return share


@inlined
def _add(vector: Floats, share: float, change: Floats) -> None:
    """Add a share of the change to the vector."""
    for i in range(vector.size):
        vector[i] += share * change[i]


@compiled
def _fill_discriminant(basis: Floats, outcome: Floats, residual: Floats, coordinates: Floats) -> None:
    """Write the coordinates of the linear discriminant between the outcomes, whose log odds are near the maximum likelihood's.

    With R^2 of the least squares fit of the outcome, share p of ones and D^2 = R^2 / (p (1 - p) (1 - R^2)) the slopes are
    those of least squares over p (1 - p) (1 - R^2), the mean log odds log(p / (1 - p)) + (p - 1/2) D^2 (Efron 1975, J Am
    Stat Assoc 70:892).
    """
    n = outcome.size
    share = dot(basis[0], outcome, n) * basis[0, 0]  # the first row is constant, 1 / sqrt(n)
    for i in range(n):
        residual[i] = outcome[i] - share
    fill_dots(basis, 0, coordinates.size, residual, n, coordinates)
    coordinates[0] = 0.0
    variance = share * (1.0 - share)
    explained = dot(coordinates, coordinates, coordinates.size) / (n * variance)
    left = variance * (1.0 - explained)
    coordinates *= 1.0 / left
    coordinates[0] = (np.log(share / (1.0 - share)) + (share - 0.5) * explained / left) / basis[0, 0]


@compiled
def _fill_start(basis: Floats, outcome: Floats, work: Floats, coordinates: Floats, linear: Floats) -> None:
    """Write coordinates and linear predictors to start from: the linear discriminant, or Newton's first step from 0.

    The discriminant of a rare outcome may be so far out that no information is left there. At 0 every variance is 1/4 and
    the rows are orthonormal, so that the information is I/4 and the step four times the score.
    """
    _fill_discriminant(basis, outcome, work, coordinates)
    linear[:] = 0.0
    add_combination(linear, coordinates, basis)
    if not largest(linear) <= FARTHEST_START:
        for i in range(outcome.size):
            work[i] = 4.0 * (outcome[i] - 0.5)
        fill_dots(basis, 0, coordinates.size, work, outcome.size, coordinates)
        linear[:] = 0.0
        add_combination(linear, coordinates, basis)


@compiled
def fit_logistic(basis: Floats, outcome: Floats, reason: int) -> LogisticFit:
    """Return the maximum likelihood fit of outcomes 0 and 1, or the reason why there is none.

    Parameters
    ----------
    basis : float64 (r, n)
        Orthonormal rows, all kept, the first constant.
    outcome : float64 (n,)
        0 or 1.
    reason : int
        `Reason.NONE`, or a reason already known, for which nothing is fitted.
    """
    r, n = basis.shape
    sign, work, linear, change = np.empty(n), np.empty((5, n)), np.zeros(n), np.zeros(n)
    coordinates, step, information, fitted = np.zeros(r), np.empty(r), np.zeros((r, r)), np.empty(n)
    if reason != Reason.NONE.value:
        return LogisticFit(coordinates, linear, fitted, information, np.nan, reason)
    rest, weight, reason = work[0], work[1], Reason.NO_CONVERGENCE.value
    for i in range(n):
        sign[i], work[4, i] = 2.0 * outcome[i] - 1.0, 1.0
    _fill_start(basis, outcome, work[3], coordinates, linear)
    for iteration in range(MAX_ITERATIONS):
        _fill_likelihood(linear, sign, rest, weight)
        score = _fill_score(basis, sign, rest, work[3], step)
        _fill_information(basis, weight, work[3], information)
        sound = factorise(information)
        decrement = solve_in_place(information, step)
        change[:] = 0.0
        add_combination(change, step, basis)
        farthest = largest(change)
        if sound and score < SCORE and decrement < DECREMENT and farthest < STEP:
            reason = Reason.NONE.value
            _add(coordinates, 1.0, step)  # it is at hand, and brings them from 1e-9 standard errors to rounding
            _add(linear, 1.0, change)
            break
        if _separates(sign, linear, change, iteration):
            reason = Reason.SEPARATION.value
            break
        share = 1.0 if sound and farthest <= SAFE else _share(linear, change, sign, work)
        _add(coordinates, share, step)
        _add(linear, share, change)
    for i in range(n):
        fitted[i] = 1.0 - rest[i] if outcome[i] > 0.5 else rest[i]
    return LogisticFit(coordinates, linear, fitted, information, _loss(linear, sign, work[2], work[4]), reason)
