"""Field patterns: which values of a protocol a row of a checklist looks at.

A pattern is a JSON pointer whose steps may also be

- `*`: every entry; `+`: at least one entry is enough; either with a filter, `*[level=primary]`;
- `name?`: skipped without a word where the protocol has no such part (`programme?` of an unscheduled intervention);
- `{each}`: the intervention or the estimand that the list is filled in for; `{each.outcome}`: what that one names.

A pattern that starts with a file name, `simulate/ademp.md#Aims`, is a heading of the simulation plan; `#Aims~seed` needs the
word to stand there too.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel

from odisea.protocol.compose import child
from odisea.protocol.fact import GAPS, Fact, Frozen, Text
from odisea.protocol.labels import FIELDS, SECTIONS
from odisea.protocol.load import Located
from odisea.protocol.model import AnalysisSpec, Protocol

__all__ = ["Leaf", "Thing", "expand", "needs_only_one", "plan_heading", "state_of"]

STEP = re.compile(r"(?P<name>[^?\[]+)(?P<optional>\?)?(\[(?P<field>\w+)=(?P<value>\w+)\])?")
NOTHING = Text(en="", es="")
NAMES: dict[str, Text] = {
    **FIELDS,
    "activities": Text(en="activities", es="actividades"),
    "analyses": Text(en="analyses", es="análisis"),
    "components": Text(en="components", es="componentes"),
    "contrast": Text(en="contrast", es="contraste"),
    "dictionaries": Text(en="data dictionaries", es="diccionarios de datos"),
    "exclusion": Text(en="exclusion criteria", es="criterios de exclusión"),
    "export": NOTHING,
    "inclusion": Text(en="inclusion criteria", es="criterios de inclusión"),
    "kind": Text(en="kind of outcome", es="tipo de desenlace"),
    "label": Text(en="name", es="nombre"),
    "outcome": Text(en="outcome", es="desenlace"),
    "plans": NOTHING,
    "role": Text(en="role", es="función"),
    "text": Text(en="text", es="texto"),
    "title": Text(en="title", es="título"),
    "visit": Text(en="visit", es="visita"),
    "visits": Text(en="visits", es="visitas"),
}
"""What fields are called, those that are no facts included."""


class Thing(NamedTuple):
    """An intervention or an estimand: its place, what it is called, and its content."""

    key: str | int
    id: str
    label: Text
    content: Frozen


@dataclass(frozen=True, slots=True)
class Leaf:
    """A place that a pattern leads to: its pointer, its value (None where nothing is there) and what it is called."""

    pointer: str
    value: Any
    label: Text = NOTHING
    expected: bool = True

    def enter(self, key: object, value: Any) -> "Leaf":
        """Return an entry of this place."""
        name = _name_of(key, value)
        label = Text(en=_joined(self.label.en, name.en), es=_joined(self.label.es, name.es))
        return Leaf(child(self.pointer, key), value, label, not _silent(self.value, key))


def needs_only_one(pattern: str) -> bool:
    """Return whether one known entry of a pattern is enough."""
    return any(step.startswith("+") for step in pattern.split("/"))


def plan_heading(pattern: str) -> tuple[str, str] | None:
    """Return heading and needed word of a pattern of the simulation plan; None for a pattern of the protocol."""
    if pattern.startswith("/"):
        return None
    heading, _, word = pattern.partition("#")[2].partition("~")
    return heading, word


def expand(located: Located[Protocol], pattern: str, each: Thing | None = None) -> Iterator[Leaf]:
    """Give the places of a pattern; where the way ends early, the last place on it with the value None.

    Facts that their part does not expect and that are not written are left out. Without a thing, what it would name leads nowhere.
    """
    if each is None and "{each." in pattern:
        return
    leaves = _walk(Leaf("", located.value), _steps(pattern, each))
    yield from (leaf for leaf in leaves if leaf.expected or state_of(located, leaf) != "absent")


def state_of(located: Located[Protocol], leaf: Leaf) -> str:
    """Return `stated`, `derived`, `proposed`, `not_stated`, `not_in_source`, or `absent` where the file does not have the field.

    An analysis that gives a reason is proposed, as `AnalysisSpec` says.
    """
    value = leaf.value
    if isinstance(value, Fact):
        return value.status if value.status not in GAPS or located.is_written(leaf.pointer) else "absent"
    if value is None or (isinstance(value, tuple | dict | str) and not value):
        return "absent"
    return "proposed" if isinstance(value, AnalysisSpec) and value.reason is not None else "stated"


def _steps(pattern: str, each: Thing | None) -> list[str]:
    return [_filled(step, each) for step in pattern.split("/")[1:]]


def _filled(step: str, each: Thing | None) -> str:
    """Return a step with the checklist's thing put in."""
    if not step.startswith("{each"):
        return step
    if each is None:
        return "*"
    name = step[1:-1].partition(".")[2]
    return str(getattr(each.content, name) if name else each.key)


def _walk(place: Leaf, steps: list[str]) -> Iterator[Leaf]:
    if not steps:
        yield place
        return
    step = STEP.fullmatch(steps[0])
    if step is None:
        raise ValueError(f"{steps[0]} is no step of a field pattern")
    entries = _entries(place.value, step)
    if not entries and not step["optional"]:
        yield _nothing(place, step) if step["name"] in "*+" else place.enter(step["name"], None)
    for key, value in entries:
        yield from _walk(place.enter(key, value), steps[1:])


def _nothing(place: Leaf, step: re.Match[str]) -> Leaf:
    """Return the place of a block or list without the entry that is looked for, saying which one that is."""
    if not step["field"]:
        return Leaf(place.pointer, None, place.label)
    name, value = NAMES[step["field"]], step["value"]
    english, spanish = f"no entry with {name.en} {value}", f"sin entradas con {name.es} {value}"
    return Leaf(place.pointer, None, Text(en=_joined(place.label.en, english), es=_joined(place.label.es, spanish)))


def _entries(value: Any, step: re.Match[str]) -> list[tuple[object, Any]]:
    """Return the entries of a value that a step leads to."""
    found = [(key, inner) for key, inner in _content(value) if step["name"] in "*+" or str(key) == step["name"]]
    if step["optional"]:
        found = [entry for entry in found if entry[1] is not None]
    if step["field"]:
        found = [(key, inner) for key, inner in found if _plain(getattr(inner, step["field"], None)) == step["value"]]
    return found


def _content(value: Any) -> Iterator[tuple[object, Any]]:
    """Give name and content of the entries of a block, a list or a model, by the names that the file uses."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, tuple):
        yield from enumerate(value)
    elif isinstance(value, BaseModel) and not isinstance(value, Fact | Text):
        yield from ((info.alias or name, getattr(value, name)) for name, info in type(value).model_fields.items())


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Fact) else value


def _silent(model: Any, key: object) -> bool:
    """Return whether a field's absence is no gap."""
    return isinstance(model, Frozen) and key in model.not_expected


def _name_of(key: object, value: Any) -> Text:
    """Return what an entry is called: its label, its number or identifier in a list, or what its section or field is called."""
    label = getattr(_plain(value), "label", None)
    if isinstance(label, Text):
        return label
    if isinstance(key, int):
        name = str(getattr(value, "id", key + 1))
        return Text(en=name, es=name)
    first, second = (NAMES, SECTIONS) if isinstance(value, Fact) else (SECTIONS, NAMES)
    return first.get(str(key)) or second.get(str(key)) or Text(en=str(key), es=str(key))


def _joined(before: str, name: str) -> str:
    return ": ".join(part for part in (before, name) if part)
