"""The words of the reports, one TOML file per language with the same keys and the same placeholders."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "es")


@cache
def read_texts(language: str) -> Mapping[str, str]:
    """Return the texts of a language by their full key, `table.key`.

    Raises
    ------
    ValueError
        There is no such language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language is {language!r}; one of {', '.join(LANGUAGES)} is needed")
    with Path(__file__).with_name(f"{language}.toml").open("rb") as stream:
        return dict(_flat(tomllib.load(stream), ""))


def _flat(table: Mapping[str, Any], start: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, str):
            text = " ".join(value.split()) if "\n" in value else value
            yield f"{start}{key}", text.replace(" %", "\u00a0%")
        else:
            yield from _flat(value, f"{start}{key}.")
