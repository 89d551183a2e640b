rule check:
    input:
        config["protocol"],
    output:
        "results/{trial}/check/findings.json",
        "results/{trial}/check/manifest.json",
    log:
        "results/{trial}/check/check.log",
    shell:
        "odisea check {input} -o results/{wildcards.trial}/check 2> {log}"
