"""From a scenario's values and the protocol's facts to a mechanism, ready to be calibrated.

Facts of the trial (age limits, pain threshold, arms, ratio, resolution of what is recorded) come from the protocol and its
dictionary; everything else from the scenario. Fields that the targets determine start at a plausible guess.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from odisea.data.derive import Recipes, recipes, recorded_columns
from odisea.errors import Problem, ProtocolError
from odisea.protocol.model import Protocol
from odisea.simulate.assumptions import LOSS_PARTS, TRAITS, Scenario
from odisea.simulate.mechanism import (
    CODES,
    ITEMS,
    RECORDED,
    WEEKS,
    AllocationModel,
    CourseModel,
    DropoutModel,
    EngagementModel,
    MeasurementModel,
    Mechanism,
    PopulationModel,
    TextbookModel,
)

Floats = NDArray[np.float64]
QUADRATURE_NODES = 40
ITEM_MAX = 5.0
LONGEST_LOGIT = 30.0


def draft_mechanism(scenario: Scenario, protocol: Protocol) -> Mechanism:
    """Return the mechanism of a scenario before calibration.

    Raises
    ------
    ProtocolError
        A fact that the simulator needs is a gap, or the correlations cannot be.
    """
    values = scenario.values
    _refuse_unequal_arms(protocol)
    return Mechanism(
        textbook=int(scenario.textbook),
        population=population(values, protocol, scenario.id),
        engagement=engagement(values),
        course=course(values),
        measurement=measurement(values),
        dropout=dropout(values),
        outcome=textbook(values),
        allocation=allocation(scenario, protocol),
    )


def participants(scenario: Scenario, protocol: Protocol) -> int:
    """Return how many participants a replicate of the scenario has."""
    return scenario.participants or protocol.sample_size.total.require("sample_size.total")


def population(values: Mapping[str, float], protocol: Protocol, scenario_id: str) -> PopulationModel:
    """Return the model of who comes and who is eligible."""
    ages = protocol.population.age_years.require("population.age_years")
    share = values["bmi_sd"] / values["bmi_mean"]
    log_sd = float(np.sqrt(np.log1p(share * share)))
    comorbidity = np.cumsum([values["comorbidity_none"], values["comorbidity_one"], values["comorbidity_two"]])
    activity = np.cumsum([values["activity_low"], values["activity_moderate"]])
    return PopulationModel(
        age_mean=values["age_mean"],
        age_sd=values["age_sd"],
        age_min=float(ages.min),
        age_max=float(ages.max),
        pain_mean=values["pain_mean"],
        pain_sd=values["pain_sd"],
        pain_min=pain_threshold(protocol),
        pain_steps=10.0,
        mixing=mixing(values, scenario_id),
        bmi_log_mean=float(np.log(values["bmi_mean"]) - 0.5 * log_sd**2),
        bmi_log_sd=log_sd,
        height_mean=np.array([values["height_mean_female"], values["height_mean_male"]]),
        height_sd=np.array([values["height_sd"], values["height_sd"]]),
        female_cut=float(ndtri(values["female_share"])),
        comorbidity_cuts=ndtri(comorbidity),
        activity_cuts=ndtri(activity),
    )


def pain_threshold(protocol: Protocol) -> float:
    """Return the least baseline pain of an eligible person (VAS 0-10), 0 where no criterion asks for one."""
    checks = [c.check for c in protocol.population.inclusion if c.check is not None and c.check.variable == "vas@baseline"]
    return max((float(c.value) for c in checks if c.op == "ge" and isinstance(c.value, int | float)), default=0.0)


def mixing(values: Mapping[str, float], scenario_id: str) -> Floats:
    """Return the Cholesky factor of the correlations between the six baseline traits; pairs without a parameter are 0."""
    matrix = np.eye(len(TRAITS))
    for i, first in enumerate(TRAITS):
        for j, second in enumerate(TRAITS):
            key = f"r_{first}_{second}"
            if key in values:
                matrix[i, j] = matrix[j, i] = values[key]
    try:
        return np.ascontiguousarray(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        smallest = float(np.linalg.eigvalsh(matrix)[0])
        raise ProtocolError(
            Problem(
                f"scenario {scenario_id}, r_*",
                f"the correlations between {', '.join(TRAITS)} cannot hold together (smallest eigenvalue {smallest:.3f})",
                "a correlation matrix is positive definite",
                "Bring the largest correlations nearer to 0",
            )
        ) from None


def engagement(values: Mapping[str, float]) -> EngagementModel:
    """Return the model of starting, stopping and taking part; the intercepts make the shares hold over everybody allocated."""
    frailty, load = values["frailty_on_disengagement"], values["frailty_on_adherence"]
    start, leave = _logit(values["never_start"]), _logit(values["disengage_week"])
    weeks = np.arange(WEEKS)

    def fade(name: str) -> Floats:
        return np.interp(weeks, [0, WEEKS - 1], [values[f"{name}_first_week"], values[f"{name}_last_week"]])

    nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES)
    weights = weights / weights.sum()
    still = (1.0 - _logistic(start - frailty * nodes)) * (1.0 - _logistic(leave - frailty * nodes)) ** weeks[:, None]
    return EngagementModel(
        never_start_logit=start,
        disengage_logit=leave,
        frailty_on_disengagement=frailty,
        frailty_on_adherence=load,
        live_logit=_intercepts(fade("live"), still, nodes, weights, load),
        diary_logit=_intercepts(fade("diary") / 7.0, still, nodes, weights, load),
        login_rate=fade("logins"),
        dose_weights=np.array([values["dose_weight_live"], values["dose_weight_exercise"], values["dose_weight_modules"]]),
    )


def _intercepts(shares: Floats, still: Floats, nodes: Floats, weights: Floats, load: float) -> Floats:
    """Return the weekly logits at which a share holds over everybody, given who is still engaged (Gauss-Hermite over frailty)."""

    def excess(logit: float, week: int) -> float:
        return float(np.sum(weights * still[week] * _logistic(logit + load * nodes)) - shares[week])

    out = []
    for week, share in enumerate(shares):
        reachable = float(np.sum(weights * still[week]))
        if share >= reachable:
            raise ProtocolError(
                Problem(
                    f"weekly adherence, week {week + 1}",
                    f"a share of {share:.2f} is assumed to take part, but only {reachable:.2f} is still engaged",
                    "",
                    "Lower the share, never_start or disengage_week",
                )
            )
        out.append(brentq(excess, -LONGEST_LOGIT, LONGEST_LOGIT, args=(week,)))
    return np.array(out)


def course(values: Mapping[str, float]) -> CourseModel:
    """Return the model of latent disability at its starting guess."""
    sd = values["odi_sd_week6"]
    return CourseModel(
        mean=values["odi_mean_baseline"],
        sd_baseline=sd / values["odi_sd_ratio"],
        sd_week6=sd,
        stable_share=values["odi_correlation"],
        weekly_correlation=values["state_weekly_correlation"],
        natural_change=-values["control_change"],
        natural_cv=values["natural_cv"],
        natural_weeks=values["natural_weeks"],
        effect=values["effect"] * 1.6,
        effect_log_sd=float(np.sqrt(np.log1p(values["effect_cv"] ** 2))),
        dose_curvature=values["dose_curvature"],
        pain_follow_up_loading=values["pain_follow_up_loading"],
        pain_per_disability=values["pain_per_disability"],
    )


def measurement(values: Mapping[str, float]) -> MeasurementModel:
    """Return the item model; the item offsets are centred so that they do not move the mean."""
    offsets = np.array([values[f"item_offset_{item:02d}"] for item in range(1, ITEMS + 1)])
    total, stable = values["item_total_sd"], values["item_stable_sd"]
    if stable > total:
        raise ProtocolError(Problem("item_stable_sd", f"the value is {stable:g}", f"it may not be above item_total_sd, {total:g}"))
    transient = float(np.sqrt(total * total - stable * stable))
    return MeasurementModel(values["item_width"], offsets - offsets.mean(), stable, transient, ITEM_MAX)


def dropout(values: Mapping[str, float]) -> DropoutModel:
    """Return the model of loss at its starting guess."""
    first, final = values["loss_weight_week1"], values["loss_weight_final"]
    if first + final > 1.0:
        raise ProtocolError(Problem("loss_weight_week1 + loss_weight_final", f"the sum is {first + final:g}", "it may not be above 1"))
    middle = (1.0 - first - final) / (WEEKS - 2)
    shares = loss_shares(values)
    slopes = [values[f"loss_slope_{name}"] for name in ("age", "bmi", "odi", "comorbidity", "activity", "pain")]
    three = 1.0 - values["comorbidity_none"] - values["comorbidity_one"] - values["comorbidity_two"]
    comorbidity = values["comorbidity_one"] + 2.0 * values["comorbidity_two"] + 3.0 * three
    activity = values["activity_moderate"] + 2.0 * (1.0 - values["activity_low"] - values["activity_moderate"])
    sd = values["odi_sd_week6"]
    return DropoutModel(
        active=(shares > 0.0).astype(np.int64),
        log_hazard=np.log(np.maximum(shares, 1e-6) / (1.0 - 0.5 * values["loss_total"])),
        arm_shift=0.0,
        timing=np.array([first, *[middle] * (WEEKS - 2), final]),
        covariate_slopes=np.array(slopes),
        covariate_centres=np.array(
            [values["age_mean"], values["bmi_mean"], values["odi_mean_baseline"], comorbidity, activity, values["pain_mean"]]
        ),
        covariate_scales=np.array([values["age_sd"], values["bmi_sd"], sd, 1.0, 0.7, values["pain_sd"]]),
        adherence_slope=values["loss_slope_adherence"],
        mnar_slope=np.array([values["mnar_slope_control"], values["mnar_slope_tele"]]),
        disability_centre=values["odi_mean_baseline"],
        disability_scale=sd,
    )


def loss_shares(values: Mapping[str, float]) -> Floats:
    """Return the share of all randomised first lost to each cause, in the order of `odisea.simulate.mechanism.CAUSES`."""
    return values["loss_total"] * np.array([values[name] for name in LOSS_PARTS])


def textbook(values: Mapping[str, float]) -> TextbookModel:
    """Return the bivariate normal model; week-6 SD and baseline SD are the same number."""
    return TextbookModel(
        mean=values["odi_mean_baseline"],
        sd=values["odi_sd_week6"],
        correlation=values["odi_correlation"],
        change=values["control_change"],
        effect=values["effect"],
        loss=values["loss_total"],
    )


def _refuse_unequal_arms(protocol: Protocol) -> None:
    """Refuse what calibration would get wrong: it gives the arm with and the arm without the programme equal weight."""
    ratio = protocol.randomisation.ratio.require("randomisation.ratio")
    if len(ratio) != 2 or ratio[0] != ratio[1]:
        raise ProtocolError(
            Problem(
                "randomisation.ratio",
                f"the ratio is {list(ratio)}",
                "simulated so far are two arms of equal size",
                "The analysis of real data takes any ratio and number of arms",
            )
        )


def allocation(scenario: Scenario, protocol: Protocol) -> AllocationModel:
    """Return the randomisation of the simulated trial."""
    arms = [arm.id for arm in protocol.arms]
    if scenario.programme_arm not in arms:
        raise ProtocolError(
            Problem("programme_arm", f"the arm {scenario.programme_arm!r} is not in the protocol", f"arms: {', '.join(arms)}")
        )
    ratio = protocol.randomisation.ratio.require("randomisation.ratio")
    odd = [size for size in scenario.block_sizes if size <= 0 or size % sum(ratio)]
    if odd:
        raise ProtocolError(
            Problem("block_sizes", f"{odd} cannot be", f"a block size is a multiple of {sum(ratio)}, the sum of the ratio {list(ratio)}")
        )
    return AllocationModel(
        np.array(scenario.block_sizes, dtype=np.int64), np.array(ratio, dtype=np.int64), arms.index(scenario.programme_arm)
    )


def simulated_recipes(protocol: Protocol) -> Recipes:
    """Return the protocol's recipes with sources pointing at the simulator's recorded rows.

    Raises
    ------
    ProtocolError
        The protocol's analyses need something that the simulator does not simulate, or code a category differently.
    """
    columns = recorded_columns(protocol)
    unknown = [name for name in columns if name not in RECORDED]
    problems = [
        Problem(f"recorded column {name}", "the simulator does not simulate it", f"it simulates {', '.join(RECORDED)}") for name in unknown
    ]
    participants_file = protocol.dictionary.files["participants.csv"].columns
    for name, codes in CODES.items():
        declared = participants_file[name].codes if name in participants_file else None
        if name in columns and tuple(declared or ())[: len(codes)] != codes:
            problems.append(Problem(f"participants.csv, column {name}", f"codes are {declared}", f"the simulator writes {list(codes)}"))
    if problems:
        raise ProtocolError(problems)
    place = np.array([RECORDED.index(name) for name in columns] + [-1], dtype=np.int64)
    declared_recipes = recipes(protocol)
    return declared_recipes._replace(source=place[declared_recipes.source], second=place[declared_recipes.second])


def _logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))


def _logistic(x: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-x))
