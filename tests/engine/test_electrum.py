"""The real Electrum daemon: a relative of the wallet daemon, with its own habits."""

import os
import signal
from pathlib import Path
from typing import Literal

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    RPC_PASSWORD,
    RPC_USER,
    WALLET,
    Box,
    Json,
    SidecarBox,
    Stack,
    config,
    wallet_target,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

UPSTREAM = "upstream"
SERVER = Path(__file__).with_name("electrum_server.py")
SETTINGS = {
    "start_period": "5s",
    "interval": "1s",
    "fast_interval": "300ms",
    "timeout": "3s",
}
RESTART = {
    "stop_timeout": "4s",
    "dead_stop_timeout": "1s",
    "recovery_timeout": "90s",
    "window": "10m",
}


def upstream(stack: Stack) -> Box:
    """The server that the daemon synchronises with."""
    source = SERVER.read_text()
    return Box(
        stack.container(
            "sidecar-base:local", UPSTREAM, command=["python3", "-c", source], init=True
        )
    )


def electrum(stack: Stack, shape: Literal["pid1", "wrapper"] = "pid1") -> Box:
    """The daemon, once it answers: on a busy machine its first start takes long."""
    settings = {
        "SHAPE": shape,
        "RPC_PASSWORD": RPC_PASSWORD,
        "UPSTREAM": f"{UPSTREAM}:50001:t",
    }
    daemon = Box(stack.container("sidecar-test-electrum:local", WALLET, env=settings))
    stack.wait_for("the daemon answers", lambda: rpc(daemon, "version"), 90.0)
    return daemon


def electrum_config(**probe: object) -> Json:
    target = wallet_target(probe, restart=RESTART)
    return config({WALLET: target}, defaults=SETTINGS)


def whole(
    stack: Stack, shape: Literal["pid1", "wrapper"] = "pid1"
) -> tuple[Box, Box, SidecarBox]:
    """Server, daemon and sidecar, healthy: the wallet was loaded and is in step."""
    server, daemon = upstream(stack), electrum(stack, shape)
    watcher = stack.sidecar(electrum_config())
    stack.wait_healthy(WALLET, deadline_s=2 * DEADLINE_S)
    return server, daemon, watcher


def rpc(daemon: Box, method: str) -> object:
    body = {"id": 1, "method": method, "params": []}
    answer = daemon.ask("POST", 7777, "/", body, auth=(RPC_USER, RPC_PASSWORD))
    return answer.json()["result"]


def process(daemon: Box) -> int:
    """The daemon's process as this host sees it."""
    rows = daemon.docker.top(ps_args="-eo pid,args")["Processes"]
    return int(next(r for r in rows if "electrum --regtest" in r[1])[0])


def gauge(watcher: SidecarBox, name: str) -> float:
    line = next(x for x in watcher.metrics().splitlines() if x.startswith(f"{name}{{"))
    return float(line.rsplit(" ", 1)[1])


def test_healthy_once_its_wallet_is_loaded_and_left_alone_without_a_server(
    stack: Stack,
) -> None:
    server, daemon, watcher = whole(stack)
    started = daemon.started_at

    # Electrum starts without a wallet, and getinfo does not speak of wallets.
    stack.wait_for(
        "the load is told",
        lambda: watcher.outcomes(WALLET) == [("load_wallet", "recovered")],
    )
    assert rpc(daemon, "list_wallets")
    for name in ("connected", "loaded"):
        assert gauge(watcher, f"sidecar_wallet_{name}") == 1.0
    assert gauge(watcher, "sidecar_wallet_server_height") == 12.0

    server.docker.kill()
    seen = stack.wait_state(WALLET, "down", deadline_s=2 * DEADLINE_S)
    assert seen["cause"] == "upstream_lost"
    stack.wait_probes(WALLET, 5)
    assert stack.asked() == []
    held = watcher.target(WALLET)["last_decision"]
    assert held["action"] == "hold"
    assert "a restart does not bring the upstream server back" in held["reason"]

    server.docker.start()
    stack.wait_healthy(WALLET, deadline_s=2 * DEADLINE_S)
    assert stack.asked() == []
    assert daemon.started_at == started


def test_an_asked_restart_in_an_outage_keeps_the_addresses(stack: Stack) -> None:
    server, daemon, watcher = whole(stack)
    server.docker.kill()
    stack.wait_for("the loss is seen", lambda: watcher.cause(WALLET) == "upstream_lost")
    handed_out = [rpc(daemon, "createnewaddress") for _ in range(4)]

    assert watcher.order("restart", WALLET).ok

    stack.wait_for(
        "recovered",
        lambda: ("restart", "recovered") in watcher.outcomes(WALLET),
        2 * DEADLINE_S,
    )
    known = rpc(daemon, "listaddresses")
    assert isinstance(known, list)
    assert set(handed_out) <= set(known)
    assert stack.asked() == [f"start {WALLET}"], "it obeyed its own stop"
    told = watcher.told("/incidents?open=1")["incidents"]
    assert "addresses_lost" not in {incident["cause"] for incident in told}


def test_a_wrong_password_is_told_and_no_restart_follows(stack: Stack) -> None:
    upstream(stack)
    daemon = electrum(stack)
    watcher = stack.sidecar(
        electrum_config(password_file="/run/secrets/other"),
        secrets={"other": "another password"},
    )

    seen = stack.wait_state(WALLET, "down", deadline_s=2 * DEADLINE_S)
    assert seen["cause"] == "auth"
    told = stack.wait_decision(WALLET, "page")
    assert "a restart does not change a password" in told.message
    assert "403" in told.message
    stack.wait_probes(WALLET, 10)
    assert stack.asked() == []
    assert daemon.status == "running"
    assert "another password" not in watcher.log()


def test_a_stopped_process_is_restarted_and_has_its_wallet_again(stack: Stack) -> None:
    _, daemon, watcher = whole(stack)

    os.kill(process(daemon), signal.SIGSTOP)

    stack.wait_for(
        "recovered",
        lambda: ("restart", "recovered") in watcher.outcomes(WALLET),
        2 * DEADLINE_S,
    )
    stack.wait_healthy(WALLET)
    assert stack.runs_asked() == [f"start {WALLET}"], "continued, it obeyed its stop"
    (decided,) = watcher.decisions(WALLET, "restart")
    assert "stopped (state T)" in decided.message
    assert rpc(daemon, "list_wallets")


@pytest.mark.parametrize(
    ("shape", "action"), [("pid1", "start"), ("wrapper", "restart")]
)
def test_a_death_is_answered_and_the_wallet_loaded_again(
    stack: Stack, shape: Literal["pid1", "wrapper"], action: str
) -> None:
    _, daemon, watcher = whole(stack, shape)

    os.kill(process(daemon), signal.SIGKILL)

    stack.wait_for(
        "recovered",
        lambda: (action, "recovered") in watcher.outcomes(WALLET),
        2 * DEADLINE_S,
    )
    stack.wait_healthy(WALLET)
    assert stack.asked() == [f"{action} {WALLET}"]
    assert rpc(daemon, "list_wallets")
