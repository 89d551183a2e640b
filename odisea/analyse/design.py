"""Who is analysed, and the model's columns as an orthonormal basis: what every estimator of this room starts from.

A design has the columns intercept, covariates in their order, arm (last). Modified Gram-Schmidt turns them into a basis
Q with X = Q R; since the arm comes last, its coefficient is one number of Q'y divided by one number of R, and no
system is solved. A column in the span of earlier ones is dropped, last-in as in R, and leaves a row of zeros.

A column counts as dependent when less than 1e-7 of its length is left beside the earlier columns (the tolerance of R's
`lm`). The length is taken about the mean, so that the origin of a covariate does not matter; a column whose spread is
below 1e-10 of its size is constant up to rounding.
"""

from typing import NamedTuple

import numpy as np

from odisea.compiled import compiled, inlined
from odisea.data.trial import Analysis, Estimate, Floats, Ints, Reason, Status, Trial
from odisea.lanes import ROWS, four_sums, sum_of_products

DEPENDENT = 1e-14  # squares of the lengths named above
CONSTANT = 1e-20
# A vector that lost all but 1 % of its length is projected once more ("twice is enough", Parlett 1998, section 6.9).
CANCELLED = 1e-4


class Design(NamedTuple):
    """The design of an analysis model on its participants.

    Parameters
    ----------
    basis : float64 (p, n)
        Orthonormal rows spanning intercept, covariates, arm; zeros for a dropped column.
    triangle : float64 (p, p)
        R of X = Q R; its diagonal is zero for a dropped column.
    rank : int
        Columns kept.
    treated : float64 (n,)
        1 in the arm, 0 in the reference.
    n_arm, n_reference : int
        Participants of the two arms.
    reason : int
        `Reason.NONE`, or why no arm effect exists.
    """

    basis: Floats
    triangle: Floats
    rank: int
    treated: Floats
    n_arm: int
    n_reference: int
    reason: int


@inlined
def dot(a: Floats, b: Floats, n: int) -> float:
    """Return the sum of the first n products of two rows, n not above the size of either."""
    return float(sum_of_products(a, b, n))


@inlined
def fill_dots(rows: Floats, first: int, last: int, vector: Floats, n: int, out: Floats) -> None:
    """Write `dot` of the vector and of each of the rows first, ..., last - 1 into out[first], ..., out[last - 1]."""
    fours = first + (last - first) // ROWS * ROWS
    for k in range(first, fours, ROWS):
        out[k], out[k + 1], out[k + 2], out[k + 3] = four_sums(rows, k, vector, n)
    for k in range(fours, last):
        out[k] = sum_of_products(rows[k], vector, n)


@inlined
def _subtract(vector: Floats, c: float, row: Floats) -> None:
    """Subtract c times the row from the vector."""
    for i in range(vector.size):
        vector[i] -= c * row[i]


@compiled
def project_out(basis: Floats, first: int, last: int, vector: Floats, n_fitted: int, coefficients: Floats) -> None:
    """Subtract from `vector` its part along basis rows first, ..., last - 1, and add that part's coordinates to `coefficients`.

    The coordinates are taken over the first `n_fitted` elements; all elements are changed, so that the others (missing
    outcomes) receive the negative of their prediction.
    """
    for k in range(first, last):
        c = dot(basis[k], vector, n_fitted)
        _subtract(vector, c, basis[k])
        coefficients[k] += c


@compiled
def orthonormalise(columns: Floats, n_fitted: int, triangle: Floats) -> int:
    """Replace the columns (one per row, the first the intercept) by an orthonormal basis; return the rank.

    Each finished row is taken out of all later ones at once, so that these do not wait for each other.

    Parameters
    ----------
    columns : float64 (p, n)
        Changed in place: orthonormal over the first `n_fitted` elements, the others carried along.
    n_fitted : int
        Elements that define length and angle.
    triangle : float64 (p, p) of zeros
        Written: R, with coordinate k of column j in [j, k].
    """
    p, rank = columns.shape[0], 0
    raw, centred, along = np.empty(p), np.empty(p), np.empty(p)
    centred[0] = raw[0] = dot(columns[0], columns[0], n_fitted)
    for k in range(p):
        left = dot(columns[k], columns[k], n_fitted)
        if left < CANCELLED * raw[k]:
            project_out(columns, 0, k, columns[k], n_fitted, triangle[k])
            left = dot(columns[k], columns[k], n_fitted)
        if left > DEPENDENT * centred[k] and centred[k] > CONSTANT * raw[k]:
            triangle[k, k] = np.sqrt(left)
            rank += 1
        _scale(columns[k], 1.0 / triangle[k, k] if triangle[k, k] > 0.0 else 0.0)
        fill_dots(columns, k + 1, p, columns[k], n_fitted, along)
        for j in range(k + 1, p):
            triangle[j, k] = along[j]
            _subtract(columns[j], along[j], columns[k])
            if k == 0:
                centred[j] = dot(columns[j], columns[j], n_fitted)
                raw[j] = centred[j] + along[j] * along[j]
    return rank


@inlined
def _scale(row: Floats, factor: float) -> None:
    """Multiply a row by a number."""
    for i in range(row.size):
        row[i] *= factor


@compiled
def gather(source: Floats, participants: Ints, out: Floats) -> None:
    """Write the values of the given participants; an index without sign spares the check for a count from the end."""
    for i in range(participants.size):
        out[i] = source[np.uint64(participants[i])]


@compiled
def fill_columns(values: Floats, rows: Ints, participants: Ints, columns: Floats) -> bool:
    """Write an intercept and the given rows of the data set for the given participants; return whether nothing is missing."""
    checksum, ones = 0.0, columns[0]
    for i in range(participants.size):
        ones[i] = 1.0
    for j in range(rows.size):
        gather(values[rows[j]], participants, columns[j + 1])
        checksum += dot(ones, columns[j + 1], participants.size)
    return not np.isnan(checksum)


@compiled
def take(source: Floats, participants: Ints) -> Floats:
    """Return the values of the given participants, contiguous."""
    out = np.empty(participants.size)
    gather(source, participants, out)
    return out


@compiled
def in_contrast(trial: Trial, analysis: Analysis, observed_only: bool) -> Ints:
    """Return the participants of the contrast's arms in their order, all of them or those whose response is observed."""
    response = trial.values[analysis.response]
    chosen, n = np.empty(trial.arm.size, np.int64), 0
    for i in range(trial.arm.size):
        chosen[n] = i  # kept only if n moves on: no branch that the processor would have to guess
        in_arms = (trial.arm[i] == analysis.arm) | (trial.arm[i] == analysis.reference)
        n += in_arms & ((not observed_only) | (not np.isnan(response[i])))
    return chosen[:n]


@compiled
def _occurs(trial: Trial, analysis: Analysis, row: Floats) -> bool:
    """Return whether a participant of the contrast has a value other than 0 in the row."""
    for i in range(row.size):  # noqa: SIM110  # compiled code knows no generators
        if row[i] != 0.0 and (trial.arm[i] == analysis.arm or trial.arm[i] == analysis.reference):
            return True
    return False


@compiled
def present(trial: Trial, analysis: Analysis, rows: Ints) -> Ints:
    """Return those rows that are not 0 for everybody of the contrast: a category that nobody needed is no column of a model."""
    kept, n = np.empty(rows.size + 1, np.int64), 0
    for j in range(rows.size):
        kept[n] = rows[j]
        n += 1 if _occurs(trial, analysis, trial.values[rows[j]]) else 0
    return kept[:n]


@compiled
def make_design(trial: Trial, analysis: Analysis, participants: Ints) -> Design:
    """Return the analysis model's design (covariates, then arm) on the given participants."""
    p, n = analysis.covariates.size + 2, participants.size
    columns, triangle, treated = np.empty((p, n)), np.zeros((p, p)), np.empty(n)
    complete = fill_columns(trial.values, analysis.covariates, participants, columns)
    n_arm, rank, reason = 0, 0, Reason.NONE.value
    for i in range(n):
        in_arm = trial.arm[participants[i]] == analysis.arm
        treated[i] = 1.0 if in_arm else 0.0
        columns[p - 1, i] = treated[i]
        n_arm += 1 if in_arm else 0
    if n_arm in (0, n):
        reason = Reason.EMPTY_ARM.value
    elif not complete:
        reason = Reason.MISSING_COVARIATE.value
    else:
        rank = orthonormalise(columns, n, triangle)
        reason = reason if triangle[p - 1, p - 1] > 0.0 else Reason.ARM_ALIASED.value
    return Design(columns, triangle, rank, treated, n_arm, n - n_arm, reason)


@compiled
def no_estimate(reason: int, n_arm: int, n_reference: int) -> Estimate:
    """Return the typed absence of an estimate: its status follows from the reason, every number but the counts is NaN."""
    status = Status.NOT_ESTIMABLE.value
    if reason in (Reason.MISSING_COVARIATE.value, Reason.IMPUTATION_RANK_DEFICIENT.value, Reason.IMPUTATION_FEW_DF.value):
        status = Status.REFUSED.value
    elif reason == Reason.SEPARATION.value:
        status = Status.SEPARATED.value
    elif reason == Reason.NO_CONVERGENCE.value:
        status = Status.NOT_CONVERGED.value
    nan = np.nan
    return Estimate(nan, nan, nan, float(n_arm), float(n_reference), nan, nan, nan, float(status), float(reason))


@compiled
def estimated(estimate: float, variance: float, df: float, design: Design, within: float, between: float, mcse: float) -> Estimate:
    """Return an estimate with status `OK`; `variance` is its total variance."""
    n_arm, n_reference = float(design.n_arm), float(design.n_reference)
    ok, none = float(Status.OK.value), float(Reason.NONE.value)
    return Estimate(estimate, np.sqrt(variance), float(df), n_arm, n_reference, within, between, mcse, ok, none)


def coefficient_map(design: Design) -> Floats:
    """Return the matrix (p, p) that turns coordinates in the basis into coefficients of intercept, arm, covariates in this order.

    Rows of dropped columns are NaN.
    """
    p = design.triangle.shape[0]
    kept = np.flatnonzero(np.diag(design.triangle) > 0.0)
    inverse = np.full((p, p), np.nan)
    inverse[kept] = 0.0
    inverse[np.ix_(kept, kept)] = np.linalg.inv(design.triangle[np.ix_(kept, kept)].T)
    return inverse[np.r_[0, p - 1, 1 : p - 1]]
