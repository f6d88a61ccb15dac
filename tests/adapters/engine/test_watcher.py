"""The pump between the engine and the loop, with a fake engine."""

import asyncio
from collections.abc import Callable

import pytest

from sidecar.core.model.container import Container
from sidecar.core.model.event import ContainersListed, EngineReachabilityChanged, Event
from sidecar.core.model.service_hold import ServiceHold
from sidecar.core.model.target import Target
from sidecar.core.policy.guards.engine import STALE_VIEW_S
from sidecar.core.ports.engine import EngineUnreachable
from sidecar.core.ports.loop import Component
from sidecar.engine.watcher import (
    DEAF_AFTER_S,
    DEAF_LIST_EVERY_S,
    GATHER_S,
    LABELS_S,
    LIST_AGAIN_S,
    LIST_EVERY_S,
    RETRY_S,
    UPDATE_LIST_EVERY_S,
    EngineWatcher,
)
from sidecar.simulation.virtual_time import run_virtual
from tests.support.fakes import FakeEngine, LoopClock, a_container
from tests.support.thread_steps import record_thread_steps

CALM_S = 10.0

PostedEvents = list[tuple[float, Event]]


async def no_targets(_: tuple[Container, ...]) -> tuple[Target, ...]:
    return ()


@pytest.mark.parametrize("steps", range(10))
async def test_watcher_ends_when_cancelled_while_an_event_arrives(steps: int) -> None:
    clock = LoopClock()
    engine = FakeEngine(clock, a_container("c1"))
    first_list = asyncio.Event()

    def post(event: Event) -> None:
        if isinstance(event, ContainersListed):
            first_list.set()

    running = asyncio.create_task(EngineWatcher(engine, clock, post, no_targets).run())
    async with asyncio.timeout(20):
        await first_list.wait()

    engine.start_by_operator("c1")
    for _ in range(steps):
        await asyncio.sleep(0)
    running.cancel()

    ended, _ = await asyncio.wait({running}, timeout=2)
    assert ended


@pytest.mark.parametrize(
    ("count", "thread_steps"), [(500, []), (501, ["begin", "end"])]
)
def test_long_list_is_assigned_beside_the_loop(
    count: int, thread_steps: list[str]
) -> None:
    async def list_once() -> list[str]:
        clock = LoopClock()
        engine = FakeEngine(clock, *(a_container(f"c{n}") for n in range(count)))
        listed = asyncio.Event()

        def post(event: Event) -> None:
            if isinstance(event, ContainersListed):
                listed.set()

        steps = record_thread_steps()
        watching = EngineWatcher(engine, clock, post, no_targets).run()
        running = asyncio.create_task(watching)
        await listed.wait()
        running.cancel()
        return steps

    assert run_virtual(list_once()) == thread_steps


def test_list_that_says_the_same_is_not_assigned_again() -> None:
    async def list_three_times() -> list[list[str]]:
        clock = LoopClock()
        engine = FakeEngine(clock, *(a_container(f"c{n}") for n in range(501)))
        lists: asyncio.Queue[ContainersListed] = asyncio.Queue()

        def post(event: Event) -> None:
            if isinstance(event, ContainersListed):
                lists.put_nowait(event)

        steps = record_thread_steps()
        watching = EngineWatcher(engine, clock, post, no_targets).run()
        running = asyncio.create_task(watching)
        steps_by_list = []
        for _ in range(2):
            await lists.get()
            steps_by_list.append([*steps])
        engine.add(a_container("new", number=2))
        await lists.get()
        running.cancel()
        return [*steps_by_list, [*steps]]

    once = ["begin", "end"]
    assert run_virtual(list_three_times()) == [once, once, once + once]


def events_after(happens: Callable[[FakeEngine], None], seconds: float) -> PostedEvents:
    """Events posted after ``happens``, which follows a calm beginning, with times."""

    async def story() -> PostedEvents:
        clock = LoopClock()
        engine = FakeEngine(clock, a_container("c1"))
        posted: PostedEvents = []

        def post(event: Event) -> None:
            posted.append((clock.now().mono - CALM_S, event))

        running = asyncio.create_task(
            EngineWatcher(engine, clock, post, no_targets).run()
        )
        await asyncio.sleep(CALM_S)
        posted.clear()
        happens(engine)
        await asyncio.sleep(seconds)
        running.cancel()
        await asyncio.wait({running})
        return posted

    return run_virtual(story())


def listing_times(posted: PostedEvents) -> list[float]:
    return [at for at, event in posted if isinstance(event, ContainersListed)]


def test_a_new_container_is_listed_at_once() -> None:
    posted = events_after(lambda engine: engine.add(a_container("c2", number=2)), 1.0)
    assert len(listing_times(posted)) == 1


def test_list_asked_for_during_a_listing_begins_after_the_question() -> None:
    """The listing under way may have the targets of the settings before."""

    async def story() -> list[int]:
        clock = LoopClock()
        engine = FakeEngine(clock, a_container("c1"))
        engine.delays["containers"] = 1.0
        settings, listed = [1], []

        async def targets_of(_: tuple[Container, ...]) -> tuple[Target, ...]:
            in_force = settings[0]
            await asyncio.sleep(0.5)
            listed.append(in_force)
            return ()

        watcher = EngineWatcher(engine, clock, lambda _: None, targets_of)
        running = asyncio.create_task(watcher.run())
        await asyncio.sleep(1.2)
        settings[0] = 2
        await watcher.list_again()
        result = list(listed)
        running.cancel()
        await asyncio.wait({running})
        return result

    assert run_virtual(story())[-1] == 2


@pytest.mark.parametrize("trouble", ["silent", "unreachable"])
def test_list_asked_for_is_not_waited_for_longer_than_its_limit(trouble: str) -> None:
    async def story() -> float:
        clock = LoopClock()
        engine = FakeEngine(clock, a_container("c1"))
        watcher = EngineWatcher(engine, clock, lambda _: None, no_targets)
        running = asyncio.create_task(watcher.run())
        await asyncio.sleep(CALM_S)
        if trouble == "silent":
            engine.delays["containers"] = 60.0
        else:
            engine.unreachable = "no such file"
        began = clock.now().mono
        await watcher.list_again()
        lasted_s = clock.now().mono - began
        running.cancel()
        await asyncio.wait({running})
        return lasted_s

    limits = {"silent": LIST_AGAIN_S, "unreachable": GATHER_S}
    assert run_virtual(story()) == pytest.approx(limits[trouble], abs=0.01)


@pytest.mark.parametrize(
    ("hold", "interval_s"),
    [
        (ServiceHold.UPDATING, UPDATE_LIST_EVERY_S),
        (ServiceHold.ROLLING_BACK, UPDATE_LIST_EVERY_S),
        (ServiceHold.UPDATE_PAUSED, LIST_EVERY_S),
    ],
)
def test_lists_are_more_frequent_while_swarm_replaces_tasks(
    hold: ServiceHold, interval_s: float
) -> None:
    task = a_container("c2", number=2, service_hold=hold)
    posted = events_after(lambda engine: engine.add(task), LIST_EVERY_S + 1.0)
    first, second, *_ = listing_times(posted)
    assert second - first == pytest.approx(interval_s)


def test_a_list_that_failed_is_asked_for_again_soon() -> None:
    def fails(engine: FakeEngine) -> None:
        engine.trouble("containers", EngineUnreachable("for once"))

    posted = events_after(fails, LIST_EVERY_S)
    (failed,) = (
        at
        for at, e in posted
        if isinstance(e, EngineReachabilityChanged) and not e.reachable
    )
    (again,) = listing_times(posted)
    assert again - failed == pytest.approx(RETRY_S)


def test_lost_engine_is_reported_at_once() -> None:
    posted = events_after(lambda engine: engine.go_away("gone"), 1.0)
    assert [
        e.reason for _, e in posted if isinstance(e, EngineReachabilityChanged)
    ] == ["gone"]


def refuse_events(engine: FakeEngine) -> None:
    engine.go_deaf("403: events are forbidden")


def test_an_engine_whose_events_are_refused_is_listed_more_often() -> None:
    posted = events_after(refuse_events, 60.0)
    assert len(listing_times(posted)) >= 60.0 // DEAF_LIST_EVERY_S
    changes = [
        event for _, event in posted if isinstance(event, EngineReachabilityChanged)
    ]
    assert all(event.reachable for event in changes)
    assert {event.deaf for event in changes} == {
        "no events of the engine are heard: 403: events are forbidden"
    }


def test_event_stream_that_is_refused_is_ok_with_its_reason() -> None:
    async def story() -> tuple[Component, ...]:
        clock = LoopClock()
        engine = FakeEngine(clock, a_container("c1"))
        pump = EngineWatcher(engine, clock, lambda _: None, no_targets)
        running = asyncio.create_task(pump.run())
        await asyncio.sleep(CALM_S)
        engine.go_deaf("403: events are forbidden")
        await asyncio.sleep(CALM_S)
        running.cancel()
        await asyncio.wait({running})
        return pump.components()

    engine, stream, _ = run_virtual(story())
    assert (engine.ok, engine.reason) == (True, "")
    assert stream.ok
    assert "403: events are forbidden" in stream.reason
    assert "by the list alone" in stream.reason


def test_events_delayed_beyond_the_limit_are_reported_missing() -> None:
    posted = events_after(lambda engine: engine.go_deaf("slow", refused=False), 120.0)
    states = [
        (at, e.deaf) for at, e in posted if isinstance(e, EngineReachabilityChanged)
    ]
    assert all(bool(deaf) is (at >= DEAF_AFTER_S) for at, deaf in states)
    assert states[-1][1]


def test_own_container_is_no_target() -> None:
    async def story() -> list[tuple[str, ...]]:
        clock = LoopClock()
        engine = FakeEngine(clock, a_container("c1"), a_container("ours", number=2))
        offered: list[tuple[str, ...]] = []

        async def targets_of(containers: tuple[Container, ...]) -> tuple[Target, ...]:
            offered.append(tuple(container.id for container in containers))
            return ()

        pump = EngineWatcher(engine, clock, lambda _: None, targets_of, "ours")
        running = asyncio.create_task(pump.run())
        await asyncio.sleep(1.0)
        running.cancel()
        await asyncio.wait({running})
        return offered

    assert set(run_virtual(story())) == {("c1",)}


def freshness(pump: EngineWatcher) -> tuple[bool, str]:
    (part,) = [c for c in pump.components() if c.name == "listing"]
    return part.ok, part.reason


def test_old_list_of_containers_is_reported() -> None:
    """Also where the engine answers and the list does not come."""

    async def story() -> list[tuple[bool, str]]:
        clock = LoopClock()
        engine = FakeEngine(clock, a_container("c1"))
        answers = asyncio.Event()
        answers.set()

        async def slow_targets(_: tuple[Container, ...]) -> tuple[Target, ...]:
            await answers.wait()
            return ()

        pump = EngineWatcher(engine, clock, lambda _: None, slow_targets)
        running = asyncio.create_task(pump.run())
        await asyncio.sleep(LIST_EVERY_S - 1.0)
        states = [freshness(pump)]
        answers.clear()
        await asyncio.sleep(STALE_VIEW_S + LIST_EVERY_S)
        states.append(freshness(pump))
        answers.set()
        await asyncio.sleep(1.0)
        states.append(freshness(pump))
        running.cancel()
        await asyncio.wait({running})
        return states

    fresh, stale, again = run_virtual(story())
    assert fresh == again == (True, "")
    assert not stale[0]
    assert stale[1].startswith("the last list of containers is ")


def test_slow_labels_are_reported_and_read_again() -> None:
    async def story() -> list[tuple[bool, str]]:
        clock = LoopClock()
        engine = FakeEngine(clock, a_container("c1"))
        hangs = [True]

        async def targets(_: tuple[Container, ...]) -> tuple[Target, ...]:
            if hangs[0]:
                await asyncio.sleep(3600.0)
            return ()

        pump = EngineWatcher(engine, clock, lambda _: None, targets)
        running = asyncio.create_task(pump.run())
        await asyncio.sleep(LABELS_S + 1.0)
        states = [pump.components()[0][1:3]]
        hangs[0] = False
        await asyncio.sleep(LABELS_S + RETRY_S)
        states.append(pump.components()[0][1:3])
        running.cancel()
        await asyncio.wait({running})
        return states

    assert run_virtual(story()) == [
        (False, "the labels were not worked out within 20 s"),
        (True, ""),
    ]
