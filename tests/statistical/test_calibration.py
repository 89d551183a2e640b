"""Calibration: the observed score hits its targets, a fresh cohort and fresh trials agree, impossible targets are refused.

The truths of the estimands are held to their definitions, person by person, and to identities between them.

Seeded. Where two random quantities are compared, the bound is 5 standard errors of their difference (two-sided 6e-7 each).
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from odisea.allocation.plan import RandomisationPlan, scheme
from odisea.compiled import compiled
from odisea.errors import ProtocolError
from odisea.performance.power import Study
from odisea.simulate.achieved import Shown, Truths, achieved, occurrences, truths
from odisea.simulate.calibrate import SCALE, calibrate
from odisea.simulate.calibration_file import calibration_digest, read_calibration, write_calibration
from odisea.simulate.mechanism import (
    AS_TREATED,
    BY_STRATEGY,
    CAUSES,
    COMPLETED,
    CONTROL,
    EVENTS,
    FULL_DOSE,
    ODI_BASELINE,
    ODI_WEEK6,
    STRATEGIES,
    SURGERY,
    TELE,
    VAS_WEEK6,
    WEEKS,
    Mechanism,
    Regime,
)
from odisea.simulate.observe import BLOCK, DOMAIN, STEPS_PER_POINT, TruthTally, as_answered, empty_tally, observe, observe_truths
from odisea.simulate.replicate import Cohort, begin, enrol, live_through, make_cohort, measure, simulate_trial
from odisea.simulate.textbook import Calibration
from tests.declared import analysis_rows, mechanism, scenario, scenarios
from tests.worlds import changed, prepared

Floats = NDArray[np.float64]
SEED, PEOPLE = 19390060, 1 << 16  # a sixteenth of the cohort that results use; targets are met on it all the same
FEWER = 1 << 14  # where only the search is looked at, or the same people are counted twice
OTHER_SEED = 77
Z = 5.0
# The registered calculation itself is no_attrition with fewer participants: the same calibration (tested below).
WORLDS = tuple(name for name, spec in scenarios().scenarios.items() if not (spec.textbook or spec.participants))
# What calibration promises, per kind of target.
PROMISED = {"mean": 0.05, "sd": 0.05, "correlation": 0.005, "loss": 0.005, "adherence": 0.005, "icc": 0.002}


@cache
def calibration(name: str, people: int = PEOPLE) -> Calibration:
    return calibrate(scenario(name), mechanism(name), *analysis_rows(), SEED, people, 1)


def promise(quantity: str) -> float:
    kinds = {
        "odi_mean": "mean",
        "control_change": "mean",
        "effect": "mean",
        "odi_sd": "sd",
        "odi_correlation": "correlation",
        "loss": "loss",
        "adherence_mean": "adherence",
        "live_icc": "icc",
    }
    return PROMISED[next(kind for start, kind in kinds.items() if quantity.startswith(start))]


COMPARED = ("registered", "mnar_by_arm", "evidence_based")  # with cohorts and trials that calibration does not see


def wanted(name: str) -> Mapping[str, float]:
    """What the scenario asks of the observed score and of the losses, by the names of `achieved`."""
    one = scenario(name)
    score = ("odi_mean_baseline", "odi_sd_baseline", "odi_sd_week6", "odi_correlation", "control_change", "effect")
    out = {quantity: one.values[quantity] for quantity in score if quantity not in one.follows_the_model}
    if one.values["effect"] == 0.0:
        del out["effect"]  # not a target: the programme does nothing, and what is left is chance in the groups' effects
    if one.values["live_icc"] == 0.0:
        assert mechanism(name).course.group_sd == 0.0
    else:
        out["live_icc"] = one.values["live_icc"]
    out |= {name: one.values[name] for name in ("adherence_mean", "loss_total", "loss_difference")}
    return out | {f"loss_share_{cause}": one.values["loss_total"] * one.values[f"loss_part_{cause}"] for cause in CAUSES}


# ---------------------------------------------------------------- targets


def test_the_solver_is_held_to_what_is_promised() -> None:
    assert SCALE == PROMISED


@pytest.mark.parametrize("name", WORLDS)
def test_every_target_is_met(name: str) -> None:
    reached = calibration(name, PEOPLE if name in COMPARED else FEWER).achieved
    for quantity, value in wanted(name).items():
        assert reached[quantity][0] == pytest.approx(value, abs=promise(quantity)), quantity


def test_the_registered_world_meets_its_targets_on_a_million_people(study: Study, store: Path) -> None:
    found = prepared(study, changed(study, "registered"), store).calibration
    assert found.truths.people >= 10**6
    for quantity, value in wanted("registered").items():
        assert found.achieved[quantity][0] == pytest.approx(value, abs=promise(quantity)), quantity


def test_the_baseline_sd_follows_the_model_where_the_scenario_says_so() -> None:
    found, values = calibration("registered"), scenario("registered").values
    course = found.mechanism.course
    assert course.sd_baseline * values["odi_sd_ratio"] == course.sd_week6
    assert found.achieved["odi_sd_baseline"][0] > 20.0  # not the 14 of the published trials
    assert "sd_baseline" not in found.solved


def test_no_effect_is_no_difference_for_anybody() -> None:
    """Whatever is asked, the answer is 0 to the last bit; only live-session groups, which exist in one arm, could make a difference."""
    found = calibrate(scenario("null"), mechanism("null"), *analysis_rows(), SEED, FEWER, 1)
    assert found.mechanism.course.effect == found.mechanism.course.group_sd == 0.0
    assert found.achieved["effect"] == found.achieved["vas_effect"] == (0.0, 0.0)
    assert set(found.truths.estimands.values()) == {(0.0, 0.0)}
    assert found.truths.effect == found.truths.effect_mcse == 0.0
    np.testing.assert_array_equal(found.truths.changes[0], found.truths.changes[1])
    np.testing.assert_array_equal(found.truths.changes_composite[0], found.truths.changes_composite[1])
    for event in EVENTS:
        assert found.achieved[f"{event}_control"] == found.achieved[f"{event}_tele"]


def test_groups_without_an_effect_leave_a_truth_of_zero_and_hardly_anything_beside() -> None:
    """The truth is stated as 0; the cohort shows chance, and some hundredths of a point that the floor makes of the groups' spread."""
    found = calibration("clustered", FEWER)
    assert set(found.truths.estimands.values()) == {(0.0, 0.0)}
    value, mcse = found.achieved["effect"]
    assert mcse > 0.0
    # A trial of 200 has a standard error of about 2 points: a twentieth of it moves no decision.
    assert abs(value) < 0.1 + Z * mcse
    assert found.achieved["odi_sd_week6_tele"][0] > found.achieved["odi_sd_week6_control"][0]


def test_without_loss_nothing_is_solved_for_it() -> None:
    found = calibration("no_attrition")
    assert not any(name.startswith("log_hazard") or name == "arm_shift" for name in found.solved)
    assert found.achieved["loss_total"][0] == 0.0
    np.testing.assert_array_equal(found.truths.changes, found.truths.changes_kept)


def test_scenarios_that_differ_in_loss_only_share_their_latent_course() -> None:
    courses = [calibration(name).mechanism.course for name in ("registered", "no_attrition", "attrition_20", "mnar_by_arm")]
    assert all(course == courses[0] for course in courses)


# ---------------------------------------------------------------- an independent cohort


def fresh(name: str, seed: int, people: int = PEOPLE) -> Shown:
    recipes, rows = analysis_rows()
    tally = observe(seed, people, calibration(name).mechanism, recipes, np.zeros(len(rows)), 1)
    assert tally is not None
    return achieved(tally, rows)


@pytest.mark.parametrize("name", COMPARED)
def test_an_independent_cohort_agrees_within_the_monte_carlo_errors(name: str) -> None:
    threshold = scenario(name).values["recovery_threshold"]
    own, other = calibration(name).achieved, fresh(name, OTHER_SEED)
    other |= occurrences(observe_truths(OTHER_SEED, PEOPLE, calibration(name).mechanism, threshold, 1))
    assert own.keys() == other.keys()
    for quantity, (value, mcse) in own.items():
        again, again_mcse = other[quantity]
        assert abs(value - again) <= Z * np.hypot(mcse, again_mcse), quantity


def test_the_stated_monte_carlo_errors_are_not_too_small() -> None:
    """The scatter over 48 cohorts of 8,192 people against the stated error.

    Stated errors are those of normal scores (or upper bounds); heavier tails make the true ones up to a fifth larger. Then
    a scatter above 1.7 times the stated error has a probability of 3e-5 (chi-square with 47 degrees of freedom).
    """
    for name in ("evidence_based", "mnar_by_arm"):
        seen = [fresh(name, seed, 1 << 13) for seed in range(1000, 1048)]
        for quantity, (_, stated) in seen[0].items():
            scatter = np.std([one[quantity][0] for one in seen], ddof=1)
            assert scatter <= 1.7 * stated, (name, quantity)


# ---------------------------------------------------------------- fresh trials, with drawn losses and two arms


class Sums:
    """Sums over the participants of many simulated trials, by arm (0 control, 1 programme)."""

    def __init__(self, model: Mechanism, trials: int, size: int, seed: int) -> None:
        self.n = np.zeros(2)
        self.moments = np.zeros((2, 5))  # before, after, before**2, after**2, before * after
        self.lost = np.zeros((2, len(CAUSES)))
        self.responders = np.zeros((2, 2))  # improvement of 10 or more: everybody, everybody who is seen
        assert add_trials(seed, trials, model, make_cohort(size), self.n, self.moments, self.lost, self.responders)


@compiled
def add_trials(
    seed: int, trials: int, model: Mechanism, cohort: Cohort, n: Floats, moments: Floats, lost: Floats, responders: Floats
) -> bool:
    for replicate in range(trials):
        if not simulate_trial(seed, replicate, model, cohort):
            return False
        for i in range(cohort.arm.size):
            arm = cohort.exposed[i]
            before, total, answered = cohort.recorded[ODI_BASELINE, i], 0.0, 0.0
            for answer in cohort.items_week6[:, i]:
                if not np.isnan(answer):
                    total += answer
                    answered += 1.0
            after = 20.0 * total / answered
            n[arm] += 1.0
            moments[arm, 0] += before
            moments[arm, 1] += after
            moments[arm, 2] += before * before
            moments[arm, 3] += after * after
            moments[arm, 4] += before * after
            improved = 1.0 if before - after >= 10.0 - 1e-9 else 0.0
            responders[arm, 0] += improved
            if cohort.cause[i] >= 0:
                lost[arm, cohort.cause[i]] += 1.0
            else:
                responders[arm, 1] += improved
    return True


@pytest.mark.parametrize("name", ["registered", "mnar_by_arm"])
def test_fresh_trials_have_the_calibrated_moments_losses_and_truths(name: str) -> None:
    """600 trials of 1,000, arms of different people and losses as draws: a path that shares no tally with calibration.

    Members of a live-session group share something; the programme arm's variance of a mean is 1 + 9 icc = 1.18 times as large.
    """
    found = calibration(name)
    sums = Sums(as_answered(found.mechanism), 600, 1_000, seed=31)
    n, mean = sums.n, sums.moments / sums.n[:, None]
    assert n.tolist() == [300_000.0, 300_000.0]
    reached = {quantity: value for quantity, (value, _) in found.achieved.items()}
    error = {quantity: mcse for quantity, (_, mcse) in found.achieved.items()}
    sd_before, sd_after = reached["odi_sd_baseline"], reached["odi_sd_week6"]
    clustered = 1.0 + (found.mechanism.course.group_size - 1.0) * scenario(name).values["live_icc"]
    mean_se = sd_after * np.sqrt(1.0 / n[0] + clustered / n[1])

    def close(value: float, quantity: str, standard_error: float) -> None:
        assert abs(value - reached[quantity]) < Z * np.hypot(standard_error, error[quantity]), quantity

    close(float(mean[:, 0].mean()), "odi_mean_baseline", sd_before / np.sqrt(n.sum()))
    close(float(mean[1, 1] - mean[0, 1]), "effect", float(mean_se))
    close(float(mean[0, 1] - mean[0, 0]), "control_change", reached["odi_change_sd"] * 1.2 / np.sqrt(n[0]))
    variance = mean[:, 3] - mean[:, 1] ** 2
    close(float(np.sqrt(variance.mean())), "odi_sd_week6", sd_after / np.sqrt(2.0 * n.sum()) * 1.2)
    crossing = mean[:, 4] - mean[:, 0] * mean[:, 1]
    spread_before = mean[:, 2] - mean[:, 0] ** 2
    correlation = float(crossing.mean() / np.sqrt(variance.mean() * spread_before.mean()))
    close(correlation, "odi_correlation", 1.0 / np.sqrt(n.sum()))
    shares = sums.lost / n[:, None]
    for cause, share in zip(CAUSES, shares.mean(axis=0), strict=True):
        close(float(share), f"loss_share_{cause}", float(np.sqrt(share * (1.0 - share) / n.sum())))
    close(float(shares.sum() / 2.0), "loss_total", float(np.sqrt(0.25 / n.sum())))
    close(float(shares[1].sum() - shares[0].sum()), "loss_difference", float(np.sqrt(0.5 / n[0])))
    for column, missing_counts in enumerate((False, True)):
        share = sums.responders[:, column] / n
        truth, mcse = found.truths.responder_difference(10.0, missing_counts)
        own = np.sqrt((share * (1.0 - share) / n).sum() * clustered)
        assert abs(share[1] - share[0] - truth) < Z * np.hypot(own, mcse)


IMPROVEMENT = np.arange(901) / STEPS_PER_POINT - 100.0


def test_the_histogram_of_improvements_is_a_distribution() -> None:
    for name in ("registered", "evidence_based"):
        facts = calibration(name).truths
        np.testing.assert_allclose(facts.changes.sum(axis=1), 1.0, rtol=1e-12)
        kept = 1.0 - np.array([calibration(name).achieved[f"loss_{arm}"][0] for arm in ("control", "tele")])
        np.testing.assert_allclose(facts.changes_kept.sum(axis=1), kept, rtol=1e-9)
        assert (facts.changes_kept <= facts.changes + 1e-15).all()
        mean = facts.changes @ IMPROVEMENT
        assert mean[0] - mean[1] == pytest.approx(facts.effect, abs=1e-9)
        assert (facts.changes_composite <= facts.changes + 1e-15).all()


def test_a_threshold_counts_from_itself() -> None:
    facts = calibration("evidence_based").truths
    for threshold in (8.0, 10.0, 12.0):
        at_least = facts.changes[:, threshold - 1e-9 <= IMPROVEMENT].sum(axis=1)
        assert facts.responder_difference(threshold, False)[0] == pytest.approx(at_least[1] - at_least[0], abs=1e-12)
    assert facts.responder_difference(9.5, False)[0] == facts.responder_difference(10.0, False)[0]


# ---------------------------------------------------------------- truths are potential outcomes


class Facts(NamedTuple):
    """The truths of a mechanism that needs no calibration for what is asked, and the tally behind them."""

    truths: Truths
    tally: TruthTally

    def of(self, estimand: str) -> float:
        return self.truths.estimands[estimand][0]


def facts_of(model: Mechanism) -> Facts:
    recipes, rows = analysis_rows()
    tally = observe(SEED, FEWER, model, recipes, np.zeros(len(rows)), 1)
    more = observe_truths(SEED, FEWER, model, 20.0, 1)
    assert tally is not None
    return Facts(truths(tally, more, rows), more)


def with_strategies(model: Mechanism, *strategies: str) -> Mechanism:
    indices = np.array([STRATEGIES.index(strategy) for strategy in strategies], dtype=np.int64)
    return model._replace(events=model.events._replace(strategy=indices))


def all_with(model: Mechanism, strategy: str) -> Mechanism:
    return with_strategies(model, *[strategy] * (len(EVENTS) + 1))


def without_events(model: Mechanism) -> Mechanism:
    return model._replace(events=model.events._replace(probability=np.zeros((2, len(EVENTS)))))


def independent(model: Mechanism) -> Mechanism:
    """The mechanism without live-session groups and without leaks: what happens in one arm touches nobody else."""
    return model._replace(course=model.course._replace(group_sd=0.0, leak_share=0.0))


class Outcome(NamedTuple):
    """The people of the calibration cohort under one exposure and regime, in its order."""

    improvement: Floats
    odi: Floats
    pain: Floats
    engaged: Floats  # (6, n)
    event_week: Floats  # (4, n)


def lived(model: Mechanism, exposure: int, regime: Regime) -> Outcome:
    """Every person of the cohort, looked at one block after the other without any tally."""
    full, cohort, blocks = as_answered(model), make_cohort(BLOCK), []
    for block in range(FEWER // BLOCK):
        assert enrol(SEED, DOMAIN + block, full, cohort)
        begin(SEED, DOMAIN + block, full, cohort)
        cohort.exposed[:] = exposure
        live_through(SEED, DOMAIN + block, full, regime, cohort)
        measure(SEED, DOMAIN + block, full, cohort)
        odi = cohort.recorded[ODI_WEEK6]
        parts = (cohort.recorded[ODI_BASELINE] - odi, odi, cohort.recorded[VAS_WEEK6], cohort.engaged, cohort.event_week)
        blocks.append(tuple(part.copy() for part in parts))
    return Outcome(*(np.concatenate(part, axis=-1) for part in zip(*blocks, strict=True)))


def test_every_estimand_is_the_difference_that_its_name_says() -> None:
    model = with_strategies(mechanism(), "hypothetical", "treatment_policy", "composite", "hypothetical", "composite")
    facts, control, treated = facts_of(model), lived(model, CONTROL, AS_TREATED), lived(model, TELE, AS_TREATED)
    started = treated.engaged[0] == 1.0
    expected = {
        "treatment_policy": (treated.odi - control.odi).mean(),
        "by_strategy": (lived(model, TELE, BY_STRATEGY).odi - lived(model, CONTROL, BY_STRATEGY).odi).mean(),
        "completed": (lived(model, TELE, COMPLETED).odi - control.odi).mean(),
        "full_dose": (lived(model, TELE, FULL_DOSE).odi - control.odi).mean(),
        "complier": (treated.odi - control.odi)[started].mean(),
        "vas": (treated.pain - control.pain).mean(),
    }
    found = {name: value for name, (value, _) in facts.truths.estimands.items()}
    del found["reference_based"]  # in a test of its own
    assert found == pytest.approx(expected, abs=1e-9)
    assert len(set(expected.values())) == len(expected)
    # Composite: an improvement counts only without surgery and, in the programme arm, only for who stays to the end.
    stays = treated.engaged[WEEKS - 1] == 1.0
    responds = [
        (one.improvement >= 10.0 - 1e-9) & (one.event_week[SURGERY] < 0.0) & (stays if one is treated else True)
        for one in (control, treated)
    ]
    assert facts.truths.composite_difference(10.0)[0] == pytest.approx(responds[1].mean() - responds[0].mean(), abs=1e-12)
    assert facts.tally.started.tolist() == [started.sum(), stays.sum()]


def test_where_loss_is_by_chance_the_reference_based_effect_is_the_kept_share_of_the_whole() -> None:
    """Exact where everybody has the same chance of being seen: the lost of the programme have the difference 0."""
    chance = {"loss_part_mcar": 1.0, "loss_part_mar_covariates": 0.0, "loss_part_mar_adherence": 0.0, "loss_part_mnar": 0.0}
    facts = facts_of(mechanism(**chance))
    kept = facts.truths.changes_kept[TELE].sum()
    assert 0.3 < kept < 0.95
    assert facts.of("reference_based") == pytest.approx(kept * facts.of("treatment_policy"), rel=1e-9)


@pytest.mark.parametrize("attention", [0.0, 0.4])
def test_the_complier_effect_is_the_overall_effect_over_the_share_that_starts(attention: float) -> None:
    """Exact where nothing but the programme differs between arms: who does not start has the same outcome in both."""
    model = independent(without_events(mechanism(attention_share=attention)))
    facts = facts_of(model)
    share = facts.tally.started[0] / facts.tally.people[0]
    assert 0.5 < share < 0.95
    assert facts.of("complier") == pytest.approx(facts.of("treatment_policy") / share, rel=1e-10)


def test_other_care_and_leaks_break_the_complier_identity() -> None:
    for model in (independent(mechanism()), without_events(mechanism("contaminated"))):
        facts = facts_of(model)
        share = facts.tally.started[0] / facts.tally.people[0]
        assert abs(facts.of("complier") - facts.of("treatment_policy") / share) > 0.01


def test_by_strategy_is_treatment_policy_where_that_is_every_strategy() -> None:
    facts = facts_of(all_with(mechanism(), "treatment_policy"))
    assert facts.of("by_strategy") == pytest.approx(facts.of("treatment_policy"), abs=1e-10)
    np.testing.assert_array_equal(facts.truths.changes_composite, facts.truths.changes)


def test_without_other_care_the_programme_would_show_more() -> None:
    """Controls have more rescue and rehabilitation, which help them: to wish both away makes the difference larger."""
    facts = facts_of(all_with(mechanism(), "hypothetical"))
    assert facts.of("by_strategy") < facts.of("treatment_policy") - 0.05
    nothing = facts_of(without_events(all_with(mechanism(), "hypothetical")))
    assert facts.of("by_strategy") == pytest.approx(nothing.of("treatment_policy"), abs=1e-10)


@pytest.mark.parametrize("name", ["evidence_based", "dose_threshold"])
def test_who_would_complete_or_take_everything_would_gain_more(name: str) -> None:
    facts = facts_of(mechanism(name))
    assert facts.of("full_dose") < facts.of("completed") < facts.of("treatment_policy") < 0.0
    assert facts.of("complier") < facts.of("treatment_policy")


# ---------------------------------------------------------------- other ratios and more arms


@pytest.mark.parametrize(("ratio", "exposed", "share"), [((2, 1), 0, 2 / 3), ((1, 1, 1), 0, 1 / 3), ((3, 1, 1), 1, 1 / 5)])
def test_calibration_weighs_the_arms_by_the_allocation_ratio(ratio: tuple[int, ...], exposed: int, share: float) -> None:
    """The pooled SD and the losses hold over all randomised; fresh trials in that ratio lose the declared share to each cause."""
    plan = RandomisationPlan(method="permuted_blocks", block_sizes=(2 * sum(ratio),))
    draft = mechanism("mnar_by_arm")
    draft = draft._replace(allocation=draft.allocation._replace(scheme=scheme(plan, ratio), exposed=exposed))
    one = scenario("mnar_by_arm", loss_difference=0.1)
    found = calibrate(one, draft, *analysis_rows(), SEED, FEWER, 1)
    for quantity, value in {**wanted("mnar_by_arm"), "loss_difference": 0.1}.items():
        assert found.achieved[quantity][0] == pytest.approx(value, abs=promise(quantity)), quantity
    reached = {quantity: value for quantity, (value, _) in found.achieved.items()}
    assert share * reached["loss_tele"] + (1.0 - share) * reached["loss_control"] == pytest.approx(reached["loss_total"], abs=1e-12)
    pooled = share * reached["odi_sd_week6_tele"] ** 2 + (1.0 - share) * reached["odi_sd_week6_control"] ** 2
    assert pooled == pytest.approx(reached["odi_sd_week6"] ** 2, rel=1e-12)
    sums = Sums(as_answered(found.mechanism), 100, 900, seed=37)
    assert sums.n.tolist() == pytest.approx([90_000 * (1.0 - share), 90_000 * share])
    for cause, lost in zip(CAUSES, sums.lost.sum(axis=0) / sums.n.sum(), strict=True):
        expected, mcse = found.achieved[f"loss_share_{cause}"]
        assert abs(lost - expected) < Z * np.hypot(mcse, np.sqrt(expected / sums.n.sum())), cause


# ---------------------------------------------------------------- the textbook world


def test_the_textbook_world_is_its_own_calibration_and_its_responders_follow_the_normal_distribution() -> None:
    found = calibration("textbook")
    values = scenario("textbook").values
    assert {quantity: value for quantity, (value, _) in found.achieved.items()} == {
        "odi_mean_baseline": 30.0, "odi_sd_baseline": 18.0, "odi_sd_week6": 18.0, "odi_correlation": 0.5,
        "control_change": -3.0, "effect": -10.0, "loss_total": 0.4, "loss_difference": 0.0,
    }  # fmt: skip
    assert all(mcse == 0.0 for _, mcse in found.achieved.values())
    n = 400_000
    cohort = make_cohort(n)
    assert simulate_trial(3, 0, found.mechanism._replace(outcome=found.mechanism.outcome._replace(loss=0.0)), cohort)
    improved = cohort.recorded[ODI_BASELINE] - cohort.recorded[ODI_BASELINE + 1] >= 10.0
    share = [improved[cohort.exposed == arm].mean() for arm in (0, 1)]
    truth, _ = found.truths.responder_difference(10.0, False)
    assert abs(share[1] - share[0] - truth) < Z * np.sqrt(0.5 / (n / 2))
    assert {name: value for name, (value, _) in found.truths.estimands.items()} == {
        **dict.fromkeys(("treatment_policy", "by_strategy", "completed", "full_dose", "complier"), -10.0),
        "reference_based": -6.0, "vas": 0.0,
    }  # fmt: skip
    assert found.truths.responder_difference(10.0, True)[0] == pytest.approx(truth * (1.0 - values["loss_total"]), rel=1e-12)


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("name", "changes", "missed"),
    [
        ("registered_literature_sd", {"effect": -45.0}, "effect"),
        ("registered", {"effect": -45.0}, "effect"),
        ("registered", {"odi_sd_week6": 45.0}, "odi_sd_week6"),
        ("evidence_based", {"odi_sd_week6": 45.0, "odi_sd_baseline": 45.0}, "odi_sd_baseline"),
        ("evidence_based", {"odi_correlation": 0.999}, "odi_correlation"),
        ("evidence_based", {"odi_mean_baseline": 0.0}, "odi_mean_baseline"),
        ("evidence_based", {"odi_sd_week6": 1.0, "odi_sd_baseline": 1.0, "item_total_sd": 0.0, "item_stable_sd": 0.0}, "odi_sd_week6"),
        ("evidence_based", {"adherence_mean": 0.95}, "adherence_mean"),  # one in seven never starts
        ("evidence_based", {"live_icc": 0.9}, "live_icc"),  # the groups' spread cannot be nearly all of it
    ],
)  # fmt: skip
def test_an_impossible_score_is_refused_once_and_by_name(name: str, changes: dict[str, float], missed: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        calibrate(scenario(name, **changes), mechanism(name, **changes), *analysis_rows(), SEED, 1 << 14, 1)
    problems = {problem.where: problem for problem in refusal.value.problems}
    own = problems[f"scenario {name}, {missed}"]
    assert own.found == f"the target {changes[missed]:g} cannot be reached together with the others of the score"
    assert own.allowed.startswith("the search ended at ")
    assert "bounded score" in own.remedy
    assert len(problems) == len(refusal.value.problems)


def test_low_engagement_alone_can_lose_as_many_in_both_arms() -> None:
    """The programme arm by its adherence, the control arm by the frailty behind it."""
    parts = {f"loss_part_{cause}": float(cause == "mar_adherence") for cause in CAUSES}
    found = calibrate(scenario(loss_total=0.3, **parts), mechanism(loss_total=0.3, **parts), *analysis_rows(), SEED, FEWER, 1)
    for quantity in ("loss_control", "loss_tele", "loss_share_mar_adherence"):
        assert found.achieved[quantity][0] == pytest.approx(0.3, abs=PROMISED["loss"]), quantity


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({"loss_total": 0.95, "loss_difference": 0.9}, "loss_difference"),
        ({"loss_total": 0.9, "loss_difference": 0.3}, "loss_difference"),  # the programme arm would have to lose 105 %
        ({"loss_total": 0.05, "loss_difference": -0.2}, "loss_difference"),  # and here -5 %
    ],
)
def test_losses_beyond_reach_are_refused_once_and_by_name(changes: dict[str, float], missed: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        calibrate(scenario(**changes), mechanism(**changes), *analysis_rows(), SEED, 1 << 14, 1)
    wheres = [problem.where for problem in refusal.value.problems]
    assert f"scenario evidence_based, {missed}" in wheres
    assert len(set(wheres)) == len(wheres)
    assert all("of the losses" in problem.found and "total loss" in problem.remedy for problem in refusal.value.problems)


def test_nobody_eligible_is_refused_in_words() -> None:
    model = mechanism()
    nobody = model._replace(population=model.population._replace(pain_min=10.5))
    with pytest.raises(ProtocolError, match="eligibility: hardly any simulated candidate is eligible"):
        calibrate(scenario(), nobody, *analysis_rows(), SEED, 1 << 14, 1)


# ---------------------------------------------------------------- the same digits, always


def assert_equal_calibrations(first: Calibration, second: Calibration) -> None:
    assert first.solved == second.solved
    assert first.achieved == second.achieved
    np.testing.assert_array_equal(first.covariance, second.covariance)
    assert first.truths.estimands == second.truths.estimands
    assert first.truths.people == second.truths.people
    for mine, other in zip(first.truths[1:4], second.truths[1:4], strict=True):
        np.testing.assert_array_equal(mine, other)
    assert_equal_parts(first.mechanism, second.mechanism)


def assert_equal_parts(first: object, second: object) -> None:
    """Tuples of tuples, arrays and numbers, equal to the last digit."""
    if isinstance(first, tuple):
        assert isinstance(second, tuple)
        for mine, other in zip(first, second, strict=True):
            assert_equal_parts(mine, other)
    else:
        np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.parametrize("workers", [3, 16])
def test_the_number_of_workers_does_not_change_a_digit(workers: int) -> None:
    assert_equal_calibrations(calibrate(scenario(), mechanism(), *analysis_rows(), SEED, PEOPLE, workers), calibration("evidence_based"))


def test_a_calibration_survives_its_file_to_the_last_digit(tmp_path: Path) -> None:
    found = calibration("mnar_by_arm")
    path = tmp_path / "calibration.json"
    write_calibration(path, found, scenario("mnar_by_arm"), analysis_rows()[1])
    assert_equal_calibrations(read_calibration(path, scenario("mnar_by_arm"), mechanism("mnar_by_arm")), found)


def test_the_digest_names_what_a_calibration_depends_on_and_nothing_else() -> None:
    recipes, rows = analysis_rows()
    spec = scenarios().calibration

    def digest(name: str, **changes: float) -> str:
        return calibration_digest(scenario(name, **changes), mechanism(name, **changes), recipes, rows, spec)

    own = digest("registered")
    # The same truth under another name and with another number of participants is the same calibration.
    assert digest("no_attrition") == digest("registered_analysed_120") != own
    assert digest("registered", effect=-9.0) != own
    assert digest("registered", adherence_mean=0.5) != own
    lenient = scenario("registered")._replace(strategies=("treatment_policy",) * 5)
    assert calibration_digest(lenient, mechanism("registered"), recipes, rows, spec) != own
    # A wider share of the programme arm weighs it more; the method of randomisation moves nothing that is calibrated.
    model = mechanism("registered")
    for ratio, method, same in (((2, 1), "simple", False), ((1, 1), "simple", True), ((1, 1), "big_stick", True)):
        plan = RandomisationPlan.model_validate({"method": method})
        drawn = model._replace(allocation=model.allocation._replace(scheme=scheme(plan, ratio)))
        assert (calibration_digest(scenario("registered"), drawn, recipes, rows, spec) == own) is same
    older = model._replace(population=model.population._replace(age_max=75.0))
    assert calibration_digest(scenario("registered"), older, recipes, rows, spec) != own
    other_cohort = spec.model_copy(update={"seed": spec.seed + 1})
    assert calibration_digest(scenario("registered"), model, recipes, rows, other_cohort) != own


def test_truths_of_an_empty_cohort_are_never_asked_for() -> None:
    assert observe(SEED, 1, mechanism(), analysis_rows()[0], np.zeros(len(analysis_rows()[1])), 1) is not None
    assert empty_tally(3).people[0] == 0.0


def test_truths_come_from_the_whole_cohort() -> None:
    facts = facts_of(mechanism("registered"))
    assert facts.truths.people == facts.tally.people[0] == FEWER
