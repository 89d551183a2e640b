"""A real trial with a binary outcome and no baseline of it, through the corridor by its commands.

The data and the expected values (two independent programs, full precision) are not part of the repository; ODISEA_SHARED names the
folder that holds `realdata/licorice_gargle` (default: ../shared). Source of the data: R package medicaldata; Ruetzler et al. 2013.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import fisher_exact, norm

from tests.commands import succeed

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "protocol" / "examples" / "licorice_gargle"
RAW = Path(os.environ.get("ODISEA_SHARED", ROOT.parent / "shared")) / "realdata" / "licorice_gargle"

pytestmark = pytest.mark.skipif(not RAW.is_dir(), reason=f"the real data are not here: {RAW} does not exist (set ODISEA_SHARED)")

TIMES = {"30min": "minutes30", "90min": "minutes90", "4h": "hours4", "morning": "morning"}
ARMS = {"licorice": "licorice", "control": "sugar_water"}
Row = dict[str, Any]


@pytest.fixture(scope="module")
def expected() -> Row:
    loaded: Row = json.loads((RAW / "EXPECTED.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("licorice")
    succeed("ingest", EXAMPLE / "mapping.yaml", RAW, "-o", made / "export")
    allocation = made / "restricted" / "allocation.csv"
    succeed("analyse", EXAMPLE / "protocol.yaml", made / "export", "--allocation", allocation, "-o", made / "analysis")
    return made / "analysis"


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[str, Row]:
    estimates = json.loads((folder / "estimates.json").read_text(encoding="utf-8"))["estimates"]
    return {row["analysis"].partition(".")[2]: row for row in estimates}


def test_every_analysis_is_carried_out(rows: dict[str, Row]) -> None:
    assert {name: row["status"] for name, row in rows.items()} == dict.fromkeys(rows, "ok")


def test_flow_counts_the_two_without_an_outcome(folder: Path, expected: Row) -> None:
    flow = json.loads((folder / "flow.json").read_text(encoding="utf-8"))
    assert flow["randomised"] == expected["rows"]
    missing = {arm["arm"]: arm["missing"]["any_pain@minutes30"] for arm in flow["arms"]}
    assert missing == {"licorice": {"unknown": 1}, "sugar_water": {"unknown": 1}}
    assert sum(lost["unknown"] for lost in missing.values()) == expected["missing_outcome"]


@pytest.mark.parametrize("time", TIMES)
def test_counts(time: str, rows: dict[str, Row], expected: Row) -> None:
    table = rows[f"proportions_{TIMES[time]}"]["table"]
    for name, arm in ARMS.items():
        events, n = expected["throat_pain_any"][time][name]
        assert table[arm] == {"responders": events, "others": n - events}


@pytest.mark.parametrize(("model", "analysis"), [(0, "crude_or_minutes30"), (1, "adjusted_or_minutes30")])
def test_odds_ratios(model: int, analysis: str, rows: dict[str, Row], expected: Row) -> None:
    reference, row = expected["logit"][model], rows[analysis]
    assert row["n_analysed"] == reference["n"]
    ours = [row["estimate"], row["se"], np.exp(row["estimate"]), np.exp(row["ci_low"]), np.exp(row["ci_high"]), row["p"]]
    theirs = [reference["log_or"], reference["se"], reference["odds_ratio"], *reference["or_ci95_wald"], reference["p"]]
    # Maximum likelihood by iteration: the reference stops when its steps are small, so fewer digits are shared.
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("time", TIMES)
def test_crude_odds_ratio_is_that_of_the_counts(time: str, rows: dict[str, Row], expected: Row) -> None:
    (a, n), (c, m) = (expected["throat_pain_any"][time][arm] for arm in ("licorice", "control"))
    row = rows[f"crude_or_{TIMES[time]}"]
    log_or, error = np.log(a * (m - c) / (c * (n - a))), np.sqrt(1 / a + 1 / (n - a) + 1 / c + 1 / (m - c))
    np.testing.assert_allclose([row["estimate"], row["se"]], [log_or, error], rtol=1e-9)


@pytest.mark.parametrize("time", TIMES)
def test_difference_of_proportions(time: str, rows: dict[str, Row], expected: Row) -> None:
    """Newcombe's interval from Wilson's limits, and Fisher's test, by their definitions."""
    (a, n), (c, m) = (expected["throat_pain_any"][time][arm] for arm in ("licorice", "control"))
    row = rows[f"proportions_{TIMES[time]}"]
    (low1, high1), (low0, high0) = wilson(a, n), wilson(c, m)
    d, p1, p0 = a / n - c / m, a / n, c / m
    limits = [d - np.hypot(p1 - low1, high0 - p0), d + np.hypot(high1 - p1, p0 - low0)]
    np.testing.assert_allclose([row["estimate"], row["ci_low"], row["ci_high"]], [d, *limits], rtol=1e-9)
    assert row["p"] == pytest.approx(fisher_exact(np.array([[a, n - a], [c, m - c]])).pvalue, rel=1e-9)


def wilson(events: int, n: int) -> tuple[float, float]:
    z, p = norm.ppf(0.975), events / n
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return float((centre - half) / (1 + z**2 / n)), float((centre + half) / (1 + z**2 / n))


def test_being_free_of_pain_is_the_other_side_of_any_pain(rows: dict[str, Row]) -> None:
    """The score cut by the rule `attained`, and the same score read as a binary outcome: the odds ratio turns round."""
    any_pain, free = rows["adjusted_or_minutes30"], rows["pain_free_or_minutes30"]
    np.testing.assert_allclose([free["estimate"], free["se"]], [-any_pain["estimate"], any_pain["se"]], rtol=1e-8)
    table = free["table"]
    assert {arm: (cells["others"], cells["responders"]) for arm, cells in table.items()} == {
        arm: (cells["responders"], cells["others"]) for arm, cells in any_pain["table"].items()
    }


def test_whoever_has_no_score_counts_as_not_free_of_pain(rows: dict[str, Row], expected: Row) -> None:
    (a, n), (c, m) = (expected["throat_pain_any"]["30min"][arm] for arm in ("licorice", "control"))
    row = rows["pain_free_seen_minutes30"]
    assert (row["n_analysed_arm"], row["n_analysed_reference"]) == (n + 1, m + 1)
    assert row["estimate"] == pytest.approx((n - a) / (n + 1) - (m - c) / (m + 1), rel=1e-9)


def test_marginal_effects_and_penalised_likelihood_agree_with_the_odds_ratio(rows: dict[str, Row]) -> None:
    """Covariates of a randomised trial hardly move the risk difference; Firth's penalty shrinks the odds ratio a little."""
    crude, adjusted = rows["proportions_minutes30"], rows["risk_difference_minutes30"]
    assert abs(adjusted["estimate"] - crude["estimate"]) < 0.5 * adjusted["se"]
    assert rows["risk_ratio_minutes30"]["estimate"] < 0.0
    firth, logit = rows["penalised_or_minutes30"], rows["adjusted_or_minutes30"]
    assert abs(logit["estimate"]) * 0.9 < abs(firth["estimate"]) < abs(logit["estimate"])
