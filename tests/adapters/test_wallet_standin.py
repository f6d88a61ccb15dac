"""The wallet stand-in behaves on the wire as the real daemon was seen to."""

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.support.repository import REPOSITORY

ROOT = REPOSITORY
WALLET = ROOT / "compose" / "demo" / "wallet"
USER, PASSWORD = "bchrpc", "right"
DEADLINE = 8.0

Json: TypeAlias = Any


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def eventually(condition: Callable[[], bool], within: float = DEADLINE) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < within, "the deadline passed"
        time.sleep(0.01)
    return time.monotonic() - started


@dataclass
class Answer:
    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: str

    @property
    def json(self) -> Json:
        return json.loads(self.body)


@dataclass
class Daemon:
    data_dir: Path
    env: dict[str, str]
    rpc_port: int = field(default_factory=free_port)
    control_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def run(self, **env: str) -> "Daemon":
        self.process = subprocess.Popen(
            [sys.executable, WALLET / "wallet.py", "daemon"], env=self.environment(env)
        )
        return self

    def start(self, **env: str) -> "Daemon":
        self.run(**env)
        eventually(self.listens)
        return self

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        own = {
            "RPC_HOST": "127.0.0.1",
            "CONTROL_HOST": "127.0.0.1",
            "RPC_PORT": str(self.rpc_port),
            "CONTROL_PORT": str(self.control_port),
            "RPC_PASSWORD": PASSWORD,
            "DATA_DIR": str(self.data_dir),
            "BOOT_SECONDS": "0",
        }
        return os.environ | own | self.env | more

    def restart(self) -> "Daemon":
        """As some time after a kill: the lock that it left is not young any more."""
        self.kill()
        address = ("127.0.0.1", self.rpc_port)
        (self.data_dir / "daemon").write_text(repr((address, time.time() - 60)))
        return self.start()

    def threads(self) -> int:
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def listens(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.rpc_port), timeout=1).close()
            return True
        return False

    def post(
        self,
        body: object,
        *,
        user: str | None = USER,
        password: str = PASSWORD,
        verb: str = "POST",
        path: str = "/",
        within: float = DEADLINE,
    ) -> Answer:
        headers = {} if user is None else {"Authorization": basic(user, password)}
        data = body if isinstance(body, str) else json.dumps(body)
        return ask(self.rpc_port, verb, path, data, headers, within)

    def call(self, method: str, *params: object, within: float = DEADLINE) -> Json:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return self.post(body, within=within).json

    def ask_rpc(self, method: str, params: object) -> Json:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.post(body).json

    def subcommand(self, name: str, **options: object) -> Json:
        return self.result("daemon", {"subcommand": name, **options})

    def loaded(self) -> list[str]:
        return list(self.result("getinfo")["wallets"])

    def state(self) -> Json:
        return self.control("GET", "/state")

    def make_wallet(self, name: str, password: str | None = None) -> str:
        path = str(self.data_dir / "wallets" / name)
        self.control("PUT", "/wallets", {"path": path, "password": password})
        return path

    def result(self, method: str, *params: object) -> Json:
        return self.call(method, *params)["result"]

    def control(self, verb: str, path: str, body: object = None) -> Json:
        answer = ask(self.control_port, verb, path, json.dumps(body or {}), {}, 2.0)
        assert answer.status == 200, answer.body
        return answer.json

    def fault(
        self,
        name: str,
        *,
        on: bool = True,
        seconds: float | None = None,
        count: int | None = None,
    ) -> None:
        number = {"seconds": seconds} if count is None else {"count": count}
        self.control("PUT", f"/faults/{name}", {"on": on, **number})

    def fault_command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, WALLET / "wallet.py", "fault", *arguments],
            env=self.environment({}),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def connected(self) -> bool:
        return bool(self.result("getinfo")["connected"])

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self) -> int:
        assert self.process is not None
        return self.process.wait(DEADLINE)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(DEADLINE)


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def ask(
    port: int, verb: str, path: str, body: str, headers: dict[str, str], within: float
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=within)
    try:
        connection.request(verb, path, body, headers)
        response = connection.getresponse()
        return Answer(
            response.status, response.reason, response.headers, response.read().decode()
        )
    finally:
        connection.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "data", {})
    yield daemon
    daemon.kill()


@pytest.fixture
def running(daemon: Daemon) -> Daemon:
    return daemon.start()


@pytest.fixture(scope="session")
def newest_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("jsonrpclib")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target)]
    requirements = ["-r", str(WALLET / "requirements-newest.txt")]
    subprocess.run([*pip, *requirements], check=True, timeout=25)
    return target


@pytest.fixture(params=["pinned", "newest"])
def library(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment that chooses the build of the RPC library."""
    if request.param == "pinned":
        return {}
    return {"PYTHONPATH": str(request.getfixturevalue("newest_library"))}


# On the wire


def test_a_success_has_a_result_and_no_error(running: Daemon) -> None:
    answer = running.post({"jsonrpc": "2.0", "id": 7, "method": "ping"})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json-rpc"
    assert answer.json == {"result": True, "id": 7, "jsonrpc": "2.0"}


def test_answers_are_http_1_0_and_close_the_connection(running: Daemon) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}'
    request = (
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nAuthorization: "
        + basic(USER, PASSWORD).encode()
        + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )
    with socket.create_connection(("127.0.0.1", running.rpc_port), DEADLINE) as client:
        client.sendall(request)
        with client.makefile("rb") as answer:
            assert answer.readline() == b"HTTP/1.0 200 OK\r\n"
            assert b'"result": true' in answer.read()


@pytest.mark.parametrize(
    ("user", "password", "reason"),
    [
        (USER, "wrong", "bad credentials"),
        ("other", PASSWORD, "bad credentials"),
        (None, "", "missing credentials"),
    ],
)
def test_bad_credentials_are_a_401_page_without_challenge(
    running: Daemon, user: str | None, password: str, reason: str
) -> None:
    answer = running.post({}, user=user, password=password)
    assert answer.status == 401
    assert str(answer.reason) == f"Authentication failed ({reason})"
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["WWW-Authenticate"] is None


def test_wrong_password_blocks_for_51_ms(running: Daemon) -> None:
    started = time.monotonic()
    running.post({}, password="wrong")
    assert time.monotonic() - started >= 0.05


def test_other_scheme_other_path_other_verb(running: Daemon) -> None:
    bearer = ask(running.rpc_port, "POST", "/", "{}", {"Authorization": "Bearer x"}, 2)
    assert (bearer.status, "only basic auth" in str(bearer.reason)) == (401, True)
    assert running.post({}, path="/other").body == "No such page"
    assert running.post({}, path="/other").status == 404
    assert running.post("", verb="GET").status == 501
    assert running.post("", verb="GET", user=None).status == 401
    assert running.post(
        {"jsonrpc": "2.0", "id": 1, "method": "ping"}, path="/RPC2"
    ).json


def test_errors_of_the_protocol_are_http_200(running: Daemon) -> None:
    unknown = running.call("nosuch")
    assert unknown["error"] == {
        "code": -32601,
        "message": "Method nosuch not supported.",
    }
    assert "result" not in unknown
    assert running.call("getbalance", "too", "many")["error"]["code"] in {
        -32602,
        -32603,
    }
    assert running.post("not json").json["error"]["code"] == -32700
    assert running.post("{}").json["error"]["code"] == -32600
    assert running.post({"jsonrpc": "2.0", "method": "ping"}).body == ""


def test_one_silent_client_blocks_everybody_until_it_leaves(running: Daemon) -> None:
    with socket.create_connection(("127.0.0.1", running.rpc_port), DEADLINE):
        with pytest.raises(TimeoutError):
            running.call("ping", within=0.5)
        assert not running.control("GET", "/faults")["silent_client"]["on"]
    assert running.result("ping") is True


def test_an_abandoned_request_is_still_carried_out(running: Daemon) -> None:
    running.result("load_wallet")
    before = len(running.result("listaddresses"))
    silent = socket.create_connection(("127.0.0.1", running.rpc_port), DEADLINE)
    with silent, pytest.raises(TimeoutError):
        running.call("createnewaddress", within=0.3)
    assert len(running.result("listaddresses")) == before + 1


class Queued:
    """A request sent without waiting for its answer."""

    def __init__(self, daemon: Daemon, method: str, *params: object) -> None:
        body = json.dumps({"id": 1, "method": method, "params": params}).encode()
        head = f"POST / HTTP/1.0\r\nAuthorization: {basic(USER, PASSWORD)}\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        self.client = socket.create_connection(("127.0.0.1", daemon.rpc_port), 1)
        self.client.sendall(head.encode() + body)

    def hang_up(self) -> None:
        self.client.close()

    def answer(self, within: float = DEADLINE) -> Json:
        self.client.settimeout(within)
        with self.client, self.client.makefile("rb") as answer:
            return json.loads(answer.read().split(b"\r\n\r\n")[1])


def test_requests_queue_behind_a_held_thread_and_are_served_in_order(
    daemon: Daemon, library: dict[str, str]
) -> None:
    daemon.start(NETWORK_TIMEOUT="2", **library)
    daemon.result("load_wallet")
    daemon.fault("upstream_lost")
    daemon.control("DELETE", "/calls")
    held = Queued(daemon, "getaddressbalance", "q")
    eventually(lambda: len(methods(daemon)) == 1)
    abandoned = Queued(daemon, "createnewaddress")
    abandoned.hang_up()
    patient = [Queued(daemon, name) for name in ("version", "ping")]

    # Nobody is served before the call ends; then everybody, in one burst.
    patient[1].client.settimeout(0.5)
    with pytest.raises(TimeoutError):
        patient[1].client.recv(1)
    assert methods(daemon) == ["getaddressbalance"]
    assert "error" in held.answer()
    started = time.monotonic()
    assert [request.answer()["result"] for request in patient] == ["4.4.5", True]
    assert time.monotonic() - started < 1
    assert methods(daemon) == [
        *("getaddressbalance", "createnewaddress", "version", "ping")
    ]


def test_six_wait_in_the_queue_and_a_seventh_is_not_even_connected(
    running: Daemon,
) -> None:
    running.fault("network_call", seconds=3)
    eventually(lambda: "getaddressbalance" in methods(running))
    waiting = [Queued(running, "ping") for _ in range(1 + 5)]
    with pytest.raises(TimeoutError):
        Queued(running, "ping")
    running.fault("network_call", on=False)
    assert all(request.answer()["result"] is True for request in waiting)


def test_a_patient_stop_is_obeyed_after_the_held_call_and_saves_addresses(
    daemon: Daemon, library: dict[str, str]
) -> None:
    daemon.start(NETWORK_TIMEOUT="1", **library)
    daemon.fault("upstream_lost")
    daemon.result("load_wallet")
    handed_out = [daemon.result("createnewaddress") for _ in range(4)]
    daemon.fault("callers", count=2)
    eventually(lambda: "getaddressbalance" in methods(daemon))
    started = time.monotonic()
    assert Queued(daemon, "stop").answer()["result"] == "Daemon stopped"
    assert time.monotonic() - started < 2.5
    assert daemon.ended() == 0

    daemon.fault_command("callers", "off")
    daemon.start(**library)
    daemon.result("load_wallet")
    assert set(handed_out) <= set(daemon.result("listaddresses"))


def methods(daemon: Daemon) -> list[str]:
    return [call["method"] for call in daemon.control("GET", "/calls")["calls"]]


# Wallets


def test_after_a_start_no_wallet_is_loaded(running: Daemon) -> None:
    assert running.result("getinfo")["wallets"] == {}
    error = running.call("getbalance")["error"]
    assert error["code"] == -32603
    assert error["message"].startswith("Server error: File ")
    assert "BaseException: Wallet not loaded. Use " in error["message"]
    assert running.result("load_wallet") is True
    assert running.result("getbalance") == {"confirmed": "1.5", "unconfirmed": "0.25"}
    eventually(lambda: list(running.result("getinfo")["wallets"].values()) == [True])


def test_with_the_newest_library_a_too_early_wallet_call_ends_the_daemon(
    daemon: Daemon, newest_library: Path
) -> None:
    daemon.start(PYTHONPATH=str(newest_library))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        daemon.call("getbalance")
    assert daemon.ended() == 0
    assert not daemon.listens()


def test_getinfo_has_the_shape_of_the_original(running: Daemon) -> None:
    info = running.result("getinfo")
    assert set(info) == {
        *("path", "server", "blockchain_height", "server_height", "spv_nodes"),
        *("connected", "auto_connect", "version", "default_wallet", "wallets"),
        "fee_per_kb",
    }
    assert info["connected"] is True
    assert info["server_height"] == info["blockchain_height"] > 0


def test_close_wallet_empties_getinfo_while_getbalance_still_answers(
    running: Daemon,
) -> None:
    running.result("load_wallet")
    assert running.result("close_wallet") is True
    assert running.result("getinfo")["wallets"] == {}
    assert running.result("list_wallets") == []
    assert "confirmed" in running.result("getbalance")


def test_the_method_load_wallet_takes_no_password(
    daemon: Daemon, library: dict[str, str]
) -> None:
    daemon.start(WALLET_PASSWORD="secret", **library)
    assert daemon.result("load_wallet") is False
    for params in ({"password": "secret"}, [None, "secret"]):
        error = daemon.ask_rpc("load_wallet", params)["error"]
        assert error["code"] == -32602
    named = daemon.ask_rpc("load_wallet", {"password": "secret"})["error"]["message"]
    assert "unexpected keyword argument 'password'" in named
    assert daemon.result("getinfo")["wallets"] == {}


def test_the_daemon_call_loads_an_encrypted_wallet(
    daemon: Daemon, library: dict[str, str]
) -> None:
    daemon.start(WALLET_PASSWORD="secret", **library)
    assert daemon.subcommand("load_wallet", password="secret") is True
    path = daemon.result("getinfo")["default_wallet"]
    assert daemon.loaded() == [path]
    assert "confirmed" in daemon.result("getbalance")


def test_the_daemon_call_says_true_when_nothing_was_loaded(daemon: Daemon) -> None:
    daemon.start(WALLET_PASSWORD="secret")
    for options in ({}, {"password": ""}, {"wallet_path": "/nosuch", "password": "x"}):
        assert daemon.subcommand("load_wallet", **options) is True
        assert daemon.loaded() == []


def test_a_wrong_wallet_password_is_an_error_that_both_libraries_survive(
    daemon: Daemon, library: dict[str, str]
) -> None:
    daemon.start(WALLET_PASSWORD="secret", **library)
    options = {"subcommand": "load_wallet", "password": "no"}
    error = daemon.call("daemon", options)["error"]
    assert error["code"] == -32603
    expected = "Server error (ref: " if library else "Incorrect password"
    assert expected in error["message"]
    assert ("Incorrect" in error["message"]) is not bool(library)
    assert daemon.result("ping") is True
    assert daemon.loaded() == []


def test_each_wallet_is_told_in_the_order_of_loading_and_the_last_is_current(
    running: Daemon,
) -> None:
    default = running.result("getinfo")["default_wallet"]
    other = running.make_wallet("other", "secret")
    assert running.subcommand("load_wallet", wallet_path=other, password="secret")
    assert running.result("load_wallet") is True
    assert running.loaded() == [other, default]
    states = running.state()["loaded"]
    assert running.result("listaddresses") == states[default]["addresses"]
    assert states[default]["addresses"] != states[other]["addresses"]

    assert running.result("load_wallet", other) is True
    assert running.loaded() == [other, default]
    assert running.result("listaddresses") == states[other]["addresses"]
    address = running.result("createnewaddress")
    after = running.state()
    assert after["current"] == other
    assert after["addresses"] == [*states[other]["addresses"], address]
    assert after["loaded"][default]["addresses"] == states[default]["addresses"]


def test_a_load_that_finds_nothing_leaves_no_current_wallet(running: Daemon) -> None:
    running.result("load_wallet")
    running.subcommand("load_wallet", wallet_path=str(running.data_dir / "nosuch"))
    assert running.loaded() == [running.result("getinfo")["default_wallet"]]
    error = running.call("getbalance")["error"]
    assert "Wallet not loaded" in error["message"]
    assert running.state()["current"] is None


def test_with_the_newest_library_a_load_that_finds_nothing_arms_the_next_call(
    daemon: Daemon, newest_library: Path
) -> None:
    daemon.start(PYTHONPATH=str(newest_library))
    daemon.result("load_wallet")
    daemon.subcommand("load_wallet", wallet_path="/nosuch")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        daemon.call("listaddresses")
    assert daemon.ended() == 0


def test_a_failed_load_by_method_or_password_keeps_the_current_wallet(
    running: Daemon,
) -> None:
    running.result("load_wallet")
    other = running.make_wallet("other", "secret")
    assert running.result("load_wallet", other) is False
    options = {"subcommand": "load_wallet", "wallet_path": other, "password": "no"}
    assert running.call("daemon", options)["error"]["code"] == -32603
    assert "confirmed" in running.result("getbalance")


def test_the_other_subcommands_of_the_daemon_call(running: Daemon) -> None:
    running.result("load_wallet")
    info = running.result("getinfo")
    path = info.pop("default_wallet")
    assert running.subcommand("status") == info
    assert running.call("daemon", {})["result"] == "Daemon already running"
    assert running.subcommand("nosuch") == "Unrecognized subcommand 'nosuch'"
    assert running.subcommand("close_wallet", wallet_path="/nosuch") is False
    assert running.subcommand("close_wallet", wallet_path=path) is True
    assert running.loaded() == []
    assert running.subcommand("stop") == "Daemon stopped"
    assert running.ended() == 0


def test_a_wallet_file_is_not_made_over_another(running: Daemon) -> None:
    path = running.make_wallet("other")
    for wanted, status in (({"path": path}, 409), ({"path": "here"}, 400), ([], 400)):
        body = json.dumps(wanted)
        answer = ask(running.control_port, "PUT", "/wallets", body, {}, DEADLINE)
        assert answer.status == status


def test_a_damaged_wallet_file_is_an_error_and_a_missing_one_is_false(
    running: Daemon,
) -> None:
    file = Path(running.result("getinfo")["default_wallet"])
    file.write_text("{")
    assert (
        "OSError: Cannot read wallet file"
        in running.call("load_wallet")["error"]["message"]
    )
    file.unlink()
    assert running.result("load_wallet") is False


def test_a_kill_forgets_unsaved_addresses_and_hands_the_same_out_again(
    running: Daemon,
) -> None:
    running.fault("upstream_lost")
    running.result("load_wallet")
    address = running.result("createnewaddress")
    running.restart()
    running.result("load_wallet")
    assert address not in running.result("listaddresses")
    assert running.result("createnewaddress") == address


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_in_an_outage_loses_addresses_and_the_balance_is_the_same(
    running: Daemon, number: signal.Signals
) -> None:
    running.fault("upstream_lost")
    running.result("load_wallet")
    path = running.result("getinfo")["default_wallet"]
    handed_out = [running.result("createnewaddress") for _ in range(4)]
    balance = running.result("getbalance")
    time.sleep(0.3)  # some rounds of the synchronizer, which saves nothing
    told = running.state()["loaded"][path]
    assert (told["addresses"][-4:], told["unsaved"]) == (handed_out, True)

    running.signal(number)
    running.ended()
    running.restart()
    running.result("load_wallet")

    assert not set(handed_out) & set(running.result("listaddresses"))
    assert running.result("getbalance") == balance
    assert running.state()["loaded"][path]["unsaved"] is False
    assert running.result("createnewaddress") == handed_out[0]


def test_rpc_stop_saves_addresses_and_removes_the_lock(running: Daemon) -> None:
    running.fault("upstream_lost")
    running.result("load_wallet")
    address = running.result("createnewaddress")
    assert running.result("stop") == "Daemon stopped"
    assert running.ended() == 0
    assert not (running.data_dir / "daemon").exists()
    running.start()
    running.result("load_wallet")
    assert address in running.result("listaddresses")


def test_a_signal_right_after_the_answer_to_stop_loses_addresses(
    running: Daemon,
) -> None:
    running.fault("upstream_lost")
    running.result("load_wallet")
    address = running.result("createnewaddress")
    assert running.result("stop") == "Daemon stopped"
    time.sleep(0.05)  # enough to write a file
    running.signal(signal.SIGTERM)
    assert running.ended() == -signal.SIGTERM
    running.restart()
    running.result("load_wallet")
    assert address not in running.result("listaddresses")


def test_with_an_upstream_addresses_are_saved_at_once(running: Daemon) -> None:
    running.result("load_wallet")
    address = running.result("createnewaddress")
    file = Path(running.result("getinfo")["default_wallet"])
    eventually(lambda: address in file.read_text(), within=2)


# Start and end


def test_sigterm_is_immediate_death_and_leaves_the_lock(running: Daemon) -> None:
    running.signal(signal.SIGTERM)
    assert running.ended() == -signal.SIGTERM
    assert (running.data_dir / "daemon").exists()


def test_a_young_stale_lock_delays_the_start_by_two_seconds(running: Daemon) -> None:
    running.kill()
    running.run()
    assert 1.5 < eventually(running.listens) < 4


def test_an_old_stale_lock_does_not_delay_the_start(running: Daemon) -> None:
    running.kill()
    stale = (("127.0.0.1", running.rpc_port), time.time() - 60)
    (running.data_dir / "daemon").write_text(repr(stale))
    running.run()
    with_stale_lock = eventually(running.listens)
    running.kill()
    (running.data_dir / "daemon").unlink()
    running.run()
    assert with_stale_lock - eventually(running.listens) < 1.0


def test_a_second_daemon_on_the_same_data_ends_with_status_0(running: Daemon) -> None:
    second = Daemon(running.data_dir, {}).run()
    assert second.ended() == 0
    assert running.result("ping") is True


def test_a_taken_port_leaves_the_daemon_alive_without_rpc(daemon: Daemon) -> None:
    with socket.create_server(("127.0.0.1", daemon.rpc_port)):
        daemon.run()
        # Control, synchroniser and server: the last begins once the port was tried.
        eventually(lambda: daemon.threads() == 1 + 3)
        assert (daemon.data_dir / "daemon").read_text() == ""
    assert daemon.process is not None
    assert daemon.process.poll() is None
    assert not daemon.listens()


# Faults


def test_faults_that_last_are_there_after_a_restart_and_others_are_not(
    running: Daemon,
) -> None:
    for name in ("upstream_lost", "wallet_missing", "syncing", "stale_height"):
        running.fault(name)
    running.restart()
    faults = running.control("GET", "/faults")
    assert {name for name in faults if faults[name]["on"]} == {
        *("upstream_lost", "wallet_missing", "syncing")
    }
    assert running.result("load_wallet") is False
    running.control("DELETE", "/faults")
    assert running.result("load_wallet") is True


def test_a_payment_can_be_played_and_outlives_the_process(running: Daemon) -> None:
    running.result("load_wallet")
    paid = {"confirmed": "2.5", "unmatured": "0.00000001"}
    assert running.control("PUT", "/balance", paid)["balance"] == paid
    assert running.result("getbalance") == paid
    running.restart()
    running.result("load_wallet")
    assert running.result("getbalance") == paid


@pytest.mark.parametrize("wrong", [{"confirmed": 2.5}, {"owed": "1"}, ["2.5"]])
def test_what_is_no_balance_is_not_played(running: Daemon, wrong: Json) -> None:
    running.result("load_wallet")
    before = running.result("getbalance")
    answer = ask(
        running.control_port, "PUT", "/balance", json.dumps(wrong), {}, DEADLINE
    )
    assert answer.status == 400
    assert running.result("getbalance") == before


def test_a_lost_upstream_leaves_balance_and_sync_looking_good(running: Daemon) -> None:
    running.result("load_wallet")
    eventually(lambda: running.result("is_synchronized") is True)
    height = running.result("getinfo")["blockchain_height"]
    running.fault("upstream_lost")
    info = running.result("getinfo")
    assert (info["connected"], info["server_height"], info["spv_nodes"]) == (
        False,
        0,
        0,
    )
    assert info["blockchain_height"] == height
    assert running.result("is_synchronized") is True
    running.restart()
    running.result("load_wallet")
    assert list(running.result("getinfo")["wallets"].values()) == [False]


def test_a_mute_upstream_is_connected_without_a_height(running: Daemon) -> None:
    running.fault("upstream_mute")
    eventually(running.connected, within=1)
    assert running.result("getinfo")["server_height"] == 0


def test_a_syncing_wallet_is_not_up_to_date(running: Daemon) -> None:
    running.fault("syncing")
    running.result("load_wallet")
    time.sleep(0.3)
    assert list(running.result("getinfo")["wallets"].values()) == [False]
    running.fault("syncing", on=False)
    eventually(lambda: list(running.result("getinfo")["wallets"].values()) == [True])


def test_heights_advance_and_a_stale_one_does_not(daemon: Daemon) -> None:
    daemon.start(BLOCK_SECONDS="0.1")
    height = daemon.result("getinfo")["server_height"]
    eventually(lambda: daemon.result("getinfo")["server_height"] > height, within=2)
    daemon.fault("stale_height")
    stale = daemon.result("getinfo")["server_height"]
    time.sleep(0.3)
    info = daemon.result("getinfo")
    assert info["server_height"] == info["blockchain_height"] == stale


def test_a_network_call_without_upstream_holds_everybody(daemon: Daemon) -> None:
    daemon.start(NETWORK_TIMEOUT="1")
    daemon.fault("upstream_lost")
    answers: list[Json] = []
    caller = threading.Thread(
        target=lambda: answers.append(daemon.call("getaddressbalance", "q"))
    )
    caller.start()
    time.sleep(0.1)
    with pytest.raises(TimeoutError):
        daemon.call("ping", within=0.4)
    caller.join(DEADLINE)
    assert "timeout: Server did not answer" in answers[0]["error"]["message"]


@pytest.mark.parametrize("name", ["upstream_lost", "upstream_mute"])
def test_network_calls_of_an_outage_take_25_to_30_parts_of_the_timeout(
    daemon: Daemon, name: str
) -> None:
    daemon.start(NETWORK_TIMEOUT="0.6")
    daemon.fault(name)
    took = []
    for _ in range(6):
        started = time.monotonic()
        error = daemon.call("getaddressbalance", "q")["error"]
        took.append(time.monotonic() - started)
        assert "timeout: Server did not answer" in error["message"]
    assert 0.5 <= min(took) < 0.6
    assert max(took) < 0.8


def test_a_slow_upstream_holds_a_network_call_that_then_succeeds(
    running: Daemon,
) -> None:
    assert running.control("GET", "/faults")["upstream_slow"]["on"] is False
    running.fault("upstream_slow", seconds=0.7)
    started = time.monotonic()
    assert running.result("getaddressbalance", "q")["confirmed"] == "0"
    assert 0.7 <= time.monotonic() - started < 1.5
    info = running.result("getinfo")
    assert info["connected"] is True
    assert info["server_height"] > 0


def test_a_slow_upstream_saves_a_new_address_once_it_answered(running: Daemon) -> None:
    running.result("load_wallet")
    file = Path(running.result("getinfo")["default_wallet"])
    running.fault("upstream_slow", seconds=1)
    started = time.monotonic()
    address = running.result("createnewaddress")
    eventually(lambda: address in file.read_text())
    assert time.monotonic() - started >= 1


def test_callers_hold_the_thread_of_an_outage_without_a_gap(daemon: Daemon) -> None:
    daemon.start(NETWORK_TIMEOUT="0.6")
    daemon.fault("upstream_lost")
    daemon.fault("callers", count=2)
    eventually(lambda: methods(daemon).count("getaddressbalance") >= 2)
    waited = []
    for _ in range(3):
        started = time.monotonic()
        assert daemon.result("ping") is True
        waited.append(time.monotonic() - started)
    # Behind the rest of one call and the whole of another.
    assert 0.5 <= max(waited) < 1.5
    connections = daemon.control("GET", "/calls")["connections"]
    assert sum(c["seconds"] > 0.4 and c["waiting"] >= 1 for c in connections) >= 3

    daemon.fault("callers", on=False)
    assert ended_callers(daemon)


def ended_callers(daemon: Daemon) -> bool:
    """Each ends after the call that it is in."""

    def quiet() -> bool:
        before = len(methods(daemon))
        time.sleep(0.8)
        return len(methods(daemon)) == before

    eventually(quiet)
    return daemon.result("ping") is True


def test_callers_of_a_daemon_that_answers_leave_it_its_thread(running: Daemon) -> None:
    running.fault("callers", count=3)
    time.sleep(1)
    called = methods(running).count("getaddressbalance")
    assert 6 <= called <= 33
    for _ in range(5):
        assert running.call("ping", within=1)["result"] is True


def test_the_count_of_callers_can_change_and_outlives_the_process(
    daemon: Daemon,
) -> None:
    daemon.start()
    assert daemon.fault_command("callers", "on", "3").returncode == 0
    assert daemon.control("GET", "/faults")["callers"]["count"] == 3
    eventually(lambda: daemon.threads() == 4 + 3)
    daemon.fault("callers", count=1)
    eventually(lambda: daemon.threads() == 4 + 1)
    daemon.restart()
    eventually(lambda: "getaddressbalance" in methods(daemon))
    daemon.fault("callers", on=False)
    eventually(lambda: daemon.threads() == 4)


def test_a_network_call_without_end_holds_the_thread_for_good(running: Daemon) -> None:
    assert running.fault_command("network_call", "on", "inf").returncode == 0
    eventually(lambda: "getaddressbalance" in methods(running))
    with pytest.raises(TimeoutError):
        running.call("ping", within=1)
    assert running.control("GET", "/faults")["network_call"]["on"] is True


@pytest.mark.parametrize("name", ["network_call", "silent_client"])
def test_a_held_server_recovers_by_itself_and_control_answers_meanwhile(
    running: Daemon, name: str
) -> None:
    running.fault(name, seconds=1)
    time.sleep(0.2)
    with pytest.raises(TimeoutError):
        running.call("ping", within=0.3)
    assert running.control("GET", "/faults")[name]["on"] is True
    assert running.result("ping") is True
    eventually(lambda: not running.control("GET", "/faults")[name]["on"])


def test_wrong_password_http_500_bad_body_and_slow_answers(running: Daemon) -> None:
    running.fault("wrong_password")
    assert running.post({}).status == 401
    running.fault("wrong_password", on=False)
    running.fault("http_500")
    assert running.post({}).status == 500
    running.fault("http_500", on=False)
    running.fault("bad_body")
    with pytest.raises(json.JSONDecodeError):
        running.call("ping")
    running.fault("bad_body", on=False)
    running.fault("slow_answers", seconds=0.5)
    started = time.monotonic()
    assert running.result("ping") is True
    assert time.monotonic() - started >= 0.5


def test_a_stopped_process_answers_nobody_and_can_be_continued(running: Daemon) -> None:
    running.fault("stop_process", seconds=1)
    time.sleep(0.3)
    with pytest.raises(TimeoutError):
        running.call("ping", within=0.3)
    assert running.result("ping") is True


def test_die_leaves_the_lock_and_a_failure_status(running: Daemon) -> None:
    running.fault("die")
    assert running.ended() == 1
    assert (running.data_dir / "daemon").exists()


def test_start_faults_hold_until_they_are_taken_back(daemon: Daemon) -> None:
    assert daemon.start().fault_command("death_at_start", "on", "0.2").returncode == 0
    daemon.kill()
    assert daemon.run().ended() == 1
    assert daemon.run().ended() == 1
    assert daemon.fault_command("death_at_start", "off").returncode == 0
    assert daemon.fault_command("slow_start", "on", "1").returncode == 0
    (daemon.data_dir / "daemon").unlink()
    daemon.run()
    assert eventually(daemon.listens) >= 1


def test_a_boot_fails_until_a_moment_and_is_then_fine(daemon: Daemon) -> None:
    daemon.start()
    started = time.monotonic()
    daemon.fault("failing_boot", seconds=2)
    assert daemon.result("ping") is True
    daemon.kill()
    (daemon.data_dir / "daemon").unlink()
    deaths = 0
    while daemon.run().process is not None and not boots(daemon):
        deaths += 1
        assert daemon.ended() == 1
        assert time.monotonic() - started < 4
    assert deaths >= 2
    assert time.monotonic() - started >= 2
    assert daemon.control("GET", "/faults")["failing_boot"]["on"] is False


def boots(daemon: Daemon) -> bool:
    """Whether this run of the daemon comes to listen."""
    assert daemon.process is not None
    process = daemon.process
    eventually(lambda: process.poll() is not None or daemon.listens())
    return process.poll() is None


def test_a_slow_start_of_minutes_answers_control_and_can_be_cut_short(
    daemon: Daemon,
) -> None:
    daemon.start()
    assert daemon.fault_command("slow_start", "on", "90").returncode == 0
    daemon.kill()
    (daemon.data_dir / "daemon").unlink()
    daemon.run()
    eventually(lambda: daemon.fault_command().returncode == 0)
    time.sleep(0.5)
    assert not daemon.listens()
    assert daemon.control("GET", "/faults")["slow_start"]["seconds"] == 90
    daemon.fault("slow_start", on=False)
    eventually(daemon.listens)


def test_a_wrong_port_refuses_the_configured_one_while_the_daemon_lives(
    running: Daemon,
) -> None:
    running.fault("wrong_port")
    assert running.result("ping") is True
    running.kill()
    (running.data_dir / "daemon").unlink()
    running.run()
    eventually((running.data_dir / "daemon").exists)
    eventually(lambda: (running.data_dir / "daemon").read_text() != "")
    assert running.process is not None
    assert running.process.poll() is None
    assert not running.listens()
    running.fault("wrong_port", on=False)
    running.restart()
    assert running.result("ping") is True


NEEDS_NETWORK = [
    *("getinfo", "load_wallet", "close_wallet", "list_wallets", "getfeerate", "stop")
]


def test_offline_refuses_what_needs_the_network_and_loads_by_the_daemon_call(
    running: Daemon,
) -> None:
    running.fault("offline")
    running.restart()
    for method in NEEDS_NETWORK:
        error = running.call(method)["error"]
        assert error["code"] == -32603
        assert "BaseException: Daemon offline" in error["message"]
    assert running.result("ping") is True
    assert running.result("version") == "4.4.5"
    assert running.subcommand("status") == "Daemon offline"
    assert running.subcommand("load_wallet") is True
    assert "confirmed" in running.result("getbalance")
    assert running.subcommand("stop") == "Daemon stopped"
    assert running.ended() == 0


@pytest.mark.parametrize("method", NEEDS_NETWORK)
def test_offline_the_newest_library_dies_of_what_needs_the_network(
    daemon: Daemon, newest_library: Path, method: str
) -> None:
    daemon.start(PYTHONPATH=str(newest_library))
    daemon.fault("offline")
    assert daemon.result("ping") is True
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        daemon.call(method)
    assert daemon.ended() == 0


def test_the_fault_command_names_what_it_cannot_do(daemon: Daemon) -> None:
    assert "upstream_lost" in daemon.fault_command("--help").stdout
    assert daemon.fault_command("nosuch").returncode == 2
    refused = daemon.fault_command("http_500", "on")
    assert (refused.returncode, "does not run" in refused.stderr) == (1, True)


def test_the_fault_command_says_what_is_on(daemon: Daemon) -> None:
    assert daemon.fault_command().returncode == 1
    daemon.start()
    assert daemon.fault_command("http_500").stdout == "http_500 is on\n"
    listed = daemon.fault_command().stdout.splitlines()
    assert "http_500        on" in listed
    assert "bad_body        off" in listed
    assert daemon.fault_command("http_500", "off").stdout == "http_500 is off\n"
    assert " on" not in daemon.fault_command().stdout


# What was observed


def test_calls_tell_order_and_whether_a_wallet_was_loaded(running: Daemon) -> None:
    for method in ("ping", "getinfo", "load_wallet", "getbalance"):
        running.call(method)
    calls = running.control("GET", "/calls")["calls"]
    assert [(call["method"], call["wallet_loaded"]) for call in calls] == [
        ("ping", False),
        ("getinfo", False),
        ("load_wallet", False),
        ("getbalance", True),
    ]
    assert {call["client"] for call in calls} == {"127.0.0.1"}


def test_connections_tell_how_long_and_who_waited(running: Daemon) -> None:
    observed_connections(running, 1)  # the fixture's own
    running.control("DELETE", "/calls")
    running.result("ping")
    assert observed_connections(running, 1)["max_simultaneous_connections"] == 1
    running.control("DELETE", "/calls")
    silent = socket.create_connection(("127.0.0.1", running.rpc_port), DEADLINE)
    with silent, pytest.raises(TimeoutError):
        running.call("ping", within=0.4)
    observed = observed_connections(running, 2)
    assert observed["max_simultaneous_connections"] == 2
    # It is accepted a moment after it was made.
    assert observed["connections"][0]["seconds"] >= 0.2
    assert observed["connections"][0]["waiting"] == 1


def observed_connections(daemon: Daemon, number: int) -> Json:
    """A connection is noted when it ends, which is just after its answer."""
    eventually(lambda: len(daemon.control("GET", "/calls")["connections"]) == number)
    return daemon.control("GET", "/calls")
