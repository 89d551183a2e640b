"""`odisea dossier`: what the simulator shows beside what was published, as one record of numbers.

Three tables: the acceptance bands of the base scenario; the prototype of the data-generating model, rebuilt with this
engine in twelve scenarios; and the type I error of plain and partially nested analysis of covariance where live-session
groups matter. `odisea.report.dossier` makes the page.
"""

from collections.abc import Mapping
from dataclasses import replace as changed
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.performance.batch import in_order, make_table, run_batch
from odisea.performance.nested import SideBySide, side_by_side
from odisea.performance.operating import Setting, performance_frame, replicate_frame
from odisea.performance.power import Run, Study, prepare
from odisea.performance.prototype import BASE, ROWS, Row
from odisea.performance.store import batch_ranges
from odisea.provenance import manifest, write_json
from odisea.simulate.assumptions import Scenario, Scenarios, resolve
from odisea.simulate.mechanism import ODI_BASELINE, ODI_WEEK6, SEX_LIFE, WEEKS, Mechanism
from odisea.simulate.replicate import Cohort, make_cohort, simulate_trial

Floats = NDArray[np.float64]
Record = dict[str, Any]

BASE_SCENARIO = "evidence_based"
FORMULA_SCENARIO = "textbook"
LARGE = 100_000  # participants of the cohort that reliability is read off
STABLE_POINTS = 10.0  # a latent change below the important difference: people who would call themselves unchanged
ANALYSES = {
    "t": "as_registered.unadjusted",
    "confounders": "as_registered.ancova",
    "baseline": "as_recommended.baseline_only",
    "both": "as_recommended.ancova",
}
CLUSTERED = ((0.0, 10, 0.0), (0.02, 10, 0.0), (0.02, 10, 0.4), (0.05, 12, 0.0), (0.05, 12, 0.4), (0.1, 12, 0.0))


class Band(NamedTuple):
    """An acceptance band and the name of the quantity in the calibration's record, or of one worked out here."""

    label: str
    name: str
    low: float
    high: float
    source: str


BANDS = (
    Band("Mean ODI at baseline", "odi_mean_baseline", 20.0, 42.0, "B1"),
    Band("SD of the ODI at baseline", "odi_sd_baseline", 10.0, 18.0, "B2, widened"),
    Band("SD of the ODI at week 6, within arms", "odi_sd_week6", 10.0, 18.0, "B2, B4, widened"),
    Band("Cronbach's alpha of the ODI at baseline", "alpha", 0.80, 0.93, "O6"),
    Band("SEM of the ODI over six weeks in stable people", "sem", 4.5, 8.0, "O8"),
    Band("Skewness of the ODI at baseline", "skewness", 0.0, 1.2, "B3, widened"),
    Band("Correlation of baseline with week 6, within arms", "odi_correlation", 0.40, 0.85, "B5, widened"),
    Band("SD of the change", "odi_change_sd", 7.0, 16.0, "B6, corrected"),
    Band("Residual SD given baseline", "odi_residual_sd", 6.5, 14.5, "B6a"),
    Band("R squared of the four covariates beyond baseline", "r2_beyond_baseline", 0.0, 0.05, "B7"),
    Band("R squared of the four covariates without baseline", "r2_without_baseline", 0.0, 0.12, "B7"),
    Band("Correlation of pain with the ODI at baseline", "r_vas_odi_baseline", 0.35, 0.65, "B9, widened"),
    Band("Correlation of pain with the ODI at week 6", "r_vas_odi_week6", 0.45, 0.72, "B9"),
    Band("Correlation of the changes of pain and ODI", "r_vas_odi_change", 0.20, 0.60, "B9"),
    Band("Change in the control arm", "control_change", -8.0, -0.5, "C1, widened"),
    Band("Change in the programme arm", "tele_change", -18.0, -8.0, "evidence 4.8"),
    Band("Effect on pain (0-10)", "vas_effect", -1.5, -0.5, "E12"),
    Band("Loss, all randomised", "loss_total", 0.39, 0.41, "A1"),
    Band("Difference in loss, programme minus control", "loss_difference", -0.01, 0.01, "A2, as asked"),
    Band("Mean adherence", "adherence_mean", 0.40, 0.78, "H1, widened"),
    Band("SD of adherence", "adherence_sd", 0.20, 0.30, "H2"),
    Band("Correlation of dose with improvement, programme arm", "r_dose_change", 0.10, 0.35, "E10"),
    Band("Correlation within live-session groups", "live_icc", 0.0, 0.05, "G1"),
    Band("Eligible among candidates", "eligible_share", 0.40, 0.75, "L1"),
    Band("Consent among the eligible", "consent_share", 0.30, 0.75, "L2"),
    Band("Score of 0 at baseline", "floor_baseline", 0.0, 0.02, "B3"),
)


def write_dossier(study: Study, store: Path, folder: Path, replicates: int, workers: int, command: str) -> Path:
    """Write simulator.json and its manifest; return the path of the first.

    Parameters
    ----------
    store : Path
        Where calibrations are kept.
    replicates : int
        Replicates per scenario.
    """
    record = {
        "trial": study.protocol.trial,
        "seed": study.scenarios.monte_carlo.seed,
        "replicates": replicates,
        "bands": bands(study, store, workers),
        "formula": formula(study, store, replicates, workers),
        "prototype": [prototype(study, row, store, replicates, workers) for row in ROWS],
        "clustering": [clustering(study, *case, store, replicates, workers) for case in CLUSTERED],
    }
    path = write_json(folder / "simulator.json", record)
    details = {"trial": study.protocol.trial, "seed": study.scenarios.monte_carlo.seed, "replicates": replicates}
    write_json(folder / "manifest.json", manifest(command, study.inputs, [path], details))
    return path


def varied(study: Study, base: str, name: str, values: Mapping[str, float]) -> Scenario:
    """Return a declared scenario with some values set otherwise, under a name of its own."""
    spec = study.scenarios.scenarios[base]
    own = spec.model_copy(update={"set": {**spec.set, **values}, "participants": None})
    file = Scenarios.model_construct(**{**dict(study.scenarios), "scenarios": {name: own}})
    return resolve(study.assumptions, file, name, "dossier")


def restricted(run: Run, analyses: Mapping[str, str]) -> Run:
    """Return a run that carries out some analyses only."""
    planned = tuple(next(one for one in run.planned if one.id == name) for name in analyses.values())
    return changed(run, planned=planned, job=run.job._replace(table=make_table([one.analysis for one in planned])))


def measures(study: Study, run: Run, replicates: int, workers: int) -> dict[tuple[str, str], tuple[float, float]]:
    """Return (analysis, measure): value and Monte Carlo standard error over replicates 0 to n - 1."""
    setting = Setting(run.scenario.id, study.protocol, run.planned, run.calibration, run.scenario.programme_arm)
    results = np.concatenate(list(in_order(lambda span: run_batch(run.job, *span), batch_ranges(replicates), workers)))
    frame = performance_frame(setting, replicate_frame(setting, results))
    columns = (frame[name].tolist() for name in ("analysis", "measure", "value", "mcse"))
    return {(analysis, measure): (value, mcse) for analysis, measure, value, mcse in zip(*columns, strict=True)}


# ---------------------------------------------------------------- acceptance bands


def bands(study: Study, store: Path, workers: int) -> Record:
    """Return every band with what the base scenario shows."""
    scenario = varied(study, BASE_SCENARIO, BASE_SCENARIO, {})
    run = prepare(study, scenario, study.scenarios.monte_carlo.seed, store, workers)
    shown = dict(run.calibration.achieved)
    change, effect = shown["control_change"], shown["effect"]
    shown["tele_change"] = (change[0] + effect[0], float(np.hypot(change[1], effect[1])))
    shown |= reliability(study.scenarios.calibration.seed, run.job.mechanism)
    rows = [_band(band, *shown[band.name]) for band in BANDS]
    return {"scenario": BASE_SCENARIO, "calibration": run.calibration_digest, "rows": rows}


def _band(band: Band, value: float, mcse: float) -> Record:
    return {**band._asdict(), "value": value, "mcse": mcse, "inside": bool(band.low <= value <= band.high)}


def reliability(seed: int, mechanism: Mechanism) -> dict[str, tuple[float, float]]:
    """Return Cronbach's alpha and skewness at baseline, and the error of measurement between two visits of stable people.

    Stable are people without programme, course and events whose latent disability moved by less than `STABLE_POINTS`; the
    error of measurement is the SD of the difference of their two scores over the square root of 2 (Davidson and Keating 2002).
    """
    cohort = whole_cohort(seed, mechanism)
    answered = ~np.isnan(cohort.items_baseline[SEX_LIFE])
    items = cohort.items_baseline[:, answered]
    alpha = cronbach_alpha(items)
    halves = [cronbach_alpha(part) for part in np.array_split(items, 20, axis=1)]
    score = 100.0 * items.sum(axis=0) / (5.0 * len(items))
    skew = float(np.mean((score - score.mean()) ** 3) / score.std() ** 3)
    rest = whole_cohort(seed, at_rest(mechanism))
    calm = np.abs(rest.actual[WEEKS] - rest.actual[0]) < STABLE_POINTS
    difference = (rest.recorded[ODI_WEEK6] - rest.recorded[ODI_BASELINE])[calm]
    sem = float(np.nanstd(difference, ddof=1) / sqrt(2.0))
    return {
        "alpha": (alpha, float(np.std(halves, ddof=1) / sqrt(20.0))),
        "skewness": (skew, sqrt(6.0 / score.size)),
        "sem": (sem, sem / sqrt(2.0 * calm.sum())),
    }


def at_rest(mechanism: Mechanism) -> Mechanism:
    """Return the mechanism in which nothing changes people but the wandering of their state, and nobody is lost."""
    quiet = {"natural_change": 0.0, "natural_cv": 0.0, "prognosis": 0.0, "effect": 0.0, "group_sd": 0.0}
    events = mechanism.events._replace(probability=np.zeros_like(mechanism.events.probability))
    return mechanism._replace(
        course=mechanism.course._replace(**quiet),  # type: ignore[arg-type]
        population=mechanism.population._replace(flare_size=0.0),
        events=events,
        dropout=mechanism.dropout._replace(active=np.zeros_like(mechanism.dropout.active)),
    )


def whole_cohort(seed: int, mechanism: Mechanism) -> Cohort:
    """Return one very large simulated trial."""
    cohort = make_cohort(LARGE)
    simulate_trial(seed, 0, mechanism, cohort)
    return cohort


def cronbach_alpha(items: Floats) -> float:
    """Return Cronbach's alpha (1951) of a questionnaire, shape (n_items, n)."""
    k = items.shape[0]
    return float(k / (k - 1.0) * (1.0 - items.var(axis=1, ddof=1).sum() / items.sum(axis=0).var(ddof=1)))


def formula(study: Study, store: Path, replicates: int, workers: int) -> list[Record]:
    """Return simulated power beside the closed form where the formula's assumptions hold."""
    run = prepare(study, varied(study, FORMULA_SCENARIO, FORMULA_SCENARIO, {}), study.scenarios.monte_carlo.seed, store, workers)
    run = restricted(run, ANALYSES)
    found = measures(study, run, replicates, workers)
    return [
        {
            "analysis": name,
            "power": found[name, "power"][0],
            "mcse": found[name, "power"][1],
            "closed_form": found[name, "closed_form_power"][0],
            "gap_in_mcse": found[name, "closed_form_gap"][0],
        }
        for name in ANALYSES.values()
    ]


# ---------------------------------------------------------------- the prototype, rebuilt


def prototype(study: Study, row: Row, store: Path, replicates: int, workers: int) -> Record:
    """Return one scenario of the prototype as this engine shows it, beside the printed numbers."""
    scenario = varied(study, BASE_SCENARIO, row.id, {**BASE, **row.values})
    run = restricted(prepare(study, scenario, study.scenarios.monte_carlo.seed, store, workers), ANALYSES)
    found = measures(study, run, replicates, workers)
    shown = {
        short: {name: found[full, name] for name in ("mean_estimate", "empirical_se", "power", "coverage")}
        for short, full in ANALYSES.items()
    }
    return {"id": row.id, "label": row.label, "truth": run.calibration.truths.effect, "shown": shown, "printed": row.printed}


# ---------------------------------------------------------------- groups


def clustering(study: Study, icc: float, size: int, loss: float, store: Path, replicates: int, workers: int) -> Record:
    """Return the type I error of both analyses of covariance on the baseline score, where the programme does nothing.

    Parameters
    ----------
    icc : float
        Correlation within live-session groups.
    size : int
        Participants per group when all are there.
    loss : float
        Share lost, by chance alone.
    """
    values = {
        **{"effect": 0.0, "live_icc": icc, "live_group_size": float(size), "loss_total": loss, "item_blank_week6": 0.0},
        **{"loss_part_mcar": 1.0, "loss_part_mar_covariates": 0.0, "loss_part_mar_adherence": 0.0, "loss_part_mnar": 0.0},
    }
    run = prepare(study, varied(study, BASE_SCENARIO, "groups", values), study.scenarios.monte_carlo.seed, store, workers)
    planned = next(one for one in run.planned if one.id == ANALYSES["baseline"])
    found = side_by_side(run.job, planned.analysis, planned.alpha, replicates, workers)
    groups = -(-run.job.participants // 2 // size)
    return {"icc": icc, "group_size": size, "groups": groups, "loss": loss, **_both(found)}


def _both(found: SideBySide) -> Record:
    """Return the numbers of both analyses."""

    def one(place: int) -> Record:
        rejects = float(found.rejects[place])
        return {
            "type_i_error": rejects,
            "mcse": sqrt(rejects * (1.0 - rejects) / found.replicates),
            "model_se": float(found.model_se[place]),
            "empirical_se": float(found.empirical_se[place]),
            "failures": float(found.failures[place]),
        }

    return {"plain": one(0), "partially_nested": one(1), "mean_estimated_icc": found.icc}
