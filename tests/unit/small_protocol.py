"""A small protocol of three arms with one questionnaire, written into a folder with one part changed at a time."""

from collections.abc import Mapping
from pathlib import Path

PROTOCOL = """\
# A made-up trial for tests.
odisea: {kind: protocol, schema: "1"}
trial: small
proposals: {by: tests, date: "2026-01-01"}
identification: {registry_id: ISRCTN00000000, title: {en: A small trial, es: Un ensayo pequeño}}
arms:
  - {id: active, label: Active, interventions: [exercise]}
  - {id: placebo, label: Placebo}
  - {id: usual, label: {en: Usual care, es: Atención habitual}, planned_n: 40}
contrasts:
  - {id: active_vs_usual, arm: active, reference: usual, label: Active minus usual}
interventions:
  exercise: {label: {en: Exercise, es: Ejercicio}}
schedule:
  visits:
    - {id: start, week: 0, label: Start}
    - {id: end, week: 12, label: End}
instruments:
  scale: scale.yaml
outcomes:
  scale: {label: Scale, kind: continuous, level: primary, instrument: scale, visits: [start, end], baseline: start}
  cured: {label: {en: Cured, es: Curado}, kind: binary, level: secondary, visits: [end]}
  logins: {label: Logins, kind: count, level: secondary, visits: [start, end], baseline: start, direction: higher_better, arms: [active]}
objectives:
  - {id: main, level: primary, text: Better, outcomes: [scale]}
estimands:
  - {id: difference, label: Difference, objective: main, contrast: active_vs_usual, outcome: scale, visit: end}
randomisation: {ratio: [2, 1, 1]}
sample_size: {outcome: scale, per_arm: [80, 40, 40], attrition: 0.2}
analysis:
  coding:
    age: {kind: continuous, column: age_years, label: Age}
    weight: {kind: continuous, column: start_weight, label: Weight}
    sex: {proposed: {kind: categorical, levels: {column: sex, codes: [female, male]}, reference: female, label: Sex}, reason: usual}
    decade: {kind: categorical, classes: {column: age_years, levels: {young: [18, 39], old: [40, 90]}}, reference: young, label: Decade}
  plans:
    main:
      label: Main
      alpha: {proposed: 0.05, reason: usual}
      covariates: [scale@start, age, sex]
      imputation: {variables: [scale@start, age], m: 5}
      responder:
        scale: {proposed: {improvement_of_at_least: 4, unit: points}, reason: usual}
      analyses:
        - {id: ancova, label: ANCOVA, outcome: scale, visit: end, contrast: active_vs_usual, method: ancova,
           missing_data: multiple_imputation, measure: mean_difference, role: primary, truth: treatment_policy_mean, estimand: difference}
        - {id: cure, label: Cure, outcome: cured, visit: end, contrast: active_vs_usual, method: logistic,
           missing_data: non_responder, measure: risk_difference, role: secondary, truth: composite_risk_difference, covariates: []}
export: {dictionaries: [core.yaml, own.yaml]}
"""

INSTRUMENT = """\
# A made-up scale for tests.
odisea: {kind: instrument, schema: "1"}
instrument: scale
proposals: {by: tests, date: "2026-01-01"}
label: {en: Scale, es: Escala}
measures: {en: Something, es: Algo}
score: percent_of_maximum
direction: lower_better
unit: points
range: [0, 100]
resolution: 0.1
items: {file: items.csv, columns: [first, second], range: [0, 4]}
minimum_answered: {proposed: 2, reason: all of them}
"""

CORE = """\
# A made-up core for tests.
odisea: {kind: dictionary, schema: "1"}
dictionary: core
missing_reasons: {unknown: {en: unknown, es: se desconoce}}
files:
  participants.csv:
    description: Participants
    key: [participant_id]
    required: true
    columns:
      participant_id: {type: id, required: true, description: Participant}
  visits.csv:
    description: Visits
    key: [participant_id, visit]
    columns:
      participant_id: {type: id, required: true, description: Participant}
      visit: {type: cat, codes_from: visits, required: true, description: Visit}
      reason: {type: cat, codes_from: missing_reasons, description: Reason}
"""

OWN = """\
# A made-up trial's dictionary for tests.
odisea: {kind: dictionary, schema: "1"}
dictionary: own
files:
  participants.csv:
    columns:
      age_years: {type: int, range: [18, 90], description: Age}
      sex: {type: cat, codes: [female, male], description: Sex}
      start_weight: {type: num, description: Weight, arms: [active]}
  items.csv:
    description: Items
    key: [participant_id, visit]
    columns:
      participant_id: {type: id, required: true, description: Participant}
      visit: {type: cat, codes_from: visits, required: true, description: Visit}
      first: {type: int, range: [0, 4], description: First}
      second: {type: int, range: [0, 4], description: Second}
"""

FILES = {"protocol.yaml": PROTOCOL, "scale.yaml": INSTRUMENT, "core.yaml": CORE, "own.yaml": OWN}


def write_small_protocol(folder: Path, changes: Mapping[str, tuple[str, str]] | None = None) -> Path:
    """Write the files, in each named one the first text replaced by the second, and return the protocol's path."""
    for name, text in FILES.items():
        old, new = (changes or {}).get(name, ("", ""))
        assert not old or text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        (folder / name).write_text(text.replace(old, new) if old else text, encoding="utf-8")
    return folder / "protocol.yaml"


def place_of(path: Path, text: str) -> str:
    """Return `file:line:column` of the only occurrence of a text in a file."""
    content = path.read_text(encoding="utf-8")
    assert content.count(text) == 1, f"{text!r} stands {content.count(text)} times in {path.name}"
    before = content[: content.index(text)]
    return f"{path}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
