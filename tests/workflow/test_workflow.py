"""The designer's door: rules that are one command each, one corridor for simulated and real trials, a second run that does nothing."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
import yaml

from odisea.performance.power import Study
from tests.conftest import ROOT
from tests.worlds import changed, prepared

TRIAL = "nct07248813"
RESULTS = f"results/{TRIAL}"
RULE_FILES = (ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk")))
DECLARED = ("Snakefile", "workflow", "profiles", "protocol", "simulate")
REPLICATES = 50


# ---------------------------------------------------------------- the text of the rules


class Rule(NamedTuple):
    """A rule as it is written."""

    name: str
    heir_of: str | None
    sections: dict[str, str]


def rules() -> list[Rule]:
    """Every rule of the workflow, in the order of the files."""
    found = []
    for path in RULE_FILES:
        text = path.read_text(encoding="utf-8")
        for head, body in re.findall(r"^((?:use )?rule [^\n]*):\n((?:    .*\n|\n)+)", text, flags=re.MULTILINE):
            sections = dict(re.findall(r"^    (\w+):(.*(?:\n(?:        .*)?)*)", body, flags=re.MULTILINE))
            plain = re.fullmatch(r"rule (\w+)", head)
            heir = re.fullmatch(r"use rule (\w+) as (\w+) with", head)
            assert plain or heir, head
            found.append(Rule(heir[2], heir[1], sections) if heir else Rule(plain[1] if plain else "", None, sections))
    return found


WORKING = [rule for rule in rules() if rule.name not in ("all", "trial")]


def test_the_rules_are_found() -> None:
    assert {rule.name for rule in WORKING} >= {"check", "power", "calendar", "simulate", "analyse", "trial_report", "power_report"}
    written = "".join(path.read_text(encoding="utf-8") for path in RULE_FILES)
    assert len(rules()) == len(re.findall(r"^\s*(?:use )?(?:rule|checkpoint)\b", written, flags=re.MULTILINE))


@pytest.mark.parametrize("rule", WORKING, ids=lambda rule: rule.name)
def test_every_rule_has_a_log_and_is_one_command(rule: Rule) -> None:
    assert "log" in rule.sections
    if rule.heir_of:
        assert rule.heir_of in {other.name for other in WORKING}
        assert not {"shell", "script", "notebook", "wrapper"} & set(rule.sections), "an heir does what its ancestor does"
        return
    shell = "".join(re.findall(r'"([^"]*)"', rule.sections["shell"]))
    assert re.fullmatch(r"odisea \w+ [^;&|`$]* 2> \{log\}", shell), shell


def test_the_rules_hold_no_program() -> None:
    for path in RULE_FILES:
        text = path.read_text(encoding="utf-8")
        forbidden = re.findall(r"^\s*(?:run|script|notebook|wrapper):|\blambda\b|^\s*def \w+", text, flags=re.MULTILINE)
        assert not forbidden, (path.name, forbidden)


# ---------------------------------------------------------------- snakemake at work


def snakemake(folder: Path, *words: str) -> str:
    """Run snakemake in a folder and return what it says; it must succeed."""
    scripts = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [scripts / "snakemake", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def declared(folder: Path, required: dict[str, int]) -> Path:
    """Copy the workflow and the declarations, requiring few scenarios with few replicates."""
    for name in DECLARED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy(source, folder / name)
    path = folder / "simulate" / "scenarios.yaml"
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, spec in content["scenarios"].items():
        spec["required"] = name in required
        spec["replicates"] = required.get(name, REPLICATES)
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return folder


class Planned(NamedTuple):
    """A job that snakemake would run."""

    rule: str
    inputs: frozenset[str]
    outputs: frozenset[str]
    command: str


def planned(said: str) -> list[Planned]:
    """The jobs of a dry run that run a command."""
    jobs = []
    for block in re.split(r"\n(?=(?:local)?rule )", said)[1:]:
        name = block.partition(":")[0].split()[-1]
        fields = dict(re.findall(r"^    (\w+): (.*)$", block, flags=re.MULTILINE))
        command = re.search(r"^Shell command: (.*)$", block, flags=re.MULTILINE)
        if command and command[1] != "None":
            jobs.append(
                Planned(name, frozenset(fields.get("input", "").split(", ")), frozenset(fields.get("output", "").split(", ")), command[1])
            )
    return jobs


def arrows(jobs: list[Planned]) -> set[tuple[str, str]]:
    """Which rule feeds which."""
    return {(giver.rule, taker.rule) for giver in jobs for taker in jobs if giver.outputs & taker.inputs}


def test_below_the_export_folder_rehearsal_and_real_trial_are_the_same(tmp_path: Path) -> None:
    folder = declared(tmp_path, {"textbook": REPLICATES})
    (folder / "site" / "export").mkdir(parents=True)
    (folder / "site" / "restricted").mkdir()
    (folder / "site" / "export" / "export_manifest.json").touch()
    (folder / "site" / "restricted" / "allocation.csv").touch()
    reports = [f"{RESULTS}/rehearsal/report/trial_report.{language}.html" for language in ("es", "en")]
    rehearsal = planned(snakemake(folder, "--dry-run", "--forceall", *reports))
    real = planned(snakemake(folder, "--dry-run", "--forceall", "trial", "--config", "data=site/export"))

    assert {job.rule for job in rehearsal} == {"simulate", "analyse", "trial_report"}
    corridor = [job for job in rehearsal if job.rule != "simulate"]
    assert {(f"{giver}_trial", f"{taker}_trial") for giver, taker in arrows(corridor)} == arrows(real) != set()

    def at_one_place(command: str) -> str:
        for place in (f"{RESULTS}/rehearsal/export", "site/export"):
            command = command.replace(place, "EXPORT")
        for place in (f"{RESULTS}/rehearsal/restricted", "site/restricted"):
            command = command.replace(place, "RESTRICTED")
        return re.sub(rf"{RESULTS}/(rehearsal|trial)/", "RESULTS/", command)

    assert sorted(at_one_place(job.command) for job in corridor) == sorted(at_one_place(job.command) for job in real)
    assert any("odisea analyse protocol/" in job.command and " site/export " in job.command for job in real)


def test_the_power_report_is_fed_with_the_calendar(tmp_path: Path) -> None:
    folder = declared(tmp_path, {"textbook": REPLICATES})
    reports = [f"{RESULTS}/report/power_report.{language}.pdf" for language in ("es", "en")]
    jobs = planned(snakemake(folder, "--dry-run", "--forceall", *reports))
    assert arrows(jobs) == {("power", "power_report"), ("calendar", "power_report")}
    calendar = next(job for job in jobs if job.rule == "calendar")
    assert calendar.outputs == {
        f"{RESULTS}/calendar/{name}" for name in ("calendar.json", "calendar.csv", "calendars.csv", "manifest.json")
    }
    assert {"simulate/assumptions.yaml", "simulate/scenarios.yaml", "protocol/instruments/odi.yaml"} <= calendar.inputs
    assert all(f" --calendar {RESULTS}/calendar " in job.command for job in jobs if job.rule == "power_report")


def changes(folder: Path) -> dict[str, int]:
    """Every result with the time of its last change."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in sorted((folder / "results").rglob("*")) if path.is_file()
    }


@pytest.fixture(scope="module")
def calibrations(study: Study, store: Path) -> Path:
    """The folder with the calibration of the rehearsal's scenario."""
    prepared(study, changed(study, "registered"), store)
    return store / TRIAL / "scenarios"


def test_a_small_journey_and_a_second_one_that_does_nothing(tmp_path: Path, calibrations: Path) -> None:
    folder = declared(tmp_path, {"textbook": REPLICATES})
    shutil.copytree(calibrations, folder / RESULTS / "scenarios")
    targets = (
        f"{RESULTS}/check/findings.json",
        f"{RESULTS}/power/textbook/performance.csv",
        f"{RESULTS}/rehearsal/analysis/estimates.json",
    )
    first = snakemake(folder, *targets)
    measures = pd.read_csv(folder / targets[1])
    assert set(measures.scenario) == {"textbook"}
    assert (measures[measures.measure == "power"].n_replicates == REPLICATES).all()
    for step in ("check", "power/textbook", "rehearsal/analysis"):
        assert (folder / RESULTS / step / "manifest.json").is_file(), first
    for log in ("check/check.log", "power/textbook/power.log", "rehearsal/simulate.log", "rehearsal/analyse.log"):
        assert len((folder / RESULTS / log).read_text(encoding="utf-8").splitlines()) == 1, "a command says in one line what it did"

    before = changes(folder)
    assert "Nothing to be done" in snakemake(folder, *targets)
    assert changes(folder) == before

    # A file that the protocol names is part of it: every step of it is due again.
    with (folder / "protocol" / "instruments" / "odi.yaml").open("a", encoding="utf-8") as stream:
        stream.write("# changed\n")
    assert {job.rule for job in planned(snakemake(folder, "--dry-run", *targets))} == {"check", "power", "simulate", "analyse"}


def test_a_real_trial_is_analysed_again_when_a_file_of_it_changed(tmp_path: Path) -> None:
    folder = declared(tmp_path, {"textbook": REPLICATES})
    (folder / "site" / "export").mkdir(parents=True)
    (folder / "site" / "restricted").mkdir()
    files = ("export/export_manifest.json", "export/odi.csv", "restricted/allocation.csv")
    for name in files:
        (folder / "site" / name).touch()
    words = ("trial", "--config", "data=site/export")
    outputs = [folder / output for job in planned(snakemake(folder, "--dry-run", *words)) for output in job.outputs]
    for output in outputs:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.touch()
    assert "Nothing to be done" in snakemake(folder, "--dry-run", *words)
    for name in files:
        later = outputs[0].stat().st_mtime + 10
        os.utime(folder / "site" / name, (later, later))
        assert "analyse_trial" in {job.rule for job in planned(snakemake(folder, "--dry-run", *words))}, name
        os.utime(folder / "site" / name, (0, 0))


@pytest.mark.full
def test_the_whole_journey_with_few_replicates(tmp_path: Path, study: Study) -> None:
    required = {name: REPLICATES for name, spec in study.scenarios.scenarios.items() if spec.required}
    folder = declared(tmp_path, required)
    snakemake(folder)
    for language in ("es", "en"):
        for report in ("report/power_report.{}.pdf", "report/power_report.{}.html", "rehearsal/report/trial_report.{}.html"):
            assert (folder / RESULTS / report.format(language)).stat().st_size > 1000
        record = json.loads((folder / RESULTS / f"report/power_report.{language}.numbers.json").read_text(encoding="utf-8"))
        assert "calendar/calendar.json" in {one["file"] for one in record["numbers"]}
    before = changes(folder)
    assert "Nothing to be done" in snakemake(folder)
    # The real entrance, fed with the rehearsal's own files, gives the rehearsal's numbers.
    snakemake(folder, "trial", "--config", f"data={RESULTS}/rehearsal/export")
    after = changes(folder)
    assert {name: after[name] for name in before} == before
    real, rehearsed = ((folder / RESULTS / place / "analysis" / "estimates.json").read_bytes() for place in ("trial", "rehearsal"))
    assert real == rehearsed
