"""Who comes, who is eligible, who consents, and what is recorded about them.

Seeded; comparisons with a random bound allow 5.2 standard errors (two-sided alarm 2e-7 each, fewer than 100 of them);
chi-square tests alarm below 1e-8.
"""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, special, stats

from odisea.errors import ProtocolError
from odisea.simulate.draft import criterion_shares, screening_criteria
from odisea.simulate.mechanism import (
    ACTIVITY,
    AGE,
    COMORBIDITY,
    DECLINED,
    EDUCATION,
    ENROLLED,
    FIRST_CRITERION,
    HEIGHT,
    LEAVE,
    RECORDED,
    SEX,
    VAS_BASELINE,
    WEIGHT,
    PopulationModel,
)
from odisea.simulate.population import (
    N_MIXED,
    N_TRAITS,
    TRAIT_AGE,
    TRAIT_DISABILITY,
    TRAIT_EDUCATION,
    TRAIT_EXPECTATION,
    TRAIT_FLARE,
    TRAIT_LEAVE,
    TRAIT_PAIN,
    TRAIT_ROTATION,
    baseline_pain,
    draw_traits,
    first_failures,
    record_baseline,
    record_pain,
    screen,
    screen_units,
)
from odisea.simulate.replicate import make_cohort, simulate_trial
from tests.declared import mechanism, protocol, scenario, simulated

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Z = 5.2
ALARM = 1e-8
SEED = 1
HALF_NORMAL = math.sqrt(2.0 / math.pi)
TRAITS = ("age", "bmi", "comorbidity", "activity", "odi", "pain", "frailty", "expectation")


def phi(x: float) -> float:
    return float(np.exp(-x * x / 2.0) / np.sqrt(2.0 * np.pi))


def candidates(model: PopulationModel, n: int, seed: int = SEED) -> tuple[Ints, Floats, Floats]:
    """Units, traits and recorded pain of candidates 0 to n - 1."""
    units = np.arange(n, dtype=np.int64)
    traits, pain = np.empty((N_TRAITS, n)), np.empty(n)
    draw_traits(seed, 0, units, model.mixing, traits)
    baseline_pain(model, traits[TRAIT_PAIN], traits[TRAIT_FLARE], pain)
    record_pain(model, pain, pain)
    return units, traits, pain


def outcomes(model: PopulationModel, n: int, seed: int = SEED) -> Ints:
    """What screening finds of candidates 0 to n - 1."""
    out = np.empty(n, dtype=np.int64)
    screen_units(seed, 0, model, np.arange(n, dtype=np.int64), out)
    return out


def without_criteria(model: PopulationModel) -> PopulationModel:
    """Nobody fails anything: only consent is left."""
    return model._replace(criteria=np.zeros_like(model.criteria), age_min=-1e6, age_max=1e6, pain_min=0.0)


def pain_below(model: PopulationModel, level: float) -> float:
    """Chance that recorded pain is below a level (in steps of 0.1): normal given the flare, integrated over the flare."""

    def given(z: float) -> float:
        centre = model.pain_mean + model.flare_pain * model.flare_size * (abs(z) - HALF_NORMAL)
        return float(special.ndtr((level - 0.05 - centre) / model.pain_sd)) * phi(z)

    return 2.0 * integrate.quad(given, 0.0, 9.0, epsabs=1e-12)[0]


# ---------------------------------------------------------------- screening


def eligible(model: PopulationModel, years: list[float], pain: list[float]) -> list[int]:
    """Places of those in whom screening finds no criterion that is not met."""
    n = len(years)
    traits, found = np.zeros((N_TRAITS, n)), np.empty(n, dtype=np.int64)
    traits[TRAIT_AGE] = (np.array(years) - model.age_mean) / model.age_sd
    nothing_else = model._replace(criteria=np.zeros_like(model.criteria))
    screen(SEED, 0, nothing_else, np.arange(n, dtype=np.int64), traits, np.array(pain), found)
    return [int(place) for place in np.flatnonzero(found < FIRST_CRITERION)]


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


def test_the_criteria_are_the_protocols_without_consent_in_its_order() -> None:
    model = mechanism().population
    names = [criterion.id for criterion in screening_criteria(protocol())]
    assert names == ["I1", "I2", "I3", "I4", "I5", "I6", "E1", "E2", "E3", "E4", "E5", "E6", "E7"]
    assert (names[model.age_place], names[model.pain_place]) == ("I1", "I3")
    values = scenario().values
    assert model.criteria.tolist() == [values.get(f"ineligible_{name}", 0.0) for name in names]


def test_a_share_for_a_criterion_that_is_not_there_or_that_a_trait_decides_is_refused() -> None:
    criteria = screening_criteria(protocol())
    with pytest.raises(ProtocolError) as refusal:
        criterion_shares({"ineligible_I3": 0.1, "ineligible_E9": 0.1, "ineligible_I5": 0.1}, criteria, "made_up")
    assert [problem.where for problem in refusal.value.problems] == [
        "scenario made_up, ineligible_I3",
        "scenario made_up, ineligible_E9",
    ]


def test_the_first_failure_is_that_of_independent_criteria_in_their_order() -> None:
    shares = np.array([0.2, 0.0, 0.5, 0.1])
    kept = np.cumprod(1.0 - shares)
    chances = np.array([0.2, 0.0, 0.8 * 0.5, 0.4 * 0.1, 0.36])
    # At the edges: a number at the chance to pass the first k criteria fails one of them, the next smaller one passes.
    edges = np.array([0.0, kept[3] - 1e-12, kept[3], kept[2] - 1e-12, kept[2], kept[0] - 1e-12, kept[0], 1.0 - 1e-12])
    place = np.empty(edges.size, dtype=np.int64)
    first_failures(shares, edges, place)
    assert place.tolist() == [4, 4, 3, 3, 2, 2, 0, 0]
    grid = (np.arange(100_000) + 0.5) / 100_000
    place = np.empty(grid.size, dtype=np.int64)
    first_failures(shares, grid, place)
    np.testing.assert_allclose(np.bincount(place, minlength=5) / grid.size, chances, atol=1.0 / grid.size)
    first_failures(np.empty(0), grid, place)
    assert not place.any()


def test_of_several_criteria_the_earliest_place_is_logged() -> None:
    n = 4_000
    model = mechanism().population
    model = model._replace(criteria=np.array([0.0, 0.3, 0.0, 0.0, 0.4, *[0.0] * 8]))
    units = np.arange(n, dtype=np.int64)
    traits, pain = np.zeros((N_TRAITS, n)), np.full(n, 5.0)

    def found(years: float, score: float) -> Ints:
        traits[TRAIT_AGE] = (years - model.age_mean) / model.age_sd
        pain[:] = score
        out = np.empty(n, dtype=np.int64)
        screen(SEED, 0, model, units, traits, pain, out)
        return out - FIRST_CRITERION

    plain, painless = found(40.0, 5.0), found(40.0, 1.0)
    assert set(plain) == {ENROLLED - FIRST_CRITERION, DECLINED - FIRST_CRITERION, 1, 4}
    assert set(found(80.0, 1.0)) == {0}  # age comes first whatever else is not met
    np.testing.assert_array_equal(painless, np.where(plain == 1, 1, 2))  # pain before internet access, after duration


def test_the_log_of_first_failures_has_its_expected_shares() -> None:
    """Age and pain are uncorrelated traits and the other criteria are drawn apart: a product of chances, in the order of the protocol."""
    n, model = 200_000, mechanism().population
    assert (model.mixing @ model.mixing.T)[TRAIT_AGE, TRAIT_PAIN] == 0.0
    fails = model.criteria.copy()
    young, old = ((limit - model.age_mean) / model.age_sd for limit in (18.0, 61.0))
    fails[model.age_place] = special.ndtr(young) + special.ndtr(-old)
    fails[model.pain_place] = pain_below(model, 3.0)
    chances = fails * np.cumprod([1.0, *(1.0 - fails)])[:-1]
    expected = n * np.append(chances, 1.0 - chances.sum())
    found = outcomes(model, n)
    places = np.where(found >= FIRST_CRITERION, found - FIRST_CRITERION, len(fails))
    counts = np.bincount(places, minlength=len(fails) + 1)
    possible = expected > 0.0
    assert not counts[~possible].any()
    assert expected[possible].min() > 500.0
    assert stats.chisquare(counts[possible], expected[possible]).pvalue > ALARM


def test_exactly_the_enrolled_candidates_form_the_cohort_in_their_order() -> None:
    n, model = 10_000, mechanism()
    cohort = simulated(model, n)
    last = int(cohort.units[-1])
    units, traits, pain = candidates(model.population, last + 1)
    wanted = units[outcomes(model.population, last + 1) == ENROLLED]
    np.testing.assert_array_equal(cohort.units, wanted)
    np.testing.assert_array_equal(cohort.traits, traits[:, wanted])
    np.testing.assert_array_equal(cohort.recorded[VAS_BASELINE], pain[wanted])


def test_nobody_recorded_breaks_a_criterion() -> None:
    recorded = simulated(mechanism(), 20_000).recorded
    assert (recorded[AGE].min(), recorded[AGE].max()) == (18.0, 60.0)
    assert recorded[VAS_BASELINE].min() == 3.0


def test_screening_stops_where_nobody_is_eligible() -> None:
    model = mechanism()
    nobody = model._replace(population=model.population._replace(pain_min=10.5))
    assert not simulate_trial(SEED, 0, nobody, make_cohort(50))


def test_rare_eligibility_still_fills_the_trial() -> None:
    model = mechanism()
    rare = model._replace(population=model.population._replace(pain_min=10.0))
    assert (simulated(rare, 100).recorded[VAS_BASELINE] == 10.0).all()


# ---------------------------------------------------------------- consent


@pytest.mark.parametrize(
    "changes",
    [{}, {"consent_on_age": 0.0, "consent_on_leave": 0.0, "consent_on_expectation": 0.0, "consent_rate": 0.3},
     {"consent_on_age": -1.0, "consent_on_leave": 2.0, "consent_on_expectation": 1.5, "consent_rate": 0.7}],
    ids=["declared", "flat", "strong"],
)  # fmt: skip
def test_consent_has_its_rate_by_integration(changes: dict[str, float]) -> None:
    """Age and expectation move the logit by a normal number S; leave is a probit of a number that disability correlates with S."""
    n, values = 200_000, {**scenario().values, **changes}
    model = without_criteria(mechanism(**changes).population)
    on_age, on_expectation = values["consent_on_age"], values["consent_on_expectation"]
    spread = math.hypot(on_age, on_expectation)
    r = values["r_leave_odi"] * values["r_age_odi"] * on_age / spread if spread else 0.0
    cut = stats.norm.isf(values["sick_leave_share"])

    def agrees(z: float) -> float:
        leave = stats.norm.sf((cut - r * z) / math.sqrt(1.0 - r * r))
        logit = model.consent_logit + spread * z
        return float((1.0 - leave) * special.expit(logit) + leave * special.expit(logit + values["consent_on_leave"])) * phi(z)

    expected, _ = integrate.quad(agrees, -9.0, 9.0, epsabs=1e-10)
    # The intercept is solved as if sick leave were independent of age; their correlation of 0.075 moves the rate by less than .01.
    assert abs(expected - values["consent_rate"]) < 0.01
    found = outcomes(model, n)
    assert set(found) == {ENROLLED, DECLINED}
    assert abs((found == ENROLLED).mean() - expected) < Z * math.sqrt(expected * (1.0 - expected) / n)


@pytest.mark.parametrize(
    ("name", "trait"), [("consent_on_age", TRAIT_AGE), ("consent_on_expectation", TRAIT_EXPECTATION), ("consent_on_leave", None)]
)
def test_consent_rises_with_what_moves_it(name: str, trait: int | None) -> None:
    n, values = 100_000, {"consent_on_age": 0.0, "consent_on_leave": 0.0, "consent_on_expectation": 0.0, name: 1.0}
    model = without_criteria(mechanism(**values).population)
    units, traits, _ = candidates(model, n)
    recorded = np.empty((len(RECORDED), n))
    record_baseline(SEED, 0, model, units, traits, np.empty((4, n)), recorded)
    mover = recorded[LEAVE] if trait is None else np.round(traits[trait])
    agrees = outcomes(model, n) == ENROLLED
    for level in (0.0, 1.0):
        here = mover == level
        # Given the mover the probability is known exactly.
        chance = special.expit(model.consent_logit + (level if trait is None else traits[trait, here]))
        expected = float(np.mean(chance))
        assert abs(agrees[here].mean() - expected) < Z * 0.5 / math.sqrt(here.sum())


# ---------------------------------------------------------------- pain at consultation


@pytest.mark.parametrize(
    ("latent", "shown"),
    [(2.94, 2.9), (2.96, 3.0), (-1.0, 0.0), (0.04, 0.0), (9.96, 10.0), (11.7, 10.0), (5.55, 5.6), (5.45, 5.4)],
)
def test_pain_is_recorded_to_one_decimal_within_its_scale(latent: float, shown: float) -> None:
    out = np.empty(1)
    record_pain(mechanism().population, np.array([latent]), out)
    assert out[0] == shown


def test_a_flare_adds_its_pain_beyond_the_mean_of_a_flare() -> None:
    model = mechanism().population._replace(pain_mean=5.0, pain_sd=2.0, flare_size=3.0, flare_pain=0.1)
    out = np.empty(4)
    baseline_pain(model, np.array([0.0, 0.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0, -1.0]), out)
    assert out == pytest.approx([5.0 - 0.3 * HALF_NORMAL, *(base + 0.3 * (1.0 - HALF_NORMAL) for base in (5.0, 7.0, 5.0))])


def test_people_with_little_pain_come_in_a_flare_if_they_take_part() -> None:
    """The threshold selects on the flare: |z| is larger than in everybody who comes, most of all where the trait is low."""
    cohort = simulated(mechanism(), 20_000)
    flare, trait = np.abs(cohort.traits[TRAIT_FLARE]), cohort.traits[TRAIT_PAIN]
    se = math.sqrt(1.0 - HALF_NORMAL**2)
    assert flare.mean() > HALF_NORMAL
    low = trait < -1.2
    assert flare[low].mean() - HALF_NORMAL > Z * se / math.sqrt(low.sum())


# ---------------------------------------------------------------- resolution and range of what is recorded


def test_every_recorded_value_stands_at_its_resolution_within_its_range() -> None:
    recorded = simulated(mechanism(), 20_000).recorded
    columns = protocol().dictionary.files["participants.csv"].columns
    steps = {"age_years": 1.0, "sex": 1.0, "height_cm": 1.0, "weight_kg": 0.1, "comorbidity_count": 1.0, "physical_activity_level": 1.0}
    steps |= {"education_years": 1.0, "work_leave": 1.0, "vas@baseline": 0.1, "vas@week6": 0.1}
    for name in steps:
        row = RECORDED.index(name)
        values = recorded[row][~np.isnan(recorded[row])]
        # The nearest decimal number to a whole number of steps, so that writing and reading a file returns the same bits.
        decimals = {1.0: 0, 0.1: 1}[steps[name]]
        np.testing.assert_array_equal(values, np.round(values, decimals), err_msg=name)
        np.testing.assert_array_equal(np.rint(values / steps[name]), np.round(values / steps[name], 9), err_msg=name)
        if name not in columns:
            low, high = (0.0, 10.0) if "@" in name else (0.0, 24.0)
        else:
            column = columns[name]
            codes = ("false", "true") if column.type == "bool" else column.codes
            low, high = (0.0, len(codes) - 1.0) if codes else (column.range or (np.nan, np.nan))
        assert values.min() >= low, name
        assert values.max() <= high, name


def test_scores_are_those_of_ten_or_of_nine_answers() -> None:
    recorded = simulated(mechanism(), 20_000).recorded
    possible = {100.0 * total / (5.0 * answered) for answered in (9, 10) for total in range(5 * answered + 1)}
    for name in ("odi@baseline", "odi@week6"):
        values = recorded[RECORDED.index(name)]
        shown = set(values[~np.isnan(values)].tolist())
        assert shown <= possible
        assert len(shown) > 50


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


def test_recorded_pain_is_the_flares_mixture_of_rounded_clipped_normals(everybody: tuple[Floats, Floats]) -> None:
    model, pain = mechanism().population, everybody[1][VAS_BASELINE]
    levels = np.arange(1, 101) / 10.0
    below = np.array([pain_below(model, float(level)) for level in levels])
    # Mean of a non-negative variable in steps of 0.1: the sum over the steps of the chance to reach each.
    assert within(pain.mean(), 0.1 * (1.0 - below).sum(), pain.std() / np.sqrt(N))
    counts = np.bincount(np.rint(pain * 10.0).astype(np.int64), minlength=101)
    expected = N * np.diff(np.concatenate([[0.0], below, [1.0]]))
    assert stats.chisquare(counts, expected).pvalue > ALARM


def test_schooling_is_a_rounded_normal_that_falls_with_age(everybody: tuple[Floats, Floats]) -> None:
    values, (traits, recorded) = scenario().values, everybody
    mean, sd, years = values["education_mean"], values["education_sd"], recorded[EDUCATION]
    cuts = stats.norm.cdf(np.arange(0.5, 24.0), mean, sd)
    expected = N * np.diff(np.concatenate([[0.0], cuts, [1.0]]))
    counts = np.bincount(years.astype(np.int64), minlength=25)
    assert expected.min() > 15.0
    assert stats.chisquare(counts, expected).pvalue > ALARM
    # Rounding adds 1/12 to the variance and nothing to the covariance; the ends (0.2 %) are cut off.
    r = values["r_age_education"] * sd / math.sqrt(sd**2 + 1.0 / 12.0)
    assert abs(np.corrcoef(traits[TRAIT_AGE], years)[0, 1] - r) < Z * (1.0 - r * r) / math.sqrt(N) + 0.002


def test_sick_leave_has_its_share_and_its_correlation_with_disability(everybody: tuple[Floats, Floats]) -> None:
    """E[disability | on leave] = r phi(cut) / share, for a probit with correlation r."""
    values, (traits, recorded) = scenario().values, everybody
    share, r = values["sick_leave_share"], values["r_leave_odi"]
    assert share_holds(recorded[LEAVE] == 1.0, share)
    on_leave = traits[TRAIT_DISABILITY, recorded[LEAVE] == 1.0]
    assert within(on_leave.mean(), r * phi(float(stats.norm.isf(share))) / share, 1.0 / math.sqrt(on_leave.size))


def test_traits_are_standard_normal_with_the_assumed_correlations(everybody: tuple[Floats, Floats]) -> None:
    traits, values = everybody[0], scenario().values
    wanted, declared = np.eye(N_TRAITS), 0
    for first, one in enumerate(TRAITS):
        for second, other in enumerate(TRAITS):
            if f"r_{one}_{other}" in values:
                wanted[first, second] = wanted[second, first] = values[f"r_{one}_{other}"]
                declared += 1
    assert declared == 12
    found = np.corrcoef(traits)
    assert (np.abs(found - wanted) < Z * (1.0 - wanted**2) / np.sqrt(N) + 1e-12).all()
    assert (np.abs(traits.mean(axis=1)) < Z / np.sqrt(N)).all()
    assert (np.abs(traits.std(axis=1) - 1.0) < Z / np.sqrt(2 * N)).all()


def test_four_traits_are_untouched_by_the_mixing() -> None:
    model = mechanism().population
    _, mixed, _ = candidates(model, 1_000)
    _, plain, _ = candidates(model._replace(mixing=np.eye(N_MIXED)), 1_000)
    free = [TRAIT_ROTATION, TRAIT_FLARE, TRAIT_LEAVE, TRAIT_EDUCATION]
    np.testing.assert_array_equal(mixed[free], plain[free])
    np.testing.assert_allclose(mixed[:N_MIXED], model.mixing @ plain[:N_MIXED], atol=1e-13)


def test_recorded_age_is_the_floor_of_a_truncated_normal() -> None:
    # Without what makes consent depend on age, or on sick leave and so on disability and age.
    model = mechanism(consent_on_age=0.0, consent_on_leave=0.0)
    p = model.population

    def mass(low: float, high: float) -> float:
        return float(special.ndtr((high - p.age_mean) / p.age_sd) - special.ndtr((low - p.age_mean) / p.age_sd))

    n = 50_000
    counts = np.bincount(simulated(model, n).recorded[AGE].astype(np.int64), minlength=61)[18:]
    chances = np.array([mass(year, year + 1.0) for year in range(18, 61)]) / mass(18.0, 61.0)
    statistic = float(((counts - n * chances) ** 2 / (n * chances)).sum())
    assert special.chdtrc(len(chances) - 1, statistic) > ALARM


def test_selection_on_pain_raises_disability_as_the_bivariate_normal_says() -> None:
    """E[disability | pain trait >= t] = r phi(t) / (1 - Phi(t)), without flare and whatever else selects on disability or age."""
    model = mechanism(flare_size=0.0, consent_on_age=0.0, consent_on_leave=0.0, consent_on_expectation=0.0)
    values, n = scenario().values, 50_000
    cohort = simulated(model, n)
    p = model.population
    t = (2.95 - p.pain_mean) / p.pain_sd
    low, high = (18.0 - p.age_mean) / p.age_sd, (61.0 - p.age_mean) / p.age_sd
    from_pain = values["r_pain_odi"] * phi(t) / special.ndtr(-t)
    from_age = values["r_age_odi"] * (phi(low) - phi(high)) / (special.ndtr(high) - special.ndtr(low))
    assert within(cohort.traits[TRAIT_DISABILITY].mean(), from_pain + from_age, 1.0 / np.sqrt(n))
    check, _ = integrate.quad(lambda x: x * phi(x), t, 12.0)
    assert check / special.ndtr(-t) == pytest.approx(phi(t) / special.ndtr(-t), rel=1e-9)
