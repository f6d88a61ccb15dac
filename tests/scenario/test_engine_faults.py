"""Late, missing and outdated answers of the engine, through the whole loop."""

import asyncio
from dataclasses import dataclass, field

from typing_extensions import override

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import ContainerEventSeen, ContainersListed, Event
from sidecar.core.model.probe_result import probe_failure, probe_success
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.ports.engine import EngineUnreachable
from sidecar.core.reason.reason import text_reason
from sidecar.engine.watcher import EngineWatcher
from sidecar.remedies.executor import DEADLINE_S
from sidecar.simulation.virtual_time import run_virtual
from tests.support.fakes import FakeEngine, LoopClock, a_container
from tests.support.loop_harness import (
    LEAF,
    LEAF_ID,
    ROOT,
    ROOT_ID,
    LoopHarness,
    run_scenario,
)
from tests.support.rule_world import WALLET

REFUSED = probe_failure(Cause.REFUSED, text_reason("connection refused"))
UNAVAILABLE = probe_failure(Cause.HTTP_5XX, text_reason("status 503"))


async def wait_until_healthy() -> None:
    await asyncio.sleep(40.0)


def test_stopped_containers_are_started_after_engine_restart() -> None:
    """A restart of the engine's daemon ends all containers, dependents first."""

    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.set_script(
            LEAF,
            lambda _: (
                probe_success()
                if harness.engine.held[ROOT_ID].status is Status.RUNNING
                else UNAVAILABLE
            ),
        )
        harness.engine.crash(LEAF_ID, 255)
        harness.engine.crash(ROOT_ID, 255)
        await asyncio.sleep(30.0)
        assert harness.instance(ROOT).state is TargetState.HEALTHY
        assert harness.instance(LEAF).state is TargetState.HEALTHY

    assert run_scenario(scenario).acts() == [("start", LEAF_ID), ("start", ROOT_ID)]


def test_failing_inspect_does_not_flood_engine_with_requests() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.engine.trouble("inspect", EngineUnreachable("too busy"), times=10_000)
        harness.set_script(ROOT, lambda _: REFUSED)
        await asyncio.sleep(600.0)
        log_requests = [c for c, _ in harness.engine.calls if c == "logs"]
        assert 5 <= len(log_requests) <= 20

    assert run_scenario(scenario).acts() == []


def test_remedy_deadline_is_later_than_executor_deadline() -> None:
    """So the result of a remedy is never attributed to the next remedy."""

    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.engine.delays["restart"] = 10_000.0
        harness.fail_until_restart(ROOT, REFUSED)
        await harness.wait_until(lambda: harness.instance(ROOT).remedy is not None)
        await asyncio.sleep(5.0 + DEADLINE_S + 1.0)
        remedy = harness.instance(ROOT).remedy
        assert remedy is not None
        assert remedy.uncertain
        assert len(harness.decisions_of(Action.RESTART)) == 1

    run_scenario(scenario)


class LaggingEngine(FakeEngine):
    """An engine whose container ``dies`` after its list was made, before it arrives."""

    dies = False

    @override
    async def containers(self) -> tuple[Container, ...]:
        containers = await super().containers()
        if self.dies:
            self.dies = False
            self.crash(ROOT_ID, 1)
            await asyncio.sleep(1.0)
        return containers


@dataclass
class StatusRecorder:
    """Container status in each event that the engine watcher posts."""

    statuses: list[Status] = field(default_factory=list)

    def post(self, event: Event) -> None:
        if isinstance(event, ContainersListed):
            self.statuses += [container.status for _, container in event.containers]
        elif isinstance(event, ContainerEventSeen) and event.container is not None:
            assert event.kind is not EngineEventKind.OTHER
            self.statuses.append(event.container.status)


def test_outdated_container_list_does_not_override_later_event() -> None:
    async def targets_of(_: tuple[Container, ...]) -> tuple[Target, ...]:
        return (WALLET,)

    async def main() -> list[Status]:
        clock = LoopClock()
        engine = LaggingEngine(clock, a_container(ROOT_ID, service=ROOT))
        recorder = StatusRecorder()
        engine_watcher = EngineWatcher(engine, clock, recorder.post, targets_of)
        task = asyncio.create_task(engine_watcher.run())
        await asyncio.sleep(20.0)
        engine.dies = True
        await asyncio.sleep(40.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await engine.close()
        return recorder.statuses

    statuses = run_virtual(main())
    first = statuses.index(Status.EXITED)
    assert set(statuses[first:]) == {Status.EXITED}


def test_container_that_exits_at_once_is_not_taken_as_stopped_by_operator() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await wait_until_healthy()
        harness.engine.remove(ROOT_ID)
        await asyncio.sleep(1.0)
        now = harness.clock.now().wall
        harness.engine.add(a_container("fresh", service=ROOT, started_at=now))
        harness.engine.crash("fresh", 0)
        await asyncio.sleep(5.0)

    assert run_scenario(scenario).acts() == [("start", "fresh")]
