"""Plain and partially nested analysis of covariance side by side, over the replicates of a scenario with live-session groups.

The partially nested model needs to know who shared a session. The power loop's analyses do not; so this loop keeps each
replicate's groups and analyses it twice.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.analyse.estimate import estimate, finish
from odisea.analyse.nested import partially_nested
from odisea.compiled import compiled
from odisea.data.derive import Recipes, build_rows
from odisea.data.trial import Analysis, Status, Trial
from odisea.performance.batch import Job, in_order
from odisea.performance.store import batch_ranges
from odisea.simulate.mechanism import Mechanism
from odisea.simulate.replicate import Cohort, make_cohort, simulate_trial

Floats = NDArray[np.float64]
FIELDS = 5  # per analysis: estimate, se, df, status, intraclass correlation (plain: NaN)
PLAIN, NESTED = 0, 1


class SideBySide(NamedTuple):
    """How often each analysis rejects at a two-sided level, and what it takes its standard error to be.

    Parameters
    ----------
    rejects, model_se, empirical_se, icc : float64 (2,)
        Plain analysis first; `icc` is the mean estimate of the partially nested model.
    failures : float64 (2,)
        Share of replicates without an estimate; they count as non-rejections.
    replicates : int
    """

    rejects: Floats
    model_se: Floats
    empirical_se: Floats
    icc: float
    failures: Floats
    replicates: int


@compiled
def run_both(
    seed: int, first: int, mechanism: Mechanism, recipes: Recipes, analysis: Analysis, cohort: Cohort, values: Floats, out: Floats
) -> bool:
    """Fill `out` (n_replicates, 2, 5) from replicate `first` on; return whether every trial could enrol."""
    for index in range(out.shape[0]):
        if not simulate_trial(seed, first + index, mechanism, cohort):
            return False
        build_rows(cohort.recorded, recipes, values)
        trial = Trial(values, cohort.arm, seed, first + index)
        plain = estimate(trial, analysis)
        fit = partially_nested(trial, analysis, cohort.group, False)
        keep(plain.estimate, plain.se, plain.df, plain.status, np.nan, out[index, PLAIN])
        keep(fit.effect.estimate, fit.effect.se, fit.effect.df, fit.effect.status, fit.icc, out[index, NESTED])
    return True


@compiled
def keep(effect: float, se: float, df: float, status: float, icc: float, fields: Floats) -> None:
    """Write the numbers of one analysis into its fields."""
    fields[0], fields[1], fields[2], fields[3], fields[4] = effect, se, df, status, icc


def side_by_side(job: Job, analysis: Analysis, alpha: float, replicates: int, workers: int) -> SideBySide:
    """Return how plain and partially nested analysis do over replicates 0 to n - 1 of a scenario.

    Parameters
    ----------
    analysis : Analysis
        An analysis of covariance of the plan.

    Raises
    ------
    RuntimeError
        Hardly any candidate is enrolled; calibration refuses such a scenario before.
    """

    def batch(span: tuple[int, int]) -> Floats:
        out = np.empty((span[1] - span[0], 2, FIELDS))
        work = (make_cohort(job.participants), np.empty((job.recipes.kind.size, job.participants)))
        if not run_both(job.seed, span[0], job.mechanism, job.recipes, analysis, *work, out):
            raise RuntimeError("too few candidates are enrolled to fill a trial")
        return out

    results = np.concatenate(list(in_order(batch, batch_ranges(replicates), workers)))
    done = results[..., 3] == Status.OK
    shown = np.where(done[..., None], results, np.nan)
    p = finish(shown[..., 0], shown[..., 1], shown[..., 2], alpha)[2]
    return SideBySide(
        rejects=(p < alpha).mean(axis=0),
        model_se=np.sqrt(np.nanmean(shown[..., 1] ** 2, axis=0)),
        empirical_se=np.nanstd(shown[..., 0], axis=0, ddof=1),
        icc=float(np.nanmean(shown[:, NESTED, 4])),
        failures=1.0 - done.mean(axis=0),
        replicates=replicates,
    )
