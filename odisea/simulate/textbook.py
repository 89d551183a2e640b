"""The calibration of a scenario, and that of the textbook scenario, whose quantities hold by construction."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from odisea.simulate.achieved import Truths
from odisea.simulate.mechanism import Mechanism, TextbookModel
from odisea.simulate.observe import N_CHANGES, STEPS_PER_POINT

Floats = NDArray[np.float64]


class Calibration(NamedTuple):
    """The calibrated mechanism, what was achieved, and the truths."""

    mechanism: Mechanism
    solved: Mapping[str, float]
    achieved: Mapping[str, tuple[float, float]]  # name: value, Monte Carlo standard error
    covariance: Floats  # pooled within-arm covariance of the analysis rows, week-6 outcome last but one
    truths: Truths


def textbook_calibration(draft: Mechanism, rows: tuple[str, ...]) -> Calibration:
    """Return the textbook scenario as its own calibration: its quantities hold by construction and exactly."""
    model = draft.outcome
    covariance = np.eye(len(rows))
    baseline, response = rows.index("odi@baseline"), rows.index("odi@week6")
    covariance[baseline, baseline] = covariance[response, response] = model.sd**2
    covariance[baseline, response] = covariance[response, baseline] = model.correlation * model.sd**2
    exact = {
        "odi_mean_baseline": model.mean,
        "odi_sd_baseline": model.sd,
        "control_change": model.change,
        "odi_sd_week6": model.sd,
        "odi_correlation": model.correlation,
        "effect": model.effect,
        "loss_total": model.loss,
        "loss_difference": 0.0,
    }
    shares = np.stack([_normal_changes(-model.change, model), _normal_changes(-model.change - model.effect, model)])
    same = dict.fromkeys(("treatment_policy", "by_strategy", "completed", "full_dose", "complier"), (model.effect, 0.0))
    others = {"reference_based": (model.effect * (1.0 - model.loss), 0.0), "vas": (0.0, 0.0)}
    facts = Truths(same | others, shares, shares * (1.0 - model.loss), shares, float("inf"))
    return Calibration(draft, {}, {name: (float(value), 0.0) for name, value in exact.items()}, covariance, facts)


def _normal_changes(mean: float, model: TextbookModel) -> Floats:
    """Return the share of improvements that reach each threshold of the grid but not the next (normal improvements)."""
    sd = model.sd * np.sqrt(2.0 * (1.0 - model.correlation))
    thresholds = np.arange(N_CHANGES) / STEPS_PER_POINT - 100.0
    at_least = np.concatenate([1.0 - ndtr((thresholds - mean) / sd), [0.0]])
    at_least[0] = 1.0
    shares: Floats = at_least[:-1] - at_least[1:]
    return shares
