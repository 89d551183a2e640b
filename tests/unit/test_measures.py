"""Performance measures: worked values, published Monte Carlo errors, and the Monte Carlo error against its own definition.

Published values: the MIsim example of rsimsum and of White's simsum (1,000 replicates, truth 0.5), rebuilt here from its
moments; the estimates themselves are not needed for the formulas.
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from odisea.performance.measures import Measure, Replicates, Truth, make_replicates, performance_measures

Floats = NDArray[np.float64]
NAN = float("nan")
HOUSE_ORDER = [
    *(
        "power",
        "reject_benefit",
        "reject_harm",
        "true_value",
        "mean_estimate",
        "bias",
        "empirical_se",
        "model_se",
        "relative_error_se",
        "mse",
    ),
    *("coverage", "bias_eliminated_coverage", "relative_precision", "ci_width", "prob_estimate_beyond_target", "failures"),
    *("closed_form_power", "closed_form_gap", "reject_margin"),
]


def normal_replicates(estimate: Floats, se: Floats, ok: NDArray[np.bool_] | None = None) -> Replicates:
    half, p = 1.959963984540054 * se, 2 * special.ndtr(-np.abs(estimate / se))
    return make_replicates(estimate, se, estimate - half, estimate + half, p=p, ok=np.ones(se.size, bool) if ok is None else ok)


def with_moments(n: int, mean: float, sd: float, seed: int = 1) -> Floats:
    """Return n numbers with exactly this mean and standard deviation."""
    z = np.random.default_rng(seed).standard_normal(n)
    return np.asarray(mean + sd * (z - z.mean()) / z.std(ddof=1))


def by_name(measures: tuple[Measure, ...]) -> dict[str, Measure]:
    return {m.measure: m for m in measures}


# ---------------------------------------------------------------- worked by hand


@pytest.fixture
def four_trials() -> Replicates:
    """Three fits and one failure; lower is better, the truth is -10."""
    return make_replicates(
        [-12.0, -8.0, -7.0, NAN],
        [2.0, 3.0, 4.0, NAN],
        [-16.0, -14.0, -15.0, NAN],
        [-8.0, -2.0, 1.0, NAN],
        p=[0.001, 0.01, 0.08, NAN],
        ok=[True, True, True, False],
    )


def test_measures_worked_by_hand(four_trials: Replicates) -> None:
    got = by_name(performance_measures(four_trials, alpha=0.05, direction=-1, truth=Truth(-10.0), target=7.5, closed_form=0.8))
    root = np.sqrt
    expected = {
        "power": (2 / 4, root(0.25 / 4), 4),
        "reject_benefit": (2 / 4, root(0.25 / 4), 4),
        "reject_harm": (0.0, 0.0, 4),
        "true_value": (-10.0, 0.0, 0),
        "mean_estimate": (-9.0, root(7 / 3), 3),
        "bias": (1.0, root(7 / 3), 3),
        "empirical_se": (root(7), root(7 / 4), 3),
        # squared SEs 4, 9, 16: mean 29/3, variance 109/3
        "model_se": (root(29 / 3), root(109 / 3 / (4 * 3 * 29 / 3)), 3),
        "relative_error_se": (100 * (root(29 / 21) - 1), 100 * root(29 / 21) * root(109 / 3 / (4 * 3 * (29 / 3) ** 2) + 1 / 4), 3),
        # squared errors 4, 4, 9: mean 17/3, variance 25/3
        "mse": (17 / 3, root(25 / 9), 3),
        "coverage": (1.0, 0.0, 3),
        "bias_eliminated_coverage": (1.0, 0.0, 3),
        # widths 8, 12, 16
        "ci_width": (12.0, 4 / root(3), 3),
        "prob_estimate_beyond_target": (2 / 3, root(2 / 27), 3),
        "failures": (1 / 4, root(3 / 64), 4),
        "closed_form_power": (0.8, 0.0, 0),
        "closed_form_gap": (-0.3 / 0.25, 1.0, 4),
        "reject_margin": (1 / 4, root(3 / 64), 4),
    }
    assert set(got) == set(expected)
    for name, (value, mcse, n) in expected.items():
        assert got[name][1:] == pytest.approx((value, mcse, n), abs=1e-12), name


def test_all_measures_come_in_the_order_of_the_result_file(four_trials: Replicates) -> None:
    names = [
        m.measure
        for m in performance_measures(
            four_trials, alpha=0.05, direction=-1, truth=Truth(-10.0), target=10, comparator=[-9.0, NAN, -8.0, -1.0], closed_form=0.8
        )
    ]
    assert names == HOUSE_ORDER


def test_direction_decides_what_is_benefit(four_trials: Replicates) -> None:
    got = by_name(performance_measures(four_trials, alpha=0.05, direction=1, target=7.5))
    assert (got["reject_benefit"].value, got["reject_harm"].value) == (0.0, 0.5)
    assert (got["prob_estimate_beyond_target"].value, got["reject_margin"].value) == (0.0, 0.0)


def test_mirrored_trials_give_mirrored_measures(four_trials: Replicates) -> None:
    r = four_trials
    mirrored = make_replicates(-r.estimate, r.se, -r.ci_high, -r.ci_low, p=r.p, ok=r.ok)
    one = by_name(performance_measures(r, alpha=0.05, direction=-1, truth=Truth(-10.0), target=7.5))
    other = by_name(performance_measures(mirrored, alpha=0.05, direction=1, truth=Truth(10.0), target=7.5))
    for name, measure in one.items():
        sign = -1 if name in {"true_value", "mean_estimate", "bias"} else 1
        assert other[name][1:] == pytest.approx((sign * measure.value, measure.mcse, measure.n_replicates), nan_ok=True)


def test_without_truth_bias_and_coverage_are_not_reported(four_trials: Replicates) -> None:
    got = by_name(performance_measures(four_trials, alpha=0.05, direction=-1))
    assert np.isnan(got["true_value"].value)
    assert not {"bias", "mse", "coverage", "relative_precision", "prob_estimate_beyond_target", "reject_margin"} & set(got)
    assert np.isnan(got["closed_form_power"].value)
    assert np.isnan(got["closed_form_gap"].value)


def test_when_every_fit_fails_nothing_rejects_and_nothing_is_made_up() -> None:
    nothing = np.full(5, NAN)
    failed = make_replicates(nothing, nothing, nothing, nothing, p=nothing, ok=np.zeros(5, bool))
    got = by_name(performance_measures(failed, alpha=0.05, direction=-1, truth=Truth(-10.0), target=10, comparator=nothing))
    assert got["power"] == ("power", 0.0, 0.0, 5)
    assert got["failures"] == ("failures", 1.0, 0.0, 5)
    for name in (
        "mean_estimate",
        "bias",
        "empirical_se",
        "model_se",
        "relative_error_se",
        "mse",
        "coverage",
        "relative_precision",
        "ci_width",
    ):
        assert np.isnan(got[name].value), name
        assert got[name].n_replicates == 0


def test_numbers_of_a_failed_fit_are_ignored() -> None:
    estimate, se = with_moments(50, -3, 1), np.full(50, 1.0)
    ok = np.arange(50) < 40
    wild = np.where(ok, estimate, 1e6)
    got, clean = (
        by_name(performance_measures(normal_replicates(e, se, ok), alpha=0.05, direction=-1, truth=Truth(-3))) for e in (wild, estimate)
    )
    assert got == clean


def test_uncertainty_of_the_truth_enters_the_bias() -> None:
    replicates = normal_replicates(with_moments(400, 1.0, 2.0), np.full(400, 2.0))
    got = by_name(performance_measures(replicates, alpha=0.05, direction=1, truth=Truth(0.5, 0.24)))
    assert got["true_value"] == ("true_value", 0.5, 0.24, 0)
    assert got["bias"].mcse == pytest.approx(np.hypot(2.0 / 20, 0.24))
    exact = by_name(performance_measures(replicates, alpha=0.05, direction=1, truth=Truth(0.5)))
    assert got["mse"].mcse == pytest.approx(np.hypot(exact["mse"].mcse, 2 * 0.5 * 0.24))


def test_gap_to_the_closed_form_is_in_monte_carlo_standard_errors() -> None:
    rejected = np.arange(1000) < 806
    replicates = make_replicates(*np.ones((4, 1000)), p=np.where(rejected, 0.01, 0.5), ok=np.ones(1000, bool))
    got = by_name(performance_measures(replicates, alpha=0.05, direction=1, closed_form=0.8))
    assert got["closed_form_gap"].value == pytest.approx(0.006 / got["power"].mcse)


def test_gap_uses_the_closed_forms_error_when_every_trial_rejects() -> None:
    replicates = make_replicates(*np.ones((4, 400)), p=np.full(400, 0.01), ok=np.ones(400, bool))
    got = by_name(performance_measures(replicates, alpha=0.05, direction=1, closed_form=0.99))
    assert got["closed_form_gap"].value == pytest.approx(0.01 / np.sqrt(0.99 * 0.01 / 400))
    sure = by_name(performance_measures(replicates, alpha=0.05, direction=1, closed_form=1.0))
    assert sure["closed_form_gap"].value == 0


# ---------------------------------------------------------------- published Monte Carlo errors


@pytest.mark.parametrize(
    ("mean", "sd", "bias", "bias_mcse", "sd_mcse", "mse"),
    [
        (0.5168, 0.1511, 0.0168, 0.0048, 0.0034, 0.0231),
        (0.5009, 0.1320, 0.0009, 0.0042, 0.0030, 0.0174),
        (0.4988, 0.1344, -0.0012, 0.0043, 0.0030, 0.0181),
    ],
)
def test_misim_bias_and_empirical_se(mean: float, sd: float, bias: float, *, bias_mcse: float, sd_mcse: float, mse: float) -> None:
    replicates = normal_replicates(with_moments(1000, mean, sd), np.full(1000, sd))
    got = by_name(performance_measures(replicates, alpha=0.05, direction=1, truth=Truth(0.5)))
    printed = 5.1e-5  # half a unit of the fourth decimal
    assert got["bias"].value == pytest.approx(bias, abs=printed)
    assert got["bias"].mcse == pytest.approx(bias_mcse, abs=printed)
    assert got["empirical_se"].mcse == pytest.approx(sd_mcse, abs=printed)
    assert got["mse"].value == pytest.approx(mse, abs=printed + 2 * sd * printed)  # the empirical SE is rounded too


@pytest.mark.parametrize(("share", "mcse"), [(0.943, 0.0073), (0.949, 0.0070), (0.946, 0.0071), (0.969, 0.0055), (0.963, 0.0060)])
def test_misim_coverage_and_power(share: float, mcse: float) -> None:
    hit = np.arange(1000) < round(1000 * share)
    low, p = np.where(hit, 0.4, 0.6), np.where(hit, 0.001, 0.5)
    replicates = make_replicates(np.full(1000, 0.7), np.ones(1000), low, np.ones(1000), p=p, ok=np.ones(1000, bool))
    got = by_name(performance_measures(replicates, alpha=0.05, direction=1, truth=Truth(0.5)))
    for name in ("coverage", "power"):
        assert got[name].value == share
        assert got[name].mcse == pytest.approx(mcse, abs=5.1e-5)


def test_relative_precision_for_a_known_ratio_and_correlation() -> None:
    """Estimates with exactly correlation 0.6 and variance ratio 1.44: gain 44 %, error 200 x 1.44 x 0.8 / sqrt(999)."""
    z = np.linalg.qr(np.column_stack([np.ones(1000), np.random.default_rng(4).standard_normal((1000, 2))]))[0][:, 1:] * np.sqrt(999)
    comparator = 0.5 + 1.2 * (0.6 * z[:, 0] + 0.8 * z[:, 1])
    got = by_name(performance_measures(normal_replicates(0.5 + z[:, 0], np.ones(1000)), alpha=0.05, direction=1, comparator=comparator))
    assert got["relative_precision"].value == pytest.approx(44, abs=1e-9)
    assert got["relative_precision"].mcse == pytest.approx(200 * 1.44 * 0.8 / np.sqrt(999), abs=1e-9)


# ---------------------------------------------------------------- the Monte Carlo error against its definition


def draw_study(rng: np.random.Generator, n: int) -> tuple[Replicates, Floats]:
    """A simulation study of n trials: biased normal estimates, SEs 8 % too small with 40 degrees of freedom, 4 % failures."""
    z = 4 * rng.standard_normal((2, n))
    se = 0.92 * 4 * np.sqrt(rng.chisquare(40, n) / 40)
    estimate, comparator = -10 + z[0], -10 + 1.2 * (0.7 * z[0] + np.sqrt(0.51) * z[1])
    return normal_replicates(estimate, se, rng.random(n) > 0.04), comparator


def test_monte_carlo_errors_are_the_standard_deviations_over_repeated_studies() -> None:
    n_studies, n = 1500, 250
    rng = np.random.default_rng(20_190_311)
    drawn: dict[str, list[Measure]] = {}
    for _ in range(n_studies):
        replicates, comparator = draw_study(rng, n)
        for m in performance_measures(
            replicates, alpha=0.05, direction=-1, truth=Truth(-9.2), target=8.0, comparator=comparator, closed_form=0.75
        ):
            drawn.setdefault(m.measure, []).append(m)
    # The SD over studies has a relative error of 1 / sqrt(2 n_studies) = 1.8 %: 4 of these, and 5 / n for the terms of
    # higher order that the formulas leave out. Excluded: what does not vary, hardly happens, or moves with its own centre.
    tolerance = 4 / np.sqrt(2 * n_studies) + 5 / n
    for name in set(drawn) - {"true_value", "closed_form_power", "reject_harm", "bias_eliminated_coverage"}:
        spread = np.std([m.value for m in drawn[name]], ddof=1)
        claimed = np.sqrt(np.mean([m.mcse**2 for m in drawn[name]]))
        assert claimed / spread == pytest.approx(1, abs=tolerance), name


def test_monte_carlo_errors_of_means_and_proportions_equal_the_jackknife() -> None:
    rng = np.random.default_rng(8)
    n = 120
    estimate, se = -2.5 + rng.standard_normal(n), 0.9 + 0.2 * rng.random(n)

    def measures(keep: NDArray[np.int64]) -> dict[str, Measure]:
        return by_name(
            performance_measures(normal_replicates(estimate[keep], se[keep]), alpha=0.05, direction=-1, truth=Truth(-2.3), target=2.0)
        )

    everyone = np.arange(n)
    whole, left_out = measures(everyone), [measures(np.delete(everyone, i)) for i in everyone]
    means, proportions = (
        ("mean_estimate", "bias", "mse", "ci_width"),
        ("power", "reject_benefit", "coverage", "prob_estimate_beyond_target", "reject_margin"),
    )
    for name in means + proportions:
        jackknife = np.sqrt((n - 1) * np.var([m[name].value for m in left_out]))
        # A proportion's error divides by n, the jackknife by n - 1.
        assert whole[name].mcse * (np.sqrt(n / (n - 1)) if name in proportions else 1) == pytest.approx(jackknife, rel=1e-9), name


def test_coverage_and_level_of_a_correct_analysis_are_nominal() -> None:
    rng = np.random.default_rng(3)
    estimate = rng.standard_normal(20_000)
    got = by_name(
        performance_measures(normal_replicates(estimate, np.ones(20_000)), alpha=0.05, direction=-1, truth=Truth(0.0), closed_form=0.05)
    )
    assert abs(got["closed_form_gap"].value) < 3.5
    assert got["coverage"].value == pytest.approx(0.95, abs=3.5 * got["coverage"].mcse)
    assert abs(got["relative_error_se"].value) < 3.5 * got["relative_error_se"].mcse
    assert abs(got["bias"].value) < 3.5 * got["bias"].mcse
    assert got["coverage"].value == pytest.approx(1 - got["power"].value, abs=1e-12)
    assert got["power"].value == pytest.approx(got["reject_benefit"].value + got["reject_harm"].value, abs=1e-12)


def test_an_analysis_compared_with_itself_gains_nothing() -> None:
    estimate = with_moments(300, -5, 2)
    got = by_name(performance_measures(normal_replicates(estimate, np.ones(300)), alpha=0.05, direction=-1, comparator=estimate))
    assert got["relative_precision"].value == pytest.approx(0, abs=1e-12)
    assert got["relative_precision"].mcse == pytest.approx(0, abs=1e-5)


# ---------------------------------------------------------------- refusals


def test_impossible_arguments_get_a_clear_message(four_trials: Replicates) -> None:
    with pytest.raises(ValueError, match="direction is 0"):
        performance_measures(four_trials, alpha=0.05, direction=0)
    with pytest.raises(ValueError, match="alpha must lie between 0 and 1"):
        performance_measures(four_trials, alpha=5, direction=1)
    with pytest.raises(ValueError, match="comparator has shape"):
        performance_measures(four_trials, alpha=0.05, direction=1, comparator=[1.0])
    with pytest.raises(ValueError, match="closed_form must be a probability"):
        performance_measures(four_trials, alpha=0.05, direction=1, closed_form=80)
    with pytest.raises(ValueError, match="p is not finite in a replicate whose status is ok"):
        make_replicates([1.0], [1.0], [0.0], [2.0], p=[NAN], ok=[True])
    with pytest.raises(ValueError, match="se has shape"):
        make_replicates([1.0], [1.0, 2.0], [0.0], [2.0], p=[0.1], ok=[True])
    with pytest.raises(ValueError, match="at least one replicate"):
        make_replicates([], [], [], [], p=[], ok=[])
