"""The parts of a scaffold that are single facts: one per field of the model, stated, derived or a gap of the right kind."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from odisea.errors import Problem, ProtocolError
from odisea.protocol.fact import DATE_PATTERN, Fact, Frozen
from odisea.protocol.registry.criteria import Criteria, parse_criteria
from odisea.protocol.registry.fields import (
    AGES,
    COLLABORATORS,
    CRITERIA,
    LEAD,
    LOCATIONS,
    NO_HIGHEST_AGE,
    NO_LIMIT,
    NO_LOWEST_AGE,
    PAIRS,
    REFERENCES,
    SHARED_DOCUMENTS,
    SHARING,
    STATUS,
    FieldPair,
    age_limit,
    full_path,
    shared_document,
    sharing_text,
    value_at,
)
from odisea.protocol.registry.record import ABSENT, Record, text_of
from odisea.protocol.registry.timing import years_of
from odisea.protocol.registry.words import identifier
from odisea.protocol.sections import Blinding, DataSharing, Design, Ethics, Identification, Population, RecordStatus, Site, Sponsors

Yaml = dict[str, Any]
DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"<>]+")
NOT_STATED: Final = "not_stated"


def section(model: type[Frozen], given: Mapping[str, Any]) -> Yaml:
    """Return a section with the given values, and `not_stated` for every other fact that the model expects."""
    skipped = _blank(model).not_expected
    fields: Yaml = {}
    for name, info in model.model_fields.items():
        key = info.alias or name
        if key in given:
            fields[key] = given[key]
        elif isinstance(info.annotation, type) and issubclass(info.annotation, Fact) and name not in skipped:
            fields[key] = NOT_STATED
    return fields


def gap(record: Record, path: str) -> str:
    """Return the gap of a field without value: our copy does not show it, or the record leaves it empty."""
    return NOT_STATED if record.shows(path) else "not_in_source"


def fact(record: Record, pair: FieldPair) -> Any:
    """Return the value of a pair in the record, or its gap."""
    path = pair.path_in(record)
    value = value_at(record, path)
    if value is ABSENT:
        return gap(record, path)
    as_text = pair.kind in ("text", "code") and isinstance(value, list)
    return (", " if pair.kind == "code" else "; ").join(value) if as_text else value


def fact_sections(record: Record) -> dict[str, Yaml]:
    """Return the sections that hold single facts, by name."""
    given: dict[str, Yaml] = {}
    for pair in PAIRS:
        given.setdefault(pair.section, {})[pair.field] = fact(record, pair)
    given["identification"]["title"] = title(record)
    given["sponsors"] |= _sponsors(record)
    given["design"] |= _design(record)
    given["population"] |= {"age_years": _ages(record), **_criteria(record)}
    models: dict[str, type[Frozen]] = {
        "identification": Identification, "status": RecordStatus, "sponsors": Sponsors, "ethics": Ethics,
        "design": Design, "population": Population, "blinding": Blinding,
    }  # fmt: skip
    return {name: section(model, given[name]) for name, model in models.items()} | {"data_sharing": _data_sharing(record)}


def title(record: Record) -> Yaml:
    """Return the brief title, or the official one, for both languages."""
    names = [record.stated(full_path(f"identificationModule.{name}")) for name in ("briefTitle", "officialTitle")]
    text = next((" ".join(name.split()) for name in names if name is not ABSENT), "Trial without a title in the record")
    return {"en": text, "es": text}


def trial_name(record: Record) -> str:
    """Return the short name of the trial: its registry number, or one made of its title."""
    number = record.stated(full_path("identificationModule.nctId"))
    return identifier(title(record)["en"] if number is ABSENT else number, "trial")


def sources(record: Record) -> list[Yaml]:
    """Return the record as the source of the facts; nothing where no date of it is known."""
    number = record.stated(full_path("identificationModule.nctId"))
    own = record.stated("odisea.source")
    reference = own if own is not ABSENT else f"ClinicalTrials.gov record{'' if number is ABSENT else f' {number}'}"
    places = [full_path(f"{STATUS}.{name}") for name in ("lastUpdatePostDateStruct.date", "lastUpdateSubmitDate", "statusVerifiedDate")]
    dates = [record.stated(path) for path in ("odisea.as_of", *places)]
    date = next((date for date in dates if date is not ABSENT and re.match(DATE_PATTERN, date)), None)
    return [{"id": "registry", "reference": " ".join(reference.split()), "as_of": date}] if date else []


def sites(record: Record) -> list[Yaml]:
    """Return the locations."""
    path = full_path(LOCATIONS)
    drafted = []
    for place, location in enumerate(record.entries(path), start=1):
        fields = {key: text_of(location, key) or gap(record, f"{path}.{key}") for key in ("city", "state", "country", "status")}
        drafted.append(section(Site, {"id": f"S{place}", "name": text_of(location, "facility") or f"Site {place}", **fields}))
    return drafted


def references(record: Record) -> list[Yaml]:
    """Return the publications that the record cites."""
    drafted = []
    for place, each in enumerate(record.entries(full_path(REFERENCES)), start=1):
        number = text_of(each, "pmid")
        citation = text_of(each, "citation") or (f"PubMed {number}" if number else f"Reference {place} of the record")
        role = text_of(each, "type").casefold() or "unspecified"
        doi = DOI.search(citation)
        numbers = {"pmid": number, "doi": doi[0].rstrip(".,;") if doi else ""}
        drafted.append({"citation": citation, **{key: value for key, value in numbers.items() if value}, "role": role})
    return drafted


def criteria_of(record: Record) -> Criteria:
    """Return the criteria of the eligibility text; none where there is no text."""
    block = record.stated(full_path(CRITERIA))
    return Criteria((), (), ()) if block is ABSENT else parse_criteria(block)


def refuse_ages(record: Record) -> None:
    """Raise if the age limits of a record are no ages, or the lower one is above the upper one."""
    problems = []
    for _, path in AGES:
        text = record.stated(full_path(path))
        if text is not ABSENT and text.casefold() not in NO_LIMIT and years_of(text) is None:
            problems.append(_age_problem(record, path, f"{text[:40]!r} is no age", "such as 18 Years or 6 Months"))
    low, high = (age_limit(record, path) for _, path in AGES)
    if low is not None and high is not None and low > high:
        problems.append(_age_problem(record, AGES[0][1], "the minimum age is above the maximum age", "the minimum comes first"))
    if problems:
        raise ProtocolError(problems)


def _age_problem(record: Record, path: str, found: str, allowed: str) -> Problem:
    return Problem(f"{record.name}#{full_path(path)}", found, allowed, "Mend the record at the registry, then save it again")


def _blank(model: type[Frozen]) -> Frozen:
    """Return a section without values: enough to ask what it does not expect."""
    blank: BaseModel = model.model_construct()
    assert isinstance(blank, Frozen)
    return blank


def _sponsors(record: Record) -> Yaml:
    lead = record.stated(full_path(LEAD))
    others = record.entries(full_path(COLLABORATORS))
    return {
        "lead": gap(record, full_path(LEAD)) if lead is ABSENT else _organisation(lead),
        "collaborators": [_organisation(each) for each in others] or gap(record, full_path(COLLABORATORS)),
    }


def _organisation(entry: Mapping[str, Any]) -> Yaml:
    return {"name": text_of(entry, "name") or "Organisation without a name in the record", "type": text_of(entry, "class") or "UNKNOWN"}


def _design(record: Record) -> Yaml:
    locations = len(record.entries(full_path(LOCATIONS)))
    counted = {"en": "the number of locations in the record", "es": "número de sedes en el registro"}
    parallel = {"en": "the intervention model is parallel", "es": "el modelo de intervención es paralelo"}
    model = record.stated(full_path("designModule.designInfo.interventionModel"))
    return {
        "centres": {"derived": locations, "from": counted} if locations else gap(record, full_path(LOCATIONS)),
        "crossover": NOT_STATED if model is ABSENT else {"derived": False, "from": parallel},
    }


def _ages(record: Record) -> Any:
    """Return both limits; where the record has one only, the other is the end of the scale, and said to be so."""
    low, high = (age_limit(record, path) for _, path in AGES)
    if low is not None and high is not None:
        return {"min": low, "max": high}
    if low is None and high is None:
        return gap(record, full_path(AGES[0][1])) if record.shows(full_path(AGES[1][1])) else "not_in_source"
    reason = {
        "en": "the record sets one limit; the other is the end of the scale",
        "es": "el registro fija un límite; el otro es el extremo de la escala",
    }
    return {
        "derived": {"min": NO_LOWEST_AGE if low is None else low, "max": max(NO_HIGHEST_AGE, low or 0) if high is None else high},
        "from": reason,
    }


def _criteria(record: Record) -> Yaml:
    found = criteria_of(record)
    return {
        name: [{"id": f"{letter}{place}", "text": text} for place, text in enumerate(texts, start=1)]
        for name, letter, texts in (("inclusion", "I", found.inclusion), ("exclusion", "E", found.exclusion))
        if texts
    }


def _data_sharing(record: Record) -> Yaml:
    statement, kinds = full_path(f"{SHARING}.ipdSharing"), full_path(f"{SHARING}.infoTypes")
    given: Yaml = {"individual_data": sharing_text(record) or gap(record, statement)}
    given |= {field: shared_document(record, code) or gap(record, kinds) for field, code in SHARED_DOCUMENTS}
    return section(DataSharing, given)
