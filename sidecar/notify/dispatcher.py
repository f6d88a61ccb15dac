"""Sends the outbox's messages: one independent worker per channel."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from loguru import logger

from sidecar.core.circuit_breaker import BreakerState, CircuitBreaker
from sidecar.core.model.cause import Severity
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import HOOK_PREFIX
from sidecar.core.ports.loop import Clock, Component
from sidecar.core.ports.storage import Outbox
from sidecar.notify.current_incidents import CurrentIncidents
from sidecar.notify.delivery import (
    DOUBT_WAIT_S,
    Channel,
    DeliveryResult,
    DeliveryStatus,
    doubtful_failure,
    permanent_failure,
    temporary_failure,
    wait_s,
)

DEADLINE_S = 30.0
TEST_DEADLINE_S = 12.0
IDLE_S = 5.0
TROUBLE_S = 30.0
TURN_S = 2.0
"""Between two questions whether another watchdog sends a message."""
MAX_AGE_S = 86_400.0
"""Older messages are useless, and must not pile up for a dead channel."""
AT_ONCE = 2
"""Each message of an Apprise channel is a process of some 50 MB while it is sent."""
_REMEMBERED = 1000

OnAttempt = Callable[[str, DeliveryStatus], None]


@dataclass(slots=True)
class _ChannelWorker:
    """One channel's worker. ``delivered_ids`` are the last delivered messages."""

    channel: Channel
    breaker: CircuitBreaker = CircuitBreaker()
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    delivered_ids: dict[str, None] = field(default_factory=dict)
    error: str = ""


class UnknownChannel(LookupError):
    """There is no channel of that name."""


class Dispatcher:
    """Delivers each stored message at least once, in order within an incident, with
    the current facts. An outdated message is not sent: the incident's end is.

    Killed between a send and its record, it sends that message again with the same
    id; to a receiver that does not detect repeats only after the time that the first
    try may take. ``on_attempt`` is called after every try, with the channel.
    """

    def __init__(
        self,
        outbox: Outbox,
        channels: Iterable[Channel],
        clock: Clock,
        on_attempt: OnAttempt,
        incidents: CurrentIncidents,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._on_attempt = on_attempt
        self._incidents = incidents
        self._deadline_s = deadline_s
        self._workers = {channel.name: _ChannelWorker(channel) for channel in channels}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._draining = False
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        await self._abandon_unknown_channels()
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers.values():
                tasks.create_task(self._serve(worker))

    async def _abandon_unknown_channels(self) -> None:
        """Give up messages of channels that are no longer configured."""
        for name in (await self._outbox.count_pending()).keys() - self._workers.keys():
            logger.warning("{} is not configured any more: nothing is sent there", name)
            await self._outbox.abandon(name, self._clock.now().wall)

    def nudge(self) -> None:
        """Wake the workers: new messages were stored."""
        for worker in self._workers.values():
            worker.wake.set()

    async def drain(self, within_s: float) -> None:
        """Start no more sends, and wait until those under way are recorded."""
        self._draining = True
        try:
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        except TimeoutError:
            logger.warning("a message was still being sent; it may come twice")

    async def test(self, name: str) -> str:
        """Send a test message without the outbox; return its error, or nothing.

        UnknownChannel, for a hook too: a test would run it.
        """
        worker = self._workers.get(name)
        if worker is None or name.startswith(HOOK_PREFIX):
            raise UnknownChannel(name)
        now = self._clock.now().wall
        number = f"test-{int(now * 1000)}-{name}"
        message = Message(
            number, number, 1, name, MessageKind.TEST, Severity.P3, created_wall=now
        )
        try:
            async with asyncio.timeout(TEST_DEADLINE_S):
                return (await self._try(worker, message)).error
        except TimeoutError:
            return f"no end within {TEST_DEADLINE_S:g} s"

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels' names, hooks included."""
        return tuple(self._workers)

    def components(self) -> tuple[Component, ...]:
        """Each channel's health: does it deliver messages?"""
        now = self._clock.now()
        return tuple(
            Component(f"notify {name}", not error, error, now.wall)
            for name, worker in self._workers.items()
            for error in (_problem_of(worker, now.mono),)
        )

    async def _serve(self, worker: _ChannelWorker) -> None:
        while True:
            worker.wake.clear()
            try:
                pause_s = await self._step(worker)
            except Exception:  # noqa: BLE001  one message must not end the worker
                logger.exception("the outbox of {} is in trouble", worker.channel.name)
                pause_s = TROUBLE_S
            if pause_s > 0.0:
                await _pause(worker, pause_s)

    async def _step(self, worker: _ChannelWorker) -> float:
        """Try one message; return the seconds until the next try."""
        now = self._clock.now()
        shut_s = worker.breaker.wait_s(now.mono)
        if shut_s > 0.0 or self._draining:
            return shut_s or IDLE_S
        await self._give_up_outdated(worker.channel.name, now.wall)
        message = await self._outbox.due(worker.channel.name, now.wall)
        if message is None:
            return IDLE_S
        if message.id in worker.delivered_ids:
            await self._outbox.mark_delivered(message.id, now.wall)
            return IDLE_S
        if self._incidents.must_wait(message):
            await self._outbox.mark_sending(message.id, now.wall + TURN_S)
            return 0.0
        self._begin()
        try:
            await self._settle(worker, message, await self._attempt(worker, message))
        finally:
            self._end()
        return 0.0

    async def _give_up_outdated(self, name: str, now_wall: float) -> None:
        """Give up outdated messages: they must not delay others of their channel."""
        for message in self._incidents.find_outdated(
            await self._outbox.list_waiting(name)
        ):
            bound = logger.bind(incident=message.incident, channel=name)
            bound.info("message {} is not sent to {}: not needed", message.id, name)
            await self._outbox.give_up(message.id, now_wall, "it was over by then")

    async def _attempt(
        self, worker: _ChannelWorker, message: Message
    ) -> DeliveryResult:
        now = self._clock.now()
        if now.wall - message.created_wall > MAX_AGE_S:
            return permanent_failure(f"not delivered within {MAX_AGE_S / 3600:.0f} h")
        worker.breaker = worker.breaker.record_call(now.mono)
        attempt = await self._try(worker, self._incidents.refresh(message))
        if attempt.delivery is DeliveryStatus.FAILED and not attempt.is_expected:
            worker.breaker = worker.breaker.record_failure(self._clock.now().mono)
            worker.error = attempt.error
        else:
            worker.breaker = worker.breaker.record_success()
        return attempt

    async def _try(self, worker: _ChannelWorker, message: Message) -> DeliveryResult:
        """Send once; the deadline begins with the send, after the wait for a slot."""
        async with self._slots:
            if not worker.channel.knows_repeats:
                now_wall = self._clock.now().wall
                until_wall = now_wall + self._deadline_s + DOUBT_WAIT_S
                await self._outbox.mark_sending(message.id, until_wall)
            try:
                async with asyncio.timeout(self._deadline_s):
                    return await worker.channel.send(message)
            except TimeoutError:
                return doubtful_failure(f"no end within {self._deadline_s:g} s")
            except Exception as error:  # noqa: BLE001  one message must not hold up all
                logger.exception("message {} could not be sent", message.id)
                return temporary_failure(f"{type(error).__name__}: see Sidecar's log")

    async def _settle(
        self, worker: _ChannelWorker, message: Message, attempt: DeliveryResult
    ) -> None:
        """Record the result, and log an error."""
        name, now = worker.channel.name, self._clock.now()
        bound = logger.bind(incident=message.incident, channel=name)
        self._on_attempt(name, attempt.delivery)
        if attempt.delivery is DeliveryStatus.DELIVERED:
            _remember(worker, message.id)
            await self._outbox.mark_delivered(message.id, now.wall)
        elif attempt.delivery is DeliveryStatus.GIVEN_UP:
            bound.error(
                "message {} will never reach {}: {}", message.id, name, attempt.error
            )
            await self._outbox.give_up(message.id, now.wall, attempt.error)
        else:
            tries = message.attempts + 1
            repeats = worker.channel.knows_repeats
            wait = wait_s(message.id, tries, attempt, repeats=repeats)
            bound.warning(
                "message {} {} {} (try {}, next in {:.0f} s): {}",
                message.id,
                "may have reached" if attempt.is_doubtful else "did not reach",
                name,
                tries,
                wait,
                attempt.error,
            )
            await self._outbox.put_off(message.id, now.wall + wait, attempt.error)

    def _begin(self) -> None:
        self._under_way += 1
        self._idle.clear()

    def _end(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()


def _problem_of(worker: _ChannelWorker, now_mono: float) -> str:
    closed = worker.breaker.state(now_mono) is BreakerState.CLOSED
    return "" if closed else worker.error


def _remember(worker: _ChannelWorker, message_id: str) -> None:
    """Remember it: a store that cannot write would return it again for ever."""
    worker.delivered_ids[message_id] = None
    while len(worker.delivered_ids) > _REMEMBERED:
        del worker.delivered_ids[next(iter(worker.delivered_ids))]


async def _pause(worker: _ChannelWorker, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await worker.wake.wait()
    except TimeoutError:
        return
