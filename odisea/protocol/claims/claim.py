"""A sample-size statement as plain numbers; what the source does not say is None."""

from typing import Literal, NamedTuple

from odisea.protocol.model import Protocol

SIDES = {"two_sided": 2, "one_sided": 1}


class Claim(NamedTuple):
    """A sample-size statement.

    Parameters
    ----------
    total, per_arm : int, tuple of int
        Participants to be randomised.
    analysed_per_arm : tuple of int
        Participants that the calculation asked for, before the allowance for loss.
    ratio : tuple of float
        Allocation ratio, one number per arm.
    n_arms : int
        1 for a single series of values (or of differences within pairs).
    factorial : bool
        Whether four arms are the cells of a 2 x 2 factorial; None: both readings are tried.
    difference, sd, error_variance : float
        In units of the outcome, its SD within arms, and the variance that the covariates leave; for proportions the
        difference is arm minus control.
    standardised_effect : float
        Cohen's d; with three or more arms also tried as Cohen's f.
    control_proportion, arm_proportion, power, alpha, attrition : float
        Proportions from 0 to 1.
    sides : {1, 2}
        Of the test.
    inflation : {"divide", "multiply"}
        How loss was allowed for: n / (1 - a) or n (1 + a).
    correlation, r_squared, n_covariates
        Of baseline with follow-up; share of the variance that the covariates explain; number of their columns.
    icc, cluster_size : float
        Intracluster correlation and participants per cluster.
    margin : float
        Of a non-inferiority test or of superiority by a margin, without sign.
    test : str
        As the source names it.
    """

    total: int | None = None
    per_arm: tuple[int, ...] | None = None
    analysed_per_arm: tuple[int, ...] | None = None
    ratio: tuple[float, ...] | None = None
    n_arms: int | None = None
    factorial: bool | None = None
    difference: float | None = None
    sd: float | None = None
    standardised_effect: float | None = None
    error_variance: float | None = None
    control_proportion: float | None = None
    arm_proportion: float | None = None
    power: float | None = None
    alpha: float | None = None
    sides: int | None = None
    attrition: float | None = None
    inflation: Literal["divide", "multiply"] | None = None
    correlation: float | None = None
    r_squared: float | None = None
    n_covariates: int | None = None
    icc: float | None = None
    cluster_size: float | None = None
    margin: float | None = None
    test: str | None = None


def claim_of(protocol: Protocol) -> Claim:
    """Return what a protocol's sample-size section, randomisation and arms say."""
    size, ratio = protocol.sample_size, protocol.randomisation.ratio.value
    model = protocol.design.model.value
    return Claim(
        total=size.total.value,
        per_arm=size.per_arm.value,
        analysed_per_arm=size.analysed_per_arm.value,
        ratio=None if ratio is None else tuple(map(float, ratio)),
        n_arms=len(protocol.arms),
        factorial=None if model is None else model.upper() == "FACTORIAL",
        difference=size.target_difference.value,
        sd=size.standard_deviation.value,
        standardised_effect=size.standardised_effect.value,
        control_proportion=size.control_proportion.value,
        arm_proportion=size.arm_proportion.value,
        power=size.power.value,
        alpha=size.alpha.value,
        sides=None if size.sidedness.value is None else SIDES[size.sidedness.value],
        attrition=size.attrition.value,
        inflation=size.inflation.value,
        correlation=size.correlation.value,
        r_squared=size.r_squared.value,
        n_covariates=size.n_covariates.value,
        icc=size.icc.value,
        cluster_size=size.cluster_size.value,
        margin=protocol.design.margin.value,
        test=size.test.value,
    )
