"""Suggested changes applied to a copy: only the lines concerned move, and what comes out is what was meant."""

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sound_protocol import SOUND, changed

from odisea.check import write_fixed
from odisea.protocol.load import Located, load_located_protocol
from odisea.protocol.model import Protocol
from odisea.protocol.rules.check import Given, check
from odisea.protocol.rules.evaluate import evaluate
from odisea.protocol.rules.finding import Accepted, Finding, Fix, Said
from odisea.protocol.rules.harms import definition
from odisea.protocol.rules.mend import Mended, mend
from odisea.protocol.rules.rule import ASK, Case, Patch, put

TRIAL = Path(__file__).parents[2] / "protocol" / "nct07248813.yaml"
TODAY = "2026-01-31"
TEXT = TRIAL.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trial() -> Located[Protocol]:
    return load_located_protocol(TRIAL)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Finding:
    located = changed(tmp_path_factory.mktemp("one_gap"), {"/harms/definition": "not_stated"})
    return evaluate(Case(located), (definition,)).findings[0]


def suggesting(template: Finding, *patches: Patch, line: int = 1) -> Finding:
    return replace(template, suggested_fix=Fix("", "", patches), spec_path=patches[0].path, line=line)


def mended(located: Located[Protocol], template: Finding, *patches: Patch, texts: dict[str, str] | None = None) -> Mended:
    return mend(located, texts or {"": TEXT}, [suggesting(template, patch, line=n) for n, patch in enumerate(patches, 1)], TODAY)


def moved(old: str, new: str) -> tuple[list[str], list[str]]:
    """Return the lines that went and those that came."""
    lines = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    return [line[2:] for line in lines if line.startswith("- ")], [line[2:] for line in lines if line.startswith("+ ")]


def comments(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith("#")]


def test_a_replaced_value_moves_its_own_line_only(trial: Located[Protocol], template: Finding) -> None:
    new = mended(trial, template, put("/sample_size/power", 0.9)).texts[""]
    assert moved(TEXT, new) == (["  power: 0.8"], ["  power: 0.9"])


@pytest.mark.parametrize(
    ("patch", "gone", "come"),
    [
        (put("/schedule/visits/1/window_days", [7, 7]), ["      window_days: not_stated"], ["      window_days: [7, 7]"]),
        (put("/odisea/kind", "protocol"), [], []),
        (put("/arms/1/planned_n", 120), ["    planned_n: 100"], ["    planned_n: 120"]),
        (put("/schedule/weekly/-", "harms"), ["  weekly: [live_session, log_review]"], ["  weekly: [live_session, log_review, harms]"]),
        (Patch("remove", "/schedule/weekly/0"), ["  weekly: [live_session, log_review]"], ["  weekly: [log_review]"]),
        (put("/design/margin", 3), [], ["  margin: 3"]),
        (
            Patch("remove", "/population/exclusion/2"),
            ["    - id: E3", "      text: {en: Pregnancy, es: Embarazo}", "      check: {variable: pregnant, op: eq, value: true}"],
            [],
        ),
        (
            put("/population/exclusion/-", {"id": "E8", "text": {"en": "Cauda equina: any sign", "es": "Signos de cauda equina"}}),
            [],
            ['    - {id: E8, text: {en: "Cauda equina: any sign", es: "Signos de cauda equina"}}'],
        ),
        (put("/harms/definition", "40 %"), ["  definition: not_stated"], ['  definition: "40 %"']),
    ],
)
def test_each_kind_of_change_moves_the_lines_concerned(
    trial: Located[Protocol], template: Finding, patch: Patch, gone: list[str], come: list[str]
) -> None:
    new = mended(trial, template, patch).texts[""]
    assert moved(TEXT, new) == (gone, come)
    assert comments(new) == comments(TEXT)


def test_a_new_key_stands_at_the_end_of_its_own_block(trial: Located[Protocol], template: Finding) -> None:
    lines = mended(trial, template, put("/design/margin", 3)).texts[""].splitlines()
    place = lines.index("  margin: 3")
    assert lines[place - 1] == "  feasibility_criteria: not_stated"
    assert lines[place + 1 : place + 3] == ["", "arms:"]


def test_a_new_section_stands_at_the_end_of_the_file_and_loads(tmp_path: Path, template: Finding) -> None:
    located = changed(tmp_path, {"/harms": "~remove"})
    texts = {"": (tmp_path / "protocol.yaml").read_text(encoding="utf-8")}
    patch = put("/harms/collection", {"en": "Asked at every visit", "es": "Se pregunta en cada visita"})
    new = mended(located, template, patch, texts=texts).texts[""]
    assert new.endswith('\nharms:\n  collection:\n    en: "Asked at every visit"\n    es: "Se pregunta en cada visita"\n') or new.endswith(
        '\nharms: {collection: {en: "Asked at every visit", es: "Se pregunta en cada visita"}}\n'
    )
    (tmp_path / "protocol.yaml").write_text(new, encoding="utf-8")
    assert load_located_protocol(tmp_path / "protocol.yaml").value.harms.collection.known


def test_the_copy_loads_and_holds_what_was_suggested(tmp_path: Path, template: Finding) -> None:
    located = changed(tmp_path, {})
    texts = {"": (tmp_path / "protocol.yaml").read_text(encoding="utf-8")}
    reason = {"en": "Counted from the text, which names two: the unit and the clinic", "es": "Contado en el texto; nombra dos"}
    patches = (
        put("/sample_size/power", 0.85),
        put("/design/centres", {"derived": 2, "from": reason}),
        Patch("remove", "/population/exclusion/0"),
    )
    new = mended(located, template, *patches, texts=texts).texts[""]
    (tmp_path / "protocol.yaml").write_text(new, encoding="utf-8")
    after = load_located_protocol(tmp_path / "protocol.yaml").value
    assert (after.sample_size.power.value, after.design.centres.value, after.design.centres.status) == (0.85, 2, "derived")
    assert after.population.exclusion == located.value.population.exclusion[1:]


def test_a_placeholder_is_never_applied(trial: Located[Protocol], template: Finding) -> None:
    asking = [put("/harms/definition", ASK), put("/design/margin", {"derived": ASK, "from": "x"}), put("/schedule/weekly/-", [ASK])]
    result = mended(trial, template, *asking)
    assert (result.texts, result.applied) == ({}, ())
    assert result.waiting == ("HRM-01 /harms/definition", "HRM-01 /design/margin", "HRM-01 /schedule/weekly/-")


def test_a_finding_that_asks_for_one_of_its_changes_makes_none(trial: Located[Protocol], template: Finding) -> None:
    result = mend(trial, {"": TEXT}, [suggesting(template, put("/sample_size/power", 0.9), put("/harms/definition", ASK))], TODAY)
    assert (result.texts, len(result.waiting)) == ({}, 1)


def test_of_two_changes_at_one_place_the_first_counts_and_the_second_is_named(trial: Located[Protocol], template: Finding) -> None:
    result = mended(trial, template, put("/sample_size/power", 0.9), put("/sample_size/power", 0.95))
    assert moved(TEXT, result.texts[""]) == (["  power: 0.8"], ["  power: 0.9"])
    assert (result.applied, result.left) == (("HRM-01 /sample_size/power",), ("HRM-01 /sample_size/power",))


def test_a_change_inside_what_another_removes_is_left(trial: Located[Protocol], template: Finding) -> None:
    result = mended(trial, template, Patch("remove", "/population/exclusion/2"), put("/population/exclusion/2/id", "E9"))
    assert result.left == ("HRM-01 /population/exclusion/2/id",)


def test_the_same_change_twice_is_made_once(trial: Located[Protocol], template: Finding) -> None:
    result = mended(trial, template, put("/schedule/weekly/-", "harms"), put("/schedule/weekly/-", "harms"))
    assert "weekly: [live_session, log_review, harms]\n" in result.texts[""]
    assert (len(result.applied), result.left) == (2, ())


def test_two_entries_are_appended_to_one_list(trial: Located[Protocol], template: Finding) -> None:
    result = mended(trial, template, put("/schedule/weekly/-", "harms"), put("/schedule/weekly/-", "sick_leave"))
    assert "weekly: [live_session, log_review, harms, sick_leave]\n" in result.texts[""]


def test_entries_of_one_list_are_removed_from_the_end(trial: Located[Protocol], template: Finding) -> None:
    patches = [Patch("remove", f"/population/inclusion/{place}") for place in (0, 6, 2)]
    data = yaml.safe_load(mended(trial, template, *patches).texts[""])
    assert [each["id"] for each in data["population"]["inclusion"]] == ["I2", "I4", "I5", "I6"]


def test_an_accepted_finding_changes_nothing(trial: Located[Protocol], template: Finding) -> None:
    accepted = Accepted("Committee", "2026-01-01", "2027-01-01", Said("", ""))
    finding = replace(suggesting(template, put("/sample_size/power", 0.9)), waiver=accepted)
    assert mend(trial, {"": TEXT}, [finding], TODAY) == Mended({}, (), ())


def test_what_is_not_there_cannot_be_removed_and_is_named(trial: Located[Protocol], template: Finding) -> None:
    result = mended(trial, template, Patch("remove", "/waivers/waivers/0"))
    assert (result.texts, result.left) == ({}, ("HRM-01 /waivers/waivers/0",))


def test_an_instrument_s_file_is_changed_in_its_own_text(trial: Located[Protocol], template: Finding) -> None:
    name = "instruments/odi.yaml"
    text = (TRIAL.parent / name).read_text(encoding="utf-8")
    result = mended(trial, template, put("/instruments/odi/version", "2.1a"), texts={"": TEXT, name: text})
    assert list(result.texts) == [name]
    assert moved(text, result.texts[name]) == (["version: not_stated"], ['version: "2.1a"'])


def test_a_change_of_a_file_that_was_not_given_is_named(trial: Located[Protocol], template: Finding) -> None:
    result = mended(trial, template, put("/instruments/odi/version", "2.1a"))
    assert (result.texts, result.applied, result.left) == ({}, (), ("HRM-01 /instruments/odi/version",))


# A layout of another author: lists under the first letter, broken lists, doubled spaces, headings that belong to what follows.
ODD = """\
# Head.
a:
  x:   1   # about x
  list:
  - id: one
    v: [1,
        2]
  # about two
  - id: two   # the second

# ---- heading of b
b: {c: 1,  d: "ñ"}
folded: >
  some words
  and more

blk:  # about blk
  derived: 3
  from: counted
# ---- heading of the last
last: 'quoted'
# end
"""


def odd(located: Located[Protocol], template: Finding, patch: Patch, text: str = ODD) -> str:
    """Return the odd text after a change; what is removed there must be written, which the mending asks the loader's document."""
    document = replace(located.document, values={**located.document.values, patch.path: next(iter(located.document.values.values()))})
    return mend(replace(located, document=document), {"": text}, [suggesting(template, patch)], TODAY).texts[""]


@pytest.mark.parametrize(
    ("patch", "gone", "come"),
    [
        (put("/a/x", 2), ["  x:   1   # about x"], ["  x:   2   # about x"]),
        (put("/a/more", 2), [], ["  more: 2"]),
        (put("/a/list/-", {"id": "three"}), [], ["  - {id: three}"]),
        (put("/a/list/0/v/1", 3), ["        2]"], ["        3]"]),
        (put("/a/list/0/w", True), [], ["    w: true"]),
        (Patch("remove", "/a/list/1"), ["  - id: two   # the second"], []),
        (Patch("remove", "/a/list/0/id"), ["  - id: one", "    v: [1,"], ["  - v: [1,"]),
        (Patch("remove", "/b/c"), ['b: {c: 1,  d: "ñ"}'], ['b: {d: "ñ"}']),
        (Patch("remove", "/b/d"), ['b: {c: 1,  d: "ñ"}'], ["b: {c: 1}"]),
        (put("/b/e", [1]), ['b: {c: 1,  d: "ñ"}'], ['b: {c: 1,  d: "ñ", e: [1]}']),
        (put("/folded", "no"), ["folded: >", "  some words", "  and more"], ['folded: "no"']),
        (put("/blk", 4), ["blk:  # about blk", "  derived: 3", "  from: counted"], ["blk: 4  # about blk"]),
        (put("/blk/from", "read"), ["  from: counted"], ["  from: read"]),
        (put("/last", "2026-01-01"), ["last: 'quoted'"], ['last: "2026-01-01"']),
        (put("/last/deep", 1), ["last: 'quoted'"], ["last: {deep: 1}"]),
        (put("/last/deep/-", 1), ["last: 'quoted'"], ["last: {deep: [1]}"]),
    ],
)
def test_an_author_s_own_layout_stays(trial: Located[Protocol], template: Finding, patch: Patch, gone: list[str], come: list[str]) -> None:
    new = odd(trial, template, patch)
    assert moved(ODD, new) == (gone, come)
    yaml.safe_load(new)


def test_a_long_value_is_written_as_a_block_with_the_comment_at_its_name(trial: Located[Protocol], template: Finding) -> None:
    value = {"derived": 2, "from": {"en": "words " * 12 + "end", "es": "palabras " * 8 + "fin"}}
    new = odd(trial, template, put("/a/x", value))
    assert "  x:   # about x\n    derived: 2\n    from:\n      en: " in new
    assert yaml.safe_load(new)["a"]["x"] == value


def test_the_last_entry_of_a_block_leaves_an_empty_one(trial: Located[Protocol], template: Finding) -> None:
    text = "a:\n  list:\n    - one\n  block:\n    key: 1\n"
    assert odd(trial, template, Patch("remove", "/a/list/0"), text) == "a:\n  list: []\n  block:\n    key: 1\n"
    assert odd(trial, template, Patch("remove", "/a/block/key"), text) == "a:\n  list:\n    - one\n  block: {}\n"


def test_line_ends_of_windows_stay(trial: Located[Protocol], template: Finding) -> None:
    text = ODD.replace("\n", "\r\n")
    new = odd(trial, template, put("/a/more", "ü"), text)
    assert new == odd(trial, template, put("/a/more", "ü")).replace("\n", "\r\n")
    assert new.count("\n") == new.count("\r\n")


def test_a_byte_order_mark_stays_and_shifts_nothing(trial: Located[Protocol], template: Finding) -> None:
    assert odd(trial, template, put("/a/x", 2), f"\ufeff{ODD}") == "\ufeff" + odd(trial, template, put("/a/x", 2))


def test_letters_of_every_script_stay_and_count_as_one(trial: Located[Protocol], template: Finding) -> None:
    text = "a: {en: “ñandú” 𝛼, es: 猫}  # ¿qué?\nb: {c: 1}\n"
    assert odd(trial, template, put("/b/c", "Ω"), text) == 'a: {en: “ñandú” 𝛼, es: 猫}  # ¿qué?\nb: {c: "Ω"}\n'


LETTERS = st.characters(exclude_categories=["C", "Z"]) | st.just(" ")
SCALARS = st.one_of(st.booleans(), st.integers(-999, 999), st.text(LETTERS, max_size=12))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.from_regex("[a-z]{1,6}", fullmatch=True), inner, max_size=3)),
    max_leaves=8,
)


@given(value=VALUES, pointer=st.sampled_from(["/a/x", "/a/list/1/id", "/b/d", "/blk", "/folded", "/new/deep", "/a/list/0"]))
def test_whatever_is_written_is_read_back_and_nothing_else_changes(
    trial: Located[Protocol], template: Finding, value: Any, pointer: str
) -> None:
    expected = yaml.safe_load(ODD)
    steps = [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]]
    place: Any = expected
    for step in steps[:-1]:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    place[steps[-1]] = value
    assert yaml.safe_load(odd(trial, template, put(pointer, value))) == expected


def test_every_change_that_the_rules_suggest_for_our_trial_keeps_the_comments_and_loads(trial: Located[Protocol], tmp_path: Path) -> None:
    from odisea.protocol.rules.catalogue import RULES

    parts = {trial.name_of(part): Path(part.name).read_text(encoding="utf-8") for part in trial.parts.values()}
    result = mend(trial, {"": TEXT, **parts}, evaluate(Case(trial), RULES).findings, TODAY)
    for name, text in {"nct07248813.yaml": result.texts.get("", TEXT), **parts, **{n: t for n, t in result.texts.items() if n}}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    load_located_protocol(tmp_path / "nct07248813.yaml")
    assert comments(result.texts.get("", TEXT)) == comments(TEXT)


def test_the_copy_has_the_layout_of_the_originals_which_stay(tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    folder.mkdir()
    located = changed(folder, {"/analysis/covariate_term": "confounders"})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = write_fixed(check(located, Given(today="2026-02-01")), tmp_path / "fixed")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert {path.name for path in (tmp_path / "fixed").iterdir()} == set(before)
    again = load_located_protocol(tmp_path / "fixed" / "protocol.yaml")
    open_ones = {f"{each.rule_id} {each.spec_path}" for each in check(again, Given(today="2026-02-01")).evaluation.findings}
    assert open_ones & set(result.applied) == set()


def test_the_sound_protocol_needs_no_mending() -> None:
    located = load_located_protocol(SOUND / "protocol.yaml")
    assert mend(located, {"": ""}, [], TODAY) == Mended({}, (), ())
