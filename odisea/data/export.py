"""An export folder after it has been read: checked, typed, and laid out as the matrix that analyses are derived from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from odisea.data.tables import Table

NO_ARM = -1

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Export:
    """An export folder, checked and typed.

    Parameters
    ----------
    trial : str
        Identifier of the trial.
    origin : str
        `real` or `simulated`: for banners only.
    analysis_key : (seed, replicate) or None
        Of a simulated trial; a real one takes its plan's analysis seed.
    participants : tuple of str
        Randomised participants, sorted.
    not_randomised : tuple of str
        Participants of participants.csv who were not randomised, sorted.
    columns : tuple of str
        Names of the recorded rows (`recorded_columns`).
    recorded : float64 (n_columns, n_participants)
        Recorded values; NaN is missing, a category is its position in the dictionary's codes.
    arm : int64 (n_participants,)
        Index in the protocol's arms; -1 throughout where the allocation was not given.
    reasons : mapping of str to tuple
        OUTCOME@VISIT -> missing reason per participant, None where the value is there or no reason is recorded.
    tables : mapping of str to Table
        All typed files.
    allocation : Table or None
        The restricted allocation, typed; None where it was not given.
    changed_files : tuple of str
        Files that are not those whose hashes the manifest holds.
    """

    trial: str
    origin: Literal["real", "simulated"]
    analysis_key: tuple[int, int] | None
    participants: tuple[str, ...]
    not_randomised: tuple[str, ...]
    columns: tuple[str, ...]
    recorded: Floats
    arm: Ints
    reasons: Mapping[str, tuple[str | None, ...]]
    tables: Mapping[str, Table]
    allocation: Table | None = None
    changed_files: tuple[str, ...] = ()

    @property
    def is_blind(self) -> bool:
        """Whether the allocation is unknown, so that nothing can be estimated between arms."""
        return bool((self.arm == NO_ARM).all())
