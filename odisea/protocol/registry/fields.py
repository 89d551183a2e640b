"""Which field of a protocol corresponds to which field of a v2 record: one table for the scaffold and for the comparison."""

from typing import Any, Literal, NamedTuple

from odisea.protocol.registry.record import ABSENT, Record, text_of
from odisea.protocol.registry.timing import years_of
from odisea.protocol.registry.words import normal

SECTION = "protocolSection."
Kind = Literal["text", "texts", "code", "codes", "date", "number", "flag"]


class FieldPair(NamedTuple):
    """One fact and its place in the record.

    Parameters
    ----------
    pointer : str
        JSON pointer in the protocol.
    paths : tuple of str
        Places in the record, without `protocolSection.` but for those that start with a dot; the first that is stated counts.
    kind : str
        How the two are compared.
    critical : bool
        Whether a difference changes what the trial is.
    """

    pointer: str
    paths: tuple[str, ...]
    kind: Kind
    critical: bool = False

    @property
    def section(self) -> str:
        """The protocol's section."""
        return self.pointer.split("/")[1]

    @property
    def field(self) -> str:
        """The field in its section."""
        return self.pointer.split("/")[2]

    def path_in(self, record: Record) -> str:
        """Return the path that counts in a record: the first stated one, the first that our copy shows, or the first."""
        full = [full_path(path) for path in self.paths]
        stated = [path for path in full if record.stated(path) is not ABSENT]
        return next(iter([*stated, *filter(record.shows, full), *full]))


def full_path(path: str) -> str:
    """Return a path from the top of the record."""
    return path[1:] if path.startswith(".") else SECTION + path


ID, STATUS, DESIGN = "identificationModule", "statusModule", "designModule"
INFO, ELIGIBILITY, ARMS = f"{DESIGN}.designInfo", "eligibilityModule", "armsInterventionsModule"
LOCATIONS = "contactsLocationsModule.locations"
SHARING = "ipdSharingStatementModule"
REFERENCES = "referencesModule.references"
CRITERIA = f"{ELIGIBILITY}.eligibilityCriteria"
ARM_GROUPS, INTERVENTIONS = f"{ARMS}.armGroups", f"{ARMS}.interventions"
LEAD, COLLABORATORS = "sponsorCollaboratorsModule.leadSponsor", "sponsorCollaboratorsModule.collaborators"
AGES = (("min", f"{ELIGIBILITY}.minimumAge"), ("max", f"{ELIGIBILITY}.maximumAge"))
OUTCOME_LISTS = (
    ("primary", "outcomesModule.primaryOutcomes"),
    ("secondary", "outcomesModule.secondaryOutcomes"),
    ("exploratory", "outcomesModule.otherOutcomes"),
)
SHARED_DOCUMENTS = (("protocol_access", "STUDY_PROTOCOL"), ("analysis_plan_access", "SAP"), ("code", "ANALYTIC_CODE"))

PAIRS = (
    FieldPair("/identification/registry_id", (f"{ID}.nctId",), "code"),
    FieldPair("/identification/organisation_study_id", (f"{ID}.orgStudyIdInfo.id",), "text"),
    FieldPair("/identification/brief_title", (f"{ID}.briefTitle",), "text"),
    FieldPair("/identification/official_title", (f"{ID}.officialTitle",), "text"),
    FieldPair("/identification/acronym", (f"{ID}.acronym",), "text"),
    FieldPair("/identification/conditions", ("conditionsModule.conditions",), "texts"),
    FieldPair("/status/overall", (f"{STATUS}.overallStatus",), "code"),
    FieldPair("/status/start", (f"{STATUS}.startDateStruct.date",), "date"),
    FieldPair("/status/start_type", (f"{STATUS}.startDateStruct.type",), "code"),
    FieldPair("/status/primary_completion", (f"{STATUS}.primaryCompletionDateStruct.date",), "date"),
    FieldPair("/status/completion", (f"{STATUS}.completionDateStruct.date",), "date"),
    FieldPair("/status/completion_type", (f"{STATUS}.completionDateStruct.type",), "code"),
    FieldPair("/status/first_submitted", (f"{STATUS}.studyFirstSubmitDate",), "date"),
    FieldPair("/status/last_update", (f"{STATUS}.lastUpdatePostDateStruct.date", f"{STATUS}.lastUpdateSubmitDate"), "date"),
    FieldPair("/status/results_posted", (".hasResults",), "flag"),
    FieldPair("/sponsors/responsible_party", ("sponsorCollaboratorsModule.responsibleParty.type",), "code"),
    FieldPair("/ethics/independent_monitoring_committee", ("oversightModule.oversightHasDmc",), "flag"),
    FieldPair("/design/study_type", (f"{DESIGN}.studyType",), "code"),
    FieldPair("/design/phase", (f"{DESIGN}.phases",), "code"),
    FieldPair("/design/allocation", (f"{INFO}.allocation",), "code", critical=True),
    FieldPair("/design/model", (f"{INFO}.interventionModel",), "code"),
    FieldPair("/design/primary_purpose", (f"{INFO}.primaryPurpose",), "code"),
    FieldPair("/blinding/level", (f"{INFO}.maskingInfo.masking",), "code", critical=True),
    FieldPair("/blinding/masked", (f"{INFO}.maskingInfo.whoMasked",), "codes", critical=True),
    FieldPair("/blinding/reason", (f"{INFO}.maskingInfo.maskingDescription",), "text"),
    FieldPair("/population/condition", ("conditionsModule.conditions",), "text"),
    FieldPair("/population/planned_enrolment", (f"{DESIGN}.enrollmentInfo.count",), "number", critical=True),
    FieldPair("/population/enrolment_type", (f"{DESIGN}.enrollmentInfo.type",), "code"),
    FieldPair("/population/healthy_volunteers", (f"{ELIGIBILITY}.healthyVolunteers",), "flag"),
    FieldPair("/population/sex", (f"{ELIGIBILITY}.sex",), "code", critical=True),
)


def value_at(record: Record, path: str) -> Any:
    """Return the value of a single field, its texts on one line each; ABSENT where there is none."""
    value = record.stated(path)
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, list):
        return record.texts(path) or ABSENT
    return value


NO_LOWEST_AGE, NO_HIGHEST_AGE = 0, 120
NO_LIMIT = ("n/a", "na", "none", "no limit")


def age_limit(record: Record, path: str) -> float | None:
    """Return an age limit of a record in years; None where it sets none or gives no age."""
    text = record.stated(full_path(path))
    return years_of(text) if text is not ABSENT else None


def interventions_of(record: Record, arm: int) -> tuple[int, ...]:
    """Return the places of an arm's interventions: those that it names (`Drug: X`), then those that name it."""
    group = record.entries(full_path(ARM_GROUPS))[arm]
    written = group.get("interventionNames") or ()
    named = {normal(name) for text in written for name in (text, _behind_type(text))}
    label = text_of(group, "label")
    return tuple(
        place
        for place, each in enumerate(record.entries(full_path(INTERVENTIONS)))
        if normal(text_of(each, "name")) in named or (label and label in (each.get("armGroupLabels") or ()))
    )


def sharing_text(record: Record) -> str:
    """Return the record's statement on individual data as one text; empty where there is none."""
    fields = ("ipdSharing", "description", "timeFrame", "accessCriteria")
    found = [record.stated(full_path(f"{SHARING}.{name}")) for name in fields]
    return "; ".join(" ".join(text.split()) for text in found if text is not ABSENT)


def shared_document(record: Record, code: str) -> str:
    """Return what the record says about sharing one kind of document; empty where it does not name it."""
    kinds = record.stated(full_path(f"{SHARING}.infoTypes"))
    return f"To be shared ({code})" if kinds is not ABSENT and code in kinds else ""


def _behind_type(name: str) -> str:
    return name.partition(": ")[2] or name
