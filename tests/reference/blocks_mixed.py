"""Our results for the blocks of the analysis oracle that hold models for repeated measures, under the oracle's names."""

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np

from odisea.analyse.mmrm import MmrmFit, fit_random_intercept, fit_unstructured, satterthwaite
from odisea.data.trial import REASON_TEXT, Floats, Reason

WEEKS = ("vas_w1", "vas_w2", "vas_w3", "vas_w4", "vas_w5", "vas6")
Columns = dict[str, Floats]
Block = dict[str, Any]


def read_columns(folder: Path) -> Columns:
    """Read the numbers of a case by participant; NaN where one is missing."""
    names = (*WEEKS, "vas0", "odi0", "odi6", "arm")
    with (folder / "data.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    return {name: np.array([math.nan if record[name] in ("", "NA") else float(record[name]) for record in records]) for name in names}


def mixed_blocks(folder: Path) -> dict[str, Block]:
    """Return the blocks of a case."""
    columns = read_columns(folder)
    return {
        "mmrm_vas_us_reml": mmrm_block(columns),
        "lmer_vas_random_intercept": random_intercept_block(columns),
        "clda_odi_us_reml": clda_block(columns),
    }


def refused(fit: MmrmFit) -> Block | None:
    """Return a typed refusal where there is no fit, or where R's `gls` has none because the design is singular."""
    if fit.converged and fit.problem.kept.all():
        return None
    reason = "a column of the model is a combination of the others" if fit.converged else REASON_TEXT[Reason(fit.reason)]
    return {"status": "not_estimable", "reason": reason}


def named(names: tuple[str, ...], values: Floats) -> dict[str, float | None]:
    """Return numbers by coefficient, null for a dropped one."""
    return {name: float(value) if np.isfinite(value) else None for name, value in zip(names, values, strict=True)}


def by_week(columns: Columns, slope_by_week: bool) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Return weekly pain (n, 6), R's design of vas0 * week + arm * week (or vas0 + arm * week), and R's names."""
    response = np.column_stack([columns[name] for name in WEEKS])
    weeks = [f"wkf{week}" for week in range(2, len(WEEKS) + 1)]
    is_week = [np.arange(len(WEEKS)) == place for place in range(1, len(WEEKS))]
    one = np.ones(response.shape[0])
    parts: list[tuple[str, Floats, Any]] = [("(Intercept)", one, 1.0), ("vas0", columns["vas0"], 1.0)]
    parts += [(name, one, week) for name, week in zip(weeks, is_week, strict=True)]
    parts += [("arm", columns["arm"], 1.0)]
    if slope_by_week:
        parts += [(f"vas0:{name}", columns["vas0"], week) for name, week in zip(weeks, is_week, strict=True)]
    parts += [(f"{name}:arm", columns["arm"], week) for name, week in zip(weeks, is_week, strict=True)]
    design = np.stack([values[:, None] * (np.ones(len(WEEKS)) * week) for _, values, week in parts], axis=2)
    return response, design, tuple(name for name, _, _ in parts)


def mmrm_block(columns: Columns) -> Block:
    """Return the unstructured model of weekly pain."""
    response, design, names = by_week(columns, True)
    fit = fit_unstructured(response, design)
    if refusal := refused(fit):
        return refusal
    at_last = np.array([float(name in ("arm", "wkf6:arm")) for name in names])
    effect = satterthwaite(fit, at_last)
    # R lists the standard deviations in the order in which the weeks first occur in its table, participant by participant.
    participants, places = np.nonzero(~np.isnan(response))
    order = list(dict.fromkeys(int(place) for place in places[np.argsort(participants, kind="stable")]))
    return {
        "status": "ok",
        "n_obs": int(places.size),
        "logREML": fit.log_likelihood,
        "arm_week6": effect.estimate,
        "arm_week6_se": effect.se,
        "coef": named(names, fit.coefficients),
        "sigma_by_week": [float(value) for value in np.sqrt(np.diag(fit.sigma))[order]],
    }


def random_intercept_block(columns: Columns) -> Block:
    """Return the model of weekly pain with a random intercept."""
    response, design, names = by_week(columns, False)
    fit = fit_random_intercept(response, design)
    if not fit.converged:  # a dropped column is no obstacle: R's `lmer` drops it too
        return refused(fit) or {}
    results = [satterthwaite(fit, contrast) for contrast in np.eye(len(names))]
    between = float(fit.sigma[0, 1])
    return {
        "status": "ok",
        "coef": named(names, fit.coefficients),
        "se": named(names, np.array([result.se for result in results])),
        "satterthwaite_df": named(names, np.array([result.df for result in results])),
        "var_id": between,
        "var_resid": float(fit.sigma[0, 0]) - between,
        "reml": -2.0 * fit.log_likelihood,
    }


def clda_block(columns: Columns) -> Block:
    """Return the constrained longitudinal analysis of disability at baseline and week 6."""
    response = np.column_stack([columns["odi0"], columns["odi6"]])
    design = np.zeros((*response.shape, 3))
    design[:, 0, 0] = design[:, 1, 1] = 1.0
    design[:, 1, 2] = columns["arm"]
    fit = fit_unstructured(response, design)
    if refusal := refused(fit):
        return refusal
    effect = satterthwaite(fit, np.array([0.0, 0.0, 1.0]))
    return {"status": "ok", "effect": effect.estimate, "se": effect.se, "logREML": fit.log_likelihood}
