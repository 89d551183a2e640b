"""The parts of a scaffold that name each other: arms, contrasts, interventions, visits, outcomes and a plan whose values are gaps."""

from typing import NamedTuple

from odisea.protocol.model import Arm, Outcome, Visit
from odisea.protocol.plan import AnalysisPlans, Imputation, Plan
from odisea.protocol.registry.drafting import Yaml, gap, section
from odisea.protocol.registry.fields import ARM_GROUPS, INTERVENTIONS, OUTCOME_LISTS, full_path, interventions_of
from odisea.protocol.registry.record import Record, text_of
from odisea.protocol.registry.timing import weeks_in
from odisea.protocol.registry.words import identifier, normal
from odisea.protocol.sections import Intervention

COMPARATORS = ("PLACEBO_COMPARATOR", "SHAM_COMPARATOR", "NO_INTERVENTION", "ACTIVE_COMPARATOR")
BASELINE, FOLLOW_UP = "baseline", "follow_up"
OF_TIMES = ("time to ", "survival", "tiempo hasta", "supervivencia")
OF_PROPORTIONS = ("proportion", "percentage", "number of participants", "incidence", "rate of", "proporción", "porcentaje", "incidencia")
FILL_IN_VISIT = {"en": "FILL IN: when the outcome is measured", "es": "COMPLETAR: cuándo se mide el desenlace"}
FILL_IN_OUTCOME = {"en": "FILL IN: the primary outcome", "es": "COMPLETAR: el desenlace primario"}
PLACEHOLDER = {
    "en": "Placeholder of the scaffold: the registry has no field for analyses.",
    "es": "Marcador del borrador: el registro no tiene campo para los análisis.",
}


class Analysed(NamedTuple):
    """The outcome and visit that the draft plan analyses."""

    outcome: str
    visit: str
    binary: bool


def arms(record: Record) -> list[Yaml]:
    """Return the arms in the record's order, with identifiers made of their labels."""
    names = list(interventions(record))
    path = full_path(ARM_GROUPS)
    drafted: list[Yaml] = []
    for place, group in enumerate(record.entries(path)):
        label = text_of(group, "label") or f"Arm {place + 1}"
        given: Yaml = {"id": identifier(label, "arm", [arm["id"] for arm in drafted]), "label": label}
        given["type"] = text_of(group, "type") or gap(record, f"{path}.type")
        drafted.append(section(Arm, given) | {"interventions": [names[each] for each in interventions_of(record, place)]})
    return drafted


def reference_arm(drafted: list[Yaml]) -> Yaml:
    """Return the arm that the others are compared with: the last of the first kind of comparator that there is, else the last arm."""
    found = (arm for kind in COMPARATORS for arm in reversed(drafted) if arm["type"] == kind)
    return next(found, drafted[-1])


def contrasts(drafted: list[Yaml]) -> list[Yaml]:
    """Return the contrast of every other arm with the reference."""
    reference = reference_arm(drafted)
    return [
        {
            "id": f"{arm['id']}_vs_{reference['id']}",
            "arm": arm["id"],
            "reference": reference["id"],
            "label": {"en": f"{arm['label']} minus {reference['label']}", "es": f"{arm['label']} menos {reference['label']}"},
        }
        for arm in drafted
        if arm is not reference
    ]


def interventions(record: Record) -> dict[str, Yaml]:
    """Return the interventions by identifiers made of their names."""
    path = full_path(INTERVENTIONS)
    drafted: dict[str, Yaml] = {}
    for place, each in enumerate(record.entries(path), start=1):
        label = text_of(each, "name") or f"Intervention {place}"
        kind = text_of(each, "type") or gap(record, f"{path}.type")
        drafted[identifier(label, "intervention", drafted)] = section(Intervention, {"label": label, "type": kind})
    return drafted


def weeks_of(record: Record) -> tuple[float, ...]:
    """Return all weeks after the baseline that the outcomes' time frames name."""
    found = {week for _, path in OUTCOME_LISTS for each in record.entries(full_path(path)) for week in weeks_in(text_of(each, "timeFrame"))}
    return tuple(sorted(found - {0.0}))


def visits(record: Record) -> list[Yaml]:
    """Return the baseline and one visit per week; where no week can be read, one that says what to fill in."""
    drafted = [section(Visit, {"id": BASELINE, "week": 0, "label": {"en": "Baseline", "es": "Inicio"}})]
    for week in weeks_of(record):
        label = {"en": f"Week {week:g}", "es": f"Semana {week:g}"}
        drafted.append(section(Visit, {"id": visit_id(week), "week": week, "label": label}))
    if len(drafted) == 1:
        drafted.append(section(Visit, {"id": FOLLOW_UP, "week": 1, "label": FILL_IN_VISIT}))
    return drafted


def visit_id(week: float) -> str:
    """Return the identifier of the visit of a week."""
    return f"week{week:g}".replace(".", "_") if week else BASELINE


def outcomes(record: Record) -> tuple[dict[str, Yaml], Analysed]:
    """Return the outcomes by identifiers made of their measures, and which of them the draft plan analyses.

    The record has no kind of an outcome; it is guessed from the wording, and to be checked. The analysed outcome is the
    first whose kind a plan can analyse; it gets the visit that its analysis needs where its time frame names none.
    """
    drafted: dict[str, Yaml] = {}
    for level, path in OUTCOME_LISTS:
        for each in record.entries(full_path(path)):
            measure = text_of(each, "measure")
            drafted[identifier(measure, "outcome", drafted)] = _outcome(record, full_path(path), level, each)
    if not drafted:
        drafted["primary_outcome"] = _unnamed_outcome(record)
    last = visits(record)[-1]["id"]
    name = next((name for name, outcome in drafted.items() if outcome["kind"] != "time_to_event"), next(iter(drafted)))
    chosen = drafted[name]
    if chosen["kind"] == "time_to_event":
        chosen["kind"] = "binary"
    later = [visit for visit in chosen["visits"] if visit != BASELINE]
    if not later:
        chosen["visits"] = [*chosen["visits"], last]
    return drafted, Analysed(name, later[-1] if later else last, chosen["kind"] == "binary")


def analysis(drafted: list[Yaml], analysed: Analysed) -> Yaml:
    """Return a plan with one analysis per contrast, whose values are gaps."""
    method = (
        ("logistic", "risk_difference", "marginal_risk_difference")
        if analysed.binary
        else ("ancova", "mean_difference", "treatment_policy_mean")
    )
    analyses = [
        {
            "id": contrast["id"],
            "label": contrast["label"],
            "outcome": analysed.outcome,
            "visit": analysed.visit,
            "contrast": contrast["id"],
            "method": method[0],
            "missing_data": "complete_case",
            "measure": method[1],
            "role": "primary",
            "truth": method[2],
            "reason": PLACEHOLDER,
        }
        for contrast in contrasts(drafted)
    ]
    label = {"en": "Plan as registered", "es": "Plan según el registro"}
    plan = section(Plan, {"label": label, "imputation": section(Imputation, {}), "analyses": analyses})
    return section(AnalysisPlans, {"plans": {"as_registered": plan}})


def _outcome(record: Record, path: str, level: str, entry: Yaml) -> Yaml:
    """Return one outcome of the record."""
    measure, frame, definition = (text_of(entry, key) for key in ("measure", "timeFrame", "description"))
    weeks = weeks_in(frame)
    named = [visit_id(week) for week in weeks]
    given: Yaml = {
        "label": measure or "Outcome without a name in the record",
        "kind": guessed_kind(measure),
        "level": level,
        "visits": named,
        "registered_measure": measure or gap(record, f"{path}.measure"),
        "registered_time_frame": frame or gap(record, f"{path}.timeFrame"),
        "definition": definition or gap(record, f"{path}.description"),
        "time_frame": frame or gap(record, f"{path}.timeFrame"),
    }
    given |= {"baseline": BASELINE} if BASELINE in named else {}
    given |= {"measured_at": named} if named else {}
    return section(Outcome, given)


def _unnamed_outcome(record: Record) -> Yaml:
    """Return an outcome to be filled in: the record, or our copy of it, has none."""
    missing = gap(record, full_path(OUTCOME_LISTS[0][1]))
    fields = ("registered_measure", "registered_time_frame", "definition", "time_frame")
    given: Yaml = {"label": FILL_IN_OUTCOME, "kind": "continuous", "level": "primary", "visits": []}
    return section(Outcome, given | dict.fromkeys(fields, missing))


def guessed_kind(measure: str) -> str:
    """Return the kind that the wording of a measure suggests."""
    words = f"{normal(measure)} "
    if any(word in words for word in OF_TIMES):
        return "time_to_event"
    return "binary" if any(word in words for word in OF_PROPORTIONS) else "continuous"
