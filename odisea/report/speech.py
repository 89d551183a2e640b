"""A document put into a language: plain data that the PDF and the HTML layout both read, and the record of every printed number."""

import re
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from odisea.protocol.fact import Text
from odisea.report.content import (
    Block,
    Bullets,
    Callout,
    Document,
    Facts,
    Figure,
    Listing,
    Message,
    Number,
    Paragraph,
    Part,
    Phrase,
    Plain,
    Reference,
    Section,
    Table,
    Trace,
    VerdictBox,
)
from odisea.report.text import read_texts

Spoken = dict[str, Any]
Runs = list[Spoken]
SOUNDS_LIKE_I = re.compile(r"h?[ií](?![aeo])", re.IGNORECASE)  # before which the Spanish "y" becomes "e"


class Speaker:
    """Says phrases in one language; numbers are recorded under the place where they stand.

    Parameters
    ----------
    language : str
        `en` or `es`.
    sections : mapping of str to int
        Numbers of the sections that references may name.
    """

    def __init__(self, language: str, sections: Mapping[str, int] | None = None) -> None:
        self.language = language
        self.texts = read_texts(language)
        self.sections = sections or {}
        self.numbers: list[Spoken] = []
        self._places: dict[str, int] = {}
        self.counted = {"table": 0, "figure": 0}

    def runs(self, phrase: Phrase, at: str) -> Runs:
        """Return a phrase as runs of text; a run that is a number, a link or in another language says so."""
        return _merged(self._say(phrase, at))

    def text(self, phrase: Phrase, at: str) -> str:
        """Return a phrase as plain text."""
        return "".join(run["text"] for run in self.runs(phrase, at))

    def _say(self, phrase: Phrase, at: str) -> Iterator[Spoken]:
        match phrase:
            case Number():
                yield {"text": phrase.printed, "number": self._recorded(phrase, at)}
            case Plain():
                yield _plain(phrase, self.language)
            case Text():
                yield {"text": phrase.in_language(self.language)}
            case Reference(section):
                yield {"text": str(self.sections[section]), "link": section}
            case Listing():
                yield from self._list(phrase, at)
            case Message():
                yield from self._fill(phrase, at)

    def _fill(self, message: Message, at: str) -> Iterator[Spoken]:
        for literal, name, _, _ in Formatter().parse(self.texts[message.key]):
            if literal:
                yield {"text": literal}
            if name is not None:
                yield from self._say(message.values[name], f"{at}.{name}")

    def _list(self, listing: Listing, at: str) -> Iterator[Spoken]:
        between, last = self.texts[f"{listing.separator}.between"], self.texts[f"{listing.separator}.last"]
        for place, item in enumerate(listing.items):
            spoken = list(self._say(item, f"{at}.{place + 1}"))
            if place:
                separator = last if place == len(listing.items) - 1 else between
                first = "".join(str(part.get("text", "")) for part in spoken)
                yield {"text": " e " if separator == " y " and SOUNDS_LIKE_I.match(first) else separator}
            yield from spoken

    def _recorded(self, number: Number, at: str) -> str:
        """Record a number; return its identifier."""
        self._places[at] = self._places.get(at, 0) + 1
        identifier = at if self._places[at] == 1 else f"{at}~{self._places[at]}"
        self.numbers.append({"id": identifier, "printed": number.printed, "value": number.value, **_origin(number.trace)})
        return identifier


def _plain(plain: Plain, language: str) -> Spoken:
    run: Spoken = {"text": plain.text}
    if plain.language and plain.language != language:
        run["lang"] = plain.language
    if plain.code:
        run["code"] = True
    return run


def _origin(trace: Trace) -> Spoken:
    origin: Spoken = {"file": trace.file, "at": trace.at}
    if trace.rule:
        origin["rule"] = trace.rule
    if trace.parts:
        origin["from"] = [_origin(part) for part in trace.parts]
    return origin


def _merged(runs: Iterator[Spoken]) -> Runs:
    """Return runs with neighbouring plain text joined."""
    merged: Runs = []
    for run in runs:
        if merged and run.keys() == {"text"} == merged[-1].keys():
            merged[-1] = {"text": merged[-1]["text"] + run["text"]}
        else:
            merged.append(run)
    return merged


def spoken(document: Document, language: str) -> tuple[Spoken, list[Spoken]]:
    """Return a document in a language as plain data, and the record of its numbers.

    Parameters
    ----------
    document : Document
    language : str
        `en` or `es`.

    Returns
    -------
    document : dict
        Strings and lists only; the layouts read it.
    numbers : list of dict
        id, printed, value, file, at, and rule and from where the number follows from others; the same in every language.
    """
    sections = {section.id: place for place, section in enumerate((s for part in document.parts for s in part.sections), start=1)}
    speaker = Speaker(language, sections)
    said = {
        "id": document.id,
        "language": language,
        "date": document.date,
        "title": speaker.text(document.title, f"{document.id}.title"),
        "subtitle": speaker.text(document.subtitle, f"{document.id}.subtitle"),
        "banner": speaker.text(document.banner, f"{document.id}.banner"),
        "parts": [_part(part, speaker) for part in document.parts],
        "words": {key.removeprefix("layout."): text for key, text in speaker.texts.items() if key.startswith("layout.")},
    }
    return said, speaker.numbers


def _part(part: Part, speaker: Speaker) -> Spoken:
    sections = [_section(section, speaker) for section in part.sections]
    return {"id": part.id, "heading": speaker.text(part.heading, part.id), "sections": sections}


def _section(section: Section, speaker: Speaker) -> Spoken:
    return {
        "id": section.id,
        "number": speaker.sections[section.id],
        "heading": speaker.text(section.heading, f"{section.id}.heading"),
        "blocks": [_block(block, f"{section.id}.{block.id}", speaker) for block in section.blocks],
    }


def _block(block: Block, at: str, speaker: Speaker) -> Spoken:
    """Return one block as plain data."""
    match block:
        case VerdictBox():
            return _verdict(block, at, speaker)
        case Table():
            return _table(block, at, speaker)
        case Figure():
            return _figure(block, at, speaker)
        case _:
            return {"id": at, **_text_block(block, at, speaker)}


def _text_block(block: Paragraph | Bullets | Facts | Callout, at: str, speaker: Speaker) -> Spoken:
    """Return a block of words as plain data."""
    match block:
        case Paragraph():
            return {"kind": "paragraph", "style": block.style, "runs": _sentences(block.phrases, at, speaker)}
        case Bullets():
            return {"kind": "bullets", "items": [speaker.runs(item, f"{at}.{n}") for n, item in enumerate(block.items, 1)]}
        case Facts():
            return {"kind": "facts", "items": [_fact(item, f"{at}.{n}", speaker) for n, item in enumerate(block.items, 1)]}
        case Callout():
            heading = speaker.text(block.heading, f"{at}.heading")
            return {"kind": "callout", "mark": block.mark, "heading": heading, "runs": _sentences(block.phrases, at, speaker)}


def _sentences(phrases: tuple[Phrase, ...], at: str, speaker: Speaker) -> Runs:
    """Return several phrases as one paragraph."""
    runs: Runs = []
    for number, phrase in enumerate(phrases, start=1):
        if runs:
            runs.append({"text": " "})
        runs += speaker.runs(phrase, f"{at}.{number}")
    return _merged(iter(runs))


def _fact(item: tuple[Phrase, Phrase], at: str, speaker: Speaker) -> Spoken:
    return {"term": speaker.text(item[0], f"{at}.term"), "runs": speaker.runs(item[1], at)}


def _verdict(box: VerdictBox, at: str, speaker: Speaker) -> Spoken:
    return {
        "kind": "verdict",
        "id": at,
        "state": box.state,
        "label": speaker.texts[f"verdict.state.{box.state}"],
        "heading": speaker.text(box.heading, f"{at}.heading"),
        "runs": _sentences(box.phrases, at, speaker),
        "checks": [
            {"mark": check.mark, "word": speaker.texts[f"mark.{check.mark}"], "runs": speaker.runs(check.phrase, f"{at}.{check.id}")}
            for check in box.checks
        ],
        "rule": speaker.runs(box.rule, f"{at}.rule"),
    }


def _table(table: Table, at: str, speaker: Speaker) -> Spoken:
    speaker.counted["table"] += 1
    columns: list[Spoken] = [
        {
            "id": column.id,
            "heading": speaker.runs(column.heading, f"{at}.head.{column.id}"),
            "group": speaker.text(column.group, f"{at}.group.{column.id}") if column.group else "",
            "align": column.align,
            "width": column.width,
        }
        for column in table.columns
    ]
    rows = [
        [speaker.runs(cell, f"{at}.{row.id}.{column.id}") for cell, column in zip(row.cells, table.columns, strict=False)]
        for row in table.rows
    ]
    return {
        "kind": "table",
        "id": at,
        "label": f"{speaker.texts['label.table']} {speaker.counted['table']}.",
        "caption": speaker.runs(table.caption, f"{at}.caption"),
        "columns": columns,
        "groups": _groups([column["group"] for column in columns]),
        "rows": rows,
        "notes": [speaker.runs(note, f"{at}.note{n}") for n, note in enumerate(table.notes, 1)],
        "small": table.small,
    }


def _groups(names: list[str]) -> list[Spoken]:
    """Return the groups of neighbouring columns with their widths; empty where no column has one."""
    groups: list[Spoken] = []
    for name in names:
        if groups and groups[-1]["name"] == name:
            groups[-1]["span"] += 1
        else:
            groups.append({"name": name, "span": 1})
    return groups if any(names) else []


def _figure(figure: Figure, at: str, speaker: Speaker) -> Spoken:
    from odisea.report.figures import draw  # loads Matplotlib, which a report without figures does not need

    speaker.counted["figure"] += 1
    return {
        "kind": "figure",
        "id": at,
        "label": f"{speaker.texts['label.figure']} {speaker.counted['figure']}.",
        "caption": speaker.runs(figure.caption, f"{at}.caption"),
        "alt": speaker.text(figure.alt, f"{at}.alt"),
        "svg": draw(figure.plot, at, speaker.text),
    }
