"""The replicate loop gives, bit by bit, what the door to the estimators gives for each analysis of each simulated trial."""

import numpy as np

from odisea.analyse.estimate import estimate, shares_fit
from odisea.analyse.plan import lower_plan
from odisea.data.derive import build_rows
from odisea.data.trial import Analysis, Method, make_trial
from odisea.performance.batch import Job, make_table, run_batch
from tests.declared import analysis_rows, mechanism, protocol, simulated

SEED, SIZE = 31, 200


def analyses() -> list[Analysis]:
    return [one.analysis for plan in protocol().analysis.plans for one in lower_plan(protocol(), plan)]


def test_a_batch_is_the_estimates_of_its_trials() -> None:
    model, (recipes, _) = mechanism(), analysis_rows()
    planned = analyses()
    job = Job(SEED, SIZE, model, recipes, make_table(planned))
    assert job.table.shared.sum() == 2  # each plan's risk difference comes right after its odds ratio
    results = run_batch(job, 0, 3)
    values = np.empty((recipes.kind.size, SIZE))
    for replicate in range(3):
        cohort = simulated(model, SIZE, SEED, replicate)
        build_rows(cohort.recorded, recipes, values)
        trial = make_trial(values, cohort.arm, SEED, replicate)
        for place, one in enumerate(planned):
            np.testing.assert_array_equal(results[replicate, place], np.array(estimate(trial, one)))


def test_a_fit_is_shared_only_by_the_same_model_in_this_order() -> None:
    odds = next(one for one in analyses() if one.method == Method.RESPONDER_LOG_ODDS_RATIO)
    risk = odds._replace(method=int(Method.RESPONDER_RISK_DIFFERENCE))
    assert shares_fit(odds, risk)
    assert not shares_fit(risk, odds)
    assert not shares_fit(odds, odds)
    for other in (
        risk._replace(threshold=8.0),
        risk._replace(covariates=risk.covariates[:-1]),
        risk._replace(non_responder=1 - risk.non_responder),
    ):
        assert not shares_fit(odds, other)
    assert make_table([odds, risk, risk]).shared.tolist() == [0, 1, 0]
