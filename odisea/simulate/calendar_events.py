"""The event table: what happened to whom on which day, and what the replicate alone implies.

`replicate_events` reads the table straight off a replicate's arrays; a calendar lives through the same people week by week
and puts days to the same events. A test holds the two to each other, the people coming from two independent programs.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.simulate.calendar_model import People
from odisea.simulate.mechanism import WEEKS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOBODY = -1
NEVER = -1


class Kind(IntEnum):
    """What happened; the order is that of events of one day."""

    SCREENED = 0
    INELIGIBLE = 1
    DECLINED = 2
    TOO_LATE = 3  # invited and willing, but recruitment had closed
    RANDOMISED = 4  # consent, baseline visit and randomisation are one visit
    STOPPED = 5  # the first week without engagement; week 0 is never starting
    LIVE = 6
    DIARY = 7
    LOGINS = 8
    LOST = 9
    ASSESSED = 10  # the final visit


Row = tuple[int, int, int, int, int, int]  # day, kind, candidate, participant, week, count

COLUMNS = ("day", "kind", "candidate", "participant", "week", "count")
DAY, KIND, CANDIDATE, PARTICIPANT, WEEK, COUNT = range(len(COLUMNS))
OF_THE_REPLICATE = (Kind.STOPPED, Kind.LIVE, Kind.DIARY, Kind.LOGINS, Kind.LOST, Kind.ASSESSED)


class Followed(NamedTuple):
    """What the six weeks of some participants hold, without days; loss ends a participant's record after its week."""

    recorded: NDArray[np.bool_]  # (6, n) weeks of the programme arm until the week of loss
    stopped: NDArray[np.bool_]  # (6, n) the first week without engagement
    lost: NDArray[np.bool_]  # (n,)


def event_table(rows: Sequence[Row]) -> Ints:
    """Return events as a table (m, 6) with the columns `COLUMNS`, in order of day, kind, candidate, participant and week.

    Days count from the registered start; whom or which week an event does not concern is -1 there. `count` is the number
    of diary days or logins of a week and 1 otherwise.
    """
    table = np.array(rows, dtype=np.int64).reshape(-1, len(COLUMNS))
    return table[np.lexsort((table[:, WEEK], table[:, PARTICIPANT], table[:, CANDIDATE], table[:, KIND], table[:, DAY]))]


def followed(people: People) -> Followed:
    """Return which weeks of each participant are on record, and who stopped the programme or was lost."""
    weeks = np.arange(WEEKS)[:, None]
    lost = people.week_lost != NEVER
    recorded = (people.exposed == 1) & ((weeks <= people.week_lost) | ~lost)
    engaged = people.engaged > 0.0
    before = np.vstack([np.ones((1, engaged.shape[1]), dtype=np.bool_), engaged[:-1]])
    return Followed(recorded, recorded & ~engaged & before, lost)


def replicate_events(people: People) -> Ints:
    """Return the events that a replicate implies, as rows (participant, week, kind, count) in that order.

    The final visit, and the loss of who does not come to it, is week 6 of the one and week 5 of the other (the week at whose
    end the participant is missing).
    """
    seen = followed(people)
    parts = [_weekly(seen.stopped, Kind.STOPPED, np.ones_like(people.live))]
    for kind, stream in ((Kind.LIVE, people.live), (Kind.DIARY, people.diary), (Kind.LOGINS, people.logins)):
        parts.append(_weekly(seen.recorded & (stream > 0.0), kind, stream))
    parts.append(_single(np.flatnonzero(seen.lost), people.week_lost[seen.lost], Kind.LOST))
    kept = np.flatnonzero(~seen.lost)
    parts.append(_single(kept, np.full(kept.size, WEEKS), Kind.ASSESSED))
    return _in_order(np.concatenate(parts))


def events_of_the_replicate(table: Ints) -> Ints:
    """Return those events of a calendar's table that the replicate determines, in the form of `replicate_events`."""
    chosen = table[np.isin(table[:, KIND], OF_THE_REPLICATE)]
    return _in_order(chosen[:, [PARTICIPANT, WEEK, KIND, COUNT]])


def _weekly(where: NDArray[np.bool_], kind: Kind, counts: Floats) -> Ints:
    week, participant = np.nonzero(where)
    return np.column_stack([participant, week, np.full(week.size, int(kind)), counts[where].astype(np.int64)])


def _single(participant: Ints, week: Ints, kind: Kind) -> Ints:
    return np.column_stack([participant, week, np.full(participant.size, int(kind)), np.ones(participant.size, dtype=np.int64)])


def _in_order(rows: Ints) -> Ints:
    return rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
