"""Every rule of the loader (SYN-01 to SYN-15): a text that keeps it, a text that breaks it, and what is said to whoever mistypes a word."""

from pathlib import Path
from typing import NamedTuple

import pytest
from small_protocol import place_of, write_small_protocol

from odisea.errors import Problem, ProtocolError
from odisea.protocol.compose import DEEPEST, LARGEST_FILE, LONGEST_KEY, LONGEST_SCALAR, MOST_NODES
from odisea.protocol.load import MOST_FILES, load_protocol

P, S, O = "protocol.yaml", "scale.yaml", "own.yaml"  # noqa: E741
RULES = [f"SYN-{number:02}" for number in range(1, 16)]


class Case(NamedTuple):
    """A place of the small protocol, what keeps and what breaks the rule there, and which other rules are broken with it."""

    rule: str
    old: str
    good: str
    bad: str
    file: str = P
    companions: tuple[str, ...] = ()


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


CASES = [
    Case("SYN-01", "ratio: [2, 1, 1]", "ratio: [2, 1, 1], unit: cluster", "ratio: [2, 1, 1], ratio: [1, 1, 1]"),
    Case("SYN-01", "end, week: 12", "end, week: 12", "end, week: 12, week: 6"),
    Case("SYN-02", "ratio: [2, 1, 1]", 'ratio: [2, 1, 1], generation: "&a and *b and <<"', "ratio: &arms [2, 1, 1]"),
    Case("SYN-02", "per_arm: [80, 40, 40]", "per_arm: [80, 40, 40]", "per_arm: *arms"),
    Case("SYN-02", "attrition: 0.2", "attrition: 0.2", "<<: {attrition: 0.2}"),
    Case("SYN-02", "attrition: 0.2", "attrition: 0.2", "attrition: !!float 0.2"),
    Case("SYN-02", "trial: small", "trial: small # --- is no line of its own", "trial: small\n---\nother: document"),
    Case("SYN-02", "# A made-up trial for tests.\n", "# %YAML 1.1\n", "%YAML 1.1\n---\n"),
    Case("SYN-03", "text: Better", f"text: {'x' * LONGEST_SCALAR}", f"text: {'x' * (LONGEST_SCALAR + 1)}"),
    Case("SYN-03", "trial: small", f"trial: small # {nested(DEEPEST)}", f"trial: small\nx: {nested(DEEPEST)}"),
    Case("SYN-03", "trial: small", "trial: small", f"trial: small\nx: [{'1, ' * MOST_NODES}]"),
    Case("SYN-03", "trial: small", f"trial: small # {'x' * 100_000}", f"trial: small # {'x' * LARGEST_FILE}"),
    Case("SYN-03", "trial: small", "trial: small", f"trial: small\n{'k' * (LONGEST_KEY + 1)}: 1"),
    Case("SYN-03", "own.yaml]", "own.yaml, own.yaml]", f"{'own.yaml, ' * MOST_FILES}own.yaml]"),
    Case("SYN-04", "ratio: [2, 1, 1]", "ratio: [2, 1, 1]", "ratio: 2:1:1"),
    Case("SYN-04", "ISRCTN00000000", '"007"', "007"),
    Case("SYN-04", "ISRCTN00000000", '"0x1F"', "0x1F"),
    Case("SYN-04", "planned_n: 40", "planned_n: 4000", "planned_n: 4_000"),
    Case("SYN-05", "trial: small", "trial: small", "trial: small\n1: one"),
    Case("SYN-05", "trial: small", "trial: small", "trial: small\n{a: b}: one"),
    Case("SYN-05", "attrition: 0.2", "attrition: 2e-1", "attrition: .nan"),
    Case("SYN-05", "attrition: 0.2", "attrition: 0.2", "attrition: 1e999"),
    Case("SYN-06", "planned_n: 40", "planned_n: 40", "planned: 40"),
    Case("SYN-06", "label: Active,", "label: {en: Active, es: Activo},", "label: {en: Active, sp: Activo},", companions=("SYN-13",)),
    Case("SYN-06", "trial: small", "trial: small", "trial: small\ndictionary: {}"),
    Case("SYN-07", "kind: protocol", "kind: protocol", "kind: instrument"),
    Case("SYN-07", 'kind: protocol, schema: "1"', 'kind: protocol, schema: "1"', 'kind: protocol, schema: "2"'),
    Case("SYN-07", 'odisea: {kind: protocol, schema: "1"}', 'odisea: {schema: "1", kind: protocol}', "# nothing"),
    Case("SYN-08", "trial: small", "trial: small\nhypothesis:\n  difference: 0.5", "trial: small\nhypothesis:\n  difference: 0,5"),
    Case("SYN-08", "attrition: 0.2", "attrition: 0.2", "attrition: 20 %"),
    Case("SYN-08", "attrition: 0.2", "attrition: 0.2", "attrition: 0,2"),
    Case("SYN-09", "text: Better", "text: Más 🧬", "text: Bet\u200bter"),
    Case("SYN-09", "text: Better", "text: Better", "text: Bet\ufeffter"),
    Case("SYN-09", "text: Better", 'text: "Better\\n"', 'text: "Better\\u202e"'),
    Case("SYN-10", "attrition: 0.2", "attrition: not_stated", "attrition:"),
    Case("SYN-10", "attrition: 0.2", "attrition: {derived: 0.2, from: x}", "attrition: {derived: null, from: x}"),
    Case("SYN-10", "attrition: 0.2", "attrition: not_in_source", "attrition: {derived: not_stated, from: x}"),
    Case("SYN-10", "ISRCTN00000000", "not_stated", "not_statd"),
    Case("SYN-10", "ISRCTN00000000", "not stated in the paper", "Not-stated"),
    Case("SYN-10", "scale: scale.yaml", "scale: scale.yaml", "scale: ~"),
    Case("SYN-10", "end, week: 12", "end, week: 12", "end, week: null"),
    Case("SYN-11", "ratio: [2, 1, 1]", "ratio: [2, 1, 1]", "ratio: [2, 1, 1"),
    Case("SYN-11", "text: Better", "text: 'Better: much'", "text: Better: much"),
    Case("SYN-12", "attrition: 0.2", "attrition: {derived: 0.2, from: x}", "attrition: {proposed: 0.2, reason: x}"),
    Case("SYN-12", "attrition: 0.2", "attrition: 0.2", 'attrition: {proposed: 0.2, reason: x, by: me, date: "2026-01-01"}'),
    Case("SYN-13", ", label: Placebo", ", label: Placebo", ""),
    Case("SYN-13", "end, week: 12", "end, week: 12.5", "end, week: twelve"),
    Case("SYN-13", "planned_n: 40", "planned_n: 40", "planned_n: 40.5"),
    Case("SYN-13", "attrition: 0.2", "attrition: 0.2", "attrition: 20"),
    Case("SYN-13", "alpha: {proposed: 0.05, reason: usual}", "alpha: 0.05", "alpha: {proposed: 0.05}"),
    Case("SYN-13", "scale: scale.yaml", "scale: scale.yaml", "scale: 3"),
    Case("SYN-13", "    decade: ", "    age_in_decades: ", "    age@start: "),
    Case("SYN-13", "  plans:\n    main:", "  plans:\n    main_2:", "  plans:\n    main/2:"),
    Case("SYN-13", "description: Participant", 'description: Participant, pattern: "[a-z]+"', 'description: Participant, pattern: "["', O),
    Case("SYN-13", "description: Participant", "description: Participant", 'description: Participant, pattern: "[[a]"', O),
    Case("SYN-13", "description: Weight", "description: Weight", "description: Weight, pattern: x", O),
    Case("SYN-13", "age_years: {type: int,", "age_years: {type: int,", "age_years: {type: whole,", O),
    Case("SYN-14", "outcomes: [scale]}", "outcomes: [scale, cured]}", "outcomes: [mood]}"),
    Case("SYN-14", "ratio: [2, 1, 1]", "ratio: [1, 1, 1]", "ratio: [1, 1]"),
    Case("SYN-14", "{id: placebo,", "{id: sham,", "{id: active,"),
    Case("SYN-14", "columns: [first, second]", "columns: [second, first]", "columns: [first, third]", S),
    Case("SYN-14", "key: [participant_id, visit]", "key: [participant_id, visit]", "key: [participant_id, day]", O),
    Case("SYN-15", "scale: scale.yaml", "scale: ./scale.yaml", "scale: ruler.yaml"),
    Case("SYN-15", "own.yaml]", "own.yaml]", "own.yaml, /own.yaml]"),
    Case("SYN-15", "scale: scale.yaml", "scale: scale.yaml", f"scale: {'x' * 300}.yaml"),
    Case("SYN-15", "scale: scale.yaml", "scale: scale.yaml", 'scale: "a\\nb.yaml"'),
]


def problems(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(ProtocolError) as caught:
        load_protocol(path)
    return caught.value.problems


def case_id(case: Case) -> str:
    return f"{case.rule} {case.bad[:40]!r}".encode("ascii", "replace").decode()


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_text_that_keeps_the_rule_loads(case: Case, tmp_path: Path) -> None:
    load_protocol(write_small_protocol(tmp_path, {case.file: (case.old, case.good)}))


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_text_that_breaks_the_rule_is_refused_by_that_rule(case: Case, tmp_path: Path) -> None:
    found = problems(write_small_protocol(tmp_path, {case.file: (case.old, case.bad)}))
    assert {problem.rule for problem in found} == {case.rule, *case.companions}, found
    assert all(problem.where.startswith(str(tmp_path / case.file)) for problem in found)
    assert all(case.rule not in str(problem) for problem in found), "the rule is for machines, the words are for people"


def test_every_rule_has_a_case() -> None:
    assert sorted({case.rule for case in CASES}) == RULES


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"\xff\xfea: 1", "SYN-09"),
        ("a: México".encode("latin-1"), "SYN-09"),
        (b"a: 1\x00", "SYN-09"),
        (b"", "SYN-11"),
        (b"- a list", "SYN-11"),
        (b"just words", "SYN-11"),
        (b"a: '", "SYN-11"),
        (b"#" * (LARGEST_FILE + 1), "SYN-03"),
    ],
)
def test_files_that_are_no_declarations_break_one_rule(content: bytes, rule: str, tmp_path: Path) -> None:
    (tmp_path / P).write_bytes(content)
    assert [problem.rule for problem in problems(tmp_path / P)] == [rule]


def test_a_protocol_that_is_not_there_breaks_the_rule_of_named_files(tmp_path: Path) -> None:
    assert [problem.rule for problem in problems(tmp_path / "absent.yaml")] == ["SYN-15"]
    assert [problem.rule for problem in problems(tmp_path)] == ["SYN-15"]
    assert [problem.rule for problem in problems(tmp_path / ("x" * 300))] == ["SYN-15"]


# ---------------------------------------------------------------- did you mean


@pytest.mark.parametrize(
    ("file", "old", "new", "at", "meant"),
    [
        (P, "sample_size: {", "sampel_size: {", "sampel_size", "sample_size"),
        (P, "planned_n: 40", "planned: 40", "planned", "planned_n"),
        (P, "randomisation: {ratio", "randomisation: {ration", "ration: [", "ratio"),
        (P, "text: Better", "txt: Better", "txt", "text"),
        (P, "week: 12, ", "weeks: 12, ", "weeks", "week"),
        (P, "alpha: {proposed: 0.05", "alhpa: {proposed: 0.05", "alhpa", "alpha"),
        (P, "imputation: {variables: [scale@start, age], m: 5}", "imputation: {variables: [scale@start, age], mm: 5}", "mm", "m"),
        (
            P,
            "outcome: cured, visit: end, contrast: active_vs_usual,",
            "outcome: cured, visit: end, contrst: active_vs_usual,",
            "contrst",
            "contrast",
        ),
        (S, "minimum_answered", "minimum_answerd", "minimum_answerd", "minimum_answered"),
        (O, "{type: num, description", "{type: num, descripcion", "descripcion", "description"),
    ],
)
def test_an_unknown_field_is_answered_with_the_nearest_known_one(
    file: str, old: str, new: str, at: str, meant: str, tmp_path: Path
) -> None:
    found = problems(write_small_protocol(tmp_path, {file: (old, new)}))
    lines = [str(problem) for problem in found if problem.rule == "SYN-06"]
    assert len(lines) == 1, found
    assert lines[0].startswith(f"{place_of(tmp_path / file, at)}: unknown field ")
    assert lines[0].endswith(f"Did you mean {meant}?")


@pytest.mark.parametrize(
    ("old", "new", "at", "meant"),
    [
        ("alpha: {proposed: 0.05", "alpha: {proposd: 0.05", "proposd", "Did you mean proposed?"),
        ("sex: {proposed: {kind", "sex: {propose: {kind", "propose: {kind", "Did you mean proposed?"),
        ("attrition: 0.2", "attrition: {deriveed: 0.2, from: x}", "deriveed", "Did you mean derived?"),
        ("attrition: 0.2", "attrition: {derived: 0.2, form: x}", "{derived: 0.2", "Did you mean from where form stands?"),
        ("alpha: {proposed: 0.05, reason", "alpha: {proposed: 0.05, reasn", "{proposed: 0.05", "Did you mean reason where reasn stands?"),
        (
            "scale: {proposed: {improvement_of_at_least",
            "scale: {proposed: {improvement_of_atleast",
            "improvement_of_atleast",
            "improvement_of_at_least?",
        ),
        ("attrition: 0.2", "attrition: not_statd", "not_statd", "Did you mean not_stated?"),
        ("randomisation: {ratio", "randomisation: {method: permuted_block, ratio", "permuted_block", "Did you mean permuted_blocks?"),
        ("kind: binary, level: secondary", "kind: binary, level: secundary", "secundary", "Did you mean secondary?"),
        ("label: Scale, kind: continuous", "label: Scale, kind: continous", "continous", "Did you mean continuous?"),
        (
            "visit: end, contrast: active_vs_usual, method: ancova",
            "visit: end, contrast: active_vs_usual, method: ancva",
            "ancva",
            "Did you mean ancova?",
        ),
        ("objective: main", "objective: maine", "maine", "Did you mean main?"),
        ("arm: active,", "arm: actve,", "actve", "Did you mean active?"),
        (
            "contrast: active_vs_usual, outcome: scale, visit: end}",
            "contrast: active_vs_usual, outcome: scale, visit: edn}",
            "edn",
            "Did you mean end?",
        ),
        ("covariates: [scale@start, age, sex]", "covariates: [scale@strat, age, sex]", "scale@strat", "Did you mean scale@start?"),
        ("column: start_weight", "column: start_wieght", "{kind: continuous, column: start_wieght", "Did you mean start_weight?"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_nearest_allowed_one(old: str, new: str, at: str, meant: str, tmp_path: Path) -> None:
    lines = [str(problem) for problem in problems(write_small_protocol(tmp_path, {P: (old, new)}))]
    answered = [line for line in lines if line.endswith(meant)]
    assert len(answered) == 1, lines
    assert answered[0].startswith(f"{place_of(tmp_path / P, at)}: ")


def test_a_word_that_is_near_to_nothing_gets_no_guess(tmp_path: Path) -> None:
    (problem,) = problems(write_small_protocol(tmp_path, {P: ("outcomes: [scale]}", "outcomes: [mood]}")}))
    assert "Did you mean" not in str(problem)
    (problem,) = problems(write_small_protocol(tmp_path, {P: ("trial: small", "trial: small\nqqqqqq: 1")}))
    assert str(problem).endswith("Delete it, or use one of these")


# ---------------------------------------------------------------- a fault is one line, whatever stands in the file


def test_what_a_file_holds_can_neither_break_the_line_nor_drown_it(tmp_path: Path) -> None:
    line = str(Problem("a\nb.yaml:1:1", "found \x1b[31m", "\u202e", "x" * 5_000))
    assert line.isprintable()
    assert line.startswith("a\\nb.yaml:1:1: found \\x1b[31m; \\u202e. xxx")
    assert len(line) < 1_200
    (problem,) = problems(write_small_protocol(tmp_path, {P: ("planned_n: 40", f"planned_n: {'x' * 30_000}")}))
    assert len(str(problem)) < 400


def test_at_most_a_hundred_problems_are_told_at_once(tmp_path: Path) -> None:
    unknown = "".join(f"field_{number}: 1\n" for number in range(500))
    assert len(problems(write_small_protocol(tmp_path, {P: ("trial: small\n", f"trial: small\n{unknown}")}))) == 100
