"""Rules on sample size (SS).

The claim auditor (`odisea.protocol.claims`) recomputes the statement. A rule that holds the statement against its recomputation
runs only where every number is stated and the auditor has formulas for the design.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from odisea.protocol.compose import child
from odisea.protocol.fact import Text
from odisea.protocol.labels import FIELDS
from odisea.protocol.model import Outcome, Protocol
from odisea.protocol.rules.analysis import Placed, percent, plans_of_the_source
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, gap, known, put, rule

if TYPE_CHECKING:
    from odisea.protocol.claims import Audit
    from odisea.protocol.claims.candidate import Candidate
    from odisea.protocol.claims.contradiction import Contradiction

AT = "/sample_size"
ATTRITION = f"{AT}/attrition"
WITH_MARGIN = ("non_inferiority", "equivalence")
NOTHING = Text(en="", es="")
SMALL_LOSS, LARGE_LOSS = 0.1, 0.2
USUAL_EFFECTS = (0.2, 0.8)  # standardised; Cohen's small and large
USUAL_POWER = 0.8
LARGEST_ALPHA = {"one_sided": 0.025, "two_sided": 0.05}
ILLUSTRATED_ICC, ILLUSTRATED_GROUP = 0.02, 10
HALF = 0.5
POWER_CLASHES = ("power_not_reached", "power_not_reached_after_loss", "power_exceeded")
MATCHING = ("exact", "rounded")
MOST_TOLD = 3
ELSEWHERE = {
    "difference": f"{AT}/target_difference",
    "sd": f"{AT}/standard_deviation",
    "sides": f"{AT}/sidedness",
    "ratio": "/randomisation/ratio",
    "margin": "/design/margin",
}
"""Where the numbers of a claim stand whose names differ from those of the section."""
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


@rule(
    "SS-01",
    "question",
    "gap",
    refs=("SPIRIT:19", "CONSORT:16a", "DELTA2:1", "DELTA2:2", "DELTA2:3"),
    reads=tuple(f"{AT}/{name}" for name in ("total", "power", "target_difference", "outcome")),
)
def inputs(case: Case) -> Iterator[Hit]:
    """The total, the power, the target difference or the outcome of the calculation is missing."""
    size = case.protocol.sample_size
    by_proportions = size.control_proportion.known and size.arm_proportion.known
    for name in ("total", "power", *(() if by_proportions else ("target_difference",))):
        yield from gap(getattr(size, name), f"{AT}/{name}", what=FIELDS[name])
    if size.outcome is None:
        what = Text(en="outcome that it is for", es="desenlace al que se refiere")
        yield Hit(f"{AT}/outcome", "not_stated", {"what": what}, (put(f"{AT}/outcome", ASK),))


@rule(
    "SS-02",
    "question",
    "gap",
    refs=("SPIRIT:19", "DELTA2:3", "IMSS-Guide:X B5"),
    reads=(f"{AT}/standard_deviation", f"{AT}/control_proportion", f"{AT}/outcome"),
)
def spread(case: Case) -> Iterator[Hit]:
    """The standard deviation, or for proportions the proportion in the reference arm, is missing."""
    size, outcome = case.protocol.sample_size, _outcome(case.protocol)
    kind = outcome.kind if outcome else None
    if kind == "binary" or size.control_proportion.known or size.arm_proportion.known:
        if not (size.arm_proportion.known and size.target_difference.known):
            yield from gap(size.control_proportion, f"{AT}/control_proportion", what=FIELDS["control_proportion"], implied=NOTHING)
    elif kind in ("time_to_event", "count"):
        raise NotApplicable(f"{AT}/outcome")
    elif not size.standard_deviation.known:
        covers = (f"{AT}/standard_deviation_source",)
        values = {"what": FIELDS["standard_deviation"], "implied": _implied_sd(case)}
        yield from gap(size.standard_deviation, f"{AT}/standard_deviation", covers=covers, evidence=_supposed(case), **values)


@rule("SS-03", "question", "gap", refs=("SPIRIT:19", "DELTA2:2", "E6R3:B.10.3"), reads=(f"{AT}/alpha", f"{AT}/sidedness"))
def level(case: Case) -> Iterator[Hit]:
    """The significance level, or whether the test is one-sided or two-sided, is missing."""
    for name in ("alpha", "sidedness"):
        yield from gap(getattr(case.protocol.sample_size, name), f"{AT}/{name}", what=FIELDS[name])


@rule("SS-04", "question", "gap", refs=("SPIRIT:19", "IMSS-Guide:X B4"), reads=(f"{AT}/test",))
def test_or_formula(case: Case) -> Iterator[Hit]:
    """The test or formula of the calculation is missing."""
    yield from gap(case.protocol.sample_size.test, f"{AT}/test")


@rule(
    "SS-05",
    "question",
    "gap",
    refs=("DELTA2-R", "SPIRIT-Outcomes:14.1", "E6R3:B.10.2"),
    reads=(f"{AT}/target_difference_basis", f"{AT}/target_difference_citation"),
)
def basis(case: Case) -> Iterator[Hit]:
    """What the target difference rests on, or the source for it, is missing; one hit for both."""
    size, important = case.protocol.sample_size, case.protocol.important_difference
    given = size.target_difference_basis.value
    words = Text(en=given.en.rstrip("."), es=given.es.rstrip(".")) if given else Text(en="none", es="ninguno")
    values = {"difference": size.target_difference, "basis": words}
    same = important.outcome == size.outcome and important.value.value == size.target_difference.value
    covers = (f"{AT}/target_difference_citation", *(("/important_difference/citation",) if same else ()))
    if given is None:
        name = "target_difference_basis"
    else:
        name = "target_difference_citation"
    yield from gap(getattr(size, name), f"{AT}/{name}", covers=covers, what=FIELDS[name], **values)


@rule("SS-06", "question", "gap", refs=("DELTA2-R",), reads=(f"{AT}/target_difference_method",))
def method(case: Case) -> Iterator[Hit]:
    """How the target difference was arrived at is missing."""
    size = case.protocol.sample_size
    yield from gap(size.target_difference_method, f"{AT}/target_difference_method", difference=size.target_difference)


@rule(
    "SS-07",
    "warning",
    "risk",
    refs=("DELTA2-R",),
    reads=(f"{AT}/target_difference_method", f"{AT}/target_difference", f"{AT}/standardised_effect"),
)
def distribution_alone(case: Case) -> Iterator[Hit]:
    """The target difference comes from the spread of the data alone, or is given as a standardised effect only."""
    size = case.protocol.sample_size
    if size.standardised_effect.known and not size.target_difference.known and not size.control_proportion.known:
        how = Text(en="given as a standardised effect only", es="expresada solo como efecto estandarizado")
        yield Hit(f"{AT}/standardised_effect", size.standardised_effect, {"how": how}, (put(f"{AT}/target_difference", ASK),))
    elif known(size.target_difference_method, f"{AT}/target_difference_method") == "distribution":
        how = Text(en="set by the spread of the data", es="fijada a partir de la dispersión de los datos")
        pointer = f"{AT}/target_difference_method"
        yield Hit(pointer, size.target_difference_method, {"how": how}, (put(pointer, ASK),))


@rule("SS-08", "question", "gap", refs=("DELTA2-R", "SPIRIT:9a"), reads=(f"{AT}/target_difference_realistic",))
def realistic(case: Case) -> Iterator[Hit]:
    """The evidence that a difference of this size can be expected is missing."""
    size = case.protocol.sample_size
    pointer = f"{AT}/target_difference_realistic"
    if not size.target_difference_realistic.known:
        yield from gap(size.target_difference_realistic, pointer, difference=size.target_difference, half=_half_of_it(case))


@rule(
    "SS-09",
    "question",
    "gap",
    refs=("SPIRIT:19", "SPIRIT:25b", "IMSS-Guide:X B5"),
    reads=(ATTRITION, f"{AT}/attrition_definition", f"{AT}/inflation"),
)
def attrition(case: Case) -> Iterator[Hit]:
    """The expected attrition, its definition, or how it entered the number is missing."""
    size = case.protocol.sample_size
    if not size.attrition.known:
        others = tuple(f"{AT}/{name}" for name in ("attrition_definition", "attrition_difference", "inflation"))
        yield from gap(size.attrition, ATTRITION, covers=others, what=FIELDS["attrition"], loss=size.attrition)
        return
    for name in ("attrition_definition", "inflation"):
        yield from gap(getattr(size, name), f"{AT}/{name}", what=FIELDS[name], loss=percent(size.attrition.value or 0.0))


@rule("SS-10", "question", "gap", refs=("SPIRIT:25b", "RoB2:3"), reads=(ATTRITION, f"{AT}/attrition_difference"))
def attrition_between_arms(case: Case) -> Iterator[Hit]:
    """More than 10 % attrition is expected, and how much it may differ between the arms is missing."""
    size, loss = case.protocol.sample_size, _loss(case)
    if loss <= SMALL_LOSS:
        raise NotApplicable(ATTRITION)
    yield from gap(size.attrition_difference, f"{AT}/attrition_difference", loss=percent(loss))


@rule("SS-11", "error", "contradiction", refs=("SPIRIT:19", "DELTA2:2", "IMSS-Guide:X B4"), reads=(f"{AT}/*", "/randomisation/ratio"))
def recomputed(case: Case) -> Iterator[Hit]:
    """Every input is stated, and no usual formula gives the stated power with the stated number."""
    audit, size = _complete(case), case.protocol.sample_size
    found = _clashes(audit)
    if "power_not_reached" in found:
        bound, reached = Text(en="at most", es="a lo más"), found["power_not_reached"].numbers["highest"]
    elif "power_exceeded" in found:
        _loss(case)
        bound, reached = Text(en="at least", es="al menos"), found["power_exceeded"].numbers["lowest"]
    else:
        return
    values = {"power": size.power, "bound": bound, "reached": _two_digits(reached), "needed": _needed(audit)}
    yield Hit(f"{AT}/total", size.total, values, (put(f"{AT}/total", ASK),))


@rule(
    "SS-12",
    "error",
    "contradiction",
    refs=("SPIRIT:19", "DELTA2:4"),
    reads=(f"{AT}/total", f"{AT}/per_arm", f"{AT}/analysed_per_arm", ATTRITION, "/randomisation/ratio"),
)
def arms(case: Case) -> Iterator[Hit]:
    """The numbers per arm do not go with the total, with the loss, with the number of arms, or (arms' own plans missing) with the ratio."""
    size = case.protocol.sample_size
    known(size.total, f"{AT}/total")
    if not size.per_arm.known and not size.analysed_per_arm.known:
        raise CannotRun(f"{AT}/per_arm")
    planned = all(arm.planned_n.known for arm in case.protocol.arms)
    for clash in case.audit.contradictions:
        if clash.code == "ratio_not_kept" and planned:
            continue  # a rule on design says it
        problem = _problem_of_arms(clash)
        if problem is not None:
            pointer = f"{AT}/{problem.field}"
            yield Hit(pointer, getattr(size, problem.field), {"problem": problem.words}, (put(pointer, ASK),))


@rule("SS-13", "warning", "risk", refs=("SPIRIT:19",), reads=(ATTRITION, f"{AT}/inflation", f"{AT}/total"))
def multiplied(case: Case) -> Iterator[Hit]:
    """The loss is allowed for by multiplication, n (1 + a), which leaves fewer than needed."""
    size, loss = case.protocol.sample_size, _loss(case)
    if "multiply_leaves_too_few" in _clashes(case.audit):
        pointer = f"{AT}/inflation" if size.inflation.known else f"{AT}/total"
        needed = round((size.total.value or 100 * (1 + loss)) / (1 + loss))
        after = round(needed * (1 + loss))
        values = {
            "needed": needed,
            "factor": f"{1 + loss:g}",
            "multiplied": after,
            "left": round(after * (1 - loss)),
            "share": f"{1 - loss:g}",
            "divided": math.ceil(needed / (1 - loss) - 1e-9),
        }
        patch = (put(f"{AT}/inflation", "divide"), put(f"{AT}/total", ASK))
        yield Hit(pointer, size.inflation if size.inflation.known else "n x (1 + loss)", values, patch)
    elif not size.inflation.known and not _reproduced(case.audit):
        raise CannotRun(f"{AT}/inflation")


@rule("SS-14", "warning", "risk", refs=("SPIRIT:27c", "SPIRIT:25b", "NRC2010", "E9R1"), reads=(ATTRITION, f"{AT}/total"))
def large_loss(case: Case) -> Iterator[Hit]:
    """More than 20 % attrition is expected."""
    loss, total = _loss(case), case.protocol.sample_size.total.value
    if loss > LARGE_LOSS:
        left = NOTHING
        if total is not None:
            n = round(total * (1 - loss))
            left = Text(en=f" Of {total} randomised, about {n} would remain.", es=f" De {total} aleatorizados quedarían unos {n}.")
        yield Hit(ATTRITION, case.protocol.sample_size.attrition, {"loss": percent(loss), "left": left}, (put(ATTRITION, ASK),))


@rule(
    "SS-15",
    "error",
    "contradiction",
    refs=("DELTA2:3",),
    reads=(f"{AT}/standardised_effect", f"{AT}/target_difference", f"{AT}/standard_deviation"),
)
def standardised_effect(case: Case) -> Iterator[Hit]:
    """The standardised effect is not the target difference over the standard deviation, beyond the rounding of all three."""
    size, pointer = case.protocol.sample_size, f"{AT}/standardised_effect"
    known(size.standardised_effect, pointer)
    difference = known(size.target_difference, f"{AT}/target_difference")
    sd = known(size.standard_deviation, f"{AT}/standard_deviation")
    if len(case.protocol.arms) > 2 or case.protocol.design.framework.value in WITH_MARGIN:
        raise NotApplicable("/arms", "/design/framework")
    if "standardised_effect_differs" in _clashes(case.audit):
        quotient = round(difference / sd, 2)
        values = {"difference": difference, "sd": sd, "quotient": quotient}
        yield Hit(pointer, size.standardised_effect, values, (put(pointer, quotient),))


@rule(
    "SS-16",
    "warning",
    "risk",
    refs=("DELTA2:3", "DELTA2-R"),
    reads=(f"{AT}/standardised_effect", f"{AT}/target_difference", f"{AT}/standard_deviation", f"{AT}/total", f"{AT}/power"),
)
def unusual_effect(case: Case) -> Iterator[Hit]:
    """The standardised effect, as stated, computed or implied, is above 0.8 or below 0.2."""
    size, outcome = case.protocol.sample_size, _outcome(case.protocol)
    if size.control_proportion.known or (outcome and outcome.kind not in ("continuous", "ordinal")):
        raise NotApplicable(f"{AT}/outcome")
    found = _effect(case)
    if found is None:
        raise CannotRun(f"{AT}/standardised_effect", f"{AT}/standard_deviation")
    low, high = USUAL_EFFECTS
    if not low <= found.value <= high:
        values = {"effect": f"{found.value:.2f}", "how": found.how, "low": low, "high": high}
        yield Hit(f"{AT}/{found.field}", getattr(size, found.field), values, (put(f"{AT}/target_difference", ASK),))


@rule(
    "SS-17",
    "warning",
    "contradiction",
    refs=("IMSS-Guide:X K", "SPIRIT:19", "SPIRIT:27a"),
    reads=(f"{AT}/test", f"{AT}/outcome", "/analysis/plans/*/analyses/*/method", "/analysis/plans/*/covariates"),
)
def another_test(case: Case) -> Iterator[Hit]:
    """The calculation names another test than the one that the primary analysis makes."""
    size = case.protocol.sample_size
    named = known(size.test, f"{AT}/test")
    primary = _primary_analyses(case.protocol)
    if not primary:
        raise NotApplicable("/analysis/plans")
    for each in primary:
        fits = _fits(named, each)
        if fits is None:
            raise CannotRun(f"{AT}/test")  # a name that we do not know
        if not fits:
            yield Hit(f"{AT}/test", size.test, {"analysis": each.spec.label}, (put(f"{AT}/test", ASK),))
            return


@rule(
    "SS-18",
    "question",
    "gap",
    refs=("SPIRIT:19", "E9:3.5"),
    reads=(f"{AT}/correlation", f"{AT}/r_squared", f"{AT}/outcome", "/outcomes/*/baseline", "/analysis/plans/*/covariates"),
)
def correlation(case: Case) -> Iterator[Hit]:
    """The outcome has a baseline value, and its correlation with the later value is missing."""
    size, outcome = case.protocol.sample_size, _outcome(case.protocol)
    if outcome is None:
        raise CannotRun(f"{AT}/outcome")
    if outcome.kind != "continuous" or outcome.baseline is None:
        raise NotApplicable(f"{AT}/outcome")
    if not size.r_squared.known:
        yield from gap(size.correlation, f"{AT}/correlation", label=outcome.label, use=_use_of_baseline(case.protocol))


@rule(
    "SS-19",
    "question",
    "gap",
    refs=("SPIRIT:19", "CONSORT-NPT", "CONSORT-Cluster"),
    reads=(
        f"{AT}/clustering",
        f"{AT}/icc",
        f"{AT}/cluster_size",
        "/randomisation/unit",
        "/interventions/*/format",
        "/interventions/*/programme/live_session_group_size",
    ),
)
def clustering(case: Case) -> Iterator[Hit]:
    """Participants are, or may be, treated or randomised in groups, and the calculation does not say how it allows for that."""
    size, grouping = case.protocol.sample_size, _grouping(case.protocol)
    if grouping is None:
        raise NotApplicable("/randomisation/unit", "/interventions")
    values = {"grouping": grouping.words, "example": _design_effect(case.protocol, grouping.size)}
    if not size.clustering.known:
        yield from gap(size.clustering, f"{AT}/clustering", what=FIELDS["clustering"], **values)
    elif grouping.certain and case.protocol.randomisation.unit.value != "cluster":  # of clusters a rule on design asks
        yield from gap(size.icc, f"{AT}/icc", what=FIELDS["icc"], **values)


@rule(
    "SS-20",
    "question",
    "gap",
    refs=("SPIRIT:19", "SPIRIT-Outcomes:20a.1", "SAP:17"),
    reads=(f"{AT}/multiplicity", "/outcomes/*/level", "/contrasts"),
)
def multiplicity(case: Case) -> Iterator[Hit]:
    """There are several primary outcomes or contrasts, and the calculation does not say how it allows for several tests."""
    outcomes = sum(outcome.level == "primary" for outcome in case.protocol.outcomes.values())
    contrasts = len(case.protocol.contrasts)
    if outcomes * contrasts <= 1:
        raise NotApplicable("/outcomes", "/contrasts")
    yield from gap(case.protocol.sample_size.multiplicity, f"{AT}/multiplicity", outcomes=outcomes, contrasts=contrasts)


@rule("SS-21", "question", "gap", refs=("SPIRIT:19", "E9:3.5"), reads=(f"{AT}/sensitivity",))
def sensitivity(case: Case) -> Iterator[Hit]:
    """How the number or the power changes when the assumptions are wrong is missing."""
    yield from gap(case.protocol.sample_size.sensitivity, f"{AT}/sensitivity")


@rule("SS-22", "question", "gap", refs=("SPIRIT:19", "IMSS-Guide:X B5"), reads=(f"{AT}/standard_deviation_source", f"{AT}/standard_deviation"))
def source_of_the_sd(case: Case) -> Iterator[Hit]:
    """A standard deviation is stated and its source is missing."""
    size = case.protocol.sample_size
    sd = known(size.standard_deviation, f"{AT}/standard_deviation")
    yield from gap(size.standard_deviation_source, f"{AT}/standard_deviation_source", sd=sd)


@rule("SS-23", "warning", "risk", refs=("DELTA2:2", "E9:3.5"), reads=(f"{AT}/power",))
def low_power(case: Case) -> Iterator[Hit]:
    """The stated power is below 0.8."""
    power = known(case.protocol.sample_size.power, f"{AT}/power")
    if power < USUAL_POWER:
        values = {"least": USUAL_POWER, "missed": percent(1 - power)}
        yield Hit(f"{AT}/power", case.protocol.sample_size.power, values, (put(f"{AT}/power", ASK),))


@rule("SS-24", "warning", "risk", refs=("DELTA2:2", "E6R3:B.10.3", "E9:5.5"), reads=(f"{AT}/alpha", f"{AT}/sidedness", "/design/framework"))
def lenient_level(case: Case) -> Iterator[Hit]:
    """The level is above 0.05 two-sided or 0.025 one-sided; of non-inferiority a rule on design speaks."""
    size = case.protocol.sample_size
    if case.protocol.design.framework.value == "non_inferiority":
        raise NotApplicable("/design/framework")
    alpha = known(size.alpha, f"{AT}/alpha")
    if LARGEST_ALPHA["one_sided"] < alpha <= LARGEST_ALPHA["two_sided"]:
        known(size.sidedness, f"{AT}/sidedness")
    sides = size.sidedness.value or "two_sided"
    most = LARGEST_ALPHA[sides]
    if alpha > most:
        words = {"one_sided": Text(en="one-sided", es="unilateral"), "two_sided": Text(en="two-sided", es="bilateral")}
        yield Hit(f"{AT}/alpha", size.alpha, {"most": most, "sides": words[sides]}, (put(f"{AT}/alpha", most),))


@rule("SS-25", "warning", "contradiction", refs=("DELTA2:1", "SPIRIT:19"), reads=(f"{AT}/outcome", "/outcomes/*/level"))
def another_outcome(case: Case) -> Iterator[Hit]:
    """The calculation is for an outcome that is not primary although there is a primary one."""
    name = case.protocol.sample_size.outcome
    if name is None:
        raise CannotRun(f"{AT}/outcome")
    primary = [each for each, outcome in case.protocol.outcomes.items() if outcome.level == "primary"]
    if primary and name not in primary:
        labels = [case.protocol.outcomes[each].label for each in primary]
        values = {
            "label": case.protocol.outcomes[name].label,
            "primary": Text(en=", ".join(each.en for each in labels), es=", ".join(each.es for each in labels)),
        }
        yield Hit(f"{AT}/outcome", name, values, (put(f"{AT}/outcome", primary[0] if len(primary) == 1 else ASK),))


@rule(
    "SS-26",
    "error",
    "contradiction",
    refs=("SPIRIT:19", "SPIRIT:10", "IMSS-Guide:IX"),
    reads=("/hypothesis/difference", "/hypothesis/outcome", f"{AT}/target_difference", f"{AT}/outcome"),
)
def hypothesis(case: Case) -> Iterator[Hit]:
    """The hypothesis expects another difference than the calculation, in the same outcome."""
    size, expected = case.protocol.sample_size, case.protocol.hypothesis
    target = known(size.target_difference, f"{AT}/target_difference")
    difference = known(expected.difference, "/hypothesis/difference")
    _same_outcome(case.protocol, "/hypothesis/outcome", expected.outcome)
    if not math.isclose(abs(target), abs(difference)):
        yield Hit("/hypothesis/difference", expected.difference, {"target": target}, (put("/hypothesis/difference", ASK),))


@rule(
    "SS-27",
    "warning",
    "risk",
    refs=("DELTA2-R", "SPIRIT-Outcomes:14.1"),
    reads=("/important_difference", f"{AT}/target_difference", f"{AT}/outcome"),
)
def below_the_important(case: Case) -> Iterator[Hit]:
    """The target difference is smaller than the difference between arms that is called important."""
    target, important = _target_and_important(case.protocol)
    if abs(target) < abs(important):
        pointer = f"{AT}/target_difference"
        yield Hit(pointer, case.protocol.sample_size.target_difference, {"important": important}, (put(pointer, ASK),))


@rule(
    "SS-28",
    "information",
    "risk",
    refs=("DELTA2-R", "SPIRIT-Outcomes:14.1"),
    reads=("/important_difference", f"{AT}/target_difference", f"{AT}/outcome"),
)
def above_the_important(case: Case) -> Iterator[Hit]:
    """The target difference is larger than the difference between arms that is called important."""
    target, important = _target_and_important(case.protocol)
    if abs(target) > abs(important):
        power = _power_for(case, abs(important))
        words = NOTHING
        if power is not None:
            words = Text(
                en=f" For a true difference of {important:g} the power would be about {_two_digits(power)}.",
                es=f" Para una diferencia real de {important:g} la potencia sería de alrededor de {_two_digits(power)}.",
            )
        pointer = f"{AT}/target_difference"
        values = {"important": important, "power": words}
        yield Hit(pointer, case.protocol.sample_size.target_difference, values, (put(pointer, ASK),))


@rule("SS-29", "warning", "ambiguity", refs=("SPIRIT:19", "IMSS-Guide:X B4"), reads=(f"{AT}/*", "/randomisation/ratio"))
def not_repeatable(case: Case) -> Iterator[Hit]:
    """Every input is stated, the power is about right, and no usual formula and rounding gives the stated number itself."""
    audit, size = _complete(case), case.protocol.sample_size
    _loss(case)
    if _reproduced(audit) or any(code in _clashes(audit) for code in POWER_CLASHES):
        return
    yield Hit(f"{AT}/total", size.total, {"nearest": _needed(audit)}, (put(f"{AT}/test", ASK),), evidence=_nearest_totals(audit))


@rule("SS-30", "error", "contradiction", refs=("SPIRIT:19", "DELTA2:2", "DELTA2:3"), reads=(f"{AT}/*", "/randomisation/ratio"))
def impossible(case: Case) -> Iterator[Hit]:
    """A number of the statement is impossible, or two of them exclude each other whatever the formula."""
    for clash in case.audit.contradictions:
        if clash.code == "no_effect" and case.protocol.design.framework.value in WITH_MARGIN:
            continue
        problem = _problem_of_numbers(clash)
        if problem is not None:
            yield Hit(problem.field, _stated_at(case.protocol, problem.field), {"problem": problem.words}, (put(problem.field, ASK),))


@rule("SS-31", "warning", "risk", refs=("SPIRIT:19", "DELTA2:2"), reads=(f"{AT}/*", "/randomisation/ratio"))
def only_without_loss(case: Case) -> Iterator[Hit]:
    """The stated power is reached only if nobody is lost, although loss is expected."""
    audit, size = _complete(case), case.protocol.sample_size
    loss, found = _loss(case), _clashes(audit)
    if "power_not_reached_after_loss" in found and "multiply_leaves_too_few" not in found:
        power = found["power_not_reached_after_loss"].numbers["after_loss"]
        values = {"loss": percent(loss), "after": _two_digits(power), "total": size.total, "needed": _needed(audit)}
        yield Hit(f"{AT}/power", size.power, values, (put(f"{AT}/total", ASK),))


# ---------------------------------------------------------------- what the statement is about


def _outcome(protocol: Protocol) -> Outcome | None:
    """Return the outcome that the calculation is for: the one that it names, else the only primary one."""
    if protocol.sample_size.outcome is not None:
        return protocol.outcomes[protocol.sample_size.outcome]
    primary = [outcome for outcome in protocol.outcomes.values() if outcome.level == "primary"]
    return primary[0] if len(primary) == 1 else None


def _loss(case: Case) -> float:
    return known(case.protocol.sample_size.attrition, ATTRITION)


def _same_outcome(protocol: Protocol, pointer: str, name: str | None) -> None:
    """Raise where another section is not known to speak of the outcome of the calculation."""
    absent = [each for each, value in ((pointer, name), (f"{AT}/outcome", protocol.sample_size.outcome)) if value is None]
    if absent:
        raise CannotRun(*absent)
    if name != protocol.sample_size.outcome:
        raise NotApplicable(pointer, f"{AT}/outcome")


def _target_and_important(protocol: Protocol) -> tuple[float, float]:
    """Return the target difference and the important difference between arms of the same outcome."""
    important = protocol.important_difference
    target = known(protocol.sample_size.target_difference, f"{AT}/target_difference")
    value = known(important.value, "/important_difference/value")
    _same_outcome(protocol, "/important_difference/outcome", important.outcome)
    if protocol.design.framework.value in WITH_MARGIN:
        raise NotApplicable("/design/framework")
    if known(important.level, "/important_difference/level") != "between_arms":
        raise NotApplicable("/important_difference/level")
    return target, value


class Grouping(NamedTuple):
    """That participants are in groups: in words, how many in each (None: not stated), and whether it is certain."""

    words: Text
    size: float | None
    certain: bool


def _grouping(protocol: Protocol) -> Grouping | None:
    """Return how participants are grouped, None where they are known not to be; CannotRun where nothing says."""
    size = protocol.sample_size
    if protocol.randomisation.unit.value == "cluster":
        return Grouping(Text(en="whole clusters are randomised", es="se aleatorizan conglomerados completos"), size.cluster_size.value, True)
    found = [each for name in _interventions_given(protocol) if (each := _group_of(protocol, name)) is not None]
    if found:
        return max(found, key=lambda each: (each.certain, each.size or 0.0))
    unknown = [] if protocol.randomisation.unit.known else ["/randomisation/unit"]
    unknown += [f"{child('/interventions', name)}/format" for name in _interventions_given(protocol) if _format_unknown(protocol, name)]
    if unknown:
        raise CannotRun(*unknown)
    return None


def _interventions_given(protocol: Protocol) -> tuple[str, ...]:
    return tuple(name for name in protocol.interventions if any(name in arm.interventions for arm in protocol.arms))


def _format_unknown(protocol: Protocol, name: str) -> bool:
    each = protocol.interventions[name]
    size = each.programme.live_session_group_size if each.programme else None
    return not each.format.known and not (size and size.known)


def _group_of(protocol: Protocol, name: str) -> Grouping | None:
    """Return the groups in which an intervention is, or (live sessions of unknown kind) may be given."""
    each = protocol.interventions[name]
    size = each.programme.live_session_group_size.value if each.programme else None
    if (size or 0) > 1 or (size is None and each.format.value in ("group", "individual_and_group")):
        return Grouping(Text(en=f"{each.label.en} is given in groups", es=f"{each.label.es} se imparte en grupo"), size, True)
    if _format_unknown(protocol, name) and each.programme and each.programme.live_sessions_per_week.value:
        words = Text(
            en=f"{each.label.en} has live sessions, and it is not said whether they are given in groups",
            es=f"{each.label.es} incluye sesiones en vivo y no se dice si se imparten en grupo",
        )
        return Grouping(words, None, False)
    return None


def _design_effect(protocol: Protocol, size: float | None) -> Text:
    """Return by how much groups inflate the number: as stated, else by way of illustration."""
    icc = protocol.sample_size.icc.value
    rho, members = ILLUSTRATED_ICC if icc is None else icc, size or ILLUSTRATED_GROUP
    factor = 1 + (members - 1) * rho
    return Text(
        en=f"with groups of {members:g} and an intracluster correlation of {rho:g}, the number needed in groups grows {factor:.2f} times",
        es=f"con grupos de {members:g} y una correlación intraconglomerado de {rho:g}, el número requerido en grupo se multiplica por {factor:.2f}",
    )


def _primary_analyses(protocol: Protocol) -> tuple[Placed, ...]:
    """Return the primary analyses of the source's plans that are of the outcome of the calculation."""
    name = protocol.sample_size.outcome
    return tuple(
        Placed(place, plan, f"{place}/analyses/{index}", spec)
        for place, plan in plans_of_the_source(protocol).items()
        for index, spec in enumerate(plan.analyses)
        if spec.role == "primary" and name in (None, spec.outcome)
    )


def _fits(named: str, analysis: Placed) -> bool | None:
    """Return whether the test that the calculation names is the one of an analysis; None where the name is not known to us."""
    from odisea.protocol.claims.candidate import names_formula  # loads SciPy

    if "logi" in named.lower():
        return analysis.spec.method == "logistic"
    if analysis.spec.method == "logistic":
        return names_formula(named, "proportions_pooled")
    wanted = ("ancova",) if analysis.covariates else ("t", "z", "anova_f")
    answers = [names_formula(named, formula) for formula in wanted]
    return None if None in answers else any(answers)


def _use_of_baseline(protocol: Protocol) -> Text:
    """Return whether a primary analysis uses the baseline value of its outcome, in words."""
    for each in _primary_analyses(protocol):
        covariates = each.plan.covariates.value if each.spec.covariates is None else each.spec.covariates
        if f"{each.spec.outcome}@{protocol.outcomes[each.spec.outcome].baseline}" in (covariates or ()):
            return Text(en="the primary analysis adjusts for it", es="el análisis primario ajusta por él")
    return Text(en="the primary analysis does not use it so far", es="hasta ahora el análisis primario no lo usa")


# ---------------------------------------------------------------- the statement recomputed


def _refuse_other_designs(protocol: Protocol) -> None:
    """Raise NotApplicable for designs that the auditor has no formula for."""
    if protocol.design.framework.value in WITH_MARGIN:
        raise NotApplicable("/design/framework")
    if (protocol.design.model.value or "").upper() == "CROSSOVER" or protocol.design.crossover.value:
        raise NotApplicable("/design/model")
    outcome = _outcome(protocol)
    if outcome is not None and outcome.kind in ("time_to_event", "count"):
        raise NotApplicable(f"{AT}/outcome")


def _has_formulas(protocol: Protocol) -> bool:
    try:
        _refuse_other_designs(protocol)
    except NotApplicable:
        return False
    return True


def _complete(case: Case) -> "Audit":
    """Return the audit of a statement that leaves nothing to suppose; CannotRun where it does."""
    from odisea.protocol.claims.candidate import names_formula  # loads SciPy
    from odisea.protocol.claims.effect import given_effects

    _refuse_other_designs(case.protocol)
    audit, size = case.audit, case.protocol.sample_size
    needed = {"total", "power", "alpha", "sides"}
    if not given_effects(audit.claim):
        needed |= {"difference", "sd", "control_proportion", "arm_proportion"}
    missing = [_place(name) for name in audit.missing if name in needed]
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
        grouping = _grouping(protocol)
    except CannotRun:
        return False
    return grouping is not None and grouping.certain


def _place(name: str) -> str:
    """Return where a number of the claim stands."""
    return ELSEWHERE.get(name, f"{AT}/{name}")


def _stated_at(protocol: Protocol, pointer: str) -> object:
    _, section, name = pointer.split("/")
    return getattr(getattr(protocol, section), name)


def _clashes(audit: "Audit") -> dict[str, "Contradiction"]:
    return {clash.code: clash for clash in audit.contradictions}


def _reproduced(audit: "Audit") -> bool:
    """Return whether a calculation with the stated effect gives the stated number."""
    return any(row.match in MATCHING and not row.supposed for row in audit.candidates)


def _nearest(audit: "Audit") -> "list[Candidate]":
    """Return the calculations with ordinary rounding that fit what is stated, those of the stated test first, then by their gap."""
    from odisea.protocol.claims.candidate import ORDINARY, names_formula  # loads SciPy

    claim = audit.claim
    wanted = claim.inflation or ("divide" if claim.attrition else "none")
    rows = [
        row
        for row in audit.candidates
        if not row.supposed
        and row.gap is not None
        and row.inflation == wanted
        and row.roundings[0] in ORDINARY
        and names_formula(claim.test, row.formula) is not False
        and not (row.clustering == "none" and claim.icc and claim.cluster_size and claim.cluster_size > 1)
    ]
    return sorted(rows, key=lambda row: (row.formula != "ancova", abs(row.gap or 0)))


def _needed(audit: "Audit") -> Text:
    """Return the total that the formula nearest to the stated test gives, in words."""
    rows = _nearest(audit)
    if not rows:
        return Text(en="no usual formula gives a number", es="ninguna fórmula habitual da un número")
    name, total = _formula(rows[0].formula), rows[0].total
    return Text(en=f"{name.en} gives {total}", es=f"{name.es} da {total}")


def _nearest_totals(audit: "Audit") -> str | None:
    totals = {row.formula: row.total for row in sorted(_nearest(audit), key=lambda row: abs(row.gap or 0))}
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


def _effect(case: Case) -> Effect | None:
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


def _implied_sd(case: Case) -> Text:
    """Return the SDs that the stated numbers imply, as a sentence; empty where nothing follows."""
    found = _implied(case, "sd")
    if not found:
        return NOTHING
    usual = case.audit.conventions[0]
    sides = {1: ("one-sided", "unilateral"), 2: ("two-sided", "bilateral")}[usual.sides]
    supposed = (" (supposed where not stated)", " (supuestos donde no se declaran)") if usual.supposed else ("", "")
    ways = [(f"{value:.1f}", [f"{n:.0f}" for n in analysed]) for value, analysed in found]
    return Text(
        en=f" By the t test with a power of {usual.power:g} at a {sides[0]} level of {usual.alpha:g}{supposed[0]}, the stated numbers imply "
        + "; and ".join(f"{value} if {' and '.join(numbers)} are analysed" for value, numbers in ways)
        + ".",
        es=f" Con la prueba t, potencia de {usual.power:g} y nivel {sides[1]} de {usual.alpha:g}{supposed[1]}, los números declarados implican "
        + "; y ".join(f"{value} si se analizan {' y '.join(numbers)}" for value, numbers in ways)
        + ".",
    )


def _supposed(case: Case) -> str | None:
    """Return round SDs under which the t test comes near the stated total, as a sentence."""
    if not _has_formulas(case.protocol):
        return None
    told: dict[tuple[float, str], str] = {}
    for row in case.audit.candidates:
        if row.supposed and row.sd is not None and row.formula == "t":
            rounded = f" (rounding {row.roundings[0].replace('_', ' ')})" if row.match == "rounded" else ""
            told.setdefault((row.sd, row.inflation), f"SD {row.sd:g} and {ALLOWANCES[row.inflation]} give {row.total}{rounded}")
    return f"Round SDs near the stated total, by the t test: {'; '.join(list(told.values())[:MOST_TOLD])}." if told else None


def _power_for(case: Case, difference: float) -> float | None:
    """Return the power for a true difference with the numbers that remain; None where the statement does not allow it."""
    from odisea.closed_form import Adjustment, ancova_power  # loads SciPy
    from odisea.protocol.claims.layout import layout_of
    from odisea.protocol.claims.reading import attempt, bases

    audit = case.audit
    claim, implied = audit.claim, _implied(case, "sd")
    numbers = bases(claim, layout_of(claim))
    sd = claim.sd if claim.sd is not None else implied[0][0] if implied else None
    if sd is None or not numbers or not audit.conventions or claim.icc or "impossible_value" in _clashes(audit):
        return None
    if not _has_formulas(case.protocol) or claim.control_proportion is not None:
        return None
    arms, usual = numbers[0][1], audit.conventions[0]
    r_squared = (claim.correlation or 0.0) ** 2 if claim.r_squared is None else claim.r_squared
    adjustment = Adjustment(r_squared, 1 if r_squared else 0, "mean" if r_squared else "exact")
    return attempt(
        lambda: float(ancova_power(difference, sd, arms[0], usual.alpha, adjustment, n_reference=arms[-1], sides=usual.sides))
    )


def _half_of_it(case: Case) -> Text:
    """Return the power if only half of the target difference is true, as a sentence; empty where nothing follows."""
    target = case.protocol.sample_size.target_difference.value
    power = _power_for(case, HALF * abs(target)) if target else None
    if target is None or power is None:
        return NOTHING
    implied = case.audit.claim.sd is None
    return Text(
        en=f" If the true difference were half of it ({abs(target) / 2:g}), the power would be about {_two_digits(power)}"
        f"{' (with the SD that the stated numbers imply)' if implied else ''}.",
        es=f" Si la diferencia real fuera la mitad ({abs(target) / 2:g}), la potencia sería de alrededor de {_two_digits(power)}"
        f"{' (con la DE que implican los números declarados)' if implied else ''}.",
    )


def _two_digits(power: float) -> str:
    return f"{power:.2f}" if power < 0.995 else "0.99+"


# ---------------------------------------------------------------- contradictions in words


class Problem(NamedTuple):
    """A contradiction in words, and the field or pointer where it shows."""

    field: str
    words: Text


def _problem_of_arms(clash: "Contradiction") -> Problem | None:
    """Return a contradiction about the arms in words; None for others."""
    n = {name: f"{number:g}" for name, number in clash.numbers.items()}
    if clash.code == "arms_do_not_add_up":
        words = Text(
            en=f"the arms add up to {n['sum_per_arm']}, the total is {n['total']}",
            es=f"los grupos suman {n['sum_per_arm']} y el total es {n['total']}",
        )
        return Problem("per_arm", words)
    if clash.code == "number_of_arms_differs" and "analysed_per_arm" in n:
        words = Text(
            en=f"numbers to analyse are given for {n['analysed_per_arm']} arms, the trial has {n['n_arms']}",
            es=f"se dan números por analizar para {n['analysed_per_arm']} grupos y el ensayo tiene {n['n_arms']}",
        )
        return Problem("analysed_per_arm", words)
    if clash.code == "analysed_exceed_randomised":
        words = Text(
            en=f"{n['analysed']} are to be analysed, only {n['randomised']} randomised",
            es=f"se analizarían {n['analysed']} y solo se aleatorizan {n['randomised']}",
        )
        return Problem("analysed_per_arm", words)
    if clash.code == "analysed_exceed_completers":
        words = Text(
            en=f"{n['analysed']} are to be analysed, and after the stated loss about {n['completers']} remain",
            es=f"se analizarían {n['analysed']} y tras la pérdida declarada quedan unos {n['completers']}",
        )
        return Problem("analysed_per_arm", words)
    if clash.code == "ratio_not_kept":
        words = Text(
            en=f"an arm has {n['stated']}, by the allocation ratio it would have {n['by_ratio']}",
            es=f"un grupo tiene {n['stated']} y según la razón de asignación tendría {n['by_ratio']}",
        )
        return Problem("per_arm", words)
    return None


def _problem_of_numbers(clash: "Contradiction") -> Problem | None:
    """Return an impossible number or pair of numbers in words; None for other contradictions."""
    n = {name: f"{number:.4g}" for name, number in clash.numbers.items()}
    if clash.code == "impossible_value":
        name = next(iter(n))
        pointer = _place(name)
        label = FIELDS[pointer.rpartition("/")[2]]
        low, high = n["lowest_possible"], n["highest_possible"]
        words = Text(en=f"{label.en} {n[name]} lies outside {low} to {high}", es=f"{label.es} {n[name]} queda fuera de {low} a {high}")
        return Problem(pointer, words)
    if clash.code == "power_not_above_alpha":
        words = Text(
            en=f"power {n['power']} is not above the significance level {n['alpha']}",
            es=f"la potencia {n['power']} no supera el nivel de significación {n['alpha']}",
        )
        return Problem(f"{AT}/power", words)
    if clash.code == "difference_of_proportions_differs":
        words = Text(
            en=f"target difference {n['stated']}, while the two proportions differ by {n['arm_minus_control']}",
            es=f"la diferencia objetivo es {n['stated']} y las dos proporciones difieren en {n['arm_minus_control']}",
        )
        return Problem(f"{AT}/target_difference", words)
    if clash.code == "r_squared_below_correlation":
        words = Text(
            en=f"the covariates explain {n['r_squared']} of the variance, and the baseline value alone {n['correlation_squared']}",
            es=f"las covariables explican {n['r_squared']} de la varianza y el valor inicial, por sí solo, {n['correlation_squared']}",
        )
        return Problem(f"{AT}/r_squared", words)
    if clash.code == "r_squared_without_covariates":
        words = Text(
            en=f"no covariate is counted, and covariates explain {n['r_squared']} of the variance",
            es=f"no se cuenta ninguna covariable y se dice que explican {n['r_squared']} de la varianza",
        )
        return Problem(f"{AT}/n_covariates", words)
    if clash.code == "no_effect":
        words = Text(en="there is no difference to detect", es="no hay diferencia que detectar")
        name = "target_difference" if "difference" in n else "standardised_effect" if "standardised_effect" in n else "arm_proportion"
        return Problem(f"{AT}/{name}", words)
    return None
