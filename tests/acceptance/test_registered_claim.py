"""The registered claim, as the registry's own numbers have it: 10 points, 60 and 60 analysed, power 0.80; and the world it needs.

Calibrated quantities are held twice: as the calibration cohort shows them, and in a cohort of trials that the calibration never saw.
"""

import json
from collections.abc import Mapping
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from odisea.closed_form import t_power
from odisea.performance.power import Study
from odisea.simulate.assumptions import LOSS_PARTS
from odisea.simulate.mechanism import AS_TREATED, CAUSES, ODI_BASELINE, ODI_WEEK6, Mechanism
from odisea.simulate.observe import as_answered
from odisea.simulate.replicate import begin, enrol, live_through, lose, make_cohort, measure
from tests.worlds import changed, prepared, replicated

Floats = NDArray[np.float64]
REPLICATES = 20_000
UNADJUSTED = "as_registered.unadjusted"
POINTS, CORRELATION, LOSS, DOSE, ICC = 0.05, 0.005, 0.005, 0.005, 0.002  # promised distance of a calibrated quantity from its target


def test_the_registered_calculation_has_power_80_percent(study: Study, store: Path) -> None:
    run = prepared(study, changed(study, "registered_analysed_120"), store, UNADJUSTED)
    rows = replicated(study, run, REPLICATES)
    assert (rows.n_analysed_arm == 60).all()
    assert (rows.n_analysed_reference == 60).all()
    # The Monte Carlo standard error is 0.0028. The formula at SD 19.39 says 0.8003; the bounded score costs it nothing that shows.
    assert (rows.p <= 0.05).mean() == pytest.approx(0.80, abs=0.01)
    assert float(t_power(10, 19.39, 60, 0.05)) == pytest.approx(0.80, abs=0.001)


# ---------------------------------------------------------------- calibration


def targets(values: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """The calibrated quantities of `registered`: wanted value and promised distance. Its baseline SD follows the model."""
    points = {name: (values[name], POINTS) for name in ("odi_mean_baseline", "odi_sd_week6", "control_change", "effect")}
    causes = {f"loss_share_{cause}": (values["loss_total"] * values[part], LOSS) for cause, part in zip(CAUSES, LOSS_PARTS, strict=True)}
    losses = {name: (values[name], LOSS) for name in ("loss_total", "loss_difference")}
    shares = {"odi_correlation": CORRELATION, "adherence_mean": DOSE, "live_icc": ICC}
    return {**points, **{name: (values[name], distance) for name, distance in shares.items()}, **losses, **causes}


@pytest.fixture(scope="module")
def calibrated(study: Study, store: Path) -> tuple[Mapping[str, float], Mechanism, dict[str, Any]]:
    """Values of `registered`, its calibrated mechanism and its calibration file."""
    scenario = changed(study, "registered")
    run = prepared(study, scenario, store)
    file = store / study.protocol.trial / "scenarios" / f"{run.calibration_digest}.json"
    return scenario.values, run.job.mechanism, json.loads(file.read_text(encoding="utf-8"))


def test_the_calibration_cohort_hits_every_target(calibrated: tuple[Mapping[str, float], Mechanism, dict[str, Any]]) -> None:
    values, _, file = calibrated
    assert file["truths"]["people"] >= 1_000_000
    missed = {
        name: (file["achieved"][name]["value"], wanted)
        for name, (wanted, distance) in targets(values).items()
        if not abs(file["achieved"][name]["value"] - wanted) <= distance
    }
    assert not missed


class Seen(NamedTuple):
    """Sums over the people of many trials, per arm (control, programme)."""

    people: Floats  # (2,)
    sums: Floats  # (2, 2) baseline, week 6
    products: Floats  # (2, 2, 2)
    lost: Floats  # (2, 4) by cause
    dose: Floats  # (1,) taken up in the programme arm
    groups: Floats  # (2,) sums of squares between and within whole live-session groups


TRIALS, SIZE, NEW_SEED = 10_000, 200, 77


@pytest.fixture(scope="module")
def seen(calibrated: tuple[Mapping[str, float], Mechanism, dict[str, Any]]) -> Seen:
    """Two million people in trials of a seed of their own, scored before anybody is lost; arms of 100, ten groups of 10."""
    mechanism, cohort = as_answered(calibrated[1]), make_cohort(SIZE)
    group = mechanism.course.group_size
    people, sums, products, lost = np.zeros(2), np.zeros((2, 2)), np.zeros((2, 2, 2)), np.zeros((2, len(CAUSES)))
    dose, groups = np.zeros(1), np.zeros(2)
    for replicate in range(TRIALS):
        cohort.exposed[:] = np.arange(SIZE) % 2
        assert enrol(NEW_SEED, replicate, mechanism, cohort)
        begin(NEW_SEED, replicate, mechanism, cohort)
        live_through(NEW_SEED, replicate, mechanism, AS_TREATED, cohort)
        measure(NEW_SEED, replicate, mechanism, cohort)
        scores = cohort.recorded[[ODI_BASELINE, ODI_WEEK6]] - 30.0
        lose(NEW_SEED, replicate, mechanism, cohort)
        dose += cohort.dose[-1].sum()
        together = scores[1, cohort.exposed == 1].reshape(-1, group)
        groups += group * ((together.mean(axis=1) - together.mean()) ** 2).sum(), ((together.T - together.mean(axis=1)) ** 2).sum()
        for arm in (0, 1):
            own = cohort.exposed == arm
            people[arm] += own.sum()
            sums[arm] += scores[:, own].sum(axis=1)
            products[arm] += scores[:, own] @ scores[:, own].T
            lost[arm] += np.bincount(cohort.cause[own & np.isnan(cohort.recorded[ODI_WEEK6])], minlength=len(CAUSES))
    return Seen(people, sums, products, lost, dose, groups)


def test_people_that_the_calibration_never_saw_show_the_same(
    calibrated: tuple[Mapping[str, float], Mechanism, dict[str, Any]], seen: Seen
) -> None:
    values = calibrated[0]
    means = seen.sums / seen.people[:, None]
    covariance = (seen.products / seen.people[:, None, None] - means[:, :, None] * means[:, None, :]).mean(axis=0)
    baseline, week6 = np.sqrt(np.diag(covariance))
    shares = (seen.lost / seen.people[:, None]).mean(axis=0)
    by_arm = seen.lost.sum(axis=1) / seen.people
    size = calibrated[1].course.group_size
    per_trial = SIZE // 2 // size  # groups; the mean of a trial is taken out
    between, within = seen.groups / (TRIALS * np.array([per_trial - 1.0, per_trial * (size - 1.0)]))
    shown = {
        "odi_mean_baseline": 30.0 + means[:, 0].mean(),
        "odi_sd_week6": week6,
        "odi_correlation": covariance[0, 1] / (baseline * week6),
        "adherence_mean": float(seen.dose[0] / seen.people[1]),
        "live_icc": (between - within) / (between + (size - 1.0) * within),
        "control_change": means[0, 1] - means[0, 0],
        "effect": (means[1, 1] - means[0, 1]) - (means[1, 0] - means[0, 0]),
        "loss_total": by_arm.mean(),
        "loss_difference": by_arm[1] - by_arm[0],
        **{f"loss_share_{cause}": share for cause, share in zip(CAUSES, shares, strict=True)},
    }
    # Standard errors from n people in each arm (the change and the effect take out what baseline explains or is by chance).
    n = seen.people.min()
    change = sqrt(baseline**2 + week6**2 - 2 * covariance[0, 1])
    errors = {
        "odi_mean_baseline": baseline / sqrt(2 * n),
        "odi_sd_week6": week6 / sqrt(4 * n),
        "odi_correlation": 1 / sqrt(2 * n),
        "control_change": change / sqrt(n),
        "effect": change * sqrt((2 + (size - 1) * values["live_icc"]) / n),
        "live_icc": sqrt(2 / (size * (size - 1) * TRIALS * (per_trial - 1))) * 1.2,  # of an intraclass correlation near 0 (Fisher 1925)
        "loss_difference": sqrt(0.5 / n),
    }
    missed = {
        name: (shown[name], wanted)
        for name, (wanted, distance) in targets(values).items()
        if not abs(shown[name] - wanted) <= distance + 3.5 * errors.get(name, sqrt(0.125 / n))
    }
    assert not missed
