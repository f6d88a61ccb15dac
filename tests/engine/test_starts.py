"""Slow and failing starts, and deaths caused by foreign calls or by our probes.

Some times of the rules are not settings: a run of 60 s ends a crash loop, three
deaths within 120 s are one.
"""

import io
import signal
import tarfile
import time

import pytest
import requests

from tests.engine.harness import (
    DEADLINE_S,
    DEFAULT_WALLET,
    QUICK,
    WALLET,
    Json,
    Record,
    Shape,
    Stack,
    WalletBox,
    config,
)
from tests.engine.outage import (
    busy_config,
    busy_target,
    busy_wallet,
)
from tests.support.timestamps import unix_time

pytestmark = [pytest.mark.engine, pytest.mark.timeout(420)]

HANG_AFTER = "30s"
"""No daemon hangs here: one that a busy machine keeps silent is left alone."""

START_PERIOD_S = 11.0
SLOW_START_S = 14.0
"""So much later than the start period that a restart would come, and so much earlier
than the end of the extension that a machine may stand still for 6 s."""

LASTING_S = 61.0
"""Longer than a short run."""

DEATHS = 4
MOST_DEATHS = 5
"""Deaths until the cause is certain; those with an immediate restart may be missed."""


def start_sidecar_for(
    stack: Stack, wallet: WalletBox, settings: Json | None = None
) -> WalletBox:
    stack.sidecar(settings or busy_config(WALLET, hang_after=HANG_AFTER))
    stack.wait_healthy(WALLET)
    return wallet


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


def call_until_daemon_ends(wallet: WalletBox) -> None:
    """Load a missing file and make a wallet call, which ends the newest build."""
    order = {"subcommand": "load_wallet", "wallet_path": "/data/nowhere"}
    wallet.rpc("daemon", order)
    with pytest.raises((requests.ConnectionError, KeyError)):
        wallet.rpc("history")


def clear_stored_faults(wallet: WalletBox) -> None:
    """Switch the faults of the next starts off; the daemon may not run meanwhile."""
    text = b"{}"
    info = tarfile.TarInfo("faults.json")
    info.size, info.mode = len(text), 0o666
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(info, io.BytesIO(text))
    assert wallet.docker.put_archive("/data", packed.getvalue())


def test_daemon_killed_by_foreign_calls_in_outage_is_started_each_time(
    stack: Stack,
) -> None:
    wallet = start_sidecar_for(
        stack, busy_wallet(stack, WALLET, shape="init", library="newest")
    )
    wallet.set_fault("upstream_lost")
    stack.wait_state(WALLET, "down")
    for number in range(1, DEATHS + 1):
        call_until_daemon_ends(wallet)
        stack.wait_outcome(WALLET, "start", times=number)
        target = stack.wait_state(WALLET, "down")
        assert target["cause"] == "upstream_lost"
        assert target["restarts"]["in_window"] == 0, "the lane is given back"
        assert wallet.wallets() == [DEFAULT_WALLET]
        if number < DEATHS:
            started_at = unix_time(wallet.started_at)
            time.sleep(max(0.0, started_at + LASTING_S - time.time()))
    assert stack.engine_calls() == [f"start {WALLET}"] * DEATHS
    wallet.clear_fault("upstream_lost")
    stack.wait_healthy(WALLET)


def test_daemon_with_temporarily_failing_boot_becomes_healthy_without_operator(
    stack: Stack,
) -> None:
    wallet = start_sidecar_for(
        stack,
        busy_wallet(stack, WALLET, shape="init", restart_policy="unless-stopped"),
    )
    wallet.set_fault("failing_boot", 5 * DEADLINE_S)
    wallet.end_daemon()
    stack.wait_state(WALLET, "crash_loop")
    clear_stored_faults(wallet)
    stack.wait_for("the wallet is loaded", wallet.wallets)
    assert stack.watcher.state(WALLET) == "crash_loop", "it is loaded all the same"
    stack.wait_healthy(WALLET, deadline_s=LASTING_S + DEADLINE_S)
    assert stack.engine_calls() == []


@pytest.mark.parametrize("shape", ["wrapper", "pid1"])
def test_boot_longer_than_start_period_causes_no_restart(
    stack: Stack, shape: Shape
) -> None:
    times = {**QUICK, "start_period": f"{START_PERIOD_S:g}s"}
    wallet = start_sidecar_for(
        stack,
        busy_wallet(stack, WALLET, shape=shape),
        config({WALLET: busy_target(WALLET, hang_after=HANG_AFTER)}, defaults=times),
    )
    wallet.set_fault("slow_start", SLOW_START_S)
    wallet.docker.restart(timeout=2)
    stack.wait_state(WALLET, "starting")
    stack.wait_for("it has booted", wallet.wallets)
    stack.wait_healthy(WALLET)
    stack.wait_probes(WALLET, 3)
    assert stack.engine_calls() == []


def test_port_refused_through_two_starts_is_paged_after_one_restart(
    stack: Stack,
) -> None:
    # Neither restart helps: the time after which that is found is part of the test's.
    target = busy_target(WALLET, hang_after=HANG_AFTER)
    target["restart"]["recovery_timeout"] = "15s"
    wallet = start_sidecar_for(
        stack, busy_wallet(stack, WALLET), config({WALLET: target})
    )
    wallet.set_fault("wrong_port")
    wallet.signal_daemon(signal.SIGKILL)
    page = wait_page(stack, "never_up", 3 * DEADLINE_S)
    assert "to the end of two starts in a row" in page.message
    stack.wait_probes(WALLET, 10)
    # The first restart mends the death, the second is the one try.
    assert stack.engine_calls() == [f"restart {WALLET}"] * 2
    assert stack.watcher.cause(WALLET) == "never_up"
    wallet.clear_fault("wrong_port")
    wallet.docker.restart(timeout=2)
    stack.wait_healthy(WALLET)


def test_daemon_killed_by_our_probe_calls_is_probed_by_ping_only(
    stack: Stack,
) -> None:
    wallet = start_sidecar_for(
        stack,
        busy_wallet(
            stack, WALLET, shape="init", library="newest", restart_policy="always"
        ),
    )
    wallet.set_fault("offline")
    page = wait_page(stack, "killed_by_probe", 2 * DEADLINE_S)
    assert "it died of getinfo twice" in page.message
    deaths = stack.engine_actions(wallet).count("die")
    assert deaths <= MOST_DEATHS
    stack.wait_probes(WALLET, 10)
    assert stack.engine_actions(wallet).count("die") == deaths
    assert set(wallet.methods()) == {"ping"}
    assert stack.engine_calls() == []
    wallet.clear_fault("offline")
    wallet.docker.restart(timeout=2)
    stack.wait_healthy(WALLET, deadline_s=LASTING_S + DEADLINE_S)
