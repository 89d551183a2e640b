"""`odisea bench`: how fast a full replicate is, next to the same work done with statsmodels, measured in one run.

A full replicate is one simulated trial with every planned analysis (complete case, imputation with m = 20, the limit,
responders). The statsmodels loop takes the same simulated trials and repeats the same analyses by the independent
implementation that real runs are checked with; it leaves out the limit, for which statsmodels has nothing. All rates are
per CPU second of one core, so that other work on the machine weighs little.
"""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np

from odisea.analyse.carry_out import analyse_trial
from odisea.analyse.double import repeat
from odisea.data.derive import build_rows
from odisea.data.trial import Method, make_trial
from odisea.performance.batch import Job, make_table, run_batch
from odisea.performance.mice import mice_record
from odisea.performance.per_trial import trial_in_memory
from odisea.performance.power import Run, Study, prepare
from odisea.performance.stages import stage_table
from odisea.provenance import manifest, typed_command, write_json
from odisea.simulate.assumptions import Scenario
from odisea.simulate.export import simulate_cohort

QUICK = {"replicates": 500, "rounds": 3, "slow_replicates": 2}
FULL = {"replicates": 5000, "rounds": 7, "slow_replicates": 20}


def write_bench(study: Study, scenario: Scenario, store: Path, folder: Path, quick: bool, mice: bool = False) -> str:
    """Measure and write bench.json; return one line that says the result.

    Parameters
    ----------
    mice : bool
        Whether imputation with auxiliaries is measured beside R's mice.
    """
    run = prepare(study, scenario, study.scenarios.monte_carlo.seed, store, workers=1)
    record = measure(run, **(QUICK if quick else FULL)) | {"complete_plan": complete_plan(study, run)}
    record |= {"mice": mice_record(study, run, folder)} if mice else {}
    target = write_json(folder / "bench.json", record)
    write_json(folder / "manifest.json", manifest(typed_command(), study.inputs, [target], {"scenario": scenario.id, "quick": quick}))
    fast, slow = record["full_replicate_per_core"], record["statsmodels_replicate_per_core"]
    return f"{fast:.0f} full replicates per core second; the same in statsmodels {slow:.2f}: {fast / slow:.0f} times as many -> {target}"


def measure(run: Run, replicates: int, rounds: int, slow_replicates: int) -> dict[str, Any]:
    """Return the rates.

    Parameters
    ----------
    replicates : int
        Replicates in one timed round of the compiled loop.
    rounds : int
        Timed rounds; the median counts and the range is kept.
    slow_replicates : int
        Replicates of the statsmodels loop.
    """
    job = run.job
    rates = timed(lambda: run_batch(job, 0, replicates), replicates, rounds)
    nothing = job._replace(table=make_table([]))
    simulate_only = timed(lambda: run_batch(nothing, 0, replicates), replicates, rounds)
    slow = timed(lambda: statsmodels_loop(run, slow_replicates), slow_replicates, 1)
    per_analysis = {}
    for planned in run.planned:
        one = job._replace(table=make_table([planned.analysis]))
        rate = median(timed(lambda one=one: run_batch(one, 0, replicates), replicates, rounds))  # type: ignore[misc]
        per_analysis[planned.id] = round(1e6 / rate - 1e6 / median(simulate_only), 2)
    cohort = simulate_cohort(job.seed, 0, job.mechanism, job.participants)
    stages = stage_table(job.seed, job.mechanism, cohort, replicates, rounds)
    return {
        "full_replicate_per_core": round(median(rates), 1),
        "full_replicate_per_core_range": [round(min(rates), 1), round(max(rates), 1)],
        "simulated_trial_per_core": round(median(simulate_only), 1),
        "statsmodels_replicate_per_core": round(median(slow), 3),
        "ratio_to_statsmodels": round(median(rates) / median(slow), 1),
        "microseconds_per_analysis": per_analysis,
        "stages": stages,
        "participants": job.participants,
        "analyses": len(run.planned),
        "unit": "replicates per CPU second of one core",
        "replicates_per_round": replicates,
        "rounds": rounds,
        "statsmodels_replicates": slow_replicates,
    }


def complete_plan(study: Study, run: Run) -> dict[str, Any]:
    """Return the processor seconds of every planned analysis of one trial, the second time, when all is compiled."""
    trial, places = trial_in_memory((run.job.seed, 0), run.scenario, run.job.mechanism, run.job.participants, study.protocol)
    seconds: dict[str, float] = {}
    for planned in (*run.planned, *run.per_trial):
        for _ in range(2):
            start = process_time()
            analyse_trial(trial, [planned], places)
            seconds[planned.id] = round(process_time() - start, 4)
    return {"seconds": round(sum(seconds.values()), 3), "by_analysis": seconds}


def timed(work: Callable[[], Any], count: int, rounds: int) -> list[float]:
    """Return how many of `count` pieces of work a CPU second does, in each of some rounds after one that does not count."""
    work()
    rates = []
    for _ in range(rounds):
        start = process_time()
        work()
        rates.append(count / (process_time() - start))
    return rates


def statsmodels_loop(run: Run, replicates: int) -> None:
    """Simulate some trials and carry out every planned analysis with statsmodels."""
    job: Job = run.job
    values = np.empty((job.recipes.kind.size, job.participants))
    for replicate in range(replicates):
        cohort = simulate_cohort(job.seed, replicate, job.mechanism, job.participants)
        build_rows(cohort.recorded, job.recipes, values)
        trial = make_trial(values, cohort.arm, job.seed, replicate)
        for planned in run.planned:
            if planned.analysis.method != Method.ANCOVA_MI_LIMIT:
                repeat(trial, planned.analysis)
