"""What an analysis plan may say: each word out of place gives one message at its place, and what stands is lowered as declared."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from small_protocol import PROTOCOL, place_of, write_small_protocol

from odisea.analyse.plan import LOOP_METHODS, RESPONDER_METHODS, PlannedAnalysis, lower_plan
from odisea.analyse.plan import VARIANCES as VARIANCE_NUMBERS
from odisea.data.derive import count_rows, trial_rows
from odisea.data.trial import Assumption, Method, Rule, Variance
from odisea.errors import ProtocolError
from odisea.protocol.load import load_protocol
from odisea.protocol.methods import ENTRIES, REFERENCE_BASED, REGISTRY, TRUTHS, VARIANCES, Entry, missing_data_of, variances_for
from odisea.protocol.plan import AnalysisSpec
from tests.declared import protocol

P, O = "protocol.yaml", "own.yaml"  # noqa: E741
EXTRA = "{id: extra"
PLAIN = {
    "id": "extra",
    "label": "Extra",
    "outcome": "scale",
    "visit": "end",
    "contrast": "active_vs_usual",
    "method": "ancova",
    "missing_data": "complete_case",
    "measure": "mean_difference",
    "role": "sensitivity",
    "truth": "none",
}
RATIO = {"method": "logistic", "measure": "risk_difference"}
IMPUTED = {"missing_data": "multiple_imputation"}
SAME_QUESTION = "truth is {0}; this analysis aims at {1}, or write none"


def flow(fields: dict[str, Any]) -> str:
    """The fields as a YAML flow mapping."""
    return "{" + ", ".join(f"{name}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in fields.items()) + "}"


def written(folder: Path, fields: dict[str, Any]) -> Path:
    """The small protocol with one analysis more."""
    row = f"        - {flow({**PLAIN, **fields})}\nexport: {{"
    return write_small_protocol(folder, {P: ("export: {", row)})


def problems(path: Path) -> list[str]:
    with pytest.raises(ProtocolError) as caught:
        load_protocol(path)
    return [str(problem) for problem in caught.value.problems]


def told_once(path: Path, at: str, message: str) -> None:
    """There is exactly this one message, and it starts with the place where `at` stands."""
    found = problems(path)
    assert len(found) == 1, found
    assert found[0].startswith(f"{place_of(path, at)}: "), (found[0], place_of(path, at))
    assert message in found[0], found[0]


MISPLACED: dict[str, tuple[dict[str, Any], str]] = {
    "delta on complete cases": ({"delta": {"arm": 5}}, "delta stands exactly on ancova with delta_adjusted, such as delta: {arm: 5}"),
    "delta on a tipping point": (
        {"method": "tipping_point", "missing_data": "delta_adjusted", "delta": {"arm": 5}},
        "delta stands exactly on ancova with delta_adjusted",
    ),
    "no delta": ({"missing_data": "delta_adjusted"}, "delta stands exactly on ancova with delta_adjusted"),
    "permutations on ancova": ({"permutations": 999}, "permutations stand exactly on rerandomisation, such as permutations: 9999"),
    "no permutations": ({"method": "rerandomisation"}, "permutations stand exactly on rerandomisation"),
    "subgroup on ancova": ({"subgroup": "age"}, "subgroup stands exactly on the method subgroup, and names a covariate"),
    "no subgroup": ({"method": "subgroup"}, "subgroup stands exactly on the method subgroup"),
    "auxiliary on complete cases": (
        {"auxiliary": ["cured@end"]},
        "auxiliary stands on ancova with complete_case; only multiple_imputation reads it",
    ),
    "auxiliary on the limit": (
        {"auxiliary": ["cured@end"], "missing_data": "multiple_imputation_limit"},
        "auxiliary stands on ancova with multiple_imputation_limit",
    ),
    "m on complete cases": ({"m": 20}, "m stands on ancova with complete_case, which draws no imputations"),
    "automatic m on complete cases": ({"m": "automatic"}, "m stands on ancova with complete_case, which draws no imputations"),
    "m of a limit": ({"m": 20, "missing_data": "multiple_imputation_limit"}, "m stands on ancova with multiple_imputation_limit"),
    "m of 1": ({**IMPUTED, "m": 1}, "m is 1; pooling needs at least 2 imputations (20 or more are usual)"),
    "variance of complete cases on imputations": (
        {**IMPUTED, "variance": "hc3"},
        "variance is hc3; ancova with multiple_imputation has rubin, rubin_hc2, rubin_hc3",
    ),
    "variance of imputations on complete cases": (
        {"variance": "rubin"},
        "variance is rubin; ancova with complete_case has least_squares, hc2, hc3",
    ),
    "variance of a marginal effect on a conditional one": (
        {**RATIO, "measure": "log_odds_ratio", "variance": "ye"},
        "variance is ye; logistic with complete_case has information",
    ),
    "variance of a conditional effect on a marginal one": (
        {**RATIO, "variance": "information"},
        "variance is information; logistic with complete_case has ye, ge, influence",
    ),
    "jackknife of complete cases": ({"variance": "jackknife"}, "variance is jackknife; ancova with complete_case has"),
    "truth of a reference-based method": (
        {"truth": "reference_based_mean"},
        SAME_QUESTION.format("reference_based_mean", "treatment_policy_mean"),
    ),
    "treatment policy of a reference-based method": (
        {"missing_data": "copy_reference", "truth": "treatment_policy_mean"},
        SAME_QUESTION.format("treatment_policy_mean", "reference_based_mean"),
    ),
    "marginal truth of a composite": (
        {**RATIO, "missing_data": "non_responder", "measure": "log_risk_ratio", "truth": "marginal_log_risk_ratio"},
        SAME_QUESTION.format("marginal_log_risk_ratio", "composite_log_risk_ratio"),
    ),
    "composite truth of complete cases": (
        {**RATIO, "measure": "marginal_log_odds_ratio", "truth": "composite_log_odds_ratio"},
        SAME_QUESTION.format("composite_log_odds_ratio", "marginal_log_odds_ratio"),
    ),
    "truth of a conditional odds ratio": (
        {**RATIO, "measure": "log_odds_ratio", "truth": "marginal_log_odds_ratio"},
        "truth is marginal_log_odds_ratio; this analysis aims at none",
    ),
    "truth of a delta": (
        {"missing_data": "delta_adjusted", "delta": {"arm": 5}, "truth": "treatment_policy_mean"},
        "truth is treatment_policy_mean; this analysis aims at none",
    ),
    "imputation model without imputation": (
        {"imputation_from": "main"},
        "imputation_from stands on an analysis with missing_data complete_case; only those that impute have it",
    ),
    "missing data of another method": (
        {"method": "welch", **IMPUTED},
        "missing_data is multiple_imputation; method welch allows complete_case",
    ),
    "no response of a mean": (
        {"missing_data": "non_responder"},
        f"missing_data is non_responder; method ancova allows {', '.join(missing_data_of('ancova'))}",
    ),
    "measure of another method": (
        {"method": "proportions", "measure": "log_odds_ratio"},
        "measure is log_odds_ratio; method proportions gives risk_difference",
    ),
}


@pytest.mark.parametrize("name", MISPLACED)
def test_a_field_out_of_place_gives_its_one_message_at_the_analysis(tmp_path: Path, name: str) -> None:
    fields, message = MISPLACED[name]
    told_once(written(tmp_path, fields), EXTRA, message)


def test_an_estimand_of_no_truth_is_not_offered_none_twice(tmp_path: Path) -> None:
    (said,) = problems(written(tmp_path, MISPLACED["truth of a delta"][0]))
    assert "or write none" not in said


OUT_OF_RANGE = {
    "method": ("anova", "anova, missing"),
    "missing_data": ("last_observation", "last_observation, measure"),
    "variance": ("hc4", "hc4}"),
    "measure": ("hazard_ratio", "hazard_ratio, role"),
    "truth": ("complier_mean", "complier_mean}"),
    "baseline_missing": ("ignored", "ignored}"),
}


@pytest.mark.parametrize("field", OUT_OF_RANGE)
def test_a_word_that_no_registry_holds_is_told_at_the_word(tmp_path: Path, field: str) -> None:
    word, at = OUT_OF_RANGE[field]
    path = written(tmp_path, {field: word})
    found = problems(path)
    assert [line.startswith(f"{place_of(path, at)}: ") for line in found] == [True], found
    assert word in found[0]


@pytest.mark.parametrize(("number", "least"), [(98, "99"), (1_000_001, "1000000")])
def test_permutations_have_a_least_and_a_largest_number(tmp_path: Path, number: int, least: str) -> None:
    told_once(written(tmp_path, {"method": "rerandomisation", "permutations": number}), f"{number}}}", least)


NAMED: dict[str, tuple[dict[str, Any], str, str]] = {
    "subgroup": (
        {"method": "subgroup", "subgroup": "height"},
        "height}",
        "height is no coding or OUTCOME@VISIT; known are age, weight, sex, decade",
    ),
    "unknown auxiliary": (
        {**IMPUTED, "auxiliary": ["mood@end"]},
        '"mood@end"]',
        "mood@end is no OUTCOME@VISIT after baseline or count; known are scale@end, cured@end, logins@end",
    ),
    "auxiliary at baseline": (
        {**IMPUTED, "auxiliary": ["scale@start"]},
        '"scale@start"]',
        "scale@start is no OUTCOME@VISIT after baseline",
    ),
    "coding as auxiliary": ({**IMPUTED, "auxiliary": ["age"]}, '"age"]', "age is no OUTCOME@VISIT after baseline or count"),
    "auxiliary that is the outcome": (
        {**IMPUTED, "auxiliary": ["cured@end", "scale@end"]},
        '["cured@end", "scale@end"]',
        "scale@end is the analysed outcome itself; auxiliary variables help to impute it",
    ),
    "imputation model of no plan": ({**IMPUTED, "imputation_from": "side"}, "side}", "side is no plan; known are main"),
}
NAMED |= {
    f"{entry.method} of a binary outcome": (
        {"outcome": "cured", "method": entry.method, "missing_data": entry.missing_data, **needed},
        f"{entry.method}, missing_data: {entry.missing_data}, measure: mean_difference, role: sensitivity",
        f"{entry.method} of the binary outcome cured; {entry.method} needs a numeric outcome. Use logistic",
    )
    for entry, needed in (
        (ENTRIES["ancova", "complete_case"], {}),
        (ENTRIES["welch", "complete_case"], {}),
        (ENTRIES["mmrm", "likelihood"], {}),
        (ENTRIES["rerandomisation", "complete_case"], {"permutations": 99}),
    )
}


NAMED |= {
    "subgroup beside the covariates": (
        {"method": "subgroup", "subgroup": "decade"},
        "decade}",
        "decade is no covariate of the analysis extra; its covariates are scale@start, age",
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_name_that_does_not_fit_is_told_where_it_stands(tmp_path: Path, name: str) -> None:
    fields, at, message = NAMED[name]
    told_once(written(tmp_path, fields), at, message)


@pytest.mark.parametrize("method", ["logistic", "firth", "proportions"])
def test_responders_of_a_score_need_the_plans_rule(tmp_path: Path, method: str) -> None:
    fields = {"outcome": "logins", "method": method, "measure": "log_odds_ratio" if method == "firth" else "risk_difference"}
    found = problems(written(tmp_path, fields))
    assert f"the plan has no responder rule for logins; {method} needs a binary outcome or the plan's responder rule" in "".join(found)


RULE = "{improvement_of_at_least: 4, unit: points}"
NO_RULE = "is given; a responder rule has exactly one of improvement_of_at_least, percent_improvement_of_at_least, attained"
RESPONDER = {
    "none": ("{unit: points}", f"none of them {NO_RULE}"),
    "two": (
        "{improvement_of_at_least: 4, attained: 20, unit: points}",
        f"improvement_of_at_least and attained {NO_RULE}",
    ),
    "percent in points": (
        "{percent_improvement_of_at_least: 30, unit: points}",
        "unit is points; percent_improvement_of_at_least is in percent. Write unit: percent",
    ),
    "points in percent": (
        "{improvement_of_at_least: 4, unit: percent}",
        "unit is percent; improvement_of_at_least is in points. Write unit: points",
    ),
    "attained in percent": ("{attained: 20, unit: percent}", "unit is percent; attained is in points. Write unit: points"),
}


@pytest.mark.parametrize("name", RESPONDER)
def test_a_responder_rule_is_one_rule_in_its_unit(tmp_path: Path, name: str) -> None:
    rule, message = RESPONDER[name]
    told_once(write_small_protocol(tmp_path, {P: (RULE, rule)}), rule, message)


@pytest.mark.parametrize(
    ("rule", "at", "said"),
    [
        ("{improvement_of_at_least: 0, unit: points}", "0, unit: points", "0"),
        ("{percent_improvement_of_at_least: 101, unit: percent}", "101, unit", "100"),
    ],
)
def test_a_responder_rule_has_a_possible_number(tmp_path: Path, rule: str, at: str, said: str) -> None:
    told_once(write_small_protocol(tmp_path, {P: (RULE, rule)}), at, said)


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("old: [40, 90]", "missing: [40, 90]", "{kind: categorical, classes"),
        ("codes: [female, male]", "codes: [female, missing]", "{kind: categorical, levels"),
    ],
)
def test_no_level_is_called_as_the_level_of_those_without_a_record(tmp_path: Path, old: str, new: str, at: str) -> None:
    path = write_small_protocol(tmp_path, {P: (old, new)})
    told_once(path, at, "a level is called missing; that is the level of those in whom nothing is recorded. Call it otherwise")


COUNTS = {
    "unknown file": (
        "taken: {label: Taken, file: sessions.csv}",
        "sessions.csv",
        "sessions.csv is no file of the dictionary; known are participants.csv, visits.csv, items.csv",
    ),
    "unknown column": (
        "taken: {label: Taken, file: items.csv, column: third, equals: 1}",
        "third,",
        "third is no column of items.csv; known are participant_id, visit, first, second",
    ),
    "column without value": (
        "taken: {label: Taken, file: items.csv, column: first}",
        "{label: Taken",
        "column and equals go together: the rows whose column equals the value are counted; write both or none",
    ),
    "value without column": ("taken: {label: Taken, file: items.csv, equals: 1}", "{label: Taken", "column and equals go together"),
    "impossible value": (
        "taken: {label: Taken, file: items.csv, column: first, equals: often}",
        "often",
        "'often' is no value of the column first; the column has type int",
    ),
    "name of a coding": ("age: {label: Taken, file: items.csv}", "{label: Taken", "age is also a coding; a variable has one meaning"),
}


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_counts_rows_of_a_declared_file(tmp_path: Path, name: str) -> None:
    count, at, message = COUNTS[name]
    path = write_small_protocol(tmp_path, {P: ("  plans:\n    main:", f"  counts:\n    {count}\n  plans:\n    main:")})
    told_once(path, at, message)


def test_a_count_needs_a_file_with_rows_of_participants(tmp_path: Path) -> None:
    sites = "files:\n  sites.csv:\n    description: Sites\n    key: [site]\n    columns:\n      site: {type: id, description: Site}\n"
    count = "  counts:\n    taken: {label: Taken, file: sites.csv}\n  plans:\n    main:"
    path = write_small_protocol(tmp_path, {P: ("  plans:\n    main:", count), O: ("files:\n", sites)})
    told_once(path, "sites.csv}", "sites.csv has no column participant_id; its rows are counted per participant")


ESTIMAND = {
    "label": "Other",
    "population": "All",
    "contrast": "active_vs_usual",
    "outcome": "scale",
    "visit": "end",
    "summary": "difference_in_means",
    "strategies": {"stops": "treatment_policy"},
    "reason": "asked",
}
ESTIMANDS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "contrast": ("other", {"contrast": "usual_vs_active"}, "usual_vs_active", "usual_vs_active is no contrast; known are active_vs_usual"),
    "outcome": ("other", {"outcome": "mood"}, "mood", "mood is no outcome; known are scale, cured, logins"),
    "visit": ("other", {"visit": "later"}, "later", "later is no visit of the outcome scale; known are start, end"),
    "name": ("difference", {}, "{label: Other", "difference is also an estimand of the source; an estimand has one meaning"),
    "strategy": ("other", {"strategies": {"stops": "ignored"}}, '"ignored"', "ignored"),
    "no strategy": ("other", {"strategies": {}}, "{}, reason", "strategies"),
}


@pytest.mark.parametrize("name", ESTIMANDS)
def test_a_proposed_estimand_is_about_what_the_trial_has(tmp_path: Path, name: str) -> None:
    own, fields, at, message = ESTIMANDS[name]
    text = f"  estimands:\n    {own}: {flow({**ESTIMAND, **fields})}\n  plans:\n    main:"
    told_once(write_small_protocol(tmp_path, {P: ("  plans:\n    main:", text)}), at, message)


def test_an_analysis_may_name_a_proposed_estimand_and_a_count(tmp_path: Path) -> None:
    parts = f"  counts:\n    taken: {{label: Taken, file: items.csv}}\n  estimands:\n    other: {flow(ESTIMAND)}\n  plans:\n    main:"
    path = written(tmp_path, {**IMPUTED, "estimand": "other", "auxiliary": ["logins@end", "taken"], "m": "automatic"})
    path.write_text(path.read_text(encoding="utf-8").replace("  plans:\n    main:", parts), encoding="utf-8")
    extra = load_protocol(path).analysis.plans["main"].analyses[-1]
    assert (extra.estimand, extra.auxiliary, extra.m, extra.draws, extra.imputes) == (
        "other",
        ("logins@end", "taken"),
        "automatic",
        True,
        True,
    )


# ---------------------------------------------------------------- the registry

NEEDED: dict[str, dict[str, Any]] = {"rerandomisation": {"permutations": 99}, "subgroup": {"subgroup": "age"}}


def allowed(entry: Entry, measure: str) -> dict[str, Any]:
    """The fields of an analysis that the entry allows."""
    delta = {"delta": {"arm": 1.0}} if (entry.method, entry.missing_data) == ("ancova", "delta_adjusted") else {}
    words = {"method": entry.method, "missing_data": entry.missing_data, "measure": measure, "truth": entry.truth(measure)}
    return {**PLAIN, **NEEDED.get(entry.method, {}), **delta, **words}


def test_whatever_the_registry_allows_can_be_written_and_nothing_else() -> None:
    for entry in REGISTRY:
        for measure in entry.measures:
            own = variances_for(entry, measure)
            assert AnalysisSpec.model_validate(allowed(entry, measure)).chosen_variance == own[0]
            for variance in VARIANCES:
                fields = {**allowed(entry, measure), "variance": variance}
                if variance in own:
                    assert AnalysisSpec.model_validate(fields).chosen_variance == variance
                else:
                    with pytest.raises(ValidationError, match=f"variance is {variance}; {entry.method} with {entry.missing_data} has"):
                        AnalysisSpec.model_validate(fields)
            for truth in TRUTHS:
                fields = {**allowed(entry, measure), "truth": truth}
                if truth in (entry.truth(measure), "none"):
                    assert AnalysisSpec.model_validate(fields).truth == truth
                else:
                    with pytest.raises(ValidationError, match=f"truth is {truth}; this analysis aims at {entry.truth(measure)}"):
                        AnalysisSpec.model_validate(fields)


@pytest.mark.parametrize("entry", REGISTRY, ids=lambda entry: f"{entry.method}-{entry.missing_data}")
def test_every_entry_is_carried_out_by_a_file_or_the_loop(entry: Entry) -> None:
    assert entry.file or entry.in_loop
    if entry.file:
        assert callable(import_module(f"odisea.analyse.{entry.file}").carry_out)
    in_loop = [
        (entry.method == "logistic" and measure in RESPONDER_METHODS) or (entry.method, entry.missing_data, measure) in LOOP_METHODS
        for measure in entry.measures
    ]
    assert all(in_loop) or not entry.in_loop


def test_no_entry_stands_twice_and_every_loop_method_has_one() -> None:
    assert len(ENTRIES) == len(REGISTRY)
    lowered = {*LOOP_METHODS.values(), *RESPONDER_METHODS.values()}
    assert lowered == set(Method) - {Method.SINGLE}
    assert all((method, missing) in ENTRIES and measure in ENTRIES[method, missing].measures for method, missing, measure in LOOP_METHODS)


def test_every_robust_variance_has_its_words_and_every_word_its_entry() -> None:
    assert set(VARIANCE_NUMBERS.values()) == set(Variance) - {Variance.MODEL}
    assert set(VARIANCE_NUMBERS) <= set(VARIANCES)
    chosen = {variance for entry in REGISTRY for measure in entry.measures for variance in variances_for(entry, measure)}
    assert chosen == set(VARIANCES)  # no variance that no measure can have


def test_the_truth_of_an_entry_is_that_of_its_question() -> None:
    truths = {
        ("ancova", "complete_case", "mean_difference"): "treatment_policy_mean",
        ("ancova", "multiple_imputation", "mean_difference"): "treatment_policy_mean",
        ("mmrm", "likelihood", "mean_difference"): "treatment_policy_mean",
        ("weighting", "inverse_probability", "mean_difference"): "treatment_policy_mean",
        ("ancova", "delta_adjusted", "mean_difference"): "none",
        ("tipping_point", "delta_adjusted", "mean_difference"): "none",
        ("logistic", "complete_case", "log_odds_ratio"): "none",
        ("logistic", "complete_case", "risk_difference"): "marginal_risk_difference",
        ("logistic", "multiple_imputation", "log_risk_ratio"): "marginal_log_risk_ratio",
        ("logistic", "complete_case", "marginal_log_odds_ratio"): "marginal_log_odds_ratio",
        ("logistic", "non_responder", "log_odds_ratio"): "none",
        ("logistic", "non_responder", "risk_difference"): "composite_risk_difference",
        ("logistic", "non_responder", "log_risk_ratio"): "composite_log_risk_ratio",
        ("logistic", "non_responder", "marginal_log_odds_ratio"): "composite_log_odds_ratio",
        ("firth", "non_responder", "log_odds_ratio"): "none",
        ("proportions", "non_responder", "risk_difference"): "composite_risk_difference",
    }
    truths |= {("ancova", missing, "mean_difference"): "reference_based_mean" for missing in REFERENCE_BASED}
    for (method, missing, measure), truth in truths.items():
        assert ENTRIES[method, missing].truth(measure) == truth, (method, missing, measure)
    assert {*truths.values()} == set(TRUTHS)


# ---------------------------------------------------------------- as numbers

MI, LIMIT, ALONE = Method.ANCOVA_MI, Method.ANCOVA_MI_LIMIT, Method.SINGLE
MODEL, HC2, HC3 = Variance.MODEL, Variance.HC2, Variance.HC3
ODDS, RISK, RATIO_OF_RISKS = Method.RESPONDER_LOG_ODDS_RATIO, Method.RESPONDER_RISK_DIFFERENCE, Method.RESPONDER_LOG_RISK_RATIO
# analysis: estimator, variance, imputations, file
LOWERED: dict[str, tuple[Method, Variance, int, str]] = {
    "as_registered.ancova": (Method.ANCOVA, MODEL, 0, ""),
    "as_registered.unadjusted": (Method.ANCOVA, MODEL, 0, ""),
    "as_registered.mi": (MI, MODEL, 20, ""),
    "as_registered.mi_limit": (LIMIT, MODEL, 0, ""),
    "as_registered.ancova_hc3": (Method.ANCOVA, HC3, 0, ""),
    "as_registered.welch": (ALONE, MODEL, 0, "welch"),
    "as_registered.responder_or": (ODDS, MODEL, 0, ""),
    "as_registered.responder_rd": (RISK, Variance.YE, 0, ""),
    "as_registered.responder_unadjusted": (ALONE, MODEL, 0, "proportions"),
    "as_registered.vas": (Method.ANCOVA, MODEL, 0, ""),
    "as_recommended.mi": (MI, MODEL, 20, ""),
    "as_recommended.mi_limit": (LIMIT, MODEL, 0, ""),
    "as_recommended.ancova": (Method.ANCOVA, MODEL, 0, ""),
    "as_recommended.baseline_only": (Method.ANCOVA, MODEL, 0, ""),
    "as_recommended.ancova_hc3": (Method.ANCOVA, HC3, 0, ""),
    "as_recommended.interacted": (ALONE, HC2, 0, "interacted"),
    "as_recommended.rerandomisation": (ALONE, MODEL, 0, "permutation"),
    "as_recommended.weighting": (ALONE, MODEL, 0, "weighting"),
    "as_recommended.mi_hc3": (MI, HC3, 20, "imputed"),
    "as_recommended.mi_adherence": (MI, MODEL, 0, "imputed"),
    "as_recommended.baseline_excluded": (Method.ANCOVA, MODEL, 0, ""),
    "as_recommended.jump_to_reference": (LIMIT, MODEL, 0, ""),
    "as_recommended.jump_to_reference_jackknife": (LIMIT, Variance.JACKKNIFE, 0, ""),
    "as_recommended.delta": (LIMIT, MODEL, 0, ""),
    "as_recommended.tipping_point": (ALONE, MODEL, 0, "tipping"),
    "as_recommended.partially_nested": (ALONE, MODEL, 0, "nested_groups"),
    "as_recommended.subgroup_physical_activity": (ALONE, MODEL, 0, "subgroups"),
    "as_recommended.vas_mi": (MI, MODEL, 20, ""),
    "as_recommended.vas": (Method.ANCOVA, MODEL, 0, ""),
    "as_recommended.responder_or": (ODDS, MODEL, 0, ""),
    "as_recommended.responder_rd": (RISK, Variance.YE, 0, ""),
    "as_recommended.responder_mi": (RISK, MODEL, 20, "responder_single"),
    "as_recommended.responder_nri": (RISK, Variance.YE, 0, ""),
    "as_recommended.responder_rr": (RATIO_OF_RISKS, Variance.YE, 0, ""),
    "as_recommended.responder_firth": (ALONE, MODEL, 0, "responder_single"),
}
ROWS = (*trial_rows(protocol()), *count_rows(protocol()))


def lowered() -> dict[str, PlannedAnalysis]:
    return {one.id: one for plan in protocol().analysis.plans for one in lower_plan(protocol(), plan)}


def names(rows: Any) -> tuple[str, ...]:
    return tuple(ROWS[row] for row in rows)


def test_our_plans_are_lowered_as_declared() -> None:
    found = {
        name: (Method(one.analysis.method), Variance(one.analysis.variance), one.analysis.m, one.file) for name, one in lowered().items()
    }
    assert found == LOWERED


def test_what_a_single_analysis_says_reaches_its_numbers() -> None:
    planned = lowered()
    assumption = {name for name, one in planned.items() if one.analysis.assumption == Assumption.JUMP_TO_REFERENCE}
    assert assumption == {"as_recommended.jump_to_reference", "as_recommended.jump_to_reference_jackknife"}
    deltas = {name: (one.analysis.delta_arm, one.analysis.delta_reference) for name, one in planned.items()}
    assert {name: delta for name, delta in deltas.items() if delta != (0.0, 0.0)} == {"as_recommended.delta": (5.0, 0.0)}
    outside = {name for name, one in planned.items() if not one.in_loop}
    assert outside == {name for name, row in LOWERED.items() if row[3]} | {"as_recommended.baseline_excluded"}
    auxiliary = {name: names(one.auxiliary) for name, one in planned.items() if one.auxiliary.size}
    assert auxiliary == {"as_recommended.mi_adherence": ("live_sessions", "diary_days", "vas@week6")}
    assert {one.analysis.rule for one in planned.values()} == {Rule.IMPROVEMENT}
    thresholds = {name for name, one in planned.items() if one.analysis.threshold}
    assert thresholds == {name for name in LOWERED if ".responder" in name}
    assert {planned[name].analysis.threshold for name in thresholds} == {10.0}
    assert {name for name, one in planned.items() if one.analysis.non_responder} == {"as_recommended.responder_nri"}


def test_each_outcome_has_its_series_scale_and_important_difference() -> None:
    for name, one in lowered().items():
        pain = name.partition(".")[2].startswith("vas")
        outcome = "vas" if pain else "odi"
        assert (one.outcome, names(one.series), one.baseline) == (outcome, (f"{outcome}@week6",), f"{outcome}@baseline"), name
        assert one.scale == ((0.0, 10.0) if pain else (0.0, 100.0)), name
        assert one.important_difference == (None if pain else 10.0), name
        assert names([row for _, own in one.terms for row in own]) == one.covariates == names(one.analysis.covariates), name
    activity = dict(lowered()["as_recommended.ancova"].terms)["physical_activity"]
    assert names(activity) == ("physical_activity=moderate", "physical_activity=high", "physical_activity=missing")


STATED = "label: Main\n      population: all_randomised\n      sidedness: two_sided\n      analysis_seed: {proposed: 7, reason: any}\n"
THREE_VISITS = {
    "label: Main\n": STATED,
    "    - {id: end, week: 12": "    - {id: mid, week: 6, label: Mid}\n    - {id: end, week: 12",
    "instrument: scale, visits: [start, end]": "instrument: scale, visits: [start, mid, end]",
}


def lowered_small(folder: Path, fields: dict[str, Any], changes: dict[str, str]) -> tuple[PlannedAnalysis, tuple[str, ...]]:
    """The extra analysis of a small protocol with some texts replaced, and the names of the rows."""
    folder.mkdir(exist_ok=True)
    path = written(folder, fields)
    text = path.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    small = load_protocol(path)
    return lower_plan(small, "main")[-1], (*trial_rows(small), *count_rows(small))


@pytest.mark.parametrize(
    ("fields", "series", "file"),
    [
        ({"visit": "mid"}, ("scale@mid",), ""),
        ({"visit": "end"}, ("scale@mid", "scale@end"), ""),
        ({"visit": "mid", "method": "mmrm", "missing_data": "likelihood"}, ("scale@mid", "scale@end"), "longitudinal"),
        ({"visit": "mid", "missing_data": "jump_to_reference"}, ("scale@mid", "scale@end"), "reference_based"),
        ({"visit": "mid", **IMPUTED}, ("scale@mid",), ""),
        ({"visit": "end", **IMPUTED, "variance": "rubin_hc2"}, ("scale@mid", "scale@end"), "imputed"),
        ({"visit": "end", **IMPUTED, "m": "automatic"}, ("scale@mid", "scale@end"), "imputed"),
        ({"visit": "end", **IMPUTED, "auxiliary": ["logins@end"]}, ("scale@mid", "scale@end"), "imputed"),
    ],
)
def test_visits_modelled_jointly_are_all_read(tmp_path: Path, fields: dict[str, Any], series: tuple[str, ...], file: str) -> None:
    one, rows = lowered_small(tmp_path, fields, THREE_VISITS)
    assert tuple(rows[row] for row in one.series) == series
    assert (one.file, one.in_loop) == (file, not file)
    assert one.series.dtype == one.auxiliary.dtype == np.int64


@pytest.mark.parametrize(
    ("rule", "kind", "number"),
    [
        ("{improvement_of_at_least: 4, unit: points}", Rule.IMPROVEMENT, 4.0),
        ("{percent_improvement_of_at_least: 30, unit: percent}", Rule.PERCENT, 30.0),
        ("{attained: 20, unit: points}", Rule.ATTAINED, 20.0),
    ],
)
def test_a_responder_rule_reaches_its_analysis_and_no_other(tmp_path: Path, rule: str, kind: Rule, number: float) -> None:
    changes = {"label: Main\n": STATED, RULE: rule}
    one, _ = lowered_small(tmp_path / "responders", {**RATIO, "variance": "ge"}, changes)
    assert (one.analysis.rule, one.analysis.threshold, one.analysis.variance) == (kind, number, Variance.GE)
    mean, _ = lowered_small(tmp_path / "mean", {}, changes)
    assert (mean.analysis.rule, mean.analysis.threshold) == (Rule.IMPROVEMENT, 0.0)


def test_a_fixed_number_of_draws_under_jump_to_reference_is_drawn(tmp_path: Path) -> None:
    one, _ = lowered_small(tmp_path, {"missing_data": "jump_to_reference", "m": 7}, {"label: Main\n": STATED})
    assert (one.analysis.method, one.analysis.m, one.analysis.assumption) == (MI, 7, Assumption.JUMP_TO_REFERENCE)
    assert (one.in_loop, one.analysis_seed) == (True, 7)


def test_the_small_protocol_itself_is_in_order() -> None:
    assert PROTOCOL.count("export: {") == PROTOCOL.count("  plans:\n    main:") == 1
