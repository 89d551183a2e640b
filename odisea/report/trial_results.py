"""Estimates of the trial report: differences in means and responders, by role, with the variance that each interval rests on."""

from collections.abc import Iterator, Sequence

from odisea.protocol.methods import REFERENCE_BASED
from odisea.report.case import named, stated, within
from odisea.report.content import Block, Column, Figure, Forest, Interval, Listing, Paragraph, Phrase, Row, Section, Table, say
from odisea.report.numbers import DASH, fixed, p_statement, p_value, percent, short, whole
from odisea.report.roles import by_role
from odisea.report.trial_details import beside, imputation_table, means_table, tipping_blocks
from odisea.report.trial_files import ESTIMATES, EstimateRow, TrialResult, at
from odisea.report.trial_rows import (
    RATIOS,
    Key,
    Placed,
    better_end,
    flags_of,
    grouped,
    has_rule,
    interval_of,
    level_of,
    numbers_analysed,
    plan_label,
    plan_of,
    shown,
    side,
    spec_of,
    variance_of,
)

MOST_IN_ONE_FOREST = 8
TWO_VARIANCES = "two_variances"  # said once, under the first table that has both
COUNTED = ("complete_case", "non_responder")


def primary_section(result: TrialResult) -> Section:
    """Return the differences in means per outcome, visit and contrast: answers, tables, drawings, and what stands behind them."""
    blocks: list[Block] = []
    groups = grouped(result, "mean_difference")
    for number, (key, rows) in enumerate(groups.items(), start=1):
        blocks += [Paragraph(f"about{number}", (_caption(result, key),), "lead")] * (len(groups) > 1)
        main = [placed for placed in rows if placed[1].role == "primary"]
        blocks += [Paragraph(f"answer{number}-{n}", (_answer(result, placed),)) for n, placed in enumerate(main or _foremost(rows), 1)]
        blocks += means_table(result, f"adjusted{number}", main)
        blocks.append(_means_table(result, f"means{number}", key, rows))
        if any(row.missing_data in REFERENCE_BASED for _, row in rows) and not any(block.id == TWO_VARIANCES for block in blocks):
            blocks.append(Paragraph(TWO_VARIANCES, (say("means.two_variances"),)))
        blocks += _forests(result, f"forest{number}", key, rows)
        blocks += tipping_blocks(result, f"tipping{number}", key)
        blocks += imputation_table(result, f"imputed{number}", rows)
        blocks += beside(result, f"beside{number}", rows)
    return Section("means", say("means.heading"), tuple(blocks) or (Paragraph("absent", (say("means.absent"),)),))


def responder_section(result: TrialResult) -> Section:
    """Return what is yes or no: counts, primary answers, risk differences and ratios."""
    blocks: list[Block] = []
    groups = grouped(result, "risk_difference", *RATIOS)
    if groups:
        ruled = any(has_rule(result, row) for rows in groups.values() for _, row in rows)
        blocks.append(Paragraph("about", (*((say("responder.about"),) if ruled else ()), say("responder.about_ratios"))))
    for number, (key, rows) in enumerate(groups.items(), start=1):
        blocks += [Paragraph(f"about{number}", (_caption(result, key),), "lead")] * (len(groups) > 1)
        main = [placed for placed in rows if placed[1].role == "primary"]
        blocks += [Paragraph(f"answer{number}-{n}", (_answer(result, placed),)) for n, placed in enumerate(main, 1)]
        blocks += _counts_table(result, f"counts{number}", key, rows)
        blocks.append(_responders_table(result, f"responders{number}", key, rows))
        blocks += _separated(result, f"separated{number}", rows)
        blocks += imputation_table(result, f"imputed{number}", rows)
    return Section("responders", say("responder.heading"), tuple(blocks))


def _foremost(rows: Sequence[Placed]) -> list[Placed]:
    """Return the first estimate of each plan among those of the foremost role."""
    role = next(iter(by_role(rows, lambda placed: placed[1].role)))
    first: dict[str, Placed] = {}
    for place, row in rows:
        if row.role == role:
            first.setdefault(plan_of(row), (place, row))
    return list(first.values())


def _answer(result: TrialResult, placed: Placed) -> Phrase:
    """Say a result in words."""
    place, row = placed
    lead = {"plan": plan_label(result, row), "analysis": spec_of(result, row).label}
    if row.status != "ok" or row.ci_low is None or row.ci_high is None:
        return say("means.no_answer", **lead, status=named("status_means", row.status))
    kind = "means.answer" if row.measure == "mean_difference" else f"responder.answer_{row.measure}"
    low, high = (shown(result.number(place, name), row.measure) for name in ("ci_low", "ci_high"))
    said = say(
        kind,
        **lead,
        estimate=shown(result.number(place, "estimate"), row.measure),
        low=low,
        high=high,
        level=level_of(place, row),
        p=p_statement(result.number(place, "p")),
        reading=say(f"means.{_reading(result, row)}", arm=side(result, row, "arm"), reference=side(result, row, "reference")),
    )
    return Listing((said, *_beyond(result, row)), "sentences")


def _reading(result: TrialResult, row: EstimateRow) -> str:
    """Return which arm the interval favours."""
    assert row.ci_low is not None
    assert row.ci_high is not None
    if row.ci_low <= 0 <= row.ci_high:
        return "contains_zero"
    direction = better_end(result, row)
    if direction is None:
        return "excludes_zero"
    return "favours_arm" if (row.ci_high < 0) == (direction == "lower_better") else "favours_reference"


def _beyond(result: TrialResult, row: EstimateRow) -> Iterator[Phrase]:
    """Say whether the interval shows the difference that the trial was sized for."""
    target = stated(result.protocol, "sample_size", "target_difference").follows("size", abs)
    direction = result.protocol.outcomes[row.outcome].direction
    if not target.known or direction is None or result.protocol.sample_size.outcome != row.outcome or row.measure != "mean_difference":
        return
    assert row.ci_low is not None
    assert row.ci_high is not None
    nearest = -row.ci_high if direction == "lower_better" else row.ci_low
    yield say("means.shows_target" if nearest > target.value else "means.not_target", d=short(target))


def _caption(result: TrialResult, key: Key) -> Phrase:
    outcome, visit, contrast = key
    return say(
        "means.caption",
        outcome=result.protocol.outcomes[outcome].label,
        visit=within(result.protocol.visit(visit).label),
        contrast=within(result.protocol.contrast(contrast).label),
    )


def _means_table(result: TrialResult, table_id: str, key: Key, rows: Sequence[Placed]) -> Table:
    """Return differences in means with intervals, variances and flags, by plan and role."""
    columns = (
        Column("analysis", say("cell.analysis"), "start", 0.28),
        Column("analysed", say("means.analysed"), width=0.11),
        Column("estimate", say("means.difference"), width=0.1),
        Column("interval", say("means.interval", level=level_of(*rows[0])), width=0.14),
        Column("p", say("means.p"), width=0.07),
        Column("variance", say("means.variance"), "start", 0.15),
        Column("flags", say("means.flags"), "start", 0.15),
    )
    lines: list[Row] = []
    for heading, own in _under_roles(result, rows):
        lines.append(heading)
        for placed in own:
            lines += _mean_rows(result, placed, own)
    notes = (say("means.note"), say("means.not_adjusted"))
    return Table(table_id, _caption(result, key), columns, tuple(lines), notes, small=True)


def _under_roles(result: TrialResult, rows: Sequence[Placed]) -> Iterator[tuple[Row, list[Placed]]]:
    """Yield the estimates of each plan and role under a heading; the variances of a reference-based question follow each other."""
    for plan in dict.fromkeys(plan_of(row) for _, row in rows):
        of_plan = [placed for placed in rows if plan_of(placed[1]) == plan]
        for role, own in by_role(of_plan, lambda placed: placed[1].role).items():
            words = say("analyses.of_plan", plan=result.protocol.analysis.plans[plan].label, role=say(f"role_word.{role}"))
            yield Row(f"plan-{plan}-{role}", (words,)), sorted(own, key=lambda placed, own=own: _first_of_question(placed, own))  # type: ignore[misc]


def _first_of_question(placed: Placed, rows: Sequence[Placed]) -> int:
    """Return the place of the first row that asks the same reference-based question, else the row's own."""
    place, row = placed
    if row.missing_data not in REFERENCE_BASED:
        return place
    return min(other for other, one in rows if one.missing_data == row.missing_data)


def _mean_rows(result: TrialResult, placed: Placed, beside_it: Sequence[Placed]) -> Iterator[Row]:
    """Yield an estimate's row, and after one that stands on a reference-based assumption alone that of its other variance."""
    place, row = placed
    yield _mean_row(result, placed)
    if row.missing_data not in REFERENCE_BASED or row.status != "ok":
        return
    other = "rubin" if row.variance == "jackknife" else "jackknife"
    of_question = [one.variance for _, one in beside_it if one.missing_data == row.missing_data]
    shown_already = any((variance == "jackknife") == (other == "jackknife") for variance in of_question)
    if shown_already or not result.detail(place, other, "estimate").known:
        return
    low, high = (result.detail(place, other, name) for name in ("ci_low", "ci_high"))
    cells = (
        say("means.other_variance"),
        numbers_analysed(result, place),
        shown(result.detail(place, other, "estimate"), row.measure),
        interval_of(low, high, row.measure),
        p_value(result.detail(place, other, "p")),
        variance_of(row, other),
        say("flags.no_flag"),
    )
    yield Row(f"{row.analysis}-{other}", cells)


def _mean_row(result: TrialResult, placed: Placed) -> Row:
    place, row = placed
    cells = (
        spec_of(result, row).label,
        numbers_analysed(result, place),
        shown(result.number(place, "estimate"), row.measure),
        interval_of(result.number(place, "ci_low"), result.number(place, "ci_high"), row.measure),
        p_value(result.number(place, "p")),
        variance_of(row),
        flags_of(result, place),
    )
    return Row(row.analysis, cells)


def _responders_table(result: TrialResult, table_id: str, key: Key, rows: Sequence[Placed]) -> Table:
    """Return risk differences and ratios with intervals, variances and flags, by plan and role."""
    columns = (
        Column("analysis", say("cell.analysis"), "start", 0.23),
        Column("analysed", say("means.analysed"), width=0.11),
        Column("measure", say("means.measure"), "start", 0.12),
        Column("estimate", say("means.estimate"), width=0.09),
        Column("interval", say("means.interval", level=level_of(*rows[0])), width=0.12),
        Column("p", say("means.p"), width=0.07),
        Column("variance", say("means.variance"), "start", 0.12),
        Column("flags", say("means.flags"), "start", 0.14),
    )
    lines: list[Row] = []
    for heading, own in _under_roles(result, rows):
        lines.append(heading)
        for placed in own:
            cells = _mean_row(result, placed).cells
            lines.append(Row(placed[1].analysis, (*cells[:2], named("measure", placed[1].measure), *cells[2:])))
    notes = (say("responder.note"), say("means.not_adjusted"))
    return Table(table_id, _caption(result, key), columns, tuple(lines), notes, small=True)


def _separated(result: TrialResult, block_id: str, rows: Sequence[Placed]) -> Iterator[Block]:
    """Point from odds ratios that do not exist to the penalised one that takes their place."""
    for plan in dict.fromkeys(plan_of(row) for _, row in rows if row.status == "separated"):
        firth = [(place, row) for place, row in rows if plan_of(row) == plan and row.method == "firth" and row.status == "ok"]
        label = result.protocol.analysis.plans[plan].label
        said = [say("responder.separated", plan=label)]
        if not firth:
            said.append(say("responder.no_firth"))
        for place, row in firth:
            low, high = (result.number(place, name) for name in ("ci_low", "ci_high"))
            estimate = shown(result.number(place, "estimate"), row.measure)
            said.append(
                say(
                    "responder.firth",
                    analysis=spec_of(result, row).label,
                    estimate=estimate,
                    interval=interval_of(low, high, row.measure),
                    level=level_of(place, row),
                )
            )
        yield Paragraph(f"{block_id}-{plan}", tuple(said))


def _forests(result: TrialResult, figure_id: str, key: Key, rows: Sequence[Placed]) -> Iterator[Figure]:
    """Draw the differences in means: all together, or where they are many each plan by itself."""
    fitted = [(place, row) for place, row in rows if row.estimate is not None and row.ci_low is not None and row.ci_high is not None]
    if not fitted:
        return
    if len(fitted) <= MOST_IN_ONE_FOREST:
        names = [say("means.row", plan=plan_label(result, row), analysis=spec_of(result, row).label) for _, row in fitted]
        yield _forest(result, figure_id, _forest_caption(result, key), fitted, names)
        return
    for plan in dict.fromkeys(plan_of(row) for _, row in fitted):
        own = [(place, row) for place, row in fitted if plan_of(row) == plan]
        caption = say("means.row", plan=result.protocol.analysis.plans[plan].label, analysis=_forest_caption(result, key))
        yield _forest(result, f"{figure_id}-{plan}", caption, own, [spec_of(result, row).label for _, row in own])


def _forest_caption(result: TrialResult, key: Key) -> Phrase:
    outcome, visit, _ = key
    return say("means.forest", outcome=result.protocol.outcomes[outcome].label, visit=within(result.protocol.visit(visit).label))


def _forest(result: TrialResult, figure_id: str, caption: Phrase, fitted: Sequence[Placed], names: Sequence[Phrase]) -> Figure:
    """Draw estimates with their intervals."""
    intervals = tuple(
        Interval(name, row.estimate or 0.0, row.ci_low or 0.0, row.ci_high or 0.0) for name, (_, row) in zip(names, fitted, strict=True)
    )
    direction = result.protocol.outcomes[fitted[0][1].outcome].direction
    arms = (side(result, fitted[0][1], "arm"), side(result, fitted[0][1], "reference"))
    plot = Forest(
        say("means.axis"),
        intervals,
        say("means.better", arm=arms[0]),
        say("means.better", arm=arms[1]),
        direction == "lower_better",
    )
    told = tuple(
        say("means.told", name=name, **{part: fixed(result.number(place, at_), 2) for part, at_ in DRAWN})
        for name, (place, _) in zip(names, fitted, strict=True)
    )
    return Figure(figure_id, caption, say("means.forest_alt", told=Listing(told, "clauses")), plot)


DRAWN = (("estimate", "estimate"), ("low", "ci_low"), ("high", "ci_high"))


def _counts_table(result: TrialResult, table_id: str, key: Key, rows: Sequence[Placed]) -> Iterator[Table]:
    """Return responders and others of each arm among those observed, and among all where the lost count as no response."""
    counted = {row.missing_data: (place, row) for place, row in reversed(rows) if row.table and row.missing_data in COUNTED}
    if not counted:
        return
    wilson = {row.missing_data: place for place, row in rows if row.method == "proportions" and row.status == "ok"}
    kind = "ruled" if has_rule(result, rows[0][1]) else "event"
    columns = (
        Column("arm", say("responder.arm"), "start", 0.36),
        Column("responders", say(f"responder.yes_{kind}"), width=0.16),
        Column("others", say(f"responder.no_{kind}"), width=0.14),
        Column("share", say(f"responder.share_{kind}"), width=0.16),
        *([Column("wilson", say("responder.wilson"), width=0.18)] if wilson else []),
    )
    lines: list[Row] = []
    for missing_data in (name for name in COUNTED if name in counted):
        if len(counted) > 1:
            lines.append(Row(missing_data, (say(f"responder.counted_{missing_data}"),)))
        for line in _count_rows(result, counted[missing_data], wilson.get(missing_data)):
            lines.append(line if wilson else Row(line.id, line.cells[:-1]))
    outcome, visit = result.protocol.outcomes[key[0]].label, within(result.protocol.visit(key[1]).label)
    yield Table(table_id, say(f"responder.caption_{kind}", outcome=outcome, visit=visit), columns, tuple(lines), small=True)


def _count_rows(result: TrialResult, placed: Placed, wilson: int | None) -> Iterator[Row]:
    """Yield one row per arm: responders, others, their share, and its interval where an analysis without covariates gives it."""
    place, row = placed
    contrast = result.protocol.contrast(row.contrast)
    for arm, cells in (row.table or {}).items():
        yes, no = (at(ESTIMATES, f"/estimates/{place}/table/{arm}/{name}", cells[name]) for name in ("responders", "others"))
        total = yes.value + no.value
        share = percent(yes.follows("of both counts", lambda count, total=total: count / total)) if total else DASH  # type: ignore[misc]
        which = "arm" if arm == contrast.arm else "reference"
        limits = [] if wilson is None else [result.detail(wilson, "arms", which, "wilson", end) for end in (0, 1)]
        interval = say("means.between", low=percent(limits[0]), high=percent(limits[1])) if limits and limits[0].known else DASH
        yield Row(f"{row.missing_data}-{arm}", (result.protocol.arm(arm).label, whole(yes), whole(no), share, interval))
