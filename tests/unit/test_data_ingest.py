"""Raw site files to the export folder: long and wide layouts, codes, units, days, exclusions - and what is refused."""

from pathlib import Path

import pytest

from odisea.data.derive import derive, trial_rows
from odisea.data.flow import participant_flow
from odisea.data.ingest import write_ingested
from odisea.data.read_export import read_export
from odisea.errors import DataError, OdiseaError, ProtocolError
from odisea.protocol.load import load_protocol

ROOT = Path(__file__).parents[2]
PROTOCOL = """\
odisea: {kind: protocol, schema: "1"}
trial: small
identification: {registry_id: not_stated, title: A small trial}
arms: [{id: tele, label: T}, {id: control, label: C}]
contrasts: [{id: c, arm: tele, reference: control, label: T minus C}]
schedule: {visits: [{id: baseline, week: 0, label: B}, {id: week6, week: 6, label: W}]}
instruments: {odi: odi.yaml}
outcomes:
  odi: {label: ODI, kind: continuous, level: primary, instrument: odi, visits: [baseline, week6], baseline: baseline}
  pain: {label: Pain, kind: continuous, level: secondary, range: [0, 10], visits: [baseline, week6], baseline: baseline}
analysis:
  coding:
    sex: {kind: categorical, levels: {column: sex, codes: [female, male]}, reference: female, label: Sex}
    weight: {kind: continuous, column: weight_kg, label: Weight}
  plans:
    p:
      label: Plan
      analyses:
        - id: a
          label: A
          outcome: odi
          visit: week6
          contrast: c
          method: ancova
          missing_data: complete_case
          measure: mean_difference
          role: primary
          truth: none
export: {dictionaries: [core.yaml, dictionary.yaml]}
"""
INSTRUMENT = """\
odisea: {kind: instrument, schema: "1"}
instrument: odi
label: ODI
measures: Disability
score: percent_of_maximum
direction: lower_better
unit: points
range: [0, 100]
items: {file: odi.csv, columns: [item_1, item_2], range: [0, 5]}
minimum_answered: 1
"""
DICTIONARY = """\
odisea: {kind: dictionary, schema: "1"}
dictionary: small
files:
  participants.csv:
    columns:
      sex: {type: cat, codes: [female, male], required: true, filled: true, description: Sex}
      weight_kg: {type: num, range: [30, 250], unit: kg, description: Weight}
      age_years: {type: int, range: [18, 99], description: Age}
  odi.csv:
    description: Items
    key: [participant_id, visit]
    columns:
      participant_id: {type: id, description: Participant}
      visit: {type: cat, codes_from: visits, description: Visit}
      item_1: {type: int, range: [0, 5], description: Item}
      item_2: {type: int, range: [0, 5], description: Item}
"""
MAPPING = """\
odisea: {kind: mapping, schema: "1"}
trial: small
protocol: protocol.yaml
missing_reason: lost_to_follow_up
sources:
  ficha:
    file: ficha.csv
    encoding: cp1252
    delimiter: ";"
    decimal: ","
    missing: [NA, "-99"]
    participant: {column: folio, whole_number: true, prefix: P, digits: 4}
    skip: [{when: {column: folio, among: [Total]}, reason: A row of sums}]
  visitas:
    file: visitas.csv
    participant: {column: folio, whole_number: true, prefix: P, digits: 4}
    visit: {column: evento, codes: {inicio: baseline, final: week6}, ignored: [llamada]}
people:
  source: ficha
  excluded:
    - {when: {column: edad, below: 18}, outcome: ineligible, reason_code: I1}
    - {when: {column: grupo, missing: true}, outcome: eligible_declined, reason_code: declined}
participants:
  sex: {column: género, codes: {M: female, H: male}}
  weight_kg: {column: peso_lb, factor: 0.45359237}
  age_years: {column: edad}
  consent_date: {column: fecha, date_format: DD/MM/YYYY}
  site_id: {constant: UMF69}
allocation: {column: grupo, codes: {"1": tele, "2": control}}
visit_date: {column: dia, source: visitas}
outcomes:
  pain:
    each_visit: {column: dolor, source: visitas}
    visits: {baseline: {column: dolor_inicial}}
    missing_reason: unknown
files:
  odi.csv:
    source: visitas
    columns: {item_1: {column: r1}, item_2: {column: r2}}
"""
FICHA = """\
folio;género;peso_lb;edad;fecha;grupo;dolor_inicial
1.0;M;160;40;03/10/2025;1;5,5
2;H;NA;60;04/10/2025;2;4
3;H;150,5;17;04/10/2025;;4
4;M;-99;30;;NA;4
Total;;;;;;
"""
VISITAS = """\
folio,evento,dia,dolor,r1,r2
1,inicio,2025-10-04,,3,2
1,llamada,,,,
1,final,2025-11-15,2,1,
2,inicio,2025-10-05,,5,5
4,inicio,2025-10-05,,5,5
"""
FILES = {"protocol.yaml": PROTOCOL, "odi.yaml": INSTRUMENT, "dictionary.yaml": DICTIONARY, "mapping.yaml": MAPPING, "visitas.csv": VISITAS}


def ingest(folder: Path, *edits: tuple[str, str, str]) -> Path:
    """Write the site's files with some edits (file, old, new), ingest them, and return the export folder."""
    files = {**FILES, "ficha.csv": FICHA, "core.yaml": (ROOT / "protocol" / "dictionary" / "core.yaml").read_text(encoding="utf-8")}
    for name, old, new in edits:
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="cp1252" if name == "ficha.csv" else "utf-8")
    write_ingested(folder / "mapping.yaml", folder, folder / "out" / "export")
    return folder / "out" / "export"


def told(folder: Path, *edits: tuple[str, str, str]) -> list[str]:
    with pytest.raises(OdiseaError) as caught:
        ingest(folder, *edits)
    assert not (folder / "out").exists()
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_raw_files_become_the_export_folder(tmp_path: Path) -> None:
    export = ingest(tmp_path)
    expected = {
        "participants.csv": """\
participant_id,site_id,consent_date,sex,weight_kg,age_years
P0001,UMF69,2025-10-03,female,72.5747792,40
P0002,UMF69,2025-10-04,male,,60
""",
        "screening.csv": """\
screen_no,outcome,reason_code
1,eligible_randomised,
2,eligible_randomised,
3,ineligible,I1
4,eligible_declined,declined
""",
        "visits.csv": """\
participant_id,visit,visit_date,status,missed_reason
P0001,baseline,2025-10-04,done,
P0001,week6,2025-11-15,done,
P0002,baseline,2025-10-05,done,
P0002,week6,,missed,lost_to_follow_up
""",
        "outcomes.csv": """\
participant_id,visit,outcome,value,missing
P0001,baseline,pain,5.5,
P0001,week6,pain,2,
P0002,baseline,pain,4,
P0002,week6,pain,,unknown
""",
        "odi.csv": """\
participant_id,visit,item_1,item_2
P0001,baseline,3,2
P0001,week6,1,
P0002,baseline,5,5
""",
        "../restricted/allocation.csv": "randomisation_no,arm,participant_id\n1,tele,P0001\n2,control,P0002\n",
    }
    assert {name: (export / name).read_text(encoding="utf-8") for name in expected} == expected
    written = {path.name for path in export.iterdir()}
    assert written == {name for name in expected if "/" not in name} | {"export_manifest.json", "datapackage.json"}


def test_ingested_trial_reads_back_with_its_flow(tmp_path: Path) -> None:
    export = ingest(tmp_path)
    protocol = load_protocol(tmp_path / "protocol.yaml")
    read = read_export(export, protocol, export.parent / "restricted" / "allocation.csv")
    trial = derive(read, protocol)
    rows = {name: list(row) for name, row in zip(trial_rows(protocol), trial.values, strict=True)}
    assert rows["odi@baseline"] == [50.0, 100.0]
    assert rows["odi@week6"][0] == 20.0
    assert rows["sex=male"] == [0.0, 1.0]
    assert list(trial.arm) == [0, 1]
    flow = participant_flow(read, protocol)
    assert (flow.assessed, flow.randomised) == (4, 2)
    assert flow.excluded == {("eligible_declined", "declined"): 1, ("ineligible", "I1"): 1}


def test_wide_columns_make_the_same_items_as_rows_per_visit(tmp_path: Path) -> None:
    (tmp_path / "long").mkdir()
    (tmp_path / "wide").mkdir()
    long = ingest(tmp_path / "long")
    rows = "    source: visitas\n    columns: {item_1: {column: r1}, item_2: {column: r2}}\n"
    columns = """\
    source: ancho
    visits:
      baseline: {item_1: {column: a1}, item_2: {column: a2}}
      week6: {item_1: {column: b1}, item_2: {column: b2}}
"""
    source = "  ancho: {file: ancho.csv, participant: {column: folio, prefix: P}}\npeople:"
    (tmp_path / "wide" / "ancho.csv").write_text("folio,a1,a2,b1,b2\n0001,3,2,1,\n0002,5,5,,\n0004,5,5,,\n", encoding="utf-8")
    wide = ingest(tmp_path / "wide", ("mapping.yaml", rows, columns), ("mapping.yaml", "people:", source))
    assert (wide / "odi.csv").read_bytes() == (long / "odi.csv").read_bytes()


def test_person_without_identifier_column_is_numbered_by_row(tmp_path: Path) -> None:
    rule = "participant: {column: folio, whole_number: true, prefix: P, digits: 4}\n    skip"
    export = ingest(tmp_path, ("mapping.yaml", rule, "participant: {row_number: true, prefix: P, digits: 4}\n    skip"))
    assert (export / "participants.csv").read_text(encoding="utf-8").splitlines()[1].startswith("P0001,UMF69,2025-10-03,female")


FAULTS: dict[str, tuple[tuple[str, str, str], str]] = {
    "code that the mapping does not know": (
        ("ficha.csv", "1.0;M;", "1.0;X;"),
        "ficha.csv: row 2, column género: found 'X'; allowed: M, H. Add the code to the mapping, or correct the raw file.",
    ),
    "arm that the mapping does not know": (
        ("ficha.csv", "04/10/2025;2;4", "04/10/2025;3;4"),
        "ficha.csv: row 3, column grupo: found '3'; allowed: 1, 2. Add the code to the mapping, or correct the raw file.",
    ),
    "visit that the mapping does not know": (
        ("visitas.csv", "1,final", "1,mes3"),
        "visitas.csv: row 4, column evento: found 'mes3'; allowed: inicio, final, llamada. "
        "Add it to the mapping's visit codes, or to ignored.",
    ),
    "day in another format": (
        ("ficha.csv", "03/10/2025", "2025-10-03"),
        "ficha.csv: row 2, column fecha: found '2025-10-03'; allowed: a day written DD/MM/YYYY. "
        "Correct the raw file, or the mapping's date_format.",
    ),
    "number with the other decimal mark": (
        ("ficha.csv", "5,5", "5.5"),
        "ficha.csv: row 2, column dolor_inicial: found '5.5'; allowed: a number with a decimal comma. "
        "Add it to the source's missing texts, give it a code, or correct the raw file.",
    ),
    "missing text that is not declared": (
        ("ficha.csv", ";NA;60", ";n/d;60"),
        "ficha.csv: row 3, column peso_lb: found 'n/d'; allowed: a number with a decimal comma. "
        "Add it to the source's missing texts, give it a code, or correct the raw file.",
    ),
    "value out of the outcome's range": (
        ("visitas.csv", "2025-11-15,2,", "2025-11-15,20,"),
        "visitas.csv: row 4, column dolor: found '20'; allowed: a number with a decimal point from 0 to 10. "
        "Correct the value at its source; nothing is changed here.",
    ),
    "missing value where one is needed": (
        ("ficha.csv", "2;H;", "2;NA;"),
        "ficha.csv: row 3, column género: the cell is missing; allowed: female, male. Fill the cell; every row needs a value here.",
    ),
    "person in one file only": (
        ("visitas.csv", "2,inicio", "9,inicio"),
        "visitas.csv: row 5, column folio: unknown participant 'P0009'; allowed: those of ficha.csv. Correct one of the files.",
    ),
    "row without a person": (
        ("visitas.csv", "2,inicio", "?,inicio"),
        "visitas.csv: row 5, column folio: found '?'; needed: a whole number. Correct the raw file, or skip the row by a rule.",
    ),
    "second row of a visit": (
        ("visitas.csv", "1,llamada,,,,", "1,final,,3,,"),
        "visitas.csv: row 4, column dolor: a second value of P0001 at week6 (the first stands in row 3); "
        "allowed: one row per person and visit. Keep the right row.",
    ),
    "contradicting rows of a person": (
        ("ficha.csv", "Total;;;", "1;H;;"),
        "ficha.csv: row 6, column género: found 'H', but row 2 of P0001 says 'M'; needed: one value per person. "
        "Correct it in the raw file, or say in the mapping what it means.",
    ),
    "column that is not there": (
        ("ficha.csv", "peso_lb", "peso"),
        "ficha.csv: row 1: the column 'peso_lb' of the mapping is missing; "
        "its columns are folio, género, peso, edad, fecha, grupo, dolor_inicial. "
        "Correct the mapping, or get the full file.",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_of_a_raw_file_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    change, said = FAULTS[name]
    assert said in told(tmp_path, change)


def test_faults_of_all_raw_files_are_told_at_once(tmp_path: Path) -> None:
    names = ("code that the mapping does not know", "day in another format", "value out of the outcome's range")
    said = told(tmp_path, *(FAULTS[name][0] for name in names))
    assert said == [FAULTS[name][1] for name in names]


def test_raw_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    ingest(tmp_path)
    (tmp_path / "raw").mkdir()
    with pytest.raises(DataError, match=r"ficha\.csv: there is no such file; the mapping reads it\. Give the folder that holds it\."):
        write_ingested(tmp_path / "mapping.yaml", tmp_path / "raw", tmp_path / "other")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "trial: small",
            "trial: other",
            "mapping.yaml:2:8: the mapping is for other; its protocol is of small. Give the mapping of this trial",
        ),
        (
            "final: week6",
            "final: week7",
            "mapping.yaml:17:62: week7 is no visit; known are baseline, week6. Use a declared name, or declare this one",
        ),
        (
            '"2": control',
            '"2": usual',
            "mapping.yaml:29:53: usual is no arm; known are tele, control. Use a declared name, or declare this one",
        ),
        (
            "  sex: {column: género",
            "  gender: {column: género",
            "mapping.yaml:24:11: gender is no column of participants.csv; known are participant_id, site_id, consent_date, "
            "randomisation_date, sex, weight_kg, age_years. Use a declared name, or declare this one",
        ),
        (
            "item_2: {column: r2}",
            "item_3: {column: r2}",
            "mapping.yaml:39:45: item_3 is no column of odi.csv; known are participant_id, visit, item_1, item_2. "
            "Use a declared name, or declare this one",
        ),
        (
            "each_visit: {column: dolor, source: visitas}",
            "each_visit: {column: dolor_inicial}",
            "mapping.yaml:33:17: the source ficha has no visit; each_visit and visit_date read a long source, which has a visit column. "
            "Give its visit column, or a column per visit",
        ),
        (
            "{column: grupo, missing: true}",
            "{column: grupo}",
            "mapping.yaml:22:14: people.excluded.1.when: no test is given; a condition has exactly one of among, missing, below, above",
        ),
    ],
)
def test_fault_of_the_mapping_is_told_at_its_line(old: str, new: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError) as caught:
        ingest(tmp_path, ("mapping.yaml", old, new))
    assert said in [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def test_manifest_names_the_hashes_of_what_the_folder_was_made_of(tmp_path: Path) -> None:
    manifest = (ingest(tmp_path) / "export_manifest.json").read_text(encoding="utf-8")
    assert '"origin": "real"' in manifest
    for name in ("protocol", "mapping", "ficha.csv", "visitas.csv", "participants.csv"):
        assert f'"{name}": ' in manifest
