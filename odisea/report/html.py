"""A report as one HTML file: nothing is fetched, every text is escaped, and it reads on a phone, on paper and aloud."""

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from odisea.report.icons import MARKS, STATES

HIDDEN = '<svg aria-hidden="true" focusable="false" '
TEMPLATES = Path(__file__).with_name("templates")


def render_html(said: dict[str, Any]) -> str:
    """Return a spoken document as an HTML page.

    Parameters
    ----------
    said : dict
        As `odisea.report.speech.spoken` gives it.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["data_uri"] = _data_uri
    icons = {name: Markup(svg.replace("<svg ", HIDDEN, 1)) for name, svg in {**MARKS, **STATES}.items()}
    style = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    return environment.get_template("report.html").render(document=said, words=said["words"], icons=icons, style=style)


def _data_uri(svg: str) -> str:
    """Return an SVG as an address that holds it."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
