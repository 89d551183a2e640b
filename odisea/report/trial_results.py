"""Estimates of the trial report: differences in means, responders, what the flags mean, and which values were proposed."""

import math
from collections.abc import Iterator
from typing import Any

from odisea.protocol.model import AnalysisSpec
from odisea.report.case import named, stated, variables, within
from odisea.report.content import (
    Block,
    Bullets,
    Column,
    Figure,
    Forest,
    Interval,
    Listing,
    Number,
    Paragraph,
    Phrase,
    Plain,
    Row,
    Section,
    Table,
    Trace,
    say,
)
from odisea.report.numbers import DASH, Traced, fixed, p_statement, p_value, percent, short, whole
from odisea.report.trial_files import ESTIMATES, EstimateRow, Proposed, TrialResult, at

PRINTED = {"mean_difference": 2, "risk_difference": 1, "log_odds_ratio": 2}
Placed = tuple[int, EstimateRow]
Key = tuple[str, str, str]


def primary_section(result: TrialResult) -> Section:
    """Return the differences in means, one table per outcome, visit and contrast."""
    blocks: list[Block] = []
    for number, (key, rows) in enumerate(_grouped(result, "mean_difference").items(), start=1):
        main = [placed for placed in rows if placed[1].role == "primary"]
        blocks += [Paragraph(f"answer{number}-{n}", (_answer(result, placed),)) for n, placed in enumerate(main or rows[:1], 1)]
        blocks.append(_estimates_table(result, f"means{number}", key, rows))
        if any(row.status == "ok" for _, row in rows):
            blocks.append(_forest(result, f"forest{number}", key, rows))
    return Section("means", say("means.heading"), tuple(blocks) or (Paragraph("absent", (say("means.absent"),)),))


def responder_section(result: TrialResult) -> Section:
    """Return counts of responders, risk differences and odds ratios."""
    blocks: list[Block] = []
    for number, (key, rows) in enumerate(_grouped(result, "risk_difference", "log_odds_ratio").items(), start=1):
        counted = next((placed for placed in rows if placed[1].table), None)
        if counted:
            blocks.append(_counts_table(result, f"counts{number}", counted))
        blocks.append(_estimates_table(result, f"responders{number}", key, rows))
    if blocks:
        blocks.insert(0, Paragraph("about", (say("responder.about"),)))
    return Section("responders", say("responder.heading"), tuple(blocks))


def flags_section(result: TrialResult) -> Section:
    """Return what the flags mean, and the values that the plan's authors propose."""
    flags = dict.fromkeys(flag.partition(":")[0] for row in result.estimates.estimates for flag in row.flags)
    blocks: list[Block] = []
    if flags:
        blocks.append(Bullets("flags", tuple(named("flag_means", flag) for flag in flags)))
    else:
        blocks.append(Paragraph("none", (say("flags.none"),)))
    return Section("flags", say("flags.heading"), (*blocks, *_proposals(result)))


def _grouped(result: TrialResult, *measures: str) -> dict[Key, list[Placed]]:
    """Return the estimates of some measures by outcome, visit and contrast."""
    groups: dict[Key, list[Placed]] = {}
    for place, row in result.rows(*measures):
        groups.setdefault((row.outcome, row.visit, row.contrast), []).append((place, row))
    return groups


def _spec(result: TrialResult, row: EstimateRow) -> AnalysisSpec:
    plan, name = row.analysis.split(".", 1)
    return next(spec for spec in result.protocol.analysis.plans[plan].analyses if spec.id == name)


def _plan_label(result: TrialResult, row: EstimateRow) -> Phrase:
    return result.protocol.analysis.plans[row.analysis.split(".", 1)[0]].label


def _answer(result: TrialResult, placed: Placed) -> Phrase:
    """Say a primary result in words."""
    place, row = placed
    lead = {"plan": _plan_label(result, row), "analysis": _spec(result, row).label}
    if row.status != "ok" or row.ci_low is None or row.ci_high is None:
        return say("means.no_answer", **lead, status=named("status_means", row.status))
    digits = PRINTED[row.measure]
    low, high = (fixed(result.number(place, name), digits) for name in ("ci_low", "ci_high"))
    said = say(
        "means.answer",
        **lead,
        estimate=fixed(result.number(place, "estimate"), digits),
        low=low,
        high=high,
        level=_level(place, row),
        p=p_statement(result.number(place, "p")),
        reading=say(f"means.{_reading(result, row)}", arm=_side(result, row, "arm"), reference=_side(result, row, "reference")),
    )
    return Listing((said, *_beyond(result, row)), "sentences")


def _side(result: TrialResult, row: EstimateRow, side: str) -> Phrase:
    arm = getattr(result.protocol.contrast(row.contrast), side)
    return within(result.protocol.arm(arm).label)


def _reading(result: TrialResult, row: EstimateRow) -> str:
    """Return which arm the interval favours."""
    assert row.ci_low is not None
    assert row.ci_high is not None
    if row.ci_low <= 0 <= row.ci_high:
        return "contains_zero"
    direction = result.protocol.outcomes[row.outcome].direction
    if direction is None:
        return "excludes_zero"
    return "favours_arm" if (row.ci_high < 0) == (direction == "lower_better") else "favours_reference"


def _beyond(result: TrialResult, row: EstimateRow) -> Iterator[Phrase]:
    """Say whether the interval shows the difference that the trial was sized for."""
    target = stated(result.protocol, "sample_size", "target_difference").follows("size", abs)
    direction = result.protocol.outcomes[row.outcome].direction
    if not target.known or direction is None or result.protocol.sample_size.outcome != row.outcome:
        return
    assert row.ci_low is not None
    assert row.ci_high is not None
    nearest = -row.ci_high if direction == "lower_better" else row.ci_low
    yield say("means.shows_target" if nearest > target.value else "means.not_target", d=short(target))


def _level(place: int, row: EstimateRow) -> Phrase:
    return percent(at(ESTIMATES, f"/estimates/{place}/alpha", row.alpha).follows("one minus", lambda alpha: 1 - alpha), 0)


def _estimates_table(result: TrialResult, table_id: str, key: Key, rows: list[Placed]) -> Table:
    """Return estimates with intervals, numbers analysed and flags, by plan."""
    outcome, visit, contrast = key
    columns = (
        Column("analysis", say("cell.analysis"), "start", 0.3),
        Column("analysed", say("means.analysed"), width=0.14),
        Column("measure", say("means.measure"), "start", 0.13),
        Column("estimate", say("means.estimate"), width=0.1),
        Column("interval", say("means.interval", level=_level(*rows[0])), width=0.14),
        Column("p", say("means.p"), width=0.07),
        Column("flags", say("means.flags"), "start", 0.12),
    )
    shown: list[Row] = []
    for plan in dict.fromkeys(row.analysis.split(".", 1)[0] for _, row in rows):
        shown.append(Row(f"plan-{plan}", (result.protocol.analysis.plans[plan].label,)))
        shown += [_estimate_row(result, placed) for placed in rows if placed[1].analysis.startswith(f"{plan}.")]
    caption = say(
        "means.caption",
        outcome=result.protocol.outcomes[outcome].label,
        visit=within(result.protocol.visit(visit).label),
        contrast=within(result.protocol.contrast(contrast).label),
    )
    return Table(table_id, caption, columns, tuple(shown), (say("means.note"),), small=True)


def _estimate_row(result: TrialResult, placed: Placed) -> Row:
    place, row = placed
    label = _spec(result, row).label
    name: Phrase = say("means.primary", analysis=label) if row.role == "primary" else label
    estimate, low, high = (_shown(result.number(place, part), row.measure) for part in ("estimate", "ci_low", "ci_high"))
    interval = say("means.between", low=low, high=high) if row.ci_low is not None and row.ci_high is not None else DASH
    cells = (
        name,
        _numbers(result, place),
        named("measure", row.measure),
        estimate,
        interval,
        p_value(result.number(place, "p")),
        _flags(row),
    )
    return Row(row.analysis, cells)


def _numbers(result: TrialResult, place: int) -> Phrase:
    parts = [result.number(place, name) for name in ("n_analysed_arm", "n_analysed_reference")]
    if all(part.known for part in parts):
        return say("means.pair", arm=whole(parts[0]), reference=whole(parts[1]))
    return whole(result.number(place, "n_analysed"))


def _shown(number: Traced, measure: str) -> Phrase:
    """Print an estimate on the scale that readers use: odds ratios and percentage points."""
    if measure == "log_odds_ratio":
        return fixed(number.follows("exponential", math.exp), 2)
    return percent(number) if measure == "risk_difference" else fixed(number, 2)


def _flags(row: EstimateRow) -> Phrase:
    """Return a row's flags in words; why there is no estimate comes first."""
    items: list[Phrase] = []
    if row.status != "ok":
        items.append(say("flags.why", status=named("status_means", row.status), reason=_reason(row.reason)))
    for flag in row.flags:
        kind, _, detail = flag.partition(":")
        items.append(say("flags.aliased", name=Plain(detail.strip())) if kind == "aliased" else named("flag", kind))
    return Listing(tuple(items), "semicolons") if items else say("flags.no_flag")


def _reason(reason: str) -> Phrase:
    shown = named("reason", reason)
    return Plain(reason, "en") if isinstance(shown, Plain) else shown


def _forest(result: TrialResult, figure_id: str, key: Key, rows: list[Placed]) -> Figure:
    """Draw the differences in means with their intervals."""
    outcome, visit, _ = key
    fitted = [(place, row) for place, row in rows if row.estimate is not None and row.ci_low is not None and row.ci_high is not None]
    intervals = tuple(
        Interval(
            say("means.row", plan=_plan_label(result, row), analysis=_spec(result, row).label),
            row.estimate or 0.0,
            row.ci_low or 0.0,
            row.ci_high or 0.0,
        )
        for _, row in fitted
    )
    direction = result.protocol.outcomes[outcome].direction
    arms = (_side(result, fitted[0][1], "arm"), _side(result, fitted[0][1], "reference"))
    plot = Forest(
        say("means.axis"),
        intervals,
        say("means.better", arm=arms[0]),
        say("means.better", arm=arms[1]),
        direction == "lower_better",
    )
    told = tuple(
        say(
            "means.told",
            name=say("means.row", plan=_plan_label(result, row), analysis=_spec(result, row).label),
            estimate=fixed(result.number(place, "estimate"), 2),
            low=fixed(result.number(place, "ci_low"), 2),
            high=fixed(result.number(place, "ci_high"), 2),
        )
        for place, row in fitted
    )
    caption = say("means.forest", outcome=result.protocol.outcomes[outcome].label, visit=within(result.protocol.visit(visit).label))
    return Figure(figure_id, caption, say("means.forest_alt", told=Listing(told, "clauses")), plot)


def _counts_table(result: TrialResult, table_id: str, placed: Placed) -> Table:
    """Return responders and others among the analysed of each arm."""
    place, row = placed
    assert row.table is not None
    columns = (
        Column("arm", say("responder.arm"), "start", 0.4),
        Column("responders", say("responder.responders"), width=0.2),
        Column("others", say("responder.others"), width=0.2),
        Column("share", say("responder.share"), width=0.2),
    )
    rows = []
    for arm, cells in row.table.items():
        yes, no = (at(ESTIMATES, f"/estimates/{place}/table/{arm}/{name}", cells[name]) for name in ("responders", "others"))
        total = yes.value + no.value
        share = percent(yes.follows("of both counts", lambda count, total=total: count / total)) if total else DASH  # type: ignore[misc]
        rows.append(Row(arm, (result.protocol.arm(arm).label, whole(yes), whole(no), share)))
    return Table(table_id, say("responder.caption"), columns, tuple(rows))


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
    if isinstance(value, dict) and "improvement_of_at_least" in value:
        return say("plans.responder_rule", d=short(at(ESTIMATES, f"{place}/improvement_of_at_least", value["improvement_of_at_least"])))
    if isinstance(value, dict):
        return named("coding_kind", str(value.get("kind")))
    return named("proposed_value", str(value))
