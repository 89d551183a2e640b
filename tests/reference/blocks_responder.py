"""Our responder results under the oracle's names, and three conventions of R that its figures follow.

R's figures differ from ours by convention in three places, each reproduced here from our own functions so that the rest
can be compared to 1e-6; tests show how far the conventions lie from what the package reports.

1. `glm` takes its covariance from the weights of the iterate before the one that it accepts (up to 1e-6, `glm_covariance`).
2. MASS interpolates a profile likelihood between a few points (up to 3e-3, `interpolated_interval`).
3. `fisher.test` stops its search for the conditional odds ratio at a tolerance of 1.2e-4 (`coarse_odds_ratio`).
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.special import chdtri, expit, gammaln, ndtri

from odisea.analyse.design import in_contrast, make_design
from odisea.analyse.estimate import finish
from odisea.analyse.firth import fit_firth
from odisea.analyse.logistic_profile import Maximum, maximise, profile
from odisea.analyse.marginal import ArmModel, Effect, covariances, marginal_effects, predicted, risks_of
from odisea.analyse.pooling import pool
from odisea.analyse.proportions import Comparison, Counts, compare_proportions
from odisea.analyse.responder import make_responder_design
from odisea.analyse.responder_imputed import completed_outcomes, fit_one, quantities
from odisea.analyse.separation import separates
from odisea.data.trial import REASON_TEXT, Analysis, Floats, Method, Reason
from tests.reference.oracle import ALPHA, COVARIATES, ROWS, Block, Case, json_number, planned, refusal, rows_of

GLM_EPSILON, GLM_ITERATIONS = 1e-12, 100  # the convergence criterion of the reference
SPREADS = {"model": "model_fixedX", "hc0": "HC0_fixedX", "hc3": "HC3_fixedX", "influence": "IF_superpop", "ye": "Ye"}
WITH_LIMITS = ("hc0", "ye", "influence")
MEASURES = {"risk_difference": "rd", "log_risk_ratio": "log_rr", "marginal_log_odds_ratio": "marg_log_or"}
PROFILE_STEPS = 9
UNIROOT = float(np.finfo(float).eps ** 0.25)


class Setting(NamedTuple):
    """One logistic regression: R's names of the columns (arm last), which of them are kept, columns, outcomes, and why not."""

    names: tuple[str, ...]
    kept: tuple[str, ...]
    columns: Floats
    outcome: Floats
    reason: Reason


def responder_blocks(case: Case) -> dict[str, Any]:
    """Return all responder blocks of a case."""
    blocks: dict[str, Any] = {}
    for block, non_responder in (("responder_complete_case", 0), ("responder_nri", 1)):
        blocks[block] = logistic_block(setting(case, non_responder))
    complete = setting(case, 0)
    blocks["responder_firth_complete_case"] = firth_block(complete)
    blocks["responder_unadjusted"] = unadjusted_block(complete)
    blocks["mi_pool_fixed"] = pooled_blocks(case)
    return blocks


def analysed(case: Case, non_responder: int) -> tuple[Analysis, tuple[str, ...]]:
    """Return the analysis and the names of its covariates' rows."""
    missing_excluded = planned(Method.RESPONDER_RISK_DIFFERENCE, ())
    rows = rows_of(case.trial, COVARIATES, in_contrast(case.trial, missing_excluded, non_responder == 0))
    return planned(Method.RESPONDER_RISK_DIFFERENCE, rows)._replace(non_responder=non_responder), rows


def setting(case: Case, non_responder: int) -> Setting:
    """Return the regression of a case; missing outcomes left out or counted as no response."""
    analysis, rows = analysed(case, non_responder)
    participants = in_contrast(case.trial, analysis, non_responder == 0)
    design, outcome, reason = make_responder_design(case.trial, analysis)
    values = case.trial.values[[ROWS.index(name) for name in rows]][:, participants]
    columns = np.column_stack([np.ones(participants.size), *values, design.treated])
    names = ("(Intercept)", *rows, "arm")
    keep = np.diag(design.triangle) > 0.0
    return Setting(names, tuple(name for name, kept in zip(names, keep, strict=True) if kept), columns[:, keep], outcome, Reason(reason))


def by_name(at: Setting, values: Floats) -> Block:
    """Return numbers by column name; null for a dropped column."""
    return dict.fromkeys(at.names) | {name: json_number(value) for name, value in zip(at.kept, values, strict=True)}


def logistic_block(at: Setting) -> Block:
    """Return the maximum likelihood fit, or its refusal."""
    separated = at.reason == Reason.ALL_OR_NO_EVENTS or (at.reason == Reason.NONE and _separated(at))
    if separated or at.reason != Reason.NONE:
        reason = Reason.SEPARATION if separated else at.reason
        gone = refusal(REASON_TEXT[reason], "separated" if separated else "not_estimable")
        return {**gone, "separation_suspected": separated, "gcomp": gone}
    best = maximise(at.columns, at.outcome, False)
    covariance, found = glm_covariance(at.columns, at.outcome), profile(at.columns, at.outcome, False, best, ALPHA)
    errors = np.sqrt(np.diag(covariance))
    low, high, p = finish(best.coefficients, errors, np.full(errors.size, np.inf), ALPHA)
    model = predicted(at.columns, at.outcome, best.coefficients, best.covariance)
    of_glm = predicted(at.columns, at.outcome, best.coefficients, covariance)
    return {
        "status": "ok",
        "separation_suspected": False,
        "converged": best.converged,
        "n": at.outcome.size,
        "events": at.outcome.sum(),
        "deviance": -2.0 * best.objective,
        "coef": by_name(at, best.coefficients),
        "se": by_name(at, errors),
        "z": by_name(at, best.coefficients / errors),
        "p": by_name(at, p),
        "or_arm": math.exp(best.coefficients[-1]),
        "wald_lo": by_name(at, low),
        "wald_hi": by_name(at, high),
        "profile_arm": [json_number(limit) for limit in interpolated_interval(at.columns, at.outcome, best, errors[-1])],
        "lrt_arm_chisq": found.chi2,
        "lrt_arm_p": found.p,
        "gcomp": gcomp_block(model, covariances(model) | {"model": covariances(of_glm)["model"]}),
    }


def _separated(at: Setting) -> bool:
    return separates(np.sqrt(at.outcome.size) * np.linalg.qr(at.columns)[0], at.outcome)


def gcomp_block(model: ArmModel, spread: dict[str, Floats]) -> Block:
    """Return standardised risks and effects with all variances, reference first in the matrices."""
    in_arm, in_reference = risks_of(model)
    effects = marginal_effects((in_arm, in_reference), spread)
    block: Block = {"p0": in_reference, "p1": in_arm, "rr": in_arm / in_reference}
    block |= {short: json_number(effects[measure].estimate) for measure, short in MEASURES.items()}
    for name, theirs in SPREADS.items():
        block[f"V_{theirs}"] = [[json_number(value) for value in row] for row in spread[name][::-1, ::-1]]
        block |= {f"{short}_se_{theirs}": json_number(effects[measure].errors[name]) for measure, short in MEASURES.items()}
    for name in WITH_LIMITS:
        block |= {f"rd_{key}_{SPREADS[name]}": value for key, value in _limits(effects["risk_difference"], name).items()}
    return block


def _limits(effect: Effect, name: str) -> Block:
    low, high, p = finish(effect.estimate, effect.errors[name], np.inf, ALPHA)
    return {"lo": json_number(float(low)), "hi": json_number(float(high)), "p": json_number(float(p))}


def firth_block(at: Setting) -> Block:
    """Return the penalised fit with the plain plug-in of its risks, or its refusal."""
    if at.reason not in (Reason.NONE, Reason.ALL_OR_NO_EVENTS):
        return refusal(REASON_TEXT[at.reason], "not_estimable")
    fit = fit_firth(at.columns, at.outcome, ALPHA)
    if not (fit.maximum.converged and fit.profile.converged):
        return refusal(REASON_TEXT[Reason.NO_CONVERGENCE], "not_converged")
    model = predicted(at.columns, at.outcome, fit.maximum.coefficients, fit.maximum.covariance)
    coefficients = by_name(at, fit.maximum.coefficients)
    return {
        "status": "ok",
        "coef": coefficients,
        "brglm2_coef": coefficients,
        "se": by_name(at, np.sqrt(np.diag(fit.maximum.covariance))),
        "penalized_loglik": fit.maximum.objective,
        "arm_plr_chisq": fit.profile.chi2,
        "arm_plr_p": fit.profile.p,
        "arm_profile_lo": json_number(fit.profile.low),
        "arm_profile_hi": json_number(fit.profile.high),
        "gcomp": gcomp_block(model, covariances(model)),
    }


def unadjusted_block(at: Setting) -> Block:
    """Return the comparison of the shares."""
    treated = at.columns[:, -1] == 1.0
    counts = Counts(int(at.outcome[treated].sum()), int(treated.sum()), int(at.outcome[~treated].sum()), int((~treated).sum()))
    found: Comparison = compare_proportions(counts, ALPHA)
    return {
        "x0": counts.reference,
        "n0": counts.n_reference,
        "x1": counts.arm,
        "n1": counts.n_arm,
        "rd": found.difference,
        "rd_wald_se": found.wald_se,
        "wilson0": list(found.wilson_reference),
        "wilson1": list(found.wilson_arm),
        "newcombe_lo": found.newcombe[0],
        "newcombe_hi": found.newcombe[1],
        "fisher_p": found.fisher_p,
        "fisher_or": json_number(coarse_odds_ratio(counts)),
        "chisq": json_number(found.chi2),
        "chisq_p": json_number(found.chi2_p),
    }


def pooled_blocks(case: Case) -> Block:
    """Return the pooled log odds ratio and risk differences of the fixed imputations."""
    analysis, rows = analysed(case, 1)
    analysis = analysis._replace(non_responder=0)
    everyone = in_contrast(case.trial, analysis, False)
    design = make_design(case.trial, analysis, everyone)
    columns = np.column_stack([np.ones(everyone.size), *case.trial.values[[ROWS.index(name) for name in rows]], design.treated])
    results, separated = [], 0
    for outcome in completed_outcomes(case.trial, analysis, case.completed):
        model, is_separated, reason = fit_one(design, outcome)
        separated += is_separated
        if model is None:
            gone = refusal(REASON_TEXT[Reason(reason)], "separated" if is_separated else "not_estimable")
            return dict.fromkeys(("logit_arm", "logit_arm_dfInf", "gcomp_rd_Ye", "gcomp_rd_HC0", "gcomp_rd_IF"), gone)
        found = {key: (estimate, variance) for key, estimate, variance in quantities(model)}
        if not is_separated:
            odds = found["log_odds_ratio", "information"][0]
            found["log_odds_ratio", "information"] = (odds, float(glm_covariance(columns, outcome)[-1, -1]))
        results.append(found)
    df = float(everyone.size - design.rank)
    return {
        "separated_imputations": separated,
        "logit_arm": _pooled(results, ("log_odds_ratio", "information"), df),
        "logit_arm_dfInf": _pooled(results, ("log_odds_ratio", "information"), math.inf),
        "gcomp_rd_Ye": _pooled(results, ("risk_difference", "ye"), math.inf),
        "gcomp_rd_HC0": _pooled(results, ("risk_difference", "hc0"), math.inf),
        "gcomp_rd_IF": _pooled(results, ("risk_difference", "influence"), math.inf),
    }


def _pooled(results: list[dict[tuple[str, str], tuple[float, float]]], key: tuple[str, str], df_complete: float) -> Block:
    """Return one pooled quantity; null for infinite degrees of freedom."""
    estimates, variances = (np.array(column) for column in zip(*(found[key] for found in results), strict=True))
    pooled = pool(estimates, variances, df_complete)
    low, high, p = finish(pooled.estimate, math.sqrt(pooled.total), pooled.df, ALPHA)
    numbers = {"estimate": pooled.estimate, "ubar": pooled.within, "b": pooled.between, "t": pooled.total, "se": math.sqrt(pooled.total)}
    numbers |= {"dfcom": df_complete, "df": pooled.df, "riv": pooled.riv, "lambda": pooled.lambda_, "fmi": pooled.fmi}
    numbers |= {"lo": float(low), "hi": float(high), "p": float(p), "mc_error": pooled.mcse}
    block: Block = {"m": estimates.size} | {name: json_number(value) for name, value in numbers.items()}
    return block | {"per_imputation_est": estimates.tolist(), "per_imputation_var": variances.tolist()}


def glm_covariance(columns: Floats, outcome: Floats) -> Floats:
    """Return the covariance as R's glm takes it: from the weights of the iterate before the one that it accepts."""
    basis, triangle = np.linalg.qr(columns)
    fitted, deviance = (outcome + 0.5) / 2.0, math.inf
    linear = np.log(fitted / (1.0 - fitted))
    information = np.empty(0)
    for _ in range(GLM_ITERATIONS):
        weights = fitted * (1.0 - fitted)
        information = (basis * weights[:, None]).T @ basis
        linear = basis @ np.linalg.solve(information, basis.T @ (weights * linear + outcome - fitted))
        fitted, last = expit(linear), deviance
        deviance = 2.0 * float(np.logaddexp(0.0, np.where(outcome > 0.5, -linear, linear)).sum())
        if abs(deviance - last) < GLM_EPSILON * (abs(deviance) + 0.1):
            break
    back = np.linalg.inv(triangle)
    covariance: Floats = back @ np.linalg.inv(information) @ back.T
    return covariance


def interpolated_interval(columns: Floats, outcome: Floats, best: Maximum, error: float) -> tuple[float, float]:
    """Return the profile interval as MASS does: at most nine steps to either side, a spline through them, linear between its points."""
    z_max = math.sqrt(float(chdtri(1.0, ALPHA / 4.0)))
    points = sorted([(float(best.coefficients[-1]), 0.0), *_walk(columns, outcome, best, error, z_max)])
    x, z = (np.array(column) for column in zip(*points, strict=True))
    at = np.linspace(x[0], x[-1], 3 * x.size)
    curve = forsythe_spline(x, z, at)
    order = np.argsort(curve)
    quantile = -float(ndtri(ALPHA / 2.0))
    low, high = np.interp([-quantile, quantile], curve[order], at[order], left=np.nan, right=np.nan)
    return float(low), float(high)


def _walk(columns: Floats, outcome: Floats, best: Maximum, error: float, z_max: float) -> Iterator[tuple[float, float]]:
    """Yield values of the last coefficient with the signed root of the deviance that each costs."""
    for side in (-1.0, 1.0):
        for step in range(1, PROFILE_STEPS + 1):
            value = float(best.coefficients[-1]) + side * step * z_max / 5.0 * error
            there = maximise(columns, outcome, False, value, best.coefficients)
            z = math.sqrt(max(2.0 * (best.objective - there.objective), 0.0))
            yield value, side * z
            if z >= z_max:
                break


def forsythe_spline(x: Floats, y: Floats, at: Floats) -> Floats:
    """Return the cubic spline whose third derivative at each end is that of the cubic through the four points there."""
    n, step = x.size, np.diff(x)
    slope = np.diff(y) / step
    matrix, right = np.zeros((n, n)), np.zeros(n)
    for i in range(1, n - 1):
        matrix[i, i - 1 : i + 2] = step[i - 1], 2.0 * (step[i - 1] + step[i]), step[i]
        right[i] = slope[i] - slope[i - 1]
    for row, first, own in ((0, 0, 0), (n - 1, n - 4, n - 2)):
        second = [(slope[k + 1] - slope[k]) / (x[k + 2] - x[k]) for k in (first, first + 1)]
        matrix[row, own : own + 2] = -1.0, 1.0
        right[row] = step[own] * (second[1] - second[0]) / (x[first + 3] - x[first])
    curvature = np.linalg.solve(matrix, right)  # a sixth of the second derivative
    place = np.clip(np.searchsorted(x, at, side="right") - 1, 0, n - 2)
    t = at - x[place]
    linear = slope[place] - step[place] * (curvature[place + 1] + 2.0 * curvature[place])
    value: Floats = y[place] + t * (linear + t * (3.0 * curvature[place] + t * (curvature[place + 1] - curvature[place]) / step[place]))
    return value


def coarse_odds_ratio(counts: Counts) -> float:
    """Return the conditional odds ratio at the root where R's fisher.test stops its search."""
    drawn = counts.arm + counts.reference
    low, high = max(0, drawn - counts.n_reference), min(drawn, counts.n_arm)
    if counts.arm in (low, high):
        return 0.0 if counts.arm == low else math.inf
    support = np.arange(low, high + 1, dtype=np.float64)
    log_weights = -sum(
        gammaln(part + 1.0) for part in (support, counts.n_arm - support, drawn - support, counts.n_reference - drawn + support)
    )

    def excess(odds: float) -> float:
        if odds == 0.0:
            return low - counts.arm
        logarithm = log_weights + support * math.log(odds)
        weights = np.exp(logarithm - logarithm.max())
        return float(support @ weights / weights.sum()) - counts.arm

    if excess(1.0) > 0.0:
        return brent_root(excess, 0.0, 1.0, UNIROOT)
    return 1.0 / brent_root(lambda inverse: excess(1.0 / inverse), float(np.finfo(float).eps), 1.0, UNIROOT)


def brent_root(function: Callable[[float], float], low: float, high: float, tolerance: float) -> float:
    """Return a root by Brent's method in the form of netlib's zeroin, which R's uniroot uses."""
    a, b = low, high
    fa, fb = function(a), function(b)
    c, fc = a, fa
    for _ in range(1000):
        previous = b - a
        if abs(fc) < abs(fb):
            a, b, c, fa, fb, fc = b, c, b, fb, fc, fb
        enough, step = 2.0 * float(np.finfo(float).eps) * abs(b) + tolerance / 2.0, (c - b) / 2.0
        if abs(step) <= enough or fb == 0.0:
            return b
        if abs(previous) >= enough and abs(fa) > abs(fb):
            p, q = _interpolation(a, b, c, fa, fb, fc)
            if p < 0.75 * (c - b) * q - abs(enough * q) / 2.0 and p < abs(previous * q / 2.0):
                step = p / q
        step = step if abs(step) >= enough else math.copysign(enough, step)
        a, fa = b, fb
        b += step
        fb = function(b)
        if (fb > 0.0) == (fc > 0.0):
            c, fc = a, fa
    return b


def _interpolation(a: float, b: float, c: float, fa: float, fb: float, fc: float) -> tuple[float, float]:
    """Return the step p / q, p not negative: by the secant, or by the parabola through three points."""
    if a == c:
        p, q = (c - b) * fb / fa, 1.0 - fb / fa
    else:
        q, t1, t2 = fa / fc, fb / fc, fb / fa
        p = t2 * ((c - b) * q * (q - t1) - (b - a) * (t1 - 1.0))
        q = (q - 1.0) * (t1 - 1.0) * (t2 - 1.0)
    return (p, -q) if p > 0.0 else (-p, q)
