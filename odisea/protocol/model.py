"""A trial's protocol: facts, and the plan of its analyses. Names of the parts that every other room reads.

Required are `odisea`, `trial`, `identification`, `arms`, `contrasts`, `schedule`, `outcomes`, `analysis` and `export`; every
other section may be missing and then counts as a gap.
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, WithJsonSchema, model_validator
from pydantic.json_schema import SkipJsonSchema

from odisea.protocol.declaration import Declaration
from odisea.protocol.dictionary import NAME_PATTERN, ColumnSpec, Dictionary, FileSpec
from odisea.protocol.fact import NOT_PLANNED, NOT_STATED, Fact, Frozen, PlannedFact, Signed, Text
from odisea.protocol.instrument import Direction, Instrument
from odisea.protocol.plan import AnalysisPlans, AnalysisSpec, Coding, Plan, ResponderRule
from odisea.protocol.sections import (
    Blinding,
    DataManagement,
    DataSharing,
    Design,
    Estimand,
    Ethics,
    Harms,
    Hypothesis,
    Identification,
    ImportantDifference,
    Intervention,
    Objective,
    Population,
    Randomisation,
    RecordStatus,
    Reference,
    SampleSize,
    Site,
    SourceSpec,
    Sponsors,
)

__all__ = [
    "NOT_PLANNED",
    "NOT_STATED",
    "AnalysisPlans",
    "AnalysisSpec",
    "Arm",
    "Coding",
    "ColumnSpec",
    "Contrast",
    "Declaration",
    "Dictionary",
    "Export",
    "Fact",
    "FileSpec",
    "Frozen",
    "Instrument",
    "Outcome",
    "Plan",
    "PlannedFact",
    "Protocol",
    "ResponderRule",
    "Schedule",
    "Text",
    "Visit",
]

FILE_NAME = {"type": "string", "pattern": r"\.yaml$", "description": "A file beside the protocol, such as instruments/odi.yaml."}


class Arm(Frozen):
    """An arm; arms are indices elsewhere, in the order of the file."""

    id: str = Field(pattern=NAME_PATTERN)
    label: Text
    type: Fact[Literal["EXPERIMENTAL", "ACTIVE_COMPARATOR", "PLACEBO_COMPARATOR", "SHAM_COMPARATOR", "NO_INTERVENTION", "OTHER"]] = (
        NOT_STATED
    )
    planned_n: Fact[int] = NOT_STATED
    interventions: tuple[str, ...] = ()


class Contrast(Frozen):
    """A comparison; its effect is arm minus reference."""

    id: str = Field(pattern=NAME_PATTERN)
    arm: str
    reference: str
    label: Text

    @model_validator(mode="after")
    def _two_arms(self) -> Self:
        if self.arm == self.reference:
            raise ValueError(f"arm and reference are both {self.arm}; a contrast compares two different arms")
        return self


class Visit(Frozen):
    """A planned visit; `window_days` are the days allowed before and after."""

    id: str = Field(pattern=NAME_PATTERN)
    week: float
    label: Text
    window_days: Fact[tuple[int, int]] = NOT_STATED
    activities: tuple[str, ...] = ()


class Schedule(Frozen):
    """The visits in order of time, and what is recorded between them."""

    visits: tuple[Visit, ...] = Field(min_length=1)
    continuous: tuple[str, ...] = ()
    weekly: tuple[str, ...] = ()


class Outcome(Frozen):
    """An outcome.

    Parameters
    ----------
    instrument : str, optional
        Its unit, range, resolution and direction hold where the outcome says nothing.
    visits : tuple of str
        Where a value is recorded in the export; empty for an outcome that cannot be executed.
    baseline : str, optional
        The visit of the baseline value.
    arms : tuple of str, optional
        Arms in which it is recorded; absent: all.
    domain : str
        What is measured: disability, pain, quality_of_life, adherence, satisfaction, harms, ...
    aggregation : str
        How participants' values become one figure per arm.
    measured_at : tuple of str
        Visits at which the source says that it is measured, whether or not the export holds it.
    components, formula
        Of an outcome made of several records: their names, and how they are joined.
    """

    label: Text
    kind: Literal["continuous", "binary", "count", "ordinal", "time_to_event"]
    level: Literal["primary", "secondary", "supportive", "exploratory"]
    instrument: str | None = None
    direction: Direction | None = None
    unit: str | None = None
    range: Fact[tuple[float, float]] = NOT_STATED
    resolution: Fact[float] = NOT_STATED
    visits: tuple[str, ...] = ()
    baseline: str | None = None
    arms: tuple[str, ...] | None = None
    registered_measure: Fact[str] = NOT_STATED
    registered_time_frame: Fact[str] = NOT_STATED
    definition: Fact[Text] = NOT_STATED
    domain: Fact[str] = NOT_STATED
    metric: Fact[Literal["value_at_visit", "change_from_baseline", "proportion", "time_to_event"]] = NOT_STATED
    aggregation: Fact[Literal["mean", "median", "proportion", "time_to_event", "count"]] = NOT_STATED
    time_frame: Fact[Text] = NOT_STATED
    measured_at: Fact[tuple[str, ...]] = NOT_STATED
    components: tuple[str, ...] = ()
    formula: Fact[Text] = NOT_STATED

    @property
    def not_expected(self) -> tuple[str, ...]:
        """Range and resolution matter to the export's contract only; a formula joins components."""
        return ("range", "resolution") if self.components else ("range", "resolution", "formula")


class Export(Frozen):
    """The dictionary files, core first, that together are the export folder's contract."""

    dictionaries: tuple[str, ...] = Field(min_length=1)


class Protocol(Signed, Declaration):
    """A protocol file with the instruments and dictionaries that it names, loaded; made by `odisea.protocol.load.load_protocol`."""

    kind: ClassVar[str] = "protocol"

    trial: str = Field(pattern=NAME_PATTERN)
    sources: tuple[SourceSpec, ...] = ()
    identification: Identification
    status: RecordStatus = RecordStatus()
    sponsors: Sponsors = Sponsors()
    sites: tuple[Site, ...] = ()
    ethics: Ethics = Ethics()
    design: Design = Design()
    arms: tuple[Arm, ...] = Field(min_length=2)
    contrasts: tuple[Contrast, ...] = Field(min_length=1)
    interventions: dict[str, Intervention] = Field(default={})
    population: Population = Population()
    schedule: Schedule
    instruments: dict[str, Annotated[Instrument, WithJsonSchema(FILE_NAME)]] = Field(default={})
    objectives: tuple[Objective, ...] = ()
    hypothesis: Hypothesis = Hypothesis()
    important_difference: ImportantDifference = ImportantDifference()
    outcomes: dict[str, Outcome] = Field(min_length=1)
    estimands: tuple[Estimand, ...] = ()
    randomisation: Randomisation = Randomisation()
    blinding: Blinding = Blinding()
    sample_size: SampleSize = SampleSize()
    harms: Harms = Harms()
    data_management: DataManagement = DataManagement()
    data_sharing: DataSharing = DataSharing()
    references: tuple[Reference, ...] = ()
    analysis: AnalysisPlans
    export: Export
    dictionary: SkipJsonSchema[Dictionary]
    source: SkipJsonSchema[Path] = Field(exclude=True)

    @property
    def arm_ids(self) -> tuple[str, ...]:
        """Identifiers of the arms in order."""
        return tuple(arm.id for arm in self.arms)

    @property
    def visit_ids(self) -> tuple[str, ...]:
        """Identifiers of the visits in order."""
        return tuple(visit.id for visit in self.schedule.visits)

    def arm(self, arm_id: str) -> Arm:
        """Return the arm of that identifier; KeyError where there is none."""
        return {arm.id: arm for arm in self.arms}[arm_id]

    def visit(self, visit_id: str) -> Visit:
        """Return the visit of that identifier; KeyError where there is none."""
        return {visit.id: visit for visit in self.schedule.visits}[visit_id]

    def contrast(self, contrast_id: str) -> Contrast:
        """Return the contrast of that identifier; KeyError where there is none."""
        return {contrast.id: contrast for contrast in self.contrasts}[contrast_id]

    def instrument_of(self, outcome_id: str) -> Instrument | None:
        """Return the instrument of an outcome, None where it has none."""
        name = self.outcomes[outcome_id].instrument
        return self.instruments[name] if name else None
