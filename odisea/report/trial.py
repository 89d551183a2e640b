"""The trial report: from an analysis folder to one document, the same for a simulated and a real trial but for the banner."""

from pathlib import Path

from odisea.protocol.model import Protocol
from odisea.report.case import within
from odisea.report.content import Block, Bullets, Callout, Document, Facts, Listing, Paragraph, Part, Phrase, Plain, Section, say
from odisea.report.numbers import DASH
from odisea.report.trial_details import subgroups_section
from odisea.report.trial_files import TrialResult, read_trial_result
from odisea.report.trial_flags import flags_section
from odisea.report.trial_people import baseline_section, flow_section
from odisea.report.trial_results import primary_section, responder_section
from odisea.report.write import write_document


def write_trial_report(folder: Path, protocol: Protocol, language: str, target: Path) -> None:
    """Write the trial report as HTML or PDF, by the target's suffix, and beside it the record of its numbers.

    Parameters
    ----------
    folder : Path
        Result folder of `odisea analyse`; flow.json, baseline.json and manifest.json may be absent.
    protocol : Protocol
        The trial's protocol.
    language : str
        `en` or `es`.
    target : Path
        `*.html` or `*.pdf`; the numbers go to the same name with `.numbers.json`.

    Raises
    ------
    DataError
        estimates.json is missing, a file is broken or another trial's, or the target has another suffix.
    """
    write_document(trial_document(read_trial_result(folder, protocol)), language, target)


def trial_document(result: TrialResult) -> Document:
    """Return the trial report, free of language."""
    if result.estimates.blind:
        comparisons: tuple[Section, ...] = ()
    else:
        comparisons = (primary_section(result), responder_section(result), subgroups_section(result), flags_section(result))
    sections = (_about(result), flow_section(result), baseline_section(result), *comparisons, _limits(), _provenance(result))
    return Document(
        id="trial_report",
        title=say("document.trial"),
        subtitle=result.protocol.identification.title,
        banner=say(f"banner.{_banner(result)}"),
        date=result.manifest.created[:10],
        parts=(Part("results", say("trial.heading"), tuple(section for section in sections if section.blocks)),),
    )


def _banner(result: TrialResult) -> str:
    if result.estimates.origin == "simulated":
        return "simulated"
    return "real_blinded" if result.estimates.blind else "real_unblinded"


def _about(result: TrialResult) -> Section:
    """Say what trial this is, and where the data come from."""
    protocol = result.protocol
    registry = protocol.identification.registry_id.value or protocol.trial
    arms = Listing(tuple(within(arm.label) for arm in protocol.arms))
    blocks: list[Block] = [
        Callout("origin", "note", say(f"origin.{_banner(result)}"), (say(f"origin.{_banner(result)}_means"),)),
        Paragraph("question", (say("trial.about", registry=Plain(registry), arms=arms),), "lead"),
    ]
    if result.manifest.changed_files:
        changed = Listing(tuple(Plain(name) for name in result.manifest.changed_files))
        blocks.append(Callout("changed", "not_met", say("trial.changed_heading"), (say("trial.changed", files=changed),)))
    return Section("about", say("trial.about_heading"), tuple(blocks))


def _limits() -> Section:
    return Section("limits", say("trial.limits_heading"), (Bullets("limits", tuple(say(f"trial.limit_{name}") for name in LIMITS)),))


LIMITS = ("harms", "secondary", "missing")


def _provenance(result: TrialResult) -> Section:
    """Give the hashes behind the report."""
    manifest = result.manifest
    items: tuple[tuple[Phrase, Phrase], ...] = (
        (say("id.software"), Plain(f"ODISEA {manifest.odisea}".strip())),
        (say("id.date"), Plain(manifest.created[:10]) if manifest.created else DASH),
        (say("trial.command"), Plain(manifest.command, code=True) if manifest.command else DASH),
        *((Plain(name), Plain(digest, code=True)) for name, digest in manifest.inputs.items()),
        *((Plain(name), Plain(digest, code=True)) for name, digest in manifest.outputs.items()),
    )
    return Section("provenance", say("trial.provenance"), (Facts("facts", items),))
