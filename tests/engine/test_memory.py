"""Leaks on the real engine: forecast, restarted before the limit, and not killed."""

import time
from datetime import datetime

import pytest
from docker.models.containers import Container

from tests.engine.harness import QUICK, QUICK_RESTART, SidecarBox, Stack, config

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

LIMIT_BYTES = 64 * 2**20
MIB_PER_S = 1.6
LEAK = f"""
import time
held, begin = [], time.monotonic()
while True:
    missing = (time.monotonic() - begin) * {MIB_PER_S} - len(held) / 16
    held.extend(bytearray(b"x" * 65536) for _ in range(int(missing * 16)))
    time.sleep(0.05)
"""
FORESEEN, ASKED, LEFT_ALONE = "foreseen", "asked", "left-alone"
PROBE = {"type": "memory", "every": "250ms", "over": "99%"}
NOTHING_BETWEEN = {"skip_if_restarted_within": "0s"}
TARGETS = {
    FORESEEN: {
        "probe": PROBE,
        "restart": dict(QUICK_RESTART),
        "preventive": {"before_limit": True, **NOTHING_BETWEEN},
    },
    ASKED: {
        "probe": PROBE | {"over": "60%", "on_match": "planned_restart"},
        "restart": dict(QUICK_RESTART),
        "preventive": NOTHING_BETWEEN,
    },
    LEFT_ALONE: {"probe": PROBE, "restart": {"enabled": False}},
}
FORECAST_TEXT = "MiB an hour and reaches its limit of 64 MiB"
TIMINGS = {**QUICK, "interval": "300ms", "fast_interval": "300ms", "start_period": "1s"}


def start_leak(stack: Stack, service: str) -> Container:
    return stack.container(
        "sidecar-base:local",
        service,
        command=["python3", "-c", LEAK],
        init=True,
        mem_limit=LIMIT_BYTES,
        memswap_limit=LIMIT_BYTES,
    )


def planned_reason(watcher: SidecarBox, name: str) -> str:
    """The reason of the first planned restart of a target; empty: there was none."""
    restarts = watcher.decisions(name, "restart")
    return restarts[0].message if restarts else ""


def wait_for_plan(stack: Stack, name: str) -> None:
    stack.wait_for(f"{name} is restarted", lambda: planned_reason(stack.watcher, name))


def is_oom_killed(container: Container) -> bool:
    container.reload()
    state = container.attrs["State"]
    # The flag comes before the exit: until then there is no time of an end.
    has_ended = state["Status"] == "exited"
    return has_ended and (bool(state["OOMKilled"]) or state["ExitCode"] == 137)


def test_leak_is_foreseen_and_restarted_before_the_limit_kills_it(
    stack: Stack,
) -> None:
    watcher = stack.sidecar(config(TARGETS, defaults=TIMINGS))
    leaks = {name: start_leak(stack, name) for name in TARGETS}

    def forecast() -> dict[str, object]:
        memory = watcher.target(LEFT_ALONE)["memory"]
        assert memory is not None
        assert memory["silence"] is None, memory["reason"]
        return dict(memory)

    foreseen = stack.wait_for("a forecast", forecast)
    said_wall = time.time()
    # On a loaded machine the leak is not even, and the forecast silent at times.
    stack.wait_for(
        "the command tells the forecast",
        lambda: FORECAST_TEXT in watcher.run("sidecar", "forecast", LEFT_ALONE),
    )
    metrics = watcher.metrics()
    for metric in ("used_bytes", "limit_bytes", "limit_forecast_timestamp_seconds"):
        assert f'sidecar_memory_{metric}{{target="{LEFT_ALONE}"}}' in metrics

    for name, words in (
        (FORESEEN, "its memory may reach its limit at"),
        (ASKED, "a probe asks for a planned restart: its memory is at"),
    ):
        wait_for_plan(stack, name)
        assert words in planned_reason(watcher, name)
    stack.wait_for("the kill", lambda: is_oom_killed(leaks[LEFT_ALONE]))
    killed_wall = finished_wall(leaks[LEFT_ALONE])
    error_s = abs(unix_time(str(foreseen["limit_at"])) - killed_wall)
    print(f"{killed_wall - said_wall:.1f} s before, wrong by {error_s:.1f} s")  # noqa: T201
    assert error_s <= 0.2 * (killed_wall - said_wall)
    for name in (FORESEEN, ASKED):
        assert ("restart", "recovered") in watcher.outcomes(name)
        oom = [
            e
            for e in stack.engine_events.events_until_now(watcher.docker)
            if e.action == "oom" and e.container_id == leaks[name].id
        ]
        assert oom == []


def finished_wall(container: Container) -> float:
    container.reload()
    return unix_time(container.attrs["State"]["FinishedAt"])


def unix_time(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
