"""Part II of the power report, the estimates: bias and coverage, all planned analyses, losses by cause, responders."""

import math
from collections.abc import Iterator

from odisea.protocol.methods import REFERENCE_BASED
from odisea.report.case import Case, within
from odisea.report.content import Bullets, Column, Listing, Message, Paragraph, Phrase, Reference, Row, Section, Table, say
from odisea.report.numbers import DASH, fixed, percent, with_error
from odisea.report.operating import scenario_column, share, value
from odisea.report.results import Measured, ScenarioResult
from odisea.report.roles import by_role
from odisea.report.verdict import Verdict

CAUSE = "loss_share_"
RESPONDER_COLUMNS = (("estimate", 0.105), ("power", 0.105), ("odds", 0.065), ("odds_power", 0.085))


def estimation_sections(case: Case) -> tuple[Section, ...]:
    """Return the sections on estimates, in the order of the report."""
    sections = (_error(case), _analyses(case), _lost(case), _responders(case))
    return tuple(section for section in sections if section.blocks)


def _error(case: Case) -> Section:
    """Give bias, coverage and false rejections of the primary analyses, one table per plan."""
    tables = tuple(_error_table(case, verdict) for verdict in case.verdicts)
    return Section("error", say("error.heading"), (Paragraph("about", (say("error.about"),)), *tables, *_error_reading(case)))


def _error_reading(case: Case) -> Iterator[Paragraph]:
    """Say how far losses that mislead take each plan from the truth."""
    misleading = case.chosen.misleading
    if misleading is not None:
        told = tuple(
            say(
                "error.plan_bias",
                plan=within(case.plan(verdict).label),
                bias=fixed(misleading.measured(verdict.analysis, "bias").value.follows("size", abs), 1),
                coverage=percent(misleading.measured(verdict.analysis, "coverage").value, 0),
            )
            for verdict in case.verdicts
        )
        yield Paragraph("reading", (say("error.reading", scenario=misleading.assumptions.label, told=Listing(told, "clauses")),))


def _error_table(case: Case, verdict: Verdict) -> Table:
    columns = (
        scenario_column(0.2),
        Column("true", say("error.true"), width=0.1),
        Column("bias", say("error.bias"), width=0.12),
        Column("empirical", say("error.empirical"), width=0.09),
        Column("model", say("error.model"), width=0.09),
        Column("coverage", say("error.coverage"), width=0.13),
        Column("benefit", say("error.benefit"), width=0.1),
        Column("harm", say("error.harm"), width=0.1),
        Column("failures", say("error.failures"), width=0.07),
    )
    rows = tuple(_error_row(one, verdict.analysis) for one in case.chosen.all)
    caption = say("error.caption", plan=case.plan(verdict).label, analysis=case.spec(verdict.analysis).label)
    return Table(f"error_{verdict.plan}", caption, columns, rows, (say("note.mcse"), say("error.note")), small=True)


def _error_row(one: ScenarioResult, analysis: str) -> Row:
    def of(name: str) -> Measured:
        return one.measured(analysis, name)

    failures = of("failures").value
    cells = (
        one.assumptions.label,
        fixed(of("true_value").value, 2),
        value(of("bias")),
        fixed(of("empirical_se").value, 2),
        fixed(of("model_se").value, 2),
        share(of("coverage")),
        percent(of("reject_benefit").value),
        percent(of("reject_harm").value),
        percent(failures, 2) if failures.value else percent(failures, 0),
    )
    return Row(one.id, cells)


def _analyses(case: Case) -> Section:
    """Compare every planned analysis of the difference in means where the protocol's numbers hold, and where there is no effect."""
    columns = (
        Column("analysis", say("cell.analysis"), "start", 0.32),
        Column("power", say("analyses.power"), width=0.12),
        Column("bias", say("error.bias"), width=0.12),
        Column("empirical", say("error.empirical"), width=0.09),
        Column("coverage", say("error.coverage"), width=0.12),
        Column("gain", say("analyses.gain"), width=0.12),
        Column("alarms", say("analyses.alarms"), width=0.11),
    )
    rows = [row for verdict in case.verdicts for row in _analyses_of(case, verdict)]
    table = Table(
        "analyses",
        say("analyses.caption", scenario=case.claim.assumptions.label),
        columns,
        tuple(rows),
        (say("note.mcse"), say("analyses.note")),
        small=True,
    )
    return Section("analyses", say("analyses.heading"), (table,))


def _analyses_of(case: Case, verdict: Verdict) -> Iterator[Row]:
    """Give a plan's simulated analyses of its primary outcome in rows, each role under its own heading."""
    outcome = case.spec(verdict.analysis).outcome
    specs = [spec for spec in case.planned(verdict) if spec.measure == "mean_difference" and spec.outcome == outcome]
    for role, own in by_role(specs, lambda spec: spec.role).items():
        yield Row(f"{verdict.plan}-{role}", (say("analyses.of_plan", plan=case.plan(verdict).label, role=say(f"role_word.{role}")),))
        yield from (_analysis_row(case, f"{verdict.plan}.{spec.id}") for spec in own)


def _analysis_row(case: Case, analysis: str) -> Row:
    claim, null = case.claim, case.chosen.null
    spec = case.spec(analysis)
    mark: Phrase = spec.label
    if spec.imputation_from not in (None, analysis.split(".", 1)[0]):
        mark = say("analyses.uncongenial", label=mark)
    if spec.missing_data in REFERENCE_BASED:
        mark = say("analyses.own_truth", label=mark)
    gain = claim.measured(analysis, "relative_precision")
    cells = (
        mark,
        share(claim.measured(analysis, "power")),
        value(claim.measured(analysis, "bias")),
        fixed(claim.measured(analysis, "empirical_se").value, 2),
        share(claim.measured(analysis, "coverage")),
        say("analyses.reference") if spec.role == "primary" else value(gain, 1),
        share(null.measured(analysis, "power")),
    )
    return Row(analysis, cells)


def _lost(case: Case) -> Section:
    """Give the losses by cause as the calibration cohort shows them."""
    causes = list(dict.fromkeys(name for one in case.chosen.all for name in one.assumptions.achieved if name.startswith(CAUSE)))
    if not causes:
        return Section("lost", say("lost.heading"), ())
    names = ["loss_total", "loss_tele", "loss_control", *causes]
    present = [name for name in names if any(name in one.assumptions.achieved for one in case.chosen.all)]
    columns = (
        scenario_column(),
        *(Column(name, Message(f"lost.{name}") if name in CAUSES_NAMED else say("lost.other")) for name in present),
    )
    rows = tuple(
        Row(one.id, (one.assumptions.label, *(percent(one.achieved(name)[0]) for name in present)))
        for one in case.chosen.all
        if "loss_total" in one.assumptions.achieved
    )
    items = tuple(say(f"lost.about_{name.removeprefix(CAUSE)}") for name in causes if name in CAUSES_NAMED)
    table = Table("lost", say("lost.caption"), columns, rows, (say("lost.note"),), small=True)
    return Section("lost", say("lost.heading"), (Paragraph("about", (say("lost.about"),)), Bullets("causes", items), table))


CAUSES_NAMED = (
    "loss_total",
    "loss_tele",
    "loss_control",
    "loss_share_mcar",
    "loss_share_mar_covariates",
    "loss_share_mar_adherence",
    "loss_share_mnar",
)


def _responders(case: Case) -> Section:
    """Give the responder analyses: risk difference with its truth, and the power of both."""
    found = [(verdict, *_responder_analyses(case, verdict)) for verdict in case.verdicts]
    found = [(verdict, risk, odds) for verdict, risk, odds in found if risk or odds]
    if not found:
        return Section("responders", say("responders.heading"), ())
    columns = [scenario_column(0.18), Column("true", say("responders.true"), width=0.1)]
    for verdict, _, _ in found:
        label = case.plan(verdict).label
        columns += [
            Column(f"{verdict.plan}-{name}", say(f"responders.{name}"), width=width, group=label) for name, width in RESPONDER_COLUMNS
        ]
    rows = tuple(_responder_row(one, found) for one in case.chosen.all)
    table = Table("responders", say("responders.caption"), tuple(columns), rows, (say("note.mcse"), say("responders.note")), small=True)
    about = say("responders.about", section=Reference("plans"))
    return Section("responders", say("responders.heading"), (Paragraph("about", (about,)), table))


def _responder_analyses(case: Case, verdict: Verdict) -> tuple[str, str]:
    """Return the plan's first risk difference and its first log odds ratio, empty where it has none."""

    def first(measure: str) -> str:
        return next((f"{verdict.plan}.{spec.id}" for spec in case.planned(verdict) if spec.measure == measure), "")

    return first("risk_difference"), first("log_odds_ratio")


def _responder_row(one: ScenarioResult, found: list[tuple[Verdict, str, str]]) -> Row:
    cells: list[Phrase] = [one.assumptions.label, percent(one.measured(found[0][1], "true_value").value)]
    for _, risk, odds in found:
        estimate = one.measured(risk, "mean_estimate")
        cells += [
            with_error(percent(estimate.value), percent(estimate.mcse, 2)),
            share(one.measured(risk, "power")),
            fixed(one.measured(odds, "mean_estimate").value.follows("exponential", math.exp), 2) if odds else DASH,
            percent(one.measured(odds, "power").value) if odds else DASH,
        ]
    return Row(one.id, tuple(cells))
