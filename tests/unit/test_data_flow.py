"""Participant flow and baseline table of a small trial, against counts made by hand."""

from pathlib import Path

import numpy as np
import pytest
from small_trial import PROTOCOL, read, write_small_trial

from odisea.data.flow import baseline_table, participant_flow, summarise
from odisea.data.read_export import read_export


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_small_trial(tmp_path / "export")


def test_flow_counts_arms_outcomes_and_missing_reasons(folder: Path) -> None:
    (folder / "screening.csv").write_text(
        "screen_no,outcome,reason_code\n1,eligible_randomised,\n2,ineligible,E3\n3,ineligible,E3\n4,eligible_declined,declined\n",
        encoding="utf-8",
    )
    (folder / "disposition.csv").write_text(
        "participant_id,event,date\nP0003,lost,2025-11-01\nP0003,stopped_programme,2025-10-20\nP0003,stopped_programme,2025-10-28\n",
        encoding="utf-8",
    )
    flow = participant_flow(read(folder), PROTOCOL)
    assert flow.assessed == 4
    assert flow.excluded == {("eligible_declined", "declined"): 1, ("ineligible", "E3"): 2}
    assert (flow.randomised, flow.not_randomised) == (3, 0)
    tele, control = flow.arms
    assert (tele.arm, tele.allocated, control.allocated) == ("tele", 2, 1)
    assert tele.observed == {"odi@baseline": 2, "odi@week6": 1, "vas@baseline": 2, "vas@week6": 0}
    assert tele.missing["vas@week6"] == {"lost_to_follow_up": 1, "refused": 1}
    assert tele.events == {"lost": 1, "stopped_programme": 1}


def test_flow_of_a_blind_reading_has_one_nameless_group(folder: Path) -> None:
    flow = participant_flow(read_export(folder, PROTOCOL), PROTOCOL)
    assert [(arm.arm, arm.allocated) for arm in flow.arms] == [(None, 3)]
    assert flow.assessed is None


def test_baseline_table_holds_columns_the_body_mass_index_and_outcomes(folder: Path) -> None:
    table = {row.name: row for row in baseline_table(read(folder), PROTOCOL)}
    names = ["age_years", "height_cm", "weight_kg", "comorbidity_count", "physical_activity_level", "bmi", "odi@baseline", "vas@baseline"]
    assert list(table) == names
    tele, control, everybody = table["age_years"].cells
    assert tele == summarise(np.array([60.0, 35.0]))
    assert control == summarise(np.array([18.0]))
    assert everybody == summarise(np.array([18.0, 60.0, 35.0]))
    counts = table["physical_activity_level"].cells[0]
    assert vars_of(counts) == {"n": 2, "missing": 0, "counts": {"low": 0, "moderate": 1, "high": 1}}


def vars_of(record: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in getattr(record, "__slots__", ())}


def test_summary_of_numbers_counts_what_is_missing() -> None:
    summary = summarise(np.array([1.0, 2.0, 4.0, np.nan]))
    assert (summary.n, summary.missing, summary.mean, summary.median) == (3, 1, 7 / 3, 2.0)
    assert (summary.lower_quartile, summary.upper_quartile) == (1.5, 3.0)
    assert summary.sd == pytest.approx((7 / 3) ** 0.5, rel=1e-15)  # squares about 7/3: 16/9 + 1/9 + 25/9 = 14/3, over 2
    nothing = summarise(np.array([np.nan]))
    assert (nothing.n, nothing.missing) == (0, 1)
    assert np.isnan(nothing.mean)
