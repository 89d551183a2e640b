"""Participant flow (CONSORT 2025 item 22) and baseline table (item 25) of the trial report."""

from collections.abc import Iterator

from odisea.protocol.fact import Text
from odisea.protocol.model import Protocol
from odisea.report.case import named, within
from odisea.report.content import Column, Figure, Flow, Listing, Paragraph, Phrase, Plain, Row, Section, Table, Trace, say
from odisea.report.numbers import DASH, Traced, fixed, percent, whole
from odisea.report.trial_files import BASELINE, FLOW, ArmFlow, Cell, Characteristic, TrialResult, at

NAN = float("nan")


def flow_section(result: TrialResult) -> Section:
    """Return the participant flow as a drawing and as a table."""
    if result.flow is None:
        return Section("flow", say("flow.heading"), (Paragraph("absent", (say("flow.absent"),)),))
    boxes = Flow(tuple(_trunk(result)), tuple(_side(result)), tuple(_arm_boxes(result, place) for place in range(len(result.flow.arms))))
    figure = Figure("drawing", say("flow.caption"), say("flow.alt"), boxes)
    return Section("flow", say("flow.heading"), (figure, *_screening_table(result), _flow_table(result)))


def _count(pointer: str, value: int | None) -> Phrase:
    return whole(at(FLOW, pointer, value))


def _trunk(result: TrialResult) -> Iterator[tuple[Phrase, ...]]:
    flow = result.flow
    assert flow is not None
    if flow.assessed is not None:
        yield (say("flow.assessed", n=_count("/assessed", flow.assessed)),)
    yield (say("flow.randomised", n=_count("/randomised", flow.randomised)),)


def _side(result: TrialResult) -> Iterator[Phrase]:
    """Give what leaves before randomisation, by reason."""
    flow = result.flow
    assert flow is not None
    if flow.excluded:
        total = Traced(float(sum(flow.excluded.values())), Trace(FLOW, "/excluded", "sum"))
        yield say("flow.excluded", n=whole(total))
        for key, count in flow.excluded.items():
            yield say("flow.excluded_by", reason=_reason_code(result.protocol, key), n=_count(f"/excluded/{key}", count))
    if flow.not_randomised:
        yield say("flow.not_randomised", n=_count("/not_randomised", flow.not_randomised))


def _reason_code(protocol: Protocol, key: str) -> Phrase:
    """Return the short words of OUTCOME:REASON."""
    outcome, _, reason = key.partition(":")
    codes = {criterion.id for criterion in (*protocol.population.inclusion, *protocol.population.exclusion)}
    shown = Plain(reason) if reason in codes else named("reason_code", reason)
    return say("flow.reason", outcome=named("screening", outcome), reason=shown)


def _screening_table(result: TrialResult) -> Iterator[Table]:
    """Give the criteria behind the codes of the drawing."""
    flow, protocol = result.flow, result.protocol
    assert flow is not None
    texts: dict[str, Text] = {one.id: one.text for one in (*protocol.population.inclusion, *protocol.population.exclusion)}
    if not any(key.partition(":")[2] in texts for key in flow.excluded):
        return
    rows = []
    for key, count in flow.excluded.items():
        reason = key.partition(":")[2]
        rows.append(Row(key, (_reason_code(protocol, key), texts.get(reason, DASH), _count(f"/excluded/{key}", count))))
    columns = (
        Column("reason", say("flow.reason_heading"), "start", 0.3),
        Column("criterion", say("flow.criterion"), "start", 0.55),
        Column("n", say("flow.people"), width=0.15),
    )
    yield Table("screening", say("flow.screening_caption"), columns, tuple(rows))


def _arm_label(result: TrialResult, arm: ArmFlow) -> Phrase:
    return say("flow.everybody") if arm.arm is None else result.protocol.arm(arm.arm).label


def _arm_boxes(result: TrialResult, place: int) -> tuple[tuple[Phrase, ...], ...]:
    """Return an arm's boxes: allocated, measured at the analysed visit, analysed."""
    assert result.flow is not None
    arm = result.flow.arms[place]
    boxes: list[tuple[Phrase, ...]] = [
        (_arm_label(result, arm), say("flow.allocated", n=_count(f"/arms/{place}/allocated", arm.allocated))),
    ]
    measured = _analysed_value(result)
    if measured in arm.observed:
        boxes.append(tuple(_outcome_box(result, place, arm, measured)))
    analysed = _analysed(result, arm.arm)
    if analysed is not None:
        boxes.append((say("flow.analysed", n=whole(analysed)),))
    return tuple(boxes)


def _outcome_box(result: TrialResult, place: int, arm: ArmFlow, name: str) -> Iterator[Phrase]:
    outcome, visit = name.split("@", 1)
    labels = {"outcome": within(result.protocol.outcomes[outcome].label), "visit": within(result.protocol.visit(visit).label)}
    yield say("flow.observed", n=_count(f"/arms/{place}/observed/{name}", arm.observed[name]), **labels)
    for reason, count in arm.missing.get(name, {}).items():
        number = _count(f"/arms/{place}/missing/{name}/{reason}", count)
        yield say("flow.missing_by", reason=named("reason_code", reason), n=number)


def _analysed_value(result: TrialResult) -> str:
    """Return OUTCOME@VISIT of the first primary estimate, or of the first plan's first analysis where there is none."""
    primary = next((row for row in result.estimates.estimates if row.role == "primary"), None)
    if primary:
        return f"{primary.outcome}@{primary.visit}"
    first = next(iter(result.protocol.analysis.plans.values())).analyses[0]
    return f"{first.outcome}@{first.visit}"


def _analysed(result: TrialResult, arm: str | None) -> Traced | None:
    """Return how many of an arm enter the first primary estimate that compares it."""
    for place, row in enumerate(result.estimates.estimates):
        contrast = result.protocol.contrast(row.contrast)
        if row.role == "primary" and arm in (contrast.arm, contrast.reference):
            name = "n_analysed_arm" if arm == contrast.arm else "n_analysed_reference"
            return result.number(place, name) if getattr(row, name) is not None else None
    return None


def _flow_table(result: TrialResult) -> Table:
    """Give all counts of the arms, so that the drawing is not needed."""
    flow = result.flow
    assert flow is not None
    columns = (
        Column("what", say("flow.what"), "start", 0.4),
        *(Column(f"arm{n}", _arm_label(result, arm), width=0.6 / len(flow.arms)) for n, arm in enumerate(flow.arms)),
    )
    rows = [
        Row("allocated", (say("flow.row_allocated"), *(_count(f"/arms/{n}/allocated", arm.allocated) for n, arm in enumerate(flow.arms))))
    ]
    for name in dict.fromkeys(name for arm in flow.arms for name in arm.observed):
        rows += _value_rows(result, name)
    for event in dict.fromkeys(event for arm in flow.arms for event in arm.events):
        counts = (_count(f"/arms/{n}/events/{event}", arm.events.get(event, 0)) for n, arm in enumerate(flow.arms))
        rows.append(Row(f"event-{event}", (say("flow.row_event", event=named("event", event)), *counts)))
    analysed = [_analysed(result, arm.arm) for arm in flow.arms]
    if any(one is not None for one in analysed):
        rows.append(Row("analysed", (say("flow.row_analysed"), *(whole(one) if one else DASH for one in analysed))))
    return Table("counts", say("flow.table_caption"), columns, tuple(rows))


def _value_rows(result: TrialResult, name: str) -> Iterator[Row]:
    """Give who was measured and, by reason, who was not."""
    assert result.flow is not None
    arms = list(enumerate(result.flow.arms))
    outcome, visit = name.split("@", 1)
    label = say("cell.outcome_at", outcome=result.protocol.outcomes[outcome].label, visit=within(result.protocol.visit(visit).label))
    yield Row(name, (label, *(_count(f"/arms/{n}/observed/{name}", arm.observed.get(name, 0)) for n, arm in arms)))
    for reason in dict.fromkeys(reason for _, arm in arms for reason in arm.missing.get(name, {})):
        counts = (_count(f"/arms/{n}/missing/{name}/{reason}", arm.missing.get(name, {}).get(reason, 0)) for n, arm in arms)
        yield Row(f"{name}-{reason}", (say("flow.row_missing", reason=named("reason_code", reason)), *counts))


def baseline_section(result: TrialResult) -> Section:
    """Return the baseline table, without p values."""
    table = result.baseline
    if table is None or not table.rows:
        return Section("baseline", say("baseline.heading"), (Paragraph("absent", (say("baseline.absent"),)),))
    groups = _groups(result, len(table.rows[0].cells))
    columns = (
        Column("name", say("baseline.characteristic"), "start", 0.28),
        *(Column(f"group{n}", label, width=0.72 / len(groups)) for n, label in enumerate(groups)),
    )
    rows = [row for place, one in enumerate(table.rows) for row in _characteristic(result, place, one)]
    shown = Table("table", say("baseline.caption"), columns, tuple(rows), (say("baseline.note"),), small=True)
    return Section("baseline", say("baseline.heading"), (Paragraph("about", (say("baseline.about"),)), shown))


def _groups(result: TrialResult, cells: int) -> tuple[Phrase, ...]:
    """Return the heads of the columns: one per arm and everybody, or everybody alone where the allocation is unknown."""
    arms = tuple(arm.label for arm in result.protocol.arms)
    return (*arms, say("baseline.all")) if cells == len(arms) + 1 else (say("baseline.all"),) * cells


def _characteristic(result: TrialResult, place: int, one: Characteristic) -> Iterator[Row]:
    """Give one row for a number; for a category a head and one row per code that occurs."""
    label: Phrase = one.label or Plain(one.name)
    if one.unit:
        label = say("baseline.with_unit", name=label, unit=named("unit", one.unit))
    pointers = [f"/rows/{place}/cells/{n}" for n in range(len(one.cells))]
    codes = list(dict.fromkeys(code for cell in one.cells for code in cell.counts or {}))
    if codes:
        yield Row(f"{one.name}-head", (label,))
        for code in codes:
            if any((cell.counts or {}).get(code) for cell in one.cells):
                yield Row(
                    f"{one.name}-{code}", (named("code", code), *(_share(c, p, code) for c, p in zip(one.cells, pointers, strict=True)))
                )
    else:
        yield Row(one.name, (label, *(_summary(cell, pointer) for cell, pointer in zip(one.cells, pointers, strict=True))))
    if any(cell.missing for cell in one.cells):
        cells = (whole(at(BASELINE, f"{p}/missing", c.missing)) for c, p in zip(one.cells, pointers, strict=True))
        yield Row(f"{one.name}-missing", (say("baseline.missing"), *cells))


def _share(cell: Cell, pointer: str, code: str) -> Phrase:
    count = (cell.counts or {}).get(code, 0)
    number = at(BASELINE, f"{pointer}/counts/{code}", count)
    if not cell.n:
        return whole(number)
    return say("baseline.share", n=whole(number), percent=percent(number.follows("over n, times 100", lambda k: k / cell.n), 0))


def _summary(cell: Cell, pointer: str) -> Phrase:
    """Return mean (SD) and median [quartiles]; a dash where nothing is known."""
    names = ("mean", "sd", "median", "lower_quartile", "upper_quartile")
    mean, sd, median, low, high = (fixed(at(BASELINE, f"{pointer}/{name}", getattr(cell, name)), 1) for name in names)
    return say("baseline.summary", mean=mean, sd=sd, median=median, quartiles=Listing((low, high), "to")) if cell.n else DASH
