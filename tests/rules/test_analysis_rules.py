"""What fixtures cannot show of the rules on analysis: the powers that are printed, gaps said once, proposals beside stated analyses."""

import copy
from pathlib import Path
from typing import Any

from sound_protocol import changed, plain_files

from odisea.protocol.rules import analysis, gaps
from odisea.protocol.rules.catalogue import rules_of
from odisea.protocol.rules.evaluate import evaluate
from odisea.protocol.rules.finding import Finding
from odisea.protocol.rules.rule import Case

PLAN = "/analysis/plans/main"
RULES = (*rules_of(analysis), *rules_of(gaps))
SIGNED = {"reason": "Made up.", "by": "a test", "date": "2026-01-15"}


def findings(folder: Path, changes: dict[str, Any]) -> list[Finding]:
    return list(evaluate(Case(changed(folder, changes)), RULES).findings)


def of(rule_id: str, found: list[Finding]) -> list[Finding]:
    return [each for each in found if each.rule_id == rule_id]


def test_powers_with_and_without_baseline_follow_from_the_sample_size(tmp_path: Path) -> None:
    size = {
        "target_difference": 10,
        "analysed_per_arm": [60, 60],
        "power": 0.8,
        "standard_deviation": "not_stated",
        "correlation": "not_stated",
    }
    changes = {f"/sample_size/{name}": value for name, value in size.items()}
    (finding,) = of("SAP-04", findings(tmp_path, {**changes, f"{PLAN}/covariates": ["age", "sex"]}))
    # 0.80 by construction; 0.8963 is the power of the analysis of covariance at r = 0.5 with one covariate
    for text in (finding.message.en, finding.message.es):
        assert "19.4" in text
        assert "0.80" in text
        assert "0.90" in text
        assert "0.5" in text


def test_no_power_is_printed_where_the_sample_size_does_not_give_it(tmp_path: Path) -> None:
    changes = {"/sample_size/standard_deviation": "not_stated", "/sample_size/power": "not_stated", f"{PLAN}/covariates": ["age", "sex"]}
    (finding,) = of("SAP-04", findings(tmp_path, changes))
    assert finding.message.en.endswith("odi@baseline.")


def test_what_two_plans_leave_open_is_asked_once(tmp_path: Path) -> None:
    plan = {**copy.deepcopy(plain_files()["protocol.yaml"]["analysis"]["plans"]["main"]), "interim": "not_stated"}
    found = findings(tmp_path, {"/analysis/plans": {"main": plan, "other": copy.deepcopy(plan)}})
    assert [(each.rule_id, each.spec_path) for each in found] == [("SAP-12", f"{PLAN}/interim")]


def test_a_proposed_method_is_asked_for_and_named(tmp_path: Path) -> None:
    (finding,) = of("SAP-06", findings(tmp_path, {f"{PLAN}/missing_data": {"proposed": "multiple_imputation", **SIGNED}}))
    assert "proposed here: multiple_imputation" in finding.message.en
    assert "propuesta nuestra: multiple_imputation" in finding.message.es


def test_a_proposed_sensitivity_analysis_does_not_count_beside_a_stated_primary_one(tmp_path: Path) -> None:
    reason = {f"{PLAN}/analyses/1/reason": "Made up."}
    (tmp_path / "one").mkdir()
    (finding,) = of("SAP-08", findings(tmp_path / "one", reason))
    assert "proposed here: 1" in finding.message.en
    (tmp_path / "both").mkdir()
    assert of("SAP-08", findings(tmp_path / "both", {**reason, f"{PLAN}/analyses/0/reason": "Made up."})) == []


def test_two_primary_analyses_of_one_question_are_too_many(tmp_path: Path) -> None:
    changes = {f"{PLAN}/missing_data": "not_stated", f"{PLAN}/analyses/1/role": "primary"}
    (finding,) = of("SAP-01", findings(tmp_path, changes))
    assert finding.observed == "2"


def test_a_one_sided_level_of_half_the_size_is_the_same_test(tmp_path: Path) -> None:
    changes = {"/sample_size/alpha": 0.025, "/sample_size/sidedness": "one_sided"}
    assert of("SAP-16", findings(tmp_path, changes)) == []
