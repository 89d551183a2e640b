"""What a site writes down beside the outcomes: satisfaction, harms, other treatments, diary entries, who assessed, who has which device.

It is drawn for the export of one trial and moves nothing else: no analysis of the plan reads it, and the replicate loop
does without it. Satisfaction and harms follow the assumptions (`satisfaction_*`, `harm_*`). What the assumptions do not
speak of, because no estimate can depend on it, has the plain constants below; they are decoration, without a source.
Every draw has an address of its own, so that a trial's records do not depend on what else is written.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from odisea.simulate.events import LARGEST_EXCESS, N_EVENTS
from odisea.simulate.mechanism import EVENTS, WEEKS, Mechanism
from odisea.simulate.replicate import Cohort
from odisea.streams import Purpose, fill_uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Key = tuple[int, int]  # seed and replicate

DAYS_PER_WEEK = 7
NO_DAY = -1
BODY, SATISFIED, HARMED = int(Purpose.BASELINE_BODY), int(Purpose.SATISFACTION), int(Purpose.HARMS)
HAPPENED, TOOK_PART, SEEN = int(Purpose.EVENTS), int(Purpose.ADHERENCE), int(Purpose.CALENDAR_DELAYS)
# Minor indices of draws; the engine's own lie below (weeks 0 to 5, parts 0 and 1).
BACKGROUND, HARM_DETAIL, EVENT_DAY, COURSE, SESSION, DIARY, LOGIN, VISIT = 1, 16, 16, 17, 8, 16, 64, 2

HARMS = ("pain_flare", "fall", "muscle_soreness", "spinal_surgery")
FLARE, FALL, SORENESS, OPERATION = range(len(HARMS))
HARM_DAYS = ((2, 9), (3, 14), (1, 3), (14, 60))  # shortest and longest, each length equally likely

DEVICES = ("smartphone", "computer", "both")
DEVICE_SHARES = (0.62, 0.08, 0.30)
SHORTEST_DURATION, LONGEST_DURATION = 12, 3000  # weeks
DURATION_MEDIAN, DURATION_LOG_SD = 150.0, 1.1  # weeks beyond the shortest
DRUGS = ("nsaid", "paracetamol", "opioid", "muscle_relaxant")
DRUG_SHARES = (0.5, 0.25, 0.12, 0.13)
PAPER_SHARE = 0.3  # of diaries
EXERCISE_MINUTES, EXERCISE_LOG_SD, LONGEST_EXERCISE = 22.0, 0.35, 90
DAILY_PAIN_SD = 0.8  # about the week's course
EARLIEST_LEAVE = 0.5  # nobody who attended was there for less of the session
ASSESSORS = ("A1", "A2")
GUESS_UNKNOWN, GUESS_RIGHT = 0.5, 0.6  # shares: no guess; right among the guesses


class Background(NamedTuple):
    """Baseline data that nothing depends on, each (n,)."""

    pain_duration: Ints  # weeks
    device: Ints  # place in `DEVICES`
    on_paper: Bools  # keeps the diary on paper


class Harm(NamedTuple):
    """One adverse event; days count from randomisation."""

    participant: int
    first_day: int
    last_day: int
    kind: int  # place in `HARMS`


class Diary(NamedTuple):
    """What stands in the diary of each day, each (6, 7, n), whether the day is kept or not."""

    pain: Ints  # 0 to 10
    minutes: Ints
    from_memory: Bools  # written down later, without exercise behind it
    moment: Floats  # of the hours in which entries are made, 0 to 1


def uniforms(key: Key, purpose: int, minor: int, units: Ints) -> Floats:
    """Return four uniform numbers (4, n) for each of some candidates."""
    out = np.empty((4, units.size))
    fill_uniform(key[0], key[1], purpose, minor, units, out)
    return out


def draw_background(key: Key, cohort: Cohort) -> Background:
    """Return duration of pain (log-normal beyond 12 weeks), device and form of the diary."""
    duration, device, paper, _ = uniforms(key, BODY, BACKGROUND, cohort.units)
    weeks = SHORTEST_DURATION + np.rint(DURATION_MEDIAN * np.exp(DURATION_LOG_SD * ndtri(duration)))
    return Background(
        pain_duration=np.minimum(weeks, LONGEST_DURATION).astype(np.int64),
        device=chosen(DEVICE_SHARES, device),
        on_paper=paper < PAPER_SHARE,
    )


def chosen(shares: tuple[float, ...], u: Floats) -> Ints:
    """Return the place of the share into which each u falls."""
    return np.searchsorted(np.cumsum(shares)[:-1], u, side="right").astype(np.int64)


def draw_satisfaction(key: Key, values: Mapping[str, float], cohort: Cohort) -> Ints:
    """Return satisfaction (0 to 10) at baseline and week 6, shape (2, n), as if nobody were lost.

    At baseline everybody judges the care so far and has the control arm's distribution. At week 6 the arm's mean is
    moved by the improvement of latent disability beyond the arm's mean; the standard deviation includes that part.
    """
    z = ndtri(uniforms(key, SATISFIED, 0, cohort.units))
    control, spread = values["satisfaction_mean"] + values["satisfaction_control_shift"], values["satisfaction_sd_control"]
    out = np.empty((2, cohort.units.size))
    out[0] = control + spread * z[0]
    gain = values["satisfaction_per_improvement"] * (cohort.actual[0] - cohort.actual[WEEKS])
    for exposed, mean, sd in ((0, control, spread), (1, values["satisfaction_mean"], values["satisfaction_sd_tele"])):
        arm = cohort.exposed == exposed
        if arm.any():
            rest = np.sqrt(max(sd**2 - float(gain[arm].var()), 0.0))
            out[1, arm] = mean + gain[arm] - gain[arm].mean() + rest * z[1, arm]
    return np.clip(np.rint(out), 0.0, 10.0).astype(np.int64)


def draw_event_days(key: Key, cohort: Cohort) -> Ints:
    """Return the day from randomisation of every intercurrent event, shape (4, n); -1 where it does not happen."""
    place = np.floor(DAYS_PER_WEEK * uniforms(key, HAPPENED, EVENT_DAY, cohort.units)[:N_EVENTS])
    return np.where(cohort.event_week >= 0, DAYS_PER_WEEK * cohort.event_week + place, NO_DAY).astype(np.int64)


def draw_courses(key: Key, longest: int, cohort: Cohort) -> tuple[Ints, Ints]:
    """Return which of `DRUGS` a rescue course consists of and on how many of its days it is used, each (n,)."""
    drug, used, _, _ = uniforms(key, HAPPENED, COURSE, cohort.units)
    return chosen(DRUG_SHARES, drug), 1 + np.floor(used * longest).astype(np.int64)


def draw_harms(key: Key, values: Mapping[str, float], mechanism: Mechanism, cohort: Cohort) -> tuple[Harm, ...]:
    """Return the adverse events of six weeks by participant and day, as if nobody were lost.

    A flare is likelier with pain at the week's beginning, by the slope that a rescue course has; soreness belongs to weeks
    with exercise in the programme. An operation is one too: it is a stay in hospital.
    """
    found = [harm for week in range(WEEKS) for harm in _weekly_harms(key, values, mechanism, cohort, week)]
    operated = draw_event_days(key, cohort)[EVENTS.index("surgery")]
    stays = uniforms(key, HARMED, HARM_DETAIL + WEEKS, cohort.units)[0]
    found += [_harm(int(i), int(operated[i]), OPERATION, float(stays[i])) for i in np.flatnonzero(operated != NO_DAY)]
    return tuple(sorted(found))


def harm_probabilities(values: Mapping[str, float], mechanism: Mechanism, cohort: Cohort, week: int) -> Floats:
    """Return the probability of a flare, a fall and soreness in one week (0 is the first), shape (3, n)."""
    slope = mechanism.events.pain_slope[EVENTS.index("rescue")]
    excess = np.clip(cohort.pain[week] - mechanism.population.pain_mean, -LARGEST_EXCESS, LARGEST_EXCESS)
    exercises = (cohort.engaged[week] > 0.0) & (cohort.diary[week] > 0.0)
    flare = np.minimum(values["harm_flare_week"] * np.exp(slope * excess), 1.0)
    return np.stack([flare, np.full(flare.size, values["harm_fall_week"]), values["harm_soreness_week"] * exercises])


def _weekly_harms(key: Key, values: Mapping[str, float], mechanism: Mechanism, cohort: Cohort, week: int) -> list[Harm]:
    u, detail = uniforms(key, HARMED, week, cohort.units), uniforms(key, HARMED, HARM_DETAIL + week, cohort.units)
    # The draw that decided about an event is uniform below its probability, and so says on which day of the week it came.
    probability = harm_probabilities(values, mechanism, cohort, week)
    found = []
    for kind, i in zip(*np.nonzero(u[:3] < probability), strict=True):
        day = DAYS_PER_WEEK * week + int(DAYS_PER_WEEK * u[kind, i] / probability[kind, i])
        found.append(_harm(int(i), day, int(kind), float(detail[kind, i])))
    return found


def _harm(participant: int, day: int, kind: int, u: float) -> Harm:
    shortest, longest = HARM_DAYS[kind]
    return Harm(participant, day, day + shortest - 1 + int(u * (longest - shortest + 1)), kind)


def draw_minutes(key: Key, planned: int, cohort: Cohort) -> Ints:
    """Return the minutes present in the session of each week, shape (6, n), as if everybody attended; most stay to the end."""
    stay = np.concatenate([uniforms(key, TOOK_PART, SESSION + part, cohort.units) for part in range(-(-WEEKS // 4))])[:WEEKS]
    return np.ceil(planned * (1.0 - EARLIEST_LEAVE * stay**4)).astype(np.int64)


def draw_diary(key: Key, backfilled: float, cohort: Cohort) -> Diary:
    """Return the contents of the diary.

    Parameters
    ----------
    backfilled : float
        Share of the entries that are filled in from memory, without exercise behind them.
    """
    shape = (WEEKS, DAYS_PER_WEEK, cohort.units.size)
    pain, minutes, moment, from_memory = np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape, dtype=np.bool_)
    for week in range(WEEKS):
        for day in range(DAYS_PER_WEEK):
            u = uniforms(key, TOOK_PART, DIARY + DAYS_PER_WEEK * week + day, cohort.units)
            part = (day + 0.5) / DAYS_PER_WEEK
            pain[week, day] = (1.0 - part) * cohort.pain[week] + part * cohort.pain[week + 1] + DAILY_PAIN_SD * ndtri(u[0])
            minutes[week, day] = EXERCISE_MINUTES * np.exp(EXERCISE_LOG_SD * ndtri(u[1]))
            from_memory[week, day] = u[2] < backfilled
            moment[week, day] = u[3]
    return Diary(
        pain=np.clip(np.rint(pain), 0, 10).astype(np.int64),
        minutes=np.clip(np.rint(minutes), 1, LONGEST_EXERCISE).astype(np.int64),
        from_memory=from_memory,
        moment=moment,
    )


def draw_login_starts(key: Key, cohort: Cohort) -> Floats:
    """Return where in the week the first login of each week lies, shape (6, n), as a part of the week."""
    return np.stack([uniforms(key, TOOK_PART, LOGIN + week, cohort.units)[0] for week in range(WEEKS)])


def draw_assessors(key: Key, cohort: Cohort) -> tuple[Ints, Ints, Floats]:
    """Return who assesses at baseline and at week 6 (places in `ASSESSORS`), and the draw of the guess, each (n,)."""
    first, last, guess, _ = uniforms(key, SEEN, VISIT, cohort.units)
    return np.floor(first * len(ASSESSORS)).astype(np.int64), np.floor(last * len(ASSESSORS)).astype(np.int64), guess


def guessed_arm(exposed: int, u: float) -> str:
    """Return the arm that an assessor guesses, as a code of visits.csv."""
    if u < GUESS_UNKNOWN:
        return "unknown"
    right = u < GUESS_UNKNOWN + (1.0 - GUESS_UNKNOWN) * GUESS_RIGHT
    return "experimental" if right == (exposed == 1) else "comparison"
