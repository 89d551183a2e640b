"""What must not change when the same trial is written down in another way, for every analysis of both plans of our trial.

A result may depend on what was measured, not on the order of participants, on which arm is called the reference, or on
the units and origins of covariates and outcome. Deterministic analyses keep their numbers to 1e-10 of the standard error.
Analyses that draw keep theirs where the draws stay the same (row order in the files: tests/acceptance/test_corridor.py;
the contrast reversed, increasing changes of unit), and agree within 4 Monte Carlo standard errors of both results where
they draw anew.

The trial is a simulated one read from its files, with missing baseline values, blank items and 40 % lost.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

from odisea.analyse.carry_out import carry_out
from odisea.analyse.estimate import finish
from odisea.analyse.plan import PlannedAnalysis, lower_plan
from odisea.analyse.single import Circumstances, Single
from odisea.data.derive import count_rows, trial_rows
from odisea.data.trial import Floats, Reason, Status, Trial, make_trial
from odisea.performance.per_trial import trial_in_memory
from odisea.protocol.load import load_protocol
from tests.declared import ROOT, mechanism, protocol, scenario

EXACT = 1e-10  # of the standard error: least squares, and maxima located to 1e-11 of it or better
REPLICATES = 4.0  # Monte Carlo standard errors: 6 in 100,000 for one normal comparison
DRAWS = 400  # imputations in place of the plan's 20, so that a change of a fifth of a standard error would show
GAPS = {"covariate_missing": 0.05, "item_blank_baseline": 0.02, "item_blank_week6": 0.02}

DETERMINISTIC = {
    "as_registered": {
        *("ancova", "unadjusted", "mi_limit", "ancova_hc3", "welch", "responder_or", "responder_rd", "responder_unadjusted", "vas"),
    },
    "as_recommended": {
        *("mi_limit", "ancova", "baseline_only", "ancova_hc3", "interacted", "weighting", "baseline_excluded", "delta", "tipping_point"),
        *("partially_nested", "subgroup_physical_activity", "vas", "responder_or", "responder_rd", "responder_nri", "responder_rr"),
        *("responder_firth", "jump_to_reference", "jump_to_reference_jackknife"),  # with one follow-up visit the limit: nothing is drawn
    },
}
STOCHASTIC = {
    "as_registered": {"mi"},
    "as_recommended": {"rerandomisation", "mi", "mi_hc3", "mi_adherence", "vas_mi", "responder_mi"},
}
# The reference is not interchangeable where the arm is imputed from it (reversed, another estimand), nor where the arm has live groups.
DIRECTED = ("jump_to_reference", "jump_to_reference_jackknife", "partially_nested")


class Told(NamedTuple):
    """A trial and one analysis of it, in one way of writing them down."""

    trial: Trial
    planned: PlannedAnalysis
    around: Circumstances


class Numbers(NamedTuple):
    """What a reader sees of a result."""

    estimate: float
    se: float
    df: float
    low: float
    high: float
    p: float


def lowered() -> dict[str, PlannedAnalysis]:
    return {one.id: one for plan in protocol().analysis.plans for one in lower_plan(protocol(), plan)}


PLANNED = lowered()
ROWS = (*trial_rows(protocol()), *count_rows(protocol()))
SETTLED = [f"{plan}.{name}" for plan, names in DETERMINISTIC.items() for name in sorted(names)]
DRAWN = [f"{plan}.{name}" for plan, names in STOCHASTIC.items() for name in sorted(names)]


@cache
def simulated() -> tuple[Trial, Circumstances]:
    """A replicate, and how its participants were randomised and grouped."""
    return trial_in_memory((11, 0), scenario(), mechanism(**GAPS), 200, protocol())


@cache
def told(name: str) -> Told:
    planned = PLANNED[name]
    if planned.analysis.m:
        planned = replace(planned, analysis=planned.analysis._replace(m=DRAWS))
    return Told(simulated()[0], planned, simulated()[1])


@cache
def plainly(name: str) -> Single:
    return result(told(name))


def result(case: Told) -> Single:
    single = carry_out(*case)
    assert single.estimate.status == Status.OK, (case.planned.id, single.estimate)
    return single


def numbers(single: Single, alpha: float = 0.05) -> Numbers:
    found = single.estimate
    low, high, p = finish(found.estimate, found.se, found.df, alpha)
    limits = single.interval or (float(low), float(high))
    return Numbers(found.estimate, found.se, found.df, *limits, float(p) if single.p is None else single.p)


def reordered(case: Told, seed: int = 3) -> Told:
    """The participants in another order; what is known of each goes along."""
    trial, around = case.trial, case.around
    order = np.random.default_rng(seed).permutation(trial.arm.size)
    place, random = np.argsort(order), around.randomised
    if random is not None:
        random = random._replace(order=place[random.order], factors=random.factors[:, order], stratum=random.stratum[order])
    group = None if around.group is None else around.group[order]
    filled = None if around.filled is None else around.filled[order]
    moved = make_trial(trial.values[:, order], trial.arm[order], trial.seed, trial.replicate)
    return Told(moved, case.planned, Circumstances(random, group, filled))


def reversed_contrast(case: Told) -> Told:
    """The contrast the other way round; deltas stay with their arms."""
    planned, own = case.planned, case.planned.analysis
    contrast = planned.contrast.model_copy(update={"arm": planned.contrast.reference, "reference": planned.contrast.arm})
    turned = own._replace(arm=own.reference, reference=own.arm, delta_arm=own.delta_reference, delta_reference=own.delta_arm)
    return case._replace(planned=replace(planned, analysis=turned, contrast=contrast))


def other_labels(case: Told) -> Told:
    """The arms with each other's number, in trial and contrast: the same comparison, keyed otherwise."""
    own = case.planned.analysis
    turned = replace(case.planned, analysis=own._replace(arm=own.reference, reference=own.arm))
    return case._replace(planned=turned, trial=case.trial._replace(arm=1 - case.trial.arm))


def other_units(case: Told, signs: float = 1.0) -> Told:
    """Continuous covariates and imputation variables in other units, from other origins; a responder's baseline stays."""
    values, names = case.trial.values.copy(), ["age", "bmi", "vas@baseline"]
    names += [] if case.planned.spec.entry.binary else ["odi@baseline"]
    for name, scale, origin in zip(names, (12.0, signs * 0.45, 10.0, 0.02), (-40.0, 300.0, 5.0, -1.0), strict=False):
        values[ROWS.index(name)] = origin + scale * values[ROWS.index(name)]
    return case._replace(trial=case.trial._replace(values=values))


SCALE, ORIGIN = 2.5, -17.0


def outcome_in_other_units(case: Told) -> Told:
    """The outcome in another unit, from another origin, with deltas, rule and range along; a responder's baseline too."""
    values, planned, own = case.trial.values.copy(), case.planned, case.planned.analysis
    for row in {own.response, own.baseline if planned.spec.entry.binary else own.response}:
        values[row] = ORIGIN + SCALE * values[row]
    own = own._replace(threshold=SCALE * own.threshold, delta_arm=SCALE * own.delta_arm, delta_reference=SCALE * own.delta_reference)
    scale = None if planned.scale is None else (ORIGIN + SCALE * planned.scale[0], ORIGIN + SCALE * planned.scale[1])
    return case._replace(trial=case.trial._replace(values=values), planned=replace(planned, analysis=own, scale=scale))


def assert_same(found: Single, expected: Single, within: float, factor: float = 1.0) -> None:
    """The result is the expected one times a factor, to `within` of its standard error."""
    a, b = numbers(found), numbers(expected)
    limits = sorted((factor * b.low, factor * b.high))
    wanted = (factor * b.estimate, abs(factor) * b.se, *limits)
    assert (a.estimate, a.se, a.low, a.high) == pytest.approx(wanted, rel=0.0, abs=within * abs(factor) * b.se)
    assert a.df == pytest.approx(b.df, rel=10.0 * within)  # df of Rubin and Satterthwaite are ratios of variances
    # dp/dt is below 0.8 p times (1 + |t|) up to |t| of 10 or so, and t moves by `within` times (1 + |t|).
    assert a.p == pytest.approx(b.p, rel=within * (1.0 + abs(b.estimate / b.se)) ** 2 * 10.0)
    assert (found.estimate.n_arm, found.estimate.n_reference) in (
        (expected.estimate.n_arm, expected.estimate.n_reference),
        (expected.estimate.n_reference, expected.estimate.n_arm),
    )


def factor_of(name: str) -> float:
    return SCALE if PLANNED[name].spec.measure == "mean_difference" else 1.0


def test_no_analysis_of_the_plans_is_forgotten_and_each_is_in_one_class() -> None:
    assert sorted((*SETTLED, *DRAWN)) == sorted(PLANNED)
    assert {name for name in PLANNED if plainly(name).estimate.mcse > 0.0} == set(DRAWN) - {"as_recommended.rerandomisation"}
    directed = {
        name for name, one in PLANNED.items() if one.spec.missing_data == "jump_to_reference" or one.spec.method == "partially_nested"
    }
    assert directed == {f"as_recommended.{one}" for one in DIRECTED}


def test_the_trial_has_what_could_go_wrong() -> None:
    trial, around = simulated()
    seen = ~np.isnan(trial.values[ROWS.index("odi@week6")])
    assert 0.45 < seen.mean() < 0.75
    assert around.filled is not None
    assert around.filled.sum() >= 20
    assert around.randomised is not None
    assert around.randomised.scheme is not None
    assert around.group is not None
    assert np.unique(around.group).size >= 5


@pytest.mark.parametrize("name", SETTLED)
def test_the_order_of_participants_is_of_no_account(name: str) -> None:
    assert_same(result(reordered(told(name))), plainly(name), EXACT)


@pytest.mark.parametrize("name", [name for name in SETTLED if name.partition(".")[2] not in DIRECTED])
def test_the_contrast_reversed_turns_the_sign_and_nothing_else(name: str) -> None:
    assert_same(result(reversed_contrast(told(name))), plainly(name), EXACT, -1.0)


def test_live_groups_of_the_reference_are_refused() -> None:
    """The model has them in the arm: the contrast reversed is refused, never answered without them."""
    found = carry_out(*reversed_contrast(told("as_recommended.partially_nested"))).estimate
    assert (found.status, found.reason) == (Status.NOT_ESTIMABLE, Reason.FEW_GROUPS)


@pytest.mark.parametrize("name", SETTLED)
def test_the_numbers_of_the_arms_are_of_no_account(name: str) -> None:
    assert_same(result(other_labels(told(name))), plainly(name), EXACT)


@pytest.mark.parametrize("name", SETTLED)
def test_units_and_origins_of_covariates_are_of_no_account(name: str) -> None:
    assert_same(result(other_units(told(name), -1.0)), plainly(name), EXACT)


@pytest.mark.parametrize("name", SETTLED)
def test_the_result_has_the_outcomes_unit(name: str) -> None:
    assert_same(result(outcome_in_other_units(told(name))), plainly(name), EXACT, factor_of(name))


def test_tipping_deltas_have_the_outcomes_unit_and_change_arms_with_the_contrast() -> None:
    name = "as_recommended.tipping_point"
    plain, scaled = plainly(name).details, result(outcome_in_other_units(told(name))).details
    assert plain["zero_delta"] is not None
    for key in ("tipping_delta", "tipping_delta_other", "zero_delta"):
        if plain[key] is None:
            assert scaled[key] is None
        else:
            assert scaled[key] == pytest.approx(SCALE * plain[key], rel=1e-8)  # roots to 1e-12 of the scale's width, over a small slope
    assert np.array(scaled["frontier"]["p"]) == pytest.approx(np.array(plain["frontier"]["p"]), rel=1e-8)
    # What moves the reference in the one direction is a row of the frontier in the other.
    turned = result(reversed_contrast(told(name))).details["frontier"]
    assert np.array(turned["estimate"]) == pytest.approx(-np.array(plain["frontier"]["estimate"]).T, abs=1e-9)


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_results_turn_the_sign_with_the_contrast(name: str) -> None:
    """Imputations are addressed by arm and participant, allocations by place on the list: the contrast keys nothing."""
    assert_same(result(reversed_contrast(told(name))), plainly(name), EXACT, -1.0)


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_results_keep_their_draws_when_units_change(name: str) -> None:
    """Increasing changes only: with a variable's sign the draws change, not their distribution."""
    assert_same(result(other_units(told(name))), plainly(name), EXACT)
    assert_same(result(outcome_in_other_units(told(name))), plainly(name), EXACT, factor_of(name))


@pytest.mark.parametrize("change", [reordered, other_labels, lambda case: other_units(case, -1.0)], ids=["order", "arms", "sign"])
@pytest.mark.parametrize("name", DRAWN)
def test_new_draws_agree_within_monte_carlo_error(name: str, change: Callable[[Told], Told]) -> None:
    found, expected = result(change(told(name))), plainly(name)
    if name.endswith("rerandomisation"):
        assert_same(found._replace(p=expected.p), expected, EXACT)
        a, b = (one.details["mean_residual_difference"] for one in (found, expected))
        assert abs(a["p"] - b["p"]) < REPLICATES * np.hypot(a["p_mcse"], b["p_mcse"])
        return
    a, b = found.estimate, expected.estimate
    assert a.mcse > 0.0
    assert abs(a.estimate - b.estimate) < REPLICATES * np.hypot(a.mcse, b.mcse)
    # Normal draws: B is B chi2(m - 1) / (m - 1). Of W the error is far smaller (docs/statistics/exact_limit.md).
    m = DRAWS if PLANNED[name].spec.m != "automatic" else int(min(one.details["m"] for one in (found, expected)))
    assert a.between == pytest.approx(b.between, rel=REPLICATES * 2.0 / np.sqrt(m - 1.0))
    assert a.within == pytest.approx(b.within, rel=REPLICATES * 2.0 / np.sqrt(m - 1.0))


# An outcome with several visits: the plan of the antidepressant example, on a small synthetic trial in its rows.

VISITED = load_protocol(ROOT / "protocol" / "examples" / "antidepressant_dia" / "protocol.yaml")
SERIES: dict[str, PlannedAnalysis] = {one.id.partition(".")[2]: one for plan in VISITED.analysis.plans for one in lower_plan(VISITED, plan)}
LIKELIHOOD = [name for name, one in SERIES.items() if one.spec.missing_data == "likelihood"]
REFERENCED = ["jump_rubin_visit7", "copy_rubin_visit7", "increments_rubin_visit7", "last_mean_rubin_visit7", "jump_rubin_visit5"]
VARIANCES = ("rubin", "jackknife", "information_anchored")


@cache
def depression_trial(n: int = 44) -> Trial:
    """Four visits that get better, a third of the participants leaving after one of them, one gap."""
    rng = np.random.default_rng(5)
    arm, baseline = rng.permutation(np.arange(n) % 2), 18.0 + 5.0 * rng.standard_normal(n)
    course = np.cumsum(rng.standard_normal((4, n)) * 3.0, axis=0) - np.arange(1.0, 5.0)[:, None] * (2.0 + 0.7 * (arm == 0))
    visits = course + 0.3 * (baseline - 18.0)
    last = rng.choice([1, 2, 3, 4], size=n, p=[0.1, 0.12, 0.12, 0.66])
    visits[np.arange(4)[:, None] >= last] = np.nan
    visits[1, np.flatnonzero(last == 4)[0]] = np.nan
    return make_trial(np.vstack([baseline, visits]), arm, 3)


def visited(name: str, m: int = 100) -> Told:
    planned = SERIES[name]
    analysis = planned.analysis._replace(m=m) if planned.analysis.m else planned.analysis
    return Told(depression_trial(), replace(planned, analysis=analysis), Circumstances())


@cache
def plainly_visited(name: str) -> Single:
    return result(visited(name))


def baseline_in_other_units(case: Told) -> Told:
    values = case.trial.values.copy()
    values[0] = 100.0 + 4.0 * values[0]
    return case._replace(trial=case.trial._replace(values=values))


def visits_in_other_units(case: Told) -> Told:
    values = case.trial.values.copy()
    values[1:] = ORIGIN + SCALE * values[1:]
    return case._replace(trial=case.trial._replace(values=values))


@pytest.mark.parametrize("name", LIKELIHOOD)
def test_models_of_repeated_measures_keep_their_numbers(name: str) -> None:
    case, expected = visited(name), plainly_visited(name)
    assert_same(result(reordered(case)), expected, EXACT)
    assert_same(result(baseline_in_other_units(case)), expected, EXACT)
    assert_same(result(reversed_contrast(case)), expected, EXACT, -1.0)
    assert_same(result(other_labels(case)), expected, EXACT)
    assert_same(result(visits_in_other_units(case)), expected, EXACT, SCALE)


def part(single: Single, variance: str) -> Floats:
    shown: dict[str, Any] = single.details[variance]
    return np.array([shown["estimate"], shown["se"], shown["ci_low"], shown["ci_high"]])


@pytest.mark.parametrize("name", REFERENCED)
def test_reference_based_results_keep_their_numbers(name: str) -> None:
    """Conditional means with both jackknives to the accuracy of their maxima; drawn ones with the draws that they keep."""
    case, expected = visited(name), plainly_visited(name)
    for change, scale in ((baseline_in_other_units, 1.0), (visits_in_other_units, SCALE)):
        found = result(change(case))
        for variance in VARIANCES:
            wanted = scale * part(expected, variance)
            assert part(found, variance) == pytest.approx(wanted, rel=0.0, abs=EXACT * wanted[1]), (change, variance)


@pytest.mark.parametrize("name", REFERENCED)
def test_reference_based_results_of_relabelled_participants(name: str) -> None:
    found, expected = result(reordered(visited(name))), plainly_visited(name)
    for variance in ("jackknife", "information_anchored"):
        wanted = part(expected, variance)
        assert part(found, variance) == pytest.approx(wanted, rel=0.0, abs=EXACT * wanted[1])
    a, b = found.estimate, expected.estimate
    assert abs(a.estimate - b.estimate) < REPLICATES * np.hypot(a.mcse, b.mcse)


def test_with_the_arms_called_otherwise_jump_to_reference_is_the_same_comparison() -> None:
    """Numbers and contrast turned together leave the imputed arm the imputed arm."""
    found, expected = result(other_labels(visited("jump_rubin_visit7"))), plainly_visited("jump_rubin_visit7")
    for variance in ("jackknife", "information_anchored"):
        wanted = part(expected, variance)
        assert part(found, variance) == pytest.approx(wanted, rel=0.0, abs=EXACT * wanted[1])
    assert abs(found.estimate.estimate - expected.estimate.estimate) < REPLICATES * np.hypot(found.estimate.mcse, expected.estimate.mcse)
