"""The loop under a full queue, invalid events and failing listeners."""

import asyncio

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import RestartRequested, Tick
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.loop import QueueFull
from sidecar.core.reason.reason import text_reason
from sidecar.watchdog import QUEUE_LIMIT
from tests.support.loop_harness import ROOT, ROOT_ID, LoopHarness, run_scenario

REFUSED = probe_failure(Cause.REFUSED, text_reason("connection refused"))


def test_full_queue_refuses_operator_request_and_continues() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(20.0)
        for _ in range(QUEUE_LIMIT):
            harness.post(Tick(harness.clock.now()))
        with pytest.raises(QueueFull):
            await harness.watchdog.ask(RestartRequested(harness.clock.now(), ROOT))
        await asyncio.sleep(20.0)
        decision = await harness.watchdog.ask(
            RestartRequested(harness.clock.now(), ROOT)
        )
        assert decision is not None

    run_scenario(scenario)


def test_invalid_event_does_not_stop_watchdog() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(20.0)
        before = harness.watchdog.state
        harness.post("no event at all")  # type: ignore[arg-type]  # that is the point
        await asyncio.sleep(60.0)
        assert harness.watchdog.state.instances.keys() == before.instances.keys()
        assert await harness.watchdog.ask(RestartRequested(harness.clock.now(), ROOT))

    run_scenario(scenario)


def test_long_queue_yields_to_other_tasks_between_events() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(20.0)
        events = harness.recorder.events
        first_count = len(events)
        for _ in range(100):
            harness.post(Tick(harness.clock.now()))
        longest = 0
        while (before := len(events)) < first_count + 100:
            await asyncio.sleep(0)
            longest = max(longest, len(events) - before)
        assert longest <= 2

    run_scenario(scenario)


class FailingListener:
    """A step listener that always raises."""

    def on_step(self, result: StepResult) -> None:
        raise ValueError("a metric of that name exists already")


def test_failing_listener_does_not_prevent_restart() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(40.0)
        harness.fail_until_restart(ROOT, REFUSED)
        await asyncio.sleep(60.0)

    harness = run_scenario(scenario, listeners=(FailingListener(),))
    assert harness.acts() == [("restart", ROOT_ID)]
    assert harness.recorder.decisions
