"""The only maker of random numbers: Philox4x32-10, addressed by what a number is for.

A block of four numbers is a pure function of (seed; unit and minor index, replicate, purpose). The unit is a person (a
candidate before enrolment, the rank in the sorted identifiers in an analysis) or an arm; the minor index is a week or a
draw. So results do not depend on the order of the work, on batches or on workers, and two scenarios share every draw
that their difference does not touch: neither scenario nor protocol is in the key.

Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw. Parallel random numbers: as easy as 1, 2, 3. SC 2011.
Uniform numbers are (x + 1/2) / 2**32 with x of 32 bits; normal numbers come from pairs of them by Box and Muller (1958),
so |z| is at most sqrt(2 * 33 * ln 2) = 6.76.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled, inlined
from odisea.elementary import cosine_sine, logarithm

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Word = np.uint64  # holds 32 bits

MASK = np.uint64(0xFFFFFFFF)
MULTIPLIER_0 = np.uint64(0xD2511F53)
MULTIPLIER_1 = np.uint64(0xCD9E8D57)
WEYL_0 = np.uint64(0x9E3779B9)
WEYL_1 = np.uint64(0xBB67AE85)
SHIFT = np.uint64(32)
ROUNDS = 10
UNIT_BITS = 20
MAX_UNITS = 1 << UNIT_BITS
MAX_MINOR = 1 << (32 - UNIT_BITS)
STEP = 1.0 / 4294967296.0
LARGEST_FAILURE_COUNT = MAX_MINOR - 1


class Purpose(IntEnum):
    """What a draw is for; the numbers are part of every result's identity and are never re-used."""

    BASELINE_TRAITS = 1
    BASELINE_BODY = 2
    BASELINE_PAIN = 3
    ALLOCATION = 4
    STATE = 5
    COURSE = 6
    ENGAGEMENT = 7
    ADHERENCE = 8
    EFFECT = 9
    ITEM_STABLE = 10
    ITEM_BASELINE = 11
    ITEM_FOLLOW_UP = 12
    LOSS = 13
    PAIN_FOLLOW_UP = 14
    TEXTBOOK_OUTCOME = 15
    TEXTBOOK_LOSS = 16
    SCREENING = 17
    EVENTS = 18
    LIVE_GROUP = 19
    ITEM_BLANK = 20
    CONTAMINATION = 21
    SATISFACTION = 22
    HARMS = 23
    COVARIATE_MISSING = 24
    WEEKLY_MESSAGE = 25
    IMPUTATION_NOISE = 32
    IMPUTATION_COEFFICIENTS = 33
    IMPUTATION_VARIANCE = 34
    CALENDAR_ARRIVALS = 40
    CALENDAR_DELAYS = 41
    CALENDAR_SESSIONS = 42
    POSTERIOR = 60
    REFERENCE_BASED_VALUES = 61
    CHAINED_NOISE = 62
    CHAINED_COEFFICIENTS = 63
    CHAINED_VARIANCE = 64
    POSTERIOR_GAPS = 65


@inlined
def philox(c0: Word, c1: Word, c2: Word, c3: Word, k0: Word, k1: Word) -> tuple[Word, Word, Word, Word]:
    """Return the block of four 32-bit numbers (held in uint64) for a counter and a key of 32-bit words (held in uint64)."""
    for _ in range(ROUNDS):
        product_0 = MULTIPLIER_0 * c0
        product_1 = MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (
            (product_1 >> SHIFT) ^ c1 ^ k0,
            product_1 & MASK,
            (product_0 >> SHIFT) ^ c3 ^ k1,
            product_0 & MASK,
        )
        k0 = (k0 + WEYL_0) & MASK
        k1 = (k1 + WEYL_1) & MASK
    return c0, c1, c2, c3


@inlined
def block(seed: int, replicate: int, purpose: int, unit: int, minor: int) -> tuple[Word, Word, Word, Word]:
    """Return the four 32-bit numbers of one address: unit < 2**20, minor < 2**12, seed and replicate of 64 bits."""
    place = (np.uint64(minor) << np.uint64(UNIT_BITS)) | np.uint64(unit)
    low, high = np.uint64(replicate) & MASK, np.uint64(replicate) >> SHIFT
    return philox(place, low, high, np.uint64(purpose), np.uint64(seed) & MASK, np.uint64(seed) >> SHIFT)


@inlined
def normal_pair(x: Word, y: Word) -> tuple[float, float]:
    """Return two independent standard normal numbers made of two 32-bit numbers (Box and Muller)."""
    radius = np.sqrt(-2.0 * logarithm((np.float64(np.int64(x)) + 0.5) * STEP))
    cosine, sine = cosine_sine(y)
    return radius * cosine, radius * sine


@compiled
def uniform4(seed: int, replicate: int, purpose: int, unit: int, minor: int) -> tuple[float, float, float, float]:
    """Return four uniform numbers, each in the open interval (0, 1)."""
    a, b, c, d = block(seed, replicate, purpose, unit, minor)
    return (
        (np.float64(np.int64(a)) + 0.5) * STEP,
        (np.float64(np.int64(b)) + 0.5) * STEP,
        (np.float64(np.int64(c)) + 0.5) * STEP,
        (np.float64(np.int64(d)) + 0.5) * STEP,
    )


@compiled
def normal4(seed: int, replicate: int, purpose: int, unit: int, minor: int) -> tuple[float, float, float, float]:
    """Return four independent standard normal numbers."""
    a, b, c, d = block(seed, replicate, purpose, unit, minor)
    z0, z1 = normal_pair(a, b)
    z2, z3 = normal_pair(c, d)
    return z0, z1, z2, z3


@compiled
def fill_uniform(seed: int, replicate: int, purpose: int, minor: int, units: Ints, out: Floats) -> None:
    """Write four uniform numbers per unit into the rows of `out` (4, n); the numbers equal those of `uniform4`."""
    first, second, third, fourth = out[0], out[1], out[2], out[3]
    for i in range(units.size):
        a, b, c, d = block(seed, replicate, purpose, units[i], minor)
        first[i] = (np.float64(np.int64(a)) + 0.5) * STEP
        second[i] = (np.float64(np.int64(b)) + 0.5) * STEP
        third[i] = (np.float64(np.int64(c)) + 0.5) * STEP
        fourth[i] = (np.float64(np.int64(d)) + 0.5) * STEP


@compiled
def fill_normal(seed: int, replicate: int, purpose: int, minor: int, units: Ints, out: Floats) -> None:
    """Write four standard normal numbers per unit into the rows of `out` (4, n); the numbers equal those of `normal4`."""
    first, second, third, fourth = out[0], out[1], out[2], out[3]
    for i in range(units.size):
        a, b, c, d = block(seed, replicate, purpose, units[i], minor)
        first[i], second[i] = normal_pair(a, b)
        third[i], fourth[i] = normal_pair(c, d)


@compiled
def chi_square(seed: int, replicate: int, purpose: int, unit: int, df: float) -> float:
    """Return one chi-square number with df >= 2 degrees of freedom.

    Marsaglia and Tsang (2000), ACM TOMS 26:363, gamma by squeeze-free rejection; the acceptance rate is above 95 %, and
    each trial has an address of its own (minor 0, 1, 2, ...).
    """
    d = 0.5 * df - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    for trial in range(LARGEST_FAILURE_COUNT):
        a, b, e, _ = block(seed, replicate, purpose, unit, trial)
        z, _ = normal_pair(a, b)
        u = (np.float64(np.int64(e)) + 0.5) * STEP
        v = (1.0 + c * z) ** 3
        if v > 0.0 and logarithm(u) < 0.5 * z * z + d - d * v + d * logarithm(v):
            return float(2.0 * d * v)
    return df
