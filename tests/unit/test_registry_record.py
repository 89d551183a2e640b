"""Registry records: what is refused and how it is said, what a field's absence means, and that no person comes in."""

import json
from pathlib import Path
from typing import Any

import pytest
from registry_records import ACCEPTED, OURS, RECORDS, drafted, record_data

from odisea.errors import ProtocolError
from odisea.protocol.registry.drift import as_json, drift
from odisea.protocol.registry.record import ABSENT, make_record, read_record
from odisea.protocol.registry.scaffold import scaffold

SMALL: dict[str, Any] = {"protocolSection": {"identificationModule": {"nctId": "NCT90000009"}}}


def refusal(folder: Path, content: str | bytes) -> list[str]:
    """The messages of a file's refusal, without the folder."""
    path = folder / "record.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ProtocolError) as caught:
        read_record(path)
    return [str(problem).replace(str(folder), "").lstrip("/") for problem in caught.value.problems]


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_acceptable_record_is_read(name: str) -> None:
    assert read_record(RECORDS / f"{name}.json").get("protocolSection") is not ABSENT


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ("{}", "the file holds no fields"),
        ("[]", "the file holds a list of 0"),
        ("3", "the file holds a single value"),
        ('{"studies": [{"protocolSection": {}}], "nextPageToken": "x"}', "the result of a search"),
        ('{"FullStudiesResponse": {"FullStudies": []}}', "a record of the old API v1"),
        ('{"Study": {"ProtocolSection": {}}}', "a record of the old API v1"),
        ('{"hasResults": false}', "no protocolSection"),
        ('{"protocolSection": "text"}', "no protocolSection"),
        ('{"protocolSection": {"designModule": {"enrollmentInfo": {"count": NaN}}}}', "enrollmentInfo.count: NaN is no number"),
        ('{"protocolSection": {"x": [1e999]}}', "record.json#protocolSection.x[0]: 1e999 is no number"),
        (f'{{"protocolSection": {{"x": {"9" * 5000}}}}}', "is no number"),
        ("[" * 100_000, "nested deeper than 40"),
        ('{"a": {"b": ' * 60, "nested deeper than 40"),
        ('{"protocolSection": {"identificationModule": {"nctId": "NCT9', "record.json:1:56: the file ends in the middle"),
        ('{"protocolSection": {}', "the file ends in the middle"),
        ("{'protocolSection': {}}", "record.json:1:2: this is not valid JSON"),
        ('{"protocolSection": {"x": "' + "a" * 32_001 + '"}}', "a text of 32001 characters"),
        (b'{"protocolSection": {"x": "\xff"}}', "byte 28 is not UTF-8"),
        ('"' + '\\"' * 200_000, "the file ends in the middle"),
    ],
)
def test_what_is_no_record_gets_one_clear_message(tmp_path: Path, content: str | bytes, said: str) -> None:
    lines = refusal(tmp_path, content)
    assert len(lines) == 1
    assert said in lines[0]
    assert "\n" not in lines[0]
    assert len(lines[0]) < 300


def test_every_repeated_key_is_named_at_its_path() -> None:
    with pytest.raises(ProtocolError) as caught:
        read_record(RECORDS / "duplicate_keys.json")
    where = [problem.where.rpartition("#")[2] for problem in caught.value.problems]
    assert where == ["protocolSection.designModule.enrollmentInfo.count", "protocolSection.identificationModule.nctId"]


def test_fields_of_another_kind_are_all_named(tmp_path: Path) -> None:
    section = {
        "identificationModule": [],
        "designModule": {"enrollmentInfo": {"count": "200"}, "designInfo": {"maskingInfo": {"masking": "SOME", "whoMasked": "X"}}},
        "armsInterventionsModule": {"armGroups": [{"label": 3}, None, "arm"]},
        "eligibilityModule": {"healthyVolunteers": "No", "sex": "Both", "minimumAge": None},
    }
    lines = refusal(tmp_path, json.dumps({"protocolSection": section}))
    paths = {line.split(": ")[0].replace("record.json#protocolSection.", "") for line in lines}
    assert paths == {
        "identificationModule", "designModule.enrollmentInfo.count", "designModule.designInfo.maskingInfo.masking",
        "designModule.designInfo.maskingInfo.whoMasked", "armsInterventionsModule.armGroups[0].label",
        "armsInterventionsModule.armGroups[1]", "armsInterventionsModule.armGroups[2]", "eligibilityModule.healthyVolunteers",
        "eligibilityModule.sex",
    }  # fmt: skip
    assert any("'SOME' stands here; the registry gives one of NONE, SINGLE" in line for line in lines)


@pytest.mark.parametrize("count", [-1, True, 2.5, 10**10])
def test_an_enrolment_is_a_count(tmp_path: Path, count: Any) -> None:
    content = json.dumps({"protocolSection": {"designModule": {"enrollmentInfo": {"count": count}}}})
    assert "a whole number of 0 or more" in refusal(tmp_path, content)[0]


def test_a_missing_a_large_and_an_irregular_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="the file does not exist"):
        read_record(tmp_path / "nowhere.json")
    with pytest.raises(ProtocolError, match="not a regular file"):
        read_record(tmp_path)
    large = tmp_path / "large.json"
    large.write_text(json.dumps(SMALL) + " " * (5 * 2**20), encoding="utf-8")
    with pytest.raises(ProtocolError, match="larger than 5 MiB"):
        read_record(large)


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(SMALL).encode())
    assert read_record(path).get("protocolSection.identificationModule.nctId") == "NCT90000009"


def test_hidden_characters_are_taken_out_of_texts() -> None:
    title = read_record(RECORDS / "spanish.json").get("protocolSection.identificationModule.briefTitle")
    assert "dolor lumbar:\xa0¿ayuda?" in title
    assert "\u200b" not in title


def test_a_path_gives_its_value_or_absent() -> None:
    record = read_record(RECORDS / "cluster_rct.json")
    assert record.get("protocolSection.designModule.enrollmentInfo.count") == 1240
    assert record.get("protocolSection.armsInterventionsModule.armGroups[1].label") == "Leaflet"
    assert record.get("hasResults") is False
    for path in ("protocolSection.nowhere", "protocolSection.armsInterventionsModule.armGroups[7]", "hasResults.x", "derivedSection"):
        assert record.get(path) is ABSENT


def test_blank_values_count_as_empty() -> None:
    record = make_record({"protocolSection": {"a": " ", "b": [], "c": {}, "d": None, "e": "not_stated", "f": False, "g": 0}}, "r")
    assert [record.stated(f"protocolSection.{key}") for key in "abcdefg"] == [ABSENT] * 5 + [False, 0]


def test_a_record_says_what_its_source_does_not_show() -> None:
    ours = read_record(OURS)
    assert not ours.shows("protocolSection.outcomesModule")
    assert not ours.shows("protocolSection.outcomesModule.primaryOutcomes[0].measure")
    assert not ours.shows("protocolSection.statusModule.startDateStruct.type")
    assert ours.shows("protocolSection.statusModule.startDateStruct.date")
    assert ours.shows("protocolSection.statusModule")
    assert not ours.shows("protocolSection.contactsLocationsModule.locations[0].zip")


def test_a_genuine_download_shows_everything() -> None:
    record = read_record(RECORDS / "three_arm_drug.json")
    assert record.not_in_source == ()
    assert record.shows("protocolSection.outcomesModule")


def test_results_documents_and_derived_fields_stay_out() -> None:
    assert set(read_record(RECORDS / "contacts.json").data) == {"protocolSection", "hasResults"}


# ---------------------------------------------------------------- persons


def personal_texts(value: Any, personal: bool = False) -> set[str]:
    """Every text of the contacts record that stands under a key of persons; names there all hold Zoltan."""
    if isinstance(value, dict):
        keys = {"centralContacts", "overallOfficials", "contacts", "pointOfContact", "geoPoint", "coordinators"}
        return {
            text
            for key, inner in value.items()
            for text in personal_texts(inner, personal or key in keys or key.startswith("investigator"))
        }
    if isinstance(value, list):
        return {text for inner in value for text in personal_texts(inner, personal)}
    return {str(value)} if personal else set()


def test_no_person_survives_anywhere(tmp_path: Path) -> None:
    raw = record_data("contacts")
    record = read_record(RECORDS / "contacts.json")
    protocol = drafted(record, tmp_path)
    told = [
        json.dumps(record.data, ensure_ascii=False),
        repr(record),
        scaffold(record),
        json.dumps(as_json(drift(protocol, record)), ensure_ascii=False),
        protocol.model_dump_json(),
    ]
    searched = personal_texts(raw) - {"CONTACT", "PRINCIPAL_INVESTIGATOR"}
    assert len(searched) > 15
    searched |= {"Zoltan", "zoltan", "mail.example", "clinic.example", "0100 2233", "010 9988"}
    assert not [text for text in searched for place in told if text in place]


def test_the_sentence_around_an_address_stays() -> None:
    record = read_record(RECORDS / "contacts.json")
    text = record.get("protocolSection.eligibilityModule.eligibilityCriteria")
    assert "Adults; write to [e-mail not imported] or call [telephone number not imported]" in text


def test_organisations_keep_their_names_and_numbers_that_are_no_telephones_stay() -> None:
    record = read_record(RECORDS / "contacts.json")
    assert record.get("protocolSection.sponsorCollaboratorsModule.collaborators[1].name") == "An Honest Institute"
    text = "CD4+ 200-500; tel. 12; +5 (2) points; NCT90000005; 2024-01-10 to 2025-01-10"
    assert make_record({"protocolSection": {"x": text}}, "r").get("protocolSection.x") == text


def test_our_trial_s_record_names_no_person() -> None:
    text = OURS.read_text(encoding="utf-8").casefold()
    assert not [
        word for word in ("ordoñez", "mejía", "almazán", "sánchez", "@", 'phone"', 'overallofficials":', 'geopoint":') if word in text
    ]
