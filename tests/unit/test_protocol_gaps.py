"""Gaps and proposals: one question per gap, one information per proposal, in both languages and with the line."""

import re
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest
from small_protocol import write_small_protocol

from odisea.protocol import model, plan, sections
from odisea.protocol.fact import Fact, Frozen
from odisea.protocol.instrument import Instrument
from odisea.protocol.labels import FIELDS, SECTIONS
from odisea.protocol.load import load_located_protocol
from odisea.protocol.model import Protocol
from odisea.protocol.rules import gaps
from odisea.protocol.rules.catalogue import RULES, rules_of
from odisea.protocol.rules.evaluate import evaluate
from odisea.protocol.rules.finding import Finding, as_json
from odisea.protocol.rules.rule import Case

TRIAL = Path(__file__).parents[2] / "protocol" / "nct07248813.yaml"
KEYS = [
    "rule_id", "severity", "spec_path", "line", "observed", "expected", "message", "why", "standard_ref", "suggested_fix",
    "evidence", "waiver", "column", "domain", "kind", "title", "ask", "references",
]  # fmt: skip


def findings(path: Path) -> tuple[Finding, ...]:
    return evaluate(Case(load_located_protocol(path)), rules_of(gaps)).findings


@pytest.fixture(scope="module")
def trial() -> tuple[Finding, ...]:
    return findings(TRIAL)


def at(found: tuple[Finding, ...], path: str) -> Finding:
    (hit,) = [finding for finding in found if finding.spec_path == path]
    return hit


def test_a_gap_is_a_question_at_its_line(trial: tuple[Finding, ...]) -> None:
    finding = at(trial, "/sample_size/standard_deviation")
    line = TRIAL.read_text(encoding="utf-8").splitlines()[finding.line - 1]
    assert line.strip() == "standard_deviation: not_stated"
    assert line[finding.column - 1 :] == "not_stated"
    assert (finding.rule_id, finding.severity, finding.observed) == ("GAP-01", "question", "not_stated")
    assert finding.message.en == "Sample size: standard deviation: the source does not say."
    assert finding.message.es == "Tamaño de muestra: desviación estándar: la fuente no lo dice."


def test_what_the_copy_does_not_show_is_another_question(trial: tuple[Finding, ...]) -> None:
    finding = at(trial, "/status/first_submitted")
    assert (finding.rule_id, finding.severity, finding.observed) == ("GAP-02", "question", "not_in_source")
    assert "does not show this field" in finding.message.en


def test_a_proposal_is_an_information_with_value_and_reason(trial: tuple[Finding, ...]) -> None:
    finding = at(trial, "/analysis/plans/as_registered/alpha")
    assert (finding.rule_id, finding.severity, finding.observed) == ("PRP-01", "information", "0.05")
    assert finding.message.en.endswith("0.05 is proposed here. The usual significance level; the registry gives none.")
    assert finding.message.es.endswith("0.05 es una propuesta nuestra. Nivel de significación habitual; el registro no da ninguno.")


def test_proposals_of_an_instrument_point_into_its_file(trial: tuple[Finding, ...]) -> None:
    finding = at(trial, "instruments/odi.yaml#/minimum_answered")
    line = (TRIAL.parent / "instruments" / "odi.yaml").read_text(encoding="utf-8").splitlines()[finding.line - 1]
    assert line == "minimum_answered:"
    assert finding.observed == "9"


def test_proposed_analyses_are_said_and_registered_ones_are_not(trial: tuple[Finding, ...]) -> None:
    said = {finding.observed for finding in trial if finding.rule_id == "PRP-02" and "/as_registered/" in finding.spec_path}
    assert said == {"unadjusted", "mi", "mi_limit", "ancova_hc3", "welch", "responder_rd", "responder_unadjusted", "vas"}


def test_counts_agree_with_the_words_in_the_files(trial: tuple[Finding, ...]) -> None:
    texts = [
        path.read_text(encoding="utf-8") for path in (TRIAL, TRIAL.parent / "instruments/odi.yaml", TRIAL.parent / "instruments/vas.yaml")
    ]
    written = "\n".join(line for text in texts for line in text.splitlines() if not line.startswith("#"))
    counts = Counter(finding.rule_id for finding in trial)
    assert counts["GAP-01"] == len(re.findall(r"\bnot_stated\b", written))
    assert counts["GAP-02"] == len(re.findall(r"\bnot_in_source\b", written))
    assert counts["GAP-03"] == 0
    assert counts["PRP-01"] == len(re.findall(r"\bproposed:", written))


def test_a_section_that_is_not_written_is_one_question(tmp_path: Path) -> None:
    found = findings(write_small_protocol(tmp_path))
    absent = {finding.spec_path for finding in found if finding.rule_id == "GAP-03"}
    assert {"/ethics", "/harms", "/population"} <= absent
    assert not any(finding.spec_path.startswith("/ethics/") for finding in found)
    assert at(found, "/sample_size/alpha").rule_id == "GAP-01"


def test_facts_that_follow_from_the_instrument_are_not_asked_for(tmp_path: Path) -> None:
    found = findings(write_small_protocol(tmp_path))
    assert not any(finding.spec_path.endswith(("/range", "/resolution")) for finding in found)


def test_a_gap_that_another_rule_speaks_of_is_said_once() -> None:
    found = evaluate(Case(load_located_protocol(TRIAL)), RULES).findings
    places = Counter(finding.spec_path for finding in found if finding.kind == "gap")
    assert [finding.rule_id for finding in found if finding.spec_path == "/sample_size/standard_deviation"] == ["SS-02"]
    assert [path for path, count in places.items() if count > 1] == []


def test_all_texts_are_complete_in_both_languages(trial: tuple[Finding, ...]) -> None:
    for finding in trial:
        for said in (finding.message, finding.why, finding.suggested_fix):
            assert said.en.endswith(".")
            assert said.es.endswith(".")
            assert said.en != said.es
            assert not re.search(r"\{(label|value|reason|path)\}", said.en + said.es)


def test_the_file_has_the_shape_that_other_steps_read(trial: tuple[Finding, ...]) -> None:
    content = as_json("nct07248813", trial, ({"rule_id": "REG-17", "reason": {"en": "", "es": ""}, "gaps": []},))
    assert list(content) == ["trial", "summary", "not_run", "findings"]
    counts: dict[str, int] = Counter(finding.severity for finding in trial)
    assert content["summary"] == {"error": 0, "warning": 0, "waived": 0, **counts}
    assert [list(finding) for finding in content["findings"]] == [KEYS] * len(trial)
    assert sorted(map(str, content["findings"])) == sorted(str(asdict(finding)) for finding in trial)
    severities = [finding["severity"] for finding in content["findings"]]
    assert severities == sorted(severities, key=["question", "information"].index)


def test_every_fact_and_section_has_a_name_in_both_languages() -> None:
    parts_of = [value for module in (model, sections, plan) for value in vars(module).values()]
    models: list[type[Frozen]] = [Instrument, *(each for each in parts_of if isinstance(each, type) and issubclass(each, Frozen))]
    named = {
        field for each in models if not issubclass(each, Fact) for field, info in each.model_fields.items() if is_fact(info.annotation)
    }
    assert named - set(FIELDS) == set()
    parts = set(Protocol.model_fields) - {"odisea", "trial", "proposals", "dictionary", "source", "export"}
    assert parts - set(SECTIONS) == set()


def is_fact(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Fact)
