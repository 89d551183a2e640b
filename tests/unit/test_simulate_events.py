"""Intercurrent events: shares, who can have them, how long they last, what they stop, and what a strategy leaves out.

Seeded; comparisons with a random bound allow 5.2 standard errors (two-sided alarm 2e-7 each, fewer than 60 of them);
chi-square tests alarm below 1e-8.
"""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from odisea.errors import ProtocolError
from odisea.simulate.draft import events
from odisea.simulate.events import LARGEST_EXCESS, NOT_YET, draw_events, event_shifts, stop_by_events
from odisea.simulate.mechanism import (
    AS_TREATED,
    BY_STRATEGY,
    EVENTS,
    OTHER_REHABILITATION,
    PREGNANCY,
    RESCUE,
    SEX,
    STRATEGIES,
    SURGERY,
    WEEKS,
    EventModel,
)
from tests.declared import NO_EVENTS, NO_FEEDBACK, followed, mechanism, scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Z = 5.2
ALARM = 1e-8
N = 200_000
UNITS = np.arange(N, dtype=np.int64)
EXPOSED = UNITS % 2
MALE = (UNITS // 2 % 2).astype(np.float64)


def drawn(model: EventModel, excess: Floats | float = 0.0, by_strategy: int = 0) -> Floats:
    """The week of every event of N people whose pain stays as it is; (4, N)."""
    out = np.full((len(EVENTS), N), NOT_YET)
    pain = np.broadcast_to(excess, N).astype(np.float64)
    for week in range(WEEKS):
        draw_events(1, 0, model, week, by_strategy, UNITS, EXPOSED, MALE, pain, out, np.empty((4, N)))
    return out


def declared() -> EventModel:
    return mechanism().events


@pytest.fixture(scope="module")
def at_average_pain() -> Floats:
    return drawn(declared())


def same_share(happened: NDArray[np.bool_], share: float) -> bool:
    # 3 covers the skew of rare events.
    return bool(abs(happened.sum() - happened.size * share) < Z * math.sqrt(happened.size * share * (1.0 - share)) + 3.0)


# ---------------------------------------------------------------- how often


@pytest.mark.parametrize("event", range(len(EVENTS)), ids=EVENTS)
@pytest.mark.parametrize("arm", ["control", "tele"])
def test_an_event_has_its_share_over_six_weeks_at_average_pain(at_average_pain: Floats, event: int, arm: str) -> None:
    may = (arm == "tele") == (EXPOSED == 1)
    if event == PREGNANCY:
        may = may & (MALE == 0.0)
    share = scenario().values[f"event_share_{EVENTS[event]}_{arm}"]
    assert same_share(at_average_pain[event, may] >= 0.0, share)


@pytest.mark.parametrize("event", [RESCUE, OTHER_REHABILITATION])
def test_the_first_week_of_an_event_is_geometric(at_average_pain: Floats, event: int) -> None:
    weeks = at_average_pain[event, EXPOSED == 0]
    p = 1.0 - (1.0 - scenario().values[f"event_share_{EVENTS[event]}_control"]) ** (1.0 / WEEKS)
    chances = [p * (1.0 - p) ** week for week in range(WEEKS)]
    counts = np.bincount(weeks.astype(np.int64) + 1, minlength=WEEKS + 1)
    expected = weeks.size * np.array([1.0 - sum(chances), *chances])
    assert stats.chisquare(counts, expected).pvalue > ALARM


@pytest.mark.parametrize("excess", [-9.0, -2.0, 1.5, 4.0, 9.0])
def test_pain_multiplies_the_weekly_probability_up_to_a_bound(excess: float) -> None:
    model = declared()._replace(pain_slope=np.array([0.3, 0.2, 0.2, 0.0]))
    weeks = drawn(model, excess)
    bounded = min(max(excess, -LARGEST_EXCESS), LARGEST_EXCESS)
    for event in (RESCUE, OTHER_REHABILITATION):
        p = min(float(model.probability[0, event]) * math.exp(float(model.pain_slope[event]) * bounded), 1.0)
        assert same_share(weeks[event, EXPOSED == 0] >= 0.0, 1.0 - (1.0 - p) ** WEEKS), EVENTS[event]
    np.testing.assert_array_equal(weeks[PREGNANCY], drawn(model)[PREGNANCY])


def test_everybody_keeps_the_first_week_of_an_event(at_average_pain: Floats) -> None:
    again = at_average_pain.copy()
    before = again.copy()
    certain = declared()._replace(probability=np.ones((2, 4)), female_only=np.zeros(4, dtype=np.int64))
    draw_events(1, 0, certain, 3, 0, UNITS, EXPOSED, MALE, np.zeros(N), again, np.empty((4, N)))
    np.testing.assert_array_equal(again[before >= 0.0], before[before >= 0.0])
    assert (again[before < 0.0] == 3.0).all()


def test_events_of_a_person_are_drawn_apart() -> None:
    often = declared()._replace(probability=np.full((2, 4), 0.1), female_only=np.zeros(4, dtype=np.int64))
    happened = (drawn(often) >= 0.0).astype(np.float64)
    assert np.abs(np.corrcoef(happened) - np.eye(4)).max() < Z / math.sqrt(N)


def test_only_women_become_pregnant(at_average_pain: Floats) -> None:
    assert not (at_average_pain[PREGNANCY, MALE == 1.0] >= 0.0).any()
    assert (at_average_pain[PREGNANCY, MALE == 0.0] >= 0.0).any()
    assert (at_average_pain[RESCUE, MALE == 1.0] >= 0.0).any()
    cohort = followed(mechanism(event_share_pregnancy_control=0.9, event_share_pregnancy_tele=0.9), 400, AS_TREATED)
    assert set(cohort.recorded[SEX, cohort.event_week[PREGNANCY] >= 0.0]) == {0.0}


def test_an_event_that_cannot_happen_does_not() -> None:
    model = mechanism(**NO_EVENTS).events
    assert (drawn(model, 9.0) == NOT_YET).all()
    one_arm = mechanism(**{**NO_EVENTS, "event_share_rescue_tele": 0.5}).events
    weeks = drawn(one_arm)[RESCUE]
    assert (weeks[EXPOSED == 0] == NOT_YET).all()
    assert same_share(weeks[EXPOSED == 1] >= 0.0, 0.5)


# ---------------------------------------------------------------- what they do


def test_a_shift_lasts_its_weeks_and_then_goes() -> None:
    model = declared()._replace(
        shift=np.array([-2.0, -3.0, 5.0, 0.5]), pain_shift=np.array([-0.5, 0.0, 1.0, 0.25]), weeks=np.array([2, 6, 6, 1])
    )
    # Four people: a rescue course in the third week; all events in the first; pregnancy in the last; nothing.
    weeks = np.full((4, 4), NOT_YET)
    weeks[RESCUE, 0], weeks[:, 1], weeks[PREGNANCY, 2] = 2.0, 0.0, 5.0
    disability, pain = np.empty((WEEKS, 4)), np.empty((WEEKS, 4))
    for week in range(WEEKS):
        # Only what has happened by then is known.
        event_shifts(model, week, np.where(weeks <= week, weeks, NOT_YET), disability[week], pain[week])
    assert disability[:, 0].tolist() == [0.0, 0.0, -2.0, -2.0, 0.0, 0.0]
    assert pain[:, 0].tolist() == [0.0, 0.0, -0.5, -0.5, 0.0, 0.0]
    assert disability[:, 1].tolist() == [0.5, 0.0, 2.0, 2.0, 2.0, 2.0]
    assert pain[:, 1].tolist() == [0.75, 0.5, 1.0, 1.0, 1.0, 1.0]
    assert disability[:, 2].tolist() == [0.0] * 5 + [0.5]
    assert not disability[:, 3].any()


def test_shifts_reach_the_latent_course_of_everybody_alike() -> None:
    model = mechanism(**NO_FEEDBACK, leak_share=0.0)
    still = mechanism(**NO_FEEDBACK, leak_share=0.0, **{f"event_{what}_{event}": 0.0 for what in ("odi", "vas") for event in EVENTS})
    moved, unmoved = followed(model, 400, AS_TREATED, 0), followed(still, 400, AS_TREATED, 0)
    np.testing.assert_array_equal(moved.event_week, unmoved.event_week)
    shift, relief = np.empty(400), np.empty(400)
    for week in range(WEEKS):
        event_shifts(model.events, week, np.where(moved.event_week <= week, moved.event_week, NOT_YET), shift, relief)
        np.testing.assert_allclose(moved.actual[week + 1] - unmoved.actual[week + 1], shift, atol=1e-12)
        through_disability = model.course.pain_per_disability * shift
        np.testing.assert_allclose(moved.pain[week + 1] - unmoved.pain[week + 1], relief + through_disability, atol=1e-12)


def test_surgery_and_pregnancy_end_the_programme_and_the_others_do_not() -> None:
    model = declared()
    assert [EVENTS[event] for event in np.flatnonzero(model.stops)] == ["surgery", "pregnancy"]
    weeks = np.full((4, 6), NOT_YET)
    for person, event in enumerate((RESCUE, OTHER_REHABILITATION, SURGERY, PREGNANCY)):
        weeks[event, person] = 3.0
    weeks[SURGERY, 5] = 0.0
    for week, staying in ((2, [1, 1, 1, 1, 1, 0]), (3, [1, 1, 0, 0, 1, 0]), (5, [1, 1, 0, 0, 1, 0])):
        engaged = np.ones(6)
        stop_by_events(model, week, weeks, np.arange(6), engaged)
        assert engaged.tolist() == staying, week


def test_the_places_of_the_programme_arm_are_their_own() -> None:
    weeks = np.full((4, 5), NOT_YET)
    weeks[SURGERY, 3] = 1.0
    engaged = np.ones(2)
    stop_by_events(declared(), 1, weeks, np.array([1, 3]), engaged)
    assert engaged.tolist() == [1.0, 0.0]


def test_who_is_operated_on_takes_part_no_more() -> None:
    cohort = followed(mechanism(event_share_surgery_tele=0.6), 400, AS_TREATED, 1)
    first = cohort.event_week[SURGERY]
    assert (first >= 0.0).sum() > 100
    for week in range(WEEKS):
        out = (first >= 0.0) & (first <= week)
        for part in (cohort.engaged, cohort.live, cohort.diary, cohort.opened):
            assert not part[week, out].any()
    assert cohort.engaged[2, first > 2.0].any()


# ---------------------------------------------------------------- strategies


def test_only_hypothetical_events_are_taken_away(at_average_pain: Floats) -> None:
    model = declared()
    assert [STRATEGIES[index] for index in model.strategy] == list(scenario().strategies)
    by_strategy = drawn(model, by_strategy=1)
    for event in range(len(EVENTS)):
        if STRATEGIES[model.strategy[event]] == "hypothetical":
            assert (by_strategy[event] == NOT_YET).all()
        else:
            np.testing.assert_array_equal(by_strategy[event], at_average_pain[event])


def test_without_the_hypothetical_events_nobody_is_moved_by_them() -> None:
    changes = {**NO_FEEDBACK, **NO_EVENTS, "event_share_rescue_control": 0.5}
    hypothetical = mechanism(**changes)
    strategy = hypothetical.events.strategy.copy()
    strategy[RESCUE] = STRATEGIES.index("hypothetical")
    hypothetical = hypothetical._replace(events=hypothetical.events._replace(strategy=strategy))
    taken_away = followed(hypothetical, 300, BY_STRATEGY, 0)
    never = followed(mechanism(**{**changes, "event_share_rescue_control": 0.0}), 300, AS_TREATED, 0)
    np.testing.assert_array_equal(taken_away.actual, never.actual)
    np.testing.assert_array_equal(taken_away.pain, never.pain)


# ---------------------------------------------------------------- from the declaration


def test_the_draft_turns_shares_into_weekly_probabilities() -> None:
    model, values = declared(), scenario().values
    for row, arm in enumerate(("control", "tele")):
        for event, name in enumerate(EVENTS):
            kept = (1.0 - float(model.probability[row, event])) ** WEEKS
            assert 1.0 - kept == pytest.approx(values[f"event_share_{name}_{arm}"], abs=1e-14)
    assert model.weeks.tolist() == [int(values["rescue_weeks"]), WEEKS, WEEKS, WEEKS]
    assert model.female_only.tolist() == [0, 0, 0, 1]


def test_a_programme_without_an_effect_changes_no_events() -> None:
    model = mechanism("null").events
    np.testing.assert_array_equal(model.probability[1], model.probability[0])
    np.testing.assert_array_equal(model.probability[0], declared().probability[0])
    assert (declared().probability[1] != model.probability[1]).any()


def test_a_course_of_a_week_and_a_half_is_refused() -> None:
    with pytest.raises(ProtocolError, match=r"rescue_weeks: the value is 1.5; it must be a whole number"):
        events({**scenario().values, "rescue_weeks": 1.5}, scenario().strategies)
