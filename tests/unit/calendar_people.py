"""Invented people and calendars for the tests of the calendar: whatever a replicate could hold, and nothing that costs a compile."""

from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol
from odisea.simulate.calendar_model import CalendarModel, People, calendar_model

Floats = NDArray[np.float64]

ROOT = Path(__file__).parents[2]
CLOSED = (
    (date(2025, 11, 17), date(2025, 11, 17)),
    (date(2025, 12, 22), date(2026, 1, 2)),
    (date(2026, 4, 2), date(2026, 4, 3)),
    (date(2026, 5, 1), date(2026, 5, 1)),
)
VALUES = {
    "randomised_per_week": 2.0, "arrival_cv": 0.5, "recruiter_absence": 0.06, "screening_days": 4.0, "screening_cv": 0.7,
    "visit_late_mean": 6.0, "visit_late_cv": 1.0, "visit_early_share": 0.1, "visit_window_days": 7.0, "session_cancelled": 0.05,
    "session_capacity": 20.0, "sessions_per_week": 2.0, "assessments_per_day": 4.0, "screening_minutes": 15.0,
    "baseline_minutes": 60.0, "session_minutes": 60.0, "final_minutes": 40.0,
}  # fmt: skip


@cache
def the_protocol() -> Protocol:
    return load_protocol(ROOT / "protocol" / "nct07248813.yaml")


def model(enrolled: float = 0.3, closed: tuple[tuple[date, date], ...] = CLOSED, /, **changes: float) -> CalendarModel:
    """The calendar of the declared trial, with some assumptions changed."""
    assert not set(changes) - set(VALUES)
    return calendar_model({**VALUES, **changes}, closed, the_protocol(), enrolled)


def people(participants: int, enrolled: float = 0.3, lost: float = 0.4, seed: int = 1) -> People:
    """A replicate's worth of people: half in the programme, some never start or stop, some are lost."""
    draw = np.random.default_rng(seed)
    shape = (6, participants)
    exposed = draw.permutation(np.arange(participants) % 2).astype(np.int64)
    engaged: Floats = np.where(exposed == 1, np.minimum.accumulate(draw.random(shape) > 0.06), False).astype(np.float64)
    return People(
        screened=screening(participants, enrolled, draw),
        exposed=exposed,
        live=np.where(draw.random(shape) < 0.6, engaged, 0.0),
        diary=engaged * draw.integers(0, 8, shape).astype(np.float64),
        logins=engaged * draw.poisson(2.0, shape).astype(np.float64),
        engaged=engaged,
        week_lost=np.where(draw.random(participants) < lost, draw.integers(0, 6, participants), -1),
    )


def screening(participants: int, enrolled: float, draw: np.random.Generator) -> NDArray[np.int64]:
    """Candidates up to the last participant: between two participants a geometric number is ineligible or declines."""
    outcome: list[int] = []
    for refusals in draw.geometric(enrolled, participants) - 1:
        outcome += [*draw.integers(1, 3, refusals).tolist(), 0]
    return np.array(outcome, dtype=np.int64)


def everybody(participants: int, programme: bool = True) -> People:
    """Who comes is enrolled, in one and the same arm, takes part in everything there, and is never lost."""
    weekly = np.full((6, participants), float(programme))
    enrolled, exposed, never = (np.full(participants, value, dtype=np.int64) for value in (0, int(programme), -1))
    return People(enrolled, exposed, weekly, 7.0 * weekly, weekly, weekly, never)
