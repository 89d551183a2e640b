"""The standards that rules and checklists refer to, each with what we know of its text.

`verified`: read in the primary text or in complete transcriptions of it. `second_hand`: read in others' summaries.
`recalled`: known and not re-read; it is printed as such and never as a quotation.
"""

import re
from typing import Literal, NamedTuple

Standing = Literal["verified", "second_hand", "recalled"]


class Standard(NamedTuple):
    """A standard: its short name in print, its citation, how its text was checked, and the words for one of its parts."""

    name: str
    citation: str
    standing: Standing
    part_en: str = "item"
    part_es: str = "ítem"


STANDARDS: dict[str, Standard] = {
    "SPIRIT": Standard(
        "SPIRIT 2025", "Chan A-W et al. SPIRIT 2025 statement. BMJ 2025;389:e081477, doi 10.1136/bmj-2024-081477", "verified"
    ),
    "CONSORT": Standard("CONSORT 2025", "Hopewell S et al. CONSORT 2025 statement. PLOS Med 2025;22(4):e1004587", "verified"),
    "TIDieR": Standard("TIDieR", "Hoffmann TC et al. BMJ 2014;348:g1687, doi 10.1136/bmj.g1687", "verified"),
    "DELTA2": Standard("DELTA2", "Cook JA et al. BMJ 2018;363:k3750, doi 10.1136/bmj.k3750", "verified"),
    "DELTA2-R": Standard(
        "DELTA2", "Cook JA et al. BMJ 2018;363:k3750, table 1, doi 10.1136/bmj.k3750", "verified", "recommendation", "recomendación"
    ),
    "SPIRIT-Outcomes": Standard(
        "SPIRIT-Outcomes 2022 (numbered as SPIRIT 2013)",
        "Butcher NJ et al. JAMA 2022;328(23):2345-2356, doi 10.1001/jama.2022.21243",
        "second_hand",
    ),
    "E9R1": Standard("ICH E9(R1)", "ICH E9(R1) addendum on estimands, Step 4, 2019", "second_hand", "", ""),
    "E9": Standard("ICH E9", "ICH E9 Statistical principles for clinical trials, 1998", "recalled", "section", "sección"),
    "E6R3": Standard("ICH E6(R3)", "ICH E6(R3) Good clinical practice, January 2025", "verified", "section", "sección"),
    "E20": Standard("ICH E20 (draft)", "ICH E20 Adaptive designs, draft of 25 June 2025", "second_hand", "section", "sección"),
    "M11": Standard("ICH M11", "ICH M11 Clinical electronic structured harmonised protocol", "recalled", "section", "sección"),
    "SAP": Standard("SAP guideline", "Gamble C et al. JAMA 2017;318(23):2337-2343, doi 10.1001/jama.2017.18556", "verified"),
    "ADEMP": Standard("ADEMP", "Morris TP, White IR, Crowther MJ. Stat Med 2019;38:2074-2102, doi 10.1002/sim.8086", "verified", "", ""),
    "CT": Standard("ClinicalTrials.gov", "ClinicalTrials.gov API v2, data structure", "verified", "field", "campo"),
    "USDM": Standard("CDISC USDM v4", "CDISC USDM v4 conformance rules, as shipped with the usdm4 package", "verified", "rule", "regla"),
    "ICMJE": Standard("ICMJE", "International Committee of Medical Journal Editors, trial registration policy", "recalled", "", ""),
    "CONSORT-NPT": Standard("CONSORT-NPT", "CONSORT extension for non-pharmacological treatments, 2017", "recalled", "item", "ítem"),
    "CONSORT-Cluster": Standard("CONSORT cluster", "CONSORT extension for cluster trials, 2012", "recalled", "item", "ítem"),
    "CONSORT-NI": Standard("CONSORT non-inferiority", "CONSORT extension for non-inferiority and equivalence trials, 2012", "recalled"),
    "CONSORT-Harms": Standard("CONSORT Harms", "CONSORT extension for harms, 2022", "recalled"),
    "PRECIS-2": Standard("PRECIS-2", "Loudon K et al. BMJ 2015;350:h2147", "recalled", "domain", "dominio"),
    "COS-LBP": Standard(
        "Core outcome set for low back pain",
        "Chiarotto A et al. core outcome domains for non-specific low back pain, 2015",
        "recalled",
        "",
        "",
    ),
    "RoB2": Standard("RoB 2", "Sterne JAC et al. BMJ 2019;366:l4898", "recalled", "domain", "dominio"),
    "EMA-Covariates": Standard("EMA covariates", "EMA guideline on adjustment for baseline covariates, 2015", "recalled", "", ""),
    "FDA-Covariates": Standard("FDA covariates", "FDA guidance on adjusting for covariates, 2023", "recalled", "", ""),
    "NRC2010": Standard(
        "NRC 2010", "National Research Council, Prevention and treatment of missing data in clinical trials, 2010", "recalled", "", ""
    ),
    "Helsinki": Standard("Declaration of Helsinki", "World Medical Association, Declaration of Helsinki", "recalled", "", ""),
    "LGS": Standard("Ley General de Salud", "Ley General de Salud (Mexico), Título Quinto", "recalled", "article", "artículo"),
    "RLGS": Standard(
        "Reglamento de la LGS en investigación",
        "Reglamento de la Ley General de Salud en Materia de Investigación para la Salud, DOF 6 Jan 1987, last reform 2 Apr 2014",
        "second_hand",
        "article",
        "artículo",
    ),
    "NOM012": Standard("NOM-012-SSA3-2012", "NOM-012-SSA3-2012, DOF 4 Jan 2013", "second_hand", "section", "numeral"),
    "LGPDPPSO": Standard(
        "LGPDPPSO 2025",
        "Ley General de Protección de Datos Personales en Posesión de Sujetos Obligados, DOF 20 Mar 2025",
        "verified",
        "",
        "",
    ),
    "IMSS": Standard("IMSS 2810-003-002", "IMSS, procedimiento 2810-003-002 for research protocols", "second_hand", "annex", "anexo"),
    "IMSS-Guide": Standard(
        "IMSS reviewers' guide", "IMSS guide for reviewers of protocols (a public rendering of it)", "second_hand", "heading", "apartado"
    ),
}
WORDS: dict[Standing, tuple[str, str]] = {
    "verified": ("", ""),
    "second_hand": (" (read at second hand)", " (leído de segunda mano)"),
    "recalled": (" (recalled, not re-read)", " (citado de memoria)"),
}


READ_UP_TO = {"SAP": 13}  # of later rows the content was read at second hand


def split(reference: str) -> tuple[Standard, str]:
    """Return the standard, with the standing of the part referred to, and the item of STANDARD:ITEM (the item may be empty).

    Raises
    ------
    KeyError
        The standard is not in the table.
    """
    name, _, item = reference.partition(":")
    number = re.match(r"[0-9]+", item)
    if name in READ_UP_TO and number and int(number[0]) > READ_UP_TO[name]:
        return STANDARDS[name]._replace(standing="second_hand"), item
    return STANDARDS[name], item


def cite(reference: str, language: str) -> str:
    """Return a reference as readers write it, with a word where its text was not checked."""
    standard, item = split(reference)
    spanish = language == "es"
    part = standard.part_es if spanish else standard.part_en
    return " ".join(word for word in (standard.name, part if item else "", item) if word) + WORDS[standard.standing][spanish]
