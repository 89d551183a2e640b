"""Scoring and the responder rule against values worked out by hand."""

import numpy as np
import pytest

from odisea.data.instruments import is_responder, responders, score_items

NAN = float("nan")


def column(*items: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array(items, dtype=np.float64).reshape(-1, 1)


@pytest.mark.parametrize(
    ("items", "minimum", "total"),
    [
        ([0] * 10, 10, 0.0),
        ([5] * 10, 10, 100.0),
        ([3, 2, 1, 0, 4, 3, 2, 1, 0, 4], 10, 40.0),
        # Nine answered: 20 of 45 points.
        ([3, 2, 1, 0, 4, 3, 2, NAN, 1, 4], 9, 100 * 20 / 45),
    ],
)
def test_total_is_the_percentage_of_the_answered_maximum(items: list[float], minimum: int, total: float) -> None:
    assert score_items(column(*items), 5.0, minimum)[0] == total


def test_total_is_missing_below_the_minimum_of_answered_items() -> None:
    eight = [1.0] * 8 + [NAN] * 2
    assert np.isnan(score_items(column(*eight), 5.0, 9)[0])
    assert score_items(column(*eight), 5.0, 8)[0] == 20.0


def test_total_of_no_answer_is_missing_even_without_a_minimum() -> None:
    assert np.isnan(score_items(column(NAN, NAN), 5.0, 0)[0])


@pytest.mark.parametrize(
    ("baseline", "follow_up", "threshold", "direction", "response"),
    [
        (40.0, 30.0, 10.0, -1.0, 1.0),
        (40.0, 30.1, 10.0, -1.0, 0.0),
        (30.0, 40.0, 10.0, -1.0, 0.0),
        (30.0, 40.0, 10.0, 1.0, 1.0),
        # 4.1 - 2.1 is 2 in real numbers and 1.9999999999999996 in binary ones.
        (4.1, 2.1, 2.0, -1.0, 1.0),
    ],
)
def test_responder_improves_by_at_least_the_threshold(
    baseline: float, follow_up: float, threshold: float, direction: float, response: float
) -> None:
    assert is_responder(baseline, follow_up, threshold, direction) == response


@pytest.mark.parametrize(("baseline", "follow_up"), [(NAN, 30.0), (40.0, NAN), (NAN, NAN)])
def test_response_of_a_missing_value_is_missing(baseline: float, follow_up: float) -> None:
    assert np.isnan(is_responder(baseline, follow_up, 10.0, -1.0))


def test_responders_write_the_rule_of_every_participant() -> None:
    out = np.empty(3)
    responders(np.array([40.0, 40.0, NAN]), np.array([30.0, 35.0, 30.0]), 10.0, -1.0, out)
    np.testing.assert_array_equal(out, [1.0, 0.0, NAN])
