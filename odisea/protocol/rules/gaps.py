"""Every gap is a question, every proposal is said aloud (GAP, PRP).

These rules walk over the whole protocol and its instruments. Where a rule of another domain speaks of the same gap, the
finding here is left out.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel

from odisea.protocol.compose import child
from odisea.protocol.fact import Fact, Frozen, Text
from odisea.protocol.labels import FIELDS, SECTIONS
from odisea.protocol.load import Located
from odisea.protocol.model import Protocol
from odisea.protocol.plan import AnalysisSpec
from odisea.protocol.rules.mexico import require_imss, require_mexico
from odisea.protocol.rules.population import ADULTS_FROM, OLDER_ADULTS_FROM
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, put, rule
from odisea.protocol.rules.sample_size_design import outcome_of

NOT_FACTS = ("odisea", "trial", "proposals", "dictionary", "source", "export")
ALL = ("/*",)
ASKED_IN_MEXICO: dict[str, Callable[[Case], None]] = {
    "/ethics/ethics_committee": require_imss,
    "/ethics/inter_institutional_review": require_imss,
    "/ethics/risk_basis": require_mexico,
}
ASKED_OF_ADULTS = ("/population/age_rationale", "/population/secondary_gain")
WITHOUT_A_SPREAD = ("binary", "time_to_event", "count")
ASKED_OF_MEANS = tuple(
    f"/sample_size/{name}" for name in ("standard_deviation", "standard_deviation_source", "standardised_effect", "correlation")
)


class Place(NamedTuple):
    """Where the walk stands: pointer, and what the place is called in both languages."""

    pointer: str
    label: Text

    def enter(self, step: object, label: Text | None) -> "Place":
        """Return the place of an entry; without a label it is called as its parent."""
        if label is None:
            return Place(child(self.pointer, step), self.label)
        if not self.label.en:
            return Place(child(self.pointer, step), label)
        return Place(child(self.pointer, step), Text(en=f"{self.label.en}: {label.en}", es=f"{self.label.es}: {label.es}"))


@rule("GAP-01", "question", "gap", reads=ALL)
def not_stated(case: Case) -> Iterator[Hit]:
    """A fact that the source would be expected to give is not_stated or not written."""
    yield from _gaps(case, "not_stated")


@rule("GAP-02", "question", "gap", reads=ALL)
def not_in_source(case: Case) -> Iterator[Hit]:
    """A fact is not_in_source: our copy does not show it."""
    yield from _gaps(case, "not_in_source")


@rule("GAP-03", "question", "gap", reads=ALL)
def no_section(case: Case) -> Iterator[Hit]:
    """A whole section is not written."""
    for place, value in walk(case.located):
        if value is None:
            yield Hit(place.pointer, None, {"label": place.label})


@rule("PRP-01", "information", "note", reads=("/analysis/*", "/instruments/*"))
def proposed_value(case: Case) -> Iterator[Hit]:
    """A value of a plan or an instrument is proposed here."""
    for place, value in walk(case.located):
        if isinstance(value, Fact) and value.status == "proposed":
            yield Hit(place.pointer, value, {"label": place.label, "reason": value.reason})


@rule("PRP-02", "information", "note", reads=("/analysis/plans/*/analyses/*",))
def proposed_analysis(case: Case) -> Iterator[Hit]:
    """An analysis is proposed here."""
    for place, value in walk(case.located):
        if isinstance(value, AnalysisSpec):
            yield Hit(place.pointer, value.id, {"label": place.label, "reason": value.reason})


def _gaps(case: Case, status: str) -> Iterator[Hit]:
    elsewhere = set(_asked_elsewhere(case))
    for place, value in walk(case.located):
        if isinstance(value, Fact) and value.status == status and place.pointer not in elsewhere:
            yield Hit(place.pointer, value, {"label": place.label}, (put(place.pointer, ASK),))


def _asked_elsewhere(case: Case) -> Iterator[str]:
    """Give the pointers of what is no gap of this trial: asked of other countries, ages or kinds of outcome."""
    population, outcome = case.protocol.population, outcome_of(case.protocol)
    for pointer, require in ASKED_IN_MEXICO.items():
        try:
            require(case)
        except NotApplicable:
            yield pointer
        except CannotRun:
            continue
    ages = population.age_years.value
    if ages is not None and (ages.max < ADULTS_FROM or ages.min >= OLDER_ADULTS_FROM):
        yield from ASKED_OF_ADULTS if ages.max < ADULTS_FROM else ("/population/secondary_gain",)
    if case.protocol.sample_size.control_proportion.known or (outcome is not None and outcome.kind in WITHOUT_A_SPREAD):
        yield from ASKED_OF_MEANS


def walk(located: Located[Protocol]) -> Iterator[tuple[Place, Any]]:
    """Give every gap, every proposal, every proposed analysis and every missing section (None) with its place."""
    for name in Protocol.model_fields:
        if name in NOT_FACTS:
            continue
        place = Place("", Text(en="", es="")).enter(name, SECTIONS.get(name))
        if name not in located.document.data:
            yield place, None
        else:
            yield from _inside(located, getattr(located.value, name), place)


def _inside(located: Located[Protocol], value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, Fact):
        if value.status in ("not_stated", "not_in_source", "proposed"):
            yield place, value
    elif isinstance(value, Text):
        return
    elif isinstance(value, BaseModel):
        if isinstance(value, AnalysisSpec) and value.reason is not None:
            yield place, value
        yield from _fields(located, value, place)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _inside(located, item, place.enter(name, _name_of(name, item)))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _inside(located, item, place.enter(index, _name_of("", item)))


def _fields(located: Located[Protocol], model: BaseModel, place: Place) -> Iterator[tuple[Place, Any]]:
    for name, info in type(model).model_fields.items():
        key, value = info.alias or name, getattr(model, name)
        inner = place.enter(key, (FIELDS if isinstance(value, Fact) else SECTIONS).get(key))
        if located.is_written(inner.pointer) or _counts_when_absent(model, name, value):
            yield from _inside(located, value, inner)


def _counts_when_absent(model: BaseModel, name: str, value: Any) -> bool:
    """Return whether a field that is not written is a gap: every fact is, but for those that the model does not expect."""
    return isinstance(value, Fact) and name not in (model.not_expected if isinstance(model, Frozen) else ())


def _name_of(key: str, item: Any) -> Text | None:
    """Return what an entry of a block or list is called: its label, its name, its identifier, or its key."""
    inner = item.value if isinstance(item, Fact) else item
    label = getattr(inner, "label", None) or getattr(inner, "name", None) or getattr(inner, "id", None) or key or None
    return Text(en=label, es=label) if isinstance(label, str) else label
