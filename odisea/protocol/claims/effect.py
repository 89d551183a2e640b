"""The effects that a claim may mean: as given, or, where it gives none, usual values near what it implies."""

import math
from typing import NamedTuple

from odisea.protocol.claims.claim import Claim
from odisea.protocol.claims.formula import Kind

USUAL_D = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 1.0)
NEAR = 0.1  # relative distance within which a supposed SD or a computed total counts as near
MOST_ROUND_VALUES = 6


class Effect(NamedTuple):
    """An effect.

    Parameters
    ----------
    kind : str
        Which scale `size` is on: "standardised" (d), "adjusted" (d over the SD that covariates leave), "f", "proportions"
        (`size` is the arm's proportion).
    size : float
        Above 0.
    sd : float or None
        Where the effect comes from a difference in units.
    hypothesis : str
        "difference", "non_inferiority" or "more_than_margin".
    supposed : tuple of str
        "sd", "standardised_effect" or both where the claim gives no effect: a round SD, a usual d.
    """

    kind: Kind
    size: float
    sd: float | None = None
    hypothesis: str = "difference"
    supposed: tuple[str, ...] = ()


def given_effects(claim: Claim) -> tuple[Effect, ...]:
    """Return the effects that the claim states."""
    return (*_of_means(claim), *_of_proportions(claim))


def supposed_effects(claim: Claim, implied_sds: tuple[float, ...]) -> tuple[Effect, ...]:
    """Return usual effects to try where the claim states none: Cohen's d, and round SDs near the implied ones."""
    wanted = abs(claim.difference) if claim.difference else None
    found: dict[float, Effect] = {}
    if wanted is not None:
        for round_sd in (value for implied in implied_sds for value in round_values_near(implied)):
            found.setdefault(wanted / round_sd, Effect("standardised", wanted / round_sd, round_sd, supposed=("sd",)))
    for d in USUAL_D:
        same = next((size for size in found if math.isclose(size, d)), d)
        before = found.get(same)
        sd = None if wanted is None else wanted / d
        supposed = ("standardised_effect",) if before is None else (*before.supposed, "standardised_effect")
        found[same] = Effect("standardised", d, sd, supposed=supposed)
    return tuple(found.values())


def round_values_near(value: float) -> tuple[float, ...]:
    """Return the roundest numbers within a tenth of the value, at most six: steps of 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> round_values_near(19.39)
    (18.0, 19.0, 20.0, 21.0)
    """
    decade = 10.0 ** (math.floor(math.log10(value)) - 1)
    for step in (decade, 2 * decade, 5 * decade):
        multiples = range(math.ceil((1 - NEAR) * value / step), math.floor((1 + NEAR) * value / step) + 1)
        if len(multiples) <= MOST_ROUND_VALUES:
            break
    return tuple(round(k * step, 12) for k in multiples)


def _of_means(claim: Claim) -> list[Effect]:
    """Return the effects on means; proportions have their own."""
    effects = []
    for hypothesis, units in _distances(claim):
        if claim.sd is not None:
            effects.append(Effect("standardised", units / claim.sd, claim.sd, hypothesis))
        if claim.error_variance is not None:
            sd = math.sqrt(claim.error_variance)
            effects.append(Effect("adjusted", units / sd, sd, hypothesis))
    if claim.standardised_effect:
        size = abs(claim.standardised_effect)
        if not any(math.isclose(effect.size, size) for effect in effects):
            effects.append(Effect("standardised", size))
        effects.append(Effect("f", size))
    return effects


def _distances(claim: Claim) -> list[tuple[str, float]]:
    """Return what the test must detect, in units: the difference itself, or what lies between it and the margin."""
    difference = abs(claim.difference or 0.0)
    if claim.margin is None:
        found = [("difference", difference)]
    else:
        margin = abs(claim.margin)
        found = [("non_inferiority", difference + margin), ("more_than_margin", difference - margin)]
    return [(hypothesis, units) for hypothesis, units in found if units > 0]


def _of_proportions(claim: Claim) -> list[Effect]:
    control, arm = claim.control_proportion, claim.arm_proportion
    if control is not None and arm is None and claim.difference is not None and 0 < control + claim.difference < 1:
        arm = control + claim.difference
    return [] if control is None or arm is None or control == arm else [Effect("proportions", arm)]
