rule check:
    input:
        PLAN.parts,
        PLAN.beside,
        protocol=config["protocol"],
    output:
        expand(
            "results/{{trial}}/check/{name}",
            name=[
                "findings.json",
                "rules.json",
                "claims.json",
                "drift.json",
                "checklists.json",
                "findings.sarif",
                "junit.xml",
                "manifest.json",
            ],
        ),
    log:
        "results/{trial}/check/check.log",
    shell:
        "odisea check {input.protocol} -o results/{wildcards.trial}/check 2> {log}"
