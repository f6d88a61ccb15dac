"""The real Electrum daemon, which differs from the wallet daemon in some calls."""

import os
import signal
from typing import Literal

import pytest

from tests.engine.electrum_daemon import (
    SETTINGS,
    rpc,
    start_electrum,
    start_upstream,
)
from tests.engine.harness import (
    DEADLINE_S,
    WALLET,
    Box,
    Json,
    SidecarBox,
    Stack,
    config,
    wallet_target,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

RESTART = {
    "stop_timeout": "4s",
    "dead_stop_timeout": "1s",
    "recovery_timeout": "90s",
    "window": "10m",
}


def electrum_config(**probe: object) -> Json:
    target = wallet_target(probe, restart=RESTART)
    return config({WALLET: target}, defaults=SETTINGS)


def start_healthy(
    stack: Stack, shape: Literal["pid1", "wrapper"] = "pid1"
) -> tuple[Box, Box, SidecarBox]:
    """Server, daemon and sidecar, healthy, with a loaded and synchronised wallet."""
    server, daemon = start_upstream(stack), start_electrum(stack, shape)
    watcher = stack.sidecar(electrum_config())
    stack.wait_healthy(WALLET, deadline_s=2 * DEADLINE_S)
    return server, daemon, watcher


def daemon_pid(daemon: Box) -> int:
    """The daemon's process as this host sees it."""
    rows = daemon.docker.top(ps_args="-eo pid,args")["Processes"]
    return int(next(r for r in rows if "electrum --regtest" in r[1])[0])


def read_gauge(watcher: SidecarBox, name: str) -> float:
    line = next(x for x in watcher.metrics().splitlines() if x.startswith(f"{name}{{"))
    return float(line.rsplit(" ", 1)[1])


def test_electrum_is_healthy_with_loaded_wallet_and_left_alone_in_outage(
    stack: Stack,
) -> None:
    server, daemon, watcher = start_healthy(stack)
    started = daemon.started_at

    # Electrum starts without a wallet, and getinfo does not speak of wallets.
    stack.wait_for(
        "the load is told",
        lambda: watcher.outcomes(WALLET) == [("load_wallet", "recovered")],
    )
    assert rpc(daemon, "list_wallets")
    for name in ("connected", "loaded"):
        assert read_gauge(watcher, f"sidecar_wallet_{name}") == 1.0
    assert read_gauge(watcher, "sidecar_wallet_server_height") == 12.0

    server.docker.kill()
    target = stack.wait_state(WALLET, "down", deadline_s=2 * DEADLINE_S)
    assert target["cause"] == "upstream_lost"
    stack.wait_probes(WALLET, 5)
    assert stack.engine_calls() == []
    last_decision = watcher.target(WALLET)["last_decision"]
    assert last_decision["action"] == "hold"
    assert (
        "a restart does not bring the upstream server back" in last_decision["reason"]
    )

    server.docker.start()
    stack.wait_healthy(WALLET, deadline_s=2 * DEADLINE_S)
    assert stack.engine_calls() == []
    assert daemon.started_at == started


def test_requested_restart_in_outage_keeps_addresses(stack: Stack) -> None:
    server, daemon, watcher = start_healthy(stack)
    server.docker.kill()
    stack.wait_for("the loss is seen", lambda: watcher.cause(WALLET) == "upstream_lost")
    handed_out = [rpc(daemon, "createnewaddress") for _ in range(4)]

    assert watcher.order("restart", WALLET).ok

    stack.wait_outcome(WALLET, "restart", deadline_s=2 * DEADLINE_S)
    known_addresses = rpc(daemon, "listaddresses")
    assert isinstance(known_addresses, list)
    assert set(handed_out) <= set(known_addresses)
    assert stack.engine_calls() == [f"start {WALLET}"], "it obeyed its own stop"
    open_incidents = watcher.get_api("/incidents?open=1")["incidents"]
    assert "addresses_lost" not in {incident["cause"] for incident in open_incidents}


def test_wrong_password_is_paged_and_causes_no_restart(stack: Stack) -> None:
    start_upstream(stack)
    daemon = start_electrum(stack)
    watcher = stack.sidecar(
        electrum_config(password_file="/run/secrets/other"),
        secrets={"other": "another password"},
    )

    target = stack.wait_state(WALLET, "down", deadline_s=2 * DEADLINE_S)
    assert target["cause"] == "auth"
    page = stack.wait_decision(WALLET, "page")
    assert "a restart does not change a password" in page.message
    assert "403" in page.message
    stack.wait_probes(WALLET, 10)
    assert stack.engine_calls() == []
    assert daemon.status == "running"
    assert "another password" not in watcher.log()


def test_stopped_process_is_restarted_with_its_wallet(stack: Stack) -> None:
    _, daemon, watcher = start_healthy(stack)

    os.kill(daemon_pid(daemon), signal.SIGSTOP)

    stack.wait_outcome(WALLET, "restart", deadline_s=2 * DEADLINE_S)
    stack.wait_healthy(WALLET)
    assert stack.lifecycle_calls() == [f"start {WALLET}"], (
        "continued, it obeyed its stop"
    )
    (decided,) = watcher.decisions(WALLET, "restart")
    assert "stopped (state T)" in decided.message
    assert rpc(daemon, "list_wallets")


@pytest.mark.parametrize(
    ("shape", "action"), [("pid1", "start"), ("wrapper", "restart")]
)
def test_killed_daemon_is_restarted_with_its_wallet(
    stack: Stack, shape: Literal["pid1", "wrapper"], action: str
) -> None:
    _, daemon, _watcher = start_healthy(stack, shape)

    os.kill(daemon_pid(daemon), signal.SIGKILL)

    stack.wait_outcome(WALLET, action, deadline_s=2 * DEADLINE_S)
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == [f"{action} {WALLET}"]
    assert rpc(daemon, "list_wallets")
