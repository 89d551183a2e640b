"""A protocol file started from a registry record: what the record states is stated, everything else is a gap of the right kind."""

from pathlib import Path

from odisea.errors import Problem, ProtocolError
from odisea.protocol.compose import compose
from odisea.protocol.declaration import SCHEMA
from odisea.protocol.fact import Frozen
from odisea.protocol.load import load_protocol
from odisea.protocol.registry import designing, drafting
from odisea.protocol.registry.drafting import Yaml
from odisea.protocol.registry.fields import ARM_GROUPS, INTERVENTIONS, OUTCOME_LISTS, full_path
from odisea.protocol.registry.record import ABSENT, Record, read_record, text_of
from odisea.protocol.registry.words import code_form
from odisea.protocol.sections import DataManagement, Harms, Hypothesis, ImportantDifference, Randomisation, SampleSize
from odisea.protocol.yaml_text import comment_lines, yaml_text

DICTIONARY = "dictionary/core.yaml"
EDITOR = "# yaml-language-server: $schema=schema/protocol.json"
FIRST_LINE = "The trial {}, drafted from its registry record by odisea new. The designer completes it; commands read it."
GUIDE = (
    "What to do, from the top: write Spanish beside English where a text stands once ({en: ..., es: ...}); answer every not_stated with "
    "the investigators, and every not_in_source from the full record; fill in what says FILL IN; then write the plan near the end. "
    "A value that follows from what is stated is written {derived: V, from: how}; what you choose yourself {proposed: V, reason: why}, "
    "under analysis and in instrument files only (with proposals: {by: ..., date: ...} at the top). No beliefs about the world and no "
    "personal data stand here."
)
ORDER = (
    "odisea", "trial", "sources", "identification", "status", "sponsors", "sites", "ethics", "design", "arms", "contrasts", "interventions",
    "population", "schedule", "hypothesis", "important_difference", "outcomes", "randomisation", "blinding", "sample_size", "harms",
    "data_management", "data_sharing", "references", "analysis", "export",
)  # fmt: skip
COMMENTS = {
    "/trial": "Short name of the trial: result folders and the files of simulate/ carry it.",
    "/identification/title": "The record has its title in one language: the brief title stands in both. Translate one of them.",
    "/arms": "Labels stand as in the record, once for both languages. planned_n is the number per arm, which the registry does not have.",
    "/interventions": "Registry descriptions stand as comments: sort them into the fields (TIDieR), then delete them.",
    "/ethics": "The registry has no fields for approval, risk and consent.",
    "/design/framework": "superiority, non_inferiority or equivalence; the registry does not say.",
    "/randomisation": "Method and concealment only: block sizes and lists never stand in this file.",
    "/sample_size": "The planned enrolment stands under population; here belongs the calculation behind it.",
    "/analysis": "The registry has no fields for analyses: here is one placeholder per contrast. Write the plan in their place.",
    "/export": "The core holds what every trial exports; add a dictionary with the columns of this trial.",
    "/schedule": "Read from the outcomes' time frames (a month counts as 52/12 weeks): check them. Windows are days before and after.",
}  # fmt: skip
NO_WEEKS = "No week could be read from the outcomes' time frames: fill in the visit after the baseline."
GUESSED = "The registry has no kind of an outcome; these are guesses from the wording. Check kind, visits, direction, unit and range."
NO_OUTCOMES = "No list of outcomes could be read: fill them in, with the wording of the registry under registered_measure."
NOT_LISTED = "Text of the record that is no entry of a list; sort it in by hand, then delete it:"


def scaffold(record: Record) -> str:
    """Return the text of a protocol file that the loader accepts beside the core dictionary.

    Parameters
    ----------
    record : Record
        Of an interventional trial with two or more parallel arms.

    Raises
    ------
    ProtocolError
        The record is of another kind of study, or holds more than a protocol file may.
    """
    _refuse_other_designs(record)
    drafting.refuse_ages(record)
    parts = _parts(record)
    data = {name: parts[name] for name in ORDER if parts.get(name)}
    head = [*comment_lines(FIRST_LINE.format(parts["trial"])), EDITOR, "#", *comment_lines(GUIDE), ""]
    text = "\n".join(head) + yaml_text(data, _comments(record, parts))
    _refuse_unreadable(text, record.name)
    return text


def write_scaffold(record_path: Path, target: Path) -> None:
    """Write the scaffold of a record as a new file; nothing is left behind where it cannot be loaded.

    Parameters
    ----------
    record_path : Path
        The record.
    target : Path
        The protocol file, in a folder that holds `dictionary/core.yaml`; it may not exist.

    Raises
    ------
    ProtocolError
        As `scaffold`; or the target exists, or the dictionary does not.
    """
    if target.exists():
        raise ProtocolError(Problem(str(target), "the file exists", "a scaffold never overwrites", "Give another name, or delete the file"))
    if not (target.parent / DICTIONARY).is_file():
        found = f"there is no {DICTIONARY} beside it"
        raise ProtocolError(Problem(str(target), found, "a protocol stands in the folder of its dictionaries", "Write it into protocol/"))
    text = scaffold(read_record(record_path))
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        load_protocol(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _refuse_other_designs(record: Record) -> None:
    """Raise if the record is no interventional trial with two or more parallel arms."""
    number = len(record.entries(full_path(ARM_GROUPS)))
    fields = (("designModule.studyType", "INTERVENTIONAL"), ("designModule.designInfo.interventionModel", "PARALLEL"))
    found = [
        f"{path.rpartition('.')[2]} is {value}"
        for path, wanted in fields
        if (value := record.stated(full_path(path))) is not ABSENT and code_form(value) != code_form(wanted)
    ]
    found += [f"it has {number or 'no'} arm{'s' * (number != 1)}"] * (number < 2)
    if found:
        allowed = "only interventional trials with two or more parallel arms are supported"
        raise ProtocolError(Problem(record.name, f"the trial cannot be described: {', '.join(found)}", allowed, "Give another record"))


def _refuse_unreadable(text: str, name: str) -> None:
    """Raise if the loader would not read the text: in practice, where a record has thousands of locations."""
    try:
        compose(text, name)
    except ProtocolError as error:
        first = error.problems[0]
        found = f"its protocol file would not be readable: {first.found}"
        remedy = "Shorten the record's longest list (locations or references)"
        raise ProtocolError(Problem(name, found, first.allowed, remedy)) from error


def _parts(record: Record) -> Yaml:
    """Return the sections by name."""
    arms = designing.arms(record)
    outcomes, analysed = designing.outcomes(record)
    empty: dict[str, type[Frozen]] = {
        "hypothesis": Hypothesis, "important_difference": ImportantDifference, "randomisation": Randomisation,
        "sample_size": SampleSize, "harms": Harms, "data_management": DataManagement,
    }  # fmt: skip
    return {
        "odisea": {"kind": "protocol", "schema": SCHEMA},
        "trial": drafting.trial_name(record),
        "sources": drafting.sources(record),
        **drafting.fact_sections(record),
        "sites": drafting.sites(record),
        "arms": arms,
        "contrasts": designing.contrasts(arms),
        "interventions": designing.interventions(record),
        "schedule": {"visits": designing.visits(record)},
        "outcomes": outcomes,
        "references": drafting.references(record),
        **{name: drafting.section(model, {}) for name, model in empty.items()},
        "analysis": designing.analysis(arms, analysed),
        "export": {"dictionaries": [DICTIONARY]},
    }


def _comments(record: Record, parts: Yaml) -> dict[str, str]:
    """Return what stands above the entries: what to do, and texts of the record that have no field of ours."""
    reference = designing.reference_arm(parts["arms"])["id"]
    rest = drafting.criteria_of(record).rest
    comments = COMMENTS | {
        "/contrasts": f"The effect is arm minus reference. Check the reference: {reference} was taken for the comparator.",
        "/outcomes": GUESSED if any(record.entries(full_path(path)) for _, path in OUTCOME_LISTS) else NO_OUTCOMES,
    }
    if not designing.weeks_of(record):
        comments["/schedule"] = NO_WEEKS
    if rest:
        place = "/population/inclusion" if "inclusion" in parts["population"] else "/population"
        told = [comments[place]] if place in comments else []
        comments[place] = "\n".join([NOT_LISTED, *rest, *told])
    return comments | _descriptions(record, parts)


def _descriptions(record: Record, parts: Yaml) -> dict[str, str]:
    """Return the descriptions of arms and interventions, above their entries."""
    groups = enumerate(record.entries(full_path(ARM_GROUPS)))
    named = zip(parts["interventions"], record.entries(full_path(INTERVENTIONS)), strict=True)
    found = {f"/arms/{place}": text_of(group, "description") for place, group in groups}
    found |= {f"/interventions/{name}": text_of(each, "description") for name, each in named}
    return {place: text for place, text in found.items() if text}
