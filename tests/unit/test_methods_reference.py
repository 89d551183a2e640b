"""The pages on the plan grammar say what the code says: the table of methods, the fields of a plan, the worked examples."""

import inspect
import json
import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from odisea.analyse import welch
from odisea.protocol.methods import MISSING_DATA, REGISTRY, Entry, variances_for
from odisea.protocol.plan import AnalysisSpec, Delta, Imputation, Plan, ProposedEstimand, RecordCount
from tests.conftest import ROOT

REFERENCE = ROOT / "docs" / "reference" / "methods.md"
ADD_A_METHOD = ROOT / "docs" / "how-to" / "add_a_method.md"
PLAN_AN_ANALYSIS = ROOT / "docs" / "how-to" / "plan_an_analysis.md"
SECTIONS: dict[str, type[BaseModel]] = {
    "Fields of an analysis": AnalysisSpec,
    "Fields of a plan": Plan,
    "Fields of an imputation model": Imputation,
    "Fields of a delta": Delta,
    "Fields of an estimand": ProposedEstimand,
    "Fields of a count of records": RecordCount,
}


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def words(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def place(entry: Entry) -> str:
    if not entry.in_loop:
        return f"per trial: `{entry.file}.py`"
    return "loop" + (f", else `{entry.file}.py`" if entry.file else "")


def by_measure(entry: Entry, given: dict[str, str]) -> str:
    """One word for all measures, else each with its own."""
    distinct = set(given.values())
    return distinct.pop() if len(distinct) == 1 else "; ".join(f"`{measure}`: {value}" for measure, value in given.items())


def row(entry: Entry) -> str:
    variances = by_measure(entry, {measure: words(variances_for(entry, measure)) for measure in entry.measures})
    truths = by_measure(entry, {measure: f"`{entry.truth(measure)}`" for measure in entry.measures})
    cells = (f"`{entry.method}`", f"`{entry.missing_data}`", words(entry.measures), variances, place(entry), truths)
    return "| " + " | ".join(cells) + " |"


def section(page: str, title: str) -> str:
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def first_cells(part: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", part, flags=re.MULTILINE)


def yaml_blocks(page: str) -> list[object]:
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)]


def analyses_in(block: object) -> list[dict[str, object]]:
    return [one for one in block if isinstance(one, dict) and "method" in one] if isinstance(block, list) else []


EXAMPLES = [one for block in yaml_blocks(text(PLAN_AN_ANALYSIS)) for one in analyses_in(block)]


def test_the_table_of_methods_is_the_registry() -> None:
    part = section(text(REFERENCE), "Methods")
    assert [line for line in part.splitlines() if line.startswith("| `")] == [row(entry) for entry in REGISTRY]


def test_every_way_of_dealing_with_missing_outcomes_is_told() -> None:
    assert first_cells(section(text(REFERENCE), "Ways of dealing with missing outcomes")) == list(MISSING_DATA)


def test_every_file_of_the_registry_can_carry_out() -> None:
    for name in {entry.file for entry in REGISTRY if entry.file}:
        source = ROOT / "odisea" / "analyse" / f"{name}.py"
        assert "\ndef carry_out(" in text(source), name


@pytest.mark.parametrize("title", SECTIONS)
def test_every_field_is_described_and_no_other(title: str) -> None:
    assert first_cells(section(text(REFERENCE), title)) == list(SECTIONS[title].model_fields)


@pytest.mark.parametrize("example", EXAMPLES, ids=[str(one["id"]) for one in EXAMPLES])
def test_every_analysis_shown_to_designers_can_be_read(example: dict[str, object]) -> None:
    """As in a protocol's file: a list stands for a tuple there."""
    assert AnalysisSpec.model_validate_json(json.dumps(example | {"label": "-"})).id == example["id"]


def test_the_designers_page_shows_the_other_shapes() -> None:
    blocks = [block for block in yaml_blocks(text(PLAN_AN_ANALYSIS)) if isinstance(block, dict)]
    (estimand,) = (block["estimands"] for block in blocks if "estimands" in block)
    (count,) = (block["counts"] for block in blocks if "counts" in block)
    assert [ProposedEstimand.model_validate(one).summary for one in estimand.values()] == ["difference_in_means"]
    assert [RecordCount.model_validate(one).file for one in count.values()] == ["live_sessions.csv"]


def test_the_worked_example_of_a_method_is_the_method() -> None:
    """What the page on adding a method shows of `welch` stands in the sources, line by line."""
    blocks = re.findall(r"^ *```python\n(.*?)^ *```", text(ADD_A_METHOD), flags=re.MULTILINE | re.DOTALL)
    sources = (inspect.getsource(welch) + text(ROOT / "odisea" / "protocol" / "methods.py")).splitlines()
    written = {line.strip() for line in sources}
    shown = [line.strip() for block in blocks for line in block.splitlines()]
    assert len(shown) > 10
    assert set(shown) - written <= {"...", "...,"}
