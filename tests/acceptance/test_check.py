"""`odisea check` on our trial: it finds what careful readers found, and a corrected copy has no error and no contradiction.

What the readers found stands in found_by_readers.csv: the letter or number of their list, the rules that find it here, and
where none does the reason.
"""

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import run_odisea, succeed

ROOT = Path(__file__).parents[2]
TRIAL = ROOT / "protocol" / "nct07248813.yaml"
FOUND = list(csv.DictReader((Path(__file__).parent / "found_by_readers.csv").read_text(encoding="utf-8").splitlines()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("check")
    succeed("check", TRIAL, "-o", out)
    return out


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def woken(folder: Path) -> set[str]:
    return {finding["rule_id"] for finding in read(folder, "findings.json")["findings"]}


@pytest.mark.parametrize("row", FOUND, ids=[f"{row['list']}-{row['item']}" for row in FOUND])
def test_what_readers_found_is_found(folder: Path, row: dict[str, str]) -> None:
    rules = row["rules"].split()
    assert set(rules) <= woken(folder)
    assert bool(rules) != bool(row["why_not"])


def test_few_things_cannot_be_decided_from_the_yaml() -> None:
    assert [(row["list"], row["item"]) for row in FOUND if row["why_not"]] == [
        ("standards 2.6", "o"),
        ("standards 2.6", "r"),
        ("evidence 3", "REG-05"),
        ("evidence 3", "SS-04"),
    ]


def test_the_lists_of_the_readers_are_complete() -> None:
    letters = [row["item"] for row in FOUND if row["list"] == "standards 2.6"]
    assert letters == list("abcdefghijklmnopqrst")
    assert len([row for row in FOUND if row["list"] == "evidence 3"]) == 65


def test_every_file_of_the_contract_is_written_and_in_the_manifest(folder: Path) -> None:
    names = {"findings.json", "rules.json", "claims.json", "drift.json", "checklists.json", "findings.sarif", "junit.xml"}
    assert names <= {path.name for path in folder.iterdir()}
    assert set(read(folder, "manifest.json")["outputs"]) == names | {"check_report.en.html", "check_report.en.numbers.json"}
    assert (folder / "check_report.en.html").stat().st_size > 100_000


def test_what_could_not_be_run_is_not_passed(folder: Path) -> None:
    rules = {each["rule_id"]: each for each in read(folder, "rules.json")["rules"]}
    not_run = read(folder, "findings.json")["not_run"]
    assert {each["rule_id"] for each in not_run} == {name for name, each in rules.items() if each["state"] == "not_run"}
    assert all(each["reason"]["es"] and each["gaps"] for each in not_run)


def test_there_are_at_least_120_rules_and_each_is_listed_in_both_languages() -> None:
    listed = json.loads(succeed("rules", "--format", "json").printed)
    assert len(listed) >= 120
    assert all(each["title"]["en"] and each["title"]["es"] for each in listed)
    table = succeed("rules", "--lang", "es").printed
    assert all(each["rule_id"] in table for each in listed)


# ---------------------------------------------------------------- the corrected copy


@cache
def corrections() -> dict[str, Any]:
    return dict(yaml.safe_load((Path(__file__).parent / "corrections.yaml").read_text(encoding="utf-8")))


def test_a_corrected_copy_has_no_error_and_no_contradiction(tmp_path: Path) -> None:
    """The copy answers every error and every contradiction of the protocol, and leaves its other gaps alone."""
    path = corrected(tmp_path)
    succeed("check", path, "-o", tmp_path / "out")
    findings = read(tmp_path / "out", "findings.json")["findings"]
    assert [(each["rule_id"], each["message"]["en"]) for each in findings if each["severity"] == "error"] == []
    assert [(each["rule_id"], each["message"]["en"]) for each in findings if each["kind"] == "contradiction"] == []
    assert len(findings) > 50


def corrected(folder: Path) -> Path:
    """Write the trial's files with the corrections into a folder."""
    data = yaml.safe_load(TRIAL.read_text(encoding="utf-8"))
    for pointer, value in corrections().items():
        change(data, pointer.split("/")[1:], value)
    for name in ("instruments", "dictionary"):
        (folder / name).symlink_to(TRIAL.parent / name)
    path = folder / "nct07248813.yaml"
    path.write_text(yaml.dump(data, allow_unicode=True, sort_keys=False, width=10_000), encoding="utf-8")
    return path


def change(data: Any, steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        data = data[int(step)] if isinstance(data, list) else data[step]
    data[int(steps[-1]) if isinstance(data, list) else steps[-1]] = value


# ---------------------------------------------------------------- copies, exit codes, wrong input


def test_suggestions_are_applied_to_a_copy_that_can_be_checked_again(tmp_path: Path) -> None:
    before = TRIAL.read_bytes()
    said = succeed("check", TRIAL, "--fix", "-o", tmp_path)
    assert "need an answer first" in " ".join(said.messages)
    assert TRIAL.read_bytes() == before
    copy = tmp_path / "fixed" / "nct07248813.yaml"
    assert copy.read_text(encoding="utf-8").count("#") == TRIAL.read_text(encoding="utf-8").count("#")
    assert copy.read_bytes() != before
    succeed("check", copy, "-o", tmp_path / "again")
    assert len(read(tmp_path / "again", "findings.json")["findings"]) < len(read(tmp_path, "findings.json")["findings"])


def test_a_copy_never_overwrites_what_is_checked(tmp_path: Path) -> None:
    succeed("check", TRIAL, "--fix", "-o", tmp_path)
    copy = tmp_path / "fixed" / "nct07248813.yaml"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    said = run_odisea("check", copy, "--fix", "-o", tmp_path)
    assert (said.code, all("would overwrite" in message for message in said.messages)) == (1, True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("level", "code"), [("never", 0), ("error", 1), ("warning", 1)])
def test_open_findings_make_a_check_fail_only_where_asked(tmp_path: Path, level: str, code: int) -> None:
    assert run_odisea("check", TRIAL, "--fail-on", level, "-o", tmp_path).code == code


def test_wrong_input_gets_one_message_and_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    other = tmp_path / "other.yaml"
    other.write_text('odisea: {kind: waivers, schema: "1"}\ntrial: another\nwaivers: []\n', encoding="utf-8")
    for words in (("--registry", broken), ("--registry", tmp_path / "none.json"), ("--waivers", other)):
        said = run_odisea("check", TRIAL, *words, "-o", out)
        assert (said.code, len(said.messages)) == (1, 1), said.messages
        assert said.messages[0].startswith("odisea: ")
    assert not out.exists()


def test_the_scaffold_of_our_record_is_accepted_and_agrees_with_it(tmp_path: Path) -> None:
    (tmp_path / "dictionary").symlink_to(TRIAL.parent / "dictionary")
    record = TRIAL.parent / "registry" / "nct07248813.json"
    succeed("new", record, "-o", tmp_path / "scaffold.yaml")
    succeed("check", tmp_path / "scaffold.yaml", "--registry", record, "-o", tmp_path / "out")
    classes = {each["class"] for each in read(tmp_path / "out", "drift.json")["differences"]}
    assert classes <= {"equal", "equivalent", "not_comparable"}
    assert "error" not in {each["severity"] for each in read(tmp_path / "out", "findings.json")["findings"]}
