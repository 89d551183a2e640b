"""Made-up registry records: their files, changed copies of them, and the protocol that a record's scaffold loads as."""

import json
import shutil
from pathlib import Path
from typing import Any

from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol
from odisea.protocol.registry.record import Record, make_record
from odisea.protocol.registry.scaffold import scaffold

ROOT = Path(__file__).parents[2]
RECORDS = Path(__file__).parent / "records"
OURS = ROOT / "protocol" / "registry" / "nct07248813.json"
ACCEPTED = ("bare", "cluster_rct", "contacts", "mirror_page", "spanish", "three_arm_drug")
LEFT_OUT = object()


def record_data(name: str) -> dict[str, Any]:
    """Return a made-up record as plain data that a test may change."""
    data: dict[str, Any] = json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))
    return data


def changed(name: str, **changes: Any) -> Record:
    """Return a made-up record with values changed: keys are paths below protocolSection with two underscores for a dot."""
    data = record_data(name)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place: Any = data["protocolSection"]
        for step in parents:
            place = place[int(step)] if step.isdigit() else place[step]
        if value is LEFT_OUT:
            del place[last]
        else:
            place[int(last) if last.isdigit() else last] = value
    return make_record(data, f"{name}.json")


def write_beside_the_core(folder: Path, text: str) -> Path:
    """Write a protocol's text into a folder with the core dictionary, and return its path."""
    (folder / "dictionary").mkdir(exist_ok=True)
    shutil.copy(ROOT / "protocol" / "dictionary" / "core.yaml", folder / "dictionary" / "core.yaml")
    path = folder / "drafted.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def drafted(record: Record, folder: Path) -> Protocol:
    """Return the protocol that the scaffold of a record loads as."""
    return load_protocol(write_beside_the_core(folder, scaffold(record)))
