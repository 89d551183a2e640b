"""Weeks out of the registry's free texts of time ("Baseline, week 6 and 12 months"), and years out of its ages ("18 Years")."""

import re

WEEKS_PER_UNIT = {"minute": 1 / 10_080, "hour": 1 / 168, "day": 1 / 7, "week": 1.0, "month": 52 / 12, "year": 52.0}
UNITS = {
    "minute": ("minute", "minutes", "min", "mins", "minuto", "minutos"),
    "hour": ("hour", "hours", "hr", "hrs", "hora", "horas"),
    "day": ("day", "days", "día", "días", "dia", "dias"),
    "week": ("week", "weeks", "wk", "wks", "semana", "semanas"),
    "month": ("month", "months", "mes", "meses"),
    "year": ("year", "years", "yr", "yrs", "año", "años"),
}
UNIT_OF = {word: unit for unit, words in UNITS.items() for word in words}
ENGLISH = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SPANISH = ("una", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once", "doce")
NUMBER_OF = {word: float(place) for words in (ENGLISH, SPANISH) for place, word in enumerate(words, start=1)}
BASELINE = re.compile(r"\b(baseline|enrol?lment|start|inicio|inicial|basal)\b")
CONNECTORS = frozenset({"and", "or", "to", "y", "o", "a", "e", "through", "hasta", "then", "at", "de", "of"})
FILLERS = CONNECTORS | {"the", "from", "in", "after", "up", "post", "la", "el", "los", "las", "en", "del", "desde", "baseline"}
TOKEN = re.compile(r"(?<=\s)[-−]\d+(?:[.,]\d+)?|\d+(?:[.,]\d+)?|[^\W\d_]+")
LONGEST = 52 * 50
AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([^\W\d_]+)\.?")
YEARS_PER_UNIT = {"year": 1.0, "month": 1 / 12, "week": 7 / 365.25, "day": 1 / 365.25, "hour": 1 / 8766, "minute": 1 / 525_960}


def weeks_in(text: str) -> tuple[float, ...]:
    """Return the weeks that a time frame names, in order and once each; a named baseline is week 0.

    Numbers may stand before their unit (6 and 12 weeks) or behind it (weeks 6 and 12); times before the start are left out.
    """
    found = {0.0} if BASELINE.search(text.casefold()) else set()
    waiting: list[float] = []
    unit = ""
    for token in TOKEN.findall(text.casefold()):
        number = _number(token)
        if number is not None and unit:
            found |= _weeks([number], unit)
        elif number is not None:
            waiting.append(number)
        elif token in UNIT_OF:
            found |= _weeks(waiting, UNIT_OF[token])
            unit, waiting = ("" if waiting else UNIT_OF[token]), []
        elif token not in CONNECTORS:
            unit, waiting = "", []
    return tuple(sorted(week for week in found if 0 <= week <= LONGEST))


def other_words(text: str) -> frozenset[str]:
    """Return the words of a time frame that are neither numbers nor units nor fillers."""
    tokens = TOKEN.findall(text.casefold())
    return frozenset(token for token in tokens if _number(token) is None and token not in UNIT_OF and token not in FILLERS)


def years_of(age: str) -> float | None:
    """Return the years of an age such as `18 Years` or `6 Months`; None where it is no age."""
    match = AGE.fullmatch(age.strip().casefold())
    unit = UNIT_OF.get(match[2]) if match else None
    return round(float(match[1]) * YEARS_PER_UNIT[unit], 4) if match and unit else None


def _number(token: str) -> float | None:
    if token in NUMBER_OF:
        return NUMBER_OF[token]
    try:
        return float(token.replace("−", "-").replace(",", "."))
    except ValueError:
        return None


def _weeks(numbers: list[float], unit: str) -> set[float]:
    """Return weeks to two decimals; times so short that no week is left are no visit."""
    weeks = {number: round(number * WEEKS_PER_UNIT[unit], 2) for number in numbers}
    return {week for number, week in weeks.items() if week or not number}
