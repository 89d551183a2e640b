from pathlib import Path

import pytest
from report_folders import WORLDS, World, write_world, write_worlds
from report_reading import the_protocol

from odisea.errors import DataError
from odisea.protocol.fact import Fact
from odisea.protocol.model import Protocol
from odisea.report.content import Mark, Trace
from odisea.report.numbers import Traced
from odisea.report.results import Measured, read_power_results
from odisea.report.selection import Chosen, choose
from odisea.report.verdict import State, judge, reaches, state_of, stays_below

PRIMARY = "as_registered.ancova"


def measured(share: float, n: int) -> Measured:
    traced = Traced(share, Trace("x", "y"))
    return Measured(traced, traced, n)


@pytest.mark.parametrize(
    ("share", "n", "mark"),
    [
        (0.80, 10_000, "met"),
        (0.7876, 10_000, "met"),
        (0.77, 10_000, "unclear"),
        (0.76, 10_000, "not_met"),
        (0.80, 100, "unclear"),
        (0.9, 100, "met"),
    ],
)
def test_power_reaches_the_target_within_three_points_or_is_left_open(share: float, n: int, mark: Mark) -> None:
    assert reaches(measured(share, n), 0.8) == mark


@pytest.mark.parametrize(
    ("share", "n", "mark"), [(0.05, 10_000, "met"), (0.06, 10_000, "unclear"), (0.07, 10_000, "not_met"), (0.05, 200, "unclear")]
)
def test_false_alarms_stay_within_one_point_or_are_left_open(share: float, n: int, mark: Mark) -> None:
    assert stays_below(measured(share, n), 0.05) == mark


@pytest.mark.parametrize(
    ("claim", "alarms", "conditions", "state"),
    [
        ("met", "met", ["met", "met"], "holds"),
        ("met", "met", ["met", "not_met"], "conditions"),
        ("met", "met", ["unclear", "not_met"], "conditions"),
        ("met", "met", ["met", "unclear"], "inconclusive"),
        ("unclear", "met", ["met"], "inconclusive"),
        ("met", "unclear", ["not_met"], "inconclusive"),
        ("not_met", "unclear", ["met"], "fails"),
        ("met", "not_met", ["met"], "fails"),
        ("met", "met", [], "holds"),
    ],
)
def test_the_rule_from_checks_to_the_four_states(claim: Mark, alarms: Mark, conditions: list[Mark], state: State) -> None:
    assert state_of(claim, alarms, conditions) == state


def chosen_of(tmp_path: Path, **changes: object) -> Chosen:
    return choose(read_power_results(write_worlds(tmp_path, **changes), the_protocol()), the_protocol())


def test_the_registered_claim_holds_under_conditions(tmp_path: Path) -> None:
    verdict = judge(chosen_of(tmp_path), the_protocol(), "as_registered")
    assert verdict.analysis == PRIMARY
    assert verdict.state == "conditions"
    assert {check.id: check.mark for check in verdict.checks} == {
        "claim": "met", "false_alarms": "met", "smaller_effect": "not_met", "larger_loss": "not_met", "misleading_loss": "not_met",
        "misleading_alarms": "not_met", "stated_facts": "not_met",
    }  # fmt: skip


def test_too_few_replicates_give_no_verdict(tmp_path: Path) -> None:
    assert judge(chosen_of(tmp_path, replicates=60), the_protocol(), "as_registered").state == "inconclusive"


@pytest.mark.parametrize(("world", "power"), [("registered", 0.6), ("null", 0.12)])
def test_a_broken_promise_does_not_hold(tmp_path: Path, world: str, power: float) -> None:
    folders = [write_world(tmp_path, World(name, powers={PRIMARY: power} if name == world else {})) for name in WORLDS]
    chosen = choose(read_power_results(folders, the_protocol()), the_protocol())
    assert judge(chosen, the_protocol(), "as_registered").state == "fails"


def test_it_holds_where_everything_is_stated_and_met(tmp_path: Path) -> None:
    strong = {name: World(name, powers={PRIMARY: 0.05 if WORLDS[name]["effect"] == 0 else 0.9}) for name in WORLDS}
    chosen = choose(read_power_results([write_world(tmp_path, world) for world in strong.values()], the_protocol()), the_protocol())
    assert judge(chosen, with_facts(the_protocol()), "as_registered").state == "holds"


def with_facts(protocol: Protocol) -> Protocol:
    """Return the protocol as if it stated what its sample-size calculation needs."""
    said = {
        "standard_deviation": Fact[float].model_validate(19.39),
        "alpha": Fact[float].model_validate(0.05),
        "test": Fact[str].model_validate("t"),
    }
    return protocol.model_copy(update={"sample_size": protocol.sample_size.model_copy(update=said)})


def test_scenarios_are_found_by_their_values_in_any_order(tmp_path: Path) -> None:
    folders = write_worlds(tmp_path)
    chosen = choose(read_power_results(folders[::-1], the_protocol()), the_protocol())
    assert chosen.claim.id == "registered"
    assert chosen.null.id == "null"
    assert [one.id for one in chosen.by_effect] == ["null", "sceptical", "evidence", "literature"]
    assert [one.id for one in chosen.by_loss] == ["nobody_lost", "registered", "half_lost"]
    assert chosen.misleading is not None
    assert chosen.misleading.id == "misleading"
    assert chosen.misleading_null is not None
    assert chosen.misleading_null.id == "null_misleading"
    assert chosen.target is not None
    assert chosen.target.id == "literature"
    assert [one.id for one in chosen.smaller] == ["sceptical", "evidence"]
    assert chosen.all[0].id == "textbook"
    assert {one.id for one in chosen.all} == set(WORLDS)


def test_another_number_of_participants_is_no_part_of_a_series(tmp_path: Path) -> None:
    folders = [write_world(tmp_path, World(name, participants=120 if name == "nobody_lost" else 200)) for name in WORLDS]
    chosen = choose(read_power_results(folders, the_protocol()), the_protocol())
    assert [one.id for one in chosen.by_loss] == ["registered", "half_lost"]


@pytest.mark.parametrize(("lacking", "said"), [("registered", "own numbers"), ("null", "without an effect")])
def test_a_missing_scenario_is_one_clear_message(tmp_path: Path, lacking: str, said: str) -> None:
    folders = write_worlds(tmp_path, *(name for name in WORLDS if name != lacking))
    with pytest.raises(DataError) as caught:
        choose(read_power_results(folders, the_protocol()), the_protocol())
    assert len(caught.value.problems) == 1
    assert said in str(caught.value)
