"""Accepted findings: they stay, say who accepted them, and are counted apart; a waiver that has run out or matches nothing is said."""

import json
from pathlib import Path

import pytest
from sound_protocol import changed

from odisea.check import read_given, write_check, write_fixed
from odisea.errors import ProtocolError
from odisea.protocol.load import Located, load_located, parse_yaml
from odisea.protocol.model import Protocol
from odisea.protocol.rules.check import Checked, Given, check, check_files
from odisea.protocol.rules.evaluate import Evaluation, evaluate
from odisea.protocol.rules.finding import Finding, summary
from odisea.protocol.rules.gaps import not_stated
from odisea.protocol.rules.harms import collection, definition
from odisea.protocol.rules.rule import Case
from odisea.protocol.rules.waivers import WAIVER_RULES, WaiverFile, accept

HEAD = """# Accepted findings.
odisea: {kind: waivers, schema: "1"}
trial: sound
waivers:
"""
DEFINITION = """\
  - rule: HRM-01
    path: /harms/definition
    by: Committee
    date: "2026-01-10"
    until: "2026-06-30"
    reason: {en: Comes with version 3, es: Llega con la versión 3}
"""
ANY_GAP = """\
  - {rule: GAP-01, by: Sponsor, date: "2026-01-10", until: "2026-12-31", reason: Asked for}
"""
GAPS = {
    "/harms/definition": "not_stated",
    "/harms/grading": "not_stated",
    "/design/attitude": "not_stated",
    "/instruments/odi/version": "not_stated",
}
RULES = (definition, collection, not_stated, *WAIVER_RULES)


@pytest.fixture(scope="module")
def located(tmp_path_factory: pytest.TempPathFactory) -> Located[Protocol]:
    return changed(tmp_path_factory.mktemp("gaps"), GAPS)


def accepted(located: Located[Protocol], waivers: str, today: str = "2026-02-01") -> Evaluation:
    case = Case(located)
    name = str(Path(located.document.name).with_suffix(".waivers.yaml"))
    return accept(case, evaluate(case, RULES), parse_yaml(HEAD + waivers, WaiverFile, name), today)


def of_rule(evaluation: Evaluation, rule_id: str) -> list[Finding]:
    return [each for each in evaluation.findings if each.rule_id == rule_id]


def test_an_accepted_finding_stays_and_says_who_accepted_it(located: Located[Protocol]) -> None:
    before = evaluate(Case(located), RULES)
    after = accepted(located, DEFINITION)
    assert len(after.findings) == len(before.findings)
    (finding,) = of_rule(after, "HRM-01")
    assert finding.waiver is not None
    assert (finding.waiver.by, finding.waiver.date, finding.waiver.until) == ("Committee", "2026-01-10", "2026-06-30")
    assert (finding.waiver.reason.en, finding.waiver.reason.es) == ("Comes with version 3", "Llega con la versión 3")


def test_it_is_counted_apart_and_not_among_its_severity(located: Located[Protocol]) -> None:
    before = summary(evaluate(Case(located), RULES).findings)
    after = summary(accepted(located, DEFINITION).findings)
    assert after == {**before, "question": before["question"] - 1, "waived": 1}


def test_a_waiver_with_a_place_accepts_that_place_only(located: Located[Protocol]) -> None:
    one = ANY_GAP.replace("GAP-01,", "GAP-01, path: /harms/grading,")
    assert {each.spec_path for each in accepted(located, one).findings if each.waiver} == {"/harms/grading"}


def test_a_waiver_of_a_place_in_another_file_names_the_file(located: Located[Protocol]) -> None:
    one = ANY_GAP.replace("GAP-01,", 'GAP-01, path: "odi.yaml#/version",')
    assert {each.spec_path for each in accepted(located, one).findings if each.waiver} == {"odi.yaml#/version"}


def test_a_waiver_without_a_place_accepts_every_finding_of_the_rule(located: Located[Protocol]) -> None:
    paths = {each.spec_path for each in accepted(located, ANY_GAP).findings if each.waiver}
    assert paths == {"/harms/grading", "/design/attitude", "odi.yaml#/version"}


@pytest.mark.parametrize(("today", "holds"), [("2026-06-29", True), ("2026-06-30", True), ("2026-07-01", False)])
def test_a_waiver_holds_to_the_end_of_its_last_day(located: Located[Protocol], today: str, holds: bool) -> None:
    evaluation = accepted(located, DEFINITION, today)
    assert bool(of_rule(evaluation, "HRM-01")[0].waiver) == holds
    assert len(of_rule(evaluation, "WVR-01")) == (not holds)


def test_a_waiver_that_has_run_out_is_a_finding_at_its_own_line(located: Located[Protocol]) -> None:
    (finding,) = of_rule(accepted(located, DEFINITION, "2027-01-01"), "WVR-01")
    assert finding.message.en == "The waiver of HRM-01 by Committee held until 2026-06-30; the check was made on 2027-01-01."
    assert finding.spec_path == "protocol.waivers.yaml#/waivers/0/until"
    assert (HEAD + DEFINITION).splitlines()[finding.line - 1] == '    until: "2026-06-30"'


@pytest.mark.parametrize(
    "waiver", [DEFINITION.replace("HRM-01", "HRM-02"), DEFINITION.replace("/harms/definition", "/harms/definiton")], ids=["rule", "path"]
)
def test_a_waiver_that_matches_nothing_is_a_finding(located: Located[Protocol], waiver: str) -> None:
    evaluation = accepted(located, waiver)
    (finding,) = of_rule(evaluation, "WVR-02")
    assert finding.spec_path == "protocol.waivers.yaml#/waivers/0/rule"
    assert "by Committee at /harms/defini" in finding.message.en
    assert of_rule(evaluation, "HRM-01")[0].waiver is None


def test_a_waiver_cannot_accept_the_findings_on_waivers(located: Located[Protocol]) -> None:
    own = ANY_GAP.replace("GAP-01", "WVR-01")
    evaluation = accepted(located, DEFINITION + own, "2026-08-01")
    assert of_rule(evaluation, "WVR-01")[0].waiver is None
    assert [each.observed for each in of_rule(evaluation, "WVR-02")] == ["WVR-01"]


def test_without_waivers_the_rules_on_them_do_not_apply(located: Located[Protocol]) -> None:
    assert {each.state for each in evaluate(Case(located), WAIVER_RULES).outcomes} == {"not_applicable"}


def test_the_rules_on_waivers_are_listed_once(located: Located[Protocol]) -> None:
    identifiers = [each.rule.id for each in accepted(located, DEFINITION).outcomes]
    assert len(identifiers) == len(set(identifiers))
    assert {"WVR-01", "WVR-02"} <= set(identifiers)


@pytest.mark.parametrize(
    ("old", "new", "where", "found"),
    [
        ("    by: Committee\n", "", "5:", "by"),
        ("    by: Committee\n", '    by: ""\n', "7:", ""),
        ("HRM-01", "HRM01", "5:", "HRM01"),
        ('"2026-06-30"', '"June 2026"', "9:", "June 2026"),
        ('"2026-06-30"', '"2026-13-40"', "", "until is 2026-13-40; no calendar has that day"),
        ('"2026-06-30"', '"1999-06-30"', "", "a waiver ends after it was given"),
        ("    reason:", "    raeson:", "10:", "raeson"),
        ("trial: sound", "trail: sound", "3:", "trail"),
        ("kind: waivers", "kind: protocol", "2:", "protocol"),
    ],
)
def test_a_fault_in_the_file_is_named_with_its_line(tmp_path: Path, old: str, new: str, where: str, found: str) -> None:
    path = tmp_path / "trial.waivers.yaml"
    path.write_text((HEAD + DEFINITION).replace(old, new), encoding="utf-8")
    with pytest.raises(ProtocolError) as raised:
        load_located(path, WaiverFile)
    assert f"{path.name}:{where}" in str(raised.value)
    assert found in str(raised.value)


# ---- The files of a check.


def written(folder: Path, waivers: str) -> Path:
    """Write the protocol with gaps and its waivers into a folder; return the protocol's path."""
    changed(folder, GAPS)
    (folder / "protocol.waivers.yaml").write_text(waivers, encoding="utf-8")
    return folder / "protocol.yaml"


def load(path: Path) -> Located[Protocol]:
    from odisea.protocol.load import load_located_protocol

    return load_located_protocol(path)


def test_waivers_beside_the_protocol_are_read_without_being_named(tmp_path: Path) -> None:
    located = load(written(tmp_path, HEAD + DEFINITION))
    inputs = read_given(located, None, None)
    assert inputs.given.waivers is not None
    assert inputs.files == (tmp_path / "protocol.waivers.yaml",)


def test_waivers_of_another_trial_are_refused(tmp_path: Path) -> None:
    located = load(written(tmp_path, HEAD.replace("trial: sound", "trial: other") + DEFINITION))
    with pytest.raises(ProtocolError, match="these waivers are of trial other"):
        read_given(located, None, None)


def test_named_waivers_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    located = load(written(tmp_path, HEAD + DEFINITION))
    with pytest.raises(ProtocolError, match="does not exist"):
        read_given(located, None, tmp_path / "other.yaml")


def checked_with(folder: Path) -> tuple[Checked, Given]:
    located = load(written(folder, HEAD + DEFINITION))
    waivers = load_located(folder / "protocol.waivers.yaml", WaiverFile)
    given = Given(waivers=waivers, today="2026-02-01")
    return check(located, given), given


def test_the_accepted_finding_stays_in_findings_json_with_its_waiver(tmp_path: Path) -> None:
    checked, given = checked_with(tmp_path)
    content = json.loads(check_files(checked, given, "protocol.yaml", "0.1.0", "en")["findings.json"])
    (finding,) = [each for each in content["findings"] if each["rule_id"] == "HRM-01"]
    assert finding["waiver"]["by"] == "Committee"
    assert finding["waiver"]["reason"] == {"en": "Comes with version 3", "es": "Llega con la versión 3"}
    assert content["summary"]["waived"] == 1
    assert sum(content["summary"].values()) == len(content["findings"])


def test_rules_json_counts_it_apart_too(tmp_path: Path) -> None:
    checked, given = checked_with(tmp_path)
    rows = json.loads(check_files(checked, given, "protocol.yaml", "0.1.0", "en")["rules.json"])["rules"]
    (row,) = [each for each in rows if each["rule_id"] == "HRM-01"]
    assert (row["state"], row["findings"], row["waived"]) == ("failed", 0, 1)


def test_a_whole_check_names_the_waivers_in_its_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    folder.mkdir()
    located = load(written(folder, HEAD + DEFINITION.replace("2026-06-30", "2999-12-31")))
    inputs = read_given(located, None, None)
    write_check(check(located, inputs.given), inputs, tmp_path / "out", "en", "odisea check")
    assert "protocol.waivers.yaml" in (tmp_path / "out" / "manifest.json").read_text(encoding="utf-8")
    assert "Committee" in (tmp_path / "out" / "check_report.en.html").read_text(encoding="utf-8")


def test_mending_leaves_the_file_of_waivers_to_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    folder.mkdir()
    located = load(written(folder, HEAD + DEFINITION))
    given = Given(waivers=load_located(folder / "protocol.waivers.yaml", WaiverFile), today="2027-01-01")
    result = write_fixed(check(located, given), tmp_path / "fixed")
    assert "WVR-01 protocol.waivers.yaml#/waivers/0/until" in result.left
    assert not [each for each in result.applied if each.startswith("WVR")]
    assert load(tmp_path / "fixed" / "protocol.yaml").value.trial == "sound"
