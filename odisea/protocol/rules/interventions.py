"""Rules on interventions, adherence and care beside them (INT)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from odisea.protocol.compose import child
from odisea.protocol.fact import NOT_STATED, Text
from odisea.protocol.labels import FIELDS
from odisea.protocol.model import Arm, Protocol
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, gap, known, put, rule
from odisea.protocol.sections import Intervention

SUBSTANCES = ("DRUG", "BIOLOGICAL", "DIETARY_SUPPLEMENT", "GENETIC")
EXERCISE = ("exercise", "strength", "stretch", "ejercicio")
TIDIER = {
    "why": "2",
    "materials": "3",
    "components": "4",
    "delivered_by": "5",
    "format": "6",
    "where": "7",
    "duration_weeks": "8",
    "tailoring": "9",
}
COMPONENTS = Text(en="components", es="componentes")
COMPARATOR = (
    "components",
    "why",
    "materials",
    "duration_weeks",
    "exercise_dose",
    "progression",
    "tailoring",
    "delivered_by",
    "deliverer_qualification",
    "format",
    "where",
    "fidelity",
    "adherence_measures",
    "adherence_support",
    "stopping_criteria",
)
NOT_FOR_SUBSTANCES = ("deliverer_qualification", "format")
OF_EXERCISE = ("exercise_dose", "progression")
EXPECTED_DOSE = {
    "login": "logins_per_week",
    "live": "live_sessions_per_week",
    "session": "live_sessions_per_week",
    "diary": "diary_days_per_week",
    "video": "videos_per_week",
    "module": "modules",
}
WORDS = {
    "williams_exercises": Text(en="the Williams exercises (mainly bending forward)", es="los ejercicios de Williams (sobre todo flexión)"),
    "mckenzie_exercises": Text(
        en="the McKenzie exercises (mainly bending backward)", es="los ejercicios de McKenzie (sobre todo extensión)"
    ),
    "flexion_exercises": Text(en="exercises bending forward", es="ejercicios de flexión"),
    "extension_exercises": Text(en="exercises bending backward", es="ejercicios de extensión"),
    "bed_rest": Text(en="bed rest", es="reposo en cama"),
    "graded_activity": Text(en="graded activity", es="actividad gradual"),
}
OPPOSED = (("williams_exercises", "mckenzie_exercises"), ("flexion_exercises", "extension_exercises"), ("bed_rest", "graded_activity"))
"""Tags of approaches that ask for the opposite of the same person."""


class Named(NamedTuple):
    """An intervention with its pointer."""

    pointer: str
    name: str
    value: Intervention


@rule("INT-01", "question", "gap", refs=("TIDieR:2-9", "SPIRIT:15a"), reads=tuple(f"/interventions/*/{name}" for name in TIDIER))
def not_replicable(case: Case) -> Iterator[Hit]:
    """What others need to repeat a tested intervention is missing."""
    for each in _tested(case.protocol):
        for name, item in TIDIER.items():
            if name in _not_asked(each):
                continue
            pointer, values = f"{each.pointer}/{name}", {"label": each.value.label, "item": item, "what": FIELDS.get(name, COMPONENTS)}
            if name == "components" and not each.value.components:
                yield Hit(pointer, NOT_STATED, values, (put(pointer, ASK),))
            elif name != "components":
                yield from gap(getattr(each.value, name), pointer, label=values["label"], item=item, what=values["what"])


@rule(
    "INT-02",
    "question",
    "gap",
    refs=("TIDieR:5", "SPIRIT:14b"),
    reads=("/interventions/*/type", "/interventions/*/deliverer_qualification"),
)
def qualification(case: Case) -> Iterator[Hit]:
    """The training of those who deliver a tested intervention is missing; not asked of drugs and the like."""
    for each in _acted(case.protocol):
        pointer = f"{each.pointer}/deliverer_qualification"
        yield from gap(each.value.deliverer_qualification, pointer, label=each.value.label)


@rule(
    "INT-03",
    "question",
    "ambiguity",
    refs=("TIDieR:8",),
    reads=(
        "/interventions/*/programme/modules",
        "/interventions/*/programme/module_schedule",
        "/interventions/*/duration_weeks",
    ),
)
def modules_and_weeks(case: Case) -> Iterator[Hit]:
    """A programme has another number of modules than of weeks, and no calendar says how they fit."""
    seen, unknown = False, []
    for each in _interventions(case.protocol):
        programme = each.value.programme
        if programme is None:
            continue
        seen = True
        modules, weeks = programme.modules.value, each.value.duration_weeks.value
        if modules is None or weeks is None:
            unknown.append(f"{each.pointer}/programme/modules" if modules is None else f"{each.pointer}/duration_weeks")
        elif modules != weeks:
            pointer = f"{each.pointer}/programme/module_schedule"
            yield from gap(programme.module_schedule, pointer, label=each.value.label, modules=modules, weeks=weeks)
    _decided(seen, unknown)


@rule(
    "INT-04",
    "warning",
    "risk",
    refs=("SPIRIT:15a", "SPIRIT:15d"),
    reads=("/contrasts/*", "/arms/*/interventions", "/interventions/*/components/*/content"),
)
def shared_content(case: Case) -> Iterator[Hit]:
    """What only one arm of a contrast receives holds the same content as what the other receives."""
    protocol, done, tagged = case.protocol, set(), False
    for contrast in protocol.contrasts:
        arm, reference = protocol.arm(contrast.arm), protocol.arm(contrast.reference)
        others = [(other, part) for other in _of(protocol, reference.interventions) for part in other.value.components]
        for each in _of(protocol, _only_in(arm, reference)):
            tagged = tagged or (bool(_tags(each.value)) and any(part.content for _, part in others))
            for place, component in enumerate(each.value.components):
                pointer = f"{each.pointer}/components/{place}/content"
                overlapping = [(other, part) for other, part in others if set(component.content) & set(part.content)]
                if overlapping and pointer not in done:
                    done.add(pointer)
                    shared = [tag for tag in component.content if any(tag in part.content for _, part in overlapping)]
                    values = {
                        "component": component.label,
                        "label": each.value.label,
                        "other": _joined(dict.fromkeys(other.value.label for other, _ in overlapping)),
                        "parts": _joined(part.label for _, part in overlapping),
                    }
                    yield Hit(pointer, shared, values, (put(pointer, ASK),))
    if not tagged:
        raise CannotRun("/interventions")


@rule(
    "INT-05",
    "question",
    "gap",
    refs=("SPIRIT:15c", "TIDieR:8", "TIDieR:11"),
    reads=("/interventions/*/adherence_measures", "/interventions/*/programme/*"),
)
def expected_dose(case: Case) -> Iterator[Hit]:
    """Adherence is measured by something of which the expected amount is missing."""
    seen = False
    for each in _interventions(case.protocol):
        asked: dict[str, str] = {}
        for measure in each.value.adherence_measures.value or ():
            field = next((field for word, field in EXPECTED_DOSE.items() if word in measure), None)
            if field is not None and each.value.programme is not None:
                asked.setdefault(field, measure)
        for field, measure in asked.items():
            seen = True
            fact = getattr(each.value.programme, field)
            yield from gap(fact, f"{each.pointer}/programme/{field}", label=each.value.label, measure=measure, what=FIELDS[field])
    if not seen:
        raise NotApplicable("/interventions")


@rule(
    "INT-06",
    "question",
    "gap",
    refs=("TIDieR:8", "TIDieR:10", "SPIRIT:15a"),
    reads=("/interventions/*/components", "/interventions/*/exercise_dose", "/interventions/*/progression"),
)
def dose_of_exercise(case: Case) -> Iterator[Hit]:
    """A tested intervention holds exercise, and its dose or its progression is missing."""
    seen = False
    for each in _tested(case.protocol):
        if _exercises(each):
            seen = True
            for name in OF_EXERCISE:
                yield from gap(getattr(each.value, name), f"{each.pointer}/{name}", label=each.value.label, what=FIELDS[name])
    if not seen:
        raise NotApplicable("/interventions")


@rule("INT-07", "warning", "risk", refs=("TIDieR:9",), reads=("/interventions/*/components/*/content", "/interventions/*/tailoring"))
def opposed_for_everyone(case: Case) -> Iterator[Hit]:
    """An intervention gives opposed approaches and does not say who gets which."""
    if not any(_tags(each.value) for each in _interventions(case.protocol)):
        raise CannotRun("/interventions")
    for each in _interventions(case.protocol):
        for one, other in OPPOSED:
            if {one, other} <= set(_tags(each.value)) and not each.value.tailoring.known:
                index = next(place for place, part in enumerate(each.value.components) if one in part.content)
                values = {"one": WORDS[one], "other": WORDS[other], "label": each.value.label}
                yield Hit(f"{each.pointer}/components/{index}", [one, other], values, (put(f"{each.pointer}/tailoring", ASK),))


@rule(
    "INT-08",
    "question",
    "gap",
    refs=("TIDieR:6", "TIDieR:8"),
    reads=(
        "/interventions/*/programme/live_sessions_per_week",
        "/interventions/*/programme/live_session_minutes",
        "/interventions/*/programme/live_session_group_size",
    ),
)
def live_sessions(case: Case) -> Iterator[Hit]:
    """There are live sessions, and their length or the size of the group is missing."""
    seen = False
    for each in _interventions(case.protocol):
        programme = each.value.programme
        if programme is None or not programme.live_sessions_per_week.value:
            continue
        seen = True
        for name in ("live_session_minutes", "live_session_group_size"):
            pointer = f"{each.pointer}/programme/{name}"
            number = f"{programme.live_sessions_per_week.value:g}"
            yield from gap(getattr(programme, name), pointer, label=each.value.label, what=FIELDS[name], number=number)
    if not seen:
        raise NotApplicable("/interventions")


@rule(
    "INT-09",
    "question",
    "gap",
    refs=("SPIRIT:15d",),
    reads=tuple(f"/interventions/*/{name}" for name in ("concomitant_care", "prohibited_care", "rescue_care")),
)
def other_care(case: Case) -> Iterator[Hit]:
    """Of an intervention it is not said what other care goes on, is not allowed, or serves as rescue."""
    for each in _interventions(case.protocol):
        yield from _together(each, ("concomitant_care", "prohibited_care", "rescue_care"))


@rule("INT-10", "question", "gap", refs=("SPIRIT:15b", "TIDieR:10"), reads=("/interventions/*/stopping_criteria",))
def stopping(case: Case) -> Iterator[Hit]:
    """When a tested intervention is stopped or changed in one participant is missing."""
    for each in _tested(case.protocol):
        yield from gap(each.value.stopping_criteria, f"{each.pointer}/stopping_criteria", label=each.value.label)


@rule(
    "INT-11",
    "question",
    "risk",
    refs=("SPIRIT:15c", "RoB2:2"),
    reads=("/randomisation/unit", "/interventions/*/type", "/interventions/*/contamination"),
)
def contamination(case: Case) -> Iterator[Hit]:
    """Participants are randomised one by one to a behavioural intervention, and nothing keeps it from the other arms."""
    if known(case.protocol.randomisation.unit, "/randomisation/unit") != "participant":
        raise NotApplicable("/randomisation/unit")
    behavioural = [each for each in _tested(case.protocol) if each.value.type.value == "BEHAVIORAL"]
    if not behavioural:
        raise NotApplicable("/interventions")
    for each in behavioural:
        yield from gap(each.value.contamination, f"{each.pointer}/contamination", label=each.value.label)


@rule(
    "INT-12",
    "question",
    "gap",
    refs=("SPIRIT:15a", "CONSORT:13", "TIDieR:2-11"),
    reads=("/arms/*/interventions", *(f"/interventions/*/{name}" for name in COMPARATOR)),
)
def comparator(case: Case) -> Iterator[Hit]:
    """A comparator is not described so that others could repeat it."""
    tested = {each.name for each in _tested(case.protocol)}
    for each in _interventions(case.protocol):
        if each.name not in tested:
            skipped = (*_not_asked(each), *(() if _exercises(each) else OF_EXERCISE))
            yield from _together(each, [name for name in COMPARATOR if name not in skipped])


@rule(
    "INT-13",
    "question",
    "gap",
    refs=("SPIRIT:15c", "TIDieR:11"),
    reads=tuple(f"/interventions/*/{name}" for name in ("fidelity", "adherence_measures", "adherence_support")),
)
def fidelity(case: Case) -> Iterator[Hit]:
    """Of a tested intervention it is not said how delivery and adherence are watched and supported."""
    for each in _tested(case.protocol):
        for name in ("fidelity", "adherence_measures", "adherence_support"):
            yield from gap(getattr(each.value, name), f"{each.pointer}/{name}", label=each.value.label, what=FIELDS[name])


def _interventions(protocol: Protocol) -> tuple[Named, ...]:
    if not protocol.interventions:
        raise CannotRun("/interventions")
    return _of(protocol, protocol.interventions)


def _of(protocol: Protocol, names: Iterable[str]) -> tuple[Named, ...]:
    return tuple(Named(child("/interventions", name), name, protocol.interventions[name]) for name in dict.fromkeys(names))


def _only_in(arm: Arm, reference: Arm) -> list[str]:
    return [name for name in arm.interventions if name not in reference.interventions]


def _tested(protocol: Protocol) -> tuple[Named, ...]:
    """Return what only experimental arms receive; without any, what only the first arm of a contrast receives."""
    experimental = [arm for arm in protocol.arms if arm.type.value == "EXPERIMENTAL"]
    elsewhere = {name for arm in protocol.arms if arm not in experimental for name in arm.interventions}
    names = [name for arm in experimental for name in arm.interventions if name not in elsewhere]
    for contrast in protocol.contrasts if not names else ():
        names += _only_in(protocol.arm(contrast.arm), protocol.arm(contrast.reference))
    if not names:
        raise CannotRun("/arms/0/interventions")
    return _of(protocol, names)


def _acted(protocol: Protocol) -> tuple[Named, ...]:
    """Return the tested interventions that somebody performs; drugs and the like are left out."""
    acted = tuple(each for each in _tested(protocol) if each.value.type.value not in SUBSTANCES)
    if not acted:
        raise NotApplicable("/interventions")
    return acted


def _together(each: Named, names: Sequence[str]) -> Iterator[Hit]:
    """Give one hit for all gaps among some facts of an intervention, and among its components where they are asked for."""
    missing = [name for name in names if not (each.value.components if name == "components" else getattr(each.value, name).known)]
    pointers = [f"{each.pointer}/{name}" for name in missing]
    if missing:
        labels = [FIELDS.get(name, COMPONENTS) for name in missing]
        observed = getattr(each.value, missing[0]) or NOT_STATED
        patch = tuple(put(pointer, ASK) for pointer in pointers)
        yield Hit(pointers[0], observed, {"label": each.value.label, "what": _joined(labels)}, patch, tuple(pointers[1:]))


def _joined(texts: Iterable[Text]) -> Text:
    texts = tuple(texts)
    return Text(en=", ".join(text.en for text in texts), es=", ".join(text.es for text in texts))


def _decided(seen: bool, unknown: list[str]) -> None:
    if unknown:
        raise CannotRun(*unknown)
    if not seen:
        raise NotApplicable("/interventions")


def _tags(intervention: Intervention) -> tuple[str, ...]:
    return tuple(tag for component in intervention.components for tag in component.content)


def _exercises(each: Named) -> bool:
    parts = (each.name, *_tags(each.value), *(component.id for component in each.value.components))
    return any(word in part for word in EXERCISE for part in parts)


def _not_asked(each: Named) -> tuple[str, ...]:
    """Return the facts that are not asked of drugs and the like."""
    return NOT_FOR_SUBSTANCES if each.value.type.value in SUBSTANCES else ()
