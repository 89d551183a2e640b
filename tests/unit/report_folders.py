"""Synthetic result folders in the shape that `odisea power` writes; numbers by the normal approximation, so that they hang together."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any

ANALYSES = (
    *(f"as_registered.{name}" for name in ("ancova", "unadjusted", "mi", "mi_limit", "responder_or", "responder_rd")),
    *(f"as_recommended.{name}" for name in ("mi", "mi_limit", "ancova", "baseline_only", "responder_or", "responder_rd")),
    *(f"as_recommended.{name}" for name in ("jump_to_reference", "jump_to_reference_jackknife", "delta")),
)
NO_TRUTH = ("true_value", "bias", "coverage")  # measures that an analysis without a true value lacks
IMPLIED_SD = 19.3907
NORMAL = NormalDist()
SOURCES = ("A trial of 2004 <b>with</b> markup & more", "A review of 2021")
LABELS = {
    "textbook": ("Textbook", "De manual"),
    "null": ("No effect", "Sin efecto"),
    "registered": ("As registered", "Como está registrado"),
    "literature": ("Ten points, published spread", "Diez puntos, dispersión publicada"),
    "evidence": ("Published evidence", "Evidencia publicada"),
    "sceptical": ("Sceptical", "Escéptico"),
    "misleading": ("Losses that mislead", "Pérdidas que engañan"),
    "null_misleading": ("No effect, losses that mislead", "Sin efecto, pérdidas que engañan"),
    "nobody_lost": ("Nobody lost", "Sin pérdidas"),
    "half_lost": ("Half lost", "Con la mitad de pérdidas"),
}
OPPOSITE = {"mnar_slope_tele": -0.8, "mnar_slope_control": 0.8}
WORLDS: dict[str, dict[str, float]] = {
    "textbook": {"effect": -10, "odi_sd_week6": 18},
    "null": {"effect": 0},
    "registered": {"effect": -10, "odi_sd_week6": 19.39},
    "literature": {"effect": -10},
    "evidence": {"effect": -4.5},
    "sceptical": {"effect": -2},
    "misleading": {"effect": -10, "odi_sd_week6": 19.39, **OPPOSITE},
    "null_misleading": {"effect": 0, **OPPOSITE},
    "nobody_lost": {"effect": -10, "odi_sd_week6": 19.39, "loss_total": 0},
    "half_lost": {"effect": -10, "odi_sd_week6": 19.39, "loss_total": 0.5},
}
BASE: dict[str, tuple[float, float, float, str, str, str]] = {
    "effect": (-4.5, -10, 0, "ODI points", "B", "target"),
    "odi_sd_week6": (14, 10.5, 18, "ODI points", "B", "target"),
    "odi_sd_baseline": (14, 10.5, 18, "ODI points", "B", "target"),
    "loss_total": (0.4, 0.15, 0.5, "share of randomised", "C", "target"),
    "mnar_slope_tele": (0.4, -0.8, 0.8, "log hazard per SD of current disability", "D", "input"),
    "mnar_slope_control": (0.4, -0.8, 0.8, "log hazard per SD of current disability", "D", "input"),
    "odi_change_sd": (11.5, 7, 16, "ODI points", "B", "check"),
}


@dataclass
class World:
    """One scenario to be written; the defaults are what a healthy run gives."""

    name: str
    replicates: int = 10_000
    powers: Mapping[str, float] = field(default_factory=dict)
    label: tuple[str, str] | None = None
    participants: int = 200
    trial: str = "nct07248813"


def write_world(root: Path, world: World) -> Path:
    """Write the folder of a scenario."""
    folder = root / world.name
    folder.mkdir(parents=True)
    values = {name: row[0] for name, row in BASE.items()} | WORLDS[world.name]
    (folder / "assumptions.json").write_text(json.dumps(_assumptions(world, values)), encoding="utf-8")
    with (folder / "performance.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["scenario", "analysis", "outcome", "measure", "value", "mcse", "n_replicates"])
        for analysis in ANALYSES:
            for measure, value in _measures(world, analysis, values).items():
                share = value is not None and measure in SHARES
                mcse = sqrt(value * (1 - value) / world.replicates) if share and value is not None else 0.01
                writer.writerow([world.name, analysis, "odi", measure, "" if value is None else value, mcse, world.replicates])
    manifest = {
        "odisea": "0.1.0",
        "command": f"odisea power protocol/nct07248813.yaml --scenario {world.name}",
        "created": "2026-11-23T10:00:00+00:00",
        "inputs": {"protocol/nct07248813.yaml": "a" * 64, "simulate/assumptions.yaml": "b" * 64},
        "outputs": {"performance.csv": "c" * 64},
        "code": "d" * 16,
        "environment": {"python": "3.11.7"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def write_worlds(root: Path, *names: str, **changes: Any) -> list[Path]:
    """Write the folders of several scenarios, of all where none is named."""
    return [write_world(root, World(name, **changes)) for name in (names or WORLDS)]


SHARES = ("power", "reject_benefit", "reject_harm", "coverage", "prob_estimate_beyond_target", "reject_margin", "failures")


def _measures(world: World, analysis: str, values: Mapping[str, float]) -> dict[str, float | None]:
    """Return measures that hang together."""
    per_arm = world.participants * (1 - values["loss_total"]) / 2
    spread = values["odi_sd_week6"] * (0.85 if analysis.startswith("as_recommended") else 1.0)
    se = spread * sqrt(2 / per_arm)
    misleads = values["mnar_slope_tele"] * values["mnar_slope_control"] < 0
    truth, bias = values["effect"], 5.2 if misleads else 0.02
    mean = truth + bias
    if "responder" in analysis:
        return _responders(analysis, truth, bias, se)
    benefit = NORMAL.cdf((-1.96 * se - mean) / se)
    harm = 1 - NORMAL.cdf((1.96 * se - mean) / se)
    power = world.powers.get(analysis, min(benefit + harm, 1.0))
    formula = None if "mi" in analysis or "jump" in analysis or "delta" in analysis else NORMAL.cdf(-truth / se - 1.96) if truth else 0.05
    measures = {
        "power": power,
        "reject_benefit": benefit,
        "reject_harm": harm,
        "true_value": truth,
        "mean_estimate": mean,
        "bias": bias,
        "empirical_se": se,
        "model_se": 1.01 * se,
        "relative_error_se": 1.0,
        "coverage": 0.949 if not misleads else 0.41,
        "relative_precision": None if analysis in ("as_registered.ancova", "as_recommended.mi") else 3.2,
        "ci_width": 3.92 * se,
        "prob_estimate_beyond_target": NORMAL.cdf((-10 - mean) / se),
        "reject_margin": NORMAL.cdf((-10 - 1.96 * se - mean) / se),
        "failures": 0.0,
        "closed_form_power": formula,
        "closed_form_gap": None if formula is None else (power - formula) / sqrt(power * (1 - power) / world.replicates),
    }
    return {name: None if "delta" in analysis and name in NO_TRUTH else value for name, value in measures.items()}


def _responders(analysis: str, truth: float, bias: float, se: float) -> dict[str, float | None]:
    risk, odds = -truth * 0.021, -truth * 0.09
    shift = 0.02 + 0.97 * NORMAL.cdf(abs(truth + bias) / se - 2.3)
    if analysis.endswith("_rd"):
        return {"power": shift, "true_value": risk, "mean_estimate": risk + 0.003, "bias": 0.003, "coverage": 0.95, "failures": 0.0}
    return {"power": shift, "true_value": None, "mean_estimate": odds, "failures": 0.001}


def _assumptions(world: World, values: Mapping[str, float]) -> dict[str, Any]:
    english, spanish = world.label or LABELS[world.name]
    per_arm = world.participants * 0.6 / 2
    sds = (12, 14, 15, 18, 20, 22)
    return {
        "trial": world.trial,
        "scenario": world.name,
        "label": {"en": english, "es": spanish},
        "about": {"en": "A world with a truth.", "es": "Un mundo con una verdad."},
        "textbook": world.name == "textbook",
        "participants": world.participants,
        "seed": 20251003,
        "replicates": world.replicates,
        "parameters": [_parameter(name, values[name], name in WORLDS[world.name]) for name in BASE],
        "achieved": _achieved(values),
        "claim": {
            "analysed_per_arm": per_arm,
            "difference": 10.0,
            "power": 0.8,
            "alpha": 0.05,
            "implied_sd": IMPLIED_SD,
            "power_at_sd": {f"{sd:g}": NORMAL.cdf(10 / (sd * sqrt(2 / per_arm)) - 1.96) for sd in sds},
            "needed_per_arm": {f"{sd:g}": round(2 * (2.8 * sd / 10) ** 2) + 1 for sd in sds},
        },
    }


def _parameter(name: str, value: float, changed: bool) -> dict[str, Any]:
    _, low, high, unit, grade, kind = BASE[name]
    source = [] if grade == "D" else list(SOURCES)
    shown = {"name": name, "kind": kind, "value": value, "low": low, "high": high, "unit": unit, "source": source, "grade": grade}
    achieved = value + 0.001 if kind != "input" else None
    return {**shown, "note": "a note", "changed": changed, "outside_range": not low <= value <= high, "achieved": achieved, "mcse": 0.01}


def _achieved(values: Mapping[str, float]) -> dict[str, dict[str, float]]:
    loss = values["loss_total"]
    shown = {
        "odi_mean_baseline": 30.0, "odi_sd_baseline": 14.0, "odi_sd_week6_control": values["odi_sd_week6"], "odi_sd_week6_tele": 13.2,
        "odi_correlation": 0.6, "effect": values["effect"], "floor_week6_tele": 0.05, "floor_week6_control": 0.02, "adherence_mean": 0.56,
        "loss_total": loss, "loss_tele": loss, "loss_control": loss, "loss_share_mcar": 0.375 * loss,
        "loss_share_mar_covariates": 0.25 * loss, "loss_share_mar_adherence": 0.125 * loss, "loss_share_mnar": 0.25 * loss,
    }  # fmt: skip
    return {name: {"value": value, "mcse": 0.001} for name, value in shown.items()}


def estimate_row(analysis: str, measure: str, numbers: tuple[float, float, float, float] | None, **changes: Any) -> dict[str, Any]:
    """Return a row of estimates.json; numbers are estimate, limits and p, None where the fit failed."""
    estimate, low, high, p = numbers or (None, None, None, None)
    row: dict[str, Any] = {
        "analysis": analysis, "estimand": "odi_week6", "outcome": "odi", "visit": "week6", "contrast": "tele_vs_control",
        "method": "ancova" if measure == "mean_difference" else "logistic", "measure": measure, "missing_data": "complete_case",
        "role": "secondary", "variance": "least_squares" if measure == "mean_difference" else "information", "estimate": estimate,
        "se": 2.0, "ci_low": low, "ci_high": high, "df": None, "p": p, "alpha": 0.05, "n_randomised": 200, "n_analysed": 118,
        "n_analysed_arm": 57, "n_analysed_reference": 61, "status": "ok" if numbers else "separated", "flags": [], "reason": "",
        "proposed": [], "details": {},
    }  # fmt: skip
    return row | changes


def trial_estimates(origin: str = "simulated", blind: bool = False) -> dict[str, Any]:
    """Return the content of estimates.json of a small analysis."""
    reason = {"en": "The usual level.", "es": "Nivel habitual."}
    alpha = {"pointer": "/analysis/plans/as_registered/alpha", "value": 0.05, "reason": reason, "by": "x", "date": "2026-11-23"}
    rule = {"pointer": "/analysis/plans/as_registered/responder/odi", "value": {"improvement_of_at_least": 10.0, "unit": "points"}}
    counts = {"tele": {"responders": 34, "others": 23}, "control": {"responders": 4, "others": 57}}
    separation = "the covariates separate responders from non-responders: the maximum likelihood estimate does not exist"
    rows = [
        estimate_row("as_registered.ancova", "mean_difference", (-9.43, -16.97, -1.88, 0.0149), role="primary", proposed=[alpha]),
        estimate_row("as_registered.mi", "mean_difference", (-7.9, -15.1, -0.6, 0.00004), flags=["uncongenial"]),
        estimate_row(
            "as_recommended.mi", "mean_difference", (-2.0, -9.0, 5.0, 0.57), role="primary", n_analysed_arm=100, n_analysed_reference=100
        ),
        estimate_row("as_registered.responder_rd", "risk_difference", (0.152, -0.024, 0.329, 0.09), table=counts, proposed=[rule]),
        estimate_row("as_registered.responder_or", "log_odds_ratio", (0.657, -0.121, 1.435, 0.098), flags=["sparse_cells"], table=counts),
        estimate_row("as_recommended.responder_or", "log_odds_ratio", None, reason=separation, flags=["aliased: bmi"]),
    ]
    return {"trial": "nct07248813", "origin": origin, "blind": blind, "estimates": [] if blind else rows}


RUBIN = {"estimate": -7.14, "se": 2.45, "ci_low": -12.0, "ci_high": -2.29, "p": 0.004}
JACKKNIFE = {"estimate": -7.14, "se": 1.55, "ci_low": -10.18, "ci_high": -4.11, "p": 0.00004}


def every_kind_of_estimate() -> dict[str, Any]:
    """Return the content of estimates.json with one row of every kind, each with the details that its method writes."""
    imputed = {"m": 20, "fmi": 0.51, "mcse_estimate": 0.412, "mcse_se": 0.18, "mcse_p": 0.00002, "imputed_arm": 43, "imputed_reference": 36}
    means = {arm: {"mean": mean, "se": 1.8, "df": 52.0, "ci_low": mean - 3.6, "ci_high": mean + 3.6} for arm, mean in ARM_MEANS.items()}
    sensitive = {"role": "sensitivity"}
    rows = [
        estimate_row(
            "as_recommended.mi", "mean_difference", (-12.62, -18.06, -7.18, 0.00003), role="primary", missing_data="multiple_imputation",
            variance="rubin", details=imputed | {"share_outside_scale": 0.097, "means": {"standardised": means, "equal_levels": None}},
            flags=["filled: odi@baseline 3", "filled: comorbidities 1", "high_fmi"],
        ),
        estimate_row(
            "as_recommended.mi_adherence", "mean_difference", (-10.72, -16.5, -4.9, 0.0004), missing_data="multiple_imputation",
            variance="rubin", details=imputed | {"m": 100, "auxiliary_used": ["vas@week6", "live_sessions"], "m_automatic": {"pilot": 20}},
            flags=["auxiliary_dropped: diary_days in tele, few_observed", "filled: odi@baseline 3"], **sensitive,
        ),
        estimate_row(
            "as_recommended.jump_to_reference", "mean_difference", (-7.14, -12.0, -2.29, 0.004), missing_data="jump_to_reference",
            variance="rubin_limit", flags=["collapse: one analysis"], details={"rubin": RUBIN, "jackknife": JACKKNIFE}, **sensitive,
        ),
        estimate_row(
            "as_recommended.rerandomisation", "mean_difference", (-12.9, -17.8, -8.0, 0.0001), method="rerandomisation", **sensitive,
            variance="permutation", flags=["rerandomised: fixed_numbers"],
            details={"rerandomised": "fixed_numbers", "exact": False, "allocations": 9999, "mean_residual_difference": {"p_mcse": 0.0001}},
        ),
        estimate_row(
            "as_recommended.weighting", "mean_difference", (-13.1, -18.3, -7.9, 0.00001), method="weighting", **sensitive,
            missing_data="inverse_probability", variance="estimating_equations",
            details={"weights": {"min": 0.69, "max": 1.83, "mean": 1.0}, "effective_n": 113.1, "truncated": 4},
        ),
        estimate_row("as_recommended.tipping_point", "mean_difference", (-12.63, -17.7, -7.6, 0.00001), details=TIPPING, **TIPPED),
        estimate_row(
            "as_recommended.partially_nested", "mean_difference", None, status="not_estimable", method="partially_nested",
            variance="satterthwaite", reason="the live-session group of the participants is not recorded", **sensitive,
        ),
        estimate_row("as_recommended.subgroup_physical_activity", "mean_difference", (-9.9, -22.9, 3.0, 0.131), **SUBGROUP),
        *_responder_rows(),
    ]  # fmt: skip
    return {"trial": "nct07248813", "origin": "simulated", "blind": False, "estimates": rows}


ARM_MEANS = {"tele": 14.28, "control": 26.9}
TIPPED = {"method": "tipping_point", "missing_data": "delta_adjusted", "role": "sensitivity", "variance": "rubin"}
STEPS = [float(step) for step in range(21)]
TIPPING: dict[str, Any] = {
    "m": None, "fmi": 0.43, "mcse_estimate": 0.0, "tipping_delta": 17.09, "tipping_delta_other": None, "zero_delta": 29.5,
    "searched_up_to": 100.0, "frontier": {
        "delta": STEPS, "estimate": [[-12.63 + 0.427 * step for step in STEPS]] * 21, "p": [[0.00001 * 1.6**step for step in STEPS]] * 21,
    },
}  # fmt: skip
SUBGROUP: dict[str, Any] = {
    "method": "subgroup", "role": "exploratory", "flags": ["exploratory"], "details": {
        "factor": "physical_activity", "interaction": {"f": 1.59, "df1": 2.0, "df2": 110.0, "p": 0.208}, "subgroups": [
            {"name": name, "value": None, "n_arm": n, "n_reference": 16, "effect": effect, "ci_low": effect - 8, "ci_high": effect + 8}
            for name, n, effect in (("reference_level", 20, -10.21), ("physical_activity=moderate", 21, -10.37))
        ],
    },
}  # fmt: skip


def _responder_rows() -> list[dict[str, Any]]:
    """Return responder analyses: separated, penalised, by imputation, as ratios, without covariates and with the lost as no response."""
    separation = "the covariates separate responders from non-responders: the maximum likelihood estimate does not exist"
    counts = {"tele": {"responders": 34, "others": 23}, "control": {"responders": 19, "others": 45}}
    everyone = {"tele": {"responders": 34, "others": 66}, "control": {"responders": 19, "others": 81}}
    arms = {"arm": {"wilson": [0.467, 0.714]}, "reference": {"wilson": [0.199, 0.418]}}
    pooled = {"ye": {"se": 0.08, "fmi": 0.5, "mcse_estimate": 0.0118, "mcse_p": 0.0018}, "hc0": {"se": 0.081, "fmi": 0.47}}
    return [
        estimate_row("as_recommended.responder_or", "log_odds_ratio", None, reason=separation, table=counts),
        estimate_row(
            "as_recommended.responder_firth", "log_odds_ratio", (1.597, 0.62, 2.675, 0.0011), method="firth", table=counts,
            variance="penalised_likelihood", flags=["separated: penalised", "aliased: physical_activity=high"],
        ),
        estimate_row("as_recommended.responder_rr", "log_risk_ratio", (0.58, 0.238, 0.922, 0.0009), variance="ye", table=counts),
        estimate_row("as_recommended.responder_rd", "marginal_log_odds_ratio", (1.0, 0.4, 1.6, 0.001), variance="ge", table=counts),
        estimate_row(
            "as_recommended.responder_mi", "risk_difference", (0.252, 0.098, 0.406, 0.0016), missing_data="multiple_imputation",
            variance="rubin", se=0.08, table=counts, flags=["separated_imputations: 3 of 20"], details={"m": 20, "risk_difference": pooled},
        ),
        estimate_row(
            "as_registered.responder_unadjusted", "risk_difference", (0.3, 0.122, 0.452, 0.001), method="proportions",
            variance="newcombe", table=counts, details={"arms": arms},
        ),
        estimate_row(
            "as_recommended.responder_nri", "risk_difference", (0.133, 0.022, 0.245, 0.019), missing_data="non_responder",
            variance="ye", table=everyone,
        ),
    ]  # fmt: skip


def trial_flow(blind: bool = False) -> dict[str, Any]:
    """Return the content of flow.json."""

    def arm(name: str | None, allocated: int, observed: int) -> dict[str, Any]:
        missing = {"lost_to_follow_up": allocated - observed - 1, "not_recorded": 1}
        return {
            "arm": name, "allocated": allocated, "observed": {"odi@baseline": allocated, "odi@week6": observed},
            "missing": {"odi@baseline": {}, "odi@week6": missing}, "events": {"completed": observed},
        }  # fmt: skip

    arms = [arm(None, 200, 118)] if blind else [arm("tele", 100, 57), arm("control", 100, 61)]
    excluded = {"ineligible:I3": 30, "eligible_declined:declined": 9}
    return {"trial": "nct07248813", "assessed": 239, "excluded": excluded, "not_randomised": 0, "randomised": 200, "arms": arms}


def trial_baseline(groups: int = 3) -> dict[str, Any]:
    """Return the content of baseline.json."""
    number = {"n": 100, "missing": 0, "mean": 39.02, "sd": 9.64, "median": 38.0, "lower_quartile": 32.0, "upper_quartile": 45.0}
    sexes = {"n": 99, "missing": 1, "counts": {"female": 48, "male": 51, "intersex": 0}}
    rows = [
        {"name": "age_years", "label": {"en": "Age", "es": "Edad"}, "unit": "years", "cells": [number] * groups},
        {"name": "sex", "label": {"en": "Sex", "es": "Sexo"}, "unit": None, "cells": [sexes] * groups},
    ]
    return {"trial": "nct07248813", "arms": ["tele", "control"], "rows": rows}


def write_analysis_folder(folder: Path, origin: str = "simulated", blind: bool = False, **changes: Any) -> Path:
    """Write the folder of `odisea analyse`; a file given as None is left out."""
    files: dict[str, Any] = {
        "estimates": trial_estimates(origin, blind),
        "flow": trial_flow(blind),
        "baseline": trial_baseline(1 if blind else 3),
        "manifest": {"odisea": "0.1.0", "command": "odisea analyse", "created": "2026-11-23T10:00:00+00:00", "inputs": {"a.csv": "a" * 64}},
    } | changes
    folder.mkdir(parents=True)
    for name, content in files.items():
        if content is not None:
            (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
