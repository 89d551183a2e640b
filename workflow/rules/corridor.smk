# From the export folder on: the same rules for a simulated and a real trial (trial.smk changes only where the folder lies).
rule analyse:
    input:
        protocol=config["protocol"],
        export="results/{trial}/rehearsal/export/export_manifest.json",
        allocation="results/{trial}/rehearsal/restricted/allocation.csv",
    output:
        "results/{trial}/rehearsal/analysis/estimates.json",
        "results/{trial}/rehearsal/analysis/flow.json",
        "results/{trial}/rehearsal/analysis/baseline.json",
        "results/{trial}/rehearsal/analysis/manifest.json",
    log:
        "results/{trial}/rehearsal/analyse.log",
    shell:
        "odisea analyse {input.protocol} $(dirname {input.export}) --allocation {input.allocation}"
        " -o $(dirname {output[0]}) 2> {log}"


rule trial_report:
    input:
        protocol=config["protocol"],
        analysis="results/{trial}/rehearsal/analysis/estimates.json",
        parts="results/{trial}/rehearsal/analysis/manifest.json",
    output:
        "results/{trial}/rehearsal/report/trial_report.{lang}.html",
    log:
        "results/{trial}/rehearsal/report/trial_report.{lang}.log",
    shell:
        "odisea report trial $(dirname {input.analysis}) --protocol {input.protocol} --lang {wildcards.lang}"
        " -o {output} 2> {log}"
