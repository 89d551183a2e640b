"""No stale compiled code: after an edit in a function that others inline, the callers' numbers change.

Each test works on a copy of the package in a temporary folder and runs it in a process of its own, as a user would after
an edit. The caller's file is not touched.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.declared import ROOT

CALLER = """
import json, sys
import numpy as np
from odisea.analyse.responder import responder_outcome
from odisea.data.trial import Analysis, make_trial

baseline = np.full(4, 40.0)
week6 = baseline - np.array([0.0, 9.0, 10.0, 11.0])
nothing = np.empty(0, dtype=np.int64)
trial = make_trial(np.stack([baseline, week6]), np.array([0, 1, 0, 1]), seed=1)
analysis = Analysis(3, 1, 0, 1, 0, nothing, nothing, 20, 10.0, -1.0, 0)
json.dump(responder_outcome(trial, analysis, np.arange(4)).tolist(), sys.stdout)
"""

LOOP_MODULE = '''"""A power loop in little: it calls an estimator as `odisea.performance.batch` does."""

import numpy as np

from odisea.analyse.linear import ancova
from odisea.compiled import compiled
from odisea.data.trial import Analysis, Trial
from odisea.streams import normal4


@compiled
def standard_errors(seed: int, analysis: Analysis, arm: np.ndarray, out: np.ndarray) -> None:
    """Fill `out` with the standard error of one replicate each."""
    values = np.empty((2, arm.size))
    for replicate in range(out.size):
        for i in range(arm.size):
            first, second, _, _ = normal4(seed, replicate, 1, i, 0)
            values[0, i] = first
            values[1, i] = second
        out[replicate] = ancova(Trial(values, arm, seed, replicate), analysis).se
'''

LOOP = """
import json, sys
import numpy as np
from odisea.loop_in_little import standard_errors
from odisea.data.trial import Analysis

nothing = np.empty(0, dtype=np.int64)
out = np.empty(5)
standard_errors(7, Analysis(0, 1, 0, 1, 0, nothing, nothing, 20, 10.0, -1.0, 0), np.arange(20) % 2, out)
json.dump(out.tolist(), sys.stdout)
"""

POWER = """
import json, sys
from pathlib import Path
from odisea.performance.batch import Job, make_table, run_batch
from odisea.performance.power import planned_analyses
from odisea.protocol.load import load_protocol, load_yaml
from odisea.simulate.assumptions import Assumptions, Scenarios, resolve
from odisea.simulate.draft import draft_mechanism, simulated_recipes

protocol = load_protocol(Path("protocol/nct07248813.yaml"))
assumptions = load_yaml(Path("simulate/assumptions.yaml"), Assumptions)
scenario = resolve(assumptions, load_yaml(Path("simulate/scenarios.yaml"), Scenarios), "evidence_based", "scenarios.yaml")
planned = planned_analyses(protocol)
job = Job(1, 200, draft_mechanism(scenario, protocol), simulated_recipes(protocol), make_table([one.analysis for one in planned]))
results = run_batch(job, 0, 20)
json.dump({one.id: results[:, place, :2].tolist() for place, one in enumerate(planned)}, sys.stdout)
"""

# An improvement of exactly the threshold no longer counts.
RESPONDER = ("data/instruments.py", "threshold - RESPONDER_SLACK", "threshold + RESPONDER_SLACK")
# The residual variance with a divisor that is one too large.
VARIANCE = ("analyse/linear.py", "variance = rss / df / (length * length)", "variance = rss / (df + 1.0) / (length * length)")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and the declarations in a folder of their own, without anything compiled."""
    shutil.copytree(ROOT / "odisea", tmp_path / "odisea", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("protocol", "simulate"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def run(folder: Path, program: str) -> object:
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def edit(folder: Path, place: tuple[str, str, str]) -> None:
    name, old, new = place
    path = folder / "odisea" / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def caches(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / ".numba_cache").iterdir())


def test_a_caller_sees_the_edit_of_a_function_that_it_inlines(copy: Path) -> None:
    assert run(copy, CALLER) == [0.0, 0.0, 1.0, 1.0]
    assert run(copy, CALLER) == [0.0, 0.0, 1.0, 1.0]  # from the cache
    assert len(caches(copy)) == 1
    edit(copy, RESPONDER)
    assert run(copy, CALLER) == [0.0, 0.0, 0.0, 1.0]
    assert len(caches(copy)) == 2


def test_a_power_loop_in_little_sees_the_edit_of_its_estimator(copy: Path) -> None:
    (copy / "odisea" / "loop_in_little.py").write_text(LOOP_MODULE, encoding="utf-8")
    before = run(copy, LOOP)
    assert run(copy, LOOP) == before
    edit(copy, VARIANCE)
    after = run(copy, LOOP)
    assert isinstance(before, list)
    # 20 participants, two means: 18 degrees of freedom, taken as 19.
    assert after == pytest.approx([se * (18.0 / 19.0) ** 0.5 for se in before], rel=1e-12)


def test_without_the_folder_named_by_all_sources_the_caller_would_be_stale(copy: Path) -> None:
    """The control: it shows that the tests above can fail. Should this fail, numba's own cache has learnt to look further."""
    edit(copy, ("compiled.py", "return base / source_hash()[:16]", 'return base / "always_the_same"'))
    assert run(copy, CALLER) == [0.0, 0.0, 1.0, 1.0]
    edit(copy, RESPONDER)
    assert run(copy, CALLER) == [0.0, 0.0, 1.0, 1.0]


def test_an_edit_anywhere_in_the_package_opens_a_new_folder(copy: Path) -> None:
    program = "import json, sys; from odisea.compiled import cache_folder; json.dump(cache_folder().name, sys.stdout)"
    names = [run(copy, program)]
    for path in ("odisea/errors.py", "odisea/data/instruments.py"):
        (copy / path).write_text((copy / path).read_text(encoding="utf-8") + "\n# a remark\n", encoding="utf-8")
        names.append(run(copy, program))
    (copy / "odisea" / "errors.py").rename(copy / "odisea" / "errors_renamed.py")
    names.append(run(copy, program))
    assert len(set(map(str, names))) == len(names)


@pytest.mark.full
def test_the_power_loop_itself_sees_the_edits(copy: Path) -> None:
    """About a minute of compiling before and after: part of `make test-full`."""
    before = run(copy, POWER)
    assert run(copy, POWER) == before
    edit(copy, RESPONDER)
    edit(copy, VARIANCE)
    after = run(copy, POWER)
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    for plan in ("as_registered", "as_recommended"):
        estimates, standard_errors = (
            [[row[field] for row in results[f"{plan}.ancova"]] for results in (before, after)] for field in (0, 1)
        )
        assert estimates[0] == estimates[1]
        assert all(new < old for old, new in zip(*standard_errors, strict=True))
        assert before[f"{plan}.responder_or"] != after[f"{plan}.responder_or"]
        assert before[f"{plan}.mi_limit"] == after[f"{plan}.mi_limit"]
