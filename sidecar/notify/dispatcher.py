"""Carries the outbox out: one worker per channel, none waits for another."""

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
MAX_AGE_S = 86_400.0
"""Older news helps nobody, and a dead channel must not hoard."""
AT_ONCE = 2
"""Each message of an Apprise channel is a process of some 50 MB while it is sent."""
_REMEMBERED = 1000

OnAttempt = Callable[[str, DeliveryStatus], None]


@dataclass(slots=True)
class _ChannelWorker:
    """One channel's worker. ``done`` are messages delivered, the last ones."""

    channel: Channel
    breaker: CircuitBreaker = CircuitBreaker()
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    done: dict[str, None] = field(default_factory=dict)
    error: str = ""


class UnknownChannel(LookupError):
    """There is no channel of that name."""


class Dispatcher:
    """Delivers each stored message at least once, an incident's in their order, with
    the facts of the moment. What is over by then is not sent: its end is.

    Killed between a send and its record, it sends that one message again, with
    the same id; to a receiver that does not know a repeat only after the time that
    the first may take. ``on_attempt`` hears of every try by channel.
    """

    def __init__(
        self,
        outbox: Outbox,
        channels: Iterable[Channel],
        clock: Clock,
        on_attempt: OnAttempt,
        news: CurrentIncidents,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._on_attempt = on_attempt
        self._news = news
        self._deadline_s = deadline_s
        self._lines = {channel.name: _ChannelWorker(channel) for channel in channels}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._draining = False
        self._under_way = 0
        self._still = asyncio.Event()
        self._still.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        await self._abandon_strangers()
        async with asyncio.TaskGroup() as tasks:
            for line in self._lines.values():
                tasks.create_task(self._serve(line))

    async def _abandon_strangers(self) -> None:
        """What waits for a channel that was taken out of the configuration."""
        for name in (await self._outbox.pending()).keys() - self._lines.keys():
            logger.warning("{} is not configured any more: nothing is sent there", name)
            await self._outbox.abandon(name, self._clock.now().wall)

    def nudge(self) -> None:
        """New messages were stored: look now."""
        for line in self._lines.values():
            line.wake.set()

    async def drain(self, within_s: float) -> None:
        """Begin nothing more, and let what is being sent be recorded."""
        self._draining = True
        try:
            async with asyncio.timeout(within_s):
                await self._still.wait()
        except TimeoutError:
            logger.warning("a message was still being sent; it may come twice")

    async def test(self, name: str) -> str:
        """Send a test message past the outbox; what went wrong, or nothing.

        UnknownChannel, for a hook too: a hook would act.
        """
        line = self._lines.get(name)
        if line is None or name.startswith(HOOK_PREFIX):
            raise UnknownChannel(name)
        now = self._clock.now().wall
        number = f"test-{int(now * 1000)}-{name}"
        message = Message(
            number, number, 1, name, MessageKind.TEST, Severity.P3, created_wall=now
        )
        try:
            async with asyncio.timeout(TEST_DEADLINE_S):
                return (await self._try(line, message)).error
        except TimeoutError:
            return f"no end within {TEST_DEADLINE_S:g} s"

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of those it delivers to, hooks included."""
        return tuple(self._lines)

    def components(self) -> tuple[Component, ...]:
        """Of each channel: can people be told there?"""
        now = self._clock.now()
        return tuple(
            Component(f"notify {name}", not error, error, now.wall)
            for name, line in self._lines.items()
            for error in (_problem_of(line, now.mono),)
        )

    async def _serve(self, line: _ChannelWorker) -> None:
        while True:
            line.wake.clear()
            try:
                pause_s = await self._step(line)
            except Exception:  # noqa: BLE001  one message must not end the telling
                logger.exception("the outbox of {} is in trouble", line.channel.name)
                pause_s = TROUBLE_S
            if pause_s > 0.0:
                await _pause(line, pause_s)

    async def _step(self, line: _ChannelWorker) -> float:
        """Try one message; the seconds until it makes sense to look again."""
        now = self._clock.now()
        shut_s = line.breaker.wait_s(now.mono)
        if shut_s > 0.0 or self._draining:
            return shut_s or IDLE_S
        await self._leave_out(line.channel.name, now.wall)
        message = await self._outbox.due(line.channel.name, now.wall)
        if message is None:
            return IDLE_S
        if message.id in line.done:
            await self._outbox.delivered(message.id, now.wall)
            return IDLE_S
        self._begin()
        try:
            await self._settle(line, message, await self._attempt(line, message))
        finally:
            self._end()
        return 0.0

    async def _leave_out(self, name: str, now_wall: float) -> None:
        """What is over holds nothing up: neither its own end nor its channel."""
        for message in self._news.over(await self._outbox.waiting(name)):
            told = logger.bind(incident=message.incident, channel=name)
            told.info("message {} is not sent to {}: it is over", message.id, name)
            await self._outbox.given_up(message.id, now_wall, "it was over by then")

    async def _attempt(self, line: _ChannelWorker, message: Message) -> DeliveryResult:
        now = self._clock.now()
        if now.wall - message.created_wall > MAX_AGE_S:
            return permanent_failure(f"not delivered within {MAX_AGE_S / 3600:.0f} h")
        line.breaker = line.breaker.called(now.mono)
        attempt = await self._try(line, self._news.as_of_now(message))
        if attempt.delivery is DeliveryStatus.FAILED:
            line.breaker = line.breaker.failed(self._clock.now().mono)
            line.error = attempt.error
        else:
            line.breaker = line.breaker.succeeded()
        return attempt

    async def _try(self, line: _ChannelWorker, message: Message) -> DeliveryResult:
        """The deadline counts from the send; waiting for a slot costs nothing."""
        async with self._slots:
            if not line.channel.knows_repeats:
                now_wall = self._clock.now().wall
                until_wall = now_wall + self._deadline_s + DOUBT_WAIT_S
                await self._outbox.begun(message.id, until_wall)
            try:
                async with asyncio.timeout(self._deadline_s):
                    return await line.channel.send(message)
            except TimeoutError:
                return doubtful_failure(f"no end within {self._deadline_s:g} s")
            except Exception as error:  # noqa: BLE001  one message must not hold up all
                logger.exception("message {} could not be sent", message.id)
                return temporary_failure(f"{type(error).__name__}: see Sidecar's log")

    async def _settle(
        self, line: _ChannelWorker, message: Message, attempt: DeliveryResult
    ) -> None:
        """Record it, and say what went wrong."""
        name, now = line.channel.name, self._clock.now()
        told = logger.bind(incident=message.incident, channel=name)
        self._on_attempt(name, attempt.delivery)
        if attempt.delivery is DeliveryStatus.DELIVERED:
            _remember(line, message.id)
            await self._outbox.delivered(message.id, now.wall)
        elif attempt.delivery is DeliveryStatus.GIVEN_UP:
            told.error(
                "message {} will never reach {}: {}", message.id, name, attempt.error
            )
            await self._outbox.given_up(message.id, now.wall, attempt.error)
        else:
            tries = message.attempts + 1
            repeats = line.channel.knows_repeats
            wait = wait_s(message.id, tries, attempt, repeats=repeats)
            told.warning(
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
        self._still.clear()

    def _end(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._still.set()


def _problem_of(line: _ChannelWorker, now_mono: float) -> str:
    closed = line.breaker.state(now_mono) is BreakerState.CLOSED
    return "" if closed else line.error


def _remember(line: _ChannelWorker, message_id: str) -> None:
    """A store that cannot write would hand out the same message for ever."""
    line.done[message_id] = None
    while len(line.done) > _REMEMBERED:
        del line.done[next(iter(line.done))]


async def _pause(line: _ChannelWorker, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await line.wake.wait()
    except TimeoutError:
        return
