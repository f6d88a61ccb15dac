"""The wallet stand-in answers on the wire as the real daemon was observed to."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.wallet_process import (
    DEADLINE,
    PASSWORD,
    USER,
    WALLET,
    Daemon,
    Json,
    ask,
    basic,
    eventually,
)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "data", {})
    yield daemon
    daemon.kill()


@pytest.fixture
def started_daemon(daemon: Daemon) -> Daemon:
    return daemon.start()


@pytest.fixture(scope="session")
def newest_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("jsonrpclib")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target)]
    requirements = ["-r", str(WALLET / "requirements-newest.txt")]
    subprocess.run([*pip, *requirements], check=True, timeout=100)
    return target


@pytest.fixture(params=["pinned", "newest"])
def library(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment that chooses the build of the RPC library."""
    if request.param == "pinned":
        return {}
    return {"PYTHONPATH": str(request.getfixturevalue("newest_library"))}


# On the wire


def test_a_success_has_a_result_and_no_error(started_daemon: Daemon) -> None:
    answer = started_daemon.post({"jsonrpc": "2.0", "id": 7, "method": "ping"})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json-rpc"
    assert answer.json == {"result": True, "id": 7, "jsonrpc": "2.0"}


def test_answers_are_http_1_0_and_close_the_connection(
    started_daemon: Daemon,
) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}'
    request = (
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nAuthorization: "
        + basic(USER, PASSWORD).encode()
        + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )
    with socket.create_connection(
        ("127.0.0.1", started_daemon.rpc_port), DEADLINE
    ) as client:
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
    started_daemon: Daemon, user: str | None, password: str, reason: str
) -> None:
    answer = started_daemon.post({}, user=user, password=password)
    assert answer.status == 401
    assert str(answer.reason) == f"Authentication failed ({reason})"
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["WWW-Authenticate"] is None


def test_wrong_password_blocks_for_51_ms(started_daemon: Daemon) -> None:
    started = time.monotonic()
    started_daemon.post({}, password="wrong")
    assert time.monotonic() - started >= 0.05


def test_scheme_path_and_verb_of_a_request_are_checked(
    started_daemon: Daemon,
) -> None:
    headers = {"Authorization": "Bearer x"}
    bearer = ask(started_daemon.rpc_port, "POST", "/", "{}", headers, DEADLINE)
    assert (bearer.status, "only basic auth" in str(bearer.reason)) == (401, True)
    assert started_daemon.post({}, path="/other").body == "No such page"
    assert started_daemon.post({}, path="/other").status == 404
    assert started_daemon.post("", verb="GET").status == 501
    assert started_daemon.post("", verb="GET", user=None).status == 401
    assert started_daemon.post(
        {"jsonrpc": "2.0", "id": 1, "method": "ping"}, path="/RPC2"
    ).json


def test_errors_of_the_protocol_are_http_200(started_daemon: Daemon) -> None:
    unknown = started_daemon.call("nosuch")
    assert unknown["error"] == {
        "code": -32601,
        "message": "Method nosuch not supported.",
    }
    assert "result" not in unknown
    assert started_daemon.call("getbalance", "too", "many")["error"]["code"] in {
        -32602,
        -32603,
    }
    assert started_daemon.post("not json").json["error"]["code"] == -32700
    assert started_daemon.post("{}").json["error"]["code"] == -32600
    assert started_daemon.post({"jsonrpc": "2.0", "method": "ping"}).body == ""


def test_one_silent_client_blocks_everybody_until_it_leaves(
    started_daemon: Daemon,
) -> None:
    with socket.create_connection(("127.0.0.1", started_daemon.rpc_port), DEADLINE):
        with pytest.raises(TimeoutError):
            started_daemon.call("ping", within=0.5)
        assert not started_daemon.control("GET", "/faults")["silent_client"]["on"]
    assert started_daemon.result("ping") is True


def test_an_abandoned_request_is_still_carried_out(
    started_daemon: Daemon,
) -> None:
    started_daemon.result("load_wallet")
    before = len(started_daemon.result("listaddresses"))
    silent = socket.create_connection(("127.0.0.1", started_daemon.rpc_port), DEADLINE)
    with silent, pytest.raises(TimeoutError):
        started_daemon.call("createnewaddress", within=0.3)
    assert len(started_daemon.result("listaddresses")) == before + 1


class Queued:
    """A request sent without waiting for its answer."""

    def __init__(
        self,
        daemon: Daemon,
        method: str,
        *params: object,
        connect_within: float = DEADLINE,
    ) -> None:
        body = json.dumps({"id": 1, "method": method, "params": params}).encode()
        head = f"POST / HTTP/1.0\r\nAuthorization: {basic(USER, PASSWORD)}\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        self.client = socket.create_connection(
            ("127.0.0.1", daemon.rpc_port), connect_within
        )
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
    daemon.start(**library)
    daemon.result("load_wallet")
    daemon.fault("upstream_slow", seconds=60)
    daemon.control("DELETE", "/calls")
    held_request = Queued(daemon, "getaddressbalance", "q")
    eventually(lambda: len(methods(daemon)) == 1)
    abandoned = Queued(daemon, "createnewaddress")
    abandoned.hang_up()
    patient = [Queued(daemon, name) for name in ("version", "ping")]

    # Nobody is served before the call ends; then everybody, in one burst.
    patient[1].client.settimeout(0.5)
    with pytest.raises(TimeoutError):
        patient[1].client.recv(1)
    assert methods(daemon) == ["getaddressbalance"]
    daemon.fault("upstream_lost")  # the held call ends with an error
    started = time.monotonic()
    daemon.fault("upstream_slow", on=False)
    assert "error" in held_request.answer()
    assert [request.answer()["result"] for request in patient] == ["4.4.5", True]
    assert time.monotonic() - started < 20
    assert methods(daemon) == [
        *("getaddressbalance", "createnewaddress", "version", "ping")
    ]


def test_six_wait_in_the_queue_and_a_seventh_is_not_even_connected(
    started_daemon: Daemon,
) -> None:
    started_daemon.fault("network_call", seconds=60)
    eventually(lambda: "getaddressbalance" in methods(started_daemon))
    waiting = [Queued(started_daemon, "ping") for _ in range(1 + 5)]
    with pytest.raises(TimeoutError):
        Queued(started_daemon, "ping", connect_within=1)
    started_daemon.fault("network_call", on=False)
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
    # At most the rest of one call and the whole of another, of 1 s each.
    assert time.monotonic() - started < 15
    assert daemon.wait_for_exit() == 0

    daemon.fault_command("callers", "off")
    daemon.start(**library)
    daemon.result("load_wallet")
    assert set(handed_out) <= set(daemon.result("listaddresses"))


def methods(daemon: Daemon) -> list[str]:
    return [call["method"] for call in daemon.control("GET", "/calls")["calls"]]


def wait_until_synchronized(daemon: Daemon) -> None:
    """Wait for its synchronizer, which comes to a loaded wallet a moment later."""
    eventually(lambda: list(daemon.result("getinfo")["wallets"].values()) == [True])


# Wallets


def test_after_a_start_no_wallet_is_loaded(started_daemon: Daemon) -> None:
    assert started_daemon.result("getinfo")["wallets"] == {}
    error = started_daemon.call("getbalance")["error"]
    assert error["code"] == -32603
    assert error["message"].startswith("Server error: File ")
    assert "BaseException: Wallet not loaded. Use " in error["message"]
    assert started_daemon.result("load_wallet") is True
    assert started_daemon.result("getbalance") == {
        "confirmed": "1.5",
        "unconfirmed": "0.25",
    }
    wait_until_synchronized(started_daemon)


def test_wallet_call_before_a_load_ends_the_daemon_with_the_newest_library(
    daemon: Daemon, newest_library: Path
) -> None:
    daemon.start(PYTHONPATH=str(newest_library))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        daemon.call("getbalance")
    assert daemon.wait_for_exit() == 0
    assert not daemon.listens()


def test_getinfo_has_the_shape_of_the_original(started_daemon: Daemon) -> None:
    info = started_daemon.result("getinfo")
    assert set(info) == {
        *("path", "server", "blockchain_height", "server_height", "spv_nodes"),
        *("connected", "auto_connect", "version", "default_wallet", "wallets"),
        "fee_per_kb",
    }
    assert info["connected"] is True
    assert info["server_height"] == info["blockchain_height"] > 0


def test_close_wallet_empties_getinfo_while_getbalance_still_answers(
    started_daemon: Daemon,
) -> None:
    started_daemon.result("load_wallet")
    assert started_daemon.result("close_wallet") is True
    assert started_daemon.result("getinfo")["wallets"] == {}
    assert started_daemon.result("list_wallets") == []
    assert "confirmed" in started_daemon.result("getbalance")


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
    assert daemon.loaded_wallets() == [path]
    assert "confirmed" in daemon.result("getbalance")


def test_the_daemon_call_says_true_when_nothing_was_loaded(
    daemon: Daemon,
) -> None:
    daemon.start(WALLET_PASSWORD="secret")
    for options in ({}, {"password": ""}, {"wallet_path": "/nosuch", "password": "x"}):
        assert daemon.subcommand("load_wallet", **options) is True
        assert daemon.loaded_wallets() == []


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
    assert daemon.loaded_wallets() == []


def test_wallets_are_listed_in_the_order_of_loading_and_the_last_is_current(
    started_daemon: Daemon,
) -> None:
    default = started_daemon.result("getinfo")["default_wallet"]
    other = started_daemon.make_wallet("other", "secret")
    assert started_daemon.subcommand(
        "load_wallet", wallet_path=other, password="secret"
    )
    assert started_daemon.result("load_wallet") is True
    assert started_daemon.loaded_wallets() == [other, default]
    states = started_daemon.state()["loaded"]
    assert started_daemon.result("listaddresses") == states[default]["addresses"]
    assert states[default]["addresses"] != states[other]["addresses"]

    assert started_daemon.result("load_wallet", other) is True
    assert started_daemon.loaded_wallets() == [other, default]
    assert started_daemon.result("listaddresses") == states[other]["addresses"]
    address = started_daemon.result("createnewaddress")
    after = started_daemon.state()
    assert after["current"] == other
    assert after["addresses"] == [*states[other]["addresses"], address]
    assert after["loaded"][default]["addresses"] == states[default]["addresses"]


def test_a_load_that_finds_nothing_leaves_no_current_wallet(
    started_daemon: Daemon,
) -> None:
    started_daemon.result("load_wallet")
    started_daemon.subcommand(
        "load_wallet", wallet_path=str(started_daemon.data_dir / "nosuch")
    )
    assert started_daemon.loaded_wallets() == [
        started_daemon.result("getinfo")["default_wallet"]
    ]
    error = started_daemon.call("getbalance")["error"]
    assert "Wallet not loaded" in error["message"]
    assert started_daemon.state()["current"] is None


def test_wallet_call_after_a_failed_load_ends_the_daemon_with_the_newest_library(
    daemon: Daemon, newest_library: Path
) -> None:
    daemon.start(PYTHONPATH=str(newest_library))
    daemon.result("load_wallet")
    daemon.subcommand("load_wallet", wallet_path="/nosuch")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        daemon.call("listaddresses")
    assert daemon.wait_for_exit() == 0


def test_a_failed_load_by_method_or_password_keeps_the_current_wallet(
    started_daemon: Daemon,
) -> None:
    started_daemon.result("load_wallet")
    other = started_daemon.make_wallet("other", "secret")
    assert started_daemon.result("load_wallet", other) is False
    options = {"subcommand": "load_wallet", "wallet_path": other, "password": "no"}
    assert started_daemon.call("daemon", options)["error"]["code"] == -32603
    assert "confirmed" in started_daemon.result("getbalance")


def test_the_other_subcommands_of_the_daemon_call(
    started_daemon: Daemon,
) -> None:
    started_daemon.fault("stale_height")
    started_daemon.result("load_wallet")
    wait_until_synchronized(started_daemon)
    info = started_daemon.result("getinfo")
    path = info.pop("default_wallet")
    assert started_daemon.subcommand("status") == info
    assert started_daemon.call("daemon", {})["result"] == "Daemon already running"
    assert started_daemon.subcommand("nosuch") == "Unrecognized subcommand 'nosuch'"
    assert started_daemon.subcommand("close_wallet", wallet_path="/nosuch") is False
    assert started_daemon.subcommand("close_wallet", wallet_path=path) is True
    assert started_daemon.loaded_wallets() == []
    assert started_daemon.subcommand("stop") == "Daemon stopped"
    assert started_daemon.wait_for_exit() == 0


def test_a_wallet_file_is_not_made_over_another(started_daemon: Daemon) -> None:
    path = started_daemon.make_wallet("other")
    for wanted, status in (({"path": path}, 409), ({"path": "here"}, 400), ([], 400)):
        body = json.dumps(wanted)
        answer = ask(started_daemon.control_port, "PUT", "/wallets", body, {}, DEADLINE)
        assert answer.status == status


def test_a_damaged_wallet_file_is_an_error_and_a_missing_one_is_false(
    started_daemon: Daemon,
) -> None:
    file = Path(started_daemon.result("getinfo")["default_wallet"])
    file.write_text("{")
    assert (
        "OSError: Cannot read wallet file"
        in started_daemon.call("load_wallet")["error"]["message"]
    )
    file.unlink()
    assert started_daemon.result("load_wallet") is False


def test_a_kill_forgets_unsaved_addresses_and_hands_the_same_out_again(
    started_daemon: Daemon,
) -> None:
    started_daemon.fault("upstream_lost")
    started_daemon.result("load_wallet")
    address = started_daemon.result("createnewaddress")
    started_daemon.restart()
    started_daemon.result("load_wallet")
    assert address not in started_daemon.result("listaddresses")
    assert started_daemon.result("createnewaddress") == address


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_in_an_outage_loses_addresses_and_the_balance_is_the_same(
    started_daemon: Daemon, number: signal.Signals
) -> None:
    started_daemon.fault("upstream_lost")
    started_daemon.result("load_wallet")
    path = started_daemon.result("getinfo")["default_wallet"]
    handed_out = [started_daemon.result("createnewaddress") for _ in range(4)]
    balance = started_daemon.result("getbalance")
    time.sleep(0.3)  # some rounds of the synchronizer, which saves nothing
    wallet_state = started_daemon.state()["loaded"][path]
    assert (wallet_state["addresses"][-4:], wallet_state["unsaved"]) == (
        handed_out,
        True,
    )

    started_daemon.signal(number)
    started_daemon.wait_for_exit()
    started_daemon.restart()
    started_daemon.result("load_wallet")

    assert not set(handed_out) & set(started_daemon.result("listaddresses"))
    assert started_daemon.result("getbalance") == balance
    assert started_daemon.state()["loaded"][path]["unsaved"] is False
    assert started_daemon.result("createnewaddress") == handed_out[0]


def test_rpc_stop_saves_addresses_and_removes_the_lock(
    started_daemon: Daemon,
) -> None:
    started_daemon.fault("upstream_lost")
    started_daemon.result("load_wallet")
    address = started_daemon.result("createnewaddress")
    assert started_daemon.result("stop") == "Daemon stopped"
    assert started_daemon.wait_for_exit() == 0
    assert not (started_daemon.data_dir / "daemon").exists()
    started_daemon.start()
    started_daemon.result("load_wallet")
    assert address in started_daemon.result("listaddresses")


def test_a_signal_right_after_the_answer_to_stop_loses_addresses(
    started_daemon: Daemon,
) -> None:
    started_daemon.fault("upstream_lost")
    # The daemon ends 0.2 s after its answer: on a busy machine the signal can be late.
    for _ in range(8):
        started_daemon.result("load_wallet")
        address = started_daemon.result("createnewaddress")
        assert started_daemon.result("stop") == "Daemon stopped"
        time.sleep(0.05)  # enough to write a file
        started_daemon.signal(signal.SIGTERM)
        status = started_daemon.wait_for_exit()
        started_daemon.restart()
        if status == -signal.SIGTERM:
            break
    else:
        pytest.fail("no signal came before the end")
    started_daemon.result("load_wallet")
    assert address not in started_daemon.result("listaddresses")


def test_with_an_upstream_addresses_are_saved_at_once(
    started_daemon: Daemon,
) -> None:
    started_daemon.result("load_wallet")
    address = started_daemon.result("createnewaddress")
    file = Path(started_daemon.result("getinfo")["default_wallet"])
    eventually(lambda: address in file.read_text(), within=20)


# Start and end


def test_sigterm_is_immediate_death_and_leaves_the_lock(
    started_daemon: Daemon,
) -> None:
    started_daemon.signal(signal.SIGTERM)
    assert started_daemon.wait_for_exit() == -signal.SIGTERM
    assert (started_daemon.data_dir / "daemon").exists()


def test_a_young_stale_lock_delays_the_start_by_two_seconds(
    started_daemon: Daemon,
) -> None:
    started_daemon.kill()
    started = time.monotonic()
    young = (("127.0.0.1", started_daemon.rpc_port), time.time())
    (started_daemon.data_dir / "daemon").write_text(repr(young))
    started_daemon.run()
    eventually(started_daemon.listens)
    assert 2 <= time.monotonic() - started < 15


def test_an_old_stale_lock_does_not_delay_the_start(
    started_daemon: Daemon,
) -> None:
    started_daemon.kill()
    with socket.create_server(("127.0.0.1", 0)) as recorded:
        recorded.settimeout(DEADLINE)
        stale = (recorded.getsockname(), time.time() - 60)
        (started_daemon.data_dir / "daemon").write_text(repr(stale))
        started_daemon.run()
        client, _ = recorded.accept()
        with client:
            client.sendall(b"HTTP/1.0 500 no\r\nContent-Length: 0\r\n\r\n")
            # A delayed start asks again each second: that call would wait for ever.
            eventually(started_daemon.listens)


def test_a_second_daemon_on_the_same_data_ends_with_status_0(
    started_daemon: Daemon,
) -> None:
    assert started_daemon.result("ping") is True  # its address is recorded by then
    second = Daemon(started_daemon.data_dir, {}).run()
    assert second.wait_for_exit() == 0
    assert started_daemon.result("ping") is True


def test_a_taken_port_leaves_the_daemon_alive_without_rpc(
    daemon: Daemon,
) -> None:
    with socket.create_server(("127.0.0.1", daemon.rpc_port)):
        daemon.run()
        # Control, synchroniser and server: the last begins once the port was tried.
        eventually(lambda: daemon.threads() == 1 + 3)
        assert (daemon.data_dir / "daemon").read_text() == ""
    assert daemon.process is not None
    assert daemon.process.poll() is None
    assert not daemon.listens()


# Faults


def test_lasting_faults_survive_a_restart_and_others_do_not(
    started_daemon: Daemon,
) -> None:
    for name in ("upstream_lost", "wallet_missing", "syncing", "stale_height"):
        started_daemon.fault(name)
    started_daemon.restart()
    faults = started_daemon.control("GET", "/faults")
    assert {name for name in faults if faults[name]["on"]} == {
        *("upstream_lost", "wallet_missing", "syncing")
    }
    assert started_daemon.result("load_wallet") is False
    started_daemon.control("DELETE", "/faults")
    assert started_daemon.result("load_wallet") is True


def test_balance_can_be_set_and_outlives_the_process(
    started_daemon: Daemon,
) -> None:
    started_daemon.result("load_wallet")
    paid = {"confirmed": "2.5", "unmatured": "0.00000001"}
    assert started_daemon.control("PUT", "/balance", paid)["balance"] == paid
    assert started_daemon.result("getbalance") == paid
    started_daemon.restart()
    started_daemon.result("load_wallet")
    assert started_daemon.result("getbalance") == paid


@pytest.mark.parametrize("wrong", [{"confirmed": 2.5}, {"owed": "1"}, ["2.5"]])
def test_malformed_balance_is_refused(started_daemon: Daemon, wrong: Json) -> None:
    started_daemon.result("load_wallet")
    before = started_daemon.result("getbalance")
    answer = ask(
        started_daemon.control_port, "PUT", "/balance", json.dumps(wrong), {}, DEADLINE
    )
    assert answer.status == 400
    assert started_daemon.result("getbalance") == before


def test_a_lost_upstream_leaves_balance_and_sync_looking_good(
    started_daemon: Daemon,
) -> None:
    started_daemon.result("load_wallet")
    eventually(lambda: started_daemon.result("is_synchronized") is True)
    height = started_daemon.result("getinfo")["blockchain_height"]
    started_daemon.fault("upstream_lost")
    info = started_daemon.result("getinfo")
    assert (info["connected"], info["server_height"], info["spv_nodes"]) == (
        False,
        0,
        0,
    )
    assert info["blockchain_height"] == height
    assert started_daemon.result("is_synchronized") is True
    started_daemon.restart()
    started_daemon.result("load_wallet")
    assert list(started_daemon.result("getinfo")["wallets"].values()) == [False]


def test_a_mute_upstream_is_connected_without_a_height(
    started_daemon: Daemon,
) -> None:
    started_daemon.fault("upstream_mute")
    if not started_daemon.is_connected():
        time.sleep(0.3)  # it is without a server for 0.2 s of each 10.2
        assert started_daemon.is_connected()
    assert started_daemon.result("getinfo")["server_height"] == 0


def test_a_syncing_wallet_is_not_up_to_date(started_daemon: Daemon) -> None:
    started_daemon.fault("syncing")
    started_daemon.result("load_wallet")
    time.sleep(0.3)
    assert list(started_daemon.result("getinfo")["wallets"].values()) == [False]
    started_daemon.fault("syncing", on=False)
    wait_until_synchronized(started_daemon)


def test_heights_advance_and_a_stale_one_does_not(daemon: Daemon) -> None:
    daemon.start(BLOCK_SECONDS="0.1")
    height = daemon.result("getinfo")["server_height"]
    eventually(lambda: daemon.result("getinfo")["server_height"] > height, within=20)
    daemon.fault("stale_height")
    stale = daemon.result("getinfo")["server_height"]
    time.sleep(0.3)
    info = daemon.result("getinfo")
    assert info["server_height"] == info["blockchain_height"] == stale


def test_a_network_call_without_upstream_holds_everybody(daemon: Daemon) -> None:
    daemon.start(NETWORK_TIMEOUT="60")
    daemon.fault("upstream_lost")
    held_call = Queued(daemon, "getaddressbalance", "q")
    eventually(lambda: methods(daemon) == ["getaddressbalance"])
    with held_call.client, pytest.raises(TimeoutError):
        daemon.call("ping", within=0.4)
    assert methods(daemon) == ["getaddressbalance"]


@pytest.mark.parametrize("name", ["upstream_lost", "upstream_mute"])
def test_network_calls_of_an_outage_take_25_to_30_parts_of_the_timeout(
    daemon: Daemon, name: str
) -> None:
    daemon.start(NETWORK_TIMEOUT="1.2")
    daemon.fault(name)
    took: list[float] = []
    # A busy machine adds to each: more tries, until two show the length itself.
    while len(took) < 3 or (sorted(took)[1] >= 1.2 and len(took) < 20):
        started = time.monotonic()
        error = daemon.call("getaddressbalance", "q")["error"]
        took.append(time.monotonic() - started)
        assert "timeout: Server did not answer" in error["message"]
    assert min(took) >= 1.0
    assert sorted(took)[1] < 1.2


def test_a_slow_upstream_holds_a_network_call_that_then_succeeds(
    started_daemon: Daemon,
) -> None:
    assert started_daemon.control("GET", "/faults")["upstream_slow"]["on"] is False
    started_daemon.fault("upstream_slow", seconds=0.7)
    started = time.monotonic()
    assert started_daemon.result("getaddressbalance", "q")["confirmed"] == "0"
    assert 0.7 <= time.monotonic() - started < 20
    info = started_daemon.result("getinfo")
    assert info["connected"] is True
    assert info["server_height"] > 0


def test_a_slow_upstream_saves_a_new_address_once_it_answered(
    started_daemon: Daemon,
) -> None:
    started_daemon.result("load_wallet")
    file = Path(started_daemon.result("getinfo")["default_wallet"])
    started_daemon.fault("upstream_slow", seconds=1)
    started = time.monotonic()
    address = started_daemon.result("createnewaddress")
    eventually(lambda: address in file.read_text())
    assert time.monotonic() - started >= 1


def test_callers_hold_the_thread_of_an_outage_without_a_gap(
    daemon: Daemon,
) -> None:
    daemon.start(NETWORK_TIMEOUT="0.6")
    daemon.fault("upstream_lost")
    daemon.fault("callers", count=2)
    eventually(lambda: methods(daemon).count("getaddressbalance") >= 2)
    waited = []
    for _ in range(4):
        started = time.monotonic()
        assert daemon.result("ping") is True
        waited.append(time.monotonic() - started)
    assert max(waited) >= 0.5
    # Behind the rest of one call and the whole of another, and one if it was sent late.
    called = methods(daemon)
    pings = [nth for nth, method in enumerate(called) if method == "ping"]
    assert min(later - nth - 1 for nth, later in pairwise(pings)) <= 3
    connections = daemon.control("GET", "/calls")["connections"]
    assert sum(c["seconds"] > 0.4 and c["waiting"] >= 1 for c in connections) >= 3

    daemon.fault("callers", on=False)
    eventually(lambda: daemon.threads() == 4)  # each ended after its current call
    assert daemon.result("ping") is True


def test_callers_of_a_daemon_that_answers_leave_it_its_thread(
    started_daemon: Daemon,
) -> None:
    def count_calls() -> int:
        return methods(started_daemon).count("getaddressbalance")

    started = time.monotonic()
    started_daemon.fault("callers", count=3)
    eventually(lambda: count_calls() >= 12)
    number = count_calls()
    # Each caller calls at once, and then 0.1 s after each call.
    assert number <= 3 * ((time.monotonic() - started) / 0.1 + 1)
    took = []
    for _ in range(5):
        started = time.monotonic()
        assert started_daemon.result("ping") is True
        took.append(time.monotonic() - started)
    assert min(took) < 1


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


def test_a_network_call_without_end_holds_the_thread_for_good(
    started_daemon: Daemon,
) -> None:
    assert started_daemon.fault_command("network_call", "on", "inf").returncode == 0
    eventually(lambda: "getaddressbalance" in methods(started_daemon))
    with pytest.raises(TimeoutError):
        started_daemon.call("ping", within=1)
    assert started_daemon.control("GET", "/faults")["network_call"]["on"] is True


@pytest.mark.parametrize("name", ["network_call", "silent_client"])
def test_a_held_server_recovers_by_itself_and_control_answers_meanwhile(
    started_daemon: Daemon, name: str
) -> None:
    def is_on() -> bool:
        return started_daemon.control("GET", "/faults")[name]["on"] is True

    def is_held() -> bool:
        try:
            started_daemon.call("ping", within=0.3)
        except TimeoutError:
            return True
        return False

    started = time.monotonic()
    started_daemon.fault(name, seconds=0.5)
    eventually(lambda: not is_on())
    assert time.monotonic() - started >= 0.5
    assert started_daemon.result("ping") is True

    # Long enough to look at it meanwhile.
    started_daemon.fault(name, seconds=60)
    eventually(is_held)
    assert is_on()
    started_daemon.fault(name, on=False)
    assert started_daemon.result("ping") is True


def test_wrong_password_http_500_bad_body_and_slow_answers(
    started_daemon: Daemon,
) -> None:
    started_daemon.fault("wrong_password")
    assert started_daemon.post({}).status == 401
    started_daemon.fault("wrong_password", on=False)
    started_daemon.fault("http_500")
    assert started_daemon.post({}).status == 500
    started_daemon.fault("http_500", on=False)
    started_daemon.fault("bad_body")
    with pytest.raises(json.JSONDecodeError):
        started_daemon.call("ping")
    started_daemon.fault("bad_body", on=False)
    started_daemon.fault("slow_answers", seconds=0.5)
    started = time.monotonic()
    assert started_daemon.result("ping") is True
    assert time.monotonic() - started >= 0.5


def test_a_stopped_process_answers_nobody_and_can_be_continued(
    started_daemon: Daemon,
) -> None:
    process = started_daemon.process
    assert process is not None

    def was(event: int) -> bool:
        """The kernel keeps the event: a slow test does not miss it."""
        return os.waitid(os.P_PID, process.pid, event | os.WNOHANG) is not None

    was(os.WCONTINUED)  # forget what came before
    started = time.monotonic()
    started_daemon.fault("stop_process", seconds=0.5)
    eventually(lambda: was(os.WCONTINUED))
    assert time.monotonic() - started >= 0.5
    assert started_daemon.result("ping") is True

    # Until the test continues it; the stop may come before the answer.
    with contextlib.suppress(TimeoutError):
        path, body = "/faults/stop_process", '{"on": true}'
        ask(started_daemon.control_port, "PUT", path, body, {}, 2)
    eventually(lambda: was(os.WSTOPPED))
    with pytest.raises(TimeoutError):
        started_daemon.call("ping", within=0.3)
    started_daemon.signal(signal.SIGCONT)
    assert started_daemon.result("ping") is True


def test_die_leaves_the_lock_and_a_failure_status(
    started_daemon: Daemon,
) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        started_daemon.fault("die")  # the answer may be cut off by the death
    assert started_daemon.wait_for_exit() == 1
    assert (started_daemon.data_dir / "daemon").exists()


def test_start_faults_hold_until_they_are_taken_back(daemon: Daemon) -> None:
    assert daemon.start().fault_command("death_at_start", "on", "0.2").returncode == 0
    daemon.kill()
    assert daemon.run().wait_for_exit() == 1
    assert daemon.run().wait_for_exit() == 1
    assert daemon.fault_command("death_at_start", "off").returncode == 0
    assert daemon.fault_command("slow_start", "on", "1").returncode == 0
    (daemon.data_dir / "daemon").unlink()
    started = time.monotonic()
    daemon.start()
    assert time.monotonic() - started >= 1


def test_a_boot_fails_until_a_moment_and_is_then_fine(daemon: Daemon) -> None:
    daemon.start()
    daemon.fault("failing_boot", seconds=600)
    assert daemon.result("ping") is True
    daemon.kill()
    (daemon.data_dir / "daemon").unlink()
    assert daemon.run().wait_for_exit() == 1
    age_failing_boot(daemon, 300)
    assert daemon.run().wait_for_exit() == 1
    age_failing_boot(daemon, 300)
    daemon.start()
    assert daemon.control("GET", "/faults")["failing_boot"]["on"] is False


def age_failing_boot(daemon: Daemon, seconds: float) -> None:
    """As if it had been switched on that much earlier."""
    file = daemon.data_dir / "faults.json"
    faults = json.loads(file.read_text())
    faults["failing_boot"]["switched_at"] -= seconds
    file.write_text(json.dumps(faults))


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
    started_daemon: Daemon,
) -> None:
    started_daemon.fault("wrong_port")
    assert started_daemon.result("ping") is True
    started_daemon.kill()
    (started_daemon.data_dir / "daemon").unlink()
    started_daemon.run()
    eventually((started_daemon.data_dir / "daemon").exists)
    eventually(lambda: (started_daemon.data_dir / "daemon").read_text() != "")
    assert started_daemon.process is not None
    assert started_daemon.process.poll() is None
    assert not started_daemon.listens()
    started_daemon.fault("wrong_port", on=False)
    started_daemon.restart()
    assert started_daemon.result("ping") is True


NEEDS_NETWORK = [
    *("getinfo", "load_wallet", "close_wallet", "list_wallets", "getfeerate", "stop")
]


def test_offline_refuses_what_needs_the_network_and_loads_by_the_daemon_call(
    started_daemon: Daemon,
) -> None:
    started_daemon.fault("offline")
    started_daemon.restart()
    for method in NEEDS_NETWORK:
        error = started_daemon.call(method)["error"]
        assert error["code"] == -32603
        assert "BaseException: Daemon offline" in error["message"]
    assert started_daemon.result("ping") is True
    assert started_daemon.result("version") == "4.4.5"
    assert started_daemon.subcommand("status") == "Daemon offline"
    assert started_daemon.subcommand("load_wallet") is True
    assert "confirmed" in started_daemon.result("getbalance")
    assert started_daemon.subcommand("stop") == "Daemon stopped"
    assert started_daemon.wait_for_exit() == 0


@pytest.mark.parametrize("method", NEEDS_NETWORK)
def test_offline_the_newest_library_dies_of_what_needs_the_network(
    daemon: Daemon, newest_library: Path, method: str
) -> None:
    daemon.start(PYTHONPATH=str(newest_library))
    daemon.fault("offline")
    assert daemon.result("ping") is True
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        daemon.call(method)
    assert daemon.wait_for_exit() == 0


def test_fault_command_refuses_unknown_faults_and_an_absent_daemon(
    daemon: Daemon,
) -> None:
    assert "upstream_lost" in daemon.fault_command("--help").stdout
    assert daemon.fault_command("nosuch").returncode == 2
    refused = daemon.fault_command("http_500", "on")
    assert (refused.returncode, "does not run" in refused.stderr) == (1, True)


def test_fault_command_lists_the_state_of_faults(daemon: Daemon) -> None:
    assert daemon.fault_command().returncode == 1
    daemon.start()
    assert daemon.fault_command("http_500").stdout == "http_500 is on\n"
    listed = daemon.fault_command().stdout.splitlines()
    assert "http_500        on" in listed
    assert "bad_body        off" in listed
    assert daemon.fault_command("http_500", "off").stdout == "http_500 is off\n"
    assert " on" not in daemon.fault_command().stdout


# What was observed


def test_calls_tell_order_and_whether_a_wallet_was_loaded(
    started_daemon: Daemon,
) -> None:
    for method in ("ping", "getinfo", "load_wallet", "getbalance"):
        started_daemon.call(method)
    calls = started_daemon.control("GET", "/calls")["calls"]
    assert [(call["method"], call["wallet_loaded"]) for call in calls] == [
        ("ping", False),
        ("getinfo", False),
        ("load_wallet", False),
        ("getbalance", True),
    ]
    assert {call["client"] for call in calls} == {"127.0.0.1"}


def test_connections_tell_how_long_and_who_waited(
    started_daemon: Daemon,
) -> None:
    observed_connections(started_daemon, 1)  # the fixture's own
    started_daemon.control("DELETE", "/calls")
    started_daemon.result("ping")
    assert observed_connections(started_daemon, 1)["max_simultaneous_connections"] == 1
    seconds = []
    for _ in range(2):
        started_daemon.control("DELETE", "/calls")
        address = ("127.0.0.1", started_daemon.rpc_port)
        silent = socket.create_connection(address, DEADLINE)
        with silent, pytest.raises(TimeoutError):
            started_daemon.call("ping", within=0.4)
        observed = observed_connections(started_daemon, 2)
        assert observed["max_simultaneous_connections"] == 2
        assert observed["connections"][0]["waiting"] == 1
        seconds.append(observed["connections"][0]["seconds"])
    # It is accepted a moment after it was made, or late by a stalled daemon.
    assert max(seconds) >= 0.2


def observed_connections(daemon: Daemon, number: int) -> Json:
    """Connections, once ``number`` of them are recorded, each just after its end."""
    eventually(lambda: len(daemon.control("GET", "/calls")["connections"]) == number)
    return daemon.control("GET", "/calls")
