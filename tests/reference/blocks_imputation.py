"""The imputation blocks of a case of the analysis oracle: the exact limit, and the pooling of the fixed imputations.

python -m tests.reference.blocks_imputation CASE_DIR -o candidate.json writes these blocks alone.
"""

import argparse
import csv
import json
import math
from pathlib import Path

import numpy as np

from odisea.analyse.chained import imputations_with_auxiliaries
from odisea.analyse.design import coefficient_map, in_contrast, make_design
from odisea.analyse.estimate import estimate, finish
from odisea.analyse.imputed import Analysed, analyse_completed
from odisea.analyse.pooling import joint_test, pool
from odisea.data.instruments import RESPONDER_SLACK
from odisea.data.trial import REASON_TEXT, Analysis, Assumption, Estimate, Floats, Method, Reason, Status, Trial, Variance, make_trial
from tests.reference.oracle import (
    ALPHA,
    COVARIATES,
    IMPUTATION,
    RESPONDER_IMPROVEMENT,
    ROWS,
    Block,
    Case,
    json_number,
    planned,
    pooled_block,
    read_case,
    refusal,
    rows_of,
)

PAIN_COVARIATES = ("age", "bmi", "comorb", "pa", "vas0")
DELTAS = (0.0, 5.0, 10.0, 15.0, 20.0)
WEEKS = ("vas_w1", "vas_w2", "vas_w3", "vas_w4", "vas_w5", "vas6")
ROBUST = {"": Variance.MODEL, "_HC2": Variance.HC2, "_HC3": Variance.HC3}


def imputation_blocks(case: Case, folder: Path) -> Block:
    """Return `mi_exact_limit` and `mi_pool_fixed` without the logistic leaves, and without the pain score where the folder lacks it."""
    odi = {f"ancova_odi6{name}": pool_block(case.trial, COVARIATES, case.completed, kind) for name, kind in ROBUST.items()}
    scores = read_completed_pain(folder)
    pain = {} if scores is None else {"ancova_vas6": pool_block(case.trial, PAIN_COVARIATES, scores, Variance.MODEL)}
    return {
        "mi_exact_limit": limit_block(case.trial),
        "mi_pool_fixed": {**odi, **pain, "D1_comorb": joint_block(case.trial, case.completed)},
    }


def read_completed_pain(folder: Path) -> Floats | None:
    """Return the completed pain scores (m, n); without any missing score 20 copies of the observed ones; None where not kept."""
    with (folder / "data.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    if "vas6" not in records[0]:
        return None
    with (folder / "imputations.csv").open(newline="") as file:
        imputed = list(csv.DictReader(file))
    observed = [math.nan if record["vas6"] in ("", "NA") else float(record["vas6"]) for record in records]
    completed = np.tile(observed, (max((int(record["imp"]) for record in imputed), default=20), 1))
    places = {record["id"]: place for place, record in enumerate(records)}
    for record in imputed:
        completed[int(record["imp"]) - 1, places[record["id"]]] = float(record["vas6"])
    return completed


def limit_block(trial: Trial) -> Block:
    """Return the limit of infinitely many imputations: within arm, jump to reference, and with deltas."""
    everyone = np.arange(trial.arm.size)
    analysis = planned(Method.ANCOVA_MI_LIMIT, rows_of(trial, COVARIATES, everyone), rows_of(trial, IMPUTATION, everyone))
    variants = {
        "MAR": analysis,
        "J2R": analysis._replace(assumption=int(Assumption.JUMP_TO_REFERENCE)),
        **{f"delta_arm1_{delta:.0f}": analysis._replace(delta_arm=delta) for delta in DELTAS},
        "tipping_both_5": analysis._replace(delta_arm=5.0, delta_reference=5.0),
    }
    results = {name: estimate(trial, variant) for name, variant in variants.items()}
    if results["MAR"].status != Status.OK:
        return refusal(REASON_TEXT[Reason(int(results["MAR"].reason))])
    df_complete = float(everyone.size - make_design(trial, analysis, everyone).rank)
    blocks = {name: one_limit(result, df_complete) for name, result in results.items()}
    tipping = {name: blocks.pop(name) for name in list(blocks) if name.startswith("delta")}
    return {"n_missing": int(np.isnan(trial.values[analysis.response]).sum()), **blocks, "tipping": tipping}


def one_limit(result: Estimate, df_complete: float) -> Block:
    """Return one limit under the reference's names."""
    if result.status != Status.OK:
        return refusal(REASON_TEXT[Reason(int(result.reason))])
    low, high, p = finish(result.estimate, result.se, result.df, ALPHA)
    total = result.within + result.between
    return {
        "estimate": result.estimate,
        "W": result.within,
        "B": result.between,
        "T": total,
        "se": result.se,
        "lambda": result.between / total,
        "dfcom": df_complete,
        "df_barnard_rubin": result.df,
        "lo": float(low),
        "hi": float(high),
        "p": float(p),
    }


def model(trial: Trial, variables: tuple[str, ...], kind: Variance) -> Analysis:
    """Return the analysis of all participants."""
    rows = rows_of(trial, variables, np.arange(trial.arm.size))
    return planned(Method.ANCOVA, rows)._replace(variance=int(kind))


def pool_block(trial: Trial, variables: tuple[str, ...], completed: Floats, kind: Variance) -> Block:
    """Return the pooled analysis of covariance of the fixed imputations."""
    analysis = model(trial, variables, kind)
    analysed = analyse_completed(trial, analysis, completed)
    if analysed.reason == Reason.LEVERAGE_ONE:
        return without_variance(analyse_completed(trial, analysis._replace(variance=int(Variance.MODEL)), completed))
    if analysed.reason != Reason.NONE:
        return refusal(REASON_TEXT[Reason(analysed.reason)])
    pooled = pool(analysed.estimates, analysed.variances, analysed.df)
    return pooled_block(pooled, analysed.df, analysed.estimates, analysed.variances)


def without_variance(analysed: Analysed) -> Block:
    """Return what is left where a robust variance does not exist: the estimates."""
    pooled = pool(analysed.estimates, analysed.variances, analysed.df)
    left = ("m", "estimate", "b", "dfcom", "mc_error", "per_imputation_est")
    block = pooled_block(pooled, analysed.df, analysed.estimates, analysed.variances)
    return {**{name: block[name] for name in left}, **refusal(REASON_TEXT[Reason.LEVERAGE_ONE], "not_estimable")}


def joint_block(trial: Trial, completed: Floats) -> Block:
    """Return the joint test of the comorbidity levels."""
    analysis = model(trial, COVARIATES, Variance.MODEL)
    design = make_design(trial, analysis, in_contrast(trial, analysis, False))
    names = ("(Intercept)", "arm", *rows_of(trial, COVARIATES, np.arange(trial.arm.size)))
    to_coefficients, df = coefficient_map(design), float(trial.arm.size - design.rank)
    chosen = [place for place, name in enumerate(names) if name.startswith("comorb") and np.isfinite(to_coefficients[place]).all()]
    if not chosen or df <= 0.0:
        return refusal("no comorbidity level has a coefficient", "not_estimable")
    coordinates = completed @ design.basis.T
    residual_variance = np.square(completed - coordinates @ design.basis).sum(axis=1) / df
    unscaled = to_coefficients[chosen] @ to_coefficients[chosen].T
    test = joint_test(coordinates @ to_coefficients[chosen].T, residual_variance[:, None, None] * unscaled, df)
    return {"F": test.f, "df1": test.df1, "df2": json_number(test.df2), "p": test.p, "riv": test.riv}


def read_weeks(folder: Path) -> Trial:
    """Read a case's trial with the weekly pain scores and the final one behind its other rows."""
    trial = read_case(folder).trial
    with (folder / "data.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    weeks = [[math.nan if record[name] in ("", "NA") else float(record[name]) for record in records] for name in WEEKS]
    return make_trial(np.vstack([trial.values, weeks]), trial.arm, trial.seed)


def stochastic_block(folder: Path, m: int) -> Block:
    """Return what m imputations with the weekly pain scores as auxiliaries give, under the names of stochastic.json."""
    trial, block = read_weeks(folder), {}
    pain, outcome = len(ROWS) + len(WEEKS) - 1, ROWS.index("odi6")
    weekly = np.arange(len(ROWS), pain, dtype=np.int64)
    analysis = model(trial, COVARIATES, Variance.MODEL)
    everyone = np.arange(trial.arm.size)
    analysis = analysis._replace(imputation=planned(Method.ANCOVA, (), rows_of(trial, IMPUTATION, everyone)).imputation)
    for name, response, other in (("ancova_odi6", outcome, pain), ("ancova_vas6_with_odi0_covariate", pain, outcome)):
        completed = imputations_with_auxiliaries(trial, analysis._replace(response=response), np.append(weekly, other), m)
        analysed = analyse_completed(trial, analysis, completed.values)
        pooled = pool(analysed.estimates, analysed.variances, analysed.df)
        spread = pooled.between * math.sqrt(2.0 / (m - 1))
        numbers = {"estimate": pooled.estimate, "mc_se": pooled.mcse, "W": pooled.within, "B": pooled.between, "mc_se_B": spread}
        block[name] = numbers | {"mc_se_W": float(analysed.variances.std(ddof=1) / math.sqrt(m))}
        if response == outcome:
            improved = trial.values[ROWS.index("odi0")] - completed.values >= RESPONDER_IMPROVEMENT - RESPONDER_SLACK
            for arm in (0, 1):
                share = improved[:, trial.arm == arm].mean(axis=1)
                block[f"responder_p{arm}"] = {"mean": float(share.mean()), "mc_se": float(share.std(ddof=1) / math.sqrt(m))}
    return block


def main() -> None:
    """Write the blocks of the case named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path, metavar="CASE_DIR")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.write_text(json.dumps(imputation_blocks(read_case(options.case), options.case), indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
