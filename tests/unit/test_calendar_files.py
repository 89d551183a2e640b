"""Many calendars: figures recounted from the events, the summary and its files, the paces that are needed, the fan as a figure."""

import csv
import json
from collections import Counter
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calendar_people import CLOSED, VALUES, everybody, model, people, the_protocol
from scipy import stats

from odisea.errors import DataError, OdiseaError, ProtocolError
from odisea.provenance import file_sha256, write_json
from odisea.report.figure_accrual import draw_accrual, read_accrual
from odisea.simulate.calendar import NO_DAY, Run, run_calendar
from odisea.simulate.calendar_events import DAY, KIND, PARTICIPANT, WEEK, Kind
from odisea.simulate.calendar_figures import Figures, calendar_figures
from odisea.simulate.calendar_model import CalendarModel, People, date_of, enrolled_share, open_days
from odisea.simulate.calendar_pace import expected_randomised, pace_needed
from odisea.simulate.calendar_summary import ratio, run_calendars, share, spread, summarise_calendars
from odisea.simulate.calendar_write import PER_CALENDAR, WEEKLY, Request, write_calendars
from tests.declared import scenario

SEED = 11
Z_BOUND = 5.6
CALENDARS = 30


def replicate_people(replicate: int) -> People:
    return people(60, seed=100 + replicate)


@cache
def small(pace: float = 1.2) -> tuple[CalendarModel, list[Figures], dict[str, Any]]:
    """Thirty calendars of a trial of 60."""
    calendar = model(randomised_per_week=pace)
    figures = run_calendars(SEED, calendar, map(replicate_people, range(CALENDARS)))
    return calendar, figures, summarise_calendars(calendar, 60, figures)


# ---------------------------------------------------------------- one calendar in figures


def recounted(calendar: CalendarModel, some: People, run: Run) -> dict[str, Any]:
    """What the figures must be, counted from the event table and person by person."""
    table = run.events()
    count = Counter(table[:, KIND].tolist())
    arms: dict[str, list[int]] = {name: [0, 0] for name in ("randomised", "started", "stopped", "lost", "assessed", "in_window")}
    stopped = {(int(i), int(week)) for i, week in table[table[:, KIND] == Kind.STOPPED][:, [PARTICIPANT, WEEK]]}
    early = late = after = 0
    for i in range(run.baseline.size):
        arm = 1 - int(some.exposed[i])
        arms["randomised"][arm] += 1
        arms["started"][arm] += (i, 0) not in stopped
        arms["stopped"][arm] += any((i, week) in stopped for week in range(1, 6))
        arms["lost"][arm] += bool(some.week_lost[i] != -1)
        if run.final[i] != NO_DAY:
            shift = int(run.final[i] - run.baseline[i]) - 42
            early, late, after = early + (shift < -7), late + (shift > 7), after + bool(run.final[i] > calendar.completion)
            arms["assessed"][arm] += 1
            arms["in_window"][arm] += -7 <= shift <= 7
    return {"count": count, "arms": arms, "visits": (early, late, after)}


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_of_a_calendar_are_those_of_its_events(seed: int) -> None:
    some, calendar, key = people(80, seed=seed), model(randomised_per_week=1.6, screening_days=10.0), (seed, 3)
    run = run_calendar(key, calendar, some)
    figures, expected = calendar_figures(key, calendar, some, run), recounted(calendar, some, run)
    flow, count = figures.flow, expected["count"]
    assert (flow.screened, flow.ineligible, flow.declined, flow.recruitment_closed, flow.randomised) == tuple(
        count[kind] for kind in (Kind.SCREENED, Kind.INELIGIBLE, Kind.DECLINED, Kind.TOO_LATE, Kind.RANDOMISED)
    )
    for name, by_arm in expected["arms"].items():
        assert getattr(flow, f"arm_{name}").tolist() == by_arm, name
    assert (figures.early, figures.late, figures.after_completion) == expected["visits"]
    assert figures.attendances == count[Kind.LIVE] == figures.attendees.sum()
    assert figures.last_visit == run.final.max()
    assert figures.full_day == (run.baseline[-1] if run.baseline.size == 80 else NO_DAY)


@pytest.mark.parametrize("last_day", [394, 392, 389])  # a Sunday, a Friday, a Tuesday
def test_accrual_and_hours_by_week_are_counted_week_by_week(last_day: int) -> None:
    some, calendar, key = people(80), model(randomised_per_week=1.5, session_cancelled=0.2)._replace(last_day=last_day), (2, 2)
    run = run_calendar(key, calendar, some)
    figures = calendar_figures(key, calendar, some, run)
    monday = date(2025, 9, 29)
    table = run.events()
    held = held_sessions(calendar, some, run)
    for week, hours in enumerate(figures.hours):
        first = monday + timedelta(weeks=week)
        days = [(first + timedelta(days=d) - date(2025, 10, 3)).days for d in range(7)]
        inside = Counter(table[np.isin(table[:, DAY], days)][:, KIND].tolist())
        minutes = (
            15 * inside[Kind.SCREENED] + 60 * inside[Kind.RANDOMISED] + 40 * inside[Kind.ASSESSED] + 60 * sum(day in days for day in held)
        )
        assert hours == pytest.approx(minutes / 60.0, abs=1e-12)
        if week < figures.accrual.size:
            assert figures.accrual[week] == np.count_nonzero((table[:, KIND] == Kind.RANDOMISED) & (table[:, DAY] <= days[-1]))
    assert first <= date(2026, 12, 20) <= first + timedelta(days=6)
    assert len(held) == figures.attendees.size
    assert 0 < figures.cancelled < figures.offered
    assert len(held) == figures.offered - figures.cancelled + run.sessions.day.size - run.sessions.planned


def held_sessions(calendar: CalendarModel, some: People, run: Run) -> list[int]:
    """Days of the sessions that take place: held while somebody is in the programme, and all make-up sessions."""
    spans = []
    for i in np.flatnonzero(some.exposed[: run.baseline.size] == 1):
        weeks = 6 if some.week_lost[i] == -1 else int(some.week_lost[i]) + 1
        spans.append(range(int(run.baseline[i]), int(run.baseline[i]) + 7 * weeks))
    planned = [int(day) for day in run.sessions.day[: run.sessions.planned][run.sessions.held[: run.sessions.planned]]]
    assert open_days(calendar).is_open[planned].all()
    made_up = [int(day) for day in run.sessions.day[run.sessions.planned :]]
    return [day for day in planned if any(day in span for span in spans)] + made_up


# ---------------------------------------------------------------- the paces that are needed


def test_at_the_needed_pace_the_calendar_is_full_in_time_and_just_below_it_is_not() -> None:
    some = people(60)
    for replicate in range(10):
        key, calendar = (SEED, replicate), model(assessments_per_day=1000.0)
        pace = pace_needed(key, calendar, some)
        for factor, is_full in ((1.0 + 1e-6, True), (1.0 - 1e-6, False)):
            run = run_calendar(key, calendar._replace(randomised_per_week=pace * factor), some)
            assert (run.baseline.size == 60) == is_full


def test_the_needed_pace_does_not_depend_on_the_assumed_one() -> None:
    some, key = people(60), (SEED, 4)
    low, high = (pace_needed(key, model(randomised_per_week=pace), some) for pace in (0.3, 8.0))
    assert low == pytest.approx(high, rel=1e-8)


def test_where_somebody_waits_beyond_the_last_day_no_pace_is_enough() -> None:
    calendar = model(screening_days=60.0, screening_cv=0.0)._replace(last_day=50)
    assert pace_needed((1, 1), calendar, people(20)) == np.inf
    figures = run_calendars(SEED, calendar, map(replicate_people, range(3)))
    summary = summarise_calendars(calendar, 60, figures)
    assert summary["pace"]["needed_for"] == {"50%": None, "80%": None, "90%": None}
    assert summary["pace"]["needed_on_average"] is None
    json.dumps(summary, allow_nan=False)


@pytest.mark.parametrize("cv", [0.7, 0.0])
def test_the_expected_number_is_the_closed_form(cv: float) -> None:
    calendar = model(screening_cv=cv)
    days = np.flatnonzero(open_days(calendar).is_open[: calendar.last_day + 1])
    left = days[-1] - days + 1.0
    in_time = stats.gamma(cv**-2, scale=4.0 * cv**2).cdf(left) if cv > 0.0 else (left > 4.0)
    assert expected_randomised(calendar) == pytest.approx(0.4 * 0.94 * np.sum(in_time), rel=1e-12)


# ---------------------------------------------------------------- the summary


def test_probabilities_count_the_calendars_that_are_in_time() -> None:
    calendar, figures, summary = small()
    full = [one.full_day != NO_DAY for one in figures]
    assert 0 < sum(full) < CALENDARS
    p = sum(full) / CALENDARS
    assert summary["total_randomised_in_time"] == {"value": p, "mcse": pytest.approx((p * (1 - p) / CALENDARS) ** 0.5, abs=1e-6)}
    seen = [one.last_visit <= calendar.completion for one in figures]
    assert summary["last_visit_in_time"]["value"] == sum(seen) / CALENDARS
    assert summary["total_randomised_and_last_visit_in_time"]["value"] == np.mean(np.array(full) & np.array(seen))
    reached = sorted(one.full_day for one in figures if one.full_day != NO_DAY)
    assert date_of(calendar, reached[0]) <= date.fromisoformat(summary["total_reached_on"]["median"]) <= date_of(calendar, reached[-1])


def test_the_fan_is_ordered_never_falls_and_ends_on_the_last_possible_day() -> None:
    _, _, summary = small()
    fan = summary["accrual"]
    for week in fan:
        assert week["q05"] <= week["q25"] <= week["q50"] <= week["q75"] <= week["q95"] <= 60
    for before, after in pairwise(fan):
        assert before["q50"] <= after["q50"]
        assert before["until"] < after["until"]
    assert fan[0]["until"] == "2025-10-05"
    assert fan[-1]["until"] == summary["dates"]["last_possible_day"] == "2026-11-01"
    assert fan[-1]["mean"] == pytest.approx(summary["flow"]["randomised"]["mean"], abs=1e-6)


def test_the_flow_adds_up_on_average() -> None:
    _, _, summary = small()
    flow = summary["flow"]
    mean = {box: flow[box]["mean"] for box in ("screened", "ineligible", "declined", "recruitment_closed", "randomised")}
    assert mean["screened"] == pytest.approx(sum(mean.values()) - mean["screened"], abs=1e-5)
    assert mean["randomised"] == pytest.approx(sum(arm["randomised"]["mean"] for arm in flow["arms"].values()), abs=1e-5)
    for arm in flow["arms"].values():
        assert arm["randomised"]["mean"] == pytest.approx(arm["lost"]["mean"] + arm["assessed"]["mean"], abs=1e-5)
        assert arm["assessed"]["mean"] >= arm["in_window"]["mean"]
        for box in arm.values():
            assert box["low"] <= box["median"] <= box["high"]
    assert flow["arms"]["comparison"]["stopped"]["high"] == 0
    assert flow["arms"]["comparison"]["started"] == flow["arms"]["comparison"]["randomised"]


def test_shares_of_visits_and_sessions_are_of_all_calendars_together() -> None:
    _, figures, summary = small()
    outside = sum(one.early + one.late for one in figures) / sum(int(one.flow.arm_assessed.sum()) for one in figures)
    assert summary["final_visits"]["out_of_window"]["value"] == pytest.approx(outside, abs=1e-6)
    assert 0.0 < summary["final_visits"]["out_of_window"]["mcse"] < 0.1
    attended = sum(one.attendances for one in figures)
    assert summary["sessions"]["made_up"]["value"] == pytest.approx(sum(one.made_up for one in figures) / attended, abs=1e-6)
    assert summary["sessions"]["attendees"]["mean"]["value"] == pytest.approx(
        attended / sum(one.attendees.size for one in figures), abs=1e-6
    )


def test_the_error_of_a_share_is_its_binomial_one_and_that_of_a_ratio_agrees_where_wholes_are_equal() -> None:
    draw = np.random.default_rng(1)
    happened = draw.random(500) < 0.3
    assert share(happened)["mcse"] == pytest.approx(np.sqrt(happened.mean() * (1 - happened.mean()) / 500), abs=1e-6)
    parts, wholes = draw.integers(0, 10, 200), np.full(200, 10)
    found = ratio(parts, wholes)
    assert found["value"] == pytest.approx(np.mean(parts / 10), abs=1e-6)
    assert found["mcse"] == pytest.approx(stats.sem(parts / 10), abs=1e-6)
    assert ratio(np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)) == {"value": None, "mcse": None}
    assert spread(parts)["mcse"] == pytest.approx(stats.sem(parts), abs=1e-6)


def test_a_calendar_does_not_depend_on_how_many_others_there_are() -> None:
    calendar, figures, _ = small()
    fewer = run_calendars(SEED, calendar, map(replicate_people, range(3)))
    for mine, other in zip(fewer, figures, strict=False):
        np.testing.assert_equal(mine._asdict(), other._asdict())


def test_nobody_randomised_is_a_summary_too() -> None:
    nothing = everybody(30)._replace(screened=np.ones(50, dtype=np.int64))
    calendar = model()
    summary = summarise_calendars(calendar, 30, run_calendars(SEED, calendar, [nothing, nothing]))
    assert summary["total_randomised_in_time"]["value"] == 0.0
    assert summary["sessions"]["attendees"]["median"] is None
    assert summary["final_visits"]["out_of_window"]["value"] is None
    json.dumps(summary, allow_nan=False)


# ---------------------------------------------------------------- files


def request(calendars: int = 4, textbook: bool = False) -> Request:
    assumed = scenario()._replace(textbook=textbook)
    assumed = assumed._replace(values={**assumed.values, **VALUES}, closed_days=CLOSED)
    protocol = Path(__file__).parents[2] / "protocol" / "nct07248813.yaml"
    return Request(the_protocol(), (protocol,), assumed, 60, SEED, calendars, "odisea calendar protocol/nct07248813.yaml")


def test_the_files_hold_the_summary_its_weeks_and_every_calendar(tmp_path: Path) -> None:
    done: list[int] = []
    summary = write_calendars(tmp_path, request(), replicate_people, done.append)
    assert done == [1, 1, 1, 1]
    content = json.loads((tmp_path / "calendar.json").read_text())
    assert {name: content[name] for name in summary} == json.loads(json.dumps(summary))
    assert (content["trial"], content["scenario"], content["seed"], content["calendars"]) == ("nct07248813", "evidence_based", SEED, 4)
    assert content["assumptions"]["randomised_per_week"] == 2.0
    assert content["closed_days"][1] == ["2025-12-22", "2026-01-02"]
    assert content["pace"]["enrolled_share_of_screened"] == pytest.approx(enrolled_share(map(replicate_people, range(4))), abs=1e-6)
    weekly = rows(tmp_path / "calendar.csv", WEEKLY)
    assert len(weekly) == len(content["staff"]["weeks"])
    assert float(weekly[20]["randomised_q50"]) == content["accrual"][20]["q50"]
    assert weekly[-1]["randomised_q50"] == ""
    per_calendar = rows(tmp_path / "calendars.csv", PER_CALENDAR)
    assert [row["calendar"] for row in per_calendar] == ["0", "1", "2", "3"]
    assert np.mean([float(row["screened"]) for row in per_calendar]) == pytest.approx(content["flow"]["screened"]["mean"], abs=1e-6)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for name in ("calendar.json", "calendar.csv", "calendars.csv"):
        assert manifest["outputs"][name] == file_sha256(tmp_path / name)
    assert (manifest["seed"], manifest["calendars"]) == (SEED, 4)


def rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        assert tuple(reader.fieldnames or ()) == columns
        return list(reader)


def test_the_same_request_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_calendars(tmp_path / name, request(2), replicate_people)
    for name in ("calendar.json", "calendar.csv", "calendars.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_what_cannot_be_asked_for_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError) as caught:
        write_calendars(tmp_path / "out", request(1, textbook=True), replicate_people)
    assert [problem.where for problem in caught.value.problems] == ["--calendars", "scenario evidence_based"]
    assert not (tmp_path / "out").exists()


def test_assumptions_that_are_missing_are_all_named(tmp_path: Path) -> None:
    asked = request()
    bare = {name: value for name, value in asked.scenario.values.items() if not name.startswith(("session", "visit"))}
    with pytest.raises(OdiseaError) as caught:
        write_calendars(tmp_path, asked._replace(scenario=asked.scenario._replace(values=bare)), replicate_people)
    assert len(caught.value.problems) == 8


# ---------------------------------------------------------------- the figure


def test_the_fan_is_drawn_from_the_file_alone_in_both_languages(tmp_path: Path) -> None:
    path = write_json(tmp_path / "calendar.json", {"trial": "nct07248813", **small()[2]})
    drawn = {language: draw_accrual(read_accrual(path), language) for language in ("en", "es")}
    assert drawn["en"] != drawn["es"]
    assert drawn["en"] == draw_accrual(read_accrual(path), "en")
    for svg in drawn.values():
        assert "<svg" in svg
        assert "<dc:date>" not in svg


def test_a_fan_of_a_few_weeks_or_of_years_has_readable_months(tmp_path: Path) -> None:
    week = {"q05": 0, "q25": 1, "q50": 2, "q75": 3, "q95": 4}
    for last in (date(2025, 10, 12), date(2025, 12, 31), date(2032, 6, 30)):
        dates = {"start": "2025-10-03", "last_possible_day": last.isoformat(), "completion": "2032-12-20"}
        content = {"trial": "t", "participants": 10, "dates": dates, "accrual": [{"until": last.isoformat(), **week}]}
        assert "<svg" in draw_accrual(read_accrual(write_json(tmp_path / "calendar.json", content)), "en")


@pytest.mark.parametrize(("content", "said"), [("{", "not JSON"), ("{}", "Field required"), (None, "cannot be read")])
def test_a_broken_file_is_named(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "calendar.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=said):
        read_accrual(path)


def test_a_file_without_weeks_is_refused(tmp_path: Path) -> None:
    path = write_json(tmp_path / "calendar.json", {"trial": "nct07248813", **small()[2], "accrual": []})
    with pytest.raises(DataError, match="there is no week"):
        read_accrual(path)
