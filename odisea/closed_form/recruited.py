"""From the number that a formula asks for to the number that is recruited: allowance for loss, and rounding."""

import math
from typing import Literal

Inflation = Literal["divide", "multiply", "none"]
Rounding = Literal[
    "up_per_arm", "up_first_arm", "nearest_per_arm", "down_per_arm", "up_total", "nearest_total", "down_total", "up_even_total",
    "up_to_5_per_arm", "up_to_10_per_arm", "up_to_10_total",
]  # fmt: skip
# The name of a rule: what is rounded, and to a multiple of what.
ROUNDINGS: dict[Rounding, tuple[Literal["up", "nearest", "down"], Literal["arm", "first", "total"], int]] = {
    "up_per_arm": ("up", "arm", 1),
    "up_first_arm": ("up", "first", 1),
    "nearest_per_arm": ("nearest", "arm", 1),
    "down_per_arm": ("down", "arm", 1),
    "up_total": ("up", "total", 1),
    "nearest_total": ("nearest", "total", 1),
    "down_total": ("down", "total", 1),
    "up_even_total": ("up", "total", 2),
    "up_to_5_per_arm": ("up", "arm", 5),
    "up_to_10_per_arm": ("up", "arm", 10),
    "up_to_10_total": ("up", "total", 10),
}
SLACK = 1e-9  # 66 / 1.1 is 60, although floating point may put it a hair above


def recruited_for(analysed: float, attrition: float, inflation: Inflation) -> float:
    """Return how many a statement recruits so that `analysed` remain.

    Parameters
    ----------
    analysed : float
        Participants that the formula asks for, above 0.
    attrition : float
        Expected share lost, at least 0 and below 1.
    inflation : {"divide", "multiply", "none"}
        n / (1 - a), which leaves exactly n; n (1 + a), which leaves n (1 - a^2); n.

    Raises
    ------
    ValueError
        An impossible argument.

    Examples
    --------
    >>> round(recruited_for(131.34, 0.23, "divide"), 1), round(recruited_for(131.34, 0.23, "multiply"), 1)
    (170.6, 161.5)
    """
    if not analysed > 0:
        raise ValueError(f"analysed must be positive, found {analysed!r}")
    factor = {"divide": 1 / completer_share(attrition), "multiply": 1 + attrition, "none": 1.0}
    if inflation not in factor:
        raise ValueError(f"inflation is {inflation!r}; it must be one of {', '.join(factor)}")
    return analysed * factor[inflation]


def completer_share(attrition: float) -> float:
    """Return 1 - attrition; refuses a share that leaves nobody."""
    share = 1 - attrition
    if not 0 < share <= 1:
        raise ValueError(f"attrition must be at least 0 and below 1, found {attrition!r}")
    return share


def rounded_arms(n_arm: float, shares: tuple[float, ...], rounding: Rounding) -> tuple[tuple[int, ...], int]:
    """Return whole numbers per arm and their total.

    Parameters
    ----------
    n_arm : float
        Real number in the first arm, above 0.
    shares : tuple of float
        Participants of every arm per participant of the first; the first is 1.
    rounding : str
        One of `ROUNDINGS`. "up_first_arm" multiplies the first arm's whole number by the shares.
        A rule for the total leaves the arms at the real numbers rounded up (their sum may then exceed it).

    Examples
    --------
    >>> rounded_arms(85.29, (1, 1, 1, 1), "up_per_arm")
    ((86, 86, 86, 86), 344)
    >>> rounded_arms(82.51, (1, 1), "nearest_total")
    ((83, 83), 165)
    """
    how, what, multiple = ROUNDINGS[rounding]
    first = _rounded(n_arm, "up", 1) if what == "first" else n_arm
    if not all(share > 0 for share in shares):
        raise ValueError(f"shares must be positive, found {shares!r}")
    exact = [first * share for share in shares]
    if what != "total":
        arms = tuple(_rounded(n, how, multiple) for n in exact)
        return arms, sum(arms)
    return tuple(_rounded(n, "up", 1) for n in exact), _rounded(sum(exact), how, multiple)


def _rounded(n: float, how: Literal["up", "nearest", "down"], multiple: int) -> int:
    steps = n / multiple
    if how == "nearest":
        return multiple * math.floor(steps + 0.5 + SLACK)
    return multiple * (max(math.ceil(steps - SLACK), 1) if how == "up" else math.floor(steps + SLACK))
