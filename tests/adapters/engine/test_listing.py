"""One unreadable container does not hide others: lists against a small server."""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from sidecar.core.model.container import Container, Status
from sidecar.core.ports.engine import (
    Connected,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
)
from sidecar.engine import container_list, listing, requests
from sidecar.engine.docker import DockerEngine
from sidecar.engine.stream import Item
from tests.support.engine_connection import (
    DEADLINES_S,
    OWN,
    WITHIN_S,
    Requests,
    link_to,
    open_engine,
    run_engine_server,
)
from tests.support.engine_server import EngineServer, raw_container, raw_event

BAD = "c" * 64


@pytest.fixture
def server() -> Iterator[EngineServer]:
    with run_engine_server() as server:
        server.add(raw_container(BAD, service="bad"))
        server.add(raw_container(OWN))
        yield server


async def list_by_service(server: EngineServer) -> dict[str, Container]:
    calls: Requests = []
    async with open_engine(link_to(server, calls)) as engine:
        containers = await engine.containers()
    assert calls == [("list", "ok")]
    return {container.service: container for container in containers}


def with_part(**parts: object) -> dict[str, Any]:
    return raw_container(BAD, service="bad") | parts


@pytest.mark.parametrize(
    ("raw", "fragment"),
    [
        pytest.param(with_part(State=None), "State", id="null state"),
        pytest.param(with_part(HostConfig=None), "HostConfig", id="null host config"),
        pytest.param(
            raw_container(BAD, service="bad", Status="stopping"), "stopping", id="word"
        ),
        pytest.param(
            raw_container(BAD, service="bad", Status="zombie"), "zombie", id="invented"
        ),
        pytest.param(
            raw_container(BAD, service="bad", Status=None), "Status", id="null status"
        ),
        pytest.param(
            raw_container(BAD, service="bad", ExitCode=10**30), "ExitCode", id="number"
        ),
        pytest.param(
            raw_container(BAD, service="bad", Pid=2**40), "Pid", id="process id"
        ),
        pytest.param(
            raw_container(BAD, service="bad", StartedAt="99999-01-01T00:00:00Z"),
            "99999",
            id="year",
        ),
    ],
)
async def test_malformed_inspect_is_a_fault_of_that_container(
    server: EngineServer, raw: dict[str, Any], fragment: str
) -> None:
    server.say[f"{BAD}/json"] = (200, json.dumps(raw).encode())
    containers = await list_by_service(server)
    assert containers["wallet"].fault == ""
    bad = containers["bad"]
    assert (bad.id, bad.name, bad.status) == (BAD, "demo-bad-1", Status.UNKNOWN)
    assert "not understood" in bad.fault
    assert fragment in bad.fault


@pytest.mark.parametrize(
    ("status", "body", "fragment"),
    [
        (500, b'{"message": "layer is broken"}', "500: layer is broken"),
        (502, b"<html><h1>Bad Gateway</h1></html>", "502"),
        (403, b"forbidden by policy", "403: forbidden by policy"),
        (404, b"page not found", "404"),
        (200, b"[" * 100_000, "not understood"),
        (200, b"", "not understood"),
        (200, b"\xff", "not understood"),
    ],
)
async def test_refused_inspect_is_a_fault_of_that_container(
    server: EngineServer, status: int, body: bytes, fragment: str
) -> None:
    server.say[f"{BAD}/json"] = (status, body)
    containers = await list_by_service(server)
    assert containers["wallet"].fault == ""
    assert fragment in containers["bad"].fault
    assert "<" not in containers["bad"].fault


@pytest.mark.parametrize("trouble", ["hang", "drip"])
async def test_inspect_without_end_has_its_own_time_limit(
    server: EngineServer, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    getattr(server, trouble).add(f"{BAD}/json")
    containers: dict[str, Container] = {}
    for silence_s in DEADLINES_S:
        monkeypatch.setattr(listing, "FIRST_SILENCE_S", silence_s)
        began = time.monotonic()
        containers = await list_by_service(server)
        assert time.monotonic() - began < WITHIN_S
        if containers["wallet"].fault == "":
            break
    assert containers["wallet"].fault == ""
    assert "in time" in containers["bad"].fault


async def test_inspect_whose_time_passed_before_it_was_sent_is_no_lost_engine(
    server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FIRST_SILENCE_S", 0.0)
    containers = await list_by_service(server)
    assert "its deadline has passed" in containers["bad"].fault
    assert containers["wallet"].fault == ""


async def test_many_silent_inspects_leave_time_for_the_others(
    server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "NEXT_SILENCE_S", 0.2)
    for number in range(3):
        silent = str(number) * 64
        server.add(raw_container(silent, service=f"silent{number}"))
        server.hang.add(f"{silent}/json")
    containers: dict[str, Container] = {}
    first_s = 0
    for first_s in (1, 3, 8):  # a busy machine may be late for the first
        monkeypatch.setattr(listing, "FIRST_SILENCE_S", float(first_s))
        containers = await list_by_service(server)
        if containers["wallet"].fault == containers["bad"].fault == "":
            break
    assert containers["wallet"].fault == containers["bad"].fault == ""
    faults = [containers[f"silent{number}"].fault for number in range(3)]
    waited = sorted(fault.rpartition("(")[2] for fault in faults)
    assert waited == ["within 0 s)", "within 0 s)", f"within {first_s} s)"]


async def test_next_list_has_time_for_each_container_of_the_last(
    server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_engine(link_to(server, [])) as engine:
        await engine.containers()
        monkeypatch.setattr(container_list, "_LIST_S", 0.0)
        monkeypatch.setattr(container_list, "_LIST_EACH_S", 10.0)
        containers = await engine.containers()
    assert [container.fault for container in containers] == ["", ""]


async def test_an_inspect_whose_connection_breaks_is_asked_once_more(
    server: EngineServer,
) -> None:
    server.drop[f"{BAD}/json"] = 1
    assert (await list_by_service(server))["bad"].fault == ""
    server.drop[f"{BAD}/json"] = 2
    containers = await list_by_service(server)
    assert "broke" in containers["bad"].fault
    assert containers["wallet"].fault == ""


async def test_out_of_range_replica_number_is_read_as_1(
    server: EngineServer,
) -> None:
    labels = server.containers[BAD]["Config"]["Labels"]
    labels["com.docker.compose.container-number"] = "9" * 5000
    assert (await list_by_service(server))["bad"].number == 1


async def test_an_entry_that_names_no_container_is_passed_over(
    server: EngineServer,
) -> None:
    labels = raw_container(OWN)["Config"]["Labels"]
    entries = [None, 7, {"Names": ["/x"]}, {"Id": OWN, "Names": 3, "Labels": labels}]
    server.say["/containers/json"] = (200, json.dumps(entries).encode())
    assert list(await list_by_service(server)) == ["wallet"]


async def test_silence_about_all_containers_is_an_engine_timeout(
    server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FIRST_SILENCE_S", 0.3)
    monkeypatch.setattr(listing, "NEXT_SILENCE_S", 0.3)
    server.hang |= {f"{BAD}/json", f"{OWN}/json"}
    async with open_engine(link_to(server, [])) as engine:
        with pytest.raises(EngineTimeout, match="about no container"):
            await engine.containers()


async def test_an_engine_that_goes_while_it_lists_is_unreachable(
    server: EngineServer,
) -> None:
    async with open_engine(link_to(server, [])) as engine:
        await engine.containers()
        server.stop()
        with pytest.raises(EngineUnreachable):
            await engine.containers()


async def test_only_a_changed_container_is_a_new_object_of_the_next_list(
    server: EngineServer,
) -> None:
    async with open_engine(link_to(server, [])) as engine:
        first = {container.id: container for container in await engine.containers()}
        server.containers[BAD]["State"]["ExitCode"] = 7
        second = {container.id: container for container in await engine.containers()}
    assert second[OWN] is first[OWN]
    assert (first[BAD].exit_code, second[BAD].exit_code) == (0, 7)


def list_as_running_on(server: EngineServer) -> None:
    for raw in server.containers.values():
        raw["Listed"] = {"Status": "Up 2 hours"}


@asynccontextmanager
async def listening_engine(
    server: EngineServer,
) -> AsyncIterator[tuple[DockerEngine, AsyncGenerator[Item, None]]]:
    """An engine and its events, which are heard; all containers run on."""
    list_as_running_on(server)
    async with (
        open_engine(link_to(server, [])) as engine,
        aclosing(engine.events()) as events,
    ):
        assert await anext(events) == Connected()
        yield engine, events


def take_inspected(server: EngineServer) -> list[str]:
    """The services that were inspected since the last question."""
    paths = [request.split()[1] for request in server.requests]
    server.requests.clear()
    services = {BAD: "bad", OWN: "wallet"}
    return [name for path in paths for i, name in services.items() if i in path]


async def test_containers_that_run_on_are_inspected_in_turn(
    server: EngineServer,
) -> None:
    async with listening_engine(server) as (engine, _):
        await engine.containers()
        assert sorted(take_inspected(server)) == ["bad", "wallet"]
        in_turn = []
        for _ in range(4):
            assert len(await engine.containers()) == 2
            in_turn += take_inspected(server)
    assert in_turn in (["bad", "wallet"] * 2, ["wallet", "bad"] * 2)


async def test_restart_that_no_event_told_is_seen_in_the_next_list(
    server: EngineServer,
) -> None:
    async with listening_engine(server) as (engine, _):
        for _ in range(2):
            await engine.containers()
        for raw in server.containers.values():
            raw["State"]["Pid"] = 200
            raw["Listed"]["Status"] = "Up 5 seconds"
        pids = {container.pid for container in await engine.containers()}
    assert pids == {200}


async def test_container_of_an_event_is_inspected_by_the_next_list(
    server: EngineServer,
) -> None:
    async with listening_engine(server) as (engine, events):
        await engine.containers()
        take_inspected(server)
        for number in range(3):
            server.publish(raw_event("update", BAD, time.time_ns()))
            server.publish(raw_event("update", OWN, time.time_ns()))
            await anext(events)
            await anext(events)
            server.containers[BAD]["HostConfig"]["Memory"] = number
            containers = {c.service: c for c in await engine.containers()}
            assert containers["bad"].memory_limit_bytes == number
            assert sorted(take_inspected(server)) == ["bad", "wallet"]


@pytest.mark.parametrize("hears", ["nobody", "lost"])
async def test_all_containers_are_inspected_while_no_events_are_heard(
    server: EngineServer, hears: str
) -> None:
    list_as_running_on(server)
    async with open_engine(link_to(server, [])) as engine:
        if hears == "lost":
            async with aclosing(engine.events()) as events:
                await anext(events)
        for _ in range(2):
            await engine.containers()
            assert sorted(take_inspected(server)) == ["bad", "wallet"]


async def test_a_silent_container_is_no_silent_engine_beside_one_that_runs_on(
    server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening_engine(server) as (engine, _):
        await engine.containers()
        server.containers[BAD]["Listed"]["Status"] = "Up 5 seconds"
        server.hang.add(f"{BAD}/json")
        monkeypatch.setattr(listing, "FIRST_SILENCE_S", 0.5)
        containers = {c.service: c for c in await engine.containers()}
    assert "in time" in containers["bad"].fault
    assert containers["wallet"].fault == ""


async def test_longest_list_has_a_bound(
    server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "LIST_BYTES", 100)
    async with open_engine(link_to(server, [])) as engine:
        with pytest.raises(EngineRefused, match="more than 100 bytes"):
            await engine.containers()
