"""Filled-in checklists as `checklists.json`: codes for programs, texts in both languages for readers."""

from collections.abc import Iterable
from typing import Any

from odisea.protocol.checklists.matrix import Entry, Judged, Matrix
from odisea.protocol.fact import Text

__all__ = ["REMARKS", "WORDS", "as_json"]

REMARKS: dict[str, Text] = {
    "no_field": Text(en="The protocol file has no field for this.", es="El archivo del protocolo no tiene un campo para esto."),
    "no_plan": Text(
        en="There is no plan of a simulation study beside this protocol.",
        es="No hay un plan de estudio de simulación junto a este protocolo.",
    ),
    "proposed": Text(
        en="Part of the answer is proposed here and not stated by the source.",
        es="Parte de la respuesta es una propuesta nuestra que la fuente no indica.",
    ),
    "after_trial": Text(
        en="This can be answered only after the trial has been carried out.",
        es="Esto solo puede responderse cuando el ensayo ya se haya realizado.",
    ),
}
WORDS: dict[str, Text] = {
    "answered": Text(en="answered", es="respondido"),
    "partly": Text(en="partly answered", es="respondido en parte"),
    "open": Text(en="open", es="pendiente"),
    "not_applicable": Text(en="not applicable", es="no aplica"),
    "stated": Text(en="stated", es="indicado"),
    "derived": Text(en="derived", es="deducido"),
    "proposed": Text(en="proposed here", es="propuesta nuestra"),
    "not_stated": Text(en="not stated", es="no indicado"),
    "not_in_source": Text(en="not in our copy of the source", es="no consta en nuestra copia de la fuente"),
    "absent": Text(en="not in the file", es="no está en el archivo"),
    "verified": Text(en="text read", es="texto leído"),
    "second_hand": Text(en="read at second hand", es="leído de segunda mano"),
    "recalled": Text(en="recalled, not re-read", es="citado de memoria"),
}


def as_json(matrices: Iterable[Matrix]) -> list[dict[str, Any]]:
    """Return the content of `checklists.json`.

    Parameters
    ----------
    matrices : iterable of Matrix
        As `odisea.protocol.checklists.matrix` gives them.
    """
    return [_matrix(matrix) for matrix in matrices]


def _matrix(matrix: Matrix) -> dict[str, Any]:
    checklist, thing = matrix.checklist, matrix.thing
    return {
        "checklist": checklist.id,
        "name": _text(checklist.name),
        "citation": checklist.source.citation,
        "standing": checklist.source.standing,
        "items": checklist.items,
        "row_count": checklist.row_count,
        "each": checklist.each,
        "thing": {"id": thing.id, "label": _text(thing.label)} if thing else None,
        "counts": matrix.counts,
        "sections": [{"id": section.id, "name": _text(section.name)} for section in checklist.sections],
        "rows": [_row(matrix, judged) for judged in matrix.rows],
    }


def _row(matrix: Matrix, judged: Judged) -> dict[str, Any]:
    row = judged.row
    return {
        "id": row.id,
        "item": row.item,
        "section": row.section,
        "standing": matrix.checklist.standing_of(row),
        "number_standing": matrix.checklist.number_standing_of(row),
        "topic": _text(row.topic),
        "asks": _text(row.asks),
        "status": judged.status,
        "in_source": judged.in_source,
        "remarks": [{"code": code, **_text(_said(judged, code))} for code in judged.remarks],
        "note": _text(row.note) if row.note else None,
        "answers": [_entry(entry) for entry in judged.answers],
        "gaps": [_entry(entry) for entry in judged.gaps],
    }


def _said(judged: Judged, code: str) -> Text:
    return judged.row.lacks if code == "lacks" and judged.row.lacks else REMARKS[code]


def _entry(entry: Entry) -> dict[str, Any]:
    return {"path": entry.path, "line": entry.line, "status": entry.status, "label": _text(entry.label)}


def _text(text: Text) -> dict[str, str]:
    return {"en": text.en, "es": text.es}
