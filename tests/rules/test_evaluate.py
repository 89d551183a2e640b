"""How a rule ends: passed, failed, could not be run, does not apply; what is unknown is never a pass and is said once."""

import copy
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from sound_protocol import changed, plain_files

from odisea.protocol.load import Located
from odisea.protocol.model import Protocol
from odisea.protocol.rules.analysis import confidence_against_alpha
from odisea.protocol.rules.catalogue import RULES
from odisea.protocol.rules.check import Given, check, check_files
from odisea.protocol.rules.evaluate import evaluate, run
from odisea.protocol.rules.gaps import not_in_source, not_stated
from odisea.protocol.rules.harms import definition, grading, no_objective_on_harms
from odisea.protocol.rules.listing import catalogue, with_outcomes
from odisea.protocol.rules.rule import CannotRun, Case, Hit, NotApplicable, Rule, known

Make = Callable[[Case], Iterable[Hit]]


def made(check_function: Make, needs: tuple[str, ...] = ()) -> Rule:
    """Return a rule of one's own that borrows the texts of HRM-01."""
    return Rule("HRM-01", "warning", "risk", (), ("/harms/definition",), needs, check_function)  # type: ignore[arg-type]


def hits_then(error: Exception | None, *pointers: str) -> Make:
    """Return the function of a rule that finds something at places and then meets an error."""

    def check_function(case: Case) -> Iterator[Hit]:
        for pointer in pointers:
            yield Hit(pointer, "x")
        if error:
            raise error

    return check_function


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Located[Protocol]:
    return changed(tmp_path_factory.mktemp("sound"), {})


def test_a_rule_without_hits_has_passed(sound: Located[Protocol]) -> None:
    outcome = run(made(hits_then(None)), Case(sound))
    assert (outcome.state, outcome.hits, outcome.reason, outcome.pointers) == ("passed", (), None, ())
    assert run(definition, Case(sound)).state == "passed"


def test_a_rule_that_needs_a_gap_could_not_be_run_and_names_it(tmp_path: Path) -> None:
    located = changed(tmp_path, {"/design/aims": "not_stated", "/outcomes/harms/domain": "pain"})
    outcome = run(no_objective_on_harms, Case(located))
    assert (outcome.state, outcome.hits, outcome.pointers) == ("not_run", (), ("/design/aims",))
    assert outcome.reason is not None
    assert outcome.reason.en == "Cannot be decided while these are not known: aims (/design/aims)."
    assert outcome.reason.es.startswith("No se puede decidir")


def test_could_not_be_run_is_listed_apart_from_the_findings(tmp_path: Path) -> None:
    located = changed(tmp_path, {"/design/aims": "not_stated", "/outcomes/harms/domain": "pain"})
    evaluation = evaluate(Case(located), (no_objective_on_harms,))
    assert evaluation.findings == ()
    assert [(each["rule_id"], each["gaps"]) for each in evaluation.not_run] == [("HRM-05", ["/design/aims"])]


def test_what_does_not_apply_is_neither_run_nor_listed_as_not_run(sound: Located[Protocol]) -> None:
    evaluation = evaluate(Case(sound), (made(hits_then(NotApplicable("/design/model"))),))
    assert evaluation.outcomes[0].state == "not_applicable"
    assert evaluation.outcomes[0].pointers == ("/design/model",)
    assert evaluation.not_run == ()


@pytest.mark.parametrize("error", [CannotRun("/harms/grading"), NotApplicable("/harms/grading")])
def test_hits_before_a_gap_count(sound: Located[Protocol], error: Exception) -> None:
    outcome = run(made(hits_then(error, "/harms/definition")), Case(sound))
    assert (outcome.state, len(outcome.hits), outcome.reason) == ("failed", 1, None)


def test_an_error_of_the_program_is_not_taken_for_an_outcome(sound: Located[Protocol]) -> None:
    with pytest.raises(ZeroDivisionError):
        run(made(hits_then(ZeroDivisionError())), Case(sound))


def test_a_rule_that_needs_an_input_could_not_be_run_without_it(sound: Located[Protocol]) -> None:
    outcome = run(made(hits_then(None, "/harms/definition"), ("registry",)), Case(sound))
    assert (outcome.state, outcome.hits, outcome.pointers) == ("not_run", (), ())
    assert outcome.reason is not None
    assert "registry" in outcome.reason.en


def test_a_gap_is_said_once_by_the_rule_that_knows_more(tmp_path: Path) -> None:
    located = changed(tmp_path, {"/harms/definition": "not_stated", "/harms/collection": "not_stated"})
    evaluation = evaluate(Case(located), (not_stated, definition))
    assert {(each.rule_id, each.spec_path) for each in evaluation.findings} == {
        ("HRM-01", "/harms/definition"),
        ("GAP-01", "/harms/collection"),
    }


def test_a_gap_that_a_finding_covers_is_not_said_again(tmp_path: Path) -> None:
    located = changed(tmp_path, {"/harms/definition": "not_stated", "/harms/collection": "not_stated"})

    def covering(case: Case) -> Iterator[Hit]:
        yield Hit("/harms/definition", case.protocol.harms.definition, covers=("/harms/collection",))

    evaluation = evaluate(Case(located), (not_stated, made(covering)))
    assert [(each.rule_id, each.spec_path) for each in evaluation.findings] == [("HRM-01", "/harms/definition")]


def test_a_rule_that_could_not_be_run_does_not_silence_the_gap(tmp_path: Path) -> None:
    located = changed(tmp_path, {"/design/aims": "not_stated", "/outcomes/harms/domain": "pain"})
    evaluation = evaluate(Case(located), (not_stated, no_objective_on_harms))
    assert [(each.rule_id, each.spec_path) for each in evaluation.findings] == [("GAP-01", "/design/aims")]


def test_what_our_copy_does_not_show_is_told_apart_from_silence(tmp_path: Path) -> None:
    located = changed(tmp_path, {"/harms/definition": "not_in_source", "/harms/grading": "not_stated"})
    copy, silence = evaluate(Case(located), (definition, grading, not_in_source)).findings
    assert copy.message.en.endswith("Our copy of the source does not show this field; the full record may.")
    assert copy.message.es.endswith("quizá la ficha completa sí.")
    assert "copy of the source" not in silence.message.en
    assert (copy.observed, silence.observed) == ("not_in_source", "not_stated")


def test_a_finding_stands_at_the_line_of_its_value(tmp_path: Path) -> None:
    located = changed(tmp_path, {"/harms/definition": "not_stated"})
    (finding,) = evaluate(Case(located), (definition,)).findings
    line = (tmp_path / "protocol.yaml").read_text(encoding="utf-8").splitlines()[finding.line - 1]
    assert line[finding.column - 1 :] == "not_stated"
    assert line.strip().startswith("definition:")


def test_a_finding_in_a_part_names_the_file_and_the_place_there(tmp_path: Path) -> None:
    located = changed(tmp_path, {"/instruments/odi/version": "not_stated"})
    (finding,) = evaluate(Case(located), (not_stated,)).findings
    assert finding.spec_path == "odi.yaml#/version"
    line = (tmp_path / "odi.yaml").read_text(encoding="utf-8").splitlines()[finding.line - 1]
    assert line == "version: not_stated"


def test_known_gives_the_value_and_refuses_a_gap(tmp_path: Path) -> None:
    harms = changed(tmp_path, {"/harms/definition": "not_stated"}).value.harms
    assert known(harms.collection, "/harms/collection").en
    with pytest.raises(CannotRun):
        known(harms.definition, "/harms/definition")


def test_the_catalogue_describes_every_rule_in_both_languages() -> None:
    described = catalogue(rule for rule in RULES if rule.domain in ("HRM", "GAP"))
    assert [each["rule_id"] for each in described if not each["title"]["en"] or not each["title"]["es"]] == []
    assert all(set(each) >= {"severity", "kind", "message", "expected", "why", "fix", "references", "reads", "needs"} for each in described)


def test_every_rule_is_listed_with_what_became_of_it(tmp_path: Path) -> None:
    located = changed(tmp_path, {"/harms/definition": "not_stated", "/design/aims": "not_stated", "/outcomes/harms/domain": "pain"})
    rows = with_outcomes(evaluate(Case(located), (definition, grading, no_objective_on_harms)))
    assert rows["summary"] == {"failed": 1, "passed": 1, "not_run": 1}
    states = {each["rule_id"]: (each["state"], each["findings"], each["waived"]) for each in rows["rules"]}
    assert states == {"HRM-01": ("failed", 1, 0), "HRM-03": ("passed", 0, 0), "HRM-05": ("not_run", 0, 0)}
    assert [bool(each["reason"]) for each in rows["rules"]] == [False, False, True]


def test_a_check_gives_the_texts_of_every_result_file(tmp_path: Path) -> None:
    located = changed(tmp_path, {"/harms/definition": "not_stated"})
    given = Given(today="2026-02-01")
    checked = check(located, given)
    files = check_files(checked, given, "protocol.yaml", "0.1.0", "en")
    assert sorted(files) == sorted(
        ["findings.json", "rules.json", "claims.json", "checklists.json", "drift.json", "findings.sarif", "junit.xml"]
    )
    assert all(text.endswith("\n") for text in files.values())
    assert checked.counts["question"] >= 1
    assert '"record": null' in files["drift.json"]


def test_a_gap_of_one_plan_does_not_hide_what_another_plan_does(tmp_path: Path) -> None:
    plan = plain_files()["protocol.yaml"]["analysis"]["plans"]["main"]
    other = {**copy.deepcopy(plan), "alpha": "not_stated", "label": {"en": "Other", "es": "Otro"}}
    located = changed(tmp_path, {"/analysis/plans": {"other": other, "main": plan}, "/analysis/confidence_level": 0.9})
    outcome = run(confidence_against_alpha, Case(located))
    assert (outcome.state, [hit.pointer for hit in outcome.hits]) == ("failed", ["/analysis/confidence_level"])
    (tmp_path / "agreed").mkdir()
    located = changed(tmp_path / "agreed", {"/analysis/plans": {"other": other, "main": plan}})
    outcome = run(confidence_against_alpha, Case(located))
    assert (outcome.state, outcome.pointers) == ("not_run", ("/analysis/plans/other/alpha",))
