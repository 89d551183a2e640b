"""Analyses outside the compiled loop in `odisea power`, and the truth that each analysis is judged against."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from odisea.analyse.carry_out import carry_out
from odisea.analyse.estimate import finish
from odisea.analyse.plan import PlannedAnalysis, lower_plan
from odisea.data.derive import trial_rows
from odisea.data.trial import Rule, Status
from odisea.performance.measures import Truth
from odisea.performance.operating import Setting, truth_of
from odisea.performance.per_trial import per_trial_frame, trial_in_memory
from odisea.protocol.methods import COMPOSITE, RATIOS, TRUTH_OF_MEASURE, TRUTHS
from odisea.simulate.achieved import Truths
from odisea.simulate.observe import N_CHANGES, STEPS_PER_POINT
from odisea.simulate.textbook import Calibration, textbook_calibration
from tests.commands import succeed
from tests.conftest import ROOT
from tests.declared import mechanism, protocol, scenario

SEED, COUNT, BEYOND = 20261003, 5, 2
PROTOCOL = ROOT / "protocol" / "nct07248813.yaml"


def planned() -> tuple[PlannedAnalysis, ...]:
    return tuple(one for plan in protocol().analysis.plans for one in lower_plan(protocol(), plan))


def uncalibrated(*given: Any) -> tuple[Calibration, str]:
    """In place of a calibration: the draft itself with the truths of the textbook, which are exact and need no cohort."""
    draft = given[2]
    return textbook_calibration(mechanism("textbook"), trial_rows(protocol()))._replace(mechanism=draft), "0" * 16


def power(folder: Path, *words: object) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Run `odisea power`; return its replicates, its measures and its manifest."""
    common = ("--replicates", COUNT, "--seed", SEED, "--workers", 1, "--store", folder / "store", "-o", folder / "out")
    succeed("power", PROTOCOL, *common, *words)
    out = folder / "out"
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return pd.read_parquet(out / "replicates.parquet"), pd.read_csv(out / "performance.csv"), manifest


def test_some_replicates_get_the_analyses_outside_the_loop_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odisea.performance.power.calibrated", uncalibrated)
    (tmp_path / "more").mkdir()
    plain, measured, said = power(tmp_path, "--scenario", "registered")
    more, more_measured, more_said = power(tmp_path / "more", "--scenario", "registered", "--per-trial", BEYOND)
    inside = [one.id for one in planned() if one.in_loop]
    outside = [one.id for one in planned() if not one.in_loop]
    assert (said["replicates"], said["replicates_per_trial"]) == (COUNT, 0)
    assert (more_said["replicates"], more_said["replicates_per_trial"]) == (COUNT, BEYOND)
    # The loop's rows and measures do not change, and the others follow on the first replicates.
    assert set(plain["analysis"]) == set(measured["analysis"]) == set(inside)
    loop = more[more["analysis"].isin(inside)].reset_index(drop=True)
    assert_frame_equal(loop, plain, check_exact=True)
    assert_frame_equal(more_measured[more_measured["analysis"].isin(inside)].reset_index(drop=True), measured, check_exact=True)
    beyond = more[more["analysis"].isin(outside)]
    assert len(more) == len(loop) + len(beyond)
    assert beyond.groupby("analysis", sort=False)["replicate"].apply(list).to_dict() == {name: list(range(BEYOND)) for name in outside}
    assert list(beyond.columns) == list(plain.columns)
    counted = more_measured[more_measured["measure"] == "power"].set_index("analysis")["n_replicates"]
    assert counted.to_dict() == {**dict.fromkeys(inside, COUNT), **dict.fromkeys(outside, BEYOND)}
    assert set(more_measured[more_measured["analysis"].isin(outside)]["n_replicates"]) <= {0, BEYOND}


def test_there_are_no_more_of_them_than_replicates_and_none_in_a_textbook(tmp_path: Path) -> None:
    frame, measured, said = power(tmp_path, "--scenario", "textbook", "--per-trial", 3)
    assert said["replicates_per_trial"] == 0
    assert set(frame["analysis"]) == set(measured["analysis"]) == {one.id for one in planned() if one.in_loop}


def test_the_rows_are_the_analyses_of_the_same_trial() -> None:
    world, model = scenario("registered"), mechanism("registered")
    outside = [one for one in planned() if not one.in_loop]
    told: list[int] = []
    frame = per_trial_frame(world, model, 200, protocol(), outside, SEED, 1, told.append)
    assert told == [1]
    assert frame["analysis"].tolist() == [one.id for one in outside]
    trial, around = trial_in_memory((SEED, 0), world, model, 200, protocol())
    assert around.randomised is not None
    assert around.randomised.scheme is not None
    assert around.group is not None
    for one, (_, row) in zip(outside, frame.iterrows(), strict=True):
        single = carry_out(trial, one, around)
        low, high, p = finish(single.estimate.estimate, single.estimate.se, single.estimate.df, one.alpha)
        limits = single.interval or (float(low), float(high))
        wanted = (single.estimate.estimate, single.estimate.se, single.estimate.df, *limits, float(p) if single.p is None else single.p)
        assert single.estimate.status == Status.OK
        np.testing.assert_array_equal([row[name] for name in ("estimate", "se", "df", "ci_low", "ci_high", "p")], wanted)
        assert (row["n_analysed_arm"], row["n_analysed_reference"]) == (single.estimate.n_arm, single.estimate.n_reference)
        assert row["n_analysed"] == row["n_analysed_arm"] + row["n_analysed_reference"]
        assert (row["scenario"], row["outcome"], row["status"]) == ("registered", one.outcome, "ok")


def test_a_refusal_is_a_row_without_numbers() -> None:
    nested = next(one for one in planned() if one.id == "as_recommended.partially_nested")
    lost, told = {"loss_total": 0.95}, list[int]()
    frame = per_trial_frame(scenario("registered", **lost), mechanism("registered", **lost), 12, protocol(), [nested], SEED, 1, told.append)
    assert frame["status"].tolist() != ["ok"]
    assert frame[["estimate", "se", "df", "ci_low", "ci_high", "p"]].isna().all(axis=None)
    assert frame["n_analysed"].dtype == np.int64


@pytest.mark.parametrize(("planned_ones", "replicates"), [((), 3), (planned()[:1], 0)])
def test_nothing_to_do_gives_an_empty_table(planned_ones: tuple[PlannedAnalysis, ...], replicates: int) -> None:
    told: list[int] = []
    frame = per_trial_frame(scenario(), mechanism(), 200, protocol(), planned_ones, SEED, replicates, told.append)
    assert (len(frame), told) == (0, [])


# ---------------------------------------------------------------- truths

PEOPLE = 1e6
MEANS = {"treatment_policy": (-9.5, 0.011), "reference_based": (-5.7, 0.012), "vas": (-1.25, 0.003)}
SHARES, KEPT = (0.2, 0.5), (0.1, 0.3)  # control, programme: improved by 10 points, the same and seen


def improved(shares: tuple[float, float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Shares by improvement: the responders gain exactly 10 points, the others nothing."""
    out = np.zeros((2, N_CHANGES))
    out[:, round(110 * STEPS_PER_POINT)] = shares
    out[:, round(100 * STEPS_PER_POINT)] = 1.0 - np.array(shares)
    return out


def setting(programme: str = "tele") -> Setting:
    facts = Truths(MEANS, improved(SHARES), improved(KEPT), improved(SHARES), PEOPLE)
    calibration = Calibration(mechanism(), {}, {}, np.eye(len(trial_rows(protocol()))), facts)
    return Setting("made_up", protocol(), planned(), calibration, programme)


def analysis(name: str, **spec: str) -> PlannedAnalysis:
    one = next(each for each in planned() if each.id == f"as_recommended.{name}")
    return replace(one, spec=one.spec.model_copy(update=spec))


def compared(measure: str, shares: tuple[float, float]) -> tuple[float, float]:
    """A comparison of two shares and its standard error, by the textbook formulas of independent proportions."""
    control, programme = shares
    variances = [share * (1.0 - share) / PEOPLE for share in shares]
    if measure == "risk_difference":
        return programme - control, float(np.sqrt(sum(variances)))
    if measure == "log_risk_ratio":
        slopes = [1.0 / share for share in shares]
        return float(np.log(programme / control)), float(np.sqrt(sum(v * s**2 for v, s in zip(variances, slopes, strict=True))))
    slopes = [1.0 / (share * (1.0 - share)) for share in shares]
    odds = programme / (1.0 - programme) / (control / (1.0 - control))
    return float(np.log(odds)), float(np.sqrt(sum(v * s**2 for v, s in zip(variances, slopes, strict=True))))


JUDGED: dict[str, tuple[PlannedAnalysis, tuple[float, float]]] = {
    "treatment_policy_mean": (analysis("mi"), MEANS["treatment_policy"]),
    "reference_based_mean": (analysis("jump_to_reference"), MEANS["reference_based"]),
    "pain": (analysis("vas_mi"), MEANS["vas"]),
}
JUDGED |= {
    truth: (analysis("responder_rd", measure=measure, truth=truth), compared(measure, SHARES))
    for measure, truth in TRUTH_OF_MEASURE.items()
    if measure in RATIOS
}
JUDGED |= {
    truth: (analysis("responder_nri", measure=measure, truth=truth), compared(measure, KEPT)) for measure, truth in COMPOSITE.items()
}


def test_every_truth_word_is_judged_here() -> None:
    assert {*JUDGED} == {*TRUTHS} - {"none"} | {"pain"}


@pytest.mark.parametrize("name", JUDGED)
def test_the_truth_of_an_analysis(name: str) -> None:
    one, (value, mcse) = JUDGED[name]
    found = truth_of(setting(), one)
    assert found is not None
    assert found == pytest.approx(Truth(value, mcse), rel=1e-12)
    contrast = one.contrast.model_copy(update={"arm": "control", "reference": "tele"})
    other_way = truth_of(setting(), replace(one, contrast=contrast))
    assert other_way == pytest.approx(Truth(-value, mcse), rel=1e-12)
    neither = truth_of(setting("another"), one)
    assert neither is not None
    assert neither.value == 0.0


def with_rule(rule: Rule) -> PlannedAnalysis:
    one = analysis("responder_rd")
    return replace(one, analysis=one.analysis._replace(rule=int(rule)))


NO_TRUTH = {
    "none": analysis("responder_or"),
    "delta": analysis("delta"),
    "percent rule": with_rule(Rule.PERCENT),
    "attained value": with_rule(Rule.ATTAINED),
    "responders of pain": replace(analysis("responder_rd"), outcome="vas"),
    "reference-based pain": replace(analysis("jump_to_reference"), outcome="vas"),
}


@pytest.mark.parametrize("name", NO_TRUTH)
def test_where_the_calibration_has_no_truth_there_is_none(name: str) -> None:
    assert truth_of(setting(), NO_TRUTH[name]) is None


def test_the_truth_follows_the_threshold() -> None:
    one = analysis("responder_rd")
    harder = replace(one, analysis=one.analysis._replace(threshold=10.5))
    found = truth_of(setting(), harder)
    assert found is not None
    assert found.value == 0.0  # nobody gains more than 10 points
