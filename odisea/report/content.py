"""What a report says, free of language and layout: phrases with their numbers, blocks, sections, documents.

A number is printed once, by the constructors of `odisea.report.numbers`, and carries where it comes from. Words are keys
of the text files; `odisea.report.speech` puts a document into a language, so both languages print the same numbers by
construction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from odisea.protocol.fact import Text


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a number comes from.

    Parameters
    ----------
    file : str
        Result file (relative to the result folders), the protocol's file name, or `report` for a rule of the report itself.
    at : str
        Place in it: a JSON pointer, or scenario, analysis and measure of a performance row.
    rule : str
        How the printed number follows from what stands there; empty where it is the value itself.
    parts : tuple of Trace
        The places of a number that follows from several.
    """

    file: str
    at: str
    rule: str = ""
    parts: tuple["Trace", ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    """A printed number; `value` is what was read, before rounding."""

    printed: str
    value: float
    trace: Trace


@dataclass(frozen=True, slots=True)
class Plain:
    """A text that is the same in both languages; `language` where it is in a natural one, `code` for hashes, names and commands."""

    text: str
    language: str | None = None
    code: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence of the text files with the phrases that fill its placeholders."""

    key: str
    values: Mapping[str, "Phrase"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """Phrases in a row, separated by commas and a closing conjunction, or by another separator of the text files."""

    items: tuple["Phrase", ...]
    separator: str = "list"


@dataclass(frozen=True, slots=True)
class Reference:
    """The number of a section of the same report."""

    section: str


Phrase = Number | Plain | Message | Text | Listing | Reference
Mark = Literal["met", "not_met", "unclear", "note"]
Align = Literal["start", "end"]


def say(key: str, **values: Phrase) -> Message:
    """Return the sentence `key` with its placeholders filled."""
    return Message(key, values)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; `lead` is set larger."""

    id: str
    phrases: tuple[Phrase, ...]
    style: Literal["plain", "lead", "note"] = "plain"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of statements."""

    id: str
    items: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Terms, each with what is said about it."""

    id: str
    items: tuple[tuple[Phrase, Phrase], ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column; `width` is its share of the table's width where texts must wrap, 0 for as wide as its numbers."""

    id: str
    heading: Phrase
    align: Align = "end"
    width: float = 0.0
    group: Phrase | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the first cell is its heading; a row of one cell is a subheading over all columns."""

    id: str
    cells: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption; numbers are rounded here and nowhere before."""

    id: str
    caption: Phrase
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[Phrase, ...] = ()
    small: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One world of an icon figure: of a hundred trials so many."""

    heading: Phrase
    count: Number
    below: Phrase


@dataclass(frozen=True, slots=True)
class Icons:
    """Hundreds of trials as grids of marks."""

    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A point with its 95 % Monte Carlo interval."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one analysis."""

    label: Phrase
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """Shares (0-100 %) against a quantity, with labelled reference lines."""

    x_label: Phrase
    y_label: Phrase
    series: tuple[Series, ...]
    references: tuple[tuple[float, Phrase], ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """Boxes of a participant flow: a trunk, what leaves it at its side, and one column of boxes per arm."""

    trunk: tuple[tuple[Phrase, ...], ...]
    side: tuple[Phrase, ...]
    arms: tuple[tuple[tuple[Phrase, ...], ...], ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence limits."""

    label: Phrase
    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Forest:
    """Estimates with their confidence intervals on one scale."""

    x_label: Phrase
    intervals: tuple[Interval, ...]
    better: Phrase
    worse: Phrase
    better_is_left: bool


@dataclass(frozen=True, slots=True)
class FanDay:
    """Quantiles of a count by the end of a day."""

    until: date
    q05: float
    q25: float
    q50: float
    q75: float
    q95: float


@dataclass(frozen=True, slots=True)
class Fan:
    """A count that grows from day to day, as bands of quantiles, beside the number that is wanted by the last day."""

    start: date
    last_day: date
    participants: int
    total: Phrase
    days: tuple[FanDay, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A value by week, with a band around it and dots of its own; NaN where there is none.

    Parameters
    ----------
    values : tuple of float
        One per week of the plot; empty where only dots are drawn.
    low, high : tuple of float
        The band; empty where there is none.
    dots : tuple of (float, float)
        Week and value of what is marked beside the line.
    certain_until : int or None
        Place of the last week up to which the line is drawn through; it is dotted from there on.
    """

    label: Phrase
    values: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    dots: tuple[tuple[float, float], ...] = ()
    certain_until: int | None = None


@dataclass(frozen=True, slots=True)
class LinePanel:
    """Lines on one pair of axes; the vertical axis runs from `bottom` to `top`."""

    heading: Phrase
    y_label: Phrase
    lines: tuple[Line, ...]
    top: float
    bottom: float = 0.0


@dataclass(frozen=True, slots=True)
class Weekly:
    """Panels over the same weeks; `band` and `dot` say what a band and a dot stand for, `labelled` whether lines are named in a legend."""

    x_label: Phrase
    weeks: tuple[int, ...]
    panels: tuple[LinePanel, ...]
    band: Phrase | None = None
    dot: Phrase | None = None
    labelled: bool = True


@dataclass(frozen=True, slots=True)
class Bars:
    """Shares by class, panels below one another; `ends` are the classes' upper ends, the first of them a class of that value alone."""

    x_label: Phrase
    y_label: Phrase
    ends: tuple[float, ...]
    panels: tuple[tuple[Phrase, tuple[float, ...]], ...]
    first: Phrase


@dataclass(frozen=True, slots=True)
class Stacks:
    """Parts of a whole, one horizontal bar per row, panels beside one another; the last part is the one that is absent."""

    x_label: Phrase
    rows: tuple[Phrase, ...]
    parts: tuple[Phrase, ...]
    panels: tuple[tuple[Phrase, tuple[tuple[float, ...], ...]], ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Correlations below the diagonal, printed in their cells; `values` has one row per name, row i with i entries."""

    names: tuple[Phrase, ...]
    values: tuple[tuple[Phrase, ...], ...]
    sizes: tuple[tuple[float, ...], ...]
    scale: Phrase


Plot = Icons | Curve | Flow | Forest | Fan | Weekly | Bars | Stacks | Matrix


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with a caption and a text that stands for it."""

    id: str
    caption: Phrase
    alt: Phrase
    plot: Plot


@dataclass(frozen=True, slots=True)
class Callout:
    """A framed remark."""

    id: str
    mark: Mark
    heading: Phrase
    phrases: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a verdict rests on."""

    id: str
    mark: Mark
    phrase: Phrase


@dataclass(frozen=True, slots=True)
class VerdictBox:
    """The verdict in words with the checks that it rests on; never said by colour alone."""

    id: str
    state: str
    heading: Phrase
    phrases: tuple[Phrase, ...]
    checks: tuple[Check, ...]
    rule: Phrase


Block = Paragraph | Bullets | Facts | Table | Figure | Callout | VerdictBox


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a heading."""

    id: str
    heading: Phrase
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Sections under a heading; every part starts a page."""

    id: str
    heading: Phrase
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A report.

    Parameters
    ----------
    banner : Phrase
        What kind of data the report is about; stands on every page.
    date : str
        Day of the results, YYYY-MM-DD, from their manifest; empty where it gives none.
    """

    id: str
    title: Phrase
    subtitle: Phrase
    banner: Phrase
    date: str
    parts: tuple[Part, ...]
