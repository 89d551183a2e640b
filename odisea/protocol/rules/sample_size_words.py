"""The contradictions of a sample-size statement in words, and where they show."""

from typing import TYPE_CHECKING, NamedTuple

from odisea.protocol.fact import Text
from odisea.protocol.labels import FIELDS
from odisea.protocol.rules.sample_size_design import AT

if TYPE_CHECKING:
    from odisea.protocol.claims.contradiction import Contradiction

ELSEWHERE = {
    "difference": f"{AT}/target_difference",
    "sd": f"{AT}/standard_deviation",
    "sides": f"{AT}/sidedness",
    "ratio": "/randomisation/ratio",
    "margin": "/design/margin",
}
"""Where the numbers of a claim stand whose names differ from those of the section."""
ARMS = {
    "arms_do_not_add_up": (
        "per_arm",
        "the arms add up to {sum_per_arm}, the total is {total}",
        "los grupos suman {sum_per_arm} y el total es {total}",
    ),
    "number_of_arms_differs": (
        "analysed_per_arm",
        "numbers to analyse are given for {analysed_per_arm} arms, the trial has {n_arms}",
        "se dan números por analizar para {analysed_per_arm} grupos y el ensayo tiene {n_arms}",
    ),
    "analysed_exceed_randomised": (
        "analysed_per_arm",
        "{analysed} are to be analysed, only {randomised} randomised",
        "se analizarían {analysed} y solo se aleatorizan {randomised}",
    ),
    "analysed_exceed_completers": (
        "analysed_per_arm",
        "{analysed} are to be analysed, and after the stated loss about {completers} remain",
        "se analizarían {analysed} y tras la pérdida declarada quedan unos {completers}",
    ),
    "ratio_not_kept": (
        "per_arm",
        "an arm has {stated}, by the allocation ratio it would have {by_ratio}",
        "un grupo tiene {stated} y según la razón de asignación tendría {by_ratio}",
    ),
}
NUMBERS = {
    "power_not_above_alpha": (
        "power",
        "power {power} is not above the significance level {alpha}",
        "la potencia {power} no supera el nivel de significación {alpha}",
    ),
    "difference_of_proportions_differs": (
        "target_difference",
        "the target difference is {stated}, the two proportions differ by {arm_minus_control}",
        "la diferencia objetivo es {stated} y las dos proporciones difieren en {arm_minus_control}",
    ),
    "r_squared_below_correlation": (
        "r_squared",
        "the covariates explain {r_squared} of the variance, the baseline value alone {correlation_squared}",
        "las covariables explican {r_squared} de la varianza y el valor inicial, por sí solo, {correlation_squared}",
    ),
    "r_squared_without_covariates": (
        "n_covariates",
        "no covariate is counted, and covariates explain {r_squared} of the variance",
        "no se cuenta ninguna covariable y se dice que explican {r_squared} de la varianza",
    ),
}
"""By the auditor's code: the field where it shows, and the words in both languages."""

ASKED = {
    "total": Text(en="the total number of participants", es="el número total de participantes"),
    "power": Text(en="the power", es="la potencia"),
    "target_difference": Text(en="the target difference", es="la diferencia objetivo"),
    "outcome": Text(en="the outcome that it is for", es="el desenlace al que se refiere"),
    "standard_deviation": Text(en="the standard deviation", es="la desviación estándar"),
    "control_proportion": Text(en="the proportion expected in the reference arm", es="la proporción esperada en el grupo de referencia"),
    "alpha": Text(en="the significance level", es="el nivel de significación"),
    "sidedness": Text(en="whether the test is one-sided or two-sided", es="si la prueba es unilateral o bilateral"),
    "target_difference_basis": Text(en="what makes it important", es="qué la hace importante"),
    "target_difference_citation": Text(en="the publication that supports it", es="la publicación que la sustenta"),
    "attrition": Text(en="how large it is", es="qué tan grande es"),
    "attrition_definition": Text(en="what counts as lost", es="qué cuenta como pérdida"),
    "inflation": Text(en="how the number of participants allows for it", es="cómo la considera el número de participantes"),
    "clustering": Text(en="how it allows for that", es="cómo lo considera"),
    "icc": Text(en="the intracluster correlation", es="la correlación intraconglomerado"),
}
"""What is asked for, as part of a sentence, by field of the section."""


class Problem(NamedTuple):
    """A contradiction in words, and the field of the section or the pointer where it shows."""

    at: str
    words: Text


def place_of(name: str) -> str:
    """Return the pointer of a number of the claim."""
    return ELSEWHERE.get(name, f"{AT}/{name}")


def problem_of_arms(clash: "Contradiction") -> Problem | None:
    """Return a contradiction about the arms in words, with its field; None for others."""
    numbers = {name: f"{round(number, name == 'by_ratio'):g}" for name, number in clash.numbers.items()}
    if clash.code not in ARMS or (clash.code == "number_of_arms_differs" and "analysed_per_arm" not in numbers):
        return None  # the loader has compared the other lists with the arms
    field, english, spanish = ARMS[clash.code]
    return Problem(field, Text(en=english.format_map(numbers), es=spanish.format_map(numbers)))


def problem_of_numbers(clash: "Contradiction") -> Problem | None:
    """Return an impossible number, or two that exclude each other, in words, with its pointer; None for other contradictions."""
    numbers = {name: f"{number:.4g}" for name, number in clash.numbers.items()}
    if clash.code == "impossible_value":
        return _out_of_range(next(iter(numbers)), *numbers.values())
    if clash.code == "no_effect":
        field = next((place_of(name) for name in ("difference", "standardised_effect") if name in numbers), f"{AT}/arm_proportion")
        return Problem(field, Text(en="there is no difference to detect", es="no hay diferencia que detectar"))
    if clash.code not in NUMBERS:
        return None
    field, english, spanish = NUMBERS[clash.code]
    return Problem(f"{AT}/{field}", Text(en=english.format_map(numbers), es=spanish.format_map(numbers)))


def _out_of_range(name: str, value: str, low: str, high: str) -> Problem:
    pointer = place_of(name)
    label = FIELDS[pointer.rpartition("/")[2]]
    words = Text(en=f"{label.en} {value} lies outside {low} to {high}", es=f"{label.es} {value} queda fuera de {low} a {high}")
    return Problem(pointer, words)
