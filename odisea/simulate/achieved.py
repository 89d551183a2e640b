"""What a calibration cohort shows on the observed scale: moments, losses, checks and the truths of the estimands."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.simulate.mechanism import CAUSES, CONTROL, TELE, WEEKS
from odisea.simulate.observe import DIARY, DOSE, DOSE_SQUARED, GRID, LIVE, LOGINS, Tally

Floats = NDArray[np.float64]
SMALLEST_VARIANCE = 1e-300


class Truths(NamedTuple):
    """What is true of all randomised in a scenario, with Monte Carlo standard errors."""

    effect: float
    effect_mcse: float
    changes: Floats  # (2, 101) share of people by improvement, control and programme
    changes_kept: Floats  # (2, 101) the same, of people who are also seen at week 6
    people: float

    def responder_difference(self, threshold: float, missing_is_non_response: bool) -> tuple[float, float]:
        """Return the difference in responder shares (programme minus control) and its Monte Carlo standard error."""
        shares = self.changes_kept if missing_is_non_response else self.changes
        improvement = np.arange(-100.0, 100.0 + GRID, GRID)
        control, programme = shares[:, improvement >= threshold - 1e-9].sum(axis=1)
        # An upper bound: the two shares are of the same people and so positively correlated.
        mcse = np.sqrt((control * (1 - control) + programme * (1 - programme)) / self.people)
        return float(programme - control), float(mcse)


def moments(tally: Tally, rows: tuple[str, ...]) -> dict[str, float]:
    """Return the observed-scale moments before loss, both arms holding the same people."""
    people = tally.people[0]
    means = tally.sums / people
    covariance = tally.products / people - np.outer(means, means)
    np.fill_diagonal(covariance, np.maximum(np.diag(covariance), 0.0))  # a score that does not vary can round to below 0
    baseline, programme, control = rows.index("odi@baseline"), rows.index("odi@week6"), len(rows)
    means = means + tally.shift
    variance = 0.5 * (covariance[programme, programme] + covariance[control, control])
    crossing = 0.5 * (covariance[programme, baseline] + covariance[control, baseline])
    difference = covariance[programme, programme] + covariance[control, control] - 2.0 * covariance[programme, control]
    return {
        "odi_mean_baseline": means[baseline],
        "odi_sd_baseline": float(np.sqrt(covariance[baseline, baseline])),
        "control_change": means[control] - means[baseline],
        "odi_sd_week6": float(np.sqrt(variance)),
        # 0 where a score does not vary: far from every target, but a number that the search can go on from.
        "odi_correlation": float(crossing / np.sqrt(max(variance * covariance[baseline, baseline], SMALLEST_VARIANCE))),
        "effect": means[programme] - means[control],
        "odi_sd_week6_control": float(np.sqrt(covariance[control, control])),
        "odi_sd_week6_tele": float(np.sqrt(covariance[programme, programme])),
        "effect_sd": float(np.sqrt(max(difference, 0.0))),
    }


def losses(tally: Tally) -> dict[str, float]:
    """Return the total loss, the share of each cause and the difference between arms (programme minus control)."""
    by_arm = tally.shares / tally.people[0]
    shares = by_arm.mean(axis=0)
    total = by_arm.sum(axis=1)
    named = {f"loss_share_{cause}": float(share) for cause, share in zip(CAUSES, shares, strict=True)}
    arms = {"loss_control": float(total[CONTROL]), "loss_tele": float(total[TELE])}
    return {"loss_total": float(total.mean()), "loss_difference": float(total[TELE] - total[CONTROL]), **arms, **named}


def achieved(tally: Tally, rows: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Return every quantity that the calibration cohort shows, with its Monte Carlo standard error.

    Losses enter the cohort as probabilities, not as draws: the binomial errors given for them are upper bounds.
    """
    n = tally.people[0]
    score, loss = moments(tally, rows), losses(tally)
    root = np.sqrt(n)
    out = {}
    for name, value in score.items():
        if name == "effect":
            out[name] = (value, score["effect_sd"] / root)
        elif "_sd" in name or name.startswith("effect_sd"):
            out[name] = (value, value / np.sqrt(2.0 * n))
        elif name == "odi_correlation":
            out[name] = (value, (1.0 - value**2) / root)
        elif name == "odi_mean_baseline":
            out[name] = (value, score["odi_sd_baseline"] / root)
        else:
            out[name] = (value, score["odi_sd_week6"] / root)
    out |= {name: (value, float(np.sqrt(value * (1.0 - value) / n))) for name, value in loss.items() if name != "loss_difference"}
    out["loss_difference"] = (loss["loss_difference"], float(np.hypot(out["loss_control"][1], out["loss_tele"][1])))
    floors = {
        name: float(count / n)
        for name, count in zip(("floor_baseline", "floor_week6_control", "floor_week6_tele"), tally.floor, strict=True)
    }
    out |= {name: (value, float(np.sqrt(value * (1.0 - value) / n))) for name, value in floors.items()}
    return {name: (float(value), float(mcse)) for name, (value, mcse) in {**out, **_checks(tally, rows, score)}.items()}


def _checks(tally: Tally, rows: tuple[str, ...], score: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Return the quantities that are compared with published ones but never set."""
    n = tally.people[0]
    covariance = pooled_covariance(tally, rows)
    response, baseline = rows.index("odi@week6"), rows.index("odi@baseline")
    others = [index for index, name in enumerate(rows) if "@" not in name]
    r2_without = explained(covariance, response, others)
    r2_baseline = explained(covariance, response, [baseline])
    r2_all = explained(covariance, response, [baseline, *others])
    sd = score["odi_sd_week6"]
    change = np.sqrt(sd**2 + score["odi_sd_baseline"] ** 2 - 2.0 * covariance[response, baseline])
    residual = sd * np.sqrt(1.0 - r2_baseline)
    live, diary, logins = tally.adherence[LIVE] / n, tally.adherence[DIARY] / n, tally.adherence[LOGINS] / n
    dose = tally.adherence[DOSE] / n
    dose_sd = np.sqrt(tally.adherence[DOSE_SQUARED] / n - dose * dose)
    return {
        "odi_change_sd": (float(change), float(change / np.sqrt(2 * n))),
        "odi_residual_sd": (float(residual), float(residual / np.sqrt(2 * n))),
        "r2_without_baseline": (r2_without, 2.0 * np.sqrt(r2_without / n)),
        "r2_beyond_baseline": (r2_all - r2_baseline, 1.0 / np.sqrt(n)),
        "live_sessions": (live, WEEKS / 2 / np.sqrt(n)),
        "diary_days": (diary, 7 * WEEKS / 2 / np.sqrt(n)),
        # Logins are counts with a rate that differs between people: at most a variance of mean + mean squared is assumed.
        "logins": (logins, np.sqrt(logins * (1.0 + logins) / n)),
        "adherence_mean": (dose, dose_sd / np.sqrt(n)),
        "adherence_sd": (dose_sd, dose_sd / np.sqrt(2 * n)),
    }


def pooled_covariance(tally: Tally, rows: tuple[str, ...]) -> Floats:
    """Return the covariance of the analysis rows within arms, week-6 ODI pooled over both arms."""
    means = tally.sums / tally.people[0]
    covariance = tally.products / tally.people[0] - np.outer(means, means)
    programme, control = rows.index("odi@week6"), len(rows)
    pooled: Floats = covariance[: len(rows), : len(rows)].copy()
    average = 0.5 * (covariance[programme] + covariance[control])
    pooled[programme, :] = pooled[:, programme] = average[: len(rows)]
    pooled[programme, programme] = 0.5 * (covariance[programme, programme] + covariance[control, control])
    return pooled


def explained(covariance: Floats, response: int, covariates: list[int]) -> float:
    """Return the squared multiple correlation of some rows with the response row."""
    if not covariates:
        return 0.0
    inner = covariance[np.ix_(covariates, covariates)]
    cross = covariance[covariates, response]
    return float(cross @ np.linalg.lstsq(inner, cross, rcond=1e-12)[0] / covariance[response, response])


def truths(tally: Tally, rows: tuple[str, ...]) -> Truths:
    """Return what is true of all randomised."""
    n = tally.people[0]
    score = moments(tally, rows)
    return Truths(float(score["effect"]), float(score["effect_sd"] / np.sqrt(n)), tally.changes / n, tally.changes_kept / n, float(n))
