"""What an editor shows while the protocol is typed, asked of the YAML language server itself over its protocol.

The server is the npm package `yaml-language-server` (Red Hat's, as in VS Code). `ODISEA_YAML_LANGUAGE_SERVER` names its script
(`node_modules/yaml-language-server/bin/yaml-language-server`); node runs it.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.language_server import LanguageServer

SERVER = os.environ.get("ODISEA_YAML_LANGUAGE_SERVER", "")
NODE = shutil.which("node") or ""
ROOT = Path(__file__).parents[2]
TRIAL = ROOT / "protocol" / "nct07248813.yaml"
TEXT = TRIAL.read_text(encoding="utf-8")
LINES = TEXT.splitlines()

pytestmark = pytest.mark.skipif(
    not (NODE and Path(SERVER).is_file()),
    reason="ODISEA_YAML_LANGUAGE_SERVER does not name the script of the npm package yaml-language-server, or there is no node",
)


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    with LanguageServer([NODE, SERVER, "--stdio"], ROOT) as running:
        yield running


def line_of(start: str) -> int:
    """Return the number, from 0, of the first line that starts with a text."""
    return next(number for number, line in enumerate(LINES) if line.startswith(start))


def typed(server: LanguageServer, old: str, new: str) -> list[tuple[int, str]]:
    """Return line and message of each fault after the first place of one text is typed over with another."""
    assert old in TEXT
    server.open(TRIAL, TEXT.replace(old, new, 1))
    return [(fault["range"]["start"]["line"], fault["message"]) for fault in server.faults(TRIAL)]


@pytest.mark.parametrize("path", sorted((ROOT / "protocol").rglob("*.yaml")), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_sound_file_has_no_faults(server: LanguageServer, path: Path) -> None:
    server.open(path, path.read_text(encoding="utf-8"))
    assert server.faults(path) == []


@pytest.mark.parametrize("path", sorted((ROOT / "simulate").glob("*.yaml")), ids=lambda path: path.name)
def test_a_sound_plan_of_the_simulation_has_no_faults(server: LanguageServer, path: Path) -> None:
    server.open(path, path.read_text(encoding="utf-8"))
    assert server.faults(path) == []


def test_an_empty_line_under_a_section_offers_its_missing_fields_with_what_to_write(server: LanguageServer) -> None:
    place = line_of("sample_size:")
    text = "\n".join([*LINES[: place + 1], "  power: 0.8", "  "])
    server.open(TRIAL, text)
    offered = server.completions(TRIAL, (place + 2, 2))
    assert {"total", "alpha", "attrition", "standard_deviation", "icc"} <= set(offered)
    assert "power" not in offered
    assert offered["attrition"]["documentation"].startswith("Expected loss; the proportion of randomised participants")
    assert offered["attrition"]["insertText"].startswith("attrition: ")


def test_after_the_name_of_an_enumeration_its_words_are_offered(server: LanguageServer) -> None:
    place = next(number for number, line in enumerate(LINES) if line.startswith("  method:"))
    server.open(TRIAL, "\n".join([*LINES[:place], "  method: ", *LINES[place + 1 :]]))
    offered = set(server.completions(TRIAL, (place, len("  method: "))))
    assert offered == {"simple", "permuted_blocks", "minimisation", "big_stick", "urn", "biased_coin", "not_stated", "not_in_source"}


def test_a_word_of_a_plan_is_offered_in_a_list_of_analyses(server: LanguageServer) -> None:
    place = line_of("          method: ancova")
    server.open(TRIAL, "\n".join([*LINES[:place], "          method: ", *LINES[place + 1 :]]))
    assert set(server.completions(TRIAL, (place, len("          method: ")))) == {"ancova", "logistic"}


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("  power:", "Power of the test; a proportion from 0 to 1"),
        ("sample_size:", "The sample-size statement"),
        ("      window_days:", "Days allowed before and after the planned day"),
        ("  method:", "Method of allocation."),
    ],
)
def test_resting_on_a_name_says_what_to_write(server: LanguageServer, start: str, words: str) -> None:
    server.open(TRIAL, TEXT)
    assert words in server.hover(TRIAL, (line_of(start), len(start) - 2))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  power: 0.8\n", "  pwoer: 0.8\n", "Property pwoer is not allowed."),
        ("  power: 0.8\n", "  power: much\n", "Incorrect type."),
        ("  consent: written\n", "  consent: verbal\n", 'Valid values: "written", "oral", "waived"'),
        ("          method: ancova\n", "          method: anova\n", 'Valid values: "ancova", "logistic".'),
    ],
)
def test_a_fault_is_shown_at_its_line(server: LanguageServer, old: str, new: str, message: str) -> None:
    faults = typed(server, old, new)
    assert [line for line, _ in faults] == [LINES.index(old.rstrip())]
    assert message in faults[0][1]


def test_a_missing_name_is_shown_where_the_block_starts(server: LanguageServer) -> None:
    assert [message for _, message in typed(server, "trial: nct07248813\n", "")] == ['Missing property "trial".']


WAIVERS = """# Accepted findings.
# yaml-language-server: $schema=schema/waivers.json
odisea: {kind: waivers, schema: "1"}
trial: nct07248813
waivers:
  - rule: GAP-02
    """


def test_a_file_of_waivers_is_completed_too(server: LanguageServer) -> None:
    path = TRIAL.with_suffix(".waivers.yaml")
    server.open(path, WAIVERS)
    offered = server.completions(path, (6, 4))
    assert {"path", "by", "date", "until", "reason"} <= set(offered)
    assert offered["until"]["documentation"].startswith("Last day on which it holds: YYYY-MM-DD")
