"""The results of a trial as the files of its analysis folder hold them: estimates, participant flow, baseline table.

Nothing here asks where the data come from; the origin in the export's manifest is copied for banners. Nothing comes back
before the independent repetition has agreed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from odisea.allocation.plan import RandomisationPlan
from odisea.analyse.carry_out import analyse_trial
from odisea.analyse.multiplicity import family_p_values
from odisea.analyse.plan import PlannedAnalysis, lower_plan
from odisea.analyse.randomised import circumstances
from odisea.data.derive import derive, filled_values
from odisea.data.export import Export
from odisea.data.flow import baseline_table, participant_flow
from odisea.protocol.model import Protocol


def analysis_results(export: Export, protocol: Protocol, plan: RandomisationPlan | None = None) -> dict[str, dict[str, Any]]:
    """Run every planned analysis of an export.

    Parameters
    ----------
    export : Export
        With unknown arms no analysis is run, and flow and baseline table are those of all participants together.
    protocol : Protocol
        The same that the export was read with.
    plan : RandomisationPlan, optional
        The opened plan of the randomisation, for re-randomisation tests.

    Returns
    -------
    dict
        File name -> content that JSON can hold: estimates.json, flow.json, baseline.json.

    Raises
    ------
    ProtocolError, AnalysisError
        A plan cannot be carried out, or the independent repetition of a result disagrees.
    """
    planned = [one for plan in protocol.analysis.plans for one in lower_plan(protocol, plan)]
    head = {"trial": protocol.trial, "origin": export.origin, "blind": export.is_blind}
    return {
        "estimates.json": {**head, "estimates": [] if export.is_blind else estimate_all(export, protocol, planned, plan)},
        "flow.json": {**head, **plain(participant_flow(export, protocol))},
        "baseline.json": {**head, "arms": list(protocol.arm_ids), "rows": plain(baseline_table(export, protocol))},
    }


def estimate_all(
    export: Export, protocol: Protocol, planned: Sequence[PlannedAnalysis], plan: RandomisationPlan | None = None
) -> list[dict[str, Any]]:
    """Return the estimates of all plans in their order, those of the compiled loop repeated independently."""
    around = circumstances(export, protocol, plan)
    filled = {name: int(missing.sum()) for name, missing in filled_values(export, protocol).items()}
    results: list[dict[str, Any]] = []
    for seed in sorted({one.analysis_seed for one in planned}):
        trial = derive(export, protocol, seed)
        results += analyse_trial(trial, [one for one in planned if one.analysis_seed == seed], around, filled)
    order = {one.id: place for place, one in enumerate(planned)}
    family = family_p_values(results)
    rows = [row | {"p_family": family.get(row["analysis"])} for row in results]
    return [plain(row) for row in sorted(rows, key=lambda row: order[row["analysis"]])]


def plain(content: Any) -> Any:
    """Return a value as JSON holds it: records as objects, pairs in keys joined by a colon, numbers that do not exist as null."""
    if is_dataclass(content) and not isinstance(content, type):
        return plain(asdict(content))
    if hasattr(content, "model_dump"):
        return plain(content.model_dump())
    if isinstance(content, Mapping):
        return {":".join(key) if isinstance(key, tuple) else str(key): plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
