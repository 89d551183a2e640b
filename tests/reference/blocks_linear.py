"""The linear family's blocks of the analysis oracle: analysis of covariance, Welch, interacted model, means, subgroups, permutation.

Block and key names are the reference's. A number that does not exist is null; where HC3 does not exist beside a missing
HC2 its key is left out, since the reference prints a quotient of two rounding errors there.
"""

from math import comb
from typing import Any

import numpy as np

from odisea.analyse.adjusted_means import make_frame, means_at, points
from odisea.analyse.estimate import estimate, finish
from odisea.analyse.interacted import fit_interacted
from odisea.analyse.linear import Cases, Kind, complete_cases, fit_linear, sandwich, term_tests
from odisea.analyse.permutation import MOST_EXACT, enumerate_masks, make_statistic, p_value, tally
from odisea.analyse.subgroups import fit_interaction
from odisea.analyse.welch import welch
from odisea.data.trial import REASON_TEXT, Analysis, Floats, Method, Reason, Status, Trial, Variance
from odisea.errors import AnalysisError
from tests.reference.oracle import ALPHA, COVARIATES, LEVELS, ROWS, Block, Case, inference, json_number, planned, refusal, rows_of

PAIN = ("age", "bmi", "comorb", "pa", "vas0")
SANDWICHES: tuple[Kind, ...] = ("HC0", "HC1", "HC2", "HC3")
OLDER = 45.0  # years: the reference's age subgroup


def linear_blocks(case: Case) -> Block:
    """Return the blocks of the linear family."""
    trial = case.trial
    return {
        "ancova_odi6_complete_case": ancova_block(trial, COVARIATES),
        "ancova_odi6_baseline_only": ancova_block(trial, ("odi0",)),
        "ancova_odi6_change_same_arm_effect": change_block(trial),
        "ancova_type2_F": type_two_block(trial),
        "ancova_vas6_complete_case": ancova_block(trial, PAIN, "vas6"),
        "ttest_welch_odi6": welch_block(trial),
        "lin_interacted_odi6": interacted_block(trial),
        "emmeans_odi6": means_block(trial),
        "subgroup_interactions": subgroup_block(trial),
        "rerandomisation_exact_tiny": permutation_block(trial),
    }


def analysis_of(trial: Trial, variables: tuple[str, ...], response: str = "odi6") -> tuple[Analysis, tuple[str, ...]]:
    """Return the analysis of covariance on the given variables and its rows' names: levels as R has them among the analysed."""
    observed = ~np.isnan(trial.values[ROWS.index(response)])
    rows = rows_of(trial, variables, observed)
    return planned(Method.ANCOVA, rows, response=response), rows


def terms_of(variables: tuple[str, ...], rows: tuple[str, ...]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the variables with those of their rows that are in the model."""
    levels = {variable: tuple(variable + level for level in LEVELS.get(variable, ())) or (variable,) for variable in variables}
    return tuple((name, tuple(ROWS.index(row) for row in rows if row in levels[name])) for name in variables)


def absent(reason: Reason) -> Block:
    """Return a refusal with its reason."""
    return refusal(REASON_TEXT[reason], "not_estimable")


def ancova_block(trial: Trial, variables: tuple[str, ...], response: str = "odi6") -> Block:
    """Return a complete-case analysis of covariance with all its parts."""
    analysis, rows = analysis_of(trial, variables, response)
    try:
        fit = fit_linear(trial, analysis)
    except AnalysisError as error:
        return refusal(str(error), "not_estimable")
    names, covariance = ("(Intercept)", "arm", *rows), fit.sigma**2 * fit.unscaled
    robust: Block = {kind: inference(names, fit.coefficients, np.sqrt(np.diag(sandwich(fit, kind))), fit.df) for kind in SANDWICHES}
    return {
        "n": fit.participants.size,
        "df": fit.df,
        "sigma": fit.sigma,
        "r2": fit.r_squared,
        "aliased": [name for name, value in zip(names, fit.coefficients, strict=True) if np.isnan(value)],
        "coef": dict(zip(names, map(json_number, fit.coefficients), strict=True)),
        **inference(names, fit.coefficients, np.sqrt(np.diag(covariance)), fit.df),
        "vcov": [[json_number(value) for value in row] for row in covariance],
        **robust,
        **compiled_errors(trial, analysis),
    }


def compiled_errors(trial: Trial, analysis: Analysis) -> Block:
    """Return the robust standard errors of the arm as the loop's estimator has them; not among the reference's names."""
    found = {kind: estimate(trial, analysis._replace(variance=int(Variance[kind]))) for kind in ("HC2", "HC3")}
    return {"loop": {kind: {"status": Status(int(one.status)).name.lower(), "se": json_number(one.se)} for kind, one in found.items()}}


def change_block(trial: Trial) -> Block:
    """Return the arm effect on the change from baseline."""
    _, rows = analysis_of(trial, COVARIATES)
    result = estimate(trial, planned(Method.ANCOVA, rows, response="change"))
    return {"arm": result.estimate, "se": result.se} if result.status == Status.OK else absent(Reason(int(result.reason)))


def type_two_block(trial: Trial) -> Block:
    """Return the F tests of the terms, each given all others."""
    analysis, rows = analysis_of(trial, COVARIATES)
    tests = term_tests(trial, analysis, terms_of(COVARIATES, rows))
    if not tests:
        return refusal("the analysis of covariance has no fit", "not_estimable")
    return {
        "term": [*tests, "Residuals"],
        "df": [*(test.df1 for test in tests.values()), tests["arm"].df2],
        "F": [*(json_number(test.f) for test in tests.values()), None],
        "p": [*(json_number(test.p) for test in tests.values()), None],
    }


def welch_block(trial: Trial) -> Block:
    """Return Welch's test with the reference's sign: mean of arm 0 minus mean of arm 1."""
    analysis, _ = analysis_of(trial, ())
    result = welch(trial, analysis)
    if result.status != Status.OK:
        return absent(Reason(int(result.reason)))
    low, high, p = finish(-result.estimate, result.se, result.df, ALPHA)
    response = trial.values[analysis.response]
    means = {f"mean{arm}": float(np.nanmean(response[trial.arm == arm])) for arm in (0, 1)}
    return {"t": -result.estimate / result.se, "df": result.df, "p": float(p), "lo": float(low), "hi": float(high), **means}


def interacted_block(trial: Trial) -> Block:
    """Return the interacted model's arm effect."""
    analysis, _ = analysis_of(trial, COVARIATES)
    fit = fit_interacted(complete_cases(trial, analysis))
    if fit.reason != Reason.NONE:
        return absent(fit.reason)
    block: Block = {"arm": fit.effect, "df": fit.df, "se_HC2": json_number(fit.hc2), "p_HC2": None}
    if np.isnan(fit.hc2):
        return block | {"status": "not_estimable", "reason": "a participant determines a coefficient alone: HC2 and HC3 do not exist"}
    _, _, p = finish(fit.effect, fit.hc2, fit.df, ALPHA)
    return block | {"status": "ok", "se_HC3": fit.hc3, "p_HC2": float(p)}


def means_block(trial: Trial) -> Block:
    """Return adjusted means, reference first."""
    analysis, rows = analysis_of(trial, COVARIATES)
    cases = complete_cases(trial, analysis)
    frame = make_frame(trial, analysis, cases.participants)
    if frame is None:
        return refusal("the analysis of covariance has no fit", "not_estimable")
    kinds = points(frame, trial, analysis, cases.participants, terms_of(COVARIATES, rows))
    blocks: Block = {}
    for name, kind in (("equal", "equal_levels"), ("proportional", "standardised")):
        point = kinds[kind]
        if point is None:
            blocks[name] = refusal("means of equally weighted levels are not determined by the columns kept", "not_estimable")
            continue
        means = means_at(frame, point, cases.response[None, :], Variance.MODEL)
        blocks[name] = intervals(means.means[0, ::-1], np.sqrt(means.variances[0, ::-1]), frame.df)
    return blocks | {"counterfactual": {"arm": ["0", "1"], "mean": blocks["proportional"]["emmean"]}}


def intervals(means: Floats, errors: Floats, df: float) -> Block:
    """Return means with their standard errors and limits."""
    low, high, _ = finish(means, errors, df, ALPHA)
    return {
        "arm": ["0", "1"],
        "emmean": means.tolist(),
        "se": errors.tolist(),
        "df": [df, df],
        "lo": low.tolist(),
        "hi": high.tolist(),
    }


def subgroup_block(trial: Trial) -> Block:
    """Return one interaction model per factor: age in two classes, baseline as it is, comorbidity, physical activity."""
    analysis, rows = analysis_of(trial, COVARIATES)
    cases = complete_cases(trial, analysis)
    factors = {name: tuple(ROWS[row] for row in own) for name, own in terms_of(COVARIATES, rows)}
    blocks: dict[str, Any] = {}
    for name in ("age_ge45", "odi0", "comorb", "pa"):
        blocks[name] = interaction_block(*interaction_of(trial, cases, rows, factors, name))
    return blocks


def interaction_of(
    trial: Trial, cases: Cases, rows: tuple[str, ...], factors: dict[str, tuple[str, ...]], name: str
) -> tuple[Cases, Floats, tuple[str, ...]]:
    """Return the participants with the model's covariates, the factor's rows and their names; the age class replaces the age."""
    if name != "age_ge45":
        return cases, trial.values[[ROWS.index(row) for row in factors[name]]][:, cases.participants], factors[name]
    older = (cases.covariates[rows.index("age")] >= OLDER).astype(np.float64)
    covariates = cases.covariates.copy()
    covariates[rows.index("age")] = older
    return cases._replace(covariates=covariates), older[None, :], (name,)


def interaction_block(cases: Cases, factor: Floats, names: tuple[str, ...]) -> Block:
    """Return the joint test and the coefficients of an interaction."""
    found = fit_interaction(cases, factor, names, Variance.MODEL)
    if found.reason != Reason.NONE:
        return absent(Reason(found.reason))
    coefficients = {f"arm:{name}": json_number(value) for name, value in zip(names, found.coefficients, strict=True)}
    return {"F": found.f, "df1": found.df1, "df2": found.df2, "p": found.p, "coef": coefficients}


def permutation_block(trial: Trial) -> Block:
    """Return the exact test of the mean residual difference where all allocations can be enumerated."""
    analysis, _ = analysis_of(trial, COVARIATES)
    cases = complete_cases(trial, analysis)
    if cases.reason != Reason.NONE:
        return absent(cases.reason)
    allocations = comb(cases.treated.size, cases.n_arm)
    if allocations > MOST_EXACT:
        return {"skipped": True}
    found = tally(make_statistic(cases), cases.treated > 0.5, enumerate_masks(cases.treated.size, cases.n_arm))
    return {"K": allocations, "obs": float(found.observed[0]), "p_two_sided": p_value(int(found.extreme[0]), found.counted, True)}
