"""Rules on randomisation and concealment (RND)."""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from math import exp, lgamma, log

from odisea.protocol.fact import Text
from odisea.protocol.model import AnalysisSpec, Plan, Protocol
from odisea.protocol.rules.rule import ASK, CannotRun, Case, Hit, NotApplicable, gap, judged, known, put, rule
from odisea.protocol.sections import Randomisation

SMALL_BLOCK = 4
FEWEST_PER_STRATUM = 10
BLOCKS_PER_STRATUM = 5
TOLERATED_PROBABILITY = 0.05
OFF_PLAN = 0.05
NEVER_OFF_PLAN = 10_000
"""Above so many participants the probability is below 2 exp(-2 n 0.05^2), which is less than 1e-21 (Hoeffding)."""
RANDOMISATION = ("randomisation", "randomization")
BEFORE_IT = ("consent", "eligibility", "covariates", "demographics", "baseline")


@rule(
    "RND-01",
    "question",
    "gap",
    refs=("SPIRIT:21b", "CONSORT:17b"),
    reads=("/randomisation/method", "/randomisation/block_sizes"),
)
def method(case: Case) -> Iterator[Hit]:
    """The method of randomisation is missing."""
    randomisation = _randomisation(case)
    blocks = () if randomisation.block_sizes.known else ("/randomisation/block_sizes",)
    yield from gap(randomisation.method, "/randomisation/method", covers=blocks)


@rule(
    "RND-02",
    "question",
    "gap",
    refs=("SPIRIT:22", "CONSORT:18"),
    reads=("/randomisation/concealment", "/randomisation/concealment_mechanism"),
)
def concealment_mechanism(case: Case) -> Iterator[Hit]:
    """How the allocation is hidden until assignment is missing."""
    randomisation = _randomisation(case)
    if randomisation.concealment.value is False:
        raise NotApplicable("/randomisation/concealment")
    unknown = () if randomisation.concealment.known else ("/randomisation/concealment",)
    yield from gap(randomisation.concealment_mechanism, "/randomisation/concealment_mechanism", covers=unknown)


@rule(
    "RND-03",
    "question",
    "gap",
    refs=("SPIRIT:21a", "SPIRIT:23", "CONSORT:19"),
    reads=("/randomisation/implementation", "/randomisation/roles_separated"),
)
def implementation(case: Case) -> Iterator[Hit]:
    """Who generates, enrols and assigns is missing, or whether those who enrol can see the sequence."""
    randomisation = _randomisation(case)
    if randomisation.implementation.known:
        yield from gap(randomisation.roles_separated, "/randomisation/roles_separated")
    else:
        roles = () if randomisation.roles_separated.known else ("/randomisation/roles_separated",)
        yield from gap(randomisation.implementation, "/randomisation/implementation", covers=roles)


@rule("RND-04", "error", "risk", refs=("SPIRIT:21b", "SPIRIT:22"), reads=("/randomisation/block_sizes",))
def blocks_in_clear(case: Case) -> Iterator[Hit]:
    """Block sizes stand in clear in this open file; the finding does not repeat them."""
    sizes = _randomisation(case).block_sizes.value
    if isinstance(sizes, tuple):
        count = Text(en=f"{len(sizes)} in clear", es=f"{len(sizes)} a la vista")
        yield Hit("/randomisation/block_sizes", count, {}, (put("/randomisation/block_sizes", "in_restricted_document"),))


@rule(
    "RND-05",
    "warning",
    "risk",
    refs=("SPIRIT:21b", "SPIRIT:23", "RoB2:1"),
    reads=("/randomisation/block_sizes", "/randomisation/ratio", "/blinding/unmasked"),
)
def predictable(case: Case) -> Iterator[Hit]:
    """One fixed block of four or fewer is used while those who treat know the allocations."""
    sizes = _sizes(case)
    unmasked = known(case.protocol.blinding.unmasked, "/blinding/unmasked")
    ratio = known(case.protocol.randomisation.ratio, "/randomisation/ratio")
    if len(sizes) == 1 and 0 < sizes[0] <= SMALL_BLOCK and sizes[0] % sum(ratio) == 0 and "CARE_PROVIDER" in unmasked:
        share = float(guessed_share(ratio, sizes[0]))
        by_chance = max(ratio) / sum(ratio)
        values = {"share": f"{100 * share:.1f}", "chance": f"{100 * by_chance:.1f}"}
        yield Hit(
            "/randomisation/block_sizes",
            Text(en="one fixed size", es="un solo tamaño fijo"),
            values,
            (put("/randomisation/block_sizes", ASK),),
        )


@rule(
    "RND-06",
    "warning",
    "risk",
    refs=("SPIRIT:21b",),
    reads=(
        "/randomisation/strata",
        "/randomisation/stratification",
        "/randomisation/block_sizes",
        "/randomisation/method",
        "/randomisation/unit",
        "/sample_size/total",
    ),
)
def many_strata(case: Case) -> Iterator[Hit]:
    """Strata hold on average fewer than ten participants, or fewer than five of the largest block where it is known."""
    randomisation = _randomisation(case)
    if randomisation.unit.value == "cluster":  # strata then hold clusters, of which the number is not coded
        raise NotApplicable("/randomisation/unit")
    if known(randomisation.method, "/randomisation/method") != "permuted_blocks":
        raise NotApplicable("/randomisation/method")
    if not known(randomisation.stratification, "/randomisation/stratification"):
        raise NotApplicable("/randomisation/stratification")
    strata, total = known(randomisation.strata, "/randomisation/strata"), known(case.protocol.sample_size.total, "/sample_size/total")
    if strata < 1 or total < 1:
        raise CannotRun("/randomisation/strata" if strata < 1 else "/sample_size/total")  # no such number is possible
    sizes = randomisation.block_sizes.value
    needed = max(FEWEST_PER_STRATUM, BLOCKS_PER_STRATUM * max(sizes)) if isinstance(sizes, tuple) and sizes else FEWEST_PER_STRATUM
    if total < needed * strata:
        values = {"total": total, "each": round(total / strata, 1), "needed": needed}
        yield Hit("/randomisation/strata", strata, values, (put("/randomisation/stratification", ASK),))


@rule(
    "RND-07",
    "warning",
    "risk",
    refs=("E9:5.7", "EMA-Covariates"),
    reads=("/randomisation/stratification", "/analysis/plans/*/covariates", "/analysis/plans/*/analyses/*/covariates"),
)
def factors_left_out(case: Case) -> Iterator[Hit]:
    """A stratification factor is not among the covariates of a primary analysis."""
    factors = known(_randomisation(case).stratification, "/randomisation/stratification")
    if not factors:
        raise NotApplicable("/randomisation/stratification")

    def judge(named: tuple[str, Plan]) -> Iterator[Hit]:
        for pointer, analysis, covariates in _primary_covariates(f"/analysis/plans/{named[0]}", named[1]):
            absent = [factor for factor in factors if not any(_same(case.protocol, factor, each) for each in covariates)]
            if absent:
                values = {"factors": ", ".join(absent), "label": analysis.label}
                yield Hit(pointer, covariates, values, (put(pointer, ASK),))

    yield from judged(case.protocol.analysis.plans.items(), judge)


@rule("RND-08", "question", "gap", refs=("SPIRIT:21b",), reads=("/randomisation/method", "/randomisation/random_element"))
def random_element(case: Case) -> Iterator[Hit]:
    """Minimisation is used and the probability of the preferred arm is missing."""
    yield from gap(_minimisation(case).random_element, "/randomisation/random_element")


@rule("RND-09", "warning", "risk", refs=("SPIRIT:21b", "E9:2.3.2"), reads=("/randomisation/method", "/randomisation/random_element"))
def no_random_element(case: Case) -> Iterator[Hit]:
    """Minimisation always gives the preferred arm."""
    probability = known(_minimisation(case).random_element, "/randomisation/random_element")
    if probability >= 1:
        yield Hit("/randomisation/random_element", probability, {}, (put("/randomisation/random_element", ASK),))


@rule("RND-10", "warning", "risk", refs=("SPIRIT:23", "CONSORT:19"), reads=("/randomisation/roles_separated",))
def roles_not_separated(case: Case) -> Iterator[Hit]:
    """Those who enrol or assign can see the sequence."""
    if not known(_randomisation(case).roles_separated, "/randomisation/roles_separated"):
        yield Hit("/randomisation/roles_separated", False, {}, (put("/randomisation/implementation", ASK),))


@rule("RND-11", "question", "gap", refs=("SPIRIT:21b",), reads=("/randomisation/stratification", "/randomisation/strata"))
def stratification(case: Case) -> Iterator[Hit]:
    """Whether allocation is stratified, or the number of strata, is missing."""
    randomisation = _randomisation(case)
    yield from gap(randomisation.stratification, "/randomisation/stratification")
    if randomisation.stratification.value:
        yield from gap(randomisation.strata, "/randomisation/strata")


@rule(
    "RND-12",
    "warning",
    "risk",
    refs=("SPIRIT:21b",),
    reads=("/randomisation/method", "/randomisation/ratio", "/randomisation/unit", "/sample_size/total"),
)
def unequal_by_chance(case: Case) -> Iterator[Hit]:
    """With simple randomisation an arm misses its planned number by over 5 % of all participants with probability above 0.05."""
    randomisation = _randomisation(case)
    if known(randomisation.method, "/randomisation/method") != "simple":
        raise NotApplicable("/randomisation/method")
    if randomisation.unit.value == "cluster":
        raise NotApplicable("/randomisation/unit")
    ratio, total = known(randomisation.ratio, "/randomisation/ratio"), known(case.protocol.sample_size.total, "/sample_size/total")
    probability = max(off_plan(total, part / sum(ratio)) for part in ratio)
    if probability > TOLERATED_PROBABILITY:
        values = {"total": total, "most": round(OFF_PLAN * total, 1), "probability": f"{probability:.2f}"}
        evidence = f"exact binomial probability {probability:.3f} that an arm is over {OFF_PLAN * total:g} participants away from its plan"
        yield Hit("/randomisation/method", randomisation.method, values, (put("/randomisation/method", ASK),), evidence=evidence)


@rule("RND-13", "error", "risk", refs=("SPIRIT:22", "CONSORT:18", "RoB2:1"), reads=("/randomisation/concealment",))
def not_concealed(case: Case) -> Iterator[Hit]:
    """The allocation is not concealed before assignment."""
    if not known(_randomisation(case).concealment, "/randomisation/concealment"):
        yield Hit("/randomisation/concealment", False, {}, (put("/randomisation/concealment_mechanism", ASK),))


@rule(
    "RND-14",
    "warning",
    "risk",
    refs=("SPIRIT:18",),
    reads=("/schedule/visits/*/activities", "/outcomes/*/instrument", "/randomisation/unit"),
)
def randomised_too_early(case: Case) -> Iterator[Hit]:
    """A visit lists consent, eligibility or a baseline measurement after the randomisation; clusters are randomised before."""
    if case.protocol.randomisation.unit.value == "cluster":
        raise NotApplicable("/randomisation/unit")
    names = {
        *BEFORE_IT,
        *(each for outcome in case.protocol.outcomes.values() for each in (outcome.instrument,) if each),
        *case.protocol.outcomes,
    }
    seen = False
    for place, visit in enumerate(case.protocol.schedule.visits):
        index = next((at for at, name in enumerate(visit.activities) if name in RANDOMISATION), None)
        if index is None:
            continue
        seen = True
        late = [name for name in visit.activities[index + 1 :] if name in names]
        if late:
            activities = [*(name for name in visit.activities if name not in RANDOMISATION), visit.activities[index]]
            pointer = f"/schedule/visits/{place}/activities"
            values = {"visit": visit.label, "late": ", ".join(late)}
            yield Hit(f"{pointer}/{index}", visit.activities[index], values, (put(pointer, activities),))
    if not seen:
        raise NotApplicable("/schedule/visits")


@rule("RND-15", "question", "gap", refs=("SPIRIT:21b",), reads=("/randomisation/method", "/randomisation/block_sizes"))
def whereabouts_of_blocks(case: Case) -> Iterator[Hit]:
    """Blocks are used and it is not known where their sizes are kept."""
    randomisation = _randomisation(case)
    if known(randomisation.method, "/randomisation/method") != "permuted_blocks":
        raise NotApplicable("/randomisation/method")
    yield from gap(randomisation.block_sizes, "/randomisation/block_sizes")


@rule("RND-16", "question", "gap", refs=("SPIRIT:21a", "CONSORT:17a"), reads=("/randomisation/generation",))
def generation(case: Case) -> Iterator[Hit]:
    """How the random sequence is generated is missing."""
    yield from gap(_randomisation(case).generation, "/randomisation/generation")


@rule("RND-17", "error", "contradiction", refs=("SPIRIT:21b",), reads=("/randomisation/block_sizes", "/randomisation/ratio"))
def broken_blocks(case: Case) -> Iterator[Hit]:
    """A block cannot hold the arms in their ratio."""
    ratio = known(case.protocol.randomisation.ratio, "/randomisation/ratio")
    for place, size in enumerate(_sizes(case)):
        if size < 1 or size % sum(ratio):
            pointer = f"/randomisation/block_sizes/{place}"
            yield Hit(pointer, size, {"parts": sum(ratio)}, (put("/randomisation/block_sizes", ASK),))


def guessed_share(ratio: tuple[int, ...], block: int) -> Fraction:
    """Return the share of right guesses of someone who knows the block and the arms given so far, and names the arm with most left."""
    return _right_guesses(tuple(sorted(part * block // sum(ratio) for part in ratio))) / block


@cache
def _right_guesses(left: tuple[int, ...]) -> Fraction:
    """Return the expected number of right guesses while so many places of each arm are left in a block."""
    total = sum(left)
    if total == 0:
        return Fraction(0)
    right = Fraction(max(left), total)
    for place, count in enumerate(left):
        if count:
            after = tuple(sorted(each - (index == place) for index, each in enumerate(left)))
            right += Fraction(count, total) * _right_guesses(after)
    return right


def off_plan(total: int, share: float) -> float:
    """Return the exact binomial probability that an arm's number is over 5 % of the total away from its plan."""
    if not 0 < share < 1 or total > NEVER_OFF_PLAN:
        return 0.0
    far = (count for count in range(total + 1) if abs(count - share * total) > OFF_PLAN * total + 1e-9)
    return sum(exp(_log_choose(total, count) + count * log(share) + (total - count) * log(1 - share)) for count in far)


def _log_choose(total: int, count: int) -> float:
    return lgamma(total + 1) - lgamma(count + 1) - lgamma(total - count + 1)


def _randomisation(case: Case) -> Randomisation:
    """Return the section; the rules do not apply where the allocation is known not to be randomised."""
    if case.protocol.design.allocation.value not in (None, "RANDOMIZED"):
        raise NotApplicable("/design/allocation")
    return case.protocol.randomisation


def _minimisation(case: Case) -> Randomisation:
    randomisation = _randomisation(case)
    if known(randomisation.method, "/randomisation/method") != "minimisation":
        raise NotApplicable("/randomisation/method")
    return randomisation


def _sizes(case: Case) -> tuple[int, ...]:
    """Return the block sizes that stand in clear; what needs them does not apply where they are kept elsewhere."""
    sizes = known(_randomisation(case).block_sizes, "/randomisation/block_sizes")
    if not isinstance(sizes, tuple):
        raise NotApplicable("/randomisation/block_sizes")
    return sizes


def _primary_covariates(pointer: str, plan: Plan) -> Iterator[tuple[str, AnalysisSpec, tuple[str, ...]]]:
    """Give the primary analyses of a plan with the covariates that they use and the place where these stand."""
    for place, analysis in enumerate(plan.analyses):
        if analysis.role == "primary":
            own = analysis.covariates
            where = f"{pointer}/covariates" if own is None else f"{pointer}/analyses/{place}/covariates"
            yield where, analysis, known(plan.covariates, where) if own is None else own


def _same(protocol: Protocol, factor: str, covariate: str) -> bool:
    """Return whether a covariate stands for a stratification factor (sex for sex, odi@baseline for odi_band)."""
    coding = protocol.analysis.coding.get(covariate)
    names = {covariate.partition("@")[0], *(coding.columns if coding else ())}
    return any(factor == name or factor.startswith(f"{name}_") or name.startswith(f"{factor}_") for name in names)
