"""A random trial with visits between baseline and outcome, for the tests of imputation with auxiliaries."""

import numpy as np

from odisea.data.trial import Trial, make_trial
from tests.analysed import RESPONSE, random_trial

FIRST, SECOND, THIRD = 9, 10, 11
AUXILIARY = np.array([FIRST, SECOND, THIRD], dtype=np.int64)


def visited_trial(seed: int, n: int = 150, gaps: bool = False, loss: float = 0.2) -> Trial:
    """A trial with three visits that correlate with the outcome; who misses one misses all later ones, but for gaps."""
    rng = np.random.default_rng(seed + 1000)
    complete = random_trial(seed, n=n, loss=0.0)
    response = complete.values[RESPONSE].copy()
    steps = np.cumsum(6.0 * rng.standard_normal((3, n)), axis=0)[::-1]
    visits = response + steps
    last = rng.choice(5, size=n, p=[loss / 2, loss / 2, loss / 2, loss / 2, 1.0 - 2.0 * loss])  # visits attended
    for visit in range(3):
        visits[visit, last <= visit] = np.nan
    if gaps:
        visits[rng.random(visits.shape) < 0.08] = np.nan
    response[last <= 3] = np.nan
    values = np.vstack([complete.values, visits])
    values[RESPONSE] = response
    return make_trial(values, complete.arm, complete.seed)
