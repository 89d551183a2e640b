"""One simulated trial: equal to its slow twin, a pure function of its key, and changed only where a parameter acts."""

import numpy as np
import pytest
from numpy.typing import NDArray

from odisea.simulate.mechanism import ODI_WEEK6, RECORDED, VAS_WEEK6, Mechanism
from odisea.simulate.replicate import Cohort, make_cohort, simulate_trial
from tests.declared import mechanism, protocol, scenarios, simulated
from tests.twins.trial import NEVER, Person, World

Bools = NDArray[np.bool_]
WORLDS = tuple(name for name, spec in scenarios().scenarios.items() if not spec.textbook)
BASELINE_ROWS = [row for row, name in enumerate(RECORDED) if not name.endswith("@week6")]
WEEK6_ROWS = [ODI_WEEK6, VAS_WEEK6]


# ---------------------------------------------------------------- the slow twin


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize(("seed", "replicate"), [(20251003, 0), (2**62 + 11, 2**35 + 3)])
def test_a_trial_equals_its_slow_twin(name: str, seed: int, replicate: int) -> None:
    model = mechanism(name)
    cohort = simulated(model, 60, seed, replicate)
    people = World(seed, replicate, model).trial(cohort.arm.tolist())
    for place, person in enumerate(people):
        same_person(cohort, place, person)


def same_person(cohort: Cohort, place: int, person: Person) -> None:
    """Whole numbers and recorded values must agree exactly; latent numbers to the rounding of `math` against our functions.

    The twin's cosine of an angle near a quarter turn carries an absolute error of 1e-15, so latent values of size 100
    agree to 1e-11; a recorded value would differ only if it lay within that of a rounding boundary.
    """
    assert cohort.units[place] == person.unit
    assert cohort.exposed[place] == person.exposed
    for name in ("traits", "dose", "untreated", "actual"):
        assert getattr(cohort, name)[:, place] == pytest.approx(getattr(person, name), abs=1e-11), name
    for name in ("engaged", "live", "diary", "logins", "items_baseline", "items_week6"):
        assert getattr(cohort, name)[:, place].tolist() == getattr(person, name), name
    assert cohort.sensitivity[place] == pytest.approx(person.sensitivity, rel=1e-13)
    assert cohort.score[place] == pytest.approx(person.covariate_score, abs=1e-12)
    assert (cohort.week_lost[place], cohort.cause[place]) == (person.week_lost, person.cause)
    np.testing.assert_array_equal(cohort.recorded[:, place], person.recorded)


# ---------------------------------------------------------------- a pure function of (seed, replicate, mechanism, size)


def assert_same(first: Cohort, second: Cohort, where: Bools | None = None, fields: tuple[str, ...] = Cohort._fields) -> None:
    for name in fields:
        if name != "scratch":
            mine, other = getattr(first, name), getattr(second, name)
            chosen = (...,) if where is None else (..., where)
            np.testing.assert_array_equal(mine[chosen], other[chosen], err_msg=name)


def test_order_and_reuse_of_the_arrays_do_not_matter() -> None:
    model, other = mechanism("registered"), mechanism("mnar_by_arm", pain_mean=4.0)
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
    for name in ("units", "traits", "sensitivity", "untreated", "stable", "items_baseline"):
        np.testing.assert_array_equal(getattr(small, name), getattr(large, name)[..., :150], err_msg=name)
    np.testing.assert_array_equal(small.recorded[BASELINE_ROWS], large.recorded[BASELINE_ROWS, :150])


def test_the_lost_have_no_week_6_values_and_the_others_have_both() -> None:
    cohort = simulated(mechanism(), 2_000)
    lost = cohort.week_lost != NEVER
    assert 0 < lost.sum() < 2_000
    np.testing.assert_array_equal(lost, cohort.cause != NEVER)
    for row in WEEK6_ROWS:
        np.testing.assert_array_equal(np.isnan(cohort.recorded[row]), lost)
    assert not np.isnan(cohort.recorded[BASELINE_ROWS]).any()


def test_arms_follow_the_protocol_and_only_the_programme_arm_is_exposed() -> None:
    cohort = simulated(mechanism(), 200)
    tele = [arm.id for arm in protocol().arms].index("tele")
    np.testing.assert_array_equal(cohort.exposed == 1, cohort.arm == tele)
    assert np.bincount(cohort.arm).tolist() == [100, 100]
    control = cohort.exposed == 0
    for name in ("engaged", "live", "diary", "logins", "dose"):
        assert not getattr(cohort, name)[:, control].any(), name
    np.testing.assert_array_equal(cohort.actual[:, control], cohort.untreated[:, control])


# ---------------------------------------------------------------- a parameter changes what it acts on, and nothing else

BEFORE = ("units", "arm", "exposed", "traits", "stable")
ENGAGEMENT = ("engaged", "live", "diary", "logins", "dose")
LATENT = ("sensitivity", "untreated", "actual")
ITEMS = ("items_baseline", "items_week6")
LOSS = ("score", "week_lost", "cause")
EVERYTHING = (*BEFORE, *ENGAGEMENT, *LATENT, *ITEMS, *LOSS)

# (changes) -> what must change; what may change with it (through the chain of causes); all the rest must be equal bit by bit.
TOUCHES: dict[str, tuple[dict[str, float], tuple[str, ...], tuple[str, ...]]] = {
    "effect": ({"effect": -9.0}, ("actual", "items_week6"), ("week_lost", "cause")),
    "effect_cv": ({"effect_cv": 0.8}, ("sensitivity", "actual"), ("items_week6", "week_lost", "cause")),
    "dose_curvature": ({"dose_curvature": 4.0}, ("actual",), ("items_week6", "week_lost", "cause")),
    "dose_weights": (
        {"dose_weight_live": 0.9, "dose_weight_exercise": 0.1, "dose_weight_modules": 0.0},
        ("dose", "actual"), ("items_week6", "week_lost", "cause"),
    ),
    "never_start": ({"never_start": 0.05}, ENGAGEMENT, ("actual", "items_week6", "week_lost", "cause")),
    "disengage_week": ({"disengage_week": 0.09}, ENGAGEMENT, ("actual", "items_week6", "week_lost", "cause")),
    "live": ({"live_first_week": 0.8}, ("live", "dose"), ("actual", "items_week6", "week_lost", "cause")),
    "diary": ({"diary_last_week": 1.5}, ("diary", "dose"), ("actual", "items_week6", "week_lost", "cause")),
    "logins": ({"logins_first_week": 2.0}, ("logins",), ("dose", "actual", "items_week6", "week_lost", "cause")),
    "odi_mean_baseline": ({"odi_mean_baseline": 35.0}, ("untreated", "actual", *ITEMS), LOSS),
    "odi_sd_week6": ({"odi_sd_week6": 17.0}, ("untreated", "actual", *ITEMS), LOSS),
    "odi_correlation": ({"odi_correlation": 0.8}, ("untreated", "actual", "items_week6"), ("week_lost", "cause")),
    "control_change": ({"control_change": -8.0}, ("untreated", "actual", "items_week6"), ("week_lost", "cause")),
    "state_weekly_correlation": ({"state_weekly_correlation": 0.6}, ("untreated", "actual", "items_week6"), ("week_lost", "cause")),
    "natural_cv": ({"natural_cv": 0.1}, ("untreated", "actual"), ("items_week6", "week_lost", "cause")),
    "natural_weeks": ({"natural_weeks": 4.0}, ("untreated", "actual"), ("items_week6", "week_lost", "cause")),
    "items": ({"item_total_sd": 1.2}, ITEMS, LOSS),
    "item_offset": ({"item_offset_08": 0.9}, ITEMS, LOSS),
    "item_width": ({"item_width": 16.0}, ITEMS, LOSS),
    "loss_total": ({"loss_total": 0.2}, ("week_lost", "cause"), ()),
    "loss_weights": ({"loss_weight_week1": 0.1, "loss_weight_final": 0.6}, ("week_lost",), ("cause",)),
    "loss_parts": ({"loss_part_mcar": 0.0, "loss_part_mnar": 0.625}, ("cause",), ("week_lost",)),
    "loss_slope_age": ({"loss_slope_age": 1.0}, ("score",), ("week_lost", "cause")),
    "loss_slope_adherence": ({"loss_slope_adherence": 4.0}, ("cause",), ("week_lost",)),
    "mnar_slope_control": ({"mnar_slope_control": -0.8}, ("cause",), ("week_lost",)),
    "mnar_slope_tele": ({"mnar_slope_tele": -0.8}, ("cause",), ("week_lost",)),
    "bmi": ({"bmi_mean": 31.0}, ("score",), ("week_lost", "cause")),
    "height": ({"height_mean_female": 150.0}, (), LOSS),
    "female_share": ({"female_share": 0.7}, (), LOSS),
    "comorbidity": ({"comorbidity_none": 0.3}, ("score",), ("week_lost", "cause")),
    "activity": ({"activity_low": 0.45}, ("score",), ("week_lost", "cause")),
    "pain_follow_up_loading": ({"pain_follow_up_loading": 0.2}, (), ()),
    "pain_per_disability": ({"pain_per_disability": 0.15}, (), ()),
}  # fmt: skip
RECORDED_TOUCHED: dict[str, set[str]] = {
    "bmi": {"weight_kg"},
    "height": {"height_cm", "weight_kg"},
    "female_share": {"sex", "height_cm", "weight_kg"},
    "comorbidity": {"comorbidity_count"},
    "activity": {"physical_activity_level"},
    "pain_follow_up_loading": {"vas@week6"},
    "pain_per_disability": {"vas@week6"},
    "odi_mean_baseline": {"odi@baseline", "odi@week6"},
    "odi_sd_week6": {"odi@baseline", "odi@week6", "vas@week6"},
    "items": {"odi@baseline", "odi@week6"},
    "item_offset": {"odi@baseline", "odi@week6"},
    "item_width": {"odi@baseline", "odi@week6"},
}
WEEK6 = {"odi@week6", "vas@week6"}


@pytest.mark.parametrize("group", TOUCHES)
def test_a_parameter_touches_only_what_it_acts_on(group: str) -> None:
    changes, must, may = TOUCHES[group]
    base, changed = simulated(mechanism(), 600), simulated(mechanism(**changes), 600)
    for name in EVERYTHING:
        if name in must:
            assert not np.array_equal(getattr(base, name), getattr(changed, name)), name
        elif name not in may:
            assert_same(base, changed, fields=(name,))
    seen_twice = (base.week_lost == NEVER) & (changed.week_lost == NEVER)
    for row, name in enumerate(RECORDED):
        mine, other = base.recorded[row], changed.recorded[row]
        if name in RECORDED_TOUCHED.get(group, set()):
            assert not np.array_equal(mine[seen_twice], other[seen_twice]), name
        elif name not in WEEK6:
            np.testing.assert_array_equal(mine, other, err_msg=name)
        elif group.startswith(("loss", "mnar")) or group in RECORDED_TOUCHED:
            np.testing.assert_array_equal(mine[seen_twice], other[seen_twice], err_msg=name)


PROGRAMME_ONLY = {
    "effect", "effect_cv", "dose_curvature", "dose_weights", "never_start", "disengage_week", "live", "diary", "logins",
    "loss_slope_adherence", "mnar_slope_tele",
}  # fmt: skip


@pytest.mark.parametrize("group", sorted(PROGRAMME_ONLY))
def test_what_belongs_to_the_programme_leaves_the_controls_alone(group: str) -> None:
    base, changed = simulated(mechanism(), 600), simulated(mechanism(**TOUCHES[group][0]), 600)
    # A multiplier of the effect belongs to everybody; in a control it multiplies nothing.
    fields = tuple(name for name in Cohort._fields if not (group == "effect_cv" and name == "sensitivity"))
    assert_same(base, changed, where=base.exposed == 0, fields=fields)


def test_what_belongs_to_the_controls_leaves_the_programme_alone() -> None:
    base, changed = simulated(mechanism(), 600), simulated(mechanism(mnar_slope_control=-0.8), 600)
    assert_same(base, changed, where=base.exposed == 1)


def test_a_candidate_is_the_same_person_whoever_else_is_eligible() -> None:
    strict, loose = simulated(mechanism(), 300), simulated(mechanism(pain_mean=7.5), 300)
    common, mine, other = np.intersect1d(strict.units, loose.units, return_indices=True)
    assert common.size > 150
    assert strict.units.tolist() != loose.units.tolist()
    for name in ("traits", "sensitivity", "untreated", "stable", "items_baseline"):
        np.testing.assert_array_equal(getattr(strict, name)[..., mine], getattr(loose, name)[..., other], err_msg=name)


@pytest.mark.parametrize("name", WORLDS)
def test_scenarios_share_every_draw_that_their_difference_does_not_touch(name: str) -> None:
    base, other = simulated(mechanism("registered"), 200), simulated(mechanism(name), 200)
    assert_same(base, other, fields=(*BEFORE, *ENGAGEMENT, "sensitivity"))
    np.testing.assert_array_equal(base.recorded[[0, 1, 2, 3, 4, 5, 8]], other.recorded[[0, 1, 2, 3, 4, 5, 8]])


def test_everybody_who_is_kept_under_a_high_loss_is_kept_under_a_lower_one() -> None:
    # One uniform decides whether a person survives a week, so fewer hazards can only keep more people.
    low, high = simulated(mechanism(loss_total=0.2), 2_000), simulated(mechanism(loss_total=0.5), 2_000)
    assert not ((high.week_lost == NEVER) & (low.week_lost != NEVER)).any()
    assert (high.week_lost != NEVER).sum() > (low.week_lost != NEVER).sum()


# ---------------------------------------------------------------- the textbook world


def test_a_textbook_trial_has_the_moments_of_its_model() -> None:
    # 200,000 people in one trial; bounds of 5 standard errors, 15 comparisons: false alarm below 1e-5.
    model: Mechanism = mechanism("textbook", loss_total=0.0)
    n = 200_000
    cohort, o = simulated(model, n), model.outcome
    before, after = cohort.recorded[RECORDED.index("odi@baseline")], cohort.recorded[ODI_WEEK6]
    tele, control = cohort.exposed == 1, cohort.exposed == 0
    half = np.sqrt(n / 2)
    assert abs(before.mean() - o.mean) < 5.0 * o.sd / np.sqrt(n)
    assert abs(before.std() - o.sd) < 5.0 * o.sd / np.sqrt(2 * n)
    assert abs(after[control].mean() - (o.mean + o.change)) < 5.0 * o.sd / half
    assert abs(after[tele].mean() - (o.mean + o.change + o.effect)) < 5.0 * o.sd / half
    for arm in (tele, control):
        assert abs(after[arm].std() - o.sd) < 5.0 * o.sd / (half * np.sqrt(2))
        assert abs(np.corrcoef(before[arm], after[arm])[0, 1] - o.correlation) < 5.0 * (1.0 - o.correlation**2) / half
    for row in (0, 1, 2, 4, 5, 8):
        assert abs(np.corrcoef(cohort.recorded[row], after + 10.0 * cohort.exposed)[0, 1]) < 5.0 / np.sqrt(n)


def test_textbook_losses_are_pure_chance() -> None:
    n = 200_000
    cohort = simulated(mechanism("textbook"), n)
    lost = cohort.week_lost != NEVER
    assert abs(lost.mean() - 0.4) < 5.0 * np.sqrt(0.24 / n)
    assert set(cohort.cause[lost].tolist()) == {0}
    complete = simulated(mechanism("textbook", loss_total=0.0), n)
    for column in (*complete.recorded, cohort.exposed.astype(np.float64)):
        assert abs(np.corrcoef(column, lost)[0, 1]) < 5.0 / np.sqrt(n)


def test_textbook_loses_nobody_without_loss() -> None:
    assert not (simulated(mechanism("textbook", loss_total=0.0), 5_000).week_lost != NEVER).any()


def test_textbook_equal_draws_with_and_without_loss() -> None:
    some, none = simulated(mechanism("textbook"), 500), simulated(mechanism("textbook", loss_total=0.0), 500)
    kept = some.week_lost == NEVER
    np.testing.assert_array_equal(some.recorded[:, kept], none.recorded[:, kept])
