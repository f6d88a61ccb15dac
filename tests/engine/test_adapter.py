"""The adapter on a real engine, with small real containers."""

import asyncio
import math
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import docker
import pytest

from sidecar.core.model.container import NativeHealth, Status
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.ports.engine import (
    CommandTimeout,
    Connected,
    ContainerGone,
    EngineEvent,
    EngineRefused,
)
from sidecar.core.status.run_log import find_run_start, select_lines
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.features import ALL_FEATURES
from sidecar.engine.own_container import find_own_container
from sidecar.engine.stream import Item
from tests.engine.harness import retry_pause

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]

IMAGE = "sidecar-base:local"
T = TypeVar("T")
WITHIN_S = 20.0
CHECK = {"test": ["CMD", "true"], "interval": 10**9}
"""A HEALTHCHECK that finds its container healthy."""
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
        self._container_ids: list[str] = []

    def run(self, command: list[str] = SHELL, **options: Any) -> str:  # noqa: ANN401
        """Start a container; options as of the SDK's create_container."""
        number = len(self._container_ids) + 1
        labels = {
            "com.docker.compose.project": self.name,
            "com.docker.compose.service": "wallet",
            "com.docker.compose.container-number": str(number),
        }
        settings = {"name": f"{self.name}-wallet-{number}", "labels": labels} | options
        created = self.client.create_container(IMAGE, command, **settings)
        self._container_ids.append(created["Id"])
        self.client.start(created["Id"])
        return str(created["Id"])

    def remove(self) -> None:
        for container_id in self._container_ids:
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
    return EngineConnection.from_environ(
        os.environ, on_request=lambda *_: None, features_in_use=lambda: ALL_FEATURES
    )


@pytest.fixture
async def engine(stack: Stack, link: EngineConnection) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(link, stack.name)
    yield engine
    await engine.close()


async def wait_for(
    ask: Callable[[], Awaitable[T]],
    good: Callable[[T], bool],
    within_s: float = WITHIN_S,
) -> T:
    async with asyncio.timeout(within_s):
        while not good(observation := await ask()):  # noqa: ASYNC110 - polls
            await asyncio.sleep(0.05)
    return observation


async def test_container_list_and_inspect_agree(
    stack: Stack, neighbour: Stack, engine: DockerEngine
) -> None:
    neighbour.run()
    first, second = stack.run(), stack.run()
    listed = {inspected.id: inspected for inspected in await engine.containers()}
    assert set(listed) == {first, second}
    inspected = await engine.inspect(first)
    assert inspected == listed[first]
    assert (inspected.name, inspected.service, inspected.number) == (
        f"{stack.name}-wallet-1",
        "wallet",
        1,
    )
    assert inspected.status is Status.RUNNING
    assert abs(inspected.started_at - time.time()) < 30.0
    assert inspected.finished_at == 0.0
    assert inspected.pid > 0
    assert inspected.networks == {"bridge"}
    assert inspected.restart_policy == "no"


async def count_inspects(engine: DockerEngine) -> int:
    """The number of containers that the next list inspects."""
    before = engine._list._known.by_id
    await engine.containers()
    after = engine._list._known.by_id
    return sum(1 for i, known in after.items() if before.get(i) is not known)


async def read_on(items: AsyncIterator[Item]) -> None:
    async for _ in items:
        pass


@pytest.mark.timeout(150)
async def test_containers_that_run_for_a_minute_are_inspected_in_turn(
    client: docker.APIClient, stack: Stack, engine: DockerEngine
) -> None:
    plain, checked = stack.run(), stack.run(healthcheck=CHECK)
    restarted = stack.run()
    async with aclosing(engine.events()) as events:
        await wait_for(lambda: anext(events), lambda item: item == Connected())
        reading = asyncio.create_task(read_on(events))
        await wait_for(lambda: count_inspects(engine), lambda n: n == 1, 100.0)
        assert [await count_inspects(engine) for _ in range(3)] == [1, 1, 1]
        words = {entry["Id"]: entry["Status"] for entry in client.containers()}
        assert words[checked].endswith("(healthy)"), words
        assert not words[plain].endswith("(healthy)"), words
        client.restart(restarted, timeout=0)
        pid = client.inspect_container(restarted)["State"]["Pid"]
        assert {c.id: c.pid for c in await engine.containers()}[restarted] == pid
        reading.cancel()
        await asyncio.wait({reading})


async def test_exit_is_reported_and_start_begins_new_run(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run(["sh", "-c", "sleep 0.2; exit 7"])
    ended = await wait_for(
        lambda: engine.inspect(container),
        lambda inspected: inspected.status is Status.EXITED,
    )
    assert (ended.exit_code, ended.pid) == (7, 0)
    assert ended.finished_at > ended.started_at
    await engine.start(container)
    again = await engine.inspect(container)
    assert again.run != ended.run


async def test_start_of_running_container_changes_nothing(
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


async def test_restart_kills_container_after_stop_timeout(
    stack: Stack, engine: DockerEngine
) -> None:
    """PID 1 ignores SIGTERM; after a second it is killed.

    Its own stop timeout is longer than this test may take.
    """
    ignores = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]
    container = stack.run(ignores, stop_timeout=120)
    began = time.monotonic()
    await engine.restart(container, 1.0)
    assert time.monotonic() - began >= 1.0


async def test_execute_returns_exit_code_and_output_or_times_out(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run()
    result = await engine.execute(
        container, ("sh", "-c", "echo out; echo err >&2; exit 3"), 10.0
    )
    assert result.exit_code == 3
    assert sorted(result.output.split()) == ["err", "out"]
    missing = await engine.execute(container, ("no-such-command",), 10.0)
    assert missing.exit_code != 0
    assert "no-such-command" in missing.output
    endless = ("sh", "-c", "while :; do echo more; sleep 0.01; done")
    async with asyncio.timeout(30.0):
        errors = await asyncio.gather(
            *(
                # Time enough for a slow engine to create the command.
                engine.execute(container, command, 8.0)
                for command in (("sleep", "600"), endless)
            ),
            return_exceptions=True,
        )
    assert [type(error) for error in errors] == 2 * [CommandTimeout]


async def test_a_command_in_a_stopped_container_is_refused(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run(["true"])
    await wait_for(
        lambda: engine.inspect(container),
        lambda inspected: inspected.status is Status.EXITED,
    )
    with pytest.raises(EngineRefused, match="409"):
        await engine.execute(container, ("true",), 10.0)
    assert (await engine.stats(container)).keys() == {"cpu_seconds"}


async def test_processes_report_stopped_process_as_state_t(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run(["sh", "-c", "sleep 1000 & wait"])
    processes = await wait_for(
        lambda: engine.processes(container),
        lambda processes_now: [p.stat[0] for p in processes_now] == ["S", "S"],
    )
    sleeping = next(p for p in processes if p.command == "sleep 1000")
    assert sleeping.ppid == (await engine.inspect(container)).pid
    await engine.execute(container, ("pkill", "-STOP", "sleep"), 10.0)
    await wait_for(
        lambda: engine.processes(container),
        lambda now: {p.command: p.stat[0] for p in now}["sleep 1000"] == "T",
    )


@pytest.mark.parametrize("tty", [False, True])
async def test_logs_return_last_lines(
    stack: Stack, engine: DockerEngine, *, tty: bool
) -> None:
    container = stack.run(["sh", "-c", "seq 1 50; sleep 1000"], tty=tty)
    log = await wait_for(
        lambda: engine.logs(container, 3), lambda log: "50" in log.split()
    )
    lines = log.splitlines()
    assert [line.split()[1] for line in lines] == ["48", "49", "50"]
    assert lines[0].startswith("20")


async def test_log_lines_are_assigned_to_runs_by_engine_timestamps(
    stack: Stack, engine: DockerEngine
) -> None:
    """Lines are assigned by the engine's timestamps, even without a pause between."""
    container = stack.run(["sh", "-c", "echo begins; sleep 1000"], stop_signal="KILL")

    def lines(count: int) -> Callable[[str], bool]:
        return lambda log: log.count("begins") == count

    await wait_for(lambda: engine.logs(container, 9), lines(1))
    first = await engine.inspect(container)
    await engine.restart(container, 0.0)
    await wait_for(lambda: engine.logs(container, 9), lines(2))
    await engine.restart(container, 0.0)
    log = await wait_for(lambda: engine.logs(container, 9), lines(3))
    last = await engine.inspect(container)
    assert last.finished_at < last.started_at
    for run in (first, last):
        (own,) = select_lines(log, (find_run_start(run),), math.inf)
        assert own.count("begins") == (3 if run is first else 1)
    assert (
        select_lines(log, (find_run_start(first),), find_run_start(last))[0].count(
            "begins"
        )
        == 2
    )


async def test_log_output_is_limited_to_64_kib(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run(
        ["sh", "-c", "yes " + "x" * 99 + " | head -n 20000; sleep 99"]
    )
    log = await wait_for(
        lambda: engine.logs(container, 20_000), lambda log: len(log) > 60_000
    )
    assert len(log) <= 64 * 1024
    assert log.startswith("20")


async def test_stats_report_memory_processes_and_cpu(
    stack: Stack, engine: DockerEngine
) -> None:
    limit = 64 * 1024 * 1024
    container = stack.run(host_config=stack.client.create_host_config(mem_limit=limit))
    stats = await engine.stats(container)
    assert 0 < stats["memory_bytes"] < limit
    assert stats["memory_limit_bytes"] == limit
    assert stats["pids"] >= 1
    assert stats["cpu_seconds"] > 0


async def test_inspect_reports_native_health_and_its_log(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run(
        healthcheck={
            "test": ["CMD-SHELL", "echo not yet; exit 1"],
            "interval": 10**9,
            "retries": 1,
        }
    )
    inspected = await wait_for(
        lambda: engine.inspect(container),
        lambda inspected: inspected.health is NativeHealth.UNHEALTHY,
    )
    assert inspected.health_log == "not yet"


async def read_kinds_until(
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


async def test_events_report_changes_of_own_stack_only(
    stack: Stack, neighbour: Stack, engine: DockerEngine
) -> None:
    items = engine.events()
    assert await anext(items) == Connected()
    neighbour.run()
    container = stack.run()
    assert await read_kinds_until(items, container, EngineEventKind.START) == [
        EngineEventKind.OTHER,
        EngineEventKind.START,
    ]
    await engine.execute(container, ("true",), 10.0)
    await engine.processes(container)
    stack.client.kill(container, signal="STOP")
    stack.client.kill(container, signal="CONT")
    retry_pause(stack.client.pause)(container)
    stack.client.unpause(container)
    first, second, *pauses = await read_kinds_until(
        items, container, EngineEventKind.UNPAUSE
    )
    assert first is second is EngineEventKind.KILL
    # A slow engine tells both again, when its runtime's own events have come.
    paused = {EngineEventKind.PAUSE, EngineEventKind.UNPAUSE}
    assert set(pauses) == paused
    stack.client.stop(container, timeout=5)
    kinds = {*await read_kinds_until(items, container, EngineEventKind.STOP)}
    if EngineEventKind.DIE not in kinds:
        kinds |= {*await read_kinds_until(items, container, EngineEventKind.DIE)}
    ended = {EngineEventKind.KILL, EngineEventKind.DIE, EngineEventKind.STOP}
    assert kinds - paused == ended
    await items.aclose()


async def test_events_replay_stop_before_subscription(
    stack: Stack, engine: DockerEngine
) -> None:
    container = stack.run()
    stack.client.stop(container, timeout=5)
    items = engine.events()
    kinds = await read_kinds_until(items, container, EngineEventKind.STOP)
    assert EngineEventKind.KILL in kinds
    await items.aclose()


async def test_container_of_another_stack_is_never_touched(
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


async def test_removed_container_raises_container_gone(
    stack: Stack, engine: DockerEngine, neighbour: Stack
) -> None:
    container = stack.run()
    await engine.start(container)
    stack.remove()
    stack._container_ids.clear()
    with pytest.raises(ContainerGone):
        await engine.restart(container, 1.0)
    with pytest.raises(ContainerGone):
        await engine.inspect(container)


async def test_own_container_is_found_by_mountinfo(
    stack: Stack, engine: DockerEngine, link: EngineConnection, tmp_path: Path
) -> None:
    container = stack.run(hostname="not-an-id")
    result = await engine.execute(container, ("cat", "/proc/self/mountinfo"), 10.0)
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(result.output)
    own = await find_own_container(link, {"HOSTNAME": "not-an-id"}, mountinfo)
    assert own is not None
    assert (own.id, own.stack) == (container, stack.name)
    assert own.name


async def test_own_container_is_not_found_on_host(
    link: EngineConnection, stack: Stack
) -> None:
    stack.run()
    assert await find_own_container(link, {"HOSTNAME": stack.name}) is None
    await link.close()
