"""The flags of the estimates in words, the baseline values that were filled in, and the values that the plans propose."""

from collections.abc import Iterator
from typing import Any

from odisea.protocol.plan import RULES
from odisea.report.case import named, variables, within
from odisea.report.content import Block, Bullets, Column, Number, Paragraph, Phrase, Plain, Row, Section, Table, Trace, say
from odisea.report.numbers import DASH, short
from odisea.report.trial_details import filled_values
from odisea.report.trial_files import ESTIMATES, Proposed, TrialResult, at
from odisea.report.trial_rows import flag_kinds


def flags_section(result: TrialResult) -> Section:
    """Return what the flags mean, which baseline values were filled in, and the values that the plan's authors propose."""
    kinds = flag_kinds(result)
    blocks: list[Block] = []
    if kinds:
        blocks.append(Bullets("flags", tuple(named("flag_means", kind) for kind in kinds)))
    else:
        blocks.append(Paragraph("none", (say("flags.none"),)))
    filled = filled_values(result)
    if filled:
        blocks += [Paragraph("filled_about", (say("filled.about"),)), Bullets("filled", filled)]
    return Section("flags", say("flags.heading"), (*blocks, *_proposals(result)))


def _proposals(result: TrialResult) -> Iterator[Block]:
    """List every proposed value that the estimates use, once."""
    found: dict[str, tuple[Proposed, str]] = {}
    for place, row in enumerate(result.estimates.estimates):
        for number, one in enumerate(row.proposed):
            found.setdefault(one.pointer, (one, f"/estimates/{place}/proposed/{number}/value"))
    if not found:
        yield Paragraph("proposals_none", (say("flags.no_proposals"),))
        return
    columns = (
        Column("what", say("flags.what"), "start", 0.22),
        Column("value", say("flags.value"), "start", 0.22),
        Column("reason", say("flags.reason"), "start", 0.4),
        Column("by", say("flags.by"), "start", 0.16),
    )
    rows = tuple(
        Row(pointer, (_proposal_name(result, pointer), _proposal_value(result, one, place), one.reason or DASH, _author(one)))
        for pointer, (one, place) in found.items()
    )
    yield Paragraph("proposals_about", (say("flags.proposals"),))
    yield Table("proposals", say("flags.caption"), columns, rows, small=True)


def _author(one: Proposed) -> Phrase:
    return say("flags.by_date", by=Plain(one.by), date=Plain(one.date)) if one.by and one.date else DASH


def _proposal_name(result: TrialResult, pointer: str) -> Phrase:
    """Return what a proposal is about: /analysis/coding/NAME or /analysis/plans/PLAN/FIELD."""
    parts = pointer.strip("/").split("/")
    if len(parts) > 2 and parts[1] == "coding":
        coding = result.protocol.analysis.coding.get(parts[2])
        return say("proposed.coding", name=within(coding.label) if coding else Plain(parts[2]))
    if len(parts) > 3 and parts[1] == "plans" and parts[2] in result.protocol.analysis.plans:
        field = "responder" if parts[3] == "responder" else "_".join(parts[3:])
        return say("proposed.in_plan", field=named("proposed_field", field), plan=within(result.protocol.analysis.plans[parts[2]].label))
    return Plain(pointer)


def _proposal_value(result: TrialResult, one: Proposed, place: str) -> Phrase:
    value: Any = one.value
    if isinstance(value, bool):
        return say("cell.yes" if value else "cell.no")
    if isinstance(value, int | float):
        seed = one.pointer.endswith("/analysis_seed")
        return Number(str(value), float(value), Trace(ESTIMATES, place)) if seed else short(at(ESTIMATES, place, float(value)))
    if isinstance(value, list):
        return variables(result.protocol, tuple(map(str, value)))
    if isinstance(value, dict):
        rule = next((name for name in RULES if value.get(name) is not None), None)
        if rule:
            return say(f"responder_rule.{rule}", d=short(at(ESTIMATES, f"{place}/{rule}", value[rule])))
        return named("coding_kind", str(value.get("kind")))
    words = named("proposed_value", str(value))
    return named("missing_data", str(value)) if isinstance(words, Plain) else words
