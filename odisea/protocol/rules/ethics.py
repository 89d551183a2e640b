"""Rules on ethics (ETH) and privacy (PRV)."""

import re
from collections.abc import Iterator
from typing import Any

from odisea.protocol.compose import child
from odisea.protocol.fact import Text
from odisea.protocol.registry.privacy import EMAIL, TELEPHONE
from odisea.protocol.rules.mexico import in_mexico, require_imss, require_mexico
from odisea.protocol.rules.registration import labelled
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, gap, known, put, rule

CLASSES = {
    "no_risk": Text(en="no risk", es="sin riesgo"),
    "minimal": Text(en="minimal risk", es="riesgo mínimo"),
    "greater_than_minimal": Text(en="greater than minimal risk", es="riesgo mayor que el mínimo"),
}
CONSENTS = {"oral": Text(en="oral", es="verbal"), "waived": Text(en="waived", es="dispensado")}
INSIDERS = re.compile(r"investigator|sponsor|ethics|research_committee|\birb\b|treating|trial_team|study_team", re.IGNORECASE)
WATCHERS = re.compile(r"monitor|dsmb|dmc|external", re.IGNORECASE)

PUBLIC_LAW = "LGPDPPSO 2025"
PRIVATE_LAW = "LFPDPPP 2025"
LAWS = {
    "public": Text(
        en=f"For public bodies in Mexico the candidate is the general law on data held by obligated subjects ({PUBLIC_LAW}).",
        es=f"Para entidades públicas en México la candidata es la ley general de datos en posesión de sujetos obligados ({PUBLIC_LAW}).",
    ),
    "private": Text(
        en=f"For private parties in Mexico the candidate is the federal law on data held by private parties ({PRIVATE_LAW}).",
        es=f"Para particulares en México la candidata es la ley federal de datos en posesión de los particulares ({PRIVATE_LAW}).",
    ),
    "mixed": Text(
        en=f"In Mexico the candidates are the general law for public bodies ({PUBLIC_LAW}) and the federal law for private parties"
        f" ({PRIVATE_LAW}).",
        es=f"En México las candidatas son la ley general para entidades públicas ({PUBLIC_LAW}) y la ley federal para particulares"
        f" ({PRIVATE_LAW}).",
    ),
    "elsewhere": Text(
        en="The law of the country of the sites is the candidate.", es="La candidata es la ley del país donde están las sedes."
    ),
}
KINDS_OF_BODY = {"public": Text(en="public", es="públicas"), "private": Text(en="private", es="privadas")}
NAMES_PUBLIC_LAW = re.compile(r"LGPDPPSO|sujetos obligados|obligated subjects|obliged subjects", re.IGNORECASE)
NAMES_PRIVATE_LAW = re.compile(r"LFPDPPP|particulares|private parties|private individuals", re.IGNORECASE)

SHORTEST_RETENTION = 5
NOTHING = ("none", "ninguno", "ninguna")
NO_PERSON = re.compile(r"\b10\.\d{4,9}/\S+|https?://\S+", re.IGNORECASE)
EDGE_BEFORE, EDGE_AFTER = r"(?<![\w./+-])", r"(?![\w/-])"
PERSONAL = (
    (Text(en="an e-mail address", es="un correo electrónico"), EMAIL),
    (Text(en="a CURP", es="una CURP"), re.compile(r"\b[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d\b")),
    (
        Text(en="a social security number (NSS)", es="un número de seguridad social (NSS)"),
        re.compile(rf"{EDGE_BEFORE}\d{{2}}([ -]?)\d{{2}}\1\d{{2}}\1\d{{4}}\1\d{EDGE_AFTER}"),
    ),
    (Text(en="a telephone number", es="un número telefónico"), TELEPHONE),
    (
        Text(en="a telephone number", es="un número telefónico"),
        re.compile(rf"{EDGE_BEFORE}(?:\d{{10}}|\(?\d{{2}}\)?[ -]\d{{4}}[ -]\d{{4}}|\(?\d{{3}}\)?[ -]\d{{3}}[ -]\d{{4}}){EDGE_AFTER}"),
    ),
)


@rule(
    "ETH-01",
    "question",
    "gap",
    refs=("SPIRIT:30", "SPIRIT:32a"),
    reads=("/ethics/committee", "/ethics/institution", "/ethics/approval_id", "/ethics/consent"),
)
def approval(case: Case) -> Iterator[Hit]:
    """Committee, institution, approval number or kind of consent is a gap."""
    yield from labelled(case.protocol.ethics, "/ethics", "committee", "institution", "approval_id", "consent")


@rule("ETH-02", "warning", "contradiction", refs=("SPIRIT:28a", "RLGS:17"), reads=("/ethics/risk_class", "/ethics/monitoring_risk_class"))
def two_risk_classes(case: Case) -> Iterator[Hit]:
    """The reason for the monitoring speaks of another class of risk than the trial's."""
    ethics, pointer = case.protocol.ethics, "/ethics/monitoring_risk_class"
    own, other = known(ethics.risk_class, "/ethics/risk_class"), known(ethics.monitoring_risk_class, pointer)
    if own != other:
        yield Hit(pointer, ethics.monitoring_risk_class, {"risk": CLASSES[own], "monitored": CLASSES[other]}, (put(pointer, ASK),))


@rule(
    "ETH-03",
    "warning",
    "risk",
    refs=("SPIRIT:28a",),
    reads=("/ethics/risk_class", "/ethics/independent_monitoring_committee"),
)
def no_independent_monitoring(case: Case) -> Iterator[Hit]:
    """A trial of more than minimal risk has no independent monitoring committee."""
    ethics, pointer = case.protocol.ethics, "/ethics/independent_monitoring_committee"
    risk, independent = known(ethics.risk_class, "/ethics/risk_class"), known(ethics.independent_monitoring_committee, pointer)
    if risk == "greater_than_minimal" and not independent:
        yield Hit(pointer, ethics.independent_monitoring_committee, {"risk": CLASSES[risk]}, (put(pointer, ASK),))


@rule(
    "ETH-04",
    "question",
    "gap",
    refs=("SPIRIT:28a",),
    reads=("/ethics/independent_monitoring_committee", "/ethics/monitoring_rationale"),
)
def monitoring_unknown(case: Case) -> Iterator[Hit]:
    """Whether there is an independent monitoring committee, or the reason for the choice, is a gap."""
    yield from labelled(case.protocol.ethics, "/ethics", "independent_monitoring_committee", "monitoring_rationale")


@rule("ETH-05", "question", "gap", refs=("SPIRIT:30",), reads=("/ethics/sanitary_authorisation",))
def sanitary_authorisation(case: Case) -> Iterator[Hit]:
    """Whether the health authority must authorise the trial is a gap."""
    yield from gap(case.protocol.ethics.sanitary_authorisation, "/ethics/sanitary_authorisation")


@rule(
    "ETH-06",
    "warning",
    "risk",
    refs=("SPIRIT:28a",),
    reads=("/ethics/oversight", "/ethics/independent_monitoring_committee"),
)
def oversight_from_inside(case: Case) -> Iterator[Hit]:
    """Only investigators, sponsor and approving committee oversee safety."""
    ethics = case.protocol.ethics
    bodies = known(ethics.oversight, "/ethics/oversight")
    if ethics.independent_monitoring_committee.value is not True and all(
        INSIDERS.search(body) and not WATCHERS.search(body) for body in bodies
    ):
        yield Hit("/ethics/oversight", ethics.oversight, {}, (put("/ethics/oversight/-", ASK),))


@rule("ETH-07", "question", "gap", refs=("RLGS:17",), reads=("/ethics/risk_basis", "/sites"))
def basis_of_the_risk_class(case: Case) -> Iterator[Hit]:
    """In a trial in Mexico, the sentence of the regulation behind the risk class is a gap."""
    require_mexico(case)
    risk = case.protocol.ethics.risk_class
    shown = CLASSES[risk.value] if risk.value else risk
    yield from gap(case.protocol.ethics.risk_basis, "/ethics/risk_basis", risk=shown)


@rule("ETH-08", "question", "gap", refs=("SPIRIT:34", "Helsinki"), reads=("/ethics/compensation_for_harm",))
def compensation(case: Case) -> Iterator[Hit]:
    """Compensation for harm from taking part is a gap."""
    yield from gap(case.protocol.ethics.compensation_for_harm, "/ethics/compensation_for_harm")


@rule("ETH-09", "question", "gap", refs=("SPIRIT:34", "Helsinki"), reads=("/ethics/post_trial_access",))
def after_the_trial(case: Case) -> Iterator[Hit]:
    """Access to the intervention after the trial is a gap."""
    yield from gap(case.protocol.ethics.post_trial_access, "/ethics/post_trial_access")


@rule("ETH-10", "question", "gap", refs=("SPIRIT:11", "CONSORT:8"), reads=("/ethics/public_involvement",))
def public_involvement(case: Case) -> Iterator[Hit]:
    """Involvement of patients and the public is a gap."""
    yield from gap(case.protocol.ethics.public_involvement, "/ethics/public_involvement")


@rule("ETH-11", "question", "gap", refs=("SPIRIT:32a",), reads=("/ethics/consent_process",))
def consent_process(case: Case) -> Iterator[Hit]:
    """Who obtains consent, and how, is a gap."""
    yield from gap(case.protocol.ethics.consent_process, "/ethics/consent_process")


@rule(
    "ETH-12", "question", "gap", refs=("SPIRIT:30", "IMSS"), reads=("/ethics/ethics_committee", "/ethics/committee", "/ethics/institution")
)
def number_of_the_ethics_committee(case: Case) -> Iterator[Hit]:
    """In an IMSS trial, the number of the ethics committee is a gap."""
    require_imss(case)
    yield from gap(case.protocol.ethics.ethics_committee, "/ethics/ethics_committee", committee=case.protocol.ethics.committee)


@rule("ETH-13", "question", "gap", refs=("SPIRIT:29",), reads=("/ethics/trial_monitoring",))
def monitoring_of_the_conduct(case: Case) -> Iterator[Hit]:
    """How the conduct of the trial is monitored is a gap."""
    yield from gap(case.protocol.ethics.trial_monitoring, "/ethics/trial_monitoring")


@rule("ETH-14", "warning", "risk", refs=("SPIRIT:32a", "Helsinki"), reads=("/ethics/consent", "/ethics/risk_class"))
def consent_not_written(case: Case) -> Iterator[Hit]:
    """Consent is oral or waived in a trial of more than minimal risk."""
    ethics = case.protocol.ethics
    consent, risk = known(ethics.consent, "/ethics/consent"), known(ethics.risk_class, "/ethics/risk_class")
    if consent in CONSENTS and risk == "greater_than_minimal":
        yield Hit("/ethics/consent", consent, {"consent": CONSENTS[consent], "risk": CLASSES[risk]}, (put("/ethics/consent", "written"),))


@rule("ETH-15", "question", "gap", refs=("SPIRIT:30",), reads=("/ethics/risk_class", "/ethics/risk_rationale"))
def risk_class(case: Case) -> Iterator[Hit]:
    """The class of risk, or its reason, is a gap."""
    yield from labelled(case.protocol.ethics, "/ethics", "risk_class", "risk_rationale")


@rule("ETH-16", "question", "gap", refs=("SPIRIT:32b",), reads=("/ethics/ancillary_consent",))
def ancillary_consent(case: Case) -> Iterator[Hit]:
    """Consent to the use of data in further studies is a gap."""
    yield from gap(case.protocol.ethics.ancillary_consent, "/ethics/ancillary_consent")


@rule("ETH-17", "question", "gap", refs=("SPIRIT:30",), reads=("/ethics/declarations",))
def declarations(case: Case) -> Iterator[Hit]:
    """Which declarations and laws the trial follows is a gap."""
    yield from gap(case.protocol.ethics.declarations, "/ethics/declarations")


@rule("PRV-01", "question", "gap", refs=("SPIRIT:33",), reads=("/ethics/privacy_statute", "/ethics/controllers", "/sites"))
def privacy_law(case: Case) -> Iterator[Hit]:
    """The privacy law that applies is a gap."""
    ethics = case.protocol.ethics
    if ethics.privacy_statute.known:
        return
    try:
        candidates = LAWS[ethics.controllers.value or "mixed"] if in_mexico(case) else LAWS["elsewhere"]
    except CannotRun:
        candidates = LAWS["elsewhere"]
    yield from gap(ethics.privacy_statute, "/ethics/privacy_statute", candidates=candidates)


@rule(
    "PRV-02",
    "warning",
    "contradiction",
    refs=("SPIRIT:33", "LGPDPPSO"),
    reads=("/ethics/privacy_statute", "/ethics/controllers"),
)
def privacy_law_of_others(case: Case) -> Iterator[Hit]:
    """The law named is the Mexican one for private parties though public bodies hold the data, or the reverse."""
    ethics, pointer = case.protocol.ethics, "/ethics/privacy_statute"
    law, controllers = known(ethics.privacy_statute, pointer), known(ethics.controllers, "/ethics/controllers")
    public, private = NAMES_PUBLIC_LAW.search(law) is not None, NAMES_PRIVATE_LAW.search(law) is not None
    if controllers == "mixed" or not (public or private):
        raise NotApplicable("/ethics/controllers", pointer)
    theirs = private if controllers == "private" else public
    if not theirs:
        values = {"controllers": KINDS_OF_BODY[controllers], "candidates": LAWS[controllers]}
        yield Hit(pointer, law, values, (put(pointer, ASK),))


@rule("PRV-03", "error", "risk", refs=("SPIRIT:33",), reads=("/*",))
def personal_data(case: Case) -> Iterator[Hit]:
    """A text of the files holds an e-mail address, a telephone number, a CURP or a social security number."""
    documents = [("", case.located.document), *case.located.parts.items()]
    for prefix, document in documents:
        for pointer, text in _texts(document.data, prefix):
            found = list(_personal(text))
            if found:
                (kind, first), *_ = found
                masked = text
                for _, match in found:
                    masked = masked.replace(match, "***")
                yield Hit(pointer, _mask(first), {"kind": kind}, (put(pointer, masked),))


def _texts(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Give every text of plain data with its pointer."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, child(pointer, name))
    elif isinstance(value, tuple | list):
        for index, inner in enumerate(value):
            yield from _texts(inner, child(pointer, index))


def _personal(text: str) -> Iterator[tuple[Text, str]]:
    """Give what in a text reaches a person; identifiers of publications and addresses of pages are no such thing."""
    left = NO_PERSON.sub(" ", text)
    for kind, pattern in PERSONAL:
        for match in pattern.finditer(left):
            yield kind, match[0]
        left = pattern.sub(" ", left)


def _mask(found: str) -> str:
    """Return the first character of what was found, the rest hidden."""
    return f"{found[0]}***@***" if "@" in found else f"{found[0]}***"


@rule(
    "PRV-04",
    "question",
    "gap",
    refs=("SPIRIT:33",),
    reads=("/data_management/third_party_safeguards", "/data_management/learning_platform", "/data_management/messaging"),
)
def third_parties(case: Case) -> Iterator[Hit]:
    """A messaging service or learning platform is used and the safeguards with third parties are a gap."""
    data = case.protocol.data_management
    facts = {"/data_management/learning_platform": data.learning_platform, "/data_management/messaging": data.messaging}
    tools = [fact.value for fact in facts.values() if fact.value and fact.value.casefold() not in NOTHING]
    if not tools:
        missing = [pointer for pointer, fact in facts.items() if not fact.known]
        raise CannotRun(*missing) if missing else NotApplicable(*facts)
    yield from gap(
        data.third_party_safeguards, "/data_management/third_party_safeguards", tools=Text(en=" and ".join(tools), es=" y ".join(tools))
    )


@rule("PRV-05", "question", "gap", refs=("SPIRIT:33",), reads=("/data_management/pseudonymisation", "/ethics/confidentiality"))
def confidentiality(case: Case) -> Iterator[Hit]:
    """Pseudonymisation, or how confidentiality is kept, is a gap."""
    yield from labelled(case.protocol.data_management, "/data_management", "pseudonymisation")
    yield from labelled(case.protocol.ethics, "/ethics", "confidentiality")


@rule("PRV-06", "question", "gap", refs=("SPIRIT:26", "SPIRIT:33"), reads=("/data_management/retention_years",))
def retention_unknown(case: Case) -> Iterator[Hit]:
    """How long data are kept is a gap."""
    yield from gap(case.protocol.data_management.retention_years, "/data_management/retention_years")


@rule("PRV-07", "warning", "risk", refs=("NOM012:11",), reads=("/data_management/retention_years", "/sites"))
def retention_short(case: Case) -> Iterator[Hit]:
    """In a trial in Mexico, data are kept for less than five years."""
    require_mexico(case)
    pointer = "/data_management/retention_years"
    years = known(case.protocol.data_management.retention_years, pointer)
    if years < SHORTEST_RETENTION:
        yield Hit(pointer, years, {"least": str(SHORTEST_RETENTION)}, (put(pointer, SHORTEST_RETENTION),))


@rule("PRV-08", "question", "gap", refs=("SPIRIT:25a", "SPIRIT:26"), reads=("/data_management/quality_control",))
def quality_control(case: Case) -> Iterator[Hit]:
    """Quality control of data entry is a gap."""
    yield from gap(case.protocol.data_management.quality_control, "/data_management/quality_control")


@rule("PRV-09", "question", "gap", refs=("SPIRIT:26",), reads=("/data_management/system",))
def data_system(case: Case) -> Iterator[Hit]:
    """The system in which data are kept is a gap."""
    yield from gap(case.protocol.data_management.system, "/data_management/system")
