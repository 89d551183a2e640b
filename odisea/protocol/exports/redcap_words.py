"""Words for codes and units of export files: dictionaries describe columns, but give their codes and units no words for readers."""

from collections.abc import Mapping

from odisea.protocol.fact import Text
from odisea.protocol.model import Protocol

_WORDS = """
true | yes | sí
false | no | no
female | female | mujer
male | male | hombre
intersex | intersex | intersexual
unknown | unknown | se desconoce
low | low | bajo
moderate | moderate | moderado
high | high | alto
smartphone | smartphone | teléfono inteligente
computer | computer | computadora
both | both | ambos
eligible_randomised | eligible and randomised | elegible y aleatorizado
eligible_declined | eligible but declined | elegible, no aceptó
ineligible | not eligible | no elegible
other | other | otro
done | done | realizada
missed | missed | no realizada
partial | partial | parcial
out_of_window | outside the window | fuera de ventana
pending | not due yet | aún no corresponde
stopped_programme | stopped the programme | abandonó el programa
withdrew_consent | withdrew consent | retiró el consentimiento
lost | lost to follow-up | pérdida de seguimiento
moved_clinic | moved to another clinic | cambió de clínica
died | died | falleció
started_other_rehab | started other rehabilitation | inició otra rehabilitación
analgesic_escalation | more or stronger analgesics | más analgésicos o más potentes
completed | completed | completó
paper | paper | papel
digital | digital | digital
manual | by hand | manual
"""
WORDS = {code: Text(en=english, es=spanish) for code, english, spanish in (line.split(" | ") for line in _WORDS.strip().splitlines())}

_UNITS = {
    "years": "años",
    "months": "meses",
    "weeks": "semanas",
    "days": "días",
    "hours": "horas",
    "minutes": "minutos",
    "points": "puntos",
}


def unit_of(unit: str | None, language: str) -> str:
    """Return the word for a unit, empty where there is none; symbols such as cm are the same in both languages."""
    return (_UNITS.get(unit or "") if language == "es" else None) or unit or ""


def words_of(protocol: Protocol, codes: tuple[str, ...]) -> Mapping[str, Text]:
    """Return words for the codes of one column.

    Visits, outcomes, arms and missing reasons have labels of their own in the protocol and its dictionaries; other codes are
    looked up in the list of this module, and a code that stands nowhere is its own word.
    """
    lists: tuple[Mapping[str, Text], ...] = (
        {visit.id: visit.label for visit in protocol.schedule.visits},
        {name: outcome.label for name, outcome in protocol.outcomes.items()},
        {arm.id: arm.label for arm in protocol.arms},
        protocol.dictionary.missing_reasons,
    )
    own = next((labels for labels in lists if set(codes) <= set(labels)), {})
    return {code: own.get(code) or WORDS.get(code) or _itself(code) for code in codes}


def _itself(code: str) -> Text:
    word = code.replace("_", " ")
    return Text(en=word, es=word)
