"""The shares of responders as they are, without a model: intervals, difference, Fisher's exact test, chi-square.

Beside the adjusted analyses for a reader who wants to recount: Wilson's interval for each arm (J Am Stat Assoc 1927;22:209),
Newcombe's hybrid score interval for the difference (method 10, Stat Med 1998;17:873), Fisher's exact test with the
conditional odds ratio, Pearson's chi-square without continuity correction. statsmodels and scipy compute them.
Specification: docs/statistics/responder.md.
"""

from typing import Any, NamedTuple

import numpy as np

from odisea.analyse.design import in_contrast, no_estimate
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.responder import responder_outcome
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Estimate, Floats, Ints, Reason, Status, Trial


class Counts(NamedTuple):
    """Responders and participants of the two arms."""

    arm: int
    n_arm: int
    reference: int
    n_reference: int

    @property
    def shares(self) -> tuple[float, float]:
        """Share of responders in the arm and in the reference."""
        return self.arm / self.n_arm, self.reference / self.n_reference

    @property
    def table(self) -> Ints:
        """Responders and others of the arm, then of the reference."""
        return np.array([[self.arm, self.n_arm - self.arm], [self.reference, self.n_reference - self.reference]], dtype=np.int64)


class Comparison(NamedTuple):
    """What the counts of two arms say; NaN where a number does not exist.

    Parameters
    ----------
    difference, wald_se : float
        Share of the arm minus share of the reference; root of the sum of p (1 - p) / n.
    wilson_arm, wilson_reference, newcombe : (float, float)
        Limits for either share and for the difference.
    fisher_p, fisher_odds_ratio : float
        Two-sided p value (probabilities not above the observed) and conditional maximum likelihood odds ratio; infinite or 0
        where a cell is empty.
    chi2, chi2_p : float
        Pearson's statistic with one degree of freedom, no continuity correction.
    """

    difference: float
    wald_se: float
    wilson_arm: tuple[float, float]
    wilson_reference: tuple[float, float]
    newcombe: tuple[float, float]
    fisher_p: float
    fisher_odds_ratio: float
    chi2: float
    chi2_p: float


def compare_proportions(counts: Counts, alpha: float) -> Comparison:
    """Return intervals of coverage 1 - alpha and both tests; each arm needs a participant."""
    from scipy.stats import fisher_exact
    from scipy.stats.contingency import odds_ratio
    from statsmodels.stats.proportion import confint_proportions_2indep

    p1, p0 = counts.shares
    newcombe = confint_proportions_2indep(
        counts.arm, counts.n_arm, counts.reference, counts.n_reference, method="newcomb", compare="diff", alpha=alpha
    )
    chi2, chi2_p = _pearson(counts)
    return Comparison(
        difference=p1 - p0,
        wald_se=float(np.sqrt(p1 * (1.0 - p1) / counts.n_arm + p0 * (1.0 - p0) / counts.n_reference)),
        wilson_arm=_wilson(counts.arm, counts.n_arm, alpha),
        wilson_reference=_wilson(counts.reference, counts.n_reference, alpha),
        newcombe=(float(newcombe[0]), float(newcombe[1])),
        fisher_p=float(fisher_exact(counts.table).pvalue),
        fisher_odds_ratio=float(odds_ratio(counts.table, kind="conditional").statistic),
        chi2=chi2,
        chi2_p=chi2_p,
    )


def _wilson(count: int, n: int, alpha: float) -> tuple[float, float]:
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, n, alpha=alpha, method="wilson")
    return float(low), float(high)


def _pearson(counts: Counts) -> tuple[float, float]:
    """Return statistic and p value; NaN where nobody or everybody responds, because an expected count is then 0."""
    from scipy.stats import chi2_contingency

    if counts.arm + counts.reference in (0, counts.n_arm + counts.n_reference):
        return float("nan"), float("nan")
    found = chi2_contingency(counts.table, correction=False)
    return float(found.statistic), float(found.pvalue)


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return the unadjusted difference with Newcombe's interval and Fisher's p value.

    The standard error is Wald's, for description only; it is missing where both shares are 0 or 1.
    """
    analysis = planned.analysis
    participants = in_contrast(trial, analysis, analysis.non_responder == 0)
    treated = trial.arm[participants] == analysis.arm
    outcome: Floats = responder_outcome(trial, analysis, participants)
    n_arm, n_reference = int(treated.sum()), int((~treated).sum())
    if 0 in (n_arm, n_reference):
        return Single(no_estimate(Reason.EMPTY_ARM.value, n_arm, n_reference))
    if np.isnan(outcome).any():
        return Single(no_estimate(Reason.MISSING_COVARIATE.value, n_arm, n_reference))
    counts = Counts(int(outcome[treated].sum()), n_arm, int(outcome[~treated].sum()), n_reference)
    found = compare_proportions(counts, planned.alpha)
    se = found.wald_se if found.wald_se > 0.0 else float("nan")
    ok, none = float(Status.OK), float(Reason.NONE)
    estimate = Estimate(found.difference, se, np.inf, float(n_arm), float(n_reference), se * se, 0.0, 0.0, ok, none)
    return Single(estimate, (), _details(counts, found), found.newcombe, found.fisher_p)


def _details(counts: Counts, found: Comparison) -> dict[str, Any]:
    """Return counts, intervals and tests for the result file; None where a number does not exist."""
    arms = {
        "arm": {"responders": counts.arm, "n": counts.n_arm, "share": counts.shares[0], "wilson": list(found.wilson_arm)},
        "reference": {
            "responders": counts.reference,
            "n": counts.n_reference,
            "share": counts.shares[1],
            "wilson": list(found.wilson_reference),
        },
    }
    fisher = {"p": found.fisher_p, "odds_ratio": found.fisher_odds_ratio if np.isfinite(found.fisher_odds_ratio) else None}
    pearson = {key: value if np.isfinite(value) else None for key, value in (("chi2", found.chi2), ("p", found.chi2_p))}
    return {"arms": arms, "newcombe": list(found.newcombe), "fisher": fisher, "chi_square": pearson}
