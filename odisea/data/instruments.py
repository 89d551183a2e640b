"""Scoring of questionnaires and the responder rule: compiled, on rows, the same for the simulator and for the files."""

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled, inlined
from odisea.data.trial import Rule

Floats = NDArray[np.float64]

# A change of exactly the threshold counts although decimals have no exact binary form: 4.1 - 2.1 is a hair below 2.
RESPONDER_SLACK = 1e-9


@inlined
def is_responder(baseline: float, follow_up: float, threshold: float, direction: float) -> float:
    """Return 1.0 where one participant improved by at least the threshold, 0.0 where not, NaN where a value is missing.

    Parameters
    ----------
    baseline, follow_up : float
        Outcome before and after, in points.
    threshold : float
        Smallest improvement that counts, in points; a slack of 1e-9 covers rounding.
    direction : float
        -1 where lower values are better, else +1.
    """
    improvement = direction * (follow_up - baseline)
    if np.isnan(improvement):
        return np.nan
    return 1.0 if improvement >= threshold - RESPONDER_SLACK else 0.0


@inlined
def responds(baseline: float, follow_up: float, threshold: float, direction: float, rule: int) -> float:
    """Return 1.0 where one participant is a responder by the rule, 0.0 where not, NaN where a value that the rule reads is missing.

    Parameters
    ----------
    baseline, follow_up : float
        Outcome before and after, in points; a rule of attainment does not read the baseline.
    threshold : float
        Points (`Rule.IMPROVEMENT`), percent of the baseline's size (`Rule.PERCENT`), or the value to attain (`Rule.ATTAINED`).
        Ties count; a slack of 1e-9 points covers rounding.
    direction : float
        -1 where lower values are better, else +1.
    rule : int
        A `Rule`. No percentage of a baseline of 0 exists: such a participant is no responder by `Rule.PERCENT`.
    """
    if rule == Rule.IMPROVEMENT.value:
        return is_responder(baseline, follow_up, threshold, direction)
    if rule == Rule.ATTAINED.value:
        return is_responder(threshold, follow_up, 0.0, direction)
    response = is_responder(baseline, follow_up, 0.01 * threshold * abs(baseline), direction)
    return 0.0 if baseline == 0.0 and not np.isnan(response) else response


@compiled
def responders(baseline: Floats, follow_up: Floats, threshold: float, direction: float, out: Floats) -> None:
    """Write `is_responder` of every participant into `out`; all rows have the shape (n,)."""
    for i in range(out.shape[0]):
        out[i] = is_responder(baseline[i], follow_up[i], threshold, direction)


@compiled
def _add_item(item: Floats, total: Floats, answered: Floats) -> None:
    for i in range(item.shape[0]):
        absent = np.isnan(item[i])
        total[i] += 0.0 if absent else item[i]
        answered[i] += 0.0 if absent else 1.0


@compiled
def score_items_into(items: Floats, item_max: float, minimum_answered: int, answered: Floats, total: Floats) -> None:
    """Score a questionnaire without allocating.

    Parameters
    ----------
    items : float64 (n_items, n)
        One row per item, NaN where not answered.
    item_max : float
        Highest value of an item (the lowest is 0).
    minimum_answered : int
        Items that must be answered for a total.
    answered : float64 (n,)
        Written: number of answered items.
    total : float64 (n,)
        Written: 100 * sum / (item_max * answered), NaN where fewer than `minimum_answered` items were answered.
    """
    answered[:] = 0.0
    total[:] = 0.0
    for item in range(items.shape[0]):
        _add_item(items[item], total, answered)
    for i in range(total.shape[0]):
        total[i] = 100.0 * total[i] / (item_max * answered[i]) if answered[i] >= max(minimum_answered, 1) else np.nan


@compiled
def score_items(items: Floats, item_max: float, minimum_answered: int) -> Floats:
    """Return the totals of a questionnaire, shape (n,); `score_items_into` says how and takes the same first arguments."""
    total = np.empty(items.shape[1])
    score_items_into(items, item_max, minimum_answered, np.empty(items.shape[1]), total)
    return total
