"""python tests/reference/oracle.py CASE_DIR -o candidate.json: our results for a case of the analysis oracle, under the oracle's names.

CASE_DIR holds data.csv (one trial) and imputations.csv (fixed imputations of the outcome). compare.py then sets the
candidate beside the case's reference.json, which R computed. Every number comes from the package's own estimators.
"""

import argparse
import csv
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from odisea.analyse.design import coefficient_map, in_contrast, make_design
from odisea.analyse.estimate import estimate, finish
from odisea.analyse.imputation import Pooled, pool
from odisea.analyse.linear import fit_linear, sandwich
from odisea.analyse.responder import fit_responders, standardised_risks
from odisea.data.trial import REASON_TEXT, Analysis, Floats, Method, Reason, Status, Trial, make_trial
from odisea.errors import AnalysisError

NUMBERS = ("odi0", "age", "bmi", "vas0", "odi6")
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


def linear_block(trial: Trial, variables: tuple[str, ...]) -> Block:
    """Return a complete-case analysis of covariance with all its parts."""
    participants = in_contrast(trial, planned(Method.ANCOVA, ()), True)
    rows = rows_of(trial, variables, participants)
    try:
        fit = fit_linear(trial, planned(Method.ANCOVA, rows))
    except AnalysisError as error:
        return refusal(str(error), "not_estimable")
    names = ("(Intercept)", "arm", *rows)
    covariance = fit.sigma**2 * fit.unscaled
    block = {
        "n": participants.size,
        "df": fit.df,
        "sigma": fit.sigma,
        "r2": fit.r_squared,
        "aliased": [name for name, value in zip(names, fit.coefficients, strict=True) if np.isnan(value)],
        "coef": dict(zip(names, map(json_number, fit.coefficients), strict=True)),
        **inference(names, fit.coefficients, np.sqrt(np.diag(covariance)), fit.df),
        "vcov": [[json_number(value) for value in row] for row in covariance],
    }
    for kind in ("HC0", "HC1", "HC2", "HC3"):
        block[kind] = inference(names, fit.coefficients, np.sqrt(np.diag(sandwich(fit, kind))), fit.df)
    return block


def change_block(trial: Trial) -> Block:
    """Return the arm effect on the change from baseline."""
    rows = rows_of(trial, COVARIATES, in_contrast(trial, planned(Method.ANCOVA, ()), True))
    result = estimate(trial, planned(Method.ANCOVA, rows, response="change"))
    return {"arm": result.estimate, "se": result.se} if result.status == Status.OK else refusal(REASON_TEXT[Reason(int(result.reason))])


def means_block(trial: Trial) -> Block:
    """Return the standardised means, reference first."""
    rows = rows_of(trial, COVARIATES, in_contrast(trial, planned(Method.ANCOVA, ()), True))
    try:
        in_arm, in_reference = fit_linear(trial, planned(Method.ANCOVA, rows)).means
    except AnalysisError as error:
        return refusal(str(error), "not_estimable")
    return {"counterfactual": {"arm": ["0", "1"], "mean": [in_reference, in_arm]}}


def responder_block(trial: Trial) -> Block:
    """Return the logistic regression of response with the standardised risks."""
    rows = rows_of(trial, COVARIATES, in_contrast(trial, planned(Method.ANCOVA, ()), True))
    analysis = planned(Method.RESPONDER_RISK_DIFFERENCE, rows)
    design, outcome, fit = fit_responders(trial, analysis)
    reason = Reason(fit.reason)
    if reason != Reason.NONE:
        separated = reason in (Reason.SEPARATION, Reason.ALL_OR_NO_EVENTS)
        gone = refusal(REASON_TEXT[reason], "separated" if separated else "not_estimable")
        return {**gone, "separation_suspected": separated, "gcomp": gone}
    names, to_coefficients = ("(Intercept)", "arm", *rows), coefficient_map(design)
    errors = np.sqrt(np.square(to_coefficients @ np.linalg.inv(fit.factor).T).sum(axis=1))
    in_arm, in_reference = standardised_risks(design, fit)
    difference = estimate(trial, analysis)
    return {
        "status": "ok",
        "separation_suspected": False,
        "n": outcome.size,
        "events": outcome.sum(),
        "coef": dict(zip(names, map(json_number, to_coefficients @ fit.coordinates), strict=True)),
        "se": dict(zip(names, map(json_number, errors), strict=True)),
        "gcomp": {"p0": in_reference.mean(), "p1": in_arm.mean(), "rd": difference.estimate, "rd_se_Ye": json_number(difference.se)},
    }


def limit_block(trial: Trial) -> Block:
    """Return the limit of infinitely many imputations under missing at random."""
    everyone = np.arange(trial.arm.size)
    rows = rows_of(trial, COVARIATES, everyone)
    analysis = planned(Method.ANCOVA_MI_LIMIT, rows, rows_of(trial, IMPUTATION, everyone))
    result = estimate(trial, analysis)
    if result.status != Status.OK:
        return refusal(REASON_TEXT[Reason(int(result.reason))])
    low, high, p = finish(result.estimate, result.se, result.df, ALPHA)
    total = result.within + result.between
    limit = {
        "estimate": result.estimate,
        "W": result.within,
        "B": result.between,
        "T": total,
        "se": result.se,
        "lambda": result.between / total,
        "dfcom": everyone.size - make_design(trial, analysis, everyone).rank,
        "df_barnard_rubin": result.df,
        "lo": float(low),
        "hi": float(high),
        "p": float(p),
    }
    return {"n_missing": int(np.isnan(trial.values[analysis.response]).sum()), "MAR": limit}


def pool_block(case: Case) -> Block:
    """Return the pooled analysis of covariance of the fixed imputations."""
    trial = case.trial
    analysis = planned(Method.ANCOVA, rows_of(trial, COVARIATES, np.arange(trial.arm.size)))
    results = []
    for completed in case.completed:
        values = trial.values.copy()
        values[analysis.response] = completed
        results.append(estimate(trial._replace(values=values), analysis))
    if any(result.status != Status.OK for result in results):
        return refusal("an imputed data set has no estimate")
    estimates, variances = np.array([result.estimate for result in results]), np.array([result.se**2 for result in results])
    pooled = pool(estimates, variances, results[0].df)
    return pooled_block(pooled, results[0].df, estimates, variances)


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
    """Return all blocks of a case."""
    case = read_case(folder)
    return {
        "ancova_odi6_complete_case": linear_block(case.trial, COVARIATES),
        "ancova_odi6_change_same_arm_effect": change_block(case.trial),
        "ancova_odi6_baseline_only": linear_block(case.trial, ("odi0",)),
        "emmeans_odi6": means_block(case.trial),
        "responder_complete_case": responder_block(case.trial),
        "mi_exact_limit": limit_block(case.trial),
        "mi_pool_fixed": {"ancova_odi6": pool_block(case)},
    }


def main() -> None:
    """Write the candidate of the case named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path, metavar="CASE_DIR")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.write_text(json.dumps(candidate(options.case), indent=1) + "\n")


if __name__ == "__main__":
    main()
