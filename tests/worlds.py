"""Scenarios of the declared trial with some values changed, and their replicates: what tests of operating characteristics start from."""

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from odisea.performance.batch import in_order, make_table, run_batch
from odisea.performance.operating import Setting, replicate_frame
from odisea.performance.power import Run, Study, prepare
from odisea.performance.store import batch_ranges
from odisea.simulate.assumptions import Scenario, Scenarios, resolve

SEED = 2718281828
WORKERS = len(os.sched_getaffinity(0))


def changed(study: Study, name: str, **values: float) -> Scenario:
    """A declared scenario with some values set otherwise, checked as a scenario file is."""
    spec = study.scenarios.scenarios[name]
    named = f"{name}_changed"
    file = study.scenarios.model_dump(by_alias=True) | {"scenarios": {named: spec.model_dump() | {"set": {**spec.set, **values}}}}
    return resolve(study.assumptions, Scenarios.model_validate(file), named, "changed for a test")


def prepared(study: Study, scenario: Scenario, store: Path, *analyses: str, seed: int = SEED) -> Run:
    """A scenario ready to be replicated, restricted to some analyses.

    Its batches are not for a store: the digest is that of all analyses.
    """
    run = prepare(study, scenario, seed, store, WORKERS)
    planned = tuple(one for one in run.planned if one.id in analyses)
    assert len(planned) == len(analyses), f"unknown among {analyses}"
    return replace(run, planned=planned, job=run.job._replace(table=make_table([one.analysis for one in planned])))


def setting_of(study: Study, run: Run) -> Setting:
    """What the results of a run are judged against."""
    return Setting(run.scenario.id, study.protocol, run.planned, run.calibration, run.scenario.programme_arm)


def replicated(study: Study, run: Run, replicates: int) -> pd.DataFrame:
    """The rows of `replicates.parquet` for a run, computed without a store."""
    parts = in_order(lambda span: run_batch(run.job, *span), batch_ranges(replicates), WORKERS)
    setting, frames = setting_of(study, run), []
    for (first, _), part in zip(batch_ranges(replicates), parts, strict=True):
        frames.append(replicate_frame(setting, part, first))
    return pd.concat(frames, ignore_index=True)
