"""What an operator does on purpose is respected; what happens by itself is not.

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
"""How long an operator's work takes: ten times what a start of ours would."""


def healthy_wallet(stack: Stack, shape: Shape = "init") -> WalletBox:
    """A wallet daemon that the sidecar found and calls healthy."""
    wallet = stack.wallet(shape=shape)
    stack.sidecar(wallet_config())
    stack.wait_healthy(WALLET)
    return wallet


def wait_respected(stack: Stack, cause: str) -> None:
    """It is said that an operator did this; and nothing is done all the while."""
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
    assert stack.asked() == []


def lives(stack: Stack, wallet: WalletBox) -> Counter[str]:
    """What the engine did to the container, without the signals on the way."""
    return Counter(a for a in stack.happened(wallet) if a != "kill")


def wait_watched_again(stack: Stack, wallet: WalletBox) -> None:
    """It is healthy, and a death of its own is again followed by a start."""
    stack.wait_healthy(WALLET)
    assert wallet.wallets()
    wallet.fault("die")
    stack.wait_for(
        "its own death is followed by a start",
        lambda: ("start", "recovered") in stack.watcher.outcomes(WALLET),
    )
    stack.wait_healthy(WALLET)
    assert stack.asked() == ["start electron-cash"]


def test_stop_is_respected_and_start_picks_it_up(stack: Stack) -> None:
    wallet = healthy_wallet(stack)
    wallet.docker.stop(timeout=3)
    wait_respected(stack, "stopped")
    wallet.docker.start()
    wait_watched_again(stack, wallet)
    assert lives(stack, wallet) == Counter(start=3, die=2, stop=1)


def test_stop_that_takes_long_is_left_to_end(stack: Stack) -> None:
    wallet = healthy_wallet(stack, "pid1")
    with ThreadPoolExecutor() as other:
        # It does not heed the signal, and is useless until the engine kills it.
        stopped = other.submit(wallet.docker.stop, timeout=8)
        stack.wait_for("the signal", lambda: "kill" in stack.happened(wallet))
        wallet.fault("http_500")
        stack.wait_for(
            "the restart is held",
            lambda: any(
                held.fields["guard"] == "stopping"
                for held in stack.watcher.decisions(WALLET, "hold")
            ),
        )
        assert wallet.status == "running"
        stopped.result()
    wait_respected(stack, "stopped")
    assert stack.watcher.status_view()["incidents"] == []


def test_kill_is_respected_and_start_picks_it_up(stack: Stack) -> None:
    wallet = healthy_wallet(stack)
    wallet.docker.kill()
    wait_respected(stack, "stopped")
    wallet.docker.start()
    wait_watched_again(stack, wallet)
    assert lives(stack, wallet) == Counter(start=3, die=2)


def test_pause_is_respected_and_unpause_picks_it_up(stack: Stack) -> None:
    wallet = healthy_wallet(stack)
    wallet.docker.pause()
    wait_respected(stack, "paused")
    wallet.docker.unpause()
    wait_watched_again(stack, wallet)
    assert lives(stack, wallet) == Counter(start=2, die=1, pause=1, unpause=1)


def test_stop_in_the_middle_of_a_streak_is_respected(stack: Stack) -> None:
    wallet = healthy_wallet(stack, "wrapper")
    wallet.fault("silent_client", 60)
    stack.wait_state(WALLET, "failing")
    wallet.docker.stop(timeout=3)
    wait_respected(stack, "stopped")
    wallet.docker.start()
    stack.wait_healthy(WALLET)
    assert stack.asked() == []
    assert lives(stack, wallet) == Counter(start=2, die=1, stop=1)


def test_stop_before_our_own_start_is_respected(stack: Stack) -> None:
    wallet = stack.wallet(shape="init")
    stack.wait_for("the daemon answers", lambda: wallet.rpc("ping"))
    wallet.docker.stop(timeout=3)
    stack.sidecar(wallet_config())
    wait_respected(stack, "stopped")
    wallet.docker.start()
    wait_watched_again(stack, wallet)


def test_death_before_our_own_start_is_mended(stack: Stack) -> None:
    wallet = stack.wallet(shape="init")
    wallet.fault("die")
    stack.wait_for("it died", lambda: wallet.status == "exited")
    stack.sidecar(wallet_config())
    stack.wait_healthy(WALLET)
    assert stack.asked() == ["start electron-cash"]
    assert lives(stack, wallet) == Counter(start=2, die=1)


def test_operators_restart_is_only_watched(stack: Stack) -> None:
    wallet = healthy_wallet(stack)
    wallet.docker.restart(timeout=3)
    stack.wait_for("the new daemon's wallet is loaded", wallet.wallets)
    wait_watched_again(stack, wallet)
    assert lives(stack, wallet) == Counter(start=3, die=2, stop=1, restart=1)


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
    assert stack.asked() == []
    assert lives(stack, wallet) == Counter(start=1)


@pytest.mark.parametrize("shape", ["init", "wrapper"])
def test_restart_that_was_asked_for_keeps_addresses_handed_out(
    stack: Stack, shape: Shape
) -> None:
    wallet = healthy_wallet(stack, shape)
    # Without an upstream new addresses are in memory alone: a signal loses them.
    wallet.fault("upstream_lost")
    stack.wait_state(WALLET, "down")
    address = wallet.rpc("createnewaddress")
    answer = stack.watcher.order("restart", WALLET)
    assert answer.ok, answer.text
    stack.wait_for(
        "the new daemon's wallet is loaded",
        lambda: "getbalance" not in wallet.methods() and wallet.wallets(),
    )
    assert address in wallet.addresses()
    wallet.heal("upstream_lost")
    stack.wait_healthy(WALLET)
    verb = "start" if shape == "init" else "restart"
    assert stack.asked() == [f"{verb} electron-cash"]


def slow_to_stop(stack: Stack) -> WalletBox:
    """A wallet daemon whose restart by us takes 4 s, and is under way."""
    wallet = healthy_wallet(stack, "pid1")
    wallet.fault("http_500")
    stack.wait_for("our restart", lambda: "kill" in stack.happened(wallet))
    return wallet


def test_stop_while_our_restart_runs_is_done_again_and_said(stack: Stack) -> None:
    wallet = slow_to_stop(stack)
    wallet.docker.stop(timeout=8)
    stack.wait_state(WALLET, "stopped")
    time.sleep(AWAY_S)
    assert stack.watcher.state(WALLET) == "stopped"
    assert wallet.status == "exited"
    assert stack.asked()[-1] == f"stop {WALLET}"
    assert [a for a in stack.asked() if not a.startswith("stop")] == [
        f"restart {WALLET}"
    ]
    told = [r.message for r in stack.watcher.records(WALLET)]
    assert sum("an operator stopped it while it was being" in m for m in told) == 1


def test_restart_by_an_operator_while_ours_runs_is_left_to_run(stack: Stack) -> None:
    wallet = slow_to_stop(stack)
    wallet.docker.restart(timeout=8)
    stack.wait_healthy(WALLET)
    time.sleep(AWAY_S)
    assert stack.watcher.state(WALLET) == "healthy"
    assert f"stop {WALLET}" not in stack.asked()


def test_removal_while_our_restart_runs_is_explained_and_no_failure(
    stack: Stack,
) -> None:
    """As in a redeploy that is quicker than our restart."""
    wallet = slow_to_stop(stack)
    wallet.docker.remove(force=True)
    stack.wait_state(WALLET, "missing")
    told = [r.message for r in stack.watcher.records(WALLET)]
    said = "acted: the container was replaced or removed meanwhile; nothing was sent"
    assert sum(said in message for message in told) == 1
    assert stack.watcher.outcomes(WALLET)[-1] != ("restart", "failed")
    # A new container, as compose makes it, is picked up.
    stack.wallet(shape="pid1")
    stack.wait_healthy(WALLET)


def test_redeploy_that_our_restart_cuts_off_is_explained(stack: Stack) -> None:
    """compose makes the new container first; it cannot remove one that runs."""
    wallet = slow_to_stop(stack)
    attrs = wallet.docker.attrs
    labels = attrs["Config"]["Labels"]
    made = stack.client.api.create_container(
        "sidecar-demo-wallet:local", name=f"abc_{wallet.name}", labels=labels
    )
    wallet.docker.stop(timeout=8)
    stack.wait_healthy(WALLET)
    assert made["Id"]
    stack.wait_state(WALLET, "degraded", deadline_s=100.0)
    seen = stack.watcher.target(WALLET)
    assert f"abc_{wallet.name} was created and never started" in seen["reason"]
    assert f"stop {WALLET}" not in stack.asked()
    told = stack.wait_decision(WALLET, "page")
    assert "docker compose up -d" in told.message
    stack.client.api.remove_container(made["Id"])
    stack.wait_healthy(WALLET)
