"""Design variants: what they add, where messages about it point, what is refused, and that nothing else of the trial moves."""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from small_protocol import place_of, write_small_protocol

from odisea.analyse.carry_out import analyse_trial
from odisea.analyse.plan import lower_plan
from odisea.data.derive import build_rows, trial_rows
from odisea.data.trial import Trial, make_trial
from odisea.errors import ProtocolError
from odisea.protocol.load import load_located_protocol, load_protocol
from odisea.protocol.model import Protocol
from odisea.simulate.calibration_file import calibration_digest
from odisea.simulate.draft import asks_for_weekly_pain, draft_mechanism, simulated_recipes
from odisea.simulate.dropout import NEVER
from odisea.simulate.mechanism import RECORDED, VAS_WEEK1, WEEKS
from odisea.simulate.replicate import Cohort
from tests.commands import run_odisea
from tests.declared import ROOT, protocol, scenario, scenarios, simulated

FOLDER = ROOT / "protocol"
TRIAL = FOLDER / "nct07248813.yaml"
NAMES = sorted(path.stem for path in (FOLDER / "variants").glob("*.yaml"))
WEEKLY = "extension_weekly_vas"
MESSAGES = tuple(f"week{week}" for week in range(1, WEEKS))

VARIANT = """\
# A made-up variant for tests.
odisea: {kind: variant, schema: "1"}
variant: more
trial: small
label: {en: More, es: Más}
about: {en: Two more visits, es: Dos visitas más}
changes:
  added_visits:
    - {id: late, week: 9, label: Late}
    - {id: early, week: 3, label: Early}
  added_measurements:
    scale: [late, early]
    cured: [early]
"""


def write_variant(folder: Path, old: str = "", new: str = "", name: str = "more") -> Path:
    """Write the small protocol and beside it the variant, the first text replaced by the second; return the variant's path."""
    write_small_protocol(folder)
    assert not old or VARIANT.count(old) == 1, f"{old!r} stands {VARIANT.count(old)} times in the variant"
    path = folder / "variants" / f"{name}.yaml"
    path.parent.mkdir()
    path.write_text(VARIANT.replace(old, new) if old else VARIANT, encoding="utf-8")
    return path


def refusals(folder: Path, name: str = "more") -> list[str]:
    """The messages with which the variant of the small protocol is refused."""
    with pytest.raises(ProtocolError) as refusal:
        load_protocol(folder / "protocol.yaml", name)
    return [str(problem) for problem in refusal.value.problems]


# ---------------------------------------------------------------- what a variant adds


def test_without_the_option_nothing_of_a_variant_is_read(tmp_path: Path) -> None:
    broken = write_variant(tmp_path, "trial: small", "trial: [")
    located = load_located_protocol(tmp_path / "protocol.yaml")
    assert located.value.visit_ids == ("start", "end")
    assert broken not in located.files


def test_visits_and_measurements_are_added_in_order_of_time(tmp_path: Path) -> None:
    write_variant(tmp_path)
    varied = load_protocol(tmp_path / "protocol.yaml", "more")
    assert [(visit.id, visit.week) for visit in varied.schedule.visits] == [("start", 0), ("early", 3), ("late", 9), ("end", 12)]
    assert varied.outcomes["scale"].visits == ("start", "early", "late", "end")
    assert varied.outcomes["cured"].visits == ("early", "end")
    assert varied.outcomes["logins"].visits == ("start", "end")
    assert varied.dictionary.column("visits.csv", "visit").codes == ("start", "early", "late", "end")


def test_a_measurement_can_be_added_at_a_visit_of_the_protocol(tmp_path: Path) -> None:
    write_variant(tmp_path, "cured: [early]", "cured: [start]")
    assert load_protocol(tmp_path / "protocol.yaml", "more").outcomes["cured"].visits == ("start", "end")


def test_what_is_recorded_is_also_measured_where_the_protocol_states_it(tmp_path: Path) -> None:
    write_variant(tmp_path)
    path = tmp_path / "protocol.yaml"
    text = path.read_text(encoding="utf-8")
    stated = text.replace("baseline: start}\n  cured", "baseline: start, measured_at: [start, end]}\n  cured")
    derived = text.replace("baseline: start}\n  cured", "baseline: start, measured_at: {derived: [end], from: x}}\n  cured")
    path.write_text(stated, encoding="utf-8")
    assert load_protocol(path, "more").outcomes["scale"].measured_at.value == ("start", "early", "late", "end")
    path.write_text(derived, encoding="utf-8")
    assert load_protocol(path, "more").outcomes["scale"].measured_at.value == ("end",)


def test_added_and_own_values_keep_the_places_where_they_are_written(tmp_path: Path) -> None:
    variant = write_variant(tmp_path)
    path = tmp_path / "protocol.yaml"
    located = load_located_protocol(path, "more")
    assert located.files[0] == path
    assert located.files[-1] == variant
    assert located.where("/schedule/visits/1/week") == place_of(variant, "3, label: Early")
    assert located.where("/schedule/visits/2/id") == place_of(variant, "late, week: 9")
    assert located.where("/schedule/visits/3/week") == place_of(path, "12, label: End")
    assert located.where("/schedule/visits/0/week") == place_of(path, "0, label: Start")
    assert located.where("/outcomes/scale/visits/1") == place_of(variant, "early]\n    cured")
    assert located.where("/outcomes/scale/visits/3") == place_of(path, "end], baseline: start}\n  cured")
    assert not located.is_written("/schedule/visits/4")


# ---------------------------------------------------------------- what is refused


class Refusal(NamedTuple):
    """A text of the variant, what stands in its place, and what is said of it."""

    old: str
    new: str
    found: str
    rest: str


REFUSED = [
    Refusal(
        "trial: small", "trial: other", "the variant is of trial other", "the protocol is of trial small. Give a variant of this trial"
    ),
    Refusal("variant: more", "variant: mere", "the file calls itself mere", "its name is more.yaml. Use one name"),
    Refusal("id: early", "id: end", "the protocol has the visit end already", "another name is needed. Rename the added one"),
    Refusal("id: early", "id: late", "the visit late is declared twice", "identifiers are unique. Rename one of them"),
    Refusal("week: 3", "week: 12", "visit early is at week 12, as is end", "visits stand in order of time. Give it another week"),
    Refusal("week: 3", "week: 9", "visit early is at week 9, as is late", "visits stand in order of time. Give it another week"),
    Refusal("week: 3", "week: three", "changes.added_visits.1.week is 'three'", "allowed is a number"),
    Refusal(
        "scale:",
        "scael:",
        "scael is no outcome",
        "measurements can be added to scale, cured, logins. Name one of these. Did you mean scale?",
    ),
    Refusal(
        "cured: [early]",
        "cured: [erly]",
        "erly is no visit",
        "known are start, end, late, early. Use a declared name, or declare this one. Did you mean early?",
    ),
    Refusal("cured: [early]", "cured: [end]", "cured is recorded at end already", "each measurement is made once. Delete it"),
    Refusal("cured: [early]", "cured: [early, early]", "cured is recorded at early twice", "each measurement is made once. Delete it"),
    Refusal("cured: [early]", "cured: []", "changes.added_measurements.cured is a list of 0", "allowed is at least 1 entries"),
    Refusal(
        "added_measurements:",
        "removed_measurements:",
        "unknown field removed_measurements in changes",
        "known are added_visits, added_measurements. Did you mean added_measurements?",
    ),
    Refusal(
        "kind: variant",
        "kind: protocol",
        "this is a file of kind protocol",
        "a file of kind variant is needed here. Give the right file",
    ),
]


@pytest.mark.parametrize("case", REFUSED, ids=[case.new for case in REFUSED])
def test_a_variant_that_does_not_fit_is_refused_at_its_own_line(tmp_path: Path, case: Refusal) -> None:
    variant = write_variant(tmp_path, case.old, case.new)
    line = VARIANT[: VARIANT.index(case.old)].count("\n") + 1
    message = re.compile(rf"{re.escape(f'{variant}:{line}:')}\d+: {re.escape(f'{case.found}; {case.rest}')}")
    found = refusals(tmp_path)
    assert [each for each in found if message.fullmatch(each)], found


def test_an_outcome_that_is_recorded_nowhere_gets_no_first_measurement(tmp_path: Path) -> None:
    write_variant(tmp_path)
    path = tmp_path / "protocol.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("secondary, visits: [end]}", "secondary}"), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"        - \{id: cure,.*?covariates: \[\]\}\n", "", text, flags=re.DOTALL), encoding="utf-8")
    (message,) = refusals(tmp_path)
    assert message.endswith("cured is recorded at no visit; measurements can be added to scale, logins. Name one of these")


def test_a_variant_without_any_change_is_refused(tmp_path: Path) -> None:
    variant = write_variant(tmp_path)
    variant.write_text(VARIANT[: VARIANT.index("changes:")] + "changes: {}\n", encoding="utf-8")
    assert refusals(tmp_path) == [f"{place_of(variant, '{}')}: the variant adds nothing. Add visits or measurements, or delete the file"]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    variant = write_variant(tmp_path, "cured: [early]", "cured: [end, never]")
    variant.write_text(variant.read_text(encoding="utf-8").replace("week: 3", "week: 12"), encoding="utf-8")
    assert len(refusals(tmp_path)) == 3


@pytest.mark.parametrize("name", ["mor", "../protocol", "variants/more", "", "more.yaml"])
def test_a_name_without_a_file_is_answered_with_those_that_have_one(tmp_path: Path, name: str) -> None:
    variant = write_variant(tmp_path)
    (message,) = refusals(tmp_path, name)
    assert message.startswith(f"{variant.parent}: there is no variant {name!r}; variants here: more. ")
    shutil.rmtree(variant.parent)
    assert refusals(tmp_path) == [f"{variant.parent}: there is no variant 'more'; no variant stands here. Check the name"]


def test_a_faulty_protocol_is_told_before_any_variant(tmp_path: Path) -> None:
    write_variant(tmp_path, "trial: small", "trial: other")
    path = tmp_path / "protocol.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("attrition: 0.2", "attrition: 20"), encoding="utf-8")
    (message,) = refusals(tmp_path)
    assert message.startswith(f"{path}:")


@pytest.mark.parametrize("command", ["simulate", "power", "analyse", "report"])
def test_every_command_that_takes_a_variant_refuses_one_that_does_not_exist(tmp_path: Path, command: str) -> None:
    words: dict[str, tuple[object, ...]] = {
        "simulate": (TRIAL,),
        "power": (TRIAL,),
        "analyse": (TRIAL, tmp_path, "--blind"),
        "report": ("trial", tmp_path, "--protocol", TRIAL),
    }
    said = run_odisea(command, *words[command], "--variant", "weekly_vas", "-o", tmp_path / "out.html")
    assert said.code == 1
    assert said.messages == (
        f"odisea: {FOLDER / 'variants'}: there is no variant 'weekly_vas'; variants here: {', '.join(NAMES)}. Did you mean {WEEKLY}?",
    )


def test_a_check_is_of_the_protocol_as_registered(tmp_path: Path) -> None:
    said = run_odisea("report", "check", tmp_path, "--protocol", TRIAL, "--variant", WEEKLY, "-o", tmp_path / "out.html")
    assert said.code == 1
    assert said.messages == ("odisea: --variant: a variant was given; a check is of the protocol as registered. Leave the option out",)


# ---------------------------------------------------------------- the trial's own variants


@pytest.fixture(scope="module")
def weekly() -> Protocol:
    return load_protocol(TRIAL, WEEKLY)


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_fits_its_protocol(name: str) -> None:
    assert load_protocol(TRIAL, name).trial == protocol().trial


def test_the_weekly_messages_ask_both_arms_for_pain_and_for_nothing_else(weekly: Protocol) -> None:
    assert [(visit.id, visit.week) for visit in weekly.schedule.visits] == [
        ("baseline", 0), *((name, week) for week, name in enumerate(MESSAGES, 1)), ("week6", 6)
    ]  # fmt: skip
    assert weekly.outcomes["vas"].visits == ("baseline", *MESSAGES, "week6")
    assert weekly.outcomes["vas"].arms is None
    registered = protocol()
    assert registered.visit_ids == ("baseline", "week6")
    changed = {"schedule", "outcomes", "dictionary"}
    assert weekly.model_dump(exclude=changed) == registered.model_dump(exclude=changed)
    assert {name for name in weekly.outcomes if weekly.outcomes[name] != registered.outcomes[name]} == {"vas"}


# ---------------------------------------------------------------- the simulated trial under the variant


def test_one_message_in_between_is_simulated_too(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "protocol", ignore=shutil.ignore_patterns("examples")))
    path = folder / "variants" / f"{WEEKLY}.yaml"
    text = path.read_text(encoding="utf-8").replace("[week1, week2, week3, week4, week5]", "[week2]")
    path.write_text(re.sub(r"    - \{id: week[1345],.*\n", "", text), encoding="utf-8")
    one = load_protocol(folder / TRIAL.name, WEEKLY)
    assert one.outcomes["vas"].visits == ("baseline", "week2", "week6")
    assert asks_for_weekly_pain(one)
    assert not asks_for_weekly_pain(protocol())


PEOPLE = 4000
SCENARIO = "evidence_based"


@pytest.fixture(scope="module")
def cohorts(weekly: Protocol) -> tuple[Cohort, Cohort]:
    """One trial as registered and under the variant; latent constants at their starting guesses."""
    as_registered, varied = (simulated(draft_mechanism(scenario(SCENARIO), one), PEOPLE) for one in (protocol(), weekly))
    return as_registered, varied


def test_the_messages_change_nothing_but_their_own_rows(cohorts: tuple[Cohort, Cohort]) -> None:
    as_registered, varied = cohorts
    messages = slice(VAS_WEEK1, VAS_WEEK1 + WEEKS - 1)
    assert RECORDED[messages] == tuple(f"vas@{name}" for name in MESSAGES)
    for name in Cohort._fields:
        if name not in ("recorded", "scratch"):
            np.testing.assert_array_equal(getattr(as_registered, name), getattr(varied, name), err_msg=name)
    others = np.setdiff1d(np.arange(len(RECORDED)), np.arange(len(RECORDED))[messages])
    np.testing.assert_array_equal(as_registered.recorded[others], varied.recorded[others])
    assert np.isnan(as_registered.recorded[messages]).all()


def test_both_arms_answer_their_messages_until_they_are_lost(cohorts: tuple[Cohort, Cohort]) -> None:
    _, varied = cohorts
    answered = scenario(SCENARIO).values["weekly_pain_answered"]
    for arm in range(2):
        for week in range(1, WEEKS):
            row = varied.recorded[VAS_WEEK1 + week - 1]
            here = (varied.week_lost == NEVER) | (varied.week_lost >= week)
            assert np.isnan(row[~here]).all()
            asked = int((here & (varied.arm == arm)).sum())
            given = int((~np.isnan(row[here & (varied.arm == arm)])).sum())
            # Binomial; ten comparisons at six standard deviations: a false alarm in 5e7 runs.
            assert abs(given - asked * answered) < 6.0 * np.sqrt(asked * answered * (1.0 - answered))


def analysed(cohort: Cohort, one: Protocol) -> list[dict[str, object]]:
    rows = np.empty((len(trial_rows(one)), PEOPLE))
    build_rows(cohort.recorded, simulated_recipes(one), rows)
    trial: Trial = make_trial(rows, cohort.arm, 1, 0)
    return [row for plan in one.analysis.plans for row in analyse_trial(trial, [each for each in lower_plan(one, plan) if each.in_loop])]


def test_every_planned_analysis_gives_the_same_numbers(cohorts: tuple[Cohort, Cohort], weekly: Protocol) -> None:
    assert trial_rows(weekly) != trial_rows(protocol())
    assert analysed(cohorts[1], weekly) == analysed(cohorts[0], protocol())


def test_a_calibration_of_the_one_is_never_taken_for_the_other(weekly: Protocol) -> None:
    truth, spec = scenario(SCENARIO), scenarios().calibration
    digests = {
        calibration_digest(truth, draft_mechanism(truth, one), simulated_recipes(one), trial_rows(one), spec)
        for one in (protocol(), weekly)
    }
    assert len(digests) == 2
