"""Rules on population and eligibility (POP)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from odisea.protocol.fact import NOT_STATED, Text
from odisea.protocol.model import Protocol
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, gap, known, put, rule
from odisea.protocol.sections import Check, Criterion

AGE = ("age", "age_years")
ADULTS_FROM, OLDER_ADULTS_FROM = 18, 65
WITHOUT_A_CAUSE = ("non-specific", "nonspecific", "non specific", "inespecífic")
SURGERY = ("surg", "cirug", "operat")
DIGITAL = ("internet", "smartphone", "digital", "computer", "computadora", "teléfono inteligente")
SECONDARY_GAIN = ("disability", "pain", "function", "work")
CRITERIA = ("/population/inclusion/*/check", "/population/exclusion/*/check")

Value = bool | float | str


class Place(NamedTuple):
    """A criterion with its pointer."""

    pointer: str
    criterion: Criterion
    excludes: bool


@rule("POP-01", "error", "contradiction", refs=("SPIRIT:14a", "CT:minimumAge"), reads=("/population/age_years", CRITERIA[0]))
def ages_disagree(case: Case) -> Iterator[Hit]:
    """An inclusion criterion on age has other limits than the eligible ages."""
    ages = known(case.protocol.population.age_years, "/population/age_years")
    seen = False
    for place in _criteria(case.protocol):
        check = place.criterion.check
        if check is None or place.excludes or check.variable not in AGE or not _numbers(check):
            continue
        seen = True
        low, high = _limits(check)
        if low not in (None, ages.min) or high not in (None, ages.max):
            values = {"id": place.criterion.id, "min": f"{ages.min:g}", "max": f"{ages.max:g}"}
            yield Hit(f"{place.pointer}/check/value", check.value, values, (put(f"{place.pointer}/check/value", ASK),))
    if not seen:
        raise NotApplicable("/population/inclusion")


@rule("POP-02", "information", "ambiguity", refs=("SPIRIT:14a",), reads=CRITERIA)
def not_checkable(case: Case) -> Iterator[Hit]:
    """A criterion has no check that recorded data can be held against."""
    for place in _written_criteria(case.protocol):
        if place.criterion.check is None:
            values = {"id": place.criterion.id, "text": place.criterion.text}
            yield Hit(f"{place.pointer}/check", NOT_STATED, values, (put(f"{place.pointer}/check", ASK),))


@rule("POP-03", "error", "contradiction", refs=("SPIRIT:14a",), reads=CRITERIA)
def nobody_fits(case: Case) -> Iterator[Hit]:
    """The criteria on one variable leave no value that is eligible."""
    variables: dict[str, list[Place]] = {}
    for place in _written_criteria(case.protocol):
        if place.criterion.check is not None:
            variables.setdefault(place.criterion.check.variable, []).append(place)
    if not variables:
        raise CannotRun(*(f"{place.pointer}/check" for place in _written_criteria(case.protocol)))
    for variable, places in variables.items():
        checks = [(place.criterion.check, place.excludes) for place in places if place.criterion.check is not None]
        if len(checks) > 1 and not any(all(_holds(check, value) != out for check, out in checks) for value in _candidates(checks)):
            ids = ", ".join(place.criterion.id for place in places)
            pointer = f"{places[-1].pointer}/check"
            yield Hit(pointer, variable, {"ids": ids}, (put(pointer, ASK),))


@rule("POP-04", "question", "gap", refs=("SPIRIT:14a",), reads=("/population/exclusion/*/check", "/population/exclusion/*/verification"))
def not_verified(case: Case) -> Iterator[Hit]:
    """An exclusion rests on something that is not exported and it is not said how it is verified."""
    recorded = {name for file in case.protocol.dictionary.files.values() for name in file.columns}
    places = [place for place in _written_criteria(case.protocol) if place.excludes and place.criterion.check is not None]
    if not places:
        raise NotApplicable("/population/exclusion")
    for place in places:
        variable = place.criterion.check.variable if place.criterion.check else ""
        if "@" not in variable and variable not in recorded:
            yield from gap(place.criterion.verification, f"{place.pointer}/verification", id=place.criterion.id, text=place.criterion.text)


@rule(
    "POP-05",
    "warning",
    "contradiction",
    refs=("SPIRIT:14a",),
    reads=("/identification/conditions", "/population/condition", "/population/exclusion/*"),
)
def surgery_long_ago(case: Case) -> Iterator[Hit]:
    """The condition is called non-specific and surgery excludes for a limited time only."""
    condition = next((name for name in _names(case.protocol) if _speaks_of(WITHOUT_A_CAUSE, name.en, name.es)), None)
    if condition is None:
        raise NotApplicable("/population/condition")
    for place in _criteria(case.protocol):
        check, text = place.criterion.check, place.criterion.text
        if place.excludes and check is not None and _speaks_of(SURGERY, check.variable, text.en, text.es) and _is_number(check):
            values = {"id": place.criterion.id, "text": text, "condition": condition}
            yield Hit(f"{place.pointer}/check/value", check.value, values, (put(f"{place.pointer}/check", ASK),))


@rule("POP-06", "error", "contradiction", refs=("SPIRIT:14a",), reads=(*CRITERIA, "/outcomes/*/range", "/instruments/*/range"))
def off_the_scale(case: Case) -> Iterator[Hit]:
    """A criterion's threshold lies outside the range of the outcome that it is about."""
    places = [place for place in _criteria(case.protocol) if place.criterion.check and "@" in place.criterion.check.variable]
    if not places:
        raise NotApplicable("/population")
    unknown = []
    for place in places:
        check = place.criterion.check
        assert check is not None
        name = check.variable.partition("@")[0]
        limits = case.protocol.outcomes[name].range.value
        if limits is None:
            unknown.append(f"/outcomes/{name}/range")
        elif any(not limits[0] <= number <= limits[1] for number in _numbers(check)):
            values = {"id": place.criterion.id, "label": case.protocol.outcomes[name].label, "range": f"{limits[0]:g}-{limits[1]:g}"}
            yield Hit(f"{place.pointer}/check/value", check.value, values, (put(f"{place.pointer}/check/value", ASK),))
    if unknown:
        raise CannotRun(*unknown)


@rule(
    "POP-07", "question", "gap", refs=("SPIRIT:14a",), reads=("/population/secondary_gain", "/population/age_years", "/outcomes/*/domain")
)
def secondary_gain(case: Case) -> Iterator[Hit]:
    """A primary outcome is disability, pain, function or work, and nothing is said about sick leave, compensation and litigation."""
    domains = [
        known(outcome.domain, f"/outcomes/{name}/domain") for name, outcome in case.protocol.outcomes.items() if outcome.level == "primary"
    ]
    if not any(domain in SECONDARY_GAIN for domain in domains):
        raise NotApplicable("/outcomes")
    ages = case.protocol.population.age_years.value
    if ages is not None and (ages.max < ADULTS_FROM or ages.min >= OLDER_ADULTS_FROM):  # no age at which people earn their living
        raise NotApplicable("/population/age_years")
    yield from gap(case.protocol.population.secondary_gain, "/population/secondary_gain")


@rule("POP-08", "question", "risk", refs=("CONSORT:22a",), reads=("/population/inclusion/*", "/population/screening_log"))
def digital_access(case: Case) -> Iterator[Hit]:
    """Digital access is an entry criterion and it is not said whether those excluded are counted."""
    for place in _criteria(case.protocol):
        text, check = place.criterion.text, place.criterion.check
        if not place.excludes and _speaks_of(DIGITAL, check.variable if check else "", text.en, text.es):
            yield from gap(case.protocol.population.screening_log, "/population/screening_log", id=place.criterion.id, text=text)
            return
    raise NotApplicable("/population/inclusion")


@rule(
    "POP-09",
    "error",
    "contradiction",
    refs=("SPIRIT:14a", "CT:healthyVolunteers"),
    reads=("/population/healthy_volunteers", "/population/inclusion/*/check", "/outcomes/*/range", "/outcomes/*/direction"),
)
def healthy_and_ill(case: Case) -> Iterator[Hit]:
    """Healthy volunteers are accepted although an inclusion criterion asks for a score that is worse than the best."""
    if not known(case.protocol.population.healthy_volunteers, "/population/healthy_volunteers"):
        return
    for place in _criteria(case.protocol):
        if not place.excludes and place.criterion.check is not None and _asks_for_illness(case.protocol, place.criterion.check):
            values = {"id": place.criterion.id, "text": place.criterion.text}
            yield Hit("/population/healthy_volunteers", True, values, (put("/population/healthy_volunteers", False),))


@rule("POP-10", "question", "gap", refs=("SPIRIT:20",), reads=("/population/recruitment",))
def recruitment(case: Case) -> Iterator[Hit]:
    """How participants are found is missing."""
    yield from gap(case.protocol.population.recruitment, "/population/recruitment")


@rule("POP-11", "question", "gap", refs=("SPIRIT:14a", "PRECIS-2:1"), reads=("/population/age_years", "/population/age_rationale"))
def older_adults(case: Case) -> Iterator[Hit]:
    """Adults but none of 65 or older can take part, and no reason is given."""
    ages = known(case.protocol.population.age_years, "/population/age_years")
    if ages.max >= OLDER_ADULTS_FROM or ages.max < ADULTS_FROM:
        raise NotApplicable("/population/age_years")
    yield from gap(case.protocol.population.age_rationale, "/population/age_rationale", min=f"{ages.min:g}", max=f"{ages.max:g}")


@rule("POP-12", "question", "gap", refs=("SPIRIT:14a", "CONSORT:12a"), reads=("/population/inclusion",))
def no_criteria(case: Case) -> Iterator[Hit]:
    """No inclusion criterion is listed."""
    if not case.protocol.population.inclusion:
        yield Hit("/population/inclusion", 0, {}, (put("/population/inclusion", ASK),))


def _criteria(protocol: Protocol) -> Iterator[Place]:
    for name in ("inclusion", "exclusion"):
        for index, criterion in enumerate(getattr(protocol.population, name)):
            yield Place(f"/population/{name}/{index}", criterion, name == "exclusion")


def _written_criteria(protocol: Protocol) -> tuple[Place, ...]:
    places = tuple(_criteria(protocol))
    if not places:
        raise CannotRun("/population/inclusion", "/population/exclusion")
    return places


def _names(protocol: Protocol) -> tuple[Text, ...]:
    """Return what the condition is called."""
    condition, conditions = protocol.population.condition, protocol.identification.conditions
    if not (condition.known or conditions.known):
        raise CannotRun("/population/condition", "/identification/conditions")
    own = (condition.value,) if condition.value else ()
    return (*own, *(Text(en=name, es=name) for name in conditions.value or ()))


def _speaks_of(words: Iterable[str], *texts: str) -> bool:
    return any(word in text.lower() for text in texts for word in words)


def _numbers(check: Check) -> tuple[float, ...]:
    """Return the numbers that a check compares with."""
    values: tuple[Value, ...] = check.value if isinstance(check.value, tuple) else (check.value,)
    return tuple(value for value in values if not isinstance(value, bool | str))


def _is_number(check: Check) -> bool:
    return check.op != "eq" and bool(_numbers(check))


def _limits(check: Check) -> tuple[float | None, float | None]:
    """Return the lowest and the highest completed years that a check on age lets in."""
    numbers = _numbers(check)
    low = {"between": numbers[0], "ge": numbers[0], "gt": numbers[0] + 1, "eq": numbers[0]}.get(check.op)
    high = {"between": numbers[-1], "le": numbers[0], "lt": numbers[0] - 1, "eq": numbers[0]}.get(check.op)
    return low, high


def _holds(check: Check, value: Value) -> bool:
    """Return whether a value fulfils a check; values of another kind do not."""
    target = check.value
    if check.op == "eq":
        return value == target
    if isinstance(value, bool | str):
        return False
    if isinstance(target, tuple):
        return target[0] <= value <= target[1]
    if isinstance(target, bool | str):
        return False
    return {"ge": value >= target, "gt": value > target, "le": value <= target, "lt": value < target}[check.op]


def _candidates(checks: Sequence[tuple[Check, bool]]) -> tuple[Value, ...]:
    """Return values of which one is eligible if any is: every threshold, a value between each two, and one beyond either end."""
    if any(isinstance(check.value, bool) for check, _ in checks):
        return (True, False)
    if any(isinstance(check.value, str) for check, _ in checks):
        return (*(check.value for check, _ in checks if isinstance(check.value, str)), "")
    ends = sorted({number for check, _ in checks for number in _numbers(check)})
    between = [(low + high) / 2 for low, high in pairwise(ends)]
    return (ends[0] - 1, *ends, *between, ends[-1] + 1)


def _asks_for_illness(protocol: Protocol, check: Check) -> bool:
    """Return whether a check on an outcome keeps out the outcome's best value."""
    name, at, _ = check.variable.partition("@")
    outcome = protocol.outcomes.get(name)
    if not at or outcome is None or outcome.direction is None:
        return False
    best = known(outcome.range, f"/outcomes/{name}/range")[0 if outcome.direction == "lower_better" else 1]
    return not _holds(check, best)
