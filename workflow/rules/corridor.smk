# From the export folder on: the same rules for a simulated and a real trial (trial.smk changes only where the folders lie).
rule analyse:
    input:
        PLAN.parts,
        protocol=config["protocol"],
        export="results/{trial}/rehearsal/export",
        allocation="results/{trial}/rehearsal/restricted/allocation.csv",
    output:
        "results/{trial}/rehearsal/analysis/estimates.json",
        "results/{trial}/rehearsal/analysis/flow.json",
        "results/{trial}/rehearsal/analysis/baseline.json",
        "results/{trial}/rehearsal/analysis/manifest.json",
    log:
        "results/{trial}/rehearsal/analyse.log",
    params:
        folder="results/{trial}/rehearsal/analysis",
    shell:
        "odisea analyse {input.protocol} {input.export} --allocation {input.allocation} -o {params.folder} 2> {log}"


rule trial_report:
    input:
        "results/{trial}/rehearsal/analysis/estimates.json",
        "results/{trial}/rehearsal/analysis/manifest.json",
        protocol=config["protocol"],
    output:
        "results/{trial}/rehearsal/report/trial_report.{lang}.html",
    log:
        "results/{trial}/rehearsal/report/trial_report.{lang}.log",
    params:
        folder="results/{trial}/rehearsal/analysis",
    shell:
        "odisea report trial {params.folder} --protocol {input.protocol} --lang {wildcards.lang} -o {output} 2> {log}"
