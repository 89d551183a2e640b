"""The analysis plans: how recorded columns enter models (codings), and which analyses are made with what."""

from itertools import pairwise
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from odisea.protocol.dictionary import NAME_PATTERN
from odisea.protocol.fact import NOT_PLANNED, NOT_STATED, Fact, Frozen, PlannedFact, Text

Method = Literal["ancova", "logistic"]
MissingData = Literal["complete_case", "multiple_imputation", "multiple_imputation_limit", "non_responder"]
Measure = Literal["mean_difference", "log_odds_ratio", "risk_difference"]
Role = Literal["primary", "sensitivity", "supplementary", "secondary", "exploratory"]
Truth = Literal["treatment_policy_mean", "marginal_risk_difference", "composite_risk_difference", "none"]

MEASURES: dict[str, tuple[str, ...]] = {"ancova": ("mean_difference",), "logistic": ("log_odds_ratio", "risk_difference")}
MISSING: dict[str, tuple[str, ...]] = {
    "ancova": ("complete_case", "multiple_imputation", "multiple_imputation_limit"),
    "logistic": ("complete_case", "non_responder"),
}
RECIPES = ("column", "bmi", "classes", "levels")
LARGEST_SEED = 2**63 - 1


class BodyMassIndex(Frozen):
    """Body-mass index from two recorded columns: kg / m^2."""

    height_cm: str
    weight_kg: str


class Classes(Frozen):
    """Classes of a recorded number; each level is an inclusive range."""

    column: str
    levels: dict[str, tuple[float, float]]

    @model_validator(mode="after")
    def _ranges_are_disjoint(self) -> Self:
        ordered = sorted(self.levels.items(), key=lambda level: level[1])
        for name, (low, high) in ordered:
            if low > high:
                raise ValueError(f"level {name} has the empty range [{low:g}, {high:g}]; write [low, high]")
        for (name, (_, high)), (following, (low, _)) in pairwise(ordered):
            if low <= high:
                raise ValueError(f"levels {name} and {following} overlap at {low:g}; both ends of a range belong to it")
        return self


class Levels(Frozen):
    """Levels of a recorded category, in the order of the model's columns."""

    column: str
    codes: tuple[str, ...] = Field(min_length=2)


class Coding(Frozen):
    """How a recorded column of participants.csv enters a model.

    Parameters
    ----------
    kind : str
        `continuous` (one column) or `categorical` (one column per level other than the reference).
    column, bmi, classes, levels
        Exactly one: a copy of a column, the body-mass index, classes of a number, levels of a category.
    reference : str
        The level without a column of its own (categorical only).
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in RECIPES]})

    kind: Literal["continuous", "categorical"]
    label: Text
    unit: str | None = None
    column: str | None = None
    bmi: BodyMassIndex | None = None
    classes: Classes | None = None
    levels: Levels | None = None
    reference: str | None = None

    @model_validator(mode="after")
    def _one_recipe(self) -> Self:
        given = [name for name in RECIPES if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"{found} is given; a coding has exactly one of {', '.join(RECIPES)}")
        wanted = "continuous" if given[0] in ("column", "bmi") else "categorical"
        if self.kind != wanted:
            raise ValueError(f"kind is {self.kind}; {given[0]} makes a {wanted} coding. Write kind: {wanted}")
        if wanted == "continuous" and self.reference is not None:
            raise ValueError("reference stands on a continuous coding; only a categorical one has a reference level")
        if wanted == "categorical" and self.reference not in self.level_names:
            raise ValueError(f"reference is {self.reference}; one of {', '.join(self.level_names)} is needed")
        return self

    @property
    def level_names(self) -> tuple[str, ...]:
        """Names of the levels in order; empty for a continuous coding."""
        if self.classes:
            return tuple(self.classes.levels)
        return self.levels.codes if self.levels else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of participants.csv that the coding reads."""
        if self.bmi:
            return (self.bmi.height_cm, self.bmi.weight_kg)
        source = self.classes or self.levels
        return (source.column,) if source else (self.column or "",)


class ResponderRule(Frozen):
    """A responder improves by at least so many points from baseline, in the outcome's better direction."""

    improvement_of_at_least: float = Field(gt=0)
    unit: Literal["points"]


class Imputation(Frozen):
    """The imputation model: linear, within arm, of the analysed outcome on these variables.

    Parameters
    ----------
    variables : tuple of str
        Codings and OUTCOME@VISIT, recorded in every arm of the contrast.
    m : int
        Number of imputations.
    """

    variables: PlannedFact[tuple[str, ...]] = NOT_PLANNED
    m: PlannedFact[int] = NOT_PLANNED

    @model_validator(mode="after")
    def _at_least_two(self) -> Self:
        if self.m.value is not None and self.m.value < 2:
            raise ValueError(f"m is {self.m.value}; pooling needs at least 2 imputations (20 or more are usual)")
        return self


class AnalysisSpec(Frozen):
    """One analysis of one outcome at one visit for one contrast.

    Parameters
    ----------
    covariates : tuple of str, optional
        In place of the plan's covariates.
    imputation_from : str, optional
        The plan whose imputation model is used; another plan's model makes the analysis uncongenial.
    truth : str
        The quantity that the analysis aims at; `none` where there is none (conditional odds ratio).
    reason : Text, optional
        Why the analysis is proposed where the source does not state it; absent where it does.
    """

    id: str = Field(pattern=NAME_PATTERN)
    label: Text
    outcome: str
    visit: str
    contrast: str
    method: Method
    missing_data: MissingData
    measure: Measure
    role: Role
    truth: Truth
    estimand: str | None = None
    covariates: tuple[str, ...] | None = None
    imputation_from: str | None = None
    reason: Text | None = None

    @model_validator(mode="after")
    def _parts_go_together(self) -> Self:
        if self.measure not in MEASURES[self.method]:
            raise ValueError(f"measure is {self.measure}; method {self.method} gives {' or '.join(MEASURES[self.method])}")
        if self.missing_data not in MISSING[self.method]:
            raise ValueError(f"missing_data is {self.missing_data}; method {self.method} allows {', '.join(MISSING[self.method])}")
        if self.truth not in (self._own_truth, "none"):
            raise ValueError(f"truth is {self.truth}; this analysis aims at {self._own_truth}, or write none")
        if self.imputation_from is not None and not self.imputes:
            raise ValueError(
                f"imputation_from stands on an analysis with missing_data {self.missing_data}; only multiple imputation has it"
            )
        return self

    @property
    def _own_truth(self) -> str:
        if self.measure == "log_odds_ratio":
            return "none"
        if self.measure == "mean_difference":
            return "treatment_policy_mean"
        return "composite_risk_difference" if self.missing_data == "non_responder" else "marginal_risk_difference"

    @property
    def imputes(self) -> bool:
        """Whether the analysis uses an imputation model."""
        return self.missing_data in ("multiple_imputation", "multiple_imputation_limit")


class Plan(Frozen):
    """One analysis plan; a gap is allowed and makes the analyses that need the value not executable.

    Parameters
    ----------
    covariates : tuple of str
        Codings and OUTCOME@VISIT.
    responder : dict
        Per outcome the rule that makes a participant a responder.
    analysis_seed : int
        Keys the imputation draws of a real trial; fixed before unblinding.
    """

    label: Text
    population: PlannedFact[Literal["all_randomised"]] = NOT_PLANNED
    alpha: PlannedFact[float] = NOT_PLANNED
    sidedness: PlannedFact[Literal["two_sided"]] = NOT_PLANNED
    covariates: PlannedFact[tuple[str, ...]] = NOT_PLANNED
    missing_data: PlannedFact[MissingData] = NOT_PLANNED
    imputation: Imputation = Imputation()
    analysis_seed: PlannedFact[int] = NOT_PLANNED
    responder: dict[str, PlannedFact[ResponderRule]] = Field(default={})
    multiplicity: PlannedFact[Text] = NOT_PLANNED
    interim: PlannedFact[Text] = NOT_PLANNED
    analyses: tuple[AnalysisSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _numbers_in_range(self) -> Self:
        if self.alpha.value is not None and not 0 < self.alpha.value < 1:
            raise ValueError(f"alpha is {self.alpha.value:g}; a number between 0 and 1 is needed, such as 0.05")
        if self.analysis_seed.value is not None and not 0 <= self.analysis_seed.value <= LARGEST_SEED:
            raise ValueError(f"analysis_seed is {self.analysis_seed.value}; a whole number from 0 to {LARGEST_SEED} is needed")
        return self


class AnalysisPlans(Frozen):
    """Everything under `analysis`: what holds for all plans, codings (each stated, derived or proposed as a whole), and the plans.

    Parameters
    ----------
    covariate_term : str
        What the source calls the covariates.
    covariate_selection : str
        How covariates are chosen.
    confidence_level : float
        Of the intervals, from 0 to 1.
    """

    covariate_term: Fact[Literal["confounders", "prognostic_covariates"]] = NOT_STATED
    covariate_selection: Fact[Literal["prespecified", "univariate_p_value", "baseline_test"]] = NOT_STATED
    confidence_level: PlannedFact[float] = NOT_PLANNED
    assumption_checks: PlannedFact[Text] = NOT_PLANNED
    subgroups: PlannedFact[Text] = NOT_PLANNED
    adherence_analysis: PlannedFact[Text] = NOT_PLANNED
    harms_analysis: PlannedFact[Text] = NOT_PLANNED
    software: PlannedFact[Text] = NOT_PLANNED
    coding_facts: dict[str, PlannedFact[Coding]] = Field(default={}, alias="coding")
    plans: dict[str, Plan] = Field(min_length=1)

    @property
    def coding(self) -> dict[str, Coding]:
        """The codings that have a value, in the order of the file."""
        return {name: fact.value for name, fact in self.coding_facts.items() if fact.value is not None}
