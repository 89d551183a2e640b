"""`odisea simulate --describe`: what a simulated cohort looks like, as numbers for one page that a clinician can judge.

One trial is shown person by person (baseline table, flow, trajectories); beside it stands what such trials show on the
whole: means over `REPLICATES` replicates with their Monte Carlo standard errors, and the 10th and 90th percentiles of the
trials. Values are those of the simulated clinic; where a quantity is known to the simulator only (latent disability, the
cause of a loss), its name says so. The record is `describe.json`; `odisea.report.cohort` makes the page from it.

Sources: CONSORT 2025 items 22 (flow) and 25 (baseline table without p values); ADEMP (Morris, White and Crowther,
Statistics in Medicine 2019;38:2074) for the Monte Carlo standard errors.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.data.flow import summarise
from odisea.errors import Problem, ProtocolError
from odisea.protocol.model import Protocol
from odisea.provenance import hashes, timestamp, write_json
from odisea.simulate.assumptions import STOPS, Assumptions, Scenario
from odisea.simulate.calendar_people import count_all_logins, screening_outcomes
from odisea.simulate.draft import screening_criteria
from odisea.simulate.dropout import NEVER
from odisea.simulate.mechanism import (
    ACTIVITY,
    AGE,
    CAUSES,
    CODES,
    COMORBIDITY,
    DECLINED,
    EDUCATION,
    ENROLLED,
    EVENTS,
    FIRST_CRITERION,
    HEIGHT,
    ITEMS,
    LEAVE,
    ODI_BASELINE,
    ODI_WEEK6,
    SEX,
    VAS_BASELINE,
    VAS_WEEK6,
    WEEKS,
    WEIGHT,
    Mechanism,
)
from odisea.simulate.replicate import Cohort, make_cohort, measure, simulate_trial
from odisea.simulate.reported import DAYS_PER_WEEK, HARMS, draw_harms, draw_satisfaction
from odisea.simulate.textbook import Calibration

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Key = tuple[int, int]  # seed and replicate
Record = dict[str, Any]

FILE = "describe.json"
REPLICATES = 200
BAND = (0.1, 0.9)
PEOPLE_PER_ARM = 4
STREAMS = ("engaged", "live", "diary", "logins", "opened")
NUMBERS = ("age_years", "bmi", "education_years", "odi", "vas")
VARIABLES = (
    *("age_years", "bmi", "comorbidity_count", "physical_activity_level", "education_years", "work_leave"),
    *("odi@baseline", "vas@baseline", "odi@week6", "vas@week6", "dose"),
)
DOSE = len(VARIABLES) - 1
OUTCOMES = {"odi": (ODI_BASELINE, ODI_WEEK6), "vas": (VAS_BASELINE, VAS_WEEK6)}
# ODI points; the first bar of the histogram is the score 0 alone. Narrower bars would hold unequal numbers of possible scores.
BAR_WIDTH = 10.0
BARS = 11
CLASS_ENDS = (0.0, 20.0, 40.0, 60.0, 100.0)  # upper ends of the index's usual classes, the score 0 apart
ANSWERS = 6  # categories of an item; a blank item is counted behind them
NAN = float("nan")


class Look(NamedTuple):
    """One trial as the arrays that the page shows; NaN where nobody is there to show it. `a` counts the protocol's arms."""

    streams: Floats  # (5, 6) of everybody allocated to the programme, rows `STREAMS`: shares, and diary days and logins a week
    lost: Floats  # (a, 6) share lost by the end of each week
    causes: Floats  # (a, 4) share lost to each cause
    latent: Floats  # (2, a, 7) means of latent disability and pain at weeks 0 to 6, the lost included
    seen: Floats  # (2, a, 2) means of ODI and VAS at baseline and week 6, as the clinic has them
    scores: Floats  # (1 + a, 11) share of ODI scores by bar: baseline of all, week 6 by arm
    classes: Floats  # (1 + a, 5) the same by class of the index: 0, then up to 20, 40, 60 and 100
    answers: Floats  # (2, 10, 7) share of each answer to each item at both visits; blank last
    events: Floats  # (a, 5) share with each intercurrent event, and of those who start the programme and stop it
    satisfaction: Floats  # (a, 2) mean satisfaction at baseline, and at week 6 of those who come
    harms: Floats  # (a, 4) share who report each harm before they are lost
    correlations: Floats  # (11, 11) within arms, as if nobody were lost; with the dose, within the programme arm
    screening: Floats  # (2 + k,) share of candidates: enrolled, declined, first failed criterion


def write_description(
    folder: Path,
    protocol: Protocol,
    inputs: Iterable[Path],
    assumptions: Assumptions,
    scenario: Scenario,
    calibrated: tuple[Calibration, str],
    participants: int,
    key: Key,
) -> Path:
    """Write FOLDER/describe.json; return its path.

    Parameters
    ----------
    inputs : iterable of Path
        The declarations, whose hashes go into the record.
    calibrated : (Calibration, str)
        The scenario's calibration and its digest.
    participants : int
        Size of the trial.
    key : (seed, replicate)
        The trial that is shown person by person; the averages are over replicates 0 to 199 of the same seed.

    Raises
    ------
    ProtocolError
        The scenario has no people to describe.
    """
    if scenario.textbook:
        raise ProtocolError(
            Problem(
                f"scenario {scenario.id}", "it draws two numbers per participant and has no people to describe", "", "Name another scenario"
            )
        )
    calibration, digest = calibrated
    head = {
        "trial": protocol.trial,
        "scenario": {"id": scenario.id, "label": scenario.label.model_dump(), "about": scenario.about.model_dump()},
        "seed": key[0],
        "replicate": key[1],
        "participants": participants,
        "replicates": REPLICATES,
        "calibration": digest,
        "odisea": version("odisea"),
        "created": timestamp(),
        "inputs": hashes(inputs),
    }
    people = describe(key, calibration.mechanism, scenario.values, participants, protocol)
    labels = {name: event.label.model_dump() for name, event in assumptions.intercurrent_events.items()}
    strategies = {name: event.strategy for name, event in assumptions.intercurrent_events.items()}
    return write_json(
        folder / FILE,
        head | people | {"events": labels, "strategies": strategies, "published": published(assumptions, scenario, calibration)},
    )


class World(NamedTuple):
    """What a trial is simulated from, and what its rows are called."""

    mechanism: Mechanism
    values: Mapping[str, float]  # of the scenario: what people report follows them
    arms: list[str]
    programme: str
    criteria: list[str]


def describe(key: Key, mechanism: Mechanism, values: Mapping[str, float], participants: int, protocol: Protocol) -> Record:
    """Return one trial in numbers, and what `REPLICATES` trials of the same seed show on average.

    Parameters
    ----------
    key : (seed, replicate)
    mechanism : Mechanism
        Calibrated.
    values : mapping of str to float
        The scenario's values.
    participants : int
    protocol : Protocol
        Gives the arms and the criteria.
    """
    arms = [arm.id for arm in protocol.arms]
    criteria = [criterion.id for criterion in screening_criteria(protocol)]
    world = World(mechanism, values, arms, arms[mechanism.allocation.exposed], criteria)
    cohort = make_cohort(participants)
    looks = [look((key[0], number), world, cohort) for number in range(REPLICATES)]
    shown = look(key, world, cohort)
    trial = trial_record(key, world, cohort)
    every = Look(*(np.stack(parts) for parts in zip(*looks, strict=True)))
    return {
        "programme": world.programme,
        "this_trial": trial | laid_out(shown, world, single),
        "usual": laid_out(every, world, spread),
    }


def look(key: Key, world: World, cohort: Cohort) -> Look:
    """Simulate one trial and return what it shows; the cohort holds it afterwards, week 6 as if nobody were lost."""
    mechanism, (seed, replicate) = world.mechanism, key
    simulate_trial(seed, replicate, mechanism, cohort)
    seen = cohort.recorded.copy()
    measure(seed, replicate, mechanism, cohort)
    members = [cohort.arm == arm for arm in range(len(world.arms))]
    satisfaction, harms = reported_satisfaction(key, world.values, cohort), reported_harms(key, world, cohort)
    return Look(
        streams=adherence(seed, replicate, mechanism, cohort),
        lost=np.array([losses_by_week(cohort.week_lost[who]) for who in members]),
        causes=np.array([shares(cohort.cause[who], len(CAUSES)) for who in members]),
        latent=np.array([[column_means(levels[:, who]) for who in members] for levels in (cohort.actual, cohort.pain)]),
        seen=np.array([[[average(seen[row, who]) for row in rows] for who in members] for rows in OUTCOMES.values()]),
        scores=np.array([bars(seen[ODI_BASELINE]), *(bars(seen[ODI_WEEK6, who]) for who in members)]),
        classes=np.array([classes(seen[ODI_BASELINE]), *(classes(seen[ODI_WEEK6, who]) for who in members)]),
        answers=np.stack([item_shares(cohort.items_baseline), item_shares(cohort.items_week6[:, cohort.cause == NEVER])]),
        events=np.array([event_shares(cohort, who) for who in members]),
        satisfaction=np.array([column_means(satisfaction[:, who]) for who in members]),
        harms=np.array([column_means(harms[:, who]) for who in members]),
        correlations=correlations(cohort, len(members)),
        screening=shares(screening_outcomes(seed, replicate, mechanism, cohort), FIRST_CRITERION + len(world.criteria)),
    )


def adherence(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> Floats:
    """Return what everybody allocated to the programme does each week, rows `STREAMS`, shape (5, 6)."""
    logins = count_all_logins(seed, replicate, mechanism, cohort)
    who = cohort.exposed == 1
    return np.array([column_means(rows[:, who]) for rows in (cohort.engaged, cohort.live, cohort.diary, logins, cohort.opened)])


def average(values: Floats) -> float:
    """Return the mean of the known values, NaN where there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else NAN


def column_means(rows: Floats) -> Floats:
    """Return the mean of every row of (weeks, people); NaN where there are no people."""
    return np.array([average(row) for row in rows])


def shares(codes: Ints, count: int) -> Floats:
    """Return the share of people with each code from 0 to count - 1; other codes count as people only."""
    found = np.array([np.count_nonzero(codes == code) for code in range(count)], dtype=np.float64)
    return found / codes.size if codes.size else np.full(count, NAN)


def losses_by_week(week_lost: Ints) -> Floats:
    """Return the share of people lost by the end of each week; `NEVER` is nobody's week."""
    return np.cumsum(shares(week_lost, WEEKS))


def bars(scores: Floats) -> Floats:
    """Return the share of scores by bar: 0 alone, then steps of `BAR_WIDTH`, their upper ends included."""
    known = scores[~np.isnan(scores)]
    return shares(np.ceil(known / BAR_WIDTH - 1e-9).astype(np.int64), BARS)


def classes(scores: Floats) -> Floats:
    """Return the share of scores by class: 0, then above one end of `CLASS_ENDS` up to the next."""
    known = scores[~np.isnan(scores)]
    return shares(np.searchsorted(CLASS_ENDS, known - 1e-9), len(CLASS_ENDS))


def item_shares(items: Floats) -> Floats:
    """Return the share of people with each answer (0 to 5, then blank) to each item, shape (10, 7)."""
    coded = np.where(np.isnan(items), ANSWERS, items).astype(np.int64)
    return np.array([shares(coded[item], ANSWERS + 1) for item in range(ITEMS)])


def event_shares(cohort: Cohort, who: Bools) -> Floats:
    """Return the share of an arm with each intercurrent event, and of its people who start the programme and stop it."""
    happened = np.vstack([cohort.event_week[:, who] >= 0, cohort.engaged[0, who] > cohort.engaged[WEEKS - 1, who]])
    return column_means(happened.astype(np.float64))


def reported_satisfaction(key: Key, values: Mapping[str, float], cohort: Cohort) -> Floats:
    """Return satisfaction (0 to 10) at baseline and week 6, shape (2, n); NaN at week 6 for who is lost."""
    answers = draw_satisfaction(key, values, cohort).astype(np.float64)
    answers[1, cohort.cause != NEVER] = NAN
    return answers


def reported_harms(key: Key, world: World, cohort: Cohort) -> Floats:
    """Return 1 for whoever reports a harm at least once by the end of the week of loss, shape (4, n), rows `HARMS`."""
    out = np.zeros((len(HARMS), cohort.arm.size))
    for harm in draw_harms(key, world.values, world.mechanism, cohort):
        lost = cohort.week_lost[harm.participant]
        if lost == NEVER or harm.first_day < DAYS_PER_WEEK * (lost + 1):
            out[harm.kind, harm.participant] = 1.0
    return out


def variables(cohort: Cohort) -> Floats:
    """Return `VARIABLES` of everybody, shape (11, n)."""
    r = cohort.recorded
    body_mass = r[WEIGHT] / (r[HEIGHT] / 100.0) ** 2
    recorded = (r[AGE], body_mass, r[COMORBIDITY], r[ACTIVITY], r[EDUCATION], r[LEAVE])
    return np.vstack([*recorded, r[ODI_BASELINE], r[VAS_BASELINE], r[ODI_WEEK6], r[VAS_WEEK6], cohort.dose[WEEKS - 1]])


def correlations(cohort: Cohort, arms: int) -> Floats:
    """Return the correlations of `VARIABLES` within arms, of those who have all of them; with the dose, in the programme arm."""
    values = variables(cohort)
    known = ~np.isnan(values).any(axis=0)
    inside = np.full((values.shape[0], 0), NAN)
    for arm in range(arms):
        members = values[:, known & (cohort.arm == arm)]
        inside = np.hstack([inside, members - column_means(members)[:, None]])
    matrix = correlation_matrix(inside)
    exposed = values[:, known & (cohort.exposed == 1)]
    with_dose = correlation_matrix(exposed - column_means(exposed)[:, None])
    matrix[DOSE], matrix[:, DOSE] = with_dose[DOSE], with_dose[:, DOSE]
    return matrix


def correlation_matrix(centred: Floats) -> Floats:
    """Return the correlations of centred rows; NaN where a row does not vary."""
    products = centred @ centred.T
    length = np.sqrt(np.diag(products))
    scale = np.outer(length, length)
    matrix = np.full_like(products, NAN)
    np.divide(products, scale, out=matrix, where=scale > 0.0)
    return matrix


# ---------------------------------------------------------------- the record


def spread(values: Floats) -> Record:
    """Return mean, its Monte Carlo standard error and the 10th and 90th percentile of one value over replicates."""
    known = values[~np.isnan(values)]
    if known.size < 2:
        return dict.fromkeys(("mean", "mcse", "low", "high"))
    low, high = np.quantile(known, BAND)
    mcse = known.std(ddof=1) / np.sqrt(known.size)
    return {"mean": float(known.mean()), "mcse": float(mcse), "low": float(low), "high": float(high)}


def single(value: Floats) -> float | None:
    """Return one trial's own value; None where it has none."""
    return None if np.isnan(value) else float(value)


Cell = Callable[[Floats], Any]


def laid_out(look: Look, world: World, cell: Cell) -> Record:
    """Return the arrays of a look under the names of their rows.

    Parameters
    ----------
    look : Look
        Of one trial, or of many stacked along a first axis.
    cell : callable
        Makes an entry from one value or from that value in all trials.
    """

    def line(values: Floats) -> list[Any]:
        return [cell(values[..., place]) for place in range(values.shape[-1])]

    def named(values: Floats, keys: Iterable[str]) -> Record:
        return {key: cell(values[..., place]) for place, key in enumerate(keys)}

    def by_arm(make: Callable[[int], Any]) -> Record:
        return {arm: make(place) for place, arm in enumerate(world.arms)}

    def by_outcome(values: Floats) -> Record:
        parts = {name: values[..., place, :, :] for place, name in enumerate(OUTCOMES)}
        return {name: {arm: line(part[..., a, :]) for a, arm in enumerate(world.arms)} for name, part in parts.items()}

    return {
        "adherence": {name: line(look.streams[..., row, :]) for row, name in enumerate(STREAMS)},
        "never_started": cell(1.0 - look.streams[..., 0, 0]),
        "lost": by_arm(lambda a: line(look.lost[..., a, :])),
        "causes": by_arm(lambda a: named(look.causes[..., a, :], CAUSES)),
        "latent": by_outcome(look.latent),
        "seen": by_outcome(look.seen),
        "scores": {"baseline": line(look.scores[..., 0, :]), "week6": by_arm(lambda a: line(look.scores[..., 1 + a, :]))},
        "classes": {"baseline": line(look.classes[..., 0, :]), "week6": by_arm(lambda a: line(look.classes[..., 1 + a, :]))},
        "answers": [[line(look.answers[..., visit, item, :]) for item in range(ITEMS)] for visit in range(2)],
        "with_event": by_arm(lambda a: named(look.events[..., a, :], (*EVENTS, STOPS))),
        "satisfaction": by_arm(lambda a: line(look.satisfaction[..., a, :])),
        "harms": by_arm(lambda a: named(look.harms[..., a, :], HARMS)),
        "correlations": [[cell(look.correlations[..., i, j]) for j in range(i)] for i in range(len(VARIABLES))],
        "screening": named(look.screening, ("enrolled", "declined", *world.criteria)),
    }


def trial_record(key: Key, world: World, cohort: Cohort) -> Record:
    """Return what is told of one trial in whole people: screening, arms, baseline, trajectories.

    Parameters
    ----------
    cohort : Cohort
        The trial as `look` leaves it.
    """
    outcome, arms = screening_outcomes(*key, world.mechanism, cohort), world.arms
    members, harms = [cohort.arm == arm for arm in range(len(arms))], reported_harms(key, world, cohort)
    everybody = [*members, np.ones(cohort.arm.size, dtype=np.bool_)]
    return {
        "screened": int(outcome.size),
        "ineligible": {name: int((outcome == FIRST_CRITERION + place).sum()) for place, name in enumerate(world.criteria)},
        "declined": int((outcome == DECLINED).sum()),
        "randomised": int((outcome == ENROLLED).sum()),
        "arms": [arm_record(name, cohort, harms, who) for name, who in zip(arms, members, strict=True)],
        "baseline": [*numbers(cohort, everybody), *categories(cohort, everybody)],
        "bands": {
            name: {arm: quantiles(levels[:, who]) for arm, who in zip(arms, members, strict=True)}
            for name, levels in (("odi", cohort.actual), ("vas", cohort.pain))
        },
        "people": [person(cohort, int(i), arms) for who in members for i in np.flatnonzero(who)[:PEOPLE_PER_ARM]],
    }


def arm_record(name: str, cohort: Cohort, harms: Floats, who: Bools) -> Record:
    """Return the flow of one arm in people; whoever is not offered the programme neither starts nor stops it."""
    started, stayed = cohort.engaged[0, who], cohort.engaged[WEEKS - 1, who]
    offered = bool((cohort.exposed[who] == 1).any())
    there = who & (cohort.cause == NEVER)
    return {
        "arm": name,
        "allocated": int(who.sum()),
        "started": int(started.sum()) if offered else None,
        "stopped": int((started - stayed).sum()) if offered else None,
        "lost_in_week": [int((cohort.week_lost[who] == week).sum()) for week in range(WEEKS)],
        "lost_to": {cause: int((cohort.cause[who] == place).sum()) for place, cause in enumerate(CAUSES)},
        "with_event": {event: int((cohort.event_week[place, who] >= 0).sum()) for place, event in enumerate(EVENTS)},
        "with_harm": {harm: int(harms[place, who].sum()) for place, harm in enumerate(HARMS)},
        "assessed": int(there.sum()),
        "scored": int((~np.isnan(cohort.recorded[ODI_WEEK6, there])).sum()),
    }


def numbers(cohort: Cohort, everybody: list[Bools]) -> list[Record]:
    """Return the baseline table's numbers by arm and, last, of everybody."""
    values = variables(cohort)
    rows = {"age_years": 0, "bmi": 1, "education_years": 4, "odi": 6, "vas": 7}
    cells = {name: [summarise(values[rows[name], who]) for who in everybody] for name in NUMBERS}
    return [
        {"name": name, "cells": [{"n": c.n, "missing": c.missing, "mean": known(c.mean), "sd": known(c.sd)} for c in cells[name]]}
        for name in NUMBERS
    ]


def known(value: float) -> float | None:
    """Return a number for JSON, which has no NaN."""
    return None if np.isnan(value) else float(value)


def categories(cohort: Cohort, everybody: list[Bools]) -> list[Record]:
    """Return the baseline table's categories by arm and, last, of everybody."""
    r = cohort.recorded
    rows: Mapping[str, tuple[Floats, tuple[str, ...]]] = {
        "sex": (r[SEX], CODES["sex"]),
        "comorbidity_count": (r[COMORBIDITY], ("none", "one", "two", "three")),
        "physical_activity_level": (r[ACTIVITY], CODES["physical_activity_level"]),
        "work_leave": (r[LEAVE], CODES["work_leave"]),
    }
    return [{"name": name, "cells": [counts(values[who], codes) for who in everybody]} for name, (values, codes) in rows.items()]


def counts(values: Floats, codes: tuple[str, ...]) -> Record:
    """Return how many people have each code."""
    missing = int(np.isnan(values).sum())
    return {
        "n": values.size - missing,
        "missing": missing,
        "counts": {code: int((values == place).sum()) for place, code in enumerate(codes)},
    }


def quantiles(levels: Floats) -> list[Record]:
    """Return the 10th and 90th percentile of people at weeks 0 to 6."""
    if not levels.shape[1]:
        return [{"low": None, "high": None}] * (WEEKS + 1)
    low, high = np.quantile(levels, BAND, axis=1)
    return [{"low": float(a), "high": float(b)} for a, b in zip(low, high, strict=True)]


def person(cohort: Cohort, i: int, arms: list[str]) -> Record:
    """Return the course of one participant: latent disability by week, and the scores that the clinic has."""
    lost = cohort.week_lost[i] != NEVER
    return {
        "number": i + 1,
        "arm": arms[int(cohort.arm[i])],
        "latent": [float(level) for level in cohort.actual[:, i]],
        "odi_baseline": known(float(cohort.recorded[ODI_BASELINE, i])),
        "odi_week6": None if lost else known(float(cohort.recorded[ODI_WEEK6, i])),
        "lost_in_week": int(cohort.week_lost[i]) + 1 if lost else None,
        "dose": float(cohort.dose[WEEKS - 1, i]),
    }


def published(assumptions: Assumptions, scenario: Scenario, calibration: Calibration) -> list[Record]:
    """Return the assumptions with a published range that the calibration cohort can be held to, and whether it lies inside."""
    rows = []
    for name, parameter in assumptions.parameters.items():
        if parameter.kind == "input" or name not in calibration.achieved:
            continue
        value, mcse = calibration.achieved[name]
        rows.append(
            {
                "name": name,
                "kind": parameter.kind,
                "low": parameter.low,
                "high": parameter.high,
                "unit": parameter.unit,
                "grade": parameter.grade,
                "source": [assumptions.sources[source] for source in parameter.source],
                "changed": name in scenario.changed,
                "value": value,
                "mcse": mcse,
                "inside": bool(parameter.low <= value <= parameter.high),
            }
        )
    return rows
