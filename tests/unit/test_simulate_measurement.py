"""Answers and messages: range, rounding, scoring, reliability, transient and stable errors, what stays blank.

Seeded; comparisons with a random bound allow 5.2 standard errors (two-sided alarm 2e-7 each, fewer than 60 of them).
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from odisea.errors import ProtocolError
from odisea.protocol.model import Protocol
from odisea.simulate.draft import asks_for_weekly_pain, draft_mechanism, measurement
from odisea.simulate.measurement import answer_items, draw_stable, leave_blank
from odisea.simulate.mechanism import ITEMS, ODI_BASELINE, ODI_WEEK6, SEX_LIFE, VAS_WEEK1, VAS_WEEK6, WEEKS, MeasurementModel
from odisea.streams import Purpose, fill_normal
from tests.declared import mechanism, protocol, scenario, simulated

Floats = NDArray[np.float64]
Z = 5.2
N = 100_000
UNITS = np.arange(N, dtype=np.int64)
BASELINE, FOLLOW_UP = int(Purpose.ITEM_BASELINE), int(Purpose.ITEM_FOLLOW_UP)
SPARE_PURPOSE = 97


def answers(model: MeasurementModel, disability: Floats | float, purpose: int = BASELINE, n: int = N) -> Floats:
    units = UNITS[:n]
    stable, items = np.empty((12, n)), np.empty((ITEMS, n))
    draw_stable(1, 0, units, stable)
    answer_items(1, 0, purpose, model, units, stable, np.broadcast_to(disability, n).astype(np.float64), items)
    return items


def category_chances(centre: float, sd: float) -> Floats:
    """Chances of answers 0 to 5 for a normal variable that is rounded and clipped."""
    cuts = special.ndtr((np.arange(0.5, 5.0, 1.0) - centre) / sd)
    return np.diff(np.concatenate([[0.0], cuts, [1.0]]))


# ---------------------------------------------------------------- items and totals


def test_items_are_whole_answers_from_0_to_5_and_the_total_is_their_percentage() -> None:
    cohort = simulated(mechanism("registered", item_blank_sex_life=0.0, item_blank_week6=0.0), 20_000)
    for items, row in ((cohort.items_baseline, ODI_BASELINE), (cohort.items_week6, ODI_WEEK6)):
        assert set(np.unique(items)) == {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
        total = cohort.recorded[row]
        seen = ~np.isnan(total)
        np.testing.assert_array_equal(total[seen], 100.0 * items.sum(axis=0)[seen] / 50.0)
        assert 0.0 <= total[seen].min() < 2.0
        assert 80.0 < total[seen].max() <= 100.0


def test_the_total_of_nine_answers_is_their_percentage_and_eight_have_none() -> None:
    cohort = simulated(mechanism(item_blank_baseline=0.02), 20_000)
    answered = (~np.isnan(cohort.items_baseline)).sum(axis=0)
    assert set(np.unique(answered)) == {8, 9, 10}
    total = cohort.recorded[ODI_BASELINE]
    np.testing.assert_array_equal(np.isnan(total), answered < 9)
    enough = answered >= 9
    np.testing.assert_allclose(total[enough], 20.0 * np.nanmean(cohort.items_baseline, axis=0)[enough], rtol=1e-14)


@pytest.mark.parametrize("disability", [-20.0, 0.0, 28.0, 60.0, 120.0])
def test_answers_have_the_chances_of_a_rounded_clipped_normal(disability: float) -> None:
    model = mechanism().measurement
    items = answers(model, disability)
    sd = np.hypot(model.stable_sd, model.transient_sd)
    for item in range(ITEMS):
        chances = category_chances(disability / model.item_width + model.item_offsets[item], sd)
        counts = np.bincount(items[item].astype(np.int64), minlength=6)
        # The 20 covers the skew of rare answers: a Poisson count of mean 5 exceeds 5 + 20 with probability 1e-9.
        assert (np.abs(counts - N * chances) < Z * np.sqrt(N * chances * (1.0 - chances)) + 20.0).all(), item


def test_the_total_follows_disability_without_bias_in_the_middle_of_the_scale() -> None:
    model = mechanism().measurement
    centred = model._replace(item_offsets=np.zeros(ITEMS))
    total = 2.0 * answers(centred, 50.0).sum(axis=0)
    # Symmetric about 50: no floor, no ceiling.
    assert abs(total.mean() - 50.0) < Z * total.std() / np.sqrt(N)


def test_offsets_are_centred_and_order_the_items() -> None:
    model = mechanism().measurement
    assert abs(model.item_offsets.sum()) < 1e-12
    means = answers(model, 40.0).mean(axis=1)
    apart = np.subtract.outer(model.item_offsets, model.item_offsets) > 0.05
    assert (np.subtract.outer(means, means)[apart] > 0.0).all()
    assert means[2] == means.max()  # lifting is hardest
    assert means[1] == means.min()  # personal care is easiest


def test_a_halfway_category_is_rounded_to_the_even_one_and_the_ends_are_clipped() -> None:
    exact = mechanism().measurement._replace(item_width=20.0, item_offsets=np.zeros(ITEMS), stable_sd=0.0, transient_sd=0.0)
    for disability, answer in ((-50.0, 0.0), (9.9, 0.0), (10.0, 0.0), (10.1, 1.0), (30.0, 2.0), (89.9, 4.0), (90.1, 5.0), (400.0, 5.0)):
        assert set(np.unique(answers(exact, disability, n=10))) == {answer}


def test_stable_errors_return_at_the_second_visit_and_transient_ones_do_not() -> None:
    model = mechanism().measurement
    before, after = answers(model, 50.0), answers(model, 50.0, FOLLOW_UP)
    wide = model._replace(item_width=0.02, item_offsets=np.zeros(ITEMS), stable_sd=500.0, transient_sd=0.0)
    np.testing.assert_array_equal(answers(wide, 0.05), answers(wide, 0.05, FOLLOW_UP))
    fresh = model._replace(stable_sd=0.0)
    first, second = answers(fresh, 50.0), answers(fresh, 50.0, FOLLOW_UP)
    for item in range(ITEMS):
        assert abs(np.corrcoef(first[item], second[item])[0, 1]) < Z / np.sqrt(N)
        r = np.corrcoef(before[item], after[item])[0, 1]
        # Rounding adds about 1/12 to both variances: r is a little below stable**2 / total**2 = 0.39.
        share = model.stable_sd**2 / (model.stable_sd**2 + model.transient_sd**2)
        assert share - 0.08 < r < share + Z / np.sqrt(N)


def test_errors_of_different_items_and_people_are_independent() -> None:
    stable = np.empty((12, N))
    draw_stable(1, 0, UNITS, stable)
    table = np.corrcoef(stable[:ITEMS]) - np.eye(ITEMS)
    assert np.abs(table).max() < 5.7 / np.sqrt(N)
    assert np.abs(stable.mean(axis=1)).max() < 5.7 / np.sqrt(N)
    items = answers(mechanism().measurement, 50.0)
    assert np.abs(np.corrcoef(items) - np.eye(ITEMS)).max() < 5.7 / np.sqrt(N)


def test_the_questionnaire_is_as_reliable_as_published() -> None:
    """Cronbach's alpha .80 to .93 and an error of measurement of 4 to 6 points for the literature's spread (evidence O6, O8)."""
    z = np.empty((4, N))
    fill_normal(1, 0, SPARE_PURPOSE, 0, UNITS, z)
    disability = 32.0 + 13.5 * z[0]
    items = answers(mechanism().measurement, disability)
    total = 2.0 * items.sum(axis=0)
    alpha = ITEMS / (ITEMS - 1) * (1.0 - items.var(axis=1).sum() / items.sum(axis=0).var())
    assert 0.80 < alpha < 0.93
    retest = 2.0 * answers(mechanism().measurement, disability, FOLLOW_UP).sum(axis=0)
    error = (total - retest).std() / np.sqrt(2.0)
    assert 3.5 < error < 6.0


def test_stable_and_total_error_split_the_variance() -> None:
    values = scenario().values
    model = measurement(values, protocol())
    assert model.stable_sd == values["item_stable_sd"]
    assert np.hypot(model.stable_sd, model.transient_sd) == pytest.approx(values["item_total_sd"])


def test_a_stable_part_above_the_total_is_refused() -> None:
    with pytest.raises(ProtocolError, match=r"item_stable_sd: the value is 1.5; it may not be above item_total_sd, 0.8"):
        measurement({**scenario().values, "item_stable_sd": 1.5}, protocol())


# ---------------------------------------------------------------- items left blank


def blanks(sex_life: float, another: float, draw: int = 1) -> NDArray[np.bool_]:
    items = np.ones((ITEMS, N))
    leave_blank(1, 0, sex_life, another, draw, UNITS, items)
    return np.isnan(items)


def test_the_item_on_sex_life_is_left_blank_by_the_same_people_at_both_visits() -> None:
    before, after = blanks(0.3, 0.0, 1), blanks(0.3, 0.0, 2)
    np.testing.assert_array_equal(before, after)
    assert abs(before[SEX_LIFE].mean() - 0.3) < Z * np.sqrt(0.21 / N)
    others = [item for item in range(ITEMS) if item != SEX_LIFE]
    assert not before[others].any()


@pytest.mark.parametrize("another", [0.005, 0.03, 0.3])
def test_of_the_other_items_at_most_one_is_blank_and_each_is_as_likely(another: float) -> None:
    others = np.delete(blanks(0.3, another), SEX_LIFE, axis=0)
    share = 1.0 - (1.0 - another) ** 9
    per_person = others.sum(axis=0)
    assert set(np.unique(per_person)) == {0, 1}
    assert abs(per_person.mean() - share) < Z * np.sqrt(share * (1.0 - share) / N)
    assert stats.chisquare(others.sum(axis=1)).pvalue > 1e-8


def test_blanks_of_the_two_visits_and_of_the_two_kinds_are_independent() -> None:
    before, after = blanks(0.3, 0.03, 1), blanks(0.3, 0.03, 2)
    one, other = np.delete(before, SEX_LIFE, axis=0).any(axis=0), np.delete(after, SEX_LIFE, axis=0).any(axis=0)
    for first, second in ((one, other), (one, before[SEX_LIFE]), (other, before[SEX_LIFE])):
        assert abs(np.corrcoef(first, second)[0, 1]) < Z / np.sqrt(N)


def test_nothing_is_blank_where_nobody_leaves_anything_out() -> None:
    assert not blanks(0.0, 0.0).any()


def test_blanks_do_not_depend_on_the_answers() -> None:
    one, other = simulated(mechanism(), 2_000), simulated(mechanism(odi_mean_baseline=45.0), 2_000)
    np.testing.assert_array_equal(np.isnan(one.items_week6), np.isnan(other.items_week6))


# ---------------------------------------------------------------- pain on its scale, and by message


def test_pain_stays_on_its_scale_at_one_decimal() -> None:
    pain = simulated(mechanism("registered"), 20_000).recorded[VAS_WEEK6]
    pain = pain[~np.isnan(pain)]
    assert (pain.min(), pain.max()) == (0.0, 10.0)
    np.testing.assert_array_equal(pain, np.round(pain, 1))


def asking_every_week() -> Protocol:
    """The declared trial with a pain score at every week in both arms."""
    declared = protocol()
    weekly = ("baseline", *(f"week{week}" for week in range(1, WEEKS + 1)))
    pain = declared.outcomes["vas"].model_copy(update={"visits": weekly})
    return declared.model_copy(update={"outcomes": {**declared.outcomes, "vas": pain}})


def test_a_design_with_a_pain_score_between_its_visits_asks_for_it() -> None:
    assert not asks_for_weekly_pain(protocol())
    assert asks_for_weekly_pain(asking_every_week())
    without_pain = protocol().model_copy(update={"outcomes": {"odi": protocol().outcomes["odi"]}})
    assert not asks_for_weekly_pain(without_pain)


def test_messages_are_answered_by_their_share_until_a_participant_is_lost() -> None:
    n = 10_000
    model = draft_mechanism(scenario(weekly_pain_answered=0.8), asking_every_week())
    cohort = simulated(model, n)
    assert model.measurement.weekly_pain == 1
    for week in range(1, WEEKS):
        message = cohort.recorded[VAS_WEEK1 + week - 1]
        answered = ~np.isnan(message)
        # The week of loss counts from 0: who is lost in the first week answers no message of week 1 any more.
        there = (cohort.week_lost == -1) | (cohort.week_lost >= week)
        assert not answered[~there].any()
        assert (~there).any()
        assert abs(answered[there].mean() - 0.8) < Z * np.sqrt(0.16 / there.sum())
        shown = np.clip(np.rint(10.0 * cohort.pain[week]), 0.0, 100.0) / 10.0
        np.testing.assert_array_equal(message[answered], shown[answered])
        for arm in (0, 1):
            assert answered[cohort.exposed == arm].any()


def test_without_the_messages_everything_else_is_the_same() -> None:
    asked, plain = simulated(draft_mechanism(scenario(), asking_every_week()), 500), simulated(mechanism(), 500)
    assert np.isnan(plain.recorded[VAS_WEEK1:]).all()
    np.testing.assert_array_equal(asked.recorded[:VAS_WEEK1], plain.recorded[:VAS_WEEK1])
    np.testing.assert_array_equal(asked.pain, plain.pain)
