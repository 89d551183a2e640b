"""Analysis of covariance where one arm meets in groups and its reference does not: a partially nested mixed model.

Participants who share a live session share more than a programme, so the arm's mean is less certain than its number of
participants says; the reference has nobody to share with. The model gives every live group of the arm a random effect
and each arm its own residual variance, is fitted by restricted maximum likelihood, and judges the effect with
Satterthwaite's degrees of freedom. Specification, decisions and sources: docs/statistics/partially_nested.md.

No n by n matrix is formed. An orthogonal change of coordinates splits the participants into the reference, the
deviations from the group means, and the group means themselves; in these strata the covariance is diagonal. So the
likelihood and its derivatives are functions of the sums of squares and products of the strata, formed once, and one
iteration costs a few microseconds whatever the number of participants.
"""

from typing import NamedTuple

import numpy as np

from odisea.analyse.design import CONSTANT, Design, dot, estimated, in_contrast, make_design, no_estimate, project_out, take
from odisea.analyse.logistic import factorise, solve_in_place
from odisea.analyse.responder import kept_basis
from odisea.compiled import compiled
from odisea.data.trial import Analysis, Estimate, Floats, Ints, Reason, Trial
from odisea.elementary import logarithm

NO_GROUP = -1
DECREMENT = 1e-18  # squared distance to the maximum, in standard errors of the variances
MAX_ITERATIONS = 100
SCORING = 2  # steps that use the expected information, whose first step is exact where the groups are balanced
HALVINGS = 30
SHRINKS_TO = 0.1  # a residual variance keeps at least this share in one step
VANISHED = 1e-6  # share of the residual variance of least squares below which a stratum has none
UNINFORMED = 1e-8  # information about a variance, beside the others, that rounding (1e-14) may have left where all are 1
ROUNDING = 1e-10  # change of the log likelihood that is no descent but rounding
FEW_GROUPS = Reason.FEW_GROUPS.value
FIRST_GROUP_SHARE = 0.1  # start of the group variance, as a share of the residual variance of least squares


class NestedFit(NamedTuple):
    """The effect of an arm that meets in groups, and the variances that its standard error is made of.

    Parameters
    ----------
    effect : Estimate
        Arm minus reference, in points of the outcome, with Satterthwaite's degrees of freedom; or a status with its reason.
    group_variance : float
        Variance between live groups of the arm, points squared, 0 or above.
    arm_variance, reference_variance : float
        Residual variance of the participants of each arm, points squared.
    icc : float
        Intracluster correlation in the arm given the covariates, group / (group + residual variance), 0 to 1.
    groups : float
        Live groups with an analysed participant.
    iterations : float
        Steps to the maximum.
    """

    effect: Estimate
    group_variance: float
    arm_variance: float
    reference_variance: float
    icc: float
    groups: float
    iterations: float


class Strata(NamedTuple):
    """Sums of squares and products of the design's kept basis rows and, last, the residuals of least squares (q rows).

    Parameters
    ----------
    reference : float64 (q, q)
        Over the participants of the reference.
    within : float64 (q, q)
        Over the arm's deviations from the means of their groups, and its participants without a group.
    means : float64 (q, groups)
        Means of the groups.
    sizes : float64 (groups,)
        Analysed participants of each group.
    n_reference, n_within : float
        Dimensions of the first two strata.
    """

    reference: Floats
    within: Floats
    means: Floats
    sizes: Floats
    n_reference: float
    n_within: float


class Reml(NamedTuple):
    """The restricted likelihood at given variances (reference residual, arm residual, between groups), to a constant.

    Parameters
    ----------
    log_likelihood : float
        Restricted log likelihood.
    score : float64 (3,)
        Its derivatives.
    expected, observed : float64 (3, 3)
        Its expected information, and its negative second derivatives.
    coordinate, variance : float
        Generalised least squares coordinate of the residuals along the arm's basis row, and its variance.
    gradient : float64 (3,)
        Derivatives of that variance.
    """

    log_likelihood: float
    score: Floats
    expected: Floats
    observed: Floats
    coordinate: float
    variance: float
    gradient: Floats


@compiled
def reference_first(trial: Trial, analysis: Analysis) -> Ints:
    """Return the contrast's participants with an observed response, those of the reference before those of the arm."""
    participants = in_contrast(trial, analysis, True)
    ordered, k = np.empty(participants.size, np.int64), 0
    for wanted in (analysis.reference, analysis.arm):
        for i in range(participants.size):
            if trial.arm[participants[i]] == wanted:
                ordered[k] = participants[i]
                k += 1
    return ordered


@compiled
def number_groups(group: Ints, participants: Ints) -> tuple[Ints, Floats]:
    """Return each participant's group, numbered from 0 in the order of appearance (-1: none), and the sizes of the groups."""
    label, largest = np.full(participants.size, NO_GROUP), NO_GROUP
    for i in range(participants.size):
        largest = max(largest, group[participants[i]])
    number, sizes, n_groups = np.full(largest + 1, NO_GROUP), np.zeros(largest + 1), 0
    for i in range(participants.size):
        g = group[participants[i]]
        if g >= 0:
            if number[g] < 0:
                number[g] = n_groups
                n_groups += 1
            label[i] = number[g]
            sizes[label[i]] += 1.0
    return label, sizes[:n_groups].copy()


@compiled
def make_strata(rows: Floats, n_reference: int, label: Ints, sizes: Floats) -> Strata:
    """Return the sums of squares and products of rows (q, n) whose first `n_reference` participants are the reference.

    The rows are changed: the arm's participants lose the mean of their group.
    """
    q, n_arm = rows.shape[0], rows.shape[1] - n_reference
    means, reference, within = np.zeros((q, sizes.size)), np.empty((q, q)), np.empty((q, q))
    for j in range(q):
        mean, member = means[j], rows[j, n_reference:]
        for i in range(n_arm):
            if label[i] >= 0:
                mean[label[i]] += member[i] / sizes[label[i]]
        for i in range(n_arm):
            if label[i] >= 0:
                member[i] -= mean[label[i]]
    for j in range(q):
        for k in range(j + 1):
            reference[j, k] = dot(rows[j], rows[k], n_reference)
            within[j, k] = dot(rows[j, n_reference:], rows[k, n_reference:], n_arm)
            reference[k, j], within[k, j] = reference[j, k], within[j, k]
    return Strata(reference, within, means, sizes, float(n_reference), float(n_arm - sizes.size))


@compiled
def _add_products(rows: Floats, weight: Floats, out: Floats) -> None:
    """Add the weighted sums of products of the rows (q, groups) to `out` (q, q)."""
    weighted = np.empty(weight.size)
    for j in range(rows.shape[0]):
        for g in range(weight.size):
            weighted[g] = weight[g] * rows[j, g]
        for k in range(j + 1):
            total = dot(weighted, rows[k], weight.size)
            out[j, k] += total
            if k < j:
                out[k, j] += total


@compiled
def _forward(factor: Floats, rows: Floats) -> None:
    """Replace the rows by L^-1 times them, L the lower triangular factor."""
    for j in range(rows.shape[0]):
        row = rows[j]
        for k in range(j):
            earlier, share = rows[k], factor[j, k]
            for i in range(row.size):
                row[i] -= share * earlier[i]
        for i in range(row.size):
            row[i] /= factor[j, j]


@compiled
def _congruent(factor: Floats, matrix: Floats) -> Floats:
    """Return L^-1 A L^-T for a symmetric A."""
    half = matrix.copy()
    _forward(factor, half)
    whole = half.T.copy()
    _forward(factor, whole)
    return whole


@compiled
def _whiten(factor: Floats, strata: Strata) -> Strata:
    """Return the strata in the coordinates L^-1 W, in which the variance-weighted sum of their products is the identity."""
    means = strata.means.copy()
    _forward(factor, means)
    reference, within = _congruent(factor, strata.reference), _congruent(factor, strata.within)
    return Strata(reference, within, means, strata.sizes, strata.n_reference, strata.n_within)


@compiled
def _by_variance(strata: Strata, of_mean: Floats, variances: Floats) -> Floats:
    """Return W'V^-1 V_k V^-1 W (3, q, q) for the derivatives V_k of the covariance V by the three variances."""
    q = strata.reference.shape[0]
    out, by_arm, by_group = np.zeros((3, q, q)), np.empty(of_mean.size), np.empty(of_mean.size)
    for j in range(q):
        for k in range(q):
            out[0, j, k] = strata.reference[j, k] / variances[0] ** 2
            out[1, j, k] = strata.within[j, k] / variances[1] ** 2
    for g in range(of_mean.size):
        by_arm[g] = strata.sizes[g] / of_mean[g] ** 2
        by_group[g] = strata.sizes[g] * by_arm[g]
    _add_products(strata.means, by_arm, out[1])
    _add_products(strata.means, by_group, out[2])
    return out


@compiled
def _trace(matrix: Floats, r: int) -> float:
    """Return the trace of the leading r by r block."""
    total = 0.0
    for j in range(r):
        total += matrix[j, j]
    return total


@compiled
def _information(white: Strata, of_mean: Floats, variances: Floats, by_variance: Floats, square: float) -> tuple[Floats, Floats]:
    """Return expected and observed information about the three variances.

    With P projecting the fixed effects out: T = tr(P V_j P V_k) / 2 is expected, and 2 A - T observed, where
    A = y'P V_j P V_k P y / 2 is the average of both.
    """
    r, reference, arm = white.reference.shape[0] - 1, variances[0], variances[1]
    trace, average = np.zeros((3, 3)), np.zeros((3, 3))
    trace[0, 0] = (white.n_reference - 2.0 * _trace(white.reference, r) / reference) / reference**2
    trace[1, 1] = (white.n_within - 2.0 * _trace(white.within, r) / arm) / arm**2
    average[0, 0], average[1, 1] = white.reference[r, r] / reference**3, white.within[r, r] / arm**3
    for g in range(of_mean.size):
        size, leverage, inverse = white.sizes[g], 0.0, 1.0 / of_mean[g]
        for j in range(r):
            leverage += white.means[j, g] ** 2
        of_trace = (1.0 - 2.0 * size * leverage * inverse) * inverse**2
        of_average = size * white.means[r, g] ** 2 * inverse**3
        for j, k, power in ((1, 1, 1.0), (2, 1, size), (2, 2, size * size)):
            trace[j, k] += power * of_trace
            average[j, k] += power * of_average
    for j in range(3):
        for k in range(j + 1):
            for row in range(r):
                trace[j, k] += dot(by_variance[j, row], by_variance[k, row], r)
            average[j, k] -= dot(by_variance[j, r], by_variance[k, r], r)
            trace[j, k], average[j, k] = 0.5 * trace[j, k], square * average[j, k]
            trace[k, j], average[k, j] = trace[j, k], average[j, k]
    return trace, average - trace


@compiled
def reml(strata: Strata, variances: Floats) -> Reml:
    """Return the restricted likelihood and its derivatives at (reference residual, arm residual, between groups).

    The Cholesky factor L of W'V^-1 W, W the design and the response, whitens all strata at once: of L^-1 W' the first
    r rows are orthonormal under V^-1, and the last is the generalised least squares residual over its length.
    """
    r, reference, arm = strata.reference.shape[0] - 1, variances[0], variances[1]
    of_mean = arm + strata.sizes * variances[2]  # a group's size times the variance of its mean
    factor = strata.reference / reference + strata.within / arm
    _add_products(strata.means, strata.sizes / of_mean, factor)
    factorise(factor)
    white = _whiten(factor, strata)
    by_variance = _by_variance(white, of_mean, variances)
    traces, log_determinant = np.zeros(3), strata.n_reference * logarithm(reference) + strata.n_within * logarithm(arm)
    traces[0], traces[1] = strata.n_reference / reference, strata.n_within / arm
    for g in range(of_mean.size):
        traces[1] += 1.0 / of_mean[g]
        traces[2] += strata.sizes[g] / of_mean[g]
        log_determinant += logarithm(of_mean[g])
    for j in range(r):
        log_determinant += 2.0 * logarithm(factor[j, j])
    score, gradient, square, pivot = np.empty(3), np.empty(3), factor[r, r] ** 2, factor[r - 1, r - 1]
    for k in range(3):
        score[k] = -0.5 * (traces[k] - _trace(by_variance[k], r) - square * by_variance[k, r, r])
        gradient[k] = by_variance[k, r - 1, r - 1] / pivot**2
    expected, observed = _information(white, of_mean, variances, by_variance, square)
    log_likelihood = -0.5 * (log_determinant + square)
    return Reml(log_likelihood, score, expected, observed, factor[r, r - 1] / pivot, 1.0 / pivot**2, gradient)


@compiled
def free_vector(vector: Floats, equal_variances: bool, held: bool) -> Floats:
    """Return derivatives by the free variances: each arm's residual or their common one, then the groups' unless it is held at 0."""
    out, last = vector.copy(), 2
    if equal_variances:
        out[0], out[1], last = vector[0] + vector[1], vector[2], 1
    return out[:last].copy() if held else out[: last + 1].copy()


@compiled
def free_matrix(matrix: Floats, equal_variances: bool, held: bool) -> Floats:
    """Return second derivatives by the free variances."""
    out, last = matrix.copy(), 2
    if equal_variances:
        out[0, 0], out[1, 1], last = matrix[0, 0] + 2.0 * matrix[1, 0] + matrix[1, 1], matrix[2, 2], 1
        out[1, 0] = out[0, 1] = matrix[2, 0] + matrix[2, 1]
    return out[:last, :last].copy() if held else out[: last + 1, : last + 1].copy()


@compiled
def _curvature(fit: Reml, equal_variances: bool, held: bool, far: bool) -> Floats:
    """Return the information about the free variances: the observed, unless it is not positive definite or the maximum is far."""
    observed = free_matrix(fit.observed, equal_variances, held)
    return free_matrix(fit.expected, equal_variances, held) if far or not factorise(observed.copy()) else observed


@compiled
def _solved(information: Floats, score: Floats) -> Floats:
    """Return information^-1 score."""
    factor, out = information.copy(), score.copy()
    factorise(factor)
    solve_in_place(factor, out)
    return out


@compiled
def _step(score: Floats, information: Floats, between: float, held: bool) -> Floats:
    """Return the maximum of score'd - d'information d / 2 over the steps that leave the group variance, the last, at 0 or above."""
    step, k = _solved(information, score), score.size - 1
    if held or between + step[k] >= 0.0:
        return step
    # On the bound the group variance goes to 0 and the others follow.
    step[k], rest = -between, np.empty(k)
    for j in range(k):
        rest[j] = score[j] + information[j, k] * between
    rest = _solved(information[:k, :k].copy(), rest)
    for j in range(k):
        step[j] = rest[j]
    return step


@compiled
def _three(step: Floats, equal_variances: bool, held: bool) -> Floats:
    """Return a step of the free variances as a step of all three."""
    out, last = np.zeros(3), step.size - 1
    out[0] = step[0]
    out[1] = step[0] if equal_variances else step[1]
    out[2] = 0.0 if held else step[last]
    return out


@compiled
def _longest(variances: Floats, step: Floats) -> float:
    """Return the share of the step, at most 1, that leaves both residual variances a share of themselves."""
    share = 1.0
    for k in range(2):
        if step[k] < 0.0:
            share = min(share, (1.0 - SHRINKS_TO) * variances[k] / -step[k])
    return share


@compiled
def uninformed(strata: Strata, equal_variances: bool) -> int:
    """Return why a variance cannot be estimated from these strata whatever the response, or `Reason.NONE`."""
    largest = 0.0
    for g in range(strata.sizes.size):
        largest = max(largest, strata.sizes[g])
    if strata.sizes.size < 2 or largest < 2.0:
        return FEW_GROUPS
    information = free_matrix(reml(strata, np.ones(3)).expected, equal_variances, False)
    factor, last = information.copy(), information.shape[0] - 1
    factorise(factor)
    for k in range(last + 1):
        if min(information[k, k], factor[k, k] ** 2) < UNINFORMED * max(information[k, k], 1.0):
            return FEW_GROUPS if k == last else Reason.NO_RESIDUAL_DF.value
    return Reason.NONE.value


@compiled
def _advance(strata: Strata, variances: Floats, fit: Reml, step: Floats) -> tuple[Floats, Reml]:
    """Return variances and likelihood after the longest of step, step/2, step/4, ... that does not lower the likelihood."""
    share, lowest = _longest(variances, step), fit.log_likelihood - ROUNDING * max(1.0, abs(fit.log_likelihood))
    there, new = variances, fit
    for _ in range(HALVINGS):
        there = variances + share * step
        there[2] = max(there[2], 0.0)
        new = reml(strata, there)
        if new.log_likelihood >= lowest:
            break
        share *= 0.5
    return there, new


@compiled
def maximise(strata: Strata, equal_variances: bool) -> tuple[Floats, Reml, int, int]:
    """Return the variances of largest restricted likelihood, the likelihood there, the number of steps, and a reason.

    Newton's method with step halving, by Fisher's scoring at first and where the likelihood is not concave; each step maximises its
    quadratic exactly under the bound of the group variance, so that the bound is reached and left like any other point.
    """
    variances = np.array([1.0, 1.0, FIRST_GROUP_SHARE])
    fit = reml(strata, variances)
    for iteration in range(MAX_ITERATIONS):
        held = variances[2] == 0.0 and fit.score[2] <= 0.0
        information = _curvature(fit, equal_variances, held, iteration < SCORING)
        free = _step(free_vector(fit.score, equal_variances, held), information, variances[2], held)
        decrement = 0.0
        for k in range(free.size):
            decrement += free[k] * dot(information[k], free, free.size)
        if decrement < DECREMENT:
            return variances, fit, iteration, Reason.NONE.value
        step = _three(free, equal_variances, held)
        variances, fit = _advance(strata, variances, fit, step)
        if min(variances[0], variances[1]) < VANISHED:
            return variances, fit, iteration, Reason.NO_RESIDUAL_VARIANCE.value
    return variances, fit, MAX_ITERATIONS, Reason.NO_CONVERGENCE.value


@compiled
def satterthwaite(fit: Reml, equal_variances: bool, held: bool) -> float:
    """Return 2 v^2 / var(v) for the effect's variance v, var(v) by the delta method from the observed information.

    A group variance held at 0 is taken as known, as if the model had none.
    """
    gradient = free_vector(fit.gradient, equal_variances, held)
    solved = _solved(_curvature(fit, equal_variances, held, False), gradient)
    return 2.0 * fit.variance**2 / dot(gradient, solved, gradient.size)


@compiled
def _no_fit(reason: int, design: Design, groups: int, iterations: int) -> NestedFit:
    """Return the typed absence of a fit."""
    nan = np.nan
    return NestedFit(no_estimate(reason, design.n_arm, design.n_reference), nan, nan, nan, nan, float(groups), float(iterations))


@compiled
def _residual_rows(design: Design, response: Floats) -> tuple[Floats, float, float]:
    """Return the kept basis rows and, last, the standardised residuals; the arm's coordinate; the variance, 0 if it is rounding."""
    n, p, basis = response.size, design.basis.shape[0], kept_basis(design)
    coordinates, residuals, df = np.zeros(p), response.copy(), n - design.rank
    project_out(design.basis, 0, p, residuals, n, coordinates)
    rss = dot(residuals, residuals, n)
    variance = rss / df if df > 0 and rss > CONSTANT * dot(response, response, n) else 0.0
    rows, spread = np.empty((design.rank + 1, n)), np.sqrt(variance if variance > 0.0 else 1.0)
    for i in range(n):
        for k in range(design.rank):
            rows[k, i] = basis[k, i]
        rows[design.rank, i] = residuals[i] / spread
    return rows, coordinates[p - 1], variance


@compiled
def partially_nested(trial: Trial, analysis: Analysis, group: Ints, equal_variances: bool) -> NestedFit:
    """Return the effect of an arm whose participants meet in live groups against a reference whose participants do not.

    Parameters
    ----------
    trial : Trial
        The analysis data set. Analysed are the participants of the contrast's two arms with an observed response.
    analysis : Analysis
        Response, arm, reference and covariates are used.
    group : int64 (n_participants,)
        Live group, 0, 1, 2, ...; -1 for a participant of the arm without a group, who has no group effect. What it says
        of participants of other arms is not read.
    equal_variances : bool
        Whether both arms have one residual variance; False is the planned analysis.

    Returns
    -------
    NestedFit
        Effect, standard error and Satterthwaite's degrees of freedom, and the variances; or a status with its reason.

    Raises
    ------
    ValueError
        `group` has another length than the trial.

    Source: Roberts and Roberts (2005), Clin Trials 2:152; Candlish et al. (2018), BMC Med Res Methodol 18:105.
    """
    if group.size != trial.arm.size:
        raise ValueError("group must have one value per participant of the trial")
    participants = reference_first(trial, analysis)
    design = make_design(trial, analysis, participants)
    label, sizes = number_groups(group, participants[design.n_reference :])
    reason = design.reason
    if reason == Reason.NONE.value and participants.size <= design.rank:
        reason = Reason.NO_RESIDUAL_DF.value
    if reason != Reason.NONE.value:
        return _no_fit(reason, design, sizes.size, 0)
    rows, coordinate, scale = _residual_rows(design, take(trial.values[analysis.response], participants))
    if scale == 0.0:
        return _no_fit(Reason.NO_RESIDUAL_VARIANCE.value, design, sizes.size, 0)
    strata = make_strata(rows, design.n_reference, label, sizes)
    reason = uninformed(strata, equal_variances)
    if reason != Reason.NONE.value:
        return _no_fit(reason, design, sizes.size, 0)
    variances, fit, iterations, reason = maximise(strata, equal_variances)
    if reason != Reason.NONE.value:
        return _no_fit(reason, design, sizes.size, iterations)
    length, df = design.triangle[-1, -1], satterthwaite(fit, equal_variances, variances[2] == 0.0)
    estimate, variance = (coordinate + np.sqrt(scale) * fit.coordinate) / length, scale * fit.variance / length**2
    effect = estimated(estimate, variance, df, design, variance, 0.0, 0.0)
    reference, arm, between = scale * variances[0], scale * variances[1], scale * variances[2]
    return NestedFit(effect, between, arm, reference, between / (between + arm), float(sizes.size), float(iterations))
