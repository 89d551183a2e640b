"""What no analyst may see of a simulated trial: the allocation, the keys of other systems, the blocks, and the truth.

A site holds the first three; the truth exists in a simulation only.
"""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odisea.allocation.blocks import draw_block
from odisea.allocation.methods import PERMUTED_BLOCKS
from odisea.allocation.site_plan import stratum_name
from odisea.data.tables import Cell, Table, make_table
from odisea.simulate.dropout import NEVER
from odisea.simulate.mechanism import CAUSES, EVENTS, ODI_BASELINE, VAS_BASELINE, WEEKS
from odisea.simulate.observe import recovery_week
from odisea.simulate.population import record_baseline
from odisea.simulate.rehearsal import SimulatedTrial
from odisea.streams import MAX_UNITS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Row = tuple[Cell, ...]

FIRST_ACCOUNT = 1001  # number of the first account on the learning platform


def restricted_tables(trial: SimulatedTrial) -> list[Table]:
    """Return the allocation and the crosswalk, which the contract has a place for."""
    return [allocation_table(trial), crosswalk_table(trial)]


def allocation_table(trial: SimulatedTrial) -> Table:
    """Return the allocation in order of randomisation; the blocks are not in it."""
    strata = stratum_names(trial)
    rows = [
        (i + 1, strata[i], trial.protocol.arms[arm].id, trial.ids[i], trial.dates.baseline[i])
        for i, arm in enumerate(trial.cohort.arm.tolist())
    ]
    return make_table("restricted/allocation.csv", ("randomisation_no", "stratum", "arm", "participant_id", "allocated_date"), rows)


def crosswalk_table(trial: SimulatedTrial) -> Table:
    """Return which keys of the platform and of the live sessions are whose; only the programme arm has any."""
    accounts = count(FIRST_ACCOUNT)
    rows: list[Row] = []
    for name, exposed in zip(trial.ids, trial.cohort.exposed.tolist(), strict=True):
        if exposed:
            rows += [(name, "moodle", str(next(accounts))), (name, "live_sessions", name)]
    return make_table("restricted/crosswalk.csv", ("participant_id", "source", "source_key"), rows)


def factor_levels(trial: SimulatedTrial) -> Ints:
    """Return the level of every participant in each factor of the randomisation, shape (f, n), as it was at randomisation.

    Baseline variables that the clinic lost afterwards are written down again for it.
    """
    cohort, model = trial.cohort, trial.mechanism.allocation
    recorded = cohort.recorded.copy()
    record_baseline(*trial.key, trial.mechanism.population, cohort.units, cohort.traits, np.empty((4, cohort.units.size)), recorded)
    recorded[[ODI_BASELINE, VAS_BASELINE]] = cohort.recorded[[ODI_BASELINE, VAS_BASELINE]]
    levels = [
        np.sum(recorded[row] >= np.asarray(cuts)[:, None], axis=0) for row, cuts in zip(model.factor_rows, model.factor_cuts, strict=True)
    ]
    return np.array(levels, dtype=np.int64).reshape(len(levels), cohort.units.size)


def stratum_names(trial: SimulatedTrial) -> list[str]:
    """Return the stratum of every participant, named as `odisea randomise` names it."""
    factors = trial.scenario.randomisation.factors
    levels = factor_levels(trial)
    return [
        stratum_name({name: factor.levels[level] for (name, factor), level in zip(factors.items(), own, strict=True)})
        for own in levels.T.tolist()
    ]


def block_plan(trial: SimulatedTrial) -> dict[str, Any]:
    """Return the simulated plan and, where it has blocks, every block that was begun: first place in its stratum, size, arms."""
    plan: dict[str, Any] = {
        "trial": trial.protocol.trial,
        "arms": [arm.id for arm in trial.protocol.arms],
        "ratio": trial.mechanism.allocation.scheme.ratio.tolist(),
        "seed": trial.key[0],
        "replicate": trial.key[1],
        "plan": trial.scenario.randomisation.model_dump(mode="json", exclude_defaults=True),
    }
    if trial.mechanism.allocation.scheme.method == PERMUTED_BLOCKS:
        plan["blocks"] = list(_blocks(trial))
    return plan


def _blocks(trial: SimulatedTrial) -> Iterator[dict[str, Any]]:
    """Give the blocks of each stratum with a participant, stratum by stratum."""
    scheme = trial.mechanism.allocation.scheme
    levels, names = factor_levels(trial), np.array(stratum_names(trial))
    block = np.empty(scheme.sizes.max(), dtype=np.int64)
    for name in sorted(set(names.tolist())):
        members = np.flatnonzero(names == name)
        own = levels[:, members[0]]
        stratum = 0
        for factor in scheme.strata:
            stratum = stratum * int(scheme.levels[factor]) + int(own[factor])
        start = 0
        while start < members.size:
            left = MAX_UNITS if scheme.strata.size else members.size - start
            size = draw_block(*trial.key, stratum, start, left, scheme.sizes, scheme.ratio, block)
            arms = [trial.protocol.arms[arm].id for arm in block[:size].tolist()]
            yield {"stratum": name, "first": start + 1, "size": size, "arms": arms}
            start += size


def render_blocks(trial: SimulatedTrial) -> str:
    """Return the simulated plan with its blocks as JSON text."""
    return json.dumps(block_plan(trial), indent=1, ensure_ascii=False) + "\n"


def truth_table(trial: SimulatedTrial) -> Table:
    """Return what only the simulator knows; weeks count from 1, and an empty cell is what never happened."""
    header = (
        *("participant_id", "candidate", "loss_week", "loss_cause", "disability_baseline", "disability_week6"),
        *("stop_week", *(f"{event}_week" for event in EVENTS), "recovery_week"),
        *("live_group", "dose", "programme_effect", "leak"),
    )
    return make_table("restricted/simulated_truth.csv", header, [_truth(trial, i) for i in range(len(trial.ids))])


def _truth(trial: SimulatedTrial, i: int) -> Row:
    cohort = trial.cohort
    lost, exposed = cohort.cause[i] != NEVER, cohort.exposed[i] == 1
    stopped = np.flatnonzero(cohort.engaged[:, i] == 0.0).tolist() if exposed else []
    recovered = int(recovery_week(cohort.actual, i, trial.scenario.values["recovery_threshold"]))
    return (  # 0.0 added makes the -0 of an effect times nothing a plain 0
        *(trial.ids[i], int(cohort.units[i]), int(cohort.week_lost[i]) + 1 if lost else None),
        *(CAUSES[int(cohort.cause[i])] if lost else None, float(cohort.actual[0, i]), float(cohort.actual[WEEKS, i])),
        stopped[0] + 1 if stopped else None,
        *(int(week) + 1 if week >= 0 else None for week in cohort.event_week[:, i].tolist()),
        recovered or None,
        *(int(cohort.group[i]) + 1 if exposed else None, float(cohort.dose[-1, i])),
        *(float(cohort.programme[i]) + 0.0, float(cohort.leak[i])),
    )
