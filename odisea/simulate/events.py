"""Intercurrent events after randomisation: rescue course, other rehabilitation, surgery, pregnancy.

Each has a weekly probability per arm at average pain, log-linear in current pain, a shift of disability and pain from
the event on (for some weeks or for good), and a strategy (ICH E9(R1)) that says how the truth of the estimand by strategy
deals with it. Stopping the programme is an event of its own kind: `odisea.simulate.engagement`. Equations:
docs/explanation/data_generating_mechanism.md, part 4.
"""

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled
from odisea.elementary import exponential
from odisea.simulate.mechanism import EVENTS, STRATEGIES, EventModel
from odisea.streams import Purpose, fill_uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PURPOSE = int(Purpose.EVENTS)
N_EVENTS = len(EVENTS)
HYPOTHETICAL = STRATEGIES.index("hypothetical")
NOT_YET = -1.0
LARGEST_EXCESS = 6.0  # VAS units of pain above the mean beyond which the probability rises no further


@compiled
def draw_events(
    seed: int,
    replicate: int,
    model: EventModel,
    week: int,
    by_strategy: int,
    units: Ints,
    exposed: Ints,
    male: Floats,
    excess: Floats,
    event_week: Floats,
    uniforms: Floats,
) -> None:
    """Write the week (0 is the first) of every event that happens in this week into `event_week` (4, n); -1 is not yet.

    Parameters
    ----------
    by_strategy : int
        1: events with the hypothetical strategy do not happen.
    male : float64 (n,)
    excess : float64 (n,)
        Latent pain at the end of the week before, less the mean at baseline (VAS units).
    uniforms : float64 (4, n)
        Work space.
    """
    fill_uniform(seed, replicate, PURPOSE, week, units, uniforms)
    for event in range(N_EVENTS):
        if by_strategy == 1 and model.strategy[event] == HYPOTHETICAL:
            continue
        if model.probability[0, event] > 0.0 or model.probability[1, event] > 0.0:
            begin_event(model, event, week, exposed, male, excess, uniforms[event], event_week[event])


@compiled
def begin_event(model: EventModel, event: int, week: int, exposed: Ints, male: Floats, excess: Floats, u: Floats, first: Floats) -> None:
    """Write the week into `first` (n,) of those whom one event meets in it for the first time."""
    control, programme, slope = model.probability[0, event], model.probability[1, event], model.pain_slope[event]
    barred = float(model.female_only[event])
    lowest, largest = u.min(), max(control, programme) * exponential(np.abs(slope) * LARGEST_EXCESS)
    if lowest >= largest:  # most weeks have no rare event at all
        return
    for i in range(u.size):
        base = programme if exposed[i] == 1 else control
        probability = base * exponential(slope * min(max(excess[i], -LARGEST_EXCESS), LARGEST_EXCESS)) * (1.0 - barred * male[i])
        kept = week if u[i] < probability else NOT_YET
        first[i] = first[i] if first[i] >= 0.0 else kept


@compiled
def event_shifts(model: EventModel, week: int, event_week: Floats, disability: Floats, pain: Floats) -> None:
    """Write what the events so far add to disability and to pain at the end of a week (0 is the first), each (n,)."""
    disability[:] = 0.0
    pain[:] = 0.0
    for event in range(N_EVENTS):
        first, lasts = event_week[event], float(model.weeks[event])
        shift, pain_shift = model.shift[event], model.pain_shift[event]
        for i in range(first.size):
            active = 1.0 if first[i] >= 0 and week - first[i] < lasts else 0.0
            disability[i] += active * shift
            pain[i] += active * pain_shift


@compiled
def stop_by_events(model: EventModel, week: int, event_week: Floats, who: Ints, engaged: Floats) -> None:
    """Take who has had an event that ends the programme by this week (0 is the first) out of it.

    Parameters
    ----------
    who : int64 (m,)
        Places of those allocated to the programme.
    engaged : float64 (m,)
        Their engagement in the week.
    """
    for event in range(N_EVENTS):
        if model.stops[event] == 1:
            for i in range(who.size):
                first = event_week[event, who[i]]
                engaged[i] = 0.0 if 0 <= first <= week else engaged[i]
