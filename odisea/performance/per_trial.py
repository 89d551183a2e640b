"""Planned analyses that the compiled loop does not hold, carried out trial by trial on a chosen number of replicates.

Each replicate goes the way of a real trial: the files of its export and its allocation are made in memory, read, derived and
analysed (`odisea.analyse.carry_out`), so that nothing of a method is written twice.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from odisea.analyse.carry_out import carry_out
from odisea.analyse.estimate import finish
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.randomised import circumstances
from odisea.analyse.single import Circumstances, Single
from odisea.data.derive import derive
from odisea.data.manifest import make_manifest
from odisea.data.read_export import ALLOCATION, assemble
from odisea.data.tables import render_csv
from odisea.data.trial import Status, Trial
from odisea.protocol.model import Protocol
from odisea.simulate.assumptions import Scenario
from odisea.simulate.export import export_tables, simulate_cohort
from odisea.simulate.mechanism import Mechanism
from odisea.simulate.rehearsal import simulated_trial

Key = tuple[int, int]


def trial_in_memory(
    key: Key, scenario: Scenario, mechanism: Mechanism, participants: int, protocol: Protocol
) -> tuple[Trial, Circumstances]:
    """Return a replicate as reading its files gives it, with how its participants were randomised and grouped."""
    simulated = simulated_trial(key, scenario, mechanism, simulate_cohort(*key, mechanism, participants), protocol)
    contents = {table.name: render_csv(table) for table in export_tables(simulated)}
    allocation = contents[ALLOCATION]
    shared = {name: content for name, content in contents.items() if not name.startswith("restricted/")}
    export = assemble(shared, protocol, make_manifest(protocol.trial, "simulated", analysis_key=key), allocation)
    return derive(export, protocol), circumstances(export, protocol, scenario.randomisation)


def per_trial_frame(
    scenario: Scenario,
    mechanism: Mechanism,
    participants: int,
    protocol: Protocol,
    planned: Sequence[PlannedAnalysis],
    seed: int,
    replicates: int,
    progress: Callable[[int], None],
) -> pd.DataFrame:
    """Return one row per replicate and analysis in the columns of replicates.parquet.

    Parameters
    ----------
    planned : sequence of PlannedAnalysis
        Those outside the loop.
    replicates : int
        Replicates 0 to this number less one; 0 gives an empty table.
    progress : callable
        Told 1 after every replicate.
    """
    rows = []
    for replicate in range(replicates if planned else 0):
        trial, places = trial_in_memory((seed, replicate), scenario, mechanism, participants, protocol)
        rows += [_row(scenario.id, replicate, one, carry_out(trial, one, places)) for one in planned]
        progress(1)
    return pd.DataFrame(rows)


def _row(scenario: str, replicate: int, planned: PlannedAnalysis, single: Single) -> dict[str, Any]:
    result = single.estimate
    low, high, p = finish(result.estimate, result.se, result.df, planned.alpha)
    ok = result.status == Status.OK
    limits = (float(low), float(high)) if single.interval is None else single.interval
    numbers = {
        "estimate": result.estimate,
        "se": result.se,
        "df": result.df,
        "ci_low": limits[0],
        "ci_high": limits[1],
        "p": float(p) if single.p is None else single.p,
    }
    arms = (int(np.nan_to_num(result.n_arm)), int(np.nan_to_num(result.n_reference)))
    return {
        "scenario": scenario,
        "replicate": replicate,
        "analysis": planned.id,
        "outcome": planned.outcome,
        **{name: value if ok else np.nan for name, value in numbers.items()},
        "n_analysed": sum(arms),
        "status": Status(int(result.status)).name.lower(),
        "n_analysed_arm": arms[0],
        "n_analysed_reference": arms[1],
    }
