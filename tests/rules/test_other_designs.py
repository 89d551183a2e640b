"""Rules on trials of other kinds: what a reviewer of such a trial would laugh at stays silent, and what counts there is said.

Each row changes the sound protocol into another design and names what must become of one rule.
"""

from pathlib import Path
from typing import Any

import pytest
from sound_protocol import REMOVE, Changes, changed

from odisea.protocol.rules.catalogue import RULES
from odisea.protocol.rules.evaluate import Evaluation, evaluate
from odisea.protocol.rules.rule import Case

CLUSTERS: Changes = {"/randomisation/unit": "cluster", "/sample_size/icc": 0.05, "/sample_size/cluster_size": 20}
CHILDREN: Changes = {"/population/age_years": {"min": 5, "max": 17}, "/population/inclusion/0/check/value": [5, 17]}
ELSEWHERE: Changes = {
    "/identification/registry_id": "ISRCTN12345678", "/sites/0/country": "United Kingdom", "/ethics/institution": "A university hospital",
    "/ethics/ethics_committee": REMOVE, "/ethics/inter_institutional_review": REMOVE, "/ethics/risk_basis": REMOVE,
}  # fmt: skip
DEATHS: dict[str, Any] = {
    "label": "Death within half a year", "kind": "binary", "level": "primary", "direction": "lower_better", "visits": ["week26"],
    "measured_at": ["week26"], "domain": "mortality", "registered_measure": "Death", "registered_time_frame": "26 weeks",
    "definition": "Death of any cause", "metric": "proportion", "aggregation": "proportion", "time_frame": "26 weeks",
}  # fmt: skip
OF_MEANS = ("standard_deviation", "standard_deviation_source", "standardised_effect", "correlation")
SURVIVAL = {"label": "Survival", "kind": "time_to_event", "level": "secondary", "direction": "higher_better", "measured_at": ["week26"]}
ABOVE = {"variable": "odi@baseline", "op": "gt"}
FAILED, PASSED, NOT_RUN, ABSENT = "failed", "passed", "not_run", "not_applicable"

ROWS: list[tuple[str, Changes, str, str]] = [
    ("clusters do not split a cluster", {**CLUSTERS, "/arms/0/planned_n": 99, "/arms/1/planned_n": 79}, "DES-03", PASSED),
    ("participants are not a cluster", {"/arms/0/planned_n": 99, "/arms/1/planned_n": 79}, "DES-03", FAILED),
    ("strata of clusters hold clusters", {**CLUSTERS, "/randomisation/strata": 30}, "RND-06", ABSENT),
    ("people consent after their cluster", {**CLUSTERS, "/schedule/visits/0/activities": ["randomisation", "consent"]}, "RND-14", ABSENT),
    ("a number that ignores its clusters", CLUSTERS, "SS-29", FAILED),
    ("no stratum at all", {"/randomisation/strata": 0}, "RND-06", NOT_RUN),
    ("a block of nobody", {"/randomisation/block_sizes": [0], "/blinding/unmasked": ["CARE_PROVIDER"]}, "RND-05", PASSED),
    ("children are not kept out for their age", {**CHILDREN, "/population/age_rationale": REMOVE}, "POP-11", ABSENT),
    ("nor asked for their sick leave", {**CHILDREN, "/population/secondary_gain": REMOVE}, "POP-07", ABSENT),
    ("and no gap is made of it", {**CHILDREN, "/population/age_rationale": REMOVE, "/population/secondary_gain": REMOVE}, "GAP-01", PASSED),
    ("other countries have other committees", ELSEWHERE, "GAP-01", PASSED),
    ("other registries count masking otherwise", {**ELSEWHERE, "/blinding/level": "QUADRUPLE"}, "BLD-01", ABSENT),
    ("an actual number may differ from the plan",
     {"/population/planned_enrolment": 150, "/population/enrolment_type": REMOVE}, "DES-08", NOT_RUN),
    ("a planned number may not", {"/population/planned_enrolment": 150}, "DES-08", FAILED),
    ("a death has a date", {"/outcomes/survival": {**SURVIVAL, "domain": "survival"}}, "OUT-09", PASSED),
    ("so may an event of unknown kind", {"/outcomes/survival": SURVIVAL}, "OUT-09", NOT_RUN),
    ("a relapse seen at one visit has none", {"/outcomes/survival": {**SURVIVAL, "domain": "relapse"}}, "OUT-09", FAILED),
    ("deaths have no standard deviation",
     {"/outcomes/deaths": DEATHS, "/sample_size/outcome": "deaths", "/sample_size/control_proportion": 0.3,
      **{f"/sample_size/{name}": REMOVE for name in OF_MEANS}}, "GAP-01", PASSED),
    ("above 8 the first score is 10, enough to improve by 10", {"/population/inclusion/1/check": {**ABOVE, "value": 8}}, "OUT-08", PASSED),
    ("above 6 it is 8", {"/population/inclusion/1/check": {**ABOVE, "value": 6}}, "OUT-08", FAILED),
    ("missing a dose is an event", {"/estimands/0/intercurrent_events/0/event": "missing_doses"}, "EST-04", PASSED),
    ("two one-sided tests at 0.05 show equivalence",
     {"/design/framework": "equivalence", "/design/margin": 4, "/sample_size/sidedness": "one_sided"}, "SS-24", ABSENT),
    ("windows are compared although that of the baseline is unknown",
     {"/schedule/visits/0/window_days": REMOVE, "/schedule/visits/2/window_days": [150, 0]}, "SCH-04", FAILED),
    ("nothing stated, nothing decided", {"/sample_size": REMOVE}, "SS-30", NOT_RUN),
    ("no criterion coded, nothing decided",
     {"/population/inclusion": [{"id": "I1", "text": "Adults"}], "/population/exclusion": []}, "POP-03", NOT_RUN),
    ("no difference planned, none compared",
     {"/sample_size/target_difference": REMOVE, "/hypothesis/difference": REMOVE}, "EST-09", NOT_RUN),
]  # fmt: skip
BOUNDARIES: list[tuple[str, Any, str, str]] = [
    ("/sample_size/attrition", 0.2, "SS-14", PASSED),
    ("/sample_size/attrition", 0.21, "SS-14", FAILED),
    ("/sample_size/power", 0.8, "SS-23", PASSED),
    ("/sample_size/power", 0.79, "SS-23", FAILED),
    ("/analysis/plans/main/imputation/m", 15, "SAP-20", PASSED),
    ("/analysis/plans/main/imputation/m", 14, "SAP-20", FAILED),
    ("/data_management/retention_years", 5, "PRV-07", PASSED),
    ("/data_management/retention_years", 4.9, "PRV-07", FAILED),
    ("/randomisation/strata", 17, "RND-06", PASSED),
    ("/randomisation/strata", 18, "RND-06", FAILED),
    ("/interventions/water_exercise/duration_weeks", 26, "SCH-05", PASSED),
    ("/interventions/water_exercise/duration_weeks", 27, "SCH-05", FAILED),
    ("/schedule/visits/2/window_days", [132, 0], "SCH-04", PASSED),  # begins on day 50; week 6 ends on day 49
    ("/schedule/visits/2/window_days", [133, 0], "SCH-04", FAILED),
]


def state_of(evaluation: Evaluation, rule_id: str) -> str:
    return next(outcome.state for outcome in evaluation.outcomes if outcome.rule.id == rule_id)


@pytest.mark.parametrize(("what", "changes", "rule_id", "wanted"), ROWS, ids=[row[0].replace(" ", "_") for row in ROWS])
def test_another_design(what: str, changes: Changes, rule_id: str, wanted: str, tmp_path: Path) -> None:
    assert state_of(evaluate(Case(changed(tmp_path, changes)), RULES), rule_id) == wanted, what


@pytest.mark.parametrize(("pointer", "value", "rule_id", "wanted"), BOUNDARIES)
def test_a_limit_itself_is_still_allowed(pointer: str, value: object, rule_id: str, wanted: str, tmp_path: Path) -> None:
    assert state_of(evaluate(Case(changed(tmp_path, {pointer: value})), RULES), rule_id) == wanted
