"""What is never imported from a registry record: persons' names, telephone numbers, e-mail addresses, exact places.

A record names contacts, officials and investigators. None of them is a fact of the trial, so they are taken out before
anything else sees the record: whole entries by their key, and addresses and numbers that stand inside texts.
"""

import re
from typing import Any

PERSONAL_KEYS = frozenset({
    "centralcontacts", "overallofficials", "contacts", "geopoint", "pointofcontact", "oldnametitle", "oldorganization",
    "locationcontacts", "investigators", "officials", "name_title",
})  # fmt: skip
PERSONAL_WORDS = re.compile(r"phone|e-?mail|fax|investigator|firstname|lastname|middlename|fullname|contactname|officialname|personname")
PERSON = "INDIV"
UNNAMED = "An individual (name not imported)"

REACHES_A_PERSON = re.compile(r"phone|e-?mail|^role$")

EMAIL = re.compile(r"(?<![\w.+'-])[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
DIGITS = r"\(?(?:\d[ ().-]{0,3}){7,14}\d"  # eight digits or more, grouped in any way
TELEPHONE = re.compile(
    rf"\+{DIGITS}|\b(?:phone|telephone|tel[eé]fono|tel|fax|whatsapp|mobile|m[oó]vil|cel(?:ular)?)\b[.:]* *\+?{DIGITS}", re.IGNORECASE
)
REMOVED_EMAIL = "[e-mail not imported]"
REMOVED_NUMBER = "[telephone number not imported]"


def without_persons(data: Any) -> Any:
    """Return plain JSON data without what names or reaches a person.

    Parameters
    ----------
    data : object
        As parsed.
    """
    if isinstance(data, dict):
        return {key: without_persons(value) for key, value in _unnamed(data).items() if not _is_personal(key)}
    if isinstance(data, list):
        return [without_persons(value) for value in data]
    return _without_addresses(data) if isinstance(data, str) else data


def _is_personal(key: str) -> bool:
    """Return whether a key holds persons; the organisation's `fullName` goes too, since nothing needs it."""
    bare = key.casefold()
    return bare in PERSONAL_KEYS or PERSONAL_WORDS.search(bare) is not None


def _unnamed(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry without its name where that is a person's: a sponsor of class INDIV, or whoever has a telephone or a role."""
    if entry.get("class") == PERSON and "name" in entry:
        return {**entry, "name": UNNAMED}
    if any(REACHES_A_PERSON.search(key.casefold()) for key in entry):
        return {key: value for key, value in entry.items() if key.casefold() != "name"}
    return entry


def _without_addresses(text: str) -> str:
    return TELEPHONE.sub(REMOVED_NUMBER, EMAIL.sub(REMOVED_EMAIL, text))
