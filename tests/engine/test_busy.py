"""A busy daemon is left alone; a hung daemon is detected.

Times are those of tests/engine/outage.py: about a tenth of the defaults.
"""

import itertools
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    SERVICE,
    WALLET,
    Record,
    Shape,
    Stack,
    WalletBox,
    config,
    service_target,
)
from tests.engine.outage import (
    HANG_AFTER_OUTAGE_S,
    HANG_AFTER_S,
    LIBRARIES,
    NETWORK_TIMEOUT_S,
    SHAPES,
    SLOW_S,
    UPSTREAMS,
    Library,
    break_upstream,
    busy_config,
    busy_target,
    busy_wallet,
    count_connections,
    create_addresses,
    find_lost_addresses,
)
from tests.support.timestamps import unix_time

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

PATIENT_STOP_S = 30.0
"""A busy daemon has some calls to answer before it obeys its stop."""

VAIN_STOP_S = 6.0
"""A hung daemon does not obey: the test waits for the end of this."""

ENDLESS_S = 3600.0
WATCHED_S = 20.0
"""More than twice as long as three callers can occupy the thread."""

SHAPES_AND_LIBRARIES = [*zip(itertools.cycle(SHAPES), 3 * LIBRARIES, strict=False)]
"""Each shape with each build."""


def start_daemon_in_outage(
    stack: Stack,
    shape: Shape = "wrapper",
    library: Library = "pinned",
    call_s: float = NETWORK_TIMEOUT_S,
    polite_stop_s: float = PATIENT_STOP_S,
) -> tuple[WalletBox, list[str]]:
    """Start a healthy daemon, remove its upstream, and create addresses."""
    wallet = busy_wallet(stack, WALLET, call_s, shape=shape, library=library)
    stack.sidecar(config({WALLET: busy_target(WALLET, polite_stop_s)}))
    stack.wait_healthy(WALLET)
    wallet.set_fault("upstream_lost")
    stack.wait_for(
        "the loss is seen", lambda: stack.watcher.cause(WALLET) == "upstream_lost"
    )
    return wallet, create_addresses(wallet)


def occupy_thread(wallet: WalletBox, stack: Stack, callers: int = 2) -> None:
    """Let ``callers`` programs occupy the daemon's thread from now on."""
    wallet.callers(callers)
    stack.wait_for(
        "a network call is under way",
        lambda: "getaddressbalance" in wallet.methods(),
    )


def wait_restarted(stack: Stack) -> None:
    stack.wait_outcome(WALLET, "restart", deadline_s=2 * DEADLINE_S)


def seconds_to_decision(stack: Stack, since: float) -> float:
    """Seconds from ``since`` (Unix time) to the first decision to restart."""
    decided = stack.wait_decision(WALLET, "restart", 4 * HANG_AFTER_OUTAGE_S)
    return unix_time(decided.at) - since


def stop_request(stack: Stack) -> Record:
    """The record that says that the daemon was asked to stop."""
    records = stack.watcher.records(WALLET)
    return next(r for r in records if r.message.startswith("acting: it was asked"))


# --- busy: nothing is restarted, nothing is lost


def test_busy_daemons_are_not_restarted_in_any_upstream_state(stack: Stack) -> None:
    cells = list(itertools.product(UPSTREAMS, range(4)))
    names = {
        f"wallet-{upstream}-{callers}": (upstream, callers)
        for upstream, callers in cells
    }
    kinds = itertools.cycle(itertools.product(SHAPES, LIBRARIES))
    variants = [(name, *next(kinds)) for name in names]
    with ThreadPoolExecutor(4) as threads:
        wallets = list(
            threads.map(
                lambda variant: busy_wallet(
                    stack, variant[0], shape=variant[1], library=variant[2]
                ),
                variants,
            )
        )
    watcher = stack.sidecar(busy_config(*names))
    stack.wait_healthy(deadline_s=3 * DEADLINE_S)
    started = [wallet.started_at for wallet in wallets]
    handed_out: list[list[str]] = []
    with count_connections(wallets, watcher) as connections:
        for wallet, (upstream, callers) in zip(wallets, names.values(), strict=True):
            break_upstream(wallet, upstream)
            handed_out.append(create_addresses(wallet))
            wallet.callers(callers)
        time.sleep(WATCHED_S)

    assert stack.engine_calls() == []
    assert [wallet.started_at for wallet in wallets] == started
    for wallet, addresses in zip(wallets, handed_out, strict=True):
        assert find_lost_addresses(wallet, addresses) == [], wallet.name
    assert connections.looks > WATCHED_S
    assert max(connections.most.values()) == 1, connections.most
    # Which of them falls silent while it is watched depends on the order of the calls.
    hold_decisions = [
        decision
        for name, (upstream, callers) in names.items()
        if upstream == "lost" and callers > 1
        for decision in watcher.decisions(name, "hold")
    ]
    assert any("it is likely busy" in decision.message for decision in hold_decisions)


def test_dependent_of_busy_daemon_is_not_restarted(stack: Stack) -> None:
    wallet = busy_wallet(stack, WALLET)
    stack.wait_for("the wallet is loaded", lambda: wallet.rpc("load_wallet"))
    service = stack.service(env={"WALLET_TIMEOUT": "1"})
    # It would be restarted long before the calls end, and again after them.
    dependent = service_target(settle="1s")
    watcher = stack.sidecar(config({WALLET: busy_target(WALLET), SERVICE: dependent}))
    stack.wait_healthy(WALLET, SERVICE)
    wallet.set_fault("upstream_slow", SLOW_S)
    occupy_thread(wallet, stack)
    stack.wait_state(SERVICE, "down")
    # The record of the hold has the first reason: the wallet may not have failed yet.
    stack.wait_for(
        "the wallet comes first",
        lambda: "it comes first" in watcher.target(SERVICE)["last_decision"]["reason"],
    )
    time.sleep(WATCHED_S)
    assert stack.engine_calls() == []
    hold_decisions = watcher.decisions(SERVICE, "hold")
    assert "dependency" in {each.fields["guard"] for each in hold_decisions}
    wallet.callers(0)
    stack.wait_healthy(WALLET, SERVICE)
    assert stack.engine_calls() == []
    assert stack.starts(service) == stack.starts(wallet) == 1


# --- requested restarts wait for the daemon's own stop


@pytest.mark.parametrize(("shape", "library"), SHAPES_AND_LIBRARIES)
def test_requested_restart_waits_for_rpc_stop_of_busy_daemon(
    stack: Stack, shape: Shape, library: Library
) -> None:
    wallet, handed_out = start_daemon_in_outage(stack, shape, library)
    occupy_thread(wallet, stack)

    assert stack.watcher.order("restart", WALLET).ok

    asked = stack.wait_for("it is asked to stop", lambda: stop_request(stack))
    (decided,) = stack.watcher.decisions(WALLET, "restart")
    limit = f"it has {PATIENT_STOP_S:g} s"
    assert f"once it has obeyed its own stop: {limit}" in decided.message
    stack.wait_for(
        "the daemon runs again",
        lambda: "stop" not in wallet.methods() and stack.lifecycle_calls(),
    )
    wallet.callers(0)
    wait_restarted(stack)
    assert find_lost_addresses(wallet, handed_out) == []
    verb = "restart" if shape == "wrapper" else "start"
    assert stack.engine_calls() == [f"{verb} {WALLET}"]
    assert stack.proxy.posts[0].at > unix_time(asked.at)


def test_busy_daemon_loads_wallet_after_restart_despite_permanent_caller(
    stack: Stack,
) -> None:
    # A caller that waits less than 3 s for an answer does not count as waiting.
    wallet, handed_out = start_daemon_in_outage(stack, call_s=4.0)
    occupy_thread(wallet, stack, callers=1)
    assert stack.watcher.order("restart", WALLET).ok
    wait_restarted(stack)
    assert find_lost_addresses(wallet, handed_out) == []
    assert stack.engine_calls() == [f"restart {WALLET}"]


def test_immediate_restart_warns_of_lost_addresses(stack: Stack) -> None:
    wallet, handed_out = start_daemon_in_outage(stack)
    occupy_thread(wallet, stack)
    before = wallet.started_at

    assert stack.watcher.order("restart", WALLET, {"now": True}).ok

    (decided,) = stack.wait_for(
        "it is decided", lambda: stack.watcher.decisions(WALLET, "restart")
    )
    assert "without waiting for its own stop" in decided.message
    assert (
        "addresses that it handed out since it last saved may be lost"
        in decided.message
    )
    stack.wait_for("it is sent", lambda: stack.engine_calls() == [f"restart {WALLET}"])
    stack.wait_for("the daemon runs again", lambda: wallet.started_at != before)
    wallet.callers(0)
    wait_restarted(stack)
    assert find_lost_addresses(wallet, handed_out) == handed_out


# --- hung and frozen daemons


def test_hung_daemon_is_restarted_after_hang_after(
    stack: Stack,
) -> None:
    wallet = busy_wallet(stack, WALLET)
    stack.sidecar(config({WALLET: busy_target(WALLET, VAIN_STOP_S)}))
    stack.wait_healthy(WALLET)
    hung_at = time.time()
    wallet.set_fault("network_call", ENDLESS_S)

    took_s = seconds_to_decision(stack, hung_at)

    # It was calm: the limit of an outage is not for it.
    assert HANG_AFTER_S < took_s < HANG_AFTER_OUTAGE_S
    (decided,) = stack.watcher.decisions(WALLET, "restart")
    assert f"unless it answers within {VAIN_STOP_S:g} s" in decided.message
    wait_restarted(stack)
    stack.wait_healthy(WALLET)
    assert stack.engine_calls() == [f"restart {WALLET}"]


def test_hung_daemon_in_outage_is_restarted_after_hang_after_outage(
    stack: Stack,
) -> None:
    wallet, _ = start_daemon_in_outage(stack, polite_stop_s=VAIN_STOP_S)
    hung_at = time.time()
    wallet.set_fault("network_call", ENDLESS_S)

    took_s = seconds_to_decision(stack, hung_at)

    assert took_s > HANG_AFTER_OUTAGE_S
    wait_restarted(stack)
    assert stack.engine_calls() == [f"restart {WALLET}"]


@pytest.mark.parametrize("shape", SHAPES)
def test_frozen_daemon_is_continued_and_saves_before_restart(
    stack: Stack, shape: Shape
) -> None:
    wallet, handed_out = start_daemon_in_outage(stack, shape)
    frozen_at = time.time()

    wallet.signal_daemon(signal.SIGSTOP)

    # Its stopped process is seen: its silence need not last.
    assert seconds_to_decision(stack, frozen_at) < HANG_AFTER_OUTAGE_S
    (decided,) = stack.watcher.decisions(WALLET, "restart")
    assert "once it was continued and asked to stop" in decided.message
    wait_restarted(stack)
    assert find_lost_addresses(wallet, handed_out) == []
    assert stack.engine_calls()[0] == f"kill {WALLET}"
