"""Repeated measures of a participant as one response: linear models with a covariance matrix, by restricted maximum likelihood.

Every participant has a row of visits, some of them missing; participants are independent and share one covariance matrix
Sigma of their visits, unstructured (`fit_unstructured`) or that of a random intercept (`fit_random_intercept`). Sigma is
linear in its parameters, so its second derivatives vanish: the observed information is exact, and Kenward and Roger's
correction needs no second-order term. Specification, decisions and sources: docs/statistics/mmrm.md.

Participants with the same visits observed form a pattern. What depends on Sigma alone is computed once per pattern, and
what depends on the participants is a few products of matrices per pattern.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.data.trial import Floats, Ints, Reason

DEPENDENT = 1e-7  # share of a column's length left beside the earlier ones, as in R's `lm`
DECREMENT = 1e-22  # squared distance to the maximum, in standard errors of the covariance parameters
ENOUGH = 1e-16  # the same where rounding lets it shrink no more
MAX_ITERATIONS = 100
EM_STEPS = 3
HALVINGS = 30
SHRINKS_TO = 0.1  # no direction of Sigma loses more than this to one step
VANISHED = 1e-7  # smallest eigenvalue of the correlation matrix that is not taken for 0
EXACT_FIT = 1e-20  # share of the response's sum of squares that is rounding
UNINFORMED = 1e-11  # smallest eigenvalue of the scaled information that rounding (1e-14 or so) has not left
ROUNDING = 1e-10  # change of the log likelihood that is no descent but rounding
FIRST_CORRELATION = 0.3
SHARED_COVARIANCE = 2  # parameters of a random intercept's covariance matrix, at most


class Pattern(NamedTuple):
    """The participants who have the same visits observed.

    Parameters
    ----------
    visits : int64 (k,)
        Observed visits.
    rows : float64 (k, n, q)
        Orthonormal design and, last, standardised least squares residual of each participant at each of these visits.
    """

    visits: Ints
    rows: Floats


class Problem(NamedTuple):
    """A response and a design in the coordinates in which the likelihood is maximised.

    Parameters
    ----------
    patterns : tuple of Pattern
        In the order of the first participant.
    visits : int
        Number of visits.
    kept : bool (p,)
        Columns of the design kept; the others are in the span of earlier ones.
    triangle : float64 (r, r)
        R of X = Q R, kept columns.
    least_squares : float64 (r,)
        Least squares coefficients.
    scale : float
        Residual standard deviation of least squares, the unit of the residuals.
    df : int
        Observations less kept columns.
    reason : int
        `Reason.NONE`, or why there is nothing to fit.
    """

    patterns: tuple[Pattern, ...]
    visits: int
    kept: NDArray[np.bool_]
    triangle: Floats
    least_squares: Floats
    scale: float
    df: int
    reason: int


class Reml(NamedTuple):
    """The restricted likelihood and its derivatives at a covariance matrix.

    Parameters
    ----------
    sigma : float64 (v, v)
        Covariance matrix of the visits.
    log_likelihood : float
        Without constants.
    score, observed, expected : float64 (m,), (m, m), (m, m)
        Derivatives by the parameters, and the two informations about them.
    factor : float64 (q, q)
        Cholesky factor L of W'V^-1 W, W the design and the response.
    inverses : float64 (g, v, v)
        Inverse of each pattern's part of Sigma, 0 where a visit is not observed.
    white : tuple of float64 (k, n, q)
        V^-1 W L'^-1 by pattern.
    derivatives : float64 (m, q, q)
        L^-1 W'V^-1 V_k V^-1 W L'^-1 for the derivatives V_k of V by the parameters.
    """

    sigma: Floats
    log_likelihood: float
    score: Floats
    observed: Floats
    expected: Floats
    factor: Floats
    inverses: Floats
    white: tuple[Floats, ...]
    derivatives: Floats


class MmrmFit(NamedTuple):
    """A model for repeated measures, fitted.

    Parameters
    ----------
    coefficients : float64 (p,)
        Generalised least squares coefficients; NaN for a column in the span of earlier ones, and all NaN without a fit.
    covariance_of_coefficients : float64 (p, p)
        (X'V^-1X)^-1, not corrected for the estimation of Sigma; NaN as above.
    sigma : float64 (v, v)
        Covariance matrix of the visits.
    log_likelihood : float
        Restricted log likelihood with all its constants in the convention of R's `nlme::gls` and `lme4`.
    iterations : int
        Newton steps.
    converged : bool
        Whether the maximum was reached.
    reason : int
        `Reason.NONE`, or why there is no fit.
    parameters : float64 (m,)
        Of the covariance matrix: its lower triangle row by row, or (between participants, residual) variance.
    problem : Problem
        What was fitted.
    reml : Reml or None
        The likelihood at the maximum, in the problem's coordinates.
    structure : float64 (v * v, m)
        Derivatives of Sigma by the parameters.
    """

    coefficients: Floats
    covariance_of_coefficients: Floats
    sigma: Floats
    log_likelihood: float
    iterations: int
    converged: bool
    reason: int
    parameters: Floats
    problem: Problem
    reml: Reml | None
    structure: Floats


class Inference(NamedTuple):
    """A linear combination of coefficients, its standard error and the degrees of freedom of its t statistic."""

    estimate: float
    se: float
    df: float


class _Direction(NamedTuple):
    """A linear combination of coefficients in the coordinates of a fit: its estimate, and what its variance depends on.

    Parameters
    ----------
    estimate, variance : float
        l'b and v = l'(X'V^-1X)^-1 l.
    coordinates : float64 (q - 1,)
        Of l along the whitened design; their squares sum to v.
    gradient : float64 (m,)
        Derivatives of v by the parameters.
    covariance : float64 (m, m)
        Of the parameters: the inverse of their observed information.
    """

    estimate: float
    variance: float
    coordinates: Floats
    gradient: Floats
    covariance: Floats


def unstructured(visits: int) -> Floats:
    """Return the derivatives (v * v, v (v + 1) / 2) of a covariance matrix by its lower triangle, row by row."""
    rows, columns = np.tril_indices(visits)
    structure, places = np.zeros((visits, visits, rows.size)), np.arange(rows.size)
    structure[rows, columns, places] = 1.0
    structure[columns, rows, places] = 1.0
    return structure.reshape(visits * visits, rows.size)


def compound_symmetry(visits: int) -> Floats:
    """Return the derivatives (v * v, 2) of a random intercept's covariance by its variances between and within participants."""
    return np.column_stack([np.ones(visits * visits), np.eye(visits).ravel()])


def fit_unstructured(response: Floats, design: Floats, start: Floats | None = None) -> MmrmFit:
    """Return the fit of a linear model whose visits have a common unstructured covariance matrix.

    Parameters
    ----------
    response : float64 (n, v)
        Participants by visits; NaN is missing. Participants without any response do not count.
    design : float64 (n, v, p)
        Columns of the model at each participant's visits; not read where the response is missing.
    start : float64 (v, v) or None
        A covariance matrix near the answer (that of the full data in a jackknife), in the units of the response.

    Returns
    -------
    MmrmFit
        The maximum of the restricted likelihood, or the reason why there is none.

    Source: Jennrich and Schluchter (1986), Biometrics 42:805 (Newton and scoring algorithms for incomplete visits).
    """
    return _fit(_prepare(response, design), unstructured(response.shape[1]), start)


def fit_random_intercept(response: Floats, design: Floats) -> MmrmFit:
    """Return the fit of a linear model with a random intercept per participant; parameters as for `fit_unstructured`.

    The variance between participants is 0 or above; where the likelihood would have it below, the model is the one
    without it, which has the one parameter of the residual variance.
    """
    problem, visits = _prepare(response, design), response.shape[1]
    fit = _fit(problem, compound_symmetry(visits), None)
    if fit.reason == Reason.NONE and fit.parameters[0] < 0.0:
        return _fit(problem, compound_symmetry(visits)[:, 1:], None)
    return fit


def _prepare(response: Floats, design: Floats) -> Problem:
    """Return the problem in orthonormal coordinates; the response becomes the standardised residual of least squares."""
    seen = ~np.isnan(response)
    y, stacked = response[seen], design[seen]
    kept, basis, triangle = _orthonormal(stacked)
    coordinates = basis.T @ y
    residuals = y - basis @ coordinates
    residuals -= basis @ (basis.T @ residuals)
    df, rss = y.size - kept.sum(), float(residuals @ residuals)
    reason = Reason.NO_RESIDUAL_DF if df <= 0 else Reason.NONE if rss > EXACT_FIT * float(y @ y) else Reason.NO_RESIDUAL_VARIANCE
    scale = float(np.sqrt(rss / df)) if reason == Reason.NONE else 1.0
    rows = np.zeros((*response.shape, basis.shape[1] + 1))
    rows[seen] = np.column_stack([basis, residuals / scale])
    least_squares = _solved(triangle, coordinates)
    return Problem(_patterns(seen, rows), response.shape[1], kept, triangle, least_squares, scale, int(df), int(reason))


def _orthonormal(columns: Floats) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Return which columns are kept, and Q and R of them; of dependent columns the last goes first."""
    kept, lengths = np.ones(columns.shape[1], dtype=np.bool_), np.sqrt(np.square(columns).sum(axis=0))
    while True:
        places = np.flatnonzero(kept)
        basis, triangle = np.linalg.qr(columns[:, places])
        left = np.zeros(places.size)
        left[: triangle.shape[0]] = np.abs(np.diag(triangle))
        dependent = np.flatnonzero(left <= DEPENDENT * lengths[places])
        if dependent.size == 0:
            return kept, basis, triangle
        kept[places[dependent[0]]] = False  # what is left of the later columns has to be seen without it


def _patterns(seen: NDArray[np.bool_], rows: Floats) -> tuple[Pattern, ...]:
    """Return the participants by observed visits."""
    members: dict[bytes, list[int]] = {}
    for participant in np.flatnonzero(seen.any(axis=1)):
        members.setdefault(seen[participant].tobytes(), []).append(int(participant))
    found = []
    for participants in members.values():
        visits = np.flatnonzero(seen[participants[0]])
        found.append(Pattern(visits, np.ascontiguousarray(rows[participants][:, visits].transpose(1, 0, 2))))
    return tuple(found)


def _solved(matrix: Floats, right: Floats) -> Floats:
    """Return the solution of a system of equations."""
    return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)


def _expand(visits: Ints, matrix: Floats, size: int) -> Floats:
    """Return a pattern's matrix at its places among all visits."""
    out = np.zeros((size, size))
    out[np.ix_(visits, visits)] = matrix
    return out


def _second(structure: Floats, left: Floats, inverses: Floats) -> Floats:
    """Return the sum over patterns of tr(V_j S^-1 V_k F) (m, m) for symmetric F = `left` (g, v, v)."""
    patterns, visits = left.shape[:2]
    pairs = left.reshape(patterns, -1).T @ inverses.reshape(patterns, -1)
    by_element = pairs.reshape(visits, visits, visits, visits).transpose(0, 2, 3, 1).reshape(visits**2, visits**2)
    out: Floats = structure.T @ by_element @ structure
    return out


def _likelihood(problem: Problem, sigma: Floats) -> tuple[float, Floats, list[Floats], list[Floats]]:
    """Return the restricted log likelihood, L, and by pattern S^-1 and S^-1 W; fails where Sigma is not positive definite."""
    log_determinant, inverses, weighted, q = 0.0, [], [], problem.triangle.shape[0] + 1
    products = np.zeros((q, q))
    for visits, rows in problem.patterns:
        root = np.linalg.inv(np.linalg.cholesky(sigma[np.ix_(visits, visits)]))
        log_determinant -= 2.0 * rows.shape[1] * float(np.log(np.diag(root)).sum())
        inverses.append(root.T @ root)
        weighted.append((inverses[-1] @ rows.reshape(visits.size, -1)).reshape(rows.shape))
        products += rows.reshape(-1, q).T @ weighted[-1].reshape(-1, q)
    factor = np.linalg.cholesky(products)
    log_likelihood = -0.5 * (log_determinant + factor[-1, -1] ** 2) - float(np.log(np.diag(factor)[:-1]).sum())
    return log_likelihood, factor, inverses, weighted


def _reml(problem: Problem, structure: Floats, sigma: Floats) -> Reml:
    """Return the restricted likelihood and its derivatives.

    With P projecting the design out: T = tr(P V_j P V_k) / 2 is the expected information, and 2 A - T the observed, where
    A = y'P V_j P V_k P y / 2 is the average of both. L whitens design and response at once: along the columns of V^-1 W L'^-1
    but the last lies the design, and the last is P y over its length.
    """
    log_likelihood, factor, small, weighted = _likelihood(problem, sigma)
    v, q, square, whitening = problem.visits, factor.shape[0], factor[-1, -1] ** 2, np.linalg.inv(factor).T
    patterns = len(small)
    inverses, fixed, residual = np.zeros((patterns, v, v)), np.zeros((patterns, v, v)), np.zeros((patterns, v, v))
    by_visits, white = np.zeros((v, v, q, q)), []
    sizes = np.array([pattern.rows.shape[1] for pattern in problem.patterns], dtype=np.float64)
    for g, (pattern, inverse, rows) in enumerate(zip(problem.patterns, small, weighted, strict=True)):
        k, n = rows.shape[:2]
        white.append((rows.reshape(-1, q) @ whitening).reshape(rows.shape))
        flat = white[-1].transpose(1, 0, 2).reshape(n, k * q)
        products = (flat.T @ flat).reshape(k, q, k, q).transpose(0, 2, 1, 3)
        inverses[g] = _expand(pattern.visits, inverse, v)
        fixed[g] = _expand(pattern.visits, np.trace(products[:, :, :-1, :-1], axis1=2, axis2=3), v)
        residual[g] = _expand(pattern.visits, square * products[:, :, -1, -1], v)
        by_visits[np.ix_(pattern.visits, pattern.visits)] += products
    derivatives = (structure.T @ by_visits.reshape(v * v, q * q)).reshape(-1, q, q)
    weights = sizes[:, None, None] * inverses
    score = -0.5 * structure.T @ (weights - fixed - residual).sum(axis=0).ravel()
    design, towards = derivatives[:, :-1, :-1].reshape(score.size, -1), derivatives[:, :-1, -1]
    expected = 0.5 * (_second(structure, weights - 2.0 * fixed, inverses) + design @ design.T)
    average = 0.5 * (_second(structure, residual, inverses) - square * towards @ towards.T)
    return Reml(sigma, log_likelihood, score, 2.0 * average - expected, expected, factor, inverses, tuple(white), derivatives)


def _matrix(structure: Floats, parameters: Floats) -> Floats:
    """Return the covariance matrix."""
    visits = round(np.sqrt(structure.shape[0]))
    return (structure @ parameters).reshape(visits, visits)


def _first(problem: Problem, structure: Floats, start: Floats | None) -> Floats:
    """Return the parameters to begin with: those of `start`, or of each visit's mean square with equal correlations."""
    if start is not None:
        sigma = start / problem.scale**2
    else:
        sums, counts = np.zeros(problem.visits), np.zeros(problem.visits)
        for visits, rows in problem.patterns:
            sums[visits] += np.square(rows[:, :, -1]).sum(axis=1)
            counts[visits] += rows.shape[1]
        sd = np.sqrt(np.maximum(sums, EXACT_FIT) / np.maximum(counts, 1.0))
        sigma = np.outer(sd, sd) * (FIRST_CORRELATION + (1.0 - FIRST_CORRELATION) * np.eye(sd.size))
    return _nearest(structure, sigma)


def _nearest(structure: Floats, sigma: Floats) -> Floats:
    """Return the parameters of the covariance matrix nearest to `sigma`."""
    return np.asarray(np.linalg.lstsq(structure, sigma.ravel(), rcond=None)[0], dtype=np.float64)


def _solvable(information: Floats) -> bool:
    """Return whether an information matrix is positive definite."""
    try:
        np.linalg.cholesky(information)
    except np.linalg.LinAlgError:
        return False
    return True


def _informed(information: Floats) -> bool:
    """Return whether there is information about every parameter beside the others."""
    own = np.diag(information)
    if own.min() <= 0.0:
        return False
    return bool(np.linalg.eigvalsh(information / np.sqrt(np.outer(own, own)))[0] > UNINFORMED)


def _log_likelihood(problem: Problem, sigma: Floats) -> float:
    """Return the restricted log likelihood, minus infinity where Sigma is not positive definite up to rounding."""
    try:
        return _likelihood(problem, sigma)[0]
    except np.linalg.LinAlgError:
        return -np.inf


def _advance(problem: Problem, structure: Floats, parameters: Floats, step: Floats, fit: Reml) -> tuple[Floats, Reml]:
    """Return parameters and likelihood after the longest of step, step/2, ... that keeps Sigma positive and the likelihood up."""
    root = np.linalg.inv(np.linalg.cholesky(fit.sigma))
    shrinks = -float(np.linalg.eigvalsh(root @ _matrix(structure, step) @ root.T)[0])
    share = min(1.0, (1.0 - SHRINKS_TO) / shrinks) if shrinks > 0.0 else 1.0
    lowest = fit.log_likelihood - ROUNDING * max(1.0, abs(fit.log_likelihood))
    for _ in range(HALVINGS):
        there = parameters + share * step
        if _log_likelihood(problem, _matrix(structure, there)) >= lowest:
            return there, _reml(problem, structure, _matrix(structure, there))
        share *= 0.5
    return parameters, fit


def _expectation(problem: Problem, structure: Floats, parameters: Floats) -> Floats:
    """Return the parameters after the EM steps of an unstructured Sigma: towards the maximum from anywhere, if slowly."""
    participants = sum(pattern.rows.shape[1] for pattern in problem.patterns)
    for _ in range(EM_STEPS):
        fit = _reml(problem, structure, _matrix(structure, parameters))
        # Off the diagonal a parameter stands for two elements, which share its score.
        gradient = (structure / structure.sum(axis=0) @ fit.score).reshape(fit.sigma.shape)
        sigma = fit.sigma + 2.0 / participants * fit.sigma @ gradient @ fit.sigma
        parameters = _nearest(structure, sigma)
    return parameters


def _maximise(problem: Problem, structure: Floats, parameters: Floats) -> tuple[Floats, Reml, int, Reason]:
    """Return the parameters of largest restricted likelihood by Newton's method with step halving, the steps taken, and a reason.

    Where the observed information is not positive definite the expected takes its place (Fisher's scoring).
    """
    fit, decrement = _reml(problem, structure, _matrix(structure, parameters)), np.inf
    variances = np.diag(fit.sigma).copy()
    for iteration in range(MAX_ITERATIONS):
        information = fit.observed if _solvable(fit.observed) else fit.expected
        if not _solvable(information):
            return parameters, fit, iteration, Reason.NO_RESIDUAL_DF
        step = _solved(information, fit.score)
        before, decrement = decrement, float(step @ fit.score)
        if decrement < DECREMENT or before <= decrement < ENOUGH:
            return parameters, fit, iteration, Reason.NONE if _informed(fit.observed) else Reason.NO_RESIDUAL_DF
        parameters, fit = _advance(problem, structure, parameters, step, fit)
        if float(np.linalg.eigvalsh(fit.sigma / np.sqrt(np.outer(variances, variances)))[0]) < VANISHED:
            return parameters, fit, iteration, Reason.NO_RESIDUAL_VARIANCE
    return parameters, fit, MAX_ITERATIONS, Reason.NO_CONVERGENCE


def _unidentified(problem: Problem, structure: Floats) -> int:
    """Return why the covariance cannot be estimated from who was observed when, or `Reason.NONE`."""
    together = np.zeros((problem.visits, problem.visits))
    for visits, rows in problem.patterns:
        together[np.ix_(visits, visits)] += rows.shape[1]
    if not np.all(np.diag(together)):
        return Reason.NO_RESIDUAL_DF
    pairs = together[np.tril_indices(problem.visits, -1)]
    # A random intercept's covariance is the same for all pairs of visits: one pair shows it.
    apart = pairs == 0.0 if structure.shape[1] > SHARED_COVARIANCE else np.array([pairs.sum() == 0.0 and structure.shape[1] > 1])
    return Reason.VISITS_APART if apart.any() else Reason.NONE


def _fit(problem: Problem, structure: Floats, start: Floats | None) -> MmrmFit:
    """Return the fit, in the units of the response."""
    reason = problem.reason or _unidentified(problem, structure)
    if reason != Reason.NONE:
        return _no_fit(problem, structure, 0, reason)
    try:
        parameters = _first(problem, structure, start)
        if start is None and structure.shape[1] > SHARED_COVARIANCE:
            parameters = _expectation(problem, structure, parameters)
        parameters, reml, iterations, reason = _maximise(problem, structure, parameters)
    except np.linalg.LinAlgError:  # on the way Sigma became singular: the likelihood has its supremum there
        return _no_fit(problem, structure, 0, Reason.NO_RESIDUAL_VARIANCE)
    if reason != Reason.NONE:
        return _no_fit(problem, structure, iterations, reason)
    return _finished(problem, structure, parameters, reml, iterations)


def _finished(problem: Problem, structure: Floats, parameters: Floats, reml: Reml, iterations: int) -> MmrmFit:
    """Return a converged fit in the units of the response.

    L = [[M, 0], [w', s]] with M M' = Q'V^-1 Q, so the coordinates b of the residuals solve M'b = w.
    """
    rank, p = problem.triangle.shape[0], problem.kept.size
    loadings = problem.scale * np.linalg.inv(problem.triangle) @ np.linalg.inv(reml.factor[:rank, :rank]).T
    coefficients, covariance = np.full(p, np.nan), np.full((p, p), np.nan)
    coefficients[problem.kept] = problem.least_squares + loadings @ reml.factor[rank, :rank]
    covariance[np.ix_(problem.kept, problem.kept)] = loadings @ loadings.T
    constant = problem.df * np.log(2.0 * np.pi * problem.scale**2) + 2.0 * np.log(np.abs(np.diag(problem.triangle))).sum()
    return MmrmFit(
        coefficients=coefficients,
        covariance_of_coefficients=covariance,
        sigma=problem.scale**2 * reml.sigma,
        log_likelihood=reml.log_likelihood - 0.5 * float(constant),
        iterations=iterations,
        converged=True,
        reason=int(Reason.NONE),
        parameters=problem.scale**2 * parameters,
        problem=problem,
        reml=reml,
        structure=structure,
    )


def _no_fit(problem: Problem, structure: Floats, iterations: int, reason: int) -> MmrmFit:
    """Return the typed absence of a fit."""
    p, v, m = problem.kept.size, problem.visits, structure.shape[1]
    nothing = np.full(p, np.nan), np.full((p, p), np.nan), np.full((v, v), np.nan), np.nan
    return MmrmFit(*nothing, iterations, False, int(reason), np.full(m, np.nan), problem, None, structure)


def _direction(fit: MmrmFit, reml: Reml, contrast: Floats) -> _Direction:
    """Return the linear combination `contrast`; NaN where it is made of a dropped column."""
    problem, rank = fit.problem, reml.factor.shape[0] - 1
    if np.any(contrast[~problem.kept] != 0.0):
        return _Direction(np.nan, np.nan, np.full(rank, np.nan), np.full(reml.score.size, np.nan), np.full_like(reml.observed, np.nan))
    own = problem.scale * _solved(problem.triangle.T, contrast[problem.kept])
    coordinates = _solved(reml.factor[:rank, :rank], own)
    gradient: Floats = np.einsum("p,kpr,r->k", coordinates, reml.derivatives[:, :rank, :rank], coordinates)
    estimate = float(contrast[problem.kept] @ fit.coefficients[problem.kept])
    return _Direction(estimate, float(coordinates @ coordinates), coordinates, gradient, _solved(reml.observed, np.eye(gradient.size)))


def satterthwaite(fit: MmrmFit, contrast: Floats) -> Inference:
    """Return a linear combination of the coefficients with its model-based standard error and Satterthwaite's df.

    df = 2 v^2 / var(v) for the combination's variance v, var(v) by the delta method from the observed information about the
    covariance parameters.

    Parameters
    ----------
    fit : MmrmFit
        A converged fit.
    contrast : float64 (p,)
        Weights of the coefficients; NaN results where one of a dropped column is not 0.

    Raises
    ------
    ValueError
        The fit has none.

    Source: Giesbrecht and Burns (1985), Biometrics 41:477.
    """
    if fit.reml is None:
        raise ValueError("the model has not been fitted")
    of = _direction(fit, fit.reml, contrast)
    return Inference(of.estimate, float(np.sqrt(of.variance)), float(2.0 * of.variance**2 / (of.gradient @ of.covariance @ of.gradient)))


def kenward_roger(fit: MmrmFit, contrast: Floats) -> Inference:
    """Return a linear combination of the coefficients with Kenward and Roger's standard error and degrees of freedom.

    The parameters are the elements of Sigma (or the variances), in which V is linear: SAS's version for an unstructured
    matrix, and `Kenward-Roger-Linear` of R's mmrm. The df of one combination are Satterthwaite's, and the F scale is 1.
    With a handful of participants the corrected variance can be below 0: then the standard error is NaN.
    Parameters and errors as for `satterthwaite`.

    Source: Kenward and Roger (1997), Biometrics 53:983.
    """
    if fit.reml is None:
        raise ValueError("the model has not been fitted")
    plain, of, rank = satterthwaite(fit, contrast), _direction(fit, fit.reml, contrast), fit.reml.factor.shape[0] - 1
    squares = np.zeros_like(fit.reml.inverses)
    for g, (pattern, white) in enumerate(zip(fit.problem.patterns, fit.reml.white, strict=True)):
        loadings = white[:, :, :rank] @ of.coordinates
        squares[g] = _expand(pattern.visits, loadings @ loadings.T, fit.problem.visits)
    along = fit.reml.derivatives[:, :rank, :rank] @ of.coordinates
    lost = _second(fit.structure, squares, fit.reml.inverses) - along @ along.T
    variance = float(of.variance + 2.0 * np.sum(of.covariance * lost))
    return Inference(plain.estimate, float(np.sqrt(variance)) if variance > 0.0 else np.nan, plain.df)
