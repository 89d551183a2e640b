"""How guessable and how balanced lists are: exact values of known blocks, exact chains, published simulations, and the documented table.

Seeded; a correct simulation with fresh seeds would be further from an exact value than FAR standard errors with probability 1e-8.
"""

from collections.abc import Callable
from fractions import Fraction
from itertools import permutations
from math import comb, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from odisea.allocation.methods import MAX_PLACES, MAX_STRATA
from odisea.allocation.plan import MAX_FACTORS, RandomisationPlan, scheme
from odisea.allocation.predictability import LEVEL_DRAW, Predictability, Rate, draw_levels, known_block, predictability
from odisea.errors import ProtocolError
from odisea.streams import MAX_MINOR

FAR = 5.73
PAGE = Path(__file__).parents[2] / "docs" / "statistics" / "randomisation.md"
FACTORS: dict[str, Any] = {
    "sex": {"column": "sex", "levels": ("female", "male")},
    "odi_band": {"column": "odi_total", "levels": ("low", "middle", "high"), "cuts": (20.0, 40.0)},
}
OVER: dict[str, Any] = {"minimise_over": ({"factor": "sex"}, {"factor": "odi_band"}), "factors": FACTORS}
STRATIFIED: dict[str, Any] = {"stratify_by": ("sex", "odi_band"), "factors": FACTORS}


def found(method: str, n: int, lists: int = 20_000, ratio: tuple[int, ...] = (1, 1), **given: Any) -> Predictability:
    plan = RandomisationPlan.model_validate({"method": method, **given})
    return predictability(scheme(plan, ratio), n, lists, 1)


def near(rate: Rate, exact: float) -> bool:
    # A rate that never varies has no Monte Carlo error; then it must be exact up to rounding.
    return abs(rate.value - exact) <= FAR * rate.mcse + 1e-9


# ---------------------------------------------------------------- blocks of known size

GOLDEN = [(2, 75.00, 50.0), (4, 70.83, 33.3), (6, 68.33, 25.0), (8, 66.61, 20.0), (10, 65.32, 16.7)]


@pytest.mark.parametrize(("size", "right", "forced"), GOLDEN)
def test_the_golden_values(size: int, right: float, forced: float) -> None:
    exact = known_block(size)
    assert 100 * float(exact.right) == pytest.approx(right, abs=0.005)
    assert 100 * float(exact.forced) == pytest.approx(forced, abs=0.05)


@pytest.mark.parametrize("half", range(1, 31))
def test_a_known_block_has_the_closed_form_of_blackwell_and_hodges(half: int) -> None:
    exact = known_block(2 * half)
    assert exact.right == Fraction(1, 2) + (Fraction(4**half, comb(2 * half, half)) - 1) / (4 * half)
    assert exact.forced == Fraction(1, half + 1)


@pytest.mark.parametrize(("size", "ratio"), [(2, (1, 1)), (4, (1, 1)), (6, (1, 1)), (3, (2, 1)), (6, (2, 1)), (6, (1, 1, 1))])
def test_a_known_block_is_what_counting_all_its_orders_gives(size: int, ratio: tuple[int, ...]) -> None:
    labels = [arm for arm, part in enumerate(ratio) for _ in range(part * size // sum(ratio))]
    right, forced, orders = Fraction(0), 0, 0
    for order in permutations(range(size)):
        arms = [labels[position] for position in order]
        rest = [[arms[place:].count(arm) for arm in range(len(ratio))] for place in range(size)]
        right += sum((Fraction(int(left[arm] == max(left)), left.count(max(left))) for arm, left in zip(arms, rest, strict=True)))
        forced += sum(max(left) == sum(left) for left in rest)
        orders += 1
    exact = known_block(size, ratio)
    assert float(exact.right) == pytest.approx(float(right / orders / size), abs=1e-12)
    assert float(exact.forced) == pytest.approx(forced / orders / size, abs=1e-12)


@pytest.mark.parametrize(("size", "ratio"), [(0, (1, 1)), (5, (1, 1)), (4, (2, 1)), (-2, (1, 1))])
def test_a_block_that_does_not_fit_the_ratio_is_refused(size: int, ratio: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"the block size is {size}"):
        known_block(size, ratio)


@pytest.mark.parametrize(("size", "ratio"), [(2, (1, 1)), (4, (1, 1)), (8, (1, 1)), (6, (2, 1)), (6, (1, 1, 1))])
def test_simulated_blocks_agree_with_the_exact_values(size: int, ratio: tuple[int, ...]) -> None:
    exact, simulated = known_block(size, ratio), found("permuted_blocks", 10 * size, 10_000, ratio, block_sizes=(size,))
    assert near(simulated.informed_guess, float(exact.right))
    assert near(simulated.forced, float(exact.forced))
    if set(ratio) == {1}:
        assert near(simulated.convergence_guess, float(exact.right))


# ---------------------------------------------------------------- exact chains of the difference between two arms


class Chain(NamedTuple):
    convergence: float
    informed: float
    forced: float
    largest: float
    final: float


def chain(n: int, chance_of_first: Callable[[int, int], float]) -> Chain:
    """Exact expectations from the distribution of (difference, largest difference so far), place by place."""
    states, right, best, forced = {(0, 0): 1.0}, 0.0, 0.0, 0.0
    for place in range(n):
        later: dict[tuple[int, int], float] = {}
        for (d, largest), p in states.items():
            first = chance_of_first(d, place)
            right += p * (0.5 if d == 0 else first if d < 0 else 1 - first)
            best += p * max(first, 1 - first)
            forced += p * (max(first, 1 - first) == 1.0)
            for step, chance in ((1, first), (-1, 1 - first)):
                state = d + step, max(largest, abs(d + step))
                later[state] = later.get(state, 0.0) + p * chance
        states = later
    final = sum(p * abs(d) for (d, _), p in states.items())
    return Chain(right / n, best / n, forced / n, sum(p * largest for (_, largest), p in states.items()), final)


def coin(d: int, place: int) -> float:
    return 0.5 if d == 0 else 1 / 3 if d > 0 else 2 / 3


def stick(d: int, place: int) -> float:
    return 0.5 if abs(d) < 3 else float(d < 0)


def urn(d: int, place: int) -> float:
    return 0.5 if place == 0 else (place - d) / 2 / place


CHAINS: list[tuple[str, dict[str, Any], Callable[[int, int], float]]] = [
    ("simple", {}, lambda d, place: 0.5),
    ("biased_coin", {}, coin),
    ("big_stick", {}, stick),
    ("urn", {}, urn),
]


@pytest.mark.parametrize(("method", "given", "rule"), CHAINS)
def test_two_arms_agree_with_the_exact_chain(method: str, given: dict[str, Any], rule: Callable[[int, int], float]) -> None:
    exact, simulated = chain(60, rule), found(method, 60, **given)
    for rate, value in zip(simulated[:5], exact, strict=True):
        assert isinstance(rate, Rate)
        assert near(rate, value)
    assert simulated.level_imbalance is None


def test_the_long_run_of_the_coin_and_the_stick() -> None:
    """Efron: at balance 1/4 of the time for 2/3, so 1/8 + 3/4 * 2/3 right; big stick of limit b: 1/2 + 1/(4 b), 1/(2 b) forced.

    The start, at balance, moves a mean over 2,000 places by less than 0.002 (the chains mix within some ten places).
    """
    coin_, stick_ = found("biased_coin", 2_000, 500), found("big_stick", 2_000, 500)
    assert coin_.convergence_guess.value == pytest.approx(0.625, abs=0.002 + FAR * coin_.convergence_guess.mcse)
    assert stick_.convergence_guess.value == pytest.approx(0.5 + 1 / 12, abs=0.002 + FAR * stick_.convergence_guess.mcse)
    assert stick_.forced.value == pytest.approx(1 / 6, abs=0.002 + FAR * stick_.forced.mcse)


# ---------------------------------------------------------------- published simulations

# Zhao, Weng, Wu, Palesch, Pharm Stat 2012;11:39, tables III and IV: 5,000 simulated lists each; a blank is not printed or, for a block
# that the list cuts, follows another rule. Their urn has one ball of each kind at the start and adds five of the other kind.
PUBLISHED = [
    # method, given, n, largest imbalance, forced, right guesses
    ("permuted_blocks", {"block_sizes": (20,)}, 20, 3.446, 0.090, 0.616),
    ("permuted_blocks", {"block_sizes": (20,)}, 80, 4.655, 0.091, 0.617),
    ("permuted_blocks", {"block_sizes": (20,)}, 300, 5.690, 0.091, 0.617),
    ("biased_coin", {"bias": 0.7}, 20, 2.963, 0.0, 0.633),
    ("biased_coin", {"bias": 0.7}, 80, 4.374, 0.0, 0.640),
    ("biased_coin", {"bias": 0.7}, 300, 5.807, 0.0, 0.642),
    ("big_stick", {"limit": 4}, 100, 3.999, 0.118, 0.558),
    ("permuted_blocks", {"block_sizes": (10,)}, 100, 3.620, 0.167, 0.654),
    ("permuted_blocks", {"block_sizes": (4,)}, 100, 2.0, 0.334, 0.709),
    ("permuted_blocks", {"block_sizes": (2,)}, 100, 1.0, 0.5, 0.751),
    ("biased_coin", {"bias": 0.65}, 100, 5.490, 0.0, 0.614),
    ("permuted_blocks", {"block_sizes": (100,)}, 100, 8.207, 0.020, 0.558),
    ("urn", {"urn_start": 1.0, "urn_added": 5.0}, 100, 8.404, 0.0, 0.543),
]


@pytest.mark.parametrize(("method", "given", "n", "largest", "forced", "right"), PUBLISHED)
def test_published_simulations_are_reproduced(
    method: str, given: dict[str, Any], n: int, largest: float, forced: float, right: float
) -> None:
    """Both sides are simulated: the tolerance is FAR standard errors of the difference, theirs being that of 5,000 lists, plus rounding.

    Their guesser draws at a tie, ours scores the half: that guess adds at most 1/4 of variance to a place of theirs.
    """
    lists = 5_000
    ours = found(method, n, lists, **given)
    for rate, value, guessed in ((ours.largest_imbalance, largest, 0.0), (ours.forced, forced, 0.0), (ours.convergence_guess, right, 0.25)):
        theirs = sqrt(rate.mcse**2 + guessed / n / lists)
        assert rate.value == pytest.approx(value, abs=FAR * sqrt(rate.mcse**2 + theirs**2) + 5.1e-4)


# ---------------------------------------------------------------- every method


@pytest.mark.parametrize("ratio", [(1, 1), (2, 1), (1, 1, 1)])
@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("simple", STRATIFIED),
        ("permuted_blocks", {"block_sizes": (6, 12), **STRATIFIED}),
        ("urn", STRATIFIED),
        ("biased_coin", STRATIFIED),
        ("big_stick", STRATIFIED),
        ("minimisation", OVER),
    ],
)
def test_nobody_guesses_better_than_the_informed(method: str, given: dict[str, Any], ratio: tuple[int, ...]) -> None:
    rates = found(method, 60, 2_000, ratio, **given)
    largest_share = max(ratio) / sum(ratio)
    assert rates.convergence_guess.value <= rates.informed_guess.value + FAR * rates.convergence_guess.mcse
    assert largest_share - 1e-9 <= rates.informed_guess.value <= 1.0
    assert 0.0 <= rates.final_imbalance.value <= rates.largest_imbalance.value
    assert rates.level_imbalance is not None
    assert rates.forced.value <= rates.informed_guess.value


def test_strata_and_minimisation_balance_the_levels_that_simple_randomisation_leaves_to_chance() -> None:
    level = [
        found(method, 100, 2_000, **given).level_imbalance
        for method, given in (("simple", STRATIFIED), ("permuted_blocks", {"block_sizes": (4,), **STRATIFIED}), ("minimisation", OVER))
    ]
    chance, blocks, minimised = (rate.value for rate in level if rate)
    assert max(blocks, minimised) < chance / 3


def test_the_standard_error_is_that_of_the_mean() -> None:
    """Against the spread of 200 independent runs of 50 lists; its own relative error is 1/sqrt(398), five of them are allowed."""
    plan = scheme(RandomisationPlan(method="biased_coin"), (1, 1))
    runs = [predictability(plan, 30, 50, seed).final_imbalance for seed in range(200)]
    spread = float(np.std([run.value for run in runs], ddof=1))
    assert float(np.mean([run.mcse for run in runs])) == pytest.approx(spread, rel=5 / sqrt(398))


def test_levels_have_their_shares_and_draws_of_their_own() -> None:
    assert LEVEL_DRAW >= 2 * MAX_STRATA
    assert LEVEL_DRAW + MAX_FACTORS <= MAX_MINOR
    shares = ((0.2, 0.8), (0.5, 0.0, 0.5))
    passed = np.array([[0.2, 1.0, 1.0], [0.5, 0.5, 1.0]])
    factors = np.empty((2, 100_000), dtype=np.int64)
    draw_levels(3, 0, passed, factors)
    for row, each in zip(factors, shares, strict=True):
        counts = np.bincount(row, minlength=len(each))
        for count, share in zip(counts, each, strict=True):
            assert abs(count - 100_000 * share) <= FAR * sqrt(100_000 * share * (1 - share))
    for first, second in ((factors[0], factors[1]), (factors[0, 1:], factors[0, :-1])):
        correlation = float(np.mean((first - first.mean()) * (second - second.mean())) / (first.std() * second.std()))
        assert abs(correlation) < FAR / sqrt(100_000)


def test_rare_levels_are_seen_in_the_balance() -> None:
    plan = scheme(RandomisationPlan.model_validate({"method": "minimisation", **OVER}), (1, 1))
    even = predictability(plan, 60, 500, 1)
    assert even == predictability(plan, 60, 500, 1, ((0.5, 0.5), (1 / 3, 1 / 3, 1 / 3)))
    nobody = predictability(plan, 60, 500, 1, ((1.0, 0.0), (1.0, 0.0, 0.0)))
    # Everybody alike: minimisation is Efron's coin with 0.8.
    alike = found("biased_coin", 60, 500, bias=0.8)
    assert nobody[:5] == alike[:5]


@pytest.mark.parametrize(
    ("n", "lists", "shares", "said"),
    [
        (0, 1, None, ["the number of participants is 0", "the number of simulated lists is 1"]),
        (MAX_PLACES + 1, 10, None, [f"the number of participants is {MAX_PLACES + 1}"]),
        (10, 10, ((0.5, 0.5),), ["there are shares for 1 factors"]),
        (10, 10, ((0.5, 0.6), (0.5, 0.5)), ["the shares of factor 1 are 0.5, 0.6", "the shares of factor 2 are 0.5, 0.5"]),
        (10, 10, ((1.5, -0.5), (0.2, 0.3, 0.5)), ["the shares of factor 1 are 1.5, -0.5"]),
    ],
)
def test_what_cannot_be_simulated_is_refused(n: int, lists: int, shares: tuple[tuple[float, ...], ...] | None, said: list[str]) -> None:
    plan = scheme(RandomisationPlan.model_validate({"method": "minimisation", **OVER}), (1, 1))
    with pytest.raises(ProtocolError) as error:
        predictability(plan, n, lists, 1, shares)
    assert [problem.found for problem in error.value.problems] == said


def test_tickets_cost_little_balance() -> None:
    """2:1, coin 2/3, 200 participants: whole arms weighed by the ratio (exact) against tickets (simulated)."""
    states = {(0, 0, 0.0): 1.0}
    for _ in range(200):
        later: dict[tuple[int, int, float], float] = {}
        for (first, second, largest), p in states.items():
            behind = 2 * second - first
            chance = 1 / 3 + (behind > 0) / 2 if behind else 2 / 3  # half of the time the arm behind is followed, else 2:1
            for a, b, step in ((first + 1, second, chance), (first, second + 1, 1 - chance)):
                state = (a, b, max(largest, abs(a / 2 - b)))
                later[state] = later.get(state, 0.0) + p * step
        states = {state: p for state, p in later.items() if p > 1e-9}  # leaves out less than 1e-6 in all
    tickets = found("biased_coin", 200, 10_000, (2, 1))
    assert sum(p * abs(a / 2 - b) for (a, b, _), p in states.items()) == pytest.approx(0.88, abs=0.005)
    assert sum(p * largest for (_, _, largest), p in states.items()) == pytest.approx(3.56, abs=0.005)
    assert (round(tickets.final_imbalance.value, 2), round(tickets.largest_imbalance.value, 2)) == (0.98, 3.53)


# ---------------------------------------------------------------- the documented table

TABLE: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "simple": ("simple", (1, 1), STRATIFIED),
    "blocks of 4": ("permuted_blocks", (1, 1), {"block_sizes": (4,)}),
    "blocks of 4, 6, 8": ("permuted_blocks", (1, 1), {"block_sizes": (4, 6, 8)}),
    "blocks of 4, 6, 8 in 6 strata": ("permuted_blocks", (1, 1), {"block_sizes": (4, 6, 8), **STRATIFIED}),
    "urn 0, 1": ("urn", (1, 1), {}),
    "biased coin 2/3": ("biased_coin", (1, 1), {}),
    "big stick 3": ("big_stick", (1, 1), {}),
    "big stick 3 in 6 strata": ("big_stick", (1, 1), STRATIFIED),
    "minimisation 0.8, range": ("minimisation", (1, 1), OVER),
    "minimisation 0.8, variance": ("minimisation", (1, 1), {"measure": "variance", **OVER}),
    "2:1, simple": ("simple", (2, 1), {}),
    "2:1, blocks of 3, 6": ("permuted_blocks", (2, 1), {"block_sizes": (3, 6)}),
    "2:1, urn 0, 1": ("urn", (2, 1), {}),
    "2:1, biased coin 2/3": ("biased_coin", (2, 1), {}),
    "2:1, big stick 3": ("big_stick", (2, 1), {}),
    "2:1, minimisation 0.8, range": ("minimisation", (2, 1), OVER),
}


def table_row(name: str, rates: Predictability) -> str:
    shares = [f"{100 * rate.value:.1f}" for rate in rates[:3]]
    imbalances = [f"{rate.value:.2f}" if rate else "" for rate in rates[3:]]
    return f"| {' | '.join([name, *shares, *imbalances])} |".replace("|  |", "| |")


@pytest.mark.parametrize("name", TABLE)
def test_the_page_prints_what_the_code_computes(name: str) -> None:
    method, ratio, given = TABLE[name]
    rates = found(method, 200, 10_000, ratio, **given)
    assert max(rate.mcse for rate in rates[:3]) < 0.002
    assert table_row(name, rates) in PAGE.read_text(encoding="utf-8").splitlines()


def test_the_page_has_no_other_rows() -> None:
    lines = PAGE.read_text(encoding="utf-8").partition("## 5.")[2].splitlines()
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("| ") and not line.startswith("| ---")]
    assert [name for name in rows if name in TABLE] == list(TABLE)
