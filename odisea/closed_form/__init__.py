"""Power, sample size and detectable effects in closed form: numbers in, numbers out.

These are the values that a simulated power should agree with. Specification: docs/statistics/closed_forms.md.
"""

from odisea.closed_form.mixture import noncentral_t_upper
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
from odisea.closed_form.size import (
    borm_design_factor,
    fractional_n_per_arm,
    implied_sd,
    minimal_detectable_difference,
    n_per_arm,
)

__all__ = [
    "UNADJUSTED",
    "Adjustment",
    "ancova_power",
    "borm_design_factor",
    "fractional_n_per_arm",
    "groups_power",
    "implied_sd",
    "margin_power",
    "minimal_detectable_difference",
    "n_per_arm",
    "noncentral_t_upper",
    "one_sample_t_power",
    "prob_estimate_beyond",
    "realised_power",
    "t_power",
]
