"""Two entrances, one corridor: a simulated trial read back from its files gives the estimates of the power loop, bit by bit."""

import csv
import json
import random
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from odisea.data.read_export import read_export
from odisea.performance.power import Study
from odisea.protocol.load import load_located_protocol
from tests.commands import run_odisea, succeed
from tests.conftest import ROOT

PROTOCOL = ROOT / "protocol" / "nct07248813.yaml"
SCENARIOS = ("registered", "mnar_by_arm", "evidence_based")
REPLICATES = (0, 1, 77, 149)
NUMBERS = ("estimate", "se", "df", "ci_low", "ci_high", "p", "n_analysed", "n_analysed_arm", "n_analysed_reference")


class Rehearsal(NamedTuple):
    """One simulated trial as files."""

    folder: Path

    @property
    def export(self) -> Path:
        return self.folder / "export"

    @property
    def allocation(self) -> Path:
        return self.folder / "restricted" / "allocation.csv"

    @property
    def opened(self) -> tuple[Path, Path]:
        """The allocation, and the plan of the randomisation beside it."""
        return self.allocation, self.allocation.with_name("blocks.json")

    def analysed(self) -> dict[str, Any]:
        """Analyse it; estimates.json."""
        output = self.folder / "analysis"
        succeed("analyse", PROTOCOL, self.export, "--allocation", self.allocation, "-o", output)
        return read_json(output / "estimates.json")

    def copied(self, folder: Path) -> "Rehearsal":
        shutil.copytree(self.export, folder / "export")
        shutil.copytree(self.allocation.parent, folder / "restricted")
        return Rehearsal(folder)


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def simulated(folder: Path, store: Path, scenario: str, replicate: int) -> Rehearsal:
    succeed("simulate", PROTOCOL, "--scenario", scenario, "--replicate", replicate, "--store", store, "-o", folder)
    return Rehearsal(folder)


@pytest.fixture(scope="module", params=SCENARIOS)
def loop(request: pytest.FixtureRequest, store: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """replicates.parquet of a scenario."""
    output = tmp_path_factory.mktemp("power")
    succeed("power", PROTOCOL, "--scenario", request.param, "--replicates", max(REPLICATES) + 1, "--store", store, "-o", output)
    return pd.read_parquet(output / "replicates.parquet")


@pytest.fixture(scope="module")
def rehearsal(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    return simulated(tmp_path_factory.mktemp("rehearsal"), store, "registered", 7)


@pytest.fixture(scope="module")
def estimates(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = rehearsal.analysed()["estimates"]
    return rows


# ---------------------------------------------------------------- through files and in memory


@pytest.mark.parametrize("replicate", REPLICATES)
def test_the_corridor_gives_the_estimates_of_the_power_loop(loop: pd.DataFrame, replicate: int, store: Path, tmp_path: Path) -> None:
    scenario = loop.scenario.iloc[0]
    through_files = simulated(tmp_path, store, scenario, replicate).analysed()["estimates"]
    in_memory = loop[loop.replicate == replicate].to_dict("records")
    compiled = set(loop.analysis)
    assert {row["status"] for row in through_files} == {"ok"}
    through_files = [row for row in through_files if row["analysis"] in compiled]
    assert [row["analysis"] for row in through_files] == [row["analysis"] for row in in_memory]
    assert any(row["missing_data"] == "multiple_imputation" for row in through_files)
    for ours, theirs in zip(through_files, in_memory, strict=True):
        assert ours["status"] == theirs["status"] == "ok"
        for name in NUMBERS:
            # JSON has no infinity: null stands for the degrees of freedom of the normal distribution.
            read_back = np.inf if name == "df" and ours[name] is None else ours[name]
            assert read_back == theirs[name], (ours["analysis"], name)


def test_a_design_variant_takes_the_same_corridor(rehearsal: Rehearsal, store: Path, tmp_path: Path) -> None:
    variant = ("--variant", "extension_weekly_vas")
    succeed("simulate", PROTOCOL, *variant, "--scenario", "registered", "--replicate", 7, "--store", store, "-o", tmp_path)
    varied = Rehearsal(tmp_path)
    succeed("analyse", PROTOCOL, varied.export, *variant, "--allocation", varied.allocation, "-o", tmp_path / "analysis")
    # The weekly messages are new and the rest of the trial is the same, so the planned analyses are too.
    assert read_json(tmp_path / "analysis" / "estimates.json")["estimates"] == rehearsal.analysed()["estimates"]
    outcomes = csv.DictReader((varied.export / "outcomes.csv").read_text(encoding="utf-8").splitlines())
    weekly = [row for row in outcomes if row["visit"] == "week3"]
    assert len(weekly) == 200
    assert {row["missing"] for row in weekly} >= {"", "lost_to_follow_up"}
    refused = run_odisea("analyse", PROTOCOL, varied.export, "--allocation", varied.allocation, "-o", tmp_path / "refused")
    assert (refused.code, refused.printed) == (1, "")
    assert not (tmp_path / "refused").exists()


def test_the_export_has_no_findings(rehearsal: Rehearsal, study: Study) -> None:
    export = read_export(rehearsal.export, study.protocol, rehearsal.allocation)
    assert export.origin == "simulated"
    assert export.changed_files == ()
    assert len(export.participants) == 200
    assert export.not_randomised == ()
    assert np.bincount(export.arm).tolist() == [100, 100]


def test_only_the_restricted_folder_knows_the_arms(rehearsal: Rehearsal, study: Study) -> None:
    arms = set(study.protocol.arm_ids)
    for path in rehearsal.export.rglob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            assert not any(arms & set(row) for row in csv.reader(stream)), path.name
    assert rehearsal.allocation.stat().st_mode & 0o077 == 0


def test_the_manifest_holds_the_hash_of_every_file_analysed(rehearsal: Rehearsal, estimates: list[dict[str, Any]]) -> None:
    assert estimates
    inputs = read_json(rehearsal.folder / "analysis" / "manifest.json")["inputs"]
    analysed = [*load_located_protocol(PROTOCOL).files, *rehearsal.opened, *rehearsal.export.iterdir()]
    assert {"odi.csv", "odi.yaml", "core.yaml"} <= {path.name for path in analysed}
    assert sorted(inputs.values()) == sorted(sha256(path.read_bytes()).hexdigest() for path in analysed)


# ---------------------------------------------------------------- what may not change a number


def test_the_origin_changes_no_number(rehearsal: Rehearsal, estimates: list[dict[str, Any]], tmp_path: Path) -> None:
    real = rehearsal.copied(tmp_path)
    manifest = real.export / "export_manifest.json"
    content = read_json(manifest)
    assert content["origin"] == "simulated"
    manifest.write_text(json.dumps(content | {"origin": "real"}), encoding="utf-8")
    analysed = real.analysed()
    assert analysed["origin"] == "real"
    assert analysed["estimates"] == estimates
    for name in ("flow.json", "baseline.json"):
        assert without_origin(tmp_path / "analysis" / name) == without_origin(rehearsal.folder / "analysis" / name)


def without_origin(path: Path) -> dict[str, Any]:
    content = read_json(path)
    assert content.pop("origin") in ("real", "simulated")
    return content


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_rows_changes_no_number(seed: int, rehearsal: Rehearsal, estimates: list[dict[str, Any]], tmp_path: Path) -> None:
    shuffled = rehearsal.copied(tmp_path)
    changed = []
    for path in (*shuffled.export.rglob("*.csv"), shuffled.allocation):
        head, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
        mixed = random.Random(seed).sample(rows, len(rows))
        path.write_text("".join([head, *mixed]), encoding="utf-8")
        changed += [path.name] * (mixed != rows and path != shuffled.allocation)
    assert "odi.csv" in changed
    assert "outcomes.csv" in changed
    assert shuffled.analysed()["estimates"] == estimates
    assert sorted(read_json(tmp_path / "analysis" / "manifest.json")["changed_files"]) == sorted(changed)


def test_without_the_simulations_key_only_what_is_drawn_differs(
    rehearsal: Rehearsal, estimates: list[dict[str, Any]], tmp_path: Path
) -> None:
    """A real export has no key: imputations and allocations are drawn by the plan's seed, and nothing else changes."""
    keyless = rehearsal.copied(tmp_path)
    manifest = keyless.export / "export_manifest.json"
    content = read_json(manifest)
    del content["analysis_key"]
    manifest.write_text(json.dumps(content), encoding="utf-8")
    for ours, theirs in zip(keyless.analysed()["estimates"], estimates, strict=True):
        if ours["missing_data"] == "multiple_imputation":
            assert ours["estimate"] != theirs["estimate"]
            # Two independent sets of draws: their difference has standard error sqrt(2) mcse.
            assert abs(ours["estimate"] - theirs["estimate"]) < 4 * (ours["mcse"] + theirs["mcse"])
        elif ours["method"] == "rerandomisation":
            assert abs(ours["p"] - theirs["p"]) < 4 * 2**0.5 * (0.25 / 9999) ** 0.5  # two shares of 9,999 draws each
            assert {**ours, "p": 0, "details": 0} == {**theirs, "p": 0, "details": 0}
        else:
            assert ours == theirs


# ---------------------------------------------------------------- without the allocation


def test_a_missing_allocation_is_said_clearly(rehearsal: Rehearsal, tmp_path: Path) -> None:
    output = tmp_path / "analysis"
    neither = run_odisea("analyse", PROTOCOL, rehearsal.export, "-o", output)
    assert (neither.code, len(neither.messages)) == (1, 1)
    assert "--allocation FILE or --blind" in neither.messages[0]
    absent = run_odisea("analyse", PROTOCOL, rehearsal.export, "--allocation", tmp_path / "allocation.csv", "-o", output)
    assert (absent.code, len(absent.messages)) == (1, 1)
    assert str(tmp_path / "allocation.csv") in absent.messages[0]
    assert not output.exists()


def test_a_blind_analysis_writes_flow_and_baseline_only(rehearsal: Rehearsal, tmp_path: Path) -> None:
    succeed("analyse", PROTOCOL, rehearsal.export, "--blind", "-o", tmp_path)
    # The file of estimates is there for the report, which says that there are none.
    estimates = read_json(tmp_path / "estimates.json")
    assert (estimates["blind"], estimates["estimates"]) == (True, [])
    flow, baseline = read_json(tmp_path / "flow.json"), read_json(tmp_path / "baseline.json")
    assert flow["blind"]
    assert flow["randomised"] == 200
    assert [(arm["arm"], arm["allocated"]) for arm in flow["arms"]] == [(None, 200)]
    assert all(len(row["cells"]) == 1 for row in baseline["rows"]), "a blind table has a column for all and none by arm"
