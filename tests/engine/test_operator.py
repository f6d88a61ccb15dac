"""An operator's actions are respected; other exits are repaired."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.engine.harness import (
    NOTHING,
    SERVICE,
    WALLET,
    Shape,
    Stack,
    WalletBox,
    config,
    service_target,
    wallet_config,
    wallet_target,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

PATIENT = {"hang_after": "60s"}
"""No daemon hangs here: one that a busy machine keeps silent is left alone."""
SLOW = {"stop_timeout": "60s", "recovery_timeout": "90s", "window": "10m"}

AWAY_S = 10.0
"""Duration of an operator's work: ten times that of a start by the sidecar."""


def healthy_wallet(
    stack: Stack, shape: Shape = "init", restart: Mapping[str, object] = NOTHING
) -> WalletBox:
    """A wallet daemon that the sidecar found and calls healthy."""
    wallet = stack.wallet(shape=shape)
    stack.sidecar(wallet_config(PATIENT, restart=restart))
    stack.wait_healthy(WALLET)
    return wallet


def wait_respected(stack: Stack, cause: str) -> None:
    """The status names an operator, and the sidecar does nothing for AWAY_S."""
    stack.wait_for(
        f"stopped, {cause}",
        lambda: (
            (stack.watcher.state(WALLET), stack.watcher.cause(WALLET))
            == ("stopped", cause)
        ),
    )
    time.sleep(AWAY_S)
    assert stack.watcher.state(WALLET) == "stopped"
    assert "an operator" in stack.watcher.target(WALLET)["reason"]
    assert stack.engine_calls() == []


def wait_signals(stack: Stack, wallet: WalletBox, count: int) -> None:
    """Wait until the engine has sent so many signals to the container."""
    stack.wait_for(
        f"signal {count}", lambda: stack.engine_actions(wallet).count("kill") >= count
    )


def count_messages(stack: Stack, text: str) -> int:
    """Number of the sidecar's records on the daemon with this text."""
    return sum(text in record.message for record in stack.watcher.records(WALLET))


def count_actions(stack: Stack, wallet: WalletBox) -> Counter[str]:
    """Number of each engine action on the container, without signals."""
    return Counter(a for a in stack.engine_actions(wallet) if a != "kill")


def wait_watched_again(stack: Stack, wallet: WalletBox) -> None:
    """The daemon is healthy, and a death by itself is followed by a start again."""
    stack.wait_healthy(WALLET)
    assert wallet.wallets()
    wallet.end_daemon()
    stack.wait_outcome(WALLET, "start")
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == ["start electron-cash"]


def test_operator_stop_is_respected_until_start(stack: Stack) -> None:
    wallet = healthy_wallet(stack)
    wallet.docker.stop(timeout=3)
    wait_respected(stack, "stopped")
    wallet.docker.start()
    wait_watched_again(stack, wallet)
    assert count_actions(stack, wallet) == Counter(start=3, die=2, stop=1)


def test_slow_operator_stop_is_not_interrupted(stack: Stack) -> None:
    wallet = healthy_wallet(stack, "pid1")
    with ThreadPoolExecutor() as executor:
        # The daemon ignores the signal and fails until it is killed.
        stop_result = executor.submit(wallet.docker.stop, timeout=60)
        wait_signals(stack, wallet, 1)
        wallet.set_fault("http_500")
        stack.wait_for(
            "the restart is held",
            lambda: any(
                decision.fields["guard"] == "stopping"
                for decision in stack.watcher.decisions(WALLET, "hold")
            ),
        )
        assert wallet.status == "running"
        wallet.signal_daemon(signal.SIGKILL)
        stop_result.result()
    wait_respected(stack, "stopped")
    assert stack.watcher.status_view()["incidents"] == []


def test_operator_kill_is_respected_until_start(stack: Stack) -> None:
    wallet = healthy_wallet(stack)
    wallet.docker.kill()
    wait_respected(stack, "stopped")
    wallet.docker.start()
    wait_watched_again(stack, wallet)
    assert count_actions(stack, wallet) == Counter(start=3, die=2)


def test_operator_pause_is_respected_until_unpause(stack: Stack) -> None:
    wallet = healthy_wallet(stack)
    wallet.pause()
    wait_respected(stack, "paused")
    wallet.docker.unpause()
    wait_watched_again(stack, wallet)
    assert count_actions(stack, wallet) == Counter(start=2, die=1, pause=1, unpause=1)


def test_operator_stop_during_failures_is_respected(stack: Stack) -> None:
    wallet = healthy_wallet(stack, "wrapper")
    wallet.set_fault("silent_client", 60)
    stack.wait_state(WALLET, "failing")
    wallet.docker.stop(timeout=3)
    wait_respected(stack, "stopped")
    wallet.docker.start()
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == []
    assert count_actions(stack, wallet) == Counter(start=2, die=1, stop=1)


def test_operator_stop_before_sidecar_start_is_respected(stack: Stack) -> None:
    wallet = stack.wallet(shape="init")
    stack.wait_for("the daemon answers", lambda: wallet.rpc("ping"))
    wallet.docker.stop(timeout=3)
    stack.sidecar(wallet_config(PATIENT))
    wait_respected(stack, "stopped")
    wallet.docker.start()
    wait_watched_again(stack, wallet)


def test_death_before_sidecar_start_is_followed_by_start(stack: Stack) -> None:
    wallet = stack.wallet(shape="init")
    wallet.end_daemon()
    stack.wait_for("it died", lambda: wallet.status == "exited")
    stack.sidecar(wallet_config(PATIENT))
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == ["start electron-cash"]
    assert count_actions(stack, wallet) == Counter(start=2, die=1)


def test_operator_restart_causes_no_action(stack: Stack) -> None:
    wallet = healthy_wallet(stack)
    wallet.docker.restart(timeout=3)
    stack.wait_for("the new daemon's wallet is loaded", wallet.wallets)
    wait_watched_again(stack, wallet)
    assert count_actions(stack, wallet) == Counter(start=3, die=2, stop=1, restart=1)


def test_stopped_dependent_leaves_its_root_alone(stack: Stack) -> None:
    wallet, service = stack.wallet(), stack.service()
    stack.sidecar(config({WALLET: wallet_target(PATIENT), SERVICE: service_target()}))
    stack.wait_healthy(WALLET, SERVICE)
    service.docker.stop(timeout=3)
    stack.wait_state(SERVICE, "stopped")
    time.sleep(AWAY_S)
    assert stack.watcher.states() == {WALLET: "healthy", SERVICE: "stopped"}
    service.docker.start()
    stack.wait_healthy(WALLET, SERVICE)
    assert stack.engine_calls() == []
    assert count_actions(stack, wallet) == Counter(start=1)


@pytest.mark.parametrize("shape", ["init", "wrapper"])
def test_requested_restart_keeps_new_addresses(stack: Stack, shape: Shape) -> None:
    wallet = healthy_wallet(stack, shape)
    # Without an upstream new addresses are in memory alone: a signal loses them.
    wallet.set_fault("upstream_lost")
    stack.wait_state(WALLET, "down")
    address = wallet.rpc("createnewaddress")
    answer = stack.watcher.order("restart", WALLET)
    assert answer.ok, answer.text
    stack.wait_for(
        "the new daemon's wallet is loaded",
        lambda: "getbalance" not in wallet.methods() and wallet.wallets(),
    )
    assert address in wallet.addresses()
    wallet.clear_fault("upstream_lost")
    stack.wait_healthy(WALLET)
    verb = "start" if shape == "init" else "restart"
    assert stack.engine_calls() == [f"{verb} electron-cash"]


def begin_slow_restart(stack: Stack) -> WalletBox:
    """A wallet daemon whose restart by the sidecar has begun; it ignores the signal."""
    wallet = healthy_wallet(stack, "pid1", SLOW)
    wallet.set_fault("http_500")
    wait_signals(stack, wallet, 1)
    return wallet


def act_meanwhile(stack: Stack, wallet: WalletBox, act: Callable[..., object]) -> None:
    """An operator's stop or restart while ours waits; then the daemon ends."""
    with ThreadPoolExecutor() as executor:
        acting = executor.submit(act, timeout=60)
        wait_signals(stack, wallet, 2)
        wallet.signal_daemon(signal.SIGKILL)
        acting.result()


def test_operator_stop_during_our_restart_is_repeated_and_reported(
    stack: Stack,
) -> None:
    wallet = begin_slow_restart(stack)
    act_meanwhile(stack, wallet, wallet.docker.stop)
    # The new daemon ignores the repeated stop, too.
    wait_signals(stack, wallet, 3)
    wallet.signal_daemon(signal.SIGKILL)
    stack.wait_state(WALLET, "stopped")
    time.sleep(AWAY_S)
    assert stack.watcher.state(WALLET) == "stopped"
    assert wallet.status == "exited"
    assert stack.engine_calls()[-1] == f"stop {WALLET}"
    assert [a for a in stack.engine_calls() if not a.startswith("stop")] == [
        f"restart {WALLET}"
    ]
    assert count_messages(stack, "an operator stopped it while it was being") == 1


def test_operator_restart_during_our_restart_is_not_undone(stack: Stack) -> None:
    wallet = begin_slow_restart(stack)
    act_meanwhile(stack, wallet, wallet.docker.restart)
    stack.wait_healthy(WALLET)
    time.sleep(AWAY_S)
    assert stack.watcher.state(WALLET) == "healthy"
    assert f"stop {WALLET}" not in stack.engine_calls()


def test_removal_during_our_restart_is_explained_and_no_failure(
    stack: Stack,
) -> None:
    """As in a redeploy that is quicker than our restart."""
    wallet = begin_slow_restart(stack)
    wallet.docker.remove(force=True)
    stack.wait_state(WALLET, "missing")
    explanation = (
        "acted: the container was replaced or removed meanwhile; nothing was sent"
    )
    stack.wait_for("an explanation", lambda: count_messages(stack, explanation))
    # A new container, as compose makes it, is picked up.
    stack.wallet(shape="pid1")
    stack.wait_healthy(WALLET)
    assert count_messages(stack, explanation) == 1
    assert ("restart", "failed") not in stack.watcher.outcomes(WALLET)


def test_redeploy_interrupted_by_our_restart_is_explained(stack: Stack) -> None:
    """compose makes the new container first; it cannot remove one that runs."""
    wallet = begin_slow_restart(stack)
    attrs = wallet.docker.attrs
    labels = attrs["Config"]["Labels"]
    created = stack.client.api.create_container(
        "sidecar-demo-wallet:local", name=f"abc_{wallet.name}", labels=labels
    )
    act_meanwhile(stack, wallet, wallet.docker.stop)
    stack.wait_healthy(WALLET)
    assert created["Id"]
    stack.wait_state(WALLET, "degraded", deadline_s=100.0)
    target = stack.watcher.target(WALLET)
    assert f"abc_{wallet.name} was created and never started" in target["reason"]
    assert f"stop {WALLET}" not in stack.engine_calls()
    page = stack.wait_decision(WALLET, "page")
    assert "docker compose up -d" in page.message
    stack.client.api.remove_container(created["Id"])
    stack.wait_healthy(WALLET)
