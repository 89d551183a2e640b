"""Everything that `odisea check` says of a protocol, as the content of its files: rules, claim, drift, checklists."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from odisea.protocol.checklists import as_json as matrices_json
from odisea.protocol.checklists import matrix, plan_path
from odisea.protocol.claims import as_json as audit_json
from odisea.protocol.load import Located
from odisea.protocol.model import Protocol
from odisea.protocol.registry.drift import as_json as drift_json
from odisea.protocol.registry.record import Record
from odisea.protocol.rules.catalogue import RULES
from odisea.protocol.rules.evaluate import Evaluation, evaluate
from odisea.protocol.rules.finding import as_json, summary
from odisea.protocol.rules.listing import with_outcomes
from odisea.protocol.rules.rule import Case
from odisea.protocol.rules.sarif import junit, sarif
from odisea.protocol.rules.waivers import WaiverFile, accept


class Given(NamedTuple):
    """What a check may be given besides the protocol.

    Parameters
    ----------
    today : str
        Day of the check, YYYY-MM-DD.
    record : Record, optional
        The registry record to compare with.
    waivers : Located[WaiverFile], optional
        Accepted findings.
    plan : mapping, optional
        The simulation plan: heading to text.
    """

    today: str
    record: Record | None = None
    waivers: Located[WaiverFile] | None = None
    plan: Mapping[str, str] | None = None


class Beside(NamedTuple):
    """Files that a check reads besides the protocol, where they exist."""

    record: Path | None
    waivers: Path | None
    plan: Path | None


def read_beside(protocol: Path, trial: str) -> Beside:
    """Return what lies beside a protocol: `registry/TRIAL.json`, `NAME.waivers.yaml`, and the plan of its simulation."""
    names = (protocol.parent / "registry" / f"{trial}.json", protocol.with_suffix(".waivers.yaml"), plan_path(protocol))
    return Beside(*(path if path.is_file() else None for path in names))


class Checked(NamedTuple):
    """What was found."""

    case: Case
    evaluation: Evaluation

    @property
    def counts(self) -> dict[str, int]:
        """Findings by severity, and how many were accepted."""
        return summary(self.evaluation.findings)


def check(located: Located[Protocol], given: Given) -> Checked:
    """Run every rule on a protocol, and mark what was accepted."""
    case = Case(located, given.record)
    evaluation = evaluate(case, RULES)
    if given.waivers is not None:
        evaluation = accept(case, evaluation, given.waivers, given.today)
    return Checked(case, evaluation)


def check_files(checked: Checked, given: Given, file: str, version: str, language: str) -> dict[str, str]:
    """Return the texts of the result files by their names.

    Parameters
    ----------
    checked : Checked
        As `check` returns it.
    given : Given
        What it was given.
    file : str
        The protocol's file as readers of the SARIF log find it.
    version : str
        Of this program.
    language : str
        Of SARIF and JUnit, which hold one language: `en` or `es`.
    """
    evaluation, located = checked.evaluation, checked.case.located
    contents: dict[str, Any] = {
        "findings.json": as_json(located.value.trial, evaluation.findings, evaluation.not_run),
        "rules.json": with_outcomes(evaluation),
        "claims.json": audit_json(checked.case.audit),
        "checklists.json": {"trial": located.value.trial, "checklists": matrices_json(matrix(located, given.plan))},
        "drift.json": _drift(checked.case),
        "findings.sarif": sarif(evaluation, file, version, language),
    }
    texts = {name: json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n" for name, content in contents.items()}
    return {**texts, "junit.xml": junit(evaluation, located.value.trial, language)}


def _drift(case: Case) -> dict[str, Any]:
    """Return the field-by-field comparison; without a record it says that none was made."""
    if case.record is None:
        return {"record": None, "differences": []}
    return {"record": case.record.name, "differences": drift_json(case.differences)}
