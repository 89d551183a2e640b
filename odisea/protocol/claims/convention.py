"""What has to be supposed before anything can be computed: level, sides and power, said aloud and tried one after another."""

from typing import NamedTuple

from odisea.protocol.claims.claim import Claim


class Convention(NamedTuple):
    """Level, sides and power under which a claim is read.

    Parameters
    ----------
    alpha : float
        Level of the whole test (both tails where it has two sides).
    sides : {2, 1}
        Of the test.
    power : float
        Wanted power.
    supposed : tuple of str
        Which of the three the claim does not give; empty where all are stated.
    """

    alpha: float
    sides: int
    power: float
    supposed: tuple[str, ...]


USUAL_POWERS = (0.8, 0.9)


def conventions(claim: Claim) -> tuple[Convention, ...]:
    """Return the readings to try, the most usual first; exactly one where the claim says everything."""
    levels = _levels(claim)
    powers = USUAL_POWERS if claim.power is None else (claim.power,)
    pairs = [(level, powers[0]) for level in levels] + [(levels[0], power) for power in powers[1:]]
    missing = tuple(name for name in ("alpha", "sides", "power") if getattr(claim, name) is None)
    return tuple(Convention(alpha, sides, power, missing) for (alpha, sides), power in pairs if alpha / sides < power)


def _levels(claim: Claim) -> tuple[tuple[float, int], ...]:
    """Return pairs of level and sides; one-sided 0.025 repeats two-sided 0.05 and is tried only where a side or margin is stated."""
    if claim.alpha is not None:
        return tuple((claim.alpha, sides) for sides in ((claim.sides,) if claim.sides else (2, 1)))
    if claim.sides == 1 or (claim.sides is None and claim.margin is not None):
        return (0.025, 1), (0.05, 1), (0.01, 1)
    two = (0.05, 2), (0.01, 2), (0.1, 2)
    return two if claim.sides == 2 else (two[0], (0.05, 1), *two[1:])
