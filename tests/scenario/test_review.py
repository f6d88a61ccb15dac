"""Nights that went wrong elsewhere, played through the whole loop."""

import asyncio
from dataclasses import dataclass, field, replace

from typing_extensions import override

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    ContainerEventSeen,
    ContainersListed,
    EngineEventKind,
    Event,
)
from sidecar.core.model.probe_result import probe_failure, probe_success
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.ports.engine import EngineUnreachable
from sidecar.core.reason.reason import text_reason
from sidecar.engine.watcher import EngineWatcher
from sidecar.remedies.executor import DEADLINE_S
from tests.support.fakes import FakeEngine, LoopClock, a_container
from tests.support.loop_harness import (
    LEAF,
    LEAF_ID,
    ROOT,
    ROOT_ID,
    LoopHarness,
    run_scenario,
)
from tests.support.rule_world import SERVICE, WALLET
from tests.support.virtual_time import run_virtual

REFUSED = probe_failure(Cause.REFUSED, text_reason("connection refused"))
UNAVAILABLE = probe_failure(Cause.HTTP_5XX, text_reason("status 503"))


async def settle_in(seconds: float = 40.0) -> None:
    await asyncio.sleep(seconds)


def test_a_failing_dependent_has_its_root_asked_at_once() -> None:
    rare = replace(WALLET, cadence=replace(WALLET.cadence, interval_s=120.0))

    async def story(stage: LoopHarness) -> None:
        await settle_in(10.0)
        stage.breaks(LEAF, UNAVAILABLE)
        await asyncio.sleep(15.0)

    assert run_scenario(story, targets=(rare, SERVICE)).acts() == [("restart", LEAF_ID)]


def test_an_engine_that_restarts_leaves_everything_stopped_root_first() -> None:
    """Its daemon takes all containers with it, dependents first."""

    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.script(
            LEAF,
            lambda _: (
                probe_success()
                if stage.engine.held[ROOT_ID].status is Status.RUNNING
                else UNAVAILABLE
            ),
        )
        stage.engine.crash(LEAF_ID, 255)
        stage.engine.crash(ROOT_ID, 255)
        await asyncio.sleep(30.0)
        assert stage.instance(ROOT).state is TargetState.HEALTHY
        assert stage.instance(LEAF).state is TargetState.HEALTHY

    assert run_scenario(story).acts() == [("start", LEAF_ID), ("start", ROOT_ID)]


def test_an_inspect_that_fails_does_not_make_us_hammer_the_engine() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.engine.trouble("inspect", EngineUnreachable("too busy"), times=10_000)
        stage.script(ROOT, lambda _: REFUSED)
        await asyncio.sleep(600.0)
        asked = [c for c, _ in stage.engine.calls if c == "logs"]
        assert 5 <= len(asked) <= 20

    assert run_scenario(story).acts() == []


def test_our_own_deadline_is_later_than_the_executors() -> None:
    """So that the end of a remedy is never taken for that of the next."""

    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.engine.delays["restart"] = 10_000.0
        stage.breaks(ROOT, REFUSED)
        await stage.until(lambda: stage.instance(ROOT).remedy is not None)
        await asyncio.sleep(5.0 + DEADLINE_S + 1.0)
        remedy = stage.instance(ROOT).remedy
        assert remedy is not None
        assert remedy.uncertain
        assert len(stage.decided(Action.RESTART)) == 1

    run_scenario(story)


class Broken:
    """A teller with a fault."""

    def on_step(self, result: StepResult) -> None:
        raise ValueError("a metric of that name exists already")


def test_what_cannot_be_told_is_done_all_the_same() -> None:
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.breaks(ROOT, REFUSED)
        await asyncio.sleep(60.0)

    stage = run_scenario(story, listeners=(Broken(),))
    assert stage.acts() == [("restart", ROOT_ID)]
    assert stage.notes.decisions


class LaggingEngine(FakeEngine):
    """Its list was true when it was made; a container ``dies`` before it arrives."""

    dies = False

    @override
    async def containers(self) -> tuple[Container, ...]:
        seen = await super().containers()
        if self.dies:
            self.dies = False
            self.crash(ROOT_ID, 1)
            await asyncio.sleep(1.0)
        return seen


@dataclass
class Posted:
    """How the container looked in each event of the pump."""

    seen: list[Status] = field(default_factory=list)

    def post(self, event: Event) -> None:
        if isinstance(event, ContainersListed):
            self.seen += [container.status for _, container in event.containers]
        elif isinstance(event, ContainerEventSeen) and event.container is not None:
            assert event.kind is not EngineEventKind.OTHER
            self.seen.append(event.container.status)


def test_an_old_list_does_not_undo_what_an_event_has_told_since() -> None:
    async def targets_of(_: tuple[Container, ...]) -> tuple[Target, ...]:
        return (WALLET,)

    async def main() -> list[Status]:
        clock = LoopClock()
        engine = LaggingEngine(clock, a_container(ROOT_ID, service=ROOT))
        posted = Posted()
        pump = EngineWatcher(engine, clock, posted.post, targets_of)
        running = asyncio.create_task(pump.run())
        await asyncio.sleep(20.0)
        engine.dies = True
        await asyncio.sleep(40.0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await engine.close()
        return posted.seen

    seen = run_virtual(main())
    first = seen.index(Status.EXITED)
    assert set(seen[first:]) == {Status.EXITED}


def test_a_dependent_recovers_though_its_root_blinks() -> None:
    """1-0-1-0 at the root, and a dependent with a trouble of its own."""

    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.breaks(LEAF, UNAVAILABLE)
        turns = iter(range(10_000))
        stage.script(ROOT, lambda _: probe_success() if next(turns) % 4 else REFUSED)
        await asyncio.sleep(240.0)
        assert stage.instance(LEAF).state is TargetState.HEALTHY

    assert run_scenario(story).acts() == [("restart", LEAF_ID)]


def test_a_container_that_ends_as_soon_as_it_began_was_not_stopped_by_a_person() -> (
    None
):
    async def story(stage: LoopHarness) -> None:
        await settle_in()
        stage.engine.remove(ROOT_ID)
        await asyncio.sleep(1.0)
        now = stage.clock.now().wall
        stage.engine.add(a_container("fresh", service=ROOT, started_at=now))
        stage.engine.crash("fresh", 0)
        await asyncio.sleep(5.0)

    assert run_scenario(story).acts() == [("start", "fresh")]
