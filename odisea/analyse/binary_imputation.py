"""Multiple imputation of an outcome that is 0 or 1 itself, within arm, by logistic regression.

Such an outcome has no score to impute. Each arm's observed outcomes are regressed on the imputation variables by Firth's
penalised likelihood, whose maximum is the posterior mode under Jeffreys' prior and exists also where variables separate
the outcomes. An imputation draws coefficients from the normal approximation of the posterior and an outcome from the
probability that they give (Rubin, Multiple Imputation, 1987, p. 169). Specification: docs/statistics/responder.md.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from odisea.analyse.logistic_profile import maximise
from odisea.data.trial import Analysis, Floats, Ints, Reason, Trial
from odisea.streams import Purpose, fill_normal, fill_uniform

DRAWS = 4  # one address of the random stream gives four numbers: those of four imputations
MAX_COEFFICIENTS = 1 << 10  # addresses of one arm's coefficients do not reach the next arm's
FEWEST_DF = 2  # as for a score: fewer say nothing about the coefficients


class BinaryModel(NamedTuple):
    """The imputation model of one arm.

    Parameters
    ----------
    missing : int64 (k,)
        Participants of the arm without an outcome.
    columns : float64 (k, q)
        Their imputation variables, the intercept first.
    mode : float64 (q,)
        Posterior mode of the coefficients.
    root : float64 (q, q)
        A root R of their posterior covariance R R'.
    reason : int
        `Reason.NONE`, or why there is no model.
    """

    missing: Ints
    columns: Floats
    mode: Floats
    root: Floats
    reason: int


def binary_model(trial: Trial, analysis: Analysis, arm: int) -> BinaryModel:
    """Return the imputation model of one arm; where nothing is missing it is empty and never refused."""
    response, own = trial.values[analysis.response], trial.arm == arm
    missing, seen = np.flatnonzero(own & np.isnan(response)), np.flatnonzero(own & ~np.isnan(response))
    rows = [row for row in analysis.imputation if np.any(trial.values[row] != 0.0)]  # nobody's level makes no column
    columns, reason = np.column_stack([np.ones(trial.arm.size), *trial.values[rows]]), Reason.NONE
    q = columns.shape[1]
    nothing = BinaryModel(missing, columns[missing], np.zeros(q), np.zeros((q, q)), int(Reason.NONE))
    if missing.size == 0:
        return nothing
    centred = (columns[seen] - columns[seen].mean(axis=0))[:, 1:] if seen.size else columns[seen, 1:]
    spread = centred.std(axis=0) if seen.size else np.zeros(q - 1)
    if np.isnan(columns[own]).any():
        reason = Reason.MISSING_COVARIATE
    elif seen.size == 0:
        reason = Reason.EMPTY_ARM
    elif (spread == 0.0).any() or np.linalg.matrix_rank(centred / spread) < q - 1:
        reason = Reason.IMPUTATION_RANK_DEFICIENT
    elif seen.size - q <= FEWEST_DF:
        reason = Reason.IMPUTATION_FEW_DF
    if reason != Reason.NONE:
        return nothing._replace(reason=int(reason))
    fit = maximise(columns[seen], response[seen], True)
    if not fit.converged:
        return nothing._replace(reason=int(Reason.NO_CONVERGENCE))
    root: Floats = np.linalg.cholesky(fit.covariance).astype(np.float64)
    return nothing._replace(mode=fit.coefficients, root=root)


def impute_binary(trial: Trial, analysis: Analysis, models: tuple[BinaryModel, BinaryModel], m: int) -> Floats:
    """Return m completed outcomes (m, n); the draws are keyed by trial, purpose, participant or arm, and imputation.

    Parameters
    ----------
    trial, analysis
        The trial and the contrast.
    models : (BinaryModel, BinaryModel)
        Of the arm and of the reference, none refused.
    m : int
        Number of imputations; the first ones are the same whatever m.
    """
    completed = np.tile(trial.values[analysis.response], (m, 1))
    for model, arm in zip(models, (analysis.arm, analysis.reference), strict=True):
        units = arm * MAX_COEFFICIENTS + np.arange(model.mode.size)
        normal, uniform = np.empty((DRAWS, units.size)), np.empty((DRAWS, model.missing.size))
        for j in range(m):
            if j % DRAWS == 0:
                fill_normal(trial.seed, trial.replicate, int(Purpose.IMPUTATION_COEFFICIENTS), j // DRAWS, units, normal)
                fill_uniform(trial.seed, trial.replicate, int(Purpose.IMPUTATION_NOISE), j // DRAWS, model.missing, uniform)
            coefficients = model.mode + model.root @ normal[j % DRAWS]
            completed[j, model.missing] = uniform[j % DRAWS] < expit(model.columns @ coefficients)
    return completed
