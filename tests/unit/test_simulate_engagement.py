"""Starting, stopping and taking part: exact inverses, shares by week, absorbing stops, dose.

Seeded; comparisons with a random bound allow 5.2 standard errors (two-sided alarm 2e-7 each, fewer than 80 of them).
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, special, stats

from odisea.errors import ProtocolError
from odisea.simulate.draft import engagement
from odisea.simulate.engagement import (
    LARGEST_LOGINS,
    add_dose,
    binomial_inverse,
    count_logins,
    negative_binomial_inverse,
    stay_engaged,
    take_part,
)
from odisea.simulate.mechanism import WEEKS, EngagementModel
from odisea.streams import fill_normal, fill_uniform
from tests.declared import mechanism, scenario

Floats = NDArray[np.float64]
Z = 5.2
N = 200_000
SPARE_PURPOSE = 99  # frailty of these tests, at an address that the simulator does not use


class Taken:
    """Six weeks of n people with a normal frailty and a rise of pain that is the same for all of them."""

    def __init__(self, model: EngagementModel, n: int = N, pain_rise: float = 0.0, seed: int = 1) -> None:
        self.units = np.arange(n, dtype=np.int64)
        normal = np.empty((4, n))
        fill_normal(seed, 0, SPARE_PURPOSE, 0, self.units, normal)
        self.frailty = normal[0].copy()
        self.engaged, self.live, self.diary, self.opened, self.dose, self.logins = (np.empty((WEEKS, n)) for _ in range(6))
        before, so_far, rise = np.ones(n), np.zeros(n), np.full(n, pain_rise)
        for week in range(WEEKS):
            now = self.engaged[week]
            stay_engaged(seed, 0, model, week, self.units, self.frailty, rise, before, now, np.empty((4, n)))
            week_of = (self.live[week], self.diary[week], self.opened[week])
            take_part(seed, 0, model, week, self.units, self.frailty, now, *week_of, np.empty((7, n)))
            add_dose(model, *week_of, so_far, self.dose[week])
            before, so_far = now, self.dose[week]
        count_logins(seed, 0, model, self.units, self.frailty, self.engaged, self.logins)


@pytest.fixture(scope="module")
def taken() -> Taken:
    return Taken(mechanism().engagement)


def logistic(x: float) -> float:
    return float(1.0 / (1.0 + np.exp(-x)))


def still_engaged(model: EngagementModel, week: int, frailty: float) -> float:
    """Chance to be engaged in a week (0 is the first) given the frailty."""
    push = model.frailty_on_disengagement * frailty
    return (1.0 - logistic(model.never_start_logit - push)) * (1.0 - logistic(model.disengage_logit - push)) ** week


def over_frailty(function: object) -> float:
    """Mean over a standard normal frailty, by adaptive integration: not the package's Gauss-Hermite rule."""
    assert callable(function)
    value, _ = integrate.quad(lambda z: function(z) * np.exp(-z * z / 2.0) / np.sqrt(2.0 * np.pi), -9.0, 9.0, epsabs=1e-11, limit=400)
    return float(value)


# ---------------------------------------------------------------- exact inverses

chance = st.floats(1e-6, 1.0 - 1e-6)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.lists(st.tuples(chance, st.floats(1e-4, 0.9999)), min_size=1, max_size=20))
def test_diary_days_are_the_inverse_of_the_binomial_distribution(pairs: list[tuple[float, float]]) -> None:
    u, p = np.array(pairs).T.copy()
    out = np.empty(u.size)
    binomial_inverse(u, p.copy(), np.ones(u.size), np.empty((2, u.size)), out)
    for count, level, share in zip(out, u, p, strict=True):
        # The first count whose distribution function reaches u, but for rounding where u is that function.
        assert special.bdtr(count, 7, share) >= level - 1e-12
        assert count == 0 or special.bdtr(count - 1, 7, share) < level + 1e-12


@pytest.mark.parametrize("size", [0.3, 1.2, 5.0, 100.0])
@pytest.mark.parametrize("mean", [0.05, 2.8, 15.0])
def test_logins_are_exactly_the_quantiles_of_the_negative_binomial_distribution(mean: float, size: float) -> None:
    n = 4_000
    uniforms, out = np.empty((4, n)), np.empty(n)
    fill_uniform(1, 0, SPARE_PURPOSE, 1, np.arange(n, dtype=np.int64), uniforms)
    u = np.concatenate([uniforms[0, :-4], [1e-9, 1e-4, 0.9999, 1.0 - 1e-9]])
    negative_binomial_inverse(u, np.full(n, mean), size, np.ones(n), np.empty((2, n)), out)
    np.testing.assert_array_equal(out, np.minimum(stats.nbinom.ppf(u, size, size / (size + mean)), LARGEST_LOGINS))


def test_logins_of_different_people_do_not_meet() -> None:
    mean = np.array([0.1, 4.0, 30.0, 4.0])
    u, out = np.array([0.5, 0.5, 0.5, 0.99]), np.empty(4)
    negative_binomial_inverse(u, mean, 1.2, np.ones(4), np.empty((2, 4)), out)
    assert out.tolist() == [float(stats.nbinom.ppf(level, 1.2, 1.2 / (1.2 + m))) for level, m in zip(u, mean, strict=True)]


def test_who_is_not_present_has_no_counts_and_does_not_change_the_others() -> None:
    u, p, rate = np.array([0.9, 0.9, 0.2]), np.array([0.5, 0.9, 0.7]), np.array([3.0, 9.0, 4.0])
    present = np.array([1.0, 0.0, 1.0])
    everybody, some = np.empty(3), np.empty(3)
    binomial_inverse(u, p.copy(), np.ones(3), np.empty((2, 3)), everybody)
    binomial_inverse(u, p.copy(), present, np.empty((2, 3)), some)
    assert some.tolist() == [everybody[0], 0.0, everybody[2]]
    negative_binomial_inverse(u, rate, 1.2, np.ones(3), np.empty((2, 3)), everybody)
    negative_binomial_inverse(u, rate, 1.2, present, np.empty((2, 3)), some)
    assert some.tolist() == [everybody[0], 0.0, everybody[2]]


# ---------------------------------------------------------------- starting and stopping


def test_stopping_is_for_good(taken: Taken) -> None:
    assert set(np.unique(taken.engaged)) == {0.0, 1.0}
    assert (np.diff(taken.engaged, axis=0) <= 0.0).all()


@pytest.mark.parametrize("week", range(WEEKS))
def test_the_share_still_engaged_is_the_mean_over_frailty(taken: Taken, week: int) -> None:
    model = mechanism().engagement
    expected = over_frailty(lambda z: still_engaged(model, week, z))
    assert abs(taken.engaged[week].mean() - expected) < Z * np.sqrt(expected * (1.0 - expected) / N)


def test_the_declared_hazards_hold_at_average_frailty() -> None:
    model, values = mechanism().engagement, scenario().values
    assert logistic(model.never_start_logit) == pytest.approx(values["never_start"], rel=1e-12)
    assert logistic(model.disengage_logit) == pytest.approx(values["disengage_week"], rel=1e-12)
    flat = Taken(model._replace(frailty_on_disengagement=0.0))
    never, stay = values["never_start"], 1.0 - values["disengage_week"]
    for week in range(WEEKS):
        expected = (1.0 - never) * stay**week
        assert abs(flat.engaged[week].mean() - expected) < Z * np.sqrt(expected * (1.0 - expected) / N)


@pytest.mark.parametrize("rise", [-2.0, 3.0])
def test_pain_above_that_at_consultation_makes_people_stop_but_not_fail_to_start(rise: float) -> None:
    model = mechanism(frailty_on_disengagement=0.0, pain_on_disengagement=0.5).engagement
    pained = Taken(model, pain_rise=rise)
    start, leave = logistic(model.never_start_logit), logistic(model.disengage_logit + 0.5 * rise)
    for week in range(WEEKS):
        expected = (1.0 - start) * (1.0 - leave) ** week
        assert abs(pained.engaged[week].mean() - expected) < Z * np.sqrt(expected * (1.0 - expected) / N)


def test_a_higher_frailty_number_means_more_engagement(taken: Taken) -> None:
    high, low = taken.frailty > 1.0, taken.frailty < -1.0
    for part in (taken.engaged[0], taken.engaged[-1], taken.live.sum(axis=0), taken.diary.sum(axis=0), taken.logins.sum(axis=0)):
        assert part[high].mean() > part[low].mean() + 0.1


# ---------------------------------------------------------------- adherence by week, over everybody allocated


def assumed(name: str) -> Floats:
    values = scenario().values
    return np.linspace(values[f"{name}_first_week"], values[f"{name}_last_week"], WEEKS)


@pytest.mark.parametrize("week", range(WEEKS))
def test_live_attendance_has_the_assumed_share_of_everybody_allocated(taken: Taken, week: int) -> None:
    share = assumed("live")[week]
    assert abs(taken.live[week].mean() - share) < Z * np.sqrt(share * (1.0 - share) / N)


@pytest.mark.parametrize("week", range(WEEKS))
def test_diary_days_have_the_assumed_mean_over_everybody_allocated(taken: Taken, week: int) -> None:
    assert abs(taken.diary[week].mean() - assumed("diary")[week]) < Z * taken.diary[week].std() / np.sqrt(N)


@pytest.mark.parametrize("week", range(WEEKS))
def test_logins_are_log_normal_mixed_negative_binomial_around_their_rate(taken: Taken, week: int) -> None:
    model = mechanism().engagement
    load, size = model.frailty_on_adherence, model.login_size

    def rate(z: float) -> float:
        return float(assumed("logins")[week] * np.exp(0.5 * load * z - 0.125 * load**2))

    assert over_frailty(rate) == pytest.approx(assumed("logins")[week], rel=1e-9)
    expected = over_frailty(lambda z: still_engaged(model, week, z) * rate(z))
    logins = taken.logins[week]
    assert abs(logins.mean() - expected) < Z * logins.std() / np.sqrt(N)
    second = over_frailty(lambda z: still_engaged(model, week, z) * (rate(z) + rate(z) ** 2 * (1.0 + 1.0 / size)))
    assert abs((logins**2).mean() - second) < Z * (logins**2).std() / np.sqrt(N)
    opened = over_frailty(lambda z: still_engaged(model, week, z) * (1.0 - (1.0 + rate(z) / size) ** -size))
    assert abs(taken.opened[week].mean() - opened) < Z * np.sqrt(opened * (1.0 - opened) / N)


def test_the_platform_was_opened_exactly_where_there_are_logins(taken: Taken) -> None:
    np.testing.assert_array_equal(taken.opened, (taken.logins > 0.0).astype(np.float64))


@pytest.mark.parametrize("shift", [-0.8, 0.6])
def test_the_shift_moves_the_logits_and_the_log_rate(shift: float) -> None:
    model = mechanism().engagement._replace(adherence_shift=shift)
    moved, week, load = Taken(model), 2, model.frailty_on_adherence
    for part, logit, most in ((moved.live, model.live_logit, 1.0), (moved.diary, model.diary_logit, 7.0)):
        level = float(logit[week]) + shift

        def taking_part(z: float, level: float = level) -> float:
            return still_engaged(model, week, z) * logistic(level + load * z)

        assert abs(part[week].mean() - most * over_frailty(taking_part)) < Z * part[week].std() / np.sqrt(N)
    rate = float(model.login_rate[week]) * np.exp(shift)
    logins = over_frailty(lambda z: still_engaged(model, week, z) * rate * float(np.exp(0.5 * load * z - 0.125 * load**2)))
    assert abs(moved.logins[week].mean() - logins) < Z * moved.logins[week].std() / np.sqrt(N)


def test_the_quadrature_solves_the_intercepts_that_integration_confirms() -> None:
    model = mechanism().engagement
    for week in range(WEEKS):
        for logit, share in ((model.live_logit[week], assumed("live")[week]), (model.diary_logit[week], assumed("diary")[week] / 7.0)):

            def taking_part(z: float, week: int = week, logit: float = float(logit)) -> float:
                return still_engaged(model, week, z) * logistic(logit + model.frailty_on_adherence * z)

            assert over_frailty(taking_part) == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize("frailty", [0.0, 1.5])
def test_the_shares_hold_whatever_the_frailty(frailty: float) -> None:
    values = {**scenario().values, "frailty_on_adherence": frailty, "frailty_on_disengagement": frailty}
    other = Taken(engagement(values))
    for week in (0, WEEKS - 1):
        assert abs(other.live[week].mean() - assumed("live")[week]) < Z * 0.5 / np.sqrt(N)
        assert abs(other.diary[week].mean() - assumed("diary")[week]) < Z * other.diary[week].std() / np.sqrt(N)


def test_given_frailty_the_three_streams_are_independent_of_each_other() -> None:
    flat = Taken(mechanism(frailty_on_adherence=0.0, frailty_on_disengagement=0.0).engagement)
    present = flat.engaged[0] == 1.0
    streams = np.stack([flat.live[0], flat.diary[0], flat.logins[0], flat.frailty])[:, present]
    table = np.corrcoef(streams) - np.eye(4)
    assert np.abs(table).max() < Z / np.sqrt(present.sum())


def test_nobody_takes_part_who_is_not_engaged(taken: Taken) -> None:
    for part in (taken.live, taken.diary, taken.logins):
        assert not part[taken.engaged == 0.0].any()


def test_counts_are_whole_and_within_their_range(taken: Taken) -> None:
    assert set(np.unique(taken.live)) == {0.0, 1.0}
    assert set(np.unique(taken.diary)) == set(map(float, range(8)))
    np.testing.assert_array_equal(taken.logins, np.rint(taken.logins))
    assert taken.logins.min() == 0.0
    assert taken.logins.max() <= LARGEST_LOGINS


def test_a_share_above_what_is_still_engaged_is_refused() -> None:
    with pytest.raises(ProtocolError) as refusal:
        engagement({**scenario().values, "live_last_week": 0.95})
    (problem,) = refusal.value.problems
    assert problem.where.startswith("weekly adherence, week ")
    assert "still engaged" in problem.found
    assert "never_start or disengage_week" in problem.remedy


# ---------------------------------------------------------------- dose


def test_dose_is_the_weighted_share_of_the_programme_taken_up_so_far() -> None:
    model = mechanism().engagement._replace(dose_weights=np.array([0.5, 0.3, 0.2]), done_share=0.9)
    live, diary, opened = (np.zeros((WEEKS, 3)) for _ in range(3))
    live[:, 0], diary[:, 0], opened[:, 0] = 1.0, 7.0, 1.0  # everything
    live[0, 1], diary[2, 1], opened[5, 1] = 1.0, 3.5, 1.0  # a little
    dose, before = np.empty((WEEKS, 3)), np.zeros(3)
    for week in range(WEEKS):
        add_dose(model, live[week], diary[week], opened[week], before, dose[week])
        before = dose[week]
    # A tenth of the diary days is written down without exercise: of the weights' sum of 1 it takes 0.03.
    assert dose[:, 0] == pytest.approx(0.97 * np.arange(1, 7) / 6.0)
    assert dose[:, 1] == pytest.approx(np.array([0.5, 0.5, 0.635, 0.635, 0.635, 0.835]) / 6.0)
    assert dose[:, 2].tolist() == [0.0] * WEEKS


def test_dose_grows_between_0_and_1(taken: Taken) -> None:
    assert (np.diff(taken.dose, axis=0) >= 0.0).all()
    assert taken.dose.min() == 0.0
    assert taken.dose.max() <= 1.0 + 1e-12


def test_what_the_item_weights_say_sums_to_one() -> None:
    assert mechanism().engagement.dose_weights.sum() == pytest.approx(1.0, abs=1e-12)
