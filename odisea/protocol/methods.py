"""The registry of statistical methods: what a plan may ask for, what it is judged against, and which file carries it out.

A method that is carried out per trial is one file in the analysis room with `carry_out(trial, planned, circumstances)` and
one entry here; the plan's grammar, its checks and the analysis read this table and nothing else. An entry without a file
belongs to the compiled loop (`odisea.analyse.estimate`); one with a file and `in_loop` is compiled where the plan asks for
nothing beyond it and one follow-up visit is enough.
"""

from typing import NamedTuple

Variances = tuple[str, ...]

MEAN = ("mean_difference",)
RATIOS = ("log_odds_ratio", "risk_difference", "log_risk_ratio", "marginal_log_odds_ratio")
TRUTH_OF_MEASURE = {
    "mean_difference": "treatment_policy_mean",
    "risk_difference": "marginal_risk_difference",
    "log_risk_ratio": "marginal_log_risk_ratio",
    "marginal_log_odds_ratio": "marginal_log_odds_ratio",
}
COMPOSITE = {
    "risk_difference": "composite_risk_difference",
    "log_risk_ratio": "composite_log_risk_ratio",
    "marginal_log_odds_ratio": "composite_log_odds_ratio",
}
REFERENCE_BASED = ("jump_to_reference", "copy_reference", "copy_increments", "last_mean_carried_forward")


class Entry(NamedTuple):
    """One method with one way of dealing with missing outcomes.

    Parameters
    ----------
    method, missing_data : str
        The names that a plan writes.
    measures : tuple of str
        What can be estimated.
    variances : tuple of str
        The variances to choose from, the default first.
    file : str
        Module of the analysis room with `carry_out`; empty where only the compiled loop has it.
    in_loop : bool
        Whether the compiled loop has it too.
    binary : bool
        Whether the outcome is 0 or 1 (or made so by a responder rule); else it is a number.
    """

    method: str
    missing_data: str
    measures: tuple[str, ...]
    variances: Variances
    file: str = ""
    in_loop: bool = False
    binary: bool = False

    def truth(self, measure: str) -> str:
        """Return the quantity that the analysis aims at; `none` where there is none."""
        if self.missing_data in REFERENCE_BASED:
            return "reference_based_mean"
        if self.missing_data == "delta_adjusted":
            return "none"
        return (COMPOSITE if self.missing_data == "non_responder" else TRUTH_OF_MEASURE).get(measure, "none")


LEAST_SQUARES = ("least_squares", "hc2", "hc3")
REGISTRY = (
    Entry("ancova", "complete_case", MEAN, LEAST_SQUARES, in_loop=True),
    Entry("ancova", "multiple_imputation", MEAN, ("rubin", "rubin_hc2", "rubin_hc3"), "imputed", in_loop=True),
    Entry("ancova", "multiple_imputation_limit", MEAN, ("rubin",), in_loop=True),
    Entry("ancova", "delta_adjusted", MEAN, ("rubin",), in_loop=True),
    Entry("ancova", "jump_to_reference", MEAN, ("rubin", "jackknife"), "reference_based", in_loop=True),
    Entry("ancova", "copy_reference", MEAN, ("rubin", "jackknife"), "reference_based"),
    Entry("ancova", "copy_increments", MEAN, ("rubin", "jackknife"), "reference_based"),
    Entry("ancova", "last_mean_carried_forward", MEAN, ("rubin", "jackknife"), "reference_based"),
    Entry("interacted", "complete_case", MEAN, ("hc2", "hc3"), "interacted"),
    Entry("joint_ancova", "complete_case", MEAN, ("least_squares",), "all_arms"),
    Entry("welch", "complete_case", MEAN, ("unequal_variances",), "welch"),
    Entry("rerandomisation", "complete_case", MEAN, ("permutation",), "permutation"),
    Entry("weighting", "inverse_probability", MEAN, ("estimating_equations",), "weighting"),
    Entry("mmrm", "likelihood", MEAN, ("kenward_roger", "satterthwaite"), "longitudinal"),
    Entry("clda", "likelihood", MEAN, ("kenward_roger", "satterthwaite"), "longitudinal"),
    Entry("mixed_model", "likelihood", MEAN, ("satterthwaite",), "longitudinal"),
    Entry("partially_nested", "complete_case", MEAN, ("satterthwaite",), "nested_groups"),
    Entry("tipping_point", "delta_adjusted", MEAN, ("rubin",), "tipping"),
    Entry("subgroup", "complete_case", MEAN, ("least_squares",), "subgroups"),
    Entry("logistic", "complete_case", RATIOS, ("information", "ye", "ge", "influence"), "responder_single", True, True),
    Entry("logistic", "non_responder", RATIOS, ("information", "ye", "ge", "influence"), "responder_single", True, True),
    Entry("logistic", "multiple_imputation", RATIOS, ("rubin",), "responder_single", binary=True),
    Entry("firth", "complete_case", RATIOS[:2], ("penalised_likelihood", "ye"), "responder_single", binary=True),
    Entry("firth", "non_responder", RATIOS[:2], ("penalised_likelihood", "ye"), "responder_single", binary=True),
    Entry("proportions", "complete_case", ("risk_difference",), ("newcombe",), "proportions", binary=True),
    Entry("proportions", "non_responder", ("risk_difference",), ("newcombe",), "proportions", binary=True),
)
ENTRIES = {(entry.method, entry.missing_data): entry for entry in REGISTRY}
METHODS = tuple(dict.fromkeys(entry.method for entry in REGISTRY))
MISSING_DATA = tuple(dict.fromkeys(entry.missing_data for entry in REGISTRY))
VARIANCES = tuple(dict.fromkeys(variance for entry in REGISTRY for variance in entry.variances))
TRUTHS = tuple(dict.fromkeys((*(entry.truth(measure) for entry in REGISTRY for measure in entry.measures), "none")))


def missing_data_of(method: str) -> tuple[str, ...]:
    """Return the ways of dealing with missing outcomes that a method has."""
    return tuple(entry.missing_data for entry in REGISTRY if entry.method == method)


def variances_for(entry: Entry, measure: str) -> Variances:
    """Return the variances of an entry for one measure: a conditional odds ratio has the likelihood's, marginal effects the others."""
    if entry.variances[0] not in ("information", "penalised_likelihood"):
        return entry.variances
    return entry.variances[:1] if measure == "log_odds_ratio" else entry.variances[1:]
