"""A trial's record in ClinicalTrials.gov (API v2) as a file that the user has saved; no network is used.

A genuine download holds every field that the registry has, so a field that is absent is empty. A record written from
another source (a mirror page) says under `odisea.not_in_source` which fields that source does not show: their absence
means nothing. Persons are taken out when the record is read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

from odisea.errors import Problem, ProtocolError
from odisea.protocol.fact import GAPS
from odisea.protocol.registry.privacy import without_persons
from odisea.protocol.registry.shape import RECORD, shape_problems
from odisea.protocol.registry.strict_json import parse_json

LARGEST_FILE = 5 * 2**20
KEPT = ("protocolSection", "hasResults", "odisea")
STEP = re.compile(r"[^.\[\]]+")
SAVE_IT = "Save https://clinicaltrials.gov/api/v2/studies/NCT... of this one trial as the file"


class _Absent(Enum):
    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Record:
    """A registry record without persons.

    Parameters
    ----------
    name : str
        The file, as messages print it.
    data : dict
        `protocolSection`, `hasResults` and `odisea` as plain JSON; results, documents and what the registry derives stay out.
    not_in_source : tuple of str
        Paths of the fields that our copy does not show.
    """

    name: str
    data: dict[str, Any] = field(repr=False)
    not_in_source: tuple[str, ...] = ()

    def get(self, path: str) -> Any:
        """Return the value at a path such as `protocolSection.designModule.phases[0]`, or `ABSENT`."""
        value: Any = self.data
        for step in STEP.findall(path):
            if isinstance(value, list) and step.isdigit() and int(step) < len(value):
                value = value[int(step)]
            elif isinstance(value, Mapping) and step in value:
                value = value[step]
            else:
                return ABSENT
        return value

    def stated(self, path: str) -> Any:
        """Return the value at a path, `ABSENT` also where it is empty (null, blank, an empty list or object)."""
        value = self.get(path)
        if isinstance(value, str):
            value = value.strip()
            return ABSENT if not value or value in GAPS else value
        return ABSENT if value is None or value in ([], {}) else value

    def texts(self, path: str) -> list[str]:
        """Return the texts of the list at a path that are not blank, each on one line."""
        value = self.stated(path)
        found = [" ".join(text.split()) for text in value if isinstance(text, str)] if isinstance(value, list) else []
        return [text for text in found if text and text not in GAPS]

    def entries(self, path: str) -> list[dict[str, Any]]:
        """Return the objects of the list at a path; none where it is absent."""
        value = self.stated(path)
        return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []

    def shows(self, path: str) -> bool:
        """Return whether our copy would show the field: neither it nor a parent is declared not_in_source; indices do not matter."""
        steps = _steps(path)
        return not any(steps[: len(hidden)] == hidden for hidden in map(_steps, self.not_in_source))


def text_of(entry: Mapping[str, Any], key: str) -> str:
    """Return a text of an object on one line; empty where it is absent."""
    text = entry.get(key)
    line = " ".join(text.split()) if isinstance(text, str) else ""
    return "" if line in GAPS else line


def read_record(path: Path) -> Record:
    """Read a record.

    Parameters
    ----------
    path : Path
        A JSON file as the registry's API v2 gives it for one trial.

    Raises
    ------
    ProtocolError
        With every problem found: no regular file, too large, not strict JSON, not one v2 record, fields of another kind.
    """
    if not path.is_file():
        found = "this is not a regular file" if path.exists() else "the file does not exist"
        raise ProtocolError(Problem(str(path), found, "a registry record in JSON is needed", "Check the path"))
    if path.stat().st_size > LARGEST_FILE:
        raise ProtocolError(Problem(str(path), "the file is larger than 5 MiB", "a record is smaller", "Check that this is the right file"))
    return make_record(parse_json(_decoded(path.read_bytes(), str(path)), str(path)), str(path))


def make_record(data: Any, name: str) -> Record:
    """Return the record of plain JSON data, without persons; raises as `read_record` where it is not one v2 record."""
    _refuse_other_shapes(data, name)
    kept = without_persons({key: data[key] for key in KEPT if key in data})
    problems = list(shape_problems(kept, RECORD, name))
    if problems:
        raise ProtocolError(problems)
    paths = (kept.get("odisea") or {}).get("not_in_source") or ()
    return Record(name, kept, tuple(path for path in paths if path))


def _steps(path: str) -> list[str]:
    return [step for step in STEP.findall(path) if not step.isdigit()]


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte {error.start + 1} is not UTF-8"
        raise ProtocolError(Problem(name, found, "records are UTF-8", "Download the record again")) from error


def _refuse_other_shapes(data: Any, name: str) -> None:
    """Raise one clear message for what is JSON and still no v2 record of one trial."""
    found = _other_shape(data)
    if found:
        allowed = "the record of one trial in API v2 shape, with protocolSection, is needed"
        raise ProtocolError(Problem(name, found, allowed, SAVE_IT))


def _other_shape(data: Any) -> str:
    """Return what the data are if they are no v2 record, an empty text otherwise."""
    if isinstance(data, list):
        return f"the file holds a list of {len(data)}"
    if not isinstance(data, dict):
        return "the file holds a single value"
    if "studies" in data:
        return "the file holds the result of a search (studies)"
    if any(key in data for key in ("FullStudiesResponse", "StudyFieldsResponse", "FullStudy", "Study", "ProtocolSection")):
        return "the file holds a record of the old API v1"
    section = data.get("protocolSection")
    if not isinstance(section, dict) or not section:
        return "the file holds no fields" if not data else "the file holds no protocolSection"
    return ""
