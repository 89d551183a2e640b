"""Protocols started from registry records: they load, say what the record says, and leave the right gaps."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from registry_records import ACCEPTED, LEFT_OUT, OURS, RECORDS, changed, drafted, record_data, write_beside_the_core

from odisea.errors import ProtocolError
from odisea.protocol.compose import compose
from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol
from odisea.protocol.registry.criteria import parse_criteria
from odisea.protocol.registry.drift import drift
from odisea.protocol.registry.record import make_record, read_record
from odisea.protocol.registry.scaffold import scaffold, write_scaffold
from odisea.protocol.registry.strict_json import parse_json
from odisea.protocol.registry.timing import weeks_in, years_of
from odisea.protocol.registry.words import identifier
from odisea.protocol.schema import json_schema

# ---------------------------------------------------------------- what the record says


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_acceptable_record_gives_a_protocol_that_loads(name: str, tmp_path: Path) -> None:
    record = read_record(RECORDS / f"{name}.json")
    protocol = drafted(record, tmp_path)
    assert len(protocol.arms) >= 2
    assert len(protocol.contrasts) == len(protocol.arms) - 1


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_editor_finds_no_fault_in_a_scaffold(name: str) -> None:
    data = compose(scaffold(read_record(RECORDS / f"{name}.json")), "drafted.yaml").data
    jsonschema.validate(json.loads(json.dumps(data)), json_schema(Protocol))


def test_our_own_record_gives_a_protocol_that_loads(tmp_path: Path) -> None:
    protocol = drafted(read_record(OURS), tmp_path)
    assert protocol.trial == "nct07248813"
    assert protocol.population.planned_enrolment.value == 200
    assert (len(protocol.population.inclusion), len(protocol.population.exclusion)) == (7, 7)
    assert [arm.type.value for arm in protocol.arms] == ["EXPERIMENTAL", "ACTIVE_COMPARATOR"]
    assert protocol.arms[0].interventions == ("telerehabilitation_program", "conventional_care")
    assert protocol.blinding.masked.value == ("OUTCOMES_ASSESSOR",)


def test_gaps_are_of_the_right_kind(tmp_path: Path) -> None:
    protocol = drafted(read_record(OURS), tmp_path)
    hidden = (protocol.status.start_type, protocol.identification.official_title, protocol.outcomes["primary_outcome"].registered_measure)
    assert {fact.status for fact in hidden} == {"not_in_source"}
    no_field = (protocol.ethics.risk_class, protocol.randomisation.method, protocol.analysis.plans["as_registered"].alpha)
    assert {fact.status for fact in no_field} == {"not_stated"}
    empty = drafted(changed("cluster_rct", oversightModule=LEFT_OUT), tmp_path)
    assert empty.ethics.independent_monitoring_committee.status == "not_stated"


def test_a_text_that_is_no_criterion_is_kept(tmp_path: Path) -> None:
    assert "# The upper age limit of 60 years was established" in scaffold(read_record(OURS))
    assert "# Adults with pain." in scaffold(read_record(RECORDS / "mirror_page.json"))


def test_three_arms_get_names_and_contrasts_against_the_placebo(tmp_path: Path) -> None:
    protocol = drafted(read_record(RECORDS / "three_arm_drug.json"), tmp_path)
    assert protocol.arm_ids == ("examplin_10_mg", "examplin_20_mg", "arm_10_mg_placebo")
    assert {contrast.reference for contrast in protocol.contrasts} == {"arm_10_mg_placebo"}
    assert protocol.arms[1].interventions == ("examplin", "zinc")
    assert len(protocol.outcomes) == 24
    assert protocol.design.phase.value == "PHASE2, PHASE3"
    assert protocol.population.age_years.value is not None
    assert (protocol.population.age_years.value.min, protocol.population.age_years.value.max) == (0.5, 17)
    assert [criterion.text.en for criterion in protocol.population.inclusion] == [
        "Age 6 months to 17 years", "Weight > 5 kg and: not pregnant; QTc < 450 ms", "Signed assent",
    ]  # fmt: skip
    assert protocol.population.exclusion[1].text.en == "Use of examplin in the past 30 days"


def test_the_plan_analyses_what_it_can(tmp_path: Path) -> None:
    protocol = drafted(read_record(RECORDS / "three_arm_drug.json"), tmp_path)
    first = protocol.analysis.plans["as_registered"].analyses[0]
    assert (first.outcome, first.visit, first.method) == ("change_in_pain_score_at_week_12", "week12", "ancova")
    assert protocol.outcomes["time_to_first_relief"].kind == "time_to_event"
    assert protocol.outcomes["proportion_of_responders"].kind == "binary"


def test_a_trial_of_times_only_gets_a_placeholder_that_loads(tmp_path: Path) -> None:
    record = changed("cluster_rct", outcomesModule={"primaryOutcomes": [{"measure": "Overall survival", "timeFrame": "5 years"}]})
    assert drafted(record, tmp_path).analysis.plans["as_registered"].analyses[0].method == "logistic"


def test_one_age_limit_is_completed_and_said_to_be(tmp_path: Path) -> None:
    ages = drafted(read_record(RECORDS / "cluster_rct.json"), tmp_path).population.age_years
    assert ages.status == "derived"
    assert ages.value is not None
    assert (ages.value.min, ages.value.max) == (18, 120)


def test_odd_characters_and_labels_survive(tmp_path: Path) -> None:
    protocol = drafted(read_record(RECORDS / "spanish.json"), tmp_path)
    assert [arm.label.es for arm in protocol.arms] == ["null", "対照群", "Grupo Ñandú 🐢", "grupo nandu"]
    assert protocol.arm_ids == ("null", "arm", "grupo_nandu", "grupo_nandu_2")
    assert protocol.identification.title.es.endswith("\"sí\" o 'no' # 100 %")
    assert [criterion.text.es for criterion in protocol.population.exclusion] == ["Embarazo"]
    assert protocol.visit_ids == ("baseline", "week6", "week13", "week26")


def test_the_text_is_stable_and_tells_what_to_do() -> None:
    record = read_record(RECORDS / "cluster_rct.json")
    text = scaffold(record)
    assert text == scaffold(record)
    assert text.splitlines()[1] == "# yaml-language-server: $schema=schema/protocol.json"
    assert "Translate one of them" in text
    assert "FILL IN" in scaffold(read_record(OURS))


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"designModule__designInfo__interventionModel": "CROSSOVER"}, "interventionModel is CROSSOVER"),
        ({"designModule__designInfo__interventionModel": "SINGLE_GROUP"}, "interventionModel is SINGLE_GROUP"),
        ({"designModule__designInfo__interventionModel": "FACTORIAL"}, "interventionModel is FACTORIAL"),
        ({"designModule__studyType": "OBSERVATIONAL"}, "studyType is OBSERVATIONAL"),
        ({"designModule__studyType": "EXPANDED_ACCESS"}, "studyType is EXPANDED_ACCESS"),
        ({"armsInterventionsModule__armGroups": [{"label": "only"}]}, "it has 1 arm;"),
        ({"armsInterventionsModule": LEFT_OUT}, "it has no arms"),
    ],
)
def test_other_designs_are_refused_with_one_message(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ProtocolError, match=said) as caught:
        scaffold(changed("cluster_rct", **change))
    assert len(caught.value.problems) == 1


def test_ages_that_are_none_are_refused() -> None:
    with pytest.raises(ProtocolError, match="'a while' is no age"):
        scaffold(changed("cluster_rct", eligibilityModule__minimumAge="a while"))
    with pytest.raises(ProtocolError, match="the minimum age is above the maximum age"):
        scaffold(changed("cluster_rct", eligibilityModule__maximumAge="17 Years"))


def test_a_record_too_large_for_a_protocol_file_is_refused() -> None:
    many = {"locations": [{"facility": f"Hospital {place}", "city": "C", "country": "K"} for place in range(3000)]}
    with pytest.raises(ProtocolError, match=r"^cluster_rct\.json: its protocol file would not be readable: .* Shorten the record"):
        scaffold(changed("cluster_rct", contactsLocationsModule=many))


def test_the_command_writes_once_and_only_beside_its_dictionary(tmp_path: Path) -> None:
    target = write_beside_the_core(tmp_path, "").with_name("new.yaml")
    write_scaffold(OURS, target)
    assert load_protocol(target).trial == "nct07248813"
    with pytest.raises(ProtocolError, match="the file exists"):
        write_scaffold(OURS, target)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(ProtocolError, match=r"there is no dictionary/core\.yaml beside it"):
        write_scaffold(OURS, tmp_path / "elsewhere" / "new.yaml")
    assert not list(tmp_path.glob("**/*.partial"))


def test_nothing_is_left_behind_when_the_record_is_refused(tmp_path: Path) -> None:
    target = write_beside_the_core(tmp_path, "").with_name("new.yaml")
    for name in ("crossover", "truncated", "duplicate_keys", "empty_object"):
        with pytest.raises(ProtocolError):
            write_scaffold(RECORDS / f"{name}.json", target)
    (tmp_path / "dictionary" / "core.yaml").write_text("odisea: {kind: mapping, schema: '1'}\n", encoding="utf-8")
    with pytest.raises(ProtocolError, match=r"core\.yaml"):
        write_scaffold(OURS, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dictionary", "drafted.yaml"]


# ---------------------------------------------------------------- readers of free text


@pytest.mark.parametrize(
    ("text", "weeks"),
    [
        ("6 weeks", (6.0,)),
        ("Week 6", (6.0,)),
        ("Baseline, 6 and 12 weeks", (0.0, 6.0, 12.0)),
        ("Weeks 2, 4, 8", (2.0, 4.0, 8.0)),
        ("Week 4 through Week 24", (4.0, 24.0)),
        ("Months 3, 6 and 12", (13.0, 26.0, 52.0)),
        ("up to 2 years", (104.0,)),
        ("Day 14", (2.0,)),
        ("Screening (Day -14) to Day 28", (4.0,)),
        ("a las seis semanas y a los 3 meses", (6.0, 13.0)),
        ("six-week visit", (6.0,)),
        ("30 minutes after 2 doses", ()),
        ("through study completion, an average of 1 year", (52.0,)),
        ("10 points", ()),
        ("", ()),
    ],
)
def test_weeks_are_read_from_time_frames(text: str, weeks: tuple[float, ...]) -> None:
    assert weeks_in(text) == weeks


@pytest.mark.parametrize(
    ("text", "years"),
    [("18 Years", 18), ("1 Year", 1), ("6 Months", 0.5), ("2 weeks", 0.0383), ("18", None), ("N/A", None), ("adult", None)],
)
def test_ages_are_read(text: str, years: float | None) -> None:
    assert years_of(text) == years


@pytest.mark.parametrize(
    ("block", "inclusion", "exclusion", "rest"),
    [
        ("Inclusion Criteria:\n\n* A\n* B\n\nExclusion Criteria:\n\n* C", ("A", "B"), ("C",), ()),
        ("INCLUSION CRITERIA\n1. A\n2) B\nEXCLUSION CRITERIA\na. C", ("A", "B"), ("C",), ()),
        ("Inclusion:\nA\nB\nExclusion:\nC", ("A", "B"), ("C",), ()),
        ("Criterios de inclusión:\n• A\n• B\nCriterios de exclusión:\n- C", ("A", "B"), ("C",), ()),
        ("Criterios de exclusión:\n- C\nCriterios de inclusión:\n- A", ("A",), ("C",), ()),
        ("Intro.\nInclusion Criteria:\n\n* A\n  of two lines\n\nLast words.", ("A of two lines",), (), ("Intro.", "Last words.")),
        ("Inclusion Criteria: age over 18\nExclusion Criteria: none", ("age over 18",), ("none",), ()),
        (
            "Inclusion Criteria for Part 1:\n* A\nInclusion Criteria for Part 2:\n* B",
            ("A", "B"),
            (),
            ("Inclusion Criteria for Part 1", "Inclusion Criteria for Part 2"),
        ),
        (
            "Inclusion Criteria:\n* A\n* Exclusion criteria met before\nCriterios de no inclusión:\n* C",
            ("A", "Exclusion criteria met before"),
            ("C",),
            (),
        ),
        ("Inclusion Criteria:\n\n* A:\n\n  * one\n  * two\n* B", ("A: one; two", "B"), (), ()),
        ("Inclusion Criteria:\n* A\nWithdrawal criteria:\n* W", ("A",), (), ("Withdrawal criteria:", "W")),
        ("All adults\n* with pain", (), (), ("All adults", "with pain")),
        ("", (), (), ()),
    ],
)
def test_criteria_are_read_and_nothing_is_dropped(
    block: str, inclusion: tuple[str, ...], exclusion: tuple[str, ...], rest: tuple[str, ...]
) -> None:
    assert parse_criteria(block) == (inclusion, exclusion, rest)


LINE_STARTS = ("", "* ", "  - ", "    ", "1. ", "• ", "(a) ", "Inclusion Criteria: ", "Note: ", "Exclusion of ")
HEADINGS = ("Inclusion Criteria:", "Exclusion criteria", "Criterios de inclusión:", "## Key Exclusion Criteria:", "* Inclusion Criteria:")


@given(st.lists(st.sampled_from((*LINE_STARTS, *HEADINGS)), max_size=15))
@settings(max_examples=200, deadline=None)
def test_no_line_of_an_eligibility_text_is_lost_or_doubled(starts: list[str]) -> None:
    lines = [start if start in HEADINGS else f"{start}word{place}x" for place, start in enumerate(starts)]
    found = parse_criteria("\n".join(lines))
    kept = " ".join((*found.inclusion, *found.exclusion, *found.rest))
    for place, start in enumerate(starts):
        assert kept.count(f"word{place}x") == (start not in HEADINGS)


def test_names_are_made_of_any_label() -> None:
    assert identifier("Atención habitual (60 min)", "arm") == "atencion_habitual_60_min"
    assert identifier("対照群", "arm", ["arm"]) == "arm_2"
    assert identifier("20 mg", "arm") == "arm_20_mg"
    assert len(identifier("word " * 100, "arm")) <= 40


# ---------------------------------------------------------------- any record

TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "not_stated",
            "null",
            "18 Years",
            "6 Months",
            "Week 6",
            "2024-01",
            "# x: {y",
            "- a\n- b",
            "\u2028\ud800\x00",
            "yes",
            "1:1",
            "'\"\\",
        ]
    ),
)
MAYBE_TEXT = st.one_of(TEXTS, st.none(), st.integers(-5, 500), st.booleans())
CODES = st.sampled_from(["EXPERIMENTAL", "PLACEBO_COMPARATOR", "ACTUAL", "RANDOMIZED", "NONE", "INDIV", "DRUG", "ALL"])


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def lists(entry: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(entry, min_size=least, max_size=4)


OUTCOMES = lists(objects(measure=TEXTS, timeFrame=TEXTS, description=TEXTS))
SECTION = objects(
    identificationModule=objects(nctId=TEXTS, briefTitle=TEXTS, officialTitle=MAYBE_TEXT, orgStudyIdInfo=objects(id=TEXTS)),
    statusModule=objects(overallStatus=TEXTS, startDateStruct=objects(date=TEXTS, type=st.just("ACTUAL")), lastUpdateSubmitDate=TEXTS),
    sponsorCollaboratorsModule=objects(leadSponsor=objects(**{"name": TEXTS, "class": CODES}), collaborators=lists(objects(name=TEXTS))),
    conditionsModule=objects(conditions=lists(TEXTS)),
    designModule=objects(
        phases=lists(TEXTS),
        enrollmentInfo=objects(count=st.integers(0, 10**6)),
        designInfo=objects(allocation=CODES, interventionModel=st.just("PARALLEL"), maskingInfo=objects(maskingDescription=TEXTS)),
    ),
    outcomesModule=objects(primaryOutcomes=OUTCOMES, secondaryOutcomes=OUTCOMES, otherOutcomes=OUTCOMES),
    eligibilityModule=objects(eligibilityCriteria=TEXTS, minimumAge=st.sampled_from(["18 Years", "N/A", "1 Day", ""]), sex=st.just("ALL")),
    contactsLocationsModule=objects(locations=lists(objects(facility=TEXTS, city=TEXTS, status=TEXTS))),
    referencesModule=objects(references=lists(objects(pmid=TEXTS, citation=TEXTS, type=TEXTS))),
    ipdSharingStatementModule=objects(ipdSharing=TEXTS, infoTypes=lists(TEXTS)),
)
ARMS = objects(
    interventions=lists(objects(name=TEXTS, type=CODES, armGroupLabels=lists(TEXTS))),
).flatmap(
    lambda module: lists(
        objects(label=TEXTS, type=st.sampled_from(["EXPERIMENTAL", "OTHER"]), interventionNames=lists(TEXTS)), least=1
    ).map(lambda groups: {**module, "armGroups": groups})
)


@given(
    section=SECTION, arms=ARMS, hidden=lists(st.sampled_from(["protocolSection.outcomesModule", "protocolSection.eligibilityModule", ""]))
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example(section={}, arms={"armGroups": [{}, {}]}, hidden=[])
def test_any_record_gives_a_protocol_that_agrees_with_it_or_a_clear_refusal(
    section: dict[str, Any], arms: dict[str, Any], hidden: list[str], tmp_path: Path
) -> None:
    agrees_or_is_refused({"protocolSection": {**section, "armsInterventionsModule": arms}, "odisea": {"not_in_source": hidden}}, tmp_path)


@given(
    name=st.sampled_from(ACCEPTED),
    damages=st.lists(st.tuples(st.integers(0, 10**4), st.one_of(MAYBE_TEXT, lists(MAYBE_TEXT))), max_size=4),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_record_gives_a_protocol_that_agrees_with_it_or_a_clear_refusal(
    name: str, damages: list[tuple[int, Any]], tmp_path: Path
) -> None:
    data = record_data(name)
    for number, value in damages:
        places = list(leaves(data["protocolSection"]))
        parent, key = places[number % len(places)]
        parent[key] = value
    agrees_or_is_refused(data, tmp_path)


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of plain data as the object or list that holds it, and its key there."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()):
        yield value, key
        yield from leaves(inner)


def agrees_or_is_refused(data: dict[str, Any], folder: Path) -> None:
    try:
        record = make_record(parse_json(json.dumps(data), "r.json"), "r.json")
        text = scaffold(record)
    except ProtocolError as error:
        refused = [str(problem) for problem in error.problems]
    else:
        refused = []
        protocol = load_protocol(write_beside_the_core(folder, text))
        assert {difference.klass for difference in drift(protocol, record)} <= {"equal", "equivalent", "not_comparable"}
    assert all(line.startswith("r.json") and "\n" not in line for line in refused)
