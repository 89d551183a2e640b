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

from odisea.analyse.design import dot
from odisea.compiled import compiled
from odisea.data.trial import Floats, Reason
from odisea.elementary import exponential, logarithm

SCORE = 1e-10  # largest element of the score, in the orthonormal basis
DECREMENT = 1e-18  # squared distance to the maximum in standard errors
STEP = 1e-3  # change of a linear predictor; a separated fit moves by 1 or more
MAX_ITERATIONS = 60
PATIENCE = 18  # steps before one may count as a separating direction: what opposes it has died out as exp(-18)
SEPARATING = 1e-9
COLLAPSED = 1e-13  # share of a pivot that is left when the information about a direction is lost in rounding
SMALLEST = 1e-300
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
def _fill_likelihood(linear: Floats, sign: Floats, rest: Floats, weight: Floats, loss: Floats) -> float:
    """Write, per participant: probability of the outcome not seen, variance of the outcome, negative log likelihood; return its sum."""
    for i in range(linear.size):
        t = sign[i] * linear[i]
        e = exponential(-abs(t))
        a = 1.0 / (1.0 + e)
        rest[i] = e * a if t >= 0.0 else a
        weight[i] = e * a * a
        loss[i] = logarithm(1.0 + e) + max(-t, 0.0)
    total = 0.0
    for i in range(linear.size):
        total += loss[i]
    return total


@compiled
def _fill_score(basis: Floats, sign: Floats, rest: Floats, residual: Floats, score: Floats) -> float:
    """Write the score of the coordinates; return its largest absolute element."""
    for i in range(rest.size):
        residual[i] = sign[i] * rest[i]
    largest = 0.0
    for k in range(score.size):
        score[k] = dot(basis[k], residual, rest.size)
        largest = max(largest, abs(score[k]))
    return largest


@compiled
def _fill_information(basis: Floats, weight: Floats, weighted: Floats, information: Floats) -> None:
    """Write the lower triangle of the information about the coordinates."""
    n = weight.size
    for j in range(basis.shape[0]):
        row = basis[j]
        for i in range(n):
            weighted[i] = weight[i] * row[i]
        for k in range(j + 1):
            information[j, k] = dot(weighted, basis[k], n)


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
        for i in range(j + 1, matrix.shape[0]):
            for k in range(j):
                matrix[i, j] -= matrix[i, k] * matrix[j, k]
            matrix[i, j] /= matrix[j, j]
    return sound


@compiled
def solve_in_place(factor: Floats, vector: Floats) -> float:
    """Replace g by A^-1 g, given the lower Cholesky factor of A; return g'A^-1 g."""
    p, square = vector.size, 0.0
    for j in range(p):
        for k in range(j):
            vector[j] -= factor[j, k] * vector[k]
        vector[j] /= factor[j, j]
        square += vector[j] * vector[j]
    for j in range(p - 1, -1, -1):
        for k in range(j + 1, p):
            vector[j] -= factor[k, j] * vector[k]
        vector[j] /= factor[j, j]
    return square


@compiled
def _add_rows(basis: Floats, coordinates: Floats, out: Floats) -> float:
    """Write the combination of the basis rows into `out`; return its largest absolute element."""
    for i in range(out.size):
        out[i] = 0.0
    for k in range(basis.shape[0]):
        row, c = basis[k], coordinates[k]
        for i in range(out.size):
            out[i] += c * row[i]
    largest = 0.0
    for i in range(out.size):
        largest = max(largest, abs(out[i]))
    return largest


@compiled
def _separates(sign: Floats, linear: Floats, change: Floats, iteration: int) -> bool:
    """Return whether everybody is on the right side of 0, or a late step favours some outcomes and opposes none."""
    lowest, worst, best = np.inf, np.inf, 0.0
    for i in range(sign.size):
        lowest = min(lowest, sign[i] * linear[i])
        worst, best = min(worst, sign[i] * change[i]), max(best, sign[i] * change[i])
    return bool(lowest > 0.0 or (iteration >= PATIENCE and best > STEP and worst >= -SEPARATING * best))


@compiled
def _advance(linear: Floats, change: Floats, sign: Floats, work: Floats, old: float) -> tuple[float, float]:
    """Move the linear predictors by the longest of change, change/2, change/4, ... that does not raise the loss; return share and loss."""
    share, new, moved = 1.0, np.inf, work[3]
    for _ in range(HALVINGS):
        for i in range(linear.size):
            moved[i] = linear[i] + share * change[i]
        new = _fill_likelihood(moved, sign, work[0], work[1], work[2])
        if new <= old * (1.0 + 1e-12):
            break
        share *= 0.5
    for i in range(linear.size):
        linear[i] = moved[i]
    return share, new


@compiled
def fit_logistic(basis: Floats, outcome: Floats, reason: int) -> LogisticFit:
    """Return the maximum likelihood fit of outcomes 0 and 1, or the reason why there is none.

    Parameters
    ----------
    basis : float64 (r, n)
        Orthonormal rows, all kept.
    outcome : float64 (n,)
        0 or 1.
    reason : int
        `Reason.NONE`, or a reason already known, for which nothing is fitted.
    """
    r, n = basis.shape
    sign, work, linear, change = np.empty(n), np.empty((4, n)), np.zeros(n), np.zeros(n)
    coordinates, step, information, fitted = np.zeros(r), np.empty(r), np.zeros((r, r)), np.empty(n)
    if reason != Reason.NONE.value:
        return LogisticFit(coordinates, linear, fitted, information, np.nan, reason)
    for i in range(n):
        sign[i] = 2.0 * outcome[i] - 1.0
    rest, weight, reason = work[0], work[1], Reason.NO_CONVERGENCE.value
    loss = _fill_likelihood(linear, sign, rest, weight, work[2])
    for iteration in range(MAX_ITERATIONS):
        score = _fill_score(basis, sign, rest, work[3], step)
        _fill_information(basis, weight, work[3], information)
        sound = factorise(information)
        decrement = solve_in_place(information, step)
        largest = _add_rows(basis, step, change)
        if sound and score < SCORE and decrement < DECREMENT and largest < STEP:
            reason = Reason.NONE.value
            break
        if _separates(sign, linear, change, iteration):
            reason = Reason.SEPARATION.value
            break
        share, loss = _advance(linear, change, sign, work, loss)
        for k in range(r):
            coordinates[k] += share * step[k]
    for i in range(n):
        fitted[i] = 1.0 - rest[i] if outcome[i] > 0.5 else rest[i]
    return LogisticFit(coordinates, linear, fitted, information, loss, reason)
