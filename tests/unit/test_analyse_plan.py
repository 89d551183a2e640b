"""Plans as numbers: rows, methods, gaps, proposals."""

from pathlib import Path

import numpy as np
import pytest
from small_protocol import write_small_protocol

from odisea.analyse.imputation import MAX_IMPUTATIONS
from odisea.analyse.plan import PlannedAnalysis, lower_plan
from odisea.data.derive import trial_rows
from odisea.data.trial import Method
from odisea.errors import ProtocolError
from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol
from tests.declared import protocol

STATED = "population: all_randomised", "sidedness: two_sided", "analysis_seed: {proposed: 7, reason: any}"
COMPLETE = {"label: Main\n": "\n      ".join(["label: Main", *STATED]) + "\n"}
COMORBIDITIES = ("comorbidities=one", "comorbidities=two_plus", "comorbidities=missing")
LEVELS = (*COMORBIDITIES, "physical_activity=moderate", "physical_activity=high", "physical_activity=missing")
NAMES = ["odi@baseline", "age", "bmi", *LEVELS]


def small(tmp_path: Path, changes: dict[str, str]) -> Protocol:
    tmp_path.mkdir(exist_ok=True)
    path = write_small_protocol(tmp_path)
    text = path.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return load_protocol(path)


def by_id(planned: tuple[PlannedAnalysis, ...]) -> dict[str, PlannedAnalysis]:
    return {one.id: one for one in planned}


def test_our_trials_plans_are_lowered_in_their_order() -> None:
    registered, recommended = lower_plan(protocol(), "as_registered"), lower_plan(protocol(), "as_recommended")
    for plan, lowered in (("as_registered", registered), ("as_recommended", recommended)):
        assert [one.id for one in lowered] == [f"{plan}.{spec.id}" for spec in protocol().analysis.plans[plan].analyses]
    assert recommended[0].id == "as_recommended.mi"
    assert recommended[0].spec.role == registered[0].spec.role == "primary"


def test_rows_arms_and_methods_are_those_of_the_protocol() -> None:
    rows, planned = trial_rows(protocol()), by_id(lower_plan(protocol(), "as_recommended"))
    mi, responder = planned["as_recommended.mi"], planned["as_recommended.responder_rd"]
    assert list(mi.covariates) == [rows[row] for row in mi.analysis.covariates] == NAMES
    assert [rows[row] for row in mi.analysis.imputation] == [*NAMES, "vas@baseline"]
    assert (rows[mi.analysis.response], rows[mi.analysis.baseline]) == ("odi@week6", "odi@baseline")
    assert (protocol().arm_ids[mi.analysis.arm], protocol().arm_ids[mi.analysis.reference]) == ("tele", "control")
    assert (mi.analysis.method, mi.analysis.m, mi.alpha, mi.analysis_seed) == (Method.ANCOVA_MI, 20, 0.05, 20251003)
    assert (responder.analysis.method, responder.analysis.threshold, responder.analysis.direction) == (
        Method.RESPONDER_RISK_DIFFERENCE,
        10.0,
        -1.0,
    )
    assert planned["as_recommended.mi_limit"].analysis.method == Method.ANCOVA_MI_LIMIT
    assert planned["as_recommended.baseline_only"].covariates == ("odi@baseline",)


def test_arrays_are_what_the_estimators_were_compiled_for() -> None:
    for plan in protocol().analysis.plans:
        for one in lower_plan(protocol(), plan):
            for rows in (one.analysis.covariates, one.analysis.imputation):
                assert rows.dtype == np.int64
                assert rows.flags.c_contiguous
                assert rows.flags.writeable


def test_another_plans_imputation_model_is_flagged() -> None:
    planned = by_id(lower_plan(protocol(), "as_registered"))
    assert planned["as_registered.mi"].flags == planned["as_registered.mi_limit"].flags == ("uncongenial",)
    assert planned["as_registered.ancova"].flags == ()
    other = by_id(lower_plan(protocol(), "as_recommended"))["as_recommended.mi"].analysis
    np.testing.assert_array_equal(planned["as_registered.mi"].analysis.imputation, other.imputation)


def test_proposed_values_travel_with_the_analyses_that_use_them() -> None:
    planned = by_id(lower_plan(protocol(), "as_registered"))
    pointers = {one: [value.pointer for value in planned[one].proposed] for one in planned}
    plan = "/analysis/plans/as_registered"
    assert pointers["as_registered.unadjusted"] == [f"{plan}/sidedness", f"{plan}/alpha"]
    assert "/analysis/plans/as_recommended/imputation/variables" in pointers["as_registered.mi"]
    assert f"{plan}/responder/odi" in pointers["as_registered.responder_or"]
    rule = next(value for value in planned["as_registered.responder_or"].proposed if value.pointer.endswith("/odi"))
    assert rule.value == {"improvement_of_at_least": 10.0, "unit": "points"}
    assert rule.reason
    assert rule.reason.es
    assert rule.by


def test_every_gap_that_an_estimator_meets_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError) as caught:
        lower_plan(small(tmp_path, {}), "main")
    pointers = [problem.where.rpartition(" ")[2] for problem in caught.value.problems]
    assert pointers == ["/analysis/plans/main/population", "/analysis/plans/main/sidedness", "/analysis/plans/main/analysis_seed"]
    assert all("small" in problem.where or ".yaml" in problem.where for problem in caught.value.problems)


def test_a_gap_that_no_analysis_reads_is_no_hindrance(tmp_path: Path) -> None:
    variables, unread = "variables: [scale@start, age], m: 5", "multiple_imputation"
    without = small(tmp_path / "one", {**COMPLETE, variables: "variables: not_stated, m: not_stated", unread: "complete_case"})
    assert lower_plan(without, "main")[0].analysis.method == Method.ANCOVA
    with pytest.raises(ProtocolError, match="imputation/variables"):
        lower_plan(small(tmp_path / "two", {**COMPLETE, variables: "variables: not_stated, m: 5"}), "main")


def test_a_coding_that_is_a_gap_stops_the_analyses_that_need_it(tmp_path: Path) -> None:
    sex = "{proposed: {kind: categorical, levels: {column: sex, codes: [female, male]}, reference: female, label: Sex}, reason: usual}"
    with pytest.raises(ProtocolError, match="/analysis/coding/sex: the value is not_stated"):
        lower_plan(small(tmp_path, {**COMPLETE, sex: "not_stated"}), "main")


def test_a_binary_outcome_has_no_baseline_and_counts_the_missing_as_told(tmp_path: Path) -> None:
    cure = by_id(lower_plan(small(tmp_path, COMPLETE), "main"))["main.cure"].analysis
    assert (cure.baseline, cure.non_responder, cure.covariates.size) == (-1, 1, 0)


def test_too_many_imputations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=f"at most {MAX_IMPUTATIONS}"):
        lower_plan(small(tmp_path, {**COMPLETE, "m: 5": f"m: {MAX_IMPUTATIONS + 1}"}), "main")


def test_an_unknown_plan_names_the_known_ones() -> None:
    with pytest.raises(ProtocolError, match="as_registered, as_recommended"):
        lower_plan(protocol(), "as_imagined")
