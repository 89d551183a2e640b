"""The check report: what a protocol says and leaves open, for the committee first, then every finding, then lists and rules."""

from pathlib import Path

from odisea.protocol.model import Protocol
from odisea.report.check_claim import claim_section, claim_summary
from odisea.report.check_files import CheckResult, read_check_result
from odisea.report.check_findings import (
    contradictions,
    finding_sections,
    general_section,
    main_questions,
    not_run,
    rules_appendix,
    scoreboard,
    waivers,
)
from odisea.report.check_lists import drift_section, list_sections
from odisea.report.content import Document, Facts, Paragraph, Part, Phrase, Plain, Section, Trace, say
from odisea.report.numbers import DASH, Traced, whole
from odisea.report.write import write_document


def write_check_report(folder: Path, protocol: Protocol, language: str, target: Path) -> None:
    """Write the check report as HTML or PDF, by the target's suffix, and beside it the record of its numbers.

    Parameters
    ----------
    folder : Path
        Result folder of `odisea check`.
    protocol : Protocol
        The trial's protocol.
    language : str
        `en` or `es`.
    target : Path
        `*.html` or `*.pdf`; the numbers go to the same name with `.numbers.json`.

    Raises
    ------
    DataError
        A file of the folder is missing, broken or of another trial, or the target has another suffix.
    """
    write_document(check_document(read_check_result(folder, protocol)), language, target)


def check_document(result: CheckResult) -> Document:
    """Return the check report, free of language."""
    recomputed = claim_section(result)
    first = (_study(result), contradictions(result), claim_summary(result), main_questions(result), scoreboard(result))
    gaps, proposals = general_section(result, "GAP"), general_section(result, "PRP")
    second = (*finding_sections(result), gaps, recomputed, waivers(result))
    third = (proposals, not_run(result), drift_section(result), *list_sections(result), rules_appendix(result), _provenance(result))
    parts = (("summary", "heading", first), ("details", "details", second), ("appendix", "appendix", third))
    return Document(
        id="check_report",
        title=say("document.check"),
        subtitle=result.protocol.identification.title,
        banner=say("banner.check"),
        date=result.manifest.created[:10],
        parts=tuple(Part(name, say(f"review.{key}"), tuple(each for each in sections if each)) for name, key, sections in parts),
    )


def _study(result: CheckResult) -> Section:
    """Say what was checked, what is open, and what the words mean."""
    protocol = result.protocol
    contradictory = sum(each.kind == "contradiction" for each in result.open)
    values: dict[str, Phrase] = {
        "errors": whole(result.summed("error")),
        "warnings": whole(result.summed("warning")),
        "questions": whole(result.summed("question")),
        "contradictions": whole(result.count("/findings[kind=contradiction]", contradictory)),
    }
    rules = Traced(float(len(result.rules.rules)), Trace("rules.json", "/rules", "count"))
    registry = Plain(protocol.identification.registry_id.value or protocol.trial)
    about = say("review.study", registry=registry, file=Plain(protocol.source.name, code=True), rules=whole(rules))
    blocks = (
        Paragraph("about", (about,), "lead"),
        Paragraph("open", (say("review.study_open", **values),)),
        Paragraph("reads", (say("review.study_reads"), say("review.committee"))),
        Paragraph("parts", (say("review.parts"),)),
    )
    return Section("study", say("review.study_heading"), blocks)


def _provenance(result: CheckResult) -> Section:
    """Give the hashes behind the report."""
    manifest = result.manifest
    items: tuple[tuple[Phrase, Phrase], ...] = (
        (say("id.software"), Plain(f"ODISEA {manifest.odisea}".strip())),
        (say("id.date"), Plain(manifest.created[:10]) if manifest.created else DASH),
        (say("trial.command"), Plain(manifest.command, code=True) if manifest.command else DASH),
        *((Plain(name), Plain(digest, code=True)) for name, digest in {**manifest.inputs, **manifest.outputs}.items()),
    )
    return Section("provenance", say("review.provenance"), (Facts("facts", items),))
