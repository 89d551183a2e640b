"""One simulated trial as arrays: screen, enrol, randomise, six weeks, measure, lose.

`simulate_trial` is a pure function of (seed, replicate, mechanism, size): it fills a `Cohort` whose arrays are made once
and used again. `recorded` is what a clinic would hold; everything else about a person is known to the simulator only.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.allocation.methods import allocate
from odisea.compiled import compiled
from odisea.data.instruments import score_items_into
from odisea.simulate.course import (
    draw_groups,
    draw_leaks,
    draw_pain_noise,
    draw_sensitivity,
    draw_untreated,
    programme_effect,
    weekly_pain,
)
from odisea.simulate.dropout import NEVER, covariate_score, draw_loss
from odisea.simulate.engagement import add_dose, stay_engaged, take_part
from odisea.simulate.events import NOT_YET, draw_events, event_shifts, stop_by_events
from odisea.simulate.measurement import answer_items, draw_stable, leave_blank
from odisea.simulate.mechanism import (
    AS_TREATED,
    ENROLLED,
    EVENTS,
    ITEMS,
    MAY_BE_MISSING,
    ODI_BASELINE,
    ODI_WEEK6,
    RECORDED,
    SEX,
    VAS_BASELINE,
    VAS_WEEK1,
    VAS_WEEK6,
    WEEKS,
    AllocationModel,
    Mechanism,
    Regime,
)
from odisea.simulate.population import (
    N_TRAITS,
    TRAIT_DISABILITY,
    TRAIT_FLARE,
    TRAIT_FRAILTY,
    TRAIT_PAIN,
    baseline_pain,
    draw_traits,
    meet_free_criteria,
    record_baseline,
    record_pain,
    screen,
)
from odisea.streams import MAX_UNITS, Purpose, fill_normal, fill_uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BASELINE_ITEMS = int(Purpose.ITEM_BASELINE)
FOLLOW_UP_ITEMS = int(Purpose.ITEM_FOLLOW_UP)
TEXTBOOK_OUTCOME = int(Purpose.TEXTBOOK_OUTCOME)
TEXTBOOK_LOSS = int(Purpose.TEXTBOOK_LOSS)
FORGOTTEN = int(Purpose.COVARIATE_MISSING)
MESSAGES = int(Purpose.WEEKLY_MESSAGE)
CANDIDATES_PER_PLACE = 3.75  # candidates looked at together, per place in the trial: mostly enough for all of it
PROGRAMME_ROWS = 16  # work space per participant of the programme arm
BASELINE_BLANK, FOLLOW_UP_BLANK = 1, 2  # draws of `leave_blank`


class Cohort(NamedTuple):
    """Arrays over n participants in the order of enrolment; made by `make_cohort`."""

    units: Ints  # (n,) candidate numbers
    arm: Ints  # (n,) index in the protocol's arms
    exposed: Ints  # (n,) 1 in the programme arm
    group: Ints  # (n,) live-session group, -1 in the control arm
    traits: Floats  # (12, n)
    engaged: Floats  # (6, n)
    live: Floats  # (6, n)
    diary: Floats  # (6, n)
    opened: Floats  # (6, n) whether the platform was opened
    dose: Floats  # (6, n)
    sensitivity: Floats  # (n,)
    leak: Floats  # (n,) part of the full effect that reaches a control
    group_effect: Floats  # (n,) ODI points at week 6
    event_week: Floats  # (4, n) week (0 to 5) of each intercurrent event, -1 where it does not happen
    programme: Floats  # (n,) the programme's effect at week 6, ODI points
    untreated: Floats  # (7, n) latent disability without programme, group and events
    actual: Floats  # (7, n) latent disability under the allocated arm
    pain: Floats  # (7, n) latent pain under the allocated arm
    noise: Floats  # (8, n) what is new in pain each week; rows 0 to 5
    stable: Floats  # (12, n)
    items_baseline: Floats  # (10, n)
    items_week6: Floats  # (10, n)
    score: Floats  # (n,) covariate part of the log hazard of loss
    week_lost: Ints  # (n,)
    cause: Ints  # (n,)
    recorded: Floats  # (17, n) rows `RECORDED`
    scratch: Floats  # (8, n)


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
        group=whole(),
        traits=rows(N_TRAITS),
        engaged=rows(WEEKS),
        live=rows(WEEKS),
        diary=rows(WEEKS),
        opened=rows(WEEKS),
        dose=rows(WEEKS),
        sensitivity=np.zeros(n),
        leak=np.zeros(n),
        group_effect=np.zeros(n),
        event_week=np.full((len(EVENTS), n), NOT_YET),
        programme=np.zeros(n),
        untreated=rows(WEEKS + 1),
        actual=rows(WEEKS + 1),
        pain=rows(WEEKS + 1),
        noise=rows(8),
        stable=rows(12),
        items_baseline=rows(ITEMS),
        items_week6=rows(ITEMS),
        score=np.zeros(n),
        week_lost=whole(),
        cause=whole(),
        recorded=rows(len(RECORDED)),
        scratch=rows(8),
    )


@compiled
def simulate_trial(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> bool:
    """Fill a cohort with one trial; return whether enough candidates could be enrolled."""
    if mechanism.textbook == 1:
        textbook_trial(seed, replicate, mechanism, cohort)
        return True
    if not enrol(seed, replicate, mechanism, cohort):
        return False
    begin(seed, replicate, mechanism, cohort)
    randomise(seed, replicate, mechanism.allocation, cohort)
    live_through(seed, replicate, mechanism, AS_TREATED, cohort)
    measure(seed, replicate, mechanism, cohort)
    lose(seed, replicate, mechanism, cohort)
    forget(seed, replicate, mechanism, cohort)
    return True


@compiled
def enrol(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> bool:
    """Screen candidates in order until the cohort is full; record the baseline visit except the ODI."""
    model = mechanism.population
    n = cohort.units.size
    size = int(CANDIDATES_PER_PLACE * n) + 8
    found, first = 0, 0
    while found < n and first + size <= MAX_UNITS:
        # Whom a criterion without a trait excludes is out whatever the traits are: they are not drawn.
        units = meet_free_criteria(seed, replicate, model, np.arange(first, first + size))
        traits, pain, outcome = np.empty((N_TRAITS, units.size)), np.empty(units.size), np.empty(units.size, dtype=np.int64)
        draw_traits(seed, replicate, units, model.mixing, traits)
        baseline_pain(model, traits[TRAIT_PAIN], traits[TRAIT_FLARE], pain)
        record_pain(model, pain, pain)
        screen(seed, replicate, model, units, traits, pain, outcome)
        found = take_enrolled(units, outcome, traits, found, cohort.units, cohort.traits)
        first += size
    record_baseline(seed, replicate, model, cohort.units, cohort.traits, cohort.scratch[0:4], cohort.recorded)
    return found == n


@compiled
def take_enrolled(units: Ints, outcome: Ints, traits: Floats, found: int, own_units: Ints, own_traits: Floats) -> int:
    """Copy the enrolled candidates behind the `found` ones that are there already; return how many are there then."""
    chosen = np.flatnonzero(outcome == ENROLLED)[: own_units.size - found]
    for i in range(chosen.size):
        own_units[found + i] = units[chosen[i]]
    for trait in range(N_TRAITS):
        source, target = traits[trait], own_traits[trait]
        for i in range(chosen.size):
            target[found + i] = source[chosen[i]]
    return found + chosen.size


@compiled
def begin(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> None:
    """Fill what no arm changes: the course without the programme, sensitivity, errors of measurement, the baseline visit."""
    c, model = cohort, mechanism.measurement
    draw_untreated(seed, replicate, mechanism.course, mechanism.population.flare_size, c.units, c.traits, c.untreated)
    draw_sensitivity(seed, replicate, mechanism.course, c.units, c.sensitivity)
    draw_pain_noise(seed, replicate, c.units, c.noise)
    baseline_pain(mechanism.population, c.traits[TRAIT_PAIN], c.traits[TRAIT_FLARE], c.pain[0])
    c.actual[0, :] = c.untreated[0]
    draw_stable(seed, replicate, c.units, c.stable)
    answer_items(seed, replicate, BASELINE_ITEMS, model, c.units, c.stable, c.actual[0], c.items_baseline)
    leave_blank(seed, replicate, model.blank_sex_life, model.blank_baseline, BASELINE_BLANK, c.units, c.items_baseline)
    score_items_into(c.items_baseline, model.item_max, model.minimum_answered, c.scratch[0], c.recorded[ODI_BASELINE])


@compiled
def randomise(seed: int, replicate: int, model: AllocationModel, cohort: Cohort) -> None:
    """Fill arm and exposure, by the randomisation method and the factors that it stratifies by or balances."""
    n = cohort.arm.size
    factors = np.zeros((model.factor_rows.size, n), dtype=np.int64)
    for factor in range(model.factor_rows.size):
        value, level = cohort.recorded[model.factor_rows[factor]], factors[factor]
        for cut in model.factor_cuts[factor]:
            for i in range(n):
                level[i] += 1 if value[i] >= cut else 0
    allocate(seed, replicate, model.scheme, factors, cohort.arm)
    for i in range(n):
        cohort.exposed[i] = 1 if cohort.arm[i] == model.exposed else 0


@compiled
def live_through(seed: int, replicate: int, mechanism: Mechanism, regime: Regime, cohort: Cohort) -> None:
    """Fill engagement, adherence, dose, events, latent disability and pain of six weeks under the allocated arm."""
    c, course = cohort, mechanism.course
    draw_leaks(seed, replicate, course, c.units, c.exposed, c.leak)
    draw_groups(seed, replicate, course, c.exposed, c.group, c.group_effect)
    c.event_week[:] = NOT_YET
    who = np.flatnonzero(c.exposed == 1)
    programme = np.empty((PROGRAMME_ROWS, who.size))
    for week in range(WEEKS):
        happen(seed, replicate, mechanism, regime, week, c)
        follow_programme(seed, replicate, mechanism, regime, week, who, programme, c)
        be_moved(mechanism, week, c)


@compiled
def happen(seed: int, replicate: int, mechanism: Mechanism, regime: Regime, week: int, cohort: Cohort) -> None:
    """Draw the intercurrent events of one week (0 is the first), given pain at its beginning."""
    c, excess = cohort, cohort.scratch[4]
    for i in range(excess.size):
        excess[i] = c.pain[week, i] - mechanism.population.pain_mean
    male, work = c.recorded[SEX], c.scratch[0:4]
    draw_events(seed, replicate, mechanism.events, week, regime.by_strategy, c.units, c.exposed, male, excess, c.event_week, work)


@compiled
def follow_programme(
    seed: int, replicate: int, mechanism: Mechanism, regime: Regime, week: int, who: Ints, rows: Floats, cohort: Cohort
) -> None:
    """Fill engagement, adherence and dose of one week (0 is the first); controls have none.

    Parameters
    ----------
    who : int64 (m,)
        Places of those allocated to the programme: only their week is worked out.
    rows : float64 (PROGRAMME_ROWS, m)
        Work space.
    """
    c, model = cohort, mechanism.engagement
    units = c.units[who]
    frailty, rise, before, now, work = rows[0], rows[1], rows[2], rows[3], rows[9:16]
    for i in range(who.size):
        frailty[i] = c.traits[TRAIT_FRAILTY, who[i]]
        rise[i] = c.pain[week, who[i]] - c.pain[0, who[i]]
        before[i] = 1.0 if week == 0 else c.engaged[week - 1, who[i]]
        rows[8, i] = 0.0 if week == 0 else c.dose[week - 1, who[i]]
    if regime.never_stops == 1:
        now[:] = 1.0
    else:
        stay_engaged(seed, replicate, model, week, units, frailty, rise, before, now, work[0:4])
        stop_by_events(mechanism.events, week, c.event_week, who, now)
    take_part(seed, replicate, model, week, units, frailty, now, rows[4], rows[5], rows[6], work)
    add_dose(model, rows[4], rows[5], rows[6], rows[8], rows[7])
    if regime.full_dose == 1:
        rows[7, :] = (week + 1.0) / WEEKS
    spread(rows[3], who, c.engaged[week])
    spread(rows[4], who, c.live[week])
    spread(rows[5], who, c.diary[week])
    spread(rows[6], who, c.opened[week])
    spread(rows[7], who, c.dose[week])


@compiled
def spread(values: Floats, who: Ints, out: Floats) -> None:
    """Write the values of some participants to their places in `out` (n,); everybody else has 0."""
    out[:] = 0.0
    for i in range(who.size):
        out[who[i]] = values[i]


@compiled
def be_moved(mechanism: Mechanism, week: int, cohort: Cohort) -> None:
    """Fill latent disability and pain at the end of one week (0 is the first)."""
    c, course = cohort, mechanism.course
    shift, relief = c.scratch[0], c.scratch[1]
    event_shifts(mechanism.events, week, c.event_week, shift, relief)
    programme_effect(course, week + 1, c.dose[week], c.engaged[0], c.leak, c.sensitivity, c.programme)
    part, now, before = (week + 1.0) / WEEKS, c.actual[week + 1], c.untreated[week + 1]
    for i in range(now.size):
        now[i] = before[i] + c.programme[i] + part * c.group_effect[i] + shift[i]
    pain, disability = c.traits[TRAIT_PAIN], c.traits[TRAIT_DISABILITY]
    weekly_pain(mechanism.population, course, week + 1, pain, disability, now, c.programme, relief, c.noise[week], c.pain[week + 1])


@compiled
def measure(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> None:
    """Fill the ODI of week 6 and pain of weeks 1 to 6, as if nobody were lost."""
    c, model = cohort, mechanism.measurement
    answer_items(seed, replicate, FOLLOW_UP_ITEMS, model, c.units, c.stable, c.actual[WEEKS], c.items_week6)
    leave_blank(seed, replicate, model.blank_sex_life, model.blank_follow_up, FOLLOW_UP_BLANK, c.units, c.items_week6)
    score_items_into(c.items_week6, model.item_max, model.minimum_answered, c.scratch[0], c.recorded[ODI_WEEK6])
    record_pain(mechanism.population, c.pain[WEEKS], c.recorded[VAS_WEEK6])
    for week in range(1, WEEKS):
        row = c.recorded[VAS_WEEK1 + week - 1]
        if model.weekly_pain == 1:
            fill_uniform(seed, replicate, MESSAGES, week, c.units, c.scratch[0:4])
            record_pain(mechanism.population, c.pain[week], row)
            blank_above(model.weekly_response, c.scratch[0], row)
        else:
            row[:] = np.nan


@compiled
def blank_above(share: float, u: Floats, row: Floats) -> None:
    """Blank the value of everybody whose u is at or above a share."""
    for i in range(row.size):
        row[i] = np.nan if u[i] >= share else row[i]


@compiled
def lose(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> None:
    """Draw the losses and blank what is not seen of the lost."""
    c, model = cohort, mechanism.dropout
    covariate_score(model, c.recorded, c.score)
    frailty = c.traits[TRAIT_FRAILTY]
    draw_loss(seed, replicate, model, c.units, c.exposed, c.score, frailty, c.live, c.diary, c.actual, c.week_lost, c.cause)
    blank_lost(c)


@compiled
def blank_lost(cohort: Cohort) -> None:
    """Blank the week-6 values of everybody with a week of loss, and the messages from that week on."""
    for i in range(cohort.cause.size):
        lost = cohort.week_lost[i]
        if lost != NEVER:
            cohort.recorded[ODI_WEEK6, i] = np.nan
            cohort.recorded[VAS_WEEK6, i] = np.nan
            for week in range(lost + 1, WEEKS):
                cohort.recorded[VAS_WEEK1 + week - 1, i] = np.nan


@compiled
def forget(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> None:
    """Blank baseline variables that were not written down; after everything that depends on them."""
    share = mechanism.population.missing_share
    if share == 0.0:
        return
    fill_uniform(seed, replicate, FORGOTTEN, 0, cohort.units, cohort.scratch[0:4])
    for place in range(len(MAY_BE_MISSING)):
        blank_above(1.0 - share, cohort.scratch[place], cohort.recorded[MAY_BE_MISSING[place]])


@compiled
def textbook_trial(seed: int, replicate: int, mechanism: Mechanism, cohort: Cohort) -> None:
    """Fill a cohort with bivariate normal outcomes lost completely at random; everybody who comes is enrolled."""
    c, model = cohort, mechanism.outcome
    for i in range(c.units.size):
        c.units[i] = i
    draw_traits(seed, replicate, c.units, mechanism.population.mixing, c.traits)
    record_baseline(seed, replicate, mechanism.population, c.units, c.traits, c.scratch[0:4], c.recorded)
    fill_normal(seed, replicate, TEXTBOOK_OUTCOME, 0, c.units, c.scratch[0:4])
    for i in range(c.units.size):
        c.recorded[ODI_BASELINE, i] = model.mean + model.sd * c.scratch[0, i]
    randomise(seed, replicate, mechanism.allocation, cohort)
    rest = np.sqrt(1.0 - model.correlation**2)
    for i in range(c.units.size):
        follow_up = model.mean + model.change + model.sd * (model.correlation * c.scratch[0, i] + rest * c.scratch[1, i])
        c.recorded[ODI_WEEK6, i] = follow_up + model.effect * c.exposed[i]
        c.recorded[VAS_WEEK6, i] = c.recorded[VAS_BASELINE, i]
    c.recorded[VAS_WEEK1 : VAS_WEEK1 + WEEKS - 1, :] = np.nan
    fill_uniform(seed, replicate, TEXTBOOK_LOSS, 0, c.units, c.scratch[0:4])
    for i in range(c.units.size):
        lost = c.scratch[0, i] < model.loss
        c.week_lost[i] = WEEKS - 1 if lost else NEVER
        c.cause[i] = 0 if lost else NEVER
    blank_lost(c)
