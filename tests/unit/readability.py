"""Readability of Spanish and English prose, for tests of texts that lay readers must understand."""

import re
from itertools import pairwise

STRONG, WEAK = "aeoáéó", "iuü"
ACCENTED_WEAK = "íú"
VOWEL_GROUP = re.compile(r"[aeiouáéíóúü]+", re.IGNORECASE)


def words(text: str) -> list[str]:
    """Return the words of a text; numbers are left out."""
    return re.findall(r"[a-záéíóúüñ]+", text.lower())


def sentences(text: str) -> int:
    """Return how many sentences a text has; a decimal point ends none."""
    return max(len(re.findall(r"[.!?:;](?:\s|$)", text)), 1)


def spanish_syllables(word: str) -> int:
    """Return the syllables of a Spanish word: neighbouring strong vowels, and a weak one with an accent, part."""
    word = re.sub(r"([gq])u(?=[eiéí])", r"\1", word.lower())
    word = re.sub(r"y$", "i", word)
    count = 0
    for group in VOWEL_GROUP.findall(word):
        count += 1
        for left, right in pairwise(group):
            if left in ACCENTED_WEAK or right in ACCENTED_WEAK or (left in STRONG and right in STRONG):
                count += 1
    return max(count, 1)


def fernandez_huerta(text: str) -> float:
    """Return 206.84 - 60 syllables per word - 1.02 words per sentence (Fernandez Huerta 1959, in the form of INFLESZ); 55 is 'normal'."""
    found = words(text)
    return 206.84 - 60 * sum(map(spanish_syllables, found)) / len(found) - 1.02 * len(found) / sentences(text)


def english_syllables(word: str) -> int:
    """Return about how many syllables an English word has."""
    groups = len(re.findall(r"[aeiouy]+", word))
    return max(groups - (word.endswith("e") and not word.endswith("le") and groups > 1), 1)


def flesch(text: str) -> float:
    """Return 206.835 - 84.6 syllables per word - 1.015 words per sentence (Flesch 1948); 60 is 'plain English'."""
    found = words(text)
    return 206.835 - 84.6 * sum(map(english_syllables, found)) / len(found) - 1.015 * len(found) / sentences(text)
