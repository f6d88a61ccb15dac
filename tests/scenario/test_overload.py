"""The loop under a full queue, invalid events, failing listeners, a slow store."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from typing_extensions import override

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import RunId
from sidecar.core.model.event import (
    ContainersListed,
    EngineReachabilityChanged,
    ProbeCompleted,
    RestartRequested,
    Tick,
)
from sidecar.core.model.probe_result import probe_failure, probe_success
from sidecar.core.model.probe_settings import RunningProbe
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId, Mode, Target
from sidecar.core.model.update import replace_instances
from sidecar.core.ports.loop import QueueFull
from sidecar.core.reason.reason import text_reason
from sidecar.simulation.memory_store import MemoryStore
from sidecar.watchdog import (
    QUEUE_LIMIT,
    TURN_INSTANCES,
    TURN_PROBES,
    Watchdog,
)
from tests.support.loop_harness import (
    LEAF,
    ROOT,
    ROOT_ID,
    LoopHarness,
    StepRecorder,
    run_scenario,
)
from tests.support.rule_world import RuleWorld, container

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


class HeldStore(MemoryStore):
    """A store that does not end a write before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = asyncio.Event()
        self.is_writing = asyncio.Event()

    @override
    async def append(self, *results: StepResult) -> None:
        self.is_writing.set()
        await self.may_end.wait()
        await super().append(*results)


def test_state_is_shown_once_it_is_stored() -> None:
    """Else a drill that the state no longer shows is not yet on record."""

    async def scenario(harness: LoopHarness) -> None:
        store = HeldStore()
        watchdog = Watchdog(
            state=State(started=harness.clock.now(), mode=Mode.ACT),
            clock=harness.clock,
            store=store,
            listeners=(),
            probing=harness.scheduler,
            remedies=harness.executor,
        )
        before = watchdog.state
        loop = asyncio.create_task(watchdog.run())
        watchdog.post(EngineReachabilityChanged(harness.clock.now(), reachable=True))
        await store.is_writing.wait()
        assert watchdog.state is before
        store.may_end.set()
        await harness.wait_until(lambda: watchdog.state.engine.reachable)
        loop.cancel()

    run_scenario(scenario)


def test_long_queue_yields_to_other_tasks_between_events() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(20.0)
        events = harness.recorder.events
        first_count = len(events)
        for _ in range(100):
            harness.post(Tick(harness.clock.now()))
        assert await _longest_turn(events, first_count + 100) <= 2

    run_scenario(scenario)


async def _longest_turn(events: Sequence[object], until_count: int) -> int:
    """The most events that are worked in in one turn of the loop."""
    longest = 0
    while (before := len(events)) < until_count:
        await asyncio.sleep(0)
        longest = max(longest, len(events) - before)
    return longest


def test_several_results_of_probes_are_worked_in_before_others_have_their_turn() -> (
    None
):
    """A turn may also make a piece of a long answer: one result each is too few."""

    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(20.0)
        events = harness.recorder.events
        instance = harness.instance(ROOT)
        assert instance.container is not None
        now, run = harness.clock.now(), instance.container.run
        first_count = len(events)
        for _ in range(10 * TURN_PROBES):
            harness.post(
                ProbeCompleted(now, instance.id, run, now.mono, probe_success())
            )
        longest = await _longest_turn(events, first_count + 10 * TURN_PROBES)
        assert TURN_PROBES <= longest <= TURN_PROBES + 2

    run_scenario(scenario)


class CountingStore(MemoryStore):
    """Counts the steps of each write."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: list[int] = []

    @override
    async def append(self, *results: StepResult) -> None:
        self.counts.append(len(results))
        await super().append(*results)


class BrokenStore(MemoryStore):
    """A store with a fault: it raises until it is mended."""

    def __init__(self) -> None:
        super().__init__()
        self.is_mended = False

    @override
    async def append(self, *results: StepResult) -> None:
        if not self.is_mended:
            raise OSError("a fault of the store")
        await super().append(*results)


def make_watchdog(
    harness: LoopHarness, store: MemoryStore, *listeners: StepRecorder
) -> tuple[Watchdog, "RecordingScheduler"]:
    """A second watchdog with the harness's state."""
    scheduler = RecordingScheduler()
    watchdog = Watchdog(
        state=harness.watchdog.state,
        clock=harness.clock,
        store=store,
        listeners=listeners,
        probing=scheduler,
        remedies=harness.executor,
    )
    return watchdog, scheduler


def success_of(harness: LoopHarness) -> ProbeCompleted:
    instance, now = harness.instance(ROOT), harness.clock.now()
    assert instance.container is not None
    run = instance.container.run
    return ProbeCompleted(now, instance.id, run, now.mono, probe_success())


def test_results_that_wait_together_are_stored_in_one_write() -> None:
    """At a start each of thousands of targets changes: each write takes its time."""

    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(20.0)
        store, recorder = CountingStore(), StepRecorder()
        watchdog, _ = make_watchdog(harness, store, recorder)
        for _ in range(TURN_PROBES + 2):
            watchdog.post(success_of(harness))
        loop = asyncio.create_task(watchdog.run())
        await asyncio.sleep(0.1)
        loop.cancel()
        # The second write has the tick that follows, too.
        assert store.counts == [TURN_PROBES, 3]
        assert len(recorder.events) == TURN_PROBES + 3

    run_scenario(scenario)


def test_bad_event_among_results_loses_none_of_them() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(20.0)
        watchdog, scheduler = make_watchdog(harness, MemoryStore())
        good = success_of(harness)
        bad = replace(good, outcome=None)  # type: ignore[arg-type]  # that is the point
        for event in (good, bad, good):
            watchdog.post(event)
        loop = asyncio.create_task(watchdog.run())
        await asyncio.sleep(0.1)
        loop.cancel()
        assert scheduler.paced == [good.instance] * 3
        before = harness.watchdog.state.instances[good.instance].health.successes
        after = watchdog.state.instances[good.instance].health.successes
        assert after == before + 2

    run_scenario(scenario)


def test_fault_of_the_store_shows_no_state_and_ends_no_loop() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(20.0)
        store = BrokenStore()
        watchdog, scheduler = make_watchdog(harness, store)
        before, good = watchdog.state, success_of(harness)
        watchdog.post(good)
        loop = asyncio.create_task(watchdog.run())
        await asyncio.sleep(0.1)
        assert watchdog.state is before
        assert scheduler.paced == [good.instance]
        store.is_mended = True
        assert await watchdog.ask(RestartRequested(harness.clock.now(), ROOT))
        loop.cancel()

    run_scenario(scenario)


@dataclass
class RecordingScheduler:
    """Records which instances are to be probed again."""

    paced: list[InstanceId] = field(default_factory=list)

    def pace(self, instance: InstanceId, *_: object) -> None:
        self.paced.append(instance)

    def forget(self, instance: InstanceId) -> None:
        raise AssertionError(f"{instance} is probed no more")


def test_instance_is_probed_again_although_its_result_is_dropped_or_outdated() -> None:
    async def scenario(harness: LoopHarness) -> None:
        await asyncio.sleep(20.0)
        now = harness.clock.now()
        watchdog, scheduler = make_watchdog(harness, harness.store)
        instance = harness.instance(ROOT).id
        earlier_run = RunId("earlier", 1.0)
        result = ProbeCompleted(now, instance, earlier_run, now.mono, probe_success())
        watchdog.post(result)
        loop = asyncio.create_task(watchdog.run())
        await asyncio.sleep(0.1)
        loop.cancel()
        assert scheduler.paced == [instance], "its run is over"
        for _ in range(QUEUE_LIMIT):
            watchdog.post(Tick(now))
        watchdog.post(result)
        assert scheduler.paced == [instance, instance], "the queue is full"

    run_scenario(scenario)


def test_outdated_result_is_followed_by_a_probe_though_it_concerns_others() -> None:
    async def scenario(harness: LoopHarness) -> None:
        world = RuleWorld(lists=False)
        world.works(ROOT, LEAF)
        world.fails(LEAF, Cause.REFUSED)
        undecided = replace(world.instance(LEAF), last_decision=None, remedy=None)
        scheduler = RecordingScheduler()
        watchdog = Watchdog(
            state=replace_instances(world.state, undecided),
            clock=harness.clock,
            store=harness.store,
            listeners=(),
            probing=scheduler,
            remedies=harness.executor,
        )
        root = world.instance(ROOT).id
        earlier, at = RunId("earlier", 1.0), world.now
        watchdog.post(ProbeCompleted(at, root, earlier, at.mono, probe_success()))
        loop = asyncio.create_task(watchdog.run())
        await asyncio.sleep(0.1)
        loop.cancel()
        assert watchdog.state.instances[undecided.id].last_decision is not None
        assert root in scheduler.paced

    run_scenario(scenario)


async def test_listing_of_thousands_leaves_turns_to_others() -> None:
    world = RuleWorld(targets=())
    targets = tuple(Target(f"s{n}", probes=(RunningProbe(),)) for n in range(3000))
    roster = tuple((InstanceId(t.name, 1), container(t.name)) for t in targets)
    harness = LoopHarness(targets=())
    scheduler = RecordingScheduler()
    watchdog = Watchdog(
        state=world.state,
        clock=harness.clock,
        store=harness.store,
        listeners=(),
        probing=scheduler,
        remedies=harness.executor,
    )
    watchdog.post(ContainersListed(world.now, targets, roster))
    loop = asyncio.create_task(watchdog.run())
    turns_before_step = turns_of_pace = 0
    async with asyncio.timeout(30):
        while len(scheduler.paced) < len(targets):
            await asyncio.sleep(0)
            turns_of_pace += bool(scheduler.paced)
            turns_before_step += not scheduler.paced
    loop.cancel()
    assert turns_before_step > 10, "the step"
    assert turns_of_pace >= len(targets) / TURN_INSTANCES - 1, "the timers"


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
