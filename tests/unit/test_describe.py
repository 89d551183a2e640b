"""`odisea simulate --describe`: the record against the trials it is made from, and the page against the record."""

import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from report_reading import identifiers, runs_of
from rich.console import Console
from scipy.stats import sem
from test_report_power import ENGLISH_WORDS
from typer.testing import CliRunner

from odisea.cli import app
from odisea.errors import DataError, ProtocolError
from odisea.report.cohort import cohort_document, print_cohort, write_cohort_page
from odisea.report.cohort_files import read_cohort
from odisea.report.figures import draw
from odisea.report.speech import Speaker, spoken
from odisea.simulate import describe as describing
from odisea.simulate.calendar_people import screening_outcomes
from odisea.simulate.describe import REPLICATES, VARIABLES, bars, classes, describe, spread, variables, write_description
from odisea.simulate.mechanism import AGE, CAUSES, DECLINED, EVENTS, ODI_BASELINE, ODI_WEEK6, SEX, VAS_WEEK6, WEEKS
from odisea.simulate.reported import HARMS, draw_harms, draw_satisfaction
from odisea.simulate.textbook import Calibration
from tests.declared import assumptions, mechanism, protocol, scenario, simulated

SEED, REPLICATE, PEOPLE = 3, 7, 60
ROOT = Path(__file__).parents[2]
Record = dict[str, Any]


def calibration() -> Calibration:
    """A calibration whose mechanism is the draft: one checked figure inside its published range, one outside."""
    shown = {"odi_change_sd": (12.0, 0.01), "vas_effect": (-9.0, 0.02), "effect": (-4.5, 0.01), "floor_baseline": (0.0, 0.0)}
    return Calibration(mechanism(), {}, shown, np.empty((0, 0)), None)  # type: ignore[arg-type]


def write(folder: Path, replicate: int = REPLICATE) -> Path:
    inputs = (ROOT / "simulate" / "assumptions.yaml",)
    return write_description(
        folder, protocol(), inputs, assumptions(), scenario(), (calibration(), "0123456789abcdef"), PEOPLE, (SEED, replicate)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cohort")
    write(made)
    return made


@pytest.fixture(scope="module")
def record(folder: Path) -> Record:
    content: Record = json.loads((folder / "describe.json").read_text(encoding="utf-8"))
    return content


# ---------------------------------------------------------------- one trial


def test_the_trial_is_that_of_the_replicate_loop(record: Record) -> None:
    cohort, trial = simulated(mechanism(), PEOPLE, SEED, REPLICATE), record["this_trial"]
    for place, arm in enumerate(trial["arms"]):
        who = cohort.arm == place
        assert arm["allocated"] == who.sum()
        assert arm["lost_in_week"] == [int((cohort.week_lost[who] == week).sum()) for week in range(WEEKS)]
        assert list(arm["lost_to"].values()) == [int((cohort.cause[who] == cause).sum()) for cause in range(len(CAUSES))]
        assert arm["scored"] == int((~np.isnan(cohort.recorded[ODI_WEEK6, who])).sum())
        assert list(arm["with_event"].values()) == [int((cohort.event_week[event, who] >= 0).sum()) for event in range(len(EVENTS))]
        seen = trial["seen"]["vas"][arm["arm"]]
        assert seen[1] == pytest.approx(np.nanmean(cohort.recorded[VAS_WEEK6, who]), rel=1e-12)
    assert [arm["started"] is None for arm in trial["arms"]] == [arm["arm"] != record["programme"] for arm in trial["arms"]]


def test_the_flow_adds_up(record: Record) -> None:
    trial = record["this_trial"]
    assert trial["screened"] == sum(trial["ineligible"].values()) + trial["declined"] + trial["randomised"]
    assert trial["randomised"] == PEOPLE == sum(arm["allocated"] for arm in trial["arms"])
    for arm in trial["arms"]:
        assert arm["allocated"] == sum(arm["lost_in_week"]) + arm["assessed"] == sum(arm["lost_to"].values()) + arm["assessed"]
        assert arm["scored"] <= arm["assessed"]
    cohort = simulated(mechanism(), PEOPLE, SEED, REPLICATE)
    assert trial["declined"] == int((screening_outcomes(SEED, REPLICATE, mechanism(), cohort) == DECLINED).sum())


def test_the_baseline_table_has_no_p_value_and_the_people_s_own_numbers(record: Record) -> None:
    cohort, rows = simulated(mechanism(), PEOPLE, SEED, REPLICATE), {row["name"]: row for row in record["this_trial"]["baseline"]}
    assert set(next(iter(rows.values()))["cells"][0]) == {"n", "missing", "mean", "sd"}
    for place, who in enumerate([cohort.arm == 0, cohort.arm == 1, cohort.arm >= 0]):
        assert rows["age_years"]["cells"][place]["mean"] == pytest.approx(cohort.recorded[AGE, who].mean(), rel=1e-12)
        assert rows["age_years"]["cells"][place]["sd"] == pytest.approx(cohort.recorded[AGE, who].std(ddof=1), rel=1e-12)
        assert rows["sex"]["cells"][place]["counts"] == {
            "female": int((cohort.recorded[SEX, who] == 0).sum()),
            "male": int((cohort.recorded[SEX, who] == 1).sum()),
        }


def test_harms_and_satisfaction_end_with_the_loss(record: Record) -> None:
    key, cohort = (SEED, REPLICATE), simulated(mechanism(), PEOPLE, SEED, REPLICATE)
    answers = draw_satisfaction(key, scenario().values, cohort)[1]
    harms = draw_harms(key, scenario().values, mechanism(), cohort)
    for place, arm in enumerate(record["this_trial"]["arms"]):
        who = (cohort.arm == place) & (cohort.week_lost < 0)
        assert record["this_trial"]["satisfaction"][arm["arm"]][1] == pytest.approx(answers[who].mean(), rel=1e-12)
        for kind, name in enumerate(HARMS):
            people = {h.participant for h in harms if h.kind == kind and cohort.arm[h.participant] == place}
            stay = {i for i in people if cohort.week_lost[i] < 0}
            assert len(stay) <= arm["with_harm"][name] <= len(people)


def test_single_courses_are_of_the_first_participants_of_each_arm(record: Record) -> None:
    cohort, people = simulated(mechanism(), PEOPLE, SEED, REPLICATE), record["this_trial"]["people"]
    firsts = [int(i) + 1 for arm in range(2) for i in np.flatnonzero(cohort.arm == arm)[:4]]
    assert [person["number"] for person in people] == firsts
    for person in people:
        i = person["number"] - 1
        assert person["latent"] == cohort.actual[:, i].tolist()
        assert person["odi_baseline"] == cohort.recorded[ODI_BASELINE, i]
        assert (person["odi_week6"] is None) == bool(np.isnan(cohort.recorded[ODI_WEEK6, i]))


# ---------------------------------------------------------------- many trials


def test_averages_are_those_of_the_trials_one_by_one(record: Record) -> None:
    trials = [simulated(mechanism(), PEOPLE, SEED, replicate) for replicate in range(REPLICATES)]
    expected = {
        ("adherence", "live", 2): [cohort.live[2, cohort.exposed == 1].mean() for cohort in trials],
        ("adherence", "engaged", 0): [cohort.engaged[0, cohort.exposed == 1].mean() for cohort in trials],
        ("lost", "usual_care", 3): [np.isin(cohort.week_lost[cohort.arm == 1], range(4)).mean() for cohort in trials],
        ("latent", "odi", "tele", 6): [cohort.actual[6, cohort.arm == 0].mean() for cohort in trials],
        ("scores", "baseline", 0): [(cohort.recorded[ODI_BASELINE] == 0.0).mean() for cohort in trials],
    }
    arms = record["this_trial"]["arms"]
    names = {"usual_care": arms[1]["arm"], "tele": arms[0]["arm"]}
    for steps, values in expected.items():
        found = record["usual"]
        for step in steps:
            found = found[names.get(step, step) if isinstance(step, str) else step]
        assert found["mean"] == pytest.approx(np.mean(values), rel=1e-12), steps
        assert found["mcse"] == pytest.approx(sem(values), rel=1e-9), steps
        assert (found["low"], found["high"]) == pytest.approx(tuple(np.quantile(values, (0.1, 0.9))), rel=1e-12), steps


def test_correlations_are_within_arms_and_do_not_know_who_was_lost(record: Record) -> None:
    """The week-6 scores of a world without loss are those of everybody: losses change no other draw."""
    nobody_lost = mechanism()
    nobody_lost = nobody_lost._replace(dropout=nobody_lost.dropout._replace(active=np.zeros(4, dtype=np.int64)))
    cohort = simulated(nobody_lost, PEOPLE, SEED, REPLICATE)
    scores = cohort.recorded[[ODI_BASELINE, ODI_WEEK6]]
    complete = ~np.isnan(variables(cohort)).any(axis=0)
    inside = np.hstack([scores[:, complete & (cohort.arm == arm)] for arm in range(2)])
    centred = np.hstack(
        [part - part.mean(axis=1, keepdims=True) for part in (scores[:, complete & (cohort.arm == arm)] for arm in range(2))]
    )
    assert inside.shape == centred.shape
    place = VARIABLES.index("odi@week6"), VARIABLES.index("odi@baseline")
    assert record["this_trial"]["correlations"][place[0]][place[1]] == pytest.approx(np.corrcoef(centred)[0, 1], abs=1e-12)
    who = complete & (cohort.exposed == 1)
    dose = np.corrcoef(cohort.dose[-1, who], scores[1, who])[0, 1]
    assert record["this_trial"]["correlations"][VARIABLES.index("dose")][place[0]] == pytest.approx(dose, abs=1e-12)


def test_averages_do_not_depend_on_the_trial_that_is_shown(record: Record, tmp_path: Path) -> None:
    other = json.loads(write(tmp_path, replicate=8).read_text(encoding="utf-8"))
    assert other["usual"] == record["usual"]
    assert other["this_trial"] != record["this_trial"]


def test_shares_of_a_whole_sum_to_one(record: Record) -> None:
    usual = record["usual"]
    wholes = [
        usual["scores"]["baseline"],
        *usual["scores"]["week6"].values(),
        usual["classes"]["baseline"],
        *usual["classes"]["week6"].values(),
    ]
    wholes += [item for visit in usual["answers"] for item in visit] + [list(usual["screening"].values())]
    for whole in wholes:
        assert sum(part["mean"] for part in whole) == pytest.approx(1.0, abs=1e-12)


def test_scores_fall_into_the_bar_and_class_that_name_them() -> None:
    scores = np.array([0.0, 2.0, 10.0, 12.0, 20.0, 100.0 * 9 / 45, 22.0, 60.0, 100.0, np.nan])
    assert (9 * bars(scores)).round().astype(int).tolist() == [1, 2, 3, 1, 0, 0, 1, 0, 0, 0, 1]
    assert (9 * classes(scores)).round().astype(int).tolist() == [1, 5, 1, 1, 1]


def test_what_nobody_shows_is_none_and_gives_no_warning() -> None:
    assert spread(np.full(200, np.nan)) == {"mean": None, "mcse": None, "low": None, "high": None}
    tiny = describe((SEED, 0), mechanism(), scenario().values, 4, protocol())
    json.dumps(tiny, allow_nan=False)
    assert tiny["this_trial"]["randomised"] == 4


def test_the_textbook_scenario_has_no_people(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="has no people to describe"):
        write_description(tmp_path, protocol(), (), assumptions(), scenario("textbook"), (calibration(), ""), PEOPLE, (SEED, 0))
    assert not list(tmp_path.iterdir())


def test_published_ranges_are_those_of_the_assumptions(record: Record) -> None:
    rows = {row["name"]: row for row in record["published"]}
    assert list(rows) == ["effect", "odi_change_sd", "vas_effect"]
    assert [rows[name]["inside"] for name in rows] == [True, True, False]
    assert (rows["vas_effect"]["low"], rows["vas_effect"]["high"]) == (-1.5, 0.0)


# ---------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, tuple[Record, list[Record]]]:
    document = cohort_document(read_cohort(folder, protocol()))
    return {language: spoken(document, language) for language in ("en", "es")}


def resolve(content: Any, pointer: str) -> Any:
    for step in pointer.strip("/").split("/"):
        content = content[int(step)] if isinstance(content, list) else content[step]
    return content


def test_every_printed_number_stands_where_its_trace_says(said: dict[str, tuple[Record, list[Record]]], record: Record) -> None:
    numbers = said["en"][1]
    direct = [number for number in numbers if "rule" not in number]
    assert len(direct) > 400
    for number in direct:
        assert number["file"] == "describe.json"
        assert resolve(record, number["at"]) == number["value"], number
    for number in numbers:
        for origin in number.get("from", ()):
            resolve(record, origin["at"])


def test_both_languages_print_the_same_numbers(said: dict[str, tuple[Record, list[Record]]]) -> None:
    (english, english_numbers), (spanish, spanish_numbers) = said["en"], said["es"]
    assert identifiers(english) == identifiers(spanish)
    assert english_numbers == spanish_numbers
    texts = [run["text"] for run in runs_of(spanish) if not {"lang", "code"} & run.keys()]
    found = {word for text in texts for word in re.findall(r"[a-z]+", text.lower())} & set(ENGLISH_WORDS)
    assert found - {"error"} == set()


def test_inside_and_outside_are_said_in_words(said: dict[str, tuple[Record, list[Record]]]) -> None:
    section = next(one for part in said["en"][0]["parts"] for one in part["sections"] if one["id"] == "published")
    prose = "".join(run["text"] for run in section["blocks"][0]["runs"])
    assert "2 of 3 figures lie inside their range." in prose
    assert "Outside: Effect on pain" in prose
    rows = [["".join(run["text"] for run in cell) for cell in row] for row in section["blocks"][1]["rows"] if len(row) > 1]
    assert [row[3] for row in rows if row[0].startswith("Effect on pain")] == ["OUTSIDE"]


class Page(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize(("language", "banner"), [("en", "SIMULATED PEOPLE"), ("es", "PERSONAS SIMULADAS")])
def test_the_page_works_offline_and_says_that_nobody_exists(folder: Path, language: str, banner: str) -> None:
    path = write_cohort_page(folder, protocol(), language)
    assert path.name == f"describe.{language}.html"
    text = path.read_text(encoding="utf-8")
    assert f'<div class="banner" role="note">{banner}' in text
    tags = Page(text).tags
    addresses = [value for _, attributes in tags for name, value in attributes.items() if name in ("src", "href")]
    assert addresses
    assert all(value is not None and value.startswith(("data:", "#")) for value in addresses)
    images = [attributes for name, attributes in tags if name == "img"]
    assert len(images) == 8
    assert all(attributes["alt"] for attributes in images)
    assert not [name for name, _ in tags if name == "script"]


def test_a_figure_is_the_same_bytes_every_time(folder: Path) -> None:
    document = cohort_document(read_cohort(folder, protocol()))
    plots = [block.plot for part in document.parts for one in part.sections for block in one.blocks if hasattr(block, "plot")]
    assert len(plots) == 8
    for plot in (plots[1], plots[-1]):
        first, second = (draw(plot, "at", Speaker("en").text) for _ in range(2))
        assert first == second


def test_the_terminal_view_holds_the_tables_and_no_escape_codes(folder: Path, said: dict[str, tuple[Record, list[Record]]]) -> None:
    out = StringIO()
    print_cohort(folder, protocol(), "es", Console(file=out, width=160))
    text = out.getvalue()
    assert "\x1b" not in text
    assert "PERSONAS SIMULADAS" in text
    tables = [b for part in said["es"][0]["parts"] for one in part["sections"] for b in one["blocks"] if b["kind"] == "table"]
    for table in tables:
        assert table["label"] in text
        for row in table["rows"]:
            cells = ["".join(run["text"] for run in cell) for cell in row[1:]]
            assert all(cell.split()[0] in text for cell in cells if cell.split())


# ---------------------------------------------------------------- faults


def test_a_missing_broken_or_foreign_record_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_cohort(tmp_path, protocol())
    content = json.loads((folder / "describe.json").read_text(encoding="utf-8"))
    path = tmp_path / "describe.json"
    path.write_text(json.dumps(content | {"trial": "another"}), encoding="utf-8")
    with pytest.raises(DataError, match="the record is of trial another"):
        read_cohort(tmp_path, protocol())
    del content["usual"]["lost"]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match="/usual/lost"):
        cohort_document(read_cohort(tmp_path, protocol()))


# ---------------------------------------------------------------- the command


def test_the_command_writes_the_page_and_prints_the_view(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The calibration, minutes of work that other tests hold, is replaced by the draft of the mechanism."""
    job = SimpleNamespace(mechanism=mechanism(), participants=PEOPLE, seed=SEED)
    run = SimpleNamespace(scenario=scenario(), calibration=calibration(), calibration_digest="0123456789abcdef", job=job)
    monkeypatch.setattr("odisea.performance.power.prepare", lambda *_: run)
    monkeypatch.setattr(describing, "REPLICATES", 3)
    command = [
        "simulate",
        str(ROOT / "protocol" / "nct07248813.yaml"),
        "--replicate",
        "7",
        "--describe",
        "--lang",
        "es",
        "-o",
        str(tmp_path),
    ]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0
    assert (tmp_path / "describe.es.html").is_file()
    assert json.loads((tmp_path / "describe.json").read_text(encoding="utf-8"))["replicates"] == 3
    assert "PERSONAS SIMULADAS" in done.stdout
    assert (tmp_path / "export" / "participants.csv").is_file()
