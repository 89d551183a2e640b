"""One simulated trial: equal to its slow twin, a pure function of its key, and changed only where a parameter acts."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from odisea.allocation.methods import allocate
from odisea.simulate.calendar_people import count_all_logins
from odisea.simulate.mechanism import (
    AS_TREATED,
    BY_STRATEGY,
    COMPLETED,
    EVENTS,
    FULL_DOSE,
    MAY_BE_MISSING,
    ODI_BASELINE,
    ODI_WEEK6,
    RECORDED,
    VAS_BASELINE,
    VAS_WEEK1,
    VAS_WEEK6,
    WEEKS,
    Mechanism,
    Regime,
)
from odisea.simulate.population import screen_units
from odisea.simulate.replicate import Cohort, make_cohort, simulate_trial
from tests.declared import NO_EVENTS, NO_FEEDBACK, allocated, followed, mechanism, protocol, scenarios, simulated
from tests.twins.trial import NEVER, Person, World

Bools = NDArray[np.bool_]
WORLDS = tuple(name for name, spec in scenarios().scenarios.items() if not spec.textbook)
WEEK6_ROWS = [ODI_WEEK6, VAS_WEEK6]
MESSAGE_ROWS = list(range(VAS_WEEK1, VAS_WEEK1 + WEEKS - 1))
BASELINE_ROWS = [row for row in range(len(RECORDED)) if row not in (*WEEK6_ROWS, *MESSAGE_ROWS)]
KEY = (20251003, 0)
FAR_KEY = (2**62 + 11, 2**35 + 3)


# ---------------------------------------------------------------- the slow twin


def crowded() -> Mechanism:
    """A world in which everything that is rare or off in the declared ones happens often."""
    shares = {f"event_share_{event}_{arm}": 0.4 for event in EVENTS for arm in ("control", "tele")}
    changes = {
        **shares, "event_slope_pregnancy": 0.3, "event_odi_pregnancy": 3.0, "event_vas_pregnancy": 0.4, "rescue_weeks": 1.0,
        "leak_share": 0.4, "leak_effect": 0.7, "live_icc": 0.1, "live_group_size": 5.0, "pain_on_disengagement": 1.0,
        "dose_threshold_weight": 0.4, "attention_share": 0.3, "loss_total": 0.6, "weekly_pain_answered": 0.6,
        "item_blank_baseline": 0.1, "item_blank_week6": 0.2, "covariate_missing": 0.3,
    }  # fmt: skip
    model = mechanism(**changes)
    return model._replace(
        measurement=model.measurement._replace(weekly_pain=1),
        engagement=model.engagement._replace(adherence_shift=0.4),
        dropout=model.dropout._replace(arm_shift=-0.3),
    )


def same_person(cohort: Cohort, place: int, person: Person) -> None:
    """Whole numbers must agree exactly; latent numbers to the rounding of `math` against our functions.

    The twin's cosine of an angle near a quarter turn carries an absolute error of 1e-15, so latent values of size 100
    agree to 1e-11; a whole number would differ only if it came from within that of a boundary.
    """
    assert cohort.units[place] == person.unit
    assert (cohort.exposed[place], cohort.group[place]) == (person.exposed, person.group)
    for name in ("traits", "dose", "untreated", "actual", "pain"):
        assert getattr(cohort, name)[:, place] == pytest.approx(getattr(person, name), abs=1e-11), name
    for name in ("engaged", "live", "diary", "event_week"):
        assert getattr(cohort, name)[:, place].tolist() == getattr(person, name), name
    for name in ("items_baseline", "items_week6"):
        np.testing.assert_array_equal(getattr(cohort, name)[:, place], getattr(person, name), err_msg=name)
    assert cohort.opened[:, place].tolist() == [float(count > 0) for count in person.logins]
    assert cohort.leak[place] == person.leak
    assert cohort.group_effect[place] == pytest.approx(person.group_effect, abs=1e-12)
    assert cohort.programme[place] == pytest.approx(person.programme, abs=1e-12)
    assert cohort.sensitivity[place] == pytest.approx(person.sensitivity, rel=1e-13)


def same_trial(cohort: Cohort, people: list[Person]) -> None:
    for place, person in enumerate(people):
        same_person(cohort, place, person)
        assert cohort.score[place] == pytest.approx(person.covariate_score, abs=1e-12)
        assert (cohort.week_lost[place], cohort.cause[place]) == (person.week_lost, person.cause)
        np.testing.assert_array_equal(cohort.recorded[:, place], person.recorded)


@pytest.mark.parametrize("name", WORLDS)
def test_a_trial_equals_its_slow_twin(name: str) -> None:
    model = mechanism(name)
    cohort = simulated(model, 60, *KEY)
    same_trial(cohort, World(*KEY, model).trial((cohort.exposed == 1).tolist()))


def test_a_trial_in_which_everything_happens_equals_its_slow_twin() -> None:
    model = crowded()
    cohort = simulated(model, 120, *FAR_KEY)
    people = World(*FAR_KEY, model).trial((cohort.exposed == 1).tolist())
    same_trial(cohort, people)
    logins = count_all_logins(*FAR_KEY, model, cohort)
    assert logins.T.tolist() == [person.logins for person in people]
    for event in range(len(EVENTS)):
        assert {-1.0, 0.0} < set(cohort.event_week[event]), EVENTS[event]
    assert set(cohort.group.tolist()) == {-1, *range(12)}
    for row in (*MAY_BE_MISSING, ODI_BASELINE, *WEEK6_ROWS, *MESSAGE_ROWS):
        assert 0 < np.isnan(cohort.recorded[row]).sum() < 120, RECORDED[row]


@pytest.mark.parametrize("exposed", [0, 1])
@pytest.mark.parametrize("regime", [COMPLETED, FULL_DOSE, BY_STRATEGY], ids=["completed", "full_dose", "by_strategy"])
def test_potential_outcomes_equal_their_slow_twin(regime: Regime, exposed: int) -> None:
    model = crowded()
    cohort = followed(model, 40, regime, exposed, *KEY)
    for place, person in enumerate(World(*KEY, model, regime).trial([exposed == 1] * 40)):
        same_person(cohort, place, person)


def test_the_log_of_screening_equals_its_slow_twin() -> None:
    model, n = mechanism(), 600
    found = np.empty(n, dtype=np.int64)
    screen_units(*FAR_KEY, model.population, np.arange(n, dtype=np.int64), found)
    world = World(*FAR_KEY, model)
    assert found.tolist() == [world.screening(unit, world.traits(unit)) for unit in range(n)]
    # Enrolled, declined, and at least age, duration, pain and internet access: there is something to compare.
    assert {0, 1, 2, 3, 4, 6} <= set(found)


AGE_AND_SEX: dict[str, Any] = {
    "age": {"column": "age_years", "levels": ["young", "middle", "old"], "cuts": [35, 50]},
    "sex": {"column": "sex", "levels": ["female", "male"]},
}
PLANS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "2:1": ({"method": "permuted_blocks", "block_sizes": [6, 9]}, (2, 1)),
    "three arms": ({"method": "permuted_blocks", "block_sizes": [4, 8]}, (1, 2, 1)),
    "stratified": ({"method": "permuted_blocks", "block_sizes": [4], "stratify_by": ["age", "sex"], "factors": AGE_AND_SEX}, (1, 1)),
    "minimised": ({"method": "minimisation", "minimise_over": [{"factor": "age"}, {"factor": "sex"}], "factors": AGE_AND_SEX}, (1, 1, 1)),
    "urn": ({"method": "urn"}, (1, 1)),
}  # fmt: skip


@pytest.mark.parametrize("plan", PLANS)
def test_any_randomisation_gives_the_arms_of_its_method_and_the_people_of_the_twin(plan: str) -> None:
    model = mechanism()._replace(allocation=allocated(*PLANS[plan]))
    cohort = simulated(model, 60, *KEY)
    age, sex = cohort.recorded[0], cohort.recorded[1].astype(np.int64)
    levels = np.stack([np.digitize(age, [35.0, 50.0]), sex]) if "factors" in PLANS[plan][0] else np.zeros((0, 60), dtype=np.int64)
    arms = np.empty(60, dtype=np.int64)
    allocate(*KEY, model.allocation.scheme, np.ascontiguousarray(levels), arms)
    np.testing.assert_array_equal(cohort.arm, arms)
    np.testing.assert_array_equal(cohort.exposed == 1, arms == [arm.id for arm in protocol().arms].index("tele"))
    assert set(arms) == set(range(len(PLANS[plan][1])))
    same_trial(cohort, World(*KEY, model).trial((cohort.exposed == 1).tolist()))


@pytest.mark.parametrize("plan", PLANS)
def test_the_randomisation_changes_nobody_before_it(plan: str) -> None:
    model = mechanism()
    base, other = simulated(model, 200), simulated(model._replace(allocation=allocated(*PLANS[plan])), 200)
    assert base.arm.tolist() != other.arm.tolist()
    assert_same(base, other, fields=("units", "traits", "sensitivity", "untreated", "stable", "noise", "items_baseline"))
    np.testing.assert_array_equal(base.recorded[BASELINE_ROWS], other.recorded[BASELINE_ROWS])


def test_a_stratum_has_whole_blocks_in_the_ratio() -> None:
    model = mechanism()._replace(allocation=allocated(*PLANS["stratified"]))
    cohort = simulated(model, 600)
    strata = np.digitize(cohort.recorded[0], [35.0, 50.0]) * 2 + cohort.recorded[1].astype(np.int64)
    for stratum in range(6):
        arms = cohort.arm[strata == stratum]
        blocks = arms[: arms.size // 4 * 4].reshape(-1, 4)
        assert len(blocks) > 2
        assert (blocks.sum(axis=1) == 2).all()


def test_parts_of_the_ratio_are_kept() -> None:
    model = mechanism()._replace(allocation=allocated(*PLANS["2:1"]))
    assert np.bincount(simulated(model, 180).arm).tolist() == [120, 60]


# ---------------------------------------------------------------- a pure function of (seed, replicate, mechanism, size)


def assert_same(first: Cohort, second: Cohort, where: Bools | None = None, fields: tuple[str, ...] = Cohort._fields) -> None:
    for name in fields:
        if name != "scratch":
            mine, other = getattr(first, name), getattr(second, name)
            chosen = (...,) if where is None else (..., where)
            np.testing.assert_array_equal(mine[chosen], other[chosen], err_msg=name)


def test_order_and_reuse_of_the_arrays_do_not_matter() -> None:
    model, other = crowded(), mechanism("mnar_by_arm", pain_mean=4.0)
    fresh = {replicate: simulated(model, 200, replicate=replicate) for replicate in (5, 7)}
    used = make_cohort(200)
    for world, replicate in ((model, 7), (other, 5), (model, 5), (model, 7), (model, 5)):
        assert simulate_trial(1, replicate, world, used)
        if world is model:
            assert_same(used, fresh[replicate])


def test_a_textbook_trial_does_not_depend_on_what_its_arrays_held_either() -> None:
    model = mechanism("textbook")
    used = simulated(mechanism("registered"), 200, replicate=3)
    assert simulate_trial(1, 5, model, used)
    assert_same(used, simulated(model, 200, replicate=5), fields=("units", "arm", "exposed", "traits", "week_lost", "cause", "recorded"))


@pytest.mark.parametrize("change", [{"seed": 2}, {"replicate": 1}, {"replicate": 2**32}, {"seed": 1 + 2**32}])
def test_another_key_gives_other_people(change: dict[str, int]) -> None:
    model = mechanism()
    first, second = simulated(model, 200), simulated(model, 200, **change)
    assert not np.intersect1d(first.traits, second.traits).size
    assert first.arm.tolist() != second.arm.tolist()


def test_a_larger_trial_begins_with_the_same_people() -> None:
    model = mechanism()
    small, large = simulated(model, 150), simulated(model, 400)
    for name in ("units", "traits", "sensitivity", "untreated", "noise", "stable", "items_baseline"):
        np.testing.assert_array_equal(getattr(small, name), getattr(large, name)[..., :150], err_msg=name)
    np.testing.assert_array_equal(small.recorded[BASELINE_ROWS], large.recorded[BASELINE_ROWS, :150])


def test_the_lost_have_no_week_6_values_and_the_others_have_both() -> None:
    cohort = simulated(mechanism(item_blank_week6=0.0, covariate_missing=0.0), 2_000)
    lost = cohort.week_lost != NEVER
    assert 0 < lost.sum() < 2_000
    np.testing.assert_array_equal(lost, cohort.cause != NEVER)
    for row in WEEK6_ROWS:
        np.testing.assert_array_equal(np.isnan(cohort.recorded[row]), lost)
    assert not np.isnan(cohort.recorded[BASELINE_ROWS]).any()
    assert np.isnan(cohort.recorded[MESSAGE_ROWS]).all()


def test_a_second_blank_item_takes_the_score_but_not_the_pain() -> None:
    cohort = simulated(mechanism(item_blank_week6=0.03), 2_000)
    returned = cohort.week_lost == NEVER
    blank = np.isnan(cohort.items_week6).sum(axis=0)
    np.testing.assert_array_equal(np.isnan(cohort.recorded[ODI_WEEK6, returned]), blank[returned] > 1)
    assert (blank[returned] > 1).any()
    assert not np.isnan(cohort.recorded[VAS_WEEK6, returned]).any()


def test_people_without_a_score_at_baseline_are_lost_as_those_of_average_disability() -> None:
    # 4,000 people, about 7 % without a score: they are lost to every cause, and exactly as often as their hazards say elsewhere.
    model = mechanism(item_blank_baseline=0.03)
    cohort = simulated(model, 4_000)
    without = np.isnan(cohort.recorded[ODI_BASELINE])
    assert 200 < without.sum() < 400
    assert np.isfinite(cohort.score).all()
    assert set(cohort.cause[without]) == {NEVER, 0, 1, 2, 3}
    flat = model.dropout.covariate_slopes.copy()
    flat[2] = 0.0
    same = simulated(model._replace(dropout=model.dropout._replace(covariate_slopes=flat)), 4_000)
    np.testing.assert_array_equal(cohort.score[without], same.score[without])
    assert not np.array_equal(cohort.score[~without], same.score[~without])


def test_arms_follow_the_protocol_and_only_the_programme_arm_is_exposed() -> None:
    cohort = simulated(mechanism(**NO_EVENTS, leak_share=0.0), 200)
    tele = [arm.id for arm in protocol().arms].index("tele")
    np.testing.assert_array_equal(cohort.exposed == 1, cohort.arm == tele)
    assert np.bincount(cohort.arm).tolist() == [100, 100]
    control = cohort.exposed == 0
    for name in ("engaged", "live", "diary", "opened", "dose", "group_effect", "leak", "programme"):
        assert not getattr(cohort, name)[..., control].any(), name
    assert (cohort.group[control] == -1).all()
    np.testing.assert_array_equal(cohort.actual[:, control], cohort.untreated[:, control])


# ---------------------------------------------------------------- what the regimes mean


@pytest.mark.parametrize("exposed", [0, 1])
def test_without_hypothetical_events_the_estimand_by_strategy_is_the_world_as_it_is(exposed: int) -> None:
    model = crowded()
    policy = model._replace(events=model.events._replace(strategy=np.zeros(5, dtype=np.int64)))
    assert_same(followed(policy, 200, BY_STRATEGY, exposed), followed(policy, 200, AS_TREATED, exposed))
    pregnancies = followed(model, 200, BY_STRATEGY, exposed).event_week[3]
    assert (pregnancies == -1.0).all()


def test_completing_and_the_full_dose_are_what_they_say() -> None:
    model = mechanism()
    completed, full = followed(model, 300, COMPLETED, 1), followed(model, 300, FULL_DOSE, 1)
    assert (completed.engaged == 1.0).all()
    assert completed.dose[-1].min() < 0.9
    np.testing.assert_allclose(full.dose, np.repeat(np.arange(1, 7)[:, None] / 6.0, 300, axis=1), rtol=1e-15)
    np.testing.assert_allclose(full.programme, model.course.effect * full.sensitivity, rtol=1e-12)


def test_a_regime_changes_nothing_for_controls_without_hypothetical_events() -> None:
    model = mechanism()
    base = followed(model, 300, AS_TREATED, 0)
    for regime in (COMPLETED, FULL_DOSE):
        assert_same(base, followed(model, 300, regime, 0))


# ---------------------------------------------------------------- a parameter changes what it acts on, and nothing else

ENGAGEMENT = ("engaged", "live", "diary", "opened", "dose")
MOVED = ("programme", "actual", "pain")
ITEMS = ("items_baseline", "items_week6")
LOST = ("week_lost", "cause")
LATER = ("items_week6", *LOST)

# (changes) -> what must change; what may change with it (through the chain of causes); all the rest must be equal bit by bit.
TOUCHES: dict[str, tuple[dict[str, float], tuple[str, ...], tuple[str, ...]]] = {
    # population
    "bmi": ({"bmi_mean": 31.0}, ("score",), LOST),
    "height": ({"height_mean_female": 150.0}, (), ("score", *LOST)),
    "female_share": ({"female_share": 0.7}, (), ("score", *LOST, "event_week", *ENGAGEMENT, *MOVED, *LATER)),
    "comorbidity": ({"comorbidity_none": 0.3}, ("score",), LOST),
    "activity": ({"activity_low": 0.45}, ("score",), LOST),
    "education": ({"education_mean": 12.0, "r_age_education": 0.0}, ("score",), LOST),
    # engagement
    "never_start": ({"never_start": 0.05}, (*ENGAGEMENT, *MOVED), LATER),
    "disengage_week": ({"disengage_week": 0.09}, (*ENGAGEMENT, *MOVED), LATER),
    "frailty_on_disengagement": ({"frailty_on_disengagement": 0.0}, (*ENGAGEMENT, *MOVED), LATER),
    "pain_on_disengagement": ({"pain_on_disengagement": 0.6}, (*ENGAGEMENT, *MOVED), LATER),
    "frailty_on_adherence": ({"frailty_on_adherence": 1.2}, ("live", "diary", "opened", "dose", *MOVED), LATER),
    "live": ({"live_first_week": 0.7}, ("live", "dose", *MOVED), LATER),
    "diary": ({"diary_last_week": 1.5}, ("diary", "dose", *MOVED), LATER),
    "logins": ({"logins_first_week": 2.0}, ("opened", "dose", *MOVED), LATER),
    "logins_size": ({"logins_size": 4.0}, ("opened", "dose", *MOVED), LATER),
    # dose and effect
    "dose_weights": ({"dose_weight_live": 0.9, "dose_weight_exercise": 0.1, "dose_weight_modules": 0.0}, ("dose", *MOVED), LATER),
    "diary_backfilled": ({"diary_backfilled": 0.3}, ("dose", *MOVED), LATER),
    "effect": ({"effect": -9.0}, (*MOVED, "items_week6"), LOST),
    "effect_cv": ({"effect_cv": 0.8}, ("sensitivity", *MOVED), LATER),
    "dose_curvature": ({"dose_curvature": 4.0}, MOVED, LATER),
    "dose_threshold": ({"dose_threshold_weight": 0.5}, MOVED, LATER),
    "attention": ({"attention_share": 0.3}, MOVED, LATER),
    # course
    "odi_mean_baseline": ({"odi_mean_baseline": 35.0}, ("untreated", "actual", *ITEMS), ("pain", "score", *LOST)),
    "odi_sd_week6": ({"odi_sd_week6": 17.0}, ("untreated", "actual", "pain", "group_effect", *ITEMS), ("score", *LOST)),
    "odi_correlation": ({"odi_correlation": 0.8}, ("untreated", "actual", "pain", "items_week6"), LOST),
    "control_change": ({"control_change": -8.0}, ("untreated", "actual", "pain", "items_week6"), LOST),
    "state_weekly_correlation": ({"state_weekly_correlation": 0.6}, ("untreated", "actual", "pain", "items_week6"), LOST),
    "natural_cv": ({"natural_cv": 0.1}, ("untreated", "actual", "pain"), LATER),
    "natural_weeks": ({"natural_weeks": 4.0}, ("untreated", "actual", "pain"), LATER),
    "prognosis": ({"prognosis": 3.0}, ("untreated", "actual", "pain"), LATER),
    "flare_weeks": ({"flare_weeks": 1.0}, ("untreated", "actual", "pain"), LATER),
    # pain
    "pain_stable": ({"pain_stable": 0.2}, ("pain",), ()),
    "pain_natural": ({"pain_natural": 1.5}, ("pain",), ()),
    "pain_per_effect": ({"pain_per_effect": 0.1}, ("pain",), ()),
    # events
    "event_share": ({"event_share_rescue_control": 0.7}, ("event_week", "actual", "pain"), LATER),
    "event_share_surgery": ({"event_share_surgery_tele": 0.3}, ("event_week", *ENGAGEMENT, *MOVED), LATER),
    "event_slope": ({"event_slope_rescue": 0.5}, ("event_week", "actual", "pain"), LATER),
    "event_odi": ({"event_odi_rescue": -6.0}, ("actual", "pain"), LATER),
    "event_vas": ({"event_vas_rescue": -1.5}, ("pain",), ()),
    "rescue_weeks": ({"rescue_weeks": 3.0}, ("actual", "pain"), LATER),
    # groups and leak
    "live_icc": ({"live_icc": 0.1}, ("group_effect", "actual", "pain"), LATER),
    "live_group_size": ({"live_group_size": 5.0}, ("group", "group_effect", "actual", "pain"), LATER),
    "leak_share": ({"leak_share": 0.3}, ("leak", *MOVED), LATER),
    "leak_effect": ({"leak_effect": 0.9}, ("leak", *MOVED), LATER),
    # measurement and blanks
    "items": ({"item_total_sd": 1.2}, ITEMS, ("score", *LOST)),
    "item_offset": ({"item_offset_08": 0.9}, ITEMS, ("score", *LOST)),
    "item_width": ({"item_width": 16.0}, ITEMS, ("score", *LOST)),
    "item_blank_sex_life": ({"item_blank_sex_life": 0.5}, ITEMS, ("score", *LOST)),
    "item_blank_baseline": ({"item_blank_baseline": 0.1}, ("items_baseline",), ("score", *LOST)),
    "item_blank_week6": ({"item_blank_week6": 0.1}, ("items_week6",), ()),
    "weekly_pain_answered": ({"weekly_pain_answered": 0.4}, (), ()),
    "covariate_missing": ({"covariate_missing": 0.3}, (), ()),
    # loss
    "loss_total": ({"loss_total": 0.2}, LOST, ()),
    "loss_weights": ({"loss_weight_week1": 0.1, "loss_weight_final": 0.6}, ("week_lost",), ("cause",)),
    "loss_parts": ({"loss_part_mcar": 0.0, "loss_part_mnar": 0.625}, ("cause",), ("week_lost",)),
    "loss_slope_age": ({"loss_slope_age": 1.0}, ("score",), LOST),
    "loss_slope_leave": ({"loss_slope_leave": 1.0}, ("score",), LOST),
    "loss_slope_adherence": ({"loss_slope_adherence": 4.0}, ("cause",), ("week_lost",)),
    "loss_slope_frailty": ({"loss_slope_frailty": 2.0}, ("cause",), ("week_lost",)),
    "mnar_slope_control": ({"mnar_slope_control": -0.8}, ("cause",), ("week_lost",)),
    "mnar_slope_tele": ({"mnar_slope_tele": -0.8}, ("cause",), ("week_lost",)),
}  # fmt: skip
# Recorded rows that must change with a group besides those that follow from the latent fields.
MESSAGES = {f"vas@week{week}" for week in range(1, WEEKS)}
RECORDED_TOUCHED: dict[str, set[str]] = {
    "bmi": {"weight_kg"},
    "height": {"height_cm", "weight_kg"},
    "female_share": {"sex", "height_cm", "weight_kg"},
    "comorbidity": {"comorbidity_count"},
    "activity": {"physical_activity_level"},
    "education": {"education_years"},
    "weekly_pain_answered": MESSAGES,
    "covariate_missing": {RECORDED[row] for row in MAY_BE_MISSING},
}
N = 600


def observed(**changes: float) -> Cohort:
    """A world without feedback in which pain is asked for every week and nothing of any group is switched off."""
    base = {**NO_FEEDBACK, "covariate_missing": 0.05, "item_blank_baseline": 0.02, "leak_share": 0.15}
    model = mechanism(**{**base, **changes})
    return simulated(model._replace(measurement=model.measurement._replace(weekly_pain=1)), N)


@pytest.fixture(scope="module")
def base() -> Cohort:
    return observed()


def rows_followed(fields: set[str]) -> set[str]:
    """The recorded rows whose values follow from latent fields that may change."""
    followers = {"items_baseline": {"odi@baseline"}, "items_week6": {"odi@week6"}, "pain": {"vas@week6", *MESSAGES}}
    return {row for name, rows in followers.items() if name in fields for row in rows}


@pytest.mark.parametrize("group", TOUCHES)
def test_a_parameter_touches_only_what_it_acts_on(base: Cohort, group: str) -> None:
    changes, must, may = TOUCHES[group]
    changed = observed(**changes)
    for name in Cohort._fields:
        if name in must:
            assert not np.array_equal(getattr(base, name), getattr(changed, name), equal_nan=True), name
        elif name not in (*may, "recorded", "scratch"):
            assert_same(base, changed, fields=(name,))
    touched, free = RECORDED_TOUCHED.get(group, set()), rows_followed({*must, *may})
    for row, name in enumerate(RECORDED):
        mine, other = base.recorded[row], changed.recorded[row]
        if name in touched:
            assert not np.array_equal(mine, other, equal_nan=True), name
        elif name not in free:
            # A loss takes a value away; what both trials see is the same.
            taken = name in {"odi@week6", "vas@week6", *MESSAGES} and "week_lost" in {*must, *may}
            seen = ~np.isnan(mine) & ~np.isnan(other) if taken else np.ones(N, dtype=np.bool_)
            np.testing.assert_array_equal(mine[seen], other[seen], err_msg=name)


def test_every_field_of_the_cohort_is_touched_by_some_parameter_or_belongs_to_the_key() -> None:
    touched = {name for _, must, _ in TOUCHES.values() for name in must}
    key_only = {"units", "arm", "exposed", "traits", "noise", "stable", "recorded", "scratch"}
    assert touched | key_only == set(Cohort._fields)


PROGRAMME_ONLY = {
    "effect_cv", "dose_curvature", "dose_threshold", "dose_weights", "diary_backfilled", "never_start", "disengage_week", "live", "diary",
    "logins", "logins_size", "loss_slope_adherence", "mnar_slope_tele", "live_icc", "live_group_size", "event_share_surgery",
}  # fmt: skip
CONTROL_ONLY = {"mnar_slope_control", "loss_slope_frailty", "leak_share", "leak_effect", "event_share"}


@pytest.mark.parametrize("group", sorted(PROGRAMME_ONLY))
def test_what_belongs_to_the_programme_leaves_the_controls_alone(group: str) -> None:
    # Without a leak: through it the programme's effect reaches some controls.
    base, changed = observed(leak_share=0.0), observed(**TOUCHES[group][0], leak_share=0.0)
    # A multiplier of the effect belongs to everybody; in a control it multiplies nothing.
    fields = tuple(name for name in Cohort._fields if not (group == "effect_cv" and name == "sensitivity"))
    assert_same(base, changed, where=base.exposed == 0, fields=fields)


@pytest.mark.parametrize("group", sorted(CONTROL_ONLY))
def test_what_belongs_to_the_controls_leaves_the_programme_alone(base: Cohort, group: str) -> None:
    assert_same(base, observed(**TOUCHES[group][0]), where=base.exposed == 1)


def test_through_pain_an_effect_reaches_engagement_and_events() -> None:
    first, second = simulated(mechanism(), N), simulated(mechanism(effect=-30.0), N)
    assert not np.array_equal(first.engaged, second.engaged)
    assert not np.array_equal(first.event_week, second.event_week)
    controls = (first.exposed == 0) & (first.leak == 0.0)
    fields = tuple(name for name in Cohort._fields if name != "scratch")
    assert_same(first, second, where=controls, fields=fields)


# What decides who takes part changes the cohort but nobody in it.
WHO: dict[str, dict[str, float]] = {
    "pain_mean": {"pain_mean": 7.5},
    "consent_rate": {"consent_rate": 0.7},
    "consent_on": {"consent_on_age": -1.0, "consent_on_leave": 2.0, "consent_on_expectation": 0.0},
    "ineligible": {"ineligible_I5": 0.0, "ineligible_E1": 0.3},
    "sick_leave": {"sick_leave_share": 0.2, "r_leave_odi": 0.0},
}


@pytest.mark.parametrize("group", WHO)
def test_a_candidate_is_the_same_person_whoever_else_takes_part(group: str) -> None:
    first, second = simulated(mechanism(), 300), simulated(mechanism(**WHO[group]), 300)
    common, mine, other = np.intersect1d(first.units, second.units, return_indices=True)
    assert common.size > 100
    assert first.units.tolist() != second.units.tolist()
    for name in ("traits", "sensitivity", "untreated", "noise", "stable", "items_baseline"):
        np.testing.assert_array_equal(getattr(first, name)[..., mine], getattr(second, name)[..., other], err_msg=name)


@pytest.mark.parametrize("name", WORLDS)
def test_scenarios_share_every_draw_that_their_difference_does_not_touch(name: str) -> None:
    base, other = (simulated(mechanism(one, covariate_missing=0.01), 200) for one in ("registered", name))
    n = min(base.arm.size, other.arm.size)
    assert n == 200
    assert_same(base, other, fields=("units", "arm", "exposed", "traits", "stable", "noise", "sensitivity"))
    same_rows = [row for row in BASELINE_ROWS if row != ODI_BASELINE]
    np.testing.assert_array_equal(base.recorded[same_rows], other.recorded[same_rows])


def test_everybody_who_is_kept_under_a_high_loss_is_kept_under_a_lower_one() -> None:
    # One uniform decides whether a person survives a week, so fewer hazards can only keep more people.
    low, high = simulated(mechanism(loss_total=0.2), 2_000), simulated(mechanism(loss_total=0.5), 2_000)
    assert not ((high.week_lost == NEVER) & (low.week_lost != NEVER)).any()
    assert (high.week_lost != NEVER).sum() > (low.week_lost != NEVER).sum()


# ---------------------------------------------------------------- the textbook world

TEXTBOOK_PEOPLE = 100_000


def test_a_textbook_trial_has_the_moments_of_its_model() -> None:
    # One large trial; bounds of 5 standard errors, 18 comparisons: false alarm below 2e-5.
    model: Mechanism = mechanism("textbook", loss_total=0.0)
    n = TEXTBOOK_PEOPLE
    cohort, o = simulated(model, n), model.outcome
    before, after = cohort.recorded[ODI_BASELINE], cohort.recorded[ODI_WEEK6]
    tele, control = cohort.exposed == 1, cohort.exposed == 0
    half = np.sqrt(n / 2)
    assert abs(before.mean() - o.mean) < 5.0 * o.sd / np.sqrt(n)
    assert abs(before.std() - o.sd) < 5.0 * o.sd / np.sqrt(2 * n)
    assert abs(after[control].mean() - (o.mean + o.change)) < 5.0 * o.sd / half
    assert abs(after[tele].mean() - (o.mean + o.change + o.effect)) < 5.0 * o.sd / half
    for arm in (tele, control):
        assert abs(after[arm].std() - o.sd) < 5.0 * o.sd / (half * np.sqrt(2))
        assert abs(np.corrcoef(before[arm], after[arm])[0, 1] - o.correlation) < 5.0 * (1.0 - o.correlation**2) / half
    for row in BASELINE_ROWS:
        if row != ODI_BASELINE:
            assert abs(np.corrcoef(cohort.recorded[row], after + 10.0 * cohort.exposed)[0, 1]) < 5.0 / np.sqrt(n), RECORDED[row]


def test_textbook_losses_are_pure_chance() -> None:
    n = TEXTBOOK_PEOPLE
    cohort = simulated(mechanism("textbook"), n)
    lost = cohort.week_lost != NEVER
    assert abs(lost.mean() - 0.4) < 5.0 * np.sqrt(0.24 / n)
    assert set(cohort.cause[lost].tolist()) == {0}
    complete = simulated(mechanism("textbook", loss_total=0.0), n)
    rows = [complete.recorded[row] for row in (*BASELINE_ROWS, *WEEK6_ROWS)]
    for column in (*rows, cohort.exposed.astype(np.float64)):
        assert abs(np.corrcoef(column, lost)[0, 1]) < 5.0 / np.sqrt(n)


def test_textbook_pain_does_not_change() -> None:
    cohort = simulated(mechanism("textbook", loss_total=0.0), 500)
    np.testing.assert_array_equal(cohort.recorded[VAS_WEEK6], cohort.recorded[VAS_BASELINE])


def test_textbook_loses_nobody_without_loss() -> None:
    assert not (simulated(mechanism("textbook", loss_total=0.0), 5_000).week_lost != NEVER).any()


def test_textbook_equal_draws_with_and_without_loss() -> None:
    some, none = simulated(mechanism("textbook"), 500), simulated(mechanism("textbook", loss_total=0.0), 500)
    kept = some.week_lost == NEVER
    np.testing.assert_array_equal(some.recorded[:, kept], none.recorded[:, kept])
