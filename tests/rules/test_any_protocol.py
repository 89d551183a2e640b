"""Whatever a protocol says, if it loads it can be checked: no rule raises, and every finding has its place and its texts.

Protocols are the sound one after one to six changes - of facts anywhere, and of the design - and every protocol and every
scaffold of a made-up record that stands in this repository.
"""

import copy
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sound_protocol import plain_files

from odisea.errors import ProtocolError
from odisea.protocol.load import Located, load_located_protocol
from odisea.protocol.model import Protocol
from odisea.protocol.registry.record import Record, read_record
from odisea.protocol.registry.scaffold import scaffold
from odisea.protocol.rules.catalogue import RULES
from odisea.protocol.rules.evaluate import Evaluation, State, evaluate
from odisea.protocol.rules.finding import Finding
from odisea.protocol.rules.rule import Case
from odisea.protocol.rules.waivers import PLACE
from odisea.protocol.validate import known_fields

ROOT = Path(__file__).parents[2]
OURS = ROOT / "protocol" / "registry" / "nct07248813.json"
RECORDS = ROOT / "tests" / "unit" / "records"
PROTOCOLS = sorted(path for path in (ROOT / "protocol").rglob("*.yaml") if "kind: protocol" in path.read_text(encoding="utf-8"))
LOADED = ("bare", "cluster_rct", "contacts", "mirror_page", "spanish", "three_arm_drug")
SECONDS = 5.0
BRACES = re.compile(r"\{\w*\}")
PYTHON = re.compile(r"\bNone\b|\bnan\b|\binf\b|Fact\(|Text\(|Fraction\(")  # what a forgotten conversion would leave
Data = dict[str, Any]
Change = Callable[[Data], None]

# ---------------------------------------------------------------- what every check must be


def check_of(located: Located[Protocol], record: Record | None = None) -> Evaluation:
    """Check a protocol, and return the evaluation after looking at all of it."""
    start = time.process_time()
    evaluation = evaluate(Case(located, record), RULES)
    assert time.process_time() - start < SECONDS
    assert [outcome.rule.id for outcome in evaluation.outcomes] == [rule.id for rule in RULES]
    for outcome in evaluation.outcomes:
        assert outcome.state in get_args(State)
        assert (outcome.state == "failed") == bool(outcome.hits)
        assert (outcome.reason is not None) == (outcome.state in ("not_run", "not_applicable")), outcome.rule.id
        assert all(stands(located, pointer) for pointer in outcome.pointers if pointer != PLACE), (outcome.rule.id, outcome.pointers)
    for finding in evaluation.findings:
        holds_together(located, finding)
    return evaluation


def holds_together(located: Located[Protocol], finding: Finding) -> None:
    """Look at the place and the texts of a finding."""
    assert min(finding.line, finding.column) >= 1, finding
    file, _, rest = finding.spec_path.rpartition("#")
    if file:
        (document,) = (part for part in located.parts.values() if located.name_of(part) == file)
        (prefix,) = (pointer for pointer, part in located.parts.items() if part is document)
        pointer = prefix + rest
    else:
        pointer = rest
    assert stands(located, pointer), (finding.rule_id, finding.spec_path)
    for said in (finding.title, finding.message, finding.expected, finding.why, finding.suggested_fix, finding.ask):
        for text in (said.en, said.es) if said else ():
            assert text.strip(), finding
            assert not BRACES.search(_without_quotations(text, finding)), (finding.rule_id, text)
        assert said is None or not PYTHON.search(said.es) or PYTHON.search(repr(located.document.data)), (finding.rule_id, said)
    entry_of_a_list = finding.spec_path.rpartition("/")[2].isdigit()  # where these words are no gap
    assert finding.severity != "error" or finding.observed not in GAPS or entry_of_a_list, finding


def _without_quotations(text: str, finding: Finding) -> str:
    """Return a text without what the protocol itself says there."""
    return text.replace(finding.observed, "")


def stands(located: Located[Protocol], pointer: str) -> bool:
    """Whether a pointer is written, or names something that its nearest written parent may hold."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    while steps and not located.is_written("/" + "/".join(steps)):
        last = steps.pop()
        place = tuple(steps)
        if not last.isdigit() and last not in known_fields(Protocol, place) and not _is_named(located, place, last):
            return False
    return True


def _is_named(located: Located[Protocol], place: tuple[str, ...], name: str) -> bool:
    """Whether a block takes names of the protocol's own, such as /outcomes."""
    return place in (("interventions",), ("outcomes",), ("instruments",)) or (bool(place) and place[-1] == "responder")


# ---------------------------------------------------------------- changes of one value

ODD_NUMBERS = (0, -1, 1, 2, 3, 0.5, -0.25, 1e-9, 1e-300, 0.05, 0.999999, 99, 1000, 123456789, 10**15, 1e12, 1.7e308, -(10**9))
ODD_TEXTS = (
    "", " ", "x", "{}", "{observed}", "2026-02-30", "0001-01", "9999-12-31", "2026", "2026-W01", "20260101", "~", "%s", "ñandú", "NaN",
)  # fmt: skip
GAPS = ("not_stated", "not_in_source")
DERIVED = {"en": "worked out", "es": "calculado"}


def nodes(data: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way to every value of plain data."""
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield (*way, key)
        yield from nodes(value, (*way, key))


def parent_of(data: Any, way: tuple[Any, ...]) -> Any:
    for step in way[:-1]:
        data = data[step]
    return data


def other_value(draw: st.DrawFn, value: Any) -> Any:
    """Draw what may stand in place of a value."""
    choices: list[Any] = [*GAPS, *GAPS, {"derived": copy.deepcopy(value), "from": DERIVED}]
    if isinstance(value, bool):
        choices += [not value] * 3
    elif isinstance(value, int | float):
        choices += [draw(st.sampled_from(ODD_NUMBERS)) for _ in range(6)]
        choices += [draw(st.floats(-1e6, 1e6, allow_nan=False)), draw(st.integers(-100, 1000))]
    elif isinstance(value, str):
        choices += [draw(st.sampled_from(ODD_TEXTS)), draw(st.sampled_from(WORDS)), draw(st.sampled_from(WORDS))]
    elif isinstance(value, list):
        choices += [[], [], value[:1], value[::-1], [*value, *value]]
    elif isinstance(value, dict):
        choices += [{}, {}]
    return draw(st.sampled_from(choices))


WORDS = (
    "continuous", "binary", "count", "ordinal", "time_to_event", "primary", "secondary", "exploratory", "supportive", "superiority",
    "non_inferiority", "equivalence", "NON_RANDOMIZED", "CROSSOVER", "FACTORIAL", "ACTUAL", "ESTIMATED", "COMPLETED", "RECRUITING",
    "ALL", "FEMALE", "cluster", "participant", "simple", "minimisation", "urn", "greater_than_minimal", "minimal", "waived", "oral",
    "public", "private", "mixed", "group", "individual", "DRUG", "DEVICE", "PROCEDURE", "BEHAVIORAL", "EXPERIMENTAL", "NO_INTERVENTION",
    "distribution", "anchor", "pilot", "one_sided", "two_sided", "multiply", "divide", "between_arms", "pragmatic", "one", "several",
    "waters", "change_from_baseline", "proportion", "value_at_visit", "harms", "adherence", "satisfaction", "mortality", "odds_ratio",
    "risk_difference", "hypothetical", "composite", "principal_stratum", "assessor", "system", "higher_better", "lower_better",
    "baseline", "week6", "week26", "odi", "vas", "univariate_p_value", "baseline_test", "at_least_the_difference", "confounders",
    "NONE", "QUADRUPLE", "ISRCTN12345678", "Canada", "odi@baseline", "odi@week6", "vas@week26", "sex", "age", "between", "gt", "le",
    "eq", "death", "log-rank",
)  # fmt: skip

NAMES_ANOTHER = frozenset(
    {"id", "label", "visit", "outcome", "contrast", "contrasts", "arm", "reference", "estimand", "objective", "instrument", "coding",
     "method", "measure", "truth", "columns", "names", "variable", "file", "files", "visits", "outcomes", "arms", "text", "es", "en"}
)  # fmt: skip


@st.composite
def value_changes(draw: st.DrawFn, files: dict[str, Data]) -> tuple[str, tuple[Any, ...]]:
    """Change one value of one file in place, and return where."""
    name = draw(st.sampled_from(["protocol.yaml"] * 8 + ["odi.yaml", "vas.yaml", "own.yaml"]))
    ways = [way for way in nodes(files[name]) if way[0] not in ("odisea", "trial", "export", "dictionary")]
    if not ways:
        return name, ()
    section = draw(st.sampled_from(sorted({way[0] for way in ways})))
    inside = [way for way in ways if way[0] == section]
    if draw(st.integers(0, 4)):  # mostly what may be changed without breaking a reference
        inside = [way for way in inside if not NAMES_ANOTHER.intersection(way)] or inside
    way = draw(st.sampled_from(inside))
    parent, key = parent_of(files[name], way), way[-1]
    if draw(st.integers(0, 3)) == 0:
        del parent[key]
    else:
        parent[key] = other_value(draw, parent[key])
    return name, way


# ---------------------------------------------------------------- changes of the design


def third_arm(data: Data) -> None:
    data["arms"].append({"id": "land", "label": "Land", "type": "EXPERIMENTAL", "planned_n": 89, "interventions": ["usual_care"]})
    data["contrasts"].append({"id": "land_vs_usual", "arm": "land", "reference": "usual", "label": "Land minus usual"})
    data.setdefault("randomisation", {})["ratio"] = [1, 1, 1]
    data.setdefault("sample_size", {}).update(per_arm=[89, 89, 89], analysed_per_arm=[75, 75, 75], total=267)


def other_arms(data: Data) -> None:
    data["arms"] = [{"id": name, "label": name} for name in ("water", "usual")]


def unequal_arms(data: Data) -> None:
    data.setdefault("randomisation", {})["ratio"] = [2, 1]
    data.setdefault("sample_size", {}).update(per_arm=[119, 59], analysed_per_arm="not_stated")


def other_kind(kind: str) -> Change:
    def change(data: Data) -> None:
        data["outcomes"]["odi"]["kind"] = kind
        plan = {"id": "primary", "label": "P", "contrast": "water_vs_usual", "role": "primary", "outcome": "odi", "visit": "week6"}
        means = {"method": "ancova", "missing_data": "complete_case", "measure": "mean_difference", "truth": "treatment_policy_mean"}
        shares = {"method": "logistic", "missing_data": "complete_case", "measure": "log_odds_ratio", "truth": "none"}
        is_number = kind in ("count", "ordinal", "continuous")
        main: Data = {"label": "Main", "analyses": [{**plan, **(means if is_number else shares)}]}
        if not is_number and kind != "binary":
            main["responder"] = {"odi": {"improvement_of_at_least": 10, "unit": "points"}}
        data["analysis"]["plans"] = {"main": main}

    return change


def clusters(data: Data) -> None:
    data.setdefault("randomisation", {})["unit"] = "cluster"
    data.setdefault("sample_size", {}).update(icc=0.05, cluster_size=12)


def non_inferiority(data: Data) -> None:
    data.setdefault("design", {}).update(framework="non_inferiority", margin=4)
    data.setdefault("sample_size", {}).update(sidedness="one_sided", alpha=0.05)


def proportions(data: Data) -> None:
    other_kind("binary")(data)
    data.setdefault("sample_size", {}).update(
        control_proportion=0.3, arm_proportion=0.2, target_difference=-0.1, standard_deviation="not_stated"
    )


def one_visit(data: Data) -> None:
    other_kind("continuous")(data)
    data["schedule"]["visits"] = data["schedule"]["visits"][1:2]
    for outcome in data["outcomes"].values():
        outcome.pop("baseline", None)
        outcome["visits"] = ["week6"] if outcome.get("visits") else []
    data["population"]["inclusion"] = []
    data.pop("estimands", None)


def no_interventions(data: Data) -> None:
    data.pop("interventions", None)
    for arm in data["arms"]:
        arm.pop("interventions", None)


def no_estimands(data: Data) -> None:
    data.pop("estimands", None)
    for plan in data["analysis"]["plans"].values():
        for spec in plan["analyses"]:
            spec.pop("estimand", None)


def blocks(*sizes: int) -> Change:
    def change(data: Data) -> None:
        data.setdefault("randomisation", {}).update(method="permuted_blocks", block_sizes=list(sizes))
        data.setdefault("blinding", {})["unmasked"] = ["CARE_PROVIDER"]

    return change


def minimised(data: Data) -> None:
    data.setdefault("randomisation", {}).update(method="minimisation", random_element=1, block_sizes="not_applicable")


def simple(total: int) -> Change:
    def change(data: Data) -> None:
        data.setdefault("randomisation", {}).update(method="simple")
        data.setdefault("sample_size", {}).update(total=total)
        data.setdefault("population", {}).update(planned_enrolment=total)

    return change


def strata(number: int, total: int) -> Change:
    def change(data: Data) -> None:
        data.setdefault("randomisation", {}).update(stratification=["sex"], strata=number, method="permuted_blocks")
        data.setdefault("sample_size", {}).update(total=total)

    return change


def late_visit(week: float) -> Change:
    def change(data: Data) -> None:
        data["schedule"]["visits"][-1]["week"] = week

    return change


def dates(start: str, completion: str) -> Change:
    def change(data: Data) -> None:
        data.setdefault("status", {}).update(start=start, completion=completion, primary_completion="not_stated")

    return change


def odd_checks(data: Data) -> None:
    checks = [
        {"variable": "age_years", "op": "eq", "value": "old"},
        {"variable": "age_years", "op": "ge", "value": True},
        {"variable": "odi@baseline", "op": "between", "value": [60, 10]},
        {"variable": "odi@baseline", "op": "le", "value": "x"},
        {"variable": "age", "op": "lt", "value": 0},
    ]
    for number, check in enumerate(checks):
        for name, letter in (("inclusion", "X"), ("exclusion", "Y")):
            criterion = {"id": f"{letter}{number}", "text": "t", "check": copy.deepcopy(check)}
            data.setdefault("population", {}).setdefault(name, []).append(criterion)


def completed(data: Data) -> None:
    data.setdefault("status", {}).update(overall="COMPLETED", start_type="ACTUAL", completion_type="ACTUAL", last_update="2029-01-01")
    data.setdefault("population", {}).update(enrolment_type="ACTUAL", planned_enrolment=120)


def without(section: str) -> Change:
    def change(data: Data) -> None:
        data.pop(section, None)

    return change


SECTIONS = (
    "status", "sponsors", "sites", "ethics", "design", "population", "objectives", "hypothesis", "important_difference", "randomisation",
    "blinding", "sample_size", "harms", "data_management", "data_sharing", "references", "sources",
)  # fmt: skip
DESIGNS: tuple[Change, ...] = (
    third_arm, other_arms, unequal_arms, *(other_kind(kind) for kind in ("binary", "time_to_event", "ordinal", "count")), clusters,
    non_inferiority, proportions, one_visit, no_interventions, no_estimands, blocks(0), blocks(-2), blocks(4), blocks(), blocks(2, 3),
    minimised, simple(0), simple(-7), simple(24), simple(10_000), simple(10**12), strata(0, -5), strata(-1, 100), strata(10**9, 1),
    late_visit(1e9), late_visit(26.5), late_visit(1e300), dates("9999-12-31", "9999-12-31"), dates("0001-01-01", "0001-01"),
    dates("2027", "soon"), dates("2026-02-30", "2026-13"), odd_checks, completed,
)  # fmt: skip


@st.composite
def any_files(draw: st.DrawFn) -> dict[str, Data]:
    """The files of the sound protocol after one to six changes."""
    files = copy.deepcopy(plain_files())
    for _ in range(draw(st.integers(1, 6))):
        if draw(st.booleans()):
            try:
                draw(st.sampled_from(DESIGNS))(files["protocol.yaml"])
            except (KeyError, IndexError, TypeError, AttributeError):
                continue  # an earlier change took away or altered what this one would change
        else:
            draw(value_changes(files))
    return files


def designed(*changes: Change) -> dict[str, Data]:
    files = copy.deepcopy(plain_files())
    for change in changes:
        change(files["protocol.yaml"])
    return files


def checked(folder: Path, files: dict[str, Data]) -> str:
    """Write, load and check a protocol; return what became of it."""
    for name, data in files.items():
        text = yaml.dump(data, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False, width=10_000)
        (folder / name).write_text(text, encoding="utf-8")
    try:
        located = load_located_protocol(folder / "protocol.yaml")
    except ProtocolError:
        return "refused"
    check_of(located)
    return "checked"


# ---------------------------------------------------------------- the tests


@pytest.mark.parametrize("examples", [150, pytest.param(3_000, marks=pytest.mark.full)])
def test_a_changed_protocol_is_refused_or_checked(examples: int, tmp_path: Path) -> None:
    answers: list[str] = []

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(any_files())
    def hold(files: dict[str, Data]) -> None:
        answers.append(checked(tmp_path, files))

    hold()
    assert answers.count("checked") > len(answers) / 3, "too few of the changed protocols load"


@pytest.mark.parametrize("place", range(len(DESIGNS)))
def test_another_design_is_checked(place: int, tmp_path: Path) -> None:
    assert checked(tmp_path, designed(DESIGNS[place])) == "checked"


@pytest.mark.parametrize("path", PROTOCOLS, ids=lambda path: path.parent.name)
def test_a_protocol_of_this_repository_is_checked(path: Path) -> None:
    assert check_of(load_located_protocol(path)).findings


@pytest.mark.parametrize("record", [*(RECORDS / f"{name}.json" for name in LOADED), OURS], ids=lambda path: path.stem)
def test_a_scaffold_is_checked_with_and_without_its_record(record: Path, tmp_path: Path) -> None:
    (tmp_path / "dictionary").mkdir()
    shutil.copy(ROOT / "protocol" / "dictionary" / "core.yaml", tmp_path / "dictionary" / "core.yaml")
    path, read = tmp_path / "drafted.yaml", read_record(record)
    path.write_text(scaffold(read), encoding="utf-8")
    located = load_located_protocol(path)
    alone, beside = check_of(located), check_of(located, read)
    assert all(outcome.state == "not_run" for outcome in alone.outcomes if outcome.rule.needs)
    assert not {finding.rule_id for finding in beside.findings if finding.rule_id in ("REG-17", "REG-18")}, (
        "a scaffold says what its record says"
    )


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_that_is_not_written_makes_no_error(section: str, tmp_path: Path) -> None:
    assert checked(tmp_path, designed(no_estimands, without(section))) == "checked"
    evaluation = evaluate(Case(load_located_protocol(tmp_path / "protocol.yaml")), RULES)
    assert not [finding.rule_id for finding in evaluation.findings if finding.severity == "error"]
