"""Who goes to which arm, participant after participant, by any of the usual methods.

All methods are written for two or more arms and any ratio in one way: an arm holds as many *tickets* as its part of the
ratio (2:1 is three tickets), a method balances the tickets as if each were an arm of its own, and the drawn ticket's arm
is the participant's. Tickets are exchangeable, so before the list is known every place goes to an arm with exactly the
chance that the ratio says; rules that weigh whole arms by the ratio lose this (Kuznetsova and Tymofyeyev, Stat Med
2012;31:701 and 2017;36:2483: mapping from equal allocation). Two arms in 1:1 have one ticket each, and every method is then
the published one. The arm of a participant follows from the key and from the factors of that participant and of those
before: a list is never changed by who comes later (unstratified blocks excepted, which the planned number shortens at the
end).

Sources: simple randomisation and permuted blocks: Rosenberger and Lachin, Randomization in Clinical Trials (2nd ed. 2016),
chapter 3. Urn: Wei, J Am Stat Assoc 1978;73:559. Biased coin: Efron, Biometrika 1971;58:403. Big stick: Soares and Wu,
Commun Stat Theory Methods 1983;12:2017. Minimisation: Pocock and Simon, Biometrics 1975;31:103; its chances under unequal
ratios: Han, Enas and McEntegart, Stat Med 2009;28:3329.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.allocation.blocks import DRAWS_PER_STRATUM, ORDER_DRAW, PURPOSE, arm_of_position, draw_block, permuted_blocks
from odisea.compiled import compiled
from odisea.streams import MAX_UNITS, uniform4

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LARGEST_BLOCK = 1_000
MAX_PLACES = MAX_UNITS - LARGEST_BLOCK  # of one stratum: the last block's draws have addresses too
MAX_STRATA = 2_000  # two draws each among the 4,096 minor indices; the rest is free for other uses
TIE = 1e-9  # relative difference below which two sums of weighted imbalances are the same number


class Method(IntEnum):
    """The methods; the numbers are part of every list's identity and are never re-used."""

    SIMPLE = 0
    PERMUTED_BLOCKS = 1
    URN = 2
    BIASED_COIN = 3
    BIG_STICK = 4
    MINIMISATION = 5


class Measure(IntEnum):
    """How minimisation measures the imbalance of a factor's level."""

    RANGE = 0
    VARIANCE = 1


# Compiled code compares with plain numbers.
PERMUTED_BLOCKS = int(Method.PERMUTED_BLOCKS)
URN = int(Method.URN)
BIASED_COIN = int(Method.BIASED_COIN)
BIG_STICK = int(Method.BIG_STICK)
MINIMISATION = int(Method.MINIMISATION)
RANGE = int(Measure.RANGE)


class Scheme(NamedTuple):
    """A randomisation plan as plain numbers for compiled code; made by `odisea.allocation.plan.scheme`.

    Parameters
    ----------
    method, measure : int
        `Method` and `Measure` as numbers.
    ratio : int64 (n_arms,)
        Tickets per arm, each at least 1, without a common divisor.
    sizes : int64 (n_sizes,)
        Block sizes, multiples of the sum of `ratio`; one entry also where the method has no blocks.
    bias : float
        Chance of the favoured arm (biased coin, minimisation) where that is the arm with the smallest part of the ratio;
        from that part's share to 1.
    limit : int
        Largest difference between the counts of two tickets that the big stick allows, at least 1.
    urn_start, urn_added : float
        Wei's urn: balls of each ticket at the start (0 or above), and balls added of every other ticket after a draw (above 0).
    strata : int64 (n_stratifying,)
        Rows of `factors` whose combinations are the strata; empty for one stratum.
    levels : int64 (n_factors,)
        Number of levels of each factor.
    weights : float64 (n_factors,)
        Weight of each factor in minimisation; 0 for a factor that it does not look at.
    """

    method: int
    ratio: Ints
    sizes: Ints
    bias: float
    limit: int
    urn_start: float
    urn_added: float
    strata: Ints
    levels: Ints
    weights: Floats
    measure: int


@compiled
def allocate(seed: int, replicate: int, scheme: Scheme, factors: Ints, out: Ints) -> None:
    """Write the arm of every participant, in order of enrolment, into `out`.

    Parameters
    ----------
    seed, replicate : int
        The key of the list.
    scheme : Scheme
        The method and its numbers.
    factors : int64 (n_factors, n), C-contiguous
        Level of each participant in each factor, 0 to `scheme.levels` - 1; unchecked. Shape (0, n) where there is none.
    out : int64 (n,)
        Receives arm indices; n at most `MAX_PLACES`.
    """
    if scheme.method == PERMUTED_BLOCKS and scheme.strata.size == 0:
        permuted_blocks(seed, replicate, scheme.sizes, scheme.ratio, out)  # the same list as by `by_blocks`, in a third of the time
    else:
        allocate_and_weigh(seed, replicate, scheme, factors, out, np.empty(out.size))


@compiled
def allocate_and_weigh(seed: int, replicate: int, scheme: Scheme, factors: Ints, out: Ints, best: Floats) -> None:
    """Do what `allocate` does, and write how sure each allocation was.

    Parameters
    ----------
    best : float64 (n,)
        Receives the chance of the likeliest arm, given all that happened before and, for blocks, the size of the block.
    """
    if scheme.method == PERMUTED_BLOCKS:
        by_blocks(seed, replicate, scheme, factors, out, best)
    elif scheme.method == MINIMISATION:
        by_margins(seed, replicate, scheme, factors, out, best)
    else:
        by_counts(seed, replicate, scheme, factors, out, best)


@compiled
def number_of_strata(scheme: Scheme) -> int:
    """Return the number of strata: all combinations of the stratifying factors' levels, 1 without such factors."""
    strata = 1
    for row in scheme.strata:
        strata *= scheme.levels[row]
    return strata


@compiled
def stratum_of(scheme: Scheme, factors: Ints, participant: int) -> int:
    """Return the index of a participant's stratum; the last stratifying factor's level changes fastest."""
    stratum = 0
    for row in scheme.strata:
        stratum = stratum * scheme.levels[row] + factors[row, participant]
    return stratum


@compiled
def by_blocks(seed: int, replicate: int, scheme: Scheme, factors: Ints, out: Ints, best: Floats) -> None:
    """Allocate by permuted blocks, a sequence of its own in every stratum.

    One sequence without strata ends with the list and its last block is shortened; a stratum's sequence has no end that
    could be known before the last participant has come.
    """
    strata = number_of_strata(scheme)
    blocks = np.empty((strata, scheme.sizes.max()), dtype=np.int64)
    place, start, size = np.zeros(strata, dtype=np.int64), np.zeros(strata, dtype=np.int64), np.zeros(strata, dtype=np.int64)
    for k in range(out.size):
        s = stratum_of(scheme, factors, k)
        if place[s] == start[s] + size[s]:
            start[s] = place[s]
            left = out.size - k if scheme.strata.size == 0 else MAX_UNITS
            size[s] = draw_block(seed, replicate, s, start[s], left, scheme.sizes, scheme.ratio, blocks[s])
        rest = blocks[s, place[s] - start[s] : size[s]]
        out[k] = rest[0]
        best[k] = commonest_share(rest, scheme.ratio.size)
        place[s] += 1


@compiled
def commonest_share(arms: Ints, n_arms: int) -> float:
    """Return the share of the arm that stands most often in a part of a block."""
    counts = np.zeros(n_arms, dtype=np.int64)
    for arm in arms:
        counts[arm] += 1
    return float(counts.max() / arms.size)


@compiled
def by_counts(seed: int, replicate: int, scheme: Scheme, factors: Ints, out: Ints, best: Floats) -> None:
    """Allocate by a method that looks only at how many of each ticket the stratum has given out."""
    tickets = scheme.ratio.sum()
    counts = np.zeros((number_of_strata(scheme), tickets), dtype=np.int64)
    chances = np.empty(tickets)
    for k in range(out.size):
        s = stratum_of(scheme, factors, k)
        given = counts[s]
        weigh_counts(scheme, given, chances)
        ticket = draw_ticket(seed, replicate, s, given.sum(), chances)
        given[ticket] += 1
        out[k] = arm_of_position(ticket, scheme.ratio)
        best[k] = likeliest_arm(chances, scheme.ratio)


@compiled
def weigh_counts(scheme: Scheme, given: Ints, chances: Floats) -> None:
    """Write the chance of every ticket, given how many of each the stratum has given out."""
    if scheme.method == URN:
        weigh_urn(scheme.urn_start, scheme.urn_added, given, chances)
    elif scheme.method == BIASED_COIN:
        favour_smallest(given.astype(np.float64), following(scheme), chances)
    elif scheme.method == BIG_STICK:
        weigh_big_stick(scheme.limit, given, chances)
    else:
        chances[:] = 1.0 / chances.size


@compiled
def weigh_urn(start: float, added: float, given: Ints, chances: Floats) -> None:
    """Write the shares of balls in Wei's urn: `start` of each ticket, and `added` of every other ticket after each draw."""
    drawn = given.sum()
    balls = given.size * start + added * (given.size - 1) * drawn
    for ticket in range(given.size):
        chances[ticket] = (start + added * (drawn - given[ticket])) / balls if balls > 0.0 else 1.0 / given.size


@compiled
def weigh_big_stick(limit: int, given: Ints, chances: Floats) -> None:
    """Write equal chances for all tickets that are less than `limit` ahead of the rarest, and 0 for the others."""
    is_open = given - given.min() < limit
    share = 1.0 / is_open.sum()
    for ticket in range(given.size):
        chances[ticket] = share if is_open[ticket] else 0.0


@compiled
def following(scheme: Scheme) -> float:
    """Return the probability with which the favoured tickets are followed; otherwise the draw is a simple one.

    A favoured arm with share r of the tickets then has the chance f + (1 - f) r, which is `bias` for the smallest share;
    in the long run each arm is favoured as often as the ratio says, and the ratio is kept (Han and others 2009).
    """
    smallest = scheme.ratio.min() / scheme.ratio.sum()
    return float((scheme.bias - smallest) / (1.0 - smallest))


@compiled
def favour_smallest(scores: Floats, follow: float, chances: Floats) -> None:
    """Write chances: with probability `follow` one of the tickets with the smallest score, otherwise any ticket."""
    smallest = scores.min()
    favoured = scores <= smallest + TIE * np.abs(smallest)
    share = follow / favoured.sum()
    for ticket in range(scores.size):
        chances[ticket] = (1.0 - follow) / scores.size + (share if favoured[ticket] else 0.0)


@compiled
def by_margins(seed: int, replicate: int, scheme: Scheme, factors: Ints, out: Ints, best: Floats) -> None:
    """Allocate by minimisation: favour the tickets that leave the participant's levels least out of balance."""
    tickets = scheme.ratio.sum()
    margins = np.zeros((scheme.levels.size, scheme.levels.max(), tickets), dtype=np.int64)
    scores, chances = np.empty(tickets), np.empty(tickets)
    follow = following(scheme)
    for k in range(out.size):
        for ticket in range(tickets):
            scores[ticket] = imbalance_after(scheme, margins, factors, k, ticket)
        favour_smallest(scores, follow, chances)
        ticket = draw_ticket(seed, replicate, 0, k, chances)
        for row in range(factors.shape[0]):
            margins[row, factors[row, k], ticket] += 1
        out[k] = arm_of_position(ticket, scheme.ratio)
        best[k] = likeliest_arm(chances, scheme.ratio)


@compiled
def imbalance_after(scheme: Scheme, margins: Ints, factors: Ints, participant: int, ticket: int) -> float:
    """Return the weighted sum of the imbalances at the participant's levels if this ticket were given.

    Parameters
    ----------
    margins : int64 (n_factors, most levels, n_tickets)
        Tickets given so far at each level of each factor.
    """
    total = 0.0
    for row in range(scheme.weights.size):
        if scheme.weights[row] > 0.0:
            given = margins[row, factors[row, participant]]
            given[ticket] += 1
            total += scheme.weights[row] * spread(scheme.measure, given)
            given[ticket] -= 1
    return total


@compiled
def spread(measure: int, given: Ints) -> float:
    """Return the range of the counts, or their variance (denominator one less than their number)."""
    if measure == RANGE:
        return float(given.max() - given.min())
    # Whole numbers until the division: equal spreads are equal numbers.
    n = given.size
    return float((n * (given * given).sum() - given.sum() ** 2) / (n * (n - 1)))


@compiled
def draw_ticket(seed: int, replicate: int, stratum: int, place: int, chances: Floats) -> int:
    """Return a ticket drawn by its chance; one draw per place of a stratum's sequence."""
    u, _, _, _ = uniform4(seed, replicate, PURPOSE, place, DRAWS_PER_STRATUM * stratum + ORDER_DRAW)
    passed, last = 0.0, 0
    for ticket in range(chances.size):
        if chances[ticket] > 0.0:
            passed += chances[ticket]
            last = ticket
            if u < passed:
                return ticket
    return last  # the chances' sum can fall short of 1 by rounding


@compiled
def likeliest_arm(chances: Floats, ratio: Ints) -> float:
    """Return the chance of the likeliest arm, each arm's chance being the sum over its tickets."""
    largest, ticket = 0.0, 0
    for arm in range(ratio.size):
        chance = chances[ticket : ticket + ratio[arm]].sum()
        ticket += ratio[arm]
        largest = max(largest, chance)
    return largest
