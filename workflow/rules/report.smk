rule power_report:
    input:
        protocol=config["protocol"],
        measures=expand(
            "results/{{trial}}/power/{scenario}/performance.csv",
            scenario=PLAN.scenarios,
        ),
        assumptions=expand(
            "results/{{trial}}/power/{scenario}/assumptions.json",
            scenario=PLAN.scenarios,
        ),
        calendar="results/{trial}/calendar/calendar.json",
        calendar_manifest="results/{trial}/calendar/manifest.json",
    output:
        "results/{trial}/report/power_report.{lang}.{form}",
    log:
        "results/{trial}/report/power_report.{lang}.{form}.log",
    params:
        folders=expand("results/{{trial}}/power/{scenario}", scenario=PLAN.scenarios),
    shell:
        "odisea report power {params.folders} --calendar results/{wildcards.trial}/calendar --protocol {input.protocol}"
        " --lang {wildcards.lang} -o {output} 2> {log}"


rule check_report:
    input:
        protocol=config["protocol"],
        findings="results/{trial}/check/findings.json",
    output:
        "results/{trial}/report/check_report.{lang}.{form}",
    log:
        "results/{trial}/report/check_report.{lang}.{form}.log",
    shell:
        "odisea report check results/{wildcards.trial}/check --protocol {input.protocol} --lang {wildcards.lang}"
        " -o {output} 2> {log}"
