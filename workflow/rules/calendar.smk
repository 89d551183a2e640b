# Can one clinic do it in time? Simulated calendars of the unit, with the people of the scenario that published evidence suggests.
rule calendar:
    input:
        PLAN.parts,
        protocol=config["protocol"],
        assumptions=PLAN.assumptions,
        scenarios=PLAN.scenarios_file,
    output:
        "results/{trial}/calendar/calendar.json",
        "results/{trial}/calendar/calendar.csv",
        "results/{trial}/calendar/calendars.csv",
        "results/{trial}/calendar/manifest.json",
    log:
        "results/{trial}/calendar/calendar.log",
    shell:
        "odisea calendar {input.protocol} -o results/{wildcards.trial}/calendar 2> {log}"
