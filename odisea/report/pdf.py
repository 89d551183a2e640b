"""A report as a tagged PDF (PDF/UA-1): fonts from the typesetter itself, the date from the results, the same bytes for the same report."""

import json
from pathlib import Path
from typing import Any

import typst

from odisea.report.icons import MARKS, STATES

TEMPLATE = Path(__file__).with_name("templates") / "report.typ"


def render_pdf(said: dict[str, Any]) -> bytes:
    """Return a spoken document as PDF.

    Parameters
    ----------
    said : dict
        As `odisea.report.speech.spoken` gives it; its texts are data to the template, never markup.
    """
    data = json.dumps({**said, "icons": {**MARKS, **STATES}}, ensure_ascii=False, sort_keys=True)
    compiler = typst.Compiler(TEMPLATE.read_bytes(), ignore_system_fonts=True, sys_inputs={"data": data})
    compiled = compiler.compile(format="pdf", pdf_standards="ua-1", timestamp=0)
    assert isinstance(compiled, bytes)
    return compiled
