"""A real trial with four follow-up visits through the corridor, beside the published results of the R package rbmi.

The data and the expected values are not part of the repository; ODISEA_SHARED names the folder that holds
`realdata/antidepressant_dia` (default: ../shared). Values printed by rbmi (version 1.5, its vignettes "Quickstart" and "CondMean
Inference") have the sign placebo minus drug and are turned round here; values with more digits are those of R (nlme).
"""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from odisea.analyse.carry_out import analyse_trial
from odisea.analyse.plan import PlannedAnalysis, lower_plan
from odisea.data.derive import derive
from odisea.data.export import Export
from odisea.data.flow import participant_flow
from odisea.data.ingest import write_ingested
from odisea.data.read_export import read_export
from odisea.data.trial import Trial
from odisea.protocol.load import load_protocol
from tests.commands import succeed

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "protocol" / "examples" / "antidepressant_dia"
RAW = Path(os.environ.get("ODISEA_SHARED", ROOT.parent / "shared")) / "realdata" / "antidepressant_dia"
PROTOCOL = load_protocol(EXAMPLE / "protocol.yaml")
PLAN: dict[str, PlannedAnalysis] = {one.id.partition(".")[2]: one for one in lower_plan(PROTOCOL, "depression")}
SEED = PLAN["jump_rubin_visit7"].analysis_seed

pytestmark = pytest.mark.skipif(not RAW.is_dir(), reason=f"the real data are not here: {RAW} does not exist (set ODISEA_SHARED)")

Row = dict[str, Any]


@pytest.fixture(scope="module")
def expected() -> Row:
    loaded: Row = json.loads((RAW / "EXPECTED.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    folder = tmp_path_factory.mktemp("antidepressant")
    write_ingested(EXAMPLE / "mapping.yaml", RAW, folder / "export")
    return read_export(folder / "export", PROTOCOL, folder / "restricted" / "allocation.csv")


@pytest.fixture(scope="module")
def trial(export: Export) -> Trial:
    return derive(export, PROTOCOL, SEED)


@pytest.fixture(scope="module")
def jump(trial: Trial) -> Row:
    """Jump to reference at the last visit: its row holds every variance, and takes 172 fits of the imputation model."""
    return result(trial, "jump_jackknife_visit7")


def result(trial: Trial, analysis: str) -> Row:
    (row,) = analyse_trial(trial, [PLAN[analysis]])
    assert row["status"] == "ok"
    return row


def interval(row: Row) -> list[float]:
    return [row["ci_low"], row["ci_high"]]


def test_a_visit_without_a_row_is_a_missing_visit(export: Export, expected: Row) -> None:
    flow = participant_flow(export, PROTOCOL)
    assert {str(arm.arm).upper(): arm.allocated for arm in flow.arms} == expected["patients"]
    for visit, seen in expected["observed_by_visit"].items():
        lost = {str(arm.arm).upper(): sum(arm.missing.get(f"hamd@visit{visit}", {}).values()) for arm in flow.arms}
        assert {arm: expected["patients"][arm] - lost[arm] for arm in lost} == seen


def test_completers(trial: Trial, expected: Row) -> None:
    (reference,) = expected["ancova_completers"]
    row = result(trial, "completers_visit7")
    ours = [row["estimate"], row["se"], row["df"], *interval(row), row["p"], row["n_analysed"]]
    theirs = [reference[name] for name in ("estimate", "se", "df_resid")] + reference["ci95"] + [reference["p"], reference["n"]]
    # The score with its baseline as covariate has the effect of the change from it; one least squares problem, ten digits.
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    assert [row["n_analysed_arm"], row["n_analysed_reference"]] == [expected["completers"][arm] for arm in ("DRUG", "PLACEBO")]


@pytest.mark.parametrize(
    ("visit", "analysis"), [("4", "complete_visit4"), ("5", "mmrm_visit5"), ("6", "mmrm_visit6"), ("7", "mmrm_visit7")]
)
def test_mixed_model_for_repeated_measures(visit: str, analysis: str, trial: Trial, expected: Row) -> None:
    """At visit 4 everybody was seen, so that the mixed model of all visits is the least squares of that visit."""
    row = result(trial, analysis)
    estimate, error = expected["mmrm_REML"][visit]
    # Half a unit of the last digit that the reference prints: four decimals of the estimate, three of the error.
    assert abs(row["estimate"] - estimate) < 0.5e-4 + 1e-9
    assert abs(row["se"] - error) < 0.5e-3 + 1e-9


def test_likelihood_of_the_mixed_model(trial: Trial) -> None:
    """R (nlme::gls) prints -1747.101425; Kenward and Roger change the error, never the estimate."""
    row, other = result(trial, "mmrm_visit7"), result(trial, "mmrm_kenward_roger_visit7")
    assert row["details"]["log_likelihood"] == pytest.approx(-1747.101425, abs=1e-6)
    assert row["estimate"] == pytest.approx(-2.8018341, abs=1e-4)
    assert other["estimate"] == pytest.approx(row["estimate"], abs=1e-9)
    assert 1.0 < other["se"] / row["se"] < 1.01  # the correction is one for small samples, and 172 is not small


def test_without_missing_values_imputation_changes_the_degrees_of_freedom_alone(trial: Trial) -> None:
    """rbmi prints -0.09180645, 0.6826279, -1.43949684 to 1.2558839, 0.8931772 for placebo minus drug at visit 4."""
    row = result(trial, "jump_rubin_visit4")
    assert row["df"] == pytest.approx(169 * 170 / 172, rel=1e-12)
    printed = [0.09180645, 0.6826279, -1.2558839, 1.43949684, 0.8931772]
    half_a_unit = np.array([0.5e-8, 0.5e-7, 0.5e-7, 0.5e-8, 0.5e-7])
    ours = np.array([row["estimate"], row["se"], *interval(row), row["p"]])
    assert np.all(np.abs(ours - printed) < half_a_unit * 1.001)


def test_jump_to_reference_with_both_variances(jump: Row) -> None:
    """rbmi prints 2.126 with 0.858 (0.444 to 3.807; p 0.013) by jackknife and 1.123 (-0.076 to 4.327; p 0.058) information-anchored."""
    sampling, anchored = jump["details"]["jackknife"], jump["details"]["information_anchored"]
    for found, printed in (
        (sampling, [-2.126, 0.858, -3.807, -0.444, 0.013]),
        (anchored, [-2.126, 1.123, -4.327, 0.076, 0.058]),
    ):
        ours = [found["estimate"], found["se"], found["ci_low"], found["ci_high"], found["p"]]
        np.testing.assert_allclose(ours, printed, atol=0.5e-3 * 1.05)  # three decimals, and 5 % for the optimisers' last digits
    assert [jump["estimate"], jump["se"]] == [sampling["estimate"], sampling["se"]]
    assert jump["estimate"] == pytest.approx(-2.1255805, abs=1e-6)  # R (nlme), conditional means


def test_jump_to_reference_by_random_imputation(jump: Row) -> None:
    """rbmi prints 2.156 (1.113) in one version and 2.169 (1.120) in another, each from 150 imputations."""
    found = jump["details"]["rubin"]
    between = found["mcse_estimate"] ** 2 * found["m"]
    for estimate, error in ((-2.156, 1.113), (-2.169, 1.120)):
        tolerance = 4.0 * math.sqrt(between / 150 + found["mcse_estimate"] ** 2)
        assert abs(found["estimate"] - estimate) < tolerance
        assert abs(found["se"] - error) < 4.0 * found["mcse_se"] * math.sqrt(1.0 + found["m"] / 150)
    # Conditional means are the limit of infinitely many imputations of the point estimate, up to the posterior's finite sample.
    assert abs(found["estimate"] - jump["estimate"]) < 4.0 * found["mcse_estimate"]


@pytest.mark.full
@pytest.mark.parametrize(("visit", "estimate", "exact", "error"), [(5, -1.305, -1.3054330, 0.878), (6, -1.929, -1.9289925, 0.862)])
def test_jump_to_reference_at_earlier_visits(visit: int, estimate: float, exact: float, error: float, trial: Trial, expected: Row) -> None:
    """Later visits count too: without them the gap of one participant would be filled otherwise, and visit 5 be -1.309."""
    details = result(trial, f"jump_rubin_visit{visit}")["details"]
    sampling, drawn = details["jackknife"], details["rubin"]
    assert abs(sampling["estimate"] - estimate) < 0.5e-3 * 1.05
    assert abs(sampling["se"] - error) < 0.5e-3 * 1.05
    assert sampling["estimate"] == pytest.approx(exact, abs=1e-6)
    printed = expected["rbmi_published_jump_to_reference"][f"visit{visit}"]
    monte_carlo = drawn["mcse_estimate"] * math.sqrt(1.0 + drawn["m"] / 150)
    assert abs(drawn["estimate"] + printed["estimate"]) < 4.0 * monte_carlo
    assert abs(drawn["se"] - printed["se"]) < 4.0 * drawn["mcse_se"] * math.sqrt(1.0 + drawn["m"] / 150)


@pytest.mark.full
@pytest.mark.parametrize(("strategy", "exact"), [("copy", -2.3707469), ("increments", -2.4491776)])
def test_copy_reference_and_copy_increments(strategy: str, exact: float, trial: Trial) -> None:
    row = result(trial, f"{strategy}_jackknife_visit7")
    assert row["estimate"] == pytest.approx(exact, abs=2e-6)  # R (nlme), conditional means; its optimiser stops at about 1e-6
    details = row["details"]
    assert details["jackknife"]["se"] < details["information_anchored"]["se"]


@pytest.mark.full
def test_last_mean_carried_forward_lies_nearest_to_no_effect(trial: Trial, jump: Row) -> None:
    """A participant of the arm keeps the mean reached by then, while the reference's goes on to fall: no published value is at hand."""
    row = result(trial, "last_mean_jackknife_visit7")
    assert jump["estimate"] < row["estimate"] < 0.0


@pytest.mark.full
def test_imputation_at_random_agrees_with_the_likelihood(trial: Trial) -> None:
    """Both suppose missing at random; the arms' own regressions differ from the common ones by a share of the error."""
    drawn, likelihood = result(trial, "at_random_visit7"), result(trial, "mmrm_visit7")
    assert abs(drawn["estimate"] - likelihood["estimate"]) < 0.1 * likelihood["se"]
    assert drawn["details"]["auxiliary_used"] == ["hamd@visit4", "hamd@visit5", "hamd@visit6"]


@pytest.mark.full
def test_the_commands_give_the_same_results(tmp_path: Path, jump: Row) -> None:
    succeed("ingest", EXAMPLE / "mapping.yaml", RAW, "-o", tmp_path / "export")
    allocation = tmp_path / "restricted" / "allocation.csv"
    succeed("analyse", EXAMPLE / "protocol.yaml", tmp_path / "export", "--allocation", allocation, "-o", tmp_path / "analysis")
    rows = json.loads((tmp_path / "analysis" / "estimates.json").read_text(encoding="utf-8"))["estimates"]
    assert [row["analysis"] for row in rows] == [one.id for one in PLAN.values()]
    assert {row["status"] for row in rows} == {"ok"}
    (row,) = (row for row in rows if row["analysis"] == "depression.jump_jackknife_visit7")
    assert [row["estimate"], row["se"], row["p"]] == [jump["estimate"], jump["se"], jump["p"]]
