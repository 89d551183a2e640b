"""How a trial was randomised and grouped, from its opened allocation and the opened plan: order, strata, factors, method."""

import csv
import io
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from odisea.allocation.methods import Method
from odisea.allocation.plan import Factor, MinimisationFactor, RandomisationPlan
from odisea.analyse.randomised import (
    GROUPS,
    OPENED_PLAN,
    circumstances,
    live_groups,
    randomised_by,
    read_opened_plan,
    read_randomisation_plan,
)
from odisea.data.export import Export
from odisea.data.manifest import make_manifest
from odisea.data.read_export import ALLOCATION, assemble
from odisea.data.tables import render_csv
from odisea.errors import ProtocolError
from odisea.simulate.draft import draft_mechanism
from odisea.simulate.export import export_tables, simulate_cohort
from odisea.simulate.export_restricted import factor_levels, render_blocks
from odisea.simulate.rehearsal import SimulatedTrial, simulated_trial
from tests.declared import protocol, scenario

KEY, SIZE = (20261002, 1), 60
FACTORS = {
    "weight": Factor(column="weight_kg", levels=("light", "middle", "heavy"), cuts=(68.0, 80.0)),
    "activity": Factor(column="physical_activity_level", levels=("low", "moderate", "high")),
}
PLANS = {
    "plain": RandomisationPlan(method="permuted_blocks", block_sizes=(4, 6, 8)),
    "stratified": RandomisationPlan(method="permuted_blocks", block_sizes=(4, 6), stratify_by=("weight", "activity"), factors=FACTORS),
    "minimised": RandomisationPlan(
        method="minimisation", minimise_over=(MinimisationFactor(factor="activity"),), factors={"activity": FACTORS["activity"]}
    ),
}


@cache
def world(name: str) -> tuple[SimulatedTrial, Export, bytes]:
    """A trial randomised by a plan: as simulated, as its files are read, and its allocation file."""
    declared = scenario()._replace(randomisation=PLANS[name])
    model = draft_mechanism(declared, protocol())
    trial = simulated_trial(KEY, declared, model, simulate_cohort(*KEY, model, SIZE), protocol())
    contents = {table.name: render_csv(table) for table in export_tables(trial)}
    return trial, read(contents, contents[ALLOCATION]), contents[ALLOCATION]


def read(contents: dict[str, bytes], allocation: bytes | None) -> Export:
    shared = {name: content for name, content in contents.items() if not name.startswith("restricted/")}
    return assemble(shared, protocol(), make_manifest(protocol().trial, "simulated", analysis_key=KEY), allocation)


def rearranged(allocation: bytes, order: list[int], columns: list[str]) -> bytes:
    """The allocation file with its rows in another order and only some of its columns."""
    rows = list(csv.DictReader(io.StringIO(allocation.decode())))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[place] for place in order)
    return out.getvalue().encode()


def allocated(name: str, allocation: bytes) -> Export:
    contents = {table.name: render_csv(table) for table in export_tables(world(name)[0])}
    return read(contents, allocation)


@pytest.mark.parametrize("name", PLANS)
def test_order_factors_and_method_are_those_of_the_simulated_randomisation(name: str) -> None:
    trial, export, _ = world(name)
    found = randomised_by(export, protocol(), PLANS[name])
    assert found is not None
    np.testing.assert_array_equal(found.order, np.arange(SIZE))  # identifiers are given in order of randomisation
    np.testing.assert_array_equal(found.factors, factor_levels(trial))
    assert found.factors.shape == (len(PLANS[name].factors), SIZE)
    assert found.scheme is not None
    for own, simulated in zip(found.scheme, trial.mechanism.allocation.scheme, strict=True):
        np.testing.assert_array_equal(own, simulated)
    assert found.scheme.method == Method[PLANS[name].method.upper()]


def test_strata_are_the_combinations_of_levels() -> None:
    _, export, _ = world("stratified")
    found = randomised_by(export, protocol(), PLANS["stratified"])
    assert found is not None
    combinations = list(zip(*found.factors.tolist(), strict=True))
    assert (
        len(set(combinations)) == len(set(found.stratum.tolist())) == len(set(zip(combinations, found.stratum.tolist(), strict=True))) > 4
    )
    alone = randomised_by(world("plain")[1], protocol(), PLANS["plain"])
    assert alone is not None
    assert not alone.stratum.any()


def test_the_order_is_that_of_the_numbers_and_not_of_the_rows() -> None:
    _, export, allocation = world("stratified")
    order = np.random.default_rng(3).permutation(SIZE).tolist()
    columns = ["randomisation_no", "stratum", "arm", "participant_id"]
    before = randomised_by(export, protocol(), PLANS["stratified"])
    after = randomised_by(allocated("stratified", rearranged(allocation, order, columns)), protocol(), PLANS["stratified"])
    assert before is not None
    assert after is not None
    for one, other in zip(before[:3], after[:3], strict=True):
        np.testing.assert_array_equal(one, other)


def test_numbers_are_compared_as_numbers() -> None:
    _, _, allocation = world("plain")
    rows = list(csv.DictReader(io.StringIO(allocation.decode())))
    # The first participant gets the largest number, written with more digits: as text it would come early.
    text = "randomisation_no,arm,participant_id\n" + "".join(
        f"{1000 if place == 0 else place},{row['arm']},{row['participant_id']}\n" for place, row in enumerate(rows)
    )
    found = randomised_by(allocated("plain", text.encode()), protocol(), PLANS["plain"])
    assert found is not None
    np.testing.assert_array_equal(found.order, [*range(1, SIZE), 0])


def test_without_the_numbers_or_the_allocation_nothing_is_known() -> None:
    _, export, allocation = world("plain")
    bare = allocated("plain", rearranged(allocation, list(range(SIZE)), ["arm", "participant_id"]))
    for one in (bare, replace(export, allocation=None)):
        assert randomised_by(one, protocol(), PLANS["plain"]) is None
        assert circumstances(one, protocol(), PLANS["plain"]).randomised is None


def test_without_the_plan_the_order_is_known_and_the_method_is_not() -> None:
    found = randomised_by(world("stratified")[1], protocol(), None)
    assert found is not None
    assert found.scheme is None
    assert found.factors.shape == (0, SIZE)
    assert len(set(found.stratum.tolist())) > 4
    np.testing.assert_array_equal(found.order, np.arange(SIZE))


@pytest.mark.parametrize(("name", "plan"), [("plain", "stratified"), ("minimised", "stratified")])
def test_the_plan_of_other_strata_is_refused_in_one_message(name: str, plan: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        randomised_by(world(name)[1], protocol(), PLANS[plan])
    (problem,) = caught.value.problems
    assert problem.where == ALLOCATION
    assert "names no level of weight" in problem.found
    assert problem.allowed == "levels: light, middle, heavy"
    assert problem.remedy == "Give the plan of this allocation"


def test_block_sizes_that_do_not_fit_the_ratio_are_refused() -> None:
    odd = RandomisationPlan(method="permuted_blocks", block_sizes=(5,))
    with pytest.raises(ProtocolError, match="the opened plan"):
        randomised_by(world("plain")[1], protocol(), odd)


# ---------------------------------------------------------------- the opened plan as a file

SITE = f"""\
odisea: {{kind: randomisation, schema: "1"}}
trial: {protocol().trial}
randomisation:
  method: permuted_blocks
  block_sizes: [4, 6]
  stratify_by: [weight, activity]
  factors:
    weight: {{column: weight_kg, levels: [light, middle, heavy], cuts: [68, 80]}}
    activity: {{column: physical_activity_level, levels: [low, moderate, high]}}
"""


@pytest.mark.parametrize("name", PLANS)
def test_the_plan_of_a_simulated_trial_is_read_from_its_blocks(tmp_path: Path, name: str) -> None:
    path = tmp_path / OPENED_PLAN
    path.write_text(render_blocks(world(name)[0]), encoding="utf-8")
    assert read_randomisation_plan(path, "nct07248813") == PLANS[name]


def test_the_plan_of_a_site_is_read_from_its_document(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(SITE, encoding="utf-8")
    assert read_randomisation_plan(path, "nct07248813") == PLANS["stratified"]


def test_a_plan_that_is_given_goes_before_the_one_beside_the_allocation(tmp_path: Path) -> None:
    allocation, beside, given = tmp_path / "allocation.csv", tmp_path / OPENED_PLAN, tmp_path / "plan.yaml"
    assert read_opened_plan(None, None, "nct07248813") == (None, None)
    assert read_opened_plan(None, allocation, "nct07248813") == (None, None)
    beside.write_text(render_blocks(world("plain")[0]), encoding="utf-8")
    given.write_text(SITE, encoding="utf-8")
    assert read_opened_plan(None, allocation, "nct07248813") == (beside, PLANS["plain"])
    assert read_opened_plan(given, allocation, "nct07248813") == (given, PLANS["stratified"])
    assert read_opened_plan(given, None, "nct07248813") == (given, PLANS["stratified"])


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "no JSON",
        "{}",
        json.dumps({"plan": {"method": "by_hand"}}),
        json.dumps({"plan": {"method": "permuted_blocks"}}),
        json.dumps({"plan": None}),
        "[]",
    ],
)
def test_blocks_without_a_plan_are_refused_in_one_message(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / OPENED_PLAN
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ProtocolError) as caught:
        read_opened_plan(path, None, "nct07248813")
    assert [problem.where for problem in caught.value.problems] == [str(path)]
    assert str(caught.value).startswith(f"{path}: no plan of a randomisation can be read (")
    assert "\n" not in str(caught.value)


def test_the_plan_of_another_trial_is_refused(tmp_path: Path) -> None:
    blocks, document = tmp_path / OPENED_PLAN, tmp_path / "plan.yaml"
    blocks.write_text(render_blocks(world("plain")[0]), encoding="utf-8")
    document.write_text(SITE, encoding="utf-8")
    for path in (blocks, document):
        with pytest.raises(ProtocolError, match=f"the plan is of trial {protocol().trial}.*the protocol is of another"):
            read_randomisation_plan(path, "another")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "plan.yaml"),
        ("", "plan.yaml"),
        (SITE.replace("kind: randomisation", "kind: protocol"), "a file of kind randomisation is needed here"),
        (SITE.replace("  block_sizes: [4, 6]\n", ""), "permuted_blocks needs block_sizes"),
    ],
)
def test_a_document_without_a_plan_is_refused_in_one_message(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "plan.yaml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ProtocolError) as caught:
        read_randomisation_plan(path, "nct07248813")
    (problem,) = caught.value.problems
    assert said in str(problem)
    assert problem.where.startswith(str(path))


# ---------------------------------------------------------------- live-session groups


def test_groups_are_those_that_the_trial_was_simulated_with() -> None:
    trial, export, _ = world("plain")
    found = live_groups(export)
    assert found is not None
    exposed = trial.cohort.exposed == 1
    np.testing.assert_array_equal(found == -1, ~exposed)
    pairs = set(zip(found[exposed].tolist(), trial.cohort.group[exposed].tolist(), strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs}) > 1  # the same people together
    assert sorted(one for one, _ in pairs) == list(range(len(pairs)))


def test_who_has_no_row_has_no_group_and_without_the_file_none_is_recorded() -> None:
    _, export, _ = world("plain")
    table = export.tables[GROUPS]
    short = replace(table, columns={name: cells[1:] for name, cells in table.columns.items()}, numbers=table.numbers[1:])
    before, after = live_groups(export), live_groups(replace(export, tables={**export.tables, GROUPS: short}))
    assert before is not None
    assert after is not None
    gone = export.participants.index(str(table.columns["participant_id"][0]))
    assert (before[gone] >= 0, after[gone]) == (True, -1)
    assert (after >= 0).sum() == (before >= 0).sum() - 1
    without = {name: one for name, one in export.tables.items() if name != GROUPS}
    assert live_groups(replace(export, tables=without)) is None
    assert circumstances(replace(export, tables=without), protocol()).group is None


def test_all_circumstances_come_together() -> None:
    _, export, _ = world("stratified")
    found, alone = circumstances(export, protocol(), PLANS["stratified"]), randomised_by(export, protocol(), PLANS["stratified"])
    assert found.randomised is not None
    assert alone is not None
    for one, other in zip(found.randomised[:3], alone[:3], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(found.group, live_groups(export))
