"""`odisea bench --mice`: imputation within arms with auxiliaries beside R's mice, the same work measured in one run.

R is a yardstick here and needed nowhere else: Debian and its relatives have it as the package r-cran-mice. Both programs
impute the outcome of one simulated trial m times in each arm by normal regressions on the baseline variables and the
auxiliaries, analyse every completed data set by the same analysis of covariance, and pool. Seconds are of the processor,
without the start of either program and without compiling.

The time is taken with mice's default of five sweeps. Where outcome and auxiliary are missing together, as here, its chain
has not arrived by then (its estimate still moves by some eight Monte Carlo standard errors up to twenty sweeps), so results
are compared after twenty, with fewer imputations. Ours needs no chain for such a pattern.
"""

import csv
import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from odisea.analyse.carry_out import carry_out
from odisea.analyse.plan import PlannedAnalysis
from odisea.data.trial import Trial
from odisea.errors import OdiseaError, Problem
from odisea.performance.per_trial import trial_in_memory
from odisea.performance.power import Run, Study

SCRIPT = Path(__file__).with_name("mice.R")
IMPUTATIONS, SWEEPS = 1000, 5  # five are the default of mice
COMPARED, ARRIVED = 250, 20  # imputations and sweeps of the comparison of results
AGREE = 4.0  # combined Monte Carlo standard errors


def mice_record(study: Study, run: Run, folder: Path) -> dict[str, Any]:
    """Return seconds and results of both programs on one simulated trial.

    Parameters
    ----------
    folder : Path
        Receives the data that R reads and what it answers.

    Raises
    ------
    OdiseaError
        There is no R with mice, or the two results differ by more than four Monte Carlo standard errors.
    """
    planned = next(one for one in run.per_trial if one.auxiliary.size)
    planned = _with_imputations(planned)
    trial, places = trial_in_memory((run.job.seed, 0), run.scenario, run.job.mechanism, run.job.participants, study.protocol)
    carry_out(trial, planned, places)  # compiles
    start = process_time()
    own = carry_out(trial, planned, places).estimate
    seconds = process_time() - start
    timed = read_mice(trial, planned, folder, IMPUTATIONS, SWEEPS)
    theirs = read_mice(trial, planned, folder, COMPARED, ARRIVED)
    apart = abs(own.estimate - theirs["estimate"]) / np.sqrt(own.between / IMPUTATIONS + theirs["between"] / COMPARED)
    if apart > AGREE:
        found = f"estimates {own.estimate:.4f} and {theirs['estimate']:.4f} lie {apart:.1f} Monte Carlo standard errors apart"
        raise OdiseaError(Problem("odisea bench --mice", found, f"at most {AGREE:g}", "Report this as a defect of the suite"))
    return {
        "analysis": planned.id,
        "participants": int(trial.arm.size),
        "m": IMPUTATIONS,
        "sweeps_of_mice": SWEEPS,
        "seconds": round(seconds, 4),
        "mice_seconds": round(timed["seconds"], 3),
        "ratio_to_mice": round(timed["seconds"] / seconds, 1),
        "compared_after_sweeps": ARRIVED,
        "compared_m": COMPARED,
        "estimate": own.estimate,
        "se": own.se,
        "mice_estimate": theirs["estimate"],
        "mice_se": theirs["se"],
        "mice_version": theirs["version"],
        "apart_in_mcse": round(float(apart), 2),
    }


def _with_imputations(planned: PlannedAnalysis) -> PlannedAnalysis:
    """Return the analysis with the fixed number of imputations."""
    spec = planned.spec.model_copy(update={"m": IMPUTATIONS})
    return replace(planned, spec=spec, analysis=planned.analysis._replace(m=IMPUTATIONS))


def read_mice(trial: Trial, planned: PlannedAnalysis, folder: Path, m: int = IMPUTATIONS, sweeps: int = SWEEPS) -> dict[str, Any]:
    """Return what mice makes of the trial: seconds, estimate, standard error, variance between imputations, version."""
    program = shutil.which("Rscript")
    if program is None:
        raise OdiseaError(Problem("odisea bench --mice", "there is no Rscript", "R with mice", "Install r-cran-mice, or leave --mice out"))
    folder.mkdir(parents=True, exist_ok=True)
    data, answer = write_data(folder / "mice.csv", trial, planned), folder / "mice.json"
    command = [program, str(SCRIPT), str(data), str(m), str(sweeps), str(answer)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OdiseaError(Problem("odisea bench --mice", f"R failed: {done.stderr.strip()[-300:]}", "", "Install r-cran-mice"))
    found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return found


def write_data(path: Path, trial: Trial, planned: PlannedAnalysis) -> Path:
    """Write the contrast's participants as R reads them; return the path."""
    analysis = planned.analysis
    members = np.flatnonzero(np.isin(trial.arm, (analysis.arm, analysis.reference)))
    used = [row for row in analysis.covariates if trial.values[row].any()]
    variables = [row for row in analysis.imputation if trial.values[row].any()]
    columns = {"arm": (trial.arm[members] == analysis.arm).astype(float), "y": trial.values[analysis.response, members]}
    for letter, rows in (("x", used), ("z", variables), ("a", planned.auxiliary)):
        columns |= {f"{letter}{place + 1}": trial.values[row, members] for place, row in enumerate(rows)}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(_cells(row) for row in zip(*columns.values(), strict=True))
    return path


def _cells(row: Iterable[float]) -> list[str]:
    return ["NA" if np.isnan(value) else repr(float(value)) for value in row]
