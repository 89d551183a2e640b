"""What the rules on sample size take from the claim auditor: the statement recomputed, where it is complete or implies something."""

from typing import TYPE_CHECKING, NamedTuple

from odisea.protocol.fact import Text
from odisea.protocol.model import Protocol
from odisea.protocol.rules.rule import CannotRun, Case, NotApplicable
from odisea.protocol.rules.sample_size_design import AT, WITH_MARGIN, grouping_of, outcome_of
from odisea.protocol.rules.sample_size_words import place_of, problem_of_numbers

if TYPE_CHECKING:
    from odisea.protocol.claims import Audit
    from odisea.protocol.claims.candidate import Candidate
    from odisea.protocol.claims.contradiction import Contradiction

NOTHING = Text(en="", es="")
HALF = 0.5
MATCHING = ("exact", "rounded")
MOST_TOLD = 3
FORMULAS = {
    "t": Text(en="the t test", es="la prueba t"),
    "z": Text(en="the normal approximation", es="la aproximación normal"),
    "ancova": Text(en="analysis of covariance", es="el análisis de covarianza"),
    "t_times": Text(en="the t test times 1 - r2", es="la prueba t por 1 - r2"),
    "z_times": Text(en="the normal approximation times 1 - r2", es="la aproximación normal por 1 - r2"),
    "bonett": Text(en="Bonett's formula for covariance", es="la fórmula de Bonett para covarianza"),
    "change_t": Text(en="the t test of changes", es="la prueba t de los cambios"),
    "anova_f": Text(en="analysis of variance", es="el análisis de varianza"),
    "proportions": Text(en="the comparison of two proportions", es="la comparación de dos proporciones"),
}
"""The auditor's formulas by the beginning of their name; the longest that fits counts."""
ALLOWANCES = {"divide": "n / (1 - loss)", "multiply": "n x (1 + loss)", "none": "no allowance for loss"}


def _refuse_other_designs(protocol: Protocol) -> None:
    """Raise NotApplicable for designs that the auditor has no formula for."""
    if protocol.design.framework.value in WITH_MARGIN:
        raise NotApplicable("/design/framework")
    if (protocol.design.model.value or "").upper() == "CROSSOVER" or protocol.design.crossover.value:
        raise NotApplicable("/design/model")
    outcome = outcome_of(protocol)
    if outcome is not None and outcome.kind in ("time_to_event", "count"):
        raise NotApplicable(f"{AT}/outcome")


def _has_formulas(protocol: Protocol) -> bool:
    try:
        _refuse_other_designs(protocol)
    except NotApplicable:
        return False
    return True


def complete_audit(case: Case) -> "Audit":
    """Return the audit of a statement that leaves nothing to suppose and holds nothing impossible; else CannotRun."""
    from odisea.protocol.claims.candidate import names_formula  # loads SciPy
    from odisea.protocol.claims.effect import given_effects

    _refuse_other_designs(case.protocol)
    audit, size = case.audit, case.protocol.sample_size
    wrong = [problem.at for clash in audit.contradictions if (problem := problem_of_numbers(clash)) is not None]
    if wrong:
        raise CannotRun(*wrong)
    needed = {"total", "power", "alpha", "sides"}
    if not given_effects(audit.claim):
        needed |= {"difference", "sd", "control_proportion", "arm_proportion"}
    missing = [place_of(name) for name in audit.missing if name in needed]
    if "ratio" in audit.supposed_design:
        missing.append("/randomisation/ratio")
    by_means = audit.claim.control_proportion is None
    if by_means and not size.correlation.known and not size.r_squared.known and names_formula(size.test.value, "ancova") is not False:
        missing.append(f"{AT}/correlation")  # an analysis of covariance would need fewer
    if _in_groups(case.protocol):
        missing += [f"{AT}/{name}" for name in ("icc", "cluster_size") if not getattr(size, name).known]
    if missing:
        raise CannotRun(*missing)
    return audit


def _in_groups(protocol: Protocol) -> bool:
    try:
        grouping = grouping_of(protocol)
    except CannotRun:
        return False
    return grouping is not None and grouping.certain


def clashes(audit: "Audit") -> dict[str, "Contradiction"]:
    """Return the contradictions of an audit by their code; of several with one code the last."""
    return {clash.code: clash for clash in audit.contradictions}


def is_reproduced(case: Case) -> bool:
    """Return whether a calculation with the stated effect, clusters and allowance for loss gives the stated number."""
    stated = case.audit.claim.inflation
    return any(
        row.match in MATCHING
        and not row.supposed
        and not _ignores_clusters(case, row)
        and row.inflation in (stated or row.inflation, "none")
        for row in case.audit.candidates
    )


def _ignores_clusters(case: Case, row: "Candidate") -> bool:
    """Return whether a calculation leaves out the stated clusters, or takes them as those of one arm though all arms have them."""
    claim = case.audit.claim
    if not claim.icc or (claim.cluster_size or 1) <= 1:
        return False
    return row.clustering == "none" or (row.clustering == "one_arm" and case.protocol.randomisation.unit.value == "cluster")


def _nearest(case: Case) -> "list[Candidate]":
    """Return the calculations with ordinary rounding that fit what is stated, those of the stated test first, then by their gap."""
    from odisea.protocol.claims.candidate import ORDINARY, names_formula  # loads SciPy

    claim = case.audit.claim
    wanted = claim.inflation or ("divide" if claim.attrition else "none")
    rows = [
        row
        for row in case.audit.candidates
        if not row.supposed
        and row.gap is not None
        and row.inflation == wanted
        and row.roundings[0] in ORDINARY
        and names_formula(claim.test, row.formula) is not False
        and not _ignores_clusters(case, row)
    ]
    return sorted(rows, key=lambda row: (row.formula != "ancova", abs(row.gap or 0)))


def needed_total(case: Case) -> Text:
    """Return the total that the formula nearest to the stated test gives, in words."""
    rows = _nearest(case)
    if not rows:
        return Text(en="no usual formula gives a number", es="ninguna fórmula habitual da un número")
    name, total = _formula(rows[0].formula), rows[0].total
    return Text(en=f"{name.en} gives {total}", es=f"{name.es} da {total}")


def nearest_totals(case: Case) -> str | None:
    """Return the nearest totals that usual formulas give, as a sentence; None where there are none."""
    totals = {row.formula: row.total for row in sorted(_nearest(case), key=lambda row: abs(row.gap or 0))}
    told = "; ".join(f"{_formula(name).en} {total}" for name, total in list(totals.items())[:MOST_TOLD])
    return f"Nearest totals: {told}." if told else None


def _formula(name: str) -> Text:
    """Return what a formula of the auditor is called."""
    return FORMULAS[max((each for each in FORMULAS if name.startswith(each)), key=len)]


class Effect(NamedTuple):
    """A standardised effect, the field that it hangs on, and how it came about in words."""

    value: float
    field: str
    how: Text


def effect_of(case: Case) -> Effect | None:
    """Return the standardised effect: of two arms as stated, else difference over SD, else as the stated numbers imply it."""
    size = case.protocol.sample_size
    d, difference, sd = (fact.value for fact in (size.standardised_effect, size.target_difference, size.standard_deviation))
    if case.protocol.design.framework.value in WITH_MARGIN:
        raise NotApplicable("/design/framework")
    if d is not None and len(case.protocol.arms) == 2:
        return Effect(abs(d), "standardised_effect", Text(en="stated", es="declarado"))
    if difference is not None and sd is not None and sd > 0:
        return Effect(abs(difference) / sd, "target_difference", Text(en="difference over SD", es="diferencia entre DE"))
    found = _implied(case, "standardised_effect")
    if not found or difference is None:
        return None
    how = Text(en="implied by the stated numbers", es="el que implican los números declarados")
    return Effect(found[0][0], "target_difference", how)


def _implied(case: Case, quantity: str) -> list[tuple[float, tuple[float, ...]]]:
    """Return what the t test under the usual convention implies, with the numbers analysed; what remains after the loss first."""
    if not _has_formulas(case.protocol):
        return []
    return [
        (row.value, row.analysed)
        for row in case.audit.solved
        if (row.quantity, row.formula, row.convention, row.clustering) == (quantity, "t", 0, "none")
        and row.structure in ("two_arms", "pairwise")
    ]


def implied_sds(case: Case) -> Text:
    """Return the SDs that the stated numbers imply, as a sentence; empty where nothing follows."""
    found = _implied(case, "sd")
    if not found:
        return NOTHING
    usual = case.audit.conventions[0]
    one, two = ("one-sided", "unilateral"), ("two-sided", "bilateral")
    sides = one if usual.sides == 1 else two
    supposed = (" (supposed where not stated)", " (supuestos donde no se declaran)") if usual.supposed else ("", "")
    ways = [(f"{value:.1f}", [f"{n:.0f}" for n in analysed]) for value, analysed in found]
    english = "; and ".join(f"{value} if {' and '.join(numbers)} are analysed" for value, numbers in ways)
    spanish = "; y ".join(f"{value} si se analizan {' y '.join(numbers)}" for value, numbers in ways)
    return Text(
        en=f" By the t test with a power of {usual.power:g} at a {sides[0]} level of {usual.alpha:g}{supposed[0]},"
        f" the stated numbers imply {english}.",
        es=f" Con la prueba t, potencia de {usual.power:g} y nivel {sides[1]} de {usual.alpha:g}{supposed[1]},"
        f" los números declarados implican {spanish}.",
    )


def round_sds(case: Case) -> str | None:
    """Return round SDs under which the t test comes near the stated total, as a sentence."""
    if not _has_formulas(case.protocol):
        return None
    told: dict[tuple[float, str], str] = {}
    for row in case.audit.candidates:
        if row.supposed and row.sd is not None and row.formula == "t":
            rounded = f" (rounding {row.roundings[0].replace('_', ' ')})" if row.match == "rounded" else ""
            told.setdefault((row.sd, row.inflation), f"SD {row.sd:g} and {ALLOWANCES[row.inflation]} give {row.total}{rounded}")
    return f"Round SDs near the stated total, by the t test: {'; '.join(list(told.values())[:MOST_TOLD])}." if told else None


def power_for(case: Case, difference: float) -> float | None:
    """Return the power for a true difference with the numbers that remain; None where the statement does not allow it."""
    from odisea.closed_form import Adjustment, ancova_power  # loads SciPy
    from odisea.protocol.claims.layout import layout_of
    from odisea.protocol.claims.reading import attempt, bases

    audit = case.audit
    claim = audit.claim
    if not _has_formulas(case.protocol) or claim.control_proportion is not None or claim.icc or "impossible_value" in clashes(audit):
        return None
    implied, numbers = _implied(case, "sd"), bases(claim, layout_of(claim))
    sd = claim.sd if claim.sd is not None else implied[0][0] if implied else None
    if sd is None or not numbers or not audit.conventions:
        return None
    arms, usual = numbers[0][1], audit.conventions[0]
    r_squared = (claim.correlation or 0.0) ** 2 if claim.r_squared is None else claim.r_squared
    adjustment = Adjustment(r_squared, 1 if r_squared else 0, "mean" if r_squared else "exact")
    return attempt(lambda: float(ancova_power(difference, sd, arms[0], usual.alpha, adjustment, n_reference=arms[-1], sides=usual.sides)))


def half_of_it(case: Case) -> Text:
    """Return the power if only half of the target difference is true, as a sentence; empty where nothing follows."""
    target = case.protocol.sample_size.target_difference.value
    power = power_for(case, HALF * abs(target)) if target else None
    if target is None or power is None:
        return NOTHING
    implied = case.audit.claim.sd is None
    return Text(
        en=f" If the true difference were half of it ({abs(target) / 2:g}), the power would be about {two_digits(power)}"
        f"{' (with the SD that the stated numbers imply)' if implied else ''}.",
        es=f" Si la diferencia real fuera la mitad ({abs(target) / 2:g}), la potencia sería de alrededor de {two_digits(power)}"
        f"{' (con la DE que implican los números declarados)' if implied else ''}.",
    )


def two_digits(power: float) -> str:
    """Return a power as a reader writes it."""
    return f"{power:.2f}" if power < 0.995 else f"{min(power, 0.999):.3f}"
