"""Sealing: the age form, commitments and salts against published values, and what a size or a message must not tell."""

import hashlib
import inspect
import json
import stat
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyrage
import pytest
from small_protocol import write_small_protocol

from odisea.allocation.blocks import permuted_blocks
from odisea.allocation.drawing import (
    SealedPlan,
    draw_arms,
    draw_lists,
    draw_on_demand,
    envelope_content,
    envelope_length,
    plan_length,
    sealed_plan,
)
from odisea.allocation.plan import RandomisationPlan
from odisea.allocation.sealing import (
    KEY_BITS,
    Secret,
    commitment,
    draw_secret,
    read_identities,
    recipients,
    salt_of,
    seal,
    unseal,
    write_identity,
)
from odisea.allocation.set_up import write_set_up
from odisea.allocation.site_plan import Design, SitePlan, count_strata, disagreements, named_stratum, read_design, strata_of
from odisea.errors import ProtocolError
from odisea.protocol.load import Located, load_located_protocol, parse_yaml
from odisea.protocol.model import Protocol

DESIGN = Design("small", ("active", "placebo", "usual"), (2, 1, 1), 40, "[A-Z0-9]+", (), "0" * 64)
SECRET = Secret(2**62 + 12345, 987654321, bytes(range(32)))
SEX = {"sex": {"column": "sex", "levels": ["female", "male"]}}
AGE = {"age": {"column": "age_years", "levels": ["young", "old"], "cuts": [50]}}
PLANS: dict[str, dict[str, object]] = {
    "simple": {},
    "permuted_blocks": {"block_sizes": [4, 8], "stratify_by": ["sex"], "factors": SEX},
    "urn": {"stratify_by": ["sex"], "factors": SEX},
    "biased_coin": {},
    "big_stick": {"limit": 2},
    "minimisation": {"minimise_over": [{"factor": "sex"}, {"factor": "age"}], "factors": {**SEX, **AGE}},
}


def plan(method: str) -> RandomisationPlan:
    return RandomisationPlan.model_validate_json(json.dumps({"method": method, **PLANS[method]}))


def sealed(method: str) -> SealedPlan:
    return sealed_plan(DESIGN, plan(method), SECRET)


# ---------------------------------------------------------------- commitments and salts


def test_a_salt_is_hmac_sha_256() -> None:
    """RFC 4231, test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert salt_of(b"Jefe", "what do ya want for nothing?").hex() == expected


def test_a_commitment_is_sha_256_over_salt_and_entry() -> None:
    assert commitment(b"", {}) == hashlib.sha256(b"{}").hexdigest()
    salt = bytes(range(32))
    assert commitment(salt, {"b": 1, "a": "ñ"}) == hashlib.sha256(salt + '{"a":"ñ","b":1}'.encode()).hexdigest()


def test_no_two_commitments_are_the_same_though_arms_are() -> None:
    entries = [one for entries in draw_lists(sealed("permuted_blocks")).values() for one in entries]
    assert len(entries) == 80
    assert len({one.commitment for one in entries}) == len({one.salt for one in entries}) == 80
    assert {len(one.salt) * 4 for one in entries} == {256}  # bits


def test_nobody_without_the_salt_finds_the_arm_by_trying_all_of_them() -> None:
    one = next(iter(draw_lists(sealed("simple")).values()))[0]
    guesses = [one.entry.model_copy(update={"arm": arm}).model_dump() for arm in DESIGN.arms]
    assert one.commitment in {commitment(bytes.fromhex(one.salt), guess) for guess in guesses}
    other = salt_of(bytes(32), f"{one.entry.stratum} {one.entry.place}")
    assert one.commitment not in {commitment(salt, guess) for guess in guesses for salt in (b"", bytes(32), other)}


# ---------------------------------------------------------------- age


@pytest.fixture
def key(tmp_path: Path) -> Path:
    write_identity(tmp_path / "key.txt", "2026-01-05")
    return tmp_path / "key.txt"


def payload(ciphertext: bytes) -> bytes:
    """What follows the header of an age file (age-encryption.org/v1), whose last line starts with three hyphens."""
    return ciphertext.split(b"\n---", 1)[1].split(b"\n", 1)[1]


def test_an_envelope_is_an_age_file_that_any_custodian_opens(tmp_path: Path) -> None:
    named = [write_identity(tmp_path / f"key{number}", "") for number in range(2)]
    ciphertext = seal(b'{"a":1}', 64, recipients(named))
    assert ciphertext.startswith(b"age-encryption.org/v1\n-> X25519 ")
    for number in range(2):
        line = (tmp_path / f"key{number}").read_text(encoding="utf-8").splitlines()[-1]
        assert json.loads(pyrage.decrypt(ciphertext, [pyrage.x25519.Identity.from_str(line)])) == {"a": 1}
        assert unseal(ciphertext, read_identities(tmp_path / f"key{number}"), "x") == b'{"a":1}'.ljust(64)


def test_another_key_opens_nothing_and_the_message_tells_nothing(tmp_path: Path, key: Path) -> None:
    other = write_identity(tmp_path / "other.txt", "")
    with pytest.raises(ProtocolError, match=r"sealed/01/0001\.age: .*key\.txt does not open it") as raised:
        unseal(seal(b"canary", 64, recipients([other])), read_identities(key), "sealed/01/0001.age")
    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_every_changed_byte_of_a_ciphertext_is_found_when_it_is_opened(key: Path) -> None:
    identities = read_identities(key)
    ciphertext = seal(b"canary", 64, recipients(identities.recipients))
    for place, byte in enumerate(ciphertext):
        with pytest.raises(ProtocolError):
            unseal(ciphertext[:place] + bytes([byte ^ 1]) + ciphertext[place + 1 :], identities, "x")


def test_sizes_tell_nothing_about_contents(key: Path) -> None:
    """Arms with names of different lengths: the encrypted parts have one length, and no two ciphertexts are alike."""
    to = recipients(read_identities(key).recipients)
    lists = list(draw_lists(sealed("permuted_blocks")).values())
    length = envelope_length(lists, DESIGN.arms)
    ciphertexts = [seal(envelope_content(one), length, to) for entries in lists for one in entries]
    assert len({len(envelope_content(one)) for entries in lists for one in entries}) > 1
    assert len({len(payload(one)) for one in ciphertexts}) == 1
    assert len(set(ciphertexts)) == len(ciphertexts)
    assert len({plan_length(sealed(method)) for method in PLANS}) == 1
    with pytest.raises(ValueError, match="do not fit"):
        seal(b"too long", 3, to)


def test_a_key_is_for_its_owner_alone_and_is_never_overwritten(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    text = key.read_text(encoding="utf-8")
    assert [line.split("1")[0] for line in text.splitlines() if not line.startswith("#")] == ["AGE-SECRET-KEY-"]
    assert read_identities(key).recipients[0] in text
    with pytest.raises(ProtocolError, match="never overwritten"):
        write_identity(key, "")
    assert key.read_text(encoding="utf-8") == text
    key.chmod(0o640)
    with pytest.raises(ProtocolError, match="chmod 600"):
        read_identities(key)


def test_an_identity_file_with_comments_and_other_line_ends_is_read(tmp_path: Path) -> None:
    path, second = tmp_path / "key.txt", pyrage.x25519.Identity.generate()
    path.touch(mode=0o600)
    path.write_bytes(b"# created: 2021-01-02T15:30:45+01:00\r\n\r\n" + f"{second}\r\n".encode())
    assert read_identities(path).recipients == (str(second.to_public()),)


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"AGE-SECRET-KEY-1QQ\n", b"\xff\x00", b"age-encryption.org/v1\n-> scrypt x 18\n"])
def test_a_file_without_an_identity_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.txt"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(ProtocolError, match="holds no age identity"):
        read_identities(path)
    with pytest.raises(ProtocolError, match="no such file"):
        read_identities(tmp_path / "absent.txt")


def test_every_wrong_recipient_is_named_but_a_secret_key_is_not_repeated() -> None:
    secret = str(pyrage.x25519.Identity.generate())
    with pytest.raises(ProtocolError) as raised:
        recipients(["age1abc", secret, "custodian"])
    messages = [str(problem) for problem in raised.value.problems]
    assert len(messages) == 3
    assert "'age1abc'" in messages[0]
    assert secret not in "".join(messages)
    assert secret[20:40] not in "".join(messages)


# ---------------------------------------------------------------- the secret


def test_the_secret_comes_from_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def bits(count: int) -> int:
        asked.append(count)
        return (1 << count) - 1

    monkeypatch.setattr("odisea.allocation.sealing.secrets.randbits", bits)
    monkeypatch.setattr("odisea.allocation.sealing.secrets.token_bytes", bytes)
    assert draw_secret() == Secret(2**63 - 1, 2**63 - 1, bytes(32))
    assert asked == [KEY_BITS, KEY_BITS] == [63, 63]


def test_secrets_differ_and_nobody_can_give_one() -> None:
    """The simulator's seed is public; a real list has another object, drawn here, that no argument can set (CON-7)."""
    drawn = {draw_secret() for _ in range(100)}
    assert len({one.seed for one in drawn} | {one.replicate for one in drawn}) == 200
    assert not {"seed", "replicate", "secret"} & set(inspect.signature(write_set_up).parameters)
    lists = {draw_arms(sealed_plan(DESIGN, plan("simple"), draw_secret()), ["all"] * 200) for _ in range(20)}
    assert len(lists) == 20


# ---------------------------------------------------------------- drawing


def test_a_list_is_that_of_the_generator_that_the_simulator_uses() -> None:
    one = sealed_plan(DESIGN, plan("permuted_blocks").model_copy(update={"stratify_by": (), "factors": {}}), SECRET)
    expected = np.empty(40, dtype=np.int64)
    permuted_blocks(SECRET.seed, SECRET.replicate, np.array([4, 8]), np.array([2, 1, 1]), expected)
    (entries,) = draw_lists(one).values()
    assert [entry.entry.arm for entry in entries] == [DESIGN.arms[index] for index in expected]


def test_every_stratum_has_a_list_of_its_own_that_keeps_the_ratio() -> None:
    lists = draw_lists(sealed("permuted_blocks"))
    assert list(lists) == ["sex=female", "sex=male"]
    arms = {stratum: [one.entry.arm for one in entries] for stratum, entries in lists.items()}
    assert arms["sex=female"] != arms["sex=male"]
    assert [one.entry.place for one in lists["sex=male"]] == list(range(1, 41))
    for drawn in arms.values():  # after each smallest block an arm is at most the rest of a larger block away from its share
        for end in range(4, 41, 4):
            assert abs(drawn[:end].count("active") - end / 2) <= 2


@pytest.mark.parametrize("method", [name for name in PLANS if not plan(name).is_list_method])
def test_an_arm_drawn_on_demand_does_not_depend_on_who_comes_later(method: str) -> None:
    one = sealed(method)
    strata: Sequence[str] = (tuple(strata_of(one.plan)) * 20)[:20]
    whole = draw_on_demand(one, strata)
    assert {entry.entry.arm for entry in whole} == set(DESIGN.arms)
    for count in range(20):
        assert draw_on_demand(one, strata[:count]) == whole[:count]
    assert [entry.entry.place for entry in whole] == list(range(1, 21))


@pytest.mark.parametrize("method", PLANS)
def test_a_sealed_plan_reads_back(method: str) -> None:
    one = sealed(method)
    again = SealedPlan.model_validate_json(one.content.ljust(plan_length(one)))
    assert (again, again.commitment) == (one, one.commitment)
    assert list(strata_of(again.plan)) == list(strata_of(one.plan))


# ---------------------------------------------------------------- the plan and the protocol

SITE = """\
odisea: {kind: randomisation, schema: "1"}
trial: small
randomisation:
  method: permuted_blocks
  block_sizes: [4, 8]
  stratify_by: [sex, age]
  factors:
    age: {column: age_years, levels: [young, old], cuts: [50]}
    sex: {column: sex, levels: [female, male]}
"""


def protocol(folder: Path, randomisation: str = "", size: str = "total: 40, ") -> Located[Protocol]:
    path = write_small_protocol(folder)
    text = path.read_text(encoding="utf-8")
    text = text.replace("{ratio: [2, 1, 1]}", f"{{ratio: [2, 1, 1]{randomisation}}}").replace("sample_size: {", f"sample_size: {{{size}")
    path.write_text(text, encoding="utf-8")
    return load_located_protocol(path)


@pytest.mark.parametrize(
    "stated",
    [
        "",
        ", method: permuted_blocks",
        ", stratification: [age, sex], strata: 4",
        ", stratification: [sex, age], block_sizes: in_restricted_document",
        ", random_element: 0.8",
        ", block_sizes: [8, 4]",
    ],
)
def test_a_plan_may_fill_the_gaps_of_a_protocol_and_repeat_it(stated: str, tmp_path: Path) -> None:
    assert not disagreements(protocol(tmp_path, stated), parse_yaml(SITE, SitePlan))


@pytest.mark.parametrize(
    ("stated", "needles"),
    [
        (", method: minimisation", ("method is permuted_blocks", "states minimisation")),
        (", stratification: [sex]", ("stratification is age, sex", "states sex")),
        (", stratification: []", ("states none",)),
        (", strata: 6", ("strata is 4", "states 6")),
        (", block_sizes: not_applicable", ("block sizes are not those",)),
        (", block_sizes: [4]", ("block sizes are not those",)),
    ],
)
def test_a_plan_that_contradicts_its_protocol_is_refused(stated: str, needles: Sequence[str], tmp_path: Path) -> None:
    (problem,) = disagreements(protocol(tmp_path, stated), parse_yaml(SITE, SitePlan))
    assert all(needle in str(problem) for needle in needles), str(problem)
    assert "protocol.yaml:" in str(problem)
    assert problem.where.startswith("text:")


def test_the_random_element_of_minimisation_is_that_of_the_protocol(tmp_path: Path) -> None:
    text = "  method: minimisation\n  minimise_over: [{factor: sex}, {factor: age}]\n"
    site = SITE.replace("  method: permuted_blocks\n  block_sizes: [4, 8]\n  stratify_by: [sex, age]\n", text)
    located = protocol(tmp_path, ", random_element: 0.7, stratification: [sex, age]")
    (problem,) = disagreements(located, parse_yaml(site, SitePlan))
    assert "random_element is 0.8" in str(problem)
    assert not disagreements(located, parse_yaml(site.replace("  minimise", "  bias: 0.7\n  minimise"), SitePlan))


def test_a_plan_of_another_trial_and_names_that_no_stratum_can_have(tmp_path: Path) -> None:
    site = SITE.replace("trial: small", "trial: large").replace("[young, old]", '["<50", "50,5+"]').replace("female", "a=b")
    found = [problem.found for problem in disagreements(protocol(tmp_path), parse_yaml(site, SitePlan))]
    assert found == ["the name '50,5+'", "the name 'a=b'", "the plan is written for trial large"]


def test_gaps_that_stand_against_a_list_are_told_together(tmp_path: Path) -> None:
    located = protocol(tmp_path, size="")
    with pytest.raises(ProtocolError, match=r"sample_size\.total is not_stated"):
        read_design(located)
    with pytest.raises(ProtocolError) as raised:
        read_design(protocol(tmp_path, ", unit: cluster", ""))
    assert len(raised.value.problems) == 2


@pytest.mark.parametrize("total", [0, -3, 1_000_001])
def test_a_number_of_participants_that_cannot_be(total: int, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=f"sample_size.total is {total}; from 1 to 1,000,000"):
        read_design(protocol(tmp_path, size=f"total: {total}, "))


def test_more_envelopes_than_anybody_keeps_are_refused(tmp_path: Path) -> None:
    located = protocol(tmp_path, size="total: 6000, ")
    recipient = write_identity(tmp_path / "key.txt", "")
    with pytest.raises(ProtocolError, match="4 strata of up to 6,000 participants are 24,000 envelopes") as raised:
        write_set_up(tmp_path / "allocation", located, parse_yaml(SITE, SitePlan), [recipient], "x", "2026")
    assert len(raised.value.problems) == 1
    assert not (tmp_path / "allocation").exists()


def test_a_design_is_bound_to_arms_and_ratio_and_not_to_the_number(tmp_path: Path) -> None:
    first = read_design(protocol(tmp_path))
    assert (first.trial, first.arms, first.ratio, first.total) == ("small", ("active", "placebo", "usual"), (2, 1, 1), 40)
    assert first._replace(total=50, protocol="1" * 64).digest == first.digest
    assert first._replace(ratio=(1, 1, 1)).digest != first.digest
    assert first._replace(arms=("active", "usual", "placebo")).digest != first.digest
    second = read_design(protocol(tmp_path, size="total: 41, "))
    assert second.protocol != first.protocol


FACTORS = {"sex": ("female", "male"), "age": ("young", "old")}


@pytest.mark.parametrize("text", ["sex=male,age=old", "age=old,sex=male", " age = old , sex = male "])
def test_a_stratum_may_be_written_in_any_order(text: str) -> None:
    assert named_stratum(text, FACTORS) == "sex=male,age=old"


@pytest.mark.parametrize(
    ("text", "factors", "problems"),
    [
        ("sex=male", FACTORS, ["age is not given"]),
        ("sex=man,age=older", FACTORS, ["sex is 'man'", "age is 'older'"]),
        ("sex=male,age=old,site=a", FACTORS, ["unknown factor 'site'"]),
        ("sex=male,sex=female,age=old", FACTORS, ["a factor is given twice"]),
        ("all", FACTORS, ["unknown factor 'all'", "sex is not given", "age is not given"]),
        ("", FACTORS, ["unknown factor ''", "sex is not given", "age is not given"]),
        ("sex=male", {}, ["the stratum is 'sex'"]),
    ],
)
def test_a_stratum_that_is_none(text: str, factors: dict[str, tuple[str, ...]], problems: list[str]) -> None:
    with pytest.raises(ProtocolError) as raised:
        named_stratum(text, factors)
    assert [problem.found for problem in raised.value.problems] == problems


def test_no_factors_make_one_stratum() -> None:
    assert named_stratum("all", {}) == "all"
    assert list(strata_of(plan("simple"))) == ["all"]
    assert list(strata_of(plan("minimisation"))) == ["sex=female,age=young", "sex=female,age=old", "sex=male,age=young", "sex=male,age=old"]
    assert [count_strata(plan(name)) for name in ("simple", "permuted_blocks", "minimisation")] == [1, 2, 4]
