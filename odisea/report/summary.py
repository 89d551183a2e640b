"""Part I of the power report: two pages for an ethics reviewer, three with a calendar; without a formula, in natural frequencies."""

from collections.abc import Iterator

from odisea.report.case import Case, named, within
from odisea.report.content import (
    Bullets,
    Check,
    Column,
    Figure,
    Icons,
    Listing,
    Number,
    Panel,
    Paragraph,
    Part,
    Phrase,
    Plain,
    Reference,
    Row,
    Section,
    Table,
    Trace,
    VerdictBox,
    say,
)
from odisea.report.feasibility import feasibility_sections
from odisea.report.numbers import Traced, fixed, hundredths, of_hundred, short, whole
from odisea.report.results import Measured, ScenarioResult
from odisea.report.selection import EFFECT, LOSS, SPREAD
from odisea.report.verdict import ALARM_TOLERANCE, POWER_TOLERANCE, Judged

NEARLY_ALL = 0.95


def summary(case: Case) -> Part:
    """Return Part I."""
    number = (_study(case), _people(case), _spread(case), _losses(case), _false_conclusions(case), _more_or_fewer(case))
    sections = (*number, *feasibility_sections(case), _limits(case))
    return Part("summary", say("summary.heading"), tuple(section for section in sections if section.blocks))


def _study(case: Case) -> Section:
    """The study, its question, and the verdict."""
    return Section(
        "study",
        say("study.heading"),
        (
            Paragraph("question", (_question(case), say("study.simulated", n=whole(_replicates(case)))), "lead"),
            verdict_box(case),
        ),
    )


def _question(case: Case) -> Phrase:
    protocol, contrast, outcome = case.protocol, case.contrast, case.outcome
    spec = case.spec(case.main.analysis)
    instrument = protocol.instrument_of(spec.outcome)
    visit = protocol.visit(spec.visit)
    weeks = Traced(visit.week, Trace(protocol.source.name, "/schedule/visits/week"))
    return say(
        "study.question",
        registry=Plain(protocol.identification.registry_id.value or protocol.trial),
        condition=within(protocol.population.condition.value) if protocol.population.condition.value else say("study.condition"),
        arm=within(protocol.arm(contrast.arm).label),
        reference=within(protocol.arm(contrast.reference).label),
        weeks=short(weeks),
        outcome=outcome.label,
        measures=within(instrument.measures) if instrument else within(outcome.label),
        better=say(f"study.{outcome.direction or 'no_direction'}"),
    )


def _replicates(case: Case) -> Traced:
    return Traced(float(case.claim.assumptions.replicates), case.claim.place("/replicates"))


def verdict_box(case: Case) -> VerdictBox:
    """Return the verdict on the first plan with its checks."""
    verdict = case.main
    return VerdictBox(
        "verdict",
        verdict.state,
        say("verdict.heading"),
        (say(f"verdict.meaning.{verdict.state}"),),
        tuple(Check(check.id, check.mark, _check(case, check)) for check in verdict.checks),
        say("verdict.rule", section=Reference("rule")),
    )


def _check(case: Case, check: Judged) -> Phrase:
    """Return a check of the verdict as a sentence."""
    match check.id:
        case "claim":
            asked = of_hundred(case.stated("sample_size", "power"))
            power = of_hundred(check.measures[0].value)
            return say("check.claim", n=power, d=short(case.difference), asked=asked, tolerance=tolerated(POWER_TOLERANCE))
        case "false_alarms" | "misleading_alarms":
            limits = {"limit": hundredths(_alpha(case)), "tolerance": tolerated(ALARM_TOLERANCE)}
            return say(f"check.{check.id}", n=of_hundred(check.measures[0].value), **limits)
        case "smaller_effect":
            return _smaller(case, check)
        case "larger_loss":
            lost = hundredths(check.scenarios[-1].parameter(LOSS))
            return say("check.larger_loss", lost=lost, n=of_hundred(check.measures[-1].value), d=short(case.difference))
        case "misleading_loss":
            return say(
                "check.misleading_loss", n=of_hundred(check.measures[0].value), d=short(case.difference), section=Reference("losses")
            )
        case _:
            gaps = Listing(tuple(named("fact", name) for name in check.facts))
            return say("check.facts_missing", facts=gaps) if check.facts else say("check.facts_stated")


def tolerated(tolerance: float) -> Number:
    """Print a tolerance of the verdict's rule, of 100."""
    return hundredths(Traced(tolerance, Trace("report", "rule of the verdict")))


def _smaller(case: Case, check: Judged) -> Phrase:
    effects = [short(case.advantage(one)) for one in check.scenarios]
    counts = [of_hundred(measured.value) for measured in check.measures]
    if len(effects) == 1:
        return say("check.smaller_one", d=effects[0], n=counts[0])
    return say("check.smaller_range", low=effects[0], high=effects[-1], a=counts[0], b=counts[-1])


def _alpha(case: Case) -> Traced:
    alpha = case.plan(case.main).alpha
    value = float("nan") if alpha.value is None else alpha.value
    return Traced(value, Trace(case.protocol.source.name, f"/analysis/plans/{case.main.plan}/alpha"))


def _people(case: Case) -> Section:
    """How many people and why."""
    power = case.power(case.claim).value
    missed = power.follows("100 minus", lambda share: 1 - share)
    basis = "sourced" if case.protocol.sample_size.target_difference_citation.known else "unsourced"
    completers = case.claimed("analysed_per_arm").follows("both groups", lambda per_arm: 2 * per_arm)
    numbers = say(
        "people.planned",
        total=whole(case.stated("sample_size", "total")),
        lost=hundredths(case.stated("sample_size", "attrition")),
        completers=whole(completers),
        analysed=whole(case.claimed("analysed_per_arm")),
    )
    sought = say(f"people.{basis}", d=short(case.difference))
    detect = say("people.detect", d=short(case.difference), n=of_hundred(power), rest=of_hundred(missed))
    detected = (detect, *_recommended(case))
    return Section("people", say("people.heading"), (Paragraph("planned", (numbers, sought)), Paragraph("detect", detected)))


def _recommended(case: Case) -> Iterator[Phrase]:
    """Say what the other plans detect with the same people."""
    for verdict in case.verdicts[1:]:
        power = case.claim.measured(verdict.analysis, "power").value
        yield say("people.recommended", plan=within(case.plan(verdict).label), section=Reference("plans"), n=of_hundred(power))


def _spread(case: Case) -> Section:
    """The spread that the registry's own numbers imply, against the published one."""
    known = case.protocol.sample_size.standard_deviation.known
    implied = say("spread.stated" if known else "spread.implied", sd=fixed(case.claimed("implied_sd"), 2))
    blocks = [Paragraph("implied", (say("spread.why"), implied))]
    target = case.chosen.target
    if target is not None:
        blocks.append(Paragraph("published", (_published(case, target),)))
    return Section("spread", say("spread.heading"), tuple(blocks))


def _published(case: Case, target: ScenarioResult) -> Phrase:
    sd = target.parameter(SPREAD)
    low, high = (target.parameter(SPREAD, end) for end in ("low", "high"))
    common = {"sd": short(sd), "low": short(low), "high": short(high), "d": short(case.difference)}
    detected = of_hundred(case.power(target).value)
    needed = case.claimed("needed_per_arm", f"{sd.value:g}")
    if not needed.known:
        return say("spread.published", n=detected, **common)
    analysed = whole(case.claimed("analysed_per_arm"))
    return say("spread.published_needed", n=detected, needed=whole(needed), analysed=analysed, **common)


def _losses(case: Case) -> Section:
    """What happens if many leave."""
    blocks: list[Paragraph | Table] = [Paragraph("who", (say("losses.who"),))]
    if len(case.chosen.by_loss) > 1:
        blocks.append(_loss_table(case))
    misleading = case.chosen.misleading
    if misleading is not None:
        measured = misleading.measured(case.main.analysis, "mean_estimate").value
        found = measured.follows("as an advantage", lambda estimate: case.sign * estimate)
        count = of_hundred(case.power(misleading).value)
        blocks.append(Paragraph("misleading", (say("losses.misleading", d=short(case.difference), x=fixed(found, 1), n=count),)))
    return Section("losses", say("losses.heading"), tuple(blocks))


def _loss_table(case: Case) -> Table:
    rows = [
        Row(f"r{place}", (hundredths(one.parameter(LOSS)), of_hundred(case.power(one).value)))
        for place, one in enumerate(case.chosen.by_loss, start=1)
    ]
    columns = (Column("lost", say("losses.lost"), "end"), Column("detect", say("losses.detect", d=short(case.difference)), "end"))
    return Table("by_loss", say("losses.caption", sd=fixed(case.claimed("implied_sd"), 2)), columns, tuple(rows))


def _false_conclusions(case: Case) -> Section:
    """The risk of a false conclusion."""
    null = case.power(case.chosen.null).value
    sentences: list[Phrase] = [say("false.null", n=of_hundred(null), limit=hundredths(_alpha(case)))]
    misleading = case.chosen.misleading_null
    if misleading is not None:
        sentences.append(_misleading_alarms(case, misleading))
    blocks = [Paragraph("null", tuple(sentences)), *_at_least(case)]
    return Section("false_conclusions", say("false.heading"), tuple(blocks))


def _misleading_alarms(case: Case, misleading: ScenarioResult) -> Phrase:
    """Say how often a difference is reported by mistake when losses mislead, and in which direction."""
    alarms, harm = case.power(misleading).value, misleading.measured(case.main.analysis, "reject_harm").value
    if harm.value > NEARLY_ALL * alarms.value:
        return say("false.misleading_all", n=of_hundred(alarms))
    return say("false.misleading", n=of_hundred(alarms), harm=of_hundred(harm))


def _at_least(case: Case) -> Iterator[Paragraph]:
    """Say that detecting a difference is not showing that it is as large as sought."""
    beyond = case.claim.measured(case.main.analysis, "prob_estimate_beyond_target").value
    margin = case.claim.measured(case.main.analysis, "reject_margin").value
    if beyond.known and margin.known:
        less = beyond.follows("100 minus", lambda share: 1 - share)
        yield Paragraph("at_least", (say("false.at_least", d=short(case.difference), less=of_hundred(less), shown=of_hundred(margin)),))


def _more_or_fewer(case: Case) -> Section:
    """Too many or too few people, as grids of a hundred trials."""
    blocks: list[Paragraph | Figure] = []
    smaller, target = case.chosen.smaller, case.chosen.target
    if target is not None:
        blocks.append(Paragraph("enough", (_enough(case, case.power(target)),)))
    if smaller:
        first, last = smaller[0], smaller[-1]
        ends = {"low": short(case.advantage(first)), "high": short(case.advantage(last))}
        counts = {"a": of_hundred(case.power(first).value), "b": of_hundred(case.power(last).value)}
        few = say("enough.smaller_one" if len(smaller) == 1 else "enough.smaller", **ends, **counts)
        blocks.append(Paragraph("smaller", (few, say("enough.ask"))))
    if len(case.chosen.by_effect) > 1:
        blocks.append(_icon_figure(case))
    return Section("more_or_fewer", say("enough.heading"), tuple(blocks))


def _enough(case: Case, at_target: Measured) -> Phrase:
    asked = case.stated("sample_size", "power")
    low, high = at_target.interval
    key = "more" if low > asked.value else "fewer" if high < asked.value else "just"
    return say(f"enough.{key}", d=short(case.difference), n=of_hundred(at_target.value), asked=of_hundred(asked))


def _icon_figure(case: Case) -> Figure:
    series = tuple(reversed(case.chosen.by_effect))
    anchor = case.chosen.null
    panels = tuple(
        Panel(
            say("icons.effect", d=short(case.advantage(one))) if one.value(EFFECT) else say("icons.no_effect"),
            hundredths(case.power(one).value),
            say("icons.detect") if one.value(EFFECT) else say("icons.mistake"),
        )
        for one in series
    )
    caption = say("icons.caption", sd=short(anchor.parameter(SPREAD)), lost=hundredths(anchor.parameter(LOSS)))
    told = tuple(
        say("icons.told" if one.value(EFFECT) else "icons.told_null", d=short(case.advantage(one)), n=of_hundred(case.power(one).value))
        for one in series
    )
    return Figure("icons", caption, say("icons.alt", told=Listing(told, "clauses")), Icons(panels))


def _limits(case: Case) -> Section:
    """What this report cannot say."""
    return Section("cannot_say", say("limits.heading"), (Bullets("limits", tuple(_limit_items(case))),))


def _limit_items(case: Case) -> Iterator[Phrase]:
    yield say("limits.simulated")
    parameters = case.claim.assumptions.parameters
    place = case.claim.place("/parameters")
    unsourced = Traced(float(sum(one.grade == "D" for one in parameters)), Trace(place.file, place.at, "how many have grade D"))
    number = Traced(float(len(parameters)), Trace(place.file, place.at, "how many"))
    yield say("limits.grade_d", n=whole(unsourced), total=whole(number), section=Reference("register"))
    yield say("limits.harms_undefined" if not case.protocol.harms.definition.known else "limits.harms")
    undefined = [outcome for outcome in case.protocol.outcomes.values() if outcome.level == "secondary" and not outcome.definition.known]
    if undefined:
        yield say("limits.undefined", outcomes=Listing(tuple(within(outcome.label) for outcome in undefined)))
    if case.calendar is None:
        yield say("limits.no_calendar")
    yield say("limits.judgement", d=short(case.difference))
