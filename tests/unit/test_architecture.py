"""Architecture rules: allowed imports, and operations forbidden in the core."""

import ast
import contextlib
import graphlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

ROOT = REPOSITORY
PACKAGE = ROOT / "sidecar"
SOURCES = sorted(PACKAGE.rglob("*.py"))
CORE = sorted((PACKAGE / "core").rglob("*.py"))
COMPOSITION_ROOT = {*(PACKAGE / "app").glob("*.py"), PACKAGE / "__main__.py"}
HEAVY_FOR_RUN = {"charset_normalizer", "click", "rich", "jsonschema"}

NO_PLACE_IN_CORE = {
    "asyncio",
    "logging",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "threading",
    "time",
    "uuid",
}
CLOCK_CALLS = {"now", "utcnow", "today"}
UNFINISHED = re.compile(
    r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b"
    r"|NotImplementedError|^\s*\.\.\.\s*$",
    re.MULTILINE,
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> frozenset[str]:
    """Full names of the modules that a file imports, at whatever depth."""
    names: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(imported_from(node))
    return frozenset(names)


def imported_from(node: ast.ImportFrom) -> Iterator[str]:
    module = node.module or ""
    if module != "sidecar":
        yield module
        return
    for alias in node.names:
        is_module = (PACKAGE / alias.name).is_dir() or (
            PACKAGE / f"{alias.name}.py"
        ).is_file()
        yield f"sidecar.{alias.name}" if is_module else "sidecar"


def top(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def part(module: str) -> str:
    """The folder or file of ours that a module's name belongs to."""
    return ".".join(module.split(".")[:2])


def ours(path: Path) -> set[str]:
    return {part(m) for m in imports(path) if top(m) == "sidecar"} - {"sidecar"}


def third_parties(path: Path) -> set[str]:
    return {top(m) for m in imports(path)} - sys.stdlib_module_names - {"sidecar"}


def offences(
    paths: Iterable[Path], find: Callable[[Path], Collection[object]]
) -> dict[str, Collection[object]]:
    """Offences by file; a file without one is left out."""
    by_file = {name_of(path): find(path) for path in paths}
    return {name: parts for name, parts in by_file.items() if parts}


def test_the_core_imports_the_standard_library_and_itself() -> None:
    assert offences(CORE, third_parties) == {}
    assert offences(CORE, lambda path: ours(path) - {"sidecar.core"}) == {}


ROOM_ORDER = (
    {"text", "circuit_breaker"},
    {"reason"},
    {"model"},
    {"ports", "status", "reporting", "setup", "backup", "forecast"},
    {"recovery", "incidents"},
    {"policy", "drills"},
    {"step"},
)
"""The rooms of the core from the lowest level to the highest."""

ROOMS_BELOW = {
    "text": set(),
    "circuit_breaker": set(),
    "reason": {"text"},
    "model": {"text", "reason"},
    "ports": {"model", "reason"},
    "status": {"model", "reason", "text"},
    "reporting": {"model", "reason", "text"},
    "setup": {"model", "text"},
    "backup": {"model", "reason"},
    "forecast": {"model", "reason"},
    "recovery": {"status", "model", "reason", "text"},
    "incidents": {"forecast", "status", "model", "reason", "text"},
    "drills": {"recovery", "status", "model", "reason"},
    "policy": {"recovery", "status", "model", "reason", "text"},
    "step": {
        *("policy", "drills", "recovery", "incidents", "forecast"),
        *("status", "model", "reason", "text"),
    },
}
"""Rooms that each room of the core may import, beside itself."""


def room(module: str) -> str:
    """``status`` of ``sidecar.core.status.streaks``."""
    return module.split(".")[2]


def rooms_not_below(path: Path) -> set[str]:
    """Rooms that a module of the core imports though they are not below its own."""
    relative = path.relative_to(PACKAGE / "core")
    own = relative.parts[0].removesuffix(".py")
    rooms = {room(m) for m in imports(path) if m.startswith("sidecar.core.")}
    return set() if own == "__init__" else rooms - {own} - ROOMS_BELOW[own]


def test_core_room_imports_only_rooms_below_it() -> None:
    assert offences(CORE, rooms_not_below) == {}


def test_every_core_room_has_its_place_in_the_order() -> None:
    there = {path.name.removesuffix(".py") for path in (PACKAGE / "core").iterdir()}
    assert there - {"__init__", "__pycache__"} == ROOMS_BELOW.keys()
    assert set().union(*ROOM_ORDER) == ROOMS_BELOW.keys()


def test_a_core_room_imports_only_rooms_of_lower_levels() -> None:
    lower: set[str] = set()
    for level in ROOM_ORDER:
        for name in level:
            assert ROOMS_BELOW[name] <= lower
        lower |= level


def module_name(path: Path) -> str:
    """``sidecar.core`` of ``sidecar/core/__init__.py``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_carried_out_later(node: ast.AST) -> bool:
    """Is it the body of a function, or for types alone?"""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def modules_needed_at_import(node: ast.AST) -> Iterator[str]:
    """Modules that must be complete before the tree's module can be imported."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.ImportFrom) and inner.module:
            yield inner.module
            yield from (f"{inner.module}.{alias.name}" for alias in inner.names)
        elif isinstance(inner, ast.Import):
            yield from (alias.name for alias in inner.names)
        elif not is_carried_out_later(inner):
            yield from modules_needed_at_import(inner)


def find_import_circle(needed: dict[str, set[str]]) -> list[str]:
    """Modules of a circle of imports; empty: there is none."""
    try:
        graphlib.TopologicalSorter(needed).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other() -> None:
    names = {module_name(path) for path in SOURCES}
    needed = {
        module_name(path): (set(modules_needed_at_import(tree_of(path))) & names)
        - {module_name(path)}
        for path in SOURCES
    }
    assert find_import_circle(needed) == []


def test_a_circle_of_imports_is_found() -> None:
    assert find_import_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) != []


LISTS_OF_REASONS = {
    "sidecar/core/reason/audience.py",
    "sidecar/core/reason/code.py",
    "sidecar/core/reason/english.py",
}
"""A line for each reason, and nothing else."""


def test_module_has_at_most_300_lines() -> None:
    modules = [path for path in SOURCES if name_of(path) not in LISTS_OF_REASONS]
    assert offences(modules, lambda path: path.read_text().splitlines()[300:]) == {}


def imports_test_module(node: ast.AST) -> bool:
    """Whether the node imports a test module, or a name from one."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return False
    return any(
        part.startswith("test_")
        for name in names
        if top(name) == "tests"
        for part in name.split(".")
    )


def test_no_module_imports_from_a_test_module() -> None:
    """Code that several tests share is in ``tests/support/``."""
    imports_of_tests = [
        f"{name_of(path)}:{node.lineno}"
        for folder in ("tests", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.stmt) and imports_test_module(node)
    ]
    assert imports_of_tests == []


def impure_parts(path: Path) -> set[str]:
    """Modules and calls with a clock, randomness, a log or threads."""
    called = {
        node.func.attr
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    return {top(m) for m in imports(path)} & NO_PLACE_IN_CORE | called & CLOCK_CALLS


def test_core_has_no_clock_randomness_logging_or_threads() -> None:
    assert offences(CORE, impure_parts) == {}


RECORD_COPY = PACKAGE / "core" / "model" / "record_copy.py"


def imports_standard_replace(path: Path) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and node.module == "dataclasses"
        if any(alias.name == "replace" for alias in node.names)
    ]


def test_core_copies_records_in_one_way() -> None:
    # The circuit breaker is below the model; it is copied for calls to the engine only.
    others = {RECORD_COPY, PACKAGE / "core" / "circuit_breaker.py"}
    paths = [path for path in CORE if path not in others]
    assert offences(paths, imports_standard_replace) == {}
    assert imports_standard_replace(RECORD_COPY)


def lines_that_wait(path: Path) -> list[int]:
    """A protocol may declare an ``async def``, which does not wait itself."""
    tree = tree_of(path)
    promised = {
        method
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(b, ast.Name) and b.id == "Protocol" for b in node.bases)
        for method in node.body
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
        or (isinstance(node, ast.AsyncFunctionDef) and node not in promised)
    ]


def test_core_has_no_await_and_no_async_function() -> None:
    assert offences(CORE, lines_that_wait) == {}


USERS_OF_API_TYPES = {"web", "cli"}
"""Both sides of the HTTP API: the server and its client."""


def imports_of_neighbours(path: Path) -> set[str]:
    """Folders beside its own and beside the core that a module imports."""
    own = path.relative_to(PACKAGE).parts[0]
    shared = {"sidecar.api_types"} if own in USERS_OF_API_TYPES else set()
    return ours(path) - {"sidecar.core", f"sidecar.{own}", *shared}


def test_the_folders_beside_the_core_never_import_each_other() -> None:
    inner = set(SOURCES) - {*CORE, *COMPOSITION_ROOT}
    folders = [path for path in inner if path.parent != PACKAGE]
    assert offences(folders, imports_of_neighbours) == {}


def test_files_beside_the_composition_root_import_only_the_core() -> None:
    files = {path for path in SOURCES if path.parent == PACKAGE} - COMPOSITION_ROOT
    assert offences(files, lambda path: ours(path) - {"sidecar.core"}) == {}
    assert offences(files, lambda path: third_parties(path) - {"loguru"}) == {}


@pytest.mark.parametrize(
    ("library", "room"), [("docker", "engine"), ("redis", "cluster")]
)
def test_only_one_package_imports_a_client(library: str, room: str) -> None:
    others = [path for path in SOURCES if not path.is_relative_to(PACKAGE / room)]
    assert offences(others, lambda path: third_parties(path) & {library}) == {}


def test_healthcheck_imports_only_the_standard_library() -> None:
    assert third_parties(ROOT / "healthcheck.py") == set()
    assert ours(ROOT / "healthcheck.py") == set()


def test_source_has_no_marker_of_unfinished_work() -> None:
    files = [*SOURCES, ROOT / "healthcheck.py", *(ROOT / "compose").rglob("*.py")]
    assert offences(files, lambda path: UNFINISHED.findall(path.read_text())) == {}


@cache
def modules_of_run() -> frozenset[str]:
    """All modules that a process of ``sidecar run`` imports at its start."""
    code = "import sys, sidecar.__main__, sidecar.app.main; print(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return frozenset(process.stdout.split())


def test_run_command_imports_no_libraries_of_the_command_line() -> None:
    """They would need more memory than all the monitoring."""
    assert {top(m) for m in modules_of_run()} & HEAVY_FOR_RUN == set()


def test_run_command_imports_redis_only_for_several_watchdogs() -> None:
    modules = modules_of_run()
    assert "sidecar.app.cluster" in modules
    assert {top(m) for m in modules} & {"redis"} == set()
    assert {m for m in modules if m.startswith("sidecar.cluster")} == set()


def test_run_command_imports_the_status_page_only_at_a_visit() -> None:
    modules = modules_of_run()
    assert "sidecar.web.page.loader" in modules
    assert modules & {"jinja2", "markupsafe", "sidecar.web.page.content"} == set()


async def test_a_blocked_loop_is_noticed_though_the_error_is_swallowed(
    blocking_calls: list[str],
) -> None:
    code = compile("def nap(): time.sleep(0.01)", str(PACKAGE / "nap.py"), "exec")
    names = {"time": time}
    exec(code, names)
    with contextlib.suppress(Exception):
        names["nap"]()  # type: ignore[operator]
    assert len(blocking_calls) == 1
    blocking_calls.clear()
