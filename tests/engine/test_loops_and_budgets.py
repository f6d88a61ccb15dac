"""A daemon that no restart helps: not fed for ever, by the engine or by us."""

import re

import pytest

from sidecar.core.status.run_log import AGAIN
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

DYING_WORDS = "the daemon dies at its start, as it was told to"


def hopeless_config(**restart: object) -> Json:
    """Verdicts come fast, for the daemon will not get well anyway."""
    lanes = {"stop_timeout": "1s", "dead_stop_timeout": "1s", "recovery_timeout": "3s"}
    target = wallet_target(restart={**lanes, **restart})
    return config({WALLET: target}, defaults={**QUICK, "start_period": "2s"})


def dies_at_each_start(stack: Stack, settings: Json) -> None:
    """In a container that stays up: its wrapper outlives it."""
    wallet = stack.wallet(shape="wrapper")
    stack.sidecar(settings)
    stack.wait_healthy(WALLET)
    wallet.fault("death_at_start", 0.2)
    wallet.fault("die")


def test_a_restart_loop_of_the_engine_is_not_fed_and_its_last_words_are_shown(
    stack: Stack, inbox: MessageReceiver
) -> None:
    wallet = stack.wallet(shape="pid1", restart_policy="always")
    routes = {"P0": ["ops"], "P1": ["ops"]}
    notify = {"channels": {"ops": {"url": inbox.url}}, "routes": routes}
    watcher = stack.sidecar({**wallet_config(), "notify": notify})
    stack.wait_healthy(WALLET)

    wallet.fault("death_at_start", 0.5)
    wallet.fault("die")

    seen = stack.wait_state(WALLET, "crash_loop")
    assert seen["cause"] == "crash_loop"
    began = stack.wait_for(
        "its last log lines in ours",
        lambda: [
            record
            for record in watcher.records(WALLET)
            if record.level == "warning" and DYING_WORDS in record.message
        ],
    )
    assert began[0].fields["incident"] == seen["incident"]
    message = stack.wait_for(
        "people are told",
        lambda: [m for m in inbox.messages if "Crash loop" in m["title"]],
    )[0]["message"]
    assert DYING_WORDS in message
    assert "The last lines of its log:" in message
    path = f"/incidents/{seen['incident']}"
    bundles = stack.wait_for(
        "it is kept with the incident", lambda: watcher.told(path)["evidence"]
    )
    assert any(DYING_WORDS in bundle["log"] for bundle in bundles)
    assert any(AGAIN in bundle["log"] for bundle in bundles)
    shown = watcher.run("sidecar", "incident", seen["incident"])
    assert "  log: " in shown
    assert DYING_WORDS in shown
    so_far = stack.starts(wallet)
    stack.wait_for(
        "the engine tries on",
        lambda: stack.starts(wallet) >= so_far + 2,
        2 * DEADLINE_S,
    )
    assert watcher.state(WALLET) == "crash_loop"
    assert stack.asked() == []


def test_a_daemon_that_never_recovers_is_restarted_three_times_ever_further_apart(
    stack: Stack,
) -> None:
    dies_at_each_start(stack, hopeless_config(backoff="2s"))

    stack.wait_for(
        "the slow lane",
        lambda: stack.watcher.target(WALLET).get("lane") == "slow",
        3 * DEADLINE_S,
    )
    stack.wait_state(WALLET, "down")
    stack.wait_probes(WALLET, 3)

    assert stack.asked() == [f"restart {WALLET}"] * 3
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
    seen = stack.watcher.target(WALLET)
    assert seen["state"] == "down"
    assert seen["restarts"] == {"in_window": 3, "budget": 3, "total": 3}
    # Three failures after the last try have taken a moment of the 10 min.
    reason = seen["last_decision"]["reason"]
    assert re.search("further apart: the next is in (9|10) min", reason)


def test_after_the_slow_lane_it_waits_for_a_person_and_starts_anew_with_their_word(
    stack: Stack,
) -> None:
    dies_at_each_start(stack, hopeless_config(budget=1, slow_lane=["2s"]))

    stack.wait_state(WALLET, "dead_letter", deadline_s=2 * DEADLINE_S)
    stack.wait_probes(WALLET, 10)
    assert stack.asked() == [f"restart {WALLET}"] * 2

    assert stack.watcher.order("recover", WALLET).ok
    stack.wait_for("a further try", lambda: len(stack.asked()) == 3)
