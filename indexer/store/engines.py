"""Connections to the database of a record store, SQLite by file or PostgreSQL by address, and how they are set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any
from urllib.parse import quote

import orjson
import sqlalchemy as sa

from indexer.errors import MissingExtra, RecordError, SettingError

BUSY_SECONDS = 30
"""How long a change waits for another process that is writing to the same SQLite file."""

ADVISORY = 0x6169736C65
"""The number of the lock that whoever changes a store on PostgreSQL holds; SQLite's own is as good."""

EXAMPLE = "postgresql://user@host/database"


def connect(where: Path | str) -> sa.Engine:
    """Return what connects to the SQLite file `where`, which may have to be made, or to that SQLAlchemy URL.

    Raises SettingError for a URL of anything but SQLite and PostgreSQL, MissingExtra where its driver is not installed.
    """
    engine = _engine(str(where) if "://" in str(where) else f"sqlite:///{where}")
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


Node = tuple[int, int]
"""What tells a file from another one of the same name: its device and its number there; (0, 0) when there is none."""


def node_of(engine: sa.Engine) -> Node | None:
    """Return what tells the SQLite file of an engine from another one of its name; None for any other database."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return None
    try:
        found = Path(engine.url.database).stat()
    except OSError:
        return (0, 0)
    return found.st_dev, found.st_ino


def take_turn(connection: sa.Connection) -> None:
    """Wait until nobody else changes the store, and keep others waiting until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY)))


def still(engine: sa.Engine) -> sa.Engine:
    """Return an engine whose transactions see one moment.

    Those of SQLite do; on PostgreSQL each statement sees a new one, unless told.
    """
    return engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="REPEATABLE READ")


@contextmanager
def reading(where: Path | str, *, at_rest: bool = False) -> Iterator[sa.Connection]:
    """Yield a connection that sees one moment of a store and changes nothing, not even an old schema.

    at_rest: nobody writes to the SQLite file, so that it can be read from where nothing can be written. Raises
    RecordError when it is not there or cannot be read.
    """
    if "://" in str(where):
        engine = _engine(str(where))
    else:
        still_file = at_rest or _unwritable(Path(where))
        options = "mode=ro&uri=true" + ("&immutable=1" if still_file else "")
        engine = _engine(f"sqlite:///file:{quote(str(where))}?{options}")
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _leave_begin)
        sa.event.listen(engine, "begin", _begin_sqlite)
    try:
        with still(engine).begin() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        name = where if isinstance(where, Path) else engine.url.render_as_string(hide_password=True)
        raise RecordError(f"the record store {name} cannot be read ({error.orig}); check that it is there") from error
    finally:
        engine.dispose()


def _unwritable(file: Path) -> bool:
    """Whether nothing can be written beside a SQLite file, not even what readers of one in use need there."""
    wal = file.with_name(f"{file.name}-wal")
    return not os.access(file.parent, os.W_OK) and not (wal.exists() and wal.stat().st_size)


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:  # its text may hold the password
        raise SettingError(f"the record store's address is no database URL; write it like {EXAMPLE}") from error
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        kind = parsed.get_backend_name()
        raise SettingError(f"a record store is kept in SQLite or PostgreSQL, not in {kind}; write it like {EXAMPLE}")
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        return sa.create_engine(parsed, json_serializer=_json, json_deserializer=orjson.loads)
    except ModuleNotFoundError as error:
        raise MissingExtra("the driver of PostgreSQL", "postgresql") from error


def _set_up_sqlite(connection: SqliteConnection, record: object) -> None:
    _leave_begin(connection, record)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _leave_begin(connection: SqliteConnection, _: object) -> None:
    connection.isolation_level = None  # sqlite3 leaves BEGIN to _begin_sqlite


def _begin_sqlite(connection: sa.Connection) -> None:
    """Take the write lock at once for a change: a read that turns into a write may be refused half-way."""
    changes = connection.get_execution_options().get("aisle_changes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if changes else "BEGIN")


def _json(value: Any) -> str:  # noqa: ANN401 - the signature that SQLAlchemy calls
    return orjson.dumps(value).decode()
