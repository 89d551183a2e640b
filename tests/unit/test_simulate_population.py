"""Who is eligible and what is recorded about them.

Seeded; comparisons with a random bound allow 5.2 standard errors (two-sided alarm 2e-7 each, fewer than 50 of them).
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, special

from odisea.errors import ProtocolError
from odisea.protocol.fact import Fact
from odisea.simulate.draft import draft_mechanism
from odisea.simulate.mechanism import ACTIVITY, AGE, COMORBIDITY, HEIGHT, RECORDED, SEX, VAS_BASELINE, WEIGHT, PopulationModel
from odisea.simulate.population import (
    N_MIXED,
    TRAIT_AGE,
    TRAIT_FRAILTY,
    TRAIT_PAIN,
    TRAIT_ROTATION,
    draw_traits,
    record_baseline,
    recorded_pain,
    select_eligible,
)
from odisea.simulate.replicate import make_cohort, simulate_trial
from tests.declared import mechanism, protocol, scenario, simulated

Floats = NDArray[np.float64]
Z = 5.2
SEED = 1


def candidates(model: PopulationModel, n: int, seed: int = SEED) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Units, traits and recorded pain of candidates 0 to n - 1."""
    units = np.arange(n, dtype=np.int64)
    traits, pain = np.empty((8, n)), np.empty(n)
    draw_traits(seed, 0, units, model.mixing, traits)
    recorded_pain(model, traits[TRAIT_PAIN], pain)
    return units, traits, pain


# ---------------------------------------------------------------- eligibility


def eligible(model: PopulationModel, years: list[float], pain: list[float]) -> list[int]:
    traits = np.zeros((8, len(years)))
    traits[TRAIT_AGE] = (np.array(years) - model.age_mean) / model.age_sd
    chosen = np.full(len(years), -1, dtype=np.int64)
    count = select_eligible(model, traits, np.array(pain), chosen)
    return [int(place) for place in chosen[:count]]


def test_age_limits_are_in_completed_years() -> None:
    # Mean 0 and SD 1 keep the ages below exact.
    model = mechanism().population._replace(age_mean=0.0, age_sd=1.0)
    assert (model.age_min, model.age_max) == (18.0, 60.0)
    below, above = np.nextafter(18.0, 0.0), np.nextafter(61.0, 0.0)
    assert eligible(model, [17.0, below, 18.0, 40.0, 60.0, 60.99, above, 61.0, 75.0], [5.0] * 9) == [2, 3, 4, 5, 6]


def test_the_pain_threshold_is_inclusive_at_the_resolution_of_the_scale() -> None:
    model = mechanism().population
    assert model.pain_min == 3.0
    assert eligible(model, [40.0] * 4, [2.9, 3.0, 3.1, 0.0]) == [1, 2]


@pytest.mark.parametrize(
    ("latent", "shown"),
    [(2.94, 2.9), (2.96, 3.0), (-1.0, 0.0), (0.04, 0.0), (9.96, 10.0), (11.7, 10.0), (5.55, 5.6), (5.45, 5.4)],
)
def test_pain_is_recorded_to_one_decimal_within_its_scale(latent: float, shown: float) -> None:
    model = mechanism().population._replace(pain_mean=0.0, pain_sd=1.0)
    out = np.empty(1)
    recorded_pain(model, np.array([latent]), out)
    assert out[0] == shown


def test_exactly_the_eligible_candidates_are_enrolled_in_their_order() -> None:
    n = 20_000
    model = mechanism()
    cohort = simulated(model, n)
    units, traits, pain = candidates(model.population, int(cohort.units[-1]) + 1)
    age = np.floor(model.population.age_mean + model.population.age_sd * traits[TRAIT_AGE])
    wanted = units[(age >= 18) & (age <= 60) & (pain >= 3.0)]
    np.testing.assert_array_equal(cohort.units, wanted)
    np.testing.assert_array_equal(cohort.traits, traits[:, wanted])


def test_nobody_recorded_breaks_a_criterion() -> None:
    recorded = simulated(mechanism(), 50_000).recorded
    assert (recorded[AGE].min(), recorded[AGE].max()) == (18.0, 60.0)
    assert recorded[VAS_BASELINE].min() == 3.0


def test_the_share_of_eligible_candidates_is_that_of_the_normal_traits() -> None:
    # Age and pain are uncorrelated (no such parameter), so the share is a product; pain from 2.95 is recorded as 3.0 or more.
    model = mechanism().population
    assert (model.mixing @ model.mixing.T)[0, 5] == 0.0
    ages = special.ndtr((61.0 - model.age_mean) / model.age_sd) - special.ndtr((18.0 - model.age_mean) / model.age_sd)
    share = ages * special.ndtr((model.pain_mean - 2.95) / model.pain_sd)
    n = 200_000
    _, traits, pain = candidates(model, n)
    count = select_eligible(model, traits, pain, np.empty(n, dtype=np.int64))
    assert abs(count / n - share) < Z * np.sqrt(share * (1.0 - share) / n)


def test_recorded_age_is_the_floor_of_a_truncated_normal() -> None:
    model = mechanism().population

    def mass(low: float, high: float) -> float:
        return float(special.ndtr((high - model.age_mean) / model.age_sd) - special.ndtr((low - model.age_mean) / model.age_sd))

    n = 100_000
    counts = np.bincount(simulated(mechanism(), n).recorded[AGE].astype(np.int64), minlength=61)[18:]
    chances = np.array([mass(year, year + 1.0) for year in range(18, 61)]) / mass(18.0, 61.0)
    statistic = float(((counts - n * chances) ** 2 / (n * chances)).sum())
    assert special.chdtrc(len(chances) - 1, statistic) > 2e-7


def test_screening_stops_where_nobody_is_eligible() -> None:
    model = mechanism()
    nobody = model._replace(population=model.population._replace(pain_min=10.5))
    assert not simulate_trial(SEED, 0, nobody, make_cohort(50))


def test_rare_eligibility_still_fills_the_trial() -> None:
    model = mechanism()
    rare = model._replace(population=model.population._replace(pain_min=10.0))
    assert (simulated(rare, 200).recorded[VAS_BASELINE] == 10.0).all()


# ---------------------------------------------------------------- resolution and range of what is recorded


def test_every_recorded_value_stands_at_its_resolution_within_its_range() -> None:
    recorded = simulated(mechanism(), 20_000).recorded
    columns = protocol().dictionary.files["participants.csv"].columns
    steps = {"age_years": 1.0, "sex": 1.0, "height_cm": 1.0, "weight_kg": 0.1, "comorbidity_count": 1.0, "physical_activity_level": 1.0}
    steps |= {"odi@baseline": 2.0, "odi@week6": 2.0, "vas@baseline": 0.1, "vas@week6": 0.1}
    ranges = {"odi": (0.0, 100.0), "vas": (0.0, 10.0)}
    for row, name in enumerate(RECORDED):
        values = recorded[row][~np.isnan(recorded[row])]
        # The nearest decimal number to a whole number of steps, so that writing and reading a file returns the same bits.
        decimals = {1.0: 0, 2.0: 0, 0.1: 1}[steps[name]]
        np.testing.assert_array_equal(values, np.round(values, decimals), err_msg=name)
        np.testing.assert_array_equal(np.rint(values / steps[name]), np.round(values / steps[name], 9), err_msg=name)
        if "@" in name:
            low, high = ranges[name[:3]]
        else:
            column = columns[name]
            low, high = (0.0, len(column.codes or ()) - 1.0) if column.codes else (column.range or (np.nan, np.nan))
        assert values.min() >= low, name
        assert values.max() <= high, name


def test_every_decimal_survives_being_written_and_read() -> None:
    recorded = simulated(mechanism(), 5_000).recorded
    for name in ("weight_kg", "vas@baseline", "vas@week6"):
        values = recorded[RECORDED.index(name)]
        values = values[~np.isnan(values)]
        assert [float(f"{value:.1f}") for value in values] == values.tolist()


# ---------------------------------------------------------------- distribution before screening


N = 200_000


@pytest.fixture(scope="module")
def everybody() -> tuple[Floats, Floats]:
    """Traits and recorded values of candidates as they come, without the limits."""
    model = mechanism().population
    units, traits, _ = candidates(model, N)
    recorded = np.full((len(RECORDED), N), np.nan)
    record_baseline(SEED, 0, model, units, traits, np.empty((4, N)), recorded)
    return traits, recorded


def within(observed: float, expected: float, standard_error: float) -> bool:
    return abs(observed - expected) < Z * standard_error


def share_holds(values: NDArray[np.bool_], expected: float) -> bool:
    return within(float(values.mean()), expected, np.sqrt(expected * (1.0 - expected) / values.size))


def test_class_shares_are_the_assumed_ones(everybody: tuple[Floats, Floats]) -> None:
    values, recorded = scenario().values, everybody[1]
    comorbidity = [values["comorbidity_none"], values["comorbidity_one"], values["comorbidity_two"]]
    activity = [values["activity_low"], values["activity_moderate"]]
    for row, shares in ((COMORBIDITY, [*comorbidity, 1.0 - sum(comorbidity)]), (ACTIVITY, [*activity, 1.0 - sum(activity)])):
        for level, share in enumerate(shares):
            assert share_holds(recorded[row] == level, share), (RECORDED[row], level)
    assert share_holds(recorded[SEX] == 0.0, values["female_share"])


def test_age_before_the_limits_is_normal_in_completed_years(everybody: tuple[Floats, Floats]) -> None:
    values, age = scenario().values, everybody[1][AGE]
    # The floor of a smooth variable takes off 1/2 on average and adds 1/12 to its variance.
    sd = np.sqrt(values["age_sd"] ** 2 + 1.0 / 12.0)
    assert within(age.mean(), values["age_mean"] - 0.5, sd / np.sqrt(N))
    assert within(age.std(), sd, sd / np.sqrt(2 * N))


def test_body_mass_index_has_its_mean_and_sd(everybody: tuple[Floats, Floats]) -> None:
    values, recorded = scenario().values, everybody[1]
    bmi = recorded[WEIGHT] / (recorded[HEIGHT] / 100.0) ** 2
    mean, sd = values["bmi_mean"], values["bmi_sd"]
    spread = np.sqrt(np.log1p((sd / mean) ** 2))
    kurtosis = np.exp(4 * spread**2) + 2 * np.exp(3 * spread**2) + 3 * np.exp(2 * spread**2) - 3
    assert within(bmi.mean(), mean, sd / np.sqrt(N))
    assert within(bmi.std(), sd, sd * np.sqrt((kurtosis - 1.0) / 4.0 / N))
    assert within(float(np.log(bmi).mean()), np.log(mean) - spread**2 / 2, spread / np.sqrt(N))


def test_height_depends_on_sex_alone(everybody: tuple[Floats, Floats]) -> None:
    values, (traits, recorded) = scenario().values, everybody
    for sex, name in ((0, "female"), (1, "male")):
        height = recorded[HEIGHT][recorded[SEX] == sex]
        sd = np.sqrt(values["height_sd"] ** 2 + 1.0 / 12.0)
        assert within(height.mean(), values[f"height_mean_{name}"], sd / np.sqrt(height.size))
        assert within(height.std(), sd, sd / np.sqrt(2 * height.size))
    for trait in traits:
        assert abs(np.corrcoef(trait, recorded[HEIGHT])[0, 1]) < Z / np.sqrt(N)


def test_recorded_pain_has_the_mean_of_a_rounded_clipped_normal(everybody: tuple[Floats, Floats]) -> None:
    values, pain = scenario().values, everybody[1][VAS_BASELINE]
    mean, sd = values["pain_mean"], values["pain_sd"]
    # Mean of a non-negative variable in steps of 0.1: the sum over the steps of the chance to reach each.
    reach = special.ndtr((mean - (np.arange(1, 101) / 10.0 - 0.05)) / sd)
    expected = 0.1 * reach.sum()
    assert within(pain.mean(), expected, sd / np.sqrt(N))
    assert share_holds(pain == 10.0, special.ndtr((mean - 9.95) / sd))


def test_traits_are_standard_normal_with_the_assumed_correlations(everybody: tuple[Floats, Floats]) -> None:
    traits, values = everybody[0], scenario().values
    names = ("age", "bmi", "comorbidity", "activity", "odi", "pain")
    wanted = np.eye(8)
    for key, value in values.items():
        if key.startswith("r_"):
            first, second = (names.index(part) for part in key[2:].split("_"))
            wanted[first, second] = wanted[second, first] = value
    found = np.corrcoef(traits)
    assert (np.abs(found - wanted) < Z * (1.0 - wanted**2) / np.sqrt(N) + 1e-12).all()
    assert (np.abs(traits.mean(axis=1)) < Z / np.sqrt(N)).all()
    assert (np.abs(traits.std(axis=1) - 1.0) < Z / np.sqrt(2 * N)).all()


def test_there_are_correlations_to_test() -> None:
    assert sum(key.startswith("r_") for key in scenario().values) == 9


def test_frailty_and_rotation_are_untouched_by_the_mixing() -> None:
    model = mechanism().population
    _, mixed, _ = candidates(model, 1_000)
    _, plain, _ = candidates(model._replace(mixing=np.eye(N_MIXED)), 1_000)
    np.testing.assert_array_equal(mixed[[TRAIT_FRAILTY, TRAIT_ROTATION]], plain[[TRAIT_FRAILTY, TRAIT_ROTATION]])
    np.testing.assert_allclose(mixed[:N_MIXED], model.mixing @ plain[:N_MIXED], atol=1e-13)


def test_selection_on_pain_raises_disability_as_the_bivariate_normal_says() -> None:
    """E[disability | pain trait >= t] = r phi(t) / (1 - Phi(t)); age is uncorrelated with pain but not with disability."""
    model, n = mechanism(), 100_000
    values = scenario().values
    cohort = simulated(model, n)
    p = model.population
    t = (2.95 - p.pain_mean) / p.pain_sd
    low, high = (18.0 - p.age_mean) / p.age_sd, (61.0 - p.age_mean) / p.age_sd

    def phi(x: float) -> float:
        return float(np.exp(-x * x / 2.0) / np.sqrt(2.0 * np.pi))

    from_pain = values["r_pain_odi"] * phi(t) / special.ndtr(-t)
    from_age = values["r_age_odi"] * (phi(low) - phi(high)) / (special.ndtr(high) - special.ndtr(low))
    assert within(cohort.traits[4].mean(), from_pain + from_age, 1.0 / np.sqrt(n))
    check, _ = integrate.quad(lambda x: x * phi(x), t, 12.0)
    assert check / special.ndtr(-t) == pytest.approx(phi(t) / special.ndtr(-t), rel=1e-9)


def test_arms_of_unequal_size_are_refused() -> None:
    randomisation = protocol().randomisation.model_copy(update={"ratio": Fact[tuple[int, ...]].model_validate((2, 1))})
    with pytest.raises(ProtocolError, match=r"the ratio is \[2, 1\]; simulated so far are two arms of equal size"):
        draft_mechanism(scenario("registered"), protocol().model_copy(update={"randomisation": randomisation}))
