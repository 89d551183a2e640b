"""An export folder written and read back, and every way in which it can be wrong."""

import csv
import json
import re
from collections.abc import Callable
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_trial import ITEMS, PROTOCOL, edit, read, small_trial, write_small_trial

from odisea.data.derive import count_rows, derive, recorded_columns, trial_rows
from odisea.data.manifest import make_manifest
from odisea.data.read_export import read_export
from odisea.data.tables import make_table
from odisea.data.write_export import write_export
from odisea.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_small_trial(tmp_path / "export")


def told(folder: Path) -> list[str]:
    with pytest.raises(DataError) as caught:
        read(folder)
    return [str(problem) for problem in caught.value.problems]


def test_written_trial_reads_back_as_the_matrix_that_was_recorded(folder: Path) -> None:
    export = read(folder)
    recorded = dict(zip(export.columns, export.recorded, strict=True))
    assert export.participants == ("P0001", "P0002", "P0003")
    assert export.columns == recorded_columns(PROTOCOL)
    np.testing.assert_array_equal(recorded["age_years"], [18, 60, 35])
    np.testing.assert_array_equal(recorded["physical_activity_level"], [0, 2, 1])
    np.testing.assert_array_equal(recorded["odi@baseline"], [60.0, 80.0, 40.0])
    np.testing.assert_array_equal(recorded["odi@week6"], [40.0, 20.0, np.nan])
    np.testing.assert_array_equal(recorded["vas@week6"], [3.0, np.nan, np.nan])
    assert [PROTOCOL.arm_ids[arm] for arm in export.arm] == ["control", "tele", "tele"]
    assert export.reasons["vas@week6"] == (None, "refused", "lost_to_follow_up")
    assert export.reasons["odi@week6"] == (None, None, "lost_to_follow_up")
    assert export.changed_files == ()


def test_derived_trial_holds_the_rows_of_the_codings_and_outcomes(folder: Path) -> None:
    trial = derive(read(folder), PROTOCOL, analysis_seed=99)
    names = (*trial_rows(PROTOCOL), *count_rows(PROTOCOL))
    rows = dict(zip(names, trial.values, strict=True))
    np.testing.assert_array_equal(rows["bmi"], [61.2 / 1.72**2, 95.5 / 1.5**2, 70.0 / 1.65**2])
    np.testing.assert_array_equal(rows["comorbidities=one"], [0, 0, 1])
    np.testing.assert_array_equal(rows["comorbidities=two_plus"], [0, 1, 0])
    np.testing.assert_array_equal(rows["physical_activity=high"], [0, 1, 0])
    np.testing.assert_array_equal(rows["live_sessions"], [np.nan] * 3)  # the folder has no such file
    assert (trial.seed, trial.replicate) == (7, 3)


def test_real_export_takes_the_analysis_seed_of_its_plan(tmp_path: Path) -> None:
    write_export(tmp_path / "export", list(small_trial().values()), PROTOCOL.dictionary, make_manifest(PROTOCOL.trial, "real"))
    trial = derive(read(tmp_path / "export"), PROTOCOL, analysis_seed=99)
    assert (trial.seed, trial.replicate) == (99, 0)


def test_numbers_do_not_depend_on_the_origin(folder: Path) -> None:
    before = derive(read(folder), PROTOCOL)
    edit(folder / "export_manifest.json", '"origin": "simulated"', '"origin": "real"')
    after = read(folder)
    assert after.origin == "real"
    np.testing.assert_array_equal(derive(after, PROTOCOL).values, before.values)


def test_row_order_in_the_files_changes_nothing(folder: Path) -> None:
    before = derive(read(folder), PROTOCOL)
    for name in ("participants.csv", "odi.csv", "outcomes.csv", "visits.csv"):
        header, *rows = (folder / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / name).write_text(header + "".join(reversed(rows)), encoding="utf-8")
    np.testing.assert_array_equal(derive(read(folder), PROTOCOL).values, before.values)


def test_absent_row_and_missing_reason_are_both_missing_values(folder: Path) -> None:
    before = derive(read(folder), PROTOCOL)
    edit(folder / "outcomes.csv", "P0002,week6,vas,,refused\n", "")
    np.testing.assert_array_equal(derive(read(folder), PROTOCOL).values, before.values)


def test_total_may_come_typed_where_items_were_not_collected(folder: Path) -> None:
    edit(folder / "odi.csv", "P0003,baseline,2,2,2,2,2,2,2,2,2,2\n", "")
    edit(folder / "outcomes.csv", "P0003,baseline,vas", "P0003,baseline,odi,42,\nP0003,baseline,vas")
    assert derive(read(folder), PROTOCOL).values[trial_rows(PROTOCOL).index("odi@baseline"), 2] == 42.0


def test_typed_total_may_be_rounded_to_the_resolution(folder: Path) -> None:
    edit(folder / "odi.csv", "P0001,baseline,3,3,3,3,3,3,3,3,3,3", "P0001,baseline,3,3,3,3,3,3,3,3,4,")
    edit(folder / "outcomes.csv", "P0001,baseline,vas", "P0001,baseline,odi,62.2,\nP0001,baseline,vas")
    value = derive(read(folder), PROTOCOL).values[trial_rows(PROTOCOL).index("odi@baseline"), 0]
    assert value == 100 * 28 / 45  # the scored value, not the typed one


# What is edited (file, old text, new text) and what is then said.
FAULTS: dict[str, tuple[tuple[tuple[str, str, str], ...], str]] = {
    "item 6": (
        (("odi.csv", "P0001,baseline,3,", "P0001,baseline,6,"),),
        "odi.csv: row 2, column item_01: found '6'; allowed: a whole number from 0 to 5. "
        "Correct the value at its source; nothing is changed here.",
    ),
    "unknown participant": (
        (("odi.csv", "P0001,baseline", "P0099,baseline"),),
        "odi.csv: row 2, column participant_id: unknown participant 'P0099'; allowed: those of participants.csv. "
        "Correct the identifier, or add its row to participants.csv.",
    ),
    "day first": (
        (("visits.csv", "P0001,baseline,,done", "P0001,baseline,03/10/2025,done"),),
        "visits.csv: row 2, column visit_date: found '03/10/2025'; allowed: a date written YYYY-MM-DD. "
        "Write 2025-10-03 if day 3 of month 10 is meant; no order of day and month is guessed.",
    ),
    "missing column": (
        (("visits.csv", "missed_reason", "why"),),
        "visits.csv: row 1: the column missed_reason is missing; the columns are participant_id, visit, planned_date, visit_date, status, "
        "missed_reason, assessor_id, assessor_guess, mode. Add it to the header and to every row.",
    ),
    "unknown visit": (
        (("outcomes.csv", "P0001,week6", "P0001,week12"),),
        "outcomes.csv: row 3, column visit: found 'week12'; allowed: baseline, week6. Write one of these codes exactly.",
    ),
    "value out of the outcome's range": (
        (("outcomes.csv", "vas,3,", "vas,30,"),),
        "outcomes.csv: row 3, column value: found 30 for vas; allowed: a number from 0 to 10. "
        "Correct the value at its source; nothing is changed here.",
    ),
    "totals disagree": (
        (("outcomes.csv", "P0001,baseline,vas", "P0001,baseline,odi,60.1,\nP0001,baseline,vas"),),
        "outcomes.csv: row 2, column value: the typed total is 60.1, the items in odi.csv: row 2 give 60; needed: both agree. "
        "Correct the one that is wrong at its source.",
    ),
    "total typed over too few items": (
        (
            ("odi.csv", "P0001,baseline,3,3,3,", "P0001,baseline,,,,"),
            ("outcomes.csv", "P0001,baseline,vas", "P0001,baseline,odi,60,\nP0001,baseline,vas"),
        ),
        "outcomes.csv: row 2, column value: a total of 60 is typed, but only 7 items are answered in odi.csv: row 2; "
        "9 answered items make a total. Complete the items, or write the missing reason instead.",
    ),
    "items of a missing total": (
        (("outcomes.csv", "P0001,baseline,vas", "P0001,baseline,odi,,refused\nP0001,baseline,vas"),),
        "odi.csv: row 2: the items give a score of 60, but outcomes.csv calls it missing (refused). Correct the file that is wrong.",
    ),
    "value at a missed visit": (
        (("visits.csv", "P0001,week6,,done,", "P0001,week6,,missed,unknown"),),
        "visits.csv: row 3, column status: the visit is called missed, but odi has a value at it. "
        "Correct the status, or take the value out.",
    ),
    "no arm": (
        (("../restricted/allocation.csv", "2,control,P0001\n", ""),),
        "participants.csv: row 2, column participant_id: P0001 is randomised but has no row in the allocation. "
        "Complete the allocation or the randomisation dates; who was not randomised stands in screening.csv.",
    ),
    "two arms": (
        (("../restricted/allocation.csv", "2,control,P0001\n", "2,control,P0001\n4,tele,P0001\n"),),
        "restricted/allocation.csv: row 4, column participant_id: P0001 is allocated twice; allowed: once. Keep the row that was used.",
    ),
    "unknown arm": (
        (("../restricted/allocation.csv", "2,control", "2,placebo"),),
        "restricted/allocation.csv: row 3, column arm: found 'placebo'; allowed: tele, control. Write one of these codes exactly.",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_of_an_export_folder_is_told_in_one_line(name: str, folder: Path) -> None:
    assert said_after(folder, name) in told(folder)


def said_after(folder: Path, name: str) -> str:
    """Spoil the folder and return what must be said of it."""
    edits, said = FAULTS[name]
    for file, old, new in edits:
        edit(folder / file, old, new)
    return said


def test_missing_file_is_told(folder: Path) -> None:
    (folder / "outcomes.csv").unlink()
    assert told(folder) == [
        "outcomes.csv: the file is missing from the export folder; the files are participants.csv, screening.csv, visits.csv, "
        "outcomes.csv, disposition.csv, conmeds.csv, harms.csv, deviations.csv, odi.csv, satisfaction.csv, sessions_calendar.csv, "
        "live_sessions.csv, live_groups.csv, diary.csv, moodle_events.csv. "
        "Add it; a file without rows still needs its header."
    ]


def test_faults_of_several_files_are_told_together(folder: Path) -> None:
    said = [said_after(folder, name) for name in ("item 6", "day first", "unknown visit")]
    assert set(said) <= set(told(folder))


def test_category_without_a_level_in_its_coding_is_told(folder: Path) -> None:
    levels = PROTOCOL.analysis.coding_facts["physical_activity"]
    assert levels.value is not None
    assert levels.value.levels is not None
    fewer = levels.value.levels.model_copy(update={"codes": ("low", "moderate")})
    fact = levels.model_copy(update={"value": levels.value.model_copy(update={"levels": fewer})})
    analysis = PROTOCOL.analysis.model_copy(update={"coding_facts": {"physical_activity": fact}})
    with pytest.raises(DataError) as caught:
        read(folder, PROTOCOL.model_copy(update={"analysis": analysis}))
    assert str(caught.value) == (
        "participants.csv: row 3, column physical_activity_level: high has no level in the coding physical_activity; its levels are "
        "low, moderate. "
        "Correct the value, or give it a level in the protocol's coding."
    )


def test_without_the_allocation_every_arm_is_unknown(folder: Path) -> None:
    export = read_export(folder, PROTOCOL)
    assert export.is_blind
    np.testing.assert_array_equal(derive(export, PROTOCOL).arm, [-1, -1, -1])
    np.testing.assert_array_equal(derive(export, PROTOCOL).values, derive(read(folder), PROTOCOL).values)


def test_allocation_needs_no_more_than_participant_and_arm(folder: Path) -> None:
    before = read(folder)
    allocation = folder.parent / "restricted" / "allocation.csv"
    allocation.write_text("participant_id,arm\nP0003,tele\nP0001,control\nP0002,tele\n", encoding="utf-8")
    np.testing.assert_array_equal(read(folder).arm, before.arm)
    allocation.write_text("participant_id,group\nP0001,1\n", encoding="utf-8")
    assert told(folder)[0].startswith("restricted/allocation.csv: row 1: the column arm is missing; ")


def test_file_in_capital_letters_is_not_overlooked(folder: Path) -> None:
    (folder / "odi.csv").rename(folder / "ODI.CSV")
    assert told(folder)[0].startswith("ODI.CSV: the file is not declared; the files are participants.csv, ")


def test_participant_without_randomisation_date_is_not_in_the_trial(folder: Path) -> None:
    edit(folder / "participants.csv", "participant_id,", "participant_id,randomisation_date,")
    for who, day in (("P0001,", "2025-10-03"), ("P0002,", ""), ("P0003,", "2025-10-06")):
        edit(folder / "participants.csv", who, f"{who}{day},")
    edit(folder.parent / "restricted" / "allocation.csv", "1,tele,P0002\n", "")
    export = read(folder)
    assert (export.participants, export.not_randomised) == (("P0001", "P0003"), ("P0002",))


def test_file_that_changed_after_it_was_written_is_named(folder: Path) -> None:
    edit(folder / "participants.csv", "P0001,18,", "P0001,19,")
    assert read(folder).changed_files == ("participants.csv",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no export_manifest.json; needed: it names trial and origin. "),
        ({"trial": "other"}, "the export is of trial other; the protocol is of trial nct07248813. Give the protocol of this trial."),
        ({"origin": "guessed"}, "export_manifest.json: origin: "),
    ],
)
def test_manifest_of_another_trial_or_none_is_refused(content: dict[str, str] | None, said: str, folder: Path) -> None:
    path = folder / "export_manifest.json"
    before = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    if content:
        path.write_text(json.dumps({**before, **content}), encoding="utf-8")
    assert said in told(folder)[0]


def test_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: there is no such folder; needed: an export folder\. Make one with"):
        read_export(tmp_path / "nowhere", PROTOCOL)


def test_writing_twice_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    shuffled = [
        make_table(table.name, list(table.columns), list(zip(*table.columns.values(), strict=True))[::-1])
        for table in small_trial().values()
    ]
    manifest = make_manifest(PROTOCOL.trial, "simulated", analysis_key=(7, 3))
    write_export(tmp_path / "again" / "export", shuffled, PROTOCOL.dictionary, manifest)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / "export" / path.name).read_bytes()


def test_rows_are_sorted_by_key_with_visits_in_the_order_of_the_schedule(folder: Path) -> None:
    rows = (folder / "odi.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [row.split(",")[:2] for row in rows] == [
        ["P0001", "baseline"],
        ["P0001", "week6"],
        ["P0002", "baseline"],
        ["P0002", "week6"],
        ["P0003", "baseline"],
    ]


def test_allocation_stands_beside_the_export_folder_and_not_in_it(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "datapackage.json",
        "export_manifest.json",
        "odi.csv",
        "outcomes.csv",
        "participants.csv",
        "visits.csv",
    ]
    allocation = folder.parent / "restricted" / "allocation.csv"
    assert allocation.read_text(encoding="utf-8").startswith("randomisation_no,arm,participant_id\n1,tele,P0002\n")
    assert allocation.stat().st_mode & 0o077 == 0
    for path in folder.iterdir():
        assert "tele" not in path.read_text(encoding="utf-8")


def test_export_folder_of_the_same_trial_is_replaced(folder: Path) -> None:
    manifest = make_manifest(PROTOCOL.trial, "simulated", analysis_key=(7, 4))
    write_export(folder, list(small_trial().values()), PROTOCOL.dictionary, manifest)
    assert read(folder).analysis_key == (7, 4)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["export", "restricted"]


def test_real_export_is_not_overwritten_by_a_simulated_one(tmp_path: Path) -> None:
    tables = list(small_trial().values())
    write_export(tmp_path / "export", tables, PROTOCOL.dictionary, make_manifest(PROTOCOL.trial, "real"))
    with pytest.raises(DataError, match="the folder holds the real export of trial nct07248813; this is the simulated export"):
        write_export(tmp_path / "export", tables, PROTOCOL.dictionary, make_manifest(PROTOCOL.trial, "simulated"))


@pytest.mark.parametrize("place", ["export/notes.txt", "restricted/allocation.csv"])
def test_target_that_holds_something_else_is_refused_and_kept(place: str, tmp_path: Path) -> None:
    (tmp_path / place).parent.mkdir()
    (tmp_path / place).write_text("kept", encoding="utf-8")
    with pytest.raises(DataError, match=r"not an export folder|belongs to another export"):
        write_export(tmp_path / "export", list(small_trial().values()), PROTOCOL.dictionary, make_manifest(PROTOCOL.trial, "real"))
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")] == [place]
    assert (tmp_path / place).read_text(encoding="utf-8") == "kept"


def test_table_that_breaks_the_contract_is_not_written(tmp_path: Path) -> None:
    tables = small_trial()
    tables["odi.csv"] = make_table("odi.csv", ["participant_id", "visit", *ITEMS], [["P0001", "baseline", *[6] * 10]])
    with pytest.raises(DataError, match=r"odi\.csv: row 2, column item_01: found '6'"):
        write_export(tmp_path / "export", list(tables.values()), PROTOCOL.dictionary, make_manifest(PROTOCOL.trial, "real"))
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- the description for other programs

TYPED: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": int,
    "number": float,
    "date": date.fromisoformat,
    "boolean": {"true": True, "false": False}.__getitem__,
}


def package_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    return content


def checked_by_the_description(folder: Path) -> list[str]:
    """What is wrong with a folder by its `datapackage.json` alone: a small reader of the Frictionless rules that we use."""
    faults, tables = [], {}
    for resource in package_of(folder)["resources"]:
        content = (folder / resource["path"]).read_bytes()
        if (resource["bytes"], resource["hash"]) != (len(content), f"sha256:{sha256(content).hexdigest()}"):
            faults.append(f"{resource['path']}: other bytes")
        header, *rows = csv.reader(content.decode().splitlines())
        tables[resource["name"]] = {name: [row[place] for row in rows] for place, name in enumerate(header)}
        schema = resource["schema"]
        if header != [field["name"] for field in schema["fields"]]:
            faults.append(f"{resource['path']}: other columns")
        for field, cells in zip(schema["fields"], zip(*rows, strict=True), strict=False):
            faults += [f"{resource['path']}: {field['name']} {cell!r}" for cell in cells if not allows(field, cell)]
        keys = list(zip(*(tables[resource["name"]][name] for name in schema.get("primaryKey", ())), strict=True))
        if len(set(keys)) < len(keys):
            faults.append(f"{resource['path']}: a key twice")
    for resource in package_of(folder)["resources"]:
        for link in resource["schema"].get("foreignKeys", ()):
            known = tables[link["reference"]["resource"]][link["reference"]["fields"]]
            if set(tables[resource["name"]][link["fields"]]) - set(known):
                faults.append(f"{resource['path']}: {link['fields']} unknown")
    return faults


def allows(field: dict[str, Any], cell: str) -> bool:
    limits = field.get("constraints", {})
    if not cell:
        return not limits.get("required", False)
    try:
        value = datetime.strptime(cell, field["format"]) if field["type"] == "datetime" else TYPED[field["type"]](cell)
    except (ValueError, KeyError):
        return False
    in_range = limits.get("minimum", value) <= value <= limits.get("maximum", value)
    return in_range and cell in limits.get("enum", [cell]) and re.fullmatch(limits.get("pattern", ".*"), cell) is not None


def test_the_description_alone_finds_nothing_wrong_with_the_folder(folder: Path) -> None:
    package = package_of(folder)
    assert (package["profile"], package["name"]) == ("tabular-data-package", PROTOCOL.trial)
    assert [resource["path"] for resource in package["resources"]] == ["participants.csv", "visits.csv", "outcomes.csv", "odi.csv"]
    assert checked_by_the_description(folder) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("odi.csv", "P0001,baseline,3,", "P0001,baseline,6,", "odi.csv: item_01 '6'"),
        ("odi.csv", "P0001,baseline,3,", "P0001,baseline,x,", "odi.csv: item_01 'x'"),
        ("visits.csv", "P0001,baseline,,done", "P0001,baseline,03/10/2025,done", "visits.csv: visit_date '03/10/2025'"),
        ("visits.csv", "P0001,baseline,,done", "P0001,baseline,,", "visits.csv: status ''"),
        ("outcomes.csv", "P0001,week6", "P0001,week12", "outcomes.csv: visit 'week12'"),
        ("participants.csv", "P0001,", "p1,", "participants.csv: participant_id 'p1'"),
        ("odi.csv", "P0001,week6", "P0001,baseline", "odi.csv: a key twice"),
        ("odi.csv", "P0001,baseline", "P0099,baseline", "odi.csv: participant_id unknown"),
    ],
)
def test_what_breaks_the_contract_breaks_the_description(file: str, old: str, new: str, said: str, folder: Path) -> None:
    edit(folder / file, old, new)
    assert said in checked_by_the_description(folder)
    assert f"{file}: other bytes" in checked_by_the_description(folder)


def test_an_empty_file_is_described_too(tmp_path: Path) -> None:
    harms = make_table("harms.csv", list(PROTOCOL.dictionary.files["harms.csv"].columns), [])
    write_export(tmp_path / "export", [*small_trial().values(), harms], PROTOCOL.dictionary, make_manifest(PROTOCOL.trial, "real"))
    assert "harms.csv" in {resource["path"] for resource in package_of(tmp_path / "export")["resources"]}
    assert checked_by_the_description(tmp_path / "export") == []


def test_a_crosswalk_of_another_export_is_not_overwritten(tmp_path: Path) -> None:
    columns = ["participant_id", "source", "source_key"]
    tables = [*small_trial().values(), make_table("restricted/crosswalk.csv", columns, [["P0001", "moodle", "1001"]])]
    manifest = make_manifest(PROTOCOL.trial, "simulated")
    write_export(tmp_path / "export", tables, PROTOCOL.dictionary, manifest)
    written = tmp_path / "restricted" / "crosswalk.csv"
    assert written.read_text(encoding="utf-8") == "participant_id,source,source_key\nP0001,moodle,1001\n"
    assert written.stat().st_mode & 0o077 == 0
    (tmp_path / "restricted" / "allocation.csv").unlink()
    with pytest.raises(DataError, match=r"crosswalk\.csv: the file exists and belongs to another export"):
        write_export(tmp_path / "other", tables, PROTOCOL.dictionary, manifest)
