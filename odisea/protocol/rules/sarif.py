"""Findings as SARIF 2.1.0, so that code hosts and editors show them at their lines, and as JUnit XML for build servers."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from odisea.protocol.rules.evaluate import Evaluation, Outcome
from odisea.protocol.rules.finding import Finding
from odisea.protocol.rules.rule import SEVERITIES, Rule
from odisea.protocol.rules.standards import cite
from odisea.protocol.rules.texts import read_texts

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning", "question": "note", "information": "note"}
SKIPPED = ("not_run", "not_applicable")


def sarif(evaluation: Evaluation, file: str, version: str, language: str) -> dict[str, Any]:
    """Return a SARIF log.

    Parameters
    ----------
    evaluation : Evaluation
        What the rules said.
    file : str
        The protocol's file as the log's reader finds it: relative, with slashes.
    version : str
        Of this program.
    language : str
        `en` or `es`.
    """
    rules = [each.rule for each in evaluation.outcomes]
    index = {rule.id: place for place, rule in enumerate(rules)}
    driver = {"name": "ODISEA", "version": version, "rules": [_descriptor(rule, language) for rule in rules]}
    notes = [_notification(each, language) for each in evaluation.outcomes if each.state == "not_run"]
    run = {
        "tool": {"driver": driver},
        "language": language,
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
        "results": [_result(finding, index, file, language) for finding in sorted(evaluation.findings, key=lambda each: each.order)],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _descriptor(rule: Rule, language: str) -> dict[str, Any]:
    texts = {field: " ".join(text.split()) for field, text in read_texts(language)[rule.id].items()}
    why = texts["why"] if "{" not in texts["why"] else texts["title"]  # what is filled in per finding cannot stand in a catalogue
    return {
        "id": rule.id,
        "shortDescription": {"text": texts["title"]},
        "fullDescription": {"text": why},
        "help": {"text": "; ".join(cite(reference, language) for reference in rule.references) or why},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"severity": rule.severity, "kind": rule.kind, "domain": rule.domain},
    }


def _result(finding: Finding, index: Mapping[str, int], file: str, language: str) -> dict[str, Any]:
    name, pointer = _split(finding.spec_path)
    uri = quote(normpath(str(PurePosixPath(file).parent / name)) if name else file)
    region = {"startLine": finding.line, "startColumn": finding.column}
    result: dict[str, Any] = {
        "ruleId": finding.rule_id,
        "ruleIndex": index[finding.rule_id],
        "level": LEVELS[finding.severity],
        "message": {"text": finding.message.in_language(language)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": uri}, "region": region},
                "logicalLocations": [{"fullyQualifiedName": pointer or "/"}],
            }
        ],
        "partialFingerprints": {"ruleAndPlace/v1": f"{finding.rule_id}:{finding.spec_path}"},
    }
    if finding.waiver:
        reason = f"{finding.waiver.by}, {finding.waiver.date}: {finding.waiver.reason.in_language(language)}"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reason}]
    return result


def _split(path: str) -> tuple[str, str]:
    """Return the file (empty: the protocol) and the pointer of a finding's place; names in a pointer may hold a #."""
    if not path or path.startswith("/"):
        return "", path
    name, _, pointer = path.partition("#")
    return name, pointer


def _notification(outcome: Outcome, language: str) -> dict[str, Any]:
    reason = outcome.reason.in_language(language) if outcome.reason else ""
    return {"associatedRule": {"id": outcome.rule.id}, "level": "note", "message": {"text": f"{outcome.rule.id}: {reason}"}}


def junit(evaluation: Evaluation, trial: str, language: str) -> str:
    """Return a JUnit report as XML text: one suite per domain, one case per rule.

    A rule with a finding that nobody accepted is a failure, unless it is worth knowing only (information): then its messages are
    printed. A rule that could not be run or does not apply is skipped.
    """
    root = ElementTree.Element("testsuites", name=f"odisea check {trial}")
    for domain in dict.fromkeys(each.rule.domain for each in evaluation.outcomes):
        outcomes = [each for each in evaluation.outcomes if each.rule.domain == domain]
        _suite(root, domain, outcomes, evaluation.findings, language)
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(root: ElementTree.Element, domain: str, outcomes: list[Outcome], findings: tuple[Finding, ...], language: str) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=domain)
    for each in outcomes:
        title = " ".join(read_texts(language)[each.rule.id]["title"].split())
        case = ElementTree.SubElement(suite, "testcase", classname=f"odisea.{domain}", name=f"{each.rule.id} {title}")
        open_ones = [finding for finding in findings if finding.rule_id == each.rule.id and not finding.waiver]
        if open_ones:
            _say(case, open_ones, language)
        elif each.state in SKIPPED:
            ElementTree.SubElement(case, "skipped", message=each.reason.in_language(language) if each.reason else each.state)
    counts = {"failures": len(suite.findall("testcase/failure")), "errors": 0, "skipped": len(suite.findall("testcase/skipped"))}
    for name, count in {"tests": len(outcomes), **counts}.items():
        suite.set(name, str(count))


def _say(case: ElementTree.Element, findings: list[Finding], language: str) -> None:
    """Write a rule's open findings into its case, one a line with its place."""
    worst = min(findings, key=lambda each: SEVERITIES.index(each.severity))
    lines = [f"{each.spec_path}:{each.line}:{each.column}: {each.message.in_language(language)}" for each in findings]
    if worst.severity == "information":
        ElementTree.SubElement(case, "system-out").text = "\n".join(lines)
    else:
        failure = ElementTree.SubElement(case, "failure", type=worst.severity, message=worst.message.in_language(language))
        failure.text = "\n".join(lines)
