"""What cannot be true, as a code and numbers; texts are put on top elsewhere."""

from typing import NamedTuple


class Contradiction(NamedTuple):
    """A combination of stated numbers that cannot be true.

    Parameters
    ----------
    code : str
        One of `CODES`.
    numbers : dict of str to float
        The numbers that clash, by name.
    """

    code: str
    numbers: dict[str, float]


CODES = (
    "impossible_value",  # a number outside the range that its name allows; every other check goes on without it
    "arms_do_not_add_up",  # per_arm against total
    "number_of_arms_differs",  # lengths of per_arm, analysed_per_arm, ratio against the number of arms
    "ratio_not_kept",  # per_arm against ratio, by more than one participant
    "analysed_exceed_randomised",
    "analysed_exceed_completers",  # after the stated loss fewer are left than the calculation asked for
    "standardised_effect_differs",  # from difference / SD, beyond the rounding of all three
    "error_variance_differs",  # from SD^2 (1 - R^2), beyond the rounding
    "difference_of_proportions_differs",
    "r_squared_below_correlation",  # the covariates together explain less than one of them
    "r_squared_without_covariates",
    "no_effect",  # no true difference is left to detect
    "power_not_above_alpha",
    "multiply_leaves_too_few",  # n (1 + a) leaves n (1 - a^2)
    "power_not_reached",  # by no formula, neither as randomised nor after the loss
    "power_not_reached_after_loss",  # only if nobody is lost
    "power_exceeded",  # by every formula, also after the loss, and by more than rounding to a multiple of ten, or to whole clusters, adds
)
