"""Planned restarts on the real engine, due in seconds."""

import json
import time

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    SERVICE,
    WALLET,
    Json,
    SidecarBox,
    Stack,
    config,
    service_target,
    wallet_target,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

# Enough for a stack to be up and calm on a busy machine.
SOON_S = 25.0


def due_at() -> float:
    return float(round(time.time() + SOON_S))


def planned_config(at_wall: float, **preventive: object) -> Json:
    """The pair, the wallet daemon with a planned restart at this time of each hour."""
    due = time.gmtime(at_wall)
    plan = {
        "cron": f"{due.tm_sec} {due.tm_min} * * * *",
        "timezone": "UTC",
        "jitter": "0s",
        "skip_if_restarted_within": "0s",
    }
    wallet = wallet_target() | {"preventive": {**plan, **preventive}}
    return config({WALLET: wallet, SERVICE: service_target()})


def schedule(watcher: SidecarBox, *arguments: str) -> list[Json]:
    """What ``sidecar schedule`` lists, asked for inside its container."""
    text = watcher.run("sidecar", "schedule", "--json", *arguments)
    return list(json.loads(text)["planned"])


def rfc3339(wall: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(wall))


def wait_until(wall: float) -> None:
    time.sleep(max(0.0, wall - time.time()))


def test_a_planned_restart_is_polite_and_takes_the_dependent_along_verified_in_turn(
    stack: Stack,
) -> None:
    at_wall = due_at()
    wallet, service = stack.wallet(), stack.service()
    watcher = stack.sidecar(planned_config(at_wall))
    stack.wait_healthy(WALLET, SERVICE)
    assert stack.asked() == []
    (planned,) = schedule(watcher, "--count", "1")
    assert planned["target"] == WALLET
    assert planned["at"].startswith(rfc3339(at_wall))

    stack.wait_for(
        "both restarted",
        lambda: ("restart", "recovered") in watcher.outcomes(SERVICE),
        2 * DEADLINE_S,
    )

    stack.wait_healthy(WALLET, SERVICE)
    assert stack.asked() == [f"restart {WALLET}", f"restart {SERVICE}"]
    assert stack.gate.posts[0].at >= at_wall
    assert stack.starts(wallet) == stack.starts(service) == 2
    assert wallet.wallets()
    # The daemon obeyed its own stop; the engine only had to renew its wrapper.
    told = [record.message for record in watcher.records()]
    obeyed = next(i for i, m in enumerate(told) if "it stopped when asked" in m)
    ended = [i for i, m in enumerate(told) if m.startswith("restart ended: recovered")]
    (next_one,) = (
        i
        for i, record in enumerate(watcher.records())
        if record.target == SERVICE
        and record.fields.get("action") == "restart"
        and "outcome" not in record.fields
    )
    assert obeyed < ended[0] < next_one < ended[1]
    assert {r.fields["trigger"] for r in watcher.decisions(WALLET, "restart")} == {
        "planned"
    }
    for target in (WALLET, SERVICE):
        counted = (
            f'sidecar_restarts_total{{outcome="recovered",target="{target}",'
            'trigger="planned"} 1.0'
        )
        assert counted in watcher.metrics()


def test_a_planned_restart_that_an_operator_skips_does_not_come(stack: Stack) -> None:
    at_wall = due_at()
    wallet = stack.wallet()
    stack.service()
    watcher = stack.sidecar(planned_config(at_wall))
    stack.wait_healthy(WALLET, SERVICE)
    before = wallet.started_at

    said = watcher.run("sidecar", "schedule", "skip", WALLET)

    assert rfc3339(at_wall) in said
    first, second = schedule(watcher, "--count", "2")
    assert (first["skipped"], second["skipped"]) == (True, False)
    wait_until(at_wall)
    stack.wait_for(
        "its time passes",
        lambda: any(
            "an operator asked for that" in r.message for r in watcher.records()
        ),
    )
    stack.wait_probes(WALLET, 3)
    assert stack.asked() == []
    assert wallet.started_at == before


def test_a_planned_restart_is_skipped_when_the_target_was_restarted_shortly_before(
    stack: Stack,
) -> None:
    at_wall = due_at()
    wallet = stack.wallet()
    stack.service()
    stack.sidecar(planned_config(at_wall, skip_if_restarted_within="10m"))
    stack.wait_healthy(WALLET, SERVICE)
    before = wallet.started_at

    wait_until(at_wall)
    skipped = stack.wait_decision(WALLET, "skip")

    assert skipped.fields["guard"] == "recent"
    assert "it was restarted" in skipped.message
    stack.wait_probes(WALLET, 3)
    assert stack.asked() == []
    assert wallet.started_at == before
