"""Loading a protocol: what its parts must agree on, each disagreement at its place."""

import re
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_protocol import FILES, place_of, write_small_protocol

from odisea.errors import Problem, ProtocolError
from odisea.protocol.load import load_located_protocol, load_protocol
from odisea.protocol.model import Protocol

P, S, C, O = "protocol.yaml", "scale.yaml", "core.yaml", "own.yaml"  # noqa: E741


def problems(path: Path) -> list[str]:
    with pytest.raises(ProtocolError) as caught:
        load_protocol(path)
    return [str(problem) for problem in caught.value.problems]


def test_a_small_protocol_loads_with_what_it_names(tmp_path: Path) -> None:
    protocol = load_protocol(write_small_protocol(tmp_path))
    assert protocol.arm_ids == ("active", "placebo", "usual")
    assert protocol.source == tmp_path / P
    assert protocol.instruments["scale"].items is not None
    assert protocol.dictionary.column("visits.csv", "visit").codes == ("start", "end")
    assert protocol.dictionary.column("visits.csv", "reason").codes == ("unknown",)
    assert list(protocol.dictionary.files["participants.csv"].columns) == ["participant_id", "age_years", "sex", "start_weight"]
    assert protocol.harms.definition.status == "not_stated"


def test_an_outcome_takes_unit_range_step_and_direction_from_its_instrument(tmp_path: Path) -> None:
    outcome = load_protocol(write_small_protocol(tmp_path)).outcomes["scale"]
    assert (outcome.unit, outcome.direction) == ("points", "lower_better")
    assert (outcome.range.value, outcome.range.status, str(outcome.range.reason)) == ((0.0, 100.0), "derived", "Scale")
    assert outcome.resolution.value == 0.1


def test_places_are_found_in_the_protocol_and_in_the_files_it_names(tmp_path: Path) -> None:
    path = write_small_protocol(tmp_path)
    located = load_located_protocol(path)
    assert located.where("/sample_size/attrition") == place_of(path, "0.2}")
    assert located.where("/analysis/coding/sex/levels/codes/1") == place_of(path, "male]}, reference")
    assert located.where("/instruments/scale/minimum_answered/proposed") == place_of(tmp_path / S, "2, reason")
    assert located.where("/export/dictionaries/1/files/items.csv/columns/second") == place_of(
        tmp_path / O, "{type: int, range: [0, 4], description: Second"
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "at", "message"),
    [
        (
            P,
            "arm: active,",
            "arm: actve,",
            "actve,",
            "actve is no arm; known are active, placebo, usual. Use a declared name, or declare this one",
        ),
        (P, "reference: usual,", "reference: active,", "{id: active_vs_usual", "contrasts.0: arm and reference are both active"),
        (P, "{id: placebo,", "{id: active,", "active, label: Placebo", "the arm active is declared twice; identifiers are unique"),
        (P, "interventions: [exercise]", "interventions: [yoga]", "yoga", "yoga is no intervention; known are exercise"),
        (P, "week: 12", "week: 0", "0, label: End", "visit end (week 0) does not follow start (week 0); visits stand in order of time"),
        (
            P,
            "visits: [start, end], baseline: start}\n  cured",
            "visits: [start, fin], baseline: start}\n  cured",
            "fin]",
            "fin is no visit",
        ),
        (
            P,
            "visits: [start, end], baseline: start}\n  cured",
            "visits: [end], baseline: start}\n  cured",
            "start}\n  cured",
            "baseline start is no visit of",
        ),
        (P, "instrument: scale,", "instrument: ladder,", "ladder", "ladder is no instrument; known are scale"),
        (P, "arms: [active]}", "arms: [all]}", "all]}", "all is no arm"),
        (P, "outcomes: [scale]}", "outcomes: [mood]}", "mood", "mood is no outcome; known are scale, cured, logins"),
        (P, "objective: main", "objective: side", "side", "side is no objective"),
        (
            P,
            "ratio: [2, 1, 1]",
            "ratio: [1, 1]",
            "[1, 1]}",
            "found [1, 1]; 3 arms need 3 whole numbers of 1 or more, in their order. Such as [1, 1, 1]",
        ),
        (P, "ratio: [2, 1, 1]", "ratio: [1, 0, 1]", "[1, 0, 1]", "found [1, 0, 1]"),
        (P, "per_arm: [80, 40, 40]", "per_arm: [80, 80]", "[80, 80]", "found [80, 80]; 3 arms need 3 whole numbers"),
        (P, "attrition: 0.2", "attrition: 20", "20}", "20 is no proportion; a number between 0 and 1 is needed. Write 0.4 for 40 %"),
        (
            P,
            "column: start_weight",
            "column: weight_kg",
            "{kind: continuous, column: weight_kg",
            "weight_kg is no column of participants.csv; known are participant_id, age_years",
        ),
        (
            P,
            "column: start_weight",
            "column: sex",
            "{kind: continuous, column: sex",
            "column sex of participants.csv has type cat; this coding needs type int or num",
        ),
        (
            P,
            "column: age_years, label",
            "classes: {column: age_years, levels: {a: [0, 1]}}, label",
            "{kind: continuous, classes",
            "kind is continuous",
        ),
        (
            P,
            "codes: [female, male]",
            "codes: [female, other]",
            "other]",
            "other is no code of the column sex; known are female, male",
        ),
        (P, "old: [40, 90]", "old: [39, 90]", "{column: age_years, levels", "levels young and old overlap at 39"),
        (P, "reference: young", "reference: middle", "{kind: categorical, classes", "reference is middle; one of young, old is needed"),
        (
            P,
            "covariates: [scale@start, age, sex]",
            "covariates: [scale@start, bmi]",
            "bmi]",
            "bmi is no coding or OUTCOME@VISIT; known are age, weight, sex",
        ),
        (P, "covariates: [scale@start, age, sex]", "covariates: [scale@end, age]", "scale@end", "scale@end is the analysed outcome itself"),
        (
            P,
            "covariates: [scale@start, age, sex]",
            "covariates: [weight]",
            "weight]",
            "weight is not recorded in the arm usual; analysis ancova needs it",
        ),
        (
            P,
            "variables: [scale@start, age]",
            "variables: [age, logins@start]",
            "logins@start",
            "logins@start is not recorded in the arm usual",
        ),
        (P, "variables: [scale@start, age]", "variables: [mood@start]", "mood@start", "mood@start is no coding or OUTCOME@VISIT"),
        (P, "m: 5", "m: 1", "{variables", "m is 1; pooling needs at least 2 imputations"),
        (P, "proposed: 0.05", "proposed: 5", "main:\n      label", "alpha is 5; a number between 0 and 1 is needed"),
        (P, "scale: {proposed", "mood: {proposed", "{proposed: {improvement", "mood is no outcome"),
        (
            P,
            "scale: {proposed",
            "cured: {proposed",
            "{proposed: {improvement",
            "cured has a responder rule without them; an improvement needs",
        ),
        (P, "outcome: scale, visit: end, contrast", "outcome: mood, visit: end, contrast", "mood", "mood is no outcome"),
        (
            P,
            "outcome: cured, visit: end",
            "outcome: cured, visit: start",
            "start, contrast",
            "start is no visit of the outcome cured; known are end",
        ),
        (
            P,
            "outcome: scale, visit: end, contrast",
            "outcome: scale, visit: start, contrast",
            "start, contrast",
            "start is the baseline of scale",
        ),
        (
            P,
            "outcome: scale, visit: end, contrast",
            "outcome: logins, visit: end, contrast",
            "logins, visit",
            "logins@end is not recorded in the arm usual",
        ),
        (
            P,
            "outcome: scale, visit: end, contrast",
            "outcome: cured, visit: end, contrast",
            "ancova,\n",
            "ancova of the binary outcome cured",
        ),
        (
            P,
            "outcome: cured, visit: end",
            "outcome: logins, visit: end",
            "logistic",
            "the plan has no responder rule for logins; logistic needs a binary outcome",
        ),
        (P, "estimand: difference", "estimand: ratio", "ratio}\n        - {id: cure", "ratio is no estimand; known are difference"),
        (P, "id: cure,", "id: ancova,", "ancova, label: Cure", "the analysis ancova is declared twice"),
        (P, "covariates: []", "covariates: [shoe_size]", "shoe_size", "shoe_size is no coding or OUTCOME@VISIT"),
        (
            P,
            "measure: mean_difference",
            "measure: risk_difference",
            "{id: ancova",
            "measure is risk_difference; method ancova gives mean_difference",
        ),
        (
            P,
            "missing_data: non_responder",
            "missing_data: multiple_imputation",
            "{id: cure",
            "this analysis aims at marginal_risk_difference, or write none",
        ),
        (
            P,
            "truth: composite_risk_difference",
            "truth: marginal_risk_difference",
            "{id: cure",
            "this analysis aims at composite_risk_difference, or write none",
        ),
        (P, "estimand: difference", "imputation_from: other", "other}", "other is no plan; known are main"),
        (P, "role: secondary, truth", "imputation_from: main, role: secondary, truth", "{id: cure", "only those that impute have it"),
        (
            P,
            "      analyses:",
            "      missing_data: complete_case\n      analyses:",
            "multiple_imputation, measure",
            "the plan's missing_data is complete_case",
        ),
        (P, "scale: scale.yaml", "scale: 3", "3\noutcomes", "instruments.scale is 3"),
        (P, "scale: scale.yaml", "scale: ruler.yaml", "ruler.yaml", "the file ruler.yaml does not exist; looked for"),
        (P, "core.yaml, own", "/core.yaml, own", "/core.yaml", "/core.yaml is an absolute path; files are named from this file's folder"),
        (P, "trial: small", "trial: small\ndictionary: {}", "dictionary: {}", "unknown field dictionary in the file"),
        (
            P,
            "planned_n: 40",
            "planned: 40",
            "planned: 40",
            "unknown field planned in arms.2; known are id, label, type, planned_n, interventions. Did you mean planned_n?",
        ),
        (P, "alpha: {proposed: 0.05, reason: usual}", "alhpa: 0.05", "alhpa", "unknown field alhpa in analysis.plans.main"),
        (
            P,
            "attrition: 0.2",
            "attrition: {proposed: 0.2, reason: x}",
            "{proposed: 0.2",
            "proposals are allowed only inside analysis and instruments",
        ),
        (
            P,
            "randomisation: {",
            "population: {inclusion: [{id: I1, text: Ill, check: {variable: scale@week1, op: ge, value: 3}}]}\nrandomisation: {",
            "scale@week1",
            "scale@week1 is no OUTCOME@VISIT; known are scale@start, scale@end",
        ),
        (S, "instrument: scale", "instrument: ruler", "ruler", "the file calls itself ruler; the protocol calls it scale"),
        (S, "columns: [first, second]", "columns: [first, third]", "third", "third is no column of items.csv"),
        (S, "columns: [first, second]", "columns: [first, first]", "{file", "a column stands twice among the items"),
        (S, "range: [0, 4]", "range: [0, 5]", "first, second", "items range over [0, 5], column first of items.csv over [0, 4]"),
        (S, "file: items.csv", "file: questions.csv", "questions.csv", "questions.csv is no file of the export dictionary"),
        (
            S,
            "minimum_answered: {proposed: 2",
            "minimum_answered: {proposed: 3",
            "odisea",
            "minimum_answered is 3; the instrument has 2 items",
        ),
        (S, "score: percent_of_maximum", "score: single_value", "odisea", "score: percent_of_maximum goes with items"),
        (O, "arms: [active]", "arms: [gone]", "", "the dictionary records participants.csv, column start_weight, in the arm gone"),
        (O, "description: Items\n    key", "key", "items.csv", "the new file items.csv has no description"),
        (O, "key: [participant_id, visit]", "key: [participant_id, day]", "day", "day is no column of this file"),
        (
            O,
            "age_years: {type: int",
            "participant_id: {type: int",
            "{type: int, range: [18, 90]",
            "column participant_id of participants.csv is declared again",
        ),
        (O, "participants.csv:", "participants.csv:\n    key: [age_years]", "[age_years]", "the key of participants.csv changes"),
        (O, "range: [18, 90]", "range: [18, 90], missing_reason_column: why", "why", "why is no column of this file"),
        (O, "codes: [female, male], description: Sex", "description: Sex", "{type: cat, description", "a cat column needs its codes"),
        (
            O,
            "type: num, description: Weight",
            "type: num, codes: [a], description: Weight",
            "{type: num",
            "codes stand on a column of type num",
        ),
        (O, "range: [18, 90]", "range: [90, 18]", "{type: int, range: [90", "range [90, 18] is empty"),
        (
            C,
            "kind: dictionary",
            "kind: protocol",
            "protocol, schema",
            "this is a file of kind protocol; a file of kind dictionary is needed here",
        ),
    ],
)
def test_disagreements_are_told_at_their_place(tmp_path: Path, file: str, old: str, new: str, at: str, message: str) -> None:
    path = write_small_protocol(tmp_path, {file: (old, new)})
    found = problems(path)
    assert any(message in line for line in found), found
    if at:
        hit = next(line for line in found if message in line)
        assert hit.startswith(place_of(tmp_path / file, at) + ": "), (hit, place_of(tmp_path / file, at))


def test_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    path = write_small_protocol(
        tmp_path, {P: ("week: 12", "week: twelve"), S: ("range: [0, 100]", "range: wide"), O: ("type: num", "type: number")}
    )
    files = {Path(line.split(":")[0]).name for line in problems(path)}
    assert files == {P, S, O}


def test_a_plan_with_gaps_loads_and_says_so_when_a_value_is_required(tmp_path: Path) -> None:
    path = write_small_protocol(tmp_path, {P: ("alpha: {proposed: 0.05, reason: usual}", "alpha: not_stated")})
    alpha = load_protocol(path).analysis.plans["main"].alpha
    with pytest.raises(ProtocolError, match="the value is not_stated"):
        alpha.require("/analysis/plans/main/alpha")


def test_a_coding_may_be_a_gap_and_is_then_left_out(tmp_path: Path) -> None:
    path = write_small_protocol(tmp_path, {P: ("decade: {kind: categorical", "shoe: not_stated\n    decade: {kind: categorical")})
    analysis = load_protocol(path).analysis
    assert "shoe" in analysis.coding_facts
    assert list(analysis.coding) == ["age", "weight", "sex", "decade"]


def test_a_dumped_protocol_holds_everything_that_results_depend_on(tmp_path: Path) -> None:
    first = load_protocol(write_small_protocol(tmp_path)).model_dump_json()
    (tmp_path / "copy").mkdir()
    assert load_protocol(write_small_protocol(tmp_path / "copy")).model_dump_json() == first
    (tmp_path / "scored").mkdir()
    changed = write_small_protocol(tmp_path / "scored", {S: ("proposed: 2", "proposed: 1")})
    assert load_protocol(changed).model_dump_json() != first


TOKENS = {name: re.findall(r"[\w@.]+|\s+|.", text) for name, text in FILES.items()}
WORDS = [
    *sorted({token for tokens in TOKENS.values() for token in tokens}),
    "null",
    "not_stated",
    "{}",
    "[]",
    "-1",
    "{derived: a, from: b}",
]


@settings(max_examples=50, deadline=None)
@given(name=st.sampled_from(sorted(FILES)), place=st.integers(0, 10_000), removed=st.integers(0, 4), word=st.sampled_from(WORDS))
def test_a_damaged_file_loads_or_gives_problems(
    tmp_path_factory: pytest.TempPathFactory, name: str, place: int, removed: int, word: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    path = write_small_protocol(folder)
    start = place % len(TOKENS[name])
    damaged = [*TOKENS[name][:start], word, *TOKENS[name][start + removed :]]
    (folder / name).write_text("".join(damaged), encoding="utf-8")
    try:
        result: object = load_protocol(path)
    except ProtocolError as error:
        result = error.problems
    assert isinstance(result, Protocol) or (result and all("\n" not in str(problem) for problem in cast(tuple[Problem, ...], result)))
