"""The assumptions and scenarios as declared in `simulate/`, and the values a scenario resolves to.

Every parameter has a value, a plausible range, a unit, its sources and a grade. A scenario changes some values; a value
outside the plausible range is allowed (that is what a stress is) and marked, a value outside the possible range is not.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from odisea.allocation.plan import RandomisationPlan
from odisea.errors import Problem, ProtocolError
from odisea.protocol.declaration import Declaration
from odisea.protocol.fact import Frozen, Text
from odisea.simulate.calendar_model import POSSIBLE as CALENDAR_POSSIBLE
from odisea.simulate.mechanism import EVENTS

Grade = Literal["A", "B", "C", "D"]
Kind = Literal["target", "input", "check"]

# Possible values (inclusive) by the beginning of a parameter's name; the first that fits counts.
POSSIBLE: tuple[tuple[str, float, float], ...] = (
    ("odi_mean_baseline", 0.0, 100.0),
    ("odi_sd_ratio", 0.1, 5.0),
    ("odi_sd", 1.0, 50.0),
    ("odi_correlation", 0.0, 0.999),
    ("control_change", -100.0, 100.0),
    ("effect_cv", 0.0, 3.0),
    ("effect", -100.0, 100.0),
    ("loss_total", 0.0, 0.95),
    ("loss_difference", -0.9, 0.9),
    ("loss_part", 0.0, 1.0),
    ("loss_weight", 0.0, 1.0),
    ("loss_slope", -5.0, 5.0),
    ("mnar_slope", -5.0, 5.0),
    ("adherence_mean", 0.01, 0.99),
    ("live_icc", 0.0, 0.9),
    ("live_group_size", 2.0, 1000.0),
    ("state_weekly_correlation", 0.0, 0.999),
    ("natural_weeks", 0.1, 50.0),
    ("natural_cv", 0.0, 5.0),
    ("prognosis", 0.0, 20.0),
    ("flare_size", 0.0, 30.0),
    ("flare_weeks", 0.1, 50.0),
    ("dose_curvature", 0.01, 20.0),
    ("dose_weight", 0.0, 1.0),
    ("dose_threshold_width", 0.005, 1.0),
    ("dose_threshold", 0.0, 1.0),
    ("attention_share", 0.0, 1.0),
    ("leak", 0.0, 1.0),
    ("never_start", 0.0001, 0.9),
    ("disengage_week", 0.0001, 0.9),
    ("frailty", 0.0, 5.0),
    ("pain_on_disengagement", -2.0, 2.0),
    ("live", 0.01, 0.99),
    ("diary_backfilled", 0.0, 0.9),
    ("diary", 0.05, 6.9),
    ("logins_size", 0.05, 100.0),
    ("logins", 0.05, 20.0),
    ("item_blank", 0.0, 0.9),
    ("item_offset", -5.0, 5.0),
    ("item_width", 5.0, 40.0),
    ("item", 0.0, 5.0),
    ("weekly_pain_answered", 0.0, 1.0),
    ("covariate_missing", 0.0, 0.5),
    ("age_sd", 0.1, 50.0),
    ("age_mean", 0.0, 120.0),
    ("bmi_sd", 0.1, 20.0),
    ("bmi_mean", 12.0, 60.0),
    ("height_sd", 0.1, 30.0),
    ("height", 120.0, 220.0),
    ("education_mean", 0.0, 24.0),
    ("education_sd", 0.1, 12.0),
    ("ineligible", 0.0, 0.95),
    ("consent_rate", 0.01, 0.99),
    ("consent_on", -5.0, 5.0),
    ("pain_mean", 0.0, 10.0),
    ("pain_sd", 0.1, 10.0),
    ("pain_stable", 0.0, 0.999),
    ("pain_natural", -10.0, 10.0),
    ("pain_per", 0.0, 1.0),
    ("rescue_weeks", 1.0, 6.0),
    ("event_share", 0.0, 0.95),
    ("event_slope", -2.0, 2.0),
    ("event_odi", -50.0, 50.0),
    ("event_vas", -10.0, 10.0),
    ("recovery_threshold", 0.0, 100.0),
    ("satisfaction_sd", 0.1, 10.0),
    ("satisfaction_per_improvement", 0.0, 1.0),
    ("satisfaction_control", -10.0, 10.0),
    ("satisfaction", 0.0, 10.0),
    ("harm", 0.0, 0.9),
    *((name, *bounds) for name, bounds in CALENDAR_POSSIBLE.items()),
    ("r_", -0.999, 0.999),
)
SHARES = (
    *("female_share", "comorbidity_none", "comorbidity_one", "comorbidity_two", "activity_low", "activity_moderate"),
    "sick_leave_share",
)
LOSS_PARTS = ("loss_part_mcar", "loss_part_mar_covariates", "loss_part_mar_adherence", "loss_part_mnar")
DOSE_WEIGHTS = ("dose_weight_live", "dose_weight_exercise", "dose_weight_modules")
SUM_TOLERANCE = 1e-9
STOPS = "stops_programme"

# Every parameter that the simulator reads, by kind; correlations between two of `TRAITS` (r_age_odi) may be left out and are 0 then,
# and so may the shares of candidates who fail a criterion of the protocol (ineligible_I5).
TRAITS = ("age", "bmi", "comorbidity", "activity", "odi", "pain", "frailty", "expectation")
LOSS_COVARIATES = ("age", "bmi", "odi", "comorbidity", "activity", "pain", "education", "leave")
CRITERION = "ineligible_"
TARGETS = (
    *("odi_mean_baseline", "odi_sd_baseline", "odi_sd_week6", "odi_correlation", "control_change", "effect"),
    *("adherence_mean", "live_icc"),
    *("loss_total", "loss_difference", *LOSS_PARTS),
)
CHECKS = (
    *("odi_change_sd", "odi_residual_sd", "r2_without_baseline", "r2_beyond_baseline"),
    *("adherence_sd", "r_vas_odi_baseline", "r_vas_odi_week6", "r_vas_odi_change", "vas_effect", "eligible_share"),
)
COURSE = (
    *("odi_sd_ratio", "state_weekly_correlation", "natural_cv", "natural_weeks", "prognosis", "flare_size", "flare_weeks", "effect_cv"),
    *("dose_curvature", *DOSE_WEIGHTS, "dose_threshold_weight", "dose_threshold", "dose_threshold_width", "attention_share"),
    *("leak_share", "leak_effect", "live_group_size", "recovery_threshold"),
)
ENGAGEMENT = (
    *("never_start", "disengage_week", "frailty_on_disengagement", "pain_on_disengagement", "frailty_on_adherence"),
    *(f"{stream}_{end}_week" for stream in ("live", "diary", "logins") for end in ("first", "last")),
    *("logins_size", "diary_backfilled"),
)
INTERCURRENT = (
    *(f"event_share_{event}_{arm}" for event in EVENTS for arm in ("control", "tele")),
    *(f"event_{what}_{event}" for what in ("slope", "odi", "vas") for event in EVENTS),
    "rescue_weeks",
)
MEASUREMENT = (
    *("item_width", "item_stable_sd", "item_total_sd", *(f"item_offset_{item:02d}" for item in range(1, 11))),
    *("item_blank_sex_life", "item_blank_baseline", "item_blank_week6", "weekly_pain_answered", "covariate_missing"),
)
LOSS = (
    *("loss_weight_week1", "loss_weight_final", "mnar_slope_tele", "mnar_slope_control"),
    *(f"loss_slope_{name}" for name in (*LOSS_COVARIATES, "adherence", "frailty")),
)
POPULATION = (
    *("age_mean", "age_sd", "bmi_mean", "bmi_sd", "height_mean_female", "height_mean_male", "height_sd", *SHARES),
    *("education_mean", "education_sd", "r_age_education", "r_leave_odi"),
    *("consent_rate", "consent_on_age", "consent_on_leave", "consent_on_expectation"),
    *("pain_mean", "pain_sd", "pain_stable", "pain_natural", "pain_per_disability", "pain_per_effect"),
)
REPORTED = (
    *("satisfaction_mean", "satisfaction_sd_tele", "satisfaction_sd_control", "satisfaction_control_shift", "satisfaction_per_improvement"),
    *("harm_flare_week", "harm_fall_week", "harm_soreness_week"),
)
CALENDAR = tuple(CALENDAR_POSSIBLE)
INPUTS = (*COURSE, *ENGAGEMENT, *INTERCURRENT, *MEASUREMENT, *LOSS, *POPULATION, *REPORTED, *CALENDAR)


class Parameter(Frozen):
    """One assumption."""

    kind: Kind
    value: float
    low: float
    high: float
    unit: str
    source: tuple[str, ...]
    grade: Grade
    note: str | None = None

    @model_validator(mode="after")
    def _inside_its_range(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"value is {self.value:g}; it must lie in its plausible range from low {self.low:g} to high {self.high:g}")
        return self


class IntercurrentEvent(Frozen):
    """How the truth of the estimand by strategy deals with an intercurrent event (ICH E9(R1), A.3)."""

    label: Text
    strategy: Literal["treatment_policy", "hypothetical", "composite"]


class ClosedDays(Frozen):
    """Days on which the clinic does not recruit or see participants, both ends included."""

    first: Annotated[date, Field(strict=False)]
    last: Annotated[date, Field(strict=False)]
    label: Text

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"last ({self.last}) is before first ({self.first})")
        return self


class Assumptions(Declaration):
    """`simulate/assumptions.yaml`."""

    kind: ClassVar[str] = "assumptions"

    trial: str
    grades: dict[Grade, str]
    sources: dict[str, str]
    parameters: dict[str, Parameter]
    intercurrent_events: dict[str, IntercurrentEvent]
    closed_days: tuple[ClosedDays, ...] = ()
    randomisation: RandomisationPlan
    programme_arm: str

    @model_validator(mode="after")
    def _every_event_has_a_strategy(self) -> Self:
        known = (*EVENTS, STOPS)
        absent = [f"{name} is missing" for name in known if name not in self.intercurrent_events]
        unknown = [f"{name} is unknown" for name in self.intercurrent_events if name not in known]
        if absent or unknown:
            raise ValueError(
                f"intercurrent_events: {', '.join([*absent, *unknown])}. Give a label and a strategy to each of {', '.join(known)}"
            )
        return self

    @model_validator(mode="after")
    def _sources_exist(self) -> Self:
        unknown = sorted({name for p in self.parameters.values() for name in p.source} - set(self.sources))
        if unknown:
            raise ValueError(f"unknown source {', '.join(unknown)}; add it to the sources block or name one of {', '.join(self.sources)}")
        return self

    @model_validator(mode="after")
    def _parameters_are_those_of_the_simulator(self) -> Self:
        faults = _name_faults({name: parameter.kind for name, parameter in self.parameters.items()})
        if faults:
            raise ValueError(f"{'; '.join(faults)}. The simulator reads its parameters by these names: correct them")
        return self


def _name_faults(declared: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the names and kinds of declared parameters: unknown, missing, of another kind, given twice."""
    pairs = {f"r_{first}_{second}": frozenset((first, second)) for first in TRAITS for second in TRAITS if first != second}
    kinds = (("target", TARGETS), ("input", (*INPUTS, *pairs)), ("check", CHECKS))
    known = {name: kind for kind, names in kinds for name in names} | {name: "input" for name in declared if name.startswith(CRITERION)}
    given = [pairs[name] for name in declared if name in pairs]
    twice = {" and ".join(sorted(pair)) for pair in given if given.count(pair) > 1}
    return [
        *(f"unknown parameter {name}" for name in declared if name not in known),
        *(f"{name} is missing" for name in (*TARGETS, *INPUTS) if name not in declared),
        *(f"{name} is of kind {kind} and must be {known[name]}" for name, kind in declared.items() if known.get(name, kind) != kind),
        *(f"the correlation of {names} is given twice" for names in sorted(twice)),
    ]


class ScenarioSpec(Frozen):
    """One named truth: changes of the assumptions."""

    label: Text
    about: Text
    textbook: bool = False
    required: bool = False
    replicates: int | None = Field(default=None, ge=1)
    participants: int | None = Field(default=None, ge=4)
    randomisation: RandomisationPlan | None = None
    set: dict[str, float] = Field(default_factory=dict)
    follows_the_model: tuple[Literal["odi_sd_baseline"], ...] = ()

    @model_validator(mode="after")
    def _set_or_free(self) -> Self:
        both = sorted(set(self.set) & set(self.follows_the_model))
        if both:
            raise ValueError(
                f"{', '.join(both)} is set and also follows the model; one of the two is needed. Delete it in set or in follows_the_model"
            )
        return self


class MonteCarlo(Frozen):
    """Seed and number of replicates where the command line gives none."""

    seed: int = Field(ge=0, lt=2**63)
    replicates: int = Field(ge=1)


class CalibrationSpec(Frozen):
    """Seed and size of the calibration cohort."""

    seed: int = Field(ge=0, lt=2**63)
    people: int = Field(ge=1_000_000)


class Scenarios(Declaration):
    """`simulate/scenarios.yaml`."""

    kind: ClassVar[str] = "scenarios"

    trial: str
    monte_carlo: MonteCarlo
    calibration: CalibrationSpec
    scenarios: dict[str, ScenarioSpec] = Field(min_length=1)


class Scenario(NamedTuple):
    """A scenario with every parameter's value; hashable parts only in `identity`."""

    id: str
    label: Text
    about: Text
    textbook: bool
    participants: int | None
    values: Mapping[str, float]
    changed: tuple[str, ...]
    follows_the_model: tuple[str, ...]
    randomisation: RandomisationPlan
    programme_arm: str
    strategies: tuple[str, ...]  # of `EVENTS`, then of stopping the programme
    closed_days: tuple[tuple[date, date], ...]


def possible_range(name: str) -> tuple[float, float]:
    """Return the values that a parameter can take at all, both ends included."""
    if name in SHARES:
        return 0.0, 1.0
    return next(((low, high) for start, low, high in POSSIBLE if name.startswith(start)), (float("-inf"), float("inf")))


def resolve(assumptions: Assumptions, scenarios: Scenarios, scenario_id: str, where: str) -> Scenario:
    """Return one scenario with all its values.

    Parameters
    ----------
    where : str
        The scenario file's name, for messages.

    Raises
    ------
    ProtocolError
        Unknown scenario or parameter, a value that cannot be, parts that do not sum to 1; all of them at once.
    """
    if scenario_id not in scenarios.scenarios:
        known = ", ".join(scenarios.scenarios)
        raise ProtocolError(Problem(where, f"there is no scenario {scenario_id!r}", f"scenarios here: {known}", "Name one of them"))
    spec = scenarios.scenarios[scenario_id]
    values = {name: parameter.value for name, parameter in assumptions.parameters.items()} | spec.set
    place = f"{where}, scenario {scenario_id}"
    problems = [
        *_unknown(spec, assumptions, place),
        *_impossible(values, place),
        *_sums(values, place),
        *_parts_without_a_reason(values, place),
    ]
    if problems:
        raise ProtocolError(problems)
    return Scenario(
        scenario_id,
        spec.label,
        spec.about,
        spec.textbook,
        spec.participants,
        values,
        tuple(spec.set),
        spec.follows_the_model,
        spec.randomisation or assumptions.randomisation,
        assumptions.programme_arm,
        tuple(assumptions.intercurrent_events[name].strategy for name in (*EVENTS, STOPS)),
        tuple((days.first, days.last) for days in assumptions.closed_days),
    )


def _unknown(spec: ScenarioSpec, assumptions: Assumptions, place: str) -> list[Problem]:
    changeable = {name for name, p in assumptions.parameters.items() if p.kind != "check"}
    return [
        Problem(f"{place}, {name}", "this is not an assumption that can be set", "", "Name a target or an input of the assumptions file")
        for name in spec.set
        if name not in changeable
    ]


def _impossible(values: Mapping[str, float], place: str) -> list[Problem]:
    problems = []
    for name, value in values.items():
        low, high = possible_range(name)
        if not low <= value <= high:
            problems.append(Problem(f"{place}, {name}", f"the value is {value:g}", f"possible values run from {low:g} to {high:g}"))
    return problems


def _sums(values: Mapping[str, float], place: str) -> list[Problem]:
    problems = []
    names: tuple[str, ...]
    for names in (LOSS_PARTS, DOSE_WEIGHTS):
        total = sum(values.get(name, 0.0) for name in names)
        if abs(total - 1.0) > SUM_TOLERANCE:
            problems.append(Problem(f"{place}, {' + '.join(names)}", f"the sum is {total:g}", "it must be 1"))
    for names in (SHARES[1:4], SHARES[4:6]):
        total = sum(values.get(name, 0.0) for name in names)
        if total > 1.0:
            problems.append(Problem(f"{place}, {' + '.join(names)}", f"the sum is {total:g}", "it may not be above 1"))
    return problems


def _parts_without_a_reason(values: Mapping[str, float], place: str) -> list[Problem]:
    """Return the parts of the loss whose name promises a reason that no slope gives."""
    reasons = {
        "loss_part_mar_covariates": tuple(f"loss_slope_{name}" for name in LOSS_COVARIATES),
        "loss_part_mar_adherence": ("loss_slope_adherence", "loss_slope_frailty"),
        "loss_part_mnar": ("mnar_slope_tele", "mnar_slope_control"),
    }
    return [
        Problem(
            f"{place}, {part}",
            f"the value is {values[part]:g} and all slopes of this part are 0",
            "",
            f"Set one of {', '.join(slopes)} other than 0, or the part to 0 and loss_part_mcar up",
        )
        for part, slopes in reasons.items()
        if values.get(part, 0.0) > 0.0 and all(values.get(slope, 0.0) == 0.0 for slope in slopes)
    ]


def check_same_trial(declared: str, trial: str, where: str) -> None:
    """Raise ProtocolError where a file of assumptions or scenarios names another trial."""
    if declared != trial:
        raise ProtocolError(
            Problem(
                where, f"this file is for trial {declared}", f"the protocol is trial {trial}", "Give the files of the protocol's own trial"
            )
        )
