"""One statement of a declaration together with how we know it.

In YAML a plain value is *stated* by the source; the plain words `not_stated` and `not_in_source` declare a gap;
`{derived: V, from: how}` is worked out from what is stated; `{proposed: V, reason: why, by: who, date: when}` is a choice
made here, allowed only in analysis plans and instruments. A gap is a finding, never a default.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from odisea.errors import Problem, ProtocolError

Status = Literal["stated", "derived", "not_stated", "not_in_source", "proposed"]
GAPS = ("not_stated", "not_in_source")
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$"

T = TypeVar("T")


class Frozen(BaseModel):
    """A declaration's part: immutable, strictly typed, and without a place for unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=True)

    @property
    def not_expected(self) -> tuple[str, ...]:
        """Facts whose absence from the file is no gap."""
        return ()


class Text(Frozen):
    """A text for readers in both languages; in YAML one plain text means that both read the same."""

    en: str
    es: str

    @model_validator(mode="before")
    @classmethod
    def _the_same_in_both(cls, data: Any) -> Any:
        return {"en": data, "es": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe both YAML shapes."""
        return _replace(cls, core, handler, lambda shape: {"anyOf": [{"type": "string"}, shape]})

    def __str__(self) -> str:
        return self.en

    def in_language(self, language: str) -> str:
        """Return the text in `en` or `es`."""
        return self.es if language == "es" else self.en


class Fact(Frozen, Generic[T]):
    """A value of a protocol with its status; refuses proposals.

    Parameters
    ----------
    value : T or None
        None exactly where the status is a gap.
    status : str
        One of `Status`.
    reason : Text or None
        Of a derived value how it follows, of a proposed one why it is proposed.
    by, date : str or None
        Who proposed it, and when.
    """

    proposable: ClassVar[bool] = False

    value: T | None
    status: Status
    reason: Text | None = None
    by: str | None = None
    date: str | None = Field(default=None, pattern=DATE_PATTERN)

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, data: Any) -> Any:
        if isinstance(data, cls):
            return data
        return _read_shape(data.as_yaml() if isinstance(data, Fact) else data, cls.proposable)

    @model_serializer(mode="wrap")
    def _to_yaml(self, handler: SerializerFunctionWrapHandler) -> Any:
        fields = handler(self)
        return _write_shape(self, fields["value"], fields["reason"])

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the YAML shapes in place of the fields."""
        return _replace(cls, core, handler, lambda shape: _yaml_shapes(_without_null(shape["properties"]["value"]), cls.proposable))

    def as_yaml(self) -> Any:
        """Return the value in the shape that YAML writes."""
        return _write_shape(self, self.value, self.reason)

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def require(self, pointer: str) -> T:
        """Return the value.

        Parameters
        ----------
        pointer : str
            Where the fact stands (JSON pointer, or file with pointer): printed when it is a gap.

        Raises
        ------
        ProtocolError
            The fact is a gap.
        """
        if self.value is None:
            remedy = "Propose a value with its reason: {proposed: ..., reason: ...}." if self.proposable else "State it in the protocol."
            raise ProtocolError(Problem(pointer, f"the value is {self.status}", "a value is needed here to go on", remedy))
        return self.value


class PlannedFact(Fact[T], Generic[T]):
    """A value of an analysis plan or an instrument: may also be proposed."""

    proposable: ClassVar[bool] = True


def _read_shape(data: Any, proposable: bool) -> dict[str, Any]:
    """Return the fields of a fact from its YAML shape."""
    if data is None:
        raise ValueError("the value is empty; write a value, or the word not_stated or not_in_source to declare a gap")
    if isinstance(data, str) and data in GAPS:
        return {"value": None, "status": data}
    if isinstance(data, dict) and "derived" in data:
        _only_keys(data, "derived", ("from",))
        return {"value": _some(data["derived"], "derived"), "status": "derived", "reason": data["from"]}
    if isinstance(data, dict) and "proposed" in data:
        return _read_proposal(data, proposable)
    return {"value": data, "status": "stated"}


def _read_proposal(data: dict[str, Any], proposable: bool) -> dict[str, Any]:
    """Return the fields of a proposed value."""
    if not proposable:
        raise ValueError(
            "a proposed value stands among the facts; proposals are allowed only inside analysis and instruments. Write not_stated"
        )
    _only_keys(data, "proposed", ("reason", "by", "date"))
    value = _some(data["proposed"], "proposed")
    return {"value": value, "status": "proposed", "reason": data["reason"], "by": data["by"], "date": data["date"]}


def _some(value: Any, key: str) -> Any:
    if value is None or (isinstance(value, str) and value in GAPS):
        raise ValueError(
            f"the {key} value is {'empty' if value is None else value}; write the value, or the gap alone without {{{key}: ...}}"
        )
    return value


def _only_keys(data: dict[str, Any], key: str, needed: tuple[str, ...]) -> None:
    """Refuse a derived or proposed value with other companions than the needed ones."""
    missing = [name for name in needed if name not in data]
    unknown = sorted(set(data) - {key, *needed})
    if missing or unknown:
        found = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has the unknown {', '.join(unknown)}"] * bool(unknown)
        hint = "; by and date may stand once in the file's proposals block" if {"by", "date"} & set(missing) else ""
        raise ValueError(f"the {key} value {' and '.join(found)}; it is written {{{key}: ..., {': ..., '.join(needed)}: ...}}{hint}")


def _write_shape(fact: Fact[Any], value: Any, reason: Any) -> Any:
    """Return the YAML shape of a fact from its value and its reason."""
    if fact.status == "derived":
        return {"derived": value, "from": reason}
    if fact.status == "proposed":
        return {"proposed": value, "reason": reason, "by": fact.by, "date": fact.date}
    return value if fact.status == "stated" else fact.status


def _replace(
    cls: type[BaseModel], core: CoreSchema, handler: GetJsonSchemaHandler, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> JsonSchemaValue:
    """Return the model's JSON Schema with its definition changed in place, the description kept."""
    reference = handler(core)
    definition = handler.resolve_ref_schema(reference)
    shape = dict(definition)
    definition.clear()
    definition.update({"title": shape.pop("title", cls.__name__), "description": shape.pop("description", ""), **change(shape)})
    return reference


def _without_null(shape: dict[str, Any]) -> dict[str, Any]:
    """Return a value's schema without the alternative null."""
    choices = [choice for choice in shape.get("anyOf", [shape]) if choice != {"type": "null"}]
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def _yaml_shapes(value: dict[str, Any], proposable: bool) -> dict[str, Any]:
    """Return the schema of the shapes that a fact may take in YAML."""
    shapes = [value, {"enum": list(GAPS)}, _keyed_shape({"derived": value, "from": EITHER_TEXT}, ("derived", "from"))]
    if proposable:
        signed = {"reason": EITHER_TEXT, "by": {"type": "string"}, "date": {"type": "string", "pattern": DATE_PATTERN}}
        shapes.append(_keyed_shape({"proposed": value, **signed}, ("proposed", "reason")))
    return {"anyOf": shapes}


def _keyed_shape(properties: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


STRING: dict[str, Any] = {"type": "string"}
EITHER_TEXT = {"anyOf": [STRING, _keyed_shape({"en": STRING, "es": STRING}, ("en", "es"))]}


class Proposals(Frozen):
    """Who makes the proposals of a file, and when, where a proposal does not say it itself."""

    by: str
    date: str = Field(pattern=DATE_PATTERN)


class Signed(Frozen):
    """A file whose proposals take their author and date from its `proposals` block."""

    proposals: Proposals | None = None

    @model_validator(mode="before")
    @classmethod
    def _sign(cls, data: Any) -> Any:
        block = data.get("proposals") if isinstance(data, dict) else None
        return _signed(data, block) if isinstance(block, dict) else data


def _signed(data: Any, block: dict[str, Any]) -> Any:
    """Return the data with author and date in every proposal that lacks them."""
    if isinstance(data, dict):
        inside = {key: _signed(value, block) for key, value in data.items()}
        return {**block, **inside} if "proposed" in data else inside
    if isinstance(data, tuple):
        return tuple(_signed(value, block) for value in data)
    return data


NOT_STATED: Fact[Any] = Fact[Any].model_validate("not_stated")
NOT_PLANNED: PlannedFact[Any] = PlannedFact[Any].model_validate("not_stated")
