"""Texts compared and names made of them: normal form, likeness, identifiers."""

import difflib
import re
import unicodedata
from collections.abc import Collection

WORD = re.compile(r"[^\W_]+")
LONGEST_ID = 40
LONGEST_BY_LETTER = 4000  # beyond, likeness counts whole words: by letters its time grows with the square
SIMPLE = str.maketrans({"–": "-", "—": "-", "−": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "≥": ">=", "≤": "<=", "\xa0": " "})


def normal(text: str) -> str:
    """Return a text without differences of case, white space, typographic signs and a final stop."""
    return " ".join(unicodedata.normalize("NFKC", text.translate(SIMPLE)).casefold().split()).rstrip(" .;:")


def code_form(text: str) -> str:
    """Return an enumeration's value however it is worded: `Phase 2`, `PHASE2` and `phase_2` are one."""
    return "".join(WORD.findall(normal(text))).replace("randomis", "randomiz")


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text in normal form."""
    return frozenset(WORD.findall(normal(text)))


def token_set_ratio(one: str, other: str) -> float:
    """Return the likeness of two texts from 0 to 1 by their sets of words, whatever the order and repetition."""
    a, b = words_of(one), words_of(other)
    shared = sorted(a & b)
    if len(one) + len(other) > LONGEST_BY_LETTER:
        return round(2 * len(shared) / (2 * len(shared) + min(len(a), len(b)) - len(shared) or 1), 2)
    first, second = " ".join(shared + sorted(a - b)), " ".join(shared + sorted(b - a))
    pairs = [(first, second)] + [(" ".join(shared), text) for text in (first, second)] * bool(shared)
    return round(max(difflib.SequenceMatcher(None, left, right, autojunk=False).ratio() for left, right in pairs), 2)


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of common words: quick, for finding which entries belong together."""
    return len(one & other) / len(one | other) if one | other else 0.0


def identifier(text: str, fallback: str, taken: Collection[str] = ()) -> str:
    """Return a name of small letters, digits and _ made of a text, that is not taken yet.

    Parameters
    ----------
    text : str
        A label in any script.
    fallback : str
        Used where no letter of the text remains, and before a leading digit.
    taken : collection of str
        Names given already.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    words = re.findall(r"[a-z0-9]+", plain)
    name = ""
    for word in words:
        if name and len(name) + len(word) + 1 > LONGEST_ID:
            break
        name = f"{name}_{word}" if name else word[:LONGEST_ID]
    if not name or not name[0].isalpha():
        name = f"{fallback}_{name}".rstrip("_")
    return _free(name, taken)


def _free(name: str, taken: Collection[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
