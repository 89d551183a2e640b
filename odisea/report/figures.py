"""Figures as SVG, the same bytes for the same data: no clock, no random identifiers, letters as outlines."""

import io
import textwrap
from datetime import date
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import FancyBboxPatch

from odisea.report.content import Curve, Fan, Flow, Forest, Icons, Message, Panel, Phrase, Plot
from odisea.report.figure_cohort import draw_cohort
from odisea.report.figure_style import BLUE, GREY, INK, MARKERS, STYLE, VERMILION, WIDTH, Say

SIDE = 10


def draw(plot: Plot, at: str, say: Say) -> str:
    """Return a plot as an SVG document.

    Parameters
    ----------
    plot : Plot
    at : str
        The figure's identifier, under which printed numbers are recorded.
    say : callable
        Puts a phrase, with its place, into a language.
    """
    with mpl.rc_context(STYLE):
        match plot:
            case Icons():
                canvas = _icons(plot, at, say)
            case Curve():
                canvas = _curve(plot, at, say)
            case Flow():
                canvas = _flow(plot, at, say)
            case Forest():
                canvas = _forest(plot, at, say)
            case Fan():
                canvas = _fan(plot, at, say)
            case _:
                canvas = draw_cohort(plot, at, say)
        FigureCanvasSVG(canvas)
        out = io.StringIO()
        canvas.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _icons(icons: Icons, at: str, say: Say) -> Canvas:
    """Draw one grid of a hundred marks per world: filled squares for the trials counted, open rings for the others."""
    height, step, side = 2.15, WIDTH / len(icons.panels), 0.98
    canvas = Canvas(figsize=(WIDTH, height))
    for place, panel in enumerate(icons.panels, start=1):
        middle = (place - 0.5) / len(icons.panels)
        axes = canvas.add_axes((middle - side / (2 * WIDTH), 0.345, side / WIDTH, side / height))
        _grid(axes, panel)
        lines = max(int(step / 0.085), 8)
        heading = textwrap.fill(say(panel.heading, f"{at}.panel{place}.heading"), lines)
        below = textwrap.fill(say(panel.below, f"{at}.panel{place}.below"), lines)
        canvas.text(middle, 0.98, heading, ha="center", va="top", fontsize=8.5)
        canvas.text(middle, 0.245, say(panel.count, f"{at}.panel{place}.count"), ha="center", va="center", fontsize=14, fontweight="bold")
        canvas.text(middle, 0.15, below, ha="center", va="top", fontsize=8)
    return canvas


def _grid(axes: Axes, panel: Panel) -> None:
    filled = round(100 * panel.count.value)
    places = [(index % SIDE, SIDE - 1 - index // SIDE) for index in range(SIDE * SIDE)]
    if filled:
        axes.plot(*zip(*places[:filled], strict=True), "s", color=BLUE, markersize=4.0, markeredgewidth=0)
    if filled < len(places):
        axes.plot(*zip(*places[filled:], strict=True), "o", color="none", markeredgecolor=GREY, markeredgewidth=0.6, markersize=3.3)
    axes.set(xlim=(-0.7, SIDE - 0.3), ylim=(-0.7, SIDE - 0.3), xticks=[], yticks=[], aspect="equal")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _curve(curve: Curve, at: str, say: Say) -> Canvas:
    """Draw shares with their Monte Carlo intervals; the line between points only guides the eye."""
    canvas = Canvas(figsize=(WIDTH, 3.3), layout="constrained")
    axes = canvas.add_subplot()
    positions = [point.x for series in curve.series for point in series.points]
    span = (max(positions) - min(positions)) or 1.0
    for place, (series, (colour, marker, line)) in enumerate(zip(curve.series, MARKERS, strict=False)):
        shift = (place - (len(curve.series) - 1) / 2) * span * 0.012
        x = [point.x + shift for point in series.points]
        y = [point.y for point in series.points]
        below, above = [p.y - p.low for p in series.points], [p.high - p.y for p in series.points]
        label = textwrap.fill(say(series.label, f"{at}.series{place + 1}"), 42)
        look: Any = {"color": colour, "marker": marker, "linestyle": line}
        axes.errorbar(x, y, yerr=[below, above], markersize=5, linewidth=1, capsize=3, label=label, **look)
    for place, (level, words) in enumerate(curve.references, start=1):
        axes.axhline(level, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
        axes.annotate(
            say(words, f"{at}.reference{place}"),
            (1.01, level),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color="#4a4a4a",
        )
    axes.set(ylim=(-3, 103), yticks=range(0, 101, 20), xticks=sorted({round(x, 6) for x in positions}))
    axes.set_xlabel(say(curve.x_label, f"{at}.x"))
    axes.set_ylabel(say(curve.y_label, f"{at}.y"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.legend(frameon=False, loc="best", fontsize=8)
    return canvas


def _forest(forest: Forest, at: str, say: Say) -> Canvas:
    """Draw estimates with confidence intervals, the first on top."""
    count = len(forest.intervals)
    canvas = Canvas(figsize=(WIDTH, 1.3 + 0.42 * count), layout="constrained")
    axes = canvas.add_subplot()
    labels = []
    for place, interval in enumerate(forest.intervals, start=1):
        y = count - place
        axes.plot([interval.low, interval.high], [y, y], color=INK, linewidth=1.2)
        axes.plot([interval.estimate], [y], "s", color=BLUE, markersize=6)
        labels.append(textwrap.fill(say(interval.label, f"{at}.row{place}"), 44))
    axes.axvline(0, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.set(ylim=(-0.7, count - 0.3), yticks=range(count - 1, -1, -1))
    axes.set_yticklabels(labels, fontsize=7.5)
    axes.set_xlabel(say(forest.x_label, f"{at}.x"))
    left, right = (forest.better, forest.worse) if forest.better_is_left else (forest.worse, forest.better)
    sides = textwrap.fill(f"\u2190\u00a0{say(left, f'{at}.left')}", 26), textwrap.fill(f"{say(right, f'{at}.right')}\u00a0\u2192", 26)
    axes.set_title(sides[0], loc="left", fontsize=7.5)
    axes.set_title(sides[1], loc="right", fontsize=7.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return canvas


MOST_TICKS = 7
OUTER, INNER = "#cfe3f1", "#8fc1e0"  # two paler steps of the palette's blue


def _fan(fan: Fan, at: str, say: Say) -> Canvas:
    """Draw the fan; the months on its axis are calendar months, since its weeks end on Sundays."""
    words = {name: say(Message(f"fan.{name}"), f"{at}.{name}") for name in ("x", "y", "median", "half", "most", "needed", "last")}
    words["total"] = say(Message("fan.total", {"n": fan.total}), f"{at}.total")
    canvas = Canvas(figsize=(WIDTH, 2.9), layout="constrained")
    axes = canvas.add_subplot()
    _bands(axes, fan, words)
    _needed(axes, fan, words)
    axes.set(xlabel=words["x"], ylabel=words["y"], ylim=(0, None))
    months = _months(fan.start, fan.days[-1].until)
    axes.set_xticks([month.toordinal() for month in months], [f"{month:%Y-%m}" for month in months])
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.04), ncols=2, fontsize=8)
    return canvas


def _months(first: date, last: date) -> list[date]:
    """Return the first days of months between two dates, evenly apart and few enough to be read."""
    numbers = range(12 * first.year + first.month, 12 * last.year + last.month)  # the month after `first` counts as its number
    step = -(-len(numbers) // MOST_TICKS) or 1
    return [date(number // 12, number % 12 + 1, 1) for number in numbers[::step]]


def _bands(axes: Axes, fan: Fan, words: dict[str, str]) -> None:
    days = [fan.start.toordinal(), *(one.until.toordinal() for one in fan.days)]

    def line(name: str) -> list[float]:
        return [0.0, *(getattr(one, name) for one in fan.days)]

    axes.fill_between(days, line("q05"), line("q95"), color=OUTER, linewidth=0, label=words["most"])
    axes.fill_between(days, line("q25"), line("q75"), color=INNER, linewidth=0, label=words["half"])
    axes.plot(days, line("q50"), color=BLUE, linewidth=1.6, label=words["median"])


def _needed(axes: Axes, fan: Fan, words: dict[str, str]) -> None:
    start, end = fan.start.toordinal(), fan.last_day.toordinal()
    axes.plot([start, end], [0, fan.participants], color=VERMILION, linewidth=1.2, linestyle="--", label=words["needed"])
    axes.axhline(fan.participants, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.axvline(end, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
    for name, place, shift in (("total", fan.participants, 4), ("last", 0, 5)):
        axes.annotate(words[name], (end, place), (-4, shift), textcoords="offset points", ha="right", fontsize=8, color=INK)


LINE, PADDING, GAP = 0.165, 0.12, 0.3


def _flow(flow: Flow, at: str, say: Say) -> Canvas:
    """Draw the boxes of a participant flow from top to bottom, arms beside one another."""
    trunk = [_lines(box, f"{at}.trunk{n}", say, 44) for n, box in enumerate(flow.trunk, 1)]
    side = _lines(flow.side, f"{at}.side", say, 36)
    width = 66 // max(len(flow.arms), 1)
    arms = [[_lines(box, f"{at}.arm{place}.{n}", say, width) for n, box in enumerate(arm, 1)] for place, arm in enumerate(flow.arms, 1)]
    heights = [_height(box) for box in trunk]
    if side:
        heights[0] = max(heights[0], _height(side))
    levels = [max(_height(arm[level]) for arm in arms if level < len(arm)) for level in range(max(map(len, arms), default=0))]
    total = sum(heights) + sum(levels) + GAP * (len(heights) + len(levels) - 1)
    canvas = Canvas(figsize=(WIDTH, total + 0.1))
    axes = canvas.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, WIDTH), ylim=(0, total + 0.1))
    axes.axis("off")
    bottom = _draw_trunk(axes, trunk, side, heights, total + 0.05)
    _draw_arms(axes, arms, levels, (_trunk_centre(side), bottom))
    return canvas


def _trunk_centre(side: list[str]) -> float:
    return WIDTH * 0.29 if side else WIDTH / 2


def _lines(phrases: tuple[Phrase, ...], at: str, say: Say, width: int) -> list[str]:
    return [line for n, phrase in enumerate(phrases, 1) for line in textwrap.wrap(say(phrase, f"{at}.{n}"), width)]


def _height(lines: list[str]) -> float:
    return len(lines) * LINE + PADDING


def _draw_trunk(axes: Axes, trunk: list[list[str]], side: list[str], heights: list[float], top: float) -> float:
    """Draw the trunk and what leaves it; return the lower edge."""
    centre = _trunk_centre(side)
    for place, (box, height) in enumerate(zip(trunk, heights, strict=True)):
        _box(axes, box, centre, top - height / 2, 3.1)
        if place == 0 and side:
            _box(axes, side, WIDTH * 0.78, top - height / 2, 2.7)
            _arrow(axes, (centre + 1.55, top - height / 2), (WIDTH * 0.78 - 1.35, top - height / 2))
        if place < len(trunk) - 1:
            _arrow(axes, (centre, top - height / 2 - _height(box) / 2), (centre, top - height - GAP))
        top -= height + GAP
    return top + GAP


def _draw_arms(axes: Axes, arms: list[list[list[str]]], levels: list[float], start: tuple[float, float]) -> None:
    """Draw one column of boxes per arm, branching from the trunk's lower end."""
    width, (trunk, bottom) = WIDTH / max(len(arms), 1), start
    centres = [width * (place + 0.5) for place in range(len(arms))]
    fork = bottom - GAP / 2
    axes.plot([trunk, trunk], [bottom, fork], color=INK, linewidth=0.8)
    axes.plot([min(*centres, trunk), max(*centres, trunk)], [fork, fork], color=INK, linewidth=0.8)
    for centre, arm in zip(centres, arms, strict=True):
        top = bottom
        for place, (box, height) in enumerate(zip(arm, levels, strict=False)):
            _arrow(axes, (centre, fork if place == 0 else top), (centre, top - GAP))
            _box(axes, box, centre, top - GAP - height / 2, width - 0.2, height)
            top -= GAP + height


def _box(axes: Axes, lines: list[str], x: float, y: float, width: float, height: float = 0.0) -> None:
    height = height or _height(lines)
    style = "round,pad=0,rounding_size=0.06"
    patch = FancyBboxPatch((x - width / 2, y - height / 2), width, height, boxstyle=style, facecolor="white", edgecolor=INK, linewidth=0.8)
    axes.add_patch(patch)
    axes.text(x, y, "\n".join(lines), ha="center", va="center", fontsize=8, linespacing=1.25)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0})
