"""A protocol held against its registry record: nothing where they agree, the right class where they do not."""

import json
from pathlib import Path
from typing import Any

import pytest
from registry_records import ACCEPTED, LEFT_OUT, OURS, RECORDS, ROOT, changed, drafted

from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol
from odisea.protocol.registry.drift import Difference, as_json, drift
from odisea.protocol.registry.record import read_record
from odisea.protocol.registry.words import token_set_ratio

AGREE = {"equal", "equivalent", "not_comparable"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Protocol:
    return drafted(read_record(RECORDS / "cluster_rct.json"), tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def ours() -> tuple[Difference, ...]:
    return drift(load_protocol(ROOT / "protocol" / "nct07248813.yaml"), read_record(OURS))


def disagreeing(differences: tuple[Difference, ...]) -> list[tuple[str, str]]:
    return [(each.pointer, each.klass) for each in differences if each.klass not in AGREE]


def one(differences: tuple[Difference, ...], pointer: str) -> Difference:
    (found,) = [each for each in differences if each.pointer == pointer]
    return found


# ---------------------------------------------------------------- where they agree


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_scaffold_agrees_with_its_own_record(name: str, tmp_path: Path) -> None:
    record = read_record(RECORDS / f"{name}.json")
    assert disagreeing(drift(drafted(record, tmp_path), record)) == []


def test_the_scaffold_of_our_record_agrees_with_it(tmp_path: Path) -> None:
    record = read_record(OURS)
    assert disagreeing(drift(drafted(record, tmp_path), record)) == []


def test_our_protocol_says_what_its_record_says(ours: tuple[Difference, ...]) -> None:
    assert disagreeing(ours) == []


def test_our_critical_fields_are_equal_or_hidden(ours: tuple[Difference, ...]) -> None:
    critical = {each.pointer: each.klass for each in ours if each.critical and "outcomes" not in each.pointer}
    assert critical == dict.fromkeys(
        (
            "/design/allocation", "/blinding/level", "/blinding/masked", "/population/planned_enrolment", "/population/sex",
            "/population/age_years/min", "/population/age_years/max", "/arms",
        ),
        "equal",
    )  # fmt: skip
    assert {each.klass for each in ours if each.critical and "outcomes" in each.pointer} == {"not_comparable"}


def test_our_criteria_agree_in_number_and_in_the_numbers_inside(ours: tuple[Difference, ...]) -> None:
    assert (one(ours, "/population/inclusion").ours, one(ours, "/population/inclusion").theirs) == ("7", "7")
    texts = [each for each in ours if each.pointer.endswith("/text")]
    assert len(texts) == 14
    assert {each.klass for each in texts} <= {"equivalent", "not_comparable"}


def test_a_field_that_our_copy_does_not_show_is_never_a_difference(ours: tuple[Difference, ...]) -> None:
    record = read_record(OURS)
    hidden = [each for each in ours if not record.shows(each.path)]
    assert len(hidden) > 15
    assert {each.klass for each in hidden} == {"not_comparable"}
    assert one(ours, "/ethics/independent_monitoring_committee").ours == "false"


# ---------------------------------------------------------------- where they do not


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"designModule__enrollmentInfo__count": 1241}, [("/population/planned_enrolment", "drift", True)]),
        ({"designModule__enrollmentInfo__count": LEFT_OUT}, [("/population/planned_enrolment", "ours_only", True)]),
        ({"designModule__designInfo__allocation": "NON_RANDOMIZED"}, [("/design/allocation", "drift", True)]),
        (
            {"designModule__designInfo__maskingInfo": {"masking": "SINGLE", "whoMasked": ["INVESTIGATOR"]}},
            [("/blinding/level", "drift", True), ("/blinding/masked", "registry_only", True)],
        ),
        ({"eligibilityModule__sex": "FEMALE"}, [("/population/sex", "drift", True)]),
        ({"eligibilityModule__minimumAge": "21 Years"}, [("/population/age_years/min", "drift", True)]),
        ({"eligibilityModule__minimumAge": LEFT_OUT}, [("/population/age_years/min", "ours_only", True)]),
        ({"eligibilityModule__maximumAge": "60 Years"}, [("/population/age_years/max", "drift", True)]),
        ({"statusModule__startDateStruct__date": "2022-02"}, [("/status/start", "drift", False)]),
        ({"statusModule__overallStatus": "TERMINATED"}, [("/status/overall", "drift", False)]),
        ({"identificationModule__acronym": "NEW"}, [("/identification/acronym", "registry_only", False)]),
        ({"identificationModule__briefTitle": "Another Title"}, [("/identification/brief_title", "drift", False)]),
        ({"oversightModule__oversightHasDmc": False}, [("/ethics/independent_monitoring_committee", "drift", False)]),
        ({"sponsorCollaboratorsModule__collaborators": [{"name": "B"}]}, [("/sponsors/collaborators", "registry_only", False)]),
        (
            {"outcomesModule__primaryOutcomes__0__measure": "Roland score"},
            [("/outcomes/roland_morris_score/registered_measure", "drift", True)],
        ),
        (
            {"outcomesModule__primaryOutcomes__0__timeFrame": "Baseline, 6 and 13 weeks"},
            [("/outcomes/roland_morris_score/registered_time_frame", "drift", True)],
        ),
        ({"armsInterventionsModule__armGroups__1__type": "SHAM_COMPARATOR"}, [("/arms/1/type", "drift", False)]),
        ({"armsInterventionsModule__interventions__1__type": "DRUG"}, [("/interventions/leaflet_short_form/type", "drift", False)]),
        ({"contactsLocationsModule__locations__0__city": "Puebla"}, [("/sites/0/city", "drift", False)]),
        ({"ipdSharingStatementModule__infoTypes": ["SAP"]}, [("/data_sharing/protocol_access", "ours_only", False)]),
        ({"referencesModule__references__0__type": "RESULT"}, [("/references/0/role", "drift", False)]),
    ],
)
def test_one_change_of_the_record_is_one_difference(
    cluster: Protocol, change: dict[str, Any], expected: list[tuple[str, str, bool]]
) -> None:
    found = [each for each in drift(cluster, changed("cluster_rct", **change)) if each.klass not in AGREE]
    assert [(each.pointer, each.klass, each.critical) for each in found] == expected


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"statusModule__startDateStruct__date": "2022-01-15"}, "/status/start"),
        ({"identificationModule__briefTitle": "Stepped  advice in village clinics."}, "/identification/brief_title"),
        ({"designModule__designInfo__allocation": "Randomised"}, "/design/allocation"),
        ({"eligibilityModule__minimumAge": "216 Months"}, "/population/age_years/min"),
        ({"eligibilityModule__maximumAge": "N/A"}, "/population/age_years/max"),
        ({"outcomesModule__secondaryOutcomes__0__timeFrame": "Up to month 12"}, "/outcomes/days_off_work/registered_time_frame"),
        ({"conditionsModule__conditions": ["low back pain"]}, "/identification/conditions"),
    ],
)
def test_another_wording_of_the_same_is_equivalent(cluster: Protocol, change: dict[str, Any], pointer: str) -> None:
    differences = drift(cluster, changed("cluster_rct", **change))
    assert disagreeing(differences) == []
    assert one(differences, pointer).klass == "equivalent"


def test_likeness_alone_makes_nothing_equal(cluster: Protocol) -> None:
    found = one(
        drift(cluster, changed("cluster_rct", identificationModule__briefTitle="Clinics in Village Advice Stepped")),
        "/identification/brief_title",
    )
    assert (found.klass, found.similarity) == ("drift", 1.0)


def test_another_order_of_the_lists_is_no_difference(cluster: Protocol) -> None:
    module = read_record(RECORDS / "cluster_rct.json").get("protocolSection.armsInterventionsModule")
    turned = {"armGroups": module["armGroups"][::-1], "interventions": module["interventions"][::-1]}
    assert disagreeing(drift(cluster, changed("cluster_rct", armsInterventionsModule=turned))) == []


def test_a_third_arm_is_critical_and_named(cluster: Protocol) -> None:
    groups = read_record(RECORDS / "cluster_rct.json").get("protocolSection.armsInterventionsModule.armGroups")
    found = [
        each
        for each in drift(cluster, changed("cluster_rct", armsInterventionsModule__armGroups=[*groups, {"label": "Massage"}]))
        if each.klass not in AGREE
    ]
    assert [(each.pointer, each.klass, each.theirs) for each in found] == [("/arms", "drift", "3"), ("/arms", "registry_only", "Massage")]
    assert found[0].critical


def test_criteria_are_held_against_each_other_by_count_and_numbers(cluster: Protocol) -> None:
    inclusion = "Inclusion Criteria:\n* At least 18 years\n* Pain for 3 months, 1 or 2 episodes"
    block = f"{inclusion}\nExclusion Criteria:\n* Fracture\n* Surgery in the last 6 months"
    found = drift(cluster, changed("cluster_rct", eligibilityModule__eligibilityCriteria=block))
    assert disagreeing(found) == [("/population/inclusion/1/text", "drift"), ("/population/exclusion/1/text", "drift")]
    assert one(found, "/population/inclusion/0/text").klass == "not_comparable"
    fewer = drift(cluster, changed("cluster_rct", eligibilityModule__eligibilityCriteria="Inclusion Criteria:\n* Age 18 years or older"))
    assert disagreeing(fewer) == [("/population/inclusion", "drift"), ("/population/exclusion", "ours_only")]


def test_a_primary_outcome_that_became_secondary_is_critical(cluster: Protocol) -> None:
    outcomes = read_record(RECORDS / "cluster_rct.json").get("protocolSection.outcomesModule")
    moved = {"primaryOutcomes": outcomes["secondaryOutcomes"], "secondaryOutcomes": outcomes["primaryOutcomes"]}
    found = drift(cluster, changed("cluster_rct", outcomesModule=moved))
    assert any(each.critical and each.klass in ("drift", "ours_only") for each in found)


def test_a_registered_outcome_that_we_do_not_have_is_registry_only(tmp_path: Path) -> None:
    without = drafted(changed("cluster_rct", outcomesModule=LEFT_OUT), tmp_path)
    found = [each for each in drift(without, read_record(RECORDS / "cluster_rct.json")) if each.klass not in AGREE]
    assert ("/outcomes", "registry_only", "Roland-Morris score", True) in [
        (each.pointer, each.klass, each.theirs, each.critical) for each in found
    ]


# ---------------------------------------------------------------- form


def test_differences_are_plain_json(ours: tuple[Difference, ...]) -> None:
    rows = as_json(ours)
    assert json.loads(json.dumps(rows)) == rows
    assert set(rows[0]) == {"pointer", "path", "ours", "theirs", "class", "similarity", "critical"}


def test_no_value_of_a_row_spans_lines(ours: tuple[Difference, ...]) -> None:
    assert not [each for each in ours if "\n" in f"{each.ours}{each.theirs}"]


@pytest.mark.parametrize(
    ("one_text", "other", "low", "high"),
    [
        ("pain at baseline", "Baseline pain, at", 1, 1),
        ("pain", "pain and disability", 1, 1),
        ("pain", "cost", 0, 0.5),
        ("", "", 1, 1),
        ("word " * 3000, "word other " * 3000, 1, 1),
        (" ".join(map(str, range(3000))), " ".join(map(str, range(1500, 4500))), 0.6, 0.7),
    ],
)
def test_likeness_goes_from_nothing_to_one(one_text: str, other: str, low: float, high: float) -> None:
    assert low <= token_set_ratio(one_text, other) <= high
    assert token_set_ratio(one_text, other) == token_set_ratio(other, one_text)
