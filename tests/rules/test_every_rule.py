"""Every rule has a passing and a failing fixture; the change that makes it fail wakes it and its declared companions only.

Fixtures stand in cases/DOMAIN.yaml, as changes of the sound protocol: `fail` makes the rule fail; `pass`, where needed, makes the
rule apply first (a cluster rule needs clusters). The other rules that rightly wake too stand in companions.yaml, each with its reason.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from sound_protocol import SOUND, changed

from odisea.protocol.load import load_located_protocol
from odisea.protocol.rules.catalogue import RULES
from odisea.protocol.rules.evaluate import Evaluation, evaluate
from odisea.protocol.rules.rule import Case

HERE = Path(__file__).parent
MOST_COMPANIONS = 3
ELSEWHERE = {"SYN", "GAP", "PRP", "WVR"}  # loader, gaps and waivers have tests of their own
GENERAL = {"GAP-01", "GAP-02"}  # what any value that becomes a gap wakes


@cache
def cases() -> dict[str, dict[str, Any]]:
    files = sorted((HERE / "cases").glob("*.yaml"))
    return {name: case for path in files for name, case in yaml.safe_load(path.read_text(encoding="utf-8")).items()}


@cache
def companions() -> dict[str, dict[str, str]]:
    return dict(yaml.safe_load((HERE / "companions.yaml").read_text(encoding="utf-8")))


TESTED = [rule for rule in RULES if rule.domain not in ELSEWHERE and "registry" not in rule.needs]


@cache
def sound() -> Evaluation:
    return evaluate(Case(load_located_protocol(SOUND / "protocol.yaml")), RULES)


def failing(evaluation: Evaluation) -> set[str]:
    return {each.rule.id for each in evaluation.outcomes if each.state == "failed"}


def state(evaluation: Evaluation, rule_id: str) -> str:
    return next(each.state for each in evaluation.outcomes if each.rule.id == rule_id)


def test_no_rule_fires_on_the_sound_protocol() -> None:
    assert [(finding.rule_id, finding.spec_path, finding.observed) for finding in sound().findings] == []


def test_every_rule_has_fixtures_and_every_fixture_a_rule() -> None:
    assert {rule.id for rule in TESTED} == set(cases())


def test_companions_are_few_and_each_has_its_reason() -> None:
    assert set(companions()) <= {rule.id for rule in TESTED}
    for reasons in companions().values():
        assert 1 <= len(reasons) <= MOST_COMPANIONS
        assert all(reason.endswith(".") for reason in reasons.values())


@pytest.mark.parametrize("rule_id", [rule.id for rule in TESTED])
def test_the_failing_fixture_wakes_the_rule_and_its_companions_only(rule_id: str, tmp_path: Path) -> None:
    case = cases()[rule_id]
    before = sound()
    if "pass" in case:
        (tmp_path / "pass").mkdir()
        before = evaluate(Case(changed(tmp_path / "pass", case["pass"])), RULES)
    assert state(before, rule_id) == "passed", "the rule must run and pass on its passing fixture"
    (tmp_path / "fail").mkdir()
    after = evaluate(Case(changed(tmp_path / "fail", {**case.get("pass", {}), **case["fail"]})), RULES)
    assert state(after, rule_id) == "failed"
    woken = failing(after) - failing(before) - {rule_id} - GENERAL
    declared = set(companions().get(rule_id, {}))
    assert woken == declared, f"woken beside {rule_id}: {sorted(woken)}"
