"""One estimate in words: whose it is, its numbers on the scale that readers use, its variance and its flags."""

import math
import re
from collections.abc import Callable, Iterator

from odisea.protocol.methods import REFERENCE_BASED
from odisea.protocol.model import AnalysisSpec, Protocol
from odisea.report.case import named, within
from odisea.report.content import Listing, Number, Phrase, Plain, Trace, say
from odisea.report.numbers import DASH, Traced, fixed, percent, whole
from odisea.report.trial_files import ESTIMATES, EstimateRow, TrialResult, at

Placed = tuple[int, EstimateRow]
Key = tuple[str, str, str]
RATIOS = ("log_odds_ratio", "log_risk_ratio", "marginal_log_odds_ratio")
APART = ("tipping_point", "subgroup")  # methods whose rows are told by themselves, not among the estimates of the effect
TOLD_ELSEWHERE = ("filled", "exploratory", "no_tipping_within_scale", "not_significant_without_delta", "rerandomised", "exact")


def grouped(result: TrialResult, *measures: str) -> dict[Key, list[Placed]]:
    """Return the estimates of some measures by outcome, visit and contrast; rows that are told apart are left out."""
    groups: dict[Key, list[Placed]] = {}
    for place, row in result.rows(*measures):
        if row.method not in APART:
            groups.setdefault((row.outcome, row.visit, row.contrast), []).append((place, row))
    return groups


def spec_of(result: TrialResult, row: EstimateRow) -> AnalysisSpec:
    """Return the declaration of an estimate's analysis."""
    plan, name = row.analysis.split(".", 1)
    return next(spec for spec in result.protocol.analysis.plans[plan].analyses if spec.id == name)


def plan_of(row: EstimateRow) -> str:
    """Return the identifier of an estimate's plan."""
    return row.analysis.split(".", 1)[0]


def plan_label(result: TrialResult, row: EstimateRow) -> Phrase:
    """Return the name of an estimate's plan."""
    return result.protocol.analysis.plans[plan_of(row)].label


def side(result: TrialResult, row: EstimateRow, which: str) -> Phrase:
    """Return the name of the `arm` or the `reference` of an estimate's contrast, as within a sentence."""
    arm = getattr(result.protocol.contrast(row.contrast), which)
    return within(result.protocol.arm(arm).label)


def level_of(place: int, row: EstimateRow) -> Phrase:
    """Return the confidence level in percent."""
    return percent(at(ESTIMATES, f"/estimates/{place}/alpha", row.alpha).follows("one minus", lambda alpha: 1 - alpha), 0)


def has_rule(result: TrialResult, row: EstimateRow) -> bool:
    """Return whether a rule of the plan makes the compared people responders; else the outcome itself is yes or no."""
    return row.measure != "mean_difference" and row.outcome in result.protocol.analysis.plans[plan_of(row)].responder


def better_end(result: TrialResult, row: EstimateRow) -> str | None:
    """Return which end of what is compared is the better one: a higher share of responders, or the outcome's own."""
    return "higher_better" if has_rule(result, row) else result.protocol.outcomes[row.outcome].direction


def numbers_analysed(result: TrialResult, place: int) -> Phrase:
    """Return the numbers analysed of both arms, or in all where the arms are not told apart."""
    parts = [result.number(place, name) for name in ("n_analysed_arm", "n_analysed_reference")]
    if all(part.known for part in parts):
        return say("means.pair", arm=whole(parts[0]), reference=whole(parts[1]))
    return whole(result.number(place, "n_analysed"))


def shown(number: Traced, measure: str) -> Phrase:
    """Print an estimate on the scale that readers use: ratios and percentage points."""
    if measure in RATIOS:
        return fixed(number.follows("exponential", math.exp), 2) if number.known else DASH
    return percent(number) if measure == "risk_difference" else fixed(number, 2)


def interval_of(low: Traced, high: Traced, measure: str) -> Phrase:
    """Print confidence limits; a dash for the limit that does not exist."""
    if not low.known and not high.known:
        return DASH
    return say("means.between", low=shown(low, measure), high=shown(high, measure))


def variance_of(row: EstimateRow, name: str = "") -> Phrase:
    """Return the variance in words; those of reference-based imputation by the question that they answer."""
    name = name or row.variance
    if row.missing_data in REFERENCE_BASED:
        name = "repeated_sampling" if name == "jackknife" else "information_anchored"
    return named("variance", name) if name else DASH


def variable_label(protocol: Protocol, name: str) -> Phrase:
    """Return a variable of an analysis in words: CODING, CODING=LEVEL, OUTCOME@VISIT, or a count of records."""
    coding_name, _, level = name.partition("=")
    if level and coding_name in protocol.analysis.coding:
        return say("cell.level", name=within(protocol.analysis.coding[coding_name].label), level=named("code", level))
    if name in protocol.analysis.coding:
        return within(protocol.analysis.coding[name].label)
    if name in protocol.analysis.counts:
        return within(protocol.analysis.counts[name].label)
    outcome, _, visit = name.partition("@")
    if outcome in protocol.outcomes and visit in {one.id for one in protocol.schedule.visits}:
        return say("cell.outcome_at", outcome=within(protocol.outcomes[outcome].label), visit=within(protocol.visit(visit).label))
    return Plain(name)


def flags_of(result: TrialResult, place: int) -> Phrase:
    """Return a row's flags in words; why there is no estimate comes first."""
    row = result.estimates.estimates[place]
    items: list[Phrase] = []
    if row.status != "ok":
        items.append(say("flags.why", status=named("status_means", row.status), reason=_reason(row.reason)))
    items += _flag_words(result, place)
    return Listing(tuple(items), "semicolons") if items else say("flags.no_flag")


def flag_kinds(result: TrialResult) -> tuple[str, ...]:
    """Return the kinds of flags that stand in the tables, each once."""
    kinds = (flag.partition(":")[0] for row in result.estimates.estimates for flag in row.flags)
    return tuple(kind for kind in dict.fromkeys(kinds) if kind not in TOLD_ELSEWHERE)


def _flag_words(result: TrialResult, place: int) -> Iterator[Phrase]:
    for number, flag in enumerate(result.estimates.estimates[place].flags):
        kind, _, detail = flag.partition(":")
        if kind in TOLD_ELSEWHERE:
            continue
        words = DETAILED.get(kind)
        yield words(result, detail.strip(), Trace(ESTIMATES, f"/estimates/{place}/flags/{number}")) if words else named("flag", kind)


def _aliased(result: TrialResult, detail: str, place: Trace) -> Phrase:
    """Name a covariate that was dropped: everywhere, from the interaction with the arm, or at some visits of a model."""
    product, at_visits = re.fullmatch(r"arm x (.+)", detail), re.fullmatch(r"(.+) at visit ([\d, ]+) of the model", detail)
    if product:
        name: Phrase = say("flags.times_arm", name=variable_label(result.protocol, product.group(1)))
    elif at_visits:
        name = say("flags.at_visits", name=variable_label(result.protocol, at_visits.group(1)), visits=Plain(at_visits.group(2)))
    else:
        name = variable_label(result.protocol, detail)
    return say("flags.aliased", name=name)


def _auxiliary(result: TrialResult, detail: str, place: Trace) -> Phrase:
    """Name an auxiliary that was left out, in which arm and why: `NAME in ARM, WHY`."""
    name, _, rest = detail.partition(" in ")
    arm, _, why = rest.partition(", ")
    known = next((within(one.label) for one in result.protocol.arms if one.id == arm), Plain(arm))
    return say("flags.auxiliary", name=variable_label(result.protocol, name), arm=known, why=named("auxiliary_why", why))


def _arm(result: TrialResult, detail: str, place: Trace) -> Phrase:
    known = next((within(one.label) for one in result.protocol.arms if one.id == detail), Plain(detail))
    return say("flags.observation_model", arm=known)


def _counted(key: str, *names: str) -> Callable[[TrialResult, str, Trace], Phrase]:
    """Return the words of a flag with one count, or with two: `3 of 20`."""

    def words(result: TrialResult, detail: str, place: Trace) -> Phrase:
        found = re.findall(r"\d+", detail)
        if len(found) < len(names):
            return Plain(detail, "en")
        trace = Trace(place.file, place.at, "number in the flag")
        return say(key, **{name: Number(digits, float(digits), trace) for name, digits in zip(names, found, strict=False)})

    return words


DETAILED: dict[str, Callable[[TrialResult, str, Trace], Phrase]] = {
    "aliased": _aliased,
    "auxiliary_dropped": _auxiliary,
    "model of being observed": _arm,
    "separated_imputations": _counted("flags.separated_imputations", "n", "total"),
    "gaps": _counted("flags.gaps", "n"),
    "no_mean_to_carry": _counted("flags.no_mean_to_carry", "n"),
    "no outcome": _counted("flags.no_outcome", "n"),
    "filled baseline": _counted("flags.filled_baseline", "n"),
}


def _reason(reason: str) -> Phrase:
    words = named("reason", reason)
    return Plain(reason, "en") if isinstance(words, Plain) else words
