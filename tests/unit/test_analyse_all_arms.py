"""One model of all arms: with two arms the analysis of covariance, with three what statsmodels gives; refusals are typed."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

from odisea.analyse.all_arms import carry_out
from odisea.analyse.linear import ancova
from odisea.analyse.single import Circumstances, Single
from odisea.data.trial import Analysis, Method, Reason, Status, Trial, make_trial
from tests.analysed import AGE, BASELINE, RESPONSE, planned, random_trial, with_row


def joint(trial: Trial, analysis: Analysis) -> Single:
    plan: Any = SimpleNamespace(analysis=analysis)
    return carry_out(trial, plan, Circumstances())


def test_with_two_arms_it_is_the_analysis_of_covariance() -> None:
    trial, analysis = random_trial(1), planned(Method.ANCOVA)
    np.testing.assert_allclose(joint(trial, analysis).estimate, ancova(trial, analysis), rtol=1e-10)


@pytest.mark.parametrize(("arm", "reference"), [(0, 1), (0, 2), (2, 1)])
def test_three_arms_by_statsmodels(arm: int, reference: int) -> None:
    trial = random_trial(2, n=180, arms=3)
    analysis = planned(Method.ANCOVA, arm=arm, reference=reference)
    seen = ~np.isnan(trial.values[RESPONSE])
    indicators = np.array([trial.arm[seen] == other for other in range(3) if other != reference], dtype=float)
    design = np.column_stack([np.ones(seen.sum()), indicators.T, trial.values[analysis.covariates][:, seen].T])
    fit = sm.OLS(trial.values[RESPONSE][seen], design).fit()
    column = 1 + [other for other in range(3) if other != reference].index(arm)
    found = joint(trial, analysis)
    theirs = [fit.params[column], fit.bse[column], fit.df_resid]
    np.testing.assert_allclose(found.estimate[:3], theirs, rtol=1e-10)  # one least squares problem of condition below 1e4
    assert found.details["n_all_arms"] == seen.sum() > found.estimate.n_arm + found.estimate.n_reference


def test_effects_add_up_and_change_sign_with_the_arms() -> None:
    trial = random_trial(3, n=180, arms=3)
    effect = {
        pair: joint(trial, planned(Method.ANCOVA, arm=pair[0], reference=pair[1])).estimate.estimate
        for pair in [(0, 1), (1, 2), (0, 2), (2, 0)]
    }
    assert effect[0, 1] + effect[1, 2] == pytest.approx(effect[0, 2], abs=1e-10)
    assert effect[2, 0] == pytest.approx(-effect[0, 2], abs=1e-10)


def refused(trial: Trial, analysis: Analysis) -> int:
    found = joint(trial, analysis).estimate
    assert found.status != Status.OK
    assert np.isnan([found.estimate, found.se, found.df]).all()
    return int(found.reason)


def test_refusals_are_typed() -> None:
    trial, analysis = random_trial(4, n=90, arms=3), planned(Method.ANCOVA)
    nobody = with_row(trial, RESPONSE, np.where(trial.arm == 1, np.nan, trial.values[RESPONSE]))
    assert refused(nobody, analysis) == Reason.EMPTY_ARM
    age = trial.values[AGE].copy()
    age[np.flatnonzero(~np.isnan(trial.values[RESPONSE]))[0]] = np.nan
    assert refused(with_row(trial, AGE, age), analysis) == Reason.MISSING_COVARIATE
    assert refused(with_row(trial, AGE, (trial.arm == 0).astype(float)), analysis) == Reason.ARM_ALIASED
    exact = trial.values[BASELINE] + 2.0 * (trial.arm == 0)
    assert refused(with_row(trial, RESPONSE, exact), analysis) == Reason.NO_RESIDUAL_VARIANCE
    few = make_trial(trial.values[:, :6], trial.arm[:6], 1)
    assert refused(with_row(few, RESPONSE, np.arange(6.0)), analysis) in (Reason.NO_RESIDUAL_DF, Reason.ARM_ALIASED)
