"""Address of the engine: local socket, TCP, TLS; and Sidecar's own container."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from sidecar.core.ports.engine import Connected, EngineUnreachable
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker_host import BadEngineAddress, address_from
from sidecar.engine.own_container import OwnContainer, find_own_container
from tests.support.engine_connection import (
    OWN,
    Requests,
    link_to,
    open_engine,
    run_engine_server,
)
from tests.support.engine_server import EngineServer, raw_container


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_server(authority: trustme.CA) -> Iterator[EngineServer]:
    """As dockerd --tlsverify: a client without a certificate of the CA is refused."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    yield from run_server(EngineServer(tls=tls))


@pytest.fixture
def tcp_server() -> Iterator[EngineServer]:
    yield from run_server(EngineServer())


def run_server(server: EngineServer) -> Iterator[EngineServer]:
    server.add(raw_container(OWN))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def certificates(folder: Path, client: trustme.CA, trusted: trustme.CA) -> Path:
    folder.mkdir()
    issued = client.issue_cert("client")
    trusted.cert_pem.write_to_path(folder / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    return folder


def link_from(environ: dict[str, str]) -> EngineConnection:
    return EngineConnection.from_environ(environ, on_request=lambda *_: None)


def tls_environ(server: EngineServer, certs: Path) -> dict[str, str]:
    return {
        "DOCKER_HOST": f"tcp://127.0.0.1:{server.port}",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(certs),
    }


async def test_engine_on_tcp_is_used_without_a_proxy(
    tcp_server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy for outgoing requests must not be used for the engine."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    environ = {"DOCKER_HOST": f"tcp://127.0.0.1:{tcp_server.port}"}
    async with open_engine(link_from(environ)) as engine:
        assert (await engine.inspect(OWN)).id == OWN
        items = engine.events()
        assert await anext(items) == Connected()
        await items.aclose()
        tcp_server.stop()
        with pytest.raises(EngineUnreachable, match="refused"):
            await engine.restart(OWN, 1.0)


async def test_an_engine_name_that_does_not_resolve_is_unreachable() -> None:
    link = link_from({"DOCKER_HOST": "tcp://engine.invalid:2375"})
    async with open_engine(link) as engine:
        with pytest.raises(EngineUnreachable):
            await engine.containers()


async def test_engine_with_tls_is_trusted_by_its_own_authority(
    tls_server: EngineServer,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own CA is used, also where another bundle is set for outgoing requests."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    certs = certificates(tmp_path / "certs", authority, authority)
    link = await asyncio.to_thread(link_from, tls_environ(tls_server, certs))
    async with open_engine(link) as engine:
        assert (await engine.inspect(OWN)).id == OWN
        assert await engine.logs(OWN, 1) == ""
        items = engine.events()
        assert await anext(items) == Connected()
        await items.aclose()


@pytest.mark.parametrize("wrong", ["client", "server"])
async def test_a_certificate_of_another_authority_is_unreachable(
    tls_server: EngineServer, authority: trustme.CA, tmp_path: Path, wrong: str
) -> None:
    other = trustme.CA()
    client, trusted = (other, authority) if wrong == "client" else (authority, other)
    certs = certificates(tmp_path / "certs", client, trusted)
    link = await asyncio.to_thread(link_from, tls_environ(tls_server, certs))
    async with open_engine(link) as engine:
        with pytest.raises(EngineUnreachable, match=r"no connection|broke"):
            await engine.containers()
    assert tls_server.requests == []


def test_the_local_socket_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of the process's own environment are not read."""
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    assert address_from({}).tls is None
    assert address_from({}).url == "unix:///var/run/docker.sock"
    assert address_from({"DOCKER_HOST": ""}).url == "unix:///var/run/docker.sock"


@pytest.mark.parametrize(
    "host",
    ["ssh://host", "npipe:////./pipe/x", "host:2375", "tcp://", "tcp://x:y"],
)
def test_unsupported_docker_host_is_named_in_the_error(host: str) -> None:
    with pytest.raises(BadEngineAddress) as error:
        address_from({"DOCKER_HOST": host})
    assert str(error.value).startswith(f"DOCKER_HOST: found {host!r}")
    assert "allowed: unix:///path, tcp://host:port" in str(error.value)


def test_missing_certificates_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadEngineAddress, match=r"DOCKER_CERT_PATH: .*allowed"):
        address_from({"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)})


DOCKERS_HOSTS = "/docker/containers/{}/hosts"


def mounts(folder: Path, container_id: str, source: str = DOCKERS_HOSTS) -> Path:
    path = folder / "mountinfo"
    path.write_text(
        f"7 6 8:1 {source.format(container_id)} /etc/hosts rw - ext4 /d rw\n"
    )
    return path


@pytest.mark.parametrize(
    "source",
    [
        DOCKERS_HOSTS,
        "/run/containers/storage/overlay-containers/{}/userdata/hosts",
        "/user/1000/containers/vfs-containers/{}/userdata/hosts",
    ],
)
async def test_own_container_is_found_by_its_mounts(
    tmp_path: Path, source: str
) -> None:
    requests: Requests = []
    with run_engine_server() as server:
        server.add(raw_container(OWN))
        link = link_to(server, requests)
        own_container = await find_own_container(
            link, {}, mounts(tmp_path, OWN, source)
        )
        await link.close()
    assert own_container is not None
    assert own_container == OwnContainer(
        OWN, "demo", own_container.name, own_container.service
    )


async def test_own_container_that_is_a_task_names_its_swarm_stack(
    tmp_path: Path,
) -> None:
    raw = raw_container(OWN)
    labels = {"com.docker.stack.namespace": "shop", "com.docker.swarm.task.id": "t"}
    raw["Config"]["Labels"] = labels
    with run_engine_server() as server:
        server.add(raw)
        link = link_to(server, [])
        task = await find_own_container(link, {}, mounts(tmp_path, OWN))
        del labels["com.docker.swarm.task.id"]
        container = await find_own_container(link, {}, mounts(tmp_path, OWN))
        await link.close()
    assert task is not None
    assert container is not None
    assert (task.stack, task.swarm_stack) == ("", "shop")
    assert container.swarm_stack == ""


async def test_container_of_another_engine_is_not_the_own_one(tmp_path: Path) -> None:
    requests: Requests = []
    with run_engine_server() as server:
        link = link_to(server, requests)
        assert await find_own_container(link, {}, mounts(tmp_path, OWN)) is None
        await link.close()
    assert requests == [("inspect", "gone")]


async def test_search_for_the_own_container_outside_one_sends_no_request(
    tmp_path: Path,
) -> None:
    requests: Requests = []
    with run_engine_server() as server:
        server.add(raw_container(OWN))
        link = link_to(server, requests)
        environ = {"HOSTNAME": "demo-wallet-1"}
        assert await find_own_container(link, environ, tmp_path / "none") is None
        await link.close()
    assert server.requests == []


async def test_container_named_like_the_host_is_not_the_own_one(
    tmp_path: Path,
) -> None:
    raw = raw_container(OWN) | {"Name": "/cafecafecafe"}
    with run_engine_server() as server:
        server.add(raw)
        link = link_to(server, [])
        environ = {"HOSTNAME": "cafecafecafe"}
        assert await find_own_container(link, environ, tmp_path / "none") is None
        await link.close()
