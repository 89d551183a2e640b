"""The one place of the reports that writes: a document as PDF or HTML, and the record of its numbers beside it."""

import json
import os
from pathlib import Path

from odisea.errors import DataError, Problem
from odisea.report.content import Document
from odisea.report.speech import spoken
from odisea.report.text import LANGUAGES

NUMBERS = ".numbers.json"


def write_document(document: Document, language: str, target: Path) -> None:
    """Write a document and `*.numbers.json`; the same document gives the same bytes.

    Parameters
    ----------
    document : Document
    language : str
        `en` or `es`.
    target : Path
        The suffix says the form: .pdf or .html.

    Raises
    ------
    DataError
        The suffix or the language is another.
    """
    if target.suffix not in (".pdf", ".html"):
        raise DataError(Problem(str(target), f"the suffix is {target.suffix or 'missing'}", "a report is written as .pdf or .html"))
    if language not in LANGUAGES:
        raise DataError(Problem("--lang", f"the language is {language}", f"one of {', '.join(LANGUAGES)}"))
    said, numbers = spoken(document, language)
    if target.suffix == ".pdf":
        from odisea.report.pdf import render_pdf

        content = render_pdf(said)
    else:
        from odisea.report.html import render_html

        content = render_html(said).encode()
    record = json.dumps({"report": document.id, "numbers": numbers}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    target.parent.mkdir(parents=True, exist_ok=True)
    _write(target, content)
    _write(target.with_suffix(NUMBERS), record.encode())


def _write(path: Path, content: bytes) -> None:
    """Write to a temporary name first, so that a reader never meets half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
