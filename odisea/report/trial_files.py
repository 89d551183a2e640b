"""Reading an analysis folder of `odisea analyse`: estimates, and where they are present flow, baseline table and manifest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field

from odisea.errors import DataError, Problem
from odisea.protocol.fact import Text
from odisea.protocol.model import Protocol
from odisea.protocol.plan import Role
from odisea.report.content import Trace
from odisea.report.numbers import Traced
from odisea.report.results import MANIFEST, Manifest, Part, read_part

ESTIMATES = "estimates.json"
FLOW = "flow.json"
BASELINE = "baseline.json"
NAN = float("nan")


class Proposed(Part):
    """A value that an analysis uses and that the plan's authors propose."""

    pointer: str
    value: Any
    reason: Text | None = None
    by: str | None = None
    date: str | None = None


class EstimateRow(Part):
    """One analysis; numbers are None where they do not exist. `details` has the shape that the analysis's method gives it."""

    analysis: str
    outcome: str
    visit: str
    contrast: str
    method: str = ""
    measure: str = "mean_difference"
    missing_data: str = "complete_case"
    role: Role = "secondary"
    variance: str = ""
    estimate: float | None
    se: float | None = None
    ci_low: float | None
    ci_high: float | None
    df: float | None = None
    p: float | None = None
    alpha: float = 0.05
    n_randomised: int | None = None
    n_analysed: int | None = None
    n_analysed_arm: int | None = None
    n_analysed_reference: int | None = None
    status: str
    flags: tuple[str, ...] = ()
    reason: str = ""
    proposed: tuple[Proposed, ...] = ()
    table: dict[str, dict[str, int]] | None = None
    details: dict[str, Any] = Field(default={})


class Estimates(Part):
    """`estimates.json`."""

    trial: str
    origin: Literal["simulated", "real"]
    blind: bool = False
    estimates: tuple[EstimateRow, ...]


class ArmFlow(Part):
    """One arm of the flow; `arm` is None where the allocation is unknown."""

    arm: str | None
    allocated: int
    observed: Mapping[str, int] = MappingProxyType({})
    missing: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    events: Mapping[str, int] = MappingProxyType({})


class ParticipantFlow(Part):
    """`flow.json`; excluded counts by OUTCOME:REASON of the screening."""

    assessed: int | None = None
    excluded: Mapping[str, int] = MappingProxyType({})
    not_randomised: int = 0
    randomised: int
    arms: tuple[ArmFlow, ...]


class Cell(Part):
    """One group's summary of a number, or counts of a category."""

    n: int
    missing: int = 0
    mean: float | None = None
    sd: float | None = None
    median: float | None = None
    lower_quartile: float | None = None
    upper_quartile: float | None = None
    counts: dict[str, int] | None = None


class Characteristic(Part):
    """A row of the baseline table; the last cell is everybody."""

    name: str
    label: Text | None = None
    unit: str | None = None
    cells: tuple[Cell, ...]


class BaselineTable(Part):
    """`baseline.json`."""

    arms: tuple[str, ...] = ()
    rows: tuple[Characteristic, ...]


class TrialManifest(Manifest):
    """`manifest.json` of an analysis."""

    changed_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrialResult:
    """An analysis folder with the protocol that it was made by."""

    protocol: Protocol
    estimates: Estimates
    flow: ParticipantFlow | None
    baseline: BaselineTable | None
    manifest: TrialManifest

    def number(self, place: int, name: str) -> Traced:
        """Return a number of an estimate; NaN where it does not exist."""
        value = getattr(self.estimates.estimates[place], name)
        return at(ESTIMATES, f"/estimates/{place}/{name}", value)

    def told(self, place: int, *path: str | int) -> Any:
        """Return what the details of an estimate hold at a path; None where they hold nothing."""
        found: Any = self.estimates.estimates[place].details
        for step in path:
            if isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(found, Sequence) and not isinstance(found, str) and isinstance(step, int) and step < len(found):
                found = found[step]
            else:
                return None
        return found

    def detail(self, place: int, *path: str | int) -> Traced:
        """Return a number of an estimate's details; NaN where it does not exist."""
        found = self.told(place, *path)
        known = isinstance(found, int | float) and not isinstance(found, bool)
        return at(ESTIMATES, "/".join([f"/estimates/{place}/details", *map(str, path)]), found if known else None)

    def rows(self, *measures: str) -> Iterator[tuple[int, EstimateRow]]:
        """Yield the estimates of some measures with their places."""
        for place, row in enumerate(self.estimates.estimates):
            if row.measure in measures:
                yield place, row


def at(file: str, pointer: str, value: float | None) -> Traced:
    """Return a number with its place in a result file; NaN where it is None."""
    return Traced(NAN if value is None else float(value), Trace(file, pointer))


def read_trial_result(folder: Path, protocol: Protocol) -> TrialResult:
    """Return the results of an analysis folder; flow, baseline table and manifest may be absent.

    Raises
    ------
    DataError
        There are no estimates, a file is broken, another trial's, or names what the protocol does not have.
    """
    path = folder / ESTIMATES
    if not path.is_file():
        raise DataError(Problem(str(path), "the file is missing", "an analysis folder holds it", "Run `odisea analyse` into the folder"))
    estimates = read_part(path, Estimates)
    if estimates.trial != protocol.trial:
        raise DataError(Problem(str(path), f"the results are of trial {estimates.trial}", f"the protocol is trial {protocol.trial}"))
    problems = list(_unknown_names(estimates, protocol, path))
    if problems:
        raise DataError(problems)
    flow = read_part(folder / FLOW, ParticipantFlow) if (folder / FLOW).is_file() else None
    baseline = read_part(folder / BASELINE, BaselineTable) if (folder / BASELINE).is_file() else None
    manifest = read_part(folder / MANIFEST, TrialManifest) if (folder / MANIFEST).is_file() else TrialManifest()
    return TrialResult(protocol, estimates, flow, baseline, manifest)


def _unknown_names(estimates: Estimates, protocol: Protocol, path: Path) -> Iterator[Problem]:
    contrasts = [contrast.id for contrast in protocol.contrasts]
    known = {f"{plan_id}.{spec.id}" for plan_id, plan in protocol.analysis.plans.items() for spec in plan.analyses}
    for place, row in enumerate(estimates.estimates):
        where = f"{path}: /estimates/{place}"
        if row.analysis not in known:
            yield Problem(f"{where}/analysis", f"no plan has the analysis {row.analysis}", "", "Analyse again with this protocol")
        if row.contrast not in contrasts:
            yield Problem(f"{where}/contrast", f"there is no contrast {row.contrast}", f"contrasts: {', '.join(contrasts)}")
        if row.outcome not in protocol.outcomes:
            yield Problem(f"{where}/outcome", f"there is no outcome {row.outcome}", f"outcomes: {', '.join(protocol.outcomes)}")
