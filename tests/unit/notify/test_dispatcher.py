"""Delivery of the outbox by the dispatcher, in virtual time."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType

import pytest

from sidecar.core.incidents.message_turn import HOLDER_SENDS_S
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.incident import Incident
from sidecar.core.model.lease import ClusterSettings, LeaseStatus
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.notify.current_incidents import CurrentIncidents
from sidecar.notify.delivery import (
    DELIVERED,
    DOUBT_WAIT_S,
    DeliveryResult,
    DeliveryStatus,
    asked_wait_s,
    doubtful_failure,
    expected_failure,
    from_status,
    permanent_failure,
    temporary_failure,
    wait_s,
)
from sidecar.notify.dispatcher import (
    AT_ONCE,
    DEADLINE_S,
    MAX_AGE_S,
    Dispatcher,
    UnknownChannel,
)
from sidecar.simulation.virtual_time import run_virtual
from tests.support.notify_receivers import (
    LoopClock,
    MemoryOutbox,
    ScriptedChannel,
    deliver,
    message,
)

OTHER = "01JBBBBBBBBBBBBBBBBBBBBBBB"


class DispatcherHarness:
    """A dispatcher with an outbox, run for some virtual seconds."""

    def __init__(self, outbox: MemoryOutbox, *channels: ScriptedChannel) -> None:
        self.outbox = outbox
        self.attempts: list[tuple[str, DeliveryStatus]] = []
        self.state = State(started=LoopClock().now())
        self.dispatcher = Dispatcher(
            outbox,
            channels,
            LoopClock(),
            lambda name, delivery: self.attempts.append((name, delivery)),
            CurrentIncidents(lambda: self.state, LoopClock()),
        )

    async def run_for(
        self, seconds: float, until: Callable[[], bool] | None = None
    ) -> None:
        running = asyncio.create_task(self.dispatcher.run())
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.5)
            if until is not None and until():
                break
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def fails(_: int) -> DeliveryResult:
    return temporary_failure("HTTP 503")


async def refuses(_: int) -> DeliveryResult:
    return permanent_failure("HTTP 404")


async def hangs(_: int) -> DeliveryResult:
    await asyncio.Event().wait()
    return DELIVERED


def test_messages_of_an_incident_arrive_once_and_in_order() -> None:
    async def story() -> None:
        ops, outbox = ScriptedChannel("ops", deliver), MemoryOutbox()
        outbox.add(message(2), message(1), message(3))
        harness = DispatcherHarness(outbox, ops)
        await harness.run_for(5.0)
        assert [i.split("-")[1] for i, _ in ops.tries] == ["1", "2", "3"]
        assert outbox.messages == {}
        assert harness.attempts == [("ops", DeliveryStatus.DELIVERED)] * 3

    run_virtual(story())


def test_postponed_message_delays_only_its_own_incident() -> None:
    async def story() -> None:
        async def first_fails(count: int) -> DeliveryResult:
            return temporary_failure("HTTP 503") if count == 1 else DELIVERED

        ops, outbox = ScriptedChannel("ops", first_fails), MemoryOutbox()
        outbox.add(message(1), message(2), message(1, OTHER, created_wall=2e9))
        await DispatcherHarness(outbox, ops).run_for(30.0)
        order = [(i.startswith(OTHER), i.split("-")[1]) for i, _ in ops.tries]
        assert order == [(False, "1"), (True, "1"), (False, "1"), (False, "2")]

    run_virtual(story())


def test_failing_receiver_is_retried_with_growing_backoff() -> None:
    async def story() -> None:
        async def comes_back(count: int) -> DeliveryResult:
            late = asyncio.get_running_loop().time() > 600.0
            return DELIVERED if late else temporary_failure("HTTP 502")

        ops, outbox = ScriptedChannel("ops", comes_back), MemoryOutbox()
        outbox.add(message())
        harness = DispatcherHarness(outbox, ops)
        await harness.run_for(3600.0, lambda: bool(outbox.delivered_ids))
        times = [at for _, at in ops.tries]
        gaps = [b - a for a, b in pairwise(times)]
        assert outbox.delivered_ids == [message().id]
        assert {i for i, _ in ops.tries} == {message().id}
        assert len(times) < 12
        # Each wait is at least its backoff, and at most that with jitter and a poll.
        for n, gap in enumerate(gaps):
            assert gap >= 5.0 * 2.0**n
        assert outbox.errors[0] == "HTTP 502"

    run_virtual(story())


def test_after_five_failures_the_channel_is_left_alone_for_two_minutes() -> None:
    async def story() -> None:
        ops, outbox = ScriptedChannel("ops", fails), MemoryOutbox()
        for number in range(8):
            outbox.add(message(1, f"01JINCIDENT{number:015}"))
        harness = DispatcherHarness(outbox, ops, ScriptedChannel("phone", deliver))
        await harness.run_for(100.0)
        assert len(ops.tries) == 5
        assert [c[:3] for c in harness.dispatcher.components()] == [
            ("notify ops", False, "HTTP 503"),
            ("notify phone", True, ""),
        ]
        await harness.run_for(60.0)
        assert len(ops.tries) == 6

    run_virtual(story())


def test_hook_whose_container_is_down_is_tried_again_and_works() -> None:
    async def story() -> None:
        async def is_down(_: int) -> DeliveryResult:
            return expected_failure("container is not running")

        hook, outbox = ScriptedChannel("ops", is_down), MemoryOutbox()
        outbox.add(*(message(1, f"01JINCIDENT{number:015}") for number in range(8)))
        harness = DispatcherHarness(outbox, hook)
        await harness.run_for(100.0)
        assert len(hook.tries) > 8
        assert all(component.ok for component in harness.dispatcher.components())
        assert outbox.errors[0] == "container is not running"

    run_virtual(story())


def test_retry_after_header_is_obeyed() -> None:
    async def story() -> None:
        async def busy(count: int) -> DeliveryResult:
            return from_status(429, "90") if count == 1 else DELIVERED

        ops, outbox = ScriptedChannel("ops", busy), MemoryOutbox()
        outbox.add(message())
        await DispatcherHarness(outbox, ops).run_for(200.0)
        first, second = (at for _, at in ops.tries)
        assert 90.0 <= second - first <= 96.0

    run_virtual(story())


def test_permanently_failed_message_is_given_up_and_the_next_is_sent() -> None:
    async def story() -> None:
        async def first_refused(count: int) -> DeliveryResult:
            return permanent_failure("HTTP 404") if count == 1 else DELIVERED

        ops, outbox = ScriptedChannel("ops", first_refused), MemoryOutbox()
        outbox.add(message(1), message(2))
        harness = DispatcherHarness(outbox, ops)
        await harness.run_for(5.0)
        assert outbox.given_up_ids == [message(1).id]
        assert outbox.delivered_ids == [message(2).id]
        assert all(component.ok for component in harness.dispatcher.components())

    run_virtual(story())


def test_message_that_raises_delays_no_other_incident() -> None:
    async def story() -> None:
        outbox = MemoryOutbox()
        outbox.add(message(1), message(1, incident=OTHER))

        async def stumbles(count: int) -> DeliveryResult:
            if count == 1:
                raise KeyError("mode")
            return DELIVERED

        channel = ScriptedChannel("ops", stumbles)
        harness = DispatcherHarness(outbox, channel)
        await harness.run_for(5.0)
        assert [message_id for message_id, _ in channel.tries] == [
            message(1).id,
            message(1, incident=OTHER).id,
        ]
        assert harness.attempts == [
            ("ops", DeliveryStatus.FAILED),
            ("ops", DeliveryStatus.DELIVERED),
        ]

    run_virtual(story())


def test_message_for_a_removed_channel_is_given_up() -> None:
    async def story() -> None:
        outbox = MemoryOutbox()
        outbox.add(message(1), message(1, channel="fax"))
        await DispatcherHarness(outbox, ScriptedChannel("ops", deliver)).run_for(2.0)
        assert outbox.given_up_ids == [message(1, channel="fax").id]
        assert await outbox.count_pending() == {}

    run_virtual(story())


def test_message_over_the_age_limit_is_given_up() -> None:
    async def story() -> None:
        ops, outbox = ScriptedChannel("ops", deliver), MemoryOutbox()
        outbox.add(message(created_wall=message().created_wall - MAX_AGE_S - 1))
        await DispatcherHarness(outbox, ops).run_for(5.0)
        assert (len(outbox.given_up_ids), ops.tries) == (1, [])

    run_virtual(story())


def with_incident(state: State, *, resolved_at: Moment | None = None) -> State:
    """The state with the incident that ``message`` is about."""
    incident = Incident(
        message().incident,
        "electron-cash",
        Cause.HUNG,
        Severity.P1,
        Moment(0.0, message().created_wall),
        resolved_at=resolved_at,
    )
    return replace(state, incidents=MappingProxyType({incident.id: incident}))


def test_death_while_a_message_waits_for_its_turn_delays_no_retry() -> None:
    async def story() -> None:
        names = [f"hung{n}" for n in range(AT_ONCE)]
        outbox = MemoryOutbox()
        outbox.add(*(message(channel=name) for name in (*names, "ops")))
        hung = [ScriptedChannel(name, hangs) for name in names]
        ops = ScriptedChannel("ops", deliver)
        await DispatcherHarness(outbox, *hung, ops).run_for(10.0)
        assert ops.tries == []
        assert {message_id for message_id, _ in outbox.sending_marks} == {
            message(channel=name).id for name in names
        }
        await DispatcherHarness(outbox, *hung, ops).run_for(5.0)
        assert len(ops.tries) == 1

    run_virtual(story())


def test_opened_message_is_dropped_once_its_incident_is_resolved() -> None:
    async def story() -> None:
        async def deaf_at_first(count: int) -> DeliveryResult:
            return doubtful_failure("ReadTimeout") if count == 1 else DELIVERED

        ops, outbox = ScriptedChannel("ops", deaf_at_first), MemoryOutbox()
        harness = DispatcherHarness(outbox, ops)
        harness.state = with_incident(harness.state)
        outbox.add(message())
        running = asyncio.create_task(harness.run_for(300.0))
        await asyncio.sleep(94.0)
        assert [message_id for message_id, _ in ops.tries] == [message().id]
        harness.state = with_incident(harness.state, resolved_at=LoopClock().now())
        resolved = message(2, kind=MessageKind.RESOLVED)
        outbox.add(resolved)
        harness.dispatcher.nudge()
        await running
        assert ops.tries[1:] == [(resolved.id, 94.0)]
        assert (outbox.given_up_ids, outbox.delivered_ids) == (
            [message().id],
            [resolved.id],
        )

    run_virtual(story())


def test_message_is_sent_with_current_facts() -> None:
    async def story() -> None:
        ops, outbox = ScriptedChannel("ops", deliver), MemoryOutbox()
        harness = DispatcherHarness(outbox, ops)
        outbox.add(message(2, kind=MessageKind.RESOLVED))
        now = LoopClock().now()
        ended = with_incident(harness.state, resolved_at=now).incidents[
            message().incident
        ]
        again = replace(ended, id=OTHER, opened_at=now, resolved_at=None)
        incidents = MappingProxyType({ended.id: ended, again.id: again})
        harness.state = replace(harness.state, incidents=incidents)
        await harness.run_for(5.0)
        assert ops.facts[0]["again_since_wall"] == f"{now.wall:.3f}"

    run_virtual(story())


def test_a_channel_that_hangs_delays_no_other() -> None:
    async def story() -> None:
        hung, ops = ScriptedChannel("hung", hangs), ScriptedChannel("ops", deliver)
        outbox = MemoryOutbox()
        outbox.add(message(channel="hung"), message(channel="ops"))
        await DispatcherHarness(outbox, hung, ops).run_for(40.0)
        assert [at for _, at in ops.tries] == [0.0]
        assert outbox.errors == ["no end within 30 s"]

    run_virtual(story())


def test_nudge_wakes_the_dispatcher_at_once() -> None:
    async def story() -> None:
        ops, outbox = ScriptedChannel("ops", deliver), MemoryOutbox()
        harness = DispatcherHarness(outbox, ops)
        running = asyncio.create_task(harness.dispatcher.run())
        await asyncio.sleep(1.0)
        outbox.add(message())
        harness.dispatcher.nudge()
        await asyncio.sleep(0.1)
        assert [at for _, at in ops.tries] == [1.0]
        running.cancel()

    run_virtual(story())


def test_a_store_that_cannot_record_causes_no_second_message() -> None:
    class Stuck(MemoryOutbox):
        async def mark_delivered(  # type: ignore[explicit-override]
            self, message_id: str, now_wall: float
        ) -> None:
            self.delivered_ids.append(message_id)

    async def story() -> None:
        ops, outbox = ScriptedChannel("ops", deliver), Stuck()
        outbox.add(message())
        await DispatcherHarness(outbox, ops).run_for(300.0)
        assert len(ops.tries) == 1
        assert len(outbox.delivered_ids) > 2

    run_virtual(story())


def test_error_of_the_outbox_ends_no_worker() -> None:
    class Broken(MemoryOutbox):
        broken = True

        async def due(  # type: ignore[explicit-override]
            self, channel: str, now_wall: float
        ) -> Message | None:
            if self.broken:
                raise OSError("disk I/O error")
            return await super().due(channel, now_wall)

    async def story() -> None:
        ops, outbox = ScriptedChannel("ops", deliver), Broken()
        outbox.add(message())
        harness = DispatcherHarness(outbox, ops)
        running = asyncio.create_task(harness.dispatcher.run())
        await asyncio.sleep(10.0)
        outbox.broken = False
        await asyncio.sleep(30.0)
        assert len(outbox.delivered_ids) == 1
        running.cancel()

    run_virtual(story())


def test_drain_starts_no_message_and_waits_for_the_current_one() -> None:
    async def story() -> None:
        async def slow(_: int) -> DeliveryResult:
            await asyncio.sleep(3.0)
            return DELIVERED

        ops, outbox = ScriptedChannel("ops", slow), MemoryOutbox()
        outbox.add(message(1), message(2))
        harness = DispatcherHarness(outbox, ops)
        running = asyncio.create_task(harness.dispatcher.run())
        await asyncio.sleep(1.0)
        await harness.dispatcher.drain(5.0)
        assert asyncio.get_running_loop().time() == 3.0
        await asyncio.sleep(20.0)
        running.cancel()
        assert outbox.delivered_ids == [message(1).id]

    run_virtual(story())


def test_test_message_bypasses_the_outbox_and_calls_no_hook() -> None:
    async def story() -> None:
        ops, hook = ScriptedChannel("ops", deliver), ScriptedChannel("hook:0", deliver)
        bad, hung = ScriptedChannel("bad", refuses), ScriptedChannel("hung", hangs)
        dispatcher = DispatcherHarness(MemoryOutbox(), ops, hook, bad, hung).dispatcher
        assert await dispatcher.test("ops") == ""
        assert await dispatcher.test("bad") == "HTTP 404"
        assert await dispatcher.test("hung") == "no end within 12 s"
        for name in ("hook:0", "nobody"):
            with contextlib.suppress(UnknownChannel):
                await dispatcher.test(name)
                raise AssertionError(name)
        assert hook.tries == []

    run_virtual(story())


def test_from_status_maps_http_status_to_delivery_status() -> None:
    verdicts = {
        200: DeliveryStatus.DELIVERED,
        204: DeliveryStatus.DELIVERED,
        302: DeliveryStatus.FAILED,
        400: DeliveryStatus.GIVEN_UP,
        401: DeliveryStatus.GIVEN_UP,
        404: DeliveryStatus.GIVEN_UP,
        408: DeliveryStatus.FAILED,
        429: DeliveryStatus.FAILED,
        500: DeliveryStatus.FAILED,
        503: DeliveryStatus.FAILED,
        504: DeliveryStatus.FAILED,
    }
    assert {s: from_status(s, "").delivery for s in verdicts} == verdicts
    assert [s for s in verdicts if from_status(s, "").is_doubtful] == [504]


def test_wait_s_doubles_with_jitter_up_to_its_limit() -> None:
    waits = [
        wait_s("id", n, temporary_failure(""), repeats=False) for n in range(1, 12)
    ]
    for n, wait in enumerate(waits):
        plain = min(5.0 * 2.0**n, 900.0)
        assert plain <= wait <= plain * 1.2
    assert waits[0] != wait_s("other", 1, temporary_failure(""), repeats=False)
    asked = [
        wait_s("id", 1, temporary_failure("", s), repeats=False) for s in (40.0, 1e9)
    ]
    assert asked == [40.0, 3600.0]
    assert [asked_wait_s(t) for t in ("7", "", "Fri, 31 Dec", "-1", "inf", "nan")] == [
        7.0,
        None,
        None,
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("last", "repeats", "plain"),
    [
        (temporary_failure(""), False, [5, 10, 20, 40]),
        (temporary_failure(""), True, [5, 10, 20, 40]),
        (doubtful_failure(""), True, [5, 10, 20, 40]),
        (doubtful_failure(""), False, [120, 240, 480, 900]),
    ],
)
def test_doubtful_message_waits_longer_unless_repeats_are_known(
    last: DeliveryResult,
    repeats: bool,
    plain: list[int],
) -> None:
    waits = [wait_s("id", n, last, repeats=repeats) for n in range(1, 5)]
    for wait, least in zip(waits, plain, strict=True):
        assert least <= wait <= least * 1.2


@pytest.mark.parametrize(("repeats", "tries"), [(True, 7), (False, 3)])
def test_hanging_receiver_gets_few_repeats_unless_it_knows_repeats(
    repeats: bool,
    tries: int,
) -> None:
    async def story() -> None:
        ops = ScriptedChannel("ops", hangs, knows_repeats=repeats)
        outbox = MemoryOutbox()
        outbox.add(message())
        await DispatcherHarness(outbox, ops).run_for(599.0)
        assert len(ops.tries) == tries
        waits = [b - a for (_, a), (_, b) in pairwise(ops.tries)]
        if not repeats:
            assert waits[0] >= DEADLINE_S + DOUBT_WAIT_S

    run_virtual(story())


def test_successor_waits_after_a_death_during_a_send() -> None:
    async def story() -> None:
        ops, pager = ScriptedChannel("ops", hangs), ScriptedChannel("pager", hangs)
        pager.knows_repeats = True
        outbox = MemoryOutbox()
        outbox.add(message(), message(channel="pager"))
        await DispatcherHarness(outbox, ops, pager).run_for(10.0)
        later = {n: ScriptedChannel(n, deliver) for n in ("ops", "pager")}
        await DispatcherHarness(outbox, *later.values()).run_for(300.0)
        (second,) = (at for _, at in later["ops"].tries)
        (at_once,) = (at for _, at in later["pager"].tries)
        assert DEADLINE_S + DOUBT_WAIT_S <= second <= DEADLINE_S + DOUBT_WAIT_S + 5.0
        assert at_once <= 11.0

    run_virtual(story())


def lease(at: Moment, **changes: object) -> LeaseStatus:
    status = LeaseStatus(ClusterSettings("redis://redis"), "own", since=at, asked=True)
    return replace(status, **changes)  # type: ignore[arg-type]  # its own fields


def test_message_of_a_watchdog_that_only_observes_is_left_to_the_holder() -> None:
    async def story() -> None:
        ops, outbox = ScriptedChannel("ops", deliver), MemoryOutbox()
        harness = DispatcherHarness(outbox, ops)
        other = lease(LoopClock().now(), holder="b")
        harness.state = replace(with_incident(harness.state), lease=other)
        outbox.add(message())
        about_itself = message(1, OTHER, kind=MessageKind.ENGINE_LOST)
        outbox.add(about_itself)
        await harness.run_for(HOLDER_SENDS_S + 10.0)
        assert [message_id for message_id, _ in ops.tries] == [about_itself.id]
        assert outbox.given_up_ids == [message().id]

    run_virtual(story())


def test_message_that_a_dead_holder_has_not_sent_is_sent_by_the_next_one() -> None:
    async def story() -> None:
        ops, outbox = ScriptedChannel("ops", deliver), MemoryOutbox()
        harness = DispatcherHarness(outbox, ops)
        now = LoopClock().now()
        state = with_incident(harness.state)
        harness.state = replace(state, lease=lease(now, holder="b"))
        outbox.add(message())
        running = asyncio.create_task(harness.run_for(60.0))
        await asyncio.sleep(20.0)
        assert ops.tries == []
        harness.state = replace(state, lease=lease(now, token=8, until_mono=1e9))
        await running
        assert [message_id for message_id, _ in ops.tries] == [message().id]
        assert ops.tries[0][1] <= 26.0

    run_virtual(story())


@pytest.mark.parametrize(("rank", "after_s"), [(0, 0.0), (1, HOLDER_SENDS_S)])
def test_without_redis_a_message_is_sent_late_rather_than_never(
    rank: int, after_s: float
) -> None:
    async def story() -> None:
        ops, outbox = ScriptedChannel("ops", deliver), MemoryOutbox()
        harness = DispatcherHarness(outbox, ops)
        unanswered = lease(LoopClock().now(), lost="timeout", rank=rank)
        harness.state = replace(with_incident(harness.state), lease=unanswered)
        outbox.add(message())
        await harness.run_for(HOLDER_SENDS_S + 10.0)
        ((message_id, at),) = ops.tries
        assert message_id == message().id
        assert after_s <= at <= after_s + 6.0

    run_virtual(story())
