"""Facts: the shapes that YAML writes, their status, and where a proposal may stand."""

from typing import Any

import pytest
from pydantic import ValidationError

from odisea.errors import ProtocolError
from odisea.protocol.declaration import Declaration
from odisea.protocol.fact import NOT_STATED, Fact, PlannedFact, Signed, Text
from odisea.protocol.load import parse_yaml

PROPOSAL = {"proposed": 0.05, "reason": "usual", "by": "us", "date": "2026-01-01"}


class Sheet(Signed, Declaration):
    kind = "sheet"

    size: Fact[int] = NOT_STATED
    alpha: PlannedFact[float] = PlannedFact[float].model_validate("not_stated")
    names: Fact[tuple[str, ...]] = NOT_STATED
    note: Fact[Text] = NOT_STATED
    pair: tuple[int, int] = (1, 2)


def read(body: str) -> Sheet:
    return parse_yaml(f'odisea: {{kind: sheet, schema: "1"}}\n{body}\n', Sheet, "s.yaml").value


def problems(body: str) -> list[str]:
    with pytest.raises(ProtocolError) as caught:
        read(body)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("shape", "status", "value", "reason"),
    [
        (3, "stated", 3, None),
        ("not_stated", "not_stated", None, None),
        ("not_in_source", "not_in_source", None, None),
        ({"derived": 3, "from": "counting"}, "derived", 3, "counting"),
    ],
)
def test_the_four_shapes_of_a_fact(shape: object, status: str, value: object, reason: str | None) -> None:
    fact = Fact[int].model_validate(shape)
    assert (fact.status, fact.value, fact.known) == (status, value, value is not None)
    assert (fact.reason.en if fact.reason else None) == reason


def test_a_proposal_stands_in_plans_and_not_among_facts() -> None:
    planned = PlannedFact[float].model_validate(PROPOSAL)
    assert (planned.status, planned.value, planned.by, planned.date) == ("proposed", 0.05, "us", "2026-01-01")
    with pytest.raises(ValidationError, match="proposals are allowed only inside analysis and instruments"):
        Fact[float].model_validate(PROPOSAL)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (None, "the value is empty; write a value, or the word not_stated or not_in_source to declare a gap"),
        ({"derived": 3}, r"the derived value lacks from; it is written \{derived: ..., from: ...\}"),
        ({"derived": "not_stated", "from": "x"}, "the derived value is not_stated; write the value, or the gap alone"),
        ({"proposed": None, "reason": "x", "by": "us", "date": "2026-01"}, "the proposed value is empty"),
        ({"proposed": 1.0, "by": "us", "date": "2026-01"}, "the proposed value lacks reason"),
        ({"proposed": 1.0, "reason": "x"}, "the proposed value lacks by, date; .*by and date may stand once in the file's proposals block"),
        ({**PROPOSAL, "since": 3}, "the proposed value has the unknown since"),
    ],
)
def test_incomplete_shapes_say_what_is_missing(shape: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PlannedFact[float].model_validate(shape)


def test_author_and_date_of_proposals_come_from_the_files_block() -> None:
    sheet = read('proposals: {by: us, date: "2026-02-03"}\nalpha: {proposed: 0.1, reason: small, by: them}')
    assert (sheet.alpha.by, sheet.alpha.date) == ("them", "2026-02-03")


def test_require_gives_the_value_or_names_the_gap() -> None:
    assert Fact[int].model_validate(3).require("/size") == 3
    with pytest.raises(
        ProtocolError, match=r"/size: the value is not_stated; a value is needed here to go on\. State it in the protocol\."
    ):
        NOT_STATED.require("/size")
    with pytest.raises(ProtocolError, match="Propose a value with its reason"):
        PlannedFact[int].model_validate("not_in_source").require("/alpha")


@pytest.mark.parametrize("shape", [3, "not_stated", "not_in_source", {"derived": 3, "from": {"en": "counting", "es": "conteo"}}])
def test_a_dumped_fact_reads_back_the_same(shape: Any) -> None:
    fact = PlannedFact[int].model_validate(shape)
    assert fact.model_dump() == shape
    assert PlannedFact[int].model_validate(fact.model_dump()) == fact


def test_a_dumped_proposal_reads_back_the_same() -> None:
    planned = PlannedFact[float].model_validate(PROPOSAL)
    assert PlannedFact[float].model_validate(planned.model_dump()) == planned


def test_one_text_serves_both_languages_unless_two_are_given() -> None:
    assert Text.model_validate("ODI").in_language("es") == "ODI"
    both = Text.model_validate({"en": "pain", "es": "dolor"})
    assert (both.in_language("en"), both.in_language("es"), str(both)) == ("pain", "dolor", "pain")
    with pytest.raises(ValidationError):
        Text.model_validate({"en": "pain"})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("size: big", "s.yaml:2:7: size is 'big'; allowed is a whole number, or the word not_stated or not_in_source"),
        ("size: 2.5", "s.yaml:2:7: size is 2.5; allowed is a whole number, or the word not_stated or not_in_source"),
        ("size: true", "s.yaml:2:7: size is true; allowed is a whole number, or the word not_stated or not_in_source"),
        (
            "size: {derived: x, from: counting}",
            "s.yaml:2:17: size.derived is 'x'; allowed is a whole number, or the word not_stated or not_in_source",
        ),
        (
            "names: [a, 3]",
            's.yaml:2:12: names.1 is 3; allowed is a text, or the word not_stated or not_in_source. Write it in quotes: "3"',
        ),
        ("names: a", "s.yaml:2:8: names is 'a'; allowed is a list [...], or the word not_stated or not_in_source"),
        ("pair: [1]", "s.yaml:2:7: pair has no entry number 2; the list is too short. Add the entry"),
        ("pair: [1, 2, 3]", "s.yaml:2:7: pair is a list of 3; allowed is at most 2 entries"),
        (
            "siez: 3",
            "s.yaml:2:1: unknown field siez in the file; known are odisea, proposals, size, alpha, names, note, pair. Did you mean size?",
        ),
        ("note: {en: a, sp: b}", "s.yaml:2:15: unknown field sp in note; known are en, es. Delete it, or use one of these"),
        ("note: {en: a, sp: b}", "s.yaml:2:7: the field es is missing in note. Add es: ..."),
        ("size:", "s.yaml:2:6: size: the value is empty; write a value, or the word not_stated or not_in_source to declare a gap"),
        ('proposals: {by: us, date: "yesterday"}', "s.yaml:2:27: proposals.date is 'yesterday'; allowed is a text that matches"),
        ("proposals: {by: us}", "s.yaml:2:12: the field date is missing in proposals. Add date: ..."),
    ],
)
def test_faults_of_values_name_place_finding_and_what_is_allowed(body: str, expected: str) -> None:
    found = problems(body)
    assert any(line.startswith(expected) for line in found), found


def test_faults_of_several_fields_come_at_once() -> None:
    assert [line.split(": ")[0] for line in problems("size: big\nalpha: small\nextra: 1")] == ["s.yaml:2:7", "s.yaml:3:8", "s.yaml:4:1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'odisea: {kind: scenarios, schema: "1"}\nrubbish: 1',
            "s.yaml:1:16: this is a file of kind scenarios; a file of kind sheet is needed here. Give the right file",
        ),
        (
            'odisea: {kind: sheet, schema: "2"}',
            's.yaml:1:31: the file is written for schema "2"; this version of odisea reads schema "1". Rewrite the file',
        ),
        ("odisea: {kind: sheet, schema: 1}", 's.yaml:1:31: odisea.schema is 1; allowed is a text. Write it in quotes: "1"'),
        (
            "size: 1",
            "s.yaml:1:1: the file does not say what it is; a file of kind sheet is needed here. "
            'Write as first field: odisea: {kind: sheet, schema: "1"}',
        ),
    ],
)
def test_a_file_of_another_kind_or_version_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_yaml(text, Sheet, "s.yaml")
    assert [str(problem) for problem in caught.value.problems] == [expected]


def test_models_cannot_be_changed() -> None:
    sheet = read("size: 3")
    with pytest.raises(ValidationError, match="frozen"):
        sheet.size = NOT_STATED  # type: ignore[misc]
