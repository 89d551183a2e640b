"""The log of an allocation: every change of a byte, and every line moved, added or taken out, is found."""

import hashlib
import json
from collections.abc import Callable

import pytest

from odisea.allocation.log import HASH, NOTHING_BEFORE, Allocated, Log, SetUp, hash_of, parse_log, render_log, unknown_hashes
from odisea.errors import ProtocolError

ZEROS, ONES = "0" * 64, "1" * 64
WHEN = "2026-01-05T09:30:00-06:00"


def made(count: int) -> Log:
    """A log with a number of allocations."""
    log = Log(set_up=SetUp(trial="small", protocol=ZEROS, commitments=ONES, by="statistician", when=WHEN))
    for number in range(1, count + 1):
        log = log.followed_by(line(log, number))
    return log


def line(log: Log, number: int, participant: str = "") -> Allocated:
    return Allocated(
        number=number,
        participant=participant or f"P{number:03d}",
        stratum="sex=female",
        place=number,
        commitment=hashlib.sha256(str(number).encode()).hexdigest(),
        protocol=ZEROS,
        by="custodian",
        when=WHEN,
        previous=log.hashes[-1],
    )


def test_a_log_reads_back() -> None:
    log = made(5)
    assert parse_log(render_log(log), "log.jsonl") == log
    assert [one.number for one in log.lines] == list(range(6))
    assert log.used("sex=female") == 5
    assert log.used("sex=male") == 0


def test_the_chain_is_what_anybody_can_recompute() -> None:
    """Each line's hash, worked out from the text of its line alone."""
    before = NOTHING_BEFORE
    for text in render_log(made(3)).decode().splitlines():
        fields = json.loads(text)
        stated = fields.pop(HASH)
        assert fields["previous"] == before
        assert hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest() == stated
        before = stated


def test_every_changed_byte_is_found() -> None:
    content = render_log(made(2))
    for place, byte in enumerate(content):
        for bit in (0, 5):  # the second turns small letters into capitals
            changed = content[:place] + bytes([byte ^ (1 << bit)]) + content[place + 1 :]
            with pytest.raises(ProtocolError):
                parse_log(changed, "log.jsonl")


def without_last_line_end(content: bytes) -> bytes:
    return content[:-1]


def swapped(content: bytes) -> bytes:
    first, second, third, fourth = content.splitlines(keepends=True)
    return first + third + second + fourth


def taken_out(content: bytes) -> bytes:
    first, second, _, fourth = content.splitlines(keepends=True)
    return first + second + fourth


def without_the_first(content: bytes) -> bytes:
    return content.split(b"\n", 1)[1]


def twice(content: bytes) -> bytes:
    return content + content.splitlines(keepends=True)[-1]


def spaced(content: bytes) -> bytes:
    return content.replace(b'","', b'", "', 1)


def with_an_empty_line(content: bytes) -> bytes:
    return content + b"\n"


def deeply_nested(content: bytes) -> bytes:
    return content + b"[" * 100_000 + b"\n"


CHANGES = (without_last_line_end, swapped, taken_out, without_the_first, twice, spaced, with_an_empty_line, deeply_nested)


@pytest.mark.parametrize("change", [*CHANGES, lambda _: b"", lambda _: b"\n", lambda _: b"\xff\xfe\n", lambda _: b"[]\n"])
def test_what_is_not_a_continued_log_is_refused(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ProtocolError, match=r"log\.jsonl"):
        parse_log(change(render_log(made(3))), "log.jsonl")


def test_a_forged_line_with_a_right_hash_of_its_own_breaks_the_next() -> None:
    log = made(3)
    forged = log.allocated[1].model_copy(update={"participant": "P999"})
    changed = log.model_copy(update={"allocated": (log.allocated[0], forged, log.allocated[2])})
    assert hash_of(forged) != hash_of(log.allocated[1])
    with pytest.raises(ProtocolError, match=r"log\.jsonl:4: this line does not follow"):
        parse_log(render_log(changed), "log.jsonl")


def test_a_participant_is_never_allocated_twice() -> None:
    log = made(2)
    again = log.followed_by(line(log, 3, participant="P001"))
    with pytest.raises(ProtocolError, match="allocated twice"):
        parse_log(render_log(again), "log.jsonl")


def test_a_log_that_was_cut_or_written_anew_lacks_a_noted_hash() -> None:
    log, other = made(4), made(4).model_copy(update={"set_up": made(0).set_up.model_copy(update={"by": "somebody"})})
    noted = (log.hashes[0], log.hashes[4])
    assert not unknown_hashes(log, noted)
    cut = log.model_copy(update={"allocated": log.allocated[:-1]})
    parse_log(render_log(cut), "log.jsonl")  # the chain alone cannot tell
    assert [problem.found.split()[0] for problem in unknown_hashes(cut, noted)] == [log.hashes[4]]
    assert unknown_hashes(other, noted[:1])
