"""`odisea simulate`: one trial as an export folder and, beside it, what no analyst may see."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from odisea.data.manifest import make_manifest
from odisea.data.tables import render_csv
from odisea.data.write_export import write_export
from odisea.errors import Problem, ProtocolError
from odisea.protocol.model import Protocol
from odisea.provenance import hashes, write_text
from odisea.simulate.assumptions import Scenario
from odisea.simulate.export import export_tables, simulate_cohort
from odisea.simulate.export_restricted import render_blocks, truth_table
from odisea.simulate.mechanism import Mechanism
from odisea.simulate.rehearsal import simulated_trial

TRUTH = "restricted/simulated_truth.csv"
BLOCKS = "restricted/blocks.json"
OWNER_ONLY = 0o600


def write_trial(
    folder: Path,
    protocol: Protocol,
    inputs: Iterable[Path],
    scenario: Scenario,
    mechanism: Mechanism,
    participants: int,
    key: tuple[int, int],
) -> None:
    """Write FOLDER/export and, in FOLDER/restricted, allocation.csv, crosswalk.csv, blocks.json and simulated_truth.csv.

    Parameters
    ----------
    inputs : iterable of Path
        The declarations, whose hashes go into the export's manifest.
    mechanism : Mechanism
        Calibrated.
    participants : int
        Size of the trial.
    key : (seed, replicate)
        Which trial; it also keys the analysis of the exported data, so that it repeats the replicate of the power loop.

    Raises
    ------
    ProtocolError
        The scenario has no people to export, or its pace makes no calendar.
    DataError
        The trial breaks the contract of its dictionary, or the folder holds something else.
    """
    if scenario.textbook:
        raise ProtocolError(
            Problem(
                f"scenario {scenario.id}", "it draws two numbers per participant and has no people to export", "", "Name another scenario"
            )
        )
    trial = simulated_trial(key, scenario, mechanism, simulate_cohort(*key, mechanism, participants), protocol)
    manifest = make_manifest(
        protocol.trial,
        "simulated",
        analysis_key=key,
        made_by=f"odisea {version('odisea')}",
        inputs=hashes(inputs),
    )
    write_export(folder / "export", export_tables(trial), protocol.dictionary, manifest)
    for name, text in ((BLOCKS, render_blocks(trial)), (TRUTH, render_csv(truth_table(trial)).decode())):
        write_text(folder / name, text).chmod(OWNER_ONLY)
