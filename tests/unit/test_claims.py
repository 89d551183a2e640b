"""The claim auditor: what published statements imply, which formula gives their number, what in them cannot be true.

Statements C1 to C7, A5 and B5 are those of published protocols and programs; docs/statistics/claims.md works three by hand.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odisea.closed_form import rounded_arms, t_power
from odisea.protocol.claims import Audit, Claim, as_json, audit, claim_of
from odisea.protocol.claims.candidate import MATCHES, Candidate, names_formula
from odisea.protocol.claims.contradiction import CODES
from odisea.protocol.claims.convention import conventions
from odisea.protocol.claims.effect import round_values_near
from odisea.protocol.load import load_protocol

TRIAL = Path(__file__).parents[2] / "protocol" / "nct07248813.yaml"
REGISTERED = Claim(total=200, per_arm=(100, 100), n_arms=2, difference=10, attrition=0.4, power=0.8)
TEXTBOOK = Claim(total=128, n_arms=2, ratio=(1, 1), difference=10, sd=20, power=0.8, alpha=0.05, sides=2)


def implied(result: Audit, quantity: str, formula: str, basis: str, **other: Any) -> float:
    """The one value of a missing quantity."""
    wanted = {"quantity": quantity, "formula": formula, "basis": basis, "convention": 0, "correlation": None} | other
    found = [row.value for row in result.solved if all(getattr(row, name) == value for name, value in wanted.items())]
    assert len(found) == 1, found
    return found[0]


def rows(result: Audit, **wanted: Any) -> list[Candidate]:
    return [row for row in result.candidates if all(getattr(row, name) == value for name, value in wanted.items())]


def codes(result: Audit) -> list[str]:
    return [found.code for found in result.contradictions]


# ---------------------------------------------------------------- published statements: which calculation gives the number


class Published(NamedTuple):
    """A published statement, and the calculation behind its number."""

    name: str
    claim: Claim
    formula: str
    rounding: str
    n_analysed: float  # in the first arm (a factorial's cell), to the digits of the source
    total: int
    match: str = "exact"
    inflation: str = "none"
    structure: str = "two_arms"
    clustering: str = "none"


E_EXERCISE = Claim(difference=6, sd=14.5, icc=0.05, cluster_size=5, correlation=0.5, power=0.8, alpha=0.05, sides=2)
BACK_2005 = Claim(power=0.8, alpha=0.05, sides=2)
PUBLISHED = (
    Published("A4", Claim(total=200, standardised_effect=0.4, power=0.8), "t", "up_per_arm", 99.08, 200),
    Published(
        "A5",
        Claim(total=66, n_arms=3, standardised_effect=0.4, power=0.8, alpha=0.05),
        "anova_f",
        "up_per_arm",
        21.10,
        66,
        structure="all_groups",
    ),
    Published(
        "A5 with 10 % dropout",
        Claim(total=72, n_arms=3, standardised_effect=0.4, power=0.8, alpha=0.05, attrition=0.1),
        "anova_f",
        "up_per_arm",
        21.10,
        72,
        inflation="multiply",
        structure="all_groups",
    ),
    Published("B5", Claim(per_arm=(61, 61), difference=0.7, error_variance=1.37, power=0.9), "bonett", "up_per_arm", 60.72, 122),
    Published(
        "B5 1:2",
        Claim(per_arm=(47, 94), ratio=(1, 2), difference=0.7, error_variance=1.37, power=0.9),
        "bonett",
        "up_first_arm",
        46.03,
        141,
    ),
    Published("C1", E_EXERCISE._replace(total=165), "z_times_borm", "nearest_total", 82.51, 165, "rounded", clustering="all_arms"),
    Published(
        "C1 with 20 % loss",
        E_EXERCISE._replace(total=208, attrition=0.2),
        "z_times_borm",
        "up_per_arm",
        82.51,
        208,
        inflation="divide",
        clustering="all_arms",
    ),
    Published(
        "C2",
        Claim(total=344, n_arms=4, difference=8, sd=20, power=0.9, attrition=0.23),
        "z",
        "up_per_arm",
        65.67,
        344,
        inflation="divide",
        structure="factorial_margin",
    ),
    Published("C3", Claim(total=90, difference=6, sd=10, power=0.8), "t", "up_per_arm", 44.59, 90),
    Published("C4 136", BACK_2005._replace(per_arm=(136, 136), difference=2.5, sd=7.37), "z", "nearest_per_arm", 136.42, 272, "rounded"),
    Published("C4 95", BACK_2005._replace(per_arm=(95, 95), difference=3, sd=7.37), "z", "up_per_arm", 94.74, 190),
    Published(
        "C4 94",
        BACK_2005._replace(per_arm=(94, 94), difference=0.75, sd=1.841),
        "z_rounded_quantiles",
        "nearest_per_arm",
        94.48,
        188,
        "rounded",
    ),
    Published("C4 53", BACK_2005._replace(per_arm=(53, 53), difference=1, sd=1.841), "z", "nearest_per_arm", 53.20, 106, "rounded"),
    Published(
        "C4 173",
        BACK_2005._replace(per_arm=(173, 173), control_proportion=0.4, arm_proportion=0.55),
        "proportions_pooled",
        "up_per_arm",
        172.80,
        346,
    ),
    Published(
        "C4 97",
        BACK_2005._replace(per_arm=(97, 97), control_proportion=0.4, arm_proportion=0.6),
        "proportions_pooled",
        "up_per_arm",
        96.92,
        194,
    ),
    Published("C5", Claim(per_arm=(56, 56), difference=1.5, sd=2.43, power=0.9), "z", "up_per_arm", 55.15, 112),
    Published("C6", Claim(per_arm=(60, 60), standardised_effect=0.6, power=0.9), "t", "up_per_arm", 59.35, 120),
)


@pytest.mark.parametrize("case", PUBLISHED, ids=lambda case: case.name)
def test_the_calculation_behind_a_published_number(case: Published) -> None:
    result = audit(case.claim)
    described = {"formula": case.formula, "inflation": case.inflation, "structure": case.structure, "clustering": case.clustering}
    found = rows(result, convention=0, match=case.match, total=case.total, **described)
    assert len(found) == 1, result.candidates[:5]
    assert case.rounding in found[0].roundings
    assert found[0].n_analysed == pytest.approx(case.n_analysed, abs=0.01)
    assert found[0].gap == 0
    assert result.candidates[0].match in ("exact", "rounded")


@pytest.mark.parametrize(
    ("claim", "needed"),
    [
        (BACK_2005._replace(per_arm=(136, 136), difference=2.5, sd=7.37), 138),
        (BACK_2005._replace(per_arm=(95, 95), difference=3, sd=7.37), 96),
        (BACK_2005._replace(per_arm=(94, 94), difference=0.75, sd=1.841), 96),
        (BACK_2005._replace(per_arm=(53, 53), difference=1, sd=1.841), 55),
        (Claim(per_arm=(56, 56), difference=1.5, sd=2.43, power=0.9), 57),
    ],
)
def test_the_t_test_needs_one_or_two_more(claim: Claim, needed: int) -> None:
    by_t = next(row for row in rows(audit(claim), formula="t", convention=0) if "up_per_arm" in row.roundings)
    assert by_t.arms == (needed, needed)
    assert by_t.power is not None
    assert claim.power is not None
    assert by_t.power < claim.power


def test_quantiles_rounded_to_two_digits_explain_every_number_of_one_published_table() -> None:
    """All four sizes for means by nearest rounding; the unrounded z formula misses 94."""
    stated = {136: (2.5, 7.37), 95: (3, 7.37), 94: (0.75, 1.841), 53: (1, 1.841)}
    for formula, missed in (("z_rounded_quantiles", []), ("z", [94])):
        found = [
            n
            for n, (difference, sd) in stated.items()
            if not any(
                "nearest_per_arm" in row.roundings
                for row in rows(audit(BACK_2005._replace(per_arm=(n, n), difference=difference, sd=sd)), formula=formula, gap=0)
            )
        ]
        assert found == missed


def test_a_two_by_two_trial_fits_only_as_a_factorial() -> None:
    result = audit(Claim(total=344, n_arms=4, difference=8, sd=20, power=0.9, attrition=0.23))
    assert {row.structure for row in result.candidates if row.match in ("exact", "rounded")} == {"factorial_margin"}
    said_not = audit(Claim(total=344, n_arms=4, factorial=False, difference=8, sd=20, power=0.9, attrition=0.23))
    assert {row.match for row in said_not.candidates} == {"no"}
    assert codes(said_not) == ["power_not_reached"]


# ---------------------------------------------------------------- our own trial


def test_the_registered_statement_is_read_from_the_protocol() -> None:
    claim = claim_of(load_protocol(TRIAL))
    assert claim._replace(ratio=None, factorial=None) == REGISTERED
    assert claim.ratio is None or len(set(claim.ratio)) == 1
    assert not claim.factorial


def test_the_registered_statement_implies_these_standard_deviations() -> None:
    result = audit(REGISTERED)
    assert result.missing == ("sd", "alpha", "sides", "test", "inflation")
    assert implied(result, "sd", "t", "after_loss") == pytest.approx(19.39, abs=0.005)
    assert implied(result, "sd", "t", "as_randomised") == pytest.approx(25.12, abs=0.005)
    assert implied(result, "standardised_effect", "t", "after_loss") == pytest.approx(0.5157, abs=5e-5)
    assert implied(result, "sd", "z", "after_loss") == pytest.approx(19.55, abs=0.005)
    assert implied(result, "sd", "z", "as_randomised") == pytest.approx(25.24, abs=0.005)
    by_correlation = {
        basis: [implied(result, "sd", "ancova", basis, correlation=r) for r in (0.3, 0.4, 0.5, 0.6, 0.7)]
        for basis in ("after_loss", "as_randomised")
    }
    assert by_correlation["after_loss"] == pytest.approx([20.24, 21.07, 22.29, 24.13, 27.03], abs=0.0051)
    assert by_correlation["as_randomised"] == pytest.approx([26.26, 27.33, 28.93, 31.32, 35.08], abs=0.0051)
    assert not result.contradictions


@pytest.mark.parametrize(
    ("sd", "inflation", "match", "arms", "gap"),
    [
        (20, "divide", "near", 107, 14),  # d = 0.5: 64 per arm, 128 / 0.6 = 213
        (19, "divide", "near", 97, -6),  # 58 per arm, 194
        (19, "divide", "rounded", 100, 0),  # the same, recruited in tens
        (21, "multiply", "exact", 100, 0),  # 71 per arm times 1.4: only 60 of the 71 remain
        (25, "none", "exact", 100, 0),  # d = 0.4: the loss forgotten
    ],
)
def test_likely_origins_of_the_registered_number(sd: float, inflation: str, match: str, arms: int, gap: int) -> None:
    found = rows(audit(REGISTERED), formula="t", sd=sd, inflation=inflation, match=match)
    assert [(row.arms, row.gap) for row in found] == [((arms, arms), gap)]
    assert "sd" in found[0].supposed


def test_what_is_supposed_is_said() -> None:
    result = audit(REGISTERED)
    assert [(row.alpha, row.sides) for row in result.conventions] == [(0.05, 2), (0.05, 1), (0.01, 2), (0.1, 2)]
    assert all(row.supposed == ("alpha", "sides") for row in result.conventions)
    assert audit(TEXTBOOK).conventions == conventions(TEXTBOOK)
    assert [row.supposed for row in audit(TEXTBOOK).conventions] == [()]
    assert audit(Claim(total=128, difference=10, sd=20)).supposed_design == ("n_arms", "ratio")
    assert {row.power for row in audit(TEXTBOOK._replace(power=None)).conventions} == {0.8, 0.9}


# ---------------------------------------------------------------- any quantity missing: solving brings the truth back


def test_every_missing_quantity_is_found_again() -> None:
    full = TEXTBOOK._replace(attrition=0.2, total=160)
    n = 64.0
    assert implied(audit(full._replace(power=None)), "power", "t", "after_loss") == pytest.approx(float(t_power(10, 20, n, 0.05)))
    power = float(t_power(10, 20, n, 0.05))
    full = full._replace(power=power)
    assert implied(audit(full._replace(sd=None)), "sd", "t", "after_loss") == pytest.approx(20)
    assert implied(audit(full._replace(difference=None)), "difference", "t", "after_loss") == pytest.approx(10)
    assert implied(audit(full._replace(alpha=None)), "alpha", "t", "after_loss") == pytest.approx(0.05)
    assert implied(audit(full._replace(attrition=None)), "attrition", "t", "as_randomised") == pytest.approx(0.2)
    unsized = audit(full._replace(total=None))
    assert implied(unsized, "n_analysed", "t", "none") == pytest.approx(n)
    assert implied(unsized, "total", "t", "none") == pytest.approx(160)


def test_the_correlation_that_a_claim_needs_makes_it_true() -> None:
    short = TEXTBOOK._replace(total=98, correlation=None)
    r = implied(audit(short), "correlation", "t", "as_randomised")
    assert r == pytest.approx(0.5, abs=0.01)  # evidence.md 2.2: 49 per arm with r = .5
    assert implied(audit(short._replace(correlation=r, power=None)), "power", "ancova", "as_randomised") == pytest.approx(0.8)


def test_the_clustering_that_a_claim_can_bear() -> None:
    claim = TEXTBOOK._replace(total=154, cluster_size=5.0)
    assert implied(audit(claim), "icc", "t", "as_randomised") == pytest.approx((77 / 63.7656 - 1) / 4, abs=1e-6)
    assert "icc" in audit(claim).missing


def test_a_proportion_is_found_on_both_sides() -> None:
    result = audit(Claim(total=346, control_proportion=0.4, power=0.8, alpha=0.05, sides=2))
    found = [row.value for row in result.solved if row.formula == "proportions_pooled" and row.quantity == "arm_proportion"]
    assert found == [pytest.approx(0.55, abs=2e-4), pytest.approx(0.2589, abs=2e-4)]
    assert not result.candidates


def test_stated_numbers_alone_give_the_loss() -> None:
    result = audit(Claim(total=100, analysed_per_arm=(45, 45), difference=6, sd=10, power=0.8))
    assert implied(result, "attrition", "stated_numbers", "as_stated") == pytest.approx(0.1)
    assert result.candidates[0].match == "exact"
    assert result.candidates[0].total == 90


def test_a_margin_is_read_in_both_ways() -> None:
    claim = Claim(total=200, difference=0, margin=5, sd=12, power=0.8, alpha=0.025, sides=1)
    assert {row.hypothesis for row in audit(claim).candidates} == {"non_inferiority"}
    both = audit(claim._replace(difference=8))
    assert {row.hypothesis: row.size for row in both.candidates} == {"non_inferiority": 13 / 12, "more_than_margin": 3 / 12}


# ---------------------------------------------------------------- what cannot be true


@pytest.mark.parametrize(
    ("changes", "code", "numbers"),
    [
        ({"per_arm": (60, 60)}, "arms_do_not_add_up", {"sum_per_arm": 120, "total": 128}),
        ({"per_arm": (43, 43, 42), "ratio": None}, "number_of_arms_differs", {"n_arms": 2, "per_arm": 3}),
        ({"per_arm": (80, 48)}, "ratio_not_kept", {"arm": 0, "stated": 80, "by_ratio": 64}),
        ({"analysed_per_arm": (65, 65)}, "analysed_exceed_randomised", {"analysed": 130, "randomised": 128}),
        ({"analysed_per_arm": (60, 60), "attrition": 0.2}, "analysed_exceed_completers", {"analysed": 120, "completers": 102.4}),
        ({"standardised_effect": 0.7}, "standardised_effect_differs", {"stated": 0.7, "difference_over_sd": 0.5}),
        ({"correlation": 0.5, "error_variance": 250}, "error_variance_differs", {"stated": 250, "sd_squared_left": 300}),
        (
            {"control_proportion": 0.4, "arm_proportion": 0.55, "difference": 0.25, "sd": None},
            "difference_of_proportions_differs",
            {"stated": 0.25, "arm_minus_control": 0.15},
        ),
        (
            {"correlation": 0.6, "r_squared": 0.2, "n_covariates": 2},
            "r_squared_below_correlation",
            {"r_squared": 0.2, "correlation_squared": 0.36},
        ),
        ({"r_squared": 0.2, "n_covariates": 0}, "r_squared_without_covariates", {"r_squared": 0.2}),
        ({"difference": 0}, "no_effect", {"margin": 0, "difference": 0}),
        ({"power": 0.05}, "power_not_above_alpha", {"power": 0.05, "alpha": 0.05}),
        ({"correlation": 1.0}, "impossible_value", {"correlation": 1, "lowest_possible": -1, "highest_possible": 1}),
        ({"attrition": 1.0}, "impossible_value", {"attrition": 1, "lowest_possible": 0, "highest_possible": 1}),
        ({"total": 60, "power": 0.9}, "power_not_reached", {"stated": 0.9, "highest": 0.503449}),
        (
            {"attrition": 0.2},
            "power_not_reached_after_loss",
            {"stated": 0.8, "after_loss": 0.723896, "as_randomised": 0.813395},
        ),
        ({"total": 400}, "power_exceeded", {"stated": 0.8, "lowest": 0.998486}),
    ],
)
def test_contradictions(changes: dict[str, Any], code: str, numbers: dict[str, float]) -> None:
    found = {row.code: row.numbers for row in reversed(audit(TEXTBOOK._replace(**changes)).contradictions)}
    assert code in CODES
    assert found[code] == pytest.approx(numbers, abs=1e-6)


def test_multiplying_loses_completers() -> None:
    """64 per arm x 1.2 = 77; a fifth lost leaves 61.6, not 63.8."""
    for inflation in (None, "multiply"):
        result = audit(TEXTBOOK._replace(total=154, attrition=0.2, inflation=inflation))
        assert codes(result) == ["multiply_leaves_too_few"]
        assert result.contradictions[0].numbers["left_first_arm"] == pytest.approx(61.6)
        assert result.contradictions[0].numbers["needed_first_arm"] == pytest.approx(63.77, abs=0.005)
    assert not codes(audit(TEXTBOOK._replace(total=160, attrition=0.2, inflation="divide")))


@pytest.mark.parametrize("case", [case for case in PUBLISHED if case.inflation != "multiply"], ids=lambda case: case.name)
def test_consistent_statements_contradict_nothing(case: Published) -> None:
    assert codes(audit(case.claim)) == []


def test_rounding_of_the_printed_numbers_is_no_contradiction() -> None:
    assert not codes(audit(TEXTBOOK._replace(difference=3.0, sd=5.8, standardised_effect=0.52, total=120)))
    assert not codes(audit(TEXTBOOK._replace(total=130, per_arm=(65, 65))))


# ---------------------------------------------------------------- parts


def test_names_of_tests_point_to_formulas() -> None:
    assert names_formula("Prueba t de Student", "t")
    assert names_formula("ANCOVA adjusted for baseline", "ancova")
    assert names_formula("one-way ANOVA", "anova_f")
    assert names_formula("chi-squared test", "proportions_pooled")
    assert names_formula("chi-squared test", "t") is False
    assert names_formula("permutation", "t") is None
    by_name = audit(TEXTBOOK._replace(total=126, test="z test")).candidates[0]
    assert by_name.formula == "z"


def test_round_values_and_roundings() -> None:
    assert round_values_near(19.39) == (18, 19, 20, 21)
    assert round_values_near(0.0193) == (0.018, 0.019, 0.02, 0.021)
    assert rounded_arms(46.03, (1, 2), "up_first_arm") == ((47, 94), 141)
    assert rounded_arms(46.03, (1, 2), "up_per_arm") == ((47, 93), 140)
    assert rounded_arms(60.0 / 1.2 * 1.2, (1, 1), "up_per_arm") == ((60, 60), 120)


# ---------------------------------------------------------------- any input

ANY = st.one_of(
    st.sampled_from([0.0, -1.0, 1.0, 0.05, 0.5, 0.8, 2.0, 10.0, 60.0, 1e300, -1e300, 5e-324, 1e-9, 1 - 1e-10]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0, 1),
    st.floats(0.1, 300),
)
WHOLE = st.one_of(st.integers(1, 400), st.sampled_from([0, -1, 10**12]))
ARMS = st.lists(WHOLE, max_size=4).map(tuple)
FIELDS: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(Claim._fields, ANY) | {
    "total": WHOLE,
    "per_arm": ARMS,
    "analysed_per_arm": ARMS,
    "ratio": st.lists(ANY, max_size=4).map(tuple),
    "n_arms": st.one_of(st.integers(1, 6), st.sampled_from([0, -1])),
    "factorial": st.booleans(),
    "sides": st.sampled_from([0, 1, 2, 3]),
    "inflation": st.sampled_from(["divide", "multiply"]),
    "n_covariates": st.integers(-1, 8),
    "test": st.sampled_from(["t test", "ANCOVA", "chi", "", "?"]),
}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({}, optional=FIELDS))
def test_any_finite_claim_gets_an_audit(fields: dict[str, Any]) -> None:
    result = audit(Claim(**fields))
    json.dumps(as_json(result), allow_nan=False)
    assert {found.code for found in result.contradictions} <= set(CODES)
    assert all(math.isfinite(x) for found in result.contradictions for x in found.numbers.values())
    ranks = [MATCHES.index(row.match) for row in result.candidates]
    assert ranks == sorted(ranks)
    assert all(0 <= row.power <= 1 for row in result.candidates if row.power is not None)


@settings(max_examples=40, deadline=None)
@given(
    d=st.floats(0.2, 1.5),
    power=st.floats(0.6, 0.95),
    attrition=st.sampled_from([None, 0.1, 0.25, 0.4]),
    inflation=st.sampled_from(["divide", "multiply"]),
)
def test_a_statement_made_by_the_rules_is_recognised(d: float, power: float, attrition: float | None, inflation: Any) -> None:
    """The number that a candidate proposes, stated, is reproduced by that very calculation."""
    claim = Claim(standardised_effect=d, power=power, alpha=0.05, sides=2, attrition=attrition, n_arms=2)
    wanted = inflation if attrition else "none"
    made = next(row for row in audit(claim).candidates if row.formula == "t" and row.inflation == wanted)
    again = audit(claim._replace(total=made.total, per_arm=made.arms))
    assert rows(again, formula="t", inflation=wanted, match="exact", total=made.total)


def test_the_result_file_has_a_stable_shape() -> None:
    plain = as_json(audit(REGISTERED))
    assert list(plain) == ["claim", "missing", "supposed_design", "conventions", "solved", "candidates", "contradictions"]
    assert list(plain["conventions"][0]) == ["id", "alpha", "sides", "power", "supposed"]
    assert plain["claim"]["sd"] is None
    assert json.dumps(plain) == json.dumps(as_json(audit(REGISTERED)))
