"""On the example protocols no rule fires without a reason that stands here.

`SERIOUS` holds every rule of severity error or warning, or of kind contradiction, with why its finding is true of that example;
`OPEN` every other rule that fires: questions on what the file does not state, and notes. `WHY_OPEN` gives the reason by domain.
"""

from functools import cache
from pathlib import Path

import pytest

from odisea.protocol.load import load_located_protocol
from odisea.protocol.rules.catalogue import RULES
from odisea.protocol.rules.evaluate import Evaluation, evaluate
from odisea.protocol.rules.finding import Finding
from odisea.protocol.rules.rule import Case

EXAMPLES = Path(__file__).parents[2] / "protocol" / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/protocol.yaml"))

SERIOUS: dict[str, dict[str, str]] = {
    "antidepressant_dia": {},
    "ashar_prt": {
        "OUT-20": "The file declares baseline and week 4 only, which is when the treatment ends; the trial's later visits are not in it.",
        "SAP-02": "The file's plan repeats published comparisons of the disability index, and the trial's primary outcome was pain.",
    },
    "cluster_example": {
        "SAP-07": "The plan leaves out whoever has no value after a year, and the sample size expects a loss of 15 %.",
        "SAP-08": "The plan has one analysis of the primary question and none beside it.",
        "SAP-23": "Clinics are randomised, and the plan is there to show what ignoring them would give.",
    },
    "licorice_gargle": {},
    "noninferiority_example": {
        "RND-07": "Allocation is stratified by site, and the analysis adjusts for age and smoking only.",
        "SAP-08": "The only sensitivity analysis of the cure rate is proposed in the file, and no part of the made-up source.",
    },
    "three_arm_example": {
        "SAP-08": "Each of the two primary comparisons with placebo has one analysis and none beside it.",
        "SS-17": "The number rests on a t test, and the primary analyses adjust for the baseline value.",
    },
}

WHY_OPEN = {
    "SS": "The sample-size section leaves out grounds, attrition or sensitivity.",
    "OUT": "Domain, aggregation, definition or responder rule of an outcome is not stated, or is proposed.",
    "EST": "Outcomes after stopping are not spoken of, and some analyses name no estimand.",
    "SAP": "Codings are proposed, and the plan is silent on the rest.",
    "DES": "Framework or rationale is not stated.",
    "RND": "Steps of the randomisation are not stated.",
    "BLD": "How masking is kept or checked is not stated.",
    "POP": "Recruitment, criteria or their verification are not stated.",
    "INT": "The interventions are described in a line.",
    "SCH": "Windows of visits are not stated.",
    "HRM": "Harms are described in part.",
    "ETH": "Ethics and consent are described in part.",
    "PRV": "Privacy and care of data are described in part.",
    "REG": "An invented trial has no registry record, and the descriptions of the real ones show little of theirs.",
    "GAP": "Everything else that is not stated.",
    "PRP": "Plans and codings are proposed in the file.",
}

OPEN: dict[str, dict[str, str]] = {
    "antidepressant_dia": {
        "SS": "01 02 03 04 05 06 08 09 18 21", "OUT": "03", "EST": "06 14", "SAP": "12 13 17 22 25 26 27", "DES": "05 20",
        "RND": "01 02 03 11 16", "POP": "10 12", "INT": "01 09 10 12 13", "SCH": "03", "HRM": "01 02 03 04 06",
        "ETH": "01 04 05 08 09 10 11 13 15 16 17", "PRV": "01 05 06 08 09", "REG": "03 06 07 08 10 13 14 15", "GAP": "01 02 03",
        "PRP": "01",
    },
    "ashar_prt": {
        "SS": "01 02 03 04 05 06 08 09 18 20 21", "OUT": "03 06", "EST": "06 14", "SAP": "05 11 12 13 17 22 25 26 27", "DES": "05 20",
        "RND": "01 02 03 11 16", "POP": "10 12", "INT": "01 02 09 10 11 12 13", "SCH": "03", "HRM": "01 02 03 04 06",
        "ETH": "01 04 05 08 09 10 11 13 15 16 17", "PRV": "01 05 06 08 09", "REG": "03 06 07 08 10 13 14 15", "GAP": "01 03", "PRP": "01",
    },
    "cluster_example": {
        "SS": "05 06 08 09 10 18 21 22", "OUT": "03 17", "EST": "06 14", "SAP": "05 06 11 12 13 17 18 22 25 26 27", "DES": "20",
        "RND": "03", "BLD": "05 06 07", "POP": "04", "INT": "01 09 10 12 13", "HRM": "03 06", "ETH": "01 05 08 09 10 13 15 16 17",
        "PRV": "01 05 06 08 09", "REG": "03 06 07 08 10 13 14 15", "GAP": "01 03", "PRP": "01",
    },
    "licorice_gargle": {
        "SS": "01 02 03 04 05 06 08 09 21", "OUT": "06 17", "EST": "06 14", "SAP": "05 11 12 13 17 22 25 26 27", "DES": "20",
        "RND": "01 02 03 11", "BLD": "06 07", "POP": "07 10 12", "INT": "01 02 09 10 12 13", "SCH": "03", "HRM": "01 02 03 04 06",
        "ETH": "01 04 05 08 09 10 11 13 15 16 17", "PRV": "01 05 06 08 09", "REG": "03 06 07 08 10 13 14 15", "GAP": "01 03",
        "PRP": "01",
    },
    "noninferiority_example": {
        "SS": "05 06 08 09 21", "OUT": "03 17", "EST": "06 14", "SAP": "05 06 11 12 13 17 18 22 25 26 27", "RND": "03", "BLD": "07",
        "POP": "02 04", "INT": "01 09 10 12 13", "HRM": "03 06", "ETH": "01 04 05 08 09 10 11 13 16 17", "PRV": "01 05 06 08 09",
        "REG": "03 06 07 08 10 13 14 15", "GAP": "01 03", "PRP": "01 02",
    },
    "three_arm_example": {
        "SS": "05 06 08 09 10 21 22", "OUT": "03 06 07 17", "EST": "06 14", "SAP": "05 06 12 13 17 18 22 25 26 27", "DES": "20",
        "RND": "03", "BLD": "07", "POP": "04", "INT": "01 09 12 13", "HRM": "03 06", "ETH": "01 04 05 08 09 10 11 13 16 17",
        "PRV": "01 05 06 08 09", "REG": "03 06 07 08 10 13 14 15", "GAP": "01 03", "PRP": "01",
    },
}  # fmt: skip


@cache
def check_of(name: str) -> Evaluation:
    return evaluate(Case(load_located_protocol(EXAMPLES / name / "protocol.yaml")), RULES)


def is_serious(finding: Finding) -> bool:
    return finding.severity in ("error", "warning") or finding.kind == "contradiction"


def test_every_example_is_judged() -> None:
    assert NAMES == sorted(SERIOUS) == sorted(OPEN)


@pytest.mark.parametrize("name", NAMES)
def test_no_serious_finding_stands_without_its_reason(name: str) -> None:
    found = {finding.rule_id for finding in check_of(name).findings if is_serious(finding)}
    assert found == set(SERIOUS[name])
    assert all(reason.endswith(".") for reason in SERIOUS[name].values())


@pytest.mark.parametrize("name", NAMES)
def test_what_else_is_asked_is_what_the_file_leaves_open(name: str) -> None:
    found = {finding.rule_id for finding in check_of(name).findings if not is_serious(finding)}
    assert found == {f"{domain}-{number}" for domain, numbers in OPEN[name].items() for number in numbers.split()}
    assert set(OPEN[name]) <= set(WHY_OPEN)


@pytest.mark.parametrize("name", NAMES)
def test_a_question_stands_where_the_file_is_silent_or_proposes(name: str) -> None:
    """A question rests on a gap, on a proposal, or on an entry that is not written: never on what the file states."""
    located = load_located_protocol(EXAMPLES / name / "protocol.yaml")
    for finding in check_of(name).findings:
        if finding.severity == "question" and finding.kind == "gap" and "#" not in finding.spec_path:
            written = located.is_written(finding.spec_path)
            open_words = finding.observed in ("not_stated", "not_in_source")
            proposed = located.is_written(f"{finding.spec_path}/proposed")
            assert open_words or proposed or not written, (finding.rule_id, finding.spec_path, finding.observed)
