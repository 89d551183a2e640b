"""Setting up an allocation: draw the secret, seal what it gives, publish the commitments, begin the log."""

import os
import secrets
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from odisea.allocation.commitments import (
    COMMITMENTS,
    PLAN,
    Commitments,
    Envelope,
    StratumList,
    envelope_name,
    head,
    render_commitments,
)
from odisea.allocation.drawing import (
    Opening,
    SealedPlan,
    draw_lists,
    envelope_content,
    envelope_length,
    plan_length,
    sealed_plan,
)
from odisea.allocation.folder import LOCK
from odisea.allocation.log import LOG, Log, SetUp, render_log, write_through
from odisea.allocation.plan import scheme
from odisea.allocation.sealing import digest, draw_secret, recipients, seal
from odisea.allocation.site_plan import Design, SitePlan, count_strata, disagreements, read_design, strata_of
from odisea.errors import Problem, ProtocolError
from odisea.protocol.load import Located
from odisea.protocol.model import Protocol

MOST_ENVELOPES = 20_000
MOST_STRATA_SHOWN = 12


class Prepared(NamedTuple):
    """What was set up.

    Parameters
    ----------
    registered : str
        Hash of the log's first line, to be noted elsewhere before the first participant.
    envelopes : int
        Number of sealed entries; 0 where arms are drawn on demand.
    shown : tuple of str
        The first strata, as `--next` takes them.
    strata : int
        Number of strata.
    """

    registered: str
    envelopes: int
    shown: tuple[str, ...]
    strata: int

    @property
    def messages(self) -> tuple[str, ...]:
        """What to tell whoever set it up."""
        sealed = f"{self.envelopes} envelopes sealed" if self.envelopes else "the secret is sealed, arms are drawn on demand"
        shown = "; ".join((*self.shown, *(["..."] if self.strata > len(self.shown) else [])))
        return (
            f"{sealed}; strata ({self.strata}): {shown}",
            f"hash of the log's first line, to be noted outside this folder before the first participant: {self.registered}",
        )


def write_set_up(
    folder: Path, located: Located[Protocol], site: Located[SitePlan], custodians: Sequence[str], by: str, when: str
) -> Prepared:
    """Draw a list, or the secret of an allocation on demand, and write its folder at one stroke.

    Parameters
    ----------
    folder : Path
        New or empty.
    located, site
        Protocol and restricted plan.
    custodians : sequence of str
        age recipients; each of them alone can open everything.
    by, when : str
        Who does it, and the time, for the log.

    Raises
    ------
    ProtocolError
        The plan cannot be, contradicts the protocol, or the folder is in use: every problem at once.
    """
    design, to = _agreed(located, site, custodians)
    _read_target(folder)
    sealed = sealed_plan(design, site.value.randomisation, draw_secret())
    files, prepared = _render(design, sealed, to, by, when)
    _write_folder(folder, files)
    return prepared


def _agreed(located: Located[Protocol], site: Located[SitePlan], custodians: Sequence[str]) -> tuple[Design, tuple[Any, ...]]:
    """Return design and keys, or raise everything that stands against a list."""
    problems = disagreements(located, site)
    design, to = None, ()
    try:
        to = recipients(custodians)
    except ProtocolError as error:
        problems += error.problems
    try:
        design = read_design(located)
        scheme(site.value.randomisation, design.ratio, site.where("/randomisation"))
        problems += _too_many(design, site)
    except ProtocolError as error:
        problems += error.problems
    if not custodians:
        problems.append(Problem("--custodian", "nobody is named", "needed: at least one age recipient, age1...", ""))
    if problems or design is None:
        raise ProtocolError(problems)
    return design, to


def _too_many(design: Design, site: Located[SitePlan]) -> list[Problem]:
    """Return a problem where a list would have more envelopes than anybody could keep."""
    plan = site.value.randomisation
    count = count_strata(plan) * design.total if plan.is_list_method else 0
    if count <= MOST_ENVELOPES:
        return []
    found = f"{count_strata(plan):,} strata of up to {design.total:,} participants are {count:,} envelopes"
    remedy = "Stratify by fewer factors, or minimise over them"
    return [Problem(site.where("/randomisation/factors"), found, f"at most {MOST_ENVELOPES:,}", remedy)]


def _read_target(folder: Path) -> None:
    """Refuse a target that holds anything: a list is never overwritten."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        found = "it is a file" if folder.is_file() else "the folder is not empty"
        raise ProtocolError(Problem(str(folder), found, "a list is never overwritten", "Give a new folder with -o"))


def _render(design: Design, sealed: SealedPlan, to: Sequence[Any], by: str, when: str) -> tuple[dict[str, bytes], Prepared]:
    """Return every file of the folder by name, ciphertexts and hashes only, and what to tell about them."""
    lists = draw_lists(sealed) if sealed.places else {}
    files = {PLAN: seal(sealed.content, plan_length(sealed), to), **_envelopes(list(lists.values()), design, to)}
    plan = Envelope(commitment=sealed.commitment, sha256=digest(files[PLAN]))
    published = Commitments.model_validate(
        {
            "odisea": head(),
            "trial": design.trial,
            "made_by": f"odisea {version('odisea')}",
            "created": when,
            "protocol": design.protocol,
            "design": design.digest,
            "custodians": tuple(map(str, to)),
            "allocation": "sealed_list" if sealed.places else "on_demand",
            "factors": {name: factor.levels for name, factor in sealed.plan.factors.items()},
            "plan": plan,
            "lists": tuple(_published(index, stratum, entries, files) for index, (stratum, entries) in enumerate(lists.items())),
        }
    )
    content = render_commitments(published)
    log = Log(set_up=SetUp(trial=design.trial, protocol=design.protocol, commitments=digest(content), by=by, when=when))
    shown = tuple(islice(strata_of(sealed.plan), MOST_STRATA_SHOWN))
    files |= {COMMITMENTS: content, LOG: render_log(log), LOCK: b""}
    return files, Prepared(log.hashes[0], sum(map(len, lists.values())), shown, count_strata(sealed.plan))


def _envelopes(lists: Sequence[Sequence[Opening]], design: Design, to: Sequence[Any]) -> dict[str, bytes]:
    """Return one ciphertext per entry by name, all of them of contents of one length."""
    length = envelope_length(lists, design.arms) if lists else 0
    return {
        envelope_name(index, one.entry.place): seal(envelope_content(one), length, to)
        for index, entries in enumerate(lists)
        for one in entries
    }


def _published(index: int, stratum: str, entries: Sequence[Opening], files: dict[str, bytes]) -> StratumList:
    envelopes = (Envelope(commitment=one.commitment, sha256=digest(files[envelope_name(index, one.entry.place)])) for one in entries)
    return StratumList(stratum=stratum, envelopes=tuple(envelopes))


def _write_folder(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a new folder beside the target and give it the target's name: all of them, or none."""
    folder = folder.resolve()
    fresh = folder.parent / f".{folder.name}.{secrets.token_hex(8)}.partial"
    try:
        for parent in sorted({(fresh / name).parent for name in files}):
            parent.mkdir(parents=True)
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        os.sync()  # once for all files: thousands of envelopes one by one would take minutes
        fresh.replace(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    write_through(folder.parent)
