"""The dossier: its statistics against numpy and closed forms, its records against the page, its scenarios against the declared ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from odisea.errors import DataError
from odisea.performance.anchor import STATISTICS, Seen, anchor_record, set_to, statistics
from odisea.performance.dossier import ANALYSES, BANDS, CLUSTERED, at_rest, cronbach_alpha, varied
from odisea.performance.power import Study, planned_analyses
from odisea.performance.prototype import BASE, ROWS
from odisea.report.dossier import SHORT, anchor_page, page, read_record, write_anchor_page
from odisea.simulate.assumptions import LOSS_PARTS
from tests.declared import mechanism

N = 400


def seen(seed: int = 3) -> Seen:
    """A made-up trial with some losses."""
    draws = np.random.Generator(np.random.Philox(seed)).standard_normal((5, N))
    before = 25.0 + 11.0 * draws[0]
    exposed = np.arange(N) % 2
    after = 10.0 + 0.6 * before + 8.0 * draws[1] - 6.0 * exposed
    after[::9] = np.nan
    pain = 5.0 + 0.05 * (before - 25.0) + draws[2]
    later = np.where(np.isnan(after), np.nan, 4.0 + 0.06 * (after - 20.0) + draws[3])
    return Seen(before, after, pain, later, exposed.astype(np.int64))


def test_the_statistics_of_a_trial_are_those_of_pandas() -> None:
    trial = seen()
    frame = pd.DataFrame({"b": trial.odi_before, "a": trial.odi_after, "p": trial.pain_before, "q": trial.pain_after, "arm": trial.exposed})
    whole = frame.dropna()
    control, treated = (whole[whole.arm == arm] for arm in (0, 1))
    found = statistics(trial)
    assert set(found) == {one.name for one in STATISTICS}
    assert found["mean_before"] == pytest.approx(frame.b.mean())
    assert found["sd_before"] == pytest.approx(frame.b.std())
    assert found["lost"] == pytest.approx(frame.a.isna().mean())
    assert found["effect"] == pytest.approx(treated.a.mean() - control.a.mean())
    assert found["r_treated"] == pytest.approx(treated.b.corr(treated.a))
    assert found["r_control"] == pytest.approx(control.b.corr(control.a))
    assert found["r_pain_before"] == pytest.approx(frame.b.corr(frame.p))
    assert found["sd_after"] == pytest.approx(np.sqrt((treated.a.var() + control.a.var()) / 2))
    assert found["change_sd"] == pytest.approx(np.sqrt(((treated.a - treated.b).var() + (control.a - control.b).var()) / 2))
    assert found["skewness"] == pytest.approx(float(stats.skew(frame.b)))
    assert found["large_improvement"] == pytest.approx((treated.a - treated.b <= -10).mean() - (control.a - control.b <= -10).mean())
    centred = whole.assign(b=whole.b - whole.groupby("arm").b.transform("mean"), a=whole.a - whole.groupby("arm").a.transform("mean"))
    slope = (control.b.cov(control.a) + treated.b.cov(treated.a)) / (control.b.var() + treated.b.var())
    by_arm = (centred.a - slope * centred.b).groupby(centred.arm).var()
    assert found["residual_sd"] == pytest.approx(np.sqrt(by_arm.mean()))


def test_a_real_value_is_plausible_inside_the_middle_of_the_simulated_ones() -> None:
    draws = {one.name: np.linspace(0.0, 1.0, 1001) for one in STATISTICS}
    real = {one.name: 0.5 for one in STATISTICS} | {"r": 0.02, "effect": 0.98, "lost": 0.026}
    verdicts = {row["name"]: row["inside"] for row in anchor_record(real, draws)}
    assert not verdicts["r"]
    assert not verdicts["effect"]
    assert verdicts["lost"]
    assert verdicts["residual_sd"]


def test_the_anchors_scenario_takes_the_sample_and_nothing_that_the_trial_did_not_have(study: Study) -> None:
    real = statistics(seen())
    values = set_to(study, real, {"adherence_mean": 0.85}).values
    assert values["odi_sd_baseline"] == real["sd_before"]
    assert values["effect"] == real["effect"]
    assert values["adherence_mean"] == 0.85
    assert values["live_icc"] == values["leak_share"] == values["item_blank_week6"] == 0.0


def test_cronbachs_alpha_is_that_of_parallel_items() -> None:
    # k parallel items with correlation r have alpha = k r / (1 + (k - 1) r) (Spearman and Brown).
    draws = np.random.Generator(np.random.Philox(5)).standard_normal((11, 200_000))
    items = np.sqrt(0.4) * draws[0] + np.sqrt(0.6) * draws[1:]
    assert cronbach_alpha(items) == pytest.approx(4.0 / 4.6, abs=0.003)  # its standard error is below .0007


def test_every_band_is_in_order_and_every_analysis_and_scenario_exists(study: Study) -> None:
    assert all(band.low < band.high for band in BANDS)
    assert len({band.name for band in BANDS}) == len(BANDS)
    assert set(ANALYSES.values()) <= {one.id for one in planned_analyses(study.protocol)}
    assert tuple(ANALYSES) == SHORT
    for row in ROWS:
        scenario = varied(study, "evidence_based", row.id, {**BASE, **row.values})
        assert sum(scenario.values[part] for part in LOSS_PARTS) == pytest.approx(1.0)
        assert set(row.printed) - {"truth"} <= set(SHORT)
    assert all(-(-100 // size) >= 8 for icc, size, _ in CLUSTERED if icc > 0.0)


def test_at_rest_nothing_moves_but_the_state() -> None:
    quiet = at_rest(mechanism())
    assert quiet.course.natural_change == quiet.course.effect == quiet.course.group_sd == quiet.population.flare_size == 0.0
    assert not quiet.events.probability.any()
    assert not quiet.dropout.active.any()


def shown(value: float) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(("mean_estimate", "empirical_se", "power", "coverage"), (value, 0.01))


def record() -> dict[str, Any]:
    both = {"type_i_error": 0.0612, "mcse": 0.0024, "model_se": 2.1, "empirical_se": 2.2, "failures": 0.0}
    band = {"label": "Mean ODI at baseline", "source": "B1", "low": 20.0, "high": 42.0, "value": 30.01, "mcse": 0.01, "inside": True}
    return {
        "seed": 5,
        "replicates": 10_000,
        "bands": {"scenario": "evidence_based", "calibration": "abc", "rows": [band, band | {"value": 50.0, "inside": False}]},
        "formula": [{"analysis": "p.a", "power": 0.8012, "mcse": 0.004, "closed_form": 0.8, "gap_in_mcse": 0.3}],
        "prototype": [
            {"label": "At random", "truth": -8.9, "shown": {s: shown(0.5) for s in SHORT}, "printed": {"t": {"power": 0.972}}},
        ],
        "clustering": [
            {"icc": 0.05, "group_size": 12, "groups": 9, "loss": 0.4, "plain": both, "partially_nested": both, "mean_estimated_icc": 0.04}
        ],
    }


def test_the_page_shows_the_record_and_says_what_is_outside(tmp_path: Path) -> None:
    path = tmp_path / "simulator.json"
    path.write_text(json.dumps(record()), encoding="utf-8")
    text = page(read_record(path))
    for cell in ("30.01", "**no**", "0.8012", "[0.972]", "0.0612 ± 0.0024", "2.10 / 2.20", "40 %", "10,000 replicates"):
        assert cell in text, cell


@pytest.mark.parametrize("content", [None, "{", '{"bands": 1}'])
def test_a_record_that_is_none_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "simulator.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="odisea dossier"):
        read_record(path)
    if content != '{"bands": 1}':
        with pytest.raises(DataError, match="anchor"):
            write_anchor_page(path)


def test_the_anchors_page_has_both_blocks_and_the_list_of_what_is_missed() -> None:
    draws = {one.name: np.linspace(0.0, 1.0, 1001) for one in STATISTICS}
    real = {one.name: 0.5 for one in STATISTICS} | {"r_control": 0.999}
    text = anchor_page(
        {
            "trial": "made_up",
            "about": "A trial",
            "participants": {"real": 101, "simulated": 102},
            "replicates": 1000,
            "values": {"effect": -9.25},
            "statistics": anchor_record(real, draws),
        }
    )
    assert "`effect` -9.25" in text
    assert "101 people; 1,000 simulated trials of 102" in text
    assert text.rstrip().endswith("- Correlation with baseline, control arm")
