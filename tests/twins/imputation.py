"""Multiple imputation and its limit, written slowly: one regression per data set, explicit matrices, no shortcut."""

import numpy as np
from numpy.typing import NDArray

from odisea.analyse.imputation import MAX_COEFFICIENTS, MAX_IMPUTATIONS
from odisea.data.trial import Analysis, Assumption, Trial
from odisea.streams import Purpose, chi_square, normal4

Floats = NDArray[np.float64]


def design(trial: Trial, rows: NDArray[np.int64], chosen: NDArray[np.int64], last: Floats | None = None) -> Floats:
    """Intercept, the given rows in order, and a last column where given, shape (n, p)."""
    columns = [np.ones(chosen.size), *(trial.values[row][chosen] for row in rows)]
    return np.column_stack([*columns, last] if last is not None else columns)


def arm_parts(trial: Trial, analysis: Analysis, arm: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The arm's participants with and without a response."""
    missing = np.isnan(trial.values[analysis.response])
    own = trial.arm == arm
    return np.flatnonzero(own & ~missing), np.flatnonzero(own & missing)


def sources(analysis: Analysis) -> list[tuple[int, int, float]]:
    """Each arm of the contrast, the arm whose observed participants impute it, and its delta."""
    jumps = analysis.assumption == Assumption.JUMP_TO_REFERENCE
    own = (analysis.arm, analysis.reference if jumps else analysis.arm, analysis.delta_arm)
    return [own, (analysis.reference, analysis.reference, analysis.delta_reference)]


def triangle(columns: Floats) -> Floats:
    """The Cholesky factor of Z'Z turned up: R of Z = Q R with a positive diagonal."""
    return np.asarray(np.linalg.cholesky(columns.T @ columns).T, dtype=np.float64)


def impute(trial: Trial, analysis: Analysis) -> Floats:
    """The completed responses (m, n): draw sigma, draw coefficients, draw each missing response."""
    completed = np.tile(trial.values[analysis.response], (analysis.m, 1))
    for arm, source, delta in sources(analysis):
        seen, unseen = arm_parts(trial, analysis, source)[0], arm_parts(trial, analysis, arm)[1]
        z_seen, z_unseen = design(trial, analysis.imputation, seen), design(trial, analysis.imputation, unseen)
        y = trial.values[analysis.response][seen]
        fitted = np.linalg.solve(z_seen.T @ z_seen, z_seen.T @ y)
        sse, q = float(np.sum((y - z_seen @ fitted) ** 2)), z_seen.shape[1]
        for j in range(analysis.m):
            key = (trial.seed, trial.replicate)
            sigma = np.sqrt(sse / chi_square(*key, int(Purpose.IMPUTATION_VARIANCE), source * MAX_IMPUTATIONS + j, float(seen.size - q)))
            u = [normal4(*key, int(Purpose.IMPUTATION_COEFFICIENTS), source * MAX_COEFFICIENTS + k, j // 4)[j % 4] for k in range(q)]
            coefficients = fitted + sigma * np.linalg.solve(triangle(z_seen), np.array(u))
            noise = np.array([normal4(*key, int(Purpose.IMPUTATION_NOISE), int(who), j // 4)[j % 4] for who in unseen])
            completed[j, unseen] = z_unseen @ coefficients + sigma * noise + delta
    return completed


def analyse(trial: Trial, analysis: Analysis, response: Floats) -> tuple[float, float, int]:
    """Arm effect, its variance and the residual degrees of freedom in one completed data set."""
    chosen = np.flatnonzero((trial.arm == analysis.arm) | (trial.arm == analysis.reference))
    x, y = design(trial, analysis.covariates, chosen, (trial.arm[chosen] == analysis.arm) * 1.0), response[chosen]
    inverse = np.linalg.inv(x.T @ x)
    b, df = inverse @ x.T @ y, chosen.size - x.shape[1]
    return float(b[-1]), float(np.sum((y - x @ b) ** 2) / df * inverse[-1, -1]), df


def rubin(estimates: list[float], variances: list[float], df_complete: float) -> dict[str, float]:
    """Rubin's rules and the degrees of freedom of Barnard and Rubin as they print them."""
    m = len(estimates)
    mean, within = sum(estimates) / m, sum(variances) / m
    between = sum((estimate - mean) ** 2 for estimate in estimates) / (m - 1)
    total = within + (1 + 1 / m) * between
    gamma = (1 + 1 / m) * between / total
    old, observed = (m - 1) / gamma**2, (df_complete + 1) / (df_complete + 3) * df_complete * (1 - gamma)
    return {"estimate": mean, "within": within, "between": between, "total": total, "df": old * observed / (old + observed)}


def limit(trial: Trial, analysis: Analysis) -> dict[str, float]:
    """The limit of infinitely many imputations by explicit matrices (analysis plan, section 3.2)."""
    chosen = np.flatnonzero((trial.arm == analysis.arm) | (trial.arm == analysis.reference))
    place = {int(who): i for i, who in enumerate(chosen)}
    x = design(trial, analysis.covariates, chosen, (trial.arm[chosen] == analysis.arm) * 1.0)
    n, p = x.shape
    inverse = np.linalg.inv(x.T @ x)
    c, residual_maker = (inverse @ x.T)[-1], np.eye(n) - x @ inverse @ x.T
    expected, covariance = trial.values[analysis.response][chosen].copy(), np.zeros((n, n))
    for arm, source, delta in sources(analysis):
        seen, unseen = arm_parts(trial, analysis, source)[0], arm_parts(trial, analysis, arm)[1]
        if unseen.size == 0:
            continue
        z_seen, y = design(trial, analysis.imputation, seen), trial.values[analysis.response][seen]
        g = np.linalg.inv(z_seen.T @ z_seen)
        variance = float(np.sum((y - z_seen @ g @ z_seen.T @ y) ** 2)) / (seen.size - z_seen.shape[1] - 2)
        for other, others_source, _ in sources(analysis):
            if others_source == source:  # one draw of the parameters serves all whom the source imputes
                also = arm_parts(trial, analysis, other)[1]
                shared = design(trial, analysis.imputation, unseen) @ g @ design(trial, analysis.imputation, also).T
                at, there = [place[int(who)] for who in unseen], [place[int(who)] for who in also]
                covariance[np.ix_(at, there)] = variance * (shared + (np.eye(unseen.size) if other == arm else 0.0))
        expected[[place[int(who)] for who in unseen]] = design(trial, analysis.imputation, unseen) @ g @ z_seen.T @ y + delta
    df = n - p
    within = (expected @ residual_maker @ expected + np.trace(residual_maker @ covariance)) / df * inverse[-1, -1]
    between = float(c @ covariance @ c)
    share = between / (within + between)
    return {"estimate": float(c @ expected), "within": within, "between": between, "df": df * (df + 1) / (df + 3) * (1 - share)}
