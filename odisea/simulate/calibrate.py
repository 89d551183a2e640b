"""Calibration: the latent constants at which the observed score hits the scenario's targets, and the truth of every estimand.

Two stages, each solved by Newton steps with bounds on draws of its own (a key space that no trial uses): first the score
over all randomised before loss (baseline mean and SD, control change, pooled within-arm week-6 SD, within-arm
correlation, treatment-policy effect, mean adherence, correlation within live-session groups), then the losses (share of
each cause, difference between arms). The Jacobian is taken on a small
part of the cohort and used on the whole: the draws are common, so it hardly differs.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.data.derive import Recipes
from odisea.errors import Problem, ProtocolError
from odisea.simulate.achieved import achieved, losses, moments, occurrences, pooled_covariance, truths
from odisea.simulate.assumptions import Scenario
from odisea.simulate.draft import loss_shares
from odisea.simulate.mechanism import CAUSES, Mechanism
from odisea.simulate.observe import Tally, observe, observe_truths
from odisea.simulate.textbook import Calibration, textbook_calibration

Floats = NDArray[np.float64]

PILOT_PEOPLE = 1 << 16
MAX_STEPS = 20
RENEWAL = 4  # Newton steps that share a Jacobian
PILOT_TOLERANCE = 0.02
# Largest distance from the targets on the whole cohort, in units of `SCALE`: a fifth of what is promised.
TOLERANCE = 0.2
REMEDY = {
    "score": "Bring the targets nearer to each other (a bounded score cannot combine every mean, SD and effect)",
    "losses": "Bring the total loss, its difference between arms and its parts nearer to each other",
}
SCALE = {"mean": 0.05, "sd": 0.05, "correlation": 0.005, "loss": 0.005, "adherence": 0.005, "icc": 0.002}
ENGAGEMENT_CONSTANTS = ("adherence_shift",)


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


def score_problem(scenario: Scenario) -> tuple[list[Unknown], list[Target]]:
    """Return what the first stage solves for, and its targets."""
    values = scenario.values
    unknowns = [
        Unknown("mean", 0.5, -60.0, 160.0),
        Unknown("sd_week6", 0.5, 0.5, 120.0),
        Unknown("stable_share", 0.05, 0.0, 1.0),
        Unknown("natural_change", 0.5, -100.0, 100.0),
        Unknown("adherence_shift", 0.1, -12.0, 12.0),
    ]
    targets = [
        Target("odi_mean_baseline", values["odi_mean_baseline"], SCALE["mean"]),
        Target("odi_sd_week6", values["odi_sd_week6"], SCALE["sd"]),
        Target("odi_correlation", values["odi_correlation"], SCALE["correlation"]),
        Target("control_change", values["control_change"], SCALE["mean"]),
        Target("adherence_mean", values["adherence_mean"], SCALE["adherence"]),
    ]
    if "odi_sd_baseline" not in scenario.follows_the_model:
        unknowns.append(Unknown("sd_baseline", 0.5, 0.5, 120.0))
        targets.append(Target("odi_sd_baseline", values["odi_sd_baseline"], SCALE["sd"]))
    if values["effect"] != 0.0:
        unknowns.append(Unknown("effect", 1.0, -200.0, 200.0))
        targets.append(Target("effect", values["effect"], SCALE["mean"]))
    if values["live_icc"] != 0.0:
        unknowns.append(Unknown("group_sd", 0.5, 0.0, 100.0))
        targets.append(Target("live_icc", values["live_icc"], SCALE["icc"]))
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
    own: dict[str, Any] = {name: solved[name] for name in ENGAGEMENT_CONSTANTS if name in solved}
    rest: dict[str, Any] = {name: value for name, value in solved.items() if name not in own}
    course = mechanism.course._replace(**rest)
    if "odi_sd_baseline" in scenario.follows_the_model:
        course = course._replace(sd_baseline=course.sd_week6 / scenario.values["odi_sd_ratio"])
    if scenario.values["effect"] == 0.0:
        course = course._replace(effect=0.0)
    if scenario.values["live_icc"] == 0.0:
        course = course._replace(group_sd=0.0)
    return mechanism._replace(course=course, engagement=mechanism.engagement._replace(**own))


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
                Problem(
                    "eligibility",
                    "hardly any simulated candidate is eligible",
                    "",
                    "Check the age limits and the pain threshold against age and pain",
                )
            )
        return tally


class Stage(NamedTuple):
    """What one stage solves for and how its constants change the mechanism.

    `reach` reads the observed-scale quantities off a tally; `apply` puts named constants into a mechanism.
    """

    name: str
    unknowns: list[Unknown]
    targets: list[Target]
    reach: Callable[[Tally], Mapping[str, float]]
    apply: Callable[[Mechanism, Mapping[str, float]], Mechanism]

    def named(self, point: Floats) -> dict[str, float]:
        """Return constants by name."""
        return {unknown.field: float(value) for unknown, value in zip(self.unknowns, point, strict=True)}

    def miss(self, tally: Tally) -> Floats:
        """Return the distances from the targets, each in units of its scale."""
        reached = self.reach(tally)
        return np.array([(reached[target.name] - target.value) / target.scale for target in self.targets])

    def step(self, point: Floats, jacobian: Floats, miss: Floats) -> Floats:
        """Return the constants after one Newton step, kept inside their bounds."""
        low, high = np.array([u.low for u in self.unknowns]), np.array([u.high for u in self.unknowns])
        moved: Floats = np.clip(point - np.linalg.lstsq(jacobian, miss, rcond=1e-10)[0], low, high)
        return moved


def solve_on_pilot(stage: Stage, start: Floats, mechanism: Mechanism, observer: Observer) -> tuple[Floats, Floats]:
    """Return the constants that meet a stage's targets on the pilot part of the cohort, and the last Jacobian."""
    point, jacobian = start, np.empty(0)

    def distance(at: Floats) -> Floats:
        return stage.miss(observer.look(stage.apply(mechanism, stage.named(at)), pilot=True))

    miss = distance(point)
    for step in range(MAX_STEPS):
        if step % RENEWAL == 0:
            jacobian = _jacobian(distance, point, miss, stage.unknowns)
        if np.max(np.abs(miss)) <= PILOT_TOLERANCE:
            break
        point = stage.step(point, jacobian, miss)
        miss = distance(point)
    return point, jacobian


def polish(
    scenario: Scenario, stages: list[Stage], points: list[Floats], jacobians: list[Floats], draft: Mechanism, observer: Observer
) -> tuple[Mechanism, list[Floats], Tally]:
    """Return the mechanism, the constants and the tally at which all stages meet their targets on the whole cohort.

    Raises
    ------
    ProtocolError
        The targets cannot be met together; the message names those that were missed and what was reached.
    """
    for _ in range(MAX_STEPS):
        mechanism = draft
        for stage, point in zip(stages, points, strict=True):
            mechanism = stage.apply(mechanism, stage.named(point))
        tally = observer.look(mechanism, pilot=False)
        misses = [stage.miss(tally) for stage in stages]
        if max(np.max(np.abs(miss)) for miss in misses) <= TOLERANCE:
            return mechanism, points, tally
        points = [stage.step(*parts) for stage, *parts in zip(stages, points, jacobians, misses, strict=True)]
    raise _unreachable(scenario, stages, misses)


def _jacobian(distance: Callable[[Floats], Floats], point: Floats, miss: Floats, unknowns: list[Unknown]) -> Floats:
    """Return forward differences, stepping inwards where the bound is near."""
    columns = []
    for index, unknown in enumerate(unknowns):
        step = unknown.step if point[index] + unknown.step <= unknown.high else -unknown.step
        moved = point.copy()
        moved[index] += step
        columns.append((distance(moved) - miss) / step)
    return np.column_stack(columns)


def _unreachable(scenario: Scenario, stages: list[Stage], misses: list[Floats]) -> ProtocolError:
    problems = [
        Problem(
            f"scenario {scenario.id}, {target.name}",
            f"the target {target.value:g} cannot be reached together with the others of the {stage.name}",
            f"the search ended at {target.value + off * target.scale:.3f}",
            REMEDY[stage.name],
        )
        for stage, miss in zip(stages, misses, strict=True)
        for target, off in zip(stage.targets, miss, strict=True)
        if abs(off) > TOLERANCE
    ]
    return ProtocolError(problems)


def calibrate(
    scenario: Scenario, draft: Mechanism, recipes: Recipes, rows: tuple[str, ...], seed: int, people: int, workers: int
) -> Calibration:
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
        return textbook_calibration(draft, rows)
    share = programme_share(draft)
    observer = Observer(seed, people, recipes, rows, _shift(scenario, rows), workers)
    stages, points, jacobians, mechanism = [], [], [], draft
    for stage in (score_stage(scenario, rows, share), loss_stage(scenario, share)):
        if stage.unknowns:
            point, jacobian = solve_on_pilot(stage, _start(stage, mechanism), mechanism, observer)
            mechanism = stage.apply(mechanism, stage.named(point))
            stages.append(stage)
            points.append(point)
            jacobians.append(jacobian)
    mechanism, points, tally = polish(scenario, stages, points, jacobians, draft, observer)
    solved = {name: value for stage, point in zip(stages, points, strict=True) for name, value in stage.named(point).items()}
    more = observe_truths(seed, people, mechanism, scenario.values["recovery_threshold"], workers)
    shown = achieved(tally, rows, share) | occurrences(more)
    facts = truths(tally, more, rows)
    if scenario.values["effect"] == 0.0:  # as declared: groups and the floor leave some hundredths of a point
        facts = facts._replace(estimands=dict.fromkeys(facts.estimands, (0.0, 0.0)))
    return Calibration(mechanism, solved, shown, pooled_covariance(tally, rows, share), facts)


def programme_share(mechanism: Mechanism) -> float:
    """Return the programme arm's part of the allocation ratio; everybody else follows the control condition."""
    ratio = mechanism.allocation.scheme.ratio
    return float(ratio[mechanism.allocation.exposed] / ratio.sum())


def score_stage(scenario: Scenario, rows: tuple[str, ...], share: float) -> Stage:
    """Return the first stage: the score of all randomised, before loss."""
    problem = score_problem(scenario)
    return Stage("score", *problem, lambda tally: moments(tally, rows, share), lambda m, solved: with_score(m, scenario, solved))


def loss_stage(scenario: Scenario, share: float) -> Stage:
    """Return the second stage: the losses; nothing to solve where nobody is lost."""
    return Stage("losses", *loss_problem(scenario), lambda tally: losses(tally, share), with_losses)


def _start(stage: Stage, mechanism: Mechanism) -> Floats:
    """Return the guesses that the draft of the mechanism holds."""
    hazards = {f"log_hazard_{cause}": value for cause, value in zip(CAUSES, mechanism.dropout.log_hazard, strict=True)}
    own = {name: getattr(mechanism.engagement, name) for name in ENGAGEMENT_CONSTANTS}
    guesses = {**mechanism.course._asdict(), **own, **hazards, "arm_shift": mechanism.dropout.arm_shift}
    return np.array([guesses[unknown.field] for unknown in stage.unknowns], dtype=np.float64)


def _shift(scenario: Scenario, rows: tuple[str, ...]) -> Floats:
    guesses = {
        "odi": scenario.values["odi_mean_baseline"],
        "vas": scenario.values["pain_mean"],
        "age": 40.0,
        "bmi": scenario.values["bmi_mean"],
    }
    return np.array([guesses.get(name.split("@")[0], 0.0) for name in rows])
