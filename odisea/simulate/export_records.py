"""What a site records between and beside the visits: what became of each participant, other treatments, harms, deviations, the programme.

Records of the programme end with the week of loss, and what happens after a person's last day in the trial is in no file.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from odisea.data.tables import Cell, Table, make_table
from odisea.simulate.calendar_dates import OUT_OF_WINDOW
from odisea.simulate.calendar_events import followed
from odisea.simulate.dropout import NEVER
from odisea.simulate.mechanism import EVENTS, OTHER_REHABILITATION, RESCUE
from odisea.simulate.rehearsal import SimulatedTrial
from odisea.simulate.reported import (
    DAYS_PER_WEEK,
    DRUGS,
    FLARE,
    HARMS,
    NO_DAY,
    OPERATION,
    SORENESS,
    Harm,
    draw_background,
    draw_courses,
    draw_diary,
    draw_event_days,
    draw_harms,
    draw_login_starts,
    draw_minutes,
)

Bools = NDArray[np.bool_]
Row = tuple[Cell, ...]

LOCAL_TIME = timezone(timedelta(hours=-6))  # Mexico has no daylight saving time since 2022
DISPOSITIONS = dict(zip(EVENTS, ("analgesic_escalation", "started_other_rehab", "surgery", "pregnancy"), strict=True))
HARM_CATEGORIES = ("pain_flare", "fall", "musculoskeletal", "other")  # of `HARMS`
SESSION_HOURS = (17, 18, 19, 11, 12, 16, 10, 20)  # of the first, second, ... session of a day
EVENING = time(20)  # diary entries are made in the two hours from then on
ENTRY_MINUTES = 120
DAWN, AWAKE_SECONDS = time(7), 16 * 3600  # the platform is opened between 7 and 23 hours
GOLDEN = (5.0**0.5 - 1.0) / 2.0
READING = timedelta(seconds=40)  # from opening the platform to opening a module


def record_tables(trial: SimulatedTrial) -> list[Table]:
    """Return disposition, other treatments, harms, deviations, and the files of the programme."""
    event_days = draw_event_days(trial.key, trial.cohort)
    return [
        table("disposition.csv", ("participant_id", "event", "date", "week", "reason_code"), _dispositions(trial, event_days.tolist())),
        table("conmeds.csv", ("participant_id", "start_date", "end_date", "class", "days_used"), _treatments(trial, event_days.tolist())),
        harms_table(trial),
        table("deviations.csv", ("participant_id", "date", "type", "major", "detail_code"), _deviations(trial)),
        sessions_table(trial),
        table("live_sessions.csv", ("participant_id", "session_id", "minutes_attended", "source"), _attendance(trial)),
        table("live_groups.csv", ("participant_id", "live_group"), _groups(trial)),
        diary_table(trial),
        table("moodle_events.csv", ("participant_id", "ts", "component", "event", "module_no", "origin"), _platform_events(trial)),
    ]


def table(name: str, header: tuple[str, ...], rows: Iterator[Row]) -> Table:
    """Return a table of rows that are given one by one."""
    return make_table(name, header, list(rows))


def _dispositions(trial: SimulatedTrial, event_days: list[list[int]]) -> Iterator[Row]:
    """Give losses and completions, stops of the programme, and intercurrent events."""
    stops = followed(trial.people).stopped
    for i, name in enumerate(trial.ids):
        end = trial.days_in_trial(i)
        happened = {event: event_days[place][i] for place, event in enumerate(EVENTS) if NO_DAY < event_days[place][i] <= end}
        found: list[tuple[str, int, str | None]] = [(DISPOSITIONS[event], day, None) for event, day in happened.items()]
        found += [_stop(int(week), happened) for week in np.flatnonzero(stops[:, i])]
        found.append(("completed" if trial.cohort.cause[i] == NEVER else "lost", end, None))
        for what, day, reason in found:
            if day <= end:
                yield name, what, _day(trial, i, day), round(day / DAYS_PER_WEEK, 1), reason


def _stop(week: int, happened: dict[str, int]) -> tuple[str, int, str | None]:
    """Return the stop of the programme in a week: with the event that ended it, else on the week's first day."""
    for event in ("surgery", "pregnancy"):
        if event in happened and happened[event] // DAYS_PER_WEEK == week:
            return "stopped_programme", happened[event], event
    return "stopped_programme", DAYS_PER_WEEK * week, "never_started" if week == 0 else None


def _day(trial: SimulatedTrial, i: int, day: int) -> date:
    return trial.dates.baseline[i] + timedelta(days=day)


def _treatments(trial: SimulatedTrial, event_days: list[list[int]]) -> Iterator[Row]:
    """Give rescue courses of analgesics and other rehabilitation; what still goes on at the last contact has no end."""
    length = DAYS_PER_WEEK * int(trial.mechanism.events.weeks[RESCUE])
    drug, used = draw_courses(trial.key, length, trial.cohort)
    for i, name in enumerate(trial.ids):
        end, start, other = trial.days_in_trial(i), event_days[RESCUE][i], event_days[OTHER_REHABILITATION][i]
        if NO_DAY < start <= end:
            last = start + length - 1
            over = last <= end
            days = min(int(used[i]), end - start + 1)
            yield name, _day(trial, i, start), _day(trial, i, last) if over else None, DRUGS[drug[i]], days
        if NO_DAY < other <= end:
            yield name, _day(trial, i, other), None, "other_rehab", None


def harms_table(trial: SimulatedTrial) -> Table:
    """Return harms.csv: what happened until the last day in the trial, numbered within each participant."""
    header = (
        *("participant_id", "ae_no", "onset_date", "end_date", "term", "category"),
        *("serious", "related", "action", "outcome"),
    )
    rows: list[Row] = []
    numbers = dict.fromkeys(range(len(trial.ids)), 0)
    for harm in draw_harms(trial.key, trial.scenario.values, trial.mechanism, trial.cohort):
        end = trial.days_in_trial(harm.participant)
        if harm.first_day <= end:
            numbers[harm.participant] += 1
            rows.append((trial.ids[harm.participant], numbers[harm.participant], *_harm_cells(trial, harm, harm.last_day <= end)))
    return make_table("harms.csv", header, rows)


def _harm_cells(trial: SimulatedTrial, harm: Harm, over: bool) -> Row:
    i = harm.participant
    in_programme = trial.cohort.exposed[i] == 1 and trial.cohort.engaged[harm.first_day // DAYS_PER_WEEK, i] > 0.0
    related = "probable" if harm.kind == SORENESS else "possible" if harm.kind == FLARE and in_programme else "none"
    action = "none"
    if harm.kind == OPERATION and trial.cohort.exposed[i] == 1:
        action = "stopped"
    elif harm.kind == SORENESS and harm.last_day > harm.first_day:
        action = "paused"
    return (
        *(_day(trial, i, harm.first_day), _day(trial, i, harm.last_day) if over else None),
        *(HARMS[harm.kind], HARM_CATEGORIES[harm.kind], harm.kind == OPERATION),
        *(related, action, "recovered" if over else "recovering"),
    )


def _deviations(trial: SimulatedTrial) -> Iterator[Row]:
    """Give final visits outside the window, and controls who say at the final visit that the programme's material reached them."""
    for i, name in enumerate(trial.ids):
        seen, due = trial.dates.final[i], trial.dates.due[i]
        if seen is None:
            continue
        if trial.dates.final_status[i] == OUT_OF_WINDOW:
            yield name, seen, "window", False, "early" if seen < due else "late"
        if trial.cohort.leak[i] > 0.0:
            yield name, seen, "contamination", True, "programme_material"


def planned_minutes(trial: SimulatedTrial) -> int:
    """Return the planned length of a live session in whole minutes."""
    return round(trial.scenario.values["session_minutes"])


def sessions_table(trial: SimulatedTrial) -> Table:
    """Return sessions_calendar.csv; a session has no module, as its participants are in different weeks of the programme."""
    minutes, before = planned_minutes(trial) or None, dict[date, int]()
    rows: list[Row] = []
    for session, day in trial.dates.sessions:
        place = before[day] = before.get(day, -1) + 1
        rows.append((session, day, f"{SESSION_HOURS[place % len(SESSION_HOURS)]}:00", minutes, None))
    return make_table("sessions_calendar.csv", ("session_id", "date", "start", "minutes_planned", "module"), rows)


def _attendance(trial: SimulatedTrial) -> Iterator[Row]:
    planned = planned_minutes(trial)
    minutes = draw_minutes(trial.key, planned, trial.cohort)
    for week, attended in enumerate(trial.dates.attended):
        for i, place in enumerate(attended):
            if place is not None:
                yield trial.ids[i], trial.dates.sessions[place][0], float(minutes[week, i]) if planned else None, "manual"


def _groups(trial: SimulatedTrial) -> Iterator[Row]:
    """Give the live-session group of everybody allocated to the programme, whether they ever came or not."""
    for name, group in zip(trial.ids, trial.cohort.group.tolist(), strict=True):
        if group >= 0:
            yield name, f"G{group + 1:02d}"


def diary_table(trial: SimulatedTrial) -> Table:
    """Return diary.csv; an entry from memory claims the exercise, and a digital one shows when it was made."""
    header = ("participant_id", "diary_date", "study_day", "exercise_done", "minutes", "pain", "entry_mode", "entered_ts")
    diary = draw_diary(trial.key, trial.scenario.values["diary_backfilled"], trial.cohort)
    on_paper = draw_background(trial.key, trial.cohort).on_paper
    rows: list[Row] = []
    for week, day, i in np.argwhere(trial.dates.diary).tolist():
        since = DAYS_PER_WEEK * week + day
        entered = _day(trial, i, DAYS_PER_WEEK * (week + 1) if diary.from_memory[week, day, i] else since)
        moment = _local(entered, EVENING) + timedelta(minutes=int(ENTRY_MINUTES * diary.moment[week, day, i]))
        how = ("paper", None) if on_paper[i] else ("digital", moment)
        content = (True, int(diary.minutes[week, day, i]), int(diary.pain[week, day, i]))
        rows.append((trial.ids[i], _day(trial, i, since), since + 1, *content, *how))
    return make_table("diary.csv", header, rows)


def _local(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, tzinfo=LOCAL_TIME)


def _platform_events(trial: SimulatedTrial) -> Iterator[Row]:
    """Give two events for every login, in order of time: opening the platform, and the module of the week."""
    yield from sorted(_logins(trial), key=lambda row: (str(row[1]), str(row[0])))


def _logins(trial: SimulatedTrial) -> Iterator[Row]:
    recorded, starts, last = followed(trial.people).recorded, draw_login_starts(trial.key, trial.cohort), modules(trial)
    for week, i in np.argwhere(recorded & (trial.people.logins > 0.0)).tolist():
        module = min(week + 1, last) if last else None
        for login in range(int(trial.people.logins[week, i])):
            # Steps of the golden section of a week never fall on each other and spread evenly, wherever they begin.
            place = DAYS_PER_WEEK * ((starts[week, i] + GOLDEN * login) % 1.0)
            opened = _local(_day(trial, i, DAYS_PER_WEEK * week + int(place)), DAWN) + timedelta(seconds=int(AWAKE_SECONDS * (place % 1.0)))
            yield trial.ids[i], opened, "core", "user_loggedin", None, "web"
            yield trial.ids[i], opened + READING, "mod_page", "course_module_viewed", module, "web"


def modules(trial: SimulatedTrial) -> int | None:
    """Return how many modules the programme has, None where the protocol does not say."""
    arm = next(arm for arm in trial.protocol.arms if arm.id == trial.scenario.programme_arm)
    scheduled = [trial.protocol.interventions[name].programme for name in arm.interventions]
    return next((one.modules.value for one in scheduled if one is not None), None)
