"""Published and recomputed sizes and powers, one table row each; the row says where it comes from.

A value must round to the printed one, unless the row states a tolerance. The rows A to F are those of the comparison with
other programs; E2.2 to E2.4 those of the trial's own sample-size audit. Tables: closed_form_values.csv, evidence_sample_size.csv.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from odisea import closed_form
from odisea.closed_form import UNADJUSTED, Adjustment, n_per_arm

HERE = Path(__file__).parent
ADJUSTED = ("ancova_power", "minimal_detectable_difference", "implied_sd", "fractional_n_per_arm")
WORDS = {"df": str, "variance": str, "n_covariates": int, "n_groups": int, "sides": int, "digits": int}


def rows(*names: str) -> list[dict[str, str]]:
    found = []
    for name in names:
        with (HERE / name).open(newline="") as lines:
            found += list(csv.DictReader(lines))
    return found


def arguments(row: dict[str, str]) -> dict[str, Any]:
    pairs = (part.split("=") for part in row["arguments"].split(";"))
    given = {name: _read(name, value) for name, value in pairs}
    if row["function"] in ADJUSTED and "n_covariates" in given:
        given["adjustment"] = Adjustment(given.pop("r_squared"), given.pop("n_covariates"), given.pop("imbalance", "exact"))
    return given


def _read(name: str, value: str) -> Any:
    """`imbalance` names a method for the analysis of covariance and is a number in Bonett's formula."""
    if name == "imbalance" and value in ("exact", "mean", "none"):
        return value
    kind: Callable[[str], Any] = WORDS.get(name, float)
    return kind(value)


def half_unit(printed: str) -> float:
    return 0.5 * 10.0 ** -len(printed.partition(".")[2])


@pytest.mark.parametrize(
    "row",
    rows("closed_form_values.csv", "evidence_sample_size.csv"),
    ids=lambda row: f"{row['row']}-{row['source']}-{row['arguments']}".replace(" ", "_"),
)
def test_value_rounds_to_the_printed_one(row: dict[str, str]) -> None:
    got = float(getattr(closed_form, row["function"])(**arguments(row)))
    tolerance = float(row["tolerance"]) if row["tolerance"] else half_unit(row["expected"])
    assert got == pytest.approx(float(row["expected"]), abs=tolerance * (1 + 1e-9))


@pytest.mark.parametrize(
    ("difference", "sd", "power", "adjustment", "needed"),
    [
        (10, 22, 0.8, UNADJUSTED, 77),
        (10, 22, 0.9, UNADJUSTED, 103),
        (10, 22, 0.8, Adjustment(0.25, 1), 59),
        (10, 22, 0.9, Adjustment(0.25, 1), 78),
        (6, 15, 0.8, Adjustment(0.25, 1), 76),
        (6, 18, 0.8, Adjustment(0.25, 1), 108),
        (5, 15, 0.8, Adjustment(0.25, 1), 108),
        (5, 18, 0.8, Adjustment(0.25, 1), 155),
        (4, 15, 0.8, Adjustment(0.25, 1), 168),
        (4, 18, 0.8, Adjustment(0.25, 1), 240),
    ],
)
def test_participants_needed(difference: float, sd: float, power: float, adjustment: Adjustment, needed: int) -> None:
    """The rows of evidence.md 2.2 and 2.3 that tests/unit/test_closed_form.py does not hold already."""
    assert n_per_arm(difference, sd, power, 0.05, adjustment=adjustment) == (needed, needed)


@pytest.mark.parametrize(
    ("sd", "by_t", "by_ancova"), [(15, 63, 71), (16, 58, 68), (18, 48, 60), (19.4, 39, 54), (20, 36, 51), (22, 23, 41), (24, 8, 30)]
)
def test_loss_that_a_hundred_per_arm_can_bear(sd: float, by_t: int, by_ancova: int) -> None:
    """Per cent lost at which 80 % power for 10 points still holds (evidence.md 2.3)."""
    needed = [n_per_arm(10, sd, 0.8, 0.05, adjustment=adjustment)[0] for adjustment in (UNADJUSTED, Adjustment(0.25, 1))]
    assert [100 - n for n in needed] == [by_t, by_ancova]


@pytest.mark.parametrize(("sd", "adjusted", "points"), [(14, True, 14.0), (15, True, 13.3), (18, True, 10.9), (19.4, False, 7.5)])
def test_tipping_point(sd: float, adjusted: bool, points: float) -> None:
    """How much worse the 40 % unobserved of one arm must be for the interval to reach 0 (evidence.md 2.4; imbalance ignored)."""
    df, left = (117, 0.75) if adjusted else (118, 1.0)
    half_width = float(stats.t.isf(0.025, df)) * sd * (left * 2 / 60) ** 0.5
    assert (10 - half_width) / 0.4 == pytest.approx(points, abs=0.05)
