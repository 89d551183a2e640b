"""What an unquoted YAML word means: the YAML 1.2 core schema, with the traps of YAML 1.1 refused instead of guessed.

`NO`, `on` and `yes` are texts; `1:1` (an integer in YAML 1.1), `0,05`, `007`, `1_000`, `40 %`, `.nan` and `.inf` are refused
with what to write instead.
"""

import math
import re
from typing import NamedTuple

INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
LONGEST_NUMBER = 30

RATIO = re.compile(r"[-+]?[0-9]+(:[0-9]+)+(\.[0-9]*)?")
DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+")
LEADING_ZERO = re.compile(r"[-+]?0[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")
UNDERSCORED = re.compile(r"[-+]?(?=[0-9]+_)[0-9_]+(\.[0-9_]*)?")
PERCENT = re.compile(r"[-+]?[0-9.,]+ ?%")
OTHER_BASE = re.compile(r"[-+]?0[xXoObB][0-9a-fA-F]+")
NOT_FINITE = re.compile(r"[-+]?\.?(nan|inf|infinity)", re.IGNORECASE)


class Refusal(NamedTuple):
    """Why a plain word is refused; the fields are those of a `Problem`."""

    found: str
    allowed: str
    remedy: str
    rule: str


Plain = str | int | float | bool | None


def read_plain(word: str) -> Plain | Refusal:
    """Return the value of an unquoted scalar, or why it is refused."""
    if word in WORDS:
        return WORDS[word]
    if INTEGER.fullmatch(word):
        return int(word) if len(word) <= LONGEST_NUMBER else _refuse_length(word)
    if NUMBER.fullmatch(word):
        return _read_number(word)
    return _refuse_trap(word) or word


def _read_number(word: str) -> float | Refusal:
    value = float(word) if len(word) <= LONGEST_NUMBER else math.inf
    return value if math.isfinite(value) else _refuse_length(word)


def _refuse_length(word: str) -> Refusal:
    found = f"the number {word[:20]}... is too long or too large"
    return Refusal(found, f"a number has at most {LONGEST_NUMBER} characters", "Shorten it", "SYN-05")


def _refuse_trap(word: str) -> Refusal | None:
    """Return the refusal of a word that looks like a number and is none."""
    for pattern, explain in TRAPS:
        if pattern.fullmatch(word):
            return explain(word)
    return None


def _ratio(word: str) -> Refusal:
    parts = ", ".join(part.lstrip("+") for part in word.split(":"))
    found = f"{word} is read as a base-60 number by many YAML programs"
    allowed = "a ratio is a list, a time of day a text in quotes"
    return Refusal(found, allowed, f'Write the list [{parts}], or "{word}" in quotes', "SYN-04")


def _decimal_comma(word: str) -> Refusal:
    point = word.replace(",", ".")
    remedy = f'Write {point}, or "{word}" in quotes for a text'
    return Refusal(f"{word} has a decimal comma", "numbers have a decimal point", remedy, "SYN-08")


def _leading_zero(word: str) -> Refusal:
    number = re.sub(r"^([-+]?)0+(?=[0-9])", r"\1", word)
    remedy = f'Write {number} for the number, "{word}" in quotes for a code (and a decimal with a point: 0.05, not 0,05)'
    return Refusal(f"{word} starts with a zero", "many YAML programs read it as an octal number", remedy, "SYN-04")


def _underscored(word: str) -> Refusal:
    number = word.replace("_", "")
    remedy = f'Write {number}, or "{word}" in quotes for a text'
    return Refusal(f"{word} holds underscores", "digits stand without separators", remedy, "SYN-04")


def _percent(word: str) -> Refusal:
    remedy = f'Write 0.4 for 40 %, or "{word}" in quotes for a text'
    return Refusal(f"{word} is a percentage", "proportions are decimals", remedy, "SYN-08")


def _other_base(word: str) -> Refusal:
    remedy = f'Write it in decimal, or "{word}" in quotes for a text'
    return Refusal(f"{word} is a number in another base", "numbers are decimal", remedy, "SYN-04")


def _not_finite(word: str) -> Refusal:
    remedy = f'Write a value, or not_stated for a gap, or "{word}" in quotes for a text'
    return Refusal(f"{word} is not a number", "only finite numbers are allowed", remedy, "SYN-05")


TRAPS = (
    (RATIO, _ratio),
    (DECIMAL_COMMA, _decimal_comma),
    (LEADING_ZERO, _leading_zero),
    (UNDERSCORED, _underscored),
    (PERCENT, _percent),
    (OTHER_BASE, _other_base),
    (NOT_FINITE, _not_finite),
)
