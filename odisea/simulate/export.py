"""One simulated trial as the files that a site would deliver: the export folder's tables and the restricted allocation.

Dates are laid evenly over the registered recruitment window: participant i enrols on day floor(i x days / n). Nothing in the
folder but the manifest's origin says that the people are simulated; the cause of each loss, which no site can know, goes to
a restricted file.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from odisea.data.tables import Cell, Table, make_table
from odisea.protocol.model import Protocol
from odisea.protocol.sections import Criterion
from odisea.simulate.calendar_people import count_all_logins
from odisea.simulate.draft import screening_criteria
from odisea.simulate.dropout import NEVER
from odisea.simulate.mechanism import (
    ACTIVITY,
    AGE,
    CAUSES,
    CODES,
    COMORBIDITY,
    DECLINED,
    FIRST_CRITERION,
    HEIGHT,
    ITEMS,
    SEX,
    VAS_BASELINE,
    VAS_WEEK6,
    WEEKS,
    WEIGHT,
    Mechanism,
)
from odisea.simulate.population import screen_units
from odisea.simulate.replicate import Cohort, make_cohort, simulate_trial

Floats = NDArray[np.float64]

DAYS_PER_WEEK = 7
FINAL_WEEK = WEEKS - 1
LOCAL_TIME = timezone(timedelta(hours=-6))  # Mexico has no daylight saving time since 2022
FIRST_HOUR = 18


def simulate_cohort(seed: int, replicate: int, mechanism: Mechanism, participants: int) -> Cohort:
    """Return one simulated trial of some participants."""
    cohort = make_cohort(participants)
    simulate_trial(seed, replicate, mechanism, cohort)
    return cohort


def export_tables(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort, protocol: Protocol) -> list[Table]:
    """Return all files of the export folder and the allocation, ready for `odisea.data.write_export.write_export`."""
    ids = participant_ids(cohort.arm.size)
    days = enrolment_days(protocol, cohort.arm.size)
    return [
        participants_table(ids, days, cohort, protocol),
        screening_table(seed, replicate, mechanism, cohort, days, screening_criteria(protocol)),
        visits_table(ids, days, cohort),
        items_table(ids, cohort),
        outcomes_table(ids, cohort),
        disposition_table(ids, days, cohort),
        *adherence_tables(ids, days, cohort, count_all_logins(seed, replicate, mechanism, cohort)),
        make_table(
            "restricted/allocation.csv",
            ("randomisation_no", "arm", "participant_id", "allocated_date"),
            [(i + 1, protocol.arms[arm].id, ids[i], days[i]) for i, arm in enumerate(cohort.arm)],
        ),
    ]


def participant_ids(count: int) -> tuple[str, ...]:
    """Return identifiers in the order of enrolment, which is also their sorted order."""
    digits = max(4, len(str(count)))
    return tuple(f"P{number:0{digits}d}" for number in range(1, count + 1))


def enrolment_days(protocol: Protocol, count: int) -> list[date]:
    """Return a day of enrolment per participant, spread evenly from the registered start to six weeks before completion."""
    start = date.fromisoformat(protocol.status.start.require("status.start"))
    completion = date.fromisoformat(protocol.status.completion.require("status.completion"))
    window = max((completion - start).days - WEEKS * DAYS_PER_WEEK, 1)
    return [start + timedelta(days=i * window // count) for i in range(count)]


def participants_table(ids: tuple[str, ...], days: list[date], cohort: Cohort, protocol: Protocol) -> Table:
    """Return participants.csv."""
    r = cohort.recorded
    site = protocol.sites[0].id if protocol.sites else None
    header = (
        "participant_id",
        "site_id",
        "consent_date",
        "randomisation_date",
        "age_years",
        "sex",
        "height_cm",
        "weight_kg",
        "comorbidity_count",
        "physical_activity_level",
    )
    rows = [
        (
            ids[i],
            site,
            days[i],
            days[i],
            int(r[AGE, i]),
            CODES["sex"][int(r[SEX, i])],
            float(r[HEIGHT, i]),
            float(r[WEIGHT, i]),
            int(r[COMORBIDITY, i]),
            CODES["physical_activity_level"][int(r[ACTIVITY, i])],
        )
        for i in range(len(ids))
    ]
    return make_table("participants.csv", header, rows)


def screening_table(
    seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort, days: list[date], criteria: tuple[Criterion, ...]
) -> Table:
    """Return screening.csv: every candidate up to the last participant, with the criterion that excluded the others."""
    units = np.arange(int(cohort.units[-1]) + 1)
    outcome = np.empty(units.size, dtype=np.int64)
    screen_units(seed, replicate, mechanism.population, units, outcome)
    enrolled = {int(unit): position for position, unit in enumerate(cohort.units)}
    rows: list[tuple[Cell, ...]] = []
    position = 0
    for unit in units:
        position = enrolled.get(int(unit), position)
        randomised = int(unit) in enrolled
        declined = outcome[unit] == DECLINED
        reason = None if randomised else ("declined" if declined else criteria[int(outcome[unit]) - FIRST_CRITERION].id)
        kind = "eligible_randomised" if randomised else ("eligible_declined" if declined else "ineligible")
        rows.append((int(unit) + 1, days[position], kind, reason))
    return make_table("screening.csv", ("screen_no", "screen_date", "outcome", "reason_code"), rows)


def visits_table(ids: tuple[str, ...], days: list[date], cohort: Cohort) -> Table:
    """Return visits.csv, the full grid."""
    rows: list[tuple[Cell, ...]] = []
    for i, name in enumerate(ids):
        due = days[i] + timedelta(weeks=WEEKS)
        lost = cohort.cause[i] != NEVER
        rows.append((name, "baseline", days[i], days[i], "done", None))
        rows.append((name, "week6", due, None if lost else due, "missed" if lost else "done", "lost_to_follow_up" if lost else None))
    return make_table("visits.csv", ("participant_id", "visit", "planned_date", "visit_date", "status", "missed_reason"), rows)


def items_table(ids: tuple[str, ...], cohort: Cohort) -> Table:
    """Return odi.csv: the items of every visit that took place."""
    rows: list[tuple[Cell, ...]] = []
    for i, name in enumerate(ids):
        rows.append((name, "baseline", *(None if np.isnan(answer) else int(answer) for answer in cohort.items_baseline[:, i])))
        if cohort.cause[i] == NEVER:
            rows.append((name, "week6", *(None if np.isnan(answer) else int(answer) for answer in cohort.items_week6[:, i])))
    items = tuple(f"item_{item:02d}" for item in range(1, ITEMS + 1))
    return make_table("odi.csv", ("participant_id", "visit", *items), rows)


def outcomes_table(ids: tuple[str, ...], cohort: Cohort) -> Table:
    """Return outcomes.csv: pain; the ODI stands in its items."""
    rows: list[tuple[Cell, ...]] = []
    for i, name in enumerate(ids):
        lost = cohort.cause[i] != NEVER
        rows.append((name, "baseline", "vas", float(cohort.recorded[VAS_BASELINE, i]), None))
        rows.append((name, "week6", "vas", None if lost else float(cohort.recorded[VAS_WEEK6, i]), "lost_to_follow_up" if lost else None))
    return make_table("outcomes.csv", ("participant_id", "visit", "outcome", "value", "missing"), rows)


def disposition_table(ids: tuple[str, ...], days: list[date], cohort: Cohort) -> Table:
    """Return disposition.csv: losses and completions."""
    rows: list[tuple[Cell, ...]] = []
    for i, name in enumerate(ids):
        weeks = WEEKS if cohort.cause[i] == NEVER else int(cohort.week_lost[i]) + 1
        event = "completed" if cohort.cause[i] == NEVER else "lost"
        rows.append((name, event, days[i] + timedelta(weeks=weeks), float(weeks), None))
    return make_table("disposition.csv", ("participant_id", "event", "date", "week", "reason_code"), rows)


def adherence_tables(ids: tuple[str, ...], days: list[date], cohort: Cohort, logins: Floats) -> list[Table]:
    """Return the session calendar, attendance, diary and platform log; records of a person end with the week of loss."""
    start = min(days)
    last = max(days) + timedelta(weeks=WEEKS)
    calendar = [(f"S{k + 1:03d}", start + timedelta(weeks=k)) for k in range((last - start).days // DAYS_PER_WEEK + 1)]
    sessions: list[tuple[Cell, ...]] = []
    diary: list[tuple[Cell, ...]] = []
    log: list[tuple[Cell, ...]] = []
    for i, week in _weeks_in_programme(cohort):
        first_day = days[i] + timedelta(weeks=week)
        if cohort.live[week, i] > 0:
            sessions.append((ids[i], calendar[(first_day - start).days // DAYS_PER_WEEK][0], None, "manual"))
        for day in range(int(cohort.diary[week, i])):
            diary.append((ids[i], first_day + timedelta(days=day), week * DAYS_PER_WEEK + day + 1, True, None, None, "digital"))
        for login in range(int(logins[week, i])):
            log.append((ids[i], _login_time(first_day, login), "core", "course_viewed", None, "web"))
    return [
        make_table(
            "sessions_calendar.csv",
            ("session_id", "date", "start", "minutes_planned", "module"),
            [(*s, None, None, None) for s in calendar],
        ),
        make_table("live_sessions.csv", ("participant_id", "session_id", "minutes_attended", "source"), sessions),
        make_table("diary.csv", ("participant_id", "diary_date", "study_day", "exercise_done", "minutes", "pain", "entry_mode"), diary),
        make_table("moodle_events.csv", ("participant_id", "ts", "component", "event", "module_no", "origin"), log),
    ]


def _weeks_in_programme(cohort: Cohort) -> Iterator[tuple[int, int]]:
    """Yield participant and week for everybody in the programme arm until the week of loss."""
    for i in range(cohort.arm.size):
        if cohort.exposed[i] == 1:
            end = FINAL_WEEK if cohort.cause[i] == NEVER else int(cohort.week_lost[i])
            for week in range(end + 1):
                yield i, week


def _login_time(first_day: date, login: int) -> datetime:
    """Return the time of a login: one a day in the evening, then a minute later each round."""
    day, round_ = login % DAYS_PER_WEEK, login // DAYS_PER_WEEK
    moment = first_day + timedelta(days=day)
    return datetime(moment.year, moment.month, moment.day, FIRST_HOUR, round_, tzinfo=LOCAL_TIME)


def truth_table(cohort: Cohort) -> Table:
    """Return what only the simulator knows: candidate number, cause and week of loss, latent disability at both visits."""
    header = ("participant_id", "candidate", "loss_week", "loss_cause", "disability_baseline", "disability_week6")
    rows: list[tuple[Cell, ...]] = []
    for i, name in enumerate(participant_ids(cohort.arm.size)):
        lost = cohort.cause[i] != NEVER
        rows.append(
            (
                name,
                int(cohort.units[i]),
                int(cohort.week_lost[i]) + 1 if lost else None,
                CAUSES[int(cohort.cause[i])] if lost else None,
                float(cohort.actual[0, i]),
                float(cohort.actual[WEEKS, i]),
            )
        )
    return make_table("restricted/simulated_truth.csv", header, rows)
