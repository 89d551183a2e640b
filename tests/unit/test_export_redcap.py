"""The REDCap data dictionary: its form, and that its fields and the contract's columns are the same things."""

import csv
import io
import os
import re
from pathlib import Path

import pytest
from small_protocol import write_small_protocol

from odisea.errors import ProtocolError
from odisea.protocol.exports.redcap import HEADER, redcap_layout, redcap_rows, redcap_setup_text, redcap_sources, redcap_text
from odisea.protocol.exports.redcap_layout import RECORD, Layout
from odisea.protocol.exports.write import write_redcap
from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("ODISEA_SHARED", ROOT.parent / "shared")) / "realdata" / "formats_redcap"
NAME, FORM, SECTION, TYPE, LABEL, CHOICES, NOTE, VALIDATION, LOW, HIGH, IDENTIFIER, BRANCHING, REQUIRED, *_, ANNOTATION = HEADER
Row = dict[str, str]

# Columns of the same name, a name that REDCap keeps for itself, names it does not allow, a long one, a file in a folder.
AWKWARD = """\
  items_of/visits.csv:
    description: {en: More, es: Más}
    key: [participant_id, visit, "Nº 1"]
    columns:
      participant_id: {type: id, description: Participant}
      visit: {type: cat, codes_from: visits, description: Visit}
      "Nº 1": {type: int, description: Number}
      record_id: {type: text, description: Free text}
      reason: {type: cat, codes_from: missing_reasons, description: Reason}
      items_complete: {type: bool, description: Complete}
      visits_reason: {type: text, pattern: "[a-z]", description: "Another | one"}
      redcap_event_name: {type: datetime, description: When}
      AGE_years: {type: num, range: [-1.5, 1.0e+6], missing_reason_column: reason, description: Age again}
      a_name_that_is_much_longer_than_redcap_advises: {type: date, filled: true, description: Long}
  secret.csv:
    description: Hidden
    key: [participant_id]
    restricted: true
    columns:
      participant_id: {type: id, description: Participant}
      arm: {type: cat, codes_from: arms, description: Arm}
  log.csv:
    description: Log
    key: []
    columns:
      ts: {type: datetime, description: Time}
"""


@pytest.fixture(params=["ours", "ashar", "small", "awkward"])
def protocol(request: pytest.FixtureRequest, tmp_path: Path) -> Protocol:
    """Every protocol of the repository, the small one, and one whose columns are hard to name."""
    paths = {"ours": ROOT / "protocol" / "nct07248813.yaml", "ashar": ROOT / "protocol" / "examples" / "ashar_prt" / "protocol.yaml"}
    if request.param in paths:
        return load_protocol(paths[request.param])
    items = "  items.csv:\n"
    changes = {"own.yaml": (items, AWKWARD + items)} if request.param == "awkward" else None
    return load_protocol(write_small_protocol(tmp_path, changes))


@pytest.fixture
def awkward(tmp_path: Path) -> Protocol:
    return load_protocol(write_small_protocol(tmp_path, {"own.yaml": ("  items.csv:\n", AWKWARD + "  items.csv:\n")}))


@pytest.fixture(scope="module")
def ours() -> Protocol:
    return load_protocol(ROOT / "protocol" / "nct07248813.yaml")


def by_name(protocol: Protocol, language: str = "es") -> dict[str, Row]:
    return {row[NAME]: row for row in redcap_rows(protocol, language)}


def cells(protocol: Protocol) -> list[tuple[str, str]]:
    return [(file, column) for file, spec in protocol.dictionary.files.items() for column in spec.columns]


def choices(row: Row) -> dict[str, str]:
    """Codes and labels, split at the first comma as REDCap's clients do."""
    pairs = (part.strip().split(",", 1) for part in row[CHOICES].split("|"))
    return {code.strip(): label.strip() for code, label in pairs}


# ---------------------------------------------------------------- fields and columns are the same things


def accounted(layout: Layout) -> list[tuple[str, str]]:
    return [*((field.file, field.column) for field in layout.fields), *layout.record, *layout.event]


def test_every_column_of_the_contract_is_one_field_or_structure_or_has_a_reason(protocol: Protocol) -> None:
    layout = redcap_layout(protocol)
    left_out = [(file, column) for file, column in cells(protocol) if file in layout.not_typed]
    found = accounted(layout) + left_out
    assert len(found) == len(set(found))
    assert set(found) == set(cells(protocol))


def test_fields_and_columns_are_a_bijection(protocol: Protocol) -> None:
    back = redcap_sources(protocol)
    there = {cell: name for name, cell in back.items()}
    assert len(there) == len(back) == len(redcap_layout(protocol).fields)
    assert [row[NAME] for row in redcap_rows(protocol)] == [RECORD, *back]


def test_the_dictionary_alone_leads_back_to_the_contract(protocol: Protocol) -> None:
    rows = redcap_rows(protocol)
    read = {row[NAME]: tuple(row[ANNOTATION].split(":", 1)) for row in rows[1:]}
    assert read == redcap_sources(protocol)
    assert [tuple(each.split(":", 1)) for each in rows[0][ANNOTATION].split()] == list(redcap_layout(protocol).record)


def test_names_are_allowed_and_unique(protocol: Protocol) -> None:
    layout = redcap_layout(protocol)
    names = [RECORD, *(field.name for field in layout.fields)]
    assert len(set(names)) == len(names)
    for name in [*names, *(form.name for form in layout.forms)]:
        assert re.fullmatch(r"[a-z](?:_?[a-z0-9])*", name), name
        assert len(name) <= 100
    assert not {name for name in names if name.startswith("redcap_")}
    assert not set(names) & {f"{form.name}_complete" for form in layout.forms}


def test_names_of_our_trial_keep_to_the_advised_length(ours: Protocol) -> None:
    assert max(len(field.name) for field in redcap_layout(ours).fields) <= 26


def test_a_column_keeps_its_name_unless_another_form_has_it(ours: Protocol) -> None:
    names = {(field.file, field.column): field.name for field in redcap_layout(ours).fields}
    assert names["participants.csv", "age_years"] == "age_years"
    assert names["disposition.csv", "date"] == "disposition_date"
    assert names["sessions_calendar.csv", "date"] == "sessions_calendar_date"
    assert names["screening.csv", "outcome"] == "screening_outcome"


def test_awkward_names_are_made_to_fit(awkward: Protocol) -> None:
    names = {
        column: field.name for field in redcap_layout(awkward).fields for column in [field.column] if field.file.startswith("items_of")
    }
    assert names["Nº 1"] == "n_1"
    assert names["record_id"] == "items_of_visits_record_id"
    assert names["items_complete"] == "items_complete_2"  # REDCap's own column of the form `items` has that name
    assert names["reason"] == "items_of_visits_reason"
    assert names["AGE_years"] == "items_of_visits_age_years"
    assert names["a_name_that_is_much_longer_than_redcap_advises"] == "a_name_that_is_much_longer_than_redcap_advises"


# ---------------------------------------------------------------- forms


def test_one_form_for_each_file_that_people_type(ours: Protocol) -> None:
    layout = redcap_layout(ours)
    without = {"restricted/allocation.csv", "restricted/crosswalk.csv", "moodle_events.csv"}
    assert {form.file for form in layout.forms} == set(ours.dictionary.files) - without
    assert set(layout.not_typed) == without


def test_the_allocation_is_not_in_the_ecrf(protocol: Protocol) -> None:
    text = redcap_text(protocol) + redcap_setup_text(protocol)
    restricted = [file for file, spec in protocol.dictionary.files.items() if spec.restricted]
    assert restricted or protocol.trial == "small"
    for file in restricted:
        assert file not in text
    hidden = {(file, column) for file in restricted for column in protocol.dictionary.files[file].columns}
    assert not hidden & set(redcap_sources(protocol).values())


def test_forms_say_where_they_belong(ours: Protocol) -> None:
    forms = {form.name: form for form in redcap_layout(ours).forms}
    assert (forms["participants"].events, forms["participants"].repeating) == (("baseline",), False)
    assert (forms["odi"].events, forms["odi"].repeating) == (("baseline", "week6"), False)
    assert (forms["outcomes"].events, forms["outcomes"].repeating) == (("baseline", "week6"), True)
    assert (forms["disposition"].repeating, forms["diary"].arms) == (True, ("tele",))
    assert [name for name, form in forms.items() if not form.of_participant] == ["screening", "sessions_calendar"]
    table = list(csv.DictReader(io.StringIO(redcap_setup_text(ours, "en"))))
    assert [row["form"] for row in table] == list(forms)
    outcomes = next(row for row in table if row["form"] == "outcomes")
    assert outcomes | {"description": ""} == {
        "form": "outcomes", "file": "outcomes.csv", "record": "participant", "events": "baseline week6", "repeating": "yes", "arms": "",
        "description": "",
    }  # fmt: skip


def test_the_fields_of_a_form_stand_together_under_its_description(protocol: Protocol) -> None:
    rows = redcap_rows(protocol)
    order = [row[FORM] for row in rows]
    assert [form for place, form in enumerate(order) if form != order[place - 1] or place == 0] == list(dict.fromkeys(order))
    assert [row[FORM] for row in rows if row[SECTION]] == list(dict.fromkeys(order))


# ---------------------------------------------------------------- the format


def test_every_row_has_the_18_columns(protocol: Protocol) -> None:
    table = list(csv.reader(io.StringIO(redcap_text(protocol))))
    assert tuple(table[0]) == HEADER
    assert {len(row) for row in table} == {18}
    assert len(table) == len(redcap_rows(protocol)) + 1


def test_types_and_validations_are_redcaps(protocol: Protocol) -> None:
    for row in redcap_rows(protocol):
        assert row[TYPE] in {"text", "radio", "dropdown"}
        assert row[VALIDATION] in {"", "integer", "number", "date_ymd", "datetime_seconds_ymd"}
        assert bool(row[CHOICES]) == (row[TYPE] != "text")
        assert row[LABEL]
        assert not (row[LOW] or row[HIGH]) or row[VALIDATION] in {"integer", "number"}


def test_choices_keep_the_contracts_codes(protocol: Protocol) -> None:
    rows = by_name(protocol)
    for name, (file, column) in redcap_sources(protocol).items():
        codes = protocol.dictionary.column(file, column).codes
        if codes and codes != tuple(protocol.outcomes):
            assert tuple(choices(rows[name])) == codes


def test_header_and_vocabulary_are_those_of_real_dictionaries(ours: Protocol) -> None:
    files = sorted(SHARED.glob("*/dictionary.csv"))
    if not files:
        pytest.skip("no real REDCap dictionaries here: ODISEA_SHARED names the folder that holds realdata/")
    real = [list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines())) for file in files]
    assert {tuple(table[0]) for table in real} == {HEADER}
    rows = [dict(zip(HEADER, row, strict=False)) for table in real for row in table[1:] if len(row) == 18]
    for column in (TYPE, VALIDATION, IDENTIFIER):
        assert {row[column] for row in redcap_rows(ours)} <= {row[column] for row in rows}, column


# ---------------------------------------------------------------- content


def test_items_are_codes_without_wording(ours: Protocol) -> None:
    rows = by_name(ours)
    for number in range(1, 11):
        row = rows[f"item_{number:02}"]
        assert row[TYPE] == "radio"
        assert choices(row) == {str(code): str(code) for code in range(6)}
    assert rows["item_04"][LABEL] == "Caminar"


def test_ranges_dates_and_units(ours: Protocol) -> None:
    rows = by_name(ours)
    age = rows["age_years"]
    assert (age[VALIDATION], age[LOW], age[HIGH], age[NOTE], age[REQUIRED]) == ("integer", "18", "60", "años", "y")
    assert (rows["weight_kg"][VALIDATION], rows["weight_kg"][LOW], rows["weight_kg"][HIGH]) == ("number", "30", "250")
    assert rows["visit_date"][VALIDATION] == "date_ymd"
    assert rows["value"][NOTE] == "Intensidad del dolor: 0-10 puntos"
    assert by_name(ours, "en")["age_years"][NOTE] == "years"


def test_a_missing_reason_is_asked_where_the_value_is_empty(ours: Protocol, awkward: Protocol) -> None:
    row = by_name(ours)["missing"]
    assert (row[BRANCHING], row[REQUIRED]) == ('[value] = ""', "y")
    assert choices(row)["not_done"] == "no se realizó"
    assert by_name(awkward)["items_of_visits_reason"][BRANCHING] == '[items_of_visits_age_years] = ""'


def test_branching_names_fields_that_exist(protocol: Protocol) -> None:
    rows = by_name(protocol)
    assert {name for row in rows.values() for name in re.findall(r"\[(\w+)\]", row[BRANCHING])} <= set(rows)


def test_computed_outcomes_are_not_typed(ours: Protocol, tmp_path: Path) -> None:
    assert choices(by_name(ours)["outcomes_outcome"]) == {"vas": "Intensidad del dolor"}
    ashar = load_protocol(ROOT / "protocol" / "examples" / "ashar_prt" / "protocol.yaml")
    name = next(name for name, cell in redcap_sources(ashar).items() if cell == ("outcomes.csv", "outcome"))
    assert list(choices(by_name(ashar)[name])) == ["odi", "pain"]  # no items were collected there: totals are typed


def test_identifiers_are_the_pseudonym_and_free_text(awkward: Protocol) -> None:
    assert [name for name, row in by_name(awkward).items() if row[IDENTIFIER]] == [RECORD, "items_of_visits_record_id"]


def test_keys_and_filled_columns_are_required(protocol: Protocol) -> None:
    rows = by_name(protocol)
    for name, (file, column) in redcap_sources(protocol).items():
        spec = protocol.dictionary.files[file]
        if spec.columns[column].filled or column in spec.key:
            assert rows[name][REQUIRED] == "y"


def test_labels_follow_the_language(ours: Protocol) -> None:
    assert by_name(ours, "es")["sex"][LABEL] == "Sexo"
    assert choices(by_name(ours, "es")["sex"])["female"] == "mujer"
    assert choices(by_name(ours, "en")["status"])["out_of_window"] == "outside the window"
    assert choices(by_name(ours, "es")["exercise_done"]) == {"true": "sí", "false": "no"}


def test_another_language_is_refused(ours: Protocol) -> None:
    with pytest.raises(ProtocolError, match="language is fr"):
        redcap_rows(ours, "fr")


# ---------------------------------------------------------------- files


def test_both_files_are_written(ours: Protocol, tmp_path: Path) -> None:
    path, setup = write_redcap(tmp_path / "new" / "ecrf.csv", ours, "en")
    assert path.read_text(encoding="utf-8") == redcap_text(ours, "en")
    assert setup.name == "ecrf.setup.csv"
    assert setup.read_text(encoding="utf-8") == redcap_setup_text(ours, "en")
    assert sorted(each.name for each in path.parent.iterdir()) == ["ecrf.csv", "ecrf.setup.csv"]


def test_another_suffix_is_refused(ours: Protocol, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"written as \.csv"):
        write_redcap(tmp_path / "ecrf.xlsx", ours)
