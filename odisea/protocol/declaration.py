"""What every YAML file of the project starts with: a head that names its kind and the version of its schema."""

from typing import Any, ClassVar

from pydantic import Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from odisea.protocol.fact import Frozen

SCHEMA = "1"


class Head(Frozen):
    """The first block of a file: `odisea: {kind: protocol, schema: "1"}`."""

    kind: str
    schema_version: str = Field(alias="schema")


class Declaration(Frozen):
    """One YAML file; a subclass names its kind (`kind: ClassVar[str] = "protocol"`), and the loader refuses files of another kind."""

    kind: ClassVar[str]

    odisea: Head

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Fix the kind and the version in the file's schema."""
        reference = handler(core)
        definition = handler.resolve_ref_schema(reference)
        definition["properties"]["odisea"] = _head_schema(cls.kind)
        return reference


def _head_schema(kind: str) -> dict[str, Any]:
    properties = {"kind": {"const": kind}, "schema": {"const": SCHEMA}}
    return {"type": "object", "properties": properties, "required": ["kind", "schema"], "additionalProperties": False}
