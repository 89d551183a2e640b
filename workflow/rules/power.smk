rule power:
    input:
        PLAN.parts,
        protocol=config["protocol"],
        assumptions=PLAN.assumptions,
        scenarios=PLAN.scenarios_file,
    output:
        "results/{trial}/power/{scenario}/performance.csv",
        "results/{trial}/power/{scenario}/replicates.parquet",
        "results/{trial}/power/{scenario}/assumptions.json",
        "results/{trial}/power/{scenario}/manifest.json",
    log:
        "results/{trial}/power/{scenario}/power.log",
    threads: 1
    shell:
        "odisea power {input.protocol} --scenario {wildcards.scenario} --workers {threads}"
        " -o results/{wildcards.trial}/power/{wildcards.scenario} 2> {log}"
