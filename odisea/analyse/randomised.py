"""How the participants of a trial were randomised, as its opened allocation tells: order, strata, method.

The method and its block sizes come from the opened plan of the site (or of a simulated trial), never from assumptions.
"""

import json
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from odisea.allocation.plan import RandomisationPlan, scheme
from odisea.allocation.site_plan import SitePlan
from odisea.analyse.single import Circumstances, Randomised
from odisea.data.derive import filled_values
from odisea.data.export import Export
from odisea.data.tables import Table
from odisea.data.trial import Ints
from odisea.errors import Problem, ProtocolError
from odisea.protocol.load import load_yaml
from odisea.protocol.model import Protocol

OPENED_PLAN = "blocks.json"  # beside the allocation of a simulated trial
GROUPS, GROUP = "live_groups.csv", "live_group"
NO_GROUP = -1


def circumstances(export: Export, protocol: Protocol, plan: RandomisationPlan | None = None) -> Circumstances:
    """Return what some analyses need beside the analysis data set.

    Parameters
    ----------
    export : Export
        Read with its allocation.
    plan : RandomisationPlan, optional
        The opened plan of the randomisation; without it its method is not known.

    Raises
    ------
    ProtocolError
        The plan does not fit the protocol's ratio or the strata of the allocation.
    """
    filled = filled_values(export, protocol)
    any_filled = np.any(list(filled.values()), axis=0) if filled else None
    return Circumstances(randomised_by(export, protocol, plan), live_groups(export), any_filled)


def randomised_by(export: Export, protocol: Protocol, plan: RandomisationPlan | None) -> Randomised | None:
    """Return order, strata and method of the randomisation; None where the allocation does not hold the order."""
    table = export.allocation
    if table is None or "randomisation_no" not in table.columns:
        return None
    places = {who: place for place, who in enumerate(export.participants)}
    records = [record for record in table.records() if str(record["participant_id"]) in places]
    records.sort(key=lambda record: float(str(record["randomisation_no"])))
    order = np.array([places[str(record["participant_id"])] for record in records], dtype=np.int64)
    named = [str(record.get("stratum") or "all") for record in records]
    numbers = {name: number for number, name in enumerate(sorted(set(named)))}
    stratum = np.zeros(order.size, dtype=np.int64)
    stratum[order] = [numbers[name] for name in named]
    if plan is None:
        return Randomised(order, np.zeros((0, order.size), dtype=np.int64), stratum, None)
    ratio = protocol.randomisation.ratio.require(f"{protocol.source}: /randomisation/ratio")
    return Randomised(order, _factors(plan, table, order, named), stratum, scheme(plan, tuple(ratio), "the opened plan"))


def _factors(plan: RandomisationPlan, table: Table, order: Ints, named: list[str]) -> Ints:
    """Return the level of each participant in each factor of the plan, from the names of their strata."""
    factors = np.zeros((len(plan.factors), order.size), dtype=np.int64)
    for place, name in zip(order.tolist(), named, strict=True):
        levels = dict(part.split("=", 1) for part in name.split(",") if "=" in part)
        for row, (factor, spec) in enumerate(plan.factors.items()):
            if levels.get(factor) not in spec.levels:
                found = f"the stratum {name!r} names no level of {factor}"
                raise ProtocolError(Problem(table.name, found, f"levels: {', '.join(spec.levels)}", "Give the plan of this allocation"))
            factors[row, place] = spec.levels.index(levels[factor])
    return factors


def live_groups(export: Export) -> Ints | None:
    """Return the live-session group of every participant as a number, -1 for none; None where groups are not recorded."""
    table = export.tables.get(GROUPS)
    if table is None:
        return None
    group = {str(record["participant_id"]): str(record[GROUP]) for record in table.records()}
    numbers = {name: number for number, name in enumerate(sorted(set(group.values())))}
    return np.array([numbers[group[who]] if who in group else NO_GROUP for who in export.participants], dtype=np.int64)


def read_opened_plan(given: Path | None, allocation: Path | None, trial: str) -> tuple[Path | None, RandomisationPlan | None]:
    """Read the plan that was given, else the one that lies beside the allocation; return its path too, None where there is none.

    Parameters
    ----------
    trial : str
        Identifier of the trial that the plan must be of.
    """
    beside = allocation.parent / OPENED_PLAN if allocation else None
    path = given or (beside if beside and beside.is_file() else None)
    return path, read_randomisation_plan(path, trial) if path else None


def read_randomisation_plan(path: Path, trial: str) -> RandomisationPlan:
    """Read the opened plan of a randomisation: the site's YAML, or the JSON of a simulated trial.

    Raises
    ------
    ProtocolError
        The file is absent, holds no plan, or that of another trial.
    """
    if path.suffix != ".json":
        site = load_yaml(path, SitePlan)
        return _of_trial(path, site.trial, trial, site.randomisation)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        plan, named = RandomisationPlan.model_validate_json(json.dumps(content["plan"])), str(content["trial"])
    except (OSError, TypeError, ValueError, KeyError, ValidationError) as fault:
        raise ProtocolError(Problem(str(path), f"no plan of a randomisation can be read ({type(fault).__name__})")) from fault
    return _of_trial(path, named, trial, plan)


def _of_trial(path: Path, found: str, wanted: str, plan: RandomisationPlan) -> RandomisationPlan:
    """Return the plan where it is that of the trial."""
    if found != wanted:
        raise ProtocolError(Problem(str(path), f"the plan is of trial {found}", f"the protocol is of {wanted}", "Give this trial's plan"))
    return plan
