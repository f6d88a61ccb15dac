"""A filter in front of the engine forbids a call: logged once, and no failure."""

import pytest

from sidecar.core.circuit_breaker import BreakerState
from sidecar.core.ports.engine import EngineForbidden, EngineRefused
from tests.support.engine_connection import OWN, Requests, link_to, open_engine
from tests.support.engine_server import EngineServer

NO = b'{"message": "not on the list"}'


@pytest.mark.parametrize("status", [401, 403, 405])
async def test_call_forbidden_by_a_filter_is_distinguished_from_a_refusal(
    status: int, server: EngineServer, requests: Requests
) -> None:
    server.say["/restart"] = (status, NO)
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineForbidden, match=f"{status}: not on the list"):
            await engine.restart(OWN, 1.0)
        assert engine.breaker_state is BreakerState.CLOSED


@pytest.mark.parametrize("status", [400, 404, 409, 429, 500, 503])
async def test_failed_call_is_not_forbidden(
    status: int, server: EngineServer, requests: Requests
) -> None:
    server.say["/restart"] = (status, b'{"message": "port is taken"}')
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineRefused) as refused:
            await engine.restart(OWN, 1.0)
        assert not isinstance(refused.value, EngineForbidden)


async def test_forbidden_call_is_logged_once_until_it_is_allowed(
    server: EngineServer, requests: Requests, log_lines: list[str]
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        for round_ in (1, 2):
            server.say["/top"] = (403, NO)
            for _ in range(3):
                with pytest.raises(EngineForbidden):
                    await engine.processes(OWN)
            assert len(log_lines) == round_
            del server.say["/top"]
            await engine.processes(OWN)
    assert (
        "does not allow top: the engine answered 403: not on the list" in log_lines[0]
    )


async def test_each_forbidden_call_is_logged_by_itself(
    server: EngineServer, requests: Requests, log_lines: list[str]
) -> None:
    server.say |= {"/top": (403, NO), "/logs": (403, NO), "/stats": (403, NO)}
    async with open_engine(link_to(server, requests)) as engine:
        for _ in range(2):
            for call in (engine.processes(OWN), engine.stats(OWN), engine.logs(OWN, 1)):
                with pytest.raises(EngineForbidden):
                    await call
    assert len(log_lines) == 3


async def test_filter_that_demands_a_version_before_every_path_is_named(
    server: EngineServer, requests: Requests
) -> None:
    """Sidecar asks for the version before it knows any."""
    server.say["/version"] = (403, NO)
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineForbidden, match=r"not on the list \(GET /version\)$"):
            await engine.containers()
    assert [request.split()[1] for request in server.requests] == ["/version"]
