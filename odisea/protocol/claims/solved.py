"""The missing quantity of a claim: the value that makes it true, by every formula that applies."""

from collections.abc import Iterator
from typing import NamedTuple

from scipy.optimize import brentq

from odisea.closed_form import completer_share
from odisea.closed_form.size import increasing_root
from odisea.protocol.claims.claim import Claim
from odisea.protocol.claims.convention import Convention
from odisea.protocol.claims.effect import Effect
from odisea.protocol.claims.formula import Kind
from odisea.protocol.claims.layout import Layout, structures
from odisea.protocol.claims.reading import Basis, Clustering, Reading, attempt, bases, readings

CORRELATIONS = (0.3, 0.4, 0.5, 0.6, 0.7)  # tried where none is stated: the range of baseline with follow-up in pain trials
LARGEST_SIZE = 1e6
HIGHEST_CORRELATION = 0.999
ROUNDED_QUANTILES = "z_rounded_quantiles"  # a way to a number; read backwards it is the z formula


class Solved(NamedTuple):
    """A quantity that the claim does not give and the value that makes the claim true.

    Parameters
    ----------
    quantity : str
        "sd", "difference", "standardised_effect", "error_variance", "arm_proportion", "power", "n_analysed" (first arm),
        "total", "attrition" (the largest that still leaves enough), "alpha", "correlation", "icc".
    value : float
        In the quantity's own unit.
    formula, structure, hypothesis, clustering, convention
        As in `Candidate`; formula "stated_numbers": by division of stated numbers alone.
    basis : str
        Numbers taken as analysed: "as_stated", "after_loss", "as_randomised"; "none" where the number itself is solved for.
    analysed : tuple of float
        Those numbers per arm.
    correlation : float or None
        Supposed between baseline and follow-up, where the claim states none.
    """

    quantity: str
    value: float
    formula: str
    structure: str
    hypothesis: str
    clustering: Clustering
    basis: str
    analysed: tuple[float, ...]
    correlation: float | None
    convention: int


def solved(claim: Claim, layout: Layout, tried: tuple[Convention, ...], given: tuple[Effect, ...]) -> tuple[Solved, ...]:
    """Return what is missing, by convention, basis and formula, the most usual first; empty where too much is missing."""
    found: dict[Solved, None] = dict.fromkeys(_of_stated_numbers(claim, layout))
    for number, convention in enumerate(tried):
        effects = given or _placeholders(claim, layout)
        for reading in readings(claim, layout, convention, effects):
            found.update(dict.fromkeys(_of_reading(reading, number, effect_known=bool(given))))
        if number == 0 and not given:
            found.update(dict.fromkeys(_by_correlation(claim, layout, convention)))
    return tuple(_without_repetition(found))


def implied_sds(rows: tuple[Solved, ...]) -> tuple[float, ...]:
    """Return the SDs that the t test under the first convention implies, one per basis."""
    values = (row.value for row in rows if (row.quantity, row.formula, row.convention, row.clustering) == ("sd", "t", 0, "none"))
    return tuple(dict.fromkeys(values))


def _of_stated_numbers(claim: Claim, layout: Layout) -> Iterator[Solved]:
    """Yield the loss that lies between the stated numbers."""
    if claim.attrition is None and layout.randomised is not None and layout.analysed is not None:
        lost = 1 - sum(layout.analysed) / sum(layout.randomised)
        if lost >= 0:
            yield Solved("attrition", lost, "stated_numbers", "", "", "none", "as_stated", layout.analysed, None, 0)


def _without_repetition(rows: dict[Solved, None]) -> Iterator[Solved]:
    """Yield the rows, without those that only repeat a power under a convention of another wanted power."""
    seen = set()
    for row in rows:
        key = row._replace(convention=-1)
        if key not in seen:
            yield row
        seen.add(key)


def _placeholders(claim: Claim, layout: Layout) -> tuple[Effect, ...]:
    """Return an effect of every kind whose size is to be found."""
    if claim.control_proportion is not None:
        return (Effect("proportions", min(claim.control_proportion * 1.01, 0.999)),)
    kinds: tuple[Kind, ...] = ("standardised", "f") if "all_groups" in structures(claim, layout) else ("standardised",)
    return tuple(Effect(kind, 1.0, hypothesis=hypothesis) for kind in kinds for hypothesis in _hypotheses(claim))


def _hypotheses(claim: Claim) -> tuple[str, ...]:
    return ("difference",) if claim.margin is None else ("non_inferiority", "more_than_margin")


def _by_correlation(claim: Claim, layout: Layout, convention: Convention) -> Iterator[Solved]:
    """Yield the implied effect of an analysis of covariance for usual correlations, where the claim states none."""
    if claim.correlation is not None or claim.r_squared is not None or claim.control_proportion is not None:
        return
    for r in CORRELATIONS:
        supposed = claim._replace(correlation=r)
        for reading in readings(supposed, layout, convention, _placeholders(claim, layout)):
            if reading.formula.name == "ancova":
                yield from (row._replace(correlation=r) for row in _of_reading(reading, 0, effect_known=False))


def _of_reading(reading: Reading, convention: int, *, effect_known: bool) -> Iterator[Solved]:
    """Yield what one reading says about every quantity that the claim does not give."""
    claim = reading.claim
    if not bases(claim, reading.layout):
        if effect_known:
            yield from _numbers(reading, convention)
        return
    if reading.formula.name == ROUNDED_QUANTILES:
        return
    for basis, arms in bases(claim, reading.layout):
        for quantity, value in _quantities(reading, basis, arms, effect_known=effect_known):
            if value is not None:
                yield _row(reading, convention, quantity, value, basis, arms)


def _quantities(reading: Reading, basis: Basis, arms: tuple[float, ...], *, effect_known: bool) -> Iterator[tuple[str, float | None]]:
    claim = reading.claim
    if not effect_known:
        yield from _effect(reading, arms)
        return
    if claim.power is None:
        yield "power", reading.power(arms)
        return
    if claim.alpha is None:
        yield "alpha", _alpha(reading, arms)
    if basis == "as_randomised" and claim.attrition is None and reading.layout.analysed is None:
        yield "attrition", _attrition(reading, arms)
    if reading.formula.name == "t" and reading.effect.kind == "standardised" and claim.r_squared is None and claim.correlation is None:
        yield "correlation", _correlation(reading, arms)
    if claim.icc is None and claim.cluster_size is not None and claim.cluster_size > 1:
        yield "icc", _icc(reading, arms)


def _effect(reading: Reading, arms: tuple[float, ...]) -> Iterator[tuple[str, float | None]]:
    """Yield the effect at which these numbers have the power: without unit, and in the unit that the claim gives."""
    claim, target = reading.claim, reading.convention.power
    if reading.effect.kind == "proportions":
        yield "arm_proportion", _arm_proportion(reading, arms, 1.0 - 1e-9)
        yield "arm_proportion", _arm_proportion(reading, arms, 1e-9)
        return
    size = attempt(lambda: increasing_root(lambda d: _gap(reading.ask(size=d), arms, target), 0.0, LARGEST_SIZE))
    yield "standardised_effect", size
    if size is None or reading.effect.kind == "f":
        return
    units = _units(claim, reading.effect.hypothesis)
    if units is not None and size > 0:
        yield "sd", units / size
    if claim.difference is None and claim.sd is not None:
        yield "difference", _difference(claim, reading.effect.hypothesis, claim.sd * size)


def _units(claim: Claim, hypothesis: str) -> float | None:
    """Return what must be detected, in units; None where the claim gives no difference."""
    if claim.sd is not None or (claim.difference is None and hypothesis != "non_inferiority"):
        return None
    margin = abs(claim.margin or 0.0) * (1 if hypothesis == "non_inferiority" else -1)
    units = abs(claim.difference or 0.0) + margin
    return units if units > 0 else None


def _difference(claim: Claim, hypothesis: str, units: float) -> float:
    """Return the true difference at which the distance to the hypothesis is `units`."""
    return units - abs(claim.margin or 0.0) * (1 if hypothesis == "non_inferiority" else -1)


def _gap(reading: Reading, arms: tuple[float, ...], target: float) -> float:
    """Return the power above the target; a size that the formula has no answer for counts as none."""
    power = reading.power(arms)
    return (0.0 if power is None else power) - target


def _arm_proportion(reading: Reading, arms: tuple[float, ...], end: float) -> float | None:
    """Return the arm's proportion between the control's and `end` at which the power is reached."""
    start = (reading.claim.control_proportion or 0.0) * (1 - 1e-9) + end * 1e-9
    return attempt(lambda: brentq(lambda p: _gap(reading.ask(size=p), arms, reading.convention.power), start, end, xtol=1e-12))


def _alpha(reading: Reading, arms: tuple[float, ...]) -> float | None:
    target = reading.convention.power
    return attempt(lambda: brentq(lambda level: _gap(reading.ask(alpha=level), arms, target), 1e-9, 0.999 * target, xtol=1e-12))


def _correlation(reading: Reading, arms: tuple[float, ...]) -> float | None:
    """Return the correlation at which an analysis of covariance reaches the power that the t test misses."""
    target = reading.convention.power
    if _gap(reading, arms, target) >= 0:
        return None
    adjusted = next(
        other
        for other in readings(reading.claim._replace(correlation=0.5), reading.layout, reading.convention, (reading.effect,))
        if other.formula.name == "ancova" and (other.structure, other.clustering) == (reading.structure, reading.clustering)
    )
    return attempt(lambda: brentq(lambda r: _gap(adjusted.ask(correlation=r), arms, target), 0.0, HIGHEST_CORRELATION, xtol=1e-10))


def _attrition(reading: Reading, arms: tuple[float, ...]) -> float | None:
    """Return the largest share lost at which enough remain."""
    needed = reading.number()
    return None if needed is None or needed > arms[0] else 1 - needed / arms[0]


def _icc(reading: Reading, arms: tuple[float, ...]) -> float | None:
    """Return the intracluster correlation, in all arms, at which these numbers are just enough."""
    needed, size = reading.number(), reading.claim.cluster_size or 1.0
    icc = None if needed is None else (arms[0] / needed - 1) / (size - 1)
    return icc if icc is not None and 0 <= icc <= 1 else None


def _numbers(reading: Reading, convention: int) -> Iterator[Solved]:
    """Yield the number to analyse in the first arm, and the total to recruit."""
    n = reading.number()
    if n is None:
        return
    shares = reading.layout.shares
    arms = tuple(n * share for share in shares)
    yield _row(reading, convention, "n_analysed", n, "none", arms)
    yield _row(reading, convention, "total", sum(arms) / completer_share(reading.claim.attrition or 0.0), "none", arms)


def _row(reading: Reading, convention: int, quantity: str, value: float, basis: str, arms: tuple[float, ...]) -> Solved:
    return Solved(
        quantity,
        value,
        reading.formula.name,
        reading.structure,
        reading.effect.hypothesis,
        reading.clustering,
        basis,
        arms,
        None,
        convention,
    )
