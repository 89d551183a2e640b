"""The formulas that published sizes come from: each number and its power undo one another, limits hold, nonsense is refused."""

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from odisea.closed_form import (
    ROUNDINGS,
    Variance,
    anova_n_per_group,
    anova_power,
    bonett_ancova_n_per_arm,
    cluster_inflation,
    fractional_n_per_arm,
    one_sample_n,
    one_sample_t_power,
    partially_nested_power,
    proportions_n_per_arm,
    proportions_power,
    recruited_for,
    rounded_arms,
    t_power,
    z_effect_size,
    z_n_per_arm,
    z_power,
)

VARIANCES = get_args(Variance)


@settings(max_examples=40, deadline=None)
@given(p=st.floats(0.05, 0.9), gap=st.floats(0.05, 0.6), power=st.floats(0.55, 0.98), ratio=st.sampled_from([0.5, 1.0, 3.0]))
def test_the_number_for_two_proportions_has_the_power_it_was_made_for(p: float, gap: float, power: float, ratio: float) -> None:
    q = p - gap if p - gap > 0.01 else p + min(gap, 0.95 - p)
    for variance in VARIANCES:
        for continuity in (False, True):
            kind = {"variance": variance, "continuity": continuity}
            n = proportions_n_per_arm(p, q, power, 0.05, ratio=ratio, **kind)
            if n >= 1 and ratio * n >= 1:
                assert proportions_power(p, q, n, 0.05, n_reference=ratio * n, **kind) == pytest.approx(power, abs=1e-9)


def test_fleiss_continuity_correction() -> None:
    """The textbook form: n/4 (1 + sqrt(1 + 4 / (n |p - q|)))^2 for equal arms."""
    n = proportions_n_per_arm(0.55, 0.4, 0.8, 0.05)
    expected = n / 4 * (1 + np.sqrt(1 + 4 / (n * 0.15))) ** 2
    assert proportions_n_per_arm(0.55, 0.4, 0.8, 0.05, continuity=True) == pytest.approx(expected, rel=1e-12)


def exact_power_of_pooled_z(p: float, q: float, n: int) -> float:
    """Power of the chi-squared test by summing over every pair of counts."""
    k = np.arange(n + 1)
    first, second = np.meshgrid(k / n, k / n, indexing="ij")
    pooled = (first + second) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(first - second) / np.sqrt(pooled * (1 - pooled) * 2 / n)
    reject = np.nan_to_num(z) > stats.norm.isf(0.025)
    return float(stats.binom.pmf(k, n, p) @ reject @ stats.binom.pmf(k, n, q))


def test_normal_approximation_of_two_proportions_against_enumeration() -> None:
    """The exact power jumps with n by up to about one lattice point's probability in each arm, 1 / sqrt(2 pi n p (1 - p))."""
    for p, q, n in ((0.55, 0.4, 173), (0.6, 0.4, 97), (0.3, 0.2, 294)):
        jump = 1 / np.sqrt(2 * np.pi * n * q * (1 - q))
        assert proportions_power(p, q, n, 0.05) == pytest.approx(exact_power_of_pooled_z(p, q, n), abs=jump)


@settings(max_examples=40, deadline=None)
@given(d=st.floats(0.1, 2), power=st.floats(0.55, 0.98), sides=st.sampled_from([1, 2]), ratio=st.sampled_from([0.5, 1.0, 2.0]))
def test_z_formulas_undo_one_another(d: float, power: float, sides: int, ratio: float) -> None:
    n = z_n_per_arm(10 * d, 10, power, 0.05, ratio=ratio, sides=sides)
    if min(n, ratio * n) >= 1:
        assert z_effect_size(n, power, 0.05, n_reference=ratio * n, sides=sides) == pytest.approx(d, rel=1e-12)
        assert float(z_power(d, 1, n, 0.05, n_reference=ratio * n, sides=sides)) == pytest.approx(power, abs=5e-5)


def test_the_t_test_tends_to_the_z_test_and_needs_more() -> None:
    assert float(t_power(0.01, 1, 160_000, 0.05)) == pytest.approx(float(z_power(0.01, 1, 160_000, 0.05)), abs=1e-5)
    more = [fractional_n_per_arm(d, 1, 0.8, 0.05) - z_n_per_arm(d, 1, 0.8, 0.05) for d in (0.1, 0.2, 0.5)]
    assert more == pytest.approx([stats.norm.isf(0.025) ** 2 / 4] * 3, abs=0.02)  # Guenther's correction, Bonett's constant


def test_bonett_without_covariates_is_guenther() -> None:
    assert bonett_ancova_n_per_arm(400, 10, 0.8, 0.05, n_covariates=0) == pytest.approx(fractional_n_per_arm(10, 20, 0.8, 0.05), abs=0.02)


def test_anova_and_one_sample_numbers_have_their_power() -> None:
    for groups in (2, 3, 5):
        n = anova_n_per_group(0.25, groups, 0.8, 0.05)
        assert anova_power(0.25, groups, n, 0.05) == pytest.approx(0.8, abs=1e-9)
    assert anova_n_per_group(0.25, 2, 0.8, 0.05) == pytest.approx(fractional_n_per_arm(0.5, 1, 0.8, 0.05), abs=1e-8)
    n = one_sample_n(5, 15, 0.8, 0.05)
    assert float(one_sample_t_power(5, 15, n, 0.05)) == pytest.approx(0.8, abs=1e-9)


def test_a_partially_nested_trial_without_clustering_is_a_plain_one() -> None:
    normal = partially_nested_power(10, 20, 60, 0.05, icc=0, cluster_size=1, df="normal")
    assert float(normal) == pytest.approx(float(z_power(10, 20, 60, 0.05)), abs=1e-14)
    welch = partially_nested_power(10, 20, 60, 0.05, icc=0, cluster_size=1)  # 59 + 59 degrees of freedom, equal variances
    assert float(welch) == pytest.approx(float(t_power(10, 20, 60, 0.05)), abs=1e-12)


def simulated_welch(m: int, icc: float, draws: int) -> float:
    """Share of rejections of Welch's t test of the group means against single participants; 60 + 60, SD 18, R^2 .25, difference 10."""
    generator, sd, n = np.random.default_rng(5), 18 * 0.75**0.5, 60
    means = 10 + sd * np.sqrt(icc + (1 - icc) / m) * generator.standard_normal((draws, n // m))
    single = sd * generator.standard_normal((draws, n))
    return float(np.mean(stats.ttest_ind(means, single, axis=1, equal_var=False).pvalue < 0.05))


def test_partially_nested_power_against_simulated_tests() -> None:
    """With twelve groups the formula is Welch's power, within 4 Monte Carlo standard errors; with four it is 1 to 2 points too high.

    The formula takes the degrees of freedom as known, the test estimates them; docs/statistics/closed_forms.md gives the figures.
    """
    draws = 40_000
    power = float(partially_nested_power(10, 18, 60, 0.05, icc=0.05, cluster_size=5, r_squared=0.25))
    assert simulated_welch(5, 0.05, draws) == pytest.approx(power, abs=4 * np.sqrt(power * (1 - power) / draws))
    few = float(partially_nested_power(10, 18, 60, 0.05, icc=0.05, cluster_size=15, r_squared=0.25))
    normal = float(partially_nested_power(10, 18, 60, 0.05, icc=0.05, cluster_size=15, r_squared=0.25, df="normal"))
    rejected = simulated_welch(15, 0.05, draws)
    assert rejected < few < normal
    assert few - rejected < normal - few


def test_allowance_for_loss() -> None:
    assert recruited_for(60, 0.4, "divide") == pytest.approx(100)
    assert recruited_for(60, 0.4, "multiply") == pytest.approx(84)
    assert recruited_for(60, 0.4, "multiply") * 0.6 == pytest.approx(60 * (1 - 0.4**2))
    assert float(cluster_inflation(0.05, 5)) == 1.2


@given(n=st.floats(0.01, 1e5), rule=st.sampled_from(sorted(ROUNDINGS)))
def test_whole_numbers_are_near(n: float, rule: str) -> None:
    arms, total = rounded_arms(n, (1.0, 2.0), rule)  # type: ignore[arg-type]
    _, what, multiple = ROUNDINGS[rule]  # type: ignore[index]
    assert abs(total - 3 * n) <= multiple * (2 if what == "arm" else 3 if what == "first" else 1)
    assert all(isinstance(number, int) for number in (*arms, total))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: z_n_per_arm(0, 15, 0.8, 0.05), "a true advantage is needed"),
        (lambda: z_power(10, 15, 60, 0.05, sides=3), "a test has 1 or 2"),
        (lambda: proportions_n_per_arm(0.4, 0.4, 0.8, 0.05), "both proportions are 0.4"),
        (lambda: proportions_n_per_arm(1.0, 0.4, 0.8, 0.05), "arm must lie between 0 and 1"),
        (lambda: anova_power(-0.1, 3, 20, 0.05), "f must be 0 or above"),
        (lambda: anova_power(0.1, 1, 20, 0.05), "at least two groups"),
        (lambda: cluster_inflation(1.1, 5), "icc must lie between 0 and 1"),
        (lambda: partially_nested_power(10, 20, 60, 0.05, icc=0.1, cluster_size=40), "number of groups must be at least 2"),
        (lambda: partially_nested_power(10, 20, 60, 0.05, icc=0.1, cluster_size=4, df="z"), "it must be 'normal' or"),  # type: ignore[arg-type]
        (lambda: bonett_ancova_n_per_arm(1.37, 0.7, 0.9, 0.05, n_covariates=-1), "n_covariates must be 0 or above"),
        (lambda: recruited_for(60, 1.0, "divide"), "attrition must be at least 0 and below 1"),
        (lambda: recruited_for(60, 0.2, "add"), "inflation is 'add'"),  # type: ignore[arg-type]
        (lambda: rounded_arms(60, (1.0, 0.0), "up_per_arm"), "shares must be positive"),
    ],
)
def test_impossible_arguments_get_a_clear_message(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
