"""One unreadable container does not hide others: lists against a small server."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sidecar.core.model.container import Container, Status
from sidecar.core.ports.engine import EngineTimeout, EngineUnreachable
from sidecar.engine import docker, listing
from tests.support.engine_connection import (
    DEADLINES_S,
    OWN,
    WITHIN_S,
    Requests,
    link_to,
    open_engine,
    run_engine_server,
)
from tests.support.engine_server import EngineServer, raw_container

BAD = "c" * 64


@pytest.fixture
def server() -> Iterator[EngineServer]:
    with run_engine_server() as server:
        server.add(raw_container(BAD, service="bad"))
        server.add(raw_container(OWN))
        yield server


async def list_by_service(server: EngineServer) -> dict[str, Container]:
    requests: Requests = []
    async with open_engine(link_to(server, requests)) as engine:
        containers = await engine.containers()
    assert requests == [("list", "ok")]
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
        monkeypatch.setattr(docker, "_LIST_S", 0.0)
        monkeypatch.setattr(docker, "_LIST_EACH_S", 10.0)
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
