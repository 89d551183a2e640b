"""Closed forms against published tables, independent integration, brute-force averaging and their own limits.

Published values: Shieh 2020 (Psychometrika 85:101-120) tables 1 and 3; the continuous-endpoint vignette of rpact; the Stata
manual's `power onemean`; the SAS PROC POWER seminar; the README of powerbench / R `pwr`.
"""

import csv
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, special, stats

from odisea.closed_form import (
    UNADJUSTED,
    Adjustment,
    ancova_power,
    borm_design_factor,
    fractional_n_per_arm,
    groups_power,
    implied_sd,
    margin_power,
    minimal_detectable_difference,
    n_per_arm,
    noncentral_t_upper,
    one_sample_t_power,
    prob_estimate_beyond,
    realised_power,
    t_power,
)

SPEC = Path(__file__).parents[1] / "spec"


def table(name: str) -> list[dict[str, str]]:
    with (SPEC / name).open(newline="") as lines:
        return list(csv.DictReader(lines))


def by_correlation(r: float) -> Adjustment:
    return Adjustment(r**2, 1, "mean")


# ---------------------------------------------------------------- published and golden values


@pytest.mark.parametrize("row", table("power_ten_points.csv"), ids=lambda row: f"n{row['n_per_arm']}-sd{row['sd']}")
def test_power_for_ten_points_has_the_golden_digits(row: dict[str, str]) -> None:
    n, sd = float(row["n_per_arm"]), float(row["sd"])
    assert f"{t_power(10, sd, n, 0.05):.4f}" == row["t"]
    for column in list(row)[3:]:
        r = float(column.removeprefix("r"))
        assert f"{ancova_power(10, sd, n, 0.05, by_correlation(r)):.4f}" == row[column], column


@pytest.mark.parametrize("row", table("implied_sd.csv"), ids=lambda row: f"n{row['n_per_arm']}-{row['power']}-r{row['r']}")
def test_implied_sd_has_the_golden_digits(row: dict[str, str]) -> None:
    adjustment = by_correlation(float(row["r"])) if row["r"] else UNADJUSTED
    sd = implied_sd(float(row["n_per_arm"]), 10, float(row["power"]), 0.05, adjustment=adjustment)
    assert f"{sd:.2f}" == row["implied_sd"]


@pytest.mark.parametrize(
    "row",
    table("ancova_power_ten_points.csv"),
    ids=lambda row: f"n{row['n_per_arm']}-sd{row['sd']}-p{row['n_covariates']}-{row['r_squared']}",
)
def test_exact_ancova_power_has_the_golden_digits(row: dict[str, str]) -> None:
    r2, p = float(row["r_squared"]), int(row["n_covariates"])
    design = (10, float(row["sd"]), float(row["n_per_arm"]), 0.05)
    assert f"{ancova_power(*design, Adjustment(r2, p)):.4f}" == f"{float(row['exact']):.4f}"
    assert f"{ancova_power(*design, Adjustment(r2, p, 'none')):.4f}" == f"{float(row['no_imbalance']):.4f}"


@pytest.mark.parametrize("row", table("shieh_2020.csv"), ids=lambda row: f"{row['formula']}-{row['r_squared']}-p{row['n_covariates']}")
def test_groups_power_reproduces_shieh_2020(row: dict[str, str]) -> None:
    power = groups_power(
        [400, 450, 500],
        100,
        int(row["n_total"]) / 3,
        0.05,
        r_squared=float(row["r_squared"]),
        n_covariates=int(row["n_covariates"]),
        imbalance="shieh" if row["formula"] == "shieh" else "none",
    )
    # The published integration leaves out 1e-5 of the range at both ends: up to 0.03 percentage points.
    assert 100 * power == pytest.approx(float(row["power_percent"]), abs=0.03 if row["formula"] == "shieh" else 0.0051)


def test_rpact_vignette_sample_size() -> None:
    assert fractional_n_per_arm(10, 24, 0.8, 0.05) == pytest.approx(91.389, abs=5e-4)
    assert n_per_arm(10, 24, 0.8, 0.05) == (92, 92)
    assert t_power(10, 24, [92, 91], 0.05) == pytest.approx([0.80263, 0.79831], abs=5e-6)


def test_stata_and_sas_one_sample_power() -> None:
    stata = [0.6371, 0.7190, 0.7852, 0.8377, 0.8786, 0.9100]
    assert one_sample_t_power(5, 15, [50, 60, 70, 80, 90, 100], 0.05) == pytest.approx(stata, abs=5.1e-5)
    assert float(one_sample_t_power(1, 1, 10, 0.05)) == pytest.approx(0.80310, abs=5e-6)


def test_pwr_readme_sample_size() -> None:
    assert n_per_arm(0.4, 1, 0.8, 0.05) == (100, 100)
    assert t_power(0.4, 1, [100, 99], 0.05) == pytest.approx([0.80365, 0.79968], abs=5.1e-6)


@pytest.mark.parametrize(
    ("sd", "t80", "t90", "ancova80", "ancova90"),
    [
        (12, 24, 32, 19, 25),
        (14, 32, 43, 25, 33),
        (15, 37, 49, 29, 37),
        (16, 42, 55, 32, 42),
        (18, 52, 70, 40, 53),
        (20, 64, 86, 49, 65),
        (25, 100, 133, 76, 100),
    ],
)
def test_participants_needed_for_ten_points(sd: float, t80: int, t90: int, ancova80: int, ancova90: int) -> None:
    needed = [n_per_arm(10, sd, power, 0.05, adjustment=a)[0] for a in (UNADJUSTED, Adjustment(0.25, 1)) for power in (0.8, 0.9)]
    assert needed == [t80, t90, ancova80, ancova90]


@pytest.mark.parametrize(
    ("n", "sd", "t", "ancova"),
    [(60, 12, 6.19, 5.38), (60, 15, 7.74, 6.73), (60, 18, 9.28, 8.07), (60, 20, 10.31, 8.97), (100, 15, 5.97, 5.19), (100, 18, 7.17, 6.22)],
)
def test_minimal_detectable_difference_has_the_golden_digits(n: float, sd: float, t: float, ancova: float) -> None:
    assert minimal_detectable_difference(n, sd, 0.8, 0.05) == pytest.approx(t, abs=5e-3)
    assert minimal_detectable_difference(n, sd, 0.8, 0.05, adjustment=by_correlation(0.5)) == pytest.approx(ancova, abs=5e-3)


def test_one_way_anova_of_the_telerehabilitation_trial() -> None:
    effect = 0.4 * np.sqrt(1.5)  # Cohen's f = 0.4 over three equally spaced means
    assert groups_power([-effect, 0, effect], 1, 21, 0.05) < 0.8 <= groups_power([-effect, 0, effect], 1, 22, 0.05)


# ---------------------------------------------------------------- independent integration


def tail_by_conditioning_on_z(c: float, df: float, nc: float) -> float:
    """P(|T| > c) the other way round: given Z it is the probability that chi2(df) stays below df ((Z + nc) / c)^2."""

    def integrand(z: float) -> float:
        return float(np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * special.gammainc(df / 2, df * ((z + nc) / c) ** 2 / 2))

    spread = 5 * c / np.sqrt(2 * df)
    turns = np.clip([-nc, c - nc, c - nc - spread, c - nc + spread, -c - nc, -c - nc - spread, -c - nc + spread, 0.0], -12.0, 12.0)
    edges = np.unique(np.concatenate([[-12.0, 12.0], turns]))
    return sum(integrate.quad(integrand, low, high, epsabs=1e-13, limit=200)[0] for low, high in pairwise(edges))


@pytest.mark.parametrize("df", [1, 2, 3.7, 8, 19.5, 20, 58, 118, 197, 998, 20_000])
def test_noncentral_t_equals_an_independent_integral(df: float) -> None:
    for alpha, nc in product((0.001, 0.05, 0.4), (0.0, 0.3, 1.7, 2.83, 6.0, 9.7, 14.0)):
        c = float(stats.t.isf(alpha / 2, df))
        got = float(noncentral_t_upper(c, df, nc) + noncentral_t_upper(c, df, -nc))
        assert got == pytest.approx(tail_by_conditioning_on_z(c, df, nc), abs=1e-8)


def test_noncentral_t_is_finite_where_scipy_is_not() -> None:
    assert float(noncentral_t_upper(-1.972, 197, 10)) == pytest.approx(1.0, abs=1e-15)
    tails = noncentral_t_upper(1.972, 197, np.linspace(0, 40, 4001))
    assert np.all(np.isfinite(tails))
    assert np.all(np.diff(tails) >= -1e-15)


def test_noncentral_t_meets_its_limits() -> None:
    t = np.linspace(-4, 4, 17)
    assert noncentral_t_upper(t, 7, 0) == pytest.approx(stats.t.sf(t, 7), abs=1e-14)
    assert noncentral_t_upper(t, 1e9, 1.5) == pytest.approx(stats.norm.sf(t - 1.5), abs=1e-8)  # error of order 1 / df


def ancova_power_by_quad(d: float, n1: float, n2: float, r2: float, p: int) -> float:
    """Exact power by adaptive quadrature over B, its end point singularity put into the rule's weight."""
    total, df = n1 + n2, n1 + n2 - 2 - p
    a, b, c = (total - p - 1) / 2, p / 2, float(stats.t.isf(0.025, df))
    noncentrality = d**2 / ((1 - r2) * (1 / n1 + 1 / n2))

    def integrand(share: float) -> float:
        return float(
            np.exp((a - 1) * np.log(share) - special.betaln(a, b)) * tail_by_conditioning_on_z(c, df, np.sqrt(noncentrality * share))
        )

    low = float(special.betaincinv(a, b, 1e-14))
    return float(integrate.quad(integrand, low, 1.0, weight="alg", wvar=(0, b - 1), epsabs=1e-10)[0])


@pytest.mark.parametrize(
    ("d", "n1", "n2", "r2", "p"),
    [
        (10 / 18, 60, 60, 0.25, 5),
        (0.5, 40, 80, 0.05, 4),
        (0.4, 100, 100, 0.36, 1),
        (1.2, 8, 9, 0.5, 2),
        (2.0, 4, 4, 0.6, 4),
        (0.9, 15, 12, 0.1, 9),
    ],
)
def test_exact_ancova_power_equals_an_independent_integral(d: float, n1: float, n2: float, r2: float, p: int) -> None:
    got = float(ancova_power(d, 1, n1, 0.05, Adjustment(r2, p), n_reference=n2))
    assert got == pytest.approx(ancova_power_by_quad(d, n1, n2, r2, p), abs=1e-8)


@pytest.mark.parametrize(("n1", "n2", "p"), [(60, 60, 5), (40, 80, 1), (6, 7, 3), (500, 450, 12)])
def test_two_groups_by_the_f_series_equal_the_t_mixture(n1: float, n2: float, p: int) -> None:
    for d in (0.0, 0.1, 0.5, 1.5):
        by_f = groups_power([0, d], 1, [n1, n2], 0.05, r_squared=0.3, n_covariates=p)
        assert by_f == pytest.approx(float(ancova_power(d, 1, n1, 0.05, Adjustment(0.3, p), n_reference=n2)), abs=1e-12)


# ---------------------------------------------------------------- brute force over random covariates


def conditional_powers(effect: NDArray[np.float64], n_per_group: int, *, p: int, r2: float, n_draws: int) -> NDArray[np.float64]:
    """Exact power of the overall F test given the covariates, over drawn covariates: its mean is the power, free of any formula for B."""
    groups = effect.size
    x = np.random.default_rng(20_200_301).standard_normal((n_draws, groups, n_per_group, p))
    mean = x.mean(axis=2)
    centred = x - mean[:, :, None, :]
    within = np.einsum("rgnp,rgnq->rpq", centred, centred)
    spread = np.eye(groups) / n_per_group + mean @ np.linalg.solve(within, mean.transpose(0, 2, 1))
    contrast = np.hstack([np.ones((groups - 1, 1)), -np.eye(groups - 1)])
    shift = contrast @ effect
    noncentrality = np.einsum(
        "i,ri->r",
        shift,
        np.linalg.solve(contrast @ spread @ contrast.T, np.broadcast_to(shift[:, None], (n_draws, groups - 1, 1)))[:, :, 0],
    )
    df = groups * (n_per_group - 1) - p
    return np.asarray(stats.ncf.sf(stats.f.isf(0.05, groups - 1, df), groups - 1, df, noncentrality / (1 - r2)))


def test_two_arm_ancova_power_is_the_mean_over_drawn_covariates() -> None:
    powers = conditional_powers(np.array([0.0, 1.0]), 12, p=5, r2=0.4, n_draws=40_000)
    exact = float(ancova_power(1, 1, 12, 0.05, Adjustment(0.4, 5)))
    assert powers.mean() == pytest.approx(exact, abs=4 * powers.std() / np.sqrt(powers.size))


def test_three_group_power_is_the_mean_over_drawn_covariates_and_above_shieh() -> None:
    effect = np.array([4.0, 4.5, 5.0])
    powers = conditional_powers(effect, 9, p=10, r2=0.81, n_draws=20_000)
    mcse = powers.std() / np.sqrt(powers.size)
    exact, shieh = (groups_power(effect, 1, 9, 0.05, r_squared=0.81, n_covariates=10, imbalance=formula) for formula in ("exact", "shieh"))
    assert powers.mean() == pytest.approx(exact, abs=4 * mcse)
    assert powers.mean() - shieh > 10 * mcse  # the published first shape of the beta distribution is one half too small here


# ---------------------------------------------------------------- shape: finite, monotone, limits


def test_power_is_finite_and_monotone_on_fifteen_thousand_designs() -> None:
    difference = np.linspace(0, 30, 31)[:, None, None, None]
    sd = np.array([6.0, 10, 12, 14, 15, 16, 18, 20, 24, 30])[None, :, None, None]
    n = np.array([2.0, 3, 4, 5, 8, 10, 11, 12, 20, 37, 60, 100, 150, 400, 1000, 5000])[None, None, :, None]
    alpha = np.array([0.001, 0.05, 0.2])[None, None, None, :]
    power = t_power(difference, sd, n, alpha)
    assert power.size == 14_880
    assert np.all(np.isfinite(power) & (power >= 0) & (power <= 1))
    for axis, sign in ((0, 1), (1, -1), (2, 1), (3, 1)):
        assert np.all(sign * np.diff(power, axis=axis) >= -1e-12)


def test_adjusted_power_is_finite_and_monotone() -> None:
    difference, n = np.linspace(0, 30, 11)[:, None], np.array([4.0, 5, 8, 12, 20, 60, 100, 1000])
    for p, r2, imbalance in product((1, 5), (0.0, 0.5), ("exact", "mean", "none")):
        power = ancova_power(difference, 18, n, 0.05, Adjustment(r2, p, imbalance))  # type: ignore[arg-type]
        assert np.all(np.isfinite(power) & (power >= 0) & (power <= 1))
        assert np.all(np.diff(power, axis=0) >= -1e-12)
        assert np.all(np.diff(power, axis=1) >= -1e-12)


@settings(max_examples=60, deadline=None)
@given(
    d=st.floats(0.05, 3),
    n1=st.integers(4, 400),
    n2=st.integers(4, 400),
    alpha=st.floats(0.001, 0.3),
    p=st.integers(0, 5),
    r2=st.floats(0, 0.9),
)
def test_swapping_arms_or_sign_changes_nothing_and_one_more_participant_helps(
    *, d: float, n1: int, n2: int, alpha: float, p: int, r2: float
) -> None:
    adjustment = Adjustment(r2 if p else 0.0, p)
    power = float(ancova_power(d, 1, n1, alpha, adjustment, n_reference=n2))
    assert float(ancova_power(-d, 1, n2, alpha, adjustment, n_reference=n1)) == pytest.approx(power, abs=1e-13)
    assert float(ancova_power(d, 1, n1 + 1, alpha, adjustment, n_reference=n2)) >= power - 1e-12
    assert alpha - 1e-12 <= power <= 1


def test_power_without_effect_is_alpha() -> None:
    for alpha in (0.001, 0.05, 0.2):
        assert float(t_power(0, 15, 60, alpha)) == pytest.approx(alpha, abs=1e-13)
        assert float(ancova_power(0, 15, 7, alpha, Adjustment(0.3, 4))) == pytest.approx(alpha, abs=1e-13)


def test_two_sided_power_is_both_tails() -> None:
    design = {"sd": 15, "n_arm": 10}
    favour, against = (float(t_power(sign * 4, **design, alpha=0.025, sides=1)) for sign in (1, -1))
    assert float(t_power(4, **design, alpha=0.05)) == pytest.approx(favour + against, abs=1e-14)
    assert against > 1e-3


def test_covariates_without_worth_cost_power() -> None:
    exact, ignored, unadjusted = (float(ancova_power(10, 18, 20, 0.05, Adjustment(0, 4, f))) for f in ("exact", "none", "none"))
    assert exact < ignored
    assert ignored < float(t_power(10, 18, 20, 0.05))
    assert unadjusted == ignored


def test_mean_imbalance_is_close_to_the_exact_power_in_the_trials_own_range() -> None:
    sd, r2 = np.linspace(12, 25, 14), 0.25
    exact, mean = (ancova_power(10, sd, 60, 0.05, Adjustment(r2, 5, f)) for f in ("exact", "mean"))
    assert np.abs(exact - mean).max() < 2e-3


# ---------------------------------------------------------------- margins and estimates


def test_power_to_show_more_than_the_true_difference_is_the_level() -> None:
    assert float(margin_power(10, 10, 15, 60, 0.05)) == pytest.approx(0.025, abs=1e-14)
    assert float(margin_power(10, 10, 15, 60, 0.05, sides=1)) == pytest.approx(0.05, abs=1e-14)
    assert float(margin_power(10, 10, 15, 60, 0.05, adjustment=Adjustment(0.3, 5))) == pytest.approx(0.025, abs=1e-13)


def test_margin_power_is_the_one_sided_power_of_the_excess() -> None:
    assert float(margin_power(10, 5, 15, 60, 0.05)) == pytest.approx(float(t_power(5, 15, 60, 0.025, sides=1)), abs=1e-15)
    assert float(margin_power(0, -5, 15, 60, 0.05)) == pytest.approx(float(margin_power(5, 0, 15, 60, 0.05)), abs=1e-15)


def test_estimate_reaches_the_true_difference_half_the_time() -> None:
    for adjustment in (UNADJUSTED, Adjustment(0.3, 5), Adjustment(0.3, 5, "mean")):
        assert float(prob_estimate_beyond(10, 10, 15, 60, adjustment=adjustment)) == pytest.approx(0.5, abs=1e-14)


def test_estimate_beyond_a_target_without_covariates_is_a_normal_tail() -> None:
    se = 15 * np.sqrt(1 / 60 + 1 / 50)
    assert float(prob_estimate_beyond(10, 6.8, 15, 60, n_reference=50)) == pytest.approx(float(stats.norm.sf(3.2 / se)), abs=1e-14)


def test_estimate_beyond_a_target_with_covariates_is_the_mean_over_drawn_covariates() -> None:
    n, r2 = 10, 0.5
    sd_given_x = np.sqrt((1 - r2) * 2 / n)
    x = np.random.default_rng(7).standard_normal((200_000, 2, n))
    gap, within = x[:, 0].mean(axis=1) - x[:, 1].mean(axis=1), x.var(axis=2).sum(axis=1) * n
    given_x = stats.norm.sf(0.3 / (sd_given_x * np.sqrt(1 + n / 2 * gap**2 / within)))
    got = float(prob_estimate_beyond(0.8, 0.5, 1, n, adjustment=Adjustment(r2, 1)))
    assert got == pytest.approx(given_x.mean(), abs=4 * given_x.std() / np.sqrt(given_x.size))


# ---------------------------------------------------------------- sizes


@settings(max_examples=25, deadline=None)
@given(d=st.floats(0.2, 2), power=st.floats(0.3, 0.99), p=st.integers(0, 4), ratio=st.sampled_from([0.5, 1.0, 2.0]))
def test_size_is_sufficient_and_smallest(d: float, power: float, p: int, ratio: float) -> None:
    adjustment = Adjustment(0.2 if p else 0.0, p)
    n, n_reference = n_per_arm(d, 1, power, 0.05, adjustment=adjustment, ratio=ratio)
    assert n_reference == int(np.ceil(ratio * n))
    assert float(ancova_power(d, 1, n, 0.05, adjustment, n_reference=n_reference)) >= power
    assert realised_power(d, 1, n - 1, 0.05, adjustment, n_reference=int(np.ceil(ratio * (n - 1)))) < power


def test_implied_sd_and_detectable_difference_undo_the_power() -> None:
    for adjustment in (UNADJUSTED, Adjustment(0.36, 5)):
        sd = implied_sd(40, 10, 0.85, 0.05, adjustment=adjustment, n_reference=70)
        assert float(ancova_power(10, sd, 40, 0.05, adjustment, n_reference=70)) == pytest.approx(0.85, abs=1e-10)
        assert minimal_detectable_difference(40, sd, 0.85, 0.05, adjustment=adjustment, n_reference=70) == pytest.approx(10, abs=1e-9)


def test_borm_factor_times_the_t_size_plus_one_is_the_ancova_size() -> None:
    assert float(borm_design_factor(0.5)) == 0.75
    for r in (0.3, 0.5, 0.7):
        rule = np.ceil(borm_design_factor(r) * fractional_n_per_arm(10, 20, 0.8, 0.05)) + 1
        assert abs(rule - n_per_arm(10, 20, 0.8, 0.05, adjustment=Adjustment(r**2, 1))[0]) <= 1


def test_realised_power_averages_and_counts_untestable_trials_as_failures() -> None:
    arm, reference = np.array([60, 60, 40, 1]), np.array([60, 60, 80, 0])
    expected = (2 * t_power(10, 20, 60, 0.05) + t_power(10, 20, 40, 0.05, n_reference=80)) / 4
    assert realised_power(10, 20, arm, 0.05, UNADJUSTED, n_reference=reference) == pytest.approx(float(expected), abs=1e-14)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: t_power(10, 0, 60, 0.05), "sd must be positive"),
        (lambda: t_power(10, float("nan"), 60, 0.05), "sd must be finite"),
        (lambda: t_power(10, 15, 60, 1.0), "alpha must lie between 0 and 1"),
        (lambda: t_power(10, 15, 0, 0.05), "n_arm must be at least 1"),
        (lambda: t_power(10, 15, 1, 0.05), "2 participants leave 0 residual degrees of freedom"),
        (lambda: t_power(10, 15, 60, 0.05, sides=3), "a test has 1 or 2"),
        (lambda: ancova_power(10, 15, 60, 0.05, Adjustment(1.0, 1)), "r_squared must be at least 0 and below 1"),
        (lambda: ancova_power(10, 15, 60, 0.05, Adjustment(0.3, 0)), "although there is no covariate"),
        (lambda: ancova_power(10, 15, 60, 0.05, Adjustment(0.3, -1)), "n_covariates must be a whole number"),
        (lambda: ancova_power(10, 15, 60, 0.05, Adjustment(0.3, 1, "keppel")), "it must be 'exact', 'mean' or 'none'"),  # type: ignore[arg-type]
        (lambda: implied_sd(60, 0, 0.8, 0.05), "difference must be positive"),
        (lambda: implied_sd(60, 10, 0.04, 0.05), "power must lie between alpha"),
        (lambda: n_per_arm(0, 15, 0.8, 0.05), "a true advantage is needed"),
        (lambda: n_per_arm(1e-6, 15, 0.8, 0.05), "the wanted power is not reached"),
        (lambda: groups_power([1.0], 15, 60, 0.05), "at least two groups"),
        (lambda: groups_power([1, 2], 15, 60, 0.05, imbalance="mean"), "it must be 'exact', 'shieh' or 'none'"),  # type: ignore[arg-type]
        (lambda: borm_design_factor(1.0), "correlation must lie between -1 and 1"),
        (lambda: noncentral_t_upper(2, 0.5, 1), "df must be at least 1"),
    ],
)
def test_impossible_arguments_get_a_clear_message(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
