"""Slow, obvious versions of the scoring and of the analysis rows, compared with the compiled ones on arbitrary data."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from odisea.data.derive import build_rows, make_rows, recipes, recorded_columns, trial_rows
from odisea.data.instruments import score_items
from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol

Floats = NDArray[np.float64]
ROOT = Path(__file__).parents[2]
PROTOCOLS = [load_protocol(ROOT / name) for name in ("protocol/nct07248813.yaml", "protocol/examples/ashar_prt/protocol.yaml")]

# Items and recorded values are small whole numbers or missing; sums of them are exact, so equality is demanded bit by bit.
item = st.one_of(st.integers(0, 5).map(float), st.just(math.nan))
recorded_value = st.one_of(st.integers(0, 250).map(float), st.just(math.nan))


def score_slowly(items: list[float], item_max: float, minimum_answered: int) -> float:
    """Score one questionnaire as its manual says."""
    answered = [value for value in items if not math.isnan(value)]
    if not answered or len(answered) < minimum_answered:
        return math.nan
    return 100.0 * sum(answered) / (item_max * len(answered))


@settings(deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 9)), elements=item), st.integers(0, 12))
def test_scoring_equals_its_slow_version(items: Floats, minimum_answered: int) -> None:
    slow = [score_slowly(list(items[:, person]), 5.0, minimum_answered) for person in range(items.shape[1])]
    np.testing.assert_array_equal(score_items(items, 5.0, minimum_answered), slow)


def rows_slowly(protocol: Protocol, person: dict[str, float]) -> list[float]:
    """Make one person's analysis rows by reading the codings one after the other."""
    rows = []
    for coding in protocol.analysis.coding.values():
        if coding.column:
            rows.append(person[coding.column])
        elif coding.bmi:
            rows.append(person[coding.bmi.weight_kg] / (person[coding.bmi.height_cm] / 100) ** 2)
        elif coding.classes:
            value = person[coding.classes.column]
            rows += [is_between(value, *bounds) for level, bounds in coding.classes.levels.items() if level != coding.reference]
            rows.append(float(math.isnan(value)))
        elif coding.levels:
            codes = protocol.dictionary.column("participants.csv", coding.levels.column).codes or ()
            value = person[coding.levels.column]
            rows += [is_between(value, codes.index(code), codes.index(code)) for code in coding.levels.codes if code != coding.reference]
            rows.append(float(math.isnan(value)))
    return rows + [person[f"{name}@{visit}"] for name, outcome in protocol.outcomes.items() for visit in outcome.visits]


def is_between(value: float, low: float, high: float) -> float:
    return math.nan if math.isnan(value) else float(low <= value <= high)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.trial)
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_analysis_rows_equal_their_slow_version(protocol: Protocol, data: st.DataObject) -> None:
    columns = recorded_columns(protocol)
    shape = st.tuples(st.just(len(columns)), st.integers(1, 7))
    recorded = data.draw(arrays(np.float64, shape, elements=recorded_value))
    heights = [row for row, name in enumerate(columns) if name == "height_cm"]
    recorded[heights] += 100.0  # no height of zero
    out = np.full((len(trial_rows(protocol)), recorded.shape[1]), -1.0)
    before = recorded.copy()
    build_rows(recorded, recipes(protocol), out)
    slow = np.array([rows_slowly(protocol, dict(zip(columns, person, strict=True))) for person in recorded.T]).T
    np.testing.assert_allclose(out, filled_slowly(protocol, slow), rtol=1e-13, atol=0.0)  # a mean of up to seven values
    make_rows(recorded, recipes(protocol), out)
    np.testing.assert_array_equal(out, slow)
    np.testing.assert_array_equal(recorded, before)


def filled_slowly(protocol: Protocol, rows: Floats) -> Floats:
    """Fill in missing baseline values: the mean of those known (few are missing here), nothing after baseline."""
    baseline = {f"{name}@{outcome.baseline}" for name, outcome in protocol.outcomes.items() if outcome.baseline}
    filled = rows.copy()
    for name, row in zip(trial_rows(protocol), filled, strict=True):
        known = row[~np.isnan(row)]
        if name.endswith("=missing"):
            row[:] = 0.0
        elif known.size and ("@" not in name or name in baseline):
            row[np.isnan(row)] = sum(known) / known.size
    return filled
