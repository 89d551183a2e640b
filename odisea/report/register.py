"""Part II of the power report, the assumptions: what was asked and what was achieved, every value with range, source and grade."""

from odisea.report.case import Case, named
from odisea.report.content import Bullets, Column, Facts, Listing, Message, Paragraph, Phrase, Plain, Row, Section, Table, say
from odisea.report.numbers import DASH, fixed, percent, short
from odisea.report.results import Parameter, ScenarioResult
from odisea.report.text import read_texts

KINDS = ("target", "input", "check")
ACHIEVED = ("odi_mean_baseline", "odi_sd_baseline", "odi_sd_week6_control", "odi_sd_week6_tele", "odi_correlation", "effect")
ACHIEVED_SHARES = ("floor_week6_tele", "floor_week6_control", "adherence_mean")
NUMBERED = "item_offset_"


def register_sections(case: Case) -> tuple[Section, ...]:
    """Return the sections on assumptions."""
    return _calibration(case), _register(case)


def parameter_label(name: str, brief: bool = False) -> Phrase:
    """Return the words for a parameter, its bare name where the text files have none."""
    if brief and f"brief.{name}" in read_texts("en"):
        return Message(f"brief.{name}")
    if name.startswith(NUMBERED):
        return say("parameter.item_offset", item=Plain(str(int(name.removeprefix(NUMBERED)))))
    return named("parameter", name)


def _calibration(case: Case) -> Section:
    """Show what the calibrated cohort achieves in every scenario."""
    results = [one for one in case.chosen.all if one.assumptions.achieved]
    values = [name for name in ACHIEVED if any(name in one.assumptions.achieved for one in results)]
    shares = [name for name in ACHIEVED_SHARES if any(name in one.assumptions.achieved for one in results)]
    columns = (
        Column("scenario", say("cell.scenario"), "start", 0.24),
        *(Column(name, Message(f"achieved.{name}")) for name in (*values, *shares)),
    )
    rows = tuple(
        Row(
            one.id,
            (
                one.assumptions.label,
                *(fixed(one.achieved(name)[0], 3 if name == "odi_correlation" else 2) for name in values),
                *(percent(one.achieved(name)[0]) for name in shares),
            ),
        )
        for one in results
    )
    table = Table("achieved", say("achieved.caption"), columns, rows, (say("achieved.note"),), small=True)
    return Section("calibration", say("achieved.heading"), (Paragraph("about", (say("achieved.about"),)), table))


def _register(case: Case) -> Section:
    """List every assumption with range, source, grade and, where it was calibrated or checked, what was achieved."""
    sources = cited_sources(case)
    columns = (
        Column("name", say("register.name"), "start", 0.34),
        Column("value", say("register.value"), width=0.1),
        Column("range", say("register.range"), width=0.14),
        Column("unit", say("register.unit"), "start", 0.16),
        Column("source", say("register.source"), "start", 0.09),
        Column("grade", say("register.grade"), "start", 0.07),
        Column("achieved", say("register.achieved"), width=0.1),
    )
    rows: list[Row] = []
    for kind in KINDS:
        chosen = [one for one in case.claim.assumptions.parameters if one.kind == kind]
        if chosen:
            rows.append(Row(f"kind-{kind}", (say(f"register.kind.{kind}"),)))
            rows += [_register_row(case, one, sources) for one in chosen]
    table = Table(
        "register",
        say("register.caption", scenario=case.claim.assumptions.label),
        columns,
        tuple(rows),
        (say("register.note"),),
        small=True,
    )
    grades = Bullets("grades", tuple(say(f"grade.{letter}") for letter in "ABCD"))
    cited = Facts("sources", tuple((Plain(f"[{place}]"), Plain(source, "en")) for place, source in enumerate(sources, start=1)))
    return Section(
        "register",
        say("register.heading"),
        (Paragraph("about", (say("register.about"),)), grades, table, Paragraph("cited", (say("register.cited"),)), cited),
    )


def cited_sources(case: Case) -> list[str]:
    """Return the sources in the order of their numbers."""
    worlds = (case.claim, *case.chosen.all)
    return list(dict.fromkeys(source for world in worlds for one in world.assumptions.parameters for source in one.source))


def source_numbers(parameter: Parameter, sources: list[str]) -> Phrase:
    """Return the numbers of a parameter's sources; a word for none."""
    cited = tuple(Plain(f"[{sources.index(source) + 1}]") for source in parameter.source)
    return Listing(cited, "commas") if cited else say("register.no_source")


def _register_row(case: Case, parameter: Parameter, sources: list[str]) -> Row:
    claim = case.claim
    low, high, achieved = (claim.parameter(parameter.name, part) for part in ("low", "high", "achieved"))
    value = _value(claim, parameter)
    return Row(
        parameter.name,
        (
            parameter_label(parameter.name),
            value,
            say("register.range_value", low=short(low), high=short(high)),
            unit_label(parameter.unit),
            source_numbers(parameter, sources),
            Plain(parameter.grade),
            fixed(achieved, 3) if achieved.known else DASH,
        ),
    )


def _value(claim: ScenarioResult, parameter: Parameter) -> Phrase:
    if parameter.value is None:
        return say("register.follows")
    shown = short(claim.parameter(parameter.name))
    if parameter.outside_range:
        return say("register.outside", value=shown)
    return say("register.changed", value=shown) if parameter.changed else shown


def unit_label(unit: str) -> Phrase:
    """Return the words for a unit, the unit itself where the text files have none."""
    return Message(f"unit.{unit}") if f"unit.{unit}" in read_texts("en") else Plain(unit)
