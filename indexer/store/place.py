"""Where the record store of an index is: the SQLite file in its folder, or the database that a setting names."""

from __future__ import annotations

from pathlib import Path

from indexer.settings import StoreSettings
from indexer.store.records import Records

STORE = "records.sqlite"
"""The record store in an index folder."""


def store_of(index: Path) -> Path | str:
    """Return the file or the SQLAlchemy URL of the record store of `index`.

    A store in the folder comes first: the setting is for indexes that have none there.
    """
    inside = index / STORE
    url = StoreSettings().store
    return url if url and not inside.exists() else inside


def open_store(index: Path, *, create: bool = False) -> Records:
    """Open the record store of `index`; raises what `Records.open` raises."""
    return Records.open(store_of(index), create=create)
