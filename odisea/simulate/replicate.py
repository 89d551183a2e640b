"""One simulated trial as arrays: enrol, randomise, six weeks, measure, lose.

`simulate_trial` is a pure function of (seed, replicate, mechanism, size): it fills a `Cohort` whose arrays are made once
and used again. `recorded` is what a clinic would hold; everything else about a person is known to the simulator only.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.allocation.blocks import permuted_blocks
from odisea.compiled import compiled
from odisea.data.instruments import score_items_into
from odisea.simulate.course import add_programme, draw_sensitivity, draw_untreated
from odisea.simulate.dropout import NEVER, covariate_score, draw_loss
from odisea.simulate.engagement import accumulate_dose, draw_adherence, draw_engagement
from odisea.simulate.measurement import answer_items, draw_stable, follow_up_pain
from odisea.simulate.mechanism import (
    ITEMS,
    ODI_BASELINE,
    ODI_WEEK6,
    RECORDED,
    VAS_WEEK6,
    WEEKS,
    Mechanism,
)
from odisea.simulate.population import (
    TRAIT_DISABILITY,
    TRAIT_FRAILTY,
    TRAIT_PAIN,
    TRAIT_ROTATION,
    draw_traits,
    record_baseline,
    recorded_pain,
    select_eligible,
)
from odisea.streams import MAX_UNITS, Purpose, fill_normal, fill_uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BASELINE_ITEMS = int(Purpose.ITEM_BASELINE)
FOLLOW_UP_ITEMS = int(Purpose.ITEM_FOLLOW_UP)
TEXTBOOK_OUTCOME = int(Purpose.TEXTBOOK_OUTCOME)
TEXTBOOK_LOSS = int(Purpose.TEXTBOOK_LOSS)
N_TRAITS = 8


class Cohort(NamedTuple):
    """Arrays over n participants in the order of enrolment; made by `make_cohort`."""

    units: Ints  # (n,) candidate numbers
    arm: Ints  # (n,) index in the protocol's arms
    exposed: Ints  # (n,) 1 in the programme arm
    traits: Floats  # (8, n)
    engaged: Floats  # (6, n)
    live: Floats  # (6, n)
    diary: Floats  # (6, n)
    logins: Floats  # (6, n)
    dose: Floats  # (6, n)
    sensitivity: Floats  # (n,)
    untreated: Floats  # (7, n) latent disability without the programme
    actual: Floats  # (7, n) latent disability under the allocated arm
    stable: Floats  # (12, n)
    items_baseline: Floats  # (10, n)
    items_week6: Floats  # (10, n)
    score: Floats  # (n,) covariate part of the log hazard of loss
    week_lost: Ints  # (n,)
    cause: Ints  # (n,)
    recorded: Floats  # (10, n) rows `RECORDED`
    scratch: Floats  # (4, n)


def make_cohort(n: int) -> Cohort:
    """Return empty arrays for n participants."""

    def rows(count: int) -> Floats:
        return np.zeros((count, n))

    def whole() -> Ints:
        return np.zeros(n, dtype=np.int64)

    return Cohort(
        units=whole(),
        arm=whole(),
        exposed=whole(),
        traits=rows(N_TRAITS),
        engaged=rows(WEEKS),
        live=rows(WEEKS),
        diary=rows(WEEKS),
        logins=rows(WEEKS),
        dose=rows(WEEKS),
        sensitivity=np.zeros(n),
        untreated=rows(WEEKS + 1),
        actual=rows(WEEKS + 1),
        stable=rows(12),
        items_baseline=rows(ITEMS),
        items_week6=rows(ITEMS),
        score=np.zeros(n),
        week_lost=whole(),
        cause=whole(),
        recorded=rows(len(RECORDED)),
        scratch=rows(4),
    )


@compiled
def simulate_trial(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> bool:
    """Fill a cohort with one trial; return whether enough eligible candidates were found."""
    allocation = mechanism.allocation
    permuted_blocks(seed, replicate, allocation.sizes, allocation.ratio, cohort.arm)
    for i in range(cohort.arm.size):
        cohort.exposed[i] = 1 if cohort.arm[i] == allocation.exposed else 0
    if mechanism.textbook == 1:
        textbook_trial(seed, replicate, mechanism, cohort)
        return True
    if not enrol(seed, replicate, mechanism, cohort):
        return False
    live_through(seed, replicate, mechanism, cohort)
    measure(seed, replicate, mechanism, cohort)
    lose(seed, replicate, mechanism, cohort)
    return True


@compiled
def enrol(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> bool:
    """Screen candidates in order until the cohort is full; record the baseline visit except the ODI."""
    model = mechanism.population
    n = cohort.units.size
    size = n + n // 4 + 8
    units = np.empty(size, dtype=np.int64)
    traits, pain = np.empty((N_TRAITS, size)), np.empty(size)
    chosen = np.empty(size, dtype=np.int64)
    found, first = 0, 0
    while found < n and first + size <= MAX_UNITS:
        for i in range(size):
            units[i] = first + i
        draw_traits(seed, replicate, units, model.mixing, traits)
        recorded_pain(model, traits[TRAIT_PAIN], pain)
        eligible = select_eligible(model, traits, pain, chosen)
        take = min(eligible, n - found)
        for i in range(take):
            cohort.units[found + i] = units[chosen[i]]
        for trait in range(N_TRAITS):
            source, target = traits[trait], cohort.traits[trait]
            for i in range(take):
                target[found + i] = source[chosen[i]]
        found += take
        first += size
    record_baseline(seed, replicate, model, cohort.units, cohort.traits, cohort.scratch, cohort.recorded)
    return found == n


@compiled
def live_through(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> None:
    """Fill engagement, adherence, dose and latent disability under the allocated arm."""
    c = cohort
    frailty = c.traits[TRAIT_FRAILTY]
    draw_engagement(seed, replicate, mechanism.engagement, c.units, frailty, c.engaged)
    for week in range(WEEKS):
        for i in range(c.exposed.size):
            c.engaged[week, i] *= c.exposed[i]
    draw_adherence(seed, replicate, mechanism.engagement, c.units, frailty, c.engaged, c.live, c.diary, c.logins)
    accumulate_dose(mechanism.engagement, c.live, c.diary, c.logins, c.dose)
    draw_untreated(seed, replicate, mechanism.course, c.units, c.traits[TRAIT_DISABILITY], c.traits[TRAIT_ROTATION], c.untreated)
    draw_sensitivity(seed, replicate, mechanism.course, c.units, c.sensitivity)
    add_programme(mechanism.course, c.dose, c.sensitivity, c.untreated, c.actual)


@compiled
def measure(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> None:
    """Fill the ODI items and totals of both visits and pain at week 6, as if nobody were lost."""
    c, model = cohort, mechanism.measurement
    draw_stable(seed, replicate, c.units, c.stable)
    answer_items(seed, replicate, BASELINE_ITEMS, model, c.units, c.stable, c.actual[0], c.items_baseline)
    answer_items(seed, replicate, FOLLOW_UP_ITEMS, model, c.units, c.stable, c.actual[WEEKS], c.items_week6)
    score_items_into(c.items_baseline, model.item_max, ITEMS, c.scratch[0], c.recorded[ODI_BASELINE])
    score_items_into(c.items_week6, model.item_max, ITEMS, c.scratch[0], c.recorded[ODI_WEEK6])
    change = c.scratch[1]
    for i in range(change.size):
        change[i] = c.actual[WEEKS, i] - c.actual[0, i]
    follow_up_pain(seed, replicate, mechanism.population, mechanism.course, c.units, c.traits[TRAIT_PAIN], change, c.recorded[VAS_WEEK6])


@compiled
def lose(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> None:
    """Draw the losses and blank the week-6 values of the lost."""
    c, model = cohort, mechanism.dropout
    covariate_score(model, c.recorded, c.score)
    draw_loss(seed, replicate, model, c.units, c.exposed, c.score, c.live, c.diary, c.actual, c.week_lost, c.cause)
    blank_lost(c)


@compiled
def blank_lost(cohort: Cohort) -> None:
    """Blank the week-6 values of everybody with a week of loss."""
    for i in range(cohort.cause.size):
        if cohort.week_lost[i] != NEVER:
            cohort.recorded[ODI_WEEK6, i] = np.nan
            cohort.recorded[VAS_WEEK6, i] = np.nan


@compiled
def textbook_trial(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> None:
    """Fill a cohort with bivariate normal outcomes lost completely at random; everybody who comes is eligible."""
    c, model = cohort, mechanism.outcome
    for i in range(c.units.size):
        c.units[i] = i
    draw_traits(seed, replicate, c.units, mechanism.population.mixing, c.traits)
    record_baseline(seed, replicate, mechanism.population, c.units, c.traits, c.scratch, c.recorded)
    fill_normal(seed, replicate, TEXTBOOK_OUTCOME, 0, c.units, c.scratch)
    rest = np.sqrt(1.0 - model.correlation**2)
    for i in range(c.units.size):
        first, second = c.scratch[0, i], c.scratch[1, i]
        c.recorded[ODI_BASELINE, i] = model.mean + model.sd * first
        follow_up = model.mean + model.change + model.sd * (model.correlation * first + rest * second)
        c.recorded[ODI_WEEK6, i] = follow_up + model.effect * c.exposed[i]
        c.recorded[VAS_WEEK6, i] = c.recorded[VAS_WEEK6 - 1, i]
    fill_uniform(seed, replicate, TEXTBOOK_LOSS, 0, c.units, c.scratch)
    for i in range(c.units.size):
        lost = c.scratch[0, i] < model.loss
        c.week_lost[i] = WEEKS - 1 if lost else NEVER
        c.cause[i] = 0 if lost else NEVER
    blank_lost(c)
