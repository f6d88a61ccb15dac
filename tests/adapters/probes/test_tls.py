"""Probes under a private authority."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from sidecar.core.model.cause import Cause
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.probe_settings import ElectronCashProbe, HttpProbe, JsonRpcProbe
from sidecar.probes.prober import ProbeRunner
from tests.support.fakes import FakeClock, FakeEngine, a_container
from tests.support.notify_receivers import Receiver, receiver
from tests.support.probe_servers import HEALTHY, Connection, Server, reply_by_method
from tests.support.server_close import close_server

CONTAINER = a_container()
ANSWERS = {**HEALTHY, "load_wallet": True}
Probe = HttpProbe | JsonRpcProbe | ElectronCashProbe


@pytest.fixture
async def prober() -> AsyncIterator[ProbeRunner]:
    probes = ProbeRunner(FakeEngine(FakeClock(), CONTAINER), FakeClock())
    yield probes
    await probes.close()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def write_authority(authority: trustme.CA, file: Path) -> str:
    authority.cert_pem.write_to_path(str(file))
    return str(file)


def server_context(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@asynccontextmanager
async def page(
    authority: trustme.CA, name: str = "localhost"
) -> AsyncIterator[tuple[str, Receiver]]:
    async with receiver(tls=server_context(authority, name)) as https_server:
        yield f"https://localhost:{https_server.port}/", https_server


async def run_probe(prober: ProbeRunner, settings: Probe) -> ProbeResult:
    return await prober.probe(settings, CONTAINER)


async def test_a_private_authority_is_trusted_by_its_file(
    prober: ProbeRunner, authority: trustme.CA, tmp_path: Path
) -> None:
    file = write_authority(authority, tmp_path / "ca.pem")
    async with page(authority) as (url, _):
        assert (await run_probe(prober, HttpProbe(url, ca_file=file))).verdict is (
            ProbeVerdict.SUCCESS
        )


async def test_without_the_file_the_reason_names_it_and_the_variable(
    prober: ProbeRunner, authority: trustme.CA
) -> None:
    async with page(authority) as (url, _):
        outcome = await run_probe(prober, HttpProbe(url))
    assert outcome.cause is Cause.MISCONFIGURED
    assert str(outcome.reason).endswith(
        "failed: its certificate's authority is not known here; name it by ca_file or "
        "SSL_CERT_FILE"
    )


async def test_a_private_authority_is_trusted_by_the_environments_variable(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", write_authority(authority, tmp_path / "ca.pem"))
    fresh = ProbeRunner(FakeEngine(FakeClock(), CONTAINER), FakeClock())
    async with page(authority) as (url, _):
        outcome = await run_probe(fresh, HttpProbe(url))
    await fresh.close()
    assert outcome.verdict is ProbeVerdict.SUCCESS, outcome


async def test_other_authority_or_name_is_misconfigured(
    prober: ProbeRunner, authority: trustme.CA, tmp_path: Path
) -> None:
    file = write_authority(authority, tmp_path / "ca.pem")
    async with page(trustme.CA()) as (url, _):
        outcome = await run_probe(prober, HttpProbe(url, ca_file=file))
    assert "authority is not known" in str(outcome.reason)
    async with page(authority, "other.example") as (url, _):
        outcome = await run_probe(prober, HttpProbe(url, ca_file=file))
    assert outcome.cause is Cause.MISCONFIGURED
    assert "ca_file" not in str(outcome.reason)


async def test_changed_authority_file_is_used_at_the_next_probe(
    prober: ProbeRunner, authority: trustme.CA, tmp_path: Path
) -> None:
    file = write_authority(trustme.CA(), tmp_path / "ca.pem")
    async with page(authority) as (url, _):
        settings = HttpProbe(url, ca_file=file)
        assert (await run_probe(prober, settings)).cause is Cause.MISCONFIGURED
        write_authority(authority, tmp_path / "ca.pem")
        assert (await run_probe(prober, settings)).verdict is ProbeVerdict.SUCCESS
        (tmp_path / "ca.pem").unlink()
        outcome = await run_probe(prober, settings)
    assert (outcome.verdict, outcome.cause) == (
        ProbeVerdict.UNKNOWN,
        Cause.PROBER_FAILED,
    )


@pytest.mark.parametrize(
    "probe",
    [
        lambda url, file: JsonRpcProbe(url, "ping", ca_file=file),
        lambda url, file: ElectronCashProbe(url, ca_file=file),
    ],
    ids=["jsonrpc", "electron_cash"],
)
async def test_json_rpc_trusts_a_private_authority_by_its_file(
    prober: ProbeRunner,
    authority: trustme.CA,
    tmp_path: Path,
    probe: Callable[[str, str], Probe],
) -> None:
    file = write_authority(authority, tmp_path / "ca.pem")
    async with tls_server(reply_by_method(ANSWERS), server_context(authority)) as url:
        outcome = await run_probe(prober, probe(url, file))
        assert outcome.verdict is ProbeVerdict.SUCCESS, outcome
        control = prober.wallet_control
        wallet = ElectronCashProbe(url, ca_file=file)
        assert await control.load_wallets(wallet, CONTAINER, (), 5.0) == ()


@asynccontextmanager
async def tls_server(
    reply: Callable[[Connection], None], context: ssl.SSLContext
) -> AsyncIterator[str]:
    server = Server(reply)
    loop = asyncio.get_running_loop()
    tls_listener = await loop.create_server(
        lambda: Connection(server), "127.0.0.1", 0, ssl=context
    )
    port = tls_listener.sockets[0].getsockname()[1]
    try:
        yield f"https://localhost:{port}/"
    finally:
        async with close_server(tls_listener):
            server.abort_all()
