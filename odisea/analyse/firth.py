"""Firth's penalised logistic regression: a finite, less biased odds ratio also where covariates separate the outcomes.

The penalty log|I| / 2 takes the bias of order 1/n off the estimates and keeps them finite (Firth, Biometrika 1993;80:27;
Heinze and Schemper, Stat Med 2002;21:2409). Wald intervals mislead where outcomes are separated, so inference is by the
penalised profile likelihood. The penalty draws fitted probabilities to 1/2, so that an arm's mean fitted risk is not its
observed share; a marginal effect of such a fit is therefore corrected by the mean residual of each arm (augmented
g-computation, section 3 of the specification). Specification: docs/statistics/firth.md.
"""

from typing import NamedTuple

from odisea.analyse.logistic_profile import Maximum, Profile, maximise, profile
from odisea.data.trial import Floats


class FirthFit(NamedTuple):
    """A penalised fit with what its profile says about the last column's coefficient.

    Parameters
    ----------
    maximum : Maximum
        Coefficients, inverse information and penalised log likelihood.
    profile : Profile
        Penalised profile interval and penalised likelihood ratio test.
    """

    maximum: Maximum
    profile: Profile


def fit_firth(columns: Floats, outcome: Floats, alpha: float) -> FirthFit:
    """Return the penalised fit of outcomes 0 and 1; the arm's coefficient is the last.

    Parameters
    ----------
    columns : float64 (n, p)
        The design, of full rank, the intercept among it and the arm last.
    outcome : float64 (n,)
        0 or 1, both present or not.
    alpha : float
        The profile interval's coverage is 1 - alpha.
    """
    best = maximise(columns, outcome, True)
    return FirthFit(best, profile(columns, outcome, True, best, alpha))
