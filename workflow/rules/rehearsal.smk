# One simulated trial, written as a site would deliver it.
rule simulate:
    input:
        PLAN.parts,
        protocol=config["protocol"],
        assumptions=PLAN.assumptions,
        scenarios=PLAN.scenarios_file,
    output:
        directory("results/{trial}/rehearsal/export"),
        "results/{trial}/rehearsal/restricted/allocation.csv",
        "results/{trial}/rehearsal/restricted/simulated_truth.csv",
        "results/{trial}/rehearsal/restricted/crosswalk.csv",
        "results/{trial}/rehearsal/restricted/blocks.json",
    log:
        "results/{trial}/rehearsal/simulate.log",
    shell:
        "odisea simulate {input.protocol} --scenario registered --replicate 0"
        " -o results/{wildcards.trial}/rehearsal 2> {log}"
