"""The USDM document and its sidecar: what they hold, what they leave out, and the rules of USDM that every document keeps.

The check against another implementation (the package `usdm4`) is in `tests/optional/test_usdm.py`.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_protocol import write_small_protocol

from odisea.errors import ProtocolError
from odisea.protocol.exports.usdm import usdm, usdm_sidecar, usdm_texts
from odisea.protocol.exports.usdm_design import iso_duration
from odisea.protocol.exports.write import write_usdm
from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol

ROOT = Path(__file__).parents[2]
Node = dict[str, Any]


def small(folder: Path, old: str = "", new: str = "") -> Protocol:
    return load_protocol(write_small_protocol(folder, {"protocol.yaml": (old, new)}))


@pytest.fixture(params=["ours", "ashar", "small"])
def protocol(request: pytest.FixtureRequest, tmp_path: Path) -> Protocol:
    """Every protocol of the repository, and the small one."""
    paths = {"ours": ROOT / "protocol" / "nct07248813.yaml", "ashar": ROOT / "protocol" / "examples" / "ashar_prt" / "protocol.yaml"}
    return load_protocol(paths[request.param]) if request.param in paths else small(tmp_path)


@pytest.fixture(scope="module")
def ours() -> Protocol:
    return load_protocol(ROOT / "protocol" / "nct07248813.yaml")


def version(protocol: Protocol) -> Node:
    found: Node = usdm(protocol)["study"]["versions"][0]
    return found


def design(protocol: Protocol) -> Node:
    found: Node = version(protocol)["studyDesigns"][0]
    return found


def instances(node: Any) -> Iterator[Node]:
    """Every instance of a class within a document."""
    if isinstance(node, list):
        for each in node:
            yield from instances(each)
    elif isinstance(node, dict):
        if "instanceType" in node:
            yield node
        for value in node.values():
            yield from instances(value)


def references(node: Node) -> Iterator[str]:
    """Identifiers of other instances that one instance names."""
    for name, value in node.items():
        if name.endswith(("Id", "Ids")):
            yield from value if isinstance(value, list) else [value]


def primary(nodes: list[Node], code: str) -> list[Node]:
    return [node for node in nodes if node["level"]["code"] == code]


# ---------------------------------------------------------------- form


def test_the_document_is_plain_json_and_repeatable(protocol: Protocol) -> None:
    text = usdm_texts(protocol)
    assert json.loads(text[0]) == usdm(protocol)
    assert json.loads(text[1]) == usdm_sidecar(protocol)
    assert usdm_texts(protocol) == text


def test_identifiers_are_unique_and_references_lead_somewhere(protocol: Protocol) -> None:
    found = list(instances(usdm(protocol)))
    identifiers = [node["id"] for node in found]
    assert not [name for name, count in Counter(identifiers).items() if count > 1]
    assert not [name for name in identifiers if " " in name]
    assert {name for node in found for name in references(node)} <= set(identifiers)


def test_names_are_unique_within_a_class(protocol: Protocol) -> None:
    names = Counter((node["instanceType"], node["name"]) for node in instances(usdm(protocol)) if "name" in node)
    assert not [name for name, count in names.items() if count > 1]


def test_chains_have_no_cycle_and_reach_everybody(protocol: Protocol) -> None:
    for part in ("epochs", "encounters", "activities", "eligibilityCriteria"):
        nodes = design(protocol)[part]
        assert [node.get("nextId") for node in nodes] == [*(node["id"] for node in nodes[1:]), None][: len(nodes)]
        assert [node.get("previousId") for node in nodes] == [None, *(node["id"] for node in nodes[:-1])][: len(nodes)]


# ---------------------------------------------------------------- rules of USDM


def test_one_cell_for_each_arm_and_epoch(protocol: Protocol) -> None:
    """DDF00068, DDF00243 and DDF00069."""
    here = design(protocol)
    cells = [(cell["armId"], cell["epochId"]) for cell in here["studyCells"]]
    assert Counter(cells) == {(arm["id"], epoch["id"]): 1 for arm in here["arms"] for epoch in here["epochs"]}
    assert {name for cell in here["studyCells"] for name in cell["elementIds"]} == {element["id"] for element in here["elements"]}


def test_one_primary_objective_holds_every_primary_endpoint(protocol: Protocol) -> None:
    """DDF00041, DDF00084 and DDF00096."""
    objectives = design(protocol)["objectives"]
    [main] = primary(objectives, "C85826")
    endpoints = [endpoint for objective in objectives for endpoint in objective["endpoints"]]
    assert primary(endpoints, "C94496")
    assert primary(endpoints, "C94496") == primary(main["endpoints"], "C94496")
    assert {endpoint["name"] for endpoint in endpoints} == set(protocol.outcomes)
    assert len(endpoints) == len(protocol.outcomes)


def test_planned_numbers_have_no_unit(protocol: Protocol) -> None:
    """DDF00043, DDF00234 and DDF00235."""
    population = design(protocol)["population"]
    assert (population.get("plannedEnrollmentNumber") or {}).get("unit") is None
    assert "plannedCompletionNumber" not in population


def test_the_anchor_has_no_window(tmp_path: Path) -> None:
    old = "- {id: end, week: 12, label: End}"
    new = "- {id: end, week: 12, label: End, window_days: [3, 7]}\n    - {id: later, week: 12.5, label: Later}"
    timings = design(small(tmp_path, old, new))["scheduleTimelines"][0]["timings"]
    assert [timing["type"]["decode"] for timing in timings] == ["Fixed Reference", "After", "After"]
    assert [timing["value"] for timing in timings] == ["P0D", "P12W", "P87DT12H"]
    assert [timing.get("windowLower") for timing in timings] == [None, "P3D", None]
    assert [timing.get("windowUpper") for timing in timings] == [None, "P7D", None]


def test_a_window_of_the_anchor_is_left_out(tmp_path: Path) -> None:
    protocol = small(tmp_path, "label: Start}", "label: Start, window_days: [1, 1]}")
    assert not [name for timing in design(protocol)["scheduleTimelines"][0]["timings"] for name in timing if name.startswith("window")]


@pytest.mark.parametrize(
    ("level", "code", "masked"), [("NONE", "C49659", 0), ("SINGLE", "C28233", 1), ("DOUBLE", "C15228", 2), ("QUADRUPLE", "C15228", 2)]
)
def test_blinded_roles_go_with_the_blinding(tmp_path: Path, level: str, code: str, masked: int) -> None:
    """DDF00191, DDF00192 and DDF00193."""
    roles = ["PARTICIPANT", "OUTCOMES_ASSESSOR"][:masked]
    new = f"blinding: {{level: {level}, masked: [{', '.join(roles)}], unmasked: [CARE_PROVIDER]}}\nsample_size: {{outcome: scale"
    here = version(small(tmp_path, "sample_size: {outcome: scale", new))
    assert here["studyDesigns"][0]["blindingSchema"]["standardCode"]["code"] == code
    assert {role["name"]: role["masking"]["isMasked"] for role in here["roles"]} == {
        "care_provider": False, **{role.lower(): True for role in roles}
    }  # fmt: skip
    assert all(role["appliesToIds"] == [here["studyDesigns"][0]["id"]] for role in here["roles"])


# ---------------------------------------------------------------- content


def test_our_trial(ours: Protocol) -> None:
    here = design(ours)
    assert [arm["type"]["decode"] for arm in here["arms"]] == ["Investigational Arm", "Active Comparator Arm"]
    assert here["population"]["plannedEnrollmentNumber"]["value"] == 200
    assert (here["population"]["plannedAge"]["minValue"]["value"], here["population"]["plannedAge"]["maxValue"]["value"]) == (18, 60)
    assert [sex["decode"] for sex in here["population"]["plannedSex"]] == ["Female", "Male"]
    assert here["population"]["includesHealthySubjects"] is False
    assert len(here["population"]["criterionIds"]) == 14
    assert here["scheduleTimelines"][0]["timings"][1]["value"] == "P6W"
    roles = {each["name"]: each["role"]["decode"] for each in version(ours)["studyInterventions"]}
    assert roles == {"telerehab_programme": "Protocol Agent", "conventional_care": "Background Treatment"}


def test_outcomes_stand_under_the_objective_that_names_them(ours: Protocol) -> None:
    homes = {objective["name"]: [endpoint["name"] for endpoint in objective["endpoints"]] for objective in design(ours)["objectives"]}
    assert homes == {"primary": ["odi"], "secondary": ["vas", "functional_recovery", "adherence", "satisfaction"]}


def test_a_text_is_escaped_for_html(tmp_path: Path) -> None:
    protocol = small(tmp_path, "level: primary, text: Better,", 'level: primary, text: "p < 0.05 & more",')
    assert design(protocol)["objectives"][0]["text"] == "<p>p &lt; 0.05 &amp; more</p>"


@pytest.mark.parametrize(
    ("weeks", "text"), [(0, "P0D"), (6, "P6W"), (0.5, "P3DT12H"), (1 / 7, "P1D"), (1 / 168, "PT1H"), (1 / 336, "PT30M"), (52.0, "P52W")]
)
def test_durations_are_iso_8601(weeks: float, text: str) -> None:
    assert iso_duration(weeks) == text


# ---------------------------------------------------------------- gaps


def test_gaps_are_left_out_or_say_so(tmp_path: Path) -> None:
    protocol = small(tmp_path)
    here, population = version(protocol), design(protocol)["population"]
    assert here["versionIdentifier"] == here["rationale"] == "Not stated"
    assert design(protocol)["model"]["code"] == "NI"
    assert design(protocol)["studyPhase"] is None
    assert not {"includesHealthySubjects", "plannedAge", "plannedEnrollmentNumber"} & set(population)
    assert population["plannedSex"] == []
    assert here["roles"] == []
    assert [title["type"]["decode"] for title in here["titles"]] == ["Public Study Title"]


def test_the_sidecar_lists_every_place_that_is_not_stated(tmp_path: Path) -> None:
    places = usdm_sidecar(small(tmp_path))["not_stated"]
    assert {"StudyVersion_main.versionIdentifier", "InterventionalStudyDesign_main.model", "StudyArm_active.type"} <= set(places)
    assert "StudyDesignPopulation_main.includesHealthySubjects" in places


def test_an_objective_that_nobody_states_is_made_for_outcomes_without_one(tmp_path: Path) -> None:
    objectives = design(small(tmp_path))["objectives"]
    assert [(each["name"], each["text"]) for each in objectives] == [
        ("main", "<p>Better</p>"), ("not_stated_secondary", "<p>Not stated</p>"),
    ]  # fmt: skip


def test_no_proposal_of_ours_stands_in_the_document(ours: Protocol) -> None:
    """What we propose are choices of the analysis; the document holds what the source says and what follows from it."""
    text = usdm_texts(ours)[0]
    assert "proposed" not in text
    assert "0.05" not in text


# ---------------------------------------------------------------- sidecar


def test_the_sidecar_holds_what_usdm_cannot(ours: Protocol) -> None:
    sidecar = usdm_sidecar(ours)
    assert sidecar["sample_size"]["power"] == 0.8
    assert "alpha" not in sidecar["sample_size"]  # a gap
    assert sidecar["randomisation"]["ratio"] == [1, 1]
    plan = sidecar["analysis"]["plans"]["as_recommended"]
    assert plan["alpha"]["proposed"] == 0.05
    assert plan["missing_data"]["proposed"] == "multiple_imputation"
    assert plan["covariates"]["proposed"][0] == "odi@baseline"
    assert plan["responder"]["odi"]["proposed"] == {"improvement_of_at_least": 10, "unit": "points"}
    assert sidecar["scoring"]["odi"]["minimum_answered"]["proposed"] == 9


def test_the_sidecar_has_no_gaps(protocol: Protocol) -> None:
    text = usdm_texts(protocol)[1]
    assert '"not_in_source"' not in text
    assert text.count('"not_stated"') == 1  # its own list of places


def test_the_sidecar_leads_to_the_document(protocol: Protocol) -> None:
    identifiers = {node["id"] for node in instances(usdm(protocol))}
    named = usdm_sidecar(protocol)["usdm_ids"]
    assert {name for part in named.values() for name in part.values()} <= identifiers
    assert list(named["arms"]) == list(protocol.arm_ids)
    assert list(named["outcomes"]) == list(protocol.outcomes)


def test_block_sizes_never_leave_the_protocol(tmp_path: Path) -> None:
    protocol = small(tmp_path, "ratio: [2, 1, 1]", "ratio: [2, 1, 1], block_sizes: in_restricted_document")
    assert "block_sizes" not in "".join(usdm_texts(protocol))


# ---------------------------------------------------------------- files


def test_document_and_sidecar_are_written(ours: Protocol, tmp_path: Path) -> None:
    path, sidecar = write_usdm(tmp_path / "new" / "trial.json", ours)
    assert (path.read_text(encoding="utf-8"), sidecar.read_text(encoding="utf-8")) == usdm_texts(ours)
    assert sorted(each.name for each in path.parent.iterdir()) == ["trial.json", "trial.statistics.json"]


def test_another_suffix_is_refused(ours: Protocol, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"written as \.json"):
        write_usdm(tmp_path / "trial.yaml", ours)
