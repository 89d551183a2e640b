"""The range of every number of a claim; what lies outside is reported and then treated as not given."""

import math
from typing import Any, NamedTuple

from odisea.protocol.claims.claim import Claim
from odisea.protocol.claims.contradiction import Contradiction


class Range(NamedTuple):
    """The values that a number may take; an open end is itself impossible, and so is what lies closer to 0 than `smallest`."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False
    smallest: float = 0.0

    def holds(self, value: float) -> bool:
        """Return whether the value is possible."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return math.isfinite(value) and above and below and (value == 0 or abs(value) >= self.smallest)


# Beyond a million participants or a billion units nobody states a size; the limits keep every formula's arithmetic finite.
COUNT = Range(1, 1e6)
SHARE = Range(1e-9, 1 - 1e-9)
SIZE = Range(-1e9, 1e9, smallest=1e-9)
RANGES: dict[str, Range] = {
    "total": COUNT,
    "per_arm": COUNT,
    "analysed_per_arm": COUNT,
    "ratio": Range(0.01, 100),
    "n_arms": Range(1, 100),
    "difference": SIZE,
    "sd": Range(1e-9, 1e9),
    "standardised_effect": Range(-1e3, 1e3, smallest=1e-9),
    "error_variance": Range(1e-18, 1e18),
    "control_proportion": SHARE,
    "arm_proportion": SHARE,
    "power": SHARE,
    "alpha": SHARE,
    "sides": Range(1, 2),
    "attrition": Range(0, 1, open_high=True),
    "correlation": Range(-1, 1, open_low=True, open_high=True),
    "r_squared": Range(0, 1, open_high=True),
    "n_covariates": Range(0, 100),
    "icc": Range(0, 1),
    "cluster_size": Range(1, 1e6),
    "margin": SIZE,
}
WHOLE = ("total", "per_arm", "analysed_per_arm", "n_arms", "sides", "n_covariates")


def possible(claim: Claim) -> tuple[Claim, tuple[Contradiction, ...]]:
    """Return the claim without its impossible numbers, and one contradiction for each of those."""
    found, kept = [], {}
    for name, value in claim._asdict().items():
        bad = [float(x) for x in _values(value) if not _fits(name, x)] if name in RANGES else []
        found += [_impossible(name, x) for x in bad]
        kept[name] = None if bad or value == () else value
    return Claim(**kept), tuple(found)


def _values(value: Any) -> tuple[float, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, tuple) else (value,)


def _fits(name: str, value: float) -> bool:
    return RANGES[name].holds(value) and (name not in WHOLE or value == int(value))


def _impossible(name: str, value: float) -> Contradiction:
    limits = RANGES[name]
    numbers = {name: value, "lowest_possible": limits.low, "highest_possible": limits.high}
    return Contradiction("impossible_value", numbers)
