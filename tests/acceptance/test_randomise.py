"""`odisea randomise` as statistician, custodian and monitor use it: set up, allocate, verify; and what they are told when they err."""

import csv
import io
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from odisea.data.contract import type_file
from odisea.protocol.load import load_protocol
from tests.commands import Said, run_odisea, succeed
from tests.conftest import ROOT

PROTOCOL = ROOT / "protocol" / "nct07248813.yaml"
THREE_ARMS = ROOT / "protocol" / "examples" / "three_arm_example" / "protocol.yaml"
GUIDE = (ROOT / "docs" / "how-to" / "randomise.md").read_text(encoding="utf-8")
(GUIDE_PLAN,) = re.findall(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL)
TABLE = "restricted/allocation.csv"
SEX = "sex: {column: sex, levels: [female, male]}"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    succeed("randomise", "--new-key", tmp_path / "custodian.key")
    return tmp_path / "custodian.key"


def recipient(key: Path) -> str:
    return key.read_text(encoding="utf-8").splitlines()[1].rpartition(" ")[2]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """The plan of the guide."""
    path = tmp_path / "plan.yaml"
    path.write_text(GUIDE_PLAN, encoding="utf-8")
    return path


SetUp = Callable[..., Said]


@pytest.fixture
def set_up(plan: Path, key: Path, tmp_path: Path) -> SetUp:
    def run(protocol: Path = PROTOCOL, text: str = GUIDE_PLAN) -> Said:
        plan.write_text(text, encoding="utf-8")
        return run_odisea("randomise", protocol, "--plan", plan, "--custodian", recipient(key), "-o", tmp_path / "allocation")

    return run


def allocate(folder: Path, key: Path, participant: str, stratum: str, protocol: Path = PROTOCOL) -> Said:
    words = ("--next", stratum, "--participant", participant, "--identity", key, "--by", "M. Ruiz")
    return run_odisea("randomise", protocol, *words, "-o", folder)


def in_clear(folder: Path) -> bytes:
    """Everything outside the restricted folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.parent.name != "restricted")


# ---------------------------------------------------------------- as the guide says


def test_a_key_is_made_and_its_public_half_printed(tmp_path: Path) -> None:
    said = succeed("randomise", "--new-key", tmp_path / "new.key")
    assert said.printed == recipient(tmp_path / "new.key") + "\n"
    assert re.fullmatch(r"age1[a-z0-9]{58}\n", said.printed)
    assert stat.S_IMODE((tmp_path / "new.key").stat().st_mode) == 0o600
    again = run_odisea("randomise", "--new-key", tmp_path / "new.key")
    assert (again.code, len(again.messages)) == (1, 1)
    assert "never overwritten" in again.messages[0]


def test_the_guide_from_the_plan_to_the_verified_list(set_up: SetUp, key: Path, plan: Path, tmp_path: Path) -> None:
    said, folder = set_up(), tmp_path / "allocation"
    assert said.code == 0, said.messages
    assert "400 envelopes sealed; strata (2): sex=female; sex=male" in said.messages[0]
    noted = [said.messages[1].rpartition(" ")[2]]
    plan.unlink()
    for number, stratum in enumerate(("sex=female", "sex=male", "sex=female"), start=1):
        said = allocate(folder, key, f"P000{number}", stratum)
        assert re.fullmatch(rf"P000{number}: number {number}, arm (tele|control)\n", said.printed), said
        noted.append(said.messages[-1].rpartition(" ")[2])
    expected = [word for one in noted for word in ("--expect", one)]
    open_check = succeed("randomise", PROTOCOL, "--verify", *expected, "-o", folder)
    full_check = succeed("randomise", PROTOCOL, "--verify", *expected, "--identity", key, "-o", folder)
    assert any("401 unchanged; 400 entries are what" in message for message in full_check.messages)
    assert any("3 opened entries fit" in message for message in open_check.messages)
    held = in_clear(folder)
    # 100,000 bytes of ciphertext hold given six bytes by chance with probability below 1e-9.
    assert not [word for word in (b'"tele"', b"control", b"block_sizes", b"permuted", b"AGE-SECRET") if word in held]


def test_the_table_is_what_the_analysis_reads(set_up: SetUp, key: Path, tmp_path: Path) -> None:
    work = 'work: {column: work, levels: ["yes", "no"]}'
    set_up(text=GUIDE_PLAN.replace("[sex]", "[sex, work]").replace(SEX, f"{SEX}\n    {work}"))
    folder = tmp_path / "allocation"
    for number in range(1, 4):
        assert allocate(folder, key, f"P000{number}", "work=no,sex=male").code == 0
    content = (folder / TABLE).read_bytes()
    table, problems = type_file(content, TABLE, load_protocol(PROTOCOL).dictionary.files[TABLE])
    assert not problems
    assert table.columns["randomisation_no"] == (1, 2, 3)
    assert table.columns["stratum"] == ("sex=male,work=no",) * 3
    assert next(csv.reader(io.StringIO(content.decode()))) == list(load_protocol(PROTOCOL).dictionary.files[TABLE].columns)


def test_minimisation_on_demand(set_up: SetUp, key: Path, tmp_path: Path) -> None:
    method = "permuted_blocks\n  block_sizes: [4, 6]\n  stratify_by: [sex]"
    text = GUIDE_PLAN.replace(method, "minimisation\n  minimise_over: [{factor: sex}, {factor: odi, weight: 2}]")
    text = text.replace(SEX, f"{SEX}\n    odi: {{column: odi, levels: [low, high], cuts: [40]}}")
    said, folder = set_up(text=text), tmp_path / "allocation"
    assert "arms are drawn on demand; strata (4)" in said.messages[0], said
    arms = [allocate(folder, key, f"P000{number}", "odi=low,sex=female").printed.split()[-1] for number in range(1, 5)]
    assert set(arms) <= {"tele", "control"}
    succeed("randomise", PROTOCOL, "--verify", "--identity", key, "-o", folder)


def test_three_arms_as_their_protocol_states_the_strata(set_up: SetUp, key: Path, tmp_path: Path) -> None:
    text = GUIDE_PLAN.replace("nct07248813", load_protocol(THREE_ARMS).trial).replace("[4, 6]", "[6, 9]")
    refused = set_up(THREE_ARMS, text)
    assert refused.code == 1
    assert "stratification is sex; the protocol states aura" in refused.messages[0]
    text = text.replace(SEX, "aura: {column: aura, levels: [with, without]}").replace("[sex]", "[aura]")
    assert set_up(THREE_ARMS, text).code == 0
    folder = tmp_path / "allocation"
    drawn = [allocate(folder, key, f"P{number:04d}", "aura=with", THREE_ARMS).printed.split()[-1] for number in range(1, 4)]
    assert set(drawn) <= {"high", "low", "placebo"}
    succeed("randomise", THREE_ARMS, "--verify", "--identity", key, "-o", folder)


def test_who_did_it_is_logged_by_default_as_the_account(set_up: SetUp, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "statistician")
    set_up()
    assert allocate(tmp_path / "allocation", key, "P0001", "sex=male").code == 0
    first, second = (tmp_path / "allocation" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert '"by":"statistician"' in first
    assert '"by":"M. Ruiz"' in second


# ---------------------------------------------------------------- what they are told when they err


def test_every_fault_of_a_set_up_is_told_at_once_and_nothing_is_written(plan: Path, tmp_path: Path) -> None:
    text = GUIDE_PLAN.replace("trial: nct07248813", "trial: other").replace("[4, 6]", "[4, 5]")
    plan.write_text(text, encoding="utf-8")
    said = run_odisea("randomise", PROTOCOL, "--plan", plan, "--custodian", "age1x", "-o", tmp_path / "allocation")
    assert said.code == 1
    assert said.printed == ""
    needles = ("written for trial other", "'age1x' is no age recipient", "the size is 5")
    assert len(said.messages) == len(needles), said.messages
    for needle in needles:
        assert any(needle in message for message in said.messages), needle
    assert not (tmp_path / "allocation").exists()


@pytest.mark.parametrize(
    ("old", "new", "needles"),
    [
        ("kind: randomisation", "kind: protocol", ("plan.yaml:1", "a file of kind randomisation is needed here")),
        ("  block_sizes: [4, 6]\n", "", ("plan.yaml", "permuted_blocks needs block_sizes")),
        ("permuted_blocks\n", "simple\n", ("plan.yaml", "simple does not read block_sizes")),
        ("permuted_blocks\n", "permuted_block\n", ("plan.yaml:4", "Did you mean permuted_blocks?")),
        ("[female, male]", "[female, male, female]", ("plan.yaml", "a level is given twice")),
        ("  stratify_by: [sex]\n", "", ("plan.yaml", "the factor sex is declared and not used")),
        ("trial:", "trail:", ("plan.yaml:2", "trail")),
    ],
)
def test_a_plan_with_a_fault(old: str, new: str, needles: tuple[str, ...], set_up: SetUp, tmp_path: Path) -> None:
    assert GUIDE_PLAN.count(old) == 1
    said = set_up(text=GUIDE_PLAN.replace(old, new))
    assert said.code == 1
    assert any(all(needle in message for needle in needles) for message in said.messages), said.messages
    assert not (tmp_path / "allocation").exists()


def test_a_folder_is_never_overwritten(set_up: SetUp, tmp_path: Path) -> None:
    (tmp_path / "allocation").mkdir()
    (tmp_path / "allocation" / "mine.txt").write_text("mine", encoding="utf-8")
    said = set_up()
    assert (said.code, len(said.messages)) == (1, 1)
    assert "not empty" in said.messages[0]
    assert os.listdir(tmp_path / "allocation") == ["mine.txt"]


@pytest.mark.parametrize(
    ("words", "needles"),
    [
        ((), ("nothing is asked for; one of --plan, --next, --verify, --new-key",)),
        (("--plan", "x", "--verify"), ("--plan and --verify were given",)),
        (("--plan", "x"), ("PROTOCOL is missing", "--custodian is missing", "-o is missing")),
        ((PROTOCOL, "--next", "all", "-o", "x"), ("--participant is missing", "--identity is missing")),
        ((PROTOCOL, "--verify", "-o", "x", "--participant", "P0001"), ("--participant has no meaning here",)),
        (("--new-key", "x", "--identity", "y"), ("--identity has no meaning here",)),
        ((PROTOCOL, "--verify", "-o", "absent"), ("there is no such folder",)),
        ((PROTOCOL, "--plan", "absent.yaml", "--custodian", "age1", "-o", "x"), ("absent.yaml",)),
        (
            (PROTOCOL, "--next", "all", "--participant", "P0001", "--identity", "absent.key", "-o", "x"),
            ("absent.key: there is no such file",),
        ),
        (("--new-key", "x", "--by", "y"), ("--by has no meaning here",)),
        ((PROTOCOL, "--plan", "p", "--custodian", "c", "--by", "a\nb", "-o", "x"), ("--by: the name is",)),
    ],
)
def test_options_of_which_nothing_can_be_made(
    words: tuple[object, ...], needles: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = run_odisea("randomise", *words)
    assert (said.code, said.printed, len(said.messages)) == (1, "", len(needles)), said
    for needle, message in zip(needles, said.messages, strict=True):
        assert needle in message
        assert message.startswith("odisea: ")
    assert not list(tmp_path.iterdir())


def test_refusals_of_an_allocation_are_told_at_once(set_up: SetUp, key: Path, tmp_path: Path) -> None:
    set_up()
    folder = tmp_path / "allocation"
    assert allocate(folder, key, "P0001", "sex=male").code == 0
    said = allocate(folder, key, "P0001", "sex=mal")
    assert (said.code, said.printed, len(said.messages)) == (1, "", 2)
    assert "P0001 is already allocated; number 1" in said.messages[0]
    assert "sex is 'mal'; levels: female, male" in said.messages[1]
    said = allocate(folder, key, "Pedro 1", "sex=male")
    assert "the participant is 'Pedro 1'; pseudonyms have the form" in said.messages[0]
    succeed("randomise", "--new-key", tmp_path / "other.key")
    said = allocate(folder, tmp_path / "other.key", "P0002", "sex=male")
    assert f"sealed to {recipient(key)}" in said.messages[0]
    said = run_odisea("randomise", THREE_ARMS, "--verify", "-o", folder)
    assert "the list is of trial nct07248813" in said.messages[0]
