"""The analysis plans: how recorded columns enter models (codings), and which analyses are made with what."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, model_validator

from odisea.protocol.dictionary import NAME_PATTERN
from odisea.protocol.fact import NOT_PLANNED, NOT_STATED, Fact, Frozen, PlannedFact, Text
from odisea.protocol.methods import (
    ENTRIES,
    METHODS,
    MISSING_DATA,
    RATIOS,
    REFERENCE_BASED,
    TRUTHS,
    VARIANCES,
    Entry,
    missing_data_of,
    variances_for,
)

if TYPE_CHECKING:
    Method: TypeAlias = str
    MissingData: TypeAlias = str
    Measure: TypeAlias = str
    Variance: TypeAlias = str
    Truth: TypeAlias = str
else:  # the words are those of the registry, which a type checker cannot read
    Method, MissingData, Variance, Truth = (Literal[words] for words in (METHODS, MISSING_DATA, VARIANCES, TRUTHS))
    Measure = Literal[("mean_difference", *RATIOS)]
Role = Literal["primary", "sensitivity", "supplementary", "secondary", "exploratory"]
RULES = ("improvement_of_at_least", "percent_improvement_of_at_least", "attained")
IMPUTING = ("multiple_imputation", "multiple_imputation_limit", "delta_adjusted", "inverse_probability", *REFERENCE_BASED)
RECIPES = ("column", "bmi", "classes", "levels")
LARGEST_SEED = 2**63 - 1
MISSING_LEVEL = "missing"  # of every categorical coding: the participants in whom it was not recorded


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
        if MISSING_LEVEL in self.level_names:
            raise ValueError(
                f"a level is called {MISSING_LEVEL}; that is the level of those in whom nothing is recorded. Call it otherwise"
            )
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


class RecordCount(Frozen):
    """How many rows of a file a participant has: what was taken up of the programme, by the records of one arm or of all.

    Parameters
    ----------
    file : str
        A file of the export folder with a row per participant and event.
    column, equals : str, optional
        Only rows whose column holds this value are counted.
    """

    label: Text
    file: str
    column: str | None = None
    equals: str | int | float | bool | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.column is None) != (self.equals is None):
            raise ValueError("column and equals go together: the rows whose column equals the value are counted; write both or none")
        return self


class ResponderRule(Frozen):
    """When a participant is a responder, by exactly one rule.

    Parameters
    ----------
    improvement_of_at_least : float
        Points from baseline, in the outcome's better direction.
    percent_improvement_of_at_least : float
        Percent of the baseline value; of a baseline of 0 nobody can improve.
    attained : float
        The outcome itself is this good or better; needs no baseline.
    unit : str
        `points`, or `percent` with the percent rule.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in RULES]})

    improvement_of_at_least: float | None = Field(default=None, gt=0)
    percent_improvement_of_at_least: float | None = Field(default=None, gt=0, le=100)
    attained: float | None = None
    unit: Literal["points", "percent"]

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        given = [name for name in RULES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"{' and '.join(given) or 'none of them'} is given; a responder rule has exactly one of {', '.join(RULES)}")
        wanted = "percent" if given[0] == "percent_improvement_of_at_least" else "points"
        if self.unit != wanted:
            raise ValueError(f"unit is {self.unit}; {given[0]} is in {wanted}. Write unit: {wanted}")
        return self

    @property
    def rule(self) -> str:
        """Name of the rule."""
        return next(name for name in RULES if getattr(self, name) is not None)

    @property
    def number(self) -> float:
        """The rule's number."""
        value: float = getattr(self, self.rule)
        return value


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


Strategy = Literal["treatment_policy", "hypothetical", "composite", "while_on_treatment", "principal_stratum"]
Summary = Literal["difference_in_means", "risk_difference", "risk_ratio", "odds_ratio"]


class ProposedEstimand(Frozen):
    """An estimand that an analysis plan proposes beside those of the source: its five attributes (ICH E9(R1)).

    Parameters
    ----------
    population : Text
        Whom the question is about.
    contrast : str
        The treatments that are compared.
    outcome, visit : str
        The variable; of a responder analysis it is cut by the plan's rule.
    summary : str
        The population-level summary.
    strategies : dict
        Strategy per intercurrent event, the loss of the outcome among them where the estimand says something of it.
    reason : Text
        Why it is asked.
    """

    label: Text
    population: Text
    contrast: str
    outcome: str
    visit: str
    summary: Summary
    strategies: dict[str, Strategy] = Field(min_length=1)
    reason: Text


class Delta(Frozen):
    """Points added to every imputed value, by arm of the contrast."""

    arm: float = 0.0
    reference: float = 0.0


class AnalysisSpec(Frozen):
    """One analysis of one outcome at one visit for one contrast.

    Parameters
    ----------
    method, missing_data, measure, variance : str
        What `odisea.protocol.methods.REGISTRY` allows together; without a variance the method's first.
    family : str, optional
        Name of the multiplicity family that the test belongs to.
    truth : str
        The quantity that the analysis aims at; `none` where there is none (conditional odds ratio).
    covariates : tuple of str, optional
        In place of the plan's covariates.
    imputation_from : str, optional
        The plan whose imputation model is used; another plan's model makes the analysis uncongenial.
    auxiliary : tuple of str, optional
        What is recorded after baseline and helps the imputation, in the order of recording: OUTCOME@VISIT and counts of
        records; may be recorded in one arm only, and is then used in that arm.
    m : int or "automatic", optional
        Number of imputations in place of the plan's.
    delta : Delta, optional
        Of an analysis with `delta_adjusted`.
    permutations : int, optional
        Re-drawn allocations of a re-randomisation test.
    subgroup : str, optional
        The covariate whose interaction with the arm is looked at.
    baseline_missing : str
        `filled`: missing baseline values are filled in without looking at the arm; `excluded`: their participants are left out.
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
    variance: Variance | None = None
    role: Role
    family: str | None = Field(default=None, pattern=NAME_PATTERN)
    truth: Truth
    estimand: str | None = None
    covariates: tuple[str, ...] | None = None
    imputation_from: str | None = None
    auxiliary: tuple[str, ...] = ()
    m: int | Literal["automatic"] | None = None
    delta: Delta | None = None
    permutations: int | None = Field(default=None, ge=99, le=1_000_000)
    subgroup: str | None = None
    baseline_missing: Literal["filled", "excluded"] = "filled"
    reason: Text | None = None

    @model_validator(mode="after")
    def _parts_go_together(self) -> Self:
        entry = ENTRIES.get((self.method, self.missing_data))
        if entry is None:
            raise ValueError(f"missing_data is {self.missing_data}; method {self.method} allows {', '.join(missing_data_of(self.method))}")
        if self.measure not in entry.measures:
            raise ValueError(f"measure is {self.measure}; method {self.method} gives {' or '.join(entry.measures)}")
        variances, truth = variances_for(entry, self.measure), entry.truth(self.measure)
        if self.variance is not None and self.variance not in variances:
            raise ValueError(f"variance is {self.variance}; {self.method} with {self.missing_data} has {', '.join(variances)}")
        if self.truth not in (truth, "none"):
            raise ValueError(f"truth is {self.truth}; this analysis aims at {truth}" + (", or write none" if truth != "none" else ""))
        for fault in self._misplaced():
            raise ValueError(fault)
        return self

    def _misplaced(self) -> Iterator[str]:
        """Give what stands on an analysis that does not read it, and what one lacks."""
        if self.imputation_from is not None and not self.imputes:
            yield f"imputation_from stands on an analysis with missing_data {self.missing_data}; only those that impute have it"
        if self.auxiliary and self.missing_data != "multiple_imputation":
            yield f"auxiliary stands on {self.method} with {self.missing_data}; only multiple_imputation reads it"
        if self.m is not None and not self.draws:
            yield f"m stands on {self.method} with {self.missing_data}, which draws no imputations"
        if isinstance(self.m, int) and self.m < 2:
            yield f"m is {self.m}; pooling needs at least 2 imputations (20 or more are usual)"
        if (self.delta is not None) != (self.method == "ancova" and self.missing_data == "delta_adjusted"):
            yield "delta stands exactly on ancova with delta_adjusted, such as delta: {arm: 5}"
        if (self.permutations is not None) != (self.method == "rerandomisation"):
            yield "permutations stand exactly on rerandomisation, such as permutations: 9999"
        if (self.subgroup is not None) != (self.method == "subgroup"):
            yield "subgroup stands exactly on the method subgroup, and names a covariate"

    @property
    def entry(self) -> Entry:
        """The method's entry in the registry."""
        return ENTRIES[self.method, self.missing_data]

    @property
    def chosen_variance(self) -> str:
        """The variance, the method's first where none is named."""
        return self.variance or variances_for(self.entry, self.measure)[0]

    @property
    def imputes(self) -> bool:
        """Whether the analysis uses an imputation model."""
        return self.missing_data in IMPUTING

    @property
    def draws(self) -> bool:
        """Whether imputations are drawn, so that there is a number of them."""
        return self.missing_data == "multiple_imputation" or self.missing_data in REFERENCE_BASED


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
    counts: dict[str, RecordCount] = Field(default={})
    estimands: dict[str, ProposedEstimand] = Field(default={})
    plans: dict[str, Plan] = Field(min_length=1)

    @property
    def coding(self) -> dict[str, Coding]:
        """The codings that have a value, in the order of the file."""
        return {name: fact.value for name, fact in self.coding_facts.items() if fact.value is not None}
