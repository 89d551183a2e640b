"""Run the rules: each ends as passed, failed, not_run or not_applicable; what could not be run is never a pass."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from odisea.protocol.labels import FIELDS, SECTIONS
from odisea.protocol.rules.finding import Finding, Fix, Said
from odisea.protocol.rules.rule import CannotRun, Case, Hit, NotApplicable, Rule
from odisea.protocol.rules.standards import cite
from odisea.protocol.rules.texts import LANGUAGES, read_texts, said, shown

State = Literal["passed", "failed", "not_run", "not_applicable"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one rule.

    Parameters
    ----------
    state : str
        `failed` where it has findings.
    reason : Said or None
        Why it was not run or does not apply.
    pointers : tuple of str
        The gaps, or the facts of the design, behind that.
    """

    rule: Rule
    state: State
    hits: tuple[Hit, ...] = ()
    reason: Said | None = None
    pointers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcomes of all rules and their findings."""

    outcomes: tuple[Outcome, ...]
    findings: tuple[Finding, ...]

    @property
    def not_run(self) -> tuple[dict[str, Any], ...]:
        """The rules that could not be run, as `findings.json` lists them."""
        return tuple(
            {"rule_id": each.rule.id, "reason": _plain(each.reason), "gaps": list(each.pointers)}
            for each in self.outcomes
            if each.state == "not_run"
        )


def evaluate(case: Case, rules: Iterable[Rule]) -> Evaluation:
    """Return what rules say of a case.

    The gap of a value is said once: where a rule speaks of it, the general finding on that gap is left out.
    """
    ended = tuple(run(each, case) for each in rules)
    spoken = {pointer for each in ended if each.rule.domain != "GAP" for hit in each.hits for pointer in (hit.pointer, *hit.covers)}
    outcomes = tuple(_unspoken(each, spoken) if each.rule.domain == "GAP" else each for each in ended)
    return Evaluation(outcomes, tuple(finding(case, each.rule, hit) for each in outcomes for hit in each.hits))


def _unspoken(outcome: Outcome, spoken: set[str]) -> Outcome:
    """Return the outcome of a rule on gaps without those that another rule speaks of."""
    hits = tuple(hit for hit in outcome.hits if hit.pointer not in spoken)
    return replace(outcome, hits=hits, state="failed" if hits else "passed")


def run(rule: Rule, case: Case) -> Outcome:
    """Return the outcome of one rule; what it found before it met a gap counts."""
    missing = [name for name in rule.needs if name not in case.inputs]
    if missing:
        return Outcome(rule, "not_run", reason=said("engine", "no_input", {"inputs": tuple(missing)}))
    hits: list[Hit] = []
    try:
        for hit in rule.check(case):
            hits.append(hit)
    except CannotRun as cannot:
        if not hits:
            return Outcome(rule, "not_run", (), said("engine", "gaps", {"pointers": named(cannot.pointers)}), cannot.pointers)
    except NotApplicable as absent:
        if not hits:
            reason = said("engine", "not_applicable", {"pointers": named(absent.pointers)})
            return Outcome(rule, "not_applicable", (), reason, absent.pointers)
    return Outcome(rule, "failed" if hits else "passed", tuple(hits))


def named(pointers: tuple[str, ...]) -> Said:
    """Return pointers as readers know them: what the field is called, with its place in brackets."""
    return Said(*("; ".join(_named(pointer, language) for pointer in pointers) for language in LANGUAGES))


def _named(pointer: str, language: str) -> str:
    last = pointer.rpartition("/")[2]
    label = FIELDS.get(last) or SECTIONS.get(last)
    return f"{label.in_language(language)} ({pointer})" if label else pointer


def finding(case: Case, rule: Rule, hit: Hit) -> Finding:
    """Return a hit as a finding: at its place, in both languages."""
    document, rest = case.located.origin(hit.pointer)
    path = hit.pointer if document is case.located.document else f"{case.located.name_of(document)}#{rest}"
    place = document.place(rest)
    values = {"observed": hit.observed, "path": path, **hit.values}
    return Finding(
        rule_id=rule.id,
        severity=rule.severity,
        spec_path=path,
        line=place.line,
        observed=shown(hit.observed),
        expected=said(rule.id, "expected", values),
        message=_message(rule, hit, values),
        why=said(rule.id, "why", values),
        standard_ref="; ".join(cite(reference, "en") for reference in rule.references) or None,
        suggested_fix=_fix(rule, hit, values),
        evidence=hit.evidence,
        waiver=None,
        column=place.column,
        domain=rule.domain,
        kind=rule.kind,
        title=said(rule.id, "title", values),
        ask=said(rule.id, "ask", values) if "ask" in read_texts("en")[rule.id] else None,
        references=tuple(Said(cite(each, "en"), cite(each, "es")) for each in rule.references),
    )


def _message(rule: Rule, hit: Hit, values: dict[str, Any]) -> Said:
    """Return the message; a gap of our copy of the source is told apart from silence of the source."""
    text = said(rule.id, "message", values)
    if rule.domain == "GAP" or shown(hit.observed) != "not_in_source":
        return text
    copy = said("engine", "not_in_source", {})
    return Said(f"{text.en} {copy.en}", f"{text.es} {copy.es}")


def _fix(rule: Rule, hit: Hit, values: dict[str, Any]) -> Fix:
    words = said(rule.id, "fix", values)
    return Fix(words.en, words.es, hit.patch)


def _plain(text: Said | None) -> dict[str, str]:
    return {"en": text.en, "es": text.es} if text else {"en": "", "es": ""}
