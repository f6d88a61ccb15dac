"""A daemon that no restart helps: restarts are limited."""

import re

import pytest

from sidecar.core.status.run_log import RUN_SEPARATOR
from tests.engine.harness import (
    DEADLINE_S,
    QUICK,
    WALLET,
    Json,
    Stack,
    config,
    wallet_config,
    wallet_target,
)
from tests.support.message_receiver import MessageReceiver

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

LAST_LOG_LINE = "the daemon dies at its start, as it was told to"


def hopeless_config(**restart: object) -> Json:
    """A configuration with short timeouts, as the daemon does not recover anyway."""
    lanes = {"stop_timeout": "1s", "dead_stop_timeout": "1s", "recovery_timeout": "3s"}
    target = wallet_target(restart={**lanes, **restart})
    return config({WALLET: target}, defaults={**QUICK, "start_period": "2s"})


def start_dying_daemon(stack: Stack, settings: Json) -> None:
    """Start a daemon that dies at each start, in a wrapper that outlives it."""
    wallet = stack.wallet(shape="wrapper")
    stack.wait_for("the daemon answers", lambda: wallet.rpc("ping"))
    stack.sidecar(settings)
    stack.wait_healthy(WALLET)
    wallet.set_fault("death_at_start", 0.2)
    wallet.end_daemon()


def test_engine_restart_loop_is_left_alone_and_reported_with_log(
    stack: Stack, inbox: MessageReceiver
) -> None:
    wallet = stack.wallet(shape="pid1", restart_policy="always")
    routes = {"P0": ["ops"], "P1": ["ops"]}
    notify = {"channels": {"ops": {"url": inbox.url}}, "routes": routes}
    watcher = stack.sidecar({**wallet_config(), "notify": notify})
    stack.wait_healthy(WALLET)

    wallet.set_fault("death_at_start", 0.5)
    wallet.end_daemon()

    target = stack.wait_state(WALLET, "crash_loop")
    assert target["cause"] == "crash_loop"
    began = stack.wait_for(
        "its last log lines in ours",
        lambda: [
            record
            for record in watcher.records(WALLET)
            if record.level == "warning" and LAST_LOG_LINE in record.message
        ],
    )
    assert began[0].fields["incident"] == target["incident"]
    message = stack.wait_for(
        "people are told",
        lambda: [m for m in inbox.messages if "Crash loop" in m["title"]],
    )[0]["message"]
    assert LAST_LOG_LINE in message
    assert "The last lines of its log:" in message
    path = f"/incidents/{target['incident']}"
    bundles = stack.wait_for(
        "it is kept with the incident", lambda: watcher.get_api(path)["evidence"]
    )
    assert any(LAST_LOG_LINE in bundle["log"] for bundle in bundles)
    assert any(RUN_SEPARATOR in bundle["log"] for bundle in bundles)
    incident_text = watcher.run("sidecar", "incident", target["incident"])
    assert "  log: " in incident_text
    assert LAST_LOG_LINE in incident_text
    so_far = stack.starts(wallet)
    stack.wait_for(
        "the engine tries on",
        lambda: stack.starts(wallet) >= so_far + 2,
        2 * DEADLINE_S,
    )
    assert watcher.state(WALLET) == "crash_loop"
    assert stack.engine_calls() == []


def test_daemon_that_never_recovers_is_restarted_at_growing_intervals(
    stack: Stack,
) -> None:
    start_dying_daemon(stack, hopeless_config(backoff="2s"))

    stack.wait_for(
        "the slow lane",
        lambda: stack.watcher.target(WALLET).get("lane") == "slow",
        3 * DEADLINE_S,
    )
    stack.wait_state(WALLET, "down")
    stack.wait_probes(WALLET, 3)

    assert stack.engine_calls() == [f"restart {WALLET}"] * 3
    began = stack.watcher.decisions(WALLET, "restart")
    ended = [
        record
        for record in stack.watcher.records(WALLET)
        if record.message.startswith("restart ended: not recovered")
    ]
    assert len(began) == len(ended) == 3
    waits = [b.seconds_after(e) for b, e in zip(began[1:], ended[:2], strict=True)]
    # They double from 2 s; a busy machine adds to them, the log's clock rounds.
    assert waits[0] > 1.99
    assert waits[1] > 3.99
    target = stack.watcher.target(WALLET)
    assert target["state"] == "down"
    assert target["restarts"] == {"in_window": 3, "budget": 3, "total": 3}
    # Three failures after the last try have taken a moment of the 10 min.
    reason = target["last_decision"]["reason"]
    assert re.search("further apart: the next is in (9|10) min", reason)


def test_dead_letter_daemon_is_restarted_only_after_operator_recovers_it(
    stack: Stack,
) -> None:
    start_dying_daemon(stack, hopeless_config(budget=1, slow_lane=["2s"]))

    stack.wait_state(WALLET, "dead_letter", deadline_s=2 * DEADLINE_S)
    stack.wait_probes(WALLET, 10)
    assert stack.engine_calls() == [f"restart {WALLET}"] * 2

    assert stack.watcher.order("recover", WALLET).ok
    stack.wait_for("a further try", lambda: len(stack.engine_calls()) >= 3)
