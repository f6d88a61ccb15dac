"""Planned restarts on the real engine, due in seconds."""

import json
import time

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    QUICK,
    SERVICE,
    WALLET,
    Json,
    ServiceBox,
    SidecarBox,
    Stack,
    WalletBox,
    config,
    service_target,
    wallet_target,
)
from tests.support.soon_due import plan_soon
from tests.support.timestamps import unix_time

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

# Enough for a sidecar to be up and its stack calm.
SOON_S = 20.0
# Enough to be asked to leave it out, and to be asked what is planned.
SKIPPED_IN_S = 30.0
BUSY_FILE = "/tmp/busy"
ASK_WALLET = {"command": ["sh", "-c", f"test ! -e {BUSY_FILE} || exit 75"]}
ASK_SERVICE = {"url": f"http://{SERVICE}:8080/busy", "max_wait": "10m"}
# A target that fails once when it is due, or while it waits, is not restarted.
PATIENT = {**QUICK, "timeout": "20s"}
PATIENT_PROBE = {"hang_after": "60s"}


def pair_settings(cron: str = "", **preventive: object) -> Json:
    """The pair, the wallet daemon with a planned restart if there is a cron line."""
    wallet = wallet_target(PATIENT_PROBE)
    if cron:
        plan = {
            "cron": cron,
            "timezone": "UTC",
            "jitter": "0s",
            "skip_if_restarted_within": "0s",
        }
        wallet["preventive"] = {**plan, **preventive}
    wallet["busy"] = ASK_WALLET
    service = service_target(busy=ASK_SERVICE)
    service["probe"] |= PATIENT_PROBE
    return config({WALLET: wallet, SERVICE: service}, defaults=PATIENT)


def each_minute(soon_s: float) -> str:
    """A cron line: a machine that is too slow for the first time gets another."""
    return f"{int(time.time() + soon_s) % 60} * * * * *"


def start_pair(
    stack: Stack, *, is_soon: bool = False, **preventive: object
) -> tuple[WalletBox, ServiceBox, SidecarBox]:
    """A pair that is up, and a sidecar; ``is_soon``: it is to restart the pair soon."""
    wallet, service = stack.wallet(), stack.service()
    stack.wait_for("the pair is up", lambda: wallet.wallets() is not None)
    cron = each_minute(SOON_S) if is_soon else ""
    watcher = stack.sidecar(pair_settings(cron, **preventive))
    stack.wait_healthy(WALLET, SERVICE)
    return wallet, service, watcher


def read_plan(stack: Stack, cron: str) -> None:
    stack.rewrite_config(json.dumps(pair_settings(cron)))
    stack.watcher.run("sidecar", "reload")


def list_planned(watcher: SidecarBox, *arguments: str) -> list[Json]:
    """Output of ``sidecar schedule`` inside its container."""
    text = watcher.run("sidecar", "schedule", "--json", *arguments)
    return list(json.loads(text)["planned"])


def wait_until(at_wall: float) -> None:
    time.sleep(max(0.0, at_wall - time.time()))


def is_held_by_busy(watcher: SidecarBox, words: str = "") -> bool:
    """Does the planned restart wait, with these words in its reason of now?"""
    decision = watcher.target(WALLET).get("last_decision") or {}
    return decision.get("guard") == "busy" and words in decision["reason"]


def wait_held_by_busy(stack: Stack, watcher: SidecarBox, words: str) -> None:
    stack.wait_for(
        f"it waits: {words}", lambda: is_held_by_busy(watcher, words), 2 * DEADLINE_S
    )


def test_planned_restart_waits_for_busy_targets_then_root_and_dependent_follow(
    stack: Stack,
) -> None:
    wallet, service, watcher = start_pair(stack)
    wallet.run("touch", BUSY_FILE)
    service.control("busy")
    due_s = plan_soon(
        lambda cron: read_plan(stack, cron), lambda: is_held_by_busy(watcher)
    )
    (planned,) = list_planned(watcher, "--count", "1")
    assert planned["target"] == WALLET

    wait_held_by_busy(stack, watcher, f"{WALLET} is busy (its command ended with 75)")
    wallet.run("rm", BUSY_FILE)
    wait_held_by_busy(stack, watcher, f"{SERVICE} is busy (it answered 423)")
    assert "busy" in watcher.run("sidecar", "explain", WALLET)
    assert stack.lifecycle_calls() == []
    service.control("busy", {"busy": False})
    stack.wait_outcome(SERVICE, "restart", deadline_s=2 * DEADLINE_S)

    stack.wait_healthy(WALLET, SERVICE)
    assert stack.lifecycle_calls() == [f"restart {WALLET}", f"restart {SERVICE}"]
    assert stack.proxy.posts[0].at >= due_s
    assert stack.starts(wallet) == stack.starts(service) == 2
    assert wallet.wallets()
    (began_root,) = watcher.decisions(WALLET, "restart")
    assert f"until {SERVICE} was free" in began_root.message
    # The daemon obeyed its own stop; the engine only had to renew its wrapper.
    records = watcher.records()
    obeyed = records.index(
        next(r for r in records if "it stopped when asked" in r.message)
    )
    began, ended = (
        [records.index(r) for r in records if r.message.startswith(words)]
        for words in ("restarting it: ", "restart ended: recovered")
    )
    assert [records[i].target for i in began] == [WALLET, SERVICE]
    assert began[0] < obeyed < ended[0] < began[1] < ended[1]
    assert {records[i].fields["trigger"] for i in began} == {"planned"}
    for target in (WALLET, SERVICE):
        counted = (
            f'sidecar_restarts_total{{outcome="recovered",target="{target}",'
            'trigger="planned"} 1.0'
        )
        assert counted in watcher.metrics()


def test_planned_restart_skipped_by_operator_does_not_happen(stack: Stack) -> None:
    wallet, _, watcher = start_pair(stack)
    before = wallet.started_at
    read_plan(stack, each_minute(SKIPPED_IN_S))

    output = watcher.run("sidecar", "schedule", "skip", WALLET)

    first, second = list_planned(watcher, "--count", "2")
    assert (first["skipped"], second["skipped"]) == (True, False)
    assert first["at"].removesuffix(".000Z") in output
    wait_until(unix_time(first["at"]))
    stack.wait_for(
        "its time passes",
        lambda: any(
            "an operator asked for that" in r.message for r in watcher.records()
        ),
    )
    stack.wait_probes(WALLET, 3)
    assert stack.engine_calls() == []
    assert wallet.started_at == before
    assert time.time() < unix_time(second["at"])


def test_planned_restart_is_skipped_after_recent_restart(
    stack: Stack,
) -> None:
    wallet, _, watcher = start_pair(stack, is_soon=True, skip_if_restarted_within="10m")
    before = wallet.started_at

    # Due before all is calm, it is skipped for that; the next one is a minute away.
    skipped = stack.wait_for(
        "a skip for that reason",
        lambda: [
            record
            for record in watcher.decisions(WALLET, "skip")
            if record.fields["guard"] == "recently_restarted"
        ],
        2.5 * DEADLINE_S,
    )

    assert "it was restarted" in skipped[0].message
    stack.wait_probes(WALLET, 3)
    assert stack.engine_calls() == []
    assert wallet.started_at == before
