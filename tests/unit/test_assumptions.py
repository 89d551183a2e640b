"""Assumptions and scenarios: what is declared, what a scenario resolves to, and every refusal with its words."""

import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest

from odisea.allocation.plan import Factor, MinimisationFactor, RandomisationPlan
from odisea.errors import ProtocolError
from odisea.protocol.load import parse_yaml
from odisea.simulate.achieved import achieved, occurrences
from odisea.simulate.assumptions import (
    CHECKS,
    CRITERION,
    INPUTS,
    LOSS_COVARIATES,
    LOSS_PARTS,
    REPORTED,
    TARGETS,
    TRAITS,
    Assumptions,
    Scenario,
    Scenarios,
    check_same_trial,
    possible_range,
    resolve,
)
from odisea.simulate.calendar_model import calendar_model
from odisea.simulate.calibrate import loss_problem, score_problem, with_score
from odisea.simulate.draft import allocation, draft_mechanism, mixing, participants, population, screening_criteria
from odisea.simulate.mechanism import CONTROL, EVENTS, RECORDED, TELE, WEEKS
from odisea.simulate.observe import empty_tally, empty_truths
from tests.declared import ROOT, analysis_rows, assumptions, mechanism, protocol, scenario, scenarios

ASSUMPTIONS_TEXT = (ROOT / "simulate" / "assumptions.yaml").read_text(encoding="utf-8")
SCENARIOS_TEXT = (ROOT / "simulate" / "scenarios.yaml").read_text(encoding="utf-8")
PARAMETERS = assumptions().parameters


def faults(call: Callable[[], object]) -> list[str]:
    """The lines of the refusal of a call."""
    with pytest.raises(ProtocolError) as refusal:
        call()
    return [str(problem) for problem in refusal.value.problems]


def edited(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    return text.replace(old, new)


def read_assumptions(old: str, new: str) -> Assumptions:
    return parse_yaml(edited(ASSUMPTIONS_TEXT, old, new), Assumptions, "assumptions.yaml").value


def read_scenarios(old: str, new: str) -> Scenarios:
    return parse_yaml(edited(SCENARIOS_TEXT, old, new), Scenarios, "scenarios.yaml").value


# ---------------------------------------------------------------- what is declared


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_has_a_source_or_the_grade_of_a_placeholder(name: str) -> None:
    parameter = PARAMETERS[name]
    assert parameter.source or parameter.grade == "D"
    assert parameter.unit
    low, high = possible_range(name)
    assert low <= parameter.low <= parameter.value <= parameter.high <= high


def test_every_source_is_used() -> None:
    used = {source for parameter in PARAMETERS.values() for source in parameter.source}
    # Two sources of single scenarios' effects (sceptical) stand for the reader of the scenario file.
    assert set(assumptions().sources) - used <= {"sandal2021", "geraghty2024"}


def test_the_base_values_are_those_of_the_verified_evidence() -> None:
    """Where a second check of the sources gave another value, that value; (value, low, high)."""
    verified = {
        "odi_mean_baseline": (30, 20, 42), "odi_sd_baseline": (14, 10.5, 18), "odi_sd_week6": (14, 10.5, 18),
        "odi_correlation": (0.6, 0.4, 0.85), "control_change": (-3, -8, -0.5), "loss_total": (0.4, 0.15, 0.5),
        "loss_difference": (0, -0.08, 0.11),
        "r_vas_odi_baseline": (0.5, 0.35, 0.65), "r_age_odi": (0.25, 0.1, 0.35), "disengage_week": (0.03, 0.01, 0.1),
        "age_mean": (41, 38, 46), "female_share": (0.54, 0.48, 0.65), "pain_mean": (5.5, 4.5, 6.5), "pain_sd": (2.0, 1.6, 2.3),
        "odi_change_sd": (11.5, 7, 16), "odi_residual_sd": (11, 6.5, 14.5), "adherence_mean": (0.6, 0.4, 0.78),
        "r2_beyond_baseline": (0.01, 0, 0.05), "r2_without_baseline": (0.06, 0, 0.12), "randomised_per_week": (2.0, 0.3, 4.0),
    }  # fmt: skip
    assert {name: (PARAMETERS[name].value, PARAMETERS[name].low, PARAMETERS[name].high) for name in verified} == verified
    values = scenario().values
    assert [values[f"{stream}_first_week"] for stream in ("live", "diary")] == [0.62, 4.8]
    assert [values[f"{stream}_last_week"] for stream in ("live", "diary")] == [0.42, 3.0]
    assert (values["activity_low"], values["activity_moderate"]) == (0.3, 0.5)
    assert values["effect"] == -4.5


class Noted(dict[str, float]):
    """Values that remember which of them were read."""

    def __init__(self, values: Mapping[str, float]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> float:
        self.read.add(name)
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("values are read by name")


def test_the_list_of_names_is_what_the_simulator_reads() -> None:
    """No declared parameter is idle and none is read that the list does not have.

    Two kinds are read elsewhere: the threshold of recovery by the truths, what a site writes down besides by the export.
    """
    noted = Noted(scenario().values)
    world = scenario()._replace(values=noted)
    model = draft_mechanism(world, protocol())
    score_problem(world)
    loss_problem(world)
    with_score(model, world._replace(follows_the_model=("odi_sd_baseline",)), {})
    calendar_model(noted, world.closed_days, protocol(), 0.5)
    pairs = {f"r_{first}_{second}" for first in TRAITS for second in TRAITS}
    assert noted.read - pairs == {*TARGETS, *INPUTS} - {"recovery_threshold", *REPORTED}
    assert noted.read & pairs == {name for name in PARAMETERS if name in pairs}


def test_the_shares_of_unmet_criteria_are_those_of_the_protocol_and_complete() -> None:
    """Every criterion that neither a trait nor consent decides has a share; being insured holds for whoever comes to the unit."""
    criteria = screening_criteria(protocol())
    free = {one.id for one in criteria if one.check is None or one.check.variable not in ("age_years", "vas@baseline")}
    declared = {name.removeprefix(CRITERION) for name in PARAMETERS if name.startswith(CRITERION)}
    assert free - declared == {"I4"}
    assert declared <= free
    shares = population(scenario().values, protocol(), "x").criteria
    assert {one.id: share for one, share in zip(criteria, shares, strict=True) if share > 0.0} == {
        name: PARAMETERS[f"{CRITERION}{name}"].value for name in declared
    }


def test_every_check_is_something_that_calibration_shows() -> None:
    tally = empty_tally(len(analysis_rows()[1]))
    tally.people[0] = 1.0
    tally.group_size[0], tally.groups[0] = 2.0, 2.0
    tally.products[:] = 1.0
    for place in range(len(tally.products[0])):
        tally.products[:, place, place] = 2.0
    more = empty_truths()
    more.people[0], more.screened[:] = 1.0, 1.0
    assert {*CHECKS, *TARGETS} - {*LOSS_PARTS} <= set(achieved(tally, analysis_rows()[1])) | set(occurrences(more))


def test_every_parameter_stands_in_the_explanation_with_its_grade() -> None:
    """The page gives a grade in brackets after a parameter or after the last of several that share it."""
    page = (ROOT / "docs" / "explanation" / "data_generating_mechanism.md").read_text(encoding="utf-8")
    for name, parameter in PARAMETERS.items():
        if re.fullmatch(r"item_offset_0[2-9]", name):
            continue  # "item_offset_01 to item_offset_10"
        mentions = re.findall(rf"`{name}`(?:(?:,| to|, and| and)? `[A-Za-z0-9_]+`)*(?: \(([ABCD])\b)?", page)
        assert mentions, name
        assert set(mentions) - {""} == {parameter.grade}, (name, mentions)


# ---------------------------------------------------------------- the scenarios of the plan


def changed(name: str) -> dict[str, float]:
    return dict(scenarios().scenarios[name].set)


MISLEADING = {"mnar_slope_tele": -0.8, "mnar_slope_control": 0.8}


def test_the_required_scenarios_are_exactly_those_agreed() -> None:
    """Effect, loss, spread and slopes of every named truth that a full run needs."""
    registered = {"effect": -10.0, "odi_sd_week6": 19.39}
    assert changed("registered") == registered
    assert changed("registered_literature_sd") == {"effect": -10.0}
    assert changed("evidence_based") == {"effect": -4.5}
    assert changed("sceptical") == {"effect": -2.0}
    assert changed("optimistic") == {"effect": -6.8}
    assert changed("null") == {"effect": 0.0, "live_icc": 0.0}
    assert changed("no_attrition") == {**registered, "loss_total": 0.0, "item_blank_week6": 0.0}
    by_arm = changed("mnar_by_arm")
    assert {name: by_arm[name] for name in (*registered, *MISLEADING)} == {**registered, **MISLEADING}
    assert set(by_arm) == {*registered, *MISLEADING, *LOSS_PARTS}
    for name in ("registered", "evidence_based", "mnar_by_arm", "null"):
        assert scenario(name).values["loss_total"] == 0.4
    assert scenario("registered_literature_sd").values["odi_sd_week6"] == 14.0
    required = {name for name, spec in scenarios().scenarios.items() if spec.required}
    assert set(scenarios().scenarios) - required == {"dose_threshold", "clustered", "contaminated", "ideal_conditions"}


def test_the_further_scenarios_are_what_they_are_called() -> None:
    assert changed("dose_threshold") == {"effect": -4.5, "dose_threshold_weight": 1.0}
    assert changed("clustered") == {"effect": 0.0, "live_icc": 0.05, "live_group_size": 12.0}
    assert changed("contaminated") == {"effect": -4.5, "leak_share": 0.15, "leak_effect": 0.5}
    # Nothing that a plain formula does not know: complete data, independent people, no difference of any kind.
    ideal = mechanism("ideal_conditions")
    nothing = ("effect", "loss_total", "live_icc", "item_blank_week6", "covariate_missing")
    assert changed("ideal_conditions") == dict.fromkeys(nothing, 0.0)
    assert not ideal.dropout.active.any()
    assert (ideal.course.effect, ideal.course.group_sd, ideal.measurement.blank_follow_up, ideal.population.missing_share) == (0, 0, 0, 0)
    np.testing.assert_array_equal(ideal.events.probability[CONTROL], ideal.events.probability[TELE])


@pytest.mark.parametrize("effect", [0.0, -4.5])
def test_a_programme_changes_other_care_only_where_it_has_an_effect(effect: float) -> None:
    control, programme = mechanism(effect=effect).events.probability
    assert np.array_equal(control, programme) == (effect == 0.0)
    shares = [PARAMETERS[f"event_share_{event}_{'tele' if effect else 'control'}"].value for event in EVENTS]
    np.testing.assert_allclose(1.0 - (1.0 - programme) ** WEEKS, shares, rtol=1e-12)


@pytest.mark.parametrize("name", scenarios().scenarios)
def test_the_baseline_sd_follows_the_model_exactly_where_the_registered_spread_is_used(name: str) -> None:
    own = scenario(name)
    assert (own.follows_the_model == ("odi_sd_baseline",)) == (own.values["odi_sd_week6"] == 19.39)


def test_the_textbook_world_is_bivariate_normal_with_losses_by_chance() -> None:
    own = scenarios().scenarios["textbook"]
    assert own.textbook
    assert [name for name, spec in scenarios().scenarios.items() if spec.textbook] == ["textbook"]
    assert {name: own.set[name] for name in LOSS_PARTS} == dict(zip(LOSS_PARTS, (1.0, 0.0, 0.0, 0.0), strict=True))
    assert (own.set["odi_sd_week6"], own.set["odi_correlation"], own.set["effect"]) == (18.0, 0.5, -10.0)


def test_the_registered_calculation_has_exactly_60_and_60() -> None:
    own = scenario("registered_analysed_120")
    assert participants(own, protocol()) == 120
    assert own.values["loss_total"] == 0.0
    assert participants(scenario("registered"), protocol()) == 200


BLOCKS = RandomisationPlan(method="permuted_blocks", block_sizes=(4, 6, 8))


def test_a_scenario_may_have_a_randomisation_of_its_own() -> None:
    plan = "{method: big_stick, limit: 2}"
    file = read_scenarios("    set: {effect: -6.8}", f"    randomisation: {plan}\n    set: {{effect: -6.8}}")
    own = resolve(assumptions(), file, "optimistic", "scenarios.yaml")
    assert own.randomisation == RandomisationPlan(method="big_stick", limit=2)
    assert allocation(own, protocol()).scheme.limit == 2
    assert resolve(assumptions(), file, "null", "scenarios.yaml").randomisation == BLOCKS


@pytest.mark.parametrize("name", scenarios().scenarios)
def test_every_declared_scenario_resolves_and_says_what_it_changed(name: str) -> None:
    own = scenario(name)
    assert own.changed == tuple(changed(name))
    assert all(own.values[key] == value for key, value in changed(name).items())
    untouched = set(own.values) - set(own.changed)
    assert all(own.values[key] == PARAMETERS[key].value for key in untouched)
    assert own.randomisation == assumptions().randomisation == BLOCKS
    assert own.strategies == ("treatment_policy", "treatment_policy", "composite", "hypothetical", "treatment_policy")
    draft_mechanism(own, protocol())


def test_the_calibration_cohort_has_at_least_a_million_people() -> None:
    assert scenarios().calibration.people >= 10**6
    lines = faults(lambda: read_scenarios("people: 1048576", "people: 50000"))
    assert len(lines) == 1
    assert "scenarios.yaml:7:" in lines[0]
    assert "1000000" in lines[0]


# ---------------------------------------------------------------- refusals of the assumptions file


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  effect: {kind", "  efect: {kind", ("unknown parameter efect", "effect is missing", "reads its parameters by these names")),
        ("  r_age_bmi: ", "  r_age_height: ", ("unknown parameter r_age_height",)),
        ("  r_age_bmi: ", "  r_odi_age: ", ("the correlation of age and odi is given twice",)),
        ("  r_age_bmi: ", "  r_age_age: ", ("unknown parameter r_age_age",)),
        ("  effect: {kind: target", "  effect: {kind: check", ("effect is of kind check and must be target",)),
        ("source: [bailey2020], grade: C}", "source: [bayley2020], grade: C}",
         ("unknown source bayley2020", "add it to the sources block")),
        ("effect: {kind: target, value: -4.5,", "effect: {kind: target, value: -14.5,", ("value is -14.5", "low -10 to high 0")),
        ("value: -4.5, low: -10, high: 0, unit: ODI points, source: [hayden2021, ukbeam2004, who2023], grade: B",
         "value: -4.5, low: -10, high: 0, unit: ODI points, source: [hayden2021, ukbeam2004, who2023], grade: E", ("grade",)),
        ("kind: assumptions, schema", "kind: scenarios, schema", ("file of kind scenarios", "kind assumptions is needed")),
        ("block_sizes: [4, 6, 8]", "block_sizes: []", ("block_sizes",)),
        ("{method: permuted_blocks, block_sizes: [4, 6, 8]}", "{method: simple, block_sizes: [4, 6, 8]}",
         ("simple does not read block_sizes",)),
        ("{method: permuted_blocks, block_sizes: [4, 6, 8]}", "{method: coin}", ("method",)),
        ("  surgery: {label: {en: Spinal surgery", "  operation: {label: {en: Spinal surgery",
         ("surgery is missing", "operation is unknown", "a label and a strategy to each of rescue, other_rehabilitation, surgery,")),
        (", es: Cirugía de columna}, strategy: composite}", ", es: Cirugía de columna}}", ("surgery", "strategy")),
        (", es: Cirugía de columna}, strategy: composite}", ", es: Cirugía de columna}, strategy: principal_stratum}", ("strategy",)),
        ('first: "2025-12-22", last: "2026-01-06"', 'first: "2026-01-06", last: "2025-12-22"',
         ("last (2025-12-22) is before first (2026-01-06)",)),
        ('first: "2025-12-22", last: "2026-01-06"', 'first: "2025-12-22", last: "2026-01-36"', ("last",)),
        ("programme_arm: tele", "programme: tele", ("programme",)),
        ("effect: {kind: target, value: -4.5", "effect: {kind: target, value: high", ("value",)),
        ("effect: {kind: target, value: -4.5", "effect: {kind: target, value: .nan", ("value",)),
    ],
)  # fmt: skip
def test_a_faulty_assumptions_file_is_refused_with_its_line(old: str, new: str, words: tuple[str, ...]) -> None:
    if "bailey2020" in old:
        old, new = f"hazard per week, {old}", f"hazard per week, {new}"
    text = " ".join(faults(lambda: read_assumptions(old, new)))
    assert re.search(r"assumptions\.yaml:\d+:\d+", text)
    for word in words:
        assert word in text


# ---------------------------------------------------------------- refusals of a scenario


def resolved(name: str, **changes: float) -> Scenario:
    """A scenario whose `set` block has more changes."""
    spec = scenarios().scenarios[name]
    more = spec.model_copy(update={"set": {**spec.set, **changes}})
    block = scenarios().model_copy(update={"scenarios": {name: more}})
    return resolve(assumptions(), block, name, "scenarios.yaml")


def test_an_unknown_scenario_is_refused_with_those_there_are() -> None:
    (line,) = faults(lambda: resolve(assumptions(), scenarios(), "registred", "scenarios.yaml"))
    assert line.startswith("scenarios.yaml: there is no scenario 'registred'; scenarios here: textbook, null, registered,")


@pytest.mark.parametrize("name", ["efect", "odi_change_sd", "participants"])
def test_a_scenario_sets_targets_and_inputs_only(name: str) -> None:
    (line,) = faults(lambda: resolved("registered", **{name: 1.0}))
    assert line.startswith(f"scenarios.yaml, scenario registered, {name}: this is not an assumption that can be set.")


@pytest.mark.parametrize(
    ("name", "value", "low", "high"),
    [
        ("odi_correlation", 1.2, "0", "0.999"), ("odi_mean_baseline", -3.0, "0", "100"), ("odi_sd_week6", 0.0, "1", "50"),
        ("odi_sd_baseline", 60.0, "1", "50"), ("odi_sd_ratio", 0.0, "0.1", "5"), ("effect", -101.0, "-100", "100"),
        ("effect_cv", -0.1, "0", "3"),
        ("loss_total", 0.96, "0", "0.95"), ("loss_difference", 1.0, "-0.9", "0.9"), ("loss_weight_week1", 1.1, "0", "1"),
        ("loss_slope_age", 6.0, "-5", "5"), ("mnar_slope_tele", -6.0, "-5", "5"), ("never_start", 0.0, "0.0001", "0.9"),
        ("disengage_week", 1.0, "0.0001", "0.9"), ("live_first_week", 1.0, "0.01", "0.99"), ("diary_last_week", 7.0, "0.05", "6.9"),
        ("logins_first_week", 30.0, "0.05", "20"), ("frailty_on_adherence", -1.0, "0", "5"), ("item_width", 0.0, "5", "40"),
        ("item_offset_03", 6.0, "-5", "5"), ("item_total_sd", -1.0, "0", "5"), ("age_sd", 0.0, "0.1", "50"),
        ("female_share", 1.5, "0", "1"),
        ("bmi_mean", 5.0, "12", "60"), ("height_sd", 0.0, "0.1", "30"), ("pain_mean", 11.0, "0", "10"), ("pain_sd", 0.0, "0.1", "10"),
        ("pain_stable", 1.0, "0", "0.999"), ("pain_per_disability", -0.1, "0", "1"), ("r_age_bmi", 1.0, "-0.999", "0.999"),
        ("state_weekly_correlation", 1.0, "0", "0.999"), ("natural_weeks", 0.0, "0.1", "50"), ("natural_cv", -1.0, "0", "5"),
        ("dose_curvature", 0.0, "0.01", "20"), ("control_change", 120.0, "-100", "100"), ("activity_low", -0.1, "0", "1"),
        ("live_icc", 2.0, "0", "0.9"), ("loss_total", 1.2, "0", "0.95"), ("adherence_mean", 1.0, "0.01", "0.99"),
        ("live_group_size", 1.0, "2", "1000"), ("leak_share", -0.1, "0", "1"), ("leak_effect", 1.1, "0", "1"),
        ("attention_share", 1.1, "0", "1"), ("dose_threshold", 1.2, "0", "1"), ("dose_threshold_width", 0.0, "0.005", "1"),
        ("flare_size", -1.0, "0", "30"), ("flare_weeks", 0.0, "0.1", "50"), ("prognosis", -1.0, "0", "20"),
        ("logins_size", 0.0, "0.05", "100"), ("diary_backfilled", 1.0, "0", "0.9"), ("pain_on_disengagement", 3.0, "-2", "2"),
        ("event_share_rescue_tele", 1.0, "0", "0.95"), ("event_slope_rescue", 3.0, "-2", "2"), ("event_odi_surgery", 60.0, "-50", "50"),
        ("event_vas_surgery", 11.0, "-10", "10"), ("rescue_weeks", 0.0, "1", "6"), ("recovery_threshold", -1.0, "0", "100"),
        ("item_blank_sex_life", 1.0, "0", "0.9"), ("item_blank_week6", -0.1, "0", "0.9"), ("covariate_missing", 0.6, "0", "0.5"),
        ("weekly_pain_answered", 1.1, "0", "1"), ("education_sd", 0.0, "0.1", "12"), ("sick_leave_share", 1.1, "0", "1"),
        ("r_leave_odi", 1.0, "-0.999", "0.999"), ("consent_rate", 0.0, "0.01", "0.99"), ("consent_on_leave", 6.0, "-5", "5"),
        ("ineligible_I5", 1.0, "0", "0.95"), ("satisfaction_mean", 11.0, "0", "10"), ("harm_fall_week", 1.0, "0", "0.9"),
        ("randomised_per_week", 0.0, "0.01", "500"),
    ],
)  # fmt: skip
def test_an_impossible_value_is_refused_with_what_is_possible(name: str, value: float, low: str, high: str) -> None:
    (line,) = faults(lambda: resolved("registered", **{name: value}))
    assert line == f"scenarios.yaml, scenario registered, {name}: the value is {value:g}; possible values run from {low} to {high}"


@pytest.mark.parametrize("name", [*TARGETS, *INPUTS, *(name for name in PARAMETERS if name.startswith("r_"))])
def test_every_target_and_input_has_a_possible_range(name: str) -> None:
    low, high = possible_range(name)
    assert -1000.0 < low < high <= 10_000.0


def test_a_stress_outside_the_plausible_range_is_allowed() -> None:
    assert PARAMETERS["loss_difference"].high < 0.2
    assert resolved("registered", loss_difference=0.2).values["loss_difference"] == 0.2


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        ({"loss_part_mcar": 0.5}, " + ".join(LOSS_PARTS), "the sum is 1.125; it must be 1"),
        ({"dose_weight_live": 0.0}, "dose_weight_live + dose_weight_exercise + dose_weight_modules", "the sum is 0.6; it must be 1"),
        ({"comorbidity_none": 0.9}, "comorbidity_none + comorbidity_one + comorbidity_two", "the sum is 1.32; it may not be above 1"),
        ({"activity_low": 0.6}, "activity_low + activity_moderate", "the sum is 1.1; it may not be above 1"),
    ],
)
def test_parts_that_do_not_add_up_are_refused(changes: dict[str, float], where: str, what: str) -> None:
    (line,) = faults(lambda: resolved("registered", **changes))
    assert line == f"scenarios.yaml, scenario registered, {where}: {what}"


@pytest.mark.parametrize(
    ("part", "slopes"),
    [
        ("loss_part_mar_covariates", tuple(f"loss_slope_{name}" for name in LOSS_COVARIATES)),
        ("loss_part_mar_adherence", ("loss_slope_adherence", "loss_slope_frailty")),
        ("loss_part_mnar", ("mnar_slope_tele", "mnar_slope_control")),
    ],
)
def test_a_part_of_the_loss_without_a_slope_has_no_reason(part: str, slopes: tuple[str, ...]) -> None:
    (line,) = faults(lambda: resolved("registered", **dict.fromkeys(slopes, 0.0)))
    assert line == (
        f"scenarios.yaml, scenario registered, {part}: the value is {PARAMETERS[part].value:g} and all slopes of this part are 0. "
        f"Set one of {', '.join(slopes)} other than 0, or the part to 0 and loss_part_mcar up"
    )
    # One slope is a reason, and a part of 0 needs none.
    resolved("registered", **{**dict.fromkeys(slopes, 0.0), slopes[-1]: -0.1})
    more = PARAMETERS["loss_part_mcar"].value + PARAMETERS[part].value
    resolved("registered", **{**dict.fromkeys(slopes, 0.0), part: 0.0, "loss_part_mcar": more})


def test_all_faults_of_a_scenario_are_told_at_once() -> None:
    lines = faults(
        lambda: resolved("registered", efect=-3.0, odi_correlation=2.0, loss_part_mcar=0.5, mnar_slope_tele=0, mnar_slope_control=0)
    )
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    set: {effect: -6.8}", "    set: {effect: strong}", "strong"),
        ("    set: {effect: -6.8}", "    sets: {effect: -6.8}", "sets"),
        ("replicates: 10000}", "replicates: 0}", "replicates"),
        ("monte_carlo: {seed: 2718281828", "monte_carlo: {seed: -1", "seed"),
        ("    participants: 120", "    participants: 2", "participants"),
        ("kind: scenarios, schema", "kind: assumptions, schema", "kind"),
    ],
)
def test_a_faulty_scenario_file_is_refused_with_its_line(old: str, new: str, words: str) -> None:
    text = " ".join(faults(lambda: read_scenarios(old, new)))
    assert re.search(r"scenarios\.yaml:\d+:\d+", text)
    assert words in text


def test_files_of_another_trial_are_refused() -> None:
    check_same_trial("nct07248813", "nct07248813", "scenarios.yaml")
    (line,) = faults(lambda: check_same_trial("nct00000000", "nct07248813", "scenarios.yaml"))
    assert line == (
        "scenarios.yaml: this file is for trial nct00000000; the protocol is trial nct07248813. Give the files of the protocol's own trial"
    )


# ---------------------------------------------------------------- refusals where the values meet the protocol


def test_correlations_that_cannot_hold_together_are_refused() -> None:
    changes = {"r_pain_odi": 0.95, "r_age_odi": 0.95}
    (line,) = faults(lambda: mixing({**scenario().values, **changes}, "stress"))
    assert line.startswith(
        f"scenario stress, r_*: the correlations between {', '.join(TRAITS)} cannot hold together (smallest eigenvalue -"
    )
    assert "positive definite" in line


def test_a_missing_pair_is_uncorrelated() -> None:
    only = {name: value for name, value in scenario().values.items() if not name.startswith("r_")}
    assert mixing(only, "x").tolist() == np.eye(len(TRAITS)).tolist()


@pytest.mark.parametrize("name", ["live_group_size", "rescue_weeks"])
def test_what_is_counted_is_a_whole_number(name: str) -> None:
    (line,) = faults(lambda: mechanism(**{name: 2.5}))
    assert line == f"{name}: the value is 2.5; it must be a whole number"


@pytest.mark.parametrize("name", ["I9", "I1", "I3", "I7"])
def test_a_share_is_assumed_for_criteria_of_the_protocol_that_nothing_else_decides(name: str) -> None:
    """I9 does not exist; age decides I1 and pain I3; I7 is consent, which has a rate of its own."""
    world = scenario()
    values = {**world.values, f"{CRITERION}{name}": 0.1}
    (line,) = faults(lambda: draft_mechanism(world._replace(values=values), protocol()))
    assert line.startswith(f"scenario evidence_based, ineligible_{name}: no such criterion can be assumed; criteria: ")
    assert line.endswith("criteria: I2, I4, I5, I6, E1, E2, E3, E4, E5, E6, E7")


@pytest.mark.parametrize("sizes", [(3,), (4, 5), (0,), (-2,)])
def test_a_block_size_is_a_multiple_of_the_ratio(sizes: tuple[int, ...]) -> None:
    plan = RandomisationPlan(method="permuted_blocks", block_sizes=sizes)
    (line,) = faults(lambda: allocation(scenario()._replace(randomisation=plan), protocol()))
    assert "block" in line
    assert all(str(size) in line for size in sizes if size <= 0 or size % 2)


SEXES = ("female", "male")


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (Factor(column="site", levels=("a", "b")), "the column is site; simulated before randomisation: age_years, sex,"),
        (Factor(column="odi@week6", levels=("low", "high"), cuts=(20.0,)), "the column is odi@week6"),
        (Factor(column="vas@week3", levels=("low", "high"), cuts=(5.0,)), "the column is vas@week3"),
        (Factor(column="age_years", levels=("young", "old")), "cuts are None; age_years is a number and needs cuts"),
        (Factor(column="sex", levels=SEXES, cuts=(0.5,)), "cuts are (0.5,); sex has the codes female, male and takes no cuts"),
        (Factor(column="sex", levels=("male", "female")), "levels are male, female; the simulator writes female, male, in this order"),
    ],
)
def test_a_factor_that_the_simulator_does_not_record_is_refused(factor: Factor, words: str) -> None:
    plan = RandomisationPlan(method="urn", stratify_by=("one", "sex"), factors={"one": factor, "sex": Factor(column="sex", levels=SEXES)})
    (line,) = faults(lambda: allocation(scenario()._replace(randomisation=plan), protocol()))
    assert line.startswith(f"randomisation, factor one: {words}")


def test_factors_become_rows_and_cuts_of_what_is_recorded() -> None:
    plan = RandomisationPlan(
        method="minimisation",
        minimise_over=(MinimisationFactor(factor="sex"), MinimisationFactor(factor="band", weight=2.0)),
        factors={"sex": Factor(column="sex", levels=SEXES), "band": Factor(column="age_years", levels=("a", "b", "c"), cuts=(30.0, 45.0))},
    )
    own = allocation(scenario()._replace(randomisation=plan), protocol())
    assert own.factor_rows.tolist() == [RECORDED.index("sex"), RECORDED.index("age_years")]
    assert own.factor_cuts.tolist() == [[1.0, np.inf], [30.0, 45.0]]


def test_the_programme_arm_is_an_arm_of_the_protocol() -> None:
    (line,) = faults(lambda: allocation(scenario()._replace(programme_arm="app"), protocol()))
    assert line.startswith("programme_arm: the arm 'app' is not in the protocol; arms: ")
