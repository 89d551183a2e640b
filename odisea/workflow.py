"""What the Snakefile needs to know before any job: the trial, its required scenarios and where the real data lie."""

from dataclasses import dataclass
from pathlib import Path

from snakemake.exceptions import WorkflowError

from odisea.errors import OdiseaError
from odisea.protocol.load import load_located_protocol, load_yaml
from odisea.protocol.rules.check import read_beside
from odisea.simulate.assumptions import Scenarios

NOWHERE = "name-an-export-folder-with---config-data=FOLDER"


@dataclass(frozen=True)
class Workflow:
    """File names and scenario names that rules refer to.

    Parameters
    ----------
    trial : str
        Identifier of the trial.
    scenarios : tuple of str
        Required scenarios; empty where the trial has no scenario file.
    parts : tuple of str
        Instruments and dictionaries that the protocol names: a change in one of them changes results.
    beside : tuple of str
        What `odisea check` reads besides the protocol, as far as it exists: registry record, waivers, simulation plan.
    assumptions, scenarios_file : str
        Declarations beside the protocol's folder.
    export, allocation : str
        The real export folder and its allocation file; a name that tells what to do where no data were given.
    data : tuple of str
        The files of the real export folder: a folder's own time does not show that a file in it changed.
    """

    trial: str
    scenarios: tuple[str, ...]
    parts: tuple[str, ...]
    beside: tuple[str, ...]
    assumptions: str
    scenarios_file: str
    export: str
    allocation: str
    data: tuple[str, ...]


def read_workflow(protocol: str, data: str, allocation: str) -> Workflow:
    """Read the protocol and, where there is one, the scenario file beside its folder.

    Raises
    ------
    WorkflowError
        A file cannot be used; the message is that of `odisea check`.
    """
    folder = Path(protocol).parent.parent / "simulate"
    scenarios_file = folder / "scenarios.yaml"
    try:
        located = load_located_protocol(Path(protocol))
        scenarios = load_yaml(scenarios_file, Scenarios).scenarios if scenarios_file.exists() else {}
    except OdiseaError as error:
        raise WorkflowError(*map(str, error.problems)) from None
    return Workflow(
        located.value.trial,
        tuple(name for name, spec in scenarios.items() if spec.required),
        tuple(map(str, located.files[1:])),
        tuple(str(path) for path in read_beside(Path(protocol), located.value.trial) if path),
        str(folder / "assumptions.yaml"),
        str(scenarios_file),
        data or NOWHERE,
        allocation or str(Path(data or NOWHERE).parent / "restricted" / "allocation.csv"),
        tuple(sorted(str(path) for path in Path(data).rglob("*") if path.is_file())) if data else (),
    )
