# The whole journey: `snakemake` checks the protocol, verifies the power claim in every required scenario, asks of the calendar
# whether one clinic can do it in time, rehearses the corridor with one simulated trial and writes the reports.
# `snakemake trial --config protocol=FILE data=EXPORT_FOLDER` takes a real trial through the same corridor. Every rule is one
# odisea command, so any step can be repeated by copying its printed line.
from snakemake.utils import min_version

from odisea.workflow import read_workflow

min_version("9.0")


configfile: "workflow/config.yaml"


PLAN = read_workflow(config["protocol"], config["data"], config["allocation"])
RESULTS = f"results/{PLAN.trial}"


include: "workflow/rules/check.smk"
include: "workflow/rules/power.smk"
include: "workflow/rules/calendar.smk"
include: "workflow/rules/rehearsal.smk"
include: "workflow/rules/corridor.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/trial.smk"


rule all:
    default_target: True
    input:
        f"{RESULTS}/check/findings.json",
        expand(
            "{results}/report/{report}.{lang}.{form}",
            results=RESULTS,
            report=["check_report", "power_report"],
            lang=["es", "en"],
            form=["pdf", "html"],
        ),
        expand(
            "{results}/rehearsal/report/trial_report.{lang}.html",
            results=RESULTS,
            lang=["es", "en"],
        ),
    localrule: True
