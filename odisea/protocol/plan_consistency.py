"""Whether codings and analysis plans name what the protocol and its dictionary declare, recorded where the plan needs it."""

from collections.abc import Iterator
from typing import NamedTuple

from odisea.protocol.compose import child
from odisea.protocol.dictionary import ColumnSpec
from odisea.protocol.fault import Fault, repeated, unknown, unknown_entries
from odisea.protocol.model import Protocol
from odisea.protocol.plan import AnalysisSpec, Coding, Plan, ProposedEstimand, RecordCount, ResponderRule

PARTICIPANTS, PARTICIPANT = "participants.csv", "participant_id"
NUMBERS = ("int", "num")


def analysis_faults(protocol: Protocol) -> Iterator[Fault]:
    """Give every inconsistency under `/analysis`."""
    for name, coding in protocol.analysis.coding.items():
        yield from _coding_faults(protocol, child("/analysis/coding", name), coding)
    for name, count in protocol.analysis.counts.items():
        yield from _count_faults(protocol, child("/analysis/counts", name), name, count)
    for name, estimand in protocol.analysis.estimands.items():
        yield from _estimand_faults(protocol, child("/analysis/estimands", name), name, estimand)
    for name, plan in protocol.analysis.plans.items():
        yield from _plan_faults(protocol, child("/analysis/plans", name), plan)


def auxiliary_names(protocol: Protocol) -> tuple[str, ...]:
    """Return what auxiliary variables may be called: OUTCOME@VISIT after baseline, then counts of records."""
    recorded = [f"{name}@{visit}" for name, outcome in protocol.outcomes.items() for visit in outcome.visits if visit != outcome.baseline]
    return (*recorded, *protocol.analysis.counts)


def variable_names(protocol: Protocol) -> tuple[str, ...]:
    """Return what covariates and imputation variables may be called: codings, then OUTCOME@VISIT."""
    recorded = [f"{name}@{visit}" for name, outcome in protocol.outcomes.items() for visit in outcome.visits]
    return (*protocol.analysis.coding_facts, *recorded)


def arms_recording(protocol: Protocol, variable: str) -> tuple[str, ...]:
    """Return the arms in which a variable (coding or OUTCOME@VISIT) is recorded."""
    arms = set(protocol.arm_ids)
    if "@" in variable:
        arms &= set(protocol.outcomes[variable.partition("@")[0]].arms or arms)
    elif variable in protocol.analysis.counts:
        file = protocol.dictionary.files.get(protocol.analysis.counts[variable].file)
        arms &= set((file.arms if file else None) or arms)
    elif variable in protocol.analysis.coding and PARTICIPANTS in protocol.dictionary.files:
        spec = protocol.dictionary.files[PARTICIPANTS]
        for column in protocol.analysis.coding[variable].columns:
            arms &= set((spec.recorded_in(column) if column in spec.columns else None) or arms)
    return tuple(arm for arm in protocol.arm_ids if arm in arms)


def _coding_faults(protocol: Protocol, pointer: str, coding: Coding) -> Iterator[Fault]:
    file = protocol.dictionary.files.get(PARTICIPANTS)
    columns = file.columns if file else {}
    wanted = ("cat",) if coding.levels else NUMBERS
    for column in coding.columns:
        if column not in columns:
            yield from unknown(pointer, f"column of {PARTICIPANTS}", column, columns)
        elif columns[column].type not in wanted:
            found = f"column {column} of {PARTICIPANTS} has type {columns[column].type}"
            yield Fault(pointer, found, f"this coding needs type {' or '.join(wanted)}", "Use another column or recipe")
        elif coding.levels:
            yield from unknown_entries(
                f"{pointer}/levels/codes", f"code of the column {column}", coding.levels.codes, columns[column].codes or ()
            )


def _count_faults(protocol: Protocol, pointer: str, name: str, count: RecordCount) -> Iterator[Fault]:
    if name in protocol.analysis.coding_facts:
        yield Fault(pointer, f"{name} is also a coding", "a variable has one meaning", "Choose another name")
    file = protocol.dictionary.files.get(count.file)
    if file is None:
        yield from unknown(f"{pointer}/file", "file of the dictionary", count.file, protocol.dictionary.files)
    elif PARTICIPANT not in file.columns:
        yield Fault(
            f"{pointer}/file", f"{count.file} has no column {PARTICIPANT}", "its rows are counted per participant", "Use another file"
        )
    elif count.column is not None:
        yield from unknown(f"{pointer}/column", f"column of {count.file}", count.column, file.columns)
        if count.column in file.columns and not _can_equal(file.columns[count.column], count.equals):
            found = f"{count.equals!r} is no value of the column {count.column}"
            allowed = f"the column has type {file.columns[count.column].type}"
            yield Fault(f"{pointer}/equals", found, allowed, "Write a value that the column can have")


def _estimand_faults(protocol: Protocol, pointer: str, name: str, estimand: ProposedEstimand) -> Iterator[Fault]:
    if name in (stated.id for stated in protocol.estimands):
        yield Fault(pointer, f"{name} is also an estimand of the source", "an estimand has one meaning", "Choose another name")
    yield from unknown(f"{pointer}/contrast", "contrast", estimand.contrast, [contrast.id for contrast in protocol.contrasts])
    yield from unknown(f"{pointer}/outcome", "outcome", estimand.outcome, protocol.outcomes)
    visits = protocol.outcomes[estimand.outcome].visits if estimand.outcome in protocol.outcomes else protocol.visit_ids
    yield from unknown(f"{pointer}/visit", f"visit of the outcome {estimand.outcome}", estimand.visit, visits)


def _can_equal(column: ColumnSpec, value: str | int | float | bool | None) -> bool:
    """Return whether cells of a column can have a value."""
    if column.type == "bool" or isinstance(value, bool):
        return column.type == "bool" and isinstance(value, bool)
    if column.type in NUMBERS:
        return isinstance(value, int | float)
    return isinstance(value, str) and (column.type != "cat" or value in (column.codes or ()))


class _Names(NamedTuple):
    """What a plan's analyses may refer to."""

    variables: tuple[str, ...]
    contrasts: tuple[str, ...]
    estimands: tuple[str, ...]


def _plan_faults(protocol: Protocol, pointer: str, plan: Plan) -> Iterator[Fault]:
    estimands = (*(estimand.id for estimand in protocol.estimands), *protocol.analysis.estimands)
    names = _Names(variable_names(protocol), tuple(contrast.id for contrast in protocol.contrasts), estimands)
    yield from unknown_entries(f"{pointer}/covariates", "coding or OUTCOME@VISIT", plan.covariates.value, names.variables)
    yield from unknown_entries(
        f"{pointer}/imputation/variables", "coding or OUTCOME@VISIT", plan.imputation.variables.value, names.variables
    )
    for name in plan.responder:
        yield from _responder_faults(protocol, child(f"{pointer}/responder", name), name, plan.responder[name].value)
    yield from repeated(f"{pointer}/analyses", "analysis", (spec.id for spec in plan.analyses))
    for place, spec in enumerate(plan.analyses):
        where = f"{pointer}/analyses/{place}"
        faults = list(_name_faults(protocol, where, spec, names))
        yield from faults or _analysis_faults(protocol, where, plan, spec)


def _responder_faults(protocol: Protocol, pointer: str, name: str, rule: ResponderRule | None) -> Iterator[Fault]:
    outcome = protocol.outcomes.get(name)
    if outcome is None:
        yield from unknown(pointer, "outcome", name, protocol.outcomes)
    elif outcome.direction is None or (outcome.baseline is None and (rule is None or rule.attained is None)):
        allowed = "an improvement needs the outcome's baseline visit and direction, an attained value the direction"
        yield Fault(pointer, f"{name} has a responder rule without them", allowed, f"Add baseline and direction to outcomes.{name}")


def _name_faults(protocol: Protocol, where: str, spec: AnalysisSpec, names: _Names) -> Iterator[Fault]:
    """Give the names of an analysis that nothing declares."""
    yield from unknown(f"{where}/contrast", "contrast", spec.contrast, names.contrasts)
    yield from unknown(f"{where}/outcome", "outcome", spec.outcome, protocol.outcomes)
    if spec.outcome in protocol.outcomes:
        yield from unknown(f"{where}/visit", f"visit of the outcome {spec.outcome}", spec.visit, protocol.outcomes[spec.outcome].visits)
    yield from unknown(f"{where}/estimand", "estimand", spec.estimand, names.estimands)
    yield from unknown(f"{where}/imputation_from", "plan", spec.imputation_from, protocol.analysis.plans)
    yield from unknown_entries(f"{where}/covariates", "coding or OUTCOME@VISIT", spec.covariates, names.variables)
    yield from unknown_entries(f"{where}/auxiliary", "OUTCOME@VISIT after baseline or count", spec.auxiliary, auxiliary_names(protocol))
    yield from unknown(f"{where}/subgroup", "coding or OUTCOME@VISIT", spec.subgroup, names.variables)


def _analysis_faults(protocol: Protocol, where: str, plan: Plan, spec: AnalysisSpec) -> Iterator[Fault]:
    """Give the faults of an analysis whose names are all declared."""
    yield from _method_faults(protocol, where, plan, spec)
    covariates = spec.covariates if spec.covariates is not None else plan.covariates.value
    if spec.subgroup is not None and covariates is not None and spec.subgroup not in covariates:
        allowed = f"its covariates are {', '.join(covariates) or 'none'}"
        found = f"{spec.subgroup} is no covariate of the analysis {spec.id}"
        yield Fault(f"{where}/subgroup", found, allowed, "Add it to its covariates")
    yield from repeated(f"{where}/auxiliary", "auxiliary variable", spec.auxiliary)
    if spec.role == "primary" and plan.missing_data.value not in (None, spec.missing_data):
        found = f"the primary analysis uses {spec.missing_data}"
        yield Fault(
            f"{where}/missing_data", found, f"the plan's missing_data is {plan.missing_data.value}", "Use one of them in both places"
        )
    response = f"{spec.outcome}@{spec.visit}"
    for pointer, variables in _variables_used(protocol, where, plan, spec):
        for place, variable in enumerate(variables):
            if variable == response:
                yield Fault(child(pointer, place), f"{variable} is the analysed outcome itself", "use what is known before it", "Delete it")
            yield from _one_arm_faults(protocol, child(pointer, place), variable, spec)
    if response in spec.auxiliary:
        yield Fault(
            f"{where}/auxiliary", f"{response} is the analysed outcome itself", "auxiliary variables help to impute it", "Delete it"
        )
    yield from _one_arm_faults(protocol, f"{where}/outcome", response, spec)


def _method_faults(protocol: Protocol, where: str, plan: Plan, spec: AnalysisSpec) -> Iterator[Fault]:
    outcome = protocol.outcomes[spec.outcome]
    binary = outcome.kind == "binary"
    if not spec.entry.binary and (binary or outcome.kind == "time_to_event"):
        found, allowed = f"{spec.method} of the {outcome.kind} outcome {spec.outcome}", f"{spec.method} needs a numeric outcome"
        yield Fault(f"{where}/method", found, allowed, "Use logistic")
    if spec.entry.binary and not binary and spec.outcome not in plan.responder:
        allowed = f"{spec.method} needs a binary outcome or the plan's responder rule"
        yield Fault(
            f"{where}/method",
            f"the plan has no responder rule for {spec.outcome}",
            allowed,
            f"Add responder: {{{spec.outcome}: ...}} to the plan",
        )
    if outcome.baseline == spec.visit:
        yield Fault(
            f"{where}/visit", f"{spec.visit} is the baseline of {spec.outcome}", "analyses are of later visits", "Use a later visit"
        )


def _variables_used(protocol: Protocol, where: str, plan: Plan, spec: AnalysisSpec) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give pointer and names of the covariates and imputation variables of an analysis, as far as they are declared."""
    known = set(variable_names(protocol))
    pointer = where.rpartition("/analyses/")[0]
    if spec.covariates is not None:
        yield f"{where}/covariates", spec.covariates
    elif plan.covariates.value is not None and known.issuperset(plan.covariates.value):
        yield f"{pointer}/covariates", plan.covariates.value
    if spec.imputes:
        source = spec.imputation_from or pointer.rpartition("/")[2]
        variables = protocol.analysis.plans[source].imputation.variables.value
        if variables is not None and known.issuperset(variables):
            yield f"{child('/analysis/plans', source)}/imputation/variables", variables


def _one_arm_faults(protocol: Protocol, pointer: str, variable: str, spec: AnalysisSpec) -> Iterator[Fault]:
    contrast = protocol.contrast(spec.contrast)
    recorded = arms_recording(protocol, variable)
    absent = [arm for arm in (contrast.arm, contrast.reference) if arm in protocol.arm_ids and arm not in recorded]
    if absent:
        found = f"{variable} is not recorded in the arm {' and '.join(absent)}"
        allowed = f"analysis {spec.id} needs it in every arm of {contrast.id}"
        yield Fault(pointer, found, allowed, "Use only what is recorded in both arms")
