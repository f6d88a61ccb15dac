# ruff: noqa: ANN401
"""Answers of the wallet daemon, on scripted sockets and on the stand-in."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.probe_result import (
    Balance,
    ProbeResult,
    ProbeVerdict,
    ProbeWarning,
    WalletFacts,
)
from sidecar.core.model.probe_settings import (
    Credentials,
    ElectronCashProbe,
    JsonRpcProbe,
)
from sidecar.core.ports.loop import RpcFailed
from sidecar.probes.prober import ProbeRunner
from tests.support.fakes import FakeClock, FakeEngine, a_container
from tests.support.probe_servers import (
    HEALTHY,
    HEALTHY_INFO,
    Connection,
    Server,
    never_reply,
    reply_by_method,
    rpc_error,
    run_server,
)
from tests.support.wallet_process import PASSWORD, USER, Daemon

pytestmark = pytest.mark.usefixtures("steady_time")

CONTAINER = a_container()
EC_NOT_LOADED = (
    'Server error: File "/opt/electroncash/commands.py", line 119, in func_wrapper'
    " | BaseException: Wallet not loaded. Use 'electron-cash daemon load_wallet'\n"
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def prober(clock: FakeClock) -> AsyncIterator[ProbeRunner]:
    probes = ProbeRunner(FakeEngine(clock, CONTAINER), clock)
    yield probes
    await probes.close()


def wallet(url: str, **changes: Any) -> ElectronCashProbe:
    return ElectronCashProbe(url, **{"timeout_s": 5.0} | changes)


def info(**changes: Any) -> dict[str, Any]:
    return HEALTHY | {"getinfo": HEALTHY_INFO | changes}


def electrum(**changes: Any) -> dict[str, Any]:
    listed = [{"path": "/data/default_wallet", "synchronized": True}]
    fields = {k: v for k, v in HEALTHY_INFO.items() if k != "wallets"}
    return HEALTHY | {"getinfo": fields | changes, "list_wallets": listed}


async def probe_answers(
    prober: ProbeRunner, answers: dict[str, Any]
) -> tuple[ProbeResult, Server]:
    async with run_server(reply_by_method(answers)) as server:
        return await prober.probe(wallet(server.url), CONTAINER), server


async def test_healthy_daemon_is_success_with_its_facts(prober: ProbeRunner) -> None:
    outcome, server = await probe_answers(prober, HEALTHY)
    assert outcome.verdict is ProbeVerdict.SUCCESS
    assert server.methods == ["ping", "getinfo", "getbalance", "listaddresses"]
    assert outcome.wallet == WalletFacts(
        connected=True,
        loaded=True,
        synchronised=True,
        height=117,
        server_height=117,
        balance=Balance(confirmed=Decimal("1.5")),
        paths=("/data/wallets/default_wallet",),
        addresses=2,
    )


async def test_balances_are_decimals_to_the_last_digit(prober: ProbeRunner) -> None:
    balance = {"confirmed": "20999999.97690001", "unmatured": 0.00000001}
    outcome, _ = await probe_answers(prober, HEALTHY | {"getbalance": balance})
    assert outcome.wallet is not None
    assert outcome.wallet.balance == Balance(
        confirmed=Decimal("20999999.97690001"), unmatured=Decimal("0.00000001")
    )
    assert outcome.wallet.balance.texts() == {
        "confirmed": "20999999.97690001",
        "unconfirmed": "0",
        "unmatured": "0.00000001",
    }


@pytest.mark.parametrize(
    "confirmed",
    ["NaN", "Infinity", "1e999999", "1e-999999", "much", None, [], f"1.{'9' * 4000}"],
)
async def test_malformed_balance_is_bad_body(
    prober: ProbeRunner, confirmed: Any
) -> None:
    outcome, _ = await probe_answers(
        prober, HEALTHY | {"getbalance": {"confirmed": confirmed}}
    )
    assert outcome.cause is Cause.BAD_BODY


@pytest.mark.parametrize("height_field", ["blockchain_height", "server_height"])
@pytest.mark.parametrize("height", [2**53 + 1, 10**4000, -(10**4000)])
async def test_out_of_range_height_is_bad_body(
    prober: ProbeRunner, height_field: str, height: int
) -> None:
    sys.set_int_max_str_digits(0)
    outcome, _ = await probe_answers(prober, info(**{height_field: height}))
    sys.set_int_max_str_digits(sys.int_info.default_max_str_digits)
    assert outcome.cause is Cause.BAD_BODY


async def test_one_connection_at_a_time_each_closed_before_the_next(
    prober: ProbeRunner,
) -> None:
    async with run_server(reply_by_method(HEALTHY)) as server:
        settings = wallet(server.url)
        probes = [prober.probe(settings, CONTAINER) for _ in range(5)]
        probes += [prober.probe(JsonRpcProbe(server.url, "ping"), CONTAINER)]
        outcomes = await asyncio.gather(*probes)
    assert all(outcome.verdict is ProbeVerdict.SUCCESS for outcome in outcomes)
    assert len(server.all) == 17
    assert server.most_open == 1


NO_WALLET = {
    "electron cash": info(wallets={}),
    "electron cash, no server": info(wallets={}, connected=False, server_height=0),
    "electrum": electrum() | {"list_wallets": []},
}


@pytest.mark.parametrize("daemon", NO_WALLET)
async def test_no_wallet_call_when_none_is_loaded(
    prober: ProbeRunner, daemon: str
) -> None:
    outcome, server = await probe_answers(prober, NO_WALLET[daemon])
    assert outcome.cause is Cause.WALLET_NOT_LOADED
    assert outcome.rpc_answers
    assert outcome.wallet is not None
    assert outcome.wallet.loaded is False
    assert set(server.methods) <= {"ping", "getinfo", "list_wallets"}


@pytest.mark.parametrize(
    ("code", "message"), [(1, "wallet not loaded"), (-32603, EC_NOT_LOADED)]
)
async def test_wallet_not_loaded_error_is_recognised(
    prober: ProbeRunner, code: int, message: str
) -> None:
    answers = HEALTHY | {"getbalance": rpc_error(code, message)}
    outcome, _ = await probe_answers(prober, answers)
    assert outcome.cause is Cause.WALLET_NOT_LOADED
    assert outcome.rpc_answers


async def test_electrum_is_asked_for_its_wallets(prober: ProbeRunner) -> None:
    outcome, server = await probe_answers(prober, electrum())
    assert outcome.verdict is ProbeVerdict.SUCCESS
    assert server.methods[:-1] == ["ping", "getinfo", "list_wallets", "getbalance"]


async def test_electrum_wallet_behind_is_syncing(prober: ProbeRunner) -> None:
    listed = [{"path": "/data/default_wallet", "synchronized": False}]
    outcome, _ = await probe_answers(prober, electrum() | {"list_wallets": listed})
    assert outcome.cause is Cause.WALLET_SYNCING


CONDITIONS: list[tuple[dict[str, Any], Cause]] = [
    ({"connected": False, "server_height": 0}, Cause.UPSTREAM_LOST),
    ({"connected": True, "server_height": 0}, Cause.UPSTREAM_LOST),
    ({"connected": False}, Cause.UPSTREAM_LOST),
    ({"connected": False, "wallets": {"w": False}}, Cause.UPSTREAM_LOST),
    ({"wallets": {"w": False}}, Cause.WALLET_SYNCING),
    ({"wallets": {"w": True, "v": False}}, Cause.WALLET_SYNCING),
]


@pytest.mark.parametrize(("changes", "cause"), CONDITIONS)
async def test_first_condition_in_order_is_the_cause(
    prober: ProbeRunner, changes: dict[str, Any], cause: Cause
) -> None:
    outcome, server = await probe_answers(prober, info(**changes))
    assert outcome.cause is cause
    assert outcome.rpc_answers
    assert outcome.wallet is not None
    assert outcome.wallet.connected is (HEALTHY_INFO | changes)["connected"]
    assert "getbalance" not in server.methods


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Server error: BaseException: Daemon offline\n", -32603),
        ("'NoneType' object has no attribute 'get_parameters'", 1),
    ],
)
async def test_daemon_started_offline_is_misconfigured(
    prober: ProbeRunner, message: str, code: int
) -> None:
    answers = HEALTHY | {"getinfo": rpc_error(code, message)}
    outcome, _ = await probe_answers(prober, answers)
    assert outcome.cause is Cause.MISCONFIGURED
    assert str(outcome.reason) == "the daemon was started offline"
    assert not outcome.rpc_answers


async def test_other_program_on_the_port_is_misconfigured(prober: ProbeRunner) -> None:
    outcome, _ = await probe_answers(prober, {})
    assert outcome.cause is Cause.MISCONFIGURED
    assert (
        str(outcome.reason) == "ping answered error -32601: Method ping not supported."
    )


async def test_other_rpc_error_is_bad_body(prober: ProbeRunner) -> None:
    reply = rpc_error(-32603, 'Server error: File "x.py" | OSError: [Errno 28] full')
    outcome, _ = await probe_answers(prober, HEALTHY | {"getbalance": reply})
    assert outcome.cause is Cause.BAD_BODY
    assert (
        str(outcome.reason)
        == "getbalance answered error -32603: OSError: [Errno 28] full"
    )
    assert outcome.rpc_answers


async def test_incomplete_info_is_bad_body(prober: ProbeRunner) -> None:
    outcome, _ = await probe_answers(
        prober, HEALTHY | {"getinfo": {"version": "4.4.5"}}
    )
    assert outcome.cause is Cause.BAD_BODY


async def test_a_lagging_chain_is_a_warning(prober: ProbeRunner) -> None:
    outcome, _ = await probe_answers(prober, info(server_height=121))
    assert outcome.verdict is ProbeVerdict.SUCCESS
    assert outcome.warnings == (ProbeWarning.LAGGING,)
    assert str(outcome.reason) == "4 blocks behind the upstream server"
    outcome, _ = await probe_answers(prober, info(server_height=120))
    assert outcome.warnings == ()


class Chain:
    """A daemon whose heights the test sets."""

    def __init__(self) -> None:
        self.answers = info()

    def reply(self, connection: Connection) -> None:
        reply_by_method(self.answers)(connection)


async def test_chain_without_new_blocks_is_stale(
    prober: ProbeRunner, clock: FakeClock
) -> None:
    chain = Chain()
    async with run_server(chain.reply) as server:
        settings = wallet(server.url, stale_after_s=100.0)

        async def cause() -> Cause | None:
            return (await prober.probe(settings, CONTAINER)).cause

        assert await cause() is None
        clock.advance(99.0)
        assert await cause() is None
        clock.advance(2.0)
        assert await cause() is Cause.UPSTREAM_STALE
        chain.answers = info(blockchain_height=118, server_height=118)
        assert await cause() is None
        clock.advance(101.0)
        chain.answers = info(blockchain_height=118, server_height=119)
        assert await cause() is None, "blocks are on their way"
        chain.answers = info(blockchain_height=118, server_height=118)
        assert await cause() is None, "it counts anew"
        clock.advance(101.0)
        restarted = a_container(started_at=CONTAINER.started_at + 60)
        assert (await prober.probe(settings, restarted)).cause is None


async def test_the_whole_probe_has_one_deadline(prober: ProbeRunner) -> None:
    def slowly(connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.4, lambda: reply_by_method(HEALTHY)(connection))

    async with run_server(slowly) as server:
        began = asyncio.get_running_loop().time()
        outcome = await prober.probe(wallet(server.url, timeout_s=1.0), CONTAINER)
        took = asyncio.get_running_loop().time() - began
    assert outcome.cause is Cause.THREAD_HELD
    assert server.methods == ["ping", "getinfo", "getbalance"]
    assert took < 1.5


# The calls that change something


async def test_a_failed_call_is_not_repeated(prober: ProbeRunner) -> None:
    async with run_server(never_reply) as server:
        settings = wallet(server.url)
        with pytest.raises(RpcFailed, match="getinfo: no answer"):
            await prober.wallet_control.load_wallets(settings, CONTAINER, (), 0.3)
        with pytest.raises(RpcFailed, match="stop: no answer"):
            await prober.wallet_control.stop(settings, CONTAINER, 0.3)
    assert len(server.all) == 2


async def test_error_has_no_password(prober: ProbeRunner) -> None:
    reply = rpc_error(-32700, "Parse error: {'password': 'hunter2'}" + "hunter2" * 40)
    answers = {"getinfo": HEALTHY_INFO | {"wallets": {}}, "daemon": reply}
    async with run_server(reply_by_method(answers)) as server:
        settings = wallet(server.url, wallet_password="hunter2")
        (missing,) = await prober.wallet_control.load_wallets(
            settings, CONTAINER, ("/w",), 5.0
        )
    assert "hunter" not in str(missing.reason)
    assert "Parse error" in str(missing.reason)


async def test_a_call_waits_for_the_probe_in_flight(prober: ProbeRunner) -> None:
    async with run_server(never_reply) as server:
        settings = wallet(server.url, timeout_s=0.5)
        probing = asyncio.ensure_future(prober.probe(settings, CONTAINER))
        await asyncio.wait_for(server.touched.wait(), 5)
        with pytest.raises(RpcFailed, match="still holds the daemon"):
            await prober.wallet_control.stop(settings, CONTAINER, 0.1)
        assert (await probing).cause is Cause.HUNG
        assert server.most_open == 1
        assert len(server.all) == 1


async def test_probe_that_gets_no_turn_is_unknown(
    prober: ProbeRunner,
) -> None:
    async with run_server(never_reply) as server:
        loading = asyncio.ensure_future(
            prober.wallet_control.load_wallets(wallet(server.url), CONTAINER, (), 1.0)
        )
        await asyncio.wait_for(server.touched.wait(), 5)
        outcome = await prober.probe(wallet(server.url, timeout_s=0.2), CONTAINER)
        with pytest.raises(RpcFailed):
            await loading
    assert (outcome.verdict, outcome.cause) == (
        ProbeVerdict.UNKNOWN,
        Cause.PROBER_FAILED,
    )


# The stand-in: the real daemon's own server library, one thread, backlog 5


def settings_of(daemon: Daemon, **changes: Any) -> ElectronCashProbe:
    """Settings of a probe of the stand-in."""
    fields: dict[str, Any] = {
        "url": f"http://127.0.0.1:{daemon.rpc_port}/",
        "credentials": Credentials(USER, PASSWORD),
        "timeout_s": 20.0,
    }
    return ElectronCashProbe(**fields | changes)


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, {}).run()
    yield daemon
    daemon.kill()


async def until(
    prober: ProbeRunner, settings: ElectronCashProbe, *causes: Cause | None
) -> ProbeResult:
    """Probe until one of these causes is found; None: success."""
    async with asyncio.timeout(60):
        while True:
            outcome = await prober.probe(settings, CONTAINER)
            if outcome.cause in causes:
                return outcome
            await asyncio.sleep(0.02)


def freeze(pid: int) -> None:
    """Stop every thread of it: the signal alone lets one answer for a moment more."""
    os.kill(pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{pid}/task")
    give_up = time.monotonic() + 30
    while any("\nState:\tT" not in status_of(task) for task in tasks.iterdir()):
        assert time.monotonic() < give_up
        time.sleep(0.01)


def status_of(task: Path) -> str:
    """Status file of a thread; for a thread that has just ended, as if stopped."""
    try:
        return (task / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "\nState:\tT"


async def test_stand_in_is_judged_from_its_start_to_its_stop(
    prober: ProbeRunner, stand_in: Daemon
) -> None:
    settings = settings_of(stand_in)
    assert stand_in.process is not None
    await until(prober, settings, Cause.WALLET_NOT_LOADED)
    assert await prober.wallet_control.load_wallets(settings, CONTAINER, (), 20.0) == ()
    healthy = await until(prober, settings, None)
    assert healthy.verdict is ProbeVerdict.SUCCESS
    assert healthy.wallet is not None
    assert healthy.wallet.balance is not None
    assert healthy.wallet.balance.confirmed.is_finite()

    for wrong, cause in [
        (settings_of(stand_in, credentials=Credentials("bchrpc", "wrong")), Cause.AUTH),
        (settings_of(stand_in, credentials=None), Cause.AUTH),
        (settings_of(stand_in, url=settings.url + "elsewhere"), Cause.MISCONFIGURED),
    ]:
        assert (await prober.probe(wrong, CONTAINER)).cause is cause
    unknown_method = JsonRpcProbe(
        settings.url, "nosuch", 20.0, credentials=settings.credentials
    )
    outcome = await prober.probe(unknown_method, CONTAINER)
    assert outcome.cause is Cause.MISCONFIGURED

    await asyncio.to_thread(freeze, stand_in.process.pid)
    frozen = await prober.probe(settings_of(stand_in, timeout_s=0.5), CONTAINER)
    assert frozen.cause is Cause.HUNG
    stand_in.signal(signal.SIGCONT)
    await until(prober, settings, None)

    await prober.wallet_control.stop(settings, CONTAINER, 20.0)
    assert await asyncio.to_thread(stand_in.wait_for_exit) == 0
    assert (await prober.probe(settings, CONTAINER)).cause is Cause.REFUSED


FAULTS = {
    "upstream_lost": Cause.UPSTREAM_LOST,
    "upstream_mute": Cause.UPSTREAM_LOST,
    "syncing": Cause.WALLET_SYNCING,
    "wrong_password": Cause.AUTH,
    "http_500": Cause.HTTP_5XX,
    "bad_body": Cause.BAD_BODY,
    "silent_client": Cause.HUNG,
    "network_call": Cause.HUNG,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_of_the_stand_in_has_its_cause(
    prober: ProbeRunner, stand_in: Daemon, fault: str
) -> None:
    settings = settings_of(stand_in, timeout_s=2.0)
    await until(prober, settings, Cause.WALLET_NOT_LOADED)
    assert await prober.wallet_control.load_wallets(settings, CONTAINER, (), 20.0) == ()
    await until(prober, settings, None)
    await asyncio.to_thread(stand_in.fault, fault)
    await until(prober, settings, FAULTS[fault])
