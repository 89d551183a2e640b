"""Where a protocol and its registry record say different things, field by field.

`equal` as written; `equivalent` after case, white space, units, wording of enumerations and precision of dates are put
aside; `drift` otherwise. `ours_only` and `registry_only`: one side says nothing. `not_comparable`: our copy of the record
does not show the field, or our side is our own words. A field on which both sides are silent is no difference.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from odisea.protocol.fact import Fact, Text
from odisea.protocol.model import Arm, Outcome, Protocol
from odisea.protocol.registry.criteria import parse_criteria
from odisea.protocol.registry.fields import (
    AGES,
    ARM_GROUPS,
    COLLABORATORS,
    CRITERIA,
    INTERVENTIONS,
    LEAD,
    LOCATIONS,
    NO_HIGHEST_AGE,
    NO_LOWEST_AGE,
    OUTCOME_LISTS,
    PAIRS,
    REFERENCES,
    SHARED_DOCUMENTS,
    SHARING,
    age_limit,
    full_path,
    interventions_of,
    shared_document,
    sharing_text,
    value_at,
)
from odisea.protocol.registry.likeness import Klass, compare, plain
from odisea.protocol.registry.record import ABSENT, Record, text_of
from odisea.protocol.registry.words import normal, overlap, words_of
from odisea.protocol.sections import Organisation

ALIKE = 0.5


@dataclass(frozen=True, slots=True)
class Difference:
    """One field held against the record.

    Parameters
    ----------
    pointer : str
        JSON pointer in the protocol.
    path : str
        Path in the record.
    ours, theirs : str or None
        The values as one line each, None where there is none.
    klass : str
        See the module.
    similarity : float or None
        Of texts: their likeness by sets of words, from 0 to 1; it never decides.
    critical : bool
        Enrolment, allocation, masking, number of arms, primary outcome, ages or sex.
    """

    pointer: str
    path: str
    ours: str | None
    theirs: str | None
    klass: Klass
    similarity: float | None = None
    critical: bool = False


def drift(protocol: Protocol, record: Record) -> tuple[Difference, ...]:
    """Return every comparable field with its class, in the order of the protocol's sections."""
    found = (
        *_single_facts(protocol, record),
        *_organisations(protocol, record),
        *_ages(protocol, record),
        *_criteria(protocol, record),
        *_arms(protocol, record),
        *_interventions(protocol, record),
        *_outcomes(protocol, record),
        *_sites(protocol, record),
        *_data_sharing(protocol, record),
        *_references(protocol, record),
    )
    order = {name: place for place, name in enumerate(Protocol.model_fields)}
    return tuple(sorted(found, key=lambda difference: order[difference.pointer.split("/")[1]]))


def as_json(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """Return differences as plain JSON data."""
    return [asdict(difference) for difference in differences]


def _held(record: Record, pointer: str, path: str, kind: str, ours: Any, theirs: Any, *, critical: bool = False) -> Iterator[Difference]:
    """Give the difference of one field; nothing where both sides are silent and our copy shows the field.

    Parameters
    ----------
    path : str
        From the top of the record.
    ours, theirs : object
        A fact or a value, None for a gap; a value, None or ABSENT where the record says nothing.
    """
    value = plain(ours)
    theirs = None if theirs is ABSENT or theirs == "" else theirs
    said = (_shown(value), _shown(theirs))
    if not record.shows(path):
        yield Difference(pointer, path, said[0], None, "not_comparable", critical=critical)
    elif value is None and theirs is not None:
        yield Difference(pointer, path, *said, "registry_only", critical=critical)
    elif value is not None and theirs is None:
        yield Difference(pointer, path, *said, "ours_only", critical=critical)
    elif value is not None:
        klass, similarity = compare(kind, value, theirs)
        yield Difference(pointer, path, *said, klass, similarity, critical)


def _shown(value: Any) -> str | None:
    """Return a value as one line."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "; ".join(str(entry) for entry in value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _single_facts(protocol: Protocol, record: Record) -> Iterator[Difference]:
    for pair in PAIRS:
        path = pair.path_in(record)
        ours = getattr(getattr(protocol, pair.section), pair.field)
        yield from _held(record, pair.pointer, path, pair.kind, ours, value_at(record, path), critical=pair.critical)


def _organisations(protocol: Protocol, record: Record) -> Iterator[Difference]:
    path, lead = full_path(LEAD), protocol.sponsors.lead.value
    entry = record.stated(path)
    if entry is ABSENT or lead is None:
        yield from _held(record, "/sponsors/lead", path, "text", lead and lead.name, "" if entry is ABSENT else text_of(entry, "name"))
    else:
        yield from _organisation(record, "/sponsors/lead", path, lead, entry)
    others, entries = protocol.sponsors.collaborators.value or (), record.entries(full_path(COLLABORATORS))
    lists = _Lists.make(
        "/sponsors/collaborators", COLLABORATORS, [each.name for each in others], [text_of(each, "name") for each in entries]
    )
    for mine, yours in (yield from _matched(record, lists)):
        yield from _organisation(record, lists.pointer_of(mine), lists.path_of(yours), others[mine], entries[yours])


def _organisation(record: Record, pointer: str, path: str, ours: Organisation, entry: Mapping[str, Any]) -> Iterator[Difference]:
    yield from _needed(record, f"{pointer}/name", f"{path}.name", "text", ours.name, text_of(entry, "name"))
    yield from _needed(record, f"{pointer}/type", f"{path}.class", "code", ours.type, text_of(entry, "class"))


def _needed(record: Record, pointer: str, path: str, kind: str, ours: Any, theirs: str) -> Iterator[Difference]:
    """Give the difference of a field that every entry of a protocol has: where the record's entry leaves it empty, ours is a stand-in."""
    if theirs or not record.shows(path):
        yield from _held(record, pointer, path, kind, ours, theirs)


def _ages(protocol: Protocol, record: Record) -> Iterator[Difference]:
    """Compare the limits in years; the end of the scale on our side is no limit."""
    ours = protocol.population.age_years.value
    for field, place in AGES:
        path, pointer = full_path(place), f"/population/age_years/{field}"
        limit = None if ours is None else round(float(getattr(ours, field)), 4)
        written = record.stated(path)
        years = age_limit(record, place)
        unlimited = limit is not None and (limit <= NO_LOWEST_AGE if field == "min" else limit >= NO_HIGHEST_AGE)
        if record.shows(path) and years is None and unlimited:
            yield Difference(pointer, path, _shown(limit), None, "equivalent", critical=True)
            continue
        for found in _held(record, pointer, path, "number", limit, years, critical=True):
            theirs = None if written is ABSENT else f"{written}"
            same = found.klass == "equal" and theirs != f"{limit:g} Years"
            yield Difference(pointer, path, found.ours, theirs, "equivalent" if same else found.klass, critical=True)


def _criteria(protocol: Protocol, record: Record) -> Iterator[Difference]:
    """Compare how many criteria there are, and one by one the numbers in them; the words are ours."""
    path = full_path(CRITERIA)
    block = record.stated(path)
    parsed = None if block is ABSENT else parse_criteria(block)
    readable = parsed is not None and bool(parsed.inclusion or parsed.exclusion)
    for name in ("inclusion", "exclusion"):
        ours = [criterion.text for criterion in getattr(protocol.population, name)]
        theirs = list(getattr(parsed, name)) if parsed else []
        pointer = f"/population/{name}"
        if parsed and not readable:
            yield Difference(pointer, path, f"{len(ours)} criteria", "a text without lists", "not_comparable")
            continue
        yield from _held(record, pointer, path, "number", len(ours) or None, len(theirs) or None)
        if record.shows(path) and len(ours) == len(theirs):
            for place, (mine, yours) in enumerate(zip(ours, theirs, strict=True)):
                yield from _held(record, f"{pointer}/{place}/text", path, "criterion", mine, yours)


def _arms(protocol: Protocol, record: Record) -> Iterator[Difference]:
    path = full_path(ARM_GROUPS)
    groups = record.entries(path)
    yield from _held(record, "/arms", path, "number", len(protocol.arms), len(groups) or None, critical=True)
    lists = _Lists.make("/arms", ARM_GROUPS, [arm.label for arm in protocol.arms], [text_of(group, "label") for group in groups])
    for mine, yours in (yield from _matched(record, lists)):
        arm, group, pointer, place = protocol.arms[mine], groups[yours], lists.pointer_of(mine), lists.path_of(yours)
        yield from _needed(record, f"{pointer}/label", f"{place}.label", "text", arm.label, text_of(group, "label"))
        yield from _held(record, f"{pointer}/type", f"{place}.type", "code", arm.type, text_of(group, "type"))
        yield from _number_of_interventions(record, arm, pointer, place, yours)


def _number_of_interventions(record: Record, arm: Arm, pointer: str, place: str, yours: int) -> Iterator[Difference]:
    theirs = len(interventions_of(record, yours))
    yield from _held(
        record, f"{pointer}/interventions", f"{place}.interventionNames", "number", len(arm.interventions) or None, theirs or None
    )


def _interventions(protocol: Protocol, record: Record) -> Iterator[Difference]:
    entries, ours = record.entries(full_path(INTERVENTIONS)), protocol.interventions
    labels = [each.label for each in ours.values()]
    lists = _Lists.make("/interventions", INTERVENTIONS, labels, [text_of(entry, "name") for entry in entries], list(ours))
    for mine, yours in (yield from _matched(record, lists)):
        each, entry, pointer, place = ours[lists.steps[mine]], entries[yours], lists.pointer_of(mine), lists.path_of(yours)
        yield from _needed(record, f"{pointer}/label", f"{place}.name", "text", each.label, text_of(entry, "name"))
        yield from _held(record, f"{pointer}/type", f"{place}.type", "code", each.type, text_of(entry, "type"))


def _outcomes(protocol: Protocol, record: Record) -> Iterator[Difference]:
    """Compare the outcome lists level by level; an outcome of ours whose registered measure is a gap is no entry of a list."""
    for level, list_path in OUTCOME_LISTS:
        path, critical = full_path(list_path), level == "primary"
        if not record.shows(path):
            yield from _hidden_outcomes(protocol, level, path, critical)
            continue
        entries = record.entries(path)
        ours = {name: outcome for name, outcome in protocol.outcomes.items() if outcome.level == level and outcome.registered_measure.known}
        named = sum(bool(text_of(entry, "measure")) for entry in entries)
        yield from _held(record, "/outcomes", path, "number", len(ours) or None, named or None, critical=critical)
        measures = [outcome.registered_measure.value or "" for outcome in ours.values()]
        lists = _Lists.make("/outcomes", list_path, measures, [text_of(entry, "measure") for entry in entries], list(ours), critical)
        for mine, yours in (yield from _matched(record, lists)):
            yield from _outcome(record, lists, mine, yours, ours[lists.steps[mine]], entries[yours])


def _hidden_outcomes(protocol: Protocol, level: str, path: str, critical: bool) -> Iterator[Difference]:
    """Give what we say of a list that our copy of the record does not show."""
    for name, outcome in protocol.outcomes.items():
        if outcome.level == level:
            for field, key in (("registered_measure", "measure"), ("registered_time_frame", "timeFrame")):
                ours = _shown(plain(getattr(outcome, field)))
                yield Difference(f"/outcomes/{name}/{field}", f"{path}.{key}", ours, None, "not_comparable", critical=critical)


def _outcome(record: Record, lists: "_Lists", mine: int, yours: int, ours: Outcome, entry: Mapping[str, Any]) -> Iterator[Difference]:
    pointer, place = lists.pointer_of(mine), lists.path_of(yours)
    for field, key, kind in (
        ("registered_measure", "measure", "text"),
        ("registered_time_frame", "timeFrame", "frame"),
        ("definition", "description", "text"),
    ):
        own = getattr(ours, field)
        yield from _held(record, f"{pointer}/{field}", f"{place}.{key}", kind, own, text_of(entry, key), critical=lists.critical)


def _sites(protocol: Protocol, record: Record) -> Iterator[Difference]:
    path = full_path(LOCATIONS)
    entries = record.entries(path)
    yield from _held(record, "/design/centres", path, "number", protocol.design.centres, len(entries) or None)
    yield from _held(record, "/sites", path, "number", len(protocol.sites) or None, len(entries) or None)
    names = [site.name for site in protocol.sites]
    lists = _Lists.make("/sites", LOCATIONS, names, [text_of(entry, "facility") for entry in entries])
    for mine, yours in (yield from _matched(record, lists)):
        site, entry, pointer, place = protocol.sites[mine], entries[yours], lists.pointer_of(mine), lists.path_of(yours)
        yield from _needed(record, f"{pointer}/name", f"{place}.facility", "text", site.name, text_of(entry, "facility"))
        for field, kind in (("city", "text"), ("state", "text"), ("country", "text"), ("status", "code")):
            yield from _held(record, f"{pointer}/{field}", f"{place}.{field}", kind, getattr(site, field), text_of(entry, field))


def _data_sharing(protocol: Protocol, record: Record) -> Iterator[Difference]:
    ours = protocol.data_sharing
    path = full_path(f"{SHARING}.ipdSharing")
    yield from _held(record, "/data_sharing/individual_data", path, "text", ours.individual_data, sharing_text(record))
    path = full_path(f"{SHARING}.infoTypes")
    for field, code in SHARED_DOCUMENTS:
        own: Fact[Text] = getattr(ours, field)
        yield from _held(record, f"/data_sharing/{field}", path, "text", own, shared_document(record, code))


def _references(protocol: Protocol, record: Record) -> Iterator[Difference]:
    """Compare publications, found by their PubMed number, else by their words; citations may be shortened."""
    entries = record.entries(full_path(REFERENCES))
    ours = [each.pmid or each.citation for each in protocol.references]
    theirs = [text_of(entry, "pmid") or text_of(entry, "citation") for entry in entries]
    lists = _Lists.make("/references", REFERENCES, ours, theirs)
    for mine, yours in (yield from _matched(record, lists)):
        each, entry, pointer, place = protocol.references[mine], entries[yours], lists.pointer_of(mine), lists.path_of(yours)
        yield from _held(record, f"{pointer}/pmid", f"{place}.pmid", "code", each.pmid, text_of(entry, "pmid"))
        yield from _needed(record, f"{pointer}/citation", f"{place}.citation", "own_words", each.citation, text_of(entry, "citation"))
        yield from _needed(record, f"{pointer}/role", f"{place}.type", "code", each.role, text_of(entry, "type"))


class _Lists(NamedTuple):
    """The names of the entries of a list of ours and of the record's, and where the two lists stand."""

    pointer: str
    path: str
    ours: Sequence[str | Text]
    theirs: Sequence[str]
    steps: Sequence[str]
    critical: bool

    @classmethod
    def make(
        cls,
        pointer: str,
        path: str,
        ours: Sequence[str | Text],
        theirs: Sequence[str],
        steps: Sequence[str] | None = None,
        critical: bool = False,
    ) -> "_Lists":
        """Return the lists; the steps of the pointers are the places where none are given."""
        return cls(pointer, full_path(path), ours, theirs, [str(n) for n in range(len(ours))] if steps is None else steps, critical)

    def pointer_of(self, mine: int) -> str:
        """Return the pointer of an entry of ours."""
        return f"{self.pointer}/{self.steps[mine]}"

    def path_of(self, yours: int) -> str:
        """Return the path of an entry of the record."""
        return f"{self.path}[{yours}]"


def _matched(record: Record, lists: _Lists) -> Generator[Difference, None, list[tuple[int, int]]]:
    """Give the entries that stand alone, and return which of the others belong together.

    Entries that read the same come first, in order; then the most alike; then, where as many are left on both sides, what
    is left in order, since our words may be in another language.
    """
    mine, yours = list(range(len(lists.ours))), list(range(len(lists.theirs)))
    pairs = [*_alike_as_read(lists, mine, yours), *_most_alike(lists, mine, yours)]
    if len(mine) == len(yours):
        pairs += zip(mine, yours, strict=True)
        mine, yours = [], []
    for place in mine:
        pointer, name = lists.pointer_of(place), lists.ours[place]
        yield from _held(record, pointer, lists.path, "text", name, None, critical=lists.critical)
    for place in yours:
        yield from _held(record, lists.pointer, lists.path_of(place), "text", None, lists.theirs[place], critical=lists.critical)
    return sorted(pairs)


def _alike_as_read(lists: _Lists, mine: list[int], yours: list[int]) -> list[tuple[int, int]]:
    """Take the pairs that read the same out of both lists, in order, and return them."""
    waiting: dict[str, list[int]] = {}
    for b in yours:
        waiting.setdefault(normal(lists.theirs[b]), []).append(b)
    pairs = []
    for a in list(mine):
        same = next((found for text in _versions(lists.ours[a]) if (found := waiting.get(normal(text)))), None)
        if same:
            pairs.append((a, same.pop(0)))
            mine.remove(a)
            yours.remove(pairs[-1][1])
    return pairs


def _most_alike(lists: _Lists, mine: list[int], yours: list[int]) -> list[tuple[int, int]]:
    """Take pairs of like texts out of both lists, the most alike first, and return them."""
    ours = {a: [words_of(text) for text in _versions(lists.ours[a])] for a in mine}
    theirs = {b: words_of(lists.theirs[b]) for b in yours}
    scored = ((max(overlap(words, other) for words in versions), a, b) for a, versions in ours.items() for b, other in theirs.items())
    pairs = []
    for _, a, b in sorted((each for each in scored if each[0] >= ALIKE), key=lambda each: (-each[0], each[1:])):
        if a in mine and b in yours:
            mine.remove(a)
            yours.remove(b)
            pairs.append((a, b))
    return pairs


def _versions(text: str | Text) -> tuple[str, ...]:
    return (text.en, text.es) if isinstance(text, Text) else (text,)
