rule check:
    input:
        PLAN.parts,
        protocol=config["protocol"],
    output:
        "results/{trial}/check/findings.json",
        "results/{trial}/check/manifest.json",
    log:
        "results/{trial}/check/check.log",
    shell:
        "odisea check {input.protocol} -o results/{wildcards.trial}/check 2> {log}"
