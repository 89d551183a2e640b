"""One replicate with the dates of its calendar: all that the files of a rehearsal are made of."""

from typing import NamedTuple

from odisea.protocol.model import Protocol
from odisea.simulate.assumptions import Scenario
from odisea.simulate.calendar_dates import Dates, calendar_dates
from odisea.simulate.calendar_draws import Key
from odisea.simulate.calendar_model import People, calendar_model, enrolled_share
from odisea.simulate.calendar_people import people_of
from odisea.simulate.mechanism import Mechanism
from odisea.simulate.replicate import Cohort


class SimulatedTrial(NamedTuple):
    """One replicate with its dates; made by `simulated_trial`."""

    key: Key
    scenario: Scenario
    mechanism: Mechanism
    protocol: Protocol
    cohort: Cohort
    people: People
    dates: Dates
    ids: tuple[str, ...]

    def days_in_trial(self, participant: int) -> int:
        """Return the days from randomisation to the final visit, or to the end of the week of loss: nothing later is on record."""
        return (self.dates.left[participant] - self.dates.baseline[participant]).days


def simulated_trial(key: Key, scenario: Scenario, mechanism: Mechanism, cohort: Cohort, protocol: Protocol) -> SimulatedTrial:
    """Return a replicate with the dates of its calendar.

    Parameters
    ----------
    key : (seed, replicate)
    scenario : Scenario
        Its values hold the pace, the delays and what is drawn for the export only.
    mechanism : Mechanism
        The scenario's, calibrated.
    cohort : Cohort
        As `simulate_cohort` gives it for this key and mechanism.

    Raises
    ------
    ProtocolError
        The protocol's dates or the assumed pace make no calendar.
    """
    people = people_of(*key, mechanism, cohort)
    model = calendar_model(scenario.values, scenario.closed_days, protocol, enrolled_share([people]))
    dates = calendar_dates(key, model, people)
    return SimulatedTrial(key, scenario, mechanism, protocol, cohort, people, dates, participant_ids(cohort.arm.size))


def participant_ids(count: int) -> tuple[str, ...]:
    """Return identifiers in the order of enrolment, which is also their sorted order."""
    digits = max(4, len(str(count)))
    return tuple(f"P{number:0{digits}d}" for number in range(1, count + 1))
