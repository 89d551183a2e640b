"""What `odisea check` reads besides the protocol and what it writes: the door of the rules, as thin as the command line."""

from importlib.metadata import version
from os.path import commonpath
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from odisea.errors import Problem, ProtocolError
from odisea.protocol.checklists import read_plan
from odisea.protocol.load import Located, load_located
from odisea.protocol.model import Protocol
from odisea.protocol.registry.record import read_record
from odisea.protocol.rules.check import Checked, Given, check_files, read_beside
from odisea.protocol.rules.mend import Mended, mend
from odisea.protocol.rules.waivers import WaiverFile
from odisea.provenance import manifest, shown, timestamp, write_json, write_text
from odisea.report import write_check_report
from odisea.report.text import read_texts
from odisea.report.write import NUMBERS

HEADINGS = {
    "en": ("Rule", "Severity", "Kind", "Title", "References"),
    "es": ("Regla", "Gravedad", "Clase", "Título", "Referencias"),
}
KIND_WORDS = {
    "en": {"contradiction": "contradiction", "gap": "gap", "ambiguity": "ambiguity", "risk": "risk", "note": "note"},
    "es": {"contradiction": "contradicción", "gap": "faltante", "ambiguity": "ambigüedad", "risk": "riesgo", "note": "nota"},
}


class Inputs(NamedTuple):
    """What a check was given, and the files that it came from."""

    given: Given
    files: tuple[Path, ...]


def read_given(located: Located[Protocol], registry: Path | None, waivers: Path | None) -> Inputs:
    """Read the registry record, the waivers and the simulation plan of a protocol.

    Parameters
    ----------
    located : Located[Protocol]
        The protocol.
    registry, waivers : Path, optional
        In place of `registry/TRIAL.json` and `NAME.waivers.yaml` beside the protocol, which need not exist.

    Raises
    ------
    ProtocolError
        A file cannot be used, or the waivers are of another trial.
    """
    beside = read_beside(Path(located.document.name), located.value.trial)
    record_path, waivers_path = registry or beside.record, waivers or beside.waivers
    accepted = load_located(waivers_path, WaiverFile) if waivers_path else None
    if accepted is not None and accepted.value.trial != located.value.trial:
        found = f"these waivers are of trial {accepted.value.trial}"
        raise ProtocolError(Problem(accepted.where("/trial"), found, f"the protocol is trial {located.value.trial}", "Give its own file"))
    given = Given(
        timestamp()[:10],
        read_record(record_path) if record_path else None,
        accepted,
        read_plan(beside.plan, located) if beside.plan else None,
    )
    return Inputs(given, tuple(each for each in (record_path, waivers_path, beside.plan) if each))


def write_check(checked: Checked, inputs: Inputs, folder: Path, language: str, command: str) -> None:
    """Write every result file of a check, its report as HTML in one language, and the manifest.

    Parameters
    ----------
    checked : Checked
        What was found.
    inputs : Inputs
        What was given.
    folder : Path
        Where the files go.
    language : str
        `en` or `es`.
    command : str
        The command as typed.
    """
    located = checked.case.located
    files = check_files(checked, inputs.given, shown(Path(located.document.name)), version("odisea"), language)
    outputs = [write_text(folder / name, text) for name, text in files.items()]
    own = [Path(name) for name in dict.fromkeys([located.document.name, *(part.name for part in located.parts.values())])]
    read = [*own, *(path for path in inputs.files if path not in own)]
    target = folder / f"check_report.{language}.html"
    _write_manifest(folder, command, read, outputs, located.value.trial)  # the report reads its day
    write_check_report(folder, located.value, language, target)
    _write_manifest(folder, command, read, [*outputs, target, target.with_suffix(NUMBERS)], located.value.trial)


def _write_manifest(folder: Path, command: str, read: list[Path], outputs: list[Path], trial: str) -> None:
    write_json(folder / "manifest.json", manifest(command, read, outputs, {"trial": trial}))


def write_fixed(checked: Checked, folder: Path) -> Mended:
    """Write a copy of the protocol and of the files that it names, with the suggestions applied that need no answer.

    The copy has the layout of the originals, so that it can be checked in its turn; NAME.json beside it lists what was done.

    Raises
    ------
    ProtocolError
        The copy would overwrite the protocol or a file that it names; nothing is written.
    """
    located = checked.case.located
    main = Path(located.document.name)
    names = {"": main, **{located.name_of(part): Path(part.name) for part in located.parts.values()}}
    originals = {name: path.resolve() for name, path in names.items()}
    top = Path(commonpath([path.parent for path in originals.values()]))
    targets = {name: folder / path.relative_to(top) for name, path in originals.items()}
    _refuse_originals(targets, set(originals.values()))
    texts = {name: path.read_bytes().decode("utf-8") for name, path in names.items()}
    mended = mend(located, texts, checked.evaluation.findings, timestamp()[:10])
    for name, target in targets.items():
        write_text(target, mended.texts.get(name, texts[name]))
    write_json(folder.with_name(f"{folder.name}.json"), {name: list(getattr(mended, name)) for name in ("applied", "waiting", "left")})
    return mended


def _refuse_originals(targets: dict[str, Path], originals: set[Path]) -> None:
    problems = [
        Problem(shown(target), "the copy would overwrite a file that is checked", "a copy stands in a folder of its own", "Use another -o")
        for target in targets.values()
        if target.resolve() in originals
    ]
    if problems:
        raise ProtocolError(problems)


def rule_table(catalogue: list[dict[str, Any]], language: str) -> Table:
    """Return the rule catalogue as a table for a terminal.

    Parameters
    ----------
    catalogue : list of dict
        As `odisea.protocol.rules.listing.catalogue` gives it.
    language : str
        `en` or `es`.
    """
    texts = read_texts(language)
    table = Table(*HEADINGS[language], caption=f"{len(catalogue)}")
    for each in catalogue:
        references = "; ".join(reference[language] for reference in each["references"])
        words = (texts[f"severity.{each['severity']}.one"], KIND_WORDS[language][each["kind"]])
        table.add_row(each["rule_id"], *words, each["title"][language], references)
    return table
