"""The calendar: the replicate's events on dates, distributions against scipy and closed forms, what no calendar may do.

Every test is seeded, so it passes or fails once and for all. A correct generator with fresh seeds fails a comparison with a
random bound with probability below 1e-7 (chi-square alarm 1e-8; 5.6 standard errors), and there are fewer than 100 of them.
"""

from datetime import date, timedelta
from itertools import combinations

import numpy as np
import pytest
from calendar_people import CLOSED, VALUES, everybody, model, people, the_protocol
from numpy.typing import NDArray
from scipy import stats

from odisea.errors import ProtocolError
from odisea.protocol.fact import Fact
from odisea.protocol.model import Protocol
from odisea.simulate.calendar import NO_DAY, NO_SESSION, Run, run_calendar
from odisea.simulate.calendar_dates import DONE, MISSED, OUT_OF_WINDOW, calendar_dates
from odisea.simulate.calendar_draws import (
    arrival_days,
    cancelled_sessions,
    daily_rates,
    diary_days,
    final_visit_shifts,
    preferred_sessions,
    session_days,
    waiting_days,
)
from odisea.simulate.calendar_events import COUNT, DAY, KIND, PARTICIPANT, Kind, events_of_the_replicate, replicate_events
from odisea.simulate.calendar_model import CalendarModel, People, calendar_model, date_of, enrolled_share, open_days, week_of
from odisea.simulate.calendar_people import people_of
from tests.declared import mechanism, scenarios, simulated
from tests.twins.trial import Person, World

Ints = NDArray[np.int64]

ALARM = 1e-8
Z_BOUND = 5.6
KEY = (20251003, 7)
WORLDS = tuple(name for name, spec in scenarios().scenarios.items() if not spec.textbook)


def chi_square_p(observed: NDArray[np.float64] | Ints, probabilities: NDArray[np.float64]) -> float:
    """Goodness of fit with the cells of an expected count below 5 put together at the end."""
    expected = np.asarray(probabilities) * observed.sum()
    small = expected < 5.0
    seen = np.append(observed[~small], observed[small].sum())
    meant = np.append(expected[~small], observed.sum() - expected[~small].sum())
    if meant[-1] < 1e-9:
        assert seen[-1] == 0
        seen, meant = seen[:-1], meant[:-1]
    return float(stats.chisquare(seen, meant).pvalue)


# ---------------------------------------------------------------- the replicate's events


def people_of_persons(persons: list[Person]) -> People:
    def weekly(name: str) -> NDArray[np.float64]:
        return np.array([getattr(person, name) for person in persons]).T

    units = {person.unit for person in persons}
    return People(
        np.array([0 if unit in units else 1 for unit in range(max(units) + 1)]),
        np.array([int(person.exposed) for person in persons]),
        weekly("live"),
        weekly("diary"),
        weekly("logins"),
        weekly("engaged"),
        np.array([person.week_lost for person in persons]),
    )


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("key", [(20251003, 0), (2**62 + 11, 2**35 + 3)])
def test_a_calendar_of_the_slow_twins_people_has_exactly_the_events_of_the_engine(name: str, key: tuple[int, int]) -> None:
    world = mechanism(name)
    cohort = simulated(world, 60, *key)
    persons = World(*key, world).trial((cohort.exposed == 1).tolist())
    run = run_calendar(key, model(), people_of_persons(persons), until_full=True)
    expected = replicate_events(people_of(*key, world, cohort))
    np.testing.assert_array_equal(events_of_the_replicate(run.events()), expected)
    lost = {Kind.LOST} if (cohort.week_lost != -1).any() else set()
    assert {Kind(kind) for kind in expected[:, 2]} == {Kind.STOPPED, Kind.LIVE, Kind.DIARY, Kind.LOGINS, Kind.ASSESSED, *lost}


def test_the_events_of_a_few_people_written_out_by_hand() -> None:
    def weekly(*rows: list[int]) -> NDArray[np.float64]:
        return np.array(rows, dtype=np.float64).T

    none = [0] * 6
    few = People(
        screened=np.array([0, 1, 0, 2, 0, 0]),
        exposed=np.array([1, 1, 0, 1]),
        live=weekly([1, 0, 1, 1, 0, 0], none, none, [1, 1, 1, 1, 1, 1]),
        diary=weekly([7, 3, 0, 1, 0, 0], none, none, none),
        logins=weekly([0, 2, 0, 0, 0, 0], none, none, none),
        engaged=weekly([1, 1, 1, 1, 0, 0], none, none, [1, 1, 1, 0, 0, 0]),
        week_lost=np.array([-1, -1, 5, 2]),
    )
    expected = [
        (0, 0, Kind.LIVE, 1), (0, 0, Kind.DIARY, 7), (0, 1, Kind.DIARY, 3), (0, 1, Kind.LOGINS, 2), (0, 2, Kind.LIVE, 1),
        (0, 3, Kind.LIVE, 1), (0, 3, Kind.DIARY, 1), (0, 4, Kind.STOPPED, 1), (0, 6, Kind.ASSESSED, 1),
        (1, 0, Kind.STOPPED, 1), (1, 6, Kind.ASSESSED, 1),
        (2, 5, Kind.LOST, 1),
        (3, 0, Kind.LIVE, 1), (3, 1, Kind.LIVE, 1), (3, 2, Kind.LIVE, 1), (3, 2, Kind.LOST, 1),
    ]  # fmt: skip
    assert replicate_events(few).tolist() == [list(row) for row in expected]
    run = run_calendar(KEY, model(4 / 6), few, until_full=True)
    assert events_of_the_replicate(run.events()).tolist() == [list(row) for row in expected]


@pytest.mark.parametrize("seed", range(4))
def test_invented_people_live_through_what_is_theirs(seed: int) -> None:
    some = people(80, seed=seed)
    run = run_calendar((seed, 0), model(), some, until_full=True)
    np.testing.assert_array_equal(events_of_the_replicate(run.events()), replicate_events(some))


def test_events_are_in_order_and_screening_adds_up() -> None:
    some = people(200)
    run = run_calendar(KEY, model(randomised_per_week=2.5), some)
    table = run.events()
    assert (np.diff(table[:, DAY]) >= 0).all()
    count = {kind: int(np.count_nonzero(table[:, KIND] == kind)) for kind in Kind}
    assert count[Kind.SCREENED] == run.screened.size == sum(count[Kind(kind)] for kind in range(1, 5))
    assert 0 < count[Kind.RANDOMISED] == run.baseline.size < 200
    assert count[Kind.LIVE] == np.count_nonzero(run.attended != NO_SESSION)
    assert table[table[:, KIND] == Kind.DIARY][:, COUNT].max() == 7
    assert run.final.size == run.baseline.size
    assert (run.final != NO_DAY).tolist() == (some.week_lost[: run.baseline.size] == -1).tolist()


def test_participants_are_numbered_by_the_day_of_randomisation() -> None:
    some = people(150)
    run = run_calendar(KEY, model(), some, until_full=True)
    assert (np.diff(run.baseline) >= 0).all()
    assert sorted(run.candidate.tolist()) == np.flatnonzero(some.screened == 0).tolist()
    assert (np.diff(run.candidate) < 0).any()  # who waits longer is overtaken
    assert (run.baseline >= run.screened[run.candidate]).all()


# ---------------------------------------------------------------- a pure function of key, model and people


def same(first: Run, second: Run, *fields: str) -> None:
    for name in fields or ("screened", "candidate", "baseline", "final", "attended"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def test_a_calendar_depends_on_its_key_model_and_people_alone() -> None:
    some = people(100)
    fresh = run_calendar(KEY, model(), some)
    run_calendar((1, 2), model(arrival_cv=1.0), people(50, seed=3))
    again = run_calendar(KEY, model(), some)
    same(fresh, again)
    np.testing.assert_array_equal(fresh.events(), again.events())
    for other in ((KEY[0] + 1, KEY[1]), (KEY[0], KEY[1] + 1), (KEY[0], KEY[1] + 2**32)):
        assert run_calendar(other, model(), some).baseline.tolist() != fresh.baseline.tolist()


TOUCHES = {
    "visit_late_mean": ({"visit_late_mean": 12.0}, ("final",)),
    "visit_early_share": ({"visit_early_share": 0.5}, ("final",)),
    "session_cancelled": ({"session_cancelled": 0.4}, ("attended",)),
    "session_capacity": ({"session_capacity": 1.0}, ("attended",)),
    "screening_days": ({"screening_days": 9.0}, ("baseline", "final", "attended", "candidate")),
    "randomised_per_week": ({"randomised_per_week": 1.0}, ("screened", "baseline", "final", "attended", "candidate")),
    "arrival_cv": ({"arrival_cv": 1.0}, ("screened", "baseline", "final", "attended", "candidate")),
    "recruiter_absence": ({"recruiter_absence": 0.3}, ("screened", "baseline", "final", "attended", "candidate")),
    "minutes": ({"session_minutes": 90.0}, ()),
}


@pytest.mark.parametrize("name", TOUCHES)
def test_a_parameter_touches_only_what_it_acts_on(name: str) -> None:
    changes, touched = TOUCHES[name]
    some = people(150)
    # Places enough for every visit: with few, a later visit of one may move that of another.
    base, changed = (run_calendar(KEY, model(assessments_per_day=1000.0, **each), some, until_full=True) for each in ({}, changes))
    for part in ("screened", "candidate", "baseline", "final", "attended"):
        equal = np.array_equal(getattr(base, part), getattr(changed, part))
        assert equal == (part not in touched), part


def test_a_larger_trial_begins_with_the_same_arrivals() -> None:
    small, large = (run_calendar(KEY, model(1.0), everybody(size), until_full=True) for size in (80, 200))
    np.testing.assert_array_equal(small.screened, large.screened[:80])


# ---------------------------------------------------------------- arrivals


def endless(**changes: float) -> CalendarModel:
    """A calendar of 1,000 weeks without closures."""
    return model(0.3, (), **changes)._replace(last_day=7 * 1000)


def weekly_arrivals(calendar: CalendarModel, keys: int) -> Ints:
    """Arrivals of whole weeks (the first, which begins on a Friday, and the last are left out), keys by weeks."""
    counts = []
    for replicate in range(keys):
        days = arrival_days((KEY[0], replicate), calendar, 20_000, calendar.last_day)
        assert days.size < 20_000
        counts.append(np.bincount(week_of(calendar, days), minlength=1001)[1:1000])
    return np.array(counts)


@pytest.mark.parametrize(("cv", "pace"), [(0.5, 2.0), (1.2, 1.0), (0.0, 2.0)])
def test_weekly_arrivals_are_negative_binomial(cv: float, pace: float) -> None:
    # 10 keys of 999 weeks.
    calendar = endless(arrival_cv=cv, recruiter_absence=0.0, randomised_per_week=pace)
    counts = weekly_arrivals(calendar, 10)
    mean = pace / 0.3
    law = stats.nbinom(cv**-2, 1.0 / (1.0 + mean * cv**2)) if cv > 0.0 else stats.poisson(mean)
    support = np.arange(counts.max() + 1)
    probabilities = law.pmf(support)
    probabilities[-1] = law.sf(support[-1] - 1)
    assert chi_square_p(np.bincount(counts.ravel()), probabilities) > ALARM
    lagged = np.corrcoef(counts[:, :-1].ravel(), counts[:, 1:].ravel())[0, 1]
    assert abs(lagged) < Z_BOUND / np.sqrt(counts.size)


def test_arrivals_are_spread_evenly_over_the_open_days_of_a_week() -> None:
    # 10 keys; given a week's rate its days are alike, so weekdays share the arrivals equally.
    calendar = endless(recruiter_absence=0.0, arrival_cv=0.0)
    days = np.concatenate([arrival_days((KEY[0], r), calendar, 20_000, calendar.last_day) for r in range(10)])
    weekday = np.bincount((days + 4) % 7, minlength=7)  # the trial starts on a Friday
    assert weekday[5:].tolist() == [0, 0]
    assert chi_square_p(weekday[:5], np.full(5, 0.2)) > ALARM


def test_the_recruiter_is_away_in_the_assumed_share_of_weeks() -> None:
    calendar = endless(recruiter_absence=0.06)
    rates = np.array([daily_rates((KEY[0], r), calendar, calendar.last_day)[3::7][:999] for r in range(20)])  # the Mondays
    away = int(np.count_nonzero(rates == 0.0))
    assert stats.binomtest(away, rates.size, 0.06).pvalue > ALARM
    assert (daily_rates(KEY, endless(recruiter_absence=0.0), 7000)[3::7] > 0.0).all()


def test_nobody_comes_earlier_at_a_lower_pace() -> None:
    slow, fast = (arrival_days(KEY, model(randomised_per_week=pace), 150, 10_000) for pace in (1.5, 2.0))
    assert slow.size == fast.size == 150
    assert (slow >= fast).all()
    assert (slow > fast).any()


# ---------------------------------------------------------------- waits and final visits


def test_waits_are_gamma_in_completed_days() -> None:
    waits = waiting_days(KEY, model(), 100_000)
    law = stats.gamma(0.7**-2, scale=4.0 * 0.7**2)
    edges = np.arange(waits.max() + 2)
    probabilities = np.diff(law.cdf(edges))
    probabilities[-1] += law.sf(edges[-1])
    assert chi_square_p(np.bincount(waits), probabilities) > ALARM


@pytest.mark.parametrize("cv", [1.0, 0.6])
def test_wished_final_visits_are_early_inside_the_window_or_late_by_a_gamma(cv: float) -> None:
    shifts = final_visit_shifts(KEY, model(visit_late_cv=cv), 200_000)
    law = stats.gamma(cv**-2, scale=6.0 * cv**2)
    edges = np.arange(shifts.max() + 2)
    late = np.diff(law.cdf(edges))
    late[-1] += law.sf(edges[-1])
    probabilities = np.concatenate([np.full(7, 0.1 / 7), 0.9 * late])
    assert shifts.min() == -7
    assert chi_square_p(np.bincount(shifts + 7), probabilities) > ALARM


def test_the_share_outside_the_window_is_the_gammas_where_the_assessors_always_have_a_place() -> None:
    # A due day is a working day and 7 days later is the same weekday: without closures a weekend never carries a visit out of
    # the window, and a visit is outside if and only if its lateness is 8 completed days or more. 4,000 visits.
    calendar = model(1.0, (), randomised_per_week=50.0, assessments_per_day=1000.0)
    run = run_calendar(KEY, calendar, everybody(4000, programme=False), until_full=True)
    outside = int(np.count_nonzero(run.final - run.baseline - 42 > 7))
    share = 0.9 * stats.gamma(1.0, scale=6.0).sf(8.0)
    assert stats.binomtest(outside, 4000, share).pvalue > ALARM
    assert share == pytest.approx(0.237, abs=5e-4)  # the source: about a quarter
    assert not (run.final - run.baseline < 35).any()


# ---------------------------------------------------------------- what no calendar may do


def test_closed_days_have_neither_screening_nor_visits_nor_planned_sessions() -> None:
    calendar = model(randomised_per_week=4.0)
    shut = {first + timedelta(days=day) for first, last in CLOSED for day in range((last - first).days + 1)}
    for replicate in range(5):
        run = run_calendar((1, replicate), calendar, people(200, seed=replicate))
        planned = run.sessions.day[: run.sessions.planned][run.sessions.held[: run.sessions.planned]]
        for days in (run.screened, run.baseline, run.final[run.final != NO_DAY], planned):
            dates = [date_of(calendar, int(day)) for day in days]
            assert dates
            assert not [day for day in dates if day.weekday() > 4 or day in shut]


@pytest.mark.parametrize(("capacity", "places", "sessions"), [(1, 1, 1), (3, 2, 2), (20, 4, 2), (2, 3, 5)])
def test_neither_sessions_nor_assessors_take_more_than_their_places(capacity: int, places: int, sessions: int) -> None:
    calendar = model(
        1.0,
        randomised_per_week=8.0,
        session_capacity=float(capacity),
        assessments_per_day=float(places),
        sessions_per_week=float(sessions),
        session_cancelled=0.2,
    )
    everyone = everybody(120)
    run = run_calendar(KEY, calendar, everyone, until_full=True)
    visits = np.bincount(np.concatenate([run.baseline, run.final]))
    assert visits.max() <= places
    booked = np.bincount(run.attended.ravel(), minlength=run.sessions.day.size)
    np.testing.assert_array_equal(booked, run.sessions.taken)
    assert booked.max() <= capacity
    assert run.sessions.held[np.unique(run.attended)].all()
    if capacity < 20:
        assert booked.max() == capacity
        assert visits.max() == places
        assert run.sessions.day.size > run.sessions.planned  # make-up sessions were needed


def test_everybody_attends_in_the_week_that_the_replicate_says() -> None:
    some = people(200, lost=0.3)
    calendar = model(randomised_per_week=5.0, session_cancelled=0.3, session_capacity=4.0)
    run = run_calendar(KEY, calendar, some, until_full=True)
    for week in range(6):
        there = run.attended[week] != NO_SESSION
        kept = (some.week_lost == -1) | (some.week_lost >= week)
        np.testing.assert_array_equal(there, (some.live[week] > 0.0) & kept)
        after = run.sessions.day[run.attended[week][there]] - run.baseline[there]
        assert after.min() >= 7 * week
        assert after.max() < 7 * (week + 1)


def test_where_nothing_is_in_the_way_everybody_attends_the_preferred_session() -> None:
    calendar = model(1.0, (), session_cancelled=0.0, session_capacity=1000.0)
    run = run_calendar(KEY, calendar, everybody(60), until_full=True)
    assert run.moved == 0
    assert run.sessions.day.size == run.sessions.planned
    preferred, offered = preferred_sessions(KEY, calendar, 60), session_days(calendar, 60).tolist()
    for week in range(6):
        for i, first_day in enumerate(run.baseline + 7 * week):
            in_this_week = [day for day in offered if first_day <= day < first_day + 7]
            assert run.sessions.day[run.attended[week, i]] == in_this_week[preferred[week, i]]


def test_who_finds_the_preferred_session_full_or_fallen_out_moves_to_the_other() -> None:
    calendar = model(1.0, (), session_cancelled=0.2, session_capacity=3.0, randomised_per_week=3.0)
    run = run_calendar(KEY, calendar, everybody(100), until_full=True)
    preferred = preferred_sessions(KEY, calendar, 100)
    first = np.searchsorted(run.sessions.day[: run.sessions.planned], run.baseline + 7 * np.arange(6)[:, None])
    planned = run.attended < run.sessions.planned
    assert 0 < run.moved == np.count_nonzero(planned & (run.attended != first + preferred))


def test_recruitment_ends_with_the_last_possible_day() -> None:
    calendar = model(randomised_per_week=3.0, screening_days=20.0)
    run = run_calendar(KEY, calendar, people(400))
    assert date_of(calendar, calendar.last_day) == date(2026, 12, 20) - timedelta(days=42 + 7)
    assert run.baseline.max() <= calendar.last_day
    assert run.screened.max() <= calendar.last_day
    late = run.events()[run.events()[:, KIND] == Kind.TOO_LATE]
    assert late.size
    assert (late[:, DAY] > calendar.last_day).all()
    assert (late[:, PARTICIPANT] == -1).all()


def test_an_assessor_with_one_place_a_day_delays_but_loses_nobody() -> None:
    everyone = everybody(100, programme=False)
    busy, easy = (
        run_calendar(KEY, model(1.0, randomised_per_week=20.0, assessments_per_day=n), everyone, until_full=True) for n in (1.0, 50.0)
    )
    assert busy.baseline.size == easy.baseline.size == 100
    assert (busy.baseline >= easy.baseline).all()
    assert busy.baseline[-1] > easy.baseline[-1]


# ---------------------------------------------------------------- accrual


def test_mean_accrual_is_the_closed_form_and_the_variance_the_one_of_a_gamma_poisson_process() -> None:
    # 400 calendars without a total, everybody enrolled; the wait is a gamma variable in completed days, and who comes on day d
    # is in time if it is below L - d + 1, L being the last open day. 5.6 standard errors.
    calendar = model(1.0, assessments_per_day=1000.0)
    everyone = everybody(400, programme=False)
    counts = np.array([run_calendar((5, replicate), calendar, everyone).baseline.size for replicate in range(400)])
    assert counts.max() < 400
    days = np.flatnonzero(open_days(calendar).is_open[: calendar.last_day + 1])
    in_time = stats.gamma(0.7**-2, scale=4.0 * 0.7**2).cdf(days[-1] - days + 1.0)
    mean = 2.0 / 5.0 * 0.94 * in_time.sum()
    weekly = np.bincount(week_of(calendar, days), weights=in_time) * 2.0 / 5.0
    variance = mean + np.sum(weekly**2 * (0.94 * 1.25 - 0.94**2))
    assert abs(counts.mean() - mean) < Z_BOUND * np.sqrt(variance / 400)
    assert abs(counts.var(ddof=1) / variance - 1.0) < Z_BOUND * np.sqrt(2.0 / 399)


def test_a_higher_pace_never_randomises_fewer() -> None:
    some = everybody(200, programme=False)
    shares = []
    reached = np.zeros(40, dtype=np.int64)
    for pace in (2.0, 3.0, 3.6, 4.2, 6.0):
        calendar = model(1.0, randomised_per_week=pace, assessments_per_day=1000.0)
        now = np.array([run_calendar((3, replicate), calendar, some).baseline.size for replicate in range(40)])
        assert (now >= reached).all()
        reached = now
        shares.append(float(np.mean(now == 200)))
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert 0.0 < shares[2] < 1.0


# ---------------------------------------------------------------- edges


def nobody_eligible() -> People:
    empty = np.zeros((6, 0))
    none = np.zeros(0, dtype=np.int64)
    return People(np.ones(40, dtype=np.int64), none, empty, empty, empty, empty, none)


def test_where_nobody_is_eligible_nobody_is_randomised() -> None:
    run = run_calendar(KEY, model(), nobody_eligible())
    assert run.screened.size == 40
    assert run.baseline.size == 0
    assert replicate_events(nobody_eligible()).shape == (0, 4)
    assert set(run.events()[:, KIND]) == {Kind.SCREENED, Kind.INELIGIBLE}
    with pytest.raises(ProtocolError, match="no candidate is enrolled"):
        model(enrolled_share([nobody_eligible()]))


def test_where_every_session_falls_out_all_attend_make_up_sessions() -> None:
    run = run_calendar(KEY, model(1.0, session_cancelled=1.0), everybody(30), until_full=True)
    assert not run.sessions.held[: run.sessions.planned].any()
    assert (run.attended >= run.sessions.planned).all()
    assert run.moved == 0


def test_without_spread_there_is_no_chance_in_waits_and_visits() -> None:
    calendar = model(screening_days=3.0, screening_cv=0.0, visit_late_mean=2.0, visit_late_cv=0.0, visit_early_share=0.0)
    assert set(waiting_days(KEY, calendar, 50).tolist()) == {3}
    assert set(final_visit_shifts(KEY, calendar, 50).tolist()) == {2}
    prompt = model(0.3, (), screening_days=0.0, visit_late_mean=0.0, visit_early_share=0.0, assessments_per_day=1000.0)
    run = run_calendar(KEY, prompt, everybody(50), until_full=True)
    np.testing.assert_array_equal(run.baseline, run.screened)
    np.testing.assert_array_equal(run.final, run.baseline + 42)


def test_a_window_of_no_days_has_no_early_visits() -> None:
    shifts = final_visit_shifts(KEY, model(visit_window_days=0.0), 10_000)
    assert shifts.min() == 0


def test_a_pace_that_cannot_fill_the_trial_is_refused_when_it_must_be_full() -> None:
    slow = model(1.0, randomised_per_week=0.01)
    assert run_calendar(KEY, slow, everybody(200)).baseline.size < 10
    with pytest.raises(ProtocolError, match="forty years"):
        run_calendar(KEY, slow, everybody(200), until_full=True)


# ---------------------------------------------------------------- the model


def test_dates_and_total_come_from_the_protocol() -> None:
    calendar = model()
    assert date_of(calendar, 0) == date(2025, 10, 3)
    assert date_of(calendar, calendar.completion) == date(2026, 12, 20)
    assert date_of(calendar, calendar.last_day) == date(2026, 11, 1)
    assert calendar.follow_up == 42


def with_window(before: int, after: int) -> Protocol:
    protocol = the_protocol()
    final = protocol.schedule.visits[-1]
    stated = final.model_copy(update={"window_days": Fact.model_validate((before, after))})
    schedule = protocol.schedule.model_copy(update={"visits": (*protocol.schedule.visits[:-1], stated)})
    return protocol.model_copy(update={"schedule": schedule})


def test_a_window_that_the_protocol_states_is_taken_before_the_assumed_one() -> None:
    calendar = calendar_model(VALUES, CLOSED, with_window(3, 14), 0.3)
    assert (calendar.window_before, calendar.window_after) == (3, 14)
    assert date_of(calendar, calendar.last_day) == date(2026, 10, 25)


def test_all_impossible_values_are_named_at_once() -> None:
    wrong = {**VALUES, "recruiter_absence": 1.2, "session_capacity": 2.5, "arrival_cv": -1.0}
    del wrong["final_minutes"]
    with pytest.raises(ProtocolError) as caught:
        calendar_model(wrong, [(date(2026, 1, 2), date(2026, 1, 1))], the_protocol(), 0.3)
    assert [problem.where for problem in caught.value.problems] == [
        "arrival_cv", "recruiter_absence", "session_capacity", "final_minutes", "closed_days",
    ]  # fmt: skip


def test_a_trial_without_an_open_day_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no open day"):
        model(0.3, ((date(2025, 1, 1), date(2026, 12, 31)),))
    with pytest.raises(ProtocolError, match="days of follow-up"):
        calendar_model(VALUES, CLOSED, with_window(42, 7), 0.3)


def test_equal_models_are_equal_keys() -> None:
    assert hash(model()) == hash(model())
    assert open_days(model()) is open_days(model())


def test_the_enrolled_share_is_of_all_candidates_of_all_replicates_together() -> None:
    few, many = (everybody(1)._replace(screened=np.array(outcomes)) for outcomes in ([0], [1, 1, 2, 0, 2, 0, 1]))
    assert enrolled_share([few, many]) == 3 / 8
    assert enrolled_share([]) == 0.0


def test_open_days_are_working_days_outside_closures() -> None:
    calendar = model()
    opening = open_days(calendar)
    for day in range(450):
        when = date_of(calendar, day)
        shut = when.weekday() > 4 or any(first <= when <= last for first, last in CLOSED)
        assert opening.is_open[day] != shut
        assert opening.following[day] == next(d for d in range(day, day + 30) if opening.is_open[d])


# ---------------------------------------------------------------- sessions and diaries


@pytest.mark.parametrize(("count", "weekdays"), [(1, [2]), (2, [1, 3]), (3, [0, 2, 4]), (5, [0, 1, 2, 3, 4])])
def test_sessions_are_spread_over_the_week(count: int, weekdays: list[int]) -> None:
    calendar = model(sessions_per_week=float(count))
    days = session_days(calendar, 10)
    assert [date_of(calendar, int(day)).weekday() for day in days] == weekdays * 10
    assert (np.diff(days) > 0).all()


def test_sessions_fall_out_at_the_assumed_rate_and_preferences_are_even() -> None:
    calendar = model(sessions_per_week=3.0)
    cancelled = cancelled_sessions(KEY, calendar, 5000)
    assert stats.binomtest(int(cancelled.sum()), 15_000, 0.05).pvalue > ALARM
    preferred = preferred_sessions(KEY, calendar, 5000)
    for week in range(6):
        assert chi_square_p(np.bincount(preferred[week], minlength=3), np.full(3, 1 / 3)) > ALARM
    assert np.max(np.abs(np.corrcoef(preferred) - np.eye(6))) < Z_BOUND / np.sqrt(5000)


def test_every_set_of_diary_days_is_equally_likely() -> None:
    count = np.tile(np.array([[3.0], [0.0], [7.0], [1.0], [6.0], [3.0]]), (1, 20_000))
    kept = diary_days(KEY, count)
    np.testing.assert_array_equal(kept.sum(axis=1), count)
    for week in (0, 5):
        code = (kept[week] * (1 << np.arange(7))[:, None]).sum(axis=0)
        sets = [sum(1 << day for day in days) for days in combinations(range(7), 3)]
        seen = np.array([np.count_nonzero(code == each) for each in sets])
        assert seen.sum() == 20_000
        assert chi_square_p(seen, np.full(35, 1 / 35)) > ALARM


# ---------------------------------------------------------------- dates for an export


def test_the_dates_of_an_export_are_those_of_a_full_calendar() -> None:
    some, calendar = people(200), model(session_cancelled=0.2)
    dates, run = calendar_dates(KEY, calendar, some), run_calendar(KEY, calendar, some, until_full=True)
    assert len(dates.baseline) == len(dates.final) == 200
    assert len(dates.screened) == some.screened.size
    assert list(dates.baseline) == [date_of(calendar, int(day)) for day in run.baseline]
    assert list(dates.baseline) == sorted(dates.baseline)
    for i in range(200):
        assert dates.due[i] == dates.baseline[i] + timedelta(weeks=6)
        final = dates.final[i]
        if some.week_lost[i] != -1:
            assert (final, dates.final_status[i]) == (None, MISSED)
            assert dates.left[i] == dates.baseline[i] + timedelta(weeks=int(some.week_lost[i]) + 1)
        else:
            assert final is not None
            assert dates.left[i] == final
            assert dates.final_status[i] == (DONE if abs((final - dates.due[i]).days) <= 7 else OUT_OF_WINDOW)
    assert {DONE, MISSED, OUT_OF_WINDOW} == set(dates.final_status)


def test_the_sessions_of_an_export_hold_everybody_who_attended_and_nothing_that_fell_out() -> None:
    some, calendar = people(100), model(session_cancelled=0.3)
    dates = calendar_dates(KEY, calendar, some)
    names = [name for name, _ in dates.sessions]
    assert names == sorted(set(names))
    assert [day for _, day in dates.sessions] == sorted(day for _, day in dates.sessions)
    on_record = events_of_the_replicate(run_calendar(KEY, calendar, some, until_full=True).events())
    attended = {(int(i), int(week)) for i, week, kind, _ in on_record if kind == Kind.LIVE}
    assert {(i, week) for week in range(6) for i in range(100) if dates.attended[week][i] is not None} == attended
    for i, week in attended:
        place = dates.attended[week][i]
        assert place is not None
        assert 0 <= (dates.sessions[place][1] - dates.baseline[i]).days - 7 * week < 7


def test_the_diary_of_an_export_has_the_replicates_counts_and_ends_with_the_loss() -> None:
    some = people(100)
    diary = calendar_dates(KEY, model(), some).diary
    weeks = np.arange(6)[:, None]
    kept = (some.week_lost == -1) | (weeks <= some.week_lost)
    np.testing.assert_array_equal(diary.sum(axis=1), np.where(kept, some.diary, 0.0))
