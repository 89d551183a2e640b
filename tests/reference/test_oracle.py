"""Our results for every case of the analysis oracle, compared leaf by leaf with what R computed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.reference import compare, oracle

BLOCKS = [
    "ancova_odi6_complete_case",
    "ancova_odi6_change_same_arm_effect",
    "ancova_odi6_baseline_only",
    "emmeans_odi6/counterfactual",
    "responder_complete_case/coef",
    "responder_complete_case/se",
    "responder_complete_case/gcomp",
    "mi_exact_limit/MAR",
    "mi_pool_fixed/ancova_odi6/",
]
CASES = sorted((Path(__file__).parent / "cases").iterdir())


def compared(reference: oracle.Block, candidate: oracle.Block) -> Any:
    untyped: Any = compare
    comparison = untyped.Comparison(BLOCKS, [])
    for block, value in reference.items():
        if block not in untyped.SKIP:
            comparison.walk(value, untyped.child(candidate, block), (block,))
    return comparison


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_leaf_agrees_and_every_refusal_is_one(case: Path, tmp_path: Path) -> None:
    output = tmp_path / "candidate.json"
    output.write_text(json.dumps(oracle.candidate(case), allow_nan=False))
    comparison = compared(json.loads((case / "reference.json").read_text()), json.loads(output.read_text()))
    assert comparison.bad == []
    assert comparison.absent == []
    assert comparison.n > 300


def test_the_comparison_sees_a_wrong_a_missing_and_an_unrefused_number() -> None:
    folder = next(case for case in CASES if case.name == "typical")
    reference, candidate = json.loads((folder / "reference.json").read_text()), oracle.candidate(folder)
    candidate["ancova_odi6_complete_case"]["coef"]["arm"] *= 1.0 + 1e-7
    del candidate["mi_exact_limit"]["MAR"]["W"]
    comparison = compared(reference, candidate)
    assert len(comparison.bad) == 1
    assert comparison.absent == [("mi_exact_limit", "MAR", "W")]
    separated = json.loads((folder.parent / "separation" / "reference.json").read_text())
    assert any("must refuse" in line for line in compared(separated, candidate).bad)


def test_standard_errors_at_the_maximum_are_near_those_of_glm() -> None:
    """R's standard errors belong to the iterate before the last; ours to the maximum, up to 1e-5 apart."""
    for folder in CASES:
        block = oracle.candidate(folder)["responder_complete_case"]
        if block["status"] == "ok":
            reference = json.loads((folder / "reference.json").read_text())["responder_complete_case"]["se"]
            assert block["se_at_maximum"] == pytest.approx(reference, rel=1e-5)
