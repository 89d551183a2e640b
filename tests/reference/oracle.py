"""python tests/reference/oracle.py CASE_DIR -o candidate.json: our results for a case of the analysis oracle, under the oracle's names.

CASE_DIR holds data.csv (one trial) and imputations.csv (fixed imputations of both outcomes). compare.py then sets the
candidate beside the case's reference.json, which R computed. Every number comes from the package's own estimators.
"""

import argparse
import csv
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from odisea.analyse.estimate import finish
from odisea.analyse.imputation import Pooled
from odisea.data.trial import Analysis, Floats, Method, Trial, make_trial

NUMBERS = ("odi0", "age", "bmi", "vas0", "odi6", "vas6")
LEVELS = {"comorb": ("none", "one", "two_plus"), "pa": ("low", "moderate", "high")}
FACTOR_ROWS = tuple(factor + level for factor, levels in LEVELS.items() for level in levels)
ROWS = (*NUMBERS, *FACTOR_ROWS, "change")
COVARIATES = ("odi0", "age", "bmi", "comorb", "pa")
IMPUTATION = (*COVARIATES, "vas0")
RESPONDER_IMPROVEMENT = 10.0
ALPHA = 0.05
Block = dict[str, Any]


class Case(NamedTuple):
    """A case's trial, the identifiers of its participants, and its completed outcomes, one row per imputation."""

    trial: Trial
    completed: Floats


def read_case(folder: Path) -> Case:
    """Read a case."""
    with (folder / "data.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    values = {name: np.array([_number(record[name]) for record in records]) for name in NUMBERS}
    for factor, levels in LEVELS.items():
        values |= {factor + level: np.array([float(record[factor] == level) for record in records]) for level in levels}
    values["change"] = values["odi6"] - values["odi0"]
    trial = make_trial(np.array([values[name] for name in ROWS]), np.array([int(record["arm"]) for record in records]), 1)
    places = {record["id"]: place for place, record in enumerate(records)}
    return Case(trial, _read_imputations(folder / "imputations.csv", places, values["odi6"]))


def _number(text: str) -> float:
    return math.nan if text in ("", "NA") else float(text)


def _read_imputations(path: Path, places: dict[str, int], observed: Floats) -> Floats:
    """Return the completed outcomes (m, n); without any missing outcome 20 copies of the observed ones."""
    with path.open(newline="") as file:
        records = list(csv.DictReader(file))
    completed = np.tile(observed, (max((int(record["imp"]) for record in records), default=20), 1))
    for record in records:
        completed[int(record["imp"]) - 1, places[record["id"]]] = _number(record["odi6"])
    return completed


def rows_of(trial: Trial, variables: tuple[str, ...], participants: Any) -> tuple[str, ...]:
    """Return the rows of a model as R chooses them: levels that none of the participants has make no column."""
    names: list[str] = []
    for variable in variables:
        levels = [variable + level for level in LEVELS.get(variable, ())]
        present = [name for name in levels if trial.values[ROWS.index(name)][participants].any()]
        names += present[1:] if levels else [variable]
    return tuple(names)


def planned(method: Method, covariates: tuple[str, ...], imputation: tuple[str, ...] = (), response: str = "odi6") -> Analysis:
    """Return an analysis of arm 1 against arm 0."""
    covariate_rows, imputation_rows = (np.array([ROWS.index(name) for name in names], dtype=np.int64) for names in (covariates, imputation))
    return Analysis(
        method=int(method),
        response=ROWS.index(response),
        baseline=ROWS.index("odi0"),
        arm=1,
        reference=0,
        covariates=covariate_rows,
        imputation=imputation_rows,
        m=20,
        threshold=RESPONDER_IMPROVEMENT,
        direction=-1.0,
        non_responder=0,
    )


def refusal(reason: str, status: str = "refused") -> Block:
    """Return a typed refusal."""
    return {"status": status, "reason": reason}


def inference(names: tuple[str, ...], coefficients: Floats, errors: Floats, df: float) -> Block:
    """Return standard errors, t, p and limits by coefficient name."""
    low, high, p = finish(coefficients, errors, df, ALPHA)
    columns = {"se": errors, "t": coefficients / errors, "p": p, "lo": low, "hi": high}
    return {key: dict(zip(names, map(json_number, column), strict=True)) for key, column in columns.items()}


def json_number(value: float) -> float | None:
    """Return a number that JSON can hold."""
    return float(value) if np.isfinite(value) else None


def pooled_block(pooled: Pooled, df_complete: float, estimates: Floats, variances: Floats) -> Block:
    """Return a pooled result under the reference's names."""
    error = math.sqrt(pooled.total)
    low, high, p = finish(pooled.estimate, error, pooled.df, ALPHA)
    return {
        "m": estimates.size,
        "estimate": pooled.estimate,
        "ubar": pooled.within,
        "b": pooled.between,
        "t": pooled.total,
        "se": error,
        "dfcom": df_complete,
        "df": pooled.df,
        "riv": pooled.riv,
        "lambda": pooled.lambda_,
        "fmi": pooled.fmi,
        "lo": float(low),
        "hi": float(high),
        "p": float(p),
        "mc_error": pooled.mcse,
        "per_imputation_est": estimates.tolist(),
        "per_imputation_var": variances.tolist(),
    }


def candidate(folder: Path) -> Block:
    """Return all blocks of a case; each file of blocks holds one family of methods."""
    # Imported here because they start from this file's case, names and refusals.
    from tests.reference.blocks_imputation import imputation_blocks
    from tests.reference.blocks_linear import linear_blocks
    from tests.reference.blocks_mixed import mixed_blocks
    from tests.reference.blocks_responder import pooled_blocks, responder_blocks

    case = read_case(folder)
    blocks = {**linear_blocks(case), **mixed_blocks(folder), **responder_blocks(case), **imputation_blocks(case, folder)}
    blocks["mi_pool_fixed"] |= pooled_blocks(case)
    return blocks


def main() -> None:
    """Write the candidate of the case named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path, metavar="CASE_DIR")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.write_text(json.dumps(candidate(options.case), indent=1) + "\n")


if __name__ == "__main__":
    main()
