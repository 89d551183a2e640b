"""A protocol's export contract as a REDCap data dictionary: the eCRF has the fields that the analysis reads, by construction.

The dictionary has REDCap's 18 columns in its order. Where columns stand (forms, record, events, names) is decided in
`odisea.protocol.exports.redcap_layout`; the annotation of every field names its file and column, so that the dictionary alone
leads back to the contract. Choices keep the contract's codes: an export of raw data needs no recoding but for its structure.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from odisea.errors import Problem, ProtocolError
from odisea.protocol.dictionary import ColumnSpec
from odisea.protocol.exports.redcap_layout import (
    PARTICIPANT,
    RECORD,
    Field,
    Form,
    Layout,
    items_of,
    redcap_layout,
    redcap_sources,
    typed_outcomes,
)
from odisea.protocol.exports.redcap_words import unit_of, words_of
from odisea.protocol.fact import Text
from odisea.protocol.model import Protocol

__all__ = ["HEADER", "redcap_layout", "redcap_rows", "redcap_setup_text", "redcap_sources", "redcap_text"]

HEADER = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)
NAME, FORM, SECTION, TYPE, LABEL, CHOICES, NOTE, VALIDATION, LOW, HIGH, IDENTIFIER, BRANCHING, REQUIRED, *_, ANNOTATION = HEADER
VALIDATIONS = {"int": "integer", "num": "number", "date": "date_ymd", "datetime": "datetime_seconds_ymd"}
MANY = 7  # choices beyond which a list that drops down is easier to read
RECORD_LABEL = Text(en="Participant's pseudonym, as the contract's participant_id", es="Seudónimo del participante (participant_id)")
SETUP_HEADER = ("form", "file", "record", "events", "repeating", "arms", "description")


def redcap_rows(protocol: Protocol, language: str = "es") -> tuple[dict[str, str], ...]:
    """Return the rows of the data dictionary: the record's field first, then one row for each typed column of the contract.

    Parameters
    ----------
    protocol : Protocol
        Any protocol that the loader accepts.
    language : str
        Of labels and notes: `es` or `en`.

    Returns
    -------
    tuple of dict
        Each from the 18 names of `HEADER` to a text.

    Raises
    ------
    ProtocolError
        The language is another one.
    """
    _check_language(language)
    layout = redcap_layout(protocol)
    rows = [_record_row(layout, protocol, language)]
    described: set[str] = {rows[0][FORM]} if rows[0][SECTION] else set()
    for field in layout.fields:
        row = _row(protocol, layout, field, language)
        rows.append(row if field.form in described else {**row, SECTION: _description(protocol, field.file, language)})
        described.add(field.form)
    return tuple(rows)


def redcap_text(protocol: Protocol, language: str = "es") -> str:
    """Return the data dictionary as the CSV text that REDCap takes (UTF-8, comma)."""
    return _csv(HEADER, ([row[name] for name in HEADER] for row in redcap_rows(protocol, language)))


def redcap_setup_text(protocol: Protocol, language: str = "es") -> str:
    """Return a CSV table of what a data dictionary cannot say: which form belongs to which events, and which ones repeat.

    Columns: `form`, `file`, `record` (`participant`, or `log` for a list of the site that has a record of its own), `events`
    (names of the events, separated by spaces), `repeating` (yes or no), `arms` (empty for all), `description`.
    """
    _check_language(language)
    return _csv(SETUP_HEADER, (_setup_row(protocol, form, language) for form in redcap_layout(protocol).forms))


def _setup_row(protocol: Protocol, form: Form, language: str) -> list[str]:
    return [
        form.name,
        form.file,
        "participant" if form.of_participant else "log",
        " ".join(form.events),
        "yes" if form.repeating or not form.of_participant else "no",
        " ".join(form.arms or ()),
        _description(protocol, form.file, language),
    ]


def _check_language(language: str) -> None:
    if language not in ("es", "en"):
        raise ProtocolError(Problem("--lang", f"the language is {language}", "one of es, en"))


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _description(protocol: Protocol, file: str, language: str) -> str:
    return protocol.dictionary.files[file].description.in_language(language)


def _record_row(layout: Layout, protocol: Protocol, language: str) -> dict[str, str]:
    """Return the row of the record's own field, on the first form; the pseudonym is the only thing that points at a person."""
    first = layout.forms[0] if layout.forms else Form("participants", "", True, (), False, None)
    spec = protocol.dictionary.files[first.file].columns.get(PARTICIPANT) if first.file else None
    return {
        **dict.fromkeys(HEADER, ""),
        NAME: RECORD,
        FORM: first.name,
        SECTION: _description(protocol, first.file, language) if first.file else "",
        TYPE: "text",
        LABEL: (spec.description if spec else RECORD_LABEL).in_language(language),
        IDENTIFIER: "y",
        ANNOTATION: " ".join(f"{file}:{column}" for file, column in layout.record),
    }


def _row(protocol: Protocol, layout: Layout, field: Field, language: str) -> dict[str, str]:
    file = protocol.dictionary.files[field.file]
    spec = file.columns[field.column]
    shown_if, is_reason = _shown_if(protocol, layout, field)
    return {
        **dict.fromkeys(HEADER, ""),
        NAME: field.name,
        FORM: field.form,
        LABEL: spec.description.in_language(language),
        **_kind(protocol, field, spec, language),
        NOTE: unit_of(spec.unit, language) or _ranges(protocol, field, spec, language),
        # Only free text can hold what somebody should not have written; every other cell is a code, a number or a date.
        IDENTIFIER: "y" if spec.type == "text" and spec.pattern is None else "",
        BRANCHING: shown_if,
        REQUIRED: "y" if spec.filled or field.column in file.key or is_reason else "",
        ANNOTATION: f"{field.file}:{field.column}",
    }


def _shown_if(protocol: Protocol, layout: Layout, field: Field) -> tuple[str, bool]:
    """Return the logic of a column of missing reasons: it is asked, and must be answered, exactly where its value is empty."""
    columns = protocol.dictionary.files[field.file].columns
    names = {(each.file, each.column): each.name for each in layout.fields}
    explained = [names[field.file, name] for name, spec in columns.items() if spec.missing_reason_column == field.column]
    return " or ".join(f'[{name}] = ""' for name in explained), bool(explained)


def _kind(protocol: Protocol, field: Field, spec: ColumnSpec, language: str) -> dict[str, str]:
    """Return field type, choices and validation of a column."""
    item = items_of(protocol).get((field.file, field.column))
    if item is not None:
        return {TYPE: "radio", CHOICES: _choices({str(code): str(code) for code in range(item[0], item[1] + 1)})}
    codes = _codes(protocol, spec)
    if codes:
        words = words_of(protocol, codes)
        choices = _choices({code: words[code].in_language(language) for code in codes})
        return {TYPE: "dropdown" if len(codes) > MANY else "radio", CHOICES: choices}
    low, high = spec.range or (None, None)
    return {TYPE: "text", VALIDATION: VALIDATIONS.get(spec.type, ""), LOW: _number(low), HIGH: _number(high)}


def _ranges(protocol: Protocol, field: Field, spec: ColumnSpec, language: str) -> str:
    """Return, beside a number whose meaning depends on the outcome of its row, the range of every outcome that is typed."""
    columns = protocol.dictionary.files[field.file].columns.values()
    named = [code for each in columns if each.codes == tuple(protocol.outcomes) for code in typed_outcomes(protocol, each)]
    if spec.type != "num" or spec.range:
        return ""
    return "; ".join(text for name in named if (text := _range_of(protocol, name, language)))


def _range_of(protocol: Protocol, name: str, language: str) -> str:
    """Return an outcome's label, range and unit; empty where the range is a gap."""
    outcome, instrument = protocol.outcomes[name], protocol.instrument_of(name)
    limits = outcome.range.value or (instrument.range.value if instrument else None)
    if limits is None:
        return ""
    unit = unit_of(outcome.unit or (instrument.unit.value if instrument else None), language)
    return f"{outcome.label.in_language(language)}: {_number(limits[0])}-{_number(limits[1])} {unit}".rstrip()


def _codes(protocol: Protocol, spec: ColumnSpec) -> tuple[str, ...]:
    if spec.type == "bool":
        return ("true", "false")
    if spec.codes == tuple(protocol.outcomes):
        return typed_outcomes(protocol, spec)
    return spec.codes or ()


def _choices(words: dict[str, str]) -> str:
    """Return choices as REDCap writes them; a bar in a label would end it."""
    return " | ".join(f"{code}, {word.replace('|', '/')}" for code, word in words.items())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"
