"""The YAML loader: what it refuses, with which words and at which place, and what it lets through."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from odisea.errors import ProtocolError
from odisea.protocol.compose import DEEPEST, LARGEST_FILE, LONGEST_SCALAR, MOST_NODES, compose, read_document

REFERENCES = "anchors, aliases and merge keys are not allowed. Write the value out where it is needed"
VISIBLE = "only visible characters, spaces and line ends are allowed. Delete it"
FINITE = "only finite numbers are allowed. Write a value, or not_stated for a gap, or"
OCTAL = "many YAML programs read it as an octal number. Write 7 for the number,"


def read(text: str) -> dict[str, object] | list[str]:
    try:
        return compose(text, "f.yaml").data
    except ProtocolError as error:
        return [str(problem) for problem in error.problems]


def refusals(text: str) -> list[str]:
    with pytest.raises(ProtocolError) as caught:
        compose(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "allocation: 1:1",
            "1:13: 1:1 is read as a base-60 number by many YAML programs; a ratio is a list, a time of day a text in quotes. "
            'Write the list [1, 1], or "1:1" in quotes',
        ),
        ("x: 1\nalpha: 0,05", '2:8: 0,05 has a decimal comma; numbers have a decimal point. Write 0.05, or "0,05" in quotes for a text'),
        ("id: 007", f'1:5: 007 starts with a zero; {OCTAL} "007" in quotes for a code (and a decimal with a point: 0.05, not 0,05)'),
        ("n: 1_000", '1:4: 1_000 holds underscores; digits stand without separators. Write 1000, or "1_000" in quotes for a text'),
        ("loss: 40 %", '1:7: 40 % is a percentage; proportions are decimals. Write 0.4 for 40 %, or "40 %" in quotes for a text'),
        ("n: 0x1F", '1:4: 0x1F is a number in another base; numbers are decimal. Write it in decimal, or "0x1F" in quotes for a text'),
        ("sd: .NaN", f'1:5: .NaN is not a number; {FINITE} ".NaN" in quotes for a text'),
        ("sd: -.inf", f'1:5: -.inf is not a number; {FINITE} "-.inf" in quotes for a text'),
        ("x: 1e999", "1:4: the number 1e999... is too long or too large; a number has at most 30 characters. Shorten it"),
        ("a: 1\nb: 2\na: 3", "3:1: the key a appears twice (first in line 1); a key stands once in its block. Delete one of them"),
        ("x:\n  - {q: 1, q: 2}", "2:12: the key q appears twice (first in line 2); a key stands once in its block. Delete one of them"),
        ("a: &first 1", f"1:4: the anchor &first stands here; {REFERENCES}"),
        ("a: *first", f"1:4: the alias *first stands here; {REFERENCES}"),
        ("a: {<<: {b: 1}}", f"1:5: the merge key << stands here; {REFERENCES}"),
        ("a: !!int x", "1:4: the tag tag:yaml.org,2002:int; tags are not allowed. Delete it; quote a value that must stay a text"),
        ("a: 1\n---\nb: 2", "2:1: a second document starts here; a file holds one document. Delete the line ---, or split the file"),
        ("%YAML 1.1\n---\na: 1", "1:1: the file starts with a % directive; directives are not allowed. Delete the line"),
        ("1: a", '1:1: the key 1 is no text; keys are texts. Write it in quotes: "1"'),
        ("true: a", '1:1: the key true is no text; keys are texts. Write it in quotes: "true"'),
        ("a: caf\u200be", f"1:7: hidden or control character U+200B (ZERO WIDTH SPACE); {VISIBLE}"),
        ("a: 1 # \u202e", f"1:8: hidden or control character U+202E (RIGHT-TO-LEFT OVERRIDE); {VISIBLE}"),
        ("a: \x1b[31m", f"1:4: hidden or control character U+001B (control); {VISIBLE}"),
        ('a: "\\u202e"', "1:4: the text holds the hidden character U+202E; only visible characters are allowed. Delete it"),
        ('a: "\\uD800"', "1:4: the text holds the hidden character U+D800; only visible characters are allowed. Delete it"),
        ('"a\\nb": 1', "1:1: a key of several lines or of great length; keys have up to 200 characters. Shorten it"),
        ("", "1:1: the file holds no fields; its first block is odisea: {kind: ..., schema: ...}. Write name: value lines"),
        ("- a", "1:1: the file holds no fields; its first block is odisea: {kind: ..., schema: ...}. Write name: value lines"),
    ],
)
def test_refusals_name_place_finding_and_remedy(text: str, expected: str) -> None:
    assert refusals(text) == [f"f.yaml:{expected}"]


def test_syntax_errors_point_at_the_line() -> None:
    assert refusals("a: 1\nb: [1, 2\nc: 3\n")[0].startswith("f.yaml:3:2: this is not valid YAML: while parsing a flow sequence")
    assert refusals("a:\n\t- b\n")[0].startswith("f.yaml:2:1: this is not valid YAML:")
    assert refusals('a: "\\UFFFFFFFF"')[0].startswith("f.yaml:1:1: an escape sequence names no character")


def test_all_problems_come_at_once() -> None:
    found = refusals("a: 1:1\nb: 0,5\nc: {d: 1, d: 2}\ne: &x 3\n")
    assert [line.split(": ")[0] for line in found] == ["f.yaml:1:4", "f.yaml:2:4", "f.yaml:3:11", "f.yaml:4:4"]


def test_norway_and_its_relatives_stay_texts() -> None:
    data = compose("NO: NO\non: yes\noff: [y, n, True, Null, 2025-10-03, 1e, --, 1.2.3]\n", "f.yaml").data
    assert data == {"NO": "NO", "on": "yes", "off": ("y", "n", "True", "Null", "2025-10-03", "1e", "--", "1.2.3")}


def test_numbers_words_and_quoted_texts_follow_yaml_1_2() -> None:
    data = compose("a: [0, -3, 1e-3, .5, 2., +4, true, false, null, ~]\nb: ['1:1', \"007\", '0,05', 'true']\n", "f.yaml").data
    assert data["a"] == (0, -3, 0.001, 0.5, 2.0, 4, True, False, None, None)
    assert [type(value) for value in data["a"][:4]] == [int, int, float, float]
    assert data["b"] == ("1:1", "007", "0,05", "true")


def test_size_limits_stop_the_reading() -> None:
    assert refusals("[" * (DEEPEST + 1))[0].startswith(f"f.yaml:1:{DEEPEST + 1}: blocks are nested deeper than {DEEPEST} levels")
    assert f"more than {MOST_NODES} values" in refusals("a: [" + "1," * (MOST_NODES + 1) + "]")[0]
    assert f"a text longer than {LONGEST_SCALAR} characters" in refusals("a: " + "x" * (LONGEST_SCALAR + 1))[0]
    assert "larger than 1 MiB" in refusals("#" * (LARGEST_FILE + 1))[0]


def test_the_limits_themselves_are_allowed() -> None:
    nested = "{a: " * (DEEPEST - 1) + "1" + "}" * (DEEPEST - 1)
    assert compose(nested, "f.yaml").data["a"]
    assert len(compose("a: " + "x" * LONGEST_SCALAR, "f.yaml").data["a"]) == LONGEST_SCALAR


def test_files_that_cannot_be_read_get_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"nothing\.yaml: the file does not exist; a YAML file is needed\. Check the path"):
        read_document(tmp_path / "nothing.yaml")
    with pytest.raises(ProtocolError, match="this is not a regular file"):
        read_document(tmp_path)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (LARGEST_FILE + 1))
    with pytest.raises(ProtocolError, match=r"larger than 1 MiB"):
        read_document(large)


def test_bytes_that_are_not_utf8_are_placed(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("a: 1\nb: México".encode("latin-1"))
    with pytest.raises(ProtocolError, match=r"latin\.yaml:2:5: byte 0xe9 is not UTF-8; files are UTF-8\. Save the file as UTF-8"):
        read_document(path)


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: [2]\r\n")
    document = read_document(path)
    assert document.data == {"a": 1, "b": (2,)}
    assert document.where("/b") == f"{path}:2:4"


def test_places_are_those_of_values_keys_of_blocks_and_nearest_parents() -> None:
    document = compose("a:\n  b: 1\n  c~/d: [x, y]\ne: {proposed: [p, q], reason: r}\n", "f.yaml")
    assert document.where("/a") == "f.yaml:1:1"
    assert document.where("/a/b") == "f.yaml:2:6"
    assert document.where("/a/c~0~1d/1") == "f.yaml:3:13"
    assert document.where("/a/nothing/at/all") == "f.yaml:1:1"
    assert document.where("/e/1") == "f.yaml:4:19"
    assert document.where_key("/a/b") == "f.yaml:2:3"


YAML_LIKE = st.text(alphabet=st.sampled_from(list(" \n\t:-[]{},#&*!|>'\"%@`?~<=01.9abceinNOty_\\xuU\r\0é\u202e\ud800")), max_size=80)


@given(st.one_of(YAML_LIKE, st.text(max_size=60)))
@example('a: "\\UFFFFFFFF"')
@example("? ? ? :")
@example("&a [*a]")
@example("\ud800")
def test_any_text_gives_data_or_problems_of_one_line(text: str) -> None:
    result = read(text)
    if isinstance(result, dict):
        assert all(isinstance(key, str) for key in result)
    else:
        assert result
        assert all("\n" not in line for line in result)
