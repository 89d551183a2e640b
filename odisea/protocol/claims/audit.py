"""The audit of a sample-size statement: what was supposed, what it implies, where it may come from, what cannot be true."""

import math
from typing import Any, NamedTuple

from odisea.protocol.claims.candidate import Candidate, candidates
from odisea.protocol.claims.check import contradictions
from odisea.protocol.claims.claim import Claim
from odisea.protocol.claims.contradiction import Contradiction
from odisea.protocol.claims.convention import Convention, conventions
from odisea.protocol.claims.effect import given_effects, supposed_effects
from odisea.protocol.claims.layout import Layout, layout_of
from odisea.protocol.claims.possible import possible
from odisea.protocol.claims.solved import Solved, implied_sds, solved

DIGITS = 10  # significant digits of the numbers in the result file; the formulas are accurate to more


class Audit(NamedTuple):
    """What an audit found; codes and numbers, no language.

    Parameters
    ----------
    claim : Claim
        As stated.
    missing : tuple of str
        What a reader needs to repeat the calculation and the claim does not give.
    supposed_design : tuple of str
        "n_arms", "ratio": taken as two, and as equal, because the claim does not say.
    conventions : tuple of Convention
        Levels, sides and powers that were tried, the most usual first; other parts point here by index.
    solved : tuple of Solved
        What is missing, as the claim implies it.
    candidates : tuple of Candidate
        Calculations that may stand behind the stated number, the best first.
    contradictions : tuple of Contradiction
        What cannot be true.
    """

    claim: Claim
    missing: tuple[str, ...]
    supposed_design: tuple[str, ...]
    conventions: tuple[Convention, ...]
    solved: tuple[Solved, ...]
    candidates: tuple[Candidate, ...]
    contradictions: tuple[Contradiction, ...]


def audit(claim: Claim) -> Audit:
    """Return the audit of a claim; impossible numbers become contradictions, nothing raises.

    Parameters
    ----------
    claim : Claim
        Any combination of numbers, any of them missing.
    """
    usable, impossible = possible(claim)
    layout, tried, effects = layout_of(usable), conventions(usable), given_effects(usable)
    implied = solved(usable, layout, tried, effects)
    of_means = not effects and usable.control_proportion is None
    supposed = supposed_effects(usable, implied_sds(implied)) if of_means else ()
    rows = candidates(usable, layout, tried, effects, supposed)
    clashes = contradictions(usable, layout, tried, effects, rows)
    found = tuple(Contradiction(code, {name: float(x) for name, x in numbers.items()}) for code, numbers in (*impossible, *clashes))
    return Audit(claim, _missing(usable, layout), layout.supposed, tried, implied, rows, found)


def as_json(result: Audit) -> dict[str, Any]:
    """Return an audit as plain data: stable key order, finite numbers or None."""
    return {
        "claim": _plain(result.claim),
        "missing": list(result.missing),
        "supposed_design": list(result.supposed_design),
        "conventions": [{"id": number, **_plain(row)} for number, row in enumerate(result.conventions)],
        "solved": [_plain(row) for row in result.solved],
        "candidates": [_plain(row) for row in result.candidates],
        "contradictions": [_plain(row) for row in result.contradictions],
    }


def _missing(claim: Claim, layout: Layout) -> tuple[str, ...]:
    """Return what is not given: the effect by its parts, the numbers, and how the test is done."""
    absent = {
        "total": layout.randomised is None and layout.analysed is None,
        **_missing_effect(claim),
        **{name: getattr(claim, name) is None for name in ("power", "alpha", "sides", "test", "attrition")},
        "inflation": bool(claim.attrition) and claim.inflation is None,
        "cluster_size": bool(claim.icc) and claim.cluster_size is None,
        "icc": claim.cluster_size is not None and claim.icc is None,
    }
    return tuple(name for name, is_absent in absent.items() if is_absent)


def _missing_effect(claim: Claim) -> dict[str, bool]:
    if claim.control_proportion is not None or claim.arm_proportion is not None:
        return {name: getattr(claim, name) is None for name in ("control_proportion", "arm_proportion")}
    spread = claim.sd is None and claim.error_variance is None
    whole = claim.standardised_effect is not None
    return {
        "difference": claim.difference is None and claim.margin is None and not whole,
        "sd": spread and not whole,
    }


def _plain(value: Any) -> Any:
    """Return NamedTuples as dicts, tuples as lists, and numbers rounded to the digits that the formulas are good for."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        rounded = float(f"{value:.{DIGITS}g}")
        return rounded if math.isfinite(rounded) else None
    return value
