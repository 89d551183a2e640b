"""Missing baseline values: filled in without looking at the arms, counted, told, and on request left out with their participants."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from odisea.analyse.carry_out import analyse_trial, carry_out
from odisea.analyse.estimate import estimate
from odisea.analyse.plan import PlannedAnalysis, lower_plan
from odisea.analyse.randomised import circumstances
from odisea.analyse.single import Circumstances, Randomised, Single
from odisea.data.derive import SMALLEST_CATEGORY, count_rows, derive, filled_values, record_counts, recorded_rows, trial_rows
from odisea.data.export import Export
from odisea.data.manifest import make_manifest
from odisea.data.read_export import ALLOCATION, assemble, read_export
from odisea.data.tables import render_csv
from odisea.data.trial import Estimate, Reason, Status, Trial, make_trial
from odisea.performance.batch import Job, make_table, run_batch
from odisea.performance.per_trial import trial_in_memory
from odisea.protocol.plan import RecordCount
from odisea.simulate.export import export_tables, simulate_cohort
from odisea.simulate.rehearsal import simulated_trial
from odisea.simulate.write_trial import write_trial
from tests.declared import analysis_rows, mechanism, protocol, scenario

KEY, SIZE, WORLD = (20261001, 4), 200, "registered"
BASE = ("age", "bmi", "comorbidities", "physical_activity", "odi@baseline", "vas@baseline")
READS = {"bmi": ("height_cm", "weight_kg"), "comorbidities": ("comorbidity_count",), "physical_activity": ("physical_activity_level",)}
ROWS = (*trial_rows(protocol()), *count_rows(protocol()))
Mask = NDArray[np.bool_]


@cache
def complete() -> Export:
    """A simulated trial of 200, read from its files in memory, in which every baseline value was recorded."""
    world, model = scenario(WORLD, covariate_missing=0.0), mechanism(WORLD, covariate_missing=0.0)
    simulated = simulated_trial(KEY, world, model, simulate_cohort(*KEY, model, SIZE), protocol())
    contents = {table.name: render_csv(table) for table in export_tables(simulated)}
    shared = {name: content for name, content in contents.items() if not name.startswith("restricted/")}
    export = assemble(shared, protocol(), make_manifest(protocol().trial, "simulated", analysis_key=KEY), contents[ALLOCATION])
    assert not np.isnan(recorded_rows(export, protocol())[: ROWS.index("odi@baseline") + 1]).any()
    return export


@cache
def planned() -> dict[str, PlannedAnalysis]:
    return {one.id: one for plan in protocol().analysis.plans for one in lower_plan(protocol(), plan)}


def without(export: Export, column: str, people: Sequence[int]) -> Export:
    """The export with one recorded column empty for some participants."""
    recorded = export.recorded.copy()
    recorded[export.columns.index(column), list(people)] = np.nan
    return replace(export, recorded=recorded)


def rows_of(trial: Trial, *names: str) -> list[NDArray[np.float64]]:
    return [trial.values[ROWS.index(name)] for name in names]


# ---------------------------------------------------------------- what is filled in, and with what


def test_a_missing_number_becomes_the_mean_of_all_who_have_one() -> None:
    export, lost = complete(), [0, 3, 150]
    (before,) = rows_of(derive(export, protocol()), "bmi")
    for column in ("height_cm", "weight_kg"):
        (bmi,) = rows_of(derive(without(export, column, lost), protocol()), "bmi")
        mean = np.delete(before, lost).mean()
        np.testing.assert_allclose(bmi[lost], mean, rtol=1e-13)  # a mean of 197 numbers, summed in another order
        np.testing.assert_array_equal(np.delete(bmi, lost), np.delete(before, lost))


@pytest.mark.parametrize("column", ["odi@baseline", "vas@baseline"])
def test_an_outcome_at_baseline_is_filled_in_too(column: str) -> None:
    (before,) = rows_of(derive(complete(), protocol()), column)
    (after,) = rows_of(derive(without(complete(), column, [7]), protocol()), column)
    assert after[7] == pytest.approx(np.delete(before, 7).mean(), rel=1e-13)


def test_nine_missing_of_a_category_are_its_mean_and_ten_are_a_category_of_their_own() -> None:
    assert SMALLEST_CATEGORY == 10
    for column, name, levels in (
        ("physical_activity_level", "physical_activity", ("moderate", "high")),
        ("comorbidity_count", "comorbidities", ("one", "two_plus")),
    ):
        names = [f"{name}={level}" for level in levels]
        before = np.array(rows_of(derive(complete(), protocol()), *names))
        few, many = list(range(20, 29)), list(range(20, 30))
        nine, ten = (derive(without(complete(), column, lost), protocol()) for lost in (few, many))
        shares = np.delete(before, few, axis=1).mean(axis=1)
        np.testing.assert_allclose(np.array(rows_of(nine, *names))[:, few], np.repeat(shares[:, None], 9, axis=1), rtol=1e-13)
        assert not rows_of(nine, f"{name}=missing")[0].any()
        np.testing.assert_array_equal(np.array(rows_of(ten, *names))[:, many], 0.0)
        np.testing.assert_array_equal(np.flatnonzero(rows_of(ten, f"{name}=missing")[0]), many)
        for trial, lost in ((nine, few), (ten, many)):
            np.testing.assert_array_equal(np.delete(np.array(rows_of(trial, *names)), lost, axis=1), np.delete(before, lost, axis=1))


def test_the_arms_are_not_looked_at() -> None:
    export = complete()
    for place, column in enumerate(("height_cm", "comorbidity_count", "physical_activity_level", "odi@baseline", "vas@baseline")):
        export = without(export, column, range(place, SIZE, 11 + 20 * (place % 2)))  # some of them nine or fewer, some more
    trial, rng = derive(export, protocol()), np.random.default_rng(5)
    known = len(trial_rows(protocol()))
    for arm in (rng.permutation(export.arm), np.zeros_like(export.arm), np.full_like(export.arm, -1)):
        other = derive(replace(export, arm=arm), protocol())
        np.testing.assert_array_equal(other.values[:known], trial.values[:known])
    assert {name: mask.sum() for name, mask in filled_values(export, protocol()).items()} == {
        "bmi": 19,
        "comorbidities": 7,
        "physical_activity": 18,
        "odi@baseline": 7,
        "vas@baseline": 18,
    }


def test_nothing_after_baseline_is_filled_in() -> None:
    export = without(without(complete(), "odi@week6", range(0, 200, 3)), "vas@week6", range(1, 200, 3))
    before = recorded_rows(export, protocol())
    after = derive(export, protocol()).values[: before.shape[0]]
    for name in ("odi@week6", "vas@week6"):
        np.testing.assert_array_equal(after[ROWS.index(name)], before[ROWS.index(name)])
        assert np.isnan(after[ROWS.index(name)]).sum() > SIZE / 3
        assert name not in filled_values(export, protocol())
    assert not np.isnan(after[: ROWS.index("odi@baseline") + 1]).any()


def test_whose_values_were_filled_in_is_told_by_variable() -> None:
    assert filled_values(complete(), protocol()) == {}
    export = without(without(without(complete(), "height_cm", [1]), "weight_kg", [1, 2]), "comorbidity_count", [2, 5])
    found = {name: np.flatnonzero(mask).tolist() for name, mask in filled_values(export, protocol()).items()}
    assert found == {"bmi": [1, 2], "comorbidities": [2, 5]}
    around = circumstances(export, protocol()).filled
    assert around is not None
    assert np.flatnonzero(around).tolist() == [1, 2, 5]
    assert circumstances(complete(), protocol()).filled is None


@pytest.mark.parametrize("variable", ["bmi", "comorbidities", "physical_activity"])
def test_what_nobody_has_is_not_filled_in_and_its_analyses_refuse(variable: str) -> None:
    export = without(complete(), READS[variable][0], range(SIZE))
    assert filled_values(export, protocol()) == {}
    trial, around, reading = derive(export, protocol()), circumstances(export, protocol()), 0
    for name, one in planned().items():
        reads = variable in {term for term, _ in one.terms} | set(one.imputation)
        result = carry_out(trial, one, around).estimate
        assert (result.reason == Reason.MISSING_COVARIATE) == reads, name
        assert (result.status == Status.OK) == (not reads), name
        assert np.isnan(result.estimate) == reads, name
        reading += reads
    assert 0 < reading < len(planned())


# ---------------------------------------------------------------- what the result file says of it

SHOWN = (
    "as_registered.ancova",
    "as_registered.unadjusted",
    "as_registered.mi_limit",
    "as_registered.responder_or",
    "as_recommended.ancova",
    "as_recommended.vas",
    "as_recommended.baseline_excluded",
)


def test_each_result_tells_what_was_filled_in_of_what_it_reads() -> None:
    export = complete()
    lost = {"weight_kg": range(4), "odi@baseline": range(10, 13), "vas@baseline": range(20, 22), "comorbidity_count": range(30, 42)}
    for column, people in lost.items():
        export = without(export, column, people)
    masks = filled_values(export, protocol())
    counts = {name: int(mask.sum()) for name, mask in masks.items()}
    trial, around = derive(export, protocol()), circumstances(export, protocol())
    rows = analyse_trial(trial, [planned()[name] for name in SHOWN], around, counts)
    said = {row["analysis"]: [flag for flag in row["flags"] if flag.startswith("filled: ")] for row in rows}
    bmi, baseline, pain, comorbidities = "filled: bmi 4", "filled: odi@baseline 3", "filled: vas@baseline 2", "filled: comorbidities 12"
    assert {name: sorted(flags) for name, flags in said.items()} == {
        "as_registered.ancova": sorted([bmi, comorbidities]),
        "as_registered.unadjusted": [],
        "as_registered.mi_limit": sorted([bmi, comorbidities, baseline, pain]),
        "as_registered.responder_or": sorted([bmi, comorbidities, baseline]),  # being a responder is a change from baseline
        "as_recommended.ancova": sorted([bmi, comorbidities, baseline]),
        "as_recommended.vas": sorted([bmi, comorbidities, pain]),
        "as_recommended.baseline_excluded": [],
    }
    assert all(row["status"] == "ok" for row in rows)


# ---------------------------------------------------------------- leaving their participants out


def excluding(name: str) -> PlannedAnalysis:
    one = planned()[name]
    return replace(one, spec=one.spec.model_copy(update={"baseline_missing": "excluded"}))


def some_filled() -> tuple[Export, Mask]:
    export = without(without(complete(), "weight_kg", [0, 17, 60]), "physical_activity_level", [17, 199])
    filled = np.zeros(SIZE, dtype=np.bool_)
    filled[[0, 17, 60, 199]] = True
    return export, filled


def test_excluding_leaves_out_exactly_those_with_a_filled_value() -> None:
    export, filled = some_filled()
    trial, around = derive(export, protocol()), circumstances(export, protocol())
    rest = make_trial(derive(complete(), protocol()).values[:, ~filled], trial.arm[~filled], trial.seed, trial.replicate)
    one = planned()["as_recommended.baseline_excluded"]
    result = carry_out(trial, one, around).estimate
    np.testing.assert_array_equal(np.array(result), np.array(estimate(rest, one.analysis)))
    everybody = carry_out(trial, planned()["as_recommended.ancova"], around).estimate
    seen = filled & ~np.isnan(trial.values[one.analysis.response])
    assert everybody.n_arm + everybody.n_reference - result.n_arm - result.n_reference == seen.sum() > 0
    np.testing.assert_array_equal(np.array(carry_out(trial, one, around._replace(filled=None)).estimate), np.array(everybody))


def test_excluding_leaves_them_out_of_order_strata_factors_and_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Trial, Circumstances]] = []

    def watch(trial: Trial, analysis: PlannedAnalysis, around: Circumstances) -> Single:
        seen.append((trial, around))
        return Single(Estimate(*[0.0] * len(Estimate._fields)))

    monkeypatch.setattr("odisea.analyse.permutation.carry_out", watch)
    export, filled = some_filled()
    trial, rng = derive(export, protocol()), np.random.default_rng(9)
    order, stratum, factors = rng.permutation(SIZE), rng.integers(0, 3, SIZE), rng.integers(0, 4, (2, SIZE))
    given = Circumstances(Randomised(order, factors, stratum, None), rng.integers(-1, 9, SIZE), filled)
    carry_out(trial, excluding("as_recommended.rerandomisation"), given)
    carry_out(trial, planned()["as_recommended.rerandomisation"], given)
    (kept, around), (everybody, as_given) = seen
    assert everybody is trial
    assert as_given is given
    assert around.randomised is not None
    assert around.group is not None
    stay = np.flatnonzero(~filled)
    np.testing.assert_array_equal(kept.values, trial.values[:, stay])
    np.testing.assert_array_equal(kept.arm, trial.arm[stay])
    assert (kept.seed, kept.replicate) == (trial.seed, trial.replicate)
    np.testing.assert_array_equal(stay[around.randomised.order], [who for who in order if not filled[who]])
    np.testing.assert_array_equal(around.randomised.stratum, stratum[stay])
    np.testing.assert_array_equal(around.randomised.factors, factors[:, stay])
    np.testing.assert_array_equal(around.group, np.asarray(given.group)[stay])
    assert around.randomised.scheme is None  # blocks of a list with gaps cannot be drawn again


# ---------------------------------------------------------------- counts of records


def test_records_are_counted_per_participant_of_the_arms_that_have_any() -> None:
    export = complete()
    tele = export.arm == protocol().arm_ids.index("tele")
    for name, count in protocol().analysis.counts.items():
        records = [record for record in export.tables[count.file].records() if count.column is None or record[count.column] is True]
        wanted = [float(sum(record["participant_id"] == who for record in records)) for who in export.participants]
        found = record_counts(export, protocol(), count)
        np.testing.assert_array_equal(found[tele], np.array(wanted)[tele])
        assert np.isnan(found[~tele]).all()
        assert found[tele].max() > 0.0
        np.testing.assert_array_equal(found, rows_of(derive(export, protocol()), name)[0])


def test_whoever_has_no_record_in_an_arm_with_records_has_none() -> None:
    export = complete()
    tele = export.arm == protocol().arm_ids.index("tele")
    table = export.tables["live_sessions.csv"]
    nobody = replace(table, columns=dict.fromkeys(table.columns, ()), numbers=())
    count = protocol().analysis.counts["live_sessions"]
    found = record_counts(replace(export, tables={**export.tables, "live_sessions.csv": nobody}), protocol(), count)
    np.testing.assert_array_equal(found, np.where(tele, 0.0, np.nan))


def test_counts_are_missing_without_the_file_or_the_arms() -> None:
    count = protocol().analysis.counts["live_sessions"]
    tables = {name: table for name, table in complete().tables.items() if name != count.file}
    blind = replace(complete(), arm=np.full(SIZE, -1))
    for export in (replace(complete(), tables=tables), blind):
        assert np.isnan(record_counts(export, protocol(), count)).all()


def test_records_of_a_file_of_every_arm_are_counted_in_every_arm() -> None:
    count = RecordCount.model_validate({"label": "Visits done", "file": "visits.csv", "column": "status", "equals": "done"})
    found = record_counts(complete(), protocol(), count)
    done = [str(record["participant_id"]) for record in complete().tables["visits.csv"].records() if record["status"] == "done"]
    np.testing.assert_array_equal(found, [done.count(who) for who in complete().participants])
    assert set(found) == {1.0, 2.0}


# ---------------------------------------------------------------- from simulation to result


class Incomplete(NamedTuple):
    """One trial in a world where a tenth of each covariate is never written down: in memory, by files in memory, by files."""

    job: Job
    trial: Trial
    around: Circumstances
    folder: Path


@pytest.fixture(scope="module")
def incomplete(tmp_path_factory: pytest.TempPathFactory) -> Incomplete:
    world, model = scenario(WORLD, covariate_missing=0.1), mechanism(WORLD, covariate_missing=0.1)
    trial, around = trial_in_memory(KEY, world, model, SIZE, protocol())
    job = Job(KEY[0], SIZE, model, analysis_rows()[0], make_table([one.analysis for one in planned().values() if one.in_loop]))
    folder = tmp_path_factory.mktemp("incomplete")
    write_trial(folder, protocol(), (), world, model, SIZE, KEY)
    return Incomplete(job, trial, around, folder)


def test_a_missing_covariate_costs_no_planned_analysis(incomplete: Incomplete) -> None:
    assert incomplete.around.filled is not None
    assert incomplete.around.filled.mean() > 0.2  # four covariates, a tenth of each
    for name, one in planned().items():
        result = carry_out(incomplete.trial, one, incomplete.around).estimate
        assert (result.status, result.reason) == (Status.OK, Reason.NONE), name


def test_the_loop_gives_bit_by_bit_what_the_files_give(incomplete: Incomplete) -> None:
    export = read_export(incomplete.folder / "export", protocol(), incomplete.folder / ALLOCATION)
    trial = derive(export, protocol())
    np.testing.assert_array_equal(trial.values, incomplete.trial.values)
    np.testing.assert_array_equal(trial.arm, incomplete.trial.arm)
    counts = {name: int(mask.sum()) for name, mask in filled_values(export, protocol()).items()}
    assert set(counts) == {"bmi", "comorbidities", "physical_activity"}
    assert min(counts.values()) >= SMALLEST_CATEGORY
    in_loop = [one for one in planned().values() if one.in_loop]
    (results,) = run_batch(incomplete.job, KEY[1], KEY[1] + 1)
    for place, one in enumerate(in_loop):
        np.testing.assert_array_equal(results[place], np.array(carry_out(trial, one, circumstances(export, protocol())).estimate))
