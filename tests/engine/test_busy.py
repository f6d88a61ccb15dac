"""A daemon that is merely busy is let be; one that hangs for good is found.

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
    counting_connections,
    hand_out,
    lost,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

INTERVAL_S = 1.0
LATE_S = 3.0
"""What a machine that runs many tests adds to a time."""

FOR_GOOD_S = 3600.0
WATCHED_S = 20.0
"""More than twice what three callers can hold the thread for."""

BOTH = [*zip(itertools.cycle(SHAPES), 3 * LIBRARIES, strict=False)]
"""Each shape with each build."""


def in_outage(
    stack: Stack,
    shape: Shape = "wrapper",
    library: Library = "pinned",
    call_s: float = NETWORK_TIMEOUT_S,
) -> tuple[WalletBox, list[str]]:
    """A healthy daemon that then lost its upstream, and has handed out addresses."""
    wallet = busy_wallet(stack, WALLET, call_s, shape=shape, library=library)
    stack.sidecar(busy_config(WALLET))
    stack.wait_healthy(WALLET)
    wallet.fault("upstream_lost")
    stack.wait_for(
        "the loss is seen", lambda: stack.watcher.cause(WALLET) == "upstream_lost"
    )
    return wallet, hand_out(wallet)


def wait_held(wallet: WalletBox, stack: Stack, callers: int = 2) -> None:
    """So many callers hold the thread from now on."""
    wallet.callers(callers)
    stack.wait_for(
        "a network call is under way",
        lambda: "getaddressbalance" in wallet.methods(),
    )


def wait_restarted(stack: Stack) -> None:
    stack.wait_for(
        "the restart is found to have helped",
        lambda: ("restart", "recovered") in stack.watcher.outcomes(WALLET),
        2 * DEADLINE_S,
    )


def seconds_to_decision(stack: Stack, since: float) -> float:
    """From a moment (Unix time) to the first decision to restart."""
    decided = stack.wait_decision(WALLET, "restart", 2 * HANG_AFTER_OUTAGE_S)
    return stamp(decided) - since


def stamp(record: Record) -> float:
    zero = Record("1970-01-01T00:00:00+00:00", "", None, "", {})
    return record.seconds_after(zero)


# --- busy: nothing is restarted, nothing is lost


def test_busy_daemons_are_let_be_whatever_their_upstream_does(stack: Stack) -> None:
    cells = list(itertools.product(UPSTREAMS, range(4)))
    names = {
        f"wallet-{upstream}-{callers}": (upstream, callers)
        for upstream, callers in cells
    }
    kinds = itertools.cycle(itertools.product(SHAPES, LIBRARIES))
    made = [(name, *next(kinds)) for name in names]
    with ThreadPoolExecutor(4) as threads:
        wallets = list(
            threads.map(
                lambda each: busy_wallet(
                    stack, each[0], shape=each[1], library=each[2]
                ),
                made,
            )
        )
    watcher = stack.sidecar(busy_config(*names))
    stack.wait_healthy(deadline_s=3 * DEADLINE_S)
    started = [wallet.started_at for wallet in wallets]
    handed_out: list[list[str]] = []
    with counting_connections(wallets, watcher) as counted:
        for wallet, (upstream, callers) in zip(wallets, names.values(), strict=True):
            break_upstream(wallet, upstream)
            handed_out.append(hand_out(wallet))
            wallet.callers(callers)
        time.sleep(WATCHED_S)

    assert stack.asked() == []
    assert [wallet.started_at for wallet in wallets] == started
    for wallet, addresses in zip(wallets, handed_out, strict=True):
        assert lost(wallet, addresses) == [], wallet.name
    assert counted.looks > WATCHED_S
    assert max(counted.most.values()) == 1, counted.most
    held = watcher.decisions("wallet-lost-2", "hold")
    assert any("it is likely busy" in decision.message for decision in held)


def test_a_dependent_of_a_daemon_that_is_only_held_is_let_be(stack: Stack) -> None:
    wallet = busy_wallet(stack, WALLET)
    stack.wait_for("the wallet is loaded", lambda: wallet.rpc("load_wallet"))
    service = stack.service(env={"WALLET_TIMEOUT": "1"})
    # It would be restarted long before the calls end, and again after them.
    dependent = service_target(settle="1s")
    watcher = stack.sidecar(config({WALLET: busy_target(WALLET), SERVICE: dependent}))
    stack.wait_healthy(WALLET, SERVICE)
    wallet.fault("upstream_slow", SLOW_S)
    wait_held(wallet, stack)
    stack.wait_state(SERVICE, "down")
    time.sleep(WATCHED_S)
    assert stack.asked() == []
    held = [
        decision
        for decision in watcher.decisions(SERVICE, "hold")
        if decision.fields["guard"] == "dependency"
    ]
    assert any("comes first" in decision.message for decision in held)
    wallet.callers(0)
    stack.wait_healthy(WALLET, SERVICE)
    assert stack.asked() == []
    assert stack.starts(service) == stack.starts(wallet) == 1


# --- asked for: the daemon's own stop is waited for


@pytest.mark.parametrize(("shape", "library"), BOTH)
def test_an_asked_restart_waits_for_the_stop_of_a_busy_daemon(
    stack: Stack, shape: Shape, library: Library
) -> None:
    wallet, handed_out = in_outage(stack, shape, library)
    wait_held(wallet, stack)

    assert stack.watcher.order("restart", WALLET).ok

    stack.wait_for(
        "the status says what is waited for",
        lambda: "it was asked to stop" in stack.watcher.target(WALLET)["reason"],
    )
    (decided,) = stack.watcher.decisions(WALLET, "restart")
    assert "once it has obeyed its own stop: it has 12 s" in decided.message
    assert stack.asked() == []
    stack.wait_for(
        "the daemon runs again",
        lambda: "stop" not in wallet.methods() and stack.runs_asked(),
    )
    wallet.callers(0)
    wait_restarted(stack)
    assert lost(wallet, handed_out) == []
    verb = "restart" if shape == "wrapper" else "start"
    assert stack.asked() == [f"{verb} {WALLET}"]


def test_a_busy_daemon_has_its_wallet_again_though_its_caller_never_leaves(
    stack: Stack,
) -> None:
    # Who waits less than 3 s for an answer is not taken for one who is kept waiting.
    wallet, handed_out = in_outage(stack, call_s=4.0)
    wait_held(wallet, stack, callers=1)
    assert stack.watcher.order("restart", WALLET).ok
    wait_restarted(stack)
    assert lost(wallet, handed_out) == []
    assert stack.asked() == [f"restart {WALLET}"]


def test_a_restart_that_is_asked_for_now_says_what_may_be_lost(stack: Stack) -> None:
    wallet, handed_out = in_outage(stack)
    wait_held(wallet, stack)
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
    stack.wait_for("it is sent", lambda: stack.asked() == [f"restart {WALLET}"])
    stack.wait_for("the daemon runs again", lambda: wallet.started_at != before)
    wallet.callers(0)
    wait_restarted(stack)
    assert lost(wallet, handed_out) == handed_out


# --- truly hung, frozen, dead


def test_a_daemon_that_hangs_for_good_is_restarted_after_hang_after(
    stack: Stack,
) -> None:
    wallet = busy_wallet(stack, WALLET)
    stack.sidecar(busy_config(WALLET))
    stack.wait_healthy(WALLET)
    hung_at = time.time()
    wallet.fault("network_call", FOR_GOOD_S)

    took_s = seconds_to_decision(stack, hung_at)

    assert HANG_AFTER_S < took_s < HANG_AFTER_S + INTERVAL_S + LATE_S
    (decided,) = stack.watcher.decisions(WALLET, "restart")
    assert "unless it answers within 12 s" in decided.message
    wait_restarted(stack)
    stack.wait_healthy(WALLET)
    assert stack.asked() == [f"restart {WALLET}"]


def test_a_daemon_that_hangs_in_an_outage_is_given_hang_after_outage(
    stack: Stack,
) -> None:
    wallet, _ = in_outage(stack)
    hung_at = time.time()
    wallet.fault("network_call", FOR_GOOD_S)

    took_s = seconds_to_decision(stack, hung_at)

    assert HANG_AFTER_OUTAGE_S < took_s < HANG_AFTER_OUTAGE_S + INTERVAL_S + LATE_S
    wait_restarted(stack)
    assert stack.asked() == [f"restart {WALLET}"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_frozen_daemon_goes_on_and_saves_before_it_is_restarted(
    stack: Stack, shape: Shape
) -> None:
    wallet, handed_out = in_outage(stack, shape)
    frozen_at = time.time()

    wallet.signal_daemon(signal.SIGSTOP)

    assert seconds_to_decision(stack, frozen_at) < INTERVAL_S + 2 * LATE_S
    (decided,) = stack.watcher.decisions(WALLET, "restart")
    assert "once it was continued and asked to stop" in decided.message
    wait_restarted(stack)
    assert lost(wallet, handed_out) == []
    assert stack.asked()[0] == f"kill {WALLET}"
