"""What the rules on sample size read off a protocol: which outcome, which groups, which primary analysis."""

from typing import NamedTuple

from odisea.protocol.compose import child
from odisea.protocol.fact import Text
from odisea.protocol.model import Outcome, Protocol
from odisea.protocol.rules.analysis import Placed, plans_of_the_source
from odisea.protocol.rules.rule import CannotRun, Case, NotApplicable, known

AT = "/sample_size"
ATTRITION = f"{AT}/attrition"
WITH_MARGIN = ("non_inferiority", "equivalence")
ILLUSTRATED_ICC, ILLUSTRATED_GROUP = 0.02, 10


def outcome_of(protocol: Protocol) -> Outcome | None:
    """Return the outcome that the calculation is for: the one that it names, else the only primary one."""
    if protocol.sample_size.outcome is not None:
        return protocol.outcomes[protocol.sample_size.outcome]
    primary = [outcome for outcome in protocol.outcomes.values() if outcome.level == "primary"]
    return primary[0] if len(primary) == 1 else None


def expected_loss(case: Case) -> float:
    """Return the expected attrition; CannotRun where it is a gap."""
    return known(case.protocol.sample_size.attrition, ATTRITION)


def of_target(protocol: Protocol) -> Text:
    """Return how large the target difference is, as the end of a phrase; empty where it is a gap."""
    target = protocol.sample_size.target_difference.value
    return Text(en="", es="") if target is None else Text(en=f" of {target:g}", es=f" de {target:g}")


def require_same_outcome(protocol: Protocol, pointer: str, name: str | None) -> None:
    """Raise where another section is not known to speak of the outcome of the calculation."""
    absent = [each for each, value in ((pointer, name), (f"{AT}/outcome", protocol.sample_size.outcome)) if value is None]
    if absent:
        raise CannotRun(*absent)
    if name != protocol.sample_size.outcome:
        raise NotApplicable(pointer, f"{AT}/outcome")


def target_and_important(protocol: Protocol) -> tuple[float, float]:
    """Return the target difference and the important difference between arms of the same outcome."""
    important = protocol.important_difference
    target = known(protocol.sample_size.target_difference, f"{AT}/target_difference")
    value = known(important.value, "/important_difference/value")
    require_same_outcome(protocol, "/important_difference/outcome", important.outcome)
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


def grouping_of(protocol: Protocol) -> Grouping | None:
    """Return how participants are grouped, None where they are known not to be; CannotRun where nothing says."""
    size = protocol.sample_size
    if protocol.randomisation.unit.value == "cluster":
        return Grouping(
            Text(en="whole clusters are randomised", es="se aleatorizan conglomerados completos"), size.cluster_size.value, True
        )
    found = [each for name in _interventions_given(protocol) if (each := _group_of(protocol, name)) is not None]
    if found:
        return max(found, key=lambda each: (each.certain, each.size or 0.0))
    unknown = [] if protocol.randomisation.unit.known else ["/randomisation/unit"]
    unknown += [] if _interventions_given(protocol) else ["/interventions"]
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
        return Grouping(Text(en=f'"{each.label.en}" is given in groups', es=f"«{each.label.es}» se imparte en grupo"), size, True)
    if _format_unknown(protocol, name) and each.programme and each.programme.live_sessions_per_week.value:
        words = Text(
            en=f'"{each.label.en}" has live sessions, and it is not said whether they are given in groups',
            es=f"«{each.label.es}» incluye sesiones en vivo y no se dice si se imparten en grupo",
        )
        return Grouping(words, None, False)
    return None


def design_effect(protocol: Protocol, size: float | None) -> Text:
    """Return by how much groups inflate the number: as stated, else by way of illustration."""
    icc = protocol.sample_size.icc.value
    rho, members = ILLUSTRATED_ICC if icc is None else icc, size or ILLUSTRATED_GROUP
    factor = 1 + (members - 1) * rho
    return Text(
        en=f"with groups of {members:g} and an intracluster correlation of {rho:g}, the number needed is multiplied by {factor:.2f}",
        es=f"con grupos de {members:g} y una correlación intraconglomerado de {rho:g}, el número necesario se multiplica por {factor:.2f}",
    )


def primary_analyses(protocol: Protocol) -> tuple[Placed, ...]:
    """Return the primary analyses of the source's plans that are of the outcome of the calculation."""
    name = protocol.sample_size.outcome
    return tuple(
        Placed(place, plan, f"{place}/analyses/{index}", spec)
        for place, plan in plans_of_the_source(protocol).items()
        for index, spec in enumerate(plan.analyses)
        if spec.role == "primary" and name in (None, spec.outcome)
    )


def is_test_of(named: str, analysis: Placed) -> bool | None:
    """Return whether the test that the calculation names is the one of an analysis; None where the name is not known to us."""
    from odisea.protocol.claims.candidate import names_formula  # loads SciPy

    if "logi" in named.lower():
        return analysis.spec.method == "logistic"
    if analysis.spec.method == "logistic":
        return names_formula(named, "proportions_pooled")
    wanted = ("ancova",) if analysis.covariates else ("t", "z", "anova_f")
    answers = [names_formula(named, formula) for formula in wanted]
    return None if None in answers else any(answers)


def use_of_baseline(protocol: Protocol) -> Text:
    """Return whether a primary analysis uses the baseline value of its outcome, in words."""
    for each in primary_analyses(protocol):
        covariates = each.plan.covariates.value if each.spec.covariates is None else each.spec.covariates
        if f"{each.spec.outcome}@{protocol.outcomes[each.spec.outcome].baseline}" in (covariates or ()):
            return Text(en="the primary analysis adjusts for the baseline value", es="el análisis primario ajusta por el valor inicial")
    return Text(
        en="the primary analysis does not use the baseline value so far", es="hasta ahora el análisis primario no usa el valor inicial"
    )
