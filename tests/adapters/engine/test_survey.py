"""Survey of a stack for ``init`` and ``doctor``, against a small engine."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sidecar.core.ports.engine import EngineUnreachable
from sidecar.core.setup.stack_facts import MountKind, PublishedPort
from sidecar.engine.survey import Survey, survey_stack
from tests.support.engine_connection import (
    FOREIGN,
    OWN,
    Requests,
    link_to,
    run_engine_server,
)
from tests.support.engine_server import EngineServer, raw_container

SECRET = "open-sesame"


def raw_wallet(container_id: str = OWN, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """An inspect's answer with every part that the survey reads."""
    raw = raw_container(container_id)
    raw["Path"], raw["Args"] = "electron-cash", ["daemon", "-wp", SECRET]
    raw["Config"] |= {
        "Image": "example/wallet:1",
        "User": "1000",
        "Env": ["RPC_USER=bchrpc", f"RPC_PASSWORD={SECRET}", "TZ=Asia/Seoul", "ODD"],
        "ExposedPorts": {"7777/tcp": {}, "53/udp": {}, "99999/tcp": {}},
        "StopSignal": "SIGTERM",
        "Healthcheck": {"Test": ["CMD-SHELL", "curl http://localhost:7777/"]},
    }
    raw["Config"]["Labels"]["com.docker.compose.depends_on"] = (
        "db:service_healthy:false,cache:service_started:true"
    )
    raw["HostConfig"] |= {
        "RestartPolicy": {"Name": "always"},
        "PortBindings": {"7777/tcp": [{"HostIp": "", "HostPort": "7000"}]},
        "Init": None,
        "Memory": 0,
        "GroupAdd": ["999"],
        "Tmpfs": {"/tmp": ""},
    }
    raw["Mounts"] = [
        {"Type": "volume", "Name": "0" * 64, "Source": "/x", "Destination": "/data"},
        {"Type": "bind", "Source": "/srv", "Destination": "/srv"},
    ]
    raw["NetworkSettings"]["Networks"] = {
        "demo_default": {"Aliases": ["EC"], "DNSNames": ["ec2"]},
        "proxy": None,
    }
    return raw | changes


@pytest.fixture
def server() -> Iterator[EngineServer]:
    with run_engine_server() as server:
        server.add(raw_wallet())
        server.add(raw_container(FOREIGN, stack="neighbour"))
        yield server


async def survey(server: EngineServer, requests: Requests) -> Survey:
    link = link_to(server, requests)
    try:
        return await survey_stack(link, "demo")
    finally:
        await link.close()


async def test_container_is_read_with_all_its_facts(
    server: EngineServer, requests: Requests
) -> None:
    (service,) = (await survey(server, requests)).services
    facts = service.facts
    assert (facts.name, facts.container) == ("wallet", "demo-wallet-1")
    assert facts.processes == ("python3 daemon",)
    assert facts.exposed_ports == (7777,)
    assert facts.published_ports == (PublishedPort(7777, "", 7000),)
    assert facts.depends_on == ("db", "cache")
    assert facts.networks == frozenset({"default", "proxy"})
    assert service.foreign_networks == {"proxy"}
    assert {"wallet", "demo-wallet-1", "ec", "ec2"} == facts.names
    assert facts.mounts is not None
    assert [(m.kind, m.is_anonymous) for m in facts.mounts] == [
        (MountKind.VOLUME, True),
        (MountKind.BIND, False),
        (MountKind.TMPFS, False),
    ]
    assert (facts.has_init, facts.memory_limit_bytes) == (None, 0)
    assert (facts.restart_policy, facts.time_zone) == ("always", "Asia/Seoul")
    assert (service.pid, service.container_id) == (100, OWN)


async def test_no_secret_is_kept_where_it_could_be_shown(
    server: EngineServer, requests: Requests
) -> None:
    assert SECRET not in repr(await survey(server, requests))


async def test_survey_changes_nothing_and_reads_no_other_stack(
    server: EngineServer, requests: Requests
) -> None:
    result = await survey(server, requests)
    assert [s.container_id for s in result.services] == [OWN]
    assert server.acts() == []
    assert not [r for r in server.requests if f"{FOREIGN}/top" in r]


async def test_unreadable_container_hides_no_other(
    server: EngineServer, requests: Requests
) -> None:
    broken = server.add(raw_wallet("c" * 64, Name="/demo-broken-1"))
    server.say[f"{broken}/json"] = (200, b'{"Id": 3}')
    result = await survey(server, requests)
    assert [s.container_id for s in result.services] == [OWN]
    assert result.unreadable == ("demo-broken-1",)


async def test_refused_optional_calls_leave_facts_unknown(
    server: EngineServer, requests: Requests
) -> None:
    server.say[f"{OWN}/top"] = (403, b"no")
    server.say["/info"] = (403, b"no")
    result = await survey(server, requests)
    assert result.services[0].facts.processes is None
    assert (result.clock_ahead_s, result.root_folder) == (None, "")


async def test_clock_and_folder_of_the_engine_are_read(
    server: EngineServer, requests: Requests
) -> None:
    began = time.monotonic()
    at = datetime.now(UTC) + timedelta(hours=1)
    info = {"SystemTime": at.isoformat(), "DockerRootDir": "/var/lib/docker"}
    server.say["/info"] = (200, json.dumps(info).encode())
    result = await survey(server, requests)
    took_s = time.monotonic() - began
    assert result.clock_ahead_s == pytest.approx(3600.0, abs=took_s + 0.1)
    assert result.root_folder == "/var/lib/docker"


async def test_most_restarted_replica_is_kept(
    server: EngineServer, requests: Requests
) -> None:
    server.add(raw_wallet("d" * 64, RestartCount=7))
    (service,) = (await survey(server, requests)).services
    assert service.facts.restart_count == 7


async def test_unreachable_engine_is_an_error(
    server: EngineServer, requests: Requests
) -> None:
    server.stop()
    with pytest.raises(EngineUnreachable):
        await survey(server, requests)
