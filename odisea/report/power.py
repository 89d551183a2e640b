"""The power report: from result folders to one document, and the door that writes it."""

from collections.abc import Sequence
from pathlib import Path

from odisea.errors import DataError, Problem
from odisea.protocol.model import Protocol
from odisea.report.calendar_files import Calendar, read_calendar
from odisea.report.case import Case
from odisea.report.content import Document, say
from odisea.report.results import ScenarioResult, read_power_results
from odisea.report.selection import choose
from odisea.report.summary import summary
from odisea.report.technical import technical
from odisea.report.verdict import judge, primary_analysis
from odisea.report.write import write_document


def write_power_report(folders: Sequence[Path], protocol: Protocol, language: str, target: Path, calendar: Path | None = None) -> None:
    """Write the power report as PDF or HTML, by the target's suffix, and beside it the record of its numbers.

    Parameters
    ----------
    folders : sequence of Path
        Result folders of `odisea power`, one per scenario, in any order.
    protocol : Protocol
        The trial's protocol.
    language : str
        `en` or `es`.
    target : Path
        `*.pdf` or `*.html`; the numbers go to the same name with `.numbers.json`.
    calendar : Path, optional
        Result folder of `odisea calendar`; without it the report says that no calendar was simulated.

    Raises
    ------
    DataError
        A result file is missing or broken, a scenario that the report needs is missing, or the target has another suffix.
    """
    results, simulated = _read(folders, calendar, protocol)
    write_document(power_document(results, protocol, simulated), language, target)


def _read(folders: Sequence[Path], calendar: Path | None, protocol: Protocol) -> tuple[tuple[ScenarioResult, ...], Calendar | None]:
    """Read everything that the report is made of; what is wrong with any folder is said at once."""
    problems: list[Problem] = []
    results: tuple[ScenarioResult, ...] = ()
    simulated = None
    try:
        results = read_power_results(folders, protocol)
    except DataError as error:
        problems.extend(error.problems)
    try:
        simulated = read_calendar(calendar, protocol) if calendar else None
    except DataError as error:
        problems.extend(error.problems)
    if problems:
        raise DataError(problems)
    return results, simulated


def power_document(results: Sequence[ScenarioResult], protocol: Protocol, calendar: Calendar | None = None) -> Document:
    """Return the power report, free of language; with the sections on the calendar where there is one.

    Raises
    ------
    DataError
        A scenario that the report needs, or the power of a plan's primary analysis, is missing.
    """
    _check_analyses(results, protocol)
    chosen = choose(results, protocol)
    case = Case(protocol, chosen, tuple(judge(chosen, protocol, plan) for plan in protocol.analysis.plans), calendar)
    manifests = [*(one.manifest for one in results), *([calendar.manifest] if calendar else [])]
    dates = [manifest.created[:10] for manifest in manifests if manifest.created]
    return Document(
        id="power_report",
        title=say("document.power"),
        subtitle=protocol.identification.title,
        banner=say("banner.simulated"),
        date=max(dates, default=""),
        parts=(summary(case), technical(case)),
    )


def _check_analyses(results: Sequence[ScenarioResult], protocol: Protocol) -> None:
    """Raise DataError where a scenario lacks the power of a plan's primary analysis."""
    wanted = [primary_analysis(name, plan) for name, plan in protocol.analysis.plans.items()]
    problems = [
        Problem(
            f"{one.folder}/performance.csv", f"there is no row for the power of {analysis}", "", "Run `odisea power` with this protocol"
        )
        for one in results
        for analysis in wanted
        if (analysis, "power") not in one.measures
    ]
    if problems:
        raise DataError(problems)
