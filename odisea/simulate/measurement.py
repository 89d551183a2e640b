"""From latent disability to answers: ten ODI items of 0 to 5, and pain on the visual analogue scale.

An item is the nearest category to (disability / width + offset + stable + transient error), clipped to 0-5. The stable
part belongs to person and item and is the same at both visits; the transient part is new at each. Offsets make some
items harder than others (lifting first, personal care last). Source of the shape: the item model measured against the
reliability figures O6 and O8 in simulate/assumptions.yaml.
"""

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled
from odisea.simulate.mechanism import ITEMS, CourseModel, MeasurementModel, PopulationModel
from odisea.streams import Purpose, fill_normal

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STABLE = int(Purpose.ITEM_STABLE)
PAIN = int(Purpose.PAIN_FOLLOW_UP)
ITEMS_PER_BLOCK = 4


@compiled
def answer_items(
    seed: int, replicate: int, purpose: int, model: MeasurementModel, units: Ints, stable: Floats, disability: Floats, items: Floats
) -> None:
    """Write the answers of one visit into `items` (10, n).

    Parameters
    ----------
    purpose : int
        `Purpose.ITEM_BASELINE` or `Purpose.ITEM_FOLLOW_UP`: the transient errors of the visit.
    stable : float64 (10, n)
        Stable errors in units of one standard deviation, from `draw_stable`.
    disability : float64 (n,)
        Latent disability at the visit, in ODI points.
    """
    transient = np.empty((ITEMS_PER_BLOCK, units.size))
    for item in range(ITEMS):
        if item % ITEMS_PER_BLOCK == 0:
            fill_normal(seed, replicate, purpose, item // ITEMS_PER_BLOCK, units, transient)
        fresh, own, answer = transient[item % ITEMS_PER_BLOCK], stable[item], items[item]
        offset = model.item_offsets[item]
        for i in range(units.size):
            category = disability[i] / model.item_width + offset + model.stable_sd * own[i] + model.transient_sd * fresh[i]
            answer[i] = min(max(np.rint(category), 0.0), model.item_max)


@compiled
def draw_stable(seed: int, replicate: int, units: Ints, stable: Floats) -> None:
    """Write the stable person-by-item errors (standard normal) into `stable` (12, n); the last two rows are spare."""
    for part in range(stable.shape[0] // ITEMS_PER_BLOCK):
        rows = stable[part * ITEMS_PER_BLOCK : (part + 1) * ITEMS_PER_BLOCK]
        fill_normal(seed, replicate, STABLE, part, units, rows)


@compiled
def follow_up_pain(
    seed: int,
    replicate: int,
    population: PopulationModel,
    course: CourseModel,
    units: Ints,
    trait: Floats,
    change: Floats,
    out: Floats,
) -> None:
    """Write pain at week 6: the baseline trait carried over, moved by the change in latent disability, plus new noise."""
    fresh = np.empty((4, units.size))
    fill_normal(seed, replicate, PAIN, 0, units, fresh)
    keep = course.pain_follow_up_loading
    renew = np.sqrt(1.0 - keep * keep)
    for i in range(units.size):
        latent = population.pain_mean + population.pain_sd * (keep * trait[i] + renew * fresh[0, i])
        steps = np.rint((latent + course.pain_per_disability * change[i]) * population.pain_steps)
        out[i] = min(max(steps, 0.0), 10.0 * population.pain_steps) / population.pain_steps
