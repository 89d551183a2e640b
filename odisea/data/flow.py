"""Who took part: counts for the participant flow (CONSORT 2025 item 22) and the baseline table (item 25), as plain data.

No p-values stand in the baseline table: randomisation makes any difference there a matter of chance.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from odisea.data.contract import PARTICIPANT
from odisea.data.derive import PARTICIPANTS, codes_of, outcome_at, recorded_rows, trial_rows
from odisea.data.export import Export
from odisea.data.tables import as_number
from odisea.protocol.fact import Text
from odisea.protocol.model import Protocol

SCREENING = "screening.csv"
DISPOSITION = "disposition.csv"
RANDOMISED = "eligible_randomised"

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ArmFlow:
    """One arm of the flow; `arm` is None where the allocation is unknown, for all participants together.

    Parameters
    ----------
    allocated : int
        Participants randomised to the arm.
    observed : mapping of str to int
        OUTCOME@VISIT -> participants with a value.
    missing : mapping of str to mapping
        OUTCOME@VISIT -> missing reason (`not_recorded` where none is) -> participants.
    events : mapping of str to int
        Event of disposition.csv -> participants who had it.
    """

    arm: str | None
    allocated: int
    observed: Mapping[str, int]
    missing: Mapping[str, Mapping[str, int]]
    events: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Flow:
    """The participant flow; how many enter an analysis is said by its estimate.

    Parameters
    ----------
    assessed : int or None
        Persons in screening.csv; None where the export has none.
    excluded : mapping of (outcome, reason) to int
        Persons of screening.csv who were not randomised.
    not_randomised : int
        Participants of participants.csv without randomisation.
    randomised : int
        Participants of the trial.
    arms : tuple of ArmFlow
        In the protocol's order.
    """

    assessed: int | None
    excluded: Mapping[tuple[str, str], int]
    not_randomised: int
    randomised: int
    arms: tuple[ArmFlow, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A number in one group; NaN where there is nothing to summarise. Quartiles interpolate linearly."""

    n: int
    missing: int
    mean: float
    sd: float
    median: float
    lower_quartile: float
    upper_quartile: float


@dataclass(frozen=True, slots=True)
class Counts:
    """A category in one group."""

    n: int
    missing: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BaselineRow:
    """One characteristic in every arm and in all participants (last); the cells are all summaries or all counts."""

    name: str
    label: Text
    unit: str | None
    cells: tuple[Summary | Counts, ...]


def participant_flow(export: Export, protocol: Protocol) -> Flow:
    """Return the participant flow of an export."""
    screening = export.tables.get(SCREENING)
    pairs = list(zip(screening.columns["outcome"], screening.optional("reason_code"), strict=True)) if screening else []
    excluded = Counter((str(outcome), str(reason or "not_recorded")) for outcome, reason in pairs if outcome != RANDOMISED)
    return Flow(
        assessed=len(pairs) if screening else None,
        excluded=dict(sorted(excluded.items())),
        not_randomised=len(export.not_randomised),
        randomised=len(export.participants),
        arms=tuple(_arm_flow(export, protocol, arm, members) for arm, members in groups(export, protocol)),
    )


def groups(export: Export, protocol: Protocol) -> list[tuple[str | None, Bools]]:
    """Return the arms with their members; one group of everybody, without a name, where the allocation is unknown."""
    if export.is_blind:
        return [(None, np.ones(len(export.participants), dtype=np.bool_))]
    return [(arm, export.arm == index) for index, arm in enumerate(protocol.arm_ids)]


def _arm_flow(export: Export, protocol: Protocol, arm: str | None, members: Bools) -> ArmFlow:
    observed, missing = {}, {}
    for name, reasons in export.reasons.items():
        present = ~np.isnan(export.recorded[export.columns.index(name)])
        observed[name] = int((present & members).sum())
        absent = np.flatnonzero(members & ~present)
        missing[name] = dict(sorted(Counter(reasons[person] or "not_recorded" for person in absent).items()))
    ids = {export.participants[person] for person in np.flatnonzero(members)}
    return ArmFlow(arm, int(members.sum()), observed, missing, _events(export, ids))


def _events(export: Export, ids: set[str]) -> dict[str, int]:
    """Return how many of some participants had each event; a second event of the same kind does not count again."""
    table = export.tables.get(DISPOSITION)
    if table is None:
        return {}
    happened = set(zip(table.columns[PARTICIPANT], table.columns["event"], strict=True))
    return dict(sorted(Counter(str(event) for person, event in happened if person in ids).items()))


def baseline_table(export: Export, protocol: Protocol) -> tuple[BaselineRow, ...]:
    """Return the baseline characteristics of the randomised by arm and overall.

    Numbers and categories of participants.csv in the dictionary's order, the body-mass index where a coding makes one, and
    every outcome at its baseline visit.
    """
    members = [group for _, group in groups(export, protocol)]
    if not export.is_blind:
        members.append(np.ones(len(export.participants), dtype=np.bool_))
    return (*_column_rows(export, protocol, members), *_derived_rows(export, protocol, members))


def _column_rows(export: Export, protocol: Protocol, members: list[Bools]) -> Iterator[BaselineRow]:
    """Give the rows of participants.csv."""
    table = export.tables[PARTICIPANTS]
    place = {str(who): row for row, who in enumerate(table.columns[PARTICIPANT])}
    order = [place[who] for who in export.participants]
    for name, spec in protocol.dictionary.files[PARTICIPANTS].columns.items():
        if name not in table.columns or spec.type not in ("int", "num", "cat", "bool"):
            continue
        cells = [table.columns[name][row] for row in order]
        codes = codes_of(protocol, name)
        if codes:
            texts = [None if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell) for cell in cells]
            yield BaselineRow(name, spec.description, None, tuple(_counts(texts, codes, group) for group in members))
        else:
            values = np.array([as_number(cell) for cell in cells], dtype=np.float64)
            yield BaselineRow(name, spec.description, spec.unit, tuple(summarise(values[group]) for group in members))


def _derived_rows(export: Export, protocol: Protocol, members: list[Bools]) -> Iterator[BaselineRow]:
    """Give the body-mass index and the outcomes at baseline."""
    values = dict(zip(trial_rows(protocol), recorded_rows(export, protocol), strict=True))
    for name, coding in protocol.analysis.coding.items():
        if coding.bmi:
            yield BaselineRow(name, coding.label, coding.unit, tuple(summarise(values[name][group]) for group in members))
    for name, outcome in protocol.outcomes.items():
        if outcome.baseline:
            row = outcome_at(name, outcome.baseline)
            yield BaselineRow(row, outcome.label, outcome.unit, tuple(summarise(values[row][group]) for group in members))


def summarise(values: Floats) -> Summary:
    """Return the summary of numbers, NaN meaning missing.

    Parameters
    ----------
    values : float64 (n,)

    Returns
    -------
    summary : Summary
        The standard deviation has the divisor n - 1.
    """
    known = values[~np.isnan(values)]
    n, missing = known.size, values.size - known.size
    if n == 0:
        return Summary(0, missing, *(np.nan,) * 5)
    low, middle, high = (float(quartile) for quartile in np.quantile(known, (0.25, 0.5, 0.75)))
    sd = float(known.std(ddof=1)) if n > 1 else np.nan
    return Summary(n, missing, float(known.mean()), sd, middle, low, high)


def _counts(texts: list[str | None], codes: tuple[str, ...], group: Bools) -> Counts:
    """Return how often each code stands in a group."""
    chosen = [text for text, member in zip(texts, group, strict=True) if member]
    found = Counter(text for text in chosen if text is not None)
    return Counts(sum(found.values()), len(chosen) - sum(found.values()), {code: found[code] for code in codes})
