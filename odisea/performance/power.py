"""`odisea power`: one scenario from its calibration to its operating characteristics, written as result files."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from odisea.analyse.plan import PlannedAnalysis, lower_plan
from odisea.closed_form import implied_sd, n_per_arm, t_power
from odisea.data.derive import trial_rows
from odisea.errors import Problem, ProtocolError
from odisea.performance.batch import Job, in_order, make_table
from odisea.performance.operating import Setting, performance_frame, replicate_frame
from odisea.performance.per_trial import per_trial_frame
from odisea.performance.store import batch_ranges, stored_batch
from odisea.protocol.model import Protocol
from odisea.provenance import content_digest, manifest, write_json, write_text
from odisea.simulate.assumptions import Assumptions, Scenario, Scenarios, possible_range
from odisea.simulate.calibration_file import calibrated
from odisea.simulate.draft import draft_mechanism, participants, simulated_recipes
from odisea.simulate.textbook import Calibration
from odisea.source import source_hash

CLAIM_SDS = (12.0, 14.0, 15.0, 16.0, 18.0, 20.0, 22.0)

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Study:
    """A protocol with the assumptions and scenarios that it is simulated under."""

    protocol: Protocol
    protocol_files: tuple[Path, ...]  # the protocol first, then the files that it names
    assumptions: Assumptions
    assumptions_path: Path
    scenarios: Scenarios
    scenarios_path: Path
    variant: str | None = None  # the design variant laid over the protocol

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that determine the results."""
        return (*self.protocol_files, self.assumptions_path, self.scenarios_path)


@dataclass(frozen=True)
class Run:
    """A scenario ready to be replicated."""

    scenario: Scenario
    calibration: Calibration
    planned: tuple[PlannedAnalysis, ...]  # of the compiled loop
    per_trial: tuple[PlannedAnalysis, ...]  # the others
    job: Job
    calibration_digest: str
    batch_digest: str


def planned_analyses(protocol: Protocol) -> tuple[PlannedAnalysis, ...]:
    """Return the analyses of all plans, in the order of the protocol."""
    return tuple(planned for plan in protocol.analysis.plans for planned in lower_plan(protocol, plan))


def prepare(study: Study, scenario: Scenario, seed: int, store: Path, workers: int) -> Run:
    """Return a scenario with its mechanism calibrated and its analyses lowered.

    Parameters
    ----------
    seed : int
        Key of the replicates.
    store : Path
        Where calibrations are kept: store/TRIAL/scenarios.
    """
    protocol = study.protocol
    everything = planned_analyses(protocol)
    planned = tuple(one for one in everything if one.in_loop)
    draft = draft_mechanism(scenario, protocol)
    recipes, rows = simulated_recipes(protocol), trial_rows(protocol)
    calibration, digest = calibrated(
        store / protocol.trial / "scenarios", scenario, draft, recipes, rows, study.scenarios.calibration, workers
    )
    job = Job(seed, participants(scenario, protocol), calibration.mechanism, recipes, make_table([one.analysis for one in planned]))
    identity = {
        "calibration": digest,
        "seed": seed,
        "participants": job.participants,
        "allocation": str([plain(part) for part in (*job.mechanism.allocation.scheme, *job.mechanism.allocation[1:])]),
        "table": [part.tolist() for part in job.table],
        "code": source_hash(),
    }
    per_trial = tuple(one for one in everything if not one.in_loop)
    return Run(scenario, calibration, planned, per_trial, job, digest, content_digest(identity))


def plain(part: Any) -> Any:
    """Return an array as a list, anything else as it is."""
    return part.tolist() if isinstance(part, np.ndarray) else part


def replicate(run: Run, replicates: int, store: Path, workers: int, progress: Progress) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the results of replicates 0 to n - 1, from finished batches where there are any.

    Parameters
    ----------
    progress : callable
        Told the number of replicates that each finished batch adds.
    """
    folder = store / ".batches" / run.batch_digest
    spans = batch_ranges(replicates)
    parts = []
    for span, part in zip(spans, in_order(lambda span: stored_batch(folder, run.job, span), spans, workers), strict=True):
        progress(span[1] - span[0])
        parts.append(part)
    return np.concatenate(parts)


def carry_out_per_trial(study: Study, run: Run, replicates: int, progress: Progress) -> pd.DataFrame:
    """Return the rows of the analyses outside the loop on the first replicates; a textbook scenario has no people to analyse so."""
    wanted = 0 if run.scenario.textbook else replicates
    job = run.job
    return per_trial_frame(run.scenario, job.mechanism, job.participants, study.protocol, run.per_trial, job.seed, wanted, progress)


def write_power(
    study: Study,
    run: Run,
    results: np.ndarray[Any, np.dtype[np.float64]],
    folder: Path,
    command: str,
    per_trial: pd.DataFrame | None = None,
) -> None:
    """Write replicates.parquet, performance.csv, assumptions.json and manifest.json of a scenario.

    Parameters
    ----------
    per_trial : DataFrame, optional
        Rows of analyses outside the loop, as `carry_out_per_trial` gives them.
    """
    beyond = () if per_trial is None or per_trial.empty else run.per_trial
    setting = Setting(run.scenario.id, study.protocol, (*run.planned, *beyond), run.calibration, run.scenario.programme_arm)
    frame = replicate_frame(setting._replace(planned=run.planned), results)
    if beyond:
        frame = pd.concat([frame, per_trial], ignore_index=True)
    folder.mkdir(parents=True, exist_ok=True)
    outputs = [
        write_parquet(folder / "replicates.parquet", frame),
        write_text(folder / "performance.csv", performance_frame(setting, frame).to_csv(index=False, lineterminator="\n")),
        write_json(folder / "assumptions.json", assumptions_record(study, run, len(results))),
    ]
    details: dict[str, Any] = {
        "trial": study.protocol.trial,
        "scenario": run.scenario.id,
        "seed": run.job.seed,
        "replicates": len(results),
        "replicates_per_trial": 0 if not beyond or per_trial is None else int(per_trial["replicate"].nunique()),
        "calibration": run.calibration_digest,
        "batches": run.batch_digest,
    }
    details |= {"variant": study.variant} if study.variant else {}
    write_json(folder / "manifest.json", manifest(command, study.inputs, outputs, details))


def write_parquet(path: Path, frame: pd.DataFrame) -> Path:
    """Write a table as Parquet, to a temporary name first; return the path."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, temporary, compression="zstd", use_dictionary=["scenario", "analysis", "outcome", "status"])
    temporary.replace(path)
    return path


def assumptions_record(study: Study, run: Run, replicates: int) -> dict[str, Any]:
    """Return the values that a scenario used, each with range, source, grade and what the calibration cohort shows."""
    scenario = run.scenario
    achieved = {name: {"value": value, "mcse": mcse} for name, (value, mcse) in run.calibration.achieved.items()}
    return {
        "trial": study.protocol.trial,
        "scenario": scenario.id,
        "label": scenario.label.model_dump(),
        "about": scenario.about.model_dump(),
        "textbook": scenario.textbook,
        "participants": run.job.participants,
        "seed": run.job.seed,
        "replicates": replicates,
        "calibration": run.calibration_digest,
        "parameters": [_parameter_record(name, study, scenario, achieved) for name in study.assumptions.parameters],
        "achieved": achieved,
        "claim": claim(study.protocol),
    }


def _parameter_record(name: str, study: Study, scenario: Scenario, achieved: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    parameter = study.assumptions.parameters[name]
    value = scenario.values[name]
    low, high = possible_range(name)
    shown = achieved.get(name, {"value": None, "mcse": None})
    return {
        "name": name,
        "kind": parameter.kind,
        "value": None if name in scenario.follows_the_model else value,
        "low": parameter.low,
        "high": parameter.high,
        "possible": [low if np.isfinite(low) else None, high if np.isfinite(high) else None],
        "unit": parameter.unit,
        "source": [study.assumptions.sources[source] for source in parameter.source],
        "grade": parameter.grade,
        "note": parameter.note,
        "changed": name in scenario.changed,
        "follows_the_model": name in scenario.follows_the_model,
        "outside_range": not parameter.low <= value <= parameter.high and name not in scenario.follows_the_model,
        "achieved": shown["value"],
        "mcse": shown["mcse"],
    }


def claim(protocol: Protocol) -> dict[str, Any] | None:
    """Return what the protocol's own sample-size statement implies by the two-sample t test; None where it cannot be worked out."""
    size = protocol.sample_size
    alpha = next(iter(protocol.analysis.plans.values())).alpha.value
    needed = (size.total.value, size.attrition.value, size.target_difference.value, size.power.value, alpha)
    if any(value is None for value in needed) or len(protocol.arms) != 2:
        return None
    total, attrition, difference, power, level = (float(value) for value in needed if value is not None)
    per_arm = total * (1.0 - attrition) / 2.0
    spread = implied_sd(per_arm, difference, power, level)
    return {
        "analysed_per_arm": per_arm,
        "difference": difference,
        "power": power,
        "alpha": level,
        "implied_sd": spread,
        "standardised_difference": difference / spread,
        "power_at_sd": {f"{sd:g}": float(t_power(difference, sd, per_arm, level)) for sd in CLAIM_SDS},
        "needed_per_arm": {f"{sd:g}": n_per_arm(difference, sd, power, level)[0] for sd in CLAIM_SDS},
    }


def chosen_scenarios(study: Study, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scenarios to run: those named, else all that the file requires.

    Raises
    ------
    ProtocolError
        A named scenario is not in the file.
    """
    known = study.scenarios.scenarios
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ProtocolError(
            Problem(str(study.scenarios_path), f"there is no scenario {name!r}", f"scenarios here: {', '.join(known)}") for name in unknown
        )
    return wanted or tuple(name for name, spec in known.items() if spec.required)
