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
    amendments: Fact[Text] = NOT_STATED
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
    roles: Fact[Text] = NOT_STATED
    committees: Fact[Text] = NOT_STATED
    contributors: Fact[Text] = NOT_STATED
    conflicts_of_interest: Fact[Text] = NOT_STATED


class Site(Frozen):
    """A place where participants are recruited."""

    id: str
    name: str
    city: Fact[str] = NOT_STATED
    state: Fact[str] = NOT_STATED
    country: Fact[str] = NOT_STATED
    status: Fact[str] = NOT_STATED


RiskClass = Literal["no_risk", "minimal", "greater_than_minimal"]


class Ethics(Frozen):
    """Approval, risk, consent, oversight and privacy.

    Parameters
    ----------
    committee : str
        The committee that approved; `ethics_committee` is the number of the ethics committee where that is another body.
    risk_basis : Text
        The sentence of the regulation on which the risk class rests.
    monitoring_risk_class : str
        The class of risk that the reason for the monitoring speaks of.
    controllers : str
        Whether public or private bodies hold the personal data: it decides which privacy law applies.
    """

    committee: Fact[str] = NOT_STATED
    ethics_committee: Fact[str] = NOT_STATED
    institution: Fact[str] = NOT_STATED
    approval_id: Fact[str] = NOT_STATED
    inter_institutional_review: Fact[Text] = NOT_STATED
    risk_class: Fact[RiskClass] = NOT_STATED
    risk_rationale: Fact[Text] = NOT_STATED
    risk_basis: Fact[Text] = NOT_STATED
    consent: Fact[Literal["written", "oral", "waived"]] = NOT_STATED
    consent_process: Fact[Text] = NOT_STATED
    ancillary_consent: Fact[Text] = NOT_STATED
    independent_monitoring_committee: Fact[bool] = NOT_STATED
    monitoring_rationale: Fact[Text] = NOT_STATED
    monitoring_risk_class: Fact[RiskClass] = NOT_STATED
    trial_monitoring: Fact[Text] = NOT_STATED
    oversight: Fact[tuple[str, ...]] = NOT_STATED
    declarations: Fact[tuple[str, ...]] = NOT_STATED
    confidentiality: Fact[Text] = NOT_STATED
    controllers: Fact[Literal["public", "private", "mixed"]] = NOT_STATED
    privacy_statute: Fact[str] = NOT_STATED
    sanitary_authorisation: Fact[Text] = NOT_STATED
    compensation_for_harm: Fact[Text] = NOT_STATED
    post_trial_access: Fact[Text] = NOT_STATED
    public_involvement: Fact[Text] = NOT_STATED


Comparison = Literal["add_on", "replacement", "placebo"]


class Design(Frozen):
    """The kind of trial.

    Parameters
    ----------
    margin : float
        Of a non-inferiority or equivalence trial, in units of the outcome.
    centres : int
        How many recruit; `centres_described` is what the wording of the source implies.
    comparison, comparison_in_title : str
        What the design compares, and what its title says.
    aims : tuple of str
        What the trial sets out to study.
    """

    rationale: Fact[Text] = NOT_STATED
    comparator_rationale: Fact[Text] = NOT_STATED
    study_type: Fact[str] = NOT_STATED
    phase: Fact[str] = NOT_STATED
    allocation: Fact[str] = NOT_STATED
    model: Fact[str] = NOT_STATED
    primary_purpose: Fact[str] = NOT_STATED
    framework: Fact[Literal["superiority", "non_inferiority", "equivalence"]] = NOT_STATED
    margin: Fact[float] = NOT_STATED
    attitude: Fact[Literal["pragmatic", "explanatory"]] = NOT_STATED
    comparison: Fact[Comparison] = NOT_STATED
    comparison_in_title: Fact[Comparison] = NOT_STATED
    crossover: Fact[bool] = NOT_STATED
    setting: Fact[Text] = NOT_STATED
    centres: Fact[int] = NOT_STATED
    centres_described: Fact[Literal["one", "several"]] = NOT_STATED
    aims: Fact[tuple[Literal["efficacy", "effectiveness", "safety", "feasibility", "cost_effectiveness"], ...]] = NOT_STATED
    feasibility_criteria: Fact[Text] = NOT_STATED

    @property
    def not_expected(self) -> tuple[str, ...]:
        """A margin belongs to non-inferiority and equivalence, a criterion of feasibility to that aim."""
        margin = () if self.framework.value in ("non_inferiority", "equivalence") else ("margin",)
        other_aims = self.aims.value is not None and "feasibility" not in self.aims.value
        return (*margin, "feasibility_criteria") if other_aims else margin


class Component(Frozen):
    """A part of an intervention; `content` are tags of what it holds, so that arms can be compared."""

    id: str = Field(pattern=NAME_PATTERN)
    label: Text
    content: tuple[str, ...] = ()


class Programme(Frozen):
    """The scheduled part of an intervention: modules, live sessions, videos, diary."""

    modules: Fact[int] = NOT_STATED
    module_schedule: Fact[Text] = NOT_STATED
    live_sessions_per_week: Fact[float] = NOT_STATED
    live_session_minutes: Fact[float] = NOT_STATED
    live_session_group_size: Fact[int] = NOT_STATED
    videos_per_week: Fact[float] = NOT_STATED
    logins_per_week: Fact[float] = NOT_STATED
    diary_days_per_week: Fact[float] = NOT_STATED


TAKEN_OR_APPLIED = ("DRUG", "BIOLOGICAL", "DIETARY_SUPPLEMENT", "GENETIC", "RADIATION", "DEVICE", "PROCEDURE", "COMBINATION_PRODUCT")
OF_BEHAVIOUR = ("exercise_dose", "progression", "deliverer_qualification", "format", "contamination")


class Intervention(Frozen):
    """What participants receive (TIDieR items); `programme` only where something is scheduled.

    Parameters
    ----------
    contamination : Text
        How it is kept from participants of other arms, and how exposure there is recorded.
    """

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
    deliverer_qualification: Fact[Text] = NOT_STATED
    format: Fact[Literal["individual", "group", "individual_and_group"]] = NOT_STATED
    where: Fact[Text] = NOT_STATED
    fidelity: Fact[Text] = NOT_STATED
    adherence_measures: Fact[tuple[str, ...]] = NOT_STATED
    adherence_support: Fact[Text] = NOT_STATED
    contamination: Fact[Text] = NOT_STATED
    stopping_criteria: Fact[Text] = NOT_STATED
    concomitant_care: Fact[Text] = NOT_STATED
    prohibited_care: Fact[Text] = NOT_STATED
    rescue_care: Fact[Text] = NOT_STATED
    standardised: Fact[bool] = NOT_STATED

    @property
    def not_expected(self) -> tuple[str, ...]:
        """What is taken or applied is not exercised, taught, or passed on to other arms."""
        return OF_BEHAVIOUR if self.type.value in TAKEN_OR_APPLIED else ()


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
    """One eligibility criterion; `verification` is how the site makes sure of it where no recorded value does."""

    id: str = Field(pattern=r"^[A-Z][0-9]+$")
    text: Text
    check: Check | None = None
    verification: Fact[Text] = NOT_STATED

    @property
    def not_expected(self) -> tuple[str, ...]:
        """Many criteria are read off a recorded value; rules ask where one is not."""
        return ("verification",)


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
    """Who can take part and how many are planned.

    Parameters
    ----------
    recruitment_rate_per_week : float
        Randomised participants per week that the source counts on, over all sites.
    secondary_gain : Text
        How sick leave, compensation and litigation are handled.
    """

    condition: Fact[Text] = NOT_STATED
    recruitment: Fact[Text] = NOT_STATED
    planned_enrolment: Fact[int] = NOT_STATED
    enrolment_type: Fact[Literal["ACTUAL", "ESTIMATED"]] = NOT_STATED
    healthy_volunteers: Fact[bool] = NOT_STATED
    sex: Fact[Literal["ALL", "FEMALE", "MALE"]] = NOT_STATED
    age_years: Fact[Ages] = NOT_STATED
    age_rationale: Fact[Text] = NOT_STATED
    recruitment_rate_per_week: Fact[float] = NOT_STATED
    screening_log: Fact[Text] = NOT_STATED
    secondary_gain: Fact[Text] = NOT_STATED
    inclusion: tuple[Criterion, ...] = ()
    exclusion: tuple[Criterion, ...] = ()


class Objective(Frozen):
    """An objective and the outcomes that answer it."""

    id: str
    level: Literal["primary", "secondary", "exploratory"]
    text: Text
    outcomes: tuple[str, ...] = ()


class Hypothesis(Frozen):
    """What the trial expects to show; `difference` is between arms; `claim` says against what the result is to be held."""

    statement: Fact[Text] = NOT_STATED
    outcome: str | None = None
    difference: Fact[float] = NOT_STATED
    claim: Fact[Literal["any_difference", "at_least_the_difference"]] = NOT_STATED


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
    summary: Fact[Literal["difference_in_means", "risk_difference", "risk_ratio", "odds_ratio"]] = NOT_STATED
    intercurrent_events: tuple[IntercurrentEvent, ...] = ()


class Randomisation(Frozen):
    """How participants are allocated.

    Block sizes and lists never belong in a protocol file: `block_sizes` says where they are kept (sizes in clear are read, and reported).

    Parameters
    ----------
    strata : int
        Number of strata, all combinations counted.
    random_element : float
        Probability of the preferred arm in minimisation.
    roles_separated : bool
        Whether those who enrol and assign have no access to the sequence.
    """

    ratio: Fact[tuple[int, ...]] = NOT_STATED
    unit: Fact[Literal["participant", "cluster"]] = NOT_STATED
    generation: Fact[Text] = NOT_STATED
    method: Fact[Literal["simple", "permuted_blocks", "minimisation", "big_stick", "urn", "biased_coin"]] = NOT_STATED
    block_sizes: Fact[Literal["in_restricted_document", "not_applicable"] | tuple[int, ...]] = NOT_STATED
    stratification: Fact[tuple[str, ...]] = NOT_STATED
    strata: Fact[int] = NOT_STATED
    random_element: Fact[float] = NOT_STATED
    concealment: Fact[bool] = NOT_STATED
    concealment_mechanism: Fact[Text] = NOT_STATED
    implementation: Fact[Text] = NOT_STATED
    roles_separated: Fact[bool] = NOT_STATED

    @property
    def not_expected(self) -> tuple[str, ...]:
        """Strata belong to stratification, the random element to minimisation."""
        strata = () if self.stratification.value else ("strata",)
        return strata if self.method.value == "minimisation" else (*strata, "random_element")


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


SIZE_OF_SOME_DESIGNS = (
    "analysed_per_arm", "icc", "cluster_size", "control_proportion", "arm_proportion", "r_squared", "n_covariates", "inflation",
)  # fmt: skip


class SampleSize(Frozen):
    """The sample-size statement (DELTA2).

    Parameters
    ----------
    power, alpha, attrition, control_proportion, arm_proportion : float
        Proportions from 0 to 1.
    target_difference, standard_deviation : float
        In units of the outcome; for proportions the difference is arm minus control.
    target_difference_realistic : Text
        The evidence that a difference of this size can be expected.
    correlation, r_squared, n_covariates
        Of baseline with follow-up; share of the variance that the covariates explain; number of their columns in the model.
    icc, cluster_size
        Intracluster correlation and mean number of participants per cluster.
    inflation : str
        How the loss was allowed for: n / (1 - a) or n x (1 + a).
    """

    total: Fact[int] = NOT_STATED
    per_arm: Fact[tuple[int, ...]] = NOT_STATED
    power: Fact[float] = NOT_STATED
    alpha: Fact[float] = NOT_STATED
    sidedness: Fact[Literal["two_sided", "one_sided"]] = NOT_STATED
    test: Fact[str] = NOT_STATED
    outcome: str | None = None
    target_difference: Fact[float] = NOT_STATED
    target_difference_basis: Fact[Text] = NOT_STATED
    target_difference_method: Fact[Literal["anchor", "opinion", "evidence_review", "distribution", "pilot", "health_economic"]] = NOT_STATED
    target_difference_realistic: Fact[Text] = NOT_STATED
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
    sensitivity: Fact[Text] = NOT_STATED
    analysed_per_arm: Fact[tuple[int, ...]] = NOT_STATED
    icc: Fact[float] = NOT_STATED
    cluster_size: Fact[float] = NOT_STATED
    control_proportion: Fact[float] = NOT_STATED
    arm_proportion: Fact[float] = NOT_STATED
    r_squared: Fact[float] = NOT_STATED
    n_covariates: Fact[int] = NOT_STATED
    inflation: Fact[Literal["divide", "multiply"]] = NOT_STATED

    @property
    def not_expected(self) -> tuple[str, ...]:
        """What only some designs have is no gap; rules ask where a design needs it."""
        return SIZE_OF_SOME_DESIGNS


class Harms(Frozen):
    """How harms are defined and collected."""

    definition: Fact[Text] = NOT_STATED
    collection: Fact[Text] = NOT_STATED
    grading: Fact[Text] = NOT_STATED
    events_of_interest: Fact[tuple[str, ...]] = NOT_STATED


class DataManagement(Frozen):
    """Where data live and how they are protected.

    Parameters
    ----------
    retention_years : float
        Years that data are kept after the end of the trial.
    participant_retention : Text
        How participants are kept in the trial.
    outcomes_after_discontinuation : bool
        Whether outcomes are still collected from those who stop the intervention.
    """

    system: Fact[str] = NOT_STATED
    learning_platform: Fact[str] = NOT_STATED
    messaging: Fact[str] = NOT_STATED
    third_party_safeguards: Fact[Text] = NOT_STATED
    pseudonymisation: Fact[Text] = NOT_STATED
    quality_control: Fact[Text] = NOT_STATED
    retention_years: Fact[float] = NOT_STATED
    participant_retention: Fact[Text] = NOT_STATED
    outcomes_after_discontinuation: Fact[bool] = NOT_STATED


class DataSharing(Frozen):
    """What is shared with others, and where protocol and plan can be read."""

    individual_data: Fact[Text] = NOT_STATED
    protocol_access: Fact[Text] = NOT_STATED
    analysis_plan_access: Fact[Text] = NOT_STATED
    code: Fact[Text] = NOT_STATED
    dissemination: Fact[Text] = NOT_STATED


class Reference(Frozen):
    """A publication that the record cites."""

    citation: str
    pmid: str | None = None
    doi: str | None = None
    role: str
