"""A filter before the engine forbids remedies.

Timings are harness.QUICK.
"""

import time

import pytest

from tests.engine.harness import WALLET, Stack, wallet_config

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

REFUSED = '{"message": "forbidden by the filter"}'
SEVERAL_TRIES_S = 15.0


def test_forbidden_restart_is_not_counted_and_paged_once(
    stack: Stack,
) -> None:
    stack.proxy.answer("POST", "/restart", 403, REFUSED)
    wallet = stack.wallet(shape="wrapper")
    watcher = stack.sidecar(wallet_config())
    stack.wait_healthy(WALLET)
    wallet.end_daemon()

    page = stack.wait_decision(WALLET, "page")
    assert page.fields["guard"] == "forbidden"
    assert "forbidden by the filter" in page.message
    # Long enough for several tries.
    time.sleep(SEVERAL_TRIES_S)
    assert len(watcher.decisions(WALLET, "page")) == 1
    assert stack.engine_calls() == [f"restart {WALLET}"]
    target = watcher.target(WALLET)
    assert (target["restarts"]["in_window"], target["lane"]) == (0, "fast")
