"""Which stated numbers contradict one another."""

import math
from collections.abc import Callable, Iterator

from odisea.closed_form import completer_share
from odisea.protocol.claims.candidate import Candidate
from odisea.protocol.claims.claim import Claim
from odisea.protocol.claims.contradiction import Contradiction
from odisea.protocol.claims.convention import Convention
from odisea.protocol.claims.effect import Effect
from odisea.protocol.claims.layout import Layout
from odisea.protocol.claims.reading import bases, covariates, readings

POWER_ROUNDING = 0.005  # powers are printed in whole per cent at the coarsest
COUNT_ROUNDING = 1.0  # participants per arm that rounding may take away
TEN = 10.0  # participants in total that rounding to a multiple of ten may add


def contradictions(
    claim: Claim, layout: Layout, tried: tuple[Convention, ...], effects: tuple[Effect, ...], rows: tuple[Candidate, ...]
) -> tuple[Contradiction, ...]:
    """Return every contradiction of a claim whose single numbers are possible."""
    plain = (found for check in CHECKS for found in check(claim))
    return (*plain, *_after_loss(claim, layout, rows), *_power(claim, layout, tried, effects))


def _arms(claim: Claim) -> Iterator[Contradiction]:
    if claim.total is not None and claim.per_arm is not None and sum(claim.per_arm) != claim.total:
        yield Contradiction("arms_do_not_add_up", {"sum_per_arm": float(sum(claim.per_arm)), "total": float(claim.total)})
    stated = {name: getattr(claim, name) for name in ("per_arm", "analysed_per_arm", "ratio")}
    lengths = {"n_arms": claim.n_arms} | {name: len(part) for name, part in stated.items() if part is not None}
    numbers = {name: float(n) for name, n in lengths.items() if n is not None}
    if len(set(numbers.values())) > 1:
        yield Contradiction("number_of_arms_differs", numbers)


def _ratio(claim: Claim) -> Iterator[Contradiction]:
    """Yield the arms that are further from the ratio than one participant."""
    if claim.ratio is None or claim.per_arm is None or len(claim.ratio) != len(claim.per_arm):
        return
    total, shares = sum(claim.per_arm), sum(claim.ratio)
    for number, (n, share) in enumerate(zip(claim.per_arm, claim.ratio, strict=True)):
        by_ratio = total * share / shares
        if abs(n - by_ratio) > COUNT_ROUNDING:
            yield Contradiction("ratio_not_kept", {"arm": float(number), "stated": float(n), "by_ratio": by_ratio})


def _analysed(claim: Claim) -> Iterator[Contradiction]:
    randomised = claim.total if claim.per_arm is None else sum(claim.per_arm)
    if randomised is None or claim.analysed_per_arm is None:
        return
    analysed, n_arms = sum(claim.analysed_per_arm), len(claim.analysed_per_arm)
    if analysed > randomised:
        yield Contradiction("analysed_exceed_randomised", {"analysed": float(analysed), "randomised": float(randomised)})
    elif claim.attrition is not None:
        left = randomised * completer_share(claim.attrition)
        if analysed > left + COUNT_ROUNDING * n_arms:
            yield Contradiction("analysed_exceed_completers", {"analysed": float(analysed), "completers": left})


def _effect(claim: Claim) -> Iterator[Contradiction]:
    d, difference, sd = claim.standardised_effect, claim.difference, claim.sd
    if d is not None and difference is not None and sd is not None and claim.margin is None and (claim.n_arms or 2) <= 2:
        low, high = _quotient(printed(abs(difference)), printed(sd))
        if not _overlap(printed(abs(d)), (low, high)):
            yield Contradiction("standardised_effect_differs", {"stated": d, "difference_over_sd": difference / sd})
    control, arm = claim.control_proportion, claim.arm_proportion
    if control is not None and arm is not None and difference is not None:
        slack = sum(_half_unit(x) for x in (control, arm, difference))
        if abs(abs(arm - control) - abs(difference)) > slack:
            yield Contradiction("difference_of_proportions_differs", {"stated": difference, "arm_minus_control": arm - control})
    if _nothing_to_detect(claim):
        yield Contradiction("no_effect", {"margin": claim.margin or 0.0} | _known(difference=difference, standardised_effect=d))


def _nothing_to_detect(claim: Claim) -> bool:
    """Return whether the stated true difference is none (with a margin, a difference of 0 is the usual supposition)."""
    same = claim.control_proportion is not None and claim.control_proportion == claim.arm_proportion
    return claim.margin is None and (same or claim.difference == 0 or claim.standardised_effect == 0)


def _covariates(claim: Claim) -> Iterator[Contradiction]:
    r, r_squared = claim.correlation, claim.r_squared
    if r is not None and r_squared is not None:
        least = max(abs(r) - _half_unit(r), 0.0) ** 2
        if r_squared + _half_unit(r_squared) < least:
            yield Contradiction("r_squared_below_correlation", {"r_squared": r_squared, "correlation_squared": r**2})
    if r_squared and claim.n_covariates == 0:
        yield Contradiction("r_squared_without_covariates", {"r_squared": r_squared})
    if claim.error_variance is not None and claim.sd is not None and covariates(claim)[1]:
        low, high = printed(claim.sd)
        r2_low, r2_high = _r_squared_interval(claim)
        if not _overlap(printed(claim.error_variance), (low**2 * (1 - r2_high), high**2 * (1 - r2_low))):
            by_sd = claim.sd**2 * (1 - covariates(claim)[0])
            yield Contradiction("error_variance_differs", {"stated": claim.error_variance, "sd_squared_left": by_sd})


def _level(claim: Claim) -> Iterator[Contradiction]:
    if claim.power is not None and claim.alpha is not None and claim.power <= claim.alpha:
        yield Contradiction("power_not_above_alpha", {"power": claim.power, "alpha": claim.alpha})


CHECKS: tuple[Callable[[Claim], Iterator[Contradiction]], ...] = (_arms, _ratio, _analysed, _effect, _covariates, _level)


def _after_loss(claim: Claim, layout: Layout, rows: tuple[Candidate, ...]) -> Iterator[Contradiction]:
    """Yield that multiplying leaves too few, where the claim says that it multiplies or only so reaches its number."""
    best = [row for row in rows if row.match in ("exact", "rounded") and not row.supposed]
    only = bool(best) and all(row.inflation == "multiply" for row in best)
    attrition = claim.attrition
    if not attrition or not (claim.inflation == "multiply" or only):
        return
    row = next((row for row in best if row.inflation == "multiply"), None)
    numbers = {"attrition": attrition, "share_of_needed_left": 1 - attrition**2}
    if row is not None and layout.randomised is not None:
        needed, left = row.n_analysed, layout.randomised[0] * completer_share(attrition)
        if left >= needed:  # rounding has made good for it
            return
        numbers |= {"needed_first_arm": needed, "left_first_arm": left}
    yield Contradiction("multiply_leaves_too_few", numbers)


def _power(claim: Claim, layout: Layout, tried: tuple[Convention, ...], effects: tuple[Effect, ...]) -> Iterator[Contradiction]:
    """Yield a power that the stated number does not have, whichever reading is chosen."""
    if claim.power is None or not effects:
        return
    high = _powers(claim, layout, tried, effects, COUNT_ROUNDING)
    whole_clusters = claim.cluster_size or 0.0  # clusters are recruited whole
    low = _powers(claim, layout, tried, effects, -max(COUNT_ROUNDING, TEN / len(layout.shares), whole_clusters))
    if not high or not low:
        return
    numbers = {"stated": claim.power}
    reached = {basis: max(powers) for basis, powers in high.items()}
    if max(reached.values()) < claim.power - POWER_ROUNDING:
        yield Contradiction("power_not_reached", numbers | {"highest": max(reached.values())})
    elif reached.get("after_loss", 1.0) < claim.power - POWER_ROUNDING:
        yield Contradiction("power_not_reached_after_loss", numbers | {"after_loss": reached["after_loss"]} | _randomised(reached))
    lowest = min(power for powers in low.values() for power in powers)
    if lowest > claim.power + POWER_ROUNDING:
        yield Contradiction("power_exceeded", numbers | {"lowest": lowest})


def _randomised(reached: dict[str, float]) -> dict[str, float]:
    return {"as_randomised": reached["as_randomised"]} if "as_randomised" in reached else {}


def _powers(
    claim: Claim, layout: Layout, tried: tuple[Convention, ...], effects: tuple[Effect, ...], more: float
) -> dict[str, list[float]]:
    """Return the powers of every reading with so many more per arm, by what is taken as analysed."""
    found: dict[str, list[float]] = {}
    for convention in tried:
        for reading in readings(claim, layout, convention, effects):
            for basis, arms in bases(claim, layout):
                if basis == "as_randomised" and layout.analysed is not None:
                    continue
                power = reading.power(tuple(max(n + more, 1.0) for n in arms))
                if power is not None:
                    found.setdefault(basis, []).append(power)
    return found


def printed(value: float) -> tuple[float, float]:
    """Return the interval of numbers that are printed as this one.

    Examples
    --------
    >>> printed(0.5), printed(14.0)
    ((0.45, 0.55), (13.5, 14.5))
    """
    half = _half_unit(value)
    return value - half, value + half


def _half_unit(value: float) -> float:
    """Return half a unit of the last printed digit, whole numbers printed without decimals; 0 in scientific notation."""
    text = repr(float(value))
    if "e" in text:
        return 0.0
    decimals = text.split(".")[1]
    return 0.5 if decimals == "0" else float(f"5e-{len(decimals) + 1}")


def _quotient(above: tuple[float, float], below: tuple[float, float]) -> tuple[float, float]:
    """Return the interval of quotients of two numbers, none negative."""
    return max(above[0], 0.0) / below[1], above[1] / below[0] if below[0] > 0 else math.inf


def _r_squared_interval(claim: Claim) -> tuple[float, float]:
    if claim.r_squared is not None:
        low, high = printed(claim.r_squared)
    else:
        low, high = (max(x, 0.0) ** 2 for x in printed(abs(claim.correlation or 0.0)))
    return max(low, 0.0), min(high, 1.0)


def _overlap(first: tuple[float, float], second: tuple[float, float]) -> bool:
    return first[0] <= second[1] * (1 + 1e-12) and second[0] <= first[1] * (1 + 1e-12)


def _known(**numbers: float | None) -> dict[str, float]:
    return {name: value for name, value in numbers.items() if value is not None}
