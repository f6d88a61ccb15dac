"""Architecture rules: allowed imports, and operations forbidden in the core."""

import ast
import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
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


def imports(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, at whatever depth."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from imported_from(node)


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


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_imports_the_standard_library_and_itself(path: Path) -> None:
    assert third_parties(path) == set()
    assert ours(path) <= {"sidecar.core"}


ROOM_ORDER = (
    {"text", "circuit_breaker"},
    {"reason"},
    {"model"},
    {"ports", "status", "reporting", "setup", "backup", "forecast"},
    {"recovery", "incidents"},
    {"policy"},
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
    "policy": {"recovery", "status", "model", "reason", "text"},
    "step": {
        *("policy", "recovery", "incidents", "forecast"),
        *("status", "model", "reason", "text"),
    },
}
"""Rooms that each room of the core may import, beside itself."""


def room(module: str) -> str:
    """``status`` of ``sidecar.core.status.streaks``."""
    return module.split(".")[2]


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_core_room_imports_only_rooms_below_it(path: Path) -> None:
    relative = path.relative_to(PACKAGE / "core")
    own = relative.parts[0].removesuffix(".py")
    rooms = {room(m) for m in imports(path) if m.startswith("sidecar.core.")}
    assert own == "__init__" or rooms - {own} <= ROOMS_BELOW[own]


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


LISTS_OF_REASONS = {
    "sidecar/core/reason/audience.py",
    "sidecar/core/reason/code.py",
    "sidecar/core/reason/english.py",
}
"""A line for each reason, and nothing else."""


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_module_has_at_most_300_lines(path: Path) -> None:
    is_list = name_of(path) in LISTS_OF_REASONS
    assert is_list or len(path.read_text().splitlines()) <= 300


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


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_core_has_no_clock_randomness_logging_or_threads(path: Path) -> None:
    assert {top(m) for m in imports(path)} & NO_PLACE_IN_CORE == set()
    called = {
        node.func.attr
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert called & CLOCK_CALLS == set()


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_core_has_no_await_and_no_async_function(path: Path) -> None:
    """A protocol may declare an ``async def``, which does not wait itself."""
    tree = tree_of(path)
    promised = {
        method
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(b, ast.Name) and b.id == "Protocol" for b in node.bases)
        for method in node.body
    }
    waits = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
        or (isinstance(node, ast.AsyncFunctionDef) and node not in promised)
    ]
    assert waits == []


USERS_OF_API_TYPES = {"web", "cli"}
"""Both sides of the HTTP API: the server and its client."""


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if p.parent != PACKAGE and p not in {*CORE, *COMPOSITION_ROOT}],
    ids=name_of,
)
def test_the_folders_beside_the_core_never_import_each_other(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0]
    shared = {"sidecar.api_types"} if own in USERS_OF_API_TYPES else set()
    assert ours(path) <= {"sidecar.core", f"sidecar.{own}", *shared}


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if p.parent == PACKAGE and p not in COMPOSITION_ROOT],
    ids=name_of,
)
def test_files_beside_the_composition_root_import_only_the_core(path: Path) -> None:
    assert ours(path) <= {"sidecar.core"}
    assert third_parties(path) <= {"loguru"}


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if not p.is_relative_to(PACKAGE / "engine")],
    ids=name_of,
)
def test_only_the_engine_package_imports_docker(path: Path) -> None:
    assert "docker" not in third_parties(path)


def test_healthcheck_imports_only_the_standard_library() -> None:
    assert third_parties(ROOT / "healthcheck.py") == set()
    assert ours(ROOT / "healthcheck.py") == set()


@pytest.mark.parametrize(
    "path",
    [*SOURCES, ROOT / "healthcheck.py", *sorted((ROOT / "compose").rglob("*.py"))],
    ids=name_of,
)
def test_source_has_no_marker_of_unfinished_work(path: Path) -> None:
    assert UNFINISHED.findall(path.read_text()) == []


@cache
def modules_of_run() -> frozenset[str]:
    """All modules that a process of ``sidecar run`` imports at its start."""
    code = "import sys, sidecar.__main__, sidecar.app.main; print(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
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


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if not p.is_relative_to(PACKAGE / "cluster")],
    ids=name_of,
)
def test_only_the_cluster_package_imports_redis(path: Path) -> None:
    assert "redis" not in third_parties(path)


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
