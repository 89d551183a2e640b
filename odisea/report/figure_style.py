"""What every figure shares: colours, markers, letters, width."""

from collections.abc import Callable
from typing import Any

from odisea.report.content import Phrase

Say = Callable[[Phrase, str], str]

# Okabe and Ito's palette: told apart by people with any colour vision; every use also differs by marker, fill or line.
BLUE, VERMILION, GREY, INK, PALE = "#0072b2", "#d55e00", "#767676", "#1f2933", "#c9d1d9"
MARKERS = ((BLUE, "o", "-"), (VERMILION, "s", "--"), (INK, "^", ":"), ("#009e73", "D", "-."))
STYLE: Any = {
    "svg.hashsalt": "odisea",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.7,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "white",
}
WIDTH = 6.4
