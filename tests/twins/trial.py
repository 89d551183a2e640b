"""One simulated trial, person by person in plain Python: the equations of docs/explanation/data_generating_mechanism.md.

Slow and obvious on purpose. It shares with the package only the mechanism's numbers, the purposes of draws and the arms;
random numbers come from the Philox twin, functions from `math`.
"""

import math
from dataclasses import dataclass

from odisea.simulate.mechanism import Mechanism
from odisea.streams import Purpose
from tests.twins.philox import normals_at, uniforms_at

WEEKS = 6
NEVER = -1
CAUSES = 4


@dataclass
class Person:
    """Everything about a participant; weeks are 0 to 5 for the programme, 0 to 6 for disability."""

    unit: int
    exposed: bool
    traits: list[float]
    recorded: list[float]
    engaged: list[float]
    live: list[float]
    diary: list[float]
    logins: list[float]
    dose: list[float]
    sensitivity: float
    untreated: list[float]
    actual: list[float]
    items_baseline: list[int]
    items_week6: list[int]
    covariate_score: float
    hazards: list[list[float]]  # week by cause
    week_lost: int
    cause: int


def logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def inside(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


@dataclass
class World:
    """A key and a mechanism."""

    seed: int
    replicate: int
    m: Mechanism

    def normals(self, purpose: Purpose, unit: int, minor: int = 0) -> list[float]:
        return normals_at(self.seed, self.replicate, int(purpose), unit, minor)

    def uniforms(self, purpose: Purpose, unit: int, minor: int = 0) -> list[float]:
        return uniforms_at(self.seed, self.replicate, int(purpose), unit, minor)

    # ------------------------------------------------------------ part 1: population

    def traits(self, unit: int) -> list[float]:
        z = self.normals(Purpose.BASELINE_TRAITS, unit, 0) + self.normals(Purpose.BASELINE_TRAITS, unit, 1)
        mixing = self.m.population.mixing
        return [sum(float(mixing[row, column]) * z[column] for column in range(row + 1)) for row in range(6)] + z[6:]

    def pain(self, latent: float) -> float:
        steps = self.m.population.pain_steps
        return inside(round(latent * steps), 0.0, 10.0 * steps) / steps

    def is_eligible(self, traits: list[float]) -> bool:
        p = self.m.population
        age = math.floor(p.age_mean + p.age_sd * traits[0])
        return p.age_min <= age <= p.age_max and self.pain(p.pain_mean + p.pain_sd * traits[5]) >= p.pain_min

    def baseline(self, unit: int, traits: list[float]) -> list[float]:
        """Age, sex, height, weight, comorbidity, activity, empty ODI and VAS at both visits."""
        p = self.m.population
        z = self.normals(Purpose.BASELINE_BODY, unit)
        sex = 0 if z[0] < p.female_cut else 1
        height = inside(round(float(p.height_mean[sex]) + float(p.height_sd[sex]) * z[1]), 120.0, 220.0)
        index = math.exp(p.bmi_log_mean + p.bmi_log_sd * traits[1])
        weight = inside(round(index * (height / 100.0) ** 2, 1), 30.0, 250.0)
        comorbidity = sum(traits[2] >= cut for cut in p.comorbidity_cuts)
        activity = sum(traits[3] >= cut for cut in p.activity_cuts)
        vas = self.pain(p.pain_mean + p.pain_sd * traits[5])
        return [
            math.floor(p.age_mean + p.age_sd * traits[0]),
            sex,
            height,
            weight,
            comorbidity,
            activity,
            math.nan,
            math.nan,
            vas,
            math.nan,
        ]

    # ------------------------------------------------------------ part 3: engagement and adherence

    def engaged(self, unit: int, frailty: float) -> list[float]:
        e = self.m.engagement
        out: list[float] = []
        for week in range(WEEKS):
            logit = e.never_start_logit if week == 0 else e.disengage_logit
            leaves = self.uniforms(Purpose.ENGAGEMENT, unit, week)[0] < logistic(logit - e.frailty_on_disengagement * frailty)
            out.append(0.0 if leaves or (week > 0 and out[-1] == 0.0) else 1.0)
        return out

    def adherence(self, unit: int, frailty: float, engaged: list[float]) -> tuple[list[float], list[float], list[float]]:
        e = self.m.engagement
        push = e.frailty_on_adherence * frailty
        live, diary, logins = [0.0] * WEEKS, [0.0] * WEEKS, [0.0] * WEEKS
        for week in range(WEEKS):
            if engaged[week] == 0.0:
                continue
            u = self.uniforms(Purpose.ADHERENCE, unit, week)
            live[week] = 1.0 if u[0] < logistic(float(e.live_logit[week]) + push) else 0.0
            p = logistic(float(e.diary_logit[week]) + push)
            diary[week] = first_reaching(u[1], [math.comb(7, k) * p**k * (1.0 - p) ** (7 - k) for k in range(8)])
            rate = float(e.login_rate[week]) * math.exp(0.5 * push - 0.125 * e.frailty_on_adherence**2)
            logins[week] = first_reaching(u[2], [math.exp(-rate) * rate**k / math.factorial(k) for k in range(61)])
        return live, diary, logins

    def doses(self, live: list[float], diary: list[float], logins: list[float]) -> list[float]:
        w = [float(weight) for weight in self.m.engagement.dose_weights]
        weekly = [w[0] * live[k] + w[1] * diary[k] / 7.0 + w[2] * (logins[k] > 0.0) for k in range(WEEKS)]
        return [sum(weekly[: k + 1]) / WEEKS for k in range(WEEKS)]

    # ------------------------------------------------------------ part 2: course and effect

    def untreated(self, unit: int, traits: list[float]) -> list[float]:
        c = self.m.course
        trait, rotation = traits[4], traits[7]
        stable, moving = math.sqrt(c.stable_share), math.sqrt(1.0 - c.stable_share)
        person, state = stable * trait + moving * rotation, moving * trait - stable * rotation
        shocks = self.normals(Purpose.STATE, unit, 0) + self.normals(Purpose.STATE, unit, 1)
        own_change = c.natural_change * (1.0 + c.natural_cv * self.normals(Purpose.COURSE, unit)[0])
        path = [c.mean + c.sd_baseline * trait]
        for week in range(1, WEEKS + 1):
            g = (1.0 - math.exp(-week / c.natural_weeks)) / (1.0 - math.exp(-WEEKS / c.natural_weeks))
            state = c.weekly_correlation * state + math.sqrt(1.0 - c.weekly_correlation**2) * shocks[week - 1]
            sd = (1.0 - g) * c.sd_baseline + g * c.sd_week6
            path.append(c.mean + sd * (stable * person + moving * state) - own_change * g)
        return path

    def sensitivity(self, unit: int) -> float:
        spread = self.m.course.effect_log_sd
        return math.exp(spread * self.normals(Purpose.EFFECT, unit)[0] - spread**2 / 2.0)

    def treated(self, untreated: list[float], dose: list[float], sensitivity: float) -> list[float]:
        c = self.m.course

        def response(d: float) -> float:
            return (1.0 - math.exp(-c.dose_curvature * d)) / (1.0 - math.exp(-c.dose_curvature))

        after = [value + c.effect * response(d) * sensitivity for value, d in zip(untreated[1:], dose, strict=True)]
        return [untreated[0], *after]

    # ------------------------------------------------------------ part 5: measurement

    def answers(self, unit: int, visit: Purpose, disability: float) -> list[int]:
        m = self.m.measurement
        out = []
        for item in range(10):
            own = self.normals(Purpose.ITEM_STABLE, unit, item // 4)[item % 4]
            fresh = self.normals(visit, unit, item // 4)[item % 4]
            place = disability / m.item_width + float(m.item_offsets[item]) + m.stable_sd * own + m.transient_sd * fresh
            out.append(int(inside(round(place), 0, 5)))
        return out

    def later_pain(self, unit: int, trait: float, change: float) -> float:
        p, c = self.m.population, self.m.course
        mixed = (
            c.pain_follow_up_loading * trait + math.sqrt(1.0 - c.pain_follow_up_loading**2) * self.normals(Purpose.PAIN_FOLLOW_UP, unit)[0]
        )
        return self.pain(p.pain_mean + p.pain_sd * mixed + c.pain_per_disability * change)

    # ------------------------------------------------------------ part 4: loss

    def covariate_score(self, recorded: list[float]) -> float:
        d = self.m.dropout
        bmi = recorded[3] / (recorded[2] / 100.0) ** 2
        seen = [recorded[0], bmi, recorded[6], recorded[4], recorded[5], recorded[8]]
        scaled = [(value - centre) / scale for value, centre, scale in zip(seen, d.covariate_centres, d.covariate_scales, strict=True)]
        return float(sum(slope * value for slope, value in zip(d.covariate_slopes, scaled, strict=True)))

    def hazards(self, week: int, exposed: bool, score: float, live: float, diary: float, disability: float) -> list[float]:
        """Cause-specific hazards of a week (0 to 5), given its adherence and the disability at its end."""
        d = self.m.dropout
        slope = float(d.mnar_slope[1 if exposed else 0])
        logs = [
            0.0,
            score,
            -d.adherence_slope * ((live + diary / 7.0) / 2.0 - 0.5) if exposed else -math.inf,
            slope * (disability - d.disability_centre) / d.disability_scale,
        ]
        shift = d.arm_shift if exposed else 0.0
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

    # ------------------------------------------------------------ everything

    def person(self, unit: int, traits: list[float], exposed: bool) -> Person:
        engaged = self.engaged(unit, traits[6]) if exposed else [0.0] * WEEKS
        live, diary, logins = self.adherence(unit, traits[6], engaged)
        dose = self.doses(live, diary, logins)
        untreated = self.untreated(unit, traits)
        sensitivity = self.sensitivity(unit)
        actual = self.treated(untreated, dose, sensitivity)
        recorded = self.baseline(unit, traits)
        before = self.answers(unit, Purpose.ITEM_BASELINE, actual[0])
        after = self.answers(unit, Purpose.ITEM_FOLLOW_UP, actual[WEEKS])
        recorded[6] = 100.0 * sum(before) / 50.0
        score = self.covariate_score(recorded)
        hazards = [self.hazards(week, exposed, score, live[week], diary[week], actual[week + 1]) for week in range(WEEKS)]
        week_lost, cause = self.loss(unit, hazards)
        if week_lost == NEVER:
            recorded[7] = 100.0 * sum(after) / 50.0
            recorded[9] = self.later_pain(unit, traits[5], actual[WEEKS] - actual[0])
        return Person(
            unit, exposed, traits, recorded, engaged, live, diary, logins, dose, sensitivity, untreated, actual,
            before, after, score, hazards, week_lost, cause,
        )  # fmt: skip

    def trial(self, arms: list[int]) -> list[Person]:
        """Enrol candidates 0, 1, 2, ... in order until every place on the allocation list is taken."""
        people: list[Person] = []
        unit = 0
        while len(people) < len(arms):
            traits = self.traits(unit)
            if self.is_eligible(traits):
                people.append(self.person(unit, traits, arms[len(people)] == self.m.allocation.exposed))
            unit += 1
        return people


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
