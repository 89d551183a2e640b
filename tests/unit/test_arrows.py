"""The house's arrows (house.md 3), read off the source: who imports whom, who touches the disk, who makes random numbers."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[2] / "odisea"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Room -> rooms that it may import; every room may import itself.
FOUNDATION = {"errors", "compiled", "elementary", "lanes", "source"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "source": set(),
    "compiled": {"source"},
    "closed_form": set(),
    "elementary": {"compiled"},
    "lanes": {"compiled"},
    "provenance": {"source"},
    "streams": {"compiled", "elementary"},
    "protocol": {"closed_form", "errors"},
    "allocation": {"protocol", "streams", *FOUNDATION},
    "data": {"protocol", "provenance", *FOUNDATION},
    "analyse": {"data", "protocol", "streams", "allocation", *FOUNDATION},
    "simulate": {"protocol", "streams", "allocation", "data", "provenance", *FOUNDATION},
    "performance": {"simulate", "analyse", "closed_form", "data", "protocol", "provenance", *FOUNDATION},
    "report": {"protocol", "data", "provenance", "errors"},
    # The doors: the command line, the files of `odisea check`, and what Snakemake asks before it draws its graph.
    "check": {"protocol", "provenance", "report", "errors"},
    "workflow": {"protocol", "simulate", "errors"},
    "cli": {"check", "protocol", "allocation", "data", "analyse", "simulate", "performance", "report", "provenance", "errors"},
}
# Arrows that the house does not have, each in one file, with its reason. A new one is a finding; a mended one leaves this list.
DEVIATIONS: dict[tuple[str, str], tuple[set[str], str]] = {}


class Arrow(NamedTuple):
    """One import of one of our modules by another."""

    file: str
    source: str
    target: str


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """The dotted name of a module of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def shown(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


NAMES = {name_of(path) for path in MODULES}


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (full if (full := f"{node.module}.{alias.name}") in NAMES else node.module for alias in node.names)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "odisea"


def arrows() -> list[Arrow]:
    return [
        Arrow(shown(path), room(name_of(path)), room(target))
        for path in MODULES
        for target in imported(path)
        if target.split(".")[0] == "odisea" and room(target) != room(name_of(path))
    ]


# ---------------------------------------------------------------- imports


def test_every_room_is_in_the_table() -> None:
    assert {room(name) for name in NAMES} - {"odisea"} == set(MAY_IMPORT)


@pytest.mark.parametrize("source", MAY_IMPORT)
def test_a_room_imports_only_what_the_house_allows(source: str) -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for arrow in arrows():
        if arrow.source == source and arrow.target not in MAY_IMPORT[source]:
            found.setdefault((source, arrow.target), set()).add(arrow.file)
    assert found == {key: files for key, (files, _) in DEVIATIONS.items() if key[0] == source}


def test_the_package_itself_imports_nothing_of_ours() -> None:
    assert not [arrow for arrow in arrows() if arrow.source == "odisea"]


@pytest.mark.parametrize("source", ["protocol", "data", "allocation", "analyse"])
def test_what_the_real_run_uses_never_reaches_the_simulator_even_by_a_detour(source: str) -> None:
    reached, front = set[str](), {source}
    while front:
        reached |= front
        front = {arrow.target for arrow in arrows() if arrow.source in front} - reached
    assert not reached & {"simulate", "performance", "report", "cli", "workflow"}


@pytest.mark.parametrize("door", ["cli", "workflow"])
def test_nothing_imports_a_door(door: str) -> None:
    assert not [arrow for arrow in arrows() if arrow.target == door]


def test_no_import_is_relative() -> None:
    relative = [shown(path) for path in MODULES for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom) and node.level]
    assert not relative


def test_no_two_modules_import_each_other_round_a_circle() -> None:
    graph = {name_of(path): {target for target in imported(path) if target in NAMES} - {name_of(path)} for path in MODULES}
    while leaves := {name for name, targets in graph.items() if not targets}:
        graph = {name: targets - leaves for name, targets in graph.items() if name not in leaves}
    assert not graph


def test_no_file_is_a_drawer_for_everything() -> None:
    assert not [
        shown(path) for path in MODULES if path.stem.split("_")[-1] in {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    ]


# ---------------------------------------------------------------- random numbers and compilation


def uses(path: Path) -> Iterator[str]:
    """Dotted names as written, such as np.random.default_rng."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


def test_streams_is_the_only_maker_of_random_numbers() -> None:
    for path in MODULES:
        assert not [use for use in uses(path) if use.startswith(("np.random", "numpy.random"))], shown(path)
        assert not [name for name in imported(path) if name.split(".")[0] == "random" or name.startswith("numpy.random")], shown(path)


def test_only_two_files_know_the_compiler() -> None:
    """`compiled` has the decorators; `lanes` writes the vector instructions that the compiler does not find by itself."""
    assert [shown(path) for path in MODULES if any(name.split(".")[0] == "numba" for name in imported(path))] == ["compiled.py", "lanes.py"]


# ---------------------------------------------------------------- disk, clock, environment

DISK = {
    "open", "read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "unlink", "rename", "rmdir", "touch", "chmod", "symlink_to",
    "glob", "rglob", "iterdir", "exists", "is_file", "is_dir", "stat", "rmtree", "copyfile", "copytree", "mkdtemp", "mkstemp",
    "np.load", "np.save", "np.savez", "pq.read_table", "pq.write_table", "pd.read_csv", "pd.read_parquet", "pd.read_excel",
}  # fmt: skip
CLOCK = {"now", "utcnow", "today", "perf_counter", "time.time", "monotonic", "getenv"}
# Reviewed: functions outside cli.py that do not say read_ or write_ in their name, and why they may.
TOUCHES_DISK = {
    "source.py:source_hash": "reads the package's own source, which is code and no data",
    "provenance.py:file_sha256": "hashes a file that somebody else names",
    "protocol/load.py:_beside": "asks whether a file exists that a declaration names, for the message",
    "simulate/calibration_file.py:calibrated": "asks whether a calibration is there before it solves one",
    "report/html.py:render_html": "reads the package's own templates, which are code and no data",
    "report/pdf.py:render_pdf": "reads the package's own template",
    "data/write_export.py:_check_target": "asks whether a folder may be written into",
}
TOUCHES_CLOCK = {
    "provenance.py:timestamp": "the manifest's time of making",
    "compiled.py:": "names the folder of compiled code before the compiler is imported",
}


class Touch(NamedTuple):
    """A call that reaches outside the process."""

    place: str  # file:function
    functions: tuple[str, ...]
    call: str


def touches(path: Path, calls: set[str]) -> Iterator[Touch]:
    """Find calls by their last name, or by the dotted name where the last one alone says too little."""

    def visit(node: ast.AST, functions: tuple[str, ...]) -> Iterator[Touch]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions = (*functions, node.name)
        dotted = ""
        if isinstance(node, ast.Call):
            dotted = ast.unparse(node.func)
        elif isinstance(node, ast.Attribute) and node.attr == "environ":
            dotted = "getenv"
        # Our own write_text and the like are functions whose name says what they do.
        method = dotted.rpartition(".")[2] if "." in dotted or dotted in {"open", "getenv"} else ""
        if dotted in calls or method in calls:
            yield Touch(f"{shown(path)}:{functions[-1] if functions else ''}", functions, dotted)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, functions)

    yield from visit(tree(path), ())


def says_so(functions: tuple[str, ...]) -> bool:
    return any(name.lstrip("_").split("_")[0] in ("read", "write") for name in functions)


def test_only_readers_and_writers_touch_the_disk() -> None:
    found = {touch.place for path in MODULES if shown(path) != "cli.py" for touch in touches(path, DISK) if not says_so(touch.functions)}
    there = {place for place in TOUCHES_DISK if (PACKAGE / place.split(":")[0]).exists()}
    assert found == there


def test_only_the_manifest_looks_at_the_clock_and_only_the_compiler_at_the_environment() -> None:
    allowed = {"cli.py", "performance/bench.py"}  # bench measures time: that is its matter
    found = {touch.place for path in MODULES if shown(path) not in allowed for touch in touches(path, CLOCK)}
    assert found == set(TOUCHES_CLOCK)


def test_the_simulator_never_hears_of_a_path_of_its_own() -> None:
    """No file name of a declaration or of data stands in a compute room's code; the doors and readers name files."""
    for name in ("simulate/replicate.py", "simulate/observe.py", "simulate/calibrate.py", "analyse/estimate.py", "performance/batch.py"):
        assert not [module for module in imported(PACKAGE / name) if module.split(".")[0] in {"pathlib", "os", "io", "tempfile"}]
