"""Sections of the check report on findings: scoreboard, contradictions, questions, every finding, what could not be run, waivers."""

from collections.abc import Iterable

from odisea.protocol.fact import Text
from odisea.protocol.rules.rule import ASK, SEVERITIES
from odisea.protocol.rules.texts import shown
from odisea.report.check_files import CheckResult, FindingRow
from odisea.report.content import (
    Block,
    Callout,
    Column,
    Facts,
    Listing,
    Mark,
    Message,
    Paragraph,
    Phrase,
    Plain,
    Reference,
    Row,
    Section,
    Table,
    Trace,
    say,
)
from odisea.report.numbers import Traced, whole

MARKS: dict[str, Mark] = {"error": "not_met", "warning": "unclear", "question": "note", "information": "note"}
IN_FULL = ("error", "warning")
FURTHER = "findings_question"
PEOPLE = ("ETH", "HRM", "PRV")
SUBJECTS = (*PEOPLE, "POP", "INT", "SS", "OUT", "EST", "SAP", "DES", "RND", "BLD", "SCH", "FEA", "REG", "WVR", "GAP", "PRP", "SYN")
UNSAID = ("not_stated", "not_in_source", "nothing", "[]")


def scoreboard(result: CheckResult) -> Section:
    """Count findings by domain and severity, and rules by outcome; what could not be run is never among the passed."""
    columns = (Column("domain", say("review.domain"), "start", 0.4), *(Column(each, say(f"severity.{each}.many")) for each in SEVERITIES))
    rows = [
        Row(domain, (say(f"domain.{domain}"), *(_domain_count(result, domain, each, counts[each]) for each in SEVERITIES)))
        for domain, counts in result.by_domain().items()
        if counts
    ]
    rows.append(Row("total", (say("review.total"), *(whole(result.summed(each)) for each in SEVERITIES))))
    table = Table("scoreboard", say("review.scoreboard_caption"), columns, tuple(rows), (say("review.scoreboard_note"),))
    states = tuple(
        (say(f"state.{state}"), whole(Traced(float(count), Trace("rules.json", f"/summary/{state}"))))
        for state, count in result.rules.summary.items()
    )
    return Section(
        "scoreboard", say("review.scoreboard"), (table, Paragraph("rules", (say("review.rules_ended"),)), Facts("states", states))
    )


def _domain_count(result: CheckResult, domain: str, severity: str, count: int) -> Phrase:
    return whole(result.count(f"/findings[domain={domain}, severity={severity}]", count))


def contradictions(result: CheckResult) -> Section:
    """Say what excludes what, in the findings' own words, each with its rule."""
    found = _by_subject([each for each in result.open if each.kind == "contradiction"])
    items = tuple((Plain(each.rule_id), each.message) for each in found)
    said = Facts("list", items) if items else Paragraph("none", (say("review.no_contradiction"),))
    return Section("contradictions", say("review.contradictions"), (said,))


def main_questions(result: CheckResult) -> Section:
    """List what to ask: everything about the people who take part, then what is behind errors and warnings."""
    asked = _by_subject([each for each in result.open if each.ask and _for_the_committee(each)])
    more = tuple(say(f"review.more_{name}", section=Reference(name)) for name in (FURTHER, "GAP") if _there(result, name))
    blocks: list[Block] = [Paragraph("about", (say("review.questions_about"), *more))]
    blocks.append(_questions(asked) if asked else Paragraph("none", (say("review.no_question"),)))
    return Section("questions", say("review.questions"), tuple(blocks))


def _for_the_committee(each: FindingRow) -> bool:
    return each.severity in IN_FULL or (each.severity == "question" and each.domain in PEOPLE)


def _by_subject(found: Iterable[FindingRow]) -> list[FindingRow]:
    """Order findings by subject, what concerns the people who take part first; within a subject the most severe first."""
    return sorted(found, key=lambda each: (SUBJECTS.index(each.domain), SEVERITIES.index(each.severity), each.rule_id))


def _questions(asked: list[FindingRow]) -> Table:
    columns = (Column("rule", say("review.rule"), "start", 0.1), Column("ask", say("review.column_question"), "start", 0.9))
    rows: list[Row] = []
    for domain in dict.fromkeys(each.domain for each in asked):
        rows.append(Row(f"domain-{domain}", (say(f"domain.{domain}"),)))
        said = {each.ask: each for each in reversed(asked) if each.domain == domain}  # one question of several findings once
        rows += [Row(f"{each.rule_id}.{place}", (Plain(each.rule_id), ask)) for place, (ask, each) in _numbered(said)]
    return Table("list", say("review.questions_caption"), columns, tuple(rows))


def _numbered(said: dict[Text | None, FindingRow]) -> list[tuple[int, tuple[Text, FindingRow]]]:
    return list(enumerate((ask, each) for ask, each in reversed(said.items()) if ask is not None))


def _there(result: CheckResult, section: str) -> bool:
    """Return whether the report has a section of further questions, or of gaps."""
    return any(each.domain == "GAP" if section == "GAP" else each.severity == "question" and not each.general for each in result.open)


def finding_sections(result: CheckResult) -> tuple[Section, ...]:
    """Return one section per severity: errors and warnings in full, questions and information as tables."""
    made = []
    for severity in SEVERITIES:
        found = _by_subject([each for each in result.open if each.severity == severity and not each.general])
        if found:
            blocks = _in_full(found) if severity in IN_FULL else (_table(severity, found),)
            made.append(Section(f"findings_{severity}", say(f"severity.{severity}.heading"), blocks))
    return tuple(made)


def _in_full(found: list[FindingRow]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for place, each in enumerate(found):
        name = f"{each.rule_id}.{place}"
        heading = say("review.finding_heading", rule=Plain(each.rule_id), title=each.title)
        blocks += [Callout(f"{name}.c", MARKS[each.severity], heading, (each.message,)), Facts(f"{name}.f", tuple(_facts(each)))]
    return tuple(blocks)


def _facts(each: FindingRow) -> list[tuple[Phrase, Phrase]]:
    """Return what is known of a finding, term by term: first for readers, then for whoever mends the file."""
    items: list[tuple[Phrase, Phrase]] = [
        (say("review.why"), each.why),
        (say("review.fix"), Text(en=each.suggested_fix.en, es=each.suggested_fix.es)),
    ]
    if each.ask:
        items.append((say("review.ask"), each.ask))
    items.append((say("review.expected"), each.expected))
    if each.observed not in UNSAID:
        items.append((say("review.found"), Plain(each.observed, code=True)))
    items.append((say("review.place"), where(each)))
    if each.suggested_fix.patch and not any(ASK in line for line in yaml_lines(each)):
        items.append((say("review.yaml"), Listing(tuple(Plain(line, code=True) for line in yaml_lines(each)), "semicolons")))
    if each.references:
        items.append((say("review.reference"), Listing(each.references, "semicolons")))
    if each.evidence:
        items.append((say("review.evidence"), Plain(each.evidence, "en")))
    return items


def where(each: FindingRow) -> Phrase:
    """Return path, line and column of a finding."""
    line = Traced(float(each.line), Trace("findings.json", f"{each.rule_id} {each.spec_path}/line"))
    column = Traced(float(each.column), Trace("findings.json", f"{each.rule_id} {each.spec_path}/column"))
    return say("review.line", path=Plain(each.spec_path, code=True), line=whole(line), column=whole(column))


def line_of(each: FindingRow) -> Phrase:
    """Return path and line of a finding."""
    line = Traced(float(each.line), Trace("findings.json", f"{each.rule_id} {each.spec_path}/line"))
    return say("review.at_line", path=Plain(each.spec_path, code=True), line=whole(line))


def yaml_lines(each: FindingRow) -> tuple[str, ...]:
    """Return the suggested changes as lines: the place, and what to write there."""
    return tuple(f"{one.path}: {shown(one.value)}" if one.op != "remove" else f"{one.path} (-)" for one in each.suggested_fix.patch)


def _table(severity: str, found: list[FindingRow]) -> Table:
    """Tabulate findings by subject: the question, or what is worth knowing, with its place."""
    columns = (
        Column("rule", say("review.rule"), "start", 0.1),
        Column("finding", say(f"review.column_{severity}"), "start", 0.54),
        Column("place", say("review.place"), "start", 0.36),
    )
    rows: list[Row] = []
    for domain in dict.fromkeys(each.domain for each in found):
        rows.append(Row(f"domain-{domain}", (say(f"domain.{domain}"),)))
        rows += [
            Row(f"{each.rule_id}.{place}", (Plain(each.rule_id), each.ask or each.message, line_of(each)))
            for place, each in enumerate(found)
            if each.domain == domain
        ]
    return Table(f"{severity}_table", say(f"severity.{severity}.caption"), columns, tuple(rows), small=True)


def general_section(result: CheckResult, domain: str) -> Section | None:
    """Return the gaps that no rule speaks of in particular, or the proposals, as a table; None where there are none."""
    found = [each for each in result.open if each.domain == domain]
    if not found:
        return None
    columns = (Column("what", say("review.what"), "start", 0.6), Column("place", say("review.place"), "start", 0.4))
    rows = tuple(Row(f"{place}", (_general(each), line_of(each))) for place, each in enumerate(found))
    table = Table(f"{domain}_table", say(f"review.{domain}_caption"), columns, rows, small=True)
    return Section(domain, say(f"review.{domain}"), (Paragraph("about", (say(f"review.{domain}_about"),)), table))


def _general(each: FindingRow) -> Phrase:
    return each.ask if each.domain == "GAP" and each.ask else each.message


def not_run(result: CheckResult) -> Section:
    """List the rules that could not be run, with the facts that they wait for."""
    found = [each for each in result.rules.rules if each.state == "not_run"]
    if not found:
        return Section("not_run", say("review.not_run"), (Paragraph("none", (say("review.all_ran"),)),))
    columns = (
        Column("rule", say("review.rule"), "start", 0.1),
        Column("title", say("review.title"), "start", 0.4),
        Column("reason", say("review.reason"), "start", 0.5),
    )
    rows = tuple(Row(each.rule_id, (Plain(each.rule_id), each.title, each.reason or Plain(""))) for each in found)
    table = Table("not_run_table", say("review.not_run_caption"), columns, rows, small=True)
    return Section("not_run", say("review.not_run"), (Paragraph("about", (say("review.not_run_about"),)), table))


def waivers(result: CheckResult) -> Section:
    """List the findings that somebody accepted."""
    found = [each for each in result.findings.findings if each.waiver]
    if not found:
        return Section("waivers", say("review.waivers"), (Paragraph("none", (say("review.no_waiver"),)),))
    items = tuple((Plain(f"{each.rule_id}"), _waiver(each)) for each in found)
    return Section("waivers", say("review.waivers"), (Facts("list", items),))


def _waiver(each: FindingRow) -> Phrase:
    assert each.waiver is not None
    given = each.waiver
    return say(
        "review.waiver", message=each.message, by=Plain(given.by), date=Plain(given.date), until=Plain(given.until), reason=given.reason
    )


def rules_appendix(result: CheckResult) -> Section:
    """Give the whole catalogue: every rule with its outcome and the fields that it reads."""
    columns = (
        Column("rule", say("review.rule"), "start", 0.09),
        Column("title", say("review.title"), "start", 0.36),
        Column("severity", say("review.severity"), "start", 0.12),
        Column("state", say("review.outcome"), "start", 0.13),
        Column("reads", say("review.reads"), "start", 0.3),
    )
    rows: list[Row] = []
    for domain in dict.fromkeys(each.domain for each in result.rules.rules):
        rows.append(Row(f"domain-{domain}", (say(f"domain.{domain}"),)))
        rows += [
            Row(
                each.rule_id,
                (
                    Plain(each.rule_id),
                    each.title,
                    Message(f"severity.{each.severity}.one"),
                    Message(f"state.{each.state}"),
                    Listing(tuple(Plain(read, code=True) for read in each.reads), "commas") if each.reads else Plain(""),
                ),
            )
            for each in result.rules.rules
            if each.domain == domain
        ]
    table = Table("catalogue", say("review.catalogue_caption"), columns, tuple(rows), small=True)
    return Section("catalogue", say("review.catalogue"), (Paragraph("about", (say("review.catalogue_about"),)), table))
