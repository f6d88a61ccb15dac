"""Starts: slow ones, failing ones, foreign deaths, and those that our calls end.

Some times of the rules are not settings: a run of 60 s ends a crash loop, three
deaths within 120 s are one.
"""

import time

import pytest
import requests

from tests.engine.harness import (
    DEADLINE_S,
    DEFAULT_WALLET,
    WALLET,
    Record,
    Shape,
    Stack,
    WalletBox,
)
from tests.engine.outage import busy_config, busy_wallet

pytestmark = [pytest.mark.engine, pytest.mark.timeout(330)]

START_PERIOD_S = 6.0
"""harness.QUICK's."""

LASTING_S = 62.0
"""A run of that length was no short one."""

DEATHS = 4
MOST_DEATHS = 5
"""Until it is certain: what the engine starts at once may not be seen to have died."""


def watched(stack: Stack, wallet: WalletBox) -> WalletBox:
    stack.sidecar(busy_config(WALLET))
    stack.wait_healthy(WALLET)
    return wallet


def wait_started(stack: Stack, times: int) -> None:
    stack.wait_for(
        f"start {times} is found to have helped",
        lambda: stack.watcher.outcomes(WALLET).count(("start", "recovered")) == times,
    )


def wait_page(stack: Stack, cause: str, deadline_s: float) -> Record:
    """The first page with this cause."""
    return stack.wait_for(
        f"a page: {cause}",
        lambda: [
            page
            for page in stack.watcher.decisions(WALLET, "page")
            if page.fields["cause"] == cause
        ],
        deadline_s,
    )[0]


def call_that_kills(wallet: WalletBox) -> None:
    """A load of a file that is not there, and a wallet call: the newest build ends."""
    order = {"subcommand": "load_wallet", "wallet_path": "/data/nowhere"}
    wallet.rpc("daemon", order)
    with pytest.raises((requests.ConnectionError, KeyError)):
        wallet.rpc("history")


def test_a_daemon_that_foreign_calls_kill_in_an_outage_is_started_each_time(
    stack: Stack,
) -> None:
    wallet = watched(stack, busy_wallet(stack, WALLET, shape="init", library="newest"))
    wallet.fault("upstream_lost")
    stack.wait_state(WALLET, "down")
    for number in range(1, DEATHS + 1):
        call_that_kills(wallet)
        died_at = time.monotonic()
        wait_started(stack, number)
        seen = stack.wait_state(WALLET, "down")
        assert seen["cause"] == "upstream_lost"
        assert seen["restarts"]["in_window"] == 0, "the lane is given back"
        assert wallet.wallets() == [DEFAULT_WALLET]
        if number < DEATHS:
            time.sleep(max(0.0, died_at + LASTING_S - time.monotonic()))
    assert stack.asked() == [f"start {WALLET}"] * DEATHS
    wallet.heal("upstream_lost")
    stack.wait_healthy(WALLET)


def test_a_boot_that_fails_for_a_while_ends_healthy_without_a_word_of_a_person(
    stack: Stack,
) -> None:
    wallet = watched(
        stack,
        busy_wallet(stack, WALLET, shape="init", restart_policy="unless-stopped"),
    )
    wallet.fault("failing_boot", 6.0)
    wallet.fault("die")
    stack.wait_state(WALLET, "crash_loop")
    stack.wait_for("the wallet is loaded", wallet.wallets)
    assert stack.watcher.state(WALLET) == "crash_loop", "it is loaded all the same"
    stack.wait_healthy(WALLET, deadline_s=LASTING_S + DEADLINE_S)
    assert stack.asked() == []


@pytest.mark.parametrize("shape", ["wrapper", "pid1"])
def test_a_boot_that_outlasts_the_start_period_is_waited_for(
    stack: Stack, shape: Shape
) -> None:
    wallet = watched(stack, busy_wallet(stack, WALLET, shape=shape))
    wallet.fault("slow_start", START_PERIOD_S + 3.0)
    wallet.docker.restart(timeout=2)
    stack.wait_state(WALLET, "starting")
    stack.wait_for("it has booted", wallet.wallets)
    stack.wait_healthy(WALLET)
    stack.wait_probes(WALLET, 3)
    assert stack.asked() == []


def test_a_port_that_is_refused_through_two_starts_is_said_after_one_restart(
    stack: Stack,
) -> None:
    wallet = watched(stack, busy_wallet(stack, WALLET))
    wallet.fault("wrong_port")
    wallet.fault("die")
    page = wait_page(stack, "never_up", 3 * DEADLINE_S)
    assert "to the end of two starts in a row" in page.message
    stack.wait_probes(WALLET, 10)
    # The first restart mends the death, the second is the one try.
    assert stack.asked() == [f"restart {WALLET}"] * 2
    assert stack.watcher.cause(WALLET) == "never_up"
    wallet.heal("wrong_port")
    wallet.docker.restart(timeout=2)
    stack.wait_healthy(WALLET)


def test_a_daemon_that_dies_of_our_calls_is_not_sent_them_for_ever(
    stack: Stack,
) -> None:
    wallet = watched(
        stack,
        busy_wallet(
            stack, WALLET, shape="init", library="newest", restart_policy="always"
        ),
    )
    wallet.fault("offline")
    page = wait_page(stack, "killed_by_probe", 2 * DEADLINE_S)
    assert "it died of getinfo twice" in page.message
    deaths = stack.happened(wallet).count("die")
    assert deaths <= MOST_DEATHS
    stack.wait_probes(WALLET, 10)
    assert stack.happened(wallet).count("die") == deaths
    assert set(wallet.methods()) == {"ping"}
    assert stack.asked() == []
    wallet.heal("offline")
    wallet.docker.restart(timeout=2)
    stack.wait_healthy(WALLET, deadline_s=LASTING_S + DEADLINE_S)
