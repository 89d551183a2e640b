"""The compiled imputation against its slow twin."""

import numpy as np
import pytest

from odisea.analyse.estimate import estimate
from odisea.analyse.imputation import impute
from odisea.data.trial import Analysis, Assumption, Method
from tests.analysed import planned, random_trial
from tests.twins import imputation as twin

CASES = [(0, 150, 0.35, 2), (1, 60, 0.2, 2), (2, 240, 0.5, 3)]
JUMP = planned(Method.ANCOVA_MI)._replace(assumption=int(Assumption.JUMP_TO_REFERENCE))
SENSITIVITY = [JUMP, planned(Method.ANCOVA_MI)._replace(delta_arm=4.0, delta_reference=-2.0), JUMP._replace(delta_arm=4.0)]


@pytest.mark.parametrize(("seed", "n", "loss", "arms"), CASES)
def test_imputed_values_are_the_twins(seed: int, n: int, loss: float, arms: int) -> None:
    trial, analysis = random_trial(seed, n=n, loss=loss, arms=arms), planned(Method.ANCOVA_MI, m=6)
    np.testing.assert_allclose(impute(trial, analysis), twin.impute(trial, analysis), rtol=1e-9)


@pytest.mark.parametrize(("seed", "n", "loss", "arms"), CASES)
def test_pooled_analysis_is_the_twins(seed: int, n: int, loss: float, arms: int) -> None:
    trial, analysis = random_trial(seed, n=n, loss=loss, arms=arms), planned(Method.ANCOVA_MI)
    fits = [twin.analyse(trial, analysis, response) for response in twin.impute(trial, analysis)]
    slow = twin.rubin([fit[0] for fit in fits], [fit[1] for fit in fits], fits[0][2])
    fast = estimate(trial, analysis)
    found = [fast.estimate, fast.within, fast.between, fast.se**2, fast.df]
    np.testing.assert_allclose(found, [slow[key] for key in ("estimate", "within", "between", "total", "df")], rtol=1e-9)


@pytest.mark.parametrize(("seed", "n", "loss", "arms"), CASES)
def test_the_limit_is_the_twins(seed: int, n: int, loss: float, arms: int) -> None:
    trial, analysis = random_trial(seed, n=n, loss=loss, arms=arms), planned(Method.ANCOVA_MI_LIMIT)
    slow, fast = twin.limit(trial, analysis), estimate(trial, analysis)
    np.testing.assert_allclose([getattr(fast, key) for key in slow], list(slow.values()), rtol=1e-9)


@pytest.mark.parametrize("analysis", SENSITIVITY)
@pytest.mark.parametrize(("seed", "n", "loss", "arms"), CASES)
def test_jump_to_reference_and_deltas_are_the_twins(seed: int, n: int, loss: float, arms: int, analysis: Analysis) -> None:
    trial = random_trial(seed, n=n, loss=loss, arms=arms)
    np.testing.assert_allclose(impute(trial, analysis._replace(m=6)), twin.impute(trial, analysis._replace(m=6)), rtol=1e-9)
    exact = analysis._replace(method=int(Method.ANCOVA_MI_LIMIT))
    slow, fast = twin.limit(trial, exact), estimate(trial, exact)
    np.testing.assert_allclose([getattr(fast, key) for key in slow], list(slow.values()), rtol=1e-9)
