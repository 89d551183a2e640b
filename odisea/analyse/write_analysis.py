"""`odisea analyse`: an export folder to estimates, participant flow and baseline table, written as result files.

Nothing here asks where the data come from; the origin in the export's manifest is copied for banners. Results are written
only after the independent repetition has agreed.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from odisea.analyse.carry_out import analyse_trial
from odisea.analyse.plan import PlannedAnalysis, lower_plan
from odisea.data.derive import derive
from odisea.data.export import Export
from odisea.data.flow import baseline_table, participant_flow
from odisea.data.read_export import read_export
from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol
from odisea.provenance import manifest, write_json


def write_analysis(protocol_path: Path, export_folder: Path, allocation: Path | None, folder: Path, command: str) -> str:
    """Run every planned analysis of an export folder and write the results.

    Parameters
    ----------
    allocation : Path or None
        None: the arms stay unknown, and only flow and baseline table are written.
    folder : Path
        Receives estimates.json, flow.json, baseline.json and manifest.json.
    command : str
        As typed, for the manifest.

    Returns
    -------
    str
        One line that says what was done.

    Raises
    ------
    ProtocolError, DataError, AnalysisError
        An input cannot be used, or the independent repetition of a result disagrees; nothing is written then.
    """
    protocol = load_protocol(protocol_path)
    planned = [one for plan in protocol.analysis.plans for one in lower_plan(protocol, plan)]
    export = read_export(export_folder, protocol, allocation)
    estimates = [] if export.is_blind else estimate_all(export, protocol, planned)
    head = {"trial": protocol.trial, "origin": export.origin, "blind": export.is_blind}
    outputs = [
        write_json(folder / "estimates.json", {**head, "estimates": estimates}),
        write_json(folder / "flow.json", {**head, **plain(participant_flow(export, protocol))}),
        write_json(folder / "baseline.json", {**head, "arms": list(protocol.arm_ids), "rows": plain(baseline_table(export, protocol))}),
    ]
    data = sorted(path for path in export_folder.rglob("*") if path.is_file())
    inputs = [protocol_path, *data, *([allocation] if allocation else [])]
    details = {"trial": protocol.trial, "origin": export.origin, "changed_files": list(export.changed_files)}
    write_json(folder / "manifest.json", manifest(command, inputs, outputs, details))
    return f"{protocol.trial}: {len(estimates)} estimates of {len(export.participants)} randomised participants -> {folder}"


def estimate_all(export: Export, protocol: Protocol, planned: list[PlannedAnalysis]) -> list[dict[str, Any]]:
    """Return the estimates of all plans in their order, each repeated independently."""
    seeds = {one.analysis_seed for one in planned}
    results: list[dict[str, Any]] = []
    for seed in sorted(seeds):
        trial = derive(export, protocol, seed)
        of_seed = [one for one in planned if one.analysis_seed == seed]
        results += analyse_trial(trial, of_seed)
    order = {one.id: place for place, one in enumerate(planned)}
    return [plain(row) for row in sorted(results, key=lambda row: order[row["analysis"]])]


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
