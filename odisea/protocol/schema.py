"""JSON Schemas (draft 2020-12) of the YAML files, generated from the models: editors complete and check with them.

A schema describes the shapes as written - a plain value, a gap, `{derived: ...}`, `{proposed: ...}` - and not the fields of
the models. What only the loader can see (names that must be declared elsewhere, numbers out of range) is left to it.

Every field is described: what to write (`odisea.protocol.hints`), the words of an enumeration, the ways of writing a fact.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from odisea.protocol.declaration import Declaration
from odisea.protocol.dictionary import DictionaryFile
from odisea.protocol.fact import GAPS
from odisea.protocol.hints import EXAMPLES, HINTS
from odisea.protocol.instrument import Instrument
from odisea.protocol.labels import FIELDS, SECTIONS
from odisea.protocol.model import Protocol
from odisea.protocol.rules.waivers import WaiverFile
from odisea.protocol.variant import Variant

DRAFT = "https://json-schema.org/draft/2020-12/schema"
DECLARATIONS: tuple[type[Declaration], ...] = (Protocol, Instrument, DictionaryFile, WaiverFile, Variant)
REFERENCE = "#/$defs/"
WAYS = "Or not_stated, not_in_source, {derived: V, from: how}."
MORE_WAYS = "Or not_stated, not_in_source, {derived: V, from: how}, {proposed: V, reason: why}."
SHAPES = {frozenset({"en", "es"}): "Text", frozenset({"kind", "schema"}): "Head", frozenset({"derived", "from"}): "Fact"}

Node = dict[str, Any]


def json_schema(model: type[Declaration]) -> Node:
    """Return the JSON Schema of a kind of file."""
    schema: Node = json.loads(json.dumps(model.model_json_schema(mode="validation", by_alias=True)))  # no part stands in two places
    definitions: Node = schema.get("$defs", {})
    for name, part in [(model.__name__, schema), *definitions.items()]:
        part["description"] = part.get("description", "").partition("\n\n")[0] or _ways({"$ref": name})
        _write_gaps_for_editors(part.get("anyOf", []))
        _describe(name, part, definitions)
    return {"$schema": DRAFT, **schema, "title": f"odisea {model.kind}"}


def schema_text(model: type[Declaration]) -> str:
    """Return the JSON Schema of a kind of file as the text of its file."""
    return json.dumps(json_schema(model), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def write_schemas(folder: Path, models: Iterable[type[Declaration]] = DECLARATIONS) -> tuple[Path, ...]:
    """Write one `KIND.json` per model and return the paths.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    models : iterable of type
        Kinds of file; other rooms' declarations may be given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for model in models:
        path = folder / f"{model.kind}.json"
        path.write_text(schema_text(model), encoding="utf-8")
        paths.append(path)
    return tuple(paths)


def described_fields(schema: Node) -> Iterator[tuple[str, str, Node]]:
    """Give every property of a schema that `json_schema` made: the model or shape that has it, its name, its own schema."""
    for name, part in [(schema["title"], schema), *schema.get("$defs", {}).items()]:
        yield from _fields(name, {key: value for key, value in part.items() if key != "$defs"})


def _describe(name: str, part: Node, definitions: Node) -> None:
    """Describe every field of a definition in place, those of the shapes inside it too."""
    for owner, field, node in list(_fields(name, {key: value for key, value in part.items() if key != "$defs"})):
        label = FIELDS.get(field) or SECTIONS.get(field)
        hint = HINTS.get((owner, field)) or (f"{label.en}." if label else "")
        node["title"] = field
        node["description"] = " ".join(filter(None, (hint, _choice(node, definitions), _ways(node))))
        if (owner, field) in EXAMPLES:
            node["examples"] = [EXAMPLES[owner, field]]


def _fields(owner: str, node: Any) -> Iterator[tuple[str, str, Node]]:
    """Give the properties below a node; a shape inside a model has the shape's name as owner."""
    if isinstance(node, list):
        for entry in node:
            yield from _fields(owner, entry)
    elif isinstance(node, dict):
        properties = node.get("properties", {})
        own = SHAPES.get(frozenset(properties), "Fact" if "proposed" in properties else owner)
        for field, inner in properties.items():
            yield own, field, inner
            yield from _fields(own, inner)
        for key in ("anyOf", "items", "prefixItems", "additionalProperties"):
            yield from _fields(owner, node.get(key))


def _write_gaps_for_editors(shapes: list[Node]) -> None:
    """Put the words of a gap, in place, behind those of an enumeration; elsewhere one by one, or they read as all that is allowed."""
    if len(shapes) > 2 and shapes[1].get("enum") == list(GAPS):
        if "enum" in shapes[0]:
            shapes[0]["enum"] += shapes.pop(1)["enum"]
        else:
            shapes[1:2] = [{"const": word} for word in GAPS]


def _ways(node: Node) -> str:
    """Return the other ways of writing a value where it is a fact, or a block of facts."""
    target = str(node.get("$ref") or _inner(node).get("$ref", "")).removeprefix(REFERENCE)
    return {"Fact": WAYS, "PlannedFact": MORE_WAYS}.get(target.partition("_")[0], "")


def _inner(node: Node) -> Node:
    inner = node.get("additionalProperties")
    return inner if isinstance(inner, dict) else {}


def _choice(node: Node, definitions: Node) -> str:
    """Return the words of an enumeration as a sentence."""
    words = list(dict.fromkeys(_words(node, definitions)))
    return f"Words: {', '.join(words)}." if len(words) > 1 else f"Write {words[0]}." if words else ""


def _words(node: Node, definitions: Node) -> Iterator[str]:
    if "$ref" in node:
        name = str(node["$ref"]).removeprefix(REFERENCE)
        if "Fact" in name.partition("_")[0]:
            yield from _words(definitions[name], definitions)
    yield from (str(word) for word in node.get("enum", [node["const"]] if "const" in node else []) if word not in GAPS)
    for choice in [*node.get("anyOf", []), node.get("items")]:
        if isinstance(choice, dict) and "properties" not in choice:
            yield from _words(choice, definitions)
