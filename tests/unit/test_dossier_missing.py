"""Missing outcomes in the dossier: its worlds, its page, and the yardstick of R's mice."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from odisea.analyse.carry_out import carry_out
from odisea.analyse.plan import PlannedAnalysis, lower_plan
from odisea.data.trial import Trial
from odisea.errors import DataError, OdiseaError
from odisea.performance import mice
from odisea.performance.missing_outcomes import ANALYSES, EFFECTS, MECHANISMS, PARTS, values_of
from odisea.performance.per_trial import trial_in_memory
from odisea.report.dossier_missing import CONCLUSIONS, INTRO, METHODS, conclusions, missing_page, with_error, write_missing_page
from odisea.report.dossier_missing import EFFECTS as SAID_OF_EFFECTS
from odisea.simulate.assumptions import possible_range
from tests.declared import assumptions, mechanism, protocol, scenario

NUMBER = r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?"

# ---------------------------------------------------------------- the worlds


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("lost", MECHANISMS, ids=lambda one: one.id)
def test_a_world_is_a_set_of_possible_assumptions(lost: Any, effect: str) -> None:
    values = values_of(lost, effect)
    assert set(values) <= set(assumptions().parameters)
    for name, value in values.items():
        low, high = possible_range(name)
        assert low <= value <= high, name
    assert sum(values[f"loss_part_{part}"] for part in PARTS) == 1.0
    assert (values["effect"], values["live_icc"], values["item_blank_week6"]) == (EFFECTS[effect], 0.0, 0.0)
    assert (values["mnar_slope_tele"], values["mnar_slope_control"]) == lost.slopes


def test_only_the_last_kind_of_loss_looks_at_what_is_not_recorded() -> None:
    by_kind = {lost.id: values_of(lost, "none") for lost in MECHANISMS}
    assert {name for name, values in by_kind.items() if values["loss_part_mnar"]} == {"mnar_by_arm"}
    assert {name for name, values in by_kind.items() if values["mnar_slope_tele"] or values["mnar_slope_control"]} == {"mnar_by_arm"}
    opposite = by_kind["mnar_by_arm"]
    assert opposite["mnar_slope_tele"] < 0.0 < opposite["mnar_slope_control"]
    assert by_kind["mcar"]["loss_part_mcar"] == by_kind["mar"]["loss_part_mar_covariates"] == 1.0


def test_the_page_and_the_study_are_of_the_same_methods() -> None:
    assert list(METHODS) == list(ANALYSES)
    assert list(SAID_OF_EFFECTS) == list(EFFECTS)
    known = {one.id: one for one in lower_plan(protocol(), "as_recommended")}
    assert all(known[name].in_loop for name in ANALYSES.values())


# ---------------------------------------------------------------- the page


def record() -> dict[str, Any]:
    """A small record by hand: every number in it differs from every other, and the delta row aims at nothing."""
    step = iter(range(1, 10_000))

    def measure(scale: float) -> list[float]:
        number = next(step)
        return [scale + number / 10_000.0, 0.01 + number / 1_000_000.0]

    cells = []
    for lost in MECHANISMS:
        for effect in EFFECTS:
            for method in METHODS:
                policy = {"truth": measure(-9.0), "bias": measure(0.3), "coverage": measure(0.9)}
                own = {"truth": measure(-5.0), "bias": measure(0.1), "coverage": measure(0.8)}
                aims = {"delta": None, "mi": policy}
                cell = {
                    name: measure(scale) for name, scale in (("power", 0.2), ("model_se", 2.0), ("empirical_se", 3.0), ("failures", 0.0))
                }
                key = {"mechanism": lost.id, "effect": effect, "method": method, "analysis": ANALYSES[method]}
                cells.append({**key, **cell, "own": aims.get(method, own), "policy": policy})
    head = {"trial": "made_up", "seed": 4711, "replicates": 12_345, "effects": EFFECTS}
    return {**head, "mechanisms": [lost._asdict() for lost in MECHANISMS], "cells": cells}


def numbers_in(content: Any) -> list[float]:
    """Every number of a record, however deep."""
    if isinstance(content, dict):
        return [number for part in content.values() for number in numbers_in(part)]
    if isinstance(content, list | tuple):
        return [number for part in content for number in numbers_in(part)]
    return [float(content)] if isinstance(content, int | float) else []


def stands_in(printed: str, known: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    """Whether a printed number is a number of the record, rounded to the printed digits."""
    digits = len(printed.partition(".")[2])
    return bool((np.abs(known - float(printed.replace(",", ""))) <= 0.5 * 10.0**-digits + 1e-9).any())


def tables_of(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if line.startswith("| ") and not line.startswith(("| method", "| ---")))


def test_every_number_of_the_tables_stands_in_the_record() -> None:
    made = record()
    known = np.array(numbers_in(made["cells"]))
    lines = tables_of(missing_page(made)).splitlines()
    assert len(lines) == len(made["cells"])
    for line in lines:
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")][1:]
        for printed in re.findall(NUMBER, " ".join(cells)):
            assert stands_in(printed, known), (printed, line)


def test_a_row_is_that_of_its_cell() -> None:
    made = record()
    lines = tables_of(missing_page(made)).splitlines()
    for cell, line in zip(made["cells"], lines, strict=True):  # the record is in the order of the page
        method, power, own, bias, coverage, policy, policy_bias, policy_coverage, model, empirical, failures = line[2:-2].split(" | ")
        digits = 3 if cell["method"].startswith("responder") else 2
        assert method == METHODS[cell["method"]]
        assert power == with_error(cell["power"], 3)
        assert (model, empirical) == (with_error(cell["model_se"], digits), with_error(cell["empirical_se"], digits))
        assert failures.strip() == f"{cell['failures'][0]:.4f}"
        if cell["method"] == "delta":
            assert (own, bias.strip(), coverage.strip()) == ("none", "", "")
        else:
            assert own == f"{cell['own']['truth'][0]:.{digits}f}"
            assert (bias, coverage) == (with_error(cell["own"]["bias"], digits), with_error(cell["own"]["coverage"], 3))
        if cell["method"] == "mi":
            assert (policy, policy_bias.strip(), policy_coverage.strip()) == ("the same", "", "")
        else:
            assert policy == f"{cell['policy']['truth'][0]:.{digits}f}"
            assert (policy_bias, policy_coverage) == (
                with_error(cell["policy"]["bias"], digits),
                with_error(cell["policy"]["coverage"], 3),
            )


def test_every_number_of_the_paragraph_stands_in_the_record_or_is_a_ratio_of_two() -> None:
    made = record()
    cells = {(cell["mechanism"], cell["effect"], cell["method"]): cell for cell in made["cells"]}
    known = np.array(numbers_in(made["cells"]))
    ratios = np.array([cell["model_se"][0] / cell["empirical_se"][0] for cell in made["cells"]])
    for name, text in conclusions(cells).items():
        for printed in re.findall(NUMBER, text):
            assert stands_in(printed, ratios if name.endswith("ratio") else known), (name, printed)


def test_the_paragraph_holds_all_of_its_figures_and_no_field_is_left() -> None:
    made = record()
    cells = {(cell["mechanism"], cell["effect"], cell["method"]): cell for cell in made["cells"]}
    page, figures = missing_page(made), conclusions(cells)
    assert set(re.findall(r"{(\w+)}", CONCLUSIONS)) == set(figures)
    assert all(f" {text}" in page.replace("\n", " ").replace("(", " ") for text in figures.values())
    assert not re.search(r"[{}]", page)
    assert "12,345 replicates per cell, seed 4711" in page


def test_the_largest_of_several_is_found_where_it_is() -> None:
    made = record()
    cells = {(cell["mechanism"], cell["effect"], cell["method"]): cell for cell in made["cells"]}
    before = conclusions(cells)
    cells["mar", "none", "mi_limit"]["policy"]["bias"][0] = -7.77
    cells["mcar", "none", "mi"]["power"][0] = 0.987
    cells["mnar_by_arm", "registered", "mi"]["policy"]["bias"][0] = -8.88
    cells["mnar_by_arm", "none", "mi_limit"]["power"][0] = 0.876
    after = conclusions(cells)
    changed = {name: text for name, text in after.items() if text != before[name]}
    assert changed["ignorable_bias"].startswith("7.77")
    assert "to 0.987" in changed["ignorable_level"]
    assert changed["mnar_bias"].endswith("to 8.9")
    assert changed["mnar_level"].endswith("to 0.876")
    assert set(changed) == {"ignorable_bias", "ignorable_level", "mnar_bias", "mnar_level"}


def test_sentences_outside_the_fields_hold_no_result() -> None:
    """What is typed into the text are facts of the design and nominal levels, never a result with decimals."""
    typed = re.findall(NUMBER, re.sub(r"{[^}]*}", "", INTRO + CONCLUSIONS))
    assert {number for number in typed if "." in number} <= {"19.39"}  # the registered SD


@pytest.mark.parametrize(
    ("measure", "digits", "text"),
    [
        ([0.5, 0.01], 2, "0.50 ± 0.01"),
        ([0.5, 0.004], 2, "0.50 ± 0.004"),
        ([-1.25, 0.0], 2, "-1.25 ± 0.000"),
        ([0.0514, 0.0022], 3, "0.051 ± 0.002"),
    ],
)
def test_an_error_is_never_printed_as_nothing_where_a_digit_more_shows_it(measure: list[float], digits: int, text: str) -> None:
    assert with_error(measure, digits) == text


def test_the_page_is_written_beside_its_record(tmp_path: Path) -> None:
    (tmp_path / "missing_outcomes.json").write_text(json.dumps(record()), encoding="utf-8")
    path = write_missing_page(tmp_path)
    assert path == tmp_path / "missing_outcomes.md"
    assert path.read_text(encoding="utf-8") == missing_page(record())


def less(name: str) -> str:
    return json.dumps({key: value for key, value in record().items() if key != name})


@pytest.mark.parametrize(
    "content",
    [None, "", "{", "{}", "[]", less("cells"), less("seed"), json.dumps({**record(), "cells": []})],
    ids=lambda each: str(each)[:8],
)
def test_a_broken_record_is_told_in_one_line(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "missing_outcomes.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        write_missing_page(tmp_path)
    assert str(caught.value).startswith(f"{path}: it cannot be read: ")
    assert str(caught.value).endswith("Make it with `odisea dossier`")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "missing_outcomes.md").exists()


# ---------------------------------------------------------------- mice


@cache
def beside_mice() -> tuple[Trial, PlannedAnalysis]:
    """A simulated trial and the analysis with auxiliaries."""
    trial, _ = trial_in_memory((20261004, 0), scenario("registered"), mechanism("registered"), 200, protocol())
    return trial, next(one for one in lower_plan(protocol(), "as_recommended") if one.auxiliary.size)


def test_r_gets_the_contrast_with_every_number_as_it_is(tmp_path: Path) -> None:
    trial, planned = beside_mice()
    frame = pd.read_csv(mice.write_data(tmp_path / "mice.csv", trial, planned), dtype=str).astype(float)
    assert len(frame) == trial.arm.size
    np.testing.assert_array_equal(frame["arm"], trial.arm == planned.analysis.arm)
    np.testing.assert_array_equal(frame["y"], trial.values[planned.analysis.response])
    for letter, rows in (("x", planned.analysis.covariates), ("z", planned.analysis.imputation), ("a", planned.auxiliary)):
        used = [row for row in rows if letter == "a" or trial.values[row].any()]  # a level of nobody is no column for R
        columns = [name for name in frame.columns if name[0] == letter and name[1:].isdigit()]
        assert columns == [f"{letter}{place + 1}" for place in range(len(used))]
        for name, row in zip(columns, used, strict=True):
            np.testing.assert_array_equal(frame[name], trial.values[row])
    assert frame["y"].isna().any()
    assert frame.loc[frame["arm"] == 0, "a1"].isna().all()  # sessions are recorded in the programme arm alone
    assert not frame.filter(regex="^[xz]").isna().any(axis=None)


def test_a_third_arm_stays_out(tmp_path: Path) -> None:
    trial, planned = beside_mice()
    third = trial.arm.copy()
    third[:50] = 2
    frame = pd.read_csv(mice.write_data(tmp_path / "mice.csv", trial._replace(arm=third), planned))
    assert len(frame) == trial.arm.size - 50


def test_without_r_the_comparison_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(OdiseaError, match=r"there is no Rscript; R with mice\. Install r-cran-mice, or leave --mice out"):
        mice.read_mice(*beside_mice(), tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_failure_of_r_is_told_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "Rscript"
    program.write_text("#!/bin/sh\necho 'there is no package called mice' >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    with pytest.raises(OdiseaError, match=r"R failed: there is no package called mice.*Install r-cran-mice"):
        mice.read_mice(*beside_mice(), tmp_path)


def test_r_is_called_with_data_numbers_and_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "Rscript"
    program.write_text('#!/bin/sh\nprintf \'{"words": "%s %s", "sweeps": %s}\' "$2" "$3" "$4" > "$5"\n', encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    answer = mice.read_mice(*beside_mice(), tmp_path)
    assert answer == {"words": f"{tmp_path / 'mice.csv'} {mice.IMPUTATIONS}", "sweeps": mice.SWEEPS}


def has_mice() -> bool:
    program = shutil.which("Rscript")
    if program is None:
        return False
    done = subprocess.run([program, "-e", "library(mice)"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.full
def test_mice_gives_the_same_estimate_within_the_error_of_both_draws(tmp_path: Path) -> None:
    if not has_mice():
        pytest.skip("R with mice is not installed")
    trial, planned = beside_mice()
    planned = mice._with_imputations(planned)
    found = mice.read_mice(trial, planned, tmp_path, mice.COMPARED, mice.ARRIVED)
    own = carry_out(trial, planned).estimate
    error = np.sqrt(own.between / mice.IMPUTATIONS + found["between"] / mice.COMPARED)
    assert abs(own.estimate - found["estimate"]) < mice.AGREE * error  # one false alarm in 16 000
    # The variance between m imputations has a relative standard error of sqrt(2 / (m - 1)).
    assert found["between"] == pytest.approx(own.between, rel=mice.AGREE * 2.0 * np.sqrt(2.0 / (mice.COMPARED - 1)))
    assert found["seconds"] > 0.0
