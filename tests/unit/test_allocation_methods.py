"""The randomisation methods: a slow twin, exact chances of whole sequences, published properties, any ratio, strata; and the plan.

Seeded; a correct method with fresh seeds would fail one comparison here with probability ALARM = 1e-8 (chi-square).
"""

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import special, stats

from odisea.allocation.blocks import ORDER_DRAW, PURPOSE, SIZE_DRAW, permuted_blocks
from odisea.allocation.methods import (
    MAX_STRATA,
    Measure,
    Method,
    Scheme,
    allocate,
    allocate_and_weigh,
    imbalance_after,
    number_of_strata,
    stratum_of,
)
from odisea.allocation.plan import Factor, RandomisationPlan, level_of, scheme
from odisea.compiled import compiled
from odisea.errors import ProtocolError
from odisea.protocol.load import parse_yaml
from odisea.streams import MAX_MINOR, Purpose
from tests.twins.philox import uniforms_at

Ints = NDArray[np.int64]
Ratio = tuple[int, ...]

ALARM = 1e-8
RATIOS: tuple[Ratio, ...] = ((1, 1), (2, 1), (1, 1, 1), (3, 2, 1))
FACTORS: dict[str, Any] = {
    "sex": {"column": "sex", "levels": ("female", "male")},
    "odi_band": {"column": "odi_total", "levels": ("low", "middle", "high"), "cuts": (20.0, 40.0)},
}
STRATIFIED: dict[str, Any] = {"stratify_by": ("sex", "odi_band"), "factors": FACTORS}
OVER: dict[str, Any] = {"minimise_over": ({"factor": "sex"}, {"factor": "odi_band", "weight": 0.3}), "factors": FACTORS}
PLANS: dict[str, dict[str, Any]] = {
    "simple": {},
    "permuted_blocks": {},
    "urn": {"urn_start": 1.0, "urn_added": 2.0},
    "biased_coin": {"bias": 0.7},
    "big_stick": {"limit": 2},
    "minimisation": OVER,
}
STRATIFIABLE = [method for method in PLANS if method != "minimisation"]


def made(method: str, ratio: Ratio = (1, 1), **given: Any) -> Scheme:
    sizes = {"block_sizes": (2 * sum(ratio), 4 * sum(ratio))} if method == "permuted_blocks" else {}
    return scheme(RandomisationPlan.model_validate({"method": method, **sizes, **PLANS[method], **given}), ratio)


def no_factors(n: int) -> Ints:
    return np.zeros((0, n), dtype=np.int64)


def some_factors(plan: Scheme, n: int, seed: int = 1) -> Ints:
    """Levels of n participants, unequally frequent."""
    draws = np.random.default_rng(seed).random((plan.levels.size, n))
    return np.array((draws**1.3 * plan.levels[:, None]), dtype=np.int64)


def allocated(plan: Scheme, factors: Ints, seed: int = 5, replicate: int = 0) -> list[int]:
    out = np.full(factors.shape[1], -1, dtype=np.int64)
    allocate(seed, replicate, plan, factors, out)
    return [int(arm) for arm in out]


@compiled
def many_lists(seed: int, plan: Scheme, factors: Ints, out: Ints) -> None:
    for replicate in range(out.shape[0]):
        allocate(seed, replicate, plan, factors, out[replicate])


def lists(count: int, plan: Scheme, factors: Ints, seed: int = 5) -> Ints:
    out = np.empty((count, factors.shape[1]), dtype=np.int64)
    many_lists(seed, plan, factors, out)
    return out


# ---------------------------------------------------------------- the slow twin: tickets as a list of labels, exact fractions


def twin_tickets(ratio: Ratio) -> list[int]:
    return [arm for arm, part in enumerate(ratio) for _ in range(part)]


def twin_pick(weights: list[Fraction], u: float) -> int:
    """The first ticket at which the weights' running sum passes u."""
    total = sum(weights)
    passed = Fraction(0)
    for ticket, weight in enumerate(weights):
        passed += weight / total
        if u < passed:
            return ticket
    raise AssertionError


def twin_follow(scores: list[Fraction], bias: float, ratio: Ratio) -> list[Fraction]:
    """Solve share + f (1 - share) = bias for the smallest share, then mix the favoured tickets with all tickets."""
    share = Fraction(min(ratio), sum(ratio))
    follow = (Fraction(bias) - share) / (1 - share)
    favoured = [score == min(scores) for score in scores]
    return [follow * is_favoured / sum(favoured) + (1 - follow) / len(scores) for is_favoured in favoured]


def twin_weights(plan: Scheme, ratio: Ratio, given: list[int]) -> list[Fraction]:
    drawn = len(given)
    counts = [given.count(ticket) for ticket in range(sum(ratio))]
    if plan.method == Method.URN:
        balls = [Fraction(plan.urn_start) + Fraction(plan.urn_added) * (drawn - count) for count in counts]
        return balls if sum(balls) else [Fraction(1)] * len(counts)
    if plan.method == Method.BIASED_COIN:
        return twin_follow([Fraction(count) for count in counts], plan.bias, ratio)
    if plan.method == Method.BIG_STICK:
        return [Fraction(count - min(counts) < plan.limit) for count in counts]
    return [Fraction(1)] * len(counts)


def twin_spread(plan: Scheme, counts: list[int]) -> Fraction:
    if plan.measure == Measure.RANGE:
        return Fraction(max(counts) - min(counts))
    mean = Fraction(sum(counts), len(counts))
    return sum(((count - mean) ** 2 for count in counts), Fraction(0)) / (len(counts) - 1)


def twin_scores(plan: Scheme, ratio: Ratio, people: list[tuple[int, ...]], given: list[int]) -> list[Fraction]:
    """For every ticket: what the new participant's levels would look like if it were given."""
    new = people[len(given)]
    scores = []
    for candidate in range(sum(ratio)):
        score = Fraction(0)
        for factor, weight in enumerate(plan.weights):
            alike = [ticket for person, ticket in zip(people, given, strict=False) if person[factor] == new[factor]] + [candidate]
            score += Fraction(str(weight)) * twin_spread(plan, [alike.count(ticket) for ticket in range(sum(ratio))])
        scores.append(score)
    return scores


def twin_block(plan: Scheme, ratio: Ratio, key: tuple[int, int], stratum: int, start: int) -> list[int]:
    """A whole block: the size by one draw, the order by Fisher and Yates from the end."""
    sizes = [int(size) for size in plan.sizes]
    size = sizes[int(uniforms_at(*key, PURPOSE, start, 2 * stratum + SIZE_DRAW)[0] * len(sizes))]
    block = twin_tickets(ratio) * (size // sum(ratio))
    for last in reversed(range(1, size)):
        other = int(uniforms_at(*key, PURPOSE, start + last, 2 * stratum + ORDER_DRAW)[0] * (last + 1))
        block[last], block[other] = block[other], block[last]
    return block


def twin_ticket(plan: Scheme, ratio: Ratio, people: list[tuple[int, ...]], given: list[int], u: float) -> int:
    if plan.method == Method.MINIMISATION:
        return twin_pick(twin_follow(twin_scores(plan, ratio, people, given), plan.bias, ratio), u)
    return twin_pick(twin_weights(plan, ratio, given), u)


def twin_allocate(plan: Scheme, ratio: Ratio, factors: Ints, key: tuple[int, int]) -> list[int]:
    people = [tuple(person) for person in factors.T.tolist()]
    strata = list(product(*(range(plan.levels[row]) for row in plan.strata)))
    given: list[list[int]] = [[] for _ in strata]
    waiting: list[list[int]] = [[] for _ in strata]  # what is left of each stratum's block
    arms = []
    for person in people:
        s = strata.index(tuple(person[row] for row in plan.strata))
        place = len(given[s])
        if plan.method == Method.PERMUTED_BLOCKS:
            waiting[s] = waiting[s] or twin_block(plan, ratio, key, s, place)
            given[s].append(waiting[s].pop(0))
            arms.append(given[s][-1])
        else:
            given[s].append(twin_ticket(plan, ratio, people, given[s], uniforms_at(*key, PURPOSE, place, 2 * s + ORDER_DRAW)[0]))
            arms.append(twin_tickets(ratio)[given[s][-1]])
    return arms


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("method", STRATIFIABLE)
def test_stratified_lists_are_those_of_the_slow_twin(method: str, ratio: Ratio) -> None:
    plan = made(method, ratio, **STRATIFIED)
    for replicate in range(3):
        factors = some_factors(plan, 60, replicate)
        assert allocated(plan, factors, 11, replicate) == twin_allocate(plan, ratio, factors, (11, replicate))


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("method", [method for method in STRATIFIABLE if method != "permuted_blocks"])
def test_lists_without_strata_are_those_of_the_slow_twin(method: str, ratio: Ratio) -> None:
    plan = made(method, ratio)
    for replicate in range(3):
        assert allocated(plan, no_factors(40), 11, replicate) == twin_allocate(plan, ratio, no_factors(40), (11, replicate))


@pytest.mark.parametrize("measure", ["range", "variance"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_minimised_lists_are_those_of_the_slow_twin(ratio: Ratio, measure: str) -> None:
    plan = made("minimisation", ratio, measure=measure)
    for replicate in range(3):
        factors = some_factors(plan, 40, replicate)
        assert allocated(plan, factors, 11, replicate) == twin_allocate(plan, ratio, factors, (11, replicate))


@pytest.mark.parametrize(("ratio", "n"), [((1, 1), 200), ((1, 1), 199), ((2, 1), 100), ((3, 2, 1), 61)])
def test_blocks_without_strata_are_the_lists_of_permuted_blocks(ratio: Ratio, n: int) -> None:
    plan = made("permuted_blocks", ratio)
    expected, weighed, best = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty(n)
    for replicate in range(20):
        permuted_blocks(5, replicate, plan.sizes, plan.ratio, expected)
        allocate_and_weigh(5, replicate, plan, no_factors(n), weighed, best)
        assert allocated(plan, no_factors(n), 5, replicate) == expected.tolist() == weighed.tolist()


def test_the_first_stratum_takes_the_draws_of_the_unstratified_list() -> None:
    plan = made("permuted_blocks", **STRATIFIED)
    whole = made("permuted_blocks")
    first = np.zeros((2, 200), dtype=np.int64)
    # The list without strata is shortened only in its last block, of 8 at most.
    assert allocated(plan, first)[:192] == allocated(whole, no_factors(200))[:192]


GOLDEN = {
    "simple": "1001111010010110011100100111000100001010",
    "permuted_blocks": "0010100111010110111010011001001010011011",
    "urn": "1001101010100111011100100101000100001110",
    "biased_coin": "1001101010100110011100110101100110001110",
    "big_stick": "1001111000010110011000010111000111001010",
    "minimisation": "1101000011101000101111000100011110111000",
}


@pytest.mark.parametrize("method", GOLDEN)
def test_lists_never_change_from_version_to_version(method: str) -> None:
    plan = made(method, (1, 1), **({} if method == "minimisation" else STRATIFIED))
    factors = np.array([[0, 1, 1, 0, 1, 0, 0, 1] * 5, [0, 1, 2, 2, 1, 0, 1, 0] * 5])
    assert "".join(map(str, allocated(plan, factors, seed=20_260_101))) == GOLDEN[method]


# ---------------------------------------------------------------- exact chances of whole sequences


def coin(d: int, p: Fraction) -> Fraction:
    """Chance of arm 0 when it is d ahead: Efron (1971)."""
    return Fraction(1, 2) if d == 0 else 1 - p if d > 0 else p


def stick(d: int, limit: int) -> Fraction:
    """Soares and Wu (1983)."""
    return Fraction(1, 2) if abs(d) < limit else Fraction(int(d < 0))


def wei(counts: list[int], arm: int, start: int, added: int) -> Fraction:
    """Wei (1978) for any number of arms in equal shares."""
    k, n = len(counts), sum(counts)
    return Fraction(1, k) if n == start == 0 else Fraction(start + added * (n - counts[arm]), k * start + added * (k - 1) * n)


def two_arms(rule: Callable[[int], Fraction]) -> Callable[[list[int], int], Fraction]:
    def chance(counts: list[int], arm: int) -> Fraction:
        first = rule(counts[0] - counts[1])
        return first if arm == 0 else 1 - first

    return chance


SEQUENCES: list[tuple[str, dict[str, Any], int, int, Callable[[list[int], int], Fraction]]] = [
    ("simple", {}, 2, 6, lambda counts, arm: Fraction(1, 2)),
    ("biased_coin", {"bias": 2 / 3}, 2, 6, two_arms(lambda d: coin(d, Fraction(2, 3)))),
    ("biased_coin", {"bias": 0.9}, 2, 6, two_arms(lambda d: coin(d, Fraction(9, 10)))),
    ("big_stick", {"limit": 2}, 2, 7, two_arms(lambda d: stick(d, 2))),
    ("big_stick", {"limit": 1}, 2, 6, two_arms(lambda d: stick(d, 1))),
    ("urn", {"urn_start": 0.0, "urn_added": 1.0}, 2, 6, lambda counts, arm: wei(counts, arm, 0, 1)),
    ("urn", {"urn_start": 1.0, "urn_added": 3.0}, 2, 6, lambda counts, arm: wei(counts, arm, 1, 3)),
    ("urn", {"urn_start": 0.0, "urn_added": 1.0}, 3, 4, lambda counts, arm: wei(counts, arm, 0, 1)),
    ("urn", {"urn_start": 2.0, "urn_added": 1.0}, 3, 4, lambda counts, arm: wei(counts, arm, 2, 1)),
]


@pytest.mark.parametrize(("method", "given", "arms", "n", "rule"), SEQUENCES)
def test_every_sequence_has_its_published_chance(
    method: str, given: dict[str, Any], arms: int, n: int, rule: Callable[[list[int], int], Fraction]
) -> None:
    draws = 60_000
    drawn = Counter(map(tuple, lists(draws, made(method, (1,) * arms, **given), no_factors(n)).tolist()))
    chances = {
        sequence: prod((rule([sequence[:k].count(each) for each in range(arms)], arm) for k, arm in enumerate(sequence)), start=Fraction(1))
        for sequence in product(range(arms), repeat=n)
    }
    assert sum(chances.values()) == 1
    possible = [sequence for sequence, chance in chances.items() if chance]
    assert set(drawn) <= set(possible)
    expected = np.array([draws * float(chances[sequence]) for sequence in possible])
    # Rare sequences are pooled so that every expected number is at least 5 (Cochran 1954).
    observed = np.array([drawn[sequence] for sequence in possible], dtype=np.float64)
    rare = expected < 5
    if rare.any():
        observed, expected = np.append(observed[~rare], observed[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    assert special.chdtrc(len(expected) - 1, float(((observed - expected) ** 2 / expected).sum())) > ALARM


def test_efrons_coin_is_balanced_at_even_numbers_as_often_as_he_says() -> None:
    # Limit of P(balance) over even n is 1 - q/p = 1/2 for p = 2/3; after 200 the rest is below (2 sqrt(pq))**200 < 1e-5.
    drawn = lists(40_000, made("biased_coin", bias=2 / 3), no_factors(200))
    balanced = int((drawn.sum(axis=1) == 100).sum())
    assert stats.binomtest(balanced, 40_000, 0.5).pvalue > ALARM


@pytest.mark.parametrize(("method", "given"), [("biased_coin", {"bias": 1.0}), ("big_stick", {"limit": 1})])
def test_the_strictest_coin_and_stick_are_blocks_of_the_smallest_size(method: str, given: dict[str, Any]) -> None:
    for ratio in RATIOS:
        unit = sum(ratio)
        for row in lists(200, made(method, ratio, **given), no_factors(4 * unit)):
            for block in row.reshape(4, unit):
                assert Counter(block.tolist()) == dict(enumerate(ratio))


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_coin_whose_bias_is_the_smallest_share_is_simple_randomisation(ratio: Ratio) -> None:
    plan, fair = made("biased_coin", ratio, bias=min(ratio) / sum(ratio)), made("simple", ratio)
    for replicate in range(20):
        assert allocated(plan, no_factors(100), 5, replicate) == allocated(fair, no_factors(100), 5, replicate)


# ---------------------------------------------------------------- any ratio, any number of arms


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("method", PLANS)
def test_every_place_goes_to_each_arm_with_the_chance_of_the_ratio(method: str, ratio: Ratio) -> None:
    plan = made(method, ratio)
    factors = some_factors(plan, 12) if method == "minimisation" else no_factors(12)
    drawn = lists(40_000, plan, factors)
    expected = 40_000 * np.array(ratio) / sum(ratio)
    for place in range(12):
        counts = np.bincount(drawn[:, place], minlength=len(ratio))
        assert special.chdtrc(len(ratio) - 1, float(((counts - expected) ** 2 / expected).sum())) > ALARM


def test_weighing_whole_arms_would_not_keep_the_ratio_at_every_place() -> None:
    """Why tickets: the chance of the first arm, place by place, under 2:1 and 0.8 when deviations of whole arms are weighed (exact)."""
    follow = (0.8 - 1 / 3) / (1 - 1 / 3)
    states, chances = {(0, 0): 1.0}, []
    for _ in range(60):
        later: dict[tuple[int, int], float] = {}
        chances.append(0.0)
        for (first, second), p in states.items():
            behind = 2 * second - first
            chance = (1 - follow) * 2 / 3 + follow * (behind > 0) if behind else 2 / 3
            chances[-1] += p * chance
            later[first + 1, second] = later.get((first + 1, second), 0.0) + p * chance
            later[first, second + 1] = later.get((first, second + 1), 0.0) + p * (1 - chance)
        states = later
    assert min(chances[30:]) == pytest.approx(0.495, abs=5e-4)
    assert max(chances[30:]) == pytest.approx(0.816, abs=5e-4)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_big_stick_is_never_passed(ratio: Ratio, limit: int) -> None:
    drawn = lists(500, made("big_stick", ratio, limit=limit), no_factors(150))
    counts = np.cumsum(drawn[:, :, None] == np.arange(len(ratio)), axis=1) / np.array(ratio)
    imbalance = counts.max(axis=2) - counts.min(axis=2)
    assert imbalance.max() <= limit
    if set(ratio) == {1}:
        assert imbalance.max() == limit


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("method", ["urn", "biased_coin", "big_stick", "minimisation"])
def test_methods_that_look_back_balance_better_than_chance(method: str, ratio: Ratio) -> None:
    plan, fair = made(method, ratio), made("simple", ratio)
    factors = some_factors(plan, 120) if method == "minimisation" else no_factors(120)
    spread, by_chance = (
        np.abs((rows == 0).sum(axis=1) - 120 * ratio[0] / sum(ratio)).mean()
        for rows in (lists(2_000, plan, factors), lists(2_000, fair, no_factors(120)))
    )
    # In the long run the urn's variance is below the binomial one by the factor 1/(1 + 2/(tickets - 1)), the others' is bounded.
    bound = {"urn": (1 + 2 / (sum(ratio) - 1)) ** -0.5 + 0.1}.get(method, 0.6)
    assert spread < bound * by_chance


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_favoured_arm_has_the_chance_that_han_and_others_give_it(ratio: Ratio) -> None:
    """1 - (1 - bias) (R - r) / (R - smallest), where all favoured tickets are of one arm; the smallest arm has the bias itself."""
    plan = made("biased_coin", ratio, bias=0.8)
    unit = sum(ratio)
    known = {round(1 - 0.2 * (unit - part) / (unit - min(ratio)), 9) for part in ratio}
    out, best, seen = np.empty(200, dtype=np.int64), np.empty(200), set[float]()
    for replicate in range(20):
        allocate_and_weigh(5, replicate, plan, no_factors(200), out, best)
        seen |= {round(chance, 9) for chance in best.tolist()}
    assert round(0.8, 9) in seen
    assert known <= seen
    assert max(seen) == max(known)


# ---------------------------------------------------------------- minimisation by hand


def test_the_imbalance_of_a_worked_example() -> None:
    """Two factors, three arms. A woman of the middle band comes; women so far 3, 2, 2; middle band so far 1, 1, 3.

    Range: arm 0 leaves (4, 2, 2) and (2, 1, 3), so 2 + 0.3 * 2; arm 1 (3, 3, 2) and (1, 2, 3), so 1 + 0.3 * 2; arm 2 (3, 2, 3)
    and (1, 1, 4), so 1 + 0.3 * 3. Variance: 4/3 + 0.3, 1/3 + 0.3, 1/3 + 0.3 * 3.
    """
    margins = np.zeros((2, 3, 3), dtype=np.int64)
    margins[0, 0], margins[1, 1] = (3, 2, 2), (1, 1, 3)
    person = np.array([[0], [1]])
    for measure, expected in (("range", (2.6, 1.6, 1.9)), ("variance", (4 / 3 + 0.3, 1 / 3 + 0.3, 1 / 3 + 0.9))):
        plan = made("minimisation", (1, 1, 1), measure=measure)
        found = [imbalance_after(plan, margins, person, 0, arm) for arm in range(3)]
        assert found == pytest.approx(expected, abs=1e-12)


def test_what_minimisation_weighs_more_it_balances_better() -> None:
    def imbalance_of_sex(weight: float) -> float:
        over = ({"factor": "sex", "weight": weight}, {"factor": "odi_band", "weight": 1.0})
        plan = made("minimisation", minimise_over=over)
        factors = some_factors(plan, 60)
        drawn = lists(2_000, plan, factors)
        return float(np.abs((2 * drawn - 1)[:, factors[0] == 0].sum(axis=1)).mean())

    # Means of 2,000 lists; each standard error is below 0.05.
    assert imbalance_of_sex(5.0) + 0.3 < imbalance_of_sex(0.2)


def test_equal_sums_of_weighted_imbalances_are_ties_whatever_the_order_of_the_sum() -> None:
    # 0.1 + 0.2 and 0.3 differ in the last bit: with weights 0.1, 0.2, 0.3 three factors can tie in sums that are not the same number.
    names = ("a", "b", "c")
    over = tuple({"factor": name, "weight": weight} for name, weight in zip(names, (0.1, 0.2, 0.3), strict=True))
    factors = {name: {"column": name, "levels": ("0", "1")} for name in names}
    plan = made("minimisation", minimise_over=over, factors=factors)
    # Earlier: level 1 of a and b had arm 0, level 1 of c had arm 1. A participant at level 1 of all three makes a tie: 0.6 against 0.6.
    margins = np.zeros((3, 2, 2), dtype=np.int64)
    margins[0, 1, 0] = margins[1, 1, 0] = margins[2, 1, 1] = 1
    person = np.ones((3, 1), dtype=np.int64)
    sums = [imbalance_after(plan, margins, person, 0, arm) for arm in range(2)]
    assert sums[0] != sums[1]
    assert sums[0] == pytest.approx(sums[1], rel=1e-12)
    # The same history through the list: chances are equal again at the third participant, so the best guess is 1/2.
    people = np.array([[1, 0, 1], [1, 0, 1], [0, 1, 1]])
    out, best = np.empty(3, dtype=np.int64), np.empty(3)
    seen = set()
    for replicate in range(50):
        allocate_and_weigh(5, replicate, plan, people, out, best)
        if out[0] != out[1]:
            seen.add(round(float(best[2]), 12))
    assert seen == {0.5}


# ---------------------------------------------------------------- strata, later participants, keys


@pytest.mark.parametrize("method", STRATIFIABLE)
def test_a_stratums_sequence_does_not_depend_on_who_else_comes(method: str) -> None:
    plan = made(method, (2, 1), **STRATIFIED)
    factors = some_factors(plan, 300)
    arms = np.array(allocated(plan, factors))
    for stratum in range(number_of_strata(plan)):
        own = np.array([stratum_of(plan, factors, k) == stratum for k in range(300)])
        assert arms[own].tolist() == allocated(plan, np.ascontiguousarray(factors[:, own]))


@pytest.mark.parametrize("method", STRATIFIABLE)
def test_strata_are_independent_of_each_other(method: str) -> None:
    plan = made(method, **STRATIFIED)
    one_of_each = np.array([list(pair) for pair in product(range(2), range(3))]).T
    drawn = Counter(map(tuple, lists(64_000, plan, np.ascontiguousarray(one_of_each)).tolist()))
    assert len(drawn) == 64
    assert special.chdtrc(63, sum((count - 1000) ** 2 / 1000 for count in drawn.values())) > ALARM


def test_strata_are_balanced_each_on_its_own() -> None:
    plan = made("permuted_blocks", **STRATIFIED)
    factors = some_factors(plan, 400)
    arms = np.array(allocated(plan, factors))
    for sex, band in product(range(2), range(3)):
        balance = np.cumsum(2 * arms[(factors[0] == sex) & (factors[1] == band)] - 1)
        assert balance.size > 8
        assert np.abs(balance).max() <= 4  # half the largest block of 8


def test_the_last_factor_named_changes_fastest_in_the_stratum_index() -> None:
    plan = made("simple", stratify_by=("odi_band", "sex"), factors=FACTORS)
    everybody = np.array([[0, 1, 0, 1, 0, 1], [0, 0, 1, 1, 2, 2]])
    assert [stratum_of(plan, everybody, k) for k in range(6)] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("ratio", [(1, 1), (3, 2, 1)])
@pytest.mark.parametrize("method", PLANS)
def test_nobody_changes_the_arm_of_those_who_came_before(method: str, ratio: Ratio) -> None:
    plan = made(method, ratio, **({} if method == "minimisation" else STRATIFIED))
    factors = some_factors(plan, 90)
    whole = allocated(plan, factors)
    for k in (1, 2, 17, 50, 89):
        assert allocated(plan, np.ascontiguousarray(factors[:, :k])) == whole[:k]


@pytest.mark.parametrize("method", PLANS)
def test_a_list_is_a_function_of_seed_and_replicate(method: str) -> None:
    plan = made(method)
    factors = some_factors(plan, 100) if method == "minimisation" else no_factors(100)
    assert allocated(plan, factors, 2**62 + 1, 2**62) == allocated(plan, factors, 2**62 + 1, 2**62)
    assert len({tuple(allocated(plan, factors, seed, replicate)) for seed in range(5) for replicate in range(5)}) == 25


def test_the_most_strata_have_addresses_of_their_own_beside_the_largest_minor_index() -> None:
    assert 2 * MAX_STRATA <= MAX_MINOR
    assert PURPOSE == Purpose.ALLOCATION
    many = {"site": {"column": "site", "levels": tuple(map(str, range(MAX_STRATA)))}}
    plan = made("simple", stratify_by=("site",), factors=many)
    last = np.full((1, 5), MAX_STRATA - 1, dtype=np.int64)
    expected = [int(uniforms_at(5, 0, PURPOSE, place, 2 * MAX_STRATA - 2)[0] * 2) for place in range(5)]
    assert allocated(plan, last) == expected


# ---------------------------------------------------------------- the plan


def test_the_numbers_of_the_methods_never_change() -> None:
    names = ["SIMPLE", "PERMUTED_BLOCKS", "URN", "BIASED_COIN", "BIG_STICK", "MINIMISATION"]
    assert {method.name: method.value for method in Method} == {name: number for number, name in enumerate(names)}


def test_a_plan_becomes_numbers() -> None:
    plan = RandomisationPlan.model_validate({"method": "minimisation", "bias": 0.75, "measure": "variance", **OVER})
    found = scheme(plan, (4, 2))
    assert (found.method, found.bias, found.measure) == (5, 0.75, 1)
    assert found.ratio.tolist() == [2, 1]
    assert found.levels.tolist() == [2, 3]
    assert found.weights.tolist() == [1.0, 0.3]
    assert found.strata.tolist() == []
    assert scheme(RandomisationPlan.model_validate({"method": "urn", **STRATIFIED}), (1, 1)).strata.tolist() == [0, 1]


def test_a_plan_is_read_from_yaml() -> None:
    text = """
method: minimisation
measure: variance
minimise_over: [{factor: sex}, {factor: odi_band, weight: 0.3}]
factors:
  sex: {column: sex, levels: [female, male]}
  odi_band: {column: odi_total, levels: [low, middle, high], cuts: [20, 40]}
"""
    expected = RandomisationPlan.model_validate({"method": "minimisation", "measure": "variance", **OVER})
    assert parse_yaml(text, RandomisationPlan).value == expected


def test_published_numbers_stand_in_for_what_is_left_out() -> None:
    coin_, stick_, urn, minimised = (
        scheme(RandomisationPlan.model_validate({"method": method, **(OVER if method == "minimisation" else {})}), (1, 1))
        for method in ("biased_coin", "big_stick", "urn", "minimisation")
    )
    assert coin_.bias == pytest.approx(2 / 3, abs=1e-15)
    assert stick_.limit == 3
    assert (urn.urn_start, urn.urn_added) == (0.0, 1.0)
    assert (minimised.bias, minimised.measure) == (0.8, Measure.RANGE)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"method": "coin"}, "Input should be"),
        ({"method": "permuted_blocks"}, "permuted_blocks needs block_sizes"),
        ({"method": "permuted_blocks", "block_sizes": ()}, "at least 1 item"),
        ({"method": "minimisation"}, "minimisation needs minimise_over"),
        ({"method": "simple", "block_sizes": (4,)}, "simple does not read block_sizes"),
        ({"method": "urn", "bias": 0.7, "limit": 3}, "urn does not read bias; urn does not read limit"),
        ({"method": "minimisation", **OVER, "stratify_by": ("sex",)}, "minimisation does not read stratify_by"),
        ({"method": "biased_coin", "minimise_over": ({"factor": "sex"},), "factors": FACTORS}, "does not read minimise_over"),
        ({"method": "simple", "stratify_by": ("site",)}, "the factor site is not declared under factors"),
        ({"method": "simple", "stratify_by": ("sex",), "factors": FACTORS}, "the factor odi_band is declared and not used"),
        ({"method": "simple", "stratify_by": ("sex", "sex"), "factors": {"sex": FACTORS["sex"]}}, "the factor sex is named 2 times"),
        ({"method": "biased_coin", "bias": 1.1}, "less than or equal to 1"),
        ({"method": "biased_coin", "bias": 0.0}, "greater than 0"),
        ({"method": "big_stick", "limit": 0}, "greater than or equal to 1"),
        ({"method": "urn", "urn_added": 0.0}, "greater than 0"),
        ({"method": "urn", "urn_start": -1.0}, "greater than or equal to 0"),
        ({"method": "minimisation", "minimise_over": ({"factor": "sex", "weight": 0.0},), "factors": FACTORS}, "greater than 0"),
        ({"method": "simple", "seed": 1}, "Extra inputs"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RandomisationPlan.model_validate(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"levels": ("female",)}, "at least 2 items"),
        ({"levels": ("female", "female")}, "a level is given twice"),
        ({"levels": ("low", "high"), "cuts": (1.0, 2.0)}, "2 levels need 1 cuts, found 2"),
        ({"levels": ("low", "middle", "high"), "cuts": (2.0, 2.0)}, "the cuts 2, 2 must rise"),
        ({"column": "", "levels": ("low", "high")}, "at least 1 character"),
    ],
)
def test_a_factor_that_cannot_be_is_refused_in_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Factor.model_validate({"column": "x", **given})


def problems(given: dict[str, Any], ratio: Ratio) -> list[str]:
    with pytest.raises(ProtocolError) as error:
        scheme(RandomisationPlan.model_validate(given), ratio, "restricted.yaml")
    return [str(problem) for problem in error.value.problems]


def test_every_block_size_that_does_not_fit_the_ratio_is_named() -> None:
    found = problems({"method": "permuted_blocks", "block_sizes": (3, 4, 0, 1_002)}, (2, 1))
    assert found == [
        f"restricted.yaml, block_sizes: the size is {size}; a multiple of 3 (ratio 2:1) from 3 to 1,000" for size in ("4", "0", "1002")
    ]


def test_all_problems_come_at_once() -> None:
    many = {"site": {"column": "site", "levels": tuple(map(str, range(MAX_STRATA + 1)))}}
    found = problems({"method": "permuted_blocks", "block_sizes": (5,), "stratify_by": ("site",), "factors": many}, (1, 1))
    assert len(found) == 2
    assert "the size is 5" in found[0]
    assert "there are 2,001 strata; at most 2,000" in found[1]


@pytest.mark.parametrize("ratio", [(), (1,), (1, 0), (2, -1), (1, 1_000)])
def test_a_ratio_that_cannot_be_is_refused(ratio: Ratio) -> None:
    assert "the allocation ratio is" in problems({"method": "simple"}, ratio)[0]


def test_a_favoured_arm_may_not_have_less_than_its_share() -> None:
    said = "restricted.yaml, bias: the favoured arm's chance is 0.4; from 0.5 (the smallest share of ratio 1:1) to 1"
    assert problems({"method": "biased_coin", "bias": 0.4}, (1, 1)) == [said]
    assert scheme(RandomisationPlan(method="biased_coin", bias=0.4), (1, 1, 1)).bias == 0.4


def test_only_lists_can_be_drawn_ahead() -> None:
    ahead = {method for method in PLANS if Method(made(method).method).name.lower() in ("simple", "permuted_blocks")}
    sizes = {"permuted_blocks": {"block_sizes": (4,)}, "minimisation": OVER}
    plans = [RandomisationPlan.model_validate({"method": method, **sizes.get(method, {})}) for method in PLANS]
    assert {plan.method for plan in plans if plan.is_list_method} == ahead


def test_values_find_their_level() -> None:
    sex, band = Factor.model_validate(FACTORS["sex"]), Factor.model_validate(FACTORS["odi_band"])
    assert [level_of(sex, value) for value in ("female", "male")] == [0, 1]
    assert [level_of(band, value) for value in (-5.0, 19.999, 20.0, 39.0, 40, 100)] == [0, 0, 1, 1, 2, 2]
    codes = Factor(column="activity", levels=("0", "1", "2"))
    assert [level_of(codes, value) for value in ("0", 1, 2.0)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("factor", "value", "said"),
    [
        ("sex", "unknown", "sex: the value is 'unknown'; levels: female, male. Give one of them"),
        ("sex", 1.0, "sex: the value is '1'; levels: female, male. Give one of them"),
        ("odi_band", "low", "odi_total: the value is 'low'; this factor is cut from a number. Give a number"),
        ("odi_band", float("nan"), "odi_total: the value is nan; this factor is cut from a number. Give a number"),
    ],
)
def test_a_value_without_a_level_is_refused(factor: str, value: str | float, said: str) -> None:
    with pytest.raises(ProtocolError) as error:
        level_of(Factor.model_validate(FACTORS[factor]), value)
    assert str(error.value) == said
