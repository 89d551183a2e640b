"""The calendar in the power report: the same numbers in both languages, each traced to calendar.json, apart from the verdict."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typst
import yaml
from calendar_people import CLOSED, VALUES, people
from readability import fernandez_huerta, flesch
from report_folders import write_worlds
from report_reading import ROOT, identifiers, prose, runs_of, the_protocol
from scipy import stats
from test_report_power import ENGLISH_WORDS

from odisea.errors import DataError
from odisea.report.calendar_files import read_calendar
from odisea.report.pdf import TEMPLATE
from odisea.report.power import power_document, write_power_report
from odisea.report.results import read_power_results
from odisea.report.speech import spoken
from odisea.simulate.calendar_model import POSSIBLE
from odisea.simulate.calendar_write import Request, write_calendars
from tests.commands import run_odisea, succeed
from tests.declared import scenario

Spoken = dict[str, Any]
CALENDARS = 40
PEOPLE = 200
PACE = 4.2  # some of the calendars are in time, some are not
LANGUAGES = ("en", "es")
SECTIONS = ("feasibility", "calendar_time", "calendar_flow", "calendar_load", "calendar_assumptions")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calendars of invented people, written as `odisea calendar` writes them."""
    assumed = scenario()
    assumed = assumed._replace(values={**assumed.values, **VALUES, "randomised_per_week": PACE}, closed_days=CLOSED)
    protocol = ROOT / "protocol" / "nct07248813.yaml"
    request = Request(the_protocol(), (protocol,), assumed, PEOPLE, 11, CALENDARS, "odisea calendar protocol/nct07248813.yaml")
    written = tmp_path_factory.mktemp("results") / "calendar"
    write_calendars(written, request, lambda replicate: people(PEOPLE, seed=100 + replicate))
    return written


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Results of a power run whose assumptions hold those of the calendar."""
    folders = write_worlds(tmp_path_factory.mktemp("power"))
    declared = yaml.safe_load((ROOT / "simulate" / "assumptions.yaml").read_text(encoding="utf-8"))
    for one in folders:
        path = one / "assumptions.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        for name in POSSIBLE:
            parameter = declared["parameters"][name]
            sources = [declared["sources"][source] for source in parameter["source"]]
            content["parameters"].append({**parameter, "name": name, "source": sources, "changed": False, "achieved": None})
        path.write_text(json.dumps(content), encoding="utf-8")
    return folders


@pytest.fixture(scope="module")
def content(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "calendar.json").read_text(encoding="utf-8"))
    return found


def report(worlds: list[Path], calendar: Path | None, language: str) -> tuple[Spoken, list[Spoken]]:
    protocol = the_protocol()
    simulated = read_calendar(calendar, protocol) if calendar else None
    return spoken(power_document(read_power_results(worlds, protocol), protocol, simulated), language)


@pytest.fixture(scope="module")
def reports(worlds: list[Path], folder: Path) -> dict[str, tuple[Spoken, list[Spoken]]]:
    return {language: report(worlds, folder, language) for language in LANGUAGES}


def section(said: Spoken, name: str) -> Spoken:
    found: Spoken = next(one for part in said["parts"] for one in part["sections"] if one["id"] == name)
    return found


def words(said: Any) -> str:
    return "".join(run["text"] for run in runs_of(said))


def summary(said: Spoken) -> str:
    return prose({"sections": [section(said, "feasibility")]})


# ---------------------------------------------------------------- numbers


def test_both_languages_have_the_same_blocks_and_print_the_same_numbers(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    (english, english_numbers), (spanish, spanish_numbers) = (reports[language] for language in LANGUAGES)
    assert identifiers(english) == identifiers(spanish)
    assert english_numbers == spanish_numbers
    assert set(SECTIONS) <= set(identifiers(english))


def at(content: Any, pointer: str) -> Any:
    for step in pointer.strip("/").split("/"):
        content = content[int(step)] if isinstance(content, list) else content[step]
    return content


def test_every_number_of_the_calendar_leads_to_its_place(content: dict[str, Any], reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    undo = {"": 1.0, "times 100": 100.0, "of 100": 1.0, "of 100, bounded": 1.0}
    found = [one for one in reports["es"][1] if one["file"] == "calendar/calendar.json"]
    direct = [one for one in found if one.get("rule", "") in undo]
    for one in direct:
        assert one["value"] == pytest.approx(at(content, one["at"]) * undo[one.get("rule", "")], rel=1e-12), one["id"]
    assert len(direct) > 150
    rules = {one["rule"] for one in found if one not in direct}
    wilson = {f"{end} Wilson limit, times 100" for end in ("lower", "upper")}
    assert rules == {"the share in its name, of 100", "how many have grade D", "how many", *wilson}


def test_the_interval_of_a_probability_is_wilsons(content: dict[str, Any], reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    share = content["total_randomised_in_time"]["value"]
    assert 0.0 < share < 1.0
    expected = stats.binomtest(round(share * CALENDARS), CALENDARS).proportion_ci(0.95, method="wilson")
    values = {one["id"]: one["value"] for one in reports["en"][1]}
    for end, limit in (("low", expected.low), ("high", expected.high)):
        # scipy's normal quantile differs from ours, if at all, in the last bits.
        assert values[f"calendar_time.chances.total_randomised_in_time.interval.{end}"] == pytest.approx(100 * limit, rel=1e-9)


def test_the_summary_says_what_the_file_holds(content: dict[str, Any], reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    said = summary(reports["en"][0])
    full, done = (content[name]["value"] for name in ("total_randomised_in_time", "total_randomised_and_last_visit_in_time"))
    randomised = content["flow"]["randomised"]
    for text in (
        "The registry plans to end the study on 20 December 2026.",
        "So all 200 people must have entered by 1 November 2026.",
        f"In {100 * full:.0f} of 100 calendars everyone entered in time. In {100 * done:.0f} of 100 the last",
        f"about {randomised['median']:.0f} people had entered; in nine of ten calendars it was between {randomised['low']:.0f} and",
        "the pace is an assumption. We assumed that 4.2 people enter in a week",
        "we hold 0.3 to 4 plausible (grade C, section",
        f"at {content['pace']['needed_for']['90%']:.1f} people a week, 90 of 100 calendars have everyone in time",
        f"{100 * content['final_visits']['out_of_window']['value']:.0f} of 100 last measurements fall outside the days",
        "The answer does not change the verdict on the number of people.",
    ):
        assert text in said


def test_every_assumption_of_the_calendar_has_range_source_and_grade(
    content: dict[str, Any], reports: dict[str, tuple[Spoken, list[Spoken]]]
) -> None:
    said = section(reports["en"][0], "calendar_assumptions")
    rows = next(block for block in said["blocks"] if block["kind"] == "table")["rows"]
    assert len(rows) == len(content["assumptions"]) == len(POSSIBLE)
    pace = [words(cell) for cell in rows[0]]
    assert pace[1:4] == ["4.2", "0.3 to 4", "participants per open week"]
    assert re.fullmatch(r"\[\d+\], \[\d+\]", pace[4])
    assert pace[5] == "C"
    cited = {
        words(item["runs"]): item["term"]
        for item in next(b for b in section(reports["en"][0], "register")["blocks"] if b["kind"] == "facts")["items"]
    }
    assert {cited[source] for source in cited if "Geraghty" in source} >= set(pace[4].split(", "))
    assert [words(cell) for cell in rows[1]][4:] == ["none", "D"]
    assert "16 of 17 have no published source" in words(said)
    assert "22 December 2025 to 2 January 2026" in words(said)


# ---------------------------------------------------------------- apart from the verdict, and without a calendar


def test_the_calendar_changes_nothing_that_the_report_says_of_power(
    worlds: list[Path], reports: dict[str, tuple[Spoken, list[Spoken]]]
) -> None:
    without, numbers = report(worlds, None, "en")
    assert not set(SECTIONS) & set(identifiers(without))
    assert not [one for one in numbers if "calendar" in one["file"]]
    # The list of what the report cannot say is shorter by one with a calendar.
    before, after = (
        {one["id"]: one["value"] for one in found if not one["id"].startswith("cannot_say.")} for found in (numbers, reports["en"][1])
    )
    assert before.items() <= after.items()
    verdicts = [section(said, "study")["blocks"][1] for said in (without, reports["en"][0])]
    assert [verdict["kind"] for verdict in verdicts] == ["verdict", "verdict"]
    assert verdicts[0]["state"] == verdicts[1]["state"]
    assert [check["mark"] for check in verdicts[0]["checks"]] == [check["mark"] for check in verdicts[1]["checks"]]


def test_without_a_calendar_one_sentence_says_so(worlds: list[Path], reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    for language, sentence in {"en": "no calendar was simulated", "es": "no se simuló ningún calendario"}.items():
        without = report(worlds, None, language)[0]
        assert prose(without["parts"][0]).count(sentence) == 1
        assert sentence not in words(reports[language][0])


# ---------------------------------------------------------------- what the summary says in other cases


def changed(folder: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Copy the calendar's folder with another summary."""
    shutil.copytree(folder, target)
    path = target / "calendar.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    return target


def test_a_unit_that_is_never_in_time(worlds: list[Path], folder: Path, tmp_path: Path) -> None:
    def never(content: dict[str, Any]) -> None:
        for name in ("total_randomised_in_time", "total_randomised_and_last_visit_in_time"):
            content[name] = {"value": 0.0, "mcse": 0.0}
        content["total_reached_on"] = None
        content["pace"]["needed_for"] = {"50%": 4.24, "80%": 4.6, "90%": None}

    said = report(worlds, changed(folder, tmp_path / "calendar", never), "en")[0]
    assert f"In none of the {CALENDARS} calendars did everyone enter in time" in summary(said)
    assert "at 4.6 people a week, 80 of 100 calendars have everyone in time. Even the lowest" in summary(said)
    assert "more than the 4 that we hold plausible" in summary(said)
    assert "none would do" in words(section(said, "calendar_time"))
    # 0 of 40: Wilson's upper limit is z^2 / (n + z^2).
    assert "0.0 to 8.8" in words(section(said, "calendar_time"))


def test_a_unit_that_no_pace_would_help(worlds: list[Path], folder: Path, tmp_path: Path) -> None:
    def hopeless(content: dict[str, Any]) -> None:
        content["pace"] |= {"needed_on_average": None, "needed_for": {"50%": None, "80%": None, "90%": None}}

    for language, sentence in {"en": "However fast the clinic recruits", "es": "Por rápido que reclute la clínica"}.items():
        said = report(worlds, changed(folder, tmp_path / language, hopeless), language)[0]
        assert sentence in summary(said)


def test_a_unit_that_is_always_in_time_and_nobody_seen(worlds: list[Path], folder: Path, tmp_path: Path) -> None:
    def always(content: dict[str, Any]) -> None:
        for name in ("total_randomised_in_time", "total_randomised_and_last_visit_in_time"):
            content[name] = {"value": 1.0, "mcse": 0.0}
        content["flow"]["randomised"] |= {"median": 200.0, "low": 200.0, "high": 200.0}
        content["pace"]["needed_for"] = {"50%": 1.0, "80%": 1.1, "90%": 1.2}
        for name in content["final_visits"]:
            content["final_visits"][name] = {"value": None, "mcse": None}
        content["sessions"]["attendees"] |= {"median": None, "low": None, "high": None, "mean": {"value": None, "mcse": None}}

    said = summary(report(worlds, changed(folder, tmp_path / "calendar", always), "en")[0])
    assert "In 100 of 100 calendars everyone entered in time. In 100 of 100 the last" in said
    assert "had entered;" not in said
    assert "that we hold plausible." not in said
    assert "last measurements fall" not in said


def test_assumptions_that_the_power_results_do_not_know_are_shown_without_a_range(folder: Path, tmp_path: Path) -> None:
    said = report(write_worlds(tmp_path), folder, "en")[0]
    rows = next(block for block in section(said, "calendar_assumptions")["blocks"] if block["kind"] == "table")["rows"]
    assert [words(cell) for cell in rows[0]][1:] == ["4.2", "–", "–", "–", "–"]
    assert "plausible" not in summary(said)


def test_other_declarations_or_code_than_those_of_the_power_are_marked(worlds: list[Path], folder: Path, tmp_path: Path) -> None:
    mixed = {"calendar_time.mixed_inputs", "calendar_time.mixed_code"}
    assert mixed <= set(identifiers(report(worlds, folder, "en")[0]))
    power = json.loads((worlds[0] / "manifest.json").read_text(encoding="utf-8"))
    alike = changed(folder, tmp_path / "calendar", lambda content: None)
    manifest = json.loads((alike / "manifest.json").read_text(encoding="utf-8"))
    (alike / "manifest.json").write_text(json.dumps(manifest | {"inputs": power["inputs"], "code": power["code"]}), encoding="utf-8")
    assert not mixed & set(identifiers(report(worlds, alike, "en")[0]))


# ---------------------------------------------------------------- words and pages


def test_the_summary_reads_easily_and_holds_no_jargon(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    assert flesch(summary(reports["en"][0])) >= 60
    assert fernandez_huerta(summary(reports["es"][0])) >= 55
    for language in LANGUAGES:
        jargon = ("Monte Carlo", "median", "centil", "random", "aleator", "Poisson", "=")
        assert [word for word in jargon if word in summary(reports[language][0])] == []


def test_the_spanish_sections_have_no_english_left(reports: dict[str, tuple[Spoken, list[Spoken]]]) -> None:
    for name in SECTIONS:
        texts = [run["text"] for run in runs_of(section(reports["es"][0], name)) if not {"lang", "code"} & run.keys()]
        assert {word for text in texts for word in re.findall(r"[a-z]+", text.lower())} & set(ENGLISH_WORDS) <= {"error"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_calendar_adds_one_page_to_the_summary(reports: dict[str, tuple[Spoken, list[Spoken]]], language: str) -> None:
    from odisea.report.icons import MARKS, STATES

    parts = reports[language][0]["parts"]
    # Part II is reduced to the headings that the summary refers to.
    linked = {run["link"] for run in runs_of(parts[0]) if "link" in run}
    rest = [parts[1] | {"sections": [one | {"blocks": []} for one in parts[1]["sections"] if one["id"] in linked]}]
    data = json.dumps({**reports[language][0], "parts": [parts[0], *rest], "icons": {**MARKS, **STATES}})
    pages = typst.Compiler(TEMPLATE.read_bytes(), ignore_system_fonts=True, sys_inputs={"data": data}).compile(format="svg")
    assert isinstance(pages, list)
    assert len(pages) == 3 + 1  # three of Part I; headings of Part II


def test_the_fan_and_the_flow_have_a_text_that_stands_for_them(
    content: dict[str, Any], reports: dict[str, tuple[Spoken, list[Spoken]]]
) -> None:
    last = content["accrual"][-1]
    for language, told in {
        "en": "By 1 November 2026, {q50:.0f} ({q05:.0f} to ",
        "es": "Al 1 de noviembre de 2026, {q50:.0f} (de {q05:.0f} a ",
    }.items():
        figures = {
            block["id"]: block for name in SECTIONS for block in section(reports[language][0], name)["blocks"] if block["kind"] == "figure"
        }
        assert set(figures) == {"feasibility.accrual", "calendar_flow.drawing"}
        assert told.format(**last) in figures["feasibility.accrual"]["alt"]
        assert len(figures["calendar_flow.drawing"]["alt"]) > 60
        assert all("<svg" in figure["svg"] for figure in figures.values())


# ---------------------------------------------------------------- the door


def test_the_command_writes_both_forms_with_the_calendar(worlds: list[Path], folder: Path, tmp_path: Path) -> None:
    protocol = ROOT / "protocol" / "nct07248813.yaml"
    records = []
    for target in (tmp_path / "power_report.es.html", tmp_path / "power_report.en.pdf"):
        succeed("report", "power", *worlds, "--calendar", folder, "--protocol", protocol, "--lang", target.suffixes[0][1:], "-o", target)
        records.append(json.loads(target.with_suffix(".numbers.json").read_text(encoding="utf-8")))
    assert records[0] == records[1]
    assert any(one["file"] == "calendar/calendar.json" for one in records[0]["numbers"])
    assert "¿Puede una clínica reunir a tiempo a estas personas?" in (tmp_path / "power_report.es.html").read_text(encoding="utf-8")


def test_a_calendar_for_another_report_is_refused(folder: Path, tmp_path: Path) -> None:
    protocol = ROOT / "protocol" / "nct07248813.yaml"
    said = run_odisea("report", "check", tmp_path, "--calendar", folder, "--protocol", protocol, "-o", tmp_path / "out.html")
    assert said.code == 1
    assert said.messages[0].startswith("odisea: --calendar: it was given for the check report")


@pytest.mark.parametrize("name", ["calendar.json", "manifest.json"])
def test_a_missing_file_is_named_with_those_of_the_power(worlds: list[Path], folder: Path, tmp_path: Path, name: str) -> None:
    copy = changed(folder, tmp_path / "calendar", lambda content: None)
    (copy / name).unlink()
    power = shutil.copytree(worlds[0], tmp_path / "world")
    (power / "performance.csv").unlink()
    with pytest.raises(DataError) as caught:
        write_power_report([power], the_protocol(), "en", tmp_path / "report.html", copy)
    assert [Path(problem.where).name for problem in caught.value.problems] == ["performance.csv", name]
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.update(trial="nct00000000"), "the calendar is of trial nct00000000"),
        (lambda content: content.update(accrual=[]), "there is no week"),
        (lambda content: content["pace"].pop("needed_for"), "/pace/needed_for: Field required"),
        (lambda content: content["pace"].update(needed_for={}), "/pace/needed_for"),
        (lambda content: content["flow"]["arms"].pop("comparison"), "/flow/arms/comparison"),
    ],
)
def test_a_broken_summary_is_a_clear_message(folder: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str) -> None:
    with pytest.raises(DataError, match=re.escape(said)):
        read_calendar(changed(folder, tmp_path / "calendar", change), the_protocol())
