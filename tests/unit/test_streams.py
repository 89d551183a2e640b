"""Random numbers: published vectors, a slow twin, distributions, independence of addresses, and the elementary functions.

Every test is seeded, so it passes or fails once and for all. The bounds are set so that a *correct* generator with fresh
seeds would fail any test of this file with probability below 1e-5: each comparison of one number with a random bound has a
false alarm rate of 1e-8 (`ALARM`; 5.8 standard errors, `Z_BOUND`, are 7e-9 two-sided), and where many are made in one
test the 1e-8 is shared out among them. There are fewer than 300 such tests.
"""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special

from odisea.compiled import compiled
from odisea.elementary import cosine_sine, exponential, logarithm
from odisea.streams import (
    MAX_MINOR,
    MAX_UNITS,
    Purpose,
    chi_square,
    fill_normal,
    fill_uniform,
    normal4,
    philox,
    uniform4,
)
from tests.twins.philox import normals_at, philox4x32, uniforms_at

Floats = NDArray[np.float64]

Z_BOUND = 5.8
ALARM = 1e-8
KEYS = [(0, 0), (1, 0), (20251003, 7), (19390060, 2**60 + 41), (2**63 - 1, 2**40 + 3)]
UNITS = np.arange(250_000, dtype=np.int64)  # four numbers each: 10**6 draws


def many_uniform(seed: int = 20251003, replicate: int = 0, purpose: int = 1, minor: int = 0, units: NDArray[np.int64] = UNITS) -> Floats:
    out = np.empty((4, units.size))
    fill_uniform(seed, replicate, purpose, minor, units, out)
    return out


def many_normal(seed: int = 20251003, replicate: int = 0, purpose: int = 1, minor: int = 0, units: NDArray[np.int64] = UNITS) -> Floats:
    out = np.empty((4, units.size))
    fill_normal(seed, replicate, purpose, minor, units, out)
    return out


@compiled
def many_chi_square(seed: int, replicate: int, purpose: int, df: float, out: Floats) -> None:
    for unit in range(out.size):
        out[unit] = chi_square(seed, replicate, purpose, unit, df)


def kolmogorov_p(expected: Floats) -> float:
    """P value of the hypothesis that values, passed through their distribution function, are uniform (n large: asymptotic)."""
    n = expected.size
    ordered = np.sort(expected)
    steps = np.arange(n + 1) / n
    distance = max(np.max(ordered - steps[:-1]), np.max(steps[1:] - ordered))
    return float(special.kolmogorov(math.sqrt(n) * distance))


def words_of(uniform: Floats) -> NDArray[np.int64]:
    """The 32-bit numbers that uniform numbers were made of: (word + 1/2) / 2**32 is exact."""
    return (uniform * 2.0**32 - 0.5).astype(np.int64)


def evenness_p(cells: NDArray[np.int64], number: int) -> float:
    """P value of the hypothesis that every cell is as likely as any other (Pearson's chi-square)."""
    counts, expected = np.bincount(cells.ravel(), minlength=number), cells.size / number
    return float(special.chdtrc(number - 1, ((counts - expected) ** 2 / expected).sum()))


def together_p(first: NDArray[np.int64], second: NDArray[np.int64], shift: int) -> float:
    """P value of the hypothesis that four bits of two sequences of words are uniform and independent: 256 cells."""
    return evenness_p(((first >> shift) & 15) * 16 + ((second >> shift) & 15), 256)


def correlation_in_se(first: Floats, second: Floats) -> float:
    """Sample correlation over its standard error under independence, 1 / sqrt(n)."""
    x, y = first.ravel(), second.ravel()
    return float(np.corrcoef(x, y)[0, 1] * math.sqrt(x.size))


# ---------------------------------------------------------------- the generator itself


# Random123 1.14, file kat_vectors, lines "philox4x32 10".
@pytest.mark.parametrize(
    ("counter", "key", "block"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
    ids=["zeros", "ones", "pi"],
)
def test_philox_and_its_twin_give_the_published_blocks(counter: str, key: str, block: str) -> None:
    c = [int(word, 16) for word in counter.split()]
    k = [int(word, 16) for word in key.split()]
    published = tuple(int(word, 16) for word in block.split())
    assert tuple(int(word) for word in philox(*(np.uint64(word) for word in (*c, *k)))) == published
    assert philox4x32((c[0], c[1], c[2], c[3]), (k[0], k[1])) == published


address = st.tuples(
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**62),
    st.sampled_from(list(Purpose)),
    st.integers(0, MAX_UNITS - 1),
    st.integers(0, MAX_MINOR - 1),
)


@settings(deadline=None, derandomize=True)
@given(address)
def test_uniform_numbers_equal_the_twin_at_any_address(place: tuple[int, int, Purpose, int, int]) -> None:
    seed, replicate, purpose, unit, minor = place
    assert list(uniform4(seed, replicate, int(purpose), unit, minor)) == uniforms_at(seed, replicate, purpose, unit, minor)


@settings(deadline=None, derandomize=True)
@given(address)
def test_normal_numbers_equal_the_twin_at_any_address(place: tuple[int, int, Purpose, int, int]) -> None:
    seed, replicate, purpose, unit, minor = place
    # The twin's cos(2 pi u) near a zero of the cosine carries the rounding of 2 pi u: absolute 2**-51, times a radius below 6.8.
    assert normal4(seed, replicate, int(purpose), unit, minor) == pytest.approx(
        normals_at(seed, replicate, purpose, unit, minor), abs=1e-14
    )


@pytest.mark.parametrize("unit", [0, 1, 2**19, MAX_UNITS - 1])
@pytest.mark.parametrize("minor", [0, 1, MAX_MINOR - 1])
def test_the_edges_of_the_address_space_are_distinct_addresses(unit: int, minor: int) -> None:
    own = uniform4(3, 5, 1, unit, minor)
    assert list(own) == uniforms_at(3, 5, 1, unit, minor)
    others = [uniform4(3, 5, 1, u, m) for u in (0, 1, 2**19, MAX_UNITS - 1) for m in (0, 1, MAX_MINOR - 1) if (u, m) != (unit, minor)]
    assert own not in others


def test_no_two_addresses_share_a_block() -> None:
    # 2**18 addresses; a block is 128 bits, so equal blocks would have probability 2**36 / 2**129.
    blocks = {
        uniform4(seed, replicate, purpose, unit, minor)
        for seed in (0, 2**32)
        for replicate in (0, 1, 2**32, 2**60)
        for purpose in (1, 2, 3, 4)
        for unit in range(1024)
        for minor in range(8)
    }
    assert len(blocks) == 2 * 4 * 4 * 1024 * 8


def test_purposes_are_never_the_same_number() -> None:
    assert len({int(purpose) for purpose in Purpose}) == len(Purpose.__members__)
    assert all(0 < purpose < 2**32 for purpose in Purpose)


# ---------------------------------------------------------------- filling equals the scalar functions, bit by bit

SCATTERED = np.array([5, 0, 77, MAX_UNITS - 1, 1, 2, 3, 524288, 5], dtype=np.int64)


@pytest.mark.parametrize(("seed", "replicate"), KEYS)
@pytest.mark.parametrize("purpose", [Purpose.BASELINE_TRAITS, Purpose.LOSS, Purpose.IMPUTATION_NOISE])
def test_filling_equals_the_scalar_functions_bit_by_bit(seed: int, replicate: int, purpose: Purpose) -> None:
    for minor in (0, 3, MAX_MINOR - 1):
        uniform = many_uniform(seed, replicate, int(purpose), minor, SCATTERED)
        normal = many_normal(seed, replicate, int(purpose), minor, SCATTERED)
        for column, unit in enumerate(SCATTERED):
            assert uniform[:, column].tolist() == list(uniform4(seed, replicate, int(purpose), int(unit), minor))
            assert normal[:, column].tolist() == list(normal4(seed, replicate, int(purpose), int(unit), minor))


def test_a_number_does_not_depend_on_who_else_is_filled() -> None:
    alone = many_normal(units=np.array([777], dtype=np.int64))
    among_others = many_normal(units=np.arange(1000, dtype=np.int64))
    assert alone[:, 0].tolist() == among_others[:, 777].tolist()


# ---------------------------------------------------------------- distributions


@pytest.mark.parametrize(("seed", "replicate"), KEYS)
def test_uniform_numbers_are_uniform_and_open(seed: int, replicate: int) -> None:
    u = many_uniform(seed, replicate).ravel()
    assert kolmogorov_p(u) > ALARM
    assert u.min() > 0.0
    assert u.max() < 1.0


@pytest.mark.parametrize(("seed", "replicate"), KEYS)
def test_normal_numbers_are_standard_normal(seed: int, replicate: int) -> None:
    z = many_normal(seed, replicate)
    assert kolmogorov_p(special.ndtr(z.ravel())) > ALARM
    for part in z:  # cosine and sine parts of both pairs by themselves
        assert kolmogorov_p(special.ndtr(part)) > ALARM


def test_normal_tails_have_their_probabilities() -> None:
    # 10**7 draws; the counts are Poisson to a good approximation.
    count = np.zeros(3)
    for replicate in range(10):
        z = np.abs(many_normal(replicate=replicate))
        count += [(z > cut).sum() for cut in (3.0, 4.0, 5.0)]
        assert z.max() < 6.77
    expected = 1e7 * 2.0 * special.ndtr([-3.0, -4.0, -5.0])
    lower, upper = special.pdtr(count, expected), special.pdtrc(count - 1, expected)
    assert np.minimum(lower, upper).min() > 1e-8


@pytest.mark.parametrize(("seed", "replicate"), KEYS)
@pytest.mark.parametrize("byte", range(4))
def test_every_byte_of_a_word_is_even_down_to_the_lowest_bits(seed: int, replicate: int, byte: int) -> None:
    words = words_of(many_uniform(seed, replicate))
    places = [evenness_p((part >> (8 * byte)) & 255, 256) for part in words]
    assert min(places) > ALARM / 4


@pytest.mark.parametrize(("seed", "replicate"), KEYS)
def test_every_bit_of_a_word_is_a_fair_coin(seed: int, replicate: int) -> None:
    words = words_of(many_uniform(seed, replicate)).ravel()
    ones = np.array([((words >> bit) & 1).sum() for bit in range(32)])
    tails = special.ndtr(-np.abs(ones - words.size / 2) / math.sqrt(words.size / 4)) * 2.0
    assert tails.min() > ALARM / 32


CHI_SQUARES = [(key, df) for key in KEYS[:3] for df in (2.0, 10.5, 400.0)] + [(KEYS[3], 3.0), (KEYS[4], 51.0)]


@pytest.mark.parametrize(("key", "df"), CHI_SQUARES)
def test_chi_square_numbers_are_chi_square(key: tuple[int, int], df: float) -> None:
    (seed, replicate), draws = key, np.empty(1_000_000)
    many_chi_square(seed, replicate, int(Purpose.IMPUTATION_VARIANCE), df, draws)
    assert kolmogorov_p(np.asarray(special.chdtr(df, draws), dtype=np.float64)) > ALARM


def test_chi_square_is_a_function_of_its_address() -> None:
    first, second = np.empty(100), np.empty(50)
    many_chi_square(3, 1, int(Purpose.IMPUTATION_VARIANCE), 20.0, first)
    many_chi_square(3, 1, int(Purpose.IMPUTATION_VARIANCE), 20.0, second)
    assert first[:50].tolist() == second.tolist()


def test_million_chi_square_numbers_have_mean_and_variance() -> None:
    df, n = 7.0, 1_000_000
    draws = np.empty(n)
    many_chi_square(11, 4, int(Purpose.IMPUTATION_VARIANCE), df, draws)
    fourth_moment = 12.0 * df * (df + 4.0)
    assert abs(draws.mean() - df) < Z_BOUND * math.sqrt(2.0 * df / n)
    assert abs(draws.var() - 2.0 * df) < Z_BOUND * math.sqrt((fourth_moment - (2.0 * df) ** 2) / n)


# ---------------------------------------------------------------- independence of addresses

NEIGHBOURS: dict[str, dict[str, Any]] = {
    "next replicate": {"replicate": 1},
    "replicate 2**32 later": {"replicate": 2**32},
    "calibration's replicate": {"replicate": 2**60},
    "next minor": {"minor": 1},
    "last minor": {"minor": MAX_MINOR - 1},
    "next purpose": {"purpose": 2},
    "imputation": {"purpose": int(Purpose.IMPUTATION_NOISE)},
    "next seed": {"seed": 20251004},
    "seed 2**32 later": {"seed": 20251003 + 2**32},
}


@pytest.mark.parametrize("change", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_neighbouring_addresses_are_uncorrelated(change: dict[str, Any]) -> None:
    here, there = many_normal(), many_normal(**change)
    assert abs(correlation_in_se(here, there)) < Z_BOUND
    assert abs(correlation_in_se(here**2, there**2)) < Z_BOUND


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 64, 1024])
def test_neighbouring_units_are_uncorrelated(lag: int) -> None:
    z = many_normal()
    assert abs(correlation_in_se(z[:, lag:], z[:, :-lag])) < Z_BOUND
    assert abs(correlation_in_se(z[:, lag:] ** 2, z[:, :-lag] ** 2)) < Z_BOUND


def test_the_four_numbers_of_a_block_are_uncorrelated() -> None:
    z = many_normal()
    for first, second in combinations(range(4), 2):
        assert abs(correlation_in_se(z[first], z[second])) < Z_BOUND
        assert abs(correlation_in_se(z[first] ** 2, z[second] ** 2)) < Z_BOUND


def test_all_purposes_are_uncorrelated_with_each_other() -> None:
    first = np.stack([many_normal(purpose=int(purpose))[0] for purpose in Purpose])
    table = np.corrcoef(first) * math.sqrt(UNITS.size)
    pairs = np.triu_indices(len(first), 1)
    assert special.ndtr(-np.abs(table[pairs]).max()) * 2.0 > ALARM / len(pairs[0])


@pytest.mark.parametrize("change", NEIGHBOURS.values(), ids=NEIGHBOURS)
@pytest.mark.parametrize("shift", [28, 0], ids=["high bits", "low bits"])
def test_neighbouring_addresses_are_independent(change: dict[str, Any], shift: int) -> None:
    assert together_p(words_of(many_uniform()), words_of(many_uniform(**change)), shift) > ALARM


@pytest.mark.parametrize("lag", [1, 2, 64, 1024])
@pytest.mark.parametrize("shift", [28, 0], ids=["high bits", "low bits"])
def test_neighbouring_units_are_independent(lag: int, shift: int) -> None:
    words = words_of(many_uniform())
    assert together_p(words[:, lag:], words[:, :-lag], shift) > ALARM


PLACES: dict[str, list[dict[str, Any]]] = {
    "purposes": [{"purpose": int(purpose)} for purpose in Purpose],
    "weeks": [{"minor": week, "purpose": int(Purpose.LOSS)} for week in range(7)],
    "replicates": [{"replicate": replicate} for replicate in (*range(6), 2**32, 2**60)],
    "seeds": [{"seed": seed} for seed in (0, 1, 2, 2**32, 2**62)],
}


@pytest.mark.parametrize("shift", [28, 0], ids=["high bits", "low bits"])
@pytest.mark.parametrize("kind", PLACES)
def test_any_two_of_a_kind_are_independent(kind: str, shift: int) -> None:
    words = [words_of(many_uniform(**place)[:1]) for place in PLACES[kind]]
    pairs = list(combinations(words, 2))
    assert min(together_p(first, second, shift) for first, second in pairs) > ALARM / len(pairs)


@pytest.mark.parametrize("shift", [28, 0], ids=["high bits", "low bits"])
def test_the_four_words_of_a_block_are_independent(shift: int) -> None:
    pairs = list(combinations(words_of(many_uniform()), 2))
    assert min(together_p(first, second, shift) for first, second in pairs) > ALARM / len(pairs)


def test_chi_square_numbers_of_neighbouring_units_replicates_and_purposes_are_independent() -> None:
    n, df = 250_000, 10.5
    columns = []
    for replicate, purpose in ((0, Purpose.IMPUTATION_VARIANCE), (1, Purpose.IMPUTATION_VARIANCE), (0, Purpose.IMPUTATION_NOISE)):
        draws = np.empty(n)
        many_chi_square(7, replicate, int(purpose), df, draws)
        columns.append(np.asarray(special.chdtr(df, draws), dtype=np.float64))
    pairs = [*combinations(columns, 2), (columns[0][1:], columns[0][:-1])]
    for first, second in pairs:
        cells = (first * 16.0).astype(np.int64) * 16 + (second * 16.0).astype(np.int64)
        assert evenness_p(cells, 256) > ALARM


# ---------------------------------------------------------------- elementary functions

LARGEST_ERROR = 2.0  # units in the last place


def error_in_ulp(values: Floats, reference: NDArray[np.longdouble]) -> Floats:
    """Distance to a reference of higher precision, in units in the last place of the reference."""
    return np.abs((values.astype(np.longdouble) - reference) / np.spacing(np.abs(reference.astype(np.float64)))).astype(np.float64)


@compiled
def all_exponentials(x: Floats, out: Floats) -> None:
    for i in range(x.size):
        out[i] = exponential(x[i])


@compiled
def all_logarithms(x: Floats, out: Floats) -> None:
    for i in range(x.size):
        out[i] = logarithm(x[i])


@compiled
def all_turns(turns: NDArray[np.int64], cosine: Floats, sine: Floats) -> None:
    for i in range(turns.size):
        cosine[i], sine[i] = cosine_sine(turns[i])


@pytest.mark.parametrize("reach", [1e-8, 0.5, 3.0, 40.0, 700.0])
def test_exponential_is_within_two_ulp(reach: float) -> None:
    x = np.linspace(-reach, reach, 400_001)
    out = np.empty_like(x)
    all_exponentials(x, out)
    assert error_in_ulp(out, np.exp(x.astype(np.longdouble))).max() < LARGEST_ERROR
    assert (np.diff(out) >= 0.0).all()


def test_exponential_is_exact_at_zero_and_bounded_outside_its_range() -> None:
    assert exponential(0.0) == 1.0
    assert exponential(-0.0) == 1.0
    assert exponential(-1e9) == exponential(-700.0) > 0.0
    assert exponential(1e9) == exponential(700.0) < math.inf


@pytest.mark.parametrize(("low", "high"), [(2.0**-33, 1.0), (0.9, 1.1), (1e-300, 1e-290), (1.0, 1e6), (1e290, 1e300)])
def test_logarithm_is_within_two_ulp(low: float, high: float) -> None:
    x = np.concatenate([np.linspace(low, high, 200_001), np.geomspace(low, high, 200_001)])
    out = np.empty_like(x)
    all_logarithms(x, out)
    reference = np.log(x.astype(np.longdouble))
    assert out[x == 1.0].tolist() == [0.0] * int((x == 1.0).sum())
    apart = reference != 0
    assert error_in_ulp(out[apart], reference[apart]).max() < LARGEST_ERROR


def test_logarithm_holds_at_every_argument_that_the_normal_numbers_can_meet_at_the_ends() -> None:
    words = np.concatenate([np.arange(0, 100_000), np.arange(2**32 - 100_000, 2**32)])
    u = (words + 0.5) / 2.0**32
    out = np.empty_like(u)
    all_logarithms(u, out)
    assert error_in_ulp(out, np.log(u.astype(np.longdouble))).max() < LARGEST_ERROR
    assert (out < 0.0).all()


def reference_turns(turns: NDArray[np.int64]) -> tuple[NDArray[np.longdouble], NDArray[np.longdouble]]:
    """Cosine and sine by quadrant: the angle is folded as a whole number, so that small values keep their precision."""
    quarter = 2**30
    quadrant = turns // quarter
    rest = (turns % quarter).astype(np.longdouble) + np.longdouble(0.5)
    half_pi = np.longdouble("1.5707963267948966192313216916397514")
    sine_up = np.sin(rest / quarter * half_pi)
    sine_down = np.sin((quarter - rest) / quarter * half_pi)  # the cosine in the first quadrant
    cosine = np.choose(quadrant, [sine_down, -sine_up, -sine_down, sine_up])
    sine = np.choose(quadrant, [sine_up, sine_down, -sine_up, -sine_down])
    return cosine, sine


def test_cosine_and_sine_are_within_two_ulp_on_the_whole_circle() -> None:
    edges = [place + near for place in range(0, 2**32 + 1, 2**29) for near in range(-500, 500) if 0 <= place + near < 2**32]
    turns = np.concatenate([np.arange(0, 2**32, 10_007), np.array(edges)]).astype(np.int64)
    cosine, sine = np.empty(turns.size), np.empty(turns.size)
    all_turns(turns, cosine, sine)
    expected_cosine, expected_sine = reference_turns(turns)
    assert error_in_ulp(cosine, expected_cosine).max() < LARGEST_ERROR
    assert error_in_ulp(sine, expected_sine).max() < LARGEST_ERROR
    assert np.abs(cosine**2 + sine**2 - 1.0).max() < 1e-15
