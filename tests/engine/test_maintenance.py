"""Maintenance on the real engine: a window holds both, tasks leave their records."""

import json
import signal
from datetime import UTC, datetime, timedelta

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    WALLET,
    Json,
    SidecarBox,
    Stack,
    WalletBox,
    wallet_config,
)
from tests.support.container_commands import run_in
from tests.support.message_receiver import MessageReceiver

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

LONG_S = 600
"""Time enough to start, to fail for certain, and to be held."""
SHORT_S = 8
"""Time in which a restart or a message that is not held would come."""
TASKS = {
    "beat": {"type": "http", "url": "http://127.0.0.1:9787/livez", "every": "daily"},
    "vacuum": {
        "type": "command",
        "target": WALLET,
        "command": ["sh", "-c", "echo all is clean"],
        "every": "daily",
    },
    "images": {"type": "image_age", "every": "quarterly"},
    "check": {"type": "config_check", "every": "weekly"},
}


def window_now(left_s: int) -> tuple[Json, datetime]:
    """A window that began with this minute, and its end."""
    now = datetime.now(UTC)
    begin = now.replace(second=0, microsecond=0)
    duration_s = now.second + left_s
    cron = f"{begin.minute} {begin.hour} * * *"
    window: Json = {"cron": cron, "duration": f"{duration_s}s"}
    return window, begin + timedelta(seconds=duration_s)


def settings(inbox: MessageReceiver, window: Json) -> Json:
    notify = {"channels": {"ops": {"url": inbox.url}}}
    maintenance = {"windows": [window], "tasks": TASKS}
    return {**wallet_config(), "notify": notify, "maintenance": maintenance}


def load_wallet(wallet: WalletBox) -> list[str]:
    """The wallets after a load."""
    wallet.load()
    return wallet.wallets()


def run_task(watcher: SidecarBox, name: str) -> Json:
    """The record of a run that begins now."""
    command = ["sidecar", "maintenance", "run", name, "--wait", "--json"]
    return dict(json.loads(run_in(watcher.docker, command).output))


def test_window_holds_restart_and_message_and_both_come_after_it(
    stack: Stack, inbox: MessageReceiver
) -> None:
    wallet = stack.wallet(shape="wrapper")
    # In the window Sidecar loads no wallet.
    stack.wait_for("a wallet is loaded", lambda: load_wallet(wallet))
    window, _ = window_now(LONG_S)
    watcher = stack.sidecar(settings(inbox, window))
    stack.wait_healthy(WALLET)
    assert watcher.target(WALLET)["maintenance_until"] is not None
    assert 'sidecar_maintenance{target="electron-cash"} 1' in watcher.metrics()

    wallet.signal_daemon(signal.SIGKILL)
    stack.wait_for(
        "the window holds the restart",
        lambda: (
            (watcher.target(WALLET)["last_decision"] or {}).get("guard")
            == "maintenance"
        ),
    )
    stack.wait_for(
        "an incident", lambda: watcher.get_api("/incidents?open=1")["incidents"]
    )
    refused = watcher.order("restart", WALLET)
    assert (refused.status_code, refused.json()["guard"]) == (409, "maintenance")
    # Its end comes soon, but not before all of the above, however long that took.
    window, end = window_now(SHORT_S)
    stack.rewrite_config(json.dumps(settings(inbox, window)))
    assert "is in force" in watcher.run("sidecar", "reload")

    stack.wait_healthy(WALLET, deadline_s=2 * DEADLINE_S)
    stack.wait_for("both messages", lambda: len(inbox.messages) >= 2)
    assert [m["title"].partition("]")[0] for m in inbox.messages] == [
        "[P1",
        "[resolved",
    ]
    assert stack.lifecycle_calls() == [f"restart {WALLET}"]
    (restart,) = watcher.decisions(WALLET, "restart")
    assert datetime.fromisoformat(restart.at) >= end
    asked_at = [post.at for post in stack.proxy.posts if post.verb == "restart"]
    assert min(*asked_at, *inbox.arrivals) >= end.timestamp()

    check_task_records(watcher)


def check_task_records(watcher: SidecarBox) -> None:
    vacuum, beat = run_task(watcher, "vacuum"), run_task(watcher, "beat")
    assert (vacuum["outcome"], vacuum["details"]) == ("done", ["all is clean"])
    assert (beat["outcome"], beat["reason_code"]) == ("done", "task_answer")
    images, check = run_task(watcher, "images"), run_task(watcher, "check")
    assert images["reason"].endswith("of 1 images are older than 180 days")
    assert check["outcome"] in {"done", "findings"}, check
    runs = watcher.get_api("/maintenance")["runs"]
    requested = [r["task"] for r in runs if r["requested"]]
    assert requested == ["check", "images", "beat", "vacuum"]
    assert "clean-up" in {r["task"] for r in runs}
    assert all(r["seconds"] > 0 for r in runs)
