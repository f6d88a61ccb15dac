"""Messages wait until they have arrived, in order, across our own restarts."""

import sqlite3
from pathlib import Path

from sidecar.core.model.cause import Severity
from sidecar.core.model.event import Tick
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.step_result import StepResult
from sidecar.storage.database import DATABASE, open_for_writing
from sidecar.storage.store import SqliteStore
from sidecar.storage.write import outbox
from sidecar.storage.write.batch import DeliveryUpdate, WriteBatch
from sidecar.storage.write.insert import insert_batch
from sidecar.storage.write.outbox import waiting_messages
from tests.support.stored_world import StoredWorld, change, look, message, opened

LATE = 2e9


async def send(store: SqliteStore, *messages: Message) -> None:
    world = StoredWorld()
    await store.append(StepResult(Tick(world.now), (), (), (), world.state, messages))


async def drained(store: SqliteStore, channel: str = "ops") -> list[str]:
    """Deliver everything; the ids in the order in which they were due."""
    seen = []
    while (due := await store.outbox.due(channel, LATE)) is not None:
        await store.outbox.delivered(due.id, LATE)
        seen.append(due.id)
    return seen


async def test_a_message_waits_across_a_restart_until_it_has_arrived(
    tmp_path: Path,
) -> None:
    sent = message(1, kind=MessageKind.RAISED, attempts=2, not_before_wall=7.0)
    async with opened(tmp_path) as store:
        await send(store, sent, message(2, channel="phone"))
    async with opened(tmp_path) as store:
        assert await store.outbox.pending() == {"ops": 1, "phone": 1}
        assert await store.outbox.due("ops", 6.9) is None
        assert await store.outbox.due("ops", 7.0) == sent
        await store.outbox.delivered("m1", 8.0)
        assert await store.outbox.due("ops", LATE) is None
    async with opened(tmp_path) as store:
        assert await store.outbox.pending() == {"phone": 1}
        assert await drained(store) == []
    ended = "SELECT id, attempts, ended_wall, arrived FROM outbox ORDER BY id"
    assert look(tmp_path, ended) == [("m1", 3, 8.0, 1), ("m2", 0, None, 0)]


async def test_a_message_is_due_only_once_it_is_stored(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await send(store, message(1))
        assert look(tmp_path, "SELECT id FROM outbox") == [("m1",)]
        assert await drained(store) == ["m1"]


async def test_the_same_message_is_taken_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await send(store, message(1), message(1))
        await send(store, message(1))
        assert await drained(store) == ["m1"]
        await send(store, message(1))
        assert await drained(store) == []
    async with opened(tmp_path) as store:
        await send(store, message(1))
        assert await drained(store) == []
    assert look(tmp_path, "SELECT arrived FROM outbox") == [(1,)]


def waiting_at_nine(connection: sqlite3.Connection) -> tuple[Message, ...]:
    return waiting_messages(connection, 9.0)


def test_a_message_that_is_stored_is_never_overwritten(tmp_path: Path) -> None:
    """Its end may be older than what is remembered of ended ones."""
    connection, _, _ = open_for_writing(tmp_path / DATABASE, 0.0, waiting_at_nine)
    mark = DeliveryUpdate(1, 0.0, 5.0, arrived=True, error="")
    insert_batch(
        connection, WriteBatch(messages={"m1": message(1)}, marks={"m1": mark})
    )
    insert_batch(connection, WriteBatch(messages={"m1": message(1)}))
    assert waiting_at_nine(connection) == ()
    connection.close()


async def test_of_one_incident_the_order_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await send(store, message(3), message(1), message(2))
        await store.outbox.put_off("m1", LATE + 1, "no route")
        assert await store.outbox.due("ops", LATE) is None
        assert await store.outbox.due("ops", LATE + 1) is not None
        await send(store, message(9, incident="i2"))
        assert await drained(store) == ["m9"]
        await store.outbox.given_up("m1", LATE, "no such user")
        assert await drained(store) == ["m2", "m3"]
    rows = "SELECT arrived, attempts, error FROM outbox WHERE id = 'm1'"
    assert look(tmp_path, rows) == [(0, 2, "no such user")]


async def test_the_most_severe_incident_goes_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await send(
            store,
            message(1, incident="a", severity=Severity.P2),
            message(2, incident="b", severity=Severity.P0),
            message(3, incident="c", severity=Severity.P1),
            message(4, incident="d", severity=Severity.P1),
        )
        assert await drained(store) == ["m2", "m3", "m4", "m1"]


async def test_what_was_put_off_stays_so_across_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await send(store, message(1))
        await store.outbox.put_off("m1", 100.0, "timeout " * 100)
        await store.outbox.put_off("m1", 200.0, "half a \ud800 surrogate")
    async with opened(tmp_path) as store:
        assert await store.outbox.due("ops", 199.0) is None
        due = await store.outbox.due("ops", 200.0)
    assert due == message(1, attempts=2, not_before_wall=200.0)
    assert look(tmp_path, "SELECT error FROM outbox") == [("half a ? surrogate",)]


async def test_what_is_being_sent_is_not_due_to_a_successor_before_its_time(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as store:
        await send(store, message(1), message(2, channel="phone"))
        await store.outbox.begun("m1", 150.0)
    async with opened(tmp_path) as store:
        assert await store.outbox.due("ops", 149.0) is None
        due = await store.outbox.due("ops", 150.0)
        assert await store.outbox.waiting("ops") == (due,)
    assert due == message(1, not_before_wall=150.0)


async def test_nothing_happens_to_an_unknown_message(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.outbox.begun("x", 1.0)
        await store.outbox.delivered("x", 1.0)
        await store.outbox.put_off("x", 1.0, "")
        await store.outbox.given_up("x", 1.0, "")
    assert look(tmp_path, "SELECT * FROM outbox") == []


async def test_an_unreadable_message_does_not_keep_the_others(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await send(store, message(1), message(2), message(3))
    change(tmp_path, "UPDATE outbox SET facts = '[' WHERE id = 'm1'")
    change(tmp_path, "UPDATE outbox SET kind = 'of the future' WHERE id = 'm2'")
    async with opened(tmp_path) as store:
        assert await drained(store) == ["m3"]
    (row,) = look(tmp_path, "SELECT facts, arrived, error FROM outbox WHERE id = 'm1'")
    assert row[:2] == ("[", 0)
    assert "unreadable" in str(row[2])


async def test_too_many_push_out_the_oldest(tmp_path: Path) -> None:
    many = outbox.MOST_WAITING + 3
    async with opened(tmp_path) as store:
        await send(store, message(many, channel="phone"))
        await send(store, *(message(n) for n in range(many)))
        waiting = {"ops": outbox.MOST_WAITING, "phone": 1}
        assert await store.outbox.pending() == waiting
        due = await store.outbox.due("ops", LATE)
        assert due is not None
        assert due.id == "m3"
    gone = "SELECT id FROM outbox WHERE ended_wall IS NOT NULL ORDER BY id"
    assert look(tmp_path, gone) == [("m0",), ("m1",), ("m2",)]


async def test_what_waits_for_a_channel_that_is_gone_is_given_up(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as store:
        await send(store, message(1), message(2, channel="fax"))
        await store.outbox.abandon("fax", 7.0)
        assert await store.outbox.pending() == {"ops": 1}
    gone = "SELECT id, ended_wall, arrived FROM outbox WHERE ended_wall IS NOT NULL"
    assert look(tmp_path, gone) == [("m2", 7.0, 0)]
