"""Permuted blocks: balance, composition, equal probabilities of sizes and orders, other ratios, lists of any length.

Seeded; a correct method with fresh seeds would fail a chi-square comparison here with probability ALARM = 1e-8.
"""

from collections import Counter
from itertools import pairwise, permutations
from math import comb

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from odisea.allocation.blocks import ORDER_DRAW, PURPOSE, SIZE_DRAW, draw_block, permuted_blocks
from odisea.compiled import compiled
from tests.twins.philox import uniforms_at

Ints = NDArray[np.int64]
ALARM = 1e-8
SIZES = (4, 6, 8)
EQUAL = (1, 1)


def allocated(n: int, sizes: tuple[int, ...] = SIZES, ratio: tuple[int, ...] = EQUAL, seed: int = 5, replicate: int = 0) -> Ints:
    out = np.full(n, -1, dtype=np.int64)
    permuted_blocks(seed, replicate, np.array(sizes), np.array(ratio), out)
    return out


@compiled
def many_lists(seed: int, sizes: Ints, ratio: Ints, out: Ints) -> None:
    for replicate in range(out.shape[0]):
        permuted_blocks(seed, replicate, sizes, ratio, out[replicate])


def lists(count: int, n: int, sizes: tuple[int, ...], ratio: tuple[int, ...] = EQUAL, seed: int = 5) -> Ints:
    out = np.empty((count, n), dtype=np.int64)
    many_lists(seed, np.array(sizes), np.array(ratio), out)
    return out


def equal_chances_p(counts: list[int]) -> float:
    expected = sum(counts) / len(counts)
    statistic = sum((count - expected) ** 2 / expected for count in counts)
    return float(special.chdtrc(len(counts) - 1, statistic))


def block_sizes(n: int, sizes: tuple[int, ...], seed: int, replicate: int) -> list[int]:
    """The sizes in the list, worked out from the twin's random numbers; the last one is cut at the end of the list."""
    found: list[int] = []
    while sum(found) < n:
        start = sum(found)
        drawn = sizes[int(uniforms_at(seed, replicate, PURPOSE, start, SIZE_DRAW)[0] * len(sizes))]
        found.append(min(drawn, n - start))
    return found


@pytest.mark.parametrize("n", [2, 4, 10, 120, 200, 500])
@pytest.mark.parametrize("replicate", range(20))
def test_a_list_that_the_ratio_divides_is_exactly_balanced(n: int, replicate: int) -> None:
    assert Counter(allocated(n, replicate=replicate).tolist()) == {0: n // 2, 1: n // 2}


@pytest.mark.parametrize(("ratio", "sizes"), [((2, 1), (3, 6)), ((1, 2), (6,)), ((1, 1, 1), (3, 6, 9)), ((3, 2, 1), (6, 12))])
def test_other_ratios_are_exact_too(ratio: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    total = sum(ratio)
    for replicate in range(20):
        counts = Counter(allocated(20 * total, sizes, ratio, replicate=replicate).tolist())
        assert counts == {arm: 20 * part for arm, part in enumerate(ratio)}


@pytest.mark.parametrize("replicate", range(20))
def test_every_block_holds_the_arms_in_the_ratio(replicate: int) -> None:
    arms = allocated(200, replicate=replicate)
    ends = np.cumsum([0, *block_sizes(200, SIZES, 5, replicate)])
    assert ends[-1] == 200
    for start, end in pairwise(ends):
        assert 2 * arms[start:end].sum() == end - start


@pytest.mark.parametrize("n", [1, 3, 5, 61, 199])
def test_an_odd_list_is_filled_and_off_balance_by_one(n: int) -> None:
    for replicate in range(20):
        arms = allocated(n, replicate=replicate)
        assert set(arms.tolist()) <= {0, 1}
        assert abs(2 * int(arms.sum()) - n) == 1


def test_the_odd_place_prefers_no_arm() -> None:
    surplus = lists(40_000, 7, (4, 6)).sum(axis=1) == 4
    assert equal_chances_p([int(surplus.sum()), int((~surplus).sum())]) > ALARM


@pytest.mark.parametrize(("n", "ratio"), [(100, (2, 1)), (101, (2, 1)), (50, (1, 1, 1))])
def test_a_list_cut_inside_a_ratio_is_exact_up_to_its_last_block(n: int, ratio: tuple[int, ...]) -> None:
    total = sum(ratio)
    sizes = (total, 2 * total)
    for replicate in range(50):
        arms = allocated(n, sizes, ratio, replicate=replicate)
        places = block_sizes(n, sizes, 5, replicate)[-1]
        before, last = (np.bincount(part, minlength=len(ratio)) for part in (arms[: n - places], arms[n - places :]))
        assert before.tolist() == [part * (n - places) // total for part in ratio]
        assert (last <= np.array(ratio) * -(-places // total)).all()


def test_a_block_cut_by_the_end_of_the_list_prefers_no_order() -> None:
    # Four places of a shuffled 2:1 block of 6: the 15 orders of 000011, seen through their first four places.
    drawn = Counter(map(tuple, lists(60_000, 4, (6,), (2, 1)).tolist()))
    chances = Counter(order[:4] for order in permutations((0, 0, 0, 0, 1, 1)))
    assert set(drawn) == set(chances)
    expected = {order: 60_000 * chance / 720 for order, chance in chances.items()}
    statistic = sum((drawn[order] - value) ** 2 / value for order, value in expected.items())
    assert special.chdtrc(len(expected) - 1, statistic) > ALARM


def test_no_arm_exceeds_another_by_more_than_half_the_largest_block() -> None:
    arms = lists(2_000, 200, SIZES)
    balance = np.cumsum(2 * arms - 1, axis=1)
    assert np.abs(balance).max() <= max(SIZES) // 2


@pytest.mark.parametrize("size", [2, 4, 6])
def test_all_orders_of_a_block_are_equally_likely(size: int) -> None:
    drawn = Counter(map(tuple, lists(60_000, size, (size,)).tolist()))
    assert len(drawn) == comb(size, size // 2)
    assert equal_chances_p(list(drawn.values())) > ALARM


def test_all_orders_of_a_block_of_three_arms_are_equally_likely() -> None:
    drawn = Counter(map(tuple, lists(60_000, 3, (3,), (1, 1, 1)).tolist()))
    assert set(drawn) == set(permutations(range(3)))
    assert equal_chances_p(list(drawn.values())) > ALARM


def test_a_later_block_is_as_random_as_the_first_and_independent_of_it() -> None:
    drawn = Counter(map(tuple, lists(72_000, 8, (4,)).tolist()))
    assert len(drawn) == 36
    assert equal_chances_p(list(drawn.values())) > ALARM


def test_a_cut_block_is_as_random_as_a_whole_one() -> None:
    # A block of 8 of which four places are left becomes a balanced block of 4.
    drawn = Counter(map(tuple, lists(60_000, 4, (8,)).tolist()))
    assert len(drawn) == 6
    assert equal_chances_p(list(drawn.values())) > ALARM


def test_sizes_are_equally_likely() -> None:
    sizes = [size for replicate in range(300) for size in block_sizes(200, SIZES, 5, replicate)[:20]]
    assert equal_chances_p([sizes.count(size) for size in SIZES]) > ALARM


def test_the_list_shows_the_sizes_that_were_drawn() -> None:
    # With sizes 2 and 6 the first two places differ whenever the block is one of 2 (1/2), and in 3/5 of the blocks of 6.
    first = lists(40_000, 60, (2, 6))[:, :2]
    differ = int((first[:, 0] != first[:, 1]).sum())
    expected = 40_000 * (0.5 + 0.5 * 0.6)
    assert abs(differ - expected) < 5.7 * np.sqrt(40_000 * 0.8 * 0.2)  # two-sided alarm 1e-8


def test_a_list_is_a_function_of_seed_and_replicate_only() -> None:
    assert allocated(200).tolist() == allocated(200).tolist()
    assert allocated(200).tolist() != allocated(200, replicate=1).tolist()
    assert allocated(200).tolist() != allocated(200, seed=6).tolist()
    assert len({tuple(row) for row in lists(500, 200, SIZES).tolist()}) == 500


def test_a_longer_list_begins_like_a_shorter_one_except_for_its_last_block() -> None:
    for replicate in range(20):
        whole = block_sizes(100, SIZES, 5, replicate)
        shared = sum(whole[:-1])
        assert allocated(100, replicate=replicate)[:shared].tolist() == allocated(200, replicate=replicate)[:shared].tolist()


@pytest.mark.parametrize(
    ("sizes", "ratio", "expected"),
    [
        ((4, 6, 8), (1, 1), "11100001001011101100100110010111010001011"),
        ((3, 6), (2, 1), "01010010001001000100100101001000100001101"),
        ((6, 12), (3, 2, 1), "21001020002001011110010200112012000111002"),
    ],
)
def test_lists_never_change_from_version_to_version(sizes: tuple[int, ...], ratio: tuple[int, ...], expected: str) -> None:
    assert "".join(map(str, allocated(41, sizes, ratio))) == expected


def test_size_and_order_never_share_a_draw() -> None:
    assert SIZE_DRAW != ORDER_DRAW


def test_a_block_of_a_stratum_is_drawn_at_addresses_of_its_own() -> None:
    """Each stratum's first block: size and order worked out from the twin's numbers at the minor indices 2 s + 1 and 2 s."""
    block = np.empty(8, dtype=np.int64)
    sizes = np.array(SIZES)
    for stratum in range(50):
        size = draw_block(5, 0, stratum, 0, 1_000, sizes, np.array(EQUAL), block)
        assert size == SIZES[int(uniforms_at(5, 0, PURPOSE, 0, 2 * stratum + 1)[0] * 3)]
        expected = [place % 2 for place in range(size)]
        for last in range(size - 1, 0, -1):
            other = int(uniforms_at(5, 0, PURPOSE, last, 2 * stratum)[0] * (last + 1))
            expected[last], expected[other] = expected[other], expected[last]
        assert block[:size].tolist() == expected
