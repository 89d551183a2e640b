"""One simulated trial, person by person in plain Python: the equations of docs/explanation/data_generating_mechanism.md.

Slow and obvious on purpose. It shares with the package only the mechanism's numbers, the purposes of draws and the arms;
random numbers come from the Philox twin, functions from `math`.
"""

import math
from dataclasses import dataclass, field

from odisea.simulate.mechanism import AS_TREATED, Mechanism, Regime
from odisea.streams import Purpose
from tests.twins.philox import normals_at, uniforms_at

WEEKS = 6
NEVER = -1
CAUSES = 4
EVENTS = 4
ITEMS = 10
SEX_LIFE_ITEM = 7
MEAN_HALF_NORMAL = math.sqrt(2.0 / math.pi)
# What screening finds: enrolled, declined, or 2 plus the place of the first criterion that is not met.
TAKES_PART, SAYS_NO, FIRST_PLACE = 0, 1, 2


@dataclass
class Person:
    """Everything about a participant; weeks are 0 to 5 for the programme, 0 to 6 for disability and pain."""

    unit: int
    traits: list[float]
    exposed: bool
    group: int = -1
    group_effect: float = 0.0
    leak: float = 0.0
    sensitivity: float = 1.0
    engaged: list[float] = field(default_factory=list)
    live: list[float] = field(default_factory=list)
    diary: list[float] = field(default_factory=list)
    logins: list[float] = field(default_factory=list)
    dose: list[float] = field(default_factory=list)
    event_week: list[float] = field(default_factory=lambda: [-1.0] * EVENTS)
    programme: float = 0.0  # at week 6
    untreated: list[float] = field(default_factory=list)
    actual: list[float] = field(default_factory=list)
    pain: list[float] = field(default_factory=list)
    items_baseline: list[float] = field(default_factory=list)
    items_week6: list[float] = field(default_factory=list)
    recorded: list[float] = field(default_factory=list)
    covariate_score: float = 0.0
    hazards: list[list[float]] = field(default_factory=list)  # week by cause
    week_lost: int = NEVER
    cause: int = NEVER


def logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def inside(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


@dataclass
class World:
    """A key, a mechanism, and which potential outcome of its people is followed."""

    seed: int
    replicate: int
    m: Mechanism
    regime: Regime = AS_TREATED

    def normals(self, purpose: Purpose, unit: int, minor: int = 0) -> list[float]:
        return normals_at(self.seed, self.replicate, int(purpose), unit, minor)

    def uniforms(self, purpose: Purpose, unit: int, minor: int = 0) -> list[float]:
        return uniforms_at(self.seed, self.replicate, int(purpose), unit, minor)

    # ------------------------------------------------------------ part 1: population

    def traits(self, unit: int) -> list[float]:
        """Age, body mass, comorbidity, activity, disability, pain, frailty, expectation; rotation, flare, leave, schooling."""
        z = [number for minor in range(3) for number in self.normals(Purpose.BASELINE_TRAITS, unit, minor)]
        mixing = self.m.population.mixing
        return [sum(float(mixing[row, column]) * z[column] for column in range(row + 1)) for row in range(8)] + z[8:]

    def pain_scale(self, latent: float) -> float:
        steps = self.m.population.pain_steps
        return inside(round(latent * steps), 0.0, 10.0 * steps) / steps

    def pain_at_consultation(self, traits: list[float]) -> float:
        p = self.m.population
        return p.pain_mean + p.pain_sd * traits[5] + p.flare_pain * p.flare_size * (abs(traits[9]) - MEAN_HALF_NORMAL)

    def on_leave(self, traits: list[float]) -> bool:
        p = self.m.population
        return p.leave_loading * traits[4] + math.sqrt(1.0 - p.leave_loading**2) * traits[10] >= p.leave_cut

    def screening(self, unit: int, traits: list[float]) -> int:
        p = self.m.population
        u = self.uniforms(Purpose.SCREENING, unit)
        age = math.floor(p.age_mean + p.age_sd * traits[0])
        failed = set()
        passed = 1.0
        for place, share in enumerate(p.criteria):
            if passed * (1.0 - float(share)) <= u[0] < passed:
                failed.add(place)
            passed *= 1.0 - float(share)
        if not p.age_min <= age <= p.age_max:
            failed.add(p.age_place)
        if self.pain_scale(self.pain_at_consultation(traits)) < p.pain_min:
            failed.add(p.pain_place)
        if failed:
            return FIRST_PLACE + min(failed)
        logit = p.consent_logit + p.consent_age * traits[0] + p.consent_expectation * traits[7]
        willing = u[1] < logistic(logit + (p.consent_leave if self.on_leave(traits) else 0.0))
        return TAKES_PART if willing else SAYS_NO

    def baseline(self, unit: int, traits: list[float]) -> list[float]:
        """The recorded row without scores: what the clinic writes down at the baseline visit."""
        p = self.m.population
        z = self.normals(Purpose.BASELINE_BODY, unit)
        sex = 0 if z[0] < p.female_cut else 1
        height = inside(round(float(p.height_mean[sex]) + float(p.height_sd[sex]) * z[1]), 120.0, 220.0)
        index = math.exp(p.bmi_log_mean + p.bmi_log_sd * traits[1])
        schooling = p.education_loading * traits[0] + math.sqrt(1.0 - p.education_loading**2) * traits[11]
        known = {
            0: float(math.floor(p.age_mean + p.age_sd * traits[0])),
            1: float(sex),
            2: height,
            3: inside(round(index * (height / 100.0) ** 2, 1), 30.0, 250.0),
            4: float(sum(traits[2] >= cut for cut in p.comorbidity_cuts)),
            5: float(sum(traits[3] >= cut for cut in p.activity_cuts)),
            6: inside(round(p.education_mean + p.education_sd * schooling), 0.0, 24.0),
            7: float(self.on_leave(traits)),
            10: self.pain_scale(self.pain_at_consultation(traits)),
        }
        return [known.get(row, math.nan) for row in range(17)]

    # ------------------------------------------------------------ part 2: course

    def natural(self, week: float) -> float:
        weeks = self.m.course.natural_weeks
        return (1.0 - math.exp(-week / weeks)) / (1.0 - math.exp(-WEEKS / weeks))

    def untreated(self, unit: int, traits: list[float]) -> list[float]:
        c, flare = self.m.course, self.m.population.flare_size * abs(traits[9])
        stable, moving = math.sqrt(c.stable_share), math.sqrt(1.0 - c.stable_share)
        person, state = stable * traits[4] + moving * traits[8], moving * traits[4] - stable * traits[8]
        shocks = self.normals(Purpose.STATE, unit, 0) + self.normals(Purpose.STATE, unit, 1)
        own = c.natural_change * (1.0 + c.natural_cv * self.normals(Purpose.COURSE, unit)[0])
        improvement = own - c.prognosis * (traits[0] + traits[2] - traits[3])
        path = [c.mean + c.sd_baseline * traits[4] + flare]
        for week in range(1, WEEKS + 1):
            g = self.natural(week)
            state = c.weekly_correlation * state + math.sqrt(1.0 - c.weekly_correlation**2) * shocks[week - 1]
            sd = (1.0 - g) * c.sd_baseline + g * c.sd_week6
            path.append(c.mean + sd * (stable * person + moving * state) + flare * math.exp(-week / c.flare_weeks) - improvement * g)
        return path

    def sensitivity(self, unit: int) -> float:
        spread = self.m.course.effect_log_sd
        return math.exp(spread * self.normals(Purpose.EFFECT, unit)[0] - spread**2 / 2.0)

    def response(self, dose: float) -> float:
        """H: diminishing returns and a threshold, each from 0 at no dose to 1 at the full one."""
        c = self.m.course

        def step(at: float) -> float:
            return logistic((at - c.threshold) / c.threshold_width)

        smooth = (1.0 - math.exp(-c.dose_curvature * dose)) / (1.0 - math.exp(-c.dose_curvature))
        return (1.0 - c.threshold_weight) * smooth + c.threshold_weight * (step(dose) - step(0.0)) / (step(1.0) - step(0.0))

    def effect(self, person: Person, week: int) -> float:
        """The programme's effect on disability at the end of a week (1 to 6)."""
        c = self.m.course
        at_once = c.attention_share * person.engaged[0] + person.leak
        return c.effect * person.sensitivity * ((1.0 - c.attention_share) * self.response(person.dose[week - 1]) + at_once * week / WEEKS)

    def later_pain(self, person: Person, week: int, programme: float, relief: float) -> float:
        p, c, own = self.m.population, self.m.course, self.m.course.pain_own_share
        noise = (self.normals(Purpose.PAIN_FOLLOW_UP, person.unit, 0) + self.normals(Purpose.PAIN_FOLLOW_UP, person.unit, 1))[week - 1]
        by_disability = c.pain_per_disability * (person.actual[week] - programme - c.mean - p.flare_size * MEAN_HALF_NORMAL)
        of_old = c.pain_stable * p.pain_sd * (person.traits[5] - own * person.traits[4])
        of_now = math.sqrt(1.0 - c.pain_stable**2) * p.pain_sd * math.sqrt(1.0 - own**2) * noise
        level = p.pain_mean - c.pain_natural * self.natural(week)
        return level + by_disability + c.pain_per_effect * programme + relief + of_old + of_now

    # ------------------------------------------------------------ part 3: engagement and adherence

    def is_engaged(self, person: Person, week: int) -> float:
        e = self.m.engagement
        if self.regime.never_stops:
            return 1.0
        if week > 0 and person.engaged[week - 1] == 0.0:
            return 0.0
        logit = e.never_start_logit if week == 0 else e.disengage_logit + e.pain_on_disengagement * (person.pain[week] - person.pain[0])
        leaves = self.uniforms(Purpose.ENGAGEMENT, person.unit, week)[0] < logistic(logit - e.frailty_on_disengagement * person.traits[6])
        ended = any(self.m.events.stops[event] and person.event_week[event] >= 0.0 for event in range(EVENTS))
        return 0.0 if leaves or ended else 1.0

    def taking_part(self, person: Person, week: int) -> tuple[float, float, float]:
        """Live session, diary days and logins of a week while engaged."""
        e = self.m.engagement
        push = e.adherence_shift + e.frailty_on_adherence * person.traits[6]
        u = self.uniforms(Purpose.ADHERENCE, person.unit, week)
        live = 1.0 if u[0] < logistic(float(e.live_logit[week]) + push) else 0.0
        p = logistic(float(e.diary_logit[week]) + push)
        diary = first_reaching(u[1], [math.comb(7, k) * p**k * (1.0 - p) ** (7 - k) for k in range(8)])
        half = 0.5 * e.frailty_on_adherence
        mean = float(e.login_rate[week]) * math.exp(e.adherence_shift + half * person.traits[6] - half**2 / 2.0)
        return live, diary, first_reaching(u[2], negative_binomial(mean, e.login_size, 100))

    def week_of_programme(self, person: Person, week: int) -> None:
        e, weights = self.m.engagement, [float(weight) for weight in self.m.engagement.dose_weights]
        person.engaged.append(self.is_engaged(person, week) if person.exposed else 0.0)
        live, diary, logins = self.taking_part(person, week) if person.engaged[week] == 1.0 else (0.0, 0.0, 0.0)
        person.live.append(live)
        person.diary.append(diary)
        person.logins.append(logins)
        taken_up = weights[0] * live + weights[1] * e.done_share * diary / 7.0 + weights[2] * (logins > 0.0)
        so_far = (person.dose[week - 1] if week > 0 else 0.0) + taken_up / WEEKS
        person.dose.append((week + 1) / WEEKS if self.regime.full_dose and person.exposed else so_far)

    # ------------------------------------------------------------ parts 4 and 5: events and loss

    def events(self, person: Person, week: int) -> None:
        """Mark the events that happen for the first time in a week (0 to 5)."""
        v = self.m.events
        u = self.uniforms(Purpose.EVENTS, person.unit, week)
        excess = inside(person.pain[week] - self.m.population.pain_mean, -6.0, 6.0)
        for event in range(EVENTS):
            excluded = self.regime.by_strategy and v.strategy[event] == 1  # hypothetical
            barred = v.female_only[event] and person.recorded[1] == 1.0
            probability = float(v.probability[int(person.exposed), event]) * math.exp(float(v.pain_slope[event]) * excess)
            if person.event_week[event] < 0.0 and not excluded and not barred and u[event] < probability:
                person.event_week[event] = float(week)

    def shifts(self, person: Person, week: int) -> tuple[float, float]:
        """What events add to disability and pain at the end of a week (0 to 5)."""
        v = self.m.events
        current = [event for event in range(EVENTS) if person.event_week[event] >= 0.0 and week - person.event_week[event] < v.weeks[event]]
        return sum(float(v.shift[event]) for event in current), sum(float(v.pain_shift[event]) for event in current)

    def covariate_score(self, recorded: list[float]) -> float:
        d = self.m.dropout
        bmi = recorded[3] / (recorded[2] / 100.0) ** 2
        odi = float(d.covariate_centres[2]) if math.isnan(recorded[8]) else recorded[8]
        seen = [recorded[0], bmi, odi, recorded[4], recorded[5], recorded[10], recorded[6], recorded[7]]
        scaled = [(value - centre) / scale for value, centre, scale in zip(seen, d.covariate_centres, d.covariate_scales, strict=True)]
        return float(sum(slope * value for slope, value in zip(d.covariate_slopes, scaled, strict=True)))

    def hazards(self, person: Person, week: int) -> list[float]:
        """Cause-specific hazards of a week (0 to 5), given its adherence and the disability at its end."""
        d = self.m.dropout
        adherence = (person.live[week] + person.diary[week] / 7.0) / 2.0
        slope = float(d.mnar_slope[int(person.exposed)])
        logs = [
            0.0,
            person.covariate_score,
            -d.adherence_slope * (adherence - 0.5) if person.exposed else -d.frailty_slope * person.traits[6],
            slope * (person.actual[week + 1] - d.disability_centre) / d.disability_scale,
        ]
        shift = d.arm_shift if person.exposed else 0.0
        return [
            float(d.timing[week]) * math.exp(float(d.log_hazard[cause]) + shift + logs[cause]) if d.active[cause] else 0.0
            for cause in range(CAUSES)
        ]

    def loss(self, unit: int, hazards: list[list[float]]) -> tuple[int, int]:
        """Week and cause of loss as drawn."""
        for week, own in enumerate(hazards):
            u = self.uniforms(Purpose.LOSS, unit, week)
            if u[0] >= math.exp(-sum(own)):
                return week, first_reaching(u[1], [hazard / sum(own) for hazard in own])
        return NEVER, NEVER

    # ------------------------------------------------------------ part 6: measurement

    def answers(self, unit: int, visit: Purpose, disability: float) -> list[float]:
        m = self.m.measurement
        out = []
        for item in range(ITEMS):
            own = self.normals(Purpose.ITEM_STABLE, unit, item // 4)[item % 4]
            fresh = self.normals(visit, unit, item // 4)[item % 4]
            place = disability / m.item_width + float(m.item_offsets[item]) + m.stable_sd * own + m.transient_sd * fresh
            out.append(float(inside(round(place), 0, 5)))
        return self.with_blanks(unit, visit, out)

    def with_blanks(self, unit: int, visit: Purpose, items: list[float]) -> list[float]:
        m = self.m.measurement
        u = self.uniforms(Purpose.ITEM_BLANK, unit)
        draw, share = (u[1], m.blank_baseline) if visit == Purpose.ITEM_BASELINE else (u[2], m.blank_follow_up)
        blank = {SEX_LIFE_ITEM} if u[0] < m.blank_sex_life else set()
        others = [item for item in range(ITEMS) if item != SEX_LIFE_ITEM]
        any_blank = 1.0 - (1.0 - share) ** len(others)
        for place, item in enumerate(others):
            if place * any_blank <= len(others) * draw < (place + 1) * any_blank:
                blank.add(item)
        return [math.nan if item in blank else answer for item, answer in enumerate(items)]

    def score(self, items: list[float]) -> float:
        answered = [answer for answer in items if not math.isnan(answer)]
        return 100.0 * sum(answered) / (5.0 * len(answered)) if len(answered) >= self.m.measurement.minimum_answered else math.nan

    def outcomes(self, person: Person) -> None:
        """Write down what the visits of a participant show, then what is lost and what nobody noted."""
        m, lost = self.m.measurement, person.week_lost
        if lost == NEVER:
            person.recorded[9] = self.score(person.items_week6)
            person.recorded[11] = self.pain_scale(person.pain[WEEKS])
        for week in range(1, WEEKS):
            answered = m.weekly_pain and self.uniforms(Purpose.WEEKLY_MESSAGE, person.unit, week)[0] < m.weekly_response
            if answered and (lost == NEVER or week <= lost):
                person.recorded[11 + week] = self.pain_scale(person.pain[week])
        u = self.uniforms(Purpose.COVARIATE_MISSING, person.unit)
        for draw, row in enumerate((2, 3, 4, 5)):
            if u[draw] >= 1.0 - self.m.population.missing_share:
                person.recorded[row] = math.nan

    # ------------------------------------------------------------ everything

    def person(self, unit: int, traits: list[float], exposed: bool, place: int) -> Person:
        """Six weeks of a participant; `place` counts those of the programme arm who came before."""
        c = self.m.course
        one = Person(unit, traits, exposed, sensitivity=self.sensitivity(unit), untreated=self.untreated(unit, traits))
        if exposed:
            one.group = place // c.group_size
            one.group_effect = c.group_sd * self.normals(Purpose.LIVE_GROUP, one.group)[0]
        elif self.uniforms(Purpose.CONTAMINATION, unit)[0] < c.leak_share:
            one.leak = c.leak_effect
        one.recorded = self.baseline(unit, traits)
        one.actual, one.pain = [one.untreated[0]], [self.pain_at_consultation(traits)]
        for week in range(WEEKS):
            self.live_a_week(one, week)
        one.items_baseline = self.answers(unit, Purpose.ITEM_BASELINE, one.actual[0])
        one.items_week6 = self.answers(unit, Purpose.ITEM_FOLLOW_UP, one.actual[WEEKS])
        one.recorded[8] = self.score(one.items_baseline)
        one.covariate_score = self.covariate_score(one.recorded)
        one.hazards = [self.hazards(one, week) for week in range(WEEKS)]
        one.week_lost, one.cause = self.loss(unit, one.hazards)
        self.outcomes(one)
        return one

    def live_a_week(self, one: Person, week: int) -> None:
        self.events(one, week)
        self.week_of_programme(one, week)
        shift, relief = self.shifts(one, week)
        one.programme = self.effect(one, week + 1)
        one.actual.append(one.untreated[week + 1] + one.programme + (week + 1) / WEEKS * one.group_effect + shift)
        one.pain.append(self.later_pain(one, week + 1, one.programme, relief))

    def trial(self, exposed: list[bool]) -> list[Person]:
        """Screen candidates 0, 1, 2, ... in order until every place on the allocation list is taken."""
        people: list[Person] = []
        unit = 0
        while len(people) < len(exposed):
            traits = self.traits(unit)
            if self.screening(unit, traits) == TAKES_PART:
                here = len(people)
                people.append(self.person(unit, traits, exposed[here], sum(exposed[:here])))
            unit += 1
        return people


def negative_binomial(mean: float, size: float, largest: int) -> list[float]:
    """Probabilities of 0, 1, 2, ... for the distribution with variance mean + mean**2 / size, from the gamma function."""
    stay, go = math.log(size / (size + mean)), math.log(mean / (size + mean))
    return [math.exp(math.lgamma(size + k) - math.lgamma(size) - math.lgamma(k + 1.0) + size * stay + k * go) for k in range(largest + 1)]


def first_reaching(u: float, probabilities: list[float]) -> int:
    """Return the first count whose distribution function reaches u; the last with a positive probability at most."""
    total = 0.0
    for count, probability in enumerate(probabilities):
        total += probability
        if u <= total and probability > 0.0:
            return count
    return max(count for count, probability in enumerate(probabilities) if probability > 0.0)


def lost_by(hazards: list[list[float]]) -> list[list[float]]:
    """Return the probability of being lost in each week to each cause, given a person's hazards: competing risks."""
    kept, out = 1.0, []
    for own in hazards:
        total = sum(own)
        leaving = kept * (1.0 - math.exp(-total))
        out.append([leaving * hazard / total if total > 0.0 else 0.0 for hazard in own])
        kept *= math.exp(-total)
    return out
