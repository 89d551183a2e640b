"""Whatever stands in a declaration, the loader answers with a model or a list of problems: soon, in little memory, without a traceback.

Run as a script, the file loads its worst cases, each in a process of its own whose address space is limited.
"""

import copy
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_protocol import CORE, FILES, PROTOCOL, write_small_protocol

from odisea.data.mapping import SiteMapping
from odisea.errors import Problem, ProtocolError
from odisea.protocol.compose import compose
from odisea.protocol.declaration import Declaration
from odisea.protocol.load import load_located_protocol, load_yaml
from odisea.simulate.assumptions import Assumptions, Scenarios
from tests.conftest import ROOT

SECONDS = 5.0
MEGABYTES = 500
LONGEST_LINE = 5_000
LARGEST = 2**20
FOREIGN_WORDS = ("Traceback", "pydantic", "Input should", "validation error", "For further information")

# ---------------------------------------------------------------- what every answer must be


def loads_or_explains(load: Callable[[], object]) -> str:
    """Check the answer of the loader, and return `model` or the rules of its problems."""
    before, start = _forget_peak(), time.process_time()  # a loader waits for nobody: other processes do not count
    problems: tuple[Problem, ...] = ()
    try:
        load()
    except ProtocolError as error:
        problems = error.problems
        assert problems, "refused without a reason"
    assert time.process_time() - start < SECONDS
    assert _peak() - before < MEGABYTES
    assert len(problems) <= 100
    for problem in problems:
        _is_well_formed(problem)
    return " ".join(sorted({problem.rule for problem in problems})) or "model"


def _is_well_formed(problem: Problem) -> None:
    line = str(problem)
    assert problem.where.startswith(os.sep), "no file is named"
    assert problem.found
    assert line.isprintable()
    assert len(line) < LONGEST_LINE
    assert re.fullmatch(r"SYN-(0[1-9]|1[0-5])", problem.rule), line
    assert not [word for word in FOREIGN_WORDS if word in line], line


def _forget_peak() -> float:
    """Return the memory in use (MB) and let the kernel measure its peak from here on, where it can."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> float:
    """Return the peak of the memory in use, in MB."""
    try:
        return _status("VmHWM")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _status(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found
    return int(found[1]) / 1024


def hold_for(strategy: st.SearchStrategy[Any], load: Callable[[Any], object], examples: int) -> Counter[str]:
    """Check the answers to so many examples, always the same ones; return how often each answer came."""
    answers: Counter[str] = Counter()

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, print_blob=False, suppress_health_check=list(HealthCheck)
    )
    @given(strategy)
    def every_example(example: Any) -> None:
        answers[loads_or_explains(lambda: load(example))] += 1

    every_example()
    assert answers.total() >= examples * 0.9, "hypothesis gave fewer examples than asked for"
    return answers


# ---------------------------------------------------------------- protocols to change


class Folder(NamedTuple):
    """A valid protocol (or another declaration) with the files that it names; one of them at a time is changed."""

    path: Path
    protocol: str
    files: dict[str, bytes]
    load: Callable[[Path], object] = load_located_protocol

    def load_with(self, name: str, content: bytes) -> object:
        """Load the protocol with another content of one file."""
        (self.path / name).write_bytes(content)
        try:
            return self.load(self.path / self.protocol)
        finally:
            (self.path / name).write_bytes(self.files[name])

    def data(self, name: str) -> dict[str, Any]:
        """Return a copy of the plain data of a file, lists as lists."""
        data = json.loads(as_json(self.files[name]))
        assert isinstance(data, dict)
        return data


@cache
def as_json(content: bytes) -> str:
    """Return the JSON text of a YAML file."""
    return json.dumps(compose(content.decode(), "f.yaml").data)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    path = tmp_path_factory.mktemp("small")
    write_small_protocol(path)
    return Folder(path, "protocol.yaml", {name: (path / name).read_bytes() for name in FILES})


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    path = tmp_path_factory.mktemp("real")
    names = [
        "nct07248813.yaml",
        "instruments/odi.yaml",
        "instruments/vas.yaml",
        "dictionary/core.yaml",
        "dictionary/nct07248813.yaml",
    ]
    files = {name: (ROOT / "protocol" / name).read_bytes() for name in names}
    for name, content in files.items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(content)
    return Folder(path, names[0], files)


def few_or_many(few: int, many: int) -> pytest.MarkDecorator:
    """Run a test with few examples, and with many ones in `make test-full`."""
    return pytest.mark.parametrize("examples", [few, pytest.param(many, marks=pytest.mark.full)])


# ---------------------------------------------------------------- documents of any shape

FIELDS = sorted(set(re.findall(r"([a-z_]+):", PROTOCOL + CORE)) | {"derived", "from", "proposed", "reason", "by", "date", "en", "es"})
WORDS = [
    "not_stated",
    "not_in_source",
    "proposed",
    "continuous",
    "primary",
    "1:1",
    "0,05",
    "007",
    "NO",
    ".nan",
    "core.yaml",
    "../x.yaml",
    "",
]
ODD = ["\u200b", "e\u0301", "\U0001f9ec", "\u202e", "\x1b[31m", "a\nb", "\x00", "\ufeff", "~/a", "x" * 300, "@", "a@b", "/proc/self/mem"]
NUMBERS = st.one_of(st.integers(-3, 12), st.integers(), st.sampled_from([10**29, 10**40, 2**63, -(2**63)]), st.floats())
TEXTS = st.one_of(st.sampled_from(WORDS), st.sampled_from(ODD), st.text(max_size=12))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
KEYS = st.one_of(st.sampled_from(FIELDS), st.sampled_from(FIELDS), TEXTS)
VALUES = st.recursive(SCALARS, lambda inside: st.lists(inside, max_size=4) | st.dictionaries(KEYS, inside, max_size=4), max_leaves=12)
HEAD = {"kind": "protocol", "schema": "1"}


def as_text(data: Any, style: str) -> bytes:
    """Return data as YAML text, in one of the ways that programs write it."""
    if style == "yaml":
        return yaml.dump(data, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")
    return json.dumps(data, ensure_ascii=style == "ascii", indent=1 if style == "lines" else None).encode("utf-8", "surrogatepass")


STYLES = st.sampled_from(["json", "ascii", "lines", "yaml"])


@st.composite
def any_document(draw: st.DrawFn) -> bytes:
    """A document of any shape; most have our head, and known fields with anything in them."""
    fields = draw(st.dictionaries(KEYS, VALUES, max_size=8))
    headed = draw(st.sampled_from([{"odisea": HEAD, **fields}, {"odisea": HEAD, **fields}, fields, draw(VALUES)]))
    return as_text(headed, draw(STYLES))


@few_or_many(500, 5_000)
def test_any_document_is_loaded_or_explained(examples: int, small: Folder) -> None:
    answers = hold_for(any_document(), lambda text: small.load_with("protocol.yaml", text), examples)
    assert len(answers) > 5, answers


# ---------------------------------------------------------------- valid protocols with a node changed


def nodes(data: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way (keys and indices) to every node below the top."""
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield (*way, key)
        yield from nodes(value, (*way, key))


def parent_of(data: Any, way: tuple[Any, ...]) -> Any:
    for step in way[:-1]:
        data = data[step]
    return data


def rename(parent: Any, key: Any, name: str) -> None:
    """Give an entry of a block another key, in its place; put it a place further in a list."""
    if isinstance(parent, list):
        parent.insert(min(key + 1, len(parent)), parent.pop(key))
        return
    entries = [(name if old == key else old, value) for old, value in parent.items()]
    parent.clear()
    parent.update(entries)


def misspelt(draw: st.DrawFn, key: str) -> str:
    place = draw(st.integers(0, max(len(key) - 1, 0)))
    spelt: str = draw(st.sampled_from([key[:place] + key[place + 1 :], key[:place] + "x" + key[place:], key.upper()]) | KEYS)
    return spelt


@st.composite
def changed_nodes(draw: st.DrawFn, folder: Folder) -> tuple[str, bytes]:
    """One file of a valid protocol with one to three nodes replaced, deleted, doubled, renamed, or put elsewhere."""
    name = draw(st.sampled_from([folder.protocol, folder.protocol, *folder.files]))
    data = folder.data(name)
    for _ in range(draw(st.integers(1, 3))):
        ways = list(nodes(data))
        way = draw(st.sampled_from(ways))
        parent, key = parent_of(data, way), way[-1]
        change = draw(st.sampled_from(["replace", "replace", "delete", "double", "rename", "move"]))
        if change == "replace":
            parent[key] = draw(VALUES)
        elif change == "delete":
            del parent[key]
        elif change == "rename":
            rename(parent, key, misspelt(draw, str(key)))
        elif change == "double" and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        else:
            other = draw(st.sampled_from(ways))
            value = copy.deepcopy(parent[key])
            parent_of(data, other)[other[-1]] = value
    return name, as_text(data, draw(st.sampled_from(["json", "lines"])))


@few_or_many(475, 4_000)
def test_a_small_protocol_with_changed_nodes_is_loaded_or_explained(examples: int, small: Folder) -> None:
    answers = hold_for(changed_nodes(small), lambda changed: small.load_with(*changed), examples)
    assert answers["model"] > examples / 50, answers
    assert len(answers) > 5, answers


@few_or_many(25, 1_000)
def test_our_protocol_with_changed_nodes_is_loaded_or_explained(examples: int, real: Folder) -> None:
    answers = hold_for(changed_nodes(real), lambda changed: real.load_with(*changed), examples)
    assert answers["model"] > examples / 50, answers


WRONG: tuple[Any, ...] = (None, True, -1, 1.5, "zz", [], ["zz", 1], {}, {"zz": 1}, {"proposed": 1, "reason": "x"}, 10**29)


@pytest.mark.parametrize("share", [120, pytest.param(1, marks=pytest.mark.full)])
def test_a_wrong_value_at_every_place_of_our_protocol_is_loaded_or_explained(share: int, real: Folder) -> None:
    """Every place in `make test-full`, some of them otherwise; the wrong values take turns."""
    for name in real.files:
        for turn, way in enumerate(nodes(real.data(name))):
            if turn % share == 0:
                data = real.data(name)
                parent_of(data, way)[way[-1]] = WRONG[(turn // share) % len(WRONG)]
                loads_or_explains(lambda name=name, data=data: real.load_with(name, as_text(data, "json")))  # type: ignore[misc]


# ---------------------------------------------------------------- valid files with bytes changed

TOKENS = [
    *(
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!int ",
        b"!",
        b"%YAML 1.1\n",
        b"---\n",
        b"...\n",
        b"? ",
        b": ",
        b"- ",
        b"\t",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
    ),
    *(b'"', b"'", b"|\n", b">\n", b"#", b"\\", b"\n", b"\r", b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xae"),
    *(b"1:1", b"0,05", b"007", b".nan", b"1_0", b"0x1F", b"40 %", b"1e999", b"null", b"not_stated", b"@", b"`"),
]


def mutate(draw: st.DrawFn, content: bytes) -> bytes:
    """Flip, delete, insert, double or cut some bytes at a random place."""
    start = draw(st.sampled_from(range(max(len(content), 1))))
    end = min(len(content), start + draw(st.integers(1, 40)))
    change = draw(st.sampled_from(["flip", "delete", "insert", "double", "truncate", "move"]))
    if change == "flip":
        flipped = bytes(byte ^ (1 << draw(st.integers(0, 7))) for byte in content[start : start + 1])
        return content[:start] + flipped + content[start + 1 :]
    if change == "delete":
        return content[:start] + content[end:]
    if change == "insert":
        return content[:start] + draw(st.sampled_from(TOKENS) | st.binary(max_size=4)) + content[start:]
    if change == "double":
        return content[:end] + content[start:end] * draw(st.integers(1, 3)) + content[end:]
    if change == "truncate":
        return content[:start]
    place = draw(st.sampled_from(range(len(content) + 1)))
    return content[:place] + content[start:end] + content[place:]


@st.composite
def changed_bytes(draw: st.DrawFn, folder: Folder) -> tuple[str, bytes]:
    """One file of a valid protocol with one to three changes of its bytes."""
    name = draw(st.sampled_from([folder.protocol, folder.protocol, *folder.files]))
    content = folder.files[name]
    for _ in range(draw(st.integers(1, 3))):
        content = mutate(draw, content)
    return name, content


@few_or_many(475, 4_000)
def test_a_small_protocol_with_changed_bytes_is_loaded_or_explained(examples: int, small: Folder) -> None:
    answers = hold_for(changed_bytes(small), lambda changed: small.load_with(*changed), examples)
    assert answers["model"] > examples / 50, answers
    assert len(answers) > 5, answers


@few_or_many(25, 1_000)
def test_our_protocol_with_changed_bytes_is_loaded_or_explained(examples: int, real: Folder) -> None:
    answers = hold_for(changed_bytes(real), lambda changed: real.load_with(*changed), examples)
    assert answers["model"] > examples / 50, answers


# ---------------------------------------------------------------- the other declarations


@few_or_many(20, 500)
@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("simulate/assumptions.yaml", Assumptions),
        ("simulate/scenarios.yaml", Scenarios),
        ("protocol/examples/ashar_prt/mapping.yaml", SiteMapping),
    ],
)
def test_another_declaration_that_is_changed_is_loaded_or_explained(
    name: str, model: type[Declaration], examples: int, tmp_path: Path
) -> None:
    folder = Folder(tmp_path, "one.yaml", {"one.yaml": (ROOT / name).read_bytes()}, lambda path: load_yaml(path, model))
    for changed in (changed_nodes(folder), changed_bytes(folder)):
        hold_for(changed, lambda case: folder.load_with(*case), examples)


# ---------------------------------------------------------------- anything at all

YAML_LIKE = st.text(alphabet=st.sampled_from(list(" \n\t:-[]{},#&*!|>'\"%@`?~<=01.9abceinNOty_\\xuU\r\0é\u202e\ufeff")), max_size=120)
ANYTHING = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(str.encode),
    YAML_LIKE.map(str.encode),
    st.text(max_size=40).map(lambda text: text.encode("utf-16")),
    YAML_LIKE.map(lambda text: f'odisea: {{kind: protocol, schema: "1"}}\n{text}'.encode()),
)


@few_or_many(500, 5_000)
def test_anything_at_all_is_loaded_or_explained(examples: int, small: Folder) -> None:
    files = st.sampled_from(["protocol.yaml"] * 4 + list(FILES))
    answers = hold_for(st.tuples(files, ANYTHING), lambda case: small.load_with(*case), examples)
    assert len(answers) > 3, answers


# ---------------------------------------------------------------- the worst cases, with a limit of memory


def headed(body: str) -> str:
    return f'odisea: {{kind: protocol, schema: "1"}}\n{body}'


def with_outcomes(body: str) -> str:
    return PROTOCOL.replace("outcomes:\n", f"outcomes:\n{body}", 1)


def with_covariates(n_codings: int, n_analyses: int, n_covariates: int | None = None) -> str:
    """Many analyses that all take the plan's many covariates (all codings unless their number is given)."""
    codings = "".join(f"    c{n}: {{kind: continuous, column: age_years, label: A}}\n" for n in range(n_codings))
    names = ", ".join(f"c{n}" for n in range(n_codings if n_covariates is None else n_covariates))
    extra = "".join(
        f"        - {{id: a{n}, label: A, outcome: scale, visit: end, contrast: active_vs_usual, method: ancova,"
        " missing_data: complete_case, measure: mean_difference, role: secondary, truth: none}\n"
        for n in range(n_analyses)
    )
    text = PROTOCOL.replace("  coding:\n", f"  coding:\n{codings}", 1)
    return text.replace("[scale@start, age, sex]", f"[{names}]", 1).replace("      analyses:\n", f"      analyses:\n{extra}", 1)


def many(template: str, count: int) -> str:
    return "".join(template.format(n=n) for n in range(count))


OUTCOMES = many("  o{n}: {{label: A, kind: count, level: primary, visits: [start, end]}}\n", 1_000)


def worst_cases() -> dict[str, str | bytes]:
    """Texts that are known to bring down readers of YAML, and those that brought down ours."""
    return {
        "billion laughs": "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + many("k{n}: &k{n} [*a,*a,*a,*a,*a,*a,*a,*a]\n", 1000),
        "alias of itself": headed("a: &a [*a]\n"),
        "merge keys": "a: &a {b: 1}\n" + many("k{n}: {{<<: *a}}\n", 5000),
        "quoted text of 1 MiB": headed('a: "' + "x" * (LARGEST - 100) + '"'),
        "plain text of 1 MiB": headed("a: " + "x " * (LARGEST // 2 - 50)),
        "10 MB": headed("a: " + "x" * 10_000_000),
        "brackets": "[" * (LARGEST - 1),
        "braces": "{a: " * (LARGEST // 4),
        "dashes": "- " * (LARGEST // 2 - 1),
        "question marks": "? " * (LARGEST // 2 - 1),
        "steps": "".join(f"{' ' * n}a:\n" for n in range(1000)),
        "500,000 values": headed("a: [" + "1," * 500_000 + "]"),
        "19,000 unknown fields": headed(many("f{n}: 1\n", 9_500)),
        "line of 1 MiB": headed("# " + "x" * (LARGEST - 100)),
        "integer of 100,000 digits": headed("n: " + "9" * 100_000),
        "integers of 31,000 digits": headed(many("n{n}: " + "9" * 31_000 + "\n", 8)),
        "exponents": headed(many("n{n}: 1e" + "9" * 31_000 + "\n", 8)),
        "ratios": headed(many("n{n}: " + "1:" * 15_900 + "1\n", 8)),
        "underscores": headed(many("n{n}: " + "1_" * 15_900 + "x\n", 8)),
        "percentages": headed(many("n{n}: " + "1," * 15_900 + "x\n", 8)),
        "hidden characters": "\u200b" * 340_000,
        "hidden characters in one text": headed("a: " + "\u202e" * 340_000),
        "long key": "? " + "k" * 500_000 + "\n: [" + "1," * 15_000 + "]",
        "long quoted key": '? "' + "k" * 500_000 + '"\n: [' + "1," * 15_000 + "]",
        "long way": "".join(f"{' ' * n}'{chr(0x1F600)}{'~' * 199}':\n" for n in range(16)) + " " * 16 + "- [" + "1," * 18_000 + "]",
        "long tag": headed("a: !" + "x" * 500_000 + "!y 1"),
        "long anchor": headed("a: &" + "x" * 1_000_000 + " 1"),
        "long version": "%YAML " + "9" * 1_000_000 + ".1\n---\na: 1\n",
        "documents": "---\n" * 200_000,
        "duplicate keys": "a: 1\n" * 200_000,
        "no UTF-8": b"a: 1\n" * 200_000 + b"\xff",
        "UTF-16": headed("a: 1").encode("utf-16"),
        "zeros": b"\x00" * (LARGEST - 1),
        "outcomes without fields": with_outcomes(many("  o{n}: {{}}\n", 6_000)),
        "outcomes with unknown fields": with_outcomes(many("  o{n}: {{lable: A, knd: continuous, levl: primary}}\n", 2_500)),
        "outcomes with unknown visits": with_outcomes(many("  o{n}: {{label: A, kind: count, level: primary, visits: [ende]}}\n", 1_800)),
        "unknown covariates": PROTOCOL.replace("[scale@start, age, sex]", "[" + many("age{n}, ", 15_000) + "age]"),
        "covariates of many analyses": with_covariates(700, 350),
        "analyses of many covariates": with_covariates(1_200, 120),
        "the most analyses among many codings": with_covariates(1_900, 198, 190),
        "the most analyses among many outcomes": with_covariates(190, 198).replace("outcomes:\n", f"outcomes:\n{OUTCOMES}", 1),
        "dictionary a thousand times": PROTOCOL.replace("[core.yaml, own.yaml]", "[" + "core.yaml, " * 15_000 + "own.yaml]"),
        "absent dictionaries": PROTOCOL.replace("[core.yaml, own.yaml]", "[" + many("d{n}.yaml, ", 15_000) + "own.yaml]"),
        "fifty dictionaries": PROTOCOL.replace("[core.yaml, own.yaml]", "[core.yaml, " + "own.yaml, " * 49 + "]"),
        "file name of 300 characters": PROTOCOL.replace("scale: scale.yaml", "scale: " + "x" * 300 + ".yaml"),
        "file name of two lines": PROTOCOL.replace("scale: scale.yaml", 'scale: "a\\nb.yaml"'),
        "the protocol as its own instrument": PROTOCOL.replace("scale: scale.yaml", "scale: protocol.yaml"),
        "a folder as instrument": PROTOCOL.replace("scale: scale.yaml", "scale: ."),
        "a device as instrument": PROTOCOL.replace("scale: scale.yaml", f"scale: {'../' * 30}dev/zero"),
        "the machine's memory as instrument": PROTOCOL.replace("scale: scale.yaml", f"scale: {'../' * 30}proc/self/mem"),
    }


def answer_within_limits(path: Path) -> str:
    """Load a protocol in a child with limited memory and time; return what became of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        limit = int((_status("VmSize") + MEGABYTES) * 2**20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CPU, (int(2 * SECONDS), int(2 * SECONDS)))
        try:
            said = loads_or_explains(lambda: load_located_protocol(path))
        except BaseException as error:  # the parent tells it
            said = f"{type(error).__name__}: {error}"[:2_000]
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as answer:
        return answer.read() or f"killed by signal {os.waitstatus_to_exitcode(status)}"


def test_the_worst_cases_end_within_five_seconds_and_500_megabytes(tmp_path: Path) -> None:
    """Two processes share the cases."""
    runs = []
    for half in (0, 1):
        (tmp_path / str(half)).mkdir()
        write_small_protocol(tmp_path / str(half))
        words = [sys.executable, __file__, str(tmp_path / str(half)), str(half)]
        runs.append(subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    said = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    answers = {name: answer for printed, _ in said for name, answer in json.loads(printed).items()}
    assert set(answers) == set(worst_cases())
    assert not {name: answer for name, answer in answers.items() if not re.fullmatch(r"model|SYN-\d\d( SYN-\d\d)*", answer)}


def main(folder: Path, half: int) -> None:
    """Print what became of every second worst case, as JSON."""
    answers = {}
    for name, text in list(worst_cases().items())[half::2]:
        path = folder / "protocol.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        answers[name] = answer_within_limits(path)
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
