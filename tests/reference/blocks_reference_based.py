"""The conditional-mean reference-based results of a case of the analysis oracle (condmean.json), under the oracle's names.

python -m tests.reference.blocks_reference_based CASE_DIR ... prints the largest difference from each case's condmean.json.
"""

import csv
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from odisea.analyse.mmrm import fit_unstructured
from odisea.analyse.posterior import NormalModel
from odisea.analyse.reference_based import Departure, Longitudinal, Strategy, conditional_means, fit, loadings, make_longitudinal
from odisea.data.trial import REASON_TEXT, Floats, Reason

WEEKS = ("vas_w1", "vas_w2", "vas_w3", "vas_w4", "vas_w5", "vas6")
NAMES = {
    "MAR": Strategy.MAR,
    "JR": Strategy.JUMP_TO_REFERENCE,
    "CR": Strategy.COPY_REFERENCE,
    "CIR": Strategy.COPY_INCREMENTS,
    "LMCF": Strategy.LAST_MEAN,
}
Block = dict[str, Any]


def read_weeks(folder: Path) -> tuple[Floats, Floats, Floats]:
    """Read the weekly pain scores (n, 6) of a case, the baseline score (1, n) and the arm (n,)."""
    with (folder / "data.csv").open(newline="") as file:
        records = list(csv.DictReader(file))

    def column(name: str) -> list[float]:
        return [math.nan if record[name] in ("", "NA") else float(record[name]) for record in records]

    return np.array([column(name) for name in WEEKS]).T, np.array([column("vas0")]), np.array(column("arm"))


def reference_based_blocks(folder: Path) -> Block:
    """Return the blocks of condmean.json."""
    response, baseline, arm = read_weeks(folder)
    data = make_longitudinal(response, baseline, baseline, arm == 1.0, np.arange(arm.size), response.shape[1] - 1)
    found = fit(data) if data.reason == Reason.NONE else None
    reason = data.reason if found is None else found.reason
    if found is None or reason != Reason.NONE:
        return {name: {"status": "refused", "reason": REASON_TEXT[Reason(reason)]} for name in NAMES}
    return {
        "logREML": raw_log_likelihood(response, baseline, arm),
        "Sigma": found.parameters.covariance.tolist(),
        **{name: by_visit(data, found.parameters, strategy) for name, strategy in NAMES.items()},
    }


def by_visit(data: Longitudinal, parameters: NormalModel, strategy: Strategy) -> dict[str, float]:
    """Return the arm effect at each visit."""
    effects = [
        loadings(data)[0] @ conditional_means(data._replace(visit=j), parameters, Departure(strategy))[0]
        for j in range(data.response.shape[1])
    ]
    return {f"visit{j + 1}": float(effect) for j, effect in enumerate(effects)}


def raw_log_likelihood(response: Floats, baseline: Floats, arm: Floats) -> float:
    """Return the restricted log likelihood in the design's own units, which it depends on."""
    v = response.shape[1]
    columns = np.column_stack([np.ones(arm.size), baseline[0], arm])
    design = np.zeros((arm.size, v, v, columns.shape[1]))
    design[:, np.arange(v), np.arange(v)] = columns[:, None]
    return fit_unstructured(response, design.reshape(arm.size, v, -1)).log_likelihood


def largest_difference(block: Any, reference: Any) -> float:
    """Return the largest absolute difference over the leaves of the reference; inf where one is absent."""
    if isinstance(reference, dict):
        return max((largest_difference(block.get(key, {}), value) for key, value in reference.items() if key != "model"), default=0.0)
    if isinstance(reference, list):
        return max(largest_difference(a, b) for a, b in zip(block, reference, strict=True))
    return abs(block - reference) if isinstance(block, float) else math.inf


if __name__ == "__main__":
    for name in sys.argv[1:]:
        ours, theirs = reference_based_blocks(Path(name)), json.loads((Path(name) / "condmean.json").read_text())
        print(Path(name).name, {key: f"{largest_difference(ours[key], theirs[key]):.1e}" for key in theirs if key in ours})
