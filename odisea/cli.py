"""The command line: thin, one function per command. Data go to files, messages to stderr.

Exit code 0: done. 1: something that the user can mend, said in one clear message per fault. 2: wrong usage.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from odisea.errors import OdiseaError, Problem

if TYPE_CHECKING:
    from odisea.performance.power import Study
    from odisea.simulate.assumptions import Scenario

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="ODISEA: simulate a trial from its protocol, and run the same analysis on the real data.",
)

ProtocolPath = Annotated[Path, typer.Argument(metavar="PROTOCOL", help="The trial's YAML file.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where the results go.")]
AssumptionsOption = Annotated[
    Path | None, typer.Option("--assumptions", help="Assumptions; default: simulate/ beside the protocol's folder.")
]
ScenariosOption = Annotated[Path | None, typer.Option("--scenarios", help="Scenarios; default: simulate/ beside the protocol's folder.")]
StoreOption = Annotated[Path, typer.Option("--store", help="Keeps calibrations and finished batches.")]
WIDE = 160  # characters of a table that goes to a file
LARGEST_KEY = 2**63 - 1  # seeds and numbers of replicates are 64-bit
SeedOption = Annotated[
    int | None, typer.Option("--seed", min=0, max=LARGEST_KEY, help="Key of the random numbers; default: the scenario file's.")
]


class Language(StrEnum):
    """Languages of findings and reports."""

    en = "en"
    es = "es"


class ReportKind(StrEnum):
    """Reports that can be written."""

    power = "power"
    check = "check"
    trial = "trial"


class RuleFormat(StrEnum):
    """How the catalogue is printed."""

    table = "table"
    json = "json"


class ExportForm(StrEnum):
    """What a protocol can be exported as."""

    usdm = "usdm"
    redcap = "redcap"


class FailOn(StrEnum):
    """Which open findings make a check fail."""

    never = "never"
    error = "error"
    warning = "warning"

    @property
    def severities(self) -> tuple[str, ...]:
        """The severities that count."""
        return {"never": (), "error": ("error",), "warning": ("error", "warning")}[self.value]


def example(text: str) -> str:
    """Return the last lines of a command's help."""
    return f"Example: {text}"


@app.command(epilog=example("odisea check protocol/nct07248813.yaml --lang es -o results/nct07248813/check"))
def check(
    protocol: ProtocolPath,
    output: Output,
    registry: Annotated[Path | None, typer.Option("--registry", help="Registry record; default: registry/TRIAL.json beside it.")] = None,
    waivers: Annotated[Path | None, typer.Option("--waivers", help="Accepted findings; default: NAME.waivers.yaml beside it.")] = None,
    lang: Annotated[Language, typer.Option("--lang", help="Language of the HTML report, of SARIF and of JUnit.")] = Language.en,
    fix: Annotated[bool, typer.Option("--fix", help="Write a copy with the suggested changes to OUTPUT/fixed.")] = False,
    fail_on: Annotated[FailOn, typer.Option("--fail-on", help="Exit with 1 where findings of this severity are open.")] = FailOn.never,
) -> None:
    """Check a protocol: gaps, contradictions, claims that do not add up, drift from the registry record, checklists.

    Writes findings.json, rules.json, claims.json, drift.json, checklists.json, findings.sarif, junit.xml and check_report.LANG.html.
    """
    from odisea.check import read_given, write_check, write_fixed
    from odisea.protocol.load import load_located_protocol
    from odisea.protocol.rules.check import check as run_rules
    from odisea.provenance import typed_command

    located = load_located_protocol(protocol)
    given = read_given(located, registry, waivers)
    checked = run_rules(located, given.given)
    mended = write_fixed(checked, output / "fixed") if fix else None
    write_check(checked, given, output, lang.value, typed_command())
    if mended:
        counted = f"{len(mended.applied)} suggestions applied, {len(mended.waiting)} need an answer first, {len(mended.left)} left"
        say(f"{counted} -> {output / 'fixed'}")
    counts = ", ".join(f"{severity} {count}" for severity, count in checked.counts.items())
    say(f"{located.value.trial}: {counts} -> {output / 'findings.json'}")
    if any(checked.counts[severity] for severity in fail_on.severities):
        raise typer.Exit(1)


@app.command(epilog=example("odisea rules --lang es"))
def rules(
    lang: Annotated[Language, typer.Option("--lang", help="Language of the table.")] = Language.en,
    form: Annotated[RuleFormat, typer.Option("--format", help="A table to read, or everything as JSON.")] = RuleFormat.table,
) -> None:
    """List the rule catalogue of `odisea check`."""
    from odisea.check import rule_table
    from odisea.protocol.rules.catalogue import RULES
    from odisea.protocol.rules.listing import catalogue

    if form is RuleFormat.json:
        print(json.dumps(catalogue(RULES), indent=1, ensure_ascii=False))
    else:
        Console(width=None if sys.stdout.isatty() else WIDE).print(rule_table(catalogue(RULES), lang.value))


@app.command(epilog=example("odisea new record.json -o protocol/my_trial.yaml"))
def new(
    registry: Annotated[Path, typer.Argument(metavar="REGISTRY", help="A record of ClinicalTrials.gov (API v2, JSON).")],
    output: Output,
) -> None:
    """Scaffold a protocol from a registry record: what it states is stated, everything else is a gap to answer."""
    from odisea.protocol.registry.scaffold import write_scaffold

    write_scaffold(registry, output)
    say(f"{output}")


@app.command(epilog=example("odisea export redcap protocol/nct07248813.yaml --lang es -o redcap_dictionary.csv"))
def export(
    form: Annotated[ExportForm, typer.Argument(help="CDISC USDM v4 (JSON) or a REDCap data dictionary (CSV).")],
    protocol: ProtocolPath,
    output: Output,
    lang: Annotated[Language, typer.Option("--lang", help="Language of REDCap's labels.")] = Language.es,
) -> None:
    """Export the design as CDISC USDM v4, or the data contract as a REDCap data dictionary.

    Beside it goes what the form cannot hold: NAME.statistics.json with USDM, NAME.setup.csv with REDCap.
    """
    from odisea.protocol.exports.write import write_redcap, write_usdm
    from odisea.protocol.load import load_protocol

    loaded = load_protocol(protocol)
    written = write_usdm(output, loaded) if form is ExportForm.usdm else write_redcap(output, loaded, lang.value)
    for path in written:
        say(f"{path}")


@app.command(epilog=example("odisea simulate protocol/nct07248813.yaml --scenario registered --replicate 7 -o rehearsal"))
def simulate(
    protocol: ProtocolPath,
    output: Output,
    scenario: Annotated[str, typer.Option("--scenario", help="A scenario of the scenario file.")] = "registered",
    replicate: Annotated[int, typer.Option("--replicate", min=0, max=LARGEST_KEY, help="Which simulated trial.")] = 0,
    seed: SeedOption = None,
    assumptions: AssumptionsOption = None,
    scenarios: ScenariosOption = None,
    store: StoreOption = Path("results"),
) -> None:
    """Simulate one trial: write OUTPUT/export and OUTPUT/restricted/allocation.csv."""
    from odisea.performance.power import prepare
    from odisea.simulate.write_trial import write_trial

    study = read_study(protocol, assumptions, scenarios)
    key = study.scenarios.monte_carlo.seed if seed is None else seed
    with working("calibrating"):
        run = prepare(study, resolved(study, scenario), key, store, workers())
    job = run.job
    write_trial(output, study.protocol, study.inputs, run.scenario, job.mechanism, job.participants, (key, replicate))
    say(f"replicate {replicate} of scenario {scenario} -> {output / 'export'}")


@app.command(
    epilog=example(
        "odisea power protocol/nct07248813.yaml --scenario registered --replicates 10000 -o results/nct07248813/power/registered"
    )
)
def power(
    protocol: ProtocolPath,
    output: Output,
    scenario: Annotated[list[str] | None, typer.Option("--scenario", help="Repeat for several; default: all required ones.")] = None,
    replicates: Annotated[int | None, typer.Option("--replicates", min=2, help="Simulated trials; default: the scenario file's.")] = None,
    seed: SeedOption = None,
    threads: Annotated[int | None, typer.Option("--workers", min=1, help="Threads; no number depends on them.")] = None,
    assumptions: AssumptionsOption = None,
    scenarios: ScenariosOption = None,
    store: StoreOption = Path("results"),
) -> None:
    """Simulate many trials and report the operating characteristics of every planned analysis.

    With one scenario the files go to OUTPUT, with several to OUTPUT/SCENARIO.
    """
    from odisea.performance.power import chosen_scenarios, prepare, write_power
    from odisea.performance.power import replicate as run_replicates
    from odisea.provenance import typed_command

    study = read_study(protocol, assumptions, scenarios)
    names = chosen_scenarios(study, tuple(scenario or ()))
    chosen = [resolved(study, name) for name in names]
    key = study.scenarios.monte_carlo.seed if seed is None else seed
    for one in chosen:
        count = replicates or study.scenarios.scenarios[one.id].replicates or study.scenarios.monte_carlo.replicates
        with working(f"{one.id}: calibrating"):
            run = prepare(study, one, key, store, threads or workers())
        with counting(one.id, count) as advance:
            results = run_replicates(run, count, store, threads or workers(), advance)
        folder = output if len(chosen) == 1 else output / one.id
        write_power(study, run, results, folder, typed_command())
        say(f"{one.id}: {count} replicates -> {folder}")


@app.command(epilog=example("odisea ingest protocol/examples/ashar_prt/mapping.yaml RAW_FOLDER -o data/ashar/export"))
def ingest(
    mapping: Annotated[Path, typer.Argument(metavar="MAPPING", help="How the site's files become the export folder.")],
    raw: Annotated[Path, typer.Argument(metavar="RAW_DIR", help="The site's files.")],
    output: Output,
) -> None:
    """Turn a site's raw files into an export folder; the allocation goes to OUTPUT/../restricted."""
    from odisea.data.ingest import write_ingested

    manifest = write_ingested(mapping, raw, output)
    rows = manifest.files["participants.csv"].rows
    say(f"{manifest.trial}: {rows} participants -> {output}")


@app.command(
    epilog=example(
        "odisea analyse protocol/nct07248813.yaml rehearsal/export --allocation rehearsal/restricted/allocation.csv -o rehearsal/analysis"
    )
)
def analyse(
    protocol: ProtocolPath,
    export: Annotated[Path, typer.Argument(metavar="EXPORT_DIR", help="The export folder.")],
    output: Output,
    allocation: Annotated[Path | None, typer.Option("--allocation", help="The allocation file.")] = None,
    blind: Annotated[bool, typer.Option("--blind", help="Without the allocation: participant flow and baseline table only.")] = False,
) -> None:
    """Run every planned analysis on an export folder; the primary results are computed twice."""
    if blind == (allocation is not None):
        raise OdiseaError(
            Problem(
                "odisea analyse",
                "the arms are neither given nor waived" if not blind else "both were given",
                "",
                "Give --allocation FILE or --blind",
            )
        )
    from odisea.analyse.results import analysis_results
    from odisea.data.read_export import read_export
    from odisea.protocol.load import load_located_protocol
    from odisea.provenance import manifest, typed_command, write_json

    located = load_located_protocol(protocol)
    loaded = located.value
    data = read_export(export, loaded, allocation)
    outputs = [write_json(output / name, content) for name, content in analysis_results(data, loaded).items()]
    files = sorted(path for path in export.rglob("*") if path.is_file())
    inputs = [*located.files, *files, *([allocation] if allocation else [])]
    details = {"trial": loaded.trial, "origin": data.origin, "changed_files": list(data.changed_files)}
    write_json(output / "manifest.json", manifest(typed_command(), inputs, outputs, details))
    say(f"{loaded.trial}: {len(data.participants)} randomised participants -> {output}")


@app.command(
    epilog=example("odisea report power results/nct07248813/power/* --protocol protocol/nct07248813.yaml --lang es -o power_report.es.pdf")
)
def report(
    kind: Annotated[ReportKind, typer.Argument(help="Which report.")],
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR ...", help="Result folders: scenarios of a power run, or one analysis folder.")
    ],
    output: Output,
    protocol: Annotated[Path, typer.Option("--protocol", help="The trial's YAML file.")] = Path("protocol/nct07248813.yaml"),
    lang: Annotated[Language, typer.Option("--lang", help="Language.")] = Language.en,
) -> None:
    """Write a report; the suffix of OUTPUT (.pdf or .html) says in which form."""
    from odisea.protocol.load import load_protocol
    from odisea.report import write_check_report, write_power_report, write_trial_report

    loaded = load_protocol(protocol)
    if kind is ReportKind.power:
        write_power_report(folders, loaded, lang.value, output)
    else:
        if len(folders) != 1:
            needed = "one analysis folder is needed" if kind is ReportKind.trial else "one folder of odisea check is needed"
            raise OdiseaError(Problem(f"odisea report {kind.value}", f"{len(folders)} folders were given", needed))
        write = write_trial_report if kind is ReportKind.trial else write_check_report
        write(folders[0], loaded, lang.value, output)
    say(f"{output}")


@app.command(epilog=example("odisea bench --quick -o results/bench"))
def bench(
    output: Output,
    quick: Annotated[bool, typer.Option("--quick", help="Seconds instead of minutes.")] = False,
    protocol: Annotated[Path, typer.Option("--protocol", help="The trial's YAML file.")] = Path("protocol/nct07248813.yaml"),
) -> None:
    """Time the replicate loop next to the same work in statsmodels, in one run, as bench.json."""
    from odisea.performance.bench import write_bench

    study = read_study(protocol, None, None)
    say(write_bench(study, resolved(study, "registered"), Path("results"), output, quick))


@app.command(epilog=example("odisea schema -o protocol/schema"))
def schema(output: Output) -> None:
    """Write the JSON Schemas that editors check the YAML files with."""
    from odisea.data.mapping import SiteMapping
    from odisea.protocol.schema import DECLARATIONS, write_schemas
    from odisea.simulate.assumptions import Assumptions, Scenarios

    for path in write_schemas(output, (*DECLARATIONS, SiteMapping, Assumptions, Scenarios)):
        say(f"{path}")


def read_study(protocol: Path, assumptions: Path | None, scenarios: Path | None) -> "Study":
    """Read a protocol with its assumptions and scenarios.

    Raises
    ------
    ProtocolError
        A file is missing, cannot be read, or is of another trial.
    """
    from odisea.performance.power import Study
    from odisea.protocol.load import load_located_protocol, load_yaml
    from odisea.simulate.assumptions import Assumptions, Scenarios, check_same_trial

    folder = Path(os.path.relpath(protocol.resolve().parent.parent / "simulate"))
    assumptions_path = assumptions or folder / "assumptions.yaml"
    scenarios_path = scenarios or folder / "scenarios.yaml"
    located = load_located_protocol(protocol)
    loaded = located.value
    assumed = load_yaml(assumptions_path, Assumptions)
    named = load_yaml(scenarios_path, Scenarios)
    check_same_trial(assumed.trial, loaded.trial, str(assumptions_path))
    check_same_trial(named.trial, loaded.trial, str(scenarios_path))
    return Study(loaded, located.files, assumed, assumptions_path, named, scenarios_path)


def resolved(study: "Study", scenario: str) -> "Scenario":
    """Return a scenario of a study with all its values."""
    from odisea.simulate.assumptions import resolve

    return resolve(study.assumptions, study.scenarios, scenario, str(study.scenarios_path))


def workers() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def say(message: str) -> None:
    """Print a message to stderr."""
    print(message, file=sys.stderr)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is going on, on a terminal only."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal; yields a function that is told how much more is done."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)


def main() -> None:
    """Run the command line; print what a user can mend without a traceback."""
    try:
        app()
    except OdiseaError as error:
        for problem in error.problems:
            say(f"odisea: {problem}")
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        say(f"odisea: {error.filename}: {error.strerror}")
        sys.exit(1)


if __name__ == "__main__":
    main()
