"""Rules on blinding (BLD)."""

from collections.abc import Iterable, Iterator

from odisea.protocol.fact import Text
from odisea.protocol.model import Protocol
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, gap, known, put, rule

LEVELS = {"NONE": 0, "SINGLE": 1, "DOUBLE": 2, "TRIPLE": 3, "QUADRUPLE": 4}
REGISTRY_ROLES = ("PARTICIPANT", "CARE_PROVIDER", "INVESTIGATOR", "OUTCOMES_ASSESSOR")
ROLES = {
    "PARTICIPANT": Text(en="participants", es="participantes"),
    "CARE_PROVIDER": Text(en="care providers", es="quienes dan la atención"),
    "INVESTIGATOR": Text(en="investigators", es="equipo investigador"),
    "OUTCOMES_ASSESSOR": Text(en="outcome assessors", es="quienes evalúan los desenlaces"),
    "DATA_ANALYST": Text(en="data analysts", es="quienes analizan los datos"),
}


@rule(
    "BLD-01",
    "error",
    "contradiction",
    refs=("SPIRIT:24a", "CT:maskingInfo"),
    reads=("/blinding/level", "/blinding/masked", "/identification/registry_id"),
)
def level_and_roles(case: Case) -> Iterator[Hit]:
    """The level of masking does not fit the number of masked roles; the registry counts four roles, not the analyst."""
    if not (case.protocol.identification.registry_id.value or "NCT").startswith("NCT"):  # elsewhere the words mean other things
        raise NotApplicable("/identification/registry_id")
    blinding = case.protocol.blinding
    level, masked = known(blinding.level, "/blinding/level"), known(blinding.masked, "/blinding/masked")
    roles = [role for role in dict.fromkeys(masked) if role in REGISTRY_ROLES]
    if LEVELS[level] != len(roles):
        values = {"count": len(roles), "roles": _listed(roles), "wanted": LEVELS[level]}
        yield Hit("/blinding/level", level, values, (put("/blinding/level", ASK),))


@rule("BLD-02", "error", "contradiction", refs=("SPIRIT:24a",), reads=("/blinding/masked", "/blinding/also_masked", "/blinding/unmasked"))
def both_ways(case: Case) -> Iterator[Hit]:
    """A role is said to be both masked and not masked."""
    shown = known(case.protocol.blinding.masked, "/blinding/masked")
    masked = {*shown, *(case.protocol.blinding.also_masked.value or ())}
    unmasked = known(case.protocol.blinding.unmasked, "/blinding/unmasked")
    for place, role in enumerate(unmasked):
        if role in masked:
            yield Hit(f"/blinding/unmasked/{place}", role, {"role": ROLES[role]}, (put("/blinding/unmasked", ASK),))


@rule(
    "BLD-03",
    "warning",
    "contradiction",
    refs=("SPIRIT:24a", "CT:maskingInfo"),
    reads=("/blinding/level", "/blinding/masked", "/blinding/also_masked"),
)
def text_says_more(case: Case) -> Iterator[Hit]:
    """The text masks roles that the masking as registered does not show."""
    blinding = case.protocol.blinding
    shown = known(blinding.masked, "/blinding/masked")
    more = [role for role in known(blinding.also_masked, "/blinding/also_masked") if role not in shown]
    if more:
        values = {"roles": _listed(more), "level": blinding.level, "registered": _listed(shown)}
        yield Hit("/blinding/also_masked", blinding.also_masked, values, (put("/blinding/masked", ASK),))


@rule(
    "BLD-04",
    "warning",
    "risk",
    refs=("SPIRIT:24a", "SPIRIT-Outcomes:18a.2", "RoB2:4"),
    reads=("/outcomes/*/instrument", "/instruments/*/completed_by", "/blinding/masked", "/blinding/also_masked", "/blinding/unmasked"),
)
def self_reported(case: Case) -> Iterator[Hit]:
    """A primary outcome is reported by participants who know their arm."""
    if not _knows("PARTICIPANT", case.protocol):
        raise NotApplicable("/blinding/masked")
    unknown = []
    for name, outcome in case.protocol.outcomes.items():
        instrument = case.protocol.instrument_of(name)
        if outcome.level != "primary":
            continue
        if instrument is None or not instrument.completed_by.known:
            unknown.append(f"/instruments/{outcome.instrument}/completed_by" if instrument else f"/outcomes/{name}/instrument")
        elif instrument.completed_by.value == "participant":
            yield Hit(f"/outcomes/{name}/instrument", instrument.completed_by, {"label": outcome.label})
    if unknown:
        raise CannotRun(*unknown)


@rule(
    "BLD-05",
    "question",
    "gap",
    refs=("SPIRIT:24b", "CONSORT:20b"),
    reads=("/blinding/masked", "/blinding/also_masked", "/blinding/procedure"),
)
def procedure(case: Case) -> Iterator[Hit]:
    """Somebody is masked and it is not said how."""
    roles = _somebody(case.protocol)
    yield from gap(case.protocol.blinding.procedure, "/blinding/procedure", roles=_listed(roles))


@rule(
    "BLD-06", "question", "gap", refs=("SPIRIT:24c",), reads=("/blinding/masked", "/blinding/also_masked", "/blinding/emergency_unblinding")
)
def emergency(case: Case) -> Iterator[Hit]:
    """Somebody is masked and it is not said when and how an allocation is revealed."""
    roles = _somebody(case.protocol)
    yield from gap(case.protocol.blinding.emergency_unblinding, "/blinding/emergency_unblinding", roles=_listed(roles))


@rule("BLD-07", "question", "gap", refs=("RoB2:4",), reads=("/blinding/masked", "/blinding/also_masked", "/blinding/check"))
def check(case: Case) -> Iterator[Hit]:
    """Somebody is masked and it is not said whether the masking is checked."""
    roles = _somebody(case.protocol)
    yield from gap(case.protocol.blinding.check, "/blinding/check", roles=_listed(roles))


@rule(
    "BLD-08",
    "warning",
    "contradiction",
    refs=("SPIRIT:24a", "SPIRIT:24b"),
    reads=("/blinding/masked", "/blinding/also_masked", "/outcomes/*/arms", "/export/dictionaries"),
)
def analyst_sees_the_arm(case: Case) -> Iterator[Hit]:
    """Analysts are said to be masked although some data exist in some arms only."""
    masked, more = known(case.protocol.blinding.masked, "/blinding/masked"), case.protocol.blinding.also_masked
    if "DATA_ANALYST" not in (*masked, *(more.value or ())):
        raise NotApplicable("/blinding/masked", "/blinding/also_masked") if more.known else CannotRun("/blinding/also_masked")
    told = _recorded_in_some_arms(case.protocol)
    if told:
        pointer = "/blinding/masked" if "DATA_ANALYST" in masked else "/blinding/also_masked"
        yield Hit(pointer, "DATA_ANALYST", {"data": _joined(told)}, (put("/blinding/procedure", ASK),))


@rule("BLD-09", "warning", "risk", refs=("SPIRIT:24a", "RoB2:4"), reads=("/blinding/masked", "/blinding/also_masked"))
def nobody(case: Case) -> Iterator[Hit]:
    """Nobody is masked."""
    blinding = case.protocol.blinding
    if not known(blinding.masked, "/blinding/masked") and not known(blinding.also_masked, "/blinding/also_masked"):
        yield Hit("/blinding/masked", blinding.masked, {}, (put("/blinding/masked", ASK),))


@rule(
    "BLD-10",
    "question",
    "gap",
    refs=("SPIRIT:24a", "CONSORT:20a"),
    reads=("/blinding/unmasked", "/blinding/masked", "/blinding/also_masked", "/blinding/reason"),
)
def reason(case: Case) -> Iterator[Hit]:
    """Participants know their arm and no reason is given."""
    if not _knows("PARTICIPANT", case.protocol):
        raise NotApplicable("/blinding/masked")
    yield from gap(case.protocol.blinding.reason, "/blinding/reason")


def _listed(roles: Iterable[str]) -> Text:
    return _joined([ROLES[role] for role in roles] or [Text(en="none", es="ninguna")])


def _joined(texts: Iterable[Text]) -> Text:
    texts = tuple(texts)
    return Text(en=", ".join(text.en for text in texts), es=", ".join(text.es for text in texts))


def _knows(role: str, protocol: Protocol) -> bool:
    """Return whether a role is said not to be masked, or is not among the masked."""
    if role in (protocol.blinding.unmasked.value or ()):
        return True
    masked = known(protocol.blinding.masked, "/blinding/masked")
    return role not in (*masked, *(protocol.blinding.also_masked.value or ()))


def _somebody(protocol: Protocol) -> tuple[str, ...]:
    """Return the masked roles; what follows does not apply where there are none."""
    facts = (protocol.blinding.masked, protocol.blinding.also_masked)
    roles = tuple(dict.fromkeys(role for fact in facts for role in fact.value or ()))
    if not roles:
        known(protocol.blinding.masked, "/blinding/masked")
        raise NotApplicable("/blinding/masked")
    return roles


def _recorded_in_some_arms(protocol: Protocol) -> list[Text]:
    """Return the outcomes and export files (or columns) that exist in some arms only."""
    arms = set(protocol.arm_ids)
    told = [outcome.label for outcome in protocol.outcomes.values() if outcome.arms is not None and set(outcome.arms) < arms]
    for name, file in protocol.dictionary.files.items():
        if file.arms is not None and set(file.arms) < arms:
            told.append(Text(en=name, es=name))
        else:
            columns = [f"{name}: {column}" for column, spec in file.columns.items() if spec.arms is not None and set(spec.arms) < arms]
            told += [Text(en=column, es=column) for column in columns]
    return told
