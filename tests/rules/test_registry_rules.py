"""Protocol against registry record: the rules that need a record say a difference once, by its weight, and are silent without one."""

from pathlib import Path
from typing import Any

import pytest
from sound_protocol import changed

from odisea.protocol.registry.record import Record, make_record
from odisea.protocol.rules import registration
from odisea.protocol.rules.catalogue import rules_of
from odisea.protocol.rules.evaluate import Evaluation, evaluate
from odisea.protocol.rules.rule import Case

NEEDING = tuple(rule for rule in rules_of(registration) if "registry" in rule.needs)


def record_of(**changes: Any) -> Record:
    """A record that agrees with the sound protocol in what it holds, but for changes of its modules."""
    section = {
        "identificationModule": {"nctId": "NCT00000001", "acronym": "SOUND"},
        "designModule": {"enrollmentInfo": {"count": 178, "type": "ESTIMATED"}},
    }
    return make_record({"protocolSection": {**section, **changes}}, "record.json")


def checked(folder: Path, record: Record | None, **changes: Any) -> Evaluation:
    return evaluate(Case(changed(folder, changes.get("protocol", {})), record), NEEDING)


def test_agreement_is_silent_and_runs(tmp_path: Path) -> None:
    evaluation = checked(tmp_path, record_of())
    assert [outcome.state for outcome in evaluation.outcomes] == ["passed"] * len(NEEDING)


def test_without_a_record_nothing_passes(tmp_path: Path) -> None:
    evaluation = checked(tmp_path, None)
    assert [outcome.state for outcome in evaluation.outcomes] == ["not_run"] * len(NEEDING)
    assert all(row["reason"]["es"] for row in evaluation.not_run)


@pytest.mark.parametrize(
    ("modules", "protocol", "rule_id", "severity", "place", "theirs"),
    [
        (
            {"designModule": {"enrollmentInfo": {"count": 180, "type": "ESTIMATED"}}},
            {},
            "REG-17",
            "error",
            "/population/planned_enrolment",
            "180",
        ),
        (
            {"identificationModule": {"nctId": "NCT00000001", "acronym": "OTHER"}},
            {},
            "REG-18",
            "warning",
            "/identification/acronym",
            "OTHER",
        ),
        ({}, {"/identification/acronym": "not_stated"}, "REG-19", "question", "/identification/acronym", "SOUND"),
    ],
)
def test_a_difference_is_said_once_by_its_weight(
    modules: dict[str, Any], protocol: dict[str, Any], rule_id: str, severity: str, place: str, theirs: str, tmp_path: Path
) -> None:
    (finding,) = checked(tmp_path, record_of(**modules), protocol=protocol).findings
    assert (finding.rule_id, finding.severity, finding.spec_path) == (rule_id, severity, place)
    assert theirs in finding.message.en
    assert theirs in finding.message.es
    assert finding.line == changed(tmp_path, protocol).document.place(place).line
