"""An operator's actions are respected; other exits are repaired.

Timings are harness.QUICK.
"""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.engine.harness import (
    SERVICE,
    WALLET,
    Shape,
    Stack,
    WalletBox,
    pair_config,
    wallet_config,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

AWAY_S = 10.0
"""Duration of an operator's work: ten times that of a start by the sidecar."""


def healthy_wallet(stack: Stack, shape: Shape = "init") -> WalletBox:
    """A wallet daemon that the sidecar found and calls healthy."""
    wallet = stack.wallet(shape=shape)
    stack.sidecar(wallet_config())
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


def count_actions(stack: Stack, wallet: WalletBox) -> Counter[str]:
    """Number of each engine action on the container, without signals."""
    return Counter(a for a in stack.engine_actions(wallet) if a != "kill")


def wait_watched_again(stack: Stack, wallet: WalletBox) -> None:
    """The daemon is healthy, and a death by itself is followed by a start again."""
    stack.wait_healthy(WALLET)
    assert wallet.wallets()
    wallet.set_fault("die")
    stack.wait_for(
        "its own death is followed by a start",
        lambda: ("start", "recovered") in stack.watcher.outcomes(WALLET),
    )
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
        # The daemon ignores the signal and fails until the engine kills it.
        stop_result = executor.submit(wallet.docker.stop, timeout=8)
        stack.wait_for("the signal", lambda: "kill" in stack.engine_actions(wallet))
        wallet.set_fault("http_500")
        stack.wait_for(
            "the restart is held",
            lambda: any(
                decision.fields["guard"] == "stopping"
                for decision in stack.watcher.decisions(WALLET, "hold")
            ),
        )
        assert wallet.status == "running"
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
    wallet.docker.pause()
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
    stack.sidecar(wallet_config())
    wait_respected(stack, "stopped")
    wallet.docker.start()
    wait_watched_again(stack, wallet)


def test_death_before_sidecar_start_is_followed_by_start(stack: Stack) -> None:
    wallet = stack.wallet(shape="init")
    wallet.set_fault("die")
    stack.wait_for("it died", lambda: wallet.status == "exited")
    stack.sidecar(wallet_config())
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
    stack.sidecar(pair_config())
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
    """A wallet daemon whose restart by the sidecar takes 4 s and has begun."""
    wallet = healthy_wallet(stack, "pid1")
    wallet.set_fault("http_500")
    stack.wait_for("our restart", lambda: "kill" in stack.engine_actions(wallet))
    return wallet


def test_operator_stop_during_our_restart_is_repeated_and_reported(
    stack: Stack,
) -> None:
    wallet = begin_slow_restart(stack)
    wallet.docker.stop(timeout=8)
    stack.wait_state(WALLET, "stopped")
    time.sleep(AWAY_S)
    assert stack.watcher.state(WALLET) == "stopped"
    assert wallet.status == "exited"
    assert stack.engine_calls()[-1] == f"stop {WALLET}"
    assert [a for a in stack.engine_calls() if not a.startswith("stop")] == [
        f"restart {WALLET}"
    ]
    messages = [r.message for r in stack.watcher.records(WALLET)]
    assert sum("an operator stopped it while it was being" in m for m in messages) == 1


def test_operator_restart_during_our_restart_is_not_undone(stack: Stack) -> None:
    wallet = begin_slow_restart(stack)
    wallet.docker.restart(timeout=8)
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
    messages = [r.message for r in stack.watcher.records(WALLET)]
    explanation = (
        "acted: the container was replaced or removed meanwhile; nothing was sent"
    )
    assert sum(explanation in message for message in messages) == 1
    assert stack.watcher.outcomes(WALLET)[-1] != ("restart", "failed")
    # A new container, as compose makes it, is picked up.
    stack.wallet(shape="pid1")
    stack.wait_healthy(WALLET)


def test_redeploy_interrupted_by_our_restart_is_explained(stack: Stack) -> None:
    """compose makes the new container first; it cannot remove one that runs."""
    wallet = begin_slow_restart(stack)
    attrs = wallet.docker.attrs
    labels = attrs["Config"]["Labels"]
    created = stack.client.api.create_container(
        "sidecar-demo-wallet:local", name=f"abc_{wallet.name}", labels=labels
    )
    wallet.docker.stop(timeout=8)
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
