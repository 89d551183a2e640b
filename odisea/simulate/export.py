"""One simulated trial as the files that a site would deliver: who came, who was seen when, and what was measured.

Dates come from a calendar that goes on until everybody is randomised (`odisea.simulate.calendar_dates`). Nothing in the
folder but the manifest's origin says that the people are simulated. What a site records of the programme and beside the
outcomes is in `odisea.simulate.export_records`; what no analyst may see in `odisea.simulate.export_restricted`.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

import numpy as np

from odisea.data.tables import Cell, Table, make_table
from odisea.protocol.dictionary import Dictionary
from odisea.protocol.model import Visit
from odisea.simulate.calendar_dates import MISSED
from odisea.simulate.calendar_people import screening_outcomes
from odisea.simulate.draft import screening_criteria
from odisea.simulate.dropout import NEVER
from odisea.simulate.export_records import record_tables
from odisea.simulate.export_restricted import restricted_tables
from odisea.simulate.mechanism import (
    ACTIVITY,
    AGE,
    CODES,
    COMORBIDITY,
    DECLINED,
    EDUCATION,
    ENROLLED,
    FIRST_CRITERION,
    HEIGHT,
    ITEMS,
    LEAVE,
    RECORDED,
    SEX,
    WEIGHT,
    Mechanism,
)
from odisea.simulate.rehearsal import SimulatedTrial
from odisea.simulate.replicate import Cohort, make_cohort, simulate_trial
from odisea.simulate.reported import ASSESSORS, DEVICES, draw_assessors, draw_background, draw_satisfaction, guessed_arm

LOST, NOT_DONE = "lost_to_follow_up", "not_done"  # missing reasons
ODI_VISITS = ("baseline", "week6")


def simulate_cohort(seed: int, replicate: int, mechanism: Mechanism, participants: int) -> Cohort:
    """Return one simulated trial of some participants."""
    cohort = make_cohort(participants)
    simulate_trial(seed, replicate, mechanism, cohort)
    return cohort


def export_tables(trial: SimulatedTrial) -> list[Table]:
    """Return all files of the export folder and the restricted ones, ready for `odisea.data.write_export.write_export`.

    A file or column for which the trial's dictionary has no place is left out, as a site would not deliver it.
    """
    tables = [
        participants_table(trial),
        screening_table(trial),
        visits_table(trial),
        items_table(trial),
        outcomes_table(trial),
        satisfaction_table(trial),
        *record_tables(trial),
        *restricted_tables(trial),
    ]
    return list(_declared(tables, trial.protocol.dictionary))


def _declared(tables: Iterable[Table], dictionary: Dictionary) -> Iterator[Table]:
    """Give the files and columns that the dictionary has."""
    for table in tables:
        if table.name in dictionary.files:
            known = dictionary.files[table.name].columns
            yield Table(table.name, {name: cells for name, cells in table.columns.items() if name in known}, table.numbers)


def _whole(value: float) -> int | None:
    """Return a recorded whole number, None where it was not written down."""
    return None if np.isnan(value) else int(value)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _code(name: str, value: float) -> str | None:
    """Return the code that a recorded position stands for, None where nothing was written down."""
    return None if np.isnan(value) else CODES[name][int(value)]


def participants_table(trial: SimulatedTrial) -> Table:
    """Return participants.csv."""
    r, baseline, background = trial.cohort.recorded, trial.dates.baseline, draw_background(trial.key, trial.cohort)
    site = trial.protocol.sites[0].id if trial.protocol.sites else None
    header = (
        *("participant_id", "site_id", "consent_date", "randomisation_date", "age_years", "sex", "height_cm", "weight_kg"),
        *("comorbidity_count", "physical_activity_level", "education_years", "work_leave", "pain_duration_weeks", "internet_device"),
    )
    rows = [
        (
            *(trial.ids[i], site, baseline[i], baseline[i], _whole(r[AGE, i]), _code("sex", r[SEX, i])),
            *(_number(r[HEIGHT, i]), _number(r[WEIGHT, i]), _whole(r[COMORBIDITY, i])),
            *(_code("physical_activity_level", r[ACTIVITY, i]), _whole(r[EDUCATION, i]), bool(r[LEAVE, i])),
            *(float(background.pain_duration[i]), DEVICES[background.device[i]]),
        )
        for i in range(len(trial.ids))
    ]
    return make_table("participants.csv", header, rows)


def screening_table(trial: SimulatedTrial) -> Table:
    """Return screening.csv: every candidate up to the last participant, with the criterion that excluded the others."""
    criteria = screening_criteria(trial.protocol)
    rows: list[tuple[Cell, ...]] = []
    for candidate, outcome in enumerate(screening_outcomes(*trial.key, trial.mechanism, trial.cohort).tolist()):
        kind, reason = "ineligible", criteria[outcome - FIRST_CRITERION].id if outcome >= FIRST_CRITERION else None
        if outcome == ENROLLED:
            kind = "eligible_randomised"
        elif outcome == DECLINED:
            kind, reason = "eligible_declined", "declined"
        rows.append((candidate + 1, trial.dates.screened[candidate], kind, reason))
    return make_table("screening.csv", ("screen_no", "screen_date", "outcome", "reason_code"), rows)


def visits_table(trial: SimulatedTrial) -> Table:
    """Return visits.csv, the full grid: the two visits at the unit and, where the protocol has them, messages between."""
    header = (
        *("participant_id", "visit", "planned_date", "visit_date", "status", "missed_reason"),
        *("assessor_id", "assessor_guess", "mode"),
    )
    first, *between, last = trial.protocol.schedule.visits
    begun, ended, guess = draw_assessors(trial.key, trial.cohort)
    rows: list[tuple[Cell, ...]] = []
    for i, name in enumerate(trial.ids):
        day, due, seen, status = trial.dates.baseline[i], trial.dates.due[i], trial.dates.final[i], trial.dates.final_status[i]
        rows.append((name, first.id, day, day, "done", None, ASSESSORS[begun[i]], None, "in_person"))
        rows += [(name, visit.id, *_message(trial, i, visit)) for visit in between]
        if status == MISSED:
            rows.append((name, last.id, due, None, status, LOST, None, None, None))
        else:
            arm = guessed_arm(int(trial.cohort.exposed[i]), float(guess[i]))
            rows.append((name, last.id, due, seen, status, None, ASSESSORS[ended[i]], arm, "in_person"))
    return make_table("visits.csv", header, rows)


def _message(trial: SimulatedTrial, i: int, visit: Visit) -> tuple[Cell, ...]:
    """Return the cells of a visit that is a message with a pain score."""
    due = trial.dates.baseline[i] + timedelta(weeks=round(visit.week))
    if np.isnan(trial.cohort.recorded[RECORDED.index(f"vas@{visit.id}"), i]):
        return due, None, MISSED, _reason(trial.cohort, i, visit.week), None, None, None
    return due, due, "done", None, None, None, "online"


def _reason(cohort: Cohort, i: int, week: float) -> str:
    """Return why a participant has no value at a week."""
    return LOST if cohort.week_lost[i] != NEVER and week > cohort.week_lost[i] else NOT_DONE


def items_table(trial: SimulatedTrial) -> Table:
    """Return odi.csv: the items of every visit that took place; an item that was left blank is empty."""
    rows: list[tuple[Cell, ...]] = []
    for visit, answers in zip(ODI_VISITS, (trial.cohort.items_baseline, trial.cohort.items_week6), strict=True):
        for i, name in enumerate(trial.ids):
            if visit == ODI_VISITS[0] or trial.cohort.cause[i] == NEVER:
                rows.append((name, visit, *map(_whole, answers[:, i])))
    items = tuple(f"item_{item:02d}" for item in range(1, ITEMS + 1))
    return make_table("odi.csv", ("participant_id", "visit", *items), rows)


def outcomes_table(trial: SimulatedTrial) -> Table:
    """Return outcomes.csv: pain at every visit that asks for it; the ODI stands in its items."""
    pain = trial.protocol.outcomes.get("vas")
    weeks = {visit.id: visit.week for visit in trial.protocol.schedule.visits}
    rows: list[tuple[Cell, ...]] = []
    for visit in pain.visits if pain else ():
        for i, name in enumerate(trial.ids):
            value = _number(trial.cohort.recorded[RECORDED.index(f"vas@{visit}"), i])
            rows.append((name, visit, "vas", value, _reason(trial.cohort, i, weeks[visit]) if value is None else None))
    return make_table("outcomes.csv", ("participant_id", "visit", "outcome", "value", "missing"), rows)


def satisfaction_table(trial: SimulatedTrial) -> Table:
    """Return satisfaction.csv, at both visits."""
    before, after = draw_satisfaction(trial.key, trial.scenario.values, trial.cohort).tolist()
    first, *_, last = trial.protocol.schedule.visits
    rows: list[tuple[Cell, ...]] = [(name, first.id, before[i], None) for i, name in enumerate(trial.ids)]
    for i, name in enumerate(trial.ids):
        lost = trial.cohort.cause[i] != NEVER
        rows.append((name, last.id, None if lost else after[i], LOST if lost else None))
    return make_table("satisfaction.csv", ("participant_id", "visit", "satisfaction", "satisfaction_missing"), rows)
