"""Many calendars in one summary: will the unit be in time, how fast it fills, what it takes, how many get how far.

Probabilities come with their Monte Carlo standard error; counts with their median and the interval from the 5th to the
95th centile over calendars. Everything is ready for `calendar.json`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odisea.simulate.calendar import NO_DAY, run_calendar
from odisea.simulate.calendar_figures import ARMS, Figures, calendar_figures, week_ends
from odisea.simulate.calendar_model import DAYS_PER_WEEK, CalendarModel, People, date_of
from odisea.simulate.calendar_pace import expected_randomised, open_weeks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Record = dict[str, Any]

FAN = (0.05, 0.25, 0.50, 0.75, 0.95)
HIGH_LOAD = 0.95
CERTAINTY = (0.5, 0.8, 0.9)
DECIMALS = 6  # of means and Monte Carlo errors in the files: far below what they mean


def run_calendars(
    seed: int, model: CalendarModel, people: Iterable[People], advance: Callable[[int], None] = lambda more: None
) -> list[Figures]:
    """Return the figures of one calendar per replicate, the first being replicate 0; `advance` is told of each."""
    figures = []
    for replicate, one in enumerate(people):
        key = (seed, replicate)
        figures.append(calendar_figures(key, model, one, run_calendar(key, model, one)))
        advance(1)
    return figures


def summarise_calendars(model: CalendarModel, participants: int, figures: Sequence[Figures]) -> Record:
    """Return the summary of calendars.

    Parameters
    ----------
    participants : int
        The total that is to be randomised.
    figures : sequence of Figures
        At least two, from `run_calendars`.
    """
    full = np.array([one.full_day != NO_DAY for one in figures])
    in_time = np.array([one.last_visit <= model.completion for one in figures])
    return {
        "calendars": len(figures),
        "participants": participants,
        "dates": dates_record(model),
        "pace": pace_record(model, participants, np.array([one.pace_needed for one in figures])),
        "total_randomised_in_time": share(full),
        "last_visit_in_time": share(in_time),
        "total_randomised_and_last_visit_in_time": share(full & in_time),
        "total_reached_on": reached_record(model, np.array([one.full_day for one in figures])),
        "accrual": accrual_record(model, np.array([one.accrual for one in figures])),
        "staff": staff_record(model, np.array([one.hours for one in figures])),
        "sessions": session_record(model, figures),
        "final_visits": visit_record(figures),
        "flow": flow_record(figures),
    }


def share(happened: NDArray[np.bool_]) -> Record:
    """Return a probability with its Monte Carlo standard error."""
    p = float(happened.mean())
    return {"value": p, "mcse": rounded(float(np.sqrt(p * (1.0 - p) / happened.size)))}


def ratio(parts: Ints, wholes: Ints) -> Record:
    """Return the share of a total over calendars; the error takes each calendar as one draw (Cochran 1977, section 6.4)."""
    total, count = int(wholes.sum()), wholes.size
    if total == 0:
        return {"value": None, "mcse": None}
    value = float(parts.sum() / total)
    residual = parts - value * wholes
    return {"value": rounded(value), "mcse": rounded(float(np.sqrt(count / (count - 1) * np.sum(residual**2)) / total))}


def spread(counts: Ints | Floats) -> Record:
    """Return median, 5th and 95th centile, mean and its Monte Carlo standard error."""
    low, median, high = (float(q) for q in np.quantile(counts, (0.05, 0.5, 0.95)))
    mean, mcse = float(counts.mean()), float(np.std(counts, ddof=1) / np.sqrt(counts.size))
    return {"median": rounded(median), "low": rounded(low), "high": rounded(high), "mean": rounded(mean), "mcse": rounded(mcse)}


def rounded(value: float) -> float:
    """Return a number at the resolution of the files."""
    return round(value, DECIMALS)


def dates_record(model: CalendarModel) -> Record:
    """Return the dates that the calendar is judged by."""
    return {
        "start": date_of(model, 0).isoformat(),
        "last_possible_day": date_of(model, model.last_day).isoformat(),
        "completion": date_of(model, model.completion).isoformat(),
        "follow_up_days": model.follow_up,
        "window_days": [model.window_before, model.window_after],
    }


def reached_record(model: CalendarModel, full_day: Ints) -> Record | None:
    """Return when the total is reached, over the calendars that reach it; None where none does."""
    days = full_day[full_day != NO_DAY]
    if days.size == 0:
        return None
    low, median, high = (date_of(model, round(float(q))).isoformat() for q in np.quantile(days, (0.05, 0.5, 0.95)))
    return {"median": median, "low": low, "high": high}


def pace_record(model: CalendarModel, participants: int, needed: Floats) -> Record:
    """Return the assumed pace beside the paces that are needed.

    `needed_on_average` randomises the total in time on average; `needed_for` does in 50, 80 or 90 % of the calendars (None:
    no pace does). All are means per open week with a recruiter but `needed_per_calendar_week`, the total over all weeks.
    """
    expected = expected_randomised(model)
    certain = np.quantile(needed, CERTAINTY, method="higher")
    return {
        "assumed_per_open_week": model.randomised_per_week,
        "needed_on_average": rounded(model.randomised_per_week * participants / expected) if expected > 0.0 else None,
        "needed_for": {
            f"{share:.0%}": rounded(float(pace)) if pace < np.inf else None for share, pace in zip(CERTAINTY, certain, strict=True)
        },
        "needed_per_calendar_week": rounded(participants * DAYS_PER_WEEK / (model.last_day + 1)),
        "open_weeks": open_weeks(model),
        "open_weeks_needed": rounded(participants / model.randomised_per_week / (1.0 - model.recruiter_absence)),
        "recruiter_absence": model.recruiter_absence,
        "enrolled_share_of_screened": rounded(model.enrolled),
        "screened_per_open_week": rounded(model.randomised_per_week / model.enrolled),
        "expected_without_a_total": rounded(expected),
    }


def accrual_record(model: CalendarModel, accrual: Ints) -> list[Record]:
    """Return the fan: quantiles of the number randomised by the end of every calendar week."""
    quantiles = np.quantile(accrual, FAN, axis=0)
    return [
        {
            "week": week,
            "until": date_of(model, int(day)).isoformat(),
            **{f"q{round(100 * q):02d}": rounded(float(quantiles[place, week])) for place, q in enumerate(FAN)},
            "mean": rounded(float(accrual[:, week].mean())),
        }
        for week, day in enumerate(week_ends(model, model.last_day))
    ]


def staff_record(model: CalendarModel, hours: Floats) -> Record:
    """Return the staff's hours by calendar week, and in the busiest week of each calendar."""
    high = np.quantile(hours, HIGH_LOAD, axis=0)
    weeks = [
        {"week": week, "until": date_of(model, int(day)).isoformat(), "mean": rounded(float(mean)), "q95": rounded(float(top))}
        for week, (day, mean, top) in enumerate(zip(week_ends(model, model.completion), hours.mean(axis=0), high, strict=True))
    ]
    return {"hours_in_all": spread(hours.sum(axis=1)), "busiest_week": spread(hours.max(axis=1)), "weeks": weeks}


def session_record(model: CalendarModel, figures: Sequence[Figures]) -> Record:
    """Return how full the live sessions are and how often one does not take place."""
    attendees = np.concatenate([one.attendees for one in figures])
    held = np.array([one.attendees.size for one in figures])
    full = np.array([np.count_nonzero(one.attendees >= model.session_capacity) for one in figures])
    attendances = np.array([one.attendances for one in figures])
    low, median, high = np.quantile(attendees, (0.05, 0.5, 0.95)).tolist() if attendees.size else (None, None, None)
    return {
        "capacity": model.session_capacity,
        "per_week": model.sessions_per_week,
        "attendees": {"median": median, "low": low, "high": high, "most": int(attendees.max(initial=0)), "mean": ratio(attendances, held)},
        "full": ratio(full, held),
        "cancelled": ratio(np.array([one.cancelled for one in figures]), np.array([one.offered for one in figures])),
        "moved": ratio(np.array([one.moved for one in figures]), attendances),
        "made_up": ratio(np.array([one.made_up for one in figures]), attendances),
    }


def visit_record(figures: Sequence[Figures]) -> Record:
    """Return the shares of the final visits that took place outside their window, or after the completion date."""
    done = np.array([int(one.flow.arm_assessed.sum()) for one in figures])
    early, late, after = (np.array([getattr(one, name) for one in figures]) for name in ("early", "late", "after_completion"))
    return {
        "out_of_window": ratio(early + late, done),
        "early": ratio(early, done),
        "late": ratio(late, done),
        "after_completion": ratio(after, done),
    }


def flow_record(figures: Sequence[Figures]) -> Record:
    """Return the predicted participant flow (CONSORT): median and 90 % interval of every box."""
    flows = [one.flow for one in figures]
    trunk = ("screened", "ineligible", "declined", "recruitment_closed", "randomised")
    boxes = ("randomised", "started", "stopped", "lost", "assessed", "in_window")
    arms = {
        arm: {box: spread(np.array([getattr(flow, f"arm_{box}")[place] for flow in flows])) for box in boxes}
        for place, arm in enumerate(ARMS)
    }
    return {**{box: spread(np.array([getattr(flow, box) for flow in flows])) for box in trunk}, "arms": arms}
