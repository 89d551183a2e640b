"""Rounding at the edge: the only place that turns values into printed numbers. Decimal point and thousands comma in both languages."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from odisea.report.content import Message, Number, Phrase, Plain, Trace, say

MINUS = "\u2212"
DASH = Plain("\u2013")
SMALLEST_P = 0.001
Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Traced:
    """A value with where it comes from; NaN where it does not exist."""

    value: float
    trace: Trace

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return math.isfinite(self.value)

    def follows(self, rule: str, change: Callable[[float], float]) -> "Traced":
        """Return a value that follows from this one by a rule."""
        return Traced(change(self.value), _ruled(self.trace, rule))


def _ruled(trace: Trace, rule: str) -> Trace:
    """Return a place with one more rule applied to what stands there."""
    return replace(trace, rule=f"{trace.rule}, {rule}" if trace.rule else rule)


def combined(rule: str, change: Callable[..., float], *parts: Traced) -> Traced:
    """Return a value that follows from several by a rule."""
    return Traced(change(*(part.value for part in parts)), Trace("report", "derived", rule, tuple(part.trace for part in parts)))


def decimals(value: float, digits: int) -> str:
    """Return a number with a fixed count of decimals, a true minus sign, and no negative zero."""
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0.0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def fixed(traced: Traced, digits: int) -> Phrase:
    """Print a value with a fixed count of decimals; a dash where there is none."""
    return Number(decimals(traced.value, digits), traced.value, traced.trace) if traced.known else DASH


def whole(traced: Traced) -> Phrase:
    """Print a count."""
    return fixed(traced, 0)


def short(traced: Traced) -> Phrase:
    """Print a declared value with the decimals it needs, four significant digits at most."""
    if not traced.known:
        return DASH
    digits = next((d for d in range(5) if math.isclose(round(traced.value, d), traced.value, abs_tol=1e-12)), 4)
    return fixed(traced, digits)


def percent(traced: Traced, digits: int = 1) -> Phrase:
    """Print a share as a percentage, without the sign."""
    return fixed(traced.follows("times 100", lambda share: 100 * share), digits)


def of_hundred(traced: Traced) -> Phrase:
    """Print a share as a natural frequency of 100: a whole number, or that it is less than one or more than ninety-nine."""
    if not traced.known:
        return DASH
    if 0.0 < traced.value < 0.005:
        return say("amount.less_than", n=Number("1", traced.value, _bounded(traced)))
    if 0.995 <= traced.value < 1.0:
        return say("amount.more_than", n=Number("99", traced.value, _bounded(traced)))
    return hundredths(traced)


def hundredths(traced: Traced) -> Number:
    """Print a share as a whole number of 100."""
    return Number(decimals(100 * traced.value, 0), traced.value, _ruled(traced.trace, "of 100"))


def _bounded(traced: Traced) -> Trace:
    return _ruled(traced.trace, "of 100, bounded")


def with_error(value: Phrase, error: Phrase) -> Phrase:
    """Print a number with its Monte Carlo standard error in brackets."""
    return value if value is DASH else Message("cell.with_error", {"value": value, "error": error})


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share of n replicates; it does not shrink to a point at 0 or 1.

    References
    ----------
    Wilson, Journal of the American Statistical Association 1927;22:209-212.
    """
    if n <= 0 or not math.isfinite(share):
        return 0.0, 1.0
    spread = Z_95**2 / n
    centre = (share + spread / 2) / (1 + spread)
    half = Z_95 * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def p_value(traced: Traced) -> Phrase:
    """Print a p value: three decimals, and a bound below 0.001."""
    if not traced.known:
        return DASH
    if traced.value < SMALLEST_P:
        return say("amount.p_below", n=Number(str(SMALLEST_P), traced.value, _ruled(traced.trace, "bounded")))
    return fixed(traced, 3)


def p_statement(traced: Traced) -> Phrase:
    """Print a p value as it follows the letter p in a sentence: an equals sign, or a bound."""
    shown = p_value(traced)
    return say("amount.p_is", n=shown) if isinstance(shown, Number) else shown
