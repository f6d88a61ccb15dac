"""The real engine over TCP with TLS on both sides."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from sidecar.core.ports.engine import Connected, EngineEvent, EngineUnreachable
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from tests.engine.harness import SERVICE, Stack
from tests.support.tls_proxy import EXPIRED, tls_proxy, write_certificates

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

HOST = "127.0.0.1"
AUTHORITY, OTHER = trustme.CA(), trustme.CA()
SOUND = AUTHORITY.issue_cert(HOST)
CLIENT = AUTHORITY.issue_cert("sidecar")

Spoil = Callable[[Path], object]


async def link_to(port: int, certificates: Path) -> EngineConnection:
    environ = {
        "DOCKER_HOST": f"tcp://{HOST}:{port}",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(certificates),
    }
    return await asyncio.to_thread(
        EngineConnection.from_environ, environ, on_request=lambda *_: None
    )


async def test_container_is_watched_and_restarted_over_tls(
    stack: Stack, tmp_path: Path
) -> None:
    box = await asyncio.to_thread(stack.service)
    before = await asyncio.to_thread(lambda: box.started_at)
    certificates = write_certificates(tmp_path / "certs", CLIENT, AUTHORITY)
    with tls_proxy(SOUND, AUTHORITY) as proxy:
        link = await link_to(proxy.port, certificates)
        engine = DockerEngine(link, stack.project)
        events = engine.events()
        assert await anext(events) == Connected()
        assert [c.service for c in await engine.containers()] == [SERVICE]
        result = await engine.execute(box.id, ("python3", "-c", "print('in')"), 20.0)
        assert (result.exit_code, result.output.strip()) == (0, "in")
        assert await engine.processes(box.id)

        await engine.restart(box.id, 1.0)

        async with asyncio.timeout(20.0):
            event = await anext(events)
        assert isinstance(event, EngineEvent)
        assert event.container_id == box.id
        await engine.close()
    assert await asyncio.to_thread(lambda: box.started_at) != before


def write_text(name: str) -> Spoil:
    return lambda folder: (folder / name).write_text("no certificate")


def write_foreign_key(folder: Path) -> None:
    OTHER.issue_cert("x").private_key_pem.write_to_path(folder / "key.pem")


def leave(_: Path) -> None:
    """The files are as they should be."""


@pytest.mark.parametrize(
    ("server", "client", "trusted", "spoil", "hint"),
    [
        pytest.param(
            SOUND,
            OTHER.issue_cert("sidecar"),
            AUTHORITY,
            leave,
            "the engine does not accept cert.pem in DOCKER_CERT_PATH",
            id="client of another authority",
        ),
        pytest.param(
            SOUND,
            AUTHORITY.issue_cert("sidecar", not_after=EXPIRED),
            AUTHORITY,
            leave,
            "Sidecar's own certificate has expired: renew cert.pem",
            id="client expired",
        ),
        pytest.param(
            SOUND,
            CLIENT,
            OTHER,
            leave,
            "ca.pem in DOCKER_CERT_PATH is not the authority of the engine's",
            id="engine of another authority",
        ),
        pytest.param(
            AUTHORITY.issue_cert(HOST, not_after=EXPIRED),
            CLIENT,
            AUTHORITY,
            leave,
            "renew the engine's certificate",
            id="engine expired",
        ),
        pytest.param(
            AUTHORITY.issue_cert("elsewhere.example"),
            CLIENT,
            AUTHORITY,
            leave,
            "the engine's certificate is not for the name in DOCKER_HOST",
            id="engine of another name",
        ),
        pytest.param(
            SOUND,
            CLIENT,
            AUTHORITY,
            write_foreign_key,
            "key.pem in DOCKER_CERT_PATH is not the key of cert.pem",
            id="foreign key",
        ),
        pytest.param(
            SOUND,
            CLIENT,
            AUTHORITY,
            write_text("ca.pem"),
            "ca.pem in DOCKER_CERT_PATH is no PEM file",
            id="no authority",
        ),
        pytest.param(
            SOUND,
            CLIENT,
            AUTHORITY,
            write_text("cert.pem"),
            "cert.pem or key.pem in DOCKER_CERT_PATH is no PEM file",
            id="no certificate",
        ),
    ],
)
async def test_wrong_certificate_is_named_and_nothing_is_sent(
    server: trustme.LeafCert,
    client: trustme.LeafCert,
    trusted: trustme.CA,
    spoil: Spoil,
    hint: str,
    tmp_path: Path,
) -> None:
    certificates = write_certificates(tmp_path / "certs", client, trusted)
    spoil(certificates)
    with tls_proxy(server, AUTHORITY) as proxy:
        link = await link_to(proxy.port, certificates)
        engine = DockerEngine(link, "no-stack")
        with pytest.raises(EngineUnreachable) as unreachable:
            await engine.containers()
        await engine.close()
        assert hint in str(unreachable.value)
        assert proxy.accepted == 0


async def test_renewed_certificate_is_used_without_a_restart(tmp_path: Path) -> None:
    expired = AUTHORITY.issue_cert("sidecar", not_after=EXPIRED)
    certificates = write_certificates(tmp_path / "certs", expired, AUTHORITY)
    with tls_proxy(SOUND, AUTHORITY) as proxy:
        engine = DockerEngine(await link_to(proxy.port, certificates), "no-stack")
        with pytest.raises(EngineUnreachable, match="renew"):
            await engine.containers()
        certificates.rename(tmp_path / "old")
        write_certificates(certificates, CLIENT, AUTHORITY)
        assert await engine.containers() == ()
        await engine.close()


async def test_port_without_tls_is_named(tmp_path: Path) -> None:
    certificates = write_certificates(tmp_path / "certs", CLIENT, AUTHORITY)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    plain = await asyncio.start_server(answer, HOST, 0)
    port = plain.sockets[0].getsockname()[1]
    engine = DockerEngine(await link_to(port, certificates), "no-stack")
    with pytest.raises(EngineUnreachable, match="this port has no TLS"):
        await engine.containers()
    await engine.close()
    plain.close()
