# The real entrance: the rules of the corridor, fed with the export folder named by `data`.
use rule analyse as analyse_trial with:
    input:
        PLAN.parts,
        PLAN.data,
        protocol=config["protocol"],
        export=PLAN.export,
        allocation=PLAN.allocation,
    output:
        "results/{trial}/trial/analysis/estimates.json",
        "results/{trial}/trial/analysis/flow.json",
        "results/{trial}/trial/analysis/baseline.json",
        "results/{trial}/trial/analysis/manifest.json",
    log:
        "results/{trial}/trial/analyse.log",
    params:
        folder="results/{trial}/trial/analysis",


use rule trial_report as trial_report_trial with:
    input:
        "results/{trial}/trial/analysis/estimates.json",
        "results/{trial}/trial/analysis/manifest.json",
        protocol=config["protocol"],
    output:
        "results/{trial}/trial/report/trial_report.{lang}.html",
    log:
        "results/{trial}/trial/report/trial_report.{lang}.log",
    params:
        folder="results/{trial}/trial/analysis",


rule trial:
    input:
        expand(
            "{results}/trial/report/trial_report.{lang}.html",
            results=RESULTS,
            lang=["es", "en"],
        ),
    localrule: True
