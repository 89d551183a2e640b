"""Calibrations on disk: solved once per truth, shared by runs that differ only in size, plan or seed.

The file's name is the digest of what the calibration depends on: the scenario's values, the facts of the protocol that the
simulator uses, the coding of the analysis rows, the calibration cohort and the code.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from odisea.data.derive import Recipes
from odisea.provenance import content_digest, write_json
from odisea.simulate.achieved import Truths
from odisea.simulate.assumptions import CalibrationSpec, Scenario
from odisea.simulate.calibrate import calibrate, programme_share, with_losses, with_score
from odisea.simulate.mechanism import Mechanism
from odisea.simulate.textbook import Calibration, textbook_calibration
from odisea.source import source_hash

SCORE_CONSTANTS = ("mean", "sd_week6", "sd_baseline", "stable_share", "natural_change", "effect", "adherence_shift", "group_sd")


def calibration_digest(scenario: Scenario, draft: Mechanism, recipes: Recipes, rows: tuple[str, ...], spec: CalibrationSpec) -> str:
    """Return the digest that names a calibration."""
    population = draft.population
    return content_digest(
        {
            "values": dict(scenario.values),
            "textbook": scenario.textbook,
            "follows_the_model": list(scenario.follows_the_model),
            "eligibility": [population.age_min, population.age_max, population.pain_min, population.criteria.tolist()],
            "order_of_criteria": [population.age_place, population.pain_place],
            "minimum_answered": draft.measurement.minimum_answered,
            "strategies": list(scenario.strategies),
            "programme_share": programme_share(draft),
            "rows": list(rows),
            "recipes": [str(part.tolist()) for part in recipes],
            "cohort": [spec.seed, spec.people],
            "code": source_hash(),
        }
    )


def calibrated(
    folder: Path, scenario: Scenario, draft: Mechanism, recipes: Recipes, rows: tuple[str, ...], spec: CalibrationSpec, workers: int
) -> tuple[Calibration, str]:
    """Return the calibration of a scenario and its digest, from the folder where it is there, else solved and kept.

    Parameters
    ----------
    folder : Path
        Where calibrations lie, such as results/TRIAL/scenarios.
    """
    digest = calibration_digest(scenario, draft, recipes, rows, spec)
    if scenario.textbook:
        return textbook_calibration(draft, rows), digest
    path = folder / f"{digest}.json"
    if not path.exists():
        solved = calibrate(scenario, draft, recipes, rows, spec.seed, spec.people, workers)
        write_calibration(path, solved, scenario, rows)
    return read_calibration(path, scenario, draft), digest


def write_calibration(path: Path, calibration: Calibration, scenario: Scenario, rows: tuple[str, ...]) -> None:
    """Write a calibration as JSON."""
    truths = calibration.truths
    write_json(
        path,
        {
            "first_solved_for": scenario.id,
            "solved": dict(calibration.solved),
            "achieved": {name: {"value": value, "mcse": mcse} for name, (value, mcse) in calibration.achieved.items()},
            "rows": list(rows),
            "pooled_within_arm_covariance": calibration.covariance.tolist(),
            "truths": {
                "estimands": {name: {"value": value, "mcse": mcse} for name, (value, mcse) in truths.estimands.items()},
                "changes": truths.changes.tolist(),
                "changes_kept": truths.changes_kept.tolist(),
                "changes_composite": truths.changes_composite.tolist(),
                "people": truths.people,
            },
        },
    )


def read_calibration(path: Path, scenario: Scenario, draft: Mechanism) -> Calibration:
    """Read a calibration and put its constants into the draft of the mechanism."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    solved, truths = content["solved"], content["truths"]
    score = {name: value for name, value in solved.items() if name in SCORE_CONSTANTS}
    mechanism = with_losses(with_score(draft, scenario, score), solved)
    return Calibration(
        mechanism,
        solved,
        {name: (entry["value"], entry["mcse"]) for name, entry in content["achieved"].items()},
        np.array(content["pooled_within_arm_covariance"]),
        Truths(
            {name: (entry["value"], entry["mcse"]) for name, entry in truths["estimands"].items()},
            np.array(truths["changes"]),
            np.array(truths["changes_kept"]),
            np.array(truths["changes_composite"]),
            truths["people"],
        ),
    )
