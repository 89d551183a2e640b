"""From plain data to a typed model; every fault of the model is told at its line and column, with what is allowed.

pydantic finds the faults; here each becomes a `Problem`, and an unknown field is answered with the nearest known one.
"""

import difflib
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from odisea.errors import Problem, ProtocolError
from odisea.protocol.compose import Document, Place, at
from odisea.protocol.declaration import SCHEMA
from odisea.protocol.fact import GAPS, Fact

M = TypeVar("M", bound=BaseModel)

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
        return model.model_validate(content)
    except ValidationError as error:
        faults = [_resolve(document, detail) for detail in error.errors(include_url=False)]
        raise ProtocolError(_problems(document, model, faults)) from error


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
        raise ProtocolError(Problem(where, "the file does not say what it is", f"a file of kind {wanted} is needed here", remedy))
    if head["kind"] != wanted:
        found = f"this is a file of kind {head['kind']}"
        raise ProtocolError(
            Problem(document.where("/odisea/kind"), found, f"a file of kind {wanted} is needed here", "Give the right file")
        )
    if isinstance(head.get("schema"), str) and head["schema"] != SCHEMA:
        found = f'the file is written for schema "{head["schema"]}"'
        raise ProtocolError(
            Problem(document.where("/odisea/schema"), found, f'this version of odisea reads schema "{SCHEMA}"', "Rewrite the file")
        )


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
    if kind == "value_error":
        message = str(fault.error["ctx"]["error"])
        return Problem(document.where(fault.pointer), f"{_shown(fault.pointer)}: {message}", "", "")
    allowed = " or ".join(dict.fromkeys(_allowed(each.error) for each in group))
    if fault.is_fact:
        allowed += f", or the word {' or '.join(GAPS)}"
    found = f"{_shown(fault.pointer or str(location[-1]))} is {_described(fault.error['input'])}"
    return Problem(document.where(fault.pointer), found, f"allowed is {allowed}", _remedy(kind, fault.error["input"]))


def _allowed(error: ErrorDetails) -> str:
    template = ALLOWED.get(error["type"])
    return template.format(**error.get("ctx", {})) if template else error["msg"]


def _remedy(kind: str, value: object) -> str:
    if kind == "string_type" and isinstance(value, int | float):
        return f'Write it in quotes: "{str(value).lower() if isinstance(value, bool) else value}"'
    if kind == "bool_type" and isinstance(value, str):
        return "Write true or false"
    return ""


def _missing(document: Document, fault: _Fault) -> Problem:
    name = fault.error["loc"][-1]
    if isinstance(name, int):
        found = f"{_shown(fault.pointer)} has no entry number {name + 1}"
        return Problem(document.where(fault.pointer), found, "the list is too short", "Add the entry")
    return Problem(document.where(fault.pointer), f"the field {name} is missing in {_shown(fault.pointer)}", "", f"Add {name}: ...")


def _unknown(document: Document, model: type[BaseModel], fault: _Fault) -> Problem:
    name = str(fault.error["loc"][-1])
    known = known_fields(model, fault.error["loc"][:-1])
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    parent = _shown(fault.pointer.rpartition("/")[0])
    remedy = f"Did you mean {near[0]}?" if near else "Delete it, or use one of these"
    return Problem(
        document.where_key(fault.pointer), f"unknown field {name} in {parent}", f"known are {', '.join(known)}" if known else "", remedy
    )


def _shown(pointer: str) -> str:
    """Return a pointer as people write paths: analysis.plans.as_registered.alpha."""
    return pointer.lstrip("/").replace("/", ".").replace("~1", "/").replace("~0", "~") or "the file"


def _described(value: object) -> str:
    if isinstance(value, dict):
        return "a block of fields"
    if isinstance(value, tuple):
        return f"a list of {len(value)}"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "empty"}[value]
    return repr(value) if isinstance(value, str) else str(value)


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
