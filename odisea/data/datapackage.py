"""`datapackage.json`: names, types, constraints and hashes of an export folder's files, for readers without this program.

The form is that of a tabular data package (Frictionless Data, version 1): whoever has any of its libraries can check the
folder. It says what the trial's dictionary says of these files and columns; what the dictionary demands between a value and
its missing reason has no word there.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from odisea.data.contract import key_owners
from odisea.data.tables import Table
from odisea.protocol.dictionary import ColumnSpec, Dictionary, FileSpec

DATAPACKAGE = "datapackage.json"
TYPES = {
    "id": "string",
    "cat": "string",
    "text": "string",
    "int": "integer",
    "num": "number",
    "bool": "boolean",
    "date": "date",
    "datetime": "datetime",
}
OFFSET_TIME = "%Y-%m-%dT%H:%M:%S%z"


def render_datapackage(trial: str, contents: Mapping[str, bytes], tables: Mapping[str, Table], dictionary: Dictionary) -> bytes:
    """Return the description of the files of an export folder; the same files give the same bytes.

    Parameters
    ----------
    trial : str
        Identifier of the trial.
    contents : mapping of str to bytes
        The files of the folder by name, restricted ones excluded.
    tables : mapping of str to Table
        The same files typed, for the columns that they have.
    dictionary : Dictionary
        The contract.
    """
    owners = key_owners(tables, dictionary)
    package = {
        "profile": "tabular-data-package",
        "name": trial,
        "resources": [_resource(name, content, tables[name], dictionary.files[name], owners) for name, content in contents.items()],
    }
    return json.dumps(package, indent=1, ensure_ascii=False).encode() + b"\n"


def _resource(name: str, content: bytes, table: Table, spec: FileSpec, owners: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": resource_name(name),
        "path": name,
        "profile": "tabular-data-resource",
        "description": spec.description.en,
        "description_es": spec.description.es,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "schema": _schema(name, table, spec, owners),
    }


def resource_name(file: str) -> str:
    """Return a file's name as a resource: without folder separators and ending."""
    return file.removesuffix(".csv").replace("/", "-")


def _schema(name: str, table: Table, spec: FileSpec, owners: Mapping[str, str]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "fields": [_field(column, spec.columns[column], column in spec.key) for column in table.columns],
        "missingValues": [""],
    }
    if spec.key:
        schema["primaryKey"] = list(spec.key)
    keys = [
        {"fields": column, "reference": {"resource": resource_name(owners[column]), "fields": column}}
        for column in table.columns
        if owners.get(column, name) != name
    ]
    return schema | ({"foreignKeys": keys} if keys else {})


def _field(name: str, spec: ColumnSpec, is_key: bool) -> dict[str, Any]:
    field: dict[str, Any] = {"name": name, "type": TYPES[spec.type]}
    if spec.type == "datetime":
        field["format"] = OFFSET_TIME
    field |= {"description": spec.description.en, "description_es": spec.description.es}
    if spec.unit:
        field["unit"] = spec.unit
    constraints = _constraints(spec, is_key)
    return field | ({"constraints": constraints} if constraints else {})


def _constraints(spec: ColumnSpec, is_key: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"required": True} if spec.filled or is_key else {}
    if spec.range:
        found |= {"minimum": _plain(spec.range[0]), "maximum": _plain(spec.range[1])}
    if spec.codes:
        found["enum"] = list(spec.codes)
    if spec.pattern:
        found["pattern"] = spec.pattern
    return found


def _plain(value: float) -> float | int:
    """Return a bound as a whole number where it is one: an integer field takes no other."""
    return int(value) if value == int(value) else value
