"""The analysis data set and the analysis as plain numbers: what every estimator takes and gives.

`Trial`, `Analysis` and `Estimate` are named tuples of numbers and C-contiguous arrays, so that compiled estimators take
them as they are. Arms, visits and covariates are indices: another trial needs no new compilation. Nothing in them tells
whether the data are simulated.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Method(IntEnum):
    """The estimators that `odisea.analyse.estimate.estimate` knows."""

    ANCOVA = 0
    ANCOVA_MI = 1
    ANCOVA_MI_LIMIT = 2
    RESPONDER_LOG_ODDS_RATIO = 3
    RESPONDER_RISK_DIFFERENCE = 4
    RESPONDER_LOG_RISK_RATIO = 5
    RESPONDER_MARGINAL_LOG_ODDS_RATIO = 6
    SINGLE = 100  # carried out per trial by the file that the registry names, never inside the loop


class Variance(IntEnum):
    """The variance of an estimate; which ones a method has, `odisea.protocol.methods` says."""

    MODEL = 0  # least squares, information matrix, Rubin's rules
    HC2 = 1
    HC3 = 2
    JACKKNIFE = 3
    YE = 4
    GE = 5  # delta method, covariates fixed, model-based information
    INFLUENCE = 6


class Assumption(IntEnum):
    """What imputation supposes about those whose outcome is missing."""

    WITHIN_ARM = 0  # missing at random: like the observed of the own arm with the same variables
    JUMP_TO_REFERENCE = 1  # like the observed of the reference arm


class Rule(IntEnum):
    """When a participant is a responder; `Analysis.threshold` holds the number."""

    IMPROVEMENT = 0  # by at least so many points
    PERCENT = 1  # by at least so many percent of the baseline
    ATTAINED = 2  # the outcome itself is at least as good as the number


class Status(IntEnum):
    """What became of an estimate; the names are those of the result files in lower case."""

    OK = 0
    NOT_ESTIMABLE = 1
    SEPARATED = 2
    REFUSED = 3
    NOT_CONVERGED = 4


class Reason(IntEnum):
    """Why an estimate is not `OK`."""

    NONE = 0
    EMPTY_ARM = 1
    NO_RESIDUAL_DF = 2
    ARM_ALIASED = 3
    IMPUTATION_RANK_DEFICIENT = 4
    IMPUTATION_FEW_DF = 5
    SEPARATION = 6
    NO_CONVERGENCE = 7
    MISSING_COVARIATE = 8
    ALL_OR_NO_EVENTS = 9
    NO_RESIDUAL_VARIANCE = 10
    FEW_GROUPS = 11
    ONE_FOLLOW_UP = 12
    LEVERAGE_ONE = 13
    GROUPS_NOT_RECORDED = 14
    ALLOCATION_NOT_KNOWN = 15
    VISITS_APART = 16
    NO_BASELINE = 17


REASON_TEXT = {
    Reason.NONE: "",
    Reason.EMPTY_ARM: "an arm of the contrast has no participant with an observed outcome",
    Reason.NO_RESIDUAL_DF: "no residual degrees of freedom: more coefficients than observed outcomes allow",
    Reason.ARM_ALIASED: "the arm cannot be told apart from the covariates among the analysed participants",
    Reason.IMPUTATION_RANK_DEFICIENT: "the imputation design is rank deficient in an arm: a covariate level has no observed outcome there",
    Reason.IMPUTATION_FEW_DF: "the imputation model has two or fewer residual degrees of freedom in an arm",
    Reason.SEPARATION: "the covariates separate responders from non-responders: the maximum likelihood estimate does not exist",
    Reason.NO_CONVERGENCE: "the maximum likelihood iterations did not converge",
    Reason.MISSING_COVARIATE: "a covariate or imputation variable is missing for a randomised participant",
    Reason.ALL_OR_NO_EVENTS: "all analysed participants, or none of them, are responders",
    Reason.NO_RESIDUAL_VARIANCE: "the model fits every outcome exactly: there is no residual variance to judge the effect by",
    Reason.FEW_GROUPS: "the variance between live groups cannot be estimated: fewer than two of them, none with two analysed participants, "
    "or a covariate that tells them apart",
    Reason.ONE_FOLLOW_UP: "the outcome has one follow-up visit: a model for repeated measures needs two or more",
    Reason.LEVERAGE_ONE: "a participant determines a coefficient alone: HC2, HC3 and the jackknife do not exist",
    Reason.GROUPS_NOT_RECORDED: "the live-session group of the participants is not recorded",
    Reason.ALLOCATION_NOT_KNOWN: "the order of randomisation is not known: nothing can be drawn again",
    Reason.VISITS_APART: "no participant has both of two visits: their covariance cannot be estimated",
    Reason.NO_BASELINE: "the outcome has no baseline, which the model takes for its first response",
}


class Trial(NamedTuple):
    """One trial as its analyses see it; made by `make_trial`.

    Parameters
    ----------
    values : float64 (n_rows, n_participants)
        One row per covariate column and per outcome at a visit (`odisea.data.derive.trial_rows` names them); NaN is missing.
    arm : int64 (n_participants,)
        Index of the participant's arm in the protocol's list of arms.
    seed, replicate : int
        The analysis key: keys the imputation draws together with the participant's place in the order of identifiers.
    """

    values: Floats
    arm: Ints
    seed: int
    replicate: int


class Analysis(NamedTuple):
    """One planned analysis as row indices and numbers; made by `odisea.analyse.plan.lower_plan`.

    Parameters
    ----------
    method : int
        A `Method`.
    response, baseline : int
        Rows of the outcome at the analysed visit and at baseline (-1: none).
    arm, reference : int
        Arms of the contrast; the effect is arm minus reference.
    covariates, imputation : int64 arrays
        Rows of the analysis model's covariates and of the imputation model's variables.
    m : int
        Number of imputations.
    threshold, direction : float
        A responder improves by at least `threshold`; direction is -1 where lower values are better, else +1.
    non_responder : int
        1 where a missing outcome counts as non-response, else 0 (complete case).
    variance, assumption, rule : int
        A `Variance`, an `Assumption` and a `Rule`.
    delta_arm, delta_reference : float
        Added to every imputed value of the arm and of the reference.
    """

    method: int
    response: int
    baseline: int
    arm: int
    reference: int
    covariates: Ints
    imputation: Ints
    m: int
    threshold: float
    direction: float
    non_responder: int
    variance: int = 0
    assumption: int = 0
    rule: int = 0
    delta_arm: float = 0.0
    delta_reference: float = 0.0


class Estimate(NamedTuple):
    """What an estimator returns; NaN where a number does not exist.

    Parameters
    ----------
    estimate, se, df : float
        Effect (arm minus reference), its standard error and the degrees of freedom of its reference distribution (inf: normal).
    n_arm, n_reference : float
        Participants who enter the estimate.
    within, between, mcse : float
        Within- and between-imputation variance and the Monte Carlo standard error of the estimate (0 where nothing is drawn).
    status, reason : float
        A `Status` and a `Reason`.
    """

    estimate: float
    se: float
    df: float
    n_arm: float
    n_reference: float
    within: float
    between: float
    mcse: float
    status: float
    reason: float


N_FIELDS = len(Estimate._fields)


def make_trial(values: Floats, arm: Ints, seed: int, replicate: int = 0) -> Trial:
    """Return a `Trial` over contiguous copies.

    Parameters
    ----------
    values : (n_rows, n_participants)
        Participants in the order of their identifiers.
    arm : (n_participants,)
        Arm indices, 0 or above.
    seed, replicate : int
        The analysis key.

    Raises
    ------
    ValueError
        The shapes do not agree.
    """
    rows = np.array(values, dtype=np.float64, order="C")
    arms = np.array(arm, dtype=np.int64, order="C")
    if rows.ndim != 2 or arms.shape != rows.shape[1:]:
        raise ValueError(f"values has shape {rows.shape} and arm {arms.shape}; (rows, n) and (n,) are needed")
    return Trial(rows, arms, int(seed), int(replicate))
