"""The simulator beside a real trial: how plausible a draw the real one is of the simulator set to its sample.

The scenario takes what a designer would take from the trial's report (means, SDs, correlation, change, effect, loss). A list
of statistics, most of them not among those, is then worked out by one function from the real trial and from many simulated
ones of the same size. Where the real value lies outside the middle 95 % of the simulated ones, the model cannot match it.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.performance.dossier import varied
from odisea.performance.power import Study, prepare
from odisea.provenance import manifest, write_json
from odisea.simulate.assumptions import Scenario
from odisea.simulate.draft import PAIN_AT_BASELINE
from odisea.simulate.mechanism import CONTROL, ODI_BASELINE, ODI_WEEK6, TELE, VAS_BASELINE, VAS_WEEK6, Mechanism
from odisea.simulate.replicate import make_cohort, simulate_trial

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Record = dict[str, Any]
LOW, HIGH = 2.5, 97.5
# Nothing that the real trial did not have, or of which its files say nothing.
ABSENT: dict[str, float] = {
    **{"live_icc": 0.0, "leak_share": 0.0, "item_blank_week6": 0.0, "item_blank_sex_life": 0.0},
    **{"loss_part_mcar": 1.0, "loss_part_mar_covariates": 0.0, "loss_part_mar_adherence": 0.0, "loss_part_mnar": 0.0},
}


class Seen(NamedTuple):
    """Two arms of a trial as its files hold them; NaN where a value is missing."""

    odi_before: Floats
    odi_after: Floats
    pain_before: Floats  # 0 to 10
    pain_after: Floats
    exposed: Ints  # 1: the arm whose effect is looked at


class Statistic(NamedTuple):
    """A number worked out from a trial, whether the scenario is set to it, and why the model may miss it."""

    name: str
    label: str
    set_to_it: bool
    weakness: str = ""


STATISTICS = (
    Statistic("mean_before", "Mean ODI at baseline", True),
    Statistic("sd_before", "SD of the ODI at baseline", True),
    Statistic("sd_after", "SD of the ODI after treatment, within arms", True),
    Statistic("r", "Correlation of baseline with follow-up, within arms", True),
    Statistic("change_control", "Mean change, control arm", True),
    Statistic("effect", "Difference in mean ODI after treatment", True),
    Statistic("lost", "Share without an outcome", True),
    Statistic("pain_before", "Mean pain at baseline", True),
    Statistic("pain_sd_before", "SD of pain at baseline", True),
    Statistic("residual_sd", "Residual SD given baseline and arm", False),
    Statistic("change_sd", "SD of the change, within arms", False),
    Statistic("sd_after_treated", "SD after treatment, treated arm", False),
    Statistic("sd_after_control", "SD after treatment, control arm", False),
    Statistic("r_treated", "Correlation with baseline, treated arm", False),
    Statistic("r_control", "Correlation with baseline, control arm", False),
    Statistic("r_pain_before", "Correlation of ODI with pain at baseline", False),
    Statistic("r_pain_after", "Correlation of ODI with pain after treatment, within arms", False),
    Statistic("r_pain_change", "Correlation of the changes of ODI and pain, within arms", False),
    Statistic(
        "pain_effect",
        "Difference in mean pain after treatment",
        False,
        "the effect on pain is a fixed multiple of that on the ODI, taken from trials with smaller effects",
    ),
    Statistic(
        "skewness",
        "Skewness of the ODI at baseline",
        False,
        "latent disability is normal but for the flare, so that skewness comes from the floor; a long right tail cannot",
    ),
    Statistic("skewness_treated", "Skewness of the ODI after treatment, treated arm", False, "as at baseline"),
    Statistic("floor_treated", "Share at 4 points or less after treatment, treated arm", False),
    Statistic(
        "large_improvement",
        "Share improved by 10 points or more, treated minus control",
        False,
        "with normal changes a mean effect is spread over many; where most of the treated improve alike, the model has too few",
    ),
)


def statistics(seen: Seen) -> dict[str, float]:
    """Return every statistic of `STATISTICS` of one trial; follow-up values of those who have both ODI values."""
    there = ~np.isnan(seen.odi_before) & ~np.isnan(seen.odi_after)
    arms = [there & (seen.exposed == exposure) for exposure in (CONTROL, TELE)]
    change, pain_change = seen.odi_after - seen.odi_before, seen.pain_after - seen.pain_before
    slopes = np.array([[seen.odi_before[arm].var(ddof=1), covariance(seen.odi_before, seen.odi_after, arm)] for arm in arms])
    residual = [seen.odi_after[arm] - slopes[:, 1].mean() / slopes[:, 0].mean() * seen.odi_before[arm] for arm in arms]
    control, treated = arms
    return {
        "mean_before": float(np.nanmean(seen.odi_before)),
        "sd_before": float(np.nanstd(seen.odi_before, ddof=1)),
        "sd_after": within(seen.odi_after, arms),
        "r": correlation_within(seen.odi_before, seen.odi_after, arms),
        "change_control": float(change[control].mean()),
        "effect": float(seen.odi_after[treated].mean() - seen.odi_after[control].mean()),
        "lost": float(1.0 - there.mean()),
        "pain_before": float(np.nanmean(seen.pain_before)),
        "pain_sd_before": float(np.nanstd(seen.pain_before, ddof=1)),
        "residual_sd": float(np.sqrt(np.mean([part.var(ddof=1) for part in residual]))),
        "change_sd": within(change, arms),
        "sd_after_treated": float(seen.odi_after[treated].std(ddof=1)),
        "sd_after_control": float(seen.odi_after[control].std(ddof=1)),
        "r_treated": correlation_within(seen.odi_before, seen.odi_after, [treated]),
        "r_control": correlation_within(seen.odi_before, seen.odi_after, [control]),
        "r_pain_before": correlation_within(seen.odi_before, seen.pain_before, [~np.isnan(seen.odi_before)]),
        "r_pain_after": correlation_within(seen.odi_after, seen.pain_after, arms),
        "r_pain_change": correlation_within(change, pain_change, arms),
        "pain_effect": float(seen.pain_after[treated].mean() - seen.pain_after[control].mean()),
        "skewness": skewness(seen.odi_before),
        "skewness_treated": skewness(seen.odi_after[treated]),
        "floor_treated": float(np.mean(seen.odi_after[treated] <= 4.0)),
        "large_improvement": float(np.mean(change[treated] <= -10.0) - np.mean(change[control] <= -10.0)),
    }


def covariance(first: Floats, second: Floats, who: Bools) -> float:
    """Return the sample covariance of two variables among some participants."""
    return float(np.cov(first[who], second[who])[0, 1])


def within(values: Floats, arms: list[Bools]) -> float:
    """Return the standard deviation within arms, their variances averaged."""
    return float(np.sqrt(np.mean([values[arm].var(ddof=1) for arm in arms])))


def correlation_within(first: Floats, second: Floats, arms: list[Bools]) -> float:
    """Return the correlation within arms, their covariances and variances averaged."""
    both = np.mean([np.cov(first[arm], second[arm]) for arm in arms], axis=0)
    return float(both[0, 1] / np.sqrt(both[0, 0] * both[1, 1]))


def skewness(values: Floats) -> float:
    """Return the skewness of the values that are there."""
    shown = values[~np.isnan(values)]
    return float(np.mean((shown - shown.mean()) ** 3) / shown.std() ** 3)


def set_to(study: Study, real: Mapping[str, float], other: Mapping[str, float]) -> Scenario:
    """Return the base scenario set to a trial's sample.

    Parameters
    ----------
    real : mapping
        Its statistics.
    other : mapping
        Further assumptions that fit the trial (adherence, age).
    """
    values = {
        "odi_mean_baseline": real["mean_before"],
        "odi_sd_baseline": real["sd_before"],
        "odi_sd_week6": real["sd_after"],
        "odi_correlation": real["r"],
        "control_change": real["change_control"],
        "effect": real["effect"],
        "loss_total": real["lost"],
        "pain_mean": real["pain_before"],
        "pain_sd": real["pain_sd_before"],
    }
    return varied(study, "evidence_based", "anchor", {**ABSENT, **values, **other})


def without_pain_threshold(study: Study) -> Study:
    """Return the study without our trial's criterion on pain at baseline: the anchor screened by a criterion of its own, weeks before."""
    population = study.protocol.population
    kept = tuple(one for one in population.inclusion if one.check is None or one.check.variable != PAIN_AT_BASELINE)
    protocol = study.protocol.model_copy(update={"population": population.model_copy(update={"inclusion": kept})})
    return replace(study, protocol=protocol)


def simulated_statistics(seed: int, mechanism: Mechanism, participants: int, replicates: int) -> dict[str, Floats]:
    """Return every statistic in each of some simulated trials."""
    cohort = make_cohort(participants)
    rows = []
    for replicate in range(replicates):
        simulate_trial(seed, replicate, mechanism, cohort)
        r = cohort.recorded
        rows.append(statistics(Seen(r[ODI_BASELINE], r[ODI_WEEK6], r[VAS_BASELINE], r[VAS_WEEK6], cohort.exposed)))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def anchor_record(real: Mapping[str, float], simulated: Mapping[str, Floats]) -> list[Record]:
    """Return every statistic of the real trial beside the simulated trials' mean and middle 95 %."""
    return [_compared(one, real[one.name], simulated[one.name]) for one in STATISTICS]


def _compared(one: Statistic, value: float, draws: Floats) -> Record:
    low, high = np.percentile(draws, [LOW, HIGH])
    return {
        "name": one.name,
        "label": one.label,
        "set": one.set_to_it,
        "weakness": one.weakness,
        "real": value,
        "simulated": float(draws.mean()),
        "mcse": float(draws.std(ddof=1) / np.sqrt(draws.size)),
        "low": float(low),
        "high": float(high),
        "inside": bool(low <= value <= high),
    }


class Anchor(NamedTuple):
    """A real trial to lay the simulator beside.

    Parameters
    ----------
    name, about : str
        Identifier and one sentence on the trial and its source.
    seen : Seen
        Its two arms.
    other : mapping
        Assumptions that fit it, beside those that its statistics give.
    files : tuple of Path
        What it was read from.
    """

    name: str
    about: str
    seen: Seen
    other: Mapping[str, float]
    files: tuple[Path, ...]


def write_anchor(study: Study, anchor: Anchor, store: Path, folder: Path, replicates: int, workers: int, command: str) -> Path:
    """Write anchor_NAME.json and its manifest; return the path of the first."""
    real = statistics(anchor.seen)
    scenario = set_to(study, real, anchor.other)
    run = prepare(without_pain_threshold(study), scenario, study.scenarios.monte_carlo.seed, store, workers)
    size = 2 * ((anchor.seen.exposed.size + 1) // 2)
    drawn = simulated_statistics(run.job.seed, run.job.mechanism, size, replicates)
    record = {
        "trial": anchor.name,
        "about": anchor.about,
        "participants": {"real": int(anchor.seen.exposed.size), "simulated": size},
        "replicates": replicates,
        "seed": run.job.seed,
        "values": {name: value for name, value in scenario.values.items() if value != study.assumptions.parameters[name].value},
        "statistics": anchor_record(real, drawn),
    }
    path = write_json(folder / f"anchor_{anchor.name}.json", record)
    write_json(
        folder / f"anchor_{anchor.name}.manifest.json", manifest(command, [*study.inputs, *anchor.files], [path], {"anchor": anchor.name})
    )
    return path
