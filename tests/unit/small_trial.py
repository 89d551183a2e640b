"""A trial of three participants as an export folder, for the tests of the data room."""

from pathlib import Path

from odisea.data.export import Export
from odisea.data.manifest import make_manifest
from odisea.data.read_export import read_export
from odisea.data.tables import Cell, Table, make_table
from odisea.data.write_export import write_export
from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol

PROTOCOL = load_protocol(Path(__file__).parents[2] / "protocol" / "nct07248813.yaml")
ITEMS = [f"item_{number:02d}" for number in range(1, 11)]
PEOPLE = ["P0002", "P0001", "P0003"]


def small_trial() -> dict[str, Table]:
    """Return a trial of three: one complete, one with an unanswered item, one lost after baseline."""
    participants: list[list[Cell]] = [
        ["P0002", 60, 150.0, 95.5, 2, "high"],
        ["P0001", 18, 172.0, 61.2, 0, "low"],
        ["P0003", 35, 165.0, 70.0, 1, "moderate"],
    ]
    items: list[list[Cell]] = [
        ["P0001", "baseline", *[3] * 10],
        ["P0001", "week6", *[2] * 10],
        ["P0002", "baseline", *[4] * 9, None],
        ["P0002", "week6", *[1] * 10],
        ["P0003", "baseline", *[2] * 10],
    ]
    outcomes: list[list[Cell]] = [[who, "baseline", "vas", 5.5, None] for who in PEOPLE]
    outcomes += [["P0001", "week6", "vas", 3.0, None], ["P0002", "week6", "vas", None, "refused"]]
    visits: list[list[Cell]] = [[who, visit, None, "done", None] for who in PEOPLE for visit in ("baseline", "week6")]
    visits[-1] = ["P0003", "week6", None, "missed", "lost_to_follow_up"]
    names = ["participant_id", "age_years", "height_cm", "weight_kg", "comorbidity_count", "physical_activity_level"]
    tables = [
        make_table("participants.csv", names, participants),
        make_table("visits.csv", ["participant_id", "visit", "visit_date", "status", "missed_reason"], visits),
        make_table("outcomes.csv", ["participant_id", "visit", "outcome", "value", "missing"], outcomes),
        make_table("odi.csv", ["participant_id", "visit", *ITEMS], items),
        make_table(
            "restricted/allocation.csv",
            ["randomisation_no", "arm", "participant_id"],
            [[1, "tele", "P0002"], [2, "control", "P0001"], [3, "tele", "P0003"]],
        ),
    ]
    return {table.name: table for table in tables}


def write_small_trial(folder: Path) -> Path:
    """Write the trial as the simulated export with the analysis key (7, 3) and return its folder."""
    manifest = make_manifest(PROTOCOL.trial, "simulated", analysis_key=(7, 3))
    write_export(folder, list(small_trial().values()), PROTOCOL.dictionary, manifest)
    return folder


def read(folder: Path, protocol: Protocol = PROTOCOL) -> Export:
    return read_export(folder, protocol, folder.parent / "restricted" / "allocation.csv")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
