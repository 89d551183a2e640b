"""The figures of the cohort page: values by week with their bands, scores by class, answers to items, correlations.

Colours are Okabe and Ito's; no figure tells by colour alone: lines differ in marker and dash, the blank answer is hatched,
every cell of the matrix prints its number.
"""

import math
import textwrap
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from odisea.report.content import Bars, Line, LinePanel, Matrix, Stacks, Weekly
from odisea.report.figure_style import BLUE, GREY, INK, MARKERS, PALE, VERMILION, WIDTH, Say

BAND_ALPHA = 0.16
STEPS = ("#f2f7fb", "#d3e5f2", "#a8cbe4", "#6fa8d0", "#2f7fb8", "#0a4f7d")  # paler and darker steps of the palette's blue
LIGHT_TEXT_FROM = 4  # steps that are dark enough for white letters
LEGEND: Any = {"frameon": False, "loc": "outside upper center", "fontsize": 8}
SMALLEST_SHARE = 7.0  # per cent below which a part of a bar is too narrow for its number


def draw_cohort(plot: Weekly | Bars | Stacks | Matrix, at: str, say: Say) -> Canvas:
    """Return a figure of the cohort page; arguments as in `odisea.report.figures.draw`."""
    match plot:
        case Weekly():
            return _weekly(plot, at, say)
        case Bars():
            return _bars(plot, at, say)
        case Stacks():
            return _stacks(plot, at, say)
        case Matrix():
            return _matrix(plot, at, say)


def _weekly(plot: Weekly, at: str, say: Say) -> Canvas:
    """Draw panels two beside one another."""
    across = min(len(plot.panels), 2)
    down = -(-len(plot.panels) // across)
    canvas = Canvas(figsize=(WIDTH, 0.5 + 2.25 * down), layout="constrained")
    for place, panel in enumerate(plot.panels, start=1):
        axes = canvas.add_subplot(down, across, place)
        _lines(axes, panel, plot)
        axes.set_title(textwrap.fill(say(panel.heading, f"{at}.panel{place}"), 46), fontsize=8.5, loc="left")
        axes.set_ylabel(say(panel.y_label, f"{at}.y{place}"), fontsize=8)
        if place > len(plot.panels) - across:
            axes.set_xlabel(say(plot.x_label, f"{at}.x{place}"), fontsize=8)
    canvas.legend(handles=_weekly_legend(plot, at, say), ncols=2, **LEGEND)
    return canvas


def _lines(axes: Axes, panel: LinePanel, plot: Weekly) -> None:
    for place, line in enumerate(panel.lines):
        colour, marker, dash = MARKERS[place % len(MARKERS)]
        if line.low:
            axes.fill_between(plot.weeks, line.low, line.high, color=colour, alpha=BAND_ALPHA, linewidth=0)
        _line(axes, line, plot.weeks, colour, dash)
        if line.dots:
            shape: Any = {"marker": marker, "linestyle": "none", "markersize": 4.5, "markerfacecolor": "white", "markeredgewidth": 1.3}
            axes.plot([week for week, _ in line.dots], [value for _, value in line.dots], color=colour, **shape)
    axes.set(ylim=(panel.bottom, panel.top), xticks=plot.weeks)
    axes.margins(x=0.04)
    axes.spines[["top", "right"]].set_visible(False)


def _line(axes: Axes, line: Line, weeks: tuple[int, ...], colour: str, dash: str) -> None:
    """Draw a line, dotted where it is known to nobody but the simulator."""
    last = len(line.values) if line.certain_until is None else line.certain_until + 1
    axes.plot(weeks[:last], line.values[:last], color=colour, linestyle=dash, linewidth=1.5)
    if last < len(line.values):
        axes.plot(weeks[last - 1 :], line.values[last - 1 :], color=colour, linestyle=(0, (1, 2)), linewidth=1.0)


def _weekly_legend(plot: Weekly, at: str, say: Say) -> list[Any]:
    """Return what the legend shows: lines by name where they are named, then what a band and a dot are."""
    handles: list[Any] = []
    if plot.labelled:
        for place, line in enumerate(plot.panels[0].lines):
            colour, _, dash = MARKERS[place % len(MARKERS)]
            label = say(line.label, f"{at}.line{place + 1}")
            look: Any = {"color": colour, "linestyle": dash, "linewidth": 1.5}
            handles.append(Line2D([], [], label=label, **look))
    if plot.band is not None:
        handles.append(Patch(facecolor=GREY, alpha=0.3, label=say(plot.band, f"{at}.band")))
    if plot.dot is not None:
        mark: Any = {"marker": "o", "linestyle": "none", "markerfacecolor": "white", "markeredgewidth": 1.3, "markersize": 4.5}
        handles.append(Line2D([], [], color=INK, label=say(plot.dot, f"{at}.dot"), **mark))
    return handles


def _bars(plot: Bars, at: str, say: Say) -> Canvas:
    """Draw histograms below one another on one scale; the first bar, a single value, has its own look."""
    canvas = Canvas(figsize=(WIDTH, 0.5 + 1.35 * len(plot.panels)), layout="constrained")
    tallest = 1.1 * max(share for _, shares in plot.panels for share in shares)
    middles = [plot.ends[0] - 2.0, *((low + high) / 2 for low, high in pairwise(plot.ends))]
    widths = [2.4, *((high - low) * 0.92 for low, high in pairwise(plot.ends))]
    for place, (heading, shares) in enumerate(plot.panels, start=1):
        axes = canvas.add_subplot(len(plot.panels), 1, place)
        axes.bar(middles[1:], shares[1:], width=widths[1:], color=BLUE)
        axes.bar(middles[:1], shares[:1], width=widths[:1], color=VERMILION, hatch="////", edgecolor="white")
        axes.set(ylim=(0, tallest), xlim=(-5, plot.ends[-1]), xticks=range(0, int(plot.ends[-1]) + 1, 10))
        axes.set_title(say(heading, f"{at}.panel{place}"), fontsize=8.5, loc="left")
        axes.set_ylabel(say(plot.y_label, f"{at}.y{place}"), fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        if place == len(plot.panels):
            axes.set_xlabel(say(plot.x_label, f"{at}.x"), fontsize=8)
    zero = Patch(facecolor=VERMILION, hatch="////", edgecolor="white", label=say(plot.first, f"{at}.first"))
    canvas.legend(handles=[zero], **LEGEND)
    return canvas


def _stacks(plot: Stacks, at: str, say: Say) -> Canvas:
    """Draw one horizontal bar per row, its parts from left to right."""
    canvas = Canvas(figsize=(WIDTH, 0.9 + 0.27 * len(plot.rows)), layout="constrained")
    names = [textwrap.fill(say(name, f"{at}.row{place}"), 26) for place, name in enumerate(plot.rows, start=1)]
    for place, (heading, rows) in enumerate(plot.panels, start=1):
        axes = canvas.add_subplot(1, len(plot.panels), place)
        for row, shares in enumerate(rows):
            _stack(axes, len(rows) - 1 - row, shares)
        axes.set(xlim=(0, 100), yticks=range(len(rows)), xticks=range(0, 101, 25))
        axes.set_yticklabels(names[::-1] if place == 1 else [""] * len(rows), fontsize=7.5)
        axes.tick_params(axis="y", length=0)
        axes.set_title(say(heading, f"{at}.panel{place}"), fontsize=8.5, loc="left")
        axes.set_xlabel(say(plot.x_label, f"{at}.x{place}"), fontsize=8)
        axes.spines[["top", "right", "left"]].set_visible(False)
    labels = [say(part, f"{at}.part{place}") for place, part in enumerate(plot.parts, start=1)]
    handles = [Patch(label=label, **_look(part, len(labels))) for part, label in enumerate(labels)]
    canvas.legend(handles=handles, ncols=len(handles), handlelength=1.2, columnspacing=1.0, **LEGEND)
    return canvas


def _look(part: int, parts: int) -> dict[str, Any]:
    """Return the look of a part: the darker the higher the answer; what is absent is white and hatched."""
    if part == parts - 1:
        return {"facecolor": "white", "edgecolor": GREY, "hatch": "//////", "linewidth": 0.5}
    return {"facecolor": STEPS[part], "edgecolor": INK, "linewidth": 0.3}


def _stack(axes: Axes, y: int, shares: tuple[float, ...]) -> None:
    left = 0.0
    for part, share in enumerate(shares):
        axes.barh([y], [share], left=[left], height=0.74, **_look(part, len(shares)))
        if share >= SMALLEST_SHARE and part < len(shares) - 1:
            colour = "white" if part >= LIGHT_TEXT_FROM else INK
            axes.text(left + share / 2, y, f"{share:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
        left += share


def _matrix(plot: Matrix, at: str, say: Say) -> Canvas:
    """Draw the lower triangle; positive cells are blue, negative ones vermilion, and each prints its number."""
    count = len(plot.values)
    canvas = Canvas(figsize=(WIDTH, 0.8 + 0.36 * count), layout="constrained")
    axes = canvas.add_subplot()
    for row, (cells, sizes) in enumerate(zip(plot.values, plot.sizes, strict=True)):
        for column, (cell, size) in enumerate(zip(cells, sizes, strict=True)):
            strength = min(abs(size), 1.0) if math.isfinite(size) else 0.0  # what does not exist stays white
            look: Any = {"facecolor": BLUE if size > 0 else VERMILION, "alpha": 0.85 * strength, "linewidth": 0}
            axes.add_patch(Rectangle((column - 0.5, count - row - 1.5), 1, 1, **look))
            axes.add_patch(Rectangle((column - 0.5, count - row - 1.5), 1, 1, fill=False, edgecolor=PALE, linewidth=0.6))
            text = say(cell, f"{at}.cell{row + 1}.{column + 1}")
            axes.text(column, count - 1 - row, text, ha="center", va="center", fontsize=6.8)
    names = [say(name, f"{at}.name{place}") for place, name in enumerate(plot.names, start=1)]
    axes.set(xlim=(-0.5, count - 0.5), ylim=(-0.5, count - 0.5), yticks=range(count), xticks=range(count))
    axes.set_yticklabels([f"{place}  {name}" for place, name in zip(range(count + 1, 1, -1), names[:0:-1], strict=True)], fontsize=8)
    axes.set_xticklabels([str(place) for place in range(1, count + 1)], fontsize=8)
    axes.set_xlabel(f"1  {names[0]}.  {say(plot.scale, f'{at}.scale')}", fontsize=8)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return canvas
