"""The JSON Schemas: generated from the models, and of one mind with the loader about the shapes of a file."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from small_protocol import CORE, INSTRUMENT, OWN, PROTOCOL

from odisea.protocol.dictionary import DictionaryFile
from odisea.protocol.instrument import Instrument
from odisea.protocol.model import Protocol
from odisea.protocol.schema import DECLARATIONS, json_schema, schema_text, write_schemas

FOLDER = Path(__file__).parents[2] / "protocol"
SHAPES: dict[str, tuple[str, type[Any]]] = {
    "protocol": (PROTOCOL, Protocol),
    "instrument": (INSTRUMENT, Instrument),
    "dictionary": (OWN, DictionaryFile),
}


def faults(kind: str, data: object) -> list[str]:
    schema = json_schema(SHAPES[kind][1])
    return [error.json_path for error in Draft202012Validator(schema).iter_errors(data)]


@pytest.mark.parametrize("model", DECLARATIONS, ids=lambda model: model.kind)
def test_the_committed_schemas_are_those_of_the_models(model: type[Any]) -> None:
    committed = (FOLDER / "schema" / f"{model.kind}.json").read_text(encoding="utf-8")
    assert committed == schema_text(model), "run: odisea schema -o protocol/schema"


@pytest.mark.parametrize("model", DECLARATIONS, ids=lambda model: model.kind)
def test_a_schema_is_a_valid_schema(model: type[Any]) -> None:
    Draft202012Validator.check_schema(json_schema(model))


def test_writing_gives_one_file_per_kind(tmp_path: Path) -> None:
    paths = write_schemas(tmp_path / "new")
    assert [path.name for path in paths] == ["protocol.json", "instrument.json", "dictionary.json", "waivers.json", "variant.json"]
    assert json.loads(paths[0].read_text(encoding="utf-8"))["properties"]["odisea"]["properties"]["kind"]["const"] == "protocol"


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda path: path.name)
def test_the_project_s_files_fit_their_schemas(path: Path) -> None:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    if data["odisea"]["kind"] in SHAPES:
        assert faults(data["odisea"]["kind"], data) == []


@pytest.mark.parametrize(("kind", "text"), [("protocol", PROTOCOL), ("instrument", INSTRUMENT), ("dictionary", CORE), ("dictionary", OWN)])
def test_small_files_fit_their_schemas(kind: str, text: str) -> None:
    assert faults(kind, yaml.safe_load(text)) == []


def put(*way: Any) -> Callable[[Any], None]:
    """Return a change that puts the last argument at the way given by the others."""

    def change(data: Any) -> None:
        for step in way[:-2]:
            data = data[step]
        data[way[-2]] = way[-1]

    return change


@pytest.mark.parametrize(
    ("kind", "change", "place"),
    [
        ("protocol", put("odisea", "kind", "dictionary"), "$.odisea.kind"),
        ("protocol", put("odisea", "schema", 1), "$.odisea.schema"),
        ("protocol", put("trail", "small"), "$"),
        ("protocol", put("source", "here"), "$"),
        ("protocol", put("trial", "Small Trial"), "$.trial"),
        ("protocol", put("arms", []), "$.arms"),
        ("protocol", put("instruments", "scale", 3), "$.instruments.scale"),
        ("protocol", put("sample_size", "attrition", "much"), "$.sample_size.attrition"),
        ("protocol", put("sample_size", "attrition", {"derived": 0.2}), "$.sample_size.attrition"),
        ("protocol", put("sample_size", "attrition", {"proposed": 0.2, "reason": "x"}), "$.sample_size.attrition"),
        ("protocol", put("randomisation", "ratio", 61), "$.randomisation.ratio"),
        ("protocol", put("analysis", "plans", "main", "alpha", {"proposed": 0.05}), "$.analysis.plans.main.alpha"),
        ("protocol", put("analysis", "plans", "main", "analyses", 0, "method", "anova"), "$.analysis.plans.main.analyses[0].method"),
        ("protocol", put("analysis", "coding", "age", "bmi", {"height_cm": "a", "weight_kg": "b"}), "$.analysis.coding.age"),
        ("instrument", put("direction", "down"), "$.direction"),
        (
            "dictionary",
            put("files", "participants.csv", "columns", "sex", "type", "category"),
            "$.files['participants.csv'].columns.sex.type",
        ),
    ],
)
def test_wrong_shapes_are_refused_where_they_stand(kind: str, change: Callable[[Any], None], place: str) -> None:
    data = copy.deepcopy(yaml.safe_load(SHAPES[kind][0]))
    change(data)
    assert place in faults(kind, data)


@pytest.mark.parametrize(
    "change",
    [
        put("sample_size", "attrition", "not_stated"),
        put("sample_size", "attrition", "not_in_source"),
        put("sample_size", "attrition", {"derived": 0.2, "from": {"en": "counting", "es": "conteo"}}),
        put("analysis", "plans", "main", "alpha", 0.05),
        put("analysis", "plans", "main", "alpha", {"proposed": 0.05, "reason": "usual", "by": "us", "date": "2026-01-01"}),
        put("identification", "title", "One title for both languages"),
    ],
)
def test_every_shape_of_a_fact_is_allowed(change: Callable[[Any], None]) -> None:
    data = yaml.safe_load(PROTOCOL)
    change(data)
    assert faults("protocol", data) == []
