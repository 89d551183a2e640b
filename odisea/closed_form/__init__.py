"""Power, sample size and detectable effects in closed form: numbers in, numbers out.

These are the values that a simulated power should agree with, and the formulas that published sample sizes come from.
Specification: docs/statistics/closed_forms.md.
"""

from odisea.closed_form.clusters import cluster_inflation, partially_nested_power
from odisea.closed_form.groups import anova_n_per_group, anova_power
from odisea.closed_form.mixture import noncentral_t_upper
from odisea.closed_form.normal import bonett_ancova_n_per_arm, z_effect_size, z_n_per_arm, z_power
from odisea.closed_form.power import (
    UNADJUSTED,
    Adjustment,
    ancova_power,
    groups_power,
    margin_power,
    one_sample_t_power,
    prob_estimate_beyond,
    realised_power,
    t_power,
)
from odisea.closed_form.proportions import Variance, proportions_n_per_arm, proportions_power
from odisea.closed_form.recruited import ROUNDINGS, Inflation, Rounding, completer_share, recruited_for, rounded_arms
from odisea.closed_form.size import (
    borm_design_factor,
    fractional_n_per_arm,
    implied_sd,
    minimal_detectable_difference,
    n_per_arm,
    one_sample_n,
)

__all__ = [
    "ROUNDINGS",
    "UNADJUSTED",
    "Adjustment",
    "Inflation",
    "Rounding",
    "Variance",
    "ancova_power",
    "anova_n_per_group",
    "anova_power",
    "bonett_ancova_n_per_arm",
    "borm_design_factor",
    "cluster_inflation",
    "completer_share",
    "fractional_n_per_arm",
    "groups_power",
    "implied_sd",
    "margin_power",
    "minimal_detectable_difference",
    "n_per_arm",
    "noncentral_t_upper",
    "one_sample_n",
    "one_sample_t_power",
    "partially_nested_power",
    "prob_estimate_beyond",
    "proportions_n_per_arm",
    "proportions_power",
    "realised_power",
    "recruited_for",
    "rounded_arms",
    "t_power",
    "z_effect_size",
    "z_n_per_arm",
    "z_power",
]
