"""From latent disability to answers: ten ODI items of 0 to 5, some of them left blank.

An item is the nearest category to (disability / width + offset + stable + transient error), clipped to 0-5. The stable
part belongs to person and item and is the same at both visits; the transient part is new at each. Offsets make some
items harder than others (lifting first, personal care last). The item on sex life is left blank by a share of people, at
both visits; of the others at most one is blank per visit. Source of the shape: the item model measured against the
reliability figures O6 and O8 in simulate/assumptions.yaml.
"""

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled
from odisea.simulate.mechanism import ITEMS, SEX_LIFE, MeasurementModel
from odisea.streams import Purpose, fill_normal, fill_uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STABLE = int(Purpose.ITEM_STABLE)
BLANK = int(Purpose.ITEM_BLANK)
ITEMS_PER_BLOCK = 4
OTHER_ITEMS = ITEMS - 1


@compiled
def answer_items(
    seed: int, replicate: int, purpose: int, model: MeasurementModel, units: Ints, stable: Floats, disability: Floats, items: Floats
) -> None:
    """Write the answers of one visit into `items` (10, n), as if every item were answered.

    Parameters
    ----------
    purpose : int
        `Purpose.ITEM_BASELINE` or `Purpose.ITEM_FOLLOW_UP`: the transient errors of the visit.
    stable : float64 (12, n)
        Stable errors in units of one standard deviation, from `draw_stable`.
    disability : float64 (n,)
        Latent disability at the visit, in ODI points.
    """
    transient, level = np.empty((ITEMS_PER_BLOCK, units.size)), np.empty(units.size)
    for i in range(units.size):
        level[i] = disability[i] / model.item_width
    for item in range(ITEMS):
        if item % ITEMS_PER_BLOCK == 0:
            fill_normal(seed, replicate, purpose, item // ITEMS_PER_BLOCK, units, transient)
        fresh, own, answer = transient[item % ITEMS_PER_BLOCK], stable[item], items[item]
        offset = model.item_offsets[item]
        for i in range(units.size):
            category = level[i] + offset + model.stable_sd * own[i] + model.transient_sd * fresh[i]
            answer[i] = min(max(np.rint(category), 0.0), model.item_max)


@compiled
def draw_stable(seed: int, replicate: int, units: Ints, stable: Floats) -> None:
    """Write the stable person-by-item errors (standard normal) into `stable` (12, n); the last two rows are spare."""
    for part in range(stable.shape[0] // ITEMS_PER_BLOCK):
        rows = stable[part * ITEMS_PER_BLOCK : (part + 1) * ITEMS_PER_BLOCK]
        fill_normal(seed, replicate, STABLE, part, units, rows)


@compiled
def leave_blank(seed: int, replicate: int, sex_life: float, another: float, draw: int, units: Ints, items: Floats) -> None:
    """Blank (NaN) the items of one visit that are not answered, in `items` (10, n).

    Parameters
    ----------
    sex_life : float
        Share of people who leave that item blank; the same people at every visit.
    another : float
        Probability per item of the other nine; at most one of them is blank.
    draw : int
        Which of the person's draws belongs to the visit: 1 baseline, 2 week 6.
    """
    uniforms = np.empty((4, units.size))
    fill_uniform(seed, replicate, BLANK, 0, units, uniforms)
    anything, u = 1.0 - (1.0 - another) ** OTHER_ITEMS, uniforms[draw]
    for i in range(units.size):
        if uniforms[0, i] < sex_life:
            items[SEX_LIFE, i] = np.nan
        if u[i] < anything:
            # Below that probability u is uniform over as many intervals as there are other items: it also says which.
            item = np.int64(u[i] / anything * OTHER_ITEMS)
            items[item + 1 if item >= SEX_LIFE else item, i] = np.nan
