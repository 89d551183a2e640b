"""Rules on the schedule of visits (SCH) and on whether recruitment can be done in time (FEA)."""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from odisea.protocol.fact import Fact, Text
from odisea.protocol.model import Outcome, Protocol
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, gap, known, put, rule

DAYS_PER_WEEK = 7
WEEKS_PER_MONTH = 365.25 / 12 / 7
SAFE_PROBABILITY = 0.8
ENDED = ("COMPLETED", "TERMINATED", "WITHDRAWN", "ACTIVE_NOT_RECRUITING")
IN_ORDER = (
    ("start", "primary_completion"),
    ("primary_completion", "completion"),
    ("start", "completion"),
    ("first_submitted", "last_update"),
)
DATES = tuple(f"/status/{name}" for name in ("start", "primary_completion", "completion"))
WINDOW = (
    *DATES,
    "/status/overall",
    "/population/enrolment_type",
    "/population/planned_enrolment",
    "/sample_size/total",
    "/schedule/visits/*/week",
)


class Window(NamedTuple):
    """The time in which participants can be randomised: first day, last day, what ends it, and how many are wanted."""

    first: date
    last: date
    ends: str
    weeks: float
    total: int

    @property
    def needed(self) -> float:
        """Randomised participants per week that reach the total on the last day."""
        return self.total * DAYS_PER_WEEK / max((self.last - self.first).days, 1)


@rule("SCH-01", "error", "contradiction", refs=("SPIRIT:18", "SPIRIT:16"), reads=("/outcomes/*/measured_at", "/schedule/visits/*"))
def no_such_visit(case: Case) -> Iterator[Hit]:
    """An outcome is measured at a visit that the schedule does not have."""
    visits = case.protocol.visit_ids
    if not any(outcome.measured_at.known for outcome in case.protocol.outcomes.values()):
        raise CannotRun(*(f"/outcomes/{name}/measured_at" for name in case.protocol.outcomes))
    for name, outcome in case.protocol.outcomes.items():
        for place, visit in enumerate(outcome.measured_at.value or ()):
            if visit not in visits:
                values = {"label": outcome.label, "visits": ", ".join(visits)}
                yield Hit(f"/outcomes/{name}/measured_at/{place}", visit, values, (put(f"/outcomes/{name}/measured_at", ASK),))


@rule(
    "SCH-02",
    "error",
    "contradiction",
    refs=("SPIRIT:18", "SPIRIT:16"),
    reads=("/outcomes/*/visits", "/outcomes/*/measured_at", "/schedule"),
)
def no_follow_up(case: Case) -> Iterator[Hit]:
    """A primary outcome is measured at no visit after the start; what is followed between visits is left out."""
    unknown = []
    between = {*case.protocol.schedule.continuous, *case.protocol.schedule.weekly}
    for name, outcome in case.protocol.outcomes.items():
        if outcome.level != "primary" or outcome.kind == "time_to_event" or between & {name, outcome.instrument}:
            continue
        visits = _visits_of(outcome)
        if not visits and not outcome.measured_at.known:
            unknown.append(f"/outcomes/{name}/measured_at")
        elif _last_week(case.protocol, outcome) <= 0:
            values = {"label": outcome.label}
            yield Hit(f"/outcomes/{name}/visits", list(visits), values, (put(f"/outcomes/{name}/visits", ASK),))
    if unknown:
        raise CannotRun(*unknown)


@rule("SCH-03", "question", "gap", refs=("SPIRIT:18", "SAP:15"), reads=("/schedule/visits/*/window_days",))
def windows(case: Case) -> Iterator[Hit]:
    """A visit after the start has no window."""
    for place, visit in enumerate(case.protocol.schedule.visits):
        if visit.week > 0:
            yield from gap(visit.window_days, f"/schedule/visits/{place}/window_days", visit=visit.label)


@rule("SCH-04", "error", "contradiction", refs=("SPIRIT:18", "SAP:15"), reads=("/schedule/visits/*/week", "/schedule/visits/*/window_days"))
def windows_overlap(case: Case) -> Iterator[Hit]:
    """The window of a visit begins before that of the visit before it has ended."""
    if len(case.protocol.schedule.visits) < 2:
        raise NotApplicable("/schedule/visits")
    unknown = []
    for place, (before, after) in enumerate(pairwise(case.protocol.schedule.visits), start=1):
        pointer = f"/schedule/visits/{place}/window_days"
        if before.window_days.value is None or after.window_days.value is None:
            unknown.append(pointer if before.window_days.known else f"/schedule/visits/{place - 1}/window_days")
            continue
        ends = before.week * DAYS_PER_WEEK + before.window_days.value[1]
        begins = after.week * DAYS_PER_WEEK - after.window_days.value[0]
        if begins <= ends:
            values = {"visit": after.label, "before": before.label, "begins": f"{begins:g}", "ends": f"{ends:g}"}
            yield Hit(pointer, after.window_days, values, (put(pointer, ASK),))
    if unknown:
        raise CannotRun(*unknown)


@rule(
    "SCH-05",
    "warning",
    "risk",
    refs=("SPIRIT:18",),
    reads=("/interventions/*/duration_weeks", "/schedule/visits/*/week"),
)
def treated_longer_than_followed(case: Case) -> Iterator[Hit]:
    """An intervention lasts longer than anybody is followed."""
    last, seen = case.protocol.schedule.visits[-1], False
    for name, intervention in case.protocol.interventions.items():
        weeks = intervention.duration_weeks.value
        if weeks is not None:
            seen = True
            if weeks > last.week:
                values = {"label": intervention.label, "last": f"{last.week:g}"}
                yield Hit(f"/interventions/{name}/duration_weeks", weeks, values, (put("/schedule/visits/-", ASK),))
    if not seen:
        raise CannotRun("/interventions")


@rule("SCH-06", "warning", "risk", refs=("SPIRIT:18",), reads=("/schedule/visits/*/window_days", "/outcomes/*/baseline"))
def baseline_after_the_start(case: Case) -> Iterator[Hit]:
    """The window of a baseline visit reaches beyond the day of randomisation."""
    names = {outcome.baseline for outcome in case.protocol.outcomes.values() if outcome.baseline}
    if not names:
        raise NotApplicable("/outcomes")
    for place, visit in enumerate(case.protocol.schedule.visits):
        if visit.id in names:
            pointer = f"/schedule/visits/{place}/window_days"
            before, after = known(visit.window_days, pointer)
            if visit.week * DAYS_PER_WEEK + after > 0:
                values = {"visit": visit.label, "after": after}
                patch = (put(pointer, [before, 0]),) if visit.week == 0 else (put(pointer, ASK),)
                yield Hit(pointer, visit.window_days, values, patch)


@rule(
    "SCH-07",
    "warning",
    "contradiction",
    refs=("SPIRIT:18",),
    reads=("/outcomes/*/visits", "/outcomes/*/measured_at", "/schedule/visits/*/activities"),
)
def not_among_activities(case: Case) -> Iterator[Hit]:
    """An outcome is measured at a visit whose activities leave it out while another visit lists it."""
    visits, seen = case.protocol.schedule.visits, False
    for name, outcome in case.protocol.outcomes.items():
        words = {name, outcome.instrument}
        if not any(words & set(visit.activities) for visit in visits):
            continue
        seen = True
        for place, visit in enumerate(visits):
            if visit.id in _visits_of(outcome) and not words & set(visit.activities):
                pointer = f"/schedule/visits/{place}/activities"
                values = {"label": outcome.label, "visit": visit.label}
                yield Hit(pointer, list(visit.activities), values, (put(f"{pointer}/-", ASK),))
    if not seen:
        raise NotApplicable("/schedule/visits")


@rule(
    "SCH-08",
    "information",
    "note",
    refs=("SPIRIT:18",),
    reads=("/schedule/continuous", "/schedule/weekly", "/export/dictionaries"),
)
def recorded_in_one_arm(case: Case) -> Iterator[Hit]:
    """Something that is recorded between visits exists in some arms only, by the export's dictionary."""
    protocol = case.protocol
    some = {name: file.arms for name, file in protocol.dictionary.files.items() if file.arms and set(file.arms) < set(protocol.arm_ids)}
    found = [
        (f"/schedule/{kind}/{place}", entry, arms)
        for kind in ("continuous", "weekly")
        for place, entry in enumerate(getattr(protocol.schedule, kind))
        for name, arms in some.items()
        if entry.split("_")[0] == name.removesuffix(".csv").split("_")[0]
    ]
    if not (protocol.schedule.continuous or protocol.schedule.weekly):
        raise NotApplicable("/schedule/continuous", "/schedule/weekly")
    if found:
        entries = dict.fromkeys(entry for _, entry, _ in found)
        arms = [protocol.arm(name).label for name in protocol.arm_ids if any(name in each for _, _, each in found)]
        values = {"entries": ", ".join(entries), "arms": _joined(arms)}
        yield Hit(found[0][0], list(entries), values)


@rule(
    "FEA-01",
    "question",
    "gap",
    refs=("SPIRIT:20",),
    reads=(*WINDOW, "/population/recruitment_rate_per_week", "/randomisation/unit"),
)
def expected_rate(case: Case) -> Iterator[Hit]:
    """The dates imply a number to randomise each week, and none is said to be expected; not asked where clusters are randomised."""
    if case.protocol.randomisation.unit.value == "cluster":
        raise NotApplicable("/randomisation/unit")
    window = _window(case.protocol)
    if window.last <= window.first:
        raise NotApplicable(window.ends)
    per_month = window.needed * WEEKS_PER_MONTH
    days = (window.last - window.first).days
    yield from gap(
        case.protocol.population.recruitment_rate_per_week,
        "/population/recruitment_rate_per_week",
        evidence=f"{window.total} participants in {days} days are {window.needed:.2f} per week",
        needed=f"{window.needed:.2f}",
        monthly=f"{per_month:.1f}",
        total=window.total,
        days=days,
        last=window.last.isoformat(),
        centres=_centres(case.protocol),
    )


@rule("FEA-02", "error", "contradiction", refs=("SPIRIT:18", "SPIRIT:20"), reads=WINDOW)
def no_time_to_recruit(case: Case) -> Iterator[Hit]:
    """The follow-up does not fit between start and completion."""
    window = _window(case.protocol)
    if window.last <= window.first:
        values = {"first": window.first.isoformat(), "last": window.last.isoformat(), "weeks": f"{window.weeks:g}"}
        yield Hit(window.ends, _status(case.protocol, window.ends), values, (put(window.ends, ASK),))


@rule(
    "FEA-03",
    "warning",
    "risk",
    refs=("SPIRIT:20",),
    reads=(*WINDOW, "/population/recruitment_rate_per_week", "/randomisation/unit"),
)
def too_slow(case: Case) -> Iterator[Hit]:
    """At the expected rate the total is reached in time with probability below 0.8 (Poisson); not asked where clusters are randomised."""
    if case.protocol.randomisation.unit.value == "cluster":
        raise NotApplicable("/randomisation/unit")
    rate = known(case.protocol.population.recruitment_rate_per_week, "/population/recruitment_rate_per_week")
    window = _window(case.protocol)
    if window.last <= window.first:
        raise NotApplicable(window.ends)
    expected = rate * (window.last - window.first).days / DAYS_PER_WEEK
    probability = reaching(window.total, expected)
    if probability < SAFE_PROBABILITY:
        values = {
            "needed": f"{window.needed:.2f}",
            "expected": f"{expected:.0f}",
            "total": window.total,
            "last": window.last.isoformat(),
            "probability": f"{probability:.2f}",
        }
        evidence = f"Poisson with mean {expected:.1f}: {window.total} or more with probability {probability:.3f}"
        yield Hit("/population/recruitment_rate_per_week", rate, values, (put("/status/completion", ASK),), evidence=evidence)


@rule(
    "FEA-04",
    "error",
    "contradiction",
    refs=("CT:statusModule",),
    reads=(*DATES, "/status/first_submitted", "/status/last_update"),
)
def dates_out_of_order(case: Case) -> Iterator[Hit]:
    """A date of the record lies before another that it must follow."""
    status, seen = case.protocol.status, False
    for earlier, later in IN_ORDER:
        before, after = getattr(status, earlier), getattr(status, later)
        if before.known and after.known:
            seen = True
            if _day(before, f"/status/{earlier}") > _day(after, f"/status/{later}", last=True):
                yield Hit(f"/status/{later}", after, {"earlier": before, "field": earlier}, (put(f"/status/{later}", ASK),))
    if not seen:
        raise CannotRun(*DATES)


def reaching(total: int, mean: float) -> float:
    """Return the exact probability that a Poisson number of a mean is at least a total."""
    from scipy.special import gammainc  # at least n events by now: the n-th has a waiting time of gamma distribution

    if total <= 0 or mean <= 0:
        return 1.0 if total <= 0 else 0.0
    return float(gammainc(total, mean))


def _window(protocol: Protocol) -> Window:
    """Return the time in which participants can be randomised and still be followed."""
    status = protocol.status
    if protocol.population.enrolment_type.value == "ACTUAL":
        raise NotApplicable("/population/enrolment_type")
    if status.overall.value in ENDED:
        raise NotApplicable("/status/overall")
    total = protocol.sample_size.total if not protocol.population.planned_enrolment.known else protocol.population.planned_enrolment
    wanted = known(total, "/population/planned_enrolment")
    first = _day(status.start, "/status/start")
    ends = []
    if status.completion.known:
        ends.append(("/status/completion", status.completion, protocol.schedule.visits[-1].week))
    if status.primary_completion.known:
        ends.append(("/status/primary_completion", status.primary_completion, _primary_week(protocol)))
    if not ends:
        raise CannotRun("/status/completion", "/status/primary_completion")
    try:
        last, pointer, weeks = min((_day(fact, at, last=True) - timedelta(weeks=weeks), at, weeks) for at, fact, weeks in ends)
    except OverflowError:  # a follow-up that leads out of the calendar
        raise CannotRun("/schedule/visits") from None
    return Window(first, last, pointer, weeks, wanted)


def _primary_week(protocol: Protocol) -> float:
    """Return the week at which the primary outcome is analysed; where no plan says it, the last at which it is measured."""
    primary = {name for name, outcome in protocol.outcomes.items() if outcome.level == "primary"}
    analysed = [
        protocol.visit(analysis.visit).week
        for plan in protocol.analysis.plans.values()
        for analysis in plan.analyses
        if analysis.role == "primary" and analysis.outcome in primary
    ]
    return max(analysed or [_last_week(protocol, protocol.outcomes[name]) for name in primary], default=0)


def _visits_of(outcome: Outcome) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*outcome.visits, *(outcome.measured_at.value or ()))))


def _last_week(protocol: Protocol, outcome: Outcome) -> float:
    return max((visit.week for visit in protocol.schedule.visits if visit.id in _visits_of(outcome)), default=0)


def _day(fact: Fact[str], pointer: str, last: bool = False) -> date:
    """Return a date; of a month its first or its last day."""
    match = re.fullmatch(r"(\d{4})-(\d{2})(?:-(\d{2}))?", known(fact, pointer))
    if match is None:
        raise CannotRun(pointer)
    year, month, day = int(match[1]), int(match[2]), match[3]
    try:
        return date(year, month, int(day) if day else (monthrange(year, month)[1] if last else 1))
    except ValueError as error:  # a day or month that no calendar has
        raise CannotRun(pointer) from error


def _status(protocol: Protocol, pointer: str) -> Fact[str]:
    fact: Fact[str] = getattr(protocol.status, pointer.rpartition("/")[2])
    return fact


def _centres(protocol: Protocol) -> Text:
    count = protocol.design.centres.value or len(protocol.sites)
    if not count:
        return Text(en="all centres together", es="todas las sedes juntas")
    return Text(en="one centre", es="una sola sede") if count == 1 else Text(en=f"{count} centres", es=f"{count} sedes")


def _joined(texts: list[Text]) -> Text:
    return Text(en=", ".join(text.en for text in texts), es=", ".join(text.es for text in texts))
