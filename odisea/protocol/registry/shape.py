"""The fields of a ClinicalTrials.gov v2 record that we read, with the kind of value and, where we rely on it, its enumeration.

Other fields may hold anything; these are checked when a record is read, so that nothing behind has to ask again.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from odisea.errors import Problem
from odisea.protocol.registry.strict_json import inside


class Code(NamedTuple):
    """A text out of a list."""

    values: tuple[str, ...]


TEXT, FLAG, COUNT = "a text", "true or false", "a whole number of 0 or more"
DATE_TYPE = Code(("ACTUAL", "ESTIMATED"))
DATED = {"date": TEXT, "type": DATE_TYPE}
ORGANISATION = {"name": TEXT, "class": TEXT}
OUTCOME = {"measure": TEXT, "description": TEXT, "timeFrame": TEXT}
LARGEST_COUNT = 10**9

PROTOCOL_SECTION: dict[str, Any] = {
    "identificationModule": {
        "nctId": TEXT, "orgStudyIdInfo": {"id": TEXT}, "briefTitle": TEXT, "officialTitle": TEXT, "acronym": TEXT,
    },
    "statusModule": {
        "overallStatus": TEXT, "statusVerifiedDate": TEXT, "startDateStruct": DATED, "primaryCompletionDateStruct": DATED,
        "completionDateStruct": DATED, "studyFirstSubmitDate": TEXT, "lastUpdateSubmitDate": TEXT, "lastUpdatePostDateStruct": DATED,
    },
    "sponsorCollaboratorsModule": {"responsibleParty": {"type": TEXT}, "leadSponsor": ORGANISATION, "collaborators": [ORGANISATION]},
    "oversightModule": {"oversightHasDmc": FLAG},
    "descriptionModule": {"briefSummary": TEXT, "detailedDescription": TEXT},
    "conditionsModule": {"conditions": [TEXT], "keywords": [TEXT]},
    "designModule": {
        "studyType": TEXT, "phases": [TEXT],
        "designInfo": {
            "allocation": TEXT, "interventionModel": TEXT, "interventionModelDescription": TEXT, "primaryPurpose": TEXT,
            "maskingInfo": {
                "masking": Code(("NONE", "SINGLE", "DOUBLE", "TRIPLE", "QUADRUPLE")), "maskingDescription": TEXT,
                "whoMasked": [Code(("PARTICIPANT", "CARE_PROVIDER", "INVESTIGATOR", "OUTCOMES_ASSESSOR"))],
            },
        },
        "enrollmentInfo": {"count": COUNT, "type": DATE_TYPE},
    },
    "armsInterventionsModule": {
        "armGroups": [{
            "label": TEXT, "description": TEXT, "interventionNames": [TEXT],
            "type": Code(("EXPERIMENTAL", "ACTIVE_COMPARATOR", "PLACEBO_COMPARATOR", "SHAM_COMPARATOR", "NO_INTERVENTION", "OTHER")),
        }],
        "interventions": [{"type": TEXT, "name": TEXT, "description": TEXT, "armGroupLabels": [TEXT], "otherNames": [TEXT]}],
    },
    "outcomesModule": {"primaryOutcomes": [OUTCOME], "secondaryOutcomes": [OUTCOME], "otherOutcomes": [OUTCOME]},
    "eligibilityModule": {
        "eligibilityCriteria": TEXT, "healthyVolunteers": FLAG, "sex": Code(("ALL", "FEMALE", "MALE")),
        "minimumAge": TEXT, "maximumAge": TEXT, "stdAges": [TEXT],
    },
    "contactsLocationsModule": {"locations": [{"facility": TEXT, "status": TEXT, "city": TEXT, "state": TEXT, "country": TEXT}]},
    "referencesModule": {"references": [{"pmid": TEXT, "type": TEXT, "citation": TEXT}], "seeAlsoLinks": [{"label": TEXT, "url": TEXT}]},
    "ipdSharingStatementModule": {
        "ipdSharing": TEXT, "description": TEXT, "infoTypes": [TEXT], "timeFrame": TEXT, "accessCriteria": TEXT, "url": TEXT,
    },
}  # fmt: skip
RECORD: dict[str, Any] = {
    "protocolSection": PROTOCOL_SECTION,
    "hasResults": FLAG,
    "odisea": {"source": TEXT, "as_of": TEXT, "not_in_source": [TEXT]},
}


def shape_problems(value: Any, shape: Any, name: str, path: str = "") -> Iterator[Problem]:
    """Give every place where data are not of the kind that their field has; null counts as left out."""
    if value is None:
        return
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield _problem(value, "an object {...}", name, path)
            return
        for key in value.keys() & shape.keys():
            yield from shape_problems(value[key], shape[key], name, inside(path, key))
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield _problem(value, "a list [...]", name, path)
            return
        for place, entry in enumerate(value):
            if entry is None:
                yield Problem(
                    f"{name}#{inside(path, place)}", "null stands in a list", "its entries have values", "Download the record again"
                )
            yield from shape_problems(entry, shape[0], name, inside(path, place))
    elif not _fits(value, shape):
        yield _problem(value, f"one of {', '.join(shape.values)}" if isinstance(shape, Code) else shape, name, path)


def _fits(value: Any, shape: Any) -> bool:
    """Return whether a single value is of its kind."""
    if isinstance(shape, Code):
        return isinstance(value, str) and value in shape.values
    if shape == COUNT:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT
    return isinstance(value, bool if shape == FLAG else str)


def _problem(value: Any, allowed: str, name: str, path: str) -> Problem:
    shown = "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(" ".join(str(value).split())[:60])
    return Problem(f"{name}#{path}", f"{shown} stands here", f"the registry gives {allowed}", "Download the record again")
