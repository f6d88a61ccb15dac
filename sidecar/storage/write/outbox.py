"""Waiting messages, in memory; every change is written through."""

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from loguru import logger

from sidecar.core.model.cause import Severity
from sidecar.core.model.message import Message, MessageKind
from sidecar.storage.codec import decode
from sidecar.storage.write.batch import DeliveryUpdate, WriteBatch
from sidecar.storage.write.writer import Writer

MOST_WAITING = 1_000
"""Limit of one channel; beyond it the oldest message is given up."""

KNOWN_ENDED = 10_000
ERROR_CHARACTERS = 300


class SqliteOutbox:
    """core.ports.Outbox. If the disk cannot be written, it works from memory."""

    def __init__(
        self, writer: Writer, waiting: Iterable[Message], ended: Iterable[str]
    ) -> None:
        self._writer = writer
        self._waiting = {message.id: message for message in waiting}
        self._ended = OrderedDict.fromkeys(ended)

    def new(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        """Messages that were never taken."""
        return tuple(
            m for m in messages if m.id not in self._waiting and m.id not in self._ended
        )

    async def take(self, messages: Iterable[Message], now_wall: float) -> None:
        """Take stored messages: they are due from now on. Where too many wait for
        one channel, its oldest are given up.
        """
        new_messages = tuple(messages)
        self._waiting.update((message.id, message) for message in new_messages)
        for channel in {message.channel for message in new_messages}:
            for message_id in self._waiting_ids(channel)[:-MOST_WAITING]:
                logger.error("message {} is given up: too many wait", message_id)
                await self.give_up(message_id, now_wall, "too many messages wait")

    async def due(self, channel: str, now_wall: float) -> Message | None:
        """The next message to try: the first undelivered of some incident.

        Of several incidents the most severe message goes first.
        """
        first: dict[str, Message] = {}
        for message in self._waiting.values():
            if message.channel == channel:
                earliest = first.get(message.incident)
                if earliest is None or _order(message) < _order(earliest):
                    first[message.incident] = message
        ready = [m for m in first.values() if m.not_before_wall <= now_wall]
        return min(ready, key=lambda m: (m.severity, *_order(m)), default=None)

    async def list_waiting(self, channel: str) -> tuple[Message, ...]:
        """All undelivered messages, in no order."""
        return tuple(m for m in self._waiting.values() if m.channel == channel)

    async def mark_sending(self, message_id: str, not_before_wall: float) -> None:
        """Note that it is being sent: after a crash it is not due before then."""
        message = self._waiting.get(message_id)
        if message is not None:
            await self._put_off(message, message.attempts, not_before_wall, "")

    async def mark_delivered(self, message_id: str, now_wall: float) -> None:
        """Note its arrival: it is not sent again."""
        message = self._waiting.get(message_id)
        if message is not None:
            await self._mark(message_id, self._end(message, now_wall))

    async def put_off(
        self, message_id: str, not_before_wall: float, error: str
    ) -> None:
        """Count a failed attempt, and try again later."""
        message = self._waiting.get(message_id)
        if message is not None:
            tries = message.attempts + 1
            await self._put_off(message, tries, not_before_wall, error)

    async def _put_off(
        self, message: Message, attempts: int, not_before_wall: float, error: str
    ) -> None:
        self._waiting[message.id] = replace(
            message, attempts=attempts, not_before_wall=not_before_wall
        )
        words = error[:ERROR_CHARACTERS]
        mark = DeliveryUpdate(
            attempts, not_before_wall, None, arrived=False, error=words
        )
        await self._mark(message.id, mark)

    async def give_up(self, message_id: str, now_wall: float, error: str) -> None:
        """End it after a permanent error: the next messages may be sent."""
        message = self._waiting.get(message_id)
        if message is not None:
            await self._mark(message_id, self._end(message, now_wall, error))

    async def abandon(self, channel: str, now_wall: float) -> None:
        """Give up all messages of a channel that no longer exists."""
        for message_id in self._waiting_ids(channel):
            await self.give_up(message_id, now_wall, "the channel is not configured")

    async def count_pending(self) -> dict[str, int]:
        """Number of waiting messages, by channel."""
        counts: dict[str, int] = {}
        for message in self._waiting.values():
            counts[message.channel] = counts.get(message.channel, 0) + 1
        return counts

    def _waiting_ids(self, channel: str) -> list[str]:
        """Ids of the messages that wait for a channel, oldest first."""
        return [m.id for m in self._waiting.values() if m.channel == channel]

    def _end(
        self, message: Message, now_wall: float, error: str = ""
    ) -> DeliveryUpdate:
        """End a message; without an error it has arrived."""
        del self._waiting[message.id]
        self._ended[message.id] = None
        if len(self._ended) > KNOWN_ENDED:
            self._ended.popitem(last=False)
        return DeliveryUpdate(
            message.attempts + 1,
            message.not_before_wall,
            now_wall,
            arrived=not error,
            error=error[:ERROR_CHARACTERS],
        )

    async def _mark(self, message_id: str, mark: DeliveryUpdate) -> None:
        await self._writer.write(WriteBatch(marks={message_id: mark}))


def _order(message: Message) -> tuple[int, float, str]:
    return (message.sequence, message.created_wall, message.id)


def waiting_messages(
    connection: sqlite3.Connection, now_wall: float
) -> tuple[Message, ...]:
    """All undelivered messages, oldest first; an unreadable one is given up."""
    rows = connection.execute(
        "SELECT id, incident, sequence, channel, kind, severity, created_wall, facts,"
        " attempts, not_before_wall FROM outbox WHERE ended_wall IS NULL"
        " ORDER BY created_wall, rowid"
    ).fetchall()
    messages = []
    for row in rows:
        try:
            messages.append(_message(row))
        except ValueError as error:
            logger.error("message {} is unreadable and given up: {}", row[0], error)
            connection.execute(
                "UPDATE outbox SET ended_wall = ?, error = ? WHERE id = ?",
                (now_wall, f"unreadable: {error}", row[0]),
            )
    return tuple(messages)


def _message(
    row: tuple[str, str, int, str, str, str, float, str, int, float],
) -> Message:
    message_id, incident, sequence, channel, kind, severity, created, facts = row[:8]
    return Message(
        message_id,
        incident,
        sequence,
        channel,
        MessageKind(kind),
        Severity(severity),
        created,
        decode(facts, dict[str, str]),
        attempts=row[8],
        not_before_wall=row[9],
    )


def ended_messages(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Ids of the last messages that arrived or were given up, oldest first."""
    rows = connection.execute(
        "SELECT id FROM outbox WHERE ended_wall IS NOT NULL"
        " ORDER BY ended_wall DESC LIMIT ?",
        (KNOWN_ENDED,),
    )
    return tuple(message_id for (message_id,) in rows)[::-1]
