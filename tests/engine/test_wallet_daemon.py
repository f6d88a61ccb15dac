"""Faults of the wallet daemon: those that a restart repairs, and the others.

Timings are harness.QUICK unless a test says otherwise.
"""

import re
import time
from collections import Counter
from collections.abc import Mapping
from statistics import median

import pytest
import requests

from tests.engine.harness import (
    DEADLINE_S,
    DEFAULT_WALLET,
    NOTHING,
    QUICK,
    RPC_PASSWORD,
    RPC_USER,
    WALLET,
    Shape,
    SidecarBox,
    Stack,
    WalletBox,
    config,
    wallet_config,
    wallet_target,
)
from tests.support.timestamps import unix_time

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

ONE_RESTART = Counter(start=2, stop=1, die=1, restart=1)
READ_ONLY_WITHOUT_WALLET = {"ping", "getinfo"}


def healthy_stack(
    stack: Stack, shape: Shape = "wrapper", probe: Mapping[str, object] = NOTHING
) -> WalletBox:
    """A wallet daemon that the sidecar found and calls healthy."""
    wallet = stack.wallet(shape=shape)
    stack.sidecar(wallet_config(probe))
    stack.wait_healthy(WALLET)
    return wallet


def count_actions(stack: Stack, wallet: WalletBox) -> Counter[str]:
    """Number of each engine action on the container, without signals."""
    return Counter(a for a in stack.engine_actions(wallet) if a != "kill")


def wait_cured(stack: Stack, wallet: WalletBox, action: str) -> None:
    """Wait for the one remedy to end well, with the wallet loaded and healthy."""
    stack.wait_outcome(WALLET, action)
    stack.wait_healthy(WALLET)
    assert wallet.wallets(), "the wallet is not loaded"
    # Nothing follows once it is healthy.
    stack.wait_probes(WALLET, 3)
    assert stack.watcher.outcomes(WALLET)[-1] == (action, "recovered")


def seconds_from(sidecar: SidecarBox, cause: str, action: str) -> float:
    """Seconds from the beginning of the first probe with this cause to the decision.

    The log has later times than the history: a step is logged once it is stored.
    """
    first = next(p for p in sidecar.probes(WALLET) if p.fields.get("cause") == cause)
    took = re.search(r" in (\S+) s ", first.message)
    assert took is not None, first.message
    entries = sidecar.get_api(f"/history?target={WALLET}")["entries"]
    failed = next(e for e in entries if "to" in e and e.get("cause") == cause)
    decided = next(e for e in entries if e.get("action") == action)
    return unix_time(decided["at"]) - unix_time(failed["at"]) + float(took[1])


# --- a restart helps


def test_dead_daemon_in_a_running_container_is_restarted_once(stack: Stack) -> None:
    wallet = healthy_stack(stack)
    wallet.end_daemon()
    wait_cured(stack, wallet, "restart")
    assert stack.engine_calls() == ["restart electron-cash"]
    assert count_actions(stack, wallet) == ONE_RESTART


def test_exited_container_is_started_once(stack: Stack) -> None:
    wallet = healthy_stack(stack, "init")
    wallet.end_daemon()
    wait_cured(stack, wallet, "start")
    assert stack.engine_calls() == ["start electron-cash"]
    assert count_actions(stack, wallet) == Counter(start=2, die=1)


def test_exit_with_status_0_is_not_taken_for_an_operators_stop(stack: Stack) -> None:
    wallet = stack.wallet(shape="init", library="newest")
    wallet.set_fault("wallet_missing")
    many_restarts = {"budget": 20, "backoff_max": "2s", "window": "30m"}
    stack.sidecar(wallet_config(restart=many_restarts))
    stack.wait_for("loading fails", lambda: "load_wallet" in wallet.methods())
    # Another client's wallet call ends this version of the daemon, politely.
    with pytest.raises(requests.ConnectionError):
        wallet.rpc("getbalance")
    start = stack.wait_decision(WALLET, "start")
    assert "exited by itself (exit 0)" in start.message
    stack.wait_for("it runs again", lambda: stack.starts(wallet) == 2)
    wallet.clear_fault("wallet_missing")
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == ["start electron-cash"]
    assert count_actions(stack, wallet) == Counter(start=2, die=1)


@pytest.mark.parametrize("shape", ["wrapper", "init"])
def test_stopped_process_is_restarted_after_one_timeout(
    stack: Stack, shape: Shape
) -> None:
    wallet = healthy_stack(stack, shape, {"hang_after": "30s"})
    wallet.set_fault("stop_process")
    wait_cured(stack, wallet, "restart")
    # Continued, it obeys its own stop; a wrapper goes on without it.
    verb = "restart" if shape == "wrapper" else "start"
    assert stack.lifecycle_calls() == [f"{verb} electron-cash"]
    obeyed = Counter(start=2, die=1)
    expected = ONE_RESTART if shape == "wrapper" else obeyed
    assert count_actions(stack, wallet) == expected
    # Not after hang_after.
    assert seconds_from(stack.watcher, "hung", "restart") < 25.0


@pytest.mark.parametrize(
    ("fault", "cause"), [("http_500", "http_5xx"), ("bad_body", "bad_body")]
)
def test_invalid_answers_are_followed_by_one_restart(
    stack: Stack, fault: str, cause: str
) -> None:
    wallet = healthy_stack(stack)
    wallet.set_fault(fault)
    wait_cured(stack, wallet, "restart")
    assert stack.engine_calls() == ["restart electron-cash"]
    assert count_actions(stack, wallet) == ONE_RESTART
    restart = stack.watcher.decisions(WALLET, "restart")[0]
    assert restart.fields["cause"] == cause


def test_configured_restart_on_upstream_loss_keeps_addresses(stack: Stack) -> None:
    wanted = {"restart_on_upstream_loss": True, "upstream_grace": "3s"}
    wallet = healthy_stack(stack, "init", wanted)
    wallet.set_fault("upstream_lost")
    # Without an upstream it is in memory alone: only the daemon's own stop saves it.
    address = wallet.rpc("createnewaddress")
    stack.wait_for("it was started again", lambda: stack.starts(wallet) == 2)
    wallet.clear_fault("upstream_lost")
    stack.wait_healthy(WALLET)
    assert address in wallet.addresses()
    assert stack.engine_calls() == ["start electron-cash"]
    assert count_actions(stack, wallet) == Counter(start=2, die=1)


# --- silence that is no hang


# The failure threshold is reached, so that only hang_after prevents a restart.
MANY_TIMEOUTS = {"timeout": "2s", "hang_after": "45s"}


def test_network_call_of_30_s_causes_no_restart(stack: Stack) -> None:
    wallet = stack.wallet()
    stack.sidecar(
        config(
            {WALLET: wallet_target(MANY_TIMEOUTS)},
            defaults={**QUICK, "fast_interval": "500ms"},
        )
    )
    stack.wait_healthy(WALLET)
    wallet.set_fault("network_call", 30)
    stack.wait_state(WALLET, "failing")
    stack.wait_for("the call ends", lambda: not wallet.has_fault("network_call"), 60)
    stack.wait_healthy(WALLET)
    stack.wait_probes(WALLET, 3)
    connections = wallet.calls()["connections"]
    (call_s,) = (c["seconds"] for c in connections if c["client"] == "127.0.0.1")
    assert call_s > 29.0
    assert stack.engine_calls() == []
    stack.wait_for(
        "the load is told",
        lambda: stack.watcher.outcomes(WALLET) == [("load_wallet", "recovered")],
    )
    hung = [p for p in stack.watcher.probes(WALLET) if p.fields.get("cause") == "hung"]
    assert len(hung) >= 5, "the probes did not notice the held thread"
    assert stack.starts(wallet) == 1


def test_silent_client_causes_no_restart_and_probes_close_connections(
    stack: Stack,
) -> None:
    wallet = stack.wallet()
    sidecar = stack.sidecar(
        config(
            {WALLET: wallet_target(MANY_TIMEOUTS)},
            defaults={**QUICK, "interval": "300ms"},
        )
    )
    stack.wait_healthy(WALLET)
    stack.wait_probes(WALLET, 10)
    assert wallet.calls()["max_simultaneous_connections"] == 1
    wallet.set_fault("silent_client", 20)
    stack.wait_state(WALLET, "failing")
    stack.wait_for(
        "the client leaves", lambda: not wallet.has_fault("silent_client"), 60
    )
    stack.wait_healthy(WALLET)
    stack.wait_probes(WALLET, 3)
    hung = [p for p in sidecar.probes(WALLET) if p.fields.get("cause") == "hung"]
    assert len(hung) >= 5, "the probes did not notice the silent client"
    assert stack.engine_calls() == []
    assert stack.starts(wallet) == 1
    connections = wallet.calls()["connections"]
    (silent_s,) = (c["seconds"] for c in connections if c["client"] == "127.0.0.1")
    assert silent_s > 10.0
    ours = [c["seconds"] for c in connections if c["client"] == sidecar.ip]
    assert len(ours) > 10
    # A probe that leaves its connection open holds the daemon for as long.
    assert (median(ours) < 1.0, max(ours) < 15.0) == (True, True), ours


# --- a restart does not help, or harms


def test_wallet_is_loaded_after_start_before_any_wallet_call(
    stack: Stack,
) -> None:
    wallet = stack.wallet(library="newest", shape="init")
    stack.sidecar(wallet_config())
    stack.wait_healthy(WALLET)
    wallet.docker.restart(timeout=2)
    stack.wait_for("the new daemon's wallet is loaded", wallet.wallets)
    stack.wait_healthy(WALLET)
    stack.wait_probes(WALLET, 3)
    calls = wallet.calls()["calls"]
    early = [call["method"] for call in calls if not call["wallet_loaded"]]
    assert early[-1] == "load_wallet"
    assert set(early[:-1]) == READ_ONLY_WITHOUT_WALLET
    assert "getbalance" in wallet.methods()
    assert stack.engine_calls() == []
    assert stack.starts(wallet) == 2, "ours and the operator's; none died"


def test_upstream_lost_for_a_minute_is_paged_without_restart(stack: Stack) -> None:
    wallet = healthy_stack(stack, probe={"upstream_grace": "5s"})
    wallet.set_fault("upstream_lost")
    page = stack.wait_decision(WALLET, "page")
    assert page.fields["cause"] == "upstream_lost"
    assert "no restart, because" in page.message
    assert seconds_from(stack.watcher, "upstream_lost", "page") > 4.5
    # The outage itself, twelve times the grace.
    time.sleep(60)
    assert stack.watcher.cause(WALLET) == "upstream_lost"
    wallet.clear_fault("upstream_lost")
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == []
    assert count_actions(stack, wallet) == Counter(start=1)


def test_mute_upstream_is_paged_without_restart(stack: Stack) -> None:
    wallet = healthy_stack(stack, probe={"upstream_grace": "5s"})
    wallet.set_fault("upstream_mute")
    page = stack.wait_decision(WALLET, "page")
    assert page.fields["cause"] == "upstream_lost"
    # `connected` flaps every 10.2 s: two flaps.
    time.sleep(22)
    bad = stack.watcher.probes(WALLET)[-10:]
    assert {p.fields.get("cause") for p in bad} == {"upstream_lost"}
    wallet.clear_fault("upstream_mute")
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == []
    assert stack.starts(wallet) == 1


def test_wrong_password_is_paged_without_restart(stack: Stack) -> None:
    wallet = healthy_stack(stack)
    wallet.set_fault("wrong_password")
    page = stack.wait_decision(WALLET, "page")
    assert page.fields["cause"] == "auth"
    assert "a restart does not change a password" in page.message
    target = stack.watcher.target(WALLET)
    assert (target["state"], target["cause"]) == ("down", "auth")
    assert "401" in target["reason"]
    stack.wait_probes(WALLET, 10)
    wallet.clear_fault("wrong_password")
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == []
    assert stack.starts(wallet) == 1
    assert RPC_PASSWORD not in stack.watcher.log()


def test_missing_wallet_is_loaded_once_it_returns_without_restart(
    stack: Stack,
) -> None:
    wallet = stack.wallet()
    wallet.set_fault("wallet_missing")
    stack.sidecar(wallet_config())
    stack.wait_for(
        "it is tried again", lambda: wallet.methods().count("load_wallet") > 1
    )
    assert set(wallet.methods()) == {*READ_ONLY_WITHOUT_WALLET, "load_wallet"}
    assert stack.watcher.cause(WALLET) == "wallet_not_loaded"
    wallet.clear_fault("wallet_missing")
    stack.wait_for(
        "it is loaded", lambda: wallet.wallets() == [DEFAULT_WALLET], 2 * DEADLINE_S
    )
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == []
    assert stack.starts(wallet) == 1


def test_syncing_wallet_causes_no_restart(stack: Stack) -> None:
    wallet = stack.wallet()
    wallet.set_fault("syncing")
    stack.sidecar(wallet_config())
    stack.wait_for(
        "it is said to be syncing",
        lambda: stack.watcher.cause(WALLET) == "wallet_syncing",
    )
    stack.wait_state(WALLET, "down")
    stack.wait_probes(WALLET, 10)
    wallet.clear_fault("syncing")
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == []
    assert wallet.methods().count("load_wallet") == 1
    assert stack.starts(wallet) == 1


# --- encrypted wallets, by the environment alone

WALLET_PASSWORD = "wallet-password-of-the-test"


def start_sidecar_by_environment(stack: Stack, wallet_password: str) -> None:
    """Start a sidecar without a file, with default settings."""
    stack.sidecar(
        env={
            "ELECTRON_CASH_USER": RPC_USER,
            "ELECTRON_CASH_PASSWORD_FILE": "/run/secrets/electron_cash_password",
            "ELECTRON_CASH_WALLET_PASSWORD": wallet_password,
        }
    )


def test_encrypted_wallet_is_loaded_with_its_password(stack: Stack) -> None:
    wallet = stack.wallet(env={"WALLET_PASSWORD": WALLET_PASSWORD})
    start_sidecar_by_environment(stack, WALLET_PASSWORD)
    stack.wait_healthy(WALLET)
    assert wallet.methods().count("daemon") == 1
    assert wallet.wallets()
    assert stack.engine_calls() == []
    assert WALLET_PASSWORD not in stack.watcher.log()


def test_wrong_wallet_password_is_reported_without_restart(stack: Stack) -> None:
    wallet = stack.wallet(env={"WALLET_PASSWORD": WALLET_PASSWORD})
    start_sidecar_by_environment(stack, "another-password-of-the-test")
    record = stack.wait_for(
        "the refusal is told",
        lambda: [
            r
            for r in stack.watcher.records(WALLET)
            if r.fields.get("result") == "failed"
        ],
    )[0]
    assert "password" in record.message
    stack.wait_probes(WALLET, 3)
    assert not wallet.wallets()
    assert stack.engine_calls() == []
    assert stack.starts(wallet) == 1
    assert "another-password-of-the-test" not in stack.watcher.log()
