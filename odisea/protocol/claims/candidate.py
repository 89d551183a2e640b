"""Every formula, allowance for loss and rounding against the stated number: which of them give it."""

import math
from typing import Literal, NamedTuple

from odisea.closed_form import ROUNDINGS, Inflation, Rounding, completer_share, recruited_for, rounded_arms
from odisea.protocol.claims.claim import Claim
from odisea.protocol.claims.convention import Convention
from odisea.protocol.claims.effect import NEAR, Effect
from odisea.protocol.claims.layout import Layout
from odisea.protocol.claims.reading import Clustering, Reading, readings

Match = Literal["exact", "rounded", "near", "no", "nothing_stated"]
MATCHES: tuple[Match, ...] = ("exact", "rounded", "near", "no", "nothing_stated")
WHOLE = "whole_then_"  # the analysed number is rounded up before the allowance for loss is made
# Words of a test's name in English or Spanish, and the formulas meant; a name ending in _ stands for all that begin so.
TEST_WORDS = (
    (("ancova", "covaria", "regres"), ("ancova", "bonett", "t_times_borm", "z_times_borm")),
    (("anova", "varian"), ("anova_f",)),
    (("chi", "proportion", "proporci", "fisher"), ("proportions_",)),
    (("normal", "z test", "z-test", "prueba z"), ("z", "z_rounded_quantiles")),
    (("t test", "t-test", "student", "prueba t"), ("t", "one_sample_t", "change_t")),
)
ROUNDINGS_AND_WHOLE = tuple(prefix + rule for rule in ROUNDINGS for prefix in ("", WHOLE))  # the most usual first
ORDINARY = ("up_per_arm", WHOLE + "up_per_arm", "up_first_arm", WHOLE + "up_first_arm")


class Candidate(NamedTuple):
    """A calculation that may stand behind a claim.

    Parameters
    ----------
    match : str
        "exact": rounding up per arm gives the stated numbers; "rounded": another rule does; "near": within 10 %; "no".
    formula, structure, hypothesis, clustering
        See docs/statistics/claims.md.
    convention : int
        Index of its convention.
    supposed : tuple of str
        "sd" or "standardised_effect" where the claim gives no effect and a usual one was tried.
    size, sd : float, float or None
        The effect as in `Effect`.
    inflation : str
        "divide", "multiply" or "none".
    roundings : tuple of str
        The rules that lead to these whole numbers, the most usual first.
    n_analysed, n_recruited : float
        Real numbers in the first arm (a factorial's cell), before and after the allowance for loss.
    arms, total : tuple of int, int
        Whole numbers to recruit (with "none" to analyse).
    gap : int or None
        `total` minus the stated number.
    power : float or None
        Of this formula when the stated number is recruited and the stated loss happens ("none": nobody is lost).
    """

    match: Match
    formula: str
    structure: str
    hypothesis: str
    clustering: Clustering
    convention: int
    supposed: tuple[str, ...]
    size: float
    sd: float | None
    inflation: Inflation
    roundings: tuple[str, ...]
    n_analysed: float
    n_recruited: float
    arms: tuple[int, ...]
    total: int
    gap: int | None
    power: float | None


def candidates(
    claim: Claim, layout: Layout, tried: tuple[Convention, ...], given: tuple[Effect, ...], supposed: tuple[Effect, ...]
) -> tuple[Candidate, ...]:
    """Return the calculations that were tried, the best first.

    Stated effects are tried under every convention and reported whether they fit or not. Supposed effects are tried only
    where none is stated, under the first convention, and reported only when they come near the stated number.
    """
    rows = [
        row
        for number, convention in enumerate(tried)
        for reading in readings(claim, layout, convention, given)
        for row in _rows(reading, number)
    ]
    if not given and tried:
        found = (row for reading in readings(claim, layout, tried[0], supposed) for row in _rows(reading, 0))
        rows += [row for row in found if row.match in MATCHES[:3]]
    return tuple(sorted(rows, key=lambda row: _rank(row, claim)))


def _rank(row: Candidate, claim: Claim) -> tuple[float, ...]:
    """Return the order: reproduces the number; supposes little; agrees with what is stated; usual rounding; small gap."""
    return (
        MATCHES.index(row.match),
        row.convention,
        names_formula(claim.test, row.formula) is False,
        claim.inflation is not None and row.inflation != claim.inflation,
        row.inflation == "none",
        _rounding_rank(row.roundings[0]),
        row.clustering == "none" and bool(claim.icc),
        abs(row.gap or 0),
    )


def names_formula(test: str | None, formula: str) -> bool | None:
    """Return whether the source's name of the test fits the formula; None where it names none that we know."""
    if test is None:
        return None
    text = test.lower()
    for words, names in TEST_WORDS:
        if any(word in text for word in words):
            return any(formula.startswith(name) if name.endswith("_") else formula == name for name in names)
    return None


def _rounding_rank(name: str) -> int:
    return ROUNDINGS_AND_WHOLE.index(name)


def _rows(reading: Reading, convention: int) -> list[Candidate]:
    """Return, for every allowance for loss, the whole numbers that fit the stated ones and those of the ordinary rounding."""
    n = reading.number()
    if n is None:
        return []
    inflations: tuple[Inflation, ...] = ("divide", "multiply", "none") if reading.claim.attrition else ("none",)
    return [
        row
        for inflation in inflations
        if not (reading.effect.supposed and _out_of_reach(reading, n, inflation))
        for row in _rows_of_inflation(reading, convention, n, inflation)
    ]


def _out_of_reach(reading: Reading, n: float, inflation: Inflation) -> bool:
    """Return whether no rounding can bring a number near the stated one; spares the work for effects that are only tried."""
    stated, attrition = _stated(reading, inflation), reading.claim.attrition or 0.0
    if stated is None:
        return True
    total = recruited_for(n, attrition, inflation) * sum(reading.layout.shares)
    added_by_rounding = sum(10 + 2 * max(share, 1.0) / completer_share(attrition) for share in reading.layout.shares)
    return abs(total - stated) > NEAR * stated + added_by_rounding


def _rows_of_inflation(reading: Reading, convention: int, n: float, inflation: Inflation) -> list[Candidate]:
    """Return the row of ordinary rounding and, where that misses the stated number, the row of the rules that hit it."""
    attrition = reading.claim.attrition or 0.0
    stated = _stated(reading, inflation)
    whole = _whole_numbers(n, attrition, inflation, reading.layout.shares)
    outcomes = [(arms, total, names, _match(arms, total, names, stated, reading)) for (arms, total), names in whole.items()]
    ordinary = outcomes[0]
    hits = [outcome for outcome in outcomes if outcome[3] in ("exact", "rounded")]
    shown = [ordinary]
    if hits and ordinary not in hits:
        arms, total, _, match = hits[0]
        shown.append((arms, total, tuple(name for hit in hits for name in hit[2]), match))
    power = _power(reading, inflation)
    recruited = recruited_for(n, attrition, inflation)
    return [
        Candidate(
            match,
            reading.formula.name,
            reading.structure,
            reading.effect.hypothesis,
            reading.clustering,
            convention,
            reading.effect.supposed,
            reading.effect.size,
            reading.effect.sd,
            inflation,
            names,
            n,
            recruited,
            arms,
            total,
            None if stated is None else total - stated,
            power,
        )
        for arms, total, names, match in shown
    ]


def _whole_numbers(
    n: float, attrition: float, inflation: Inflation, shares: tuple[float, ...]
) -> dict[tuple[tuple[int, ...], int], tuple[str, ...]]:
    """Return the different whole numbers that the rounding rules give, each with its rules, the most usual first."""
    starts = {"": n} if inflation == "none" else {"": n, WHOLE: float(max(math.ceil(n - 1e-9), 1))}
    found: dict[tuple[tuple[int, ...], int], list[str]] = {}
    for name in ROUNDINGS if inflation == "none" else ROUNDINGS_AND_WHOLE:
        rule: Rounding = name.removeprefix(WHOLE)  # type: ignore[assignment]
        start = starts[WHOLE if name.startswith(WHOLE) else ""]
        found.setdefault(rounded_arms(recruited_for(start, attrition, inflation), shares, rule), []).append(name)
    return {key: tuple(names) for key, names in found.items()}


def _stated(reading: Reading, inflation: Inflation) -> int | None:
    """Return the stated number that a calculation with this allowance leads to: without one, what was to be analysed."""
    arms = reading.layout.randomised
    if inflation == "none" and reading.layout.analysed is not None:
        arms = reading.layout.analysed
    return None if arms is None else round(sum(arms))


def _match(arms: tuple[int, ...], total: int, roundings: tuple[str, ...], stated: int | None, reading: Reading) -> Match:
    if stated is None:
        return "nothing_stated"
    if total == stated:
        per_arm = reading.claim.per_arm
        same_arms = per_arm is None or sum(per_arm) != total or per_arm == arms
        return "exact" if same_arms and roundings[0] in ORDINARY else "rounded"
    return "near" if abs(total - stated) <= NEAR * stated else "no"


def _power(reading: Reading, inflation: Inflation) -> float | None:
    """Return the power when the stated number is recruited; the loss happens whatever the allowance was."""
    arms = reading.layout.analysed or reading.layout.randomised
    if arms is None:
        return None
    if reading.layout.analysed is None and inflation != "none":
        arms = tuple(n * completer_share(reading.claim.attrition or 0.0) for n in arms)
    return reading.power(arms)
