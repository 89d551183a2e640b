"""From plain data to a typed model; every fault of the model is told at its line and column, with what is allowed.

pydantic finds the faults; here each becomes a `Problem`, and an unknown field is answered with the nearest known one.
"""

import re
import types
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from odisea.errors import Problem, ProtocolError
from odisea.protocol.compose import MOST_PROBLEMS, Document, Place, at, child
from odisea.protocol.declaration import SCHEMA
from odisea.protocol.fact import GAPS, Fact
from odisea.protocol.fault import nearest

M = TypeVar("M", bound=BaseModel)

LONGEST_SHOWN = 80
SIGNED = ("derived", "from", "proposed", "reason", "by", "date")
OPENERS = ("derived", "proposed")

ALLOWED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a text",
    "bool_type": "true or false",
    "tuple_type": "a list [...]",
    "dict_type": "a block of name: value lines",
    "model_type": "a block of fields",
    "model_attributes_type": "a block of fields",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "a text that matches {pattern}",
    "greater_than": "a value above {gt}",
    "greater_than_equal": "a value of at least {ge}",
    "less_than": "a value below {lt}",
    "less_than_equal": "a value of at most {le}",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
    "string_too_short": "a text of at least {min_length} characters",
}


class _Fault(NamedTuple):
    """One fault of the model, resolved to a place of the document."""

    pointer: str
    error: ErrorDetails
    is_fact: bool


def validate(document: Document, model: type[M], data: Mapping[str, Any] | None = None) -> M:
    """Return the model of a document.

    Parameters
    ----------
    document : Document
        Where messages point to.
    model : type
        A `Declaration` or any other pydantic model.
    data : mapping, optional
        In place of the document's data (with other files' content put in).

    Raises
    ------
    ProtocolError
        With every fault found.
    """
    content = document.data if data is None else dict(data)
    refuse_other_kind(document, model)
    try:
        valid = model.model_validate(content)
    except ValidationError as error:
        faults = [_resolve(document, detail) for detail in error.errors(include_url=False)]
        raise ProtocolError(islice(_problems(document, model, faults), MOST_PROBLEMS)) from error
    misspelt = list(islice(_misspelt_gaps(document, "", document.data), MOST_PROBLEMS))
    if misspelt:
        raise ProtocolError(misspelt)
    return valid


def _misspelt_gaps(document: Document, pointer: str, data: object) -> Iterator[Problem]:
    """Give the words that nearly declare a gap: where a text is allowed, one would pass for a stated value."""
    if isinstance(data, str):
        near = nearest(data.lower(), GAPS, likeness=0.85) if data[:2].lower() == "no" and " " not in data else ""
        if near and data not in GAPS:
            found, allowed = f"{_shown(pointer)} is {described(data)}", f"a gap is declared by the word {' or '.join(GAPS)}"
            yield Problem(document.where(pointer), found, allowed, f"Did you mean {near}?", "SYN-10")
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, tuple) else ()
    for key, value in entries:
        yield from _misspelt_gaps(document, child(pointer, key), value)


def refuse_other_kind(document: Document, model: type[BaseModel]) -> None:
    """Raise if the document's head names another kind of file than the model's, or another version of the schema.

    Raises
    ------
    ProtocolError
        The head is absent or differs.
    """
    wanted = getattr(model, "kind", None)
    head = document.data.get("odisea")
    if not isinstance(wanted, str):
        return
    if not isinstance(head, dict) or "kind" not in head:
        where = document.where("/odisea") if "odisea" in document.data else at(document.name, Place(1, 1))
        remedy = f'Write as first field: odisea: {{kind: {wanted}, schema: "{SCHEMA}"}}'
        raise ProtocolError(Problem(where, "the file does not say what it is", f"a file of kind {wanted} is needed here", remedy, "SYN-07"))
    if head["kind"] != wanted:
        found = f"this is a file of kind {_word(head['kind'])}"
        allowed = f"a file of kind {wanted} is needed here"
        raise ProtocolError(Problem(document.where("/odisea/kind"), found, allowed, "Give the right file", "SYN-07"))
    if isinstance(head.get("schema"), str) and head["schema"] != SCHEMA:
        found = f'the file is written for schema "{_word(head["schema"])}"'
        allowed = f'this version of odisea reads schema "{SCHEMA}"'
        raise ProtocolError(Problem(document.where("/odisea/schema"), found, allowed, "Rewrite the file", "SYN-07"))


def _word(value: object) -> str:
    """Return a value as it is named in a sentence, without quotes."""
    return _clip(value) if isinstance(value, str) else described(value)


def _resolve(document: Document, error: ErrorDetails) -> _Fault:
    """Return the fault at the deepest written place of its path; the path also holds our own and pydantic's words."""
    pointer = document.resolve(error["loc"])
    return _Fault(pointer, error, "value" in error["loc"] and not pointer.endswith("/value"))


def _problems(document: Document, model: type[BaseModel], faults: list[_Fault]) -> Iterator[Problem]:
    """Give one problem per place and input, with the alternatives of a union joined."""
    groups: dict[tuple[str, str], list[_Fault]] = {}
    for fault in faults:
        kind = fault.error["type"]
        what = "alternative" if kind in ALLOWED else f"{kind} {fault.error['loc'][-1:]}"
        groups.setdefault((fault.pointer, what), []).append(fault)
    for group in groups.values():
        yield _problem(document, model, group)


def _problem(document: Document, model: type[BaseModel], group: list[_Fault]) -> Problem:
    fault = group[0]
    kind, location = fault.error["type"], fault.error["loc"]
    if kind == "missing":
        return _missing(document, fault)
    if kind == "extra_forbidden":
        return _unknown(document, model, fault)
    value = fault.error["input"]
    if kind == "value_error":
        return _own_words(document, fault)
    opener = _nearest_opener(value) if fault.is_fact else None
    if opener:
        return _misspelt_opener(document, fault, *opener)
    allowed = " or ".join(dict.fromkeys(_allowed(each.error) for each in group))
    if fault.is_fact:
        allowed += f", or the word {' or '.join(GAPS)}"
    found = f"{_shown(fault.pointer or str(location[-1]))} is {described(value)}"
    rule = "SYN-10" if value is None else "SYN-13"
    return Problem(document.where(fault.pointer), found, f"allowed is {allowed}", _remedy(group, value), rule)


def _own_words(document: Document, fault: _Fault) -> Problem:
    """Return the problem of a fault that one of our own models words itself."""
    message, value = str(fault.error["ctx"]["error"]), fault.error["input"]
    misspelt = [(key, near) for key in value if key not in SIGNED and (near := nearest(key, SIGNED))] if _opened(value) else []
    remedy = f"Did you mean {misspelt[0][1]} where {misspelt[0][0]} stands?" if misspelt else ""
    return Problem(document.where(fault.pointer), f"{_shown(fault.pointer)}: {message}", "", remedy, _rule_of(message, value))


def _opened(value: object) -> bool:
    return isinstance(value, dict) and any(opener in value for opener in OPENERS)


def _rule_of(message: str, value: object) -> str:
    """Return the rule behind a fault that a model words itself: an empty value, a proposal among the facts, or any other."""
    if value is None or "value is empty" in message or any(f"value is {gap}" in message for gap in GAPS):
        return "SYN-10"
    return "SYN-12" if message.startswith("a proposed value stands among the facts") else "SYN-13"


def _nearest_opener(value: object) -> tuple[str, str] | None:
    """Return the key of a block that is a misspelt `derived` or `proposed`, and the word that was meant."""
    if not isinstance(value, dict) or _opened(value):
        return None
    return next(((key, near) for key in value if (near := nearest(key, OPENERS))), None)


def _misspelt_opener(document: Document, fault: _Fault, key: str, near: str) -> Problem:
    where = document.where_key(child(fault.pointer, key))
    found = f"unknown field {_clip(key)} in {_shown(fault.pointer)}"
    return Problem(where, found, "a value is given plainly, or in a block with derived or proposed", f"Did you mean {near}?", "SYN-06")


def _allowed(error: ErrorDetails) -> str:
    template = ALLOWED.get(error["type"])
    return template.format(**error.get("ctx", {})) if template else error["msg"].removeprefix("Input should be ")


def _remedy(group: list[_Fault], value: object) -> str:
    """Return what to do: quote a number, or the allowed word that is nearest to the one that stands there."""
    kinds = {fault.error["type"] for fault in group}
    if "string_type" in kinds and isinstance(value, int | float):
        return f'Write it in quotes: "{str(value).lower() if isinstance(value, bool) else value}"'
    if not isinstance(value, str):
        return ""
    near = nearest(value, _words(group))
    if near:
        return f"Did you mean {near}?"
    return "Write true or false" if "bool_type" in kinds else ""


def _words(group: list[_Fault]) -> list[str]:
    """Return the words that may stand at a place: those of its list, and those that declare a gap."""
    listed = [word for fault in group for word in re.findall(r"'([^']*)'", str(fault.error.get("ctx", {}).get("expected", "")))]
    return [*listed, *(GAPS if group[0].is_fact else ())]


def _missing(document: Document, fault: _Fault) -> Problem:
    name = fault.error["loc"][-1]
    if isinstance(name, int):
        found = f"{_shown(fault.pointer)} has no entry number {name + 1}"
        return Problem(document.where(fault.pointer), found, "the list is too short", "Add the entry", "SYN-13")
    found = f"the field {name} is missing in {_shown(fault.pointer)}"
    return Problem(document.where(fault.pointer), found, "", f"Add {name}: ...", "SYN-13")


def _unknown(document: Document, model: type[BaseModel], fault: _Fault) -> Problem:
    name, location = str(fault.error["loc"][-1]), fault.error["loc"][:-1]
    known = known_fields(model, location)
    near = nearest(name, [*known, *(OPENERS if location[-1:] == ("value",) else ())])
    remedy = f"Did you mean {near}?" if near else "Delete it, or use one of these"
    found = f"unknown field {_clip(name)} in {_shown(fault.pointer.rpartition('/')[0])}"
    return Problem(document.where_key(fault.pointer), found, f"known are {', '.join(known)}" if known else "", remedy, "SYN-06")


def _shown(pointer: str) -> str:
    """Return a pointer as people write paths: analysis.plans.as_registered.alpha."""
    return pointer.lstrip("/").replace("/", ".").replace("~1", "/").replace("~0", "~") or "the file"


def described(value: object) -> str:
    """Return a value as a message names it."""
    if isinstance(value, dict):
        return "a block of fields"
    if isinstance(value, tuple):
        return f"a list of {len(value)}"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "empty"}[value]
    return repr(_clip(value)) if isinstance(value, str) else _clip(str(value))


def _clip(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def known_fields(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the field names (as written in YAML) of the model that stands at a location inside another one."""
    found: list[str] = []
    for candidate in _models_at(model, list(location)):
        found += [field.alias or name for name, field in candidate.model_fields.items()]
    return list(dict.fromkeys(found))


def _models_at(annotation: Any, location: list[int | str]) -> Iterator[type[BaseModel]]:
    """Give the models that a type allows after walking a location (keys, indices, and pydantic's own words, which are skipped)."""
    if isinstance(annotation, type) and issubclass(annotation, Fact):
        inner = annotation.model_fields["value"].annotation
        yield from _models_at(inner, location[1:] if location[:1] == ["value"] else location)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _models_inside(annotation, location)
    elif get_origin(annotation) in (Union, types.UnionType):
        for choice in get_args(annotation):
            yield from _models_at(choice, location)
    elif get_origin(annotation) in (dict, tuple):
        arguments = [argument for argument in get_args(annotation) if argument is not Ellipsis]
        yield from _models_at(arguments[-1], location[1:])
    elif hasattr(annotation, "__metadata__"):
        yield from _models_at(get_args(annotation)[0], location)


def _models_inside(model: type[BaseModel], location: list[int | str]) -> Iterator[type[BaseModel]]:
    if not location:
        yield model
        return
    for name, info in model.model_fields.items():
        if location[0] == (info.alias or name):
            yield from _models_at(info.annotation, location[1:])
            return
    yield from _models_at(model, location[1:])
