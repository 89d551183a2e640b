"""Permuted blocks of random size.

Each block holds the arms in the allocation ratio, in random order; its size is drawn from the declared sizes. The last
block is shortened to the places that are left, so a list of a length that the ratio divides is exactly balanced.
Source: Rosenberger and Lachin, Randomization in Clinical Trials (2nd ed. 2016), section 3.5.
"""

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled
from odisea.streams import Purpose, uniform4

Ints = NDArray[np.int64]

PURPOSE = int(Purpose.ALLOCATION)
# Minor indices of the draws of stratum 0; each further stratum's pair is the next one.
SIZE_DRAW = 1
ORDER_DRAW = 0
DRAWS_PER_STRATUM = 2


@compiled
def permuted_blocks(seed: int, replicate: int, sizes: Ints, ratio: Ints, out: Ints) -> None:
    """Write the arm of every place on the list into `out`.

    Parameters
    ----------
    seed, replicate : int
        The key of the list.
    sizes : int64 (n_sizes,)
        Block sizes, each a multiple of the sum of `ratio`, each drawn with the same probability.
    ratio : int64 (n_arms,)
        Places per arm in the smallest block, in the order of the arms.
    out : int64 (n,)
        Receives arm indices.
    """
    block = np.empty(sizes.max(), dtype=np.int64)
    start = 0
    while start < out.size:
        size = draw_block(seed, replicate, 0, start, out.size - start, sizes, ratio, block)
        places = min(size, out.size - start)
        out[start : start + places] = block[:places]
        start += places


@compiled
def draw_block(seed: int, replicate: int, stratum: int, start: int, left: int, sizes: Ints, ratio: Ints, block: Ints) -> int:
    """Draw the block that begins at a place of a stratum's list.

    Parameters
    ----------
    stratum : int
        Index of the stratum; 0 where the list is one.
    start : int
        The block's first place on that list.
    left : int
        Places left on the list: a longer block is shortened to the whole multiple of the ratio that covers them.
    sizes, ratio
        As in `permuted_blocks`.
    block : int64 (at least the largest size,)
        Receives the arms.

    Returns
    -------
    int
        Places of the block; above `left` where the list ends inside a ratio.
    """
    unit = ratio.sum()
    u, _, _, _ = uniform4(seed, replicate, PURPOSE, start, DRAWS_PER_STRATUM * stratum + SIZE_DRAW)
    places = min(sizes[np.int64(u * sizes.size)], left)
    # Whole multiples of the ratio are shuffled even when the list ends inside one, so that no arm is preferred at the end.
    size = (places + unit - 1) // unit * unit
    for position in range(size):
        block[position] = arm_of_position(position % unit, ratio)
    shuffle(seed, replicate, stratum, start, block[:size])
    return int(size)


@compiled
def arm_of_position(position: int, ratio: Ints) -> int:
    """Return the arm of a position in the unshuffled smallest block (arms one after the other)."""
    for arm in range(ratio.size):
        if position < ratio[arm]:
            return arm
        position -= ratio[arm]
    return ratio.size - 1


@compiled
def shuffle(seed: int, replicate: int, stratum: int, first_place: int, block: Ints) -> None:
    """Shuffle a block in place (Fisher and Yates); each place on a stratum's list has a draw of its own."""
    for last in range(block.size - 1, 0, -1):
        u, _, _, _ = uniform4(seed, replicate, PURPOSE, first_place + last, DRAWS_PER_STRATUM * stratum + ORDER_DRAW)
        other = np.int64(u * (last + 1))
        block[last], block[other] = block[other], block[last]
