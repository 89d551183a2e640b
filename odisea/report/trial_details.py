"""What stands behind the estimates: adjusted means, imputations, tipping points, subgroups, filled-in values.

Everything comes from the `details` that an analysis's method writes beside its estimate, and from its flags; a method that
wrote nothing is passed over.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence

from odisea.report.case import named, within
from odisea.report.content import Block, Bullets, Column, Listing, Number, Paragraph, Phrase, Plain, Row, Section, Table, Trace, say
from odisea.report.numbers import DASH, Traced, fixed, p_statement, p_value, percent, short, whole
from odisea.report.trial_files import ESTIMATES, EstimateRow, TrialResult
from odisea.report.trial_rows import (
    Key,
    Placed,
    interval_of,
    level_of,
    numbers_analysed,
    plan_label,
    plan_of,
    shown,
    side,
    spec_of,
    variable_label,
)

SHOWN_DELTAS = 5  # of the frontier's twenty-one, every fifth
NOT_ITS_METHOD = "fixed_numbers"  # how the allocation is drawn again where the trial's own method is not known
SMALLEST_ERROR = 0.0001
IMPUTED = (("fmi",), ("rubin", "fmi"))


def means_table(result: TrialResult, table_id: str, rows: Sequence[Placed]) -> Iterator[Table]:
    """Return the adjusted means of both arms of primary analyses, standardised to everyone analysed; nothing where none has any."""
    lines: list[Row] = []
    for place, row in rows:
        arms = result.told(place, "means", "standardised") or {}
        if arms:
            name = say("means.row", plan=plan_label(result, row), analysis=spec_of(result, row).label)
            lines.append(Row(f"{row.analysis}-of", (name,)))
        for arm in arms:
            mean, low, high = (result.detail(place, "means", "standardised", arm, name) for name in ("mean", "ci_low", "ci_high"))
            cells = (result.protocol.arm(arm).label, fixed(mean, 2), interval_of(low, high, row.measure))
            lines.append(Row(f"{row.analysis}-{arm}", cells))
    if lines:
        columns = (
            Column("arm", say("responder.arm"), "start", 0.5),
            Column("mean", say("adjusted.mean"), width=0.2),
            Column("interval", say("means.interval", level=level_of(*rows[0])), width=0.3),
        )
        yield Table(table_id, say("adjusted.caption"), columns, tuple(lines), (say("adjusted.note"),), small=True)


def imputation_table(result: TrialResult, table_id: str, rows: Sequence[Placed]) -> Iterator[Table]:
    """Return number of imputations, missing information and Monte Carlo errors of imputed estimates; nothing where none has any."""
    found = [(place, row, path) for place, row in rows if (path := _imputed_path(result, place, row)) is not None]
    if not found:
        return
    columns = (
        Column("analysis", say("cell.analysis"), "start", 0.36),
        Column("imputed", say("imputed.people"), width=0.12),
        Column("m", say("imputed.m"), width=0.13),
        Column("fmi", say("imputed.fmi"), width=0.15),
        Column("error", say("imputed.error"), width=0.13),
        Column("error_p", say("imputed.error_p"), width=0.11),
    )
    lines: list[Row] = []
    plans = dict.fromkeys(plan_of(row) for _, row, _ in found)
    for plan in plans:
        lines += [Row(f"plan-{plan}", (result.protocol.analysis.plans[plan].label,))] * (len(plans) > 1)
        lines += [_imputation_row(result, place, row, path) for place, row, path in found if plan_of(row) == plan]
    yield Table(table_id, say("imputed.caption"), columns, tuple(lines), (say("imputed.note"), *_outside(result, found)), small=True)


Path = tuple[str | int, ...]


def _imputed_path(result: TrialResult, place: int, row: EstimateRow) -> Path | None:
    """Return where an estimate's details hold the fraction of missing information; None where nothing was drawn."""
    if row.variance == "jackknife":  # of conditional means; the draws beside it are those of the other variance
        return None
    paths: list[Path] = list(IMPUTED)
    paths += [(row.measure, name, "fmi") for name in result.told(place, row.measure) or {} if _is_own(result, place, row, name)]
    return next((path[:-1] for path in paths if row.status == "ok" and result.detail(place, *path).known), None)


def _is_own(result: TrialResult, place: int, row: EstimateRow, variance: str) -> bool:
    """Return whether the details of one of several variances are those of the printed row."""
    error = result.detail(place, row.measure, variance, "se")
    return error.known and row.se is not None and math.isclose(error.value, row.se, rel_tol=1e-9)


def _imputation_row(result: TrialResult, place: int, row: EstimateRow, path: Path) -> Row:
    def number(*names: str) -> Traced:
        """Return the first of several names that the details hold."""
        found = [result.detail(place, *path, *name.split("/")) for name in names]
        return next((one for one in found if one.known), found[0])

    error = number("mcse_estimate", "mcse/estimate")
    people = [result.detail(place, name) for name in ("imputed_arm", "imputed_reference")]
    cells = (
        spec_of(result, row).label,
        say("means.pair", arm=whole(people[0]), reference=whole(people[1])) if people[0].known else DASH,
        _drawn(result, place, path),
        percent(number("fmi"), 0),
        percent(error, 2) if row.measure == "risk_difference" else fixed(error, 3),
        _error_of_p(number("mcse_p", "mcse/p")),
    )
    return Row(row.analysis, cells)


def _error_of_p(error: Traced) -> Phrase:
    """Print the Monte Carlo error of a p value: four decimals, and a bound below the last of them."""
    if error.known and 0.0 < error.value < SMALLEST_ERROR:
        return say("amount.p_below", n=Number(str(SMALLEST_ERROR), error.value, error.follows("bounded", float).trace))
    return fixed(error, 4)


def _drawn(result: TrialResult, place: int, path: Path) -> Phrase:
    """Return the number of imputations: of a limit without draws, or chosen by the analysis itself, in words."""
    m = result.detail(place, *path, "m")
    m = m if m.known else result.detail(place, "m")
    if not m.known:
        return say("imputed.limit")
    return say("imputed.chosen", m=whole(m)) if result.told(place, "m_automatic") else whole(m)


def _outside(result: TrialResult, found: Sequence[tuple[int, EstimateRow, Path]]) -> Iterator[Phrase]:
    """Say how much of what was imputed lies beyond the outcome's scale, for the first analysis that tells it."""
    shares = [result.detail(place, "share_outside_scale") for place, _, _ in found]
    share = next((one for one in shares if one.known), None)
    if share is not None:
        yield say("imputed.outside", share=percent(share))


def beside(result: TrialResult, block_id: str, rows: Sequence[Placed]) -> Iterator[Block]:
    """Return one statement for each estimate whose method leaves something behind that a statistician asks for."""
    items = tuple(
        say("beside.of", analysis=_name(result, row), said=said)
        for place, row in rows
        for said in (BESIDE[row.method](result, place) if row.method in BESIDE and row.status == "ok" else ())
    )
    if items:
        yield Bullets(block_id, items)


def _name(result: TrialResult, row: EstimateRow) -> Phrase:
    """Return an analysis's label, after that of its plan where there are several."""
    label = spec_of(result, row).label
    return label if len(result.protocol.analysis.plans) == 1 else say("means.row", plan=plan_label(result, row), analysis=label)


def _beside_weighting(result: TrialResult, place: int) -> Iterator[Phrase]:
    low, high, effective = (result.detail(place, *path) for path in (("weights", "min"), ("weights", "max"), ("effective_n",)))
    if effective.known:
        analysed = whole(result.number(place, "n_analysed"))
        yield say("beside.weighting", low=fixed(low, 2), high=fixed(high, 2), effective=fixed(effective, 1), n=analysed)


def _beside_rerandomisation(result: TrialResult, place: int) -> Iterator[Phrase]:
    count, error = result.detail(place, "allocations"), result.detail(place, "mean_residual_difference", "p_mcse")
    if result.told(place, "exact"):
        yield say("beside.exact", n=whole(count))
    elif count.known:
        way = str(result.told(place, "rerandomised"))
        said = say("beside.rerandomisation", n=whole(count), how=named("redrawn", way), error=fixed(error, 4))
        yield Listing((said, say("beside.not_its_method")), "sentences") if way.startswith(NOT_ITS_METHOD) else said


def _beside_groups(result: TrialResult, place: int) -> Iterator[Phrase]:
    groups, icc = result.detail(place, "groups"), result.detail(place, "icc")
    if groups.known and icc.known:
        yield say("beside.groups", n=whole(groups), icc=fixed(icc, 3))


def _beside_imputed(result: TrialResult, place: int) -> Iterator[Phrase]:
    used = result.told(place, "auxiliary_used")
    if used:
        yield say("beside.auxiliary", names=Listing(tuple(variable_label(result.protocol, str(name)) for name in used)))


def _beside_welch(result: TrialResult, place: int) -> Iterator[Phrase]:
    contrast = result.protocol.contrast(result.estimates.estimates[place].contrast)
    spreads = [result.detail(place, "arms", arm, "sd") for arm in (contrast.arm, contrast.reference)]
    if all(spread.known for spread in spreads):
        yield say("beside.welch", arm=fixed(spreads[0], 1), reference=fixed(spreads[1], 1))


BESIDE: dict[str, Callable[[TrialResult, int], Iterator[Phrase]]] = {
    "weighting": _beside_weighting,
    "rerandomisation": _beside_rerandomisation,
    "partially_nested": _beside_groups,
    "ancova": _beside_imputed,
    "welch": _beside_welch,
}


def tipping_blocks(result: TrialResult, block_id: str, key: Key) -> Iterator[Block]:
    """Say how far the lost must be from what was supposed before a conclusion changes, and show the way there."""
    found = [
        (place, row)
        for place, row in result.rows("mean_difference")
        if row.method == "tipping_point" and (row.outcome, row.visit, row.contrast) == key
    ]
    for number, (place, row) in enumerate(found, start=1):
        lead = {"plan": plan_label(result, row), "analysis": spec_of(result, row).label}
        if row.status != "ok":
            yield Paragraph(f"{block_id}-{number}", (say("means.no_answer", **lead, status=named("status_means", row.status)),))
            continue
        yield Paragraph(f"{block_id}-{number}", (say("means.leads", **lead), *_tipping(result, place, row)))
        yield from _tipping_table(result, f"{block_id}-{number}-deltas", place, row)


def _tipping(result: TrialResult, place: int, row: EstimateRow) -> Iterator[Phrase]:
    """Say where the conclusion tips, and how that compares with the important difference."""
    arm, reference = side(result, row, "arm"), side(result, row, "reference")
    ahead = "arm" if ((row.estimate or 0.0) < 0) == _worse_is_up(result, row) else "reference"
    worse, better = _ways(result, row)
    directed = result.protocol.outcomes[row.outcome].direction is not None
    if "not_significant_without_delta" in row.flags:
        yield say("tipping.not_significant")
        for name, way, winner in (("tipping_delta", worse, reference), ("tipping_delta_other", better, arm)):
            delta = result.detail(place, name).follows("size", abs)
            if delta.known:
                values = {"arm": arm, "d": fixed(delta, 1), "way": way}
                yield say("tipping.would_favour", **values, winner=winner) if directed else say("tipping.would_differ", **values)
    else:
        name, way = ("tipping_delta", worse) if ahead == "arm" else ("tipping_delta_other", better)
        delta, span = result.detail(place, name).follows("size", abs), result.detail(place, "searched_up_to")
        tips = say("tipping.tips", arm=arm, d=fixed(delta, 1), way=way)
        yield tips if delta.known else say("tipping.never", arm=arm, d=short(span), way=way)
        gone = result.detail(place, "zero_delta")
        if gone.known and abs(gone.value) <= span.value and (gone.value > 0) == ((ahead == "arm") == _worse_is_up(result, row)):
            yield say("tipping.gone", d=fixed(gone.follows("size", abs), 1), way=way)
    yield from _important(result, row)
    yield say("tipping.judge")


def _worse_is_up(result: TrialResult, row: EstimateRow) -> bool:
    """Return whether a larger outcome is the unfavourable one, as the analysis takes it."""
    return result.protocol.outcomes[row.outcome].direction != "higher_better"


def _ways(result: TrialResult, row: EstimateRow) -> tuple[Phrase, Phrase]:
    """Return the words of an unfavourable and of a favourable shift; of an outcome without a better end, up and down."""
    known = result.protocol.outcomes[row.outcome].direction is not None
    return (say("tipping.worse"), say("tipping.better")) if known else (say("tipping.higher"), say("tipping.lower"))


def _important(result: TrialResult, row: EstimateRow) -> Iterator[Phrase]:
    """Put the difference that matters beside the tipping point."""
    known = result.protocol.important_difference
    if known.outcome == row.outcome and known.value.value is not None:
        place = Trace(result.protocol.source.name, "/important_difference/value")
        yield say("tipping.important", d=short(Traced(abs(known.value.value), place)))


def _tipping_table(result: TrialResult, table_id: str, place: int, row: EstimateRow) -> Iterator[Table]:
    """Show estimate and p value while the lost of the arm get worse and those of the reference stay as supposed."""
    deltas = result.told(place, "frontier", "delta") or ()
    lines = []
    for step in range(0, len(deltas), SHOWN_DELTAS):
        delta = result.detail(place, "frontier", "delta", step).follows("size", abs)
        estimate, p = (result.detail(place, "frontier", name, 0, step) for name in ("estimate", "p"))
        lines.append(Row(f"delta{step}", (short(delta), shown(estimate, row.measure), p_value(p))))
    if lines:
        columns = (
            Column("delta", say("tipping.shift", way=_ways(result, row)[0]), "start", 0.5),
            Column("estimate", say("means.difference"), width=0.25),
            Column("p", say("means.p"), width=0.25),
        )
        caption = say("tipping.caption", arm=side(result, row, "arm"))
        yield Table(table_id, caption, columns, tuple(lines), (say("tipping.note", reference=side(result, row, "reference")),), small=True)


def subgroups_section(result: TrialResult) -> Section:
    """Return the explorations of whether the effect differs between subgroups: effects with intervals, and one joint test each."""
    blocks: list[Block] = []
    for number, (place, row) in enumerate(((p, r) for p, r in result.rows("mean_difference") if r.method == "subgroup"), start=1):
        lead = {"plan": plan_label(result, row), "analysis": spec_of(result, row).label}
        if row.status != "ok":
            blocks.append(Paragraph(f"test{number}", (say("means.no_answer", **lead, status=named("status_means", row.status)),)))
            continue
        blocks.append(Paragraph(f"test{number}", (say("means.leads", **lead), *_joint_test(result, place, row))))
        blocks.append(_subgroup_table(result, f"levels{number}", place, row))
    if blocks:
        blocks.insert(0, Paragraph("about", (say("subgroup.about"),)))
    return Section("subgroups", say("subgroup.heading"), tuple(blocks))


def _joint_test(result: TrialResult, place: int, row: EstimateRow) -> Iterator[Phrase]:
    """Say what the joint test of the interaction gives, without turning it into a claim."""
    f, first, second, p = (result.detail(place, "interaction", name) for name in ("f", "df1", "df2", "p"))
    if p.known:
        yield say("subgroup.test", p=p_statement(p), f=fixed(f, 2), df1=whole(first), df2=whole(second))
        yield say("subgroup.hint" if p.value < row.alpha else "subgroup.no_sign")


def _subgroup_table(result: TrialResult, table_id: str, place: int, row: EstimateRow) -> Table:
    factor = str(result.told(place, "factor") or spec_of(result, row).subgroup)
    outcome, visit = (within(one.label) for one in (result.protocol.outcomes[row.outcome], result.protocol.visit(row.visit)))
    columns = (
        Column("level", _heading(result, factor), "start", 0.34),
        Column("analysed", say("means.analysed"), width=0.18),
        Column("effect", say("means.difference"), width=0.2),
        Column("interval", say("means.interval", level=level_of(place, row)), width=0.28),
    )
    lines = []
    for number, one in enumerate(result.told(place, "subgroups") or ()):
        n, n_reference, effect, low, high = (
            result.detail(place, "subgroups", number, name) for name in ("n_arm", "n_reference", "effect", "ci_low", "ci_high")
        )
        analysed = say("means.pair", arm=whole(n), reference=whole(n_reference)) if n.known else numbers_analysed(result, place)
        cells = (_level(result, place, number, factor), analysed, shown(effect, row.measure), interval_of(low, high, row.measure))
        lines.append(Row(f"level{number}-{one.get('name', '')}", cells))
    caption = say("subgroup.caption", name=variable_label(result.protocol, factor), outcome=outcome, visit=visit)
    return Table(table_id, caption, columns, tuple(lines), (say("subgroup.note"),), small=True)


def _heading(result: TrialResult, factor: str) -> Phrase:
    coding = result.protocol.analysis.coding.get(factor)
    return coding.label if coding else variable_label(result.protocol, factor)


def _level(result: TrialResult, place: int, number: int, factor: str) -> Phrase:
    """Return a subgroup in words: a level of a coding, or a value of a continuous factor."""
    name = str(result.told(place, "subgroups", number, "name"))
    value = result.detail(place, "subgroups", number, "value")
    if value.known:
        return say("subgroup.at_value", what=named("subgroup_at", name.rpartition(": ")[2]), value=fixed(value, 1))
    coding = result.protocol.analysis.coding.get(factor)
    level = coding.reference if coding and name == "reference_level" else name.partition("=")[2]
    return named("code", level) if level else Plain(name)


def filled_values(result: TrialResult) -> tuple[Phrase, ...]:
    """Return the baseline values that were filled in, with how many of each, once per variable."""
    found: dict[str, Phrase] = {}
    for place, row in enumerate(result.estimates.estimates):
        for number, flag in enumerate(row.flags):
            told = re.fullmatch(r"filled: (\S+) (\d+)", flag)
            if told:
                name, digits = told.groups()
                count = Number(digits, float(digits), Trace(ESTIMATES, f"/estimates/{place}/flags/{number}", "number in the flag"))
                found.setdefault(name, say("filled.one", name=variable_label(result.protocol, name), n=count))
    return tuple(found.values())
