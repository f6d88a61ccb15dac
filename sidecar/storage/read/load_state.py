"""Load the state of the previous process; an unreadable row is set aside."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from loguru import logger

from sidecar.core.incidents.lifecycle import MAX_INCIDENTS
from sidecar.core.model.cause import Cause, RemedyKind
from sidecar.core.model.drill import Drill
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.lane import RemedyStats
from sidecar.core.model.maintenance_task import TaskProgress
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import (
    EfficacyKey,
    EngineStatus,
    OwnNetworkStatus,
    PlannedRestart,
    SettingsStatus,
    State,
)
from sidecar.core.model.target import InstanceId
from sidecar.storage.codec import decode, decode_paused
from sidecar.storage.database import transaction

T = TypeVar("T")

_NEWEST = f"1 ORDER BY id DESC LIMIT {MAX_INCIDENTS}"


class StoredRow(NamedTuple):
    """A stored text and its row: the key's columns with their values."""

    table: str
    key: Mapping[str, object]
    text: str

    @property
    def name(self) -> str:
        """The key's values, for people."""
        return "/".join(map(str, self.key.values()))


class _Rows:
    """Reads rows, and notes the unreadable ones."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.unreadable: list[tuple[StoredRow, str]] = []

    def select(self, table: str, *key: str, where: str = "1") -> list[StoredRow]:
        """Rows of a table; table, columns and condition are constants, never input."""
        query = f"SELECT value, {', '.join(key)} FROM {table} WHERE {where}"  # noqa: S608
        rows = self._connection.execute(query)
        return [StoredRow(table, dict(zip(key, k, strict=True)), v) for v, *k in rows]

    def read(self, row: StoredRow | None, parse: Callable[[StoredRow], T]) -> T | None:
        """The parsed row; None: there is no row, or it is unreadable and noted."""
        try:
            return None if row is None else parse(row)
        except ValueError as error:
            assert row is not None
            self.unreadable.append((row, str(error)))
            return None

    def read_all(
        self, rows: Iterable[StoredRow], parse: Callable[[StoredRow], T]
    ) -> list[T]:
        """The parsed rows, without the unreadable ones."""
        values = (self.read(row, parse) for row in rows)
        return [value for value in values if value is not None]


def load_state(connection: sqlite3.Connection, now_wall: float) -> State | None:
    """The stored state; None: nothing was ever stored. ``started`` is the last save.

    sqlite3.Error.
    """
    rows = _Rows(connection)
    values = {row.name: row for row in rows.select("memory", "name")}
    if not values:
        return None
    saved = rows.read(values.get("clock"), lambda r: decode(r.text, Moment))
    paused = rows.read(values.get("paused"), lambda r: decode_paused(r.text))
    restarts = rows.read(values.get("restarts"), _load_restarts)
    engine_told = rows.read(values.get("engine_told"), lambda r: decode(r.text, bool))
    own_network_told = rows.read(
        values.get("own_network_told"), lambda r: decode(r.text, bool)
    )
    settings_told = rows.read(
        values.get("settings_told"), lambda r: decode(r.text, str)
    )
    plans = rows.read(values.get("plan"), _load_plans)
    tasks = rows.read(values.get("tasks"), _load_tasks)
    drills = rows.read(values.get("drill"), _load_drills)
    incidents = _load_incidents(rows)
    instances = _load_instances(rows, incidents)
    ledger = dict(
        rows.read_all(rows.select("ledger", "target", "cause", "remedy"), _efficacy_row)
    )
    _quarantine_rows(connection, rows.unreadable, now_wall)
    return State(
        started=saved or Moment(0.0, 0.0),
        instances=build_table(instances),
        numbers=MappingProxyType(_numbers(instances)),
        incidents=MappingProxyType(incidents),
        ledger=MappingProxyType(ledger),
        paused=MappingProxyType(paused or {}),
        restarts=restarts or (),
        engine=EngineStatus(is_reported=engine_told or False),
        own_network=OwnNetworkStatus(is_reported=own_network_told or False),
        settings=SettingsStatus(reported_faults=settings_told or ""),
        plan=plans[0] if plans else None,
        drill=drills[0] if drills else None,
        task_progress=MappingProxyType(tasks or {}),
    )


def _load_restarts(row: StoredRow) -> tuple[float, ...]:
    return decode(row.text, tuple[float, ...])


def _load_plans(row: StoredRow) -> tuple[PlannedRestart, ...]:
    return decode(row.text, tuple[PlannedRestart, ...])


def _load_tasks(row: StoredRow) -> dict[str, TaskProgress]:
    return decode(row.text, dict[str, TaskProgress])


def _load_drills(row: StoredRow) -> tuple[Drill, ...]:
    return decode(row.text, tuple[Drill, ...])


def _load_incidents(rows: _Rows) -> dict[str, Incident]:
    """All open incidents and the newest of the others, oldest first."""
    open_rows = rows.select("incidents", "id", where="resolved_wall IS NULL")
    newest_rows = rows.select("incidents", "id", where=_NEWEST)
    rows_by_id = {row.name: row for row in (*open_rows, *newest_rows)}
    ordered = (rows_by_id[incident_id] for incident_id in sorted(rows_by_id))
    loaded = rows.read_all(ordered, lambda row: decode(row.text, Incident))
    return {incident.id: incident for incident in loaded}


def _load_instances(
    rows: _Rows, incidents: Mapping[str, Incident]
) -> dict[InstanceId, Instance]:
    """Instances; one whose incident is unreadable has no incident."""
    instance_rows = rows.select("instances", "target", "number")
    loaded = rows.read_all(instance_rows, lambda row: decode(row.text, Instance))
    return {
        i.id: i if i.incident in incidents else replace(i, incident=None)
        for i in loaded
    }


def _numbers(instances: Iterable[InstanceId]) -> dict[str, tuple[int, ...]]:
    numbers: dict[str, tuple[int, ...]] = {}
    for target, number in sorted(instances):
        numbers[target] = (*numbers.get(target, ()), number)
    return numbers


def _efficacy_row(row: StoredRow) -> tuple[EfficacyKey, RemedyStats]:
    target, cause, remedy = map(str, row.key.values())
    key = EfficacyKey(target, Cause(cause), RemedyKind(remedy))
    return key, decode(row.text, RemedyStats)


def _quarantine_rows(
    connection: sqlite3.Connection,
    unreadable: list[tuple[StoredRow, str]],
    now_wall: float,
) -> None:
    """Move unreadable rows to the table ``set_aside``, and log each."""
    if not unreadable:
        return
    with transaction(connection):
        for row, reason in unreadable:
            logger.error(
                "what was stored of {} {} is unreadable and set aside: {}",
                row.table,
                row.name,
                reason,
            )
            connection.execute(
                "INSERT INTO set_aside VALUES (?, ?, ?, ?, ?)",
                (now_wall, row.table, row.name, row.text, reason),
            )
            condition = " AND ".join(f"{column} = ?" for column in row.key)
            connection.execute(
                f"DELETE FROM {row.table} WHERE {condition}",  # noqa: S608 - words of ours
                tuple(row.key.values()),
            )
