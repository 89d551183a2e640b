"""Where a protocol and its registry record say different things, field by field.

`equal` as written; `equivalent` after case, white space, units, wording of enumerations and precision of dates are put
aside; `drift` otherwise. `ours_only` and `registry_only`: one side says nothing. `not_comparable`: our copy of the record
does not show the field, or our side is our own words. A field on which both sides are silent is no difference.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from odisea.protocol.fact import Fact, Text
from odisea.protocol.model import Arm, Outcome, Protocol
from odisea.protocol.registry.criteria import parse_criteria
from odisea.protocol.registry.difference import Difference, as_json, held, needed, shown
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
from odisea.protocol.registry.likeness import plain
from odisea.protocol.registry.pairing import Lists, matched
from odisea.protocol.registry.record import ABSENT, Record, text_of
from odisea.protocol.sections import Organisation

__all__ = ["Difference", "as_json", "drift"]


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


def _single_facts(protocol: Protocol, record: Record) -> Iterator[Difference]:
    for pair in PAIRS:
        path = pair.path_in(record)
        ours = getattr(getattr(protocol, pair.section), pair.field)
        yield from held(record, pair.pointer, path, pair.kind, ours, value_at(record, path), critical=pair.critical)


def _organisations(protocol: Protocol, record: Record) -> Iterator[Difference]:
    path, lead = full_path(LEAD), protocol.sponsors.lead.value
    entry = record.stated(path)
    if entry is ABSENT or lead is None:
        yield from held(record, "/sponsors/lead", path, "text", lead and lead.name, "" if entry is ABSENT else text_of(entry, "name"))
    else:
        yield from _organisation(record, "/sponsors/lead", path, lead, entry)
    others, entries = protocol.sponsors.collaborators.value or (), record.entries(full_path(COLLABORATORS))
    lists = Lists.make(
        "/sponsors/collaborators", COLLABORATORS, [each.name for each in others], [text_of(each, "name") for each in entries]
    )
    for mine, yours in (yield from matched(record, lists)):
        yield from _organisation(record, lists.pointer_of(mine), lists.path_of(yours), others[mine], entries[yours])


def _organisation(record: Record, pointer: str, path: str, ours: Organisation, entry: Mapping[str, Any]) -> Iterator[Difference]:
    yield from needed(record, f"{pointer}/name", f"{path}.name", "text", ours.name, text_of(entry, "name"))
    yield from needed(record, f"{pointer}/type", f"{path}.class", "code", ours.type, text_of(entry, "class"))


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
            yield Difference(pointer, path, shown(limit), None, "equivalent", critical=True)
            continue
        for found in held(record, pointer, path, "number", limit, years, critical=True):
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
        yield from held(record, pointer, path, "number", len(ours) or None, len(theirs) or None)
        if record.shows(path) and len(ours) == len(theirs):
            for place, (mine, yours) in enumerate(zip(ours, theirs, strict=True)):
                yield from held(record, f"{pointer}/{place}/text", path, "criterion", mine, yours)


def _arms(protocol: Protocol, record: Record) -> Iterator[Difference]:
    path = full_path(ARM_GROUPS)
    groups = record.entries(path)
    yield from held(record, "/arms", path, "number", len(protocol.arms), len(groups) or None, critical=True)
    lists = Lists.make("/arms", ARM_GROUPS, [arm.label for arm in protocol.arms], [text_of(group, "label") for group in groups])
    for mine, yours in (yield from matched(record, lists)):
        arm, group, pointer, place = protocol.arms[mine], groups[yours], lists.pointer_of(mine), lists.path_of(yours)
        yield from needed(record, f"{pointer}/label", f"{place}.label", "text", arm.label, text_of(group, "label"))
        yield from held(record, f"{pointer}/type", f"{place}.type", "code", arm.type, text_of(group, "type"))
        yield from _number_of_interventions(record, arm, pointer, place, yours)


def _number_of_interventions(record: Record, arm: Arm, pointer: str, place: str, yours: int) -> Iterator[Difference]:
    theirs = len(interventions_of(record, yours))
    yield from held(
        record, f"{pointer}/interventions", f"{place}.interventionNames", "number", len(arm.interventions) or None, theirs or None
    )


def _interventions(protocol: Protocol, record: Record) -> Iterator[Difference]:
    entries, ours = record.entries(full_path(INTERVENTIONS)), protocol.interventions
    labels = [each.label for each in ours.values()]
    lists = Lists.make("/interventions", INTERVENTIONS, labels, [text_of(entry, "name") for entry in entries], list(ours))
    for mine, yours in (yield from matched(record, lists)):
        each, entry, pointer, place = ours[lists.steps[mine]], entries[yours], lists.pointer_of(mine), lists.path_of(yours)
        yield from needed(record, f"{pointer}/label", f"{place}.name", "text", each.label, text_of(entry, "name"))
        yield from held(record, f"{pointer}/type", f"{place}.type", "code", each.type, text_of(entry, "type"))


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
        yield from held(record, "/outcomes", path, "number", len(ours) or None, named or None, critical=critical)
        measures = [outcome.registered_measure.value or "" for outcome in ours.values()]
        lists = Lists.make("/outcomes", list_path, measures, [text_of(entry, "measure") for entry in entries], list(ours), critical)
        for mine, yours in (yield from matched(record, lists)):
            yield from _outcome(record, lists, mine, yours, ours[lists.steps[mine]], entries[yours])


def _hidden_outcomes(protocol: Protocol, level: str, path: str, critical: bool) -> Iterator[Difference]:
    """Give what we say of a list that our copy of the record does not show."""
    for name, outcome in protocol.outcomes.items():
        if outcome.level == level:
            for field, key in (("registered_measure", "measure"), ("registered_time_frame", "timeFrame")):
                ours = shown(plain(getattr(outcome, field)))
                yield Difference(f"/outcomes/{name}/{field}", f"{path}.{key}", ours, None, "not_comparable", critical=critical)


def _outcome(record: Record, lists: Lists, mine: int, yours: int, ours: Outcome, entry: Mapping[str, Any]) -> Iterator[Difference]:
    pointer, place = lists.pointer_of(mine), lists.path_of(yours)
    for field, key, kind in (
        ("registered_measure", "measure", "text"),
        ("registered_time_frame", "timeFrame", "frame"),
        ("definition", "description", "text"),
    ):
        own = getattr(ours, field)
        yield from held(record, f"{pointer}/{field}", f"{place}.{key}", kind, own, text_of(entry, key), critical=lists.critical)


def _sites(protocol: Protocol, record: Record) -> Iterator[Difference]:
    path = full_path(LOCATIONS)
    entries = record.entries(path)
    yield from held(record, "/design/centres", path, "number", protocol.design.centres, len(entries) or None)
    yield from held(record, "/sites", path, "number", len(protocol.sites) or None, len(entries) or None)
    names = [site.name for site in protocol.sites]
    lists = Lists.make("/sites", LOCATIONS, names, [text_of(entry, "facility") for entry in entries])
    for mine, yours in (yield from matched(record, lists)):
        site, entry, pointer, place = protocol.sites[mine], entries[yours], lists.pointer_of(mine), lists.path_of(yours)
        yield from needed(record, f"{pointer}/name", f"{place}.facility", "text", site.name, text_of(entry, "facility"))
        for field, kind in (("city", "text"), ("state", "text"), ("country", "text"), ("status", "code")):
            yield from held(record, f"{pointer}/{field}", f"{place}.{field}", kind, getattr(site, field), text_of(entry, field))


def _data_sharing(protocol: Protocol, record: Record) -> Iterator[Difference]:
    ours = protocol.data_sharing
    path = full_path(f"{SHARING}.ipdSharing")
    yield from held(record, "/data_sharing/individual_data", path, "text", ours.individual_data, sharing_text(record))
    path = full_path(f"{SHARING}.infoTypes")
    for field, code in SHARED_DOCUMENTS:
        own: Fact[Text] = getattr(ours, field)
        yield from held(record, f"/data_sharing/{field}", path, "text", own, shared_document(record, code))


def _references(protocol: Protocol, record: Record) -> Iterator[Difference]:
    """Compare publications, found by their PubMed number, else by their words; citations may be shortened."""
    entries = record.entries(full_path(REFERENCES))
    ours = [each.pmid or each.citation for each in protocol.references]
    theirs = [text_of(entry, "pmid") or text_of(entry, "citation") for entry in entries]
    lists = Lists.make("/references", REFERENCES, ours, theirs)
    for mine, yours in (yield from matched(record, lists)):
        each, entry, pointer, place = protocol.references[mine], entries[yours], lists.pointer_of(mine), lists.path_of(yours)
        yield from held(record, f"{pointer}/pmid", f"{place}.pmid", "code", each.pmid, text_of(entry, "pmid"))
        yield from needed(record, f"{pointer}/citation", f"{place}.citation", "own_words", each.citation, text_of(entry, "citation"))
        yield from needed(record, f"{pointer}/role", f"{place}.type", "code", each.role, text_of(entry, "type"))
