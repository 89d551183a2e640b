"""The arms of a claim: how many, in which proportion, and which numbers a formula compares."""

from typing import Literal, NamedTuple

from odisea.protocol.claims.claim import Claim

Structure = Literal["two_arms", "pairwise", "factorial_margin", "all_groups", "one_sample"]


class Layout(NamedTuple):
    """The arms of a claim.

    Parameters
    ----------
    shares : (n_arms,)
        Participants of every arm per participant of the first.
    randomised, analysed : (n_arms,) or None
        Participants per arm as stated, real where only a total is given; None where neither is.
    supposed : tuple of str
        "n_arms", "ratio": what the claim does not say.
    """

    shares: tuple[float, ...]
    randomised: tuple[float, ...] | None
    analysed: tuple[float, ...] | None
    supposed: tuple[str, ...]


def layout_of(claim: Claim) -> Layout:
    """Return the arms of a claim; two equal arms where it says nothing."""
    given = [len(part) for part in (claim.per_arm, claim.analysed_per_arm, claim.ratio) if part is not None]
    n_arms = claim.n_arms or (given[0] if given else 2)
    per_arm, analysed, ratio = (_one_per_arm(part, n_arms) for part in (claim.per_arm, claim.analysed_per_arm, claim.ratio))
    weights = ratio or per_arm or analysed or (1.0,) * n_arms
    shares = tuple(weight / weights[0] for weight in weights)
    known = claim.n_arms or given
    supposed = ("n_arms",) * (not known) + ("ratio",) * (not (ratio or per_arm or analysed) and n_arms > 1)
    return Layout(shares, _spread(claim.total, per_arm, shares), analysed, supposed)


def structures(claim: Claim, layout: Layout) -> tuple[Structure, ...]:
    """Return what may be compared: the arms themselves, the margins of a factorial, or all groups at once."""
    n_arms = len(layout.shares)
    if n_arms <= 2:
        return ("one_sample",) if n_arms == 1 else ("two_arms",)
    margins: tuple[Structure, ...] = ("factorial_margin",) if n_arms == 4 and claim.factorial is not False else ()
    return (*margins, "all_groups", "pairwise") if claim.factorial else ("pairwise", "all_groups", *margins)


def compared(arms: tuple[float, ...], structure: Structure) -> tuple[float, float]:
    """Return the two numbers that a formula compares (the number per group, twice, for all groups; the series for one sample)."""
    if structure == "all_groups":
        return (sum(arms) / len(arms),) * 2
    if structure == "factorial_margin":
        return (sum(arms) / 2,) * 2
    return arms[0], arms[-1]


def first_arm(n: float, shares: tuple[float, ...], structure: Structure) -> float:
    """Return the number in the first arm at which the first number compared is `n`."""
    return n / compared(shares, structure)[0]


def _one_per_arm(numbers: tuple[float, ...] | None, n_arms: int) -> tuple[float, ...] | None:
    return tuple(map(float, numbers)) if numbers is not None and len(numbers) == n_arms else None


def _spread(total: int | None, per_arm: tuple[float, ...] | None, shares: tuple[float, ...]) -> tuple[float, ...] | None:
    return per_arm or (None if total is None else tuple(total * share / sum(shares) for share in shares))
