"""A replicate is a pure function of protocol, scenario, seed and number: threads, batches and interruptions change no digit."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from odisea.allocation.plan import RandomisationPlan
from odisea.performance import store as batches
from odisea.performance.power import Study, planned_analyses, prepare
from odisea.simulate.assumptions import Scenario, resolve
from tests.commands import succeed
from tests.conftest import ROOT

PROTOCOL = ROOT / "protocol" / "nct07248813.yaml"
COMMAND = Path(sys.executable).with_name("odisea")
SCENARIO = "registered"
REPLICATES = 1300  # three batches, the last one cut


@pytest.fixture(scope="module")
def calibrations(store: Path, study: Study) -> Path:
    """The folder with the calibration of the scenario."""
    prepare(study, resolved(study), 1, store, 2)
    return store / study.protocol.trial / "scenarios"


def resolved(study: Study, name: str = SCENARIO) -> Scenario:
    return resolve(study.assumptions, study.scenarios, name, str(study.scenarios_path))


@pytest.fixture
def new_store(tmp_path: Path, calibrations: Path, study: Study) -> Callable[[str], Path]:
    """Makes stores that hold the calibration and no batch."""

    def make(name: str) -> Path:
        shutil.copytree(calibrations, tmp_path / name / study.protocol.trial / "scenarios")
        return tmp_path / name

    return make


def power(store: Path, replicates: int = REPLICATES, *options: object) -> pd.DataFrame:
    """Run `odisea power` and return its replicates.parquet."""
    output = store / "output"
    succeed("power", PROTOCOL, "--scenario", SCENARIO, "--replicates", replicates, "--store", store, "-o", output, *options)
    return pd.read_parquet(output / "replicates.parquet")


def finished(store: Path) -> dict[str, int]:
    """Names of finished batches with the time of their last change in nanoseconds."""
    return {path.name: path.stat().st_mtime_ns for path in sorted((store / ".batches").glob("*/*.npy"))}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, calibrations: Path, study: Study) -> pd.DataFrame:
    """One thread, no interruption."""
    store = tmp_path_factory.mktemp("reference")
    shutil.copytree(calibrations, store / study.protocol.trial / "scenarios")
    return power(store, REPLICATES, "--workers", 1)


def same(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Every value equal bit by bit (NaN equal to NaN)."""
    pd.testing.assert_frame_equal(first.reset_index(drop=True), second.reset_index(drop=True), check_exact=True)


# ---------------------------------------------------------------- scheduling


def test_the_rows_are_those_promised(reference: pd.DataFrame, study: Study) -> None:
    analyses = [one.id for one in planned_analyses(study.protocol) if one.in_loop]
    assert len(reference) == REPLICATES * len(analyses)
    assert reference.replicate.tolist() == np.repeat(np.arange(REPLICATES), len(analyses)).tolist()
    assert reference.analysis.tolist() == analyses * REPLICATES
    assert (reference.scenario == SCENARIO).all()
    # No two replicates are the same trial.
    assert reference[reference.analysis == analyses[0]].estimate.nunique() > 0.99 * REPLICATES


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_gives_the_same_values(workers: int, reference: pd.DataFrame, new_store: Callable[[str], Path]) -> None:
    same(power(new_store("store"), REPLICATES, "--workers", workers), reference)


@pytest.mark.parametrize("size", [7, 333, 5000])
def test_any_batch_size_gives_the_same_values(
    size: int, reference: pd.DataFrame, new_store: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", size)
    some = 600
    store = new_store("store")
    same(power(store, some, "--workers", 2), reference[reference.replicate < some])
    assert len(finished(store)) == -(-some // size)


def test_another_batch_size_reads_no_wrong_batch(
    reference: pd.DataFrame, new_store: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store("store")
    for size in (500, 200, 700, 1):
        monkeypatch.setattr(batches, "BATCH", size)
        same(power(store, 50 if size == 1 else REPLICATES), reference[reference.replicate < (50 if size == 1 else REPLICATES)])


# ---------------------------------------------------------------- interruption


def test_a_killed_run_goes_on_where_it_stopped(new_store: Callable[[str], Path]) -> None:
    store, many = new_store("killed"), 20_000
    words = ["power", PROTOCOL, "--scenario", SCENARIO, "--replicates", many, "--workers", 1, "--store", store, "-o", store / "output"]
    with subprocess.Popen([COMMAND, *map(str, words)], stderr=subprocess.PIPE) as process:
        until_finished(store, 2, process)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    before = finished(store)
    assert 2 <= len(before) < many / batches.BATCH
    assert not (store / "output").exists(), "a killed run left results"
    some_more = len(before) * batches.BATCH + 700
    resumed = power(store, some_more, "--workers", 2)
    after = finished(store)
    assert {name: after[name] for name in before} == before, "a finished batch was computed again"
    assert len(after) == len(before) + 2
    same(resumed, power(new_store("uninterrupted"), some_more))


def until_finished(store: Path, count: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a run has finished some batches; fail where it ends before."""
    while len(finished(store)) < count:
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        time.sleep(0.005)


def test_what_a_kill_left_half_written_is_not_read(reference: pd.DataFrame, new_store: Callable[[str], Path]) -> None:
    store = new_store("store")
    power(store, 700)
    first = next((store / ".batches").glob("*/000000000-*.npy"))
    (first.parent / ".000000500.1.1.tmp").write_bytes(first.read_bytes()[:1000])
    first.write_bytes(first.read_bytes()[:1000])
    same(power(store, 700), reference[reference.replicate < 700])


# ---------------------------------------------------------------- what may be used again


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_damaged_batch_is_computed_again(share: float, reference: pd.DataFrame, new_store: Callable[[str], Path]) -> None:
    store = new_store("store")
    power(store, 700)
    good, damaged = sorted((store / ".batches").glob("*/*.npy"))
    content = bytearray(damaged.read_bytes())
    content[int(share * len(content))] ^= 1
    damaged.write_bytes(content)
    untouched = good.stat().st_mtime_ns
    same(power(store, 700), reference[reference.replicate < 700])
    assert good.stat().st_mtime_ns == untouched
    assert damaged.read_bytes() != bytes(content), "the damaged batch was not replaced"


def test_no_single_damaged_byte_passes(tmp_path: Path) -> None:
    """Wherever a bit of a batch file flips, in its numbers or in what surrounds them: it is refused, or its numbers are unharmed."""
    results = np.arange(60.0).reshape(4, 5, 3)
    batches.write_batch(tmp_path, 0, 4, results)
    (path,) = tmp_path.glob("*.npy")
    whole = path.read_bytes()
    refused = 0
    for position in range(len(whole)):
        content = bytearray(whole)
        content[position] ^= 1 << position % 8
        path.write_bytes(content)
        found = batches.read_batch(tmp_path, 0, 4)
        refused += found is None
        assert found is None or np.array_equal(found, results), f"byte {position}"
    assert refused >= results.nbytes


def test_more_replicates_use_what_is_there(reference: pd.DataFrame, new_store: Callable[[str], Path]) -> None:
    store = new_store("store")
    fewer = power(store, 700)
    before = finished(store)
    more = power(store, REPLICATES)
    after = finished(store)
    whole = "000000000-000000500.npy"
    assert after[whole] == before[whole]
    same(more[more.replicate < 700], fewer)
    same(more, reference)
    same(power(store, 700), fewer)
    assert finished(store) == after, "fewer replicates computed something"


def test_a_batch_of_another_digest_is_not_used(reference: pd.DataFrame, new_store: Callable[[str], Path]) -> None:
    store = new_store("store")
    other = power(store, 500, "--seed", 5)
    assert not np.isin(other.estimate, reference.estimate[reference.replicate < 500]).any()
    same(power(store, 500), reference[reference.replicate < 500])
    assert len(list((store / ".batches").iterdir())) == 2


def test_whatever_determines_a_replicate_is_in_the_digest(study: Study, store: Path) -> None:
    scenario = resolved(study)

    def digest(changed: Scenario = scenario, seed: int = 1, trial: Study = study) -> str:
        return prepare(trial, changed, seed, store, 2).batch_digest

    assert digest() == digest()
    plan = study.protocol.analysis.plans["as_recommended"]
    fewer = study.protocol.analysis.model_copy(update={"plans": {"as_recommended": plan}})
    one_plan = type(study)(
        study.protocol.model_copy(update={"analysis": fewer}),
        study.protocol_files,
        study.assumptions,
        study.assumptions_path,
        study.scenarios,
        study.scenarios_path,
    )
    others = {
        "seed": digest(seed=2),
        "participants": digest(scenario._replace(participants=120)),
        "block sizes": digest(scenario._replace(randomisation=RandomisationPlan(method="permuted_blocks", block_sizes=(4,)))),
        "randomisation": digest(scenario._replace(randomisation=RandomisationPlan(method="simple"))),
        "a value": digest(scenario._replace(values={**scenario.values, "effect": -9.0})),
        "scenario": digest(resolved(study, "textbook")),
        "plan": digest(trial=one_plan),
    }
    assert len({digest(), *others.values()}) == len(others) + 1
    # A name, a label or a place on disk determines nothing.
    assert digest(scenario._replace(id="renamed")) == digest()
