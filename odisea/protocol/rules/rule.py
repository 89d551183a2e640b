"""What a rule is: one small function over a protocol, its fixed properties, and what it can say.

A rule function yields one `Hit` per place where its condition fails, and nothing where it holds. Where it cannot decide it
raises: `CannotRun` (an input is a gap - never a pass) or `NotApplicable` (the design has no such thing). Its texts stand in
`texts/DOMAIN.en.toml` and `texts/DOMAIN.es.toml` under its identifier.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from odisea.protocol.fact import Fact
from odisea.protocol.load import Located
from odisea.protocol.model import Protocol

if TYPE_CHECKING:
    from odisea.protocol.claims import Audit, Claim
    from odisea.protocol.registry.drift import Difference
    from odisea.protocol.registry.record import Record

Severity = Literal["error", "warning", "question", "information"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "question", "information")
Kind = Literal["contradiction", "gap", "ambiguity", "risk", "note"]
KINDS: tuple[Kind, ...] = ("contradiction", "gap", "ambiguity", "risk", "note")
Input = Literal["registry"]
ASK = "..."
"""Stands in a patch for what only the investigators can say; such a patch is shown and never applied."""

T = TypeVar("T")


class CannotRun(Exception):  # noqa: N818 - an outcome of a rule, not an error of the program
    """The rule needs facts that are gaps; `pointers` says which."""

    def __init__(self, *pointers: str) -> None:
        self.pointers = pointers
        super().__init__(*pointers)


class NotApplicable(Exception):  # noqa: N818 - an outcome of a rule, not an error of the program
    """The rule is about something that this design does not have; `pointers` says where that shows."""

    def __init__(self, *pointers: str) -> None:
        self.pointers = pointers
        super().__init__(*pointers)


@dataclass(frozen=True, slots=True)
class Patch:
    """One change of the protocol's YAML (the operations of RFC 6902); `value` may hold `ASK`."""

    op: Literal["add", "replace", "remove"]
    path: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where a rule's condition fails.

    Parameters
    ----------
    pointer : str
        JSON pointer in the protocol; the parts of a file that it names stand under their name (`/instruments/odi/version`).
    observed : object
        What stands there: a `Fact`, a number, a code, a text, or several of them.
    values : mapping
        What fills the placeholders of the rule's texts besides {observed}; `Text` values are put into the text's language.
    patch : tuple of Patch
        How the YAML would be mended.
    covers : tuple of str
        Other pointers whose gap this finding speaks of, so that it is not said a second time.
    evidence : str, optional
        A sentence of the source or a computed figure behind it.
    """

    pointer: str
    observed: Any
    values: Mapping[str, Any] = field(default_factory=dict)
    patch: tuple[Patch, ...] = ()
    covers: tuple[str, ...] = ()
    evidence: str | None = None


class Case:
    """What rules look at.

    Parameters
    ----------
    located : Located[Protocol]
        The protocol, which knows the place of each of its values.
    record : Record, optional
        The registry record that it is compared with.
    """

    def __init__(self, located: Located[Protocol], record: "Record | None" = None) -> None:
        self.located = located
        self.record = record

    @property
    def protocol(self) -> Protocol:
        """The protocol."""
        return self.located.value

    @property
    def inputs(self) -> frozenset[str]:
        """What was given besides the protocol."""
        return frozenset({"registry"} if self.record is not None else ())

    @cached_property
    def differences(self) -> "tuple[Difference, ...]":
        """The protocol and its registry record, field by field; none where no record was given."""
        from odisea.protocol.registry.drift import drift  # reads a record, which most checks are not given

        return () if self.record is None else drift(self.protocol, self.record)

    @cached_property
    def audit(self) -> "Audit":
        """The sample-size claim, recomputed."""
        from odisea.protocol.claims import claim_of  # loads SciPy, which only the rules on sample size need

        return _audited(claim_of(self.protocol))


@lru_cache(maxsize=64)
def _audited(claim: "Claim") -> "Audit":
    """Return the audit of a claim; variants of a protocol that differ elsewhere share it."""
    from odisea.protocol.claims import audit

    return audit(claim)


Check = Callable[[Case], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the catalogue.

    Parameters
    ----------
    id : str
        Domain and number, such as SS-02.
    severity : str
        `error`: it cannot be as it stands. `warning`: it weakens the trial. `question`: a fact is missing; nothing is guessed.
        `information`: worth knowing.
    kind : str
        `contradiction` (two parts exclude each other), `gap`, `ambiguity`, `risk` (to validity or to people), `note`.
    references : tuple of str
        STANDARD:ITEM, the standards as in `odisea.protocol.rules.standards`.
    reads : tuple of str
        Pointers of the protocol that the condition looks at; `*` stands for any name or number.
    needs : tuple of str
        Inputs besides the protocol.
    check : function
        Gives the hits.
    """

    id: str
    severity: Severity
    kind: Kind
    references: tuple[str, ...]
    reads: tuple[str, ...]
    needs: tuple[Input, ...]
    check: Check

    @property
    def domain(self) -> str:
        """The letters of the identifier."""
        return self.id.partition("-")[0]


def rule(
    identifier: str,
    severity: Severity,
    kind: Kind,
    *,
    refs: tuple[str, ...] = (),
    reads: tuple[str, ...] = (),
    needs: tuple[Input, ...] = (),
) -> Callable[[Check], Rule]:
    """Return a decorator that makes a rule of a function; parameters as in `Rule`."""
    return lambda check: Rule(identifier, severity, kind, refs, reads, needs, check)


def known(fact: Fact[T], pointer: str) -> T:
    """Return a fact's value.

    Raises
    ------
    CannotRun
        It is a gap: the rule that asked cannot decide.
    """
    if fact.value is None:
        raise CannotRun(pointer)
    return fact.value


def gap(fact: Fact[Any], pointer: str, *, covers: tuple[str, ...] = (), evidence: str | None = None, **values: Any) -> Iterator[Hit]:
    """Give a hit where a fact is a gap, with the patch that asks for it."""
    if not fact.known:
        yield Hit(pointer, fact, values, (put(pointer, ASK),), covers, evidence)


def judged(things: Iterable[T], judge: Callable[[T], Iterable[Hit]]) -> Iterator[Hit]:
    """Give the hits of every thing, also where the judgement of another one meets a gap.

    Raises
    ------
    CannotRun
        At the end, with all gaps: what could not be decided for one thing is no pass.
    """
    gaps: list[str] = []
    for thing in things:
        try:
            yield from judge(thing)
        except CannotRun as cannot:
            gaps += cannot.pointers
    if gaps:
        raise CannotRun(*dict.fromkeys(gaps))


def put(path: str, value: Any) -> Patch:
    """Return the patch that writes a value at a place, whether or not something stands there."""
    return Patch("add", path, value)
