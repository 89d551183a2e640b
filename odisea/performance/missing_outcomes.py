"""`odisea dossier`: what the analyses of missing outcomes do in this design, each against its own truth and treatment policy.

Three ways of losing 40 % - by chance, by what is recorded at baseline, by current disability with opposite signs in the
arms - with the registered effect and without any. `odisea.report.dossier` makes the page.
"""

from collections.abc import Mapping
from dataclasses import replace as changed
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from odisea.analyse.plan import PlannedAnalysis
from odisea.performance.batch import in_order, run_batch
from odisea.performance.dossier import restricted, varied
from odisea.performance.measures import Truth, make_replicates, performance_measures
from odisea.performance.operating import Setting, replicate_frame, truth_of
from odisea.performance.power import Run, Study, prepare
from odisea.performance.store import batch_ranges
from odisea.provenance import manifest, write_json

Record = dict[str, Any]

BASE_SCENARIO = "registered"
# Groups and blank items have tables of their own; here only the losses differ.
QUIET = {"live_icc": 0.0, "item_blank_week6": 0.0}
PARTS = ("mcar", "mar_covariates", "mar_adherence", "mnar")
POLICY = {"mean_difference": "treatment_policy_mean", "risk_difference": "marginal_risk_difference"}
REPORTED = ("power", "bias", "coverage", "model_se", "empirical_se", "failures")


class Mechanism(NamedTuple):
    """A way of losing outcomes: the parts of the loss by cause, and the slopes of the part that is not at random."""

    id: str
    label: str
    parts: tuple[float, float, float, float]
    slopes: tuple[float, float]  # programme, control: log odds per ten points of current disability


MECHANISMS = (
    Mechanism("mcar", "by chance", (1.0, 0.0, 0.0, 0.0), (0.0, 0.0)),
    Mechanism("mar", "by what is recorded at baseline", (0.0, 1.0, 0.0, 0.0), (0.0, 0.0)),
    Mechanism("mnar_by_arm", "half by current disability, opposite in the arms", (0.25, 0.125, 0.125, 0.5), (-0.8, 0.8)),
)
EFFECTS = {"registered": -10.0, "none": 0.0}
ANALYSES = {
    "complete_case": "as_recommended.ancova",
    "mi": "as_recommended.mi",
    "mi_limit": "as_recommended.mi_limit",
    "jump_rubin": "as_recommended.jump_to_reference",
    "jump_jackknife": "as_recommended.jump_to_reference_jackknife",
    "delta": "as_recommended.delta",
    "responder_complete_case": "as_recommended.responder_rd",
    "responder_nri": "as_recommended.responder_nri",
}


def write_missing_outcomes(study: Study, store: Path, folder: Path, replicates: int, workers: int, command: str) -> Path:
    """Write missing_outcomes.json and its manifest; return the path of the first.

    Parameters
    ----------
    store : Path
        Where calibrations are kept.
    replicates : int
        Replicates per cell.
    """
    cells = [
        cell for mechanism in MECHANISMS for effect in EFFECTS for cell in _cells(study, mechanism, effect, store, replicates, workers)
    ]
    head = {"trial": study.protocol.trial, "seed": study.scenarios.monte_carlo.seed, "replicates": replicates}
    mechanisms = [mechanism._asdict() for mechanism in MECHANISMS]
    path = write_json(folder / "missing_outcomes.json", {**head, "mechanisms": mechanisms, "effects": EFFECTS, "cells": cells})
    write_json(folder / "missing_outcomes.manifest.json", manifest(command, study.inputs, [path], head))
    return path


def values_of(mechanism: Mechanism, effect: str) -> Mapping[str, float]:
    """Return the parameters of a cell's scenario."""
    parts = {f"loss_part_{name}": part for name, part in zip(PARTS, mechanism.parts, strict=True)}
    slopes = {"mnar_slope_tele": mechanism.slopes[0], "mnar_slope_control": mechanism.slopes[1]}
    return {**QUIET, **parts, **slopes, "effect": EFFECTS[effect]}


def _cells(study: Study, mechanism: Mechanism, effect: str, store: Path, replicates: int, workers: int) -> list[Record]:
    scenario = varied(study, BASE_SCENARIO, f"{mechanism.id}_{effect}", values_of(mechanism, effect))
    run = restricted(prepare(study, scenario, study.scenarios.monte_carlo.seed, store, workers), ANALYSES)
    setting = Setting(scenario.id, study.protocol, run.planned, run.calibration, scenario.programme_arm)
    frame = replicate_frame(setting, _results(run, replicates, workers))
    by_analysis = dict(tuple(frame.groupby("analysis", sort=False)))
    return [
        {"mechanism": mechanism.id, "effect": effect, "method": method, **_cell(setting, planned, by_analysis[planned.id])}
        for method, planned in zip(ANALYSES, run.planned, strict=True)
    ]


def _results(run: Run, replicates: int, workers: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.concatenate(list(in_order(lambda span: run_batch(run.job, *span), batch_ranges(replicates), workers)))


def _cell(setting: Setting, planned: PlannedAnalysis, part: pd.DataFrame) -> Record:
    """Return rejection, and bias and coverage against both truths, each with its Monte Carlo standard error."""
    policy = changed(planned, spec=planned.spec.model_copy(update={"truth": POLICY[planned.spec.measure]}))
    truths = {"own": truth_of(setting, planned), "policy": truth_of(setting, policy)}
    found = {name: _measured(planned, part, truth) for name, truth in truths.items()}
    record: Record = {"analysis": planned.id}
    record |= {name: list(found["own"][name]) for name in ("power", "model_se", "empirical_se", "failures")}
    for name, truth in truths.items():
        record[name] = None if truth is None else {"truth": [truth.value, truth.mcse]}
        if truth is not None:
            record[name] |= {measure: list(found[name][measure]) for measure in ("bias", "coverage")}
    return record


def _measured(planned: PlannedAnalysis, part: pd.DataFrame, truth: Truth | None) -> dict[str, tuple[float, float]]:
    columns = {name: part[name].to_numpy() for name in ("estimate", "se", "ci_low", "ci_high")}
    replicates = make_replicates(**columns, p=part["p"].to_numpy(), ok=(part["status"] == "ok").to_numpy())
    direction = -1 if planned.spec.measure == "mean_difference" else 1
    found = performance_measures(replicates, alpha=planned.alpha, direction=direction, truth=truth)
    return {one.measure: (one.value, one.mcse) for one in found if one.measure in REPORTED}
