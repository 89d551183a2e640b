"""Calibration: the latent constants at which the observed score hits the scenario's targets, and the truth of every estimand.

Two stages, each solved by Newton steps with bounds on draws of its own (a key space that no trial uses): first the score
over all randomised before loss (baseline mean and SD, control change, pooled within-arm week-6 SD, within-arm
correlation, ITT effect), then the losses (share of each cause, difference between arms). The Jacobian is taken on a small
part of the cohort and used on the whole: the draws are common, so it hardly differs.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from odisea.data.derive import Recipes
from odisea.errors import Problem, ProtocolError
from odisea.simulate.assumptions import Scenario
from odisea.simulate.draft import loss_shares
from odisea.simulate.mechanism import CAUSES, CONTROL, TELE, WEEKS, Mechanism
from odisea.simulate.observe import DIARY, DOSE, DOSE_SQUARED, GRID, LIVE, LOGINS, Tally, observe

Floats = NDArray[np.float64]

PILOT_PEOPLE = 1 << 16
MAX_STEPS = 20
PILOT_TOLERANCE = 0.02
# Largest distance from the targets on the whole cohort, in units of `SCALE`: a fifth of what is promised.
TOLERANCE = 0.2
SCALE = {"mean": 0.05, "sd": 0.05, "correlation": 0.005, "loss": 0.005}


class Unknown(NamedTuple):
    """A latent constant that is solved for."""

    field: str
    step: float
    low: float
    high: float


class Target(NamedTuple):
    """An observed-scale quantity and the value it must take."""

    name: str
    value: float
    scale: float


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


class Calibration(NamedTuple):
    """The calibrated mechanism, what was achieved, and the truths."""

    mechanism: Mechanism
    solved: Mapping[str, float]
    achieved: Mapping[str, tuple[float, float]]  # name: value, Monte Carlo standard error
    covariance: Floats  # pooled within-arm covariance of the analysis rows, week-6 outcome last but one
    truths: Truths


def moments(tally: Tally, rows: tuple[str, ...]) -> dict[str, float]:
    """Return the observed-scale moments before loss, both arms holding the same people."""
    people = tally.people[0]
    means = tally.sums / people
    covariance = tally.products / people - np.outer(means, means)
    baseline, programme, control = rows.index("odi@baseline"), rows.index("odi@week6"), len(rows)
    means = means + tally.shift
    variance = 0.5 * (covariance[programme, programme] + covariance[control, control])
    crossing = 0.5 * (covariance[programme, baseline] + covariance[control, baseline])
    difference = covariance[programme, programme] + covariance[control, control] - 2.0 * covariance[programme, control]
    return {
        "odi_mean_baseline": means[baseline], "odi_sd_baseline": float(np.sqrt(covariance[baseline, baseline])),
        "control_change": means[control] - means[baseline], "odi_sd_week6": float(np.sqrt(variance)),
        "odi_correlation": float(crossing / np.sqrt(variance * covariance[baseline, baseline])), "effect": means[programme] - means[control],
        "odi_sd_week6_control": float(np.sqrt(covariance[control, control])),
        "odi_sd_week6_tele": float(np.sqrt(covariance[programme, programme])), "effect_sd": float(np.sqrt(max(difference, 0.0))),
    }  # fmt: skip


def losses(tally: Tally) -> dict[str, float]:
    """Return the total loss, the share of each cause and the difference between arms (programme minus control)."""
    by_arm = tally.shares / tally.people[0]
    shares = by_arm.mean(axis=0)
    total = by_arm.sum(axis=1)
    named = {f"loss_share_{cause}": float(share) for cause, share in zip(CAUSES, shares, strict=True)}
    arms = {"loss_control": float(total[CONTROL]), "loss_tele": float(total[TELE])}
    return {"loss_total": float(total.mean()), "loss_difference": float(total[TELE] - total[CONTROL]), **arms, **named}


def score_problem(scenario: Scenario) -> tuple[list[Unknown], list[Target]]:
    """Return what the first stage solves for, and its targets."""
    values = scenario.values
    unknowns = [
        Unknown("mean", 0.5, -60.0, 160.0), Unknown("sd_week6", 0.5, 0.5, 120.0), Unknown("stable_share", 0.05, 0.0, 1.0),
        Unknown("natural_change", 0.5, -100.0, 100.0),
    ]  # fmt: skip
    targets = [
        Target("odi_mean_baseline", values["odi_mean_baseline"], SCALE["mean"]), Target("odi_sd_week6", values["odi_sd_week6"], SCALE["sd"]),
        Target("odi_correlation", values["odi_correlation"], SCALE["correlation"]),
        Target("control_change", values["control_change"], SCALE["mean"]),
    ]  # fmt: skip
    if "odi_sd_baseline" not in scenario.follows_the_model:
        unknowns.append(Unknown("sd_baseline", 0.5, 0.5, 120.0))
        targets.append(Target("odi_sd_baseline", values["odi_sd_baseline"], SCALE["sd"]))
    if values["effect"] != 0.0:
        unknowns.append(Unknown("effect", 1.0, -200.0, 200.0))
        targets.append(Target("effect", values["effect"], SCALE["mean"]))
    return unknowns, targets


def loss_problem(scenario: Scenario) -> tuple[list[Unknown], list[Target]]:
    """Return what the second stage solves for, and its targets; both empty where nobody is lost."""
    shares = loss_shares(scenario.values)
    unknowns = [Unknown(f"log_hazard_{cause}", 0.05, -20.0, 5.0) for cause, share in zip(CAUSES, shares, strict=True) if share > 0.0]
    targets = [
        Target(f"loss_share_{cause}", float(share), SCALE["loss"]) for cause, share in zip(CAUSES, shares, strict=True) if share > 0.0
    ]
    if unknowns:
        unknowns.append(Unknown("arm_shift", 0.05, -5.0, 5.0))
        targets.append(Target("loss_difference", scenario.values["loss_difference"], SCALE["loss"]))
    return unknowns, targets


def with_score(mechanism: Mechanism, scenario: Scenario, solved: Mapping[str, float]) -> Mechanism:
    """Return the mechanism with the first stage's constants."""
    course = mechanism.course._replace(**solved)
    if "odi_sd_baseline" in scenario.follows_the_model:
        course = course._replace(sd_baseline=course.sd_week6 / scenario.values["odi_sd_ratio"])
    if scenario.values["effect"] == 0.0:
        course = course._replace(effect=0.0)
    return mechanism._replace(course=course)


def with_losses(mechanism: Mechanism, solved: Mapping[str, float]) -> Mechanism:
    """Return the mechanism with the second stage's constants."""
    model = mechanism.dropout
    hazards = [solved.get(f"log_hazard_{cause}", model.log_hazard[index]) for index, cause in enumerate(CAUSES)]
    return mechanism._replace(dropout=model._replace(log_hazard=np.array(hazards), arm_shift=solved.get("arm_shift", 0.0)))


class Observer(NamedTuple):
    """A cohort to look at: how to make its tally for a mechanism."""

    seed: int
    people: int
    recipes: Recipes
    rows: tuple[str, ...]
    shift: Floats
    workers: int

    def look(self, mechanism: Mechanism, pilot: bool) -> Tally:
        """Return the tally of the pilot part or of the whole cohort."""
        people = min(PILOT_PEOPLE, self.people) if pilot else self.people
        tally = observe(self.seed, people, mechanism, self.recipes, self.shift, self.workers)
        if tally is None:
            raise ProtocolError(
                Problem("eligibility", "hardly any simulated candidate is eligible", "", "Check the age limits and the pain threshold against age and pain")
            )
        return tally


def solve(
    stage: str,
    scenario: Scenario,
    unknowns: list[Unknown],
    targets: list[Target],
    start: Floats,
    reach: Callable[[Floats, bool], Mapping[str, float]],
) -> Floats:
    """Return the constants at which all targets are met.

    Parameters
    ----------
    reach : callable
        Maps constants, and whether to use the pilot cohort only, to the observed-scale quantities by name.

    Raises
    ------
    ProtocolError
        The targets cannot be met together; the message names those that were missed and what was reached.
    """
    scales = np.array([target.scale for target in targets])
    wanted = np.array([target.value for target in targets])
    low, high = np.array([u.low for u in unknowns]), np.array([u.high for u in unknowns])

    def distance(point: Floats, pilot: bool) -> Floats:
        reached = reach(point, pilot)
        return (np.array([reached[target.name] for target in targets]) - wanted) / scales

    point = start
    for pilot, tolerance in ((True, PILOT_TOLERANCE), (False, TOLERANCE)):
        miss = distance(point, pilot)
        for step in range(MAX_STEPS):
            if np.max(np.abs(miss)) <= tolerance:
                break
            if pilot and step % 3 == 0:
                jacobian = _jacobian(distance, point, miss, unknowns)
            point = np.clip(point - np.linalg.lstsq(jacobian, miss, rcond=1e-10)[0], low, high)
            miss = distance(point, pilot)
    if np.max(np.abs(miss)) > 1.0:
        raise _unreachable(stage, scenario, targets, miss)
    return point


def _jacobian(distance: Callable[[Floats, bool], Floats], point: Floats, miss: Floats, unknowns: list[Unknown]) -> Floats:
    """Return forward differences, stepping inwards where the bound is near."""
    columns = []
    for index, unknown in enumerate(unknowns):
        step = unknown.step if point[index] + unknown.step <= unknown.high else -unknown.step
        moved = point.copy()
        moved[index] += step
        columns.append((distance(moved, True) - miss) / step)
    return np.column_stack(columns)


def _unreachable(stage: str, scenario: Scenario, targets: list[Target], miss: Floats) -> ProtocolError:
    problems = [
        Problem(
            f"scenario {scenario.id}, {target.name}",
            f"the target {target.value:g} cannot be reached together with the others of the {stage}; the nearest is {target.value + off * target.scale:.3f}",
            "",
            "Bring the targets nearer to each other (a bounded score cannot combine every mean, SD and effect)",
        )
        for target, off in zip(targets, miss, strict=True)
        if abs(off) > 1.0
    ]
    return ProtocolError(problems)


def calibrate(scenario: Scenario, draft: Mechanism, recipes: Recipes, rows: tuple[str, ...], seed: int, people: int, workers: int) -> Calibration:
    """Return the calibrated mechanism of a scenario.

    Parameters
    ----------
    draft : Mechanism
        From `odisea.simulate.draft.draft_mechanism`.
    recipes, rows : Recipes, tuple of str
        How analysis rows are made and what they are called.
    seed, people : int
        Key and size of the calibration cohort.
    workers : int
        Threads; nothing depends on their number.
    """
    if scenario.textbook:
        return textbook_calibration(scenario, draft, rows)
    observer = Observer(seed, people, recipes, rows, _shift(scenario, rows), workers)
    scored, score_constants = _solve_score(scenario, draft, observer)
    complete, loss_constants = _solve_losses(scenario, scored, observer)
    tally = observer.look(complete, pilot=False)
    return Calibration(
        complete, {**score_constants, **loss_constants}, achieved(tally, rows), pooled_covariance(tally, rows), truths(tally, rows)
    )


def _shift(scenario: Scenario, rows: tuple[str, ...]) -> Floats:
    guesses = {"odi": scenario.values["odi_mean_baseline"], "vas": scenario.values["pain_mean"], "age": 40.0, "bmi": scenario.values["bmi_mean"]}
    return np.array([*(guesses.get(name.split("@")[0], 0.0) for name in rows), guesses["odi"]])


def _solve_score(scenario: Scenario, draft: Mechanism, observer: Observer) -> tuple[Mechanism, dict[str, float]]:
    unknowns, targets = score_problem(scenario)
    start = np.array([getattr(draft.course, unknown.field) for unknown in unknowns])

    def named(point: Floats) -> dict[str, float]:
        return {unknown.field: float(value) for unknown, value in zip(unknowns, point, strict=True)}

    def reach(point: Floats, pilot: bool) -> Mapping[str, float]:
        return moments(observer.look(with_score(draft, scenario, named(point)), pilot), observer.rows)

    solved = named(solve("score", scenario, unknowns, targets, start, reach))
    return with_score(draft, scenario, solved), solved


def _solve_losses(scenario: Scenario, scored: Mechanism, observer: Observer) -> tuple[Mechanism, dict[str, float]]:
    unknowns, targets = loss_problem(scenario)
    if not unknowns:
        return scored, {}
    guesses = dict(zip((f"log_hazard_{cause}" for cause in CAUSES), scored.dropout.log_hazard, strict=True))
    start = np.array([guesses.get(unknown.field, 0.0) for unknown in unknowns])

    def named(point: Floats) -> dict[str, float]:
        return {unknown.field: float(value) for unknown, value in zip(unknowns, point, strict=True)}

    def reach(point: Floats, pilot: bool) -> Mapping[str, float]:
        return losses(observer.look(with_losses(scored, named(point)), pilot))

    solved = named(solve("losses", scenario, unknowns, targets, start, reach))
    return with_losses(scored, solved), solved


def achieved(tally: Tally, rows: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Return every quantity that the calibration cohort shows, with its Monte Carlo standard error."""
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
        else:
            out[name] = (value, score["odi_sd_week6"] / root)
    out |= {name: (value, float(np.sqrt(abs(value) * (1.0 - abs(value)) / n))) for name, value in loss.items()}
    floors = {name: float(count / n) for name, count in zip(("floor_baseline", "floor_week6_control", "floor_week6_tele"), tally.floor, strict=True)}
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
        "odi_change_sd": (float(change), float(change / np.sqrt(2 * n))), "odi_residual_sd": (float(residual), float(residual / np.sqrt(2 * n))),
        "r2_without_baseline": (r2_without, 2.0 * np.sqrt(r2_without / n)), "r2_beyond_baseline": (r2_all - r2_baseline, 1.0 / np.sqrt(n)),
        "live_sessions": (live, WEEKS / 2 / np.sqrt(n)), "diary_days": (diary, 7 * WEEKS / 2 / np.sqrt(n)),
        "logins": (logins, np.sqrt(max(logins, 1.0) * 4 / n)), "adherence_mean": (dose, dose_sd / np.sqrt(n)), "adherence_sd": (dose_sd, dose_sd / np.sqrt(2 * n)),
    }  # fmt: skip


def pooled_covariance(tally: Tally, rows: tuple[str, ...]) -> Floats:
    """Return the covariance of the analysis rows within arms, week-6 ODI pooled over both arms."""
    means = tally.sums / tally.people[0]
    covariance = tally.products / tally.people[0] - np.outer(means, means)
    programme, control = rows.index("odi@week6"), len(rows)
    pooled = covariance[: len(rows), : len(rows)].copy()
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


def textbook_calibration(scenario: Scenario, draft: Mechanism, rows: tuple[str, ...]) -> Calibration:
    """Return the textbook scenario as its own calibration: its quantities hold by construction and exactly."""
    model = draft.outcome
    covariance = np.eye(len(rows))
    baseline, response = rows.index("odi@baseline"), rows.index("odi@week6")
    covariance[baseline, baseline] = covariance[response, response] = model.sd**2
    covariance[baseline, response] = covariance[response, baseline] = model.correlation * model.sd**2
    exact: dict[str, Any] = {
        "odi_mean_baseline": model.mean, "odi_sd_baseline": model.sd, "control_change": model.change, "odi_sd_week6": model.sd,
        "odi_correlation": model.correlation, "effect": model.effect, "loss_total": model.loss, "loss_difference": 0.0,
    }  # fmt: skip
    shares = np.stack([_normal_changes(-model.change, model), _normal_changes(-model.change - model.effect, model)])
    facts = Truths(model.effect, 0.0, shares, shares * (1.0 - model.loss), float("inf"))
    return Calibration(draft, {}, {name: (float(value), 0.0) for name, value in exact.items()}, covariance, facts)


def _normal_changes(mean: float, model: Any) -> Floats:
    """Return the share of improvements that reach each threshold of the grid but not the next (normal improvements)."""
    sd = model.sd * np.sqrt(2.0 * (1.0 - model.correlation))
    thresholds = np.arange(-100.0, 100.0 + GRID, GRID)
    at_least = np.concatenate([1.0 - ndtr((thresholds - mean) / sd), [0.0]])
    at_least[0] = 1.0
    return at_least[:-1] - at_least[1:]
