"""Rules on registration (REG)."""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from odisea.protocol.compose import child
from odisea.protocol.fact import Fact, Text
from odisea.protocol.labels import FIELDS
from odisea.protocol.rules.mexico import is_imss, require_imss
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, gap, known, put, rule

REGISTRIES = (
    ("ClinicalTrials.gov", r"NCT\d{8}"),
    ("ISRCTN", r"ISRCTN\d{8}"),
    ("EudraCT and CTIS", r"(EUCTR|EUCT|CTIS)?[ -]?\d{4}-\d{6}-\d{2}(-\d{2}|-[A-Z]{2})?"),
    ("ANZCTR", r"ACTRN\d{14}p?"),
    ("ChiCTR", r"ChiCTR(\d{10}|-[A-Za-z]{2,5}-\d{8})"),
    ("CRiS", r"KCT\d{7}"),
    ("CTRI", r"CTRI/\d{4}/\d{2,3}/\d{6}"),
    ("DRKS", r"DRKS\d{8}"),
    ("HKUCTR", r"HKUCTR-\d{1,5}"),
    ("IRCT", r"IRCT\d{11,14}N\d{1,3}"),
    ("ITMCTR", r"ITMCTR\d{10}"),
    ("jRCT and UMIN", r"jRCTs?\d{9,10}|UMIN\d{9}|JPRN-\S+"),
    ("LBCTR", r"LBCTR\d{10}"),
    ("Netherlands", r"NTR\d{1,5}|NL\d{1,6}|NL-OMON\d{1,6}"),
    ("PACTR", r"PACTR\d{15,16}"),
    ("PHRR", r"PHRR\d{6}-\d{6}"),
    ("ReBEC", r"RBR-[0-9a-z]{5,8}"),
    ("REPEC", r"PER-\d{3}-\d{2}"),
    ("RPCEC", r"RPCEC\d{8}"),
    ("SNCTP", r"SNCTP\d{9}"),
    ("SLCTR", r"SLCTR/\d{4}/\d{3}"),
    ("TCTR", r"TCTR\d{11}"),
)
IMSS_APPROVAL = re.compile(r"R-\d{4}-(\d{3,4})-\d{3}")
COMMITTEE_NUMBER = re.compile(r"(?<!\d)\d{3,5}(?!\d)")
LOCAL = re.compile(r"\blocal\b|\bCLIS\b|\bCLIES\b", re.IGNORECASE)
RANDOMISED = re.compile(r"random|aleatori", re.IGNORECASE)
LIMITS = {"brief_title": 300, "official_title": 600, "acronym": 14, "organisation_study_id": 30}
STARTED = ("RECRUITING", "ENROLLING_BY_INVITATION", "ACTIVE_NOT_RECRUITING", "COMPLETED", "TERMINATED")
UNFINISHED = ("NOT_YET_RECRUITING", "RECRUITING", "ENROLLING_BY_INVITATION", "ACTIVE_NOT_RECRUITING")
LONGEST_SHOWN = 160


class Span(NamedTuple):
    """The days that a date may mean: one, or a whole month."""

    first: date
    last: date


def span(fact: Fact[str], pointer: str) -> Span:
    """Return the days of a date.

    Raises
    ------
    CannotRun
        It is a gap or no date.
    """
    text = known(fact, pointer)
    try:
        if len(text) == len("2025-10"):
            month = date.fromisoformat(f"{text}-01")
            return Span(month, month.replace(day=monthrange(month.year, month.month)[1]))
        day = date.fromisoformat(text)
    except ValueError:
        raise CannotRun(pointer) from None
    return Span(day, day)


def labelled(section: Any, pointer: str, *names: str) -> Iterator[Hit]:
    """Give a hit for each fact of a section that is a gap; {label} is what it is called."""
    for name in names:
        yield from gap(getattr(section, name), f"{pointer}/{name}", label=FIELDS[name])


@rule("REG-01", "error", "contradiction", refs=("SPIRIT:4", "CONSORT:2"), reads=("/identification/registry_id",))
def number_of_no_registry(case: Case) -> Iterator[Hit]:
    """The registry number has the shape of no known registry's numbers."""
    pointer = "/identification/registry_id"
    number = known(case.protocol.identification.registry_id, pointer)
    if not any(re.fullmatch(pattern, number) for _, pattern in REGISTRIES):
        yield Hit(pointer, number, {"n_registries": str(len(REGISTRIES))}, (put(pointer, ASK),))


@rule("REG-02", "warning", "risk", refs=("SPIRIT:4", "ICMJE"), reads=("/status/first_submitted", "/status/start"))
def registered_late(case: Case) -> Iterator[Hit]:
    """The record was first submitted after the trial had started."""
    status = case.protocol.status
    submitted, start = span(status.first_submitted, "/status/first_submitted"), span(status.start, "/status/start")
    if submitted.first > start.last:
        yield Hit("/status/first_submitted", status.first_submitted, {"start": status.start})
    elif submitted.last > start.first:
        raise CannotRun("/status/first_submitted", "/status/start")


@rule("REG-03", "question", "gap", refs=("SPIRIT:4", "ICMJE"), reads=("/status/first_submitted", "/status/start"))
def first_submission_unknown(case: Case) -> Iterator[Hit]:
    """The date of first submission to the registry is a gap."""
    status = case.protocol.status
    day = status.start.value
    start = Text(en=f"; the trial starts on {day}", es=f"; el ensayo inicia el {day}") if day else Text(en="", es="")
    yield from gap(status.first_submitted, "/status/first_submitted", start=start)


@rule(
    "REG-04",
    "error",
    "contradiction",
    refs=("SPIRIT:30", "IMSS"),
    reads=("/ethics/approval_id", "/ethics/committee", "/ethics/institution"),
)
def approval_of_another_committee(case: Case) -> Iterator[Hit]:
    """An IMSS approval number has another shape than R-YEAR-COMMITTEE-SERIAL, or its committee part is another committee's."""
    require_imss(case)
    ethics = case.protocol.ethics
    match = IMSS_APPROVAL.fullmatch(known(ethics.approval_id, "/ethics/approval_id"))
    numbers = COMMITTEE_NUMBER.findall(known(ethics.committee, "/ethics/committee"))
    if match is None or (numbers and match[1] not in numbers):
        yield Hit("/ethics/approval_id", ethics.approval_id, {"committee": ethics.committee}, (put("/ethics/approval_id", ASK),))


@rule(
    "REG-05",
    "question",
    "gap",
    refs=("SPIRIT:30", "IMSS"),
    reads=("/ethics/inter_institutional_review", "/ethics/committee", "/ethics/institution", "/sponsors/collaborators", "/sites"),
)
def national_review(case: Case) -> Iterator[Hit]:
    """A local IMSS committee approved a trial with other institutions or several units; whether national review applied is a gap."""
    require_imss(case)
    collaborators, units = case.protocol.sponsors.collaborators, len(case.protocol.sites)
    others = [each.name for each in collaborators.value or () if not is_imss(each.name)]
    if not others and units < 2:
        known(collaborators, "/sponsors/collaborators")
        raise NotApplicable("/sponsors/collaborators", "/sites")
    committee = case.protocol.ethics.committee
    if not LOCAL.search(known(committee, "/ethics/committee")):
        raise NotApplicable("/ethics/committee")
    names = ", ".join(others)
    who = Text(en=names or f"{units} units", es=names or f"{units} unidades")
    yield from gap(case.protocol.ethics.inter_institutional_review, "/ethics/inter_institutional_review", committee=committee, who=who)


@rule("REG-06", "question", "gap", refs=("SPIRIT:2",), reads=("/identification/protocol_version", "/identification/protocol_date"))
def version(case: Case) -> Iterator[Hit]:
    """Version or date of the protocol is a gap."""
    yield from labelled(case.protocol.identification, "/identification", "protocol_version", "protocol_date")


@rule(
    "REG-07",
    "question",
    "gap",
    refs=("SPIRIT:4", "CT:primaryCompletionDateStruct"),
    reads=("/status/primary_completion", "/status/start_type", "/status/completion_type", "/population/enrolment_type"),
)
def dates_and_their_types(case: Case) -> Iterator[Hit]:
    """Primary completion, or whether dates and enrolment are actual or estimated, is a gap."""
    yield from labelled(case.protocol.status, "/status", "primary_completion", "start_type", "completion_type")
    yield from labelled(case.protocol.population, "/population", "enrolment_type")


@rule(
    "REG-08",
    "question",
    "gap",
    refs=("SPIRIT:4", "SPIRIT:16", "CONSORT:14"),
    reads=("/outcomes/*/registered_measure", "/outcomes/*/registered_time_frame"),
)
def registered_outcomes(case: Case) -> Iterator[Hit]:
    """Measure or time frame of an outcome in the registry's outcome list is a gap."""
    for name, outcome in case.protocol.outcomes.items():
        place = child("/outcomes", name)
        facts = {"registered_measure": outcome.registered_measure, "registered_time_frame": outcome.registered_time_frame}
        missing = [field for field, fact in facts.items() if not fact.known]
        if missing:
            pointers = [f"{place}/{field}" for field in missing]
            yield Hit(
                pointers[0], facts[missing[0]], {"outcome": outcome.label}, tuple(put(each, ASK) for each in pointers), tuple(pointers[1:])
            )


@rule(
    "REG-09",
    "information",
    "note",
    refs=("SPIRIT:1a", "CONSORT:1a"),
    reads=("/identification/official_title", "/design/allocation"),
)
def title_without_design(case: Case) -> Iterator[Hit]:
    """The official title of a randomised trial does not say that it is randomised."""
    if known(case.protocol.design.allocation, "/design/allocation") != "RANDOMIZED":
        raise NotApplicable("/design/allocation")
    title = case.protocol.identification.official_title
    if not RANDOMISED.search(known(title, "/identification/official_title")):
        yield Hit("/identification/official_title", title)


@rule("REG-10", "question", "gap", refs=("SPIRIT:31", "CONSORT:10"), reads=("/identification/amendments",))
def amendments(case: Case) -> Iterator[Hit]:
    """How amendments are communicated is a gap."""
    yield from gap(case.protocol.identification.amendments, "/identification/amendments")


@rule(
    "REG-11",
    "error",
    "contradiction",
    refs=("SPIRIT:4", "CT:overallStatus"),
    reads=("/status/overall", "/status/start", "/status/completion", "/status/last_update"),
)
def status_against_dates(case: Case) -> Iterator[Hit]:
    """On the day of the last update the recruitment status excludes the start or the completion date."""
    status = case.protocol.status
    overall, update = known(status.overall, "/status/overall"), span(status.last_update, "/status/last_update")
    if not status.start.known and not status.completion.known:
        raise CannotRun("/status/start", "/status/completion")
    clashes = []
    if status.start.known:
        start = span(status.start, "/status/start")
        before, after = start.first > update.last, start.last < update.first
        clashes.append(("start", (overall in STARTED and before) or (overall == "NOT_YET_RECRUITING" and after)))
    if status.completion.known:
        end = span(status.completion, "/status/completion")
        clashes.append(
            ("completion", (overall in UNFINISHED and end.last < update.first) or (overall == "COMPLETED" and end.first > update.last))
        )
    for name, clash in clashes:
        if clash:
            values = {"label": FIELDS[name], "date": getattr(status, name), "update": status.last_update}
            yield Hit("/status/overall", overall, values, (put("/status/overall", ASK),))


@rule(
    "REG-12",
    "warning",
    "risk",
    refs=("SPIRIT:8", "Helsinki"),
    reads=("/status/results_posted", "/status/primary_completion", "/status/last_update"),
)
def results_late(case: Case) -> Iterator[Hit]:
    """At the last update no results were posted although primary completion was more than 12 months before."""
    status = case.protocol.status
    if known(status.results_posted, "/status/results_posted"):
        return
    done, update = span(status.primary_completion, "/status/primary_completion"), span(status.last_update, "/status/last_update")
    due = (done.last.year + 1, done.last.month, done.last.day)
    if (update.first.year, update.first.month, update.first.day) > due:
        values = {"completion": status.primary_completion, "update": status.last_update}
        yield Hit("/status/results_posted", status.results_posted, values)


@rule("REG-13", "question", "gap", refs=("SPIRIT:5", "SPIRIT:6", "SPIRIT:8"), reads=("/data_sharing/*",))
def openness(case: Case) -> Iterator[Hit]:
    """Access to protocol, analysis plan, data or code, or the dissemination of results, is a gap."""
    names = ("individual_data", "protocol_access", "analysis_plan_access", "code", "dissemination")
    yield from labelled(case.protocol.data_sharing, "/data_sharing", *names)


@rule(
    "REG-14",
    "question",
    "gap",
    refs=("SPIRIT:3c", "SPIRIT:7a", "SPIRIT:7b"),
    reads=("/sponsors/funding", "/sponsors/roles", "/sponsors/conflicts_of_interest"),
)
def interests(case: Case) -> Iterator[Hit]:
    """Funding, the role of sponsor and funder, or conflicts of interest are a gap."""
    yield from labelled(case.protocol.sponsors, "/sponsors", "funding", "roles", "conflicts_of_interest")


@rule("REG-15", "question", "gap", refs=("SPIRIT:3a", "SPIRIT:3d"), reads=("/sponsors/contributors", "/sponsors/committees"))
def who_does_what(case: Case) -> Iterator[Hit]:
    """Who wrote the protocol, or which groups run the trial, is a gap."""
    yield from labelled(case.protocol.sponsors, "/sponsors", "contributors", "committees")


@rule(
    "REG-16",
    "error",
    "contradiction",
    refs=("CT:briefTitle", "CT:officialTitle", "CT:acronym", "CT:orgStudyIdInfo"),
    reads=tuple(f"/identification/{name}" for name in ("registry_id", *LIMITS)),
)
def longer_than_the_registry_allows(case: Case) -> Iterator[Hit]:
    """A title, the acronym or the organisation's number is longer than ClinicalTrials.gov can hold."""
    own = case.protocol.identification
    if not known(own.registry_id, "/identification/registry_id").startswith("NCT"):
        raise NotApplicable("/identification/registry_id")
    facts = {name: getattr(own, name) for name in LIMITS}
    if not any(fact.known for fact in facts.values()):
        raise CannotRun(*(f"/identification/{name}" for name in LIMITS))
    for name, fact in facts.items():
        length, limit = len(fact.value or ""), LIMITS[name]
        if length > limit:
            pointer = f"/identification/{name}"
            yield Hit(
                pointer, shortened(fact.value), {"label": FIELDS[name], "length": str(length), "limit": str(limit)}, (put(pointer, ASK),)
            )


@rule("REG-17", "error", "contradiction", refs=("SPIRIT:4", "CONSORT:10"), reads=("/*",), needs=("registry",))
def drift_of_a_critical_field(case: Case) -> Iterator[Hit]:
    """Protocol and registry record differ in a field that decides what the trial is."""
    yield from _differences(case, "drift", critical=(True,))


@rule("REG-18", "warning", "contradiction", refs=("SPIRIT:4", "SPIRIT:31"), reads=("/*",), needs=("registry",))
def drift_of_another_field(case: Case) -> Iterator[Hit]:
    """Protocol and registry record differ in another field."""
    yield from _differences(case, "drift", critical=(False,))


@rule("REG-19", "question", "gap", refs=("SPIRIT:4",), reads=("/*",), needs=("registry",))
def only_in_the_registry(case: Case) -> Iterator[Hit]:
    """The registry record states what the protocol leaves as a gap."""
    yield from _differences(case, "registry_only", critical=(True, False))


def _differences(case: Case, klass: str, critical: tuple[bool, ...]) -> Iterator[Hit]:
    """Give a hit per difference of a class between the protocol and its record."""
    if case.record is None:
        raise CannotRun("/identification/registry_id")
    for each in case.differences:
        if each.klass == klass and each.critical in critical:
            values = {"label": _called(each.pointer), "theirs": shortened(each.theirs), "field": each.path}
            yield Hit(each.pointer, shortened(each.ours), values, (put(each.pointer, ASK),))


def _called(pointer: str) -> Text:
    """Return what a place is called: the field's label, else the place itself."""
    name = pointer.rpartition("/")[2]
    return FIELDS.get(name) or Text(en=pointer, es=pointer)


def shortened(text: str | None) -> str:
    """Return a text of bearable length."""
    whole = " ".join((text or "").split())
    return whole if len(whole) <= LONGEST_SHOWN else f"{whole[: LONGEST_SHOWN - 3]}..."
