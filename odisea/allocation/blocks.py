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
SIZE_DRAW = 1
ORDER_DRAW = 0


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
    unit = ratio.sum()
    start = 0
    while start < out.size:
        u, _, _, _ = uniform4(seed, replicate, PURPOSE, start, SIZE_DRAW)
        drawn = sizes[np.int64(u * sizes.size)]
        places = min(drawn, out.size - start)
        # Whole multiples of the ratio are shuffled even when the list ends inside one, so that no arm is preferred at the end.
        block = np.empty((places + unit - 1) // unit * unit, dtype=np.int64)
        for position in range(block.size):
            block[position] = arm_of_position(position % unit, ratio)
        shuffle(seed, replicate, start, block)
        out[start : start + places] = block[:places]
        start += places


@compiled
def arm_of_position(position: int, ratio: Ints) -> int:
    """Return the arm of a position in the unshuffled smallest block (arms one after the other)."""
    for arm in range(ratio.size):
        if position < ratio[arm]:
            return arm
        position -= ratio[arm]
    return ratio.size - 1


@compiled
def shuffle(seed: int, replicate: int, first_place: int, block: Ints) -> None:
    """Shuffle a block in place (Fisher and Yates); each place on the list has a draw of its own."""
    for last in range(block.size - 1, 0, -1):
        u, _, _, _ = uniform4(seed, replicate, PURPOSE, first_place + last, ORDER_DRAW)
        other = np.int64(u * (last + 1))
        block[last], block[other] = block[other], block[last]
