"""JSON Schemas (draft 2020-12) of the YAML files, generated from the models: editors complete and check with them.

A schema describes the shapes as written - a plain value, a gap, `{derived: ...}`, `{proposed: ...}` - and not the fields of
the models. What only the loader can see (names that must be declared elsewhere, numbers out of range) is left to it.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from odisea.protocol.declaration import Declaration
from odisea.protocol.dictionary import DictionaryFile
from odisea.protocol.instrument import Instrument
from odisea.protocol.model import Protocol

DRAFT = "https://json-schema.org/draft/2020-12/schema"
DECLARATIONS: tuple[type[Declaration], ...] = (Protocol, Instrument, DictionaryFile)


def json_schema(model: type[Declaration]) -> dict[str, Any]:
    """Return the JSON Schema of a kind of file."""
    schema = model.model_json_schema(mode="validation", by_alias=True)
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
