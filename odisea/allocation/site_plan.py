"""A site's restricted randomisation plan, and what it must agree with in the protocol.

The plan holds what must not be known where participants are recruited (block sizes, the strength of a bias). Arms, ratio, and
number of participants are the protocol's; where the protocol also states method, strata, or random element, the plan may not
say otherwise.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import ClassVar, NamedTuple

from pydantic import Field

from odisea.allocation.commitments import design_digest
from odisea.allocation.plan import MINIMISATION_BIAS, RandomisationPlan
from odisea.allocation.sealing import canonical, digest
from odisea.errors import Problem, ProtocolError
from odisea.protocol.declaration import Declaration
from odisea.protocol.dictionary import NAME_PATTERN
from odisea.protocol.fact import Fact
from odisea.protocol.load import Located
from odisea.protocol.model import Protocol

ALL = "all"
RESTRICTED_TABLE = "restricted/allocation.csv"
COLUMNS = ("randomisation_no", "stratum", "arm", "participant_id", "allocated_date")
IDENTIFIER = r"[A-Za-z0-9_-]+"
LONGEST_NAME = 80
MOST_PARTICIPANTS = 1_000_000  # below the number of places that the generator can address
IN_A_STRATUM = re.compile(r"[^,=\s](?:[^,=]*[^,=\s])?")


class SitePlan(Declaration):
    """The restricted document: `odisea: {kind: randomisation, schema: "1"}`, the trial, and the plan."""

    kind: ClassVar[str] = "randomisation"

    trial: str = Field(pattern=NAME_PATTERN)
    randomisation: RandomisationPlan


class Design(NamedTuple):
    """What the protocol says about the allocation.

    Parameters
    ----------
    trial : str
        Identifier of the trial.
    arms : tuple of str
        Identifiers in the protocol's order.
    ratio : tuple of int
        Allocation ratio in the order of the arms.
    total : int
        Participants to be randomised.
    participant : str
        Regular expression of a participant's pseudonym.
    columns : tuple of str
        Of the restricted allocation file.
    protocol : str
        SHA-256 over the protocol's files.
    """

    trial: str
    arms: tuple[str, ...]
    ratio: tuple[int, ...]
    total: int
    participant: str
    columns: tuple[str, ...]
    protocol: str

    @property
    def digest(self) -> str:
        """The hash of what may not change while a list is in use."""
        return design_digest(self.trial, self.arms, self.ratio)


def read_design(located: Located[Protocol]) -> Design:
    """Return what a protocol says about the allocation, with the hash of its files.

    Raises
    ------
    ProtocolError
        Ratio or number of participants is a gap or impossible, or clusters are allocated: every problem at once.
    """
    protocol = located.value
    stated = protocol.randomisation
    problems = list(_gaps(located, {"/randomisation/ratio": stated.ratio, "/sample_size/total": protocol.sample_size.total}))
    if stated.unit.value == "cluster":
        where = located.where("/randomisation/unit")
        problems.append(Problem(where, "clusters are allocated", "this command allocates participants", "Allocate the clusters apart"))
    total = protocol.sample_size.total.value
    if total is not None and not 1 <= total <= MOST_PARTICIPANTS:
        where, found = located.where("/sample_size/total"), f"sample_size.total is {total}"
        problems.append(Problem(where, found, f"from 1 to {MOST_PARTICIPANTS:,}", ""))
    if problems:
        raise ProtocolError(problems)
    participants, table = protocol.dictionary.files.get("participants.csv"), protocol.dictionary.files.get(RESTRICTED_TABLE)
    pseudonym = participants.columns["participant_id"].pattern if participants else None
    return Design(
        trial=protocol.trial,
        arms=protocol.arm_ids,
        ratio=stated.ratio.require("/randomisation/ratio"),
        total=protocol.sample_size.total.require("/sample_size/total"),
        participant=pseudonym or IDENTIFIER,
        columns=tuple(table.columns) if table else COLUMNS,
        protocol=digest(canonical([digest(path.read_bytes()) for path in located.files])),
    )


def _gaps(located: Located[Protocol], facts: Mapping[str, Fact[tuple[int, ...]] | Fact[int]]) -> Iterator[Problem]:
    for pointer, fact in facts.items():
        if not fact.known:
            found = f"{pointer[1:].replace('/', '.')} is {fact.status}"
            yield Problem(located.where(pointer), found, "a value is needed to draw a list", "State it in the protocol")


def disagreements(located: Located[Protocol], site: Located[SitePlan]) -> list[Problem]:
    """Return every point in which a plan contradicts its protocol, or cannot be named on a command line."""
    protocol, plan = located.value, site.value.randomisation
    problems = [*_unspeakable(site)]
    if site.value.trial != protocol.trial:
        found = f"the plan is written for trial {site.value.trial}"
        problems.append(Problem(site.where("/trial"), found, f"the protocol is of trial {protocol.trial}", "Give the plan of this trial"))
    stated = protocol.randomisation
    pairs: dict[str, tuple[object, object]] = {
        "method": (stated.method.value, plan.method),
        "stratification": (stated.stratification.value, _in_order(tuple(plan.factors), stated.stratification.value)),
        "strata": (stated.strata.value, count_strata(plan)),
        "random_element": (stated.random_element.value, _bias(plan)),
    }
    problems += [
        _contradiction(located, site, name, said, planned)
        for name, (said, planned) in pairs.items()
        if None not in (said, planned) and said != planned
    ]
    return [*problems, *_block_contradictions(located, site)]


def _bias(plan: RandomisationPlan) -> float | None:
    """Return the random element of minimisation."""
    return (plan.bias or MINIMISATION_BIAS) if plan.method == "minimisation" else None


def _in_order(names: tuple[str, ...], stated: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return names in the order of another list that holds the same ones: the order of factors says nothing."""
    return stated if stated is not None and sorted(stated) == sorted(names) else names


def _contradiction(located: Located[Protocol], site: Located[SitePlan], name: str, stated: object, planned: object) -> Problem:
    where = site.where("/randomisation/method" if name in ("method", "random_element") else "/randomisation/factors")
    found = f"the plan's {name} is {_words(planned)}"
    allowed = f"the protocol states {_words(stated)} ({located.where(f'/randomisation/{name}')})"
    return Problem(where, found, allowed, "Follow the protocol, or have it amended first")


def _words(value: object) -> str:
    return (", ".join(map(str, value)) or "none") if isinstance(value, tuple) else f"{value}"


def _block_contradictions(located: Located[Protocol], site: Located[SitePlan]) -> Iterator[Problem]:
    """Give the contradiction of block sizes; the message holds none, since a list's sizes are secret."""
    stated, plan = located.value.randomisation.block_sizes, site.value.randomisation
    if plan.block_sizes is None or not stated.known or stated.value == "in_restricted_document":
        return
    if stated.value == "not_applicable" or sorted(set(stated.value or ())) != sorted(set(plan.block_sizes)):
        where, place = site.where("/randomisation/block_sizes"), located.where("/randomisation/block_sizes")
        yield Problem(where, "the plan's block sizes are not those of the protocol", f"stated at {place}", "Let both say the same")


def _unspeakable(site: Located[SitePlan]) -> Iterator[Problem]:
    """Give the names of factors and levels of which no stratum can be named."""
    for name, factor in site.value.randomisation.factors.items():
        for word in (name, *factor.levels):
            if not (IN_A_STRATUM.fullmatch(word) and word.isprintable() and len(word) <= LONGEST_NAME):
                allowed = f"a stratum is written factor=level,factor=level, so no comma, no =, at most {LONGEST_NAME} characters"
                yield Problem(site.where(f"/randomisation/factors/{name}"), f"the name {word!r}", allowed, "Write it otherwise")


def strata_of(plan: RandomisationPlan) -> Iterator[str]:
    """Give the names of all strata: the combinations of the factors' levels, the last factor's changing fastest."""
    for levels in product(*(factor.levels for factor in plan.factors.values())):
        yield stratum_name(dict(zip(plan.factors, levels, strict=True)))


def count_strata(plan: RandomisationPlan) -> int:
    """Return the number of strata; a minimisation over many factors has more than anybody would list."""
    return prod(len(factor.levels) for factor in plan.factors.values())


def stratum_name(levels: Mapping[str, str]) -> str:
    """Return how a combination of levels is written, such as `sex=female,odi_band=high`; `all` where there are no factors."""
    return ",".join(f"{name}={level}" for name, level in levels.items()) or ALL


def named_stratum(text: str, factors: Mapping[str, tuple[str, ...]]) -> str:
    """Return the name of the stratum that a user wrote, in the declared order of factors.

    Raises
    ------
    ProtocolError
        A factor is missing, unknown, given twice, or has no such level: every problem at once.
    """
    parts = [] if text.strip() == ALL and not factors else [part.partition("=") for part in text.split(",")]
    given = {name.strip(): level.strip() for name, _, level in parts}
    problems = [_unknown(name, tuple(factors)) for name in given if name not in factors]
    problems += [
        Problem("--next", f"{name} is {given[name]!r}" if name in given else f"{name} is not given", f"levels: {', '.join(levels)}", "")
        for name, levels in factors.items()
        if given.get(name) not in levels
    ]
    if len(given) < len(parts):
        problems.append(Problem("--next", "a factor is given twice", "each once", ""))
    if problems:
        raise ProtocolError(problems)
    return stratum_name({name: given[name] for name in factors})


def _unknown(name: str, known: tuple[str, ...]) -> Problem:
    if not known:
        return Problem("--next", f"the stratum is {name!r}", "this allocation has no strata", f"Write --next {ALL}")
    return Problem("--next", f"unknown factor {name!r}", f"factors: {', '.join(known)}", "")
