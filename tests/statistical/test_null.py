"""Without an effect, and with losses by chance at most, ANCOVA keeps its promises: 5 % false claims, 95 % coverage.

People as in the scenario `ideal_conditions`: item-scored and bounded ODI, screening, adherence, other care alike in both arms, live-
session groups that share nothing. With 20,000 replicates the Monte Carlo standard error of a share of 0.05 (or of its complement) is
0.00154, so the type I error must lie in 0.0454 to 0.0546. A correct program leaves such an interval of 3 standard errors with probability
0.0027; six are looked at (three analyses, two worlds; without an effect coverage is the complement of rejection), so one would be left
with at most 1.6 % for a seed drawn anew. The seed is fixed: a failure means that numbers have changed. Under losses that depend on
something, these shares are results and nothing here bounds them.
"""

from math import sqrt
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from odisea.performance.operating import performance_frame
from odisea.performance.power import Study
from tests.worlds import changed, prepared, replicated, setting_of

REPLICATES = 20_000
ALPHA = 0.05
WITHIN = 3 * sqrt(ALPHA * (1 - ALPHA) / REPLICATES)
ANALYSES = ("as_registered.ancova", "as_recommended.ancova", "as_recommended.baseline_only")
PARTICIPANTS = 200
LOSSES = {
    "nobody lost": {"loss_total": 0.0},
    "40 % lost by chance": {
        "loss_total": 0.4,
        "loss_part_mcar": 1.0,
        "loss_part_mar_covariates": 0.0,
        "loss_part_mar_adherence": 0.0,
        "loss_part_mnar": 0.0,
    },
}


class World(NamedTuple):
    """A world without an effect: its replicates, and what `performance.csv` says of them."""

    loss: float
    rows: pd.DataFrame
    measures: "pd.Series[float]"


@pytest.fixture(scope="module", params=LOSSES)
def world(request: pytest.FixtureRequest, study: Study, store: Path) -> World:
    losses = LOSSES[request.param]
    run = prepared(study, changed(study, "ideal_conditions", **losses), store, *ANALYSES)
    rows = replicated(study, run, REPLICATES)
    measures = performance_frame(setting_of(study, run), rows).set_index(["analysis", "measure"]).value
    return World(losses["loss_total"], rows, measures)


def test_the_world_is_the_one_meant(world: World) -> None:
    analysed = world.rows[world.rows.analysis == ANALYSES[0]].n_analysed
    lost = world.loss * PARTICIPANTS
    # Calibration is held to 0.1 percentage points of the loss (0.2 people); the mean of 20,000 trials adds 3 standard errors of 0.05.
    assert abs(analysed.mean() - (PARTICIPANTS - lost)) <= (0.2 + 3 * sqrt(lost * (1 - world.loss) / REPLICATES) if lost else 0.0)
    assert (world.rows.status == "ok").all()


@pytest.mark.parametrize("analysis", ANALYSES)
def test_type_one_error(world: World, analysis: str) -> None:
    rejected = (world.rows[world.rows.analysis == analysis].p <= ALPHA).mean()
    assert abs(rejected - ALPHA) <= WITHIN
    assert world.measures[analysis, "power"] == rejected


@pytest.mark.parametrize("analysis", ANALYSES)
def test_coverage(world: World, analysis: str) -> None:
    own = world.rows[world.rows.analysis == analysis]
    covered = ((own.ci_low <= 0) & (own.ci_high >= 0)).mean()
    assert abs(covered - (1 - ALPHA)) <= WITHIN
    assert world.measures[analysis, "true_value"] == 0.0
    assert world.measures[analysis, "coverage"] == covered


@pytest.mark.parametrize("analysis", ANALYSES)
def test_no_bias(world: World, analysis: str) -> None:
    estimates = world.rows[world.rows.analysis == analysis].estimate
    assert abs(estimates.mean()) <= 3 * estimates.std() / sqrt(REPLICATES)
