"""From a scenario's values and the protocol's facts to a mechanism, ready to be calibrated.

Facts of the trial (age limits, pain threshold, arms, ratio, resolution of what is recorded) come from the protocol and its
dictionary; everything else from the scenario. Fields that the targets determine start at a plausible guess.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from odisea.allocation.plan import Factor, scheme
from odisea.data.derive import Recipes, recipes, recorded_columns
from odisea.errors import Problem, ProtocolError
from odisea.protocol.model import Protocol
from odisea.protocol.sections import Criterion
from odisea.simulate.assumptions import CRITERION, LOSS_COVARIATES, LOSS_PARTS, TRAITS, Scenario
from odisea.simulate.mechanism import (
    CODES,
    EVENTS,
    ITEMS,
    PREGNANCY,
    RECORDED,
    RESCUE,
    STRATEGIES,
    SURGERY,
    WEEKS,
    AllocationModel,
    CourseModel,
    DropoutModel,
    EngagementModel,
    EventModel,
    MeasurementModel,
    Mechanism,
    PopulationModel,
    TextbookModel,
)

Floats = NDArray[np.float64]
QUADRATURE_NODES = 40
ITEM_MAX = 5.0
LONGEST_LOGIT = 30.0
SMALLEST_SPREAD = 1e-6
PAIN_AT_BASELINE = "vas@baseline"
CONSENT = "consent_signed"


def draft_mechanism(scenario: Scenario, protocol: Protocol) -> Mechanism:
    """Return the mechanism of a scenario before calibration.

    Raises
    ------
    ProtocolError
        A fact that the simulator needs is a gap, or the values cannot be together.
    """
    values = scenario.values
    return Mechanism(
        textbook=int(scenario.textbook),
        population=population(values, protocol, scenario.id),
        engagement=engagement(values),
        course=course(values),
        events=events(values, scenario.strategies),
        measurement=measurement(values, protocol),
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
    criteria = screening_criteria(protocol)
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
        flare_size=values["flare_size"],
        flare_pain=values["pain_per_disability"],
        criteria=criterion_shares(values, criteria, scenario_id),
        age_place=_place(criteria, "age_years"),
        pain_place=_place(criteria, PAIN_AT_BASELINE),
        consent_logit=consent_logit(values),
        consent_age=values["consent_on_age"],
        consent_leave=values["consent_on_leave"],
        consent_expectation=values["consent_on_expectation"],
        leave_cut=float(ndtri(1.0 - values["sick_leave_share"])),
        leave_loading=values["r_leave_odi"],
        education_mean=values["education_mean"],
        education_sd=values["education_sd"],
        education_loading=values["r_age_education"],
        bmi_log_mean=float(np.log(values["bmi_mean"]) - 0.5 * log_sd**2),
        bmi_log_sd=log_sd,
        height_mean=np.array([values["height_mean_female"], values["height_mean_male"]]),
        height_sd=np.array([values["height_sd"], values["height_sd"]]),
        female_cut=float(ndtri(values["female_share"])),
        comorbidity_cuts=ndtri(comorbidity),
        activity_cuts=ndtri(activity),
        missing_share=values["covariate_missing"],
    )


def screening_criteria(protocol: Protocol) -> tuple[Criterion, ...]:
    """Return the protocol's criteria that screening looks at, in its order: all but consent."""
    every = (*protocol.population.inclusion, *protocol.population.exclusion)
    return tuple(one for one in every if one.check is None or one.check.variable != CONSENT)


def criterion_shares(values: Mapping[str, float], criteria: tuple[Criterion, ...], scenario_id: str) -> Floats:
    """Return the share of candidates who fail each criterion; 0 for those that a trait decides or nothing is assumed of.

    Raises
    ------
    ProtocolError
        A share is assumed for a criterion that the protocol does not have, or that age or pain decides.
    """
    shares = {name.removeprefix(CRITERION): value for name, value in values.items() if name.startswith(CRITERION)}
    by_traits = {one.id for one in criteria if one.check is not None and one.check.variable in ("age_years", PAIN_AT_BASELINE)}
    free = [one.id for one in criteria if one.id not in by_traits]
    problems = [
        Problem(f"scenario {scenario_id}, {CRITERION}{name}", "no such criterion can be assumed", f"criteria: {', '.join(free)}")
        for name in shares
        if name not in free
    ]
    if problems:
        raise ProtocolError(problems)
    return np.array([shares.get(one.id, 0.0) for one in criteria], dtype=np.float64)


def _place(criteria: tuple[Criterion, ...], variable: str) -> int:
    """Return the place of the first criterion on a variable; their number where none is on it."""
    places = [place for place, one in enumerate(criteria) if one.check is not None and one.check.variable == variable]
    return places[0] if places else len(criteria)


def consent_logit(values: Mapping[str, float]) -> float:
    """Return the intercept at which the assumed share of candidates consents (Gauss-Hermite over the traits that move consent)."""
    nodes, weights = _hermite()
    spread = float(np.hypot(values["consent_on_age"], values["consent_on_expectation"]))
    leave = values["sick_leave_share"]

    def excess(logit: float) -> float:
        shares = [float(weights @ _logistic(logit + shift + spread * nodes)) for shift in (0.0, values["consent_on_leave"])]
        return (1.0 - leave) * shares[0] + leave * shares[1] - values["consent_rate"]

    return float(brentq(excess, -LONGEST_LOGIT, LONGEST_LOGIT))


def _hermite() -> tuple[Floats, Floats]:
    """Return nodes and weights (sum 1) for means over a standard normal variable."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES)
    return nodes, weights / weights.sum()


def pain_threshold(protocol: Protocol) -> float:
    """Return the least baseline pain of an eligible person (VAS 0-10), 0 where no criterion asks for one."""
    checks = [c.check for c in protocol.population.inclusion if c.check is not None and c.check.variable == PAIN_AT_BASELINE]
    return max((float(c.value) for c in checks if c.op == "ge" and isinstance(c.value, int | float)), default=0.0)


def correlations(values: Mapping[str, float]) -> Floats:
    """Return the correlation matrix of the baseline traits; pairs without a parameter are 0."""
    matrix = np.eye(len(TRAITS))
    for i, first in enumerate(TRAITS):
        for j, second in enumerate(TRAITS):
            key = f"r_{first}_{second}"
            if key in values:
                matrix[i, j] = matrix[j, i] = values[key]
    return matrix


def mixing(values: Mapping[str, float], scenario_id: str) -> Floats:
    """Return the Cholesky factor of the correlations between the eight baseline traits."""
    matrix = correlations(values)
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

    nodes, weights = _hermite()
    still = (1.0 - _logistic(start - frailty * nodes)) * (1.0 - _logistic(leave - frailty * nodes)) ** weeks[:, None]
    return EngagementModel(
        never_start_logit=start,
        disengage_logit=leave,
        frailty_on_disengagement=frailty,
        pain_on_disengagement=values["pain_on_disengagement"],
        frailty_on_adherence=load,
        adherence_shift=0.0,
        live_logit=_intercepts(fade("live"), still, nodes, weights, load),
        diary_logit=_intercepts(fade("diary") / 7.0, still, nodes, weights, load),
        login_rate=fade("logins"),
        login_size=values["logins_size"],
        done_share=1.0 - values["diary_backfilled"],
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
    """Return the model of latent disability and pain at its starting guess."""
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
        prognosis=values["prognosis"] / prognosis_spread(values),
        flare_weeks=values["flare_weeks"],
        effect=values["effect"] * 1.6,
        effect_log_sd=float(np.sqrt(np.log1p(values["effect_cv"] ** 2))),
        dose_curvature=values["dose_curvature"],
        threshold_weight=values["dose_threshold_weight"],
        threshold=values["dose_threshold"],
        threshold_width=values["dose_threshold_width"],
        attention_share=values["attention_share"],
        leak_share=values["leak_share"],
        leak_effect=values["leak_effect"],
        group_size=whole(values, "live_group_size"),
        group_sd=sd * float(np.sqrt(values["live_icc"])),
        pain_stable=values["pain_stable"],
        pain_own_share=values.get("r_pain_odi", values.get("r_odi_pain", 0.0)),
        pain_per_disability=values["pain_per_disability"],
        pain_natural=values["pain_natural"],
        pain_per_effect=values["pain_per_effect"],
    )


def prognosis_spread(values: Mapping[str, float]) -> float:
    """Return the standard deviation of the traits' sum age + comorbidity - activity."""
    weights = np.array([{"age": 1.0, "comorbidity": 1.0, "activity": -1.0}.get(name, 0.0) for name in TRAITS])
    return float(np.sqrt(max(weights @ correlations(values) @ weights, SMALLEST_SPREAD)))


def whole(values: Mapping[str, float], name: str) -> int:
    """Return a parameter that counts something.

    Raises
    ------
    ProtocolError
        It is no whole number.
    """
    if values[name] != int(values[name]):
        raise ProtocolError(Problem(name, f"the value is {values[name]:g}", "it must be a whole number"))
    return int(values[name])


def events(values: Mapping[str, float], strategies: tuple[str, ...]) -> EventModel:
    """Return the model of intercurrent events; a share over six weeks becomes a weekly probability.

    A programme without an effect changes no events either: those of its arm are then those of the control arm.
    """
    arms = ("control", "control" if values["effect"] == 0.0 else "tele")
    shares = np.array([[values[f"event_share_{event}_{arm}"] for event in EVENTS] for arm in arms])

    def column(what: str) -> Floats:
        return np.array([values[f"event_{what}_{event}"] for event in EVENTS])

    lasts = np.full(len(EVENTS), WEEKS, dtype=np.int64)
    lasts[RESCUE] = whole(values, "rescue_weeks")
    return EventModel(
        probability=-np.expm1(np.log1p(-shares) / WEEKS),
        pain_slope=column("slope"),
        shift=column("odi"),
        pain_shift=column("vas"),
        weeks=lasts,
        stops=np.array([int(event in (SURGERY, PREGNANCY)) for event in range(len(EVENTS))], dtype=np.int64),
        female_only=np.array([int(event == PREGNANCY) for event in range(len(EVENTS))], dtype=np.int64),
        strategy=np.array([STRATEGIES.index(strategy) for strategy in strategies], dtype=np.int64),
    )


def measurement(values: Mapping[str, float], protocol: Protocol) -> MeasurementModel:
    """Return the item model; the item offsets are centred so that they do not move the mean."""
    offsets = np.array([values[f"item_offset_{item:02d}"] for item in range(1, ITEMS + 1)])
    total, stable = values["item_total_sd"], values["item_stable_sd"]
    if stable > total:
        raise ProtocolError(Problem("item_stable_sd", f"the value is {stable:g}", f"it may not be above item_total_sd, {total:g}"))
    instrument = protocol.instrument_of("odi") if "odi" in protocol.outcomes else None
    return MeasurementModel(
        item_width=values["item_width"],
        item_offsets=offsets - offsets.mean(),
        stable_sd=stable,
        transient_sd=float(np.sqrt(total * total - stable * stable)),
        item_max=ITEM_MAX,
        minimum_answered=instrument.minimum_answered.require("instruments.odi.minimum_answered") if instrument else ITEMS,
        blank_sex_life=values["item_blank_sex_life"],
        blank_baseline=values["item_blank_baseline"],
        blank_follow_up=values["item_blank_week6"],
        weekly_pain=int(asks_for_weekly_pain(protocol)),
        weekly_response=values["weekly_pain_answered"],
    )


def asks_for_weekly_pain(protocol: Protocol) -> bool:
    """Return whether the design has a pain score at any of the weeks between its visits, in all arms."""
    pain = protocol.outcomes.get("vas")
    return pain is not None and any(f"week{week}" in pain.visits for week in range(1, WEEKS))


def dropout(values: Mapping[str, float]) -> DropoutModel:
    """Return the model of loss at its starting guess."""
    first, final = values["loss_weight_week1"], values["loss_weight_final"]
    if first + final > 1.0:
        raise ProtocolError(Problem("loss_weight_week1 + loss_weight_final", f"the sum is {first + final:g}", "it may not be above 1"))
    middle = (1.0 - first - final) / (WEEKS - 2)
    shares = loss_shares(values)
    sd = values["odi_sd_week6"]
    return DropoutModel(
        active=(shares > 0.0).astype(np.int64),
        log_hazard=np.log(np.maximum(shares, 1e-6) / (1.0 - 0.5 * values["loss_total"])),
        arm_shift=0.0,
        timing=np.array([first, *[middle] * (WEEKS - 2), final]),
        covariate_slopes=np.array([values[f"loss_slope_{name}"] for name in LOSS_COVARIATES]),
        covariate_centres=np.array(covariate_centres(values)),
        covariate_scales=np.array(covariate_scales(values)),
        adherence_slope=values["loss_slope_adherence"],
        frailty_slope=values["loss_slope_frailty"],
        mnar_slope=np.array([values["mnar_slope_control"], values["mnar_slope_tele"]]),
        disability_centre=values["odi_mean_baseline"],
        disability_scale=sd,
    )


def covariate_centres(values: Mapping[str, float]) -> list[float]:
    """Return roughly the means of `LOSS_COVARIATES`; they only move the hazards' levels, which are solved."""
    three = 1.0 - values["comorbidity_none"] - values["comorbidity_one"] - values["comorbidity_two"]
    comorbidity = values["comorbidity_one"] + 2.0 * values["comorbidity_two"] + 3.0 * three
    activity = values["activity_moderate"] + 2.0 * (1.0 - values["activity_low"] - values["activity_moderate"])
    odi, pain = values["odi_mean_baseline"], values["pain_mean"]
    return [values["age_mean"], values["bmi_mean"], odi, comorbidity, activity, pain, values["education_mean"], values["sick_leave_share"]]


def covariate_scales(values: Mapping[str, float]) -> list[float]:
    """Return roughly the standard deviations of `LOSS_COVARIATES`; 1 for a comorbidity, 0.7 for an activity class."""
    leave = max(values["sick_leave_share"], 0.01)
    spread = float(np.sqrt(leave * (1.0 - min(leave, 0.99))))
    return [values["age_sd"], values["bmi_sd"], values["odi_sd_week6"], 1.0, 0.7, values["pain_sd"], values["education_sd"], spread]


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


def allocation(scenario: Scenario, protocol: Protocol) -> AllocationModel:
    """Return the randomisation of the simulated trial."""
    arms = [arm.id for arm in protocol.arms]
    if scenario.programme_arm not in arms:
        raise ProtocolError(
            Problem("programme_arm", f"the arm {scenario.programme_arm!r} is not in the protocol", f"arms: {', '.join(arms)}")
        )
    ratio = protocol.randomisation.ratio.require("randomisation.ratio")
    factors = scenario.randomisation.factors
    problems = [problem for name, factor in factors.items() for problem in _factor_problems(name, factor)]
    if problems:
        raise ProtocolError(problems)
    cuts = [list(factor.cuts or np.arange(1.0, len(factor.levels))) for factor in factors.values()]
    widest = max((len(one) for one in cuts), default=0)
    return AllocationModel(
        scheme=scheme(scenario.randomisation, ratio),
        exposed=arms.index(scenario.programme_arm),
        factor_rows=np.array([RECORDED.index(factor.column) for factor in factors.values()], dtype=np.int64),
        factor_cuts=np.array([one + [np.inf] * (widest - len(one)) for one in cuts], dtype=np.float64).reshape(len(cuts), widest),
    )


def _factor_problems(name: str, factor: Factor) -> list[Problem]:
    """Return what keeps a factor of the randomisation from being cut from the simulator's records."""
    where = f"randomisation, factor {name}"
    known = [row for row in RECORDED if not row.startswith("vas@week") and row != "odi@week6"]
    if factor.column not in known:
        return [Problem(where, f"the column is {factor.column}", f"simulated before randomisation: {', '.join(known)}")]
    codes = CODES.get(factor.column)
    if (codes is None) != (factor.cuts is not None):
        needed = (
            f"{factor.column} has the codes {', '.join(codes)} and takes no cuts"
            if codes
            else f"{factor.column} is a number and needs cuts"
        )
        return [Problem(where, f"cuts are {factor.cuts}", needed)]
    if codes is not None and factor.levels != codes:
        return [Problem(where, f"levels are {', '.join(factor.levels)}", f"the simulator writes {', '.join(codes)}, in this order")]
    return []


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
