"""The catalogue as data: complete in both languages, the same numbers and placeholders, references that say how they were checked."""

import re
from collections import Counter
from string import Formatter

import pytest

from odisea.protocol.model import Protocol
from odisea.protocol.rules.catalogue import RULES
from odisea.protocol.rules.rule import KINDS, SEVERITIES, Rule
from odisea.protocol.rules.standards import STANDARDS, cite, split
from odisea.protocol.rules.texts import FIELDS, LANGUAGES, read_texts
from odisea.protocol.validate import known_fields

ENGLISH, SPANISH = read_texts("en"), read_texts("es")
ENDS = {"message": ".", "why": ".", "fix": ".", "ask": "?"}
# What is written in words or as a sign in one language and needs no digit in the other.
QUOTATION_MARKS = re.compile(r"[“”\"«»]")


def placeholders(text: str) -> Counter[str]:
    return Counter(name for _, name, _, _ in Formatter().parse(text) if name)


def digits(text: str) -> list[str]:
    return sorted(re.findall(r"\d+(?:\.\d+)?", re.sub(r"\{\w+\}", "", text)))


def test_identifiers_are_unique_and_numbered_without_holes() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES) >= 120
    for domain in {rule.domain for rule in RULES}:
        numbers = sorted(int(rule.id.partition("-")[2]) for rule in RULES if rule.domain == domain)
        assert numbers == list(range(1, len(numbers) + 1)), domain


def test_both_languages_have_texts_for_exactly_these_rules() -> None:
    assert set(ENGLISH) == set(SPANISH) == {rule.id for rule in RULES} | {"engine"}


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_the_texts_of_a_rule_are_complete(rule: Rule) -> None:
    wanted = set(FIELDS) - ({"ask"} if rule.severity == "information" else set())
    for language in LANGUAGES:
        texts = read_texts(language)[rule.id]
        assert wanted <= set(texts) <= set(FIELDS)
        for field, end in ENDS.items():
            if field in texts:
                assert texts[field].rstrip().endswith((end, "}")), (language, field)
        assert not texts["title"].endswith(".")
    if "ask" in SPANISH[rule.id]:
        assert "¿" in SPANISH[rule.id]["ask"]


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_both_languages_have_the_same_placeholders_and_numbers(rule: Rule) -> None:
    for field in FIELDS:
        english, spanish = ENGLISH[rule.id].get(field, ""), SPANISH[rule.id].get(field, "")
        assert set(placeholders(english)) == set(placeholders(spanish)), field
        assert digits(english) == digits(spanish), field


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_a_rule_is_declared_with_what_the_catalogue_shows(rule: Rule) -> None:
    assert rule.severity in SEVERITIES
    assert rule.kind in KINDS
    assert (rule.check.__doc__ or "").rstrip().endswith(".")
    for reference in rule.references:
        assert split(reference)[0].citation
    if rule.kind == "gap":
        assert rule.severity == "question", "what is unknown is a question"


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.domain not in {"SYN", "GAP", "PRP", "WVR"}], ids=lambda rule: rule.id)
def test_a_rule_reads_fields_that_exist(rule: Rule) -> None:
    assert rule.reads
    for pointer in rule.reads:
        assert exists(pointer), pointer


def exists(pointer: str) -> bool:
    """Whether a pointer, with `*` for any name or number, stands in the model."""
    steps = pointer.split("/")[1:]
    while steps and steps[-1] == "*":
        steps.pop()
    return not steps or steps[-1] in known_fields(Protocol, tuple(steps[:-1]))


def test_every_standard_says_how_its_text_was_checked() -> None:
    for name, standard in STANDARDS.items():
        assert standard.standing in {"verified", "second_hand", "recalled"}, name
        marked = cite(f"{name}:1", "en").endswith(("(read at second hand)", "(recalled, not re-read)"))
        assert marked == (standard.standing != "verified"), name


def test_what_is_recalled_is_never_printed_as_a_quotation() -> None:
    recalled = {rule.id for rule in RULES if any(split(reference)[0].standing != "verified" for reference in rule.references)}
    for rule_id in recalled:
        for language in LANGUAGES:
            for field, text in read_texts(language)[rule_id].items():
                outside = re.sub(r"«\{\w+\}»|\"\{\w+\}\"", "", text)
                assert not QUOTATION_MARKS.search(outside), (rule_id, language, field)
