"""Whatever a user gets wrong is said in one line that names file and place; nothing is written, nobody sees a traceback."""

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.commands import Said, run_odisea, succeed
from tests.conftest import ROOT

NAME = "nct07248813"
PROTOCOL = ROOT / "protocol" / f"{NAME}.yaml"
COMMANDS = (
    *("check", "rules", "new", "export", "randomise", "simulate", "power", "ingest", "analyse", "report", "bench"),
    *("calendar", "dossier", "schema"),
)
RECORDS = ROOT / "tests" / "unit" / "records"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where results would go."""
    return tmp_path / "output"


def refused(said: Said, *needles: str, output: Path) -> None:
    """One message that holds all needles, exit code 1, no result."""
    assert said.code == 1
    assert said.printed == ""
    assert len(said.messages) == 1, said.messages
    missing = [needle for needle in needles if needle not in said.messages[0]]
    assert not missing, (said.messages[0], missing)
    assert "Traceback" not in said.messages[0]
    assert not output.exists(), "something was written"


def with_change(folder: Path, file: str, old: str, new: str) -> Path:
    """Copy the declarations, change one place in one of their files, and return the protocol."""
    for name in ("protocol", "simulate"):
        shutil.copytree(ROOT / name, folder / name)
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return folder / "protocol" / f"{NAME}.yaml"


def from_here(path: Path) -> str:
    """A file that the user did not name, as messages name it: from the working folder."""
    return os.path.relpath(path)


def line_of(path: Path, text: str) -> int:
    """The number of the only line that holds a text."""
    (number,) = [number for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1) if text in line]
    return number


# ---------------------------------------------------------------- declarations


@pytest.mark.parametrize("command", ["check", "power", "simulate"])
def test_a_missing_protocol_file(command: str, tmp_path: Path, output: Path) -> None:
    said = run_odisea(command, tmp_path / "absent.yaml", "-o", output)
    refused(said, str(tmp_path / "absent.yaml"), "does not exist", output=output)


def test_a_duplicate_key(tmp_path: Path, output: Path) -> None:
    protocol = with_change(tmp_path, f"protocol/{NAME}.yaml", "  unit: participant\n", "  unit: participant\n  unit: cluster\n")
    place = f"{protocol}:{line_of(protocol, 'unit: cluster')}:3"
    refused(run_odisea("check", protocol, "-o", output), place, "unit", "twice", output=output)


@pytest.mark.parametrize("command", ["check", "power"])
def test_a_ratio_with_a_colon(command: str, tmp_path: Path, output: Path) -> None:
    protocol = with_change(tmp_path, f"protocol/{NAME}.yaml", "  ratio: [1, 1]\n", "  ratio: 1:1\n")
    place = f"{protocol}:{line_of(protocol, 'ratio: 1:1')}:10"
    refused(run_odisea(command, protocol, "-o", output), place, "1:1", "[1, 1]", output=output)


def test_allocation_with_a_colon(tmp_path: Path, output: Path) -> None:
    """A key that the protocol does not have: what to write instead of the value is said all the same."""
    protocol = with_change(tmp_path, f"protocol/{NAME}.yaml", "  ratio: [1, 1]\n", "  allocation: 1:1\n")
    place = f"{protocol}:{line_of(protocol, 'allocation: 1:1')}:15"
    refused(run_odisea("check", protocol, "-o", output), place, "1:1", "[1, 1]", output=output)


@pytest.mark.parametrize("file", ["scenarios", "assumptions"])
@pytest.mark.parametrize("command", ["power", "simulate"])
def test_a_file_of_another_trial(file: str, command: str, tmp_path: Path, output: Path) -> None:
    protocol = with_change(tmp_path, f"simulate/{file}.yaml", f"trial: {NAME}\n", "trial: nct00000001\n")
    said = run_odisea(command, protocol, "-o", output)
    refused(said, from_here(tmp_path / "simulate" / f"{file}.yaml"), "nct00000001", NAME, output=output)


@pytest.mark.parametrize("command", ["power", "simulate"])
def test_an_unknown_scenario(command: str, output: Path) -> None:
    said = run_odisea(command, PROTOCOL, "--scenario", "registred", "-o", output)
    refused(said, from_here(ROOT / "simulate" / "scenarios.yaml"), "registred", "registered,", output=output)


def test_every_unknown_scenario_is_named(output: Path) -> None:
    said = run_odisea("power", PROTOCOL, "--scenario", "one", "--scenario", "null", "--scenario", "two", "-o", output)
    assert said.code == 1
    assert [("'one'" in message, "'two'" in message) for message in said.messages] == [(True, False), (False, True)]


def test_a_scenario_that_sets_what_cannot_be(tmp_path: Path, output: Path) -> None:
    protocol = with_change(tmp_path, "simulate/scenarios.yaml", "set: {effect: -2}", "set: {effect: -200, efect: 1}")
    said = run_odisea("power", protocol, "--scenario", "sceptical", "-o", output)
    assert said.code == 1
    assert len(said.messages) == 2
    place = f"{from_here(tmp_path / 'simulate' / 'scenarios.yaml')}, scenario sceptical, "
    assert all(place in message for message in said.messages)
    assert "efect" in said.messages[0]
    assert "-100 to 100" in said.messages[1]


def test_a_scenario_without_people_has_no_export(store: Path, output: Path) -> None:
    said = run_odisea("simulate", PROTOCOL, "--scenario", "textbook", "--store", store, "-o", output)
    refused(said, "textbook", "no people to export", output=output)


# ---------------------------------------------------------------- registry records and exports


@pytest.mark.parametrize(
    ("record", "needle"),
    [("crossover", "CROSSOVER"), ("truncated", "ends in the middle"), ("empty_object", "protocolSection")],
)
def test_a_record_that_cannot_be_a_protocol(record: str, needle: str, tmp_path: Path) -> None:
    (tmp_path / "dictionary").symlink_to(ROOT / "protocol" / "dictionary")
    target = tmp_path / "new.yaml"
    refused(run_odisea("new", RECORDS / f"{record}.json", "-o", target), f"{record}.json", needle, output=target)


def test_a_scaffold_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "dictionary").symlink_to(ROOT / "protocol" / "dictionary")
    target = tmp_path / "new.yaml"
    target.write_text("mine", encoding="utf-8")
    said = run_odisea("new", RECORDS / "bare.json", "-o", target)
    assert (said.code, len(said.messages), target.read_text(encoding="utf-8")) == (1, 1, "mine")


@pytest.mark.parametrize(("form", "suffix"), [("usdm", ".csv"), ("redcap", ".json")])
def test_an_export_with_another_suffix(form: str, suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"out{suffix}"
    refused(run_odisea("export", form, PROTOCOL, "-o", target), str(target), suffix, output=target)


# ---------------------------------------------------------------- export folders


@pytest.fixture(scope="module")
def rehearsal(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flawless export with its allocation."""
    folder = tmp_path_factory.mktemp("rehearsal")
    succeed("simulate", PROTOCOL, "--scenario", "registered", "--store", store, "-o", folder)
    return folder


Change = Callable[[str], str]


@pytest.fixture
def analysed(rehearsal: Path, tmp_path: Path, output: Path) -> Callable[[Mapping[str, Change]], Said]:
    """Copies the export, changes some of its files and analyses it."""

    def run(changes: Mapping[str, Change]) -> Said:
        for name in ("export", "restricted"):
            shutil.copytree(rehearsal / name, tmp_path / name)
        for file, change in changes.items():
            path = tmp_path / file
            before = path.read_text(encoding="utf-8")
            path.write_text(change(before), encoding="utf-8")
            assert path.read_text(encoding="utf-8") != before
        allocation = tmp_path / "restricted" / "allocation.csv"
        return run_odisea("analyse", PROTOCOL, tmp_path / "export", "--allocation", allocation, "-o", output)

    return run


Analysed = Callable[[Mapping[str, Change]], Said]


def cell(column: str, value: str, row: int = 2) -> Change:
    """Put a value into a column of a data row (numbered as in the file: the head is row 1)."""

    def change(text: str) -> str:
        lines = [line.split(",") for line in text.splitlines()]
        lines[row - 1][lines[0].index(column)] = value
        return "".join(",".join(line) + "\n" for line in lines)

    return change


def without_column(column: str) -> Change:
    def change(text: str) -> str:
        lines = [line.split(",") for line in text.splitlines()]
        place = lines[0].index(column)
        return "".join(",".join(line[:place] + line[place + 1 :]) + "\n" for line in lines)

    return change


def test_a_missing_column(analysed: Analysed, output: Path) -> None:
    said = analysed({"export/participants.csv": without_column("height_cm")})
    refused(said, "participants.csv", "height_cm", "missing", output=output)


def test_an_item_that_is_not_on_the_scale(analysed: Analysed, output: Path) -> None:
    said = analysed({"export/odi.csv": cell("item_03", "6", row=5)})
    refused(said, "odi.csv: row 5, column item_03", "6", "0 to 5", output=output)


def test_an_unknown_participant(analysed: Analysed, output: Path) -> None:
    said = analysed({"export/odi.csv": cell("participant_id", "P9999", row=4)})
    refused(said, "odi.csv: row 4, column participant_id", "P9999", "participants.csv", output=output)


def test_a_date_with_slashes(analysed: Analysed, output: Path) -> None:
    said = analysed({"export/visits.csv": cell("visit_date", "03/10/2025", row=3)})
    refused(said, "visits.csv: row 3, column visit_date", "03/10/2025", "2025-10-03", output=output)


def test_every_fault_of_a_folder_is_said_at_once(analysed: Analysed, output: Path) -> None:
    said = analysed(
        {
            "export/odi.csv": lambda text: cell("item_10", "-1", row=7)(cell("item_03", "6", row=5)(text)),
            "export/visits.csv": cell("visit_date", "2025-13-01", row=3),
        }
    )
    assert said.code == 1
    places = sorted(re.findall(r"(\w+\.csv): row (\d+), column (\w+)", "\n".join(said.messages)))
    assert places == [("odi.csv", "5", "item_03"), ("odi.csv", "7", "item_10"), ("visits.csv", "3", "visit_date")]
    assert len(said.messages) == 3
    assert not output.exists()


def test_an_allocation_to_an_arm_that_is_none(analysed: Analysed, output: Path) -> None:
    said = analysed({"restricted/allocation.csv": cell("arm", "telerehab", row=6)})
    refused(said, "allocation.csv: row 6, column arm", "telerehab", "tele", "control", output=output)


def test_an_export_of_another_trial(analysed: Analysed, output: Path) -> None:
    def other(text: str) -> str:
        return json.dumps(json.loads(text) | {"trial": "nct00000001"})

    said = analysed({"export/export_manifest.json": other})
    refused(said, "export_manifest.json", "nct00000001", NAME, output=output)


def test_a_folder_that_is_not_there(tmp_path: Path, output: Path) -> None:
    said = run_odisea("analyse", PROTOCOL, tmp_path / "absent", "--blind", "-o", output)
    refused(said, str(tmp_path / "absent"), "no such folder", output=output)


# ---------------------------------------------------------------- the command line itself


@pytest.mark.parametrize("command", ["check", "power", "simulate"])
def test_an_output_that_is_a_file(command: str, store: Path, tmp_path: Path) -> None:
    target = tmp_path / "results.txt"
    target.write_text("kept", encoding="utf-8")
    few = {"power": ("--scenario", "textbook", "--replicates", 2, "--store", store), "simulate": ("--store", store)}
    said = run_odisea(command, PROTOCOL, *few.get(command, ()), "-o", target)
    assert (said.code, len(said.messages)) == (1, 1)
    assert str(target) in said.messages[0]
    assert target.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize(
    "words",
    [
        ("power", PROTOCOL, "--replicate", "10"),
        ("power", PROTOCOL, "--replicates", "many"),
        ("power", PROTOCOL, "--replicates", "0"),
        ("power", PROTOCOL, "--seed", "-1"),
        ("power", PROTOCOL, "--seed", str(2**63)),
        ("simulate", PROTOCOL, "--replicate", str(2**63)),
        ("power", PROTOCOL, "--workers", "0"),
        ("power",),
        ("powers", PROTOCOL),
        ("report", "power", "x", "--lang", "fr"),
    ],
    ids=lambda words: "-".join(str(word) for word in words if word != PROTOCOL),
)
def test_wrong_usage_has_an_exit_code_of_its_own(words: tuple[object, ...], output: Path) -> None:
    said = run_odisea(*words, "-o", output)
    assert said.code == 2
    assert said.messages[-1].startswith("Error: ")
    assert not output.exists()


def test_every_command_is_tested() -> None:
    assert set(re.findall(r"^  (\w+)  ", succeed("--help").printed, flags=re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str) -> None:
    shown = " ".join(succeed(command, "--help").printed.split())
    assert f"Example: odisea {command} " in shown
