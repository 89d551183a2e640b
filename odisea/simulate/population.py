"""Candidates, screening, consent and what is recorded at the baseline visit.

Eight correlated standard normal traits (Gaussian copula) become age, body mass, comorbidity, activity, disability, pain,
engagement frailty and expectation; four independent ones serve the course, the flare, sick leave and schooling. Candidates
who fail a criterion or decline are rejected, so the cohort has exactly the distribution of those who are enrolled. Draws
belong to the candidate, not to the place in the cohort: a scenario that rejects one more candidate leaves everybody else
unchanged. Equations: docs/explanation/data_generating_mechanism.md, part 1.
"""

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled, inlined
from odisea.elementary import exponential
from odisea.simulate.mechanism import (
    ACTIVITY,
    AGE,
    COMORBIDITY,
    DECLINED,
    EDUCATION,
    ENROLLED,
    FIRST_CRITERION,
    HEIGHT,
    LEAVE,
    SEX,
    VAS_BASELINE,
    WEIGHT,
    PopulationModel,
)
from odisea.streams import Purpose, fill_normal, fill_uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRAITS = int(Purpose.BASELINE_TRAITS)
BODY = int(Purpose.BASELINE_BODY)
SCREENING = int(Purpose.SCREENING)
N_MIXED = 8
(
    TRAIT_AGE,
    TRAIT_BMI,
    TRAIT_COMORBIDITY,
    TRAIT_ACTIVITY,
    TRAIT_DISABILITY,
    TRAIT_PAIN,
    TRAIT_FRAILTY,
    TRAIT_EXPECTATION,
    TRAIT_ROTATION,
    TRAIT_FLARE,
    TRAIT_LEAVE,
    TRAIT_EDUCATION,
) = range(12)
N_TRAITS = 12
MEAN_OF_HALF_NORMAL = float(np.sqrt(2.0 / np.pi))
LONGEST_SCHOOLING = 24.0


@inlined
def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + exponential(-x))


@compiled
def draw_traits(seed: int, replicate: int, units: Ints, mixing: Floats, traits: Floats) -> None:
    """Write the twelve traits of every candidate into `traits` (12, n); the first eight are mixed by the Cholesky factor."""
    for part in range(N_TRAITS // 4):
        fill_normal(seed, replicate, TRAITS, part, units, traits[4 * part : 4 * part + 4])
    # From the last row up, so that each row still finds the unmixed rows before it.
    for row in range(N_MIXED - 1, -1, -1):
        mixed = traits[row]
        own = mixing[row, row]
        for i in range(mixed.size):
            mixed[i] *= own
        for column in range(row):
            if mixing[row, column] != 0.0:
                add_scaled(mixing[row, column], traits[column], mixed)


@compiled
def add_scaled(factor: float, source: Floats, target: Floats) -> None:
    """Add factor times source to target, in place."""
    for i in range(source.size):
        target[i] += factor * source[i]


@compiled
def baseline_pain(model: PopulationModel, trait: Floats, flare: Floats, out: Floats) -> None:
    """Write pain at consultation on its latent scale: the trait, and the flare beyond its mean."""
    spread, centre = model.flare_pain * model.flare_size, MEAN_OF_HALF_NORMAL
    for i in range(trait.size):
        out[i] = model.pain_mean + model.pain_sd * trait[i] + spread * (np.abs(flare[i]) - centre)


@compiled
def record_pain(model: PopulationModel, latent: Floats, out: Floats) -> None:
    """Write pain on the visual analogue scale (0-10, at its resolution)."""
    for i in range(latent.size):
        steps = np.rint(latent[i] * model.pain_steps)
        out[i] = min(max(steps, 0.0), 10.0 * model.pain_steps) / model.pain_steps


@compiled
def screen(seed: int, replicate: int, model: PopulationModel, units: Ints, traits: Floats, pain: Floats, outcome: Ints) -> None:
    """Write what screening finds of every candidate into `outcome` (n,).

    Parameters
    ----------
    traits : float64 (12, n)
        From `draw_traits`.
    pain : float64 (n,)
        Recorded pain at consultation.
    outcome : int64 (n,)
        `ENROLLED`, `DECLINED`, or `FIRST_CRITERION` plus the place of the first criterion of the protocol that is not met.
    """
    n = units.size
    uniforms, consents = np.empty((4, n)), np.empty(n)
    fill_uniform(seed, replicate, SCREENING, 0, units, uniforms)
    first_failures(model.criteria, uniforms[0], outcome)
    years, everything = traits[TRAIT_AGE], model.criteria.size
    for i in range(n):
        age = model.age_mean + model.age_sd * years[i]
        by_age = everything if model.age_min <= age < model.age_max + 1.0 else model.age_place
        by_pain = everything if pain[i] >= model.pain_min else model.pain_place
        outcome[i] = min(outcome[i], by_age, by_pain)
    consent_probability(model, traits, consents)
    for i in range(n):
        answer = ENROLLED if uniforms[1, i] < consents[i] else DECLINED
        outcome[i] = answer if outcome[i] == everything else FIRST_CRITERION + outcome[i]


@compiled
def consent_probability(model: PopulationModel, traits: Floats, out: Floats) -> None:
    """Write the probability that each candidate consents, given age, sick leave and expectation."""
    age, own, disability, expectation = traits[TRAIT_AGE], traits[TRAIT_LEAVE], traits[TRAIT_DISABILITY], traits[TRAIT_EXPECTATION]
    for i in range(out.size):
        leave = model.consent_leave if is_on_leave(model, disability[i], own[i]) else 0.0
        out[i] = logistic(model.consent_logit + model.consent_age * age[i] + leave + model.consent_expectation * expectation[i])


@compiled
def meet_free_criteria(seed: int, replicate: int, model: PopulationModel, units: Ints) -> Ints:
    """Return the candidates among `units` who meet every criterion that no trait decides."""
    uniforms = np.empty((4, units.size))
    fill_uniform(seed, replicate, SCREENING, 0, units, uniforms)
    kept: Ints = units[uniforms[0] < meets_all(model.criteria)]
    return kept


@compiled
def screen_units(seed: int, replicate: int, model: PopulationModel, units: Ints, outcome: Ints) -> None:
    """Write what screening finds of some candidates, from their draws."""
    traits, pain = np.empty((N_TRAITS, units.size)), np.empty(units.size)
    draw_traits(seed, replicate, units, model.mixing, traits)
    baseline_pain(model, traits[TRAIT_PAIN], traits[TRAIT_FLARE], pain)
    record_pain(model, pain, pain)
    screen(seed, replicate, model, units, traits, pain, outcome)


@inlined
def is_on_leave(model: PopulationModel, disability: float, own: float) -> bool:
    """Return whether a person is on sick leave: a probit of disability and a part of its own."""
    return bool(model.leave_loading * disability + np.sqrt(1.0 - model.leave_loading**2) * own >= model.leave_cut)


@compiled
def first_failures(shares: Floats, u: Floats, place: Ints) -> None:
    """Write the place of the first of independent criteria that a candidate fails; their number where none is failed.

    One uniform number decides: the k-th is the first with probability share_k times the product of (1 - share) before it.
    """
    everything = meets_all(shares)
    for i in range(u.size):
        place[i] = shares.size
        if u[i] >= everything:
            kept = 1.0
            for k in range(shares.size):
                kept *= 1.0 - shares[k]
                if u[i] >= kept:
                    place[i] = k
                    break


@compiled
def meets_all(shares: Floats) -> float:
    """Return the probability that a candidate meets every one of independent criteria."""
    kept = 1.0
    for share in shares:
        kept *= 1.0 - share
    return kept


@compiled
def record_baseline(
    seed: int, replicate: int, model: PopulationModel, units: Ints, traits: Floats, scratch: Floats, recorded: Floats
) -> None:
    """Write what the clinic records at baseline except the ODI, each at the dictionary's resolution.

    Parameters
    ----------
    units : int64 (n,)
        Candidate numbers of the participants.
    traits : float64 (12, n)
    scratch : float64 (4, n)
    recorded : float64 (17, n)
        Rows `odisea.simulate.mechanism.RECORDED`.
    """
    fill_normal(seed, replicate, BODY, 0, units, scratch)
    record_age(model, traits[TRAIT_AGE], recorded[AGE])
    record_body(model, traits[TRAIT_BMI], scratch, recorded[SEX], recorded[HEIGHT], recorded[WEIGHT])
    count_cuts(model.comorbidity_cuts, traits[TRAIT_COMORBIDITY], recorded[COMORBIDITY])
    count_cuts(model.activity_cuts, traits[TRAIT_ACTIVITY], recorded[ACTIVITY])
    record_work(model, traits, recorded[EDUCATION], recorded[LEAVE])
    baseline_pain(model, traits[TRAIT_PAIN], traits[TRAIT_FLARE], scratch[3])
    record_pain(model, scratch[3], recorded[VAS_BASELINE])


@compiled
def record_age(model: PopulationModel, trait: Floats, out: Floats) -> None:
    """Write age in completed years."""
    for i in range(trait.size):
        out[i] = np.floor(model.age_mean + model.age_sd * trait[i])


@compiled
def record_body(model: PopulationModel, trait: Floats, z: Floats, sex: Floats, height: Floats, weight: Floats) -> None:
    """Write sex (0 female, 1 male), height in whole cm and weight in kg to one decimal; body mass index is log-normal."""
    for i in range(trait.size):
        is_male = z[0, i] >= model.female_cut
        mean = model.height_mean[1] if is_male else model.height_mean[0]
        sd = model.height_sd[1] if is_male else model.height_sd[0]
        centimetres = min(max(np.rint(mean + sd * z[1, i]), 120.0), 220.0)
        index = exponential(model.bmi_log_mean + model.bmi_log_sd * trait[i])
        sex[i] = 1.0 if is_male else 0.0
        height[i] = centimetres
        weight[i] = min(max(np.rint(index * centimetres * centimetres * 0.001), 300.0), 2500.0) / 10.0


@compiled
def record_work(model: PopulationModel, traits: Floats, education: Floats, leave: Floats) -> None:
    """Write schooling in whole years (0 to 24) and whether the person is on sick leave."""
    loading = model.education_loading
    rest = np.sqrt(1.0 - loading * loading)
    for i in range(education.size):
        years = model.education_mean + model.education_sd * (loading * traits[TRAIT_AGE, i] + rest * traits[TRAIT_EDUCATION, i])
        education[i] = min(max(np.rint(years), 0.0), LONGEST_SCHOOLING)
        leave[i] = 1.0 if is_on_leave(model, traits[TRAIT_DISABILITY, i], traits[TRAIT_LEAVE, i]) else 0.0


@compiled
def count_cuts(cuts: Floats, trait: Floats, out: Floats) -> None:
    """Write how many of the cuts lie at or below the trait: the class number."""
    for i in range(trait.size):
        out[i] = 0.0
    for cut in cuts:
        for i in range(trait.size):
            out[i] += 1.0 if trait[i] >= cut else 0.0
