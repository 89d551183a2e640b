"""The imputation blocks of every case of the analysis oracle, and imputation with auxiliaries against R's chained equations."""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from tests.reference import blocks_imputation, compare, oracle

SHARED = Path(os.environ.get("ODISEA_SHARED", Path(__file__).parents[3] / "shared")) / "oracle" / "cases"
KEPT = Path(__file__).parent / "cases"  # without the weekly pain scores
CASES = sorted((SHARED if SHARED.exists() else KEPT).iterdir())
PATHS = ("mi_exact_limit", *(f"mi_pool_fixed/{name}/" for name in ("ancova_odi6", "ancova_odi6_HC2", "ancova_odi6_HC3", "D1_comorb")))
STOCHASTIC = ("typical", "null_low_attrition", "unbalanced_2to1_mnar")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_leaf_agrees_and_every_refusal_is_one(case: Path) -> None:
    untyped: Any = compare
    reference = json.loads((case / "reference.json").read_text())
    candidate = json.loads(json.dumps(blocks_imputation.imputation_blocks(oracle.read_case(case), case), allow_nan=False))
    comparison = untyped.Comparison([*PATHS, *["mi_pool_fixed/ancova_vas6/"] * SHARED.exists()], [])
    for block in ("mi_exact_limit", "mi_pool_fixed"):
        comparison.walk(reference.get(block, {}), candidate[block], (block,))
    assert comparison.bad == []
    assert comparison.absent == []
    assert comparison.n > 50


def check_stochastic(name: str, m: int) -> None:
    """All within 4 combined Monte Carlo standard errors; the spread of W among the reference's imputations is taken to be ours."""
    folder = SHARED / name
    if not folder.exists():
        pytest.skip(f"no shared oracle cases at {SHARED}; set ODISEA_SHARED")
    reference, found = json.loads((folder / "stochastic.json").read_text()), blocks_imputation.stochastic_block(folder, m)
    for block in ("ancova_odi6", "ancova_vas6_with_odi0_covariate"):
        theirs, ours = reference[block], found[block]
        assert abs(ours["estimate"] - theirs["estimate"]) < 4.0 * math.hypot(ours["mc_se"], theirs["mc_se"])
        assert abs(ours["B"] / theirs["B"] - 1.0) < 4.0 * math.hypot(ours["mc_se_B"] / ours["B"], theirs["mc_se_B"] / theirs["B"])
        assert abs(ours["W"] - theirs["W"]) < 4.0 * ours["mc_se_W"] * math.sqrt(1.0 + m / reference["M"])
    for block in ("responder_p0", "responder_p1"):
        assert abs(found[block]["mean"] - reference[block]["mean"]) < 4.0 * math.hypot(found[block]["mc_se"], reference[block]["mc_se"])


def test_auxiliaries_agree_with_chained_equations_in_r() -> None:
    check_stochastic(STOCHASTIC[0], 600)


@pytest.mark.full
@pytest.mark.parametrize("name", STOCHASTIC)
def test_auxiliaries_agree_with_chained_equations_in_r_more_closely(name: str) -> None:
    check_stochastic(name, 8000)
