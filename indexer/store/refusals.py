"""Why a database refused, as the errors that aisle raises: its disk is full, it may only be read, or anything else."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa

from indexer.errors import RecordError, StoreFull, StoreReadOnly

FULL = (sqlite3.SQLITE_FULL, "53100")
READ_ONLY = (sqlite3.SQLITE_READONLY, "25006")
"""The code of SQLite and the SQLSTATE of PostgreSQL."""


def refusal(store: str, error: sa.exc.DBAPIError) -> RecordError:
    """Return what to raise for an error of the database behind the store of that name; nothing was changed by it."""
    said = f"the record store {store} refuses ({error.orig}) and nothing was changed"
    code = _code(error.orig)
    if code in FULL:
        return StoreFull(f"{said}; make room on the disk that it is on")
    if code in READ_ONLY:
        return StoreReadOnly(f"{said}; let this process write to it")
    return RecordError(f"{said}; check that it is there, can be written to and has room")


def _code(error: BaseException | None) -> int | str | None:
    """Return the primary code of an error of SQLite, or the SQLSTATE of one of PostgreSQL."""
    number = getattr(error, "sqlite_errorcode", None)
    return number & 0xFF if isinstance(number, int) else getattr(error, "sqlstate", None)
