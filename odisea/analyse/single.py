"""What an analysis that is carried out per trial takes and gives.

A method is one file with a function `carry_out(trial, planned, circumstances) -> Single` and one entry in
`odisea.protocol.methods`; nothing else names it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.allocation.methods import Scheme
from odisea.data.trial import Estimate, Ints


class Randomised(NamedTuple):
    """How the participants of a trial were randomised, from the opened allocation.

    Parameters
    ----------
    order : int64 (n,)
        Participants (places in `Trial.arm`) in order of randomisation.
    factors : int64 (n_factors, n)
        Level of each participant in each factor of the scheme, by place in `Trial.arm`.
    stratum : int64 (n,)
        Number of the stratum of each participant, by place in `Trial.arm`.
    scheme : Scheme or None
        The method with its numbers; None where the opened allocation does not say it.
    """

    order: Ints
    factors: Ints
    stratum: Ints
    scheme: Scheme | None


class Circumstances(NamedTuple):
    """What some analyses need beside the analysis data set.

    Parameters
    ----------
    randomised : Randomised or None
        None where the order of randomisation is not known.
    group : int64 (n,) or None
        Live-session group of each participant, -1 for none; None where groups are not recorded.
    filled : bool (n,) or None
        Whether a baseline value of the participant was missing and has been filled in; None where nobody's was.
    """

    randomised: Randomised | None = None
    group: Ints | None = None
    filled: NDArray[np.bool_] | None = None


class Single(NamedTuple):
    """The result of one analysis of one trial.

    Parameters
    ----------
    estimate : Estimate
        As the loop analyses give it: status, reason, numbers.
    flags : tuple of str
        What a reader must know, such as `collapse: ...`.
    details : mapping
        Further numbers for the result file, in shapes that JSON can hold.
    interval : (float, float) or None
        Confidence limits where they are not estimate -/+ quantile x standard error.
    p : float or None
        Two-sided p value where it is not that of estimate / standard error.
    """

    estimate: Estimate
    flags: tuple[str, ...] = ()
    details: Mapping[str, Any] = {}
    interval: tuple[float, float] | None = None
    p: float | None = None
