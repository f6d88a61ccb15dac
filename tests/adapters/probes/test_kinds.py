"""The other kinds of probes, and the rules common to all kinds."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, NativeHealth
from sidecar.core.model.probe_result import (
    Balance,
    ProbeResult,
    ProbeVerdict,
    ProbeWarning,
    WalletFacts,
    probe_failure,
    probe_success,
)
from sidecar.core.model.probe_settings import (
    DockerProbe,
    ElectronCashProbe,
    ExecProbe,
    HttpProbe,
    ProbeSettings,
    RunningProbe,
    TcpProbe,
)
from sidecar.core.ports.engine import (
    ContainerGone,
    EngineTimeout,
    EngineUnreachable,
    ExecResult,
)
from sidecar.core.reason.code import ReasonCode
from sidecar.core.reason.reason import text_reason
from sidecar.probes.http_client.response import BODY_LIMIT_BYTES
from sidecar.probes.probe_target import probe_target
from sidecar.probes.prober import PROBES, ProbeRunner
from sidecar.probes.stall_detector import StallDetector
from tests.support.fakes import FakeClock, FakeEngine, a_container
from tests.support.probe_servers import (
    Connection,
    never_reply,
    refused_port,
    reply_with,
    response,
    run_server,
)

CONTAINER = a_container()
TRIES = 3


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(FakeClock(), CONTAINER)


@pytest.fixture
async def prober(engine: FakeEngine) -> AsyncIterator[ProbeRunner]:
    probes = ProbeRunner(engine, FakeClock())
    yield probes
    await probes.close()


def test_there_is_a_probe_for_every_kind_of_settings() -> None:
    assert set(PROBES) == set(ProbeSettings.__args__)


# http


async def test_http_with_the_expected_status_and_body(prober: ProbeRunner) -> None:
    page = reply_with(response(b"all is well", "418 Teapot"))
    async with run_server(page) as server:
        settings = HttpProbe(
            server.url, expect_status=(200, 418), expect_body="is well"
        )
        assert (await prober.probe(settings, CONTAINER)).verdict is ProbeVerdict.SUCCESS
        wrong = replace(settings, expect_body="ok")
        outcome = await prober.probe(wrong, CONTAINER)
    assert outcome.cause is Cause.BAD_BODY
    assert str(outcome.reason) == "418: the body lacks the expected text"


async def test_http_sends_headers_and_asks_for_the_path(prober: ProbeRunner) -> None:
    async with run_server(reply_with(response(b""))) as server:
        settings = HttpProbe(server.url + "health?deep=1", headers={"X-Probe": "me"})
        outcome = await prober.probe(settings, CONTAINER)
    assert outcome.verdict is ProbeVerdict.SUCCESS
    (connection,) = server.all
    assert connection.request.startswith(b"GET /health?deep=1 HTTP/1.1\r\n")
    assert b"X-Probe: me\r\n" in connection.request


async def test_http_reads_no_more_than_its_limit(prober: ProbeRunner) -> None:
    def endless(connection: Connection) -> None:
        connection.send(b"HTTP/1.0 200 OK\r\n\r\n", close=False)
        connection.send(b"x" * (BODY_LIMIT_BYTES + 1), close=False)

    async with run_server(endless) as server:
        outcome = await prober.probe(HttpProbe(server.url, 5.0), CONTAINER)
    assert outcome.verdict is ProbeVerdict.SUCCESS


# tcp


async def test_tcp_connects_and_closes_at_once(prober: ProbeRunner) -> None:
    async with run_server(never_reply) as server:
        settings = TcpProbe("localhost", server.port)
        outcome = await prober.probe(settings, CONTAINER)
        assert outcome.verdict is ProbeVerdict.SUCCESS
        async with asyncio.timeout(20.0):
            await server.touched.wait()
            await (await server.first_connection()).closed_by_peer.wait()


async def test_tcp_refused_connection_is_refused(prober: ProbeRunner) -> None:
    with refused_port() as port:
        outcome = await prober.probe(TcpProbe("127.0.0.1", port), CONTAINER)
    assert outcome.cause is Cause.REFUSED


# exec


@pytest.mark.parametrize(
    ("result", "cause", "reason"),
    [
        (ExecResult(0, "fine"), None, ""),
        (
            ExecResult(1, "trying\nno route\n"),
            Cause.COMMAND_FAILED,
            "the command exited with 1: no route",
        ),
        (
            ExecResult(2, ""),
            Cause.COMMAND_FAILED,
            "the command exited with 2: and said nothing",
        ),
        (
            ExecResult(127, "sh: curl: not found"),
            Cause.MISCONFIGURED,
            "the command cannot be run: sh: curl: not found",
        ),
        (
            ExecResult(126, "sh: /x: Permission denied"),
            Cause.MISCONFIGURED,
            "the command cannot be run: sh: /x: Permission denied",
        ),
    ],
)
async def test_exec_outcome_follows_the_exit_code(
    prober: ProbeRunner,
    engine: FakeEngine,
    result: ExecResult,
    cause: Cause | None,
    reason: str,
) -> None:
    engine.exec_of["check it"] = result
    outcome = await prober.probe(ExecProbe(("check", "it")), CONTAINER)
    assert (outcome.cause, str(outcome.reason)) == (cause, reason)


@pytest.mark.usefixtures("steady_time")
async def test_exec_command_without_end_is_hung(
    prober: ProbeRunner, engine: FakeEngine
) -> None:
    engine.delays["execute"] = 60.0
    outcome = await prober.probe(ExecProbe(("check",), timeout_s=0.2), CONTAINER)
    assert outcome.cause is Cause.HUNG


# docker


@pytest.mark.parametrize(
    ("health", "verdict", "cause"),
    [
        (NativeHealth.HEALTHY, ProbeVerdict.SUCCESS, None),
        (NativeHealth.UNHEALTHY, ProbeVerdict.FAILURE, Cause.ENGINE_UNHEALTHY),
        (NativeHealth.STARTING, ProbeVerdict.UNKNOWN, None),
        (NativeHealth.NONE, ProbeVerdict.FAILURE, Cause.MISCONFIGURED),
    ],
)
async def test_docker_outcome_follows_the_native_health(
    prober: ProbeRunner,
    engine: FakeEngine,
    health: NativeHealth,
    verdict: ProbeVerdict,
    cause: Cause | None,
) -> None:
    engine.change("c1", health=health, health_log="x\ncurl: (7) refused\n")
    outcome = await prober.probe(DockerProbe(), CONTAINER)
    assert (outcome.verdict, outcome.cause) == (verdict, cause)
    if health is NativeHealth.UNHEALTHY:
        assert str(outcome.reason) == "its own health check fails: curl: (7) refused"


@pytest.mark.parametrize("settings", [DockerProbe(), ExecProbe(("check",))])
@pytest.mark.parametrize(
    "error",
    [
        EngineUnreachable("engine gone"),
        EngineTimeout("engine slow"),
        ContainerGone("no such container"),
    ],
)
async def test_engine_error_is_unknown_and_no_failure(
    prober: ProbeRunner,
    engine: FakeEngine,
    settings: DockerProbe | ExecProbe,
    error: EngineUnreachable | EngineTimeout | ContainerGone,
) -> None:
    engine.trouble("inspect", error)
    engine.trouble("execute", error)
    outcome = await prober.probe(settings, CONTAINER)
    assert (outcome.verdict, outcome.cause) == (
        ProbeVerdict.UNKNOWN,
        Cause.PROBER_FAILED,
    )
    assert str(outcome.reason) == str(error)


async def test_silent_engine_is_unknown(
    prober: ProbeRunner, engine: FakeEngine
) -> None:
    engine.delays["inspect"] = 60.0
    outcome = await prober.probe(DockerProbe(timeout_s=0.2), CONTAINER)
    assert outcome.verdict is ProbeVerdict.UNKNOWN


# all kinds


async def test_internal_error_is_unknown(prober: ProbeRunner) -> None:
    settings = HttpProbe("http://[:::/", 1.0)
    outcome = await prober.probe(settings, CONTAINER)
    assert (outcome.verdict, outcome.cause) == (
        ProbeVerdict.UNKNOWN,
        Cause.PROBER_FAILED,
    )


async def test_a_slow_success_is_a_warning(prober: ProbeRunner) -> None:
    def slowly(connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.3, connection.send, response(b""))

    async with run_server(slowly) as server:
        settings = HttpProbe(server.url, slow_after_s=0.2)
        started_mono = time.monotonic()
        outcome = await prober.probe(settings, CONTAINER)
        took_s = time.monotonic() - started_mono
    assert outcome.verdict is ProbeVerdict.SUCCESS
    assert outcome.warnings == (ProbeWarning.SLOW,)
    assert outcome.reason.code is ReasonCode.ANSWERED_SLOWLY
    assert 0.3 <= float(str(outcome.reason.get("seconds"))) <= took_s


async def test_silence_while_this_process_was_stalled_is_unknown(
    prober: ProbeRunner,
) -> None:
    async with run_server(never_reply) as server:
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, time.sleep, 1.5)
        outcome = await prober.probe(HttpProbe(server.url, 1.0), CONTAINER)
    assert (outcome.verdict, outcome.cause) == (ProbeVerdict.UNKNOWN, Cause.SUSPENDED)
    assert str(outcome.reason) == "this process stood still during the probe"


async def test_ended_stall_does_not_excuse_a_later_probe(prober: ProbeRunner) -> None:
    # A busy machine may stall the later probe itself.
    causes = [await probe_after_a_stall(prober)]
    while causes[-1] is Cause.SUSPENDED and len(causes) < TRIES:
        causes.append(await probe_after_a_stall(prober))
    assert causes[-1] is Cause.HUNG


async def probe_after_a_stall(prober: ProbeRunner) -> Cause | None:
    """Cause of a silent probe that begins when the stall has ended."""
    async with run_server(never_reply) as server:
        first = asyncio.ensure_future(
            prober.probe(HttpProbe(server.url, 1.0), CONTAINER)
        )
        await asyncio.wait_for(server.touched.wait(), 20)
        time.sleep(1.3)  # noqa: ASYNC251 - the stall
        second = await prober.probe(HttpProbe(server.url, 0.5), CONTAINER)
        assert (await first).cause is Cause.SUSPENDED
    return second.cause


@pytest.mark.usefixtures("steady_time")
@pytest.mark.parametrize("seconds", [0.5, 30.0])
async def test_silence_while_the_host_slept_is_unknown(seconds: float) -> None:
    asleep = [100.0]
    probes = ProbeRunner(
        FakeEngine(FakeClock()), FakeClock(), StallDetector(lambda: asleep[0])
    )
    async with run_server(never_reply) as server:
        probing = asyncio.ensure_future(
            probes.probe(HttpProbe(server.url, 0.5), CONTAINER)
        )
        await asyncio.wait_for(server.touched.wait(), 20)
        asleep[0] += seconds
        outcome = await probing
    await probes.close()
    expected = Cause.HUNG if seconds < 1 else Cause.SUSPENDED
    assert outcome.cause is expected


async def test_an_answer_counts_though_the_host_slept() -> None:
    asleep = iter([0.0, 100.0])
    detector = StallDetector(lambda: next(asleep))
    probes = ProbeRunner(FakeEngine(FakeClock()), FakeClock(), detector)
    with refused_port() as port:
        url = f"http://127.0.0.1:{port}/"
        outcome = await probes.probe(HttpProbe(url), CONTAINER)
    await probes.close()
    assert outcome.cause is Cause.REFUSED


async def test_cancelling_closes_the_connection(prober: ProbeRunner) -> None:
    async with run_server(never_reply) as server:
        probing = asyncio.ensure_future(prober.probe(HttpProbe(server.url), CONTAINER))
        await asyncio.wait_for(server.touched.wait(), 20)
        probing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probing
        first = await server.first_connection()
        await asyncio.wait_for(first.closed_by_peer.wait(), 20)


# several probes of one target


class Scripted:
    """A prober that returns its outcomes in order."""

    def __init__(self, *outcomes: ProbeResult) -> None:
        self.outcomes = list(outcomes)

    async def probe(self, _: ProbeSettings, __: Container) -> ProbeResult:
        return self.outcomes.pop(0)


FACTS = WalletFacts(connected=True, balance=Balance(Decimal(1)))
TWO = (ElectronCashProbe("http://w:1/"), HttpProbe("http://w:2/"))


async def test_several_probes_must_all_succeed_and_their_warnings_are_merged() -> None:
    slow = probe_success(warnings=(ProbeWarning.SLOW,), reason=text_reason("slow"))
    both = probe_success(
        warnings=(ProbeWarning.SLOW, ProbeWarning.LAGGING),
        reason=text_reason("lags"),
        wallet=FACTS,
    )
    outcome = await probe_target(Scripted(both, slow), TWO, CONTAINER)
    assert outcome.verdict is ProbeVerdict.SUCCESS
    assert outcome.warnings == (ProbeWarning.SLOW, ProbeWarning.LAGGING)
    assert str(outcome.reason) == "lags; slow"
    assert outcome.wallet == FACTS


async def test_first_failure_of_several_probes_is_the_outcome() -> None:
    prober = Scripted(probe_failure(Cause.REFUSED, text_reason("no")), probe_success())
    outcome = await probe_target(prober, TWO, CONTAINER)
    assert outcome == probe_failure(Cause.REFUSED, text_reason("no"))
    assert len(prober.outcomes) == 1


async def test_later_failure_keeps_the_wallet_facts() -> None:
    prober = Scripted(
        probe_success(wallet=FACTS), probe_failure(Cause.HTTP_5XX, text_reason("500"))
    )
    outcome = await probe_target(prober, TWO, CONTAINER)
    assert outcome.cause is Cause.HTTP_5XX
    assert outcome.rpc_answers
    assert outcome.wallet == FACTS


async def test_running_probe_succeeds_while_the_container_runs(
    prober: ProbeRunner, engine: FakeEngine
) -> None:
    assert (
        await prober.probe(RunningProbe(), CONTAINER)
    ).verdict is ProbeVerdict.SUCCESS
    engine.stop_by_operator(CONTAINER.id)
    outcome = await prober.probe(RunningProbe(), CONTAINER)
    assert outcome.verdict is ProbeVerdict.UNKNOWN
    assert str(outcome.reason) == "its container is exited now"
