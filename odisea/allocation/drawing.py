"""From the secret and the plan to entries: which arm stands at which place.

The arms come from `odisea.allocation.methods.allocate`, the function that the simulator calls too.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from odisea.allocation.methods import allocate
from odisea.allocation.plan import RandomisationPlan, scheme
from odisea.allocation.sealing import KEY_BITS, Secret, canonical, commitment, salt_of
from odisea.allocation.site_plan import ALL, Design, strata_of
from odisea.protocol.fact import Frozen

PLAN_SALT = "plan"
STEP = 64  # envelopes are padded to a multiple of this many bytes
PLAN_STEP = 4096  # of which a plan with ordinary factors fills a part


class Entry(Frozen):
    """One entry of a list: what a participant is allocated to."""

    arm: str
    place: int = Field(ge=1)
    stratum: str
    trial: str


class Opening(Frozen):
    """An entry with its salt, as it stands in an envelope and, once opened, in the restricted folder."""

    entry: Entry
    salt: str = Field(pattern=r"^[0-9a-f]{64}$")

    @property
    def commitment(self) -> str:
        """The commitment that this opens."""
        return commitment(bytes.fromhex(self.salt), self.entry.model_dump())


class SealedPlan(Frozen):
    """The content of the sealed plan: all that is needed to draw every arm again.

    Parameters
    ----------
    trial, arms, ratio
        As the protocol says.
    places : int
        Length of each stratum's list; 0 where arms are drawn on demand.
    plan : RandomisationPlan
        Method and parameters.
    seed, replicate : int
        Key of the generator.
    salt_key : str
        Key of the salts, hexadecimal.
    """

    trial: str
    arms: tuple[str, ...]
    ratio: tuple[int, ...]
    places: int = Field(ge=0)
    plan: RandomisationPlan
    seed: int = Field(ge=0, lt=1 << KEY_BITS)
    replicate: int = Field(ge=0, lt=1 << KEY_BITS)
    salt_key: str = Field(pattern=r"^[0-9a-f]{64}$")

    @property
    def content(self) -> bytes:
        """What is sealed: JSON in which the factors keep their order, which names of strata follow."""
        return self.model_dump_json().encode()

    @property
    def commitment(self) -> str:
        """The commitment to the plan with its secret."""
        return commitment(salt_of(bytes.fromhex(self.salt_key), PLAN_SALT), self.model_dump(mode="json"))


def sealed_plan(design: Design, plan: RandomisationPlan, secret: Secret) -> SealedPlan:
    """Return what a new allocation is drawn from."""
    return SealedPlan(
        trial=design.trial,
        arms=design.arms,
        ratio=design.ratio,
        places=design.total if plan.is_list_method else 0,
        plan=plan,
        seed=secret.seed,
        replicate=secret.replicate,
        salt_key=secret.salt_key.hex(),
    )


def opening(sealed: SealedPlan, stratum: str, place: int, arm: str) -> Opening:
    """Return an entry with its salt."""
    salt = salt_of(bytes.fromhex(sealed.salt_key), f"{stratum} {place}")
    return Opening(entry=Entry(arm=arm, place=place, stratum=stratum, trial=sealed.trial), salt=salt.hex())


def draw_lists(sealed: SealedPlan) -> dict[str, tuple[Opening, ...]]:
    """Return the list of every stratum; each is long enough for all participants of the trial."""
    return {
        stratum: tuple(opening(sealed, stratum, place, arm) for place, arm in enumerate(draw_arms(sealed, [stratum] * sealed.places), 1))
        for stratum in strata_of(sealed.plan)
    }


def draw_on_demand(sealed: SealedPlan, strata: Sequence[str]) -> tuple[Opening, ...]:
    """Return the entries of participants of whom the strata are known, in order of allocation.

    The entry of a participant does not depend on those who come later.
    """
    arms = draw_arms(sealed, strata)
    return tuple(opening(sealed, stratum, place, arm) for place, (stratum, arm) in enumerate(zip(strata, arms, strict=True), start=1))


def draw_arms(sealed: SealedPlan, strata: Sequence[str]) -> tuple[str, ...]:
    """Return the arm of each of a row of participants, given by their strata."""
    levels = [_levels(sealed.plan, stratum) for stratum in strata]
    factors = np.ascontiguousarray(np.array(levels, dtype=np.int64).reshape(len(strata), len(sealed.plan.factors)).T)
    drawn = np.empty(len(strata), dtype=np.int64)
    allocate(sealed.seed, sealed.replicate, scheme(sealed.plan, sealed.ratio), factors, drawn)
    return tuple(sealed.arms[index] for index in drawn)


def _levels(plan: RandomisationPlan, stratum: str) -> list[int]:
    """Return the index of each factor's level in a stratum's name."""
    given = {} if stratum == ALL else dict(part.split("=") for part in stratum.split(","))
    return [factor.levels.index(given[name]) for name, factor in plan.factors.items()]


def envelope_content(one: Opening) -> bytes:
    """Return what an envelope holds, before it is padded."""
    return canonical(one.model_dump())


def envelope_length(lists: Sequence[Sequence[Opening]], arms: Sequence[str]) -> int:
    """Return the length that every envelope is padded to; it follows from the names of arms and strata alone."""
    longest = max(arms, key=lambda arm: len(arm.encode()))
    last = [entries[-1].model_copy(update={"entry": entries[-1].entry.model_copy(update={"arm": longest})}) for entries in lists]
    return _up_to(max(len(envelope_content(one)) for one in last), STEP)


def plan_length(sealed: SealedPlan) -> int:
    """Return the length that the sealed plan is padded to."""
    return _up_to(len(sealed.content), PLAN_STEP)


def _up_to(length: int, step: int) -> int:
    return -(-length // step) * step
