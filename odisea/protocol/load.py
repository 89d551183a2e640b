"""The loader of every YAML file of the project, and of a protocol with the files that it names."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from odisea.errors import Problem, ProtocolError
from odisea.protocol.compose import LARGEST_FILE, MOST_PROBLEMS, Document, child, compose, read_document
from odisea.protocol.consistency import dictionary_faults, protocol_faults
from odisea.protocol.dictionary import Dictionary, DictionaryFile, merge
from odisea.protocol.fault import Fault, nearest
from odisea.protocol.instrument import Instrument
from odisea.protocol.model import Outcome, Protocol
from odisea.protocol.validate import described, refuse_other_kind, validate
from odisea.protocol.variant import FOLDER, Variant, variant_faults, vary

__all__ = ["Located", "load_located", "load_located_protocol", "load_protocol", "load_yaml", "parse_yaml"]

M = TypeVar("M", bound=BaseModel)
F = TypeVar("F", bound=BaseModel)
NOT_IN_THE_FILE = ("dictionary", "source")
NAMED_FILES = ("/instruments", "/export/dictionaries")
MOST_FILES = 50


@dataclass(frozen=True, slots=True)
class Located(Generic[M]):
    """A loaded model that knows where each of its values was written.

    Parameters
    ----------
    value : model
        What was loaded.
    document : Document
        The file's plain data and places.
    parts : mapping
        Documents of other files by the pointer under which their content stands (`/instruments/odi`).
    """

    value: M
    document: Document
    parts: Mapping[str, Document] = field(default_factory=dict)

    @property
    def files(self) -> tuple[Path, ...]:
        """The file itself, then the files that it names, each once."""
        names = dict.fromkeys([self.document.name, *(part.name for part in self.parts.values())])
        return tuple(Path(name) for name in names)

    def where(self, pointer: str) -> str:
        """Return `file:line:column` of a JSON pointer; of the nearest written parent where it is absent."""
        document, rest = self.origin(pointer)
        return document.where(rest)

    def name_of(self, document: Document) -> str:
        """Return the name of a part's file as seen from the folder of the main file."""
        return Path(os.path.relpath(document.name, Path(self.document.name).parent)).as_posix()

    def is_written(self, pointer: str) -> bool:
        """Return whether a JSON pointer stands in its file."""
        document, rest = self.origin(pointer)
        return rest in document.values

    def origin(self, pointer: str) -> tuple[Document, str]:
        """Return the file that holds a pointer, and the pointer inside it."""
        for prefix, document in self.parts.items():
            if pointer == prefix or pointer.startswith(prefix + "/"):
                return document, pointer[len(prefix) :]
        return self.document, pointer


def load_yaml(path: Path, model: type[M]) -> M:
    """Read a YAML file as a model.

    Parameters
    ----------
    path : Path
        The file.
    model : type
        A pydantic model; a `Declaration` refuses files of another kind.

    Raises
    ------
    ProtocolError
        With every problem found, each with file, line and column.
    """
    return load_located(path, model).value


def load_located(path: Path, model: type[M]) -> Located[M]:
    """Read a YAML file as a model that knows the place of each value; raises as `load_yaml`."""
    document = read_document(path)
    return Located(validate(document, model), document)


def parse_yaml(text: str, model: type[M], name: str = "text") -> Located[M]:
    """Return the model of a YAML text; raises as `load_yaml`."""
    document = compose(text, name)
    return Located(validate(document, model), document)


def load_protocol(path: Path, variant: str | None = None) -> Protocol:
    """Read a protocol with the instruments and dictionaries that it names, relative to its own folder.

    Parameters
    ----------
    path : Path
        The protocol's YAML file.
    variant : str, optional
        Name of a design variant, variants/NAME.yaml beside the protocol, to lay over it (`odisea.protocol.variant`).

    Raises
    ------
    ProtocolError
        With every problem found in any of the files, cross-checks included.
    """
    return load_located_protocol(path, variant).value


def load_located_protocol(path: Path, variant: str | None = None) -> Located[Protocol]:
    """Read a protocol as `load_protocol` does, with the place of each value; its files include the variant's."""
    document = read_document(path)
    located = _assembled(document, path)
    if variant is None:
        return located
    chosen = _load_variant(path.parent / FOLDER, variant, located.value)
    varied = vary(document, located.value, chosen.value, chosen.document)
    return _assembled(varied.document, path, varied.parts)


def _load_variant(folder: Path, name: str, protocol: Protocol) -> Located[Variant]:
    """Return the variant of that name, checked against the protocol as registered."""
    names = _read_names(folder)
    if name not in names:
        allowed = f"variants here: {', '.join(names)}" if names else "no variant stands here"
        near = nearest(name, names)
        raise ProtocolError(
            Problem(str(folder), f"there is no variant {name!r}", allowed, f"Did you mean {near}?" if near else "Check the name", "SYN-15")
        )
    located = load_located(folder / f"{name}.yaml", Variant)
    _raise_faults(located, variant_faults(located.value, name, protocol))
    return located


def _read_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the YAML files of a folder; none where there is no folder."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def _assembled(document: Document, path: Path, additions: Mapping[str, Document] | None = None) -> Located[Protocol]:
    """Return the protocol of a document with the files that it names.

    Parameters
    ----------
    document : Document
        The protocol's file, or what a variant made of it.
    path : Path
        The protocol's file.
    additions : mapping, optional
        Parts of a variant's file by the pointer under which they stand in the document.
    """
    refuse_other_kind(document, Protocol)
    _refuse_too_many_files(document)
    problems = [_not_a_field(document, name) for name in NOT_IN_THE_FILE if name in document.data]
    instruments, faulty = _load_named(document, "/instruments", Instrument, problems)
    dictionaries, _ = _load_named(document, "/export/dictionaries", DictionaryFile, problems)
    protocol = _validated(document, path, instruments, faulty, problems)
    if protocol is None or problems:
        raise ProtocolError(problems[:MOST_PROBLEMS])
    parts = {**_parts(instruments, dictionaries), **(additions or {})}
    _raise_faults(Located(protocol, document, parts), dictionary_faults({pointer: part.value for pointer, part in dictionaries.items()}))
    located = Located(_completed(protocol, dictionaries), document, parts)
    _raise_faults(located, protocol_faults(located.value))
    return located


def _validated(
    document: Document, path: Path, instruments: Mapping[str, Located[Instrument]], faulty: set[str], problems: list[Problem]
) -> Protocol | None:
    """Return the protocol with its instruments and an empty dictionary; note its problems otherwise."""
    own = {name: value for name, value in document.data.items() if name not in (*NOT_IN_THE_FILE, "instruments")}
    given = document.data.get("instruments", {})
    if isinstance(given, dict):
        loaded = {pointer: part.value for pointer, part in instruments.items()}
        pointers = {name: child("/instruments", name) for name in given}
        given = {name: loaded.get(pointers[name], value) for name, value in given.items() if pointers[name] not in faulty}
    try:
        empty = Dictionary(missing_reasons={}, files={})
        return validate(document, Protocol, {**own, "instruments": given, "dictionary": empty, "source": path})
    except ProtocolError as error:
        problems.extend(error.problems)
        return None


def _load_named(document: Document, pointer: str, model: type[F], problems: list[Problem]) -> tuple[dict[str, Located[F]], set[str]]:
    """Return the files named under a pointer, and the pointers of those that could not be loaded (their problems noted)."""
    loaded: dict[str, Located[F]] = {}
    faulty: set[str] = set()
    for place, name in _entries(document.data, pointer):
        try:
            loaded[place] = load_located(_beside(document, place, name), model)
        except ProtocolError as error:
            problems.extend(error.problems)
            faulty.add(place)
    return loaded, faulty


def _entries(data: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    """Give pointer and value of the entries of the block or list at a pointer; nothing where there is none."""
    for key in pointer.split("/")[1:]:
        data = data.get(key) if isinstance(data, dict) else None
    if isinstance(data, dict):
        yield from ((child(pointer, name), value) for name, value in data.items())
    elif isinstance(data, tuple):
        yield from ((child(pointer, place), value) for place, value in enumerate(data))


def _refuse_too_many_files(document: Document) -> None:
    """Raise if the files that a protocol names are too many, or together too large, to be declarations."""
    for pointer in NAMED_FILES:
        names = [name for _, name in islice(_entries(document.data, pointer), MOST_FILES + 1)]
        sizes = [_read_size(Path(document.name).parent / name) for name in names if isinstance(name, str)]
        found = "the files named here are together larger than 1 MiB" if sum(sizes) > LARGEST_FILE else ""
        if len(names) > MOST_FILES:
            found = f"more than {MOST_FILES} files are named here"
        if found:
            raise ProtocolError(Problem(document.where(pointer), found, "declarations are small", "Join or delete some of them", "SYN-03"))


def _read_size(path: Path) -> int:
    """Return the size of a file; 0 where it cannot be read (which is told when it is loaded)."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _beside(document: Document, place: str, name: object) -> Path:
    """Return the path of a file named in a document."""
    where, allowed = document.where(place), "files are named from this file's folder"
    if not isinstance(name, str):
        found = f"{place.lstrip('/').replace('/', '.')} is {described(name)}"
        raise ProtocolError(
            Problem(where, found, "the name of a YAML file is needed", "Write it here", "SYN-10" if name is None else "SYN-13")
        )
    path = Path(document.name).parent / name
    if Path(name).is_absolute():
        raise ProtocolError(Problem(where, f"{name} is an absolute path", allowed, "Shorten it", "SYN-15"))
    try:
        there = path.is_file()
    except OSError:  # the name is longer than a file's name can be
        there = False
    if not there:
        raise ProtocolError(Problem(where, f"the file {name} does not exist", f"looked for {path}", "Check the name", "SYN-15"))
    return path


def _not_a_field(document: Document, name: str) -> Problem:
    return Problem(document.where_key(child("", name)), f"unknown field {name} in the file", "", "Delete it", "SYN-06")


def _completed(protocol: Protocol, dictionaries: Mapping[str, Located[DictionaryFile]]) -> Protocol:
    """Return the protocol with its merged dictionary, and its outcomes with what their instruments say."""
    lists = {"visits": protocol.visit_ids, "outcomes": tuple(protocol.outcomes), "arms": protocol.arm_ids}
    outcomes = {
        name: _with_instrument(outcome, protocol.instruments.get(outcome.instrument or "")) for name, outcome in protocol.outcomes.items()
    }
    dictionary = merge((part.value for part in dictionaries.values()), lists)
    return protocol.model_copy(update={"dictionary": dictionary, "outcomes": outcomes})


def _with_instrument(outcome: Outcome, instrument: Instrument | None) -> Outcome:
    """Return the outcome with unit, range, resolution and direction of its instrument where it says nothing itself."""
    if instrument is None:
        return outcome
    update: dict[str, Any] = {
        "direction": outcome.direction or instrument.direction,
        "unit": outcome.unit or instrument.unit.value,
    }
    for name in ("range", "resolution"):
        own, theirs = getattr(outcome, name), getattr(instrument, name)
        if not own.known and theirs.known:
            update[name] = own.model_copy(update={"value": theirs.value, "status": "derived", "reason": instrument.label})
    return outcome.model_copy(update=update)


def _parts(*groups: Mapping[str, Located[Any]]) -> dict[str, Document]:
    return {pointer: part.document for group in groups for pointer, part in group.items()}


def _raise_faults(located: Located[Any], faults: Iterator[Fault]) -> None:
    """Raise the faults found, each once, with the declared name that was probably meant."""
    problems = {_problem_of(located, fault): None for fault in islice(faults, MOST_PROBLEMS)}
    if problems:
        raise ProtocolError(list(problems))


def _problem_of(located: Located[Any], fault: Fault) -> Problem:
    remedy = f"{fault.remedy}. Did you mean {fault.near}?" if fault.near else fault.remedy
    return Problem(located.where(fault.pointer), fault.found, fault.allowed, remedy, fault.rule)
