"""The loading of wallets, in every form that a daemon takes, on scripted sockets."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sidecar.core.model.probe_result import ProbeVerdict
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.ports.loop import NotLoaded, RpcFailed
from sidecar.probes.prober import ProbeRunner
from tests.support.fakes import FakeClock, FakeEngine, a_container
from tests.support.probe_servers import (
    HEALTHY,
    HEALTHY_INFO,
    Connection,
    reply_by_method,
    result,
    rpc_error,
    run_server,
)

CONTAINER = a_container()
DEFAULT, OTHER, ABSENT = "/data/wallets/default_wallet", "/data/other", "/data/absent"
PASSWORD, WRONG = "hunter2", "hunter3"
TIMEOUT_S = 5.0


class ElectronCash:
    """Wallet loading of Electron Cash: ``files`` are the wallets' passwords by path.

    ``current`` None ends it at the next wallet call, as the newest build does.
    """

    def __init__(self, files: dict[str, str | None]) -> None:
        self.files = files
        self.loaded: list[str] = []
        self.current: str | None = None
        self.orders: list[tuple[str, Any]] = []

    def __call__(self, connection: Connection) -> None:
        method, params = connection.method, connection.rpc["params"]
        match method:
            case "getinfo":
                wallets = dict.fromkeys(self.loaded, True)
                info = HEALTHY_INFO | {"wallets": wallets, "default_wallet": DEFAULT}
                connection.send(result(info))
            case "load_wallet":
                self.orders.append((method, params))
                connection.send(self._plain(params))
            case "daemon":
                self.orders.append((method, params[0]))
                connection.send(self._as_command_line(**params[0]))
            case "getbalance" | "listaddresses" if self.current is None:
                connection.transport.close()
            case _:
                connection.send(result(HEALTHY[method]))

    def _plain(self, params: Any) -> bytes:  # noqa: ANN401 - the wire's own
        if params:
            return rpc_error(-32602, "unexpected keyword argument 'password'")
        if self.files.get(DEFAULT, "") is not None:
            return result(False)
        self._load(DEFAULT)
        return result(True)

    def _as_command_line(
        self, subcommand: str, wallet_path: str = DEFAULT, password: str | None = None
    ) -> bytes:
        assert subcommand == "load_wallet"
        if wallet_path not in self.loaded:
            wanted = self.files.get(wallet_path, "no such file")
            if (
                wanted is not None
                and password is not None
                and wallet_path in self.files
            ):
                if password != wanted:
                    return rpc_error(-32603, f"Incorrect password: {password}")
                wanted = None
            if wanted is not None:
                self.current = None
                return result(True)
        self._load(wallet_path)
        return result(True)

    def _load(self, path: str) -> None:
        if path not in self.loaded:
            self.loaded.append(path)
        self.current = path


def electrum(answers: dict[str, Any]) -> dict[str, Any]:
    """Electrum's information has no wallets; they are listed."""
    info = {k: v for k, v in HEALTHY_INFO.items() if k != "wallets"}
    return HEALTHY | {"getinfo": info | {"default_wallet": DEFAULT}} | answers


@pytest.fixture
async def prober() -> AsyncIterator[ProbeRunner]:
    clock = FakeClock()
    probes = ProbeRunner(FakeEngine(clock, CONTAINER), clock)
    yield probes
    await probes.close()


async def load(
    prober: ProbeRunner,
    daemon: ElectronCash,
    *paths: str,
    password: str | None = None,
) -> tuple[NotLoaded, ...]:
    """Wallets that are not loaded; a probe afterwards succeeds."""
    async with run_server(daemon) as server:
        settings = ElectronCashProbe(server.url, TIMEOUT_S, wallet_password=password)
        control = prober.wallet_control
        missing = await control.load_wallets(settings, CONTAINER, paths, TIMEOUT_S)
        if daemon.loaded:
            outcome = await prober.probe(settings, CONTAINER)
            assert outcome.verdict is ProbeVerdict.SUCCESS, outcome
    return missing


async def test_the_default_wallet_is_loaded_by_the_plain_method(
    prober: ProbeRunner,
) -> None:
    daemon = ElectronCash({DEFAULT: None})
    assert await load(prober, daemon) == ()
    assert daemon.orders == [("load_wallet", [])]


async def test_a_password_goes_by_the_method_that_takes_one(
    prober: ProbeRunner,
) -> None:
    daemon = ElectronCash({DEFAULT: PASSWORD})
    assert await load(prober, daemon, password=PASSWORD) == ()
    order = {"wallet_path": DEFAULT, "password": PASSWORD, "subcommand": "load_wallet"}
    assert daemon.orders == [("daemon", order)]


async def test_another_path_goes_by_the_method_that_takes_one(
    prober: ProbeRunner,
) -> None:
    daemon = ElectronCash({DEFAULT: None, OTHER: None})
    assert await load(prober, daemon, OTHER, DEFAULT) == ()
    assert daemon.loaded == [OTHER, DEFAULT]
    assert [method for method, _ in daemon.orders] == ["daemon", "load_wallet"]


async def test_loaded_wallet_is_not_loaded_again(prober: ProbeRunner) -> None:
    daemon = ElectronCash({DEFAULT: None, OTHER: None})
    daemon.loaded, daemon.current = [OTHER], OTHER
    assert await load(prober, daemon, OTHER, DEFAULT) == ()
    assert daemon.orders == [("load_wallet", [])]


@pytest.mark.parametrize("password", [None, PASSWORD])
async def test_load_answered_true_without_a_loaded_wallet_is_missing(
    prober: ProbeRunner, password: str | None
) -> None:
    daemon = ElectronCash({DEFAULT: None})
    (missing,) = await load(prober, daemon, ABSENT, password=password)
    assert missing.path == ABSENT
    assert "there is no such file, or it is encrypted" in str(missing.reason)


async def test_an_encrypted_wallet_without_a_password_is_not_loaded(
    prober: ProbeRunner,
) -> None:
    (missing,) = await load(prober, ElectronCash({DEFAULT: PASSWORD}))
    assert missing.path == DEFAULT
    assert "no wallet password is set" in str(missing.reason)


async def test_wrong_password_is_reported_and_masked(prober: ProbeRunner) -> None:
    daemon = ElectronCash({DEFAULT: PASSWORD})
    (missing,) = await load(prober, daemon, password=WRONG)
    assert "Incorrect password" in str(missing.reason)
    assert "is it what Sidecar was given for this wallet?" in str(missing.reason)
    assert "hunter" not in str(missing.reason)


async def test_after_a_load_that_failed_a_wallet_is_made_current_again(
    prober: ProbeRunner,
) -> None:
    daemon = ElectronCash({DEFAULT: None, OTHER: None})
    (missing,) = await load(prober, daemon, DEFAULT, OTHER, ABSENT)
    assert missing.path == ABSENT
    assert daemon.loaded == [DEFAULT, OTHER]
    assert daemon.current == OTHER


async def test_missing_wallet_does_not_keep_others_from_loading(
    prober: ProbeRunner,
) -> None:
    daemon = ElectronCash({DEFAULT: None, OTHER: None})
    (missing,) = await load(prober, daemon, ABSENT, OTHER)
    assert missing.path == ABSENT
    assert daemon.loaded == [OTHER]


async def test_electrum_takes_path_and_password_itself(prober: ProbeRunner) -> None:
    listed: list[dict[str, Any]] = []
    reply = reply_by_method(electrum({"load_wallet": True, "list_wallets": listed}))
    params: list[Any] = []

    def note(connection: Connection) -> None:
        if connection.method == "load_wallet":
            params.append(connection.rpc["params"])
            listed.append({"path": OTHER, "synchronized": True})
        reply(connection)

    async with run_server(note) as server:
        settings = ElectronCashProbe(server.url, wallet_password=PASSWORD)
        control = prober.wallet_control
        missing = await control.load_wallets(settings, CONTAINER, (OTHER,), TIMEOUT_S)
    assert missing == ()
    assert params == [{"wallet_path": OTHER, "password": PASSWORD}]


async def test_electrum_that_refuses_a_load_is_not_asked_for_the_daemon_method(
    prober: ProbeRunner,
) -> None:
    refused = rpc_error(1, f"InvalidPassword {WRONG}")
    answers = electrum({"load_wallet": refused, "list_wallets": []})
    async with run_server(reply_by_method(answers)) as server:
        settings = ElectronCashProbe(server.url, wallet_password=WRONG)
        control = prober.wallet_control
        (missing,) = await control.load_wallets(settings, CONTAINER, (), TIMEOUT_S)
    assert "daemon" not in server.methods
    assert "InvalidPassword" in str(missing.reason)
    assert WRONG not in str(missing.reason)


async def test_a_daemon_that_breaks_off_is_asked_nothing_more(
    prober: ProbeRunner,
) -> None:
    def reply(connection: Connection) -> None:
        if connection.method == "load_wallet":
            connection.transport.close()
        else:
            reply_by_method(HEALTHY | {"getinfo": HEALTHY_INFO | {"wallets": {}}})(
                connection
            )

    async with run_server(reply) as server:
        settings = ElectronCashProbe(server.url)
        control = prober.wallet_control
        with pytest.raises(RpcFailed, match=r"load_wallet: .* closed the connection"):
            await control.load_wallets(settings, CONTAINER, (), TIMEOUT_S)
    assert server.methods == ["getinfo", "load_wallet"]
