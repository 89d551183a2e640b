"""Rules on sample size (SS).

The claim auditor (`odisea.protocol.claims`) recomputes the statement. A rule that holds the statement against its recomputation
runs only where every number is stated and the auditor has formulas for the design.
"""

import math
from collections.abc import Iterator

from odisea.protocol.fact import Text
from odisea.protocol.rules.analysis import percent
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, gap, known, put, rule
from odisea.protocol.rules.sample_size_audit import (
    NOTHING,
    clashes,
    complete_audit,
    effect_of,
    half_of_it,
    implied_sds,
    is_reproduced,
    nearest_totals,
    needed_total,
    power_for,
    round_sds,
    two_digits,
)
from odisea.protocol.rules.sample_size_design import (
    AT,
    ATTRITION,
    WITH_MARGIN,
    design_effect,
    expected_loss,
    grouping_of,
    is_test_of,
    of_target,
    outcome_of,
    primary_analyses,
    require_same_outcome,
    target_and_important,
    use_of_baseline,
)
from odisea.protocol.rules.sample_size_words import ASKED, problem_of_arms, problem_of_numbers

SMALL_LOSS, LARGE_LOSS = 0.1, 0.2
USUAL_EFFECTS = (0.2, 0.8)  # standardised; Cohen's small and large
USUAL_POWER = 0.8
LARGEST_ALPHA = {"one_sided": 0.025, "two_sided": 0.05}
STATED = ("total", "per_arm", "power", "alpha", "target_difference", "standard_deviation", "standardised_effect", "control_proportion")
POWER_CLASHES = ("power_not_reached", "power_not_reached_after_loss", "power_exceeded")


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
        yield from gap(getattr(size, name), f"{AT}/{name}", what=ASKED[name])
    if size.outcome is None:
        yield Hit(f"{AT}/outcome", "not_stated", {"what": ASKED["outcome"]}, (put(f"{AT}/outcome", ASK),))


@rule(
    "SS-02",
    "question",
    "gap",
    refs=("SPIRIT:19", "DELTA2:3", "IMSS-Guide:X B5"),
    reads=(f"{AT}/standard_deviation", f"{AT}/control_proportion", f"{AT}/outcome"),
)
def spread(case: Case) -> Iterator[Hit]:
    """The standard deviation, or for proportions the proportion in the reference arm, is missing."""
    size, outcome = case.protocol.sample_size, outcome_of(case.protocol)
    kind = outcome.kind if outcome else None
    if kind == "binary" or size.control_proportion.known or size.arm_proportion.known:
        if not (size.arm_proportion.known and size.target_difference.known):
            yield from gap(size.control_proportion, f"{AT}/control_proportion", what=ASKED["control_proportion"], implied=NOTHING)
    elif kind in ("time_to_event", "count"):
        raise NotApplicable(f"{AT}/outcome")
    elif not size.standard_deviation.known:
        covers = (f"{AT}/standard_deviation_source", f"{AT}/standardised_effect")
        what, implied = ASKED["standard_deviation"], implied_sds(case)
        yield from gap(
            size.standard_deviation, f"{AT}/standard_deviation", covers=covers, evidence=round_sds(case), what=what, implied=implied
        )


@rule("SS-03", "question", "gap", refs=("SPIRIT:19", "DELTA2:2", "E6R3:B.10.3"), reads=(f"{AT}/alpha", f"{AT}/sidedness"))
def level(case: Case) -> Iterator[Hit]:
    """The significance level, or whether the test is one-sided or two-sided, is missing."""
    for name in ("alpha", "sidedness"):
        yield from gap(getattr(case.protocol.sample_size, name), f"{AT}/{name}", what=ASKED[name])


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
    words = NOTHING
    if given is not None:
        words = Text(en=f' All that is given is: "{given.en.rstrip(".")}".', es=f" Solo se dice: «{given.es.rstrip('.')}».")
    same = important.outcome == size.outcome and important.value.value == size.target_difference.value
    covers = (f"{AT}/target_difference_citation", *(("/important_difference/citation",) if same else ()))
    name = "target_difference_basis" if given is None else "target_difference_citation"
    yield from gap(getattr(size, name), f"{AT}/{name}", covers=covers, what=ASKED[name], difference=of_target(case.protocol), basis=words)


@rule("SS-06", "question", "gap", refs=("DELTA2-R",), reads=(f"{AT}/target_difference_method",))
def method(case: Case) -> Iterator[Hit]:
    """How the target difference was arrived at is missing."""
    size = case.protocol.sample_size
    yield from gap(size.target_difference_method, f"{AT}/target_difference_method", difference=of_target(case.protocol))


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
        yield from gap(size.target_difference_realistic, pointer, difference=of_target(case.protocol), half=half_of_it(case))


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
        yield from gap(size.attrition, ATTRITION, covers=others, what=ASKED["attrition"], loss=NOTHING)
        return
    loss = Text(en=f" ({percent(size.attrition.value or 0.0)})", es=f" ({percent(size.attrition.value or 0.0)})")
    for name in ("attrition_definition", "inflation"):
        yield from gap(getattr(size, name), f"{AT}/{name}", what=ASKED[name], loss=loss)


@rule("SS-10", "question", "gap", refs=("SPIRIT:25b", "RoB2:3"), reads=(ATTRITION, f"{AT}/attrition_difference"))
def attrition_between_arms(case: Case) -> Iterator[Hit]:
    """More than 10 % attrition is expected, and how much it may differ between the arms is missing."""
    size, loss = case.protocol.sample_size, expected_loss(case)
    if loss <= SMALL_LOSS:
        raise NotApplicable(ATTRITION)
    yield from gap(size.attrition_difference, f"{AT}/attrition_difference", loss=percent(loss))


@rule("SS-11", "error", "contradiction", refs=("SPIRIT:19", "DELTA2:2", "IMSS-Guide:X B4"), reads=(f"{AT}/*", "/randomisation/ratio"))
def recomputed(case: Case) -> Iterator[Hit]:
    """Every input is stated, and no usual formula gives the stated power with the stated number."""
    audit, size = complete_audit(case), case.protocol.sample_size
    found = clashes(audit)
    if "power_not_reached" in found:
        bound, reached = Text(en="at most", es="a lo sumo"), found["power_not_reached"].numbers["highest"]
    elif "power_exceeded" in found:
        expected_loss(case)
        bound, reached = Text(en="at least", es="al menos"), found["power_exceeded"].numbers["lowest"]
    else:
        return
    values = {"power": size.power, "bound": bound, "reached": two_digits(reached), "needed": needed_total(case)}
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
    elsewhere = {"ratio_not_kept"} if all(arm.planned_n.known for arm in case.protocol.arms) else set()  # a rule on design says it
    if "multiply_leaves_too_few" in clashes(case.audit):
        elsewhere.add("analysed_exceed_completers")  # the next rule says why
    for clash in case.audit.contradictions:
        if clash.code in elsewhere:
            continue
        problem = problem_of_arms(clash)
        if problem is not None:
            pointer = f"{AT}/{problem.at}"
            yield Hit(pointer, getattr(size, problem.at), {"problem": problem.words}, (put(pointer, ASK),))


@rule("SS-13", "warning", "risk", refs=("SPIRIT:19",), reads=(ATTRITION, f"{AT}/inflation", f"{AT}/total"))
def multiplied(case: Case) -> Iterator[Hit]:
    """The loss is allowed for by multiplication, n (1 + a), which leaves fewer than needed."""
    size, loss = case.protocol.sample_size, expected_loss(case)
    if "multiply_leaves_too_few" in clashes(case.audit):
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
    elif not size.inflation.known and not is_reproduced(case):
        raise CannotRun(f"{AT}/inflation")


@rule("SS-14", "warning", "risk", refs=("SPIRIT:27c", "SPIRIT:25b", "NRC2010", "E9R1"), reads=(ATTRITION, f"{AT}/total"))
def large_loss(case: Case) -> Iterator[Hit]:
    """More than 20 % attrition is expected."""
    loss, total = expected_loss(case), case.protocol.sample_size.total.value
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
    if size.control_proportion.known:
        raise NotApplicable(f"{AT}/control_proportion")
    known(size.standardised_effect, pointer)
    difference = known(size.target_difference, f"{AT}/target_difference")
    sd = known(size.standard_deviation, f"{AT}/standard_deviation")
    if len(case.protocol.arms) > 2 or case.protocol.design.framework.value in WITH_MARGIN:
        raise NotApplicable("/arms", "/design/framework")
    if "standardised_effect_differs" in clashes(case.audit):
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
    size, outcome = case.protocol.sample_size, outcome_of(case.protocol)
    if size.control_proportion.known or (outcome and outcome.kind not in ("continuous", "ordinal")):
        raise NotApplicable(f"{AT}/outcome")
    found = effect_of(case)
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
    primary = primary_analyses(case.protocol)
    if not primary:
        raise NotApplicable("/analysis/plans")
    for each in primary:
        same = is_test_of(named, each)
        if same is None:
            raise CannotRun(f"{AT}/test")  # a name that we do not know
        if not same:
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
    size, outcome = case.protocol.sample_size, outcome_of(case.protocol)
    if outcome is None:
        raise CannotRun(f"{AT}/outcome")
    if outcome.kind != "continuous" or outcome.baseline is None:
        raise NotApplicable(f"{AT}/outcome")
    if not size.r_squared.known:
        yield from gap(size.correlation, f"{AT}/correlation", label=outcome.label, use=use_of_baseline(case.protocol))


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
    size, grouping = case.protocol.sample_size, grouping_of(case.protocol)
    if grouping is None:
        raise NotApplicable("/randomisation/unit", "/interventions")
    by_cluster = case.protocol.randomisation.unit.value == "cluster"  # of clusters a rule on design asks
    name = "icc" if size.clustering.known and grouping.certain and not by_cluster else "clustering"
    example = design_effect(case.protocol, grouping.size)
    yield from gap(getattr(size, name), f"{AT}/{name}", what=ASKED[name], grouping=grouping.words, example=example)


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


@rule(
    "SS-22", "question", "gap", refs=("SPIRIT:19", "IMSS-Guide:X B5"), reads=(f"{AT}/standard_deviation_source", f"{AT}/standard_deviation")
)
def source_of_the_sd(case: Case) -> Iterator[Hit]:
    """A standard deviation is stated and its source is missing."""
    size = case.protocol.sample_size
    if size.control_proportion.known:
        raise NotApplicable(f"{AT}/control_proportion")
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
    """The level is above 0.05 two-sided or 0.025 one-sided; not asked of equivalence, and of non-inferiority a rule on design speaks."""
    size = case.protocol.sample_size
    if case.protocol.design.framework.value in WITH_MARGIN:  # two one-sided tests at 0.05 are the custom for equivalence
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
    require_same_outcome(case.protocol, "/hypothesis/outcome", expected.outcome)
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
    target, important = target_and_important(case.protocol)
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
    target, important = target_and_important(case.protocol)
    if abs(target) > abs(important):
        power = power_for(case, abs(important))
        words = NOTHING
        if power is not None:
            words = Text(
                en=f" For a true difference of {important:g} the power would be about {two_digits(power)}.",
                es=f" Para una diferencia real de {important:g} la potencia sería de alrededor de {two_digits(power)}.",
            )
        pointer = f"{AT}/target_difference"
        values = {"important": important, "power": words}
        yield Hit(pointer, case.protocol.sample_size.target_difference, values, (put(pointer, ASK),))


@rule("SS-29", "warning", "ambiguity", refs=("SPIRIT:19", "IMSS-Guide:X B4"), reads=(f"{AT}/*", "/randomisation/ratio"))
def not_repeatable(case: Case) -> Iterator[Hit]:
    """Every input is stated, the power is about right, and no usual formula and rounding gives the stated number itself."""
    audit, size = complete_audit(case), case.protocol.sample_size
    expected_loss(case)
    if is_reproduced(case) or any(code in clashes(audit) for code in POWER_CLASHES):
        return
    yield Hit(f"{AT}/total", size.total, {"nearest": needed_total(case)}, (put(f"{AT}/test", ASK),), evidence=nearest_totals(case))


@rule("SS-30", "error", "contradiction", refs=("SPIRIT:19", "DELTA2:2", "DELTA2:3"), reads=(f"{AT}/*", "/randomisation/ratio"))
def impossible(case: Case) -> Iterator[Hit]:
    """A number of the statement is impossible, or two of them exclude each other whatever the formula."""
    size = case.protocol.sample_size
    if not any(getattr(size, name).known for name in STATED):
        raise CannotRun(*(f"{AT}/{name}" for name in STATED))
    for clash in case.audit.contradictions:
        if clash.code == "no_effect" and case.protocol.design.framework.value in WITH_MARGIN:
            continue
        problem = problem_of_numbers(clash)
        if problem is not None:
            _, section, name = problem.at.split("/")
            stated = getattr(getattr(case.protocol, section), name)
            yield Hit(problem.at, stated, {"problem": problem.words}, (put(problem.at, ASK),))


@rule("SS-31", "warning", "risk", refs=("SPIRIT:19", "DELTA2:2"), reads=(f"{AT}/*", "/randomisation/ratio"))
def only_without_loss(case: Case) -> Iterator[Hit]:
    """The stated power is reached only if nobody is lost, although loss is expected."""
    audit, size = complete_audit(case), case.protocol.sample_size
    loss, found = expected_loss(case), clashes(audit)
    if "power_not_reached_after_loss" in found and "multiply_leaves_too_few" not in found:
        power = found["power_not_reached_after_loss"].numbers["after_loss"]
        values = {"loss": percent(loss), "after": two_digits(power), "total": size.total, "needed": needed_total(case)}
        yield Hit(f"{AT}/power", size.power, values, (put(f"{AT}/total", ASK),))
