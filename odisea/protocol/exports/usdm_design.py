"""Arms, epochs, visits, timeline and population of a protocol as USDM instances."""

from odisea.protocol.exports.usdm_terms import (
    AFTER,
    ARM_TYPES,
    BEFORE,
    CRITERIA,
    EPOCHS,
    FIXED,
    OWN_DATA,
    SEXES,
    START_TO_START,
    VISIT,
    YEARS,
    Node,
    chained,
    code,
    coded,
    duration,
    instance,
    paragraph,
    quantity,
    stated,
)
from odisea.protocol.model import Arm, Protocol, Visit
from odisea.protocol.sections import Criterion

TIMELINE = "ScheduleTimeline_main"
EXIT = "ScheduleTimelineExit_main"
OWN_DATA_TEXT = "Recorded from the arm's participants during the trial"


# ---------------------------------------------------------------- arms and epochs


def epoch_of(visit: Visit) -> str:
    """Return the epoch of a visit: the baseline lasts up to week 0."""
    return "baseline" if visit.week <= 0 else "treatment"


def epoch_names(protocol: Protocol) -> list[str]:
    """Return the epochs that hold a visit, in order."""
    return list(dict.fromkeys(map(epoch_of, protocol.schedule.visits)))


def epochs(protocol: Protocol) -> list[Node]:
    """Return one `StudyEpoch` for the visits up to week 0 and one for those after it."""
    return chained([instance("StudyEpoch", id=f"StudyEpoch_{name}", name=name, type=code(EPOCHS[name])) for name in epoch_names(protocol)])


def arms(protocol: Protocol) -> list[Node]:
    """Return the `StudyArm`s."""
    return [_arm(arm) for arm in protocol.arms]


def _arm(arm: Arm) -> Node:
    return instance(
        "StudyArm",
        id=f"StudyArm_{arm.id}",
        name=arm.id,
        label=str(arm.label),
        type=coded(arm.type.value, ARM_TYPES),
        dataOriginDescription=OWN_DATA_TEXT,
        dataOriginType=code(OWN_DATA),
    )


def elements(protocol: Protocol) -> list[Node]:
    """Return the `StudyElement`s: what happens to an arm in the last epoch, and what is common to all arms before it."""
    common = [instance("StudyElement", id=f"StudyElement_{name}", name=name) for name in epoch_names(protocol)[:-1]]
    return common + [
        instance(
            "StudyElement",
            id=f"StudyElement_arm_{arm.id}",
            name=f"arm_{arm.id}",
            label=str(arm.label),
            studyInterventionIds=[f"StudyIntervention_{name}" for name in arm.interventions],
        )
        for arm in protocol.arms
    ]


def cells(protocol: Protocol) -> list[Node]:
    """Return exactly one `StudyCell` for each arm and epoch."""
    names = epoch_names(protocol)
    return [
        instance(
            "StudyCell",
            id=f"StudyCell_{arm.id}_{name}",
            armId=f"StudyArm_{arm.id}",
            epochId=f"StudyEpoch_{name}",
            elementIds=[f"StudyElement_arm_{arm.id}" if name == names[-1] else f"StudyElement_{name}"],
        )
        for arm in protocol.arms
        for name in names
    ]


# ---------------------------------------------------------------- visits, activities and their timeline


def encounters(protocol: Protocol) -> list[Node]:
    """Return one `Encounter` for each planned visit."""
    return chained(
        [
            instance(
                "Encounter",
                id=f"Encounter_{visit.id}",
                name=visit.id,
                label=str(visit.label),
                type=code(VISIT),
                scheduledAtId=f"Timing_{visit.id}",
                environmentalSettings=[],
                contactModes=[],
            )
            for visit in protocol.schedule.visits
        ]
    )


def _activity_names(protocol: Protocol) -> dict[str, str | None]:
    """Return the activities in order of appearance, each with what is said of it beyond the visits."""
    schedule = protocol.schedule
    at_visits: dict[str, str | None] = {name: None for visit in schedule.visits for name in visit.activities}
    between = dict.fromkeys(schedule.weekly, "Every week between visits")
    return at_visits | between | dict.fromkeys(schedule.continuous, "Recorded continuously between visits")


def activities(protocol: Protocol) -> list[Node]:
    """Return what is done at the visits and between them, each referring to the surrogate of its concept."""
    return chained(
        [
            instance(
                "Activity",
                id=f"Activity_{place}",
                name=name,
                description=description,
                bcSurrogateIds=[f"BiomedicalConceptSurrogate_{place}"],
            )
            for place, (name, description) in enumerate(_activity_names(protocol).items(), 1)
        ]
    )


def surrogates(protocol: Protocol) -> list[Node]:
    """Return one `BiomedicalConceptSurrogate` for each activity: a protocol names what is measured, not its biomedical concept."""
    return [
        instance("BiomedicalConceptSurrogate", id=f"BiomedicalConceptSurrogate_{place}", name=name)
        for place, name in enumerate(_activity_names(protocol), 1)
    ]


def timelines(protocol: Protocol) -> list[Node]:
    """Return the main `ScheduleTimeline`: the visit nearest to week 0 is its anchor, every other one is timed from it."""
    visits = protocol.schedule.visits
    anchor = min(visits, key=lambda visit: abs(visit.week))
    weeks = visits[-1].week - visits[0].week
    return [
        instance(
            "ScheduleTimeline",
            id=TIMELINE,
            name="main",
            mainTimeline=True,
            entryCondition=_entry_condition(protocol),
            entryId=_scheduled_id(visits[0]),
            exits=[instance("ScheduleTimelineExit", id=EXIT)],
            timings=[_timing(visit, anchor) for visit in visits],
            instances=_scheduled(protocol),
            plannedDuration=duration(weeks) if weeks else None,
        )
    ]


def _entry_condition(protocol: Protocol) -> str:
    """Return who enters: a consequence of the criteria where there are any."""
    population = protocol.population
    return "Every inclusion criterion and no exclusion criterion is met" if population.inclusion or population.exclusion else "Not stated"


def _scheduled_id(visit: Visit) -> str:
    return f"ScheduledActivityInstance_{visit.id}"


def _scheduled(protocol: Protocol) -> list[Node]:
    """Return the visits on the timeline, each leading to the next and the last one to the exit."""
    visits = protocol.schedule.visits
    numbers = {name: place for place, name in enumerate(_activity_names(protocol), 1)}
    return [
        instance(
            "ScheduledActivityInstance",
            id=_scheduled_id(visit),
            name=visit.id,
            defaultConditionId=_scheduled_id(following) if following else None,
            epochId=f"StudyEpoch_{epoch_of(visit)}",
            timelineExitId=None if following else EXIT,
            activityIds=[f"Activity_{numbers[name]}" for name in dict.fromkeys(visit.activities)],
            encounterId=f"Encounter_{visit.id}",
        )
        for visit, following in zip(visits, [*visits[1:], None], strict=True)
    ]


def _timing(visit: Visit, anchor: Visit) -> Node:
    """Return when a visit takes place; an anchor may not have a window."""
    away = visit.week - anchor.week
    kind = FIXED if visit is anchor else (AFTER if away > 0 else BEFORE)
    window = None if visit is anchor else visit.window_days.value
    return instance(
        "Timing",
        id=f"Timing_{visit.id}",
        name=visit.id,
        label=str(visit.label),
        type=code(kind),
        value=iso_duration(abs(away)),
        valueLabel=f"Week {visit.week:g}",
        relativeToFrom=code(START_TO_START),
        relativeFromScheduledInstanceId=_scheduled_id(visit),
        relativeToScheduledInstanceId=_scheduled_id(anchor),
        windowLower=f"P{window[0]}D" if window else None,
        windowUpper=f"P{window[1]}D" if window else None,
        windowLabel=f"{window[0]} days before to {window[1]} days after" if window else None,
    )


def iso_duration(weeks: float) -> str:
    """Return a length in ISO 8601: weeks where they are whole, else days, hours and minutes."""
    if weeks == int(weeks):
        return f"P{int(weeks)}W" if weeks else "P0D"
    hours, minutes = divmod(round(weeks * 7 * 24 * 60), 60)
    days, hours = divmod(hours, 24)
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    return "P" + (f"{days}D" if days else "") + (f"T{clock}" if clock else "")


# ---------------------------------------------------------------- population


def population(protocol: Protocol) -> Node:
    """Return the `StudyDesignPopulation`; planned numbers have no unit.

    Whether healthy volunteers take part is demanded by the class as true or false; where the protocol does not say it, it is
    left out and the file is no valid USDM until the protocol states `population.healthy_volunteers`.
    """
    planned = protocol.population
    enrolment, ages = planned.planned_enrolment.value, planned.age_years.value
    sexes = SEXES if planned.sex.value == "ALL" else [planned.sex.value] if planned.sex.value else []
    years = None if ages is None else (quantity(ages.min, YEARS), quantity(ages.max, YEARS))
    return instance(
        "StudyDesignPopulation",
        id="StudyDesignPopulation_main",
        name="population",
        description=stated(planned.condition),
        includesHealthySubjects=planned.healthy_volunteers.value,
        plannedEnrollmentNumber=None if enrolment is None else quantity(enrolment),
        plannedSex=[code(SEXES[sex]) for sex in sexes],
        criterionIds=[criterion["id"] for criterion in criteria(protocol)],
        plannedAge=instance("Range", minValue=years[0], maxValue=years[1], isApproximate=False) if years else None,
    )


def _criteria(protocol: Protocol) -> list[tuple[str, Criterion]]:
    """Return the category of every criterion with the criterion; an identifier may stand once in each category."""
    planned = protocol.population
    return [("inclusion", each) for each in planned.inclusion] + [("exclusion", each) for each in planned.exclusion]


def criteria(protocol: Protocol) -> list[Node]:
    """Return the `EligibilityCriterion`s in order."""
    return chained(
        [
            instance(
                "EligibilityCriterion",
                id=f"EligibilityCriterion_{category}_{each.id}",
                name=f"{category}_{each.id}",
                category=code(CRITERIA[category]),
                identifier=each.id,
                criterionItemId=f"EligibilityCriterionItem_{category}_{each.id}",
            )
            for category, each in _criteria(protocol)
        ]
    )


def criterion_items(protocol: Protocol) -> list[Node]:
    """Return the texts of the criteria."""
    return [
        instance(
            "EligibilityCriterionItem",
            id=f"EligibilityCriterionItem_{category}_{each.id}",
            name=f"{category}_{each.id}",
            text=paragraph(str(each.text)),
        )
        for category, each in _criteria(protocol)
    ]
