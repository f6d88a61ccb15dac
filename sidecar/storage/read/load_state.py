"""The state as a dead process left it. A row that cannot be read is set aside."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from loguru import logger

from sidecar.core.incidents.lifecycle import KEPT_INCIDENTS
from sidecar.core.model.cause import Cause, RemedyKind
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import RemedyStats
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

_NEWEST = f"1 ORDER BY id DESC LIMIT {KEPT_INCIDENTS}"


class StoredRow(NamedTuple):
    """A text and the row that holds it: the key's columns with their values."""

    table: str
    key: Mapping[str, object]
    text: str

    @property
    def name(self) -> str:
        """The key's values, for people."""
        return "/".join(map(str, self.key.values()))


class _Rows:
    """Reads rows; notes those that it cannot."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.bad: list[tuple[StoredRow, str]] = []

    def of(self, table: str, *key: str, where: str = "1") -> list[StoredRow]:
        """Table, columns and condition are words of ours, never input."""
        query = f"SELECT value, {', '.join(key)} FROM {table} WHERE {where}"  # noqa: S608
        found = self._connection.execute(query)
        return [StoredRow(table, dict(zip(key, k, strict=True)), v) for v, *k in found]

    def read(self, row: StoredRow | None, parse: Callable[[StoredRow], T]) -> T | None:
        """None: there is none, or it is unreadable and noted."""
        try:
            return None if row is None else parse(row)
        except ValueError as error:
            assert row is not None
            self.bad.append((row, str(error)))
            return None

    def read_all(
        self, rows: Iterable[StoredRow], parse: Callable[[StoredRow], T]
    ) -> list[T]:
        """Those that could be read."""
        found = (self.read(row, parse) for row in rows)
        return [one for one in found if one is not None]


def load_state(connection: sqlite3.Connection, now_wall: float) -> State | None:
    """None where nothing was ever stored. ``started`` is when it was last saved.

    sqlite3.Error.
    """
    rows = _Rows(connection)
    values = {row.name: row for row in rows.of("memory", "name")}
    if not values:
        return None
    saved = rows.read(values.get("clock"), lambda r: decode(r.text, Moment))
    paused = rows.read(values.get("paused"), lambda r: decode_paused(r.text))
    restarts = rows.read(values.get("restarts"), _load_restarts)
    told = rows.read(values.get("engine_told"), lambda r: decode(r.text, bool))
    unreached = rows.read(
        values.get("own_network_told"), lambda r: decode(r.text, bool)
    )
    heard = rows.read(values.get("settings_told"), lambda r: decode(r.text, str))
    plans = rows.read(values.get("plan"), _load_plans)
    incidents = _load_incidents(rows)
    instances = _load_instances(rows, incidents)
    ledger = dict(
        rows.read_all(rows.of("ledger", "target", "cause", "remedy"), _efficacy_row)
    )
    _quarantine_row(connection, rows.bad, now_wall)
    return State(
        started=saved or Moment(0.0, 0.0),
        instances=MappingProxyType(instances),
        numbers=MappingProxyType(_numbers(instances)),
        incidents=MappingProxyType(incidents),
        ledger=MappingProxyType(ledger),
        paused=MappingProxyType(paused or {}),
        restarts=restarts or (),
        engine=EngineStatus(told=told or False),
        own_network=OwnNetworkStatus(told=unreached or False),
        settings=SettingsStatus(told=heard or ""),
        plan=plans[0] if plans else None,
    )


def _load_restarts(row: StoredRow) -> tuple[float, ...]:
    return decode(row.text, tuple[float, ...])


def _load_plans(row: StoredRow) -> tuple[PlannedRestart, ...]:
    return decode(row.text, tuple[PlannedRestart, ...])


def _load_incidents(rows: _Rows) -> dict[str, Incident]:
    """All open ones and the newest of the others, oldest first."""
    still_open = rows.of("incidents", "id", where="resolved_wall IS NULL")
    newest = rows.of("incidents", "id", where=_NEWEST)
    found = {row.name: row for row in (*still_open, *newest)}
    ordered = (found[which] for which in sorted(found))
    read = rows.read_all(ordered, lambda row: decode(row.text, Incident))
    return {incident.id: incident for incident in read}


def _load_instances(
    rows: _Rows, incidents: Mapping[str, Incident]
) -> dict[InstanceId, Instance]:
    """One whose incident could not be read has none."""
    found = rows.of("instances", "target", "number")
    read = rows.read_all(found, lambda row: decode(row.text, Instance))
    return {
        i.id: i if i.incident in incidents else replace(i, incident=None) for i in read
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


def _quarantine_row(
    connection: sqlite3.Connection, bad: list[tuple[StoredRow, str]], now_wall: float
) -> None:
    """Keep the text of what could not be read, out of the way, and say so."""
    if not bad:
        return
    with transaction(connection):
        for row, why in bad:
            logger.error(
                "what was stored of {} {} is unreadable and set aside: {}",
                row.table,
                row.name,
                why,
            )
            connection.execute(
                "INSERT INTO set_aside VALUES (?, ?, ?, ?, ?)",
                (now_wall, row.table, row.name, row.text, why),
            )
            same = " AND ".join(f"{column} = ?" for column in row.key)
            connection.execute(
                f"DELETE FROM {row.table} WHERE {same}",  # noqa: S608 - words of ours
                tuple(row.key.values()),
            )
