"""What an editor says while the YAML is typed: every field is described, and faults are refused where they stand."""

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from odisea.allocation.site_plan import SitePlan
from odisea.data.mapping import SiteMapping
from odisea.protocol.declaration import Declaration
from odisea.protocol.hints import EXAMPLES, HINTS
from odisea.protocol.model import Protocol
from odisea.protocol.rules.waivers import WaiverFile
from odisea.protocol.schema import DECLARATIONS, described_fields, json_schema
from odisea.simulate.assumptions import Assumptions, Scenarios

ROOT = Path(__file__).parents[2]
MODELS: tuple[type[Declaration], ...] = (*DECLARATIONS, SitePlan, SiteMapping, Assumptions, Scenarios)
REPRESENTATIVES = {
    "protocol": "protocol/nct07248813.yaml",
    "instrument": "protocol/instruments/odi.yaml",
    "dictionary": "protocol/dictionary/core.yaml",
    "variant": "protocol/variants/extension_weekly_vas.yaml",
    "mapping": "protocol/examples/ashar_prt/mapping.yaml",
    "assumptions": "simulate/assumptions.yaml",
    "scenarios": "simulate/scenarios.yaml",
}
WAIVERS = """
odisea: {kind: waivers, schema: "1"}
trial: nct07248813
waivers:
  - {rule: GAP-02, path: /status/first_submitted, by: Sponsor, date: "2026-11-25", until: "2027-06-30", reason: Only a mirror page is held}
  - {rule: HRM-01, by: Committee, date: "2026-11-25", until: "2027-06-30", reason: {en: Comes with version 2, es: Llega con la versión 2}}
"""
SITE_PLAN = """
odisea: {kind: randomisation, schema: "1"}
trial: nct07248813
randomisation:
  method: permuted_blocks
  block_sizes: [4, 6]
  stratify_by: [sex]
  factors: {sex: {column: sex, levels: [female, male]}}
"""


@cache
def schema_of(kind: str) -> dict[str, Any]:
    return json_schema(next(model for model in MODELS if model.kind == kind))


@cache
def representative(kind: str) -> Any:
    written = {"waivers": WAIVERS, "randomisation": SITE_PLAN}
    text = written[kind] if kind in written else (ROOT / REPRESENTATIVES[kind]).read_text(encoding="utf-8")
    return yaml.safe_load(text)


def fields(model: type[Declaration]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give every property with its model's own name (the outermost schema carries the kind as its title)."""
    schema = schema_of(model.kind)
    for owner, field, node in described_fields(schema):
        yield (model.__name__ if owner == schema["title"] else owner), field, node


def every_property(node: Any) -> Iterator[tuple[str, Any]]:
    """Give every property anywhere in a schema, found without the code under test."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "properties":
                yield from value.items()
            yield from every_property(value)
    elif isinstance(node, list):
        for value in node:
            yield from every_property(value)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
def test_no_property_lacks_a_description(model: type[Declaration]) -> None:
    nodes = [(name, node) for name, node in every_property(schema_of(model.kind)) if isinstance(node, dict) and name != "properties"]
    assert [name for name, node in nodes if not node.get("description")] == []
    assert [name for name, part in schema_of(model.kind).get("$defs", {}).items() if not part.get("description")] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
def test_every_field_has_a_hint_of_its_own(model: type[Declaration]) -> None:
    assert [(owner, field) for owner, field, _ in fields(model) if (owner, field) not in HINTS] == []


def test_hints_and_examples_name_only_fields_that_exist() -> None:
    known = {(owner, field) for model in MODELS for owner, field, _ in fields(model)}
    assert set(HINTS) - known == set()
    assert set(EXAMPLES) - known == set()


def test_hints_are_one_sentence_without_markup() -> None:
    assert [hint for hint in HINTS.values() if not hint.endswith(".") or len(hint) > 125 or "`" in hint] == []


def test_the_description_of_a_fact_names_the_ways_of_writing_it() -> None:
    properties = schema_of("protocol")["$defs"]
    power = properties["SampleSize"]["properties"]["power"]["description"]
    alpha = properties["Plan"]["properties"]["alpha"]["description"]
    assert power == "Power of the test; a proportion from 0 to 1, such as 0.8. Or not_stated, not_in_source, {derived: V, from: how}."
    assert alpha.endswith("Or not_stated, not_in_source, {derived: V, from: how}, {proposed: V, reason: why}.")


def test_an_enumeration_shows_its_words() -> None:
    definitions = schema_of("protocol")["$defs"]
    assert (
        "Words: simple, permuted_blocks, minimisation, big_stick, urn, biased_coin."
        in definitions["Randomisation"]["properties"]["method"]["description"]
    )
    assert "Words: PARTICIPANT, CARE_PROVIDER," in definitions["Blinding"]["properties"]["masked"]["description"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
def test_every_example_is_valid_where_it_stands(model: type[Declaration]) -> None:
    schema = schema_of(model.kind)
    for owner, field, node in fields(model):
        part = {"$defs": schema.get("$defs", {}), **node}
        for example in node.get("examples", ()):
            faults = [error.message for error in Draft202012Validator(part).iter_errors(example)]
            assert faults == [], f"{owner}.{field}"


def test_making_a_schema_twice_gives_the_same() -> None:
    assert json.dumps(json_schema(Protocol)) == json.dumps(json_schema(Protocol))


Change = Callable[[Any], None]


def put(*way: Any) -> Change:
    """Return a change that puts the last argument at the way given by the others."""

    def change(data: Any) -> None:
        for step in way[:-2]:
            data = data[step]
        data[way[-2]] = way[-1]

    return change


def drop(*way: Any) -> Change:
    """Return a change that takes out what stands at a way."""

    def change(data: Any) -> None:
        for step in way[:-1]:
            data = data[step]
        del data[way[-1]]

    return change


@pytest.mark.parametrize("kind", [model.kind for model in MODELS])
def test_a_sound_file_of_every_kind_is_accepted(kind: str) -> None:
    assert [error.json_path for error in Draft202012Validator(schema_of(kind)).iter_errors(representative(kind))] == []


BROKEN: list[tuple[str, Change, str]] = [
    ("protocol", put("sample_size", "pwoer", 0.8), "$.sample_size"),
    ("protocol", put("ethics", "consent", "verbal"), "$.ethics.consent"),
    ("protocol", put("sample_size", "power", "0.8"), "$.sample_size.power"),
    ("protocol", put("schedule", "visits", 1, "window_days", [7]), "$.schedule.visits[1].window_days"),
    ("protocol", put("schedule", "visits", 1, "week", "six"), "$.schedule.visits[1].week"),
    ("protocol", put("design", "aims", ["efficacy", "beauty"]), "$.design.aims"),
    ("protocol", put("harms", "definition", {"proposed": "x", "reason": "y"}), "$.harms.definition"),
    ("protocol", put("population", "age_years", {"min": 18}), "$.population.age_years"),
    ("protocol", drop("trial"), "$"),
    ("protocol", drop("outcomes", "odi", "label"), "$.outcomes.odi"),
    ("instrument", put("items", "range", ["0", "5"]), "$.items"),
    ("instrument", drop("score"), "$"),
    ("instrument", put("minimum_answered", {"proposed": 9}), "$.minimum_answered"),
    ("dictionary", put("files", "screening.csv", "columns", "screen_no", "unti", "x"), "$.files['screening.csv'].columns.screen_no"),
    ("dictionary", drop("files", "screening.csv", "columns", "screen_no", "type"), "$.files['screening.csv'].columns.screen_no"),
    ("waivers", put("waivers", 0, "rule", "GAP2"), "$.waivers[0].rule"),
    ("waivers", put("waivers", 0, "until", "next year"), "$.waivers[0].until"),
    ("waivers", drop("waivers", 1, "reason"), "$.waivers[1]"),
    ("waivers", put("waivers", 1, "because", "x"), "$.waivers[1]"),
    ("waivers", put("odisea", "kind", "waiver"), "$.odisea.kind"),
    ("mapping", put("sources", "records", "decimal", ";"), "$.sources.records.decimal"),
    ("mapping", put("participants", "age_years", "factor", "2"), "$.participants.age_years.factor"),
    ("mapping", drop("people", "source"), "$.people"),
    ("assumptions", put("parameters", "effect", "grade", "E"), "$.parameters.effect.grade"),
    ("assumptions", put("parameters", "effect", "value", "-4.5"), "$.parameters.effect.value"),
    ("scenarios", put("scenarios", "null", "set", {"effect": "none"}), "$.scenarios.null.set.effect"),
    ("scenarios", drop("monte_carlo", "seed"), "$.monte_carlo"),
]


@pytest.mark.parametrize(("kind", "change", "place"), BROKEN)
def test_a_broken_file_is_refused_where_it_is_broken(kind: str, change: Change, place: str) -> None:
    data = copy.deepcopy(representative(kind))
    change(data)
    assert [error.json_path for error in Draft202012Validator(schema_of(kind)).iter_errors(data)] == [place]


def test_the_waivers_schema_and_the_loader_agree_on_a_sound_file() -> None:
    from odisea.protocol.load import parse_yaml

    assert len(parse_yaml(WAIVERS, WaiverFile).value.waivers) == 2
