"""The cohort page: what a clinician looks at to say whether the simulated trial is the clinic that she knows.

It reads `describe.json` and the protocol, and computes nothing. The HTML page and the terminal view are one document: the
terminal leaves out the drawings, and every number of a drawing stands in a table.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text as Styled

from odisea.protocol.model import Protocol
from odisea.report.cohort_course import (
    adherence_section,
    events_section,
    loss_section,
    people_section,
    reported_section,
    trajectories_section,
)
from odisea.report.cohort_files import CohortRecord, read_cohort
from odisea.report.cohort_people import baseline_section, flow_section
from odisea.report.cohort_scores import correlations_section, items_section, published_section, scores_section
from odisea.report.content import Bullets, Callout, Document, Facts, Figure, Paragraph, Part, Phrase, Plain, Section, say
from odisea.report.numbers import whole
from odisea.report.speech import spoken
from odisea.report.write import write_document

QUESTIONS = ("people", "flow", "weeks", "loss", "scores", "published")


def write_cohort_page(folder: Path, protocol: Protocol, language: str) -> Path:
    """Write FOLDER/describe.LANG.html from FOLDER/describe.json, and the record of its numbers; return the page's path.

    Parameters
    ----------
    folder : Path
        Written by `odisea simulate --describe`.
    protocol : Protocol
        The trial's protocol.
    language : str
        `en` or `es`.

    Raises
    ------
    DataError
        The record is missing, broken or another trial's.
    """
    target = folder / f"describe.{language}.html"
    write_document(cohort_document(read_cohort(folder, protocol)), language, target)
    return target


def print_cohort(folder: Path, protocol: Protocol, language: str, console: Console) -> None:
    """Print the same page without its drawings on a terminal; arguments as in `write_cohort_page`."""
    document = without_figures(cohort_document(read_cohort(folder, protocol)))
    print_document(spoken(document, language)[0], console)


def cohort_document(record: CohortRecord) -> Document:
    """Return the page, free of language."""
    one = (
        _about(record),
        baseline_section(record),
        flow_section(record),
        trajectories_section(record),
        people_section(record),
    )
    many = (
        adherence_section(record),
        loss_section(record),
        events_section(record),
        reported_section(record),
        scores_section(record),
        items_section(record),
        correlations_section(record),
    )
    count = whole(record.at("/replicates"))
    return Document(
        id="cohort",
        title=say("document.cohort"),
        subtitle=record.protocol.identification.title,
        banner=say("banner.cohort"),
        date=record.head.created[:10],
        parts=(
            Part("one", say("cohort.part_one"), one),
            Part("many", say("cohort.part_many", n=count), many),
            Part("outside", say("cohort.part_outside"), (published_section(record), _provenance(record))),
        ),
    )


def _about(record: CohortRecord) -> Section:
    """Say what is shown, how to read it, and what to ask oneself."""
    head = record.head
    facts: tuple[tuple[Phrase, Phrase], ...] = (
        (say("cell.scenario"), head.scenario.label),
        (say("cohort.in_words"), head.scenario.about),
        (say("cohort.size"), whole(record.at("/participants"))),
        (say("cohort.replicate"), whole(record.at("/replicate"))),
    )
    blocks = (
        Callout("invented", "note", say("cohort.invented"), (say("cohort.invented_means"),)),
        Paragraph("lead", (say("cohort.lead"),), "lead"),
        Facts("facts", facts),
        Paragraph("reading", (say("cohort.reading", n=whole(record.at("/replicates"))),)),
        Paragraph("ask", (say("cohort.ask"),)),
        Bullets("questions", tuple(say(f"cohort.ask_{name}") for name in QUESTIONS)),
    )
    return Section("about", say("cohort.about_heading"), blocks)


def _provenance(record: CohortRecord) -> Section:
    """Give what the page can be made again from."""
    head = record.head
    facts: tuple[tuple[Phrase, Phrase], ...] = (
        (say("id.software"), Plain(f"ODISEA {head.odisea}".strip())),
        (say("cell.scenario"), Plain(head.scenario.id, code=True)),
        (say("cohort.seed"), Plain(str(head.seed), code=True)),
        (say("cohort.replicate"), Plain(str(head.replicate), code=True)),
        (say("cohort.averaged"), Plain(f"0\u2013{head.replicates - 1}", code=True)),
        (say("cohort.calibration"), Plain(head.calibration, code=True)),
        *((Plain(name), Plain(digest, code=True)) for name, digest in head.inputs.items()),
    )
    return Section("provenance", say("trial.provenance"), (Facts("facts", facts),))


# ---------------------------------------------------------------- the terminal


def without_figures(document: Document) -> Document:
    """Return a document without its drawings."""

    def words(section: Section) -> Section:
        return replace(section, blocks=tuple(block for block in section.blocks if not isinstance(block, Figure)))

    parts = tuple(replace(part, sections=tuple(words(section) for section in part.sections)) for part in document.parts)
    return replace(document, parts=parts)


def print_document(said: dict[str, Any], console: Console) -> None:
    """Print a spoken document: headings, sentences and tables."""
    console.rule(Styled(said["banner"], style="bold reverse"))
    console.print(Styled(said["title"], style="bold"), Styled(said["subtitle"]), sep="\n")
    for part in said["parts"]:
        console.print()
        console.rule(Styled(part["heading"], style="bold"), align="left")
        for section in part["sections"]:
            if not section["blocks"]:
                continue
            console.print(Styled(f"\n{section['number']}. {section['heading']}", style="bold"))
            for block in section["blocks"]:
                _print_block(block, console)


def _print_block(block: dict[str, Any], console: Console) -> None:
    match block["kind"]:
        case "paragraph":
            console.print(Styled(_words(block["runs"])))
        case "bullets":
            for item in block["items"]:
                console.print(Styled(f"\u2022 {_words(item)}"))
        case "callout":
            console.print(Styled(block["heading"], style="bold"), Styled(_words(block["runs"])), sep="\n")
        case "facts":
            _print_facts(block["items"], console)
        case "table":
            _print_table(block, console)


def _words(runs: list[dict[str, Any]]) -> str:
    return "".join(run["text"] for run in runs)


def _print_facts(items: list[dict[str, Any]], console: Console) -> None:
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(style="bold", max_width=console.width // 3, overflow="fold")
    grid.add_column(overflow="fold")
    for item in items:
        grid.add_row(Styled(item["term"]), Styled(_words(item["runs"])))
    console.print(grid)


def _print_table(block: dict[str, Any], console: Console) -> None:
    """Print a table; a row of one cell is a subheading."""
    console.print(Styled(f"\n{block['label']} {_words(block['caption'])}", style="italic"))
    grid = Grid(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for column in block["columns"]:
        heading = "\n".join(words for words in (column["group"], _words(column["heading"])) if words)
        grid.add_column(Styled(heading), justify="right" if column["align"] == "end" else "left")
    for row in block["rows"]:
        if len(row) == 1:
            grid.add_section()
        grid.add_row(*(Styled(_words(cell), style="bold" if len(row) == 1 else "") for cell in row))
    console.print(grid)
    for note in block["notes"]:
        console.print(Styled(_words(note), style="dim"))
