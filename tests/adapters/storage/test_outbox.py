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
from tests.support.stored_world import (
    StoredWorld,
    change_database,
    message,
    open_test_store,
    query_database,
)

LATE = 2e9


async def send(store: SqliteStore, *messages: Message) -> None:
    world = StoredWorld()
    await store.append(StepResult(Tick(world.now), (), (), (), world.state, messages))


async def deliver_all(store: SqliteStore, channel: str = "ops") -> list[str]:
    """Deliver every message; return the ids in the order in which they were due."""
    ids = []
    while (due := await store.outbox.due(channel, LATE)) is not None:
        await store.outbox.mark_delivered(due.id, LATE)
        ids.append(due.id)
    return ids


async def test_a_message_waits_across_a_restart_until_it_has_arrived(
    tmp_path: Path,
) -> None:
    raised = message(1, kind=MessageKind.RAISED, attempts=2, not_before_wall=7.0)
    async with open_test_store(tmp_path) as store:
        await send(store, raised, message(2, channel="phone"))
    async with open_test_store(tmp_path) as store:
        assert await store.outbox.count_pending() == {"ops": 1, "phone": 1}
        assert await store.outbox.due("ops", 6.9) is None
        assert await store.outbox.due("ops", 7.0) == raised
        await store.outbox.mark_delivered("m1", 8.0)
        assert await store.outbox.due("ops", LATE) is None
    async with open_test_store(tmp_path) as store:
        assert await store.outbox.count_pending() == {"phone": 1}
        assert await deliver_all(store) == []
    ended = "SELECT id, attempts, ended_wall, arrived FROM outbox ORDER BY id"
    assert query_database(tmp_path, ended) == [("m1", 3, 8.0, 1), ("m2", 0, None, 0)]


async def test_a_message_is_due_only_once_it_is_stored(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as store:
        await send(store, message(1))
        assert query_database(tmp_path, "SELECT id FROM outbox") == [("m1",)]
        assert await deliver_all(store) == ["m1"]


async def test_same_message_is_stored_once(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as store:
        await send(store, message(1), message(1))
        await send(store, message(1))
        assert await deliver_all(store) == ["m1"]
        await send(store, message(1))
        assert await deliver_all(store) == []
    async with open_test_store(tmp_path) as store:
        await send(store, message(1))
        assert await deliver_all(store) == []
    assert query_database(tmp_path, "SELECT arrived FROM outbox") == [(1,)]


def waiting_at_nine(connection: sqlite3.Connection) -> tuple[Message, ...]:
    return waiting_messages(connection, 9.0)


def test_a_message_that_is_stored_is_never_overwritten(tmp_path: Path) -> None:
    """Its end may be older than the ended messages kept in memory."""
    connection, _, _ = open_for_writing(tmp_path / DATABASE, 0.0, waiting_at_nine)
    mark = DeliveryUpdate(1, 0.0, 5.0, arrived=True, error="")
    insert_batch(
        connection, WriteBatch(messages={"m1": message(1)}, marks={"m1": mark})
    )
    insert_batch(connection, WriteBatch(messages={"m1": message(1)}))
    assert waiting_at_nine(connection) == ()
    connection.close()


async def test_messages_of_one_incident_keep_their_order(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as store:
        await send(store, message(3), message(1), message(2))
        await store.outbox.put_off("m1", LATE + 1, "no route")
        assert await store.outbox.due("ops", LATE) is None
        assert await store.outbox.due("ops", LATE + 1) is not None
        await send(store, message(9, incident="i2"))
        assert await deliver_all(store) == ["m9"]
        await store.outbox.give_up("m1", LATE, "no such user")
        assert await deliver_all(store) == ["m2", "m3"]
    rows = "SELECT arrived, attempts, error FROM outbox WHERE id = 'm1'"
    assert query_database(tmp_path, rows) == [(0, 2, "no such user")]


async def test_the_most_severe_incident_goes_first(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as store:
        await send(
            store,
            message(1, incident="a", severity=Severity.P2),
            message(2, incident="b", severity=Severity.P0),
            message(3, incident="c", severity=Severity.P1),
            message(4, incident="d", severity=Severity.P1),
        )
        assert await deliver_all(store) == ["m2", "m3", "m4", "m1"]


async def test_put_off_message_stays_put_off_across_a_restart(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as store:
        await send(store, message(1))
        await store.outbox.put_off("m1", 100.0, "timeout " * 100)
        await store.outbox.put_off("m1", 200.0, "half a \ud800 surrogate")
    async with open_test_store(tmp_path) as store:
        assert await store.outbox.due("ops", 199.0) is None
        due = await store.outbox.due("ops", 200.0)
    assert due == message(1, attempts=2, not_before_wall=200.0)
    assert query_database(tmp_path, "SELECT error FROM outbox") == [
        ("half a ? surrogate",)
    ]


async def test_message_in_delivery_is_due_at_its_time_after_a_restart(
    tmp_path: Path,
) -> None:
    async with open_test_store(tmp_path) as store:
        await send(store, message(1), message(2, channel="phone"))
        await store.outbox.mark_sending("m1", 150.0)
    async with open_test_store(tmp_path) as store:
        assert await store.outbox.due("ops", 149.0) is None
        due = await store.outbox.due("ops", 150.0)
        assert await store.outbox.list_waiting("ops") == (due,)
    assert due == message(1, not_before_wall=150.0)


async def test_update_of_an_unknown_message_is_ignored(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as store:
        await store.outbox.mark_sending("x", 1.0)
        await store.outbox.mark_delivered("x", 1.0)
        await store.outbox.put_off("x", 1.0, "")
        await store.outbox.give_up("x", 1.0, "")
    assert query_database(tmp_path, "SELECT * FROM outbox") == []


async def test_an_unreadable_message_does_not_keep_the_others(tmp_path: Path) -> None:
    async with open_test_store(tmp_path) as store:
        await send(store, message(1), message(2), message(3))
    change_database(tmp_path, "UPDATE outbox SET facts = '[' WHERE id = 'm1'")
    change_database(
        tmp_path, "UPDATE outbox SET kind = 'of the future' WHERE id = 'm2'"
    )
    async with open_test_store(tmp_path) as store:
        assert await deliver_all(store) == ["m3"]
    (row,) = query_database(
        tmp_path, "SELECT facts, arrived, error FROM outbox WHERE id = 'm1'"
    )
    assert row[:2] == ("[", 0)
    assert "unreadable" in str(row[2])


async def test_full_outbox_gives_up_the_oldest_messages(tmp_path: Path) -> None:
    many = outbox.MOST_WAITING + 3
    async with open_test_store(tmp_path) as store:
        await send(store, message(many, channel="phone"))
        await send(store, *(message(n) for n in range(many)))
        waiting = {"ops": outbox.MOST_WAITING, "phone": 1}
        assert await store.outbox.count_pending() == waiting
        due = await store.outbox.due("ops", LATE)
        assert due is not None
        assert due.id == "m3"
    query = "SELECT id FROM outbox WHERE ended_wall IS NOT NULL ORDER BY id"
    assert query_database(tmp_path, query) == [("m0",), ("m1",), ("m2",)]


async def test_message_of_a_removed_channel_is_given_up(
    tmp_path: Path,
) -> None:
    async with open_test_store(tmp_path) as store:
        await send(store, message(1), message(2, channel="fax"))
        await store.outbox.abandon("fax", 7.0)
        assert await store.outbox.count_pending() == {"ops": 1}
    query = "SELECT id, ended_wall, arrived FROM outbox WHERE ended_wall IS NOT NULL"
    assert query_database(tmp_path, query) == [("m2", 7.0, 0)]
