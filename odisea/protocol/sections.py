"""The descriptive sections of a protocol: registration, ethics, population, interventions, randomisation, sample size, care of data.

Every section and every fact in it may be left out of a small protocol; what is left out is a gap (`not_stated`), never a
default. Names follow the registry's modules (ClinicalTrials.gov API v2), SPIRIT 2025, TIDieR and DELTA2.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from odisea.protocol.dictionary import NAME_PATTERN
from odisea.protocol.fact import DATE_PATTERN, NOT_STATED, Fact, Frozen, Text

Role = Literal["PARTICIPANT", "CARE_PROVIDER", "INVESTIGATOR", "OUTCOMES_ASSESSOR", "DATA_ANALYST"]


class SourceSpec(Frozen):
    """A document that the facts were read from."""

    id: str = Field(pattern=NAME_PATTERN)
    reference: str
    as_of: str = Field(pattern=DATE_PATTERN)
    note: Text | None = None


class Identification(Frozen):
    """Names and numbers of the trial; `title` is the one that reports print."""

    registry_id: Fact[str]
    title: Text
    organisation_study_id: Fact[str] = NOT_STATED
    brief_title: Fact[str] = NOT_STATED
    official_title: Fact[str] = NOT_STATED
    spanish_title: Fact[str] = NOT_STATED
    acronym: Fact[str] = NOT_STATED
    protocol_version: Fact[str] = NOT_STATED
    protocol_date: Fact[str] = NOT_STATED
    conditions: Fact[tuple[str, ...]] = NOT_STATED


class RecordStatus(Frozen):
    """Recruitment status and dates of the registry record."""

    overall: Fact[str] = NOT_STATED
    start: Fact[str] = NOT_STATED
    start_type: Fact[Literal["ACTUAL", "ESTIMATED"]] = NOT_STATED
    primary_completion: Fact[str] = NOT_STATED
    completion: Fact[str] = NOT_STATED
    completion_type: Fact[Literal["ACTUAL", "ESTIMATED"]] = NOT_STATED
    first_submitted: Fact[str] = NOT_STATED
    last_update: Fact[str] = NOT_STATED
    results_posted: Fact[bool] = NOT_STATED


class Organisation(Frozen):
    """A sponsor or collaborator; organisations only, never persons."""

    name: str
    type: str


class Sponsors(Frozen):
    """Who is responsible for the trial."""

    lead: Fact[Organisation] = NOT_STATED
    collaborators: Fact[tuple[Organisation, ...]] = NOT_STATED
    responsible_party: Fact[str] = NOT_STATED
    funding: Fact[Text] = NOT_STATED


class Site(Frozen):
    """A place where participants are recruited."""

    id: str
    name: str
    city: Fact[str] = NOT_STATED
    state: Fact[str] = NOT_STATED
    country: Fact[str] = NOT_STATED
    status: Fact[str] = NOT_STATED


class Ethics(Frozen):
    """Approval, risk, consent, oversight and privacy."""

    committee: Fact[str] = NOT_STATED
    institution: Fact[str] = NOT_STATED
    approval_id: Fact[str] = NOT_STATED
    risk_class: Fact[Literal["no_risk", "minimal", "greater_than_minimal"]] = NOT_STATED
    risk_rationale: Fact[Text] = NOT_STATED
    consent: Fact[Literal["written", "oral", "waived"]] = NOT_STATED
    independent_monitoring_committee: Fact[bool] = NOT_STATED
    monitoring_rationale: Fact[Text] = NOT_STATED
    oversight: Fact[tuple[str, ...]] = NOT_STATED
    declarations: Fact[tuple[str, ...]] = NOT_STATED
    confidentiality: Fact[Text] = NOT_STATED
    privacy_statute: Fact[str] = NOT_STATED
    sanitary_authorisation: Fact[Text] = NOT_STATED
    compensation_for_harm: Fact[Text] = NOT_STATED
    post_trial_access: Fact[Text] = NOT_STATED
    public_involvement: Fact[Text] = NOT_STATED


class Design(Frozen):
    """The kind of trial."""

    study_type: Fact[str] = NOT_STATED
    phase: Fact[str] = NOT_STATED
    allocation: Fact[str] = NOT_STATED
    model: Fact[str] = NOT_STATED
    primary_purpose: Fact[str] = NOT_STATED
    framework: Fact[Literal["superiority", "non_inferiority", "equivalence"]] = NOT_STATED
    attitude: Fact[Literal["pragmatic", "explanatory"]] = NOT_STATED
    comparison: Fact[Literal["add_on", "replacement", "placebo"]] = NOT_STATED
    crossover: Fact[bool] = NOT_STATED
    centres: Fact[int] = NOT_STATED
    feasibility_criteria: Fact[Text] = NOT_STATED


class Component(Frozen):
    """A part of an intervention."""

    id: str = Field(pattern=NAME_PATTERN)
    label: Text


class Programme(Frozen):
    """The scheduled part of an intervention: modules, live sessions, videos, diary."""

    modules: Fact[int] = NOT_STATED
    module_schedule: Fact[Text] = NOT_STATED
    live_sessions_per_week: Fact[float] = NOT_STATED
    live_session_minutes: Fact[float] = NOT_STATED
    live_session_group_size: Fact[int] = NOT_STATED
    videos_per_week: Fact[float] = NOT_STATED
    diary_days_per_week: Fact[float] = NOT_STATED


class Intervention(Frozen):
    """What participants receive (TIDieR items); `programme` only where something is scheduled."""

    label: Text
    type: Fact[str] = NOT_STATED
    why: Fact[Text] = NOT_STATED
    components: tuple[Component, ...] = ()
    materials: Fact[tuple[str, ...]] = NOT_STATED
    duration_weeks: Fact[int] = NOT_STATED
    programme: Programme | None = None
    exercise_dose: Fact[Text] = NOT_STATED
    progression: Fact[Text] = NOT_STATED
    tailoring: Fact[Text] = NOT_STATED
    delivered_by: Fact[Text] = NOT_STATED
    where: Fact[Text] = NOT_STATED
    fidelity: Fact[Text] = NOT_STATED
    adherence_measures: Fact[tuple[str, ...]] = NOT_STATED
    stopping_criteria: Fact[Text] = NOT_STATED
    concomitant_care: Fact[Text] = NOT_STATED
    standardised: Fact[bool] = NOT_STATED


class Check(Frozen):
    """A criterion as a comparison that data can be held against."""

    variable: str
    op: Literal["between", "ge", "gt", "le", "lt", "eq"]
    value: bool | float | tuple[float, float] | str

    @model_validator(mode="after")
    def _value_fits_the_comparison(self) -> Self:
        pair = isinstance(self.value, tuple)
        if pair != (self.op == "between"):
            raise ValueError(f"op is {self.op} and value {self.value!r}; between takes [low, high], every other comparison one value")
        return self


class Criterion(Frozen):
    """One eligibility criterion."""

    id: str = Field(pattern=r"^[A-Z][0-9]+$")
    text: Text
    check: Check | None = None


class Ages(Frozen):
    """Eligible ages in completed years, both ends eligible."""

    min: float
    max: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min is {self.min:g} and max {self.max:g}; min may not be above max")
        return self


class Population(Frozen):
    """Who can take part and how many are planned."""

    condition: Fact[Text] = NOT_STATED
    recruitment: Fact[Text] = NOT_STATED
    planned_enrolment: Fact[int] = NOT_STATED
    enrolment_type: Fact[Literal["ACTUAL", "ESTIMATED"]] = NOT_STATED
    healthy_volunteers: Fact[bool] = NOT_STATED
    sex: Fact[Literal["ALL", "FEMALE", "MALE"]] = NOT_STATED
    age_years: Fact[Ages] = NOT_STATED
    age_rationale: Fact[Text] = NOT_STATED
    inclusion: tuple[Criterion, ...] = ()
    exclusion: tuple[Criterion, ...] = ()


class Objective(Frozen):
    """An objective and the outcomes that answer it."""

    id: str
    level: Literal["primary", "secondary", "exploratory"]
    text: Text
    outcomes: tuple[str, ...] = ()


class Hypothesis(Frozen):
    """What the trial expects to show; `difference` is between arms."""

    statement: Fact[Text] = NOT_STATED
    outcome: str | None = None
    difference: Fact[float] = NOT_STATED


class ImportantDifference(Frozen):
    """The smallest difference that matters, as the source gives it."""

    outcome: str | None = None
    value: Fact[float] = NOT_STATED
    unit: Fact[str] = NOT_STATED
    level: Fact[Literal["individual", "between_arms"]] = NOT_STATED
    citation: Fact[str] = NOT_STATED


class IntercurrentEvent(Frozen):
    """An event after randomisation that affects the outcome's meaning or existence."""

    event: str = Field(pattern=NAME_PATTERN)
    label: Text
    strategy: Fact[Literal["treatment_policy", "hypothetical", "composite", "while_on_treatment", "principal_stratum"]] = NOT_STATED


class Estimand(Frozen):
    """An estimand's five attributes (ICH E9(R1)); treatment is the contrast."""

    id: str = Field(pattern=NAME_PATTERN)
    label: Text
    objective: str | None = None
    population: Fact[Text] = NOT_STATED
    contrast: str
    outcome: str
    visit: str | None = None
    summary: Fact[Literal["difference_in_means", "risk_difference", "odds_ratio"]] = NOT_STATED
    intercurrent_events: tuple[IntercurrentEvent, ...] = ()


class Randomisation(Frozen):
    """How participants are allocated; block sizes and lists never stand in a protocol file."""

    ratio: Fact[tuple[int, ...]] = NOT_STATED
    unit: Fact[Literal["participant", "cluster"]] = NOT_STATED
    generation: Fact[Text] = NOT_STATED
    method: Fact[Literal["simple", "permuted_blocks", "minimisation", "big_stick", "urn"]] = NOT_STATED
    block_sizes: Fact[Literal["in_restricted_document", "not_applicable"]] = NOT_STATED
    stratification: Fact[tuple[str, ...]] = NOT_STATED
    concealment: Fact[bool] = NOT_STATED
    concealment_mechanism: Fact[Text] = NOT_STATED
    implementation: Fact[Text] = NOT_STATED


class Blinding(Frozen):
    """Who does not know the allocation; `masked` as the registry codes it, `also_masked` what the text adds."""

    level: Fact[Literal["NONE", "SINGLE", "DOUBLE", "TRIPLE", "QUADRUPLE"]] = NOT_STATED
    masked: Fact[tuple[Role, ...]] = NOT_STATED
    also_masked: Fact[tuple[Role, ...]] = NOT_STATED
    unmasked: Fact[tuple[Role, ...]] = NOT_STATED
    reason: Fact[Text] = NOT_STATED
    procedure: Fact[Text] = NOT_STATED
    emergency_unblinding: Fact[Text] = NOT_STATED
    check: Fact[Text] = NOT_STATED


class SampleSize(Frozen):
    """The sample-size statement (DELTA2)."""

    total: Fact[int] = NOT_STATED
    per_arm: Fact[tuple[int, ...]] = NOT_STATED
    power: Fact[float] = NOT_STATED
    alpha: Fact[float] = NOT_STATED
    sidedness: Fact[Literal["two_sided", "one_sided"]] = NOT_STATED
    test: Fact[str] = NOT_STATED
    outcome: str | None = None
    target_difference: Fact[float] = NOT_STATED
    target_difference_basis: Fact[Text] = NOT_STATED
    target_difference_citation: Fact[str] = NOT_STATED
    standard_deviation: Fact[float] = NOT_STATED
    standard_deviation_source: Fact[str] = NOT_STATED
    standardised_effect: Fact[float] = NOT_STATED
    correlation: Fact[float] = NOT_STATED
    attrition: Fact[float] = NOT_STATED
    attrition_definition: Fact[Text] = NOT_STATED
    attrition_difference: Fact[float] = NOT_STATED
    clustering: Fact[Text] = NOT_STATED
    multiplicity: Fact[Text] = NOT_STATED


class Harms(Frozen):
    """How harms are defined and collected."""

    definition: Fact[Text] = NOT_STATED
    collection: Fact[Text] = NOT_STATED
    grading: Fact[Text] = NOT_STATED
    events_of_interest: Fact[tuple[str, ...]] = NOT_STATED


class DataManagement(Frozen):
    """Where data live and how they are protected."""

    system: Fact[str] = NOT_STATED
    learning_platform: Fact[str] = NOT_STATED
    messaging: Fact[str] = NOT_STATED
    third_party_safeguards: Fact[Text] = NOT_STATED
    pseudonymisation: Fact[Text] = NOT_STATED
    retention_years: Fact[float] = NOT_STATED
    participant_retention: Fact[Text] = NOT_STATED


class DataSharing(Frozen):
    """What is shared with others, and where protocol and plan can be read."""

    individual_data: Fact[Text] = NOT_STATED
    protocol_access: Fact[Text] = NOT_STATED
    analysis_plan_access: Fact[Text] = NOT_STATED


class Reference(Frozen):
    """A publication that the record cites."""

    citation: str
    pmid: str | None = None
    doi: str | None = None
    role: str
