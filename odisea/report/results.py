"""Reading the result folders of `odisea power`: measures, the assumptions behind them, and what produced them."""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from odisea.errors import DataError, Problem
from odisea.protocol.fact import Text
from odisea.protocol.model import Protocol
from odisea.report.content import Trace
from odisea.report.numbers import Traced, wilson

PERFORMANCE = "performance.csv"
ASSUMPTIONS = "assumptions.json"
MANIFEST = "manifest.json"
COLUMNS = ("scenario", "analysis", "outcome", "measure", "value", "mcse", "n_replicates")
NAN = float("nan")


class Part(BaseModel):
    """A part of a result file; further fields are for other readers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Parameter(Part):
    """An assumption as a scenario used it; `value` is None where it follows from the model."""

    name: str
    kind: str
    value: float | None
    low: float
    high: float
    unit: str
    source: tuple[str, ...]
    grade: str
    changed: bool = False
    outside_range: bool = False
    achieved: float | None = None


class Achieved(Part):
    """What the calibration cohort shows."""

    value: float
    mcse: float


class Claim(Part):
    """What the protocol's sample-size statement implies by the closed form."""

    implied_sd: float
    analysed_per_arm: float
    difference: float
    power: float
    alpha: float
    power_at_sd: dict[str, float] = {}
    needed_per_arm: dict[str, float] = {}


class Assumptions(Part):
    """`assumptions.json`."""

    trial: str
    scenario: str
    label: Text
    about: Text
    textbook: bool
    participants: int
    seed: int
    replicates: int
    parameters: tuple[Parameter, ...]
    achieved: dict[str, Achieved]
    claim: Claim | None = None


class Manifest(Part):
    """`manifest.json`: what a result was made of."""

    odisea: str = ""
    command: str = ""
    created: str = ""
    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}
    code: str = ""
    environment: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Measured:
    """A performance measure with its Monte Carlo standard error."""

    value: Traced
    mcse: Traced
    n_replicates: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Monte Carlo interval of a share."""
        return wilson(self.value.value, self.n_replicates)


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """The results of one scenario; `folder` is the name that traces print."""

    folder: str
    assumptions: Assumptions
    manifest: Manifest
    measures: Mapping[tuple[str, str], Measured]

    @property
    def id(self) -> str:
        """Identifier of the scenario."""
        return self.assumptions.scenario

    @property
    def values(self) -> dict[str, float | None]:
        """The values that the scenario used, checks left out."""
        return {one.name: one.value for one in self.assumptions.parameters if one.kind != "check"}

    def value(self, name: str) -> float:
        """Return a parameter's value, NaN where there is none."""
        value = self.values.get(name)
        return NAN if value is None else value

    def parameter(self, name: str, part: str = "value") -> Traced:
        """Return a parameter's value, or its `low`, `high` or `achieved`, with its place; NaN where there is none."""
        record = next((one for one in self.assumptions.parameters if one.name == name), None)
        found = getattr(record, part) if record else None
        return Traced(NAN if found is None else float(found), self.place(f"/parameters/{name}/{part}"))

    def achieved(self, name: str) -> tuple[Traced, Traced]:
        """Return what the calibration cohort shows for a name, and its Monte Carlo standard error."""
        found = self.assumptions.achieved.get(name)
        pair = (found.value, found.mcse) if found else (NAN, NAN)
        value, mcse = (Traced(number, self.place(f"/achieved/{name}/{part}")) for number, part in zip(pair, ("value", "mcse"), strict=True))
        return value, mcse

    def measured(self, analysis: str, measure: str) -> Measured:
        """Return a performance measure; NaN where the file has none."""
        found = self.measures.get((analysis, measure))
        if found:
            return found
        nothing = Traced(NAN, Trace(f"{self.folder}/{PERFORMANCE}", f"{self.id} {analysis} {measure}"))
        return Measured(nothing, nothing, 0)

    def place(self, pointer: str) -> Trace:
        """Return a place in the scenario's assumptions."""
        return Trace(f"{self.folder}/{ASSUMPTIONS}", pointer)

    @property
    def analyses(self) -> tuple[str, ...]:
        """The analyses in the order of the file."""
        return tuple(dict.fromkeys(analysis for analysis, _ in self.measures))


def read_power_results(folders: Sequence[Path], protocol: Protocol) -> tuple[ScenarioResult, ...]:
    """Return the results of several scenarios.

    Raises
    ------
    DataError
        A file is missing or broken, belongs to another trial, or a scenario comes twice; all faults at once.
    """
    if not folders:
        raise DataError(Problem("report power", "no result folder was given", "", "Name the folders of `odisea power`"))
    problems: list[Problem] = []
    results = []
    for folder in folders:
        try:
            results.append(_read_scenario(folder, protocol.trial))
        except DataError as error:
            problems.extend(error.problems)
    problems.extend(_repeated(results))
    if problems:
        raise DataError(problems)
    return tuple(results)


def _repeated(results: Sequence[ScenarioResult]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for one in results:
        if one.id in seen:
            yield Problem(one.folder, f"scenario {one.id} was already read from {seen[one.id]}", "", "Give every scenario once")
        seen.setdefault(one.id, one.folder)


def _read_scenario(folder: Path, trial: str) -> ScenarioResult:
    missing = [name for name in (PERFORMANCE, ASSUMPTIONS, MANIFEST) if not (folder / name).is_file()]
    if missing:
        raise DataError(
            Problem(str(folder / name), "the file is missing", "a result folder holds it", "Run `odisea power` into the folder again")
            for name in missing
        )
    assumptions = read_part(folder / ASSUMPTIONS, Assumptions)
    if assumptions.trial != trial:
        place = str(folder / ASSUMPTIONS)
        raise DataError(Problem(place, f"the results are of trial {assumptions.trial}", f"the protocol is trial {trial}"))
    return ScenarioResult(folder.name, assumptions, read_part(folder / MANIFEST, Manifest), _read_measures(folder, assumptions.scenario))


Model = TypeVar("Model", bound=BaseModel)


def read_part(path: Path, model: type[Model]) -> Model:
    """Return a JSON file as a model.

    Raises
    ------
    DataError
        The file is no JSON or lacks something; every fault is one problem.
    """
    try:
        return model.model_validate(read_json(path))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        raise DataError(Problem(f"{path}: /{'/'.join(map(str, fault['loc']))}", fault["msg"]) for fault in faults) from None


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; DataError where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(Problem(str(path), f"cannot be read: {error.strerror}")) from None
    except ValueError as error:
        raise DataError(Problem(str(path), f"this is not JSON: {error}")) from None


def _read_measures(folder: Path, scenario: str) -> dict[tuple[str, str], Measured]:
    """Return the rows of performance.csv by analysis and measure."""
    path = folder / PERFORMANCE
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if lacking:
            raise DataError(Problem(f"{path}: row 1", f"there is no column {', '.join(lacking)}", f"columns: {', '.join(COLUMNS)}"))
        rows = [(number, row) for number, row in enumerate(reader, start=2)]
    problems = [
        Problem(f"{path}: row {number}", f"the scenario is {row['scenario']}", f"{ASSUMPTIONS} names {scenario}")
        for number, row in rows
        if row["scenario"] != scenario
    ]
    if problems or not rows:
        raise DataError(problems or [Problem(str(path), "the file has no rows", "", "Run `odisea power` into the folder again")])
    return {(row["analysis"], row["measure"]): _measured(path, number, row) for number, row in rows}


def _measured(path: Path, number: int, row: Mapping[str, str]) -> Measured:
    where = f"{path}: row {number}"
    trace = Trace(f"{path.parent.name}/{PERFORMANCE}", f"{row['scenario']} {row['analysis']} {row['measure']}")
    value, mcse, count = (_cell(row[name], f"{where}, column {name}") for name in ("value", "mcse", "n_replicates"))
    error = Trace(trace.file, f"{trace.at} mcse")
    return Measured(Traced(value, trace), Traced(mcse, error), 0 if math.isnan(count) else int(count))


def _cell(text: str | None, where: str) -> float:
    """Return a cell as a number; NaN where it is empty."""
    if text is None or text.strip() == "":
        return NAN
    try:
        return float(text)
    except ValueError:
        raise DataError(Problem(where, f"{text!r} is not a number")) from None
