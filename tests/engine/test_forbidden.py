"""A filter before the engine forbids what Sidecar wants to do.

Timings are harness.QUICK.
"""

import time

import pytest

from tests.engine.harness import WALLET, Stack, wallet_config

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

REFUSED = '{"message": "forbidden by the filter"}'
SEVERAL_TRIES_S = 15.0


def test_a_restart_that_a_filter_forbids_is_no_try_and_is_told_once(
    stack: Stack,
) -> None:
    stack.gate.answer("POST", "/restart", 403, REFUSED)
    wallet = stack.wallet(shape="wrapper")
    watcher = stack.sidecar(wallet_config())
    stack.wait_healthy(WALLET)
    wallet.fault("die")

    page = stack.wait_decision(WALLET, "page")
    assert page.fields["guard"] == "forbidden"
    assert "forbidden by the filter" in page.message
    # As long as many tries would take.
    time.sleep(SEVERAL_TRIES_S)
    assert len(watcher.decisions(WALLET, "page")) == 1
    assert stack.asked() == [f"restart {WALLET}"]
    seen = watcher.target(WALLET)
    assert (seen["restarts"]["in_window"], seen["lane"]) == (0, "fast")
