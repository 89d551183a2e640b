"""An allocation folder from its set-up to its last participant: order, interruption, tampering, and what stands in clear."""

import csv
import io
import json
import multiprocessing
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from small_protocol import write_small_protocol

from odisea.allocation.allocate_next import Drawn, Request, write_next
from odisea.allocation.commitments import COMMITMENTS, PLAN
from odisea.allocation.folder import LOCK, OPENINGS, write_locked
from odisea.allocation.log import LOG, parse_log, render_log
from odisea.allocation.sealing import digest, write_identity
from odisea.allocation.set_up import Prepared, write_set_up
from odisea.allocation.site_plan import RESTRICTED_TABLE, SitePlan, strata_of
from odisea.allocation.verify import Verified, read_verified
from odisea.errors import ProtocolError
from odisea.protocol.load import Located, load_located_protocol, parse_yaml
from odisea.protocol.model import Protocol

TOTAL = 8
ARMS = ("active", "placebo", "usual")
WHEN = "2026-01-05T23:30:00-06:00"
HEAD = 'odisea: {kind: randomisation, schema: "1"}\ntrial: small\nrandomisation:\n'
SEX = "sex: {column: sex, levels: [female, male]}"
AGE = "age: {column: age_years, levels: [young, old], cuts: [50]}"
PLANS = {
    "simple": "  method: simple\n",
    "blocks": "  method: permuted_blocks\n  block_sizes: [4, 8]\n",
    "stratified": f"  method: permuted_blocks\n  block_sizes: [4, 8]\n  stratify_by: [sex]\n  factors:\n    {SEX}\n",
    "two_factors": f"  method: simple\n  stratify_by: [age, sex]\n  factors:\n    {SEX}\n    {AGE}\n",
    "urn": f"  method: urn\n  stratify_by: [sex]\n  factors:\n    {SEX}\n",
    "biased_coin": "  method: biased_coin\n  bias: 0.7\n",
    "big_stick": "  method: big_stick\n  limit: 2\n",
    "minimisation": f"  method: minimisation\n  minimise_over: [{{factor: sex}}, {{factor: age}}]\n  factors:\n    {SEX}\n    {AGE}\n",
}
LISTS = ("simple", "blocks", "stratified", "two_factors")


class Clinic(NamedTuple):
    """One allocation with what its people hold."""

    folder: Path
    protocol: Located[Protocol]
    key: Path
    prepared: Prepared
    strata: tuple[str, ...]

    def allocate(self, participant: int, stratum: str | None = None, **options: float) -> Drawn:
        """Allocate a participant, by default to the strata in turn."""
        chosen = stratum or self.strata[participant % len(self.strata)]
        return write_next(self.folder, self.protocol, Request(chosen, f"P{participant}", "custodian", WHEN), self.key, **options)

    def verify(self, *noted: str, key: bool = True) -> Verified:
        return read_verified(self.folder, self.protocol, self.key if key else None, noted)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


Open = Callable[[str], Clinic]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Sets up an allocation by the name of a plan."""

    def set_up(name: str) -> Clinic:
        path = write_small_protocol(tmp_path, {"protocol.yaml": ("sample_size: {", f"sample_size: {{total: {TOTAL}, ")})
        located, site = load_located_protocol(path), parse_yaml(HEAD + PLANS[name], SitePlan)
        recipient = write_identity(tmp_path / "key.txt", WHEN)
        prepared = write_set_up(tmp_path / "allocation", located, site, [recipient], "statistician", WHEN)
        return Clinic(tmp_path / "allocation", located, tmp_path / "key.txt", prepared, tuple(strata_of(site.value.randomisation)))

    return set_up


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# ---------------------------------------------------------------- from the first to the last


@pytest.mark.parametrize("name", PLANS)
def test_a_whole_trial(name: str, opened: Open) -> None:
    clinic = opened(name)
    drawn = [clinic.allocate(number) for number in range(TOTAL)]
    assert [one.number for one in drawn] == list(range(1, TOTAL + 1))
    found = clinic.verify(clinic.prepared.registered, *(one.logged for one in drawn))
    sealed = TOTAL * len(clinic.strata) if name in LISTS else 0
    assert found == Verified(TOTAL, 1 + sealed, TOTAL, sealed or TOTAL, clinic.prepared.registered, drawn[-1].logged, False)
    assert clinic.prepared.envelopes == sealed
    rows = list(csv.DictReader(io.StringIO(clinic.read(RESTRICTED_TABLE).decode())))
    assert [row["arm"] for row in rows] == [one.arm for one in drawn]
    assert [row["participant_id"] for row in rows] == [f"P{number}" for number in range(TOTAL)]
    assert [row["stratum"] for row in rows] == [one.stratum for one in drawn]
    assert {row["allocated_date"] for row in rows} == {WHEN[:10]}  # the day on the wall, not that of Greenwich
    if name == "blocks":
        assert Counter(one.arm for one in drawn) == {"active": 4, "placebo": 2, "usual": 2}
    with pytest.raises(ProtocolError, match=f"all {TOTAL} participants"):
        clinic.allocate(TOTAL)


def test_a_second_set_up_of_the_same_plan_is_another_list(opened: Open, tmp_path: Path) -> None:
    """Two places are alike with probability 3/8 (ratio 2:1:1), so six lists of eight would be with probability below 1e-17."""
    clinic, seen = opened("simple"), set()
    site = parse_yaml(HEAD + PLANS["simple"], SitePlan)
    recipient = json.loads(clinic.read(COMMITMENTS))["custodians"][0]
    for number in range(6):
        again = clinic._replace(folder=tmp_path / f"again{number}")
        write_set_up(again.folder, clinic.protocol, site, [recipient], "statistician", WHEN)
        seen.add(tuple(again.allocate(who).arm for who in range(TOTAL)))
    assert len(seen) > 1


def test_nothing_is_ever_overwritten(opened: Open) -> None:
    clinic = opened("blocks")
    before = {path: path.read_bytes() for path in files(clinic.folder)}
    recipient = json.loads(clinic.read(COMMITMENTS))["custodians"][0]
    with pytest.raises(ProtocolError, match="never overwritten"):
        write_set_up(clinic.folder, clinic.protocol, parse_yaml(HEAD + PLANS["blocks"], SitePlan), [recipient], "x", WHEN)
    assert {path: path.read_bytes() for path in files(clinic.folder)} == before
    assert not list(clinic.folder.parent.glob(".*"))


# ---------------------------------------------------------------- what stands in clear


@pytest.mark.parametrize("name", PLANS)
def test_no_arm_and_nothing_of_the_method_stands_in_clear(name: str, opened: Open) -> None:
    """Arms are canaries: no byte of theirs is outside the restricted folder, before or after allocations.

    The 15,000 bytes of all ciphertexts hold the shortest of the words that are looked for in them, of five bytes, by chance
    with probability 1.4e-8.
    """
    clinic = opened(name)
    anywhere = [*ARMS, "block_sizes", "minimise", "AGE-SECRET-KEY"]
    in_open_files = [*anywhere, "block", "bias", "limit", "urn", "minimis", "seed", "salt", "[4", *PLANS]
    for allocated in range(4):
        if allocated:
            clinic.allocate(allocated)
        for path in files(clinic.folder):
            if path.parent.name != "restricted":
                words = anywhere if path.suffix == ".age" else in_open_files
                assert not [word for word in words if word.encode() in path.read_bytes()], path
    assert stat_of(clinic.folder / "restricted") == 0o700
    assert {stat_of(path) for path in files(clinic.folder / "restricted")} == {0o600}


def stat_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_restricted_folder_holds_opened_entries_only(opened: Open) -> None:
    clinic = opened("stratified")
    clinic.allocate(0)
    clinic.allocate(1)
    assert len(clinic.read(OPENINGS).splitlines()) == 2
    assert len(clinic.read(RESTRICTED_TABLE).splitlines()) == 3


# ---------------------------------------------------------------- refusals


def test_a_refusal_changes_nothing(opened: Open, tmp_path: Path) -> None:
    clinic = opened("stratified")
    clinic.allocate(0, "sex=male")
    before = {path: path.read_bytes() for path in files(clinic.folder)}
    with pytest.raises(ProtocolError) as raised:
        clinic.allocate(0, "sex=both")
    assert [problem.found for problem in raised.value.problems] == ["P0 is already allocated", "sex is 'both'"]
    write_identity(tmp_path / "other.txt", WHEN)
    with pytest.raises(ProtocolError, match="this identity opens nothing here; sealed to age1"):
        clinic._replace(key=tmp_path / "other.txt").allocate(1)
    with pytest.raises(ProtocolError, match="the participant is 'P 1'"):
        write_next(clinic.folder, clinic.protocol, Request("sex=male", "P 1", "custodian", WHEN), clinic.key)
    assert {path: path.read_bytes() for path in files(clinic.folder)} == before


def test_a_list_that_is_used_up(opened: Open) -> None:
    """Only a protocol that was amended for more participants comes to the end of a list."""
    clinic = opened("stratified")
    for number in range(TOTAL):
        clinic.allocate(number, "sex=male")
    more = clinic.protocol.value.sample_size.total.model_copy(update={"value": TOTAL + 5})
    size = clinic.protocol.value.sample_size.model_copy(update={"total": more})
    amended = Located(clinic.protocol.value.model_copy(update={"sample_size": size}), clinic.protocol.document, clinic.protocol.parts)
    with pytest.raises(ProtocolError, match="the list of sex=male is used up"):
        clinic._replace(protocol=amended).allocate(99, "sex=male")
    assert clinic._replace(protocol=amended).allocate(99, "sex=female").number == TOTAL + 1


def with_text(clinic: Clinic, old: str, new: str) -> Clinic:
    path = clinic.folder.parent / "protocol.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    return clinic._replace(protocol=load_located_protocol(path))


def test_an_amended_protocol_is_noted_and_other_arms_are_refused(opened: Open) -> None:
    clinic = opened("blocks")
    clinic.allocate(0)
    amended = with_text(clinic, "attrition: 0.2", "attrition: 0.3")
    amended.allocate(1)
    assert amended.verify().amended
    first, second = parse_log(clinic.read(LOG), LOG).allocated
    assert first.protocol != second.protocol
    other = with_text(amended, "ratio: [2, 1, 1]", "ratio: [1, 1, 2]")
    for refused in (lambda: other.allocate(2), other.verify):
        with pytest.raises(ProtocolError, match="other arms or another ratio"):
            refused()


def test_no_folder_no_allocation(opened: Open, tmp_path: Path) -> None:
    clinic = opened("blocks")
    for folder, message in ((tmp_path / "absent", "no such folder"), (tmp_path, "no allocation folder")):
        with pytest.raises(ProtocolError, match=message):
            clinic._replace(folder=folder).allocate(0)
        with pytest.raises(ProtocolError, match=message):
            clinic._replace(folder=folder).verify()
        assert not (folder / LOCK).exists()


# ---------------------------------------------------------------- tampering


def changed_bytes(content: bytes, step: int) -> Iterator[bytes]:
    for place in {*range(0, len(content), step), len(content) - 1} if content else ():
        yield content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("step", [31, pytest.param(1, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", ["blocks", "minimisation"])
def test_a_changed_byte_of_any_file_is_found_without_a_key(name: str, step: int, opened: Open) -> None:
    """Opened entries and table: every byte. The log (whose own test takes every byte) and what is checked by its hash: every 31st."""
    clinic = opened(name)
    for number in range(2):
        clinic.allocate(number)
    clinic.verify(key=False)
    for path in files(clinic.folder):
        content = path.read_bytes()
        for changed in changed_bytes(content, 1 if path.parent.name == "restricted" else step):
            path.write_bytes(changed)
            with pytest.raises(ProtocolError):
                clinic.verify(key=False)
        path.write_bytes(content)
    clinic.verify()


def test_nobody_is_allocated_from_a_folder_that_was_changed(opened: Open) -> None:
    clinic = opened("stratified")
    clinic.allocate(0)
    clinic.allocate(1)
    for path in [path for path in files(clinic.folder) if path.stat().st_size]:
        content = path.read_bytes()
        path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
        with pytest.raises(ProtocolError):
            clinic.allocate(2)
        path.write_bytes(content)
    clinic.allocate(2)


def test_envelopes_that_change_places_go_missing_or_come_in_are_found(opened: Open) -> None:
    clinic = opened("stratified")
    first, second = (clinic.folder / "sealed" / "01" / name for name in ("0001.age", "0002.age"))
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])
    with pytest.raises(ProtocolError) as raised:
        clinic.verify(key=False)
    assert [problem.found for problem in raised.value.problems] == ["the sealed file was changed"] * 2
    first.unlink()
    second.write_bytes(contents[1])
    shutil.copy(second, second.with_name("0009.age"))
    with pytest.raises(ProtocolError) as raised:
        clinic.allocate(0)
    assert [problem.found for problem in raised.value.problems] == [
        "the sealed file is missing",
        "the sealed file is not in the commitments",
    ]
    (clinic.folder / COMMITMENTS).unlink()
    with pytest.raises(ProtocolError, match="the file is missing"):
        clinic.verify()


def forge(clinic: Clinic, **update: object) -> None:
    """Write the log's last line anew, with a right hash, as somebody could who has no key."""
    log = parse_log(clinic.read(LOG), LOG)
    last = log.allocated[-1].model_copy(update=update)
    (clinic.folder / LOG).write_bytes(render_log(log.model_copy(update={"allocated": (*log.allocated[:-1], last)})))


@pytest.mark.parametrize("name", ["blocks", "stratified"])
def test_entries_are_taken_in_order(name: str, opened: Open) -> None:
    clinic = opened(name)
    clinic.allocate(0, clinic.strata[0])
    clinic.allocate(1, clinic.strata[0])
    lists = json.loads(clinic.read(COMMITMENTS))["lists"]
    forge(clinic, place=3, commitment=lists[0]["envelopes"][2]["commitment"])
    for refused in (lambda: clinic.allocate(2), lambda: clinic.verify(key=False)):
        with pytest.raises(ProtocolError, match=r"log\.jsonl:3: number 2 is not the next entry"):
            refused()


def test_a_commitment_that_was_not_published_is_refused(opened: Open) -> None:
    clinic = opened("blocks")
    clinic.allocate(0)
    forge(clinic, commitment="0" * 64)
    with pytest.raises(ProtocolError, match="not the next entry of its list"):
        clinic.verify(key=False)


def test_an_arm_on_demand_that_was_not_drawn_is_found_with_the_key(opened: Open) -> None:
    """Whoever can write the folder can forge line and opening alike; the key tells."""
    clinic = opened("minimisation")
    clinic.allocate(0)
    rows = [json.loads(line) for line in clinic.read(OPENINGS).splitlines()]
    forged = rows[0]["opening"]
    forged["entry"]["arm"] = next(arm for arm in ARMS if arm != forged["entry"]["arm"])
    entry = json.dumps(forged["entry"], sort_keys=True, separators=(",", ":")).encode()
    forge(clinic, commitment=digest(bytes.fromhex(forged["salt"]) + entry))
    (clinic.folder / OPENINGS).write_bytes(json.dumps(rows[0], sort_keys=True, separators=(",", ":")).encode() + b"\n")
    (clinic.folder / RESTRICTED_TABLE).unlink()
    for refused in (clinic.verify, lambda: clinic.allocate(1)):
        with pytest.raises(ProtocolError):
            refused()


def test_an_erased_allocation_is_found(opened: Open) -> None:
    clinic = opened("blocks")
    noted = [clinic.allocate(number).logged for number in range(3)]
    log = parse_log(clinic.read(LOG), LOG)
    (clinic.folder / LOG).write_bytes(render_log(log.model_copy(update={"allocated": log.allocated[:2]})))
    for refused in (clinic.verify, lambda: clinic.allocate(3)):
        with pytest.raises(ProtocolError, match="more than the log's"):
            refused()
    shutil.rmtree(clinic.folder / "restricted")  # and now the traces too
    assert clinic.verify(*noted[:2]).opened is None
    with pytest.raises(ProtocolError, match=f"{noted[2]} is not in the log"):
        clinic.verify(*noted)


def test_a_list_sealed_anew_is_found_by_the_registered_hash(opened: Open) -> None:
    clinic = opened("blocks")
    registered = clinic.prepared.registered
    recipient = json.loads(clinic.read(COMMITMENTS))["custodians"][0]
    shutil.rmtree(clinic.folder)
    write_set_up(clinic.folder, clinic.protocol, parse_yaml(HEAD + PLANS["blocks"], SitePlan), [recipient], "statistician", WHEN)
    clinic.verify()
    with pytest.raises(ProtocolError, match="cut off or written anew"):
        clinic.verify(registered)


def test_a_copy_without_the_restricted_folder_can_be_verified_read_only(opened: Open, tmp_path: Path) -> None:
    clinic = opened("blocks")
    clinic.allocate(0)
    copy = tmp_path / "copy"
    shutil.copytree(clinic.folder, copy, ignore=shutil.ignore_patterns("restricted", LOCK))
    found = clinic._replace(folder=copy).verify(key=False)
    assert (found.allocated, found.opened, found.entries) == (1, None, None)
    assert not (copy / LOCK).exists()


# ---------------------------------------------------------------- interruptions


class Killed(BaseException):
    """A process ends here, and nothing that it would still do is done."""


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """End the process before its n-th renaming."""
    left, original = [step], Path.replace

    def replace(self: Path, target: Path) -> Path:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return original(self, target)

    monkeypatch.setattr(Path, "replace", replace)


@pytest.mark.parametrize("name", ["stratified", "minimisation"])
@pytest.mark.parametrize(("step", "counted"), [(0, False), (1, True), (2, True)])
def test_a_call_that_ends_in_between_was_made_or_was_not(
    name: str, step: int, counted: bool, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renamed one after the other: log, opened entries, table. The log decides."""
    clinic = opened(name)
    clinic.allocate(0)
    with monkeypatch.context() as patched:
        kill_at(step, patched)
        with pytest.raises(Killed):
            clinic.allocate(1)
    assert clinic.folder.joinpath(LOG).read_bytes().count(b"\n") == (3 if counted else 2)
    if counted:
        with pytest.raises(ProtocolError, match="missing here: 1;"):
            clinic.verify()
        with pytest.raises(ProtocolError, match="P1 is already allocated"):
            clinic.allocate(1)  # which completes the restricted files
        assert clinic.read(RESTRICTED_TABLE).count(b"\nP1,") + clinic.read(RESTRICTED_TABLE).count(b",P1,") == 1
    else:
        clinic.verify()
        assert clinic.allocate(1).completed == 0
    clinic.verify()
    assert clinic.allocate(2).number == 3


def test_an_allocation_after_an_interrupted_one_completes_it(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic = opened("minimisation")
    with monkeypatch.context() as patched:
        kill_at(1, patched)
        with pytest.raises(Killed):
            clinic.allocate(0)
    drawn = clinic.allocate(1)
    assert (drawn.number, drawn.completed) == (2, 1)
    clinic.verify()


def test_a_lost_restricted_folder_is_made_again_from_the_log_and_the_key(opened: Open) -> None:
    clinic = opened("stratified")
    for number in range(4):
        clinic.allocate(number)
    before = {name: clinic.read(name) for name in (OPENINGS, RESTRICTED_TABLE)}
    shutil.rmtree(clinic.folder / "restricted")
    assert clinic.allocate(4).completed == 4
    for name, content in before.items():
        assert clinic.read(name).startswith(content)


def test_a_set_up_that_is_interrupted_leaves_no_folder(opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patched:
        kill_at(0, patched)
        with pytest.raises(Killed):
            opened("blocks")
    assert not (tmp_path / "allocation").exists()


class Job(NamedTuple):
    """What another process needs to allocate participants one after the other."""

    folder: Path
    key: Path
    strata: tuple[str, ...]
    participants: range


def allocate_all(job: Job) -> None:
    protocol = load_located_protocol(job.folder.parent / "protocol.yaml")
    for number in job.participants:
        request = Request(job.strata[number % len(job.strata)], f"P{number}", "custodian", WHEN)
        write_next(job.folder, protocol, request, job.key)


def started(clinic: Clinic, participants: range) -> multiprocessing.context.SpawnProcess:
    job = Job(clinic.folder, clinic.key, clinic.strata, participants)
    process = multiprocessing.get_context("spawn").Process(target=allocate_all, args=(job,))
    process.start()
    return process


@pytest.mark.parametrize("wait", [0.0, 0.01, 0.02])
def test_kill_9_in_the_middle(wait: float, opened: Open) -> None:
    """A process that allocates one after the other is killed soon after its first line stands in the log."""
    clinic = opened("stratified")
    process = started(clinic, range(TOTAL))
    for _ in range(3000):
        if clinic.read(LOG).count(b"\n") > 1:
            break
        time.sleep(0.01)
    time.sleep(wait)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert process.exitcode in (-signal.SIGKILL, 0)
    done = clinic.read(LOG).count(b"\n") - 1
    assert done >= 1
    for path in [path for path in files(clinic.folder) if path.parent.name != "restricted"]:
        assert not [arm for arm in ARMS if arm.encode() in path.read_bytes()]
    for number in range(done, TOTAL):
        clinic.allocate(number)
    assert clinic.verify().allocated == TOTAL


# ---------------------------------------------------------------- two at once


def test_two_processes_at_once_share_one_order(opened: Open) -> None:
    clinic = opened("stratified")
    both = [started(clinic, numbers) for numbers in (range(4), range(4, TOTAL))]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert clinic.verify().allocated == TOTAL


def test_who_waits_too_long_is_refused(opened: Open) -> None:
    clinic = opened("blocks")
    with write_locked(clinic.folder), pytest.raises(ProtocolError, match="another process is allocating"):
        clinic.allocate(0, patience=0.1)
    assert clinic.allocate(0).number == 1


def test_the_plan_is_sealed(opened: Open) -> None:
    assert opened("blocks").read(PLAN).startswith(b"age-encryption.org/v1\n")
