"""Candidates, eligibility and what is recorded at the baseline visit.

Six standard normal traits with a given correlation matrix (Gaussian copula) become age, body mass, comorbidity,
activity, disability and pain. Candidates outside the age range or below the pain threshold are rejected, so the cohort has
exactly the distribution of eligible people. Draws belong to the candidate, not to the place in the cohort: a scenario
that rejects one more candidate leaves everybody else unchanged.
"""

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled
from odisea.elementary import exponential
from odisea.simulate.mechanism import ACTIVITY, AGE, COMORBIDITY, HEIGHT, SEX, VAS_BASELINE, WEIGHT, PopulationModel
from odisea.streams import Purpose, fill_normal

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRAITS = int(Purpose.BASELINE_TRAITS)
BODY = int(Purpose.BASELINE_BODY)
N_MIXED = 6
TRAIT_AGE, TRAIT_BMI, TRAIT_COMORBIDITY, TRAIT_ACTIVITY, TRAIT_DISABILITY, TRAIT_PAIN, TRAIT_FRAILTY, TRAIT_ROTATION = range(8)


@compiled
def draw_traits(seed: int, replicate: int, units: Ints, mixing: Floats, traits: Floats) -> None:
    """Write the eight traits of every candidate into `traits` (8, n); the first six are mixed by the Cholesky factor."""
    fill_normal(seed, replicate, TRAITS, 0, units, traits[0:4])
    fill_normal(seed, replicate, TRAITS, 1, units, traits[4:8])
    # From the last row up, so that each row still finds the unmixed rows before it.
    for row in range(N_MIXED - 1, -1, -1):
        mixed = traits[row]
        own = mixing[row, row]
        for i in range(mixed.size):
            mixed[i] *= own
        for column in range(row):
            add_scaled(mixing[row, column], traits[column], mixed)


@compiled
def add_scaled(factor: float, source: Floats, target: Floats) -> None:
    """Add factor times source to target, in place."""
    for i in range(source.size):
        target[i] += factor * source[i]


@compiled
def recorded_pain(model: PopulationModel, trait: Floats, out: Floats) -> None:
    """Write pain on the visual analogue scale (0-10, at its resolution) for a standard normal trait."""
    for i in range(trait.size):
        steps = np.rint((model.pain_mean + model.pain_sd * trait[i]) * model.pain_steps)
        out[i] = min(max(steps, 0.0), 10.0 * model.pain_steps) / model.pain_steps


@compiled
def select_eligible(model: PopulationModel, traits: Floats, pain: Floats, chosen: Ints) -> int:
    """Write the columns of the eligible candidates into `chosen` in order; return their number."""
    count = 0
    age = traits[TRAIT_AGE]
    for i in range(age.size):
        years = model.age_mean + model.age_sd * age[i]
        if years >= model.age_min and years < model.age_max + 1.0 and pain[i] >= model.pain_min:
            chosen[count] = i
            count += 1
    return count


@compiled
def record_baseline(
    seed: int, replicate: int, model: PopulationModel, units: Ints, traits: Floats, scratch: Floats, recorded: Floats
) -> None:
    """Write what the clinic records at baseline except the ODI, each at the dictionary's resolution.

    Parameters
    ----------
    units : int64 (n,)
        Candidate numbers of the participants.
    traits : float64 (8, n)
    scratch : float64 (4, n)
    recorded : float64 (10, n)
        Rows `odisea.simulate.mechanism.RECORDED`.
    """
    fill_normal(seed, replicate, BODY, 0, units, scratch)
    record_age(model, traits[TRAIT_AGE], recorded[AGE])
    record_body(model, traits[TRAIT_BMI], scratch, recorded[SEX], recorded[HEIGHT], recorded[WEIGHT])
    count_cuts(model.comorbidity_cuts, traits[TRAIT_COMORBIDITY], recorded[COMORBIDITY])
    count_cuts(model.activity_cuts, traits[TRAIT_ACTIVITY], recorded[ACTIVITY])
    recorded_pain(model, traits[TRAIT_PAIN], recorded[VAS_BASELINE])


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
def count_cuts(cuts: Floats, trait: Floats, out: Floats) -> None:
    """Write how many of the cuts lie at or below the trait: the class number."""
    for i in range(trait.size):
        out[i] = 0.0
    for cut in cuts:
        for i in range(trait.size):
            out[i] += 1.0 if trait[i] >= cut else 0.0
