"""A simulated trial as files: complete, within its contract, consistent with its people and its calendar, and blind to the arms."""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, chisquare, norm

from odisea.allocation.plan import Factor, MinimisationFactor, RandomisationPlan
from odisea.data.derive import build_rows, derive, recorded_columns, trial_rows
from odisea.data.export import Export
from odisea.data.read_export import read_export
from odisea.errors import ProtocolError
from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol
from odisea.simulate.assumptions import Scenario
from odisea.simulate.draft import draft_mechanism, simulated_recipes
from odisea.simulate.dropout import NEVER
from odisea.simulate.export import export_tables, simulate_cohort
from odisea.simulate.export_restricted import block_plan
from odisea.simulate.mechanism import RECORDED, WEEKS, Mechanism
from odisea.simulate.rehearsal import SimulatedTrial, simulated_trial
from odisea.simulate.replicate import Cohort
from odisea.simulate.reported import (
    DEVICE_SHARES,
    HARM_DAYS,
    NO_DAY,
    draw_background,
    draw_event_days,
    draw_harms,
    draw_minutes,
    draw_satisfaction,
    harm_probabilities,
)
from odisea.simulate.write_trial import write_trial
from tests.conftest import ROOT
from tests.declared import protocol, scenario

KEY = (20260101, 3)
ALARM = 1e-8  # 12 distributional tests: one false alarm in eight million runs
MANY = 20_000
FOLDER = ROOT / "protocol"
Row = dict[str, str]
Ints = NDArray[np.int64]


class World(NamedTuple):
    """One simulated trial, in memory and as files."""

    folder: Path
    trial: SimulatedTrial

    @property
    def cohort(self) -> Cohort:
        return self.trial.cohort

    def rows(self, name: str) -> list[Row]:
        folder = self.folder if name.startswith("restricted/") else self.folder / "export"
        with (folder / name).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    def read(self) -> Export:
        return read_export(self.folder / "export", self.trial.protocol, self.folder / "restricted" / "allocation.csv")


# ---------------------------------------------------------------- worlds


def copied_protocol(folder: Path, *edits: tuple[str, str]) -> Protocol:
    """The trial's protocol with its text edited."""
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("examples", "schema"))
    path = folder / "nct07248813.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return load_protocol(path)


def two_to_one(folder: Path) -> Protocol:
    return copied_protocol(folder, ("ratio: [1, 1]", "ratio: [2, 1]"), ("per_arm: [100, 100]", "per_arm: [133, 67]"))


def weekly_pain(_: Path) -> Protocol:
    return load_protocol(FOLDER / "nct07248813.yaml", "extension_weekly_vas")


def strata() -> RandomisationPlan:
    factors = {
        "sex": Factor(column="sex", levels=("female", "male")),
        "weight": Factor(column="weight_kg", levels=("light", "middle", "heavy"), cuts=(65.0, 80.0)),
    }
    return RandomisationPlan(method="permuted_blocks", block_sizes=(4, 6), stratify_by=("weight", "sex"), factors=factors)


def minimised() -> RandomisationPlan:
    factors = {"odi": Factor(column="odi@baseline", levels=("low", "high"), cuts=(30.0,))}
    return RandomisationPlan(method="minimisation", minimise_over=(MinimisationFactor(factor="odi"),), factors=factors)


def eventful() -> Scenario:
    shares = {name: 0.6 for name in scenario().values if name.startswith("event_share_") and "surgery" not in name}
    shares |= {"event_share_surgery_control": 0.2, "event_share_surgery_tele": 0.2}
    return scenario(leak_share=0.5, harm_flare_week=0.3, harm_fall_week=0.1, harm_soreness_week=0.5, visit_late_mean=10.0, **shares)


BLANK = {"covariate_missing": 0.1, "item_blank_baseline": 0.03, "item_blank_week6": 0.1, "item_blank_sex_life": 0.5}
WORLDS: dict[str, tuple[Callable[[], Scenario], Callable[[Path], Protocol]]] = {
    "as declared": (scenario, lambda _: protocol()),
    "blanks and strata": (lambda: scenario(**BLANK)._replace(randomisation=strata()), lambda _: protocol()),
    "events": (eventful, lambda _: protocol()),
    "two to one": (lambda: scenario()._replace(randomisation=minimised()), two_to_one),
    "weekly pain": (scenario, weekly_pain),
}


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    return made(request.param, tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> World:
    return made("events", tmp_path_factory.mktemp("events"))


def made(name: str, folder: Path) -> World:
    """A world written to a folder, before calibration."""
    declare, declared_protocol = WORLDS[name]
    assumed, declared = declare(), declared_protocol(folder / "protocol")
    mechanism = draft_mechanism(assumed, declared)
    write_trial(folder, declared, [declared.source], assumed, mechanism, 200, KEY)
    return World(folder, simulated_trial(KEY, assumed, mechanism, simulate_cohort(*KEY, mechanism, 200), declared))


# ---------------------------------------------------------------- through files and back


def test_what_is_read_back_is_what_was_recorded(world: World) -> None:
    export, cohort = world.read(), world.cohort
    assert export.participants == world.trial.ids
    assert (export.analysis_key, export.changed_files, export.not_randomised) == (KEY, (), ())
    np.testing.assert_array_equal(export.arm, cohort.arm)
    assert export.columns == recorded_columns(world.trial.protocol)
    np.testing.assert_array_equal(export.recorded, cohort.recorded[[RECORDED.index(name) for name in export.columns]])


def test_the_analysis_data_set_is_that_of_the_replicate(world: World) -> None:
    trial = derive(world.read(), world.trial.protocol)
    rows = np.empty((len(trial_rows(world.trial.protocol)), 200))
    build_rows(world.cohort.recorded, simulated_recipes(world.trial.protocol), rows)
    np.testing.assert_array_equal(trial.values[: len(rows)], rows)
    live, diary = trial.values[len(rows) :]  # counts of records exist in the programme arm alone
    exposed, stays = world.cohort.exposed == 1, (world.cohort.exposed == 1) & (world.cohort.cause == NEVER)
    np.testing.assert_array_equal(np.isnan([live, diary]), [~exposed] * 2)
    np.testing.assert_array_equal(live[stays], world.cohort.live.sum(axis=0)[stays])  # nothing is on record after a loss
    assert (live[exposed] <= world.cohort.live.sum(axis=0)[exposed]).all()
    assert 0 < diary[exposed].sum() <= world.cohort.diary.sum(axis=0)[exposed].sum()
    np.testing.assert_array_equal(trial.arm, world.cohort.arm)
    assert (trial.seed, trial.replicate) == KEY


def test_the_worlds_hold_what_they_are_named_for(tmp_path: Path) -> None:
    blank = made("blanks and strata", tmp_path / "blank")
    heights = [row["height_cm"] for row in blank.rows("participants.csv")]
    assert 0 < heights.count("") < 50
    assert np.isnan(blank.cohort.recorded[RECORDED.index("odi@baseline")]).any()
    uneven = made("two to one", tmp_path / "uneven")
    assert abs(np.bincount(uneven.cohort.arm)[0] - 133) <= 10
    weekly = made("weekly pain", tmp_path / "weekly")
    assert len(weekly.rows("visits.csv")) == 200 * 7
    reasons = Counter(row["missing"] for row in weekly.rows("outcomes.csv"))
    assert set(reasons) == {"", "not_done", "lost_to_follow_up"}
    assert Counter(row["mode"] for row in weekly.rows("visits.csv") if row["visit"] == "week3")["online"] > 50


def test_every_file_of_the_contract_is_written(world: World) -> None:
    files = world.trial.protocol.dictionary.files
    written = {path.name for path in (world.folder / "export").iterdir()}
    assert written == {name for name, spec in files.items() if not spec.restricted} | {"export_manifest.json", "datapackage.json"}
    kept = {path.name for path in (world.folder / "restricted").iterdir()}
    assert kept == {"allocation.csv", "crosswalk.csv", "blocks.json", "simulated_truth.csv"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in (world.folder / "restricted").iterdir())


def test_every_declared_column_is_written(world: World) -> None:
    for name, spec in world.trial.protocol.dictionary.files.items():
        rows = world.rows(name)
        assert list(rows[0]) == list(spec.columns), name


def test_the_same_trial_gives_the_same_bytes(world: World, tmp_path: Path) -> None:
    trial = world.trial
    write_trial(tmp_path, trial.protocol, [trial.protocol.source], trial.scenario, trial.mechanism, 200, KEY)
    for path in sorted(world.folder.glob("[er]*/*")):
        assert path.read_bytes() == (tmp_path / path.relative_to(world.folder)).read_bytes(), path.name


def test_writing_changes_nothing_of_the_replicate() -> None:
    mechanism = draft_mechanism(scenario(), protocol())
    one, other = (simulate_cohort(*KEY, mechanism, 50) for _ in range(2))
    export_tables(simulated_trial(KEY, scenario(), mechanism, one, protocol()))
    for name, before, after in zip(Cohort._fields, other, one, strict=True):
        if name != "scratch":
            np.testing.assert_array_equal(before, after, err_msg=name)


def test_a_dictionary_without_a_file_or_column_gets_neither() -> None:
    whole = protocol()
    files = {name: spec for name, spec in whole.dictionary.files.items() if name != "harms.csv"}
    people = files["participants.csv"]
    columns = {name: column for name, column in people.columns.items() if name != "internet_device"}
    files["participants.csv"] = people.model_copy(update={"columns": columns})
    smaller = whole.model_copy(update={"dictionary": whole.dictionary.model_copy(update={"files": files})})
    mechanism = draft_mechanism(scenario(), smaller)
    tables = {table.name: table for table in export_tables(simulated(50, scenario(), mechanism, smaller))}
    assert set(tables) == set(files)
    assert "internet_device" not in tables["participants.csv"].columns


def simulated(n: int, assumed: Scenario, mechanism: Mechanism, declared: Protocol) -> SimulatedTrial:
    return simulated_trial(KEY, assumed, mechanism, simulate_cohort(*KEY, mechanism, n), declared)


# ---------------------------------------------------------------- days


def day(text: str) -> date:
    return date.fromisoformat(text)


def test_days_are_in_order(world: World) -> None:
    people = {row["participant_id"]: day(row["randomisation_date"]) for row in world.rows("participants.csv")}
    assert list(people.values()) == sorted(people.values())
    screened = [day(row["screen_date"]) for row in world.rows("screening.csv")]
    randomised = [day(row["screen_date"]) for row in world.rows("screening.csv") if row["outcome"] == "eligible_randomised"]
    assert screened == sorted(screened)
    assert len(randomised) == 200
    # The k-th to be screened successfully cannot have been randomised before; neither can the k-th of those randomised.
    assert all(seen <= begun for seen, begun in zip(randomised, people.values(), strict=True))
    assert all(row["allocated_date"] == people[row["participant_id"]].isoformat() for row in world.rows("restricted/allocation.csv"))
    for row in world.rows("visits.csv"):
        if row["visit"] == "week6":
            assert day(row["planned_date"]) == people[row["participant_id"]] + timedelta(weeks=6)
            late = abs((day(row["visit_date"]) - day(row["planned_date"])).days) if row["visit_date"] else None
            assert row["status"] == ("missed" if late is None else "done" if late <= 7 else "out_of_window")


def test_nothing_is_on_record_after_the_last_day_in_the_trial(world: World) -> None:
    ends = {row["participant_id"]: day(row["date"]) for row in world.rows("disposition.csv") if row["event"] in ("lost", "completed")}
    assert len(ends) == 200
    for name, column in (
        ("disposition.csv", "date"),
        ("harms.csv", "onset_date"),
        ("conmeds.csv", "start_date"),
        ("harms.csv", "end_date"),
    ):
        for row in world.rows(name):
            assert not row[column] or day(row[column]) <= ends[row["participant_id"]], (name, row)
    lost = {row["participant_id"] for row in world.rows("disposition.csv") if row["event"] == "lost"}
    for name, column in (("diary.csv", "diary_date"), ("live_sessions.csv", "session_id"), ("moodle_events.csv", "ts")):
        held = {row["session_id"]: row["date"] for row in world.rows("sessions_calendar.csv")}
        for row in world.rows(name):
            if row["participant_id"] in lost:
                assert day(held.get(row[column], row[column])[:10]) <= ends[row["participant_id"]], (name, row)


def test_sessions_are_offered_from_the_first_randomisation_on(world: World) -> None:
    first = min(day(row["randomisation_date"]) for row in world.rows("participants.csv"))
    sessions = world.rows("sessions_calendar.csv")
    assert min(day(row["date"]) for row in sessions) >= first
    assert len({(row["date"], row["start"]) for row in sessions}) == len(sessions)
    assert {row["minutes_planned"] for row in sessions} == {"60"}


# ---------------------------------------------------------------- the programme's records


def test_the_programmes_records_are_those_of_the_replicate(world: World) -> None:
    cohort, people = world.cohort, world.trial.people
    weeks = np.arange(WEEKS)[:, None]
    kept = (cohort.exposed == 1) & ((cohort.week_lost == -1) | (weeks <= cohort.week_lost))
    place = {name: i for i, name in enumerate(world.trial.ids)}
    for name, expected in (("diary.csv", people.diary), ("live_sessions.csv", people.live), ("moodle_events.csv", people.logins)):
        rows = [row for row in world.rows(name) if row.get("event", "user_loggedin") == "user_loggedin"]
        counts = np.bincount([place[row["participant_id"]] for row in rows], minlength=200)
        np.testing.assert_array_equal(counts, np.where(kept, expected, 0.0).sum(axis=0), err_msg=name)


def test_a_diary_entry_from_memory_is_made_after_its_week(events: World) -> None:
    rows = events.rows("diary.csv")
    assert {row["entry_mode"] for row in rows} == {"paper", "digital"}
    delays = []
    for row in rows:
        assert bool(row["entered_ts"]) == (row["entry_mode"] == "digital")
        if row["entered_ts"]:
            delays.append((datetime.fromisoformat(row["entered_ts"]).date() - day(row["diary_date"])).days)
    assert set(delays) <= set(range(8))
    late = np.count_nonzero(delays)
    assert binom.cdf(late, len(delays), 0.1) > ALARM
    assert binom.sf(late - 1, len(delays), 0.1) > ALARM


def test_minutes_are_at_least_half_of_the_session(events: World) -> None:
    minutes = draw_minutes(KEY, 60, events.cohort)
    assert (minutes.min() >= 30, minutes.max() <= 60) == (True, True)
    assert np.median(minutes) > 55
    held = [int(row["minutes_attended"]) for row in events.rows("live_sessions.csv")]
    assert set(held) <= set(minutes.ravel().tolist())


def test_files_of_one_arm_name_nobody_of_the_other(world: World) -> None:
    arms = {row["participant_id"]: row["arm"] for row in world.rows("restricted/allocation.csv")}
    for name, spec in world.trial.protocol.dictionary.files.items():
        if spec.arms:
            assert {arms[row["participant_id"]] for row in world.rows(name)} == set(spec.arms), name
    groups = {row["participant_id"]: row["live_group"] for row in world.rows("live_groups.csv")}
    assert set(groups) == {who for who, arm in arms.items() if arm == "tele"}
    assert max(Counter(groups.values()).values()) == world.trial.mechanism.course.group_size


def test_no_cell_outside_the_restricted_folder_names_an_arm_or_the_simulation(world: World) -> None:
    for path in (world.folder / "export").glob("*.csv"):
        text = path.read_text(encoding="utf-8")
        assert not {"tele", "control"} & set(text.replace("\n", ",").split(",")), path.name
        assert "simul" not in text.lower(), path.name
    package = (world.folder / "export" / "datapackage.json").read_text(encoding="utf-8")
    assert "simul" not in package.lower()


# ---------------------------------------------------------------- disposition, treatments, harms, deviations


def test_events_stand_in_disposition_on_their_days(events: World) -> None:
    days, cohort = draw_event_days(KEY, events.cohort), events.cohort
    assert ((days == NO_DAY) == (cohort.event_week < 0)).all()
    happened = days != NO_DAY
    np.testing.assert_array_equal(days[happened] // 7, cohort.event_week[happened])
    found = Counter(row["event"] for row in events.rows("disposition.csv"))
    left = np.array([events.trial.days_in_trial(i) for i in range(200)])
    codes = ("analgesic_escalation", "started_other_rehab", "surgery", "pregnancy")
    assert [found[code] for code in codes] == np.count_nonzero(happened & (days <= left), axis=1).tolist()
    assert min(found[code] for code in codes) > 0


def test_a_stop_of_the_programme_has_its_week_and_reason(events: World) -> None:
    cohort, stops = events.cohort, {r["participant_id"]: r for r in events.rows("disposition.csv") if r["event"] == "stopped_programme"}
    truth = {row["participant_id"]: row for row in events.rows("restricted/simulated_truth.csv")}
    for i, name in enumerate(events.trial.ids):
        out = np.flatnonzero(cohort.engaged[:, i] == 0.0) if cohort.exposed[i] else np.array([], dtype=np.int64)
        assert truth[name]["stop_week"] == (str(out[0] + 1) if out.size else "")
        seen = out.size > 0 and (cohort.week_lost[i] == -1 or out[0] <= cohort.week_lost[i])
        if not seen:
            assert name not in stops
        elif name in stops:
            assert out[0] <= float(stops[name]["week"]) + 0.05 < out[0] + 1.1
    reasons = Counter(row["reason_code"] for row in stops.values())
    assert set(reasons) == {"", "never_started", "surgery", "pregnancy"}
    assert reasons["never_started"] <= np.count_nonzero((cohort.exposed == 1) & (cohort.engaged[0] == 0.0))


def test_treatments_belong_to_events(events: World) -> None:
    rows = events.rows("conmeds.csv")
    courses = [row for row in rows if row["class"] != "other_rehab"]
    found = Counter(row["event"] for row in events.rows("disposition.csv"))
    assert len(courses) == found["analgesic_escalation"]
    assert len(rows) - len(courses) == found["started_other_rehab"]
    assert all(1 <= int(row["days_used"]) <= 14 for row in courses)
    assert {(day(row["end_date"]) - day(row["start_date"])).days for row in courses if row["end_date"]} == {13}


def test_harms_are_numbered_and_last_as_long_as_their_kind(events: World) -> None:
    rows = events.rows("harms.csv")
    kinds = ("pain_flare", "fall", "muscle_soreness", "spinal_surgery")
    assert {row["term"] for row in rows} == set(kinds)
    numbers: dict[str, list[int]] = {}
    for row in rows:
        numbers.setdefault(row["participant_id"], []).append(int(row["ae_no"]))
        low, high = HARM_DAYS[kinds.index(row["term"])]
        if row["end_date"]:
            assert low <= (day(row["end_date"]) - day(row["onset_date"])).days + 1 <= high
        assert (row["outcome"] == "recovered") == bool(row["end_date"])
        assert (row["serious"] == "true") == (row["term"] == "spinal_surgery")
    assert all(own == list(range(1, len(own) + 1)) for own in numbers.values())


def test_deviations_are_the_late_visits_and_the_contamination_seen(events: World) -> None:
    rows, status = events.rows("deviations.csv"), Counter(row["status"] for row in events.rows("visits.csv"))
    kinds = Counter(row["type"] for row in rows)
    assert kinds["window"] == status["out_of_window"] > 0
    assert kinds["contamination"] == np.count_nonzero((events.cohort.leak > 0.0) & (events.cohort.cause == -1)) > 0
    arms = {row["participant_id"]: row["arm"] for row in events.rows("restricted/allocation.csv")}
    assert {arms[row["participant_id"]] for row in rows if row["type"] == "contamination"} == {"control"}


# ---------------------------------------------------------------- restricted


def test_blocks_make_the_allocation(world: World) -> None:
    rows = world.rows("restricted/allocation.csv")
    plan = json.loads((world.folder / "restricted" / "blocks.json").read_text(encoding="utf-8"))
    assert plan == block_plan(world.trial)
    if plan["plan"]["method"] != "permuted_blocks":
        assert "blocks" not in plan
        return
    for stratum in {row["stratum"] for row in rows}:
        blocks = [block for block in plan["blocks"] if block["stratum"] == stratum]
        arms = [arm for block in blocks for arm in block["arms"]]
        used = [row["arm"] for row in rows if row["stratum"] == stratum]
        assert arms[: len(used)] == used
        assert all(block["arms"].count("tele") == block["size"] // 2 for block in blocks)
        assert {block["size"] for block in blocks[:-1]} <= set(plan["plan"]["block_sizes"])
        starts = [block["first"] for block in blocks]
        assert starts == [1 + sum(block["size"] for block in blocks[:k]) for k in range(len(blocks))]


def test_strata_are_those_at_randomisation_even_where_the_record_was_lost(tmp_path: Path) -> None:
    one = made("blanks and strata", tmp_path)
    people = {row["participant_id"]: row for row in one.rows("participants.csv")}
    forgotten = 0
    for row in one.rows("restricted/allocation.csv"):
        person = people[row["participant_id"]]
        kilos = float(person["weight_kg"] or "nan")
        forgotten += np.isnan(kilos)
        named = [f"sex={person['sex']},weight={weight}" for weight in ("light", "middle", "heavy")]
        assert row["stratum"] in named
        if not np.isnan(kilos):
            assert row["stratum"] == named[(kilos >= 65.0) + (kilos >= 80.0)]
    assert forgotten > 0


def test_the_crosswalk_names_everybody_with_an_account_once(world: World) -> None:
    rows = world.rows("restricted/crosswalk.csv")
    exposed = [name for name, arm in zip(world.trial.ids, world.cohort.exposed, strict=True) if arm]
    for source in ("moodle", "live_sessions"):
        own = [row for row in rows if row["source"] == source]
        assert sorted(row["participant_id"] for row in own) == exposed
        assert len({row["source_key"] for row in own}) == len(exposed)


def test_the_truth_is_that_of_the_cohort(events: World) -> None:
    cohort = events.cohort
    for i, row in enumerate(events.rows("restricted/simulated_truth.csv")):
        assert float(row["dose"]) == cohort.dose[5, i]
        assert float(row["leak"]) == cohort.leak[i]
        assert row["live_group"] == ("" if cohort.group[i] < 0 else str(cohort.group[i] + 1))
        weeks = [row[f"{event}_week"] for event in ("rescue", "other_rehabilitation", "surgery", "pregnancy")]
        assert weeks == ["" if week < 0 else str(int(week) + 1) for week in cohort.event_week[:, i]]
        low = cohort.actual[:, i] <= 20.0
        begun = [week for week in range(1, WEEKS) if low[week] and low[week + 1]]
        assert row["recovery_week"] == (str(begun[0]) if begun else "")


# ---------------------------------------------------------------- distributions of what is drawn for the export only


@pytest.fixture(scope="module")
def crowd() -> tuple[Scenario, Mechanism, Cohort]:
    """Many people whose pain does not move harms and whose satisfaction does not follow their improvement."""
    assumed = scenario(event_slope_rescue=0.0, satisfaction_per_improvement=0.0, harm_fall_week=0.02)
    mechanism = draft_mechanism(assumed, protocol())
    return assumed, mechanism, simulate_cohort(*KEY, mechanism, MANY)


def rounded_normal(mean: float, sd: float) -> NDArray[np.float64]:
    """Probabilities of 0 to 10 of a normal number that is rounded and clipped."""
    inner = norm.cdf((np.arange(10) + 0.5 - mean) / sd)
    return np.diff(np.concatenate([[0.0], inner, [1.0]]))


def fits(values: Ints, probabilities: NDArray[np.float64]) -> bool:
    """Whether a chi-square test at ALARM lets the values pass; rare categories are put together with their neighbours."""
    expected, seen = probabilities * values.size, np.bincount(values, minlength=probabilities.size).astype(np.float64)
    rare = np.flatnonzero(expected < 20.0)
    expected, seen = (np.append(np.delete(one, rare), one[rare].sum()) for one in (expected, seen))
    if expected[-1] < 20.0:
        expected, seen = (np.append(one[:-2], one[-2:].sum()) for one in (expected, seen))
    return bool(chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > ALARM)


def test_satisfaction_is_a_rounded_normal_number_by_arm(crowd: tuple[Scenario, Mechanism, Cohort]) -> None:
    assumed, _, cohort = crowd
    before, after = draw_satisfaction(KEY, assumed.values, cohort)
    control, tele = rounded_normal(6.7, 2.3), rounded_normal(8.2, 1.5)
    assert fits(before, control)
    assert fits(after[cohort.exposed == 0], control)
    assert fits(after[cohort.exposed == 1], tele)
    assert not fits(after[cohort.exposed == 1], control), "a test that cannot fail"


def test_satisfaction_follows_improvement_and_keeps_its_spread(crowd: tuple[Scenario, Mechanism, Cohort]) -> None:
    assumed, _, cohort = crowd
    # So far from the ends of the scale that clipping does nothing; rounding adds 1/12 to the variance.
    middle = {"satisfaction_mean": 6.0, "satisfaction_control_shift": -1.0, "satisfaction_sd_tele": 1.0, "satisfaction_sd_control": 1.0}
    after = draw_satisfaction(KEY, {**assumed.values, **middle, "satisfaction_per_improvement": 0.05}, cohort)[1]
    gain = cohort.actual[0] - cohort.actual[WEEKS]
    for exposed, mean in ((0, 5.0), (1, 6.0)):
        arm = cohort.exposed == exposed
        n = np.count_nonzero(arm)
        assert abs(after[arm].mean() - mean) < 6 * 1.05 / np.sqrt(n)
        assert abs(after[arm].var() - (1.0 + 1.0 / 12.0)) < 6 * (1.0 + 1.0 / 12.0) * np.sqrt(2.0 / n)
        slope = np.cov(after[arm], gain[arm])[0, 1] / gain[arm].var()
        assert abs(slope - 0.05) < 6 * 1.05 / (gain[arm].std() * np.sqrt(n))


def test_harms_have_their_weekly_probabilities(crowd: tuple[Scenario, Mechanism, Cohort]) -> None:
    assumed, mechanism, cohort = crowd
    harms = draw_harms(KEY, assumed.values, mechanism, cohort)
    exercising = np.count_nonzero((cohort.engaged > 0.0) & (cohort.diary > 0.0))
    counts = Counter(harm.kind for harm in harms)
    for kind, weeks, p in ((0, WEEKS * MANY, 0.02), (1, WEEKS * MANY, 0.02), (2, exercising, 0.03)):
        assert binom.cdf(counts[kind], weeks, p) > ALARM
        assert binom.sf(counts[kind] - 1, weeks, p) > ALARM
    assert counts[3] == np.count_nonzero(cohort.event_week[2] >= 0)
    on = np.array([(harm.first_day % 7, harm.kind) for harm in harms])
    assert fits(on[on[:, 1] < 3, 0], np.full(7, 1 / 7))
    long = np.array([harm.last_day - harm.first_day + 1 for harm in harms if harm.kind == 0])
    assert fits(long - 2, np.full(8, 1 / 8))


def test_a_flare_is_likelier_with_pain() -> None:
    assumed = scenario(event_slope_rescue=0.5, harm_flare_week=0.1)
    mechanism = draft_mechanism(assumed, protocol())
    cohort = simulate_cohort(*KEY, mechanism, 100)
    cohort.pain[2, :3] = (mechanism.population.pain_mean, mechanism.population.pain_mean + 2.0, mechanism.population.pain_mean + 50.0)
    flare = harm_probabilities(assumed.values, mechanism, cohort, 2)[0]
    np.testing.assert_allclose(flare[:3], [0.1, 0.1 * np.e, 1.0], rtol=1e-12)


def test_background_has_its_shares(crowd: tuple[Scenario, Mechanism, Cohort]) -> None:
    background = draw_background(KEY, crowd[2])
    assert fits(background.device, np.array(DEVICE_SHARES))
    assert (background.pain_duration.min() >= 12, background.pain_duration.max() <= 3000) == (True, True)
    above = np.count_nonzero(background.pain_duration > 162)  # the median, 12 + 150 weeks
    assert binom.cdf(above, MANY, 0.5) > ALARM
    assert binom.sf(above - 1, MANY, 0.5) > ALARM


def test_a_replicate_of_another_number_has_other_records() -> None:
    mechanism = draft_mechanism(scenario(), protocol())
    cohort = simulate_cohort(*KEY, mechanism, 200)
    one, other = (draw_satisfaction((KEY[0], replicate), scenario().values, cohort) for replicate in (3, 4))
    assert (one != other).mean() > 0.5


def test_the_textbook_scenario_has_nobody_to_export(tmp_path: Path) -> None:
    assumed = scenario("textbook")
    with pytest.raises(ProtocolError, match="it draws two numbers per participant and has no people to export"):
        write_trial(tmp_path, protocol(), [], assumed, draft_mechanism(assumed, protocol()), 20, KEY)
    assert not list(tmp_path.iterdir())


def test_a_pace_that_makes_no_calendar_is_refused(tmp_path: Path) -> None:
    assumed = scenario(randomised_per_week=0.05)
    with pytest.raises(ProtocolError, match="200 participants are not found in forty years"):
        write_trial(tmp_path, protocol(), [], assumed, draft_mechanism(assumed, protocol()), 200, KEY)
    assert not list(tmp_path.iterdir())
