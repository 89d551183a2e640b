"""The prototype of the data-generating model as it was measured before this engine: twelve scenarios and their printed numbers.

The prototype had one logit for all losses and a latent effect of 10 points; here the observed effect is set to what it
printed as truth, and the parts of the loss stand for its slopes. Source: the evidence paper of the project, section 4.6
(200 participants a trial, 4,000 trials a row, 40 % loss unless noted).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One scenario of the prototype.

    Parameters
    ----------
    values : mapping
        Assumptions that differ from `BASE`.
    printed : mapping
        What the prototype printed: analysis (t, confounders, baseline, both) to mean estimate, empirical SE, power, coverage,
        as far as printed; `truth` is the observed treatment-policy effect.
    """

    id: str
    label: str
    values: Mapping[str, float]
    printed: Mapping[str, Any]


# Spread, correlation and course of the prototype; nothing that it did not have.
BASE: dict[str, float] = {
    **{"odi_sd_baseline": 14.4, "odi_sd_week6": 14.0, "odi_correlation": 0.54, "control_change": -5.0, "adherence_mean": 0.54},
    **{"live_icc": 0.0, "leak_share": 0.0, "item_blank_week6": 0.0, "covariate_missing": 0.0, "effect": -8.9},
    **{"loss_part_mcar": 0.2, "loss_part_mar_covariates": 0.3, "loss_part_mar_adherence": 0.5, "loss_part_mnar": 0.0},
}
MNAR_PARTS = {"loss_part_mcar": 0.0, "loss_part_mar_covariates": 0.2, "loss_part_mar_adherence": 0.15, "loss_part_mnar": 0.65}
SAME_SIGN = {**MNAR_PARTS, "mnar_slope_tele": 0.8, "mnar_slope_control": 0.8}
OPPOSITE_SIGNS = {**MNAR_PARTS, "mnar_slope_tele": -0.8, "mnar_slope_control": 0.8}

ROWS = (
    Row(
        "mar",
        "At random, 8.9 points",
        {},
        {
            "truth": -8.9,
            "t": {"mean_estimate": -9.61, "empirical_se": 2.41, "power": 0.972},
            "confounders": {"mean_estimate": -9.62, "empirical_se": 2.43, "power": 0.968},
            "baseline": {"mean_estimate": -9.63, "empirical_se": 2.09, "power": 0.993},
            "both": {"mean_estimate": -9.63, "empirical_se": 2.12, "power": 0.991, "coverage": 0.930},
        },
    ),
    Row(
        "mar_smaller",
        "At random, 5.5 points",
        {"effect": -5.5},
        {
            "truth": -5.5,
            "t": {"mean_estimate": -5.95, "empirical_se": 2.47, "power": 0.656},
            "confounders": {"empirical_se": 2.50, "power": 0.652},
            "baseline": {"empirical_se": 2.13, "power": 0.795},
            "both": {"empirical_se": 2.17, "power": 0.784, "coverage": 0.942},
        },
    ),
    Row(
        "null_mar",
        "At random, no effect",
        {"effect": 0.0},
        {
            "truth": 0.0,
            "t": {"power": 0.048},
            "confounders": {"power": 0.050},
            "baseline": {"power": 0.051},
            "both": {"power": 0.052, "coverage": 0.947},
        },
    ),
    Row(
        "full_data",
        "Nobody lost, 8.9 points",
        {"loss_total": 0.0},
        {"truth": -8.9, "both": {"mean_estimate": -8.92, "empirical_se": 1.65, "power": 1.0, "coverage": 0.950}},
    ),
    Row(
        "mnar_same_sign",
        "Not at random, the same in both arms",
        SAME_SIGN,
        {
            "truth": -8.9,
            "t": {"mean_estimate": -8.61},
            "baseline": {"mean_estimate": -8.96},
            "both": {"mean_estimate": -8.95, "empirical_se": 2.05, "power": 0.991, "coverage": 0.945},
        },
    ),
    Row(
        "mnar_opposite",
        "Not at random, opposite in the arms",
        OPPOSITE_SIGNS,
        {
            "truth": -8.9,
            "t": {"mean_estimate": -3.54, "power": 0.311},
            "confounders": {"mean_estimate": -3.63},
            "baseline": {"mean_estimate": -6.26, "power": 0.817},
            "both": {"mean_estimate": -6.28, "power": 0.803, "coverage": 0.784},
        },
    ),
    Row(
        "null_opposite",
        "No effect, not at random, opposite in the arms",
        {**OPPOSITE_SIGNS, "effect": 0.0},
        {
            "truth": 0.0,
            "t": {"mean_estimate": 6.2, "power": 0.712},
            "confounders": {"mean_estimate": 6.2, "power": 0.688},
            "baseline": {"mean_estimate": 3.35, "power": 0.326},
            "both": {"mean_estimate": 3.34, "power": 0.318, "coverage": 0.690},
        },
    ),
    Row(
        "null_unequal_loss",
        "No effect, the programme arm loses 14 points more, not at random with the same sign",
        {**SAME_SIGN, "effect": 0.0, "loss_difference": 0.14},
        {
            "truth": 0.0,
            "t": {"mean_estimate": -1.33, "power": 0.081},
            "confounders": {"power": 0.082},
            "baseline": {"mean_estimate": -0.72, "power": 0.059},
            "both": {"mean_estimate": -0.75, "power": 0.061, "coverage": 0.935},
        },
    ),
    Row(
        "loss_20",
        "At random, 20 % lost",
        {"loss_total": 0.2},
        {
            "truth": -8.9,
            "t": {"empirical_se": 2.12, "power": 0.989},
            "baseline": {"empirical_se": 1.82, "power": 0.999},
            "both": {"power": 0.999, "coverage": 0.943},
        },
    ),
    Row(
        "unequal_loss",
        "At random, 52 and 28 % lost",
        {"loss_difference": 0.24},
        {
            "truth": -8.9,
            "t": {"mean_estimate": -10.0, "power": 0.976},
            "baseline": {"mean_estimate": -9.85, "power": 0.995},
            "both": {"power": 0.994, "coverage": 0.929},
        },
    ),
    Row(
        "larger_sd",
        "At random, SD 18.6 and 17.9",
        {"effect": -8.8, "odi_sd_baseline": 18.6, "odi_sd_week6": 17.9},
        {
            "truth": -8.8,
            "t": {"empirical_se": 3.08, "power": 0.853},
            "confounders": {"empirical_se": 3.12, "power": 0.845},
            "baseline": {"empirical_se": 2.58, "power": 0.953},
            "both": {"empirical_se": 2.64, "power": 0.946, "coverage": 0.939},
        },
    ),
    Row(
        "prognostic",
        "At random, strongly prognostic covariates",
        {"effect": -8.8, "prognosis": 4.6, "r_age_odi": 0.35, "r_activity_odi": -0.35},
        {
            "truth": -8.8,
            "t": {"empirical_se": 2.51, "power": 0.959},
            "confounders": {"empirical_se": 2.42, "power": 0.970},
            "baseline": {"empirical_se": 2.11, "power": 0.991},
            "both": {"empirical_se": 2.11, "power": 0.991, "coverage": 0.929},
        },
    ),
)
