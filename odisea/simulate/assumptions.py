"""The assumptions and scenarios as declared in `simulate/`, and the values a scenario resolves to.

Every parameter has a value, a plausible range, a unit, its sources and a grade. A scenario changes some values; a value
outside the plausible range is allowed (that is what a stress is) and marked, a value outside the possible range is not.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from odisea.errors import Problem, ProtocolError
from odisea.protocol.declaration import Declaration
from odisea.protocol.fact import Frozen, Text

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
    ("state_weekly_correlation", 0.0, 0.999),
    ("natural_weeks", 0.1, 50.0),
    ("natural_cv", 0.0, 5.0),
    ("dose_curvature", 0.01, 20.0),
    ("dose_weight", 0.0, 1.0),
    ("never_start", 0.0001, 0.9),
    ("disengage_week", 0.0001, 0.9),
    ("frailty", 0.0, 5.0),
    ("live", 0.01, 0.99),
    ("diary", 0.05, 6.9),
    ("logins", 0.05, 20.0),
    ("item_offset", -5.0, 5.0),
    ("item_width", 5.0, 40.0),
    ("item", 0.0, 5.0),
    ("age_sd", 0.1, 50.0),
    ("age_mean", 0.0, 120.0),
    ("bmi_sd", 0.1, 20.0),
    ("bmi_mean", 12.0, 60.0),
    ("height_sd", 0.1, 30.0),
    ("height", 120.0, 220.0),
    ("pain_mean", 0.0, 10.0),
    ("pain_sd", 0.1, 10.0),
    ("pain_follow_up_loading", 0.0, 0.999),
    ("pain_per_disability", 0.0, 1.0),
    ("r_", -0.999, 0.999),
)
SHARES = ("female_share", "comorbidity_none", "comorbidity_one", "comorbidity_two", "activity_low", "activity_moderate")
LOSS_PARTS = ("loss_part_mcar", "loss_part_mar_covariates", "loss_part_mar_adherence", "loss_part_mnar")
DOSE_WEIGHTS = ("dose_weight_live", "dose_weight_exercise", "dose_weight_modules")
SUM_TOLERANCE = 1e-9

# Every parameter that the simulator reads, by kind; correlations between two of `TRAITS` (r_age_odi) may be left out and are 0 then.
TRAITS = ("age", "bmi", "comorbidity", "activity", "odi", "pain")
TARGETS = (
    *("odi_mean_baseline", "odi_sd_baseline", "odi_sd_week6", "odi_correlation", "control_change", "effect"),
    *("loss_total", "loss_difference", *LOSS_PARTS),
)
CHECKS = ("odi_change_sd", "odi_residual_sd", "adherence_mean", "r2_without_baseline", "r2_beyond_baseline")
INPUTS = (
    *("odi_sd_ratio", "state_weekly_correlation", "natural_cv", "natural_weeks", "effect_cv", "dose_curvature", *DOSE_WEIGHTS),
    *("never_start", "disengage_week", "frailty_on_disengagement", "frailty_on_adherence"),
    *(f"{stream}_{end}_week" for stream in ("live", "diary", "logins") for end in ("first", "last")),
    *("item_width", "item_stable_sd", "item_total_sd", *(f"item_offset_{item:02d}" for item in range(1, 11))),
    *("loss_weight_week1", "loss_weight_final", "mnar_slope_tele", "mnar_slope_control"),
    *(f"loss_slope_{name}" for name in (*TRAITS, "adherence")),
    *("age_mean", "age_sd", "bmi_mean", "bmi_sd", "height_mean_female", "height_mean_male", "height_sd", *SHARES),
    *("pain_mean", "pain_sd", "pain_follow_up_loading", "pain_per_disability"),
)


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


class Assumptions(Declaration):
    """`simulate/assumptions.yaml`."""

    kind: ClassVar[str] = "assumptions"

    trial: str
    grades: dict[Grade, str]
    sources: dict[str, str]
    parameters: dict[str, Parameter]
    block_sizes: tuple[int, ...] = Field(min_length=1)
    programme_arm: str

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
    known = {name: kind for kind, names in kinds for name in names}
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
    block_sizes: tuple[int, ...]
    programme_arm: str


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
    problems = [*_unknown(spec, assumptions, place), *_impossible(values, place), *_sums(values, place)]
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
        assumptions.block_sizes,
        assumptions.programme_arm,
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


def check_same_trial(declared: str, trial: str, where: str) -> None:
    """Raise ProtocolError where a file of assumptions or scenarios names another trial."""
    if declared != trial:
        raise ProtocolError(
            Problem(
                where, f"this file is for trial {declared}", f"the protocol is trial {trial}", "Give the files of the protocol's own trial"
            )
        )
