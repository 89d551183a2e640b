"""Part II of the power report, the declarations: identification, design, sample-size statement, method, rule, limits, reproduction."""

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from odisea.protocol.fact import Fact, Text
from odisea.protocol.model import AnalysisSpec, Plan, Protocol
from odisea.protocol.plan import ProposedEstimand
from odisea.report.calendar_sections import calendar_sections
from odisea.report.case import NAN, Case, given, named, variables, within
from odisea.report.content import (
    Block,
    Bullets,
    Callout,
    Column,
    Facts,
    Listing,
    Paragraph,
    Part,
    Phrase,
    Plain,
    Row,
    Section,
    Table,
    Trace,
    say,
)
from odisea.report.estimation import estimation_sections
from odisea.report.numbers import DASH, Traced, fixed, percent, short, whole
from odisea.report.operating import operating_sections
from odisea.report.register import register_sections
from odisea.report.results import PERFORMANCE, ScenarioResult
from odisea.report.roles import ROLES
from odisea.report.selection import LOSS
from odisea.report.summary import tolerated
from odisea.report.verdict import ALARM_TOLERANCE, POWER_TOLERANCE, Verdict

HASH_SHOWN = 16


def technical(case: Case) -> Part:
    """Return Part II."""
    sections = (
        _identification(case),
        _design(case),
        _plans(case),
        _sample_size(case),
        *operating_sections(case),
        *estimation_sections(case),
        *calendar_sections(case),
        *register_sections(case),
        _method(case),
        _rule(case),
        _limitations(case),
        _reproduction(case),
    )
    return Part("technical", say("technical.heading"), sections)


def _identification(case: Case) -> Section:
    protocol, manifest = case.protocol, case.claim.manifest
    identity = protocol.identification
    items = (
        (say("id.registry"), Plain(identity.registry_id.value or protocol.trial)),
        (say("id.title"), identity.title),
        (say("id.study_number"), given(identity.organisation_study_id, _plain(identity.organisation_study_id.value))),
        (say("id.version"), given(identity.protocol_version, _plain(identity.protocol_version.value))),
        (say("id.status"), given(protocol.status.overall, _named("recruitment", protocol.status.overall.value))),
        (say("id.sources"), Listing(tuple(say("id.source", name=Plain(s.reference, "en"), date=Plain(s.as_of)) for s in protocol.sources))),
        (say("id.software"), Plain(f"ODISEA {manifest.odisea}")),
        (say("id.date"), Plain(manifest.created[:10]) if manifest.created else DASH),
    )
    return Section("identification", say("id.heading"), (*_mixture(case), Facts("facts", items)))


def _plain(value: str | None) -> Phrase | None:
    return None if value is None else Plain(value)


def _mixture(case: Case) -> Iterator[Block]:
    """Warn where the scenarios were computed from different declarations or code."""
    inputs = {tuple(sorted(one.manifest.inputs.items())) for one in case.chosen.all}
    codes = {one.manifest.code for one in case.chosen.all}
    if len(inputs) > 1:
        yield Callout("mixed_inputs", "not_met", say("id.mixed_heading"), (say("id.mixed_inputs"),))
    if len(codes) > 1:
        yield Callout("mixed_code", "note", say("id.mixed_heading"), (say("id.mixed_code"),))


def _design(case: Case) -> Section:
    protocol = case.protocol
    items = (
        (say("design.comparison"), Listing(tuple(_arm(protocol, place) for place in range(len(protocol.arms))), "semicolons")),
        (say("design.ratio"), given(protocol.randomisation.ratio, _ratio(protocol))),
        (say("design.randomisation"), given(protocol.randomisation.method, _named("randomised_by", protocol.randomisation.method.value))),
        (say("design.concealment"), given(protocol.randomisation.concealment, _yes_no(protocol.randomisation.concealment.value))),
        (say("design.masking"), _masking(protocol)),
        (say("design.visits"), Listing(tuple(within(visit.label) for visit in protocol.schedule.visits))),
        (say("design.outcome"), _outcome(case)),
    )
    return Section("design", say("design.heading"), (Facts("facts", items), *_estimands(protocol)))


def _arm(protocol: Protocol, place: int) -> Phrase:
    arm = protocol.arms[place]
    planned = NAN if arm.planned_n.value is None else float(arm.planned_n.value)
    place_of = Trace(protocol.source.name, f"/arms/{place}/planned_n")
    return say("design.arm", arm=within(arm.label), n=whole(Traced(planned, place_of)))


def _ratio(protocol: Protocol) -> Phrase | None:
    ratio = protocol.randomisation.ratio.value
    return None if ratio is None else Plain(":".join(map(str, ratio)))


def _named(table: str, value: str | None) -> Phrase | None:
    return None if value is None else named(table, value)


def _yes_no(value: bool | None) -> Phrase | None:
    return None if value is None else say("cell.yes" if value else "cell.no")


def _masking(protocol: Protocol) -> Phrase:
    roles = (*(protocol.blinding.masked.value or ()), *(protocol.blinding.also_masked.value or ()))
    shown = Listing(tuple(named("role", role) for role in roles)) if roles else say("cell.none")
    return given(protocol.blinding.masked, shown)


def _outcome(case: Case) -> Phrase:
    spec = case.spec(case.main.analysis)
    instrument = case.protocol.instrument_of(spec.outcome)
    limits = instrument.range.value if instrument else case.outcome.range.value
    file = case.protocol.source.name
    low, high = (Traced(NAN if limits is None else limits[end], Trace(file, f"/outcomes/{spec.outcome}/range/{end}")) for end in (0, 1))
    better = say(f"study.{case.outcome.direction or 'no_direction'}")
    return say("design.scale", outcome=case.outcome.label, low=short(low), high=short(high), better=better)


def _estimands(protocol: Protocol) -> Iterator[Block]:
    """Give the five attributes of every estimand (ICH E9(R1))."""
    if not protocol.estimands and not protocol.analysis.estimands:
        return
    columns = (
        Column("estimand", say("estimand.estimand"), "start", 0.2),
        Column("population", say("estimand.population"), "start", 0.16),
        Column("treatment", say("estimand.treatment"), "start", 0.24),
        Column("summary", say("estimand.summary"), "start", 0.16),
        Column("events", say("estimand.events"), "start", 0.24),
    )
    rows = tuple(
        Row(
            estimand.id,
            (
                estimand.label,
                given(estimand.population, estimand.population.value),
                protocol.contrast(estimand.contrast).label,
                given(estimand.summary, _named("summary_measure", estimand.summary.value)),
                Listing(tuple(_event(event.label, event.strategy) for event in estimand.intercurrent_events), "semicolons"),
            ),
        )
        for estimand in protocol.estimands
    )
    proposed = tuple(_proposed_estimand(protocol, name, estimand) for name, estimand in protocol.analysis.estimands.items())
    yield Table("estimands", say("estimand.caption"), columns, rows + proposed, small=True)


def _proposed_estimand(protocol: Protocol, name: str, estimand: ProposedEstimand) -> Row:
    labels = {event.event: event.label for stated in protocol.estimands for event in stated.intercurrent_events}
    events = tuple(
        say("estimand.event", event=labels.get(event) or named("event", event), strategy=named("strategy", strategy))
        for event, strategy in estimand.strategies.items()
    )
    cells = (
        say("cell.with_status", value=estimand.label, status=say("status.proposed")),
        estimand.population,
        protocol.contrast(estimand.contrast).label,
        named("summary_measure", estimand.summary),
        Listing(events, "semicolons"),
    )
    return Row(name, cells)


def _event(label: Phrase, strategy: Fact[Any]) -> Phrase:
    return say("estimand.event", event=label, strategy=given(strategy, _named("strategy", strategy.value)))


def _plans(case: Case) -> Section:
    """The two plans side by side, with what is proposed and what the registry states."""
    plans = [(verdict, case.plan(verdict)) for verdict in case.verdicts]
    width = 0.78 / len(plans)
    columns = (
        Column("item", say("plans.item"), "start", 0.22),
        *(Column(verdict.plan, plan.label, "start", width) for verdict, plan in plans),
    )
    rows = tuple(
        Row(name, (say(f"plans.{name}"), *(_plan_cell(case, verdict, plan, name) for verdict, plan in plans)))
        for name in ("primary", "covariates", "missing_data", "imputation", "level", "responder", "multiplicity")
    )
    return Section(
        "plans",
        say("plans.heading"),
        (
            Paragraph("about", (say("plans.about"),)),
            Table("plans", say("plans.caption"), columns, rows, small=True),
            Paragraph("analysed", (say("plans.analysed"),)),
            _planned_analyses(case),
        ),
    )


def _planned_analyses(case: Case) -> Table:
    """List what each plan analyses, the plans beside one another: by role and outcome, one line per analysis."""
    plans = [case.plan(verdict) for verdict in case.verdicts]
    groups = [_by_role(plan) for plan in plans]
    rows: list[Row] = []
    for role, outcome in sorted(
        {key[:2] for group in groups for key in group}, key=lambda key: (ROLES.index(key[0]), _place(case, key[1]))
    ):
        rows.append(Row(f"{role}-{outcome}", (say(f"role_of.{role}", outcome=case.protocol.outcomes[outcome].label),)))
        for binary in (False, True):
            beside = zip_longest(*(group.get((role, outcome, binary), ()) for group in groups))
            for number, labels in enumerate(beside, start=1):
                kind = say("plans.kind_responders" if binary else "plans.kind_means")
                rows.append(Row(f"{role}-{outcome}-{binary:d}-{number}", (kind, *(label or DASH for label in labels))))
    columns = (
        Column("kind", say("plans.compared"), "start", 0.14),
        *(Column(verdict.plan, plan.label, "start", 0.86 / len(plans)) for verdict, plan in zip(case.verdicts, plans, strict=True)),
    )
    return Table("analyses", say("plans.analyses"), columns, tuple(rows), small=True)


def _by_role(plan: Plan) -> dict[tuple[str, str, bool], list[Text]]:
    """Return the labels of a plan's analyses by role, outcome and whether responders are compared."""
    found: dict[tuple[str, str, bool], list[Text]] = {}
    for spec in plan.analyses:
        found.setdefault((spec.role, spec.outcome, spec.entry.binary), []).append(spec.label)
    return found


def _place(case: Case, outcome: str) -> int:
    """Return an outcome's place in the protocol."""
    return list(case.protocol.outcomes).index(outcome)


def _plan_cell(case: Case, verdict: Verdict, plan: Plan, name: str) -> Phrase:
    """Return what a plan says on one item, with its status."""
    cells: dict[str, Callable[[], Phrase]] = {
        "primary": lambda: case.spec(verdict.analysis).label,
        "covariates": lambda: given(plan.covariates, variables(case.protocol, plan.covariates.value or ())),
        "missing_data": lambda: given(plan.missing_data, _named("missing_data", plan.missing_data.value)),
        "imputation": lambda: _imputation(case.protocol, verdict, plan),
        "level": lambda: _level(case.protocol, verdict, plan),
        "responder": lambda: _responder_rule(case.protocol, verdict, plan, case.spec(verdict.analysis)),
        "multiplicity": lambda: given(plan.multiplicity, plan.multiplicity.value),
    }
    return cells[name]()


def _imputation(protocol: Protocol, verdict: Verdict, plan: Plan) -> Phrase:
    m = NAN if plan.imputation.m.value is None else float(plan.imputation.m.value)
    count = whole(Traced(m, _in_plan(protocol, verdict, "imputation/m")))
    shown = variables(protocol, plan.imputation.variables.value or ())
    return given(plan.imputation.variables, say("plans.imputed", variables=shown, m=count))


def _level(protocol: Protocol, verdict: Verdict, plan: Plan) -> Phrase:
    alpha = Traced(NAN if plan.alpha.value is None else plan.alpha.value, _in_plan(protocol, verdict, "alpha"))
    sides = _named("sidedness", plan.sidedness.value) or say("status.not_stated")
    return given(plan.alpha, say("plans.level_value", alpha=short(alpha), sides=sides))


def _responder_rule(protocol: Protocol, verdict: Verdict, plan: Plan, spec: AnalysisSpec) -> Phrase:
    fact = plan.responder.get(spec.outcome)
    if fact is None or fact.value is None:
        return say("status.not_stated")
    rule = fact.value
    cut = Traced(rule.number, _in_plan(protocol, verdict, f"responder/{spec.outcome}"))
    return given(fact, say(f"responder_rule.{rule.rule}", d=short(cut)))


def _in_plan(protocol: Protocol, verdict: Verdict, pointer: str) -> Trace:
    return Trace(protocol.source.name, f"/analysis/plans/{verdict.plan}/{pointer}")


def _sample_size(case: Case) -> Section:
    """The sample-size statement in the form of DELTA2, and what its numbers imply."""
    size = case.protocol.sample_size
    arms = Listing(tuple(whole(case.stated("sample_size", "per_arm", i)) for i in range(len(size.per_arm.value or ()))), "plus")
    items = (
        (say("size.outcome"), case.outcome.label),
        (say("size.total"), given(size.total, say("size.people", total=whole(case.stated("sample_size", "total")), arms=arms))),
        (say("size.power"), given(size.power, say("cell.percent", n=percent(case.stated("sample_size", "power"), 0)))),
        (say("size.alpha"), given(size.alpha, short(case.stated("sample_size", "alpha")))),
        (say("size.sides"), given(size.sidedness, _named("sidedness", size.sidedness.value))),
        (say("size.test"), given(size.test, _plain(size.test.value))),
        (say("size.difference"), given(size.target_difference, say("size.points", d=short(case.difference)))),
        (say("size.basis"), given(size.target_difference_basis, size.target_difference_basis.value)),
        (say("size.citation"), given(size.target_difference_citation, _plain(size.target_difference_citation.value))),
        (say("size.sd"), given(size.standard_deviation, short(case.stated("sample_size", "standard_deviation")))),
        (say("size.standardised"), given(size.standardised_effect, short(case.stated("sample_size", "standardised_effect")))),
        (say("size.attrition"), given(size.attrition, say("cell.percent", n=percent(case.stated("sample_size", "attrition"), 0)))),
        (say("size.multiplicity"), given(size.multiplicity, size.multiplicity.value)),
    )
    return Section(
        "sample_size",
        say("size.heading"),
        (Facts("delta2", items), Paragraph("restated", (_restated(case),)), *_spread_table(case)),
    )


def _restated(case: Case) -> Phrase:
    """Restate the calculation so that a reader can repeat it."""
    return say(
        "size.restated",
        total=whole(case.stated("sample_size", "total")),
        lost=percent(case.stated("sample_size", "attrition"), 0),
        analysed=whole(case.claimed("analysed_per_arm")),
        alpha=short(case.claimed("alpha")),
        power=percent(case.claimed("power"), 0),
        d=short(case.claimed("difference").follows("size", abs)),
        sd=fixed(case.claimed("implied_sd"), 2),
        ratio=fixed(_standardised(case), 3),
    )


def _standardised(case: Case) -> Traced:
    sd = case.claimed("implied_sd")
    difference = abs(case.claimed("difference").value)
    return sd.follows("difference over it", lambda spread: difference / spread)


def _spread_table(case: Case) -> Iterator[Block]:
    """Give power and the size needed at other spreads, by the closed form."""
    claim = case.claim.assumptions.claim
    if claim is None or not claim.power_at_sd:
        return
    columns = (Column("sd", say("size.at_sd")), Column("power", say("size.at_power")), Column("needed", say("size.at_needed")))
    pointer = case.claim.place("/claim/power_at_sd")
    rows = tuple(
        Row(
            f"sd{key}",
            (
                short(Traced(float(key), pointer)),
                percent(case.claimed("power_at_sd", key)),
                whole(case.claimed("needed_per_arm", key)),
            ),
        )
        for key in sorted(claim.power_at_sd, key=float)
    )
    d, analysed = short(case.claimed("difference").follows("size", abs)), whole(case.claimed("analysed_per_arm"))
    yield Table("at_sd", say("size.at_caption", d=d, analysed=analysed, power=percent(case.claimed("power"), 0)), columns, rows)


def _method(case: Case) -> Section:
    """How the simulation works, in the order of ADEMP."""
    items = (
        say("method.aims"),
        say("method.data"),
        say("method.calibration"),
        say("method.losses"),
        say("method.estimands"),
        say("method.methods"),
        _replicates(case),
        say("method.failures"),
    )
    return Section("method", say("method.heading"), (Bullets("ademp", items),))


def _replicates(case: Case) -> Phrase:
    ordered = sorted(case.chosen.all, key=lambda one: one.assumptions.replicates)
    fewest, largest = (Traced(float(one.assumptions.replicates), one.place("/replicates")) for one in (ordered[0], ordered[-1]))
    error = percent(case.power(case.claim).mcse, 2)
    if fewest.value == largest.value:
        return say("method.performance_same", n=whole(largest), error=error)
    return say("method.performance", fewest=whole(fewest), largest=whole(largest), error=error)


def _rule(case: Case) -> Section:
    """The rule of the verdict and what it gives for every plan."""
    ids = list(dict.fromkeys(check.id for verdict in case.verdicts for check in verdict.checks))
    columns = (
        Column("check", say("rule.check"), "start", 0.4),
        *(Column(verdict.plan, case.plan(verdict).label, "start", 0.6 / len(case.verdicts)) for verdict in case.verdicts),
    )
    rows = [Row(check, (say(f"rule.{check}"), *(_mark(verdict, check) for verdict in case.verdicts))) for check in ids]
    rows.append(Row("state", (say("rule.state"), *(say(f"verdict.state.{verdict.state}") for verdict in case.verdicts))))
    return Section(
        "rule",
        say("rule.heading"),
        (
            Paragraph(
                "about", (say("rule.about"), say("rule.interval", power=tolerated(POWER_TOLERANCE), alarms=tolerated(ALARM_TOLERANCE)))
            ),
            Bullets("states", tuple(say(f"rule.when.{state}") for state in ("fails", "inconclusive", "conditions", "holds"))),
            Table("verdicts", say("rule.caption"), columns, tuple(rows)),
        ),
    )


def _mark(verdict: Verdict, check_id: str) -> Phrase:
    check = verdict.check(check_id)
    return say(f"mark.{check.mark}") if check else DASH


def _limitations(case: Case) -> Section:
    names = ("simulated", "visits", "registry", "secondary", "harms", "calendar" if case.calendar else "no_calendar", "sd")
    lost = percent(case.claim.parameter(LOSS), 0)
    items = (say("limitations.placeholders", lost=lost), *(say(f"limitations.{name}") for name in names))
    return Section("limitations", say("limitations.heading"), (Bullets("items", items),))


def _reproduction(case: Case) -> Section:
    """What it takes to repeat every number."""
    manifest = case.claim.manifest
    hashes: tuple[tuple[Phrase, Phrase], ...] = tuple((Plain(name), Plain(digest, code=True)) for name, digest in manifest.inputs.items())
    environment = Plain(", ".join(f"{name} {version}" for name, version in manifest.environment.items()))
    items: tuple[tuple[Phrase, Phrase], ...] = (
        (say("reproduction.command"), Plain(manifest.command, code=True) if manifest.command else DASH),
        (say("reproduction.code"), Plain(manifest.code, code=True) if manifest.code else DASH),
        (say("reproduction.environment"), environment),
        *hashes,
    )
    return Section(
        "reproduction",
        say("reproduction.heading"),
        (
            Paragraph("how", (say("reproduction.how"), say("reproduction.trace"))),
            Facts("hashes", items),
            _result_hashes(case.chosen.all),
        ),
    )


def _result_hashes(results: Sequence[ScenarioResult]) -> Table:
    columns = (
        Column("scenario", say("cell.scenario"), "start", 0.34),
        Column("people", say("reproduction.people")),
        Column("replicates", say("reproduction.replicates")),
        Column("seed", say("reproduction.seed")),
        Column("hash", say("reproduction.hash", file=Plain(PERFORMANCE)), "start", 0.28),
    )
    rows = tuple(
        Row(
            one.id,
            (
                one.assumptions.label,
                whole(Traced(float(one.assumptions.participants), one.place("/participants"))),
                whole(Traced(float(one.assumptions.replicates), one.place("/replicates"))),
                Plain(str(one.assumptions.seed)),
                Plain(one.manifest.outputs.get(PERFORMANCE, "")[:HASH_SHOWN] or DASH.text, code=True),
            ),
        )
        for one in results
    )
    return Table("results", say("reproduction.caption"), columns, rows, small=True)
