"""What a calibration cohort shows on the observed scale: moments, losses, checks and the truths of the estimands."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.simulate.mechanism import CAUSES, CONTROL, EVENTS, TELE, WEEKS
from odisea.simulate.observe import (
    BY_STRATEGY_ROW,
    CHANGE,
    CHANGE_SQUARED,
    COMPLETED_ROW,
    DIARY,
    DOSE,
    DOSE_CHANGE,
    DOSE_SQUARED,
    FULL_DOSE_ROW,
    GROUP_SQUARES,
    GROUP_SUM,
    GROUP_SUM_SQUARES,
    GROUPS,
    LIVE,
    OPENED,
    STARTED_ROW,
    STEPS_PER_POINT,
    Tally,
    TruthTally,
)

Floats = NDArray[np.float64]
Shown = dict[str, tuple[float, float]]
"""Name: value and its Monte Carlo standard error."""
SMALLEST_VARIANCE = 1e-300


class Truths(NamedTuple):
    """What is true of all randomised in a scenario, with Monte Carlo standard errors.

    Parameters
    ----------
    estimands : mapping of str to (float, float)
        `treatment_policy` (all randomised, whatever happened), `reference_based` (the lost of the programme as if in the
        control arm), `by_strategy` (each intercurrent event by its own strategy),
        `completed` (everybody starts and nobody stops), `full_dose`, `complier` (those who start when offered): differences
        in mean ODI at week 6, programme minus control; `vas` the treatment-policy difference in pain.
    changes, changes_kept, changes_composite : float64 (2, 901)
        Share of people by improvement, control and programme: all; those seen at week 6; those without an event that counts
        as non-response.
    people : float
        Size of the cohort; infinite where the truths are exact.
    """

    estimands: Mapping[str, tuple[float, float]]
    changes: Floats
    changes_kept: Floats
    changes_composite: Floats
    people: float

    @property
    def effect(self) -> float:
        """The treatment-policy difference in mean ODI."""
        return self.estimands["treatment_policy"][0]

    @property
    def effect_mcse(self) -> float:
        """Its Monte Carlo standard error."""
        return self.estimands["treatment_policy"][1]

    def responder_difference(self, threshold: float, missing_is_non_response: bool) -> tuple[float, float]:
        """Return the difference in responder shares (programme minus control) and its Monte Carlo standard error."""
        return self._difference(self.changes_kept if missing_is_non_response else self.changes, threshold)

    def responder_shares(self, threshold: float, missing_is_non_response: bool) -> tuple[float, float]:
        """Return the shares of responders, control and programme."""
        shares = self.changes_kept if missing_is_non_response else self.changes
        control, programme = _at_least(shares, threshold)
        return control, programme

    def composite_difference(self, threshold: float) -> tuple[float, float]:
        """Return the same where an intercurrent event with the composite strategy counts as non-response."""
        return self._difference(self.changes_composite, threshold)

    def _difference(self, shares: Floats, threshold: float) -> tuple[float, float]:
        control, programme = _at_least(shares, threshold)
        # An upper bound: the two shares are of the same people and so positively correlated.
        mcse = np.sqrt((control * (1 - control) + programme * (1 - programme)) / self.people)
        return float(programme - control), float(mcse)


def _at_least(shares: Floats, threshold: float) -> tuple[float, float]:
    """Return the shares of people, control and programme, whose improvement is at least the threshold."""
    improvement = np.arange(shares.shape[1]) / STEPS_PER_POINT - 100.0
    control, programme = shares[:, improvement >= threshold - 1e-9].sum(axis=1)
    return float(control), float(programme)


def moments(tally: Tally, rows: tuple[str, ...], programme_share: float = 0.5) -> dict[str, float]:
    """Return the observed-scale moments before loss.

    Parameters
    ----------
    programme_share : float
        Weight of the programme arm where both arms are pooled: its part of the allocation ratio.
    """
    people, k = tally.people[0], len(rows)
    covariance = np.stack([_covariance(tally, exposure) for exposure in (CONTROL, TELE)])
    weights = np.array([1.0 - programme_share, programme_share])
    baseline, week6 = rows.index("odi@baseline"), rows.index("odi@week6")
    means = tally.sums / people + tally.shift
    variance = float(weights @ covariance[:, week6, week6])
    crossing = float(weights @ covariance[:, week6, baseline])
    effect = tally.effect / people
    assert means.shape == (2, k)
    return {
        "odi_mean_baseline": means[CONTROL, baseline],
        "odi_sd_baseline": float(np.sqrt(covariance[CONTROL, baseline, baseline])),
        "control_change": means[CONTROL, week6] - means[CONTROL, baseline],
        "odi_sd_week6": float(np.sqrt(variance)),
        # 0 where a score does not vary: far from every target, but a number that the search can go on from.
        "odi_correlation": float(crossing / np.sqrt(max(variance * covariance[CONTROL, baseline, baseline], SMALLEST_VARIANCE))),
        "effect": effect[0, week6],
        "odi_sd_week6_control": float(np.sqrt(covariance[CONTROL, week6, week6])),
        "odi_sd_week6_tele": float(np.sqrt(covariance[TELE, week6, week6])),
        "effect_sd": float(np.sqrt(max(effect[1, week6] - effect[0, week6] ** 2, 0.0))),
        "adherence_mean": float(tally.adherence[DOSE] / people),
        "live_icc": intraclass_correlation(tally),
    }


def _covariance(tally: Tally, exposure: int) -> Floats:
    means = tally.sums[exposure] / tally.people[0]
    covariance: Floats = tally.products[exposure] / tally.people[0] - np.outer(means, means)
    np.fill_diagonal(covariance, np.maximum(np.diag(covariance), 0.0))  # a score that does not vary can round to below 0
    return covariance


def intraclass_correlation(tally: Tally) -> float:
    """Return the analysis-of-variance estimate of the correlation within live-session groups, week-6 ODI (equal groups)."""
    groups = tally.groups[GROUPS]
    size, between, within = _mean_squares(tally, groups)
    return float((between - within) / max(between + (size - 1.0) * within, SMALLEST_VARIANCE))


def _mean_squares(tally: Tally, groups: float) -> tuple[float, float, float]:
    """Return the groups' size, and the mean squares between and within groups."""
    size = tally.group_size[0]
    between = (tally.groups[GROUP_SQUARES] / size - tally.groups[GROUP_SUM] ** 2 / (groups * size)) / max(groups - 1.0, 1.0)
    within = (tally.groups[GROUP_SUM_SQUARES] - tally.groups[GROUP_SQUARES] / size) / (groups * (size - 1.0))
    return float(size), float(between), float(within)


def losses(tally: Tally, programme_share: float = 0.5) -> dict[str, float]:
    """Return the total loss, the share of each cause and the difference between arms (programme minus control)."""
    by_arm = tally.shares / tally.people[0]
    weights = np.array([1.0 - programme_share, programme_share])
    total = by_arm.sum(axis=1)
    named = {f"loss_share_{cause}": float(share) for cause, share in zip(CAUSES, weights @ by_arm, strict=True)}
    arms = {"loss_control": float(total[CONTROL]), "loss_tele": float(total[TELE])}
    return {"loss_total": float(weights @ total), "loss_difference": float(total[TELE] - total[CONTROL]), **arms, **named}


def achieved(tally: Tally, rows: tuple[str, ...], programme_share: float = 0.5) -> Shown:
    """Return every quantity that the calibration cohort shows, with its Monte Carlo standard error.

    Losses enter the cohort as probabilities, not as draws: the binomial errors given for them are upper bounds.
    """
    n = tally.people[0]
    score, loss = moments(tally, rows, programme_share), losses(tally, programme_share)
    checks = _checks(tally, rows, score, programme_share)
    out: Shown = {name: (value, _moment_mcse(name, value, score, tally)) for name, value in score.items()}
    out |= {name: (value, float(np.sqrt(value * (1.0 - value) / n))) for name, value in loss.items() if name != "loss_difference"}
    out["loss_difference"] = (loss["loss_difference"], float(np.hypot(out["loss_control"][1], out["loss_tele"][1])))
    floors = zip(("floor_baseline", "floor_week6_control", "floor_week6_tele"), tally.floor / n, strict=True)
    out |= {name: (share, float(np.sqrt(share * (1.0 - share) / n))) for name, share in floors}
    return {name: (float(value), float(mcse)) for name, (value, mcse) in {**out, **checks}.items()}


def _moment_mcse(name: str, value: float, score: Mapping[str, float], tally: Tally) -> float:
    """Return the Monte Carlo standard error of one of `moments`, as for normal variables."""
    root = float(np.sqrt(tally.people[0]))
    if name == "live_icc":
        return _icc_mcse(value, float(tally.group_size[0]), float(tally.groups[GROUPS]))
    if name == "adherence_mean":
        return _dose_sd(tally) / root
    if "_sd" in name:
        return float(value / (np.sqrt(2.0) * root))
    if name == "odi_correlation":
        return (1.0 - value**2) / root
    if name == "effect":
        return float(score["effect_sd"] * np.sqrt(design_effect(tally, score)) / root)
    return float(score["odi_sd_baseline" if name == "odi_mean_baseline" else "odi_sd_week6"] / root)


def design_effect(tally: Tally, score: Mapping[str, float]) -> float:
    """Return by how much live-session groups inflate the variance of a mean difference between the arms (Kish 1965, 5.4).

    It is 1 + (size - 1) r with r the correlation, within groups, of the differences between a person's two potential
    outcomes: all that two members share is the group's effect on their outcomes in the programme arm.
    """
    shared = max(score["live_icc"], 0.0) * score["odi_sd_week6_tele"] ** 2
    within = min(shared / max(score["effect_sd"] ** 2, SMALLEST_VARIANCE), 1.0)
    return float(1.0 + max(tally.group_size[0] - 1.0, 0.0) * within)


def _icc_mcse(icc: float, size: float, groups: float) -> float:
    """Return the large-sample standard error of an intraclass correlation (Fisher 1925; Donner and Koval 1983)."""
    return float((1.0 - icc) * (1.0 + (size - 1.0) * icc) * np.sqrt(2.0 / (size * (size - 1.0) * max(groups - 1.0, 1.0))))


def _dose_sd(tally: Tally) -> float:
    n = tally.people[0]
    return float(np.sqrt(max(tally.adherence[DOSE_SQUARED] / n - (tally.adherence[DOSE] / n) ** 2, 0.0)))


def _checks(tally: Tally, rows: tuple[str, ...], score: Mapping[str, float], programme_share: float) -> Shown:
    """Return the quantities that are compared with published ones but never set."""
    n = tally.people[0]
    root = float(np.sqrt(n))
    covariance = pooled_covariance(tally, rows, programme_share)
    response, baseline = rows.index("odi@week6"), rows.index("odi@baseline")
    others = [index for index, name in enumerate(rows) if "@" not in name]
    r2_without, r2_baseline = explained(covariance, response, others), explained(covariance, response, [baseline])
    r2_all = explained(covariance, response, [baseline, *others])
    change = np.sqrt(score["odi_sd_week6"] ** 2 + score["odi_sd_baseline"] ** 2 - 2.0 * covariance[response, baseline])
    residual = score["odi_sd_week6"] * np.sqrt(1.0 - r2_baseline)
    live, diary, opened = (tally.adherence[stream] / n for stream in (LIVE, DIARY, OPENED))
    return {
        "odi_change_sd": (float(change), float(change / np.sqrt(2 * n))),
        "odi_residual_sd": (float(residual), float(residual / np.sqrt(2 * n))),
        "r2_without_baseline": (r2_without, 2.0 * float(np.sqrt(r2_without / n))),
        "r2_beyond_baseline": (r2_all - r2_baseline, 1.0 / root),
        "live_sessions": (live, WEEKS / 2 / root),
        "diary_days": (diary, 7 * WEEKS / 2 / root),
        "weeks_with_login": (opened, WEEKS / 2 / root),
        "adherence_sd": (_dose_sd(tally), _dose_sd(tally) / np.sqrt(2 * n)),
        "r_dose_change": _correlation_of_dose(tally),
        **_pain_checks(tally, rows, covariance, design_effect(tally, score)),
    }


def _correlation_of_dose(tally: Tally) -> tuple[float, float]:
    """Return the correlation of the dose with the fall of the ODI in the programme arm."""
    n = tally.people[0]
    dose, change = tally.adherence[DOSE] / n, tally.adherence[CHANGE] / n
    spread = np.sqrt(max(tally.adherence[CHANGE_SQUARED] / n - change**2, SMALLEST_VARIANCE)) * max(_dose_sd(tally), 1e-150)
    value = -float((tally.adherence[DOSE_CHANGE] / n - dose * change) / spread)
    return value, (1.0 - value**2) / float(np.sqrt(n))


def _pain_checks(tally: Tally, rows: tuple[str, ...], covariance: Floats, inflation: float) -> Shown:
    """Return the correlations of pain with disability within arms, and the effect on pain; nothing where pain is not recorded."""
    names = ("odi@baseline", "odi@week6", "vas@baseline", "vas@week6")
    if not set(names) <= set(rows):
        return {}
    root = float(np.sqrt(tally.people[0]))
    places = [rows.index(name) for name in names]
    inner = covariance[np.ix_(places, places)]
    contrast = np.array([[1.0, 0, 0, 0], [0, 0, 1.0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1.0], [-1.0, 1.0, 0, 0], [0, 0, -1.0, 1.0]])
    both = contrast @ inner @ contrast.T
    out = {}
    for name, place in (("r_vas_odi_baseline", 0), ("r_vas_odi_week6", 2), ("r_vas_odi_change", 4)):
        value = float(both[place, place + 1] / np.sqrt(max(both[place, place] * both[place + 1, place + 1], SMALLEST_VARIANCE)))
        out[name] = (value, (1.0 - value**2) / root)
    out["vas_effect"] = _mean(tally.effect[:, places[3]], tally.people[0], inflation)
    out["vas_mean_baseline"] = (
        float(tally.sums[CONTROL, places[2]] / tally.people[0] + tally.shift[places[2]]),
        float(np.sqrt(inner[2, 2])) / root,
    )
    out["vas_sd_baseline"] = (float(np.sqrt(inner[2, 2])), float(np.sqrt(inner[2, 2] / 2.0)) / root)
    return out


def pooled_covariance(tally: Tally, rows: tuple[str, ...], programme_share: float = 0.5) -> Floats:
    """Return the covariance of the analysis rows within arms, pooled over both by their part of the allocation."""
    assert tally.sums.shape[1] == len(rows)
    pooled: Floats = (1.0 - programme_share) * _covariance(tally, CONTROL) + programme_share * _covariance(tally, TELE)
    return pooled


def explained(covariance: Floats, response: int, covariates: list[int]) -> float:
    """Return the squared multiple correlation of some rows with the response row."""
    if not covariates:
        return 0.0
    inner = covariance[np.ix_(covariates, covariates)]
    cross = covariance[covariates, response]
    return float(cross @ np.linalg.lstsq(inner, cross, rcond=1e-12)[0] / covariance[response, response])


def truths(tally: Tally, more: TruthTally, rows: tuple[str, ...]) -> Truths:
    """Return what is true of all randomised."""
    n = tally.people[0]
    week6 = rows.index("odi@week6")
    inflation = design_effect(tally, moments(tally, rows))
    estimands = {
        "treatment_policy": _mean(tally.effect[:, week6], n, inflation),
        "reference_based": _mean(tally.seen, n, inflation),
        "by_strategy": _mean(more.differences[BY_STRATEGY_ROW], more.people[0], inflation),
        "completed": _mean(more.differences[COMPLETED_ROW], more.people[0], inflation),
        "full_dose": _mean(more.differences[FULL_DOSE_ROW], more.people[0], inflation),
        "complier": _mean(more.differences[STARTED_ROW], more.started[0], inflation),
        "vas": _mean(more.pain, more.people[0], inflation),
    }
    return Truths(estimands, tally.changes / n, tally.changes_kept / n, more.composite / more.people[0], float(n))


def _mean(sums: Floats, n: float, inflation: float) -> tuple[float, float]:
    """Return the mean and its standard error from a sum and a sum of squares; the variance is inflated by a design effect."""
    mean = sums[0] / n
    return float(mean), float(np.sqrt(inflation * max(sums[1] / n - mean**2, 0.0) / n))


def occurrences(more: TruthTally) -> Shown:
    """Return how many candidates are eligible and consent, and how many participants have what happens to people, by arm."""
    n = more.people[0]
    enrolled, declined, ineligible = more.screened
    eligible = enrolled + declined
    shares = {
        "eligible_share": (eligible / (eligible + ineligible), eligible + ineligible),
        "consent_share": (enrolled / max(eligible, 1.0), max(eligible, 1.0)),
        "enrolled_share": (enrolled / (eligible + ineligible), eligible + ineligible),
        "started_share": (more.started[0] / n, n),
        "completed_share": (more.started[1] / n, n),
    }
    for exposure, arm in ((CONTROL, "control"), (TELE, "tele")):
        counts = more.events[exposure]
        shares |= {f"{event}_{arm}": (counts[place] / n, n) for place, event in enumerate(EVENTS)}
        shares |= {f"recovered_week{week + 1}_{arm}": (more.recovered[exposure, week] / n, n) for week in range(WEEKS)}
    shares["stopped_tele"] = (more.events[TELE, len(EVENTS)] / n, n)
    return {name: (float(share), float(np.sqrt(share * (1.0 - share) / of))) for name, (share, of) in shares.items()}
