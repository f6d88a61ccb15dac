"""Podman's answers through the adapter, from a small server."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from sidecar.core.model.container import NativeHealth, Process, Status, StopReport
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.ports.engine import Connected, EngineEvent, EngineRefused
from sidecar.engine.podman import OWN_ACTIONS
from tests.support.engine_connection import OWN, link_to, open_engine, run_engine_server
from tests.support.engine_server import EngineServer, raw_container, raw_event
from tests.support.podman_answers import be_podman, say_own_inspect

OWN_PATH = f"/libpod/containers/{OWN}/json"
EXITED = {"Status": "exited", "Pid": 0, "FinishedAt": "2026-01-02T03:05:05Z"}


@pytest.fixture
def server() -> Iterator[EngineServer]:
    with run_engine_server() as server:
        server.add(raw_container(OWN))
        be_podman(server)
        yield server


async def report_of(server: EngineServer, **state: object) -> StopReport:
    raw = raw_container(OWN)
    raw["State"] |= state
    server.add(raw)
    async with open_engine(link_to(server, [])) as engine:
        return (await engine.inspect(OWN)).stop_report


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("running", Status.RUNNING),
        ("stopping", Status.RUNNING),
        ("stopped", Status.EXITED),
        ("exited", Status.EXITED),
        ("initialized", Status.CREATED),
        ("configured", Status.CREATED),
        ("paused", Status.PAUSED),
    ],
)
async def test_status_words_are_those_of_docker(
    server: EngineServer, word: str, status: Status
) -> None:
    server.add(raw_container(OWN, Status=word))
    async with open_engine(link_to(server, [])) as engine:
        assert (await engine.inspect(OWN)).status is status
        (listed,) = await engine.containers()
    assert (listed.status, listed.fault) == (status, "")


@pytest.mark.parametrize(
    ("own", "report"),
    [
        ({"StoppedByUser": True}, StopReport.REQUESTED),
        ({"Checkpointed": True}, StopReport.REQUESTED),
        ({}, StopReport.NOT_REQUESTED),
        ({"StartedAt": "2026-01-02T03:04:09Z"}, StopReport.UNKNOWN),
    ],
)
async def test_stop_report_is_of_the_inspected_run(
    server: EngineServer, own: dict[str, object], report: StopReport
) -> None:
    say_own_inspect(server, OWN, own)
    assert await report_of(server, **EXITED) is report


async def test_stop_report_is_unknown_where_the_version_or_a_filter_withholds_it(
    server: EngineServer,
) -> None:
    say_own_inspect(server, OWN, {"StoppedByUser": True}, 403)
    assert await report_of(server, **EXITED) is StopReport.UNKNOWN
    server.requests.clear()
    be_podman(server, "4.6.9")
    assert await report_of(server, **EXITED) is StopReport.UNKNOWN
    assert server.count_requests(OWN_PATH) == 0


async def test_running_container_needs_no_second_request(server: EngineServer) -> None:
    assert await report_of(server) is StopReport.NOT_REQUESTED
    assert await report_of(server, Status="stopping") is StopReport.REQUESTED
    assert server.count_requests(OWN_PATH) == 0


async def test_docker_is_not_asked_for_a_stop_report(server: EngineServer) -> None:
    del server.say["/version"]
    assert await report_of(server, **EXITED) is StopReport.EVENTS
    assert server.count_requests(OWN_PATH) == 0


async def test_version_that_reports_no_stops_is_logged(
    server: EngineServer, log_lines: list[str]
) -> None:
    await report_of(server)
    assert log_lines == []
    be_podman(server, "4.3.1")
    await report_of(server)
    assert "does not say whether somebody stopped a container" in log_lines[0]


@pytest.mark.parametrize(
    ("word", "health"),
    [
        ("", NativeHealth.NONE),
        ("reset", NativeHealth.STARTING),
        ("stopped", NativeHealth.NONE),
        ("unhealthy", NativeHealth.UNHEALTHY),
    ],
)
async def test_health_words_are_those_of_docker(
    server: EngineServer, word: str, health: NativeHealth
) -> None:
    server.add(raw_container(OWN, Health={"Status": word, "Log": None}))
    async with open_engine(link_to(server, [])) as engine:
        assert (await engine.inspect(OWN)).health is health


async def test_stop_timeout_of_zero_is_the_default(server: EngineServer) -> None:
    raw = raw_container(OWN)
    raw["Config"]["StopTimeout"] = 0
    server.add(raw)
    async with open_engine(link_to(server, [])) as engine:
        assert (await engine.inspect(OWN)).stop_timeout_s == 10.0


TOP = (
    b'{"Titles": ["PID", "PPID", "STATE", "COMMAND"], "Processes": '
    b'[["1", "0", "S", "sh"], ["100", "1", "T", "python3 daemon"]]}'
)


@pytest.mark.parametrize(
    ("mode", "pids"),
    [
        ("private", [(100, 0), (100 + 2**22, 100)]),
        ("host", [(1, 0), (100, 1)]),
        ("container:db", [(1, 0), (100 + 2**22, 1)]),
    ],
)
async def test_main_process_has_its_number_on_the_host(
    server: EngineServer, mode: str, pids: list[tuple[int, int]]
) -> None:
    raw = raw_container(OWN)
    raw["HostConfig"]["PidMode"] = mode
    server.add(raw)
    server.say["/top"] = (200, TOP)
    async with open_engine(link_to(server, [])) as engine:
        processes = await engine.processes(OWN)
    assert [(p.pid, p.ppid) for p in processes] == pids
    assert processes[1] == Process(*pids[1], "T", "python3 daemon")
    assert "ps_args=pid%2Cppid%2Cstate%2Cargs" in server.requests[-2]


async def test_no_signal_is_sent(server: EngineServer) -> None:
    async with open_engine(link_to(server, [])) as engine:
        with pytest.raises(EngineRefused, match="operator's stop"):
            await engine.signal(OWN, "SIGCONT")
    assert server.acts() == []


async def test_no_container_is_recreated(server: EngineServer) -> None:
    async with open_engine(link_to(server, [])) as engine:
        with pytest.raises(EngineRefused, match="recreated"):
            await engine.plan_replacement(OWN, None)


async def events_of(server: EngineServer, count: int) -> list[EngineEvent]:
    events: list[EngineEvent] = []
    async with asyncio.timeout(10.0), open_engine(link_to(server, [])) as engine:
        await engine.containers()  # the engine's name is known
        async for item in engine.events():
            if isinstance(item, EngineEvent):
                events.append(item)
            if len(events) == count:
                break
    return events


def past(*actions: str | tuple[str, str]) -> list[dict[str, object]]:
    events = []
    for number, action in enumerate(actions):
        word, health = action if isinstance(action, tuple) else (action, "")
        event = raw_event(word, OWN, 2 * 10**18 + number)
        events.append(event | ({"HealthStatus": health} if health else {}))
    return events


async def test_events_are_those_of_docker(server: EngineServer) -> None:
    server.past_events = past(
        "restart",
        "died",
        "cleanup",
        ("health_status", "healthy"),
        ("health_status", "healthy"),
        ("health_status", "unhealthy"),
        "remove",
    )
    kinds = [event.kind for event in await events_of(server, 5)]
    assert kinds == [
        EngineEventKind.KILL,
        EngineEventKind.DIE,
        EngineEventKind.HEALTH,
        EngineEventKind.HEALTH,
        EngineEventKind.DESTROY,
    ]
    (query,) = server.event_queries()
    assert all(f'"{action}"' in query["filters"][0] for action in ("died", "remove"))


async def test_events_of_docker_are_not_translated(server: EngineServer) -> None:
    del server.say["/version"]
    server.past_events = past("restart", "remove", "destroy")
    kinds = [event.kind for event in await events_of(server, 2)]
    assert kinds == [EngineEventKind.RESTART, EngineEventKind.DESTROY]
    (query,) = server.event_queries()
    assert not any(f'"{action}"' in query["filters"][0] for action in OWN_ACTIONS)


async def test_each_list_inspects_all_containers(server: EngineServer) -> None:
    """Its words for how long a container runs are not those that are known."""
    ids = (OWN, "d" * 64)
    for container_id in ids:
        server.add(raw_container(container_id) | {"Listed": {"Status": "Up 2 hours"}})
    async with (
        open_engine(link_to(server, [])) as engine,
        aclosing(engine.events()) as events,
    ):
        assert await anext(events) == Connected()
        for number in (1, 2, 3):
            assert len(await engine.containers()) == len(ids)
            counts = [server.count_requests(f"/containers/{i}/json") for i in ids]
            assert counts == [number, number]
