"""The committed JSON Schemas are those of today's models, and accept the files that name them."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from odisea.allocation.site_plan import SitePlan
from odisea.data.mapping import SiteMapping
from odisea.protocol.declaration import Declaration
from odisea.protocol.schema import DECLARATIONS, schema_text
from odisea.simulate.assumptions import Assumptions, Scenarios

ROOT = Path(__file__).parents[2]
MODELS: tuple[type[Declaration], ...] = (*DECLARATIONS, SitePlan, SiteMapping, Assumptions, Scenarios)
HEADER = re.compile(r"^# yaml-language-server: \$schema=(\S+)$", re.MULTILINE)
FILES = sorted(path for folder in ("protocol", "simulate") for path in (ROOT / folder).rglob("*.yaml"))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
def test_the_committed_schema_is_that_of_the_model(model: type[Declaration]) -> None:
    committed = (ROOT / "protocol" / "schema" / f"{model.kind}.json").read_text(encoding="utf-8")
    assert committed == schema_text(model), "run `odisea schema -o protocol/schema`"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_declaration_names_its_schema_and_satisfies_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = HEADER.search(text)
    assert header, "the second line names the schema for editors"
    schema = json.loads((path.parent / header.group(1)).read_text(encoding="utf-8"))
    content = yaml.safe_load(text)
    jsonschema.Draft202012Validator(schema).validate(content)
    assert schema["title"] == f"odisea {content['odisea']['kind']}"
