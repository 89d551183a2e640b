"""The figures that rules on allocation and recruitment compute, held against published values and SciPy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, poisson

from odisea.protocol.rules.population import _candidates, _holds
from odisea.protocol.rules.randomisation import guessed_share, off_plan
from odisea.protocol.rules.schedule import reaching
from odisea.protocol.sections import Check


@pytest.mark.parametrize(("block", "percent"), [(2, 75.0), (4, 70.8), (6, 68.3), (8, 66.6)])
def test_guesses_in_a_known_block_of_two_equal_arms(block: int, percent: float) -> None:
    assert float(100 * guessed_share((1, 1), block)) == pytest.approx(percent, abs=0.05)


def test_guesses_in_a_block_of_two_to_one() -> None:
    assert guessed_share((2, 1), 3) * 9 == 7  # A first: right 2/3; then 1/2 after an A or 1 after a B; the last is known


@given(st.integers(20, 300), st.sampled_from([0.5, 1 / 3, 2 / 3, 0.25]))
def test_probability_of_unequal_arms(total: int, share: float) -> None:
    far = [count for count in range(total + 1) if abs(count - share * total) > 0.05 * total + 1e-9]
    assert off_plan(total, share) == pytest.approx(sum(float(binom.pmf(count, total, share)) for count in far), abs=1e-9)


@given(st.integers(1, 2000), st.floats(0.5, 2500))
def test_probability_of_reaching_the_total(total: int, mean: float) -> None:
    assert reaching(total, mean) == pytest.approx(poisson.sf(total - 1, mean), abs=1e-9)


def test_the_figures_of_the_texts() -> None:
    assert off_plan(200, 0.5) == pytest.approx(0.137, abs=5e-4)
    assert reaching(200, 3.5 * 401 / 7) == pytest.approx(0.52, abs=5e-3)


CHECKS = st.builds(
    lambda op, value: Check(variable="x", op=op, value=value),
    st.sampled_from(["ge", "gt", "le", "lt", "eq"]),
    st.integers(-4, 4).map(float),
)


@given(st.lists(st.tuples(CHECKS, st.booleans()), min_size=2, max_size=5))
def test_candidates_find_an_eligible_value_where_there_is_one(checks: list[tuple[Check, bool]]) -> None:
    def eligible(value: float) -> bool:
        return all(_holds(check, value) != out for check, out in checks)

    anywhere = any(eligible(step / 4) for step in range(-24, 25))
    assert any(eligible(float(value)) for value in _candidates(checks)) == anywhere
