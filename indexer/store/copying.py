"""The record store from one engine to another: into a SQLite file whatever it is in, and from such a file into it.

Every function works inside the transaction of the connection it is given, so that what is copied is one moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import cast

import sqlalchemy as sa

from indexer.errors import RecordError
from indexer.store import schema
from indexer.store.engines import connect
from indexer.store.schema import METADATA, journal, products

STEP_PAGES = 2_048
"""Pages of a SQLite file that are copied between two reports."""
ROWS = 500
"""Rows that are copied at a time."""

Tell = Callable[[int, int], None]
"""Hears how much is done, of how much."""


def to_file(connection: sa.Connection, file: Path, tell: Tell) -> None:
    """Copy the store into a new SQLite file, closed and without a journal beside it."""
    if connection.dialect.name == "sqlite":
        source = cast("sqlite3.Connection", connection.connection.driver_connection)
        with closing(sqlite3.connect(file)) as target:
            # Within the open transaction, so that what others write meanwhile neither shows nor makes it start again.
            source.backup(target, pages=STEP_PAGES, progress=lambda _, left, total: tell(total - left, total))
    else:
        engine = connect(file)
        try:
            with engine.begin() as made:
                from_store(connection, made, tell)
        finally:
            engine.dispose()
    with closing(sqlite3.connect(file)) as target:
        target.execute("PRAGMA journal_mode = DELETE")  # one file that is whole, and can be read from any disk


def from_store(source: sa.Connection, target: sa.Connection, tell: Tell, *, replace: bool = False) -> None:
    """Copy a store, of this schema, row by row into another database.

    Raises RecordError when a store is there already, unless it is to be replaced: then it is lost.
    """
    if schema.is_there(target):
        held = target.scalar(sa.select(sa.func.count()).select_from(journal)) or 0
        if held and not replace:
            raise RecordError(
                f"{target.engine.url.render_as_string(hide_password=True)} holds a record store with {held:,} changes; "
                "name an empty database, or replace it with --force"
            )
        METADATA.drop_all(target)
    METADATA.create_all(target)
    _copy_rows(source, target, tell)
    _keep_numbers(target)


def _copy_rows(source: sa.Connection, target: sa.Connection, tell: Tell) -> None:
    tables = METADATA.sorted_tables
    total = sum(source.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables)
    done = 0
    for table in tables:
        found = source.execute(sa.select(table).execution_options(stream_results=True, yield_per=ROWS))
        for some in found.mappings().partitions():
            target.execute(table.insert(), [dict(row) for row in some])
            done += len(some)
            tell(done, total)


def _keep_numbers(target: sa.Connection) -> None:
    """Let the next product get a key that none ever had, also when those with the highest are deleted."""
    last = target.scalar(sa.select(sa.func.max(journal.c.key))) or 0
    last = max(last, target.scalar(sa.select(sa.func.max(products.c.key))) or 0)
    if target.dialect.name == "sqlite":
        target.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = 'products'")
        target.exec_driver_sql("INSERT INTO sqlite_sequence VALUES ('products', ?)", (last,))
    elif last:
        target.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence("products", "key"), last)))
