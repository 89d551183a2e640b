"""How well a recruiter who sees the earlier allocations can guess the next one, and how far out of balance the arms run.

The two pull against each other: what keeps the arms in balance makes the next allocation guessable, and who can guess it
can choose whom to enrol. Two guessers are scored. The *convergence* guesser (Blackwell and Hodges, Ann Math Stat
1957;28:449) knows the ratio only and names the arm that is furthest behind it. The *informed* guesser also knows the method
with its numbers, every participant's factors and, of a block, its size - everything but the seed - and names the likeliest
arm; no other guess is right more often. An allocation is *forced* when the informed guesser is certain.
For complete blocks of one known size both are the same guesser and the rates are exact (`known_block`); for every method
they are means over simulated lists with their Monte Carlo standard error (`predictability`).
"""

from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.allocation.blocks import DRAWS_PER_STRATUM, PURPOSE
from odisea.allocation.methods import MAX_PLACES, MAX_STRATA, Scheme, allocate_and_weigh, number_of_strata, stratum_of
from odisea.compiled import compiled
from odisea.errors import Problem, ProtocolError
from odisea.streams import uniform4

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVEL_DRAW = DRAWS_PER_STRATUM * MAX_STRATA  # first minor index that no stratum uses; one per factor from here
CERTAIN = 1.0 - 1e-9
SHARE_TOLERANCE = 1e-9
MEASURES = 6


class Rate(NamedTuple):
    """A mean over simulated lists and its Monte Carlo standard error."""

    value: float
    mcse: float


class Predictability(NamedTuple):
    """What `predictability` finds.

    Parameters
    ----------
    convergence_guess, informed_guess : Rate
        Expected share of right guesses.
    forced : Rate
        Share of allocations that were certain.
    largest_imbalance : Rate
        Largest imbalance of the whole trial at any time: most minus fewest participants per part of the ratio. In 1:1 the
        difference of the arms' numbers.
    final_imbalance : Rate
        The same at the end.
    level_imbalance : Rate or None
        The largest at the end within one level of a factor; None where the scheme has no factors.
    """

    convergence_guess: Rate
    informed_guess: Rate
    forced: Rate
    largest_imbalance: Rate
    final_imbalance: Rate
    level_imbalance: Rate | None


class KnownBlock(NamedTuple):
    """Exact rates of one complete block of known size.

    Parameters
    ----------
    right : Fraction
        Expected share of right guesses.
    forced : Fraction
        Expected share of places that are certain.
    """

    right: Fraction
    forced: Fraction


def known_block(size: int, ratio: tuple[int, ...] = (1, 1)) -> KnownBlock:
    """Return how much of one complete block can be guessed by who knows its size, exactly.

    In 1:1 this is 1/2 + (4**m / C(2m, m) - 1) / (4m) for a block of 2m (Blackwell and Hodges 1957): 75.0, 70.8, 68.3, 66.6 %
    for 2, 4, 6, 8; the share of certain places is 1 / (m + 1).

    Parameters
    ----------
    size : int
        A multiple of the sum of `ratio`.

    Raises
    ------
    ValueError
        The size is not such a multiple.
    """
    if size < 1 or size % sum(ratio):
        raise ValueError(f"the block size is {size}; it must be a multiple of {sum(ratio)}")
    rest = tuple(sorted(part * (size // sum(ratio)) for part in ratio))
    right, forced = _rest_of_block(rest)
    return KnownBlock(right / size, forced / size)


@cache
def _rest_of_block(rest: tuple[int, ...]) -> tuple[Fraction, Fraction]:
    """Return the expected numbers of right guesses and of certain places among the places that are left, per arm, sorted."""
    places = sum(rest)
    if places == 0:
        return Fraction(0), Fraction(0)
    right, forced = Fraction(rest[-1], places), Fraction(int(rest[-1] == places))
    for arm, left in enumerate(rest):
        if left:
            later = _rest_of_block(tuple(sorted((*rest[:arm], left - 1, *rest[arm + 1 :]))))
            right, forced = right + Fraction(left, places) * later[0], forced + Fraction(left, places) * later[1]
    return right, forced


def predictability(
    scheme: Scheme, n: int, lists: int, seed: int, shares: tuple[tuple[float, ...], ...] | None = None, where: str = "randomisation"
) -> Predictability:
    """Return how guessable and how balanced a scheme's lists are, by simulation.

    Parameters
    ----------
    scheme : Scheme
        The method and its numbers.
    n : int
        Participants per list, 1 to `MAX_PLACES`.
    lists : int
        Simulated lists, at least 2; list r is the one of `seed` and replicate r.
    seed : int
        Key of the lists and of the participants' factor levels.
    shares : tuple of tuple of float
        Share of participants at each level of each factor, factors independent; left out: equal shares.
    where : str
        What the scheme belongs to, for messages.

    Raises
    ------
    ProtocolError
        A size or a share that cannot be; every problem at once.
    """
    shares = shares or tuple((1.0 / levels,) * int(levels) for levels in scheme.levels)
    problems = [*_size_problems(n, lists, where), *_share_problems(scheme, shares, where)]
    if problems:
        raise ProtocolError(problems)
    table = np.empty((MEASURES, lists))
    survey(seed, scheme, _passed_shares(scheme, shares), n, table)
    right, informed, forced, largest, final, level = (Rate(float(row.mean()), float(row.std(ddof=1) / np.sqrt(lists))) for row in table)
    return Predictability(right, informed, forced, largest, final, level if scheme.levels.size else None)


def _size_problems(n: int, lists: int, where: str) -> list[Problem]:
    problems = []
    if not 1 <= n <= MAX_PLACES:
        problems.append(Problem(where, f"the number of participants is {n}", f"from 1 to {MAX_PLACES:,}"))
    if lists < 2:
        problems.append(Problem(where, f"the number of simulated lists is {lists}", "at least 2, for a standard error"))
    return problems


def _share_problems(scheme: Scheme, shares: tuple[tuple[float, ...], ...], where: str) -> list[Problem]:
    if len(shares) != scheme.levels.size:
        return [Problem(where, f"there are shares for {len(shares)} factors", f"one row for each of the {scheme.levels.size} factors")]
    return [
        Problem(where, f"the shares of factor {row + 1} are {', '.join(f'{share:g}' for share in each)}", f"{levels} shares that sum to 1")
        for row, (each, levels) in enumerate(zip(shares, scheme.levels, strict=True))
        if len(each) != levels or min(each, default=0.0) < 0.0 or abs(sum(each) - 1.0) > SHARE_TOLERANCE
    ]


def _passed_shares(scheme: Scheme, shares: tuple[tuple[float, ...], ...]) -> Floats:
    """Return the share of participants at or below each level, one row per factor; 1 from the last level on."""
    passed = np.ones((len(shares), int(scheme.levels.max(initial=1))))
    for row, each in enumerate(shares):
        passed[row, : len(each) - 1] = np.cumsum(each)[:-1]
    return passed


@compiled
def survey(seed: int, scheme: Scheme, passed: Floats, n: int, table: Floats) -> None:
    """Draw one list per column and write its measures, in the order of `Predictability`, into the rows."""
    factors = np.empty((scheme.levels.size, n), dtype=np.int64)
    out, best = np.empty(n, dtype=np.int64), np.empty(n)
    for r in range(table.shape[1]):
        draw_levels(seed, r, passed, factors)
        allocate_and_weigh(seed, r, scheme, factors, out, best)
        table[0, r] = converging(scheme, factors, out)
        table[1, r] = best.mean()
        table[2, r] = (best >= CERTAIN).mean()
        table[3, r], table[4, r] = running_imbalance(scheme.ratio, out)
        table[5, r] = level_imbalance(scheme, factors, out)


@compiled
def draw_levels(seed: int, replicate: int, passed: Floats, factors: Ints) -> None:
    """Draw every participant's level of every factor, independently."""
    for row in range(factors.shape[0]):
        for k in range(factors.shape[1]):
            u, _, _, _ = uniform4(seed, replicate, PURPOSE, k, LEVEL_DRAW + row)
            factors[row, k] = np.searchsorted(passed[row], u)


@compiled
def converging(scheme: Scheme, factors: Ints, out: Ints) -> float:
    """Return the convergence guesser's expected share of right guesses in one list.

    The guesser keeps a count per stratum. Among arms that are equally far behind, the likelier one by the ratio is named;
    where that leaves several, one of them at random, so a right guess scores one over their number.
    """
    arms, parts = scheme.ratio.size, scheme.ratio.sum()
    counts = np.zeros((number_of_strata(scheme), arms), dtype=np.int64)
    right = 0.0
    for k in range(out.size):
        given = counts[stratum_of(scheme, factors, k)]
        # Places behind the ratio, in units that keep it whole; the ratio itself decides ties.
        behind = (scheme.ratio * given.sum() - parts * given) * (parts + 1) + scheme.ratio
        named = behind == behind.max()
        if named[out[k]]:
            right += 1.0 / named.sum()
        given[out[k]] += 1
    return right / out.size


@compiled
def running_imbalance(ratio: Ints, out: Ints) -> tuple[float, float]:
    """Return the largest imbalance at any time, and the one at the end."""
    counts = np.zeros(ratio.size, dtype=np.int64)
    largest, now = 0.0, 0.0
    for arm in out:
        counts[arm] += 1
        now = imbalance(counts, ratio)
        largest = max(largest, now)
    return largest, now


@compiled
def imbalance(counts: Ints, ratio: Ints) -> float:
    """Return the most minus the fewest participants per part of the ratio."""
    return float((counts / ratio).max() - (counts / ratio).min())


@compiled
def level_imbalance(scheme: Scheme, factors: Ints, out: Ints) -> float:
    """Return the largest imbalance at the end within one level of a factor; 0 without factors."""
    largest = 0.0
    for row in range(factors.shape[0]):
        counts = np.zeros((scheme.levels[row], scheme.ratio.size), dtype=np.int64)
        for k in range(out.size):
            counts[factors[row, k], out[k]] += 1
        for level in range(scheme.levels[row]):
            largest = max(largest, imbalance(counts[level], scheme.ratio))
    return largest
