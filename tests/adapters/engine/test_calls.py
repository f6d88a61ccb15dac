"""The engine's answers, and the border of the stack, against a small server."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from sidecar.core.model.container import Process
from sidecar.core.ports.engine import (
    CommandTimeout,
    ContainerGone,
    Engine,
    EngineError,
    EngineRefused,
    EngineTimeout,
    ExecResult,
    Replacement,
)
from sidecar.engine.docker import DockerEngine
from tests.support.engine_connection import (
    FOREIGN,
    OWN,
    WITHIN_S,
    Requests,
    link_to,
    open_engine,
    run_engine_server,
    with_time_enough,
)
from tests.support.engine_server import EngineServer, frame_output, raw_container

Call = Callable[[Engine, str], Awaitable[object]]

CALLS: dict[str, Call] = {
    "inspect": lambda engine, name: engine.inspect(name),
    "start": lambda engine, name: engine.start(name),
    "restart": lambda engine, name: engine.restart(name, 1.0),
    "logs": lambda engine, name: engine.logs(name, 10),
    "processes": lambda engine, name: engine.processes(name),
    "stats": lambda engine, name: engine.stats(name),
    "execute": lambda engine, name: engine.execute(name, ("true",), 5.0),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@pytest.fixture
def server() -> Iterator[EngineServer]:
    with run_engine_server() as server:
        server.add(raw_container(OWN))
        server.add(raw_container(FOREIGN, stack="neighbour"))
        yield server


async def test_the_list_has_our_stack_and_asks_for_no_other(
    server: EngineServer, requests: Requests
) -> None:
    """Even where a server does not filter."""
    async with open_engine(link_to(server, requests)) as engine:
        assert [container.id for container in await engine.containers()] == [OWN]
    listing = next(r for r in server.requests if "/containers/json" in r)
    assert "com.docker.compose.project%3Ddemo" in listing
    assert "all=1" in listing


async def test_a_container_that_goes_while_it_is_listed_is_left_out(
    server: EngineServer, requests: Requests
) -> None:
    vanished_id = server.add(raw_container("c" * 64))
    server.say[f"{vanished_id}/json"] = (
        404,
        b'{"message": "No such container: %s"}' % vanished_id.encode(),
    )
    async with open_engine(link_to(server, requests)) as engine:
        assert [container.id for container in await engine.containers()] == [OWN]


@every_call
async def test_a_container_of_another_stack_is_refused_and_nothing_is_sent(
    server: EngineServer, requests: Requests, call: Call
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        for name in (FOREIGN, "neighbour-wallet-1"):
            with pytest.raises(EngineRefused, match=r"'neighbour', not to 'demo'"):
                await call(engine, name)
    assert server.acts() == []
    assert {r.rpartition("/")[2] for r in server.requests} == {"version", "json"}


@every_call
async def test_a_container_of_no_stack_is_refused(
    server: EngineServer, requests: Requests, call: Call
) -> None:
    raw = raw_container("d" * 64)
    raw["Config"]["Labels"] = None
    alone = server.add(raw)
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineRefused, match="belongs to no stack"):
            await call(engine, alone)
    assert server.acts() == []


def test_an_engine_without_a_stack_is_not_made(
    server: EngineServer, requests: Requests
) -> None:
    with pytest.raises(ValueError, match="must be named"):
        DockerEngine(link_to(server, requests), "")


async def test_membership_of_a_container_is_checked_once(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        await engine.start(OWN)
        await engine.restart(OWN, 4.2)
        await engine.stats(OWN)
    assert server.count_requests(f"{OWN}/json") == 1
    assert server.acts() == [
        f"POST /containers/{OWN}/start",
        f"POST /containers/{OWN}/restart?t=5",
    ]


async def test_a_name_is_asked_about_each_time_and_acted_on_by_id(
    server: EngineServer, requests: Requests
) -> None:
    """A name can pass to another container, of another stack."""
    async with open_engine(link_to(server, requests)) as engine:
        await engine.start("demo-wallet-1")
        await engine.restart("demo-wallet-1", 1.0)
        server.containers[OWN]["Name"] = "/demo-wallet-old"
        server.containers[FOREIGN]["Name"] = "/demo-wallet-1"
        with pytest.raises(EngineRefused):
            await engine.start("demo-wallet-1")
    assert server.acts() == [
        f"POST /containers/{OWN}/start",
        f"POST /containers/{OWN}/restart?t=1",
    ]


async def test_processes_and_stats_are_parsed(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        assert await engine.processes(OWN) == (
            Process(100, 1, "Tsl", "python3 daemon"),
        )
        assert await engine.stats(OWN) == {
            "memory_bytes": 50.0,
            "memory_limit_bytes": 100.0,
            "cpu_seconds": 0.0,
        }


async def test_the_log_is_unframed_and_its_end_kept(
    server: EngineServer, requests: Requests
) -> None:
    line = b"2026-01-02T03:04:05Z line %05d\n"
    server.log = b"".join(frame_output(line % number) for number in range(10_000))
    async with open_engine(link_to(server, requests)) as engine:
        log = await engine.logs(OWN, 10_000)
    lines = log.splitlines()
    assert len(log) <= 64 * 1024
    assert lines[-1].endswith("line 09999")
    assert {len(one) for one in lines} == {len(line % 0) - 1}
    assert any(r.endswith("timestamps=1&tail=10000") for r in server.requests)


async def test_the_log_of_a_terminal_has_no_frames(
    server: EngineServer, requests: Requests
) -> None:
    server.containers[OWN]["Config"]["Tty"] = True
    server.log = b"plain\r\n"
    async with open_engine(link_to(server, requests)) as engine:
        assert await engine.logs(OWN, 10) == "plain\r\n"


async def test_execute_returns_exit_code_and_end_of_output(
    server: EngineServer, requests: Requests
) -> None:
    server.exec_code = 3
    server.exec_output = frame_output(b"x" * 99 + b"\n") * 100 + frame_output(
        b"end\n", stream=2
    )
    async with open_engine(link_to(server, requests)) as engine:
        result = await engine.execute(OWN, ("sh", "-c", "exit 3"), 5.0)
    assert result == ExecResult(3, ("x" * 99 + "\n") * 40 + "end\n")


async def test_new_container_that_differs_from_its_original_is_refused(
    server: EngineServer, requests: Requests
) -> None:
    created = "c" * 64
    server.add(raw_container(created) | {"Image": "sha256:other"})
    server.say["/containers/create"] = (201, json.dumps({"Id": created}).encode())
    original = raw_container(OWN) | {"Image": "sha256:same"}
    plan = Replacement("x", b"{}", (), json.dumps(original).encode())
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineRefused, match="differs in Image"):
            await engine.create_replacement(plan)


async def test_command_without_end_is_distinguished_from_a_silent_engine(
    server: EngineServer, requests: Requests
) -> None:
    server.exec_code = None
    async with open_engine(link_to(server, requests)) as engine:

        async def execute(deadline_s: float) -> None:
            async with asyncio.timeout(WITHIN_S):
                with pytest.raises(CommandTimeout, match="did not end in time"):
                    await engine.execute(OWN, ("sleep", str(deadline_s)), deadline_s)

        await with_time_enough(execute, EngineError)
        assert requests[-1] == ("exec", "timeout")


@contextmanager
def run_server_of_endless_commands() -> Iterator[EngineServer]:
    """A server for one try: a late request of an earlier try is not counted."""
    with run_engine_server() as server:
        server.add(raw_container(OWN))
        server.exec_code = None
        yield server


async def test_a_command_that_still_runs_is_not_started_again(
    requests: Requests,
) -> None:
    """A probe that hangs must not fill the container with processes."""

    async def execute_again(deadline_s: float) -> None:
        with run_server_of_endless_commands() as server:
            async with open_engine(link_to(server, requests)) as engine:
                for message in (
                    "did not end in time",
                    "from an earlier time still runs",
                ):
                    with pytest.raises(CommandTimeout, match=message):
                        await engine.execute(OWN, ("sleep", "60"), deadline_s)
                assert server.count_requests(f"{OWN}/exec") == 1
                with pytest.raises(CommandTimeout, match="did not end"):
                    await engine.execute(OWN, ("another",), deadline_s)
                server.exec_code = 0
                for _ in range(2):
                    result = await engine.execute(OWN, ("sleep", "60"), 20.0)
                    assert result.exit_code == 0
                assert server.count_requests(f"{OWN}/exec") == 4

    await with_time_enough(execute_again, EngineError)


async def test_a_command_of_an_earlier_run_of_the_container_is_forgotten(
    requests: Requests,
) -> None:
    async def execute_twice(deadline_s: float) -> None:
        with run_server_of_endless_commands() as server:
            async with open_engine(link_to(server, requests)) as engine:
                with pytest.raises(CommandTimeout):
                    await engine.execute(OWN, ("sleep", "60"), deadline_s)
                not_found = b'{"message": "No such exec instance"}'
                server.say["/exec/e1/json"] = (404, not_found)
                with pytest.raises(CommandTimeout, match="did not end"):
                    await engine.execute(OWN, ("sleep", "60"), deadline_s)
            assert server.count_requests(f"{OWN}/exec") == 2

    await with_time_enough(execute_twice, EngineError)


@every_call
async def test_removed_container_raises_container_gone(
    server: EngineServer, requests: Requests, call: Call
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(ContainerGone, match="No such container"):
            await call(engine, "e" * 64)
    assert requests == [("inspect", "gone")]


async def test_container_gone_between_check_and_restart_is_reported(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        await engine.start(OWN)
        del server.containers[OWN]
        with pytest.raises(ContainerGone):
            await engine.restart(OWN, 1.0)
    assert requests[-1] == ("restart", "gone")


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (409, b'{"message": "container is paused"}', "409: container is paused"),
        (500, b'{"message": "driver failed\\n twice"}', "500: driver failed twice"),
        (403, b"<html>Forbidden</html>", r"403: Forbidden \(a web page"),
        (404, b"404 page not found", "404: 404 page not found"),
        (404, b'{"message": "No such container: 0123"}', "404: No such container"),
        (500, b'{"error": "other shape"}', "500: {.error.: .other shape.}"),
        (500, b"[]", r"500: \[\]"),
        (503, b'{"message": "not a swarm manager"}', "503: not a swarm manager"),
        (500, b"\x1b[31mred\x07", r"500: \?\[31mred\?"),
    ],
)
async def test_error_answer_of_the_engine_is_quoted(
    server: EngineServer, requests: Requests, status: int, body: bytes, message: str
) -> None:
    server.say["/restart"] = (status, body)
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineRefused, match=message):
            await engine.restart(OWN, 1.0)
    assert len(server.acts()) == 1
    assert requests[-1] == ("restart", "refused")


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("body", [b"<html><b>Bad</b></html>", b"", b"no upstream"])
async def test_a_gateway_that_gives_up_leaves_unknown_what_the_engine_does(
    server: EngineServer, requests: Requests, status: int, body: bytes
) -> None:
    server.say["/restart"] = (status, body)
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineTimeout, match=f"proxy .* answered {status}") as error:
            await engine.restart(OWN, 1.0)
    assert "<" not in str(error.value)
    assert len(server.acts()) == 1
    assert requests[-1] == ("restart", "timeout")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"not json", b'{"Id": 1}']
)
@every_call
async def test_a_malformed_answer_is_refused(
    server: EngineServer, requests: Requests, call: Call, body: bytes
) -> None:
    server.say["/json"] = (200, body)
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineRefused, match="not understood"):
            await call(engine, OWN)
    assert server.acts() == []


async def test_a_malformed_list_is_refused(
    server: EngineServer, requests: Requests
) -> None:
    server.say["/containers/json"] = (200, b'{"message": "odd"}')
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineRefused, match="not understood"):
            await engine.containers()


async def test_requests_are_counted_by_their_result(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        await engine.containers()
        await engine.start(OWN)
        await engine.logs(OWN, 1)
        await engine.processes(OWN)
        await engine.stats(OWN)
        await engine.execute(OWN, ("true",), 5.0)
        await engine.restart(OWN, 1.0)
    names = ["list", "inspect", "start", "logs", "top", "stats", "exec", "restart"]
    assert requests == [(name, "ok") for name in names]


async def test_an_engine_too_old_is_refused(
    server: EngineServer, requests: Requests
) -> None:
    server.say["/version"] = (200, b'{"ApiVersion": "1.40"}')
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineRefused, match=r"API 1\.40; 1\.41 .* is needed"):
            await engine.containers()
