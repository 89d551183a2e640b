"""The command line: thin, one function per command. Data go to files, messages to stderr.

Exit code 0: done. 1: something that the user can mend, said in one clear message per fault. 2: wrong usage.
"""

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

# The matrices here are small: threads of the linear algebra library only wait for each other. It reads this when it is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

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
VariantOption = Annotated[
    str | None, typer.Option("--variant", metavar="NAME", help="A design variant: variants/NAME.yaml beside the protocol; default: none.")
]
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


class DossierPage(StrEnum):
    """Pages of the dossier."""

    all = "all"
    simulator = "simulator"
    missing_outcomes = "missing_outcomes"


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


@app.command(epilog=example("odisea randomise protocol/nct07248813.yaml --plan plan.yaml --custodian age1... -o allocation"))
def randomise(
    protocol: Annotated[Path | None, typer.Argument(metavar="PROTOCOL", help="The trial's YAML file.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The allocation folder.")] = None,
    plan: Annotated[Path | None, typer.Option("--plan", metavar="FILE", help="Set up: the restricted randomisation plan.")] = None,
    custodian: Annotated[
        list[str] | None, typer.Option("--custodian", metavar="AGE1...", help="Set up: who can open everything; repeat for several.")
    ] = None,
    stratum: Annotated[
        str | None, typer.Option("--next", metavar="STRATUM", help="Allocate one participant: factor=level,factor=level or all.")
    ] = None,
    participant: Annotated[str | None, typer.Option("--participant", metavar="ID", help="With --next: the pseudonym.")] = None,
    identity: Annotated[
        Path | None, typer.Option("--identity", metavar="KEYFILE", help="With --next or --verify: the custodian's age identity file.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who does it, for the log; default: the account's name.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check an allocation folder; with --identity all contents too.")] = False,
    expect: Annotated[
        list[str] | None, typer.Option("--expect", metavar="HASH", help="With --verify: a hash noted earlier; repeat for several.")
    ] = None,
    new_key: Annotated[Path | None, typer.Option("--new-key", metavar="FILE", help="Write an age identity; print its recipient.")] = None,
) -> None:
    """Draw a sealed allocation list for a real site, or set up an allocation on demand; allocate one participant; verify.

    One of --plan, --next, --verify and --new-key says what is done. OUTPUT/public and OUTPUT/log.jsonl hold no arm, OUTPUT/sealed
    opens with the custodian's key alone, OUTPUT/restricted holds the arms of those who are allocated.
    """
    from odisea.allocation.actions import check_options, check_signature
    from odisea.allocation.allocate_next import Request, write_next
    from odisea.allocation.sealing import write_identity
    from odisea.allocation.set_up import write_set_up
    from odisea.allocation.site_plan import SitePlan
    from odisea.allocation.verify import read_verified
    from odisea.protocol.load import load_located, load_located_protocol

    named: dict[str, object] = {"PROTOCOL": protocol, "-o": output, "--plan": plan, "--custodian": custodian, "--next": stratum}
    named |= {"--participant": participant, "--identity": identity, "--by": by, "--verify": verify or None, "--expect": expect}
    named |= {"--new-key": new_key}
    check_options({name for name, value in named.items() if value is not None})
    who, when = user_name() if by is None else by, datetime.now().astimezone().isoformat(timespec="seconds")
    check_signature(who)
    messages: tuple[str, ...] = ()
    if new_key is not None:
        print(write_identity(new_key, when))
    elif protocol is not None and output is not None and plan is not None:
        site = load_located(plan, SitePlan)
        with working("drawing"):
            prepared = write_set_up(output, load_located_protocol(protocol), site, custodian or (), who, when)
        messages = (*prepared.messages, f"{output}")
    elif protocol is not None and output is not None and stratum is not None and participant is not None and identity is not None:
        with working("allocating"):
            drawn = write_next(output, load_located_protocol(protocol), Request(stratum, participant, who, when), identity)
        print(f"{participant}: number {drawn.number}, arm {drawn.arm}")
        messages = drawn.messages
    elif protocol is not None and output is not None:
        with working("verifying"):
            messages = read_verified(output, load_located_protocol(protocol), identity, expect or ()).messages
    for message in messages:
        say(message)


@app.command(epilog=example("odisea simulate protocol/nct07248813.yaml --scenario registered --replicate 7 -o rehearsal"))
def simulate(
    protocol: ProtocolPath,
    output: Output,
    scenario: Annotated[str, typer.Option("--scenario", help="A scenario of the scenario file.")] = "registered",
    replicate: Annotated[int, typer.Option("--replicate", min=0, max=LARGEST_KEY, help="Which simulated trial.")] = 0,
    seed: SeedOption = None,
    assumptions: AssumptionsOption = None,
    scenarios: ScenariosOption = None,
    variant: VariantOption = None,
    store: StoreOption = Path("results"),
    describe: Annotated[
        bool, typer.Option("--describe", help="Describe the people as well: describe.json, a page, and the same on the terminal.")
    ] = False,
    lang: Annotated[Language, typer.Option("--lang", help="With --describe: the language.")] = Language.en,
) -> None:
    """Simulate one trial: write OUTPUT/export and, in OUTPUT/restricted, allocation, crosswalk, blocks and truth.

    With --describe also OUTPUT/describe.json and OUTPUT/describe.LANG.html: this trial's people, and what such trials show.
    """
    from odisea.performance.power import prepare
    from odisea.report.cohort import print_cohort, write_cohort_page
    from odisea.simulate.describe import write_description
    from odisea.simulate.write_trial import write_trial

    study = read_study(protocol, assumptions, scenarios, variant)
    key = study.scenarios.monte_carlo.seed if seed is None else seed
    with working("calibrating"):
        run = prepare(study, resolved(study, scenario), key, store, workers())
    job = run.job
    write_trial(output, study.protocol, study.inputs, run.scenario, job.mechanism, job.participants, (key, replicate))
    say(f"replicate {replicate} of scenario {scenario} -> {output / 'export'}")
    if describe:
        calibrated = (run.calibration, run.calibration_digest)
        told = (study.protocol, study.inputs, study.assumptions, run.scenario)
        with working("describing"):
            write_description(output, *told, calibrated, job.participants, (key, replicate))
            page = write_cohort_page(output, study.protocol, lang.value)
        print_cohort(output, study.protocol, lang.value, Console(width=None if sys.stdout.isatty() else WIDE))
        say(f"{page}")


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
    per_trial: Annotated[
        int,
        typer.Option("--per-trial", min=0, help="Replicates with the analyses outside the compiled loop too (slow)."),
    ] = 0,
    assumptions: AssumptionsOption = None,
    scenarios: ScenariosOption = None,
    variant: VariantOption = None,
    store: StoreOption = Path("results"),
) -> None:
    """Simulate many trials and report the operating characteristics of every planned analysis.

    With one scenario the files go to OUTPUT, with several to OUTPUT/SCENARIO.
    """
    from odisea.performance.power import carry_out_per_trial, chosen_scenarios, prepare, write_power
    from odisea.performance.power import replicate as run_replicates
    from odisea.provenance import typed_command

    study = read_study(protocol, assumptions, scenarios, variant)
    names = chosen_scenarios(study, tuple(scenario or ()))
    chosen = [resolved(study, name) for name in names]
    key = study.scenarios.monte_carlo.seed if seed is None else seed
    for one in chosen:
        count = replicates or study.scenarios.scenarios[one.id].replicates or study.scenarios.monte_carlo.replicates
        with working(f"{one.id}: calibrating"):
            run = prepare(study, one, key, store, threads or workers())
        with counting(one.id, count) as advance:
            results = run_replicates(run, count, store, threads or workers(), advance)
        beyond = min(per_trial, count)
        with counting(f"{one.id}: per trial", max(beyond, 1)) as advance:
            slow = carry_out_per_trial(study, run, beyond, advance)
        folder = output if len(chosen) == 1 else output / one.id
        write_power(study, run, results, folder, typed_command(), slow)
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
    randomisation: Annotated[
        Path | None,
        typer.Option("--randomisation", help="The opened plan of the randomisation; default: blocks.json beside the allocation, if there."),
    ] = None,
    variant: VariantOption = None,
) -> None:
    """Run every planned analysis on an export folder; those of the compiled loop are computed twice."""
    if blind == (allocation is not None):
        raise OdiseaError(
            Problem(
                "odisea analyse",
                "the arms are neither given nor waived" if not blind else "both were given",
                "",
                "Give --allocation FILE or --blind",
            )
        )
    from odisea.analyse.randomised import read_opened_plan
    from odisea.analyse.results import analysis_results
    from odisea.data.read_export import read_export
    from odisea.protocol.load import load_located_protocol
    from odisea.provenance import manifest, typed_command, write_json

    located = load_located_protocol(protocol, variant)
    loaded = located.value
    data = read_export(export, loaded, allocation)
    opened, plan = read_opened_plan(randomisation, allocation, loaded.trial)
    outputs = [write_json(output / name, content) for name, content in analysis_results(data, loaded, plan).items()]
    files = sorted(path for path in export.rglob("*") if path.is_file())
    inputs = [*located.files, *files, *(path for path in (allocation, opened) if path)]
    details = {"trial": loaded.trial, "origin": data.origin, "changed_files": list(data.changed_files)}
    details |= {"variant": variant} if variant else {}
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
    calendar: Annotated[
        Path | None,
        typer.Option("--calendar", metavar="DIR", help="For power: the folder of `odisea calendar`; adds whether there is time."),
    ] = None,
    variant: VariantOption = None,
) -> None:
    """Write a report; the suffix of OUTPUT (.pdf or .html) says in which form."""
    from odisea.protocol.load import load_protocol
    from odisea.report import write_check_report, write_power_report, write_trial_report

    if variant and kind is ReportKind.check:
        raise OdiseaError(Problem("--variant", "a variant was given", "a check is of the protocol as registered", "Leave the option out"))
    if calendar is not None and kind is not ReportKind.power:
        raise OdiseaError(Problem("--calendar", f"it was given for the {kind.value} report", "the power report alone has a calendar"))
    loaded = load_protocol(protocol, variant)
    if kind is ReportKind.power:
        write_power_report(folders, loaded, lang.value, output, calendar)
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
    mice: Annotated[bool, typer.Option("--mice", help="Imputation with auxiliaries beside R's mice too; needs Rscript.")] = False,
    protocol: Annotated[Path, typer.Option("--protocol", help="The trial's YAML file.")] = Path("protocol/nct07248813.yaml"),
) -> None:
    """Time the replicate loop next to the same work in statsmodels, in one run, as bench.json."""
    from odisea.performance.bench import write_bench

    study = read_study(protocol, None, None)
    say(write_bench(study, resolved(study, "registered"), Path("results"), output, quick, mice))


@app.command(epilog=example("odisea calendar protocol/nct07248813.yaml -o results/nct07248813/calendar"))
def calendar(
    protocol: ProtocolPath,
    output: Output,
    scenario: Annotated[str, typer.Option("--scenario", help="A scenario of the scenario file.")] = "evidence_based",
    calendars: Annotated[int, typer.Option("--calendars", min=2, help="Simulated calendars.")] = 1000,
    seed: SeedOption = None,
    assumptions: AssumptionsOption = None,
    scenarios: ScenariosOption = None,
    store: StoreOption = Path("results"),
) -> None:
    """Simulate the unit's calendar: accrual, staff and session load, participant flow, visits outside their window."""
    from odisea.performance.power import prepare
    from odisea.provenance import typed_command
    from odisea.simulate.calendar_people import people_of
    from odisea.simulate.calendar_write import Request, write_calendars
    from odisea.simulate.export import simulate_cohort

    study = read_study(protocol, assumptions, scenarios)
    key = study.scenarios.monte_carlo.seed if seed is None else seed
    with working("calibrating"):
        run = prepare(study, resolved(study, scenario), key, store, workers())
    world, n = run.job.mechanism, run.job.participants
    request = Request(study.protocol, study.inputs, run.scenario, n, key, calendars, typed_command())
    with counting(scenario, calendars) as advance:
        summary = write_calendars(output, request, lambda k: people_of(key, k, world, simulate_cohort(key, k, world, n)), advance)
    say(f"{n} randomised in time: {summary['total_randomised_in_time']['value']:.3f} -> {output}")


@app.command(epilog=example("odisea dossier protocol/nct07248813.yaml -o docs/dossier"))
def dossier(
    protocol: ProtocolPath,
    output: Output,
    replicates: Annotated[
        int | None, typer.Option("--replicates", min=100, help="Replicates per scenario; default 10,000, for missing outcomes 20,000.")
    ] = None,
    page: Annotated[DossierPage, typer.Option("--page", help="Which page.")] = DossierPage.all,
    anchor: Annotated[
        Path | None, typer.Option("--anchor", metavar="FOLDER", help="The Ashar trial's public file: lay the simulator beside it.")
    ] = None,
    assumptions: AssumptionsOption = None,
    scenarios: ScenariosOption = None,
    store: StoreOption = Path("results"),
) -> None:
    """Lay the simulator beside what was published, and the analyses of missing outcomes beside what is true.

    Writes simulator.json and .md (acceptance bands, closed forms, the prototype, live-session groups) and
    missing_outcomes.json and .md; with --anchor, anchor_ashar.json and anchor_ashar.md alone.
    """
    from odisea.performance.anchor import write_anchor
    from odisea.performance.anchor_ashar import read_ashar
    from odisea.performance.dossier import write_dossier
    from odisea.performance.missing_outcomes import write_missing_outcomes
    from odisea.provenance import typed_command
    from odisea.report.dossier import write_anchor_page, write_page
    from odisea.report.dossier_missing import write_missing_page

    study = read_study(protocol, assumptions, scenarios)
    if anchor is not None:
        real = read_ashar(anchor, protocol.parent / "examples" / "ashar_prt")
        with working("simulating beside the real trial"):
            found = write_anchor(study, real, store, output, replicates or 10_000, workers(), typed_command())
        say(f"{write_anchor_page(found)}")
        return
    if page in (DossierPage.all, DossierPage.simulator):
        with working("simulating"):
            write_dossier(study, store, output, replicates or 10_000, workers(), typed_command())
        say(f"{write_page(output)}")
    if page in (DossierPage.all, DossierPage.missing_outcomes):
        with working("simulating losses"):
            write_missing_outcomes(study, store, output, replicates or 20_000, workers(), typed_command())
        say(f"{write_missing_page(output)}")


@app.command(epilog=example("odisea schema -o protocol/schema"))
def schema(output: Output) -> None:
    """Write the JSON Schemas that editors check the YAML files with."""
    from odisea.allocation.site_plan import SitePlan
    from odisea.data.mapping import SiteMapping
    from odisea.protocol.schema import DECLARATIONS, write_schemas
    from odisea.simulate.assumptions import Assumptions, Scenarios

    for path in write_schemas(output, (*DECLARATIONS, SitePlan, SiteMapping, Assumptions, Scenarios)):
        say(f"{path}")


def read_study(protocol: Path, assumptions: Path | None, scenarios: Path | None, variant: str | None = None) -> "Study":
    """Read a protocol, where asked for with a design variant, and its assumptions and scenarios.

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
    located = load_located_protocol(protocol, variant)
    loaded = located.value
    assumed = load_yaml(assumptions_path, Assumptions)
    named = load_yaml(scenarios_path, Scenarios)
    check_same_trial(assumed.trial, loaded.trial, str(assumptions_path))
    check_same_trial(named.trial, loaded.trial, str(scenarios_path))
    return Study(loaded, located.files, assumed, assumptions_path, named, scenarios_path, variant)


def resolved(study: "Study", scenario: str) -> "Scenario":
    """Return a scenario of a study with all its values."""
    from odisea.simulate.assumptions import resolve

    return resolve(study.assumptions, study.scenarios, scenario, str(study.scenarios_path))


def workers() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def user_name() -> str:
    """Return the name of the account that runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's account may have a number and no name
        return f"uid {os.getuid()}"


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
