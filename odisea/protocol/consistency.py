"""Whether the parts of a protocol name each other rightly: identifiers, visits, arms, columns, instruments.

Every function gives the faults of one part, each at its JSON pointer. What is merely missing is no fault here: a gap is a
finding (`odisea.protocol.rules`).
"""

import re
import warnings
from collections.abc import Iterator, Mapping, Sized
from itertools import pairwise

from odisea.protocol.compose import child
from odisea.protocol.dictionary import NAME_PATTERN, DictionaryFile, FilePart
from odisea.protocol.fact import Fact
from odisea.protocol.fault import Fault, repeated, unknown, unknown_entries
from odisea.protocol.instrument import Instrument
from odisea.protocol.model import Outcome, Protocol
from odisea.protocol.plan_consistency import analysis_faults

MOST_IN_A_PLAN = 200


def protocol_faults(protocol: Protocol) -> Iterator[Fault]:
    """Give every inconsistency of a protocol with its instruments and dictionary."""
    unreadable = [*_identifier_faults(protocol), *_plan_size_faults(protocol)]
    yield from unreadable or _reference_faults(protocol)


def _reference_faults(protocol: Protocol) -> Iterator[Fault]:
    yield from _design_faults(protocol)
    for name, outcome in protocol.outcomes.items():
        yield from _outcome_faults(protocol, child("/outcomes", name), outcome)
    for name, instrument in protocol.instruments.items():
        yield from _instrument_faults(protocol, child("/instruments", name), name, instrument)
    yield from _purpose_faults(protocol)
    yield from _size_faults(protocol)
    yield from analysis_faults(protocol)


def _identifier_faults(protocol: Protocol) -> Iterator[Fault]:
    """Give the keys that cannot be identifiers: OUTCOME@VISIT and pointers would be read wrongly with such a name inside."""
    for pointer, names in (
        ("/outcomes", protocol.outcomes),
        ("/instruments", protocol.instruments),
        ("/interventions", protocol.interventions),
        ("/analysis/coding", protocol.analysis.coding_facts),
        ("/analysis/plans", protocol.analysis.plans),
    ):
        for name in names:
            if not re.fullmatch(NAME_PATTERN, name):
                allowed = "identifiers are small letters, digits and _, a letter first"
                yield Fault(child(pointer, name), f"{name!r} cannot be an identifier", allowed, "Rename it", "SYN-13")


def _plan_size_faults(protocol: Protocol) -> Iterator[Fault]:
    """Give the lists that no reader could check; every analysis is held against every variable."""
    lists: list[tuple[str, Sized]] = [("/analysis/coding", protocol.analysis.coding_facts)]
    for name, plan in protocol.analysis.plans.items():
        pointer = child("/analysis/plans", name)
        lists.append((f"{pointer}/analyses", plan.analyses))
        lists.append((f"{pointer}/covariates", plan.covariates.value or ()))
        lists.append((f"{pointer}/imputation/variables", plan.imputation.variables.value or ()))
    for pointer, entries in lists:
        if len(entries) > MOST_IN_A_PLAN:
            found, allowed = f"{len(entries)} entries stand here", f"at most {MOST_IN_A_PLAN} are allowed"
            yield Fault(pointer, found, allowed, "Delete those that are not needed", "SYN-03")


def dictionary_faults(parts: Mapping[str, DictionaryFile]) -> Iterator[Fault]:
    """Give every place where a dictionary file does not fit the ones before it.

    Parameters
    ----------
    parts : mapping
        From the pointer of a dictionary in the protocol (`/export/dictionaries/0`) to the file, in order.
    """
    merged: dict[str, FilePart] = {}
    for pointer, part in parts.items():
        for name, new in part.files.items():
            place = f"{pointer}{child('/files', name)}"
            yield from _part_faults(place, name, merged.get(name), new)
            merged[name] = (
                new if name not in merged else merged[name].model_copy(update={"columns": {**merged[name].columns, **new.columns}})
            )
            yield from _column_name_faults(place, new, merged[name])


def _part_faults(place: str, name: str, old: FilePart | None, new: FilePart) -> Iterator[Fault]:
    if old is None:
        for field in ("description", "key"):
            if getattr(new, field) is None:
                yield Fault(
                    place, f"the new file {name} has no {field}", f"a file that no earlier dictionary has needs its {field}", f"Add {field}"
                )
        return
    if new.key is not None and new.key != old.key:
        yield Fault(f"{place}/key", f"the key of {name} changes", "a later dictionary adds columns only", "Delete the key")
    for column in set(old.columns) & set(new.columns):
        before, after = old.columns[column], new.columns[column]
        if before.type != after.type or (before.required and not after.required) or (before.filled and not after.filled):
            allowed = f"a later dictionary keeps type {before.type} and may only demand more"
            yield Fault(
                child(f"{place}/columns", column),
                f"column {column} of {name} is declared again otherwise",
                allowed,
                "Keep the type and demands",
            )


def _column_name_faults(place: str, new: FilePart, merged: FilePart) -> Iterator[Fault]:
    yield from unknown_entries(f"{place}/key", "column of this file", new.key, merged.columns)
    for name, column in new.columns.items():
        pointer = child(f"{place}/columns", name)
        yield from unknown(f"{pointer}/missing_reason_column", "column of this file", column.missing_reason_column, merged.columns)
        reason = _why_no_pattern(column.pattern or "")
        if reason:
            yield Fault(f"{pointer}/pattern", f"the pattern is no regular expression ({reason})", "", "Mend or delete it", "SYN-13")


def _why_no_pattern(pattern: str) -> str:
    """Return why a text cannot serve as a regular expression; empty if it can."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a pattern that Python means to read otherwise one day is none to rely on
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError, Warning) as error:
            return str(error)
    return ""


def _design_faults(protocol: Protocol) -> Iterator[Fault]:
    yield from repeated("/arms", "arm", protocol.arm_ids)
    yield from repeated("/contrasts", "contrast", (contrast.id for contrast in protocol.contrasts))
    yield from repeated("/schedule/visits", "visit", protocol.visit_ids)
    yield from repeated("/sites", "site", (site.id for site in protocol.sites))
    for list_name in ("inclusion", "exclusion"):
        yield from repeated(f"/population/{list_name}", "criterion", (each.id for each in getattr(protocol.population, list_name)))
    for place, arm in enumerate(protocol.arms):
        yield from unknown_entries(f"/arms/{place}/interventions", "intervention", arm.interventions, protocol.interventions)
    for place, contrast in enumerate(protocol.contrasts):
        yield from unknown(f"/contrasts/{place}/arm", "arm", contrast.arm, protocol.arm_ids)
        yield from unknown(f"/contrasts/{place}/reference", "arm", contrast.reference, protocol.arm_ids)
    for place, (before, after) in enumerate(pairwise(protocol.schedule.visits)):
        if after.week <= before.week:
            found = f"visit {after.id} (week {after.week:g}) does not follow {before.id} (week {before.week:g})"
            yield Fault(f"/schedule/visits/{place + 1}/week", found, "visits stand in order of time", "Reorder them")
    yield from _criterion_faults(protocol)
    yield from _dictionary_arm_faults(protocol)


def _criterion_faults(protocol: Protocol) -> Iterator[Fault]:
    """Give the criteria on an outcome at a visit where it is not recorded; other variables need no declaration."""
    recorded = tuple(f"{name}@{visit}" for name, outcome in protocol.outcomes.items() for visit in outcome.visits)
    for list_name in ("inclusion", "exclusion"):
        for place, criterion in enumerate(getattr(protocol.population, list_name)):
            if criterion.check is not None and "@" in criterion.check.variable:
                pointer = f"/population/{list_name}/{place}/check/variable"
                yield from unknown(pointer, "OUTCOME@VISIT", criterion.check.variable, recorded)


def _dictionary_arm_faults(protocol: Protocol) -> Iterator[Fault]:
    for file, spec in protocol.dictionary.files.items():
        for column in spec.columns:
            for name in spec.recorded_in(column) or ():
                if name not in protocol.arm_ids:
                    found = f"the dictionary records {file}, column {column}, in the arm {name}"
                    yield Fault("/export/dictionaries", found, f"known are {', '.join(protocol.arm_ids)}", "Use a declared arm")


def _outcome_faults(protocol: Protocol, pointer: str, outcome: Outcome) -> Iterator[Fault]:
    yield from unknown(f"{pointer}/instrument", "instrument", outcome.instrument, protocol.instruments)
    yield from unknown_entries(f"{pointer}/visits", "visit", outcome.visits, protocol.visit_ids)
    yield from unknown_entries(f"{pointer}/arms", "arm", outcome.arms, protocol.arm_ids)
    if outcome.baseline is not None and outcome.baseline not in outcome.visits:
        allowed = f"its visits are {', '.join(outcome.visits) or 'none'}"
        yield Fault(f"{pointer}/baseline", f"baseline {outcome.baseline} is no visit of this outcome", allowed, "Add it to visits")


def _instrument_faults(protocol: Protocol, pointer: str, name: str, instrument: Instrument) -> Iterator[Fault]:
    if instrument.instrument != name:
        yield Fault(
            f"{pointer}/instrument", f"the file calls itself {instrument.instrument}", f"the protocol calls it {name}", "Use one name"
        )
    items = instrument.items
    if items is None:
        return
    if items.file not in protocol.dictionary.files:
        yield from unknown(f"{pointer}/items/file", "file of the export dictionary", items.file, protocol.dictionary.files)
        return
    columns = protocol.dictionary.files[items.file].columns
    yield from unknown_entries(f"{pointer}/items/columns", f"column of {items.file}", items.columns, columns)
    for place, column in enumerate(items.columns):
        recorded = columns[column].range if column in columns else None
        if recorded is not None and recorded != items.range:
            found = f"items range over {list(items.range)}, column {column} of {items.file} over [{recorded[0]:g}, {recorded[1]:g}]"
            yield Fault(f"{pointer}/items/columns/{place}", found, "instrument and dictionary agree", "Mend one of them")


def _purpose_faults(protocol: Protocol) -> Iterator[Fault]:
    objectives = [objective.id for objective in protocol.objectives]
    yield from repeated("/objectives", "objective", objectives)
    for place, objective in enumerate(protocol.objectives):
        yield from unknown_entries(f"/objectives/{place}/outcomes", "outcome", objective.outcomes, protocol.outcomes)
    for section in ("hypothesis", "important_difference", "sample_size"):
        yield from unknown(f"/{section}/outcome", "outcome", getattr(protocol, section).outcome, protocol.outcomes)
    yield from repeated("/estimands", "estimand", (estimand.id for estimand in protocol.estimands))
    for place, estimand in enumerate(protocol.estimands):
        pointer = f"/estimands/{place}"
        yield from unknown(f"{pointer}/objective", "objective", estimand.objective, objectives)
        yield from unknown(f"{pointer}/contrast", "contrast", estimand.contrast, [contrast.id for contrast in protocol.contrasts])
        yield from unknown(f"{pointer}/outcome", "outcome", estimand.outcome, protocol.outcomes)
        yield from unknown(f"{pointer}/visit", "visit", estimand.visit, protocol.visit_ids)


def _size_faults(protocol: Protocol) -> Iterator[Fault]:
    yield from _one_per_arm(protocol, "/randomisation/ratio", protocol.randomisation.ratio)
    yield from _one_per_arm(protocol, "/sample_size/per_arm", protocol.sample_size.per_arm)
    for pointer, fact in (
        ("/sample_size/power", protocol.sample_size.power),
        ("/sample_size/alpha", protocol.sample_size.alpha),
        ("/sample_size/attrition", protocol.sample_size.attrition),
    ):
        nothing_lost = pointer.endswith("attrition") and fact.value == 0
        if fact.value is not None and not 0 < fact.value < 1 and not nothing_lost:
            found = f"{fact.value:g} is no proportion"
            yield Fault(pointer, found, "a number between 0 and 1 is needed", "Write 0.4 for 40 %", "SYN-13")


def _one_per_arm(protocol: Protocol, pointer: str, fact: Fact[tuple[int, ...]]) -> Iterator[Fault]:
    if fact.value is None:
        return
    n_arms = len(protocol.arms)
    if len(fact.value) != n_arms or min(fact.value, default=0) < 1:
        ones = ", ".join("1" * n_arms)
        yield Fault(
            pointer,
            f"found {list(fact.value)}",
            f"{n_arms} arms need {n_arms} whole numbers of 1 or more, in their order",
            f"Such as [{ones}]",
        )
