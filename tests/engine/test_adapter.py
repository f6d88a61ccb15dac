"""The adapter on a real engine, with small real containers."""

import asyncio
import math
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import docker
import pytest

from sidecar.core.model.container import NativeHealth, Status
from sidecar.core.model.event import EngineEventKind
from sidecar.core.ports.engine import (
    CommandTimeout,
    Connected,
    ContainerGone,
    EngineEvent,
    EngineRefused,
)
from sidecar.core.status.run_log import is_run_start, select_lines
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.own_container import find_own_container
from sidecar.engine.stream import Item

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]

IMAGE = "sidecar-base:local"
T = TypeVar("T")
WITHIN_S = 20.0
SHELL = [
    "sh",
    "-c",
    "trap 'exit 0' TERM; echo out; echo err >&2; while :; do sleep 0.1; done",
]


class Stack:
    """Containers of one compose project, made by hand, removed at the end."""

    def __init__(self, client: docker.APIClient) -> None:
        self.client = client
        self.name = f"adapter-{uuid.uuid4().hex[:8]}"
        self._made: list[str] = []

    def run(self, command: list[str] = SHELL, **options: Any) -> str:  # noqa: ANN401
        """Start a container; options as of the SDK's create_container."""
        number = len(self._made) + 1
        labels = {
            "com.docker.compose.project": self.name,
            "com.docker.compose.service": "wallet",
            "com.docker.compose.container-number": str(number),
        }
        settings = {"name": f"{self.name}-wallet-{number}", "labels": labels} | options
        made = self.client.create_container(IMAGE, command, **settings)
        self._made.append(made["Id"])
        self.client.start(made["Id"])
        return str(made["Id"])

    def remove(self) -> None:
        for container_id in self._made:
            self.client.remove_container(container_id, force=True, v=True)


@pytest.fixture(scope="module")
def client() -> Iterator[docker.APIClient]:
    client = docker.APIClient(version="auto")
    yield client
    client.close()


@pytest.fixture
def stack(client: docker.APIClient) -> Iterator[Stack]:
    stack = Stack(client)
    yield stack
    stack.remove()


@pytest.fixture
def neighbour(client: docker.APIClient) -> Iterator[Stack]:
    stack = Stack(client)
    yield stack
    stack.remove()


@pytest.fixture
def link() -> EngineConnection:
    return EngineConnection.from_environ(os.environ, on_request=lambda *_: None)


@pytest.fixture
async def engine(stack: Stack, link: EngineConnection) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(link, stack.name)
    yield engine
    await engine.close()


async def until(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    async with asyncio.timeout(WITHIN_S):
        while not good(seen := await ask()):  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(0.05)
    return seen


async def test_the_list_and_an_inspect_agree(
    stack: Stack, neighbour: Stack, engine: DockerEngine
) -> None:
    neighbour.run()
    first, second = stack.run(), stack.run()
    listed = {seen.id: seen for seen in await engine.containers()}
    assert set(listed) == {first, second}
    seen = await engine.inspect(first)
    assert seen == listed[first]
    assert (seen.name, seen.service, seen.number) == (
        f"{stack.name}-wallet-1",
        "wallet",
        1,
    )
    assert seen.status is Status.RUNNING
    assert abs(seen.started_at - time.time()) < 30.0
    assert seen.finished_at == 0.0
    assert seen.pid > 0
    assert seen.networks == {"bridge"}
    assert seen.restart_policy == "no"


async def test_an_exit_is_seen_and_a_start_begins_a_new_run(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run(["sh", "-c", "sleep 0.2; exit 7"])
    ended = await until(
        lambda: engine.inspect(container), lambda seen: seen.status is Status.EXITED
    )
    assert (ended.exit_code, ended.pid) == (7, 0)
    assert ended.finished_at > ended.started_at
    await engine.start(container)
    again = await engine.inspect(container)
    assert again.run != ended.run


async def test_a_start_of_what_runs_changes_nothing(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run()
    before = await engine.inspect(container)
    await engine.start(container)
    assert await engine.inspect(container) == before


async def test_a_restart_keeps_the_id_and_begins_a_new_run(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run()
    before = await engine.inspect(container)
    await engine.restart(container, 5.0)
    after = await engine.inspect(container)
    assert after.id == before.id
    assert after.started_at > before.started_at
    assert after.status is Status.RUNNING


async def test_the_stop_timeout_is_kept(stack: Stack, engine: DockerEngine) -> None:
    """PID 1 ignores SIGTERM; after a second it is killed."""
    container = stack.run(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"])
    began = time.monotonic()
    await engine.restart(container, 1.0)
    assert 1.0 <= time.monotonic() - began < 8.0


async def test_commands(stack: Stack, engine: DockerEngine) -> None:
    container = stack.run()
    said = await engine.execute(
        container, ("sh", "-c", "echo out; echo err >&2; exit 3"), 10.0
    )
    assert said.exit_code == 3
    assert sorted(said.output.split()) == ["err", "out"]
    missing = await engine.execute(container, ("no-such-command",), 10.0)
    assert missing.exit_code != 0
    assert "no-such-command" in missing.output
    endless = ("sh", "-c", "while :; do echo more; done")
    for command in (("sleep", "30"), endless):
        async with asyncio.timeout(10.0):
            with pytest.raises(CommandTimeout):
                await engine.execute(container, command, 1.0)


async def test_a_command_in_a_stopped_container_is_refused(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run(["true"])
    await until(
        lambda: engine.inspect(container), lambda seen: seen.status is Status.EXITED
    )
    with pytest.raises(EngineRefused, match="409"):
        await engine.execute(container, ("true",), 10.0)
    assert (await engine.stats(container)).keys() == {"cpu_seconds"}


async def test_a_stopped_process_is_shown_as_such(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run(["sh", "-c", "sleep 1000 & wait"])
    processes = await until(
        lambda: engine.processes(container), lambda seen: len(seen) == 2
    )
    assert {process.stat[0] for process in processes} == {"S"}
    sleeping = next(p for p in processes if p.command == "sleep 1000")
    assert sleeping.ppid == (await engine.inspect(container)).pid
    await engine.execute(container, ("pkill", "-STOP", "sleep"), 10.0)
    processes = await engine.processes(container)
    assert {p.command: p.stat[0] for p in processes}["sleep 1000"] == "T"


@pytest.mark.parametrize("tty", [False, True])
async def test_logs(stack: Stack, engine: DockerEngine, *, tty: bool) -> None:
    container = stack.run(["sh", "-c", "seq 1 50; sleep 1000"], tty=tty)
    log = await until(
        lambda: engine.logs(container, 3), lambda log: "50" in log.split()
    )
    lines = log.splitlines()
    assert [line.split()[1] for line in lines] == ["48", "49", "50"]
    assert lines[0].startswith("20")


async def test_a_log_goes_on_from_run_to_run(
    stack: Stack, engine: DockerEngine
) -> None:
    """It is told apart by the engine's own times, whatever is written at once."""
    container = stack.run(["sh", "-c", "echo begins; sleep 1000"], stop_signal="KILL")

    def lines(count: int) -> Callable[[str], bool]:
        return lambda log: log.count("begins") == count

    await until(lambda: engine.logs(container, 9), lines(1))
    first = await engine.inspect(container)
    await engine.restart(container, 0.0)
    await until(lambda: engine.logs(container, 9), lines(2))
    await engine.restart(container, 0.0)
    log = await until(lambda: engine.logs(container, 9), lines(3))
    last = await engine.inspect(container)
    assert last.finished_at < last.started_at
    for run in (first, last):
        (own,) = select_lines(log, (is_run_start(run),), math.inf)
        assert own.count("begins") == (3 if run is first else 1)
    assert (
        select_lines(log, (is_run_start(first),), is_run_start(last))[0].count("begins")
        == 2
    )


async def test_a_flood_of_logs_is_bounded(stack: Stack, engine: DockerEngine) -> None:
    container = stack.run(
        ["sh", "-c", "yes " + "x" * 99 + " | head -n 20000; sleep 99"]
    )
    log = await until(
        lambda: engine.logs(container, 20_000), lambda log: len(log) > 60_000
    )
    assert len(log) <= 64 * 1024
    assert log.startswith("20")


async def test_stats(stack: Stack, engine: DockerEngine) -> None:
    limit = 64 * 1024 * 1024
    container = stack.run(host_config=stack.client.create_host_config(mem_limit=limit))
    stats = await engine.stats(container)
    assert 0 < stats["memory_bytes"] < limit
    assert stats["memory_limit_bytes"] == limit
    assert stats["pids"] >= 1
    assert stats["cpu_seconds"] > 0


async def test_native_health(stack: Stack, engine: DockerEngine) -> None:
    container = stack.run(
        healthcheck={
            "test": ["CMD-SHELL", "echo not yet; exit 1"],
            "interval": 10**9,
            "retries": 1,
        }
    )
    seen = await until(
        lambda: engine.inspect(container),
        lambda seen: seen.health is NativeHealth.UNHEALTHY,
    )
    assert seen.health_log == "not yet"


async def heard(
    items: AsyncIterator[Item], container: str, last: EngineEventKind
) -> list[EngineEventKind]:
    kinds: list[EngineEventKind] = []
    async with asyncio.timeout(WITHIN_S):
        async for item in items:
            if isinstance(item, EngineEvent) and item.container_id == container:
                kinds.append(item.kind)
                if item.kind is last:
                    return kinds
    raise AssertionError(kinds)


async def test_events(stack: Stack, neighbour: Stack, engine: DockerEngine) -> None:
    items = engine.events()
    assert await anext(items) == Connected()
    neighbour.run()
    container = stack.run()
    assert await heard(items, container, EngineEventKind.START) == [
        EngineEventKind.OTHER,
        EngineEventKind.START,
    ]
    await engine.execute(container, ("true",), 10.0)
    await engine.processes(container)
    stack.client.kill(container, signal="STOP")
    stack.client.kill(container, signal="CONT")
    stack.client.pause(container)
    stack.client.unpause(container)
    assert await heard(items, container, EngineEventKind.UNPAUSE) == [
        EngineEventKind.KILL,
        EngineEventKind.KILL,
        EngineEventKind.PAUSE,
        EngineEventKind.UNPAUSE,
    ]
    stack.client.stop(container, timeout=5)
    kinds = {*await heard(items, container, EngineEventKind.STOP)}
    if EngineEventKind.DIE not in kinds:
        kinds |= {*await heard(items, container, EngineEventKind.DIE)}
    assert kinds == {EngineEventKind.KILL, EngineEventKind.DIE, EngineEventKind.STOP}
    await items.aclose()


async def test_a_stop_shortly_before_our_start_is_known(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run()
    stack.client.stop(container, timeout=5)
    items = engine.events()
    kinds = await heard(items, container, EngineEventKind.STOP)
    assert EngineEventKind.KILL in kinds
    await items.aclose()


async def test_a_neighbour_is_never_touched(
    neighbour: Stack, engine: DockerEngine
) -> None:
    container = neighbour.run()
    other = DockerEngine(engine._link, neighbour.name)
    before = await other.inspect(container)
    for name in (container, container[:12], f"{neighbour.name}-wallet-1"):
        for call in (
            engine.inspect(name),
            engine.start(name),
            engine.restart(name, 1.0),
            engine.execute(name, ("touch", "/tmp/trace"), 10.0),
            engine.logs(name, 1),
            engine.processes(name),
            engine.stats(name),
        ):
            with pytest.raises(EngineRefused, match="not touched"):
                await call
    assert await other.inspect(container) == before
    assert (await other.execute(container, ("ls", "/tmp"), 10.0)).output == ""


async def test_a_container_that_was_removed_is_gone(
    stack: Stack, engine: DockerEngine, neighbour: Stack
) -> None:
    container = stack.run()
    await engine.start(container)
    stack.remove()
    stack._made.clear()
    with pytest.raises(ContainerGone):
        await engine.restart(container, 1.0)
    with pytest.raises(ContainerGone):
        await engine.inspect(container)


async def test_a_container_finds_itself_by_what_it_sees(
    stack: Stack, engine: DockerEngine, link: EngineConnection, tmp_path: Path
) -> None:
    container = stack.run(hostname="not-an-id")
    seen = await engine.execute(container, ("cat", "/proc/self/mountinfo"), 10.0)
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(seen.output)
    own = await find_own_container(link, {"HOSTNAME": "not-an-id"}, mountinfo)
    assert own is not None
    assert (own.id, own.stack) == (container, stack.name)
    assert own.name


async def test_this_host_is_no_container(link: EngineConnection, stack: Stack) -> None:
    stack.run()
    assert await find_own_container(link, {"HOSTNAME": stack.name}) is None
    await link.close()
