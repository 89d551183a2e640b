"""Part II of the power report, the power: check against closed forms, scenarios, power under each, curves."""

from collections.abc import Callable, Iterator

from odisea.report.case import Case, within
from odisea.report.content import (
    Block,
    Bullets,
    Column,
    Curve,
    Figure,
    Listing,
    Paragraph,
    Phrase,
    Point,
    Row,
    Section,
    Series,
    Table,
    Trace,
    say,
)
from odisea.report.numbers import Traced, fixed, hundredths, percent, short, with_error
from odisea.report.register import parameter_label
from odisea.report.results import Measured, ScenarioResult
from odisea.report.selection import EFFECT, LOSS, SPREAD

GAP_LIMIT = 3.5


def operating_sections(case: Case) -> tuple[Section, ...]:
    """Return the sections with results, in the order of the report."""
    sections = (_check(case), _scenarios(case), _power(case), _curves(case))
    return tuple(section for section in sections if section.blocks)


def scenario_column(width: float = 0.26) -> Column:
    """Return the column that names scenarios."""
    return Column("scenario", say("cell.scenario"), "start", width)


def share(measured: Measured) -> Phrase:
    """Print a share in percent with its Monte Carlo standard error."""
    return with_error(percent(measured.value), percent(measured.mcse, 2))


def value(measured: Measured, digits: int = 2) -> Phrase:
    """Print a value with its Monte Carlo standard error."""
    return with_error(fixed(measured.value, digits), fixed(measured.mcse, digits))


def _check(case: Case) -> Section:
    """Compare simulated with closed-form power, scenarios grouped by how a gap is to be read."""
    results = [one for one in case.chosen.all if any(measure == "closed_form_power" for _, measure in one.measures)]
    analyses = [name for name in case.claim.analyses if case.claim.measured(name, "closed_form_power").value.known]
    if not analyses:
        return Section("closed_form", say("closed.heading"), ())
    width = 0.8 / (2 * len(analyses))
    columns = [scenario_column(0.2)]
    for name in analyses:
        group = say("closed.analysis", analysis=case.spec(name).label, plan=case.protocol.analysis.plans[name.split(".", 1)[0]].label)
        columns.append(Column(f"{name}-power", say("closed.both"), width=1.2 * width, group=group))
        columns.append(Column(f"{name}-gap", say("closed.gap"), width=0.8 * width, group=group))
    rows: list[Row] = []
    for reading in ("exact", "nobody_lost", "losses"):
        found = [one for one in results if _reading(one) == reading]
        if found:
            rows.append(Row(f"reading-{reading}", (say(f"closed.{reading}"),)))
            rows += [_check_row(one, analyses) for one in found]
    limit = Traced(GAP_LIMIT, Trace("report", "limit of chance among a few dozen cells"))
    table = Table("closed_form", say("closed.caption"), tuple(columns), tuple(rows), (say("closed.note", limit=short(limit)),), small=True)
    return Section("closed_form", say("closed.heading"), (Paragraph("about", (say("closed.about"),)), table))


def _check_row(one: ScenarioResult, analyses: list[str]) -> Row:
    cells: list[Phrase] = [one.assumptions.label]
    for name in analyses:
        gap = one.measured(name, "closed_form_gap").value
        pair = {"power": percent(one.measured(name, "power").value), "formula": percent(one.measured(name, "closed_form_power").value)}
        shown = fixed(gap, 1)
        cells += [say("closed.pair", **pair), say("closed.beyond", gap=shown) if abs(gap.value) > GAP_LIMIT else shown]
    return Row(one.id, tuple(cells))


def _reading(one: ScenarioResult) -> str:
    """Return how a gap is to be read: it would be a fault only where the formula's assumptions hold."""
    if one.assumptions.textbook:
        return "exact"
    return "nobody_lost" if one.value(LOSS) == 0 else "losses"


def _scenarios(case: Case) -> Section:
    """List the worlds and what each changes."""
    columns = (
        scenario_column(0.2),
        Column("about", say("scenarios.about"), "start", 0.44),
        Column("changes", say("scenarios.changes"), "start", 0.36),
    )
    rows = tuple(Row(one.id, (one.assumptions.label, one.assumptions.about, _changes(one))) for one in case.chosen.all)
    table = Table("scenarios", say("scenarios.caption"), columns, rows, (say("scenarios.note"),), small=True)
    return Section("scenarios", say("scenarios.heading"), (Paragraph("why", (say("scenarios.why"),)), table))


def _changes(one: ScenarioResult) -> Phrase:
    items: list[Phrase] = []
    for parameter in one.assumptions.parameters:
        if parameter.changed:
            shown = short(one.parameter(parameter.name))
            key = "scenarios.change_outside" if parameter.outside_range else "scenarios.change"
            items.append(say(key, name=parameter_label(parameter.name, brief=True), value=shown))
    return Listing(tuple(items), "semicolons") if items else say("cell.none")


def _power(case: Case) -> Section:
    """Give power under each scenario for the primary analyses of the plans, side by side."""
    measures = ("power", "prob_estimate_beyond_target", "reject_margin")
    columns = [scenario_column(0.19), Column("effect", say("power.effect"), width=0.07), Column("lost", say("power.lost"), width=0.08)]
    width = 0.66 / (len(measures) * len(case.verdicts))
    for verdict in case.verdicts:
        label = case.plan(verdict).label
        columns += [
            Column(f"{verdict.plan}-{name}", say(f"power.{name}", d=short(case.difference)), width=width, group=label) for name in measures
        ]
    rows = tuple(_power_row(case, one, measures) for one in case.chosen.all)
    blocks: list[Block] = [
        Paragraph("about", (say("power.about", d=short(case.difference)),)),
        Table("power", say("power.caption"), tuple(columns), rows, (_analysis_note(case), say("note.mcse")), small=True),
        Bullets("readings", tuple(_readings(case))),
    ]
    return Section("power", say("power.heading"), tuple(blocks))


def _power_row(case: Case, one: ScenarioResult, measures: tuple[str, ...]) -> Row:
    cells: list[Phrase] = [one.assumptions.label, short(one.parameter(EFFECT)), percent(one.parameter(LOSS), 0)]
    cells += [share(one.measured(verdict.analysis, name)) for verdict in case.verdicts for name in measures]
    return Row(one.id, tuple(cells))


def _analysis_note(case: Case) -> Phrase:
    """Say which analysis stands under each plan's name."""
    pairs = tuple(say("note.primary", plan=case.plan(v).label, analysis=case.spec(v.analysis).label) for v in case.verdicts)
    return Listing(pairs, "sentences")


def _readings(case: Case) -> Iterator[Phrase]:
    """Say in words what the table shows."""
    first = case.main.analysis
    claim = case.claim
    yield say(
        "power.reading_claim",
        power=percent(claim.measured(first, "power").value),
        beyond=percent(claim.measured(first, "prob_estimate_beyond_target").value),
        margin=percent(claim.measured(first, "reject_margin").value),
        d=short(case.difference),
    )
    if len(case.verdicts) > 1:
        other = case.verdicts[1]
        yield say(
            "power.reading_plans",
            first=percent(claim.measured(first, "power").value),
            other=percent(claim.measured(other.analysis, "power").value),
            plan=within(case.plan(other).label),
        )


def _curves(case: Case) -> Section:
    """Draw power against effect and against attrition."""
    blocks: list[Block] = []
    if len(case.chosen.by_effect) > 1:
        null = case.chosen.null
        caption = say("curve.effect_caption", sd=short(null.parameter(SPREAD)), lost=percent(null.parameter(LOSS), 0))
        blocks.append(_curve(case, "effect", caption, case.chosen.by_effect, case.advantage, 1.0, True))
    if len(case.chosen.by_loss) > 1:
        caption = say("curve.loss_caption", sd=fixed(case.claimed("implied_sd"), 2), d=short(case.difference))
        blocks.append(_curve(case, "loss", caption, case.chosen.by_loss, lambda one: one.parameter(LOSS), 100.0, False))
    return Section("curves", say("curve.heading"), tuple(blocks))


def _curve(
    case: Case,
    name: str,
    caption: Phrase,
    scenarios: tuple[ScenarioResult, ...],
    position: Callable[[ScenarioResult], Traced],
    scale: float,
    null_line: bool,
) -> Figure:
    """Return one curve of power with a series per plan."""
    series = tuple(
        Series(
            case.plan(verdict).label,
            tuple(_point(one.measured(verdict.analysis, "power"), scale * position(one).value) for one in scenarios),
        )
        for verdict in case.verdicts
    )
    target = case.stated("sample_size", "power")
    references = [(100 * target.value, say("curve.target", n=percent(target, 0)))] if target.known else []
    alpha = case.claimed("alpha")
    if null_line and alpha.known:
        references.append((100 * alpha.value, say("curve.alpha", n=percent(alpha, 0))))
    told = tuple(_told(case, name, one, position(one)) for one in scenarios)
    alt = say(f"curve.{name}_alt", told=Listing(told, "clauses"))
    plot = Curve(say(f"curve.{name}_x"), say("curve.y"), series, tuple(references))
    return Figure(name, caption, alt, plot)


def _point(measured: Measured, x: float) -> Point:
    low, high = measured.interval
    return Point(x, 100 * measured.value.value, 100 * low, 100 * high)


def _told(case: Case, name: str, one: ScenarioResult, at: Traced) -> Phrase:
    x = short(at) if name == "effect" else hundredths(at)
    powers = tuple(percent(one.measured(verdict.analysis, "power").value) for verdict in case.verdicts)
    return say(f"curve.{name}_told", x=x, powers=Listing(powers))
