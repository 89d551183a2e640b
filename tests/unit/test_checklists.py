"""The checklists of reporting standards: complete lists, fields that exist, both languages, and statuses that follow from the facts."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError
from small_protocol import write_small_protocol

from odisea.protocol.checklists import Checklist, Judged, Matrix, Row, as_json, matrix, plan_path, read_checklists, read_plan
from odisea.protocol.checklists.ademp import headings
from odisea.protocol.checklists.matrix import STATUSES
from odisea.protocol.checklists.pattern import NAMES, STEP
from odisea.protocol.checklists.shown import REMARKS, WORDS
from odisea.protocol.fact import Fact, Text
from odisea.protocol.load import Located, load_located_protocol
from odisea.protocol.model import Protocol

TRIAL = Path(__file__).parents[2] / "protocol" / "nct07248813.yaml"
CHECKLISTS = {checklist.id: checklist for checklist in read_checklists()}
ROWS = [pytest.param(checklist, row, id=f"{checklist.id}:{row.id}") for checklist in read_checklists() for row in checklist.rows]


def sizes(checklist: Checklist) -> list[int]:
    """Numbers of rows by section."""
    found = Counter(row.section for row in checklist.rows)
    return [found[section.id] for section in checklist.sections]


# ---------------------------------------------------------------- the lists


def test_spirit_has_34_items_in_53_rows_and_9_sections() -> None:
    spirit = CHECKLISTS["spirit"]
    assert [row.item for row in spirit.rows if row.id[-1] in "a1234567890"] == [str(number) for number in range(1, 35)]
    assert (len(spirit.rows), sizes(spirit)) == (53, [7, 6, 3, 2, 12, 7, 7, 3, 6])
    assert " ".join(row.id for row in spirit.rows) == (
        "1a 1b 2 3a 3b 3c 3d 4 5 6 7a 7b 8 9a 9b 10 11 12 13 14a 14b 15a 15b 15c 15d 16 17 18 19 20 "
        "21a 21b 22 23 24a 24b 24c 25a 25b 26 27a 27b 27c 27d 28a 28b 29 30 31 32a 32b 33 34"
    )


def test_the_plan_guideline_has_55_rows_in_6_sections() -> None:
    sap = CHECKLISTS["sap"]
    assert (len(sap.rows), sap.items, sizes(sap)) == (55, 32, [11, 2, 9, 8, 8, 17])
    assert " ".join(row.id for row in sap.rows) == (
        "1a 1b 2 3 4a 4b 4c 5 6a 6b 6c 7 8 9 10 11 12 13a 13b 13c 14 15 16 17 18 19a 19b 19c 19d 20 21 22 23 24a 24b 24c 25a 25b "
        "26a 26b 26c 27a 27b 27c 27d 27e 27f 28 29 30 31 32a 32b 32c 32d"
    )


@pytest.mark.parametrize(
    ("name", "items", "rows"), [("tidier", 12, 12), ("e9r1", 5, 5), ("delta2", 13, 13), ("ademp", 5, 9), ("imss", 11, 19)]
)
def test_the_other_lists_have_their_numbers(name: str, items: int, rows: int) -> None:
    checklist = CHECKLISTS[name]
    assert (checklist.items, len(checklist.rows)) == (items, rows)


def test_what_is_recalled_is_marked_as_such() -> None:
    delta2, sap = CHECKLISTS["delta2"], CHECKLISTS["sap"]
    assert [row.id for row in delta2.rows if delta2.standing_of(row) == "verified"] == ["1", "2", "3", "4"]
    read = [row.id for row in sap.rows if sap.number_standing_of(row) == "verified"]
    assert (read[0], read[-1], len(read)) == ("1a", "13b", 19)
    later = [row for row in sap.rows if row.id not in read]
    assert {(sap.standing_of(row), sap.number_standing_of(row)) for row in later} == {("second_hand", "recalled")}
    assert {CHECKLISTS[name].source.standing for name in ("spirit", "tidier", "ademp")} == {"verified"}
    assert {CHECKLISTS[name].source.standing for name in ("e9r1", "imss")} == {"second_hand"}


def test_few_rows_have_no_field_and_none_of_spirit() -> None:
    without = {name: [row.id for row in checklist.rows if row.none] for name, checklist in CHECKLISTS.items()}
    assert {name: ids for name, ids in without.items() if ids} == {
        "delta2": ["control"],
        "sap": ["2", "4a", "4b", "4c", "6a", "6b", "6c", "19c", "19d", "23", "24c", "25b", "32b", "32c", "32d"],
    }


@pytest.mark.parametrize(("change", "message"), [({"items": 3}, "its head says 3"), ({"each": "arms"}, "each")])
def test_a_list_that_does_not_add_up_is_refused(change: dict[str, Any], message: str) -> None:
    content = CHECKLISTS["e9r1"].model_dump(by_alias=True)
    with pytest.raises(ValidationError, match=message):
        Checklist.model_validate({**content, **change})


def test_a_row_is_answerable_in_exactly_one_way() -> None:
    text = Text(en="A.", es="B.")
    for given in ({}, {"none": True, "fields": ("/arms",)}, {"none": True, "after_trial": True}):
        with pytest.raises(ValidationError, match="exactly one of fields, none and after_trial"):
            Row.model_validate({"id": "1", "section": "x", "topic": text, "asks": text, **given})


# ---------------------------------------------------------------- texts


@pytest.mark.parametrize(("checklist", "row"), ROWS)
def test_every_text_is_a_sentence_in_both_languages_with_the_same_numbers(checklist: Checklist, row: Row) -> None:
    for text in (row.asks, row.lacks, row.note):
        if text is None:
            continue
        assert text.en != text.es
        for said in (text.en, text.es):
            assert said.endswith(".")
            assert not said.endswith("..")
            assert said[0].isupper()
            assert "  " not in said
        assert re.findall(r"\d+", text.en) == re.findall(r"\d+", text.es)
    assert not row.topic.en.endswith(".")
    assert not row.topic.es.endswith(".")


def test_both_languages_have_their_words() -> None:
    same = {checklist.id: [row.id for row in checklist.rows if row.topic.en == row.topic.es] for checklist in read_checklists()}
    assert {name: ids for name, ids in same.items() if ids} == {"e9r1": ["variable"], "imss": ["X.D"]}  # these words are both
    assert all(text.en.endswith(".") and text.es.endswith(".") for text in REMARKS.values())
    assert set(STATUSES) <= set(WORDS)


# ---------------------------------------------------------------- fields


def inside(annotation: Any) -> Any:
    """The type behind optional values and annotations."""
    if get_origin(annotation) is Annotated:
        return inside(get_args(annotation)[0])
    if get_origin(annotation) in (UnionType, Union):
        return inside(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation


def is_fact(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Fact)


def enter(kind: Any, step: re.Match[str]) -> Any:
    """The type behind one step of a pattern; AssertionError where the model has no such thing."""
    kind = inside(kind)
    if get_origin(kind) in (dict, tuple):
        inner = inside(get_args(kind)[1 if get_origin(kind) is dict else 0])
        assert step["name"] in "*+" or step["name"].startswith("{each"), step[0]
        assert not step["field"] or (step["field"] in inner.model_fields and step["field"] in NAMES), step[0]
        return inner
    assert isinstance(kind, type)
    assert issubclass(kind, BaseModel)
    assert not is_fact(kind)
    fields = {info.alias or name: info.annotation for name, info in kind.model_fields.items()}
    assert step["name"] in fields, f"{step['name']} is no field of {kind.__name__}"
    return fields[step["name"]]


@pytest.mark.parametrize(("checklist", "row"), ROWS)
def test_every_field_of_a_row_stands_in_the_model_and_has_a_name(checklist: Checklist, row: Row) -> None:
    for pattern in row.patterns:
        if not pattern.startswith("/"):
            assert checklist.id == "ademp"
            assert pattern.startswith("simulate/ademp.md#")
            continue
        kind: Any = Protocol
        for written in pattern.split("/")[1:]:
            step = STEP.fullmatch(written)
            assert step is not None, written
            kind = enter(kind, step)
        assert ("{each" in pattern) == (checklist.each != "protocol")
    assert len(set(row.groups)) == len(row.groups)


def test_filters_name_values_that_the_model_allows_or_that_files_use() -> None:
    patterns = " ".join(pattern for checklist in read_checklists() for row in checklist.rows for pattern in row.patterns)
    filters = set(re.findall(r"\[(\w+)=(\w+)\]", patterns))
    assert filters == {
        ("domain", "adherence"), ("domain", "harms"), ("level", "primary"), ("role", "background"), ("role", "exploratory"),
        ("role", "method"), ("role", "primary"), ("role", "secondary"), ("role", "sensitivity"), ("role", "supplementary"),
    }  # fmt: skip


# ---------------------------------------------------------------- made cases


def judged(folder: Path, row_id: str, old: str = "", new: str = "", checklist: str = "spirit", file: str = "protocol.yaml") -> Judged:
    located = load_located_protocol(write_small_protocol(folder, {file: (old, new)}))
    return of(matrix(located), checklist).row(row_id)


def of(matrices: tuple[Matrix, ...], checklist: str, thing: str | None = None) -> Matrix:
    return next(each for each in matrices if each.checklist.id == checklist and thing in (None, each.thing.id if each.thing else None))


SIZE = "sample_size: {outcome: scale, per_arm: [80, 40, 40], attrition: 0.2}"


def test_a_section_that_is_not_written_is_open_with_its_fields_absent(tmp_path: Path) -> None:
    row = judged(tmp_path, "17")
    assert (row.status, row.in_source, row.answers) == ("open", "open", ())
    assert [(gap.path, gap.line, gap.status) for gap in row.gaps] == [
        ("/harms/definition", 2, "absent"),
        ("/harms/collection", 2, "absent"),
    ]


def test_gaps_say_whether_they_are_declared_and_how(tmp_path: Path) -> None:
    row = judged(tmp_path, "17", "export: {", "harms: {definition: not_stated, collection: not_in_source}\nexport: {")
    assert [gap.status for gap in row.gaps] == ["not_stated", "not_in_source"]
    assert row.status == "open"
    assert {gap.line for gap in row.gaps} == {1 + (tmp_path / "protocol.yaml").read_text(encoding="utf-8").split("harms:")[0].count("\n")}


def test_stated_and_derived_answer_and_a_mixture_answers_partly(tmp_path: Path) -> None:
    derived = "harms: {definition: {derived: Falls, from: the text}, collection: Asked}\nexport: {"
    row = judged(tmp_path, "17", "export: {", derived)
    assert (row.status, row.in_source, [answer.status for answer in row.answers]) == ("answered", "answered", ["derived", "stated"])
    half = judged(tmp_path, "17", "export: {", "harms: {definition: Falls}\nexport: {")
    assert (half.status, [gap.path for gap in half.gaps]) == ("partly", ["/harms/collection"])


def test_a_proposal_answers_partly_and_not_for_the_source(tmp_path: Path) -> None:
    row = judged(tmp_path, "18", checklist="sap", old="analysis:\n", new="analysis:\n  confidence_level: {proposed: 0.95, reason: usual}\n")
    assert (row.status, row.in_source, row.remarks) == ("partly", "open", ("proposed",))
    stated = judged(tmp_path, "18", checklist="sap", old="analysis:\n", new="analysis:\n  confidence_level: 0.95\n")
    assert (stated.status, stated.in_source, stated.remarks) == ("answered", "answered", ())


def test_an_analysis_with_a_reason_counts_as_proposed(tmp_path: Path) -> None:
    assert judged(tmp_path, "27a", checklist="sap").status == "answered"
    row = judged(tmp_path, "27a", "role: primary,", "role: primary, reason: usual,", "sap")
    assert (row.status, row.in_source) == ("partly", "partly")
    assert {answer.status for answer in row.answers} == {"stated", "proposed"}


def test_of_several_entries_one_is_enough_only_where_the_row_says_so(tmp_path: Path) -> None:
    assert judged(tmp_path, "10").status == "partly"  # objectives, and no outcome of harm
    harm = judged(tmp_path, "10", "cured: {label:", "cured: {domain: harms, label:")
    assert (harm.status, harm.answers[-1].path, harm.gaps) == ("answered", "/outcomes/cured", ())
    some = judged(tmp_path, "16", "cured: {label:", "cured: {definition: Healed, label:")
    assert some.status == "partly"
    assert "/outcomes/scale/definition" in [gap.path for gap in some.gaps]


def test_of_alternatives_one_is_enough(tmp_path: Path) -> None:
    row = judged(tmp_path, "3", SIZE, SIZE.replace("attrition", "target_difference: 0.2, control_proportion: 0.5, attrition"), "delta2")
    assert "/sample_size/control_proportion" in [answer.path for answer in row.answers]
    assert [gap.path for gap in row.gaps] == ["/sample_size/standardised_effect"]  # what only some designs have is no gap
    both = SIZE.replace("attrition", "target_difference: 0.2, control_proportion: 0.5, arm_proportion: 0.7, attrition")
    assert judged(tmp_path, "3", SIZE, both, "delta2").status == "answered"


def test_a_condition_leaves_a_row_out_on_knowledge_only(tmp_path: Path) -> None:
    ratio = "randomisation: {ratio: [2, 1, 1]}"
    assert judged(tmp_path, "24b").status == "open"
    assert judged(tmp_path, "24b", ratio, f"{ratio}\nblinding: {{level: not_stated}}").status == "open"
    assert judged(tmp_path, "24b", ratio, f"{ratio}\nblinding: {{level: SINGLE}}").status == "open"
    row = judged(tmp_path, "24b", ratio, f"{ratio}\nblinding: {{level: NONE}}")
    assert (row.status, row.in_source, row.answers, row.gaps) == ("not_applicable", "not_applicable", (), ())


def test_a_condition_may_need_a_known_value(tmp_path: Path) -> None:
    assert judged(tmp_path, "control", checklist="delta2").remarks == ("no_field",)
    scale = "scale: {label: Scale, kind: continuous, level: primary"
    cured = judged(tmp_path, "control", scale, scale.replace("primary", "secondary"), "delta2")
    assert cured.status == "not_applicable"  # no primary outcome is known to be continuous


def test_rows_without_a_field_are_open_and_say_so(tmp_path: Path) -> None:
    row = judged(tmp_path, "6a", checklist="sap")
    assert (row.status, row.remarks, row.answers, row.gaps) == ("open", ("no_field",), (), ())


def test_a_part_without_a_field_keeps_a_row_from_being_answered(tmp_path: Path) -> None:
    row = judged(tmp_path, "3b", "arms:\n", "sponsors: {lead: {name: Us, type: OTHER}, responsible_party: SPONSOR}\narms:\n")
    assert (row.status, row.remarks, row.gaps) == ("partly", ("lacks",), ())


def test_places_in_other_files_have_that_files_name_and_line(tmp_path: Path) -> None:
    row = judged(tmp_path, "26b", checklist="sap")
    unit = next(answer for answer in row.answers if answer.path.endswith("/unit"))
    assert (unit.path, unit.line, unit.label.es) == ("scale.yaml#/unit", 9, "Instrumentos: Escala: unidad")


def test_a_list_per_intervention_and_per_estimand_is_filled_in_for_each(tmp_path: Path) -> None:
    one = "exercise: {label: {en: Exercise, es: Ejercicio}}"
    two = f"{one}\n  pills: {{label: Pills, why: Relief, programme: {{modules: 3}}}}"
    located = load_located_protocol(write_small_protocol(tmp_path, {"protocol.yaml": (one, two)}))
    found = matrix(located)
    assert [each.thing.id for each in found if each.checklist.id == "tidier" and each.thing] == ["exercise", "pills"]
    assert of(found, "tidier", "exercise").row("2").status == "open"
    assert of(found, "tidier", "pills").row("2").status == "answered"
    dose = {thing: of(found, "tidier", thing).row("8") for thing in ("exercise", "pills")}
    assert not [gap for gap in dose["exercise"].gaps if "programme" in gap.path]  # nothing is scheduled, so nothing is missing
    assert [answer.path for answer in dose["pills"].answers] == ["/interventions/pills/programme/modules"]
    assert of(found, "e9r1", "difference").row("variable").gaps[0].path == "/outcomes/scale/metric"


def test_without_interventions_the_list_is_open_once(tmp_path: Path) -> None:
    path = write_small_protocol(tmp_path, {"protocol.yaml": ("interventions:\n  exercise: {label: {en: Exercise, es: Ejercicio}}\n", "")})
    path.write_text(path.read_text(encoding="utf-8").replace(", interventions: [exercise]", ""), encoding="utf-8")
    (only,) = [each for each in matrix(load_located_protocol(path)) if each.checklist.id == "tidier"]
    assert (only.thing, only.counts) == (None, {"answered": 0, "partly": 0, "open": 10, "not_applicable": 2})
    assert [(gap.path, gap.status) for gap in only.row("8").gaps] == [("/interventions", "absent")]


# ---------------------------------------------------------------- the simulation plan


def test_headings_and_leading_bold_words_are_read_with_their_text() -> None:
    text = "# Title\nnot read\n\n## Aims\n\n1. To say.\n\n## Methods ##x\n**Lead in.** And more\nwith **bold** inside.\n\n**Empty.**\n"
    assert headings(text) == {
        "Aims": "1. To say.",
        "Methods ##x": "",
        "Lead in": "And more\nwith **bold** inside.",
        "Empty": "",
    }


def test_without_a_plan_its_rows_are_open_for_that_reason(tmp_path: Path) -> None:
    located = load_located_protocol(write_small_protocol(tmp_path))
    ademp = of(matrix(located), "ademp")
    assert {(row.status, row.remarks) for row in ademp.rows} == {("open", ("no_plan",))}
    assert read_plan(plan_path(tmp_path / "protocol.yaml")) is None


def test_a_plan_answers_by_heading_and_by_word(tmp_path: Path) -> None:
    located = load_located_protocol(write_small_protocol(tmp_path))
    ademp = of(matrix(located, {"Aims": "To say.", "Methods": "", "Number of replicates": "10 of them."}), "ademp")
    assert [row.row.id for row in ademp.rows if row.status == "answered"] == ["A"]
    assert ademp.row("P.3").gaps[0].path == "simulate/ademp.md#Number of replicates"  # the seed is not spoken of
    assert ademp.row("M.1").remarks == ()


def test_a_plan_of_another_trial_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "protocol").mkdir()
    located = load_located_protocol(write_small_protocol(tmp_path / "protocol"))
    path = plan_path(tmp_path / "protocol" / "protocol.yaml")
    (tmp_path / "simulate").mkdir()
    path.write_text("For trial NCT07248813.\n\n## Aims\nTo say.\n", encoding="utf-8")
    assert read_plan(path) == {"Aims": "To say."}
    assert read_plan(path, located) is None
    path.write_text("For trial SMALL.\n\n## Aims\nTo say.\n", encoding="utf-8")
    assert read_plan(path, located) == {"Aims": "To say."}


# ---------------------------------------------------------------- our trial


@cache
def trial() -> Located[Protocol]:
    return load_located_protocol(TRIAL)


@cache
def ours() -> tuple[Matrix, ...]:
    return matrix(trial(), read_plan(plan_path(TRIAL), trial()))


def test_counts_of_our_trial() -> None:
    found = {(each.checklist.id, each.thing.id if each.thing else ""): tuple(each.counts.values()) for each in ours()}
    assert found == {
        ("spirit", ""): (11, 20, 22, 0),
        ("tidier", "telerehab_programme"): (5, 3, 2, 2),
        ("tidier", "conventional_care"): (4, 2, 4, 2),
        ("delta2", ""): (3, 4, 5, 1),
        ("e9r1", "odi_week6"): (3, 1, 1, 0),
        ("e9r1", "odi_responder_week6"): (2, 1, 2, 0),
        ("sap", ""): (8, 14, 33, 0),
        ("ademp", ""): (9, 0, 0, 0),
        ("imss", ""): (5, 10, 4, 0),
    }


# Read by hand off the protocol file: row, status, status in the source, the last words of its gaps.
BY_HAND = [
    ("2", "open", "open", "protocol_version protocol_date"),
    ("6", "open", "open", "individual_data code"),
    ("10", "partly", "partly", "outcomes"),
    ("12", "answered", "answered", ""),
    ("15b", "open", "open", "stopping_criteria stopping_criteria"),
    ("19", "partly", "partly", "alpha sidedness test standard_deviation standard_deviation_source attrition_definition"),
    ("21a", "partly", "partly", "implementation"),
    ("21b", "open", "open", "method stratification block_sizes"),
    ("22", "partly", "partly", "concealment_mechanism"),
    ("24a", "answered", "answered", ""),
    ("27a", "partly", "partly", "harms_analysis"),
    ("27b", "answered", "answered", ""),
    ("27c", "partly", "open", ""),
    ("27d", "partly", "open", "subgroups"),
    ("28a", "answered", "answered", ""),
    ("28b", "open", "open", "interim interim"),
    ("30", "answered", "answered", ""),
    ("33", "partly", "partly", "privacy_statute pseudonymisation third_party_safeguards"),
]


@pytest.mark.parametrize(("row_id", "status", "in_source", "gaps"), BY_HAND)
def test_rows_of_our_trial_read_by_hand(row_id: str, status: str, in_source: str, gaps: str) -> None:
    row = of(ours(), "spirit").row(row_id)
    assert (row.status, row.in_source) == (status, in_source)
    assert " ".join(gap.path.rpartition("/")[2] for gap in row.gaps) == gaps


def test_item_6_is_missing_in_our_copy_and_not_in_the_trial() -> None:
    assert {gap.status for gap in of(ours(), "spirit").row("6").gaps} == {"not_in_source"}


def test_the_intervention_of_our_trial_is_described_in_part() -> None:
    row = of(ours(), "spirit").row("15a")
    assert (row.status, row.remarks) == ("partly", ("lacks",))
    assert {gap.status for gap in row.gaps} == {"not_stated"}
    assert not [gap for gap in row.gaps if "conventional_care/programme" in gap.path]


def test_every_line_that_is_named_holds_what_is_said_to_stand_there() -> None:
    lines = TRIAL.read_text(encoding="utf-8").splitlines()
    for each in ours():
        for row in each.rows:
            for entry in (*row.answers, *row.gaps):
                name = entry.path.rpartition("/")[2]
                if entry.line and "#" not in entry.path and entry.status != "absent" and not name.isdigit():
                    assert f"{name}:" in lines[entry.line - 1], entry


def test_another_trial_with_few_sections_can_be_judged() -> None:
    example = TRIAL.parent / "examples" / "ashar_prt" / "protocol.yaml"
    found = matrix(load_located_protocol(example))
    assert [len(each.rows) for each in found if each.checklist.id == "spirit"] == [53]
    estimands = of(found, "e9r1")
    assert (estimands.thing, estimands.counts["open"]) == (None, 5)
    assert {gap.path for row in estimands.rows for gap in row.gaps} == {"/estimands"}


# ---------------------------------------------------------------- checklists.json


def test_json_has_codes_and_both_languages() -> None:
    content = as_json(ours())
    assert json.loads(json.dumps(content, ensure_ascii=False)) == content
    spirit = content[0]
    assert list(spirit) == [
        "checklist", "name", "citation", "standing", "items", "row_count", "each", "thing", "counts", "sections", "rows",
    ]  # fmt: skip
    assert sum(spirit["counts"].values()) == spirit["row_count"] == len(spirit["rows"])
    row = next(row for row in spirit["rows"] if row["id"] == "27c")
    assert (row["status"], row["in_source"]) == ("partly", "open")
    assert row["remarks"] == [
        {
            "code": "proposed",
            "en": "Part of the answer is proposed here and not stated by the source.",
            "es": "Parte de la respuesta es una propuesta nuestra que la fuente no indica.",
        }
    ]
    assert row["answers"][0] == {
        "path": "/analysis/plans/as_registered/missing_data",
        "line": row["answers"][0]["line"],
        "status": "proposed",
        "label": {
            "en": "Analysis: Plan as registered: handling of missing data",
            "es": "Análisis: Plan según el registro: manejo de datos faltantes",
        },
    }
    label = {"en": "Telerehabilitation programme", "es": "Programa de telerrehabilitación"}
    assert content[1]["thing"] == {"id": "telerehab_programme", "label": label}
