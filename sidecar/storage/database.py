"""Open the database file; an unreadable file is set aside, never deleted."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from sidecar.core.ports.storage import StoreUnavailable, StoreUnusable
from sidecar.storage.schema import migrate

T = TypeVar("T")

DATABASE = "sidecar.db"
BUSY_S = 2.0
"""Time that a call waits for a lock, such as that of a person's ``sqlite3``."""

WAL_BYTES = 4 * 1024 * 1024

WHOLE_CHECK_BYTES = 32 * 1024 * 1024
"""A slow disk reads this in one second. In a larger file only _DECISION_TABLES are
checked: monitoring must not wait for a year's journal."""

_DECISION_TABLES = ("memory", "instances", "ledger")
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_DISK_ERRORS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
_PRIMARY_CODE_MASK = 0xFF


class DatabaseCorrupt(Exception):
    """The file is no database, or a damaged one."""


class OpenedDatabase(NamedTuple, Generic[T]):
    """The writing connection, and the content that was read through it at once.

    ``quarantined``: the new path of a file that could not be read.
    """

    connection: sqlite3.Connection
    content: T
    quarantined: Path | None


def open_for_writing(
    path: Path, now_wall: float, read: Callable[[sqlite3.Connection], T]
) -> OpenedDatabase[T]:
    """Open, check, migrate and read; belongs to the thread that calls it.

    StoreUnusable: the disk prevents it. StoreUnavailable: something else does.
    """
    try:
        try:
            return OpenedDatabase(*_open_checked(path, read), None)
        except DatabaseCorrupt:
            quarantined = quarantine(path, now_wall)
            return OpenedDatabase(*_open_checked(path, read), quarantined)
    except (OSError, sqlite3.Error, DatabaseCorrupt) as error:
        raise _kind_of_error(error)(
            f"the store {path} cannot be opened: {error}. Make sure that the disk "
            "has space and that the sidecar's user may write there"
        ) from error


def _kind_of_error(error: Exception) -> type[StoreUnavailable]:
    if not isinstance(error, sqlite3.Error):
        return StoreUnusable
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE_MASK
    return StoreUnusable if code in _DISK_ERRORS else StoreUnavailable


def read_unwritable(path: Path, read: Callable[[sqlite3.Connection], T]) -> T | None:
    """Read a store that cannot be opened for writing; None: it cannot be read.

    Changes that were not yet merged into the file may be missing.
    """
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        try:
            uri = f"{path.as_uri()}?{mode}"
            with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S)) as connection:
                connection.isolation_level = None
                return read(connection)
        except sqlite3.Error:
            continue
    return None


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot change anything; for the thread that calls it."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_S)
    connection.isolation_level = None
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit the whole block, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _open_checked(
    path: Path, read: Callable[[sqlite3.Connection], T]
) -> tuple[sqlite3.Connection, T]:
    """DatabaseCorrupt, also where the file may not be read."""
    if not path.exists():
        _create(path)
    try:
        os.close(os.open(path, os.O_RDWR))
    except (PermissionError, IsADirectoryError) as error:
        raise DatabaseCorrupt(str(error)) from error
    if not path.stat().st_size:
        raise DatabaseCorrupt("the file is empty")
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        _set_up(connection)
        _check(connection, path.stat().st_size)
        migrate(connection)
        content = read(connection)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        connection.close()
        if _is_corrupt(error):
            raise DatabaseCorrupt(str(error)) from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection, content


def _create(path: Path) -> None:
    """Create the file whole or not at all: an empty file counts as damaged."""
    fresh = path.with_name(f"{path.name}.new")
    for suffix in ("", "-wal", "-shm"):
        path.with_name(fresh.name + suffix).unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
        _set_up(connection)
        migrate(connection)
    fresh.replace(path)


def _is_corrupt(error: Exception) -> bool:
    """An error without an SQLite code is Python's own: a text that is no UTF-8."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & _PRIMARY_CODE_MASK in _CORRUPT


def _check(connection: sqlite3.Connection, size: int) -> None:
    """DatabaseCorrupt, or another sqlite3.DatabaseError."""
    for scope in ("1",) if size <= WHOLE_CHECK_BYTES else _DECISION_TABLES:
        (result,) = connection.execute(f"PRAGMA quick_check({scope})").fetchone()
        if result != "ok":
            raise DatabaseCorrupt(result)


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")


def quarantine(path: Path, now_wall: float) -> Path:
    """Give the file and its side files a dated name. OSError."""
    timestamp = datetime.fromtimestamp(now_wall, UTC).strftime("%Y%m%dT%H%M%SZ")
    base = f"{path.name}.corrupt-{timestamp}"
    names = (base if n == 0 else f"{base}-{n}" for n in count())
    free_path = next(path.with_name(n) for n in names if not path.with_name(n).exists())
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(free_path.with_name(free_path.name + suffix))
    return free_path
