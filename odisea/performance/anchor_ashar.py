"""The trial of Ashar et al. (JAMA Psychiatry 2022;79:13) as an anchor: its treated arm beside usual care, read through the corridor."""

import tempfile
from pathlib import Path

import numpy as np

from odisea.data.derive import derive, trial_rows
from odisea.data.ingest import write_ingested
from odisea.data.read_export import read_export
from odisea.data.trial import Floats
from odisea.performance.anchor import Anchor, Seen
from odisea.protocol.load import load_protocol

TREATED, CONTROL = "prt", "usual_care"
ABOUT = (
    "Ashar et al., JAMA Psychiatry 2022;79:13-23 (public data, CC0 1.0): chronic back pain in the United States, pain "
    "reprocessing therapy beside usual care, before and one month after; two of its three arms"
)
# Two sessions a week for four weeks, attended by nearly everybody; people up to 70 years, with pain of 4 or more at screening.
OTHER: dict[str, float] = {"adherence_mean": 0.85, "never_start": 0.03, "disengage_week": 0.01, "r_pain_odi": 0.6}


def read_ashar(raw: Path, example: Path) -> Anchor:
    """Read the two arms from the public file, by the mapping and protocol of the example.

    Parameters
    ----------
    raw : Path
        Folder with the public file.
    example : Path
        Folder `protocol/examples/ashar_prt`.

    Raises
    ------
    DataError, ProtocolError
        The files are not there or not as the mapping says.
    """
    protocol = load_protocol(example / "protocol.yaml")
    with tempfile.TemporaryDirectory() as folder:
        write_ingested(example / "mapping.yaml", raw, Path(folder) / "export")
        export = read_export(Path(folder) / "export", protocol, Path(folder) / "restricted" / "allocation.csv")
        trial = derive(export, protocol, analysis_seed=1)
    rows, arms = trial_rows(protocol), protocol.arm_ids
    chosen = np.isin(trial.arm, [arms.index(TREATED), arms.index(CONTROL)])

    def values(name: str) -> Floats:
        row: Floats = trial.values[rows.index(name), chosen]
        return row

    exposed = (trial.arm[chosen] == arms.index(TREATED)).astype(np.int64)
    seen = Seen(values("odi@baseline"), values("odi@post"), values("pain@baseline"), values("pain@post"), exposed)
    return Anchor("ashar", ABOUT, seen, OTHER, tuple(sorted(raw.glob("*.csv"))))
