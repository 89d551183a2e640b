"""The section of the check report on the sample-size claim: what is missing, what would make it true, where it may come from."""

from typing import Any

from odisea.report.check_files import CLAIMS, CandidateRow, CheckResult
from odisea.report.content import (
    Block,
    Bullets,
    Callout,
    Column,
    Facts,
    Listing,
    Message,
    Paragraph,
    Phrase,
    Plain,
    Row,
    Section,
    Table,
    Trace,
    say,
)
from odisea.report.numbers import DASH, Traced, fixed, short, whole
from odisea.report.numbers import percent as percentage

GIVEN = (
    "total", "difference", "margin", "sd", "standardised_effect", "control_proportion", "arm_proportion", "power", "alpha", "sides",
    "attrition", "correlation", "icc", "cluster_size",
)  # fmt: skip
SHARES = ("power", "attrition", "control_proportion", "arm_proportion")
BASES = ("as_stated", "after_loss", "as_randomised", "none")
SHOWN_CANDIDATES = 8
WHOLE = "whole_then_"
USUAL = 0  # the convention that the claim's own numbers or common use suggest


def claim_summary(result: CheckResult) -> Section:
    """Say for the committee what the statement gives, what it leaves out, and what would make it true."""
    blocks = [_given(result), *_missing(result), *_spread(result), *_contradictions(result)]
    return Section("claim", say("review.claim"), tuple(blocks))


def claim_section(result: CheckResult) -> Section | None:
    """Tabulate what would make the statement true, and the calculations that give its number; None where nothing can be computed."""
    blocks = (*_implied(result), *_candidates(result))
    return Section("claim_details", say("review.claim_details"), blocks) if blocks else None


def _spread(result: CheckResult) -> list[Block]:
    """Say which standard deviation the stated numbers imply by the t test."""
    values = {
        each.basis: fixed(_number(each.value, "solved", place, "value"), 1)
        for place, each in reversed(list(enumerate(result.claim.solved)))
        if (each.quantity, each.formula, each.convention) == ("sd", "t", USUAL)
    }
    if {"after_loss", "as_randomised"} <= values.keys():
        implied = say("claim.implied_two", sd=values["after_loss"], all=values["as_randomised"])
        return [Paragraph("spread", (implied, say("claim.plausible")))]
    return [Paragraph("spread", (say("claim.implied_one", sd=next(iter(values.values()))),))] if values else []


def percent(number: Traced) -> Phrase:
    """Print a share as a percentage with its sign."""
    return say("cell.percent", n=percentage(number))


def _at(*steps: object) -> Trace:
    return Trace(CLAIMS, "/" + "/".join(map(str, steps)))


def _number(value: Any, *steps: object) -> Traced:
    return Traced(float("nan") if value is None else float(value), _at(*steps))


def _given(result: CheckResult) -> Block:
    claim = result.claim.claim
    items: list[tuple[Phrase, Phrase]] = []
    for name in GIVEN:
        if claim[name] is not None:
            number = _number(claim[name], "claim", name)
            items.append((say(f"quantity.{name}"), percent(number) if name in SHARES else short(number)))
    return Facts("given", tuple(items)) if items else Paragraph("given", (say("claim.nothing"),))


def _missing(result: CheckResult) -> list[Block]:
    """Say what the statement leaves out, and what is supposed in its place so as to compute at all."""
    blocks: list[Block] = []
    missing = [name for name in result.claim.missing if name != "inflation"]
    if missing:
        blocks.append(Paragraph("missing", (say("claim.missing", names=Listing(tuple(say(f"quantity.{name}") for name in missing))),)))
    usual = next((each for each in result.claim.conventions if each.id == USUAL and each.supposed), None)
    if usual:
        alpha = percent(_number(usual.alpha, "conventions", USUAL, "alpha"))
        sides = whole(_number(usual.sides, "conventions", USUAL, "sides"))
        blocks.append(Paragraph("supposed", (say("claim.supposed", alpha=alpha, sides=sides),), "note"))
    return blocks


def _contradictions(result: CheckResult) -> list[Block]:
    found = result.claim.contradictions
    if not found:
        missing = any(name != "inflation" for name in result.claim.missing)
        return [Paragraph("consistent", (say("claim.consistent_missing" if missing else "claim.consistent"),))]
    said = tuple(
        say(f"clash.{each.code}", numbers=Listing(tuple(_named(place, name, value) for name, value in each.numbers.items())))
        for place, each in enumerate(found)
    )
    return [Callout("clash", "not_met", say("claim.clash"), (say("claim.clash_about"),)), Bullets("clashes", said)]


def _named(place: int, name: str, value: float | None) -> Phrase:
    return say("claim.named", name=Plain(name, code=True), value=short(_number(value, "contradictions", place, "numbers", name)))


def _implied(result: CheckResult) -> list[Block]:
    """Tabulate the values that would make the statement true, by formula and by who is counted as analysed."""
    solved = [(place, each) for place, each in enumerate(result.claim.solved) if each.convention == USUAL]
    if any(each.quantity == "sd" for _, each in solved):  # the standardised effect is the difference over it
        solved = [(place, each) for place, each in solved if each.quantity != "standardised_effect"]
    bases = [basis for basis in BASES if any(each.basis == basis for _, each in solved)]
    grouped: dict[tuple[Any, ...], dict[str, tuple[int, float]]] = {}
    for place, each in solved:
        key = (each.quantity, each.formula, each.structure, each.correlation)
        grouped.setdefault(key, {}).setdefault(each.basis, (place, each.value))
    rows = tuple(
        Row(
            "-".join(map(str, key)),
            (
                say(f"quantity.{key[0]}"),
                _formula(key[1], key[3], next(iter(values.values()))[0]),
                *(_value(values.get(basis)) for basis in bases),
            ),
        )
        for key, values in grouped.items()
    )
    if not rows:
        return []
    columns = (
        Column("quantity", say("claim.quantity"), "start", 0.28),
        Column("formula", say("claim.formula"), "start", 0.32),
        *(Column(basis, say(f"basis.{basis}")) for basis in bases),
    )
    return [Table("implied", say("claim.implied_caption"), columns, rows, (say("claim.implied_note"),), small=True)]


def _value(found: tuple[int, float] | None) -> Phrase:
    return DASH if found is None else fixed(_number(found[1], "solved", found[0], "value"), 2)


def _formula(name: str, correlation: float | None, place: int) -> Phrase:
    words = say(f"formula.{name}")
    if correlation is None:
        return words
    return say("claim.with_correlation", formula=words, r=short(_number(correlation, "solved", place, "correlation")))


def _candidates(result: CheckResult) -> list[Block]:
    """Tabulate the calculations that come closest to the stated number."""
    found = [(place, each) for place, each in enumerate(result.claim.candidates) if each.match in ("exact", "rounded", "near")]
    if not found:
        stated = result.claim.claim["total"] is not None
        return [Paragraph("no_candidate", (say("claim.not_reproduced"),))] if stated and result.claim.candidates else []
    columns = (
        Column("formula", say("claim.formula"), "start", 0.2),
        Column("supposed", say("claim.with_value"), "start", 0.15),
        Column("loss", say("claim.loss"), "start", 0.16),
        Column("rounding", say("claim.rounding"), "start", 0.2),
        Column("exact", say("claim.exact"), width=0.1),
        Column("total", say("claim.total"), width=0.09),
        Column("power", say("claim.power"), width=0.1),
    )
    rows = tuple(Row(str(place), _candidate(place, each)) for place, each in found[:SHOWN_CANDIDATES])
    return [Table("candidates", say("claim.candidates_caption"), columns, rows, (say("claim.candidates_note"),), small=True)]


def _candidate(place: int, each: CandidateRow) -> tuple[Phrase, ...]:
    return (
        say(f"formula.{each.formula}"),
        _supposed(place, each),
        say(f"inflation.{each.inflation}"),
        _rounding(each.roundings),
        fixed(_number(each.n_recruited, "candidates", place, "n_recruited"), 2),
        whole(_number(each.total, "candidates", place, "total")),
        percent(_number(each.power, "candidates", place, "power")),
    )


def _supposed(place: int, each: CandidateRow) -> Phrase:
    name = "sd" if each.sd is not None else "size"
    return say(f"claim.value_{name}", value=short(_number(getattr(each, name), "candidates", place, name)))


def _rounding(roundings: tuple[str, ...]) -> Phrase:
    if not roundings:
        return DASH
    first = roundings[0]
    words = Message(f"rounding.{first.removeprefix(WHOLE)}")
    return say("claim.rounded_twice", rounding=words) if first.startswith(WHOLE) else words
