"""What a very large cohort shows on the observed scale: every person under both arms, before and after loss.

Both potential outcomes of a person share all draws, so the mean of their difference is the treatment-policy effect with
hardly any Monte Carlo error. Losses enter as exact probabilities given the person, not as draws.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled
from odisea.data.derive import Recipes, build_rows
from odisea.data.instruments import score_items_into
from odisea.simulate.dropout import add_loss_probabilities, covariate_score
from odisea.simulate.measurement import answer_items
from odisea.simulate.mechanism import CAUSES, CONTROL, ITEMS, ODI_BASELINE, ODI_WEEK6, TELE, WEEKS, Mechanism
from odisea.simulate.replicate import FOLLOW_UP_ITEMS, Cohort, enrol, live_through, make_cohort, measure

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 1024  # people who are simulated together
PIECES = 16  # parts whose sums are added in a fixed order, whatever the number of workers
DOMAIN = 1 << 60  # replicate numbers of calibration start here: a key space that no trial uses
GRID = 2.0  # a complete ODI moves in steps of two points
N_CHANGES = 101
LIVE, DIARY, LOGINS, DOSE, DOSE_SQUARED = range(5)


class Tally(NamedTuple):
    """Sums over people; rows of `sums` and `products` are the analysis rows, then week-6 ODI without the programme."""

    people: Floats  # (1,)
    shift: Floats  # (k,) taken off before squaring, against cancellation
    sums: Floats  # (k,)
    products: Floats  # (k, k)
    shares: Floats  # (2, 4) probability of being lost first to each cause, by exposure
    changes: Floats  # (2, 101) people by improvement from -100 to 100 in steps of 2
    changes_kept: Floats  # (2, 101) the same, weighted by the probability of being seen at week 6
    floor: Floats  # (3,) people with a score of 0: baseline, week 6 control, week 6 programme
    adherence: Floats  # (5,) live sessions, diary days, logins over six weeks, dose, dose squared


def empty_tally(n_rows: int) -> Tally:
    """Return a tally of nobody for n_rows analysis rows."""
    k = n_rows + 1
    return Tally(
        np.zeros(1),
        np.zeros(k),
        np.zeros(k),
        np.zeros((k, k)),
        np.zeros((2, len(CAUSES))),
        np.zeros((2, N_CHANGES)),
        np.zeros((2, N_CHANGES)),
        np.zeros(3),
        np.zeros(5),
    )


@compiled
def tally_blocks(
    seed: int, first: int, last: int, mechanism: Mechanism, recipes: Recipes, cohort: Cohort, values: Floats, tally: Tally
) -> bool:
    """Add the people of blocks first to last - 1 to a tally; return whether enough candidates were eligible.

    Parameters
    ----------
    values : float64 (k, block)
        Work space: the analysis rows and one more.
    """
    kept = np.empty((2, cohort.units.size))
    cohort.exposed[:] = 1
    nobody = np.zeros_like(cohort.exposed)
    for block in range(first, last):
        replicate = DOMAIN + block
        if not enrol(seed, replicate, mechanism, cohort):
            return False
        live_through(seed, replicate, mechanism, cohort)
        measure(seed, replicate, mechanism, cohort)
        build_rows(cohort.recorded, recipes, values[: values.shape[0] - 1])
        without = values[values.shape[0] - 1]
        answer_items(
            seed,
            replicate,
            FOLLOW_UP_ITEMS,
            mechanism.measurement,
            cohort.units,
            cohort.stable,
            cohort.untreated[WEEKS],
            cohort.items_week6,
        )
        score_items_into(cohort.items_week6, mechanism.measurement.item_max, ITEMS, cohort.scratch[0], without)
        covariate_score(mechanism.dropout, cohort.recorded, cohort.score)
        add_loss_probabilities(
            mechanism.dropout, nobody, cohort.score, cohort.live, cohort.diary, cohort.untreated, tally.shares[CONTROL], kept[CONTROL]
        )
        add_loss_probabilities(
            mechanism.dropout, cohort.exposed, cohort.score, cohort.live, cohort.diary, cohort.actual, tally.shares[TELE], kept[TELE]
        )
        add_changes(cohort.recorded[ODI_BASELINE], without, kept[CONTROL], tally.changes[CONTROL], tally.changes_kept[CONTROL])
        add_changes(cohort.recorded[ODI_BASELINE], cohort.recorded[ODI_WEEK6], kept[TELE], tally.changes[TELE], tally.changes_kept[TELE])
        add_floor(cohort.recorded[ODI_BASELINE], without, cohort.recorded[ODI_WEEK6], tally.floor)
        add_adherence(cohort, tally.adherence)
        add_moments(values, tally)  # last: it shifts the rows in place
        tally.people[0] += cohort.units.size
    return True


@compiled
def add_moments(values: Floats, tally: Tally) -> None:
    """Add sums and sums of products of the rows, each less its shift."""
    for row in range(values.shape[0]):
        series = values[row]
        for i in range(series.size):
            series[i] -= tally.shift[row]
        tally.sums[row] += series.sum()
        for other in range(row + 1):
            product = dot(series, values[other])
            tally.products[row, other] += product
            if other < row:
                tally.products[other, row] += product


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
def add_changes(before: Floats, after: Floats, kept: Floats, changes: Floats, changes_kept: Floats) -> None:
    """Add people to the histogram of improvements."""
    for i in range(before.size):
        place = np.int64(np.rint((before[i] - after[i] + 100.0) / GRID))
        changes[place] += 1.0
        changes_kept[place] += kept[i]


@compiled
def add_floor(before: Floats, control: Floats, programme: Floats, floor: Floats) -> None:
    """Count scores of 0."""
    for i in range(before.size):
        floor[0] += 1.0 if before[i] == 0.0 else 0.0
        floor[1] += 1.0 if control[i] == 0.0 else 0.0
        floor[2] += 1.0 if programme[i] == 0.0 else 0.0


@compiled
def add_adherence(cohort: Cohort, adherence: Floats) -> None:
    """Add what was taken up over the six weeks."""
    for week in range(WEEKS):
        adherence[LIVE] += cohort.live[week].sum()
        adherence[DIARY] += cohort.diary[week].sum()
        adherence[LOGINS] += cohort.logins[week].sum()
    for i in range(cohort.units.size):
        dose = cohort.dose[WEEKS - 1, i]
        adherence[DOSE] += dose
        adherence[DOSE_SQUARED] += dose * dose


def observe(seed: int, people: int, mechanism: Mechanism, recipes: Recipes, shift: Floats, workers: int) -> Tally | None:
    """Return the tally of at least `people` people (a whole number of blocks), or None when too few candidates are eligible.

    Parameters
    ----------
    seed : int
        Key of the calibration cohort.
    shift : float64 (k,)
        Roughly the rows' means.
    workers : int
        Threads; the result does not depend on it.
    """
    blocks = -(-people // (BLOCK * PIECES)) * PIECES
    edges = np.linspace(0, blocks, PIECES + 1).astype(np.int64)
    n_rows = recipes.kind.size

    def piece(index: int) -> Tally | None:
        tally = empty_tally(n_rows)._replace(shift=shift)
        work = (make_cohort(BLOCK), np.empty((n_rows + 1, BLOCK)))
        done = tally_blocks(seed, int(edges[index]), int(edges[index + 1]), mechanism, recipes, *work, tally)
        return tally if done else None

    parts = in_threads(piece, PIECES, workers)
    return None if any(part is None for part in parts) else _add(n_rows, shift, [part for part in parts if part is not None])


def in_threads(task: Callable[[int], Tally | None], count: int, workers: int) -> list[Tally | None]:
    """Return the results of tasks 0 to count - 1 in order."""
    if workers == 1:
        return [task(index) for index in range(count)]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(task, range(count)))


def _add(n_rows: int, shift: Floats, parts: list[Tally]) -> Tally:
    total = empty_tally(n_rows)._replace(shift=shift)
    for part in parts:
        for name in Tally._fields:
            if name != "shift":
                getattr(total, name)[...] += getattr(part, name)
    return total
