"""Philox4x32-10 and our addresses in plain Python integers: slow, and written from the paper, not from the package.

Source: J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011, section 4.3 (Philox) and table 2.
"""

import math

WORD = 2**32
ROUND_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)  # golden ratio and sqrt(3) - 1, as 32-bit fractions

Words = tuple[int, int, int, int]


def philox4x32(counter: Words, key: tuple[int, int], rounds: int = 10) -> Words:
    """One block: each round multiplies two words, crosses the halves over and adds the round key by exclusive or."""
    for number in range(rounds):
        round_key = [(part + number * step) % WORD for part, step in zip(key, KEY_STEPS, strict=True)]
        high_0, low_0 = divmod(counter[0] * ROUND_MULTIPLIERS[0], WORD)
        high_1, low_1 = divmod(counter[2] * ROUND_MULTIPLIERS[1], WORD)
        counter = (high_1 ^ counter[1] ^ round_key[0], low_1, high_0 ^ counter[3] ^ round_key[1], low_0)
    return counter


def words_at(seed: int, replicate: int, purpose: int, unit: int, minor: int) -> Words:
    """The block at an address: key = seed; counter = (unit and minor index, replicate low, replicate high, purpose)."""
    assert 0 <= unit < 2**20
    assert 0 <= minor < 2**12
    high, low = divmod(replicate, WORD)
    return philox4x32((minor * 2**20 + unit, low, high, purpose), (seed % WORD, seed // WORD))


def uniforms_at(seed: int, replicate: int, purpose: int, unit: int, minor: int) -> list[float]:
    """Four numbers in the open interval (0, 1)."""
    return [(word + 0.5) / WORD for word in words_at(seed, replicate, purpose, unit, minor)]


def normals_at(seed: int, replicate: int, purpose: int, unit: int, minor: int) -> list[float]:
    """Four standard normal numbers by Box and Muller from two pairs of uniforms."""
    u = uniforms_at(seed, replicate, purpose, unit, minor)
    numbers = []
    for first, second in ((u[0], u[1]), (u[2], u[3])):
        radius = math.sqrt(-2.0 * math.log(first))
        numbers += [radius * math.cos(2.0 * math.pi * second), radius * math.sin(2.0 * math.pi * second)]
    return numbers
