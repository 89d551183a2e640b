"""The protocol of NCT07248813: what its registry text states, what it leaves open, and the two plans."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from odisea.protocol.fact import Fact, Frozen
from odisea.protocol.load import load_located_protocol, load_protocol
from odisea.protocol.model import Protocol

FOLDER = Path(__file__).parents[2] / "protocol"
TRIAL = FOLDER / "nct07248813.yaml"
FILES = sorted(path for path in FOLDER.rglob("*.yaml") if "examples" not in path.parts)


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return load_protocol(TRIAL)


def test_the_sample_size_statement_is_the_registrys(protocol: Protocol) -> None:
    size = protocol.sample_size
    assert (size.total.value, size.per_arm.value, size.power.value, size.attrition.value, size.target_difference.value) == (
        200,
        (100, 100),
        0.8,
        0.4,
        10,
    )
    silent = (size.alpha, size.sidedness, size.test, size.standard_deviation, size.target_difference_citation, size.attrition_definition)
    assert [fact.status for fact in silent] == ["not_stated"] * len(silent)


def test_two_arms_one_to_one_and_one_contrast(protocol: Protocol) -> None:
    assert protocol.arm_ids == ("tele", "control")
    assert [arm.planned_n.value for arm in protocol.arms] == [100, 100]
    assert protocol.randomisation.ratio.value == (1, 1)
    contrast = protocol.contrast("tele_vs_control")
    assert (contrast.arm, contrast.reference) == ("tele", "control")


def test_population_and_calendar(protocol: Protocol) -> None:
    ages = protocol.population.age_years.require("age_years")
    assert (ages.min, ages.max) == (18, 60)
    assert [criterion.id for criterion in protocol.population.inclusion] == [f"I{n}" for n in range(1, 8)]
    assert [criterion.id for criterion in protocol.population.exclusion] == [f"E{n}" for n in range(1, 8)]
    pain = protocol.population.inclusion[2].check
    assert pain is not None
    assert (pain.variable, pain.op, pain.value) == ("vas@baseline", "ge", 3)
    assert [(visit.id, visit.week) for visit in protocol.schedule.visits] == [("baseline", 0), ("week6", 6)]
    assert (protocol.status.start.value, protocol.status.completion.value) == ("2025-10-03", "2026-12-20")


def test_what_the_page_does_not_show_is_kept_apart_from_what_it_does_not_say(protocol: Protocol) -> None:
    not_shown: tuple[Fact[Any], ...] = (
        protocol.status.first_submitted,
        protocol.status.primary_completion,
        protocol.population.enrolment_type,
        protocol.data_sharing.individual_data,
        *(outcome.registered_measure for outcome in protocol.outcomes.values()),
    )
    assert {fact.status for fact in not_shown} == {"not_in_source"}
    not_said: tuple[Fact[Any], ...] = (
        protocol.randomisation.method,
        protocol.randomisation.stratification,
        protocol.harms.collection,
        protocol.ethics.privacy_statute,
    )
    assert {fact.status for fact in not_said} == {"not_stated"}


def test_outcomes_with_values_in_the_export_and_without(protocol: Protocol) -> None:
    executable = {
        name: (outcome.visits, outcome.baseline, outcome.direction) for name, outcome in protocol.outcomes.items() if outcome.visits
    }
    assert executable == {
        "odi": (("baseline", "week6"), "baseline", "lower_better"),
        "vas": (("baseline", "week6"), "baseline", "lower_better"),
    }
    assert set(protocol.outcomes) - set(executable) == {"functional_recovery", "adherence", "satisfaction"}
    assert protocol.outcomes["adherence"].arms == ("tele",)


def test_instruments_give_range_and_scoring(protocol: Protocol) -> None:
    odi, vas = protocol.instruments["odi"], protocol.instruments["vas"]
    assert odi.items is not None
    assert (odi.items.count, odi.items.range, odi.minimum_answered.value, odi.range.value) == (10, (0, 5), 9, (0, 100))
    assert (vas.range.value, vas.resolution.value, vas.items) == ((0, 10), 0.1, None)


def test_codings_follow_the_registered_covariates(protocol: Protocol) -> None:
    coding = protocol.analysis.coding
    assert list(coding) == ["age", "bmi", "comorbidities", "physical_activity"]
    assert (coding["comorbidities"].level_names, coding["comorbidities"].reference) == (("none", "one", "two_plus"), "none")
    assert (coding["physical_activity"].level_names, coding["physical_activity"].reference) == (("low", "moderate", "high"), "low")
    assert coding["bmi"].columns == ("height_cm", "weight_kg")


def test_comorbidity_classes_cover_the_dictionarys_range(protocol: Protocol) -> None:
    classes = protocol.analysis.coding["comorbidities"].classes
    recorded = protocol.dictionary.column("participants.csv", "comorbidity_count").range
    assert classes is not None
    assert recorded is not None
    covered = [count for low, high in classes.levels.values() for count in range(int(low), int(high) + 1)]
    assert covered == list(range(int(recorded[0]), int(recorded[1]) + 1))


def test_the_registered_plan(protocol: Protocol) -> None:
    plan = protocol.analysis.plans["as_registered"]
    assert (plan.covariates.value, plan.covariates.status) == (("age", "bmi", "comorbidities", "physical_activity"), "stated")
    assert [(spec.id, spec.role) for spec in plan.analyses][:1] == [("ancova", "primary")]
    assert {spec.id for spec in plan.analyses if spec.reason is None} == {"ancova", "responder_or"}
    assert {spec.imputation_from for spec in plan.analyses if spec.imputes} == {"as_recommended"}
    proposed = (plan.alpha, plan.sidedness, plan.missing_data, plan.analysis_seed, plan.imputation.m, plan.responder["odi"])
    assert {fact.status for fact in proposed} == {"proposed"}


def test_the_recommended_plan(protocol: Protocol) -> None:
    plan = protocol.analysis.plans["as_recommended"]
    assert plan.covariates.value == ("odi@baseline", "age", "bmi", "comorbidities", "physical_activity")
    assert plan.imputation.variables.value == (*plan.covariates.require("covariates"), "vas@baseline")
    assert plan.imputation.m.value == 20
    assert [spec.id for spec in plan.analyses if spec.role == "primary"] == ["mi"]
    sensitivity = {spec.id for spec in plan.analyses if spec.role == "sensitivity"}
    assert {"jump_to_reference", "jump_to_reference_jackknife", "delta", "tipping_point", "mi_adherence", "responder_nri"} <= sensitivity
    assert {spec.imputation_from for spec in plan.analyses} == {None}
    rule = plan.responder["odi"].require("responder")
    assert (rule.improvement_of_at_least, rule.unit) == (10, "points")


def test_every_proposal_says_why_by_whom_and_when_in_both_languages(protocol: Protocol) -> None:
    proposals = [fact for fact in facts_in(protocol) if fact.status == "proposed"]
    assert len(proposals) >= 15
    for fact in proposals:
        assert fact.reason is not None
        assert fact.reason.en != fact.reason.es
        assert fact.by
        assert fact.date


def test_every_fact_of_the_trial_is_written_out() -> None:
    located = load_located_protocol(TRIAL)
    absent = [
        name
        for name, field in Protocol.model_fields.items()
        if not field.exclude and name != "dictionary" and name not in located.document.data
    ]
    assert absent == []
    assert list(unwritten(located.document.data, located.value)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_persons_telephones_addresses_or_block_sizes_stand_in_the_files(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"[\w.]+@[\w-]+\.[a-z]{2,}", text)
    assert not re.search(r"\b\d{10}\b|\+\d{2}|\b\d{2,3}[ -]\d{3,4}[ -]\d{4}\b", text)
    assert not re.search(r"block_sizes: \[?\d", text)
    assert not re.search(r"\b(MD|PhD|Dr)\b", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_says_on_its_first_line_what_it_is_and_names_its_schema(path: Path) -> None:
    first, second = path.read_text(encoding="utf-8").splitlines()[:2]
    assert re.match(r"# .*[Rr]ead", first) or "reads it" in first
    schema = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", second)
    assert schema
    assert (path.parent / schema[1]).is_file()


def facts_in(value: object) -> list[Fact[object]]:
    """Return every fact inside a model."""
    if isinstance(value, Fact):
        return [value]
    if isinstance(value, BaseModel):
        return [fact for name in type(value).model_fields for fact in facts_in(getattr(value, name))]
    if isinstance(value, dict):
        return [fact for item in value.values() for fact in facts_in(item)]
    return [fact for item in value for fact in facts_in(item)] if isinstance(value, tuple) else []


def unwritten(data: object, value: object, pointer: str = "") -> list[str]:
    """Return the pointers of facts that the file leaves to their default."""
    if isinstance(value, dict) and isinstance(data, dict):
        return [found for name, item in value.items() for found in unwritten(data[name], item, f"{pointer}/{name}")]
    if isinstance(value, tuple) and isinstance(data, tuple):
        return [found for place, item in enumerate(value) for found in unwritten(data[place], item, f"{pointer}/{place}")]
    if not isinstance(value, Frozen) or isinstance(value, Fact) or not isinstance(data, dict):
        return []
    found = []
    for name, field in type(value).model_fields.items():
        key, inner = field.alias or name, getattr(value, name)
        if key in data:
            found += unwritten(data[key], inner, f"{pointer}/{key}")
        elif isinstance(inner, Fact) and name not in value.not_expected:
            found.append(f"{pointer}/{key}")
    return found
