"""Answers and pain at week 6: range, rounding, scoring, reliability, transient and stable errors.

Seeded; comparisons with a random bound allow 5.2 standard errors (two-sided alarm 2e-7 each, fewer than 30 of them).
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from odisea.errors import ProtocolError
from odisea.simulate.draft import measurement
from odisea.simulate.measurement import answer_items, draw_stable, follow_up_pain
from odisea.simulate.mechanism import ITEMS, ODI_BASELINE, ODI_WEEK6, VAS_WEEK6, MeasurementModel
from odisea.streams import Purpose, fill_normal
from tests.declared import mechanism, scenario, simulated

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
    cohort = simulated(mechanism("registered"), 20_000)
    for items, row in ((cohort.items_baseline, ODI_BASELINE), (cohort.items_week6, ODI_WEEK6)):
        assert set(np.unique(items)) == {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
        total = cohort.recorded[row]
        seen = ~np.isnan(total)
        np.testing.assert_array_equal(total[seen], 100.0 * items.sum(axis=0)[seen] / 50.0)
        assert 0.0 <= total[seen].min() < 2.0
        assert 80.0 < total[seen].max() <= 100.0


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
    exact = MeasurementModel(20.0, np.zeros(ITEMS), 0.0, 0.0, 5.0)
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
    model = measurement(values)
    assert model.stable_sd == values["item_stable_sd"]
    assert np.hypot(model.stable_sd, model.transient_sd) == pytest.approx(values["item_total_sd"])


def test_a_stable_part_above_the_total_is_refused() -> None:
    with pytest.raises(ProtocolError, match=r"item_stable_sd: the value is 1.5; it may not be above item_total_sd, 0.8"):
        measurement({**scenario().values, "item_stable_sd": 1.5})


# ---------------------------------------------------------------- pain at week 6


def later_pain(change: float, keep: float = 0.5, pain_mean: float = 5.0) -> tuple[Floats, Floats]:
    model = mechanism(pain_follow_up_loading=keep, pain_mean=pain_mean, pain_sd=1.0)
    z = np.empty((4, N))
    fill_normal(1, 0, SPARE_PURPOSE, 1, UNITS, z)
    out = np.empty(N)
    follow_up_pain(1, 0, model.population, model.course, UNITS, z[0], np.full(N, change), out)
    return z[0], out


def test_pain_follows_the_change_in_disability() -> None:
    per_point = scenario().values["pain_per_disability"]
    for change in (-15.0, 0.0, 10.0):
        _, pain = later_pain(change)
        assert abs(pain.mean() - (5.0 + per_point * change)) < Z * pain.std() / np.sqrt(N)
        assert abs(pain.std() - np.sqrt(1.0 + 0.01 / 12.0)) < Z / np.sqrt(2 * N)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.9])
def test_pain_carries_its_baseline_over(keep: float) -> None:
    trait, pain = later_pain(0.0, keep)
    assert abs(np.corrcoef(trait, pain)[0, 1] - keep) < Z * (1.0 - keep**2) / np.sqrt(N) + 0.0005  # rounding to 0.1 takes 0.0004


def test_pain_stays_on_its_scale_at_one_decimal() -> None:
    pain = simulated(mechanism("registered"), 20_000).recorded[VAS_WEEK6]
    pain = pain[~np.isnan(pain)]
    assert (pain.min(), pain.max()) == (0.0, 10.0)
    np.testing.assert_array_equal(pain, np.round(pain, 1))
