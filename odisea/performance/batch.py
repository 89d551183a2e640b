"""The replicate loop: simulate a trial, build its rows, run every planned analysis, keep the numbers.

A replicate is a pure function of (seed, replicate, mechanism, analyses, size). Batches and threads only decide when it is
computed.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.analyse.estimate import estimate, estimate_two, shares_fit
from odisea.compiled import compiled
from odisea.data.derive import Recipes, build_rows
from odisea.data.trial import N_FIELDS, Analysis, Estimate, Trial
from odisea.simulate.mechanism import Mechanism
from odisea.simulate.replicate import Cohort, make_cohort, simulate_trial

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


NUMBERS = ("method", "response", "baseline", "arm", "reference", "m", "non_responder", "variance", "assumption", "rule")
AMOUNTS = ("threshold", "direction", "delta_arm", "delta_reference")


class AnalysisTable(NamedTuple):
    """Analyses as arrays over analyses, so that their number is no part of a compiled type; made by `make_table`."""

    numbers: Ints  # (n_analyses, 10) method, response, baseline, arm, reference, m, non_responder, variance, assumption, rule
    amounts: Floats  # (n_analyses, 4) threshold, direction, delta of the arm, of the reference
    covariates: Ints  # rows of all analyses, one after the other
    covariate_ends: Ints  # (n_analyses + 1,)
    imputation: Ints
    imputation_ends: Ints
    shared: Ints  # (n_analyses,) 1 where the analysis before it is fitted with it: `odisea.analyse.estimate.shares_fit`


class Job(NamedTuple):
    """Everything that determines the replicates of a scenario."""

    seed: int
    participants: int
    mechanism: Mechanism
    recipes: Recipes
    table: AnalysisTable


def make_table(analyses: Sequence[Analysis]) -> AnalysisTable:
    """Return the table of some analyses, in their order."""

    def joined(parts: list[Ints]) -> tuple[Ints, Ints]:
        ends = np.cumsum([0, *(part.size for part in parts)]).astype(np.int64)
        return np.concatenate([*parts, np.empty(0, dtype=np.int64)]).astype(np.int64), ends

    numbers = [[int(getattr(a, name)) for name in NUMBERS] for a in analyses]
    amounts = [[float(getattr(a, name)) for name in AMOUNTS] for a in analyses]
    covariates, covariate_ends = joined([a.covariates for a in analyses])
    imputation, imputation_ends = joined([a.imputation for a in analyses])
    return AnalysisTable(
        np.array(numbers, dtype=np.int64).reshape(len(analyses), len(NUMBERS)),
        np.array(amounts, dtype=np.float64).reshape(len(analyses), len(AMOUNTS)),
        covariates,
        covariate_ends,
        imputation,
        imputation_ends,
        np.array([int(place > 0 and shares_fit(analyses[place - 1], one)) for place, one in enumerate(analyses)], dtype=np.int64),
    )


@compiled
def analysis_at(table: AnalysisTable, index: int) -> Analysis:
    """Return one analysis of the table."""
    row = table.numbers[index]
    return Analysis(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        table.covariates[table.covariate_ends[index] : table.covariate_ends[index + 1]],
        table.imputation[table.imputation_ends[index] : table.imputation_ends[index + 1]],
        row[5],
        table.amounts[index, 0],
        table.amounts[index, 1],
        row[6],
        row[7],
        row[8],
        row[9],
        table.amounts[index, 2],
        table.amounts[index, 3],
    )


@compiled
def run_range(
    seed: int, first: int, mechanism: Mechanism, recipes: Recipes, table: AnalysisTable, cohort: Cohort, values: Floats, out: Floats
) -> bool:
    """Fill `out` (n_replicates, n_analyses, n_fields) from replicate `first` on; return whether every trial could enrol."""
    for index in range(out.shape[0]):
        replicate = first + index
        if not simulate_trial(seed, replicate, mechanism, cohort):
            return False
        build_rows(cohort.recorded, recipes, values)
        trial = Trial(values, cohort.arm, seed, replicate)
        for number in range(out.shape[1]):
            if table.shared[number] == 1:
                continue
            if number + 1 < out.shape[1] and table.shared[number + 1] == 1:
                odds, risk = estimate_two(trial, analysis_at(table, number))
                keep(odds, out[index, number])
                keep(risk, out[index, number + 1])
            else:
                keep(estimate(trial, analysis_at(table, number)), out[index, number])
    return True


@compiled
def keep(result: Estimate, fields: Floats) -> None:
    """Write an estimate into its fields, in the order of `Estimate`."""
    fields[0] = result.estimate
    fields[1] = result.se
    fields[2] = result.df
    fields[3] = result.n_arm
    fields[4] = result.n_reference
    fields[5] = result.within
    fields[6] = result.between
    fields[7] = result.mcse
    fields[8] = result.status
    fields[9] = result.reason


def run_batch(job: Job, first: int, last: int) -> Floats:
    """Return the results of replicates first to last - 1, shape (n_replicates, n_analyses, n_fields).

    Raises
    ------
    RuntimeError
        Hardly any candidate is eligible; calibration refuses such a scenario before.
    """
    out = np.empty((last - first, job.table.numbers.shape[0], N_FIELDS))
    values = np.empty((job.recipes.kind.size, job.participants))
    if not run_range(job.seed, first, job.mechanism, job.recipes, job.table, make_cohort(job.participants), values, out):
        raise RuntimeError("too few eligible candidates to fill a trial")
    return out


def in_order(task: Callable[[tuple[int, int]], Floats], ranges: Sequence[tuple[int, int]], workers: int) -> Iterator[Floats]:
    """Yield the results of all ranges in order, computed by some threads."""
    if workers == 1:
        yield from map(task, ranges)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(task, ranges)
