"""What a very large cohort shows on the observed scale: every person under both arms, before and after loss.

Both potential outcomes of a person share all draws, so the mean of their difference is the treatment-policy effect with
hardly any Monte Carlo error. Losses enter as exact probabilities given the person, not as draws. `observe` is what the
search looks at again and again; `observe_truths` follows the same people once more, under every regime that an estimand
speaks of.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled
from odisea.data.derive import Recipes, build_rows
from odisea.simulate.dropout import add_loss_probabilities, covariate_score
from odisea.simulate.mechanism import (
    AS_TREATED,
    BY_STRATEGY,
    CAUSES,
    COMPLETED,
    CONTROL,
    DECLINED,
    ENROLLED,
    FULL_DOSE,
    ODI_BASELINE,
    ODI_WEEK6,
    STRATEGIES,
    TELE,
    VAS_WEEK6,
    WEEKS,
    CourseModel,
    EventModel,
    Mechanism,
)
from odisea.simulate.population import TRAIT_FRAILTY, screen_units
from odisea.simulate.replicate import Cohort, begin, enrol, live_through, make_cohort, measure

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Part = TypeVar("Part", bound=tuple[NDArray[np.float64], ...])

BLOCK = 1024  # people who are simulated together
PIECES = 16  # parts whose sums are added in a fixed order, whatever the number of workers
DOMAIN = 1 << 60  # replicate numbers of calibration start here: a key space that no trial uses
# Improvements are multiples of 2 (ten items answered) and of 100/45 (nine): both are multiples of 2/9.
STEPS_PER_POINT = 4.5
N_CHANGES = 901
LIVE, DIARY, OPENED, DOSE, DOSE_SQUARED, DOSE_CHANGE, CHANGE, CHANGE_SQUARED = range(8)
GROUPS, GROUP_SQUARES, GROUP_SUM, GROUP_SUM_SQUARES = range(4)
COMPOSITE = STRATEGIES.index("composite")
NAN = float("nan")


class Tally(NamedTuple):
    """Sums over people; rows are the analysis rows. Arrays over exposure have control first, then the programme."""

    people: Floats  # (1,)
    shift: Floats  # (k,) taken off before squaring, against cancellation
    sums: Floats  # (2, k)
    products: Floats  # (2, k, k)
    effect: Floats  # (2, k) sums and sums of squares of programme minus control of each row
    shares: Floats  # (2, 4) probability of being lost first to each cause
    changes: Floats  # (2, 901) people by improvement from -100 to 100 in steps of 2/9
    changes_kept: Floats  # (2, 901) the same, weighted by the probability of being seen at week 6
    seen: Floats  # (2,) programme minus control where the loss under the programme puts control in its place: sum, sum of squares
    floor: Floats  # (3,) people with a score of 0: baseline, week 6 control, week 6 programme
    adherence: Floats  # (8,) live sessions, diary days, weeks with the platform opened, dose, its square; dose x ODI change, change, square
    group_size: Floats  # (1,) participants per live-session group
    groups: Floats  # (4,) whole live-session groups: number, sum of squared group sums, sum and sum of squares of week-6 ODI


def empty_tally(k: int) -> Tally:
    """Return a tally of nobody for k analysis rows."""
    return Tally(
        people=np.zeros(1),
        shift=np.zeros(k),
        sums=np.zeros((2, k)),
        products=np.zeros((2, k, k)),
        effect=np.zeros((2, k)),
        shares=np.zeros((2, len(CAUSES))),
        changes=np.zeros((2, N_CHANGES)),
        changes_kept=np.zeros((2, N_CHANGES)),
        seen=np.zeros(2),
        floor=np.zeros(3),
        adherence=np.zeros(8),
        group_size=np.zeros(1),
        groups=np.zeros(4),
    )


def as_answered(mechanism: Mechanism) -> Mechanism:
    """Return the mechanism in which everybody's score and covariates are there: calibration looks before any gap.

    The item on sex life stays blank where it is, as it moves the score; a second blank item would take the score away.
    """
    return mechanism._replace(
        measurement=mechanism.measurement._replace(blank_baseline=0.0, blank_follow_up=0.0, weekly_response=1.0),
        population=mechanism.population._replace(missing_share=0.0),
    )


@compiled
def tally_blocks(
    seed: int, first: int, last: int, mechanism: Mechanism, recipes: Recipes, cohort: Cohort, values: Floats, tally: Tally
) -> bool:
    """Add the people of blocks first to last - 1 to a tally; return whether enough candidates could be enrolled.

    Parameters
    ----------
    values : float64 (2, k, block)
        Work space: the analysis rows under control and under the programme.
    """
    n = cohort.units.size
    kept, after = np.empty(n), np.empty((2, n))
    for block in range(first, last):
        replicate = DOMAIN + block
        if not enrol(seed, replicate, mechanism, cohort):
            return False
        begin(seed, replicate, mechanism, cohort)
        covariate_score(mechanism.dropout, cohort.recorded, cohort.score)
        for exposure in range(2):
            cohort.exposed[:] = exposure
            live_through(seed, replicate, mechanism, AS_TREATED, cohort)
            measure(seed, replicate, mechanism, cohort)
            build_rows(cohort.recorded, recipes, values[exposure])
            add_losses(mechanism, cohort, tally.shares[exposure], kept)
            add_changes(cohort.recorded, kept, tally.changes[exposure], tally.changes_kept[exposure])
            after[exposure, :] = cohort.recorded[ODI_WEEK6]
        add_seen(after[TELE], after[CONTROL], kept, tally.seen)  # kept is still that of the programme, which came last
        add_floor(cohort.recorded[ODI_BASELINE], after[CONTROL], after[TELE], tally.floor)
        add_adherence(cohort, tally.adherence)
        add_groups(mechanism.course, after[TELE], tally.groups)
        add_moments(values, tally)  # last: it shifts the rows in place
        tally.people[0] += n
    return True


@compiled
def add_losses(mechanism: Mechanism, cohort: Cohort, shares: Floats, kept: Floats) -> None:
    """Add the exact probabilities of loss of the cohort under its exposure."""
    c = cohort
    frailty = c.traits[TRAIT_FRAILTY]
    add_loss_probabilities(mechanism.dropout, c.exposed, c.score, frailty, c.live, c.diary, c.actual, shares, kept)


@compiled
def add_moments(values: Floats, tally: Tally) -> None:
    """Add sums and sums of products of the rows, each less its shift, and of the differences between the arms."""
    for exposure in range(2):
        for row in range(values.shape[1]):
            series = values[exposure, row]
            for i in range(series.size):
                series[i] -= tally.shift[row]
            tally.sums[exposure, row] += series.sum()
            for other in range(row + 1):
                product = dot(series, values[exposure, other])
                tally.products[exposure, row, other] += product
                if other < row:
                    tally.products[exposure, other, row] += product
    for row in range(values.shape[1]):
        control, programme = values[CONTROL, row], values[TELE, row]
        total, squares = 0.0, 0.0
        for i in range(control.size):
            difference = programme[i] - control[i]
            total += difference
            squares += difference * difference
        tally.effect[0, row] += total
        tally.effect[1, row] += squares


@compiled
def dot(first: Floats, second: Floats) -> float:
    """Return the sum of products; four partial sums in a fixed order, so that every machine gives the same bits."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = first.size - first.size % 4
    for i in range(0, whole, 4):
        a += first[i] * second[i]
        b += first[i + 1] * second[i + 1]
        c += first[i + 2] * second[i + 2]
        d += first[i + 3] * second[i + 3]
    for i in range(whole, first.size):
        a += first[i] * second[i]
    return (a + b) + (c + d)


@compiled
def change_place(before: float, after: float) -> int:
    """Return the place of an improvement in the histogram; one between two places counts as the lower."""
    return int(np.floor((before - after + 100.0) * STEPS_PER_POINT + 1e-6))


@compiled
def add_changes(recorded: Floats, kept: Floats, changes: Floats, changes_kept: Floats) -> None:
    """Add people to the histograms of improvements."""
    before, after = recorded[ODI_BASELINE], recorded[ODI_WEEK6]
    for i in range(kept.size):
        place = change_place(before[i], after[i])
        changes[place] += 1.0
        changes_kept[place] += kept[i]


@compiled
def add_seen(programme: Floats, control: Floats, kept: Floats, seen: Floats) -> None:
    """Add what the programme does where its lost count as if in the control arm.

    Parameters
    ----------
    kept : float64 (n,)
        Probability of being seen at week 6 under the programme.
    """
    for i in range(programme.size):
        difference = kept[i] * (programme[i] - control[i])
        seen[0] += difference
        seen[1] += difference * difference


@compiled
def add_floor(before: Floats, control: Floats, programme: Floats, floor: Floats) -> None:
    """Count scores of 0."""
    for i in range(before.size):
        floor[0] += 1.0 if before[i] == 0.0 else 0.0
        floor[1] += 1.0 if control[i] == 0.0 else 0.0
        floor[2] += 1.0 if programme[i] == 0.0 else 0.0


@compiled
def add_adherence(cohort: Cohort, adherence: Floats) -> None:
    """Add what was taken up over the six weeks, and how it goes with the change of the ODI."""
    for week in range(WEEKS):
        adherence[LIVE] += cohort.live[week].sum()
        adherence[DIARY] += cohort.diary[week].sum()
        adherence[OPENED] += cohort.opened[week].sum()
    for i in range(cohort.units.size):
        dose = cohort.dose[WEEKS - 1, i]
        change = cohort.recorded[ODI_WEEK6, i] - cohort.recorded[ODI_BASELINE, i]
        adherence[DOSE] += dose
        adherence[DOSE_SQUARED] += dose * dose
        adherence[DOSE_CHANGE] += dose * change
        adherence[CHANGE] += change
        adherence[CHANGE_SQUARED] += change * change


@compiled
def add_groups(model: CourseModel, outcome: Floats, groups: Floats) -> None:
    """Add the whole live-session groups of a block in which everybody follows the programme; values less the latent mean."""
    size = model.group_size
    for group in range(outcome.size // size):
        total, squares = 0.0, 0.0
        for i in range(group * size, (group + 1) * size):
            value = outcome[i] - model.mean
            total += value
            squares += value * value
        groups[GROUPS] += 1.0
        groups[GROUP_SQUARES] += total * total
        groups[GROUP_SUM] += total
        groups[GROUP_SUM_SQUARES] += squares


def observe(seed: int, people: int, mechanism: Mechanism, recipes: Recipes, shift: Floats, workers: int) -> Tally | None:
    """Return the tally of at least `people` people (a whole number of blocks), or None when too few candidates are enrolled.

    Parameters
    ----------
    seed : int
        Key of the calibration cohort.
    shift : float64 (k,)
        Roughly the rows' means.
    workers : int
        Threads; the result does not depend on it.
    """
    k, model = recipes.kind.size, as_answered(mechanism)
    size = np.array([float(mechanism.course.group_size)])
    empty = empty_tally(k)._replace(shift=shift, group_size=size)

    def piece(first: int, last: int) -> Tally | None:
        tally = empty_tally(k)._replace(shift=shift)
        work = (make_cohort(BLOCK), np.empty((2, k, BLOCK)))
        return tally if tally_blocks(seed, first, last, model, recipes, *work, tally) else None

    parts = in_pieces(piece, people, workers)
    return None if parts is None else _add(empty, parts)


def in_pieces(piece: Callable[[int, int], Part | None], people: int, workers: int) -> list[Part] | None:
    """Return what a function of first and last block gives for every piece of the cohort, in order; None where one gives None."""
    blocks = -(-people // (BLOCK * PIECES)) * PIECES
    edges = np.linspace(0, blocks, PIECES + 1).astype(np.int64)
    spans = [(int(first), int(last)) for first, last in pairwise(edges)]
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda span: piece(*span), spans))
    done = [part for part in found if part is not None]
    return done if len(done) == len(found) else None


def _add(total: Tally, parts: list[Tally]) -> Tally:
    for part in parts:
        for name in Tally._fields:
            if name not in ("shift", "group_size"):
                getattr(total, name)[...] += getattr(part, name)
    return total


class TruthTally(NamedTuple):
    """Sums of what is true of people under several regimes."""

    people: Floats  # (1,)
    differences: Floats  # (4, 2) against control, sums and sums of squares: by strategy, completed, full dose, as treated if started
    pain: Floats  # (2,) VAS of week 6, programme minus control: sum and sum of squares
    started: Floats  # (2,) people who start if allocated to the programme, and who follow it to the end
    composite: Floats  # (2, 901) people by improvement, without those who have an event that counts as non-response
    events: Floats  # (2, 5) people with each event, and those who stop the programme
    screened: Floats  # (3,) candidates: enrolled, declined, not eligible
    recovered: Floats  # (2, 6) people whose latent recovery has begun by each week


def empty_truths() -> TruthTally:
    """Return the truths of nobody."""
    shapes = ((1,), (4, 2), (2,), (2,), (2, N_CHANGES), (2, 5), (3,), (2, WEEKS))
    return TruthTally(*(np.zeros(shape) for shape in shapes))


BY_STRATEGY_ROW, COMPLETED_ROW, FULL_DOSE_ROW, STARTED_ROW = range(4)


@compiled
def truth_blocks(seed: int, first: int, last: int, mechanism: Mechanism, threshold: float, cohort: Cohort, tally: TruthTally) -> bool:
    """Add the people of blocks first to last - 1 to the truths; return whether enough candidates could be enrolled.

    Parameters
    ----------
    threshold : float
        Latent disability of recovery: at or below it in two consecutive weeks.
    """
    n = cohort.units.size
    odi, pain, strategic = np.empty((2, n)), np.empty((2, n)), np.empty((2, n))
    for block in range(first, last):
        replicate = DOMAIN + block
        if not enrol(seed, replicate, mechanism, cohort):
            return False
        begin(seed, replicate, mechanism, cohort)
        for exposure in range(2):
            cohort.exposed[:] = exposure
            live_through(seed, replicate, mechanism, BY_STRATEGY, cohort)
            measure(seed, replicate, mechanism, cohort)
            strategic[exposure, :] = cohort.recorded[ODI_WEEK6]
            live_through(seed, replicate, mechanism, AS_TREATED, cohort)
            measure(seed, replicate, mechanism, cohort)
            odi[exposure, :] = cohort.recorded[ODI_WEEK6]
            pain[exposure, :] = cohort.recorded[VAS_WEEK6]
            add_composite(mechanism.events, cohort, tally.composite[exposure])
            add_events(cohort, tally.events[exposure])
            add_recovery(cohort.actual, threshold, tally.recovered[exposure])
        add_difference(strategic[TELE], strategic[CONTROL], tally.differences[BY_STRATEGY_ROW])
        add_difference(pain[TELE], pain[CONTROL], tally.pain)
        add_started(cohort, odi, tally)
        live_through(seed, replicate, mechanism, COMPLETED, cohort)
        measure(seed, replicate, mechanism, cohort)
        add_difference(cohort.recorded[ODI_WEEK6], odi[CONTROL], tally.differences[COMPLETED_ROW])
        live_through(seed, replicate, mechanism, FULL_DOSE, cohort)
        measure(seed, replicate, mechanism, cohort)
        add_difference(cohort.recorded[ODI_WEEK6], odi[CONTROL], tally.differences[FULL_DOSE_ROW])
        add_screened(seed, replicate, mechanism, tally.screened)
        tally.people[0] += n
    return True


@compiled
def add_screened(seed: int, replicate: int, mechanism: Mechanism, screened: Floats) -> None:
    """Count what screening finds of the first candidates of a block."""
    units, outcome = np.arange(BLOCK), np.empty(BLOCK, dtype=np.int64)
    screen_units(seed, replicate, mechanism.population, units, outcome)
    for i in range(outcome.size):
        screened[0 if outcome[i] == ENROLLED else 1 if outcome[i] == DECLINED else 2] += 1.0


@compiled
def add_difference(programme: Floats, control: Floats, sums: Floats) -> None:
    """Add differences and their squares to `sums` (2,)."""
    for i in range(programme.size):
        difference = programme[i] - control[i]
        sums[0] += difference
        sums[1] += difference * difference


@compiled
def add_started(cohort: Cohort, odi: Floats, tally: TruthTally) -> None:
    """Add those who start the programme when it is offered: the compliers, as controls cannot have it."""
    sums = tally.differences[STARTED_ROW]
    for i in range(cohort.units.size):
        if cohort.engaged[0, i] == 1.0:
            difference = odi[TELE, i] - odi[CONTROL, i]
            sums[0] += difference
            sums[1] += difference * difference
            tally.started[0] += 1.0
            tally.started[1] += cohort.engaged[WEEKS - 1, i]


@compiled
def add_composite(model: EventModel, cohort: Cohort, changes: Floats) -> None:
    """Add people to the histogram of improvements unless they had an event whose strategy is composite."""
    before, after = cohort.recorded[ODI_BASELINE], cohort.recorded[ODI_WEEK6]
    stopping = model.strategy[model.strategy.size - 1] == COMPOSITE
    for i in range(before.size):
        counts = not (stopping and cohort.exposed[i] == 1 and cohort.engaged[WEEKS - 1, i] == 0.0)
        for event in range(cohort.event_week.shape[0]):
            counts = counts and not (model.strategy[event] == COMPOSITE and cohort.event_week[event, i] >= 0)
        changes[change_place(before[i], after[i])] += 1.0 if counts else 0.0


@compiled
def add_events(cohort: Cohort, events: Floats) -> None:
    """Count people with each intercurrent event, and those of the programme arm who start and stop."""
    kinds = cohort.event_week.shape[0]
    for i in range(cohort.units.size):
        for event in range(kinds):
            events[event] += 1.0 if cohort.event_week[event, i] >= 0 else 0.0
        events[kinds] += cohort.engaged[0, i] - cohort.engaged[WEEKS - 1, i]


@compiled
def recovery_week(actual: Floats, i: int, threshold: float) -> int:
    """Return the first of two consecutive weeks (1 to 5) in which latent disability is at or below a threshold; 0 if there is none."""
    for week in range(1, WEEKS):
        if actual[week, i] <= threshold and actual[week + 1, i] <= threshold:
            return week
    return 0


@compiled
def add_recovery(actual: Floats, threshold: float, recovered: Floats) -> None:
    """Count people whose recovery has begun by the end of each week."""
    for i in range(actual.shape[1]):
        begun = recovery_week(actual, i, threshold)
        for week in range(WEEKS):
            recovered[week] += 1.0 if 0 < begun <= week + 1 else 0.0


def observe_truths(seed: int, people: int, mechanism: Mechanism, threshold: float, workers: int) -> TruthTally:
    """Return what is true of at least `people` people under every regime.

    Parameters
    ----------
    threshold : float
        ODI points of latent recovery.

    Raises
    ------
    RuntimeError
        Too few candidates are enrolled; `observe` finds that first.
    """
    model = as_answered(mechanism)

    def piece(first: int, last: int) -> TruthTally | None:
        tally = empty_truths()
        return tally if truth_blocks(seed, first, last, model, threshold, make_cohort(BLOCK), tally) else None

    parts = in_pieces(piece, people, workers)
    if parts is None:
        raise RuntimeError("too few candidates are enrolled")
    total = empty_truths()
    for part in parts:
        for name in TruthTally._fields:
            getattr(total, name)[...] += getattr(part, name)
    return total
