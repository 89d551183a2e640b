"""The words of CDISC USDM: its terminology, and how an instance of one of its classes is written.

Codes are those of the CDISC controlled terminology of `RELEASE`, as the package `usdm4` 0.29.0 bundles them; keys are the
values that a protocol holds. Where a class demands a code and the protocol has none that fits, a null flavour of ISO 21090
stands in its place (`NI` no information, `OTH` other): the CDISC Trial Summary domain marks its gaps in the same way.
"""

from collections import Counter
from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

from odisea.protocol.fact import Fact

Node = dict[str, Any]

CDISC = "http://www.cdisc.org"
RELEASE = "2026-03-27"
NULL_FLAVOUR = "ISO 21090"
NOT_STATED_TEXT = "Not stated"

# The rules on code lists ask whether these optional attributes are there; null says that they have no value.
WRITTEN_EMPTY = {"unit", "route", "frequency", "studyType", "studyPhase", "blindingSchema"}


class Term(NamedTuple):
    """One entry of a code list."""

    code: str
    decode: str
    system: str = CDISC
    version: str = RELEASE


NO_INFORMATION = Term("NI", "No information", NULL_FLAVOUR, "2011")
OTHER = Term("OTH", "Other", NULL_FLAVOUR, "2011")

STUDY_TYPES = {
    "INTERVENTIONAL": Term("C98388", "Interventional Study"),
    "OBSERVATIONAL": Term("C16084", "Observational Study"),
    "EXPANDED_ACCESS": Term("C98722", "Expanded Access Study"),
}
PHASES = {
    "NA": Term("C48660", "Not Applicable"),
    "EARLY_PHASE1": Term("C54721", "Early Phase 1 Trial"),
    "PHASE1": Term("C15600", "Phase I Trial"),
    "PHASE1/PHASE2": Term("C15693", "Phase I/II Trial"),
    "PHASE2": Term("C15601", "Phase II Trial"),
    "PHASE2/PHASE3": Term("C15694", "Phase II/III Trial"),
    "PHASE3": Term("C15602", "Phase III Trial"),
    "PHASE4": Term("C15603", "Phase IV Trial"),
}
MODELS = {
    "PARALLEL": Term("C82639", "Parallel Study"),
    "CROSSOVER": Term("C82637", "Crossover Study"),
    "FACTORIAL": Term("C82638", "Factorial Study"),
    "SINGLE_GROUP": Term("C82640", "Single Group Study"),
    "SEQUENTIAL": Term("C142568", "Group Sequential Design"),
}
INTENTS = {
    "TREATMENT": Term("C49656", "Treatment Study"),
    "PREVENTION": Term("C49657", "Prevention Study"),
    "DIAGNOSTIC": Term("C49653", "Diagnosis Study"),
    "SCREENING": Term("C71485", "Screening Study"),
    "SUPPORTIVE_CARE": Term("C71486", "Supportive Care Study"),
    "HEALTH_SERVICES_RESEARCH": Term("C15245", "Health Services Research"),
    "BASIC_SCIENCE": Term("C15714", "Basic Research"),
    "DEVICE_FEASIBILITY": Term("C139174", "Device Feasibility Study"),
}
# The registry's triple and quadruple masking count blinded roles; CDISC has one word for two and more.
BLINDINGS = {
    "NONE": Term("C49659", "Open Label Study"),
    "SINGLE": Term("C28233", "Single Blind Study"),
    "DOUBLE": Term("C15228", "Double Blind Study"),
    "TRIPLE": Term("C15228", "Double Blind Study"),
    "QUADRUPLE": Term("C15228", "Double Blind Study"),
}
ARM_TYPES = {
    "EXPERIMENTAL": Term("C174266", "Investigational Arm"),
    "ACTIVE_COMPARATOR": Term("C174267", "Active Comparator Arm"),
    "PLACEBO_COMPARATOR": Term("C174268", "Placebo Control Arm"),
    "SHAM_COMPARATOR": Term("C174269", "Sham Comparator Arm"),
    "NO_INTERVENTION": Term("C174270", "No Intervention Arm"),
}
INTERVENTION_TYPES = {
    "BEHAVIORAL": Term("C15184", "Behavioral Intervention"),
    "BIOLOGICAL": Term("C307", "Biological Agent"),
    "COMBINATION_PRODUCT": Term("C54696", "Combination Product"),
    "DEVICE": Term("C16830", "Medical Device"),
    "DIAGNOSTIC_TEST": Term("C18020", "Diagnostic Procedure"),
    "DIETARY_SUPPLEMENT": Term("C1505", "Dietary Supplement"),
    "DRUG": Term("C1909", "Pharmacologic Substance"),
    "GENETIC": Term("C15238", "Gene Therapy"),
    "PROCEDURE": Term("C98769", "Physical Medical Procedure"),
    "RADIATION": Term("C15313", "Radiation Therapy"),
}
# By the type of the arms that receive it; what every arm receives is the background.
INTERVENTION_ROLES = {
    "background": Term("C165822", "Background Treatment"),
    "EXPERIMENTAL": Term("C41161", "Protocol Agent"),
    "ACTIVE_COMPARATOR": Term("C68609", "Active Comparator"),
    "PLACEBO_COMPARATOR": Term("C753", "Placebo"),
    "SHAM_COMPARATOR": Term("C753", "Placebo"),
}
OBJECTIVE_LEVELS = {
    "primary": Term("C85826", "Trial Primary Objective"),
    "secondary": Term("C85827", "Trial Secondary Objective"),
    "exploratory": Term("C163559", "Trial Exploratory Objective"),
}
ENDPOINT_LEVELS = {
    "primary": Term("C94496", "Primary Endpoint"),
    "secondary": Term("C139173", "Secondary Endpoint"),
    "exploratory": Term("C170559", "Exploratory Endpoint"),
}
EPOCHS = {"baseline": Term("C125938", "Baseline Epoch"), "treatment": Term("C101526", "Treatment Epoch")}
SEXES = {"FEMALE": Term("C16576", "Female"), "MALE": Term("C20197", "Male")}
CRITERIA = {"inclusion": Term("C25532", "Inclusion Criteria"), "exclusion": Term("C25370", "Exclusion Criteria")}
BLINDED_ROLES = {
    "PARTICIPANT": Term("C41189", "Study Subject"),
    "CARE_PROVIDER": Term("C17445", "Caregiver"),
    "INVESTIGATOR": Term("C25936", "Investigator"),
    "OUTCOMES_ASSESSOR": Term("C207599", "Outcomes Assessor"),
    "DATA_ANALYST": Term("C51877", "Statistician"),
}
# Only the registry's classes of public bodies say what kind of organisation it is; OTHER holds universities and hospitals alike.
ORGANISATION_TYPES = dict.fromkeys(("NIH", "FED", "OTHER_GOV"), Term("C199144", "Governmental Agency or Group"))
TITLES = {
    "official_title": Term("C207616", "Official Study Title"),
    "brief_title": Term("C207615", "Brief Study Title"),
    "title": Term("C207617", "Public Study Title"),
    "acronym": Term("C207646", "Study Acronym"),
}
REGISTRY = Term("C93453", "Study Registry")
SPONSOR = Term("C70793", "Clinical Study Sponsor")
VISIT = Term("C25716", "Visit")
OWN_DATA = Term("C188866", "Data Generated Within Study")
RANDOMISED = Term("C46079", "Randomized Controlled Clinical Trial")
STRATIFIED = Term("C147145", "Stratified Randomization")
SINGLE_CENTRE = Term("C217004", "Single-Center Study")
MULTICENTRE = Term("C217005", "Multicenter Study")
# Rules compare these two lists by the submission value, which therefore is the decode.
FIXED = Term("C201358", "Fixed Reference")
AFTER = Term("C201356", "After")
BEFORE = Term("C201357", "Before")
START_TO_START = Term("C201355", "Start to Start")
WEEKS = Term("C29844", "Week")
YEARS = Term("C29848", "Year")


def instance(kind: str, /, **attributes: Any) -> Node:
    """Return an instance of a class; attributes without a value are left out, but for those in `WRITTEN_EMPTY`."""
    given = {name: value for name, value in attributes.items() if value is not None or name in WRITTEN_EMPTY}
    return {**given, "instanceType": kind}


def code(term: Term) -> Node:
    """Return a term as an instance of `Code`."""
    return instance("Code", code=term.code, codeSystem=term.system, codeSystemVersion=term.version, decode=term.decode)


def coded(value: str | None, terms: Mapping[str, Term]) -> Node:
    """Return the code of a value where the class demands one: a null flavour for a gap and for a value without a term."""
    return code(NO_INFORMATION if value is None else terms.get(value, OTHER))


def known_code(value: str | None, terms: Mapping[str, Term]) -> Node | None:
    """Return the code of a value where the class can do without: None for a gap and for a value without a term."""
    return code(terms[value]) if value is not None and value in terms else None


def alias(node: Node | None) -> Node | None:
    """Return a code as the standard code of an `AliasCode`."""
    return instance("AliasCode", standardCode=node) if node else None


def quantity(value: float, unit: Term | None = None) -> Node:
    """Return a number with its unit."""
    return instance("Quantity", value=float(value), unit=alias(code(unit)) if unit else None)


def duration(weeks: float) -> Node:
    """Return a planned length in weeks, the same for everybody."""
    return instance("Duration", quantity=quantity(weeks, WEEKS), durationWillVary=False)


def said(fact: Fact[Any]) -> str:
    """Return a text in English where the class demands one; a gap says so."""
    return NOT_STATED_TEXT if fact.value is None else str(fact.value)


def stated(fact: Fact[Any]) -> str | None:
    """Return a text in English, None for a gap."""
    return None if fact.value is None else str(fact.value)


def paragraph(text: str) -> str:
    """Return a text as the HTML that objectives, endpoints, criteria and events are written in."""
    return f"<p>{escape(text, quote=False)}</p>"


def chained(nodes: list[Node]) -> list[Node]:
    """Return nodes with identifiers, each linked to the one before and the one after."""
    backward = [{}, *({"previousId": node["id"]} for node in nodes[:-1])]
    forward = [*({"nextId": node["id"]} for node in nodes[1:]), {}]
    return [{**node, **back, **on} for node, back, on in zip(nodes, backward, forward, strict=False)]


def numbered(node: Any, counts: Counter[str] | None = None) -> Any:
    """Return a tree in which every instance without an identifier is numbered within its class, in order of appearance."""
    counts = Counter() if counts is None else counts
    if isinstance(node, list):
        return [numbered(each, counts) for each in node]
    if not isinstance(node, dict):
        return node
    kind = node.get("instanceType")
    if kind is None or "id" in node:
        return {name: numbered(value, counts) for name, value in node.items()}
    counts[kind] += 1
    own = {"id": f"{kind}_{counts[kind]}"}
    return {**own, **{name: numbered(value, counts) for name, value in node.items()}}
