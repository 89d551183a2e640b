"""The texts of the rules in both languages: one TOML file per domain and language, one table per rule.

A table holds `title`, `message` (with the observed and the allowed value), `expected`, `why`, `fix`, and `ask`: the question to
the investigator (rules of information may leave it out). Placeholders are written {name} and are the same in both languages.
"""

import tomllib
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from pydantic import BaseModel

from odisea.protocol.fact import Fact, Text
from odisea.protocol.rules.finding import Said

FOLDER = Path(__file__).with_name("texts")
LANGUAGES = ("en", "es")
FIELDS = ("title", "message", "expected", "why", "fix", "ask")
DIGITS = 6
GAP_WORDS: dict[tuple[str, str | None], str] = {
    ("not_stated", "en"): "not stated",
    ("not_in_source", "en"): "not shown by our copy of the source",
    ("not_stated", "es"): "no se declara",
    ("not_in_source", "es"): "nuestra copia de la fuente no lo muestra",
}


@cache
def read_texts(language: str) -> dict[str, dict[str, str]]:
    """Return every rule's texts in a language, by rule; the words of the engine itself stand under `engine`."""
    texts: dict[str, dict[str, str]] = {}
    for path in sorted(FOLDER.glob(f"*.{language}.toml")):
        texts.update(tomllib.loads(path.read_text(encoding="utf-8")))
    return texts


def said(key: str, field: str, values: dict[str, Any]) -> Said:
    """Return a text in both languages with its placeholders filled; KeyError where a text or a value is missing."""
    return Said(*(_filled(read_texts(language)[key][field], values, language) for language in LANGUAGES))


BRACKETED = " ({observed})"


def without_gap(template: str, observed: Any) -> str:
    """Return a text without the observed value in brackets where that is a gap: the sentence has said so already."""
    return template.replace(BRACKETED, "") if isinstance(observed, Fact) and not observed.known else template


def _filled(template: str, values: dict[str, Any], language: str) -> str:
    pieces = []
    for literal, name, _, _ in Formatter().parse(without_gap(" ".join(template.split()), values.get("observed"))):
        pieces.append(literal + (shown(values[name], language) if name else ""))
    return "".join(pieces)


def shown(value: Any, language: str | None = None) -> str:
    """Return a value as one line in YAML's flow style, labels left out.

    Parameters
    ----------
    value : object
        A fact, a model, a text or plain data.
    language : str, optional
        `en` or `es`: `Text` values are put into it and a gap is said in words; absent: the words of the file.
    """
    if isinstance(value, Fact):
        return shown(value.value, language) if value.known else GAP_WORDS.get((value.status, language), value.status)
    if isinstance(value, Text | Said):
        return value.in_language(language or "en")
    if isinstance(value, BaseModel):
        value = {name: inner for name, inner in value if inner is not None and name != "label"}
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {shown(inner, language)}" for name, inner in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(shown(inner, language) for inner in value) + "]"
    return _scalar(value)


def _scalar(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)
