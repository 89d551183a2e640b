"""The delta-adjusted tipping point of an analysis of covariance after imputation: exact, because everything is a polynomial in delta.

How much worse would those without an outcome have to be than the imputation supposes, before the conclusion changes? With
deltas (a, b) added to the imputed outcomes of arm and reference, the limit of infinitely many imputations has an estimate
linear in (a, b), a residual sum of squares quadratic in them, and a variance between imputations that does not depend on
them. So the estimate's tipping point is a division and that of significance the root of a function of one variable.

Specification: docs/statistics/delta_tipping_point.md.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from odisea.analyse.design import estimated, no_estimate
from odisea.analyse.estimate import finish
from odisea.analyse.imputation_limit import pooled_limit
from odisea.analyse.imputation_model import ArmModel, Frame, imputation_models, make_frame
from odisea.analyse.imputed import high_fmi, limit_details
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Analysis, Floats, Reason, Trial

STEPS = 20  # the frontier's grid: from 0 to a fifth of the scale
SHARE_OF_SCALE = 0.2
SCANNED = 2000  # points between which a crossing is looked for
ROOT = 1e-12  # of the largest delta that is looked at
LINEAR = 1e-12  # an estimate that moves less per unit of delta does not move


class Response(NamedTuple):
    """How the limit answers to deltas (a, b) of arm and reference.

    Parameters
    ----------
    estimate, rss : float
        Without deltas.
    slopes : float64 (2,)
        Change of the estimate per unit of a and of b.
    linear : float64 (2,)
        rss(a, b) = rss + linear'(a, b) + (a, b) quadratic (a, b)'.
    quadratic : float64 (2, 2)
        As above.
    spread, between, per_rss : float
        What imputation adds to the residual sum of squares, variance between imputations, variance of the effect per unit of rss.
    df : float
        Residual degrees of freedom.
    """

    estimate: float
    rss: float
    slopes: Floats
    linear: Floats
    quadratic: Floats
    spread: float
    between: float
    per_rss: float
    df: float


class Point(NamedTuple):
    """The limit at given deltas: estimate, within, between, standard error, degrees of freedom, p; arrays of the deltas' shape."""

    estimate: Floats
    within: Floats
    between: float
    se: Floats
    df: Floats
    p: Floats


def delta_response(frame: Frame, first: ArmModel, second: ArmModel, arm_missing: int) -> Response:
    """Return the polynomials of a frame without deltas, the first `arm_missing` of whose missing participants are of the arm."""
    pooled = pooled_limit(frame, first, second)
    per_rss = frame.slope**2 / frame.df
    shifted = np.zeros((2, frame.residual.size))
    shifted[0, :arm_missing], shifted[1, arm_missing:] = 1.0, 1.0
    coordinates = shifted @ frame.basis.T
    return Response(
        estimate=frame.estimate,
        rss=frame.rss,
        slopes=coordinates[:, -1] * frame.slope,
        linear=2.0 * (shifted @ frame.residual),
        quadratic=shifted @ shifted.T - coordinates @ coordinates.T,
        spread=pooled.within / per_rss - frame.rss,
        between=pooled.between,
        per_rss=per_rss,
        df=frame.df,
    )


def at(response: Response, arm: Floats, reference: Floats) -> Point:
    """Return the limit at deltas of arm and reference, arrays that broadcast."""
    a, b = np.broadcast_arrays(np.asarray(arm, dtype=np.float64), np.asarray(reference, dtype=np.float64))
    q = response.quadratic
    rss = response.rss + response.linear[0] * a + response.linear[1] * b + q[0, 0] * a * a + 2.0 * q[0, 1] * a * b + q[1, 1] * b * b
    within = (rss + response.spread) * response.per_rss
    total = within + response.between
    df = response.df * (response.df + 1.0) / (response.df + 3.0) * within / total
    estimate = response.estimate + response.slopes[0] * a + response.slopes[1] * b
    error = np.sqrt(total)
    _, _, p = finish(estimate, error, df, 0.05)
    return Point(estimate, within, response.between, error, df, p)


def margin(response: Response, arm: Floats, reference: Floats, alpha: float) -> Floats:
    """Return |estimate| / SE minus the critical value: positive where p is below alpha."""
    point = at(response, arm, reference)
    value: Floats = np.abs(point.estimate) / point.se + stdtrit(point.df, alpha / 2.0)
    return value


def first_crossing(curve: Callable[[Floats], Floats], end: float) -> float | None:
    """Return the place nearest 0 between 0 and `end` (of either sign) at which the curve changes its sign; None where it does not."""
    from scipy.optimize import brentq

    places = np.linspace(0.0, end, SCANNED + 1)
    positive = curve(places) > 0.0
    changes = np.flatnonzero(positive[1:] != positive[:-1])
    if changes.size == 0:
        return None
    left, right = places[changes[0]], places[changes[0] + 1]
    return float(brentq(lambda x: float(curve(np.array(x))), left, right, xtol=ROOT * abs(end)))


def zero_estimate(response: Response) -> float | None:
    """Return the arm's delta at which the estimate is 0, the reference's being 0; None where the delta moves nothing."""
    return None if abs(response.slopes[0]) < LINEAR else float(-response.estimate / response.slopes[0])


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return the limit without deltas, and beside it where its conclusion tips.

    Details (null where there is none): `tipping_delta`, the arm's smallest delta in the unfavourable direction, and
    `tipping_delta_other`, in the other one, at which p crosses alpha with the reference's delta at 0; `zero_delta`, at
    which the estimate is 0; the same in units of the important difference where it is known; `frontier`, estimate and p
    over a grid of deltas of both arms and the arm's tipping delta for each delta of the reference. Flags:
    `no_tipping_within_scale`, `not_significant_without_delta`, `high_fmi`.
    """
    analysis = planned.analysis._replace(delta_arm=0.0, delta_reference=0.0)
    first, second = imputation_models(trial, analysis)
    frame = make_frame(trial, analysis, first, second)
    if frame.reason != Reason.NONE:
        return Single(no_estimate(frame.reason, frame.design.n_arm, frame.design.n_reference))
    pooled = pooled_limit(frame, first, second)
    result = estimated(pooled.estimate, pooled.total, pooled.df, frame.design, pooled.within, pooled.between, 0.0)
    missing = trial.arm[np.concatenate((first.missing, second.missing))]
    response = delta_response(frame, first, second, int(np.sum(missing == analysis.arm)))
    span = _span(trial, analysis, planned.scale)
    details = tipping_details(response, planned.alpha, span, _unfavourable(analysis), planned.important_difference)
    flags = ["no_tipping_within_scale"] * (details["tipping_delta"] is None)
    flags += ["not_significant_without_delta"] * bool(margin(response, np.zeros(()), np.zeros(()), planned.alpha) <= 0.0)
    return Single(result, (*flags, *high_fmi(pooled)), limit_details(trial, analysis) | details)


def _unfavourable(analysis: Analysis) -> float:
    """Return the sign of a delta that makes an outcome worse; + where neither direction is better."""
    return 1.0 if analysis.direction <= 0.0 else -1.0


def _span(trial: Trial, analysis: Analysis, scale: tuple[float, float] | None) -> float:
    """Return the width of the outcome's scale, or of what was observed where the scale is not known."""
    observed = trial.values[analysis.response]
    return scale[1] - scale[0] if scale is not None else float(np.nanmax(observed) - np.nanmin(observed))


def tipping_details(response: Response, alpha: float, span: float, sign: float, difference: float | None = None) -> dict[str, Any]:
    """Return tipping points and frontier as `carry_out` describes them.

    Parameters
    ----------
    response : Response
        Of `delta_response`.
    alpha : float
        Two-sided level.
    span : float
        Deltas are looked for up to this size.
    sign : float
        Of an unfavourable delta.
    difference : float, optional
        The important difference, the unit of the deltas that end in `_in_differences`.
    """
    found = {
        "tipping_delta": first_crossing(lambda a: margin(response, a, np.zeros(()), alpha), sign * span),
        "tipping_delta_other": first_crossing(lambda a: margin(response, a, np.zeros(()), alpha), -sign * span),
        "zero_delta": zero_estimate(response),
    }
    relative = {f"{name}_in_differences": value / difference for name, value in found.items() if value is not None} if difference else {}
    return {**found, **relative, "searched_up_to": span, "frontier": frontier(response, alpha, span, sign)}


def frontier(response: Response, alpha: float, span: float, sign: float) -> dict[str, Any]:
    """Return estimate and p over a grid of deltas of both arms, and the arm's tipping delta for each delta of the reference.

    Twenty-one unfavourable deltas from 0 to a fifth of the span, the reference's in rows.
    """
    deltas = sign * np.linspace(0.0, SHARE_OF_SCALE * span, STEPS + 1)
    point = at(response, deltas[None, :], deltas[:, None])
    tips = [first_crossing(lambda a, b=b: margin(response, a, np.array(b), alpha), sign * span) for b in deltas]  # type: ignore[misc]
    return {
        "delta": deltas.tolist(),
        "estimate": point.estimate.tolist(),
        "p": point.p.tolist(),
        "tipping_delta": tips,
    }
