"""Rules on design and arms (DES)."""

from collections.abc import Iterator

from odisea.protocol.compose import child
from odisea.protocol.fact import Text
from odisea.protocol.labels import FIELDS
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, gap, known, put, rule

CROSSES = {"PARALLEL": False, "CROSSOVER": True}
WITH_MARGIN = ("non_inferiority", "equivalence")
OLDER_ADULTS_FROM = 65
ADULTS_FROM = 18
MANY_CRITERIA = 12
LARGEST_ALPHA = {"one_sided": 0.025, "two_sided": 0.05}
COMPARISONS = {
    "add_on": Text(en="added to the comparator", es="se añade al comparador"),
    "replacement": Text(en="given in place of the comparator", es="sustituye al comparador"),
    "placebo": Text(en="compared with placebo", es="se compara con placebo"),
}


@rule(
    "DES-01",
    "error",
    "contradiction",
    refs=("SPIRIT:12", "CONSORT:9"),
    reads=("/design/allocation", "/randomisation/method", "/randomisation/ratio"),
)
def not_randomised(case: Case) -> Iterator[Hit]:
    """The allocation is not RANDOMIZED although a method of randomisation or an allocation ratio is given."""
    allocation = known(case.protocol.design.allocation, "/design/allocation")
    randomisation = case.protocol.randomisation
    given = [str(randomisation.method.value)] if randomisation.method.known else []
    given += [f"ratio {list(randomisation.ratio.value)}"] if randomisation.ratio.value else []
    if allocation != "RANDOMIZED" and given:
        yield Hit("/design/allocation", allocation, {"given": ", ".join(given)}, (put("/design/allocation", ASK),))


@rule("DES-02", "error", "contradiction", refs=("SPIRIT:19", "CONSORT:16a"), reads=("/arms/*/planned_n", "/sample_size/total"))
def arms_miss_the_total(case: Case) -> Iterator[Hit]:
    """The planned numbers of the arms do not add to the total of the sample size."""
    total, planned = known(case.protocol.sample_size.total, "/sample_size/total"), _planned(case)
    if sum(planned) != total:
        yield Hit("/sample_size/total", total, {"sum": sum(planned)}, (put("/sample_size/total", ASK),))


@rule(
    "DES-03",
    "error",
    "contradiction",
    refs=("SPIRIT:12", "DELTA2:4"),
    reads=("/arms/*/planned_n", "/randomisation/ratio", "/sample_size/cluster_size"),
)
def arms_miss_the_ratio(case: Case) -> Iterator[Hit]:
    """An arm's planned number is more than one participant, or one cluster, away from its share by the allocation ratio."""
    ratio, planned = known(case.protocol.randomisation.ratio, "/randomisation/ratio"), _planned(case)
    step = 1.0
    if case.protocol.randomisation.unit.value == "cluster":
        step = max(1.0, known(case.protocol.sample_size.cluster_size, "/sample_size/cluster_size"))
    for place, (arm, number, part) in enumerate(zip(case.protocol.arms, planned, ratio, strict=True)):
        share = sum(planned) * part / sum(ratio)
        if abs(number - share) > step:
            pointer = f"/arms/{place}/planned_n"
            values = {"arm": arm.label, "share": round(share, 1), "ratio": ":".join(map(str, ratio))}
            yield Hit(pointer, number, values, (put(pointer, ASK),))


@rule("DES-04", "warning", "contradiction", refs=("SPIRIT:15a",), reads=("/interventions/*", "/arms/*/interventions"))
def unused_intervention(case: Case) -> Iterator[Hit]:
    """An intervention is described that no arm receives."""
    if not case.protocol.interventions:
        raise CannotRun("/interventions")
    used = {name for arm in case.protocol.arms for name in arm.interventions}
    for name, intervention in case.protocol.interventions.items():
        if name not in used:
            arms = ", ".join(case.protocol.arm_ids)
            yield Hit(
                child("/interventions", name), name, {"label": intervention.label, "arms": arms}, (put("/arms/0/interventions", ASK),)
            )


@rule("DES-05", "question", "gap", refs=("SPIRIT:12", "CONSORT:9"), reads=("/design/framework",))
def framework(case: Case) -> Iterator[Hit]:
    """It is not known whether superiority, non-inferiority or equivalence is to be shown."""
    yield from gap(case.protocol.design.framework, "/design/framework")


@rule("DES-06", "question", "gap", refs=("SPIRIT:12", "CONSORT-NI"), reads=("/design/framework", "/design/margin"))
def margin(case: Case) -> Iterator[Hit]:
    """A trial of non-inferiority or equivalence has no margin."""
    frame = known(case.protocol.design.framework, "/design/framework")
    if frame not in WITH_MARGIN:
        raise NotApplicable("/design/framework")
    yield from gap(case.protocol.design.margin, "/design/margin", framework=frame)


@rule("DES-07", "warning", "contradiction", refs=("SPIRIT:12",), reads=("/design/framework", "/design/margin"))
def margin_of_superiority(case: Case) -> Iterator[Hit]:
    """A trial of superiority has a margin."""
    design = case.protocol.design
    if known(design.framework, "/design/framework") == "superiority" and design.margin.known:
        yield Hit("/design/margin", design.margin, {}, (put("/design/framework", ASK),))


@rule(
    "DES-08",
    "error",
    "contradiction",
    refs=("SPIRIT:19", "CT:enrollmentInfo"),
    reads=("/population/planned_enrolment", "/population/enrolment_type", "/sample_size/total"),
)
def enrolment_misses_the_total(case: Case) -> Iterator[Hit]:
    """The planned enrolment differs from the total of the sample size."""
    population = case.protocol.population
    if population.enrolment_type.value == "ACTUAL":
        raise NotApplicable("/population/enrolment_type")
    planned = known(population.planned_enrolment, "/population/planned_enrolment")
    total = known(case.protocol.sample_size.total, "/sample_size/total")
    if planned != total:
        known(population.enrolment_type, "/population/enrolment_type")  # an actual number may well differ
        yield Hit("/population/planned_enrolment", planned, {"total": total}, (put("/population/planned_enrolment", ASK),))


@rule("DES-09", "error", "contradiction", refs=("SPIRIT:19",), reads=("/arms/*/planned_n", "/sample_size/per_arm"))
def size_per_arm(case: Case) -> Iterator[Hit]:
    """The sample size gives an arm another number than the arm itself plans."""
    per_arm = known(case.protocol.sample_size.per_arm, "/sample_size/per_arm")
    for place, (arm, size, planned) in enumerate(zip(case.protocol.arms, per_arm, _planned(case), strict=True)):
        if size != planned:
            pointer = f"/sample_size/per_arm/{place}"
            yield Hit(pointer, size, {"arm": arm.label, "planned": planned}, (put(pointer, ASK),))


@rule("DES-10", "warning", "ambiguity", refs=("SPIRIT:1a",), reads=("/design/comparison", "/design/comparison_in_title"))
def title_says_otherwise(case: Case) -> Iterator[Hit]:
    """The title announces another comparison than the design makes."""
    design = case.protocol.design
    made = known(design.comparison, "/design/comparison")
    announced = known(design.comparison_in_title, "/design/comparison_in_title")
    if made != announced:
        values = {"announced": COMPARISONS[announced], "made": COMPARISONS[made]}
        yield Hit("/design/comparison_in_title", design.comparison_in_title, values, (put("/identification/brief_title", ASK),))


@rule(
    "DES-11",
    "warning",
    "risk",
    refs=("PRECIS-2:1",),
    reads=("/design/attitude", "/population/age_years", "/population/inclusion", "/population/exclusion"),
)
def not_so_pragmatic(case: Case) -> Iterator[Hit]:
    """A trial calls itself pragmatic and takes adults but none of 65 or older, or has more than a dozen criteria."""
    population = case.protocol.population
    if known(case.protocol.design.attitude, "/design/attitude") != "pragmatic":
        raise NotApplicable("/design/attitude")
    count = len(population.inclusion) + len(population.exclusion)
    if count <= MANY_CRITERIA:
        known(population.age_years, "/population/age_years")
    ages = population.age_years.value
    capped = ages is not None and ages.min >= ADULTS_FROM and ages.max < OLDER_ADULTS_FROM
    if capped or count > MANY_CRITERIA:
        unknown = Text(en="not known", es="no se conoce")
        values = {"age": f"{ages.min:g}-{ages.max:g}" if ages else unknown, "count": count}
        yield Hit("/design/attitude", case.protocol.design.attitude, values, (put("/design/attitude", ASK),))


@rule("DES-12", "question", "contradiction", refs=("SPIRIT:10",), reads=("/design/aims", "/design/feasibility_criteria"))
def feasibility(case: Case) -> Iterator[Hit]:
    """Feasibility is an aim and no criterion says when it is met."""
    if "feasibility" not in known(case.protocol.design.aims, "/design/aims"):
        raise NotApplicable("/design/aims")
    yield from gap(case.protocol.design.feasibility_criteria, "/design/feasibility_criteria")


@rule("DES-13", "warning", "contradiction", refs=("SPIRIT:13",), reads=("/design/centres", "/sites"))
def number_of_centres(case: Case) -> Iterator[Hit]:
    """The number of centres differs from the number of sites listed."""
    centres, sites = known(case.protocol.design.centres, "/design/centres"), _sites(case)
    if centres != sites:
        yield Hit("/design/centres", centres, {"sites": sites}, (put("/design/centres", ASK),))


@rule("DES-14", "warning", "contradiction", refs=("SPIRIT:13",), reads=("/design/centres_described", "/sites"))
def wording_on_centres(case: Case) -> Iterator[Hit]:
    """The wording of the source implies several centres and one site is listed, or the other way round."""
    described, sites = known(case.protocol.design.centres_described, "/design/centres_described"), _sites(case)
    if (described == "several") != (sites > 1):
        words = {"several": Text(en="several centres", es="varios centros"), "one": Text(en="one centre", es="un solo centro")}
        values = {"described": words[described], "sites": sites}
        yield Hit("/design/centres_described", case.protocol.design.centres_described, values, (put("/sites", ASK),))


@rule(
    "DES-15",
    "question",
    "gap",
    refs=("SPIRIT:19", "CONSORT-Cluster"),
    reads=("/randomisation/unit", "/sample_size/icc", "/sample_size/cluster_size"),
)
def clusters(case: Case) -> Iterator[Hit]:
    """Clusters are randomised and the intracluster correlation or the size of a cluster is missing."""
    if known(case.protocol.randomisation.unit, "/randomisation/unit") != "cluster":
        raise NotApplicable("/randomisation/unit")
    for name in ("icc", "cluster_size"):
        yield from gap(getattr(case.protocol.sample_size, name), f"/sample_size/{name}", what=FIELDS[name])


@rule("DES-16", "error", "contradiction", refs=("SPIRIT:12", "CT:interventionModel"), reads=("/design/model", "/design/crossover"))
def crossover(case: Case) -> Iterator[Hit]:
    """Participants cross over in a parallel trial, or do not in a crossover trial."""
    design = case.protocol.design
    model, crosses = known(design.model, "/design/model"), known(design.crossover, "/design/crossover")
    if CROSSES.get(model, crosses) != crosses:
        yield Hit("/design/crossover", crosses, {"model": model}, (put("/design/crossover", ASK),))


@rule("DES-17", "question", "ambiguity", refs=("SPIRIT:15a", "CT:armGroups"), reads=("/arms/*/type",))
def no_experimental_arm(case: Case) -> Iterator[Hit]:
    """No arm is called experimental."""
    arms = case.protocol.arms
    if any(arm.type.value == "EXPERIMENTAL" for arm in arms):
        return
    types = [known(arm.type, f"/arms/{place}/type") for place, arm in enumerate(arms)]
    yield Hit("/arms/0/type", types, {}, (put("/arms/0/type", ASK),))


@rule(
    "DES-18",
    "warning",
    "contradiction",
    refs=("CONSORT-NI",),
    reads=("/design/framework", "/design/margin", "/important_difference/value", "/important_difference/outcome"),
)
def margin_too_wide(case: Case) -> Iterator[Hit]:
    """The margin is not smaller than the difference that is called important for a primary outcome."""
    design, important = case.protocol.design, case.protocol.important_difference
    if known(design.framework, "/design/framework") not in WITH_MARGIN:
        raise NotApplicable("/design/framework")
    width = known(design.margin, "/design/margin")
    if important.outcome is None:
        raise CannotRun("/important_difference/outcome")
    if case.protocol.outcomes[important.outcome].level != "primary":
        raise NotApplicable("/important_difference/outcome")
    value = known(important.value, "/important_difference/value")
    if abs(width) >= abs(value):
        yield Hit("/design/margin", width, {"important": value}, (put("/design/margin", ASK),))


@rule(
    "DES-19",
    "warning",
    "risk",
    refs=("E9:5.5", "CONSORT-NI"),
    reads=("/design/framework", "/sample_size/alpha", "/sample_size/sidedness"),
)
def lenient_level(case: Case) -> Iterator[Hit]:
    """A non-inferiority trial tests one-sided at more than 0.025, or two-sided at more than 0.05."""
    size = case.protocol.sample_size
    if known(case.protocol.design.framework, "/design/framework") != "non_inferiority":
        raise NotApplicable("/design/framework")
    alpha, sidedness = known(size.alpha, "/sample_size/alpha"), known(size.sidedness, "/sample_size/sidedness")
    most = LARGEST_ALPHA[sidedness]
    if alpha > most:
        sides = {"one_sided": Text(en="one-sided", es="unilateral"), "two_sided": Text(en="two-sided", es="bilateral")}
        yield Hit("/sample_size/alpha", alpha, {"most": most, "sides": sides[sidedness]}, (put("/sample_size/alpha", most),))


@rule("DES-20", "question", "gap", refs=("SPIRIT:9a", "SPIRIT:9b"), reads=("/design/rationale", "/design/comparator_rationale"))
def rationale(case: Case) -> Iterator[Hit]:
    """The reason for the trial, or for its comparator, is missing."""
    for name in ("rationale", "comparator_rationale"):
        yield from gap(getattr(case.protocol.design, name), f"/design/{name}", what=FIELDS[name])


@rule("DES-21", "warning", "ambiguity", refs=("SPIRIT:15a",), reads=("/contrasts/*", "/arms/*/interventions"))
def nothing_to_compare(case: Case) -> Iterator[Hit]:
    """A contrast compares two arms that list the same interventions."""
    if not any(arm.interventions for arm in case.protocol.arms):
        raise CannotRun("/arms/0/interventions")
    for place, contrast in enumerate(case.protocol.contrasts):
        arm, reference = case.protocol.arm(contrast.arm), case.protocol.arm(contrast.reference)
        if arm.interventions and set(arm.interventions) == set(reference.interventions):
            values = {"arm": arm.label, "reference": reference.label, "interventions": ", ".join(arm.interventions)}
            index = case.protocol.arm_ids.index(arm.id)
            yield Hit(f"/contrasts/{place}", contrast.id, values, (put(f"/arms/{index}/interventions", ASK),))


def _planned(case: Case) -> tuple[int, ...]:
    return tuple(known(arm.planned_n, f"/arms/{place}/planned_n") for place, arm in enumerate(case.protocol.arms))


def _sites(case: Case) -> int:
    if not case.protocol.sites:
        raise CannotRun("/sites")
    return len(case.protocol.sites)
