"""Findings for code hosts and build servers: SARIF that the published schema accepts, and JUnit as Jenkins reads it."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft4Validator
from sound_protocol import SOUND, changed

from odisea.protocol.load import load_located_protocol
from odisea.protocol.rules.evaluate import Evaluation, Outcome, evaluate
from odisea.protocol.rules.finding import Accepted, Said
from odisea.protocol.rules.gaps import not_in_source, not_stated, proposed_value
from odisea.protocol.rules.harms import collection, definition, grading, no_objective_on_harms
from odisea.protocol.rules.rule import Case, Rule
from odisea.protocol.rules.sarif import junit, sarif
from odisea.protocol.rules.waivers import WAIVER_RULES

SCHEMA = Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json"
RULES: tuple[Rule, ...] = (definition, collection, grading, no_objective_on_harms, not_stated, not_in_source, proposed_value, *WAIVER_RULES)
CHANGES = {
    "/harms/definition": "not_stated",
    "/harms/grading": "not_in_source",
    "/design/aims": "not_stated",
    "/instruments/odi/version": "not_stated",
}


@cache
def schema() -> Draft4Validator:
    return Draft4Validator(json.loads(SCHEMA.read_text(encoding="utf-8")), format_checker=Draft4Validator.FORMAT_CHECKER)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    return evaluate(Case(changed(tmp_path_factory.mktemp("gaps"), CHANGES)), RULES)


def accepted(evaluation: Evaluation, rule_id: str) -> Evaluation:
    """Return the evaluation with the findings of one rule accepted."""
    waiver = Accepted("Committee", "2026-01-01", "2027-01-01", Said("it comes later", "llega después"))
    findings = (replace(each, waiver=waiver) if each.rule_id == rule_id else each for each in evaluation.findings)
    return Evaluation(evaluation.outcomes, tuple(findings))


def results(log: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = log["runs"][0]["results"]
    return found


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_log_is_valid_by_the_published_schema(evaluation: Evaluation, language: str) -> None:
    for each in (evaluation, accepted(evaluation, "HRM-01"), Evaluation((), ())):
        log = sarif(each, "protocol/my trial.yaml", "0.1.0", language)
        assert [error.message for error in schema().iter_errors(log)] == []


def test_the_schema_refuses_what_is_wrong(evaluation: Evaluation) -> None:
    log = sarif(evaluation, "protocol.yaml", "0.1.0", "en")
    results(log)[0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert not schema().is_valid(log)


def test_every_finding_is_a_result_at_its_place_most_severe_first(evaluation: Evaluation) -> None:
    log = sarif(evaluation, "protocol/trial.yaml", "0.1.0", "en")
    found = results(log)
    assert len(found) == len(evaluation.findings)
    first = evaluation.findings[[each.rule_id for each in evaluation.findings].index("HRM-01")]
    (result,) = [each for each in found if each["ruleId"] == "HRM-01"]
    place = result["locations"][0]
    assert place["physicalLocation"]["region"] == {"startLine": first.line, "startColumn": first.column}
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "protocol/trial.yaml"
    assert place["logicalLocations"] == [{"fullyQualifiedName": "/harms/definition"}]
    levels = [each["level"] for each in found]
    assert levels == sorted(levels, key=("error", "warning", "note").index)


def test_results_point_to_their_rules(evaluation: Evaluation) -> None:
    log = sarif(evaluation, "protocol.yaml", "0.1.0", "en")
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in results(log))
    assert len({rule["id"] for rule in rules}) == len(rules) == len(RULES)


def test_no_rule_s_description_shows_a_placeholder_or_a_broken_line() -> None:
    from odisea.protocol.rules.catalogue import RULES as CATALOGUE

    known = [rule for rule in CATALOGUE if rule.id.startswith(("SS", "HRM", "GAP"))]
    log = sarif(Evaluation(tuple(Outcome(rule, "passed") for rule in known), ()), "protocol.yaml", "0.1.0", "en")
    for rule in log["runs"][0]["tool"]["driver"]["rules"]:
        texts = [rule[name]["text"] for name in ("shortDescription", "fullDescription", "help")]
        assert not any("{" in text or "\n" in text or not text for text in texts), rule["id"]


def test_a_finding_in_another_file_is_found_beside_the_protocol(evaluation: Evaluation) -> None:
    log = sarif(evaluation, "protocol/my trial.yaml", "0.1.0", "en")
    files = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results(log)}
    assert files == {"protocol/my%20trial.yaml", "protocol/odi.yaml"}
    (version,) = [each for each in results(log) if "odi.yaml" in json.dumps(each["locations"])]
    assert version["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "/version"}]


@pytest.mark.parametrize(
    ("path", "uri", "name"),
    [
        ("../instruments/vas.yaml#/unit", "instruments/vas.yaml", "/unit"),
        ("vas.yaml#", "protocol/vas.yaml", "/"),
        ("", "protocol/trial.yaml", "/"),
        ("/coding/a#b", "protocol/trial.yaml", "/coding/a#b"),
    ],
)
def test_places_are_told_apart_from_files(evaluation: Evaluation, path: str, uri: str, name: str) -> None:
    moved = Evaluation(evaluation.outcomes, (replace(evaluation.findings[0], spec_path=path),))
    (place,) = results(sarif(moved, "protocol/trial.yaml", "0.1.0", "en"))[0]["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == uri
    assert place["logicalLocations"][0]["fullyQualifiedName"] == name


def test_an_accepted_finding_is_a_suppressed_result(evaluation: Evaluation) -> None:
    log = sarif(accepted(evaluation, "HRM-01"), "protocol.yaml", "0.1.0", "es")
    (result,) = [each for each in results(log) if each["ruleId"] == "HRM-01"]
    (suppression,) = result["suppressions"]
    assert suppression == {"kind": "external", "status": "accepted", "justification": "Committee, 2026-01-01: llega después"}
    assert not any("suppressions" in each for each in results(log) if each["ruleId"] != "HRM-01")


def test_what_could_not_be_run_is_a_notification_and_no_result(tmp_path: Path) -> None:
    located = changed(tmp_path, {"/design/aims": "not_stated", "/outcomes/harms/domain": "not_stated"})
    log = sarif(evaluate(Case(located), (no_objective_on_harms,)), "protocol.yaml", "0.1.0", "en")
    (note,) = log["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert note["associatedRule"] == {"id": "HRM-05"}
    assert "/design/aims" in note["message"]["text"]
    assert results(log) == []
    assert [error.message for error in schema().iter_errors(log)] == []


# ---- JUnit. Elements and attributes that Jenkins' xunit plug-in allows, by element (its junit-10.xsd).
ALLOWED: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"testsuite"}, set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
    ),
    "testcase": ({"skipped", "error", "failure", "system-out", "system-err"}, {"name"}, {"time", "classname", "group"}),
    "failure": (set(), set(), {"type", "message"}),
    "skipped": (set(), set(), {"type", "message"}),
    "system-out": (set(), set(), set()),
}


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_report_has_the_structure_that_build_servers_read(evaluation: Evaluation, language: str) -> None:
    root = ElementTree.fromstring(junit(evaluation, "sound", language))
    assert root.tag == "testsuites"
    for element in root.iter():
        children, needed, allowed = ALLOWED[element.tag]
        assert {child.tag for child in element} <= children
        assert needed <= set(element.keys()) <= needed | allowed


def test_the_counts_of_a_suite_are_those_of_its_cases(evaluation: Evaluation) -> None:
    root = ElementTree.fromstring(junit(accepted(evaluation, "HRM-01"), "sound", "en"))
    for suite in root:
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped"))
    assert root.get("tests") == str(len(RULES))
    assert root.get("failures") == str(len(root.findall("testsuite/testcase/failure")))


def case(evaluation: Evaluation, rule_id: str) -> ElementTree.Element:
    root = ElementTree.fromstring(junit(evaluation, "sound", "en"))
    (found,) = [each for each in root.iter("testcase") if each.get("name", "").startswith(f"{rule_id} ")]
    return found


def test_a_rule_with_an_open_finding_fails_with_its_place(evaluation: Evaluation) -> None:
    failure = case(evaluation, "HRM-01").find("failure")
    assert failure is not None
    assert failure.get("type") == "question"
    assert (failure.text or "").startswith("/harms/definition:")


def test_a_rule_whose_findings_are_all_accepted_passes(evaluation: Evaluation) -> None:
    assert list(case(accepted(evaluation, "HRM-01"), "HRM-01")) == []


def test_a_rule_that_does_not_apply_is_skipped_with_the_reason(evaluation: Evaluation) -> None:
    skipped = case(evaluation, "WVR-01").find("skipped")
    assert skipped is not None
    assert "Does not apply" in (skipped.get("message") or "")


def test_what_is_worth_knowing_only_is_printed_and_does_not_fail(evaluation: Evaluation) -> None:
    template = evaluation.findings[0]
    note = replace(template, rule_id="PRP-01", severity="information", message=Said("a proposed value & more", ""))
    proposed = case(Evaluation(evaluation.outcomes, (*evaluation.findings, note)), "PRP-01")
    assert [each.tag for each in proposed] == ["system-out"]
    assert "a proposed value & more" in (proposed[0].text or "")


def test_the_sound_protocol_gives_a_log_without_results_and_a_report_without_failures() -> None:
    evaluation = evaluate(Case(load_located_protocol(SOUND / "protocol.yaml")), RULES)
    assert results(sarif(evaluation, "protocol.yaml", "0.1.0", "en")) == []
    assert ElementTree.fromstring(junit(evaluation, "sound", "en")).get("failures") == "0"
