"""Adjusted p values: R's p.adjust, and families of two plans."""

from typing import Any

import pytest

from odisea.analyse.multiplicity import Adjustment, adjusted, family_p_values

RAW = (0.01, 0.02, 0.03, 0.04, 0.005)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        # R 4.2.2, p.adjust(c(.01, .02, .03, .04, .005), method)
        ("holm", (0.04, 0.06, 0.06, 0.06, 0.025)),
        ("hommel", (0.04, 0.04, 0.04, 0.04, 0.025)),
        ("hochberg", (0.04, 0.04, 0.04, 0.04, 0.025)),
        ("bonferroni", (0.05, 0.1, 0.15, 0.2, 0.025)),
    ],
)
def test_the_adjustments_are_those_of_r(method: Adjustment, expected: tuple[float, ...]) -> None:
    assert adjusted(RAW, method) == pytest.approx(expected, rel=1e-12)


def test_the_four_secondary_tests_of_a_reference_trial() -> None:
    """The block `multiplicity` of the oracle's case `typical`: pain, recovery, responders, satisfaction."""
    raw = (9.06205059606899e-08, 5.75800743752887e-05, 0.000210878160064122, 7.7837236638138e-05)
    holm = (3.6248202384276e-07, 0.000172740223125866, 0.000210878160064122, 0.000172740223125866)
    hommel = (3.6248202384276e-07, 0.000116755854957207, 0.000210878160064122, 0.000155674473276276)
    assert adjusted(raw) == pytest.approx(holm, rel=1e-12)
    assert adjusted(raw, "hommel") == pytest.approx(hommel, rel=1e-12)


def test_families_are_those_of_one_plan_and_a_refused_test_does_not_reject() -> None:
    rows: list[dict[str, Any]] = [
        {"analysis": "one.a", "family": "secondary", "p": 0.02},
        {"analysis": "one.b", "family": "secondary", "p": None},
        {"analysis": "two.a", "family": "secondary", "p": 0.02},
        {"analysis": "two.b", "family": None, "p": 0.001},
    ]
    assert family_p_values(rows) == {"one.a": pytest.approx(0.04), "one.b": None, "two.a": 0.02}
